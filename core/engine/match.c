#include "inner.h"

#include "../base/usdt.h"

#define ERRORS_MAX 1024 /* entries of the error queue taken at once */

static bool is_sealed(const struct moon_peer *p) { return p->target.credential->version == MOON_V3; }

static void source_of(const struct moon_engine *e, const union moon_sockaddr *from, struct moon_addr *out) {
  if (e->reading) {
    *out = e->reading->target.addr;
  } else {
    moon_sockaddr_get(from, out);
  }
}

/* The request is gone. Its agent, if this comes from it, is alive all the same. */
static void match_past(struct moon_engine *e, enum moon_find found, const struct moon_try *t, const struct moon_addr *source,
                       const uint8_t *octets, size_t n) {
  struct moon_peer *p = t->peer < e->peers.cap ? e->peers.at[t->peer] : NULL;
  bool known = false;
  if (p) {
    /* Compared, never learned: the index may have been given to another agent since. */
    known = moon_addr_equal(source, &p->target.addr) || (p->target.alias.family && moon_addr_equal(source, &p->target.alias)) ||
            (p->named && moon_named_knows(p, source));
    if (!known && p->target.strict_source) {
      e->counters->wrong_source++;
      if (moon_peer_diary(p)) { moon_diary_stranger(p->diary, source); }
      return;
    }
  }
  if (found == MOON_FIND_DUPLICATE) {
    e->counters->duplicate++;
  } else {
    e->counters->late++;
  }
  if (p && (known || !p->target.strict_source) && moon_peer_diary(p)) {
    moon_diary_past(p->diary, found == MOON_FIND_LATE, e->now_us > t->sent_us ? e->now_us - t->sent_us : 0);
  }
  if (known) { p->unheard = 0; }
  if (!known || (is_sealed(p) && !moon_secure_past(e, p, found == MOON_FIND_LATE, octets, n))) { return; }
  if (p->named) { moon_named_heard(p, source); }
  uint64_t rtt_us = found == MOON_FIND_LATE && e->now_us > t->sent_us ? e->now_us - t->sent_us : 0;
  if (moon_target_heard(&p->target, (enum moon_kind)t->kind, rtt_us, e->now_us)) { moon_engine_breaker(e, p); }
}

/* Nobody's answer: told of the agent at the address it came from, if there is one. */
static void blame(struct moon_engine *e, const union moon_sockaddr *from, bool malformed) {
  struct moon_addr source;
  source_of(e, from, &source);
  struct moon_peer *p = moon_peers_find(e, &source);
  if (!p || !moon_peer_diary(p)) { return; }
  if (malformed) {
    p->diary->malformed++;
  } else {
    p->diary->unknown++;
  }
}

void moon_match_look(const struct moon_engine *e, const uint8_t *octets, size_t n, struct moon_sight *out) {
  struct moon_peek peek;
  out->slot = NULL;
  out->malformed = moon_message_peek(octets, n, &peek) != MOON_OK;
  out->id = out->malformed ? 0 : peek.id;
  out->counter = out->malformed ? MOON_TRY_NONE : moon_flight_counter(&e->flight, peek.id);
}

void moon_match_datagram(struct moon_engine *e, uint8_t *octets, size_t n, const union moon_sockaddr *from) {
  struct moon_sight sight;
  moon_match_look(e, octets, n, &sight);
  moon_match_seen(e, &sight, octets, n, from);
}

