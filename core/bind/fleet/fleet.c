#include "fleet.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"
#include "../load/env.h"
#include "../load/script.h"
#include "../load/secret.h"
#include "../value/value.h"
#include "reader.h"

#define FIRST_ADDRESS "127.1.0.1"

/* agent { ... } of a fleet file. */
static int agent(lua_State *L) { /* [-1, +0, e] */
  struct moon_fleet_reader *r = lua_touserdata(L, lua_upvalueindex(1));
  lua_Debug ar;
  lua_settop(L, 1);
  r->fields.call_line = lua_getstack(L, 1, &ar) && lua_getinfo(L, "l", &ar) && ar.currentline > 0 ? (uint32_t)ar.currentline : 0;
  r->fields.path[0] = 0;
  if (!lua_istable(L, 1)) { moon_fields_fail(&r->fields, "agent { recording = ... } is expected, not a %s", luaL_typename(L, 1)); }
  moon_fleet_describe(r, 1);
  r->fields.call_line = 0;
  return 0;
}

/* What the file returned, if anything: settings of the whole. At the top. */
static void read_settings(struct moon_fleet_reader *r) {
  static const char *const KEYS[] = {"seed", NULL};
  double seed = -1;
  r->fields.path[0] = 0;
  if (lua_isnil(r->L, -1)) { return; }
  moon_fields_keys(&r->fields, KEYS);
  moon_fields_number(&r->fields, "seed", 0, 9007199254740992.0, &seed);
  if (seed >= 0 && !r->options->seed) { r->fleet.seed = (uint64_t)seed; }
}

static void seed_random(lua_State *L, uint64_t seed) { /* [-0, +0, m] */
  lua_getglobal(L, "math");
  lua_getfield(L, -1, "randomseed");
  lua_pushnumber(L, (lua_Number)seed);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
}

static void read_file(struct moon_fleet_reader *r) {
  struct moon_fields *f = &r->fields;
  lua_State *L = r->L;
  size_t len;
  f->file = r->options->file;
  f->text = moon_draft_read(f->d, NULL, f->file, MOON_SCRIPT_MAX, &len);
  if (!f->text) { moon_fields_raise(f); }
  f->len = len;
  moon_env_push(L);
  moon_secret_open(L, f->d, f->file);
  lua_pushlightuserdata(L, r);
  lua_pushcclosure(L, agent, 1);
  lua_setfield(L, -2, "agent");
  if (moon_env_compile(L, f->text, len, f->file, -1) || moon_script_call(L, 0)) {
    if (!f->d->err) {
      moon_env_message(L, f->file);
      moon_draft_fail(f->d, "%s", lua_tostring(L, -1));
    }
    moon_fields_raise(f);
  }
  if (f->d->err) { moon_fields_raise(f); } /* caught by a pcall of the file's */
  read_settings(r);
  lua_pop(L, 2);
  if (!r->fleet.n_agents) {
    moon_draft_fail(f->d, "%s: no agent { ... } in it", f->file);
    moon_fields_raise(f);
  }
}

/* "n=5" of a fault on the command line, into the table at the top. */
static void put_pair(lua_State *L, const char *p, size_t n) {
  const char *eq = memchr(p, '=', n);
  lua_pushlstring(L, p, eq ? (size_t)(eq - p) : n);
  if (eq) {
    lua_pushlstring(L, eq + 1, n - (size_t)(eq + 1 - p));
    if (strncmp(p, "oid=", 4) != 0 && lua_isnumber(L, -1)) {
      lua_pushnumber(L, lua_tonumber(L, -1));
      lua_replace(L, -2);
    }
  } else {
    lua_pushboolean(L, 1);
  }
  lua_rawset(L, -3);
}

/* "dead,loss:share=0.1": as { "dead", { "loss", share = 0.1 } }. [-0, +1, m] */
static void push_faults(lua_State *L, const char *text) {
  lua_newtable(L);
  for (int i = 1; *text; i++) {
    size_t item = strcspn(text, ","), n = strcspn(text, ",:");
    lua_newtable(L);
    lua_pushlstring(L, text, n);
    lua_rawseti(L, -2, 1);
    while (n < item) {
      size_t from = n + 1;
      n = from + strcspn(text + from, ",:");
      put_pair(L, text + from, n - from);
    }
    lua_rawseti(L, -2, i);
    text += item + (text[item] == ',');
  }
}

