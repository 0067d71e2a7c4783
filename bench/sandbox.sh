#!/bin/bash
# What the sandbox costs: CPU of all processes of `moonpoll run --once`, start-up included, for the same probe as it is and with `trusted = true`,
# which is without limits and compiled. GETs of one value (bench/probes/get1.lua) and walks of 24 interfaces of which all 984 values are
# read (walk.lua), of simulated agents. Rows of `name figure us`, and how much more: the median of seven pairs, one after the other.
#   bench/sandbox.sh [DEVICES [GETS [WALKS]]]        1,000; of each device 100 and 2. MOONPOLL: the program
set -eu
# shellcheck source=bench/rig.sh
. "${BASH_SOURCE[0]%/*}/rig.sh"
n=${1:-1000} gets=${2:-100} walks=${3:-2}
awk 'BEGIN {
  for (c = 1; c <= 22; c++) for (i = 1; i <= 24; i++)
    printf "1.3.6.1.2.1.2.2.1.%d.%d|%s\n", c, i, c == 2 || c == 6 ? "4|eth" i : c == 22 ? "6|0.0" : "2|" c * 1000 + i
  for (c = 1; c <= 19; c++) for (i = 1; i <= 24; i++)
    printf "1.3.6.1.2.1.31.1.1.1.%d.%d|%s\n", c, i, c == 1 || c == 18 ? "4|eth" i : "2|" c * 1000 + i
}' >"$dir/body.snmprec"
{ echo '1.3.6.1.2.1.1.3.0|67|100'; cat "$dir/body.snmprec"; } >"$dir/interfaces.snmprec"
simulate --recording "$dir/interfaces.snmprec" --count "$n"
hosts 1 "$n" >"$dir/targets.txt"

once() { # PROBE ROUNDS TRUSTED: us of a round
  cat >"$dir/moon.lua" <<END
return { auth = { open = { community = "public" } }, targets = { { file = "targets.txt", auth = "open" } },
  probes = { { file = "$here/probes/$1.lua", args = { rounds = "$2" }, trusted = $3 } } }
END
  "${here_too[@]}" "$program" run --config "$dir/moon.lua" --once --log error -o json --stats "$dir/stats" >/dev/null
  sed -E 's/.*"cpu_seconds":([0-9.]+).*/\1/' "$dir/stats" | awk -v n="$n" -v r="$2" '{printf "%.3f\n", $1 * 1e6 / n / r}'
}
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
for work in get1:$gets walk:$walks; do
  for _ in 1 2 3 4 5 6 7; do echo "$(once "${work%:*}" "${work#*:}" false) $(once "${work%:*}" "${work#*:}" true)"; done >"$dir/pairs"
  for column in 1 2; do
    printf '%s_%s %s us\n' "${work%:*}" "$([ $column = 1 ] && echo sandbox || echo trusted)" "$(cut -d' ' -f$column "$dir/pairs" | median)"
  done
  printf '%s_more %s %%\n' "${work%:*}" "$(awk '{printf "%.1f\n", ($1 / $2 - 1) * 100}' "$dir/pairs" | median)"
done
