/* garbage: when what nobody needs any more is collected, and how long scripts wait for it.
 *
 * A collection costs what is alive, however much is thrown away: so a small heap may grow to four times what is alive, and the
 * more is alive the tighter it gets: 36 MiB alive still end below 64. Each collection sets this for the next, nothing is asked in between.
 *
 *   alive      1     4     8    16    24    32    48    96 MiB
 *   goes to    4    16    32    40    48    56    72   144 MiB, and some more while it is collected
 *
 * The worker does it between two scripts, in steps of what was allocated meanwhile, and takes their time: those are the pauses.
 * Only a script that makes 2 MiB without a wait in between has Lua collect on the way, which is part of its own time.
 *
 * What is alive is found first, and what a script changes meanwhile, if only by a number in its state, is looked at a second time, all of
 * it in one step: that was 4 ms of 10 with 50,000 devices. So that little changes, each turn finds some of it, whatever is allocated.
 * Turns also work off what somebody allocated who is no script, or a script at one go: whoever came next paid for that, each of them. */
#ifndef MOON_BIND_TASK_GARBAGE_H
#define MOON_BIND_TASK_GARBAGE_H

#include <lua.h>
#include <stdbool.h>

#include "../../engine/histogram.h"

struct moon_garbage {
  int next_kb;                       /* of heap: then there is something to do */
  int paid_kb;                       /* up to here allocations of the collection under way are worked off */
  bool going;                        /* a collection is under way */
  bool marking;                      /* what is alive is still being found */
  int debt_kb;                       /* allocations that turns work off */
  int step_ref, work_ref, sign_ref;
  void (*begins)(void *arg);         /* a collection is about to begin: what is let go of here is not looked at in it; NULL: nobody asks */
  void *begins_arg;
  struct moon_histogram *pauses;
  uint64_t (*clock_us)(const void *arg);
  const void *arg;
};

/* Once, for a fresh state; g stays where it is until the state is closed. [-0, +0, m] */
void moon_garbage_setup(lua_State *L, struct moon_garbage *g, struct moon_histogram *pauses, uint64_t (*clock_us)(const void *arg),
                        const void *arg);
void moon_garbage_step(lua_State *L, struct moon_garbage *g);
/* Is there something for turns? */
static inline bool moon_garbage_is_behind(const struct moon_garbage *g) { return g->marking || g->debt_kb > 0; }
/* Some of that. [-0, +0, -] */
void moon_garbage_turn(lua_State *L, struct moon_garbage *g);

/* Between two scripts: a step, if it is time. Was it? [-0, +0, -] */
static inline bool moon_garbage_look(lua_State *L, struct moon_garbage *g) {
  bool due = lua_gc(L, LUA_GCCOUNT, 0) >= g->next_kb;
  if (due) { moon_garbage_step(L, g); }
  return due;
}

#endif
