/* Many instances by GET, and the rows of a walk with `only`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../core/session/fetch.h"
#include "walk_rig.h"

#define NAMES 300

static struct moon_name names[NAMES];
static uint8_t octets[NAMES][32];

static int begin(void **state) { return walk_begin(state, MOON_V2C, 24); }

static int begin_v1(void **state) { return walk_begin(state, MOON_V1, 24); }

/* Instances of ifTable, not in order; every missing-th is not there. */
static void make_names(size_t n, size_t missing) {
  for (size_t i = 0; i < n; i++) {
    char text[64];
    size_t len = 0;
    snprintf(text, sizeof text, "1.3.6.1.2.1.2.2.1.%zu.%zu", 1 + i * 7 % 22, missing && i % missing == 0 ? 1000 + i : 1 + i % 24);
    assert_int_equal(moon_oid_parse(text, strlen(text), octets[i], sizeof octets[i], &len), MOON_OK);
    names[i] = (struct moon_name){octets[i], (uint16_t)len};
  }
}

static enum moon_err run(struct moon_fetch *f, size_t *blame) {
  const struct moon_request *request = NULL;
  struct moon_outcome o;
  unsigned turns = 0;
  while (moon_fetch_next(f, &request)) {
    const struct moon_request *second;
    assert_false(moon_fetch_next(f, &second));
    assert_false(moon_fetch_over(f));
    rig_ask(&rig, request, &o);
    moon_fetch_feed(f, &o);
    moon_fetch_feed(f, &o); /* nothing is out: ignored */
    assert_true(++turns < 2000);
  }
  assert_true(moon_fetch_over(f));
  return moon_fetch_err(f, blame);
}

static void check(const struct moon_fetch *f, size_t n) {
  const struct moon_cell *cells = moon_fetch_cells(f);
  for (size_t i = 0; i < n; i++) {
    const struct agent_object *o = agent_find(&rig.agent, names[i].oid, names[i].len);
    if (!o) {
      assert_true(cells[i].type == MOON_NO_SUCH_INSTANCE || cells[i].err == MOON_E_MISSING);
      continue;
    }
    assert_int_equal(cells[i].err, MOON_OK);
    assert_int_equal(cells[i].type, o->type);
    assert_int_equal(cells[i].value_len, o->value_len);
    assert_memory_equal(cells[i].value, o->value, o->value_len);
    assert_true(cells[i].received_us > 0);
  }
}

static void whole(size_t n) {
  size_t blame = 0;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, n);
  assert_int_equal(run(f, &blame), MOON_OK);
  assert_int_equal(blame, SIZE_MAX);
  check(f, n);
  moon_fetch_free(f);
}

static void few_names_take_one_packet(void **state) {
  (void)state;
  make_names(10, 3);
  whole(10);
  assert_int_equal(rig.requests, 1);
  whole(0);
  assert_int_equal(rig.requests, 1);
  moon_fetch_free(NULL);
}

static void many_names_are_split_to_full_packets(void **state) {
  (void)state;
  make_names(NAMES, 7);
  rig.agent.max_octets = 1472;
  whole(NAMES);
  assert_true(rig.requests <= 8);
  assert_true(rig.agent.longest_request <= 1472);
}

static void too_big_is_halved_and_remembered(void **state) {
  (void)state;
  make_names(NAMES, 0);
  rig.agent.max_octets = 484;
  whole(NAMES);
  assert_true(rig.target.get_max > 0 && rig.target.get_max < 40);
  uint32_t first = rig.requests;
  whole(NAMES);
  assert_true(rig.requests - first <= first);
  rig.agent.max_octets = 0;
  for (unsigned i = 0; i < 120; i++) {
    whole(NAMES);
  }
  assert_true(rig.target.get_max > 40); /* grown back as far as it matters */
}

