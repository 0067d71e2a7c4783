#!/bin/sh
# run.sh STAGE...: runs the tests that are built in $B and adds them up. Everything speaks TAP: cmocka binaries, corpus
# replays, busted specs, scripts. A test program that dies, hangs, or ends with fewer results than it announced is one more
# failure. Last line: "N passed, N failed"; exit 1 when anything failed or nothing ran.
#   unit  tests/unit/*_test.c       fuzz  corpora through tests/fuzz/*_fuzz.c   lua  tests/lua/*_spec.lua
#   e2e   tests/e2e/*_spec.lua      lint  tests/lint.sh                         long tests/long/*
# ONLY=word runs only the programs with that word in their name.
set -u
: "${B:=build/san}" "${CC:=gcc}" "${ONLY:=}"
case $B in /*) ;; *) B=$PWD/$B ;; esac
log=$B/log
mkdir -p "$log"
passed=0 failed=0 bad=
export MIBS= MOONPOLL_MIBS="$log/no-mibs" LC_ALL=C.UTF-8 TZ=UTC B CC
export SNMP_PERSISTENT_DIR="$log/snmp" SNMPCONFPATH="$log/snmp"
mkdir -p "$log/snmp/cert_indexes"
export XDG_RUNTIME_DIR="$log" # where run directories go
export CMOCKA_MESSAGE_OUTPUT=TAP
export UBSAN_OPTIONS=print_stacktrace=1
export MOONPOLL="$B/moonpoll"
export LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;$PWD/tests/?.lua;;" LUA_CPATH="$B/lib/?.so;;"

# tap NAME SECONDS CMD...
tap() {
  name=$1 limit=$2
  shift 2
  case $name in *"$ONLY"*) ;; *) return ;; esac
  file=$log/$(echo "$name" | tr / _).tap
  begun=$(date +%s.%N)
  timeout -k 5 "$limit" "$@" >"$file" 2>&1 </dev/null
  status=$?
  # cmocka says "not ok 1 # SKIP" of what cannot be tested here.
  counts=$(awk '/^(not )?ok .*# SKIP/{s++; next} /^ok /{p++} /^not ok /{f++} /^1\.\.[0-9]+/{sub(/^1\.\./, ""); plan += $1 + 0}
                END{printf "%d %d %d %d", p, f, plan, s}' "$file")
  # shellcheck disable=SC2086 # four numbers
  set -- $counts
  p=$1 f=$2 why= skipped=
  [ "$4" -eq 0 ] || skipped=", $4 skipped"
  if [ "$status" -eq 127 ]; then
    f=1 why="is not built"
  elif [ "$status" -ge 124 ] && [ "$status" -le 137 ]; then
    f=$((f + 1)) why="stopped after $limit s or killed"
  elif [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
    f=1 why="exit status $status"
  elif [ $((p + f + $4)) -lt "$3" ] || [ $((p + f + $4)) -eq 0 ]; then
    f=$((f + 1)) why="$((p + f + $4 - 1)) of $3 results"
  fi
  passed=$((passed + p)) failed=$((failed + f))
  took=$(echo "$begun $(date +%s.%N)" | awk '{printf "%.1f", $2 - $1}')
  if [ "$f" -eq 0 ]; then
    printf '  ok    %-34s %4d  %5s s%s\n' "$name" "$p" "$took" "$skipped"
  else
    bad="$bad $name"
    printf '  FAIL  %-34s %4d passed, %d failed  %s s  %s\n' "$name" "$p" "$f" "$took" "$why"
    # What failed with what was said about it; the end of the log when the program died.
    awk '/^not ok /{on = 25} /^ok |# SKIP/{on = 0} on > 0{print "        " $0; on--}' "$file" | head -n 120
    if [ -n "$why" ]; then tail -n 60 "$file" | sed 's/^/        | /'; fi
  fi
}

busted_tap() { # NAME SECONDS FILE [VAR=VALUE...]
  name=$1 limit=$2 file=$3
  shift 3
  tap "$name" "$limit" env "$@" busted --lua=luajit -o TAP "$file"
}

for stage in "$@"; do
  case $stage in
    unit)
      for t in tests/unit/*_test.c; do
        [ -e "$t" ] || continue
        t=$(basename "$t" .c)
        tap "unit/$t" 120 "$B/unit/$t"
      done ;;
    fuzz)
      for t in tests/fuzz/*_fuzz.c; do
        [ -e "$t" ] || continue
        t=$(basename "$t" .c)
        tap "fuzz/$t" 60 "$B/fuzz/$t" "tests/fuzz/corpus/${t%_fuzz}"
      done ;;
    lua)
      # The sanitized module needs its runtime loaded first; LeakSanitizer does not see into LuaJIT's memory.
      case $CC in *clang*) lib=libclang_rt.asan-x86_64.so ;; *) lib=libasan.so ;; esac
      for t in tests/lua/*_spec.lua; do
        [ -e "$t" ] || continue
        busted_tap "lua/$(basename "$t" .lua)" 120 "$t" LD_PRELOAD="$($CC -print-file-name=$lib)" ASAN_OPTIONS=detect_leaks=0
      done ;;
    e2e)
      for t in tests/e2e/*_spec.lua; do
        [ -e "$t" ] || continue
        busted_tap "e2e/$(basename "$t" .lua)" 240 "$t"
      done ;;
    lint) tap lint 120 sh tests/lint.sh ;;
    long)
      for t in tests/long/*.sh; do
        [ -e "$t" ] || continue
        tap "long/$(basename "$t" .sh)" 3600 bash "$t"
      done
      for t in tests/long/*_spec.lua; do
        [ -e "$t" ] || continue
        busted_tap "long/$(basename "$t" .lua)" 600 "$t"
      done ;;
    *) echo "run.sh: no stage $stage"; exit 2 ;;
  esac
done
[ -z "$bad" ] || echo "failed in:$bad (logs in ${log#"$PWD"/})"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
