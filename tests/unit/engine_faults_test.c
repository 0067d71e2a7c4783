/* The engine against what goes wrong: silence, late and double answers, strangers, nonsense, ICMP, full buffers. The same
 * on both loops; world.h checks both balances after every turn. */
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
  struct timespec t;
  (void)state;
  world_init(&w, NULL);
  w.policy.retries = 3;
  w.policy.timeout_us = 50000;
  struct agent *a = world_agent(&w, "127.0.0.1");
  a->silent = true;
  clock_gettime(CLOCK_MONOTONIC, &t);
  uint64_t start = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
  struct asked *q = world_ask(&w, world_peer(&w, a));
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(q->tries, 4);
  assert_int_equal(q->rtt_us, 0);
  assert_in_range(q->at_us - start, 200000, 280000); /* (retries + 1) * timeout */
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
  assert_in_range(q->rtt_us, 115000, 170000); /* from the first try's own time */
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

static void rich_budget(struct moon_engine_config *c) { c->retry_percent = 100; }
/* One socket serves all: the ICMP errors of dead ports are told to calls about other agents, none of which may suffer. */
static void refused_among_many(void **state) {
  enum { HEALTHY = 100, DEAD = 60 };
  char ip[32];
  struct moon_peer *p[HEALTHY + DEAD];
  (void)state;
  world_init(&w, rich_budget);
  for (int i = 0; i < HEALTHY + DEAD; i++) {
    snprintf(ip, sizeof ip, "127.4.0.%d", 1 + i);
    bool dead = i % 8 < 3 && i / 8 * 3 + i % 8 < DEAD;
    if (dead) {
      struct moon_addr a = world_nobody(ip);
      p[i] = world_peer_at(&w, &a);
    } else {
      p[i] = world_peer(&w, world_agent(&w, ip));
    }
  }
  for (int k = 0; k < 10; k++) {
    for (int i = 0; i < HEALTHY + DEAD; i++) { world_ask(&w, p[i]); }
  }
  assert_true(world_run(&w, 20));
  uint64_t refused = 0;
  for (uint32_t i = 0; i < w.n_asked; i++) {
    struct asked *q = &w.asked[i];
    assert_int_equal(q->dones, 1);
    if (q->err) {
      refused++;
      assert_int_equal(q->err, MOON_E_REFUSED);
      assert_int_equal(q->tries, 2);
    } else {
      assert_int_equal(q->tries, 1);
    }
  }
  assert_int_equal(refused, DEAD * 10);
  assert_int_equal(w.c.error[MOON_E_REFUSED], DEAD * 10);
  assert_int_equal(w.c.answered, HEALTHY * 10);
  assert_int_equal(w.c.icmp, DEAD * 20);
  assert_int_equal(w.c.icmp_stray, 0);
  assert_int_equal(w.c.datagrams_out, HEALTHY * 10 + DEAD * 20);
  assert_int_equal(w.c.datagrams_in, HEALTHY * 10);
  world_fini(&w);
}

static void refused6(void **state) {
  (void)state;
  world_init(&w, NULL);
  struct agent *a = world_agent(&w, "::1");
  if (!a) {
    world_fini(&w);
    skip();
  }
  struct moon_addr nobody = world_nobody("::1");
  struct moon_peer *dead = world_peer_at(&w, &nobody), *alive = world_peer(&w, a);
  struct asked *bad = world_ask(&w, dead);
  for (int i = 0; i < 20; i++) { world_ask(&w, alive); }
  assert_true(world_run(&w, 5));
  assert_int_equal(bad->err, MOON_E_REFUSED);
  assert_int_equal(w.c.answered, 20);
  assert_int_equal(w.c.icmp, 2);
  world_fini(&w);
}

/* What a router of RFC 792 sends: eight octets of UDP and nothing of the message, or the beginning of it with this id.
 * -1: not allowed to. */
