#include "trust.h"

#define US_A_S 1000000u
#define NEWS_S 15u      /* a tenth of the window */
#define ENGINE_ID_USUAL 17 /* octets, of net-snmp's agent; most others have fewer */
#define ENGINE_ID_MIN 5 /* RFC 3411 5; shorter ones are answered with what they are */

void moon_trust_init(struct moon_trust *s, struct moon_keyring *ring) {
  memset(s, 0, sizeof *s);
  s->ring = ring;
}

static void set_engine(struct moon_authority *a, const uint8_t *id, size_t n) {
  memset(a, 0, sizeof *a);
  a->id_len = (uint8_t)n;
  memcpy(a->id, id, n);
}

static void set_time(struct moon_authority *a, uint32_t boots, uint32_t time, uint64_t now_us) {
  a->boots = boots;
  a->time = time;
  a->latest = time;
  a->at_us = now_us;
  a->timed = true;
}

static bool is_engine(const struct moon_authority *a, const uint8_t *id, size_t n) {
  return a->id_len == n && n && memcmp(a->id, id, n) == 0;
}

enum moon_priv moon_trust_sibling(enum moon_priv priv) {
  switch (priv) {
  case MOON_PRIV_AES192: return MOON_PRIV_AES192_REEDER;
  case MOON_PRIV_AES256: return MOON_PRIV_AES256_REEDER;
  case MOON_PRIV_AES192_REEDER: return MOON_PRIV_AES192;
  case MOON_PRIV_AES256_REEDER: return MOON_PRIV_AES256;
  default: return MOON_PRIV_NONE;
  }
}

static void set_priv(struct moon_trust *s, uint8_t priv) {
  s->priv = priv;
  s->known.keys = s->other.keys = (struct moon_keyring_ref){NULL, 0};
}

/* Is there nothing to find out about its key? One that is localized was extended already, and a long hash needs no extension. */
static bool is_certain(const struct moon_credential *c) {
  return !c->priv_either || c->priv_localized || moon_trust_sibling((enum moon_priv)c->priv) == MOON_PRIV_NONE ||
         moon_auth_key_len((enum moon_auth)c->auth) >= moon_priv_key_len((enum moon_priv)c->priv);
}

void moon_trust_use(struct moon_trust *s, const struct moon_credential *c, uint64_t now_us) {
  if (s->credential == c) { return; }
  s->credential = c;
  set_priv(s, c->priv);
  s->decided = is_certain(c);
  if (c->context_len > s->context_len) { s->context_len = c->context_len; }
  if (c->engine_id_len && c->engine_id_len <= MOON_ENGINE_ID_MAX && !is_engine(&s->known, c->engine_id, c->engine_id_len)) {
    set_engine(&s->known, c->engine_id, c->engine_id_len);
    s->other.id_len = 0;
    s->changes++;
  }
  if (c->time_given && !s->known.proven) { set_time(&s->known, c->boots, c->time, now_us); }
}

struct moon_authority *moon_trust_of(struct moon_trust *s, const uint8_t *engine_id, size_t n) {
  if (is_engine(&s->known, engine_id, n)) { return &s->known; }
  return is_engine(&s->other, engine_id, n) ? &s->other : NULL;
}

enum moon_err moon_trust_keys(struct moon_trust *s, struct moon_authority *a, struct moon_usm **out) {
  return moon_keyring_get(s->ring, s->credential, (enum moon_priv)s->priv, a->id, a->id_len, &a->keys, out);
}

uint32_t moon_authority_time(const struct moon_authority *a, uint64_t now_us) {
  uint64_t time = a->time + (now_us > a->at_us ? (now_us - a->at_us) / US_A_S : 0);
  if (!a->timed) { return 0; }
  return time < MOON_BOOTS_MAX ? (uint32_t)time : MOON_BOOTS_MAX; /* after 68 years it counts a boot and begins anew */
}

bool moon_trust_discover(struct moon_trust *s, const uint8_t *engine_id, size_t n) {
  bool timed = s->known.timed && !s->known.id_len; /* the time was given, whosever it is */
  if (n == 0 || n > MOON_ENGINE_ID_MAX || is_engine(moon_trust_authority(s), engine_id, n)) { return false; }
  if (is_engine(&s->known, engine_id, n)) {
    s->other.id_len = 0;
  } else if (s->known.proven) {
    set_engine(&s->other, engine_id, n);
  } else {
    struct moon_authority given = s->known;
    set_engine(&s->known, engine_id, n);
    if (timed) { set_time(&s->known, given.boots, given.time, given.at_us); }
    s->changes++;
  }
  return true;
}

static void promote(struct moon_trust *s, struct moon_authority *a) {
  if (a == &s->other) {
    s->known = s->other;
    s->decided = is_certain(s->credential); /* another device may take the other one */
    s->changes++;
    s->news++;
  }
  if (!s->known.proven) { s->news++; }
  s->other.id_len = 0;
  s->known.proven = true;
}

/* Is it so far from what was expected that who keeps records should know? */
static bool is_news(const struct moon_authority *a, uint32_t boots, uint32_t time, uint64_t now_us) {
  uint32_t expected = moon_authority_time(a, now_us);
  return !a->timed || boots != a->boots || (time > expected ? time - expected : expected - time) > NEWS_S;
}

/* RFC 3414 3.2 7b, and beyond it: a clock that went backwards may be followed. What is read here answers a message of ours
 * whose id nobody could foresee, and the id is signed. But there are only two billions of ids: who has listened for long may have
 * an old answer to one that comes again, though not to the next one, too. */
