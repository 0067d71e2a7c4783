/* row: answers as what a script gets; from cells and from a Response, in and out of order, cut, foreign, ill-typed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "../../core/bind/value/index.h"
#include "../../core/bind/value/row.h"
#include "guard.h"

static struct moon_shape *last;

/* Each test is done with a shape seen once and with one seen so often that it has a maker. */
static unsigned times;
static int once(void **state) {
  (void)state;
  times = 1;
  return 0;
}
static int often(void **state) {
  (void)state;
  times = 20;
  return 0;
}
#define BOTH(f) cmocka_unit_test_setup(f, once), cmocka_unit_test_setup(f, often)

static int ask(lua_State *L) {
  for (unsigned i = 0; i < times; i++) { last = moon_shape_check(L, moon_value_of(L), 1); }
  return 0;
}

static lua_State *fresh(const char *code) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  moon_value_open(L, NULL);
  lua_register(L, "ask", ask);
  assert_int_equal(luaL_dostring(L, code), 0);
  return L;
}

/* A varbind list out of "oid type hex" lines. */
struct line { const char *oid; uint8_t type; const char *octets; size_t n; };
static struct moon_pdu list(struct guard *g, const struct line *lines, size_t n, size_t cut) {
  uint8_t buf[4096], oid[64];
  struct moon_writer w;
  size_t len;
  moon_writer_init(&w, buf, sizeof buf);
  for (size_t i = n; i-- > 0;) {
    assert_int_equal(moon_oid_parse(lines[i].oid, strlen(lines[i].oid), oid, sizeof oid, &len), MOON_OK);
    struct moon_varbind vb = {.oid = oid, .oid_len = (uint16_t)len, .type = lines[i].type, .value = (const uint8_t *)lines[i].octets,
                              .value_len = (uint32_t)lines[i].n};
    moon_varbind_put(&w, &vb);
  }
  len = moon_writer_len(&w) - cut;
  return (struct moon_pdu){.varbinds = guard_put(g, w.p, len), .varbinds_len = len, .type = MOON_PDU_RESPONSE};
}

static void expect(lua_State *L, const char *condition) {
  char code[400];
  assert_int_equal(lua_gettop(L), 1);
  lua_setglobal(L, "r");
  snprintf(code, sizeof code, "local n = 0 if type(r) == 'table' then for _ in pairs(r) do n = n + 1 end end return %s", condition);
  assert_int_equal(luaL_dostring(L, code), 0);
  if (!lua_toboolean(L, -1)) { fail_msg("not: %s", condition); }
  lua_settop(L, 0);
}

static const struct line good[] = {{"1.3.6.1.1.0", MOON_OCTET_STRING, "a\0b", 3},
                                   {"1.3.6.1.2.0", MOON_COUNTER64, "\x20\0\0\0\0\0\1", 7},
                                   {"1.3.6.1.3.0", MOON_INTEGER, "\xff", 1}};
#define ASK3 "ask { s = '1.3.6.1.1.0', c = '1.3.6.1.2.0', i = '1.3.6.1.3.0' }"

static void test_response(void **state) {
  lua_State *L = fresh(ASK3);
  struct guard g;
  size_t blame = 77;
  (void)state;
  guard_init(&g, 4096);
  struct moon_pdu p = list(&g, good, 3, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_OK);
  expect(L, "n == 3 and r.s == 'a\\0b' and r.c == 2^53 and r.i == -1");
  assert_int_equal(moon_row_push_pdu(L, last, &p, MOON_VALUE_EXACT, &blame), MOON_OK);
  expect(L, "n == 3 and r.c == 9007199254740993ULL and type(r.c) == 'cdata' and r.i == -1");
  assert_int_equal(blame, 77);

  struct line other[] = {good[2], good[0], good[1]};
  p = list(&g, other, 3, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_OK);
  expect(L, "n == 3 and r.s == 'a\\0b' and r.c == 2^53 and r.i == -1");

  struct line missing[] = {good[0], {good[1].oid, MOON_NO_SUCH_INSTANCE, "", 0}, good[2]};
  p = list(&g, missing, 3, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_OK);
  expect(L, "n == 2 and r.c == nil and r.i == -1");

  struct line ill[] = {good[0], {good[1].oid, MOON_IP_ADDRESS, "abc", 3}, {good[2].oid, 0x4f, "", 0}};
  p = list(&g, ill, 3, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_E_LENGTH);
  assert_int_equal(blame, 1); /* the first */
  expect(L, "n == 1 and r.s == 'a\\0b'");

  struct line foreign[] = {good[0], {"1.3.6.1.9.0", MOON_INTEGER, "\1", 1}, good[2]};
  p = list(&g, foreign, 3, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_E_DECODE);
  assert_int_equal(blame, 1);
  expect(L, "n == 2 and r.s and r.i == -1");

  struct line twice[] = {good[0], good[0], good[0]};
  p = list(&g, twice, 3, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_E_DECODE);
  assert_int_equal(blame, 1);
  expect(L, "n == 1 and r.s");

  p = list(&g, &foreign[1], 1, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_E_DECODE);
  assert_true(blame == SIZE_MAX);
  expect(L, "n == 0");
  guard_fini(&g);
  lua_close(L);
}

