/* Messages signed, verified, encrypted and decrypted: ciphers against known answers, every exchange recorded of Debian's
 * snmpd (tests/vectors/usm), any flipped bit, any cut, wrong keys, wrong levels, salts, room and memory that run out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "columns.h"
#include "failmem.h"
#include "guard.h"
#include "wire/evp.h"
#include "wire/usm.h"

#define CIPHERS "tests/vectors/usm/ciphers.txt"
#define CIPHERS_N 9
#define EXCHANGES "tests/vectors/usm/snmpd.txt"
#define EXCHANGES_N 42 /* 6 x 7, those with an authentication */
#define MESSAGE_MAX 2048

static struct moon_crypto *crypto;
static struct guard guard;
static const uint8_t AGENT_ID[] = {0x80, 0, 0x1f, 0x88, 4, 'l', 'a', 'b', '-', 'a', 'g', 'e', 'n', 't'};
static const uint8_t SYS_UPTIME[] = {0x2b, 6, 1, 2, 1, 1, 3, 0};
static const uint8_t SYS_NAME[] = {0x2b, 6, 1, 2, 1, 1, 5, 0};

static struct moon_usm *keys_of(enum moon_auth auth, const char *password, enum moon_priv priv, const char *secret) {
  static struct moon_key kept[MOON_AUTH_N]; /* of the two passwords most tests have */
  static struct moon_key kept_priv[MOON_AUTH_N];
  struct moon_key *ku = &kept[auth], *ku_priv = &kept_priv[auth], a, p = {.len = 0}, other;
  struct moon_usm *u;
  if (!ku->len) {
    assert_int_equal(moon_key_from_password(crypto, auth, (const uint8_t *)"first-password", 14, ku), MOON_OK);
    assert_int_equal(moon_key_from_password(crypto, auth, (const uint8_t *)"second-password", 15, ku_priv), MOON_OK);
  }
  if (password) {
    assert_int_equal(moon_key_from_password(crypto, auth, (const uint8_t *)password, strlen(password), &other), MOON_OK);
    ku = &other;
  }
  assert_int_equal(moon_key_localize(crypto, auth, ku, AGENT_ID, sizeof AGENT_ID, &a), MOON_OK);
  if (secret) {
    assert_int_equal(moon_key_from_password(crypto, auth, (const uint8_t *)secret, strlen(secret), &other), MOON_OK);
    ku_priv = &other;
  }
  if (priv) { assert_int_equal(moon_key_localize_priv(crypto, auth, priv, ku_priv, AGENT_ID, sizeof AGENT_ID, &p), MOON_OK); }
  assert_int_equal(moon_usm_new(crypto, auth, &a, priv, &p, &u), MOON_OK);
  return u;
}

static void ciphers(void **state) {
  struct columns c;
  unsigned lines = 0;
  (void)state;
  columns_open(&c, CIPHERS, 9);
  for (; columns_next(&c); lines++) {
    struct moon_key key, none = {.len = 16};
    struct moon_usm *u;
    enum moon_priv priv;
    uint8_t numbers[4], salt[8], got_salt[8], plain[256], secret[256], out[256], *p;
    uint32_t boots, time;
    size_t n;
    assert_int_equal(moon_priv_parse(c.column[1], strlen(c.column[1]), &priv), MOON_OK);
    key.len = (uint8_t)columns_hex(&c, 2, key.octets, sizeof key.octets);
    assert_int_equal(columns_hex(&c, 3, numbers, 4), 4);
    boots = (uint32_t)numbers[0] << 24 | (uint32_t)numbers[1] << 16 | (uint32_t)numbers[2] << 8 | numbers[3];
    assert_int_equal(columns_hex(&c, 4, numbers, 4), 4);
    time = (uint32_t)numbers[0] << 24 | (uint32_t)numbers[1] << 16 | (uint32_t)numbers[2] << 8 | numbers[3];
    assert_int_equal(columns_hex(&c, 5, salt, 8), 8);
    n = columns_hex(&c, 6, plain, sizeof plain);
    assert_int_equal(columns_hex(&c, 7, secret, sizeof secret), n);
    memset(none.octets, 0, sizeof none.octets);
    assert_int_equal(moon_usm_new(crypto, MOON_AUTH_MD5, &none, priv, &key, &u), MOON_OK);
    crypto->salt = 0; /* what the next message has in it */
    for (p = salt; p < salt + 8; p++) { crypto->salt = crypto->salt << 8 | *p; }
    p = guard_put(&guard, plain, n);
    assert_int_equal(moon_usm_encrypt(u, boots, time, p, n, got_salt), MOON_OK);
    assert_memory_equal(got_salt, salt, 8);
    assert_memory_equal(p, secret, n);
    assert_int_equal(moon_usm_decrypt(u, boots, time, salt, 8, p, n, out), MOON_OK);
    assert_memory_equal(out, plain, n);
    assert_int_equal(moon_usm_decrypt(u, boots, time, salt, 8, p, n, p), MOON_OK); /* in place */
    assert_memory_equal(p, plain, n);
    moon_usm_free(u);
  }
  columns_close(&c);
  assert_int_equal(lines, CIPHERS_N);
}

