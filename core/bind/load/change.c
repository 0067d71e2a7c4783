#include "change.h"

#include <string.h>

#include "../../base/mem.h"
#include "pack.h"

/* Targets by name: index + 1, 0 free. */
struct names {
  const struct moon_plan *plan;
  uint32_t *slots;
  uint32_t mask;
};

static uint32_t *slot_of(const struct names *t, const char *name) {
  uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
  for (const char *p = name; *p; p++) { hash = (hash ^ (uint8_t)*p) * 0x100000001b3u; }
  uint32_t at = (uint32_t)(hash ^ hash >> 32) & t->mask;
  while (t->slots[at] && strcmp(t->plan->targets[t->slots[at] - 1].name, name) != 0) { at = (at + 1) & t->mask; }
  return &t->slots[at];
}

static enum moon_err read_names(const struct moon_plan *plan, struct names *out) {
  uint32_t cap = 16;
  while (cap / 2 < plan->n_targets) { cap *= 2; }
  *out = (struct names){.plan = plan, .slots = moon_mem_array(cap, sizeof *out->slots), .mask = cap - 1};
  for (uint32_t i = 0; out->slots && i < plan->n_targets; i++) { *slot_of(out, plan->targets[i].name) = i + 1; }
  return out->slots ? MOON_OK : MOON_E_NOMEM;
}

/* Packed and unpacked: one block owns all that plan points to. */
static enum moon_err own(const struct moon_plan *plan, struct moon_plan **out) {
  uint8_t *packed = NULL;
  size_t n = 0;
  enum moon_err e = moon_pack(plan, &packed, &n);
  if (!e) { e = moon_unpack(packed, n, out); }
  moon_pack_free(packed, n);
  return e;
}

/* ---- files that could not be read ---- */

static bool same_text(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static int find_credential(const struct moon_plan *in, const struct moon_credential *c) {
  for (uint32_t i = 0; i < in->n_credentials; i++) {
    if (memcmp(&in->credentials[i], c, sizeof *c) == 0) { return (int)i; }
  }
  for (uint32_t i = 0; i < in->n_credentials; i++) { /* its secret is another by now */
    if (strcmp(in->credentials[i].name, c->name) == 0) { return (int)i; }
  }
  return -1;
}

static bool is_kept(const struct moon_plan *fresh, const char *path) {
  for (uint32_t i = 0; i < fresh->n_kept; i++) {
    if (strcmp(fresh->kept[i], path) == 0) { return true; }
  }
  return false;
}

static uint32_t find_file(const struct moon_plan *in, const char *path) {
  for (uint32_t i = 0; i < in->n_files; i++) {
    if (strcmp(in->files[i], path) == 0) { return i + 1; }
  }
  return 0;
}

/* Those of its credentials that there still are. */
static uint32_t keep_credentials(const struct moon_plan *was, const struct moon_plan *fresh, const struct moon_plan_target *t, uint16_t *out) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->n_credentials; i++) {
    int at = find_credential(fresh, &was->credentials[t->credentials[i]]);
    if (at >= 0) { out[n++] = (uint16_t)at; }
  }
  return n;
}

static const struct moon_plan_probe *find_probe(const struct moon_plan *in, const char *name) {
  for (uint32_t i = 0; i < in->n_probes; i++) {
    if (strcmp(in->probes[i].name, name) == 0) { return &in->probes[i]; }
  }
  return NULL;
}

/* Those that could not be loaded are as they were, at their places; out has room for all of both. */
static void keep_probes(const struct moon_plan *was, struct moon_plan *plan, struct moon_plan_probe *out) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < was->n_probes; i++) {
    const struct moon_plan_probe *p = find_probe(plan, was->probes[i].name);
    if (p) { out[n++] = *p; }
    if (!p && is_kept(plan, was->probes[i].sources[0].path)) { out[n++] = was->probes[i]; }
  }
  for (uint32_t i = 0; i < plan->n_probes; i++) {
    if (!find_probe(was, plan->probes[i].name)) { out[n++] = plan->probes[i]; }
  }
  plan->probes = out;
  plan->n_probes = n;
}

