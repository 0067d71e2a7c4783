/* The two loops behind the table of I/O functions: the same behaviour from both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <unistd.h>

#include "failmem.h"
#include "../../core/engine/engine.h"

static const char *backend;
static struct moon_loop *loop;
static const struct moon_io *io;
static int a[2], b[2];
static unsigned turns, reads, limit;
static char order[64];
static size_t n_order;

static uint64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void note(char c) {
  if (n_order < sizeof order - 1) { order[n_order++] = c; }
}

static void turn(void *arg) {
  (void)arg;
  note('t');
  if (++turns >= limit) { moon_loop_stop(loop); }
}

static void readable(void *arg, int fd) {
  char c;
  if (read(fd, &c, 1) == 1) { reads++; }
  note(*(const char *)arg);
}

static int begin(void **state) {
  (void)state;
  loop = moon_loop_new(backend);
  if (!loop || pipe(a) || pipe(b)) { return -1; }
  io = moon_loop_io(loop);
  moon_loop_on_turn(loop, turn, NULL);
  turns = reads = 0;
  limit = 1;
  n_order = 0;
  memset(order, 0, sizeof order);
  return 0;
}
static int end(void **state) {
  (void)state;
  moon_loop_free(loop);
  close(a[0]);
  close(a[1]);
  close(b[0]);
  close(b[1]);
  return 0;
}

static void put(int fd) { assert_int_equal(write(fd, "x", 1), 1); }

/* ready of everything, then one turn. */
static void ready_then_turn(void **state) {
  (void)state;
  assert_int_equal(io->watch(loop, a[0], readable, "a"), MOON_OK);
  assert_int_equal(io->watch(loop, b[0], readable, "b"), MOON_OK);
  put(a[1]);
  put(b[1]);
  moon_loop_run(loop);
  assert_int_equal(reads, 2);
  assert_int_equal(turns, 1);
  assert_true(strcmp(order, "abt") == 0 || strcmp(order, "bat") == 0);
}

static void wakes(void **state) {
  (void)state;
  uint64_t start = clock_us();
  io->wake(loop, start + 30000);
  moon_loop_run(loop);
  assert_in_range(clock_us() - start, 29000, 500000);
  io->wake(loop, 0); /* the past: at once */
  start = clock_us();
  moon_loop_run(loop);
  assert_true(clock_us() - start < 200000);
}

/* What was said last counts; earlier than that is harmless, later is not. */
static void wake_replaces(void **state) {
  (void)state;
  uint64_t start = clock_us();
  io->wake(loop, start + 60000000);
  io->wake(loop, start + 20000);
  moon_loop_run(loop);
  assert_in_range(clock_us() - start, 19000, 500000);
  start = clock_us();
  io->wake(loop, start + 20000);
  io->wake(loop, UINT64_MAX);
  assert_int_equal(io->watch(loop, a[0], readable, "a"), MOON_OK);
  put(a[1]);
  moon_loop_run(loop);
  assert_int_equal(reads, 1);
}

/* Each wake is for one time. */
static void wake_is_once(void **state) {
  (void)state;
  io->wake(loop, clock_us() + 1000);
  moon_loop_run(loop);
  limit = turns + 1;
  uint64_t start = clock_us();
  io->wake(loop, start + 40000);
  moon_loop_run(loop);
  assert_true(clock_us() - start > 39000);
}

static void unwatch(void **state) {
  (void)state;
  assert_int_equal(io->watch(loop, a[0], readable, "a"), MOON_OK);
  assert_int_equal(io->watch(loop, b[0], readable, "b"), MOON_OK);
  io->unwatch(loop, a[0]);
  io->unwatch(loop, a[0]);
  io->unwatch(loop, 5000);
  put(a[1]);
  put(b[1]);
  moon_loop_run(loop);
  assert_string_equal(order, "bt");
  limit = turns + 1;
  assert_int_equal(io->watch(loop, a[0], readable, "A"), MOON_OK); /* again, as somebody else */
  moon_loop_run(loop);
  assert_string_equal(order, "btAt");
}

static void unwatch_other(void *arg, int fd) {
  readable(arg, fd);
  io->unwatch(loop, fd == a[0] ? b[0] : a[0]);
}
/* Both are readable; the first to run takes the other out: it is not called any more. */
static void unwatch_from_inside(void **state) {
  (void)state;
  assert_int_equal(io->watch(loop, a[0], unwatch_other, "a"), MOON_OK);
  assert_int_equal(io->watch(loop, b[0], unwatch_other, "b"), MOON_OK);
  put(a[1]);
  put(b[1]);
  moon_loop_run(loop);
  assert_int_equal(reads, 1);
  assert_int_equal(n_order, 2);
}

