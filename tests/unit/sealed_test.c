/* Exchanges in SNMPv3 under a virtual clock: discovery, lost steps, contexts, answers and reports that may or may not be believed,
 * the extension of keys. */
#include "sealed_rig.h"

/* ---- how it should go ---- */

static void a_first_request_takes_three_steps_and_one_try(void **state) {
  struct moon_v3 m;
  (void)state;
  start();
  uint64_t give_up = x.give_up_us;
  assert_int_equal(give_up, now + 2 * policy.timeout_us);
  assert_int_equal(moon_v3_decode(asked, request_len, &m), MOON_OK);
  assert_int_equal(m.flags, MOON_V3_REPORTABLE);
  assert_int_equal(m.engine_id_len + m.user_len + m.auth_len + m.priv_len, 0);
  assert_int_equal(m.id, sent_id);
  assert_true(answer());
  feed();
  assert_int_equal(v, MOON_VERDICT_AGAIN);
  assert_int_equal(x.heard, MOON_REPORT_ENGINE);
  assert_int_equal(trust.known.id_len, agent.id_len);
  assert_false(trust.known.proven);
  assert_int_equal(target.last_answer_us, 0); /* anybody could have said that */
  assert_int_equal(target.rtt[0].srtt_us, 0);
  send_try();
  assert_true(answer());
  assert_int_equal(agent.last.boots, 0);
  assert_int_equal(agent.last.time, 0);
  feed();
  assert_int_equal(v, MOON_VERDICT_AGAIN);
  assert_true(trust.known.proven && trust.known.timed);
  assert_int_equal(trust.known.boots, 7);
  assert_false(x.resynced); /* it is the first */
  assert_int_not_equal(target.last_answer_us, 0);
  send_try();
  assert_true(answer());
  assert_int_equal(agent.last.boots, 7);
  assert_int_equal(agent.last.time, 600);
  assert_int_equal(agent.last.flags, MOON_V3_REPORTABLE | MOON_V3_AUTH | MOON_V3_PRIV);
  assert_int_equal(agent.last.max_size, MOON_DATAGRAM_MAX);
  feed();
  assert_int_equal(v, MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_OK);
  assert_int_equal(o.tries, 1);
  assert_int_equal(o.rtt_us, 10 * MS);
  assert_int_equal(o.pdu.varbinds_len, sizeof varbinds);
  assert_memory_equal(o.pdu.varbinds, varbinds, sizeof varbinds);
  assert_int_equal(x.give_up_us, give_up); /* all of it in the time of one request */
  assert_int_equal(agent.requests, 3);
  start();
  assert_true(answer());
  feed();
  assert_int_equal(v, MOON_VERDICT_MINE);
  assert_int_equal(agent.requests, 4);
}

static void the_agent_is_told_how_long_its_reply_may_be(void **state) {
  static const struct {
    uint32_t datagram_max, reply_max, told;
  } cases[] = {{0, 0, MOON_DATAGRAM_MAX}, {0, 1472, 1472}, {0, 100, MOON_V3_SIZE_MIN}, {900, 1472, 900}, {900, 600, 600}};
  struct moon_request limited = get;
  (void)state;
  assert_int_equal(ask(), MOON_OK);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    policy.datagram_max = cases[i].datagram_max;
    limited.reply_max = (uint16_t)cases[i].reply_max;
    moon_exchange_init(&x, &target, &limited, now);
    send_try();
    assert_true(answer());
    assert_int_equal(agent.last.max_size, cases[i].told);
    feed();
    assert_int_equal(v, MOON_VERDICT_MINE);
  }
  policy.datagram_max = 0;
}

