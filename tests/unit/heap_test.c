/* What each account has alive, to the octet, whoever collects; and when its line is crossed. */
#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bind/task/heap.h"

#define MIB ((size_t)1 << 20)

static unsigned crossed;

static void on_crossed(void *arg) {
  (void)arg;
  crossed++;
}

static lua_State *open_state(struct moon_heap *h) {
  lua_State *L = moon_heap_open(h, on_crossed, NULL);
  assert_non_null(L);
  assert_non_null(h->keeper); /* else this LuaJIT takes no allocator, and there is nothing to see */
  luaL_openlibs(L);
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF); /* it leaves out tables nobody looks at */
  crossed = 0;
  return L;
}

static void run(lua_State *L, const char *text) {
  if (luaL_dostring(L, text)) { fail_msg("%s", lua_tostring(L, -1)); }
}

static void what_is_made_is_the_makers(void **state) {
  (void)state;
  struct moon_heap h;
  lua_State *L = open_state(&h);
  struct moon_heap_account *a = moon_heap_account_new(&h), *b = moon_heap_account_new(&h);
  size_t own = h.own.alive;
  assert_true(own > 10000);
  moon_heap_charge(&h, a);
  run(L, "x = ('a'):rep(100000)");
  size_t with_a = a->alive;
  assert_true(with_a > 100000);
  moon_heap_charge(&h, b);
  run(L, "y = ('b'):rep(300000)"); /* the buffer it is made in grows in b's name, but was a's or nobody's */
  assert_true(b->alive > 300000);
  assert_true(a->alive + b->alive + h.own.alive == (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0));
  run(L, "x = nil for i = 1, 5 do collectgarbage() end"); /* in b's name: a's is freed */
  assert_true(a->alive < with_a - 90000);
  assert_true(b->alive > 300000);
  run(L, "y = nil");
  moon_heap_charge(&h, NULL);
  run(L, "for i = 1, 20 do collectgarbage() end");
  assert_true(a->alive < 20000 && b->alive < 20000);
  moon_heap_close(&h, L);
}

static void the_line_is_told_of_once_and_twice_the_limit_is_refused(void **state) {
  (void)state;
  struct moon_heap h;
  lua_State *L = open_state(&h);
  struct moon_heap_account *a = moon_heap_account_new(&h);
  moon_heap_charge(&h, a);
  run(L, "x = ('a'):rep(3000000)");
  assert_int_equal(crossed, 0); /* nobody looks */
  run(L, "x = nil for i = 1, 20 do collectgarbage() end"); /* the buffer shrinks by and by */
  moon_heap_enter(&h, MIB);
  run(L, "t = {} for i = 1, 12500 do t[i] = { i } end");
  assert_int_equal(crossed, 1);
  assert_true(a->alive > MIB && a->alive < 2 * MIB && !h.wanted);
  assert_true(luaL_dostring(L, "local s = ('x'):rep(5000000)"));
  assert_string_equal(lua_tostring(L, -1), "not enough memory");
  assert_int_equal(crossed, 2);
  assert_true(h.wanted >= 4000000);
  moon_heap_leave(&h);
  run(L, "x = ('a'):rep(3000000)");
  assert_int_equal(crossed, 2);
  moon_heap_close(&h, L);
}

static void garbage_is_not_blamed(void **state) {
  (void)state;
  struct moon_heap h;
  lua_State *L = open_state(&h);
  struct moon_heap_account *a = moon_heap_account_new(&h);
  moon_heap_charge(&h, a);
  lua_gc(L, LUA_GCSTOP, 0);
  moon_heap_enter(&h, MIB);
  run(L, "for i = 1, 16000 do local _ = { i } end");
  assert_int_equal(crossed, 1);
  assert_true(a->alive > MIB);
  assert_false(moon_heap_judge(&h, L));
  assert_true(a->alive < MIB / 4);
  run(L, "t = {} for i = 1, 16000 do t[i] = { i } end");
  assert_int_equal(crossed, 2);
  assert_true(moon_heap_judge(&h, L)); /* this one is alive */
  moon_heap_leave(&h);
  moon_heap_close(&h, L);
}

static void what_a_stopped_script_left_is_nobody_elses(void **state) {
  (void)state;
  struct moon_heap h;
  lua_State *L = open_state(&h);
  struct moon_heap_account *a = moon_heap_account_new(&h);
  for (int stopped = 0; stopped < 2; stopped++) {
    for (int much = 0; much < 2; much++) {
      lua_gc(L, LUA_GCCOLLECT, 0);
      moon_heap_charge(&h, a);
      moon_heap_enter(&h, MIB);
      run(L, much ? "local t = {} for i = 1, 10000 do t[i] = { i } end" : "local t = {} for i = 1, 2000 do t[i] = { i } end");
      moon_heap_leave(&h);
      size_t left = a->alive;
      moon_heap_release(&h, stopped);
      moon_heap_charge(&h, NULL);
      while (moon_heap_collect(&h, L)) { }
      assert_true(stopped && much ? a->alive < left / 4 : a->alive == left);
    }
  }
  moon_heap_close(&h, L);
}

