#include "stream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../base/mem.h"
#include "../base/remedy.h"

#define IN_MIN 4096u
#define EVENTS 64
#define ROUNDS 16          /* of EVENTS in one turn */
#define READS 16           /* of one connection in one turn, then the others have theirs */
#define DEAD_MIN_US 5000000u

struct moon_stream {
  struct moon_peer *peer;
  int fd;                  /* -1: none */
  bool connecting;
  int cause;               /* errno that ended the last one; 0 */
  uint8_t *in, *out;
  size_t in_n, in_cap, out_n, out_cap;
};

size_t moon_stream_frame(const uint8_t *p, size_t n, size_t max) {
  if (n > 0 && p[0] != MOON_SEQUENCE) { return SIZE_MAX; }
  if (n < 2) { return 0; }
  size_t head = 2, len = p[1];
  if (len & 0x80) {
    size_t octets = len & 0x7f;
    if (octets == 0 || octets > 4) { return SIZE_MAX; } /* RFC 3417 8: definite */
    if (n < 2 + octets) { return 0; }
    for (len = 0; head < 2 + octets; head++) { len = len << 8 | p[head]; }
  }
  return len > max || len + head > max ? SIZE_MAX : head + len;
}

/* ---- life */

static void streams_ready(void *arg, int fd) {
  struct moon_engine *e = arg;
  (void)fd;
  e->streams_due = true;
}

/* Loops are asked for readable descriptors only; that a connection is made shows as writable. So one epoll descriptor stands for
 * all of them. */
static enum moon_err need_streams(struct moon_engine *e) {
  if (!e->local_room) { e->local_room = moon_mem_alloc(MOON_DATAGRAM_MAX); }
  if (!e->local_room) { return MOON_E_NOMEM; }
  if (e->streams_fd >= 0) { return MOON_OK; }
  int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) { return MOON_E_CONFIG; }
  enum moon_err err = e->io ? e->io->watch(e->loop, fd, streams_ready, e) : MOON_OK;
  if (err) {
    close(fd);
    return err;
  }
  e->streams_fd = fd;
  return MOON_OK;
}

enum moon_err moon_stream_new(struct moon_engine *e, struct moon_peer *p, struct moon_stream **out) {
  enum moon_err err = need_streams(e);
  if (err) { return err; }
  struct moon_stream *s = moon_mem_zalloc(sizeof *s);
  if (!s) { return MOON_E_NOMEM; }
  s->peer = p;
  s->fd = -1;
  *out = s;
  return MOON_OK;
}

void moon_stream_close(struct moon_engine *e, struct moon_stream *s) {
  (void)e;
  if (s->fd >= 0) { close(s->fd); } /* which takes it out of epoll too */
  s->fd = -1;
  s->connecting = false;
  s->in_n = 0;
  s->out_n = 0;
}

void moon_stream_free(struct moon_engine *e, struct moon_stream *s) {
  if (!s) { return; }
  if (e->reading == s->peer) { e->reading = NULL; }
  moon_stream_close(e, s);
  moon_mem_free(s->in);
  moon_mem_free(s->out);
  moon_mem_free(s);
}

void moon_streams_fini(struct moon_engine *e) {
  if (e->streams_fd < 0) { return; }
  if (e->io) { e->io->unwatch(e->loop, e->streams_fd); }
  close(e->streams_fd);
  e->streams_fd = -1;
}

/* ---- how one ends */

/* It was never made: that is over for every try that waited for it; to one that is in its pause already it changes nothing. */
static void blame(struct moon_engine *e, struct moon_stream *s) {
  enum moon_err err = s->cause == ECONNREFUSED ? MOON_E_REFUSED : MOON_E_UNREACHABLE;
  for (struct moon_list *node = s->peer->flying.next, *next; node != &s->peer->flying; node = next) {
    struct moon_slot *slot = MOON_LIST_ENTRY(node, struct moon_slot, node);
    struct moon_outcome o;
    next = node->next;
    if (slot->state != MOON_SLOT_FLYING) { continue; }
    enum moon_verdict v = moon_exchange_icmp(&slot->x, err, e->now_us, &o);
    if (v == MOON_VERDICT_MINE) {
      moon_engine_finish_later(e, slot, o.err);
    } else {
      moon_engine_verdict(e, slot, v, &o);
    }
  }
}

static void fail(struct moon_engine *e, struct moon_stream *s, int cause) {
  bool made = s->fd >= 0 && !s->connecting;
  s->cause = cause;
  moon_stream_close(e, s);
  if (!made) { blame(e, s); }
}

/* ---- out */

static void set_int(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

static void want(struct moon_engine *e, struct moon_stream *s, int op) {
  struct epoll_event ev = { .events = EPOLLIN | (s->connecting || s->out_n ? (uint32_t)EPOLLOUT : 0), .data.u32 = s->peer->index };
  if (epoll_ctl(e->streams_fd, op, s->fd, &ev)) { fail(e, s, errno); }
}

static int connect_to(const struct moon_peer *p, bool *connecting) {
  int fd = socket(p->target.addr.family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) { return -1; }
  uint64_t dead_us = ((uint64_t)p->target.policy->retries + 1) * p->target.policy->timeout_us;
  if (dead_us < DEAD_MIN_US) { dead_us = DEAD_MIN_US; }
  set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, dead_us > INT32_MAX ? INT32_MAX : (int)(dead_us / 1000)); /* or it lasts a quarter of an hour */
  set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  const struct moon_addr *source = &p->socket->source;
  bool failed = source->family == p->target.addr.family && moon_socket_bind(fd, source);
  failed = failed || (connect(fd, &p->to.any, p->to_len) && errno != EINPROGRESS);
  if (failed) {
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
  }
  *connecting = true; /* one that is made at once says so by being writable */
  return fd;
}

