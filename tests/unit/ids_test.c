/* Ids: in range, four octets, a bijection with its inverse, different under different keys, not predictable by looking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/engine/ids.h"

static void inverse(void **state) {
  struct moon_ids ids;
  (void)state;
  for (uint64_t seed = 1; seed <= 5; seed++) {
    moon_ids_init(&ids, seed * 0x123456789u);
    for (uint32_t i = 0; i < 200000; i++) {
      uint32_t counter = i < 1000 ? i : i < 2000 ? MOON_ID_N - 1 - (i - 1000) : (uint32_t)(i * 2654435761u) % MOON_ID_N, back;
      uint32_t id = moon_ids_from_counter(&ids, counter);
      assert_in_range(id, MOON_ID_MIN, MOON_ID_MAX);
      assert_true(moon_ids_to_counter(&ids, id, &back));
      assert_int_equal(back, counter);
    }
  }
}

/* Every id of a piece of the range comes from a counter, and no two from the same one. */
static void onto(void **state) {
  struct moon_ids ids;
  const uint32_t n = 1u << 20;
  (void)state;
  moon_ids_init(&ids, 42);
  uint8_t *seen = calloc(MOON_ID_N / 8 + 1, 1);
  assert_non_null(seen);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t counter = 0;
    assert_true(moon_ids_to_counter(&ids, MOON_ID_MAX - i, &counter));
    assert_true(counter < MOON_ID_N);
    assert_false(seen[counter / 8] >> (counter % 8) & 1);
    seen[counter / 8] = (uint8_t)(seen[counter / 8] | 1 << (counter % 8));
    assert_int_equal(moon_ids_from_counter(&ids, counter), MOON_ID_MAX - i);
  }
  free(seen);
}

static void outside(void **state) {
  struct moon_ids ids;
  uint32_t counter = 7;
  (void)state;
  moon_ids_init(&ids, 9);
  assert_false(moon_ids_to_counter(&ids, 0, &counter));
  assert_false(moon_ids_to_counter(&ids, MOON_ID_MIN - 1, &counter));
  assert_false(moon_ids_to_counter(&ids, MOON_ID_MAX + 1u, &counter));
  assert_false(moon_ids_to_counter(&ids, UINT32_MAX, &counter));
  assert_int_equal(counter, 7);
}

static void keyed(void **state) {
  struct moon_ids a, b;
  uint32_t same = 0, near = 0;
  (void)state;
  moon_ids_init(&a, 1);
  moon_ids_init(&b, 2);
  for (uint32_t i = 0; i < 10000; i++) {
    uint32_t x = moon_ids_from_counter(&a, i), y = moon_ids_from_counter(&a, i + 1);
    same += x == moon_ids_from_counter(&b, i);
    near += (x > y ? x - y : y - x) < 1000;
  }
  assert_true(same < 3);
  assert_true(near < 10); /* neighbours are strangers: by chance 0.01 */
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(inverse),
    cmocka_unit_test(onto),
    cmocka_unit_test(outside),
    cmocka_unit_test(keyed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
