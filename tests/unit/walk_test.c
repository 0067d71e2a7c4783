/* Walks of agents that do what the RFCs say: rows, joins, ends, economy, budgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "walk_rig.h"
#include "../../core/session/trust.h"

static int begin(void **state) { return walk_begin(state, MOON_V2C, 0); }

static void add(const char *oid, const char *text) { agent_add(&rig.agent, oid, MOON_OCTET_STRING, text, strlen(text)); }

static void add_rows(const char *column, unsigned from, unsigned to) {
  char oid[128];
  for (unsigned i = from; i <= to; i++) {
    snprintf(oid, sizeof oid, "%s.%u", column, i);
    add(oid, "value");
  }
}

static void interface_tables_take_few_full_packets(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct rig_result res;
  (void)state;
  rig_interfaces(&rig, 24);
  rig.agent.max_octets = 1472;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 24);
  assert_int_equal(res.values, 984);
  assert_true(rig.requests <= 18);
  assert_true(rig.agent.longest_reply <= 1472 && rig.agent.longest_request <= 1472);
  /* 41 ends and hardly anything beyond them */
  assert_true(rig.agent.varbinds <= 984 + 41 + 41);
  assert_int_equal(rig.target.quirks, 0);
}

/* Over SNMPv3 names in a request cost more: fewer columns for more rows. */
static void sealed_requests_name_few_columns(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  uint32_t octets[2];
  (void)state;
  for (int sealed = 0; sealed < 2; sealed++) {
    const struct moon_request *request;
    enum moon_err err;
    rig.credential.version = sealed ? MOON_V3 : MOON_V2C;
    struct moon_walk *w = moon_walk_new(&rig.target, &spec, &err);
    assert_non_null(w);
    assert_true(moon_walk_next(w, rig.now_us, &request));
    assert_int_equal(request->max_repetitions, sealed ? 4 : 2);
    octets[sealed] = request->varbinds_len;
    moon_walk_free(w);
  }
  assert_true(octets[1] <= octets[0] / 2);
}

/* An agent of SNMPv3 is told how long replies may be: it fills them, whatever is asked. */
static void replies_that_the_agent_cuts_are_full(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct moon_trust trust = {.decided = true};
  struct rig_result res;
  (void)state;
  rig_interfaces(&rig, 24);
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  uint32_t before = rig.requests;
  rig.target.trust = &trust;
  rig.agent.longest_reply = 0;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 24);
  assert_int_equal(res.values, 984);
  assert_true(rig.requests - before < before);
  assert_in_range(rig.agent.longest_reply, 1472 - 40, 1472);
  assert_int_equal(rig.target.quirks, 0);
  assert_false(trust.uncut);
}

/* A value that no such reply has room for: asked for without the limit from then on, and nothing else is learned from it. */
static void a_value_longer_than_the_reply_may_be_is_read(void **state) {
  static const char *const columns[] = {"1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2"};
  static char text[2001];
  struct moon_walk_spec spec = walk_columns(columns, 2);
  struct moon_trust trust = {.decided = true};
  struct rig_result res;
  (void)state;
  memset(text, 'x', sizeof text - 1);
  for (int i = 1; i <= 60; i++) {
    char oid[64];
    snprintf(oid, sizeof oid, "%s.%d", columns[0], i);
    add(oid, i % 20 ? "short" : text);
  }
  add_rows(columns[1], 1, 60);
  rig.target.trust = &trust;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.values, 120);
  assert_true(trust.uncut);
  assert_int_equal(rig.target.reply_max, 1472);
  assert_int_equal(rig.target.reps_max, 0);
  assert_int_equal(rig.target.quirks, 0);
  uint32_t before = rig.requests;
  rig.agent.longest_reply = 0;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_true(rig.requests - before < before);
  assert_true(rig.agent.longest_reply > 2000);
}

/* What is asked beyond the room would come in fragments: after the first reply that is too long no more than fits. */
static void an_agent_that_does_not_cut_is_asked_for_what_fits(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct moon_trust trust = {.decided = true};
  struct rig_result res;
  (void)state;
  rig_interfaces(&rig, 24);
  rig.heedless = true;
  rig.target.trust = &trust;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.values, 984);
  assert_true(trust.uncut);
  rig.agent.longest_reply = 0;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.values, 984);
  assert_in_range(rig.agent.longest_reply, 1200, 1472);
}

