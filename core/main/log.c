#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "format.h"

#define LINE_MAX_OCTETS 16384 /* of one entry; what is longer is cut: PIPE_BUF would be 4096, a traceback may be more */

#define PATIENCE_MS 200         /* for a reader of the log that is slow; one that stands still must not stop the polling */

static enum moon_level threshold = MOON_LOG_INFO;
static unsigned long dropped;    /* lines since stderr was last writable */
static bool torn;                /* the first of them is there in part */
static int cause;                /* errno of the first of them, and one of another process may be there in part; 0: nobody read it */
static bool live_line;
static bool waits;               /* writing to standard error may */

void moon_log_level(enum moon_level level) { threshold = level; }
void moon_log_live(bool live) { live_line = live; }

/* Standard error where writing never waits: opened anew, for O_NONBLOCK would be everybody's who has it. Itself, where it waits for
 * nobody, or where that cannot be. */
static int open_own(void) {
  struct stat st;
  waits = false;
  if (fstat(STDERR_FILENO, &st) || S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode)) { return STDERR_FILENO; }
  int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  waits = fd < 0;
  return fd < 0 ? STDERR_FILENO : fd;
}

static bool has_room(int fd, int patience_ms) {
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  return poll(&p, 1, patience_ms) != 0;
}

static ssize_t put_some(int fd, const char *p, size_t n) {
  ssize_t done = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (done >= 0 || errno != ENOTSOCK) { return done; }
  if (!waits) { return write(fd, p, n); }
  if (!has_room(fd, 0)) {
    errno = EAGAIN;
    return -1;
  }
  return write(fd, p, n < PIPE_BUF ? n : PIPE_BUF); /* so much a pipe takes that has room at all */
}

/* false: nobody took all of it. */
static bool put(int fd, const char *line, size_t n) {
  int why = 0;
  for (size_t at = 0; at < n;) {
    ssize_t done = put_some(fd, line + at, n - at);
    if (done > 0) {
      at += (size_t)done;
      continue;
    }
    if (done < 0 && errno == EINTR) { continue; }
    if (done < 0 && errno != EAGAIN) { why = errno; }
    if (why || !has_room(fd, PATIENCE_MS)) {
      cause = dropped ? cause : why;
      torn = torn || at > 0;
      return false;
    }
  }
  return true;
}

/* Says how many lines are missing once one is taken again. */
static void say(int fd, const char *line, size_t n) {
  char missing[96];
  bool taken = has_room(fd, dropped ? 0 : PATIENCE_MS);
  if (taken && dropped) {
    int len = snprintf(missing, sizeof missing, "%swarn %lu lines of the log are missing here: %s\n", torn || cause ? "\n" : "", dropped,
                       cause ? strerror(cause) : "nobody read them");
    taken = put(fd, missing, (size_t)len);
    torn = torn && !taken;
    dropped = taken ? 0 : dropped;
  }
  dropped += !taken || !put(fd, line, n);
}

void moon_log_text(enum moon_level level, const char *text) {
  static const char *const names[] = {"error", "warn", "info", "debug"};
  if (level > threshold) { return; }
  char line[LINE_MAX_OCTETS + 16];
  struct timespec ts;
  struct tm tm;
  clock_gettime(CLOCK_REALTIME, &ts);
  gmtime_r(&ts.tv_sec, &tm);
  size_t n = (size_t)snprintf(line, 128, "%s%s %04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", live_line ? "\r\033[K" : "", names[level],
                              tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                              (int)(ts.tv_nsec / 1000000));
  while (*text && n < LINE_MAX_OCTETS) {
    size_t len = strcspn(text, "\n\t");
    size_t fits = (LINE_MAX_OCTETS - n) / 4;
    n += moon_format_printable(line + n, text, len < fits ? len : fits);
    if (len >= fits) { break; }
    text += len;
    if (*text == '\t') { line[n++] = '\t'; }
    if (*text == '\n' && text[1]) {
      memcpy(line + n, "\n  ", 3);
      n += 3;
    }
    text += *text != 0;
  }
  line[n++] = '\n';
  int fd = open_own();
  say(fd, line, n);
  if (fd != STDERR_FILENO) { close(fd); }
}

void moon_log(enum moon_level level, const char *fmt, ...) {
  char text[4096];
  va_list ap;
  if (level > threshold) { return; }
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  moon_log_text(level, text);
}
