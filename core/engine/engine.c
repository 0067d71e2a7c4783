#include "inner.h"
#include "stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "../base/mem.h"
#include "../base/remedy.h"

#define BATCHES_PER_TURN 64
#define RECEIVE_US 2000 /* of a turn: then what is here waits, so that what is due is not kept waiting for long */
#define TURN_US 3000
#define LOOK 16u        /* datagrams between two looks at the clock: scripts run for each of them, 10 us or a lot more */
#define AHEAD_FROM 8u   /* datagrams: fewer are not worth looking ahead */
#define ERRORS_PER_TURN 8
#define DROPS_US 1000000
#define OPEN_AGAIN_US 1000000 /* a source that could not be bound */
#define SMALLEST_CHARGE 512 /* octets of receive buffer that the smallest datagram takes, or more */

uint64_t moon_clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t moon_engine_clock_us(const struct moon_engine *e) {
  return e->config.clock_us ? e->config.clock_us(e->config.clock_arg) : moon_clock_us();
}

static uint64_t taken_us(const struct moon_engine *e) { return moon_engine_clock_us(e) - e->turn_us; }

bool moon_engine_spent(const struct moon_engine *e) { return taken_us(e) >= TURN_US; }

static bool spent(const void *e) { return moon_engine_spent(e); }

void moon_engine_config_init(struct moon_engine_config *c) {
  *c = (struct moon_engine_config){
    .max_in_flight = 10000,
    .max_waiting = 100000,
    .max_waiting_peer = 1000,
    .receive_buffer = 4 * 1024 * 1024,
    .retry_percent = 10,
    .retry_per_s = 50,
  };
}

void moon_engine_notice(struct moon_engine *e, struct moon_peer *p, const char *format, ...) {
  char text[512];
  va_list args;
  if (!e->config.notice) { return; }
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  e->config.notice(e->config.arg, p ? p->user : NULL, text);
}

/* ---- life */

static void socket_ready(void *arg, int fd) {
  struct moon_engine *e = arg;
  for (uint32_t i = 0; i < e->n_sockets; i++) {
    if (e->socket[i]->fd == fd) { e->socket[i]->readable = true; }
  }
}

static void look_at_drops(void *arg) {
  struct moon_engine *e = arg;
  for (uint32_t i = 0; i < e->n_sockets; i++) {
    if (e->socket[i]->fd >= 0) { e->counters->rx_dropped += moon_socket_drops(e->socket[i]); }
  }
  if (e->counters->rx_dropped && !e->drops_told) {
    e->drops_told = true;
    moon_engine_notice(e, NULL, "the kernel drops datagrams, the receive buffer is full: poll less at once or raise "
                                "net.core.rmem_max and the receive buffer");
  }
}

bool moon_engine_is_short(int cause) { return cause == EMFILE || cause == ENFILE || cause == ENOMEM || cause == ENOBUFS; }

/* The next one of the table. It stays there, closed, when this host has no such family or address. */
static enum moon_err open_socket(struct moon_engine *e, uint8_t family, const struct moon_addr *source) {
  uint32_t granted = 0;
  struct moon_socket *s = moon_mem_zalloc(sizeof *s);
  if (!s) { return MOON_E_NOMEM; }
  e->socket[e->n_sockets++] = s;
  s->fd = -1;
  s->family = family;
  if (e->config.closed) { return MOON_OK; }
  enum moon_err err = moon_socket_open(s, family, source, e->config.receive_buffer, &granted);
  if (err) { return err; }
  if (granted < e->config.receive_buffer && !e->buffer_told) {
    e->buffer_told = true;
    moon_engine_notice(e, NULL, "the kernel gave a receive buffer of %u octets instead of %u: raise net.core.rmem_max",
                       (unsigned)granted, (unsigned)e->config.receive_buffer);
  }
  return e->io ? e->io->watch(e->loop, s->fd, socket_ready, e) : MOON_OK;
}

static void close_socket(struct moon_engine *e, uint32_t i) {
  if (e->inbox.of == e->socket[i]) { e->inbox.of = NULL; }
  if (e->socket[i]->fd >= 0 && e->io) { e->io->unwatch(e->loop, e->socket[i]->fd); }
  moon_socket_close(e->socket[i]);
  moon_mem_free(e->socket[i]);
}

