#!/bin/sh
# run.sh STAGE...: runs the tests that are built in $B and adds them up. Everything speaks TAP: cmocka binaries, corpus
# replays, busted specs, scripts. A test program that dies, hangs, or ends with fewer results than it announced is one more
# failure; what is skipped is told with its reason and counts as nothing. Last line: "N passed, N failed"; exit 1 when anything
# failed or nothing ran.
#   unit  tests/unit/*_test.c       fuzz  corpora through tests/fuzz/*_fuzz.c   lua  tests/lua/*_spec.lua
#   e2e   tests/e2e/*_spec.lua      lint  tests/lint.sh                         long tests/long/*
#   soak  tests/e2e/load_soak_spec.lua for an hour, or $MOON_SOAK_SECONDS
#   nginx tests/nginx/*_spec.lua, and tests/lua/*_spec.lua once more, inside nginx
#   threads tests/threads.sh
# ONLY=word runs only the programs with that word in their name. Three specs run at once, as most of them wait, and beside them what only
# computes, one after the other. JOBS=1: all one after the other.
# A spec that judges by time has a line "-- Alone: why" and runs behind the others, with none beside it.
set -u
: "${B:=build/san}" "${CC:=gcc}" "${ONLY:=}" "${JOBS:=3}"
case $B in /*) ;; *) B=$PWD/$B ;; esac
log=$B/log

# One program: NAME SECONDS COMMAND... Its figures go to a file, its line and what failed to the screen.
if [ "${1:-}" = --one ]; then
  name=$2 limit=$3
  shift 3
  file=$log/$(echo "$name" | tr / _).tap
  begun=$(date +%s.%N)
  timeout -k 5 "$limit" "$@" >"$file" 2>&1 </dev/null
  status=$?
  counts=$(awk '/^(not )?ok .*# SKIP/{s++; next} /^ok /{p++} /^not ok /{f++} /^1\.\.[0-9]+/{sub(/^1\.\./, ""); plan += $1 + 0}
                END{printf "%d %d %d %d", p, f, s, plan}' "$file")
  # shellcheck disable=SC2086 # four numbers
  set -- $counts
  p=$1 f=$2 skipped=$3 plan=$4 why=
  if [ "$status" -eq 127 ]; then
    f=1 why="is not built"
  elif [ "$status" -ge 124 ] && [ "$status" -le 137 ]; then
    f=$((f + 1)) why="stopped after $limit s or killed"
  elif [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
    f=1 why="exit status $status"
  elif [ $((p + f + skipped)) -lt "$plan" ] || [ $((p + f + skipped)) -eq 0 ]; then
    f=$((f + 1)) why="$((p + f + skipped)) of $plan results"
  fi
  echo "$p $f $name" >"${file%.tap}.sum"
  took=$(echo "$begun $(date +%s.%N)" | awk '{printf "%.1f", $2 - $1}')
  {
    if [ "$f" -eq 0 ]; then
      printf '  ok    %-34s %4d  %5s s\n' "$name" "$p" "$took"
    else
      printf '  FAIL  %-34s %4d passed, %d failed  %s s  %s\n' "$name" "$p" "$f" "$took" "$why"
      # What failed with what was said about it; the end of the log when the program died.
      awk '/^not ok /{on = 25} /^ok /{on = 0} on > 0{print "        " $0; on--}' "$file" | head -n 120
      if [ -n "$why" ]; then tail -n 60 "$file" | sed 's/^/        | /'; fi
    fi
    if [ "$skipped" -gt 0 ]; then grep -iE 'skip' "$file" | sed 's/^/        /' | head -n 4; fi
  } >"${file%.tap}.said"
  cat "${file%.tap}.said" # at once, so that two programs do not mix
  exit 0
fi

rm -rf "$log"
mkdir -p "$log/snmp/cert_indexes"
export B CC MIBS= LC_ALL=C.UTF-8 TZ=UTC
export SNMP_PERSISTENT_DIR="$log/snmp" SNMPCONFPATH="$log/snmp"
export CMOCKA_MESSAGE_OUTPUT=TAP
export UBSAN_OPTIONS=print_stacktrace=1
export MOONPOLL="$B/moonpoll"
export LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;$PWD/tests/?.lua;;" LUA_CPATH="$B/lib/?.so;;"
: >"$log/list" >"$log/busy" >"$log/alone"

# tap NAME SECONDS CMD...: one more to run.
tap() {
  case $1 in *"$ONLY"*) ;; *) return ;; esac
  {
    for word in "$@"; do printf " '%s'" "$word"; done # no blank at the end: xargs would go on with the next line
    echo
  } >>"$log/$list"
}
list=list

busy_tap() {
  list=busy
  tap "$@"
  list=list
}

busted_tap() { # NAME SECONDS FILE [VAR=VALUE...]
  name=$1 limit=$2 file=$3
  shift 3
  if grep -q '^-- Alone: ' "$file"; then list=alone; fi
  tap "$name" "$limit" env "$@" busted --lua=luajit -o TAP "$file"
  list=list
}

for stage in "$@"; do
  case $stage in
    unit)
      for t in tests/unit/*_test.c; do
        [ -e "$t" ] || continue
        t=$(basename "$t" .c)
        busy_tap "unit/$t" 120 "$B/unit/$t"
      done ;;
    fuzz)
      for t in tests/fuzz/*_fuzz.c; do
        [ -e "$t" ] || continue
        t=$(basename "$t" .c)
        busy_tap "fuzz/$t" 60 "$B/fuzz/$t" "tests/fuzz/corpus/${t%_fuzz}"
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
    nginx)
      if [ ! -e "${NGINX_MODULES:-/usr/lib/nginx/modules}/ngx_http_lua_module.so" ]; then
        tap nginx 10 echo 'ok 1 - nginx # SKIP no module of Lua here: libnginx-mod-http-lua'
        continue
      fi
      preload=
      case $B,$CC in
        *san*,*clang*) preload=$($CC -print-file-name=libclang_rt.asan-x86_64.so) ;;
        *san*) preload=$($CC -print-file-name=libasan.so) ;;
      esac
      for t in tests/lua/*_spec.lua; do
        tap "nginx/lua/$(basename "$t" .lua)" 120 env NGINX_PRELOAD="$preload" luajit tests/nginx/inside.lua "$t"
      done
      for t in tests/nginx/*_spec.lua; do
        busted_tap "nginx/$(basename "$t" .lua)" 240 "$t" NGINX_PRELOAD="$preload"
      done ;;
    lint) busy_tap lint 120 sh tests/lint.sh ;;
    threads) busy_tap threads 120 sh tests/threads.sh ;;
    long)
      for t in tests/long/*.sh; do
        [ -e "$t" ] || continue
        tap "long/$(basename "$t" .sh)" 3600 bash "$t"
      done
      for t in tests/long/*_spec.lua; do
        [ -e "$t" ] || continue
        busted_tap "long/$(basename "$t" .lua)" 900 "$t"
      done ;;
    soak)
      : "${MOON_SOAK_SECONDS:=3600}"
      busted_tap soak $((MOON_SOAK_SECONDS + 300)) tests/e2e/load_soak_spec.lua MOON_SOAK_SECONDS="$MOON_SOAK_SECONDS" ;;
    *) echo "run.sh: no stage $stage"; exit 2 ;;
  esac
done
run() { xargs -r -P "$1" -L 1 sh tests/run.sh --one <"$log/$2"; }
if [ "$JOBS" -eq 1 ] || [ ! -s "$log/list" ]; then
  run "$JOBS" busy
  run "$JOBS" list
else
  run 1 busy &
  run "$JOBS" list
  wait
fi
run 1 alone
# A program without figures is one more failure.
counts=$(cat "$log"/*.sum 2>/dev/null | awk -v programs="$(cat "$log/list" "$log/busy" "$log/alone" | wc -l)" '{p += $1; f += $2} END{printf "%d %d", p, f + programs - NR}')
passed=${counts% *} failed=${counts#* }
[ "$failed" -eq 0 ] || echo "failed in:$(awk '$2{printf " %s", $3}' "$log"/*.sum) (logs in ${log#"$PWD"/})"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
