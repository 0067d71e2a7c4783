#include "usm_agent.h"

#include <assert.h>

void usm_agent_init(struct usm_agent *a, struct moon_crypto *crypto, enum moon_auth auth, enum moon_priv priv) {
  static const uint8_t id[] = {0x80, 0, 0x1f, 0x88, 4, 'o', 'n', 'e'};
  memset(a, 0, sizeof *a);
  a->crypto = crypto;
  a->auth = auth;
  a->priv = priv;
  a->level = (uint8_t)((auth ? MOON_V3_AUTH : 0) | (priv ? MOON_V3_PRIV : 0));
  a->boots = 7;
  memcpy(a->id, id, sizeof id);
  a->id_len = sizeof id;
  strcpy(a->user, "reader");
  if (auth && moon_key_from_password(crypto, auth, (const uint8_t *)"authentic", 9, &a->auth_ku)) { assert(0); }
  if (priv && moon_key_from_password(crypto, auth, (const uint8_t *)"privately1", 10, &a->priv_ku)) { assert(0); }
}

void usm_agent_credential(const struct usm_agent *a, struct moon_credential *c) {
  memset(c, 0, sizeof *c);
  c->version = MOON_V3;
  c->level = a->level;
  c->auth = (uint8_t)a->auth;
  c->priv = (uint8_t)a->priv;
  c->user_len = (uint8_t)strlen(a->user);
  memcpy(c->user, a->user, c->user_len);
  c->auth_key = a->auth_ku;
  c->priv_key = a->priv_ku;
}

static struct moon_usm *keys(const struct usm_agent *a) {
  struct moon_key auth, priv = {.len = 0};
  struct moon_usm *u = NULL;
  if (!a->auth) { return NULL; }
  if (moon_key_localize(a->crypto, a->auth, &a->auth_ku, a->id, a->id_len, &auth)) { assert(0); }
  if (a->priv && moon_key_localize_priv(a->crypto, a->auth, a->priv, &a->priv_ku, a->id, a->id_len, &priv)) { assert(0); }
  if (moon_usm_new(a->crypto, a->auth, &auth, a->priv, &priv, &u)) { assert(0); }
  return u;
}

static uint32_t time_of(const struct usm_agent *a, uint64_t now_us) { return (uint32_t)(now_us / 1000000 - a->time_s); }

static size_t send_(struct usm_agent *a, uint64_t now_us, uint32_t id, uint8_t level, const struct moon_scoped *s, uint8_t *out, size_t cap) {
  struct moon_writer w;
  struct moon_usm *u = keys(a);
  const struct moon_v3 m = {.engine_id = a->id, .engine_id_len = a->id_len, .user = (const uint8_t *)(a->other_user ? "writer" : a->user),
                            .user_len = (uint8_t)strlen(a->user), .id = id, .max_size = 65507, .boots = a->boots,
                            .time = time_of(a, now_us), .flags = level};
  moon_writer_init(&w, out, cap);
  moon_usm_seal(u, &w, &m, s);
  assert(!w.err);
  moon_usm_free(u);
  size_t n = moon_writer_len(&w);
  memmove(out, w.p, n);
  if (a->bad_digest) {
    struct moon_v3 made;
    if (moon_v3_decode(out, n, &made)) { assert(0); }
    out[made.auth - out] ^= 1;
  }
  return n;
}

size_t usm_agent_report(struct usm_agent *a, uint64_t now_us, uint32_t id, unsigned counter, uint8_t level, uint8_t *out, size_t cap) {
  uint8_t list[] = {0x30, 0x0f, 0x06, 0x0a, 0x2b, 6, 1, 6, 3, 15, 1, 1, (uint8_t)counter, 0, 0x41, 1, 1};
  const struct moon_scoped s = {.pdu = {.varbinds = list, .varbinds_len = sizeof list, .request_id = (int32_t)id, .type = MOON_PDU_REPORT},
                                .engine_id = a->id, .engine_id_len = a->id_len, .context = list};
  a->reports++;
  return send_(a, now_us, id, level, &s, out, cap);
}

static size_t answer(struct usm_agent *a, uint64_t now_us, const struct moon_v3 *m, const struct moon_scoped *asked, uint8_t *out, size_t cap) {
  uint8_t level = m->flags & MOON_V3_LEVEL & (uint8_t)~a->answer_level;
  struct moon_scoped s = *asked;
  a->answers++;
  s.pdu.type = MOON_PDU_RESPONSE;
  s.pdu.error_status = s.pdu.error_index = 0;
  s.pdu.request_id += a->other_request_id;
  if (a->other_context) {
    s.context = (const uint8_t *)"elsewhere";
    s.context_len = 9;
  }
  return send_(a, now_us, m->id, level, &s, out, cap);
}

size_t usm_agent_answer(struct usm_agent *a, uint64_t now_us, const uint8_t *p, size_t n, uint8_t *out, size_t cap) {
  static uint8_t plain[4096];
  struct moon_v3 m;
  struct moon_scoped s;
  a->requests++;
  if (moon_v3_decode(p, n, &m)) { return 0; }
  a->last = m;
  if (m.engine_id_len != a->id_len || memcmp(m.engine_id, a->id, a->id_len) != 0) {
    a->discoveries += m.engine_id_len == 0;
    return usm_agent_report(a, now_us, m.id, USM_ENGINES, 0, out, cap);
  }
  if (m.user_len != strlen(a->user) || memcmp(m.user, a->user, m.user_len) != 0) {
    return usm_agent_report(a, now_us, m.id, USM_USERS, 0, out, cap);
  }
  if (m.flags & MOON_V3_LEVEL & (uint8_t)~a->level) { return usm_agent_report(a, now_us, m.id, USM_LEVELS, 0, out, cap); }
  struct moon_usm *u = keys(a);
  enum moon_err e = moon_usm_open(u, 0, p, &m, plain, sizeof plain, &s);
  moon_usm_free(u);
  if (e == MOON_E_AUTH) { return usm_agent_report(a, now_us, m.id, USM_DIGESTS, 0, out, cap); }
  if (m.flags & MOON_V3_AUTH && !a->no_window) {
    uint32_t time = time_of(a, now_us), off = m.time > time ? m.time - time : time - m.time;
    if (m.boots != a->boots || off > 150 || a->boots == 0x7fffffff) {
      return usm_agent_report(a, now_us, m.id, USM_WINDOWS, a->unsigned_window ? 0 : MOON_V3_AUTH, out, cap);
    }
  }
  if (e) {
    a->undecryptable++;
    return a->silent_key ? 0 : usm_agent_report(a, now_us, m.id, USM_DECRYPTIONS, 0, out, cap);
  }
  return answer(a, now_us, &m, &s, out, cap);
}
