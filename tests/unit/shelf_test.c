/* What stands on a shelf stays, what was dropped goes, and a collection does not stop for all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <time.h>

#include "bind/task/shelf.h"

#define MANY 50000

static uint64_t cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int put_number(lua_State *L, struct moon_shelf *s, int number) {
  lua_createtable(L, 1, 0);
  lua_pushnumber(L, number);
  lua_rawseti(L, -2, 1);
  return moon_shelf_put(L, s);
}

static int number_at(lua_State *L, const struct moon_shelf *s, int place) {
  moon_shelf_push(L, s, place);
  lua_rawgeti(L, -1, 1);
  int number = (int)lua_tonumber(L, -1);
  lua_pop(L, 2);
  return number;
}

static void test_all_stay_while_garbage_is_collected(void **state) {
  struct moon_shelf s = {0};
  lua_State *L = luaL_newstate();
  static int place[MANY];
  (void)state;
  for (int i = 0; i < MANY; i++) {
    place[i] = put_number(L, &s, i);
    lua_gc(L, LUA_GCSTEP, 1);
  }
  for (int i = 0; i < MANY; i += 2) { moon_shelf_drop(L, &s, place[i]); }
  lua_gc(L, LUA_GCCOLLECT, 0);
  for (int i = 0; i < MANY; i += 2) {
    place[i] = put_number(L, &s, -i);
    lua_gc(L, LUA_GCSTEP, 1);
  }
  lua_gc(L, LUA_GCCOLLECT, 0);
  for (int i = 0; i < MANY; i++) { assert_int_equal(number_at(L, &s, place[i]), i % 2 ? i : -i); }
  assert_int_equal(s.taken, MANY);
  assert_int_equal(lua_gettop(L), 0);
  lua_close(L);
  moon_shelf_fini(&s);
}

static void test_what_was_dropped_goes(void **state) {
  struct moon_shelf s = {0};
  lua_State *L = luaL_newstate();
  (void)state;
  int first = put_number(L, &s, 1), second = put_number(L, &s, 2);
  lua_newtable(L); /* of weak values */
  lua_newtable(L);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  moon_shelf_push(L, &s, first);
  lua_rawseti(L, -2, 1);
  moon_shelf_push(L, &s, second);
  lua_rawseti(L, -2, 2);
  moon_shelf_drop(L, &s, first);
  moon_shelf_drop(L, &s, LUA_NOREF);
  lua_gc(L, LUA_GCCOLLECT, 0);
  lua_rawgeti(L, 1, 1);
  lua_rawgeti(L, 1, 2);
  assert_true(lua_isnil(L, 2));
  assert_true(lua_istable(L, 3));
  lua_close(L);
  moon_shelf_fini(&s);
}

static void keep(lua_State *L, struct moon_shelf *s, bool shelf) {
  lua_createtable(L, 2, 0);
  for (int k = 1; k <= 2; k++) {
    lua_createtable(L, 1, 0);
    lua_rawseti(L, -2, k);
  }
  if (shelf) {
    (void)moon_shelf_put(L, s);
  } else {
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
  }
}

/* The longest step of a collection with many tables on the shelf, or in the registry, where something new comes and goes. */
static uint64_t longest_step_ns(bool shelf) {
  struct moon_shelf s = {0};
  lua_State *L = luaL_newstate();
  uint64_t most = 0;
  lua_gc(L, LUA_GCSTOP, 0);
  for (int i = 0; i < MANY; i++) { keep(L, &s, shelf); }
  lua_gc(L, LUA_GCCOLLECT, 0);
  for (bool over = false; !over;) {
    lua_newtable(L);
    luaL_unref(L, LUA_REGISTRYINDEX, luaL_ref(L, LUA_REGISTRYINDEX));
    uint64_t begun = cpu_ns();
    over = lua_gc(L, LUA_GCSTEP, 1);
    uint64_t took = cpu_ns() - begun;
    most = took > most ? took : most;
  }
  lua_close(L);
  moon_shelf_fini(&s);
  return most;
}

static uint64_t best_of_five(bool shelf) {
  uint64_t best = UINT64_MAX;
  for (int i = 0; i < 5; i++) {
    uint64_t ns = longest_step_ns(shelf);
    best = ns < best ? ns : best;
  }
  return best;
}

static void test_a_collection_does_not_stop_for_all_that_stands_there(void **state) {
  (void)state;
  uint64_t shelf = best_of_five(true), registry = best_of_five(false);
  print_message("# longest step: %u us, of the registry %u us\n", (unsigned)(shelf / 1000), (unsigned)(registry / 1000));
  assert_in_range(shelf, 0, registry / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_all_stay_while_garbage_is_collected),
    cmocka_unit_test(test_what_was_dropped_goes),
    cmocka_unit_test(test_a_collection_does_not_stop_for_all_that_stands_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