static void watch_replaces(void **state) {
  (void)state;
  assert_int_equal(io->watch(loop, a[0], readable, "a"), MOON_OK);
  assert_int_equal(io->watch(loop, a[0], readable, "z"), MOON_OK);
  put(a[1]);
  moon_loop_run(loop);
  assert_string_equal(order, "zt");
}

static uint64_t loop_us(void) { return strcmp(backend, "virtual") ? clock_us() : moon_loop_virtual_us(loop); }

/* One of those that share the loop: it says in each turn when it wants the next. */
struct sharer {
  uint64_t at_us;
  unsigned turns;
  bool ends;
};
static void sharer_turn(void *arg) {
  struct sharer *s = arg;
  s->turns++;
  if (s->ends && loop_us() >= s->at_us) {
    moon_loop_stop(loop);
  } else {
    io->wake(loop, s->at_us);
  }
}

/* Who wants its turn soon has it, whoever speaks last. */
static void two_turns(void **state) {
  (void)state;
  moon_loop_on_turn(loop, NULL, NULL);
  for (int i = 0; i < 2; i++) {
    uint64_t start = loop_us();
    struct sharer soon = {.at_us = start + 30000, .ends = true}, late = {.at_us = start + 5000000};
    assert_int_equal(moon_loop_on_turn(loop, sharer_turn, i ? &soon : &late), MOON_OK);
    assert_int_equal(moon_loop_on_turn(loop, sharer_turn, i ? &late : &soon), MOON_OK);
    io->wake(loop, 0);
    moon_loop_run(loop);
    assert_in_range(loop_us() - start, 30000, 4500000);
    assert_true(soon.turns >= 1 && late.turns >= 1);
    unsigned turns_late = late.turns;
    assert_int_equal(moon_loop_on_turn(loop, NULL, &late), MOON_OK);
    assert_int_equal(moon_loop_on_turn(loop, NULL, &late), MOON_OK);
    io->wake(loop, 0);
    moon_loop_run(loop);
    assert_int_equal(late.turns, turns_late);
    moon_loop_on_turn(loop, NULL, &soon);
  }
}

static void as_many_turns_as_there_may_be(void **state) {
  struct sharer all[MOON_LOOP_TURNS_MAX + 1] = {{0}};
  (void)state;
  moon_loop_on_turn(loop, NULL, NULL);
  for (size_t i = 0; i < MOON_LOOP_TURNS_MAX; i++) { assert_int_equal(moon_loop_on_turn(loop, sharer_turn, &all[i]), MOON_OK); }
  assert_int_equal(moon_loop_on_turn(loop, sharer_turn, &all[MOON_LOOP_TURNS_MAX]), MOON_E_LIMIT);
  assert_int_equal(moon_loop_on_turn(loop, sharer_turn, &all[3]), MOON_OK); /* the same one again */
  all[0].ends = true;
  io->wake(loop, 0);
  moon_loop_run(loop);
  for (size_t i = 0; i < MOON_LOOP_TURNS_MAX; i++) { assert_int_equal(all[i].turns, 1); }
  assert_int_equal(all[MOON_LOOP_TURNS_MAX].turns, 0);
}

static unsigned n_fired;
static void on_timer(void *last) {
  n_fired++;
  if (last) { moon_loop_stop(loop); }
}
static void engine_turn(void *arg) { moon_engine_turn(arg); }

/* Timers of both go off, each in its time. */
static void two_engines(void **state) {
  struct moon_engine_config config;
  struct moon_engine *e[2];
  struct moon_timer timer[4];
  (void)state;
  moon_loop_on_turn(loop, NULL, NULL);
  moon_engine_config_init(&config);
  if (strcmp(backend, "virtual") == 0) {
    config.clock_us = moon_loop_virtual_us;
    config.clock_arg = loop;
  }
  for (int i = 0; i < 2; i++) {
    assert_int_equal(moon_engine_new(&config, io, loop, &e[i]), MOON_OK);
    assert_int_equal(moon_loop_on_turn(loop, engine_turn, e[i]), MOON_OK);
  }
  uint64_t start = loop_us();
  n_fired = 0;
  for (unsigned i = 0; i < 4; i++) {
    moon_timer_init(&timer[i], on_timer, i == 3 ? loop : NULL);
    moon_timer_start(e[i % 2], &timer[i], start + 20000 + 50000 * i);
  }
  moon_engine_kick(e[0]);
  moon_engine_kick(e[1]);
  moon_loop_run(loop);
  assert_int_equal(n_fired, 4);
  assert_true(loop_us() - start >= 170000);
  for (int i = 0; i < 2; i++) {
    moon_loop_on_turn(loop, NULL, e[i]);
    moon_engine_free(e[i]);
  }
}

