#!/usr/bin/env bash
# Builds the Debian package: target/debian/peregrine_VERSION_ARCH.deb
# Manual pages and completions are written by the binary itself, so it is built first, unless
# PEREGRINE_BUILT says that it was.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-deb >/dev/null || { echo "cargo-deb is missing: cargo install cargo-deb" >&2; exit 1; }

scripts/deps.sh
[ -n "${PEREGRINE_BUILT:-}" ] || cargo build --release --locked --bin peregrine
release=${CARGO_TARGET_DIR:-target}/release
generated=$release/package
rm -rf "$generated" && mkdir -p "$generated/man"
"$release/peregrine" man "$generated/man"
gzip -9n "$generated"/man/*
for shell in bash zsh fish; do
  "$release/peregrine" completions "$shell" >"$generated/peregrine.$shell"
done
cargo deb --no-build -p peregrine "$@"
