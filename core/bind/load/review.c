#include "review.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "../value/mib.h"
#include "env.h"
#include "where.h"

#define NAMES_MAX 256 /* of which the nearest is looked for */
#define WHY_MAX 512

struct work { const struct moon_plan_probe *probe; struct moon_review *review; };

static struct work *work_of(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

/* say(number of the source, severe, line, text) [-0, +0, e] */
static int say(lua_State *L) {
  const struct work *w = work_of(L);
  lua_Integer i = luaL_checkinteger(L, 1);
  luaL_argcheck(L, i >= 1 && i <= (lua_Integer)w->probe->n_sources, 1, "no such source");
  w->review->say(w->review->arg, &w->probe->sources[i - 1], lua_toboolean(L, 2), (uint32_t)luaL_checkinteger(L, 3), luaL_checkstring(L, 4));
  return 0;
}

/* nearest(list, name): the one meant, or nil [-0, +1, e] */
static int nearest(lua_State *L) {
  const char *names[NAMES_MAX + 1];
  uint32_t n = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *name = luaL_checkstring(L, 2);
  for (int i = 1; n < NAMES_MAX; i++) {
    lua_rawgeti(L, 1, i);
    const char *one = lua_tostring(L, -1);
    lua_pop(L, 1); /* stays in the list */
    if (!one) { break; }
    names[n++] = one;
  }
  names[n] = NULL;
  lua_pushstring(L, moon_where_nearest(names, name));
  return 1;
}

/* meant(text): of a name of an OID that is none, the object it was meant to be, or nil: "sysUptime.0", "IF-MIB::ifdescr" [-0, +1, e] */
static int meant(lua_State *L) {
  char name[64];
  const char *text = luaL_checkstring(L, 1), *colons = strstr(text, "::"), *from = colons ? colons + 2 : text;
  size_t n = strcspn(from, ".[");
  if (!n || n >= sizeof name) { return 0; }
  memcpy(name, from, n);
  name[n] = 0;
  moon_mib_push_nearest(L, colons ? text : NULL, colons ? (size_t)(colons - text) : 0, name);
  if (!lua_isnil(L, -1) && strcmp(lua_tostring(L, -1), name) == 0) { return 0; } /* the name is right, the index is not */
  return 1;
}

static bool parse(const char *text, size_t n, uint8_t oid[MOON_OID_MAX_LEN], size_t *len, char why[WHY_MAX]) {
  return moon_mib_parse(text, n, oid, MOON_OID_MAX_LEN, len, why, why ? WHY_MAX : 0) == MOON_OK;
}

/* oid(text): as dotted text, or nil and why it is none [-0, +2, e] */
static int oid_of(lua_State *L) {
  uint8_t oid[MOON_OID_MAX_LEN];
  char why[WHY_MAX];
  size_t n, len = 0;
  const char *text = luaL_checklstring(L, 1, &n);
  if (parse(text, n, oid, &len, why)) {
    moon_value_push_oid(L, oid, len);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

/* object(oid): kind, name, whether something is behind it; nil: nothing is known of it [-0, +3, e] */
static int object_of(lua_State *L) {
  uint8_t oid[MOON_OID_MAX_LEN];
  size_t n, len = 0;
  struct moon_ref ref;
  const char *text = luaL_checklstring(L, 1, &n);
  if (!parse(text, n, oid, &len, NULL) || !moon_names_find(moon_mib_names(), oid, len, &ref)) { return 0; }
  const char *kind = ref.node.kind == MOON_MIB_SCALAR ? "scalar" : ref.node.kind == MOON_MIB_COLUMN ? "column"
                     : ref.node.kind == MOON_MIB_TABLE ? "table" : ref.node.kind == MOON_MIB_ROW ? "row" : NULL;
  if (!kind) { return 0; }
  lua_pushstring(L, kind);
  lua_pushlstring(L, ref.node.name.p, ref.node.name.n);
  lua_pushboolean(L, len > ref.node.oid_len);
  return 3;
}

/* source(name): whether require finds it [-0, +1, e] */
static int has_source(lua_State *L) {
  const struct moon_plan_probe *p = work_of(L)->probe;
  const char *name = luaL_checkstring(L, 1);
  bool is = false;
  for (uint32_t i = 1; i < p->n_sources; i++) { is = is || strcmp(p->sources[i].name, name) == 0; }
  lua_pushboolean(L, is);
  return 1;
}

static void push_sources(lua_State *L, const struct moon_plan_probe *p) {
  lua_createtable(L, (int)p->n_sources, 0);
  for (uint32_t i = 0; i < p->n_sources; i++) {
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, (const char *)p->sources[i].text, p->sources[i].len);
    lua_setfield(L, -2, "text");
    lua_pushboolean(L, i > 0);
    lua_setfield(L, -2, "module");
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static void tell_metrics(lua_State *L, struct moon_review *r) { /* the table or nil at the top [-0, +0, e] */
  r->declared = lua_istable(L, -1);
  if (!r->declared || !r->metric) { return; }
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) { r->metric(r->arg, lua_tostring(L, -2), lua_tostring(L, -1)); }
  }
}

static int review(lua_State *L) { /* [-0, +0, e] */
  static const luaL_Reg functions[] = {{"say", say}, {"nearest", nearest}, {"oid", oid_of}, {"meant", meant},
                                       {"object", object_of}, {"source", has_source}, {NULL, NULL}};
  struct work *w = lua_touserdata(L, 1);
  luaL_openlibs(L);
  moon_env_protect(L);
  moon_value_open(L, moon_embedded);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpoll.check");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "probe");
  push_sources(L, w->probe);
  lua_newtable(L);
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushlightuserdata(L, w);
    lua_pushcclosure(L, f->func, 1);
    lua_setfield(L, -2, f->name);
  }
  moon_env_push(L);
  for (const char *const *own = (const char *const[]){"require", "print", NULL}; *own; own++) {
    lua_getglobal(L, *own);
    lua_setfield(L, -2, *own);
  }
  lua_setfield(L, -2, "env");
  lua_call(L, 2, 1);
  tell_metrics(L, w->review);
  return 0;
}

enum moon_err moon_review_probe(const struct moon_plan_probe *p, struct moon_review *r) {
  struct work w = {p, r};
  lua_State *L = luaL_newstate();
  if (!L) { return MOON_E_NOMEM; }
  r->declared = false;
  int failed = lua_cpcall(L, review, &w);
  if (failed && failed != LUA_ERRMEM) { /* a mistake of ours is no reason to say nothing */
    r->say(r->arg, &p->sources[0], false, 1, lua_isstring(L, -1) ? lua_tostring(L, -1) : "the review failed without a message");
  }
  lua_close(L);
  return failed == LUA_ERRMEM ? MOON_E_NOMEM : MOON_OK;
}