enum moon_err moon_trust_hear(struct moon_trust *s, struct moon_authority *a, uint32_t boots, uint32_t time, bool report,
                              bool again, uint64_t now_us, bool *back) {
  *back = false;
  bool news = is_news(a, boots, time, now_us);
  if (!a->timed || boots > a->boots || (boots == a->boots && time > a->latest)) {
    set_time(a, boots, time, now_us);
  } else if (boots < a->boots || (uint64_t)time + MOON_TIME_WINDOW_S < moon_authority_time(a, now_us)) {
    *back = a->proven;
    if (a->proven && s->credential->time_policy == MOON_TIME_STRICT) { return MOON_E_NOT_IN_TIME_WINDOW; }
    if (a->proven && !report && !again) { return MOON_E_NOT_IN_TIME_WINDOW; }
    set_time(a, boots, time, now_us);
  } else if (report) {
    set_time(a, boots, time, now_us); /* it says that our idea of its time is wrong */
  }
  if (boots >= MOON_BOOTS_MAX) { return MOON_E_NOT_IN_TIME_WINDOW; }
  s->news = (uint8_t)(s->news + news);
  promote(s, a);
  return MOON_OK;
}

void moon_trust_prove(struct moon_trust *s, struct moon_authority *a) { promote(s, a); }

void moon_trust_doubt(struct moon_trust *s) {
  s->known.proven = false;
  s->other.id_len = 0;
  if (s->credential) { s->decided = is_certain(s->credential); }
}

void moon_trust_forget(struct moon_trust *s) { s->other.id_len = 0; }

void moon_trust_swap(struct moon_trust *s) {
  enum moon_priv sibling = moon_trust_sibling((enum moon_priv)s->priv);
  if (!s->decided && sibling != MOON_PRIV_NONE) { set_priv(s, (uint8_t)sibling); }
}

static size_t tlv(size_t n) { return n + (n < 128 ? 2 : n < 256 ? 3 : 4); }

static size_t number(uint32_t v) { return v < 1u << 7 ? 3 : v < 1u << 15 ? 4 : v < 1u << 23 ? 5 : 6; }

size_t moon_trust_overhead(const struct moon_trust *s, const struct moon_credential *c) {
  const struct moon_authority *a = s && s->known.id_len ? &s->known : NULL;
  size_t id = a ? a->id_len : c->engine_id_len ? c->engine_id_len : ENGINE_ID_USUAL;
  size_t clock = a && a->timed ? number(a->boots) + number(a->latest) : 6 + 6;
  size_t context = s ? s->context_len : c->context_len;
  size_t digest = c->level & MOON_V3_AUTH ? moon_auth_digest_len((enum moon_auth)c->auth) : 0;
  size_t salt = c->level & MOON_V3_PRIV ? MOON_SALT_LEN : 0;
  bool des = c->priv == MOON_PRIV_DES || c->priv == MOON_PRIV_3DES;
  /* message, version, msgGlobalData. Headers of up to 4 octets where what they hold is large. */
  size_t n = 4 + 3 + 2 + 6 + 5 + 3 + 3;
  n += tlv(tlv(tlv(id) + clock + tlv(c->user_len) + tlv(digest) + tlv(salt)));
  n += 4 + tlv(c->context_engine_id_len ? c->context_engine_id_len : id) + tlv(context);
  n += 4 + 6 + 3 + 4 + 4; /* the PDU */
  return n + (salt ? 4 : 0) + (salt && des ? 7 : 0);
}

enum moon_err moon_trust_export(const struct moon_target *t, uint64_t now_us, struct moon_trust_record *out) {
  const struct moon_trust *s = t->trust;
  if (!s || !s->known.proven || s->known.id_len < ENGINE_ID_MIN) { return MOON_E_MISSING; }
  memset(out, 0, sizeof *out);
  out->addr = t->addr;
  out->engine_id_len = s->known.id_len;
  memcpy(out->engine_id, s->known.id, s->known.id_len);
  if (s->credential && s->credential->priv_either && s->decided) { out->priv = s->priv; }
  if (s->known.timed) {
    out->boots = s->known.boots;
    out->time = moon_authority_time(&s->known, now_us);
  }
  return MOON_OK;
}

enum moon_err moon_trust_import(struct moon_trust *s, const struct moon_trust_record *r, uint64_t now_us) {
  if (r->engine_id_len < ENGINE_ID_MIN || r->engine_id_len > MOON_ENGINE_ID_MAX) { return MOON_E_LENGTH; }
  if (r->boots > MOON_BOOTS_MAX || r->time > MOON_BOOTS_MAX || r->priv >= MOON_PRIV_N) { return MOON_E_RANGE; }
  if (s->known.proven) { return MOON_OK; }
  if (!is_engine(&s->known, r->engine_id, r->engine_id_len)) {
    if (s->credential && s->credential->engine_id_len) { return MOON_OK; } /* what is configured is newer than what was kept */
    set_engine(&s->known, r->engine_id, r->engine_id_len);
    s->changes++;
  }
  if (!s->known.timed && (r->boots || r->time)) { set_time(&s->known, r->boots, r->time, now_us); }
  if (r->priv != MOON_PRIV_NONE && !s->decided && moon_trust_sibling((enum moon_priv)r->priv) == s->priv) {
    set_priv(s, r->priv); /* begun with, not decided: the answer does that */
  }
  return MOON_OK;
}
