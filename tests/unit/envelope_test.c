/* envelope: agents that speak SNMPv3: discovery, levels, every protocol, the time window, reports, contexts, sizes. */
#include "envelope_rig.h"

static void test_discovery(void **state) {
  struct talk *t = fresh();
  uint8_t first[MOON_ENGINE_ID_MAX];
  (void)state;
  t->now_us += 77 * S;
  meet(t, -1, 0);
  check_report(t, MOON_REFUSE_ENGINE, 0);
  assert_int_equal(t->reply.pdu.request_id, t->id);
  assert_int_equal(t->got.user_len, 0);
  assert_int_equal(t->got.time, 77);
  assert_true(t->got.boots >= 1 && t->got.boots <= 50);
  assert_int_equal(t->got.max_size, 65507);
  assert_int_equal(t->got.engine_id_len, 13); /* RFC 3411 5: enterprise with the high bit, octets */
  assert_int_equal(t->got.engine_id[0], 0x80);
  assert_int_equal(t->got.engine_id[4], 5);
  memcpy(first, t->engine_id, 13);
  restart(t, 2);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_memory_not_equal(t->engine_id, first, 13);
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  t->engine_id[12] ^= 1; /* somebody else's */
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_ENGINE, 0);
  restart(t, 1);
  meet(t, -1, 0);
  assert_memory_equal(t->engine_id, first, 13);
  t->identity = (struct moon_identity){.engine_id = "\x80\0\x1f\x88\x04lab", .engine_id_len = 8, .has_boots = true, .boots = 4711,
                                       .time = 100};
  t->agent.identity = &t->identity;
  t->now_us += 3 * S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->got.engine_id_len, 8);
  assert_memory_equal(t->engine_id, "\x80\0\x1f\x88\x04lab", 8);
  assert_int_equal(t->got.boots, 4711);
  assert_int_equal(t->got.time, 103);
  assert_int_equal(get(t), RESPONSE);
  assert_true(moon_agent_is_engine(&t->agent, t->now_us, t->request, t->n_request));
  assert_false(moon_agent_is_engine(&t->agent, t->now_us, t->request, t->n_request - 1));
  t->agent.identity = NULL;
  assert_false(moon_agent_is_engine(&t->agent, t->now_us, t->request, t->n_request));
  done(t);
}

static void test_protocols(void **state) {
  struct talk *t = fresh();
  (void)state;
  for (unsigned auth = MOON_AUTH_MD5; auth < MOON_AUTH_N; auth++) {
    for (unsigned priv = MOON_PRIV_NONE; priv < MOON_PRIV_N; priv++) {
      uint8_t most = priv ? MOON_V3_LEVEL : MOON_V3_AUTH;
      set_user(t, OPS, "ops", (enum moon_auth)auth, (enum moon_priv)priv, 0);
      restart(t, auth * 10 + priv);
      for (unsigned level = 0; level <= most; level += level ? 2u : 1u) {
        meet(t, OPS, (uint8_t)level);
        for (unsigned i = 0; i < 3; i++) {
          assert_int_equal(get(t), RESPONSE);
          check_answer(t);
          assert_memory_equal(t->vb[0].value, "name", 4);
        }
      }
      assert_int_equal(t->agent.counts.answered, most == MOON_V3_LEVEL ? 9 : 6);
      assert_int_equal(t->agent.counts.varbinds, most == MOON_V3_LEVEL ? 9 : 6);
    }
  }
  done(t);
}

