/* Slots, tickets and the ring of tries: what is known of an id at every time of its life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failmem.h"
#include "../../core/engine/flight.h"

static const struct moon_request request = { .kind = MOON_KIND_BULK };
static struct moon_flight f;

static int begin(void **state) {
  (void)state;
  return moon_flight_init(&f, 200000, 99) != MOON_OK;
}
static int end(void **state) {
  (void)state;
  moon_flight_fini(&f);
  return 0;
}

static struct moon_slot *take(void) {
  struct moon_slot *s = moon_flight_take(&f);
  assert_non_null(s);
  moon_list_init(&s->node);
  s->latest = MOON_TRY_NONE;
  s->state = MOON_SLOT_FLYING;
  s->x.request = &request;
  return s;
}

static uint32_t send(struct moon_slot *s, uint64_t now_us) {
  uint32_t counter, id;
  assert_true(moon_flight_id(&f, &counter, &id));
  moon_flight_sent(&f, s, counter, 3, now_us);
  return id;
}

static enum moon_find find(uint32_t id) {
  struct moon_try *t;
  struct moon_slot *s;
  return moon_flight_find(&f, moon_flight_counter(&f, id), &t, &s);
}

static void life(void **state) {
  struct moon_slot *s = take(), *found = NULL;
  struct moon_try *t = NULL;
  (void)state;
  uint32_t one = send(s, 1000), two = send(s, 2000);
  assert_int_not_equal(one, two);
  assert_int_equal(moon_flight_find(&f, moon_flight_counter(&f, one), &t, &found), MOON_FIND_LIVE);
  assert_ptr_equal(found, s);
  assert_int_equal(t->sent_us, 1000);
  assert_int_equal(t->kind, MOON_KIND_BULK);
  assert_int_equal(t->peer, 3);
  assert_int_equal(moon_flight_find(&f, moon_flight_counter(&f, two), &t, &found), MOON_FIND_LIVE);
  assert_int_equal(t->sent_us, 2000);
  assert_int_equal(f.live, 2);
  moon_flight_put(&f, s, true);
  assert_int_equal(find(one), MOON_FIND_DUPLICATE);
  assert_int_equal(find(two), MOON_FIND_DUPLICATE);
  assert_int_equal(f.live, 0);
  s = take();
  one = send(s, 3000);
  moon_flight_put(&f, s, false);
  assert_int_equal(find(one), MOON_FIND_LATE);
}

static void never_given_out(void **state) {
  struct moon_ids ids;
  (void)state;
  moon_ids_init(&ids, 99);
  assert_int_equal(find(0), MOON_FIND_UNKNOWN);
  assert_int_equal(find(0xffffffff), MOON_FIND_UNKNOWN);
  assert_int_equal(find(moon_ids_from_counter(&ids, 0)), MOON_FIND_UNKNOWN);
  struct moon_slot *s = take();
  uint32_t id = send(s, 1);
  assert_int_equal(id, moon_ids_from_counter(&ids, 0));
  assert_int_equal(find(id), MOON_FIND_LIVE);
  assert_int_equal(find(moon_ids_from_counter(&ids, 1)), MOON_FIND_UNKNOWN);
}

/* A request that stays while the ring goes round many times keeps its entry; what is over is forgotten, and late. */
static void a_long_life(void **state) {
  struct moon_slot *keep = take();
  (void)state;
  uint32_t kept = send(keep, 1), other = 0, first = 0;
  for (uint32_t i = 0; i < 3 * MOON_RING_MIN; i++) {
    struct moon_slot *s = take();
    other = send(s, 2);
    if (!first) { first = other; }
    moon_flight_put(&f, s, true);
    assert_int_not_equal(other, kept);
  }
  assert_int_equal(find(kept), MOON_FIND_LIVE);
  assert_int_equal(find(other), MOON_FIND_DUPLICATE);
  assert_int_equal(find(first), MOON_FIND_GONE);
  moon_flight_put(&f, keep, false);
  assert_int_equal(find(kept), MOON_FIND_LATE);
}

