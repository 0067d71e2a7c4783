#define _GNU_SOURCE
#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../bind/load/pack.h"
#include "control.h"
#include "files.h"
#include "inquiry.h"
#include "judge.h"
#include "keep.h"
#include "log.h"
#include "notify.h"
#include "reload.h"
#include "rundir.h"
#include "schedtrace.h"
#include "shard.h"
#include "stats.h"
#include "worker.h"
#include "writer.h"

#define SECOND UINT64_C(1000000)
#define BACKOFF_FIRST_US (10 * 1000)    /* the first replacement comes at once, the next ones after 10 ms, 20 ms, ... */
#define BACKOFF_MOST_US (5 * SECOND)
#define LIVED_US (10 * SECOND)          /* a worker this old died of something new */
#define OVERTIME_US (2 * SECOND)        /* past the grace time: then children are killed */
#define OWN_FDS 3                       /* signals, the bell of the desk, what happens beside target files */
#define READY_LOOK_US (20 * 1000)       /* until all workers are at work */
#define FUTILE_MAX 5                    /* --once: workers of a slot that died in a row, none of which finished a run */

struct child {
  pid_t pid;             /* 0: none */
  int order_fd;          /* our end of its socket, -1 */
  int handover_fd;       /* of a worker: what it hands on; -1 */
  bool finished;         /* ended well, not wanted again */
  bool killed;           /* by the master, which said so */
  bool stuck;            /* killed for that */
  bool replaced;         /* is to be */
  uint64_t started_us;
  uint64_t again_at_us;  /* when to start it again; UINT64_MAX: not planned */
  uint64_t backoff_us;
  uint64_t records;      /* of its slot when it was started */
  uint32_t futile;       /* deaths in a row that left no run behind */
};

struct master {
  const struct moon_master_config *c;
  const struct moon_plan *plan;
  struct moon_stats stats;
  struct moon_ring *rings;  /* one a worker; NULL without writer */
  struct child *workers;
  struct child writer;
  struct moon_control control;
  struct moon_desk desk;
  struct moon_inquiry inquiry;
  struct moon_schedtrace schedtrace;
  struct moon_judge judge;
  struct moon_reload reload;
  uint64_t alive_us;        /* when the service manager is to hear of us again; UINT64_MAX: never */
  uint8_t *handed;          /* --once: what workers that go on for others need not repeat, see moon_host_config; else NULL */
  size_t handed_len;
  struct moon_keep keep;
  sigset_t signals, old_signals;
  uint64_t drain_us;        /* deadline of the workers; 0: not draining */
  uint64_t kill_us;         /* then children that are left are killed; UINT64_MAX: never */
  int signal_fd, data_fd;
  int status;               /* enum moon_exit */
  bool stopped;             /* by a signal, the control socket, or because nobody reads */
  bool over;                /* nothing is started any more */
  bool ready;               /* the service manager was told */
  bool has_dir;
  char dir[MOON_RUNDIR_MAX];
};

static uint64_t now_us(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec / 1000;
}

static double seconds_since(uint64_t us) { return (double)(now_us() - us) / 1e6; }

/* In a child: only what is its own stays open, and it does not outlive the master. */
static void become_child(struct master *m, pid_t master, int order_fd, int other_end) {
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
  moon_shield_fini(m->c->shield);
}

/* What to do about it, for the errors an operator can do something about. */
static const char *remedy(int cause) {
  return cause == EMFILE   ? "; allow more files (ulimit -n)"
         : cause == ENFILE ? "; the machine has no more files to open (fs.file-max)"
         : cause == EAGAIN ? "; allow more processes (ulimit -u, TasksMax)"
         : cause == ENOMEM ? "; allow more memory (ulimit -v, MemoryMax)"
                           : "";
}

static bool cannot(const char *what) {
  moon_log(MOON_LOG_ERROR, "cannot %s: %m%s", what, remedy(errno));
  return false;
}

/* Forks; in the parent fills *child. Returns the socket's other end in the child, -1 in the parent, -2 when it failed. */
static int spawn(struct master *m, struct child *child) {
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
  child->started_us = now_us();
  child->again_at_us = UINT64_MAX;
  return -1;
}

