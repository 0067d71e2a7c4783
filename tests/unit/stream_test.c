/* SNMP over TCP: one connection an agent, messages cut into pieces and run together, connections that break. On both loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <errno.h>

#include "dns.h"
#include "failmem.h"
#include "../../core/engine/stream.h"

static struct world w;

/* An agent behind a connection: it answers with what agent_encode makes, and does to the stream what a test says. */
struct tcp {
  struct agent agent;
  int listener, fd;
  uint32_t accepted, requests;
  size_t n;
  uint8_t in[65536];
  bool by_octet;     /* answers leave one octet at a time */
  bool hold;         /* answers wait for the next request and leave together with its */
  bool close_after;  /* each answer */
  bool close_before; /* each answer */
  bool silent;
  const char *first; /* octets before the first answer of a connection */
  size_t first_n;
  size_t out_n;
  uint8_t out[65536];
};
static struct tcp t;

static void hang_up(struct tcp *a) {
  if (a->fd < 0) { return; }
  moon_loop_io(w.loop)->unwatch(w.loop, a->fd);
  close(a->fd);
  a->fd = -1;
}

static void answer(struct tcp *a, const uint8_t *p, size_t n) {
  struct moon_message m;
  uint8_t out[512];
  assert_int_equal(moon_message_decode(p, n, &m), MOON_OK);
  a->requests++;
  if (a->silent) { return; }
  if (a->close_before) {
    hang_up(a);
    return;
  }
  if (a->first_n) {
    assert_int_equal(send(a->fd, a->first, a->first_n, MSG_NOSIGNAL), a->first_n);
    a->first_n = 0;
  }
  size_t len = agent_encode(&a->agent, &m, out, sizeof out);
  memcpy(a->out + a->out_n, out, len);
  a->out_n += len;
  if (a->hold && a->requests % 2) { return; }
  for (size_t i = 0, step = a->by_octet ? 1 : a->out_n; i < a->out_n; i += step) {
    assert_int_equal(send(a->fd, a->out + i, step, MSG_NOSIGNAL), step);
  }
  a->out_n = 0;
  if (a->close_after) { hang_up(a); }
}

static void tcp_ready(void *arg, int fd) {
  struct tcp *a = arg;
  ssize_t n = recv(fd, a->in + a->n, sizeof a->in - a->n, 0);
  if (n < 0 && errno == EAGAIN) { return; }
  if (n <= 0) {
    hang_up(a);
    return;
  }
  a->n += (size_t)n;
  for (size_t len; a->fd >= 0 && (len = moon_stream_frame(a->in, a->n, sizeof a->in)) > 0 && len <= a->n;) {
    answer(a, a->in, len);
    memmove(a->in, a->in + len, a->n - len);
    a->n -= len;
  }
}

static void tcp_accept(void *arg, int fd) {
  struct tcp *a = arg;
  int one = 1, s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (s < 0) { return; }
  hang_up(a);
  setsockopt(s, IPPROTO_TCP, 1, &one, sizeof one); /* TCP_NODELAY */
  a->accepted++;
  a->fd = s;
  a->n = a->out_n = 0;
  if (moon_loop_io(w.loop)->watch(w.loop, s, tcp_ready, a)) { /* no memory */
    close(s);
    a->fd = -1;
  }
}

static void tcp_listen(const char *ip) {
  struct sockaddr_storage sa;
  int yes = 1;
  uint16_t port = t.agent.addr.port;
  t.agent.addr = (struct moon_addr){ .family = strchr(ip, ':') ? 6 : 4, .port = port, .stream = 1 };
  assert_int_equal(inet_pton(t.agent.addr.family == 6 ? AF_INET6 : AF_INET, ip, t.agent.addr.ip), 1);
  socklen_t len = world_sockaddr(&t.agent.addr, &sa);
  t.listener = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(t.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  assert_int_equal(bind(t.listener, (struct sockaddr *)&sa, len), 0);
  assert_int_equal(listen(t.listener, 4), 0);
  assert_int_equal(getsockname(t.listener, (struct sockaddr *)&sa, &len), 0);
  t.agent.addr.port = ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&sa)->sin6_port : ((struct sockaddr_in *)&sa)->sin_port);
  assert_int_equal(moon_loop_io(w.loop)->watch(w.loop, t.listener, tcp_accept, &t), MOON_OK);
}

