#!/bin/sh
# Makes a Redis Cluster of NODES ("host:port host:port …"), each a master, and waits until all of them see it whole. Run again, it
# introduces the nodes to each other anew, which mends a cluster whose containers came back under other addresses.
# REDISCLI_AUTH is the password.
set -eu

# Redis introduces nodes by address, not by name.
resolve() {
  address=$(getent ahostsv4 "${1%:*}" | head -n 1 | cut -d ' ' -f 1)
  [ -n "$address" ] || { echo "no address for $1" >&2; exit 1; }
  echo "$address:${1#*:}"
}
ask() {
  at=$1
  shift
  redis-cli -h "${at%:*}" -p "${at#*:}" "$@"
}

addresses=
for node in $NODES; do addresses="$addresses $(resolve "$node")"; done
# shellcheck disable=SC2086
set -- $addresses

if ask "$1" CLUSTER INFO | grep -q 'cluster_slots_assigned:0'; then
  redis-cli --cluster create "$@" --cluster-replicas 0 --cluster-yes
else
  for address in "$@"; do ask "$1" CLUSTER MEET "${address%:*}" "${address#*:}"; done
fi

tries=60
for address in "$@"; do
  until ask "$address" CLUSTER INFO | grep -q 'cluster_state:ok'; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "the cluster does not come together" >&2; exit 1; }
    sleep 1
  done
done
echo "The cluster is whole: $*"
