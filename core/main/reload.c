#include "reload.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../base/mem.h"
#include "log.h"

#define LIMIT_US UINT64_C(300000000) /* passwords of many users take their time */
#define UNSETTLED_US UINT64_C(2500000)

void moon_reload_init(struct moon_reload *r, const struct moon_load_options *o, const struct moon_plan *plan, uint64_t now_us) {
  *r = (struct moon_reload){.start = plan, .plan = *plan, .loading = {.fd = -1}, .again_us = UINT64_MAX, .generation = 1};
  moon_watch_init(&r->watch);
  r->able = o && !plan->once;
  if (!r->able) { return; }
  r->options = *o;
  r->options.again = true;
  r->options.progress = NULL;
  moon_watch_set(&r->watch, plan->files, plan->n_files, now_us);
}

void moon_reload_leave(struct moon_reload *r) {
  moon_watch_fini(&r->watch);
  moon_load_forget(&r->loading);
}

void moon_reload_fini(struct moon_reload *r) {
  if (r->loading.pid > 0) { kill(r->loading.pid, SIGKILL); }
  if (r->start) { moon_reload_leave(r); }
  moon_plan_free(r->block);
  r->block = NULL;
}

uint32_t moon_reload_ask(struct moon_reload *r) { return ++r->asked; }

static void over(struct moon_reload *r, bool failed, const char *text) {
  bool known = failed && r->failed && strcmp(r->said, text) == 0;
  r->failed = failed;
  (void)snprintf(r->said, sizeof r->said, "%s", text);
  r->done = r->begun;
  if (failed && !known) { moon_log(MOON_LOG_ERROR, "not reloaded, all stays as it was: %s", text); }
}

uint64_t moon_reload_tick(struct moon_reload *r, uint64_t now_us) {
  char error[256];
  if (!r->able) {
    if (r->done != r->asked) {
      r->begun = r->asked;
      over(r, true, "with --once nothing is read again");
    }
    return UINT64_MAX;
  }
  if (moon_watch_look(&r->watch, now_us) || now_us >= r->again_us) {
    r->again_us = UINT64_MAX;
    moon_reload_ask(r);
  }
  if (r->loading.pid > 0) {
    if (now_us < r->deadline_us) { return r->deadline_us; }
    kill(r->loading.pid, SIGKILL);
    r->deadline_us = UINT64_MAX;
  } else if (r->begun != r->asked) {
    r->begun = r->asked;
    r->deadline_us = now_us + LIMIT_US;
    moon_watch_mark(&r->watch);
    if (moon_load_begin(&r->options, &r->loading, error, sizeof error)) { over(r, true, error); }
  }
  uint64_t next = r->watch.look_us < r->again_us ? r->watch.look_us : r->again_us;
  return r->loading.pid > 0 && r->deadline_us < next ? r->deadline_us : next;
}

static bool was_said(const struct moon_plan *p, const char *warning) {
  for (uint32_t i = 0; i < p->n_warnings; i++) {
    if (strcmp(p->warnings[i], warning) == 0) { return true; }
  }
  return false;
}

/* What a process has from its start to its end. */
static void tell_fixed(const struct moon_reload *r, const struct moon_plan *fresh) {
  const struct moon_plan *s = r->start;
  const char *what = s->workers != fresh->workers               ? "workers"
                     : s->max_in_flight != fresh->max_in_flight ? "limits.max_in_flight"
                     : s->packets_per_s != fresh->packets_per_s ? "limits.packets_per_s"
                     : s->grace_s != fresh->grace_s             ? "grace"
                                                                : NULL;
  if (what) { moon_log(MOON_LOG_WARN, "%s: changed, which takes a restart", what); }
  if (!moon_change_same_probes(s, fresh)) { moon_log(MOON_LOG_WARN, "probes: changed, which takes a restart"); }
}

/* The plan that holds from now on. */
static struct moon_plan put_together(const struct moon_plan *start, const struct moon_plan *fresh) {
  struct moon_plan p = *start;
  p.targets = fresh->targets;
  p.n_targets = fresh->n_targets;
  p.credentials = fresh->credentials;
  p.n_credentials = fresh->n_credentials;
  p.files = fresh->files;
  p.n_files = fresh->n_files;
  p.warnings = fresh->warnings;
  p.n_warnings = fresh->n_warnings;
  p.policy = fresh->policy;
  p.max_coroutines = fresh->max_coroutines;
  p.max_children = fresh->max_children;
  if (moon_change_same_probes(start, fresh)) { p.probes = fresh->probes; }
  return p;
}

bool moon_reload_reaped(struct moon_reload *r, pid_t pid, int status, uint64_t now_us, struct moon_change *out) {
  struct moon_plan *fresh = NULL;
  char text[1024];
  if (pid <= 0 || pid != r->loading.pid) { return false; }
  enum moon_err e = moon_load_end(&r->loading, status, &fresh, text, sizeof text);
  if (!e) { e = moon_change_keep(&r->plan, &fresh); }
  struct moon_plan plan = e ? r->plan : put_together(r->start, fresh);
  if (!e) { e = moon_change_make(&r->plan, &plan, out); }
  if (e) {
    moon_plan_free(fresh);
    over(r, true, e == MOON_E_CONFIG ? text : moon_err_text(e));
    return false;
  }
  for (uint32_t i = 0; i < fresh->n_warnings; i++) {
    if (!was_said(&r->plan, fresh->warnings[i]) && !(fresh->unsettled && strstr(fresh->warnings[i], "has no end yet"))) {
      moon_log_text(MOON_LOG_WARN, fresh->warnings[i]);
    }
  }
  tell_fixed(r, fresh);
  bool change = !moon_change_is_none(out);
  if (fresh->unsettled) { r->again_us = now_us + UNSETTLED_US; }
  (void)snprintf(text, sizeof text, "targets: %u, of them new: %u, changed: %u; gone: %u%s%s", plan.n_targets, out->n_new, out->n_other,
                 out->n_gone, out->settings ? "; limits or intervals changed" : "", fresh->n_kept ? "; files kept as they were: see the log" : "");
  if (change) { moon_log(MOON_LOG_INFO, "reloaded: %s", text); }
  r->generation += change;
  r->was = r->plan;
  r->plan = plan;
  r->old_block = r->block;
  r->block = fresh;
  out->was = &r->was;
  out->now = &r->plan;
  moon_watch_set(&r->watch, r->plan.files, r->plan.n_files, now_us);
  over(r, false, text);
  return true;
}

void moon_reload_taken(struct moon_reload *r, struct moon_change *c) {
  moon_change_fini(c);
  moon_plan_free(r->old_block);
  r->old_block = NULL;
}

void moon_reload_answer(const struct moon_reload *r, uint32_t number, struct moon_print *answer) {
  if ((int32_t)(r->done - number) < 0) {
    moon_print_text(answer, "wait");
  } else {
    moon_print_printf(answer, "%s %s", r->failed ? "error" : "ok", r->said);
  }
}
