#!/usr/bin/env bash
# Builds the Debian package: target/debian/peregrine_VERSION_ARCH.deb
# Manual pages and completions are written by the binary itself, so it is built first.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-deb >/dev/null || { echo "cargo-deb is missing: cargo install cargo-deb" >&2; exit 1; }

scripts/deps.sh
cargo build --release --locked --bin peregrine
target=${CARGO_TARGET_DIR:-target}
generated=target/package
rm -rf "$generated" && mkdir -p "$generated/man" "$generated/completions"
"$target/release/peregrine" man "$generated/man"
gzip -9n "$generated"/man/*
for shell in bash zsh fish; do
  "$target/release/peregrine" completions "$shell" >"$generated/completions/peregrine.$shell"
done
cargo deb --no-build -p peregrine "$@"
