/* Where threads and processes meet: the ring between worker and writer, the desk between master and workers, the pulse of a
 * worker's thread and the watchdog in it. With threads on both sides, so that the thread sanitizer sees (tests/threads.sh). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../../core/main/desk.h"
#include "../../core/main/ring.h"
#include "../../core/main/watchdog.h"

#define PATIENCE_MS 20000

static bool is_readable(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, PATIENCE_MS) == 1;
}

/* ---- ring */

enum { FRAMES = 100000, FRAME_MAX = 300, CAP = 4096 };

static uint32_t frame_len(uint32_t i) { return i * 7919u % FRAME_MAX; }

static void *put_frames(void *arg) {
  struct moon_ring *r = arg;
  uint8_t frame[FRAME_MAX];
  for (uint32_t i = 0; i < FRAMES; i++) {
    memset(frame, (int)(i & 0xff), sizeof frame);
    while (!moon_ring_put(r, frame, frame_len(i))) {
      if (!is_readable(r->space_fd)) { return arg; }
      moon_ring_room(r);
    }
  }
  return NULL;
}

static void ring(void **state) {
  struct moon_ring r;
  pthread_t producer;
  const uint8_t *p;
  uint32_t n, wrong = 0;
  bool broken = false;
  void *failed;
  int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  (void)state;
  assert_int_equal(moon_ring_init(&r, CAP, bell), MOON_OK);
  assert_int_equal(pthread_create(&producer, NULL, put_frames, &r), 0);
  for (uint32_t i = 0; i < FRAMES;) {
    if (moon_ring_peek(&r, &p, &n, &broken)) {
      wrong += n != frame_len(i) || (n && (p[0] != (i & 0xff) || p[n - 1] != (i & 0xff)));
      moon_ring_take(&r);
      i++;
      continue;
    }
    moon_ring_sleep(&r);
    if (moon_ring_used(&r) == 0) { assert_true(is_readable(bell)); }
    moon_ring_awake(&r);
    uint64_t times;
    ssize_t done = read(bell, &times, sizeof times);
    (void)done;
  }
  assert_int_equal(pthread_join(producer, &failed), 0);
  assert_null(failed);
  assert_false(broken);
  assert_int_equal(wrong, 0);
  assert_int_equal(moon_ring_used(&r), 0);
  moon_ring_fini(&r);
  close(bell);
}

/* ---- desk */

enum { QUESTIONS = 3000, WORKERS = 2, SLIP = 1 };

struct clerk { struct moon_desk *desk; uint32_t worker; };

/* Answers each question with its own words, twice. */
static void *answer_all(void *arg) {
  const struct clerk *c = arg;
  char question[MOON_DESK_QUESTION], answer[2 * MOON_DESK_QUESTION];
  uint32_t number;
  while (is_readable(c->desk->worker_fd[c->worker])) {
    moon_desk_hush(c->desk, c->worker);
    if (!moon_desk_question(c->desk, SLIP, c->worker, question, &number)) { continue; }
    if (strcmp(question, "end") == 0) { return NULL; }
    int n = snprintf(answer, sizeof answer, "%s %s", question, question);
    moon_desk_reply(c->desk, SLIP, c->worker, number, answer, (uint32_t)n);
  }
  return arg;
}

static void desk(void **state) {
  struct moon_desk d;
  struct clerk clerks[WORKERS];
  pthread_t thread[WORKERS];
  char question[64], want[160];
  const char *answer;
  uint32_t n, wrong = 0;
  (void)state;
  assert_int_equal(moon_desk_init(&d, WORKERS), MOON_OK);
  for (uint32_t i = 0; i < WORKERS; i++) {
    clerks[i] = (struct clerk){&d, i};
    assert_int_equal(pthread_create(&thread[i], NULL, answer_all, &clerks[i]), 0);
  }
  for (uint32_t q = 0; q < QUESTIONS; q++) {
    snprintf(question, sizeof question, "target %0*u", (int)(1 + q % 20), (unsigned)q);
    snprintf(want, sizeof want, "%s %s", question, question);
    moon_desk_ask(&d, SLIP, question);
    for (uint32_t i = 0; i < WORKERS; i++) {
      while (!(answer = moon_desk_answer(&d, SLIP, i, &n))) {
        assert_true(is_readable(d.bell_fd));
        moon_desk_heard(&d);
      }
      wrong += n != strlen(want) || memcmp(answer, want, n) != 0;
    }
  }
  moon_desk_ask(&d, SLIP, "end");
  for (uint32_t i = 0; i < WORKERS; i++) {
    void *failed;
    assert_int_equal(pthread_join(thread[i], &failed), 0);
    assert_null(failed);
  }
  assert_int_equal(wrong, 0);
  moon_desk_fini(&d);
}

/* ---- pulse */

enum { LIMIT_MS = 15, LATE_MS = 25 /* two ticks of 10 ms, and some */, LONG = 5, SHORT = 2000, STACK_OCTETS = 1 << 20 };

