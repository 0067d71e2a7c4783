/* flaw: every fault as a client sees it, where and when its rule says, counted, and the same for the same seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failmem.h"
#include "sim_rig.h"

#define S UINT64_C(1000000)
#define SYS "1.3.6.1.2.1.1."
#define IF "1.3.6.1.2.1.2.2.1."

static const char device[] =
  SYS "1.0|4|a device\n" SYS "3.0|67|4000\n" SYS "7.0|2|72\n"
  IF "2.1|4|lo\n" IF "2.2|4|eth0\n" IF "2.3|4|eth1\n" IF "8.1|2|0\n" IF "8.2|2|1\n"
  IF "10.1|65|0\n" IF "10.2|65|20\n" IF "10.3|65|4294967295\n"
  "1.3.6.1.2.1.31.1.1.1.6.1|70|18446744073709551615\n" "1.3.6.1.2.1.31.1.1.1.18.1|4|alias\n";

static struct sim *with(uint8_t kind, uint32_t n, uint64_t delay_us, const char *oid) {
  static struct sim s;
  struct moon_flaw rule = {.kind = kind, .n = n, .delay_us = delay_us};
  if (oid) { rule.oid = sim_oid(oid, &rule.oid_len); }
  sim_init(&s, device);
  sim_flaws(&s, &rule, 1);
  return &s;
}

static void get(struct sim *s) {
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", NULL);
}

static bool is_good(const struct sim *s) {
  return s->answer.n == 1 && s->err == MOON_OK && s->list_err == MOON_OK && s->reply.pdu.request_id == s->id && s->reply.pdu.error_status == 0 &&
         s->n == 1 && s->vb[0].value_len == 8 && !s->reply.trailing && !s->answer.reply[0].other_source;
}

static uint32_t done(const struct sim *s, uint8_t kind) {
  return s->agent.counts.flaws[kind];
}

static void test_silence(void **state) {
  struct sim *s = with(MOON_FLAW_DEAD, 0, 0, NULL);
  unsigned lost = 0, row = 0, longest = 0;
  struct moon_flaw rule = {.kind = MOON_FLAW_LOSS, .share = 0.3};
  (void)state;
  get(s);
  assert_int_equal(s->answer.n, 0);
  assert_int_equal(done(s, MOON_FLAW_DEAD), 1);
  assert_int_equal(s->agent.counts.silent, 1);
  sim_flaws(s, &rule, 1);
  for (unsigned i = 0; i < 10000; i++) {
    get(s);
    lost += s->answer.n == 0;
    row = s->answer.n == 0 ? row + 1 : 0;
    longest = row > longest ? row : longest;
  }
  assert_true(lost > 2800 && lost < 3200 && longest > 3 && longest < 15);
  assert_int_equal(done(s, MOON_FLAW_LOSS), lost);
  sim_fini(s);
  s = with(MOON_FLAW_SILENT_ABOVE, 10, 0, NULL);
  sim_ask(s, MOON_PDU_GET_BULK, 0, 10, SYS "1", NULL);
  assert_int_equal(s->answer.n, 1);
  sim_ask(s, MOON_PDU_GET_BULK, 0, 11, SYS "1", NULL);
  assert_int_equal(s->answer.n, 0);
  get(s);
  assert_true(is_good(s));
  assert_int_equal(done(s, MOON_FLAW_SILENT_ABOVE), 1);
  sim_fini(s);
  s = with(MOON_FLAW_RATE, 5, 0, NULL);
  for (unsigned second = 0; second < 3; second++) {
    for (unsigned i = 0; i < 8; i++) {
      get(s);
      assert_int_equal(s->answer.n, i < 5);
      s->now_us += S / 8;
    }
  }
  assert_int_equal(done(s, MOON_FLAW_RATE), 9);
  sim_fini(s);
}

static void test_delays(void **state) {
  struct sim *s = with(MOON_FLAW_DELAY, 0, 1500, NULL);
  struct moon_flaw rules[2] = {{.kind = MOON_FLAW_DELAY, .delay_us = 1000}, {.kind = MOON_FLAW_JITTER, .delay_us = 500}};
  struct moon_flaw slow = {.kind = MOON_FLAW_SLOW_START, .delay_us = 8000, .period_us = 10 * S};
  uint64_t low = UINT64_MAX, high = 0;
  unsigned late = 0;
  (void)state;
  get(s);
  assert_true(is_good(s));
  assert_int_equal(s->answer.reply[0].delay_us, 1500);
  sim_flaws(s, rules, 2);
  for (unsigned i = 0; i < 1000; i++) {
    uint64_t d;
    get(s);
    d = s->answer.reply[0].delay_us;
    low = d < low ? d : low;
    high = d > high ? d : high;
  }
  assert_true(low >= 1000 && low < 1010 && high > 1490 && high <= 1500);
  sim_flaws(s, &slow, 1);
  sim_restart(s, 7, 1);
  get(s);
  assert_int_equal(s->answer.reply[0].delay_us, 8000);
  s->now_us += 5 * S;
  get(s);
  assert_int_equal(s->answer.reply[0].delay_us, 4000);
  s->now_us += 5 * S;
  get(s);
  assert_int_equal(s->answer.reply[0].delay_us, 0);
  assert_int_equal(done(s, MOON_FLAW_SLOW_START), 2);
  moon_agent_reboot(&s->agent, s->now_us);
  get(s);
  assert_int_equal(s->answer.reply[0].delay_us, 8000);
  sim_fini(s);
  s = with(MOON_FLAW_REORDER, 0, 0, NULL);
  for (unsigned i = 0; i < 1000; i++) {
    get(s);
    assert_true(s->answer.reply[0].delay_us == 0 || s->answer.reply[0].delay_us == 20000);
    late += s->answer.reply[0].delay_us != 0;
  }
  assert_true(late > 400 && late < 600);
  sim_fini(s);
  s = with(MOON_FLAW_DUPLICATE, 0, 700, NULL);
  get(s);
  assert_int_equal(s->answer.n, 2);
  assert_int_equal(s->answer.reply[0].delay_us, 0);
  assert_int_equal(s->answer.reply[1].delay_us, 700);
  assert_int_equal(s->answer.reply[0].n, s->answer.reply[1].n);
  assert_memory_equal(s->answer.reply[0].p, s->answer.reply[1].p, s->answer.reply[0].n);
  assert_int_equal(s->agent.counts.answered, 1);
  assert_int_equal(s->agent.counts.duplicates, 1);
  sim_fini(s);
  s = with(MOON_FLAW_DUPLICATE, 0, 0, NULL); /* at once */
  get(s);
  assert_int_equal(s->answer.n, 2);
  sim_fini(s);
}

