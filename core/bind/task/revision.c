#include "revision.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"
#include "probe.h"
#include "run.h"
#include "sched.h"
#include "shift.h"

#define WORK_US 1000 /* of one turn: what is prepared shares the loop with everybody; */
#define WORK_LEAST_US 250 /* where they leave nothing of it: the master does not wait for long */
#define ENDED_A_TURN 1000u /* targets of a probe */
#define ENDED_A_LOOK 64u /* at the clock */
#define ERROR_MAX 1000

/* ---- life ---- */

static struct moon_revision *make(struct moon_host_probe *p, const struct moon_plan_probe *plan, struct moon_plan *own, uint32_t serial) {
  uint32_t n = plan->n_jobs;
  struct moon_revision *v = moon_mem_zalloc(sizeof *v);
  if (!v) { return NULL; }
  v->jobs = moon_mem_array(n + 1u, sizeof *v->jobs);
  v->run = moon_mem_array(n + 1u, sizeof *v->run);
  if (!v->jobs || !v->run) {
    moon_mem_free(v->jobs);
    moon_mem_free(v->run);
    moon_mem_free(v);
    return NULL;
  }
  if (n) { memcpy(v->jobs, plan->jobs, n * sizeof *v->jobs); }
  for (uint32_t i = 0; i < n; i++) { v->run[i] = LUA_NOREF; }
  v->match = v->migrate = v->on_error = LUA_NOREF;
  v->said = *plan;
  v->said.jobs = v->jobs;
  v->plan = &v->said;
  v->own = own;
  v->serial = serial;
  v->probe = p;
  v->kept = true;
  snprintf(v->text, sizeof v->text, "%016" PRIx64, plan->version);
  if (plan->version) { snprintf(v->title, sizeof v->title, "%.64s@%.8s", plan->name, v->text); }
  if (!plan->version) { snprintf(v->title, sizeof v->title, "%.64s", plan->name); }
  v->next = p->versions;
  p->versions = v;
  return v;
}

enum moon_err moon_revision_first(struct moon_host *h, struct moon_host_probe *p, const struct moon_plan_probe *plan) {
  p->host = h;
  p->current = make(p, plan, NULL, 0);
  if (!p->current) { return MOON_E_NOMEM; }
  p->plan = p->current->plan;
  return MOON_OK;
}

/* What Lua has of it is the state's: let go before. */
static void destroy(struct moon_revision *v) {
  moon_plan_free(v->own);
  moon_mem_free(v->jobs);
  moon_mem_free(v->run);
  moon_mem_free(v);
}

void moon_revision_free_all(struct moon_host_probe *p) {
  for (struct moon_revision *v; (v = p->versions);) {
    p->versions = v->next;
    destroy(v);
  }
  p->current = p->candidate = NULL;
}

/* Nobody needs it: it goes. */
static void end_unused(struct moon_revision *v) {
  lua_State *L = v->probe->host->L;
  struct moon_revision **link = &v->probe->versions;
  if (v->kept || v->uses) { return; }
  for (uint32_t i = 0; i < v->plan->n_jobs; i++) { luaL_unref(L, LUA_REGISTRYINDEX, v->run[i]); }
  luaL_unref(L, LUA_REGISTRYINDEX, v->match);
  luaL_unref(L, LUA_REGISTRYINDEX, v->migrate);
  luaL_unref(L, LUA_REGISTRYINDEX, v->on_error);
  while (*link != v) { link = &(*link)->next; }
  *link = v->next;
  destroy(v);
}

static void let_go(struct moon_revision *v) {
  if (!v) { return; }
  v->kept = false;
  end_unused(v);
}

void moon_revision_leave(struct moon_revision *v) {
  v->uses--;
  end_unused(v);
}

struct moon_revision *moon_revision_find(const struct moon_host_probe *p, uint32_t serial) {
  struct moon_revision *v = p->versions;
  while (v && v->serial != serial) { v = v->next; }
  return v;
}

/* ---- which one ---- */