/* It says genErr of the whole request where it should cut: nothing is wrong with the names, and none is asked by itself. */
static void an_agent_that_fails_where_it_should_cut_is_asked_for_what_fits(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct moon_trust trust = {.decided = true};
  struct rig_result res;
  (void)state;
  rig_interfaces(&rig, 24);
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  uint32_t plain = rig.requests;
  rig.agent.gen_err_for_bulk = true;
  rig.target.trust = &trust;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.values, 984);
  assert_in_range(rig.requests, plain, 2 * plain + 1);
  assert_true(trust.uncut);
  assert_int_equal(rig.target.quirks, 0);
  assert_int_equal(rig.target.reps_max, 0);
}

/* It says nothing at all: the next try does not tell it, and no later request. */
static void an_agent_that_is_silent_where_it_should_cut_is_asked_for_what_fits(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct moon_trust trust = {.decided = true};
  struct rig_result res;
  (void)state;
  spec.repetitions = 1;
  rig_interfaces(&rig, 24);
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  uint32_t plain = rig.requests;
  uint64_t before_us = rig.now_us;
  rig.agent.silent_for_bulk = true;
  rig.reserved = 900; /* nor does the reply say it, which is not too long */
  rig.target.trust = &trust;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.values, 984);
  assert_in_range(rig.requests, plain, 2 * plain + 1);
  assert_int_equal(rig.silences, 0);
  assert_true(trust.uncut);
  assert_true(rig.now_us - before_us < 1000000);
  assert_int_equal(rig.target.reps_max, 0);
}

/* Neither where that would take all tries, nor one that was never heard: silence would be taken for its own. */
static void who_has_no_other_try_is_not_told(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  const struct moon_request *request;
  struct moon_trust trust = {.decided = true};
  enum moon_err err;
  (void)state;
  rig_interfaces(&rig, 24);
  rig.target.trust = &trust;
  for (int i = 0; i < 3; i++) {
    struct moon_walk *w = moon_walk_new(&rig.target, &spec, &err);
    assert_non_null(w);
    assert_true(moon_walk_next(w, rig.now_us, &request));
    assert_int_equal(request->reply_max, i == 1 ? 1472 : 0);
    moon_walk_free(w);
    if (i == 0) { assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK); }
    if (i == 1) { rig.policy.retries = 0; }
  }
}

static void an_agent_that_cuts_its_replies_costs_nothing_twice(void **state) {
  struct moon_walk_spec spec = walk_interfaces(41);
  struct rig_result res;
  (void)state;
  rig_interfaces(&rig, 24);
  rig.agent.max_varbinds = 17; /* in the middle of a row */
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.values, 984);
  assert_true(rig.agent.varbinds <= 984 + 41 + 41);
  assert_true(rig.requests <= (984 + 41) / 17 + 3);
}

static void a_table_read_again_knows_what_worked(void **state) {
  static const char *const columns[] = {"1.3.6.1.4.1.9.1"};
  struct moon_walk_spec spec = walk_columns(columns, 1);
  (void)state;
  add_rows(columns[0], 1, 45);
  assert_int_equal(rig.target.reps, 0);
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  uint32_t first = rig.requests;
  assert_true(rig.target.reps > 20);
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_true(rig.requests - first < first);
}

static void sparse_columns_join_by_index(void **state) {
  static const char *const columns[] = {"1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2", "1.3.6.1.4.1.9.3", "1.3.6.1.4.1.8.7"};
  struct moon_walk_spec spec = walk_columns(columns, 4);
  struct rig_result res;
  (void)state;
  add_rows(columns[0], 1, 200);
  add_rows(columns[1], 150, 151);
  for (unsigned i = 1; i <= 20; i++) {
    add_rows(columns[2], i * 10, i * 10);
  }
  add_rows(columns[3], 500, 600);
  add("1.3.6.1.4.1.9.1.7.1", "below a row");
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 200 + 1 + 101);
  assert_int_equal(res.values, 200 + 1 + 2 + 20 + 101);
}