static void too_big_for_one_name_is_its_own_error(void **state) {
  char text[2000];
  (void)state;
  memset(text, 'x', sizeof text);
  make_names(3, 0);
  agent_add(&rig.agent, "1.3.6.1.4.1.9.1.0", MOON_OCTET_STRING, text, sizeof text);
  size_t len, blame;
  assert_int_equal(moon_oid_parse("1.3.6.1.4.1.9.1.0", 17, octets[1], 32, &len), MOON_OK);
  names[1].len = (uint16_t)len;
  rig.agent.max_octets = 1472;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, 3);
  assert_int_equal(run(f, &blame), MOON_OK);
  assert_int_equal(moon_fetch_cells(f)[0].err, MOON_OK);
  assert_int_equal(moon_fetch_cells(f)[1].err, MOON_E_TOO_BIG);
  assert_int_equal(moon_fetch_cells(f)[1].type, 0);
  assert_int_equal(moon_fetch_cells(f)[2].err, MOON_OK);
  moon_fetch_free(f);
}

static void what_the_agent_blames_is_dropped_and_the_rest_asked_again(void **state) {
  (void)state;
  make_names(40, 9);
  whole(40);
  rig.agent.no_error_index = true;
  whole(40);
  rig.agent.no_error_index = false;
  rig.agent.broken = names[5].oid;
  rig.agent.broken_len = names[5].len;
  size_t blame;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, 40);
  assert_int_equal(run(f, &blame), MOON_OK);
  assert_int_equal(moon_fetch_cells(f)[5].err, MOON_E_GEN_ERR);
  assert_int_equal(moon_fetch_cells(f)[6].err, MOON_OK);
  moon_fetch_free(f);
}

/* One name fails every request it is in. */
static void poison(size_t i) {
  rig.agent.broken = names[i].oid;
  rig.agent.broken_len = names[i].len;
}

/* All but the ith come, it has this error; requests it took. */
static uint32_t all_but(size_t n, size_t bad, enum moon_err e) {
  size_t blame;
  uint32_t before = rig.requests;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, n);
  assert_int_equal(run(f, &blame), MOON_OK);
  for (size_t i = 0; i < n; i++) {
    assert_int_equal(moon_fetch_cells(f)[i].err, i == bad ? e : MOON_OK);
    assert_true(i == bad || moon_fetch_cells(f)[i].type);
  }
  moon_fetch_free(f);
  return rig.requests - before;
}

/* Huawei and ZTE OLTs, Cacti/spine 35: "Problems parsing Multi SNMP OID ... Set MAX_OIDS to 1 for this host to isolate bad OID". */
static void a_name_that_spoils_a_get_is_found_and_asked_apart(void **state) {
  (void)state;
  make_names(32, 0);
  poison(21);
  rig.agent.no_error_index = true;
  assert_true(all_but(32, 21, MOON_E_GEN_ERR) > 5);
  assert_true(rig.target.quirks & MOON_QUIRK_POISON);
  assert_int_equal(all_but(32, 21, MOON_E_GEN_ERR), 2); /* the others, and it alone */
  assert_int_equal(all_but(32, 21, MOON_E_GEN_ERR), 2);
  rig.agent.broken = NULL; /* mended */
  assert_int_equal(all_but(32, 32, MOON_OK), 2);
  assert_int_equal(all_but(32, 32, MOON_OK), 1);
  poison(21);
  all_but(32, 21, MOON_E_GEN_ERR);
  rig.agent.broken = NULL;
  moon_target_restarted(&rig.target);
  assert_int_equal(all_but(32, 32, MOON_OK), 1);
}

