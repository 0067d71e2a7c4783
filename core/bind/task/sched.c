#include "sched.h"

#include <math.h>
#include <string.h>

#include "../../base/mem.h"
#include "allow.h"
#include "run.h"

#define STARTS_A_TURN 128 /* runs started before the loop looks at its sockets again */
#define STARTS_A_LOOK 8   /* at the clock: each runs until its first wait */
#define PASSED_A_TURN 2048 /* duties that there is nothing to do for */
#define REARMED_A_TURN 2000u /* duties: some 300 us */
#define REARMED_A_LOOK 256u  /* at the clock */
#define MUTE_US 2000 /* without a first answer: nothing of the run is in the cache any more, so it keeps nobody waiting */
#define SUSPECT_US 1000000 /* who waited so long is not behind others any more */
#define RETRY_US 100000 /* after a run could not be started for lack of memory */

static uint64_t mix(uint64_t hash, const char *s) { /* FNV-1a, the NUL included */
  do {
    hash = (hash ^ (uint8_t)*s) * 0x100000001b3u;
  } while (*s++);
  return hash;
}

double moon_sched_phase(const char *probe, const char *job, const char *target) {
  uint64_t hash = mix(mix(mix(0xcbf29ce484222325u, probe), job), target);
  hash ^= hash >> 32; /* the high half of FNV alone is poor for names that differ at their end */
  hash *= 0x9e3779b97f4a7c15u;
  return (double)(hash >> 11) * 0x1p-53;
}

uint64_t moon_sched_key(const struct moon_duty *d) {
  return d->device->pair * UINT64_C(0x9e3779b97f4a7c15) + moon_pulse_pair(moon_revision_name(d), "");
}

static void queue(struct moon_host *h, struct moon_duty *d) {
  d->queued_us = moon_engine_now(h->engine);
  moon_list_append(&h->due, &d->node);
  h->counters->runs_waiting++;
}

static bool none_is_due(const struct moon_host *h) { return moon_list_empty(&h->due) && moon_list_empty(&h->due_suspects); }

static struct moon_duty *taken(struct moon_host *h, struct moon_list *n) {
  h->counters->runs_waiting--;
  return MOON_LIST_ENTRY(n, struct moon_duty, node);
}

/* Any of them; NULL: none is due. */
static struct moon_duty *take(struct moon_host *h) {
  struct moon_list *n = moon_list_take(moon_list_empty(&h->due) ? &h->due_suspects : &h->due);
  return n ? taken(h, n) : NULL;
}

/* The one to begin with: who is suspect comes behind all others, but not for ever. NULL: nobody for now. */
static struct moon_duty *take_next(struct moon_host *h) {
  struct moon_list *suspects = &h->due_suspects, *n;
  bool may = !moon_host_is_held(h);
  uint64_t since_us = moon_list_empty(suspects) ? UINT64_MAX : MOON_LIST_ENTRY(suspects->next, struct moon_duty, node)->queued_us;
  bool late = since_us < UINT64_MAX && since_us + SUSPECT_US <= moon_engine_now(h->engine);
  while (!(may && late) && (n = moon_list_take(&h->due))) {
    if (!MOON_LIST_ENTRY(n, struct moon_duty, node)->device->suspect) { return taken(h, n); }
    moon_list_append(suspects, n);
  }
  return may && !moon_list_empty(suspects) ? taken(h, moon_list_take(suspects)) : NULL;
}

static uint64_t interval_us(const struct moon_duty *d) { return (uint64_t)(moon_revision_job(d)->every_s * 1e6); }

/* The first moment after now that belongs to the duty. */
static void arm(struct moon_host *h, struct moon_duty *d) {
  const struct moon_plan_job *job = moon_revision_job(d);
  double every = job->every_s;
  uint64_t now = moon_engine_now(h->engine);
  d->every_us = interval_us(d);
  if (every <= 0 || h->plan->once) { return; }
  double wall = moon_host_wall_s(h, now);
  double phase = moon_sched_phase(d->device->probe->plan->name, job->name, d->device->target->plan->name) * every;
  double next = (floor((wall - phase) / every) + 1) * every + phase;
  d->due_us = now + (uint64_t)((h->config.in_step ? every : next - wall) * 1e6);
  moon_timer_start(h->engine, &d->timer, d->due_us);
}

