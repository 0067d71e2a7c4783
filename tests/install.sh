#!/bin/sh
# install.sh [nginx]: what `make install` puts under $DESTDIR$PREFIX, from the build in $B; nginx: the Lua library alone.
set -eu
lib=$DESTDIR${LIBDIR:-}
put() { install -D -m "$1" "$2" "$3"; }
# Where nginx's LuaJIT looks without being told: $PREFIX/share/lua/5.1 and $PREFIX/lib/lua/5.1 for /usr/local.
if [ "${1:-}" = nginx ]; then
  share=$DESTDIR${LUA_DIR:-$PREFIX/share/lua/5.1}
  put 755 "$B/lib/moonpoll/core.so" "$DESTDIR${LUA_LIBDIR:-$PREFIX/lib/lua/5.1}/moonpoll/core.so"
  (cd lua && find moonpoll resty -name '*.lua' ! -path '*/cli/*' ! -path '*/check/*' ! -name names.lua) | while read -r f; do put 644 "lua/$f" "$share/$f"; done
  [ -n "${LUA_DIR:-}" ] || put 644 lua/nginx.conf "$DESTDIR$PREFIX/share/moonpoll/nginx.conf"
  [ -n "${LUA_DIR:-}" ] || find scripts -name '*.lua' | while read -r f; do put 644 "$f" "$DESTDIR$PREFIX/share/moonpoll/$f"; done
  exit 0
fi
[ ! -e "$B/moonpoll" ] || put 755 "$B/moonpoll" "$DESTDIR$PREFIX/bin/moonpoll"
# TOOLS=1: moonpoll also under the names of net-snmp's tools.
for tool in ${TOOLS:+get getnext bulkget walk bulkwalk set}; do ln -sf moonpoll "$DESTDIR$PREFIX/bin/snmp$tool"; done
for l in moonpoll moonpoll-engine; do
  put 644 "$B/lib$l.a" "$lib/lib$l.a"
  put 755 "$B/lib$l.so" "$lib/lib$l.so.$VERSION"
  ln -sf "lib$l.so.$VERSION" "$lib/lib$l.so.$ABI"
  ln -sf "lib$l.so.$ABI" "$lib/lib$l.so"
done
# The public headers and what they include.
${CC:-gcc} -MM -x c core/moonpoll.h core/engine/engine.h | tr ' ' '\n' | sed -n 's,^core/\(.*\.h\)$,\1,p' | sort -u | while read -r h; do
  put 644 "core/$h" "$DESTDIR$PREFIX/include/moonpoll/$h"
done
[ ! -e "$B/lib/moonpoll/core.so" ] || put 755 "$B/lib/moonpoll/core.so" "$lib/lua/5.1/moonpoll/core.so"
find lua -name '*.lua' | while read -r f; do put 644 "$f" "$DESTDIR$PREFIX/share/lua/5.1/${f#lua/}"; done
find scripts -name '*.lua' | while read -r f; do put 644 "$f" "$DESTDIR$PREFIX/share/moonpoll/$f"; done
for man in core/main/*.[1-8]; do [ ! -e "$man" ] || put 644 "$man" "$DESTDIR$PREFIX/share/man/man${man##*.}/${man##*/}"; done
put 644 core/main/moonpoll.bash "$DESTDIR$PREFIX/share/bash-completion/completions/moonpoll"
put 644 core/main/moonpoll.zsh "$DESTDIR$PREFIX/share/zsh/site-functions/_moonpoll"
pc() { # name, description, private libraries
  mkdir -p "$lib/pkgconfig"
  cat >"$lib/pkgconfig/$1.pc" <<PC
prefix=$PREFIX
libdir=$LIBDIR
includedir=\${prefix}/include

Name: $1
Description: $2
Version: $VERSION
Cflags: -I\${includedir}
Libs: -L\${libdir} -l$1
Libs.private: $3
PC
}
pc moonpoll "SNMP without sockets, clocks or threads" "-lcrypto"
pc moonpoll-engine "SNMP requests on an event loop (contains moonpoll)" "-lev -lcares -lcrypto -lm"
