/* Each fault of version 3: of an agent's identity, of its messages, of what keeps it silent. */
#include "envelope_rig.h"

static uint32_t flawed(const struct talk *t, enum moon_flaw_kind k) { return t->agent.counts.flaws[k]; }

static void test_identity_faults(void **state) {
  struct talk *t = fresh();
  struct moon_flaw rule = {.kind = MOON_FLAW_BOOTS_BACK, .n = 3, .from_us = 10 * S, .to_us = 20 * S, .every_us = 100 * S};
  uint8_t own[MOON_ENGINE_ID_MAX], ids[4][MOON_ENGINE_ID_MAX];
  uint32_t boots;
  (void)state;
  t->identity = (struct moon_identity){.has_boots = true, .boots = 9};
  t->agent.identity = &t->identity;
  set_flaw(t, &rule);
  for (unsigned turn = 0; turn < 2; turn++) {
    meet(t, OPS, MOON_V3_LEVEL);
    boots = t->v.boots;
    assert_int_equal(boots, 9);
    t->now_us += 10 * S;
    assert_int_equal(get(t), REPORT);
    check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH);
    assert_int_equal(t->got.boots, 6);
    t->v.boots = 6;
    assert_int_equal(get(t), RESPONSE);
    t->now_us += 10 * S;
    assert_int_equal(get(t), REPORT);
    assert_int_equal(t->got.boots, 9);
    t->now_us += 80 * S;
  }
  assert_int_equal(flawed(t, MOON_FLAW_BOOTS_BACK), 4);
  t->identity.boots = 1; /* never below 0 */
  t->now_us += 10 * S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, 0);
  assert_int_equal(get(t), RESPONSE);
  /* Its clock off by 200 s, both ways. */
  for (int sign = -1; sign <= 1; sign += 2) {
    rule = (struct moon_flaw){.kind = MOON_FLAW_CLOCK_JUMP, .jump_us = sign * 200 * (int64_t)S, .from_us = 1000 * S, .to_us = 1010 * S};
    set_flaw(t, &rule);
    restart(t, 1);
    t->now_us += 999 * S;
    meet(t, OPS, MOON_V3_LEVEL);
    t->now_us += 2 * S;
    assert_int_equal(get(t), REPORT);
    check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH);
    assert_int_equal(t->got.time, 1001 + sign * 200);
    t->now_us += 10 * S;
    assert_int_equal(get(t), RESPONSE);
  }
  /* Another engine id, and another; then its own again. */
  rule = (struct moon_flaw){.kind = MOON_FLAW_ENGINE_CHANGE, .from_us = 10 * S, .to_us = 50 * S, .period_us = 20 * S};
  set_flaw(t, &rule);
  restart(t, 1);
  for (unsigned i = 0; i < 4; i++) {
    if (i) {
      assert_int_equal(get(t), REPORT);
      check_report(t, MOON_REFUSE_ENGINE, 0);
    }
    meet(t, OPS, MOON_V3_LEVEL);
    memcpy(ids[i], t->engine_id, 13);
    assert_int_equal(get(t), RESPONSE);
    check_answer(t);
    t->now_us += i ? 20 * S : 10 * S;
  }
  assert_memory_equal(ids[0], ids[3], 13);
  assert_memory_not_equal(ids[0], ids[1], 13);
  assert_memory_not_equal(ids[1], ids[2], 13);
  memcpy(own, ids[0], 13);
  /* One that several have. */
  rule = (struct moon_flaw){.kind = MOON_FLAW_ENGINE_DUPLICATE, .n = 5};
  set_flaw(t, &rule);
  for (uint32_t i = 0; i < 2; i++) {
    restart(t, i);
    meet(t, OPS, MOON_V3_LEVEL);
    memcpy(ids[i], t->engine_id, 13);
    assert_int_equal(get(t), RESPONSE);
  }
  assert_memory_equal(ids[0], ids[1], 13);
  assert_memory_not_equal(ids[0], own, 13);
  assert_true(flawed(t, MOON_FLAW_ENGINE_DUPLICATE) == 2);
  rule.n = 6;
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_memory_not_equal(ids[0], t->engine_id, 13);
  done(t);
}