static void test_datagrams(void **state) {
  struct sim *s = with(MOON_FLAW_WRONG_ID, 0, 0, NULL);
  uint32_t whole;
  (void)state;
  for (unsigned i = 0; i < 100; i++) {
    get(s);
    assert_int_equal(s->err, MOON_OK);
    assert_true(s->reply.pdu.request_id != s->id && s->reply.pdu.request_id > 0);
  }
  whole = s->answer.reply[0].n;
  sim_fini(s);
  s = with(MOON_FLAW_OTHER_SOURCE, 0, 0, NULL);
  get(s);
  assert_true(s->answer.reply[0].other_source);
  sim_fini(s);
  for (uint32_t n = 0; n < 100; n++) {
    s = with(MOON_FLAW_TRUNCATED, n, 0, NULL);
    get(s);
    assert_int_equal(s->answer.reply[0].n, n == 0 ? whole - whole / 2 : n < whole ? whole - n : 1);
    assert_true(s->err != MOON_OK);
    sim_fini(s);
    s = with(MOON_FLAW_TRAILING, n, 0, NULL);
    get(s);
    assert_int_equal(s->answer.reply[0].n, whole + (n ? n : 4));
    assert_true(s->err == MOON_OK && s->reply.trailing);
    assert_int_equal(done(s, MOON_FLAW_TRAILING), 1);
    sim_fini(s);
  }
  s = with(MOON_FLAW_TRAILING, UINT32_MAX, 0, NULL);
  get(s);
  assert_int_equal(s->answer.reply[0].n, MOON_DATAGRAM_MAX);
  sim_fini(s);
}

