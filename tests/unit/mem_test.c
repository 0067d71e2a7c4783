/* The door to the heap: overflow, zeroing, replacement, and that the helper which fails allocations does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failmem.h"

static void plain(void **state) {
  uint8_t *p = moon_mem_alloc(100), *q;
  size_t i;
  (void)state;
  assert_non_null(p);
  memset(p, 7, 100);
  q = moon_mem_resize(p, 1000, 3);
  assert_non_null(q);
  for (i = 0; i < 100; i++) { assert_int_equal(q[i], 7); }
  moon_mem_free(q);
  moon_mem_free(NULL);
  p = moon_mem_alloc(0);
  assert_non_null(p); /* NULL always means: no memory */
  p = moon_mem_resize(p, 0, 8);
  assert_non_null(p);
  moon_mem_free(p);
}

static void zeroed(void **state) {
  uint8_t *p, *q;
  size_t i;
  (void)state;
  p = moon_mem_zalloc(333);
  q = moon_mem_array(9, 37);
  assert_non_null(p);
  assert_non_null(q);
  for (i = 0; i < 333; i++) { assert_int_equal(p[i] | q[i], 0); }
  moon_mem_free(p);
  moon_mem_free(q);
}

static void overflow(void **state) {
  uint8_t *p = moon_mem_alloc(8);
  (void)state;
  assert_non_null(p);
  memset(p, 3, 8);
  assert_null(moon_mem_array(SIZE_MAX / 2, 3));
  assert_null(moon_mem_array(3, SIZE_MAX / 2));
  assert_null(moon_mem_resize(p, SIZE_MAX / 8, 9));
  assert_int_equal(p[7], 3);
  moon_mem_free(p);
}

static void wipe(void **state) {
  uint8_t secret[32];
  size_t i;
  (void)state;
  memset(secret, 0xaa, sizeof secret);
  moon_mem_wipe(secret, 31);
  for (i = 0; i < 31; i++) { assert_int_equal(secret[i], 0); }
  assert_int_equal(secret[31], 0xaa);
  moon_mem_wipe(NULL, 0);
}

static int install(void **state) {
  (void)state;
  failmem_install();
  return 0;
}

static int uninstall(void **state) {
  (void)state;
  failmem_disarm();
  moon_mem_set(NULL);
  return 0;
}

static void the_nth_fails(void **state) {
  void *a, *b, *c;
  size_t before = failmem_alive();
  (void)state;
  failmem_arm(2);
  a = moon_mem_alloc(1);
  assert_non_null(a);
  assert_false(failmem_fired());
  assert_null(moon_mem_zalloc(1));
  assert_true(failmem_fired());
  b = moon_mem_array(2, 2);
  assert_non_null(b);
  assert_int_equal(failmem_alive(), before + 2);
  failmem_arm(1);
  assert_null(moon_mem_resize(b, 100, 1)); /* b is untouched */
  c = moon_mem_resize(b, 100, 1);
  assert_non_null(c);
  assert_int_equal(failmem_alive(), before + 2);
  moon_mem_free(a);
  moon_mem_free(c);
  assert_int_equal(failmem_alive(), before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(plain),
    cmocka_unit_test(zeroed),
    cmocka_unit_test(overflow),
    cmocka_unit_test(wipe),
    cmocka_unit_test_setup_teardown(the_nth_fails, install, uninstall),
    cmocka_unit_test_setup_teardown(zeroed, install, uninstall),
    cmocka_unit_test_setup_teardown(plain, install, uninstall),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
