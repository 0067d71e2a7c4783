#include "garbage.h"

#include <lauxlib.h>
#include <limits.h>

#define STEP 400 /* a collection works off this much for each 100 allocated: the heap grows little meanwhile */
#define ROOM_KB (24 * 1024)
#define MOST 400
#define LEAST 150
#define LOOK_KB 4     /* allocated between two steps: one marks 16 KiB or sweeps 2,000 small objects, 100 us, or 300 where all of them are far */
#define AT_ONCE_KB 16 /* and never more than for so much, however much there was */
#define OWED_KB 64    /* what is more than so much is a debt, which turns work off */
#define SLACK_KB 2048 /* that one script may allocate before Lua collects by itself */
#define TURN_US 250   /* of a turn: what is alive of 25 MiB is found in a quarter of a second */

static int pause_of(int alive_kb) {
  int percent = alive_kb > 0 ? 100 + 100 * ROOM_KB / alive_kb : MOST;
  return percent > MOST ? MOST : percent < LEAST ? LEAST : percent;
}

static int slack_of(int kb) { return 100 * SLACK_KB / (kb > 0 ? kb : 1) + 1; }

/* A collection is over. [-0, +0, -] */
static void settle(lua_State *L, struct moon_garbage *g) {
  int kb = lua_gc(L, LUA_GCCOUNT, 0);
  int percent = pause_of(kb);
  g->going = g->marking = false;
  g->debt_kb = 0;
  g->next_kb = kb > INT_MAX / MOST ? INT_MAX : kb * percent / 100;
  lua_gc(L, LUA_GCSETPAUSE, percent + slack_of(kb));
}

/* An object nobody has: every collection finds it dead and ends with this, when what was not alive is gone: those too that
 * Lua or somebody else made. */
static void leave_one(lua_State *L, struct moon_garbage *g) {
  lua_newuserdata(L, 1);
  lua_pushlightuserdata(L, g);
  lua_rawget(L, LUA_REGISTRYINDEX);
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

static int collected(lua_State *L) {
  struct moon_garbage *g = lua_touserdata(L, lua_upvalueindex(1));
  settle(L, g);
  leave_one(L, g);
  return 0;
}

/* Lua goes on by itself, but only from there on. */
static void set_slack(lua_State *L, int percent) {
  lua_gc(L, LUA_GCSETPAUSE, percent + slack_of(lua_gc(L, LUA_GCCOUNT, 0)));
  lua_gc(L, LUA_GCRESTART, -1);
}

/* An object nobody has, in a table that does not keep it: it is gone from there when all that is alive was found. [-0, +0, m] */
static void put_sign(lua_State *L, const struct moon_garbage *g) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, g->sign_ref);
  lua_newtable(L);
  lua_rawseti(L, -2, 1);
  lua_pop(L, 1);
}

static bool has_sign(lua_State *L, const struct moon_garbage *g) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, g->sign_ref);
  lua_rawgeti(L, -1, 1);
  bool has = !lua_isnil(L, -1);
  lua_pop(L, 2);
  return has;
}

/* What Lua would do by itself for what was allocated since the last step. [-0, +0, m] */
static int step(lua_State *L) {
  struct moon_garbage *g = lua_touserdata(L, lua_upvalueindex(1));
  if (!g->going) {
    if (g->begins) { g->begins(g->begins_arg); }
    put_sign(L, g);
  }
  int kb = lua_gc(L, LUA_GCCOUNT, 0);
  int owed = g->going && kb > g->paid_kb ? kb - g->paid_kb : LOOK_KB;
  if (owed > OWED_KB) {
    g->debt_kb += owed - OWED_KB;
    owed = OWED_KB;
  }
  int paid = owed < AT_ONCE_KB ? owed : AT_ONCE_KB;
  g->going = true;
  if (lua_gc(L, LUA_GCSTEP, paid)) {
    settle(L, g);
  } else {
    /* What is owed stays owed, but what was swept away was never more. */
    g->paid_kb = lua_gc(L, LUA_GCCOUNT, 0) - (owed - paid);
    g->next_kb = g->paid_kb + LOOK_KB;
    g->going = true;
    g->marking = has_sign(L, g);
  }
  return 0;
}

/* [-0, +0, m] */
static int work(lua_State *L) {
  struct moon_garbage *g = lua_touserdata(L, lua_upvalueindex(1));
  uint64_t until_us = g->clock_us(g->arg) + TURN_US;
  bool over = false;
  while (((g->marking = has_sign(L, g)) || g->debt_kb > 0) && !over && g->clock_us(g->arg) < until_us) {
    over = lua_gc(L, LUA_GCSTEP, LOOK_KB);
    g->debt_kb -= g->debt_kb < LOOK_KB ? g->debt_kb : LOOK_KB;
  }
  if (over) {
    settle(L, g);
  } else {
    g->paid_kb = lua_gc(L, LUA_GCCOUNT, 0);
    g->next_kb = g->paid_kb + LOOK_KB;
  }
  return 0;
}

/* [-0, +0, -] */
static void call(lua_State *L, struct moon_garbage *g, int ref) {
  uint64_t begun_us = g->clock_us(g->arg);
  lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
  if (lua_pcall(L, 0, 0, 0)) { lua_pop(L, 1); } /* a finalizer's error, or no memory for one: the next step goes on behind it */
  set_slack(L, g->going ? 100 : pause_of(lua_gc(L, LUA_GCCOUNT, 0)));
  moon_histogram_since(g->pauses, begun_us, g->clock_us(g->arg));
}

void moon_garbage_step(lua_State *L, struct moon_garbage *g) { call(L, g, g->step_ref); }

void moon_garbage_turn(lua_State *L, struct moon_garbage *g) {
  if (moon_garbage_is_behind(g)) { call(L, g, g->work_ref); }
}

static int ref_to(lua_State *L, struct moon_garbage *g, lua_CFunction fn) {
  lua_pushlightuserdata(L, g);
  lua_pushcclosure(L, fn, 1);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

void moon_garbage_setup(lua_State *L, struct moon_garbage *g, struct moon_histogram *pauses, uint64_t (*clock_us)(const void *arg),
                        const void *arg) {
  *g = (struct moon_garbage){.pauses = pauses, .clock_us = clock_us, .arg = arg};
  lua_pushlightuserdata(L, g);
  lua_createtable(L, 0, 1);
  lua_pushlightuserdata(L, g);
  lua_pushcclosure(L, collected, 1);
  lua_setfield(L, -2, "__gc");
  lua_rawset(L, LUA_REGISTRYINDEX);
  g->step_ref = ref_to(L, g, step);
  g->work_ref = ref_to(L, g, work);
  lua_createtable(L, 1, 0);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  g->sign_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_gc(L, LUA_GCSETSTEPMUL, STEP);
  settle(L, g);
  lua_gc(L, LUA_GCRESTART, -1);
  leave_one(L, g);
}
