/* The engine with agents that behave: answers, windows, fairness, limits, cancelling, timers, memory. On both loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <poll.h>
#include <sys/resource.h>

#include "failmem.h"
#include "world.h"

static struct world w;

static uint64_t clock_us(void) { return world_clock_us(&w); }

static void ask_answer(const char *ip) {
  world_init(&w, NULL);
  struct agent *a = world_agent(&w, ip);
  if (!a) {
    world_fini(&w);
    skip(); /* this host has no such address: no IPv6 */
  }
  struct moon_peer *p = world_peer(&w, a);
  struct asked *q = world_ask(&w, p);
  assert_int_equal(w.c.in_flight, 1);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->dones, 1);
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 1);
  assert_int_equal(q->value, 1234);
  assert_in_range(q->rtt_us, 1, 200000);
  assert_int_equal(w.c.requests, 1);
  assert_int_equal(w.c.answered, 1);
  assert_int_equal(w.c.matched, 1);
  assert_int_equal(w.c.datagrams_out, 1);
  assert_int_equal(w.c.datagrams_in, 1);
  assert_true(w.c.octets_out > 40 && w.c.octets_in > 40);
  assert_int_equal(w.c.retries, 0);
  assert_in_range(a->ids[0], 0x01000000, 0x7fffffff);
  assert_true(moon_peer_target(p)->last_answer_us > 0);
  assert_true(moon_peer_target(p)->rtt[MOON_KIND_GET].srtt_us > 0);
  assert_int_equal(w.n_notices, 0);
  world_fini(&w);
}
static void answer4(void **state) {
  (void)state;
  ask_answer("127.0.0.1");
}
static void answer6(void **state) {
  (void)state;
  ask_answer("::1");
}

static void many(void **state) {
  char ip[32];
  (void)state;
  world_init(&w, NULL);
  for (int i = 0; i < 200; i++) {
    snprintf(ip, sizeof ip, "127.2.%d.%d", i / 50, 1 + i % 50);
    struct agent *a = world_agent(&w, i % 50 == 7 ? "::1" : ip);
    if (!a) { a = world_agent(&w, ip); }
    struct moon_peer *p = world_peer(&w, a);
    for (int k = 0; k < 20; k++) { assert_non_null(world_ask(&w, p)); }
  }
  assert_true(world_run(&w, 20));
  for (uint32_t i = 0; i < w.n_asked; i++) {
    assert_int_equal(w.asked[i].dones, 1);
    assert_int_equal(w.asked[i].err, MOON_OK);
  }
  for (uint32_t i = 0; i < w.n_agents; i++) { assert_true(w.agents[i].seen >= 20); }
  assert_int_equal(w.c.answered, 4000);
  world_fini(&w);
}

static struct moon_peer *chain_peer;
static void next_of_chain(struct asked *q, const struct moon_outcome *o) {
  (void)o;
  if (q->w->n_asked < 1000) {
    struct asked *n = world_ask(q->w, chain_peer);
    assert_non_null(n);
    n->then = next_of_chain;
  }
}
static void submit_from_done(void **state) {
  (void)state;
  world_init(&w, NULL);
  chain_peer = world_peer(&w, world_agent(&w, "127.0.0.1"));
  world_ask(&w, chain_peer)->then = next_of_chain;
  assert_true(world_run(&w, 20));
  assert_int_equal(w.c.answered, 1000);
  assert_int_equal(w.n_done, 1000);
  world_fini(&w);
}

static void window(void **state) {
  static const uint32_t windows[] = { 1, 2, 3, 7 };
  (void)state;
  for (size_t k = 0; k < 4; k++) {
    world_init(&w, NULL);
    w.policy.window = windows[k];
    struct agent *a = world_agent(&w, "127.0.0.1");
    a->delay_us = 2000;
    struct moon_peer *p = world_peer(&w, a);
    for (int i = 0; i < 50; i++) { world_ask(&w, p); }
    assert_true(world_run(&w, 10));
    assert_int_equal(w.c.answered, 50);
    assert_int_equal(a->most, windows[k]);
    for (uint32_t i = 0; i < 50; i++) { assert_int_equal(a->ids[i] == 0, 0); }
    world_fini(&w);
  }
}

