#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "fault.h"
#include "row.h"

#define US_A_S 1e6

/* ---- what went wrong ---- */

/* o: what it came of. */
static const char *detail(const struct moon_ask *q, enum moon_err e, const struct moon_outcome *o, char *buf, size_t cap) {
  if (q->kind == MOON_ASK_GET_BULK && e == MOON_E_CONFIG) { return "SNMPv1 has no GETBULK"; }
  if (!q->walk || e != MOON_E_BUDGET || (o && o->err == e)) { return NULL; } /* the host's own limit */
  uint32_t most = q->max_rows ? q->max_rows : MOON_WALK_ROWS;
  if (moon_walk_rows(q->walk) < most) {
    snprintf(buf, cap, "its values take more than %u MiB", MOON_WALK_OCTETS >> 20);
  } else {
    snprintf(buf, cap, "it has more than %" PRIu32 " rows (max_rows)", most);
  }
  return buf;
}

/* o: what it came of. [-0, +2, m] */
static int push_failed(lua_State *L, const struct moon_ask *q, enum moon_err e, const struct moon_outcome *o, size_t blame) {
  const struct moon_remote *a = q->agent;
  const struct moon_name *names = q->shape ? q->shape->names : q->names;
  size_t n = q->shape ? q->shape->n : q->request.n_varbinds;
  char buf[64];
  struct moon_fault f = {.err = e, .version = a->credential->version, .device = a->name[0] ? a->name : NULL,
                         .target = a->text[0] ? a->text : NULL, .detail = detail(q, e, o, buf, sizeof buf)};
  if (n && (blame < n || n == 1 || q->kind != MOON_ASK_GET)) { f.oid = names[blame < n ? blame : 0]; }
  if (o) {
    f.tries = o->tries;
    f.rtt_us = o->rtt_us;
    f.status = o->pdu.type == MOON_PDU_RESPONSE ? o->pdu.error_status : 0;
    f.report = o->report;
    if (!f.rtt_us && e != MOON_E_DNS && !o->report) {
      f.usual_us = a->target.rtt[q->kind >= MOON_ASK_ROWS ? MOON_KIND_BULK : MOON_KIND_GET].srtt_us;
      f.never = a->target.last_answer_us == 0;
    }
    f.waited_us = o->received_us > q->began_us ? o->received_us - q->began_us : 0;
  }
  lua_pushnil(L);
  moon_fault_push(L, &f);
  return 2;
}

/* nil, err, the part that came, which is at the top. */
static int push_partial(lua_State *L, const struct moon_ask *q, enum moon_err e, size_t blame) {
  int part = lua_gettop(L);
  push_failed(L, q, e, &q->last, blame);
  lua_pushvalue(L, part);
  return 3;
}

/* ---- values ---- */

static int push_row(lua_State *L, const struct moon_ask *q) {
  size_t blame = SIZE_MAX;
  const struct moon_cell *cells = moon_fetch_cells(q->fetch);
  enum moon_err e = moon_row_push(L, q->shape, cells, q->flags, 0, &blame);
  if (e == MOON_E_MISSING && !q->shape->single) { /* v1 tells so what v2 tells by an exception */
    e = MOON_OK;
    for (size_t i = 0; i < q->shape->n && !e; i++) {
      if (cells[i].err && cells[i].err != MOON_E_MISSING) {
        e = (enum moon_err)cells[i].err;
        blame = i;
      }
    }
  }
  if (!e) { return 1; }
  return q->shape->single ? push_failed(L, q, e, &q->last, blame) : push_partial(L, q, e, blame);
}

static int push_raw(lua_State *L, const struct moon_ask *q) {
  size_t blame = SIZE_MAX;
  enum moon_err e = moon_row_push_raw(L, q->shape, moon_fetch_cells(q->fetch), q->flags, &blame);
  if (!e) { return 1; }
  return q->shape->single ? push_failed(L, q, e, &q->last, blame) : push_partial(L, q, e, blame);
}

