#define _GNU_SOURCE
#include "rollout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "../bind/task/pulse.h"
#include "format.h"
#include "inner.h"
#include "log.h"
#include "ruling.h"

#define NAMES_MAX 4 /* candidates that a line of the log names */
#define KEEP_AGAIN_US (10 * MOON_SECOND_US) /* what could not be written: the disk may have room again */

static const char *const STATES[] = {"none", "going", "done", "back"};

static double wall_s(void) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct moon_ledger_head *head(const struct moon_master *m) { return m->rollout.ledger.head; }

/* "interfaces 0123456789abcdef, ..." */
static void name_all(const struct moon_plan *trial, char *out, size_t cap) {
  size_t n = 0;
  out[0] = 0;
  for (uint32_t i = 0; trial && i < trial->n_probes && n < cap; i++) {
    if (i == NAMES_MAX) {
      (void)snprintf(out + n, cap - n, " and %u more", trial->n_probes - i);
      return;
    }
    n += (size_t)snprintf(out + n, cap - n, "%s%s %016" PRIx64, i ? ", " : "", trial->probes[i].name, trial->probes[i].version);
  }
}

/* As many as there are, and no more than `most`. */
static uint32_t devices_of(const struct moon_master *m, const struct moon_plan_probe *p, uint8_t percent, uint32_t most) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->plan->n_targets && n < most; i++) {
    n += moon_share_has(moon_pulse_pair(p->name, m->plan->targets[i].name), percent);
  }
  return n;
}

/* Once a step: 20,000 names take a millisecond. */
static void count_devices(struct moon_master *m) {
  const struct moon_plan *trial = m->turnover.trial;
  moon_mem_free(m->rollout.devices);
  m->rollout.devices = moon_mem_array((size_t)trial->n_probes + 1, sizeof *m->rollout.devices);
  for (uint32_t i = 0; m->rollout.devices && i < trial->n_probes; i++) {
    m->rollout.devices[i] = devices_of(m, &trial->probes[i], m->turnover.percent, UINT32_MAX);
  }
}

/* Has it anybody to be tried on at this share? */
static bool is_tried(const struct moon_master *m, uint8_t percent) {
  for (uint32_t i = 0; i < m->turnover.trial->n_probes; i++) {
    if (!devices_of(m, &m->turnover.trial->probes[i], percent, 1)) { return false; }
  }
  return true;
}

static uint32_t step_of(const struct moon_master *m) {
  const struct moon_steps *s = &m->plan->steps;
  uint32_t i = 0;
  while (i < s->n && s->at[i] < head(m)->percent) { i++; }
  return i < s->n ? i + 1 : s->n;
}

static void enter(struct moon_master *m, enum moon_rollout_state state) {
  head(m)->state = state;
  head(m)->since_s = wall_s();
  m->rollout.since_us = m->rollout.next_us = moon_master_now_us();
}

/* What is in force: a master that follows a killed one goes on with it, whatever its files say by then. */
static void keep_code(struct moon_master *m) {
  const struct moon_plan *p = m->plan;
  struct moon_plan *force = NULL;
  bool wanted = moon_rollout_is_in_steps(m) || head(m)->state == MOON_ROLLOUT_GOING || head(m)->n_refused;
  uint32_t *which = moon_mem_array((size_t)p->n_probes + 1, sizeof *which);
  for (uint32_t i = 0; which && i < p->n_probes; i++) { which[i] = i; }
  bool kept = !wanted || (which && !moon_change_pick(p, which, p->n_probes, &force));
  kept = kept && moon_ledger_keep_code(&m->rollout.ledger, force);
  if (!kept && !m->rollout.again_us) {
    moon_log(MOON_LOG_WARN, "%s.code: %m; a master that is lost now will not find what is in force", m->rollout.ledger.path ? m->rollout.ledger.path : "");
  }
  m->rollout.again_us = kept ? 0 : moon_master_now_us() + KEEP_AGAIN_US;
  m->rollout.kept = m->reload.generation;
  moon_plan_free(force);
  moon_mem_free(which);
}