static void test_content(void **state) {
  struct sim *s = with(MOON_FLAW_TOO_BIG, 100, 0, NULL);
  (void)state;
  get(s);
  assert_true(is_good(s));
  sim_ask(s, MOON_PDU_GET_BULK, 0, 10, SYS "1", NULL);
  assert_int_equal(s->reply.pdu.error_status, 1);
  assert_int_equal(s->n, 0);
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", SYS "1.0", SYS "1.0", SYS "1.0", NULL);
  assert_int_equal(s->reply.pdu.error_status, 1);
  assert_int_equal(done(s, MOON_FLAW_TOO_BIG), 2);
  sim_fini(s);

  s = with(MOON_FLAW_GEN_ERR, 0, 0, IF "8");
  get(s);
  assert_true(is_good(s));
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", IF "8.2", NULL);
  assert_int_equal(s->reply.pdu.error_status, 5);
  assert_int_equal(s->reply.pdu.error_index, 2);
  assert_int_equal(s->n, 2);
  sim_ask(s, MOON_PDU_GET, 0, 0, IF "8.77", NULL); /* would be there */
  assert_int_equal(s->reply.pdu.error_status, 5);
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, IF "2.3", NULL);
  assert_int_equal(s->reply.pdu.error_status, 5);
  sim_ask(s, MOON_PDU_GET_BULK, 0, 9, SYS "1", IF "2", NULL);
  assert_int_equal(s->reply.pdu.error_status, 5);
  assert_int_equal(s->reply.pdu.error_index, 2);
  assert_int_equal(done(s, MOON_FLAW_GEN_ERR), 4);
  s->profile.any_write = true;
  {
    const struct moon_varbind vb = sim_varbind(IF "8.2", MOON_INTEGER, "\x01", 1);
    sim_send(s, MOON_PDU_SET, 0, 0, &vb, 1);
  }
  assert_int_equal(s->reply.pdu.error_status, 5);
  assert_null(s->agent.overlay);
  sim_fini(s);

  s = with(MOON_FLAW_FEWER, 2, 0, NULL);
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", SYS "3.0", SYS "7.0", NULL);
  assert_int_equal(s->n, 1);
  assert_int_equal(s->reply.pdu.error_status, 0);
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", SYS "3.0", NULL);
  assert_int_equal(s->n, 1);
  assert_true(sim_is(&s->vb[0], SYS "1.0"));
  get(s);
  assert_true(is_good(s));
  sim_ask(s, MOON_PDU_GET_BULK, 0, 9, SYS "1", NULL);
  assert_int_equal(s->n, 7);
  assert_int_equal(done(s, MOON_FLAW_FEWER), 3);
  sim_fini(s);
}

static void test_succession(void **state) {
  struct sim *s = with(MOON_FLAW_NOT_INCREASING, 0, 0, IF "2");
  (void)state;
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, IF "2.2", NULL);
  assert_true(sim_is(&s->vb[0], IF "2.2"));
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, IF "2", NULL); /* a way in there is */
  assert_true(sim_is(&s->vb[0], IF "2.1"));
  sim_ask(s, MOON_PDU_GET_BULK, 0, 50, SYS "7", NULL);
  assert_int_equal(s->n, 50);
  assert_true(sim_is(&s->vb[1], IF "2.1") && sim_is(&s->vb[49], IF "2.1"));
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, IF "8.1", NULL);
  assert_true(sim_is(&s->vb[0], IF "8.2"));
  assert_int_equal(done(s, MOON_FLAW_NOT_INCREASING), 2);
  sim_fini(s);
  s = with(MOON_FLAW_CYCLE, 0, 0, IF "2");
  sim_ask(s, MOON_PDU_GET_BULK, 0, 40, IF "2", NULL);
  assert_int_equal(s->n, 40);
  for (uint32_t i = 0; i < 40; i++) { assert_int_equal(s->vb[i].oid[s->vb[i].oid_len - 1], i % 3 + 1); }
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, IF "2.3", NULL);
  assert_true(sim_is(&s->vb[0], IF "2.1"));
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, IF "8.2", NULL);
  assert_true(sim_is(&s->vb[0], IF "10.1"));
  sim_fini(s);
  s = with(MOON_FLAW_CYCLE, 0, 0, "1.3.6.1.2.1.31"); /* at the end of the MIB */
  sim_ask(s, MOON_PDU_GET_BULK, 0, 10, "1.3.6.1.2.1.31", NULL);
  assert_int_equal(s->n, 10);
  for (uint32_t i = 0; i < 10; i++) { assert_int_equal(s->vb[i].type, i % 2 ? MOON_OCTET_STRING : MOON_COUNTER64); }
  sim_fini(s);
  s = with(MOON_FLAW_CYCLE, 0, 0, "1.3.6.1.9"); /* nothing there to go round in */
  sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, "1.3.6.1.9.1", NULL);
  assert_int_equal(s->vb[0].type, MOON_END_OF_MIB_VIEW);
  sim_fini(s);
}

