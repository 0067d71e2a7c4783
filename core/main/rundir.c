#define _GNU_SOURCE
#include "rundir.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum moon_err moon_rundir_base(const char *base, char *out, size_t cap) {
  const char *xdg = getenv("XDG_RUNTIME_DIR");
  int n;
  if (base) {
    n = snprintf(out, cap, "%s", base);
  } else if (xdg && xdg[0] == '/') {
    n = snprintf(out, cap, "%s/moonpoll", xdg);
  } else if (geteuid() == 0) {
    n = snprintf(out, cap, "/run/moonpoll");
  } else {
    n = snprintf(out, cap, "/tmp/moonpoll-%u", (unsigned)geteuid());
  }
  return n < 0 || (size_t)n >= cap || n > MOON_RUNDIR_MAX - 12 ? MOON_E_LIMIT : MOON_OK;
}

static int connect_at(const char *dir, const char *name) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int n = snprintf(a.sun_path, sizeof a.sun_path, "%s/%s%scontrol", dir, name, *name ? "/" : "");
  if (n < 0 || (size_t)n >= sizeof a.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) { return -1; }
  const struct timeval patience = {.tv_sec = MOON_RUNDIR_CONNECT_S};
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
  }
  return fd;
}

int moon_rundir_connect(const char *dir) { return connect_at(dir, ""); }

static void remove_own(const char *dir) {
  char path[MOON_RUNDIR_MAX + 16];
  static const char *const names[] = {"control", "counters"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (snprintf(path, sizeof path, "%s/%s", dir, names[i]) < (int)sizeof path) { unlink(path); }
  }
  rmdir(dir);
}

void moon_rundir_remove(const char *dir) {
  char base[MOON_RUNDIR_MAX], path[MOON_RUNDIR_MAX];
  remove_own(dir);
  if (moon_rundir_base(NULL, base, sizeof base) || snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path) { return; }
  size_t n = strlen(base);
  if (strncmp(path, base, n) != 0 || path[n] != '/') { return; }
  while (strlen(path) > n) { /* what still has something in it stays */
    *strrchr(path, '/') = 0;
    rmdir(path);
  }
}

/* Calls fn for every entry that is a pid. */
static void each(const char *base, void (*fn)(const char *base, const char *name, pid_t pid, void *arg), void *arg) {
  DIR *d = opendir(base);
  if (!d) { return; }
  for (struct dirent *e; (e = readdir(d));) {
    char *end;
    long pid = strtol(e->d_name, &end, 10);
    if (pid > 0 && *end == 0 && e->d_name[0] != '+') { fn(base, e->d_name, (pid_t)pid, arg); }
  }
  closedir(d);
}

static void clean(const char *base, const char *name, pid_t pid, void *arg) {
  char dir[MOON_RUNDIR_MAX];
  bool dead = pid == getpid() || (kill(pid, 0) && errno == ESRCH);
  (void)arg;
  if (dead && snprintf(dir, sizeof dir, "%s/%s", base, name) < (int)sizeof dir) { remove_own(dir); }
}

static enum moon_err make(const char *base, char *out, size_t cap) {
  struct stat st;
  char path[MOON_RUNDIR_MAX];
  int n = snprintf(path, sizeof path, "%s", base);
  if (n <= 0 || (size_t)n >= sizeof path) {
    errno = ENAMETOOLONG;
    return MOON_E_CONFIG;
  }
  for (char *p = path + 1; *p; p++) { /* as mkdir -p */
    if (*p == '/') {
      *p = 0;
      mkdir(path, 0755);
      *p = '/';
    }
  }
  if (mkdir(path, 0700) && errno != EEXIST) { return MOON_E_CONFIG; }
  if (lstat(path, &st)) { return MOON_E_CONFIG; }
  if (S_ISLNK(st.st_mode) && stat(path, &st)) { return MOON_E_CONFIG; }
  if (!S_ISDIR(st.st_mode)) {
    errno = ENOTDIR;
    return MOON_E_CONFIG;
  }
  if (st.st_uid != geteuid() && strncmp(path, "/tmp/moonpoll-", 14) == 0) { /* somebody prepared it for us */
    errno = EPERM;
    return MOON_E_CONFIG;
  }
  each(path, clean, NULL);
  n = snprintf(out, cap, "%s/%d", path, (int)getpid());
  if (n < 0 || (size_t)n >= cap) {
    errno = ENAMETOOLONG;
    return MOON_E_CONFIG;
  }
  return mkdir(out, 0700) ? MOON_E_CONFIG : MOON_OK;
}

enum moon_err moon_rundir_make(const char *base, char *out, size_t cap) {
  enum moon_err e = MOON_E_CONFIG;
  errno = ENOENT;
  for (int again = 0; again < 5 && e && errno == ENOENT; again++) { e = make(base, out, cap); } /* another one left and took base with it */
  return e;
}

struct found {
  pid_t *out;
  size_t n, cap;
};

static void look(const char *base, const char *name, pid_t pid, void *arg) {
  struct found *f = arg;
  int fd = connect_at(base, name);
  if (fd < 0 && errno != EAGAIN) { return; } /* EAGAIN: too many wait for it already */
  if (fd >= 0) { close(fd); }
  if (f->n < f->cap) { f->out[f->n] = pid; }
  f->n++;
}

size_t moon_rundir_list(const char *base, pid_t *out, size_t cap) {
  struct found f = {out, 0, cap};
  each(base, look, &f);
  return f.n;
}
