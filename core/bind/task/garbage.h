/* garbage: how long Lua may go on before it looks for what nobody needs any more.
 *
 * A collection costs what is alive, however much is thrown away: so a small heap may grow to four times what is alive, and the
 * more is alive the tighter it gets: 36 MiB alive still end below 64. Each collection sets this for the next, nothing is asked in between.
 *
 *   alive      1     4     8    16    24    32    48    96 MiB
 *   goes to    4    16    32    40    48    56    72   144 MiB, and some more while it is collected */
#ifndef MOON_BIND_TASK_GARBAGE_H
#define MOON_BIND_TASK_GARBAGE_H

#include <lua.h>

/* Once, for a fresh state. [-0, +0, m] */
void moon_garbage_setup(lua_State *L);

#endif
