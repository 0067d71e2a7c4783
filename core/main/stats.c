#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../moonpoll.h"

enum moon_err moon_stats_init(struct moon_stats *s, const char *path, uint32_t n_workers) {
  size_t at = (sizeof(struct moon_stats_head) + 63) & ~(size_t)63;
  size_t size = at + n_workers * sizeof(struct moon_stats_block);
  int fd = -1;
  if (path) {
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) { return MOON_E_CONFIG; }
    int cause = posix_fallocate(fd, 0, (off_t)size); /* a file with holes would kill who writes there once the disk is full */
    if (cause) {
      close(fd);
      unlink(path);
      errno = cause;
      return MOON_E_CONFIG;
    }
  }
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
  if (fd >= 0) { close(fd); }
  if (p == MAP_FAILED) { return MOON_E_NOMEM; }
  struct timespec mono, wall;
  clock_gettime(CLOCK_MONOTONIC, &mono);
  clock_gettime(CLOCK_REALTIME, &wall);
  s->head = p;
  s->blocks = (struct moon_stats_block *)(void *)((char *)p + at);
  s->head->size = size;
  s->head->n_workers = n_workers;
  s->head->master = (int32_t)getpid();
  s->head->started_us = (uint64_t)mono.tv_sec * 1000000 + (uint64_t)mono.tv_nsec / 1000;
  s->head->started_s = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9;
  s->head->magic = MOON_STATS_MAGIC;
  return MOON_OK;
}

void moon_stats_fini(struct moon_stats *s) {
  if (s->head) { munmap(s->head, s->head->size); }
  s->head = NULL;
}

static void add_counters(struct moon_counters *to, const struct moon_counters *from) {
#define MOON_COUNTER_ADD(field, help) to->field += from->field;
  MOON_COUNTERS(MOON_COUNTER_ADD)
#undef MOON_COUNTER_ADD
  for (size_t i = 0; i < MOON_E_PUBLIC_N; i++) { to->error[i] += from->error[i]; }
}

static void add_runs(struct moon_run_counters *to, const struct moon_run_counters *from) {
#define MOON_COUNTER_ADD(field, help) to->field += from->field;
  MOON_RUN_COUNTERS(MOON_COUNTER_ADD)
#undef MOON_COUNTER_ADD
}

uint64_t moon_counters_errors(const struct moon_counters *c) {
  uint64_t n = 0;
  for (size_t i = 0; i < MOON_E_PUBLIC_N; i++) { n += c->error[i]; }
  return n;
}

static uint64_t requests_ended(const struct moon_counters *c) { return c->answered + moon_counters_errors(c); }
static uint64_t datagrams_told(const struct moon_counters *c) {
  return c->matched + c->late + c->duplicate + c->wrong_source + c->malformed + c->unknown;
}

void moon_stats_bury(struct moon_stats *s, uint32_t slot, bool lost) {
  struct moon_stats_block *b = &s->blocks[slot];
  /* Killed between two stores, one of a pair may be missing: what has no verdict is lost, never below nothing. */
  uint64_t ended = requests_ended(&b->live), told = datagrams_told(&b->live);
  if (b->live.requests < ended) { b->live.requests = ended; }
  if (b->live.datagrams_in < told) { b->live.datagrams_in = told; }
  b->lost_requests += b->live.requests - ended;
  b->lost_datagrams += b->live.datagrams_in - told;
  b->lost_runs += b->runs.runs_active;
  b->live.in_flight = b->live.timers = 0;
  b->runs.runs_active = b->runs.runs_waiting = b->runs.tasks_active = 0;
  add_counters(&b->past, &b->live);
  add_runs(&b->past_runs, &b->runs);
  memset(&b->live, 0, sizeof b->live);
  memset(&b->runs, 0, sizeof b->runs);
  memset(&b->pulse, 0, sizeof b->pulse);
  b->workers_lost += lost;
  b->pid = 0;
}

