#!/bin/bash
# What a sample costs from the script to a pipe: CPU of all processes of `moonpoll run`, start-up included, over the samples.
#   bench/samples.sh [DEVICES]     4,000 samples a device; 250 devices. Best of five.
set -eu
here=${BASH_SOURCE[0]%/*}
devices=${1:-250}
stats=$(mktemp)
trap 'rm -f "$stats"' EXIT
targets=$(for ((i = 0; i < devices; i++)); do echo "127.9.$((i / 250)).$((i % 250 + 1))"; done)
for format in null json; do
  for _ in 1 2 3 4 5; do
    "${MOONPOLL:-$here/../build/moonpoll}" run "$here/probes/samples.lua" --targets /dev/stdin --once -c public -o "$format" \
      --stats "$stats" <<<"$targets" | cat >/dev/null
    sed -E 's/.*"cpu_seconds":([0-9.]+).*"samples":([0-9]+).*/\1 \2/' "$stats"
  done | sort -n | awk -v f="$format" 'NR == 1 { printf "samples_%s %.3f us\n", f, $1 * 1e6 / $2 }'
done
