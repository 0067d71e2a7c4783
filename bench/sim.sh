#!/bin/bash
# What the simulator costs: CPU per answered GET, 1,000 agents over the recordings at hand, and varbinds a second of a bulk walk.
#   bench/sim.sh [RECORDING...]        or those of tests/recordings
#   FLOOR=client                       a load generator: `$FLOOR -n N -p PORT` asks 127.1.0.1.. for sysUpTime; without it only the walk
#   AGENTD=agent                       another agent to hold it against in the same run: `$AGENTD -p PORT`
set -eu
here=${BASH_SOURCE[0]%/*}
program=${MOONPOLL:-$here/../build/moonpoll}
export MIBS=
[ $# -gt 0 ] || set -- "$here"/../tests/recordings/*.snmprec
dir=$(mktemp -d)
export SNMP_PERSISTENT_DIR=$dir
pid=
stop() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
  pid=
}
trap 'stop; rm -rf "$dir"' EXIT
ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; } # hundredths of a second

count=$(((1000 + $# - 1) / $#))
for r in "$@"; do
  echo "agent { recording = \"$(readlink -f "$r")\", count = $count, live = true }"
done >"$dir/fleet.lua"
"$program" sim "$dir/fleet.lua" --log error >"$dir/ready" &
pid=$!
for _ in {1..100}; do [ -s "$dir/ready" ] || sleep 0.05; done
port=$(sed -n 's/.*, port \([0-9]*\),.*/\1/p' "$dir/ready")
awk '/^VmRSS/ {printf "sim_rss %.1f MB\n", $2 / 1024}' "/proc/$pid/status"

rate() { # NAME PORT: CPU of $pid per GET, best of five
  for _ in 1 2 3 4 5; do
    before=$(ticks)
    "$FLOOR" -n 100000 -p "$2" >"$dir/floor" 2>&1
    echo $(($(ticks) - before))
  done | sort -n | awk -v n="$1" 'NR == 1 {printf "%s %.2f us\n", n, $1 * 10000 / 100000}'
}
[ -z "${FLOOR:-}" ] || rate sim_get "$port"

largest=$(ls -S "$@" | head -n 1)
last=$(awk -v r="$(readlink -f "$largest")" -v c=$count '{gsub(/"/, ""); sub(/,$/, "", $5)} $5 == r {print (NR - 1) * c + 1}' "$dir/fleet.lua")
address=127.1.$((last / 256)).$((last % 256))
before=$(ticks)
lines=0
while [ $(($(ticks) - before)) -lt 20 ] && [ "$lines" -lt 3000000 ]; do
  n=$(snmpbulkwalk -v2c -c public -Cr70 -Cc -On "$address:$port" 1 | wc -l)
  lines=$((lines + n))
  [ "$n" -gt 1 ] || break
done
awk -v n=$lines -v t=$(($(ticks) - before)) 'BEGIN {printf "sim_walk %.0f varbinds/s of CPU\n", t ? n * 100 / t : 0}'
stop
if [ -n "${AGENTD:-}" ] && [ -n "${FLOOR:-}" ]; then
  "$AGENTD" -p "$port" 2>/dev/null &
  pid=$!
  sleep 0.5
  rate agentd_get "$port"
fi
