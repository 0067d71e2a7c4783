#include "authority.h"
#include "inner.h"

#define AUTHORIZATION_ERROR 16                    /* RFC 3416 3; RFC 3415 3.2: no access at this level */
#define ROOM_FORGED (MOON_ROOM_BESIDE + 32768)    /* behind the answer that is replayed */
#define REPORT_MAX 512

/* One message on its way through the agent. */
struct passage {
  struct moon_agent *agent;
  struct moon_standing now;
  struct moon_v3 in;
  struct moon_admitted admitted;
  const struct moon_pdu *pdu;         /* NULL: it could not be read */
  const struct moon_context *context; /* NULL: the agent's own */
  struct moon_judgement judgement;
  bool judged;                        /* there are flaws at all */
};

static bool is_confirmed(uint8_t type) { return moon_answer_is_request(MOON_V3, type) || type == MOON_PDU_INFORM; }

static size_t tlv(size_t n) { return n + (n < 0x80 ? 2 : n < 0x100 ? 3 : 4); }

/* Octets of an answer beside its PDU and first header, at most: version, header, security parameters, and what the scoped PDU
 * has around its PDU, encrypted and padded. */
static size_t around(const struct passage *t) {
  size_t parameters = 2u + t->now.engine_id_len + 6 + 6 + 2u + t->in.user_len + 2u + t->in.auth_len + 2 + MOON_SALT_LEN;
  size_t scoped = 4 + 4 + 2u + t->now.engine_id_len + tlv(t->admitted.scoped.context_len) + 7;
  return 3 + tlv(6 + 6 + 3 + 3) + tlv(tlv(parameters)) + scoped;
}

static bool is_flawed(const struct passage *t, enum moon_flaw_kind k) { return t->judged && (t->judgement.kinds >> k & 1); }

/* The envelope of what goes back. */
static struct moon_v3 envelope(const struct passage *t, uint8_t level) {
  uint32_t wrong = is_flawed(t, MOON_FLAW_WRONG_ID) ? MOON_ANSWER_WRONG_ID : 0;
  return (struct moon_v3){.engine_id = t->now.engine_id, .engine_id_len = t->now.engine_id_len, .boots = t->now.boots,
                          .time = t->now.time, .user = t->in.user, .user_len = t->in.user_len, .id = t->in.id ^ wrong,
                          .max_size = MOON_DATAGRAM_MAX, .flags = level};
}

/* ---- Reports, RFC 3412 7.1 3 and 7.2 */

static void put_reason(struct moon_writer *w, enum moon_refusal why) {
  static const uint8_t handlers[] = {0x2b, 6, 1, 6, 3, 11, 2, 1, 3, 0}, contexts[] = {0x2b, 6, 1, 6, 3, 12, 1, 5, 0};
  const uint8_t usm[] = {0x2b, 6, 1, 6, 3, 15, 1, 1, (uint8_t)why, 0};
  if (why == MOON_REFUSE_HANDLER) {
    moon_ber_put_bytes(w, MOON_OBJECT_ID, handlers, sizeof handlers);
  } else if (why == MOON_REFUSE_CONTEXT) {
    moon_ber_put_bytes(w, MOON_OBJECT_ID, contexts, sizeof contexts);
  } else {
    moon_ber_put_bytes(w, MOON_OBJECT_ID, usm, sizeof usm);
  }
}

/* Into what w has; the varbind lies at its end. */
static void put_report(struct passage *t, enum moon_refusal why, uint8_t level, struct moon_writer *w) {
  struct moon_scoped s = {.engine_id = t->now.engine_id, .engine_id_len = t->now.engine_id_len, .context = t->now.engine_id};
  struct moon_v3 v = envelope(t, level);
  const uint8_t *end = w->p;
  moon_ber_put_u64(w, MOON_COUNTER32, t->agent->counts.refusals[why]);
  put_reason(w, why);
  moon_ber_put_wrap(w, MOON_SEQUENCE, end);
  s.pdu = (struct moon_pdu){.type = MOON_PDU_REPORT, .request_id = t->pdu ? t->pdu->request_id : 0, .varbinds = w->p,
                            .varbinds_len = (size_t)(end - w->p)};
  moon_usm_seal(t->admitted.usm, w, &v, &s);
}

