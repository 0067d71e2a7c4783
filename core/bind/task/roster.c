#include "roster.h"

#include <errno.h>
#include <string.h>

#include "../../base/mem.h"
#include "rates.h"
#include "sched.h"
#include "shift.h"

#define PLACES_MIN 16u
#define GENERATION_MAX 0x1fffffu /* with 32 bits of a place exact in a double */

/* ---- credentials ---- */

const struct moon_credential *moon_roster_credential(const struct moon_host *h, const struct moon_host_target *t, uint16_t i) {
  if (i >= t->plan->n_credentials) { return NULL; }
  uint32_t at = t->plan->credentials[i], n = h->plan->n_credentials;
  return at < n ? &h->plan->credentials[at] : h->wallet[at - n];
}

static void release(struct moon_host *h, const uint16_t *at, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t w = (uint32_t)at[i] - h->plan->n_credentials;
    if (at[i] < h->plan->n_credentials || --h->wallet_uses[w]) { continue; }
    moon_mem_wipe(h->wallet[w], sizeof *h->wallet[w]);
    moon_mem_free(h->wallet[w]);
    h->wallet[w] = NULL;
  }
}

/* A free place of the wallet; its size: none. */
static uint32_t wallet_place(struct moon_host *h) {
  uint32_t w = 0, n = h->n_wallet, cap = n ? 2 * n : 8;
  while (w < n && h->wallet[w]) { w++; }
  if (w < n || h->plan->n_credentials + cap > UINT16_MAX) { return w; }
  struct moon_credential **wallet = moon_mem_resize(h->wallet, cap, sizeof *wallet);
  if (wallet) { h->wallet = wallet; }
  uint32_t *uses = wallet ? moon_mem_resize(h->wallet_uses, cap, sizeof *uses) : NULL;
  if (!uses) { return n; }
  h->wallet_uses = uses;
  memset(h->wallet + n, 0, (cap - n) * sizeof *h->wallet);
  memset(h->wallet_uses + n, 0, (cap - n) * sizeof *h->wallet_uses);
  h->n_wallet = cap;
  return w;
}

static bool same_credential(const struct moon_credential *a, const struct moon_credential *b) { return memcmp(a, b, sizeof *a) == 0; }

/* Where the host has credential i of the change, which it takes if need be. UINT32_MAX: no room. */
static uint32_t adopt(struct moon_host *h, const struct moon_plan *change, uint16_t i) {
  const struct moon_credential *c = &change->credentials[i];
  uint32_t n = h->plan->n_credentials;
  if (i < n && same_credential(&h->plan->credentials[i], c)) { return i; } /* most changes leave them as they are */
  for (uint32_t k = 0; k < n; k++) {
    if (same_credential(&h->plan->credentials[k], c)) { return k; }
  }
  for (uint32_t w = 0; w < h->n_wallet; w++) {
    if (!h->wallet[w] || !same_credential(h->wallet[w], c)) { continue; }
    h->wallet_uses[w]++;
    return n + w;
  }
  uint32_t w = wallet_place(h);
  if (w == h->n_wallet) { return UINT32_MAX; }
  h->wallet[w] = moon_mem_alloc(sizeof *c);
  if (!h->wallet[w]) { return UINT32_MAX; }
  memcpy(h->wallet[w], c, sizeof *c);
  h->wallet_uses[w] = 1;
  return n + w;
}

/* ---- copies ---- */

static size_t text_size(const char *s) { return s ? strlen(s) + 1 : 0; }

static const char *put_text(char **at, const char *s, size_t n) {
  if (!s) { return NULL; }
  char *p = memcpy(*at, s, n);
  p[n] = 0;
  *at += n + 1;
  return p;
}

static const char *put_string(char **at, const char *s) { return put_text(at, s, s ? strlen(s) : 0); }

