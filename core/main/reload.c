#include "reload.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../base/mem.h"
#include "format.h"
#include "log.h"
#include "output.h"

#define LIMIT_US UINT64_C(300000000) /* passwords of many users take their time */
#define TOLD_MAX 5u
#define ALL "all stays"
#define BROKEN_TOLD 500 /* octets of what is wrong with a probe */
#define UNSETTLED_US UINT64_C(2500000)

/* Once: it says the same of every file. */
static void tell_blind(struct moon_reload *r) {
  int cause = r->watch.blind;
  if (!cause || r->told_blind) { return; }
  r->told_blind = true;
  moon_log(MOON_LOG_WARN, "the kernel does not tell of changed files (%s): they are looked at every %d s; %s", strerror(cause), MOON_WATCH_S,
           cause == ENOSPC   ? "allow more watches (fs.inotify.max_user_watches)"
           : cause == EMFILE ? "allow more instances (fs.inotify.max_user_instances), or files (ulimit -n)"
                             : "moonpoll reload does it at once");
}

/* The configuration, target files, probe files and their modules. Without memory for that nothing is watched any more. */
static void watch(struct moon_reload *r, uint64_t now_us) {
  const struct moon_plan *p = &r->plan;
  uint32_t n = p->n_files + 1;
  for (uint32_t i = 0; i < p->n_probes; i++) { n += p->probes[i].n_sources; }
  const char **was = r->watched, **all = moon_mem_array((size_t)n + 1, sizeof *all), **next = all;
  if (all && r->options.config) { *next++ = r->options.config; }
  for (uint32_t i = 0; all && i < p->n_files; i++) { *next++ = p->files[i]; }
  for (uint32_t i = 0; all && i < p->n_probes; i++) {
    for (uint32_t k = 0; k < p->probes[i].n_sources; k++) { *next++ = p->probes[i].sources[k].path; }
  }
  moon_watch_set(&r->watch, all, (uint32_t)(next - all), now_us);
  r->watched = all;
  moon_mem_free(was);
  tell_blind(r);
}

void moon_reload_init(struct moon_reload *r, const struct moon_load_options *o, const struct moon_plan *plan, uint64_t now_us) {
  *r = (struct moon_reload){.start = plan, .plan = *plan, .loading = {.fd = -1}, .again_us = UINT64_MAX, .generation = 1};
  moon_watch_init(&r->watch);
  r->able = o && !plan->once;
  if (!r->able) { return; }
  r->options = *o;
  r->options.again = true;
  r->options.progress = NULL;
  watch(r, now_us);
}

void moon_reload_leave(struct moon_reload *r) {
  moon_watch_fini(&r->watch);
  moon_load_forget(&r->loading);
}

void moon_reload_fini(struct moon_reload *r) {
  if (r->loading.pid > 0) { kill(r->loading.pid, SIGKILL); }
  if (r->start) { moon_reload_leave(r); }
  moon_change_fini(&r->change);
  moon_plan_free(r->fresh);
  moon_plan_free(r->block);
  moon_mem_free(r->watched);
  r->block = r->fresh = NULL;
  r->watched = NULL;
}

uint32_t moon_reload_ask(struct moon_reload *r, const char *probe, bool now) {
  bool waiting = r->begun != r->asked;
  if (!probe || (waiting && strcmp(r->only, probe) != 0)) { /* two who ask for different things get all */
    r->only[0] = 0;
  } else {
    (void)snprintf(r->only, sizeof r->only, "%s", probe);
  }
  r->now = now || (waiting && r->now);
  return ++r->asked;
}

/* It is read from here on. */
static void begin(struct moon_reload *r) {
  r->begun = r->asked;
  memcpy(r->only_begun, r->only, sizeof r->only);
  r->now_begun = r->now;
  r->only[0] = 0;
  r->now = false;
}

/* What was said of the last one, before the next is. */
static void put_past(struct moon_reload *r) {
  struct moon_reload_end *e = &r->past[r->n_past++ % MOON_RELOAD_PAST];
  e->done = r->done;
  e->failed = r->failed;
  memcpy(e->said, r->said, sizeof e->said);
}

