#!/bin/bash
# What SNMPv3 costs the simulator, in rows of `name figure unit`: CPU of an answered GET (authPriv, SHA and AES-128) with 1,000
# agents, the same of another agent in the same run, memory of 10,000 agents all of whom have been asked, and what the first
# round of those costs. The one who asks, FLOORV3, knows agents by their engine id: 80001f8801 and the address.
#   FLOORV3=client bench/sim_v3.sh     `$FLOORV3 -n N -D AGENTS -W WINDOW -p PORT`, as rigsha with authpass12 and privpass12
#   AGENTD=agent                       another agent to hold it against, alternating: `$AGENTD -T -p PORT`
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
agentd=''
cat >"$dir/fleet.lua" <<END
local function id(i) return ("80001f8801%08x"):format(0x7f010000 + i) end
agent { recording = "$here/../tests/recordings/router.snmprec", count = 10000, live = true,
  v3 = { users = { { user = "rigsha", auth = "SHA", auth_pass = "authpass12", priv = "AES", priv_pass = "privpass12" } }, engine_id = id, boots = 1 } }
END
simulate "$dir/fleet.lua"
echo "sim_v3_rss_unasked $(rss "$sim")"
us() { # PID PORT GETS AGENTS: microseconds of CPU a GET
  local before
  before=$(cpu_ns "$1")
  timeout 60 "${here_too[@]}" "$FLOORV3" -n "$3" -D "$4" -W 500 -p "$2" >/dev/null 2>&1
  awk -v ns=$(($(cpu_ns "$1") - before)) -v n="$3" 'BEGIN {printf "%.2f\n", ns / n / 1000}'
}
echo "sim_v3_first $(us "$sim" "$port" 10000 10000) us"
echo "sim_v3_rss $(rss "$sim")"
other=0
if [ -n "${AGENTD:-}" ]; then
  other=$((port == 65535 ? port - 1 : port + 1))
  "${there[@]}" "$AGENTD" -T -p $other >/dev/null 2>&1 &
  agentd=$!
  started+=("$agentd")
  sleep 0.5
  us "$agentd" $other 2000 1000 >/dev/null # its keys are made
fi
for _ in 1 2 3 4 5; do
  us "$sim" "$port" 100000 1000 >>"$dir/sim"
  [ $other -eq 0 ] || us "$agentd" $other 100000 1000 >>"$dir/agentd"
done
median() { sort -n "$1" | sed -n 3p; }
echo "sim_v3_get $(median "$dir/sim") us"
[ $other -eq 0 ] || echo "agentd_v3_get $(median "$dir/agentd") us"
