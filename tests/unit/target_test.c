/* What is known of an agent: round trips, breaker, sources, quirks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../core/session/target.h"

static struct moon_policy policy;
static struct moon_credential credential;
static struct moon_target target;
static const struct moon_addr home = {.ip = {192, 0, 2, 1}, .port = 161, .family = 4};

static int begin(void **state) {
  (void)state;
  moon_policy_init(&policy);
  moon_target_init(&target, &home, &credential, &policy);
  return 0;
}

static void the_timeout_follows_rfc_6298(void **state) {
  struct moon_rtt r = {0};
  (void)state;
  assert_int_equal(moon_rtt_timeout(&r, 200, 5000), 5000);
  moon_rtt_sample(&r, 100000);
  assert_int_equal(r.srtt_us, 100000);
  assert_int_equal(r.rttvar_us, 50000);
  assert_int_equal(moon_rtt_timeout(&r, 1000, 5000000), 300000); /* SRTT + 4 * RTTVAR */
  moon_rtt_sample(&r, 180000);
  assert_int_equal(r.rttvar_us, 57500); /* 3/4 of 50000 and 1/4 of 80000 */
  assert_int_equal(r.srtt_us, 110000);  /* 7/8 of 100000 and 1/8 of 180000 */
  for (unsigned i = 0; i < 200; i++) {
    moon_rtt_sample(&r, 110000);
  }
  assert_in_range(moon_rtt_timeout(&r, 1000, 5000000), 110000, 112000); /* not under the clock's granularity */
  assert_int_equal(moon_rtt_timeout(&r, 400000, 5000000), 400000);
  assert_int_equal(moon_rtt_timeout(&r, 400000, 90000), 90000);
  moon_rtt_sample(&r, UINT64_MAX);
  assert_true(r.srtt_us > 110000);
  r = (struct moon_rtt){0};
  for (unsigned i = 0; i < 100; i++) {
    moon_rtt_sample(&r, 0);
    assert_true(r.srtt_us > 0); /* 0 is no sample */
  }
}

static void the_breaker_opens_after_silence_and_lets_one_trial_through(void **state) {
  bool trial = true;
  (void)state;
  assert_int_equal(moon_target_admit(&target, 1000, &trial), MOON_OK);
  assert_false(trial);
  assert_false(moon_target_settle(&target, MOON_E_TIMEOUT, false, 1000));
  assert_false(moon_target_settle(&target, MOON_E_REFUSED, false, 2000));
  assert_true(moon_target_settle(&target, MOON_E_UNREACHABLE, false, 3000));
  assert_int_equal(moon_target_admit(&target, 3001, &trial), MOON_E_DOWN);
  assert_int_equal(moon_target_admit(&target, 3000 + policy.trial_us - 1, &trial), MOON_E_DOWN);
  uint64_t at = 3000 + policy.trial_us;
  assert_int_equal(moon_target_admit(&target, at, &trial), MOON_OK);
  assert_true(trial);
  assert_int_equal(moon_target_admit(&target, at + 100 * policy.trial_us, &trial), MOON_E_DOWN); /* one at a time */
  assert_false(moon_target_settle(&target, MOON_E_TIMEOUT, false, at)); /* an older request: not the trial */
  assert_true(target.trial);
  assert_false(moon_target_settle(&target, MOON_E_TIMEOUT, true, at + 5));
  assert_int_equal(moon_target_admit(&target, at + 5 + policy.trial_us - 1, &trial), MOON_E_DOWN);
  assert_int_equal(moon_target_admit(&target, at + 5 + policy.trial_us, &trial), MOON_OK);
  assert_true(moon_target_settle(&target, MOON_E_MISSING, true, at)); /* only an agent says so */
  assert_int_equal(moon_target_admit(&target, at, &trial), MOON_OK);
  assert_false(trial);
  assert_int_equal(target.silent, 0);
}

static void a_cancelled_trial_says_nothing(void **state) {
  bool trial = false;
  (void)state;
  policy.breaker_after = 1;
  assert_true(moon_target_settle(&target, MOON_E_TIMEOUT, false, 0));
  assert_int_equal(moon_target_admit(&target, policy.trial_us, &trial), MOON_OK);
  assert_false(moon_target_settle(&target, MOON_E_CANCELLED, true, policy.trial_us + 1));
  assert_true(target.open);
  assert_false(target.trial);
}

