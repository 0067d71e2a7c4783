#include "watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

/* What the handler is about; written before it is there, but for the last. */
static struct {
  const struct moon_watchdog *w;
  void *(*work)(void *arg);
  void *arg;
  uint64_t since_ns; /* the resume in the pulse was seen first */
} watched;
static __thread bool is_watched;

static void look(void) {
  struct moon_pulse *p = watched.w->pulse;
  struct timespec t;
  uint64_t resume = moon_pulse_load(&p->resume);
  if (!(resume & 1) || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)) { return; }
  uint64_t now_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
  if (p->held != resume) {
    watched.since_ns = now_ns;
    moon_pulse_store(&p->held_us, 0);
    moon_pulse_store(&p->held, resume);
    return;
  }
  uint64_t held_us = (now_ns - watched.since_ns) / 1000;
  moon_pulse_store(&p->held_us, held_us);
  if (held_us >= watched.w->limit_ms * UINT64_C(1000)) { watched.w->stop(watched.w->arg, resume, watched.since_ns); }
}

/* In the watched thread; threads that one begins are nobody's. */
static void on_tick(int number) {
  int saved = errno;
  (void)number;
  if (is_watched) { look(); }
  errno = saved;
}

static void tick_every_ms(long ms) {
  struct itimerval t = {{0, ms * 1000}, {0, ms * 1000}};
  setitimer(ITIMER_PROF, &t, NULL);
}

static void *work(void *unused) {
  (void)unused;
  is_watched = true;
  tick_every_ms(MOON_WATCHDOG_TICK_MS);
  return watched.work(watched.arg);
}

/* SIGPROF for this thread alone: threads that begin while it is blocked, and theirs, have it blocked. */
static void block(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPROF);
  pthread_sigmask(how, &set, NULL);
}

int moon_watchdog_run(const struct moon_watchdog *w, size_t stack_octets, void *(*fn)(void *arg), void *arg) {
  struct sigaction on = {.sa_handler = on_tick, .sa_flags = SA_RESTART}, was;
  sigset_t mask;
  pthread_t thread;
  pthread_attr_t attr;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  watched.w = w;
  watched.work = fn;
  watched.arg = arg;
  sigemptyset(&on.sa_mask);
  sigaction(SIGPROF, &on, &was);
  block(SIG_UNBLOCK);
  pthread_attr_init(&attr);
  int err = pthread_attr_setstacksize(&attr, stack_octets);
  if (!err) { err = pthread_create(&thread, &attr, work, NULL); }
  pthread_attr_destroy(&attr);
  block(SIG_BLOCK);
  if (!err) { pthread_join(thread, NULL); }
  tick_every_ms(0);
  /* What is on its way still is dropped: nobody is killed by it, and nothing is there any more that a handler would look at. */
  signal(SIGPROF, SIG_IGN);
  sigaction(SIGPROF, &was, NULL);
  block(sigismember(&mask, SIGPROF) ? SIG_BLOCK : SIG_UNBLOCK);
  return err;
}
