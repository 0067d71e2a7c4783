/* The engine against what goes wrong: silence, late and double answers, strangers, nonsense, full buffers, stalls. The same on
 * both loops; world.h checks both balances after every turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "world.h"

static struct world w;

static void retry(void **state) {
  (void)state;
  world_init(&w, NULL);
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->drop_first = 1;
  struct moon_peer *p = world_peer(&w, a);
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 2);
  assert_true(q->rtt_us < 150000); /* of the second try, not from the first */
  assert_int_equal(a->seen, 2);
  assert_int_not_equal(a->ids[0], a->ids[1]);
  assert_int_equal(w.c.retries, 1);
  assert_int_equal(w.c.answered, 1);
  world_fini(&w);
}

static void silence(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.retries = 3;
  w.policy.timeout_us = 50000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->silent = true;
  uint64_t start = moon_engine_clock_us(w.e);
  struct asked *q = world_ask(&w, world_peer(&w, a));
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(q->tries, 4);
  assert_int_equal(q->rtt_us, 0);
  assert_in_range(q->at_us - start, 200000, 220000); /* (retries + 1) * timeout */
  world_pass(&w, 0.02);
  assert_int_equal(a->seen, 4);
  assert_int_equal(w.c.retries, 3);
  assert_int_equal(w.c.error[MOON_E_TIMEOUT], 1);
  world_fini(&w);
}

/* The answer comes after the verdict: late, the agent is alive and slow. */
static void late(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 50000;
  w.policy.breaker_after = 1;
  w.policy.trial_us = 60000000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->delay_us = 150000;
  struct moon_peer *p = world_peer(&w, a);
  struct moon_target *t = moon_peer_target(p);
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_true(t->open);
  assert_int_equal(w.c.breakers_opened, 1);
  assert_int_equal(t->rtt[MOON_KIND_GET].srtt_us, 0);
  world_pass(&w, 0.2);
  assert_int_equal(w.c.late, 2);
  assert_false(t->open);
  assert_int_equal(w.c.breakers_closed, 1);
  assert_true(t->rtt[MOON_KIND_GET].srtt_us > 140000);
  world_fini(&w);
}

/* Late and from elsewhere: a strict target learns nothing from it. */
static void late_from_a_stranger(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 30000;
  w.policy.breaker_after = 1;
  struct agent *a = world_agent(&w, "127.0.0.1");
  struct moon_addr other = a->addr;
  a->answer_fd = world_socket("127.0.0.9", &other);
  assert_true(a->answer_fd >= 0);
  a->delay_us = 90000;
  struct moon_peer *p = world_peer(&w, a);
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  world_pass(&w, 0.15);
  assert_int_equal(w.c.wrong_source, 2);
  assert_int_equal(w.c.late, 0);
  assert_true(moon_peer_target(p)->open);
  close(a->answer_fd);
  world_fini(&w);
}

static void duplicates(void **state) {
  (void)state;
  world_init(&w, NULL);
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->copies = 3;
  struct moon_peer *p = world_peer(&w, a);
  for (int i = 0; i < 10; i++) { world_ask(&w, p); }
  assert_true(world_run(&w, 5));
  world_pass(&w, 0.02);
  assert_int_equal(w.c.answered, 10);
  assert_int_equal(w.c.matched, 10);
  assert_int_equal(w.c.duplicate, 20);
  for (uint32_t i = 0; i < 10; i++) { assert_int_equal(w.asked[i].dones, 1); }
  world_fini(&w);
}

/* The first try is answered after the second was: the request is complete, so this is a duplicate. The other way round any
 * try's answer will do. */