/* Some are silent where they should cut, and it is not known why an agent is. */
static void only_its_first_try_is_told(void **state) {
  struct moon_request limited = get;
  (void)state;
  assert_int_equal(ask(), MOON_OK);
  limited.reply_max = 600;
  moon_trust_doubt(&trust);
  trust.known.timed = false; /* a step more */
  moon_exchange_init(&x, &target, &limited, now);
  for (int i = 0; i < 2; i++) {
    send_try();
    assert_true(answer());
    assert_int_equal(agent.last.max_size, 600);
    if (!i) { feed(); }
  }
  assert_int_equal(v, MOON_VERDICT_AGAIN);
  now = moon_exchange_deadline(&x);
  assert_int_equal(moon_exchange_expire(&x, now, true, &o), MOON_VERDICT_AGAIN);
  send_try();
  assert_true(answer());
  assert_int_equal(agent.last.max_size, MOON_DATAGRAM_MAX);
}

static void every_algorithm_and_level(void **state) {
  (void)state;
  for (int auth = MOON_AUTH_NONE; auth < MOON_AUTH_N; auth++) {
    for (int priv = MOON_PRIV_NONE; priv < (auth ? MOON_PRIV_N : 1); priv++) {
      set_up((enum moon_auth)auth, (enum moon_priv)priv);
      assert_int_equal(ask(), MOON_OK);
      assert_int_equal(agent.requests, auth ? 3 : 2);
      assert_int_equal(agent.last.flags & MOON_V3_LEVEL, credential.level);
      assert_true(trust.known.proven);
      assert_int_equal(ask(), MOON_OK);
      assert_int_equal(agent.answers, 2);
      moon_target_fini(&target);
    }
  }
}

static void lost_steps_are_tried_again(void **state) {
  (void)state;
  policy.retries = 3;
  start();
  now = moon_exchange_deadline(&x);
  assert_int_equal(moon_exchange_expire(&x, now, true, &o), MOON_VERDICT_AGAIN);
  send_try();
  assert_int_equal(x.tries, 2);
  assert_true(answer());
  feed();
  assert_int_equal(v, MOON_VERDICT_AGAIN);
  send_try();
  assert_int_equal(x.tries, 2);
  now = moon_exchange_deadline(&x);
  assert_int_equal(moon_exchange_expire(&x, now, true, &o), MOON_VERDICT_AGAIN);
  send_try();
  assert_int_equal(x.tries, 3);
  carry_on();
  assert_int_equal(v, MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_OK);
  assert_int_equal(o.tries, 3);
  /* the fourth try is the last, whatever step it is in */
  set_up(MOON_AUTH_SHA1, MOON_PRIV_NONE);
  policy.retries = 0;
  start();
  assert_true(answer());
  feed();
  send_try();
  assert_int_equal(moon_exchange_deadline(&x), x.give_up_us);
  now = x.give_up_us;
  assert_int_equal(moon_exchange_expire(&x, now, true, &o), MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_E_TIMEOUT);
  assert_int_equal(o.tries, 1);
}

static void given_engine_and_time_save_the_steps(void **state) {
  (void)state;
  credential.engine_id_len = agent.id_len;
  memcpy(credential.engine_id, agent.id, agent.id_len);
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 2);
  moon_trust_init(&trust, ring);
  credential.time_given = true;
  credential.boots = 7;
  credential.time = 600;
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 1);
  /* wrong ones are put right, whatever the policy */
  moon_trust_init(&trust, ring);
  credential.boots = 9;
  credential.time_policy = MOON_TIME_STRICT;
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 2);
  assert_int_equal(trust.known.boots, 7);
  assert_int_equal(target.quirks, 0);
  /* another engine is not looked for where one is named */
  moon_trust_init(&trust, ring);
  credential.engine_id[3] ^= 1;
  assert_int_equal(ask(), MOON_E_UNKNOWN_ENGINE);
  assert_int_equal(o.report, MOON_REPORT_ENGINE);
}

static void localized_keys(void **state) {
  (void)state;
  set_up(MOON_AUTH_SHA256, MOON_PRIV_AES256);
  assert_int_equal(moon_key_localize_priv(crypto, MOON_AUTH_SHA256, MOON_PRIV_AES256, &agent.priv_ku, agent.id, agent.id_len, &credential.priv_key),
                   MOON_OK);
  assert_int_equal(moon_key_localize(crypto, MOON_AUTH_SHA256, &agent.auth_ku, agent.id, agent.id_len, &credential.auth_key), MOON_OK);
  credential.auth_localized = credential.priv_localized = true;
  assert_int_equal(ask(), MOON_OK);
}