static void arcs_of_several_octets_are_ordered_by_value(void **state) {
  static const char *const columns[] = {"1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2"};
  static const char *const index[] = {"0", "1.0", "127", "128", "16383", "16384", "16384.1", "2097151", "2097152", "4294967295"};
  struct moon_walk_spec spec = walk_columns(columns, 2);
  struct rig_result res;
  (void)state;
  for (size_t i = 0; i < 10; i++) {
    char oid[64];
    snprintf(oid, sizeof oid, "%s.%s", columns[i % 2], index[i]);
    add(oid, index[i]);
  }
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 10);
}

static void a_subtree_walks_like_a_column(void **state) {
  static const char *const system[] = {"1.3.6.1.2.1.1"}, *const uptime[] = {"1.3.6.1.2.1.1.3"}, *const instance[] = {"1.3.6.1.2.1.1.3.0"},
                           *const nothing[] = {"1.3.6.1.9"};
  struct moon_walk_spec spec = walk_columns(system, 1);
  struct rig_result res;
  (void)state;
  rig_interfaces(&rig, 2);
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 2);
  spec = walk_columns(uptime, 1);
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 1);
  assert_int_equal(res.last_len, 1);
  spec = walk_columns(instance, 1);
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 0);
  spec = walk_columns(nothing, 1); /* past the last object: endOfMibView at once */
  rig.requests = 0;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 0);
  assert_int_equal(rig.requests, 1);
}

static void heads_come_with_the_first_packet(void **state) {
  static const char *const heads[] = {"1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.99.0", "1.3.6.1.2.1.2.2.1.5.2", "1.3.6.1.4.1.77.5.128", "1.3.6.1.2.1.1.5.0"};
  struct moon_walk_spec spec = walk_interfaces(3);
  struct rig_result res;
  enum moon_err e;
  (void)state;
  rig_interfaces(&rig, 3);
  add("1.3.6.1.4.1.77.5.127.9", "just before");
  add("1.3.6.1.4.1.77.5.128", "an instance that does not end in 0");
  spec.heads = rig_names(1, heads, 5);
  spec.n_heads = 5;
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  rig_drive(&rig, w, &spec, &res);
  const struct moon_cell *head = moon_walk_heads(w);
  assert_int_equal(head[0].type, MOON_TIME_TICKS);
  assert_int_equal(head[0].value_len, 3);
  assert_memory_equal(head[0].value, "\x12\x34\x56", 3);
  assert_true(head[0].received_us > 0);
  assert_int_equal(head[1].type, MOON_NO_SUCH_INSTANCE);
  assert_int_equal(head[2].type, MOON_GAUGE32);
  assert_int_equal(head[3].type, MOON_OCTET_STRING);
  assert_memory_equal(head[4].value, "core1", 5);
  moon_walk_free(w);
  assert_int_equal(rig.requests, 1);
  assert_int_equal(res.rows, 3);
}

static void rows_wait_for_heads_that_did_not_fit(void **state) {
  static const char *const heads[] = {"1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.2.1.0"};
  struct moon_walk_spec spec = walk_interfaces(2);
  struct rig_result res;
  enum moon_err e;
  (void)state;
  rig_interfaces(&rig, 3);
  rig.agent.max_varbinds = 2;
  spec.heads = rig_names(1, heads, 3);
  spec.n_heads = 3;
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  rig_drive(&rig, w, &spec, &res);
  assert_int_equal(res.err, MOON_OK);
  assert_int_equal(res.rows, 3);
  assert_int_equal(moon_walk_heads(w)[2].type, MOON_INTEGER);
  moon_walk_free(w);
}

