#define _GNU_SOURCE
#include "keep.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "../base/mem.h"
#include "log.h"

#define FIRST_US UINT64_C(10000000)  /* after the start most agents are new */
#define PAUSE_US UINT64_C(60000000)  /* 20,000 agents take 30 ms to write */

/* seq: odd while the worker writes; even and not 0: whole. A worker killed in between leaves it odd for its successor. */
struct place {
  _Atomic uint32_t seq;
  struct moon_engines_entry entry;
};

struct moon_keep_shared {
  _Atomic uint64_t news;
  struct place at[];
};

static int64_t wall_s(void) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return ts.tv_sec;
}

static bool asks_v3(const struct moon_plan *plan) {
  for (uint32_t i = 0; i < plan->n_credentials; i++) {
    if (plan->credentials[i].version == MOON_V3) { return plan->n_targets > 0; }
  }
  return false;
}

static size_t size_of(uint32_t n_targets) { return sizeof(struct moon_keep_shared) + (size_t)n_targets * sizeof(struct place); }

/* Never trusted, and never in the way: what it was can be looked at. */
static void set_aside(const char *path, uint32_t line) {
  char *bad = NULL;
  if (asprintf(&bad, "%s.bad", path) < 0 || rename(path, bad)) {
    moon_log(MOON_LOG_WARN, "engine cache %s: damaged in line %u, and cannot be set aside: %m", path, line);
  } else {
    moon_log(MOON_LOG_WARN, "engine cache %s: damaged in line %u: set aside as %s; agents are asked for their engines again", path, line, bad);
  }
  free(bad);
}

/* A damaged file is one that says nothing. */
static enum moon_err load(struct moon_engines *all, const char *path) {
  uint32_t line;
  enum moon_err e = moon_engines_load(all, path, &line);
  if (e != MOON_E_DECODE) { return e; }
  set_aside(path, line);
  return MOON_OK;
}

static const char *why(enum moon_err e) {
  if (e != MOON_E_CONFIG) { return moon_err_text(e); }
  return errno == EPERM ? "it belongs to somebody else, or others may write to it" : strerror(errno);
}

void moon_keep_init(struct moon_keep *k, const struct moon_plan *plan, const char *path, uint64_t now_us) {
  *k = (struct moon_keep){.n_targets = plan->n_targets, .next_us = now_us + FIRST_US};
  if (!path || !asks_v3(plan)) { return; }
  k->path = strdup(path);
  enum moon_err e = k->path ? load(&k->known, path) : MOON_E_NOMEM;
  void *p = e ? MAP_FAILED : mmap(NULL, size_of(k->n_targets), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) {
    moon_log(MOON_LOG_WARN, "engine cache %s: not used: %s", path, why(e ? e : MOON_E_NOMEM));
    return;
  }
  moon_engines_sort(&k->known, wall_s());
  k->shared = p;
  if (k->known.n) { moon_log(MOON_LOG_INFO, "engine cache %s: %u agent%s", path, (unsigned)k->known.n, k->known.n == 1 ? "" : "s"); }
}

void moon_keep_fini(struct moon_keep *k) {
  if (k->shared) { munmap(k->shared, size_of(k->n_targets)); }
  free(k->path);
  moon_engines_fini(&k->known);
  *k = (struct moon_keep){0};
}

static bool read_place(const struct moon_keep *k, uint32_t target, struct moon_engines_entry *out) {
  struct place *p = &k->shared->at[target];
  uint32_t seq = atomic_load_explicit(&p->seq, memory_order_acquire);
  if (!seq || seq % 2) { return false; }
  *out = p->entry;
  atomic_thread_fence(memory_order_acquire);
  return atomic_load_explicit(&p->seq, memory_order_relaxed) == seq;
}

/* The record as it has to be now, if the agent's clock and ours went on alike. */
static void advance(struct moon_trust_record *r, int64_t since_s) {
  if (since_s <= 0 || (!r->boots && !r->time)) { return; }
  r->time = since_s < (int64_t)(MOON_BOOTS_MAX - r->time) ? r->time + (uint32_t)since_s : MOON_BOOTS_MAX;
}

bool moon_keep_recall(const struct moon_keep *k, uint32_t target, const struct moon_addr *addr, struct moon_trust_record *out) {
  struct moon_engines_entry e;
  if (!k->shared || target >= k->n_targets) { return false; }
  if (!read_place(k, target, &e) || !moon_addr_equal(&e.record.addr, addr)) {
    const struct moon_engines_entry *known = moon_engines_find(&k->known, addr);
    if (!known) { return false; }
    e = *known;
  }
  *out = e.record;
  advance(out, wall_s() - e.at_s);
  return true;
}

void moon_keep_learn(struct moon_keep *k, uint32_t target, const struct moon_trust_record *r) {
  if (!k->shared || target >= k->n_targets) { return; }
  struct place *p = &k->shared->at[target];
  uint32_t seq = atomic_load_explicit(&p->seq, memory_order_relaxed) | 1;
  atomic_store_explicit(&p->seq, seq, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  p->entry = (struct moon_engines_entry){.record = *r, .at_s = wall_s()};
  atomic_store_explicit(&p->seq, seq == UINT32_MAX ? 2 : seq + 1, memory_order_release);
  atomic_fetch_add_explicit(&k->shared->news, 1, memory_order_release);
}

uint64_t moon_keep_next(const struct moon_keep *k) { return k->shared ? k->next_us : UINT64_MAX; }

static enum moon_err add_places(const struct moon_keep *k, struct moon_engines *all) {
  struct moon_engines_entry e;
  for (uint32_t i = 0; i < k->n_targets; i++) {
    if (!read_place(k, i, &e)) { continue; } /* being written: it will be news again */
    enum moon_err err = moon_engines_put(all, &e);
    if (err) { return err; }
  }
  return MOON_OK;
}

void moon_keep_save(struct moon_keep *k, uint64_t now_us, bool end) {
  struct moon_engines all = {0};
  if (!k->shared || (!end && now_us < k->next_us)) { return; }
  k->next_us = now_us + PAUSE_US;
  uint64_t news = atomic_load_explicit(&k->shared->news, memory_order_acquire);
  if (news == k->saved) { return; }
  enum moon_err e = load(&all, k->path);
  if (!e) { e = add_places(k, &all); }
  if (!e) {
    moon_engines_sort(&all, wall_s());
    e = moon_engines_save(&all, k->path);
  }
  if (!e) {
    k->saved = news;
    k->told = false;
  } else if (!k->told) {
    k->told = true;
    moon_log(MOON_LOG_WARN, "engine cache %s: cannot be written: %s", k->path, why(e));
  }
  moon_engines_fini(&all);
}