/* So many lives that the ring must grow: every one is still found. */
static void grows(void **state) {
  enum { N = 100000 };
  static uint32_t id[N];
  static struct moon_slot *slot[N];
  (void)state;
  for (uint32_t i = 0; i < N; i++) {
    slot[i] = take();
    id[i] = send(slot[i], i);
  }
  assert_true(f.mask > MOON_RING_MIN);
  for (uint32_t i = 0; i < N; i++) {
    struct moon_try *t = NULL;
    struct moon_slot *s = NULL;
    assert_int_equal(moon_flight_find(&f, moon_flight_counter(&f, id[i]), &t, &s), MOON_FIND_LIVE);
    assert_ptr_equal(s, slot[i]);
    assert_int_equal(t->sent_us, i);
  }
  for (uint32_t i = 0; i < N; i++) { moon_flight_put(&f, slot[i], i % 2); }
  assert_int_equal(f.live, 0);
  for (uint32_t i = 0; i < N; i++) { assert_int_equal(find(id[i]), i % 2 ? MOON_FIND_DUPLICATE : MOON_FIND_LATE); }
}

/* The counter starts over: ids repeat, but not those of requests that live. */
static void wraps(void **state) {
  (void)state;
  f.next = MOON_ID_N - 2;
  struct moon_slot *s[4];
  uint32_t id[4];
  for (int i = 0; i < 4; i++) {
    s[i] = take();
    id[i] = send(s[i], 5);
  }
  assert_true(f.wrapped);
  assert_int_equal(f.next, 2);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(find(id[i]), MOON_FIND_LIVE);
    for (int k = 0; k < i; k++) { assert_int_not_equal(id[i], id[k]); }
  }
}

static void tickets(void **state) {
  struct moon_slot *s = take();
  (void)state;
  struct moon_ticket t = { s->index, s->generation }, never = { 0, 0 }, wild = { 123456789, 1 };
  assert_ptr_equal(moon_flight_slot(&f, t), s);
  assert_null(moon_flight_slot(&f, never));
  assert_null(moon_flight_slot(&f, wild));
  moon_flight_put(&f, s, false);
  assert_null(moon_flight_slot(&f, t));
  assert_ptr_equal(take(), s); /* the slot lives again, the ticket does not */
  assert_null(moon_flight_slot(&f, t));
  s->generation = UINT32_MAX;
  moon_flight_put(&f, s, false);
  assert_int_not_equal(s->generation, 0);
}

static void limit(void **state) {
  struct moon_flight small;
  (void)state;
  assert_int_equal(moon_flight_init(&small, 2 * MOON_SLOT_CHUNK, 1), MOON_OK);
  for (uint32_t i = 0; i < 2 * MOON_SLOT_CHUNK; i++) { assert_non_null(moon_flight_take(&small)); }
  assert_null(moon_flight_take(&small));
  moon_flight_fini(&small);
}

static void no_memory(void **state) {
  struct moon_flight small;
  (void)state;
  for (unsigned n = 1;; n++) {
    size_t alive = failmem_alive();
    failmem_arm(n);
    enum moon_err err = moon_flight_init(&small, 1000, 1);
    bool fired = failmem_fired();
    failmem_disarm();
    if (!fired) {
      failmem_arm(1);
      assert_null(moon_flight_take(&small));
      failmem_disarm();
      assert_non_null(moon_flight_take(&small));
      moon_flight_fini(&small);
      break;
    }
    assert_int_equal(err, MOON_E_NOMEM);
    assert_int_equal(failmem_alive(), alive);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(life, begin, end),        cmocka_unit_test_setup_teardown(never_given_out, begin, end),
    cmocka_unit_test_setup_teardown(a_long_life, begin, end), cmocka_unit_test_setup_teardown(grows, begin, end),
    cmocka_unit_test_setup_teardown(wraps, begin, end),       cmocka_unit_test_setup_teardown(tickets, begin, end),
    cmocka_unit_test(limit),                                  cmocka_unit_test(no_memory),
  };
  failmem_install();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