static void sum_up(const struct moon_stats *s, struct moon_stats_sum *out) {
  memset(out, 0, sizeof *out);
  for (uint32_t i = 0; i < s->head->n_workers; i++) {
    const struct moon_stats_block *b = &s->blocks[i];
    add_counters(&out->counters, &b->live);
    add_counters(&out->counters, &b->past);
    add_runs(&out->runs, &b->runs);
    add_runs(&out->runs, &b->past_runs);
    for (size_t e = 0; e < MOON_RUN_ERRORS; e++) { out->run_error[e] += b->run_error[e]; }
    out->lost_requests += b->lost_requests;
    out->lost_datagrams += b->lost_datagrams;
    out->lost_runs += b->lost_runs;
    out->workers_lost += b->workers_lost;
    out->workers += b->pid != 0;
  }
  const struct moon_counters *c = &out->counters;
  out->requests_balance = c->requests == requests_ended(c) + c->in_flight + out->lost_requests;
  out->datagrams_balance = c->datagrams_in == datagrams_told(c) + out->lost_datagrams;
}

void moon_stats_read(const struct moon_stats *s, struct moon_stats_sum *out) {
  for (int tries = 0;; tries++) {
    sum_up(s, out);
    if ((out->requests_balance && out->datagrams_balance) || out->workers == 0 || tries == 100) { return; }
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
  }
}

void moon_stats_histograms(const struct moon_stats *s, struct moon_histograms *to) {
  for (uint32_t i = 0; i < s->head->n_workers; i++) {
#define MOON_HISTOGRAM_ADD(field, help) moon_histogram_merge(&to->field, &s->blocks[i].histograms.field);
    MOON_HISTOGRAMS(MOON_HISTOGRAM_ADD)
#undef MOON_HISTOGRAM_ADD
  }
}

/* Seconds; buckets as [upper end, count] of those that hold anything. */
static void put_histogram(struct moon_print *out, const char *name, const struct moon_histogram *h, bool first) {
  static const struct { const char *name; double share; } shares[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
  moon_print_printf(out, "%s\"%s\":{\"n\":%llu,\"sum\":%.6f,\"max\":%.6f", first ? "" : ",", name, (unsigned long long)h->n,
                    (double)h->sum / 1e6, (double)h->max / 1e6);
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
    moon_print_printf(out, ",\"%s\":%.6f", shares[i].name, (double)moon_histogram_quantile(h, shares[i].share) / 1e6);
  }
  moon_print_text(out, ",\"buckets\":[");
  bool none = true;
  for (uint32_t i = 0; i < MOON_HISTOGRAM_BUCKETS; i++) {
    if (!h->bucket[i]) { continue; }
    moon_print_printf(out, "%s[%.6f,%llu]", none ? "" : ",", (double)moon_histogram_from(i + 1) / 1e6, (unsigned long long)h->bucket[i]);
    none = false;
  }
  moon_print_text(out, "]}");
}