enum moon_err moon_change_keep(const struct moon_plan *was, struct moon_plan **fresh) {
  struct moon_plan plan = **fresh, *made;
  struct names names = {0};
  size_t room = 1;
  if (!plan.n_kept) { return MOON_OK; }
  for (uint32_t i = 0; i < was->n_targets; i++) { room += was->targets[i].n_credentials; }
  struct moon_plan_target *targets = moon_mem_array((size_t)plan.n_targets + was->n_targets + 1, sizeof *targets);
  struct moon_plan_probe *probes = moon_mem_array((size_t)plan.n_probes + was->n_probes + 1, sizeof *probes);
  uint16_t *credentials = moon_mem_array(room, sizeof *credentials), *next = credentials;
  bool *kept = moon_mem_array((size_t)was->n_files + 1, sizeof *kept);
  enum moon_err e = targets && probes && credentials && kept ? read_names(&plan, &names) : MOON_E_NOMEM;
  if (e) { goto out; }
  for (uint32_t i = 0; i < was->n_files; i++) { kept[i + 1] = is_kept(&plan, was->files[i]); }
  if (plan.n_targets) { memcpy(targets, plan.targets, plan.n_targets * sizeof *targets); }
  for (uint32_t i = 0; i < was->n_targets; i++) {
    const struct moon_plan_target *t = &was->targets[i];
    if (!kept[t->file] || *slot_of(&names, t->name)) { continue; }
    uint32_t count = keep_credentials(was, &plan, t, next);
    if (!count) { continue; } /* it could not be asked */
    targets[plan.n_targets] = *t;
    targets[plan.n_targets].credentials = next;
    targets[plan.n_targets].n_credentials = count;
    targets[plan.n_targets++].file = find_file(&plan, was->files[t->file - 1]);
    next += count;
  }
  plan.targets = targets;
  keep_probes(was, &plan, probes);
  e = own(&plan, &made);
  if (!e) {
    moon_plan_free(*fresh);
    *fresh = made;
  }
out:
  moon_mem_free(names.slots);
  moon_mem_free(kept);
  moon_mem_free(credentials);
  moon_mem_free(targets);
  moon_mem_free(probes);
  return e;
}

/* ---- what differs ---- */

static bool same_labels(const struct moon_plan_target *a, const struct moon_plan_target *b) {
  bool same = a->n_labels == b->n_labels;
  for (uint32_t i = 0; same && i < a->n_labels; i++) {
    const struct moon_label *x = &a->labels[i], *y = &b->labels[i];
    same = x->key.n == y->key.n && x->value.n == y->value.n && memcmp(x->key.p, y->key.p, x->key.n) == 0 &&
           memcmp(x->value.p, y->value.p, x->value.n) == 0;
  }
  return same;
}

static bool same_addr(const struct moon_addr *a, const struct moon_addr *b) {
  return a->family == b->family && a->port == b->port && a->stream == b->stream && (!a->family || moon_addr_equal(a, b));
}

static bool same_target(const struct moon_plan *pa, const struct moon_plan_target *a, const struct moon_plan *pb,
                        const struct moon_plan_target *b) {
  bool same = same_text(a->host, b->host) && same_text(a->lookup, b->lookup) && same_text(a->recording, b->recording) &&
              (a->recording || same_addr(&a->addr, &b->addr)) && same_addr(&a->source, &b->source) && a->family == b->family &&
              a->strict_source == b->strict_source && a->n_credentials == b->n_credentials && same_labels(a, b);
  for (uint32_t i = 0; same && i < a->n_credentials; i++) {
    same = memcmp(&pa->credentials[a->credentials[i]], &pb->credentials[b->credentials[i]], sizeof *pa->credentials) == 0;
  }
  return same;
}

static bool same_jobs(const struct moon_plan *a, const struct moon_plan *b) {
  bool same = a->n_probes == b->n_probes;
  for (uint32_t i = 0; same && i < a->n_probes; i++) {
    same = a->probes[i].n_jobs == b->probes[i].n_jobs;
    for (uint32_t j = 0; same && j < a->probes[i].n_jobs; j++) {
      const struct moon_plan_job *x = &a->probes[i].jobs[j], *y = &b->probes[i].jobs[j];
      same = x->every_s == y->every_s && x->timeout_s == y->timeout_s;
    }
    const struct moon_plan_probe *x = &a->probes[i], *y = &b->probes[i];
#define SAME_LIMIT(name, otherwise, least, most, what) same = same && x->name == y->name;
    MOON_LIMITS(SAME_LIMIT)
  }
  return same;
}

static bool same_limits(const struct moon_plan *x, const struct moon_plan *y) {
  bool same = true;
  MOON_LIMITS(SAME_LIMIT)
#undef SAME_LIMIT
  return same;
}

static bool same_settings(const struct moon_plan *a, const struct moon_plan *b) {
  const struct moon_policy *x = &a->policy, *y = &b->policy;
  return x->timeout_us == y->timeout_us && x->rto_floor_us == y->rto_floor_us && x->trial_us == y->trial_us && x->retries == y->retries &&
         x->breaker_after == y->breaker_after && x->window == y->window && x->packets_per_s == y->packets_per_s &&
         a->max_coroutines == b->max_coroutines && same_limits(a, b) &&
         moon_steps_are_same(&a->steps, &b->steps) && same_jobs(a, b);
}

