/* shape: what a script asks for, found again, held across waits, pushed out, refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "../../core/bind/value/assign.h"
#include "../../core/bind/value/shape.h"
#include "failmem.h"

static struct moon_shape *last;

static int ask(lua_State *L) {
  last = moon_shape_check(L, moon_value_of(L), 1);
  lua_pushlightuserdata(L, last);
  return 1;
}

static int ask_field(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "with");
  last = moon_shape_check_field(L, moon_value_of(L), -1, 1, "with");
  return 0;
}

static int assign(lua_State *L) {
  const uint8_t *p;
  const struct moon_name *names;
  uint32_t len;
  uint16_t n;
  moon_assign_check(L, 1, &p, &len, &names, &n);
  lua_pushlstring(L, (const char *)p, len);
  lua_pushinteger(L, n);
  moon_value_push_oid(L, names[0].oid, names[0].len);
  return 3;
}

static lua_State *fresh(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  moon_value_open(L, NULL);
  lua_register(L, "ask", ask);
  lua_register(L, "field", ask_field);
  lua_register(L, "assign", assign);
  last = NULL;
  return L;
}

static void run(lua_State *L, const char *code) {
  if (luaL_dostring(L, code)) { fail_msg("%s: %s", code, lua_tostring(L, -1)); }
}

static void test_single(void **state) {
  lua_State *L = fresh();
  static const uint8_t expected[] = {0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0};
  (void)state;
  run(L, "ask '1.3.6.1.2.1.1.3.0'");
  assert_true(last->single);
  assert_int_equal(last->n, 1);
  assert_int_equal(last->varbinds_len, sizeof expected);
  assert_memory_equal(last->varbinds, expected, sizeof expected);
  assert_memory_equal(last->names[0].oid, expected + 4, last->names[0].len);
  run(L, "assert(ask '1.3.6.1.2.1.1.3.0' == ask('1.3.6.1.2.1' .. '.1.3.0'))");
  run(L, "ask '.1.3.6.1.2.1.1.3.0'"); /* another text of the same OID: as good, made once more */
  assert_int_equal(last->varbinds_len, sizeof expected);
  assert_memory_equal(last->varbinds, expected, sizeof expected);
  lua_close(L);
}

/* Keys in the order of the OIDs, whatever the order of the table; numbers first. */
static void test_order(void **state) {
  lua_State *L = fresh();
  (void)state;
  run(L, "ask { z = '1.3.6.1.1', a = '1.3.6.1.300', m = '1.3.6.1.2', [2] = '1.3.9', [1] = '1.3.8', [0] = '1.3.99', [-4] = '1.3.98', [9] = '1.3.1' }");
  static const char *const keys[] = {"-4", "0", "1", "2", "9", "z", "m", "a"};
  assert_int_equal(last->n, 8);
  assert_int_equal(last->n_array, 0);
  for (size_t i = 0; i < 8; i++) {
    moon_shape_push_key(L, last, i);
    assert_string_equal(lua_tostring(L, -1), keys[i]);
    lua_pop(L, 1);
  }
  lua_pushliteral(L, "m");
  assert_int_equal(moon_shape_find(L, last, -1), 6);
  lua_pushinteger(L, 9);
  assert_int_equal(moon_shape_find(L, last, -1), 4);
  lua_pushliteral(L, "q");
  assert_int_equal(moon_shape_find(L, last, -1), -1);
  assert_int_equal(lua_gettop(L), 3);
  run(L, "ask { '1.3.9', '1.3.8', '1.3.7' }"); /* a list keeps the order asked */
  assert_int_equal(last->n_array, 3);
  assert_int_equal(last->names[0].oid[1], 9);
  assert_int_equal(last->names[2].oid[1], 7);
  lua_close(L);
}

