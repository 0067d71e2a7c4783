/* dns: a name server on 127.0.0.1 in the loop of a world: UDP, and TCP on the same port for answers that do not fit. What it
 * knows is a table that tests change while it runs.
 *
 *   struct dns d;
 *   dns_open(&d, true); ... .servers = d.servers ... dns_init(&d, &w);        before and after world_init
 *   struct dns_name *n = dns_name(&d, "core1.example.net", "127.0.0.2", "127.0.0.3", NULL);
 *   n->how = DNS_SERVFAIL;                                    n->asked counts the questions
 *   dns_fini(&d);                                             before world_fini */
#ifndef MOON_TESTS_DNS_H
#define MOON_TESTS_DNS_H

#include <errno.h>
#include <strings.h>

#include "world.h"

#define DNS_NAMES_MAX 32
#define DNS_ADDRESSES_MAX 4
#define DNS_HELD_MAX 4096

enum dns_how {
  DNS_ANSWER,
  DNS_NXDOMAIN,
  DNS_SERVFAIL,
  DNS_REFUSED,
  DNS_SILENT,
  DNS_GARBAGE,   /* octets that are no DNS message */
  DNS_CUT,       /* the answer ends in the middle of a record */
  DNS_OTHER_ID,  /* nobody asked for that */
  DNS_LOOPS,     /* a compressed name that points at itself */
  DNS_TRUNCATED  /* over UDP: come by TCP */
};

struct dns_name {
  char name[64];   /* "*.x": all names that end in .x */
  const char *address[DNS_ADDRESSES_MAX];
  uint32_t n;
  uint32_t ttl;
  uint32_t asked, by_tcp;
  enum dns_how how;
};

struct dns_held {
  struct sockaddr_storage to;
  socklen_t to_len;
  size_t len;
  uint8_t octets[512];
};

struct dns {
  struct world *w;
  int fd, listener, stream; /* -1 */
  char servers[32];
  struct dns_name names[DNS_NAMES_MAX];
  uint32_t n;
  bool silent;          /* to everything */
  uint64_t hold_us;     /* before each answer; 0: none */
  uint32_t questions, most_held, n_held;
  struct dns_held held[DNS_HELD_MAX];
  struct moon_timer timer;
};

UNUSED static struct dns_name *dns_find(struct dns *d, const char *name) {
  for (uint32_t i = 0; i < d->n; i++) {
    const char *known = d->names[i].name;
    size_t n = strlen(name), k = strlen(known);
    if (strcasecmp(known, name) == 0 || (known[0] == '*' && n >= k && strcasecmp(name + n - k + 1, known + 1) == 0)) { return &d->names[i]; }
  }
  return NULL;
}

UNUSED static size_t dns_put(uint8_t *p, uint32_t v, size_t n) {
  for (size_t i = 0; i < n; i++) { p[i] = (uint8_t)(v >> (8 * (n - 1 - i))); }
  return n;
}

/* The answer to the question q; 0: silence. */
UNUSED static size_t dns_answer(struct dns *d, const uint8_t *q, size_t n, bool tcp, uint8_t *out) {
  char name[256];
  size_t at = 12, len = 0;
  if (n < 17) { return 0; }
  for (; at < n && q[at]; at += q[at] + 1u) {
    if (len) { name[len++] = '.'; }
    memcpy(name + len, q + at + 1, q[at]);
    len += q[at];
  }
  name[len] = 0;
  at++;
  uint16_t type = (uint16_t)(q[at] << 8 | q[at + 1]);
  at += 4;
  d->questions++;
  struct dns_name *z = dns_find(d, name);
  if (z) {
    z->asked++;
    z->by_tcp += tcp;
  }
  enum dns_how how = z ? z->how : DNS_NXDOMAIN;
  if (d->silent || how == DNS_SILENT) { return 0; }
  memcpy(out, q, at);
  out[2] = 0x84 | (q[2] & 1); /* QR AA, RD as asked */
  out[3] = 0x80;
  memset(out + 6, 0, 6);
  uint16_t answers = 0;
  if (how == DNS_NXDOMAIN) { out[3] |= 3; }
  if (how == DNS_SERVFAIL) { out[3] |= 2; }
  if (how == DNS_REFUSED) { out[3] |= 5; }
  if (how == DNS_OTHER_ID) { out[1] ^= 0x55; }
  if (how == DNS_TRUNCATED && !tcp) { out[2] |= 2; }
  if (how == DNS_GARBAGE) {
    memset(out, 0xff, at);
    memcpy(out, q, 2);
    return at;
  }
  if (how == DNS_LOOPS) {
    memcpy(out + at, "\xc0", 1);
    out[at + 1] = (uint8_t)at;
    at += 2 + dns_put(out + at + 2, 0x00010001, 4);
    at += dns_put(out + at, 60, 4);
    at += dns_put(out + at, 4, 2) + 4;
    out[7] = 1;
    return at;
  }
  if (out[3] & 15 || out[2] & 2) { return at; }
  for (uint32_t i = 0; z && i < z->n; i++) {
    bool six = strchr(z->address[i], ':');
    if (type != (six ? 28 : 1)) { continue; }
    at += dns_put(out + at, 0xc00c, 2);
    at += dns_put(out + at, type, 2);
    at += dns_put(out + at, 1, 2);
    at += dns_put(out + at, z->ttl, 4);
    at += dns_put(out + at, six ? 16 : 4, 2);
    assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, z->address[i], out + at), 1);
    at += six ? 16 : 4;
    answers++;
  }
  dns_put(out + 6, answers, 2);
  return how == DNS_CUT ? at - 6 : at;
}

