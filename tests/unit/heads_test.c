/* Heads: what a walk asks for so that what follows is the scalar it is after. The ways of whole walks are in walk_test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/session/ask.h"
#include "../../core/session/heads.h"

/* 1.3.6 and n - 3 more arcs of 1, the last one `last`. */
static struct moon_name make(uint8_t out[MOON_OID_MAX_LEN], uint32_t n, uint32_t last) {
  struct moon_oid oid = {.arc = {1, 3, 6}};
  size_t len;
  uint8_t one = (uint8_t)(last & 0x7f), two = (uint8_t)(0x80 | last >> 7);
  uint32_t most = n < MOON_OID_MAX_ARCS ? n : MOON_OID_MAX_ARCS;
  for (uint32_t i = 3; i < most; i++) { oid.arc[i] = 1; }
  oid.n = most - 1;
  assert_int_equal(moon_oid_encode(&oid, out, MOON_OID_MAX_LEN, &len), MOON_OK);
  for (uint32_t i = most; i < n; i++) { out[len++] = 1; } /* more than any encoder gives */
  if (last >= 0x80) { out[len++] = two; }
  out[len++] = one;
  return (struct moon_name){out, (uint16_t)len};
}

struct heads { struct moon_heads h; struct moon_cell cells[4]; uint8_t settled[4]; };

static void begin(struct heads *s, const struct moon_name *names, uint16_t n) {
  memset(s, 0, sizeof *s);
  moon_heads_init(&s->h, names, n, s->cells, s->settled);
}

/* What is asked for the name; 0: it is not asked for. */
static size_t asked(const struct moon_name *name, uint8_t out[2 * MOON_OID_MAX_LEN]) {
  uint8_t room[2048];
  struct heads s;
  struct moon_writer w;
  struct moon_reader r;
  struct moon_varbind vb;
  begin(&s, name, 1);
  moon_writer_init(&w, room, sizeof room);
  moon_heads_choose(&s.h, 8);
  if (!s.h.n_asked) { return 0; }
  moon_heads_put(&s.h, &w);
  moon_reader_init(&r, w.p, moon_writer_len(&w));
  assert_true(moon_varbind_get(&r, &vb));
  memcpy(out, vb.oid, vb.oid_len);
  return vb.oid_len;
}

/* The next possible name after what is asked is the one that is wanted, or lies below what is asked. */
static void is_just_before(const struct moon_name *name) {
  uint8_t before[2 * MOON_OID_MAX_LEN];
  size_t n = asked(name, before);
  assert_true(n > 0);
  assert_int_equal(moon_oid_check(before, n), MOON_OK);
  assert_true(moon_oid_compare(before, n, name->oid, name->len) < 0);
}

static void names_that_are_asked_for(void **state) {
  static const uint32_t arcs[] = {3, 10, 126, 127, 128}, last[] = {0, 1, 7, 127, 128, 129, 16383};
  uint8_t octets[MOON_OID_MAX_LEN];
  (void)state;
  for (size_t i = 0; i < sizeof arcs / sizeof *arcs; i++) {
    for (size_t k = 0; k < sizeof last / sizeof *last; k++) {
      struct moon_name name = make(octets, arcs[i], last[k]);
      assert_int_equal(moon_oid_check(name.oid, name.len), MOON_OK);
      is_just_before(&name);
    }
  }
}

/* 128 arcs are the most: below the name before it there is nothing. */
static void the_longest_name(void **state) {
  uint8_t octets[MOON_OID_MAX_LEN], want[MOON_OID_MAX_LEN], before[2 * MOON_OID_MAX_LEN];
  (void)state;
  struct moon_name name = make(octets, 128, 128), sibling = make(want, 128, 127);
  assert_int_equal(asked(&name, before), sibling.len);
  assert_memory_equal(before, want, sibling.len);
  name = make(octets, 127, 7);
  sibling = make(want, 127, 6);
  assert_int_equal(asked(&name, before), sibling.len + 5u);
  assert_memory_equal(before, want, sibling.len);
}

/* It cannot be there, and agents are silent about it: the others are asked for, nobody waits for this one. */
static void a_name_that_cannot_be(void **state) {
  uint8_t octets[MOON_OID_MAX_LEN], other[MOON_OID_MAX_LEN];
  struct heads s;
  (void)state;
  const struct moon_name names[] = {make(octets, 129, 0), make(other, 9, 0)};
  assert_int_equal(moon_oid_check(names[0].oid, names[0].len), MOON_E_LIMIT);
  begin(&s, names, 2);
  assert_int_equal(s.h.left, 1);
  assert_int_equal(s.cells[0].err, MOON_E_MISSING);
  moon_heads_choose(&s.h, 8);
  assert_int_equal(s.h.n_asked, 1);
  assert_int_equal(s.h.asked[0], 1);
  begin(&s, names, 1);
  assert_int_equal(s.h.left, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(names_that_are_asked_for),
    cmocka_unit_test(the_longest_name),
    cmocka_unit_test(a_name_that_cannot_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
