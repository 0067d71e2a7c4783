#include "watch.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/mem.h"

#define POLL_US (MOON_WATCH_S * UINT64_C(1000000))
#define AGAIN_US UINT64_C(1000000) /* to see a change found that way a second time */
#define STIR_US UINT64_C(1000000)  /* between two that only something beside the files happened for */
#define RESTLESS_US UINT64_C(4000000) /* without a word of the kernel: what is missing may come to a directory that is not watched */
#define SETTLE_US UINT64_C(50000)  /* after a word of it */
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)

static void mix(uint64_t *h, const void *p, size_t n) {
  const uint8_t *o = p;
  for (size_t i = 0; i < n; i++) { *h = (*h ^ o[i]) * 0x100000001b3u; }
}

static void mix_file(void *arg, const char *path) {
  struct stat st;
  uint64_t *h = arg;
  mix(h, path, strlen(path) + 1);
  if (stat(path, &st)) { return; }
  const uint64_t facts[] = {(uint64_t)st.st_dev, (uint64_t)st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
                            (uint64_t)st.st_mtim.tv_nsec, (uint64_t)st.st_ctim.tv_sec, (uint64_t)st.st_ctim.tv_nsec};
  mix(h, facts, sizeof facts);
}

/* All that patterns stand for, too. */
static void each_file(const struct moon_watch *w, void (*fn)(void *arg, const char *path), void *arg) {
  for (uint32_t i = 0; i < w->n; i++) {
    glob_t found;
    if (!strpbrk(w->paths[i], "*?[") || access(w->paths[i], F_OK) == 0) {
      fn(arg, w->paths[i]);
    } else if (glob(w->paths[i], 0, NULL, &found) == 0) {
      for (size_t k = 0; k < found.gl_pathc; k++) { fn(arg, found.gl_pathv[k]); }
      globfree(&found);
    }
  }
}

static uint64_t fingerprint(const struct moon_watch *w) {
  uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
  each_file(w, mix_file, &h);
  return h;
}

static void look_at_time(void *arg, const char *path) {
  struct stat st;
  int64_t *latest = arg;
  if (stat(path, &st) || !S_ISREG(st.st_mode)) { return; } /* a pipe says it once */
  int64_t ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
  if (ns > *latest) { *latest = ns; }
}

bool moon_watch_is_newer(const struct moon_watch *w, int64_t since_ns) {
  int64_t latest = INT64_MIN;
  each_file(w, look_at_time, &latest);
  return latest > since_ns;
}

static bool has(const int *dirs, uint32_t n, int dir) {
  uint32_t i = 0;
  while (i < n && dirs[i] != dir) { i++; }
  return i < n;
}

static void watch_directory_of(struct moon_watch *w, const char *path) {
  char dir[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t n = slash ? (size_t)(slash - path) + (slash == path) : 1;
  if (n >= sizeof dir) { return; }
  memcpy(dir, slash ? path : ".", n);
  dir[n] = 0;
  /* One that cannot be watched is looked at by time; one that is not there is no lack of the kernel's. */
  int got = inotify_add_watch(w->fd, dir, EVENTS | IN_ONLYDIR);
  if (got < 0 && (errno == ENOSPC || errno == ENOMEM)) { w->blind = errno; }
  if (got >= 0 && !has(w->dirs, w->n_dirs, got)) { w->dirs[w->n_dirs++] = got; }
}

void moon_watch_init(struct moon_watch *w) { *w = (struct moon_watch){.fd = -1, .look_us = UINT64_MAX}; }

/* Which file it was shows when all are looked at. */
static void drop_events(struct moon_watch *w) {
  _Alignas(struct inotify_event) char events[4096];
  while (w->fd >= 0 && read(w->fd, events, sizeof events) > 0) { }
}

void moon_watch_set(struct moon_watch *w, const char *const *paths, uint32_t n, uint64_t now_us) {
  char *real;
  bool same = w->n == n && n;
  uint64_t known = w->known;
  for (uint32_t i = 0; same && i < n; i++) { same = strcmp(w->paths[i], paths[i]) == 0; }
  struct moon_watch was = *w;
  int *dirs = n ? moon_mem_array(2 * (size_t)n, sizeof *dirs) : NULL;
  if (!dirs) {
    moon_watch_fini(w);
    return;
  }
  moon_watch_init(w);
  w->paths = paths;
  w->n = n;
  w->dirs = dirs;
  w->fd = was.fd >= 0 ? was.fd : inotify_init1(IN_CLOEXEC | IN_NONBLOCK); /* the same one: the end of one takes the kernel seconds when it is busy */
  if (w->fd < 0) { w->blind = errno; }
  for (uint32_t i = 0; w->fd >= 0 && i < n; i++) {
    watch_directory_of(w, paths[i]);
    real = realpath(paths[i], NULL);
    if (real && strcmp(real, paths[i]) != 0) { watch_directory_of(w, real); }
    free(real);
  }
  for (uint32_t i = 0; i < was.n_dirs; i++) {
    if (!has(w->dirs, w->n_dirs, was.dirs[i])) { (void)inotify_rm_watch(w->fd, was.dirs[i]); }
  }
  moon_mem_free(was.dirs);
  drop_events(w);
  w->known = w->seen = fingerprint(w);
  w->look_us = now_us + (same && known != w->known ? SETTLE_US : POLL_US);
  if (same) { w->known = known; }
}

void moon_watch_mark(struct moon_watch *w) { w->known = w->seen = fingerprint(w); }

void moon_watch_fini(struct moon_watch *w) {
  if (w->fd >= 0) { close(w->fd); }
  moon_mem_free(w->dirs);
  moon_watch_init(w);
}

void moon_watch_heard(struct moon_watch *w, uint64_t now_us) {
  drop_events(w);
  if (!w->heard || w->look_us > now_us + SETTLE_US) { w->look_us = now_us + SETTLE_US; }
  w->heard = true;
}

bool moon_watch_look(struct moon_watch *w, uint64_t now_us) {
  if (now_us < w->look_us) { return false; }
  uint64_t now = fingerprint(w);
  bool settled = now == w->seen;
  if (w->restless && settled && now == w->known && (w->heard || now_us >= w->stir_us + RESTLESS_US)) {
    w->look_us = now_us < w->stir_us ? w->stir_us : now_us + POLL_US;
    if (now_us < w->stir_us) { return false; }
    w->stir_us = now_us + STIR_US;
    w->heard = false;
    return true;
  }
  w->seen = now;
  if (now == w->known) {
    w->heard = false;
    w->look_us = now_us + POLL_US;
    return false;
  }
  w->look_us = now_us + (w->heard ? SETTLE_US : AGAIN_US);
  if (!settled) { return false; }
  w->known = now;
  w->heard = false;
  w->look_us = now_us + POLL_US;
  return true;
}