static void tcp_stop(void) {
  hang_up(&t);
  if (t.listener < 0) { return; }
  moon_loop_io(w.loop)->unwatch(w.loop, t.listener);
  close(t.listener);
  t.listener = -1;
}

static void begin(void) {
  world_init(&w, NULL);
  memset(&t, 0, sizeof t);
  t.agent.w = &w;
  t.fd = -1;
  tcp_listen("127.0.0.1");
}

static void end(void) {
  tcp_stop();
  world_fini(&w);
}

static struct asked *asked(struct moon_peer *p) {
  struct asked *q = world_ask(&w, p);
  assert_non_null(q);
  assert_true(world_run(&w, 10));
  assert_int_equal(q->dones, 1);
  return q;
}

static void one_connection(void **state) {
  (void)state;
  int fds[4], cause;
  begin();
  size_t before = moon_engine_fds(w.e, fds, 4);
  struct moon_peer *p = world_peer(&w, &t.agent);
  assert_int_equal(moon_engine_fds(w.e, fds, 4), before + 1);
  for (int i = 0; i < 20; i++) {
    struct asked *q = asked(p);
    assert_int_equal(q->err, MOON_OK);
    assert_int_equal(q->value, 1234);
    assert_int_equal(q->tries, 1);
  }
  assert_int_equal(t.accepted, 1);
  assert_true(moon_peer_connected(p, &cause));
  assert_int_equal(w.c.datagrams_out, 20);
  assert_int_equal(w.c.matched, 20);
  assert_int_equal(w.c.wrong_source, 0);
  end();
}

static void six(void **state) {
  struct moon_addr any = { .port = 0 };
  (void)state;
  int fd = world_socket("::1", &any);
  if (fd < 0) { skip(); } /* this host has no IPv6 */
  close(fd);
  begin();
  tcp_stop();
  tcp_listen("::1");
  assert_int_equal(asked(world_peer(&w, &t.agent))->err, MOON_OK);
  end();
}

/* Where messages end has nothing to do with where reads end. */
static void pieces(void **state) {
  (void)state;
  for (int hold = 0; hold < 2; hold++) {
    begin();
    t.by_octet = !hold;
    t.hold = hold;
    w.policy.window = 10;
    struct moon_peer *p = world_peer(&w, &t.agent);
    for (int i = 0; i < 100; i++) { world_ask(&w, p); }
    assert_true(world_run(&w, 10));
    assert_int_equal(w.c.answered, 100);
    assert_int_equal(w.c.malformed, 0);
    assert_int_equal(t.accepted, 1);
    end();
  }
}

/* What cannot be a message ends the connection; the next try has a new one. */
static void nonsense(void **state) {
  static const struct { const char *p; size_t n; } cases[] = {
    { "HTTP/1.1 400 Bad Request\r\n", 26 }, { "\x30\x80\0\0", 4 },        { "\x30\x85\x01\x01\x01\x01\x01", 7 },
    { "\x30\x84\x7f\xff\xff\xff", 6 },      { "\x30\x83\x01\x00\x00", 5 }, { "\0", 1 },
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    begin();
    t.first = cases[i].p;
    t.first_n = cases[i].n;
    struct asked *q = asked(world_peer(&w, &t.agent));
    assert_int_equal(q->err, MOON_OK);
    assert_int_equal(q->tries, 2);
    assert_int_equal(t.accepted, 2);
    assert_int_equal(w.c.malformed, 1);
    end();
  }
  begin(); /* a whole message that is none of SNMP is passed over */
  t.first = "\x30\x03\x02\x01\x07";
  t.first_n = 5;
  struct asked *q = asked(world_peer(&w, &t.agent));
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 1);
  assert_int_equal(w.c.malformed, 1);
  end();
}

static void breaks(void **state) {
  (void)state;
  begin();
  t.close_after = true;
  struct moon_peer *p = world_peer(&w, &t.agent);
  for (uint32_t i = 1; i <= 3; i++) { /* an agent that keeps none: a new one each time */
    assert_int_equal(asked(p)->err, MOON_OK);
    world_pass(&w, 0.02);
    assert_int_equal(t.accepted, i);
  }
  t.close_after = false;
  t.close_before = true;
  struct asked *q = asked(p);
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(q->tries, 2);
  t.close_before = false;
  assert_int_equal(asked(p)->err, MOON_OK);
  end();
}

