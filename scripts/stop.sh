#!/usr/bin/env bash
# Stops the engine that scripts/init.sh started, after it has finished what runs. Safe to run again.
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/require-node.sh
case ${DATA_DIR:-/} in /*) ;; *) export DATA_DIR="$caller/$DATA_DIR" ;; esac
exec node scripts/stop.mjs
