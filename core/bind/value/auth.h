/* auth: who asks, for a host with sockets of its own: a credential out of a table, made once and shared by agents, and what the
 * keys of version 3 need. No text of an error has anything of a secret in it.
 *
 *   local ops = core.auth { version = 3, user = "ops", auth = "SHA-256", auth_pass = "...", priv = "AES", priv_pass = "..." }
 *   core.agent { auth = ops }                                                                                                */
#ifndef MOON_BIND_VALUE_AUTH_H
#define MOON_BIND_VALUE_AUTH_H

#include "../../session/keyring.h"
#include "value.h"

/* Makes the metatables, before any other. [-0, +0, m] */
void moon_auth_open(lua_State *L);
/* core.auth [-1, +1, m e] */
int moon_auth_new(lua_State *L);
/* Pushes a credential out of the table at argument arg, which may have other fields besides. Raises about arg. [-0, +1, m e] */
const struct moon_credential *moon_auth_make(lua_State *L, int arg);
/* The credential at idx; NULL: that is none. [-0, +0, -] */
const struct moon_credential *moon_auth_at(lua_State *L, int idx);
/* Pushes the keyring of this state, for as long as which it lives; made when it is asked for first, so not before a fork. [-0, +1, m e] */
struct moon_keyring *moon_auth_keyring(lua_State *L);

#endif