static void put_histograms(const struct moon_stats *s, struct moon_print *out) {
  struct moon_histograms all = {0};
  bool first = true;
  moon_stats_histograms(s, &all);
  moon_print_text(out, ",\"histograms\":{");
#define MOON_HISTOGRAM_PUT(field, help)            \
  put_histogram(out, #field, &all.field, first);   \
  first = false;
  MOON_HISTOGRAMS(MOON_HISTOGRAM_PUT)
#undef MOON_HISTOGRAM_PUT
  moon_print_text(out, "}");
}

static void put_field(struct moon_print *out, const char *name, uint64_t v, bool first) {
  moon_print_printf(out, "%s\"%s\":%llu", first ? "" : ",", name, (unsigned long long)v);
}

static const char *run_error_name(size_t e) {
  return e == MOON_E_PUBLIC_N ? "script" : e == MOON_OK ? "ok" : moon_err_name((enum moon_err)e);
}

void moon_stats_json(const struct moon_stats *s, const struct moon_stats_sum *sum, double seconds, double cpu_s, struct moon_print *out) {
  bool first = true;
  moon_print_printf(out, "{\"version\":\"%s\",\"pid\":%d,\"started\":%.3f,\"seconds\":%.3f,", MOON_VERSION, s->head->master,
                  s->head->started_s, seconds);
  if (cpu_s >= 0) { moon_print_printf(out, "\"cpu_seconds\":%.6f,", cpu_s); }
  moon_print_printf(out, "\"devices\":%u,\"once\":%s,\"workers\":[", s->head->n_targets, s->head->once ? "true" : "false");
  for (uint32_t i = 0; i < s->head->n_workers; i++) {
    const struct moon_stats_block *b = &s->blocks[i];
    moon_print_printf(out, "%s{\"pid\":%llu,\"lost\":%llu,\"requests\":%llu,\"runs_started\":%llu}", i ? "," : "",
                    (unsigned long long)b->pid, (unsigned long long)b->workers_lost,
                    (unsigned long long)(b->live.requests + b->past.requests),
                    (unsigned long long)(b->runs.runs_started + b->past_runs.runs_started));
  }
  moon_print_text(out, "],\"counters\":{");
#define MOON_COUNTER_PUT(field, help)                       \
  put_field(out, #field, sum->counters.field, first);       \
  first = false;
  MOON_COUNTERS(MOON_COUNTER_PUT)
  moon_print_text(out, "},\"errors\":{");
  for (size_t e = 1; e < MOON_E_PUBLIC_N; e++) { put_field(out, moon_err_name((enum moon_err)e), sum->counters.error[e], e == 1); }
  moon_print_text(out, "},\"runs\":{");
  first = true;
#undef MOON_COUNTER_PUT
#define MOON_COUNTER_PUT(field, help)                   \
  put_field(out, #field, sum->runs.field, first);       \
  first = false;
  MOON_RUN_COUNTERS(MOON_COUNTER_PUT)
#undef MOON_COUNTER_PUT
  moon_print_text(out, "},\"run_errors\":{");
  for (size_t e = 0; e < MOON_RUN_ERRORS; e++) { put_field(out, run_error_name(e), sum->run_error[e], e == 0); }
  moon_print_text(out, "},\"lost\":{");
  put_field(out, "workers", sum->workers_lost, true);
  put_field(out, "requests", sum->lost_requests, false);
  put_field(out, "datagrams", sum->lost_datagrams, false);
  put_field(out, "runs", sum->lost_runs, false);
  moon_print_printf(out, "},\"workers_lost\":%llu,\"balances\":{\"requests\":%s,\"datagrams\":%s}", (unsigned long long)sum->workers_lost,
                  sum->requests_balance ? "true" : "false", sum->datagrams_balance ? "true" : "false");
  put_histograms(s, out);
  moon_print_text(out, "}");
}

void moon_stats_summary(const struct moon_stats *s, const struct moon_stats_sum *sum, double seconds, struct moon_print *out) {
  const struct moon_run_counters *r = &sum->runs;
  const struct moon_counters *c = &sum->counters;
  uint64_t ok = sum->run_error[MOON_OK], failed = 0;
  for (size_t e = 1; e < MOON_RUN_ERRORS; e++) { failed += sum->run_error[e]; }
  moon_print_printf(out, "%u device%s, %llu run%s: %llu ok, %llu failed", s->head->n_targets, s->head->n_targets == 1 ? "" : "s",
                  (unsigned long long)(ok + failed), ok + failed == 1 ? "" : "s", (unsigned long long)ok, (unsigned long long)failed);
  const char *sep = " (";
  for (size_t e = 1; e < MOON_RUN_ERRORS; e++) {
    if (sum->run_error[e]) {
      moon_print_printf(out, "%s%s %llu", sep, run_error_name(e), (unsigned long long)sum->run_error[e]);
      sep = ", ";
    }
  }
  moon_print_text(out, failed ? ")\n" : "\n");
  moon_print_printf(out, "%llu samples; %llu requests: %llu answered, %llu not; %llu datagrams out, %llu in; %.3f s\n",
                  (unsigned long long)r->samples, (unsigned long long)c->requests, (unsigned long long)c->answered,
                  (unsigned long long)moon_counters_errors(c), (unsigned long long)c->datagrams_out, (unsigned long long)c->datagrams_in,
                  seconds);
  if (sum->workers_lost) {
    moon_print_printf(out, "workers lost: %llu, with runs: %llu, requests: %llu\n", (unsigned long long)sum->workers_lost,
                    (unsigned long long)sum->lost_runs, (unsigned long long)sum->lost_requests);
  }
}
