#include "guard.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../load/strings.h"
#include "run.h"

static uint64_t thread_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Found through the registry: a hook gets nothing else. */
static const char key;

static struct moon_host *host_of(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  struct moon_host *h = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return h;
}

void moon_guard_setup(lua_State *L, struct moon_host *h) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
  lua_pushlightuserdata(L, h);
  lua_rawset(L, LUA_REGISTRYINDEX);
  moon_strings_watch(&h->guard.armed); /* the hook comes behind the match */
}

static void tell(lua_State *L, struct moon_host *h, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void tell(lua_State *L, struct moon_host *h, const char *format, ...) {
  struct moon_guard *g = &h->guard;
  const struct moon_plan_probe *p = h->current->run->version->plan;
  va_list args;
  moon_task_place(L, 0, g->told, MOON_TASK_PLACE_MAX);
  size_t n = strlen(g->told);
  if (n) { n += (size_t)snprintf(g->told + n, sizeof g->told - n, ": "); }
  va_start(args, format);
  n += (size_t)vsnprintf(g->told + n, sizeof g->told - n, format, args);
  va_end(args);
  if (n < sizeof g->told) { snprintf(g->told + n, sizeof g->told - n, " (%s, version %016" PRIx64 ")", p->name, p->version); }
  moon_limits_mark(h, g->told);
  h->counters->scripts_stopped++;
}

static void tell_time(lua_State *L, struct moon_host *h) {
  unsigned ms = (unsigned)((thread_ns() - h->guard.since_ns) / 1000000u);
  tell(L, h, "stopped after %u ms of processor time without a wait, %u are allowed", ms, (unsigned)h->current->run->version->plan->cpu_ms);
}

static double mib(size_t n) { return (double)n / 0x1p20; }

static void tell_memory(lua_State *L, struct moon_host *h) {
  const struct moon_heap *m = &h->heap;
  if (m->wanted) {
    tell(L, h, "stopped, it wanted %.1f MiB of memory more in one call and had %.1f, %.1f are allowed", mib(m->wanted), mib(m->account->alive),
         mib(m->limit));
  } else {
    tell(L, h, "stopped, its probe has %.1f MiB of memory alive in this worker, %.1f are allowed", mib(m->account->alive), mib(m->limit));
  }
}

static void arm(struct moon_host *h);

void moon_guard_crossed(void *host) {
  struct moon_host *h = host;
  if (h->heap.wanted && !*h->guard.told) { tell_memory(h->current->co, h); } /* while the line is known */
  if (!h->guard.armed) { arm(h); }
}

/* Whoever waits for a script waits for the collection that its limit takes, too. [-0, +0, m] */
static bool judge(struct moon_host *h, lua_State *L) {
  unsigned before = h->heap.collections;
  uint64_t begun_us = moon_engine_clock_us(h->engine);
  bool much = moon_heap_judge(&h->heap, L);
  if (h->heap.collections != before) { moon_histogram_since(&h->histograms->gc, begun_us, moon_engine_clock_us(h->engine)); }
  return much;
}

static void hook(lua_State *L, lua_Debug *ar) {
  struct moon_host *h = host_of(L);
  (void)ar;
  if (!h || !h->guard.armed || !h->current) { return; }
  if (!*h->guard.told) {
    if (h->guard.late) {
      tell_time(L, h);
    } else if (judge(h, L)) {
      tell_memory(L, h);
    } else {
      lua_sethook(L, NULL, 0, 0);
      h->guard.armed = 0;
      if (h->guard.late) { arm(h); } /* by a signal that came meanwhile */
      return;
    }
  }
  if (lua_isyieldable(L)) { /* past all pcalls at once: thousands, one in the other, would each be unwound by an error */
    lua_yield(L, 0);
    return;
  }
  lua_pushstring(L, h->guard.told);
  lua_error(L);
}

static void arm(struct moon_host *h) {
  h->guard.armed = 1;
  lua_sethook(h->L, hook, LUA_MASKCOUNT, 1);
}

void moon_host_stop_resume(struct moon_host *h, uint64_t resume, uint64_t since_ns) {
  if (!(resume & 1) || moon_pulse_load(&h->pulse->resume) != resume || h->guard.late) { return; }
  const struct moon_plan_probe *p = h->current->run->version->plan;
  if (p->trusted || thread_ns() - since_ns < (uint64_t)p->cpu_ms * 1000000u) { return; }
  h->guard.since_ns = since_ns;
  h->guard.late = 1;
  if (!h->guard.armed) { arm(h); }
}

int moon_guard_disarm(struct moon_host *h, struct moon_task *t, int end) {
  bool stopped = *h->guard.told != 0;
  lua_sethook(h->L, NULL, 0, 0);
  h->guard.armed = 0;
  h->guard.late = 0;
  moon_heap_release(&h->heap, stopped);
  if (stopped && (end == 0 || end == LUA_YIELD || end == LUA_ERRMEM)) { /* by `return pcall(...)`, after which no instruction comes */
    lua_settop(t->co, 0);
    lua_pushstring(t->co, h->guard.told);
    end = LUA_ERRRUN;
  }
  h->guard.told[0] = 0;
  if (stopped) {
    h->stopped = true;
    moon_timer_start(h->engine, &h->held, moon_engine_clock_us(h->engine));
    t->run->suspect = t->run->duty->device->suspect = true;
  }
  return end;
}