static void reading_ahead_is_bounded(void **state) {
  static const char *const columns[] = {"1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2"};
  struct moon_walk_spec spec = walk_columns(columns, 2);
  struct moon_row row;
  struct moon_outcome o;
  const struct moon_request *request = NULL;
  enum moon_err e;
  uint32_t ahead = 0, rows = 0;
  (void)state;
  add_rows(columns[0], 1, 3000);
  add_rows(columns[1], 1, 3000);
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  while (moon_walk_next(w, rig.now_us, &request)) {
    const struct moon_request *second = NULL;
    assert_false(moon_walk_next(w, rig.now_us, &second)); /* one is out */
    rig_ask(&rig, request, &o);
    moon_walk_feed(w, &o);
    moon_walk_feed(w, &o); /* nothing is out: ignored */
    ahead++;
  }
  assert_true(ahead > 10 && ahead < 60);
  assert_false(moon_walk_over(w));
  while (moon_walk_row(w, &row)) {
    rows++;
  }
  assert_true(rows > 500 && rows < 3000);
  assert_true(moon_walk_next(w, rig.now_us, &request));
  moon_walk_free(w);
}

static void memory_does_not_grow_with_the_table(void **state) {
  static const char *const columns[] = {"1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2", "1.3.6.1.4.1.9.3"};
  struct moon_walk_spec spec = walk_columns(columns, 3);
  struct moon_row row;
  struct moon_outcome o;
  const struct moon_request *request = NULL;
  enum moon_err e;
  uint32_t rows = 0;
  (void)state;
  add_rows(columns[0], 1, 2000);
  add_rows(columns[1], 1, 2000);
  add_rows(columns[2], 1990, 2000); /* far ahead: it has to wait */
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  while (moon_walk_next(w, rig.now_us, &request)) {
    rig_ask(&rig, request, &o);
    moon_walk_feed(w, &o);
    while (moon_walk_row(w, &row)) {
      rows++;
    }
    assert_true(failmem_alive() < 16);
  }
  assert_int_equal(rows, 2000);
  moon_walk_free(w);
}

static void budgets_stop_a_walk_and_say_so(void **state) {
  struct moon_walk_spec spec = walk_interfaces(5);
  struct rig_result res;
  (void)state;
  rig_interfaces(&rig, 30);
  spec.max_rows = 30;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  spec.max_rows = 29;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_BUDGET);
  assert_int_equal(res.rows, 29);
  spec.max_rows = 0;
  spec.max_octets = 200;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_BUDGET);
  assert_true(res.rows > 0 && res.rows < 30);
  spec.max_octets = 0;
  spec.deadline_us = rig.now_us + 1500;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_BUDGET);
  assert_null(res.seen);
  assert_true(res.rows > 0 && res.rows < 30);
}

static void max_rows_is_told_even_when_all_was_read(void **state) {
  struct moon_walk_spec spec = walk_interfaces(1);
  struct moon_row row;
  struct moon_outcome o;
  const struct moon_request *request = NULL;
  const struct moon_outcome *seen;
  enum moon_err e;
  size_t blame;
  (void)state;
  rig_interfaces(&rig, 3);
  spec.max_rows = 2;
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  assert_true(moon_walk_next(w, rig.now_us, &request));
  rig_ask(&rig, request, &o);
  moon_walk_feed(w, &o);
  assert_true(moon_walk_row(w, &row));
  assert_true(moon_walk_row(w, &row));
  assert_false(moon_walk_over(w)); /* or two of three rows would be a whole table */
  assert_false(moon_walk_row(w, &row));
  assert_true(moon_walk_over(w));
  assert_int_equal(moon_walk_err(w, &blame, &seen), MOON_E_BUDGET);
  moon_walk_free(w);
}

static void the_caller_may_limit_repetitions(void **state) {
  struct moon_walk_spec spec = walk_interfaces(1);
  (void)state;
  rig_interfaces(&rig, 30);
  spec.repetitions = 3;
  assert_int_equal(rig_walk(&rig, &spec, NULL), MOON_OK);
  assert_int_equal(rig.agent.most_reps, 3);
  assert_true(rig.requests >= 10);
}

