#!/bin/sh
# deps.sh build|test|npm...: installs what a fresh Debian 12 lacks for building (and testing), and says what. Asks nothing.
# "a|b" is met by either. Both LuaJITs of Debian will do; they exclude each other, so what is there is kept.
set -eu
build="gcc libc6-dev pkg-config libluajit2-5.1-dev|libluajit-5.1-dev luajit2|luajit libev-dev libc-ares-dev libssl-dev libjansson-dev libsmi2-dev"
test="libcmocka-dev lua-busted lua-check lua-cjson snmpd snmp smitools g++ iproute2"
# npm's net-snmp judges too, where npm is: 350 packages of Debian are too much to ask of people, not of a machine. They take as long as
# building does, so make test installs them meanwhile.
npm=
if [ -n "${CI:-}" ] && ! command -v npm >/dev/null; then npm="nodejs npm"; fi
# nginx's module of Lua goes with the one LuaJIT alone, and would take the other away.
if [ "$(dpkg-query -W -f '${db:Status-Status}' libluajit-5.1-2 2>/dev/null)" != installed ]; then test="$test nginx libnginx-mod-http-lua"; fi
want=
for set in "$@"; do
  case $set in
    build) want="$want $build" ;;
    test) want="$want $test" ;;
    npm) want="$want $npm" ;;
    demo) ;; # what is built is all it needs
    *) echo "deps.sh: no set $set" >&2; exit 2 ;;
  esac
done
[ -n "$want" ] || exit 0
have() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || {
  echo "deps: this is no Debian; needed here under their names elsewhere:$want"
  exit 0
}
missing=
for p in $want; do
  met=
  for alt in $(echo "$p" | tr '|' ' '); do if have "$alt"; then met=1; fi; done
  [ -n "$met" ] || missing="$missing ${p%%|*}"
done
[ -n "$missing" ] || exit 0
root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "deps: to be installed by root first: apt-get install --no-install-recommends$missing" >&2; exit 2; }
  root=sudo
fi
echo "deps: installing$missing"
policy=/usr/sbin/policy-rc.d
case " $missing " in
  *" snmpd "*|*" nginx "*)
    # Only the programs are wanted: nobody asked for a service on port 161, nor for one on port 80.
    echo "deps: snmpd and nginx are installed without starting a service, and what is installed now stays off (systemctl enable --now snmpd turns it on)"
    if [ ! -e $policy ]; then
      trap '$root rm -f $policy' EXIT
      trap 'exit 130' INT TERM
      $root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
    fi
    ;;
esac
apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0"
log=$(mktemp)
# shellcheck disable=SC2086 # lists
{ $apt update && $apt install -y --no-install-recommends $missing; } >"$log" 2>&1 || {
  cat "$log" >&2
  echo "deps: could not install them" >&2
  exit 2
}
rm -f "$log"
for service in snmpd nginx; do
  case " $missing " in
    *" $service "*) if [ -d /run/systemd/system ]; then $root systemctl -q disable $service || true; fi ;;
  esac
done
echo "deps: done"