static void over(struct moon_reload *r, bool failed, const char *what, const char *text) {
  bool known = failed && r->failed && strcmp(r->said, text) == 0;
  if (r->done) { put_past(r); }
  r->failed = failed;
  (void)snprintf(r->said, sizeof r->said, "%s", text);
  r->done = r->begun;
  if (failed && !known) { moon_log(MOON_LOG_ERROR, "not reloaded, %s as it was: %s", what, text); }
}

uint64_t moon_reload_tick(struct moon_reload *r, uint64_t now_us) {
  char error[256];
  if (!r->able) {
    if (r->done != r->asked) {
      begin(r);
      over(r, true, ALL, "with --once nothing is read again");
    }
    return UINT64_MAX;
  }
  if (moon_watch_look(&r->watch, now_us) || now_us >= r->again_us) {
    r->again_us = UINT64_MAX;
    moon_reload_ask(r, NULL, false);
  }
  if (r->loading.pid > 0) {
    if (now_us < r->deadline_us) { return r->deadline_us; }
    kill(r->loading.pid, SIGKILL);
    r->deadline_us = UINT64_MAX;
  } else if (r->begun != r->asked && !r->fresh) {
    begin(r);
    r->deadline_us = now_us + LIMIT_US;
    moon_watch_mark(&r->watch);
    if (moon_load_begin(&r->options, &r->loading, error, sizeof error)) { over(r, true, ALL, error); }
  }
  uint64_t next = r->watch.look_us < r->again_us ? r->watch.look_us : r->again_us;
  return r->loading.pid > 0 && r->deadline_us < next ? r->deadline_us : next;
}

static bool same_text(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static bool was_said(const struct moon_plan *p, const char *warning) {
  for (uint32_t i = 0; i < p->n_warnings; i++) {
    if (strcmp(p->warnings[i], warning) == 0) { return true; }
  }
  return false;
}

/* What only another start changes, as a list of words; "": nothing. */
static void name_fixed(const struct moon_reload *r, const struct moon_plan *fresh, char *out, size_t cap) {
  const struct moon_plan *s = r->start;
  const struct { const char *name; bool same; } all[] = {
    {"workers", s->workers == fresh->workers}, {"run_dir", same_text(s->run_dir, fresh->run_dir)},
    {"engine_cache", same_text(s->engine_cache, fresh->engine_cache)}};
  size_t n = 0;
  out[0] = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all && n < cap; i++) {
    if (!all[i].same) { n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "", all[i].name); }
  }
}

/* What has been read, as it can be in force. */
static struct moon_plan put_together(const struct moon_plan *start, const struct moon_plan *fresh) {
  struct moon_plan p = *fresh;
  p.workers = start->workers;
  p.run_dir = start->run_dir;
  p.engine_cache = start->engine_cache;
  p.once = start->once;
  return p;
}

static const struct moon_plan_probe *find_probe(const struct moon_plan *p, const char *name) {
  for (uint32_t i = 0; i < p->n_probes; i++) {
    if (strcmp(p->probes[i].name, name) == 0) { return &p->probes[i]; }
  }
  return NULL;
}

/* None has this name. */
static void name_probes(const struct moon_plan *p, const char *name, char *out, size_t cap) {
  size_t n = (size_t)snprintf(out, cap, "no probe named \"%s\"; there are", name);
  for (uint32_t i = 0; i < p->n_probes && n < cap; i++) { n += (size_t)snprintf(out + n, cap - n, "%s %s", i ? "," : "", p->probes[i].name); }
}

/* What keeps this probe from being loaded: that of another one would say nothing. */
static const char *what_broke(const struct moon_plan *fresh, const struct moon_plan_probe *probe) {
  const char *path = probe->sources[0].path, *why = fresh->broken; /* of the first; the others are warnings */
  for (uint32_t i = 0; i < fresh->n_warnings && !strstr(why, path); i++) {
    if (strstr(fresh->warnings[i], path)) { why = fresh->warnings[i]; }
  }
  return why;
}

