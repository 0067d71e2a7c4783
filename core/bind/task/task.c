#include "task.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"
#include "../../base/usdt.h"
#include "../value/fault.h"
#include "run.h"

#define NOT_ENTERED INT_MIN
#define STACK_ROOM 16       /* slots for what results() leaves on a coroutine */
#define FREE_TASKS_MAX 4096 /* coroutines kept for later: some 1 KiB each */
#define LIBRARY "@" MOON_TASK_LIBRARY
/* Resumed together: the code of replies and that of rows do not push each other out of the cache for each one (a fifth of the
 * misses of instructions in walks), and what the first of them read is not yet out of it. */
#define GROUP 16
#define SAMPLE_MOST 16u     /* one resume of 1 to so many is timed: two looks at a clock of 66 ns would be 3 % of a GET */
#define BLOCK 64u           /* tasks allocated together */
#define ARGS_MAX 200        /* of a spawned function */

/* In octets: grows with what a probe has to keep of each target. */
static inline size_t memory_limit(const struct moon_host *h, const struct moon_plan_probe *p) {
  return p->trusted || !p->memory_mb ? MOON_HEAP_UNLIMITED : ((size_t)p->memory_mb << 20) + (size_t)h->n_targets * MOON_MEMORY_TARGET;
}

/* The one place where Lua code of scripts is entered: what lua_resume said. [-n, +?, -] on t->co */
static int enter(struct moon_task *t, int n) {
  struct moon_host *h = t->host;
  h->counters->resumes++;
  t->wait = NULL;
  t->err = MOON_OK;
  moon_pulse_enter(h->pulse, t->run->pair);
  moon_heap_enter(&h->heap, memory_limit(h, t->run->version->plan));
  int how = lua_resume(t->co, n);
  moon_heap_leave(&h->heap);
  moon_pulse_leave(h->pulse);
  return how;
}

/* What that means. [-0, +0, m] */
static enum moon_task_end settle(struct moon_task *t, int how) {
  struct moon_host *h = t->host;
  if (h->guard.armed) { how = moon_guard_disarm(h, t, how); }
  switch (how) {
    case LUA_YIELD: return t->wait ? MOON_TASK_PARKED : MOON_TASK_STRAY;
    case 0: t->wait = NULL; return MOON_TASK_OVER;
    case LUA_ERRMEM: t->wait = NULL; return MOON_TASK_NOMEM;
    default: t->wait = NULL; return MOON_TASK_ERROR;
  }
}

/* Makes what the task goes on with, on L, where an error lands in the pcall of pump_protected, and moves it. [-0, +0, m] */
static int make_results(lua_State *L, struct moon_task *t) {
  if (t->fresh) {
    if (t->main) { moon_run_prepare(L, t); }
    t->fresh = false;
    return lua_gettop(t->co) - 1;
  }
  int n = t->wait->results(L, t);
  lua_settop(t->co, 0);
  lua_checkstack(t->co, STACK_ROOM);
  lua_xmove(L, t->co, n);
  return n;
}

/* Protected. [-0, +0, m] */
static int pump(lua_State *L) {
  struct moon_host *h = moon_host_of(L);
  struct moon_task *t = h->current;
  if (h->entered == NOT_ENTERED) { h->entered = enter(t, make_results(L, t)); }
  h->ended = (int)settle(t, h->entered);
  if (h->ended != MOON_TASK_PARKED) { moon_run_task_ended(L, t, (enum moon_task_end)h->ended); }
  return 0;
}

/* [-0, +0, -] */
static void pump_protected(lua_State *L, struct moon_task *t) {
  struct moon_host *h = t->host;
  h->ended = MOON_TASK_NOMEM;
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->pump_ref);
  if (lua_pcall(L, 0, 0, 0)) {
    h->ended = MOON_TASK_NOMEM;
    moon_run_broken(t->run, lua_tostring(L, -1));
    lua_pop(L, 1);
  }
}

/* Most resumes need no protection: what they go on with is a number or nothing, and the next thing they do is wait. */
static bool pump_direct(struct moon_task *t) {
  struct moon_host *h = t->host;
  h->entered = NOT_ENTERED;
  if (t->fresh || !t->wait->direct) { return false; }
  int n = t->wait->direct(t);
  if (n < 0) { return false; }
  h->entered = enter(t, n);
  if (h->entered != LUA_YIELD || !t->wait || h->guard.armed) { return false; }
  h->ended = MOON_TASK_PARKED;
  return true;
}

static void wake_joiners(struct moon_task *t) {
  struct moon_list *n;
  while ((n = moon_list_take(&t->joiners))) { moon_task_wake(MOON_LIST_ENTRY(n, struct moon_task, joined.node)); }
}

