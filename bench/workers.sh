#!/bin/bash
# What a GET costs in CPU with two workers, against one: all processes of the collector, start-up included, alternating in the same run,
# the median of 5 each. 1,000 simulated agents on a processor of their own, where there are two; the collector on the other.
#   bench/workers.sh [ROUNDS]      200 GETs to each
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
rounds=${1:-200} n=1000
simulate --recording "$here/../tests/recordings/router.snmprec" --count $n
hosts 1 $n >"$dir/hosts.txt"
TIMEFORMAT='%U %S'
for _ in 1 2 3 4 5; do
  for workers in 1 2; do
    { time "${here_too[@]}" "$program" run "$here/probes/get1.lua" --targets "$dir/hosts.txt" -c public --once -o json --log error --workers $workers \
      --arg rounds="$rounds" >/dev/null; } 2>"$dir/took"
    awk -v w=$workers -v n=$((n * rounds)) 'NF == 2 {printf "%d %.3f\n", w, ($1 + $2) * 1e6 / n}' "$dir/took" >>"$dir/all"
  done
done
sort -k1n -k2n "$dir/all" | awk '{v[$1] = v[$1] " " $2} END {
  for (w = 1; w <= 2; w++) { split(v[w], a, " "); m[w] = a[3]; printf "workers_%d %.2f us a GET, the median of 5 (%.2f to %.2f)\n", w, a[3], a[1], a[5] }
  printf "workers_2 %.2f x workers_1\n", m[2] / m[1] }'