static void nobody_there(void **state) {
  int cause;
  (void)state;
  begin();
  w.policy.retries = 2;
  struct moon_peer *p = world_peer(&w, &t.agent);
  tcp_stop();
  uint64_t start = moon_engine_clock_us(w.e);
  struct asked *q = world_ask(&w, p), *beside = world_ask(&w, p);
  assert_true(world_run(&w, 10));
  for (int i = 0; i < 2; i++, q = beside) { /* a pause before each of the other tries, and no more */
    assert_int_equal(q->err, MOON_E_REFUSED);
    assert_int_equal(q->tries, 3);
    assert_in_range(q->at_us - start, 2 * w.policy.rto_floor_us, 3 * w.policy.rto_floor_us);
  }
  moon_peer_connect(w.e, p);
  for (int i = 0; i < 200 && !moon_peer_connected(p, &cause) && !cause; i++) { world_pass(&w, 0.01); }
  assert_int_equal(cause, ECONNREFUSED);
  tcp_listen("127.0.0.1");
  assert_int_equal(asked(p)->err, MOON_OK);
  end();
}

/* An agent that takes nothing more: what waits is bounded, and requests time out as they would. */
static void never_reads(void **state) {
  (void)state;
  begin();
  static uint8_t varbinds[60000];
  struct moon_writer v;
  moon_writer_init(&v, varbinds, sizeof varbinds);
  while (v.p - varbinds > 100) {
    const struct moon_varbind vb = { .oid = (const uint8_t *)"\x2b\6\1\2\1\1\3", .oid_len = 7, .type = MOON_NULL };
    moon_varbind_put(&v, &vb);
  }
  const struct moon_request large = { .varbinds = v.p, .varbinds_len = (uint32_t)moon_writer_len(&v), .n_varbinds = 1000, .pdu_type = MOON_PDU_GET };
  moon_loop_io(w.loop)->unwatch(w.loop, t.listener); /* the kernel completes the connection, nobody takes it */
  w.policy.window = 300;
  w.policy.retries = 0;
  struct moon_peer *p = world_peer(&w, &t.agent);
  struct moon_ticket ticket;
  for (int i = 0; i < 200; i++) {
    struct asked *q = &w.asked[w.n_asked++];
    q->w = &w;
    assert_int_equal(moon_engine_submit(w.e, p, &large, 0, world_done, q, &ticket), MOON_OK);
  }
  assert_true(world_run(&w, 10));
  assert_int_equal(w.c.error[MOON_E_TIMEOUT], 200);
  assert_true(w.c.send_errors > 0);
  close(t.listener);
  t.listener = -1;
  end();
}

static struct moon_peer *victim;
static void end_it(struct asked *q, const struct moon_outcome *o) {
  (void)q;
  (void)o;
  moon_peer_free(w.e, victim);
  victim = NULL;
}
/* The peer goes while its own answer is handed over, with more of them behind it. */
static void gone_in_done(void **state) {
  (void)state;
  begin();
  w.policy.window = 4;
  t.hold = true;
  victim = world_peer(&w, &t.agent);
  world_ask(&w, victim)->then = end_it;
  world_ask(&w, victim);
  assert_true(world_run(&w, 5));
  assert_null(victim);
  assert_int_equal(w.c.answered, 1);
  assert_int_equal(w.c.error[MOON_E_CANCELLED], 1);
  end();
}

/* Another agent's connection is no place for this one's answers. */
static void wrong_connection(void **state) {
  (void)state;
  begin();
  struct agent *other = world_agent(&w, "127.0.0.2");
  other->silent = true;
  struct moon_peer *p = world_peer(&w, &t.agent);
  world_ask(&w, world_peer(&w, other));
  w.until = never;
  world_pass(&w, 0.02);
  w.until = NULL;
  t.agent.add_to_id = 0;
  assert_int_equal(other->seen, 1);
  uint8_t forged[256];
  struct moon_message m = { .version = MOON_V2C, .community = (const uint8_t *)"public", .community_len = 6 };
  m.pdu.request_id = (int32_t)other->ids[0];
  size_t n = agent_encode(&t.agent, &m, forged, sizeof forged);
  t.first = (const char *)forged;
  t.first_n = n;
  assert_int_equal(world_ask(&w, p)->dones, 0);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.wrong_source, 1);
  assert_int_equal(w.c.answered, 1);
  assert_int_equal(w.c.error[MOON_E_TIMEOUT], 1);
  end();
}

