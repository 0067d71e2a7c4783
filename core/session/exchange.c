#include "exchange.h"

#include "sealed.h"

static uint32_t tries_max(const struct moon_exchange *x) {
  uint32_t retries = x->target->policy->retries;
  if (x->trial) {
    return 1;
  }
  uint32_t tries = retries < MOON_TRIES_MAX - 1 ? retries + 1 : MOON_TRIES_MAX, most = x->request->tries;
  return most && most < tries ? most : tries;
}

void moon_exchange_init(struct moon_exchange *x, struct moon_target *t, const struct moon_request *r, uint64_t now_us) {
  memset(x, 0, sizeof *x);
  x->request = r;
  x->target = t;
  x->started_us = now_us;
  x->give_up_us = now_us + tries_max(x) * t->policy->timeout_us;
  x->next_us = x->give_up_us;
}

static enum moon_err encode_plain(const struct moon_exchange *x, struct moon_stencil *s, uint32_t id, struct moon_writer *w) {
  const struct moon_request *r = x->request;
  const struct moon_credential *c = x->target->credential;
  moon_writer_put(w, r->varbinds, r->varbinds_len);
  const struct moon_pdu pdu = {
    .varbinds = w->p,
    .varbinds_len = r->varbinds_len,
    .request_id = (int32_t)id,
    .error_status = r->non_repeaters,
    .error_index = r->max_repetitions,
    .type = r->pdu_type,
  };
  if (s) {
    moon_message_encode_like(w, s, c->version, c->community, c->community_len, &pdu);
  } else {
    moon_message_encode(w, c->version, c->community, c->community_len, &pdu);
  }
  return w->err ? MOON_E_TOO_BIG : MOON_OK;
}

/* When the try under way ends. */
static void set_deadline(struct moon_exchange *x, uint64_t now_us, uint32_t jitter) {
  const struct moon_policy *policy = x->target->policy;
  x->next_us = x->give_up_us;
  if (x->tries >= tries_max(x)) {
    return;
  }
  uint64_t rto = moon_rtt_timeout(&x->target->rtt[x->request->kind], policy->rto_floor_us, policy->timeout_us) << (x->tries - 1);
  if (rto > policy->timeout_us) {
    rto = policy->timeout_us; /* or the later tries would never be made */
  }
  rto = rto - rto / 10 + rto / 5 * (jitter & 1023) / 1023;
  if (now_us + rto < x->give_up_us) {
    x->next_us = now_us + rto;
  }
}

enum moon_err moon_exchange_encode(struct moon_exchange *x, uint32_t id, uint64_t now_us, uint32_t jitter, struct moon_writer *w) {
  return moon_exchange_encode_like(x, NULL, id, now_us, jitter, w);
}

enum moon_err moon_exchange_encode_like(struct moon_exchange *x, struct moon_stencil *s, uint32_t id, uint64_t now_us, uint32_t jitter,
                                        struct moon_writer *w) {
  uint8_t version = x->target->credential->version;
  if (x->tries >= tries_max(x) && !x->step) {
    return MOON_E_LIMIT;
  }
  if (version != MOON_V1 && version != MOON_V2C && version != MOON_V3) {
    return MOON_E_VERSION;
  }
  enum moon_err e = version == MOON_V3 ? moon_sealed_encode(x, id, now_us, w) : encode_plain(x, s, id, w);
  if (e) {
    return e;
  }
  if (x->tries == 0) {
    /* What waited for its turn before it was sent has its full time still. */
    x->sent_us[0] = now_us;
    x->give_up_us = now_us + tries_max(x) * x->target->policy->timeout_us;
  }
  x->sent_us[1] = now_us;
  if (!x->step) {
    x->tries++;
    x->swapped = false;
  }
  x->step = false;
  set_deadline(x, now_us, jitter);
  x->swap = false;
  if (version == MOON_V3) {
    uint64_t swap_us = moon_sealed_swap_us(x, now_us);
    if (swap_us && swap_us < x->next_us) {
      x->swap = true;
      x->next_us = swap_us;
    }
  }
  return MOON_OK;
}

/* Constant time is not needed: the community crosses the network in clear. */
static bool same_community(const struct moon_credential *c, const uint8_t *p, size_t n) {
  return n == c->community_len && (n == 0 || memcmp(p, c->community, n) == 0);
}

/* A message that does not decode: is it ours at all, and what of its varbinds is there? False: not ours. */
static bool salvage(const struct moon_credential *c, const uint8_t *p, size_t n, struct moon_pdu *pdu) {
  struct moon_reader r, message, community;
  struct moon_message m;
  moon_reader_init(&r, p, n);
  moon_ber_get_body_cut(&r, MOON_SEQUENCE, &message);
  int32_t version = moon_ber_get_i32(&message);
  moon_ber_get_body(&message, MOON_OCTET_STRING, &community);
  if (message.err || version != c->version || !same_community(c, community.p, moon_reader_left(&community))) {
    return false;
  }
  if (moon_message_decode_cut(p, n, &m) == MOON_OK && m.pdu.type == MOON_PDU_RESPONSE && m.pdu.error_status == 0) {
    *pdu = m.pdu;
  }
  return true;
}

