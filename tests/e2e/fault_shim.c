/* fault_shim: what a test does to the kernel's answers, loaded in front of libc (LD_PRELOAD). A file of struct fault, named by
 * MOON_FAULT, says what; it is mapped, so a test changes it while everything runs, and reads how often it happened.
 *
 *   clock_gettime, gettimeofday, time   the wall clock is wall_s seconds off; the monotonic one stays
 *   sendmmsg                            fails with send_errno: for everybody (to 0), or for datagrams to one IPv4 address
 *   setsockopt                          receive buffers are as small as `receive` octets
 *   inotify_add_watch                   fails with watch_errno                                                              */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct fault { int32_t wall_s, send_errno; uint32_t to; int32_t receive, watch_errno, sends_failed, watches_failed, spare; };

static struct fault none;
static volatile struct fault *now = &none;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("MOON_FAULT");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p != MAP_FAILED) { now = p; }
  if (fd >= 0) { close(fd); }
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name)

int clock_gettime(clockid_t clock, struct timespec *out) {
  static __typeof__(&clock_gettime) real; /* asked for often, and before begin() */
  if (!real) { real = (__typeof__(real))(uintptr_t)dlsym(RTLD_NEXT, "clock_gettime"); }
  int r = real(clock, out);
  if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) { out->tv_sec += now->wall_s; }
  return r;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  (void)zone;
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  *out = (struct timeval){ t.tv_sec, t.tv_nsec / 1000 };
  return 0;
}

time_t time(time_t *out) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (out) { *out = t.tv_sec; }
  return t.tv_sec;
}

int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags) {
  REAL(sendmmsg);
  unsigned good = 0;
  while (now->send_errno && now->to && good < n) {
    const struct sockaddr_in *to = m[good].msg_hdr.msg_name;
    if (to && to->sin_family == AF_INET && to->sin_addr.s_addr == now->to) { break; }
    good++;
  }
  if (!now->send_errno || (now->to && good == n)) { return real(fd, m, n, flags); }
  if (good) { return real(fd, m, good, flags); } /* as the kernel: what went before, the error at the next call */
  now->sends_failed++;
  errno = now->send_errno;
  return -1;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len) {
  REAL(setsockopt);
  if (now->receive && level == SOL_SOCKET && (option == SO_RCVBUF || option == SO_RCVBUFFORCE)) {
    int small = now->receive;
    return real(fd, level, SO_RCVBUF, &small, sizeof small);
  }
  return real(fd, level, option, value, len);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask) {
  REAL(inotify_add_watch);
  if (!now->watch_errno) { return real(fd, path, mask); }
  now->watches_failed++;
  errno = now->watch_errno;
  return -1;
}
