/* value: wire content to Lua values, at every boundary; numbers out of Lua; faults as objects. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "../../core/bind/value/fault.h"
#include "../../core/bind/value/index.h"
#include "guard.h"

static lua_State *fresh(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  assert_non_null(moon_value_open(L, NULL));
  assert_int_equal(lua_gettop(L), 0);
  return L;
}

static const struct vector {
  const char *title;
  uint8_t type;
  const char *hex;
  const char *expected; /* n: number, u: uint64_t with exact, s: string, nil; else the error's name */
  const char *exact;    /* the same when it differs with MOON_VALUE_EXACT */
} vectors[] = {
  {"zero", MOON_INTEGER, "00", "n 0", NULL},
  {"minus one", MOON_INTEGER, "ff", "n -1", NULL},
  {"INTEGER maximum", MOON_INTEGER, "7fffffff", "n 2147483647", NULL},
  {"INTEGER minimum", MOON_INTEGER, "80000000", "n -2147483648", NULL},
  {"empty INTEGER is 0", MOON_INTEGER, "", "n 0", NULL},
  {"INTEGER of 9 octets", MOON_INTEGER, "010000000000000000", "range", NULL},
  {"Counter32 2^31", MOON_COUNTER32, "0080000000", "n 2147483648", NULL},
  {"Counter32 maximum", MOON_COUNTER32, "00ffffffff", "n 4294967295", NULL},
  {"Counter32 maximum without the zero", MOON_COUNTER32, "ffffffff", "n 4294967295", NULL},
  {"empty Counter32", MOON_COUNTER32, "", "n 0", NULL},
  {"Counter32 of 33 bits", MOON_COUNTER32, "0100000000", "range", NULL},
  {"Gauge32 maximum", MOON_GAUGE32, "00ffffffff", "n 4294967295", NULL},
  {"UInteger32", MOON_UINTEGER32, "2a", "n 42", NULL},
  {"TimeTicks keep hundredths", MOON_TIME_TICKS, "01e241", "n 1234.57", NULL},
  {"TimeTicks maximum", MOON_TIME_TICKS, "00ffffffff", "n 42949672.95", NULL},
  {"Counter64 zero", MOON_COUNTER64, "00", "n 0", "u 0"},
  {"Counter64 2^53 - 1", MOON_COUNTER64, "1fffffffffffff", "n 9007199254740991", "u 9007199254740991"},
  {"Counter64 2^53", MOON_COUNTER64, "20000000000000", "n 9007199254740992", "u 9007199254740992"},
  {"Counter64 2^53 + 1 rounds", MOON_COUNTER64, "20000000000001", "n 9007199254740992", "u 9007199254740993"},
  {"Counter64 maximum", MOON_COUNTER64, "00ffffffffffffffff", "n 18446744073709551616", "u 18446744073709551615"},
  {"Counter64 maximum without the zero", MOON_COUNTER64, "ffffffffffffffff", "n 18446744073709551616", "u 18446744073709551615"},
  {"empty Counter64", MOON_COUNTER64, "", "n 0", "u 0"},
  {"Counter64 of 65 bits", MOON_COUNTER64, "010000000000000000", "range", NULL},
  {"string", MOON_OCTET_STRING, "6162", "s 6162", NULL},
  {"string with NUL", MOON_OCTET_STRING, "00610000", "s 00610000", NULL},
  {"empty string", MOON_OCTET_STRING, "", "s ", NULL},
  {"IpAddress", MOON_IP_ADDRESS, "c0000207", "s 3139322e302e322e37", NULL},                            /* 192.0.2.7 */
  {"IpAddress of threes", MOON_IP_ADDRESS, "ff640a00", "s 3235352e3130302e31302e30", NULL},             /* 255.100.10.0 */
  {"IpAddress of 3 octets", MOON_IP_ADDRESS, "c00002", "length", NULL},
  {"empty IpAddress", MOON_IP_ADDRESS, "", "length", NULL},
  {"OID", MOON_OBJECT_ID, "2b0601", "s 312e332e362e31", NULL},                                          /* 1.3.6.1 */
  {"OID 0.0", MOON_OBJECT_ID, "00", "s 302e30", NULL},
  {"OID cut", MOON_OBJECT_ID, "2b86", "short", NULL},
  {"Opaque, plain", MOON_OPAQUE, "010203", "s 010203", NULL},
  {"Opaque float", MOON_OPAQUE, "9f7804415c0000", "n 13.75", NULL},
  {"Opaque double", MOON_OPAQUE, "9f7908bff8000000000000", "n -1.5", NULL},
  {"Opaque int64", MOON_OPAQUE, "9f7a01ff", "n -1", NULL},
  {"Opaque uint64", MOON_OPAQUE, "9f7b0105", "n 5", NULL},
  {"NULL", MOON_NULL, "", "nil", NULL},
  {"noSuchObject", MOON_NO_SUCH_OBJECT, "", "nil", NULL},
  {"noSuchInstance", MOON_NO_SUCH_INSTANCE, "", "nil", NULL},
  {"endOfMibView", MOON_END_OF_MIB_VIEW, "", "nil", NULL},
  {"nothing there", 0, "", "nil", NULL},
  {"a type of no RFC", 0x4f, "00", "tag", NULL},
  {"SEQUENCE as value", MOON_SEQUENCE, "", "tag", NULL},
};

