#define _GNU_SOURCE
#include "crew.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/mem.h"
#include "../bind/load/pack.h"
#include "log.h"
#include "orders.h"
#include "outfit.h"
#include "output.h"
#include "shard.h"
#include "worker.h"
#include "writer.h"

#define BACKOFF_FIRST_US (10 * 1000)    /* the first replacement comes at once, the next ones after 10 ms, 20 ms, ... */
#define BACKOFF_MOST_US (5 * MOON_SECOND_US)
#define LIVED_US (10 * MOON_SECOND_US)  /* a worker this old died of something new */
#define TELL_AGAIN_US (100 * 1000)
#define PART_DUTIES 512u                /* of a change that a worker is told */
#define FUTILE_MAX 5                    /* --once: workers of a slot that died in a row, none of which finished a run */

/* In a child: only what is its own stays open, and it does not outlive the master. */
static void become_child(struct moon_master *m, pid_t master, int order_fd, int other_end) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != master) { _exit(MOON_EXIT_FAILED); }
  /* The terminal's ^C and a service manager's SIGTERM reach the whole group: the master decides what follows from them. */
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGUSR2, SIG_IGN);
  sigprocmask(SIG_SETMASK, &m->old_signals, NULL);
  close(other_end);
  close(m->signal_fd);
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (m->workers[i].order_fd >= 0 && m->workers[i].order_fd != order_fd) { close(m->workers[i].order_fd); }
  }
  if (m->writer.order_fd >= 0 && m->writer.order_fd != order_fd) { close(m->writer.order_fd); }
  if (m->has_dir) { moon_control_fini(&m->control); }
  moon_reload_leave(&m->reload);
  if (m->turnover.file_fd >= 0) { close(m->turnover.file_fd); }
  moon_ledger_leave(&m->rollout.ledger);
  moon_shield_fini(m->c->shield);
}

/* Forks; in the parent fills *child. Returns the socket's other end in the child, -1 in the parent, -2 when it failed. */
static int spawn(struct moon_master *m, struct moon_child *child) {
  int ends[2];
  pid_t master = getpid();
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) { return -2; }
  pid_t pid = fork();
  if (pid == 0) {
    become_child(m, master, ends[0], ends[1]);
    return ends[0];
  }
  int cause = errno;
  close(ends[0]);
  if (pid < 0) {
    close(ends[1]);
    errno = cause;
    return -2;
  }
  child->pid = pid;
  child->order_fd = ends[1];
  child->started_us = moon_master_now_us();
  child->again_at_us = UINT64_MAX;
  return -1;
}

static void plan_again(struct moon_child *child, uint64_t now) {
  if (now - child->started_us >= LIVED_US) { child->backoff_us = 0; }
  child->again_at_us = now + child->backoff_us;
  child->backoff_us = child->backoff_us ? child->backoff_us * 2 : BACKOFF_FIRST_US;
  if (child->backoff_us > BACKOFF_MOST_US) { child->backoff_us = BACKOFF_MOST_US; }
}

/* What never ran is a mistake to be told now; what ran before may run again. errno tells why. */
static void not_started(struct moon_master *m, struct moon_child *child, const char *what) {
  moon_master_cannot(what);
  if (child->started_us == 0) {
    moon_crew_end(m, MOON_EXIT_FAILED);
    return;
  }
  child->started_us = moon_master_now_us();
  plan_again(child, child->started_us);
}