static void both_tries_answered(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 50000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->delay_first_us = 90000;
  struct asked *q = world_ask(&w, world_peer(&w, a));
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 2);
  world_pass(&w, 0.08);
  assert_int_equal(w.c.duplicate, 1);
  assert_int_equal(w.c.late, 0);
  world_fini(&w);

  world_init(&w, NULL);
  w.policy.timeout_us = 80000;
  a = world_agent(&w, "127.0.0.1");
  a->delay_us = 120000;
  struct moon_peer *p = world_peer(&w, a);
  q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 2);
  assert_in_range(q->rtt_us, 115000, 1000000); /* from the first try's own time */
  world_pass(&w, 0.15);
  assert_int_equal(w.c.duplicate, 1);
  world_fini(&w);
}

static void other_address(void **state) {
  (void)state;
  for (int strict = 1; strict >= 0; strict--) {
    world_init(&w, NULL);
    w.policy.timeout_us = 50000;
    struct agent *a = world_agent(&w, "127.0.0.1");
    struct moon_addr on_same_port = a->addr;
    a->answer_fd = world_socket("127.0.0.9", &on_same_port);
    assert_true(a->answer_fd >= 0);
    struct moon_peer *p = world_peer(&w, a);
    moon_peer_target(p)->strict_source = strict;
    struct asked *q = world_ask(&w, p), *again = world_ask(&w, p);
    assert_true(world_run(&w, 5));
    if (strict) {
      assert_int_equal(q->err, MOON_E_TIMEOUT);
      world_pass(&w, 0.02);
      assert_int_equal(w.c.wrong_source, 4);
      assert_int_equal(w.c.matched, 0);
      assert_int_equal(moon_peer_target(p)->last_answer_us, 0); /* a stranger teaches nothing */
    } else {
      assert_int_equal(q->err, MOON_OK);
      assert_int_equal(again->err, MOON_OK);
      assert_int_equal(w.c.wrong_source, 0);
      assert_int_equal(w.n_notices, 1); /* once */
      assert_non_null(strstr(w.notices, "127.0.0.9"));
    }
    close(a->answer_fd);
    world_fini(&w);
  }
}

static void stranger_is_no_alias(void **state) {
  struct moon_addr other = { .port = 0 };
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 40000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->answer_fd = world_socket("127.0.0.9", &other); /* another address and another port */
  assert_true(other.port != a->addr.port);
  struct moon_peer *p = world_peer(&w, a);
  moon_peer_target(p)->strict_source = false;
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_true(w.c.wrong_source >= 1);
  close(a->answer_fd);
  world_fini(&w);
}

/* Who knows the id but not the community is not learned either. */
static void forger_is_no_alias(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 40000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  struct moon_addr other = { .port = a->addr.port };
  a->answer_fd = world_socket("127.0.0.9", &other);
  a->community = "private";
  struct moon_peer *p = world_peer(&w, a);
  moon_peer_target(p)->strict_source = false;
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_true(w.c.unknown >= 1);
  assert_int_equal(moon_peer_target(p)->alias.family, 0);
  assert_int_equal(w.n_notices, 0);
  close(a->answer_fd);
  world_fini(&w);
}

static void wrong_id(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 40000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->add_to_id = 1;
  struct asked *q = world_ask(&w, world_peer(&w, a));
  assert_true(world_run(&w, 5));
  world_pass(&w, 0.02);
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(w.c.unknown, 2);
  assert_int_equal(w.c.matched, 0);
  world_fini(&w);
}

static void wrong_community(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 40000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->community = "private";
  struct asked *q = world_ask(&w, world_peer(&w, a));
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_true(w.c.unknown >= 1);
  assert_int_equal(w.c.matched, 0);
  world_fini(&w);
}

/* What is no message changes nothing: the request waits on and gets its answer. */
static void garbage(void **state) {
  (void)state;
  world_init(&w, NULL);
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->garbage = 5;
  struct moon_peer *p = world_peer(&w, a);
  for (int i = 0; i < 10; i++) { world_ask(&w, p); }
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, 10);
  assert_int_equal(w.c.malformed, 50);
  world_fini(&w);
}

