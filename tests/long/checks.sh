#!/usr/bin/env bash
# The checks that take minutes, as tests: fuzzing for a while, coverage, mutants.
unset MAKEFLAGS MAKEOVERRIDES MFLAGS SAN O B
n=0
for target in "fuzz FUZZ_SECONDS=${FUZZ_SECONDS:-30}" coverage mutants; do
  n=$((n + 1))
  # shellcheck disable=SC2086 # a target and its variable
  if out=$(make --no-print-directory $target 2>&1); then
    echo "ok $n - make $target"
  else
    echo "not ok $n - make $target"
  fi
  printf '%s\n' "$out" | tail -n 60 | sed 's/^/# /'
done
echo "1..$n"
