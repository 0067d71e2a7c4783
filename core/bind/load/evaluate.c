#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <string.h>

#include "../../base/mem.h"
#include "../task/allow.h"
#include "../task/heap.h"
#include "config.h"
#include "env.h"
#include "inventory.h"
#include "script.h"

#define COMMAND_LINE "command line" /* name of its credential */

/* -u and its like. */
static enum moon_err command_line_login(struct moon_draft *d) {
  struct moon_login u = d->options->login ? *d->options->login : (struct moon_login){0};
  struct moon_login_fault fault;
  if (d->options->community) { return moon_draft_fail(d, "-c: is of version 1 and 2c; version 3 has -u"); }
  moon_login_defaults(&u);
  u.names = moon_login_options;
  enum moon_err e = moon_draft_login(d, COMMAND_LINE, &u, &fault);
  if (e && !d->err) { moon_draft_fail(d, "%s: %s", moon_login_options[fault.part], fault.text); }
  return d->err;
}

/* -v and -c, or -u, make one credential, for all targets that name none. Without a configuration there is one in any case: public. */
static enum moon_err command_line_credential(struct moon_draft *d) {
  const struct moon_load_options *o = d->options;
  uint8_t version = MOON_V2C;
  if (o->version) {
    if (strcmp(o->version, "1") == 0) {
      version = MOON_V1;
    } else if (strcmp(o->version, "3") == 0) {
      return command_line_login(d);
    } else if (strcmp(o->version, "2c") != 0 && strcmp(o->version, "2") != 0) {
      return moon_draft_fail(d, "-v %.20s: 1, 2c or 3 is expected", o->version);
    }
  }
  if (o->login && !o->version) { return command_line_login(d); }
  if (o->login) { return moon_draft_fail(d, "-v %s: -u and what goes with it are of version 3", o->version); }
  if (o->context) { moon_draft_warn(d, "-n, -E: passed over, as only version 3 (-u) has contexts"); }
  const char *community = o->community;
  if (!community && !o->config) { community = "public"; }
  if (!community) { return o->version ? moon_draft_fail(d, "-v %s: no community name given: -c COMMUNITY", o->version) : MOON_OK; }
  size_t n = strlen(community);
  if (n == 0 || n > MOON_COMMUNITY_MAX) { return moon_draft_fail(d, "-c: a community name has 1 to %d octets", MOON_COMMUNITY_MAX); }
  struct moon_credential *c = moon_draft_credential(d, COMMAND_LINE);
  if (!c) { return d->err; }
  memcpy(c->community, community, n);
  c->community_len = (uint8_t)n;
  c->version = version;
  return MOON_OK;
}

/* Targets that name no credential have the command line's, else the only one there is, else the one named default. */
static enum moon_err choose_default(struct moon_draft *d) {
  int at = moon_draft_find_credential(d, COMMAND_LINE, strlen(COMMAND_LINE));
  if (at < 0 && d->plan.n_credentials == 1) { at = 0; }
  if (at < 0) { at = moon_draft_find_credential(d, "default", 7); }
  if (at < 0) { return MOON_OK; }
  uint16_t *list = moon_draft_alloc(d, sizeof *list);
  if (!list) { return d->err; }
  *list = (uint16_t)at;
  d->default_credentials = list;
  d->n_default_credentials = 1;
  return MOON_OK;
}

static enum moon_err command_line_settings(struct moon_draft *d) {
  const struct moon_load_options *o = d->options;
  struct moon_plan *p = &d->plan;
  if (o->timeout_s >= 0) {
    if (!(o->timeout_s >= 0.001 && o->timeout_s <= 3600)) { return moon_draft_fail(d, "-t: %g is not from 0.001 to 3600", o->timeout_s); }
    p->policy.timeout_us = (uint64_t)(o->timeout_s * 1e6 + 0.5);
  }
  if (o->retries >= 0) { p->policy.retries = (uint32_t)o->retries; }
  if (o->per_device) { p->policy.window = o->per_device; }
  if (o->workers) { p->workers = o->workers; }
  if (o->max_coroutines) { p->max_coroutines = o->max_coroutines; }
  if (o->max_in_flight) { p->max_in_flight = o->max_in_flight; }
  if (o->packets_per_s) { p->packets_per_s = o->packets_per_s; }
  if (o->device_packets_per_s) { p->policy.packets_per_s = o->device_packets_per_s; }
  if (o->run_dir) { p->run_dir = o->run_dir; }
  if (o->engine_cache) { p->engine_cache = strcmp(o->engine_cache, "none") ? o->engine_cache : ""; }
  if (o->loop && moon_config_loop(d, "--loop", o->loop)) { return d->err; }
  if (o->n_outputs) { p->n_outputs = 0; }
  for (uint32_t i = 0; i < o->n_outputs; i++) {
    if (moon_config_output(d, "-o", o->outputs[i])) { return d->err; }
  }
  p->once = o->once;
  if (p->policy.rto_floor_us > p->policy.timeout_us) { p->policy.rto_floor_us = p->policy.timeout_us; }
  return command_line_credential(d) ? d->err : choose_default(d);
}

