#include "sealed.h"

#define RESPITE_US 50000u    /* at least, for an answer that overtakes a report that was forged */
#define SWAP_FLOOR_US 20000u /* an agent that is silent because of the key is waited for so long, at least */

static struct moon_scoped scoped_of(const struct moon_exchange *x, const struct moon_authority *a) {
  const struct moon_credential *c = x->target->credential;
  struct moon_scoped s = {
    .engine_id = c->context_engine_id_len ? c->context_engine_id : a->id,
    .engine_id_len = c->context_engine_id_len ? c->context_engine_id_len : a->id_len,
    .context = x->request->context ? x->request->context : c->context,
    .context_len = x->request->context ? x->request->context_len : c->context_len,
  };
  return s;
}

/* Only the first try is told the request's limit: many agents say nothing where they should cut. */
static uint32_t max_size(const struct moon_exchange *x) {
  bool first = x->tries == 0 || (x->tries == 1 && x->step);
  uint32_t n = x->target->policy->datagram_max, most = first ? x->request->reply_max : 0;
  if (most && (!n || most < n)) { return most > MOON_V3_SIZE_MIN ? most : MOON_V3_SIZE_MIN; }
  return n ? n : MOON_DATAGRAM_MAX;
}

static void encode_discovery(const struct moon_exchange *x, uint32_t id, struct moon_writer *w) {
  static const uint8_t nothing[1];
  const struct moon_v3 m = {.engine_id = nothing, .user = nothing, .id = id, .max_size = max_size(x), .flags = MOON_V3_REPORTABLE};
  const struct moon_scoped s = {.pdu = {.varbinds = nothing, .request_id = (int32_t)id, .type = MOON_PDU_GET}, .engine_id = nothing,
                                .context = nothing};
  moon_usm_seal(NULL, w, &m, &s);
}

enum moon_err moon_sealed_encode(struct moon_exchange *x, uint32_t id, uint64_t now_us, struct moon_writer *w) {
  const struct moon_request *r = x->request;
  const struct moon_credential *c = x->target->credential;
  struct moon_trust *sec = x->target->trust;
  struct moon_usm *usm = NULL;
  if (!sec) { return MOON_E_VERSION; }
  moon_trust_use(sec, c, now_us);
  const struct moon_authority *a = moon_trust_authority(sec);
  x->asking_engine = a->id_len == 0;
  if (x->asking_engine) {
    encode_discovery(x, id, w);
    return w->err ? MOON_E_TOO_BIG : MOON_OK;
  }
  if (c->level & MOON_V3_LEVEL) {
    enum moon_err e = moon_trust_keys(sec, moon_trust_authority(sec), &usm);
    if (e) { return e; }
  }
  const struct moon_v3 m = {
    .engine_id = a->id,
    .engine_id_len = a->id_len,
    .user = c->user,
    .user_len = c->user_len,
    .id = id,
    .max_size = max_size(x),
    .boots = a->timed ? a->boots : 0,
    .time = moon_authority_time(a, now_us),
    .flags = (uint8_t)(MOON_V3_REPORTABLE | (c->level & MOON_V3_LEVEL)),
  };
  struct moon_scoped s = scoped_of(x, a);
  if (s.context_len > sec->context_len) { sec->context_len = (uint8_t)s.context_len; }
  moon_writer_put(w, r->varbinds, r->varbinds_len);
  s.pdu = (struct moon_pdu){
    .varbinds = w->p,
    .varbinds_len = r->varbinds_len,
    .request_id = (int32_t)id,
    .error_status = r->non_repeaters,
    .error_index = r->max_repetitions,
    .type = r->pdu_type,
  };
  moon_usm_seal(usm, w, &m, &s);
  return w->err == MOON_E_SPACE ? MOON_E_TOO_BIG : w->err;
}

uint64_t moon_sealed_swap_us(const struct moon_exchange *x, uint64_t now_us) {
  const struct moon_target *t = x->target;
  const struct moon_trust *sec = t->trust;
  if (!sec || sec->decided || x->swapped || !moon_trust_authority(t->trust)->timed) { return 0; }
  return now_us + moon_rtt_timeout(&t->rtt[MOON_KIND_GET], SWAP_FLOOR_US, t->policy->timeout_us / 4);
}

/* ---- what comes back ---- */

static enum moon_verdict refuse(struct moon_exchange *x, enum moon_err why) {
  x->refused = (uint8_t)why;
  x->authentic = false;
  return MOON_VERDICT_DROP;
}