UNUSED static void dns_release(void *arg) {
  struct dns *d = arg;
  for (uint32_t i = 0; i < d->n_held; i++) {
    struct dns_held *h = &d->held[i];
    sendto(d->fd, h->octets, h->len, 0, (struct sockaddr *)&h->to, h->to_len);
  }
  d->n_held = 0;
}

UNUSED static void dns_ready(void *arg, int fd) {
  struct dns *d = arg;
  uint8_t in[512];
  for (;;) {
    struct dns_held h = { .to_len = sizeof h.to };
    ssize_t n = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&h.to, &h.to_len);
    if (n < 0) { return; }
    h.len = dns_answer(d, in, (size_t)n, false, h.octets);
    if (!h.len) { continue; }
    if (!d->hold_us) {
      sendto(fd, h.octets, h.len, 0, (struct sockaddr *)&h.to, h.to_len);
      continue;
    }
    assert_true(d->n_held < DNS_HELD_MAX);
    if (!d->n_held) { moon_timer_start(d->w->e, &d->timer, moon_engine_now(d->w->e) + d->hold_us); }
    d->held[d->n_held++] = h;
    if (d->n_held > d->most_held) { d->most_held = d->n_held; }
  }
}

UNUSED static void dns_stream(void *arg, int fd) {
  struct dns *d = arg;
  uint8_t in[514], out[514];
  ssize_t n = recv(fd, in, sizeof in, 0);
  if (n <= 2) {
    if (n < 0 && errno == EAGAIN) { return; }
    moon_loop_io(d->w->loop)->unwatch(d->w->loop, fd);
    close(fd);
    d->stream = -1;
    return;
  }
  /* Two questions may share a segment. */
  for (ssize_t at = 0; n - at > 2;) {
    size_t len = (size_t)(in[at] << 8 | in[at + 1]);
    if ((size_t)(n - at - 2) < len) { return; }
    size_t put = dns_answer(d, in + at + 2, len, true, out + 2);
    dns_put(out, (uint32_t)put, 2);
    if (put) { send(fd, out, put + 2, MSG_NOSIGNAL); }
    at += 2 + (ssize_t)len;
  }
}

UNUSED static void dns_accept(void *arg, int fd) {
  struct dns *d = arg;
  int s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (s < 0) { return; }
  if (d->stream >= 0) {
    close(s);
    return;
  }
  d->stream = s;
  assert_int_equal(moon_loop_io(d->w->loop)->watch(d->w->loop, s, dns_stream, d), MOON_OK);
}

UNUSED static struct dns_name *dns_name(struct dns *d, const char *name, ...) {
  va_list args;
  const char *a;
  assert_true(d->n < DNS_NAMES_MAX);
  struct dns_name *n = &d->names[d->n++];
  memset(n, 0, sizeof *n);
  snprintf(n->name, sizeof n->name, "%s", name);
  n->ttl = 60;
  va_start(args, name);
  while ((a = va_arg(args, const char *))) { n->address[n->n++] = a; }
  va_end(args);
  return n;
}

/* Without tcp nobody listens there. */
UNUSED static void dns_open(struct dns *d, bool tcp) {
  memset(d, 0, sizeof *d);
  d->stream = d->listener = -1;
  for (int i = 0; i < 20; i++) { /* a port that is free for both */
    struct moon_addr a = { .port = 0 };
    struct sockaddr_storage s;
    int yes = 1;
    d->fd = world_socket("127.0.0.1", &a);
    assert_true(d->fd >= 0);
    snprintf(d->servers, sizeof d->servers, "127.0.0.1:%u", a.port);
    if (!tcp) { return; }
    d->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(d->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    socklen_t len = world_sockaddr(&a, &s);
    if (!bind(d->listener, (struct sockaddr *)&s, len) && !listen(d->listener, 4)) { return; }
    close(d->listener);
    close(d->fd);
  }
  fail_msg("no port is free");
}

UNUSED static void dns_init(struct dns *d, struct world *w) {
  d->w = w;
  moon_timer_init(&d->timer, dns_release, d);
  assert_int_equal(moon_loop_io(w->loop)->watch(w->loop, d->fd, dns_ready, d), MOON_OK);
  if (d->listener >= 0) { assert_int_equal(moon_loop_io(w->loop)->watch(w->loop, d->listener, dns_accept, d), MOON_OK); }
}

UNUSED static void dns_fini(struct dns *d) {
  const int fds[] = { d->fd, d->listener, d->stream };
  moon_timer_stop(d->w->e, &d->timer);
  for (int i = 0; i < 3; i++) {
    if (fds[i] < 0) { continue; }
    moon_loop_io(d->w->loop)->unwatch(d->w->loop, fds[i]);
    close(fds[i]);
  }
}

#endif