static enum moon_err open_own(struct moon_engine *e, uint8_t family, const struct moon_addr *source) {
  enum moon_err err = open_socket(e, family, source);
  if (err != MOON_E_CONFIG) { return err; }
  if (source->family != family && family == 6 && !moon_engine_is_short(errno)) { return MOON_OK; } /* a host without IPv6 polls IPv4 */
  moon_engine_notice(e, NULL, "cannot open an IPv%d socket%s: %m%s", family, source->family == family ? " on the source address" : "",
                     moon_remedy(errno));
  return err;
}

enum moon_err moon_engine_source(struct moon_engine *e, const struct moon_addr *source, struct moon_socket **out) {
  struct moon_addr own = *source;
  own.port = 0;
  for (uint32_t i = 2; i < e->n_sockets; i++) {
    if (e->socket[i]->is_spare || !moon_addr_equal(&e->socket[i]->source, &own)) { continue; }
    *out = e->socket[i];
    return MOON_OK;
  }
  if (e->n_sources == MOON_SOURCES_MAX) { return MOON_E_LIMIT; }
  uint32_t at = e->n_sockets;
  enum moon_err err = open_socket(e, own.family, &own);
  if (err == MOON_E_CONFIG && e->config.awaits_sources) {
    char text[MOON_ADDR_TEXT_MAX];
    int cause = errno;
    text[moon_addr_format(&own, text, sizeof text) - 2] = 0; /* ":0" */
    moon_engine_notice(e, NULL, "source %s: %s%s: what is asked from there cannot be reached until it can be used", text, strerror(cause),
                       moon_remedy(cause));
    e->socket[at]->awaited = true;
    err = MOON_OK;
  }
  if (!err) {
    *out = e->socket[at];
    e->n_sources++;
  } else if (e->n_sockets > at) {
    int cause = errno;
    close_socket(e, --e->n_sockets);
    errno = cause;
  }
  return err;
}

bool moon_engine_open_again(struct moon_engine *e, struct moon_socket *s) {
  const struct moon_addr source = s->source;
  uint32_t n_peers = s->n_peers, granted;
  if (!s->awaited || e->now_us < s->again_us) { return false; }
  bool good = moon_socket_open(s, source.family, &source, e->config.receive_buffer, &granted) == MOON_OK;
  if (good && e->io && e->io->watch(e->loop, s->fd, socket_ready, e)) {
    moon_socket_close(s);
    good = false;
  }
  s->n_peers = n_peers;
  s->awaited = true;
  s->again_us = e->now_us + OPEN_AGAIN_US;
  return good;
}

/* errno tells why there is none: told once. */
static void tell_ports(struct moon_engine *e) {
  if (e->ports_told) { return; }
  e->ports_told = true;
  moon_engine_notice(e, NULL, "no other port to ask silent agents from: %m%s", moon_remedy(errno));
}

/* Another port for a spare that nobody uses; when that cannot be had it stays as it is. What is still on its way to the old one is
 * lost: answers to agents that were silent there. */
static void renew(struct moon_engine *e, struct moon_socket *spare) {
  uint32_t i = 0, granted;
  struct moon_socket *fresh = moon_mem_zalloc(sizeof *fresh);
  if (!fresh) { return; }
  while (e->socket[i] != spare) { i++; }
  bool good = moon_socket_open(fresh, spare->family, &spare->source, e->config.receive_buffer, &granted) == MOON_OK;
  if (!good) { tell_ports(e); }
  if (good && e->io && e->io->watch(e->loop, fresh->fd, socket_ready, e)) {
    moon_socket_close(fresh);
    good = false;
  }
  if (!good) {
    moon_mem_free(fresh);
    return;
  }
  fresh->is_spare = true;
  fresh->other = spare->other;
  fresh->other->other = fresh;
  e->counters->rx_dropped += moon_socket_drops(spare);
  close_socket(e, i);
  e->socket[i] = fresh;
}

struct moon_socket *moon_engine_other_port(struct moon_engine *e, struct moon_socket *s) {
  uint32_t at = e->n_sockets;
  if (s->fd < 0) { return NULL; }
  if (s->other) {
    if (s->other->is_spare && !s->other->n_peers && !s->other->out.n) { renew(e, s->other); }
    return s->other;
  }
  if (open_socket(e, s->family, &s->source)) {
    tell_ports(e);
    if (e->n_sockets > at) { close_socket(e, --e->n_sockets); }
    return NULL;
  }
  s->other = e->socket[at];
  s->other->other = s;
  s->other->is_spare = true;
  return s->other;
}

