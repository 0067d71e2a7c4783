#define _GNU_SOURCE
#include "master.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../base/remedy.h"
#include "crew.h"
#include "log.h"
#include "outfit.h"

#define OWN_FDS 4                       /* signals, the bells of desk and board, what happens beside files */

uint64_t moon_master_now_us(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * MOON_SECOND_US + (uint64_t)ts.tv_nsec / 1000;
}

double moon_master_seconds_since(uint64_t us) { return (double)(moon_master_now_us() - us) / 1e6; }

bool moon_master_cannot(const char *what) {
  moon_log(MOON_LOG_ERROR, "cannot %s: %m%s", what, moon_remedy(errno));
  return false;
}

/* What was read, and prepared where there was something to prepare, is in force from here on. */
static void take_reload(struct moon_master *m, const char *note) {
  struct moon_reload *r = &m->reload;
  const struct moon_change *c = &r->change;
  bool anew = c->anew;
  if (anew) {
    moon_turnover_drop(m);
    moon_turnover_back(m);
  }
  moon_reload_take(r, moon_master_now_us(), anew ? "; workers are replaced" : note);
  for (uint32_t i = 0; i < m->plan->workers && !m->drain_us && !anew && !moon_change_is_none(c); i++) {
    if (m->workers[i].pid) { moon_crew_tell(m, i, c); }
  }
  m->stats.head->n_targets = m->plan->n_targets;
  if (c->outputs) { moon_crew_output(m); }
  if (anew) { moon_crew_replace(m); }
  moon_reload_taken(r);
}

/* What was read but for its code, which is on trial, or becomes so. */
static enum moon_err rebase(struct moon_reload *r) {
  struct moon_plan *base;
  enum moon_err e = moon_change_mix(r->fresh, &r->plan, NULL, &base);
  return e ? e : moon_reload_rebase(r, base);
}

/* The workers have seen the new code, and all can run it. */
static void take_code(struct moon_master *m) {
  struct moon_reload *r = &m->reload;
  bool anew = r->change.anew;
  enum moon_err e = anew ? MOON_OK : moon_turnover_try(m, &r->change, 0);
  if (!e && !anew) { e = rebase(r); }
  if (e) {
    moon_turnover_drop(m);
    moon_rollout_stay(m);
    moon_turnover_back(m);
    moon_reload_refuse(r, moon_err_text(e));
    return;
  }
  bool now = r->now_begun, in_steps = !now && !anew && moon_rollout_is_in_steps(m);
  take_reload(m, in_steps ? ", in steps: see moonpoll status" : "");
  moon_rollout_begin(m, now);
}

static bool reloaded(struct moon_master *m, pid_t pid, int status) {
  struct moon_reload *r = &m->reload;
  const char *why = "";
  if (pid <= 0 || pid != r->loading.pid) { return false; }
  if (!moon_reload_reaped(r, pid, status, moon_master_now_us())) { return true; }
  if (r->fresh->broken && m->turnover.trial) { /* what is on trial goes on */
    moon_reload_refuse(r, r->fresh->broken);
    return true;
  }
  enum moon_err sifted = moon_rollout_sift(m);
  if (sifted) {
    moon_reload_refuse(r, moon_err_text(sifted));
  } else if (!r->change.n_code || m->drain_us) {
    if (!*r->only_begun) { moon_turnover_back(m); } /* files are as before again */
    take_reload(m, "");
  } else if (!r->change.anew && moon_turnover_is_on_trial(m, &r->change)) {
    enum moon_err e = rebase(r);
    if (e) {
      moon_reload_refuse(r, moon_err_text(e));
    } else {
      r->code[0] = 0;
      take_reload(m, "");
      if (r->now_begun) { moon_rollout_begin(m, true); }
    }
  } else if (!moon_turnover_prepare(m, &r->change, &why)) {
    moon_reload_refuse(r, why);
  }
  return true;
}

/* Returns when to come again. */
static uint64_t look_at_turnover(struct moon_master *m) {
  char error[MOON_BOARD_ERROR];
  uint64_t next;
  if (!moon_turnover_look(m, moon_master_now_us(), error, &next)) { return next; }
  if (error[0]) {
    moon_turnover_drop(m);
    moon_rollout_stay(m);
    moon_reload_refuse(&m->reload, error);
  } else {
    take_code(m);
  }
  return 0;
}

static void reap(struct moon_master *m) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == m->writer.pid) {
      moon_crew_writer_ended(m, status);
      continue;
    }
    if (reloaded(m, pid, status)) { continue; }
    for (uint32_t i = 0; i < m->plan->workers; i++) {
      if (m->workers[i].pid == pid) { moon_crew_worker_ended(m, i, status); }
    }
  }
}

static void on_signals(struct moon_master *m) {
  struct signalfd_siginfo info;
  while (read(m->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
      moon_crew_drain(m, m->drain_us ? 0 : (uint64_t)(m->plan->grace_s * 1e6));
    } else if (info.ssi_signo == SIGUSR2) {
      moon_crew_replace(m);
    } else if (info.ssi_signo == SIGHUP) {
      m->notify.asked = moon_reload_ask(&m->reload, NULL, false);
    }
  }
  reap(m);
}