static void test_encodings(void **state) {
  struct sim *s = with(MOON_FLAW_EMPTY_INTEGER, 0, 0, "1.3.6.1.2.1.2");
  const struct moon_varbind *vb = s->vb;
  (void)state;
  sim_ask(s, MOON_PDU_GET, 0, 0, IF "8.1", IF "8.2", IF "10.1", IF "10.2", NULL);
  assert_int_equal(vb[0].value_len, 0);
  assert_int_equal(vb[1].value_len, 1);
  assert_int_equal(vb[2].value_len, 0);
  assert_int_equal(vb[3].value_len, 1);
  assert_int_equal(done(s, MOON_FLAW_EMPTY_INTEGER), 1);
  sim_fini(s);
  s = with(MOON_FLAW_EMPTY_INTEGER, 1, 0, IF "8");
  sim_ask(s, MOON_PDU_GET, 0, 0, IF "8.2", IF "10.2", IF "2.1", NULL);
  assert_true(vb[0].value_len == 0 && vb[1].value_len == 1 && vb[2].value_len == 2);
  sim_fini(s);
  s = with(MOON_FLAW_NEGATIVE, 0, 0, NULL);
  sim_ask(s, MOON_PDU_GET, 0, 0, IF "10.3", IF "10.2", "1.3.6.1.2.1.31.1.1.1.6.1", NULL);
  assert_true(vb[0].value_len == 4 && vb[1].value_len == 1 && vb[2].value_len == 8);
  assert_int_equal(sim_number(&vb[0]), UINT32_MAX); /* the bits are right */
  assert_int_equal(sim_number(&vb[2]), UINT64_MAX);
  sim_fini(s);
  s = with(MOON_FLAW_LONG_LENGTH, 0, 0, IF "2");
  sim_ask(s, MOON_PDU_GET_BULK, 0, 6, SYS "7", NULL);
  assert_int_equal(s->list_err, MOON_OK);
  assert_int_equal(s->n, 6);
  assert_int_equal(vb[1].oid[-5], 0x84);
  assert_int_equal(vb[1].value[-5], 0x84);
  assert_memory_equal(vb[1].value, "eth0", 2 * (vb[1].value_len == 4));
  assert_int_equal(vb[5].value[-1], 1);
  assert_int_equal(vb[5].value[-2], MOON_INTEGER);
  s->profile.max_octets = 484; /* long lengths count */
  for (unsigned i = 0; i < 2; i++) { sim_ask(s, MOON_PDU_GET_BULK, 0, 100, IF "2", IF "2", IF "2", IF "2", IF "2", IF "2", IF "2", NULL); }
  assert_true(s->answer.reply[0].n <= 484 && s->answer.reply[0].n > 420);
  sim_fini(s);
}