static void contexts(void **state) {
  struct moon_request there = get;
  (void)state;
  size_t before = moon_trust_overhead(&trust, &credential);
  memcpy(credential.context, "red", 3);
  credential.context_len = 3;
  memcpy(credential.context_engine_id, "\x80\1\2\3\4\5", 6);
  credential.context_engine_id_len = 6;
  assert_int_equal(ask(), MOON_OK);
  there.context = (const uint8_t *)"blueish";
  there.context_len = 7;
  moon_exchange_init(&x, &target, &there, now);
  send_try();
  assert_true(answer());
  feed();
  assert_int_equal(v, MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_OK);
  agent.other_context = true;
  moon_exchange_init(&x, &target, &there, now);
  send_try();
  assert_true(answer());
  feed();
  assert_int_equal(v, MOON_VERDICT_DROP);
  assert_true(moon_trust_overhead(&trust, &credential) <= before + 7);
  assert_int_equal(trust.context_len, 7);
}

/* Whatever is missing of it: discarded, nothing learned, and the whole one is taken. */
static void cut_answers_end_nothing(void **state) {
  static const uint8_t levels[] = {0, MOON_V3_AUTH, MOON_V3_LEVEL};
  (void)state;
  for (size_t i = 0; i < sizeof levels; i++) {
    set_up(levels[i] ? MOON_AUTH_SHA1 : MOON_AUTH_NONE, levels[i] & MOON_V3_PRIV ? MOON_PRIV_AES128 : MOON_PRIV_NONE);
    assert_int_equal(ask(), MOON_OK);
    start();
    uint64_t deadline = moon_exchange_deadline(&x), heard = target.last_answer_us;
    assert_true(answer());
    size_t whole = reply_len;
    for (reply_len = 0; reply_len < whole; reply_len++) {
      feed();
      assert_int_equal(v, MOON_VERDICT_DROP);
      assert_int_equal(x.refused, MOON_E_DECODE);
      assert_false(x.authentic);
    }
    assert_int_equal(moon_exchange_deadline(&x), deadline);
    assert_int_equal(target.last_answer_us, heard);
    feed();
    assert_int_equal(v, MOON_VERDICT_MINE);
    assert_int_equal(o.err, MOON_OK);
    moon_target_fini(&target);
  }
}

/* ---- what is not to be believed ---- */

static void reports_that_end_it(void **state) {
  static const struct { unsigned counter; enum moon_err err; } all[] = {
    {USM_LEVELS, MOON_E_UNSUPPORTED_LEVEL}, {USM_USERS, MOON_E_UNKNOWN_USER}, {USM_DIGESTS, MOON_E_AUTH},
    {USM_DECRYPTIONS, MOON_E_DECRYPTION}, {USM_WINDOWS, MOON_E_NOT_IN_TIME_WINDOW}};
  (void)state;
  settle();
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    uint64_t heard = target.last_answer_us;
    struct moon_rtt rtt = target.rtt[0];
    struct moon_authority known = trust.known;
    start();
    uint64_t before = moon_exchange_deadline(&x);
    report(all[i].counter, 0);
    assert_int_equal(v, MOON_VERDICT_HELD);
    assert_true(moon_exchange_deadline(&x) < before && moon_exchange_deadline(&x) > now);
    assert_true(moon_exchange_is_midway(&x));
    now = moon_exchange_deadline(&x);
    assert_int_equal(moon_exchange_expire(&x, now, false, &o), MOON_VERDICT_MINE);
    assert_int_equal(o.err, all[i].err);
    assert_int_equal(o.rtt_us, 0);
    assert_int_equal(o.tries, 1);
    assert_int_equal(target.last_answer_us, heard);
    assert_memory_equal(&target.rtt[0], &rtt, sizeof rtt);
    assert_memory_equal(&trust.known, &known, sizeof known);
    /* an answer overrules it */
    start();
    report(all[i].counter, 0);
    assert_int_equal(v, MOON_VERDICT_HELD);
    assert_true(answer());
    feed();
    assert_int_equal(v, MOON_VERDICT_MINE);
    assert_int_equal(o.err, MOON_OK);
    assert_int_equal(o.report, MOON_REPORT_NONE);
    /* signed it needs no waiting */
    start();
    report(all[i].counter, MOON_V3_AUTH);
    if (all[i].counter == USM_WINDOWS) {
      assert_int_equal(v, MOON_VERDICT_AGAIN);
      continue;
    }
    assert_int_equal(v, MOON_VERDICT_MINE);
    assert_int_equal(o.err, all[i].err);
    assert_int_not_equal(o.rtt_us, 0);
  }
}