static size_t unhex(const char *hex, uint8_t *out) {
  size_t n = 0;
  unsigned b;
  for (; hex[0] && sscanf(hex, "%2x", &b) == 1; hex += 2) { out[n++] = (uint8_t)b; }
  return n;
}

static void describe(lua_State *L, enum moon_err e, char *out, size_t cap) {
  union moon_value_number n;
  size_t len;
  if (e) {
    assert_true(lua_isnil(L, -1));
    snprintf(out, cap, "%s", moon_err_name(e));
    return;
  }
  switch (moon_value_number(L, -1, &n)) {
  case MOON_VALUE_REAL: snprintf(out, cap, n.real >= 1e6 && n.real == (double)(uint64_t)(n.real / 2) * 2 ? "n %.0f" : "n %.16g", n.real); return;
  case MOON_VALUE_UNSIGNED: snprintf(out, cap, "u %llu", (unsigned long long)n.uint); return;
  case MOON_VALUE_SIGNED: snprintf(out, cap, "i %lld", (long long)n.sint); return;
  default: break;
  }
  if (lua_isnil(L, -1)) {
    snprintf(out, cap, "nil");
    return;
  }
  const uint8_t *s = (const uint8_t *)lua_tolstring(L, -1, &len);
  int at = snprintf(out, cap, "s ");
  for (size_t i = 0; i < len; i++) { at += snprintf(out + at, cap - (size_t)at, "%02x", s[i]); }
}

static void test_vectors(void **state) {
  lua_State *L = fresh();
  struct guard g;
  (void)state;
  guard_init(&g, 4096);
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    const struct vector *v = &vectors[i];
    uint8_t raw[64];
    size_t n = unhex(v->hex, raw);
    struct moon_cell c = {.type = v->type, .value = guard_put(&g, raw, n), .value_len = (uint32_t)n};
    for (unsigned flags = 0; flags <= MOON_VALUE_EXACT; flags++) {
      char got[200];
      enum moon_err e = moon_value_push(L, &c, flags);
      assert_int_equal(lua_gettop(L), 1);
      describe(L, e, got, sizeof got);
      if (strcmp(got, flags && v->exact ? v->exact : v->expected) != 0) { fail_msg("%s: %s", v->title, got); }
      lua_settop(L, 0);
    }
    for (size_t cut = 0; cut < n; cut++) { /* no prefix reads past its end or leaves more than one value */
      c.value = guard_put(&g, raw, cut);
      c.value_len = (uint32_t)cut;
      moon_value_push(L, &c, MOON_VALUE_EXACT);
      assert_int_equal(lua_gettop(L), 1);
      lua_settop(L, 0);
    }
  }
  guard_fini(&g);
  lua_close(L);
}