/* What came back is in force; what it took the place of is refused. */
static void end_return(struct moon_master *m) {
  struct moon_rollout *r = &m->rollout;
  for (uint32_t i = 0; r->before && i < r->before->n_probes; i++) {
    moon_ledger_refuse(&r->ledger, r->before->probes[i].name, r->before->probes[i].version);
  }
  moon_plan_free(r->before);
  r->before = NULL;
  r->returning = false;
  enter(m, MOON_ROLLOUT_BACK);
}

static void promote(struct moon_master *m, const char *why) {
  struct moon_turnover *t = &m->turnover;
  struct moon_plan *before = NULL;
  char names[512];
  (void)moon_change_pick(m->plan, t->places, t->trial->n_probes, &before); /* else there is no way back */
  name_all(t->trial, names, sizeof names);
  for (uint32_t i = 0; i < t->trial->n_probes; i++) { moon_ledger_refuse(&m->rollout.ledger, t->trial->probes[i].name, 0); }
  if (moon_turnover_promote(m)) {
    moon_log(MOON_LOG_ERROR, "new versions: not enough memory");
    moon_plan_free(before);
    return;
  }
  moon_plan_free(m->rollout.before);
  m->rollout.before = before;
  if (!head(m)) { return; }
  enter(m, MOON_ROLLOUT_DONE);
  if (m->rollout.returning) {
    keep_code(m); /* before what it took the place of is refused */
    end_return(m);
  }
  head(m)->percent = MOON_STEPS_WHOLE;
  (void)snprintf(head(m)->verdict, sizeof head(m)->verdict, "%s", why);
  keep_code(m);
  moon_log(MOON_LOG_INFO, "in force everywhere: %s: %s", names, why);
}

static void go_back(struct moon_master *m, const char *why) {
  struct moon_turnover *t = &m->turnover;
  char names[512];
  name_all(t->trial, names, sizeof names);
  for (uint32_t i = 0; i < t->trial->n_probes; i++) {
    moon_ledger_refuse(&m->rollout.ledger, t->trial->probes[i].name, t->trial->probes[i].version);
  }
  moon_turnover_back(m);
  (void)snprintf(head(m)->verdict, sizeof head(m)->verdict, "%s", why);
  enter(m, MOON_ROLLOUT_BACK);
  keep_code(m);
  moon_log(MOON_LOG_ERROR, "rolled back at %u %% of the devices: %s: %s", head(m)->percent, names, why);
}

static void share(struct moon_master *m, uint8_t percent) {
  char names[512];
  struct moon_ledger_head *h = head(m);
  h->percent = percent;
  h->serial = m->turnover.serial;
  enter(m, MOON_ROLLOUT_GOING);
  moon_turnover_share(m, percent);
  count_devices(m);
  name_all(m->turnover.trial, names, sizeof names);
  moon_log(MOON_LOG_INFO, "on trial on %u %% of the devices: %s", percent, names);
}

/* The step after this share; no further one: all have it for good. */
static void go_on(struct moon_master *m, uint32_t from, const char *why) {
  const struct moon_steps *s = &m->plan->steps;
  for (uint32_t i = 0; i < s->n; i++) {
    if (s->at[i] <= from || !is_tried(m, s->at[i])) { continue; }
    share(m, s->at[i]);
    return;
  }
  promote(m, why);
}

bool moon_rollout_is_in_steps(const struct moon_master *m) {
  return m->plan->steps.n && m->plan->n_targets > m->plan->steps.above && head(m);
}