static void five_in_flight(struct moon_engine_config *c) { c->max_in_flight = 5; }
static void max_in_flight(void **state) {
  (void)state;
  world_init(&w, five_in_flight);
  for (int i = 0; i < 10; i++) {
    struct agent *a = world_agent(&w, "127.0.0.1");
    a->delay_us = 2000;
    struct moon_peer *p = world_peer(&w, a);
    for (int k = 0; k < 6; k++) { world_ask(&w, p); }
  }
  assert_true(world_run(&w, 10));
  assert_int_equal(w.c.answered, 60);
  assert_int_equal(w.most_in_flight, 5);
  world_fini(&w);
}

static void one_in_flight(struct moon_engine_config *c) { c->max_in_flight = 1; }
/* A queue of 200 for one agent does not stand before the few requests for others. */
static void fair(void **state) {
  (void)state;
  world_init(&w, one_in_flight);
  struct moon_peer *greedy = world_peer(&w, world_agent(&w, "127.0.0.1"));
  for (int i = 0; i < 200; i++) { world_ask(&w, greedy); }
  for (int k = 0; k < 2; k++) {
    struct moon_peer *p = world_peer(&w, world_agent(&w, "127.0.0.1"));
    for (int i = 0; i < 5; i++) { world_ask(&w, p); }
  }
  assert_true(world_run(&w, 10));
  for (uint32_t i = 200; i < 210; i++) { assert_in_range(w.asked[i].order, 0, 20); }
  for (uint32_t i = 1; i < 200; i++) { assert_true(w.asked[i].order > w.asked[i - 1].order); }
  world_fini(&w);
}

static void small_queues(struct moon_engine_config *c) {
  c->max_waiting = 20;
  c->max_waiting_peer = 15;
}
static void queues_are_bounded(void **state) {
  struct moon_ticket t;
  (void)state;
  world_init(&w, small_queues);
  struct moon_peer *a = world_peer(&w, world_agent(&w, "127.0.0.1")), *b = world_peer(&w, world_agent(&w, "127.0.0.1"));
  for (int i = 0; i < 15; i++) { assert_non_null(world_ask(&w, a)); }
  assert_int_equal(moon_engine_submit(w.e, a, &get_uptime, 0, world_done, NULL, &t), MOON_E_BUDGET);
  for (int i = 0; i < 5; i++) { assert_non_null(world_ask(&w, b)); }
  assert_int_equal(moon_engine_submit(w.e, b, &get_uptime, 0, world_done, NULL, &t), MOON_E_BUDGET);
  assert_int_equal(w.c.requests, 20);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, 20);
  assert_non_null(world_ask(&w, a));
  assert_true(world_run(&w, 5));
  world_fini(&w);
}

static void deadlines(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.window = 1;
  w.policy.breaker_after = 1;
  w.policy.timeout_us = 10000000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->silent = true;
  struct moon_peer *p = world_peer(&w, a);
  uint64_t start = clock_us();
  struct asked *flying = world_ask_by(&w, p, start + 60000), *waiting = world_ask_by(&w, p, start + 30000);
  struct asked *past = world_ask_by(&w, p, start - 5);
  assert_true(world_run(&w, 5));
  assert_int_equal(flying->err, MOON_E_TIMEOUT);
  assert_int_equal(flying->tries, 1);
  assert_in_range(flying->at_us - start, 60000, 900000);
  assert_int_equal(waiting->err, MOON_E_TIMEOUT);
  assert_int_equal(waiting->tries, 0);
  assert_in_range(waiting->at_us - start, 30000, 900000);
  assert_true(waiting->order < flying->order);
  assert_int_equal(past->err, MOON_E_TIMEOUT);
  assert_int_equal(past->tries, 0);
  assert_int_equal(w.c.datagrams_out, 1);
  assert_int_equal(w.c.error[MOON_E_TIMEOUT], 3);
  assert_false(moon_peer_target(p)->open); /* who does not wait has not found it silent */
  world_fini(&w);
}

