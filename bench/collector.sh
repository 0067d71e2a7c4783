#!/bin/bash
# One collector run under the conventions of the peer table: RIG_WORK units of work over agents on loopback.
#   RIG_WORK  get1 | get10 | walk, over SNMPv3 v3get1 | v3walk     RIG_N  units to do (requests, or device walks)
#   RIG_HOSTS file of addresses       RIG_DEVICES  how many of its first lines
#   RIG_PORT  UDP port                RIG_TMO  timeout in ms (one retry)
# Everything is the program's default; the probe reads every value in Lua.
here=${BASH_SOURCE[0]%/*}
mapfile -t -n "${RIG_DEVICES:?}" hosts <"${RIG_HOSTS:?}"
printf -v targets "%s:${RIG_PORT:?}\n" "${hosts[@]}"
work=${RIG_WORK:?}
who=(-v 2c -c public)
if [[ $work == v3* ]]; then # authPriv, SHA-1 and AES-128: a user of the rig's agent
  work=${work#v3}
  who=(-v 3 -l authPriv -u rigsha -a SHA -A authpass12 -x AES -X privpass12)
fi
exec "${MOONPOLL:-$here/../build/moonpoll}" run "$here/probes/$work.lua" --targets /dev/stdin --once "${who[@]}" \
  -t "${RIG_TMO:?}e-3" -r 1 --arg rounds=$(((RIG_N + RIG_DEVICES - 1) / RIG_DEVICES)) -o json <<<"$targets"
