#!/usr/bin/env bash
# The web page in headless Chromium: alerts, filters, details, rules, and that hostile text stays text.
# Needs chromium, node and playwright-core (npm); says "skipped" without them. A picture of the page
# goes to the file named by the first argument.
set -euo pipefail
cd "$(dirname "$0")/.."
chromium=$(command -v chromium || command -v chromium-browser || true)
[ -n "$chromium" ] || { echo "skipped: there is no chromium"; exit 0; }
modules=${PLAYWRIGHT_MODULES:-$PWD/node_modules}
[ -d "$modules/playwright-core" ] || { echo "skipped: there is no playwright-core in $modules"; exit 0; }
cargo build -q -p peregrine-serve --example page
port=${PORT:-8799}
"${CARGO_TARGET_DIR:-target}/debug/examples/page" "127.0.0.1:$port" &
server=$!
trap 'kill $server' EXIT
CHROMIUM=$chromium PAGE=${PAGE:-http://127.0.0.1:$port/} MODULES=$modules node scripts/page-test.mjs "$@"
