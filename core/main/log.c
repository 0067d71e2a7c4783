#include "log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "format.h"

#define LINE_MAX_OCTETS 16384 /* of one entry; what is longer is cut: PIPE_BUF would be 4096, a traceback may be more */

#define PATIENCE_MS 200         /* for a reader of the log that is slow; one that stands still must not stop the polling */

static enum moon_level threshold = MOON_LOG_INFO;
static unsigned long dropped;    /* lines since stderr was last writable */
static bool live_line;

void moon_log_level(enum moon_level level) { threshold = level; }
void moon_log_live(bool live) { live_line = live; }

static void put(const char *line, size_t n) {
  for (size_t at = 0; at < n;) {
    ssize_t done = write(STDERR_FILENO, line + at, n - at);
    if (done <= 0) { return; }
    at += (size_t)done;
  }
}

/* Says how many lines are missing once it is taken again. */
static bool is_taken(void) {
  char line[96];
  struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&fd, 1, dropped ? 0 : PATIENCE_MS) == 0) {
    dropped++;
    return false;
  }
  if (dropped) {
    put(line, (size_t)snprintf(line, sizeof line, "warn %lu lines of the log are missing here: nobody read them\n", dropped));
    dropped = 0;
  }
  return true;
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
  if (is_taken()) { put(line, n); }
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
