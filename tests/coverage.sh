#!/bin/sh
# coverage.sh DIR: lines and branches of core/wire and core/session that the unit tests and the fuzz corpora reach, as gcov
# counts them. Fails under 90 % of lines or 80 % of branches.
set -eu
dir=$1
rm -rf "$dir"
make --no-print-directory O="$dir" CC=gcc OPT=-O0 EXTRA_CFLAGS="--coverage -fprofile-update=atomic" test-build >"$dir.log" 2>&1 || {
  tail -n 30 "$dir.log"
  exit 1
}
B="$dir" CC=gcc sh tests/run.sh unit fuzz
report=$dir/report
for c in core/wire/*.c core/session/*.c; do
  gcov -b -c -n -o "$dir/obj/$(dirname "$c")" "$c" 2>/dev/null
done >"$report"
awk '
  function row(name, l, ln, b, bn) { printf "  %-28s lines %5.1f %% of %5d   branches %5.1f %% of %5d\n", name, ln ? 100 * l / ln : 100, ln, bn ? 100 * b / bn : 100, bn }
  function done() { if (mine) { row(file, l, ln, b, bn); L += l; LN += ln; C += b; BN += bn } mine = l = ln = b = bn = 0 }
  /^File / { done(); file = $2; gsub(/\047/, "", file); mine = file ~ /^core\/(wire|session)\/.*\.c$/ }
  mine && /^Lines executed:/ { split($0, a, /[:% ]+/); ln = $NF; l = a[3] * ln / 100 }
  mine && /^Taken at least once:/ { split($0, a, /[:% ]+/); bn = $NF; b = a[5] * bn / 100 }
  END {
    done(); row("wire and session", L, LN, C, BN)
    if (!LN || L < 0.9 * LN || C < 0.8 * BN) { print "coverage: under 90 % of lines or 80 % of branches"; exit 1 }
  }' "$report"
