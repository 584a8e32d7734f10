#!/usr/bin/env bash
# Load of two-node workflows, submitted and triggered as two requests, against an instance that runs already:
#   scripts/run_load_test.sh http://127.0.0.1:8000 [--seconds 10] [--connections 32] [--rate N] [--key KEY]
# Prints a line a second while it runs, then workflows a second, latencies by percentile, and failures. Exits 1 where any
# workflow failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/require-node.sh
node scripts/ensure-installed.mjs
exec node --import tsx bench/load-test.ts "$@"
