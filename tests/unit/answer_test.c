/* answer: what an agent says to GET, GETNEXT, GETBULK and SET in v1 and v2c, at any size, to anything malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failmem.h"
#include "guard.h"
#include "session_rig.h"
#include "sim_rig.h"

#define SYS "1.3.6.1.2.1.1."
#define IF "1.3.6.1.2.1.2.2.1."

static const char device[] =
  SYS "1.0|4|a device\n" SYS "2.0|6|1.3.6.1.4.1.99999.1\n" SYS "3.0|67|4000\n" SYS "7.0|2|72\n"
  IF "1.1|2|1\n" IF "1.2|2|2\n" IF "1.300|2|300\n"
  IF "2.1|4|lo\n" IF "2.2|4|eth0\n" IF "2.300|4|eth1\n"
  IF "10.1|65|10\n" IF "10.2|65|20\n" IF "10.300|65|4294967295\n"
  "1.3.6.1.2.1.31.1.1.1.6.1|70|1\n" "1.3.6.1.2.1.31.1.1.1.6.2|70|18446744073709551615\n"
  "1.3.6.1.2.1.31.1.1.1.18.1|4|alias\n"
  "1.3.6.1.4.1.99999.1|129|\n" "1.3.6.1.4.1.99999.2|64|192.0.2.1\n" "1.3.6.1.4.1.99999.3|68|Float: 1.5\n";

static struct sim *fresh(const char *text) {
  static struct sim s;
  sim_init(&s, text);
  return &s;
}

static void check_error(const struct sim *s, int32_t status, int32_t index) {
  assert_int_equal(s->err, MOON_OK);
  assert_int_equal(s->list_err, MOON_OK);
  assert_int_equal(s->reply.pdu.type, MOON_PDU_RESPONSE);
  assert_int_equal(s->reply.pdu.request_id, s->id);
  assert_int_equal(s->reply.pdu.error_status, status);
  assert_int_equal(s->reply.pdu.error_index, index);
  assert_int_equal(s->reply.version, s->version);
  assert_memory_equal(s->reply.community, s->community, s->reply.community_len);
  assert_false(s->reply.trailing);
}

static void test_get(void **state) {
  struct sim *s = fresh(device);
  (void)state;
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", IF "10.300", SYS "3.0", SYS "1.0", NULL);
  check_error(s, 0, 0);
  assert_int_equal(s->n, 4);
  assert_true(sim_is(&s->vb[1], IF "10.300"));
  assert_memory_equal(s->vb[3].value, "a device", 8);
  assert_int_equal(sim_number(&s->vb[1]), UINT32_MAX);
  assert_int_equal(s->vb[2].type, MOON_TIME_TICKS);
  sim_ask(s, MOON_PDU_GET, 0, 0, NULL);
  check_error(s, 0, 0);
  assert_int_equal(s->n, 0);
  sim_fini(s);
}

/* An instance is missing of an object that has others, and an object that has none. */
static void test_missing(void **state) {
  static const struct { const char *oid; uint8_t type; } cases[] = {
    {SYS "1", MOON_NO_SUCH_INSTANCE},    {SYS "1.1", MOON_NO_SUCH_INSTANCE}, {SYS "4.0", MOON_NO_SUCH_OBJECT},
    {SYS "8.0", MOON_NO_SUCH_OBJECT},    {IF "1.3", MOON_NO_SUCH_INSTANCE},  {IF "1.301", MOON_NO_SUCH_INSTANCE},
    {IF "2.0", MOON_NO_SUCH_INSTANCE},   {IF "3.1", MOON_NO_SUCH_OBJECT},    {"2.5", MOON_NO_SUCH_OBJECT},
    {"0.0", MOON_NO_SUCH_OBJECT},        {"1.3", MOON_NO_SUCH_OBJECT},       {"1.3.6.1.4.1.99999.1", MOON_NO_SUCH_INSTANCE},
    {IF "1.1.1", MOON_NO_SUCH_OBJECT},
  };
  struct sim *s = fresh(device);
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    s->version = MOON_V2C;
    sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", cases[i].oid, NULL);
    check_error(s, 0, 0);
    assert_int_equal(s->n, 2);
    if (s->vb[1].type != cases[i].type) { fail_msg("%s: %x", cases[i].oid, s->vb[1].type); }
    assert_int_equal(s->vb[1].value_len, 0);
    assert_true(sim_is(&s->vb[1], cases[i].oid));
    s->version = MOON_V1;
    sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", cases[i].oid, NULL);
    check_error(s, 2, 2);
    assert_int_equal(s->n, 2);
    assert_int_equal(s->vb[0].type, MOON_NULL); /* as they were asked */
  }
  assert_int_equal(s->agent.counts.no_such_names, sizeof cases / sizeof *cases);
  sim_fini(s);
}

