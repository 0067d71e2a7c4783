/* What is known of an engine of SNMPv3, under a virtual clock: boots and time, reboots, other engines, what is kept of them. */
#include "../../core/session/manner.h"
#include "sealed_rig.h"

static void overhead_is_an_upper_bound_that_is_near(void **state) {
  (void)state;
  for (int auth = MOON_AUTH_NONE; auth < MOON_AUTH_N; auth++) {
    for (int priv = MOON_PRIV_NONE; priv < (auth ? MOON_PRIV_N : 1); priv++) {
      set_up((enum moon_auth)auth, (enum moon_priv)priv);
      assert_int_equal(ask(), MOON_OK);
      size_t overhead = moon_trust_overhead(&trust, &credential);
      assert_true(reply_len - sizeof varbinds <= overhead);
      assert_true(overhead <= reply_len - sizeof varbinds + 18 + (priv == MOON_PRIV_DES || priv == MOON_PRIV_3DES ? 7 : 0));
      moon_target_fini(&target);
    }
  }
}

/* ---- clocks ---- */

/* A walk begins before the engine is known; from its first answer on it asks for as much as any later one. */
static void a_first_walk_has_the_room_of_others(void **state) {
  struct moon_manner first, later;
  const struct moon_asked asked_for = {.varbinds = 40, .reps = 2, .octets = 800, .bulk = true};
  (void)state;
  agent.id_len = 5;
  moon_manner_init(&first, &target);
  size_t begun = first.room;
  assert_int_equal(ask(), MOON_OK);
  moon_manner_answer(&first, &target, &asked_for);
  moon_manner_init(&later, &target);
  assert_true(later.room > begun);
  assert_int_equal(first.room, later.room);
  moon_manner_answer(&first, &target, &asked_for);
  assert_int_equal(first.room, later.room);
}

static void a_reboot_costs_one_step(void **state) {
  (void)state;
  settle();
  now += 3600 * (uint64_t)S;
  agent.boots++;
  agent.time_s = (uint32_t)(now / S) - 5;
  agent.requests = 0;
  start();
  assert_true(answer());
  feed();
  assert_int_equal(v, MOON_VERDICT_AGAIN);
  assert_true(x.resynced);
  send_try();
  carry_on();
  assert_int_equal(o.err, MOON_OK);
  assert_int_equal(o.tries, 1);
  assert_int_equal(agent.requests, 2);
  assert_int_equal(trust.known.boots, 8);
  assert_int_equal(target.quirks, 0);
}

static void time_goes_on_between_requests(void **state) {
  (void)state;
  settle();
  agent.requests = 0;
  for (int i = 0; i < 20; i++) {
    now += 7000 * (uint64_t)S + 900 * MS;
    assert_int_equal(ask(), MOON_OK);
  }
  assert_int_equal(agent.requests, 20);
}

static void clocks_that_jump(void **state) {
  (void)state;
  settle();
  agent.time_s -= 200; /* forward */
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 2);
  assert_int_equal(target.quirks, 0);
  agent.time_s += 200; /* and back */
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 2);
  assert_int_equal(target.quirks, MOON_QUIRK_CLOCK_BACK);
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 1);
}

static void boots_that_go_backwards(void **state) {
  (void)state;
  settle();
  agent.boots = 3;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(trust.known.boots, 3);
  assert_int_equal(target.quirks, MOON_QUIRK_CLOCK_BACK);
  /* strict */
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  credential.time_policy = MOON_TIME_STRICT;
  settle();
  agent.boots = 3;
  assert_int_equal(ask(), MOON_E_NOT_IN_TIME_WINDOW);
  assert_false(x.resynced); /* nothing was learned */
  assert_int_equal(trust.known.boots, 7);
  assert_int_equal(ask(), MOON_E_NOT_IN_TIME_WINDOW);
  agent.boots = 8;
  assert_int_equal(ask(), MOON_OK);
  /* so does time, of an agent that looks at no window itself */
  agent.no_window = true;
  agent.time_s += 300;
  start();
  assert_true(answer());
  feed();
  assert_int_equal(v, MOON_VERDICT_DROP);
  assert_int_equal(x.refused, MOON_E_NOT_IN_TIME_WINDOW);
  credential.time_policy = MOON_TIME_RELAXED;
  target.quirks = 0;
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 2); /* it is asked once more before it is believed */
  assert_int_equal(o.tries, 1);
  assert_int_equal(target.quirks, MOON_QUIRK_CLOCK_BACK);
}

