#include "shelf.h"

#include <lauxlib.h>

#include "../../base/mem.h"

static int nobody_calls(lua_State *L) {
  (void)L;
  return 0;
}

/* [-0, +0, m] */
static void add_board(lua_State *L, struct moon_shelf *s) {
  if (s->n == s->cap) {
    uint32_t cap = s->cap ? 2 * s->cap : 8;
    int *p = moon_mem_resize(s->boards, cap, sizeof *p);
    if (!p) { luaL_error(L, "not enough memory"); }
    s->boards = p;
    s->cap = cap;
  }
  luaL_checkstack(L, MOON_SHELF_PLACES + 2, NULL);
  for (int i = 0; i < MOON_SHELF_PLACES; i++) { lua_pushnil(L); }
  lua_pushcclosure(L, nobody_calls, MOON_SHELF_PLACES);
  s->boards[s->n] = luaL_ref(L, LUA_REGISTRYINDEX);
  s->n++;
}

/* The value at the top. [-1, +0, -] */
static void set(lua_State *L, const struct moon_shelf *s, uint32_t place) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->boards[place / MOON_SHELF_PLACES]);
  lua_insert(L, -2);
  lua_setupvalue(L, -2, (int)(place % MOON_SHELF_PLACES) + 1);
  lua_pop(L, 1);
}

int moon_shelf_put(lua_State *L, struct moon_shelf *s) {
  uint32_t place = s->free ? s->free - 1 : s->taken;
  if (s->free) {
    moon_shelf_push(L, s, (int)place);
    s->free = (uint32_t)lua_tonumber(L, -1);
    lua_pop(L, 1);
  } else {
    if (place == s->n * MOON_SHELF_PLACES) { add_board(L, s); }
    s->taken++;
  }
  set(L, s, place);
  return (int)place;
}

void moon_shelf_drop(lua_State *L, struct moon_shelf *s, int place) {
  if (place < 0) { return; }
  lua_pushnumber(L, s->free);
  set(L, s, (uint32_t)place);
  s->free = (uint32_t)place + 1;
}

void moon_shelf_fini(struct moon_shelf *s) {
  moon_mem_free(s->boards);
  *s = (struct moon_shelf){0};
}
