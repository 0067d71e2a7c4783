/* Names that are asked apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../core/base/mem.h"
#include "../../core/session/poison.h"

#define NAME(text) (const uint8_t *)(text), strlen(text)

static void none_is_known_at_first(void **state) {
  struct moon_poisons *p = NULL;
  (void)state;
  assert_int_equal(moon_poison_rule(p, NAME("a"), 0), MOON_POISON_NONE);
  moon_poison_drop(p, NAME("a"));
  assert_false(moon_poison_any(p));
}

static void errors_are_asked_alone_and_silence_is_left_out_for_a_while(void **state) {
  struct moon_poisons *p = NULL;
  (void)state;
  moon_poison_add(&p, NAME("err"), MOON_E_GEN_ERR, 10);
  moon_poison_add(&p, NAME("mute"), MOON_E_TIMEOUT, 10);
  assert_int_equal(moon_poison_rule(p, NAME("err"), 11), MOON_POISON_ALONE);
  assert_int_equal(moon_poison_rule(p, NAME("mute"), 11), MOON_POISON_LEFT_OUT);
  assert_int_equal(moon_poison_rule(p, NAME("mut"), 11), MOON_POISON_NONE);
  assert_int_equal(moon_poison_rule(p, NAME("mute"), 9 + MOON_POISON_US), MOON_POISON_LEFT_OUT);
  assert_int_equal(moon_poison_rule(p, NAME("mute"), 10 + MOON_POISON_US), MOON_POISON_ALONE);
  moon_poison_add(&p, NAME("mute"), MOON_E_TIMEOUT, 10 + MOON_POISON_US);
  assert_int_equal(p->n, 2);
  assert_int_equal(moon_poison_rule(p, NAME("mute"), 9 + 3 * (uint64_t)MOON_POISON_US), MOON_POISON_LEFT_OUT); /* twice as long */
  assert_int_equal(moon_poison_rule(p, NAME("mute"), 10 + 3 * (uint64_t)MOON_POISON_US), MOON_POISON_ALONE);
  moon_poison_add(&p, NAME("mute"), MOON_E_GEN_ERR, 11 + MOON_POISON_US); /* it found its voice */
  assert_int_equal(moon_poison_rule(p, NAME("mute"), 11 + MOON_POISON_US), MOON_POISON_ALONE);
  moon_poison_drop(p, NAME("err"));
  assert_int_equal(moon_poison_rule(p, NAME("err"), 11), MOON_POISON_NONE);
  assert_int_equal(moon_poison_rule(p, NAME("mute"), 11), MOON_POISON_ALONE);
  moon_mem_free(p);
}

static void silence_after_silence_is_left_out_for_ever_longer(void **state) {
  struct moon_poisons *p = NULL;
  uint64_t now_us = 0, last_us = 0;
  (void)state;
  for (int i = 0; i < 300; i++) {
    uint64_t us = 0;
    moon_poison_add(&p, NAME("mute"), MOON_E_TIMEOUT, now_us);
    while (moon_poison_rule(p, NAME("mute"), now_us + us) == MOON_POISON_LEFT_OUT) { us += 1000000; }
    assert_int_equal(us, i == 0 ? MOON_POISON_US : 2 * last_us < MOON_POISON_MOST_US ? 2 * last_us : MOON_POISON_MOST_US);
    now_us += us;
    last_us = us;
  }
  moon_poison_drop(p, NAME("mute")); /* it was lost datagrams after all */
  moon_poison_add(&p, NAME("mute"), MOON_E_TIMEOUT, now_us);
  assert_int_equal(moon_poison_rule(p, NAME("mute"), now_us + MOON_POISON_US), MOON_POISON_ALONE);
  moon_mem_free(p);
}

static void the_oldest_makes_place(void **state) {
  struct moon_poisons *p = NULL;
  const char *names[] = {"b", "a", "c", "d"};
  (void)state;
  for (unsigned i = 0; i < MOON_POISONS_MAX; i++) { moon_poison_add(&p, NAME(names[i]), MOON_E_GEN_ERR, 100 + (i ^ 1)); }
  moon_poison_add(&p, NAME("e"), MOON_E_GEN_ERR, 200);
  assert_int_equal(p->n, MOON_POISONS_MAX);
  assert_int_equal(moon_poison_rule(p, NAME("a"), 200), MOON_POISON_NONE);
  assert_int_equal(moon_poison_rule(p, NAME("b"), 200), MOON_POISON_ALONE);
  assert_int_equal(moon_poison_rule(p, NAME("e"), 200), MOON_POISON_ALONE);
  moon_mem_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(none_is_known_at_first),
    cmocka_unit_test(errors_are_asked_alone_and_silence_is_left_out_for_a_while),
    cmocka_unit_test(silence_after_silence_is_left_out_for_ever_longer),
    cmocka_unit_test(the_oldest_makes_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