static int send_port_unreachable(uint16_t engine_port, const struct moon_addr *agent, uint32_t id) {
  uint8_t p[64] = { 3, 3, [8] = 0x45, [11] = 68, [16] = 64, [17] = 17, [20] = 127, [23] = 1 };
  size_t n = 36;
  memcpy(p + 24, agent->ip, 4);
  p[28] = (uint8_t)(engine_port >> 8);
  p[29] = (uint8_t)engine_port;
  p[30] = (uint8_t)(agent->port >> 8);
  p[31] = (uint8_t)agent->port;
  p[33] = 48;
  if (id) {
    memcpy(p + 36, "\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x04", 17);
    for (size_t i = 0; i < 4; i++) { p[53 + i] = (uint8_t)(id >> (24 - 8 * i)); }
    n = 60;
  }
  for (int part = 0; part < 2; part++) { /* the quoted header's checksum lies inside what the outer one covers */
    size_t from = part ? 0 : 8, to = part ? n : 28;
    uint32_t sum = 0;
    for (size_t i = from; i < to; i += 2) { sum += (uint32_t)p[i] << 8 | p[i + 1]; }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~(sum + (sum >> 16));
    p[part ? 2 : 18] = (uint8_t)(sum >> 8);
    p[part ? 3 : 19] = (uint8_t)sum;
  }
  int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (fd < 0) { return -1; }
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  ssize_t sent = sendto(fd, p, n, 0, (struct sockaddr *)&to, sizeof to);
  close(fd);
  return sent == (ssize_t)n ? 0 : -1;
}

static uint16_t engine_port(void) {
  int fd;
  struct sockaddr_in here;
  socklen_t len = sizeof here;
  assert_int_equal(moon_engine_fds(w.e, &fd, 1), 1);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &len), 0);
  return ntohs(here.sin_port);
}

static bool second_try(struct world *x) { return x->agents[0].seen == 2; }
/* Of a try that was followed by another one, whose answer may still come. */
static void icmp_of_an_older_try(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 100000;
  struct agent *a = world_agent(&w, "127.4.1.1");
  a->silent = true;
  struct asked *q = world_ask(&w, world_peer(&w, a));
  w.until = second_try;
  assert_true(world_run(&w, 5));
  w.until = NULL;
  if (send_port_unreachable(engine_port(), &a->addr, a->ids[0])) {
    world_fini(&w);
    skip();
  }
  world_pass(&w, 0.01);
  assert_int_equal(w.c.icmp, 1);
  assert_int_equal(q->dones, 0);
  send_port_unreachable(engine_port(), &a->addr, a->ids[1] ^ 1); /* an id of nobody */
  world_pass(&w, 0.01);
  assert_int_equal(w.c.icmp_stray, 1);
  assert_int_equal(q->dones, 0);
  struct moon_addr other = { .ip = { 127, 4, 1, 9 }, .port = a->addr.port, .family = 4 };
  send_port_unreachable(engine_port(), &other, a->ids[1]); /* its id, another destination: forged */
  world_pass(&w, 0.01);
  assert_int_equal(w.c.icmp_stray, 2);
  assert_int_equal(q->dones, 0);
  send_port_unreachable(engine_port(), &a->addr, a->ids[1]);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.icmp, 2);
  assert_int_equal(q->err, MOON_E_REFUSED);
  world_fini(&w);
}

/* Attributed by destination alone: to the request that has waited longest, and to no other agent's. */
static void icmp_without_id(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 1000000;
  w.policy.retries = 0;
  struct agent *a = world_agent(&w, "127.4.1.1"), *b = world_agent(&w, "127.4.1.2");
  a->silent = b->silent = true;
  struct moon_peer *p = world_peer(&w, a), *q = world_peer(&w, b);
  struct asked *other = world_ask(&w, q), *first = world_ask(&w, p), *second = world_ask(&w, p);
  world_pass(&w, 0.02);
  if (send_port_unreachable(engine_port(), &a->addr, 0)) {
    world_fini(&w);
    skip();
  }
  world_pass(&w, 0.02);
  assert_int_equal(w.c.icmp, 1);
  assert_int_equal(first->err, MOON_E_REFUSED);
  assert_int_equal(second->dones + other->dones, 0);
  struct moon_addr nobody = { .ip = { 127, 4, 1, 3 }, .port = a->addr.port, .family = 4 };
  send_port_unreachable(engine_port(), &nobody, 0);
  world_pass(&w, 0.02);
  assert_int_equal(w.c.icmp_stray, 1);
  assert_int_equal(w.c.in_flight, 2);
  world_fini(&w);
}

static bool first_icmp(struct world *x) { return x->c.icmp >= 1; }
/* The agent restarts: refused ends the try, not the request. */
static void refused_then_back(void **state) {
  (void)state;
  world_init(&w, NULL);
  struct moon_addr addr = world_nobody("127.0.0.1");
  struct asked *q = world_ask(&w, world_peer_at(&w, &addr));
  w.until = first_icmp;
  assert_true(world_run(&w, 5));
  w.until = NULL;
  assert_int_equal(q->dones, 0);
  struct agent *a = &w.agents[w.n_agents++];
  a->w = &w;
  a->addr.port = addr.port;
  a->fd = world_socket("127.0.0.1", &a->addr);
  assert_true(a->fd >= 0);
  agent_listen(a);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 2);
  world_fini(&w);
}

