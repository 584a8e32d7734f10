#!/usr/bin/env bash
# Installs the packages, and the servers that tests start, where they are missing, then runs all tests. Arguments narrow them: scripts/test.sh src/model
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/require-node.sh
node scripts/ensure-installed.mjs
node scripts/ensure-servers.mjs
exec npm --silent test -- "$@"