/* All stays but the probe that was asked for. */
static enum moon_err choose(struct moon_reload *r, struct moon_plan **fresh, char *error, size_t cap) {
  struct moon_plan *chosen;
  const struct moon_plan_probe *known = find_probe(&r->plan, r->only_begun);
  if ((*fresh)->broken && !find_probe(*fresh, r->only_begun) && known) {
    (void)snprintf(error, cap, "%s", what_broke(*fresh, known));
    return MOON_E_CONFIG;
  }
  if (!find_probe(*fresh, r->only_begun)) {
    name_probes((*fresh)->broken ? &r->plan : *fresh, r->only_begun, error, cap);
    return MOON_E_CONFIG;
  }
  enum moon_err e = moon_change_mix(&r->plan, *fresh, r->only_begun, &chosen);
  if (e) { return e; }
  chosen->unsettled = (*fresh)->unsettled;
  chosen->broken = NULL;
  chosen->n_kept = 0;
  moon_plan_free(*fresh);
  *fresh = chosen;
  return MOON_OK;
}

/* "interfaces 0123456789abcdef": what is new, and no more of it than people read. */
static void tell_code(const struct moon_change *c, char *out, size_t cap) {
  size_t n = 0;
  out[0] = 0;
  for (uint32_t i = 0; i < c->n_code && n < cap; i++) {
    const struct moon_plan_probe *p = &c->now->probes[c->code[i]];
    if (i == TOLD_MAX) {
      (void)snprintf(out + n, cap - n, " and %u more", c->n_code - i);
      return;
    }
    n += (size_t)snprintf(out + n, cap - n, "%s%s %016" PRIx64, i ? ", " : "; new version of ", p->name, p->version);
  }
}

bool moon_reload_reaped(struct moon_reload *r, pid_t pid, int status, uint64_t now_us) {
  struct moon_plan *fresh = NULL;
  char text[1024];
  if (pid <= 0 || pid != r->loading.pid) { return false; }
  enum moon_err e = moon_load_end(&r->loading, status, &fresh, text, sizeof text);
  if (!e) { e = r->only_begun[0] ? choose(r, &fresh, text, sizeof text) : moon_change_keep(&r->plan, &fresh); }
  if (!e) {
    const char *format;
    if (!moon_output_choose(fresh, &format)) {
      (void)snprintf(text, sizeof text, "%s", moon_output_crowded);
      e = MOON_E_CONFIG;
    }
  }
  if (!e) {
    name_fixed(r, fresh, r->fixed, sizeof r->fixed);
    *fresh = put_together(r->start, fresh);
    e = moon_change_make(&r->plan, fresh, &r->change);
  }
  if (e) {
    moon_plan_free(fresh);
    over(r, true, ALL, e == MOON_E_CONFIG ? text : moon_err_text(e));
    r->watch.restless = true;
    return false;
  }
  r->watch.restless = false;
  for (uint32_t i = 0; i < fresh->n_warnings; i++) {
    if (!was_said(&r->plan, fresh->warnings[i]) && !(fresh->unsettled && strstr(fresh->warnings[i], "has no end yet"))) {
      moon_log_text(MOON_LOG_WARN, fresh->warnings[i]);
    }
  }
  if (fresh->unsettled) { r->again_us = now_us + UNSETTLED_US; }
  r->fresh = fresh;
  tell_code(&r->change, r->code, sizeof r->code);
  return true;
}

enum moon_err moon_reload_rebase(struct moon_reload *r, struct moon_plan *base) {
  struct moon_change change;
  enum moon_err e = moon_change_make(&r->plan, base, &change);
  if (e) {
    moon_plan_free(base);
    return e;
  }
  moon_change_fini(&r->change);
  moon_plan_free(r->fresh);
  r->change = change;
  r->fresh = base;
  return MOON_OK;
}

void moon_reload_take(struct moon_reload *r, uint64_t now_us, const char *note) {
  struct moon_change *c = &r->change;
  char text[1024], told[1024];
  bool changed = !moon_change_is_none(c) || *r->code || c->anew || c->outputs;
  (void)snprintf(text, sizeof text, "targets: %u, of them new: %u, changed: %u; gone: %u%s%s%s%s%s%s%s", r->fresh->n_targets, c->n_new, c->n_other,
                 c->n_gone, c->settings ? "; limits or intervals changed" : "", c->outputs ? "; outputs changed" : "", r->code, note,
                 r->fresh->n_kept > (r->fresh->broken != NULL) ? "; files kept as they were: see the log" : "", *r->fixed ? "; needs a restart: " : "", r->fixed);
  if (changed || *r->fixed) { moon_log(MOON_LOG_INFO, "reloaded: %s", text); }
  r->generation += changed;
  r->was = r->plan;
  r->old_block = r->block;
  r->block = r->fresh;
  r->plan = *r->fresh;
  r->fresh = NULL;
  c->was = &r->was;
  c->now = &r->plan;
  watch(r, now_us);
  r->watch.restless = r->plan.broken != NULL;
  if (r->watch.restless && changed) { moon_watch_heard(&r->watch, now_us); } /* once more: what happened while this was read was not heard */
  if (r->plan.broken) {
    (void)snprintf(told, sizeof told, "%.*s; %.500s", BROKEN_TOLD, r->plan.broken, text);
    over(r, true, "that probe stays", told);
  } else {
    over(r, false, ALL, text);
  }
}

