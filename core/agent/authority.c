#include "authority.h"

#include "chance.h"

/* Enterprise 32473, for examples (RFC 5612); format 5, octets (RFC 3411 5). */
static const uint8_t prefix[5] = {0x80, 0x00, 0x7e, 0xd9, 5};

#define MADE_LEN (sizeof prefix + 8)
#define BOOTS_MADE 50 /* boots that nobody gave are 1 and up to this more */

static void make_engine_id(uint64_t of, struct moon_standing *out) {
  memcpy(out->engine_id, prefix, sizeof prefix);
  for (unsigned i = 0; i < 8; i++) { out->engine_id[sizeof prefix + i] = (uint8_t)(of >> (56 - 8 * i)); }
  out->engine_id_len = MADE_LEN;
}

void moon_authority_stand(const struct moon_agent *a, uint64_t now_us, struct moon_standing *out) {
  const struct moon_identity *id = a->identity;
  struct moon_flaw_clock clock = {.t_us = now_us > a->started_us ? now_us - a->started_us : 0};
  struct moon_moment at;
  uint64_t boots, time;
  if (a->profile->flaws) { moon_flaws_clock(a->profile->flaws, clock.t_us, &clock); }
  moon_agent_moment(a, now_us, &at);
  boots = id && id->has_boots ? id->boots : 1 + moon_chance(a->seed, UINT64_C(0xb0075)) % BOOTS_MADE;
  boots += at.boots;
  time = (at.t_us > at.boot_us ? at.t_us - at.boot_us : 0) / 1000000;
  if (id && !at.boots) { time += id->time; }
  boots += time >> 31; /* RFC 3414 2.2.2: time that runs over is a boot */
  boots = boots > clock.boots_back ? boots - clock.boots_back : 0;
  out->boots = boots < MOON_BOOTS_MAX ? (uint32_t)boots : MOON_BOOTS_MAX;
  out->time = (uint32_t)(time & INT32_MAX);
  out->engine = clock.engine;
  out->flaws = clock.boots_back ? 1u << MOON_FLAW_BOOTS_BACK : 0;
  if (clock.engine) { out->flaws |= 1u << (clock.engine_shared ? MOON_FLAW_ENGINE_DUPLICATE : MOON_FLAW_ENGINE_CHANGE); }
  if (clock.engine) {
    make_engine_id(moon_chance(clock.engine_shared ? 0 : a->seed, clock.engine), out);
  } else if (id && id->engine_id_len) {
    memcpy(out->engine_id, id->engine_id, id->engine_id_len);
    out->engine_id_len = id->engine_id_len;
  } else {
    make_engine_id(moon_chance(a->seed, UINT64_C(0xe9191e)), out);
  }
}

static const struct moon_user *find_user(const struct moon_security *s, const uint8_t *name, size_t n) {
  for (uint32_t i = 0; i < s->n_users; i++) {
    if (s->users[i].name_len == n && memcmp(s->users[i].name, name, n) == 0) { return &s->users[i]; }
  }
  return NULL;
}

/* The keys of a user here, first in the list from now on. Of each user there is one set: that of another engine id goes. */
static enum moon_err find_key(struct moon_agent *a, const struct moon_standing *now, const struct moon_user *u,
                              struct moon_user_key **out) {
  struct moon_user_key **link = &a->keys, *k;
  enum moon_err e;
  while ((k = *link) != NULL && k->user != u) { link = &k->next; }
  if (k) {
    *link = k->next;
    if (k->engine != now->engine) {
      moon_user_key_free(k);
      k = NULL;
    }
  }
  if (!k) {
    e = moon_user_key_new(a->profile->security->pool, u, now->engine_id, now->engine_id_len, &k);
    if (e) { return e; }
    k->engine = now->engine;
  }
  k->next = a->keys;
  a->keys = k;
  *out = k;
  return MOON_OK;
}

/* RFC 3414 3.2 7a */
static bool is_in_window(const struct moon_standing *now, const struct moon_v3 *m) {
  uint32_t apart = m->time > now->time ? m->time - now->time : now->time - m->time;
  return now->boots != MOON_BOOTS_MAX && m->boots == now->boots && apart <= MOON_TIME_WINDOW;
}

enum moon_err moon_authority_admit(struct moon_agent *a, const struct moon_standing *now, const uint8_t *p, const struct moon_v3 *m,
                                   uint8_t *buf, size_t cap, struct moon_admitted *out, enum moon_refusal *why) {
  struct moon_user_key *key = NULL;
  uint8_t level = m->flags & MOON_V3_LEVEL;
  enum moon_err e;
  out->user = NULL;
  out->usm = NULL;
  if (m->engine_id_len != now->engine_id_len || memcmp(m->engine_id, now->engine_id, now->engine_id_len) != 0) {
    *why = MOON_REFUSE_ENGINE;
    return MOON_OK;
  }
  out->user = find_user(a->profile->security, m->user, m->user_len);
  *why = !out->user ? MOON_REFUSE_USER : level & (uint8_t)~moon_user_level(out->user) ? MOON_REFUSE_LEVEL : MOON_REFUSE_NOT;
  if (*why) { return MOON_OK; }
  if (level) {
    e = find_key(a, now, out->user, &key);
    if (!e) { e = moon_user_key_open(key, &out->usm); }
    if (e) { return e; }
    e = moon_usm_verify(out->usm, p, m->len, (size_t)(m->auth - p), m->auth_len);
    if (e && e != MOON_E_AUTH) { return e; }
    *why = e ? MOON_REFUSE_DIGEST : is_in_window(now, m) ? MOON_REFUSE_NOT : MOON_REFUSE_WINDOW;
    if (*why) { return MOON_OK; }
  }
  if (!(level & MOON_V3_PRIV)) { return moon_scoped_decode(m->scoped, m->scoped_len, &out->scoped); }
  e = cap < m->scoped_len ? MOON_E_DECRYPTION
                          : moon_usm_decrypt(out->usm, m->boots, m->time, m->priv, m->priv_len, m->scoped, m->scoped_len, buf);
  if (!e) { return moon_scoped_decode(buf, m->scoped_len, &out->scoped); }
  *why = MOON_REFUSE_DECRYPTION;
  return MOON_OK;
}

void moon_authority_fini(struct moon_agent *a) {
  struct moon_user_key *k, *next;
  for (k = a->keys; k; k = next) {
    next = k->next;
    moon_user_key_free(k);
  }
  a->keys = NULL;
}
