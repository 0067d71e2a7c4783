#define _GNU_SOURCE
#include "writer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "output.h"

/* While runs come in, look again after this long instead of being woken for each: one wake-up for many records. */
#define NAP_MS 4
#define LIVE_MS 500

struct scribe {
  const struct moon_writer_config *c;
  struct moon_output *output;
  struct moon_print out;
  char next[16]; /* format from here on; "": as it was */
  bool ending;
  bool live;
  int status; /* set with a failure of the output */
};

static void live_put(const struct scribe *s, bool show) {
  struct moon_stats_sum sum;
  struct moon_print line;
  struct timespec now;
  moon_print_init(&line, NULL, NULL);
  moon_print_text(&line, "\r\033[K");
  if (show) {
    moon_stats_read(s->c->stats, &sum);
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)s->c->stats->head->started_us / 1e6;
    /* Cut at the edge of the terminal: of a line that wraps only the last part would be taken back. */
    moon_print_printf(&line, "\033[?7l%u device%s  %llu runs ok  %llu failed  %llu under way  %llu samples  %llu requests  %llu in flight  %.0f s"
                    "\033[?7h", s->c->stats->head->n_targets, s->c->stats->head->n_targets == 1 ? "" : "s", (unsigned long long)sum.runs.runs_ok,
                    (unsigned long long)(sum.runs.runs_failed + sum.runs.runs_timeout), (unsigned long long)sum.runs.runs_active,
                    (unsigned long long)sum.runs.samples, (unsigned long long)sum.counters.requests,
                    (unsigned long long)sum.counters.in_flight, seconds);
  }
  if (!line.failed) {
    ssize_t done = write(STDERR_FILENO, line.p, line.n);
    (void)done;
  }
  moon_print_fini(&line);
}

/* The disk is full: what came of a line is taken back, so that the file ends with a whole one. Blocks begin with a line. Only at
 * the end of a file, where nobody wrote since. */
static void take_back(const struct scribe *s, const uint8_t *p, size_t n) {
  struct stat st;
  const uint8_t *line = memrchr(p, '\n', n);
  size_t torn = line ? (size_t)(p + n - line) - 1 : n;
  off_t at = torn ? lseek(s->c->fd, 0, SEEK_CUR) : -1;
  if (at < (off_t)torn || fstat(s->c->fd, &st) || !S_ISREG(st.st_mode) || st.st_size != at) { return; }
  if (ftruncate(s->c->fd, at - (off_t)torn)) { return; }
  (void)lseek(s->c->fd, at - (off_t)torn, SEEK_SET);
}

static bool write_all(void *arg, const uint8_t *p, size_t n) {
  struct scribe *s = arg;
  const uint8_t *first = p;
  if (s->live) { live_put(s, false); }
  while (n) {
    ssize_t done = write(s->c->fd, p, n);
    if (done >= 0) {
      p += done;
      n -= (size_t)done;
    } else if (errno == EAGAIN) { /* somebody else made the pipe non-blocking */
      poll(&(struct pollfd){.fd = s->c->fd, .events = POLLOUT}, 1, -1);
    } else if (errno == EPIPE) {
      s->status = MOON_WRITER_NO_READER;
      return false;
    } else if (errno != EINTR) {
      moon_log(MOON_LOG_ERROR, "cannot write to stdout: %m");
      take_back(s, first, (size_t)(p - first));
      s->status = MOON_WRITER_FAILED;
      return false;
    }
  }
  return true;
}

/* Everything that lies in the rings now; true when there was something. */
static bool drain(struct scribe *s) {
  bool any = false;
  for (uint32_t i = 0; i < s->c->n_rings; i++) {
    struct moon_ring *r = &s->c->rings[i];
    const uint8_t *p;
    uint32_t n;
    bool broken = false;
    while (!s->out.failed && moon_ring_peek(r, &p, &n, &broken)) {
      enum moon_err err = s->output ? s->output->record(s->output, p, n, &s->out) : MOON_OK;
      moon_ring_take(r);
      any = true;
      if (err) { moon_log(MOON_LOG_ERROR, "a run of worker %u could not be written: %s", i, moon_err_text(err)); }
    }
    if (broken) { moon_log(MOON_LOG_ERROR, "the ring of worker %u was overwritten: its runs are lost", i); }
  }
  return any;
}

