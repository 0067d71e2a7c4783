#!/bin/sh
# Probes exchanged while they run: how long `moonpoll reload --now` takes, the longest turn of a loop meanwhile (and in two seconds without
# it: the machine's own), and how long after it was asked for a run of the version before still began. Turns by the processor time
# of their thread (turns.c), with what the loop was told between two of them, and by the wall, where they are as long as others have the processor.
# In the end half of the targets go, and come back.
#   bench/reload.sh [TARGETS [PROBES [EVERY [WORKERS]]]]       10000 1 5 2
# RELOADS=9: so many instead of 3.
set -eu
B=${B:-build}
here=${0%/*}
N=${1:-10000} PROBES=${2:-1} EVERY=${3:-5} WORKERS=${4:-2}
D=$(mktemp -d)
PIDS=
trap 'kill $PIDS 2>/dev/null || :; rm -rf "$D"' EXIT
mkdir "$D/run" "$D/sim" "$D/probes"
write() {
  for i in $(seq 1 "$PROBES"); do
    cat >"$D/new" <<EOF
local columns = { oper = "1.3.6.1.2.1.2.2.1.8", rx = "1.3.6.1.2.1.31.1.1.1.6", tx = "1.3.6.1.2.1.31.1.1.1.10" }
local mark = $1
return { every = $EVERY, timeout = 20, run = function(device, out, state)
  state.n = (state.n or 0) + 1
  out:gauge("uptime", assert(device:get "1.3.6.1.2.1.1.3.0"))
  out:gauge("mark", mark) out:gauge("columns", columns and 3 or 0)
end }
EOF
    mv "$D/new" "$D/probes/p$i.lua"
  done
}
status() { "$B/moonpoll" status --json --run-dir "$D/run" >"$D/$1" || return 1; }
write 1
"$B/moonpoll" sim --recording tests/recordings/small.snmprec --count "$N" --address 127.9.0.1 --targets "$D/targets.json" --run-dir "$D/sim" >"$D/ready" &
PIDS=$!
until grep -q '^ready' "$D/ready"; do sleep 0.1; done
${CC:-cc} -O2 -shared -fPIC -o "$D/turns.so" "$here/turns.c" -ldl
head -c 4096 /dev/zero >"$D/shared"
TURNS="$D/shared" LD_PRELOAD="$D/turns.so" "$B/moonpoll" run "$D"/probes/*.lua --targets "$D/targets.json" -c public -o json --workers "$WORKERS" --run-dir "$D/run" >"$D/out" 2>"$D/log" &
PIDS="$PIDS $!"
cat >"$D/done.lua" <<'EOF'
os.exit(require "cjson".decode(io.open(arg[1]):read "*a").runs.runs_ok >= tonumber(arg[2]) and 0 or 1)
EOF
cat >"$D/gc.lua" <<'EOF'
local function buckets(path)
  local by = {}
  for _, b in ipairs(require "cjson".decode(io.open(path):read "*a").histograms.gc.buckets) do by[b[1]] = b[2] end
  return by
end
local a, b, most = buckets(arg[1]), buckets(arg[2]), 0
for upto, n in pairs(b) do if n > (a[upto] or 0) and upto > most then most = upto end end
print(("; longest pause for garbage %.2f ms"):format(most * 1e3))
EOF
begin() { status a && dd if=/dev/zero of="$D/shared" bs=4096 count=1 conv=notrunc status=none; }
tell() {
  od -A n -t u8 -v -w64 -N 64 "$D/shared" | awk '{printf "longest turn %.2f ms, %.2f of those not cut in on, %.2f by the wall; of %d turns %d over 3 ms, %d over 5, %d by the wall, %d of them cut in on", $2 / 1e6, $3 / 1e6, $4 / 1e6, $1, $5, $6, $7, $8}'
  status b && luajit "$D/gc.lua" "$D/a" "$D/b"
}
until status a 2>/dev/null && luajit "$D/done.lua" "$D/a" $((N * PROBES)); do sleep 0.5; done
for k in $(seq 2 $((${RELOADS:-3} + 1))); do
  begin && sleep 2
  printf 'without:             ' && tell
  write "$k"
  begin
  t0=$(date +%s%N)
  echo "$t0" >>"$D/asked"
  "$B/moonpoll" reload --now --run-dir "$D/run" >/dev/null
  t1=$(date +%s%N)
  sleep 2
  printf 'reloaded in %6.3f s, ' "$(echo "($t1 - $t0) / 1000000000" | bc -l)" && tell
done
cp "$D/targets.json" "$D/all.json"
cat >"$D/half.lua" <<'EOF'
local cjson, half = require "cjson", {}
for i, group in ipairs(cjson.decode(io.read "*a")) do
  if #group.targets == 1 then
    if i % 2 == 0 then half[#half + 1] = group end
  else
    half[#half + 1] = group
    for k = #group.targets, 1, -2 do table.remove(group.targets, k) end
  end
end
io.write(cjson.encode(half))
EOF
luajit "$D/half.lua" <"$D/all.json" >"$D/half.json"
for what in half all; do
  begin
  cp "$D/$what.json" "$D/new" && mv "$D/new" "$D/targets.json"
  "$B/moonpoll" reload --run-dir "$D/run" >/dev/null
  sleep 2
  printf '%s of the targets:  ' "$what" && tell
done
sleep "$EVERY"
"$B/moonpoll" stop --run-dir "$D/run" >/dev/null
while [ -e "/proc/${PIDS##* }" ]; do sleep 0.1; done
luajit - "$D/out" "$D/asked" <<'EOF'
local cjson = require "cjson"
local asked = {}
for line in io.lines(arg[2]) do asked[#asked + 1] = tonumber(line) / 1e9 end
local first, last, order, took = {}, {}, {}, {}
for line in io.lines(arg[1]) do
  local s = line:find('"name":"up"', 1, true) and cjson.decode(line)
  local seconds = line:find('"name":"run_seconds"', 1, true) and cjson.decode(line)
  if s then took = { s.version, s.t, s.probe } end
  if seconds then
    local version, at = took[3] .. took[1], took[2] - seconds.value
    if not first[version] then order[#order + 1] = { took[3], version } end
    first[version] = math.min(first[version] or at, at)
    last[version] = math.max(last[version] or at, at)
  end
end
local before, n, most = {}, {}, -math.huge -- of each probe: its last version, how many came after the first
table.sort(order, function(a, b) return first[a[2]] < first[b[2]] end)
for _, o in ipairs(order) do
  local probe = o[1]
  n[probe] = (n[probe] or -1) + 1
  if before[probe] then most = math.max(most, last[before[probe]] - asked[n[probe]]) end
  before[probe] = o[2]
end
print(("a run of the version before began at most %.3f s after a reload was asked for"):format(math.max(most, 0)))
EOF
