#include "watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

/* What the handlers are about; written before they are there. */
static struct {
  const struct moon_watchdog *w;
  pthread_t thread;
  clockid_t clock;   /* its processor time */
  uint64_t since_ns; /* the resume in the pulse was seen first */
} watched;
static uint64_t asked, asked_since_ns; /* written before SIGURG is sent */

/* In the watched thread. */
static void on_asked(int number) {
  int saved = errno;
  (void)number;
  watched.w->stop(watched.w->arg, moon_pulse_load(&asked), moon_pulse_load(&asked_since_ns));
  errno = saved;
}

static void look(void) {
  struct moon_pulse *p = watched.w->pulse;
  struct timespec t;
  uint64_t resume = moon_pulse_load(&p->resume);
  if (!(resume & 1) || clock_gettime(watched.clock, &t)) { return; }
  uint64_t now_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
  if (p->held != resume) {
    watched.since_ns = now_ns;
    moon_pulse_store(&p->held_us, 0);
    moon_pulse_store(&p->held, resume);
    return;
  }
  uint64_t held_us = (now_ns - watched.since_ns) / 1000;
  moon_pulse_store(&p->held_us, held_us);
  if (held_us < watched.w->limit_ms * UINT64_C(1000)) { return; }
  moon_pulse_store(&asked, 0); /* none, while the two do not belong together */
  moon_pulse_store(&asked_since_ns, watched.since_ns);
  moon_pulse_store(&asked, resume);
  pthread_kill(watched.thread, SIGURG);
}

/* In the first thread, which does nothing but wait. */
static void on_tick(int number) {
  int saved = errno;
  (void)number;
  look();
  errno = saved;
}

static void tick_every_ms(long ms) {
  struct itimerval t = {{0, ms * 1000}, {0, ms * 1000}};
  setitimer(ITIMER_PROF, &t, NULL);
}

/* SIGPROF for this thread alone: threads that begin while it is blocked, and theirs, have it blocked. */
static void block(int how, int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  pthread_sigmask(how, &set, NULL);
}

static const int taken[] = {SIGURG, SIGPROF};
#define TAKEN (sizeof taken / sizeof *taken)

/* What a thread does with the signals that are taken. */
struct manners { sigset_t mask; struct sigaction action[TAKEN]; };

static void keep(struct manners *was) {
  pthread_sigmask(SIG_SETMASK, NULL, &was->mask);
  for (size_t i = 0; i < TAKEN; i++) { sigaction(taken[i], NULL, &was->action[i]); }
}

/* What is on its way still is dropped: nobody is killed by it, and nothing is there any more that a handler would look at. */
static void give_back(const struct manners *was) {
  for (size_t i = 0; i < TAKEN; i++) {
    signal(taken[i], SIG_IGN);
    sigaction(taken[i], &was->action[i], NULL);
    block(sigismember(&was->mask, taken[i]) ? SIG_BLOCK : SIG_UNBLOCK, taken[i]);
  }
}

int moon_watchdog_run(const struct moon_watchdog *w, size_t stack_octets, void *(*work)(void *arg), void *arg) {
  struct sigaction on = {.sa_handler = on_asked, .sa_flags = SA_RESTART};
  struct manners was;
  pthread_attr_t attr;
  keep(&was);
  sigemptyset(&on.sa_mask);
  watched.w = w;
  sigaction(SIGURG, &on, NULL);
  block(SIG_BLOCK, SIGPROF);
  pthread_attr_init(&attr);
  int err = pthread_attr_setstacksize(&attr, stack_octets);
  if (!err) { err = pthread_create(&watched.thread, &attr, work, arg); }
  pthread_attr_destroy(&attr);
  if (err) {
    give_back(&was);
    return err;
  }
  block(SIG_BLOCK, SIGURG); /* it is for the other thread */
  if (!pthread_getcpuclockid(watched.thread, &watched.clock)) {
    on.sa_handler = on_tick;
    sigaction(SIGPROF, &on, NULL);
    block(SIG_UNBLOCK, SIGPROF);
    tick_every_ms(MOON_WATCHDOG_TICK_MS);
  }
  pthread_join(watched.thread, NULL);
  tick_every_ms(0);
  give_back(&was);
  return 0;
}