/* OpenSSL's own CFB. */
static void cfb(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t iv[16], const uint8_t *in, size_t n, uint8_t *out) {
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  int len = 0;
  assert_int_equal(EVP_CipherInit_ex2(ctx, cipher, key, iv, 1, NULL), 1);
  assert_int_equal(EVP_CipherUpdate(ctx, out, &len, in, (int)n), 1);
  assert_int_equal(len, n);
  EVP_CIPHER_CTX_free(ctx);
}

/* AES is made of blocks, of short messages, long ones and those in place each in another way: all lengths give what CFB is,
 * one message after the other with the same keys. */
static void aes_of_any_length(void **state) {
  static uint8_t plain[2600], out[2600], right[2600];
  static const enum moon_priv privs[] = {MOON_PRIV_AES128, MOON_PRIV_AES192, MOON_PRIV_AES256};
  static const char *const names[] = {"AES-128-CFB", "AES-192-CFB", "AES-256-CFB"};
  uint8_t iv[16] = {0, 0, 0, 3, 1, 2, 3, 4};
  (void)state;
  for (size_t i = 0; i < sizeof plain; i++) { plain[i] = (uint8_t)(i * 7 + i / 251); }
  for (size_t i = 0; i < 3; i++) {
    struct moon_key none = {.len = 16}, key = {.len = (uint8_t)(16 + 8 * i)};
    EVP_CIPHER *reference = EVP_CIPHER_fetch(crypto->lib, names[i], NULL);
    struct moon_usm *u;
    assert_non_null(reference);
    memset(none.octets, 0, sizeof none.octets);
    for (size_t k = 0; k < key.len; k++) { key.octets[k] = (uint8_t)(k * 13 + i); }
    assert_int_equal(moon_usm_new(crypto, MOON_AUTH_MD5, &none, privs[i], &key, &u), MOON_OK);
    for (size_t n = 1; n <= sizeof plain; n += n < 300 || n % 1024 < 20 || n % 1024 > 1010 ? 1 : 11) {
      uint8_t *p = guard_put(&guard, plain, n), *salt = iv + 8;
      assert_int_equal(moon_usm_encrypt(u, 3, 0x01020304, p, n, salt), MOON_OK);
      cfb(reference, key.octets, iv, plain, n, right);
      assert_memory_equal(p, right, n);
      memset(out, 0xee, sizeof out);
      assert_int_equal(moon_usm_decrypt(u, 3, 0x01020304, salt, 8, p, n, out), MOON_OK);
      assert_memory_equal(out, plain, n);
      if (n < sizeof out) { assert_int_equal(out[n], 0xee); }
      assert_memory_equal(p, right, n);
      assert_int_equal(moon_usm_decrypt(u, 3, 0x01020304, salt, 8, p, n, p), MOON_OK);
      assert_memory_equal(p, plain, n);
    }
    for (size_t n = 1; n < 70; n++) { /* short ones after long ones */
      uint8_t *p = guard_put(&guard, plain, n), *salt = iv + 8;
      assert_int_equal(moon_usm_encrypt(u, 3, 0x01020304, p, n, salt), MOON_OK);
      cfb(reference, key.octets, iv, plain, n, right);
      assert_memory_equal(p, right, n);
    }
    moon_usm_free(u);
    EVP_CIPHER_free(reference);
  }
}

/* One line of the recording: the keys of its user, both messages. */
struct recorded {
  struct moon_usm *u;
  enum moon_auth auth;
  enum moon_priv priv;
  uint8_t level;
  uint8_t octets[2][MESSAGE_MAX];
  size_t n[2];
};

