/* turns: what each turn of a program's loop takes by the processor time of its thread, from libc's epoll_wait to the next: put in front of
 * libc (LD_PRELOAD), so that the program is as it is. On a machine that others use, too, a turn is long by the clock on the wall when it
 * is not given the processor, which is none of its doing.
 *
 *   cc -O2 -shared -fPIC -o turns.so bench/turns.c
 *   truncate -s 4096 FILE; TURNS=FILE LD_PRELOAD=./turns.so moonpoll run ...
 *
 * FILE: u64 each: turns; the longest, in ns of processor time; the longest of those that were not cut in on, for the kernel charges a turn with
 * what it does when it gives the processor to another: up to 7 ms were seen in turns that did next to nothing; the longest by the wall; turns over 3, over
 * 5 ms of processor time; over 5 ms by the wall; and of these, those that were cut in on. Who writes zeros to it begins anew. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TURNS, LONGEST, LONGEST_ALONE, LONGEST_WALL, OVER_3, OVER_5, OVER_5_WALL, CUT_IN_ON, FIELDS };

static uint64_t *shared;

struct moment { uint64_t own_ns, wall_ns; long cuts; };

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct moment now(void) {
  struct rusage use;
  getrusage(RUSAGE_THREAD, &use);
  return (struct moment){clock_ns(CLOCK_THREAD_CPUTIME_ID), clock_ns(CLOCK_MONOTONIC), use.ru_nivcsw};
}

static void __attribute__((constructor)) map(void) {
  const char *path = getenv("TURNS");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p != MAP_FAILED) { shared = p; }
  if (fd >= 0) { close(fd); }
}

static void most(int field, uint64_t n) {
  uint64_t was = __atomic_load_n(&shared[field], __ATOMIC_RELAXED);
  while (n > was && !__atomic_compare_exchange_n(&shared[field], &was, n, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) { }
}

static void add(int field, int n) { __atomic_fetch_add(&shared[field], (uint64_t)n, __ATOMIC_RELAXED); }

static void note(const struct moment *from) {
  struct moment to = now();
  uint64_t own = to.own_ns - from->own_ns, wall = to.wall_ns - from->wall_ns;
  most(LONGEST, own);
  if (to.cuts == from->cuts) { most(LONGEST_ALONE, own); }
  most(LONGEST_WALL, wall);
  add(TURNS, 1);
  add(OVER_3, own > 3000000);
  add(OVER_5, own > 5000000);
  add(OVER_5_WALL, wall > 5000000);
  add(CUT_IN_ON, wall > 5000000 && to.cuts > from->cuts);
}

int epoll_wait(int fd, struct epoll_event *events, int n, int timeout_ms) {
  static __thread struct moment from;
  static int (*real)(int, struct epoll_event *, int, int);
  if (!real) { real = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait"); }
  if (!shared) { return real(fd, events, n, timeout_ms); }
  if (from.wall_ns) { note(&from); }
  int got = real(fd, events, n, timeout_ms);
  from = now();
  return got;
}
