#include "pack.h"

#include <string.h>

#include "../../base/buf.h"
#include "../../base/mem.h"

#define PUT_LIMIT(name, otherwise, least, most, what) put_u32(s, p->name);
#define GET_LIMIT(name, otherwise, least, most, what) p->name = get_u32(s);

#define NO_TEXT UINT32_MAX
#define SECONDS_MAX 1e9

/* How many of each there are in all, so that one allocation holds the plan. Order of the arrays in it. */
enum total { CREDENTIALS, PROBES, SOURCES, JOBS, ARGS, TEXTS, TARGETS, LABELS, INDEXES, TOTALS };
static const size_t SIZE[TOTALS] = {
  [CREDENTIALS] = sizeof(struct moon_credential), [PROBES] = sizeof(struct moon_plan_probe),
  [SOURCES] = sizeof(struct moon_source), [JOBS] = sizeof(struct moon_plan_job), [ARGS] = sizeof(struct moon_pair),
  [TEXTS] = sizeof(const char *), [TARGETS] = sizeof(struct moon_plan_target), [LABELS] = sizeof(struct moon_label),
  [INDEXES] = sizeof(uint16_t),
};
/* No such thing is packed into fewer octets: bounds the totals before memory is asked for. */
static const size_t PACKED_MIN[TOTALS] = {
  [CREDENTIALS] = 66, [PROBES] = 44, [SOURCES] = 12, [JOBS] = 21, [ARGS] = 8, [TEXTS] = 4, [TARGETS] = 65, [LABELS] = 10, [INDEXES] = 2,
};

/* Counts when p is NULL, writes when not. */
struct sink { uint8_t *p; size_t n; };

static void put(struct sink *s, const void *src, size_t n) {
  if (s->p && n) { memcpy(s->p + s->n, src, n); }
  s->n += n;
}
static void put_u8(struct sink *s, uint8_t v) { put(s, &v, sizeof v); }
static void put_u32(struct sink *s, uint32_t v) { put(s, &v, sizeof v); }
static void put_octets(struct sink *s, const void *p, uint32_t n) {
  put_u32(s, n);
  put(s, p, n);
  put_u8(s, 0);
}
static void put_text(struct sink *s, const char *text) {
  if (text) {
    put_octets(s, text, (uint32_t)strlen(text));
  } else {
    put_u32(s, NO_TEXT);
  }
}
static void put_texts(struct sink *s, const char *const *texts, uint32_t n) {
  put_u32(s, n);
  for (uint32_t i = 0; i < n; i++) { put_text(s, texts[i]); }
}

static void put_settings(struct sink *s, const struct moon_plan *p) {
  const struct moon_policy *y = &p->policy;
  put(s, &y->timeout_us, 8);
  put(s, &y->rto_floor_us, 8);
  put(s, &y->trial_us, 8);
  put_u32(s, y->retries);
  put_u32(s, y->breaker_after);
  put_u32(s, y->window);
  put_u32(s, y->packets_per_s);
  put_u32(s, p->workers);
  put(s, p->cpus, sizeof p->cpus);
  put_u32(s, p->n_cpus);
  put_u32(s, p->max_coroutines);
  put_u32(s, p->max_in_flight);
  put_u32(s, p->packets_per_s);
  MOON_LIMITS(PUT_LIMIT)
  put(s, &p->grace_s, 8);
  put(s, &p->steps, sizeof p->steps);
  put_text(s, p->resolver.servers);
  put(s, &p->resolver.timeout_us, 8);
  put(s, &p->resolver.hold_us, 8);
  put_text(s, p->loop);
  put_text(s, p->run_dir);
  put_text(s, p->engine_cache);
  put_u8(s, p->once);
  put_u8(s, p->unsettled);
  put_text(s, p->broken);
}

static void put_short(struct sink *s, const void *p, uint8_t n) {
  put_u8(s, n);
  put(s, p, n);
}

static void put_credential(struct sink *s, const struct moon_credential *c) {
  put(s, c->name, sizeof c->name);
  put_u8(s, c->version);
  put_short(s, c->community, c->community_len);
  if (c->version != MOON_V3) { return; }
  put_u8(s, c->level);
  put_u8(s, c->auth);
  put_u8(s, c->priv);
  put_u8(s, c->priv_either);
  put_u8(s, c->auth_localized);
  put_u8(s, c->priv_localized);
  put_u8(s, c->time_policy);
  put_u8(s, c->time_given);
  put_u32(s, c->boots);
  put_u32(s, c->time);
  put_short(s, c->user, c->user_len);
  put_short(s, c->engine_id, c->engine_id_len);
  put_short(s, c->context_engine_id, c->context_engine_id_len);
  put_short(s, c->context, c->context_len);
  put_short(s, c->auth_key.octets, c->auth_key.len);
  put_short(s, c->priv_key.octets, c->priv_key.len);
}

