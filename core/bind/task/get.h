/* get: what a script asks of an agent in one call, and what that returns: get, get_raw, get_next, get_bulk, set. What does not come
 * in one piece is asked for in parts, see session/fetch.h. */
#ifndef MOON_BIND_TASK_GET_H
#define MOON_BIND_TASK_GET_H

#include "task.h"

/* Adds the functions to the table at the top; they take a device first. [-0, +0, m] */
void moon_get_functions(lua_State *L, struct moon_host *h);

#endif
