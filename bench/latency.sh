#!/bin/sh
# Histograms of a collector's run, milliseconds: how late scripts go on (latency; late: whole runs), how long they (resume), the loop
# (turn) and each step of collecting their garbage (gc) take. The last row, once `make bench-build` was, is that with 64 MB alive, in CPU.
# Arguments are those of `moonpoll run`; RIG_* as in collector.sh do as well:
#   bench/latency.sh PROBE --targets FILE -c public
here=$(dirname "$0")
build=${B:-$here/../build}
stats=$(mktemp)
trap 'rm -f "$stats"' EXIT
"${MOONPOLL:-$build/moonpoll}" run "$@" -o null --once --stats "$stats" || [ $? -eq 3 ] || exit 1
sed 's/.*"histograms":{//' "$stats" | tr '}' '\n' | sed -nE \
  's/^,?"([a-z]+)":\{"n":([0-9]+),.*"max":([0-9.]+),"p50":([0-9.]+),"p90":([0-9.]+),"p99":([0-9.]+),"p999":([0-9.]+).*/\1 \2 \4 \5 \6 \7 \3/p' |
  awk 'BEGIN { printf "%-8s %10s %9s %9s %9s %9s %9s\n", "ms", "n", "p50", "p90", "p99", "p99.9", "max" }
       { printf "%-8s %10d %9.3f %9.3f %9.3f %9.3f %9.3f\n", $1, $2, $3 * 1e3, $4 * 1e3, $5 * 1e3, $6 * 1e3, $7 * 1e3 }'
if [ -x "$build/bench/histogram_bench" ]; then
  HEAP_MB=64 "$build/bench/histogram_bench" | sed -nE 's/.*; ([0-9]+) pauses.*p50 ([0-9]+), p90 ([0-9]+), p99 ([0-9]+), p99.9 ([0-9]+),.*max ([0-9]+).*/\1 \2 \3 \4 \5 \6/p' |
    awk '{ printf "%-8s %10d %9.3f %9.3f %9.3f %9.3f %9.3f\n", "gc 64M", $1, $2 / 1e3, $3 / 1e3, $4 / 1e3, $5 / 1e3, $6 / 1e3 }'
fi
