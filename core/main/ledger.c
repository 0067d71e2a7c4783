#define _GNU_SOURCE
#include "ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../base/mem.h"
#include "../bind/load/pack.h"
#include "../bind/task/pulse.h"
#include "../moonpoll.h"
#include "log.h"

#define MAGIC UINT64_C(0x3172656764656c6d) /* "mledger1" */
#define WITNESSES_MIN 16u     /* probes: more of them may come with the configuration */
#define HABITS_MIN 8192u      /* a worker: likewise devices. 256 KB */
#define CODE_MAX (64u << 20)
#define LOOKS 100             /* a millisecond apart, at a file that somebody sweeps */

static uint64_t mix(uint64_t hash, const char *s) { return moon_pulse_pair(s, "") ^ (hash << 5 | hash >> 59); }

uint64_t moon_ledger_name(const char *name) { return moon_pulse_pair(name, ""); }

static uint64_t build(void) {
  const size_t sizes[] = {sizeof(struct moon_ledger_head), sizeof(struct moon_witness), sizeof(struct moon_habit_place), sizeof(struct moon_steps)};
  uint64_t hash = mix(0, MOON_VERSION);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) { hash = hash * 31 + sizes[i]; }
  return hash;
}

/* From the root, as it was said: what it is a link to may be another file by the next start. */
static uint64_t mix_path(uint64_t hash, const char *said) {
  char path[2 * PATH_MAX];
  size_t n = *said != '/' && getcwd(path, PATH_MAX) && path[1] ? strlen(path) : 0;
  while (*said) {
    size_t len = strcspn(said, "/");
    if (len == 2 && memcmp(said, "..", 2) == 0) {
      while (n && path[--n] != '/') { }
    } else if (len && (len > 1 || *said != '.') && n + len + 2 <= sizeof path) {
      path[n++] = '/';
      memcpy(path + n, said, len);
      n += len;
    }
    said += len + (said[len] == '/');
  }
  path[n] = 0;
  return mix(hash, path);
}

/* Where it was started does not matter, but what with. */
static uint64_t key(const struct moon_load_options *o) {
  uint64_t hash = 0;
  for (uint32_t i = 0; i <= o->n_probes; i++) {
    const char *said = i < o->n_probes ? o->probes[i] : o->config;
    if (said) { hash = mix_path(hash, said); }
  }
  return hash;
}

static size_t align(size_t n) { return (n + 63) & ~(size_t)63; }

static struct moon_ledger_head dimensions(const struct moon_plan *plan) {
  uint64_t duties = 0;
  for (uint32_t i = 0; i < plan->n_probes; i++) { duties += (uint64_t)plan->probes[i].n_jobs * plan->n_targets; }
  duties = duties / plan->workers * 5 / 4 + HABITS_MIN; /* shards are not all of one size, and fleets grow */
  struct moon_ledger_head h = {.magic = MAGIC, .build = build(), .n_workers = plan->workers};
  h.n_witnesses = 2 * plan->n_probes > WITNESSES_MIN ? 2 * plan->n_probes : WITNESSES_MIN;
  h.n_habits = duties < 1u << 26 ? (uint32_t)duties : 1u << 26;
  return h;
}

/* Where habits begin, and the end. */
static size_t layout(const struct moon_ledger_head *h, size_t *habits) {
  size_t at = align(sizeof *h);
  *habits = align(at + (size_t)h->n_workers * h->n_witnesses * sizeof(struct moon_witness));
  return *habits + (size_t)h->n_workers * h->n_habits * sizeof(struct moon_habit_place);
}

/* Of the process alone, where flock is its children's too: one that has not come to its end yet would keep it for a master that was killed. */
static bool lock(int fd, short type) { return fcntl(fd, F_SETLK, &(struct flock){.l_type = type, .l_whence = SEEK_SET}) == 0; }

/* By a master: who sweeps only reads. */
static bool is_taken(int fd) {
  struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK;
}

/* own: a name in it that is our own, and stays. May be NULL. */
static void sweep(const char *dir, const char *own) {
  static const char prefix[] = "rollout-";
  struct moon_ledger_head h;
  DIR *d = opendir(dir);
  for (struct dirent *e; d && (e = readdir(d));) {
    if (strncmp(e->d_name, prefix, sizeof prefix - 1) != 0 || strchr(e->d_name, '.') || (own && strcmp(e->d_name, own) == 0)) { continue; }
    int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) { continue; }
    bool whole = lock(fd, F_RDLCK) && pread(fd, &h, sizeof h, 0) == (ssize_t)sizeof h && h.magic == MAGIC;
    if (whole && h.state != MOON_ROLLOUT_GOING && !h.n_refused) {
      char code[sizeof e->d_name + 16];
      (void)snprintf(code, sizeof code, "%s.code", e->d_name);
      unlinkat(dirfd(d), code, 0);
      (void)snprintf(code, sizeof code, "%s.code.new", e->d_name);
      unlinkat(dirfd(d), code, 0);
      unlinkat(dirfd(d), e->d_name, 0);
    }
    close(fd);
  }
  if (d) { closedir(d); }
}

