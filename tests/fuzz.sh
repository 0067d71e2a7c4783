#!/bin/sh
# fuzz.sh DIR SECONDS: every fuzz target for so many seconds, from its corpus. New inputs stay in DIR/found/NAME; what
# crashes is DIR/crash/NAME-*: it belongs into tests/fuzz/corpus/NAME together with the fix.
set -u
dir=$1 seconds=$2 status=0
[ -n "$(ls "$dir"/fuzz/*_fuzz 2>/dev/null)" ] || { echo "fuzz: no targets"; exit 1; }
for bin in "$dir"/fuzz/*_fuzz; do
  name=$(basename "$bin" _fuzz)
  mkdir -p "$dir/found/$name" "$dir/crash" "tests/fuzz/corpus/$name"
  if "$bin" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
    -artifact_prefix="$dir/crash/$name-" "$dir/found/$name" "tests/fuzz/corpus/$name" >"$dir/$name.log" 2>&1; then
    printf '  ok    %-16s %s executions, %s inputs known\n' "$name" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/$name.log")" \
      "$(find "$dir/found/$name" "tests/fuzz/corpus/$name" -type f | wc -l)"
  else
    printf '  FAIL  %s\n' "$name"
    grep -vE '^#[0-9]+[[:space:]]' "$dir/$name.log" | tail -n 60
    status=1
  fi
done
exit $status