void moon_rollout_begin(struct moon_master *m, bool at_once) {
  const struct moon_steps *s = &m->plan->steps;
  if (!m->turnover.trial) { return; }
  if (at_once || !moon_rollout_is_in_steps(m)) {
    const char *why = at_once ? "at once, as was asked" : s->n ? "at once: few targets" : "at once, as configured";
    promote(m, m->rollout.returning ? "rolled back, as was asked" : why);
    return;
  }
  keep_code(m);
  moon_ledger_note(&m->rollout.ledger, NULL); /* others than on trial until now; the share of those is not theirs */
  for (uint32_t i = 0; i < m->turnover.trial->n_probes; i++) { moon_ledger_refuse(&m->rollout.ledger, m->turnover.trial->probes[i].name, 0); }
  (void)snprintf(head(m)->verdict, sizeof head(m)->verdict, "begun");
  go_on(m, 0, "nobody to try it on");
  if (head(m)->state == MOON_ROLLOUT_GOING) { moon_ledger_note(&m->rollout.ledger, m->turnover.trial); }
}

static enum moon_ruling rule(const struct moon_master *m, uint32_t i, uint64_t now_us, char *text, size_t cap, uint64_t *next) {
  const struct moon_plan_probe *p = &m->turnover.trial->probes[i];
  struct moon_witness sum;
  double every = 0, timeout = 0;
  for (uint32_t k = 0; k < p->n_jobs; k++) {
    if (p->jobs[k].every_s <= 0 || (every > 0 && every <= p->jobs[k].every_s)) { continue; }
    every = p->jobs[k].every_s;
    timeout = p->jobs[k].timeout_s;
  }
  moon_ledger_sum(&m->rollout.ledger, m->turnover.places[i], m->turnover.serial, m->turnover.percent, &sum);
  struct moon_ruling_case c = {.steps = &m->plan->steps, .sum = &sum, .since_us = m->rollout.since_us, .now_us = now_us,
                               .every_us = (uint64_t)(every * 1e6), .timeout_us = (uint64_t)(timeout * 1e6),
                               .devices = m->rollout.devices ? m->rollout.devices[i] : 1};
  enum moon_ruling r = moon_ruling_give(&c, text, cap);
  uint64_t again = moon_ruling_next(&c);
  if (again < *next) { *next = again; }
  return r;
}

static uint64_t look(struct moon_master *m, uint64_t now_us) {
  struct moon_ledger_head *h = head(m);
  char text[600], held[600] = "";
  if (h->state != MOON_ROLLOUT_GOING) { return UINT64_MAX; }
  if (!m->turnover.trial || m->turnover.serial != h->serial) { /* its files are as they were, or other probes came */
    enter(m, MOON_ROLLOUT_NONE);
    keep_code(m);
    return UINT64_MAX;
  }
  if (now_us < m->rollout.next_us) { return m->rollout.next_us; }
  uint64_t next = now_us + MOON_SECOND_US;
  for (uint32_t i = 0; i < m->turnover.trial->n_probes; i++) {
    enum moon_ruling r = rule(m, i, now_us, text, sizeof text, &next);
    if (r == MOON_RULING_BACK) {
      go_back(m, text);
      return UINT64_MAX;
    }
    if (r == MOON_RULING_HOLD && !*held) { memcpy(held, text, sizeof held); }
  }
  m->rollout.next_us = next;
  (void)snprintf(h->verdict, sizeof h->verdict, "%s", *held ? held : text);
  if (!*held) { go_on(m, h->percent, text); }
  return m->rollout.next_us;
}

uint64_t moon_rollout_tick(struct moon_master *m, uint64_t now_us) {
  struct moon_rollout *r = &m->rollout;
  if (!head(m)) { return UINT64_MAX; }
  if (r->kept != m->reload.generation || (r->again_us && now_us >= r->again_us)) { keep_code(m); }
  uint64_t next = look(m, now_us);
  return r->again_us ? moon_master_earlier(next, r->again_us) : next;
}