static bool recorded_next(struct columns *c, struct recorded *r) {
  unsigned i;
  do {
    if (!columns_next(c)) { return false; }
  } while (moon_auth_parse(c->column[1], strlen(c->column[1]), &r->auth) || strcmp(c->column[0], "stranger") == 0);
  r->priv = MOON_PRIV_NONE;
  moon_priv_parse(c->column[2], strlen(c->column[2]), &r->priv);
  r->level = r->priv ? MOON_V3_AUTH | MOON_V3_PRIV : MOON_V3_AUTH;
  r->u = keys_of(r->auth, NULL, r->priv, NULL);
  for (i = 0; i < 2; i++) { r->n[i] = columns_hex(c, 3 + i, r->octets[i], MESSAGE_MAX); }
  return true;
}

static void assert_uptime_and_name(const struct moon_scoped *s, bool answer) {
  struct moon_reader r;
  struct moon_varbind vb;
  uint64_t uptime;
  moon_reader_init(&r, s->pdu.varbinds, s->pdu.varbinds_len);
  assert_true(moon_varbind_get(&r, &vb));
  assert_int_equal(vb.oid_len, sizeof SYS_UPTIME);
  assert_memory_equal(vb.oid, SYS_UPTIME, sizeof SYS_UPTIME);
  assert_int_equal(moon_varbind_u64(&vb, &uptime), answer ? MOON_OK : MOON_E_TAG);
  assert_true(moon_varbind_get(&r, &vb));
  assert_memory_equal(vb.oid, SYS_NAME, sizeof SYS_NAME);
  assert_int_equal(vb.value_len, answer ? 3 : 0);
  if (answer) { assert_memory_equal(vb.value, "lab", 3); }
  assert_false(moon_varbind_get(&r, &vb));
  assert_int_equal(r.err, MOON_OK);
}

static void recorded_exchanges(void **state) {
  struct columns c;
  struct recorded rec;
  unsigned lines = 0, compared = 0, i;
  (void)state;
  columns_open(&c, EXCHANGES, 5);
  for (; recorded_next(&c, &rec); lines++) {
    uint32_t ids[2];
    for (i = 0; i < 2; i++) {
      uint8_t *p = guard_put(&guard, rec.octets[i], rec.n[i]), buf[MESSAGE_MAX], again[MESSAGE_MAX];
      size_t n = rec.n[i];
      struct moon_v3 m;
      struct moon_scoped s;
      struct moon_writer w;
      struct moon_peek peek;
      assert_int_equal(moon_v3_decode(p, n, &m), MOON_OK);
      assert_int_equal(moon_message_peek(p, n, &peek), MOON_OK);
      assert_int_equal(peek.id, m.id);
      assert_int_equal(m.len, n);
      assert_false(m.trailing);
      assert_int_equal(m.flags & MOON_V3_LEVEL, rec.level);
      assert_int_equal(m.auth_len, moon_auth_digest_len(rec.auth));
      assert_int_equal(m.user_len, strlen(c.column[0]));
      assert_memory_equal(m.user, c.column[0], m.user_len);
      assert_int_equal(moon_usm_open(rec.u, rec.level, p, &m, buf, sizeof buf, &s), MOON_OK);
      assert_int_equal(s.pdu.type, i ? MOON_PDU_RESPONSE : MOON_PDU_GET);
      assert_int_equal(s.engine_id_len, sizeof AGENT_ID);
      assert_memory_equal(s.engine_id, AGENT_ID, sizeof AGENT_ID);
      assert_int_equal(s.context_len, 0);
      assert_uptime_and_name(&s, i);
      ids[i] = (uint32_t)s.pdu.request_id;
      assert_int_equal(s.trailing, s.pdu.varbinds + s.pdu.varbinds_len != (rec.priv ? buf : m.scoped) + m.scoped_len);
      assert_true(rec.priv == MOON_PRIV_DES || !s.trailing);
      /* Sealed with the same salt: the octets net-snmp made, unless it pads with something else than zeros or writes a
       * small id in fewer than 4 octets. */
      if (!s.trailing && m.id >= 0x00800000 && ids[i] >= 0x00800000) {
        compared++;
        crypto->salt = 0;
        for (size_t k = 0; k < m.priv_len; k++) { crypto->salt = crypto->salt << 8 | m.priv[k]; }
        moon_writer_init(&w, again, sizeof again);
        moon_usm_seal(rec.u, &w, &m, &s);
        assert_int_equal(w.err, MOON_OK);
        assert_int_equal(moon_writer_len(&w), n);
        assert_memory_equal(w.p, p, n);
      }
      /* decrypted where it stands */
      assert_int_equal(moon_usm_open(rec.u, rec.level, p, &m, (uint8_t *)(uintptr_t)m.scoped, m.scoped_len, &s), MOON_OK);
      assert_uptime_and_name(&s, i);
    }
    assert_int_equal(ids[0], ids[1]);
    moon_usm_free(rec.u);
  }
  columns_close(&c);
  assert_int_equal(lines, EXCHANGES_N);
  assert_true(compared >= 70);
}

