#include "watchdog.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#if defined(__SANITIZE_THREAD__)
#define UNKNOWN_JOIN 1
#elif defined(__has_feature)
#define UNKNOWN_JOIN __has_feature(thread_sanitizer)
#else
#define UNKNOWN_JOIN 0
#endif

/* What the handler is about; written before the signal is sent. */
static const struct moon_watchdog *watching;
static uint64_t asked, asked_since_ns;

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t)) { return 0; }
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_signal(int number) {
  int saved = errno;
  const struct moon_watchdog *w = __atomic_load_n(&watching, __ATOMIC_ACQUIRE);
  (void)number;
  if (w) { w->stop(w->arg, moon_pulse_load(&asked), moon_pulse_load(&asked_since_ns)); }
  errno = saved;
}

static void look(const struct moon_watchdog *w, pthread_t thread, clockid_t clock, uint64_t *since_ns) {
  struct moon_pulse *p = w->pulse;
  uint64_t resume = moon_pulse_load(&p->resume);
  if (!(resume & 1)) { return; }
  uint64_t now = clock_ns(clock);
  if (p->held != resume) {
    *since_ns = now;
    moon_pulse_store(&p->held_us, 0);
    moon_pulse_store(&p->held, resume);
    return;
  }
  uint64_t held_us = (now - *since_ns) / 1000;
  moon_pulse_store(&p->held_us, held_us);
  if (held_us < w->limit_ms * UINT64_C(1000)) { return; }
  moon_pulse_store(&asked, 0); /* none, while the two do not belong together */
  moon_pulse_store(&asked_since_ns, *since_ns);
  moon_pulse_store(&asked, resume);
  pthread_kill(thread, SIGURG);
}

/* 0: it has ended; ETIMEDOUT. Thread sanitizers before LLVM 15 do not know the call that does it. */
static int join_until(pthread_t thread, const struct timespec *until) {
#if UNKNOWN_JOIN
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, until, NULL);
  return pthread_tryjoin_np(thread, NULL) ? ETIMEDOUT : 0;
#else
  return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, until);
#endif
}

void moon_watchdog_join(pthread_t thread, const struct moon_watchdog *w) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  struct timespec until;
  sigset_t set;
  clockid_t clock;
  uint64_t since_ns = 0;
  sigemptyset(&action.sa_mask);
  sigemptyset(&set);
  sigaddset(&set, SIGURG);
  pthread_sigmask(SIG_BLOCK, &set, NULL); /* not in this thread */
  __atomic_store_n(&watching, w, __ATOMIC_RELEASE);
  if (sigaction(SIGURG, &action, NULL) || pthread_getcpuclockid(thread, &clock)) {
    pthread_join(thread, NULL);
    return;
  }
  do {
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += MOON_WATCHDOG_TICK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
      until.tv_nsec -= 1000000000L;
      until.tv_sec++;
    }
    look(w, thread, clock, &since_ns);
  } while (join_until(thread, &until) == ETIMEDOUT);
  __atomic_store_n(&watching, NULL, __ATOMIC_RELEASE);
}
