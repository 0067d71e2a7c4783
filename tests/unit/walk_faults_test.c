/* Walks of agents that do not do what the RFCs say, or hardly answer at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "walk_rig.h"

static int begin(void **state) { return walk_begin(state, MOON_V2C, 24); }

static void octets_of(const char *text, const uint8_t **out, size_t *len) {
  static uint8_t octets[4][64];
  static unsigned at;
  at = (at + 1) % 4;
  assert_int_equal(moon_oid_parse(text, strlen(text), octets[at], sizeof octets[at], len), MOON_OK);
  *out = octets[at];
}

/* ---- size ---- */

static void too_big_is_halved_and_remembered(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  (void)state;
  rig.agent.max_octets = 484;
  rig.agent.too_big_for_bulk = true;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.target.reply_max < 900);
  uint32_t first = rig.requests;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.requests - first <= first);
  assert_int_equal(rig.silences, 0);
}

static void too_big_for_one_varbind_is_final(void **state) {
  struct moon_walk_spec spec = walk_interfaces(3);
  struct rig_result res;
  (void)state;
  rig.agent.max_octets = 20;
  rig.agent.too_big_for_bulk = true;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_TOO_BIG);
  assert_int_equal(res.blame, 0);
  assert_int_equal(res.rows, 0);
  assert_non_null(res.seen);
  assert_int_equal(res.outcome.pdu.error_status, 1);
  assert_true(rig.requests < 12);
}

static void one_long_value_does_not_stop_the_table(void **state) {
  static const char *const columns[] = {"1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2"};
  struct moon_walk_spec spec = {.columns = rig_names(0, columns, 2), .n_columns = 2};
  char text[1300];
  (void)state;
  memset(text, 'x', sizeof text);
  agent_add(&rig.agent, "1.3.6.1.4.1.9.1.1", MOON_OCTET_STRING, "a", 1);
  agent_add(&rig.agent, "1.3.6.1.4.1.9.1.2", MOON_OCTET_STRING, text, sizeof text);
  agent_add(&rig.agent, "1.3.6.1.4.1.9.1.3", MOON_OCTET_STRING, "c", 1);
  agent_add(&rig.agent, "1.3.6.1.4.1.9.2.2", MOON_OCTET_STRING, text, sizeof text);
  rig.agent.max_octets = 1472;
  rig.agent.too_big_for_bulk = true;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
}

static void an_empty_reply_is_one_that_did_not_fit(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct rig_result res;
  (void)state;
  rig.agent.empty = true;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_DECODE);
  assert_int_equal(res.rows, 0);
  assert_true(rig.requests < 12);
}

static void fewer_varbinds_than_asked_by_getnext_are_noted(void **state) {
  struct moon_walk_spec spec = walk_interfaces(10);
  (void)state;
  rig.target.quirks = MOON_QUIRK_NO_BULK;
  rig.agent.max_varbinds = 3;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.target.quirks & MOON_QUIRK_FEWER);
  assert_int_equal(rig.agent.bulks, 0);
}

/* ---- silence ---- */

static void silence_above_some_repetitions_is_learned(void **state) {
  struct moon_walk_spec spec = walk_interfaces(1);
  (void)state;
  rig.agent.silent_reps = 10;
  rig.target.last_answer_us = 1; /* it lives */
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.silences, 1);
  assert_true(rig.target.reps_max > 0 && rig.target.reps_max <= 10);
  assert_false(rig.target.quirks & MOON_QUIRK_NO_BULK);
  rig.silences = 0;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.silences, 0);
}

static void an_agent_never_heard_is_first_asked_whether_it_is_there(void **state) {
  struct moon_walk_spec spec = walk_interfaces(1);
  (void)state;
  rig.agent.silent_reps = 10;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.silences, 2); /* of one try, then of all: one datagram may get lost */
  assert_true(rig.target.reps_max > 0 && rig.target.reps_max <= 10);
  assert_false(rig.target.quirks & MOON_QUIRK_NO_BULK);
}

/* Whatever the policy says, silence costs a walk what it costs a GET. */
static void an_agent_that_never_answers_costs_a_walk_no_more_time_than_a_get(void **state) {
  (void)state;
  for (uint32_t retries = 0; retries < 4; retries++) {
    struct moon_walk_spec spec = walk_interfaces(5);
    struct rig_result res;
    rig.agent.community = "other";
    rig.policy.retries = retries;
    rig.target.silent = 0;
    for (unsigned again = 0; again < 2; again++) {
      uint64_t began_us = rig.now_us;
      rig.requests = 0;
      assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_TIMEOUT);
      assert_true(rig.now_us - began_us == (retries + 1) * rig.policy.timeout_us);
      assert_int_equal(res.outcome.tries, retries + 1);
      assert_int_equal(rig.requests, again || retries == 0 ? 1 : 2); /* whoever was silent is asked the least first */
      rig.target.silent++;
    }
  }
}