static uint64_t seed_of(const struct moon_engine_config *c) {
  uint64_t seed = c->seed;
  if (!seed && getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed) {
    seed = moon_clock_us() ^ (uint64_t)getpid() << 40 ^ (uintptr_t)c;
  }
  return seed ? seed : 1;
}

enum moon_err moon_engine_new(const struct moon_engine_config *c, const struct moon_io *io, void *loop, struct moon_engine **out) {
  struct moon_engine *e = moon_mem_zalloc(sizeof *e);
  if (!e) { return MOON_E_NOMEM; }
  e->config = *c;
  if (!e->config.max_in_flight) { e->config.max_in_flight = 1; }
  if (e->config.max_waiting > UINT32_MAX / 2) { e->config.max_waiting = UINT32_MAX / 2; }
  if (e->config.max_in_flight > UINT32_MAX / 4) { e->config.max_in_flight = UINT32_MAX / 4; }
  e->counters = c->counters ? c->counters : &e->own;
  e->histograms = c->histograms ? c->histograms : &e->own_histograms;
  e->io = io;
  e->loop = loop;
  e->now_us = moon_engine_clock_us(e);
  e->told_us = UINT64_MAX;
  e->streams_fd = -1;
  uint64_t seed = seed_of(c);
  e->random = seed;
  moon_list_init(&e->active);
  moon_list_init(&e->resend);
  moon_list_init(&e->ready);
  moon_list_init(&e->replies);
  moon_wheel_init(&e->wheel, e->now_us);
  moon_timer_init(&e->drops, look_at_drops, e);
  moon_bucket_init(&e->bucket, c->packets_per_s);
  moon_budget_init(&e->budget, c->retry_percent, c->retry_per_s);
  enum moon_err err = moon_flight_init(&e->flight, e->config.max_in_flight + e->config.max_waiting, seed);
  if (!err) { err = moon_peers_init(&e->peers, seed * 0x9e3779b97f4a7c15u + 1); }
  if (!err) { err = moon_inbox_init(&e->inbox); }
  if (!err) { err = open_own(e, 4, &c->source4); }
  if (!err) { err = open_own(e, 6, &c->source6); }
  if (err) {
    moon_engine_free(e);
    return err;
  }
  *out = e;
  return MOON_OK;
}

void moon_engine_free(struct moon_engine *e) {
  if (!e) { return; }
  look_at_drops(e);
  moon_named_fini(e);
  for (uint32_t i = 0; i < e->n_sockets; i++) { close_socket(e, i); }
  moon_inbox_fini(&e->inbox);
  moon_local_fini(e);
  moon_peers_fini(e);
  moon_streams_fini(e);
  moon_flight_fini(&e->flight);
  moon_keyring_free(e->keyring);
  moon_mem_free(e);
}

/* ---- how a request ends */

void moon_engine_breaker(struct moon_engine *e, struct moon_peer *p) {
  if (!p->target.open) {
    e->counters->breakers_closed++;
    return;
  }
  e->counters->breakers_opened++;
  while (!moon_list_empty(&p->waiting)) { /* what waits for a silent agent need not wait */
    moon_engine_finish_later(e, MOON_LIST_ENTRY(p->waiting.next, struct moon_slot, node), MOON_E_DOWN);
  }
}

/* Out of every list and count; the slot itself stays. */
static void detach(struct moon_engine *e, struct moon_slot *s) {
  struct moon_peer *p = s->peer;
  moon_wheel_stop(&e->wheel, &s->timer);
  moon_list_remove(&s->node);
  if (s->on_wire) {
    e->n_on_wire--;
    p->n_on_wire--;
    moon_peer_activate(p);
  } else {
    e->n_waiting--;
    p->n_waiting--;
  }
  e->counters->in_flight--;
}

/* Whoever cut it short had patience for a try at least. */
static bool was_patient(const struct moon_slot *s, uint64_t now_us) { return now_us - s->x.sent_us[0] >= s->peer->target.policy->timeout_us; }

