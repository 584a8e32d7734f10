#!/usr/bin/env bash
# Shows what becomes of failures, and tells it as it goes: two hosts share a Redis and a PostgreSQL; one of them is killed in the middle of
# its work, the other takes the work over; a node fails for good, becomes a dead letter, and is driven on. Takes about a minute. Everything
# runs on free ports below a directory of its own, and is stopped and removed in the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/require-node.sh
exec node scripts/demo-failures.mjs