/* A name that was mistyped would look like a device that is well. */
static void tell_unused(struct moon_draft *d) {
  for (uint32_t i = 0; i < d->plan.n_probes; i++) {
    bool used = false;
    for (uint32_t k = 0; k < d->plan.n_targets && !used; k++) { used = moon_allow_target(&d->probes[i], d->targets[k].name); }
    if (!used) { moon_draft_warn(d, "%s: no target has a name of its allow_targets: it does not run", d->probes[i].name); }
  }
}

static void take_targets(struct moon_fields *f) {
  const struct moon_load_options *o = f->d->options;
  const struct moon_inventory in = {.place = "--targets"};
  if (f->file) { moon_config_targets(f); }
  for (uint32_t i = 0; i < o->n_targets && !f->d->err; i++) { (void)moon_inventory_argument(f->d, &in, o->targets[i]); }
  if (!f->d->err && f->d->plan.n_targets == 0 && !o->again) {
    uint32_t n = f->d->plan.n_warnings; /* of files that have none */
    const char *why = n ? f->d->warnings[n - 1] : f->file ? "" : "--targets HOST,HOST or --targets FILE";
    moon_draft_fail(f->d, "%s%sno targets%s%s", f->file ? f->file : "", f->file ? ": " : "", *why ? ": " : "", why);
  }
  if (!f->d->err && !o->again) { tell_unused(f->d); }
  if (f->d->err || moon_inventory_compare(f->d)) { moon_fields_raise(f); }
}

static void take_probes(struct moon_fields *f) {
  const struct moon_load_options *o = f->d->options;
  if (f->file) { moon_config_probes(f); }
  for (uint32_t i = 0; i < o->n_probes; i++) {
    const struct moon_script s = {.path = o->probes[i], .args = o->args, .n_args = o->n_args, .every_s = -1, .timeout_s = -1};
    moon_script_take(f->L, f->d, &s);
  }
  if (f->d->plan.n_probes == 0 && !f->d->plan.broken) {
    moon_draft_fail(f->d, f->file ? "%s: no probes" : "no probes: name a probe file", f->file);
    moon_fields_raise(f);
  }
}

static int evaluate(lua_State *L) { /* [-0, +0, e] */
  struct moon_fields f = {.L = L, .d = lua_touserdata(L, 1)};
  static const lua_CFunction libraries[] = {luaopen_base, luaopen_table, luaopen_string, luaopen_math, luaopen_os, luaopen_bit};
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    lua_pushcfunction(L, libraries[i]);
    lua_call(L, 0, 0);
  }
  moon_env_protect(L);
  lua_settop(L, 1);
  if (f.d->options->config) {
    moon_config_open(&f, f.d->options->config);
    moon_config_settings(&f);
  }
  if (command_line_settings(f.d)) { moon_fields_raise(&f); }
  take_probes(&f);
  take_targets(&f);
  return 0;
}

#define MEMORY ((size_t)256 << 20) /* what files may take that only describe something */

/* Twice that is refused, which a million targets in a table stay below. */
static void crossed(void *arg) { (void)arg; }

enum moon_err moon_draft_make(struct moon_draft *d) {
  struct moon_heap heap;
  lua_State *L = moon_heap_open(&heap, crossed, NULL);
  if (!L) { return moon_draft_nomem(d); }
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF); /* a compiled loop would not see the hook that ends it */
  moon_heap_enter(&heap, MEMORY);
  int status = lua_cpcall(L, evaluate, d);
  if (status == LUA_ERRMEM) { moon_draft_nomem(d); }
  if (status && !d->err) { moon_draft_fail(d, "%s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "failed without a message"); }
  moon_heap_leave(&heap);
  moon_heap_close(&heap, L); /* wipes the boxes of secrets */
  if (!d->err && d->warnings_left_out) {
    uint32_t n = d->warnings_left_out;
    d->plan.n_warnings--;
    moon_draft_warn(d, "... and %u more of that", n + 1);
  }
  if (!d->err) { /* when there is nothing else to be wrong any more, for it takes its time */
    enum moon_err e = moon_password_run(&d->passwords, d->credentials, d->told, d->told_arg);
    if (e == MOON_E_NOMEM) { moon_draft_nomem(d); }
    if (e && !d->err) { moon_draft_fail(d, "passwords: %s", moon_err_text(e)); }
  }
  struct moon_plan *p = &d->plan;
  p->credentials = d->credentials;
  p->targets = d->targets;
  p->probes = d->probes;
  p->outputs = d->outputs;
  p->warnings = d->warnings;
  p->env = d->env;
  p->files = d->files;
  p->kept = d->kept;
  return d->err;
}
