#!/usr/bin/env bash
# Runs fuzz targets, each for some seconds: scripts/fuzz.sh SECONDS [TARGET…]. Without targets all.
# Builds as cargo-fuzz would, so that it is not needed: coverage counters and AddressSanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  targets=(reader converter writer record filter rules)
fi
host=$(rustc +nightly -vV | sed -n 's/^host: //p') || {
  echo "fuzzing needs a nightly compiler: rustup toolchain install nightly" >&2
  exit 1
}
out=${CARGO_TARGET_DIR:-target}/fuzz
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address --cfg fuzzing \
  -Ccodegen-units=1 -Cdebug-assertions"
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
CARGO_TARGET_DIR=$out cargo +nightly build --quiet --release --target "$host" \
  --manifest-path fuzz/Cargo.toml "${bins[@]}"
for target in "${targets[@]}"; do
  mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=8192
    -print_final_stats=1 -artifact_prefix="fuzz/artifacts/$target/")
  if [ -e "fuzz/dictionaries/$target.dict" ]; then
    options+=(-dict="fuzz/dictionaries/$target.dict")
  fi
  seeds=fuzz/seeds/$target
  [ "$target" != writer ] || seeds=fuzz/seeds/reader # captures, too
  echo "== $target"
  "$out/$host/release/$target" "${options[@]}" "fuzz/corpus/$target" "$seeds" 2>&1 |
    grep -E '^(stat::|==|SUMMARY|ERROR|thread|artifact)|panicked|Done' || true
  if compgen -G "fuzz/artifacts/$target/*" >/dev/null; then
    echo "$target: inputs that fail are in fuzz/artifacts/$target" >&2
    exit 1
  fi
done