static void put_probe(struct sink *s, const struct moon_plan_probe *p) {
  put_u32(s, p->n_sources);
  put_u32(s, p->n_jobs);
  put_u32(s, p->n_args);
  MOON_LIMITS(PUT_LIMIT)
  put(s, &p->version, 8);
  put_u8(s, p->trusted);
  put_u8(s, p->allow_set);
  put_text(s, p->name);
  for (uint32_t i = 0; i < p->n_sources; i++) {
    put_text(s, p->sources[i].name);
    put_text(s, p->sources[i].path);
    put_octets(s, p->sources[i].text, p->sources[i].len);
  }
  for (uint32_t i = 0; i < p->n_jobs; i++) {
    put_text(s, p->jobs[i].name);
    put(s, &p->jobs[i].every_s, 8);
    put(s, &p->jobs[i].timeout_s, 8);
    put_u8(s, p->jobs[i].atomic);
  }
  for (uint32_t i = 0; i < p->n_args; i++) {
    put_text(s, p->args[i].key);
    put_text(s, p->args[i].value);
  }
  put_u8(s, p->match != NULL);
  put_texts(s, p->match, p->n_match);
  put_texts(s, p->allow_oids, p->n_allow_oids);
  put_texts(s, p->allow_targets, p->n_allow_targets);
  put_text(s, p->group);
}

static void put_target(struct sink *s, const struct moon_plan_target *t) {
  put_u32(s, t->n_labels);
  put_u32(s, t->n_credentials);
  put_u32(s, t->file);
  put(s, &t->addr, sizeof t->addr);
  put(s, &t->source, sizeof t->source);
  put_u8(s, t->strict_source);
  put_text(s, t->name);
  put_text(s, t->host);
  put_text(s, t->lookup);
  put_u8(s, t->family);
  put_text(s, t->recording);
  for (uint32_t i = 0; i < t->n_labels; i++) {
    put_octets(s, t->labels[i].key.p, t->labels[i].key.n);
    put_octets(s, t->labels[i].value.p, t->labels[i].value.n);
  }
  put(s, t->credentials, t->n_credentials * sizeof *t->credentials);
}

static void put_plan(struct sink *s, const struct moon_plan *p) {
  uint32_t totals[TOTALS] = {[CREDENTIALS] = p->n_credentials, [PROBES] = p->n_probes, [TARGETS] = p->n_targets};
  totals[TEXTS] = p->n_outputs + p->n_warnings + p->n_files + p->n_kept + p->n_gone + p->n_env;
  for (uint32_t i = 0; i < p->n_probes; i++) {
    totals[SOURCES] += p->probes[i].n_sources;
    totals[JOBS] += p->probes[i].n_jobs;
    totals[ARGS] += p->probes[i].n_args;
    totals[TEXTS] += p->probes[i].n_match + p->probes[i].n_allow_oids + p->probes[i].n_allow_targets;
  }
  for (uint32_t i = 0; i < p->n_targets; i++) {
    totals[LABELS] += p->targets[i].n_labels;
    totals[INDEXES] += p->targets[i].n_credentials;
  }
  put(s, totals, sizeof totals);
  put_settings(s, p);
  for (uint32_t i = 0; i < p->n_credentials; i++) { put_credential(s, &p->credentials[i]); }
  for (uint32_t i = 0; i < p->n_probes; i++) { put_probe(s, &p->probes[i]); }
  for (uint32_t i = 0; i < p->n_targets; i++) { put_target(s, &p->targets[i]); }
  put_texts(s, p->outputs, p->n_outputs);
  put_texts(s, p->warnings, p->n_warnings);
  put_texts(s, p->files, p->n_files);
  put_texts(s, p->kept, p->n_kept);
  put_texts(s, p->gone, p->n_gone);
  put_texts(s, p->env, p->n_env);
}

enum moon_err moon_pack(const struct moon_plan *plan, uint8_t **out, size_t *n) {
  struct sink s = {0};
  put_plan(&s, plan);
  if (s.n > MOON_PACK_MAX) { return MOON_E_LIMIT; }
  *n = s.n;
  s = (struct sink){.p = moon_mem_alloc(s.n)};
  if (!s.p) { return MOON_E_NOMEM; }
  put_plan(&s, plan);
  *out = s.p;
  return MOON_OK;
}

