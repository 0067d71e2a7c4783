/* Lua's heap: how far it grows over what is alive, whatever is thrown away, and who collects: the worker between two scripts, each
 * of its steps noted, or Lua on the way when a script does not end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "bind/task/garbage.h"

static lua_State *L;
static struct moon_garbage garbage;
static struct moon_histogram pauses;
static uint64_t now_us;

static uint64_t clock_us(const void *arg) {
  assert_ptr_equal(arg, &now_us);
  return now_us += 7;
}

/* Between two scripts. */
static int look(lua_State *of) {
  (void)of;
  moon_garbage_look(L, &garbage);
  return 0;
}

static int begin(void **state) {
  (void)state;
  L = luaL_newstate();
  luaL_openlibs(L);
  memset(&pauses, 0, sizeof pauses);
  moon_garbage_setup(L, &garbage, &pauses, clock_us, &now_us);
  lua_register(L, "look", look);
  return 0;
}

static int end(void **state) {
  (void)state;
  lua_close(L);
  return 0;
}

/* Holds `alive` MiB, throws away `waste` MiB, in scripts of so many rows (of half a KiB and more), without end: 0; returns the most the
 * heap had, in MiB. */
static double peak(int alive, int waste, int rows) {
  static const char script[] =
    "local alive, waste, rows = ...\n"
    "local function mib() local t = {} for i = 1, 64 do t[i] = {} for k = 1, 2048 do t[i][k] = k end end return t end\n" /* 64 x 16 KiB */
    "local kept, most = {}, 0\n"
    "for i = 1, alive do kept[i] = mib() end\n"
    "collectgarbage()\n"
    "for _ = 1, waste do\n"
    "  for i = 1, 1024 do\n"
    "    local t = {1, 2, 3, 4} for k = 5, 64 do t[k] = k end\n" /* a row, more or less */
    "    if rows > 0 and i % rows == 0 then look() end\n"
    "  end\n"
    "  most = math.max(most, collectgarbage 'count')\n"
    "end\n"
    "return most / 1024, #kept\n";
  assert_int_equal(luaL_loadstring(L, script), 0);
  lua_pushinteger(L, alive);
  lua_pushinteger(L, waste);
  lua_pushinteger(L, rows);
  lua_call(L, 3, 2);
  assert_int_equal(lua_tointeger(L, -1), alive);
  double most = lua_tonumber(L, -2);
  lua_pop(L, 2);
  return most;
}

static void small_heaps_may_grow(void **state) {
  (void)state;
  static const int rows[] = {0, 1, 24, 1024};
  for (size_t i = 0; i < 4; i++) {
    double most = peak(4, 60, rows[i]);
    assert_true(most > 10);
    assert_true(most < 26);
  }
}

static void large_heaps_are_held_down(void **state) {
  (void)state;
  static const int rows[] = {0, 1, 24, 1024};
  for (size_t i = 0; i < 4; i++) {
    double most = peak(40, 60, rows[i]);
    assert_true(most > 44);
    assert_true(most < 80);
  }
}

/* Scripts of 16 KiB: nothing is left for Lua to do on the way, and each step is noted, with the time it took. */
static void steps_are_noted(void **state) {
  (void)state;
  peak(4, 100, 4);
  assert_true(pauses.n > 150);
  assert_int_equal(pauses.max, 7);
  assert_int_equal(pauses.sum, 7 * pauses.n);
  assert_true(pauses.n < 1000);
}

/* A script that does not end is collected on the way, and it is not a pause. */
static void endless_scripts_are_collected(void **state) {
  (void)state;
  peak(4, 100, 0);
  assert_int_equal(pauses.n, 0);
  peak(4, 100, 4); /* and the next one is looked after again */
  assert_true(pauses.n > 150);
}

static int fails(lua_State *of) { return luaL_error(of, "cannot end"); }

/* Something whose end fails is nobody's fault, and the collection goes on. */
static void ends_that_fail(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) {
    lua_newuserdata(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, fails);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
  }
  int top = lua_gettop(L);
  for (int i = 0; i < 200000 && pauses.n < 400; i++) {
    lua_createtable(L, 64, 0);
    lua_pop(L, 1);
    moon_garbage_look(L, &garbage);
  }
  assert_int_equal(lua_gettop(L), top);
  assert_true(pauses.n >= 400);
  assert_true(lua_gc(L, LUA_GCCOUNT, 0) < 8192);
}