/* ZTE ZXR10 2928, Cacti/spine 272: silent to whatever asks for snmpEngineTime.0, well otherwise. */
static void a_name_that_silences_a_get_is_found_and_left_out(void **state) {
  size_t blame;
  (void)state;
  make_names(20, 0);
  poison(7);
  rig.agent.broken_silent = true;
  rig.target.last_answer_us = 1;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, 20);
  assert_int_equal(run(f, &blame), MOON_E_TIMEOUT); /* it may be dead */
  moon_fetch_free(f);
  rig.now_us += 60000000;
  rig.target.last_answer_us = rig.now_us; /* but it answered something else */
  rig.now_us += 10000000;
  rig.silences = 0;
  all_but(20, 7, MOON_E_TIMEOUT);
  assert_int_equal(rig.silences, 3); /* 20 names, 2, 1 */
  assert_int_equal(rig.target.get_max, 0);
  for (unsigned i = 0; i < 3; i++) {
    assert_int_equal(all_but(20, 7, MOON_E_TIMEOUT), 1);
  }
  assert_int_equal(rig.silences, 3);
  f = moon_fetch_new(&rig.target, &names[7], 1); /* who asks for it alone gets what there is */
  assert_int_equal(run(f, &blame), MOON_E_TIMEOUT);
  assert_int_equal(rig.silences, 4);
  moon_fetch_free(f);
  rig.now_us += MOON_POISON_US;
  rig.target.last_answer_us = rig.now_us;
  assert_int_equal(all_but(20, 7, MOON_E_TIMEOUT), 2); /* tried again, alone */
  assert_int_equal(rig.silences, 5);
  assert_int_equal(all_but(20, 7, MOON_E_TIMEOUT), 1);
  rig.agent.broken = NULL;
  rig.now_us += 2 * MOON_POISON_US;
  rig.target.last_answer_us = rig.now_us;
  assert_int_equal(all_but(20, 20, MOON_OK), 2);
  assert_int_equal(all_but(20, 20, MOON_OK), 1);
}

/* It answered, then it died: whatever was asked alone at last is innocent. */
static void an_agent_that_dies_in_the_middle_has_no_name_to_blame(void **state) {
  size_t blame = 0;
  (void)state;
  make_names(NAMES, 0);
  rig.agent.max_octets = 1472;
  rig.agent.silent_after = 2;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, NAMES);
  assert_int_equal(run(f, &blame), MOON_E_TIMEOUT);
  assert_int_equal(blame, SIZE_MAX);
  assert_true(rig.silences <= 6);
  assert_false(rig.target.quirks & MOON_QUIRK_POISON);
  moon_fetch_free(f);
}

static void an_answer_while_a_get_met_silence_says_that_the_agent_lives(void **state) {
  const struct moon_request *request;
  (void)state;
  make_names(4, 0);
  for (unsigned after = 0; after < 2; after++) {
    size_t blame;
    struct moon_fetch *f = moon_fetch_new(&rig.target, names, 4);
    rig.target.last_answer_us = 60000000 + after * 1000;
    assert_true(moon_fetch_next(f, &request));
    moon_fetch_feed(f, &(struct moon_outcome){.err = MOON_E_TIMEOUT, .received_us = 64000500}); /* two tries of 2 s */
    assert_int_equal(moon_fetch_over(f), !after);
    assert_int_equal(moon_fetch_err(f, &blame), after ? MOON_OK : MOON_E_TIMEOUT);
    moon_fetch_free(f);
    rig.target.silent_get_us = 0;
  }
}

static void names_of_which_all_are_left_out_are_asked_once(void **state) {
  size_t blame;
  (void)state;
  make_names(2, 0);
  rig.target.last_answer_us = rig.now_us;
  moon_poison_add(&rig.target.poisons, names[0].oid, names[0].len, MOON_E_TIMEOUT, rig.now_us);
  moon_poison_add(&rig.target.poisons, names[1].oid, names[1].len, MOON_E_TIMEOUT, rig.now_us);
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, 2);
  assert_int_equal(run(f, &blame), MOON_OK);
  assert_int_equal(rig.requests, 1);
  assert_int_equal(moon_fetch_cells(f)[0].err, MOON_E_TIMEOUT);
  assert_int_equal(moon_fetch_cells(f)[1].err, MOON_OK);
  moon_fetch_free(f);
}