static bool same_intervals(const struct moon_revision *a, const struct moon_revision *b) {
  for (uint32_t i = 0; i < a->plan->n_jobs; i++) {
    if (a->jobs[i].every_s != b->jobs[i].every_s) { return false; }
  }
  return true;
}

/* The next target of trials that are over. */
static void end_next(struct moon_host_probe *p) {
  struct moon_host *h = p->host;
  struct moon_host_target *t = h->targets[p->ending];
  if (t) { moon_shift_settle(h->L, &t->devices[p - h->probes]); }
  if (++p->ending < h->cap_targets) { return; }
  p->ending = UINT32_MAX;
  p->n_ended = 0;
}

void moon_revision_end_some(struct moon_host *h) {
  uint32_t left = ENDED_A_TURN;
  if (!h->ending) { return; }
  for (uint32_t i = 0; i < h->n_probes; i++) {
    for (struct moon_host_probe *p = &h->probes[i]; p->ending != UINT32_MAX; end_next(p)) {
      if (!left || (left % ENDED_A_LOOK == 0 && left < ENDED_A_TURN && moon_engine_spent(h->engine))) {
        moon_engine_kick(h->engine);
        return;
      }
      left--;
    }
  }
  h->ending = false;
}

/* Nothing is on trial any more: what devices kept for the way back goes, or is what they have again. All are looked at from the first on,
 * though some may have been for the one that ended before. */
static void end_trial(struct moon_host_probe *p, const struct moon_revision *was) {
  if (!p->host->cap_targets) { return; }
  while (p->n_ended == MOON_ENDED_MAX) { end_next(p); }
  p->ended[p->n_ended++] = (struct moon_ended){.serial = was->serial, .back = was != p->current};
  p->ending = 0;
  p->host->ending = true;
  moon_engine_kick(p->host->engine);
}

/* Its prefixes may be others: who of its group has a device is asked again. */
static void ask_group(const struct moon_host_probe *p) {
  struct moon_host *h = p->host;
  for (uint32_t k = 0; k < h->n_probes && p->plan->group; k++) {
    const char *group = h->probes[k].plan->group;
    if (group && strcmp(group, p->plan->group) == 0) { h->probes[k].asked++; }
  }
}

void moon_revision_look(struct moon_host_probe *p, uint64_t word) {
  uint8_t percent = moon_share_percent(word);
  struct moon_revision *named = word ? moon_revision_find(p, moon_share_serial(word)) : NULL, *was = p->candidate;
  p->seen = word;
  if (named == p->current) { named = NULL; }
  if ((named && !same_intervals(named, p->current)) || (was && !same_intervals(was, p->current))) { moon_sched_rearm(p); }
  p->candidate = named && percent != MOON_SHARE_FINAL ? named : NULL;
  p->percent = percent;
  p->tried = p->tried || (p->candidate && percent);
  if (named && percent == MOON_SHARE_FINAL) {
    struct moon_revision *before = p->current;
    p->current = named;
    p->plan = named->plan;
    let_go(before);
  }
  if (was && was != p->candidate) {
    if (p->tried) { end_trial(p, was); }
    p->tried = p->candidate && percent;
    if (was != p->current) { let_go(was); }
  }
  ask_group(p);
}

static uint64_t work_until(const struct moon_host *h) {
  return moon_engine_clock_us(h->engine) + (moon_engine_spent(h->engine) ? WORK_LEAST_US : WORK_US);
}

static void settle(struct moon_host_probe *p, uint32_t serial) {
  uint64_t word = __atomic_load_n(p->word, __ATOMIC_ACQUIRE);
  if (word != p->seen) { moon_revision_look(p, word); }
  for (struct moon_revision *v = p->versions, *next; v; v = next) { /* what was prepared and did not become anything */
    next = v->next;
    if (v->serial && v->serial <= serial && v != p->current && v != p->candidate && v->kept) { let_go(v); }
  }
}