/* In one block. NULL: no room. */
static struct moon_plan_target *copy(struct moon_host *h, const struct moon_plan *change, const struct moon_plan_target *from) {
  size_t size = sizeof *from + from->n_labels * sizeof *from->labels + from->n_credentials * sizeof *from->credentials;
  size += text_size(from->name) + text_size(from->host) + text_size(from->lookup) + text_size(from->recording);
  for (uint32_t i = 0; i < from->n_labels; i++) { size += (size_t)from->labels[i].key.n + from->labels[i].value.n + 2; }
  struct moon_plan_target *t = moon_mem_alloc(size);
  if (!t) { return NULL; }
  struct moon_label *labels = (struct moon_label *)(t + 1);
  uint16_t *credentials = (uint16_t *)(labels + from->n_labels);
  char *at = (char *)(credentials + from->n_credentials);
  *t = *from;
  t->labels = labels;
  t->credentials = credentials;
  t->name = put_string(&at, from->name);
  t->host = put_string(&at, from->host);
  t->lookup = put_string(&at, from->lookup);
  t->recording = put_string(&at, from->recording);
  for (uint32_t i = 0; i < from->n_labels; i++) {
    const struct moon_label *l = &from->labels[i];
    labels[i].key = (struct moon_text){put_text(&at, l->key.p, l->key.n), l->key.n};
    labels[i].value = (struct moon_text){put_text(&at, l->value.p, l->value.n), l->value.n};
  }
  for (uint32_t i = 0; i < from->n_credentials; i++) {
    uint32_t where = adopt(h, change, from->credentials[i]);
    if (where > UINT16_MAX) {
      release(h, credentials, i);
      moon_mem_free(t);
      return NULL;
    }
    credentials[i] = (uint16_t)where;
  }
  return t;
}

static void drop_copy(struct moon_host *h, const struct moon_plan_target *own) {
  if (!own) { return; }
  release(h, own->credentials, own->n_credentials);
  moon_mem_free((void *)(uintptr_t)own);
}

static const struct moon_plan_target *copy_of(const struct moon_host_target *t) { return t->owns_plan ? t->plan : NULL; }

/* ---- places and names ---- */

static struct moon_host_target **bucket_of(const struct moon_host *h, const char *name) {
  uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a: names are the operator's own */
  for (const char *p = name; *p; p++) { hash = (hash ^ (uint8_t)*p) * 0x100000001b3u; }
  return &h->by_name[(hash ^ hash >> 32) & (h->cap_targets - 1)];
}

static void link_name(struct moon_host *h, struct moon_host_target *t) {
  struct moon_host_target **head = bucket_of(h, t->plan->name);
  t->same = *head;
  *head = t;
}

/* The table by name, which a host needs none of before its first change. */
static bool know_names(struct moon_host *h) {
  if (h->by_name) { return true; }
  h->by_name = moon_mem_array(h->cap_targets, sizeof *h->by_name);
  for (uint32_t i = 0; h->by_name && i < h->cap_targets; i++) {
    if (h->targets[i]) { link_name(h, h->targets[i]); }
  }
  return h->by_name != NULL;
}

static struct moon_host_target *find(const struct moon_host *h, const char *name) {
  struct moon_host_target *t = *bucket_of(h, name);
  while (t && strcmp(t->plan->name, name) != 0) { t = t->same; }
  return t;
}

static enum moon_err reserve(struct moon_host *h, uint32_t n) {
  uint32_t cap = h->cap_targets ? h->cap_targets : PLACES_MIN;
  while (cap < n) { cap *= 2; }
  if ((uint64_t)cap * (h->n_probes + 1u) >= INT32_MAX) { return MOON_E_LIMIT; }
  if (cap == h->cap_targets) { return MOON_OK; }
  struct moon_host_target **places = moon_mem_resize(h->targets, cap, sizeof *places);
  if (!places) { return MOON_E_NOMEM; }
  memset(places + h->cap_targets, 0, (cap - h->cap_targets) * sizeof *places);
  h->targets = places;
  h->cap_targets = cap;
  moon_mem_free(h->by_name);
  h->by_name = NULL;
  return MOON_OK;
}

