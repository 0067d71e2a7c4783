/* state: one table per (probe, device), shared by the jobs of the probe: device.state, and the third argument of run(device, out,
 * state). Numbers, strings, booleans and tables of these; looked through at the end of each run that went well. */
#ifndef MOON_BIND_TASK_STATE_H
#define MOON_BIND_TASK_STATE_H

#include "inside.h"

#define MOON_STATE_VALUES_MAX 10000       /* keys in all */
#define MOON_STATE_OCTETS_MAX (256u << 10) /* of strings in all */
#define MOON_STATE_DEPTH_MAX 16

/* Once for a host. [-0, +0, m] */
void moon_state_setup(struct moon_host *h, lua_State *L);
/* Gives the device table at idx an empty one. [-0, +0, m] */
void moon_state_make(lua_State *L, int idx);
/* [-0, +1, m] */
void moon_state_push(lua_State *L, struct moon_device *d);
/* Gives the device table below the top the table at the top as its state. [-2, +0, m] */
void moon_state_put(lua_State *L);
/* That of the device table at idx. [-0, +1, m] */
void moon_state_push_of(lua_State *L, int idx);
/* A deep copy of the table at idx, without what cannot be kept. Raises when it is nested too deep or has grown too large: a run under
 * way may have anything there. [-0, +1, m e] */
void moon_state_copy(lua_State *L, int idx);
/* Why the table at the top cannot be kept as a state; NULL: it can. [-0, +0, m] */
const char *moon_state_fault(lua_State *L);
/* Of the device table ref, LUA_NOREF: none. false: it holds what cannot be kept, which is told (title: of which version) and dropped with
 * the rest of it. Not from inside Lua. */
bool moon_state_check(struct moon_host *h, struct moon_device *d, int ref, const char *title);

#endif
