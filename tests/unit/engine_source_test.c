/* Where the engine's requests leave from: addresses of the engine and of single agents. On both loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/resource.h>

#include "failmem.h"
#include "world.h"

static struct world w;

static void foreign_source(struct moon_engine_config *c) { c->source4 = (struct moon_addr){ .ip = { 192, 0, 2, 99 }, .family = 4 }; }
static void bad_source(void **state) {
  struct moon_engine *e = NULL;
  (void)state;
  memset(&w, 0, sizeof w);
  moon_engine_config_init(&w.config);
  w.config.notice = world_notice;
  w.config.arg = &w;
  foreign_source(&w.config);
  assert_int_equal(moon_engine_new(&w.config, NULL, NULL, &e), MOON_E_CONFIG);
  assert_null(e);
  assert_int_equal(w.n_notices, 1);
  assert_non_null(strstr(w.notices, "source address"));
}
static bool came_from(const struct agent *a, const char *ip) {
  char text[INET6_ADDRSTRLEN];
  const struct sockaddr_in *in = (const void *)&a->from;
  return a->seen && inet_ntop(AF_INET, &in->sin_addr, text, sizeof text) && strcmp(text, ip) == 0;
}
static void own_source(struct moon_engine_config *c) { c->source4 = (struct moon_addr){ .ip = { 127, 0, 0, 77 }, .family = 4 }; }
static void good_source(void **state) {
  (void)state;
  world_init(&w, own_source);
  struct asked *q = world_ask(&w, world_peer(&w, world_agent(&w, "127.0.0.1")));
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
  assert_true(came_from(&w.agents[0], "127.0.0.77"));
  world_fini(&w);
}

static struct moon_addr source(const char *ip) {
  struct moon_addr a = { .family = strchr(ip, ':') ? 6 : 4 };
  assert_int_equal(inet_pton(a.family == 6 ? AF_INET6 : AF_INET, ip, a.ip), 1);
  return a;
}
/* Every agent is asked from the address given for it, and peers of one source share a socket. */
static void sources(void **state) {
  static const char *const from[] = { "127.0.0.77", "127.0.0.78", "127.0.0.77", NULL };
  struct asked *q[5];
  int fds[8];
  (void)state;
  world_init(&w, NULL);
  size_t before = moon_engine_fds(w.e, fds, 8);
  for (int i = 0; i < 4; i++) {
    struct moon_peer *p = world_peer(&w, world_agent(&w, "127.0.0.1"));
    struct moon_addr a = from[i] ? source(from[i]) : source("127.0.0.1");
    a.port = 4711; /* of no meaning */
    if (from[i]) { assert_int_equal(moon_peer_bind(w.e, p, &a), MOON_OK); }
    q[i] = world_ask(&w, p);
  }
  assert_int_equal(moon_engine_fds(w.e, fds, 8), before + 2);
  struct agent *six = world_agent(&w, "::1");
  if (six) {
    struct moon_peer *p = world_peer(&w, six);
    struct moon_addr a = source("::1");
    assert_int_equal(moon_peer_bind(w.e, p, &a), MOON_OK);
    q[4] = world_ask(&w, p);
  }
  assert_true(world_run(&w, 5));
  for (int i = 0; i < (six ? 5 : 4); i++) { assert_int_equal(q[i]->err, MOON_OK); }
  for (int i = 0; i < 3; i++) { assert_true(came_from(&w.agents[i], from[i])); }
  assert_true(came_from(&w.agents[3], "127.0.0.1")); /* the kernel's choice */
  world_fini(&w);
}

static void bad_sources(void **state) {
  (void)state;
  world_init(&w, NULL);
  struct moon_peer *p = world_peer(&w, world_agent(&w, "127.0.0.1"));
  struct moon_addr foreign = source("192.0.2.99"), six = source("::1"), own = source("127.0.0.77");
  size_t alive = failmem_alive();
  assert_int_equal(moon_peer_bind(w.e, p, &foreign), MOON_E_CONFIG);
  assert_int_equal(errno, EADDRNOTAVAIL);
  assert_int_equal(moon_peer_bind(w.e, p, &six), MOON_E_CONFIG);
  for (unsigned n = 1; n < 3; n++) {
    failmem_arm(n);
    assert_int_equal(moon_peer_bind(w.e, p, &own), MOON_E_NOMEM);
    failmem_disarm();
  }
  assert_int_equal(failmem_alive(), alive);
  struct asked *q = world_ask(&w, p); /* from where it was before */
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
  for (unsigned i = 0; i <= MOON_SOURCES_MAX; i++) {
    own.ip[3] = (uint8_t)(100 + i);
    assert_int_equal(moon_peer_bind(w.e, p, &own), i < MOON_SOURCES_MAX ? MOON_OK : MOON_E_LIMIT);
  }
  world_fini(&w);
}

