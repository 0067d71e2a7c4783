#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/mem.h"
#include "../base/remedy.h"
#include "../bind/load/change.h"
#include "../bind/load/pack.h"
#include "inhouse.h"
#include "insight.h"
#include "log.h"
#include "orders.h"
#include "shard.h"
#include "trace.h"
#include "watchdog.h"
#include "without.h"

/* A gsub whose callback calls gsub, and so on, takes 80 MB before Lua's own stack is full; untouched pages cost nothing. */
#define STACK_OCTETS (128u << 20)

/* The leak checker wants everything freed; without it the end of the process does that for nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define TIDY 1
#elif defined(__has_feature)
#define TIDY __has_feature(address_sanitizer)
#else
#define TIDY 0
#endif

struct worker {
  const struct moon_worker_config *c;
  struct moon_loop *loop;
  struct moon_engine *engine;
  struct moon_host *host;
  struct moon_inhouse inhouse;
  struct moon_insight insight;
  struct moon_trace trace;
  struct moon_without without;
  struct moon_orders orders;
  struct moon_watchdog watch;
  int spare_fd;  /* its place is that of the file that comes with an order, when no more may be opened; -1 */
  uint32_t *shard;
  uint32_t n_shard;
  int status;
  bool replaced; /* is to be */
};

static bool sink(void *arg, const uint8_t *record, uint32_t n) {
  struct worker *w = arg;
  struct moon_record_reader r;
  if (w->c->ring && !moon_ring_put(w->c->ring, record, n)) {
    if (!w->without.backpressure) { return false; }
    uint8_t *aside = moon_mem_alloc(n); /* never written, never freed: what not minding leads to */
    if (aside) { memcpy(aside, record, n); }
  }
  if (moon_record_open(&r, record, n) == MOON_OK) {
    w->c->block->run_error[r.head.err < MOON_E_PUBLIC_N ? r.head.err : MOON_E_PUBLIC_N]++;
  }
  w->c->block->records++;
  return true;
}

static void say(void *arg, enum moon_level level, const char *text) {
  (void)arg;
  moon_log_text(level, text);
}

static void done(void *arg) {
  struct worker *w = arg;
  moon_loop_stop(w->loop);
}

static void notice(void *arg, void *peer_user, const char *text) {
  struct worker *w = arg;
  if (w->host) {
    moon_host_notice(w->host, peer_user, text);
  } else {
    moon_log_text(MOON_LOG_WARN, text);
  }
}

static void ready(void *arg) {
  struct worker *w = arg;
  if (!w->host) { return; }
  moon_host_ready(w->host);
  moon_orders_work(&w->orders);
}

static bool recall(void *arg, void *peer_user, const struct moon_addr *addr, struct moon_trust_record *out) {
  (void)peer_user;
  return moon_keep_recall(((struct worker *)arg)->c->keep, addr, out);
}

static void learned(void *arg, void *peer_user, const struct moon_trust_record *r) {
  (void)peer_user;
  moon_keep_learn(((struct worker *)arg)->c->keep, r);
}

static void turn(void *arg) { moon_engine_turn(((struct worker *)arg)->engine); }

static void on_room(void *arg, int fd) {
  struct worker *w = arg;
  (void)fd;
  moon_ring_room(w->c->ring);
  moon_host_output_ready(w->host);
}

/* A script may take less than all others could until now. */
static void watch_closer(struct worker *w, const struct moon_plan *plan) {
  for (uint32_t i = 0; i < plan->n_probes; i++) {
    if (plan->probes[i].cpu_ms < w->watch.limit_ms) { __atomic_store_n(&w->watch.limit_ms, plan->probes[i].cpu_ms, __ATOMIC_RELAXED); }
  }
}

static void part(void *arg, uint64_t op, const struct moon_plan *plan) {
  struct worker *w = arg;
  watch_closer(w, plan);
  if (op == MOON_ORDER_CHANGE) { w->trace.plan = plan; } /* with all credentials there are, which a trace masks */
}

