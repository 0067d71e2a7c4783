/* user: version 3 for a tool: keys of passwords, and the credential of what the command line and snmp.conf said. What that may be
 * was looked at before, in lua/moonpoll/cli/login.lua. */
#ifndef MOON_BIND_TOOL_USER_H
#define MOON_BIND_TOOL_USER_H

#include <lua.h>

#include "../../session/credential.h"

/* ku(auth, password) -> octets of Ku; nil, code. [-2, +2, e] */
int moon_tool_ku(lua_State *L);
/* key_len(auth, priv) -> octets of a hash, of a cipher's key; 0 for what is nil or "none". [-2, +2, e] */
int moon_tool_key_len(lua_State *L);
/* The table at idx, { user =, level =, auth =, priv =, auth_key =, auth_local =, ... }; whatever is not there is empty. Raises for
 * what does not fit. [-0, +0, e] */
void moon_tool_user(lua_State *L, int idx, struct moon_credential *c);

#endif