static void test_next(void **state) {
  struct sim *s = fresh(device);
  (void)state;
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, "0.0", SYS "1", SYS "1.0", IF "1.299", IF "1.300", "1.3.6.1.4.1.99999.0",
          "1.3.6.1.4.1.99999.3", NULL);
  check_error(s, 0, 0);
  assert_int_equal(s->n, 7);
  assert_true(sim_is(&s->vb[0], SYS "1.0"));
  assert_true(sim_is(&s->vb[1], SYS "1.0"));
  assert_true(sim_is(&s->vb[2], SYS "2.0"));
  assert_true(sim_is(&s->vb[3], IF "1.300"));
  assert_true(sim_is(&s->vb[4], IF "2.1"));
  assert_true(sim_is(&s->vb[5], "1.3.6.1.4.1.99999.2")); /* over the exception */
  assert_true(sim_is(&s->vb[6], "1.3.6.1.4.1.99999.3"));
  assert_int_equal(s->vb[6].type, MOON_END_OF_MIB_VIEW);
  s->version = MOON_V1;
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, IF "10.300", NULL);
  check_error(s, 0, 0);
  assert_true(sim_is(&s->vb[0], "1.3.6.1.2.1.31.1.1.1.18.1")); /* over Counter64 */
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, SYS "1", "1.3.6.1.4.1.99999.3", NULL);
  check_error(s, 2, 2);
  sim_ask(s, MOON_PDU_GET, 0, 0, "1.3.6.1.2.1.31.1.1.1.6.1", NULL);
  check_error(s, 2, 1);
  sim_fini(s);
}

static void test_bulk(void **state) {
  struct sim *s = fresh(device);
  static const char *const want[] = {SYS "3.0", IF "1.1", IF "2.1", IF "1.2", IF "2.2", IF "1.300", IF "2.300", IF "2.1", IF "10.1"};
  (void)state;
  sim_ask(s, MOON_PDU_GET_BULK, 1, 4, SYS "3", IF "1", IF "2", NULL);
  check_error(s, 0, 0);
  assert_int_equal(s->n, 9);
  for (size_t i = 0; i < 9; i++) { assert_true(sim_is(&s->vb[i], want[i])); }
  /* Nothing to repeat, nothing but, and numbers below zero: RFC 3416 4.2.3. */
  sim_ask(s, MOON_PDU_GET_BULK, 5, 10, SYS "3", IF "1", NULL);
  assert_int_equal(s->n, 2);
  sim_ask(s, MOON_PDU_GET_BULK, -1, 2, SYS "3", NULL);
  assert_int_equal(s->n, 2);
  sim_ask(s, MOON_PDU_GET_BULK, 0, -1, SYS "3", NULL);
  check_error(s, 0, 0);
  assert_int_equal(s->n, 0);
  sim_ask(s, MOON_PDU_GET_BULK, 1, 0, SYS "3", IF "1", NULL);
  assert_int_equal(s->n, 1);
  /* Columns that have ended repeat their last name; when all have, that repetition is the last. */
  sim_ask(s, MOON_PDU_GET_BULK, 0, INT32_MAX, "1.3.6.1.4.1.99999", "1.3.6.1.4.1.99999.2", "1.4", NULL);
  check_error(s, 0, 0);
  assert_int_equal(s->n, 9);
  assert_true(sim_is(&s->vb[0], "1.3.6.1.4.1.99999.2"));
  assert_true(sim_is(&s->vb[3], "1.3.6.1.4.1.99999.3"));
  assert_true(sim_is(&s->vb[1], "1.3.6.1.4.1.99999.3"));
  for (size_t i = 4; i < 9; i++) { assert_int_equal(s->vb[i].type, MOON_END_OF_MIB_VIEW); }
  assert_true(sim_is(&s->vb[6], "1.3.6.1.4.1.99999.3"));
  assert_true(sim_is(&s->vb[8], "1.4"));
  sim_fini(s);
}