static void judge(struct moon_exchange *x, struct moon_outcome *out) {
  const struct moon_pdu *pdu = &out->pdu;
  if (pdu->error_status == 0) {
    return;
  }
  out->err = moon_err_from_status(pdu->error_status);
  if (out->err == MOON_OK) {
    out->err = MOON_E_GEN_ERR; /* negative */
  }
  if (pdu->error_index > 0 && pdu->error_index <= x->request->n_varbinds) {
    out->error_index = (uint16_t)pdu->error_index;
  }
}

/* Of v1 and v2c. */
static enum moon_verdict feed_plain(const struct moon_exchange *x, const uint8_t *p, size_t n, struct moon_outcome *o) {
  const struct moon_credential *c = x->target->credential;
  struct moon_message m;
  if (moon_message_decode(p, n, &m)) {
    o->err = MOON_E_DECODE;
    return salvage(c, p, n, &o->pdu) ? MOON_VERDICT_MINE : MOON_VERDICT_DROP;
  }
  if (m.version != c->version || !same_community(c, m.community, m.community_len)) {
    return MOON_VERDICT_DROP;
  }
  if (m.trailing) {
    moon_target_quirk(x->target, MOON_QUIRK_TRAILING);
  }
  if (m.is_trap_v1 || m.pdu.type != MOON_PDU_RESPONSE) {
    o->err = MOON_E_DECODE;
    o->pdu.type = m.is_trap_v1 ? MOON_PDU_TRAP_V1 : m.pdu.type;
  } else {
    o->pdu = m.pdu;
  }
  return MOON_VERDICT_MINE;
}

enum moon_verdict moon_exchange_feed(struct moon_exchange *x, const uint8_t *p, size_t n, uint8_t *room, uint64_t sent_us,
                                     uint64_t now_us, struct moon_outcome *out) {
  struct moon_target *t = x->target;
  bool sealed = t->credential->version == MOON_V3;
  struct moon_outcome o = {.received_us = now_us, .tries = x->tries};
  enum moon_verdict v = sealed ? moon_sealed_feed(x, p, n, room, now_us, &o) : feed_plain(x, p, n, &o);
  if (v == MOON_VERDICT_DROP || v == MOON_VERDICT_HELD || (sealed && !x->authentic)) {
    if (v == MOON_VERDICT_MINE) {
      *out = o;
    }
    return v;
  }
  uint64_t rtt = now_us > sent_us ? now_us - sent_us : 1;
  moon_rtt_sample(&t->rtt[v == MOON_VERDICT_AGAIN ? MOON_KIND_GET : x->request->kind], rtt);
  t->last_answer_us = now_us;
  if (v == MOON_VERDICT_MINE) {
    if (!o.err) {
      judge(x, &o);
    }
    o.rtt_us = rtt < UINT32_MAX ? (uint32_t)rtt : UINT32_MAX;
    *out = o;
  }
  return v;
}

static enum moon_verdict give_up(const struct moon_exchange *x, uint64_t now_us, struct moon_outcome *out) {
  *out = (struct moon_outcome){
    .received_us = now_us,
    .tries = x->tries,
    .report = x->held,
    .err = x->held   ? moon_report_err((enum moon_report)x->held)
           : x->icmp ? (enum moon_err)x->icmp
                     : MOON_E_TIMEOUT,
  };
  if (x->target->trust) {
    moon_trust_forget(x->target->trust);
  }
  return MOON_VERDICT_MINE;
}

enum moon_verdict moon_exchange_expire(struct moon_exchange *x, uint64_t now_us, bool may_retry, struct moon_outcome *out) {
  if (now_us < x->next_us) {
    return MOON_VERDICT_DROP;
  }
  if (now_us >= x->give_up_us || x->held) {
    return give_up(x, now_us, out);
  }
  if (x->swap) {
    x->swap = false;
    x->swapped = true;
    x->step = true;
    moon_trust_swap(x->target->trust);
    return MOON_VERDICT_AGAIN;
  }
  if (x->tries >= tries_max(x)) {
    return give_up(x, now_us, out);
  }
  if (!may_retry) {
    x->next_us = x->give_up_us;
    return MOON_VERDICT_DROP;
  }
  return MOON_VERDICT_AGAIN;
}

enum moon_verdict moon_exchange_icmp(struct moon_exchange *x, enum moon_err e, uint64_t now_us, struct moon_outcome *out) {
  if (x->tries == 0) {
    return MOON_VERDICT_DROP;
  }
  x->icmp = (uint8_t)e;
  if (x->tries >= tries_max(x) && !x->request->is_followed) {
    return give_up(x, now_us, out);
  }
  /* A port that is closed while an agent restarts opens again: wait before the next try, but not as long as for silence. */
  uint64_t pause = now_us + x->target->policy->rto_floor_us;
  if (pause < x->next_us) {
    x->next_us = pause;
  }
  return MOON_VERDICT_DROP;
}
