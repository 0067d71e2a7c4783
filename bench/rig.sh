# shellcheck shell=bash disable=SC2034
# What the benches here share that poll simulated agents; read by them behind `set -eu`. Sets $here, $program, $dir, which is removed
# at the end, and $there and $here_too: where there are two processors, agents run on one and who asks them on the other.
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
program=$(readlink -f "${MOONPOLL:-${B:-$here/../build}/moonpoll}")
dir=$(mktemp -d)
started=()
stop() { # PID...: and waits for the end of each
  local pid
  for pid in "$@"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}
finish() { # the last one first: who asks, before who answers
  for ((k = ${#started[@]} - 1; k >= 0; k--)); do stop "${started[k]}"; done
  rm -rf "$dir"
}
trap finish EXIT
there=() here_too=()
if [ "$(nproc)" -gt 1 ]; then there=(taskset -c 1) here_too=(taskset -c 0); fi

simulate() { # WORDS...: a simulator that is ready; its pid in $sim, its port in $port
  : >"$dir/ready"
  "${there[@]}" "$program" sim "$@" --log error --run-dir "$dir/simulator" >"$dir/ready" &
  sim=$!
  started+=("$sim")
  for _ in {1..400}; do [ -s "$dir/ready" ] || sleep 0.05; done
  port=$(sed -n 's/.*, port \([0-9]*\),.*/\1/p' "$dir/ready")
}
hosts() { # FROM TO: the addresses of those agents
  awk -v a="$1" -v b="$2" -v p="$port" 'BEGIN {for (k = a; k <= b; k++) printf "127.%d.%d.%d:%d\n", 1 + k / 65536, k / 256 % 256, k % 256, p}'
}
cpu_ns() { cut -d' ' -f1 "/proc/$1/schedstat"; }
rss() { awk '/^VmRSS/ {printf "%.1f MB\n", $2 / 1024}' "/proc/$1/status"; }
