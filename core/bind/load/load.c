#define _GNU_SOURCE /* pipe2, F_SETPIPE_SZ */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../base/mem.h"
#include "../../base/remedy.h"
#include "draft.h"
#include "pack.h"

#define PIPE_LEN (1 << 20)  /* fewer switches between the two; what the system does not give is done without */
#define MAGIC 0x6d6f6f6eu

#define MAGIC_WAIT 0x6d6f6f77u

/* What the child says before the rest. MAGIC_WAIT: that it is still at it, err of n keys are made; another verdict follows. */
struct verdict { uint32_t magic, err; uint64_t n; /* octets that follow: a packed plan, or the error's text */ };

static void say(int fd, const void *p, size_t n) {
  const char *at = p;
  while (n) {
    ssize_t put = write(fd, at, n);
    if (put < 0 && errno == EINTR) { continue; }
    if (put <= 0) { return; } /* nobody listens any more */
    at += put;
    n -= (size_t)put;
  }
}

static void told(void *arg, uint32_t made, uint32_t n) {
  const struct verdict v = {MAGIC_WAIT, made, n};
  say(*(int *)arg, &v, sizeof v);
}

static void child(const struct moon_load_options *o, int fd) {
  struct moon_draft d;
  uint8_t *packed = NULL;
  size_t n = 0;
  if (o->begun) { o->begun(o->begun_arg); }
  moon_draft_init(&d, o);
  d.told = told;
  d.told_arg = &fd;
  enum moon_err e = moon_draft_make(&d);
  if (!e) {
    e = moon_pack(&d.plan, &packed, &n);
    if (e) { (void)snprintf(d.error, sizeof d.error, "%s", e == MOON_E_NOMEM ? "out of memory while loading" : "too many targets"); }
  }
  const struct verdict v = {MAGIC, e, e ? strlen(d.error) : n};
  say(fd, &v, sizeof v);
  say(fd, e ? (const void *)d.error : packed, (size_t)v.n);
  moon_pack_free(packed, n);
  moon_draft_fini(&d);
}

/* The handlers of a long-lived process are no business of a child that evaluates a file. */
static void become_child(pid_t parent) {
  static const int SIGNALS[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2, SIGALRM};
  sigset_t none;
  for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++) { signal(SIGNALS[i], SIG_DFL); }
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  prctl(PR_SET_DUMPABLE, 0); /* secrets: no core file */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) { _exit(1); }
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 1: all n octets are here; 0: the other end closed; -1: time is over. */
static int hear(int fd, void *p, size_t n, int64_t deadline_ms) {
  char *at = p;
  while (n) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int64_t left = deadline_ms - now_ms();
    if (left <= 0) { return -1; }
    if (poll(&poll_fd, 1, (int)left) <= 0) { continue; }
    ssize_t got = read(fd, at, n);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) { continue; }
    if (got <= 0) { return 0; }
    at += got;
    n -= (size_t)got;
  }
  return 1;
}

static enum moon_err tell(char *error, size_t cap, enum moon_err e, const char *text) {
  (void)snprintf(error, cap, "%s", text);
  return e;
}

static enum moon_err take(const struct moon_load_options *o, int fd, struct moon_plan **out, char *error, size_t cap, bool *late) {
  int64_t deadline_ms;
  struct verdict v;
  int heard;
  for (;;) {
    deadline_ms = now_ms() + MOON_LOAD_S * 1000;
    heard = hear(fd, &v, sizeof v, deadline_ms);
    if (heard <= 0 || v.magic != MAGIC_WAIT) { break; }
    if (o->progress) { o->progress(o->progress_arg, v.err, (uint32_t)v.n); }
  }
  *late = heard < 0;
  if (heard <= 0) { return MOON_E_CONFIG; }
  if (v.magic != MAGIC || v.n > MOON_PACK_MAX) { return tell(error, cap, MOON_E_CONFIG, "loading: the loader's answer makes no sense"); }
  uint8_t *p = moon_mem_alloc((size_t)v.n + 1);
  if (!p) { return tell(error, cap, MOON_E_NOMEM, "out of memory while loading"); }
  enum moon_err e = MOON_E_CONFIG;
  heard = hear(fd, p, (size_t)v.n, deadline_ms);
  *late = heard < 0;
  if (heard > 0 && v.err) {
    p[v.n] = 0;
    e = tell(error, cap, v.err == MOON_E_NOMEM ? MOON_E_NOMEM : MOON_E_CONFIG, (const char *)p);
  } else if (heard > 0) {
    e = moon_unpack(p, (size_t)v.n, out);
    if (e == MOON_E_NOMEM) {
      tell(error, cap, e, "out of memory while loading");
    } else if (e) {
      e = tell(error, cap, MOON_E_CONFIG, "loading: the loader's plan makes no sense");
    }
  }
  moon_pack_free(p, (size_t)v.n);
  return e;
}

