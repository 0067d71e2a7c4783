/* Places for habits: found again by who comes next, given away again, never lost among those that collide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bind/task/habits.h"

#define N 100

static struct moon_habit_place at[N];

static void set_up(struct moon_habits *s) {
  memset(at, 0, sizeof at);
  assert_int_equal(moon_habits_init(s, at, N), MOON_OK);
}

static void who_comes_next_finds_them(void **state) {
  struct moon_habits s;
  (void)state;
  set_up(&s);
  for (uint64_t k = 1; k <= 50; k++) { moon_habits_claim(&s, k << 32)->runs = (uint8_t)k; }
  moon_habits_fini(&s);
  assert_int_equal(moon_habits_init(&s, at, N), MOON_OK);
  for (uint64_t k = 2; k <= 50; k++) { assert_int_equal(moon_habits_claim(&s, k << 32)->runs, k); }
  moon_habits_keep_claimed(&s);
  assert_int_equal(moon_habits_claim(&s, UINT64_C(1) << 32)->runs, 0); /* nobody had claimed it */
  assert_int_equal(moon_habits_claim(&s, UINT64_C(50) << 32)->runs, 50);
  moon_habits_fini(&s);
}

static void full(void **state) {
  struct moon_habits s;
  (void)state;
  set_up(&s);
  for (uint64_t k = 1; k <= N; k++) { assert_non_null(moon_habits_claim(&s, k)); }
  assert_null(moon_habits_claim(&s, 1000));
  assert_non_null(moon_habits_claim(&s, 7));
  moon_habits_drop(&s, 7);
  moon_habits_drop(&s, 7);
  moon_habits_drop(&s, 2000);
  assert_non_null(moon_habits_claim(&s, 1000));
  assert_null(moon_habits_claim(&s, 7));
  moon_habits_fini(&s);
}

/* Against a plain array. */
static void as_many_come_and_go(void **state) {
  struct moon_habits s;
  static struct moon_habit *have[3 * N];
  uint64_t seed = 88172645463325252;
  uint32_t n = 0;
  (void)state;
  set_up(&s);
  for (int turn = 0; turn < 200000; turn++) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    uint32_t k = (uint32_t)(seed % (3 * N));
    uint64_t key = k * UINT64_C(0x100000001); /* many share a home */
    if (have[k] && seed >> 62) {
      assert_ptr_equal(moon_habits_claim(&s, key), have[k]);
    } else if (have[k]) {
      moon_habits_drop(&s, key);
      have[k] = NULL;
      n--;
    } else {
      have[k] = moon_habits_claim(&s, key);
      assert_int_equal(have[k] != NULL, n < N);
      n += have[k] != NULL;
    }
  }
  moon_habits_fini(&s);
}

static void none_are_kept(void **state) {
  struct moon_habits s;
  (void)state;
  assert_int_equal(moon_habits_init(&s, NULL, 0), MOON_OK);
  assert_null(moon_habits_claim(&s, 1));
  moon_habits_drop(&s, 1);
  moon_habits_keep_claimed(&s);
  moon_habits_fini(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(who_comes_next_finds_them), cmocka_unit_test(full), cmocka_unit_test(as_many_come_and_go),
                                     cmocka_unit_test(none_are_kept)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
