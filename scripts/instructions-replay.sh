#!/usr/bin/env bash
# Instructions that one worker spends on an event of a capture, part by part, as callgrind counts
# them: scripts/instructions-replay.sh [CAPTURE [RULES]...]
#
# What is not spent on events (start, rules, lists of threads) falls out: the capture is replayed
# once and twice, and the difference counts. The capture is unpacked first; a row tells what
# unpacking costs. callgrind knows no vector instructions beyond AVX2, so what uses them on the
# machine at hand is counted as it is without.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed"; exit 0; }
shared=${PEREGRINE_SHARED:-../shared}
capture=${1:-$shared/conformance/captures/vm-load.scap.gz}
[ $# -eq 0 ] || shift
[ -e "$capture" ] || { echo "skipped: $capture is not there"; exit 0; }
rules=("$@")
if [ ${#rules[@]} -eq 0 ] && [ -e "$shared/falco-rules/falco_rules.yaml" ]; then
	rules=("$shared/falco-rules/falco_rules.yaml")
fi
target=${CARGO_TARGET_DIR:-target}/release
${CARGO:-cargo} build --release --locked --quiet -p peregrine -p peregrine-engine --bin peregrine \
	--example replay_speed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
plain=$work/plain.scap
if [ "$(head -c2 "$capture" | od -An -tx1 | tr -d ' \n')" = 1f8b ]; then
	gzip -dc "$capture" >"$plain"
else
	cp "$capture" "$plain"
fi
events=$("$target/examples/replay_speed" read "$plain" 1 | sed -n 's/.*: \([0-9]*\) events.*/\1/p')

# count NAME COMMAND...: instructions of a command, as a file.
count() {
	local name=$1
	shift
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null |
		awk '/Collected/ { print $4 }' >"$work/$name"
}
# per_event ONCE TWICE: what is printed.
per_event() { echo $((($(cat "$work/$2") - $(cat "$work/$1")) / events)); }

speed=$target/examples/replay_speed
printf '%s: %s events\n' "$(basename "$capture")" "$events"
row() { printf '%-46s %6s\n' "$1" "$2"; }
for part in read transcode state rules; do
	files=()
	[ "$part" != rules ] || files=("${rules[@]}")
	count once "$speed" "$part" "$plain" 1 "${files[@]}"
	count twice "$speed" "$part" "$plain" 2 "${files[@]}"
	row "up to and with: $part" "$(per_event once twice)"
done
options=()
for file in "${rules[@]}"; do options+=(-r "$file"); done
count once "$target/peregrine" replay "$plain" "${options[@]}"
count twice "$target/peregrine" replay "$plain" "$plain" "${options[@]}"
row "peregrine replay" "$(per_event once twice)"
if ! cmp -s "$capture" "$plain"; then
	count once "$target/peregrine" replay "$capture" "${options[@]}"
	count twice "$target/peregrine" replay "$capture" "$capture" "${options[@]}"
	row "peregrine replay, compressed" "$(per_event once twice)"
fi