static void on_due(void *arg) {
  struct moon_duty *d = arg;
  struct moon_host *h = d->device->probe->host;
  uint64_t now = moon_engine_now(h->engine), every = interval_us(d);
  if (d->run || !moon_list_empty(&d->node) || !d->ran) {
    h->counters->runs_skipped++;
  } else {
    queue(h, d);
  }
  if (every != d->every_us) { /* it changed since: from here on */
    arm(h, d);
    moon_sched_start(h);
    return;
  }
  d->due_us += every;
  if (d->due_us <= now) { /* the loop stood still: those moments are gone */
    uint64_t missed = (now - d->due_us) / every + 1;
    h->counters->runs_skipped += missed;
    d->due_us += missed * every;
  }
  moon_timer_start(h->engine, &d->timer, d->due_us);
  moon_sched_start(h);
}

/* Where config.handed says that all runs of a probe and a target are handed out: with plan->once, when no target changes. */
static uint8_t *handed(const struct moon_host *h, const struct moon_device *d) {
  if (!h->config.handed) { return NULL; }
  return &h->config.handed[(size_t)(d->probe - h->probes) * h->plan->n_targets + (size_t)(d->target->plan - h->plan->targets)];
}

void moon_sched_handed(struct moon_host *h, const struct moon_duty *d) {
  uint8_t *mark = handed(h, d->device);
  if (mark && !d->then && !h->draining) { *mark = 1; }
}

void moon_sched_begin(struct moon_host *h, struct moon_host_target *t, struct moon_host_probe *p) {
  struct moon_device *device = &t->devices[p - h->probes];
  struct moon_duty *before = NULL;
  const uint8_t *mark = handed(h, device);
  for (uint32_t j = 0; j < p->plan->n_jobs; j++) {
    struct moon_duty *d = &t->duties[p->first_duty + j];
    moon_mem_free(d->why);
    *d = (struct moon_duty){.device = device, .index = p->order[j]};
    if (h->habits.at) { d->habit = moon_habits_claim(&h->habits, moon_sched_key(d)); }
    moon_list_init(&d->node);
    moon_timer_init(&d->timer, on_due, d);
    if (mark && *mark) { continue; }
    h->first_left++;
    if (before) {
      before->then = d;
    } else {
      queue(h, d);
    }
    before = d;
    arm(h, d);
  }
}

void moon_sched_end(struct moon_host *h, struct moon_host_target *t) {
  for (uint32_t i = 0; i < h->n_duties; i++) { t->duties[i].then = NULL; }
  for (struct moon_list *n = h->full.next; n != &h->full; n = n->next) {
    struct moon_run *r = MOON_LIST_ENTRY(n, struct moon_run, node);
    if (r->duty && r->duty->device->target == t) { r->duty = NULL; } /* its record is still to be taken */
  }
  for (uint32_t i = 0; i < h->n_duties; i++) {
    struct moon_duty *d = &t->duties[i];
    if (!d->device) { continue; }
    if (d->run) { moon_run_drop(d->run); }
    if (!moon_list_empty(&d->node)) {
      moon_list_remove(&d->node);
      h->counters->runs_waiting--;
    }
    h->first_left -= !d->ran;
    d->ran = true;
    moon_timer_stop(h->engine, &d->timer);
  }
}

void moon_sched_rearm(struct moon_host_probe *p) {
  p->rearm = 0;
  p->host->rearming = true;
  moon_engine_kick(p->host->engine);
}

/* One that is due in this very turn is left alone: it sees to that itself. */
static void rearm(struct moon_host *h, struct moon_duty *d) {
  if (!d->device || interval_us(d) == d->every_us) { return; }
  if (!moon_list_empty(&d->timer.node) && d->due_us <= moon_engine_now(h->engine)) { return; }
  moon_timer_stop(h->engine, &d->timer);
  arm(h, d);
}

void moon_sched_rearm_some(struct moon_host *h) {
  uint32_t n = 0, looked = 0;
  if (!h->rearming) { return; }
  for (uint32_t i = 0; i < h->n_probes && !h->draining; i++) {
    struct moon_host_probe *p = &h->probes[i];
    for (; p->rearm < h->cap_targets; p->rearm++) {
      if (n >= REARMED_A_TURN || (n - looked >= REARMED_A_LOOK && moon_engine_spent(h->engine))) {
        moon_engine_kick(h->engine);
        return;
      }
      if (n - looked >= REARMED_A_LOOK) { looked = n; }
      struct moon_host_target *t = h->targets[p->rearm];
      for (uint32_t j = 0; t && j < p->plan->n_jobs; j++) { rearm(h, &t->duties[p->first_duty + j]); }
      n += p->plan->n_jobs;
    }
    p->rearm = UINT32_MAX;
  }
  h->rearming = false;
}