void moon_pack_free(uint8_t *p, size_t n) {
  if (p) { moon_mem_wipe(p, n); }
  moon_mem_free(p);
}

/* Octets, and what is left of each array of the plan. */
struct source {
  struct moon_reader r;
  uint8_t *next[TOTALS];
  uint32_t left[TOTALS];
};

static void get(struct source *s, void *out, size_t n) { moon_reader_get(&s->r, out, n); }
static uint8_t get_u8(struct source *s) {
  uint8_t v;
  get(s, &v, sizeof v);
  return v;
}
static uint32_t get_u32(struct source *s) {
  uint32_t v;
  get(s, &v, sizeof v);
  return v;
}
static bool get_bool(struct source *s) { return get_u8(s) != 0; }
static double get_seconds(struct source *s) {
  double v;
  get(s, &v, sizeof v);
  if (!(v >= 0 && v <= SECONDS_MAX)) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  return v;
}

/* n things of an array of the plan; NULL and an error when its total does not have them. */
static void *take(struct source *s, enum total kind, uint32_t n) {
  if (s->r.err || n > s->left[kind]) {
    moon_reader_fail(&s->r, MOON_E_RANGE);
    return NULL;
  }
  void *p = s->next[kind];
  s->next[kind] += n * SIZE[kind];
  s->left[kind] -= n;
  return p;
}

/* Octets with a NUL after them, lent from the block. */
static const char *get_octets(struct source *s, uint32_t n) {
  const char *p = (const char *)s->r.p;
  if (moon_reader_left(&s->r) <= n || p[n] != 0) {
    moon_reader_fail(&s->r, MOON_E_SHORT);
    return "";
  }
  s->r.p += n + 1;
  return p;
}
static const char *get_text_or_null(struct source *s) {
  uint32_t n = get_u32(s);
  return n == NO_TEXT ? NULL : get_octets(s, n);
}
static const char *get_text(struct source *s) {
  const char *p = get_text_or_null(s);
  if (!p) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  return p ? p : "";
}
static void get_texts(struct source *s, const char *const **out, uint32_t *n) {
  uint32_t count = get_u32(s);
  const char **texts = take(s, TEXTS, count);
  for (uint32_t i = 0; texts && i < count; i++) { texts[i] = get_text(s); }
  *out = texts;
  *n = texts ? count : 0;
}
static void get_addr(struct source *s, struct moon_addr *out) {
  get(s, out, sizeof *out);
  if ((out->family != 0 && out->family != 4 && out->family != 6) || out->stream > 1) { moon_reader_fail(&s->r, MOON_E_RANGE); }
}

static void get_settings(struct source *s, struct moon_plan *p) {
  struct moon_policy *y = &p->policy;
  get(s, &y->timeout_us, 8);
  get(s, &y->rto_floor_us, 8);
  get(s, &y->trial_us, 8);
  y->retries = get_u32(s);
  y->breaker_after = get_u32(s);
  y->window = get_u32(s);
  y->packets_per_s = get_u32(s);
  p->workers = get_u32(s);
  get(s, p->cpus, sizeof p->cpus);
  p->n_cpus = get_u32(s);
  if (p->n_cpus > MOON_PLAN_CPUS_MAX) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  p->max_coroutines = get_u32(s);
  p->max_in_flight = get_u32(s);
  p->packets_per_s = get_u32(s);
  MOON_LIMITS(GET_LIMIT)
  p->grace_s = get_seconds(s);
  get(s, &p->steps, sizeof p->steps);
  if (!moon_steps_are_sane(&p->steps)) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  p->resolver.servers = get_text_or_null(s);
  get(s, &p->resolver.timeout_us, 8);
  get(s, &p->resolver.hold_us, 8);
  p->loop = get_text(s);
  p->run_dir = get_text_or_null(s);
  p->engine_cache = get_text_or_null(s);
  p->once = get_bool(s);
  p->unsettled = get_bool(s);
  p->broken = get_text_or_null(s);
  if (!y->timeout_us || y->rto_floor_us > y->timeout_us || !y->window || !p->workers || !p->max_coroutines || !p->max_in_flight) {
    moon_reader_fail(&s->r, MOON_E_RANGE);
  }
}

/* What put_short wrote, up to cap octets, and wiped in the plan's own block: one copy of a secret is enough. */
static uint8_t get_short(struct source *s, uint8_t *out, size_t cap) {
  uint8_t n = get_u8(s);
  uint8_t *packed = (uint8_t *)(uintptr_t)s->r.p;
  if (n > cap) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  if (s->r.err) { return 0; }
  get(s, out, n);
  if (!s->r.err) { moon_mem_wipe(packed, n); }
  return n;
}