static bool same_job_names(const struct moon_plan_probe *a, const struct moon_plan_probe *b) {
  bool same = a->n_jobs == b->n_jobs;
  for (uint32_t i = 0; same && i < a->n_jobs; i++) { same = strcmp(a->jobs[i].name, b->jobs[i].name) == 0; }
  return same;
}

static bool same_texts(const char *const *a, uint32_t n, const char *const *b, uint32_t b_n) {
  bool same = n == b_n;
  for (uint32_t i = 0; same && i < n; i++) { same = strcmp(a[i], b[i]) == 0; }
  return same;
}

bool moon_change_same_code(const struct moon_plan_probe *a, const struct moon_plan_probe *b) {
  bool same = a->version == b->version && a->n_args == b->n_args && a->trusted == b->trusted &&
              a->allow_set == b->allow_set && same_text(a->group, b->group) && same_job_names(a, b);
  for (uint32_t k = 0; same && k < a->n_jobs; k++) { same = a->jobs[k].atomic == b->jobs[k].atomic; }
  for (uint32_t k = 0; same && k < a->n_args; k++) {
    same = strcmp(a->args[k].key, b->args[k].key) == 0 && strcmp(a->args[k].value, b->args[k].value) == 0;
  }
  return same && same_texts(a->match, a->n_match, b->match, b->n_match) &&
         same_texts(a->allow_oids, a->n_allow_oids, b->allow_oids, b->n_allow_oids) &&
         same_texts(a->allow_targets, a->n_allow_targets, b->allow_targets, b->n_allow_targets);
}

static bool same_cpus(const struct moon_plan *a, const struct moon_plan *b) {
  return a->n_cpus == b->n_cpus && memcmp(a->cpus, b->cpus, a->n_cpus * sizeof *a->cpus) == 0;
}

/* What a worker has from its start to its end. */
static bool same_worker(const struct moon_plan *a, const struct moon_plan *b) {
  return a->max_in_flight == b->max_in_flight && a->packets_per_s == b->packets_per_s && same_cpus(a, b) && same_text(a->loop, b->loop) &&
         same_text(a->resolver.servers, b->resolver.servers) && a->resolver.timeout_us == b->resolver.timeout_us &&
         a->resolver.hold_us == b->resolver.hold_us;
}

static void compare_probes(struct moon_change *c) {
  const struct moon_plan *was = c->was, *now = c->now;
  c->anew = was->n_probes != now->n_probes || !same_worker(was, now);
  for (uint32_t i = 0; i < now->n_probes; i++) {
    uint32_t k = 0;
    while (k < was->n_probes && strcmp(was->probes[k].name, now->probes[i].name) != 0) { k++; }
    bool known = k < was->n_probes;
    /* Another order is another place in what workers share. */
    if (k != i || !known || !same_job_names(&was->probes[k], &now->probes[i])) { c->anew = true; }
    if (!known || !moon_change_same_code(&was->probes[k], &now->probes[i])) { c->code[c->n_code++] = i; }
  }
}

enum moon_err moon_change_mix(const struct moon_plan *plan, const struct moon_plan *other, const char *name, struct moon_plan **out) {
  struct moon_plan mixed = *plan;
  struct moon_plan_probe *probes = moon_mem_array((size_t)plan->n_probes + 1, sizeof *probes);
  if (!probes) { return MOON_E_NOMEM; }
  bool met = !name;
  for (uint32_t i = 0; i < plan->n_probes; i++) {
    probes[i] = plan->probes[i];
    if (name && strcmp(name, probes[i].name) != 0) { continue; }
    met = true;
    for (uint32_t k = 0; k < other->n_probes; k++) {
      if (strcmp(other->probes[k].name, plan->probes[i].name) == 0) { probes[i] = other->probes[k]; }
    }
  }
  for (uint32_t k = 0; !met && k < other->n_probes; k++) {
    if (strcmp(other->probes[k].name, name) == 0) { probes[mixed.n_probes++] = other->probes[k]; }
  }
  mixed.probes = probes;
  enum moon_err e = own(&mixed, out);
  moon_mem_free(probes);
  return e;
}

/* Settings alone. */
static struct moon_plan without_targets(const struct moon_plan *plan) {
  struct moon_plan p = *plan;
  p.n_targets = p.n_credentials = p.n_outputs = p.n_warnings = p.n_files = p.n_kept = p.n_gone = p.n_env = 0;
  return p;
}