/* What the agent's silence says: nothing when it was not asked, or when the caller had less patience than the policy. */
static enum moon_err lesson(const struct moon_slot *s, enum moon_err err, bool answered, uint64_t now_us) {
  struct moon_peer *p = s->peer;
  if (answered) { return err; }
  if (!s->x.tries) { return MOON_E_CANCELLED; }
  if (err == MOON_E_TIMEOUT && s->capped && !was_patient(s, now_us)) { return MOON_E_CANCELLED; }
  if (err != MOON_E_TIMEOUT && err != MOON_E_REFUSED && err != MOON_E_UNREACHABLE) { return MOON_E_CANCELLED; }
  if (p->named && !moon_named_silent(p, s->x.sent_us[1], true)) { return MOON_E_CANCELLED; }
  return s->x.request->is_followed ? MOON_E_CANCELLED : err;
}

/* For who asks later why. Nothing but two counts while all is well. */
static void note(struct moon_engine *e, const struct moon_slot *s, const struct moon_outcome *o, bool answered) {
  struct moon_peer *p = s->peer;
  if (answered) { moon_histogram_add(&e->histograms->rtt, o->rtt_us); }
  if (o->err == MOON_E_CANCELLED) { return; }
  p->ended++;
  p->answered += answered;
  if (o->err != MOON_OK || o->tries > 1) { (void)moon_peer_diary(p); }
  if (p->diary) { moon_diary_end(p->diary, o, s->x.request, s->x.tries ? s->x.sent_us[0] : e->now_us, s->hurried, e->now_us); }
}

void moon_engine_finish(struct moon_engine *e, struct moon_slot *s, struct moon_outcome *o) {
  struct moon_peer *p = s->peer;
  moon_done *done = s->done;
  void *arg = s->arg;
  bool answered = o->rtt_us != 0;
  o->err = moon_err_public(o->err);
  if (o->err) {
    e->counters->error[o->err]++;
  } else {
    e->counters->answered++;
  }
  note(e, s, o, answered);
  enum moon_err seen = lesson(s, o->err, answered, e->now_us);
  bool trial = s->trial;
  detach(e, s);
  moon_flight_put(&e->flight, s, answered);
  if ((seen != MOON_E_CANCELLED || trial) && moon_target_settle(&p->target, seen, trial, e->now_us)) { moon_engine_breaker(e, p); }
  done(arg, o);
}

void moon_engine_finish_later(struct moon_engine *e, struct moon_slot *s, enum moon_err err) {
  moon_wheel_stop(&e->wheel, &s->timer);
  moon_list_remove(&s->node);
  s->state = MOON_SLOT_READY;
  s->err = (uint8_t)err;
  moon_list_append(&e->ready, &s->node);
}

void moon_engine_verdict(struct moon_engine *e, struct moon_slot *s, enum moon_verdict v, struct moon_outcome *o) {
  switch (v) {
    case MOON_VERDICT_MINE:
      moon_engine_finish(e, s, o);
      break;
    case MOON_VERDICT_AGAIN:
      moon_list_remove(&s->node);
      s->state = MOON_SLOT_RESEND;
      moon_list_append(&e->resend, &s->node);
      moon_wheel_start(&e->wheel, &s->timer, s->x.give_up_us);
      break;
    case MOON_VERDICT_DROP:
    case MOON_VERDICT_HELD:
      moon_wheel_start(&e->wheel, &s->timer, moon_exchange_deadline(&s->x));
      break;
  }
}

static void slot_due(void *arg) {
  struct moon_slot *s = arg;
  struct moon_engine *e = s->peer->engine;
  struct moon_outcome o = { .received_us = e->now_us, .err = MOON_E_TIMEOUT };
  if (!s->x.tries) { /* waited past its deadline */
    moon_engine_finish(e, s, &o);
    return;
  }
  bool may = e->due_us >= s->x.give_up_us || moon_exchange_is_midway(&s->x) || moon_budget_take(&e->budget, s->x.sent_us[0], e->now_us);
  if (!may) { e->counters->retries_denied++; }
  enum moon_verdict v = moon_exchange_expire(&s->x, e->due_us, may, &o);
  o.received_us = e->now_us;
  if (v == MOON_VERDICT_AGAIN && !s->x.step && moon_peer_diary(s->peer)) { moon_diary_lost(s->peer->diary, s->hurried); }
  if ((v == MOON_VERDICT_AGAIN && !s->x.step) || (v == MOON_VERDICT_MINE && o.err == MOON_E_TIMEOUT)) { moon_peer_unheard(s->peer); }
  if (v == MOON_VERDICT_AGAIN && s->peer->named) { moon_named_silent(s->peer, s->x.sent_us[1], false); }
  moon_engine_verdict(e, s, v, &o);
}

