#!/bin/bash
# What device:get costs inside nginx, beside the same in the engine, in rows of `name figure unit`:
#   nginx_get   requests a second of one worker, from light threads whose cosockets are reused; CPU of each, all of the worker's
#   engine_get  CPU of each in `moonpoll run`, start-up included; and how many times that nginx takes
# Agents are the simulator's, 100 of them; the best of ROUNDS (5). Build with `make` first; needs nginx with the module of Lua.
#   AGENTD=agent  another agent than the simulator: `$AGENTD -p PORT`, any 127.x address
set -eu
here=$(readlink -f "${BASH_SOURCE[0]%/*}")
root=$here/..
build=$(readlink -f "${B:-$root/build}")
program=${MOONPOLL:-$build/moonpoll}
modules=${NGINX_MODULES:-/usr/lib/nginx/modules}
n=${N:-200000} rounds=${ROUNDS:-5} agents=100
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
there=() here_too=()
if [ "$(nproc)" -gt 1 ]; then there=(taskset -c 1) here_too=(taskset -c 0); fi
cpu_ns() { cut -d' ' -f1 "/proc/$1/schedstat"; }

port=$((20000 + $$ % 10000))
if [ -n "${AGENTD:-}" ]; then
  "${there[@]}" "$AGENTD" -p $port >/dev/null 2>&1 &
  pids+=($!)
else
  "${there[@]}" "$program" sim --recording "$root/tests/recordings/small.snmprec" --count $agents --port $port --log error >"$dir/ready" &
  pids+=($!)
  for _ in {1..200}; do [ -s "$dir/ready" ] || sleep 0.05; done
fi
http=$((10000 + $$ % 10000))
user=''
[ "$(id -u)" -ne 0 ] || user='user root;'
cat >"$dir/nginx.conf" <<CONF
load_module $modules/ndk_http_module.so;
load_module $modules/ngx_http_lua_module.so;
daemon off; worker_processes 1; pid $dir/pid; error_log $dir/error.log warn; $user
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $dir/t; proxy_temp_path $dir/t; fastcgi_temp_path $dir/t; uwsgi_temp_path $dir/t; scgi_temp_path $dir/t;
  lua_package_path "$root/lua/?.lua;$root/lua/?/init.lua;;";
  lua_package_cpath "$build/lib/?.so;;";
  lua_socket_log_errors off;
  server {
    listen 127.0.0.1:$http;
    location = / { return 200; }
    location = /get { content_by_lua_block {
      local snmp = require "moonpoll"
      local good, begun, handles = 0, snmp.now(), {}
      for k = 1, $agents do
        handles[k] = ngx.thread.spawn(function()
          local device = snmp.device { host = "127.1.0." .. k, port = $port }
          for _ = 1, $n / $agents do
            if device:get "1.3.6.1.2.1.1.3.0" then good = good + 1 end
          end
        end)
      end
      for k = 1, $agents do ngx.thread.wait(handles[k]) end
      ngx.print(good, " ", snmp.now() - begun)
    } }
  }
}
CONF
mkdir -p "$dir/t"
PATH=/usr/sbin:$PATH "${here_too[@]}" nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log" &
nginx=$!
pids+=($nginx)
page() { # PATH: its body
  exec 3<>"/dev/tcp/127.0.0.1/$http" || return 1
  printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
  sed '1,/^\r$/d' <&3
  exec 3>&-
}
for _ in {1..100}; do { page / >/dev/null; } 2>/dev/null && break; sleep 0.05; done
worker=$(cut -d' ' -f1 "/proc/$nginx/task/$nginx/children")

for ((k = 1; k <= agents; k++)); do echo "127.1.0.$k:$port"; done >"$dir/targets"
for ((r = 0; r < rounds; r++)); do # alternating: what else the machine does hits both
  before=$(cpu_ns "$worker")
  read -r good seconds < <(page /get; echo)
  [ "$good" = "$n" ] || { echo "nginx.sh: $good of $n were answered" >&2; exit 1; }
  echo "nginx $(($(cpu_ns "$worker") - before)) $seconds"
  TIMEFORMAT='engine %U %S'
  { time "${here_too[@]}" "$program" run "$here/probes/get1.lua" --targets "$dir/targets" --once -c public --arg rounds=$((n / agents)) -o json \
    >/dev/null 2>&1; } 2>&1
done >"$dir/rows"
awk -v n="$n" '
  $1 == "nginx" { cpu = $2 / n / 1e3; if (!a || cpu < a) a = cpu; if (n / $3 > rate) rate = n / $3 }
  $1 == "engine" { cpu = ($2 + $3) / n * 1e6; if (!b || cpu < b) b = cpu }
  END {
    printf "nginx_get  %d requests/s\nnginx_get  %.2f us CPU\nengine_get %.2f us CPU\nnginx_get  %.2f times the engine\n", rate, a, b, a / b
  }' "$dir/rows"
