/* world: an engine, its loop, and agents on 127.0.0.0/8 or ::1 that live in the same loop and do what a test asks of them.
 * After every turn both balances must hold.
 *
 * Their clock leaves out what the machine takes from this process: from one look at it to the next it goes on by a millisecond, or to
 * where the loop was to wake up and a millisecond more, and no further. What is to happen at one moment after the other does so
 * however busy the machine is; a test that stands still on purpose says so, by world_stall.
 *
 *   struct world w;
 *   world_init(&w, NULL);                      NULL: default limits
 *   struct agent *a = world_agent(&w, "127.0.0.1");
 *   struct moon_peer *p = world_peer(&w, a);
 *   struct asked *q = world_ask(&w, p);        counts how it ends
 *   world_run(&w, 5);                          until nothing is in flight, 5 s at most
 *   world_fini(&w); */
#ifndef MOON_TESTS_WORLD_H
#define MOON_TESTS_WORLD_H

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../core/base/mem.h"
#include "../../core/engine/engine.h"

#define UNUSED __attribute__((unused))
#define AGENTS_MAX 1100
#define ASKED_MAX 20200
#define LEAP_US 1000

static const char *world_backend; /* of moon_loop_new */

static const uint8_t sys_uptime[] = { 0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0 };
static const struct moon_request get_uptime = { .varbinds = sys_uptime, .varbinds_len = sizeof sys_uptime, .n_varbinds = 1,
                                                .pdu_type = MOON_PDU_GET, .kind = MOON_KIND_GET };

struct world;

struct agent {
  struct world *w;
  int fd;
  int answer_fd;          /* where answers leave; fd unless a test says otherwise */
  struct moon_addr addr;
  uint32_t seen;          /* requests */
  uint32_t answers;       /* sent */
  uint32_t now, most;     /* requests it holds unanswered */
  uint32_t ids[64];       /* of the first requests */
  struct sockaddr_storage from; /* of the last request */
  /* What it does. */
  bool silent;
  uint32_t drop_first;    /* requests not answered */
  uint32_t copies;        /* of each answer, 0 is one */
  uint64_t delay_us;
  uint64_t delay_first_us; /* of the first request, when not 0 */
  uint32_t add_to_id;
  const char *community;  /* instead of the one asked with */
  int32_t error_status, error_index;
  uint8_t pdu_type;       /* 0: Response */
  uint32_t cut;           /* octets missing at the end */
  uint32_t garbage;       /* datagrams of nonsense before each answer */
};

/* An answer that waits for its time. */
struct reply {
  struct moon_timer t;
  struct moon_list node;
  struct agent *a;
  struct sockaddr_storage to;
  socklen_t to_len;
  size_t len;
  uint8_t octets[256];
};

/* One request of a test, and what became of it. */
struct asked {
  struct world *w;
  struct moon_ticket ticket;
  uint32_t dones;
  uint32_t order;         /* of its done among all */
  enum moon_err err;
  uint32_t rtt_us;
  uint16_t tries;
  uint16_t error_index;
  uint64_t value;         /* of the first varbind */
  uint64_t at_us;         /* of its done */
  void (*then)(struct asked *q, const struct moon_outcome *o);
  void *arg;
};

struct world {
  struct moon_loop *loop;
  struct moon_engine *e;
  struct moon_counters c;
  struct moon_policy policy;
  struct moon_engine_config config;
  struct moon_credential credential;
  struct agent agents[AGENTS_MAX];
  uint32_t n_agents;
  struct asked asked[ASKED_MAX];
  uint32_t n_asked, n_done;
  struct moon_list replies;
  struct moon_timer limit;
  bool out_of_time;
  bool in_turn;
  bool (*until)(struct world *w); /* NULL: nothing is in flight */
  char notices[4096];
  uint32_t n_notices;
  uint32_t most_in_flight;        /* by what the agents hold */
  uint64_t seen_us;               /* the engine's clock, which never goes back */
  uint64_t clock_us, lag_us;      /* what it showed last, and how far it is behind that of the machine */
  uint64_t wake_us;               /* what the loop was asked for */
};

UNUSED static void world_notice(void *arg, void *user, const char *text) {
  struct world *w = arg;
  (void)user;
  size_t n = strlen(w->notices);
  snprintf(w->notices + n, sizeof w->notices - n, "%s\n", text);
  w->n_notices++;
}