/* As many as are there now: what their done submits and fails at once is for the next turn, or it might never end. */
static void complete_ready(struct moon_engine *e) {
  struct moon_list *node;
  size_t n = 0;
  for (node = e->ready.next; node != &e->ready; node = node->next) { n++; }
  for (size_t done = 0; done < n && (node = moon_list_take(&e->ready)); done++) {
    if (done && done % LOOK == 0 && moon_engine_spent(e)) { /* a whole site that went down */
      moon_list_prepend(&e->ready, node);
      return;
    }
    struct moon_slot *s = MOON_LIST_ENTRY(node, struct moon_slot, node);
    struct moon_outcome o = { .received_us = e->now_us, .tries = s->x.tries, .err = (enum moon_err)s->err };
    moon_engine_finish(e, s, &o);
  }
}

/* ---- the turn */

/* What is left of the last batch. false: the rest is for the next turn. */
static bool match_inbox(struct moon_engine *e) {
  struct moon_inbox *in = &e->inbox;
  uint32_t begun = in->at;
  bool ahead = in->n - in->at >= AHEAD_FROM;
  if (ahead) { moon_ahead_begin(e); }
  e->gathers = e->keyring != NULL;
  while (in->at < in->n) {
    uint32_t i = in->at++;
    if (ahead) {
      moon_ahead_of(e, i);
    } else {
      moon_match_look(e, in->vec[i].iov_base, in->header[i].msg_len, &e->sight[i]);
    }
    moon_match_seen(e, &e->sight[i], in->vec[i].iov_base, in->header[i].msg_len, &in->from[i]);
    if (in->at % LOOK == 0 && in->at < in->n && taken_us(e) >= RECEIVE_US) { break; }
  }
  moon_match_give(e);
  e->gathers = false;
  uint32_t n = in->at - begun;
  if (in->of && in->of->unread) { in->of->unread -= n < in->of->unread ? n : in->of->unread; }
  return in->at == in->n;
}

/* Until empty, so that no answer that is here already counts as missing. A batch that is not full means empty, unless an
 * error cut it short: when a timer is due that must be known for sure. false: more is there. */
static bool receive(struct moon_engine *e, struct moon_socket *s, bool prove) {
  int errors = 0;
  bool woken = s->readable;
  s->readable = false;
  if (s->errors) { moon_match_errors(e, s); }
  for (int batch = 0; batch < BATCHES_PER_TURN;) {
    int n = moon_socket_receive(s, &e->inbox);
    if (n > 0) {
      e->now_us = moon_engine_clock_us(e);
      e->inbox.at = 0;
      e->inbox.n = (uint32_t)n;
      e->inbox.of = s;
      if (!match_inbox(e)) { return false; }
      batch++;
      if (n < (int)MOON_BATCH && !prove) { return true; }
      if (taken_us(e) >= RECEIVE_US) { return false; }
    } else if (n == 0) {
      if (!batch && woken) { moon_match_errors(e, s); } /* no datagram, then this was it */
      return true;
    } else {
      moon_match_errors(e, s);
      if (++errors == ERRORS_PER_TURN) { return false; }
    }
  }
  return false;
}

static void look_for_drops(struct moon_engine *e) {
  if (moon_list_empty(&e->drops.node)) { moon_wheel_start(&e->wheel, &e->drops, e->now_us + DROPS_US); }
}

uint64_t moon_engine_next_us(const struct moon_engine *e) {
  if (e->again || e->resolver_due || e->streams_due || !moon_list_empty(&e->ready)) { return 0; }
  uint64_t next = moon_wheel_next_us(&e->wheel);
  if (e->blocked_us && e->blocked_us < next) { next = e->blocked_us; }
  if (e->paced_us && e->paced_us < next) { next = e->paced_us; }
  return next;
}

static void tell_loop(struct moon_engine *e) {
  if (!e->io) { return; }
  e->told_us = moon_engine_next_us(e);
  e->io->wake(e->loop, e->told_us);
}

/* How many datagrams may be here that were not looked at. */
static void count_unread(struct moon_engine *e) {
  for (uint32_t i = 0; i < e->n_sockets; i++) {
    struct moon_socket *s = e->socket[i];
    uint32_t held = s->fd >= 0 ? moon_socket_held(s) : 0;
    s->unread = (held < UINT32_MAX ? held : e->config.receive_buffer * 2) / SMALLEST_CHARGE;
    if (e->inbox.of == s) { s->unread += e->inbox.n - e->inbox.at; }
  }
}