/* Whoever was heard signed is not given up on an unsigned word before his answer is due: one to a bulk takes longer, the first one
 * nobody knows how long. */
static void an_answer_is_waited_for_as_long_as_it_takes(void **state) {
  struct moon_request bulk = get;
  (void)state;
  bulk.kind = MOON_KIND_BULK;
  settle();
  for (unsigned k = 0; k < 2; k++) {
    moon_exchange_init(&x, &target, &bulk, now);
    send_try();
    uint64_t deadline = moon_exchange_deadline(&x);
    report(USM_USERS, 0);
    assert_int_equal(v, MOON_VERDICT_HELD);
    assert_true(moon_exchange_deadline(&x) > now + 450 * MS);
    assert_true(moon_exchange_deadline(&x) <= deadline);
    now += 440 * MS;
    assert_true(answer());
    feed();
    assert_int_equal(v, MOON_VERDICT_MINE);
    assert_int_equal(o.err, MOON_OK);
    target.rtt[MOON_KIND_BULK] = (struct moon_rtt){.srtt_us = 400 * MS, .rttvar_us = 25 * MS};
  }
  /* one that nobody has heard yet is */
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  start();
  assert_true(answer());
  feed();
  send_try();
  report(USM_USERS, 0);
  assert_int_equal(v, MOON_VERDICT_HELD);
  assert_true(moon_exchange_deadline(&x) <= now + 50 * MS);
}

static void an_unsigned_window_teaches_nothing(void **state) {
  (void)state;
  settle();
  struct moon_authority known = trust.known;
  agent.boots = 99;
  agent.unsigned_window = true;
  assert_int_equal(ask(), MOON_E_NOT_IN_TIME_WINDOW);
  assert_memory_equal(&trust.known, &known, sizeof known);
}

static void wrong_keys_users_and_levels(void **state) {
  (void)state;
  credential.auth_key.octets[0] ^= 1;
  assert_int_equal(ask(), MOON_E_AUTH);
  assert_int_equal(o.report, MOON_REPORT_DIGEST);
  assert_false(trust.known.proven);
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  credential.user[0] ^= 1;
  assert_int_equal(ask(), MOON_E_UNKNOWN_USER);
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  agent.level = MOON_V3_AUTH;
  assert_int_equal(ask(), MOON_E_UNSUPPORTED_LEVEL);
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  credential.priv_key.octets[0] ^= 1;
  assert_int_equal(ask(), MOON_E_DECRYPTION);
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  credential.priv_key.octets[0] ^= 1;
  agent.silent_key = true;
  assert_int_equal(ask(), MOON_E_TIMEOUT);
}

static void refused(enum moon_err why) {
  start();
  assert_true(answer());
  uint64_t deadline = moon_exchange_deadline(&x), heard = target.last_answer_us;
  feed();
  assert_int_equal(v, MOON_VERDICT_DROP);
  assert_int_equal(x.refused, why);
  assert_int_equal(moon_exchange_deadline(&x), deadline);
  assert_int_equal(target.last_answer_us, heard);
  assert_false(x.authentic);
}

