#include "run.h"

#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"
#include "../value/fault.h"
#include "conduct.h"
#include "device.h"
#include "out.h"
#include "rows.h"
#include "sched.h"
#include "shift.h"
#include "state.h"

#define KEEP_RECORD (256u << 10) /* octets of a record buffer that is kept for the next run */
#define KEEP_SHEETS 64
#define BLOCK 32             /* runs allocated together */
#define WHY_MAX 400          /* octets of an error that are kept */
#define LINE_MAX_OCTETS 2048 /* of a line of the log, traceback and all */
_Static_assert(MOON_RECORD_MAX == 4u << 20, "a message names it");

#define LINE 64u             /* of the cache: runs begin with one */

struct moon_run_block {
  struct moon_run_block *next;
  char room[LINE - 1 + BLOCK * sizeof(struct moon_run)];
};

static struct moon_text text(const char *s) { return (struct moon_text){s, (uint32_t)strlen(s)}; }

uint32_t moon_run_max_children(const struct moon_run *r) {
  uint32_t n = r->version->plan->max_children, all = r->host->plan->max_children;
  return n && n < all ? n : all;
}

static void on_timeout(void *arg) {
  struct moon_run *r = arg;
  r->err = MOON_E_CANCELLED;
  r->timed_out = true;
  moon_run_end(r);
}

/* More free ones, if there is memory. */
static void make(struct moon_host *h) {
  struct moon_run_block *b = moon_mem_zalloc(sizeof *b);
  if (!b) { return; }
  b->next = h->run_blocks;
  h->run_blocks = b;
  struct moon_run *runs = (struct moon_run *)(((uintptr_t)b->room + LINE - 1) & ~(uintptr_t)(LINE - 1));
  for (uint32_t i = 0; i < BLOCK; i++) {
    struct moon_run *r = &runs[i];
    r->host = h;
    moon_list_init(&r->tasks);
    moon_list_init(&r->walks);
    moon_list_append(&h->free_runs, &r->node);
  }
}

bool moon_run_start(struct moon_host *h, struct moon_duty *d, struct moon_revision *v) {
  if (moon_list_empty(&h->free_runs)) { make(h); }
  struct moon_list *n = moon_list_take(&h->free_runs);
  if (!n) { return false; }
  struct moon_run *r = MOON_LIST_ENTRY(n, struct moon_run, node);
  r->duty = d;
  r->version = v;
  r->pair = d->device->pair;
  struct moon_task *t = moon_task_new(r, true);
  if (!t) {
    r->duty = NULL;
    moon_list_prepend(&h->free_runs, &r->node);
    return false;
  }
  v->uses++;
  h->run_number = h->run_number == MOON_RUN_NUMBER_MAX ? 1 : h->run_number + 1;
  r->number = h->run_number;
  r->err = MOON_OK;
  r->suspect = d->device->suspect;
  r->timed_out = r->cut = r->unmatched = r->silence = r->quiet = r->mute = r->handled = r->guest = false;
  r->why_ref = LUA_NOREF;
  moon_limits_begin(&r->left, v->plan);
  r->skipped_nil = 0;
  r->received_us = 0;
  r->started_us = moon_engine_now(h->engine);
  moon_histogram_since(&h->histograms->late, d->queued_us, r->started_us);
  r->started_s = moon_host_wall_s(h, r->started_us);
  moon_timer_init(&r->timeout, on_timeout, r);
  if (moon_run_job(r)->timeout_s > 0) { moon_timer_start(h->engine, &r->timeout, r->started_us + (uint64_t)(moon_run_job(r)->timeout_s * 1e6)); }
  d->run = r;
  moon_list_append(&h->runs, &r->node);
  if (h->young == &h->runs) { h->young = &r->node; }
  h->counters->runs_started++;
  h->counters->runs_active++;
  h->n_deaf++;
  moon_task_run(t);
  return true;
}

struct moon_sheet *moon_run_sheet(struct moon_run *r) {
  struct moon_host *h = r->host;
  const struct moon_plan_target *target = r->duty->device->target->plan;
  if (r->sheet) { return r->sheet; }
  struct moon_list *n = moon_list_take(&h->free_sheets);
  if (n) {
    h->n_free_sheets--;
    r->sheet = MOON_LIST_ENTRY(n, struct moon_sheet, node);
  } else {
    r->sheet = moon_mem_zalloc(sizeof *r->sheet);
    if (!r->sheet) { return NULL; }
    moon_list_init(&r->sheet->node);
    moon_record_init(&r->sheet->record);
  }
  r->sheet->wall_us = r->sheet->labels = 0;
  moon_record_begin(&r->sheet->record, text(target->name), text(r->duty->device->probe->plan->name), text(moon_run_job(r)->name),
                    target->labels, target->n_labels);
  return r->sheet;
}

