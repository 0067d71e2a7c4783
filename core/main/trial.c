#define _GNU_SOURCE /* pthread_clockjoin_np */
#include "trial.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "../bind/load/recorded.h"
#include "inhouse.h"
#include "watchdog.h"

#define BEGIN_S 1764000000.0 /* the wall clock of every case begins here: 2025-11-24T16:00:00Z */
#define SOON_US 1000000u     /* after the last run is due */
#define NEVER_US (UINT64_C(1000000) * 86400 * 365)
#define LOG_MAX 65536u
#define PATH_MAX_LEN 4096
#define STACK_OCTETS (64u << 20) /* as a worker's: whatever Lua runs nests on it */
#define WATCH_MS 250u            /* five times what a probe is allowed where it polls: what a case gives does not hang on how busy a machine is */
#define THREAD_STACK_OCTETS (256u << 10) /* of the one that only watches */

struct kind {
  struct moon_recording *recording;
  struct moon_vary *vary;
  struct moon_flaws *flaws;
  struct moon_profile profile;
};

struct run {
  struct moon_tried *out;
  const struct moon_trial *trial;
  const struct moon_trial_watch *watch;
  struct moon_plan *plan;
  struct kind *kinds;
  struct moon_draft draft;   /* of recordings */
  struct moon_inhouse inhouse;
  struct moon_loop *loop;
  struct moon_engine *engine;
  struct moon_host *host;
  struct moon_timer last;
  enum moon_err err;         /* of what was taken in */
  bool done;
};

/* Of the one process: what the watchdog looks at, and whose resume it stops. */
static struct moon_pulse pulse;
static struct moon_host *watched;

static void note(struct run *r, const char *level, const char *text) {
  if (r->out->log.n < LOG_MAX) { moon_print_printf(&r->out->log, "%s %s\n", level, text); }
}

static bool fail(struct run *r, const char *text) {
  if (!r->out->error[0]) { (void)snprintf(r->out->error, sizeof r->out->error, "%s", text); }
  return false;
}

static bool out_of_memory(struct run *r) { return fail(r, "out of memory"); }

/* ---- what the host is given */

static void warn(void *arg, const char *text) { note(arg, "warn", text); }

static void say(void *arg, enum moon_level level, const char *text) {
  const struct moon_trial_watch *w = ((struct run *)arg)->watch;
  if (w) { w->log(w->arg, level, text); }
  if (level == MOON_LOG_ERROR || level == MOON_LOG_WARN) { note(arg, level == MOON_LOG_ERROR ? "error" : "warn", text); }
}

static void notice(void *arg, void *peer_user, const char *text) {
  struct run *r = arg;
  if (r->host) {
    moon_host_notice(r->host, peer_user, text);
  } else {
    warn(r, text);
  }
}

static bool sink(void *arg, const uint8_t *record, uint32_t n) {
  struct run *r = arg;
  enum moon_err err = moon_golden_add(&r->out->golden, record, n);
  if (!r->err) { r->err = err; }
  if (r->watch) { r->watch->record(r->watch->arg, record, n); }
  return true;
}

static void skipped(void *arg, const char *place, const char *name) {
  const struct moon_trial_watch *w = ((struct run *)arg)->watch;
  if (w) { w->skipped(w->arg, place, name); }
}

static void ready(void *arg) {
  struct run *r = arg;
  if (r->host) { moon_host_ready(r->host); }
}

static void turn(void *arg) { moon_engine_turn(((struct run *)arg)->engine); }

static void done(void *arg) {
  struct run *r = arg;
  r->done = true;
  moon_loop_stop(r->loop);
}

static void last_started(void *arg) {
  struct run *r = arg;
  moon_host_drain(r->host, moon_engine_now(r->engine) + NEVER_US); /* runs have a timeout of their own */
}

static enum moon_err answer(void *arg, const struct moon_plan_target *t, struct moon_peer *p) {
  struct run *r = arg;
  const struct moon_fleet_agent *a = &r->trial->fleet->agents[t - r->plan->targets];
  return moon_inhouse_add(&r->inhouse, r->engine, p, &r->kinds[a->kind].profile, r->trial->seed);
}

/* ---- making it */

