#!/bin/bash
# What a GET costs in CPU with two workers, against one: all processes of the collector, start-up included, alternating in the same run,
# the median of 5 each. 1,000 simulated agents on a processor of their own, where there are two; the collector on the other.
#   bench/workers.sh [ROUNDS]      200 GETs to each
set -eu
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
program=${MOONPOLL:-$here/../build/moonpoll}
rounds=${1:-200} n=1000
dir=$(mktemp -d)
sim=''
stop() {
  [ -z "$sim" ] || kill "$sim" 2>/dev/null || true
  [ -z "$sim" ] || wait "$sim" 2>/dev/null || true
  rm -rf "$dir"
}
trap stop EXIT
there=() here_too=()
if [ "$(nproc)" -gt 1 ]; then there=(taskset -c 1) here_too=(taskset -c 0); fi
"${there[@]}" "$program" sim --recording "$here/../tests/recordings/router.snmprec" --count $n --log error --run-dir "$dir/sim" >"$dir/ready" &
sim=$!
for _ in {1..200}; do [ -s "$dir/ready" ] || sleep 0.05; done
port=$(sed -n 's/.*, port \([0-9]*\),.*/\1/p' "$dir/ready")
for ((i = 1; i <= n; i++)); do echo "127.1.$((i / 256)).$((i % 256)):$port"; done >"$dir/hosts.txt"
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
