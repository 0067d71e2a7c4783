-- SNMP for nginx's Lua and other LuaJIT hosts: `luarocks --lua-version 5.1 make lua/moonpoll-0.1.0-1.rockspec` in a checkout. Needs a C compiler,
-- LuaJIT's and OpenSSL's headers; the Lua that luarocks is set up for has to be LuaJIT (API 5.1).
package = "moonpoll"
version = "0.1.0-1"
source = { url = "." } -- the checkout itself
description = {
  summary = "SNMP for nginx's Lua: get, walk, tables, SNMPv3, without blocking",
  detailed = "The devices of moonpoll's probes inside nginx with the module of Lua, and probes as pages.",
  license = "MIT",
}
dependencies = { "lua == 5.1" }
build = {
  type = "command",
  build_command = "make O=build/rock build/rock/lib/moonpoll/core.so",
  install_command = "make O=build/rock install-nginx LUA_DIR=$(LUADIR) LUA_LIBDIR=$(LIBDIR)",
}