/* Another plan is in force: the credentials of the start are nobody's, and workers that come need not have them. */
static void forget_start(const struct moon_reload *r) {
  const struct moon_plan *s = r->start;
  if (r->block && s->n_credentials) { moon_mem_wipe((void *)(uintptr_t)s->credentials, s->n_credentials * sizeof *s->credentials); }
}

void moon_reload_taken(struct moon_reload *r) {
  moon_change_fini(&r->change);
  moon_plan_free(r->old_block);
  r->old_block = NULL;
  forget_start(r);
}

void moon_reload_refuse(struct moon_reload *r, const char *why) {
  r->watch.restless = true;
  over(r, true, ALL, why); /* which may be a word of fresh */
  moon_change_fini(&r->change);
  moon_plan_free(r->fresh);
  r->fresh = NULL;
}

void moon_reload_put(struct moon_reload *r, struct moon_plan *plan) {
  struct moon_plan *before = r->block;
  r->block = plan;
  r->plan = *plan;
  watch(r, 0);
  moon_plan_free(before);
}

/* All was read, as others asked too, and the first that is broken may be another one. */
static const char *of_probe(const struct moon_reload *r, bool failed, const char *said, const char *probe) {
  const char *broken = r->plan.broken;
  const struct moon_plan_probe *p = probe ? find_probe(&r->plan, probe) : NULL;
  bool kept = p && failed && broken && strncmp(said, broken, strnlen(broken, BROKEN_TOLD)) == 0;
  return kept && !strstr(broken, p->sources[0].path) ? what_broke(&r->plan, p) : said;
}

/* That of the request, or of the oldest there is; NULL: the last one is. */
static const struct moon_reload_end *find_past(const struct moon_reload *r, uint32_t number) {
  const struct moon_reload_end *best = NULL;
  for (uint32_t i = 0; i < MOON_RELOAD_PAST; i++) {
    const struct moon_reload_end *e = &r->past[i];
    bool his = e->done && (int32_t)(e->done - number) >= 0;
    if (his && (!best || (int32_t)(e->done - best->done) < 0)) { best = e; }
  }
  return best;
}

bool moon_reload_knows(const struct moon_reload *r, const char *probe, char *why, size_t cap) {
  if (find_probe(&r->plan, probe)) { return true; }
  name_probes(&r->plan, probe, why, cap);
  return false;
}

void moon_reload_answer(const struct moon_reload *r, uint32_t number, const char *probe, struct moon_print *answer) {
  char text[sizeof r->said];
  const struct moon_reload_end *past = find_past(r, number);
  bool failed = past ? past->failed : r->failed;
  const char *said = past ? past->said : r->said;
  if ((int32_t)(r->done - number) < 0) {
    moon_print_text(answer, "wait");
  } else if (probe && !failed && !moon_reload_knows(r, probe, text, sizeof text)) {
    moon_print_printf(answer, "error %s", text);
  } else {
    moon_print_printf(answer, "%s %s", failed ? "error" : "ok", of_probe(r, failed, said, probe));
  }
}

void moon_reload_json(const struct moon_reload *r, struct moon_print *out) {
  size_t n = strlen(r->said);
  moon_print_printf(out, "{\"ok\":%s,\"said\":\"", !r->done ? "null" : r->failed ? "false" : "true");
  uint8_t *p = moon_print_room(out, 6 * n);
  if (p) { out->n += moon_format_escape((char *)p, r->said, n); }
  moon_print_text(out, "\"}");
}