static void test_found_again(void **state) {
  lua_State *L = fresh();
  (void)state;
  run(L, "local function t() return { a = '1.3.1', b = '1.3.2' } end\n"
         "local kept = t() local s = ask(kept)\n"
         "for i = 1, 100 do assert(ask(t()) == s) if i % 10 == 0 then collectgarbage() end end\n"
         "kept.b = '1.3.3' local changed = ask(kept) assert(changed ~= s)\n"
         "kept.b = nil local less = ask(kept) assert(less ~= s and less ~= changed)\n"
         "kept.b = '1.3.2' assert(ask(kept) == s)\n"
         "assert(ask { a = '1.3.1', c = '1.3.2' } ~= s)\n"          /* other key */
         "assert(ask { '1.3.1' } ~= ask '1.3.1')\n"                  /* a row of one is not a value */
         "assert(ask { [1] = '1.3.1' } ~= ask { [2] = '1.3.1' } and ask { [0] = '1.3.1' } ~= ask { [1] = '1.3.1' })");
  lua_close(L);
}

/* Whatever the collector does in between, an address is never mistaken for the string that lived there before. */
static void test_addresses_reused(void **state) {
  lua_State *L = fresh();
  (void)state;
  run(L, "for i = 1, 5000 do\n"
         "  local last = i % 250\n"
         "  local s = ask { key = '1.3.6.1.' .. last } assert(s == ask { key = '1.3.6.1.' .. last })\n"
         "  if i % 100 == 0 then collectgarbage() end\n"
         "end");
  for (int i = 0; i < 3000; i++) {
    char code[64];
    snprintf(code, sizeof code, "ask { k%d = '1.3.6.%d' }", i % 7, i % 120);
    run(L, code);
    assert_int_equal(last->names[0].oid[2], i % 120);
    moon_shape_push_key(L, last, 0);
    assert_int_equal(lua_tostring(L, -1)[1], '0' + i % 7);
    lua_pop(L, 1);
  }
  lua_close(L);
}

/* Bounded; what is held survives being pushed out, with its keys. */
static void test_pushed_out(void **state) {
  lua_State *L = fresh();
  (void)state;
  size_t before = failmem_alive();
  run(L, "ask { held = '1.3.6.1.4.1' }");
  struct moon_shape *held = last;
  moon_shape_hold(held);
  run(L, "for i = 1, 3000 do ask('1.3.6.1.5.' .. i) end collectgarbage() collectgarbage()");
  assert_false(held->cached);
  assert_true(failmem_alive() - before <= MOON_SHAPES_MAX + 3);
  moon_shape_push_key(L, held, 0);
  assert_string_equal(lua_tostring(L, -1), "held");
  run(L, "ask { held = '1.3.6.1.4.1' }");
  assert_ptr_not_equal(last, held);
  moon_shape_release(held);
  run(L, "for i = 1, 2 * 1024 do ask('1.3.6.1.6.' .. i) end");
  assert_true(failmem_alive() - before <= MOON_SHAPES_MAX + 3);
  /* One in use at the cache's end stays found while it is used. */
  run(L, "local s = ask '1.3.1' for i = 1, 3000 do ask('1.3.6.1.7.' .. i) assert(ask '1.3.1' == s) end");
  lua_close(L);
  assert_int_equal(failmem_alive(), 0);
}

static void test_released_after_close(void **state) {
  lua_State *L = fresh();
  (void)state;
  run(L, "ask '1.3.6.1'");
  struct moon_shape *a = last;
  moon_shape_hold(a);
  run(L, "ask { x = '1.3.6.1' }");
  struct moon_shape *b = last;
  moon_shape_hold(b);
  moon_shape_hold(b);
  run(L, "for i = 1, 1100 do ask('1.3.6.1.5.' .. i) end"); /* both pushed out */
  lua_close(L);
  moon_shape_release(a);
  moon_shape_release(b);
  assert_int_equal(b->names[0].oid[0], 0x2b);
  moon_shape_release(b);
  moon_shape_release(NULL);
  assert_int_equal(failmem_alive(), 0);
}