/* Is this resume one of those that are timed? Unevenly spaced, so that no rhythm of a script hides from it. */
static bool is_sampled(struct moon_host *h) {
  if (--h->sample_in) { return false; }
  h->sample_random = h->sample_random * 1664525u + 1013904223u;
  h->sample_in = 1 + (h->sample_random >> 16) % SAMPLE_MOST;
  return true;
}

void moon_task_run(struct moon_task *t) {
  struct moon_host *h = t->host;
  struct moon_run *run = t->run;
  lua_State *L = h->L;
  bool main = t->main;
  uint64_t begun_us = is_sampled(h) ? moon_engine_clock_us(h->engine) : 0;
  if (begun_us) { moon_histogram_since(&h->histograms->latency, t->woken_us ? t->woken_us : moon_engine_now(h->engine), begun_us); }
  t->woken_us = 0;
  h->current = t;
  moon_heap_charge(&h->heap, t->probe->memory);
  MOON_USDT2(resume, t, main);
  if (!pump_direct(t)) { pump_protected(L, t); }
  h->current = NULL;
  moon_heap_charge(&h->heap, NULL);
  MOON_USDT2(yield, t, h->ended);
  if (begun_us) { moon_histogram_since(&h->histograms->resume, begun_us, moon_engine_clock_us(h->engine)); }
  if (moon_garbage_look(L, &h->garbage)) { h->stepped = true; }
  if (h->ended == MOON_TASK_PARKED) {
    t->parked_us = moon_engine_now(h->engine);
    t->err = t->wait->start(t);
    if (t->err) { moon_task_wake(t); }
    return;
  }
  wake_joiners(t);
  moon_task_free(t, h->ended == MOON_TASK_OVER);
  if (main && !moon_run_handle(run)) { moon_run_end(run); }
}

void moon_task_wake(struct moon_task *t) {
  if (moon_list_empty(&t->ready)) {
    t->woken_us = moon_engine_now(t->host->engine);
    moon_list_append(&t->host->woken, &t->ready);
    moon_engine_kick(t->host->engine);
  }
}

void moon_task_run_woken(struct moon_host *h) {
  /* Only those woken before: what wakes itself again and again shares the loop with everybody. */
  struct moon_list now, *n;
  moon_list_init(&now);
  h->n_grouped = 0;
  while ((n = moon_list_take(&h->woken))) { moon_list_append(&now, n); }
  uint32_t left = GROUP;
  while (!h->stopped && left && (n = moon_list_take(&now))) {
    struct moon_task *t = MOON_LIST_ENTRY(n, struct moon_task, ready);
    if (t->run->suspect) {
      moon_list_append(&h->suspects, n);
      continue;
    }
    moon_task_run(t);
    left--;
    if ((left && !h->stepped) || moon_list_empty(&now)) { continue; }
    h->stepped = false;
    left = moon_engine_spent(h->engine) ? 0 : GROUP;
  }
  if (moon_list_empty(&now)) { return; }
  while ((n = moon_list_take(&h->woken))) { moon_list_append(&now, n); }
  while ((n = moon_list_take(&now))) { moon_list_append(&h->woken, n); }
  moon_engine_kick(h->engine);
}

void moon_task_run_suspects(struct moon_host *h) {
  struct moon_list *n;
  if (moon_list_empty(&h->suspects) || moon_host_is_held(h)) { return; }
  for (uint32_t left = GROUP; left && !h->stopped && (n = moon_list_take(&h->suspects)); left--) {
    moon_task_run(MOON_LIST_ENTRY(n, struct moon_task, ready));
    if (moon_engine_spent(h->engine)) { break; }
  }
  if (!moon_list_empty(&h->suspects)) { moon_engine_kick(h->engine); }
}

void moon_task_wake_grouped(struct moon_task *t) {
  struct moon_host *h = t->host;
  moon_task_wake(t);
  if (++h->n_grouped >= GROUP) { moon_task_run_woken(h); }
}