static struct moon_pulse pulse;
static uint64_t stopped; /* the resume that was */

static void stop(void *arg, uint64_t resume, uint64_t since_ns) {
  (void)arg;
  if (since_ns && resume == moon_pulse_load(&pulse.resume)) { moon_pulse_store(&stopped, resume); }
}

static double cpu_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* where the sanitizer lets signals in */
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void *burn(void *arg) {
  double begun = cpu_ms();
  while (cpu_ms() < begun + 6 * LIMIT_MS) { }
  return arg;
}

/* What another thread of the process takes is not the watched one's. */
static bool stops_who_waits(void) {
  pthread_t other;
  moon_pulse_enter(&pulse, LONG + SHORT);
  bool wrong = pthread_create(&other, NULL, burn, NULL) || pthread_join(other, NULL) || moon_pulse_load(&stopped) == pulse.resume;
  moon_pulse_leave(&pulse);
  return wrong;
}

/* Returns how many resumes ended otherwise than they should. */
static void *resumes(void *arg) {
  uintptr_t wrong = 0;
  (void)arg;
  for (int i = 0; i < LONG + SHORT; i++) {
    bool is_long = i % (1 + SHORT / LONG) == 0;
    moon_pulse_enter(&pulse, (uint64_t)i);
    double begun = cpu_ms();
    while (is_long && moon_pulse_load(&stopped) != pulse.resume && cpu_ms() < begun + 5000) { }
    wrong += (moon_pulse_load(&stopped) == pulse.resume) != is_long;
    moon_pulse_leave(&pulse);
  }
  wrong += stops_who_waits();
  return (void *)wrong;
}

static uintptr_t wrongs;
static void *count_wrongs(void *arg) {
  __atomic_store_n(&wrongs, (uintptr_t)resumes(arg), __ATOMIC_RELAXED);
  return NULL;
}

static void watchdog(void **state) {
  struct moon_watchdog w = {.pulse = &pulse, .limit_ms = LIMIT_MS, .stop = stop};
  (void)state;
  assert_int_equal(moon_watchdog_run(&w, STACK_OCTETS, count_wrongs, NULL), 0);
  assert_int_equal(wrongs, 0);
  assert_int_equal(pulse.resume, 2 * (LONG + SHORT + 1));
  assert_true(stopped > 0);
}

static double stopped_ms; /* processor time until the stop */

static void *runs_on(void *arg) {
  static const struct sched_param first = {.sched_priority = 1};
  pthread_setschedparam(pthread_self(), SCHED_FIFO, &first); /* not for everybody, but as root: it alone has the processor while it wants it */
  moon_pulse_enter(&pulse, 0);
  double begun = cpu_ms();
  while (moon_pulse_load(&stopped) != pulse.resume && cpu_ms() < begun + 2000) { }
  stopped_ms = cpu_ms() - begun;
  moon_pulse_leave(&pulse);
  return arg;
}

/* On a machine where there is no time for anybody else the script is stopped by the same moment of its own time. */
static void nobody_else_is_waited_for(void **state) {
  struct moon_watchdog w = {.pulse = &pulse, .limit_ms = LIMIT_MS, .stop = stop};
  cpu_set_t all, one;
  (void)state;
  assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  CPU_SET((unsigned)sched_getcpu(), &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(moon_watchdog_run(&w, STACK_OCTETS, runs_on, NULL), 0);
    assert_in_range((uint64_t)stopped_ms, LIMIT_MS, LIMIT_MS + LATE_MS);
  }
  assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void *raises(void *arg) {
  kill(getpid(), SIGPROF); /* blocked in the other thread: it comes here, where nothing is to be stopped */
  return arg;
}

static void other_handler(int number) { (void)number; }

/* Of who had one of them blocked, and another handler. */
static void signals_are_given_back(void **state) {
  static const int all[] = {SIGURG, SIGPROF};
  struct moon_watchdog w = {.pulse = &pulse, .limit_ms = LIMIT_MS, .stop = stop};
  struct sigaction on = {.sa_handler = other_handler}, is;
  sigset_t set, mask;
  (void)state;
  for (int failing = 0; failing < 2; failing++) {
    for (size_t blocked = 0; blocked < 2; blocked++) {
      sigemptyset(&set);
      sigaddset(&set, all[blocked]);
      assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
      sigaction(SIGURG, &on, NULL);
      assert_int_equal(moon_watchdog_run(&w, failing ? 1 : STACK_OCTETS, raises, NULL), failing ? EINVAL : 0);
      assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
      for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sigismember(&mask, all[i]), i == blocked);
        sigaction(all[i], NULL, &is);
        assert_ptr_equal(is.sa_handler, i ? SIG_DFL : other_handler);
      }
      assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
      signal(SIGURG, SIG_DFL);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ring),
    cmocka_unit_test(desk),
    cmocka_unit_test(watchdog),
    cmocka_unit_test(nobody_else_is_waited_for),
    cmocka_unit_test(signals_are_given_back),
  };
  return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
