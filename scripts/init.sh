#!/usr/bin/env bash
# Installs, builds and starts Millrace in the background, then runs a sample workflow on it. Safe to run again.
#   scripts/init.sh                  one process with its embedded store
#   scripts/init.sh --distributed    two hosts on a Redis and a PostgreSQL of their own below DATA_DIR
#   scripts/init.sh --compose        the stack of docker-compose.yml, for which Docker is needed
# Settings come from the environment, as in PORT=8001 DATA_DIR=/var/lib/millrace scripts/init.sh
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case "$#:${1-}" in
  0:) script=init.mjs ;;
  1:--distributed) script=init-distributed.mjs ;;
  1:--compose) script=init-compose.mjs ;;
  *) sed -n '2,6s/^# \{0,1\}//p' scripts/init.sh >&2 && exit 2 ;;
esac
. scripts/require-node.sh
case ${DATA_DIR:-/} in /*) ;; *) export DATA_DIR="$caller/$DATA_DIR" ;; esac
exec node "scripts/$script"