static bool has_target(const struct moon_plan *p, const char *name) {
  for (uint32_t i = 0; i < p->n_targets; i++) {
    if (strcmp(p->targets[i].name, name) == 0) { return true; }
  }
  return false;
}

/* [PROBE [TARGET]]. What is held may be of one that is gone: only where nothing is held it matters whether there is such a name. */
static void release(struct moon_master *m, const char *words, struct moon_print *answer) {
  char probe[MOON_CONTROL_LINE], target[MOON_CONTROL_LINE], why[MOON_CONTROL_LINE];
  int n = sscanf(words, "%s %s", probe, target);
  uint32_t released = moon_quarantine_lift(m->judge.quarantine, n > 0 ? probe : NULL, n > 1 ? target : NULL);
  if (!released && n > 0 && !moon_reload_knows(&m->reload, probe, why, sizeof why)) {
    moon_print_printf(answer, "error %s", why);
  } else if (!released && n > 1 && !has_target(&m->reload.plan, target)) {
    moon_print_printf(answer, "error %s: no such target", target);
  } else {
    moon_print_printf(answer, "%u released", released);
  }
}

/* [--now] [PROBE] */
static void reload(struct moon_master *m, const char *words, struct moon_print *answer) {
  char first[MOON_CONTROL_LINE], second[MOON_CONTROL_LINE];
  int n = sscanf(words, "%s %s", first, second);
  bool now = n > 0 && strcmp(first, "--now") == 0;
  const char *probe = now ? (n > 1 ? second : NULL) : n > 0 ? first : NULL;
  m->notify.asked = moon_reload_ask(&m->reload, probe, now);
  moon_print_printf(answer, "%u", m->notify.asked);
}

static void on_command(void *arg, const char *command, struct moon_print *answer) {
  struct moon_master *m = arg;
  if (strcmp(command, "status") == 0) {
    struct moon_stats_sum sum;
    moon_stats_read(&m->stats, &sum);
    moon_stats_json(&m->stats, &sum, moon_master_seconds_since(m->stats.head->started_us), -1, answer);
    if (answer->n) { answer->n--; } /* more fields */
    moon_print_printf(answer, ",\"generation\":%u,\"probes\":", m->reload.generation);
    moon_turnover_json(m, answer);
    moon_print_text(answer, ",\"rollout\":");
    moon_rollout_json(m, answer);
    moon_print_text(answer, ",\"reload\":");
    moon_reload_json(&m->reload, answer);
    moon_print_text(answer, ",\"quarantine\":");
    moon_quarantine_json(m->judge.quarantine, moon_master_now_us(), answer);
    moon_print_text(answer, "}");
  } else if (strncmp(command, "release", 7) == 0 && (command[7] == 0 || command[7] == ' ')) {
    release(m, command + 7, answer);
  } else if (strncmp(command, "reload", 6) == 0 && (command[6] == 0 || command[6] == ' ')) {
    reload(m, command + 6, answer);
  } else if (strncmp(command, "reloaded ", 9) == 0) {
    const char *probe = strchr(command + 9, ' ');
    moon_reload_answer(&m->reload, (uint32_t)strtoul(command + 9, NULL, 10), probe ? probe + 1 : NULL, answer);
  } else if (strncmp(command, "promote", 7) == 0 || strncmp(command, "rollback", 8) == 0) {
    moon_rollout_command(m, command, answer);
  } else if (strcmp(command, "replace") == 0) {
    moon_crew_replace(m);
    moon_print_text(answer, m->plan->once ? "error --once: nothing is replaced" : "ok");
  } else if (strcmp(command, "stop") == 0) {
    moon_crew_drain(m, m->drain_us ? 0 : (uint64_t)(m->plan->grace_s * 1e6));
    moon_print_text(answer, "ok");
  } else if (!moon_inquiry_take(&m->inquiry, command, moon_master_now_us())) {
    moon_print_text(answer, "error no such command: status, target NAME, top, tasks, release, replace, reload, promote, rollback, stop");
  }
}

/* poll, which refuses more places than the process may open files, used or not. */
static int wait_for(struct pollfd *fds, nfds_t n, int timeout_ms) {
  struct pollfd used[OWN_FDS + MOON_CONTROL_FDS];
  nfds_t at[OWN_FDS + MOON_CONTROL_FDS], n_used = 0;
  for (nfds_t i = 0; i < n; i++) {
    if (fds[i].fd < 0) { continue; }
    at[n_used] = i;
    used[n_used++] = fds[i];
  }
  int got = poll(used, n_used, timeout_ms);
  for (nfds_t i = 0; got > 0 && i < n_used; i++) { fds[at[i]].revents = used[i].revents; }
  return got;
}