static void answers_that_do_not_fit(void **state) {
  (void)state;
  settle();
  agent.bad_digest = true;
  refused(MOON_E_AUTH);
  agent.bad_digest = false;
  agent.other_request_id = true;
  refused(MOON_E_NOT_MINE);
  agent.other_request_id = false;
  agent.other_context = true;
  refused(MOON_E_NOT_MINE);
  agent.other_context = false;
  agent.other_user = true;
  refused(MOON_E_NOT_MINE);
  agent.other_user = false;
  agent.answer_level = MOON_V3_PRIV;
  refused(MOON_E_UNSUPPORTED_LEVEL);
  agent.answer_level = MOON_V3_AUTH | MOON_V3_PRIV;
  refused(MOON_E_UNSUPPORTED_LEVEL);
  agent.answer_level = 0;
  assert_int_equal(ask(), MOON_OK);
}

static void every_flipped_bit_is_refused(void **state) {
  (void)state;
  settle();
  start();
  assert_true(answer());
  for (size_t i = 0; i < reply_len * 8; i++) {
    reply[i / 8] ^= (uint8_t)(1u << i % 8);
    v = moon_exchange_feed(&x, reply, reply_len, room, now - 10 * MS, now, &o);
    assert_true(v == MOON_VERDICT_DROP || v == MOON_VERDICT_HELD);
    reply[i / 8] ^= (uint8_t)(1u << i % 8);
    x.held = 0;
  }
  for (size_t n = 0; n < reply_len; n++) { assert_int_equal(moon_exchange_feed(&x, reply, n, room, now - 10 * MS, now, &o), MOON_VERDICT_DROP); }
  feed();
  assert_int_equal(v, MOON_VERDICT_MINE);
}

static void replays(void **state) {
  (void)state;
  settle();
  start();
  assert_true(answer());
  memcpy(old, reply, old_len = reply_len);
  feed();
  assert_int_equal(v, MOON_VERDICT_MINE);
  /* with the id of a try under way it is none: the id is signed, and the one inside too */
  start();
  struct moon_v3 m;
  assert_int_equal(moon_v3_decode(old, old_len, &m), MOON_OK);
  memcpy(reply, old, reply_len = old_len);
  for (size_t i = 0; i + 4 < reply_len; i++) {
    if (reply[i] == 2 && reply[i + 1] == 4 && i < 20) {
      reply[i + 2] = (uint8_t)(sent_id >> 24), reply[i + 3] = (uint8_t)(sent_id >> 16), reply[i + 4] = (uint8_t)(sent_id >> 8), reply[i + 5] = (uint8_t)sent_id;
      break;
    }
  }
  feed();
  assert_int_equal(v, MOON_VERDICT_DROP);
  assert_int_equal(x.refused, MOON_E_AUTH);
  /* as a late answer it is believed for as long as its time is good, and never of another engine, level or key */
  assert_true(moon_sealed_vouch(&target, old, old_len, now));
  assert_false(moon_sealed_vouch(&target, reply, reply_len, now));
  assert_false(moon_sealed_vouch(&target, old, old_len, now + 200 * (uint64_t)S));
  reply_len = usm_agent_report(&agent, now, sent_id, USM_DIGESTS, 0, reply, sizeof reply);
  assert_false(moon_sealed_vouch(&target, reply, reply_len, now));
  trust.known.proven = false;
  assert_false(moon_sealed_vouch(&target, old, old_len, now));
}

/* Whoever sends back what we sent has our signature, and knows nothing. */
static void our_own_word_is_no_answer(void **state) {
  static const uint8_t levels[] = {0, MOON_V3_AUTH, MOON_V3_LEVEL};
  (void)state;
  for (size_t i = 0; i < sizeof levels; i++) {
    set_up(levels[i] ? MOON_AUTH_SHA1 : MOON_AUTH_NONE, levels[i] & MOON_V3_PRIV ? MOON_PRIV_AES128 : MOON_PRIV_NONE);
    start();
    for (unsigned step = 0; v != MOON_VERDICT_MINE || !step; step++) {
      const struct moon_trust known = trust;
      uint64_t deadline = moon_exchange_deadline(&x), heard = target.last_answer_us;
      memcpy(reply, asked, reply_len = request_len);
      feed();
      assert_int_equal(v, MOON_VERDICT_DROP);
      assert_false(x.authentic);
      assert_memory_equal(&trust.known, &known.known, sizeof known.known);
      assert_int_equal(trust.known.proven, known.known.proven);
      assert_int_equal(moon_exchange_deadline(&x), deadline);
      assert_int_equal(target.last_answer_us, heard);
      assert_true(answer());
      feed();
      if (v == MOON_VERDICT_AGAIN) { send_try(); }
    }
    assert_int_equal(o.err, MOON_OK);
    assert_false(moon_sealed_vouch(&target, asked, request_len, now));
    moon_target_fini(&target);
  }
}