static void plan_again(struct child *child, uint64_t now) {
  if (now - child->started_us >= LIVED_US) { child->backoff_us = 0; }
  child->again_at_us = now + child->backoff_us;
  child->backoff_us = child->backoff_us ? child->backoff_us * 2 : BACKOFF_FIRST_US;
  if (child->backoff_us > BACKOFF_MOST_US) { child->backoff_us = BACKOFF_MOST_US; }
}

static void end_now(struct master *m, int status);

/* What never ran is a mistake to be told now; what ran before may run again. errno tells why. */
static void not_started(struct master *m, struct child *child, const char *what) {
  cannot(what);
  if (child->started_us == 0) {
    end_now(m, MOON_EXIT_FAILED);
    return;
  }
  child->started_us = now_us();
  plan_again(child, child->started_us);
}

static void start_worker(struct master *m, uint32_t slot) {
  struct child *w = &m->workers[slot];
  w->records = m->stats.blocks[slot].records;
  w->stuck = w->replaced = false;
  if (w->handover_fd < 0) { w->handover_fd = memfd_create("moonpoll-states", MFD_CLOEXEC); }
  int fd = spawn(m, w);
  if (fd >= 0) {
    struct moon_worker_config c = {
      .plan = m->plan, .ring = m->rings ? &m->rings[slot] : NULL, .block = &m->stats.blocks[slot], .handed = m->handed,
      .quarantine = m->judge.quarantine, .slot = slot, .n_slots = m->plan->workers, .control_fd = fd, .desk = &m->desk,
      .keep = &m->keep, .handover_fd = w->handover_fd, .trace = m->c->trace};
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
}

static void start_writer(struct master *m) {
  int fd = spawn(m, &m->writer);
  if (fd >= 0) {
    struct moon_writer_config c = {
      .rings = m->rings, .n_rings = m->plan->workers, .stats = &m->stats, .format = m->c->format, .fd = STDOUT_FILENO,
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

/* Workers may finish what they do until grace_us from now; a second call hurries them. */
static void drain(struct master *m, uint64_t grace_us) {
  struct moon_worker_order order = {.op = MOON_ORDER_DRAIN, .deadline_us = now_us() + grace_us};
  if (!m->stopped) { moon_notify("STOPPING=1"); }
  m->stopped = true;
  m->drain_us = order.deadline_us;
  m->kill_us = order.deadline_us + OVERTIME_US;
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    struct child *w = &m->workers[i];
    if (w->pid) {
      ssize_t done = write(w->order_fd, &order, sizeof order);
      (void)done; /* dead already: SIGCHLD tells */
    } else {
      w->finished = true;
    }
  }
}

/* It finishes what it does, hands its states on, and another one takes its place. */
static void replace(struct master *m, struct child *w) {
  struct moon_worker_order order = {.op = MOON_ORDER_REPLACE, .deadline_us = now_us() + (uint64_t)(m->plan->grace_s * 1e6)};
  if (!w->pid || w->replaced || w->handover_fd < 0 || m->stopped || m->plan->once) { return; }
  w->replaced = write(w->order_fd, &order, sizeof order) == (ssize_t)sizeof order;
}

static void replace_all(struct master *m) {
  for (uint32_t i = 0; i < m->plan->workers; i++) { replace(m, &m->workers[i]); }
}

/* Nothing more can be done for anybody: no reader, or a configuration that does not load. */
static void end_now(struct master *m, int status) {
  m->over = true;
  m->status = status;
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (m->workers[i].pid) { kill(m->workers[i].pid, SIGKILL); }
    m->workers[i].again_at_us = UINT64_MAX;
  }
  m->kill_us = m->drain_us = now_us() + OVERTIME_US;
}

static void child_gone(struct child *child) {
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
static bool is_futile(struct master *m, uint32_t slot) {
  struct child *w = &m->workers[slot];
  w->futile = m->stats.blocks[slot].records == w->records ? w->futile + 1 : 0;
  return w->futile >= FUTILE_MAX;
}

static void worker_ended(struct master *m, uint32_t slot, int status) {
  struct child *w = &m->workers[slot];
  bool well = WIFEXITED(status) && WEXITSTATUS(status) == MOON_WORKER_DONE;
  bool kept = WIFEXITED(status) && WEXITSTATUS(status) == MOON_WORKER_REPLACED;
  char text[64];
  int pid = (int)w->pid;
  child_gone(w);
  if (!well && !kept && !m->over && !(w->killed && !w->stuck)) { moon_judge_lost(&m->judge, slot, status, w->stuck, now_us()); }
  moon_stats_bury(&m->stats, slot, !well && !kept && !m->over && !(WIFEXITED(status) && WEXITSTATUS(status) == MOON_WORKER_CONFIG));
  if (well || m->over || (kept && m->drain_us)) {
    w->finished = true;
  } else if (kept) {
    w->again_at_us = now_us();
    moon_log(MOON_LOG_INFO, "worker %u (pid %d) is replaced", slot, pid);
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == MOON_WORKER_CONFIG) {
    end_now(m, MOON_EXIT_CONFIG);
  } else if (WIFEXITED(status) && m->stats.blocks[slot].past.turns == 0) {
    end_now(m, MOON_EXIT_FAILED); /* it told why; it never came to work */
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
    plan_again(w, now_us());
    moon_log(MOON_LOG_WARN, "worker %u (pid %d) %s: started again", slot, pid, how(status, text, sizeof text));
  }
}

static void writer_ended(struct master *m, int status) {
  char text[64];
  child_gone(&m->writer);
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == MOON_WRITER_NO_READER) {
    m->writer.finished = m->stopped = true;
    end_now(m, MOON_EXIT_OK);
  } else if (code == MOON_WRITER_FAILED) {
    m->writer.finished = true;
    end_now(m, MOON_EXIT_FAILED);
  } else if (code == MOON_WRITER_DONE || m->over) {
    m->writer.finished = true;
  } else {
    plan_again(&m->writer, now_us());
    moon_log(MOON_LOG_WARN, "the writer %s: started again", how(status, text, sizeof text));
  }
}

struct share { uint32_t slot, n_slots; };

static bool is_mine(void *arg, const char *name) {
  const struct share *s = arg;
  return s->n_slots <= 1 || moon_shard_slot(name, s->n_slots) == s->slot;
}

/* A change on its way to a worker, in a file without a name: it may be larger than a socket takes. */
static bool hand_over(const struct child *w, const uint8_t *p, size_t n) {
  struct moon_worker_order order = {.op = MOON_ORDER_CHANGE};
  struct iovec iov = {&order, sizeof order};
  union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control = {.room = {0}};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  int fd = memfd_create("change", MFD_CLOEXEC);
  bool done = fd >= 0;
  for (size_t at = 0; done && at < n;) {
    ssize_t put = write(fd, p + at, n - at);
    done = put > 0;
    at += done ? (size_t)put : 0;
  }
  struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
  *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  done = done && sendmsg(w->order_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof order;
  if (fd >= 0) { close(fd); }
  return done;
}

/* A worker that cannot be told starts anew, with the plan that holds now. */
static void tell_worker(struct master *m, uint32_t slot, const struct moon_change *change) {
  struct child *w = &m->workers[slot];
  struct share share = {slot, m->plan->workers};
  uint8_t *p = NULL;
  size_t n = 0;
  bool done = moon_change_pack(change, is_mine, &share, &p, &n) == MOON_OK && hand_over(w, p, n);
  moon_pack_free(p, n);
  if (done) { return; }
  moon_log(MOON_LOG_ERROR, "worker %u (pid %d) takes no change: killed", slot, (int)w->pid);
  kill(w->pid, SIGKILL);
}

static bool reloaded(struct master *m, pid_t pid, int status) {
  struct moon_change change;
  if (!moon_reload_reaped(&m->reload, pid, status, now_us(), &change)) { return false; }
  for (uint32_t i = 0; i < m->plan->workers && !m->drain_us && !moon_change_is_none(&change); i++) {
    if (m->workers[i].pid) { tell_worker(m, i, &change); }
  }
  m->stats.head->n_targets = m->plan->n_targets;
  moon_reload_taken(&m->reload, &change);
  return true;
}

static void reap(struct master *m) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == m->writer.pid) {
      writer_ended(m, status);
      continue;
    }
    if (reloaded(m, pid, status)) { continue; }
    for (uint32_t i = 0; i < m->plan->workers; i++) {
      if (m->workers[i].pid == pid) { worker_ended(m, i, status); }
    }
  }
}