static bool make_kind(struct run *r, uint32_t i) {
  const struct moon_fleet_kind *from = &r->trial->fleet->kinds[i];
  struct kind *k = &r->kinds[i];
  char text[512];
  size_t blame = 0;
  enum moon_err err = MOON_OK;
  k->recording = moon_recorded_read(&r->draft, from->place, from->recording, from->snmp);
  if (!k->recording) { return fail(r, r->draft.error); }
  if (from->live || from->n_rules) {
    k->vary = moon_vary_new(k->recording, from->rules, from->n_rules, from->live, &blame, &err);
    if (!k->vary && err == MOON_E_NOMEM) { return out_of_memory(r); }
    (void)snprintf(text, sizeof text, "%s: rates and values: the numbers of rule %zu do not go together", from->place, blame + 1);
    if (!k->vary) { return fail(r, text); }
  }
  if (from->n_flaws) {
    k->flaws = moon_flaws_new(from->flaws, from->n_flaws, &blame, &err);
    if (!k->flaws && err == MOON_E_NOMEM) { return out_of_memory(r); }
    (void)snprintf(text, sizeof text, "%s: faults: the numbers of %s do not go together", from->place,
                   blame < from->n_flaws ? moon_flaw_name((enum moon_flaw_kind)from->flaws[blame].kind) : "one");
    if (!k->flaws) { return fail(r, text); }
  }
  k->profile = (struct moon_profile){
    .recording = k->recording, .vary = k->vary, .flaws = k->flaws, .hook = from->hook, .hook_ctx = from->hook_ctx,
    .hook_root = from->hook_root, .hook_root_len = from->hook_root_len, .max_octets = from->max_octets, .any_write = true,
    .create = from->create, .snmp = from->snmp, .timing = from->timing};
  return true;
}

static bool make_kinds(struct run *r) {
  const struct moon_fleet *fleet = r->trial->fleet;
  r->kinds = moon_mem_array(fleet->n_kinds, sizeof *r->kinds);
  if (!r->kinds) { return out_of_memory(r); }
  for (uint32_t i = 0; i < fleet->n_kinds; i++) {
    if (!make_kind(r, i)) { return false; }
  }
  for (uint32_t i = 0; i < r->draft.plan.n_warnings; i++) { note(r, "warn", r->draft.warnings[i]); }
  return true;
}

/* As `moonpoll run PROBE --targets file:...` would, with what the case says. */
static bool load_plan(struct run *r) {
  const struct moon_trial *t = r->trial;
  const struct moon_fleet *fleet = t->fleet;
  char (*names)[PATH_MAX_LEN] = moon_mem_array(fleet->n_agents, sizeof *names);
  const char **targets = moon_mem_array(fleet->n_agents, sizeof *targets);
  bool good = names && targets;
  if (!good) { out_of_memory(r); }
  for (uint32_t i = 0; good && i < fleet->n_agents; i++) {
    const char *path = fleet->kinds[fleet->agents[i].kind].recording;
    good = snprintf(names[i], sizeof names[i], "file:%s", path) < (int)sizeof names[i] || fail(r, "the path of a recording is too long");
    targets[i] = names[i];
  }
  struct moon_load_options o = {.probes = &t->probe, .n_probes = 1, .targets = targets, .n_targets = fleet->n_agents, .args = t->args,
                                .n_args = t->n_args, .version = t->version, .community = t->community, .timeout_s = t->timeout_s,
                                .every_s = t->every_s, .retries = t->retries, .once = t->runs == 1};
  if (good && moon_load(&o, &r->plan, r->out->error, sizeof r->out->error)) { good = fail(r, "the probe could not be loaded"); }
  if (good) { ((struct moon_plan_probe *)(uintptr_t)r->plan->probes)->allow_set = t->allow_set; } /* the plan is ours */
  if (good && r->plan->n_targets != fleet->n_agents) { good = fail(r, "recordings: they do not make a device each"); }
  moon_mem_free(targets);
  moon_mem_free(names);
  return good;
}

/* Seconds between the runs of the job that is due most often; 0: there is none. */
static double shortest(const struct moon_plan_probe *p) {
  double every = 0;
  for (uint32_t i = 0; i < p->n_jobs; i++) {
    if (p->jobs[i].every_s > 0 && (every == 0 || p->jobs[i].every_s < every)) { every = p->jobs[i].every_s; }
  }
  return every;
}

static bool start(struct run *r) {
  struct moon_engine_config e;
  double every = shortest(&r->plan->probes[0]);
  r->loop = moon_loop_new("virtual");
  if (!r->loop) { return out_of_memory(r); }
  const struct moon_io *io = moon_loop_io(r->loop);
  moon_engine_config_init(&e);
  e.closed = true;
  e.clock_us = moon_loop_virtual_us;
  e.clock_arg = r->loop;
  e.seed = r->trial->seed;
  e.notice = notice;
  e.ready = ready;
  e.arg = r;
  if (moon_engine_new(&e, io, r->loop, &r->engine)) { return out_of_memory(r); }
  moon_loop_on_turn(r->loop, turn, r);
  struct moon_host_config h = {.engine = r->engine, .plan = r->plan, .answer = answer, .sink = sink, .log = say, .skipped = skipped, .done = done, .arg = r,
                               .epoch_s = BEGIN_S - (double)MOON_VIRTUAL_BEGIN_US / 1e6, .in_step = true, .pulse = &pulse};
  enum moon_err err = moon_host_new(&h, &r->host);
  if (err) { return fail(r, err == MOON_E_NOMEM ? "out of memory" : "the probe does not load"); }
  watched = r->host;
  if (r->trial->runs > 1) {
    if (every <= 0) { return fail(r, "several runs, but neither the probe nor the case has `every`"); }
    uint64_t every_us = (uint64_t)(every * 1e6), soon_us = every_us / 2 < SOON_US ? every_us / 2 : SOON_US;
    moon_timer_init(&r->last, last_started, r);
    moon_timer_start(r->engine, &r->last, moon_engine_now(r->engine) + (r->trial->runs - 1) * every_us + soon_us);
  }
  moon_engine_kick(r->engine);
  return true;
}