static void free_sheet(struct moon_sheet *s) {
  moon_record_fini(&s->record);
  moon_mem_free(s->seen.at);
  moon_labels_fini(&s->sets);
  moon_mem_free(s);
}

static void give_back(struct moon_run *r) {
  struct moon_host *h = r->host;
  struct moon_sheet *s = r->sheet;
  r->sheet = NULL;
  if (!s) { return; }
  if (h->n_free_sheets >= KEEP_SHEETS || s->record.cap > KEEP_RECORD) {
    free_sheet(s);
    return;
  }
  h->n_free_sheets++;
  moon_list_prepend(&h->free_sheets, &s->node);
}

/* on_error(device, err, out, state) */
static void prepare_handler(lua_State *L, struct moon_task *t) {
  struct moon_run *r = t->run;
  int why_ref = r->why_ref;
  r->handled = true;
  r->why_ref = LUA_NOREF;
  moon_task_prepare(L, t);
  lua_rawgeti(L, LUA_REGISTRYINDEX, r->version->on_error);
  moon_device_push(L, r->duty->device);
  lua_rawgeti(L, LUA_REGISTRYINDEX, why_ref);
  luaL_unref(L, LUA_REGISTRYINDEX, why_ref);
  moon_out_push(L, r);
  moon_state_push(L, r->duty->device);
  lua_xmove(L, t->co, 5);
}

bool moon_run_handle(struct moon_run *r) {
  struct moon_task *t = r->why_ref == LUA_NOREF ? NULL : moon_task_new(r, true);
  if (t) { moon_task_wake(t); }
  return t != NULL;
}

void moon_run_prepare(lua_State *L, struct moon_task *t) {
  struct moon_run *r = t->run;
  struct moon_device *d = r->duty->device;
  if (r->why_ref != LUA_NOREF) {
    prepare_handler(L, t);
    return;
  }
  moon_shift_enter(L, d, r->version);
  moon_task_prepare(L, t);
  lua_rawgeti(L, LUA_REGISTRYINDEX, r->version->run[r->duty->index]);
  int n = 4;
  if (moon_device_push_match(L, d, r->version)) { n = 6; } /* matched(match, run, device, out, state) */
  moon_device_push(L, d);
  moon_out_push(L, r);
  moon_state_push(L, d);
  lua_xmove(L, t->co, n);
}

/* One line of what run returned or raised, at the top. [-1, +1, m] */
static void line(lua_State *L) {
  if (moon_fault_code(L, -1)) {
    moon_fault_push_text(L, -1);
    lua_remove(L, -2);
  } else if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushliteral(L, "nil");
  } else if (!lua_isstring(L, -1)) {
    lua_pushfstring(L, "(a %s)", luaL_typename(L, -1));
    lua_replace(L, -2);
  }
}

/* Does it begin with a place, "file:12: "? Returns what is behind that, or NULL. */
static const char *behind_place(const char *text) {
  const char *end = strstr(text, ": "), *p = end;
  while (p && p > text && p[-1] >= '0' && p[-1] <= '9') { p--; }
  return p && p < end && p > text && p[-1] == ':' ? end + 2 : NULL;
}

/* Of a function of the script that the library called and that ended in a tail call, `return device:table(...)`, the line is gone,
 * and that of the library would stand there: the one of the script that called the library takes its place. [-1, +1, m] */
static void mend_place(lua_State *L, lua_State *co) {
  const char *text = lua_tostring(L, -1), *rest = strncmp(text, MOON_TASK_LIBRARY, sizeof MOON_TASK_LIBRARY - 1) ? NULL : behind_place(text);
  if (!rest) { return; }
  if (behind_place(rest)) {
    lua_pushstring(L, rest);
  } else {
    moon_task_where(L, co);
    lua_pushstring(L, rest);
    lua_concat(L, 2);
  }
  lua_remove(L, -2);
}

