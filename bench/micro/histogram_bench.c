/* histogram_bench: what recording one value costs, and how long collecting garbage keeps scripts waiting with HEAP_MB (48) alive, as
 * workers do it and in CPU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>

#include "../../core/bind/task/garbage.h"
#include "../../core/engine/histogram.h"

static struct moon_histogram pauses, values;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* other programs are no pauses */
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t next(uint64_t *x) {
  *x ^= *x << 13;
  *x ^= *x >> 7;
  return *x ^= *x << 17;
}

static void recording(void) {
  enum { N = 50000000 };
  uint64_t x = 88172645463325252u, t0 = now_ns();
  for (int i = 0; i < N; i++) { __asm__ volatile("" ::"r"(next(&x) >> (48 - (i & 15)))); }
  uint64_t t1 = now_ns();
  for (int i = 0; i < N; i++) {
    moon_histogram_add(&values, next(&x) >> (48 - (i & 15)));
    __asm__ volatile("" ::: "memory");
  }
  printf("record         %6.2f ns a value\n", ((double)(now_ns() - t1) - (double)(t1 - t0)) / N);
}

static uint64_t clock_us(const void *arg) {
  (void)arg;
  return now_ns() / 1000;
}

/* A heap of rows as scripts keep them, old ones replaced by new ones, ten of them a script. */
static void collecting(lua_State *L, struct moon_garbage *g, int alive_mb) {
  int rows = alive_mb * 1024 * 1024 / 160;
  lua_createtable(L, rows, 0);
  uint64_t x = 1;
  for (int i = 1; i <= rows * 6; i++) {
    if (i == rows) { memset(&pauses, 0, sizeof pauses); }
    lua_createtable(L, 0, 2);
    lua_pushnumber(L, i);
    lua_setfield(L, -2, "rx");
    lua_pushfstring(L, "port %d", i);
    lua_setfield(L, -2, "name");
    lua_rawseti(L, -2, i <= rows ? i : 1 + (int)(next(&x) % (uint64_t)rows));
    if (i % 10 == 0) { moon_garbage_look(L, g); }
  }
  printf("collecting     %d KiB at the end; %llu pauses, in us: p50 %llu, p90 %llu, p99 %llu, p99.9 %llu, p99.99 %llu, max %llu\n",
         lua_gc(L, LUA_GCCOUNT, 0), (unsigned long long)pauses.n, (unsigned long long)moon_histogram_quantile(&pauses, 0.5),
         (unsigned long long)moon_histogram_quantile(&pauses, 0.9), (unsigned long long)moon_histogram_quantile(&pauses, 0.99), (unsigned long long)moon_histogram_quantile(&pauses, 0.999),
         (unsigned long long)moon_histogram_quantile(&pauses, 0.9999), (unsigned long long)pauses.max);
  for (uint32_t i = 0; i < MOON_HISTOGRAM_BUCKETS; i++) {
    if (pauses.bucket[i] && moon_histogram_from(i) >= 64) {
      printf("  %8llu us and more: %llu\n", (unsigned long long)moon_histogram_from(i), (unsigned long long)pauses.bucket[i]);
    }
  }
}

int main(void) {
  const char *mb = getenv("HEAP_MB");
  struct moon_garbage g;
  lua_State *L = luaL_newstate();
  if (!L) { return 1; }
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  recording();
  moon_garbage_setup(L, &g, &pauses, clock_us, NULL);
  collecting(L, &g, mb ? atoi(mb) : 48);
  lua_close(L);
  return 0;
}