/* The whole of it by every way of walking, at many sizes; GETBULK of several columns in one column's terms. */
static void test_walks(void **state) {
  struct sim *s = fresh(device);
  (void)state;
  for (int32_t reps = 0; reps < 30; reps++) { assert_int_equal(sim_walk(s, reps), 18); }
  s->version = MOON_V1;
  assert_int_equal(sim_walk(s, 0), 16);
  sim_fini(s);
}

/* tooBig at every size from the least: never a datagram above it, and as full as can be. */
static void test_sizes(void **state) {
  char text[60000], *p = text;
  struct sim *s;
  (void)state;
  for (unsigned i = 1; i < 500; i++) {
    p += sprintf(p, IF "2.%u|4|%.*s\n", i, (int)(i * 7 % 61), "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghij");
  }
  s = fresh(text);
  for (uint32_t max = 484; max < 1500; max += 1 + max / 300) {
    size_t one;
    s->profile.max_octets = max;
    sim_ask(s, MOON_PDU_GET_BULK, 0, 500, IF "2", NULL);
    check_error(s, 0, 0);
    assert_true(s->answer.reply[0].n <= max);
    one = s->recording->instances[s->n].len;
    assert_true(s->answer.reply[0].n + one + 6 > max); /* lengths may take a few octets more */
    assert_int_equal(sim_walk(s, 20), 499);
  }
  s->profile.max_octets = 484;
  for (uint32_t n = 1; n < 60; n++) {
    struct moon_varbind vb[60];
    for (uint32_t i = 0; i < n; i++) { vb[i] = sim_varbind(IF "2.8", MOON_NULL, "", 0); }
    sim_send(s, MOON_PDU_GET, 0, 0, vb, n);
    if (n < 6) { assert_int_equal(s->n, n); }
    if (s->reply.pdu.error_status) { check_error(s, 1, 0); }
    assert_true(s->reply.pdu.error_status ? s->n == 0 : s->n == n);
    assert_true(s->answer.reply[0].n <= 484);
    assert_true((n > 10) <= (s->reply.pdu.error_status == 1));
    s->version = MOON_V1; /* has them echoed, where there is room */
    sim_send(s, MOON_PDU_GET, 0, 0, vb, n);
    if (s->reply.pdu.error_status) { assert_int_equal(s->n, n * 16 + 35 <= 484 ? n : 0); }
    s->version = MOON_V2C;
  }
  assert_true(s->agent.counts.too_big > 50);
  sim_fini(s);
}

/* A varbind that alone is too long for the agent's messages: tooBig, also from GETBULK, and not for ever silence. */
static void test_giant(void **state) {
  char text[3000];
  struct sim *s;
  (void)state;
  sprintf(text, IF "2.1|4|%01500d\n" IF "2.2|4|x\n", 7);
  s = fresh(text);
  sim_ask(s, MOON_PDU_GET, 0, 0, IF "2.1", NULL);
  check_error(s, 1, 0);
  sim_ask(s, MOON_PDU_GET_BULK, 0, 5, IF "2", NULL);
  check_error(s, 1, 0);
  sim_ask(s, MOON_PDU_GET_BULK, 0, 5, IF "2.1", NULL);
  check_error(s, 0, 0);
  s->profile.max_octets = 65507;
  sim_ask(s, MOON_PDU_GET_BULK, 0, 5, IF "2", NULL);
  check_error(s, 0, 0);
  assert_int_equal(s->vb[0].value_len, 1500);
  sim_fini(s);
}

