/* device: what a script calls `device`: one agent as one probe sees it. A table with name, host, address, labels and state, whose
 * methods ask the agent; device[1] is its number here, device[2] its state or the context it
 * is asked in (device:with), device[3] the version it was made for. Its methods are in get.h, walk, rows, table and cache in
 * lua/moonpoll/task.lua on top of rows.h. */
#ifndef MOON_BIND_TASK_DEVICE_H
#define MOON_BIND_TASK_DEVICE_H

#include "task.h"

/* Pushes its table, made at the first call. [-0, +1, m] */
void moon_device_push(lua_State *L, struct moon_device *d);
/* A new one, as a version sees it, with an empty state; d knows nothing of it. [-0, +1, m] */
void moon_device_make(lua_State *L, struct moon_device *d, const struct moon_revision *v);
/* Of the table at the top. [-0, +0, m] */
void moon_device_put_version(lua_State *L, const char *text);
/* The text of the version that the table at idx was made for; "" where a script put something else there. [-0, +1, m] */
void moon_device_push_version(lua_State *L, int idx);
/* Does match have to be asked before the run function at the top of the stack? Then replaces it by what asks:
 * matched, match, run. [-1, +3 | +0, m] */
bool moon_device_push_match(lua_State *L, struct moon_device *d, const struct moon_revision *v);
/* The device that argument arg is; raises at the caller's level. [-0, +0, e] */
struct moon_device *moon_device_check(lua_State *L, int arg);
/* The context that the device at arg is asked in; NULL: that of the credential. [-0, +0, -] */
const struct moon_context *moon_device_context(lua_State *L, int arg);
/* What devices have beside their own fields, of their methods at the top. [-0, +0, m] */
void moon_device_fields(lua_State *L);
/* Adds the functions to the table at the top. [-0, +0, m] */
void moon_device_functions(lua_State *L, struct moon_host *h);

#endif
