#!/bin/bash
# One round over 2,000 agents of which 200 are dead, a timeout of 1 s and one more try: seconds from start to end of the whole program, the
# median of 5 (2 s is what waiting takes). Then the same without the dead, and what the dead were sent.
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
recording="recording = \"$here/../tests/recordings/small.snmprec\""
echo "agent { $recording, count = 1800 } agent { $recording, count = 200, name = \"dead\", faults = { \"dead\" } }" >"$dir/fleet.lua"
simulate "$dir/fleet.lua" --stats "$dir/stats"
hosts 1 2000 >"$dir/all.txt"
head -n 1800 "$dir/all.txt" >"$dir/live.txt"
TIMEFORMAT='%R %U %S'
for which in all live; do
  for _ in 1 2 3 4 5; do
    { time "${here_too[@]}" "$program" run "$here/probes/get1.lua" --targets "$dir/$which.txt" -c public --once -o json --log error -t 1 -r 1 \
      --arg rounds=1 >/dev/null || [ $? -eq 3 ]; } 2>"$dir/took"
    grep -E '^[0-9. ]+$' "$dir/took" >>"$dir/$which"
  done
  sort -n "$dir/$which" | awk -v w=$which '{r[NR] = $1; c += $2 + $3} END {
    printf "round_%s %.3f s, the median of 5 (%.3f to %.3f); %.1f us of CPU a device\n", w, r[3], r[1], r[5], c / 5 / (w == "all" ? 2000 : 1800) * 1e6 }'
done
stop "$sim"
head -c 4000 "$dir/stats" | grep -o '"dead":[0-9]*' | head -n 1 |
  awk -F: '{printf "round_dead %.2f packets to each of the dead in a round\n", $2 / 200 / 5}'