/* Opaque Counter64: exact like Counter64 itself. */
static void test_opaque_counter(void **state) {
  lua_State *L = fresh();
  union moon_value_number n;
  static const uint8_t raw[] = {0x9f, 0x76, 7, 0x20, 0, 0, 0, 0, 0, 1};
  struct moon_cell c = {.type = MOON_OPAQUE, .value = raw, .value_len = sizeof raw};
  (void)state;
  assert_int_equal(moon_value_push(L, &c, MOON_VALUE_EXACT), MOON_OK);
  assert_int_equal(moon_value_number(L, -1, &n), MOON_VALUE_UNSIGNED);
  assert_true(n.uint == 9007199254740993u);
  assert_int_equal(moon_value_push(L, &c, 0), MOON_OK);
  assert_int_equal(moon_value_number(L, -1, &n), MOON_VALUE_REAL);
  lua_close(L);
}

static void test_cell_error(void **state) {
  lua_State *L = fresh();
  struct moon_cell c = {.type = MOON_INTEGER, .value = (const uint8_t *)"\1", .value_len = 1, .err = MOON_E_GEN_ERR};
  (void)state;
  assert_int_equal(moon_value_push(L, &c, 0), MOON_E_GEN_ERR);
  assert_true(lua_isnil(L, 1));
  lua_close(L);
}

static void test_raw(void **state) {
  lua_State *L = fresh();
  static const uint8_t oid[] = {0x2b, 6, 1};
  struct moon_cell c = {.type = MOON_NO_SUCH_INSTANCE};
  (void)state;
  assert_int_equal(moon_value_push_raw(L, oid, sizeof oid, &c, 0), MOON_OK);
  lua_getfield(L, 1, "type");
  assert_string_equal(lua_tostring(L, -1), "noSuchInstance");
  lua_getfield(L, 1, "oid");
  assert_string_equal(lua_tostring(L, -1), "1.3.6.1");
  lua_getfield(L, 1, "value");
  assert_true(lua_isnil(L, -1));
  lua_settop(L, 0);
  c.type = 0x4f;
  assert_int_equal(moon_value_push_raw(L, oid, sizeof oid, &c, 0), MOON_E_TAG);
  lua_getfield(L, 1, "type");
  assert_string_equal(lua_tostring(L, -1), "tag 79");
  lua_close(L);
}

static void test_types(void **state) {
  (void)state;
  for (unsigned t = 0; t < 256; t++) {
    const char *name = moon_value_type_name((uint8_t)t);
    if (name) { assert_int_equal(moon_value_type(name, strlen(name)), t); }
  }
  assert_string_equal(moon_value_type_name(MOON_GAUGE32), "gauge32");
  assert_int_equal(moon_value_type("unsigned", 8), MOON_GAUGE32);
  assert_int_equal(moon_value_type("int", 3), 0);
  assert_int_equal(moon_value_type("integer2", 8), 0);
}

static void test_numbers(void **state) {
  lua_State *L = fresh();
  union moon_value_number n;
  (void)state;
  assert_int_equal(luaL_dostring(L, "return 5, -3LL, 7ULL, '5', nil, true, {}, require('ffi').new('uint8_t[8]'), 1i"), 0);
  assert_int_equal(moon_value_number(L, 1, &n), MOON_VALUE_REAL);
  assert_int_equal(moon_value_number(L, 2, &n), MOON_VALUE_SIGNED);
  assert_true(n.sint == -3);
  assert_int_equal(moon_value_number(L, 3, &n), MOON_VALUE_UNSIGNED);
  assert_true(n.uint == 7);
  for (int i = 4; i <= 9; i++) { assert_int_equal(moon_value_number(L, i, &n), MOON_VALUE_NONE); }
  assert_int_equal(lua_gettop(L), 9);
  lua_close(L);
}