void moon_revision_settle_some(struct moon_host *h) {
  if (h->settled >= h->n_probes) { return; }
  uint64_t until = work_until(h);
  do {
    settle(&h->probes[h->settled++], h->settle_serial);
  } while (h->settled < h->n_probes && moon_engine_clock_us(h->engine) < until);
  moon_engine_kick(h->engine);
}

void moon_host_settle(struct moon_host *h, uint32_t serial) {
  if (h->settled >= h->n_probes || serial > h->settle_serial) { h->settle_serial = serial; }
  h->settled = 0;
  moon_revision_settle_some(h);
}

bool moon_revision_limits(struct moon_revision *v, const struct moon_plan_probe *now) {
  struct moon_plan_probe next = *now;
  struct moon_host *h = v->probe->host;
  bool other = false;
  for (struct moon_list *n = h->runs.next; n != &h->runs; n = n->next) {
    struct moon_run *r = MOON_LIST_ENTRY(n, struct moon_run, node);
    if (r->version == v) { moon_limits_change(&r->left, &v->said, now); }
  }
  for (uint32_t i = 0; i < v->plan->n_jobs; i++) {
    for (uint32_t k = 0; k < now->n_jobs; k++) {
      if (strcmp(v->jobs[i].name, now->jobs[k].name) != 0) { continue; }
      other = other || v->jobs[i].every_s != now->jobs[k].every_s;
      v->jobs[i].every_s = now->jobs[k].every_s;
      v->jobs[i].timeout_s = now->jobs[k].timeout_s;
    }
  }
  next.name = v->said.name; /* all that points somewhere stays */
  next.sources = v->said.sources;
  next.n_sources = v->said.n_sources;
  next.jobs = v->said.jobs;
  next.n_jobs = v->said.n_jobs;
  next.args = v->said.args;
  next.n_args = v->said.n_args;
  next.match = v->said.match;
  next.n_match = v->said.n_match;
  next.group = v->said.group;
  next.allow_oids = v->said.allow_oids;
  next.n_allow_oids = v->said.n_allow_oids;
  next.allow_targets = v->said.allow_targets;
  next.n_allow_targets = v->said.n_allow_targets;
  v->said = next;
  return other;
}

/* ---- preparing ---- */

static struct moon_host_probe *find_probe(struct moon_host *h, const char *name) {
  for (uint32_t i = 0; i < h->n_probes; i++) {
    if (strcmp(h->probes[i].plan->name, name) == 0) { return &h->probes[i]; }
  }
  return NULL;
}

/* With others it is no version of the probe here: workers that come next have it, with the states of these. */
static bool same_jobs(const struct moon_plan_probe *a, const struct moon_plan_probe *b) {
  bool same = a->n_jobs == b->n_jobs;
  for (uint32_t i = 0; same && i < a->n_jobs; i++) { same = strcmp(a->jobs[i].name, b->jobs[i].name) == 0; }
  return same;
}

/* Looked at to the end: what was only looked at goes. */
static void end_trying(struct moon_prepare *w) {
  if (w->trying && w->trying->probe == &w->aside) { let_go(w->trying); }
  w->trying = NULL;
}

static void forget_rest(struct moon_prepare *w) {
  end_trying(w);
  for (; w->at < w->n; w->at++) { moon_plan_free(w->plans[w->at]); }
  moon_mem_free(w->plans);
  *w = (struct moon_prepare){.aside = {.host = w->aside.host}};
}

static void over(struct moon_host *h, const char *error) {
  uint32_t serial = h->prepare.serial;
  forget_rest(&h->prepare);
  if (error) { moon_host_settle(h, serial); }
  if (h->config.prepared) { h->config.prepared(h->config.arg, serial, error); }
}

struct loading { struct moon_revision *v; char *error; bool good; };

static int load(lua_State *L) {
  struct loading *l = lua_touserdata(L, 1);
  l->good = moon_probe_load(L, l->v, moon_probe_seconds(l->v->plan), l->error, ERROR_MAX);
  return 0;
}

