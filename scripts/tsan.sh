#!/usr/bin/env bash
# Runs the multi-threaded tests of the engine under ThreadSanitizer: live workers on made-up
# histories, replays on up to 16 workers, rules replaced while the probe runs, the alert queue. With
# --selftest checks that the sanitizer would report a race in our code (one is compiled in, see
# crates/probe/src/flag.rs). SEEDS=50 tries more histories.
#
# A toolchain of rustup has the sanitizer's runtime, also a stable one (RUSTC_BOOTSTRAP lets it take
# the option); that of a distribution has not: then this says so and ends well.
# The standard library is not instrumented (that needs its sources): reports from within it are
# suppressed in scripts/tsan.supp.
set -euo pipefail
cd "$(dirname "$0")/.."

what=ThreadSanitizer
[ "${1:-}" != --selftest ] || what="ThreadSanitizer's self-test"
skip() {
	echo "$what: skipped: $1"
	exit 0
}

target=$(rustc -vV | sed -n 's/^host: //p')
runtime=$(ls "$(rustc --print sysroot)/lib/rustlib/$target/lib/"librustc*_rt.tsan.a 2>/dev/null | head -1 || true)
[ -n "$runtime" ] || skip "$(rustc --version) comes without the runtime; a toolchain of rustup has it"

# Suppressions and the self-test go by the names of functions. binutils, which linking needs anyway,
# has a program that finds them, too, but slower.
symbolizer=
for name in llvm-symbolizer llvm-symbolizer-{22,21,20,19,18,17,16} addr2line; do
	! command -v "$name" >/dev/null || { symbolizer=$(command -v "$name") && break; }
done
[ -n "$symbolizer" ] || skip "neither llvm-symbolizer nor addr2line is there to name functions"

# Addresses have to be where the sanitizer expects them.
run=()
if command -v setarch >/dev/null && setarch -R true 2>/dev/null; then
	run=(setarch -R)
fi

export RUSTC_BOOTSTRAP=1
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/tsan"
export CARGO_PROFILE_DEV_DEBUG=line-tables-only
export TSAN_OPTIONS="suppressions=$PWD/scripts/tsan.supp external_symbolizer_path=$symbolizer \
exitcode=66 second_deadlock_stack=1"
flags="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg tsan"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What the sanitizer needs of compiler, kernel and sandbox shows with the least program.
echo 'fn main() {}' >"$work/least.rs"
# shellcheck disable=SC2086 # several words
if ! rustc $flags --target "$target" -o "$work/least" "$work/least.rs" >"$work/log" 2>&1 ||
	! "${run[@]}" "$work/least" >>"$work/log" 2>&1; then
	skip "not even an empty program runs under it here: $(grep -v '^$' "$work/log" | tail -1)"
fi

if [ "${1:-}" = "--selftest" ]; then
	if RUSTFLAGS="$flags --cfg seeded_race" "${run[@]}" cargo test --locked --quiet --target "$target" \
		-p peregrine-probe --lib sleeping >"$work/log" 2>&1; then
		cat "$work/log"
		echo "FAILED: the seeded race was not reported"
		exit 1
	fi
	# In our code: a report about the standard library proves nothing.
	if ! grep -q '#[0-9]* .*announce .*flag.rs' "$work/log"; then
		cat "$work/log"
		echo "FAILED: the test failed, but not with a report of the race"
		exit 1
	fi
	echo "$what: the seeded race is reported: $(grep -m1 -o 'announce .*flag.rs:[0-9]*' "$work/log")"
	exit 0
fi

export RUSTFLAGS="$flags"
test() { "${run[@]}" cargo test --locked --quiet --target "$target" "$@"; }
test -p peregrine-probe --lib sleeping
PEREGRINE_SEEDS="${SEEDS:-6}" test -p peregrine-engine \
	--test workers --test swap_live --test parallel_captures --test differential
test -p peregrine-output --test queue
echo "$what: no race reported"
