#!/usr/bin/env bash
# Installs the packages where they are missing, then runs all tests. Arguments narrow them: scripts/test.sh src/model
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/require-node.sh
node scripts/ensure-installed.mjs
exec npm --silent test -- "$@"
