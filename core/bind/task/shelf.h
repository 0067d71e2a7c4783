/* shelf: where the Lua tables of devices stand, many of which live as long as their target.
 *
 * At the end of a collection Lua looks again at every entry of each table that came to hold something new meanwhile, and at all that
 * is new in it, at one go. The registry always did: with 50,000 devices in it that was 3 ms of a pause (bench/reload.sh 1000 100).
 * What is put into a function's upvalues is looked at there and then, as part of the steps of the collection: so boards are functions,
 * which nobody calls. */
#ifndef MOON_BIND_TASK_SHELF_H
#define MOON_BIND_TASK_SHELF_H

#include <lua.h>
#include <stdint.h>

#define MOON_SHELF_PLACES 128 /* of a board; a function has at most 255 upvalues */

struct moon_shelf {
  int *boards;    /* Lua refs */
  uint32_t n, cap;
  uint32_t taken; /* places that ever were */
  uint32_t free;  /* 1 + the first of those that are free again, each of which has the same of the next; 0: none is */
};

/* Puts away what is at the top, a table: where it is now, 0 or more. [-1, +0, m] */
int moon_shelf_put(lua_State *L, struct moon_shelf *s);
/* What was put there. [-0, +1, -] */
static inline void moon_shelf_push(lua_State *L, const struct moon_shelf *s, int place) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->boards[(uint32_t)place / MOON_SHELF_PLACES]);
  lua_getupvalue(L, -1, place % MOON_SHELF_PLACES + 1);
  lua_replace(L, -2);
}
/* Nobody has it there any more; negative: nothing was put away. [-0, +0, -] */
void moon_shelf_drop(lua_State *L, struct moon_shelf *s, int place);
/* The state is closed. */
void moon_shelf_fini(struct moon_shelf *s);

#endif
