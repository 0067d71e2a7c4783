#include "host.h"

#include <lualib.h>
#include <luajit.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../base/mem.h"
#include "../load/env.h"
#include "../load/strings.h"
#include "handover.h"
#include "inside.h"
#include "lib.h"
#include "out.h"
#include "probe.h"
#include "query.h"
#include "roster.h"
#include "rows.h"
#include "run.h"
#include "sched.h"
#include "state.h"
#include "revision.h"

extern const struct moon_embedded moon_embedded[];

void moon_host_log(struct moon_host *h, enum moon_level level, const char *format, ...) {
  char text[2048];
  va_list args;
  if (!h->config.log) { return; }
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  h->config.log(h->config.arg, level, text);
}

static void read_clocks(struct moon_host *h) {
  struct timespec wall, mono;
  if (h->config.epoch_s > 0) {
    h->clock_offset_s = h->config.epoch_s;
    return;
  }
  clock_gettime(CLOCK_MONOTONIC, &mono);
  clock_gettime(CLOCK_REALTIME, &wall);
  h->clock_offset_s = (double)(wall.tv_sec - mono.tv_sec) + (double)(wall.tv_nsec - mono.tv_nsec) / 1e9;
}

/* ---- probes ---- */

static void put_in_order(struct moon_host_probe *p) {
  for (uint32_t i = 0; i < p->plan->n_jobs; i++) {
    const struct moon_plan_job *jobs = p->current->jobs;
    uint32_t at = i;
    for (; at && jobs[p->order[at - 1]].every_s < jobs[i].every_s; at--) { p->order[at] = p->order[at - 1]; }
    p->order[at] = i;
  }
}

static enum moon_err make_probes(struct moon_host *h) {
  uint64_t n_duties = 0;
  h->probes = moon_mem_array(h->plan->n_probes + 1u, sizeof *h->probes);
  if (!h->probes) { return MOON_E_NOMEM; }
  moon_rates_pool_init(&h->rates_pool, MOON_RATES_OCTETS_MAX, h->plan->n_probes);
  for (; h->n_probes < h->plan->n_probes; h->n_probes++) {
    struct moon_host_probe *p = &h->probes[h->n_probes];
    uint32_t n = h->plan->probes[h->n_probes].n_jobs;
    enum moon_err e = moon_revision_first(h, p, &h->plan->probes[h->n_probes]);
    p->word = h->config.shares && h->n_probes < MOON_SHARES_MAX ? &h->config.shares[h->n_probes] : &h->own_share;
    p->rearm = p->ending = UINT32_MAX;
    p->rates.pool = &h->rates_pool;
    p->first_duty = (uint32_t)n_duties;
    p->order = moon_mem_array(n + 1u, sizeof *p->order);
    n_duties += n;
    p->memory = moon_heap_account_new(&h->heap);
    if (e || !p->memory || !p->order || n_duties >= INT32_MAX) {
      h->n_probes++;
      return MOON_E_NOMEM;
    }
    put_in_order(p);
  }
  h->n_duties = (uint32_t)n_duties;
  return MOON_OK;
}

static void collection_begins(void *host) { moon_task_trim(host); }

static uint64_t clock_of(const void *engine) { return moon_engine_clock_us(engine); }

/* Protected: all that can run out of memory or raise. True is left when every probe loads. */
static int open_lua(lua_State *L) {
  struct moon_host *h = lua_touserdata(L, 1);
  char error[1000];
  bool good = true;
  luaL_openlibs(L);
  moon_env_protect(L);
  /* Compiled code cannot be stopped: no hook and no signal is seen in a compiled loop. */
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  moon_garbage_setup(L, &h->garbage, &h->histograms->gc, clock_of, h->engine);
  h->garbage.begins = collection_begins;
  h->garbage.begins_arg = h;
  h->values = moon_value_open(L, moon_embedded);
  moon_task_setup(h, L);
  moon_guard_setup(L, h);
  moon_state_setup(h, L);
  moon_lib_setup(h, L);
  for (uint32_t i = 0; i < h->n_probes; i++) {
    if (moon_probe_load(L, h->probes[i].current, MOON_PROBE_LOAD_S, error, sizeof error)) { continue; }
    moon_host_log(h, MOON_LOG_ERROR, "%s", error);
    good = false;
  }
  moon_heap_charge(&h->heap, NULL);
  lua_pushboolean(L, good);
  return 1;
}

static enum moon_err make_lua(struct moon_host *h) {
  if (!h->L) { return MOON_E_NOMEM; }
  lua_pushcfunction(h->L, open_lua);
  lua_pushlightuserdata(h->L, h);
  int failed = lua_pcall(h->L, 1, 1, 0);
  if (failed) { moon_host_log(h, MOON_LOG_ERROR, "%s", lua_tostring(h->L, -1)); }
  bool good = !failed && lua_toboolean(h->L, -1);
  lua_settop(h->L, 0);
  return failed == LUA_ERRMEM ? MOON_E_NOMEM : good ? MOON_OK : MOON_E_CONFIG;
}

/* ---- life ---- */