static void test_refused(void **state) {
  static const struct { const char *code, *where, *what; } bad[] = {
    {"ask()", "bad argument #1 to 'ask'", "an OID or a table of OIDs expected"},
    {"ask(5)", "bad argument #1 to 'ask'", "got number"},
    {"ask ''", "bad argument #1 to 'ask'", "'' is no OID"},
    {"ask 'sysUpTimes'", "#1", "'sysUpTimes' is no OID: Sub-id not found"},
    {"ask '1.3.6.4294967296'", "#1", "'1.3.6.4294967296' has an arc over 4294967295"},
    {"ask('1.3' .. (('.1'):rep(127)))", "#1", "too many arcs"},
    {"ask {}", "#1", "no OIDs"},
    {"ask { rx = '1.3.x' }", "#1", "key 'rx': '1.3.x' is no OID"},
    {"ask { rx = 1.3 }", "#1", "key 'rx': an OID expected, got number"},
    {"ask { '1.3.1', '1..3' }", "#1", "key 2: '1..3' is no OID"},
    {"ask { '1.3.1', {} }", "#1", "key 2: an OID expected, got table"},
    {"ask { [1.5] = '1.3.1' }", "#1", "a key is a number; keys are names or whole numbers"},
    {"ask { [true] = '1.3.1' }", "#1", "a key is a boolean"},
    {"ask { [{}] = '1.3.1' }", "#1", "a key is a table"},
    {"local t = {} for i = 1, 2049 do t[i] = '1.3.' .. i end ask(t)", "#1", "more than 2048 OIDs"},
    {"field { with = { a = 'b' } }", "#1 to 'field'", "with: key 'a': 'b' is no OID"},
    {"field { with = 5 }", "#1 to 'field'", "with: an OID or a table of OIDs expected, got number"},
  };
  lua_State *L = fresh();
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    size_t alive = failmem_alive();
    if (luaL_loadbuffer(L, bad[i].code, strlen(bad[i].code), "=probe.lua")) { fail_msg("%s", lua_tostring(L, -1)); }
    if (!lua_pcall(L, 0, 0, 0)) { fail_msg("taken: %s", bad[i].code); }
    const char *message = lua_tostring(L, -1);
    if (strncmp(message, "probe.lua:1: ", 13) != 0 || !strstr(message, bad[i].where) || !strstr(message, bad[i].what)) {
      fail_msg("%s: %s", bad[i].code, message);
    }
    lua_settop(L, 0);
    assert_true(failmem_alive() <= alive + 1); /* the scratch buffer may have grown */
  }
  run(L, "local t = {} for i = 1, 2048 do t[i] = '1.3.' .. i end ask(t)");
  assert_int_equal(last->n, 2048);
  run(L, "ask('1.3' .. (('.4294967295'):rep(126)))");
  assert_int_equal(last->names[0].len, 1 + 126 * 5);
  lua_close(L);
}

static void test_no_memory(void **state) {
  (void)state;
  for (unsigned n = 1;; n++) {
    lua_State *L = fresh();
    failmem_arm(n);
    bool failed = luaL_dostring(L, "ask { a = '1.3.1', b = '1.3.2' } ask '1.3.4'");
    bool fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(failed, fired);
    if (failed) { assert_non_null(strstr(lua_tostring(L, -1), "not enough memory")); }
    run(L, "ask { a = '1.3.1', b = '1.3.2' } ask '1.3.4'"); /* nothing half made is found */
    assert_int_equal(last->names[0].oid[1], 4);
    lua_close(L);
    assert_int_equal(failmem_alive(), 0);
    if (!fired) {
      assert_true(n > 2);
      break;
    }
  }
}

