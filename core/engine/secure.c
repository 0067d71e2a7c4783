#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "../session/sealed.h"
#include "inner.h"

#include "../base/mem.h"

#define TOLD_EVERY_US UINT64_C(600000000) /* clocks drift: some seconds in so long, of the 150 that are allowed */

/* An agent of SNMPv3: what is known of its engine, and its place in the table by engine id. */
struct moon_secure {
  struct moon_trust trust; /* first: what the target points to */
  const struct moon_peer *peer;
  struct moon_secure *next; /* in its bucket */
  uint64_t hash;
  uint64_t told_us;         /* when the host was last told what to keep */
  uint8_t changes;          /* of trust, when twins were last looked for */
  uint8_t news;             /* of trust, when the host was told */
  bool decided;             /* of trust, then too */
  bool linked;
};

static struct moon_secure *of(const struct moon_peer *p) { return (struct moon_secure *)(void *)p->target.trust; }

static uint64_t salt(const struct moon_engine *e) {
  uint64_t s;
  /* Salts have to differ from those of every process that ever had the same key: chance, not the seed of a test. */
  if (getrandom(&s, sizeof s, GRND_NONBLOCK) != sizeof s) { s = moon_clock_us() << 20 ^ (uint64_t)getpid() ^ (uintptr_t)e << 32; }
  return s;
}

enum moon_err moon_secure_prepare(struct moon_engine *e, struct moon_peer *p) {
  if (!e->keyring) {
    enum moon_err err = moon_keyring_new(salt(e), e->config.contexts, &e->keyring);
    if (err) {
      if (!e->secure_told) { moon_engine_notice(e, NULL, "SNMPv3 cannot be spoken: %s", moon_err_text(err)); }
      e->secure_told = true;
      return err;
    }
  }
  struct moon_secure *s = moon_mem_zalloc(sizeof *s);
  if (!s) { return MOON_E_NOMEM; }
  moon_trust_init(&s->trust, e->keyring);
  s->peer = p;
  p->target.trust = &s->trust;
  struct moon_trust_record r;
  if (e->config.recall && !p->asked && e->config.recall(e->config.arg, p->user, &p->target.addr, &r)) {
    uint64_t now_us = moon_engine_clock_us(e);
    moon_trust_use(&s->trust, p->target.credential, now_us);
    (void)moon_trust_import(&s->trust, &r, now_us); /* a record that cannot be is none */
  }
  return MOON_OK;
}

/* ---- engine ids that more than one agent has ---- */

static struct moon_secure **bucket_of(struct moon_peers *all, uint64_t hash) { return &all->engine[hash >> 32 & (all->engine_cap - 1)]; }

/* As many places as peers, in time. false: there are none at all. */
static bool grow(struct moon_peers *all) {
  uint32_t old = all->engine_cap, cap = all->cap;
  if (all->n_engine < old || old >= cap) { return old > 0; }
  struct moon_secure **was = all->engine, **now = moon_mem_array(cap, sizeof(struct moon_secure *));
  if (!now) { return old > 0; }
  all->engine = now;
  all->engine_cap = cap;
  for (uint32_t i = 0; i < old; i++) {
    for (struct moon_secure *s = was[i], *next; s; s = next) {
      struct moon_secure **head = bucket_of(all, s->hash);
      next = s->next;
      s->next = *head;
      *head = s;
    }
  }
  moon_mem_free(was);
  return true;
}

static uint64_t hash_of(const struct moon_peers *all, const struct moon_authority *a) {
  uint64_t h = all->key;
  for (uint8_t i = 0; i < a->id_len; i++) {
    h = (h ^ a->id[i]) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
  }
  return h;
}

static void unlink_(struct moon_engine *e, struct moon_secure *s) {
  if (!s->linked) { return; }
  struct moon_secure **link = bucket_of(&e->peers, s->hash);
  while (*link != s) { link = &(*link)->next; }
  *link = s->next;
  s->linked = false;
  e->peers.n_engine--;
}

static void tell_twin(struct moon_engine *e, struct moon_peer *p, const struct moon_peer *twin) {
  char here[MOON_ADDR_TEXT_MAX], there[MOON_ADDR_TEXT_MAX];
  moon_addr_format(&p->target.addr, here, sizeof here);
  moon_addr_format(&twin->target.addr, there, sizeof there);
  p->target.quirks |= MOON_QUIRK_TWIN;
  p->told |= MOON_QUIRK_TWIN;
  moon_engine_notice(e, p, "%s has the engine id of %s: one agent at two addresses, or two that were set up alike", here, there);
}

