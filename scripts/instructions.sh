#!/usr/bin/env bash
# Counts the instructions that rule evaluation takes per event of recorded captures, with callgrind:
# the same figure on any machine, whatever else runs there. Usage: scripts/instructions.sh [CAPTURE…]
#
# A row is one rule set (number of Falco's rules files, times copies with other constants). Counted is
# what the engine does from an event that was applied to an alert that is ready to be printed; what a
# call of that costs without rules stands in the first row. The first events of a capture, which fill
# what is remembered of processes, are left out of the second figure.
set -euo pipefail

cd "$(dirname "$0")/.."
shared=$(realpath -m "${PEREGRINE_SHARED:-../shared}")
export PEREGRINE_SHARED=$shared
command -v valgrind > /dev/null || { echo "skipped: valgrind is not installed"; exit 0; }
captures=("$@")
[ ${#captures[@]} -gt 0 ] || captures=("$shared"/conformance/captures/vm-{load,attack-a}.scap.gz)
for capture in "${captures[@]}"; do
	[ -e "$capture" ] || { echo "skipped: no capture $capture"; exit 0; }
done

# Events that only warm up, and events at which counting ends.
warm=${WARM:-30000}
most=${EVENTS:-230000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bench=$(cargo bench --quiet -p peregrine-engine --bench rules --no-run --message-format=json |
	sed -n 's/.*"executable":"\([^"]*rules-[^"]*\)".*/\1/p' | tail -1)

# Prints rules, events, alerts and instructions of one run.
run() {
	valgrind --tool=callgrind --toggle-collect='*pass::examine*' --callgrind-out-file="$work/out" \
		"$bench" --count "$@" > "$work/seen" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
	local seen instructions
	seen=$(sed 's/[a-z]*=//g' "$work/seen")
	instructions=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/log")
	echo "$seen $instructions"
}

for capture in "${captures[@]}"; do
	echo "$(basename "$capture")"
	printf '%6s %8s %8s %14s %16s\n' rules events alerts per-event once-warm
	for rules in "0 1" "1 1" "3 1" "3 10"; do
		# shellcheck disable=SC2086 # two words
		read -r count events _ alerts all <<< "$(run "$capture" $rules "$most")"
		# shellcheck disable=SC2086
		read -r _ early _ _ first <<< "$(run "$capture" $rules "$warm")"
		warmed=-
		[ "$events" -le "$early" ] || warmed=$(((all - first) / (events - early)))
		printf '%6s %8s %8s %14s %16s\n' "$count" "$events" "$alerts" $((all / events)) "$warmed"
	done
done