static void report(struct passage *t, uint64_t now_us, enum moon_refusal why, uint8_t *room, struct moon_answer *out) {
  struct moon_writer w;
  uint8_t level = why > MOON_REFUSE_DECRYPTION ? t->in.flags & MOON_V3_LEVEL : why == MOON_REFUSE_WINDOW ? MOON_V3_AUTH : 0;
  if (t->pdu ? !is_confirmed(t->pdu->type) : !(t->in.flags & MOON_V3_REPORTABLE)) { return; }
  if (why == MOON_REFUSE_WINDOW && is_flawed(t, MOON_FLAW_UNSIGNED_REPORT)) {
    t->agent->counts.flaws[MOON_FLAW_UNSIGNED_REPORT]++;
    level = 0;
  }
  moon_writer_init(&w, room, REPORT_MAX);
  put_report(t, why, level, &w);
  if (w.err) { return; }
  t->agent->counts.reports++;
  out->n = 1;
  out->reply[0] = (struct moon_reply){.p = w.p, .n = (uint32_t)moon_writer_len(&w)};
  t->judgement.kinds &= ~(1u << MOON_FLAW_REPLAY); /* of answers */
  if (t->judged) { moon_answer_spoil(t->agent, now_us, &t->judgement, room + REPORT_MAX, room, out); }
}

static void forge(struct passage *t, uint8_t *room, struct moon_answer *out) {
  struct moon_writer w;
  moon_writer_init(&w, room + ROOM_FORGED, REPORT_MAX);
  put_report(t, (enum moon_refusal)t->judgement.forged, 0, &w);
  if (w.err) { return; }
  moon_answer_put_ahead(t->agent, w.p, moon_writer_len(&w), out);
  t->agent->counts.flaws[MOON_FLAW_FORGED_REPORT]++;
}

/* ---- answers */

/* A context with a recording of its own is an agent of its own, but for what its kind does wrong. */
static enum moon_err respond(struct passage *t, uint64_t now_us, const struct moon_asked *q, uint8_t *room, struct moon_answered *out) {
  struct moon_agent *a = t->agent;
  const struct moon_profile *own = a->profile;
  struct moon_overlay *overlay = a->overlay;
  struct moon_profile other;
  enum moon_err e;
  if (!t->context || !t->context->recording) { return moon_answer_pdu(a, now_us, q, room, out); }
  other = *own;
  other.recording = t->context->recording;
  other.vary = t->context->vary;
  a->profile = &other;
  a->overlay = NULL;
  e = moon_answer_pdu(a, now_us, q, room, out);
  a->profile = own;
  a->overlay = overlay;
  return e;
}

/* The answer's level, and what is wrong with its envelope. */
static enum moon_err seal(struct passage *t, const struct moon_answered *answered, struct moon_writer *w) {
  struct moon_scoped s = t->admitted.scoped;
  struct moon_v3 v = envelope(t, t->in.flags & MOON_V3_LEVEL), sent;
  uint32_t *flaws = t->agent->counts.flaws;
  s.pdu = answered->pdu;
  if (is_flawed(t, MOON_FLAW_WRONG_ID)) { s.pdu.request_id ^= MOON_ANSWER_WRONG_ID; }
  if (is_flawed(t, MOON_FLAW_DOWNGRADE) && v.flags > t->judgement.kept) {
    flaws[MOON_FLAW_DOWNGRADE]++;
    v.flags = t->judgement.kept ? MOON_V3_AUTH : 0;
  }
  if (is_flawed(t, MOON_FLAW_WRONG_CONTEXT)) {
    static const uint8_t other[] = {0x80, 0x00, 0x7e, 0xd9, 5, 0xff};
    s.engine_id = other;
    s.engine_id_len = sizeof other;
    flaws[MOON_FLAW_WRONG_CONTEXT]++;
  }
  moon_usm_seal(t->admitted.usm, w, &v, &s);
  if (w->err) { return w->err; }
  if (is_flawed(t, MOON_FLAW_BAD_DIGEST) && (v.flags & MOON_V3_AUTH) && !moon_v3_decode(w->p, moon_writer_len(w), &sent)) {
    w->p[sent.auth - w->p] ^= 0x55;
    flaws[MOON_FLAW_BAD_DIGEST]++;
  }
  return MOON_OK;
}

