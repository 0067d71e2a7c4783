#!/bin/bash
# Memory of a worker while its requests are all in flight: N agents (10,000) that take 2 s to answer, one run each. The most it had for
# itself, by smaps_rollup. What of it is each device's, counted, is in tests/unit/footprint_test.c.
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
n=${1:-10000}
echo "agent { recording = \"$here/../tests/recordings/small.snmprec\", count = $n, delay = 2 }" >"$dir/fleet.lua"
simulate "$dir/fleet.lua"
hosts 1 "$n" >"$dir/targets.txt"
"${here_too[@]}" "$program" run "$here/probes/get1.lua" --targets "$dir/targets.txt" -c public --once -o null -t 8 -r 0 --arg rounds=1 \
  --max-coroutines "$n" --max-in-flight "$n" --stats "$dir/stats" &
started+=($!)
most=0
while kill -0 "${started[-1]}" 2>/dev/null; do
  for pid in $(pgrep -P "${started[-1]}"); do
    kb=$(awk '/^Private_/ {kb += $2} END {print kb + 0}' "/proc/$pid/smaps_rollup" 2>/dev/null) || continue
    if [ "$kb" -gt "$most" ]; then most=$kb; fi
  done
  sleep 0.05
done
sed -nE 's/.*"answered":([0-9]+).*/\1 answered/p' "$dir/stats"
awk -v kb="$most" -v n="$n" 'BEGIN {printf "footprint %.1f MiB with %d requests in flight, %d octets each\n", kb / 1024, n, kb * 1024 / n}'