/* Ids come again, after billions of them or a restart, and who listens has answers for some: signed, and of their time. */
static void an_old_answer_with_an_id_of_now_is_not_taken(void **state) {
  (void)state;
  settle();
  start();
  assert_true(answer());
  memcpy(old, reply, old_len = reply_len);
  feed();
  assert_int_equal(v, MOON_VERDICT_MINE);
  now += 300 * (uint64_t)S;
  id = sent_id - 1;
  start();
  struct moon_authority known = trust.known;
  uint64_t heard = target.last_answer_us;
  memcpy(reply, old, reply_len = old_len);
  feed();
  assert_int_equal(v, MOON_VERDICT_AGAIN);
  assert_memory_equal(&trust.known, &known, sizeof known);
  assert_int_equal(target.last_answer_us, heard);
  send_try();
  carry_on();
  assert_int_equal(v, MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_OK);
  assert_int_equal(o.tries, 1);
  assert_int_equal(target.quirks, 0);
}

static void boots_that_are_used_up(void **state) {
  (void)state;
  agent.boots = MOON_BOOTS_MAX;
  assert_int_equal(ask(), MOON_E_NOT_IN_TIME_WINDOW);
  assert_int_equal(o.report, MOON_REPORT_TIME_WINDOW);
  assert_int_equal(target.quirks, MOON_QUIRK_BOOTS_MAX);
}

static void a_window_that_never_fits_is_told(void **state) {
  (void)state;
  settle();
  start();
  for (unsigned i = 0; i < MOON_RESYNCS_MAX; i++) {
    report(USM_WINDOWS, MOON_V3_AUTH);
    assert_int_equal(v, MOON_VERDICT_AGAIN);
    send_try();
  }
  report(USM_WINDOWS, MOON_V3_AUTH);
  assert_int_equal(v, MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_E_NOT_IN_TIME_WINDOW);
  assert_int_equal(o.tries, 1);
}

/* ---- engines ---- */

static void another_engine_is_followed(void **state) {
  (void)state;
  settle();
  uint8_t changes = trust.changes;
  agent.id[7] = 'X';
  agent.boots = 1; /* its own count */
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(o.tries, 1);
  assert_int_equal(agent.requests, 3);
  assert_int_equal(trust.known.id[7], 'X');
  assert_int_equal(trust.known.boots, 1);
  assert_int_equal(trust.other.id_len, 0);
  assert_int_equal(target.quirks, MOON_QUIRK_OTHER_ENGINE);
  assert_int_not_equal(trust.changes, changes);
}

static void an_engine_that_was_made_up_is_forgotten(void **state) {
  struct usm_agent forger;
  (void)state;
  settle();
  forger = agent;
  forger.id[7] = 'F';
  start();
  uint8_t *first = malloc(request_len);
  size_t first_len = request_len;
  memcpy(first, asked, first_len);
  reply_len = usm_agent_report(&forger, now, sent_id, USM_ENGINES, 0, reply, sizeof reply);
  feed();
  assert_int_equal(v, MOON_VERDICT_AGAIN);
  assert_int_equal(trust.known.id[7], 'e');
  assert_true(trust.known.proven);
  send_try();
  /* the true agent's answer to the first try still counts */
  reply_len = usm_agent_answer(&agent, now, first, first_len, reply, sizeof reply);
  free(first);
  now += 10 * MS;
  feed();
  assert_int_equal(v, MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_OK);
  assert_int_equal(trust.other.id_len, 0);
  /* or it says itself who it is */
  start();
  reply_len = usm_agent_report(&forger, now, sent_id, USM_ENGINES, 0, reply, sizeof reply);
  feed();
  assert_int_equal(v, MOON_VERDICT_AGAIN);
  send_try();
  carry_on();
  assert_int_equal(o.err, MOON_OK);
  assert_int_equal(trust.known.id[7], 'e');
  assert_int_equal(target.quirks, 0);
  /* or there is silence */
  start();
  reply_len = usm_agent_report(&forger, now, sent_id, USM_ENGINES, 0, reply, sizeof reply);
  feed();
  send_try();
  assert_int_not_equal(trust.other.id_len, 0);
  now = x.give_up_us;
  assert_int_equal(moon_exchange_expire(&x, now, true, &o), MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_E_TIMEOUT);
  assert_int_equal(trust.other.id_len, 0);
  assert_int_equal(ask(), MOON_OK);
  /* and it cannot go on for ever */
  start();
  for (unsigned i = 0; i < MOON_DISCOVERIES_MAX; i++) {
    forger.id[6]++;
    reply_len = usm_agent_report(&forger, now, sent_id, USM_ENGINES, 0, reply, sizeof reply);
    feed();
    assert_int_equal(v, MOON_VERDICT_AGAIN);
    send_try();
  }
  forger.id[6]++;
  reply_len = usm_agent_report(&forger, now, sent_id, USM_ENGINES, 0, reply, sizeof reply);
  feed();
  assert_int_equal(v, MOON_VERDICT_HELD);
}

static void a_poisoned_discovery_heals(void **state) {
  struct usm_agent forger;
  (void)state;
  forger = agent;
  forger.id[7] = 'F';
  start();
  reply_len = usm_agent_report(&forger, now, sent_id, USM_ENGINES, 0, reply, sizeof reply);
  feed();
  assert_int_equal(v, MOON_VERDICT_AGAIN);
  send_try();
  carry_on();
  assert_int_equal(o.err, MOON_OK);
  assert_int_equal(trust.known.id[7], 'e');
}

