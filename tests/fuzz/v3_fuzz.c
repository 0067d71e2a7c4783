/* Messages of v3: no input may read outside itself; what decodes encodes to what decodes the same. Digests are left out, so
 * that whatever decryption gives is read too. The input is also taken for a scoped PDU as it stands. */
#include <stdlib.h>
#include "wire/usm.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())
static struct moon_usm *keys[MOON_PRIV_N];
static struct moon_crypto *crypto;

static void scoped(const uint8_t *p, size_t n) {
  static uint8_t buf[2 * MOON_DATAGRAM_MAX];
  struct moon_scoped s, again;
  struct moon_writer w;
  if (moon_scoped_decode(p, n, &s) || s.context_len > MOON_CONTEXT_MAX) { return; }
  moon_writer_init(&w, buf, sizeof buf);
  moon_scoped_encode(&w, &s);
  CHECK(!w.err && moon_scoped_decode(w.p, moon_writer_len(&w), &again) == MOON_OK && again.context_len == s.context_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t buf[2 * MOON_DATAGRAM_MAX];
  struct moon_key key = {.len = 20}, priv = {.len = 0};
  struct moon_v3 m, again;
  struct moon_scoped s;
  struct moon_peek peek = {0};
  struct moon_writer w;
  for (unsigned i = 0; i < MOON_PRIV_N && !keys[i]; i++, priv.len = (uint8_t)moon_priv_key_len((enum moon_priv)i)) {
    CHECK((i || !moon_crypto_new(1, &crypto)) && !moon_usm_new(crypto, MOON_AUTH_SHA1, &key, (enum moon_priv)i, &priv, &keys[i]));
  }
  scoped(data, size);
  if (size > MOON_DATAGRAM_MAX || moon_v3_decode(data, size, &m)) { return 0; }
  moon_writer_init(&w, buf, sizeof buf);
  CHECK(m.len <= size && moon_message_peek(data, size, &peek) == MOON_OK && peek.id == m.id);
  CHECK(moon_v3_encode(&w, &m) && !moon_v3_decode(w.p, moon_writer_len(&w), &again) && again.scoped_len == m.scoped_len);
  for (unsigned i = 0; i < MOON_PRIV_N; i++) {
    if (!moon_usm_open(keys[i], MOON_V3_AUTH, data, &m, buf, sizeof buf, &s)) { abort(); }
    if (!moon_usm_decrypt(keys[i], m.boots, m.time, m.priv, m.priv_len, m.scoped, m.scoped_len, buf)) { scoped(buf, m.scoped_len); }
  }
  return 0;
}