double moon_roster_id(const struct moon_host *h, const struct moon_device *d) {
  uint32_t at = d->target->index * h->n_probes + (uint32_t)(d->probe - h->probes);
  return (double)((uint64_t)d->target->generation << 32 | at);
}

struct moon_device *moon_roster_device(const struct moon_host *h, double id) {
  if (!(id >= 0 && id <= 0x1p53) || !h->n_probes) { return NULL; }
  uint64_t whole = (uint64_t)id;
  uint32_t at = (uint32_t)whole, place = at / h->n_probes;
  struct moon_host_target *t = place < h->cap_targets ? h->targets[place] : NULL;
  return t && t->generation == whole >> 32 ? &t->devices[at % h->n_probes] : NULL;
}

/* ---- one target ---- */

static enum moon_err bind_source(struct moon_host *h, const struct moon_plan_target *plan, struct moon_peer *peer) {
  if (!plan->source.family || plan->source.family != (plan->lookup ? plan->family : plan->addr.family)) {
    return MOON_OK; /* the loader said so */
  }
  enum moon_err e = moon_peer_bind(h->engine, peer, &plan->source);
  if (e) {
    char source[MOON_ADDR_TEXT_MAX];
    const char *why = e == MOON_E_CONFIG ? strerror(errno) : e == MOON_E_LIMIT ? "too many source addresses" : moon_err_text(e);
    moon_addr_format(&plan->source, source, sizeof source);
    moon_host_log(h, MOON_LOG_ERROR, "%s: its source %s: %s", plan->name, source, why);
  }
  return e == MOON_E_LIMIT ? MOON_E_CONFIG : e;
}

/* Its peer, of what its plan says. */
static enum moon_err open_peer(struct moon_host *h, struct moon_host_target *t) {
  const struct moon_plan_target *plan = t->plan;
  if (!plan->n_credentials) {
    moon_host_log(h, MOON_LOG_ERROR, "%s: no credentials", plan->name);
    return MOON_E_CONFIG;
  }
  const struct moon_credential *c = moon_roster_credential(h, t, 0);
  const struct moon_policy *policy = &h->plan->policy;
  const struct moon_addr want = {.family = plan->family, .port = plan->addr.port, .stream = plan->addr.stream};
  t->credential = 0;
  enum moon_err e = plan->lookup
                      ? moon_peer_new_named(h->engine, plan->lookup, &want, c, policy, t, &t->peer)
                      : moon_peer_new(h->engine, &plan->addr, c, policy, t, &t->peer);
  if (e) { return e; }
  moon_peer_target(t->peer)->strict_source = plan->strict_source;
  if (!plan->recording) {
    e = bind_source(h, plan, t->peer);
  } else if (h->config.answer) {
    e = h->config.answer(h->config.arg, plan, t->peer);
  } else {
    moon_host_log(h, MOON_LOG_ERROR, "%s: recordings do not answer here", plan->name);
    e = MOON_E_CONFIG;
  }
  if (e) {
    moon_peer_free(h->engine, t->peer);
    t->peer = NULL;
  }
  return e;
}

/* own: a copy, taken also when this fails; NULL: plan is the host's. */
static enum moon_err add(struct moon_host *h, const struct moon_plan_target *plan, struct moon_plan_target *own,
                         struct moon_host_target **out) {
  size_t duties_at = sizeof **out + h->n_probes * sizeof(struct moon_device);
  enum moon_err e = reserve(h, h->n_targets + 1);
  struct moon_host_target *t = e ? NULL : moon_mem_zalloc(duties_at + h->n_duties * sizeof(struct moon_duty));
  if (!t) {
    drop_copy(h, own);
    return e ? e : MOON_E_NOMEM;
  }
  t->plan = plan;
  t->owns_plan = own != NULL;
  t->duties = (struct moon_duty *)(void *)((char *)t + duties_at);
  for (uint32_t i = 0; i < h->n_probes; i++) {
    t->devices[i] = (struct moon_device){.target = t, .probe = &h->probes[i], .ref = LUA_NOREF, .base_ref = LUA_NOREF};
    t->devices[i].pair = moon_pulse_pair(h->probes[i].plan->name, plan->name);
  }
  e = open_peer(h, t);
  if (e) {
    drop_copy(h, own);
    moon_mem_free(t);
    return e;
  }
  while (h->targets[h->hint]) { h->hint++; }
  t->index = h->hint++;
  h->targets[t->index] = t;
  h->n_targets++;
  if (h->by_name) { link_name(h, t); }
  *out = t;
  return MOON_OK;
}

