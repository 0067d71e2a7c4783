#!/bin/sh
# demo.sh: polls agents with scripts/interfaces.lua for a moment: Debian's snmpd on a free high port, and a rack of scripted
# agents beside it. Nothing outside this machine is asked; what is started here is stopped here.
set -eu
: "${B:=build}"
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d)
pids=
stop() {
  for p in $pids; do kill "$p" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

echo
echo "== Starting agents"
# A UDP port nobody listens on.
port=16100
while awk '{print $2}' /proc/net/udp | grep -qi ":$(printf '%04x' $port)\$"; do port=$((port + 1)); done
printf 'agentaddress udp:127.0.0.1:%s\nrocommunity public\n' $port >"$dir/snmpd.conf"
MIBS='' SNMP_PERSISTENT_DIR=$dir SNMPCONFPATH=$dir snmpd -f -Lf "$dir/snmpd.log" -C -c "$dir/snmpd.conf" -I -smux -p "$dir/pid" &
pids="$pids $!"
luajit tests/agent/agent.lua --interfaces 3 >"$dir/agents" &
pids="$pids $!"
i=0
while ! [ -s "$dir/agents" ] || ! awk '{print $2}' /proc/net/udp | grep -qi ":$(printf '%04x' $port)\$"; do
  i=$((i + 1))
  [ $i -lt 100 ] || { echo "demo: the agents do not start"; cat "$dir/snmpd.log"; exit 1; }
  sleep 0.1
done
others=$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' "$dir/agents")
echo "snmpd on 127.0.0.1:$port, four scripted agents on 127.0.1.1 to 127.0.1.4 port $others"
targets=127.0.0.1:$port
for n in 1 2 3 4; do targets=$targets,127.0.1.$n:$others; done

echo
echo "== Two of them as a table, three readings in two seconds; the last one, with rates"
echo "\$ moonpoll run scripts/interfaces.lua --targets 127.0.0.1:$port,127.0.1.1:$others -c public --every 1 -o table"
timeout -s TERM 2.5 "$B/moonpoll" run scripts/interfaces.lua --targets "127.0.0.1:$port,127.0.1.1:$others" -c public --every 1 -o table \
  >"$dir/table" || [ $? -eq 124 ]
awk '/^[^ ]/ { n++; from[n] = NR } { line[NR] = $0 } END { for (i = from[n > 1 ? n - 1 : 1]; i <= NR; i++) print line[i] }' "$dir/table"

echo
echo "== All as JSON lines, once: the first of them, and the summary"
echo "\$ moonpoll run scripts/interfaces.lua --targets $targets -c public --once -o json --summary"
"$B/moonpoll" run scripts/interfaces.lua --targets "$targets" -c public --once -o json --summary >"$dir/json" 2>"$dir/summary"
sed -n 1,6p "$dir/json"
echo "..."
cat "$dir/summary"