void moon_sched_open(struct moon_host *h) {
  moon_ramp_init(&h->ramp);
  for (uint32_t p = 0; p < h->n_probes; p++) {
    for (uint32_t i = 0; i < h->cap_targets; i++) {
      if (h->targets[i]) { moon_sched_begin(h, h->targets[i], &h->probes[p]); }
    }
  }
  moon_engine_kick(h->engine);
}

uint32_t moon_sched_n(const struct moon_host *h) { return h->cap_targets * h->n_duties; }

struct moon_duty *moon_sched_duty(struct moon_host *h, uint32_t i) {
  struct moon_host_target *t = h->targets[i / h->n_duties];
  struct moon_duty *d = t ? &t->duties[i % h->n_duties] : NULL;
  return d && d->device ? d : NULL;
}

void moon_sched_resume(struct moon_host *h, struct moon_duty *d, uint64_t due_us) {
  if (d->ran) { return; }
  if (!moon_list_empty(&d->node)) {
    moon_list_remove(&d->node);
    h->counters->runs_waiting--;
  }
  d->ran = true;
  h->first_left--;
  if (d->then && !d->then->ran && moon_list_empty(&d->then->node)) { queue(h, d->then); }
  /* Not when the moment is the one it waits for now: clocks read twice differ a little. */
  bool same = d->due_us && d->due_us <= due_us + d->every_us / 2;
  if (due_us && due_us <= moon_engine_now(h->engine) && !same) { queue(h, d); }
}

static void stop_timers(struct moon_host *h) {
  for (uint32_t i = 0; i < h->cap_targets; i++) {
    for (uint32_t j = 0; h->targets[i] && j < h->n_duties; j++) {
      if (h->targets[i]->duties[j].device) { moon_timer_stop(h->engine, &h->targets[i]->duties[j].timer); }
    }
  }
}

void moon_sched_close(struct moon_host *h) {
  stop_timers(h);
  moon_timer_stop(h->engine, &h->calm_timer);
  moon_calm_fini(&h->calm);
  moon_timer_stop(h->engine, &h->drain);
  moon_timer_stop(h->engine, &h->ramp_timer);
  moon_timer_stop(h->engine, &h->held);
}

void moon_sched_calm(struct moon_host *h, bool all) {
  uint64_t next = moon_calm_look(&h->calm, moon_engine_now(h->engine), all);
  bool sooner = moon_list_empty(&h->calm_timer.node) || next < h->calm_timer.at_us;
  if (next != UINT64_MAX && sooner) { moon_timer_start(h->engine, &h->calm_timer, next); }
}

static void on_calm(void *arg) { moon_sched_calm(arg, false); }

static void say_held(void *arg, enum moon_level level, const char *line) { moon_host_log(arg, level, "%s", line); }

/* All is over: nothing runs, nothing waits for the output, nothing will start. */
static void tell_done(struct moon_host *h) {
  if (h->done_said || h->counters->runs_active || (!h->draining && (!h->plan->once || h->first_left))) { return; }
  h->done_said = true;
  moon_sched_calm(h, true);
  moon_timer_stop(h->engine, &h->drain);
  if (h->config.done) { h->config.done(h->config.arg); }
}

static uint64_t heard(const struct moon_host *h) { return moon_engine_counters(h->engine)->datagrams_in; }

static void look_again(struct moon_host *h) {
  moon_timer_start(h->engine, &h->ramp_timer, moon_engine_now(h->engine) + MOON_RAMP_LOOK_US);
}

static uint32_t places_taken(const struct moon_host *h) { return (uint32_t)h->counters->runs_active - h->n_mute; }

/* Their agents are dead, or far away: they are no longer among the runs that share the cache. */
static void pass_over_mute(struct moon_host *h) {
  uint64_t now = moon_engine_now(h->engine);
  for (; h->young != &h->runs; h->young = h->young->next) {
    struct moon_run *r = MOON_LIST_ENTRY(h->young, struct moon_run, node);
    uint64_t since_us = moon_run_unheard_us(r);
    if (since_us != UINT64_MAX && now < since_us + MUTE_US) { return; }
    r->mute = since_us != UINT64_MAX;
    h->n_mute += r->mute;
  }
}

