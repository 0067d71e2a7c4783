#!/bin/sh
# make.sh [DIR]: makes the recordings of this directory anew, from Debian's snmpd in network namespaces of its own, through
# `moonpoll record`. As root. Interfaces are made for it, names and addresses are of documentation ranges, and what is left of
# the host that did it (processor, mounts) is replaced.
set -eu
here=$(dirname "$0")
out=${1:-$here}
: "${MOONPOLL:=$here/../../build/moonpoll}"
MOONPOLL=$(readlink -f "$MOONPOLL")
out=$(readlink -f "$out")
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/common" <<'END'
agentaddress udp:127.0.0.1:16161
rocommunity public default -V part
sysContact noc@example.net
view part included .1.3.6.1.2.1.1
view part included .1.3.6.1.2.1.2
view part included .1.3.6.1.2.1.31
view part included .1.3.6.1.2.1.11
view part included .1.3.6.1.6.3.10.2.1
END

# port NAME MAC ALIAS: an interface that is up, its other end in a namespace that holds nothing else.
cat >"$dir/lib" <<'END'
port() {
  ip link add "$1" address "02:00:5e:$2" type veth peer name "p$1" netns "$peers"
  ip link set "$1" up alias "$3"
  nsenter -t "$peers" -n ip link set "p$1" up
}
END

# record NAME SETUP: runs SETUP and snmpd with NAME.conf in a new namespace.
record() {
  {
    cat "$dir/lib"
    echo "peers=\$1"
    echo "ip link set lo up"
    echo "$2"
    cat <<'END'
snmpd -f -Lf "$3/log" -C -c "$3/conf" -I -smux -p "$3/pid" &
snmpd=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
  sleep 0.5
  "$4" record 127.0.0.1:16161 -t 1 >"$2" 2>"$3/why" && break
done
kill $snmpd
wait $snmpd || true
END
  } >"$dir/inside"
  unshare -n sleep 60 &
  peers=$!
  sleep 0.2
  mkdir -p "$dir/state"
  MIBS='' SNMP_PERSISTENT_DIR=$dir/state SNMPCONFPATH=$dir unshare -n sh -eu "$dir/inside" $peers "$dir/raw" "$dir" "$MOONPOLL"
  kill $peers
  [ -s "$dir/raw" ] || { echo "make.sh: $1: $(cat "$dir/why" "$dir/log")" >&2; exit 1; }
  # hrDeviceDescr of processors, hrStorageDescr and hrFSMountPoint of what is no usual place, hrSystemDate, boot parameters,
  # snmpEngineID
  awk -F'|' -v OFS='|' '
    $1 ~ /^1\.3\.6\.1\.2\.1\.25\.3\.2\.1\.3\.1966/ { $2 = 4; $3 = "GenuineExample: Processor, 2.00 GHz" }
    $1 ~ /^1\.3\.6\.1\.2\.1\.25\.(2\.3\.1\.3|3\.8\.1\.2)\./ && $3 ~ /^\// && $3 !~ /^\/(dev\/shm|boot|home|var|run)?$/ { $2 = 4; $3 = "/srv" }
    $1 == "1.3.6.1.2.1.25.1.2.0" { $2 = "4x"; $3 = "07e9060c0a1e0000" }
    $1 == "1.3.6.1.2.1.25.1.4.0" { $2 = 4; $3 = "root=/dev/sda1 ro quiet" }
    $1 == "1.3.6.1.6.3.10.2.1.1.0" { $2 = "4x"; $3 = "80001f8804636f726531" }
    { print }' "$dir/raw" >"$out/$1.snmprec"
  echo "$1: $(wc -l <"$out/$1.snmprec") instances"
}

{
  cat "$dir/common"
  echo 'sysName access-sw-1'
  echo 'sysLocation Building 2, floor 1'
  echo 'sysDescr 48-port access switch, software 4.2.1'
  echo 'sysObjectID 1.3.6.1.4.1.8072.3.2.10'
  echo 'sysServices 2'
  i=1
  while [ $i -le 48 ]; do echo "interface swp$i 6 1000000000"; i=$((i + 1)); done
  for i in 49 50 51 52; do echo "interface swp$i 6 10000000000"; done
} >"$dir/conf"
record switch '
i=1
while [ $i -le 52 ]; do
  port swp$i "00:01:$(printf %02x $i)" "$([ $i -le 48 ] && echo "desk $i" || echo "uplink $i")"
  i=$((i + 1))
done
for i in 7 19 33 48; do ip link set swp$i down; done'

{
  cat "$dir/common"
  echo 'sysName edge-1'
  echo 'sysLocation Data centre 1, row C'
  echo 'sysDescr Edge router, software 7.1'
  echo 'sysServices 4'
  echo 'view part included .1.3.6.1.2.1.4.20'
  echo 'view part included .1.3.6.1.2.1.4.24.4'
  echo 'view part included .1.3.6.1.2.1.5'
  for i in 0 1 2 3; do echo "interface xe-0/0/$i 6 100000000000"; done
} >"$dir/conf"
record router '
i=0
while [ $i -le 5 ]; do
  port xe$i "00:02:0$i" "to peer $i"
  ip addr add 192.0.2.$((i * 8 + 1))/29 dev xe$i
  ip addr add 2001:db8:$i::1/64 nodad dev xe$i
  ip route add 198.51.100.$((i * 32))/27 via 192.0.2.$((i * 8 + 2))
  i=$((i + 1))
done
ip route add default via 192.0.2.2'

{
  cat "$dir/common"
  echo 'sysName files-1'
  echo 'sysLocation Data centre 1, row A'
  echo 'sysDescr Linux files-1 6.1.0 x86_64'
  echo 'sysServices 72'
  for v in 25.1 25.2 25.3 4.1 4.2 4.3 4.4 4.5 4.6 4.7 4.8 4.9 4.10 4.20 6.5 6.6 6.9 7.1 7.4; do echo "view part included .1.3.6.1.2.1.$v"; done
  for v in 4 10 11; do echo "view part included .1.3.6.1.4.1.2021.$v"; done
} >"$dir/conf"
record server '
port eth0 "00:03:00" "front"
port eth1 "00:03:01" "storage"
ip addr add 192.0.2.130/24 dev eth0'

{
  sed -e '/\.31$/d' -e '/\.6\.3\./d' "$dir/common"
  echo 'sysName door-7'
  echo 'sysLocation Gate 7'
  echo 'sysDescr Door controller'
  echo 'sysServices 1'
} >"$dir/conf"
record small ''