void moon_task_setup(struct moon_host *h, lua_State *L) {
  lua_pushlightuserdata(L, h);
  lua_pushcclosure(L, pump, 1);
  h->pump_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void moon_task_teardown(struct moon_host *h) {
  for (uint32_t i = 0; i < h->n_tasks; i += BLOCK) { moon_mem_free(h->tasks[i]); }
  moon_mem_free(h->tasks);
  h->tasks = NULL;
  h->n_tasks = h->cap_tasks = 0;
}

static struct moon_task *make(struct moon_host *h) {
  if (h->n_tasks == h->cap_tasks) {
    uint32_t cap = h->cap_tasks ? 2 * h->cap_tasks : 64;
    struct moon_task **p = moon_mem_resize(h->tasks, cap, sizeof *p);
    if (!p) { return NULL; }
    h->tasks = p;
    h->cap_tasks = cap;
  }
  struct moon_task *t = h->n_tasks % BLOCK ? h->tasks[h->n_tasks - 1] + 1 : moon_mem_array(BLOCK, sizeof *t);
  if (!t) { return NULL; }
  t->host = h;
  t->slot = h->n_tasks;
  t->ref = LUA_NOREF;
  moon_list_init(&t->node);
  moon_list_init(&t->ready);
  moon_list_init(&t->joiners);
  h->tasks[h->n_tasks++] = t;
  return t;
}

struct moon_task *moon_task_new(struct moon_run *r, bool main) {
  struct moon_host *h = r->host;
  struct moon_list *n = moon_list_take(moon_list_empty(&h->free_tasks) ? &h->bare_tasks : &h->free_tasks);
  struct moon_task *t = n ? MOON_LIST_ENTRY(n, struct moon_task, node) : make(h);
  if (!t) { return NULL; }
  if (t->co && --h->n_free_tasks < h->idle_tasks) { h->idle_tasks = h->n_free_tasks; }
  t->run = r;
  t->probe = r->duty->device->probe;
  t->main = main;
  t->fresh = true;
  t->wait = NULL;
  moon_list_append(&r->tasks, &t->node);
  if (!main) { r->n_children++; }
  h->counters->tasks_active++;
  return t;
}

void moon_task_prepare(lua_State *L, struct moon_task *t) {
  if (!t->co) {
    lua_State *co = lua_newthread(L);
    t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    t->co = co;
  }
  lua_checkstack(t->co, STACK_ROOM);
}

static void drop_coroutine(struct moon_task *t) {
  luaL_unref(t->host->L, LUA_REGISTRYINDEX, t->ref);
  t->ref = LUA_NOREF;
  t->co = NULL;
}

void moon_task_trim(struct moon_host *h) {
  for (; h->idle_tasks; h->idle_tasks--, h->n_free_tasks--) {
    struct moon_task *t = MOON_LIST_ENTRY(h->free_tasks.prev, struct moon_task, node);
    drop_coroutine(t);
    moon_list_remove(&t->node);
    moon_list_append(&h->bare_tasks, &t->node);
  }
  h->idle_tasks = h->n_free_tasks;
}

void moon_task_free(struct moon_task *t, bool reuse) {
  struct moon_host *h = t->host;
  struct moon_list *n;
  if (t->wait) { t->wait->cancel(t); }
  t->wait = NULL;
  t->err = MOON_OK;
  moon_list_remove(&t->ready);
  while ((n = moon_list_take(&t->joiners))) { /* those of the same run end with it */
    struct moon_task *other = MOON_LIST_ENTRY(n, struct moon_task, joined.node);
    if (other->run != t->run) { moon_task_wake(other); }
  }
  if (t->co) {
    if (reuse && h->n_free_tasks < FREE_TASKS_MAX) {
      lua_settop(t->co, 0);
      h->n_free_tasks++;
    } else {
      drop_coroutine(t);
    }
  }
  if (!t->main) { t->run->n_children--; }
  t->run = NULL;
  t->generation++;
  moon_list_remove(&t->node);
  if (t->co) {
    moon_list_prepend(&h->free_tasks, &t->node);
  } else {
    moon_list_prepend(&h->bare_tasks, &t->node);
  }
  h->counters->tasks_active--;
}

void moon_task_place(lua_State *of, int level, char *out, size_t cap) {
  lua_Debug at;
  out[0] = 0;
  for (; lua_getstack(of, level, &at); level++) {
    if (!lua_getinfo(of, "Sl", &at) || at.currentline <= 0 || strncmp(at.source, LIBRARY, sizeof LIBRARY - 1) == 0) { continue; }
    snprintf(out, cap, "%s:%d", at.short_src, at.currentline);
    return;
  }
}

void moon_task_where(lua_State *L, lua_State *of) {
  char place[MOON_TASK_PLACE_MAX];
  moon_task_place(of, 1, place, sizeof place);
  if (*place) {
    lua_pushfstring(L, "%s: ", place);
  } else {
    lua_pushliteral(L, "");
  }
}

int moon_task_error(lua_State *L, const char *text) {
  moon_task_where(L, L);
  lua_pushstring(L, text);
  lua_concat(L, 2);
  return lua_error(L);
}

struct moon_task *moon_task_check(lua_State *L) {
  struct moon_host *h = moon_host_of(L);
  struct moon_task *t = h->current;
  if (!t || t->co != L) { moon_task_error(L, "nothing can be asked here: no run is under way"); }
  if (!lua_isyieldable(L)) {
    moon_task_error(L, "cannot wait here: inside string.gsub, table.sort, a metamethod called from C, or another C function");
  }
  return t;
}

int moon_task_park(lua_State *L, struct moon_task *t, const struct moon_wait *w, int n) {
  t->wait = w;
  return lua_yield(L, n);
}

/* ---- sleep ---- */

static void sleep_over(void *arg) {
  struct moon_task *t = arg;
  if (t->run->suspect) {
    moon_task_wake(t);
  } else {
    moon_task_run(t);
  }
}

static enum moon_err sleep_start(struct moon_task *t) {
  moon_timer_init(&t->sleep.timer, sleep_over, t);
  moon_timer_start(t->host->engine, &t->sleep.timer, moon_engine_now(t->host->engine) + (uint64_t)(t->sleep.s * 1e6));
  return MOON_OK;
}

static int nothing(lua_State *L, struct moon_task *t) {
  (void)L;
  (void)t;
  return 0;
}

static int nothing_direct(struct moon_task *t) {
  lua_settop(t->co, 0);
  return 0;
}

static void sleep_cancel(struct moon_task *t) { moon_timer_stop(t->host->engine, &t->sleep.timer); }

static const struct moon_wait sleeping = {sleep_start, nothing, sleep_cancel, nothing_direct, "sleep", NULL};

/* snmp.sleep(seconds) [-0, +0, e] */
static int sleep_(lua_State *L) {
  double s = luaL_checknumber(L, 1);
  if (!(s >= 0 && s <= 1e9)) { return luaL_argerror(L, 1, "seconds, 0 to 1e9"); }
  struct moon_task *t = moon_task_check(L);
  t->sleep.s = s;
  return moon_task_park(L, t, &sleeping, 0);
}

/* ---- children ---- */

#define SLOT_BITS 20

static struct moon_task *find(struct moon_host *h, double id) {
  if (!(id >= 0 && id < 0x1p52)) { return NULL; }
  uint64_t u = (uint64_t)id;
  uint32_t slot = (uint32_t)(u & ((1u << SLOT_BITS) - 1)), generation = (uint32_t)(u >> SLOT_BITS);
  struct moon_task *t = slot < h->n_tasks ? h->tasks[slot] : NULL;
  return t && t->run && t->generation == generation ? t : NULL;
}

/* spawn(f, ...): id, or nothing when the run has its fill of children. It starts when the caller waits or ends. [-0, +1, m e] */
static int spawn(lua_State *L) {
  struct moon_host *h = moon_host_of(L);
  struct moon_task *parent = h->current;
  int n = lua_gettop(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  if (!parent) { return luaL_error(L, "nothing can be spawned here: no run is under way"); }
  if (n > ARGS_MAX) { return luaL_error(L, "at most %d arguments", ARGS_MAX); }
  if (parent->run->n_children >= moon_run_max_children(parent->run) || h->n_tasks >= 1u << SLOT_BITS) { return 0; }
  struct moon_task *t = moon_task_new(parent->run, false);
  if (!t) { return luaL_error(L, "not enough memory"); }
  moon_task_prepare(L, t);
  if (!lua_checkstack(t->co, n + STACK_ROOM)) { return luaL_error(L, "not enough memory"); }
  lua_xmove(L, t->co, n);
  moon_task_wake(t);
  lua_pushnumber(L, (double)((uint64_t)t->generation << SLOT_BITS | t->slot));
  return 1;
}

static enum moon_err join_start(struct moon_task *t) {
  struct moon_host *h = t->host;
  struct moon_task *other = h->tasks[t->joined.slot];
  if (!other->run || other->generation != t->joined.generation) { return MOON_E_CANCELLED; }
  moon_list_append(&other->joiners, &t->joined.node);
  return MOON_OK;
}

static void join_cancel(struct moon_task *t) { moon_list_remove(&t->joined.node); }

static const struct moon_wait joining = {join_start, nothing, join_cancel, nothing_direct, "child", NULL};

/* join(id): returns when that task is over. [-0, +0, e] */
static int join(lua_State *L) {
  struct moon_host *h = moon_host_of(L);
  struct moon_task *other = find(h, luaL_checknumber(L, 1));
  if (!other) { return 0; }
  struct moon_task *t = moon_task_check(L);
  if (other == t) { return moon_task_error(L, "a task cannot wait for itself"); }
  moon_list_init(&t->joined.node);
  t->joined.slot = other->slot;
  t->joined.generation = other->generation;
  return moon_task_park(L, t, &joining, 0);
}

void moon_task_functions(lua_State *L, struct moon_host *h) {
  static const luaL_Reg functions[] = {{"sleep", sleep_}, {"spawn", spawn}, {"join", join}, {NULL, NULL}};
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushlightuserdata(L, h);
    lua_pushcclosure(L, f->func, 1);
    lua_setfield(L, -2, f->name);
  }
}