static void test_message_faults(void **state) {
  struct talk *t = fresh();
  struct moon_flaw rule = {.kind = MOON_FLAW_BAD_DIGEST};
  struct moon_usm *usm;
  uint8_t before[2048];
  uint32_t n_before;
  (void)state;
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  make(t, MOON_PDU_GET, 0, 0, NULL, 0);
  feed(t, t->request, t->n_request);
  assert_int_equal(t->answer.n, 1);
  assert_int_equal(moon_v3_decode(t->answer.reply[0].p, t->answer.reply[0].n, &t->got), MOON_OK);
  usm = usm_of(t);
  assert_int_equal(moon_usm_open(usm, 0, t->answer.reply[0].p, &t->got, t->opened, sizeof t->opened, &t->reply), MOON_E_AUTH);
  moon_usm_free(usm);
  assert_int_equal(flawed(t, MOON_FLAW_BAD_DIGEST), 1);
  for (uint32_t n = 0; n < 2; n++) {
    rule = (struct moon_flaw){.kind = MOON_FLAW_DOWNGRADE, .n = n};
    set_flaw(t, &rule);
    meet(t, OPS, MOON_V3_LEVEL);
    assert_int_equal(get(t), RESPONSE);
    assert_int_equal(t->got.flags, n);
    assert_int_equal(flawed(t, MOON_FLAW_DOWNGRADE), n + 1);
  }
  meet(t, AUTH, MOON_V3_AUTH); /* nothing to take away */
  assert_int_equal(get(t), RESPONSE);
  assert_int_equal(t->got.flags, MOON_V3_AUTH);
  assert_int_equal(flawed(t, MOON_FLAW_DOWNGRADE), 2);
  rule = (struct moon_flaw){.kind = MOON_FLAW_WRONG_CONTEXT};
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(get(t), RESPONSE);
  assert_true(t->reply.engine_id_len != t->v.engine_id_len);
  rule = (struct moon_flaw){.kind = MOON_FLAW_WRONG_ID};
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(get(t), RESPONSE);
  assert_true(t->got.id != t->v.id && t->reply.pdu.request_id != t->id);
  rule = (struct moon_flaw){.kind = MOON_FLAW_UNSIGNED_REPORT};
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  t->v.time += 1000;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_WINDOW, 0);
  assert_int_equal(flawed(t, MOON_FLAW_UNSIGNED_REPORT), 1);
  /* A forged one in front of the answer. */
  for (uint32_t n = 0; n <= 6; n++) {
    rule = (struct moon_flaw){.kind = MOON_FLAW_FORGED_REPORT, .n = n};
    set_flaw(t, &rule);
    meet(t, OPS, MOON_V3_LEVEL);
    assert_int_equal(get(t), REPORT);
    assert_int_equal(t->got.flags, 0);
    assert_int_equal(t->got.id, t->v.id);
    assert_int_equal(t->vb[0].oid[8], n ? n : 3);
    assert_int_equal(t->answer.n, 2);
    assert_true(read_reply(t, 1));
    assert_int_equal(t->reply.pdu.type, RESPONSE);
    assert_int_equal(t->got.flags, MOON_V3_LEVEL);
  }
  /* The answer before, to the octet; with a period, one that is ever older. */
  rule = (struct moon_flaw){.kind = MOON_FLAW_REPLAY};
  set_flaw(t, &rule);
  restart(t, 1);
  meet(t, OPS, MOON_V3_LEVEL);
  for (unsigned i = 0; i < 5; i++) {
    assert_int_equal(get(t), RESPONSE);
    if (i) {
      assert_int_equal(t->answer.n, 2);
      assert_int_equal(t->answer.reply[0].n, n_before);
      assert_memory_equal(t->answer.reply[0].p, before, n_before);
      assert_true(read_reply(t, 1));
      assert_int_equal(t->got.id, t->v.id);
    }
    n_before = t->answer.reply[i > 0].n;
    memcpy(before, t->answer.reply[i > 0].p, n_before);
  }
  rule.period_us = 200 * S;
  set_flaw(t, &rule);
  restart(t, 1);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(get(t), RESPONSE);
  n_before = t->answer.reply[0].n;
  memcpy(before, t->answer.reply[0].p, n_before);
  for (unsigned i = 0; i < 4; i++) {
    t->now_us += 50 * S;
    t->v.time += 50;
    (void)get(t);
    assert_int_equal(t->answer.n, 2);
    assert_memory_equal(t->answer.reply[0].p, before, n_before);
  }
  t->now_us += 50 * S;
  t->v.time += 50;
  (void)get(t);
  assert_memory_not_equal(t->answer.reply[0].p, before, n_before);
  done(t);
}

/* What keeps v1 and v2c silent keeps discovery silent. */
static void test_silence(void **state) {
  struct talk *t = fresh();
  struct moon_flaw rule = {.kind = MOON_FLAW_DEAD, .from_us = 10 * S};
  (void)state;
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  t->now_us += 10 * S;
  assert_int_equal(get(t), 0);
  t->v.engine_id_len = 5;
  assert_int_equal(get(t), 0);
  assert_int_equal(flawed(t, MOON_FLAW_DEAD), 2);
  assert_int_equal(t->agent.counts.silent, 1);
  assert_int_equal(t->agent.counts.refused, 2);
  rule = (struct moon_flaw){.kind = MOON_FLAW_DELAY, .delay_us = 300};
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->answer.reply[0].delay_us, 300);
  done(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_identity_faults),
    cmocka_unit_test(test_message_faults),
    cmocka_unit_test(test_silence),
  };
  failmem_install();
  guard_init(&guard, 65536);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  guard_fini(&guard);
  return failed;
}
