#!/usr/bin/env bash
# Makes sure that what the build needs is there: a BPF-capable clang, libelf, zlib, pkg-config.
# Installs it with apt where that exists, says what to install elsewhere.
set -euo pipefail

missing=()
have_clang() { command -v "${CLANG:-clang-19}" >/dev/null || command -v clang-19 >/dev/null; }
have_clang || missing+=(clang-19)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v cc >/dev/null || missing+=(gcc)
command -v make >/dev/null || missing+=(make)
pkg-config --exists libelf 2>/dev/null || [ -e /usr/include/libelf.h ] || missing+=(libelf-dev)
pkg-config --exists zlib 2>/dev/null || [ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)

if ! command -v cargo >/dev/null; then
  echo "cargo is missing: install Rust 1.88 or later (rustup.rs)" >&2
  exit 1
fi
[ "${#missing[@]}" -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  cat >&2 <<EOF
Missing: ${missing[*]}
Install a clang of version 16 or later with the BPF target, the headers of libelf and zlib, and
pkg-config; for example:
  Fedora:   dnf install clang elfutils-libelf-devel zlib-devel pkgconf-pkg-config gcc make
  Arch:     pacman -S clang libelf zlib pkgconf gcc make
  openSUSE: zypper install clang libelf-devel zlib-devel pkg-config gcc make
A clang of another name is used with CLANG=/path/to/clang.
EOF
  exit 1
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Missing: ${missing[*]} (install them as root)" >&2; exit 1; }
  sudo=sudo
fi
echo "installing: ${missing[*]}"
$sudo apt-get update -qq
# Debian 12 and Ubuntu 24.04 have clang-19; older releases carry another version.
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