static void what_was_large_is_small_again(void **state) {
  (void)state;
  peak(40, 30, 16);
  lua_gc(L, LUA_GCCOLLECT, 0);
  lua_gc(L, LUA_GCCOLLECT, 0);
  assert_true(lua_gc(L, LUA_GCCOUNT, 0) < 1024);
  assert_true(lua_gc(L, LUA_GCSETPAUSE, 400) >= 400);
  assert_in_range(garbage.next_kb, 100, 4096);
}

/* Scripts of a KiB each while 20 MiB are alive; between two of them is a turn, or not: how many come to run while what is alive is
 * being found, once a collection has begun. */
static unsigned scripts_while_marking(bool turns) {
  unsigned n = 0;
  lua_createtable(L, 20 * 1024, 0);
  for (int i = 1; i <= 20 * 1024; i++) {
    lua_createtable(L, 128, 0);
    lua_rawseti(L, -2, i);
  }
  lua_gc(L, LUA_GCCOLLECT, 0);
  assert_false(garbage.marking);
  for (int i = 0; i < 100000 && !garbage.marking; i++) {
    lua_createtable(L, 128, 0);
    lua_pop(L, 1);
    moon_garbage_look(L, &garbage);
  }
  for (; n < 100000 && garbage.marking; n++) {
    lua_createtable(L, 128, 0);
    lua_pop(L, 1);
    moon_garbage_look(L, &garbage);
    if (turns) { moon_garbage_turn(L, &garbage); }
  }
  lua_pop(L, 1);
  return n;
}

static void little_changes_while_what_is_alive_is_found(void **state) {
  (void)state;
  unsigned alone = scripts_while_marking(false);
  assert_in_range(alone, 2000, 10000);
  lua_gc(L, LUA_GCCOLLECT, 0);
  assert_in_range(scripts_while_marking(true), 10, alone / 20);
  assert_false(moon_garbage_is_behind(&garbage)); /* what is dead is left to scripts */
  assert_true(garbage.going);
}

/* A megabyte at one go, by somebody in between: the scripts that come next do not pay for it. */
static void nobody_pays_for_others(void **state) {
  (void)state;
  unsigned turns = 0;
  lua_createtable(L, 4096, 0);
  for (int i = 1; i <= 4096; i++) {
    lua_createtable(L, 128, 0);
    lua_rawseti(L, -2, i);
  }
  for (int i = 0; i < 100000 && !garbage.going; i++) {
    lua_createtable(L, 128, 0);
    lua_pop(L, 1);
    moon_garbage_look(L, &garbage);
  }
  lua_newuserdata(L, 1 << 20);
  lua_pop(L, 1);
  moon_garbage_look(L, &garbage);
  assert_in_range(garbage.debt_kb, 900, 1000);
  unsigned looks = 0;
  while (moon_garbage_look(L, &garbage)) { looks++; }
  assert_in_range(looks, 0, 4);
  for (; moon_garbage_is_behind(&garbage); turns++) { moon_garbage_turn(L, &garbage); }
  assert_in_range(turns, 2, 20); /* of 36 steps, as the clock here goes */
}

static unsigned begun;

static void begins(void *arg) {
  assert_ptr_equal(arg, &begun);
  assert_false(garbage.going);
  begun++;
}

static void who_wants_to_know_is_told_before(void **state) {
  (void)state;
  begun = 0;
  garbage.begins = begins;
  garbage.begins_arg = &begun;
  peak(4, 100, 4);
  assert_in_range(begun, 3, 40);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(small_heaps_may_grow, begin, end),
    cmocka_unit_test_setup_teardown(large_heaps_are_held_down, begin, end),
    cmocka_unit_test_setup_teardown(steps_are_noted, begin, end),
    cmocka_unit_test_setup_teardown(endless_scripts_are_collected, begin, end),
    cmocka_unit_test_setup_teardown(ends_that_fail, begin, end),
    cmocka_unit_test_setup_teardown(what_was_large_is_small_again, begin, end),
    cmocka_unit_test_setup_teardown(little_changes_while_what_is_alive_is_found, begin, end),
    cmocka_unit_test_setup_teardown(nobody_pays_for_others, begin, end),
    cmocka_unit_test_setup_teardown(who_wants_to_know_is_told_before, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
