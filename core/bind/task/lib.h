/* lib: what of the library `moonpoll` only makes sense on this engine: all, spawn, sleep, now, time, log; and the methods of devices,
 * put together from C and lua/moonpoll/task.lua. */
#ifndef MOON_BIND_TASK_LIB_H
#define MOON_BIND_TASK_LIB_H

#include "inside.h"

/* Once for a host, after moon_value_open: fills h's references. [-0, +0, m e] */
void moon_lib_setup(struct moon_host *h, lua_State *L);
/* A copy of the library for one probe: what it changes no other sees. [-0, +1, m e] */
void moon_lib_push(lua_State *L, struct moon_host *h);

#endif