/* net-snmp 5.9 as a v1 proxy, net-snmp/net-snmp 275: error-index is always that of the last varbind. */
static void an_agent_that_always_blames_the_last_is_not_believed(void **state) {
  (void)state;
  make_names(12, 5); /* 0, 5 and 10 are not there */
  rig.agent.blames_last = true;
  whole(12);
  assert_false(moon_poison_any(rig.target.poisons));
}

static void another_order_and_fewer_varbinds_are_put_right(void **state) {
  (void)state;
  make_names(60, 0);
  rig.agent.rotate = 3;
  whole(60);
  assert_true(rig.target.quirks & MOON_QUIRK_WRONG_ORDER);
  rig.agent.rotate = 0;
  rig.agent.max_varbinds = 7;
  whole(60);
  assert_true(rig.target.quirks & MOON_QUIRK_FEWER);
  rig.agent.empty = true;
  size_t blame;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, 4);
  assert_int_equal(run(f, &blame), MOON_OK);
  assert_int_equal(moon_fetch_cells(f)[0].err, MOON_E_DECODE);
  assert_int_equal(moon_fetch_cells(f)[3].err, MOON_E_DECODE);
  moon_fetch_free(f);
}

static void a_name_asked_twice_is_answered_twice(void **state) {
  (void)state;
  make_names(3, 0);
  names[1] = names[0];
  whole(3);
  rig.agent.rotate = 1;
  whole(3);
  assert_int_equal(rig.requests, 2);
}

static void silence_to_a_long_get_asks_for_less(void **state) {
  (void)state;
  make_names(NAMES, 0);
  rig.agent.silent_varbinds = 25;
  rig.target.last_answer_us = 1;
  whole(NAMES);
  assert_true(rig.silences <= 2);
  assert_true(rig.target.get_max > 0 && rig.target.get_max <= 25);
}

static void a_dead_agent_is_asked_once(void **state) {
  size_t blame = 0;
  (void)state;
  make_names(10, 0);
  rig.agent.silent_after = 1;
  rig.agent.requests = 1;
  rig.target.last_answer_us = 1;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, 10);
  assert_int_equal(run(f, &blame), MOON_E_TIMEOUT);
  assert_int_equal(rig.silences, 1);
  assert_int_equal(blame, SIZE_MAX);
  moon_fetch_free(f);
}

static void other_errors_end_it(void **state) {
  const struct moon_request *request;
  size_t blame;
  (void)state;
  make_names(10, 0);
  rig.agent.status = 16;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, 10);
  assert_int_equal(run(f, &blame), MOON_E_ACCESS);
  moon_fetch_free(f);
  f = moon_fetch_new(&rig.target, names, 1);
  assert_true(moon_fetch_next(f, &request));
  moon_fetch_feed(f, &(struct moon_outcome){.err = MOON_E_CANCELLED});
  assert_int_equal(moon_fetch_err(f, &blame), MOON_E_CANCELLED);
  assert_int_equal(blame, 0);
  moon_fetch_free(f);
}

static void a_name_no_request_can_carry_is_its_own_error(void **state) {
  size_t blame;
  (void)state;
  make_names(2, 0);
  names[0].len = 0;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, 2);
  assert_int_equal(run(f, &blame), MOON_OK);
  assert_int_equal(moon_fetch_cells(f)[0].err, MOON_E_SYNTAX);
  assert_int_equal(moon_fetch_cells(f)[1].err, MOON_OK);
  moon_fetch_free(f);
}

