#!/bin/sh
# demo.sh: a thousand simulated devices, polled with scripts/interfaces.lua for ten seconds. Nothing outside this machine is
# asked; what is started here is stopped here.
set -eu
: "${B:=build}"
dir=$(mktemp -d)
export XDG_RUNTIME_DIR="$dir"
sim=
stop() {
  [ -z "$sim" ] || kill "$sim" 2>/dev/null || true
  [ -z "$sim" ] || wait "$sim" 2>/dev/null || true
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP PIPE # of `make demo | head` nothing is left either

echo
echo "== A thousand devices of four kinds, from recordings: some slow, some dead"
echo "\$ moonpoll sim tests/demo.lua"
"$B/moonpoll" sim tests/demo.lua --targets "$dir/targets.json" --run-dir "$dir" --stats "$dir/sim.json" >"$dir/ready" &
sim=$!
i=0
while ! [ -s "$dir/ready" ]; do
  i=$((i + 1))
  [ $i -lt 100 ] && kill -0 $sim || { echo "demo: the simulator does not start"; exit 1; }
  sleep 0.1
done
sed 's/, control in.*//' "$dir/ready"

one=$(sed 's/.* agents\{0,1\}, \([^ ]*\) to.*/\1/' "$dir/ready")
echo
echo "== One of them, the first eight samples as a table"
echo "\$ moonpoll run scripts/interfaces.lua --targets $one --once -o table"
"$B/moonpoll" run scripts/interfaces.lua --targets "$one" --once -o table | sed 9q

echo
echo "== Polled for ten seconds: traffic of every interface, every three seconds"
echo "\$ moonpoll run scripts/interfaces.lua --targets targets.json --every 3 -t 1"
timeout -s TERM 10 "$B/moonpoll" run scripts/interfaces.lua --targets "$dir/targets.json" --every 3 -t 1 -o json --summary \
  --log error 2>"$dir/summary" | awk -v targets="$dir/targets.json" '
  function text(key,  i) { # of a label or field; awk is told nothing of JSON but this
    i = index($0, "\"" key "\":")
    if (!i) return ""
    i = substr($0, i + length(key) + 3)
    return substr(i, 1, 1) == "\"" ? substr(i, 2, index(substr(i, 2), "\"") - 1) : i + 0
  }
  function group(agent) { sub(/-[0-9]+$/, "", agent); return agent }
  function say() { printf "  %4d s  %4d devices answered   %7d samples\n", last - first, answering, NR }
  BEGIN {
    while ((getline <targets) > 0) {
      if (!text("agent")) continue
      g = group(text("agent"))
      if (!(g in devices)) order[++groups] = g
      devices[g]++
    }
  }
  {
    name = text("name")
    if (name !~ /^if_/ || name == "if_rx_octets") next
    agent = text("agent")
    at = agent "/" text("index")
    if (!first) {
      print "  the first sample: " substr($0, 1, 98) "..."
      first = last = int(text("t"))
    }
    if (!(agent in seen)) { seen[agent] = 1; answering++; answered[group(agent)]++ }
    if (name == "if_up" && !(at in up)) { up[at] = 1; ports[group(agent)] += text("value") }
    if (name == "if_rx_rate") { rx[group(agent)] += text("value") - was[at]; was[at] = text("value") }
    now = int(text("t"))
    if (now > last) { last = now; say() }
  }
  END {
    print ""
    printf "  %-8s %9s %10s %15s %18s\n", "kind", "devices", "answered", "interfaces up", "traffic in"
    for (i = 1; i <= groups; i++) {
      g = order[i]
      printf "  %-8s %9d %10d %15d %13.2f Gbit/s\n", g, devices[g], answered[g], ports[g], rx[g] * 8 / 1e9
    }
  }'

echo
echo "== What the collector counted, and what the devices did"
cat "$dir/summary"
kill -TERM $sim
wait $sim || true
sim=
number() { sed -n "1s/.*\"$1\":\([0-9.]*\).*/\1/p" "$dir/sim.json"; }
sed -n '1s/,"each".*//p' "$dir/sim.json" >"$dir/total"
mv "$dir/total" "$dir/sim.json"
echo "devices: $(number datagrams_in) datagrams in, $(number datagrams_out) out; $(number loss) lost and $(number dead) ignored on purpose;" \
  "$(number varbinds) values told"
