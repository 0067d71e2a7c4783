/* Sockets that answer: from where, when, how many; and whose datagram is whose. The clock is the test's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "failmem.h"
#include "sim_rig.h"
#include "../../core/engine/crowd.h"
#include "../../core/engine/serve.h"
#include "../../core/engine/socket.h"

#include <sys/syscall.h>

#define MS 1000u

/* Before the C library's: room for so many datagrams, then none. */
static int room_for = INT32_MAX;
int sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags) {
  if (n && !room_for) {
    errno = EAGAIN;
    return -1;
  }
  long sent = syscall(SYS_sendmmsg, fd, headers, n < (unsigned)room_for ? n : (unsigned)room_for, flags);
  if (sent > 0) { room_for -= (int)sent; }
  return (int)sent;
}

struct rig {
  struct moon_server *server;
  struct moon_addr at;       /* where it listens */
  int fd;                    /* of the client */
  uint64_t now_us;
  uint64_t delay_us;         /* of answers; the first octet of a request adds as many ms */
  uint32_t copies;           /* answers to each */
  uint32_t served;
  bool other_source;
};

static uint64_t now(void *arg) { return ((struct rig *)arg)->now_us; }

/* The same octets back. */
static void echo(void *arg, const struct moon_arrival *in) {
  struct rig *r = arg;
  r->served++;
  for (uint32_t i = 0; i < r->copies; i++) {
    moon_server_send(r->server, in, in->p, in->n, r->delay_us ? r->delay_us + in->p[0] * MS : 0, r->other_source);
  }
}

static struct moon_addr address(const char *ip, uint16_t port) {
  struct moon_addr a = { .port = port, .family = strchr(ip, ':') ? 6 : 4 };
  assert_int_equal(inet_pton(a.family == 6 ? AF_INET6 : AF_INET, ip, a.ip), 1);
  return a;
}