static void one_lost_datagram_teaches_nothing(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  (void)state;
  rig.agent.drop_first = 1;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.silences, 1);
  assert_int_equal(rig.target.reps_max, 0);
  assert_int_equal(rig.target.quirks, 0);
  assert_int_equal(rig.target.reply_max, 1472);
}

static void an_agent_without_bulk_is_walked_by_getnext(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  (void)state;
  rig.agent.no_bulk = true;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.silences <= 5);
  assert_true(rig.target.quirks & MOON_QUIRK_NO_BULK);
  assert_int_equal(rig.target.reps_max, 1);
  rig.agent.bulks = 0;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.agent.bulks, 0);
}

static void long_replies_that_get_lost_are_avoided(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  (void)state;
  rig.agent.silent_varbinds = 30;
  rig.target.last_answer_us = 1;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.silences <= 2);
  rig.silences = 0;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.silences <= 1);
}

static void a_dead_agent_is_not_asked_for_long(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct rig_result res;
  (void)state;
  rig.agent.community = "other"; /* silence from the start */
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_TIMEOUT);
  assert_int_equal(rig.silences, 2);
  assert_int_equal(res.outcome.tries, 2);
  rig.agent.community = "public";
  rig.agent.silent_after = rig.agent.requests + 8;
  rig.silences = 0;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_TIMEOUT);
  assert_int_equal(rig.silences, 3);
  assert_true(res.rows > 0 && res.rows < 24);
}

static void losses_are_made_up_for(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  (void)state;
  rig.agent.drop_every = 3;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.silences, 0);
}

static void after_some_whole_walks_more_is_tried_again(void **state) {
  struct moon_walk_spec spec = walk_interfaces(5);
  (void)state;
  rig.target.reps_max = 4;
  rig.target.reply_max = 300;
  for (unsigned i = 0; i < 40; i++) {
    assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
    assert_true(i != 2 || rig.target.reps_max == 4);
  }
  assert_int_equal(rig.target.reps_max, 0);
  assert_int_equal(rig.target.reply_max, 1472);
  rig.agent.silent_reps = 6;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.target.patience, 0);
  rig.target.reps_max = 32; /* tried again too early: the next time later */
  rig.target.reply_max = 1472;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.target.reps_max <= 6);
  assert_int_equal(rig.target.patience, 1);
}

/* ---- order ---- */

static void a_name_that_does_not_increase_ends_the_walk(void **state) {
  struct moon_walk_spec spec = walk_interfaces(4);
  struct rig_result res;
  (void)state;
  octets_of("1.3.6.1.2.1.2.2.1.3.10", &rig.agent.stuck, &rig.agent.stuck_len);
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_LOOP);
  assert_int_equal(res.blame, 2);
  assert_int_equal(res.rows, 10); /* the good ones before it */
  assert_true(rig.target.quirks & MOON_QUIRK_NOT_INCREASING);
}

static void a_cycle_ends_the_walk(void **state) {
  struct moon_walk_spec spec = walk_interfaces(1);
  struct rig_result res;
  (void)state;
  octets_of("1.3.6.1.2.1.2.2.1.1.7", &rig.agent.back, &rig.agent.back_len);
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_LOOP);
  assert_int_equal(res.blame, 0);
  assert_int_equal(res.rows, 7);
}

static void varbinds_in_another_order_do_not_mix_rows(void **state) {
  struct moon_walk_spec spec = walk_interfaces(7);
  (void)state;
  for (uint32_t by = 1; by < 7; by++) {
    rig.agent.rotate = by;
    assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  }
  assert_true(rig.target.quirks & MOON_QUIRK_WRONG_ORDER);
}