/* What followed each name; a single one as `oid, value`. */
static int push_next(lua_State *L, const struct moon_ask *q) {
  const struct moon_shape *s = q->shape;
  const struct moon_pdu *pdu = &q->last.pdu;
  struct moon_reader r;
  struct moon_varbind vb;
  enum moon_err e = MOON_OK;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  if (!s->single) { lua_createtable(L, 0, s->n); }
  for (size_t i = 0; i < s->n; i++) {
    if (!moon_varbind_get(&r, &vb)) { return push_failed(L, q, MOON_E_DECODE, &q->last, i); }
    struct moon_cell c = {.value = vb.value, .value_len = vb.value_len, .type = vb.type};
    if (!moon_varbind_is_exception(&vb) && moon_oid_compare(vb.oid, vb.oid_len, s->names[i].oid, s->names[i].len) <= 0) { e = MOON_E_LOOP; }
    if (!e && s->single && moon_varbind_is_exception(&vb)) { e = MOON_E_MISSING; }
    if (e) { return push_failed(L, q, e, &q->last, i); }
    if (s->single) {
      moon_value_push_oid(L, vb.oid, vb.oid_len);
      e = moon_value_push(L, &c, q->flags);
      return e ? push_failed(L, q, e, &q->last, i) : 2;
    }
    moon_shape_push_key(L, s, i);
    e = moon_value_push_raw(L, vb.oid, vb.oid_len, &c, q->flags);
    if (e) { return push_failed(L, q, e, &q->last, i); }
    lua_rawset(L, -3);
  }
  return 1;
}

static int push_bulk(lua_State *L, const struct moon_ask *q) {
  struct moon_reader r;
  struct moon_varbind vb;
  int n = 0;
  moon_reader_init(&r, q->last.pdu.varbinds, q->last.pdu.varbinds_len);
  lua_createtable(L, 16, 0);
  while (moon_varbind_get(&r, &vb)) {
    struct moon_cell c = {.value = vb.value, .value_len = vb.value_len, .type = vb.type};
    enum moon_err e = moon_value_push_raw(L, vb.oid, vb.oid_len, &c, q->flags);
    if (e) { return push_failed(L, q, e, &q->last, SIZE_MAX); }
    lua_rawseti(L, -2, ++n);
  }
  return r.err ? push_partial(L, q, MOON_E_DECODE, SIZE_MAX) : 1;
}

/* A sysUpTime among what was asked; a context may have one of its own. */
static void look_for_uptime(const struct moon_ask *q) {
  const struct moon_cell *cells = moon_fetch_cells(q->fetch);
  for (size_t i = 0; i < q->shape->n && !q->context; i++) {
    if (moon_uptime_is(q->shape->names[i].oid, q->shape->names[i].len)) { moon_agent_uptime(q->agent, &cells[i]); }
  }
}