static bool rig_init(struct rig *r, const char *ip, void (*change)(struct moon_server_config *c)) {
  memset(r, 0, sizeof *r);
  r->now_us = 1000 * MS;
  r->copies = 1;
  struct moon_server_config c = { .serve = echo, .arg = r, .clock_us = now, .clock_arg = r };
  if (change) { change(&c); }
  assert_int_equal(moon_server_new(&c, NULL, NULL, &r->server), MOON_OK);
  r->at = address(ip, 0);
  r->fd = socket(r->at.family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (r->fd < 0 || moon_server_listen(r->server, &r->at, false, &r->at)) {
    if (r->fd >= 0) { close(r->fd); }
    moon_server_free(r->server);
    return false;
  }
  assert_int_not_equal(r->at.port, 0);
  return true;
}

static void rig_fini(struct rig *r) {
  moon_server_free(r->server);
  close(r->fd);
}

static void send_to(struct rig *r, const char *ip, const void *p, size_t n) {
  union moon_sockaddr to;
  struct moon_addr a = address(ip, r->at.port);
  socklen_t len = moon_sockaddr_put(&to, &a);
  assert_int_equal(sendto(r->fd, p, n, 0, &to.any, len), n);
}

/* Octets of the next answer, -1 when there is none; a turn happened before. */
static ssize_t answer(struct rig *r, void *p, size_t n, struct moon_addr *from) {
  union moon_sockaddr sa;
  socklen_t len = sizeof sa;
  struct pollfd wait = { .fd = r->fd, .events = POLLIN };
  if (poll(&wait, 1, 20) <= 0) { return -1; }
  ssize_t got = recvfrom(r->fd, p, n, MSG_DONTWAIT, &sa.any, &len);
  moon_sockaddr_get(&sa, from);
  return got;
}

static void asked_addresses(void **state) {
  static const char *const hosts[] = { "127.0.0.1", "127.7.8.9", "127.255.0.3" };
  struct rig r;
  struct moon_addr from, second;
  uint8_t buf[16];
  (void)state;
  assert_true(rig_init(&r, "0.0.0.0", NULL));
  second = address("0.0.0.0", 0);
  assert_int_equal(moon_server_listen(r.server, &second, true, &second), MOON_OK);
  assert_int_not_equal(second.port, r.at.port);
  for (size_t i = 0; i < 6; i++) {
    uint16_t first = r.at.port;
    if (i >= 3) { r.at.port = second.port; }
    send_to(&r, hosts[i % 3], "ask", 3);
    moon_server_turn(r.server);
    assert_int_equal(answer(&r, buf, sizeof buf, &from), 3);
    struct moon_addr want = address(hosts[i % 3], i < 3 ? first : second.port);
    assert_true(moon_addr_equal(&from, &want));
    r.at.port = first;
  }
  int fds[4];
  assert_int_equal(moon_server_fds(r.server, fds, 4), 2);
  const struct moon_server_counts *c = moon_server_counts(r.server);
  assert_int_equal(c->datagrams_in, 6);
  assert_int_equal(c->datagrams_out, 6);
  assert_int_equal(c->octets_out, 18);
  rig_fini(&r);
}

static void ipv6(void **state) {
  struct rig r;
  struct moon_addr from;
  uint8_t buf[16];
  (void)state;
  if (!rig_init(&r, "::", NULL)) { skip(); } /* this host has no IPv6 */
  send_to(&r, "::1", "ask", 3);
  moon_server_turn(r.server);
  assert_int_equal(answer(&r, buf, sizeof buf, &from), 3);
  struct moon_addr want = address("::1", r.at.port);
  assert_true(moon_addr_equal(&from, &want));
  r.other_source = true; /* there is no second address: another port */
  send_to(&r, "::1", "ask", 3);
  moon_server_turn(r.server);
  assert_int_equal(answer(&r, buf, sizeof buf, &from), 3);
  assert_memory_equal(from.ip, want.ip, 16);
  assert_int_not_equal(from.port, want.port);
  rig_fini(&r);
}

static void other_source(void **state) {
  struct rig r;
  struct moon_addr from;
  uint8_t buf[16];
  (void)state;
  assert_true(rig_init(&r, "0.0.0.0", NULL));
  r.other_source = true;
  send_to(&r, "127.1.2.3", "ask", 3);
  moon_server_turn(r.server);
  assert_int_equal(answer(&r, buf, sizeof buf, &from), 3);
  struct moon_addr want = address("127.129.2.3", r.at.port);
  assert_true(moon_addr_equal(&from, &want));
  rig_fini(&r);
}

/* More than a batch, and the largest there is. */
static void many_and_large(void **state) {
  static uint8_t big[65507], buf[65536];
  struct rig r;
  struct moon_addr from;
  (void)state;
  assert_true(rig_init(&r, "127.0.0.1", NULL));
  int space = 1 << 22;
  setsockopt(r.fd, SOL_SOCKET, SO_RCVBUF, &space, sizeof space);
  r.copies = 2;
  for (int i = 0; i < 150; i++) { send_to(&r, "127.0.0.1", "x", 1); }
  for (int i = 0; i < 3; i++) { moon_server_turn(r.server); }
  assert_int_equal(r.served, 150);
  for (int i = 0; i < 300; i++) { assert_int_equal(answer(&r, buf, sizeof buf, &from), 1); }
  r.copies = 1;
  for (size_t i = 0; i < sizeof big; i++) { big[i] = (uint8_t)(i * 7); }
  for (int i = 0; i < 5; i++) {
    send_to(&r, "127.0.0.1", big, sizeof big);
    moon_server_turn(r.server);
    assert_int_equal(answer(&r, buf, sizeof buf, &from), sizeof big);
    assert_memory_equal(buf, big, sizeof big);
  }
  assert_int_equal(moon_server_counts(r.server)->send_errors, 0);
  rig_fini(&r);
}

/* Answers that wait come when their time is there, in the order of their times, never before. */
static void delays(void **state) {
  struct rig r;
  struct moon_addr from;
  uint8_t buf[4];
  (void)state;
  assert_true(rig_init(&r, "127.0.0.1", NULL));
  assert_true(moon_server_next_us(r.server) == UINT64_MAX);
  r.delay_us = 10 * MS;
  for (uint8_t ms = 50; ms > 0; ms = (uint8_t)(ms - 10)) { send_to(&r, "127.0.0.1", &ms, 1); }
  moon_server_turn(r.server);
  assert_int_equal(moon_server_counts(r.server)->held, 5);
  assert_in_range(moon_server_next_us(r.server), r.now_us, r.now_us + 20 * MS);
  r.now_us += 19 * MS;
  moon_server_turn(r.server);
  assert_int_equal(answer(&r, buf, sizeof buf, &from), -1);
  for (uint8_t ms = 10; ms <= 50; ms = (uint8_t)(ms + 10)) {
    r.now_us += 10 * MS;
    moon_server_turn(r.server);
    assert_int_equal(answer(&r, buf, sizeof buf, &from), 1);
    assert_int_equal(buf[0], ms);
  }
  assert_int_equal(moon_server_counts(r.server)->held, 0);
  assert_true(moon_server_next_us(r.server) == UINT64_MAX);
  send_to(&r, "127.0.0.1", "\1", 1); /* one that is never due is freed with the server */
  moon_server_turn(r.server);
  rig_fini(&r);
}

static void a_full_kernel(void **state) {
  (void)state;
  struct rig r;
  uint8_t buf[16];
  assert_true(rig_init(&r, "127.0.0.1", NULL));
  r.copies = 5;
  room_for = 2;
  send_to(&r, "127.0.0.1", "\1", 1);
  moon_server_turn(r.server);
  const struct moon_server_counts *c = moon_server_counts(r.server);
  assert_int_equal(c->datagrams_out, 2);
  assert_int_equal(c->held, 3);
  r.now_us += 2 * MS;
  moon_server_turn(r.server); /* still full */
  assert_int_equal(moon_server_counts(r.server)->held, 3);
  room_for = INT32_MAX;
  r.now_us += 2 * MS;
  moon_server_turn(r.server);
  c = moon_server_counts(r.server);
  assert_int_equal(c->held, 0);
  assert_int_equal(c->datagrams_out, 5);
  assert_int_equal(c->send_errors + c->held_dropped, 0);
  for (int i = 0; i < 5; i++) { assert_int_equal(recv(r.fd, buf, sizeof buf, MSG_DONTWAIT), 1); }
  rig_fini(&r);
}

static void small(struct moon_server_config *c) {
  c->max_held = 3;
  c->max_held_octets = 100;
}

static void bounds(void **state) {
  struct rig r;
  struct moon_addr from;
  uint8_t buf[128] = { 0 };
  (void)state;
  assert_true(rig_init(&r, "127.0.0.1", small));
  r.delay_us = 5 * MS;
  for (int i = 0; i < 5; i++) { send_to(&r, "127.0.0.1", "\0", 1); }
  moon_server_turn(r.server);
  assert_int_equal(moon_server_counts(r.server)->held, 3);
  assert_int_equal(moon_server_counts(r.server)->held_dropped, 2);
  r.now_us += 10 * MS;
  moon_server_turn(r.server);
  for (int i = 0; i < 3; i++) { assert_int_equal(answer(&r, buf, sizeof buf, &from), 1); }
  for (int i = 0; i < 2; i++) { send_to(&r, "127.0.0.1", memset(buf, 0, sizeof buf), 60); }
  moon_server_turn(r.server);
  assert_int_equal(moon_server_counts(r.server)->held, 1);
  assert_int_equal(moon_server_counts(r.server)->held_dropped, 3);
  rig_fini(&r);
}

static void port_taken(void **state) {
  struct rig r;
  struct moon_addr again, a;
  (void)state;
  assert_true(rig_init(&r, "127.0.0.1", NULL));
  a = r.at;
  errno = 0;
  assert_int_equal(moon_server_listen(r.server, &a, false, &again), MOON_E_CONFIG);
  assert_int_equal(errno, EADDRINUSE);
  rig_fini(&r);
}

static void no_memory(void **state) {
  (void)state;
  failmem_install();
  for (unsigned n = 1;; n++) {
    struct rig r = { .now_us = 5 };
    struct moon_server_config c = { .serve = echo, .arg = &r, .clock_us = now, .clock_arg = &r };
    struct moon_addr a = address("127.0.0.1", 0);
    size_t alive = failmem_alive();
    failmem_arm(n);
    enum moon_err err = moon_server_new(&c, NULL, NULL, &r.server);
    if (!err) { err = moon_server_listen(r.server, &a, false, &a); }
    bool fired = failmem_fired();
    assert_int_equal(err, fired ? MOON_E_NOMEM : MOON_OK);
    moon_server_free(r.server);
    assert_int_equal(failmem_alive(), alive);
    if (!fired) { break; }
  }
  failmem_disarm();
}

/* ---- agents behind it */

static const char text[] = "1.3.6.1.2.1.1.3.0|67|100\n1.3.6.1.2.1.1.5.0|4|name\n";

static size_t request(uint8_t *out, size_t cap, const char *community) {
  struct moon_writer w;
  uint16_t n;
  const uint8_t *oid = sim_oid("1.3.6.1.2.1.1.3.0", &n);
  const struct moon_varbind vb = { .oid = oid, .oid_len = n, .type = MOON_NULL, .value = oid };
  moon_writer_init(&w, out, cap);
  moon_varbind_put(&w, &vb);
  const struct moon_pdu pdu = { .varbinds = w.p, .varbinds_len = moon_writer_len(&w), .request_id = 7, .type = MOON_PDU_GET };
  moon_message_encode(&w, MOON_V2C, (const uint8_t *)community, strlen(community), &pdu);
  assert_int_equal(w.err, MOON_OK);
  memmove(out, w.p, moon_writer_len(&w));
  return moon_writer_len(&w);
}

static void crowd(void **state) {
  static const struct moon_community all[] = { { (const uint8_t *)"one", 3, false }, { (const uint8_t *)"two", 3, false } };
  struct rig r = { .now_us = 1000 * MS };
  struct moon_recording *recording = sim_recording(text);
  struct moon_profile open = { .recording = recording }, profile[2] = { open, open };
  struct moon_crowd *c;
  struct moon_addr from;
  uint8_t buf[512];
  (void)state;
  for (int i = 0; i < 2; i++) {
    profile[i].communities = &all[i];
    profile[i].n_communities = 1;
  }
  assert_int_equal(moon_crowd_new(4, &c), MOON_OK);
  struct moon_server_config config = { .serve = moon_crowd_serve, .arg = c, .clock_us = now, .clock_arg = &r };
  assert_int_equal(moon_server_new(&config, NULL, NULL, &r.server), MOON_OK);
  moon_crowd_attach(c, r.server);
  r.at = address("0.0.0.0", 0);
  assert_int_equal(moon_server_listen(r.server, &r.at, true, &r.at), MOON_OK);
  r.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const struct moon_addr a = address("127.0.0.1", r.at.port), b = address("127.0.0.2", r.at.port);
  assert_int_equal(moon_crowd_add(c, &a, &open, "open", 1, r.now_us), MOON_OK);
  assert_int_equal(moon_crowd_add(c, &b, &profile[0], "first", 1, r.now_us), MOON_OK);
  assert_int_equal(moon_crowd_add(c, &b, &profile[1], "second", 1, r.now_us), MOON_OK);
  assert_int_equal(moon_crowd_n(c), 3);
  assert_ptr_equal(moon_crowd_find(c, &b), moon_crowd_at(c, 1));
  assert_ptr_equal(moon_crowd_named(c, "second"), moon_crowd_at(c, 2));
  assert_null(moon_crowd_named(c, "third"));
  static const struct { const char *to, *community; int who; bool answered; } asks[] = {
    { "127.0.0.1", "whatever", 0, true }, { "127.0.0.2", "one", 1, true }, { "127.0.0.2", "two", 2, true },
    { "127.0.0.2", "three", 1, false }, { "127.0.0.3", "one", -1, false } };
  for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
    struct moon_agent_counts before = { 0 };
    if (asks[i].who >= 0) { before = moon_crowd_at(c, (uint32_t)asks[i].who)->agent.counts; }
    send_to(&r, asks[i].to, buf, request(buf, sizeof buf, asks[i].community));
    moon_server_turn(r.server);
    assert_int_equal(answer(&r, buf, sizeof buf, &from) > 0, asks[i].answered);
    if (asks[i].who < 0) { continue; }
    const struct moon_agent_counts *after = &moon_crowd_at(c, (uint32_t)asks[i].who)->agent.counts;
    assert_int_equal(after->answered - before.answered, asks[i].answered);
    assert_int_equal(after->bad_community - before.bad_community, !asks[i].answered);
  }
  send_to(&r, "127.0.0.1", "junk", 4);
  send_to(&r, "127.0.0.2", "junk", 4);
  moon_server_turn(r.server);
  struct moon_agent_counts sum;
  moon_crowd_counts(c, &sum);
  assert_int_equal(sum.datagrams, 6);
  assert_int_equal(sum.malformed, 2);
  assert_int_equal(sum.answered, 3);
  assert_int_equal(moon_crowd_nobody(c), 1);
  assert_int_equal(moon_crowd_add(c, &a, &open, "four", 1, r.now_us), MOON_OK);
  assert_int_equal(moon_crowd_add(c, &a, &open, "five", 1, r.now_us), MOON_E_LIMIT);
  rig_fini(&r);
  moon_crowd_free(c);
  moon_recording_free(recording);
}