static bool agent_has_it(struct world *x) { return x->agents[0].seen >= 1; }
static void cancel(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.window = 1;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->delay_us = 30000;
  struct moon_peer *p = world_peer(&w, a);
  struct asked *flying = world_ask(&w, p), *waiting = world_ask(&w, p), *last = world_ask(&w, p);
  w.until = agent_has_it;
  assert_true(world_run(&w, 5));
  w.until = NULL;
  moon_engine_cancel(w.e, waiting->ticket);
  moon_engine_cancel(w.e, flying->ticket);
  moon_engine_cancel(w.e, flying->ticket); /* stale: harmless */
  moon_engine_cancel(w.e, (struct moon_ticket){ 0, 0 });
  moon_engine_cancel(w.e, (struct moon_ticket){ 4000000, 1 });
  assert_int_equal(w.c.error[MOON_E_CANCELLED], 2);
  assert_int_equal(w.c.in_flight, 1);
  assert_true(moon_counters_balanced(&w.c));
  assert_true(world_run(&w, 5)); /* its window is free again */
  assert_int_equal(last->err, MOON_OK);
  assert_int_equal(flying->dones + waiting->dones, 0);
  assert_int_equal(w.c.late, 1);
  assert_int_equal(w.c.answered, 1);
  assert_int_equal(a->seen, 2);
  world_fini(&w);
}

static void cancel_all(struct asked *q, const struct moon_outcome *o) {
  (void)o;
  for (uint32_t i = 0; i < q->w->n_asked; i++) { moon_engine_cancel(q->w->e, q->w->asked[i].ticket); }
}
static void cancel_from_done(void **state) {
  (void)state;
  world_init(&w, NULL);
  for (int k = 0; k < 20; k++) {
    struct moon_peer *p = world_peer(&w, world_agent(&w, "127.0.0.1"));
    for (int i = 0; i < 5; i++) { world_ask(&w, p)->then = cancel_all; }
  }
  assert_true(world_run(&w, 5));
  assert_int_equal(w.n_done, 1);
  assert_int_equal(w.c.error[MOON_E_CANCELLED], 99);
  world_pass(&w, 0.05);
  world_fini(&w);
}

static struct moon_peer *doomed[4];
static void free_peers(struct asked *q, const struct moon_outcome *o) {
  (void)o;
  for (int i = 0; i < 4; i++) {
    moon_peer_free(q->w->e, doomed[i]);
    doomed[i] = NULL;
  }
}
/* From inside done of one of them, with requests waiting, flying and about to fail. */
static void free_peer(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.breaker_after = 1;
  for (int k = 0; k < 4; k++) {
    struct agent *a = world_agent(&w, "127.0.0.1");
    a->delay_us = k == 0 ? 3000 : 20000;
    doomed[k] = world_peer(&w, a);
    for (int i = 0; i < 5; i++) { world_ask(&w, doomed[k])->then = free_peers; }
  }
  moon_peer_target(doomed[3])->open = true;
  moon_peer_target(doomed[3])->trial_at_us = UINT64_MAX;
  for (int i = 0; i < 5; i++) { world_ask(&w, doomed[3])->then = free_peers; } /* ready with DOWN: these come first */
  assert_true(world_run(&w, 5));
  assert_int_equal(w.n_done, 1);
  assert_int_equal(w.c.error[MOON_E_DOWN], 1);
  assert_int_equal(w.c.error[MOON_E_CANCELLED], 24);
  world_pass(&w, 0.05);
  struct agent *a = world_agent(&w, "127.0.0.1"); /* indexes are given again */
  struct asked *q = world_ask(&w, world_peer(&w, a));
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
  moon_peer_free(w.e, NULL);
  world_fini(&w);
}

/* With requests in every state, without a word. */
static void free_engine(void **state) {
  (void)state;
  world_init(&w, NULL);
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->silent = true;
  struct moon_peer *p = world_peer(&w, a);
  for (int i = 0; i < 20; i++) { world_ask(&w, p); }
  world_pass(&w, 0.02);
  world_fini(&w);
  assert_int_equal(w.n_done, 0);
}

