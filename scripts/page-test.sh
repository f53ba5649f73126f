#!/usr/bin/env bash
# The web page in headless Chromium: alerts, filters, details, rules, and that hostile text stays text.
# Needs chromium and node, and gets playwright-core (2 MB, without a browser of its own) by npm if it
# is not there; says "skipped" where something is missing. A picture of the page goes to the file
# named by the first argument. SERVER is examples/page of peregrine-serve, if it is built already.
set -euo pipefail
cd "$(dirname "$0")/.."
skip() { echo "skipped: $*"; exit 0; }
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$chromium" ] || skip "there is no chromium"
command -v node > /dev/null || skip "there is no node"
target=${CARGO_TARGET_DIR:-target}
if [ -n "${PLAYWRIGHT_MODULES:-}" ]; then
	modules=$PLAYWRIGHT_MODULES
	[ -d "$modules/playwright-core" ] || skip "there is no playwright-core in $modules"
elif [ -d node_modules/playwright-core ]; then
	modules=$PWD/node_modules
else
	mkdir -p "$target/page-test"
	modules=$(cd "$target/page-test" && pwd)/node_modules
	if [ ! -d "$modules/playwright-core" ]; then
		command -v npm > /dev/null || skip "there is no npm to get playwright-core with"
		timeout 60 npm install --silent --no-save --no-audit --no-fund --ignore-scripts \
			--prefix "$target/page-test" "playwright-core@${PLAYWRIGHT_VERSION:-1}" > /dev/null 2>&1 ||
			skip "npm does not get playwright-core"
	fi
fi
if [ -z "${SERVER:-}" ]; then
	cargo build -q -p peregrine-serve --example page
	SERVER=$target/debug/examples/page
fi
port=${PORT:-8799}
"$SERVER" "127.0.0.1:$port" &
server=$!
trap 'kill $server' EXIT
CHROMIUM=$chromium PAGE=${PAGE:-http://127.0.0.1:$port/} MODULES=$modules node scripts/page-test.mjs "$@"