static void no_authentication_no_privacy(void **state) {
  (void)state;
  set_up(MOON_AUTH_NONE, MOON_PRIV_NONE);
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 2);
  assert_false(trust.known.timed);
  agent.other_user = true;
  start();
  assert_true(answer());
  feed();
  assert_int_equal(v, MOON_VERDICT_DROP);
  agent.other_user = false;
  agent.id[7] = 'X';
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(trust.known.id[7], 'X');
}

/* ---- which extension of the key ---- */

static void either(enum moon_priv theirs, bool silent, unsigned requests) {
  set_up(MOON_AUTH_SHA1, theirs);
  agent.silent_key = silent;
  credential.priv = theirs == MOON_PRIV_AES192 || theirs == MOON_PRIV_AES192_REEDER ? MOON_PRIV_AES192 : MOON_PRIV_AES256;
  credential.priv_either = true;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(o.tries, 1);
  assert_int_equal(agent.requests, requests);
  assert_true(trust.decided);
  assert_int_equal(trust.priv, theirs);
  assert_int_equal(target.quirks, theirs >= MOON_PRIV_AES192_REEDER ? MOON_QUIRK_REEDER : MOON_QUIRK_BLUMENTHAL);
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, requests + 1);
}

static void either_extension_is_found_out(void **state) {
  (void)state;
  either(MOON_PRIV_AES256, true, 3);
  either(MOON_PRIV_AES192, true, 3);
  either(MOON_PRIV_AES256_REEDER, true, 4);
  either(MOON_PRIV_AES192_REEDER, true, 4);
  either(MOON_PRIV_AES256_REEDER, false, 4);
  /* quickly: by the round trip that was seen, not by the timeout */
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES256_REEDER);
  agent.silent_key = true;
  credential.priv = MOON_PRIV_AES256;
  credential.priv_either = true;
  uint64_t began = now;
  assert_int_equal(ask(), MOON_OK);
  assert_true(now - began < 120 * MS);
  /* a hash that is long enough leaves nothing to find out */
  set_up(MOON_AUTH_SHA512, MOON_PRIV_AES256_REEDER);
  credential.priv = MOON_PRIV_AES256;
  credential.priv_either = true;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 3);
  assert_int_equal(target.quirks, 0);
}

/* A device was replaced. */
static void another_engine_may_extend_keys_otherwise(void **state) {
  (void)state;
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES256);
  agent.silent_key = true;
  credential.priv_either = true;
  settle();
  assert_true(trust.decided);
  agent.id[7] = 'X';
  agent.boots = 1;
  agent.priv = MOON_PRIV_AES256_REEDER;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(o.tries, 1);
  assert_true(trust.decided);
  assert_int_equal(trust.priv, MOON_PRIV_AES256_REEDER);
  assert_int_equal(target.quirks & MOON_QUIRK_REEDER, MOON_QUIRK_REEDER);
  /* or its name leads elsewhere */
  agent.id[7] = 'Y';
  agent.priv = MOON_PRIV_AES256;
  moon_trust_doubt(&trust);
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(o.tries, 1);
  assert_int_equal(trust.priv, MOON_PRIV_AES256);
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 1);
}

