/* Small blocks by owner and size: core/bind/task/pages.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bind/task/pages.h"

static size_t octets, pieces; /* of the stock, in use */
static bool refused;

static void *stock(void *arg, void *p, size_t old_n, size_t n) {
  (void)arg;
  if (!n) {
    octets -= old_n;
    pieces--;
    free(p);
    return NULL;
  }
  assert_null(p);
  if (refused) { return NULL; }
  octets += n;
  pieces++;
  return malloc(n);
}

static void begin(struct moon_pages *s) {
  refused = false;
  octets = pieces = 0;
  moon_pages_init(s, stock, NULL);
}

static void end(struct moon_pages *s) {
  moon_pages_fini(s);
  assert_int_equal(octets, 0);
  assert_int_equal(pieces, 0);
}

static uint32_t random_state;
static uint32_t random_of(uint32_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (random_state >> 8) % n;
}

#define BLOCKS 20000
static struct { uint8_t *p; size_t n; uint8_t owner; } blocks[BLOCKS];

static void give_back(struct moon_pages *s, struct moon_pages_owner *owners, uint32_t i) {
  uint8_t *p = blocks[i].p;
  for (size_t k = 0; k < blocks[i].n; k++) { assert_int_equal(p[k], (uint8_t)(i + k)); }
  assert_ptr_equal(moon_pages_owner(p), &owners[blocks[i].owner]);
  moon_pages_put(s, p);
  blocks[i].p = NULL;
}

/* Nobody's octets are another's, whatever comes and goes. */
static void blocks_are_apart(void **state) {
  (void)state;
  struct moon_pages s;
  static struct moon_pages_owner owners[3];
  begin(&s);
  random_state = 7;
  for (uint32_t round = 0; round < 300000; round++) {
    uint32_t i = random_of(BLOCKS);
    if (blocks[i].p) {
      give_back(&s, owners, i);
      continue;
    }
    size_t n = 1 + random_of(round % 3 ? 64 : MOON_PAGE_BLOCK_MAX);
    blocks[i].n = n;
    blocks[i].owner = (uint8_t)random_of(3);
    blocks[i].p = moon_pages_take(&s, &owners[blocks[i].owner], n);
    assert_non_null(blocks[i].p);
    assert_int_equal((uintptr_t)blocks[i].p % 8, 0);
    assert_true(moon_pages_size(blocks[i].p) >= n && moon_pages_size(blocks[i].p) < n + 8);
    for (size_t k = 0; k < n; k++) { blocks[i].p[k] = (uint8_t)(i + k); }
  }
  assert_true(pieces > 2);
  for (uint32_t i = 0; i < BLOCKS; i++) {
    if (blocks[i].p) { give_back(&s, owners, i); }
  }
  assert_int_equal(s.n_used, 0);
  assert_true(pieces >= 1 && pieces <= 2); /* the rest was given back */
  for (size_t i = 0; i < sizeof owners; i++) { assert_int_equal(((uint8_t *)owners)[i], 0); }
  end(&s);
}

/* What one size left is there for another, of another owner. */
static void pages_change_hands(void **state) {
  (void)state;
  struct moon_pages s;
  struct moon_pages_owner a = {0}, b = {0};
  begin(&s);
  for (uint32_t round = 0; round < 200; round++) {
    size_t n = 8 + round % 60 * 8;
    struct moon_pages_owner *o = round % 2 ? &a : &b;
    for (uint32_t i = 0; i < 500; i++) {
      blocks[i].p = moon_pages_take(&s, o, n);
      assert_non_null(blocks[i].p);
      memset(blocks[i].p, 1, n);
    }
    assert_true(s.n_used * (size_t)MOON_PAGE_OCTETS < 500 * n + 2 * MOON_PAGE_OCTETS + 500 * n / 16); /* little beside the blocks */
    for (uint32_t i = 0; i < 500; i++) { moon_pages_put(&s, blocks[i].p); }
    assert_int_equal(s.n_used, 0);
  }
  assert_int_equal(pieces, 1);
  end(&s);
}

static void without_memory(void **state) {
  (void)state;
  struct moon_pages s;
  struct moon_pages_owner o = {0};
  begin(&s);
  refused = true;
  assert_null(moon_pages_take(&s, &o, 100));
  refused = false;
  void *first = moon_pages_take(&s, &o, 100);
  assert_non_null(first);
  refused = true;
  uint32_t n = 0;
  void *last = NULL;
  for (void *p; (p = moon_pages_take(&s, &o, 100)); n++) { last = p; }
  assert_true(n > 4000 && pieces == 1);
  assert_null(moon_pages_take(&s, &o, 8));
  moon_pages_put(&s, last);
  assert_ptr_equal(moon_pages_take(&s, &o, 97), last);
  refused = false;
  assert_non_null(moon_pages_take(&s, &o, 8));
  end(&s); /* what is in use goes too */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(blocks_are_apart), cmocka_unit_test(pages_change_hands), cmocka_unit_test(without_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