static void any_flipped_bit_is_refused(void **state) {
  struct columns c;
  struct recorded rec;
  unsigned lines = 0, i;
  size_t bit;
  (void)state;
  columns_open(&c, EXCHANGES, 5);
  for (; recorded_next(&c, &rec); lines++) {
    for (i = 0; i < 2; i++) {
      uint8_t *p = guard_put(&guard, rec.octets[i], rec.n[i]), buf[MESSAGE_MAX];
      for (bit = 0; bit < 8 * rec.n[i]; bit++) {
        struct moon_v3 m;
        struct moon_scoped s;
        enum moon_err e;
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        e = moon_v3_decode(p, rec.n[i], &m);
        if (!e) {
          e = moon_usm_open(rec.u, rec.level, p, &m, buf, sizeof buf, &s);
          if (e != MOON_E_AUTH && e != MOON_E_UNSUPPORTED_LEVEL) { fail_msg("line %u bit %zu: %s", c.line, bit, moon_err_name(e)); }
        }
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
      }
    }
    moon_usm_free(rec.u);
  }
  columns_close(&c);
  assert_int_equal(lines, EXCHANGES_N);
}

static void any_cut_is_a_clean_error(void **state) {
  struct columns c;
  struct recorded rec;
  size_t n;
  unsigned i;
  (void)state;
  columns_open(&c, EXCHANGES, 5);
  while (recorded_next(&c, &rec)) {
    for (i = 0; i < 2; i++) {
      for (n = 0; n < rec.n[i]; n++) {
        struct moon_v3 m = {.id = 77};
        assert_int_equal(moon_v3_decode(guard_put(&guard, rec.octets[i], n), n, &m), MOON_E_SHORT);
        assert_int_equal(m.id, 77);
      }
    }
    moon_usm_free(rec.u);
  }
  columns_close(&c);
}

/* What is decrypted, cut: the scoped PDU of a recorded answer. */
static void a_cut_scoped_pdu_is_a_clean_error(void **state) {
  struct columns c;
  struct recorded rec;
  struct moon_v3 m;
  struct moon_scoped s;
  uint8_t buf[MESSAGE_MAX];
  size_t n;
  (void)state;
  columns_open(&c, EXCHANGES, 5);
  assert_true(recorded_next(&c, &rec));
  while (rec.priv != MOON_PRIV_AES128) {
    moon_usm_free(rec.u);
    assert_true(recorded_next(&c, &rec));
  }
  assert_int_equal(moon_v3_decode(rec.octets[1], rec.n[1], &m), MOON_OK);
  assert_int_equal(moon_usm_open(rec.u, rec.level, rec.octets[1], &m, buf, sizeof buf, &s), MOON_OK);
  for (n = 0; n < m.scoped_len; n++) {
    s.context_len = 77;
    assert_int_equal(moon_scoped_decode(guard_put(&guard, buf, n), n, &s), MOON_E_SHORT);
    assert_int_equal(s.context_len, 77);
  }
  assert_int_equal(moon_usm_open(rec.u, rec.level, rec.octets[1], &m, buf, m.scoped_len - 1, &s), MOON_E_SPACE);
  moon_usm_free(rec.u);
  columns_close(&c);
}

/* A message with one varbind, of any length; returns what it takes. */
static size_t sealed(struct moon_usm *u, uint8_t flags, size_t value_len, uint8_t *buf, size_t cap, struct moon_writer *w) {
  static uint8_t value[1024], list[1100];
  struct moon_varbind vb = {SYS_NAME, value, (uint32_t)value_len, sizeof SYS_NAME, MOON_OCTET_STRING};
  struct moon_v3 m = {.engine_id = AGENT_ID, .engine_id_len = sizeof AGENT_ID, .user = (const uint8_t *)"user", .user_len = 4,
                      .id = 0x01020304, .max_size = 65507, .boots = 3, .time = 100000, .flags = flags};
  struct moon_scoped s = {.engine_id = AGENT_ID, .engine_id_len = sizeof AGENT_ID, .context = (const uint8_t *)"bridge1",
                          .context_len = 7, .pdu = {.type = MOON_PDU_SET, .request_id = 9}};
  struct moon_writer lw;
  moon_writer_init(&lw, list, sizeof list);
  moon_varbind_put(&lw, &vb);
  s.pdu.varbinds = lw.p;
  s.pdu.varbinds_len = moon_writer_len(&lw);
  moon_writer_init(w, buf, cap);
  moon_usm_seal(u, w, &m, &s);
  return moon_writer_len(w);
}

