#include "inner.h"
#include "stream.h"

#include <errno.h>
#include <unistd.h>

#include "../base/usdt.h"

/* In one turn at most so many datagrams leave before answers are taken in again, or a burst would fill the receive buffer. */
#define PER_TURN 512u
#define PER_LONG_TURN 128u /* in one that already took LONG_US */
#define LONG_US 2000u
#define BLOCKED_US 1000u
#define LOOK_AGAIN_US 1000000u /* at a source that nothing leaves from */
#define STRETCHES 8u    /* keys of SNMPv3 that take a millisecond each, likewise */
#define ENVELOPE 1024u /* more than any header in front of the varbinds, and padding */
#define SAME_ERROR 3u /* so often in a row, with the error queue empty: the error is about this very datagram */
#define ANY_ERROR 64u

static bool owner_lives(void *arg, struct moon_ticket owner) { return moon_flight_slot(arg, owner) != NULL; }

/* The kernel will not send this one: no route, not permitted, no such zone. Its try is over, as by ICMP. */
static void refuse(struct moon_engine *e, struct moon_ticket owner) {
  struct moon_slot *s = moon_flight_slot(&e->flight, owner);
  struct moon_outcome o;
  if (!s || s->state != MOON_SLOT_FLYING) { return; }
  enum moon_verdict v = moon_exchange_icmp(&s->x, MOON_E_UNREACHABLE, e->now_us, &o);
  if (v == MOON_VERDICT_MINE) {
    moon_engine_finish_later(e, s, o.err);
  } else {
    moon_engine_verdict(e, s, v, &o);
  }
}

/* What the kernel says may be for want of a route, or because the source is gone. */
static void tell_source(struct moon_engine *e, struct moon_socket *sock) {
  char text[MOON_ADDR_TEXT_MAX];
  if (!sock->source.family || sock->told || e->now_us < sock->again_us) { return; }
  sock->again_us = e->now_us + LOOK_AGAIN_US;
  int fd = socket(sock->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) { return; }
  sock->told = moon_socket_bind(fd, &sock->source) && (errno == EADDRNOTAVAIL || errno == ENODEV);
  int cause = errno;
  close(fd);
  if (!sock->told) { return; }
  text[moon_addr_format(&sock->source, text, sizeof text) - 2] = 0; /* ":0" */
  moon_engine_notice(e, NULL, "source %s: %s any more: what is asked from there cannot be reached until it can be used", text, strerror(cause));
}

/* false: the kernel takes nothing more now; what is left stays in the outbox. */
static bool flush(struct moon_engine *e, struct moon_socket *sock) {
  struct moon_outbox *o = &sock->out;
  struct moon_counters *c = e->counters;
  uint32_t at = 0, errors = 0, tries = 0;
  bool open = true;
  while (at < o->n) {
    int r = sendmmsg(sock->fd, o->header + at, o->n - at, 0);
    if (r > 0) {
      for (int i = 0; i < r; i++) { c->octets_out += o->vec[at + (uint32_t)i].iov_len; }
      c->datagrams_out += (uint32_t)r;
      at += (uint32_t)r;
      errors = 0;
      if (at < o->n) { sock->errors = true; } /* it stopped at an error, and did not say at which */
      continue;
    }
    if (r < 0 && errno == EINTR) { continue; }
    c->send_errors++;
    if (r == 0 || errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || ++tries > ANY_ERROR) {
      open = false;
      break;
    }
    /* An error of this call is most likely about a datagram sent long ago, to somebody else: told once, it is cleared. */
    int cause = errno;
    moon_match_errors(e, sock);
    if (cause == EMSGSIZE && moon_socket_fragment(sock)) { continue; }
    if (++errors < SAME_ERROR || cause == ECONNREFUSED) { continue; }
    tell_source(e, sock);
    refuse(e, o->owner[at++]);
    errors = 0;
  }
  moon_outbox_drop(o, at, owner_lives, &e->flight);
  if (sock->errors) { moon_match_errors(e, sock); }
  e->now_us = moon_engine_clock_us(e);
  if (!open) { e->blocked_us = e->now_us + BLOCKED_US; }
  return open;
}

/* Enough of this turn went into keys. */
static bool tired(const struct moon_engine *e) {
  return e->keyring && moon_keyring_stretched(e->keyring) - e->stretched >= STRETCHES;
}

static uint32_t jitter(struct moon_engine *e) {
  e->random ^= e->random << 13; /* xorshift64 */
  e->random ^= e->random >> 7;
  e->random ^= e->random << 17;
  return (uint32_t)(e->random >> 32);
}