static void test_levels(void **state) {
  struct talk *t = fresh();
  (void)state;
  meet(t, OPS, MOON_V3_AUTH);
  assert_int_equal(get(t), RESPONSE);
  assert_int_equal(t->reply.pdu.error_status, 16); /* authorizationError */
  assert_int_equal(t->reply.pdu.error_index, 0);
  assert_int_equal(t->n, 1);
  assert_int_equal(t->got.flags, MOON_V3_AUTH);
  meet(t, OPS, 0);
  assert_int_equal(get(t), RESPONSE);
  assert_int_equal(t->reply.pdu.error_status, 16);
  meet(t, AUTH, MOON_V3_AUTH);
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  meet(t, LOOSE, 0);
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  /* More than his keys allow. The manager has keys of its own idea. */
  set_user(t, LOOSE, "auth", MOON_AUTH_SHA1, MOON_PRIV_AES128, 0);
  t->security.n_users = LOOSE;
  meet(t, LOOSE, MOON_V3_LEVEL);
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_LEVEL, 0);
  assert_int_equal(t->reply.pdu.request_id, 0); /* encrypted */
  set_user(t, LOOSE, "nobody", MOON_AUTH_SHA1, MOON_PRIV_NONE, 0);
  meet(t, LOOSE, MOON_V3_AUTH);
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_LEVEL, 0);
  assert_int_equal(t->reply.pdu.request_id, t->id);
  set_user(t, LOOSE, "stranger", MOON_AUTH_SHA1, MOON_PRIV_AES128, 0);
  meet(t, LOOSE, MOON_V3_LEVEL);
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_USER, 0);
  done(t);
}

static void test_wrong_keys(void **state) {
  struct talk *t = fresh();
  struct moon_user mine;
  uint64_t malformed;
  (void)state;
  meet(t, OPS, MOON_V3_LEVEL);
  mine = t->users[OPS];
  mine.auth_key.octets[3] ^= 1;
  t->user = &mine;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_DIGEST, 0);
  mine = t->users[OPS];
  mine.auth = MOON_AUTH_SHA1; /* a digest of another length */
  mine.auth_key.len = 20;
  mine.priv_key.len = 20;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_DIGEST, 0);
  mine = t->users[OPS];
  mine.priv_key.octets[3] ^= 1; /* noise, which real agents drop */
  malformed = t->agent.counts.malformed;
  for (unsigned i = 0; i < 50; i++) { assert_int_equal(get(t), 0); }
  assert_int_equal(t->agent.counts.malformed, malformed + 50);
  assert_int_equal(t->agent.counts.answered, 0);
  mine = t->users[OPS];
  assert_int_equal(get(t), RESPONSE);
  done(t);
}

/* A salt of another length, a cipher text of half a block: no privacy protocol makes these. */
static void test_decryption_error(void **state) {
  struct talk *t = fresh();
  struct moon_writer w;
  struct moon_usm *usm;
  static const uint8_t octets[20] = {1};
  size_t at;
  (void)state;
  for (unsigned i = 0; i < 3; i++) {
    meet(t, i == 2 ? LOOSE : OPS, MOON_V3_LEVEL);
    usm = usm_of(t);
    t->v.user = t->user->name;
    t->v.user_len = t->user->name_len;
    t->v.auth_len = (uint8_t)moon_auth_digest_len((enum moon_auth)t->user->auth);
    t->v.priv = octets;
    t->v.priv_len = i ? 8 : 7;
    t->v.scoped = octets;
    t->v.scoped_len = i ? 20 : 16;
    if (i == 1) { t->v.flags &= (uint8_t)~MOON_V3_REPORTABLE; } /* nothing but the flag tells now */
    moon_writer_init(&w, t->request, sizeof t->request);
    if (i == 1) { t->v.priv_len = 9; }
    at = moon_v3_encode(&w, &t->v);
    assert_int_equal(moon_usm_sign(usm, w.p, moon_writer_len(&w), at), MOON_OK);
    moon_usm_free(usm);
    feed(t, w.p, moon_writer_len(&w));
    assert_int_equal(t->agent.counts.refusals[MOON_REFUSE_DECRYPTION], i + 1);
    if (i == 1) {
      assert_int_equal(t->answer.n, 0);
      continue;
    }
    assert_true(read_reply(t, 0));
    check_report(t, MOON_REFUSE_DECRYPTION, 0);
    assert_int_equal(t->reply.pdu.request_id, 0);
  }
  done(t);
}