static void awaits(struct moon_engine_config *c) { c->awaits_sources = true; }
/* A source that cannot be bound is told; its agents cannot be reached, others can, and it is tried again. */
static void source_to_come(void **state) {
  (void)state;
  struct rlimit was, few;
  struct moon_addr foreign = source("192.0.2.99"), own = source("127.0.0.77");
  world_init(&w, awaits);
  struct moon_peer *p = world_peer(&w, world_agent(&w, "127.0.0.1")), *q = world_peer(&w, world_agent(&w, "127.0.0.2"));
  struct moon_peer *other = world_peer(&w, world_agent(&w, "127.0.0.3"));
  assert_int_equal(moon_peer_bind(w.e, p, &foreign), MOON_OK);
  assert_int_equal(w.n_notices, 1);
  assert_non_null(strstr(w.notices, "source 192.0.2.99"));
  assert_non_null(strstr(w.notices, "Cannot assign requested address"));
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
  few = (struct rlimit){.rlim_cur = 3, .rlim_max = was.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  assert_int_equal(moon_peer_bind(w.e, q, &own), MOON_OK);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
  assert_int_equal(w.n_notices, 2);
  struct asked *a = world_ask(&w, p), *b = world_ask(&w, other);
  assert_true(world_run(&w, 5));
  assert_int_equal(a->err, MOON_E_UNREACHABLE);
  assert_int_equal(b->err, MOON_OK);
  b = world_ask(&w, q); /* what it lacked is there again */
  assert_true(world_run(&w, 5));
  assert_int_equal(b->err, MOON_OK);
  assert_true(came_from(&w.agents[1], "127.0.0.77"));
  a = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(a->err, MOON_E_UNREACHABLE);
  assert_int_equal(w.n_notices, 2);
  world_fini(&w);
}

static uint16_t port_of(const struct agent *a) { return ntohs(((const struct sockaddr_in *)(const void *)&a->from)->sin_port); }
/* One request to a and its port; *err: how it ended. */
static uint16_t ask_once(struct moon_peer *p, const struct agent *a, enum moon_err *err) {
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  *err = q->err;
  return port_of(a);
}
/* Three tries in silence, then from another port; that of a spare nobody else uses is a new one each time. Others stay. */
static void other_port(void **state) {
  enum moon_err err;
  int fds[8];
  (void)state;
  for (int bound = 0; bound < 2; bound++) {
    world_init(&w, NULL);
    w.policy.timeout_us = 15000;
    w.policy.retries = 0;
    struct agent *mute = world_agent(&w, "127.0.0.1"), *well = world_agent(&w, "127.0.0.2");
    struct moon_peer *p = world_peer(&w, mute), *q = world_peer(&w, well);
    struct moon_addr a = source("127.0.0.77");
    if (bound) {
      assert_int_equal(moon_peer_bind(w.e, p, &a), MOON_OK);
      assert_int_equal(moon_peer_bind(w.e, q, &a), MOON_OK);
    }
    size_t n = moon_engine_fds(w.e, fds, 8);
    mute->silent = true;
    uint16_t first = ask_once(p, mute, &err), used[4];
    assert_int_equal(err, MOON_E_TIMEOUT);
    for (int i = 1; i < 3; i++) { assert_int_equal(ask_once(p, mute, &err), first); }
    for (int i = 0; i < 12; i++) {
      uint16_t port = ask_once(p, mute, &err);
      if (i % 3 == 0) { used[i / 3] = port; }
      assert_int_equal(port, used[i / 3]);
    }
    assert_int_not_equal(used[0], first);
    assert_int_equal(used[1], first);
    assert_int_not_equal(used[2], used[0]);
    assert_int_not_equal(used[2], first);
    assert_int_equal(used[3], first);
    assert_int_equal(w.c.ports_changed, 5);
    assert_int_equal(moon_engine_fds(w.e, fds, 8), n + 1);
    if (bound) { assert_true(came_from(mute, "127.0.0.77")); }
    /* Heard, it stays where it is. */
    mute->silent = false;
    uint16_t here = ask_once(p, mute, &err);
    for (int i = 0; i < 6; i++) {
      mute->silent = i % 3 != 2; /* never three in a row */
      assert_int_equal(ask_once(p, mute, &err), here);
    }
    assert_int_equal(err, MOON_OK);
    assert_int_equal(ask_once(q, well, &err), first);
    assert_int_equal(err, MOON_OK);
    world_fini(&w);
  }
}
/* The spare somebody uses stays as it is, and goes with the engine. */
static void shared_spare(void **state) {
  enum moon_err err;
  (void)state;
  world_init(&w, NULL);
  w.policy.timeout_us = 15000;
  w.policy.retries = 0;
  struct agent *a = world_agent(&w, "127.0.0.1"), *b = world_agent(&w, "127.0.0.2");
  struct moon_peer *p = world_peer(&w, a), *q = world_peer(&w, b);
  a->silent = b->silent = true;
  for (int i = 0; i < 4; i++) { ask_once(p, a, &err); }
  a->silent = false;
  uint16_t spare = ask_once(p, a, &err);
  for (int i = 0; i < 10; i++) { /* to the spare, back, and there again */
    uint16_t port = ask_once(q, b, &err);
    if (i >= 3 && i < 6) { assert_int_equal(port, spare); }
    if (i == 9) { assert_int_equal(port, spare); }
  }
  assert_int_equal(ask_once(p, a, &err), spare);
  assert_int_equal(err, MOON_OK);
  moon_peer_free(w.e, p);
  for (int i = 0; i < 5; i++) { ask_once(q, b, &err); }
  assert_int_not_equal(ask_once(q, b, &err), spare);
  world_fini(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bad_source), cmocka_unit_test(good_source),
    cmocka_unit_test(sources),    cmocka_unit_test(bad_sources), cmocka_unit_test(source_to_come),
    cmocka_unit_test(other_port), cmocka_unit_test(shared_spare),
  };
  int failed = 0;
  failmem_install();
  world_backend = "epoll";
  failed += cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
  world_backend = "libev";
  failed += cmocka_run_group_tests_name("libev", tests, NULL, NULL);
  return failed;
}
