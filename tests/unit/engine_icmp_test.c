/* The engine when datagrams do not arrive at all: ICMP errors on a socket that all agents share, and what the kernel refuses
 * to send. The same on both loops; world.h checks both balances after every turn. */
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
    skip(); /* this host has no IPv6 */
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

static bool second_try(struct world *x) { return x->agents[0].seen == 2; }
/* Of a try that was followed by another one, whose answer may still come. */
static void icmp_of_an_older_try(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 500000; /* what follows takes 30 ms, on a busy machine ten times that */
  struct agent *a = world_agent(&w, "127.4.1.1");
  a->silent = true;
  struct asked *q = world_ask(&w, world_peer(&w, a));
  w.until = second_try;
  assert_true(world_run(&w, 5));
  w.until = NULL;
  if (send_port_unreachable(world_port(&w), &a->addr, a->ids[0])) {
    world_fini(&w);
    skip(); /* raw sockets are for root */
  }
  world_pass(&w, 0.01);
  assert_int_equal(w.c.icmp, 1);
  assert_int_equal(q->dones, 0);
  send_port_unreachable(world_port(&w), &a->addr, a->ids[1] ^ 1); /* an id of nobody */
  world_pass(&w, 0.01);
  assert_int_equal(w.c.icmp_stray, 1);
  assert_int_equal(q->dones, 0);
  struct moon_addr other = { .ip = { 127, 4, 1, 9 }, .port = a->addr.port, .family = 4 };
  send_port_unreachable(world_port(&w), &other, a->ids[1]); /* its id, another destination: forged */
  world_pass(&w, 0.01);
  assert_int_equal(w.c.icmp_stray, 2);
  assert_int_equal(q->dones, 0);
  send_port_unreachable(world_port(&w), &a->addr, a->ids[1]);
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
  if (send_port_unreachable(world_port(&w), &a->addr, 0)) {
    world_fini(&w);
    skip(); /* raw sockets are for root */
  }
  world_pass(&w, 0.02);
  assert_int_equal(w.c.icmp, 1);
  assert_int_equal(first->err, MOON_E_REFUSED);
  assert_int_equal(second->dones + other->dones, 0);
  struct moon_addr nobody = { .ip = { 127, 4, 1, 3 }, .port = a->addr.port, .family = 4 };
  send_port_unreachable(world_port(&w), &nobody, 0);
  world_pass(&w, 0.02);
  assert_int_equal(w.c.icmp_stray, 1);
  assert_int_equal(w.c.in_flight, 2);
  world_fini(&w);
}

/* The second try of the same request has its own. */
static void icmp_without_id_again(void **state) {
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 60 * 1000000u; /* not what it ends by */
  struct agent *a = world_agent(&w, "127.4.1.1");
  a->silent = true;
  struct asked *q = world_ask(&w, world_peer(&w, a));
  world_pass(&w, 0.02);
  if (send_port_unreachable(world_port(&w), &a->addr, 0)) {
    world_fini(&w);
    skip(); /* raw sockets are for root */
  }
  w.until = second_try;
  assert_true(world_run(&w, 5));
  w.until = NULL;
  assert_int_equal(w.c.icmp, 1);
  assert_int_equal(q->dones, 0);
  send_port_unreachable(world_port(&w), &a->addr, 0);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.icmp, 2);
  assert_int_equal(w.c.icmp_stray, 0);
  assert_int_equal(q->err, MOON_E_REFUSED);
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

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(refused_among_many),
    cmocka_unit_test(refused6),
    cmocka_unit_test(icmp_without_id),
    cmocka_unit_test(icmp_without_id_again),
    cmocka_unit_test(icmp_of_an_older_try),
    cmocka_unit_test(refused_then_back),
    cmocka_unit_test(not_sent),
  };
  int failed = 0;
  world_backend = "epoll";
  failed += cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
  world_backend = "libev";
  failed += cmocka_run_group_tests_name("libev", tests, NULL, NULL);
  return failed;
}
