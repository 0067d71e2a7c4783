/* agent: the module's objects when memory runs out, and what a collector that comes at any time takes from under them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "../../core/bind/value/module.h"
#include "failmem.h"

static lua_State *fresh(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  lua_pushcfunction(L, luaopen_moonpoll_core);
  lua_call(L, 0, 1);
  lua_setglobal(L, "core");
  return L;
}

static const char *const codes[] = {
  "local a = core.agent { community = 'c' } local q = a:get { x = '1.3.6.1.1.0', y = '1.3.6.1.2.0' } assert(q:send(1, 1))",
  "local a = core.agent {} local q = a:rows({ x = '1.3.6.1.1' }, { with = { h = '1.3.6.2.0' }, only = { '1', '2.3' } }) assert(q:send(1, 1))",
  "assert(#core.request({ x = '1.3.6.1.1.0', y = '1.3.6.1.2.0' }, { community = 'c', id = 1 }) > 20)",
};

static void test_no_memory(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    for (unsigned n = 1;; n++) {
      lua_State *L = fresh();
      assert_true(n < 100);
      failmem_arm(n);
      bool failed = luaL_dostring(L, codes[i]);
      bool fired = failmem_fired();
      failmem_disarm();
      if (failed) { assert_true(fired); }
      if (!fired && failed) { fail_msg("%s", lua_tostring(L, -1)); }
      lua_settop(L, 0);
      lua_close(L);
      assert_int_equal(failmem_alive(), 0);
      if (!fired) { break; }
    }
  }
}

/* The ask keeps its agent; closing in any order frees all. */
static void test_collector(void **state) {
  lua_State *L = fresh();
  (void)state;
  assert_int_equal(luaL_dostring(L, "q = core.agent {}:get '1.3.6.1.1.0' collectgarbage() collectgarbage()\n"
                                    "for i = 1, 2000 do core.agent {}:get('1.3.6.1.' .. i) end collectgarbage() collectgarbage()\n"
                                    "assert(#q:send(1, 1) > 10)"), 0);
  lua_close(L);
  assert_int_equal(failmem_alive(), 0);
}

static int setup(void **state) {
  (void)state;
  failmem_install();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_memory), cmocka_unit_test(test_collector)};
  return cmocka_run_group_tests(tests, setup, NULL);
}
