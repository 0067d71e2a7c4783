#define _GNU_SOURCE
#include "keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../base/mem.h"
#include "log.h"

#define FIRST_US UINT64_C(10000000)  /* after the start most agents are new */
#define PAUSE_US UINT64_C(60000000)  /* 20,000 agents take 30 ms to write */
#define LOCK_TRIES 15                /* by another master: 20 ms each, and then without */
#define LOCK_PAUSE_NS 20000000
#define HASH_KEY UINT64_C(0x6b656570) /* addresses are configured, not chosen by others */

/* seq: odd while the worker writes; even and not 0: whole. A worker killed in between leaves it odd for its successor. */
struct place {
  _Atomic uint32_t seq;
  struct moon_engines_entry entry;
};

/* Filled from the front: pages nobody needs are none. */
struct moon_keep_part {
  _Alignas(64) _Atomic uint64_t news; /* counts what was learned */
  _Atomic uint32_t n;
  struct place at[MOON_ENGINES_MAX];
};

static int64_t seconds(clockid_t clock) {
  struct timespec ts;
  clock_gettime(clock, &ts);
  return ts.tv_sec;
}

static int64_t wall_s(void) { return seconds(CLOCK_REALTIME); }

/* The wall clock as if nobody had set it since the beginning; agents go on while this machine sleeps. */
static int64_t now_s(const struct moon_keep *k) { return k->epoch_s + seconds(CLOCK_BOOTTIME); }

static size_t size_of(uint32_t n_parts) { return n_parts * sizeof(struct moon_keep_part); }

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

void moon_keep_init(struct moon_keep *k, uint32_t n_workers, const char *path, uint64_t now_us) {
  *k = (struct moon_keep){.n_parts = n_workers, .next_us = now_us + FIRST_US, .epoch_s = wall_s() - seconds(CLOCK_BOOTTIME)};
  if (!path) { return; }
  k->path = strdup(path);
  enum moon_err e = k->path ? load(&k->known, path) : MOON_E_NOMEM;
  void *p = e ? MAP_FAILED : mmap(NULL, size_of(n_workers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    moon_log(MOON_LOG_WARN, "engine cache %s: not used: %s", path, why(e ? e : MOON_E_NOMEM));
    return;
  }
  moon_engines_sort(&k->known, wall_s());
  k->parts = p;
  if (k->known.n) { moon_log(MOON_LOG_INFO, "engine cache %s: %u agent%s", path, (unsigned)k->known.n, k->known.n == 1 ? "" : "s"); }
}

void moon_keep_fini(struct moon_keep *k) {
  if (k->parts) { munmap(k->parts, size_of(k->n_parts)); }
  free(k->path);
  moon_mem_free(k->index);
  moon_engines_fini(&k->known);
  *k = (struct moon_keep){0};
}

static bool read_place(struct place *p, struct moon_engines_entry *out) {
  uint32_t seq = atomic_load_explicit(&p->seq, memory_order_acquire);
  if (!seq || seq % 2) { return false; }
  *out = p->entry;
  atomic_thread_fence(memory_order_acquire);
  return atomic_load_explicit(&p->seq, memory_order_relaxed) == seq;
}

/* ---- a worker ---- */

/* Where the place of this address is written, or is to be. */
static uint32_t *find(const struct moon_keep *k, const struct moon_addr *addr) {
  uint64_t h = moon_addr_hash(addr, HASH_KEY);
  for (;; h++) {
    uint32_t *at = &k->index[h & (k->n_index - 1)];
    if (!*at || moon_addr_equal(&k->own->at[*at - 1].entry.record.addr, addr)) { return at; }
  }
}

/* Room for one more. false: no memory. */
static bool index_more(struct moon_keep *k, uint32_t n) {
  if (2 * (uint64_t)(n + 1) <= k->n_index) { return true; }
  uint32_t size = 256;
  while (size < 4 * (n + 1)) { size *= 2; }
  uint32_t *index = moon_mem_array(size, sizeof *index);
  if (!index) { return false; }
  moon_mem_free(k->index);
  k->index = index;
  k->n_index = size;
  for (uint32_t i = 0; i < n; i++) { *find(k, &k->own->at[i].entry.record.addr) = i + 1; }
  return true;
}

void moon_keep_join(struct moon_keep *k, uint32_t slot) {
  if (!k->parts || slot >= k->n_parts) { return; }
  k->own = &k->parts[slot];
  uint32_t n = atomic_load_explicit(&k->own->n, memory_order_relaxed);
  if (!index_more(k, n)) { k->own = NULL; }
}

/* The record as it has to be now, if the agent's clock and ours went on alike. */
static void advance(struct moon_trust_record *r, int64_t since_s) {
  if (since_s <= 0 || (!r->boots && !r->time)) { return; }
  r->time = since_s < (int64_t)(MOON_BOOTS_MAX - r->time) ? r->time + (uint32_t)since_s : MOON_BOOTS_MAX;
}

bool moon_keep_recall(const struct moon_keep *k, const struct moon_addr *addr, struct moon_trust_record *out) {
  struct moon_engines_entry e;
  uint32_t at = k->own ? *find(k, addr) : 0;
  if (!at || !read_place(&k->own->at[at - 1], &e)) {
    const struct moon_engines_entry *known = k->parts ? moon_engines_find(&k->known, addr) : NULL;
    if (!known) { return false; }
    e = *known;
  }
  *out = e.record;
  advance(out, now_s(k) - e.at_s);
  return true;
}

/* n grows after its place is whole; of a place that is written again the address stays what it was. */
void moon_keep_learn(struct moon_keep *k, const struct moon_trust_record *r) {
  if (!k->own) { return; }
  uint32_t n = atomic_load_explicit(&k->own->n, memory_order_relaxed), *at = find(k, &r->addr);
  if (!*at) {
    if (n >= MOON_ENGINES_MAX || !index_more(k, n)) { return; }
    at = find(k, &r->addr);
  }
  struct place *p = &k->own->at[*at ? *at - 1 : n];
  uint32_t seq = atomic_load_explicit(&p->seq, memory_order_relaxed) | 1;
  atomic_store_explicit(&p->seq, seq, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  p->entry = (struct moon_engines_entry){.record = *r, .at_s = now_s(k)};
  atomic_store_explicit(&p->seq, seq == UINT32_MAX ? 2 : seq + 1, memory_order_release);
  if (!*at) {
    *at = n + 1;
    atomic_store_explicit(&k->own->n, n + 1, memory_order_release);
  }
  atomic_fetch_add_explicit(&k->own->news, 1, memory_order_release);
}

/* ---- the master ---- */

uint64_t moon_keep_next(const struct moon_keep *k) { return k->parts ? k->next_us : UINT64_MAX; }

static uint64_t news_of(const struct moon_keep *k) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < k->n_parts; i++) { sum += atomic_load_explicit(&k->parts[i].news, memory_order_acquire); }
  return sum;
}