static void there_and_back(void **state) {
  unsigned a, p, level;
  size_t len, n;
  (void)state;
  for (a = MOON_AUTH_MD5; a < MOON_AUTH_N; a++) {
    for (p = MOON_PRIV_NONE; p < MOON_PRIV_N; p++) {
      struct moon_usm *u = keys_of((enum moon_auth)a, NULL, (enum moon_priv)p, NULL);
      for (level = 0; level <= (p ? 3u : 1u); level += level == 1 ? 2 : 1) {
        for (len = 0; len < 200; len += len < 20 ? 1 : 33) {
          uint8_t buf[MESSAGE_MAX], out[MESSAGE_MAX], *q;
          struct moon_writer w;
          struct moon_v3 m;
          struct moon_scoped s;
          struct moon_reader r;
          struct moon_varbind vb;
          n = sealed(u, (uint8_t)(level | MOON_V3_REPORTABLE), len, buf, sizeof buf, &w);
          assert_int_equal(w.err, MOON_OK);
          q = guard_put(&guard, w.p, n);
          assert_int_equal(moon_v3_decode(q, n, &m), MOON_OK);
          assert_int_equal(m.flags, level | MOON_V3_REPORTABLE);
          assert_int_equal(m.boots, 3);
          assert_int_equal(m.time, 100000);
          assert_false(m.trailing);
          assert_int_equal(m.priv_len, level == 3 ? 8 : 0);
          assert_int_equal(moon_usm_open(u, (uint8_t)level, q, &m, out, sizeof out, &s), MOON_OK);
          assert_int_equal(s.context_len, 7);
          assert_memory_equal(s.context, "bridge1", 7);
          moon_reader_init(&r, s.pdu.varbinds, s.pdu.varbinds_len);
          assert_true(moon_varbind_get(&r, &vb));
          assert_int_equal(vb.value_len, len);
          if (level < 3) { assert_int_equal(moon_usm_open(u, 3, q, &m, out, sizeof out, &s), MOON_E_UNSUPPORTED_LEVEL); }
          if (level < 1) { assert_int_equal(moon_usm_open(u, 1, q, &m, out, sizeof out, &s), MOON_E_UNSUPPORTED_LEVEL); }
          if (level) { assert_int_equal(moon_usm_open(NULL, 0, q, &m, out, sizeof out, &s), MOON_E_UNSUPPORTED_LEVEL); }
          assert_int_equal(moon_usm_open(u, 0, q, &m, out, sizeof out, &s), MOON_OK);
        }
      }
      moon_usm_free(u);
    }
  }
}

/* Varbinds written into the writer itself; twice the same gives twice another salt. */
static void written_in_place(void **state) {
  struct moon_usm *u = keys_of(MOON_AUTH_SHA256, NULL, MOON_PRIV_DES, NULL);
  uint8_t buf[2][MESSAGE_MAX], out[MESSAGE_MAX], salts[2][8];
  unsigned i;
  (void)state;
  crypto->salt = 0xffffffffu;
  for (i = 0; i < 2; i++) {
    struct moon_varbind vb = {SYS_NAME, (const uint8_t *)"lab", 3, sizeof SYS_NAME, MOON_OCTET_STRING};
    struct moon_v3 m = {.id = 1, .max_size = 484, .boots = 7, .time = 8, .flags = MOON_V3_LEVEL};
    struct moon_scoped s = {.pdu = {.type = MOON_PDU_RESPONSE, .request_id = 9}};
    struct moon_writer w;
    moon_writer_init(&w, buf[i], MESSAGE_MAX);
    moon_varbind_put(&w, &vb);
    s.pdu.varbinds = w.p;
    s.pdu.varbinds_len = moon_writer_len(&w);
    moon_usm_seal(u, &w, &m, &s);
    assert_int_equal(w.err, MOON_OK);
    assert_int_equal(moon_v3_decode(w.p, moon_writer_len(&w), &m), MOON_OK);
    memcpy(salts[i], m.priv, 8);
    assert_int_equal(moon_usm_open(u, MOON_V3_LEVEL, w.p, &m, out, sizeof out, &s), MOON_OK);
    assert_int_equal(s.pdu.varbinds_len, 17);
    assert_memory_equal(s.pdu.varbinds + 14, "lab", 3);
  }
  assert_memory_equal(salts[0], "\0\0\0\7\xff\xff\xff\xff", 8);
  assert_memory_equal(salts[1], "\0\0\0\7\0\0\0\0", 8);
  moon_usm_free(u);
}