/* A fresh uint64_t each time, not a view of the one before. */
static void test_u64_apart(void **state) {
  lua_State *L = fresh();
  union moon_value_number n;
  (void)state;
  moon_value_push_u64(L, 1);
  moon_value_push_u64(L, UINT64_MAX);
  assert_int_equal(moon_value_number(L, 1, &n), MOON_VALUE_UNSIGNED);
  assert_true(n.uint == 1);
  assert_int_equal(moon_value_number(L, 2, &n), MOON_VALUE_UNSIGNED);
  assert_true(n.uint == UINT64_MAX);
  assert_int_equal(lua_gettop(L), 2);
  lua_close(L);
}

static void test_open_twice(void **state) {
  lua_State *L = fresh();
  (void)state;
  assert_ptr_equal(moon_value_open(L, NULL), moon_value_of(L));
  moon_value_push_library(L);
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_getfield(L, -1, "moonpoll.core");
  assert_true(lua_rawequal(L, 1, 3));
  lua_close(L);
}

/* Embedded modules are found without files, get their name, and run interpreted. */
static void test_embedded(void **state) {
  static const char code[] = "local name, n = ..., 0 for i = 1, 1000 do n = n + i end "
                             "return { name = name, compiled = require('jit.util').traceinfo(1) }";
  const struct moon_embedded modules[] = {{"moonpoll.thing", (const unsigned char *)code, sizeof code - 1}, {NULL, NULL, 0}};
  lua_State *L = luaL_newstate();
  (void)state;
  luaL_openlibs(L);
  moon_value_open(L, modules);
  assert_int_equal(luaL_dostring(L, "package.path, package.cpath = '', ''; "
                                    "local m = require('moonpoll.thing') return m.name, m.compiled"), 0);
  assert_true(lua_isnil(L, -1));
  lua_pop(L, 1);
  assert_string_equal(lua_tostring(L, -1), "moonpoll.thing");
  lua_close(L);
}

static void test_fault(void **state) {
  lua_State *L = fresh();
  static const uint8_t oid[] = {0x2b, 6, 1, 2};
  struct moon_fault f = {.err = MOON_E_TIMEOUT, .device = "core1", .target = "192.0.2.1:161", .tries = 2, .waited_us = 4000000,
                         .version = MOON_V2C, .oid = {oid, sizeof oid}};
  (void)state;
  moon_fault_push(L, &f);
  assert_int_equal(moon_fault_code(L, -1), MOON_E_TIMEOUT);
  moon_fault_push_text(L, 1);
  assert_int_equal(lua_gettop(L), 2);
  const char *line = lua_tostring(L, 2);
  assert_ptr_equal(strstr(line, "core1 (192.0.2.1:161): timeout: "), line);
  assert_non_null(strstr(line, "1.3.6.1.2"));
  assert_non_null(strstr(line, "2 tries in 4.0 s"));
  assert_non_null(strstr(line, "community"));
  assert_null(strchr(line, '\n'));
  lua_setglobal(L, "line");
  lua_setglobal(L, "err");
  assert_int_equal(luaL_dostring(L, "assert(tostring(err) == line); assert('a' .. err == 'a' .. line); assert(err .. 1 == line .. '1');"
                                    "assert(err .. err == line .. line); assert(not pcall(function() return err .. {} end));"
                                    "assert(err.code == 'timeout' and err.retryable and err.tries == 2 and err.waited == 4);"
                                    "assert(err.target == '192.0.2.1:161' and err.oid == '1.3.6.1.2' and err.rtt == nil);"
                                    "assert(getmetatable(err) == 'moonpoll error' and not pcall(setmetatable, err, {}))"), 0);
  lua_settop(L, 0);
  f.device = "192.0.2.1"; /* said once, with its port */
  f.never = true;
  moon_fault_push(L, &f);
  moon_fault_push_text(L, 1);
  assert_ptr_equal(strstr(lua_tostring(L, 2), "192.0.2.1:161: timeout: "), lua_tostring(L, 2));
  assert_non_null(strstr(lua_tostring(L, 2), "2 tries in 4.0 s, it never answered; check"));
  lua_settop(L, 0);
  f.never = false;
  f.usual_us = 12300;
  moon_fault_push(L, &f);
  moon_fault_push_text(L, 1);
  assert_non_null(strstr(lua_tostring(L, 2), "2 tries in 4.0 s, it used to answer in 12.3 ms; check"));
  lua_settop(L, 0);
  /* A script may write anything into it; the line still comes. */
  assert_int_equal(luaL_dostring(L, "err.code, err.oid, err.tries, err.target = {}, 5, 'x', false; return tostring(err)"), 0);
  lua_settop(L, 0);
  for (int e = 1; e < 90; e++) {
    f = (struct moon_fault){.err = (enum moon_err)e, .version = e & 1 ? MOON_V3 : MOON_V1, .status = e % 24, .rtt_us = 1200};
    if (e >= MOON_E_PUBLIC_N && e < MOON_E_SHORT) { continue; }
    moon_fault_push(L, &f);
    enum moon_err code = moon_fault_code(L, 1);
    assert_int_equal(code, moon_err_public((enum moon_err)e));
    moon_fault_push_text(L, 1);
    assert_non_null(strstr(lua_tostring(L, 2), moon_err_name(code)));
    assert_non_null(strstr(lua_tostring(L, 2), "1.2 ms"));
    lua_settop(L, 0);
  }
  lua_newtable(L);
  assert_int_equal(moon_fault_code(L, 1), MOON_OK);
  lua_pushnil(L);
  assert_int_equal(moon_fault_code(L, 2), MOON_OK);
  lua_close(L);
}