static void look_for_twins(struct moon_engine *e, struct moon_peer *p) {
  struct moon_secure *s = of(p);
  const struct moon_authority *a = &s->trust.known;
  s->changes = s->trust.changes;
  unlink_(e, s);
  if (!grow(&e->peers)) { return; }
  s->hash = hash_of(&e->peers, a);
  struct moon_secure **head = bucket_of(&e->peers, s->hash);
  for (const struct moon_secure *t = *head; t && !(p->told & MOON_QUIRK_TWIN); t = t->next) {
    const struct moon_authority *b = &t->trust.known;
    bool same = a->id_len == b->id_len && memcmp(a->id, b->id, a->id_len) == 0;
    if (same && !moon_addr_equal(&p->target.addr, &t->peer->target.addr)) { tell_twin(e, p, t->peer); }
  }
  s->next = *head;
  *head = s;
  s->linked = true;
  e->peers.n_engine++;
}

void moon_secure_free(struct moon_engine *e, struct moon_peer *p) {
  if (!p->target.trust) { return; }
  unlink_(e, of(p));
  moon_mem_free(of(p));
  p->target.trust = NULL;
}

/* ---- what came ---- */

static void count(struct moon_counters *c, const struct moon_exchange *x) {
  switch ((enum moon_report)x->heard) {
    case MOON_REPORT_NONE: break;
    case MOON_REPORT_LEVEL: c->reports_level++; break;
    case MOON_REPORT_TIME_WINDOW: c->reports_time++; break;
    case MOON_REPORT_USER: c->reports_user++; break;
    case MOON_REPORT_ENGINE: c->reports_engine++; break;
    case MOON_REPORT_DIGEST: c->reports_digest++; break;
    case MOON_REPORT_DECRYPTION: c->reports_decryption++; break;
    default: c->reports_other++; break;
  }
  if (x->refused == MOON_E_AUTH || x->refused == MOON_E_UNSUPPORTED_LEVEL || x->refused == MOON_E_NOT_IN_TIME_WINDOW) { c->auth_failed++; }
}

static void tell(struct moon_engine *e, struct moon_peer *p, struct moon_secure *s) {
  struct moon_trust_record r;
  s->told_us = e->now_us;
  s->news = s->trust.news;
  s->decided = s->trust.decided;
  if (moon_trust_export(&p->target, e->now_us, &r) == MOON_OK) { e->config.learned(e->config.arg, p->user, &r); }
}

void moon_secure_look(struct moon_engine *e, const struct moon_slot *s) {
  struct moon_peer *p = s->peer;
  if (p->target.credential->version != MOON_V3) { return; }
  if (s->x.heard || s->x.refused) { count(e->counters, &s->x); }
  if (s->x.resynced) { e->counters->resyncs++; }
  struct moon_secure *sec = of(p);
  if (!sec || !sec->trust.known.proven) { return; }
  if (sec->changes != sec->trust.changes) { look_for_twins(e, p); }
  if (!e->config.learned || p->asked) { return; } /* who is answered in the process has an address that is made up */
  if (sec->news != sec->trust.news || sec->decided != sec->trust.decided || e->now_us - sec->told_us >= TOLD_EVERY_US) { tell(e, p, sec); }
}

bool moon_secure_past(struct moon_engine *e, struct moon_peer *p, bool late, const uint8_t *octets, size_t n) {
  return late && moon_sealed_vouch(&p->target, octets, n, e->now_us);
}

enum moon_err moon_peer_export(const struct moon_peer *p, struct moon_trust_record *out) {
  return moon_trust_export(&p->target, moon_engine_clock_us(p->engine), out);
}

enum moon_err moon_peer_import(struct moon_engine *e, struct moon_peer *p, const struct moon_trust_record *r) {
  uint64_t now_us = moon_engine_clock_us(e);
  if (p->target.credential->version != MOON_V3) { return MOON_OK; }
  enum moon_err err = p->target.trust ? MOON_OK : moon_secure_prepare(e, p);
  if (err) { return err; }
  moon_trust_use(p->target.trust, p->target.credential, now_us);
  return moon_trust_import(p->target.trust, r, now_us);
}

void moon_peer_credential(struct moon_peer *p, const struct moon_credential *c) {
  p->target.credential = c;
  if (p->target.trust) { p->target.trust->credential = NULL; }
}