void moon_stream_open(struct moon_engine *e, struct moon_stream *s) {
  if (s->fd >= 0) { return; }
  s->fd = connect_to(s->peer, &s->connecting);
  if (s->fd < 0) {
    int cause = errno;
    if (moon_engine_is_short(cause) && !e->streams_told) {
      e->streams_told = true;
      moon_engine_notice(e, s->peer, "no connection can be opened: %s%s", strerror(cause), moon_remedy(cause));
    }
    fail(e, s, cause);
  } else {
    s->cause = 0;
    want(e, s, EPOLL_CTL_ADD);
  }
}

bool moon_stream_is_open(const struct moon_stream *s, int *cause) {
  *cause = s->fd < 0 ? s->cause : 0;
  return s->fd >= 0 && !s->connecting;
}

static void flush(struct moon_engine *e, struct moon_stream *s) {
  size_t at = 0;
  while (at < s->out_n) {
    ssize_t n = send(s->fd, s->out + at, s->out_n - at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) { continue; }
    if (n < 0 && errno != EAGAIN) {
      fail(e, s, errno);
      return;
    }
    if (n < 0) { break; }
    at += (size_t)n;
  }
  if (at) { memmove(s->out, s->out + at, s->out_n - at); }
  s->out_n -= at;
}

void moon_stream_send(struct moon_engine *e, struct moon_stream *s, const uint8_t *p, size_t n) {
  moon_stream_open(e, s);
  if (s->fd < 0) { return; }
  if (s->out_n + n > s->out_cap) {
    size_t cap = s->out_n + n < IN_MIN ? IN_MIN : s->out_n + n;
    uint8_t *grown = s->out_n + n > MOON_STREAM_OUT_MAX ? NULL : moon_mem_resize(s->out, cap, 1);
    if (!grown) {
      e->counters->send_errors++;
      return;
    }
    s->out = grown;
    s->out_cap = cap;
  }
  memcpy(s->out + s->out_n, p, n);
  s->out_n += n;
  e->counters->datagrams_out++;
  e->counters->octets_out += n;
  if (s->connecting) { return; }
  flush(e, s);
  if (s->fd >= 0 && s->out_n) { want(e, s, EPOLL_CTL_MOD); }
}

/* ---- in */

static void writable(struct moon_engine *e, struct moon_stream *s) {
  int cause = 0;
  socklen_t len = sizeof cause;
  if (s->connecting) {
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &cause, &len)) { cause = errno; }
    if (cause) {
      fail(e, s, cause);
      return;
    }
    s->connecting = false;
  }
  flush(e, s);
  if (s->fd >= 0) { want(e, s, EPOLL_CTL_MOD); }
}

/* Whole messages at the front of what came. What does not begin like one cannot be told apart any more: the connection ends.
 * false: the peer is gone, and s with it. */
static bool take(struct moon_engine *e, struct moon_stream *s) {
  const struct moon_peer *p = s->peer;
  size_t at = 0, n;
  e->reading = s->peer;
  while (s->fd >= 0 && (n = moon_stream_frame(s->in + at, s->in_n - at, MOON_DATAGRAM_MAX)) > 0) {
    if (n == SIZE_MAX) {
      e->counters->datagrams_in++;
      e->counters->malformed++;
      e->counters->octets_in += s->in_n - at;
      fail(e, s, EPROTO);
      break;
    }
    if (n > s->in_n - at) { break; }
    moon_match_datagram(e, s->in + at, n, &p->to);
    if (!e->reading) { return false; }
    at += n;
  }
  e->reading = NULL;
  if (s->fd >= 0) {
    if (at) { memmove(s->in, s->in + at, s->in_n - at); }
    s->in_n -= at;
  }
  return true;
}

static bool room(struct moon_stream *s) {
  if (s->in_cap - s->in_n >= IN_MIN / 2) { return true; }
  uint8_t *grown = moon_mem_resize(s->in, s->in_cap ? s->in_cap * 2 : IN_MIN, 1); /* twice the largest message at most */
  if (!grown) { return false; }
  s->in = grown;
  s->in_cap = s->in_cap ? s->in_cap * 2 : IN_MIN;
  return true;
}

static void readable(struct moon_engine *e, struct moon_stream *s) {
  for (int i = 0; i < READS; i++) {
    if (!room(s)) {
      fail(e, s, ENOMEM);
      return;
    }
    ssize_t n = recv(s->fd, s->in + s->in_n, s->in_cap - s->in_n, 0);
    if (n < 0 && errno == EINTR) { continue; }
    if (n < 0 && errno == EAGAIN) { return; }
    if (n <= 0) {
      fail(e, s, n ? errno : ECONNRESET);
      return;
    }
    bool whole = s->in_n + (size_t)n < s->in_cap; /* there was room for more */
    s->in_n += (size_t)n;
    e->now_us = moon_engine_clock_us(e);
    if (!take(e, s) || s->fd < 0 || whole) { return; }
  }
  e->again = true;
}

void moon_streams_turn(struct moon_engine *e) {
  struct epoll_event events[EVENTS];
  e->streams_due = false;
  for (int round = 0; round < ROUNDS; round++) {
    int n = epoll_wait(e->streams_fd, events, EVENTS, 0);
    for (int i = 0; i < n; i++) { /* by index: what one event does may end the peer of another */
      struct moon_peer *p = events[i].data.u32 < e->peers.cap ? e->peers.at[events[i].data.u32] : NULL;
      if (!p || !p->stream || p->stream->fd < 0) { continue; }
      if (p->stream->connecting || (events[i].events & EPOLLOUT)) { writable(e, p->stream); }
      if (p->stream->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT)) { readable(e, p->stream); }
    }
    if (n < EVENTS) { return; }
  }
  e->again = true;
}
