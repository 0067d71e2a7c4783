#!/bin/bash
# What the simulator costs, in rows of `name figure unit`:
#   sim_load     reading the largest recording, and one of 4 MB made of it           sim_get   CPU of an answered GET
#   sim_rss      1,000 agents; 10,000 agents                                         sim_walk  varbinds a second of CPU, GETBULK
# 1,000 agents over the recordings, random instances, seeded. Build with `make bench-build` first.
#   bench/sim.sh [RECORDING...]   those given, or the 20 largest below $MOON_RECORDINGS, or those of tests/recordings
#   AGENTD=agent                  another agent to hold sim_get against, alternating in the same run: `$AGENTD -p PORT`
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
build=${B:-$here/../build}
load=$build/bench/load_bench
export MIBS=
if [ $# -eq 0 ]; then
  if [ -n "${MOON_RECORDINGS:-}" ]; then
    mapfile -t all < <(find "$MOON_RECORDINGS" -name '*.snmprec' -printf '%s %p\n' | sort -rn | head -n 20 | cut -d' ' -f2-)
    set -- "${all[@]}"
  else
    set -- "$here"/../tests/recordings/*.snmprec
  fi
fi
export SNMP_PERSISTENT_DIR=$dir
agentd=''

start() { # AGENTS-OF-EACH RECORDING...: port in $port
  local count=$1 r
  shift
  for r in "$@"; do
    echo "agent { recording = \"$(readlink -f "$r")\", count = $count, live = true }"
  done >"$dir/fleet.lua"
  simulate "$dir/fleet.lua"
}

# Milliseconds until a simulator of one agent is ready, less what one without a recording to speak of takes; the best of nine.
ready_ms() {
  for _ in {1..9}; do
    local begun one
    rm -f "$dir/ready"
    begun=$(date +%s%N)
    "$program" sim --recording "$1" --log error --virtual-clock >"$dir/ready" &
    one=$!
    until [ -s "$dir/ready" ]; do :; done
    echo $((($(date +%s%N) - begun) / 1000))
    stop "$one"
  done | sort -n | head -n 1
}
largest=$(ls -S "$@" | head -n 1)
echo "1.3.6.1.2.1.1.1.0|4|x" >"$dir/tiny.snmprec"
# Four megabytes of what is in it: other names, the same values.
awk -v limit=4000000 '{line[NR] = $0} END {
  for (k = 0; n < limit; k++) {
    for (i = 1; i <= NR && n < limit; i++) {
      s = line[i]
      if (k) { sub(/^[.]?1[.]3[.]6[.]1[.]/, "1.3.6.1.4.1.99999." k ".", s) }
      print s
      n += length(s) + 1
    }
  }
}' "$largest" >"$dir/four.snmprec"
base=$(ready_ms "$dir/tiny.snmprec")
for r in "$largest" "$dir/four.snmprec"; do
  awk -v b="$base" -v t="$(ready_ms "$r")" -v n="$(stat -L -c %s "$r")" 'BEGIN {printf "sim_load %.1f ms of %.2f MB\n", (t - b) / 1000, n / 1e6}'
done

count=$(((10000 + $# - 1) / $#))
start $count "$@"
"${here_too[@]}" "$load" "$port" 100000 $((count * $#)) 42 "$@" >/dev/null
echo "sim_rss $(rss "$sim") of 10,000 agents"
stop "$sim"

count=$(((1000 + $# - 1) / $#))
start $count "$@"
echo "sim_rss $(rss "$sim") of 1,000 agents"

get() { # NAME PID PORT AGENTS RECORDING...: CPU of PID per GET
  local name=$1 pid=$2 port=$3 agents=$4 before answered
  shift 4
  before=$(cpu_ns "$pid")
  "${here_too[@]}" "$load" "$port" 200000 "$agents" 42 "$@" >"$dir/load"
  answered=$(awk '{print $2}' "$dir/load")
  echo "$name $((($(cpu_ns "$pid") - before) / answered))" >>"$dir/gets"
  grep -q "lost 0 wrong 0" "$dir/load" || sed "s/^/$name: /" "$dir/load" >&2
}
: >"$dir/gets"
if [ -n "${AGENTD:-}" ]; then
  other=$((port + 1))
  "${there[@]}" "$AGENTD" -p $other 2>/dev/null >&2 &
  agentd=$!
  started+=("$agentd")
  sleep 0.5
  "$program" record "127.1.0.1:$other" >"$dir/agentd.snmprec"
fi
for _ in 1 2 3 4 5; do
  get sim_get "$sim" "$port" $((count * $#)) "$@"
  [ -z "$agentd" ] || get agentd_get "$agentd" "$other" 1000 "$dir/agentd.snmprec"
done
sort -k2n "$dir/gets" | awk '{v[$1] = v[$1] " " $2} END {
  for (n in v) { split(v[n], a, " "); m[n] = a[3]; printf "%s %.2f us, the median of 5 (%.2f to %.2f)\n", n, a[3] / 1000, a[1] / 1000, a[5] / 1000 }
  if ("agentd_get" in m) { printf "sim_get %.2f x agentd_get\n", m["sim_get"] / m["agentd_get"] }
}'

at=$(awk -v r="$(readlink -f "$largest")" -v c=$count '{gsub(/"/, ""); sub(/,$/, "", $5)} $5 == r {print (NR - 1) * c + 1}' "$dir/fleet.lua")
before=$(cpu_ns "$sim")
lines=0
while [ $(($(cpu_ns "$sim") - before)) -lt 200000000 ] && [ "$lines" -lt 3000000 ]; do
  n=$("${here_too[@]}" snmpbulkwalk -v2c -c public -Cr70 -Cc -On "127.1.$((at / 256)).$((at % 256)):$port" 1 | grep -c ' = ')
  lines=$((lines + n))
  [ "$n" -gt 1 ] || break
done
awk -v n=$lines -v t=$(($(cpu_ns "$sim") - before)) 'BEGIN {printf "sim_walk %.0f varbinds/s of CPU\n", t ? n * 1e9 / t : 0}'