static void ill_replies(void **state) {
  (void)state;
  world_init(&w, NULL);
  struct agent *cut = world_agent(&w, "127.0.0.1"), *get = world_agent(&w, "127.0.0.1");
  cut->cut = 3;
  get->pdu_type = MOON_PDU_GET;
  struct asked *a = world_ask(&w, world_peer(&w, cut)), *b = world_ask(&w, world_peer(&w, get));
  assert_true(world_run(&w, 5));
  assert_int_equal(a->err, MOON_E_DECODE);
  assert_int_equal(b->err, MOON_E_DECODE);
  assert_int_equal(w.c.matched, 2);
  assert_int_equal(w.c.error[MOON_E_DECODE], 2);
  world_fini(&w);
}

/* Datagrams nobody asked for, from anywhere, of any content. */
static void noise(void **state) {
  uint8_t junk[300];
  struct sockaddr_in to;
  socklen_t len = sizeof to;
  int fd;
  (void)state;
  world_init(&w, NULL);
  assert_true(moon_engine_fds(w.e, &fd, 1) == 1);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->delay_us = 20000;
  struct moon_peer *p = world_peer(&w, a);
  for (int i = 0; i < 4; i++) { world_ask(&w, p); }
  for (int i = 0; i < 2000; i++) {
    size_t n = (size_t)(rand() % (int)sizeof junk);
    for (size_t k = 0; k < n; k++) { junk[k] = (uint8_t)rand(); }
    if (i % 2 && n > 20) { memcpy(junk, "\x30\x20\x02\x01\x01\x04\x06public\xa2\x13\x02\x04", 17); }
    sendto(a->fd, junk, n, 0, (struct sockaddr *)&to, sizeof to);
  }
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, 4);
  assert_true(w.c.datagrams_in > 1500);
  assert_true(w.c.malformed > 500);
  world_fini(&w);
}

static void tiny_buffer_config(struct moon_engine_config *c) {
  c->receive_buffer = 1;
  c->retry_percent = 1000;
}
/* The kernel gives its smallest buffer and drops most answers: counted, told, and asked again until all are in. */
static void tiny_buffer(void **state) {
  (void)state;
  world_init(&w, tiny_buffer_config);
  w.policy.retries = 15;
  w.policy.timeout_us = 40000;
  w.policy.rto_floor_us = 20000;
  w.policy.window = 60;
  struct agent *a = world_agent(&w, "127.0.0.1");
  struct moon_peer *p = world_peer(&w, a);
  for (int i = 0; i < 60; i++) { world_ask(&w, p); }
  assert_true(world_run(&w, 10));
  world_pass(&w, 1.1);
  assert_true(w.c.rx_dropped > 0);
  assert_int_equal(w.c.rx_dropped, a->answers - w.c.datagrams_in);
  assert_non_null(strstr(w.notices, "drops"));
  assert_true(w.c.answered > 40);
  world_fini(&w);
}
static void greedy_buffer_config(struct moon_engine_config *c) { c->receive_buffer = 1024 * 1024 * 1024; }
static void buffer_is_told(void **state) {
  (void)state;
  world_init(&w, greedy_buffer_config);
  /* With the privilege to force it the kernel gives all; without, less, and that is told. Either way the number is the
   * one that was really given. */
  int fd, got = 0;
  socklen_t len = sizeof got;
  assert_int_equal(moon_engine_fds(w.e, &fd, 1), 1);
  assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len), 0);
  if ((uint32_t)got / 2 < w.config.receive_buffer) {
    char text[64];
    snprintf(text, sizeof text, "of %d octets instead of %u", got / 2, w.config.receive_buffer);
    assert_non_null(strstr(w.notices, text));
  } else {
    assert_int_equal(w.n_notices, 0);
  }
  world_fini(&w);
}