/* Are the key and what it is for there, or neither? */
static bool has_key(const struct moon_key *key, bool needed, bool localized_priv, const struct moon_credential *c) {
  if (!needed) { return key->len == 0; }
  return key->len == (localized_priv ? moon_priv_key_len((enum moon_priv)c->priv) : moon_auth_key_len((enum moon_auth)c->auth));
}

static bool is_user(const struct moon_credential *c) {
  bool auth = c->level & MOON_V3_AUTH, priv = c->level & MOON_V3_PRIV;
  return !(c->level & ~MOON_V3_LEVEL) && (auth || !priv) && c->auth < MOON_AUTH_N && c->priv < MOON_PRIV_N && auth == (c->auth != MOON_AUTH_NONE)
         && priv == (c->priv != MOON_PRIV_NONE) && c->time_policy <= MOON_TIME_STRICT && c->user_len
         && has_key(&c->auth_key, auth, false, c) && has_key(&c->priv_key, priv, c->priv_localized, c);
}

static void get_credential(struct source *s, struct moon_credential *c) {
  get(s, c->name, sizeof c->name);
  c->version = get_u8(s);
  c->community_len = get_short(s, c->community, sizeof c->community);
  bool sane = !c->name[sizeof c->name - 1] && (c->version == MOON_V1 || c->version == MOON_V2C || c->version == MOON_V3);
  if (c->version == MOON_V3) {
    c->level = get_u8(s);
    c->auth = get_u8(s);
    c->priv = get_u8(s);
    c->priv_either = get_bool(s);
    c->auth_localized = get_bool(s);
    c->priv_localized = get_bool(s);
    c->time_policy = get_u8(s);
    c->time_given = get_bool(s);
    c->boots = get_u32(s);
    c->time = get_u32(s);
    c->user_len = get_short(s, c->user, sizeof c->user);
    c->engine_id_len = get_short(s, c->engine_id, sizeof c->engine_id);
    c->context_engine_id_len = get_short(s, c->context_engine_id, sizeof c->context_engine_id);
    c->context_len = get_short(s, c->context, sizeof c->context);
    c->auth_key.len = get_short(s, c->auth_key.octets, sizeof c->auth_key.octets);
    c->priv_key.len = get_short(s, c->priv_key.octets, sizeof c->priv_key.octets);
    sane = sane && is_user(c);
  }
  if (!sane) { moon_reader_fail(&s->r, MOON_E_RANGE); }
}

static void get_probe(struct source *s, struct moon_plan_probe *p) {
  p->n_sources = get_u32(s);
  p->n_jobs = get_u32(s);
  p->n_args = get_u32(s);
  MOON_LIMITS(GET_LIMIT)
  get(s, &p->version, 8);
  p->trusted = get_bool(s);
  p->allow_set = get_bool(s);
  p->name = get_text(s);
  struct moon_source *sources = take(s, SOURCES, p->n_sources);
  struct moon_plan_job *jobs = take(s, JOBS, p->n_jobs);
  struct moon_pair *args = take(s, ARGS, p->n_args);
  if (!args || !p->n_sources || !p->n_jobs) { /* take is sticky: without args nothing else can be trusted */
    moon_reader_fail(&s->r, MOON_E_RANGE);
    return;
  }
  for (uint32_t i = 0; i < p->n_sources; i++) {
    sources[i].name = get_text(s);
    sources[i].path = get_text(s);
    sources[i].len = get_u32(s);
    sources[i].text = (const uint8_t *)get_octets(s, sources[i].len);
  }
  for (uint32_t i = 0; i < p->n_jobs; i++) {
    jobs[i].name = get_text(s);
    jobs[i].every_s = get_seconds(s);
    jobs[i].timeout_s = get_seconds(s);
    jobs[i].atomic = get_bool(s);
  }
  for (uint32_t i = 0; i < p->n_args; i++) {
    args[i].key = get_text(s);
    args[i].value = get_text(s);
  }
  p->sources = sources;
  p->jobs = jobs;
  p->args = args;
  bool said = get_bool(s);
  get_texts(s, &p->match, &p->n_match);
  get_texts(s, &p->allow_oids, &p->n_allow_oids);
  get_texts(s, &p->allow_targets, &p->n_allow_targets);
  if (!said) { p->match = NULL; }
  if (!said && p->n_match) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  p->group = get_text_or_null(s);
}