static enum moon_err add_parts(const struct moon_keep *k, struct moon_engines *all) {
  struct moon_engines_entry e;
  int64_t set_s = wall_s() - now_s(k); /* since the beginning */
  for (uint32_t i = 0; i < k->n_parts; i++) {
    uint32_t n = atomic_load_explicit(&k->parts[i].n, memory_order_acquire);
    for (uint32_t j = 0; j < n && j < MOON_ENGINES_MAX; j++) {
      if (!read_place(&k->parts[i].at[j], &e)) { continue; } /* being written: it will be news again */
      e.at_s += set_s;
      enum moon_err err = moon_engines_put(all, &e);
      if (err) { return err; }
    }
  }
  return MOON_OK;
}

/* The directory the file is in, held by one master at a time: what the file says is read, added to and written as one. -1: it cannot
 * be held, or somebody else holds it for longer than any master does. */
static int hold_place(const char *path) {
  char *dir = strdup(path), *slash = dir ? strrchr(dir, '/') : NULL;
  if (slash) { slash[slash == dir] = 0; }
  int fd = dir ? open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  free(dir);
  for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB); i++) {
    if (errno == EWOULDBLOCK && i < LOCK_TRIES) {
      nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    } else {
      close(fd);
      fd = -1;
    }
  }
  return fd;
}

void moon_keep_save(struct moon_keep *k, uint64_t now_us, bool end) {
  struct moon_engines all = {0};
  if (!k->parts || (!end && now_us < k->next_us)) { return; }
  k->next_us = now_us + PAUSE_US;
  uint64_t news = news_of(k);
  if (news == k->saved) { return; }
  int place = hold_place(k->path);
  enum moon_err e = load(&all, k->path);
  if (!e) { e = add_parts(k, &all); }
  if (!e) {
    moon_engines_sort(&all, wall_s());
    e = moon_engines_save(&all, k->path);
  }
  int cause = errno;
  if (place >= 0) { close(place); }
  errno = cause;
  if (!e) {
    k->saved = news;
    k->told = false;
  } else if (!k->told) {
    k->told = true;
    moon_log(MOON_LOG_WARN, "engine cache %s: cannot be written: %s", k->path, why(e));
  }
  moon_engines_fini(&all);
}
