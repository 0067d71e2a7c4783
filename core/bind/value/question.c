#include <math.h>
#include <string.h>

#include "../../base/mem.h"
#include "ask.h"
#include "assign.h"
#include "options.h"

#define BULK_REPETITIONS 10

static void hold(struct moon_shape **at, struct moon_shape *s) {
  moon_shape_hold(s);
  *at = s;
}

/* Options of get and its kin. */
static unsigned check_exact(lua_State *L) {
  static const char *const known[] = {"exact", NULL};
  if (lua_isnoneornil(L, 3)) { return 0; }
  luaL_checktype(L, 3, LUA_TTABLE);
  moon_options_check(L, 3, known, false);
  return moon_options_exact(L, 3);
}

static struct moon_ask *push(lua_State *L, enum moon_ask_kind kind) {
  luaL_checkudata(L, 1, MOON_AGENT_TYPE);
  lua_settop(L, 4);
  return moon_ask_push(L, kind, 4);
}

static int fetch(lua_State *L, enum moon_ask_kind kind) {
  struct moon_ask *q = push(L, kind);
  hold(&q->shape, moon_shape_check(L, moon_value_of(L), 2));
  q->flags = check_exact(L);
  q->fetch = moon_fetch_new(&q->agent->target, q->shape->names, q->shape->n);
  if (!q->fetch) { return luaL_error(L, "not enough memory"); }
  return 1;
}

int moon_ask_get(lua_State *L) { return fetch(L, MOON_ASK_GET); }
int moon_ask_get_raw(lua_State *L) { return fetch(L, MOON_ASK_GET_RAW); }

static void ask_for(struct moon_ask *q, uint8_t pdu_type) {
  q->request.pdu_type = pdu_type;
  q->request.kind = pdu_type == MOON_PDU_GET_BULK ? MOON_KIND_BULK : MOON_KIND_GET;
  q->request.varbinds = q->shape->varbinds;
  q->request.varbinds_len = q->shape->varbinds_len;
  q->request.n_varbinds = q->shape->n;
}

int moon_ask_get_next(lua_State *L) {
  struct moon_ask *q = push(L, MOON_ASK_GET_NEXT);
  hold(&q->shape, moon_shape_check(L, moon_value_of(L), 2));
  q->flags = check_exact(L);
  ask_for(q, MOON_PDU_GET_NEXT);
  return 1;
}

static int32_t field(lua_State *L, const char *name, int32_t otherwise) {
  lua_getfield(L, 2, name);
  double v = lua_isnil(L, -1) ? otherwise : lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
  if (!(v >= 0 && v <= INT32_MAX)) { luaL_error(L, "bad argument #1: %s must be a number from 0", name); }
  lua_pop(L, 1);
  return (int32_t)v;
}

/* agent:get_bulk { oid, ..., non_repeaters = 0, repetitions = 10, exact = false } */
int moon_ask_get_bulk(lua_State *L) {
  static const char *const known[] = {"repetitions", "non_repeaters", "exact", NULL};
  struct moon_ask *q = push(L, MOON_ASK_GET_BULK);
  luaL_checktype(L, 2, LUA_TTABLE);
  q->request.non_repeaters = field(L, "non_repeaters", 0);
  q->request.max_repetitions = field(L, "repetitions", BULK_REPETITIONS);
  moon_options_check(L, 2, known, true);
  q->flags = moon_options_exact(L, 2);
  int n = (int)lua_objlen(L, 2);
  lua_createtable(L, n, 0);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, i);
    lua_rawseti(L, -2, i);
  }
  hold(&q->shape, moon_shape_check_field(L, moon_value_of(L), lua_gettop(L), 2, NULL));
  lua_pop(L, 1);
  ask_for(q, MOON_PDU_GET_BULK);
  if (q->agent->credential->version == MOON_V1) {
    q->over = true;
    q->last.err = MOON_E_CONFIG;
  }
  return 1;
}

int moon_ask_set(lua_State *L) {
  struct moon_ask *q = push(L, MOON_ASK_SET);
  moon_assign_check(L, 2, &q->request.varbinds, &q->request.varbinds_len, &q->names, &q->request.n_varbinds);
  q->request.pdu_type = MOON_PDU_SET;
  lua_getfenv(L, 5);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 3);
  lua_settop(L, 5);
  return 1;
}

/* ---- tables ---- */

static bool opt(lua_State *L, const char *name) {
  lua_getfield(L, 3, name);
  return !lua_isnil(L, -1);
}

/* The column with the key at idx. */
static uint16_t column_of(lua_State *L, const struct moon_ask *q, int idx, const char *what) {
  int i = moon_shape_find(L, q->shape, idx);
  if (i < 0) { luaL_error(L, "%s: no column has the key %s", what, lua_isstring(L, idx) ? lua_tostring(L, idx) : luaL_typename(L, idx)); }
  return (uint16_t)i;
}

