#include "inner.h"
#include "stream.h"

#include <errno.h>

#include "../base/mem.h"

#define PEERS_MIN 64u
#define UNHEARD_MAX 3u /* with one retry: inside the second silent request, before the breaker opens */

enum moon_err moon_peers_init(struct moon_peers *all, uint64_t key) {
  memset(all, 0, sizeof *all);
  all->key = key;
  all->cap = PEERS_MIN;
  all->at = moon_mem_array(PEERS_MIN, sizeof(struct moon_peer *));
  all->bucket = moon_mem_array(PEERS_MIN, sizeof(struct moon_peer *));
  return all->at && all->bucket ? MOON_OK : MOON_E_NOMEM;
}

static struct moon_peer **bucket_of(struct moon_peers *all, const struct moon_addr *a) {
  return &all->bucket[moon_addr_hash(a, all->key) & (all->cap - 1)];
}

static bool grow(struct moon_peers *all) {
  uint32_t old = all->cap;
  if (old > UINT32_MAX / 4) { return false; }
  struct moon_peer **at = moon_mem_array(old * 2, sizeof(struct moon_peer *));
  struct moon_peer **bucket = moon_mem_array(old * 2, sizeof(struct moon_peer *));
  if (!at || !bucket) {
    moon_mem_free(at);
    moon_mem_free(bucket);
    return false;
  }
  memcpy(at, all->at, old * sizeof(struct moon_peer *));
  moon_mem_free(all->at);
  moon_mem_free(all->bucket);
  all->at = at;
  all->bucket = bucket;
  all->cap = old * 2;
  for (uint32_t i = 0; i < old; i++) {
    struct moon_peer **head = bucket_of(all, &at[i]->target.addr);
    if (!at[i]->target.addr.family) { continue; }
    at[i]->same = *head;
    *head = at[i];
  }
  return true;
}

void moon_peers_link(struct moon_engine *e, struct moon_peer *p) {
  struct moon_peer **head = bucket_of(&e->peers, &p->target.addr);
  if (!p->target.addr.family) { return; }
  p->same = *head;
  *head = p;
}

void moon_peers_unlink(struct moon_engine *e, struct moon_peer *p) {
  struct moon_peer **link = bucket_of(&e->peers, &p->target.addr);
  if (!p->target.addr.family) { return; }
  while (*link != p) { link = &(*link)->same; }
  *link = p->same;
}

bool moon_peers_twin(struct moon_engine *e, const struct moon_peer *p) {
  for (const struct moon_peer *other = *bucket_of(&e->peers, &p->target.addr); other; other = other->same) {
    if (other != p && moon_addr_equal(&other->target.addr, &p->target.addr)) { return true; }
  }
  return false;
}

static void paced_out(void *arg) { moon_peer_activate(arg); }

static struct moon_pacing *pacing_new(struct moon_peer *p, uint32_t packets_per_s) {
  struct moon_pacing *g = moon_mem_zalloc(sizeof *g);
  if (!g) { return NULL; }
  moon_bucket_init(&g->bucket, packets_per_s);
  moon_timer_init(&g->timer, paced_out, p);
  return g;
}

static void pacing_free(struct moon_peer *p) {
  if (!p->pacing) { return; }
  moon_wheel_stop(&p->engine->wheel, &p->pacing->timer);
  moon_mem_free(p->pacing);
  p->pacing = NULL;
}

enum moon_err moon_peer_pace(struct moon_peer *p) {
  uint32_t packets_per_s = p->target.policy->packets_per_s;
  pacing_free(p);
  if (packets_per_s) { p->pacing = pacing_new(p, packets_per_s); }
  moon_peer_activate(p);
  return packets_per_s && !p->pacing ? MOON_E_NOMEM : MOON_OK;
}