static void a_bad_specification_is_refused(void **state) {
  static const char *const nested[] = {"1.3.6.1.4.1.9", "1.3.6.1.4.1.8", "1.3.6.1.4.1.9.2"}, *const equal[] = {"1.3.6.1", "1.3.6.1"};
  struct moon_name empty = {.oid = (const uint8_t *)"", .len = 0};
  struct moon_walk_spec spec = walk_columns(nested, 3);
  enum moon_err e = MOON_OK;
  (void)state;
  assert_null(moon_walk_new(&rig.target, &spec, &e));
  assert_int_equal(e, MOON_E_CONFIG);
  spec = walk_columns(equal, 2);
  assert_null(moon_walk_new(&rig.target, &spec, &e));
  assert_int_equal(e, MOON_E_CONFIG);
  spec.n_columns = 0;
  assert_null(moon_walk_new(&rig.target, &spec, &e));
  assert_int_equal(e, MOON_E_LIMIT);
  spec.n_columns = MOON_WALK_COLUMNS_MAX + 1;
  assert_null(moon_walk_new(&rig.target, &spec, &e));
  assert_int_equal(e, MOON_E_LIMIT);
  spec = (struct moon_walk_spec){.columns = &empty, .n_columns = 1};
  assert_null(moon_walk_new(&rig.target, &spec, &e));
  assert_int_equal(e, MOON_E_LIMIT);
  spec = walk_columns(nested, 1);
  spec.heads = &empty;
  spec.n_heads = 1;
  assert_null(moon_walk_new(&rig.target, &spec, &e));
  assert_int_equal(e, MOON_E_LIMIT);
  moon_walk_free(NULL);
}

static void the_longest_names_fit_a_request(void **state) {
  uint8_t column[630], name[640], head[640];
  struct moon_name names[1] = {{column, sizeof column}}, heads[1] = {{head, 600}};
  struct moon_walk_spec spec = {.columns = names, .n_columns = 1, .heads = heads, .n_heads = 1};
  struct rig_result res;
  (void)state;
  for (size_t i = 0; i < sizeof column; i++) {
    column[i] = i % 5 == 4 ? 0x7f : i % 5 ? 0xff : 0x81;
  }
  memcpy(head, column, 600);
  head[599] = 1;
  memcpy(name, column, sizeof column);
  for (uint8_t i = 1; i < 20; i++) {
    name[630] = i;
    agent_add_octets(&rig.agent, name, 631, MOON_INTEGER, &i, 1);
  }
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 19);
}

static void every_allocation_may_fail(void **state) {
  static const char *const heads[] = {"1.3.6.1.2.1.1.3.0"};
  struct moon_walk_spec spec = walk_interfaces(41);
  struct rig_result res;
  (void)state;
  rig_interfaces(&rig, 24);
  rig.read_ahead = true;
  spec.heads = rig_names(1, heads, 1);
  spec.n_heads = 1;
  for (unsigned n = 1;; n++) {
    enum moon_err e = MOON_OK;
    size_t alive = failmem_alive();
    failmem_arm(n);
    struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
    if (w) {
      rig_drive(&rig, w, &spec, &res);
      e = res.err;
      moon_walk_free(w);
    }
    assert_int_equal(failmem_alive(), alive);
    if (!failmem_fired()) {
      assert_int_equal(e, MOON_OK);
      assert_true(n > 10);
      break;
    }
    assert_int_equal(e, MOON_E_NOMEM);
  }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, walk_end)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(interface_tables_take_few_full_packets), TEST(sealed_requests_name_few_columns),
    TEST(replies_that_the_agent_cuts_are_full),
    TEST(a_value_longer_than_the_reply_may_be_is_read), TEST(an_agent_that_does_not_cut_is_asked_for_what_fits),
    TEST(an_agent_that_fails_where_it_should_cut_is_asked_for_what_fits),
    TEST(an_agent_that_is_silent_where_it_should_cut_is_asked_for_what_fits),
    TEST(who_has_no_other_try_is_not_told),
    TEST(an_agent_that_cuts_its_replies_costs_nothing_twice),
    TEST(a_table_read_again_knows_what_worked),   TEST(sparse_columns_join_by_index),
    TEST(arcs_of_several_octets_are_ordered_by_value), TEST(a_subtree_walks_like_a_column),
    TEST(heads_come_with_the_first_packet),       TEST(rows_wait_for_heads_that_did_not_fit),
    TEST(memory_does_not_grow_with_the_table),
    TEST(reading_ahead_is_bounded),               TEST(budgets_stop_a_walk_and_say_so),
    TEST(max_rows_is_told_even_when_all_was_read), TEST(the_caller_may_limit_repetitions),
    TEST(a_bad_specification_is_refused),         TEST(the_longest_names_fit_a_request),
    TEST(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