static void on_signals(struct master *m) {
  struct signalfd_siginfo info;
  while (read(m->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
      drain(m, m->drain_us ? 0 : (uint64_t)(m->plan->grace_s * 1e6));
    } else if (info.ssi_signo == SIGUSR2) {
      replace_all(m);
    } else if (info.ssi_signo == SIGHUP) {
      moon_reload_ask(&m->reload);
    }
  }
  reap(m);
}

/* [PROBE [TARGET]] */
static void release(struct master *m, const char *words, struct moon_print *answer) {
  char probe[MOON_CONTROL_LINE], target[MOON_CONTROL_LINE];
  int n = sscanf(words, "%s %s", probe, target);
  uint32_t released = moon_quarantine_lift(m->judge.quarantine, n > 0 ? probe : NULL, n > 1 ? target : NULL);
  moon_print_printf(answer, "%u released", released);
}

static void on_command(void *arg, const char *command, struct moon_print *answer) {
  struct master *m = arg;
  if (strcmp(command, "status") == 0) {
    struct moon_stats_sum sum;
    moon_stats_read(&m->stats, &sum);
    moon_stats_json(&m->stats, &sum, seconds_since(m->stats.head->started_us), -1, answer);
    if (answer->n) { answer->n--; } /* two more fields */
    moon_print_printf(answer, ",\"generation\":%u,\"quarantine\":", m->reload.generation);
    moon_quarantine_json(m->judge.quarantine, now_us(), answer);
    moon_print_text(answer, "}");
  } else if (strncmp(command, "release", 7) == 0 && (command[7] == 0 || command[7] == ' ')) {
    release(m, command + 7, answer);
  } else if (strcmp(command, "reload") == 0) {
    moon_print_printf(answer, "%u", moon_reload_ask(&m->reload));
  } else if (strncmp(command, "reloaded ", 9) == 0) {
    moon_reload_answer(&m->reload, (uint32_t)strtoul(command + 9, NULL, 10), answer);
  } else if (strcmp(command, "replace") == 0) {
    replace_all(m);
    moon_print_text(answer, m->plan->once ? "error --once: nothing is replaced" : "ok");
  } else if (strcmp(command, "stop") == 0) {
    drain(m, m->drain_us ? 0 : (uint64_t)(m->plan->grace_s * 1e6));
    moon_print_text(answer, "ok");
  } else if (!moon_inquiry_take(&m->inquiry, command, now_us())) {
    moon_print_text(answer, "error no such command: status, target NAME, top, tasks, release, replace, reload, stop");
  }
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Starts what is due; returns when to look again. */
static uint64_t start_due(struct master *m) {
  uint64_t now = now_us(), next = UINT64_MAX;
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    struct child *w = &m->workers[i];
    if (w->pid || w->finished || m->over) { continue; }
    if (w->again_at_us <= now) { start_worker(m, i); }
    next = earlier(next, w->again_at_us);
  }
  if (m->rings && !m->writer.pid && !m->writer.finished && !m->over) {
    if (m->writer.again_at_us <= now) { start_writer(m); }
    next = earlier(next, m->writer.again_at_us);
  }
  return next;
}

