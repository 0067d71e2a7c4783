#!/bin/bash
# What it takes to poll many devices for some time: scripts/interfaces.lua every 30 s, seven interfaces each (53 samples of a run),
# 10 % of them SNMPv3 (SHA, AES-128), 5 % dead; one worker. Simulated agents, which share the machine: only the worker is charged.
# Rows of `name figure unit`:
#   load_cpu      of the worker, in per cent of one core            load_rss   resident: half way, and at the end
#   load_fds      half way, and at the end                          load_late  from a run being due to its start
#   load_skipped  runs that were due while the last one went on     load_runs  a second, and samples
#   bench/load.sh [DEVICES [SECONDS]]      20,000 devices; 120 s, after 75 s in which the first round is made and the dead are found out
# WORKERS=2: so many; EVERY=5: seconds instead of 30; MOONPOLL: the program.
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
n=${1:-20000} seconds=${2:-120} every=${EVERY:-30} workers=${WORKERS:-1}
warm=$((every * 5 / 2))
sealed=$((n / 10)) dead=$((n / 20)) both=$((n / 200))
user='user = "ops", auth = "SHA", auth_pass = "authpass12", priv = "AES", priv_pass = "privpass12"'
{
  kind() { echo "agent { recording = \"$here/../tests/recordings/router.snmprec\", count = $2, name = \"$1\", live = true$3 }"; }
  kind sealed $((sealed - both)) ", v3 = { users = { { $user } } }"
  kind sealed-dead $both ", v3 = { users = { { $user } } }, faults = { \"dead\" }"
  kind dead $((dead - both)) ", faults = { \"dead\" }"
  kind open $((n - sealed - dead + both)) ""
} >"$dir/fleet.lua"
there=() # anywhere
simulate "$dir/fleet.lua"
hosts 1 "$sealed" >"$dir/sealed.txt"
hosts $((sealed + 1)) "$n" >"$dir/open.txt"
cat >"$dir/moon.lua" <<END
return { auth = { sealed = { version = 3, $user }, open = { community = "public" } }, workers = $workers,
  targets = { { file = "sealed.txt", auth = "sealed" }, { file = "open.txt", auth = "open" } },
  probes = { { file = "$here/../scripts/interfaces.lua", every = $every } } }
END
mkdir "$dir/run"
"$program" run --config "$dir/moon.lua" -o json --log error --run-dir "$dir/run" >/dev/null &
started+=($!)

# shellcheck disable=SC2001 # patterns the shell has not
look() { # NAME: what the workers took and counted until now, into variables NAME_...
  local status pids pid cpu=0 rss=0 fds=0
  status=$("$program" status --run-dir "$dir/run" | sed 's/"histograms".*//')
  pids=$(sed 's/.*"workers":\[\([^]]*\)\].*/\1/' <<<"$status" | tr '{' '\n' | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
  for pid in $pids; do
    cpu=$((cpu + $(cat /proc/"$pid"/task/*/schedstat | awk '{t += $1} END {printf "%.0f", t}')))
    rss=$((rss + $(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")))
    fds=$((fds + $(find "/proc/$pid/fd" -type l | wc -l)))
  done
  printf -v "$1_cpu" %d "$cpu"
  printf -v "$1_rss" %d "$rss"
  printf -v "$1_fds" %d "$fds"
  printf -v "$1_at" %d "$(date +%s%N)"
  for field in runs_started runs_skipped samples; do
    printf -v "$1_$field" %d "$(sed "s/.*\"$field\":\([0-9]*\).*/\1/" <<<"$status")"
  done
}
sleep "$warm"
look first
sleep $((seconds / 2))
look half
sleep $((seconds - seconds / 2))
# shellcheck disable=SC2154 # look sets them
{
  late=$("$program" status --run-dir "$dir/run" | sed -n 's/.*"late":{[^}]*"p99":\([0-9.]*\),"p999":\([0-9.]*\).*/p99 \1 s, p99.9 \2 s/p')
  look last
  awk -v cpu=$((last_cpu - first_cpu)) -v ns=$((last_at - first_at)) -v runs=$((last_runs_started - first_runs_started)) \
    -v samples=$((last_samples - first_samples)) -v n="$n" -v w="$workers" -v e="$every" 'BEGIN {
      printf "load_cpu %.1f %% of a core, %d devices every %d s, %d worker%s: %.0f us a run\n", cpu * 100 / ns, n, e, w, (w > 1) ? "s" : "", cpu / runs / 1000
      printf "load_runs %.0f /s, %.0f samples/s\n", runs * 1e9 / ns, samples * 1e9 / ns }'
  awk -v h="$half_rss" -v l="$last_rss" 'BEGIN {printf "load_rss %.1f MB, %.1f MB\n", h / 1024, l / 1024}'
  echo "load_fds $half_fds, $last_fds"
  echo "load_skipped $((last_runs_skipped - first_runs_skipped)) runs"
  echo "load_late $late, the first round included"
}