static void start_worker(struct moon_master *m, uint32_t slot) {
  struct moon_child *w = &m->workers[slot];
  w->records = m->stats.blocks[slot].records;
  w->stuck = w->replaced = false;
  if (w->handover_fd < 0) { w->handover_fd = memfd_create("moonpoll-states", MFD_CLOEXEC); }
  int fd = spawn(m, w);
  if (fd >= 0) {
    struct moon_worker_config c = {
      .plan = m->plan, .ring = m->rings ? &m->rings[slot] : NULL, .block = &m->stats.blocks[slot], .handed = m->handed,
      .quarantine = m->judge.quarantine, .slot = slot, .n_slots = m->plan->workers, .control_fd = fd, .desk = &m->desk,
      .keep = &m->keep, .handover_fd = w->handover_fd, .trace = m->c->trace, .board = &m->turnover.board, .trial = m->turnover.trial,
      .trial_serial = m->turnover.serial, .ledger = &m->rollout.ledger};
    _exit(moon_worker_run(&c));
  }
  if (fd == -2) {
    char what[32];
    int cause = errno;
    snprintf(what, sizeof what, "start worker %u", slot);
    errno = cause;
    not_started(m, w, what);
    return;
  }
  m->stats.blocks[slot].pid = (uint64_t)w->pid;
  moon_turnover_join(m, slot);
}

static void start_writer(struct moon_master *m) {
  int fd = spawn(m, &m->writer);
  m->format_told = true;
  if (fd >= 0) {
    struct moon_writer_config c = {
      .rings = m->rings, .n_rings = m->plan->workers, .stats = &m->stats, .format = m->format, .fd = STDOUT_FILENO,
      .data_fd = m->data_fd, .control_fd = fd, .live = m->c->live};
    const struct moon_plan *plans[] = {m->c->plan, m->plan};
    for (uint32_t i = 0; i < 2; i++) {
      if (plans[i]->n_credentials) {
        moon_mem_wipe((void *)(uintptr_t)plans[i]->credentials, plans[i]->n_credentials * sizeof *plans[i]->credentials);
      }
    }
    _exit(moon_writer_run(&c));
  }
  if (fd == -2) { not_started(m, &m->writer, "start the writer"); }
}

void moon_crew_drain(struct moon_master *m, uint64_t grace_us) {
  m->stopped = true;
  m->drain_us = moon_master_now_us() + grace_us;
  m->kill_us = m->drain_us + MOON_OVERTIME_US;
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    struct moon_child *w = &m->workers[i];
    if (w->pid) {
      (void)moon_crew_order(w, MOON_ORDER_DRAIN, m->drain_us, -1); /* dead already: SIGCHLD tells; full of what it does not hear: it is killed in time */
    } else {
      w->finished = true;
    }
  }
}

/* It finishes what it does, hands its states on, and another one takes its place. */
static void replace(struct moon_master *m, struct moon_child *w) {
  if (!w->pid || w->replaced || w->handover_fd < 0 || m->stopped || m->plan->once) { return; }
  w->replaced = moon_crew_order(w, MOON_ORDER_REPLACE, moon_master_now_us() + (uint64_t)(m->plan->grace_s * 1e6), -1);
}

void moon_crew_replace(struct moon_master *m) {
  for (uint32_t i = 0; i < m->plan->workers; i++) { replace(m, &m->workers[i]); }
}

void moon_crew_end(struct moon_master *m, int status) {
  m->over = true;
  m->status = status;
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (m->workers[i].pid) { kill(m->workers[i].pid, SIGKILL); }
    m->workers[i].again_at_us = UINT64_MAX;
  }
  m->kill_us = m->drain_us = moon_master_now_us() + MOON_OVERTIME_US;
}

static void child_gone(struct moon_child *child) {
  child->pid = 0;
  close(child->order_fd);
  child->order_fd = -1;
}

static const char *how(int status, char *buf, size_t cap) {
  if (WIFSIGNALED(status)) {
    snprintf(buf, cap, "was killed by signal %d", WTERMSIG(status));
  } else {
    snprintf(buf, cap, "ended with status %d", WEXITSTATUS(status));
  }
  return buf;
}

/* A program that is to end cannot start workers for ever. */
static bool is_futile(struct moon_master *m, uint32_t slot) {
  struct moon_child *w = &m->workers[slot];
  w->futile = m->stats.blocks[slot].records == w->records ? w->futile + 1 : 0;
  return w->futile >= FUTILE_MAX;
}

