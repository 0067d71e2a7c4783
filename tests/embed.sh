#!/bin/sh
# embed.sh FILE.lua...: C source on stdout with the bytecode of every module of the Lua library, lua/moonpoll/a/b.lua
# as "moonpoll.a.b", lua/moonpoll/init.lua as "moonpoll". Debug information stays in: tracebacks need it.
set -eu
name() { echo "$1" | sed 's,^lua/,,; s,\.lua$,,; s,/init$,,; s,/,.,g'; }
for f in "$@"; do luajit -b -g -t h -n "$(name "$f")" "$f" -; done
echo '#include "bind/value/value.h"'
echo 'extern const struct moon_embedded moon_embedded[];'
echo 'const struct moon_embedded moon_embedded[] = {'
for f in "$@"; do
  n=$(name "$f"); c=luaJIT_BC_$(echo "$n" | tr . _)
  echo "  {\"$n\", $c, sizeof $c},"
done
echo '  {0, 0, 0}};'