/* probe.job: target: what. A fault of the world names the target itself. */
static void make_line(const struct moon_run *r, const char *what, char line[LINE_MAX_OCTETS]) {
  const char *target = r->duty->device->target->plan->name, *job = moon_run_job(r)->name;
  size_t n = strlen(target);
  bool named = strncmp(what, target, n) == 0 && (what[n] == ':' || strncmp(what + n, " (", 2) == 0);
  snprintf(line, LINE_MAX_OCTETS, "%s%s%s: %s%s%s", r->version->title, *job ? "." : "", job, named ? "" : target, named ? "" : ": ", what);
}

static void say(struct moon_run *r, enum moon_level level, const char *what) {
  const struct moon_host_target *t = r->duty->device->target;
  char site[64], line[LINE_MAX_OCTETS];
  make_line(r, what, line);
  if (level == MOON_LOG_WARN && moon_calm_is_about(r->err)) {
    moon_calm_site_name(t->plan->labels, t->plan->n_labels, &moon_peer_target(t->peer)->addr, site, sizeof site);
    bool now = moon_calm_hold(&r->host->calm, site, t->plan->name, r->err, line, moon_engine_now(r->host->engine));
    moon_sched_calm(r->host, false);
    if (!now) { return; }
  }
  moon_host_log(r->host, level, "%s", line);
}

/* For who asks later. */
static void keep_why(struct moon_duty *d, const char *what) {
  size_t n = what ? strnlen(what, WHY_MAX) : 0;
  moon_mem_free(d->why);
  d->why = n ? moon_mem_alloc(n + 1) : NULL;
  if (!d->why) { return; }
  memcpy(d->why, what, n);
  d->why[n] = 0;
}

/* A failure that goes on says so once, at its beginning. */
static void say_failed(struct moon_run *r, const char *what) {
  keep_why(r->duty, what);
  say(r, r->duty->ran && r->duty->last_err == r->err ? MOON_LOG_DEBUG : MOON_LOG_WARN, what);
}

/* A mistake that goes on on one device is said once, at its beginning; one that is made on many devices is said of the first. */
static void say_script_error(struct moon_run *r, const char *what) {
  struct moon_duty *d = r->duty;
  struct moon_host *h = r->host;
  const char *target = d->device->target->plan->name;
  char title[160], line[LINE_MAX_OCTETS];
  uint64_t key = moon_calm_key(r->version->plan->version + d->index, what, target);
  bool known = d->told == (uint32_t)key, again = d->ran && d->last_err == MOON_E_PUBLIC_N && known;
  r->err = MOON_E_PUBLIC_N;
  d->told = (uint32_t)key;
  keep_why(d, what);
  if (again) {
    say(r, MOON_LOG_DEBUG, what);
    return;
  }
  const char *job = moon_run_job(r)->name;
  make_line(r, what, line);
  snprintf(title, sizeof title, "%s%s%s", r->version->title, *job ? "." : "", job);
  if (moon_calm_flaw(&h->calm, key, title, what, target, line, !known, moon_engine_now(h->engine))) {
    moon_host_log(h, MOON_LOG_ERROR, "%s", line);
  }
  moon_sched_calm(h, false);
}

void moon_run_broken(struct moon_run *r, const char *what) { say_script_error(r, what ? what : "not enough memory"); }

