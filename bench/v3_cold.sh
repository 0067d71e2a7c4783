#!/bin/bash
# What the first poll of an agent of SNMPv3 costs the collector (authPriv, SHA and AES-128): 10,000 agents with random engine ids,
# one process, an empty cache; rows of `name figure unit`, CPU of all processes a device, medians of five. What the same costs
# with a single agent, where the start and the hash of the passwords are nearly all, is taken off.
#   v3_cold         from nothing: engine id, boots and time are asked for, keys made, one GET answered
#   v3_cold_cache   with what the engine cache kept
#   v2c_cold        the same GET over v2c, one of a new agent too
set -eu
here=${BASH_SOURCE[0]%/*}
program=${MOONPOLL:-${B:-$here/../build}/moonpoll}
dir=$(mktemp -d)
sim=''
trap '[ -z "$sim" ] || kill "$sim" 2>/dev/null; rm -rf "$dir"' EXIT
there=() here_too=()
if [ "$(nproc)" -gt 1 ]; then there=(taskset -c 1) here_too=(taskset -c 0); fi
cat >"$dir/fleet.lua" <<END
local function id()
  local octets = { "80001f8804" }
  for i = 2, math.random(6, 20) do octets[i] = ("%02x"):format(math.random(0, 255)) end
  return table.concat(octets)
end
agent { recording = "$(readlink -f "$here/../tests/recordings/router.snmprec")", count = 10000,
  v3 = { users = { { user = "rigsha", auth = "SHA", auth_pass = "authpass12", priv = "AES", priv_pass = "privpass12" } }, engine_id = id } }
END
"${there[@]}" "$program" sim "$dir/fleet.lua" --log error >"$dir/ready" &
sim=$!
for _ in {1..400}; do [ -s "$dir/ready" ] || sleep 0.05; done
port=$(sed -n 's/.*, port \([0-9]*\),.*/\1/p' "$dir/ready")
for i in {0..9999}; do echo "127.1.$(((i + 1) / 256)).$(((i + 1) % 256)):$port"; done >"$dir/many"
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