static void wrong_keys(void **state) {
  unsigned p;
  (void)state;
  for (p = MOON_PRIV_NONE + 1; p < MOON_PRIV_N; p++) {
    struct moon_usm *u = keys_of(MOON_AUTH_SHA1, NULL, (enum moon_priv)p, NULL);
    struct moon_usm *auth = keys_of(MOON_AUTH_SHA1, "first-passwork", (enum moon_priv)p, NULL);
    struct moon_usm *priv = keys_of(MOON_AUTH_SHA1, NULL, (enum moon_priv)p, "second-passwork");
    struct moon_usm *hash = keys_of(MOON_AUTH_SHA512, NULL, (enum moon_priv)p, NULL);
    struct moon_usm *only = keys_of(MOON_AUTH_SHA1, NULL, MOON_PRIV_NONE, NULL);
    uint8_t buf[MESSAGE_MAX], out[MESSAGE_MAX];
    struct moon_writer w, other;
    struct moon_v3 m;
    struct moon_scoped s;
    size_t n;
    crypto->salt = 5; /* the answers to wrong keys are random, but the same in every run */
    n = sealed(u, MOON_V3_LEVEL, 30, buf, sizeof buf, &w);
    assert_int_equal(moon_v3_decode(w.p, n, &m), MOON_OK);
    s.context_len = 77;
    assert_int_equal(moon_usm_open(auth, 3, w.p, &m, out, sizeof out, &s), MOON_E_AUTH);
    assert_int_equal(moon_usm_open(hash, 3, w.p, &m, out, sizeof out, &s), MOON_E_AUTH);
    assert_int_equal(moon_usm_open(priv, 3, w.p, &m, out, sizeof out, &s), MOON_E_DECRYPTION);
    assert_int_equal(moon_usm_open(only, 3, w.p, &m, out, sizeof out, &s), MOON_E_UNSUPPORTED_LEVEL);
    assert_int_equal(s.context_len, 77);
    assert_int_equal(moon_usm_open(u, 3, w.p, &m, out, sizeof out, &s), MOON_OK);
    sealed(only, MOON_V3_LEVEL, 30, out, sizeof out, &other);
    assert_int_equal(other.err, MOON_E_UNSUPPORTED_LEVEL);
    sealed(NULL, MOON_V3_AUTH, 30, out, sizeof out, &other);
    assert_int_equal(other.err, MOON_E_UNSUPPORTED_LEVEL);
    moon_usm_free(u);
    moon_usm_free(auth);
    moon_usm_free(priv);
    moon_usm_free(hash);
    moon_usm_free(only);
  }
}

static void bounds(void **state) {
  struct moon_usm *sha = keys_of(MOON_AUTH_SHA1, NULL, MOON_PRIV_NONE, NULL);
  struct moon_usm *des = keys_of(MOON_AUTH_SHA1, NULL, MOON_PRIV_DES, NULL);
  struct moon_usm *aes = keys_of(MOON_AUTH_SHA1, NULL, MOON_PRIV_AES128, NULL);
  uint8_t msg[40] = {0}, salt[8] = {0}, *p;
  size_t n, at;
  (void)state;
  for (n = 0; n < 30; n++) {
    p = guard_put(&guard, msg, n);
    for (at = 0; at < 32; at++) {
      bool inside = at + 12 <= n;
      assert_int_equal(moon_usm_sign(sha, p, n, at), inside ? MOON_OK : MOON_E_LENGTH);
      assert_int_equal(moon_usm_verify(sha, p, n, at, 12), inside ? MOON_OK : MOON_E_AUTH);
      if (!inside) { continue; }
      assert_int_equal(moon_usm_verify(sha, p, n, at, 11), MOON_E_AUTH);
      assert_int_equal(moon_usm_verify(sha, p, n, at, 13), MOON_E_AUTH);
      assert_int_equal(moon_usm_verify(sha, p, n, at, 0), MOON_E_AUTH);
    }
    assert_int_equal(moon_usm_padding(des, n), (8 - n % 8) % 8);
    assert_int_equal(moon_usm_padding(aes, n), 0);
    assert_int_equal(moon_usm_padding(sha, n), 0);
    assert_int_equal(moon_usm_encrypt(des, 1, 1, p, n, salt), n && n % 8 == 0 ? MOON_OK : MOON_E_LENGTH);
    assert_int_equal(moon_usm_decrypt(des, 1, 1, salt, 8, p, n, p), n && n % 8 == 0 ? MOON_OK : MOON_E_DECRYPTION);
    assert_int_equal(moon_usm_encrypt(aes, 1, 1, p, n, salt), n ? MOON_OK : MOON_E_LENGTH);
    assert_int_equal(moon_usm_decrypt(aes, 1, 1, salt, 8, p, n, p), n ? MOON_OK : MOON_E_DECRYPTION);
  }
  assert_int_equal(moon_usm_sign(sha, p, 20, SIZE_MAX), MOON_E_LENGTH);
  assert_int_equal(moon_usm_decrypt(aes, 1, 1, salt, 7, p, 16, p), MOON_E_DECRYPTION);
  assert_int_equal(moon_usm_decrypt(des, 1, 1, salt, 0, p, 16, p), MOON_E_DECRYPTION);
  assert_int_equal(moon_usm_encrypt(sha, 1, 1, p, 16, salt), MOON_E_UNSUPPORTED_LEVEL);
  assert_int_equal(moon_usm_decrypt(sha, 1, 1, salt, 8, p, 16, p), MOON_E_UNSUPPORTED_LEVEL);
  moon_usm_free(sha);
  moon_usm_free(des);
  moon_usm_free(aes);
}