/* from, to and every; requests for other names; v1 as well. */
static void test_time_line(void **state) {
  struct moon_flaw rules[2] = {{.kind = MOON_FLAW_DEAD, .from_us = 10 * S, .to_us = 20 * S},
                               {.kind = MOON_FLAW_DEAD, .from_us = S, .to_us = 2 * S, .every_us = 100 * S}};
  struct moon_flaw two[2] = {{.kind = MOON_FLAW_GEN_ERR, .to_us = 10 * S}, {.kind = MOON_FLAW_GEN_ERR, .from_us = 5 * S}};
  struct sim *s = with(MOON_FLAW_DEAD, 0, 0, IF "8");
  (void)state;
  get(s);
  assert_true(is_good(s));
  sim_ask(s, MOON_PDU_GET, 0, 0, SYS "1.0", IF "8.1", NULL);
  assert_int_equal(s->answer.n, 0);
  sim_ask(s, MOON_PDU_GET_BULK, 0, 5, IF "2", NULL); /* asked for something else */
  assert_int_equal(s->answer.n, 1);
  sim_flaws(s, rules, 2);
  for (uint64_t t = 0; t < 400; t++) {
    s->now_us = S + t * S;
    s->version = t % 2 ? MOON_V1 : MOON_V2C;
    get(s);
    assert_int_equal(s->answer.n, !((t >= 10 && t < 20) || t % 100 == 1));
  }
  s->version = MOON_V2C;
  two[0].oid = sim_oid(IF "8", &two[0].oid_len); /* two of one kind, each with its own time and names */
  two[1].oid = sim_oid(IF "10", &two[1].oid_len);
  sim_flaws(s, two, 2);
  for (uint64_t t = 0; t < 15; t++) {
    s->now_us = S + t * S;
    sim_restart(s, 7, 1);
    s->agent.started_us = S;
    sim_ask(s, MOON_PDU_GET, 0, 0, IF "8.1", NULL);
    assert_int_equal(s->reply.pdu.error_status, t < 10 ? 5 : 0);
    sim_ask(s, MOON_PDU_GET, 0, 0, IF "10.1", NULL);
    assert_int_equal(s->reply.pdu.error_status, t >= 5 ? 5 : 0);
  }
  sim_fini(s);
}

static void test_reboot(void **state) {
  struct moon_flaw rules[2] = {{.kind = MOON_FLAW_REBOOT, .from_us = 100 * S, .delay_us = 5 * S},
                               {.kind = MOON_FLAW_CLOCK_JUMP, .from_us = 10 * S, .to_us = 20 * S, .jump_us = 3600 * (int64_t)S}};
  struct sim *s = with(MOON_FLAW_DEAD, 0, 0, "1.3.6.1.9");
  struct moon_flaw_clock c;
  (void)state;
  sim_vary(s, NULL, 0, true);
  sim_flaws(s, rules, 2);
  s->profile.any_write = true;
  {
    const struct moon_varbind vb = sim_varbind(SYS "1.0", MOON_OCTET_STRING, "set", 3);
    sim_send(s, MOON_PDU_SET, 0, 0, &vb, 1);
    assert_int_equal(s->reply.pdu.error_status, 0);
  }
  for (uint64_t t = 0; t < 300; t++) {
    bool down = t >= 100 && t < 105;
    uint64_t want = t < 100 ? 4000 + t * 100 : (t - 105) * 100;
    if (t >= 10 && t < 20) { want += 360000; }
    s->now_us = S + t * S;
    sim_ask(s, MOON_PDU_GET, 0, 0, SYS "3.0", IF "10.2", SYS "1.0", NULL);
    assert_int_equal(s->answer.n, !down);
    if (down) { continue; }
    assert_int_equal(sim_number(&s->vb[0]), want);
    assert_int_equal(s->vb[2].value_len, t < 100 ? 3 : 8);
    if (t == 105) { assert_int_equal(sim_number(&s->vb[1]), 0); }
  }
  assert_int_equal(done(s, MOON_FLAW_REBOOT), 5);
  assert_int_equal(done(s, MOON_FLAW_CLOCK_JUMP), 10);
  rules[0].period_us = 60 * S; /* 100, 160, 220, ... until 300 */
  rules[0].to_us = 300 * S;
  rules[1].jump_us = -(int64_t)(3600 * S);
  sim_flaws(s, rules, 2);
  for (uint64_t t = 0; t < 1000; t++) {
    uint64_t n = t < 100 ? 0 : t < 160 ? 1 : t < 220 ? 2 : t < 280 ? 3 : 4;
    moon_flaws_clock(s->flaws, t * S, &c);
    assert_int_equal(c.boots, n);
    assert_int_equal(c.boot_us, n ? (100 + (n - 1) * 60 + 5) * S : 0);
    assert_int_equal(c.down, n && t - (100 + (n - 1) * 60) < 5);
    assert_int_equal(c.t_us, t >= 10 && t < 20 ? 0 : t * S);
  }
  rules[0].every_us = 1000 * S; /* and the line again */
  sim_flaws(s, rules, 1);
  for (uint64_t t = 0; t < 3000; t++) {
    uint64_t u = t % 1000, n = u < 100 ? 0 : u < 160 ? 1 : u < 220 ? 2 : u < 280 ? 3 : 4, all = t / 1000 * 4 + n;
    moon_flaws_clock(s->flaws, t * S, &c);
    assert_int_equal(c.boots, all);
    if (all) { assert_int_equal(c.boot_us, (n ? t - u + 100 + (n - 1) * 60 : t - u - 1000 + 280) * S + 5 * S); }
  }
  sim_fini(s);
}

