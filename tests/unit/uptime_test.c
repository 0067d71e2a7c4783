/* sysUpTime that goes on, back, wraps, and is something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
/* after setjmp.h and stdarg.h */
#include <cmocka.h>

#include "../../core/session/uptime.h"

#define S 1000000u

static bool see(struct moon_uptime *u, uint32_t ticks, uint64_t at_us) {
  const uint8_t octets[] = {0, (uint8_t)(ticks >> 24), (uint8_t)(ticks >> 16), (uint8_t)(ticks >> 8), (uint8_t)ticks};
  const struct moon_cell c = {.value = octets, .value_len = sizeof octets, .type = MOON_TIME_TICKS, .received_us = at_us};
  return moon_uptime_see(u, &c);
}

static void tells_restarts(void **state) {
  (void)state;
  struct moon_uptime u = {0};
  assert_false(see(&u, 5000, S));
  assert_false(see(&u, 5100, 2 * S));
  assert_false(see(&u, 5100, 3 * S));
  assert_true(see(&u, 10, 4 * S));
  assert_false(see(&u, 110, 5 * S));
  assert_int_equal(u.ticks, 110);
}

static void wraps_are_none(void **state) {
  (void)state;
  struct moon_uptime u = {0};
  assert_false(see(&u, UINT32_MAX - 100, S));
  assert_false(see(&u, 100, 3 * S)); /* 497 days are over */
  assert_false(see(&u, UINT32_MAX - 100000, 4 * S));
  assert_false(see(&u, 100, 1000 * S)); /* nearly 17 minutes later */
  assert_false(see(&u, UINT32_MAX - 100000, 1001 * S));
  assert_true(see(&u, 100, 1002 * S)); /* too early for that */
}

static void others_are_passed_over(void **state) {
  (void)state;
  struct moon_uptime u = {0};
  const uint8_t one = 1;
  const struct moon_cell cells[] = {
    {.value = &one, .value_len = 1, .type = MOON_INTEGER, .received_us = 9 * S},
    {.value = &one, .value_len = 1, .type = MOON_TIME_TICKS, .err = MOON_E_MISSING, .received_us = 9 * S},
    {.value = &one, .value_len = 0, .type = MOON_NO_SUCH_INSTANCE, .received_us = 9 * S}};
  assert_false(see(&u, 5000, S));
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) { assert_false(moon_uptime_see(&u, &cells[i])); }
  assert_int_equal(u.ticks, 5000);
  assert_int_equal(u.at_us, S);
  assert_true(moon_uptime_is(moon_uptime_name.oid, moon_uptime_name.len));
  assert_false(moon_uptime_is(moon_uptime_name.oid, moon_uptime_name.len - 1u));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(tells_restarts), cmocka_unit_test(wraps_are_none), cmocka_unit_test(others_are_passed_over)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
