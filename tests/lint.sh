#!/bin/sh
# lint.sh: rules of the tree that no compiler checks, as TAP.
n=0
result() { # NAME OUTPUT: good when there is no output
  n=$((n + 1))
  if [ -z "$2" ]; then
    echo "ok $n - $1"
  else
    echo "not ok $n - $1"
    printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
  fi
}

result "luacheck" "$(luacheck -q --no-color --std luajit+busted --no-self --max-line-length 160 lua scripts tests/lua tests/nginx tests/e2e tests/agent tests/long tests/mutants \
  $(ls -d bench/probes 2>/dev/null) 2>&1 | grep -E '^ +[^ ]+:[0-9]+:|[Cc]ritical|not found')"

# A file includes its own floor or a lower one.
floors=$(awk '
  BEGIN { split("base wire names agent session engine bind main", f); for (i in f) rank[f[i]] = i }
  { match(FILENAME, /^core\/[^\/]+/); mine = substr(FILENAME, 6, RLENGTH - 5) }
  /^#include "/ {
    path = $2; gsub(/"/, "", path)
    if (path !~ /^\.\.\//) next
    gsub(/^(\.\.\/)+/, "", path); split(path, a, "/")
    if (a[1] in rank && mine in rank && rank[a[1]] > rank[mine]) print FILENAME ":" FNR ": includes " path
  }' $(find core -mindepth 2 -name '*.[ch]'))
result "includes point down" "$floors"
result "lua.h only in bind/" "$(grep -nE '#include <(lua|lauxlib|lualib|luajit)\.h>' -r core | grep -v '^core/bind/')"
result "no I/O, clock, thread, stdio below the boundary" \
  "$(grep -nE '#include <(stdio|sys/socket|netinet/|arpa/|unistd|pthread|time|sys/time|poll|ev|signal)' -r core/base core/wire core/names/*.[ch] core/agent core/session)"
# Constants with pointers in them are in .data.rel.ro, and no variables.
result "no static variable below the boundary" "$(for o in "$B"/obj/core/wire/*.o "$B"/obj/core/names/*.o "$B"/obj/core/agent/*.o "$B"/obj/core/session/*.o; do
  [ ! -e "$o" ] || objdump -t "$o" | awk -v o="$o" '$3 == "O" && $4 ~ /^\.(data|bss)/ && $4 !~ /rel\.ro/ && $NF !~ /ubsan|asan|^__unnamed_|^\.L/ {print o ": " $NF}'
done | head -n 20)"

headers=
for h in $(find core -name '*.h'); do
  why=$(echo "#include \"$h\"" | ${CC:-gcc} -std=gnu11 -D_GNU_SOURCE= -Wall -Wextra -I. $(pkg-config --cflags luajit) -fsyntax-only -x c - 2>&1 | head -n 5)
  [ -z "$why" ] || headers="$headers$why
"
done
result "every header is complete by itself" "$headers"
result "the public headers are C++ too" \
  "$(for h in moonpoll.h engine/engine.h; do echo "#include \"core/$h\"" | g++ -Wall -Wextra -I. -fsyntax-only -x c++ - 2>&1; done | head -n 20)"
result "exported symbols are ours by name" \
  "$(for so in "$B"/libmoonpoll.so "$B"/libmoonpoll-engine.so; do nm -D --defined-only "$so"; done | awk '{print $NF}' |
    grep -vE '^(moon_|_init$|_fini$|__asan|__ubsan|__odr_asan|_edata|_end|__bss_start)' | head)"
result "every bug of mutants.lua fits the tree" "$(luajit tests/mutants/run.lua --check 2>&1)"
result "headers and Makefile within their limits" "$(wc -l Makefile | awk '$1 > 150 {print}')"
echo "1..$n"