static void take_rates(lua_State *L, struct moon_ask *q, int at) {
  if (!lua_istable(L, at)) { luaL_error(L, "rates: a table { column = \"name of its rate\" } expected"); }
  if (q->shape->single) { luaL_error(L, "rates: the columns have no keys"); }
  lua_newtable(L);
  int names = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, at)) {
    if (q->n_rates == MOON_RATES_COLUMNS_MAX) { luaL_error(L, "rates: more than %d", MOON_RATES_COLUMNS_MAX); }
    if (lua_type(L, -1) != LUA_TSTRING) { luaL_error(L, "rates: the name of a rate is a string"); }
    uint16_t column = column_of(L, q, -2, "rates"), i = q->n_rates++;
    for (; i && q->rate[i - 1] > column; i--) { /* by column: the order of a table's keys is nobody's */
      q->rate[i] = q->rate[i - 1];
      lua_rawgeti(L, names, i);
      lua_rawseti(L, names, i + 1);
    }
    q->rate[i] = column;
    lua_rawseti(L, names, i + 1);
  }
  q->rate_keys = luaL_ref(L, LUA_REGISTRYINDEX);
  moon_rates_pool_init(&q->rates_pool, MOON_RATES_OCTETS_MAX, 1);
  q->rates_share.pool = &q->rates_pool;
  if (q->n_rates && !moon_rates_find(&q->rates, 0, q->n_rates, &q->rates_share)) { luaL_error(L, "not enough memory"); }
}

static void take_options(lua_State *L, struct moon_ask *q) {
  static const char *const known[] = {"only", "with", "key", "rates", "epoch", "exact", "max_rows", "repetitions", NULL};
  if (lua_isnil(L, 3)) { return; }
  luaL_checktype(L, 3, LUA_TTABLE);
  moon_options_check(L, 3, known, false);
  q->flags = moon_options_exact(L, 3);
  if (opt(L, "with")) {
    luaL_argcheck(L, lua_istable(L, -1), 3, "with: a table of OIDs expected");
    hold(&q->with, moon_shape_check_field(L, moon_value_of(L), lua_gettop(L), 3, "with"));
  }
  if (opt(L, "only")) { moon_index_list_check(L, lua_gettop(L), 3, "only", &q->only); }
  if (opt(L, "key")) { q->key = column_of(L, q, -1, "key"); }
  if (opt(L, "epoch")) { q->epoch = column_of(L, q, -1, "epoch"); }
  q->max_rows = (uint32_t)moon_options_number(L, 3, "max_rows", 0, 1, 4e9);
  if (opt(L, "rates")) { take_rates(L, q, lua_gettop(L)); }
}

static void make_heads(lua_State *L, struct moon_ask *q) {
  size_t n = q->with ? q->with->n : 0;
  q->heads = moon_mem_array(n + 1, sizeof *q->heads);
  if (!q->heads) { luaL_error(L, "not enough memory"); }
  for (size_t i = 0; i < n; i++) {
    q->heads[i] = q->with->names[i];
    if (moon_uptime_is(q->heads[i].oid, q->heads[i].len)) { q->uptime = (uint16_t)i; }
  }
  if (q->rates && q->uptime == MOON_ASK_NO_COLUMN) {
    q->uptime = (uint16_t)n;
    q->heads[n++] = moon_uptime_name;
  }
  q->n_heads = (uint16_t)n;
}

static int table(lua_State *L, enum moon_ask_kind kind) {
  enum moon_err e = MOON_OK;
  struct moon_ask *q = push(L, kind);
  hold(&q->shape, moon_shape_check(L, moon_value_of(L), 2));
  if (kind == MOON_ASK_WALK && !q->shape->single) { return luaL_argerror(L, 2, "the OID of a subtree as text expected"); }
  take_options(L, q);
  lua_settop(L, 5);
  make_heads(L, q);
  if (q->shape->n > MOON_WALK_COLUMNS_MAX) { return luaL_argerror(L, 2, "too many columns: more than 128"); }
  const struct moon_walk_spec spec = {.columns = q->shape->names, .heads = q->heads, .only = q->only.names, .max_rows = q->max_rows,
                                      .n_columns = q->shape->n, .n_heads = q->n_heads, .n_only = q->only.n,
                                      .repetitions = (uint16_t)moon_options_number(L, 3, "repetitions", 0, 0, 1000)};
  q->walk = moon_walk_new(&q->agent->target, &spec, &e);
  if (q->walk) { return 1; }
  if (e == MOON_E_CONFIG) { return luaL_argerror(L, 2, "one column lies under another, or is given twice"); }
  return luaL_error(L, "%s", moon_err_text(e ? e : MOON_E_NOMEM));
}

int moon_ask_rows(lua_State *L) { return table(L, MOON_ASK_ROWS); }
int moon_ask_walk(lua_State *L) { return table(L, MOON_ASK_WALK); }