static void room_that_runs_out(void **state) {
  static const enum moon_priv privs[] = {MOON_PRIV_NONE, MOON_PRIV_DES, MOON_PRIV_AES128};
  uint8_t buf[MESSAGE_MAX];
  struct moon_writer w;
  size_t i, len, cap, need;
  (void)state;
  for (i = 0; i < 3; i++) {
    struct moon_usm *u = keys_of(MOON_AUTH_SHA1, NULL, privs[i], NULL);
    uint8_t flags = privs[i] ? MOON_V3_LEVEL : MOON_V3_AUTH;
    for (len = 0; len < 8; len++) {
      need = sealed(u, flags, len, buf, sizeof buf, &w);
      assert_int_equal(w.err, MOON_OK);
      for (cap = 0; cap <= need; cap++) {
        sealed(u, flags, len, guard.end - cap, cap, &w);
        assert_int_equal(w.err, cap < need ? MOON_E_SPACE : MOON_OK);
      }
    }
    moon_usm_free(u);
  }
}

static void what_makes_no_keys(void **state) {
  struct moon_key a = {.len = 20}, p = {.len = 16};
  struct moon_usm *u = NULL;
  size_t alive = failmem_alive();
  (void)state;
  memset(a.octets, 1, sizeof a.octets);
  memset(p.octets, 2, sizeof p.octets);
  ERR_clear_error();
  assert_int_equal(moon_usm_new(crypto, MOON_AUTH_NONE, &a, MOON_PRIV_NONE, NULL, &u), MOON_E_RANGE);
  assert_int_equal(moon_usm_new(crypto, MOON_AUTH_N, &a, MOON_PRIV_NONE, NULL, &u), MOON_E_RANGE);
  assert_int_equal(moon_usm_new(crypto, MOON_AUTH_SHA1, &a, MOON_PRIV_N, &p, &u), MOON_E_RANGE);
  assert_int_equal(moon_usm_new(crypto, MOON_AUTH_SHA256, &a, MOON_PRIV_NONE, NULL, &u), MOON_E_LENGTH);
  assert_int_equal(moon_usm_new(crypto, MOON_AUTH_SHA1, &a, MOON_PRIV_AES256, &p, &u), MOON_E_LENGTH);
  failmem_arm(1);
  assert_int_equal(moon_usm_new(crypto, MOON_AUTH_SHA1, &a, MOON_PRIV_AES128, &p, &u), MOON_E_NOMEM);
  assert_true(failmem_fired());
  failmem_disarm();
  assert_null(u);
  assert_int_equal(failmem_alive(), alive);
  assert_int_equal(moon_usm_new(crypto, MOON_AUTH_SHA1, &a, MOON_PRIV_NONE, NULL, &u), MOON_OK);
  moon_usm_free(u);
  moon_usm_free(NULL);
  assert_int_equal(ERR_peek_error(), 0);
}

/* OpenSSL's own allocations: the nth from now fails. */
static unsigned openssl_countdown;
static bool openssl_fired;

static bool openssl_fails(void) {
  if (!openssl_countdown || --openssl_countdown) { return false; }
  openssl_fired = true;
  return true;
}
static void *openssl_malloc(size_t n, const char *file, int line) {
  (void)file;
  (void)line;
  return openssl_fails() ? NULL : malloc(n);
}
static void *openssl_realloc(void *p, size_t n, const char *file, int line) {
  (void)file;
  (void)line;
  return openssl_fails() ? NULL : realloc(p, n);
}
static void openssl_free(void *p, const char *file, int line) {
  (void)file;
  (void)line;
  free(p);
}
static void openssl_arm(unsigned n) {
  openssl_countdown = n;
  openssl_fired = false;
}