static uint64_t fingerprint(uint64_t seed, uint32_t number) {
  static const uint8_t kinds[] = {MOON_FLAW_LOSS, MOON_FLAW_DUPLICATE, MOON_FLAW_WRONG_ID, MOON_FLAW_TRUNCATED, MOON_FLAW_TRAILING,
                                  MOON_FLAW_GEN_ERR, MOON_FLAW_FEWER, MOON_FLAW_JITTER, MOON_FLAW_LONG_LENGTH};
  struct moon_flaw rules[9];
  struct sim *s = with(MOON_FLAW_DEAD, 0, 0, NULL);
  uint64_t h = 0;
  memset(rules, 0, sizeof rules);
  for (size_t i = 0; i < 9; i++) { rules[i] = (struct moon_flaw){.kind = kinds[i], .share = 0.2, .delay_us = 1000}; }
  sim_flaws(s, rules, 9);
  sim_vary(s, NULL, 0, true);
  sim_restart(s, seed, number);
  for (unsigned i = 0; i < 300; i++) {
    s->now_us += 12345;
    sim_ask(s, MOON_PDU_GET_BULK, 0, 7, SYS "1", NULL);
    h = h * 31 + s->answer.n;
    for (uint32_t k = 0; k < s->answer.n; k++) {
      h = h * 31 + s->answer.reply[k].delay_us;
      for (uint32_t o = 0; o < s->answer.reply[k].n; o++) { h = h * 31 + s->answer.reply[k].p[o]; }
    }
  }
  for (size_t i = 0; i < 9; i++) { assert_true(done(s, kinds[i]) > 10 && done(s, kinds[i]) < 120); }
  sim_fini(s);
  return h;
}

static void test_same_seed(void **state) {
  (void)state;
  assert_int_equal(fingerprint(1, 1), fingerprint(1, 1));
  assert_true(fingerprint(1, 1) != fingerprint(2, 1));
  assert_true(fingerprint(1, 1) != fingerprint(1, 2));
}

/* Everything at once and at random: what comes is a datagram of bounded size, and the counts balance (sim_feed asserts). */
static void test_all_at_once(void **state) {
  struct moon_flaw rules[MOON_FLAWS_N];
  struct sim *s = with(MOON_FLAW_DEAD, 0, 0, NULL);
  uint32_t good = 0;
  (void)state;
  memset(rules, 0, sizeof rules);
  for (unsigned k = 0; k < MOON_FLAWS_N; k++) {
    rules[k] = (struct moon_flaw){.kind = (uint8_t)k, .share = 0.1, .n = 20, .delay_us = 1000, .period_us = 50 * S};
    if (k % 2 && k != MOON_FLAW_EMPTY_INTEGER && k != MOON_FLAW_NEGATIVE) { rules[k].oid = sim_oid(IF "2", &rules[k].oid_len); }
  }
  rules[MOON_FLAW_TOO_BIG].n = 200;
  rules[MOON_FLAW_RATE].n = 2;
  rules[MOON_FLAW_SILENT_ABOVE].n = 10;
  rules[MOON_FLAW_FORGED_REPORT].n = 1;
  rules[MOON_FLAW_REBOOT].delay_us = S;
  rules[MOON_FLAW_CLOCK_JUMP].jump_us = -5;
  sim_flaws(s, rules, MOON_FLAWS_N);
  sim_vary(s, NULL, 0, true);
  s->profile.any_write = s->profile.create = true;
  for (unsigned i = 0; i < 20000; i++) {
    s->now_us += 17777;
    switch (i % 5) {
    case 0: get(s); break;
    case 1: sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, SYS "7", IF "2.1", IF "10", NULL); break;
    case 2: sim_ask(s, MOON_PDU_GET_BULK, 1, 15, SYS "1", IF "2", IF "8", NULL); break;
    case 3: {
      const struct moon_varbind vb = sim_varbind(i % 3 ? SYS "1.0" : IF "2.9", MOON_OCTET_STRING, "12345678", 8);
      sim_send(s, MOON_PDU_SET, 0, 0, &vb, 1);
      break;
    }
    default:
      s->version = MOON_V1;
      sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, SYS "7", IF "2.1", IF "10", NULL);
      s->version = MOON_V2C;
      break;
    }
    for (uint32_t k = 0; k < s->answer.n; k++) { assert_true(s->answer.reply[k].n > 0 && s->answer.reply[k].n <= 1472 + 20); }
    good += is_good(s);
  }
  assert_true(good > 500);
  for (unsigned k = 0; k < MOON_FLAWS_N; k++) {
    bool v3 = (k >= MOON_FLAW_BAD_DIGEST && k <= MOON_FLAW_FORGED_REPORT) || k > MOON_FLAW_CLOCK_JUMP;
    if (v3) { assert_int_equal(done(s, (uint8_t)k), 0); }
    if (!v3 && done(s, (uint8_t)k) == 0) { fail_msg("%s was never done", moon_flaw_name((enum moon_flaw_kind)k)); }
  }
  sim_fini(s);
}