static void test_window(void **state) {
  static const struct { int32_t boots, time; bool in; } cases[] = {
    {0, 0, true}, {0, 150, true}, {0, 151, false}, {0, -150, true}, {0, -151, false}, {1, 0, false}, {-1, 0, false}, {0, 100000, false},
  };
  struct talk *t = fresh();
  (void)state;
  t->now_us += 1000 * S;
  for (unsigned user = OPS; user <= AUTH; user++) {
    uint8_t level = user == OPS ? MOON_V3_LEVEL : MOON_V3_AUTH;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      meet(t, (int)user, level);
      t->v.boots += (uint32_t)cases[i].boots;
      t->v.time += (uint32_t)cases[i].time;
      assert_int_equal(get(t), cases[i].in ? RESPONSE : REPORT);
      if (cases[i].in) {
        check_answer(t);
      } else {
        check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH); /* signed, so that what it says can be learned: RFC 3414 3.2 7 */
        assert_int_equal(t->got.time, 1000);
      }
    }
  }
  /* As RFC 3414 4 has it: with nothing known of time, learned from the signed report. */
  meet(t, OPS, MOON_V3_LEVEL);
  t->v.boots = t->v.time = 0;
  assert_int_equal(get(t), REPORT);
  t->v.boots = t->got.boots;
  t->v.time = t->got.time;
  assert_int_equal(get(t), RESPONSE);
  t->now_us += 150 * S;
  assert_int_equal(get(t), RESPONSE);
  t->now_us += S;
  assert_int_equal(get(t), REPORT);
  /* Without a signature nobody looks at the clock. */
  meet(t, NOBODY, 0);
  t->v.boots = t->v.time = 0;
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  done(t);
}

static void test_boots(void **state) {
  struct talk *t = fresh();
  struct moon_flaw rule = {.kind = MOON_FLAW_REBOOT, .from_us = 100 * S, .delay_us = 10 * S, .period_us = 50 * S};
  (void)state;
  t->identity = (struct moon_identity){.has_boots = true, .boots = 9, .time = 1000};
  t->agent.identity = &t->identity;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, 9);
  assert_int_equal(t->v.time, 1000);
  t->now_us += 20 * S;
  moon_agent_reboot(&t->agent, t->now_us);
  t->now_us += 4 * S;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH);
  assert_int_equal(t->got.boots, 10);
  assert_int_equal(t->got.time, 4);
  /* The same on a time line: silent for 10 s, then one more boot. */
  restart(t, 1);
  t->agent.identity = &t->identity;
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  t->now_us += 105 * S;
  assert_int_equal(get(t), 0);
  t->now_us += 8 * S;
  assert_int_equal(get(t), REPORT);
  assert_int_equal(t->got.boots, 10);
  assert_int_equal(t->got.time, 3);
  t->now_us += 50 * S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->got.boots, 11);
  assert_int_equal(get(t), RESPONSE);
  set_flaw(t, NULL);
  /* Time runs over into boots; at the last boot nothing signed is in its window. */
  restart(t, 1);
  t->identity.time = INT32_MAX;
  t->agent.identity = &t->identity;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.time, INT32_MAX);
  t->now_us += S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, 10);
  assert_int_equal(t->v.time, 0);
  assert_int_equal(get(t), RESPONSE);
  t->identity.boots = INT32_MAX - 1;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, INT32_MAX);
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH);
  t->identity.boots = INT32_MAX;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, INT32_MAX);
  assert_int_equal(get(t), REPORT);
  done(t);
}

