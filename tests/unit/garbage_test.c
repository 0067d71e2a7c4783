/* Lua's heap: how far it grows over what is alive, whatever is thrown away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "bind/task/garbage.h"

static lua_State *L;

static int begin(void **state) {
  (void)state;
  L = luaL_newstate();
  luaL_openlibs(L);
  moon_garbage_setup(L);
  return 0;
}

static int end(void **state) {
  (void)state;
  lua_close(L);
  return 0;
}

/* Holds `alive` MiB, throws away `waste` MiB; returns the most the heap had, in MiB. */
static double peak(int alive, int waste) {
  static const char script[] =
    "local alive, waste = ...\n"
    "local function mib() local t = {} for i = 1, 64 do t[i] = {} for k = 1, 2048 do t[i][k] = k end end return t end\n" /* 64 x 16 KiB */
    "local kept, most = {}, 0\n"
    "for i = 1, alive do kept[i] = mib() end\n"
    "collectgarbage()\n"
    "for _ = 1, waste do\n"
    "  for _ = 1, 1024 do local t = {1, 2, 3, 4} for k = 5, 64 do t[k] = k end end\n" /* a row, more or less */
    "  most = math.max(most, collectgarbage 'count')\n"
    "end\n"
    "return most / 1024, #kept\n";
  assert_int_equal(luaL_loadstring(L, script), 0);
  lua_pushinteger(L, alive);
  lua_pushinteger(L, waste);
  lua_call(L, 2, 2);
  assert_int_equal(lua_tointeger(L, -1), alive);
  double most = lua_tonumber(L, -2);
  lua_pop(L, 2);
  return most;
}

static void small_heaps_may_grow(void **state) {
  (void)state;
  double most = peak(4, 60);
  assert_true(most > 10);
  assert_true(most < 26);
}

static void large_heaps_are_held_down(void **state) {
  (void)state;
  double most = peak(40, 60);
  assert_true(most > 44);
  assert_true(most < 80);
}

static void what_was_large_is_small_again(void **state) {
  (void)state;
  peak(40, 30);
  lua_gc(L, LUA_GCCOLLECT, 0);
  lua_gc(L, LUA_GCCOLLECT, 0);
  assert_true(lua_gc(L, LUA_GCCOUNT, 0) < 1024);
  assert_int_equal(lua_gc(L, LUA_GCSETPAUSE, 400), 400);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(small_heaps_may_grow, begin, end),
    cmocka_unit_test_setup_teardown(large_heaps_are_held_down, begin, end),
    cmocka_unit_test_setup_teardown(what_was_large_is_small_again, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
