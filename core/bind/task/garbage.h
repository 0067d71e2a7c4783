/* garbage: when what nobody needs any more is collected, and how long scripts wait for it.
 *
 * A collection costs what is alive, however much is thrown away: so a small heap may grow to four times what is alive, and the
 * more is alive the tighter it gets: 36 MiB alive still end below 64. Each collection sets this for the next, nothing is asked in between.
 *
 *   alive      1     4     8    16    24    32    48    96 MiB
 *   goes to    4    16    32    40    48    56    72   144 MiB, and some more while it is collected
 *
 * The worker does it between two scripts, in steps of what was allocated meanwhile, and takes their time: those are the pauses.
 * Only a script that makes 2 MiB without a wait in between has Lua collect on the way, which is part of its own time. */
#ifndef MOON_BIND_TASK_GARBAGE_H
#define MOON_BIND_TASK_GARBAGE_H

#include <lua.h>
#include <stdbool.h>

#include "../../engine/histogram.h"

struct moon_garbage {
  int next_kb;                       /* of heap: then there is something to do */
  int paid_kb;                       /* up to here allocations of the collection under way are worked off */
  bool going;                        /* a collection is under way */
  int step_ref;
  struct moon_histogram *pauses;
  uint64_t (*clock_us)(const void *arg);
  const void *arg;
};

/* Once, for a fresh state; g stays where it is until the state is closed. [-0, +0, m] */
void moon_garbage_setup(lua_State *L, struct moon_garbage *g, struct moon_histogram *pauses, uint64_t (*clock_us)(const void *arg),
                        const void *arg);
void moon_garbage_step(lua_State *L, struct moon_garbage *g);

/* Between two scripts: a step, if it is time. [-0, +0, -] */
static inline void moon_garbage_look(lua_State *L, struct moon_garbage *g) {
  int kb = lua_gc(L, LUA_GCCOUNT, 0);
  if (kb >= g->next_kb) { moon_garbage_step(L, g); }
}

#endif
