/* Walks by GETNEXT, as SNMPv1 has it (RFC 1157 4.1.3, RFC 2576 4.3 for what tooBig and noSuchName look like). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "walk_rig.h"

static int begin(void **state) { return walk_begin(state, MOON_V1, 24); }

static void a_row_takes_one_getnext(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct rig_result res;
  (void)state;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.values, 984);
  assert_int_equal(rig.agent.bulks, 0);
  assert_true(rig.requests <= 25 + 3);
}

static void no_such_name_ends_the_columns_one_by_one(void **state) {
  static const char *const columns[] = {"1.3.6.1.2.1.31.1.1.1.19", "1.3.6.1.2.1.31.1.5", "1.3.6.1.9", "1.3.6.1.2.1.2.2.1.1"};
  struct moon_walk_spec spec = {.columns = rig_names(0, columns, 4), .n_columns = 4};
  struct rig_result res;
  (void)state;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 25);
  assert_int_equal(res.values, 24 + 1 + 24);
  assert_true(rig.requests <= 25 + 3);
}

static void no_such_name_without_index_is_found_out_singly(void **state) {
  static const char *const columns[] = {"1.3.6.1.2.1.2.2.1.1", "1.3.6.1.9", "1.3.6.1.2.1.31.1.5"};
  struct moon_walk_spec spec = {.columns = rig_names(0, columns, 3), .n_columns = 3};
  (void)state;
  rig.agent.no_error_index = true;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  rig.agent.no_error_index = false;
  rig.agent.status = 2;
  rig.agent.status_index = 99;
  rig.unchecked = true;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK); /* nothing is there at all */
}

static void heads_that_are_not_there_are_dropped(void **state) {
  static const char *const heads[] = {"1.3.6.1.2.1.1.3.0", "1.3.6.1.9.9.0", "1.3.6.1.2.1.1.99.0", "1.3.6.1.2.1.1.5.0"};
  struct moon_walk_spec spec = walk_interfaces(2);
  struct rig_result res;
  enum moon_err e;
  (void)state;
  spec.heads = rig_names(1, heads, 4);
  spec.n_heads = 4;
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  rig_drive(&rig, w, &spec, &res);
  assert_int_equal(res.err, MOON_OK);
  const struct moon_cell *head = moon_walk_heads(w);
  assert_int_equal(head[0].type, MOON_TIME_TICKS);
  assert_int_equal(head[1].err, MOON_E_MISSING);
  assert_int_equal(head[2].type, MOON_NO_SUCH_INSTANCE);
  assert_int_equal(head[3].type, MOON_OCTET_STRING);
  moon_walk_free(w);
}

static void too_big_asks_fewer_columns(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  (void)state;
  rig.agent.max_octets = 484;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  uint32_t first = rig.requests;
  assert_true(first < 120);
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.requests - first <= first);
}

static void silence_asks_fewer_columns(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  (void)state;
  rig.agent.silent_varbinds = 16;
  rig.target.last_answer_us = 1;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.silences, 1);
  assert_false(rig.target.quirks & MOON_QUIRK_NO_BULK);
}

static void an_agent_that_answers_one_varbind_only_is_learned(void **state) {
  struct moon_walk_spec spec = walk_interfaces(5);
  (void)state;
  rig.agent.silent_varbinds = 1;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.silences <= 2);
  rig.silences = 0;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.silences, 0);
  rig.agent.silent_varbinds = 0; /* it got better */
  for (unsigned i = 0; i < 80; i++) {
    assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  }
  assert_int_equal(rig.target.get_max, 0);
}

static void another_order_is_seen(void **state) {
  struct moon_walk_spec spec = walk_interfaces(5);
  (void)state;
  rig.agent.rotate = 2;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.target.quirks & MOON_QUIRK_WRONG_ORDER);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, walk_end)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(a_row_takes_one_getnext),
    TEST(no_such_name_ends_the_columns_one_by_one),
    TEST(no_such_name_without_index_is_found_out_singly),
    TEST(heads_that_are_not_there_are_dropped),
    TEST(too_big_asks_fewer_columns),
    TEST(silence_asks_fewer_columns),
    TEST(an_agent_that_answers_one_varbind_only_is_learned),
    TEST(another_order_is_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