static enum moon_verdict again(struct moon_exchange *x) {
  x->step = true;
  x->held = MOON_REPORT_NONE;
  return MOON_VERDICT_AGAIN;
}

static enum moon_verdict hold(struct moon_exchange *x, enum moon_report kind, uint64_t now_us) {
  const struct moon_target *t = x->target;
  uint64_t most_us = t->trust->known.proven ? t->policy->timeout_us : RESPITE_US;
  uint64_t until = now_us + moon_rtt_timeout(&t->rtt[x->request->kind], RESPITE_US, most_us);
  if (!x->held) {
    x->held = (uint8_t)kind;
    if (until < x->next_us) { x->next_us = until; }
  }
  return MOON_VERDICT_HELD;
}

static enum moon_verdict over(enum moon_report kind, struct moon_outcome *o) {
  o->report = (uint8_t)kind;
  o->err = moon_report_err(kind);
  return MOON_VERDICT_MINE;
}

/* The agent could not decrypt: because of the way the key was extended? */
static bool try_other_key(struct moon_exchange *x) {
  struct moon_trust *sec = x->target->trust;
  if (sec->decided || x->swapped) { return false; }
  x->swapped = true;
  x->swap = false;
  moon_trust_swap(sec);
  return true;
}

static enum moon_verdict take_unsigned_report(struct moon_exchange *x, const struct moon_v3 *m, enum moon_report kind, uint64_t now_us) {
  struct moon_trust *sec = x->target->trust;
  const struct moon_credential *c = x->target->credential;
  bool unknown = moon_trust_authority(sec)->id_len == 0;
  if (kind == MOON_REPORT_DECRYPTION && try_other_key(x)) { return again(x); }
  /* Whatever it complains about: who asks for an engine id has it now. */
  if (!unknown && kind != MOON_REPORT_ENGINE) { return hold(x, kind, now_us); }
  if (c->engine_id_len || x->discoveries >= MOON_DISCOVERIES_MAX) { return hold(x, MOON_REPORT_ENGINE, now_us); }
  if (!moon_trust_discover(sec, m->engine_id, m->engine_id_len)) { return refuse(x, MOON_E_UNKNOWN_ENGINE); }
  x->discoveries++;
  return again(x);
}

static enum moon_verdict take_report(struct moon_exchange *x, enum moon_report kind, struct moon_outcome *o) {
  if (kind == MOON_REPORT_TIME_WINDOW && x->resyncs < MOON_RESYNCS_MAX) {
    x->resyncs++;
    return again(x);
  }
  if (kind == MOON_REPORT_DECRYPTION && try_other_key(x)) { return again(x); }
  return over(kind, o);
}

/* Which key it was is not known: decrypted elsewhere, as it has to be there still for the other one. */
static enum moon_err open_either(struct moon_exchange *x, struct moon_authority *a, struct moon_usm *usm, const uint8_t *p,
                                 const struct moon_v3 *m, uint8_t *plain, struct moon_scoped *s, uint8_t *priv) {
  struct moon_trust *sec = x->target->trust;
  uint8_t *scratch = moon_keyring_scratch(sec->ring);
  enum moon_err e = moon_usm_open(usm, 0, p, m, scratch, MOON_DATAGRAM_MAX, s);
  if (e == MOON_E_DECRYPTION) {
    struct moon_keyring_ref elsewhere = {NULL, 0};
    *priv = (uint8_t)moon_trust_sibling((enum moon_priv)sec->priv);
    e = moon_keyring_get(sec->ring, sec->credential, (enum moon_priv)*priv, a->id, a->id_len, &elsewhere, &usm);
    if (!e) { e = moon_usm_open(usm, 0, p, m, scratch, MOON_DATAGRAM_MAX, s); }
  }
  if (e || !(m->flags & MOON_V3_PRIV)) { return e; }
  memcpy(plain, scratch, m->scoped_len);
  return moon_scoped_decode(plain, m->scoped_len, s);
}

/* Verified and decrypted with the key in use, or, while that is not decided, with the other one. MOON_E_DECRYPTION also when
 * it is no scoped PDU, of either. */