static void columns_left_out_after_their_end_do_not_shift_the_others(void **state) {
  static const char *const columns[] = {"1.3.6.1.4.1.9.3", "1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2", "1.3.6.1.4.1.9.4"};
  struct moon_walk_spec spec = {.columns = rig_names(0, columns, 4), .n_columns = 4};
  struct rig_result res;
  char oid[64];
  (void)state;
  for (unsigned i = 1; i <= 60; i++) {
    for (unsigned c = 0; c < 4; c++) {
      if (c != 1 || i < 20) {
        snprintf(oid, sizeof oid, "%s.%u", columns[c], i);
        agent_add(&rig.agent, oid, MOON_INTEGER, &i, 1);
      }
    }
  }
  rig.agent.omit_ended = true;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 60);
}

static void the_end_may_be_said_in_odd_ways(void **state) {
  static const char *const columns[] = {"1.3.6.1.2.1.31.1.1.1.19", "1.3.6.1.2.1.31.1.5", "1.3.6.1.2.1.2.2.1.1"};
  struct moon_walk_spec spec = {.columns = rig_names(0, columns, 3), .n_columns = 3};
  (void)state;
  rig.agent.exception_nameless = true;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  rig.agent.missing_for_end = true;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  rig.agent.exception_nameless = false;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
}

/* ---- content ---- */

static void an_ill_typed_value_is_a_cell_of_its_own(void **state) {
  struct moon_walk_spec spec = walk_interfaces(3);
  struct rig_result res;
  struct agent_object *o;
  (void)state;
  for (size_t i = 0; i < rig.agent.n; i++) {
    o = &rig.agent.objects[i];
    if (o->oid_len == 10 && o->oid[8] == 3 && o->oid[9] == 5) {
      o->type = MOON_IP_ADDRESS; /* of one octet */
    }
  }
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 24);
  assert_int_equal(res.bad, 1);
}

/* Unsigned numbers may have one octet more than their size, a zero. */
static void octets_too_many_are_ill_typed(void **state) {
  static const struct { uint8_t type, octets[10], n; } cells[] = {
    {MOON_COUNTER32, {0, 255, 255, 255, 255}, 5}, {MOON_GAUGE32, {0, 128}, 2},          {MOON_COUNTER64, {0, 255, 1, 2, 3, 4, 5, 6, 7}, 9},
    {MOON_COUNTER32, {1, 255, 255, 255, 255}, 5}, {MOON_TIME_TICKS, {1, 0, 0, 0, 0}, 5}, {MOON_COUNTER64, {1, 0, 0, 0, 0, 0, 0, 0, 0}, 9},
    {MOON_INTEGER, {0, 1, 1, 1, 1, 1, 1, 1, 1}, 9}, {MOON_IP_ADDRESS, {0, 1, 2}, 3},
  };
  struct moon_walk_spec spec = walk_interfaces(3);
  struct rig_result res;
  size_t at = 0;
  (void)state;
  for (size_t i = 0; i < rig.agent.n; i++) {
    struct agent_object *o = &rig.agent.objects[i];
    if (o->oid_len == 10 && o->oid[8] == 3 && at < sizeof cells / sizeof *cells) {
      o->type = cells[at].type;
      o->value_len = cells[at].n;
      o->value = realloc(o->value, sizeof cells[at].octets);
      memcpy(o->value, cells[at].octets, cells[at].n);
      at++;
    }
  }
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 24);
  assert_int_equal(res.bad, 5);
}

static void numbers_without_content_are_told(void **state) {
  struct moon_walk_spec spec = walk_interfaces(5);
  struct rig_result res;
  (void)state;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_false(rig.target.quirks & MOON_QUIRK_EMPTY_INTEGER);
  for (size_t i = 0; i < rig.agent.n; i++) {
    struct agent_object *o = &rig.agent.objects[i];
    if (o->oid_len == 10 && o->oid[8] == 2) { o->value_len = 0; } /* ifDescr: an empty text is nothing special */
  }
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_false(rig.target.quirks & MOON_QUIRK_EMPTY_INTEGER);
  for (size_t i = 0; i < rig.agent.n; i++) {
    struct agent_object *o = &rig.agent.objects[i];
    if (o->oid_len == 10 && o->oid[8] == 3 && o->oid[9] == 7) { o->value_len = 0; }
  }
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.bad, 0);
  assert_true(rig.target.quirks & MOON_QUIRK_EMPTY_INTEGER);
}

static void a_reply_that_breaks_off_is_used_as_far_as_it_goes(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct rig_result res;
  (void)state;
  rig.agent.wrap_every = 7;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  rig.agent.wrap_every = 0;
  assert_int_equal(res.rows, 24);
  rig.agent.cut = 30;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK); /* each goes on where the last one broke off */
  assert_int_equal(res.rows, 24);
}