enum moon_err moon_change_pick(const struct moon_plan *plan, const uint32_t *which, uint32_t n, struct moon_plan **out) {
  struct moon_plan p = without_targets(plan);
  struct moon_plan_probe *probes = moon_mem_array((size_t)n + 1, sizeof *probes);
  if (!probes) { return MOON_E_NOMEM; }
  for (uint32_t i = 0; i < n; i++) { probes[i] = plan->probes[which[i]]; }
  p.probes = probes;
  p.n_probes = n;
  enum moon_err e = own(&p, out);
  moon_mem_free(probes);
  return e;
}

enum moon_err moon_change_pack_probe(const struct moon_plan *plan, uint32_t which, uint8_t **out, size_t *n) {
  struct moon_plan p = without_targets(plan);
  p.probes = &plan->probes[which];
  p.n_probes = 1;
  return moon_pack(&p, out, n);
}

static bool same_outputs(const struct moon_plan *a, const struct moon_plan *b) {
  bool same = a->n_outputs == b->n_outputs;
  for (uint32_t i = 0; same && i < a->n_outputs; i++) { same = strcmp(a->outputs[i], b->outputs[i]) == 0; }
  return same;
}

enum moon_err moon_change_make(const struct moon_plan *was, const struct moon_plan *now, struct moon_change *out) {
  struct names names;
  *out = (struct moon_change){.was = was, .now = now, .settings = !same_settings(was, now), .outputs = !same_outputs(was, now)};
  out->is = moon_mem_array((size_t)now->n_targets + 1, 1);
  out->stays = moon_mem_array((size_t)was->n_targets + 1, 1);
  out->code = moon_mem_array((size_t)now->n_probes + 1, sizeof *out->code);
  if (!out->is || !out->stays || !out->code || read_names(was, &names)) {
    moon_change_fini(out);
    return MOON_E_NOMEM;
  }
  for (uint32_t i = 0; i < now->n_targets; i++) {
    uint32_t at = *slot_of(&names, now->targets[i].name);
    if (!at) {
      out->is[i] = MOON_CHANGED_NEW;
      out->n_new++;
      continue;
    }
    out->stays[at - 1] = 1;
    if (same_target(was, &was->targets[at - 1], now, &now->targets[i])) { continue; }
    out->is[i] = MOON_CHANGED_OTHER;
    out->n_other++;
  }
  for (uint32_t i = 0; i < was->n_targets; i++) { out->n_gone += !out->stays[i]; }
  moon_mem_free(names.slots);
  compare_probes(out);
  return MOON_OK;
}

void moon_change_fini(struct moon_change *c) {
  moon_mem_free(c->is);
  moon_mem_free(c->stays);
  moon_mem_free(c->code);
  *c = (struct moon_change){0};
}

enum moon_err moon_change_pack(const struct moon_change *c, bool (*mine)(void *arg, const char *name), void *arg, uint32_t most,
                               struct moon_change_place *place, uint8_t **out, size_t *n) {
  struct moon_plan plan = *c->now;
  struct moon_plan_target *targets = moon_mem_array((size_t)most + 1, sizeof *targets);
  const char **gone = moon_mem_array((size_t)most + 1, sizeof *gone);
  struct moon_change_place at = *place;
  enum moon_err e = targets && gone ? MOON_OK : MOON_E_NOMEM;
  plan.targets = targets;
  plan.gone = gone;
  plan.n_targets = plan.n_gone = plan.n_files = plan.n_kept = plan.n_warnings = plan.n_env = 0;
  if (!c->settings || at.begun) { plan.n_probes = 0; }
  for (; !e && at.was < c->was->n_targets && plan.n_gone < most; at.was++) {
    if (!c->stays[at.was] && mine(arg, c->was->targets[at.was].name)) { gone[plan.n_gone++] = c->was->targets[at.was].name; }
  }
  for (; !e && at.now < c->now->n_targets && plan.n_gone + plan.n_targets < most; at.now++) {
    if (!c->is[at.now] || !mine(arg, c->now->targets[at.now].name)) { continue; }
    targets[plan.n_targets] = c->now->targets[at.now];
    targets[plan.n_targets++].file = 0;
  }
  if (!e) { e = moon_pack(&plan, out, n); }
  if (!e) {
    *place = at;
    place->begun = true;
    place->over = at.was == c->was->n_targets && at.now == c->now->n_targets;
  }
  moon_mem_free(targets);
  moon_mem_free(gone);
  return e;
}