static enum moon_err open(struct moon_exchange *x, struct moon_authority *a, const uint8_t *p, const struct moon_v3 *m, uint8_t *room,
                          struct moon_scoped *s, uint8_t *priv) {
  struct moon_trust *sec = x->target->trust;
  uint8_t *plain = room + (m->scoped - p);
  struct moon_usm *usm;
  *priv = sec->priv;
  enum moon_err e = moon_trust_keys(sec, a, &usm);
  if (e) { return e; }
  return sec->decided ? moon_usm_open(usm, 0, p, m, plain, m->scoped_len, s) : open_either(x, a, usm, p, m, plain, s, priv);
}

static void decide(struct moon_target *t, const struct moon_v3 *m, uint8_t priv) {
  struct moon_trust *sec = t->trust;
  if (sec->decided || !(m->flags & MOON_V3_PRIV)) { return; }
  if (sec->priv != priv) { moon_trust_swap(sec); }
  sec->decided = true;
  bool reeder = priv == MOON_PRIV_AES192_REEDER || priv == MOON_PRIV_AES256_REEDER;
  moon_target_quirk(t, reeder ? MOON_QUIRK_REEDER : MOON_QUIRK_BLUMENTHAL);
}

static bool same(const uint8_t *a, size_t n, const uint8_t *b, size_t m) { return n == m && (n == 0 || memcmp(a, b, n) == 0); }

/* Does the answer fit what was asked? RFC 3412 7.2.10 and 7.2.12. */
static bool fits(const struct moon_exchange *x, const struct moon_authority *a, const struct moon_v3 *m, const struct moon_scoped *s) {
  const struct moon_scoped asked = scoped_of(x, a);
  return s->pdu.request_id == (int32_t)m->id && same(s->engine_id, s->engine_id_len, asked.engine_id, asked.engine_id_len) &&
         same(s->context, s->context_len, asked.context, asked.context_len);
}

static enum moon_verdict take_answer(struct moon_exchange *x, const struct moon_authority *a, const struct moon_v3 *m,
                                     const struct moon_scoped *s, struct moon_outcome *o) {
  if (s->pdu.type != MOON_PDU_RESPONSE || !fits(x, a, m, s)) { return refuse(x, MOON_E_NOT_MINE); }
  if (s->trailing && !(m->flags & MOON_V3_PRIV)) { moon_target_quirk(x->target, MOON_QUIRK_TRAILING); }
  o->pdu = s->pdu;
  return MOON_VERDICT_MINE;
}

static enum moon_verdict feed_signed(struct moon_exchange *x, const uint8_t *p, const struct moon_v3 *m, uint8_t *room, uint64_t now_us,
                                     struct moon_outcome *o) {
  struct moon_target *t = x->target;
  struct moon_trust *sec = t->trust;
  const struct moon_credential *c = t->credential;
  struct moon_scoped s;
  uint8_t priv = MOON_PRIV_NONE;
  bool back, changed;
  struct moon_authority *a = moon_trust_of(sec, m->engine_id, m->engine_id_len);
  if (!a || !(c->level & MOON_V3_AUTH)) { return refuse(x, a ? MOON_E_UNSUPPORTED_LEVEL : MOON_E_UNKNOWN_ENGINE); }
  enum moon_err e = open(x, a, p, m, room, &s, &priv);
  if (e == MOON_E_AUTH || e == MOON_E_UNSUPPORTED_LEVEL || e == MOON_E_NOMEM || e == MOON_E_NO_ALGORITHM) { return refuse(x, e); }
  bool report = !e && s.pdu.type == MOON_PDU_REPORT;
  if (report) { x->heard = (uint8_t)moon_report_kind(&s.pdu); }
  /* RFC 3412 7.2.13: or our own request, sent back, would prove whatever engine it was made for. */
  if (!e && !report && s.pdu.type != MOON_PDU_RESPONSE) { return refuse(x, MOON_E_NOT_MINE); }
  if (!e && !report && (m->flags & c->level) != c->level) { return refuse(x, MOON_E_UNSUPPORTED_LEVEL); }
  changed = a == &sec->other;
  bool anew = x->heard == MOON_REPORT_TIME_WINDOW && a->proven;
  enum moon_err heard = moon_trust_hear(sec, a, m->boots, m->time, x->heard == MOON_REPORT_TIME_WINDOW, x->resyncs > 0, now_us, &back);
  if (back && !heard) { moon_target_quirk(t, MOON_QUIRK_CLOCK_BACK); }
  if (heard) {
    if (m->boots == MOON_BOOTS_MAX) { moon_target_quirk(t, MOON_QUIRK_BOOTS_MAX); }
    if (back && c->time_policy != MOON_TIME_STRICT && x->resyncs == 0) {
      x->resyncs++;
      return again(x);
    }
    if (!report) { return refuse(x, heard); }
    return over(MOON_REPORT_TIME_WINDOW, o); /* signed, and fresh: waiting would not change it */
  }
  x->authentic = true;
  x->resynced = anew;
  if (changed) { moon_target_quirk(t, MOON_QUIRK_OTHER_ENGINE); }
  if (m->trailing) { moon_target_quirk(t, MOON_QUIRK_TRAILING); }
  if (report) { return take_report(x, (enum moon_report)x->heard, o); }
  if (e) { /* its own mistake, signed */
    o->err = e == MOON_E_DECRYPTION ? MOON_E_DECRYPTION : MOON_E_DECODE;
    return MOON_VERDICT_MINE;
  }
  decide(t, m, priv);
  return take_answer(x, &sec->known, m, &s, o);
}