/* It ended without a word. */
static enum moon_err silent(char *error, size_t cap, bool late, int status) {
  char cause[160];
  if (late) {
    (void)snprintf(cause, sizeof cause, "loading took over %d s and was given up", MOON_LOAD_S);
  } else if (WIFSIGNALED(status)) {
    (void)snprintf(cause, sizeof cause, "loading crashed: %s", strsignal(WTERMSIG(status)));
  } else {
    (void)snprintf(cause, sizeof cause, "loading ended without an answer");
  }
  return tell(error, cap, MOON_E_CONFIG, cause);
}

enum moon_err moon_load(const struct moon_load_options *o, struct moon_plan **out, char *error, size_t cap) {
  int ends[2], status = 0;
  char cause[160];
  if (pipe2(ends, O_CLOEXEC) < 0) {
    (void)snprintf(cause, sizeof cause, "loading: pipe: %s%s", strerror(errno), moon_remedy(errno));
    return tell(error, cap, MOON_E_CONFIG, cause);
  }
  (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_LEN);
  pid_t self = getpid(), pid = fork();
  if (pid == 0) {
    close(ends[0]);
    become_child(self);
    child(o, ends[1]);
    _exit(0);
  }
  int fork_errno = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    (void)snprintf(cause, sizeof cause, "loading: fork: %s%s", strerror(fork_errno), moon_remedy(fork_errno));
    return tell(error, cap, MOON_E_CONFIG, cause);
  }
  bool late = false;
  error[0] = 0;
  enum moon_err e = take(o, ends[0], out, error, cap, &late);
  close(ends[0]);
  if (e) { kill(pid, SIGKILL); } /* it may still be at it */
  pid_t reaped;
  do { reaped = waitpid(pid, &status, 0); } while (reaped < 0 && errno == EINTR);
  return e && !error[0] ? silent(error, cap, late, reaped == pid ? status : 0) : e;
}

enum moon_err moon_load_begin(const struct moon_load_options *o, struct moon_loading *l, char *error, size_t cap) {
  pid_t self = getpid();
  *l = (struct moon_loading){.fd = memfd_create("plan", MFD_CLOEXEC)};
  l->pid = l->fd < 0 ? -1 : fork();
  if (l->pid == 0) {
    become_child(self);
    child(o, l->fd);
    _exit(0);
  }
  if (l->pid > 0) { return MOON_OK; }
  (void)snprintf(error, cap, "loading: %s%s", strerror(errno), moon_remedy(errno));
  moon_load_forget(l);
  return MOON_E_CONFIG;
}

enum moon_err moon_load_end(struct moon_loading *l, int status, struct moon_plan **out, char *error, size_t cap) {
  const struct moon_load_options none = {.config = NULL};
  bool late = false;
  error[0] = 0;
  (void)lseek(l->fd, 0, SEEK_SET);
  enum moon_err e = take(&none, l->fd, out, error, cap, &late);
  moon_load_forget(l);
  return e && !error[0] ? silent(error, cap, false, status) : e;
}

void moon_load_forget(struct moon_loading *l) {
  if (l->fd >= 0) { close(l->fd); }
  *l = (struct moon_loading){.fd = -1};
}
