#!/bin/bash
# What a walk costs over SNMPv3 against SNMPv2c, of devices that are polled regularly: ifTable and ifXTable of simulated agents, every
# 2 s, each at a time of its own; engine ids, boots and times are known by then. CPU of the worker, microseconds a walk, and the ratio
# of pairs that were measured one after the other.
#   bench/walks.sh [DEVICES [SECONDS [PAIRS]]]      500 devices, 8 s, 5 pairs
# MOONPOLL: the program.
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
n=${1:-500} seconds=${2:-8} pairs=${3:-5} every=2
user='user = "ops", auth = "SHA", auth_pass = "authpass12", priv = "AES", priv_pass = "privpass12"'
{ # all columns that the probe reads, of 24 interfaces
  for c in {1..22}; do echo "1.3.6.1.2.1.2.2.1.$c"; done
  for c in {1..19}; do echo "1.3.6.1.2.1.31.1.1.1.$c"; done
} | awk '{for (i = 1; i <= 24; i++) printf "%s.%d|%s\n", $1, i, $1 ~ /2\.2\.1\.(2|6|22)$|31\.1\.1\.1\.(1|18)$/ ? "4|interface " i : "66|" 1000 * NR + i}' >"$dir/24.snmprec"
echo "agent { recording = \"$dir/24.snmprec\", count = $n, v3 = { users = { { $user } } } }" >"$dir/fleet.lua"
simulate "$dir/fleet.lua"
hosts 1 "$n" >"$dir/hosts.txt"

walk() { # VERSION CREDENTIAL: adds a line to $dir/all
  local pid worker from to
  cat >"$dir/moon.lua" <<END
return { auth = { all = { $2 } }, targets = { { file = "hosts.txt", auth = "all" } },
  probes = { { file = "$here/probes/walk.lua", every = $every } } }
END
  mkdir "$dir/run"
  "${here_too[@]}" "$program" run --config "$dir/moon.lua" -o json --log error --run-dir "$dir/run" >/dev/null &
  pid=$!
  started+=("$pid")
  sleep $((2 * every + 1))
  worker=$("$program" status --run-dir "$dir/run" | sed 's/.*"workers":\[[^]]*"pid":\([0-9]*\).*/\1/')
  from=$(taken "$worker")
  sleep "$seconds"
  to=$(taken "$worker")
  stop "$pid"
  rm -r "$dir/run"
  echo "$1 $from $to" >>"$dir/all"
}
taken() { # PID: CPU in ns, runs that began
  cat /proc/"$1"/task/*/schedstat | awk '{t += $1} END {printf "%.0f ", t}'
  "$program" status --run-dir "$dir/run" | sed 's/.*"runs_started":\([0-9]*\).*/\1/'
}
for ((k = 0; k < pairs; k++)); do
  walk 2c 'community = "public"'
  walk 3 "version = 3, $user"
done
awk '{cost = ($4 - $2) / ($5 - $3) / 1000; if ($1 == 3) { printf "%.3f %.1f %.1f\n", cost / last, last, cost } last = cost}' "$dir/all" | sort -n |
  awk '{ratio[NR] = $1; a += $2; b += $3} END {
    printf "walk_2c %.0f us a walk, the mean of %d\nwalk_3 %.0f us\n", a / NR, NR, b / NR
    printf "walk_3 %.2f x walk_2c, the median of %d pairs (%.2f to %.2f)\n", ratio[int((NR + 1) / 2)], NR, ratio[1], ratio[NR] }'