static void lost(void *arg, enum moon_err err) {
  moon_log(MOON_LOG_ERROR, "worker %u cannot read a change of targets: %s", ((struct worker *)arg)->c->slot, moon_err_text(err));
  _exit(MOON_WORKER_FAILED); /* who comes next starts with all of it */
}

static void prepared(void *arg, uint32_t serial, const char *error) {
  struct worker *w = arg;
  moon_board_say(w->c->board, w->c->slot, serial, error);
}

static void keep_spare(struct worker *w) {
  if (w->spare_fd < 0) { w->spare_fd = fcntl(w->c->control_fd, F_DUPFD_CLOEXEC, 0); }
}

static void give_spare(struct worker *w) {
  if (w->spare_fd >= 0) { close(w->spare_fd); }
  w->spare_fd = -1;
}

/* The file that came with it in *with, -1: none. */
static ssize_t take_order(int fd, struct moon_worker_order *order, int *with) {
  struct iovec iov = {order, sizeof *order};
  union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control;
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
  struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
  if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) { memcpy(with, CMSG_DATA(c), sizeof *with); }
  return n;
}

static void on_order(void *arg, int fd) {
  struct worker *w = arg;
  struct moon_worker_order order;
  int with = -1;
  give_spare(w);
  ssize_t n = take_order(fd, &order, &with);
  if (n == 0) { _exit(MOON_WORKER_FAILED); }
  if (n == (ssize_t)sizeof order && (order.op == MOON_ORDER_CHANGE || order.op == MOON_ORDER_PREPARE)) {
    moon_orders_take(&w->orders, order.op, (uint32_t)order.deadline_us, with);
  }
  if (with >= 0) { close(with); }
  keep_spare(w);
  if (n == (ssize_t)sizeof order && order.op == MOON_ORDER_SETTLE) { moon_host_settle(w->host, (uint32_t)order.deadline_us); }
  if (n == (ssize_t)sizeof order && (order.op == MOON_ORDER_DRAIN || order.op == MOON_ORDER_REPLACE)) {
    w->replaced = order.op == MOON_ORDER_REPLACE;
    moon_host_drain(w->host, order.deadline_us);
    moon_engine_kick(w->engine);
  }
}

static void on_question(void *arg, int fd) {
  struct worker *w = arg;
  (void)fd;
  moon_insight_serve(&w->insight);
}

static void on_packet(void *arg, bool sent, const struct moon_addr *peer, const uint8_t *p, size_t n) {
  struct worker *w = arg;
  if (w->host) { moon_trace_packet(&w->trace, w->host, moon_engine_now(w->engine), sent, peer, p, n); }
}

static enum moon_err answer(void *arg, const struct moon_plan_target *t, struct moon_peer *p) {
  struct worker *w = arg;
  return moon_inhouse_open(&w->inhouse, w->engine, t, p);
}

static bool holds(void *arg, const struct moon_plan_probe *p, const struct moon_plan_target *t) {
  return moon_quarantine_holds(((struct worker *)arg)->c->quarantine, p, t->name);
}

/* Nobody of ours is on a network. */
static bool all_recorded(const struct worker *w) {
  for (uint32_t i = 0; i < w->n_shard; i++) {
    if (!w->c->plan->targets[w->shard[i]].recording) { return false; }
  }
  return w->n_shard > 0;
}

static void *open_handover(int fd, size_t *n) {
  struct stat st;
  if (fd < 0 || fstat(fd, &st) || st.st_size <= 0) { return NULL; }
  void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  *n = (size_t)st.st_size;
  return p == MAP_FAILED ? NULL : p;
}

/* Those on trial when it starts; without memory for them all goes on as before them. */
static struct moon_plan **copy_trial(const struct moon_plan *trial, uint32_t *n) {
  struct moon_plan **plans = trial ? moon_mem_array(trial->n_probes, sizeof *plans) : NULL;
  *n = 0;
  for (uint32_t i = 0; plans && i < trial->n_probes; i++) { *n += !moon_change_pick(trial, &i, 1, &plans[*n]); }
  return plans;
}