struct tick {
  struct moon_timer t;
  uint64_t due_us, ran_us;
  unsigned runs;
};
static void ticked(void *arg) {
  struct tick *t = arg;
  t->runs++;
  t->ran_us = clock_us();
}
static void timers(void **state) {
  static struct tick t[50];
  (void)state;
  world_init(&w, NULL);
  memset(t, 0, sizeof t);
  uint64_t now = clock_us();
  for (int i = 0; i < 50; i++) {
    moon_timer_init(&t[i].t, ticked, &t[i]);
    t[i].due_us = now + (uint64_t)((i * 37) % 50) * 1700;
    moon_timer_start(w.e, &t[i].t, t[i].due_us);
  }
  moon_timer_stop(w.e, &t[7].t);
  moon_timer_start(w.e, &t[9].t, now + 2000000);
  world_pass(&w, 0.15);
  for (int i = 0; i < 50; i++) {
    assert_int_equal(t[i].runs, i != 7 && i != 9);
    if (t[i].runs) { assert_in_range(t[i].ran_us, t[i].due_us, t[i].due_us + 300000); }
  }
  moon_timer_stop(w.e, &t[9].t);
  world_fini(&w);
}

/* With nothing to do the process sleeps. */
static void sleeps(void **state) {
  struct rusage before, after;
  (void)state;
  world_init(&w, NULL);
  struct moon_peer *p = world_peer(&w, world_agent(&w, "127.0.0.1"));
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  uint64_t turns = w.c.turns;
  getrusage(RUSAGE_SELF, &before);
  world_pass(&w, 0.5);
  getrusage(RUSAGE_SELF, &after);
  assert_true(w.c.turns - turns < 12);
  uint64_t cpu_us = (uint64_t)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + (uint64_t)after.ru_utime.tv_usec -
                    (uint64_t)before.ru_utime.tv_usec;
  assert_true(cpu_us < 50000);
  struct agent *silent = world_agent(&w, "127.0.0.1"); /* waiting for an answer is nothing to do either */
  silent->silent = true;
  world_ask(&w, world_peer(&w, silent));
  turns = w.c.turns;
  assert_true(world_run(&w, 5));
  assert_true(w.c.turns - turns < 20);
  world_fini(&w);
}

static void kick_turn(void **state) {
  (void)state;
  world_init(&w, NULL);
  uint64_t start = clock_us();
  moon_engine_kick(w.e);
  w.until = NULL;
  assert_true(world_run(&w, 5)); /* nothing in flight: the first turn ends it */
  assert_true(clock_us() - start < 1000000);
  world_fini(&w);
}

static void two_hundred_a_second(struct moon_engine_config *c) { c->packets_per_s = 200; }
static void rate_of_all(void **state) {
  (void)state;
  world_init(&w, two_hundred_a_second);
  uint64_t start = clock_us();
  for (int k = 0; k < 4; k++) {
    struct moon_peer *p = world_peer(&w, world_agent(&w, "127.0.0.1"));
    for (int i = 0; i < 10; i++) { world_ask(&w, p); }
  }
  assert_true(world_run(&w, 5));
  assert_in_range(clock_us() - start, 150000, 3000000); /* 40 at 200/s, 20 ms may be caught up */
  assert_true(w.c.turns < 400);
  assert_int_equal(w.c.answered, 40);
  world_fini(&w);
}
static void rate_of_one(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.packets_per_s = 100;
  struct moon_peer *slow = world_peer(&w, world_agent(&w, "127.0.0.1"));
  for (int i = 0; i < 20; i++) { world_ask(&w, slow); }
  struct moon_policy other = w.policy;
  other.packets_per_s = 0;
  struct agent *a = world_agent(&w, "127.0.0.1");
  struct moon_peer *fast = NULL;
  assert_int_equal(moon_peer_new(w.e, &a->addr, &w.credential, &other, NULL, &fast), MOON_OK);
  for (int i = 0; i < 20; i++) { world_ask(&w, fast); }
  uint64_t start = clock_us();
  assert_true(world_run(&w, 5));
  assert_in_range(clock_us() - start, 150000, 3000000);
  uint64_t last_fast = 0;
  for (uint32_t i = 20; i < 40; i++) {
    if (w.asked[i].at_us > last_fast) { last_fast = w.asked[i].at_us; }
  }
  assert_true(last_fast < w.asked[19].at_us); /* not held up by the slow one */
  world_fini(&w);
}