void moon_match_seen(struct moon_engine *e, const struct moon_sight *sight, uint8_t *octets, size_t n,
                     const union moon_sockaddr *from) {
  struct moon_counters *c = e->counters;
  struct moon_try *t;
  struct moon_slot *s;
  struct moon_addr source;
  if (e->n_read == MOON_READS) { moon_match_give(e); }
  c->datagrams_in++;
  c->octets_in += n;
  if (e->config.trace) {
    source_of(e, from, &source);
    e->config.trace(e->config.arg, false, &source, octets, n);
  }
  if (sight->malformed) {
    c->malformed++;
    blame(e, from, true);
    return;
  }
  MOON_USDT2(receive, sight->id, n);
  enum moon_find found = moon_flight_find(&e->flight, sight->counter, &t, &s);
  if (found == MOON_FIND_LIVE && s->state == MOON_SLOT_READ) { /* a second one */
    moon_match_give(e);
    found = moon_flight_find(&e->flight, sight->counter, &t, &s);
  }
  if (found == MOON_FIND_UNKNOWN) {
    c->unknown++;
    blame(e, from, false);
    return;
  }
  if (found == MOON_FIND_GONE) {
    c->late++;
    return;
  }
  source_of(e, from, &source);
  if (found != MOON_FIND_LIVE) {
    match_past(e, found, t, &source, octets, n);
    return;
  }
  struct moon_peer *p = s->peer;
  if (!moon_target_accepts(&p->target, &source) && !(p->named && moon_named_knows(p, &source))) {
    c->wrong_source++;
    if (moon_peer_diary(p)) { moon_diary_stranger(p->diary, &source); }
    return;
  }
  struct moon_outcome o;
  enum moon_verdict v = moon_exchange_feed(&s->x, octets, n, octets, t->sent_us, e->now_us, &o);
  bool sealed = is_sealed(p);
  if (sealed) { moon_secure_look(e, s); }
  if (v != MOON_VERDICT_DROP && (!sealed || s->x.authentic)) {
    p->unheard = 0;
    if (p->named) { moon_named_heard(p, &source); }
    moon_target_learn(&p->target, &source);
  }
  if (p->target.quirks & ~p->told) { moon_peer_tell(p); }
  if (v == MOON_VERDICT_DROP) {
    bool unread = sealed && s->x.refused == MOON_E_DECODE;
    *(unread ? &c->malformed : &c->unknown) += 1;
    if (moon_peer_diary(p)) { *(unread ? &p->diary->malformed : &p->diary->foreign) += 1; }
    return;
  }
  if (v == MOON_VERDICT_MINE && e->gathers) {
    s->state = MOON_SLOT_READ;
    e->read[e->n_read++] = (struct moon_read){moon_slot_ticket(s), o};
    return;
  }
  c->matched++;
  moon_engine_verdict(e, s, v, &o);
}

void moon_match_give(struct moon_engine *e) {
  for (uint32_t i = 0; i < e->n_read; i++) {
    struct moon_slot *s = moon_flight_slot(&e->flight, e->read[i].ticket);
    if (!s || s->state != MOON_SLOT_READ) { /* cancelled by what came of one before it */
      e->counters->late++;
      continue;
    }
    e->counters->matched++;
    moon_engine_finish(e, s, &e->read[i].outcome);
  }
  e->n_read = 0;
}

const struct moon_outcome *moon_match_read(const struct moon_engine *e, const struct moon_slot *s) {
  for (uint32_t i = 0; i < e->n_read; i++) {
    const struct moon_ticket *t = &e->read[i].ticket;
    if (t->slot == s->index && t->generation == s->generation) { return &e->read[i].outcome; }
  }
  return NULL;
}

/* The request an ICMP error is about: by the id it quotes, or of those to that address the one that has waited longest without any;
 * when all had one, it is about a later try of the first. *older: an earlier try of it. */
static struct moon_slot *blamed(struct moon_engine *e, const struct moon_icmp *icmp, bool *older) {
  struct moon_try *t;
  struct moon_slot *s, *first = NULL;
  *older = false;
  if (icmp->id) {
    if (moon_flight_find(&e->flight, moon_flight_counter(&e->flight, icmp->id), &t, &s) != MOON_FIND_LIVE) { return NULL; }
    *older = s->latest != t->counter;
    return moon_addr_equal(&s->peer->target.addr, &icmp->to) ? s : NULL;
  }
  struct moon_peer *p = moon_peers_find(e, &icmp->to);
  if (!p) { return NULL; }
  for (struct moon_list *node = p->flying.next; node != &p->flying; node = node->next) {
    s = MOON_LIST_ENTRY(node, struct moon_slot, node);
    if (!s->x.icmp) { return s; }
    if (!first) { first = s; }
  }
  return first;
}

void moon_match_errors(struct moon_engine *e, struct moon_socket *sock) {
  struct moon_icmp icmp;
  int n = 0;
  sock->errors = false;
  while (moon_socket_icmp(sock, &icmp)) {
    bool older;
    if (icmp.mtu) { moon_socket_fragment(sock); }
    struct moon_slot *s = blamed(e, &icmp, &older);
    if (!s || (s->state != MOON_SLOT_FLYING && s->state != MOON_SLOT_RESEND)) {
      e->counters->icmp_stray++;
    } else {
      e->counters->icmp++;
      if (moon_peer_diary(s->peer)) { s->peer->diary->icmp++; }
      if (icmp.err && !older && s->state == MOON_SLOT_FLYING) {
        struct moon_outcome o;
        enum moon_verdict v = moon_exchange_icmp(&s->x, icmp.err, e->now_us, &o);
        if (v == MOON_VERDICT_MINE) {
          moon_engine_finish_later(e, s, o.err);
        } else {
          moon_engine_verdict(e, s, v, &o);
        }
      }
    }
    if (++n == ERRORS_MAX) {
      sock->errors = true; /* the rest in the next turn */
      return;
    }
  }
}