static void breaker(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 30000;
  w.policy.retries = 0;
  w.policy.window = 1;
  w.policy.breaker_after = 3;
  w.policy.trial_us = 150000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->silent = true;
  struct moon_peer *p = world_peer(&w, a);
  struct moon_target *t = moon_peer_target(p);
  for (int i = 0; i < 6; i++) { world_ask(&w, p); }
  assert_true(world_run(&w, 5));
  for (uint32_t i = 0; i < 6; i++) { assert_int_equal(w.asked[i].err, i < 3 ? MOON_E_TIMEOUT : MOON_E_DOWN); }
  assert_int_equal(w.asked[4].tries, 0);
  assert_true(t->open);
  assert_int_equal(w.c.breakers_opened, 1);
  assert_int_equal(w.c.error[MOON_E_DOWN], 3);
  assert_int_equal(w.c.datagrams_out, 3);
  struct asked *down = world_ask(&w, p); /* at once, but never from inside submit */
  assert_int_equal(down->dones, 0);
  assert_true(world_run(&w, 0.1));
  assert_int_equal(down->err, MOON_E_DOWN);
  world_pass(&w, 0.2);
  struct asked *trial = world_ask(&w, p), *other = world_ask(&w, p); /* one trial at a time */
  assert_true(world_run(&w, 5));
  assert_int_equal(trial->err, MOON_E_TIMEOUT);
  assert_int_equal(trial->tries, 1);
  assert_int_equal(other->err, MOON_E_DOWN);
  assert_int_equal(w.c.breakers_opened, 1);
  a->silent = false;
  world_pass(&w, 0.2);
  trial = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(trial->err, MOON_OK);
  assert_false(t->open);
  assert_int_equal(w.c.breakers_closed, 1);
  world_fini(&w);
}

/* What waits for its place in the packets a second hears of it at once too. */
static void down_at_once(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 30000;
  w.policy.retries = 0;
  w.policy.breaker_after = 1;
  w.policy.packets_per_s = 1;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->silent = true;
  struct moon_peer *p = world_peer(&w, a);
  struct asked *first = world_ask(&w, p), *waits = world_ask(&w, p);
  assert_true(world_run(&w, 0.5));
  assert_int_equal(first->err, MOON_E_TIMEOUT);
  assert_int_equal(waits->err, MOON_E_DOWN);
  world_fini(&w);
}

/* A trial that is cancelled leaves the way free for the next. */
static void cancelled_trial(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.trial_us = 20000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->silent = true;
  struct moon_peer *p = world_peer(&w, a);
  struct moon_target *t = moon_peer_target(p);
  t->open = true;
  struct asked *trial = world_ask(&w, p);
  world_pass(&w, 0.01);
  assert_true(t->trial);
  moon_engine_cancel(w.e, trial->ticket);
  assert_false(t->trial);
  assert_true(t->open);
  a->silent = false;
  world_pass(&w, 0.05);
  struct asked *next = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(next->err, MOON_OK);
  assert_false(t->open);
  world_fini(&w);
}

/* Cancelled by whoever had no more time: it tells of the agent what a timeout would once it waited for as long as a try does. */
static void cancelled_in_silence(void **state) {
  struct moon_peer_state now;
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 40000;
  w.policy.breaker_after = 2;
  w.policy.window = 1;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->silent = true;
  struct moon_peer *p = world_peer(&w, a);
  struct moon_target *t = moon_peer_target(p);
  for (int i = 0; i < 3; i++) {
    struct asked *soon = world_ask(&w, p);
    world_pass(&w, 0.03);
    moon_engine_cancel(w.e, soon->ticket);
  }
  assert_int_equal(t->silent, 0);
  for (uint32_t i = 1; i <= 2; i++) {
    assert_false(t->open);
    struct asked *q = world_ask(&w, p), *waits = world_ask(&w, p);
    world_pass(&w, 0.07);
    moon_engine_cancel(w.e, q->ticket);
    assert_int_equal(t->silent, i);
    moon_peer_look(p, &now);
    assert_int_equal(now.diary->silent, i);
    if (i == 1) { moon_engine_cancel(w.e, waits->ticket); } /* was not asked */
    assert_int_equal(t->silent, i);
  }
  assert_true(t->open);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.asked[w.n_asked - 1].err, MOON_E_DOWN); /* told to who waits, in a turn */
  assert_int_equal(w.c.breakers_opened, 1);
  assert_int_equal(w.c.error[MOON_E_TIMEOUT], 0);
  world_fini(&w);
}