void moon_crew_worker_ended(struct moon_master *m, uint32_t slot, int status) {
  struct moon_child *w = &m->workers[slot];
  bool well = WIFEXITED(status) && WEXITSTATUS(status) == MOON_WORKER_DONE;
  bool kept = WIFEXITED(status) && WEXITSTATUS(status) == MOON_WORKER_REPLACED;
  char text[64];
  int pid = (int)w->pid;
  child_gone(w);
  moon_turnover_gone(m, slot);
  if (!well && !kept && !m->over && !(w->killed && !w->stuck) && !moon_rollout_blames(m, slot, status, w->stuck)) {
    moon_judge_lost(&m->judge, slot, status, w->stuck, moon_master_now_us());
  }
  moon_stats_bury(&m->stats, slot, !well && !kept && !m->over && !(WIFEXITED(status) && WEXITSTATUS(status) == MOON_WORKER_CONFIG));
  if (well || m->over || (kept && m->drain_us)) {
    w->finished = true;
  } else if (kept) {
    w->again_at_us = moon_master_now_us();
    moon_log(MOON_LOG_INFO, "worker %u (pid %d) is replaced", slot, pid);
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == MOON_WORKER_CONFIG && m->stats.blocks[slot].past.turns == 0) {
    moon_crew_end(m, MOON_EXIT_CONFIG);
  } else if (WIFEXITED(status) && m->stats.blocks[slot].past.turns == 0) {
    moon_crew_end(m, MOON_EXIT_FAILED); /* it told why; it never came to work */
  } else if (m->drain_us) {
    if (!w->killed) {
      moon_log(MOON_LOG_WARN, "worker %u (pid %d) %s while it was to finish", slot, pid, how(status, text, sizeof text));
    }
    w->finished = true;
  } else if (m->plan->once && is_futile(m, slot)) {
    moon_log(MOON_LOG_ERROR, "worker %u (pid %d) %s: worker %u died %u times without finishing a run: given up", slot, pid,
             how(status, text, sizeof text), slot, w->futile);
    w->finished = true;
    m->status = MOON_EXIT_FAILED;
  } else {
    plan_again(w, moon_master_now_us());
    moon_log(MOON_LOG_WARN, "worker %u (pid %d) %s: started again", slot, pid, how(status, text, sizeof text));
  }
}

void moon_crew_writer_ended(struct moon_master *m, int status) {
  char text[64];
  child_gone(&m->writer);
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == MOON_WRITER_NO_READER) {
    m->writer.finished = m->stopped = true;
    moon_crew_end(m, MOON_EXIT_OK);
  } else if (code == MOON_WRITER_FAILED) {
    m->writer.finished = true;
    moon_crew_end(m, MOON_EXIT_FAILED);
  } else if (code == MOON_WRITER_DONE || m->over) {
    m->writer.finished = true;
  } else {
    plan_again(&m->writer, moon_master_now_us());
    moon_log(MOON_LOG_WARN, "the writer %s: started again", how(status, text, sizeof text));
  }
}

