/* module: build/lib/moonpoll/core.so, the library for a LuaJIT host that has sockets of its own: what moon_value_open gives, and
 * what turns requests into datagrams and back. Told in lua/moonpoll/init.lua. */
#ifndef MOON_BIND_VALUE_MODULE_H
#define MOON_BIND_VALUE_MODULE_H

#include "value.h"

MOON_API int luaopen_moonpoll_core(lua_State *L);

#endif