/* Every cut is an error, never a crash, and what came before it is kept. */
static void test_every_prefix(void **state) {
  lua_State *L = fresh(ASK3);
  struct guard g;
  (void)state;
  guard_init(&g, 4096);
  size_t whole = list(&g, good, 3, 0).varbinds_len, third = list(&g, good + 2, 1, 0).varbinds_len;
  for (size_t cut = 1; cut <= whole; cut++) {
    struct moon_pdu p = list(&g, good, 3, cut);
    size_t blame = 0;
    assert_int_equal(moon_row_push_pdu(L, last, &p, MOON_VALUE_EXACT, &blame), MOON_E_DECODE);
    if (cut < third) {
      assert_true(blame == SIZE_MAX);
      expect(L, "n == 2 and r.s == 'a\\0b' and r.c");
    } else {
      expect(L, "n <= 2");
    }
  }
  guard_fini(&g);
  lua_close(L);
}

/* Octets changed at random: any result will do, but one value is pushed, nothing is read beyond the end, blame is a name. */
static void test_changed(void **state) {
  lua_State *L = fresh("ask { '1.3.6.1.3.0', s = '1.3.6.1.1.0', c = '1.3.6.1.2.0', same = '1.3.6.1.2.0' }");
  struct guard g;
  uint32_t seed = 1;
  unsigned errors = 0;
  (void)state;
  guard_init(&g, 4096);
  struct line lines[] = {good[2], good[0], good[1], good[1]};
  for (int turn = 0; turn < 30000; turn++) {
    struct moon_pdu p = list(&g, lines, 4, 0);
    uint8_t *octets = (uint8_t *)(uintptr_t)p.varbinds;
    size_t blame = 0;
    for (int k = 0; k <= turn % 4; k++) {
      seed = seed * 1664525u + 1013904223u;
      octets[(seed >> 8) % p.varbinds_len] = (uint8_t)(seed >> 24);
    }
    enum moon_err e = moon_row_push_pdu(L, last, &p, turn & 1, &blame);
    assert_int_equal(lua_gettop(L), 1);
    assert_true(lua_istable(L, 1));
    if (e) {
      errors++;
      assert_true(blame < 4 || blame == SIZE_MAX);
    }
    lua_settop(L, 0);
  }
  assert_true(errors > 1000);
  guard_fini(&g);
  lua_close(L);
}

static void test_single(void **state) {
  lua_State *L = fresh("ask '.1.3.6.1.3.0'");
  struct guard g;
  size_t blame = 0;
  (void)state;
  guard_init(&g, 4096);
  struct moon_pdu p = list(&g, good + 2, 1, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_OK);
  expect(L, "r == -1");
  p = list(&g, good, 3, 0); /* more than asked: the one is picked out */
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_OK);
  expect(L, "r == -1");
  p = list(&g, good, 1, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_E_DECODE);
  assert_int_equal(blame, 0);
  expect(L, "r == nil");
  p = list(&g, good + 2, 1, 1);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_E_DECODE);
  assert_true(blame == SIZE_MAX);
  expect(L, "r == nil");
  struct line none = {"1.3.6.1.3.0", MOON_NO_SUCH_OBJECT, "", 0};
  p = list(&g, &none, 1, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_E_MISSING);
  expect(L, "r == nil");
  none.type = 0x4f;
  p = list(&g, &none, 1, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_E_TAG);
  expect(L, "r == nil");
  struct moon_cell c = {.type = MOON_INTEGER, .value = (const uint8_t *)"\5", .value_len = 1};
  assert_int_equal(moon_row_push(L, last, &c, 0, 3, &blame), MOON_OK);
  expect(L, "r == 5");
  c.type = 0;
  assert_int_equal(moon_row_push(L, last, &c, 0, 0, &blame), MOON_E_MISSING);
  expect(L, "r == nil");
  guard_fini(&g);
  lua_close(L);
}