bool moon_rollout_blames(struct moon_master *m, uint32_t slot, int status, bool stuck) {
  const struct moon_pulse *p = &m->stats.blocks[slot].pulse;
  const struct moon_turnover *t = &m->turnover;
  uint64_t pair = moon_pulse_load(&p->pair);
  if (!head(m) || head(m)->state != MOON_ROLLOUT_GOING || !t->trial || !(moon_pulse_load(&p->resume) & 1) || !moon_share_has(pair, t->percent)) {
    return false;
  }
  /* SIGKILL is also what an operator sends, or the kernel to the largest when memory is short. */
  if (!stuck && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) { return false; }
  for (uint32_t i = 0; i < t->trial->n_probes; i++) {
    for (uint32_t k = 0; k < m->plan->n_targets; k++) {
      if (moon_pulse_pair(t->trial->probes[i].name, m->plan->targets[k].name) != pair) { continue; }
      char why[600];
      snprintf(why, sizeof why, "worker %u was lost in %s: %s: %s", slot, t->trial->probes[i].name, m->plan->targets[k].name,
               stuck ? "stuck, it took seconds of processor time" : "it crashed");
      go_back(m, why);
      return true;
    }
  }
  return false;
}

/* ---- before the first worker, and after the last ---- */

/* The places of probes of the plan that are candidates of the ledger; all of them are there as they were. NULL: not so. */
static uint32_t *places_of(const struct moon_master *m, uint32_t *n) {
  const struct moon_ledger *l = &m->rollout.ledger;
  uint32_t *places = moon_mem_array((size_t)m->plan->n_probes + 1, sizeof *places);
  *n = 0;
  for (uint32_t i = 0; places && i < m->plan->n_probes; i++) {
    if (moon_ledger_has(l, &m->plan->probes[i])) { places[(*n)++] = i; }
  }
  if (places && *n == l->head->n && *n) { return places; }
  moon_mem_free(places);
  return NULL;
}

/* What is refused stays so as long as it is what the files say. */
static void forget_others(struct moon_master *m, const struct moon_plan *files) {
  for (uint32_t i = 0; i < files->n_probes; i++) {
    if (!moon_ledger_refuses(&m->rollout.ledger, &files->probes[i])) { moon_ledger_refuse(&m->rollout.ledger, files->probes[i].name, 0); }
  }
}

static const struct moon_plan_probe *find_probe(const struct moon_plan *in, const char *name) {
  for (uint32_t i = 0; i < in->n_probes; i++) {
    if (strcmp(in->probes[i].name, name) == 0) { return &in->probes[i]; }
  }
  return NULL;
}

/* Of `old`, all whose files say something else now. *unseen: how many of them nobody has tried, nor refused. */
static enum moon_err put_back(struct moon_master *m, const struct moon_plan *old, const uint32_t *places, uint32_t n, uint32_t *unseen) {
  const struct moon_plan *plan = m->plan;
  struct moon_plan *mixed = NULL;
  *unseen = 0;
  for (uint32_t i = 0; i < plan->n_probes; i++) {
    const struct moon_plan_probe *p = &plan->probes[i], *was = find_probe(old, p->name);
    bool known = moon_ledger_refuses(&m->rollout.ledger, p);
    struct moon_plan *next;
    for (uint32_t k = 0; k < n; k++) { known = known || places[k] == i; }
    if (!was || moon_change_same_code(was, p)) { continue; }
    *unseen += !known;
    enum moon_err e = moon_change_mix(mixed ? mixed : plan, old, p->name, &next);
    if (e) {
      moon_plan_free(mixed);
      return e;
    }
    moon_plan_free(mixed);
    mixed = next;
  }
  if (mixed) { moon_reload_put(&m->reload, mixed); }
  return MOON_OK;
}

static bool knows_all(const struct moon_plan *old, const struct moon_plan *plan, const uint32_t *places, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    const struct moon_plan_probe *p = &plan->probes[places[i]], *was = find_probe(old, p->name);
    if (!was || was->n_jobs != p->n_jobs) { return false; }
  }
  return true;
}