enum moon_err moon_host_new(const struct moon_host_config *c, struct moon_host **out) {
  struct moon_host *h = moon_mem_zalloc(sizeof *h);
  enum moon_err e;
  if (!h) { return MOON_E_NOMEM; }
  h->config = *c;
  h->engine = c->engine;
  h->settings = *c->plan;
  h->plan = &h->settings;
  h->counters = c->counters ? c->counters : &h->own_counters;
  h->histograms = moon_engine_histograms(c->engine);
  h->sample_in = 1;
  h->pulse = c->pulse ? c->pulse : &h->own_pulse;
  moon_list_init(&h->woken);
  moon_list_init(&h->suspects);
  moon_list_init(&h->runs);
  h->young = &h->runs;
  moon_list_init(&h->full);
  moon_list_init(&h->free_tasks);
  moon_list_init(&h->bare_tasks);
  moon_list_init(&h->free_runs);
  moon_list_init(&h->free_sheets);
  moon_sched_init(h);
  h->settled = UINT32_MAX;
  read_clocks(h);
  h->seed = (uint64_t)(h->clock_offset_s * 1e9);
  if (!(c->epoch_s > 0)) { h->seed ^= (uint64_t)(uintptr_t)h * 0x9e3779b97f4a7c15u; }
  h->L = moon_heap_open(&h->heap, moon_guard_crossed, h);
  moon_habit_limits(&h->plan->steps, &h->limits);
  e = make_probes(h);
  if (!e) { e = moon_habits_init(&h->habits, c->habits, c->n_habits); }
  if (!e) { e = moon_roster_open(h); }
  if (!e) { e = make_lua(h); }
  if (e) {
    moon_host_free(h);
    return e;
  }
  if (c->n_candidates) { moon_revision_begin(h); } /* first: who looks for a candidate in vain does not look again */
  moon_sched_open(h);
  moon_habits_keep_claimed(&h->habits);
  if (c->kept) { moon_handover_restore(h, c->kept, c->kept_len); }
  *out = h;
  return MOON_OK;
}

void moon_host_free(struct moon_host *h) {
  struct moon_list *n;
  if (!h) { return; }
  moon_strings_watch(NULL);
  moon_revision_stop_work(h);
  while ((n = moon_list_take(&h->runs))) {
    struct moon_run *r = MOON_LIST_ENTRY(n, struct moon_run, node);
    moon_timer_stop(h->engine, &r->timeout);
    while (!moon_list_empty(&r->tasks)) { moon_task_free(MOON_LIST_ENTRY(r->tasks.next, struct moon_task, node), false); }
    moon_rows_end_all(r);
    moon_list_append(&h->free_runs, &r->node);
  }
  moon_sched_close(h);
  moon_heap_close(&h->heap, h->L);
  moon_shelf_fini(&h->shelf);
  moon_roster_close(h);
  for (uint32_t i = 0; i < h->n_probes; i++) {
    moon_revision_free_all(&h->probes[i]);
    moon_mem_free(h->probes[i].order);
    moon_query_free_contexts(&h->probes[i]);
  }
  moon_mem_free(h->probes);
  moon_habits_fini(&h->habits);
  moon_task_teardown(h);
  moon_run_free_all(h);
  moon_mem_free(h);
}

static void work_off(struct moon_host *h) {
  moon_garbage_turn(h->L, &h->garbage);
  if (moon_garbage_is_behind(&h->garbage)) { moon_engine_kick(h->engine); }
}

/* Some of what stopped scripts left. */
static void collect(struct moon_host *h) {
  uint64_t begun_us = moon_engine_clock_us(h->engine);
  if (moon_heap_collect(&h->heap, h->L)) { moon_engine_kick(h->engine); }
  moon_histogram_since(&h->histograms->gc, begun_us, moon_engine_clock_us(h->engine));
}

void moon_host_ready(struct moon_host *h) {
  read_clocks(h);
  h->started = 0;
  h->tired = h->stopped = false;
  moon_task_run_woken(h);
  moon_task_run_suspects(h);
  moon_sched_start(h);
  moon_sched_rearm_some(h);
  moon_revision_settle_some(h);
  moon_revision_end_some(h);
  moon_revision_work(h);
  if (moon_garbage_is_behind(&h->garbage)) { work_off(h); }
  if (h->heap.cycles) { collect(h); }
}

void moon_host_output_ready(struct moon_host *h) { moon_sched_output_ready(h); }

void moon_host_drain(struct moon_host *h, uint64_t deadline_us) { moon_sched_drain(h, deadline_us); }

void moon_host_change(struct moon_host *h, const struct moon_plan *change) {
  if (change->n_targets || change->n_gone) { moon_run_cancel_guests(h); }
  moon_roster_change(h, change);
}

void moon_host_notice(void *host, void *peer_user, const char *text) {
  const struct moon_host_target *t = peer_user;
  if (t) {
    moon_host_log(host, MOON_LOG_WARN, "%s: %s", t->plan->name, text);
  } else {
    moon_host_log(host, MOON_LOG_WARN, "%s", text);
  }
}
