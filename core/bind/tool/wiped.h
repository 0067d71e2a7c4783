/* wiped: a Lua state that leaves nothing behind: memory is wiped before it is given back. The passwords of a command line and of
 * snmp.conf are Lua strings for a while; once nothing refers to them and garbage was collected they are nowhere. */
#ifndef MOON_BIND_TOOL_WIPED_H
#define MOON_BIND_TOOL_WIPED_H

#include <lua.h>

/* NULL: out of memory. lua_close as usual. */
lua_State *moon_wiped_state(void);

#endif