static void set_one(struct sim *s, const char *oid, uint8_t type, const char *value, size_t n) {
  struct moon_varbind vb = sim_varbind(oid, type, value, n);
  sim_send(s, MOON_PDU_SET, 0, 0, &vb, 1);
}

static void test_set(void **state) {
  struct sim *s = fresh(device);
  struct moon_varbind two[2];
  (void)state;
  set_one(s, SYS "1.0", MOON_OCTET_STRING, "b", 1);
  check_error(s, 6, 1); /* noAccess */
  s->version = MOON_V1;
  set_one(s, SYS "1.0", MOON_OCTET_STRING, "b", 1);
  check_error(s, 2, 1);
  s->version = MOON_V2C;
  assert_int_equal(s->agent.counts.bad_writes, 2);
  s->profile.any_write = true;
  set_one(s, SYS "1.0", MOON_OCTET_STRING, "renamed", 7);
  check_error(s, 0, 0);
  assert_int_equal(s->n, 1);
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  assert_memory_equal(s->vb[0].value, "renamed", 7);
  sim_ask(s, MOON_PDU_GET_BULK, 0, 3, SYS "1", NULL);
  assert_memory_equal(s->vb[0].value, "renamed", 7);
  assert_true(sim_is(&s->vb[1], SYS "2.0"));
  set_one(s, SYS "1.0", MOON_INTEGER, "\x01", 1);
  check_error(s, 7, 1);
  set_one(s, SYS "1.0", MOON_NO_SUCH_OBJECT, "", 0);
  check_error(s, 7, 1);
  set_one(s, SYS "2.0", MOON_OBJECT_ID, "\x2b\x86", 2);
  check_error(s, 9, 1);
  set_one(s, "1.3.6.1.4.1.99999.2", MOON_IP_ADDRESS, "\x01", 1);
  check_error(s, 8, 1);
  set_one(s, SYS "5.0", MOON_OCTET_STRING, "x", 1);
  check_error(s, 11, 1);
  s->version = MOON_V1;
  set_one(s, SYS "5.0", MOON_OCTET_STRING, "x", 1);
  check_error(s, 2, 1);
  set_one(s, SYS "1.0", MOON_INTEGER, "\x01", 1);
  check_error(s, 3, 1);
  s->version = MOON_V2C;
  /* All or nothing. */
  two[0] = sim_varbind(SYS "1.0", MOON_OCTET_STRING, "third", 5);
  two[1] = sim_varbind(SYS "7.0", MOON_OCTET_STRING, "x", 1);
  sim_send(s, MOON_PDU_SET, 0, 0, two, 2);
  check_error(s, 7, 2);
  assert_int_equal(s->n, 2);
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  assert_memory_equal(s->vb[0].value, "renamed", 7);
  assert_int_equal(s->agent.counts.set_vars, 1);
  sim_restart(s, 7, 1); /* another agent of the kind has nothing of it */
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  assert_memory_equal(s->vb[0].value, "a device", 8);
  sim_fini(s);
}

/* Instances that were not recorded stand in their place of the walk. */
static void test_create(void **state) {
  struct sim *s = fresh(device);
  static const char *const made[] = {"0.5", SYS "1.1", IF "1.128", "1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.4", "2.1"};
  const struct moon_agent_counts *c = &s->agent.counts;
  uint32_t seen = 0, ours = 0;
  uint8_t name[MOON_OID_MAX_LEN] = {0};
  struct moon_varbind at = {.oid = name, .oid_len = 1, .type = MOON_NULL, .value = name};
  (void)state;
  s->profile.any_write = s->profile.create = true;
  for (size_t i = 0; i < 6; i++) {
    set_one(s, made[i], MOON_INTEGER, "\x07", 1);
    check_error(s, 0, 0);
  }
  assert_int_equal(c->set_vars, 6);
  for (unsigned turn = 0; turn < 100; turn++) {
    sim_send(s, MOON_PDU_GET_BULK, 0, 3, &at, 1);
    check_error(s, 0, 0);
    for (uint32_t i = 0; i < s->n && s->vb[i].type != MOON_END_OF_MIB_VIEW; i++, seen++) {
      const struct moon_varbind *vb = &s->vb[i];
      assert_true(moon_oid_compare(name, at.oid_len, vb->oid, vb->oid_len) < 0);
      for (size_t k = 0; k < 6; k++) { ours += sim_is(vb, made[k]); }
      at.oid_len = vb->oid_len;
      memcpy(name, vb->oid, vb->oid_len);
    }
  }
  assert_int_equal(ours, 5); /* what was recorded as an exception is set, but hidden */
  assert_int_equal(seen, 18 + 5);
  sim_ask(s, MOON_PDU_GET, 0, 0, IF "1.128", "1.3.6.1.4.1.99999.1", NULL);
  assert_int_equal(sim_number(&s->vb[0]), 7);
  assert_int_equal(sim_number(&s->vb[1]), 7);
  moon_agent_reboot(&s->agent, s->now_us);
  assert_int_equal(sim_walk(s, 7), 18);
  sim_fini(s);
}

