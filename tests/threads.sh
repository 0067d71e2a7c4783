#!/bin/sh
# threads.sh [SPEC...]: where threads meet, under the thread sanitizer. Without words: tests of tests/unit, of a few files
# that are compiled here, in seconds. With words: these of tests/e2e by the program in $B, which was built with SAN=tsan (make tsan). TAP.
# The sanitizer holds signals back until the next system call: specs about scripts that never make one cannot pass.
set -u
: "${B:=build/san}" "${CC:=gcc}"
case $B in /*) ;; *) B=$PWD/$B ;; esac
dir=$B/threads
rm -rf "$dir"
mkdir -p "$dir"
export TSAN_OPTIONS="log_path=$dir/race:exitcode=0"

# reported NAME: what the sanitizer wrote is a failure.
n=0
reported() {
  n=$((n + 1))
  if ls "$dir"/race.* >/dev/null 2>&1; then
    echo "not ok $n - $1 is free of races"
    cat "$dir"/race.* | head -n 200 | sed 's/^/# /'
    rm -f "$dir"/race.*
  else
    echo "ok $n - $1 is free of races"
  fi
}

# compiled NAME FILE...: tests/unit/NAME.c with these.
compiled() {
  name=$1
  shift
  n=$((n + 1))
  : >"$dir/out"
  # shellcheck disable=SC2046 # words
  if $CC -std=gnu11 -D_GNU_SOURCE= -O1 -g -fsanitize=thread -w -Icore $(pkg-config --cflags luajit 2>/dev/null) -o "$dir/$name" \
    "tests/unit/$name.c" "$@" core/base/*.c -lcmocka -lpthread -ldl && timeout 100 "$dir/$name" >"$dir/out" 2>&1; then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name"
  fi
  sed 's/^/# /' "$dir/out"
  reported "$name"
}

if [ $# -eq 0 ]; then
  main=core/main
  echo "1..4"
  compiled threads_test $main/ring.c $main/desk.c $main/watchdog.c
  # With libcrypto as the program has it, which whoever is first opens.
  compiled password_test core/bind/load/password.c core/wire/*.c $main/libcrypto.c $main/log.c $main/format.c $main/print.c
  exit 0
fi

echo "1..$((2 * $#))"
for spec in "$@"; do
  ONLY=$spec JOBS=1 sh tests/run.sh e2e >"$dir/out" 2>&1
  status=$?
  n=$((n + 1))
  if [ $status -eq 0 ]; then echo "ok $n - $spec"; else echo "not ok $n - $spec"; fi
  sed 's/^/# /' "$dir/out"
  reported "$spec"
done