static void test_contexts(void **state) {
  struct talk *t = fresh();
  const struct moon_varbind set = sim_varbind(SYS "5.0", MOON_OCTET_STRING, "set", 3);
  (void)state;
  meet(t, OPS, MOON_V3_LEVEL);
  t->scoped.context = (const uint8_t *)"same";
  t->scoped.context_len = 4;
  make(t, MOON_PDU_SET, 0, 0, &set, 1);
  feed(t, t->request, t->n_request);
  assert_true(read_reply(t, 0));
  check_answer(t);
  assert_memory_equal(t->reply.context, "same", 4);
  assert_int_equal(get(t), RESPONSE);
  assert_memory_equal(t->vb[0].value, "set", 3);
  t->scoped.context = (const uint8_t *)"vlan-7";
  t->scoped.context_len = 6;
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  assert_memory_equal(t->vb[0].value, "vlan", 4);
  assert_int_equal(ask_oid(t, MOON_PDU_GET_NEXT, 0, SYS "5.0"), RESPONSE);
  assert_int_equal(t->vb[0].type, MOON_END_OF_MIB_VIEW);
  make(t, MOON_PDU_SET, 0, 0, &set, 1);
  feed(t, t->request, t->n_request);
  assert_true(read_reply(t, 0));
  assert_int_equal(t->reply.pdu.error_status, 6); /* noAccess */
  assert_int_equal(get(t), RESPONSE);
  assert_memory_equal(t->vb[0].value, "vlan", 4);
  t->scoped.context_len = 0;
  assert_int_equal(get(t), RESPONSE);
  assert_memory_equal(t->vb[0].value, "set", 3);
  t->scoped.context = (const uint8_t *)"vlan-8";
  t->scoped.context_len = 6;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_CONTEXT, MOON_V3_LEVEL);
  assert_int_equal(t->reply.pdu.request_id, t->id);
  meet(t, OPS, MOON_V3_LEVEL);
  t->scoped.engine_id = (const uint8_t *)"\x80\0\0\0\x05other";
  t->scoped.engine_id_len = 10;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_HANDLER, MOON_V3_LEVEL);
  meet(t, READER, MOON_V3_AUTH);
  make(t, MOON_PDU_SET, 0, 0, &set, 1);
  feed(t, t->request, t->n_request);
  assert_true(read_reply(t, 0));
  assert_int_equal(t->reply.pdu.error_status, 6);
  assert_int_equal(t->agent.counts.set_vars, 1);
  done(t);
}

/* Reports go to requests; to what cannot be read, as the flag says: RFC 3412 6.4. */
static void test_reportable(void **state) {
  struct talk *t = fresh();
  static const uint8_t quiet[] = {MOON_PDU_RESPONSE, MOON_PDU_TRAP, MOON_PDU_REPORT};
  (void)state;
  meet(t, OPS, MOON_V3_LEVEL);
  t->v.engine_id_len--;
  assert_int_equal(get(t), REPORT);
  t->v.flags = MOON_V3_LEVEL;
  t->v.engine_id_len = 5;
  assert_int_equal(get(t), 0);
  t->v.flags = 0;
  t->v.engine_id_len = 5;
  assert_int_equal(get(t), REPORT);
  for (size_t i = 0; i < sizeof quiet; i++) {
    uint64_t malformed = t->agent.counts.malformed;
    t->v.flags = MOON_V3_REPORTABLE;
    t->v.engine_id_len = 5;
    assert_int_equal(ask_oid(t, quiet[i], 0, SYS "5.0"), 0);
    meet(t, OPS, MOON_V3_LEVEL);
    assert_int_equal(ask_oid(t, quiet[i], 0, SYS "5.0"), 0);
    assert_int_equal(t->agent.counts.malformed, malformed + 2);
  }
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(ask_oid(t, MOON_PDU_INFORM, 0, SYS "5.0"), REPORT);
  check_report(t, MOON_REFUSE_HANDLER, MOON_V3_LEVEL);
  done(t);
}

