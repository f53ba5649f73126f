#!/usr/bin/env bash
# Runs the multi-threaded tests of the engine under ThreadSanitizer; with --selftest checks that the
# sanitizer would report a race in our code (one is compiled in, see crates/probe/src/flag.rs).
#
# A toolchain of rustup has the sanitizer's runtime, also a stable one (RUSTC_BOOTSTRAP lets it take
# the option); that of a distribution has not: then this says so and ends well.
# The standard library is not instrumented (that needs its sources): reports from within it are
# suppressed in scripts/tsan.supp.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(rustc -vV | sed -n 's/^host: //p')
runtime=$(ls "$(rustc --print sysroot)/lib/rustlib/$target/lib/"librustc*_rt.tsan.a 2>/dev/null | head -1 || true)
if [ -z "$runtime" ]; then
	echo "skipped: $(rustc --version) comes without the ThreadSanitizer runtime; a toolchain of rustup has it"
	exit 0
fi

# Addresses have to be where the sanitizer expects them.
run=()
if command -v setarch >/dev/null && setarch -R true 2>/dev/null; then
	run=(setarch -R)
fi

export RUSTC_BOOTSTRAP=1
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/tsan"
export CARGO_PROFILE_DEV_DEBUG=line-tables-only
export TSAN_OPTIONS="suppressions=$PWD/scripts/tsan.supp exitcode=66 second_deadlock_stack=1"
flags="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg tsan"

if [ "${1:-}" = "--selftest" ]; then
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	if RUSTFLAGS="$flags --cfg seeded_race" "${run[@]}" cargo test --locked --quiet --target "$target" \
		-p peregrine-probe --lib sleeping >"$log" 2>&1; then
		cat "$log"
		echo "FAILED: the seeded race was not reported"
		exit 1
	fi
	# In our code: a report about the standard library proves nothing.
	if ! grep -q '#[0-9]* announce .*flag.rs' "$log"; then
		cat "$log"
		echo "FAILED: the test failed, but not with a report of the race"
		exit 1
	fi
	echo "the seeded race is reported: $(grep -m1 -o 'announce .*flag.rs:[0-9]*' "$log")"
	exit 0
fi

export RUSTFLAGS="$flags"
test() { "${run[@]}" cargo test --locked --quiet --target "$target" "$@"; }
test -p peregrine-probe --lib sleeping
PEREGRINE_SEEDS="${SEEDS:-5}" test -p peregrine-engine --test workers --test swap_live --test parallel_captures
test -p peregrine-output --test queue
