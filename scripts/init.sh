#!/usr/bin/env bash
# Installs, builds and starts Millrace in the background, then runs a sample workflow on it. Safe to run again.
# Settings come from the environment, as in PORT=8001 DATA_DIR=/var/lib/millrace scripts/init.sh
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/require-node.sh
case ${DATA_DIR:-/} in /*) ;; *) export DATA_DIR="$caller/$DATA_DIR" ;; esac
exec node scripts/init.mjs