/* Waits for a bell, the master, or the reader's end. */
static void wait_for(struct scribe *s, bool data, int timeout_ms) {
  struct pollfd fds[] = {
    {.fd = s->ending ? -1 : s->c->control_fd, .events = POLLIN},
    {.fd = s->c->fd, .events = 0},
    {.fd = data ? s->c->data_fd : -1, .events = POLLIN}};
  if (poll(fds, 3, timeout_ms) <= 0) { return; }
  if (fds[1].revents & (POLLERR | POLLHUP)) {
    s->status = MOON_WRITER_NO_READER;
    s->out.failed = true;
  }
  if (fds[2].revents) {
    uint64_t n;
    ssize_t done = read(s->c->data_fd, &n, sizeof n);
    (void)done;
  }
  if (fds[0].revents) {
    char order[sizeof s->next + 1] = "";
    ssize_t n_read = read(s->c->control_fd, order, sizeof order - 1);
    if (n_read > 1 && order[0] == 'F') {
      memcpy(s->next, order + 1, (size_t)n_read);
      return;
    }
    if (n_read <= 0) {
      s->status = MOON_WRITER_FAILED;
      s->out.failed = true;
    }
    s->ending = true;
  }
}

static void sleep_until_data(struct scribe *s) {
  for (uint32_t i = 0; i < s->c->n_rings; i++) { moon_ring_sleep(&s->c->rings[i]); }
  bool empty = true;
  for (uint32_t i = 0; i < s->c->n_rings; i++) { empty = empty && moon_ring_used(&s->c->rings[i]) == 0; }
  if (empty) { wait_for(s, true, s->live ? LIVE_MS : -1); }
  for (uint32_t i = 0; i < s->c->n_rings; i++) { moon_ring_awake(&s->c->rings[i]); }
}

/* false: it cannot, which was told. */
static bool choose(struct scribe *s, const char *format) {
  struct moon_output *output = moon_output_new(format);
  if (!output && strcmp(format, "null") != 0) {
    moon_log(MOON_LOG_ERROR, "the writer of \"%s\" cannot start", format);
    return false;
  }
  if (s->output) { s->output->free(s->output); }
  if (s->live) { live_put(s, false); }
  s->output = output;
  s->live = s->c->live && strcmp(format, "table") == 0;
  moon_log_live(s->live);
  return true;
}

/* Behind all that was handed over before. */
static void change(struct scribe *s) {
  (void)drain(s);
  moon_print_flush(&s->out);
  (void)choose(s, s->next); /* else it goes on as it did */
  s->next[0] = 0;
}

int moon_writer_run(const struct moon_writer_config *c) {
  struct scribe s = {.c = c};
  if (!choose(&s, c->format)) { return MOON_WRITER_FAILED; }
  moon_print_init(&s.out, write_all, &s);
  while (!s.out.failed) {
    if (s.next[0]) { change(&s); }
    bool last = s.ending;
    if (drain(&s)) {
      moon_print_flush(&s.out);
      if (!s.out.failed && !s.ending) { wait_for(&s, false, NAP_MS); }
    } else if (last) {
      break; /* the workers were gone before the rings were found empty */
    } else {
      if (s.live) { live_put(&s, true); }
      sleep_until_data(&s);
    }
  }
  if (s.live) { live_put(&s, false); }
  if (s.out.failed && !s.status) {
    moon_log(MOON_LOG_ERROR, "the writer is out of memory");
    s.status = MOON_WRITER_FAILED;
  }
  moon_print_fini(&s.out);
  if (s.output) { s.output->free(s.output); }
  return s.status;
}