UNUSED static uint64_t world_clock_us(void *arg) {
  struct world *w = arg;
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  uint64_t now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 - w->lag_us;
  uint64_t most = w->clock_us > w->wake_us ? w->clock_us : w->wake_us;
  if (w->clock_us && w->wake_us != UINT64_MAX && now > most + LEAP_US) {
    w->lag_us += now - most - LEAP_US;
    now = most + LEAP_US;
  }
  w->clock_us = now;
  return now;
}

static enum moon_err world_watch(void *world, int fd, moon_io_ready *ready, void *arg) {
  struct world *w = world;
  return moon_loop_io(w->loop)->watch(w->loop, fd, ready, arg);
}

static void world_unwatch(void *world, int fd) {
  struct world *w = world;
  moon_loop_io(w->loop)->unwatch(w->loop, fd);
}

/* The loop goes by the machine's clock. */
static void world_wake(void *world, uint64_t at_us) {
  struct world *w = world;
  w->wake_us = at_us;
  moon_loop_io(w->loop)->wake(w->loop, at_us && at_us != UINT64_MAX ? at_us + w->lag_us : at_us);
}

static const struct moon_io world_io = { .watch = world_watch, .unwatch = world_unwatch, .wake = world_wake };

/* The process stands still, and all of that counts. */
UNUSED static void world_stall(struct world *w, long ms) {
  const struct timespec t = { .tv_nsec = ms * 1000000 };
  nanosleep(&t, NULL);
  w->clock_us += (uint64_t)ms * 1000;
}

UNUSED static void world_clock(void *arg) {
  struct world *w = arg;
  if (!w->e) { return; }
  assert_true(moon_engine_now(w->e) >= w->seen_us);
  w->seen_us = moon_engine_now(w->e);
}

UNUSED static void world_turn(void *arg) {
  struct world *w = arg;
  w->in_turn = true;
  moon_engine_turn(w->e);
  w->in_turn = false;
  assert_true(moon_counters_balanced(&w->c));
  if (w->until ? w->until(w) : w->c.in_flight == 0) { moon_loop_stop(w->loop); }
}

UNUSED static void world_limit(void *arg) {
  struct world *w = arg;
  w->out_of_time = true;
  moon_loop_stop(w->loop);
}

/* Defaults with short times, so that tests are; change w->policy before world_peer, config here. */
UNUSED static void world_init(struct world *w, void (*change)(struct moon_engine_config *c)) {
  memset(w, 0, sizeof *w);
  moon_policy_init(&w->policy);
  w->policy.timeout_us = 200000;
  w->policy.rto_floor_us = 50000;
  w->policy.breaker_after = 0;
  moon_engine_config_init(&w->config);
  w->config.seed = 1 + (uint64_t)getpid();
  w->config.counters = &w->c;
  w->config.notice = world_notice;
  w->config.ready = world_clock;
  w->config.clock_us = world_clock_us;
  w->config.clock_arg = w;
  w->config.arg = w;
  if (change) { change(&w->config); }
  strcpy(w->credential.name, "test");
  memcpy(w->credential.community, "public", 6);
  w->credential.community_len = 6;
  w->credential.version = MOON_V2C;
  moon_list_init(&w->replies);
  w->loop = moon_loop_new(world_backend);
  assert_non_null(w->loop);
  assert_int_equal(moon_engine_new(&w->config, &world_io, w, &w->e), MOON_OK);
  moon_loop_on_turn(w->loop, world_turn, w);
  moon_timer_init(&w->limit, world_limit, w);
}

UNUSED static void world_fini(struct world *w) {
  struct moon_list *node;
  while ((node = moon_list_take(&w->replies))) { free(MOON_LIST_ENTRY(node, struct reply, node)); }
  for (uint32_t i = 0; i < w->n_agents; i++) {
    if (w->agents[i].fd < 0) { continue; }
    moon_loop_io(w->loop)->unwatch(w->loop, w->agents[i].fd);
    close(w->agents[i].fd);
  }
  moon_engine_free(w->e);
  moon_loop_free(w->loop);
  assert_true(moon_counters_balanced(&w->c));
}

/* Until `until` or nothing is in flight; false when the time was up. */
UNUSED static bool world_run(struct world *w, double seconds) {
  w->out_of_time = false;
  moon_timer_start(w->e, &w->limit, moon_engine_clock_us(w->e) + (uint64_t)(seconds * 1e6));
  moon_loop_run(w->loop);
  moon_timer_stop(w->e, &w->limit);
  return !w->out_of_time;
}

