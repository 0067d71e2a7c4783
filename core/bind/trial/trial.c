#include "trial.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"
#include "../fleet/reader.h"
#include "../load/env.h"
#include "../load/script.h"
#include "../value/value.h"

#define SECONDS_MAX 1e9

/* What of the file is the agents' business, as in agent { }. */
static const char *const OF_AGENTS[] = {"live", "rates", "values", "vary", "delay", "jitter", "loss", "faults", "max_octets",
                                        "snmp", "timing", "create", NULL};

struct reading {
  struct moon_trial trial; /* first: what the owner holds */
  struct moon_fleet_reader r;
  struct moon_fleet_options options;
};

static void read_agent(struct reading *t, int table, const char *recording) {
  lua_State *L = t->r.L;
  lua_createtable(L, 0, 16);
  for (const char *const *name = OF_AGENTS; *name; name++) {
    lua_getfield(L, table, *name);
    lua_setfield(L, -2, *name);
  }
  lua_pushstring(L, recording);
  lua_setfield(L, -2, "recording");
  moon_fleet_describe(&t->r, lua_gettop(L));
  lua_pop(L, 1);
}

static void read_agents(struct reading *t, int table) {
  struct moon_fields *f = &t->r.fields;
  const char *one = NULL, *const *several = NULL;
  uint32_t n = 0;
  moon_fields_text(f, "recording", &one);
  moon_fields_texts(f, "recordings", &several, &n);
  if ((one != NULL) + (n > 0) != 1) { moon_fields_fail(f, "one of recording and recordings is expected"); }
  if (one) { read_agent(t, table, one); }
  for (uint32_t i = 0; i < n; i++) { read_agent(t, table, several[i]); }
  const struct moon_fleet_agent *a = t->r.agents;
  for (uint32_t i = 0; i < t->r.fleet.n_agents; i++) {
    for (uint32_t k = 0; k < i; k++) {
      if (strcmp(a[i].name, a[k].name) == 0) { moon_fields_fail(f, "recordings: two are named %s", a[i].name); }
    }
  }
}

/* Of the table at the top. */
static void read_args(struct reading *t) {
  struct moon_fields *f = &t->r.fields;
  lua_State *L = f->L;
  unsigned n;
  size_t was;
  if (!moon_fields_get(f, "args", &was)) { return; }
  if (!lua_istable(L, -1)) { moon_fields_fail(f, "a table is expected, not a %s", luaL_typename(L, -1)); }
  const char **names = moon_fleet_names(f, &n);
  struct moon_pair *args = moon_draft_alloc(f->d, (n + 1) * sizeof *args);
  if (!args) { moon_fields_raise(f); }
  for (unsigned i = 0; i < n; i++) {
    args[i].key = names[i];
    moon_fields_text(f, names[i], &args[i].value);
  }
  t->trial.args = args;
  t->trial.n_args = n;
  lua_pop(L, 1);
  moon_fields_leave(f, was);
}

/* What the file returned, at the top. */
static void read_trial(struct reading *t) {
  static const char *const KEYS[] = {"probe", "recording", "recordings", "runs", "every", "args", "version", "community", "timeout", "retries",
                                     "seed", "allow_set", "live", "rates", "values", "vary", "delay", "jitter", "loss", "faults", "max_octets", "snmp",
                                     "timing", "create", NULL};
  struct moon_fields *f = &t->r.fields;
  struct moon_trial *o = &t->trial;
  double seed = 1;
  uint32_t retries = UINT32_MAX;
  moon_fields_keys(f, KEYS);
  moon_fields_text(f, "probe", &o->probe);
  if (!o->probe) { moon_fields_fail(f, "probe is missing: the file to be tried"); }
  o->probe = moon_draft_beside(f->d, f->file, o->probe);
  if (!o->probe) { moon_fields_raise(f); }
  moon_fields_uint(f, "runs", 1, MOON_TRIAL_RUNS_MAX, &o->runs);
  moon_fields_number(f, "every", 0.001, SECONDS_MAX, &o->every_s);
  moon_fields_number(f, "timeout", 0.001, SECONDS_MAX, &o->timeout_s);
  moon_fields_uint(f, "retries", 0, 9, &retries);
  if (retries != UINT32_MAX) { o->retries = (int32_t)retries; }
  moon_fields_number(f, "seed", 1, 9007199254740992.0, &seed);
  o->seed = (uint64_t)seed;
  moon_fields_bool(f, "allow_set", &o->allow_set);
  moon_fields_text(f, "community", &o->community);
  moon_fields_text(f, "version", &o->version);
  if (strcmp(o->version, "1") != 0 && strcmp(o->version, "2c") != 0) {
    moon_fields_enter(f, "version");
    moon_fields_fail(f, "\"1\" or \"2c\" is expected");
  }
  read_args(t);
  read_agents(t, lua_gettop(f->L));
}

