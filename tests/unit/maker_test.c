/* maker: what a shape seen often does must be what it did before, whatever its keys are and whatever becomes of its table. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "../../core/bind/value/maker.h"
#include "../../core/bind/value/row.h"

static struct moon_shape *last;
static unsigned extra;

static int ask(lua_State *L) {
  last = moon_shape_check(L, moon_value_of(L), 1);
  return 0;
}

/* A row of the last shape with the values 1, 2, ... in wire order. */
static int row(lua_State *L) {
  uint8_t octets[256];
  struct moon_cell cells[256];
  size_t blame;
  for (unsigned i = 0; i < 256; i++) {
    octets[i] = (uint8_t)(i + 1);
    cells[i] = (struct moon_cell){.value = &octets[i], .value_len = 1, .type = i == 3 ? MOON_NO_SUCH_INSTANCE : MOON_INTEGER};
  }
  lua_settop(L, 0);
  assert_int_equal(moon_row_push(L, last, cells, 0, extra, &blame), MOON_OK);
  assert_int_equal(lua_gettop(L), 1);
  return 1;
}

static int has_maker(lua_State *L) {
  lua_pushboolean(L, last->row_ref != LUA_NOREF);
  return 1;
}

static void run(const char *code) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  moon_value_open(L, NULL);
  lua_register(L, "ask", ask);
  lua_register(L, "row", row);
  lua_register(L, "has_maker", has_maker);
  if (luaL_dostring(L, "function equal(a, b)\n"
                       "  for k, v in pairs(a) do assert(b[k] == v, tostring(k)) end\n"
                       "  for k in pairs(b) do assert(a[k] ~= nil, tostring(k)) end\n"
                       "end\n"
                       "function often(t) for i = 1, 30 do ask(t) end end") || luaL_dostring(L, code)) {
    fail_msg("%s", lua_tostring(L, -1));
  }
  lua_close(L);
}

static void any_key(void **state) {
  (void)state;
  for (extra = 0; extra < 8; extra++) {
    run("local t = { a = '1.3.6.1', ['end'] = '1.3.6.2', ['\"]]'] = '1.3.6.3', ['\\0\\n\\\\'] = '1.3.6.4', [''] = '1.3.6.5', ['\\255é'] = '1.3.6.6',\n"
        "  '1.3.6.7', '1.3.6.8', [-5] = '1.3.6.9', [2^53] = '1.3.6.10', ['x=1}; os.exit(9) --'] = '1.3.6.11' }\n"
        "ask(t) assert(not has_maker()) local before = row()\n"
        "often(t) assert(has_maker()) equal(before, row())");
  }
  extra = 0;
}

static void changed_tables(void **state) {
  (void)state;
  run("local t = { a = '1.3.6.1', b = '1.3.6.2' }\n"
      "often(t) assert(has_maker()) equal(row(), { a = 1, b = 2 })\n"
      "t.c = '1.3.6.3' ask(t) equal(row(), { a = 1, b = 2, c = 3 })\n"
      "t.c = nil ask(t) equal(row(), { a = 1, b = 2 })\n"
      "t.b = nil ask(t) equal(row(), { a = 1 })\n"
      "t.b = '1.3.5.1' ask(t) equal(row(), { a = 2, b = 1 })\n"
      "t.a, t.b = nil, nil t.z = '1.3.6.1' ask(t) equal(row(), { z = 1 })\n"
      "t.z = nil assert(not pcall(ask, t))\n"
      "t.a, t.b = '1.3.6.1', '1.3.6.2' ask(t) equal(row(), { a = 1, b = 2 })\n"
      "t.b = 5 assert(not pcall(ask, t))\n"
      "t.b = '1.3.x' assert(not pcall(ask, t))\n"
      "ask('1.3.6.1')");
}

static void fresh_tables(void **state) {
  (void)state;
  run("for i = 1, 2000 do\n"
      "  local t = i % 2 == 0 and { a = '1.3.6.1', b = '1.3.6.2' } or { a = '1.3.6.2', b = '1.3.6.1' }\n"
      "  ask(t) equal(row(), i % 2 == 0 and { a = 1, b = 2 } or { a = 2, b = 1 })\n"
      "  if i % 100 == 0 then collectgarbage() end\n"
      "end assert(has_maker())");
}

static void pushed_out(void **state) {
  (void)state;
  run("local first = { a = '1.3.6.1.0' } often(first)\n"
      "for i = 1, 3000 do local t = { a = '1.3.6.1.' .. i } for _ = 1, 10 do ask(t) end equal(row(), { a = 1 }) end\n"
      "collectgarbage() ask(first) equal(row(), { a = 1 }) assert(not has_maker())");
}

static void widths(void **state) {
  (void)state;
  run("for n = 1, 120 do local t = {} for i = 1, n do t['k' .. i] = '1.3.6.' .. i end\n"
      "  ask(t) local before = row() often(t) equal(before, row()) assert(has_maker() == (n <= 100), n)\n"
      "  local list = {} for i = 1, n do list[i] = '1.3.6.' .. i end\n"
      "  ask(list) before = row() often(list) equal(before, row()) assert(before[n] == (n ~= 4 and n or nil))\n"
      "end\n"
      "often('1.3.6.1') assert(not has_maker())");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_key), cmocka_unit_test(changed_tables), cmocka_unit_test(fresh_tables), cmocka_unit_test(pushed_out), cmocka_unit_test(widths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