/* What one agent holds is bounded, and full is an answer. */
static void test_overlay_limits(void **state) {
  static uint8_t big[20000];
  struct sim *s = fresh(device);
  uint32_t n = 0;
  (void)state;
  s->profile.any_write = s->profile.create = true;
  s->profile.max_octets = 65507;
  for (;; n++) {
    char oid[60];
    struct moon_varbind vb;
    sprintf(oid, "1.3.6.1.4.1.5.%u", n);
    vb = sim_varbind(oid, MOON_OCTET_STRING, big, sizeof big);
    sim_send(s, MOON_PDU_SET, 0, 0, &vb, 1);
    if (s->reply.pdu.error_status) { break; }
    assert_true(n < 1000);
  }
  check_error(s, 13, 1);
  assert_true(n > 40);
  sim_restart(s, 7, 1);
  for (n = 0; n < 200; n++) { /* over and over the same is not more and more */
    set_one(s, SYS "1.0", MOON_OCTET_STRING, (const char *)big, sizeof big);
    check_error(s, 0, 0);
  }
  set_one(s, SYS "1.0", MOON_OCTET_STRING, "", 0);
  check_error(s, 0, 0);
  sim_fini(s);
}

static void test_communities(void **state) {
  static const struct moon_community names[] = {{(const uint8_t *)"ro", 2, false}, {(const uint8_t *)"rw", 2, true}};
  struct sim *s = fresh(device);
  (void)state;
  s->profile.communities = names;
  s->profile.n_communities = 2;
  s->profile.any_write = true; /* counts only where communities are not told apart */
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  assert_int_equal(s->err, MOON_E_TIMEOUT);
  assert_int_equal(s->agent.counts.bad_community, 1);
  s->community = "ro";
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  check_error(s, 0, 0);
  set_one(s, SYS "1.0", MOON_OCTET_STRING, "x", 1);
  check_error(s, 6, 1);
  s->community = "rw";
  set_one(s, SYS "1.0", MOON_OCTET_STRING, "x", 1);
  check_error(s, 0, 0);
  s->community = "r";
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  assert_int_equal(s->err, MOON_E_TIMEOUT);
  s->community = "rox";
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  assert_int_equal(s->err, MOON_E_TIMEOUT);
  sim_fini(s);
}