static bool workers_finished(const struct master *m) {
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (m->workers[i].pid || (!m->workers[i].finished && !m->over)) { return false; }
  }
  return true;
}

/* Past the grace time: workers that are left, and another while later a writer whose output does not move. */
static void kill_rest(struct master *m) {
  bool workers = false;
  m->kill_us = now_us() + OVERTIME_US;
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
static uint64_t trace_schedule(struct master *m) {
  struct moon_print out;
  uint64_t now = now_us();
  if (!m->c->schedtrace) { return UINT64_MAX; }
  if (now < m->schedtrace.next_us) { return m->schedtrace.next_us; }
  moon_print_init(&out, NULL, NULL);
  moon_schedtrace_line(&m->schedtrace, &m->stats, now, &out);
  moon_print_put(&out, "", 1);
  if (!out.failed) { moon_log_text(MOON_LOG_INFO, (const char *)out.p); }
  moon_print_fini(&out);
  return m->schedtrace.next_us;
}

static void kill_stuck(void *arg, uint32_t slot) {
  struct child *w = &((struct master *)arg)->workers[slot];
  if (!w->pid) { return; }
  w->killed = w->stuck = true;
  kill(w->pid, SIGKILL);
}

/* All workers have begun to poll. */
static bool all_ready(const struct master *m) {
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (!m->workers[i].finished && !m->stats.blocks[i].live.turns) { return false; }
  }
  return true;
}