static void forget_rates(struct moon_host *h, struct moon_host_target *t) {
  for (uint32_t i = 0; i < h->n_probes; i++) { moon_rates_free_all(&t->devices[i].rates); }
}

/* Its runs and duties are over. */
static void take_away(struct moon_host *h, struct moon_host_target *t) {
  forget_rates(h, t);
  for (uint32_t i = 0; i < h->n_duties; i++) { moon_mem_free(t->duties[i].why); }
  moon_peer_free(h->engine, t->peer);
  drop_copy(h, copy_of(t));
  h->targets[t->index] = NULL;
  if (t->index < h->hint) { h->hint = t->index; }
  h->n_targets--;
  moon_mem_free(t);
}

static void remove_target(struct moon_host *h, struct moon_host_target *t) {
  moon_sched_end(h, t);
  for (uint32_t i = 0; i < h->n_duties; i++) {
    if (t->duties[i].habit) { moon_habits_drop(&h->habits, moon_sched_key(&t->duties[i])); }
  }
  for (uint32_t i = 0; i < h->n_probes; i++) {
    moon_shift_forget(h, &t->devices[i]);
  }
  struct moon_host_target **link = bucket_of(h, t->plan->name);
  while (*link != t) { link = &(*link)->same; }
  *link = t->same;
  take_away(h, t);
}

/* ---- changes ---- */

static void tell(struct moon_host *h, const char *name, const char *what, enum moon_err e) {
  if (e == MOON_E_CONFIG) { return; } /* told */
  moon_host_log(h, MOON_LOG_ERROR, "%s: %s: %s", name, what, moon_err_text(e));
}

static void add_new(struct moon_host *h, const struct moon_plan *change, const struct moon_plan_target *plan) {
  struct moon_host_target *t;
  struct moon_plan_target *own = copy(h, change, plan);
  enum moon_err e = own ? add(h, own, own, &t) : MOON_E_NOMEM;
  if (e || !know_names(h)) { /* its place may have needed another table */
    if (!e) { take_away(h, t); }
    tell(h, plan->name, "not polled", e ? e : MOON_E_NOMEM);
    return;
  }
  h->generations = (h->generations + 1) & GENERATION_MAX;
  t->generation = h->generations;
  for (uint32_t i = 0; i < h->n_probes; i++) { moon_sched_begin(h, t, &h->probes[i]); }
}