/* The same OID under two keys, and keys that are a list. */
static void test_keys(void **state) {
  lua_State *L = fresh("ask { '1.3.6.1.3.0', a = '1.3.6.1.1.0', b = '1.3.6.1.1.0' }");
  struct guard g;
  size_t blame = 0;
  (void)state;
  guard_init(&g, 4096);
  struct line lines[] = {good[2], good[0], good[0]};
  struct moon_pdu p = list(&g, lines, 3, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_OK);
  expect(L, "n == 3 and r[1] == -1 and r.a == r.b and #r.a == 3");
  struct line moved[] = {good[0], good[2], good[0]};
  p = list(&g, moved, 3, 0);
  assert_int_equal(moon_row_push_pdu(L, last, &p, 0, &blame), MOON_OK);
  expect(L, "n == 3 and r[1] == -1 and r.a == r.b");
  guard_fini(&g);
  lua_close(L);
}

static void test_cells(void **state) {
  lua_State *L = fresh(ASK3);
  size_t blame = 77;
  struct moon_cell c[3] = {{.type = MOON_OCTET_STRING, .value = (const uint8_t *)"x", .value_len = 1},
                           {.type = MOON_END_OF_MIB_VIEW},
                           {.type = MOON_INTEGER, .value = (const uint8_t *)"\7", .value_len = 1}};
  (void)state;
  assert_int_equal(moon_row_push(L, last, c, 0, 2, &blame), MOON_OK);
  expect(L, "n == 2 and r.s == 'x' and r.i == 7");
  assert_int_equal(blame, 77);
  c[0].err = MOON_E_GEN_ERR;
  c[1].err = MOON_E_ACCESS;
  c[1].type = 0;
  assert_int_equal(moon_row_push(L, last, c, 0, 0, &blame), MOON_E_GEN_ERR);
  assert_int_equal(blame, 0);
  expect(L, "n == 1 and r.i == 7");
  c[0].err = 0;
  assert_int_equal(moon_row_push(L, last, c, 0, 0, &blame), MOON_E_ACCESS);
  assert_int_equal(blame, 1);
  expect(L, "n == 2 and r.i == 7");
  c[1].err = 0;
  moon_shape_push_keys(L, last);
  assert_int_equal(moon_row_push_keyed(L, last, 1, c, 0, 0, &blame), MOON_OK);
  assert_int_equal(moon_row_push_keyed(L, last, 1, c, 0, 0, &blame), MOON_OK);
  assert_false(lua_rawequal(L, 2, 3)); /* rows are fresh */
  lua_settop(L, 0);
  lua_close(L);
}

static void test_index(void **state) {
  lua_State *L = fresh("");
  static const struct { const char *octets; size_t n; const char *text; } list_of[] = {
    {"", 0, ""}, {"\7", 1, "7"}, {"\1\4\x81\x40\0\2\7", 7, "1.4.192.0.2.7"}, {"\x8f\xff\xff\xff\x7f\0", 6, "4294967295.0"}};
  (void)state;
  for (size_t i = 0; i < sizeof list_of / sizeof *list_of; i++) {
    moon_index_push(L, (const uint8_t *)list_of[i].octets, list_of[i].n);
    assert_string_equal(lua_tostring(L, -1), list_of[i].text);
  }
  lua_close(L);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    BOTH(test_response), BOTH(test_every_prefix), BOTH(test_changed), BOTH(test_single),
    BOTH(test_keys),     BOTH(test_cells),        BOTH(test_index),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
