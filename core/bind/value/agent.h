/* agent: one SNMP agent for a host with sockets of its own, in Lua: what is known of it. Asks go to it (ask.h); the same machines
 * as the engine's (splitting, tooBig, retries, walks, what is learned of an agent), told in lua/moonpoll/init.lua.
 *
 *   local agent = core.agent { version = "2c", community = "public" }       or { auth = core.auth { version = 3, user = ... } }
 *   local ask = agent:get { up = "1.3.6.1.2.1.1.3.0" }            or agent:rows(columns, { with = ... })
 *   local kept = agent:export()                                   what may be kept of it: no secret is in it
 *   agent:import(kept)                                            in another process of this machine, or later                  */
#ifndef MOON_BIND_VALUE_AGENT_H
#define MOON_BIND_VALUE_AGENT_H

#include "../../session/trust.h"
#include "../../session/uptime.h"
#include <lauxlib.h>

#include "value.h"

#define MOON_AGENT_TYPE "moonpoll.agent"

/* Userdata. Its environment keeps credential and keyring. */
struct moon_remote {
  const struct moon_credential *credential;
  struct moon_policy policy;
  struct moon_target target;
  struct moon_trust trust;  /* version 3 */
  uint64_t ids;             /* where ids come from: nobody outside should guess the next */
  struct moon_uptime uptime; /* as last seen */
  uint32_t boots;           /* how often sysUpTime went back */
  uint32_t datagram_max;    /* octets the host can receive; a longer reply comes cut to that */
  char name[128];           /* of errors */
  char text[128];           /* its address, of errors */
};

/* Makes the metatables, before any other. [-0, +0, m] */
void moon_agent_open(lua_State *L);
/* core.agent [-1, +1, m e] */
int moon_agent_new(lua_State *L);
/* "1", "2c" to enum moon_version; raises about argument arg. [-0, +0, e] */
uint8_t moon_agent_version(lua_State *L, int idx, int arg);
/* A metatable called name: __gc, methods, and nothing to see. [-0, +0, m] */
void moon_agent_make_type(lua_State *L, const char *name, lua_CFunction gc, const luaL_Reg *methods);
/* Monotonic, microseconds. */
uint64_t moon_agent_clock_us(void);
/* An id for a datagram. */
uint32_t moon_agent_next_id(struct moon_remote *a);
/* A sysUpTime that came: one that went back tells a restart. */
void moon_agent_uptime(struct moon_remote *a, const struct moon_cell *c);

#endif