static void small_budget(struct moon_engine_config *c) {
  c->retry_percent = 0;
  c->retry_per_s = 2;
}
/* Nobody answers: the budget keeps the second tries from doubling the traffic. */
static void retry_budget(void **state) {
  (void)state;
  world_init(&w, small_budget);
  w.policy.timeout_us = 60000;
  for (int i = 0; i < 20; i++) {
    struct agent *a = world_agent(&w, "127.0.0.1");
    a->silent = true;
    world_ask(&w, world_peer(&w, a));
  }
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.error[MOON_E_TIMEOUT], 20);
  assert_in_range(w.c.retries, 2, 4);
  assert_int_equal(w.c.retries + w.c.retries_denied, 20);
  assert_int_equal(w.c.datagrams_out, 20 + w.c.retries);
  world_fini(&w);
}

/* Agents without a loop: the test reads and answers by hand. */
enum { HANDS = 10 };
static struct by_hand {
  int fd;
  struct moon_addr addr;
} hand[HANDS];

static void answer_by_hand(const struct by_hand *h) {
  struct agent a = { .w = &w };
  struct moon_message m;
  struct sockaddr_storage to;
  socklen_t len = sizeof to;
  uint8_t in[512], out[512];
  ssize_t n = recvfrom(h->fd, in, sizeof in, 0, (struct sockaddr *)&to, &len);
  assert_true(n > 0);
  assert_int_equal(moon_message_decode(in, (size_t)n, &m), MOON_OK);
  size_t k = agent_encode(&a, &m, out, sizeof out);
  assert_int_equal(sendto(h->fd, out, k, 0, (struct sockaddr *)&to, len), k);
}

/* The process stands still, past every deadline, and meanwhile the answers arrive. */
static void stall(struct asked *q, const struct moon_outcome *o) {
  (void)q;
  (void)o;
  world_stall(&w, 200);
  for (int i = 1; i < HANDS; i++) { answer_by_hand(&hand[i]); }
}
/* What is here already is no timeout, whatever the clock says when it is read. */
static void stalled(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 100000;
  w.policy.retries = 0;
  for (int i = 0; i < HANDS; i++) {
    hand[i].addr.port = 0;
    hand[i].fd = world_socket("127.0.0.1", &hand[i].addr);
    struct asked *q = world_ask(&w, world_peer_at(&w, &hand[i].addr));
    if (i == 0) { q->then = stall; }
  }
  world_pass(&w, 0.01);
  answer_by_hand(&hand[0]);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, HANDS);
  assert_int_equal(w.c.error[MOON_E_TIMEOUT], 0);
  for (int i = 0; i < HANDS; i++) { close(hand[i].fd); }
  world_fini(&w);
}

/* More than a turn reads, and less than a full buffer. */
#define FLOOD 8400

static void flood_of(int n) {
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(world_port(&w)) };
  for (int i = 0; i < n; i++) { sendto(hand[0].fd, "?", 1, 0, (struct sockaddr *)&to, sizeof to); }
}

static void flood(void) { flood_of(FLOOD); }

/* One request under way, and the first datagrams of a flood. */
static struct asked *begin_flood(uint64_t timeout_us) {
  int fd, want = 4 * 1024 * 1024, got = 0;
  socklen_t len = sizeof got;
  world_init(&w, NULL);
  w.policy.timeout_us = timeout_us;
  w.policy.retries = 0;
  assert_int_equal(moon_engine_fds(w.e, &fd, 1), 1);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof want)) { setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof want); }
  assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len), 0);
  if (got < 2 * want) {
    world_fini(&w);
    skip(); /* the kernel gives no larger buffer to this user */
  }
  hand[0].addr.port = 0;
  hand[0].fd = world_socket("127.0.0.1", &hand[0].addr);
  struct asked *q = world_ask(&w, world_peer_at(&w, &hand[0].addr));
  world_pass(&w, 0.005);
  flood();
  return q;
}