UNUSED static bool never(struct world *w) {
  (void)w;
  return false;
}
/* Let so much time pass. */
UNUSED static void world_pass(struct world *w, double seconds) {
  bool (*until)(struct world *) = w->until;
  w->until = never;
  assert_false(world_run(w, seconds));
  w->until = until;
}

UNUSED static socklen_t world_sockaddr(const struct moon_addr *a, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  if (a->family == 6) {
    struct sockaddr_in6 s = { .sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_scope_id = a->scope };
    memcpy(&s.sin6_addr, a->ip, 16);
    memcpy(out, &s, sizeof s);
    return sizeof s;
  }
  struct sockaddr_in s = { .sin_family = AF_INET, .sin_port = htons(a->port) };
  memcpy(&s.sin_addr, a->ip, 4);
  memcpy(out, &s, sizeof s);
  return sizeof s;
}

/* A socket on this address and a free port; port 0 in a->port: any. -1: no such address here. */
UNUSED static int world_socket(const char *ip, struct moon_addr *a) {
  struct sockaddr_storage s;
  socklen_t len;
  uint16_t port = a->port;
  memset(a, 0, sizeof *a);
  a->family = strchr(ip, ':') ? 6 : 4;
  a->port = port;
  assert_int_equal(inet_pton(a->family == 6 ? AF_INET6 : AF_INET, ip, a->ip), 1);
  int fd = socket(a->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) { return -1; }
  len = world_sockaddr(a, &s);
  if (bind(fd, (struct sockaddr *)&s, len) || getsockname(fd, (struct sockaddr *)&s, &len)) {
    close(fd);
    return -1;
  }
  uint16_t be;
  memcpy(&be, (char *)&s + 2, 2);
  a->port = ntohs(be);
  return fd;
}

/* Where the engine's IPv4 socket receives. */
UNUSED static uint16_t world_port(struct world *w) {
  int fd;
  struct sockaddr_in here;
  socklen_t len = sizeof here;
  assert_int_equal(moon_engine_fds(w->e, &fd, 1), 1);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &len), 0);
  return ntohs(here.sin_port);
}

UNUSED static void agent_send(struct agent *a, const struct sockaddr_storage *to, socklen_t to_len, const uint8_t *p, size_t n) {
  for (uint32_t i = 0; i < a->garbage; i++) { sendto(a->answer_fd, "\x30\x82 nonsense", 12, 0, (const struct sockaddr *)to, to_len); }
  for (uint32_t i = 0; i < (a->copies ? a->copies : 1); i++) {
    if (sendto(a->answer_fd, p, n, 0, (const struct sockaddr *)to, to_len) == (ssize_t)n) { a->answers++; }
  }
  a->now--;
}

UNUSED static void reply_due(void *arg) {
  struct reply *r = arg;
  moon_list_remove(&r->node);
  agent_send(r->a, &r->to, r->to_len, r->octets, r->len);
  free(r);
}

UNUSED static size_t agent_encode(struct agent *a, const struct moon_message *m, uint8_t *out, size_t cap) {
  struct moon_writer w;
  moon_writer_init(&w, out, cap);
  static const uint8_t uptime[] = { 0x2b, 6, 1, 2, 1, 1, 3, 0 };
  const struct moon_varbind vb = { .oid = uptime, .oid_len = sizeof uptime, .type = MOON_TIME_TICKS,
                                   .value = (const uint8_t *)"\x04\xd2", .value_len = 2 };
  moon_varbind_put(&w, &vb);
  struct moon_pdu pdu = { .varbinds = w.p, .varbinds_len = moon_writer_len(&w), .request_id = m->pdu.request_id + (int32_t)a->add_to_id,
                          .error_status = a->error_status, .error_index = a->error_index,
                          .type = a->pdu_type ? a->pdu_type : (uint8_t)MOON_PDU_RESPONSE };
  const uint8_t *community = a->community ? (const uint8_t *)a->community : m->community;
  moon_message_encode(&w, m->version, community, a->community ? strlen(a->community) : m->community_len, &pdu);
  assert_int_equal(w.err, MOON_OK);
  size_t n = moon_writer_len(&w);
  memmove(out, w.p, n);
  return n - a->cut;
}