void moon_run_task_ended(lua_State *L, struct moon_task *t, enum moon_task_end end) {
  struct moon_run *r = t->run;
  int top = lua_gettop(t->co);
  enum moon_err code;
  if (end == MOON_TASK_OVER) {
    if (!t->main || r->handled || top < 2 || !lua_isnil(t->co, 1) || lua_isnil(t->co, 2)) { return; }
    lua_pushvalue(t->co, 2);
  } else if (end == MOON_TASK_STRAY) {
    say_script_error(r, "yielded outside of any function that waits");
    return;
  } else if (end == MOON_TASK_NOMEM) {
    say_script_error(r, "not enough memory");
    return;
  }
  lua_xmove(t->co, L, 1);
  if (t->main && !r->handled && r->version->on_error != LUA_NOREF) {
    lua_pushvalue(L, -1);
    r->why_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  code = moon_fault_code(L, -1);
  if (code || end == MOON_TASK_OVER) { /* the world's fault, or what the script says went wrong: no traceback */
    r->err = (uint8_t)(code ? code : MOON_E_GEN_ERR);
    line(L);
    say_failed(r, lua_tostring(L, -1));
  } else {
    bool refused = lua_type(L, -1) == LUA_TSTRING && moon_limits_is_marked(r->host, lua_tostring(L, -1));
    line(L);
    mend_place(L, t->co);
    if (!refused) {
      luaL_traceback(L, t->co, lua_tostring(L, -1), 0);
      lua_remove(L, -2);
    }
    say_script_error(r, lua_tostring(L, -1));
  }
  lua_pop(L, 1);
}

void moon_run_cancel(struct moon_run *r) {
  r->err = MOON_E_CANCELLED;
  r->cut = true;
  moon_run_end(r);
}

void moon_run_cancel_guests(struct moon_host *h) {
  for (struct moon_list *n = h->runs.next, *next; n != &h->runs; n = next) {
    struct moon_run *r = MOON_LIST_ENTRY(n, struct moon_run, node);
    next = n->next;
    if (!r->guest) { continue; }
    r->err = MOON_E_CANCELLED;
    say_failed(r, "cancelled: it asked a device of another target, and targets change");
    moon_run_cancel(r);
  }
}

void moon_run_drop(struct moon_run *r) {
  r->unmatched = true;
  moon_run_cancel(r);
}

static void count(struct moon_run *r) {
  struct moon_run_counters *c = r->host->counters;
  if (r->cut) {
    c->runs_cancelled++;
  } else if (r->timed_out) {
    c->runs_timeout++;
  } else if (r->err) {
    c->runs_failed++;
    if (r->err == MOON_E_PUBLIC_N) { c->script_errors++; }
  } else {
    c->runs_ok++;
  }
  c->samples_nil += r->skipped_nil;
}

static void leave(struct moon_run *r) {
  if (r->host->young == &r->node) { r->host->young = r->node.next; }
  moon_list_remove(&r->node);
}

/* The structure is free again. */
static void release(struct moon_run *r) {
  struct moon_host *h = r->host;
  leave(r);
  luaL_unref(h->L, LUA_REGISTRYINDEX, r->why_ref);
  r->why_ref = LUA_NOREF;
  give_back(r);
  if (r->duty) { moon_sched_handed(h, r->duty); }
  r->duty = NULL;
  r->version = NULL;
  moon_list_prepend(&h->free_runs, &r->node);
  h->counters->runs_active--;
  h->n_deaf -= !r->received_us;
  h->n_mute -= r->mute;
}

bool moon_run_offer(struct moon_run *r) {
  struct moon_host *h = r->host;
  if (!h->config.sink || h->config.sink(h->config.arg, r->sheet->record.p, r->sheet->record.n)) {
    h->counters->samples += r->sheet->record.n_samples;
    release(r);
    return true;
  }
  return false;
}

uint64_t moon_run_unheard_us(const struct moon_run *r) {
  uint64_t since_us = r->received_us ? UINT64_MAX : r->started_us;
  for (const struct moon_list *n = r->tasks.next; n != &r->tasks && since_us != UINT64_MAX; n = n->next) {
    const struct moon_task *t = MOON_LIST_ENTRY(n, const struct moon_task, node);
    const struct moon_query *q = moon_task_query(t);
    uint64_t sent_us = q && q->out ? moon_engine_unheard_us(r->host->engine, q->ticket) : 0;
    if (sent_us > since_us) { since_us = sent_us; }
  }
  return since_us;
}

/* What an agent let hear of itself in a run that had no answer. */
enum word { WORD_ENOUGH, WORD_NONE, WORD_ENGINE, WORD_TIME };

/* One of its requests is on the wire, and no answer came for it yet: what did? ENOUGH: there is none that waits, or one was answered. */
static enum word last_word(const struct moon_run *r) {
  const struct moon_host_target *own = r->duty->device->target;
  struct moon_peer_state state;
  if (r->received_us) { return WORD_ENOUGH; }
  for (const struct moon_list *n = r->tasks.next; n != &r->tasks; n = n->next) {
    const struct moon_query *q = moon_task_query(MOON_LIST_ENTRY(n, const struct moon_task, node));
    if (!q || !q->out || q->target != own) { continue; }
    moon_peer_look(own->peer, &state);
    if (!state.in_flight) { return WORD_ENOUGH; }
    return state.told_time ? WORD_TIME : state.told_engine ? WORD_ENGINE : WORD_NONE;
  }
  return WORD_ENOUGH;
}

static void say_timed_out(struct moon_run *r, enum word word) {
  static const char *const heard[] = {
    [WORD_NONE] = "said nothing in that time; check the address, the port and the credentials",
    [WORD_ENGINE] = "told its engine id and then said nothing; check the user, its passwords and firewalls on the way",
    [WORD_TIME] = "told its engine id and time and did not answer the request; check the privacy password and the context: wrong ones are met with silence"};
  char what[320];
  const struct moon_host_target *t = r->duty->device->target;
  const struct moon_target *agent = moon_peer_target(t->peer);
  int n = snprintf(what, sizeof what, "cancelled: it took longer than its timeout of %g s", (double)(r->timeout.at_us - r->started_us) / 1e6);
  if (word != WORD_ENOUGH) {
    double most_s = (double)agent->policy->timeout_us / 1e6 * (agent->policy->retries + 1) * (agent->last_answer_us ? 1 : t->plan->n_credentials);
    snprintf(what + n, sizeof what - (size_t)n, ", and the agent %s; to be told timeout, let it last longer than the %g s a request waits",
             heard[word], most_s);
  }
  say_failed(r, what);
}

void moon_run_end(struct moon_run *r) {
  struct moon_host *h = r->host;
  struct moon_duty *d = r->duty;
  uint64_t now = moon_engine_now(h->engine);
  double seconds = (double)(now - r->started_us) / 1e6;
  enum word word = r->timed_out ? last_word(r) : WORD_ENOUGH;
  moon_timer_stop(h->engine, &r->timeout);
  while (!moon_list_empty(&r->tasks)) { moon_task_free(MOON_LIST_ENTRY(r->tasks.next, struct moon_task, node), false); }
  moon_rows_end_all(r);
  if (r->timed_out) { say_timed_out(r, word); }
  bool kept = moon_state_check(h, d->device, moon_shift_ref(d->device, r->version), r->version->title); /* however the run ended: it is there for the next one */
  if (!kept && !r->err && !r->unmatched) { r->err = MOON_E_PUBLIC_N; }
  struct moon_run_head head = {.started_s = r->started_s, .run_s = seconds, .version = r->version->plan->version,
                               .skipped_nil = r->skipped_nil, .err = r->err, .first = !d->ran, .silent = word != WORD_ENOUGH};
  struct moon_record *record = r->unmatched || !moon_run_sheet(r) ? NULL : &r->sheet->record;
  moon_out_forget(r);
  if (record && r->err && moon_run_job(r)->atomic) { moon_record_drop_samples(record); }
  if (record && record->err) {
    moon_host_log(h, MOON_LOG_ERROR, "%s: %s: its samples are lost: %s", r->version->title, d->device->target->plan->name,
                  record->err == MOON_E_NOMEM ? "not enough memory"
                                                : "over 4 MiB, more than one run may have; spread them over several jobs");
    moon_record_drop_samples(record);
    if (!r->err) { head.err = r->err = MOON_E_BUDGET; }
  }
  count(r);
  moon_histogram_since(&h->histograms->run, r->started_us, now);
  d->ended_us = now;
  d->took_us = now - r->started_us < UINT32_MAX ? (uint32_t)(now - r->started_us) : UINT32_MAX;
  if (r->err) {
    d->failed++;
  } else {
    d->ok++;
    d->device->suspect = false;
    if (d->why) { keep_why(d, NULL); }
  }
  if (d->last_err && !r->err && !r->unmatched) {
    char what[64];
    snprintf(what, sizeof what, "well again, after: %s", d->last_err == MOON_E_PUBLIC_N ? "script" : moon_err_name(d->last_err));
    say(r, MOON_LOG_INFO, what);
  }
  moon_conduct_note(r, d->took_us);
  d->last_err = r->err;
  d->run = NULL;
  moon_revision_leave(r->version);
  r->version = NULL;
  bool first = !d->ran;
  d->ran = true;
  if (!record || moon_record_end(record, &head)) {
    release(r);
  } else if (h->blocked || !moon_run_offer(r)) {
    leave(r);
    moon_list_append(&h->full, &r->node);
    if (!h->blocked) { h->counters->output_full++; }
    h->blocked = true;
  }
  moon_sched_ran(h, d, first);
}

void moon_run_free_all(struct moon_host *h) {
  struct moon_list *lists[] = {&h->runs, &h->full, &h->free_runs}, *n;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    while ((n = moon_list_take(lists[i]))) {
      struct moon_run *r = MOON_LIST_ENTRY(n, struct moon_run, node);
      if (r->sheet) { free_sheet(r->sheet); }
    }
  }
  while (h->run_blocks) {
    struct moon_run_block *next = h->run_blocks->next;
    moon_mem_free(h->run_blocks);
    h->run_blocks = next;
  }
  while ((n = moon_list_take(&h->free_sheets))) { free_sheet(MOON_LIST_ENTRY(n, struct moon_sheet, node)); }
}