/* The kernel refuses to send it: this datagram's own fault, and only this one's. */
static void not_sent(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.rto_floor_us = 10000;
  struct moon_addr everybody = { .ip = { 255, 255, 255, 255 }, .port = 161, .family = 4 }; /* EACCES, nothing leaves */
  struct agent *a = world_agent(&w, "127.0.0.1");
  struct moon_peer *lost = world_peer_at(&w, &everybody), *alive = world_peer(&w, a);
  for (int i = 0; i < 5; i++) {
    world_ask(&w, alive);
    world_ask(&w, lost);
  }
  assert_true(world_run(&w, 5));
  for (uint32_t i = 0; i < 10; i++) { assert_int_equal(w.asked[i].err, i % 2 ? MOON_E_UNREACHABLE : MOON_OK); }
  for (uint32_t i = 0; i < 10; i += 2) { assert_int_equal(w.asked[i].tries, 1); }
  assert_int_equal(w.c.datagrams_out, 5);
  assert_true(w.c.send_errors >= 10);
  assert_true(w.c.turns < 200);
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

/* A stall of the process does not turn answers that are here into timeouts. */
static void stall(struct asked *q, const struct moon_outcome *o) {
  const struct timespec t = { .tv_nsec = 250000000 };
  (void)o;
  (void)q;
  nanosleep(&t, NULL);
}
static void stalled(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 100000;
  w.policy.retries = 0;
  int fd[10];
  struct moon_addr addr[10];
  struct sockaddr_storage to[10];
  socklen_t len[10];
  uint8_t in[10][512], out[512];
  for (int i = 0; i < 10; i++) {
    addr[i].port = 0;
    fd[i] = world_socket("127.0.0.1", &addr[i]);
    struct asked *q = world_ask(&w, world_peer_at(&w, &addr[i]));
    if (i == 0) { q->then = stall; }
  }
  world_pass(&w, 0.01);
  for (int round = 0; round < 2; round++) {
    /* First one answer, whose done stalls; during the stall all the others arrive. */
    for (int i = round == 0 ? 0 : 1; i < (round == 0 ? 1 : 10); i++) {
      struct agent a = { .w = &w };
      struct moon_message m;
      len[i] = sizeof to[i];
      ssize_t n = recvfrom(fd[i], in[i], sizeof in[i], 0, (struct sockaddr *)&to[i], &len[i]);
      assert_true(n > 0);
      assert_int_equal(moon_message_decode(in[i], (size_t)n, &m), MOON_OK);
      size_t k = agent_encode(&a, &m, out, sizeof out);
      assert_int_equal(sendto(fd[i], out, k, 0, (struct sockaddr *)&to[i], len[i]), k);
    }
    if (round == 0) { usleep(1000); }
  }
  usleep(250000); /* past every deadline before the loop gets to run */
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, 10);
  assert_int_equal(w.c.error[MOON_E_TIMEOUT], 0);
  for (int i = 0; i < 10; i++) { close(fd[i]); }
  world_fini(&w);
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
    cmocka_unit_test(wrong_id),
    cmocka_unit_test(wrong_community),
    cmocka_unit_test(garbage),
    cmocka_unit_test(ill_replies),
    cmocka_unit_test(noise),
    cmocka_unit_test(refused_among_many),
    cmocka_unit_test(refused6),
    cmocka_unit_test(icmp_without_id),
    cmocka_unit_test(icmp_of_an_older_try),
    cmocka_unit_test(refused_then_back),
    cmocka_unit_test(not_sent),
    cmocka_unit_test(tiny_buffer),
    cmocka_unit_test(buffer_is_told),
    cmocka_unit_test(breaker),
    cmocka_unit_test(down_at_once),
    cmocka_unit_test(cancelled_trial),
    cmocka_unit_test(retry_budget),
    cmocka_unit_test(stalled),
  };
  int failed = 0;
  srand(11);
  world_backend = "epoll";
  failed += cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
  world_backend = "libev";
  failed += cmocka_run_group_tests_name("libev", tests, NULL, NULL);
  return failed;
}