static void neither_extension_is_silence_in_time(void **state) {
  (void)state;
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES256_REEDER);
  agent.silent_key = true;
  credential.priv = MOON_PRIV_AES256;
  credential.priv_either = true;
  credential.priv_key.octets[0] ^= 1;
  uint64_t began = now;
  assert_int_equal(ask(), MOON_E_TIMEOUT);
  assert_int_equal(o.tries, 2);
  assert_int_equal(agent.requests, 2 + 4); /* each try with both */
  assert_int_equal(now - began, 2 * policy.timeout_us);
  assert_false(trust.decided);
  agent.silent_key = false;
  assert_int_equal(ask(), MOON_E_DECRYPTION);
}

/* An answer to the first of both that comes after the second was sent. */
/* Also while it is not known which key it takes. What comes out does not lie where the next answer is decrypted to. */
static void answers_are_decrypted_where_they_are(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    set_up(MOON_AUTH_SHA1, i ? MOON_PRIV_AES256 : MOON_PRIV_AES128);
    credential.priv_either = i;
    start();
    while (answer() && (v = moon_exchange_feed(&x, reply, reply_len, reply, now - 10 * MS, now, &o)) == MOON_VERDICT_AGAIN) { send_try(); }
    assert_int_equal(v, MOON_VERDICT_MINE);
    assert_int_equal(o.err, MOON_OK);
    assert_true(o.pdu.varbinds >= reply && o.pdu.varbinds + o.pdu.varbinds_len <= reply + reply_len);
    assert_int_equal(o.pdu.varbinds_len, sizeof varbinds);
    assert_memory_equal(o.pdu.varbinds, varbinds, sizeof varbinds);
    moon_target_fini(&target);
  }
}

static void a_slow_answer_of_the_first_key_counts(void **state) {
  (void)state;
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES256);
  credential.priv_either = true;
  start();
  assert_true(answer());
  feed();
  send_try();
  assert_true(answer());
  feed();
  send_try();
  assert_true(x.swap);
  reply_len = usm_agent_answer(&agent, now, asked, request_len, reply, sizeof reply);
  now = moon_exchange_deadline(&x);
  assert_int_equal(moon_exchange_expire(&x, now, false, &o), MOON_VERDICT_AGAIN);
  send_try();
  assert_int_equal(trust.priv, MOON_PRIV_AES256_REEDER);
  feed();
  assert_int_equal(v, MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_OK);
  assert_true(trust.decided);
  assert_int_equal(trust.priv, MOON_PRIV_AES256);
}

static void without_trust_it_cannot_be_spoken(void **state) {
  struct moon_writer w;
  (void)state;
  target.trust = NULL;
  moon_exchange_init(&x, &target, &get, now);
  moon_writer_init(&w, request, sizeof request);
  assert_int_equal(moon_exchange_encode(&x, 5, now, 0, &w), MOON_E_VERSION);
  target.trust = &trust;
  moon_writer_init(&w, request, 100);
  settle();
  moon_exchange_init(&x, &target, &get, now);
  assert_int_equal(moon_exchange_encode(&x, 5, now, 0, &w), MOON_E_TOO_BIG);
  assert_int_equal(x.tries, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    T(a_first_request_takes_three_steps_and_one_try),
    T(the_agent_is_told_how_long_its_reply_may_be),
    T(only_its_first_try_is_told),
    T(every_algorithm_and_level),
    T(lost_steps_are_tried_again),
    T(given_engine_and_time_save_the_steps),
    T(localized_keys),
    T(contexts),
    T(cut_answers_end_nothing),
    T(reports_that_end_it),
    T(an_answer_is_waited_for_as_long_as_it_takes),
    T(an_unsigned_window_teaches_nothing),
    T(wrong_keys_users_and_levels),
    T(answers_that_do_not_fit),
    T(every_flipped_bit_is_refused),
    T(replays),
    T(our_own_word_is_no_answer),
    T(no_authentication_no_privacy),
    T(either_extension_is_found_out),
    T(another_engine_may_extend_keys_otherwise),
    T(neither_extension_is_silence_in_time),
    T(answers_are_decrypted_where_they_are),
    T(a_slow_answer_of_the_first_key_counts),
    T(without_trust_it_cannot_be_spoken),
  };
  return cmocka_run_group_tests(tests, make, drop);
}
