#!/usr/bin/env bash
# Fetches the cloud kernel of a Debian suite with apt and prints where its image is; its modules lie
# in the same folder of the cache, ${PEREGRINE_VM_CACHE:-target/vm}/SUITE.
#
#   scripts/vm-kernel.sh SUITE      bullseye 5.10, bookworm 6.1, trixie 6.12, sid
set -euo pipefail
suite=${1:?suite}
cache=${PEREGRINE_VM_CACHE:-$(cd "$(dirname "$0")/.." && pwd)/target/vm}
dir=$cache/$suite
if [ -z "$(find "$dir" -name 'vmlinuz*' -size +1M 2>/dev/null)" ]; then
  mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial"
  # One of the two may not be there, which makes grep fail.
  uri=$(grep -rhoE '(^URIs: |^deb (\[[^]]*\] )?)[a-z]+://[^ ]*/debian/?( |$)' \
    /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE '[a-z]+://[^ ]+' | sed -n 1p || true)
  [ -n "$uri" ] || { echo "no Debian mirror in /etc/apt/sources*" >&2; exit 1; }
  echo "deb [trusted=yes] $uri $suite main" >"$dir/apt/sources.list"
  apt=(apt-get -qq -o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=-
    -o Dir::State::lists="$dir/apt/lists" -o Dir::Cache="$dir/apt" -o APT::Sandbox::User=root)
  "${apt[@]}" update >&2
  case $suite in sid) pattern='^linux-binary-[0-9.+a-z]*-cloud-amd64$' ;; *) pattern='^linux-image-[0-9][^ ]*-cloud-amd64$' ;; esac
  name=$(apt-cache -o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$dir/apt/lists" -o Dir::Cache="$dir/apt" search --names-only "$pattern" | awk '{print $1}' | grep -v dbg | sort -V | tail -1)
  [ -n "$name" ] || { echo "no kernel package in $suite" >&2; exit 1; }
  (cd "$dir" && "${apt[@]}" download "$name" >&2 && dpkg-deb -x ./*.deb . && rm -rf ./*.deb apt)
fi
find "$dir" -name 'vmlinuz*' -size +1M | sort -V | tail -1