/* Returns when the next line is due. */
static uint64_t trace_schedule(struct moon_master *m) {
  struct moon_print out;
  uint64_t now = moon_master_now_us();
  if (!m->c->schedtrace) { return UINT64_MAX; }
  if (now < m->schedtrace.next_us) { return m->schedtrace.next_us; }
  moon_print_init(&out, NULL, NULL);
  moon_schedtrace_line(&m->schedtrace, &m->stats, now, &out);
  moon_print_put(&out, "", 1);
  if (!out.failed) { moon_log_text(MOON_LOG_INFO, (const char *)out.p); }
  moon_print_fini(&out);
  return m->schedtrace.next_us;
}

static uint64_t judge(struct moon_master *m) {
  moon_judge_tick(&m->judge, moon_master_now_us(), moon_crew_kill_stuck, m);
  return m->judge.tick_us;
}

/* The service manager; returns when to come again. */
static uint64_t tell_manager(struct moon_master *m) {
  return moon_notify_tick(&m->notify, moon_crew_ready(m), m->stopped, &m->reload, moon_master_now_us());
}

static void supervise(struct moon_master *m) {
  bool told_end = false;
  for (;;) {
    uint64_t next = moon_crew_start(m);
    if (moon_crew_finished(m)) {
      if (!m->rings || m->writer.finished || (m->over && !m->writer.pid)) { return; }
      if (!told_end && m->writer.pid) {
        ssize_t done = write(m->writer.order_fd, "E", 1);
        (void)done;
      }
      told_end = m->writer.pid != 0;
    }
    if (m->drain_us) { next = moon_master_earlier(next, m->kill_us); }
    next = moon_master_earlier(next, trace_schedule(m));
    next = moon_master_earlier(next, judge(m));
    if (!m->drain_us) { next = moon_master_earlier(next, moon_reload_tick(&m->reload, moon_master_now_us())); }
    next = moon_master_earlier(next, tell_manager(m));
    next = moon_master_earlier(next, look_at_turnover(m));
    if (!m->drain_us) { next = moon_master_earlier(next, moon_rollout_tick(m, moon_master_now_us())); }
    next = moon_master_earlier(next, moon_keep_next(&m->keep));
    uint64_t now = moon_master_now_us();
    if (m->has_dir) { next = moon_master_earlier(next, moon_inquiry_look(&m->inquiry, now)); }
    int timeout_ms = next == UINT64_MAX ? -1 : next <= now ? 0 : (int)((next - now + 999) / 1000);
    struct pollfd fds[OWN_FDS + MOON_CONTROL_FDS] = {{.fd = m->signal_fd, .events = POLLIN}, {.fd = m->desk.bell_fd, .events = POLLIN},
                                              {.fd = m->reload.watch.fd, .events = POLLIN}, {.fd = m->turnover.board.bell_fd, .events = POLLIN}};
    nfds_t n = OWN_FDS;
    if (m->has_dir) {
      moon_control_fds(&m->control, fds + OWN_FDS);
      n += MOON_CONTROL_FDS;
    }
    int got = wait_for(fds, n, timeout_ms);
    if (got > 0 && fds[0].revents) { on_signals(m); }
    if (got > 0 && fds[1].revents) { moon_desk_heard(&m->desk); }
    if (got > 0 && fds[2].revents) { moon_watch_heard(&m->reload.watch, moon_master_now_us()); }
    if (got > 0 && fds[3].revents) { moon_board_heard(&m->turnover.board); }
    if (got > 0 && m->has_dir) { moon_control_serve(&m->control, fds + OWN_FDS); }
    if (m->drain_us && moon_master_now_us() >= m->kill_us) { moon_crew_kill(m); }
    moon_keep_save(&m->keep, moon_master_now_us(), false);
  }
}

int moon_master_run(const struct moon_master_config *c) {
  struct moon_master m = {.c = c, .plan = c->plan, .signal_fd = -1, .data_fd = -1, .kill_us = UINT64_MAX, .status = MOON_EXIT_FAILED};
  m.reload.watch.fd = m.reload.loading.fd = -1;
  m.writer.order_fd = m.control.listen_fd = m.control.spare_fd = m.desk.bell_fd = m.turnover.board.bell_fd = m.turnover.file_fd = m.rollout.ledger.fd = -1;
  for (int i = 0; i < MOON_CONTROL_CLIENTS; i++) { m.control.client[i].fd = -1; }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* ulimit -f: an error of write, told like others */
  sigemptyset(&m.signals);
  static const int wanted[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR2};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) { sigaddset(&m.signals, wanted[i]); }
  sigprocmask(SIG_BLOCK, &m.signals, &m.old_signals);
  if (moon_outfit_init(&m)) {
    m.status = MOON_EXIT_OK;
    moon_crew_start(&m); /* the packets first: the socket can wait */
    if (m.has_dir && !m.over && moon_control_init(&m.control, m.dir, on_command, &m)) {
      moon_log(MOON_LOG_WARN, "no control socket in %s: %m", m.dir);
    }
    supervise(&m);
    moon_keep_save(&m.keep, moon_master_now_us(), true);
    moon_outfit_report(&m);
  }
  moon_outfit_fini(&m);
  return m.status;
}