/* Thousands at one address, told apart by community; those who know the same one: the first of them. */
static void crowded(void **state) {
  enum { N = 3000 };
  static char names[N][8];
  static struct moon_community all[N][2];
  static struct moon_profile profiles[N];
  struct moon_recording *recording = sim_recording(text);
  struct moon_profile open = { .recording = recording };
  struct moon_crowd *c;
  const struct moon_addr here = address("127.0.0.1", 161), there = address("127.0.0.2", 161);
  size_t alive;
  (void)state;
  failmem_install();
  alive = failmem_alive();
  assert_int_equal(moon_crowd_new(2 * N + 2, &c), MOON_OK);
  for (uint32_t i = 0; i < N; i++) {
    int n = snprintf(names[i], sizeof names[i], "c%u", i);
    all[i][0] = (struct moon_community){ (const uint8_t *)names[i], (uint8_t)n, false };
    all[i][1] = (struct moon_community){ (const uint8_t *)"private", 7, true };
    profiles[i] = (struct moon_profile){ .recording = recording, .communities = all[i], .n_communities = 2 };
  }
  for (uint32_t i = 0; i < N; i++) {
    assert_int_equal(moon_crowd_add(c, &here, &profiles[i], names[i], 1, 0), MOON_OK);
    assert_int_equal(moon_crowd_add(c, &there, &profiles[N - 1 - i], names[i], 1, 0), MOON_OK);
  }
  for (uint32_t i = 0; i < N; i++) {
    struct moon_crowd_member *m = moon_crowd_knowing(c, &here, (const uint8_t *)names[i], strlen(names[i]));
    assert_ptr_equal(m, moon_crowd_at(c, 2 * i));
    assert_int_equal(m->next, i == N - 1 ? UINT32_MAX : 2 * i + 2);
    assert_ptr_equal(moon_crowd_knowing(c, &there, (const uint8_t *)names[i], strlen(names[i])), moon_crowd_at(c, 2 * (N - 1 - i) + 1));
  }
  assert_ptr_equal(moon_crowd_knowing(c, &here, (const uint8_t *)"private", 7), moon_crowd_at(c, 0));
  assert_null(moon_crowd_knowing(c, &here, (const uint8_t *)"c", 1));
  assert_int_equal(moon_crowd_add(c, &here, &open, "any", 1, 0), MOON_OK); /* after all others, for what they do not know */
  assert_ptr_equal(moon_crowd_knowing(c, &here, (const uint8_t *)"c", 1), moon_crowd_at(c, 2 * N));
  assert_ptr_equal(moon_crowd_knowing(c, &here, (const uint8_t *)"c1", 2), moon_crowd_at(c, 2));
  assert_ptr_equal(moon_crowd_find(c, &here), moon_crowd_at(c, 0));
  moon_crowd_free(c);
  assert_int_equal(failmem_alive(), alive);
  moon_recording_free(recording);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(asked_addresses), cmocka_unit_test(ipv6),   cmocka_unit_test(other_source), cmocka_unit_test(many_and_large),
    cmocka_unit_test(delays),          cmocka_unit_test(bounds), cmocka_unit_test(port_taken),   cmocka_unit_test(crowd),
    cmocka_unit_test(no_memory),       cmocka_unit_test(a_full_kernel), cmocka_unit_test(crowded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