static enum moon_err start(struct worker *w) {
  struct moon_engine_config e;
  enum moon_err err = moon_without_init(&w->without);
  if (err) {
    moon_log(MOON_LOG_ERROR, "MOONPOLL_WITHOUT: not one of breaker, budget, phases, timeouts, backpressure");
    return err;
  }
  const struct moon_plan *plan = moon_without_plan(&w->without, w->c->plan);
  if (!plan) { return MOON_E_NOMEM; }
  err = moon_shard_pick(plan, w->c->slot, w->c->n_slots, &w->shard, &w->n_shard);
  if (err) { return err; }
  moon_keep_join(w->c->keep, w->c->slot);
  w->loop = moon_loop_new(plan->loop);
  if (!w->loop) { return MOON_E_NOMEM; }
  const struct moon_io *io = moon_loop_io(w->loop);
  moon_engine_config_init(&e);
  e.max_in_flight = plan->max_in_flight;
  e.packets_per_s = plan->packets_per_s;
  e.resolver = plan->resolver;
  e.awaits_sources = true; /* the loader looked, and who follows a worker hours later may not find it */
  e.closed = all_recorded(w);
  e.counters = &w->c->block->live;
  e.histograms = &w->c->block->histograms;
  e.notice = notice;
  e.ready = ready;
  e.ahead = moon_host_ahead;
  e.recall = recall;
  e.learned = learned;
  e.arg = w;
  moon_without_engine(&w->without, &e);
  moon_trace_init(&w->trace, w->c->trace, plan);
  if (w->c->trace) { e.trace = on_packet; }
  err = moon_engine_new(&e, io, w->loop, &w->engine);
  if (err) { return err; }
  moon_loop_on_turn(w->loop, turn, w);
  struct moon_host_config h = {
    .engine = w->engine, .plan = plan, .shard = w->shard, .n_shard = w->n_shard, .counters = &w->c->block->runs,
    .pulse = &w->c->block->pulse, .holds = holds,
    .handed = w->c->handed, .shares = w->c->board->shares, .prepared = prepared, .candidates_serial = w->c->trial_serial, .answer = answer,
    .sink = sink, .log = say, .done = done, .arg = w};
  if (!plan->once) {
    h.habits = moon_ledger_habits(w->c->ledger, w->c->slot, &h.n_habits);
    h.witnesses = moon_ledger_witnesses(w->c->ledger, w->c->slot, &h.n_witnesses);
  }
  h.candidates = copy_trial(w->c->trial, &h.n_candidates);
  size_t kept_len = 0;
  void *kept = open_handover(w->c->handover_fd, &kept_len);
  h.kept = kept;
  h.kept_len = kept_len;
  moon_without_host(&w->without, &h);
  err = moon_host_new(&h, &w->host);
  if (kept) {
    munmap(kept, kept_len);
    if (ftruncate(w->c->handover_fd, 0)) { moon_log(MOON_LOG_WARN, "worker %u: %m", w->c->slot); } /* one that crashes leaves nothing */
  }
  if (err) { return err; }
  w->orders = (struct moon_orders){.engine = w->engine, .host = w->host, .part = part, .refused = prepared, .lost = lost, .arg = w};
  moon_orders_init(&w->orders);
  keep_spare(w);
  moon_insight_init(&w->insight, w->engine, w->host, w->c->desk, w->c->slot);
  err = io->watch(w->loop, w->c->control_fd, on_order, w);
  if (!err) { err = io->watch(w->loop, w->c->desk->worker_fd[w->c->slot], on_question, w); }
  if (!err && w->c->ring) { err = io->watch(w->loop, w->c->ring->space_fd, on_room, w); }
  return err;
}

