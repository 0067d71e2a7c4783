#!/bin/bash
# The commands beside Debian's: CPU of walking 100,000 values of one simulated agent, start to finish of a single get. Best of five.
#   bench/tools.sh
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
export MIBS=
mkdir "$dir/cert_indexes"
export SNMP_PERSISTENT_DIR=$dir SNMPCONFPATH=$dir
seq 100000 | awk '{printf "1.3.6.1.2.1.2.2.1.%d.%d|65|%d\n", 10 + int(($1 - 1) / 20000), ($1 - 1) % 20000 + 1, $1 * 7919}' >"$dir/big.snmprec"
there=() # anywhere
simulate --recording "$dir/big.snmprec"
at=127.1.0.1:$port

best() { # NAME FORMAT-OF-TIME COMMAND...
  name=$1
  TIMEFORMAT=$2
  shift 2
  for _ in 1 2 3 4 5; do { time "$@" >"$dir/out"; } 2>&1; done | awk -v n="$name" '{v = $1 + $2} NR == 1 || v < b {b = v} END {printf "%s %.1f ms\n", n, b * 1000}'
}
best walk_debian_bulk '%3U %3S' snmpbulkwalk -v2c -c public "$at" 1.3
cp "$dir/out" "$dir/want"
for walk in bulkwalk walk; do
  best "walk_$walk" '%3U %3S' "$program" "$walk" -v2c -c public "$at" 1.3
  cmp "$dir/want" "$dir/out"
done
best get_debian '%3R' snmpget -v2c -c public "$at" 1.3.6.1.2.1.2.2.1.10.1
best get '%3R' "$program" get -v2c -c public "$at" 1.3.6.1.2.1.2.2.1.10.1