void moon_ledger_sweep(const char *dir) { sweep(dir, NULL); }

/* The file of this key, ours alone. -1. */
static int take_file(struct moon_ledger *l, const char *dir, const struct moon_load_options *o) {
  if (asprintf(&l->path, "%s/rollout-%016llx", dir, (unsigned long long)key(o)) < 0) {
    l->path = NULL;
    return -1;
  }
  for (int i = 0; i < LOOKS; i++) {
    int fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    if (fd < 0) { return -1; }
    bool locked = lock(fd, F_WRLCK), ours = !fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & 022);
    if (locked && ours && st.st_nlink) { return fd; }
    bool taken = !locked && is_taken(fd);
    close(fd);
    if (taken || !ours) { return -1; }
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return -1;
}

/* Is what is mapped of this build, and for as many workers? It may have more places than are wanted. */
static bool fits(const struct moon_ledger_head *h, const struct moon_ledger_head *want, size_t size) {
  size_t habits;
  return h->magic == MAGIC && h->build == want->build && h->size == size && h->n_workers == want->n_workers && h->n_witnesses >= want->n_witnesses &&
         h->n_habits >= want->n_habits / 2 && h->n_habits <= 1u << 26 && h->n_witnesses <= 2 * MOON_SHARES_MAX && layout(h, &habits) == size &&
         h->n <= MOON_SHARES_MAX && h->n_refused <= MOON_SHARES_MAX && h->percent <= MOON_STEPS_WHOLE && memchr(h->verdict, 0, sizeof h->verdict);
}

static bool map(struct moon_ledger *l, int fd, size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, fd < 0 ? MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED, fd, 0);
  l->head = p == MAP_FAILED ? NULL : p;
  return l->head;
}

static bool map_old(struct moon_ledger *l, const struct moon_ledger_head *want) {
  struct stat st;
  if (l->fd < 0 || fstat(l->fd, &st) || (size_t)st.st_size < sizeof *want || !map(l, l->fd, (size_t)st.st_size)) { return false; }
  if (fits(l->head, want, (size_t)st.st_size)) { return true; }
  munmap(l->head, (size_t)st.st_size);
  l->head = NULL;
  return false;
}

void moon_ledger_init(struct moon_ledger *l, const char *dir, const struct moon_load_options *o, const struct moon_plan *plan) {
  struct moon_ledger_head want = dimensions(plan);
  size_t habits;
  *l = (struct moon_ledger){.fd = -1};
  if (dir && o) {
    l->fd = take_file(l, dir, o);
    sweep(dir, l->path ? strrchr(l->path, '/') + 1 : NULL);
  }
  want.size = layout(&want, &habits);
  if (!map_old(l, &want)) {
    /* A file with holes would kill who writes there once the disk is full. */
    if (l->fd >= 0 && (ftruncate(l->fd, 0) || posix_fallocate(l->fd, 0, (off_t)want.size))) {
      close(l->fd);
      l->fd = -1;
    }
    if (!map(l, l->fd, want.size)) {
      moon_log(MOON_LOG_WARN, "new versions of probes are not compared with old ones: %m");
      return;
    }
    *l->head = want;
  }
  (void)layout(l->head, &habits);
  l->witnesses = (struct moon_witness *)(void *)((char *)l->head + align(sizeof *l->head));
  l->habits = (struct moon_habit_place *)(void *)((char *)l->head + habits);
}

static char *code_path(const struct moon_ledger *l, const char *end) {
  char *path;
  return l->fd >= 0 && asprintf(&path, "%s.code%s", l->path, end) >= 0 ? path : NULL;
}

/* And what a master that was killed had of the next one. */
static void drop_code(const struct moon_ledger *l) {
  static const char *const ends[] = {"", ".new"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    char *path = code_path(l, ends[i]);
    if (path) { unlink(path); }
    free(path);
  }
}

void moon_ledger_leave(struct moon_ledger *l) {
  if (l->fd >= 0) { close(l->fd); }
  l->fd = -1;
}

void moon_ledger_fini(struct moon_ledger *l, bool keep) {
  if (!keep) {
    drop_code(l);
    if (l->fd >= 0) { unlink(l->path); }
  }
  if (l->head) { munmap(l->head, l->head->size); }
  if (l->fd >= 0) { close(l->fd); }
  free(l->path);
  *l = (struct moon_ledger){.fd = -1};
}

struct moon_habit_place *moon_ledger_habits(const struct moon_ledger *l, uint32_t slot, uint32_t *n) {
  *n = l->head && slot < l->head->n_workers ? l->head->n_habits : 0;
  return *n ? &l->habits[(size_t)slot * l->head->n_habits] : NULL;
}

