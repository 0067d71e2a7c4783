/* Exchanges in SNMPv3: whatever comes back in whatever step, the verdict is one of four, an outcome lends from the datagram or
 * from the keyring's scratch, and it comes to an end. Digests and ciphers are taken away when this is linked, by functions of the
 * same names below: so the input gets past them. */
#include <stdlib.h>

#include "session/sealed.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())

struct moon_usm { int nothing; };
static struct moon_usm stub;

enum moon_err moon_usm_new(struct moon_crypto *c, enum moon_auth auth, const struct moon_key *auth_key, enum moon_priv priv,
                           const struct moon_key *priv_key, struct moon_usm **out) {
  (void)c, (void)auth, (void)auth_key, (void)priv, (void)priv_key;
  *out = &stub;
  return MOON_OK;
}
void moon_usm_free(struct moon_usm *u) { (void)u; }
size_t moon_usm_padding(const struct moon_usm *u, size_t n) { return (void)u, n & 0; }
enum moon_err moon_usm_sign(struct moon_usm *u, uint8_t *msg, size_t n, size_t at) { return (void)u, (void)msg, (void)n, (void)at, MOON_OK; }
enum moon_err moon_usm_verify(struct moon_usm *u, const uint8_t *msg, size_t n, size_t at, size_t digest_len) {
  CHECK(u && msg && at <= n && digest_len <= n - at);
  return MOON_OK;
}
enum moon_err moon_usm_encrypt(struct moon_usm *u, uint32_t boots, uint32_t time, uint8_t *p, size_t n, uint8_t salt[MOON_SALT_LEN]) {
  return (void)u, (void)boots, (void)time, (void)p, (void)n, (void)salt, MOON_OK;
}
enum moon_err moon_usm_decrypt(struct moon_usm *u, uint32_t boots, uint32_t time, const uint8_t *salt, size_t salt_len, const uint8_t *in,
                               size_t n, uint8_t *out) {
  return (void)u, (void)boots, (void)time, (void)salt, (void)salt_len, memcpy(out, in, n), MOON_OK;
}
void moon_usm_seal(struct moon_usm *u, struct moon_writer *w, const struct moon_v3 *m, const struct moon_scoped *s) {
  struct moon_v3 v = *m;
  const uint8_t *end = w->p + (s->pdu.varbinds_len && s->pdu.varbinds == w->p ? s->pdu.varbinds_len : 0);
  (void)u;
  moon_scoped_encode(w, s);
  v.priv = v.auth = (const uint8_t *)"12345678";
  v.priv_len = v.auth_len = 8;
  v.scoped = w->p;
  v.scoped_len = (size_t)(end - w->p);
  moon_v3_encode(w, &v);
}
enum moon_err moon_usm_open(struct moon_usm *u, uint8_t level, const uint8_t *p, const struct moon_v3 *m, uint8_t *buf, size_t cap,
                            struct moon_scoped *out) {
  CHECK(u && p && m->scoped_len <= cap && !level);
  if (m->auth_len == 0) { return MOON_E_AUTH; }
  if (!(m->flags & MOON_V3_PRIV)) { return moon_scoped_decode(m->scoped, m->scoped_len, out); }
  memcpy(buf, m->scoped, m->scoped_len);
  return moon_scoped_decode(buf, m->scoped_len, out) ? MOON_E_DECRYPTION : MOON_OK;
}

/* data: how it is set up, then datagrams of 2 octets of length and as many of content. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t varbinds[] = {0x30, 12, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0};
  static struct moon_keyring *ring;
  static struct moon_credential credential;
  const struct moon_request request = {.varbinds = varbinds, .varbinds_len = sizeof varbinds, .n_varbinds = 1, .pdu_type = MOON_PDU_GET};
  struct moon_policy policy;
  struct moon_target target;
  struct moon_trust trust;
  struct moon_exchange x;
  uint64_t now = 1000000;
  uint32_t id = 0x01020304;
  if (size < 2) { return 0; }
  CHECK(ring || moon_keyring_new(1, 8, &ring) == MOON_OK);
  credential = (struct moon_credential){.version = MOON_V3, .user = "ops", .user_len = 3, .level = data[0] & 1 ? data[0] & 3 : 0, .auth = MOON_AUTH_SHA1,
                                        .priv = MOON_PRIV_AES256, .priv_either = data[0] & 4, .time_policy = data[0] >> 3 & 1,
                                        .auth_key.len = 20, .priv_key.len = 20};
  moon_policy_init(&policy);
  moon_target_init(&target, &(struct moon_addr){.family = 4}, &credential, &policy);
  moon_trust_init(&trust, ring);
  target.trust = &trust;
  moon_exchange_init(&x, &target, &request, now);
  enum moon_verdict v = MOON_VERDICT_AGAIN;
  struct moon_outcome o = {.rtt_us = 77};
  const uint8_t *p = data + 2, *end = data + size;
  unsigned sent = 0;
  while (v != MOON_VERDICT_MINE) {
    uint8_t out[1024];
    struct moon_writer w;
    if (v == MOON_VERDICT_AGAIN) {
      moon_writer_init(&w, out, sizeof out);
      CHECK(moon_exchange_encode(&x, id++, now, data[1], &w) == MOON_OK);
      CHECK(++sent <= 2 * (2 + MOON_DISCOVERIES_MAX + MOON_RESYNCS_MAX));
    }
    if (end - p >= 2 && now < moon_exchange_deadline(&x)) {
      size_t n = (size_t)(p[0] << 8 | p[1]);
      p += 2;
      n = n < (size_t)(end - p) ? n : (size_t)(end - p);
      uint8_t *room = malloc(n + 1); /* where it is, or elsewhere */
      CHECK(room);
      memcpy(room, p, n);
      const uint8_t *in = data[0] & 32 ? room : p;
      v = moon_exchange_feed(&x, in, n, room, now, now + 500, &o);
      if (v == MOON_VERDICT_MINE && o.pdu.varbinds_len) {
        const uint8_t *q = o.pdu.varbinds;
        CHECK((q >= in && q + o.pdu.varbinds_len <= in + n) || (q >= room && q + o.pdu.varbinds_len <= room + n));
      }
      free(room);
      p += n;
      now += 500;
    } else {
      now = moon_exchange_deadline(&x);
      v = moon_exchange_expire(&x, now, true, &o);
    }
  }
  CHECK(o.err < MOON_E_PUBLIC_N && now <= x.give_up_us + 1000000);
  CHECK(o.err != MOON_OK || (o.pdu.type == MOON_PDU_RESPONSE && o.pdu.error_status == 0 && o.rtt_us));
  CHECK(trust.known.id_len <= MOON_ENGINE_ID_MAX && trust.other.id_len <= MOON_ENGINE_ID_MAX);
  moon_target_fini(&target);
  return 0;
}