/* Time is what was last waited for; nothing takes any. Without anything to wait for it ends. */
static void virtual_time(void **state) {
  (void)state;
  assert_int_equal(moon_loop_virtual_us(loop), MOON_VIRTUAL_BEGIN_US);
  uint64_t start = clock_us();
  io->wake(loop, MOON_VIRTUAL_BEGIN_US + 3600000000u);
  moon_loop_run(loop);
  assert_int_equal(turns, 1);
  assert_int_equal(moon_loop_virtual_us(loop), MOON_VIRTUAL_BEGIN_US + 3600000000u);
  limit = 2;
  io->wake(loop, MOON_VIRTUAL_BEGIN_US); /* the past: at once, and time stays */
  moon_loop_run(loop);
  assert_int_equal(turns, 2);
  assert_int_equal(moon_loop_virtual_us(loop), MOON_VIRTUAL_BEGIN_US + 3600000000u);
  limit = 10;
  moon_loop_run(loop);
  assert_int_equal(turns, 2);
  assert_true(clock_us() - start < 5000000);
}

static void unknown_backend(void **state) {
  (void)state;
  assert_null(moon_loop_new("select"));
  struct moon_loop *l = moon_loop_new(NULL);
  assert_non_null(l);
  moon_loop_free(l);
  moon_loop_free(NULL);
}

static void no_memory(void **state) {
  (void)state;
  size_t alive = failmem_alive();
  for (unsigned n = 1;; n++) {
    failmem_arm(n);
    struct moon_loop *l = moon_loop_new(backend);
    enum moon_err err = l ? moon_loop_io(l)->watch(l, a[0], readable, "a") : MOON_E_NOMEM;
    bool fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(err, fired ? MOON_E_NOMEM : MOON_OK);
    moon_loop_free(l);
    assert_int_equal(failmem_alive(), alive);
    if (!fired) { break; }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(ready_then_turn, begin, end),     cmocka_unit_test_setup_teardown(wakes, begin, end),
    cmocka_unit_test_setup_teardown(wake_replaces, begin, end),       cmocka_unit_test_setup_teardown(wake_is_once, begin, end),
    cmocka_unit_test_setup_teardown(unwatch, begin, end),             cmocka_unit_test_setup_teardown(unwatch_from_inside, begin, end),
    cmocka_unit_test_setup_teardown(watch_replaces, begin, end),      cmocka_unit_test_setup_teardown(unknown_backend, begin, end),
    cmocka_unit_test_setup_teardown(no_memory, begin, end),           cmocka_unit_test_setup_teardown(two_turns, begin, end),
    cmocka_unit_test_setup_teardown(as_many_turns_as_there_may_be, begin, end),
    cmocka_unit_test_setup_teardown(two_engines, begin, end),
  };
  const struct CMUnitTest virtual_tests[] = {
    cmocka_unit_test_setup_teardown(ready_then_turn, begin, end), cmocka_unit_test_setup_teardown(virtual_time, begin, end),
    cmocka_unit_test_setup_teardown(unwatch, begin, end),         cmocka_unit_test_setup_teardown(unwatch_from_inside, begin, end),
    cmocka_unit_test_setup_teardown(watch_replaces, begin, end),  cmocka_unit_test_setup_teardown(no_memory, begin, end),
    cmocka_unit_test_setup_teardown(two_turns, begin, end),       cmocka_unit_test_setup_teardown(as_many_turns_as_there_may_be, begin, end),
    cmocka_unit_test_setup_teardown(two_engines, begin, end),
  };
  int failed = 0;
  failmem_install();
  backend = "epoll";
  failed += cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
  backend = "libev";
  failed += cmocka_run_group_tests_name("libev", tests, NULL, NULL);
  backend = "virtual";
  failed += cmocka_run_group_tests_name("virtual", virtual_tests, NULL, NULL);
  return failed;
}