static void on_ramp(void *arg) {
  struct moon_host *h = arg;
  moon_ramp_look(&h->ramp, moon_engine_now(h->engine), heard(h), places_taken(h), h->n_deaf - h->n_mute);
  pass_over_mute(h);
  if (!none_is_due(h)) { look_again(h); }
  moon_sched_start(h);
}

static void on_held(void *arg) { moon_engine_kick(((struct moon_host *)arg)->engine); }

void moon_sched_init(struct moon_host *h) {
  moon_list_init(&h->due);
  moon_list_init(&h->due_suspects);
  moon_timer_init(&h->drain, NULL, h);
  moon_timer_init(&h->calm_timer, on_calm, h);
  h->calm.say = say_held;
  h->calm.arg = h;
  moon_timer_init(&h->ramp_timer, on_ramp, h);
  moon_timer_init(&h->held, on_held, h);
}

/* A slot for one more? */
static bool has_room(struct moon_host *h) {
  if (h->blocked || h->draining || h->counters->runs_active >= h->plan->max_coroutines) { return false; }
  if (places_taken(h) < h->ramp.level) { return true; }
  if (moon_list_empty(&h->ramp_timer.node)) {
    moon_ramp_begin(&h->ramp, moon_engine_now(h->engine), heard(h));
    look_again(h);
  }
  return false;
}

void moon_sched_start(struct moon_host *h) {
  uint32_t passed = 0;
  while (!none_is_due(h) && has_room(h)) {
    bool look = h->started && (h->started % STARTS_A_LOOK == 0 || h->stepped);
    if (look) {
      h->stepped = false;
      h->tired = h->tired || moon_engine_spent(h->engine);
    }
    if (h->started == STARTS_A_TURN || passed == PASSED_A_TURN || h->stopped || h->tired) {
      moon_engine_kick(h->engine);
      break;
    }
    struct moon_duty *d = take_next(h);
    if (!d) { break; } /* until h->held */
    struct moon_device *device = d->device;
    struct moon_revision *v = moon_revision_of(device->probe, device);
    bool allowed = moon_allow_target(v->plan, device->target->plan->name);
    bool held = allowed && h->config.holds && h->config.holds(h->config.arg, v->plan, device->target->plan);
    bool known = device->serial == v->serial && device->match_epoch == moon_device_epoch(device);
    h->counters->runs_held += held;
    if (held || !allowed || (known && device->match == MOON_MATCH_NO)) {
      bool first = !d->ran;
      passed++;
      d->ran = true;
      moon_sched_handed(h, d);
      moon_sched_ran(h, d, first);
      continue;
    }
    h->started++;
    if (!moon_run_start(h, d, v)) {
      moon_host_log(h, MOON_LOG_ERROR, "%s: %s: not started: not enough memory", device->probe->plan->name, device->target->plan->name);
      queue(h, d);
      moon_timer_start(h->engine, &h->ramp_timer, moon_engine_now(h->engine) + RETRY_US);
      break;
    }
  }
  if (none_is_due(h)) {
    moon_ramp_init(&h->ramp);
    h->ramp.level += places_taken(h);
  }
  tell_done(h);
}

void moon_sched_ran(struct moon_host *h, struct moon_duty *d, bool first) {
  if (first) {
    h->first_left--;
    if (d->then && !h->draining) { queue(h, d->then); }
  }
  moon_engine_kick(h->engine); /* a slot is free, or the last run is over */
}

void moon_sched_output_ready(struct moon_host *h) {
  struct moon_list *n;
  while ((n = h->full.next) != &h->full) {
    if (!moon_run_offer(MOON_LIST_ENTRY(n, struct moon_run, node))) { return; }
  }
  h->blocked = false;
  moon_engine_kick(h->engine);
}

static void cut_all(void *arg) {
  struct moon_host *h = arg;
  struct moon_list *n;
  while ((n = h->runs.next) != &h->runs) { moon_run_cancel(MOON_LIST_ENTRY(n, struct moon_run, node)); }
}

void moon_sched_drain(struct moon_host *h, uint64_t deadline_us) {
  if (h->draining) { /* a second call changes its mind about the deadline */
    if (!h->done_said) { moon_timer_start(h->engine, &h->drain, deadline_us); }
    return;
  }
  h->draining = true;
  for (struct moon_duty *d; (d = take(h));) { d->due_us = moon_engine_now(h->engine); } /* who takes our place owes it */
  stop_timers(h);
  moon_timer_init(&h->drain, cut_all, h);
  moon_timer_start(h->engine, &h->drain, deadline_us);
  moon_engine_kick(h->engine);
}