static void an_agent_whose_replies_are_all_broken_is_given_up(void **state) {
  struct moon_walk_spec spec = walk_interfaces(3);
  struct rig_result res;
  (void)state;
  rig.agent.wrap_every = 1;
  rig.agent.max_varbinds = 1;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_DECODE);
  assert_int_equal(res.blame, 0);
  assert_int_equal(rig.requests, 2);
}

static void a_pdu_that_is_no_response_holds_nothing(void **state) {
  struct moon_walk_spec spec = walk_interfaces(3);
  struct rig_result res;
  (void)state;
  rig.agent.report = true;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_DECODE);
  assert_int_equal(rig.requests, 2);
}

static void an_instance_the_agent_cannot_give_is_named(void **state) {
  struct moon_walk_spec spec = walk_interfaces(5);
  struct rig_result res;
  (void)state;
  octets_of("1.3.6.1.2.1.2.2.1.4.9", &rig.agent.broken, &rig.agent.broken_len);
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_GEN_ERR);
  assert_int_equal(res.blame, 3);
  assert_int_equal(res.rows, 8);
  assert_int_equal(res.outcome.pdu.error_status, 5);
}

static void errors_about_the_whole_request_end_the_walk(void **state) {
  struct moon_walk_spec spec = walk_interfaces(5);
  struct rig_result res;
  (void)state;
  rig.agent.status = 16;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_ACCESS);
  assert_int_equal(rig.requests, 1);
  assert_int_equal(res.blame, SIZE_MAX);
}

static void feed(struct moon_walk *w, enum moon_err e) {
  const struct moon_request *request = NULL;
  struct moon_outcome o = {.err = e, .received_us = rig.now_us};
  if (moon_walk_next(w, rig.now_us, &request)) {
    moon_walk_feed(w, &o);
  }
}

static void what_the_owner_says_ends_the_walk(void **state) {
  static const enum moon_err errs[] = {MOON_E_REFUSED, MOON_E_UNREACHABLE, MOON_E_DOWN, MOON_E_CANCELLED, MOON_E_BUDGET};
  (void)state;
  for (size_t i = 0; i < 5; i++) {
    struct moon_walk_spec spec = walk_interfaces(5);
    const struct moon_outcome *seen;
    size_t blame;
    enum moon_err e;
    struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
    feed(w, errs[i]);
    if (i < 2) { feed(w, errs[i]); } /* the last try is another request */
    assert_true(moon_walk_over(w));
    assert_int_equal(moon_walk_err(w, &blame, &seen), errs[i]);
    assert_int_equal(seen->err, errs[i]);
    moon_walk_free(w);
  }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, walk_end)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(too_big_is_halved_and_remembered),
    TEST(too_big_for_one_varbind_is_final),
    TEST(one_long_value_does_not_stop_the_table),
    TEST(an_empty_reply_is_one_that_did_not_fit),
    TEST(fewer_varbinds_than_asked_by_getnext_are_noted),
    TEST(silence_above_some_repetitions_is_learned),
    TEST(an_agent_never_heard_is_first_asked_whether_it_is_there),
    TEST(an_agent_that_never_answers_costs_a_walk_no_more_time_than_a_get),
    TEST(one_lost_datagram_teaches_nothing),
    TEST(an_agent_without_bulk_is_walked_by_getnext),
    TEST(long_replies_that_get_lost_are_avoided),
    TEST(a_dead_agent_is_not_asked_for_long),
    TEST(losses_are_made_up_for),
    TEST(after_some_whole_walks_more_is_tried_again),
    TEST(a_name_that_does_not_increase_ends_the_walk),
    TEST(a_cycle_ends_the_walk),
    TEST(varbinds_in_another_order_do_not_mix_rows),
    TEST(columns_left_out_after_their_end_do_not_shift_the_others),
    TEST(the_end_may_be_said_in_odd_ways),
    TEST(an_ill_typed_value_is_a_cell_of_its_own),
    TEST(octets_too_many_are_ill_typed),
    TEST(numbers_without_content_are_told),
    TEST(a_reply_that_breaks_off_is_used_as_far_as_it_goes),
    TEST(an_agent_whose_replies_are_all_broken_is_given_up),
    TEST(a_pdu_that_is_no_response_holds_nothing),
    TEST(an_instance_the_agent_cannot_give_is_named),
    TEST(errors_about_the_whole_request_end_the_walk),
    TEST(what_the_owner_says_ends_the_walk),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
