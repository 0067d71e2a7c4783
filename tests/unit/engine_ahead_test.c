/* Looking ahead: of many answers, of requests that live, in order; else not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "world.h"

#define MANY 40u

static struct world w;
static uint64_t now_us;
static unsigned steps[MANY][2];
static bool cancelled[MANY];
static uint32_t most; /* times that a step is taken for one request */

static uint64_t clock_us(void *arg) {
  (void)arg;
  return now_us;
}

static void ahead(moon_done *done, void *arg, unsigned step) {
  struct asked *q = arg;
  ptrdiff_t i = q - w.asked;
  assert_ptr_equal(done, world_done);
  assert_in_range(i, 0, MANY - 1);
  assert_int_equal(q->dones, 0);
  assert_false(cancelled[i]);
  assert_in_range(step, 0, 1);
  assert_true(steps[i][step] < most);
  assert_true(step == 0 || steps[i][0]);
  steps[i][step]++;
}

/* n requests to one agent, all answered at once, with so many datagrams of nonsense before each answer and so many copies of it. */
static void ask(uint32_t n, uint32_t garbage, uint32_t copies, void (*then)(struct asked *q, const struct moon_outcome *o)) {
  memset(&w, 0, sizeof w);
  memset(steps, 0, sizeof steps);
  memset(cancelled, 0, sizeof cancelled);
  now_us = 1000000;
  most = copies;
  moon_policy_init(&w.policy);
  w.policy.window = MANY;
  moon_engine_config_init(&w.config);
  w.config.ahead = ahead;
  w.config.clock_us = clock_us;
  memcpy(w.credential.community, "public", 6);
  w.credential.community_len = 6;
  w.credential.version = MOON_V2C;
  assert_int_equal(moon_engine_new(&w.config, NULL, NULL, &w.e), MOON_OK);
  struct moon_addr addr = {.port = 0};
  int fd = world_socket("127.0.0.1", &addr);
  struct agent a = {.w = &w, .fd = fd, .answer_fd = fd, .addr = addr, .garbage = garbage, .copies = copies};
  struct moon_peer *p = world_peer(&w, &a);
  for (uint32_t i = 0; i < n; i++) { world_ask(&w, p)->then = then; }
  w.in_turn = true;
  moon_engine_turn(w.e);
  agent_ready(&a, fd);
  assert_int_equal(a.answers, n * copies);
  now_us += 1000;
  moon_engine_turn(w.e);
  w.in_turn = false;
  close(fd);
}

static void over(uint32_t n) {
  for (uint32_t i = 0; i < n; i++) { assert_int_equal(w.asked[i].dones, !cancelled[i]); }
  moon_engine_free(w.e);
}

static void of_many(void **state) {
  (void)state;
  ask(MANY, 0, 1, NULL);
  for (uint32_t i = 0; i < MANY; i++) { assert_int_equal(steps[i][1], 1); }
  over(MANY);
}

static void in_bad_company(void **state) {
  (void)state;
  ask(MANY, 1, 2, NULL);
  const struct moon_counters *c = moon_engine_counters(w.e);
  assert_int_equal(c->matched, MANY);
  assert_int_equal(c->malformed, MANY);
  assert_int_equal(c->duplicate, MANY);
  for (uint32_t i = 0; i < MANY; i++) { assert_in_range(steps[i][1], 1, 2); }
  over(MANY);
}

static void not_for_a_few(void **state) {
  (void)state;
  ask(4, 0, 1, NULL);
  for (uint32_t i = 0; i < 4; i++) { assert_int_equal(steps[i][0], 0); }
  over(4);
}

static void cancel_the_rest(struct asked *q, const struct moon_outcome *o) {
  (void)o;
  if (q != &w.asked[MANY / 2]) { return; }
  for (uint32_t i = MANY / 2 + 1; i < MANY; i++) {
    moon_engine_cancel(w.e, w.asked[i].ticket);
    cancelled[i] = true;
  }
}

static void not_for_those_that_are_over(void **state) {
  (void)state;
  ask(MANY, 0, 1, cancel_the_rest);
  assert_int_equal(steps[MANY / 2][1], 1);
  assert_int_equal(steps[MANY - 1][0], 0);
  over(MANY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(of_many),
    cmocka_unit_test(in_bad_company),
    cmocka_unit_test(not_for_a_few),
    cmocka_unit_test(not_for_those_that_are_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