/* Dropped and counted, and the agent's own counts are in its snmp group. */
static void test_malformed(void **state) {
  static const char *const bad[] = {"", "\x30", "\x30\x80", "GET / HTTP/1.0\r\n\r\n", "\x30\x03\x02\x01\x07"};
  char text[2000];
  struct sim *s;
  struct moon_recording *with;
  const struct moon_dump_options options = {.snmp = true};
  enum moon_err err;
  (void)state;
  sprintf(text, "%s1.3.6.1.2.1.11.1.0|65|77\n", device);
  s = fresh(text);
  with = moon_dump_read(text, strlen(text), &options, NULL, &err);
  moon_recording_free(s->recording);
  s->recording = with;
  s->profile.recording = with;
  s->profile.snmp = true;
  for (size_t i = 0; i < 5; i++) { /* the last: a version that is none */
    sim_feed(s, (const uint8_t *)bad[i], strlen(bad[i]));
    assert_int_equal(s->answer.n, 0);
  }
  sim_ask(s, MOON_PDU_RESPONSE, 0, 0, SYS "1.0", NULL);
  assert_int_equal(s->answer.n, 0);
  sim_ask(s, MOON_PDU_TRAP, 0, 0, SYS "1.0", NULL);
  assert_int_equal(s->answer.n, 0);
  s->version = MOON_V1;
  sim_ask(s, MOON_PDU_GET_BULK, 0, 5, SYS "1.0", NULL);
  assert_int_equal(s->answer.n, 0);
  s->version = MOON_V2C;
  assert_int_equal(s->agent.counts.malformed, 8);
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  sim_ask(s, MOON_PDU_GET, 0, 0, "1.3.6.1.2.1.11.1.0", "1.3.6.1.2.1.11.6.0", "1.3.6.1.2.1.11.15.0", "1.3.6.1.2.1.11.3.0", NULL);
  check_error(s, 0, 0);
  assert_int_equal(sim_number(&s->vb[0]), 10); /* not what was recorded */
  assert_int_equal(sim_number(&s->vb[1]), 7);
  assert_int_equal(sim_number(&s->vb[2]), 1);
  assert_int_equal(sim_number(&s->vb[3]), 1);
  sim_ask(s, MOON_PDU_GET_BULK, 0, 3, "1.3.6.1.2.1.11", NULL);
  check_error(s, 0, 0);
  assert_int_equal(sim_number(&s->vb[0]), 11);
  assert_int_equal(sim_number(&s->vb[1]), 2);
  sim_fini(s);
}

/* Every prefix and every changed octet of requests: no read outside, no answer that is no answer, counts that balance. */
static void test_hostile(void **state) {
  struct sim *s = fresh(device);
  struct guard g;
  uint8_t request[2000];
  (void)state;
  guard_init(&g, sizeof request);
  s->profile.any_write = s->profile.create = true;
  for (unsigned kind = 0; kind < 4; kind++) {
    static const uint8_t types[] = {MOON_PDU_GET, MOON_PDU_GET_NEXT, MOON_PDU_GET_BULK, MOON_PDU_SET};
    struct moon_varbind vb[3] = {sim_varbind(SYS "1.0", MOON_OCTET_STRING, "x", 1), sim_varbind(IF "10", MOON_INTEGER, "\x01", 1),
                                 sim_varbind(IF "10.300.268435456", MOON_COUNTER64, "\x01\x02", 2)};
    size_t n;
    sim_send(s, types[kind], 1, 3, vb, 3);
    n = 0;
    for (size_t i = sizeof s->request - 200; i < sizeof s->request; i++) { /* the writer filled from the end */
      if (s->request[i] == 0x30 && s->request[i + 1] == sizeof s->request - i - 2) {
        n = sizeof s->request - i;
        break;
      }
    }
    assert_true(n > 60);
    memcpy(request, s->request + sizeof s->request - n, n);
    for (size_t cut = 0; cut <= n; cut++) { sim_feed(s, guard_put(&g, request, cut), cut); }
    for (size_t i = 0; i < n; i++) {
      for (unsigned bit = 0; bit < 8; bit++) {
        uint8_t was = request[i];
        request[i] = (uint8_t)(was ^ 1u << bit);
        sim_feed(s, guard_put(&g, request, n), n);
        if (s->answer.n) {
          assert_int_equal(s->err, MOON_OK);
          assert_int_equal(s->list_err, MOON_OK);
        }
        request[i] = was;
      }
    }
  }
  guard_fini(&g);
  sim_fini(s);
}

