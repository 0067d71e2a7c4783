#include "row.h"

#include "maker.h"

/* Has the row no such key? */
static bool is_absent(const struct moon_cell *c) {
  if (c->err) { return c->err == MOON_E_MISSING; } /* how v1 tells what v2c tells by an exception */
  return c->type == 0 || (c->type >= MOON_NO_SUCH_OBJECT && c->type <= MOON_END_OF_MIB_VIEW);
}

/* Sets keys[i] of the table below; what it pushed is gone. */
static enum moon_err set_cell(lua_State *L, int keys, int row, size_t i, const struct moon_cell *c, unsigned flags) {
  if (is_absent(c)) { return MOON_OK; }
  lua_rawgeti(L, keys, (int)i + 1);
  enum moon_err e = moon_value_push(L, c, flags);
  lua_rawset(L, row); /* nil for what has no value: no key is made */
  return e;
}

/* The value of a cell, nil for none. */
static enum moon_err push_cell(lua_State *L, const struct moon_cell *c, unsigned flags) {
  if (is_absent(c)) {
    lua_pushnil(L);
    return MOON_OK;
  }
  return moon_value_push(L, c, flags);
}

static enum moon_err push_single(lua_State *L, const struct moon_cell *c, unsigned flags, size_t *blame) {
  enum moon_err e = moon_value_push(L, c, flags);
  if (e) {
    *blame = 0;
    return e;
  }
  return lua_isnil(L, -1) ? MOON_E_MISSING : MOON_OK;
}

enum moon_err moon_row_push_keyed(lua_State *L, const struct moon_shape *s, int keys, const struct moon_cell *cells, unsigned flags,
                                  unsigned extra, size_t *blame) {
  enum moon_err first = MOON_OK;
  if (s->single) { return push_single(L, cells, flags, blame); }
  if (moon_maker_push(L, s, extra)) {
    for (size_t i = 0; i < s->n; i++) {
      enum moon_err e = push_cell(L, &cells[i], flags);
      if (e && !first) {
        first = e;
        *blame = i;
      }
    }
    lua_call(L, s->n, 1);
    return first;
  }
  lua_createtable(L, s->n_array, (int)(s->n - s->n_array + extra));
  int row = lua_gettop(L);
  for (size_t i = 0; i < s->n; i++) {
    enum moon_err e = set_cell(L, keys, row, i, &cells[i], flags);
    if (e && !first) {
      first = e;
      *blame = i;
    }
  }
  return first;
}

enum moon_err moon_row_push(lua_State *L, const struct moon_shape *s, const struct moon_cell *cells, unsigned flags, unsigned extra,
                            size_t *blame) {
  if (s->single) { return push_single(L, cells, flags, blame); }
  moon_shape_push_keys(L, s);
  enum moon_err e = moon_row_push_keyed(L, s, lua_gettop(L), cells, flags, extra, blame);
  lua_replace(L, -2);
  return e;
}

static bool is_name(const struct moon_name *n, const struct moon_varbind *vb) { return moon_name_is(n, vb->oid, vb->oid_len); }

static bool is_set(const uint64_t *bits, size_t i) { return bits[i / 64] >> i % 64 & 1; }

/* Which name this varbind answers that no other did, looked for from where it is expected; n: none. */
static size_t match(const struct moon_shape *s, size_t expected, const uint64_t *answered, const struct moon_varbind *vb) {
  for (size_t k = 0; k < s->n; k++) {
    size_t i = expected + k < s->n ? expected + k : expected + k - s->n;
    if (is_name(&s->names[i], vb) && !is_set(answered, i)) { return i; }
  }
  return s->n;
}

/* The common answer: everything, in the order asked. false: not so, nothing is pushed. */
static bool push_in_order(lua_State *L, const struct moon_shape *s, struct moon_reader r, unsigned flags, enum moon_err *first, size_t *blame) {
  struct moon_varbind vb;
  if (!moon_maker_push(L, s, 0)) { return false; }
  int top = lua_gettop(L);
  *first = MOON_OK;
  for (size_t i = 0; i < s->n; i++) {
    if (!moon_varbind_get(&r, &vb) || !is_name(&s->names[i], &vb)) {
      lua_settop(L, top - 1);
      return false;
    }
    struct moon_cell c = {.value = vb.value, .value_len = vb.value_len, .type = vb.type};
    enum moon_err e = push_cell(L, &c, flags);
    if (e && !*first) {
      *first = e;
      *blame = i;
    }
  }
  lua_call(L, s->n, 1);
  return true;
}

enum moon_err moon_row_push_pdu(lua_State *L, const struct moon_shape *s, const struct moon_pdu *pdu, unsigned flags, size_t *blame) {
  uint64_t answered[MOON_SHAPE_NAMES_MAX / 64];
  struct moon_reader r;
  struct moon_varbind vb;
  enum moon_err first = MOON_OK;
  size_t n = 0, next = 0;
  int keys = 0, row = 0;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  if (s->single) {
    struct moon_cell c = {0};
    while (moon_varbind_get(&r, &vb)) {
      if (is_name(s->names, &vb)) {
        c = (struct moon_cell){.value = vb.value, .value_len = vb.value_len, .type = vb.type};
        return push_single(L, &c, flags, blame);
      }
    }
    lua_pushnil(L);
    *blame = r.err ? SIZE_MAX : 0;
    return MOON_E_DECODE;
  }
  if (push_in_order(L, s, r, flags, &first, blame)) { return first; }
  first = MOON_OK;
  memset(answered, 0, (s->n + 63u) / 64 * sizeof *answered);
  moon_shape_push_keys(L, s);
  lua_createtable(L, s->n_array, s->n - s->n_array);
  row = lua_gettop(L);
  keys = row - 1;
  for (size_t k = 0; k < s->n && moon_varbind_get(&r, &vb); k++) {
    size_t i = match(s, next, answered, &vb);
    if (i == s->n) { continue; }
    answered[i / 64] |= (uint64_t)1 << i % 64;
    struct moon_cell c = {.value = vb.value, .value_len = vb.value_len, .type = vb.type};
    enum moon_err e = set_cell(L, keys, row, i, &c, flags);
    if (e && !first) {
      first = e;
      *blame = i;
    }
    next = i + 1;
    n++;
  }
  if (n < s->n && !first) {
    first = MOON_E_DECODE;
    *blame = SIZE_MAX;
    for (size_t i = 0; i < s->n && n > 0 && !r.err && *blame == SIZE_MAX; i++) {
      if (!is_set(answered, i)) { *blame = i; }
    }
  }
  lua_replace(L, -2);
  return first;
}

enum moon_err moon_row_push_raw(lua_State *L, const struct moon_shape *s, const struct moon_cell *cells, unsigned flags, size_t *blame) {
  enum moon_err first = MOON_OK;
  if (!s->single) { lua_createtable(L, 0, s->n); }
  for (size_t i = 0; i < s->n; i++) {
    struct moon_cell c = cells[i];
    if (c.err == MOON_E_MISSING) {
      c.err = MOON_OK;
      c.type = MOON_NO_SUCH_OBJECT;
    }
    if (!s->single) { moon_shape_push_key(L, s, i); }
    enum moon_err e = moon_value_push_raw(L, s->names[i].oid, s->names[i].len, &c, flags);
    if (e && !first) {
      first = e;
      *blame = i;
    }
    if (s->single) { return e; }
    if (!c.type) { /* of what was not answered there is nothing to show */
      lua_pop(L, 1);
      lua_pushnil(L);
    }
    lua_rawset(L, -3);
  }
  return first;
}