static void get_target(struct source *s, struct moon_plan_target *t, uint32_t n_credentials) {
  t->n_labels = get_u32(s);
  t->n_credentials = get_u32(s);
  t->file = get_u32(s);
  get_addr(s, &t->addr);
  get_addr(s, &t->source);
  t->strict_source = get_bool(s);
  t->name = get_text(s);
  t->host = get_text(s);
  t->lookup = get_text_or_null(s);
  t->family = get_u8(s);
  if ((t->addr.family == 0) != (t->lookup != NULL)) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  t->recording = get_text_or_null(s);
  struct moon_label *labels = take(s, LABELS, t->n_labels);
  uint16_t *credentials = take(s, INDEXES, t->n_credentials);
  if (!credentials) { return; }
  for (uint32_t i = 0; i < t->n_labels; i++) {
    labels[i].key.n = get_u32(s);
    labels[i].key.p = get_octets(s, labels[i].key.n);
    labels[i].value.n = get_u32(s);
    labels[i].value.p = get_octets(s, labels[i].value.n);
  }
  get(s, credentials, t->n_credentials * sizeof *credentials);
  for (uint32_t i = 0; i < t->n_credentials; i++) {
    if (credentials[i] >= n_credentials) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  }
  t->labels = labels;
  t->credentials = credentials;
}

static void get_plan(struct source *s, struct moon_plan *p) {
  p->n_credentials = s->left[CREDENTIALS];
  p->n_probes = s->left[PROBES];
  p->n_targets = s->left[TARGETS];
  struct moon_credential *credentials = take(s, CREDENTIALS, p->n_credentials);
  struct moon_plan_probe *probes = take(s, PROBES, p->n_probes);
  struct moon_plan_target *targets = take(s, TARGETS, p->n_targets);
  p->credentials = credentials;
  p->probes = probes;
  p->targets = targets;
  get_settings(s, p);
  for (uint32_t i = 0; i < p->n_credentials && !s->r.err; i++) { get_credential(s, &credentials[i]); }
  for (uint32_t i = 0; i < p->n_probes && !s->r.err; i++) { get_probe(s, &probes[i]); }
  for (uint32_t i = 0; i < p->n_targets && !s->r.err; i++) { get_target(s, &targets[i], p->n_credentials); }
  get_texts(s, &p->outputs, &p->n_outputs);
  get_texts(s, &p->warnings, &p->n_warnings);
  get_texts(s, &p->files, &p->n_files);
  get_texts(s, &p->kept, &p->n_kept);
  get_texts(s, &p->gone, &p->n_gone);
  get_texts(s, &p->env, &p->n_env);
  for (uint32_t i = 0; i < p->n_targets && !s->r.err; i++) {
    if (targets[i].file > p->n_files) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  }
  for (int k = 0; k < TOTALS; k++) {
    if (s->left[k]) { moon_reader_fail(&s->r, MOON_E_RANGE); }
  }
  if (s->r.p != s->r.end) { moon_reader_fail(&s->r, MOON_E_TRAILING); }
}

enum moon_err moon_unpack(const uint8_t *p, size_t n, struct moon_plan **out) {
  struct source s;
  size_t total = (sizeof(struct moon_plan) + 15) & ~(size_t)15;
  if (n < sizeof s.left || n > MOON_PACK_MAX) { return MOON_E_SHORT; }
  memcpy(s.left, p, sizeof s.left);
  size_t room = n - sizeof s.left;
  for (int k = 0; k < TOTALS; k++) {
    if (s.left[k] > room / PACKED_MIN[k]) { return MOON_E_RANGE; }
    total += ((size_t)s.left[k] * SIZE[k] + 15) & ~(size_t)15;
  }
  uint8_t *block = moon_mem_alloc(total + room);
  if (!block) { return MOON_E_NOMEM; }
  memset(block, 0, total);
  uint8_t *octets = block + ((sizeof(struct moon_plan) + 15) & ~(size_t)15);
  for (int k = 0; k < TOTALS; k++) {
    s.next[k] = octets;
    octets += ((size_t)s.left[k] * SIZE[k] + 15) & ~(size_t)15;
  }
  memcpy(octets, p + sizeof s.left, room); /* strings stay where they are */
  moon_reader_init(&s.r, octets, room);
  struct moon_plan *plan = (void *)block;
  get_plan(&s, plan);
  if (s.r.err) {
    enum moon_err e = s.r.err;
    moon_mem_wipe(block, total + room);
    moon_mem_free(block);
    return e;
  }
  *out = plan;
  return MOON_OK;
}

void moon_plan_free(struct moon_plan *p) {
  if (!p) { return; }
  if (p->n_credentials) { moon_mem_wipe((void *)(uintptr_t)p->credentials, p->n_credentials * sizeof *p->credentials); }
  moon_mem_free(p);
}