static bool same_text(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

/* Is it the same agent, asked the same way? */
static bool same_place(const struct moon_plan_target *a, const struct moon_plan_target *b) {
  return moon_addr_equal(&a->addr, &b->addr) && a->addr.stream == b->addr.stream && a->addr.port == b->addr.port &&
         moon_addr_equal(&a->source, &b->source) && a->family == b->family && same_text(a->lookup, b->lookup) &&
         same_text(a->recording, b->recording);
}

static void change_target(struct moon_host *h, const struct moon_plan *change, struct moon_host_target *t,
                          const struct moon_plan_target *plan) {
  const struct moon_plan_target *own = copy(h, change, plan), *was = copy_of(t);
  const struct moon_credential *in_use = moon_roster_credential(h, t, t->credential);
  bool same = own && same_place(t->plan, own);
  if (!own) {
    tell(h, plan->name, "stays as it was", MOON_E_NOMEM);
    return;
  }
  t->plan = own; /* its name is the same: the table by name needs nothing */
  t->owns_plan = true;
  t->edition++;
  uint16_t i = 0;
  while (i < own->n_credentials && moon_roster_credential(h, t, i) != in_use) { i++; }
  if (same && i < own->n_credentials) {
    t->credential = i;
    moon_peer_target(t->peer)->strict_source = own->strict_source;
    drop_copy(h, was);
    return;
  }
  moon_sched_end(h, t);
  moon_peer_free(h->engine, t->peer);
  t->peer = NULL;
  drop_copy(h, was);
  forget_rates(h, t);
  t->uptime_at_us = 0;
  t->boots++; /* what was cached or matched was another agent's */
  enum moon_err e = open_peer(h, t);
  if (e) {
    tell(h, plan->name, "not polled any more", e);
    remove_target(h, t);
    return;
  }
  for (uint32_t p = 0; p < h->n_probes; p++) { moon_sched_begin(h, t, &h->probes[p]); }
}

/* Those that are asked already. */
static void pace_all(struct moon_host *h) {
  for (uint32_t i = 0; i < h->cap_targets; i++) {
    struct moon_host_target *t = h->targets[i];
    enum moon_err e = t && t->peer ? moon_peer_pace(t->peer) : MOON_OK;
    if (e) { tell(h, t->plan->name, "its packets_per_s does not hold", e); }
  }
}

void moon_roster_change(struct moon_host *h, const struct moon_plan *change) {
  if (h->draining || h->plan->once) { return; }
  if (!know_names(h)) {
    moon_host_log(h, MOON_LOG_ERROR, "targets stay as they were: %s", moon_err_text(MOON_E_NOMEM));
    return;
  }
  bool paced = h->settings.policy.packets_per_s != change->policy.packets_per_s;
  h->settings.policy = change->policy;
  if (paced) { pace_all(h); }
  h->settings.max_coroutines = change->max_coroutines;
  h->settings.max_children = change->max_children;
  h->settings.steps = change->steps;
  moon_habit_limits(&h->settings.steps, &h->limits);
  for (uint32_t i = 0; i < h->n_probes; i++) {
    for (uint32_t k = 0; k < change->n_probes; k++) {
      if (strcmp(h->probes[i].plan->name, change->probes[k].name) != 0) { continue; }
      if (h->probes[i].plan->version != change->probes[k].version) { continue; } /* it has gone over meanwhile, to one that brought its own */
      if (moon_revision_limits(h->probes[i].current, &change->probes[k])) { moon_sched_rearm(&h->probes[i]); }
    }
  }
  for (uint32_t i = 0; i < change->n_gone; i++) {
    struct moon_host_target *t = find(h, change->gone[i]);
    if (t) { remove_target(h, t); }
  }
  for (uint32_t i = 0; i < change->n_targets; i++) {
    const struct moon_plan_target *plan = &change->targets[i];
    struct moon_host_target *t = know_names(h) ? find(h, plan->name) : NULL;
    if (t) {
      change_target(h, change, t, plan);
    } else if (h->by_name) {
      add_new(h, change, plan);
    }
  }
  moon_engine_kick(h->engine);
}

/* ---- life ---- */

enum moon_err moon_roster_open(struct moon_host *h) {
  uint32_t n = h->config.shard ? h->config.n_shard : h->plan->n_targets;
  enum moon_err e = reserve(h, n);
  for (uint32_t i = 0; i < n && !e; i++) {
    struct moon_host_target *t;
    e = add(h, &h->plan->targets[h->config.shard ? h->config.shard[i] : i], NULL, &t);
  }
  return e;
}

void moon_roster_close(struct moon_host *h) {
  for (uint32_t i = 0; i < h->cap_targets; i++) {
    if (h->targets[i]) { take_away(h, h->targets[i]); }
  }
  moon_mem_free(h->targets);
  moon_mem_free(h->by_name);
  moon_mem_free(h->wallet);
  moon_mem_free(h->wallet_uses);
}