static void an_ill_typed_value_is_told(void **state) {
  size_t blame;
  (void)state;
  make_names(2, 0);
  agent_add(&rig.agent, "1.3.6.1.4.1.9.2.0", MOON_IP_ADDRESS, "abc", 3);
  size_t len;
  assert_int_equal(moon_oid_parse("1.3.6.1.4.1.9.2.0", 17, octets[0], 32, &len), MOON_OK);
  names[0].len = (uint16_t)len;
  struct moon_fetch *f = moon_fetch_new(&rig.target, names, 2);
  assert_int_equal(run(f, &blame), MOON_OK);
  assert_int_equal(moon_fetch_cells(f)[0].err, MOON_E_DECODE);
  assert_int_equal(moon_fetch_cells(f)[0].type, MOON_IP_ADDRESS);
  moon_fetch_free(f);
}

static void every_allocation_may_fail(void **state) {
  size_t blame;
  (void)state;
  make_names(100, 0);
  for (unsigned n = 1;; n++) {
    enum moon_err e = MOON_E_NOMEM;
    failmem_arm(n);
    struct moon_fetch *f = moon_fetch_new(&rig.target, names, 100);
    if (f) {
      e = run(f, &blame);
      moon_fetch_free(f);
    }
    assert_int_equal(failmem_alive(), 0);
    if (!failmem_fired()) {
      assert_int_equal(e, MOON_OK);
      assert_true(n > 3);
      return;
    }
    assert_int_equal(e, MOON_E_NOMEM);
  }
}

/* ---- only ---- */


static struct moon_walk_spec pick_spec(uint16_t columns, const char *const *only, uint32_t n) {
  return (struct moon_walk_spec){.columns = rig_names(0, rig_interface_columns, columns), .n_columns = columns,
                                 .only = rig_names(1, only, n), .n_only = n};
}

static void rows_asked_for_come_in_order_and_once(void **state) {
  static const char *const only[] = {"23", "5", "7", "99", "5", "200", "1", "12"}, *const heads[] = {"1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.9.0"};
  struct moon_walk_spec spec = pick_spec(5, only, 8);
  struct rig_result res;
  enum moon_err e;
  (void)state;
  spec.heads = rig_names(2, heads, 2);
  spec.n_heads = 2;
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  rig_drive(&rig, w, &spec, &res);
  assert_int_equal(res.err, MOON_OK);
  assert_int_equal(res.rows, 5);
  assert_int_equal(res.values, 25);
  assert_int_equal(moon_walk_heads(w)[0].type, MOON_TIME_TICKS);
  assert_int_equal(moon_walk_heads(w)[1].type == MOON_NO_SUCH_INSTANCE || moon_walk_heads(w)[1].err == MOON_E_MISSING, true);
  assert_int_equal(moon_walk_rows(w), 5);
  moon_walk_free(w);
  assert_int_equal(rig.agent.nexts + rig.agent.bulks, 0);
  assert_true(rig.requests == 1 || rig.credential.version == MOON_V1);
}

static void many_rows_go_in_blocks(void **state) {
  static struct moon_name only[2000];
  static uint8_t index[2000][2];
  struct moon_walk_spec spec = {.columns = rig_names(0, rig_interface_columns, 41), .n_columns = 41, .only = only, .n_only = 2000};
  struct rig_result res;
  (void)state;
  for (unsigned i = 0; i < 2000; i++) {
    unsigned v = (i * 7919u) % 2000 + 1;
    index[i][0] = (uint8_t)(v < 128 ? v : 0x80 | v >> 7);
    index[i][1] = (uint8_t)(v & 0x7f);
    only[i] = (struct moon_name){index[i], v < 128 ? 1 : 2};
  }
  rig.agent.max_octets = 1472;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 24);
  assert_int_equal(res.values, 984);
  spec.max_rows = 24;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  spec.max_rows = 23;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_BUDGET);
  assert_int_equal(res.rows, 23);
  spec.max_rows = 0;
  spec.max_octets = 300;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_BUDGET);
  spec.max_octets = 0;
  spec.deadline_us = rig.now_us + 20000;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_BUDGET);
  assert_true(res.rows > 0 && res.rows <= 24);
  spec.deadline_us = 0;
  rig.agent.silent_after = rig.agent.requests + 9;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_TIMEOUT);
  assert_true(res.rows > 0 && res.rows < 24);
  assert_int_equal(res.blame, SIZE_MAX);
}