static void who_has_too_much_gets_room_to_let_go(void **state) {
  (void)state;
  struct moon_heap h;
  lua_State *L = open_state(&h);
  struct moon_heap_account *a = moon_heap_account_new(&h), *b = moon_heap_account_new(&h);
  moon_heap_charge(&h, a);
  moon_heap_enter(&h, MIB);
  run(L, "t = {} for i = 1, 14000 do t[i] = { i } end");
  assert_true(moon_heap_judge(&h, L));
  moon_heap_leave(&h);
  moon_heap_release(&h, true);
  moon_heap_charge(&h, NULL);
  unsigned turns = 0;
  while (moon_heap_collect(&h, L)) { assert_true(++turns < 1000); }
  assert_true(turns > 0);
  assert_true(a->known > MIB);
  crossed = 0;
  moon_heap_charge(&h, b); /* a neighbour is not concerned */
  moon_heap_enter(&h, MIB);
  run(L, "for i = 1, 1000 do local _ = { i } end");
  assert_int_equal(crossed, 0);
  moon_heap_leave(&h);
  moon_heap_charge(&h, a);
  moon_heap_enter(&h, MIB);
  run(L, "local n = {} for i = 1, 20 do n[i] = { i } end");
  assert_int_equal(crossed, 0);
  run(L, "for i = 1, 2000 do local _ = { i } end");
  assert_int_equal(crossed, 1);
  assert_true(moon_heap_judge(&h, L));
  run(L, "t = nil");
  moon_heap_leave(&h);
  moon_heap_release(&h, true);
  while (moon_heap_collect(&h, L)) { assert_true(++turns < 2000); }
  assert_true(a->known < MIB / 2);
  crossed = 0;
  moon_heap_enter(&h, MIB);
  run(L, "local t = {} for i = 1, 6000 do t[i] = { i } end");
  assert_int_equal(crossed, 0);
  moon_heap_leave(&h);
  moon_heap_close(&h, L);
}

/* Whatever Lua is about when it is refused memory, its state goes on. */
static void refused_at_any_point(void **state) {
  (void)state;
  static const char text[] =
    "local t, n = {}, 0\n"
    "for i = 1, 60 do t['k' .. i] = { i, tostring(i), function() return t end } end\n"
    "pcall(function() local s = 'x' for i = 1, 12 do s = s .. s end t.s = s:gsub('xx', '%0y') end)\n"
    "pcall(table.sort, { 3, 1, 2 }, function(a, b) t[#t + 1] = a .. b return a < b end)\n"
    "for k in pairs(t) do n = n + 1 t[k] = nil end\n"
    "local function deep(i) if i == 0 then return 1 end return 1 + deep(i - 1) end\n"
    "return n + deep(150) + #('%s %d'):format(('z'):rep(500), n)";
  struct moon_heap h;
  lua_State *L = open_state(&h);
  struct moon_heap_account *a = moon_heap_account_new(&h);
  unsigned refused = 0, well = 0;
  for (size_t most = 64; most < 1200000; most += 64 + most / 40) {
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCSTOP, 0);
    moon_heap_charge(&h, a);
    moon_heap_enter(&h, (a->alive + most) / 2);
    bool failed = luaL_dostring(L, text);
    moon_heap_leave(&h);
    refused += h.wanted != 0;
    well += !failed;
    h.wanted = 0;
    moon_heap_charge(&h, NULL);
    run(L, "local t = {} for i = 1, 100 do t[i] = ('x'):rep(i) end assert(#table.concat(t) == 5050)");
    assert_true(a->alive + h.own.alive == (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0));
  }
  assert_true(refused > 50 && well > 5);
  moon_heap_close(&h, L);
}

static void accounts_go_with_their_last_block(void **state) {
  (void)state;
  struct moon_heap h;
  lua_State *L = open_state(&h);
  struct moon_heap_account *a = moon_heap_account_new(&h);
  moon_heap_charge(&h, a);
  run(L, "x = ('a'):rep(100000)");
  moon_heap_account_retire(&h, a);
  assert_ptr_equal(h.account, &h.own);
  assert_non_null(moon_heap_account_new(&h));
  assert_true(a->alive > 100000); /* still there */
  moon_heap_account_retire(&h, NULL);
  moon_heap_close(&h, L);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_made_is_the_makers),
    cmocka_unit_test(the_line_is_told_of_once_and_twice_the_limit_is_refused),
    cmocka_unit_test(garbage_is_not_blamed),
    cmocka_unit_test(what_a_stopped_script_left_is_nobody_elses),
    cmocka_unit_test(who_has_too_much_gets_room_to_let_go),
    cmocka_unit_test(refused_at_any_point),
    cmocka_unit_test(accounts_go_with_their_last_block),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
