#!/bin/bash
# What a walk costs over SNMPv3 (SHA, AES-128) against SNMPv2c, of a real agent: the processes of this machine, seven columns, that
# Debian's snmpd tells, walk after walk by one device. CPU of all processes of the program, start-up included, in microseconds a walk,
# requests a walk, and the ratio of pairs that were measured one after the other.
#   bench/snmpd.sh [WALKS [PAIRS]]      1000 walks, 5 pairs
# MOONPOLL: the program.
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
walks=${1:-1000} pairs=${2:-5}
export MIBS='' SNMP_PERSISTENT_DIR="$dir/snmpd" SNMPCONFPATH="$dir"
for port in {16161..16261}; do # one that is free
  printf 'agentaddress udp:127.0.0.1:%d\nrocommunity public\ncreateUser ops SHA authpass12 AES privpass12\nrouser ops priv\n' "$port" >"$dir/snmpd.conf"
  "${there[@]}" /usr/sbin/snmpd -f -Lf "$dir/snmpd.log" -C -c "$dir/snmpd.conf" -I -smux >/dev/null 2>&1 &
  agent=$!
  sleep 1
  if kill -0 "$agent" 2>/dev/null; then break; fi
done
started+=("$agent")
cat >"$dir/processes.lua" <<END
local columns = {}
for c = 1, 7 do columns["c" .. c] = "1.3.6.1.2.1.25.4.2.1." .. c end
return { every = 3600, timeout = 600, run = function(device, out)
  local rows = 0
  for _ = 1, $walks do
    for _, row in device:rows(columns) do rows = rows + (row.c1 and 1 or 0) end
  end
  out:gauge("rows", rows)
end }
END
TIMEFORMAT='%U %S'
walk() { # VERSION OPTIONS...: adds a line to $dir/all
  local version=$1 took
  shift
  took=$({ time "${here_too[@]}" "$program" run "$dir/processes.lua" --targets /dev/stdin --once "$@" -t 5 -r 1 -o json --stats "$dir/stats" \
    <<<"127.0.0.1:$port" >"$dir/out" 2>"$dir/log"; } 2>&1) || { cat "$dir/log" >&2; return 1; }
  echo "$version $took $(sed 's/.*"datagrams_out":\([0-9]*\).*/\1/' "$dir/stats") $(sed -n 's/.*"name":"rows".*"value":\([0-9]*\).*/\1/p' "$dir/out")" >>"$dir/all"
}
for ((k = 0; k < pairs; k++)); do
  walk 2c -v 2c -c public
  walk 3 -v 3 -l authPriv -u ops -a SHA -A authpass12 -x AES -X privpass12
done
awk -v n="$walks" '{cost = ($2 + $3) * 1e6 / n; if ($1 == 3) { printf "%.3f %.1f %.1f %.1f %.1f %d\n", cost / last, last, cost, sent / n, $4 / n, $5 / n }
  last = cost; sent = $4}' "$dir/all" | sort -n | awk '{ratio[NR] = $1; a += $2; b += $3; sent_2c = $4; sent_3 = $5; rows = $6} END {
    printf "walk_2c %.0f us a walk of %d rows in %.1f requests, the mean of %d\nwalk_3 %.0f us in %.1f\n", a / NR, rows, sent_2c, NR, b / NR, sent_3
    printf "walk_3 %.2f x walk_2c, the median of %d pairs (%.2f to %.2f)\n", ratio[int((NR + 1) / 2)], NR, ratio[1], ratio[NR] }'