static enum moon_verdict feed_unsigned(struct moon_exchange *x, const struct moon_v3 *m, uint64_t now_us, struct moon_outcome *o) {
  struct moon_target *t = x->target;
  const struct moon_credential *c = t->credential;
  struct moon_scoped s;
  enum moon_err e = moon_scoped_decode(m->scoped, m->scoped_len, &s);
  if (!e && s.pdu.type == MOON_PDU_REPORT) {
    x->heard = (uint8_t)moon_report_kind(&s.pdu);
    return take_unsigned_report(x, m, (enum moon_report)x->heard, now_us);
  }
  if (c->level & MOON_V3_AUTH) { return refuse(x, MOON_E_UNSUPPORTED_LEVEL); }
  struct moon_authority *a = moon_trust_of(t->trust, m->engine_id, m->engine_id_len);
  if (!a) { return refuse(x, MOON_E_UNKNOWN_ENGINE); }
  if (!same(m->user, m->user_len, c->user, c->user_len)) { return refuse(x, MOON_E_NOT_MINE); }
  if (e) {
    o->err = MOON_E_DECODE;
    x->authentic = true;
    return MOON_VERDICT_MINE;
  }
  enum moon_verdict v = take_answer(x, a, m, &s, o);
  if (v == MOON_VERDICT_MINE) {
    x->authentic = true;
    if (m->trailing) { moon_target_quirk(t, MOON_QUIRK_TRAILING); }
    moon_trust_prove(t->trust, a);
  }
  return v;
}

enum moon_verdict moon_sealed_feed(struct moon_exchange *x, const uint8_t *p, size_t n, uint8_t *room, uint64_t now_us, struct moon_outcome *o) {
  struct moon_target *t = x->target;
  const struct moon_credential *c = t->credential;
  struct moon_v3 m;
  x->heard = MOON_REPORT_NONE;
  x->refused = MOON_OK;
  x->authentic = false;
  x->resynced = false;
  if (!t->trust || moon_v3_decode(p, n, &m)) { return refuse(x, MOON_E_DECODE); }
  moon_trust_use(t->trust, c, now_us);
  if (!(m.flags & MOON_V3_AUTH)) { return feed_unsigned(x, &m, now_us, o); }
  if (!same(m.user, m.user_len, c->user, c->user_len)) { return refuse(x, MOON_E_NOT_MINE); }
  return feed_signed(x, p, &m, room, now_us, o);
}

bool moon_sealed_vouch(struct moon_target *t, const uint8_t *p, size_t n, uint64_t now_us) {
  const struct moon_credential *c = t->credential;
  struct moon_usm *usm;
  struct moon_v3 m;
  if (!t->trust || moon_v3_decode(p, n, &m) || (m.flags & MOON_V3_REPORTABLE)) { return false; } /* requests are, RFC 3412 6.4 */
  moon_trust_use(t->trust, c, now_us);
  struct moon_authority *a = moon_trust_of(t->trust, m.engine_id, m.engine_id_len);
  if (a != &t->trust->known || !a->proven || !same(m.user, m.user_len, c->user, c->user_len)) { return false; }
  if (!(c->level & MOON_V3_AUTH)) { return true; }
  if ((m.flags & c->level) != c->level || moon_trust_keys(t->trust, a, &usm)) { return false; }
  if (moon_usm_verify(usm, p, m.len, (size_t)(m.auth - p), m.auth_len)) { return false; }
  return m.boots == a->boots && (uint64_t)m.time + MOON_TIME_WINDOW_S >= moon_authority_time(a, now_us);
}