static int evaluate(lua_State *L) { /* [-0, +0, e] */
  static const lua_CFunction libraries[] = {luaopen_base, luaopen_table, luaopen_string, luaopen_math, luaopen_os, luaopen_bit};
  struct reading *t = lua_touserdata(L, 1);
  struct moon_fields *f = &t->r.fields;
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    lua_pushcfunction(L, libraries[i]);
    lua_call(L, 0, 0);
  }
  moon_env_protect(L);
  lua_settop(L, 1);
  f->text = moon_draft_read(f->d, NULL, f->file, MOON_SCRIPT_MAX, &f->len);
  if (!f->text) { moon_fields_raise(f); }
  moon_env_push(L);
  if (moon_env_compile(L, f->text, f->len, f->file, -1) || moon_script_call(L, 0)) {
    if (!f->d->err) {
      moon_env_message(L, f->file);
      moon_draft_fail(f->d, "%s", lua_tostring(L, -1));
    }
    moon_fields_raise(f);
  }
  read_trial(t);
  return 0;
}

/* A function `vary` sees values as probes do. */
static int open_values(lua_State *L) { /* [-0, +0, e] */
  luaL_openlibs(L);
  moon_env_protect(L);
  moon_value_open(L, NULL);
  return 0;
}

static enum moon_err load(struct reading *t) {
  struct moon_draft *d = &t->r.draft;
  lua_State *L = t->r.L = t->r.fields.L = luaL_newstate();
  if (!L) { return moon_draft_nomem(d); }
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF); /* a compiled loop would not see the hook that ends it */
  int status = lua_cpcall(L, evaluate, t);
  if (!status && t->r.n_hooks) { status = lua_cpcall(L, open_values, NULL); }
  if (status == LUA_ERRMEM) { moon_draft_nomem(d); }
  if (status && !d->err) { moon_draft_fail(d, "%s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "failed without a message"); }
  lua_settop(L, 0);
  return d->err;
}

enum moon_err moon_trial_load(const char *file, void (*notice)(void *arg, const char *text), void *arg, struct moon_trial **out,
                              char *error, size_t cap) {
  struct reading *t = moon_mem_zalloc(sizeof *t);
  if (!t) {
    (void)snprintf(error, cap, "out of memory while loading");
    return MOON_E_NOMEM;
  }
  t->trial = (struct moon_trial){.fleet = &t->r.fleet, .version = "2c", .community = "public", .every_s = -1, .timeout_s = -1, .retries = -1,
                                 .runs = 1};
  moon_draft_init(&t->r.draft, NULL);
  t->options.file = file;
  t->r.options = &t->options;
  t->r.notice = notice;
  t->r.arg = arg;
  t->r.next = (struct moon_addr){.family = 4, .ip = {127, 1, 0, 1}, .port = 161};
  t->r.fields.d = &t->r.draft;
  t->r.fields.file = file;
  enum moon_err err = load(t);
  if (err) {
    (void)snprintf(error, cap, "%s", t->r.draft.error);
    moon_trial_free(&t->trial);
    return err;
  }
  t->r.fleet.kinds = t->r.kinds;
  t->r.fleet.agents = t->r.agents;
  t->r.fleet.seed = t->trial.seed;
  *out = &t->trial;
  return MOON_OK;
}

void moon_trial_free(struct moon_trial *trial) {
  struct reading *t = (struct reading *)(void *)trial;
  if (!t) { return; }
  if (t->r.L) { lua_close(t->r.L); }
  moon_draft_fini(&t->r.draft);
  moon_mem_free(t->r.kinds);
  moon_mem_free(t->r.agents);
  moon_mem_free(t);
}