static void no_rows_asked_for_are_none(void **state) {
  static const char *const only[] = {"1"}, *const heads[] = {"1.3.6.1.2.1.1.3.0"};
  struct moon_walk_spec spec = pick_spec(3, only, 1);
  struct rig_result res;
  (void)state;
  spec.n_only = 0;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows + rig.requests, 0);
  spec.heads = rig_names(2, heads, 1);
  spec.n_heads = 1;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(rig.requests, 1);
}

static void the_column_an_error_is_about_is_named(void **state) {
  static const char *const only[] = {"1"};
  struct moon_walk_spec spec = pick_spec(1, only, 1);
  const struct moon_request *request;
  const struct moon_outcome *seen;
  struct moon_row row;
  enum moon_err e;
  size_t blame = 9;
  (void)state;
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  assert_true(moon_walk_next(w, rig.now_us, &request));
  assert_false(moon_walk_over(w));
  moon_walk_feed(w, &(struct moon_outcome){.err = MOON_E_REFUSED, .tries = 2});
  moon_walk_feed(w, &(struct moon_outcome){.err = MOON_E_CANCELLED});
  assert_false(moon_walk_row(w, &row));
  assert_true(moon_walk_over(w));
  assert_int_equal(moon_walk_err(w, &blame, &seen), MOON_E_REFUSED);
  assert_int_equal(blame, 0);
  assert_int_equal(seen->tries, 2);
  moon_walk_free(w);
}

static void what_was_refused_is_told_with_all_other_rows_given(void **state) {
  static const char *const only[] = {"3", "4"};
  struct moon_walk_spec spec = pick_spec(2, only, 2);
  struct rig_result res;
  (void)state;
  make_names(1, 0);
  size_t len;
  assert_int_equal(moon_oid_parse("1.3.6.1.2.1.2.2.1.2.3", 21, octets[0], 32, &len), MOON_OK);
  rig.agent.broken = octets[0];
  rig.agent.broken_len = len;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_E_GEN_ERR);
  assert_int_equal(res.blame, 1);
  assert_int_equal(res.rows, 2);
  assert_int_equal(res.bad, 1);
}

/* A name of more than 128 arcs: an agent is silent about all of a GET that has it. */
static void names_that_cannot_be_are_not_asked_for(void **state) {
  static const char *const only[] = {"1", "3.1.1"};
  char column[300] = "1.3.6.1.4.1", name[310];
  const char *const columns[] = {column};
  struct rig_result res;
  (void)state;
  for (int i = 7; i <= 126; i++) { strcat(column, ".1"); }
  snprintf(name, sizeof name, "%s.1", column);
  agent_add(&rig.agent, name, MOON_INTEGER, "\x07", 1);
  struct moon_walk_spec spec = {.columns = rig_names(0, columns, 1), .n_columns = 1, .only = rig_names(1, only, 2), .n_only = 2};
  rig.unchecked = true;
  rig_walk(&rig, &spec, &res);
  rig.unchecked = false;
  assert_int_equal(res.values, 1);
  assert_int_equal(res.err, MOON_E_SYNTAX);
  assert_int_equal(rig.silences, 0);
}