/* More columns than anyone asks for at once: dropped, not a stack gone over. */
static void test_many_columns(void **state) {
  static struct moon_varbind vb[5000];
  struct sim *s = fresh(device);
  (void)state;
  s->profile.max_octets = 65507;
  for (size_t i = 0; i < 5000; i++) {
    vb[i] = (struct moon_varbind){.oid = (const uint8_t *)"\x2b", .oid_len = 1, .type = MOON_NULL, .value = (const uint8_t *)""};
  }
  sim_send(s, MOON_PDU_GET_BULK, 0, 1, vb, MOON_VARBINDS_MAX);
  check_error(s, 0, 0);
  assert_int_equal(s->n, MOON_VARBINDS_MAX);
  sim_send(s, MOON_PDU_GET_BULK, 0, 1, vb, MOON_VARBINDS_MAX + 1);
  assert_int_equal(s->err, MOON_E_TIMEOUT);
  sim_send(s, MOON_PDU_GET, 0, 0, vb, 4096);
  check_error(s, 0, 0);
  assert_int_equal(s->n, 4096);
  sim_fini(s);
}

static bool hook(void *ctx, struct moon_agent *a, uint64_t t_us, struct moon_varbind *vb) {
  static uint8_t value[2];
  unsigned *calls = ctx;
  assert_int_equal(a->number, 1);
  ++*calls;
  if (sim_is(vb, IF "2.2")) { return false; }
  if (sim_is(vb, IF "2.300")) { vb->type = MOON_IP_ADDRESS; } /* four octets, but */
  if (sim_is(vb, IF "2.1")) {
    value[0] = (uint8_t)(t_us / 1000000);
    vb->type = MOON_INTEGER;
    vb->value = value;
    vb->value_len = 1;
  }
  return true;
}

static void test_hook(void **state) {
  struct sim *s = fresh(device);
  unsigned calls = 0;
  uint16_t n;
  (void)state;
  s->profile.hook = hook;
  s->profile.hook_ctx = &calls;
  s->profile.hook_root = sim_oid(IF "2", &n);
  s->profile.hook_root_len = n;
  s->now_us += 5000000;
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  assert_int_equal(calls, 0);
  sim_ask(s, MOON_PDU_GET, 0, 0, IF "2.1", IF "2.2", IF "2.300", NULL);
  check_error(s, 0, 0);
  assert_int_equal(calls, 3);
  assert_int_equal(sim_number(&s->vb[0]), 5);
  assert_int_equal(s->vb[1].type, MOON_NO_SUCH_INSTANCE);
  assert_int_equal(s->vb[2].type, MOON_IP_ADDRESS); /* valid, so it goes out */
  sim_ask(s, MOON_PDU_GET_BULK, 0, 2, IF "2", NULL);
  assert_true(sim_is(&s->vb[0], IF "2.1"));
  assert_true(sim_is(&s->vb[1], IF "2.300"));
  sim_fini(s);
}

static void test_timing(void **state) {
  struct sim *s = fresh("#rtt 2000\n" SYS "1.0|4|a\n#rtt 9000\n" SYS "3.0|67|5\n" SYS "4.0|4|b\n");
  (void)state;
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  assert_int_equal(s->answer.reply[0].delay_us, 0);
  s->profile.timing = true;
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
  assert_int_equal(s->answer.reply[0].delay_us, 2000);
  sim_ask(s, MOON_PDU_GET_BULK, 0, 5, SYS "1", NULL);
  assert_int_equal(s->answer.reply[0].delay_us, 9000);
  sim_fini(s);
}