static void answer(struct passage *t, uint64_t now_us, uint8_t *room, struct moon_answer *out) {
  struct moon_agent *a = t->agent;
  const struct moon_user *user = t->admitted.user;
  struct moon_asked q = {.pdu = t->pdu, .version = MOON_V3, .around = around(t), .max_octets = t->in.max_size,
                         .judgement = t->judged ? &t->judgement : NULL,
                         .error_status = user->level & (uint8_t)~t->in.flags ? AUTHORIZATION_ERROR : 0,
                         .may_write = user->write && !(t->context && t->context->recording)};
  struct moon_answered answered;
  struct moon_writer w;
  uint8_t *end;
  enum moon_err e = respond(t, now_us, &q, room, &answered);
  if (e == MOON_E_DECODE) {
    a->counts.malformed++;
    return;
  }
  moon_answer_count_request(a, t->pdu->type);
  if (!e) {
    end = room + MOON_ANSWER_HEAD + answered.pdu.varbinds_len;
    w = (struct moon_writer){.start = room, .p = room + MOON_ANSWER_HEAD, .end = end};
    e = seal(t, &answered, &w);
  }
  if (e) {
    a->counts.silent++;
    return;
  }
  moon_answer_count(a, &answered);
  out->n = 1;
  out->reply[0] = (struct moon_reply){.p = w.p, .n = (uint32_t)moon_writer_len(&w), .delay_us = answered.rtt_us};
  if (!t->judged) { return; }
  for (uint32_t k = 0; answered.flaws >> k; k++) { a->counts.flaws[k] += answered.flaws >> k & 1; }
  moon_answer_spoil(a, now_us, &t->judgement, end, room, out);
  if (is_flawed(t, MOON_FLAW_FORGED_REPORT)) { forge(t, room, out); }
}

/* ---- what comes in */

/* RFC 3413 3.2: is there somebody for it? */
static enum moon_refusal dispatch(struct passage *t) {
  const struct moon_security *security = t->agent->profile->security;
  const struct moon_scoped *s = &t->admitted.scoped;
  if (!moon_answer_is_request(MOON_V3, s->pdu.type)) { return MOON_REFUSE_HANDLER; }
  if (s->engine_id_len != t->now.engine_id_len || memcmp(s->engine_id, t->now.engine_id, s->engine_id_len) != 0) {
    return MOON_REFUSE_HANDLER;
  }
  if (s->context_len == 0) { return MOON_REFUSE_NOT; }
  for (uint32_t i = 0; i < security->n_contexts; i++) {
    const struct moon_context *c = &security->contexts[i];
    if (c->len != s->context_len || memcmp(c->name, s->context, c->len) != 0) { continue; }
    t->context = c;
    return MOON_REFUSE_NOT;
  }
  return MOON_REFUSE_CONTEXT;
}

static void count_flaws(struct moon_agent *a, uint32_t flaws) {
  for (unsigned k = MOON_FLAW_BOOTS_BACK; k < MOON_FLAWS_N; k++) { a->counts.flaws[k] += flaws >> k & 1; }
}

void moon_envelope_answer(struct moon_agent *a, uint64_t now_us, const uint8_t *in, size_t n, uint8_t *room, struct moon_answer *out) {
  struct passage t = {.agent = a};
  struct moon_pdu unknown = {.type = MOON_PDU_GET};
  enum moon_refusal why = MOON_REFUSE_NOT;
  enum moon_err e = moon_v3_decode(in, n, &t.in);
  out->n = 0;
  if (!e) {
    moon_authority_stand(a, now_us, &t.now);
    e = moon_authority_admit(a, &t.now, in, &t.in, room + MOON_ROOM_OPENED, MOON_ROOM_BESIDE - MOON_ROOM_OPENED, &t.admitted, &why);
  }
  if (!e && !why) { why = dispatch(&t); }
  if (!e && (why == MOON_REFUSE_NOT || why > MOON_REFUSE_DECRYPTION)) {
    t.pdu = &t.admitted.scoped.pdu;
  } else if (!e && !(t.in.flags & MOON_V3_PRIV) && !moon_scoped_decode(t.in.scoped, t.in.scoped_len, &t.admitted.scoped)) {
    t.pdu = &t.admitted.scoped.pdu;
  }
  if (e || (t.pdu && !is_confirmed(t.pdu->type))) {
    moon_agent_malformed(a, e);
    return;
  }
  a->counts.datagrams++;
  count_flaws(a, t.now.flaws);
  t.judged = a->profile->flaws != NULL;
  bool silent = t.judged && !moon_answer_judge(a, now_us, t.pdu ? t.pdu : &unknown, &t.judgement);
  if (why) {
    a->counts.refused++;
    a->counts.refusals[why]++;
    if (!silent) { report(&t, now_us, why, room, out); }
  } else if (silent) {
    moon_answer_count_request(a, t.pdu->type);
    a->counts.silent++;
  } else {
    answer(&t, now_us, room, out);
  }
}

bool moon_agent_is_engine(const struct moon_agent *a, uint64_t now_us, const uint8_t *in, size_t n) {
  struct moon_standing now;
  struct moon_v3 m;
  if (!a->profile->security || moon_v3_decode(in, n, &m)) { return false; }
  moon_authority_stand(a, now_us, &now);
  return m.engine_id_len == now.engine_id_len && memcmp(m.engine_id, now.engine_id, m.engine_id_len) == 0;
}