/* A scalar of such a name is missing, as in a walk; the longest name there can be is asked for, and all others are. */
static void scalars_that_cannot_be_are_missing(void **state) {
  static const char *const only[] = {"1"}, *const up[] = {"1.3.6.1.2.1.1.3.0"};
  uint8_t longest[MOON_OID_MAX_ARCS];
  struct moon_walk_spec spec = pick_spec(1, only, 1);
  struct moon_name heads[3] = {{longest, sizeof longest}, {longest, sizeof longest - 1}}; /* the first octet is two arcs */
  struct rig_result res;
  enum moon_err e;
  (void)state;
  memset(longest, 1, sizeof longest);
  longest[0] = 0x2b;
  heads[2] = rig_names(2, up, 1)[0];
  agent_add(&rig.agent, up[0], MOON_TIME_TICKS, "\x07", 1);
  spec.heads = heads;
  spec.n_heads = 3;
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  assert_non_null(w);
  rig_drive(&rig, w, &spec, &res);
  const struct moon_cell *cells = moon_walk_heads(w);
  assert_int_equal(rig.silences, 0);
  assert_int_equal(res.err, MOON_OK);
  assert_int_equal(cells[0].err, MOON_E_MISSING);
  assert_int_equal(cells[1].err, MOON_OK);
  assert_int_equal(cells[1].type, MOON_NO_SUCH_INSTANCE);
  assert_int_equal(cells[2].type, MOON_TIME_TICKS);
  moon_walk_free(w);
}

static void every_allocation_of_picked_rows_may_fail(void **state) {
  static const char *const only[] = {"23", "5", "7"}, *const heads[] = {"1.3.6.1.2.1.1.3.0"};
  struct moon_walk_spec spec = pick_spec(5, only, 3);
  struct rig_result res;
  (void)state;
  spec.heads = rig_names(2, heads, 1);
  spec.n_heads = 1;
  for (unsigned n = 1;; n++) {
    enum moon_err e = MOON_OK;
    failmem_arm(n);
    struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
    if (w) {
      rig_drive(&rig, w, &spec, &res);
      e = res.err;
      moon_walk_free(w);
    }
    assert_int_equal(failmem_alive(), 0);
    if (!failmem_fired()) {
      assert_int_equal(e, MOON_OK);
      return;
    }
    assert_int_equal(e, MOON_E_NOMEM);
  }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, walk_end)
#define TEST_V1(f) {#f " v1", f, begin_v1, walk_end, NULL}

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(few_names_take_one_packet),
    TEST(many_names_are_split_to_full_packets),
    TEST(too_big_is_halved_and_remembered),
    TEST_V1(too_big_is_halved_and_remembered),
    TEST(too_big_for_one_name_is_its_own_error),
    TEST(what_the_agent_blames_is_dropped_and_the_rest_asked_again),
    TEST_V1(what_the_agent_blames_is_dropped_and_the_rest_asked_again),
    TEST(a_name_that_spoils_a_get_is_found_and_asked_apart),
    TEST_V1(a_name_that_spoils_a_get_is_found_and_asked_apart),
    TEST(a_name_that_silences_a_get_is_found_and_left_out),
    TEST_V1(a_name_that_silences_a_get_is_found_and_left_out),
    TEST(an_agent_that_dies_in_the_middle_has_no_name_to_blame),
    TEST(an_answer_while_a_get_met_silence_says_that_the_agent_lives),
    TEST(names_of_which_all_are_left_out_are_asked_once),
    TEST_V1(an_agent_that_always_blames_the_last_is_not_believed),
    TEST(another_order_and_fewer_varbinds_are_put_right),
    TEST(a_name_asked_twice_is_answered_twice),
    TEST(silence_to_a_long_get_asks_for_less),
    TEST(a_dead_agent_is_asked_once),
    TEST(other_errors_end_it),
    TEST(a_name_no_request_can_carry_is_its_own_error),
    TEST(an_ill_typed_value_is_told),
    TEST(every_allocation_may_fail),
    TEST(rows_asked_for_come_in_order_and_once),
    TEST_V1(rows_asked_for_come_in_order_and_once),
    TEST(many_rows_go_in_blocks),
    TEST(no_rows_asked_for_are_none),
    TEST(the_column_an_error_is_about_is_named),
    TEST(what_was_refused_is_told_with_all_other_rows_given),
    TEST(names_that_cannot_be_are_not_asked_for),
    TEST(scalars_that_cannot_be_are_missing),
    TEST(every_allocation_of_picked_rows_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
