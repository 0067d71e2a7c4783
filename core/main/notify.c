#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define AGAIN_US (20 * 1000) /* until all workers are at work, or the manager has room */

/* false: it has no room now. */
static bool say(const char *text) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  size_t n = path ? strlen(path) : 0;
  if (n < 2 || n >= sizeof a.sun_path || (*path != '/' && *path != '@')) { return true; }
  memcpy(a.sun_path, path, n);
  if (*path == '@') { a.sun_path[0] = 0; } /* an abstract one */
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) { return false; }
  ssize_t done = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
  bool full = done < 0 && (errno == EAGAIN || errno == ENOBUFS);
  close(fd);
  return !full;
}

/* Half of what it allows, if that is meant for this process; 0: it does not watch. */
static uint64_t watchdog_us(void) {
  const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
  if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid())) { return 0; }
  return strtoull(usec, NULL, 10) / 2;
}

/* CLOCK_MONOTONIC: by that the manager tells an answer to what it asks from one to what was asked before. */
static bool say_reloading(uint64_t now_us) {
  char text[64];
  (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_us);
  return say(text);
}

/* asked: somebody waits for it. */
static bool say_reloaded(const struct moon_reload *r, bool asked) {
  char text[sizeof r->said + 64];
  int n = snprintf(text, sizeof text, "%sSTATUS=%s", asked ? "READY=1\n" : "", r->failed ? "not reloaded: " : "reloaded: ");
  (void)snprintf(text + n, sizeof text - (size_t)n, "%s", r->said);
  for (char *p = text + n; *p; p++) {
    if ((unsigned char)*p < ' ') { *p = ' '; } /* what a file says begins no line */
  }
  return say(text);
}

void moon_notify_init(struct moon_notify *n, uint64_t now_us) {
  *n = (struct moon_notify){.alive_us = watchdog_us() ? now_us : UINT64_MAX};
}

uint64_t moon_notify_tick(struct moon_notify *n, bool working, bool stopping, const struct moon_reload *r, uint64_t now_us) {
  bool again = false;
  if (now_us >= n->alive_us) {
    (void)say("WATCHDOG=1");
    n->alive_us = now_us + watchdog_us();
  }
  if (stopping) {
    if (!n->stopping) { n->stopping = say("STOPPING=1"); }
    again = !n->stopping;
  } else if (!n->ready) {
    n->ready = working && say("READY=1");
    again = !n->ready;
  } else {
    if (n->told != n->asked && say_reloading(now_us)) {
      n->told = n->asked;
      n->reloading = true;
    }
    bool over = r->done != n->done && (!n->reloading || (int32_t)(r->done - n->told) >= 0);
    if (over && say_reloaded(r, n->reloading)) {
      n->done = r->done;
      n->reloading = over = false;
    }
    again = over || n->told != n->asked;
  }
  uint64_t next = now_us + AGAIN_US;
  return again && next < n->alive_us ? next : n->alive_us;
}