static bool all_read(const struct moon_engine *e) {
  for (uint32_t i = 0; i < e->n_sockets; i++) {
    if (e->socket[i]->unread) { return false; }
  }
  return true;
}

/* Under a flood, or while all is busy, the sockets may not be empty for long. Once was looked at what had arrived when that began,
 * time may pass up to there. */
static void expire(struct moon_engine *e, uint64_t start_us, bool empty) {
  if (empty) {
    e->due_us = start_us; /* time as it was before receiving: what arrived since is not missing */
  } else {
    e->again = true;
    if (!e->unread_us) {
      e->unread_us = start_us;
      count_unread(e);
    }
    if (!all_read(e)) { return; }
    e->due_us = e->unread_us;
  }
  e->unread_us = 0;
  moon_wheel_expire_some(&e->wheel, e->due_us, spent, e);
}

/* From each that may have something. false: more is there. */
static bool receive_all(struct moon_engine *e, bool due) {
  uint32_t first = e->first_socket;
  bool empty = match_inbox(e), left = !empty;
  for (uint32_t k = 0; k < e->n_sockets && !left; k++) {
    uint32_t i = (first + k) % e->n_sockets;
    struct moon_socket *s = e->socket[i];
    if (s->fd < 0 || (e->io && !s->readable && !s->errors && !due)) { continue; }
    if (!e->io) { s->readable = true; } /* who polls by himself does not say which */
    if (receive(e, s, due)) { continue; }
    empty = false;
    s->readable = true;
    left = taken_us(e) >= RECEIVE_US;
    if (left) { e->first_socket = i + 1; } /* the others had nothing of this turn */
  }
  return empty;
}

void moon_engine_turn(struct moon_engine *e) {
  uint64_t start_us = moon_engine_clock_us(e), before = e->counters->datagrams_in;
  e->in_turn = e->ready_ahead = true;
  e->again = false;
  e->turn_us = e->now_us = start_us;
  bool due = moon_wheel_next_us(&e->wheel) <= start_us;
  bool empty = receive_all(e, due);
  if (e->streams_fd >= 0 && (e->streams_due || due || !e->io)) { moon_streams_turn(e); }
  if (e->counters->datagrams_in != before) { look_for_drops(e); }
  complete_ready(e);
  e->ready_ahead = false;
  if (e->config.ready) { e->config.ready(e->config.arg); }
  expire(e, start_us, empty);
  if (e->resolver_due || (e->resolver && !e->io)) { moon_named_turn(e); }
  bool fresh = moon_launch_all(e);
  e->counters->turns++;
  e->counters->timers = e->wheel.n;
  moon_histogram_since(&e->histograms->turn, start_us, fresh ? e->now_us : moon_engine_clock_us(e));
  e->in_turn = false;
  tell_loop(e);
}

uint64_t moon_engine_now(const struct moon_engine *e) { return e->now_us; }

size_t moon_engine_fds(const struct moon_engine *e, int *fds, size_t cap) {
  size_t n = 0;
  for (uint32_t i = 0; i < e->n_sockets; i++) {
    if (e->socket[i]->fd >= 0 && n < cap) { fds[n++] = e->socket[i]->fd; }
  }
  if (e->streams_fd >= 0 && n < cap) { fds[n++] = e->streams_fd; }
  if (e->resolver && moon_resolver_fd(e->resolver) >= 0 && n < cap) { fds[n++] = moon_resolver_fd(e->resolver); }
  return n;
}

struct moon_counters *moon_engine_counters(struct moon_engine *e) { return e->counters; }

struct moon_histograms *moon_engine_histograms(struct moon_engine *e) { return e->histograms; }

void moon_engine_kick(struct moon_engine *e) {
  e->again = e->again || !e->ready_ahead;
  if (!e->in_turn && e->told_us != 0) { tell_loop(e); }
}

/* ---- requests */

bool moon_engine_is_full(const struct moon_engine *e) {
  return e->n_waiting >= e->config.max_waiting || (moon_list_empty(&e->flight.free) && e->flight.n_slots >= e->flight.max_slots);
}

