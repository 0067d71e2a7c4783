#!/bin/bash
# What the first poll of an agent of SNMPv3 costs the collector (authPriv, SHA and AES-128): 10,000 agents with random engine ids,
# one process, an empty cache; rows of `name figure unit`, CPU of all processes a device, medians of five. What the same costs
# with a single agent, where the start and the hash of the passwords are nearly all, is taken off.
#   v3_cold         from nothing: engine id, boots and time are asked for, keys made, one GET answered
#   v3_cold_cache   with what the engine cache kept
#   v2c_cold        the same GET over v2c, one of a new agent too
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
cat >"$dir/fleet.lua" <<END
local function id()
  local octets = { "80001f8804" }
  for i = 2, math.random(6, 20) do octets[i] = ("%02x"):format(math.random(0, 255)) end
  return table.concat(octets)
end
agent { recording = "$here/../tests/recordings/router.snmprec", count = 10000,
  v3 = { users = { { user = "rigsha", auth = "SHA", auth_pass = "authpass12", priv = "AES", priv_pass = "privpass12" } }, engine_id = id } }
END
simulate "$dir/fleet.lua"
hosts 1 10000 >"$dir/many"
head -1 "$dir/many" >"$dir/one"
poll() { # TARGETS OPTIONS...: CPU in ns
  local targets=$1
  shift
  "${here_too[@]}" "$program" run "$here/probes/get1.lua" --targets "$targets" --once -t 5 -r 1 -o null --log error --stats "$dir/stats" "$@" >&2
  grep -q '"run_errors":{"ok":'"$(wc -l <"$targets")," "$dir/stats"
  sed -n 's/.*"cpu_seconds":\([0-9.]*\).*/\1/p' "$dir/stats"
}
row() { # NAME OPTIONS...
  local name=$1 one many
  shift
  for _ in 1 2 3 4 5; do
    one=$(poll "$dir/one" "$@")
    many=$(poll "$dir/many" "$@")
    awk -v a="$one" -v b="$many" 'BEGIN {printf "%.2f\n", (b - a) / 9999 * 1e6}'
  done | sort -n | sed -n "3s/.*/$name & us/p"
}
who=(-v 3 -l authPriv -u rigsha -a SHA -A authpass12 -x AES -X privpass12)
row v3_cold "${who[@]}"
poll "$dir/many" "${who[@]}" --engine-cache "$dir/engines" >/dev/null
row v3_cold_cache "${who[@]}" --engine-cache "$dir/engines"
row v2c_cold -v 2c -c public
