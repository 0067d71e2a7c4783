#!/bin/bash
# One collector run under the conventions of the peer table: RIG_WORK units of work over agents on loopback.
#   RIG_WORK  get1 | get10 | walk     RIG_N  units to do (requests, or device walks)
#   RIG_HOSTS file of addresses       RIG_DEVICES  how many of its first lines
#   RIG_PORT  UDP port                RIG_TMO  timeout in ms (one retry)
# Everything is the program's default; the probe reads every value in Lua.
here=${BASH_SOURCE[0]%/*}
mapfile -t -n "${RIG_DEVICES:?}" hosts <"${RIG_HOSTS:?}"
printf -v targets "%s:${RIG_PORT:?}\n" "${hosts[@]}"
exec "${MOONPOLL:-$here/../build/moonpoll}" run "$here/probes/${RIG_WORK:?}.lua" --targets /dev/stdin --once -v 2c -c public \
  -t "$((RIG_TMO / 1000)).$((RIG_TMO % 1000))" -r 1 --arg rounds=$(((RIG_N + RIG_DEVICES - 1) / RIG_DEVICES)) -o json <<<"$targets"