static void agents_errors(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.breaker_after = 1;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->error_status = 2;
  a->error_index = 1;
  struct moon_peer *p = world_peer(&w, a);
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_MISSING);
  assert_int_equal(q->error_index, 1);
  assert_int_equal(w.c.error[MOON_E_MISSING], 1);
  assert_int_equal(w.c.answered, 0);
  assert_int_equal(w.c.matched, 1);
  assert_false(moon_peer_target(p)->open);
  world_fini(&w);
}

/* More than fits one datagram is told, not sent; the next one is not disturbed. */
static void too_big(void **state) {
  (void)state;
  world_init(&w, NULL);
  struct moon_peer *p = world_peer(&w, world_agent(&w, "127.0.0.1"));
  size_t n = 66000;
  uint8_t *octets = calloc(n, 1);
  assert_non_null(octets);
  struct moon_request big = get_uptime;
  big.varbinds = octets;
  big.varbinds_len = (uint32_t)n;
  struct asked *q = &w.asked[w.n_asked++];
  q->w = &w;
  assert_int_equal(moon_engine_submit(w.e, p, &big, 0, world_done, q, &q->ticket), MOON_OK);
  struct asked *small = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TOO_BIG);
  assert_int_equal(q->tries, 0);
  assert_int_equal(small->err, MOON_OK);
  assert_int_equal(w.c.datagrams_out, 1);
  free(octets);
  world_fini(&w);
}

/* c-ares style: fds, next_us, turn, and a poll() of the host's own. */
static void without_io(void **state) {
  int fds[4];
  (void)state;
  memset(&w, 0, sizeof w);
  moon_policy_init(&w.policy);
  moon_engine_config_init(&w.config);
  memcpy(w.credential.community, "public", 6);
  w.credential.community_len = 6;
  w.credential.version = MOON_V2C;
  assert_int_equal(moon_engine_new(&w.config, NULL, NULL, &w.e), MOON_OK);
  size_t n = moon_engine_fds(w.e, fds, 4);
  assert_in_range(n, 1, 2);
  assert_int_equal(moon_engine_fds(w.e, fds, 1), 1);
  n = moon_engine_fds(w.e, fds, 4);
  struct moon_addr addr = { .port = 0 };
  int fd = world_socket("127.0.0.1", &addr);
  struct agent a = { .w = &w, .fd = fd, .answer_fd = fd, .addr = addr };
  struct moon_peer *p = world_peer(&w, &a);
  assert_true(moon_engine_next_us(w.e) == UINT64_MAX);
  struct asked *q = world_ask(&w, p);
  assert_true(moon_engine_next_us(w.e) <= clock_us());
  for (int i = 0; i < 50 && !q->dones; i++) {
    w.in_turn = true;
    moon_engine_turn(w.e);
    w.in_turn = false;
    struct pollfd pf[3] = { { fds[0], POLLIN, 0 }, { n > 1 ? fds[1] : -1, POLLIN, 0 }, { fd, POLLIN, 0 } };
    poll(pf, 3, 100);
    agent_ready(&a, fd);
  }
  assert_int_equal(q->dones, 1);
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(moon_engine_counters(w.e)->answered, 1);
  moon_engine_free(w.e);
  close(fd);
}

static void bad_peer(void **state) {
  struct moon_peer *p = NULL;
  struct moon_addr a = { .family = 0 };
  (void)state;
  world_init(&w, NULL);
  assert_int_equal(moon_peer_new(w.e, &a, &w.credential, &w.policy, NULL, &p), MOON_E_CONFIG);
  assert_null(p);
  world_fini(&w);
}