/* What the files say of others than those on trial is read again, and goes the way of all that is new: it was seen by no worker yet. */
static void resume(struct moon_master *m) {
  struct moon_ledger_head *h = head(m);
  uint32_t n = 0, unseen = 0, *places = h->state == MOON_ROLLOUT_GOING ? places_of(m, &n) : NULL;
  bool going = places;
  struct moon_plan *old = moon_ledger_code(&m->rollout.ledger);
  struct moon_change change = {.now = m->plan, .code = places, .n_code = n};
  m->turnover.last_serial = h->serial; /* what witnesses say of it is of no other candidate */
  forget_others(m, m->plan);
  if (!old) { h->n_refused = 0; }
  going = going && old && knows_all(old, m->plan, places, n) && moon_turnover_resume(m, &change, h->serial, (uint8_t)h->percent) == MOON_OK;
  if (old && put_back(m, old, places, going ? n : 0, &unseen)) {
    moon_turnover_back(m);
    h->n_refused = 0;
    going = false;
  }
  if (going) {
    enter(m, MOON_ROLLOUT_GOING);
    count_devices(m);
    moon_log(MOON_LOG_INFO, "on trial again on %u %% of the devices, as when the master before was lost", h->percent);
  } else if (h->state == MOON_ROLLOUT_GOING || (h->state == MOON_ROLLOUT_BACK && !h->n_refused)) {
    enter(m, MOON_ROLLOUT_NONE);
  }
  if (!going && h->n_refused) { moon_log(MOON_LOG_WARN, "%u probe(s) as before what was rolled back: %s", h->n_refused, h->verdict); }
  if (unseen) {
    moon_log(MOON_LOG_WARN, "%u probe(s) as the master before had them in force: files that changed meanwhile are read again", unseen);
    (void)moon_reload_ask(&m->reload, NULL, false);
  }
  moon_plan_free(old);
  moon_mem_free(places);
}

void moon_rollout_init(struct moon_master *m, const char *base) {
  m->rollout.next_us = UINT64_MAX;
  if (m->plan->once && base) { moon_ledger_sweep(base); }
  if (m->plan->once) { return; }
  moon_ledger_init(&m->rollout.ledger, m->reload.able ? base : NULL, m->c->options ? &m->c->options->load : NULL, m->plan);
  if (head(m)) { resume(m); }
}

void moon_rollout_fini(struct moon_master *m) {
  const struct moon_ledger_head *h = head(m);
  moon_mem_free(m->rollout.devices);
  m->rollout.devices = NULL;
  moon_plan_free(m->rollout.before);
  m->rollout.before = NULL;
  moon_ledger_fini(&m->rollout.ledger, h && (h->state == MOON_ROLLOUT_GOING || h->n_refused));
}

/* ---- what is asked of it ---- */

enum moon_err moon_rollout_sift(struct moon_master *m) {
  struct moon_reload *r = &m->reload;
  char names[400] = "";
  if (!head(m)) { return MOON_OK; }
  if (r->now_begun && !r->change.anew && moon_turnover_is_on_trial(m, &r->change)) { /* enough of steps */
    struct moon_plan *base;
    promote(m, "at once, as was asked");
    enum moon_err e = moon_change_mix(r->fresh, r->fresh, NULL, &base);
    if (!e) { e = moon_reload_rebase(r, base); }
    if (e) { return e; }
  }
  forget_others(m, r->fresh);
  for (uint32_t i = 0; i < r->change.n_code;) {
    const struct moon_plan_probe *p = &r->fresh->probes[r->change.code[i]];
    bool asked = r->now_begun || strcmp(r->only_begun, p->name) == 0;
    struct moon_plan *base;
    if (asked || !moon_ledger_refuses(&m->rollout.ledger, p)) {
      i++;
      continue;
    }
    size_t n = strlen(names);
    (void)snprintf(names + n, sizeof names - n, "%s%s %016" PRIx64, n ? ", " : "", p->name, p->version);
    enum moon_err e = moon_change_mix(r->fresh, &r->plan, p->name, &base);
    if (!e) { e = moon_reload_rebase(r, base); }
    if (e) { return e; }
    i = 0;
  }
  if (*names) { (void)snprintf(r->code, sizeof r->code, "; rolled back, and not tried again: %s", names); }
  return MOON_OK;
}

void moon_rollout_stay(struct moon_master *m) { m->rollout.returning = false; }