struct moon_witness *moon_ledger_witnesses(const struct moon_ledger *l, uint32_t slot, uint32_t *n) {
  *n = l->head && slot < l->head->n_workers ? l->head->n_witnesses : 0;
  return *n ? &l->witnesses[(size_t)slot * l->head->n_witnesses] : NULL;
}

void moon_ledger_sum(const struct moon_ledger *l, uint32_t probe, uint32_t serial, uint32_t percent, struct moon_witness *out) {
  *out = (struct moon_witness){.serial = serial, .percent = percent};
  for (uint32_t i = 0; l->head && probe < l->head->n_witnesses && i < l->head->n_workers; i++) {
    moon_witness_add(out, &l->witnesses[(size_t)i * l->head->n_witnesses + probe]);
  }
}

/* Of n: the place of this name; n when it is none of them. */
static uint32_t find(const struct moon_ledger_version *of, uint32_t n, const char *name) {
  uint64_t hash = moon_ledger_name(name);
  uint32_t i = 0;
  while (i < n && of[i].name != hash) { i++; }
  return i;
}

bool moon_ledger_has(const struct moon_ledger *l, const struct moon_plan_probe *p) {
  uint32_t i = l->head ? find(l->head->of, l->head->n, p->name) : 0;
  return l->head && i < l->head->n && l->head->of[i].version == p->version;
}

bool moon_ledger_refuses(const struct moon_ledger *l, const struct moon_plan_probe *p) {
  uint32_t i = l->head ? find(l->head->refused, l->head->n_refused, p->name) : 0;
  return l->head && i < l->head->n_refused && l->head->refused[i].version == p->version;
}

bool moon_ledger_refuses_some(const struct moon_ledger *l, const char *name) {
  return l->head && find(l->head->refused, l->head->n_refused, name) < l->head->n_refused;
}

void moon_ledger_refuse(struct moon_ledger *l, const char *name, uint64_t version) {
  struct moon_ledger_head *h = l->head;
  if (!h) { return; }
  uint32_t i = find(h->refused, h->n_refused, name);
  if (version && i < MOON_SHARES_MAX) {
    h->refused[i] = (struct moon_ledger_version){moon_ledger_name(name), version};
    h->n_refused += i == h->n_refused;
  } else if (!version && i < h->n_refused) {
    h->refused[i] = h->refused[--h->n_refused];
  }
}

void moon_ledger_note(struct moon_ledger *l, const struct moon_plan *trial) {
  if (!l->head) { return; }
  uint32_t n = trial ? trial->n_probes < MOON_SHARES_MAX ? trial->n_probes : MOON_SHARES_MAX : 0;
  l->head->n = 0;
  atomic_thread_fence(memory_order_release);
  for (uint32_t i = 0; i < n; i++) {
    l->head->of[i] = (struct moon_ledger_version){moon_ledger_name(trial->probes[i].name), trial->probes[i].version};
  }
  atomic_thread_fence(memory_order_release); /* who is killed in between leaves none, not some */
  l->head->n = n;
}

/* All of it. false: errno tells. */
static bool put_code(int fd, uint64_t version, const struct moon_plan *force) {
  uint8_t *p = NULL;
  size_t n = 0;
  if (moon_pack(force, &p, &n)) {
    errno = ENOMEM;
    return false;
  }
  ssize_t put = write(fd, &version, sizeof version) == (ssize_t)sizeof version ? 1 : -1;
  for (size_t at = 0; put > 0 && at < n; at += (size_t)put) {
    put = write(fd, p + at, n - at);
    if (put <= 0) { break; }
  }
  int cause = errno;
  moon_pack_free(p, n);
  errno = cause;
  return put > 0;
}

/* Whole or not at all. */
bool moon_ledger_keep_code(const struct moon_ledger *l, const struct moon_plan *force) {
  char *path = code_path(l, ""), *aside = code_path(l, ".new");
  bool done = true;
  int cause = 0;
  if (force && path && aside) {
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    done = fd >= 0 && put_code(fd, l->head->build, force) && rename(aside, path) == 0;
    cause = errno;
    if (!done && fd >= 0) { unlink(aside); }
    if (fd >= 0) { close(fd); }
  } else {
    drop_code(l);
  }
  free(path);
  free(aside);
  errno = cause;
  return done;
}

struct moon_plan *moon_ledger_code(const struct moon_ledger *l) {
  char *path = code_path(l, "");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
  struct moon_plan *plan = NULL;
  struct stat st;
  uint8_t *p = NULL;
  if (fd >= 0 && !fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & 022) && st.st_size > 8 && st.st_size < (off_t)CODE_MAX) {
    size_t n = (size_t)st.st_size;
    p = moon_mem_alloc(n);
    bool whole = p && pread(fd, p, n, 0) == st.st_size && memcmp(p, &l->head->build, 8) == 0;
    if (whole && moon_unpack(p + 8, n - 8, &plan)) { plan = NULL; }
  }
  moon_mem_free(p);
  if (fd >= 0) { close(fd); }
  free(path);
  return plan;
}
