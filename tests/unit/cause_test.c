/* Why an agent is not well: what is made of a diary; which tries are hurried ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/engine/cause.h"

#define SECOND UINT64_C(1000000)

static struct moon_policy policy;
static struct moon_credential credential = {.version = MOON_V2C};
static struct moon_target target;
static struct moon_diary diary;
static const struct moon_request get = {.pdu_type = MOON_PDU_GET};

static int begin(void **state) {
  struct moon_addr a = {.family = 4, .port = 161, .ip = {192, 0, 2, 1}};
  (void)state;
  moon_policy_init(&policy);
  moon_target_init(&target, &a, &credential, &policy);
  memset(&diary, 0, sizeof diary);
  return 0;
}

static void end(enum moon_err err, uint16_t tries, bool answered, bool hurried) {
  struct moon_outcome o = {.err = err, .tries = tries, .rtt_us = answered ? 1000 : 0};
  moon_diary_end(&diary, &o, &get, 100 * SECOND, hurried, 102 * SECOND);
}

static enum moon_cause cause(void) {
  struct moon_evidence v = {.target = &target, .diary = &diary, .requests = 10, .now_us = 200 * SECOND};
  struct moon_diagnosis out;
  moon_cause_find(&v, &out);
  assert_true(strlen(out.text) > 0);
  return out.cause;
}

static void silence(void **state) {
  (void)state;
  end(MOON_E_TIMEOUT, 2, false, false);
  end(MOON_E_TIMEOUT, 2, false, false);
  assert_int_equal(cause(), MOON_CAUSE_NEVER);
  target.last_answer_us = 50 * SECOND;
  assert_int_equal(cause(), MOON_CAUSE_DEAD);
  diary.late = 1;
  assert_int_equal(cause(), MOON_CAUSE_TOO_LATE);
  struct moon_addr other = target.addr;
  other.port = 4000;
  moon_diary_stranger(&diary, &other);
  assert_int_equal(cause(), MOON_CAUSE_OTHER_PORT);
  other.ip[3] = 9;
  moon_diary_stranger(&diary, &other);
  assert_int_equal(cause(), MOON_CAUSE_OTHER_ADDRESS);
  assert_int_equal(diary.entry[0].waited_us, 2 * SECOND);
}

static void well_again(void **state) {
  (void)state;
  for (int i = 0; i < 5; i++) { end(MOON_E_TIMEOUT, 2, false, false); }
  for (int i = 0; i < 30; i++) { end(MOON_OK, 1, true, false); }
  assert_int_equal(cause(), MOON_CAUSE_LOSS);
  for (int i = 0; i < 40; i++) { end(MOON_OK, 1, true, false); }
  assert_int_equal(cause(), MOON_CAUSE_WELL);
}

static void rates_and_losses(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    end(MOON_OK, 1, true, false);
    end(MOON_OK, 1, true, true);
    moon_diary_lost(&diary, true);
  }
  assert_int_equal(cause(), MOON_CAUSE_RATE);
  for (int i = 0; i < 20; i++) { moon_diary_lost(&diary, false); }
  assert_int_equal(cause(), MOON_CAUSE_LOSS);
  diary.duplicate = 40; /* late for their try, not lost */
  diary.well = 0;
  target.rtt[MOON_KIND_GET].srtt_us = 900000;
  assert_int_equal(cause(), MOON_CAUSE_SLOW);
}

static void hurried(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) { assert_false(moon_diary_sent(&diary, 100 * SECOND + (uint64_t)i)); }
  assert_true(moon_diary_sent(&diary, 100 * SECOND + 3));
  assert_true(moon_diary_sent(&diary, 101 * SECOND));
  assert_false(moon_diary_sent(&diary, 102 * SECOND + 3));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(silence, begin), cmocka_unit_test_setup(well_again, begin), cmocka_unit_test_setup(rates_and_losses, begin),
    cmocka_unit_test_setup(hurried, begin)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
