#!/usr/bin/env bash
# What being ready for other workers costs the only one there is, in instructions per event, as
# callgrind counts them: scripts/instructions-worker.sh [CAPTURE [RULES]...]. EVENTS=100000 takes
# fewer events.
#
# The first events of a capture, told as a probe tells them, are fed to a plain loop, to a worker
# whose shard publishes nothing, and to a worker as it runs (crates/engine/examples/worker_cost.rs
# has the details). Below the last stands which files its instructions are of, inlined ones too:
# parking, marks, slots, homes and looks are there for sharing only; publishing, relatives and the
# directory are in place of direct relations.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed"; exit 0; }
shared=${PEREGRINE_SHARED:-../shared}
capture=${1:-$shared/conformance/captures/vm-load.scap.gz}
[ $# -eq 0 ] || shift
[ -e "$capture" ] || { echo "skipped: $capture is not there"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
target=${CARGO_TARGET_DIR:-target}/release
${CARGO:-cargo} build --release --locked --quiet -p peregrine-engine --example worker_cost

# count WHO RULES...: instructions and events of the part that counts; what callgrind wrote stays.
count() {
	local who=$1
	shift
	valgrind --tool=callgrind --callgrind-out-file="$work/$who" --toggle-collect='*worker_cost::feed_*' \
		"$target/examples/worker_cost" "$who" "$capture" "${EVENTS:-300000}" "$@" \
		>"$work/said" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
	echo "$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/log") $(sed -n 's/.*: \([0-9]*\) events.*/\1/p' "$work/said")"
}

# Own instructions by source file, of those whose name matches.
by_file() {
	awk -v events="$2" '
		# A name stands behind its number once, later only the number.
		/^f[lie]=/ {
			id = $1; sub(/^f.=/, "", id)
			if (NF > 1) { name = $0; sub(/^[^ ]* /, "", name); names[id] = name }
			file = names[id]
			next
		}
		# A line with the costs of a call follows, which are not its own.
		/^calls=/ { getline; next }
		/^[0-9+*-]/ { own[file] += $2; next }
		END {
			for (file in own) {
				short = file
				if (short !~ /crates\/(engine|state)\/src\/(parking|progress|gauges|homes|spread|worker\/guests|looks|slots|directory|publish|relatives|group)\.rs$/) continue
				sub(/.*crates\//, "", short)
				if (own[file] / events >= 0.05) printf "    %-44s %8.1f\n", short, own[file] / events
			}
		}' "$1" | sort -k2 -rn
}

table() {
	local name=$1 first=
	shift
	echo "$(basename "$capture"), $name"
	for who in alone direct shared; do
		read -r instructions events <<<"$(count "$who" "$@")"
		first=${first:-$instructions}
		awk -v who="$who" -v i="$instructions" -v n="$events" -v first="$first" 'BEGIN {
			printf "  %-46s %8.1f  %+5.1f %%\n", who, i / n, 100 * (i - first) / first }'
	done
	by_file "$work/shared" "$events"
}

if [ $# -gt 0 ]; then
	table "$*" "$@"
else
	table "the built-in rules"
	falco=$shared/falco-rules/falco_rules.yaml
	[ ! -e "$falco" ] || table "Falco's stable rules" "$falco"
fi