enum moon_err moon_engine_submit(struct moon_engine *e, struct moon_peer *p, const struct moon_request *request, uint64_t deadline_us,
                                 moon_done *done, void *arg, struct moon_ticket *out) {
  if (e->n_waiting >= e->config.max_waiting || p->n_waiting >= e->config.max_waiting_peer) { return MOON_E_BUDGET; }
  struct moon_slot *s = moon_flight_take(&e->flight);
  if (!s) { return e->flight.n_slots >= e->flight.max_slots ? MOON_E_BUDGET : MOON_E_NOMEM; }
  s->x.request = request;
  s->x.tries = 0;
  s->x.started_us = e->in_turn ? e->now_us : moon_engine_clock_us(e);
  s->x.give_up_us = deadline_us ? deadline_us : UINT64_MAX;
  s->peer = p;
  s->done = done;
  s->arg = arg;
  s->latest = MOON_TRY_NONE;
  s->err = 0;
  s->on_wire = false;
  s->trial = false;
  s->capped = s->hurried = false;
  moon_timer_init(&s->timer, slot_due, s);
  moon_list_init(&s->node);
  p->n_waiting++;
  e->n_waiting++;
  e->counters->requests++;
  e->counters->in_flight++;
  *out = moon_slot_ticket(s);
  bool trial = false;
  enum moon_err err = p->target.open ? moon_target_admit(&p->target, s->x.started_us, &trial) : MOON_OK;
  if (err) {
    if (p->named) { (void)moon_named_ready(p); } /* it may have moved */
    moon_engine_finish_later(e, s, err);
  } else {
    s->state = MOON_SLOT_WAITING;
    s->trial = trial;
    moon_list_append(&p->waiting, &s->node);
    moon_peer_activate(p);
    if (deadline_us) { moon_wheel_start(&e->wheel, &s->timer, deadline_us); }
  }
  if (!e->in_turn && e->told_us != 0) { moon_engine_kick(e); }
  return MOON_OK;
}

uint64_t moon_engine_unheard_us(struct moon_engine *e, struct moon_ticket t) {
  const struct moon_slot *s = moon_flight_slot(&e->flight, t);
  if (!s || s->state == MOON_SLOT_WAITING) { return 0; }
  return s->x.discoveries || s->x.resyncs ? UINT64_MAX : s->x.sent_us[0];
}

void moon_engine_cancel(struct moon_engine *e, struct moon_ticket t) {
  struct moon_slot *s = moon_flight_slot(&e->flight, t);
  if (!s) { return; }
  struct moon_peer *p = s->peer;
  bool trial = s->trial, flew = s->state == MOON_SLOT_FLYING || s->state == MOON_SLOT_RESEND;
  const struct moon_outcome *read = s->state == MOON_SLOT_READ ? moon_match_read(e, s) : NULL; /* it came: only nobody wants it any more */
  bool answered = read && read->rtt_us != 0;
  enum moon_err seen = read ? lesson(s, moon_err_public(read->err), answered, e->now_us)
                       : flew && was_patient(s, e->now_us) ? lesson(s, MOON_E_TIMEOUT, false, e->now_us) : MOON_E_CANCELLED;
  e->counters->error[MOON_E_CANCELLED]++;
  if (seen == MOON_E_TIMEOUT && moon_peer_diary(p)) { moon_diary_cut(p->diary); }
  detach(e, s);
  moon_flight_put(&e->flight, s, answered);
  if ((seen != MOON_E_CANCELLED || trial) && moon_target_settle(&p->target, seen, trial, e->now_us)) { moon_engine_breaker(e, p); }
  /* Its place is somebody's; or all that wait are told that nobody is there. */
  if (!e->in_turn && !(moon_list_empty(&e->active) && moon_list_empty(&e->ready))) { moon_engine_kick(e); }
}

/* ---- timers of the host */

void moon_timer_init(struct moon_timer *t, moon_timer_fn *fn, void *arg) {
  moon_list_init(&t->node);
  t->at_us = 0;
  t->fn = fn;
  t->arg = arg;
}

void moon_timer_start(struct moon_engine *e, struct moon_timer *t, uint64_t at_us) {
  moon_wheel_start(&e->wheel, t, at_us);
  if (!e->in_turn && at_us < e->told_us) { tell_loop(e); }
}

void moon_timer_stop(struct moon_engine *e, struct moon_timer *t) { moon_wheel_stop(&e->wheel, t); }
