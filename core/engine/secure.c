#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "../session/sealed.h"
#include "inner.h"

#include "../base/mem.h"

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
      moon_engine_notice(e, NULL, "SNMPv3 cannot be spoken: %s", moon_err_text(err));
      return err;
    }
  }
  struct moon_trust *s = moon_mem_alloc(sizeof *s);
  if (!s) { return MOON_E_NOMEM; }
  moon_trust_init(s, e->keyring);
  p->target.trust = s;
  return MOON_OK;
}

/* ---- engine ids that more than one agent has ---- */

static struct moon_peer **bucket_of(struct moon_peers *all, uint64_t hash) { return &all->engine[hash >> 32 & (all->engine_cap - 1)]; }

/* As many places as peers, in time. false: there are none at all. */
static bool grow(struct moon_peers *all) {
  uint32_t old = all->engine_cap, cap = all->cap;
  if (all->n_engine < old || old >= cap) { return old > 0; }
  struct moon_peer **was = all->engine, **now = moon_mem_array(cap, sizeof(struct moon_peer *));
  if (!now) { return old > 0; }
  all->engine = now;
  all->engine_cap = cap;
  for (uint32_t i = 0; i < old; i++) {
    for (struct moon_peer *p = was[i], *next; p; p = next) {
      struct moon_peer **head = bucket_of(all, p->engine_hash);
      next = p->same_engine;
      p->same_engine = *head;
      *head = p;
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

void moon_secure_unlink(struct moon_engine *e, struct moon_peer *p) {
  if (!p->has_engine) { return; }
  struct moon_peer **link = bucket_of(&e->peers, p->engine_hash);
  while (*link != p) { link = &(*link)->same_engine; }
  *link = p->same_engine;
  p->has_engine = false;
  e->peers.n_engine--;
}

static void look_for_twins(struct moon_engine *e, struct moon_peer *p) {
  const struct moon_authority *a = &p->target.trust->known;
  p->changes = p->target.trust->changes;
  moon_secure_unlink(e, p);
  if (!grow(&e->peers)) { return; }
  p->engine_hash = hash_of(&e->peers, a);
  struct moon_peer **head = bucket_of(&e->peers, p->engine_hash);
  for (const struct moon_peer *q = *head; q && !(p->told & MOON_QUIRK_TWIN); q = q->same_engine) {
    const struct moon_authority *b = &q->target.trust->known;
    if (a->id_len != b->id_len || memcmp(a->id, b->id, a->id_len) != 0 || moon_addr_equal(&p->target.addr, &q->target.addr)) { continue; }
    char here[MOON_ADDR_TEXT_MAX], there[MOON_ADDR_TEXT_MAX];
    moon_addr_format(&p->target.addr, here, sizeof here);
    moon_addr_format(&q->target.addr, there, sizeof there);
    p->target.quirks |= MOON_QUIRK_TWIN;
    p->told |= MOON_QUIRK_TWIN;
    moon_engine_notice(e, p, "%s has the engine id of %s: one agent at two addresses, or two that were set up alike", here, there);
  }
  p->same_engine = *head;
  *head = p;
  p->has_engine = true;
  e->peers.n_engine++;
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

void moon_secure_look(struct moon_engine *e, const struct moon_slot *s) {
  struct moon_peer *p = s->peer;
  if (p->target.credential->version != MOON_V3) { return; }
  if (s->x.heard || s->x.refused) { count(e->counters, &s->x); }
  if (s->x.resynced) { e->counters->resyncs++; }
  if (p->changes != p->target.trust->changes && p->target.trust->known.proven) { look_for_twins(e, p); }
}

bool moon_secure_past(struct moon_engine *e, struct moon_peer *p, bool late, const uint8_t *octets, size_t n) {
  return late && moon_sealed_vouch(&p->target, octets, n, e->now_us);
}