static void test_sizes(void **state) {
  struct talk *t = fresh();
  struct moon_varbind vb[60];
  char text[8192];
  size_t n = 0;
  (void)state;
  for (unsigned i = 1; i <= 60; i++) { n += (size_t)snprintf(text + n, sizeof text - n, SYS "9.1.%u|4|twenty octets of text\n", i); }
  moon_recording_free(t->recording);
  t->profile.recording = t->recording = sim_recording(text);
  for (unsigned user = OPS; user < USERS_N; user++) {
    const struct moon_user *u = &t->users[user];
    t->profile.max_octets = 0;
    for (uint32_t max = 484; max < 2700; max += 37) {
      meet(t, (int)user, moon_user_level(u));
      t->v.max_size = max;
      assert_int_equal(ask_oid(t, MOON_PDU_GET_BULK, 100, SYS "9"), RESPONSE);
      check_answer(t);
      assert_true(t->answer.reply[0].n <= max);
      assert_true(t->n >= 60 || t->answer.reply[0].n > max - 35 - 30); /* as much as fits */
      for (unsigned i = 0; i < 60; i++) {
        snprintf(text, sizeof text, SYS "9.1.%u", i + 1);
        vb[i] = sim_varbind(text, MOON_NULL, "", 0);
      }
      make(t, MOON_PDU_GET, 0, 0, vb, 60);
      feed(t, t->request, t->n_request);
      assert_true(read_reply(t, 0));
      assert_true(t->answer.reply[0].n <= max);
      if (max < 2100 || max > 2400) { assert_int_equal(t->reply.pdu.error_status, max < 2100); } /* tooBig */
      assert_int_equal(t->n, t->reply.pdu.error_status ? 0 : 60);
    }
    t->profile.max_octets = 600;
    t->v.max_size = 65507;
    assert_int_equal(ask_oid(t, MOON_PDU_GET_BULK, 100, SYS "9"), RESPONSE);
    assert_true(t->answer.reply[0].n <= 600 && t->answer.reply[0].n > 500);
  }
  done(t);
}

/* Its own counts and its own engine, as values. */
static void test_own_values(void **state) {
  static const struct moon_dump_options options = {.snmp = true, .usm = true};
  struct talk *t = fresh();
  enum moon_err e;
  (void)state;
  moon_recording_free(t->recording);
  t->profile.recording = t->recording = moon_dump_read(device, sizeof device - 1, &options, NULL, &e);
  t->profile.snmp = true;
  t->now_us += 42 * S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(ask_oid(t, MOON_PDU_GET, 0, ENGINE "1.0"), RESPONSE);
  assert_int_equal(t->vb[0].type, MOON_OCTET_STRING);
  assert_int_equal(t->vb[0].value_len, t->v.engine_id_len);
  assert_memory_equal(t->vb[0].value, t->engine_id, t->v.engine_id_len);
  assert_int_equal(ask_oid(t, MOON_PDU_GET, 0, ENGINE "2.0"), RESPONSE);
  assert_int_equal(sim_number(&t->vb[0]), t->v.boots);
  assert_int_equal(ask_oid(t, MOON_PDU_GET_NEXT, 0, ENGINE "2.0"), RESPONSE);
  assert_true(sim_is(&t->vb[0], ENGINE "3.0"));
  assert_int_equal(sim_number(&t->vb[0]), 42);
  for (unsigned i = 0; i < 3; i++) { meet(t, OPS, MOON_V3_LEVEL); }
  assert_int_equal(ask_oid(t, MOON_PDU_GET_BULK, 6, USM "1"), RESPONSE);
  assert_int_equal(t->n, 6);
  for (unsigned i = 0; i < 6; i++) { assert_int_equal(sim_number(&t->vb[i]), i == 3 ? 4 : 0); }
  assert_true(sim_is(&t->vb[5], USM "6.0"));
  assert_int_equal(ask_oid(t, MOON_PDU_GET, 0, "1.3.6.1.2.1.11.2.0"), RESPONSE);
  assert_int_equal(sim_number(&t->vb[0]), 8); /* snmpOutPkts: four reports, four answers */
  t->profile.snmp = false; /* as recorded */
  assert_int_equal(ask_oid(t, MOON_PDU_GET, 0, USM "4.0"), RESPONSE);
  assert_int_equal(sim_number(&t->vb[0]), 0);
  done(t);
}

/* ---- hostile input, and want of memory */