static void finish(struct run *r) {
  uint32_t n = r->trial ? r->trial->fleet->n_kinds : 0;
  if (r->engine) { moon_timer_stop(r->engine, &r->last); }
  watched = NULL;
  moon_host_free(r->host);
  moon_engine_free(r->engine);
  moon_inhouse_fini(&r->inhouse);
  moon_loop_free(r->loop);
  for (uint32_t i = 0; r->kinds && i < n; i++) {
    moon_vary_free(r->kinds[i].vary);
    moon_flaws_free(r->kinds[i].flaws);
    moon_recording_free(r->kinds[i].recording);
  }
  moon_mem_free(r->kinds);
  moon_plan_free(r->plan);
  moon_draft_fini(&r->draft);
}

static void begin(struct run *r) {
  memset(r->out, 0, sizeof *r->out);
  moon_print_init(&r->out->log, NULL, NULL);
  moon_draft_init(&r->draft, NULL);
  moon_timer_init(&r->last, last_started, r);
}

static void run(struct run *r) {
  if (make_kinds(r) && load_plan(r) && start(r)) {
    moon_loop_run(r->loop);
    if (r->err) { fail(r, r->err == MOON_E_NOMEM ? "out of memory" : "a run's record makes no sense"); }
    if (!r->done) { fail(r, "runs wait for something that never happens"); }
  }
  finish(r);
}

void moon_trial_run(const char *file, struct moon_tried *out) {
  struct run r = {.out = out};
  struct moon_trial *trial = NULL;
  begin(&r);
  if (moon_trial_load(file, warn, &r, &trial, out->error, sizeof out->error)) {
    moon_draft_fini(&r.draft);
    return;
  }
  r.trial = trial;
  run(&r);
  moon_trial_free(trial);
}

void moon_trial_try(const struct moon_trial *trial, const struct moon_trial_watch *watch, struct moon_tried *out) {
  struct run r = {.out = out, .trial = trial, .watch = watch};
  begin(&r);
  run(&r);
}

struct guarded { void (*body)(void *arg); void *arg; int err; };

static void *run_guarded(void *arg) {
  struct guarded *g = arg;
  g->body(g->arg);
  return NULL;
}

/* From a signal handler in the thread of the cases, inside a resume. */
static void stop_resume(void *arg, uint64_t resume, uint64_t since_ns) {
  (void)arg;
  if (watched) { moon_host_stop_resume(watched, resume, since_ns); }
}

static void *watch_guarded(void *arg) {
  static const struct moon_watchdog w = {.pulse = &pulse, .limit_ms = WATCH_MS, .stop = stop_resume};
  struct guarded *g = arg;
  g->err = moon_watchdog_run(&w, STACK_OCTETS, run_guarded, g);
  return NULL;
}

int moon_trial_guard(void (*body)(void *arg), void *arg, const _Atomic uint32_t *begun) {
  static struct guarded g; /* outlives the call where the thread does */
  pthread_attr_t attr;
  pthread_t thread;
  sigset_t prof, was;
  g = (struct guarded){body, arg, 0};
  sigemptyset(&prof);
  sigaddset(&prof, SIGPROF); /* it is for the thread that watches */
  pthread_sigmask(SIG_BLOCK, &prof, &was);
  pthread_attr_init(&attr);
  int err = pthread_attr_setstacksize(&attr, THREAD_STACK_OCTETS);
  if (!err) { err = pthread_create(&thread, &attr, watch_guarded, &g); }
  pthread_attr_destroy(&attr);
  struct timespec until;
  for (uint32_t seen = 0, since = 0; !err && since < MOON_TRIAL_S;) {
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0) {
      pthread_sigmask(SIG_SETMASK, &was, NULL);
      return g.err;
    }
    uint32_t now = *begun;
    since = now == seen ? since + 1 : 0;
    seen = now;
  }
  pthread_sigmask(SIG_SETMASK, &was, NULL);
  return err ? err : -1;
}

void moon_tried_fini(struct moon_tried *t) {
  moon_golden_fini(&t->golden);
  moon_print_fini(&t->log);
}