static void a_second_report_of_the_same_engine_is_nothing_new(void **state) {
  (void)state;
  start();
  assert_true(answer());
  memcpy(old, reply, old_len = reply_len);
  feed();
  send_try();
  memcpy(reply, old, reply_len = old_len);
  feed();
  assert_int_equal(v, MOON_VERDICT_DROP);
  assert_int_equal(x.discoveries, 1);
  carry_on();
  assert_int_equal(o.err, MOON_OK);
}

/* ---- kept ---- */

static void what_is_kept_saves_the_steps(void **state) {
  struct moon_trust_record r;
  (void)state;
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES256_REEDER);
  credential.priv = MOON_PRIV_AES256;
  credential.priv_either = true;
  agent.silent_key = true;
  assert_int_equal(moon_trust_export(&target, now, &r), MOON_E_MISSING);
  settle();
  now += 100 * (uint64_t)S;
  assert_int_equal(moon_trust_export(&target, now, &r), MOON_OK);
  assert_int_equal(r.boots, 7);
  assert_int_equal(r.time, 700);
  assert_int_equal(r.priv, MOON_PRIV_AES256_REEDER);
  assert_memory_equal(&r.addr, &target.addr, sizeof r.addr);
  moon_trust_init(&trust, ring);
  moon_trust_use(&trust, &credential, now);
  assert_int_equal(moon_trust_import(&trust, &r, now), MOON_OK);
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 1);
  assert_int_equal(trust.priv, MOON_PRIV_AES256_REEDER);
  /* what is old or wrong costs steps and no more, under the strict policy too */
  credential.time_policy = MOON_TIME_STRICT;
  r.boots = 12;
  r.priv = MOON_PRIV_AES256;
  moon_trust_init(&trust, ring);
  moon_trust_use(&trust, &credential, now);
  assert_int_equal(moon_trust_import(&trust, &r, now), MOON_OK);
  assert_int_equal(ask(), MOON_OK);
  r.engine_id[7] = 'X';
  moon_trust_init(&trust, ring);
  moon_trust_use(&trust, &credential, now);
  assert_int_equal(moon_trust_import(&trust, &r, now), MOON_OK);
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(trust.known.id[7], 'e');
  /* nonsense is refused */
  r.engine_id_len = 33;
  assert_int_equal(moon_trust_import(&trust, &r, now), MOON_E_LENGTH);
  r.engine_id_len = 0;
  assert_int_equal(moon_trust_import(&trust, &r, now), MOON_E_LENGTH);
  r.engine_id_len = 8;
  r.time = UINT32_MAX;
  assert_int_equal(moon_trust_import(&trust, &r, now), MOON_E_RANGE);
  r.time = 0;
  r.priv = MOON_PRIV_N;
  assert_int_equal(moon_trust_import(&trust, &r, now), MOON_E_RANGE);
}

/* One that no line of the engine cache could have would spoil the whole of it. */
static void an_engine_id_that_is_too_short_is_not_kept(void **state) {
  struct moon_trust_record r;
  (void)state;
  agent.id_len = 4;
  settle();
  assert_int_equal(trust.known.id_len, 4);
  assert_int_equal(moon_trust_export(&target, now, &r), MOON_E_MISSING);
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  agent.id_len = 5;
  settle();
  assert_int_equal(moon_trust_export(&target, now, &r), MOON_OK);
}

static void another_credential_of_the_same_agent(void **state) {
  static struct moon_credential other;
  (void)state;
  settle();
  other = credential;
  other.auth_key.octets[3] ^= 1;
  target.credential = &other;
  assert_int_equal(ask(), MOON_E_AUTH);
  target.credential = &credential;
  agent.requests = 0;
  assert_int_equal(ask(), MOON_OK);
  assert_int_equal(agent.requests, 1); /* what is known of the engine stayed */
}

int main(void) {
  const struct CMUnitTest tests[] = {
    T(overhead_is_an_upper_bound_that_is_near),
    T(a_first_walk_has_the_room_of_others),
    T(a_reboot_costs_one_step),
    T(time_goes_on_between_requests),
    T(clocks_that_jump),
    T(boots_that_go_backwards),
    T(an_old_answer_with_an_id_of_now_is_not_taken),
    T(boots_that_are_used_up),
    T(a_window_that_never_fits_is_told),
    T(another_engine_is_followed),
    T(an_engine_that_was_made_up_is_forgotten),
    T(a_poisoned_discovery_heals),
    T(a_second_report_of_the_same_engine_is_nothing_new),
    T(what_is_kept_saves_the_steps),
    T(an_engine_id_that_is_too_short_is_not_kept),
    T(another_credential_of_the_same_agent),
  };
  return cmocka_run_group_tests(tests, make, drop);
}
