#include "guard.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "task.h"

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
}

/* "file:line: what", of the innermost line that is the script's. */
static void tell(lua_State *L, struct moon_host *h) {
  struct moon_guard *g = &h->guard;
  lua_Debug at;
  const char *where = "";
  int line = 0;
  for (int level = 0; lua_getstack(L, level, &at); level++) {
    if (!lua_getinfo(L, "Sl", &at) || at.currentline <= 0 || moon_task_is_library(&at)) { continue; }
    where = at.short_src;
    line = at.currentline;
    break;
  }
  unsigned ms = (unsigned)((thread_ns() - g->since_ns) / 1000000u);
  char place[80] = "";
  if (line) { snprintf(place, sizeof place, "%s:%d: ", where, line); }
  snprintf(g->told, sizeof g->told, "%sstopped after %u ms of processor time without a wait, %u are allowed", place, ms,
           (unsigned)h->current->probe->plan->cpu_ms);
}

static void hook(lua_State *L, lua_Debug *ar) {
  struct moon_host *h = host_of(L);
  (void)ar;
  if (!h || !h->guard.armed || !h->current) { return; }
  if (!*h->guard.told) {
    tell(L, h);
    h->counters->scripts_stopped++;
  }
  if (lua_isyieldable(L)) { /* past all pcalls at once: thousands, one in the other, would each be unwound by an error */
    lua_yield(L, 0);
    return;
  }
  lua_pushstring(L, h->guard.told);
  lua_error(L);
}

void moon_host_stop_resume(struct moon_host *h, uint64_t resume, uint64_t since_ns) {
  if (!(resume & 1) || moon_pulse_load(&h->pulse->resume) != resume || h->guard.armed) { return; }
  const struct moon_plan_probe *p = h->current->probe->plan;
  if (p->trusted || thread_ns() - since_ns < (uint64_t)p->cpu_ms * 1000000u) { return; }
  h->guard.since_ns = since_ns;
  h->guard.armed = 1;
  lua_sethook(h->L, hook, LUA_MASKCOUNT, 1);
}

int moon_guard_disarm(struct moon_host *h, struct moon_task *t, int end) {
  bool stopped = *h->guard.told != 0;
  lua_sethook(h->L, NULL, 0, 0);
  h->guard.armed = 0;
  if (stopped && (end == 0 || end == LUA_YIELD)) { /* by `return pcall(...)`, after which no instruction comes */
    lua_settop(t->co, 0);
    lua_pushstring(t->co, h->guard.told);
    end = LUA_ERRRUN;
  }
  h->guard.told[0] = 0;
  h->stopped = h->stopped || stopped;
  return end;
}
