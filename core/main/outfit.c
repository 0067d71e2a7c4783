#define _GNU_SOURCE
#include "outfit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../base/mem.h"
#include "files.h"
#include "log.h"

/* Where it was said; else, for who goes on, beside the directories of all instances: the next one finds it. */
static void keep_engines(struct moon_master *m, const char *base) {
  char path[MOON_RUNDIR_MAX + 16];
  const char *said = m->plan->engine_cache;
  snprintf(path, sizeof path, "%s/engines", base);
  moon_keep_init(&m->keep, m->plan->workers, said ? (said[0] ? said : NULL) : m->has_dir && !m->plan->once ? path : NULL, moon_master_now_us());
}

bool moon_outfit_init(struct moon_master *m) {
  char base[MOON_RUNDIR_MAX], path[MOON_RUNDIR_MAX + 16];
  uint32_t n = m->plan->workers;
  moon_files_allow(m->plan);
  m->workers = moon_mem_array(n, sizeof *m->workers);
  if (!m->workers) { return moon_master_cannot("start"); }
  for (uint32_t i = 0; i < n; i++) { m->workers[i].order_fd = m->workers[i].handover_fd = -1; }
  m->has_dir = moon_rundir_base(m->c->run_dir, base, sizeof base) == MOON_OK && moon_rundir_make(base, m->dir, sizeof m->dir) == MOON_OK;
  if (!m->has_dir) {
    moon_log(m->c->run_dir ? MOON_LOG_ERROR : m->plan->once ? MOON_LOG_DEBUG : MOON_LOG_WARN, "run directory %s: %m%s",
             m->c->run_dir ? m->c->run_dir : base, m->c->run_dir ? "" : "; there will be no status, reload and stop: --run-dir names another");
    if (m->c->run_dir) {
      m->status = MOON_EXIT_CONFIG;
      return false;
    }
  }
  snprintf(path, sizeof path, "%s/counters", m->dir);
  if (m->has_dir && moon_stats_init(&m->stats, path, n)) {
    moon_log(m->c->run_dir ? MOON_LOG_ERROR : MOON_LOG_WARN, "%s: %m%s", path, m->c->run_dir ? "" : "; there will be no status");
    moon_rundir_remove(m->dir);
    m->has_dir = false;
    if (m->c->run_dir) { return false; }
  }
  if (!m->has_dir && moon_stats_init(&m->stats, NULL, n)) { return moon_master_cannot("map the counters"); }
  m->judge = (struct moon_judge){.plan = m->plan, .stats = &m->stats, .quarantine = moon_quarantine_new(), .tick_us = moon_master_now_us()};
  if (!m->judge.quarantine) { return moon_master_cannot("map the quarantine"); }
  moon_notify_init(&m->notify, moon_master_now_us());
  keep_engines(m, base);
  m->stats.head->n_targets = m->plan->n_targets;
  m->stats.head->once = m->plan->once;
  m->handed_len = m->plan->once ? (size_t)m->plan->n_probes * m->plan->n_targets : 0;
  if (m->handed_len) {
    void *p = mmap(NULL, m->handed_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) { return moon_master_cannot("map what is done"); }
    m->handed = p;
  }
  moon_reload_init(&m->reload, m->c->options ? &m->c->options->load : NULL, m->c->plan, moon_master_now_us());
  m->plan = m->judge.plan = &m->reload.plan;
  if (m->reload.able && moon_watch_is_newer(&m->reload.watch, m->c->since_ns)) { (void)moon_reload_ask(&m->reload, NULL, false); }
  m->signal_fd = signalfd(-1, &m->signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (moon_desk_init(&m->desk, n) || moon_turnover_init(&m->turnover, n)) { return moon_master_cannot("start"); }
  moon_rollout_init(m, m->has_dir ? base : NULL);
  moon_inquiry_init(&m->inquiry, &m->desk, &m->control, &m->stats);
  moon_schedtrace_init(&m->schedtrace, moon_master_now_us());
  m->data_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (m->signal_fd < 0 || m->data_fd < 0) { return moon_master_cannot("start"); }
  m->format = m->c->format;
  return strcmp(m->format, "null") == 0 || moon_outfit_rings(m);
}

bool moon_outfit_rings(struct moon_master *m) {
  uint32_t n = m->plan->workers;
  struct moon_ring *rings = moon_mem_array(n, sizeof *rings);
  for (uint32_t i = 0; rings && i < n; i++) {
    if (!moon_ring_init(&rings[i], MOON_RING_CAP, m->data_fd)) { continue; }
    moon_master_cannot("make the ring of a worker");
    while (i) { moon_ring_fini(&rings[--i]); }
    moon_mem_free(rings);
    return false;
  }
  m->rings = rings;
  return rings || moon_master_cannot("start the writer");
}

static double cpu_seconds(void) {
  struct rusage self, children;
  getrusage(RUSAGE_SELF, &self);
  getrusage(RUSAGE_CHILDREN, &children);
  return (double)(self.ru_utime.tv_sec + self.ru_stime.tv_sec + children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
         (double)(self.ru_utime.tv_usec + self.ru_stime.tv_usec + children.ru_utime.tv_usec + children.ru_stime.tv_usec) / 1e6;
}

static bool put_to(int fd, struct moon_print *out) {
  for (size_t at = 0; !out->failed && at < out->n;) {
    ssize_t done = write(fd, out->p + at, out->n - at);
    if (done <= 0) { return false; }
    at += (size_t)done;
  }
  return !out->failed;
}

static bool ran(const struct moon_stats_sum *sum) {
  uint64_t n = sum->runs.runs_held;
  for (size_t e = 0; e < MOON_RUN_ERRORS; e++) { n += sum->run_error[e]; }
  return n > 0;
}

void moon_outfit_report(struct moon_master *m) {
  struct moon_stats_sum sum;
  struct moon_print out;
  double seconds = moon_master_seconds_since(m->stats.head->started_us);
  moon_stats_read(&m->stats, &sum);
  if (m->plan->once && m->status == MOON_EXIT_OK && !m->stopped) {
    if (!ran(&sum)) { moon_log(MOON_LOG_WARN, "nothing ran: none of the probes is for any of the targets (match, group, allow_targets)"); }
    for (size_t e = 1; e < MOON_RUN_ERRORS; e++) {
      if (sum.run_error[e]) { m->status = MOON_EXIT_RUNS; }
    }
    if (sum.runs.runs_held) { m->status = MOON_EXIT_RUNS; }
  }
  moon_print_init(&out, NULL, NULL);
  if (m->c->summary) {
    moon_stats_summary(&m->stats, &sum, seconds, &out);
    put_to(STDERR_FILENO, &out);
  }
  out.n = 0;
  if (m->c->stats_fd >= 0) {
    moon_stats_json(&m->stats, &sum, seconds, cpu_seconds(), &out);
    moon_print_put(&out, "\n", 1);
    if ((ftruncate(m->c->stats_fd, 0) && errno != EINVAL) || !put_to(m->c->stats_fd, &out)) { /* EINVAL: a pipe */
      moon_master_cannot("write --stats");
      m->status = m->status ? m->status : MOON_EXIT_FAILED;
    }
  }
  moon_print_fini(&out);
}

void moon_outfit_fini(struct moon_master *m) {
  if (m->has_dir) {
    moon_control_fini(&m->control);
    moon_rundir_remove(m->dir);
  }
  for (uint32_t i = 0; m->rings && i < m->plan->workers; i++) { moon_ring_fini(&m->rings[i]); }
  for (uint32_t i = 0; m->workers && i < m->plan->workers; i++) {
    if (m->workers[i].handover_fd >= 0) { close(m->workers[i].handover_fd); }
  }
  if (m->handed) { munmap(m->handed, m->handed_len); }
  moon_mem_free(m->rings);
  moon_mem_free(m->workers);
  moon_quarantine_free(m->judge.quarantine);
  moon_reload_fini(&m->reload);
  moon_rollout_fini(m);
  moon_turnover_fini(&m->turnover);
  moon_keep_fini(&m->keep);
  moon_stats_fini(&m->stats);
  moon_desk_fini(&m->desk);
  if (m->signal_fd >= 0) { close(m->signal_fd); }
  if (m->data_fd >= 0) { close(m->data_fd); }
  sigprocmask(SIG_SETMASK, &m->old_signals, NULL);
}