static void test_bits_and_prefixes(void **state) {
  struct talk *t = fresh();
  uint8_t whole[512];
  size_t n;
  (void)state;
  for (int user = OPS; user <= AUTH; user++) {
    meet(t, user, user == OPS ? MOON_V3_LEVEL : MOON_V3_AUTH);
    assert_int_equal(get(t), RESPONSE);
    n = t->n_request;
    memcpy(whole, t->request, n);
    restart(t, 1);
    for (size_t i = 0; i < 8 * n; i++) {
      whole[i / 8] ^= (uint8_t)(1 << i % 8);
      feed(t, whole, n);
      /* Without the flag it is a request that is not signed: authorizationError. */
      assert_true(t->agent.counts.answered == t->agent.counts.errors && t->agent.counts.errors <= (user == AUTH));
      whole[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t i = 0; i < n; i++) { feed(t, whole, i); }
    assert_int_equal(t->agent.counts.answered, t->agent.counts.errors);
    feed(t, whole, n);
    assert_int_equal(t->agent.counts.answered, t->agent.counts.errors + 1);
    restart(t, 1);
  }
  done(t);
}

static void test_no_memory(void **state) {
  struct talk *t = fresh();
  struct moon_user_pool *pool;
  (void)state;
  meet(t, OPS, MOON_V3_LEVEL);
  for (unsigned n = 1;; n++) {
    bool fired;
    restart(t, 1);
    make(t, MOON_PDU_GET, 0, 0, NULL, 0);
    failmem_arm(n);
    feed(t, t->request, t->n_request);
    fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(t->answer.n, !fired);
    assert_int_equal(t->agent.counts.malformed, fired);
    feed(t, t->request, t->n_request); /* it may come again */
    assert_int_equal(t->answer.n, 1);
    if (!fired) { break; }
    assert_true(n < 10);
  }
  for (unsigned n = 1;; n++) {
    failmem_arm(n);
    enum moon_err e = moon_user_pool_new(1, 0, &pool);
    bool fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(e, fired ? MOON_E_NOMEM : MOON_OK);
    if (!fired) { break; }
  }
  moon_user_pool_free(pool);
  done(t);
}

/* Contexts are kept for the last ones only, and made again. */
static void test_pool(void **state) {
  struct talk *t = fresh();
  struct moon_agent agents[5];
  size_t alive;
  (void)state;
  moon_agent_fini(&t->agent);
  moon_user_pool_free(t->pool);
  assert_int_equal(moon_user_pool_new(1, 3, &t->pool), MOON_OK);
  t->security.pool = t->pool;
  for (uint32_t i = 0; i < 5; i++) { moon_agent_init(&agents[i], &t->profile, 7, i, t->now_us); }
  alive = failmem_alive();
  for (unsigned turn = 0; turn < 30; turn++) {
    unsigned i = turn * 7 % 5;
    t->agent = agents[i];
    meet(t, turn % 3 ? OPS : AUTH, turn % 3 ? MOON_V3_LEVEL : MOON_V3_AUTH);
    assert_int_equal(get(t), RESPONSE);
    check_answer(t);
    agents[i] = t->agent;
    assert_true(moon_user_pool_n(t->pool) <= 3);
  }
  assert_int_equal(moon_user_pool_n(t->pool), 3);
  assert_int_equal(failmem_alive(), alive + 10 + 3); /* keys of two users at five agents, three contexts */
  memset(&t->agent, 0, sizeof t->agent);
  for (unsigned i = 0; i < 5; i++) { moon_agent_fini(&agents[i]); }
  assert_int_equal(failmem_alive(), alive);
  assert_int_equal(moon_user_pool_n(t->pool), 0);
  done(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_discovery),
    cmocka_unit_test(test_protocols),
    cmocka_unit_test(test_levels),
    cmocka_unit_test(test_wrong_keys),
    cmocka_unit_test(test_decryption_error),
    cmocka_unit_test(test_window),
    cmocka_unit_test(test_boots),
    cmocka_unit_test(test_contexts),
    cmocka_unit_test(test_reportable),
    cmocka_unit_test(test_sizes),
    cmocka_unit_test(test_own_values),
    cmocka_unit_test(test_bits_and_prefixes),
    cmocka_unit_test(test_no_memory),
    cmocka_unit_test(test_pool),
  };
  failmem_install();
  guard_init(&guard, 65536);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  guard_fini(&guard);
  return failed;
}