static void end_flood(void) {
  close(hand[0].fd);
  world_fini(&w);
}

/* The answer is behind more datagrams than a turn reads, and its deadline is over. */
static void behind_a_flood(void **state) {
  (void)state;
  struct asked *q = begin_flood(50000);
  answer_by_hand(&hand[0]);
  world_stall(&w, 60);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.malformed, FLOOD);
  assert_int_equal(q->err, MOON_OK);
  end_flood();
}

/* Turns behind which the flood went on. */
static int waves;

/* Some more than there is room for in two turns. */
#define WAVE 4000

/* Each comes while half of the one before is not read; the answer is behind the second of them, and its deadline is over. */
static bool three_waves(struct world *world) {
  if (waves == 3 || world->c.malformed < FLOOD + (uint64_t)waves * WAVE - WAVE / 2) { return world->c.in_flight == 0; }
  flood_of(WAVE);
  if (++waves == 2) {
    world_stall(&w, 900);
    answer_by_hand(&hand[0]);
  }
  return world->c.in_flight == 0;
}
/* When more was read than was there at first, time passes up to where the flood began, no further. */
static void behind_a_long_flood(void **state) {
  (void)state;
  struct asked *q = begin_flood(800000);
  waves = 0;
  w.until = three_waves;
  assert_true(world_run(&w, 5));
  assert_int_equal(waves, 3);
  assert_int_equal(q->err, MOON_OK);
  end_flood();
}

/* What is kept unread: more than a turn has time for, and less than a buffer holds whose room is given back late. */
#define AHEAD 7000
#define FLOOD_MAX 60000

static uint64_t sent;

static bool goes_on(struct world *world) {
  uint64_t unread = sent - world->c.malformed;
  if (world->c.in_flight == 0) { return true; }
  if (sent < FLOOD_MAX && unread < AHEAD) {
    flood_of((int)(AHEAD - unread));
    sent += AHEAD - unread;
  }
  return false;
}
/* Time passes once what was there at first is read, however long the flood goes on. */
static void silent_in_a_flood(void **state) {
  (void)state;
  struct asked *q = begin_flood(50000);
  world_stall(&w, 60);
  sent = FLOOD;
  w.until = goes_on;
  assert_true(world_run(&w, 20));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_in_range(w.c.malformed, 0, FLOOD_MAX - 1);
  end_flood();
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(retry),
    cmocka_unit_test(silence),
    cmocka_unit_test(late),
    cmocka_unit_test(late_from_a_stranger),
    cmocka_unit_test(duplicates),
    cmocka_unit_test(both_tries_answered),
    cmocka_unit_test(other_address),
    cmocka_unit_test(stranger_is_no_alias),
    cmocka_unit_test(forger_is_no_alias),
    cmocka_unit_test(wrong_id),
    cmocka_unit_test(wrong_community),
    cmocka_unit_test(garbage),
    cmocka_unit_test(ill_replies),
    cmocka_unit_test(noise),
    cmocka_unit_test(tiny_buffer),
    cmocka_unit_test(buffer_is_told),
    cmocka_unit_test(breaker),
    cmocka_unit_test(down_at_once),
    cmocka_unit_test(cancelled_trial),
    cmocka_unit_test(cancelled_in_silence),
    cmocka_unit_test(retry_budget),
    cmocka_unit_test(stalled),
    cmocka_unit_test(behind_a_flood),
    cmocka_unit_test(behind_a_long_flood),
    cmocka_unit_test(silent_in_a_flood),
  };
  int failed = 0;
  srand(11);
  world_backend = "epoll";
  failed += cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
  world_backend = "libev";
  failed += cmocka_run_group_tests_name("libev", tests, NULL, NULL);
  return failed;
}