/* What is done every so often; returns when to come again. */
static uint64_t tick(struct master *m) {
  uint64_t now = now_us();
  moon_judge_tick(&m->judge, now, kill_stuck, m);
  if (!m->ready && all_ready(m)) {
    m->ready = true;
    moon_notify("READY=1");
  }
  if (now >= m->alive_us) {
    moon_notify("WATCHDOG=1");
    m->alive_us = now + moon_notify_watchdog_us();
  }
  return earlier(earlier(m->judge.tick_us, m->alive_us), m->ready ? UINT64_MAX : now + READY_LOOK_US);
}

static void supervise(struct master *m) {
  bool told_end = false;
  for (;;) {
    uint64_t next = start_due(m);
    if (workers_finished(m)) {
      if (!m->rings || m->writer.finished || (m->over && !m->writer.pid)) { return; }
      if (!told_end && m->writer.pid) {
        ssize_t done = write(m->writer.order_fd, "E", 1);
        (void)done;
      }
      told_end = m->writer.pid != 0;
    }
    if (m->drain_us) { next = earlier(next, m->kill_us); }
    next = earlier(next, trace_schedule(m));
    next = earlier(next, tick(m));
    if (!m->drain_us) { next = earlier(next, moon_reload_tick(&m->reload, now_us())); }
    next = earlier(next, moon_keep_next(&m->keep));
    uint64_t now = now_us();
    if (m->has_dir) { next = earlier(next, moon_inquiry_look(&m->inquiry, now)); }
    int timeout_ms = next == UINT64_MAX ? -1 : next <= now ? 0 : (int)((next - now + 999) / 1000);
    struct pollfd fds[OWN_FDS + MOON_CONTROL_FDS] = {{.fd = m->signal_fd, .events = POLLIN}, {.fd = m->desk.bell_fd, .events = POLLIN},
                                              {.fd = m->reload.watch.fd, .events = POLLIN}};
    nfds_t n = OWN_FDS;
    if (m->has_dir) {
      moon_control_fds(&m->control, fds + OWN_FDS);
      n += MOON_CONTROL_FDS;
    }
    int got = wait_for(fds, n, timeout_ms);
    if (got > 0 && fds[0].revents) { on_signals(m); }
    if (got > 0 && fds[1].revents) { moon_desk_heard(&m->desk); }
    if (got > 0 && fds[2].revents) { moon_watch_heard(&m->reload.watch, now_us()); }
    if (got > 0 && m->has_dir) { moon_control_serve(&m->control, fds + OWN_FDS); }
    if (m->drain_us && now_us() >= m->kill_us) { kill_rest(m); }
    moon_keep_save(&m->keep, now_us(), false);
  }
}

/* Where it was said; else, for who goes on, beside the directories of all instances: the next one finds it. */
static void keep_engines(struct master *m, const char *base) {
  char path[MOON_RUNDIR_MAX + 16];
  const char *said = m->plan->engine_cache;
  snprintf(path, sizeof path, "%s/engines", base);
  moon_keep_init(&m->keep, m->plan->workers, said ? (said[0] ? said : NULL) : m->has_dir && !m->plan->once ? path : NULL, now_us());
}