static void test_assign(void **state) {
  lua_State *L = fresh();
  static const uint8_t expected[] = {
    0x30, 9, 6, 2, 0x2b, 6, 4, 3, 'a', 'b', 0,          0x30, 8, 6, 2, 0x2b, 7, 2, 2, 0xff, 0x7f,
    0x30, 11, 6, 2, 0x2b, 8, 0x42, 5, 0, 0xff, 0xff, 0xff, 0xff, 0x30, 15, 6, 2, 0x2b, 9, 0x46, 9, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x30, 8, 6, 2, 0x2b, 10, 0x43, 2, 0x04, 0xd3,       0x30, 10, 6, 2, 0x2b, 11, 0x40, 4, 10, 0, 0, 1,
    0x30, 8, 6, 2, 0x2b, 12, 6, 2, 0x2b, 6,             0x30, 6, 6, 2, 0x2b, 13, 5, 0};
  (void)state;
  run(L, "return assign { { oid = '1.3.6', type = 'string', value = 'ab\\0' }, { oid = '1.3.7', type = 'integer', value = -129 },"
         "{ oid = '1.3.8', type = 'unsigned', value = 4294967295 }, { oid = '1.3.9', type = 'counter64', value = 18446744073709551615ULL },"
         "{ oid = '1.3.10', type = 'timeticks', value = 12.35 }, { oid = '1.3.11', type = 'ip', value = '10.0.0.1' },"
         "{ oid = '1.3.12', type = 'oid', value = '.1.3.6' }, { oid = '1.3.13', type = 'null' } }");
  assert_int_equal(lua_objlen(L, 1), sizeof expected);
  assert_memory_equal(lua_tostring(L, 1), expected, sizeof expected);
  assert_int_equal(lua_tointeger(L, 2), 8);
  assert_string_equal(lua_tostring(L, 3), "1.3.6");
  static const char *const bad[] = {
    "5", "{}", "{ 5 }", "{ {} }", "{ { oid = 'x', type = 'null' } }", "{ { oid = '1.3.1' } }", "{ { oid = '1.3.1', type = 'int' } }",
    "{ { oid = '1.3.1', type = 'endOfMibView' } }", "{ { oid = '1.3.1', type = 'integer' } }", "{ { oid = '1.3.1', type = 'integer', value = '5' } }",
    "{ { oid = '1.3.1', type = 'integer', value = 2147483648 } }", "{ { oid = '1.3.1', type = 'integer', value = 1.5 } }",
    "{ { oid = '1.3.1', type = 'gauge32', value = -1 } }", "{ { oid = '1.3.1', type = 'gauge32', value = 4294967296 } }",
    "{ { oid = '1.3.1', type = 'counter64', value = 2^64 } }", "{ { oid = '1.3.1', type = 'integer', value = 0/0 } }",
    "{ { oid = '1.3.1', type = 'ip', value = '1.2.3' } }", "{ { oid = '1.3.1', type = 'ip', value = '1.2.3.256' } }",
    "{ { oid = '1.3.1', type = 'ip', value = '::1' } }", "{ { oid = '1.3.1', type = 'ip', value = '1.2.3.4:5' } }",
    "{ { oid = '1.3.1', type = 'oid', value = '1' } }", "{ { oid = '1.3.1', type = 'string', value = 5 } }",
    "{ { oid = '1.3.1', type = 'string', value = ('x'):rep(66000) } }", "{ { oid = 5, type = 'null' } }",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lua_pushfstring(L, "assign(%s)", bad[i]);
    if (!luaL_dostring(L, lua_tostring(L, -1))) { fail_msg("taken: %s", bad[i]); }
    if (!strstr(lua_tostring(L, -1), "bad argument #1 to 'assign'")) { fail_msg("%s: %s", bad[i], lua_tostring(L, -1)); }
    lua_settop(L, 0);
  }
  lua_close(L);
}

static int setup(void **state) {
  (void)state;
  failmem_install();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_single),     cmocka_unit_test(test_order),      cmocka_unit_test(test_found_again), cmocka_unit_test(test_addresses_reused),
    cmocka_unit_test(test_pushed_out), cmocka_unit_test(test_released_after_close), cmocka_unit_test(test_refused),
    cmocka_unit_test(test_no_memory),  cmocka_unit_test(test_assign),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
