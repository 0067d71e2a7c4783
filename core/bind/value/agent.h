/* agent: one SNMP agent for a host with sockets of its own, in Lua: asks go in, datagrams come out, and back. The same machines
 * as the engine's (splitting, tooBig, retries, walks, what is learned of an agent), told in lua/moonpoll/init.lua.
 *
 *   local agent = core.agent { version = "2c", community = "public" }
 *   local ask = agent:get { up = "1.3.6.1.2.1.1.3.0" }            or agent:rows(columns, { with = ... })
 *   while not ask:over() do
 *     local datagram = ask:send(id, now)                          nil: rows wait to be taken first
 *     send it, wait until ask:deadline() at the latest
 *     ask:feed(answer, now) or ask:expire(now)
 *     for index, row, head in ask.next_row, ask do ... end        rows only
 *   end
 *   local row, err = ask:result()                                                                                          */
#ifndef MOON_BIND_VALUE_AGENT_H
#define MOON_BIND_VALUE_AGENT_H

#include "value.h"

/* Makes the metatables, before any other. [-0, +0, m] */
void moon_agent_open(lua_State *L);
/* core.agent [-1, +1, m e] */
int moon_agent_new(lua_State *L);
/* "1", "2c" to enum moon_version; raises about argument arg. [-0, +0, e] */
uint8_t moon_agent_version(lua_State *L, int idx, int arg);

#endif