static bool set_up(struct master *m) {
  char base[MOON_RUNDIR_MAX], path[MOON_RUNDIR_MAX + 16];
  uint32_t n = m->plan->workers;
  moon_files_allow(m->plan);
  m->workers = moon_mem_array(n, sizeof *m->workers);
  if (!m->workers) { return cannot("start"); }
  for (uint32_t i = 0; i < n; i++) { m->workers[i].order_fd = m->workers[i].handover_fd = -1; }
  m->has_dir = moon_rundir_base(m->c->run_dir, base, sizeof base) == MOON_OK && moon_rundir_make(base, m->dir, sizeof m->dir) == MOON_OK;
  if (!m->has_dir) {
    moon_log(m->c->run_dir ? MOON_LOG_ERROR : MOON_LOG_DEBUG, "run directory %s: %m", m->c->run_dir ? m->c->run_dir : base);
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
  if (!m->has_dir && moon_stats_init(&m->stats, NULL, n)) { return cannot("map the counters"); }
  m->judge = (struct moon_judge){.plan = m->plan, .stats = &m->stats, .quarantine = moon_quarantine_new(), .tick_us = now_us()};
  if (!m->judge.quarantine) { return cannot("map the quarantine"); }
  m->alive_us = moon_notify_watchdog_us() ? now_us() : UINT64_MAX;
  keep_engines(m, base);
  m->stats.head->n_targets = m->plan->n_targets;
  m->stats.head->once = m->plan->once;
  m->handed_len = m->plan->once ? (size_t)m->plan->n_probes * m->plan->n_targets : 0;
  if (m->handed_len) {
    void *p = mmap(NULL, m->handed_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) { return cannot("map what is done"); }
    m->handed = p;
  }
  moon_reload_init(&m->reload, m->c->options ? &m->c->options->load : NULL, m->c->plan, now_us());
  m->plan = m->judge.plan = &m->reload.plan;
  m->signal_fd = signalfd(-1, &m->signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (moon_desk_init(&m->desk, n)) { return cannot("start"); }
  moon_inquiry_init(&m->inquiry, &m->desk, &m->control, &m->stats);
  moon_schedtrace_init(&m->schedtrace, now_us());
  m->data_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (m->signal_fd < 0 || m->data_fd < 0) { return cannot("start"); }
  if (!m->c->format) { return true; }
  m->rings = moon_mem_array(n, sizeof *m->rings);
  for (uint32_t i = 0; m->rings && i < n; i++) {
    if (moon_ring_init(&m->rings[i], MOON_RING_CAP, m->data_fd)) { return cannot("make the ring of a worker"); }
  }
  return m->rings || cannot("start");
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

static void report(struct master *m) {
  struct moon_stats_sum sum;
  struct moon_print out;
  double seconds = seconds_since(m->stats.head->started_us);
  moon_stats_read(&m->stats, &sum);
  if (m->plan->once && m->status == MOON_EXIT_OK && !m->stopped) {
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
      cannot("write --stats");
      m->status = m->status ? m->status : MOON_EXIT_FAILED;
    }
  }
  moon_print_fini(&out);
}

static void tear_down(struct master *m) {
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
  moon_keep_fini(&m->keep);
  moon_stats_fini(&m->stats);
  moon_desk_fini(&m->desk);
  if (m->signal_fd >= 0) { close(m->signal_fd); }
  if (m->data_fd >= 0) { close(m->data_fd); }
  sigprocmask(SIG_SETMASK, &m->old_signals, NULL);
}

int moon_master_run(const struct moon_master_config *c) {
  struct master m = {.c = c, .plan = c->plan, .signal_fd = -1, .data_fd = -1, .kill_us = UINT64_MAX, .status = MOON_EXIT_FAILED};
  m.reload.watch.fd = m.reload.loading.fd = -1;
  m.writer.order_fd = m.control.listen_fd = m.desk.bell_fd = -1;
  for (int i = 0; i < MOON_CONTROL_CLIENTS; i++) { m.control.client[i].fd = -1; }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* ulimit -f: an error of write, told like others */
  sigemptyset(&m.signals);
  static const int wanted[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR2};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) { sigaddset(&m.signals, wanted[i]); }
  sigprocmask(SIG_BLOCK, &m.signals, &m.old_signals);
  if (set_up(&m)) {
    m.status = MOON_EXIT_OK;
    start_due(&m); /* the packets first: the socket can wait */
    if (m.has_dir && !m.over && moon_control_init(&m.control, m.dir, on_command, &m)) {
      moon_log(MOON_LOG_WARN, "no control socket in %s: %m", m.dir);
    }
    supervise(&m);
    moon_keep_save(&m.keep, now_us(), true);
    report(&m);
  }
  tear_down(&m);
  return m.status;
}