static void no_memory(void **state) {
  (void)state;
  for (unsigned n = 1;; n++) {
    size_t alive = failmem_alive();
    struct moon_engine *e = NULL;
    struct moon_engine_config c;
    moon_engine_config_init(&c);
    struct moon_loop *l = moon_loop_new(world_backend);
    assert_non_null(l);
    failmem_arm(n);
    enum moon_err err = moon_engine_new(&c, moon_loop_io(l), l, &e);
    bool fired = failmem_fired();
    failmem_disarm();
    if (!err) { moon_engine_free(e); }
    moon_loop_free(l);
    assert_int_equal(failmem_alive(), alive);
    if (!fired) {
      assert_int_equal(err, MOON_OK);
      break;
    }
    assert_int_equal(err, MOON_E_NOMEM);
  }
  world_init(&w, NULL);
  struct agent *a = world_agent(&w, "127.0.0.1");
  struct moon_peer *p = NULL;
  struct moon_ticket t;
  failmem_arm(1);
  assert_int_equal(moon_peer_new(w.e, &a->addr, &w.credential, &w.policy, NULL, &p), MOON_E_NOMEM);
  p = world_peer(&w, a);
  failmem_arm(1);
  assert_int_equal(moon_engine_submit(w.e, p, &get_uptime, 0, world_done, NULL, &t), MOON_E_NOMEM);
  failmem_disarm();
  assert_int_equal(w.c.requests, 0);
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
  world_fini(&w);
}

static long rss_kb(void) {
  long pages = 0, resident = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f) {
    if (fscanf(f, "%ld %ld", &pages, &resident) != 2) { resident = 0; }
    fclose(f);
  }
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}
static bool all_on_the_wire(struct world *x) { return x->c.datagrams_out >= 10000; }
static void patient(struct moon_engine_config *c) { c->receive_buffer = 1024 * 1024; }
/* 10,000 requests to 5,000 agents that never answer. */
static void memory(void **state) {
  (void)state;
  long before = rss_kb();
  world_init(&w, patient);
  w.policy.timeout_us = 60000000;
  struct moon_addr addr = { .port = 0 };
  int hole = world_socket("0.0.0.0", &addr);
  assert_true(hole >= 0);
  for (uint32_t i = 0; i < 5000; i++) {
    struct moon_addr a = { .ip = { 127, 3, (uint8_t)(i / 250), (uint8_t)(1 + i % 250) }, .port = addr.port, .family = 4 };
    struct moon_peer *p = world_peer_at(&w, &a);
    world_ask(&w, p);
    world_ask(&w, p);
  }
  w.until = all_on_the_wire;
  assert_true(world_run(&w, 20));
  assert_int_equal(w.c.in_flight, 10000);
  assert_int_equal(w.c.datagrams_out, 10000);
#ifndef __SANITIZE_ADDRESS__
  assert_true(rss_kb() - before < 25 * 1024);
#else
  (void)before;
#endif
  for (uint32_t i = 0; i < w.n_asked; i++) { moon_engine_cancel(w.e, w.asked[i].ticket); }
  assert_int_equal(w.c.in_flight, 0);
  assert_int_equal(w.c.error[MOON_E_CANCELLED], 10000);
  close(hole);
  world_fini(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(answer4),          cmocka_unit_test(answer6),
    cmocka_unit_test(many),             cmocka_unit_test(submit_from_done),
    cmocka_unit_test(window),           cmocka_unit_test(max_in_flight),
    cmocka_unit_test(fair),             cmocka_unit_test(queues_are_bounded),
    cmocka_unit_test(deadlines),        cmocka_unit_test(cancel),
    cmocka_unit_test(cancel_from_done), cmocka_unit_test(free_peer),
    cmocka_unit_test(free_engine),      cmocka_unit_test(timers),
    cmocka_unit_test(sleeps),           cmocka_unit_test(kick_turn),
    cmocka_unit_test(rate_of_all),      cmocka_unit_test(rate_of_one),
    cmocka_unit_test(agents_errors),    cmocka_unit_test(too_big),
    cmocka_unit_test(without_io),       cmocka_unit_test(bad_peer),
    cmocka_unit_test(no_memory),        cmocka_unit_test(memory),
  };
  int failed = 0;
  failmem_install();
  world_backend = "epoll";
  failed += cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
  world_backend = "libev";
  failed += cmocka_run_group_tests_name("libev", tests, NULL, NULL);
  return failed;
}