/* A library context that has all algorithms: what OpenSSL does to find them it does not undo when memory runs out. */
static struct moon_crypto *found_crypto(void) {
  static const char *const ciphers[] = {"AES-128-ECB", "AES-128-CBC", "AES-256-ECB", "AES-256-CBC", "DES-EDE3-CBC"};
  struct moon_crypto *c;
  const EVP_MD *md;
  assert_int_equal(moon_crypto_new(7, &c), MOON_OK);
  assert_int_equal(moon_crypto_md(c, MOON_AUTH_SHA1, &md), MOON_OK);
  for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(c->lib, ciphers[i], NULL);
    assert_non_null(cipher);
    EVP_CIPHER_free(cipher); /* its providers keep it */
  }
  return c;
}

/* The first keys of their kind: cleanly none wherever memory runs out. Returns at how many places they were none. */
static unsigned make_without_memory(const struct moon_key *a, enum moon_priv priv, const struct moon_key *p) {
  unsigned n = 0, failed = 0;
  do {
    struct moon_crypto *c = found_crypto();
    struct moon_usm *u = NULL;
    openssl_arm(++n);
    enum moon_err e = moon_usm_new(c, MOON_AUTH_SHA1, a, priv, p, &u);
    openssl_countdown = 0;
    if (e) {
      assert_true(openssl_fired && (e == MOON_E_NOMEM || e == MOON_E_NO_ALGORITHM));
      assert_null(u);
      failed++;
    }
    moon_usm_free(u);
    moon_crypto_free(c);
  } while (openssl_fired);
  return failed;
}

static void openssl_without_memory(void **state) {
  static const enum moon_priv privs[] = {MOON_PRIV_AES128, MOON_PRIV_AES256, MOON_PRIV_3DES};
  (void)state;
  for (size_t i = 0; i < sizeof privs / sizeof privs[0]; i++) {
    struct moon_key a = {.len = 20}, p = {.len = (uint8_t)moon_priv_key_len(privs[i])};
    uint8_t buf[MESSAGE_MAX], out[MESSAGE_MAX];
    struct moon_writer w;
    struct moon_v3 m;
    struct moon_scoped s;
    struct moon_usm *u;
    for (uint8_t k = 0; k < p.len; k++) { p.octets[k] = k; } /* the keys of 3DES differ */
    assert_true(make_without_memory(&a, privs[i], &p) > 1);
    assert_int_equal(moon_usm_new(crypto, MOON_AUTH_SHA1, &a, privs[i], &p, &u), MOON_OK);
    for (size_t body = 20; body <= 1400; body += 460) { /* messages need none */
      openssl_arm(1);
      sealed(u, MOON_V3_LEVEL, body, buf, sizeof buf, &w);
      assert_int_equal(moon_v3_decode(w.p, moon_writer_len(&w), &m), MOON_OK);
      assert_int_equal(moon_usm_open(u, MOON_V3_LEVEL, w.p, &m, out, sizeof out, &s), MOON_OK);
      openssl_countdown = 0;
      assert_false(openssl_fired);
    }
    moon_usm_free(u);
  }
  ERR_clear_error();
}

static int setup(void **state) {
  (void)state;
  failmem_install();
  guard_init(&guard, 4096);
  return moon_crypto_new(1, &crypto) ? -1 : 0;
}

static int teardown(void **state) {
  (void)state;
  moon_crypto_free(crypto);
  guard_fini(&guard);
  return failmem_alive() ? -1 : 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ciphers),
    cmocka_unit_test(aes_of_any_length),
    cmocka_unit_test(recorded_exchanges),
    cmocka_unit_test(any_flipped_bit_is_refused),
    cmocka_unit_test(any_cut_is_a_clean_error),
    cmocka_unit_test(a_cut_scoped_pdu_is_a_clean_error),
    cmocka_unit_test(there_and_back),
    cmocka_unit_test(written_in_place),
    cmocka_unit_test(wrong_keys),
    cmocka_unit_test(bounds),
    cmocka_unit_test(room_that_runs_out),
    cmocka_unit_test(what_makes_no_keys),
    cmocka_unit_test(openssl_without_memory),
  };
  if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free)) { return 1; }
  return cmocka_run_group_tests(tests, setup, teardown);
}