enum moon_err moon_peer_open(struct moon_engine *e, const struct moon_addr *addr, const struct moon_credential *credential,
                             const struct moon_policy *policy, void *user, struct moon_peer **out) {
  struct moon_peers *all = &e->peers;
  if (all->n == all->cap && !grow(all)) { return MOON_E_NOMEM; }
  struct moon_peer *p = moon_mem_zalloc(sizeof *p);
  if (!p) { return MOON_E_NOMEM; }
  if (policy->packets_per_s) { p->pacing = pacing_new(p, policy->packets_per_s); }
  enum moon_err err = policy->packets_per_s && !p->pacing ? MOON_E_NOMEM : MOON_OK;
  if (!err && addr->stream && !e->config.closed) { err = moon_stream_new(e, p, &p->stream); }
  if (err) {
    moon_mem_free(p->pacing);
    moon_mem_free(p);
    return err;
  }
  moon_target_init(&p->target, addr, credential, policy);
  p->engine = e;
  p->user = user;
  moon_peer_leave_by(p, e->socket[addr->family == 6]);
  moon_list_init(&p->node);
  moon_list_init(&p->waiting);
  moon_list_init(&p->flying);
  p->to_len = moon_sockaddr_put(&p->to, addr);
  while (all->at[all->hint]) { all->hint++; }
  p->index = all->hint++;
  all->at[p->index] = p;
  all->n++;
  moon_peers_link(e, p);
  *out = p;
  return MOON_OK;
}

enum moon_err moon_peer_new(struct moon_engine *e, const struct moon_addr *addr, const struct moon_credential *credential,
                            const struct moon_policy *policy, void *user, struct moon_peer **out) {
  if (addr->family != 4 && addr->family != 6) { return MOON_E_CONFIG; }
  return moon_peer_open(e, addr, credential, policy, user, out);
}

enum moon_err moon_peer_bind(struct moon_engine *e, struct moon_peer *p, const struct moon_addr *source) {
  if (p->named) { return moon_named_bind(p, source); }
  if (source->family != p->target.addr.family) {
    errno = EAFNOSUPPORT;
    return MOON_E_CONFIG;
  }
  struct moon_socket *own;
  enum moon_err err = moon_engine_source(e, source, &own);
  if (!err) { moon_peer_leave_by(p, own); }
  return err;
}

void moon_peer_leave_by(struct moon_peer *p, struct moon_socket *s) {
  if (p->socket) { p->socket->n_peers--; }
  s->n_peers++;
  p->socket = s;
  p->unheard = 0;
}

void moon_peer_unheard(struct moon_peer *p) {
  if (++p->unheard < UNHEARD_MAX || p->asked || p->stream) { return; }
  p->unheard = 0;
  struct moon_socket *other = moon_engine_other_port(p->engine, p->socket);
  if (!other) { return; }
  moon_peer_leave_by(p, other);
  p->engine->counters->ports_changed++;
}

static void cancel_list(struct moon_engine *e, struct moon_list *list, const struct moon_peer *only) {
  for (struct moon_list *node = list->next, *next; node != list; node = next) {
    struct moon_slot *s = MOON_LIST_ENTRY(node, struct moon_slot, node);
    next = node->next;
    if (!only || s->peer == only) { moon_engine_cancel(e, moon_slot_ticket(s)); }
  }
}

void moon_peer_free(struct moon_engine *e, struct moon_peer *p) {
  if (!p) { return; }
  cancel_list(e, &p->waiting, NULL);
  cancel_list(e, &p->flying, NULL);
  if (p->n_waiting || p->n_on_wire) { /* the rest stands in lists that are shared */
    cancel_list(e, &e->resend, p);
    cancel_list(e, &e->ready, p);
  }
  pacing_free(p);
  moon_list_remove(&p->node);
  moon_peers_unlink(e, p);
  p->socket->n_peers--;
  moon_named_free(p);
  moon_stream_free(e, p->stream);
  moon_secure_free(e, p);
  e->peers.at[p->index] = NULL;
  e->peers.n--;
  if (p->index < e->peers.hint) { e->peers.hint = p->index; }
  moon_target_fini(&p->target);
  moon_mem_free(p->diary);
  moon_mem_free(p);
}

void moon_peers_fini(struct moon_engine *e) {
  for (uint32_t i = 0; e->peers.at && i < e->peers.cap; i++) {
    if (!e->peers.at[i]) { continue; }
    moon_named_free(e->peers.at[i]);
    moon_stream_free(e, e->peers.at[i]->stream);
    moon_mem_free(e->peers.at[i]->target.trust);
    moon_target_fini(&e->peers.at[i]->target);
    moon_mem_free(e->peers.at[i]->diary);
    moon_mem_free(e->peers.at[i]->pacing);
    moon_mem_free(e->peers.at[i]);
  }
  moon_mem_free(e->peers.engine);
  moon_mem_free(e->peers.at);
  moon_mem_free(e->peers.bucket);
}

void moon_peer_connect(struct moon_engine *e, struct moon_peer *p) {
  if (p->stream) { moon_stream_open(e, p->stream); }
}