/* The agents of a command line without a file: as if written in one. */
static void read_arguments(struct moon_fleet_reader *r) {
  const struct moon_fleet_options *o = r->options;
  lua_State *L = r->L;
  r->fields.file = "command line";
  r->fields.text = "";
  lua_newtable(L);
  lua_pushstring(L, o->recording);
  lua_setfield(L, -2, "recording");
  lua_pushnumber(L, o->count ? o->count : 1);
  lua_setfield(L, -2, "count");
  if (o->faults) {
    push_faults(L, o->faults);
    lua_setfield(L, -2, "faults");
  }
  moon_fleet_describe(r, lua_gettop(L));
}

static int evaluate(lua_State *L) { /* [-0, +0, e] */
  struct moon_fleet_reader *r = lua_touserdata(L, 1);
  static const lua_CFunction libraries[] = {luaopen_base, luaopen_table, luaopen_string, luaopen_math, luaopen_os, luaopen_bit};
  const char *first = r->options->address ? r->options->address : FIRST_ADDRESS, *host;
  size_t host_len;
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    lua_pushcfunction(L, libraries[i]);
    lua_call(L, 0, 0);
  }
  seed_random(L, r->options->seed);
  moon_env_protect(L);
  lua_settop(L, 1);
  if (moon_addr_parse(first, r->options->port, &r->next, &host, &host_len)) {
    moon_draft_fail(&r->draft, "--address: \"%.80s\" is no IP address", first);
    moon_fields_raise(&r->fields);
  }
  if (r->options->login) { moon_fleet_login(r); }
  if (r->options->file) {
    read_file(r);
  } else {
    read_arguments(r);
  }
  return 0;
}

static int open_values(lua_State *L) { /* [-0, +0, e] */
  luaL_openlibs(L);
  moon_env_protect(L);
  moon_value_open(L, NULL);
  return 0;
}

static enum moon_err load(struct moon_fleet_reader *r) {
  struct moon_draft *d = &r->draft;
  lua_State *L = r->L = r->fields.L = luaL_newstate();
  if (!L) { return moon_draft_nomem(d); }
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF); /* a compiled loop would not see the hook that ends it */
  int status = lua_cpcall(L, evaluate, r);
  if (!status && r->n_hooks) { status = lua_cpcall(L, open_values, NULL); }
  if (status == LUA_ERRMEM) { moon_draft_nomem(d); }
  if (status && !d->err) { moon_draft_fail(d, "%s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "failed without a message"); }
  lua_settop(L, 0);
  if (status || !r->n_hooks) {
    lua_close(L);
    r->L = NULL;
  }
  return d->err;
}

enum moon_err moon_fleet_load(const struct moon_fleet_options *o, struct moon_fleet **out, char *error, size_t cap) {
  struct moon_fleet_reader *r = moon_mem_zalloc(sizeof *r);
  if (!r) {
    (void)snprintf(error, cap, "out of memory while loading");
    return MOON_E_NOMEM;
  }
  moon_draft_init(&r->draft, NULL);
  r->options = o;
  r->notice = o->notice;
  r->arg = o->arg;
  r->fields.d = &r->draft;
  r->fleet.seed = o->seed;
  r->fleet.port = o->port;
  enum moon_err err = load(r);
  if (!err) { err = moon_fleet_keys(r); }
  if (err) {
    (void)snprintf(error, cap, "%s", r->draft.error);
    moon_fleet_free(&r->fleet);
    return err;
  }
  r->options = NULL;
  r->fleet.kinds = r->kinds;
  r->fleet.agents = r->agents;
  *out = &r->fleet;
  return MOON_OK;
}

void moon_fleet_free(struct moon_fleet *f) {
  struct moon_fleet_reader *r = (struct moon_fleet_reader *)(void *)f;
  if (!r) { return; }
  if (r->L) { lua_close(r->L); }
  if (r->users) { moon_mem_wipe(r->users, r->users_cap * sizeof *r->users); }
  moon_mem_free(r->users);
  moon_draft_fini(&r->draft);
  moon_mem_free(r->kinds);
  moon_mem_free(r->agents);
  moon_mem_free(r);
}