/* The next plan becomes a version. false: it does not load. */
static bool compile(struct moon_host *h, char *error) {
  struct moon_prepare *w = &h->prepare;
  struct moon_plan *plan = w->plans[w->at];
  struct moon_host_probe *known = find_probe(h, plan->probes[0].name), *p = known && same_jobs(known->plan, &plan->probes[0]) ? known : &w->aside;
  struct loading l = {.v = make(p, &plan->probes[0], plan, w->serial), .error = error};
  if (!l.v) {
    snprintf(error, ERROR_MAX, "%s: not enough memory", plan->probes[0].name);
    return false;
  }
  w->at++;
  error[0] = 0;
  if (lua_cpcall(h->L, load, &l)) {
    snprintf(error, ERROR_MAX, "%s: %s", plan->probes[0].name, lua_isstring(h->L, -1) ? lua_tostring(h->L, -1) : "not enough memory");
    lua_pop(h->L, 1);
    l.good = false;
  }
  if (known && l.good && l.v->migrate != LUA_NOREF) {
    w->trying = l.v;
    w->of = known;
    w->place = 0;
  } else if (p == &w->aside) {
    let_go(l.v);
  }
  return l.good;
}

struct trying { struct moon_revision *v; struct moon_device *d; };

static int try_state(lua_State *L) {
  struct trying *t = lua_touserdata(L, 1);
  moon_shift_try(L, t->d, t->v);
  return 0;
}

/* Its migrate on the state of the next target. */
static bool try_next(struct moon_host *h, char *error) {
  struct moon_prepare *w = &h->prepare;
  struct moon_revision *v = w->trying;
  struct moon_host_target *target = w->place < h->cap_targets ? h->targets[w->place] : NULL;
  if (w->place++ >= h->cap_targets) { end_trying(w); }
  if (!target) { return true; }
  struct trying t = {.v = v, .d = &target->devices[w->of - h->probes]};
  if (!lua_cpcall(h->L, try_state, &t)) { return true; }
  snprintf(error, ERROR_MAX, "%s: %s: %s", v->plan->name, target->plan->name, lua_isstring(h->L, -1) ? lua_tostring(h->L, -1) : "migrate failed");
  lua_pop(h->L, 1);
  return false;
}

void moon_revision_work(struct moon_host *h) {
  struct moon_prepare *w = &h->prepare;
  char error[ERROR_MAX];
  if (!w->plans) { return; }
  uint64_t until = work_until(h);
  do {
    bool good = w->trying ? try_next(h, error) : w->at < w->n ? compile(h, error) : true;
    if (!good) {
      over(h, error);
      return;
    }
    if (!w->trying && w->at == w->n) {
      over(h, NULL);
      return;
    }
    (void)moon_garbage_look(h->L, &h->garbage); /* or Lua does it by itself, all at one go */
  } while (moon_engine_clock_us(h->engine) < until);
  moon_engine_kick(h->engine);
}

void moon_host_prepare(struct moon_host *h, struct moon_plan **plans, uint32_t n, uint32_t serial) {
  forget_rest(&h->prepare);
  h->prepare = (struct moon_prepare){.plans = plans, .n = n, .serial = serial, .aside = {.host = h}};
  moon_engine_kick(h->engine);
}

/* No states are there yet that migrate could be tried on. One that does not load any more is no reason not to poll. */
void moon_revision_begin(struct moon_host *h) {
  struct moon_prepare *w = &h->prepare;
  char error[ERROR_MAX];
  *w = (struct moon_prepare){.plans = h->config.candidates, .n = h->config.n_candidates, .serial = h->config.candidates_serial,
                              .aside = {.host = h}};
  h->config.candidates = NULL;
  while (w->at < w->n) {
    if (!compile(h, error)) { moon_host_log(h, MOON_LOG_ERROR, "%s", error); }
    end_trying(w);
  }
  forget_rest(w);
}

void moon_revision_stop_work(struct moon_host *h) { forget_rest(&h->prepare); }