static void finish(struct worker *w) {
  if (!TIDY) { return; }
  if (w->loop) {
    const struct moon_io *io = moon_loop_io(w->loop);
    io->unwatch(w->loop, w->c->control_fd);
    io->unwatch(w->loop, w->c->desk->worker_fd[w->c->slot]);
    if (w->c->ring) { io->unwatch(w->loop, w->c->ring->space_fd); }
  }
  if (w->insight.host) { moon_insight_fini(&w->insight); }
  if (w->host) { moon_host_free(w->host); }
  if (w->engine) { moon_engine_free(w->engine); }
  moon_inhouse_fini(&w->inhouse);
  moon_orders_fini(&w->orders);
  give_spare(w);
  if (w->loop) { moon_loop_free(w->loop); }
  moon_mem_free(w->shard);
  moon_without_fini(&w->without);
}

/* For the one that goes on. What does not fit into memory is lost, and the rest goes on without. */
static void hand_over(struct worker *w) {
  uint8_t *p = NULL;
  size_t n = 0;
  enum moon_err err = moon_host_save(w->host, &p, &n);
  w->status = MOON_WORKER_REPLACED;
  ssize_t done = err || lseek(w->c->handover_fd, 0, SEEK_SET) ? -1 : 0;
  for (size_t at = 0; done >= 0 && at < n; at += (size_t)done) { done = write(w->c->handover_fd, p + at, n - at); }
  if (done < 0) {
    moon_log(MOON_LOG_ERROR, "worker %u cannot hand on its states: %s", w->c->slot, err ? moon_err_text(err) : "no memory for them");
    if (ftruncate(w->c->handover_fd, 0)) { w->status = MOON_WORKER_FAILED; }
  }
  moon_mem_free(p);
}

static void *engine_thread(void *arg) {
  struct worker *w = arg;
  enum moon_err err = start(w);
  if (err == MOON_OK) {
    moon_engine_kick(w->engine);
    moon_loop_run(w->loop);
    if (w->replaced) { hand_over(w); }
  } else {
    moon_log(MOON_LOG_ERROR, "worker %u cannot start: %s", w->c->slot, moon_err_text(err));
    w->status = err == MOON_E_CONFIG ? MOON_WORKER_CONFIG : MOON_WORKER_FAILED;
  }
  finish(w);
  return NULL;
}

/* From a signal handler in the engine's thread, inside a resume: the host is there. */
static void stop_resume(void *arg, uint64_t resume, uint64_t since_ns) {
  struct worker *w = arg;
  if (w->host) { moon_host_stop_resume(w->host, resume, since_ns); }
}

static uint32_t least_cpu_ms(const struct moon_plan *plan) {
  uint32_t least = plan->cpu_ms;
  for (uint32_t i = 0; i < plan->n_probes; i++) { least = plan->probes[i].cpu_ms < least ? plan->probes[i].cpu_ms : least; }
  return least;
}

static void keep_to_cpu(const struct moon_worker_config *c) {
  cpu_set_t set;
  if (!c->plan->n_cpus) { return; }
  unsigned cpu = c->plan->cpus[c->slot % c->plan->n_cpus];
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set)) { moon_log(MOON_LOG_WARN, "worker %u cannot keep to processor %u: %m", c->slot, cpu); }
}

int moon_worker_run(const struct moon_worker_config *c) {
  struct worker w = {.c = c, .spare_fd = -1, .watch = {.pulse = &c->block->pulse, .limit_ms = least_cpu_ms(c->plan), .stop = stop_resume}};
  w.watch.arg = &w;
  keep_to_cpu(c);
  mallopt(M_ARENA_MAX, 1); /* one thread works: a second arena would only cost memory */
  int err = moon_watchdog_run(&w.watch, STACK_OCTETS, engine_thread, &w);
  if (err) {
    errno = err;
    moon_log(MOON_LOG_ERROR, "worker %u cannot start its thread, whose stack takes %u MB of address space: %m%s", c->slot, STACK_OCTETS >> 20,
             moon_remedy(err));
    return MOON_WORKER_FAILED;
  }
  return w.status;
}