static struct moon_stencil *stencil_of(struct moon_engine *e, const struct moon_request *r) {
  return &e->stencil[(r->varbinds_len ^ r->pdu_type) % MOON_STENCILS];
}

/* The next try of a slot that is counted on the wire and in no list. false: not now, nothing changed. */
static bool launch(struct moon_engine *e, struct moon_slot *s) {
  struct moon_peer *p = s->peer;
  struct moon_socket *sock = p->socket;
  struct moon_writer w;
  uint32_t counter, id;
  if (p->asked || p->stream) {
    moon_writer_init(&w, e->local_room, MOON_DATAGRAM_MAX);
  } else if (sock->fd < 0 && !moon_engine_open_again(e, sock)) {
    moon_engine_finish_later(e, s, MOON_E_UNREACHABLE);
    return true;
  } else {
    size_t need = s->x.request->varbinds_len + ENVELOPE;
    if (!moon_outbox_room(&sock->out, need, &w)) {
      if (!flush(e, sock)) { return false; }
      moon_outbox_room(&sock->out, need, &w);
    }
  }
  if (!moon_flight_id(&e->flight, &counter, &id)) {
    moon_engine_finish_later(e, s, MOON_E_BUDGET);
    return true;
  }
  uint16_t made = s->x.tries;
  bool first = made == 0;
  uint64_t deadline_us = s->x.give_up_us; /* of a first try: as asked for */
  uint64_t asked_us = s->x.started_us;
  if (first) {
    moon_exchange_init(&s->x, &p->target, s->x.request, e->now_us);
    s->x.trial = s->trial;
  }
  enum moon_err err = p->target.credential->version == MOON_V3 && !p->target.trust ? moon_secure_prepare(e, p) : MOON_OK;
  if (!err) { err = moon_exchange_encode_like(&s->x, stencil_of(e, s->x.request), id, e->now_us, jitter(e), &w); }
  if (err) {
    moon_engine_finish_later(e, s, err);
    return true;
  }
  if (first) { moon_histogram_since(&e->histograms->queue, asked_us, e->now_us); }
  if (p->diary) { s->hurried = moon_diary_sent(p->diary, e->now_us); }
  if (first && deadline_us < s->x.give_up_us) {
    s->x.give_up_us = deadline_us;
    s->capped = true;
  }
  if (s->x.next_us > s->x.give_up_us) { s->x.next_us = s->x.give_up_us; }
  if (e->config.trace) { e->config.trace(e->config.arg, true, &p->target.addr, w.p, moon_writer_len(&w)); }
  if (!p->asked && !p->stream) { moon_outbox_keep(&sock->out, &w, &p->to, p->to_len, moon_slot_ticket(s)); }
  MOON_USDT3(send, id, moon_writer_len(&w), s->x.tries);
  moon_flight_sent(&e->flight, s, counter, p->index, e->now_us);
  s->state = MOON_SLOT_FLYING;
  moon_list_append(&p->flying, &s->node);
  moon_wheel_start(&e->wheel, &s->timer, s->x.next_us);
  if (!first && s->x.tries > made) {
    e->counters->retries++;
    MOON_USDT2(retry, id, s->x.tries);
  }
  if (s->x.asking_engine) { e->counters->discoveries++; }
  if (p->asked) {
    moon_local_ask(e, p, w.p, moon_writer_len(&w));
  } else if (p->stream) {
    moon_stream_send(e, p->stream, w.p, moon_writer_len(&w));
  }
  return true;
}

static bool flush_all(struct moon_engine *e) {
  bool any = false;
  for (uint32_t i = 0; i < e->n_sockets && !e->blocked_us; i++) {
    if (!e->socket[i]->out.n) { continue; }
    flush(e, e->socket[i]);
    any = true;
  }
  return any;
}

/* Sending may be what makes a turn long. Each socket gathers what is its own: now and then all of it leaves, or with many of them nobody
 * would notice how long that takes. */
static uint32_t room_left(struct moon_engine *e, uint32_t room) {
  if (room % PER_LONG_TURN == 0) { flush_all(e); }
  return room > PER_LONG_TURN && e->now_us - e->turn_us >= LONG_US ? PER_LONG_TURN : room;
}