static int list_of(lua_State *L) {
  struct moon_index_list *l = lua_touserdata(L, lua_upvalueindex(1));
  moon_index_list_check(L, 1, 1, "only", l);
  return 0;
}

static void test_index_list(void **state) {
  lua_State *L = fresh();
  struct moon_index_list l = {0};
  static const char *const bad[] = {"'x'", "{ 'x' }", "{ {} }", "{ '' }", "{ '1..2' }", "{ -1 }", "{ 1.5 }", "{ a = false }", "{ '4294967296' }"};
  (void)state;
  lua_pushlightuserdata(L, &l);
  lua_pushcclosure(L, list_of, 1);
  lua_setglobal(L, "list");
  assert_int_equal(luaL_dostring(L, "list { '10', 2, '1.300', '2' }"), 0);
  assert_int_equal(l.n, 3); /* sorted, each once */
  assert_memory_equal(l.names[0].oid, "\1\x82\x2c", 3);
  assert_memory_equal(l.names[1].oid, "\2", 1);
  assert_memory_equal(l.names[2].oid, "\12", 1);
  moon_index_list_fini(&l);
  assert_int_equal(luaL_dostring(L, "list { [7] = true, ['1.2'] = true }"), 0);
  assert_int_equal(l.n, 2);
  assert_memory_equal(l.names[0].oid, "\1\2", 2);
  moon_index_list_fini(&l);
  assert_int_equal(luaL_dostring(L, "list {}"), 0);
  assert_int_equal(l.n, 0);
  moon_index_list_fini(&l);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char code[64];
    snprintf(code, sizeof code, "list(%s)", bad[i]);
    if (!luaL_dostring(L, code)) { fail_msg("taken: %s", bad[i]); }
    assert_non_null(strstr(lua_tostring(L, -1), "only: "));
    assert_null(l.names);
  }
  lua_close(L);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_vectors),  cmocka_unit_test(test_opaque_counter), cmocka_unit_test(test_cell_error), cmocka_unit_test(test_raw),
    cmocka_unit_test(test_types),    cmocka_unit_test(test_numbers),        cmocka_unit_test(test_u64_apart),
    cmocka_unit_test(test_open_twice), cmocka_unit_test(test_embedded),     cmocka_unit_test(test_fault),      cmocka_unit_test(test_index_list),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
