#include "look.h"

#include <string.h>

#include "allow.h"
#include "run.h"

uint32_t moon_host_places(const struct moon_host *h) { return h->cap_targets; }

static bool is_called(const struct moon_host_target *t, const char *text) {
  char address[MOON_ADDR_TEXT_MAX];
  const struct moon_addr *a = &moon_peer_target(t->peer)->addr;
  if (strcmp(t->plan->name, text) == 0 || (t->plan->host && strcmp(t->plan->host, text) == 0)) { return true; }
  if (!a->family) { return false; }
  moon_addr_format(a, address, sizeof address);
  size_t n = strlen(text);
  return strncmp(address, text, n) == 0 && (address[n] == 0 || address[n] == ':');
}

uint32_t moon_host_find(const struct moon_host *h, const char *text, uint32_t from) {
  for (uint32_t i = from; i < h->cap_targets; i++) {
    if (h->targets[i] && (!text || is_called(h->targets[i], text))) { return i; }
  }
  return UINT32_MAX;
}

static const struct moon_host_target *at(const struct moon_host *h, uint32_t place) {
  return place < h->cap_targets ? h->targets[place] : NULL;
}

const struct moon_target *moon_host_target_at(const struct moon_host *h, uint32_t place) {
  const struct moon_host_target *t = at(h, place);
  return t ? moon_peer_target(t->peer) : NULL;
}

bool moon_host_look(const struct moon_host *h, uint32_t place, bool alive, struct moon_look *out) {
  const struct moon_host_target *t = at(h, place);
  struct moon_peer_state state;
  uint64_t last_us = 0;
  uint8_t err = 0;
  if (!t) { return false; }
  moon_peer_look(t->peer, &state);
  *out = (struct moon_look){.plan = t->plan, .peer = t->peer, .waiting = state.waiting, .in_flight = state.in_flight,
                            .uptime = t->uptime, .uptime_at_us = t->uptime_at_us};
  for (uint32_t i = 0; i < h->n_duties; i++) {
    const struct moon_duty *d = &t->duties[i];
    if (!d->device) { continue; }
    out->late += !moon_list_empty(&d->node);
    out->ok += d->ok;
    out->failed += d->failed;
    if (d->took_us > out->took_us) { out->took_us = d->took_us; }
    if (d->last_err && d->ended_us >= last_us) {
      err = d->last_err;
      last_us = d->ended_us;
      out->why = d->why;
    }
  }
  out->evidence = (struct moon_evidence){
    .target = moon_peer_target(t->peer), .diary = state.diary, .requests = state.requests, .answered = state.answered,
    .now_us = moon_engine_clock_us(h->engine), .trouble = moon_peer_trouble(t->peer), .boots = t->boots, .run_err = err, .alive = alive};
  out->credential = out->evidence.target->credential;
  moon_cause_find(&out->evidence, &out->diagnosis);
  return true;
}

/* As moon_sched_start has it. */
static const char *idle_because(const struct moon_device *d) {
  const struct moon_revision *v = moon_revision_of(d->probe, d);
  if (!moon_allow_target(v->plan, d->target->plan->name)) { return "its allow_targets leaves this device out"; }
  if (d->match != MOON_MATCH_NO || d->serial != v->serial || d->match_epoch != moon_device_epoch(d)) { return NULL; }
  return v->plan->group ? "match says no, or another probe of its group has this device" : "its match says no";
}

bool moon_host_look_job(const struct moon_host *h, uint32_t place, uint32_t i, struct moon_look_job *out) {
  const struct moon_host_target *t = at(h, place);
  if (!t || i >= h->n_duties) { return false; }
  const struct moon_duty *d = &t->duties[i];
  *out = (struct moon_look_job){0};
  if (!d->device) { return true; }
  out->probe = d->device->probe->plan->name;
  const struct moon_plan_job *job = moon_revision_job(d);
  out->job = job->name;
  out->every_s = job->every_s;
  out->due_us = moon_list_empty(&d->timer.node) ? 0 : d->due_us;
  out->started_us = d->run ? d->run->started_us : 0;
  out->queued_us = moon_list_empty(&d->node) ? 0 : d->queued_us;
  out->ended_us = d->ended_us;
  out->took_us = d->took_us;
  out->ok = d->ok;
  out->failed = d->failed;
  out->tasks = d->run ? 1 + d->run->n_children : 0;
  out->why = d->last_err ? d->why : NULL;
  out->idle = idle_because(d->device);
  out->last_err = d->last_err;
  return true;
}

static void look_task(const struct moon_task *t, struct moon_look_task *out) {
  const struct moon_duty *d = t->run->duty;
  const struct moon_query *q = moon_task_query(t);
  bool ready = !moon_list_empty(&t->ready);
  *out = (struct moon_look_task){
    .target = d->device->target->plan->name, .probe = d->device->probe->plan->name, .job = moon_run_job(t->run)->name, .deadline_us = t->run->timeout.at_us,
    .what = t->fresh ? "starts" : ready ? "ready" : t->wait ? t->wait->what : "runs", .parked_us = t->parked_us, .child = !t->main,
    .request = q && q->out && !ready ? q->request : NULL};
  if (t->fresh || !t->co) { return; }
  if (t->wait && strcmp(t->wait->what, "sleep") == 0) { out->until_us = t->parked_us + (uint64_t)(t->sleep.s * 1e6); }
  moon_task_place(t->co, 0, out->place, sizeof out->place);
}

void moon_host_look_tasks(const struct moon_host *h, bool (*fn)(void *arg, const struct moon_look_task *t), void *arg) {
  for (struct moon_list *n = h->runs.next; n != &h->runs; n = n->next) {
    struct moon_run *r = MOON_LIST_ENTRY(n, struct moon_run, node);
    if (!r->duty) { continue; }
    for (struct moon_list *m = r->tasks.next; m != &r->tasks; m = m->next) {
      struct moon_look_task look;
      look_task(MOON_LIST_ENTRY(m, struct moon_task, node), &look);
      if (!fn(arg, &look)) { return; }
    }
  }
}