static void tell_writer(struct moon_master *m) {
  char order[16] = "F";
  int n = snprintf(order, sizeof order, "F%s", m->format);
  m->format_told = send(m->writer.order_fd, order, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

void moon_crew_output(struct moon_master *m) {
  const char *format;
  if (!moon_output_choose(m->plan, &format) || format == m->format) { return; }
  bool first = !m->rings;
  if (first && !moon_outfit_rings(m)) { return; }
  m->format = format;
  m->format_told = false;
  moon_log_live(m->c->live && strcmp(format, "table") == 0);
  if (first) { moon_crew_replace(m); } /* those who are there have nowhere to put their runs */
}

struct share { uint32_t slot, n_slots; };

static bool is_mine(void *arg, const char *name) {
  const struct share *s = arg;
  return s->n_slots <= 1 || moon_shard_slot(name, s->n_slots) == s->slot;
}

bool moon_crew_order(const struct moon_child *w, uint64_t op, uint64_t number, int fd) {
  struct moon_worker_order order = {.op = op, .deadline_us = number};
  struct iovec iov = {&order, sizeof order};
  union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control = {.room = {0}};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  if (fd >= 0) {
    msg.msg_control = &control;
    msg.msg_controllen = sizeof control.room;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  return sendmsg(w->order_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof order;
}

bool moon_crew_is_gone(int cause) { return cause == EPIPE || cause == ECONNRESET; }

/* Each part of it as much as a worker takes in at one go: a device of each probe there costs it half a microsecond. */
static uint32_t targets_of_a_part(const struct moon_plan *plan) {
  uint32_t n_duties = 1, least = 1 + plan->n_credentials / 16; /* all of which come with each part */
  for (uint32_t i = 0; i < plan->n_probes; i++) { n_duties += plan->probes[i].n_jobs; }
  uint32_t n = PART_DUTIES / n_duties;
  return n < least ? least : n;
}

static bool put_change(const struct moon_master *m, uint32_t slot, const struct moon_change *change, int fd) {
  struct share share = {slot, m->plan->workers};
  struct moon_change_place place = {0};
  bool done = true;
  while (done && !place.over) {
    uint8_t *p = NULL;
    size_t n = 0;
    done = !moon_change_pack(change, is_mine, &share, targets_of_a_part(change->now), &place, &p, &n) && moon_orders_put(fd, p, n);
    moon_pack_free(p, n);
  }
  return done;
}

void moon_crew_tell(struct moon_master *m, uint32_t slot, const struct moon_change *change) {
  struct moon_child *w = &m->workers[slot];
  int fd = moon_orders_file("change");
  bool made = fd >= 0 && put_change(m, slot, change, fd), done = made && moon_crew_order(w, MOON_ORDER_CHANGE, 0, fd);
  bool gone = made && !done && moon_crew_is_gone(errno); /* who follows begins with all of it */
  if (fd >= 0) { close(fd); }
  if (done || gone) { return; }
  moon_log(MOON_LOG_ERROR, "worker %u (pid %d) takes no change: killed", slot, (int)w->pid);
  kill(w->pid, SIGKILL);
}

uint64_t moon_crew_start(struct moon_master *m) {
  uint64_t now = moon_master_now_us(), next = UINT64_MAX;
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    struct moon_child *w = &m->workers[i];
    if (w->pid || w->finished || m->over) { continue; }
    if (w->again_at_us <= now) { start_worker(m, i); }
    next = moon_master_earlier(next, w->again_at_us);
  }
  if (m->rings && !m->writer.pid && !m->writer.finished && !m->over) {
    if (m->writer.again_at_us <= now) { start_writer(m); }
    next = moon_master_earlier(next, m->writer.again_at_us);
  }
  if (m->writer.pid && !m->format_told) {
    tell_writer(m);
    if (!m->format_told) { next = moon_master_earlier(next, now + TELL_AGAIN_US); } /* its output does not move */
  }
  return next;
}

bool moon_crew_finished(const struct moon_master *m) {
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (m->workers[i].pid || (!m->workers[i].finished && !m->over)) { return false; }
  }
  return true;
}

void moon_crew_kill(struct moon_master *m) {
  bool workers = false;
  m->kill_us = moon_master_now_us() + MOON_OVERTIME_US;
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (m->workers[i].pid) {
      workers = true;
      moon_log(MOON_LOG_ERROR, "worker %u (pid %d) did not finish in time: killed", i, (int)m->workers[i].pid);
      kill(m->workers[i].pid, SIGKILL);
      m->workers[i].killed = true;
    }
  }
  if (workers || !m->writer.pid) { return; }
  if (!m->over) { moon_log(MOON_LOG_ERROR, "the output did not take all runs in time: what is left of them is lost"); }
  kill(m->writer.pid, SIGKILL);
  m->status = m->status ? m->status : MOON_EXIT_FAILED;
  m->over = true;
}

void moon_crew_kill_stuck(void *arg, uint32_t slot) {
  struct moon_child *w = &((struct moon_master *)arg)->workers[slot];
  if (!w->pid) { return; }
  w->killed = w->stuck = true;
  kill(w->pid, SIGKILL);
}

bool moon_crew_ready(const struct moon_master *m) {
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (!m->workers[i].finished && !m->stats.blocks[i].live.turns) { return false; }
  }
  return true;
}