static void test_refused(void **state) {
  static const struct moon_flaw bad[] = {
    {.kind = MOON_FLAWS_N}, {.kind = MOON_FLAW_LOSS, .share = -0.1}, {.kind = MOON_FLAW_LOSS, .share = 1.1},
    {.kind = MOON_FLAW_DEAD, .from_us = 5, .to_us = 5}, {.kind = MOON_FLAW_DEAD, .from_us = 5, .every_us = 5},
    {.kind = MOON_FLAW_DEAD, .to_us = 7, .every_us = 5}, {.kind = MOON_FLAW_RATE}, {.kind = MOON_FLAW_TOO_BIG},
    {.kind = MOON_FLAW_SLOW_START, .delay_us = 5}, {.kind = MOON_FLAW_FORGED_REPORT, .n = 7},
    {.kind = MOON_FLAW_DEAD, .oid = (const uint8_t *)"\x2b\x86", .oid_len = 2},
  };
  struct moon_flaw many[MOON_FLAW_RULES_MAX + 1];
  struct moon_flaws *f;
  enum moon_err err;
  size_t blame;
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const struct moon_flaw two[2] = {{.kind = MOON_FLAW_DEAD}, bad[i]};
    assert_null(moon_flaws_new(two, 2, &blame, &err));
    assert_int_equal(err, MOON_E_CONFIG);
    assert_int_equal(blame, 1);
  }
  memset(many, 0, sizeof many);
  assert_null(moon_flaws_new(many, MOON_FLAW_RULES_MAX + 1, NULL, &err));
  assert_int_equal(err, MOON_E_LIMIT);
  f = moon_flaws_new(many, MOON_FLAW_RULES_MAX, NULL, &err);
  assert_non_null(f);
  moon_flaws_free(f);
  failmem_arm(1);
  assert_null(moon_flaws_new(many, 3, NULL, &err));
  failmem_disarm();
  assert_int_equal(err, MOON_E_NOMEM);
  for (unsigned k = 0; k < MOON_FLAWS_N; k++) {
    const char *name = moon_flaw_name((enum moon_flaw_kind)k);
    assert_int_equal(moon_flaw_find(name, strlen(name)), k);
    assert_int_equal(moon_flaw_find(name, strlen(name) - 1), MOON_FLAWS_N);
  }
  assert_string_equal(moon_flaw_name(MOON_FLAW_CLOCK_JUMP), "clock-jump");
  assert_string_equal(moon_flaw_name(MOON_FLAW_NOT_INCREASING), "not-increasing");
  assert_string_equal(moon_flaw_name(MOON_FLAWS_N), "none");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_silence),    cmocka_unit_test(test_delays),    cmocka_unit_test(test_datagrams),
    cmocka_unit_test(test_content),    cmocka_unit_test(test_succession), cmocka_unit_test(test_encodings),
    cmocka_unit_test(test_time_line),  cmocka_unit_test(test_reboot),    cmocka_unit_test(test_same_seed),
    cmocka_unit_test(test_all_at_once), cmocka_unit_test(test_refused),
  };
  failmem_install();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