/* The walk machine of the collector's side over a simulated agent gives what was recorded, in rows. */
static void test_collector(void **state) {
  char *text = malloc(400000), *p = text;
  static struct rig rig;
  struct sim *s;
  (void)state;
  assert_non_null(text);
  for (unsigned c = 1; c <= 12; c++) {
    for (unsigned i = 1; i <= 300; i++) {
      if (i * c % 11 == 3) { continue; } /* holes */
      p += c == 2 ? sprintf(p, IF "%u.%u|4|interface %u of some length\n", c, i * 7, i)
                  : sprintf(p, IF "%u.%u|65|%u\n", c, i * 7, i * c * 1000003);
    }
  }
  s = fresh(text);
  free(text);
  for (unsigned version = MOON_V1; version <= MOON_V2C; version++) {
    struct moon_name columns[12];
    struct moon_walk_spec spec = {.columns = columns, .n_columns = 12};
    const struct moon_request *request;
    struct moon_walk *w;
    enum moon_err err;
    struct moon_row row;
    uint32_t values = 0, rows = 0, turns = 0;
    rig_init(&rig, (uint8_t)version);
    for (unsigned c = 0; c < 12; c++) {
      char oid[40];
      sprintf(oid, IF "%u", c + 1);
      columns[c].oid = sim_oid(oid, &columns[c].len);
    }
    w = moon_walk_new(&rig.target, &spec, &err);
    assert_non_null(w);
    while (!moon_walk_over(w)) {
      assert_true(turns++ < 20000);
      if (moon_walk_next(w, rig.now_us, &request)) {
        struct moon_exchange x;
        struct moon_outcome o;
        struct moon_writer out;
        moon_writer_init(&out, rig.request, sizeof rig.request);
        moon_exchange_init(&x, &rig.target, request, rig.now_us);
        assert_int_equal(moon_exchange_encode(&x, rig.id++, rig.now_us, 512, &out), MOON_OK);
        moon_agent_answer(&s->agent, rig.now_us, out.p, moon_writer_len(&out), s->room, &s->answer);
        assert_int_equal(s->answer.n, 1);
        rig.now_us += 1000;
        assert_int_equal(moon_exchange_feed(&x, s->answer.reply[0].p, s->answer.reply[0].n, NULL, rig.now_us - 1000, rig.now_us, &o),
                         MOON_VERDICT_MINE);
        moon_walk_feed(w, &o);
      }
      for (; moon_walk_row(w, &row); rows++) {
        for (unsigned c = 0; c < 12; c++) {
          uint8_t name[MOON_OID_MAX_LEN];
          struct moon_varbind vb;
          uint32_t i;
          memcpy(name, columns[c].oid, columns[c].len);
          memcpy(name + columns[c].len, row.index, row.index_len);
          i = moon_recording_find(s->recording, name, (size_t)columns[c].len + row.index_len);
          assert_int_equal(i != MOON_RECORDING_NONE, row.cells[c].type != 0);
          if (i == MOON_RECORDING_NONE) { continue; }
          moon_recording_get(s->recording, i, &vb);
          assert_int_equal(vb.value_len, row.cells[c].value_len);
          assert_memory_equal(vb.value, row.cells[c].value, vb.value_len);
          values++;
        }
      }
    }
    assert_int_equal(moon_walk_err(w, &(size_t){0}, &(const struct moon_outcome *){NULL}), MOON_OK);
    assert_int_equal(values, s->recording->n);
    assert_int_equal(rows, 300);
    moon_walk_free(w);
    rig_fini(&rig);
  }
  sim_fini(s);
}

static void test_no_memory(void **state) {
  struct sim *s = fresh(device);
  (void)state;
  s->profile.any_write = true;
  for (unsigned n = 1;; n++) {
    bool fired;
    sim_restart(s, 7, 1);
    failmem_arm(n);
    set_one(s, SYS "1.0", MOON_OCTET_STRING, "changed", 7);
    fired = failmem_fired();
    failmem_disarm();
    if (!fired) { break; }
    check_error(s, 5, 1);
    sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
    assert_memory_equal(s->vb[0].value, "a device", 8);
  }
  check_error(s, 0, 0);
  sim_fini(s);
  assert_int_equal(failmem_alive(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_get),       cmocka_unit_test(test_missing),     cmocka_unit_test(test_next),
    cmocka_unit_test(test_bulk),      cmocka_unit_test(test_walks),       cmocka_unit_test(test_sizes),
    cmocka_unit_test(test_giant),     cmocka_unit_test(test_set),         cmocka_unit_test(test_create),
    cmocka_unit_test(test_overlay_limits), cmocka_unit_test(test_communities), cmocka_unit_test(test_malformed),
    cmocka_unit_test(test_hostile),   cmocka_unit_test(test_many_columns), cmocka_unit_test(test_hook),
    cmocka_unit_test(test_timing),    cmocka_unit_test(test_collector),   cmocka_unit_test(test_no_memory),
  };
  failmem_install();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