static void every_code_of_an_agent_closes_the_breaker(void **state) {
  static const enum moon_err agent[] = {MOON_OK, MOON_E_MISSING, MOON_E_ACCESS, MOON_E_TOO_BIG, MOON_E_GEN_ERR, MOON_E_BAD_VALUE,
    MOON_E_NOT_WRITABLE, MOON_E_AUTH, MOON_E_UNKNOWN_USER, MOON_E_UNKNOWN_ENGINE, MOON_E_NOT_IN_TIME_WINDOW, MOON_E_UNSUPPORTED_LEVEL,
    MOON_E_DECRYPTION, MOON_E_DECODE, MOON_E_LOOP};
  static const enum moon_err nobody[] = {MOON_E_DOWN, MOON_E_BUDGET, MOON_E_CANCELLED, MOON_E_DNS, MOON_E_CONFIG, MOON_E_NOMEM};
  (void)state;
  for (size_t i = 0; i < sizeof agent / sizeof *agent; i++) {
    target.open = true;
    target.silent = 5;
    assert_true(moon_target_settle(&target, agent[i], false, 1));
    assert_false(target.open);
    assert_int_equal(target.silent, 0);
  }
  for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
    target.open = true;
    target.silent = 5;
    assert_false(moon_target_settle(&target, nobody[i], false, 1));
    assert_true(target.open);
    assert_int_equal(target.silent, 5);
  }
}

static void without_breaker_nothing_opens(void **state) {
  (void)state;
  policy.breaker_after = 0;
  target.silent = UINT32_MAX - 1;
  for (unsigned i = 0; i < 5; i++) {
    assert_false(moon_target_settle(&target, MOON_E_TIMEOUT, false, i));
  }
  assert_int_equal(target.silent, UINT32_MAX);
}

static void a_late_answer_closes_the_breaker_too(void **state) {
  (void)state;
  policy.breaker_after = 1;
  assert_true(moon_target_settle(&target, MOON_E_TIMEOUT, false, 0));
  assert_true(moon_target_heard(&target, MOON_KIND_BULK, 4000, 99));
  assert_false(moon_target_heard(&target, MOON_KIND_BULK, 0, 100));
  assert_int_equal(target.rtt[MOON_KIND_BULK].srtt_us, 4000);
  assert_int_equal(target.rtt[MOON_KIND_GET].srtt_us, 0);
  assert_int_equal(target.last_answer_us, 100);
}

static void a_strict_source_is_the_address_itself(void **state) {
  struct moon_addr other = home;
  (void)state;
  target.strict_source = true;
  assert_true(moon_target_accepts(&target, &home));
  other.port = 162;
  assert_false(moon_target_accepts(&target, &other));
  assert_int_equal(target.quirks, 0);
}

static void an_alias_is_learned(void **state) {
  struct moon_addr ip = home, port = home, both = home, six = {.port = 161, .family = 6};
  (void)state;
  target.strict_source = false;
  ip.ip[3] = 9;
  port.port = 40000;
  both.ip[3] = 9;
  both.port = 40000;
  assert_false(moon_target_accepts(&target, &both));
  assert_false(moon_target_accepts(&target, &six));
  assert_int_equal(target.alias.family, 0);
  assert_true(moon_target_accepts(&target, &ip));
  assert_int_equal(target.alias.family, 0); /* not before its answer was looked at */
  moon_target_learn(&target, &home);
  assert_int_equal(target.alias.family, 0);
  assert_int_equal(target.quirks, 0);
  moon_target_learn(&target, &ip);
  assert_true(moon_addr_equal(&target.alias, &ip));
  assert_true(target.quirks & MOON_QUIRK_ALIAS);
  assert_true(moon_target_accepts(&target, &ip));
  assert_true(moon_target_accepts(&target, &port));
  assert_true(moon_target_accepts(&target, &home));
}

static void a_quirk_is_said_once(void **state) {
  (void)state;
  assert_true(moon_target_quirk(&target, MOON_QUIRK_TRAILING));
  assert_false(moon_target_quirk(&target, MOON_QUIRK_TRAILING));
  assert_true(moon_target_quirk(&target, MOON_QUIRK_FEWER));
}

static void secrets_are_wiped(void **state) {
  static const struct moon_credential zero;
  struct moon_credential c = {.name = "ops", .community = "sentinel", .community_len = 8, .version = MOON_V2C};
  (void)state;
  moon_credential_fini(&c);
  assert_memory_equal(&c, &zero, sizeof c);
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(the_timeout_follows_rfc_6298),
    TEST(the_breaker_opens_after_silence_and_lets_one_trial_through),
    TEST(a_cancelled_trial_says_nothing),
    TEST(every_code_of_an_agent_closes_the_breaker),
    TEST(without_breaker_nothing_opens),
    TEST(a_late_answer_closes_the_breaker_too),
    TEST(a_strict_source_is_the_address_itself),
    TEST(an_alias_is_learned),
    TEST(a_quirk_is_said_once),
    TEST(secrets_are_wiped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