UNUSED static void agent_ready(void *arg, int fd) {
  struct agent *a = arg;
  uint8_t in[2048];
  for (;;) {
    struct reply one = { .a = a, .to_len = sizeof one.to };
    struct moon_message m;
    ssize_t n = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&one.to, &one.to_len);
    if (n < 0) { return; }
    assert_int_equal(moon_message_decode(in, (size_t)n, &m), MOON_OK);
    a->from = one.to;
    if (a->seen < sizeof a->ids / sizeof a->ids[0]) { a->ids[a->seen] = (uint32_t)m.pdu.request_id; }
    a->seen++;
    if (a->silent || a->seen <= a->drop_first) { continue; }
    if (++a->now > a->most) { a->most = a->now; }
    uint32_t all = 0;
    for (uint32_t i = 0; i < a->w->n_agents; i++) { all += a->w->agents[i].now; }
    if (all > a->w->most_in_flight) { a->w->most_in_flight = all; }
    one.len = agent_encode(a, &m, one.octets, sizeof one.octets);
    uint64_t delay_us = a->seen == 1 && a->delay_first_us ? a->delay_first_us : a->delay_us;
    if (!delay_us) {
      agent_send(a, &one.to, one.to_len, one.octets, one.len);
      continue;
    }
    struct reply *r = malloc(sizeof *r);
    assert_non_null(r);
    *r = one;
    moon_timer_init(&r->t, reply_due, r);
    moon_list_append(&a->w->replies, &r->node);
    moon_timer_start(a->w->e, &r->t, moon_engine_now(a->w->e) + delay_us);
  }
}

UNUSED static void agent_listen(struct agent *a) {
  a->answer_fd = a->fd;
  assert_int_equal(moon_loop_io(a->w->loop)->watch(a->w->loop, a->fd, agent_ready, a), MOON_OK);
}

/* NULL: this host has no such address. */
UNUSED static struct agent *world_agent(struct world *w, const char *ip) {
  assert_true(w->n_agents < AGENTS_MAX);
  struct agent *a = &w->agents[w->n_agents];
  memset(a, 0, sizeof *a);
  a->w = w;
  a->fd = world_socket(ip, &a->addr);
  if (a->fd < 0) { return NULL; }
  w->n_agents++;
  agent_listen(a);
  return a;
}

UNUSED static struct moon_peer *world_peer_at(struct world *w, const struct moon_addr *addr) {
  struct moon_peer *p = NULL;
  assert_int_equal(moon_peer_new(w->e, addr, &w->credential, &w->policy, w, &p), MOON_OK);
  return p;
}
UNUSED static struct moon_peer *world_peer(struct world *w, struct agent *a) { return world_peer_at(w, &a->addr); }

/* An address nobody listens on: the port was free a moment ago. */
UNUSED static struct moon_addr world_nobody(const char *ip) {
  struct moon_addr a = { .port = 0 };
  int fd = world_socket(ip, &a);
  assert_true(fd >= 0);
  close(fd);
  return a;
}

UNUSED static void world_done(void *arg, const struct moon_outcome *o) {
  struct asked *q = arg;
  struct moon_reader r;
  struct moon_varbind vb;
  world_clock(q->w);
  assert_true(q->w->in_turn); /* never from inside submit or cancel */
  q->dones++;
  q->order = q->w->n_done++;
  q->err = o->err;
  q->rtt_us = o->rtt_us;
  q->tries = o->tries;
  q->error_index = o->error_index;
  q->at_us = moon_engine_now(q->w->e);
  moon_reader_init(&r, o->pdu.varbinds, o->pdu.varbinds_len);
  if (moon_varbind_get(&r, &vb)) { moon_varbind_u64(&vb, &q->value); }
  if (q->then) { q->then(q, o); }
}

UNUSED static struct asked *world_ask_by(struct world *w, struct moon_peer *p, uint64_t deadline_us) {
  assert_true(w->n_asked < ASKED_MAX);
  struct asked *q = &w->asked[w->n_asked];
  memset(q, 0, sizeof *q);
  q->w = w;
  uint32_t done = w->n_done;
  enum moon_err err = moon_engine_submit(w->e, p, &get_uptime, deadline_us, world_done, q, &q->ticket);
  assert_int_equal(w->n_done, done);
  if (err) {
    q->err = err;
    return NULL;
  }
  w->n_asked++;
  return q;
}
UNUSED static struct asked *world_ask(struct world *w, struct moon_peer *p) { return world_ask_by(w, p, 0); }

#endif
