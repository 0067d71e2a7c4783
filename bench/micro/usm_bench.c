/* usm: what SNMPv3's security costs a message, in nanoseconds, with the keys kept: a request of some 130 octets of which
 * 45 are encrypted. `exchange` is a request sealed and an answer opened, both whole; `walk` is the same of a walk, its request
 * 420 octets long and the answer 1,350. localize and make are paid once for an engine, password once for a password (both in
 * microseconds). Prints `name value`; best of several rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/usm.h"

#define ROUNDS 9
#define MESSAGE 130
#define PLAIN 45
#define ASKED 300
#define ROOM 1230

static volatile uint64_t sink; /* results go here, or the compiler leaves the work out */

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct bench {
  struct moon_crypto *crypto;
  enum moon_auth auth;
  enum moon_priv priv;
  struct moon_usm *u;
  struct moon_key ku, kul, key;
  uint8_t octets[256], salt[MOON_SALT_LEN];
  uint8_t answer[2048];
  size_t answer_len;
  uint8_t list[1280];   /* varbinds: ROOM of a walk's answer, the first ASKED of its request */
};

static const uint8_t engine_id[9] = {0x80, 0, 0x1f, 0x88, 1, 127, 1, 0, 1};
static const uint8_t password[] = "authpass12";

static void check(enum moon_err e) {
  if (e) {
    fprintf(stderr, "usm_bench: %s\n", moon_err_text(e));
    exit(1);
  }
}

static void seal_list(struct bench *b, struct moon_writer *w, uint8_t *buf, size_t cap, const uint8_t *list, uint32_t n) {
  struct moon_v3 m = {.engine_id = engine_id, .engine_id_len = sizeof engine_id, .user = (const uint8_t *)"rigsha", .user_len = 6,
                      .id = 0x12345678, .max_size = 65507, .boots = 3, .time = 123456, .flags = MOON_V3_AUTH | MOON_V3_REPORTABLE};
  struct moon_scoped s = {.engine_id = engine_id, .engine_id_len = sizeof engine_id, .pdu = {list, n, 0x12345678, 0, 0, MOON_PDU_GET}};
  if (b->priv) { m.flags |= MOON_V3_PRIV; }
  moon_writer_init(w, buf, cap);
  moon_usm_seal(b->u, w, &m, &s);
  check(w->err);
}

static void seal(struct bench *b, struct moon_writer *w, uint8_t *buf, size_t cap) {
  static const uint8_t list[] = {0x30, 12, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0};
  seal_list(b, w, buf, cap, list, sizeof list);
}

static void sign(struct bench *b) { check(moon_usm_sign(b->u, b->octets, MESSAGE, 60)); }
static void verify(struct bench *b) { sink += moon_usm_verify(b->u, b->octets, MESSAGE, 60, moon_auth_digest_len(b->auth)); }
static void encrypt(struct bench *b) {
  check(moon_usm_encrypt(b->u, 3, 123456, b->octets, PLAIN + moon_usm_padding(b->u, PLAIN), b->salt));
}
static void decrypt(struct bench *b) {
  check(moon_usm_decrypt(b->u, 3, 123456, b->salt, sizeof b->salt, b->octets, PLAIN + moon_usm_padding(b->u, PLAIN), b->octets));
}
static void open(struct bench *b) {
  uint8_t buf[2048];
  struct moon_v3 m;
  struct moon_scoped s;
  check(moon_v3_decode(b->answer, b->answer_len, &m));
  check(moon_usm_open(b->u, b->priv ? MOON_V3_LEVEL : MOON_V3_AUTH, b->answer, &m, buf, sizeof buf, &s));
  sink += (uint64_t)s.pdu.request_id;
}
static void exchange(struct bench *b) {
  uint8_t buf[512];
  struct moon_writer w;
  seal(b, &w, buf, sizeof buf);
  open(b);
}
static void walk(struct bench *b) {
  uint8_t buf[2048];
  struct moon_writer w;
  seal_list(b, &w, buf, sizeof buf, b->list, ASKED);
  open(b);
}
static void localize(struct bench *b) {
  check(moon_key_localize(b->crypto, b->auth, &b->ku, engine_id, sizeof engine_id, &b->kul));
  check(moon_key_localize_priv(b->crypto, b->auth, MOON_PRIV_AES128, &b->ku, engine_id, sizeof engine_id, &b->key));
}
static void make(struct bench *b) {
  struct moon_usm *u;
  check(moon_usm_new(b->crypto, b->auth, &b->kul, b->priv, &b->key, &u));
  moon_usm_free(u);
}
static void stretch(struct bench *b) { check(moon_key_from_password(b->crypto, b->auth, password, sizeof password - 1, &b->ku)); }

static void measure(const char *what, struct bench *b, void (*run)(struct bench *), unsigned times, double unit) {
  double best = 1e18;
  unsigned round, i;
  for (round = 0; round < ROUNDS; round++) {
    double begun = now_ns(), took;
    for (i = 0; i < times; i++) { run(b); }
    took = (now_ns() - begun) / times / unit;
    if (took < best) { best = took; }
  }
  printf("%s_%s%s%s %.1f\n", what, moon_auth_name(b->auth), b->priv ? "_" : "", b->priv ? moon_priv_name(b->priv) : "", best);
}

static void keep_answer(struct bench *b, const struct moon_writer *w) {
  b->answer_len = moon_writer_len(w);
  memmove(b->answer, w->p, b->answer_len);
}

static void prepare(struct bench *b, enum moon_auth auth, enum moon_priv priv) {
  struct moon_writer w;
  moon_usm_free(b->u);
  b->auth = auth;
  b->priv = priv;
  stretch(b);
  check(moon_key_localize(b->crypto, auth, &b->ku, engine_id, sizeof engine_id, &b->kul));
  if (priv) { check(moon_key_localize_priv(b->crypto, auth, priv, &b->ku, engine_id, sizeof engine_id, &b->key)); }
  check(moon_usm_new(b->crypto, auth, &b->kul, priv, &b->key, &b->u));
  seal(b, &w, b->answer, sizeof b->answer);
  keep_answer(b, &w);
}

static void measure_walk(struct bench *b) {
  struct moon_writer w;
  seal_list(b, &w, b->answer, sizeof b->answer, b->list, ROOM);
  keep_answer(b, &w);
  measure("walk", b, walk, 5000, 1);
}

int main(void) {
  static struct bench b;
  unsigned i;
  check(moon_crypto_new(1, &b.crypto));
  for (i = MOON_AUTH_MD5; i < MOON_AUTH_N; i++) {
    prepare(&b, (enum moon_auth)i, MOON_PRIV_NONE);
    measure("sign", &b, sign, 20000, 1);
    measure("verify", &b, verify, 20000, 1);
    measure("localize_us", &b, localize, 2000, 1000);
    measure("password_us", &b, stretch, 1, 1000);
  }
  for (i = MOON_PRIV_DES; i < MOON_PRIV_N; i++) {
    prepare(&b, MOON_AUTH_SHA1, (enum moon_priv)i);
    measure("encrypt", &b, encrypt, 20000, 1);
    measure("decrypt", &b, decrypt, 20000, 1);
    measure_walk(&b);
  }
  for (i = MOON_AUTH_MD5; i < MOON_AUTH_N; i++) {
    prepare(&b, (enum moon_auth)i, MOON_PRIV_AES128);
    measure("exchange", &b, exchange, 20000, 1);
    measure_walk(&b);
    measure("make_us", &b, make, 2000, 1000);
  }
  moon_usm_free(b.u);
  moon_crypto_free(b.crypto);
  return 0;
}