/* ask:result() -> what the method of a device gives; rows: true | nil, err */
int moon_ask_result(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  size_t blame = SIZE_MAX;
  enum moon_err e;
  if (!moon_ask_over(q)) { return luaL_error(L, "not over yet"); }
  if (q->walk) {
    const struct moon_outcome *seen = NULL;
    e = moon_walk_err(q->walk, &blame, &seen);
    if (e) { return push_failed(L, q, e, seen, blame); }
    lua_pushboolean(L, 1);
    return 1;
  }
  if (q->fetch) {
    e = moon_fetch_err(q->fetch, &blame);
    if (e) { return push_failed(L, q, e, &q->last, blame); }
    look_for_uptime(q);
    return q->kind == MOON_ASK_GET ? push_row(L, q) : push_raw(L, q);
  }
  if (q->last.err) { return push_failed(L, q, q->last.err, &q->last, q->last.error_index ? q->last.error_index - 1u : SIZE_MAX); }
  if (q->kind == MOON_ASK_GET_NEXT) { return push_next(L, q); }
  if (q->kind == MOON_ASK_GET_BULK) { return push_bulk(L, q); }
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- rows ---- */

/* Heads are known: is it the agent of the last pass? */
static void begin(struct moon_ask *q) {
  const struct moon_cell *heads = q->n_heads ? moon_walk_heads(q->walk) : NULL;
  const struct moon_cell *uptime = heads && q->uptime != MOON_ASK_NO_COLUMN ? &heads[q->uptime] : NULL;
  uint32_t ticks = 0;
  bool known = uptime && !uptime->err && uptime->type == MOON_TIME_TICKS && !moon_ber_u32(uptime->value, uptime->value_len, &ticks);
  q->begun = true;
  if (known && !q->context) { moon_agent_uptime(q->agent, uptime); }
  if (q->rates) { moon_rates_begin(q->rates, known, ticks, known ? uptime->received_us : q->last.received_us, q->gap_us); }
}

/* Sets the rates of the row at the top. [-0, +0, m] */
static void set_rates(lua_State *L, const struct moon_ask *q, const struct moon_row *row) {
  const struct moon_cell *cells[MOON_RATES_COLUMNS_MAX];
  double rate[MOON_RATES_COLUMNS_MAX];
  for (uint16_t i = 0; i < q->n_rates; i++) { cells[i] = &row->cells[q->rate[i]]; }
  const struct moon_cell *epoch = q->epoch != MOON_ASK_NO_COLUMN ? &row->cells[q->epoch] : NULL;
  uint32_t got = moon_rates_row(q->rates, row->index, row->index_len, cells, epoch, rate);
  if (!got) { return; }
  lua_rawgeti(L, LUA_REGISTRYINDEX, q->rate_keys);
  for (uint16_t i = 0; i < q->n_rates; i++) {
    if (got & 1u << i) {
      lua_rawgeti(L, -1, i + 1);
      lua_pushnumber(L, rate[i]);
      lua_rawset(L, -4);
    }
  }
  lua_pop(L, 1);
}

static void push_head(lua_State *L, struct moon_ask *q) {
  size_t blame;
  if (!q->with) {
    lua_pushnil(L);
    return;
  }
  if (q->head_ref == LUA_NOREF) {
    moon_row_push(L, q->with, moon_walk_heads(q->walk), q->flags, 0, &blame);
    q->head_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, q->head_ref);
}

/* [-0, +2, m] */
static void push_walked(lua_State *L, const struct moon_ask *q, const struct moon_row *row) {
  uint8_t oid[2 * MOON_OID_MAX_LEN];
  const struct moon_name *root = q->shape->names;
  size_t n = root->len + (size_t)row->index_len;
  if (n > sizeof oid) { n = sizeof oid; }
  memcpy(oid, root->oid, root->len);
  memcpy(oid + root->len, row->index, n - root->len);
  moon_value_push_oid(L, oid, n);
  moon_value_push(L, row->cells, q->flags);
}

/* ask:next_row() -> index, row, head (walk: oid, value) | nil: none now */
int moon_ask_next_row(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  struct moon_row row;
  size_t blame;
  bool have = false;
  while (q->walk && !have && moon_walk_row(q->walk, &row)) {
    const struct moon_cell *key = q->key != MOON_ASK_NO_COLUMN ? &row.cells[q->key] : NULL;
    have = !key || (key->type && key->type < MOON_NO_SUCH_OBJECT && !key->err);
  }
  if (!have) {
    lua_pushnil(L);
    return 1;
  }
  if (!q->begun) { begin(q); }
  q->given++;
  if (q->kind == MOON_ASK_WALK) {
    push_walked(L, q, &row);
    return 2;
  }
  if (q->keys_ref == LUA_NOREF) {
    moon_shape_push_keys(L, q->shape);
    q->keys_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  moon_index_push(L, row.index, row.index_len);
  lua_rawgeti(L, LUA_REGISTRYINDEX, q->keys_ref);
  /* An ill-typed cell is left out: the rest of the row is good. */
  moon_row_push_keyed(L, q->shape, lua_gettop(L), row.cells, q->flags, q->n_rates, &blame);
  lua_remove(L, -2);
  if (q->rates && lua_istable(L, -1)) { set_rates(L, q, &row); }
  push_head(L, q);
  return 3;
}

/* ask:head() -> the row of `with`, once a row was given, or nil; how many rows were */
int moon_ask_head(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  if (q->begun) {
    push_head(L, q);
  } else {
    lua_pushnil(L);
  }
  lua_pushnumber(L, q->given);
  return 2;
}

/* ask:since(octets or nil, seconds or nil): what counters() of an earlier table gave, and how old a value may be; before the first row */
int moon_ask_since(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  size_t n = 0;
  const char *p = luaL_optlstring(L, 2, "", &n);
  double gap = luaL_optnumber(L, 3, 0);
  if (gap > 0 && gap < 1e9) { q->gap_us = (uint64_t)(gap * US_A_S); }
  lua_pushboolean(L, q->rates && n && moon_rates_import(q->rates, (const uint8_t *)p, n));
  return 1;
}

/* ask:counters() -> octets | nil: what the next table's rates are made of */
int moon_ask_counters(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  size_t blame;
  const struct moon_outcome *seen;
  if (!q->rates) { return 0; }
  if (moon_ask_over(q) && !moon_walk_err(q->walk, &blame, &seen) && q->begun && !q->only.names) { moon_rates_end(q->rates); }
  size_t n = moon_rates_export(q->rates, NULL, 0);
  uint8_t *out = lua_newuserdata(L, n);
  moon_rates_export(q->rates, out, n);
  lua_pushlstring(L, (const char *)out, n);
  return 1;
}