bool moon_peer_connected(const struct moon_peer *p, int *cause) {
  *cause = 0;
  return !p->stream || moon_stream_is_open(p->stream, cause);
}

struct moon_target *moon_peer_target(struct moon_peer *p) { return &p->target; }

struct moon_diary *moon_peer_diary(struct moon_peer *p) {
  if (!p->diary) {
    p->diary = moon_mem_zalloc(sizeof *p->diary);
    if (p->diary) { p->diary->since_us = p->engine->now_us; }
  }
  return p->diary;
}

void moon_peer_look(const struct moon_peer *p, struct moon_peer_state *out) {
  *out = (struct moon_peer_state){
    .requests = p->ended, .answered = p->answered, .diary = p->diary, .waiting = p->n_waiting, .in_flight = p->n_on_wire};
  for (const struct moon_list *node = p->flying.next; node != &p->flying; node = node->next) {
    const struct moon_slot *s = MOON_LIST_ENTRY(node, const struct moon_slot, node);
    out->told_engine = out->told_engine || s->x.discoveries;
    out->told_time = out->told_time || s->x.resyncs;
  }
}

struct moon_peer *moon_peers_find(struct moon_engine *e, const struct moon_addr *a) {
  for (struct moon_peer *p = *bucket_of(&e->peers, a); p; p = p->same) {
    if (moon_addr_equal(&p->target.addr, a)) { return p; }
  }
  return NULL;
}

void moon_peer_activate(struct moon_peer *p) {
  uint32_t window = p->target.policy->window ? p->target.policy->window : 1;
  const struct moon_trust *trust = p->target.credential->version == MOON_V3 ? p->target.trust : NULL;
  if (trust && !moon_trust_is_settled(trust)) { window = 1; } /* one finds out for all */
  if (!p->n_waiting || p->n_on_wire >= window) { return; }
  if (!moon_list_empty(&p->node) || (p->pacing && !moon_list_empty(&p->pacing->timer.node))) { return; }
  if (p->named && !moon_named_ready(p)) { return; }
  moon_list_append(&p->engine->active, &p->node);
}

static const struct { enum moon_quirk quirk; const char *text; } quirk_texts[] = {
  { MOON_QUIRK_TRAILING, "sends octets after the end of its messages; ignored" },
  { MOON_QUIRK_EMPTY_INTEGER, "sends integers without content; read as 0" },
  { MOON_QUIRK_WRONG_ORDER, "answers in another order than asked" },
  { MOON_QUIRK_FEWER, "answers fewer varbinds than asked" },
  { MOON_QUIRK_NOT_INCREASING, "returns OIDs that do not increase" },
  { MOON_QUIRK_ALIAS, "answers from another address than asked" },
  { MOON_QUIRK_NO_BULK, "does not get GETBULK right; asked by GETNEXT" },
  { MOON_QUIRK_POISON, "fails whole requests because of single OIDs; they are asked apart" },
  { MOON_QUIRK_REEDER, "extends AES keys as Reeder does (AES-192-C, AES-256-C)" },
  { MOON_QUIRK_BLUMENTHAL, "extends AES keys as Blumenthal does (AES-192, AES-256)" },
  { MOON_QUIRK_CLOCK_BACK, "counts its boots or its engine's time backwards; followed" },
  { MOON_QUIRK_OTHER_ENGINE, "has another engine id than before; followed" },
  { MOON_QUIRK_BOOTS_MAX, "has used up its engine's boots: it answers nobody until it gets another engine id" },
};

void moon_peer_tell(struct moon_peer *p) {
  uint32_t new = p->target.quirks & ~p->told;
  if (!new) { return; }
  p->told |= new;
  char agent[MOON_ADDR_TEXT_MAX], alias[MOON_ADDR_TEXT_MAX] = "";
  moon_addr_format(&p->target.addr, agent, sizeof agent);
  for (size_t i = 0; i < sizeof quirk_texts / sizeof quirk_texts[0]; i++) {
    if (!(new & (uint32_t)quirk_texts[i].quirk)) { continue; }
    bool other = quirk_texts[i].quirk == MOON_QUIRK_ALIAS && p->target.alias.family;
    if (other) { moon_addr_format(&p->target.alias, alias, sizeof alias); }
    moon_engine_notice(p->engine, p, "%s %s%s%s", agent, quirk_texts[i].text, other ? ": " : "", other ? alias : "");
  }
}