/* Back to what was in force before; probe NULL: all that came last. */
static void take_back(struct moon_master *m, const char *probe, struct moon_print *answer) {
  struct moon_reload *r = &m->reload;
  const struct moon_plan *before = m->rollout.before;
  struct moon_plan *mixed = NULL;
  const char *why = "";
  char names[400];
  bool found = !probe;
  for (uint32_t i = 0; before && probe && i < before->n_probes; i++) { found = found || strcmp(before->probes[i].name, probe) == 0; }
  if (!before || !found || m->drain_us) {
    moon_print_text(answer, "error nothing is on trial, and nothing was in force before");
    return;
  }
  if (r->fresh || r->loading.pid > 0) {
    moon_print_text(answer, "error files are being read: try again");
    return;
  }
  enum moon_err e = moon_change_mix(m->plan, before, probe, &mixed);
  if (!e) { e = moon_reload_rebase(r, mixed); }
  if (e) {
    moon_print_printf(answer, "error %s", moon_err_text(e));
    return;
  }
  if (probe) {
    (void)snprintf(names, sizeof names, "%s", probe);
  } else {
    name_all(before, names, sizeof names);
  }
  if (r->change.anew || !r->change.n_code) {
    why = "what was before has other jobs";
  } else if (moon_turnover_prepare(m, &r->change, &why)) {
    r->now_begun = m->rollout.returning = true;
    (void)snprintf(r->code, sizeof r->code, "; back to what was before");
    r->fixed[0] = 0;
    moon_print_printf(answer, "ok on the way back to %s", names);
    return;
  }
  moon_print_printf(answer, "error %s", why);
  moon_reload_refuse(r, why);
}

void moon_rollout_command(struct moon_master *m, const char *command, struct moon_print *answer) {
  const struct moon_plan *trial = m->turnover.trial;
  bool forward = strncmp(command, "promote", 7) == 0;
  const char *probe = strchr(command, ' ');
  char names[512];
  bool found = !probe;
  if (!forward && head(m) && !trial) {
    take_back(m, probe ? probe + 1 : NULL, answer);
    return;
  }
  if (!head(m) || head(m)->state != MOON_ROLLOUT_GOING || !trial) {
    moon_print_text(answer, "error nothing is on trial");
    return;
  }
  for (uint32_t i = 0; probe && i < trial->n_probes; i++) { found = found || strcmp(trial->probes[i].name, probe + 1) == 0; }
  name_all(trial, names, sizeof names);
  if (!found) {
    moon_print_printf(answer, "error %s is not on trial, but: %s", probe + 1, names);
  } else if (forward) {
    promote(m, "promoted, as was asked");
    moon_print_printf(answer, "ok in force everywhere: %s", names);
  } else {
    go_back(m, "rolled back, as was asked");
    moon_print_printf(answer, "ok rolled back: %s", names);
  }
}

/* Of this state or step, whatever the wall clock does; one that a master before it entered has no other. */
static double seconds_of(const struct moon_master *m) {
  double s = m->rollout.since_us ? moon_master_seconds_since(m->rollout.since_us) : wall_s() - head(m)->since_s;
  return s > 0 ? s : 0;
}

void moon_rollout_json(const struct moon_master *m, struct moon_print *out) {
  const struct moon_ledger_head *h = head(m);
  if (!h) {
    moon_print_text(out, "null");
    return;
  }
  moon_print_printf(out, "{\"state\":\"%s\"", STATES[h->state <= MOON_ROLLOUT_BACK ? h->state : 0]);
  if (h->state != MOON_ROLLOUT_NONE) {
    size_t n = strlen(h->verdict);
    moon_print_printf(out, ",\"percent\":%u,\"step\":%u,\"steps\":%u,\"seconds\":%.1f,\"verdict\":\"", h->percent, step_of(m), m->plan->steps.n,
                      seconds_of(m));
    uint8_t *p = moon_print_room(out, 6 * n);
    if (p) { out->n += moon_format_escape((char *)p, h->verdict, n); }
    moon_print_text(out, "\"");
  }
  moon_print_printf(out, ",\"refused\":%u}", h->n_refused);
}