static void frames(void **state) {
  static const struct { const char *p; size_t n, want; } cases[] = {
    { "", 0, 0 },           { "\x30", 1, 0 },                { "\x30\x05", 2, 7 },           { "\x30\x81\x80", 3, 131 },
    { "\x30\x81", 2, 0 },   { "\x30\x82\x01", 3, 0 },        { "\x30\x82\x01\x00", 4, 260 }, { "\x30\x84\0\0\1\0", 6, 262 },
    { "\x31", 1, SIZE_MAX }, { "\x30\x80", 2, SIZE_MAX },    { "\x30\x85", 2, SIZE_MAX },    { "\x30\x82\xff\xff", 4, SIZE_MAX },
    { "\x30\x84\xff\xff\xff\xff", 6, SIZE_MAX },
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(moon_stream_frame((const uint8_t *)cases[i].p, cases[i].n, 65507), cases[i].want);
  }
}

/* By name, the first of whose addresses has nobody; and from a source. */
static struct dns d;
static void with_dns(struct moon_engine_config *c) { c->resolver = (struct moon_resolver_config){ .servers = d.servers, .timeout_us = 100000 }; }
static void by_name(void **state) {
  (void)state;
  dns_open(&d, false);
  world_init(&w, with_dns);
  dns_init(&d, &w);
  memset(&t, 0, sizeof t);
  t.agent.w = &w;
  t.fd = -1;
  tcp_listen("127.0.0.1");
  dns_name(&d, "core1.example.net", "127.0.0.2", "127.0.0.1", NULL);
  struct moon_peer *p = NULL;
  const struct moon_addr want = { .family = 4, .port = t.agent.addr.port, .stream = 1 }, from = { .ip = { 127, 0, 0, 77 }, .family = 4 };
  assert_int_equal(moon_peer_new_named(w.e, "core1.example.net", &want, &w.credential, &w.policy, &w, &p), MOON_OK);
  assert_int_equal(moon_peer_bind(w.e, p, &from), MOON_OK);
  struct asked *q = asked(p);
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 2);
  char text[MOON_ADDR_TEXT_MAX];
  moon_addr_format(&moon_peer_target(p)->addr, text, sizeof text);
  assert_memory_equal(text, "tcp:127.0.0.1:", 14);
  struct sockaddr_in peer;
  socklen_t len = sizeof peer;
  assert_int_equal(getpeername(t.fd, (struct sockaddr *)&peer, &len), 0);
  assert_int_equal(ntohl(peer.sin_addr.s_addr), 0x7f00004d);
  dns_fini(&d);
  end();
}

static void no_memory(void **state) {
  (void)state;
  bool over = false;
  for (unsigned nth = 1; !over; nth++) {
    begin();
    struct moon_peer *p = NULL;
    size_t alive = failmem_alive();
    failmem_arm(nth);
    enum moon_err err = moon_peer_new(w.e, &t.agent.addr, &w.credential, &w.policy, &w, &p);
    if (!err) {
      struct asked *q = world_ask(&w, p);
      if (q) {
        assert_true(world_run(&w, 10));
        over = !failmem_fired();
        failmem_disarm();
        assert_true(q->err == MOON_OK || q->err == MOON_E_TIMEOUT);
        assert_int_equal(asked(p)->err, MOON_OK);
      }
    } else {
      assert_int_equal(err, MOON_E_NOMEM);
      assert_in_range(failmem_alive(), alive, alive + 2); /* the engine's own room and descriptor stay */
    }
    failmem_disarm();
    end();
    assert_true(nth < 100);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_connection), cmocka_unit_test(six), cmocka_unit_test(pieces), cmocka_unit_test(nonsense),
    cmocka_unit_test(breaks), cmocka_unit_test(nobody_there), cmocka_unit_test(never_reads), cmocka_unit_test(gone_in_done),
    cmocka_unit_test(wrong_connection), cmocka_unit_test(frames), cmocka_unit_test(by_name), cmocka_unit_test(no_memory),
  };
  int failed = 0;
  failmem_install();
  world_backend = "epoll";
  failed += cmocka_run_group_tests_name("epoll", tests, NULL, NULL);
  world_backend = "libev";
  failed += cmocka_run_group_tests_name("libev", tests, NULL, NULL);
  return failed;
}