/* Tries after the first go before new requests. They are few, so they borrow from the rates instead of waiting for them. */
static uint32_t launch_tries(struct moon_engine *e, uint32_t room) {
  struct moon_list *node;
  while (room && !tired(e) && (node = moon_list_take(&e->resend))) {
    struct moon_slot *s = MOON_LIST_ENTRY(node, struct moon_slot, node);
    if (!launch(e, s)) {
      moon_list_prepend(&e->resend, &s->node);
      return 0;
    }
    if (s->peer->pacing) { moon_bucket_charge(&s->peer->pacing->bucket, e->now_us); }
    moon_bucket_charge(&e->bucket, e->now_us);
    room = room_left(e, room - 1);
  }
  return room;
}

/* May the first request of this peer's queue leave? If not it is over, or the peer is out of the round for a while. */
static bool admit(struct moon_engine *e, struct moon_peer *p, struct moon_slot *s) {
  struct moon_target *t = &p->target;
  if (s->x.give_up_us <= e->now_us) {
    moon_engine_finish_later(e, s, MOON_E_TIMEOUT);
    return false;
  }
  if (t->open && !s->trial) {
    bool trial = false;
    enum moon_err err = moon_target_admit(t, e->now_us, &trial);
    if (err) {
      moon_engine_finish_later(e, s, err);
      return false;
    }
    s->trial = trial;
  }
  if (p->pacing && !moon_bucket_take(&p->pacing->bucket, e->now_us)) {
    moon_list_remove(&p->node);
    moon_wheel_start(&e->wheel, &p->pacing->timer, moon_bucket_ready_us(&p->pacing->bucket));
    return false;
  }
  return true;
}

static uint32_t launch_new(struct moon_engine *e, uint32_t room) {
  uint32_t first = 0;
  while (room && !tired(e) && e->n_on_wire < e->config.max_in_flight && !moon_list_empty(&e->active)) {
    struct moon_peer *p = MOON_LIST_ENTRY(e->active.next, struct moon_peer, node);
    if (!p->n_waiting || moon_list_empty(&p->waiting)) {
      moon_list_remove(&p->node);
      continue;
    }
    if (e->bucket.cost_ns && moon_bucket_ready_us(&e->bucket) > e->now_us) {
      e->paced_us = moon_bucket_ready_us(&e->bucket);
      if (e->paced_us < e->now_us + MOON_TICK_US) { e->paced_us = e->now_us + MOON_TICK_US; }
      break;
    }
    struct moon_slot *s = MOON_LIST_ENTRY(p->waiting.next, struct moon_slot, node);
    if (!admit(e, p, s)) { continue; }
    moon_list_remove(&s->node);
    s->on_wire = true;
    p->n_waiting--;
    e->n_waiting--;
    p->n_on_wire++;
    e->n_on_wire++;
    if (!launch(e, s)) {
      s->on_wire = false;
      p->n_waiting++;
      e->n_waiting++;
      p->n_on_wire--;
      e->n_on_wire--;
      moon_list_prepend(&p->waiting, &s->node);
      break;
    }
    moon_bucket_take(&e->bucket, e->now_us);
    room = room_left(e, room - 1);
    first++;
    /* One request each: to the end of the round, or out of it. */
    moon_list_remove(&p->node);
    moon_peer_activate(p);
  }
  if (first) { moon_budget_earn(&e->budget, first, e->now_us); }
  return room;
}

bool moon_launch_all(struct moon_engine *e) {
  bool left = false;
  for (uint32_t i = 0; i < e->n_sockets; i++) { left = left || e->socket[i]->out.n; }
  if (!left && moon_list_empty(&e->active) && moon_list_empty(&e->resend)) { return false; }
  e->now_us = moon_engine_clock_us(e);
  if (e->blocked_us > e->now_us) { return true; }
  e->blocked_us = 0;
  e->paced_us = 0;
  for (uint32_t i = 0; left && i < e->n_sockets; i++) { /* what the kernel did not take before */
    if (!e->socket[i]->out.n) { continue; }
    moon_outbox_drop(&e->socket[i]->out, 0, owner_lives, &e->flight);
    if (!flush(e, e->socket[i])) { return true; }
  }
  if (e->keyring) { e->stretched = moon_keyring_stretched(e->keyring); }
  uint32_t room = launch_tries(e, e->now_us - e->turn_us < LONG_US ? PER_TURN : PER_LONG_TURN);
  room = launch_new(e, room);
  bool fresh = flush_all(e);
  /* More could leave: after the answers to these were taken in. */
  if ((!room || tired(e)) && !e->blocked_us) { e->again = true; }
  return fresh;
}
