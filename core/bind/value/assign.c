#include "assign.h"

#include <lauxlib.h>
#include <math.h>

#include "mib.h"

#define ELEMENT_EXTRA 32 /* headers of the varbind, its name and its value, and a number */

static void fail(lua_State *L, int arg, uint32_t i, const char *text) {
  luaL_argerror(L, arg, lua_pushfstring(L, "element %d: %s", (int)i + 1, text));
}

static const char *text_of(lua_State *L, int arg, uint32_t i, int element, const char *field, size_t *n) {
  lua_getfield(L, element, field);
  if (lua_type(L, -1) != LUA_TSTRING) {
    fail(L, arg, i, lua_pushfstring(L, "%s: a string expected, got %s", field, luaL_typename(L, -1)));
  }
  return lua_tolstring(L, -1, n);
}

/* Text or an object of a MIB. [-0, +1, e] */
static const char *oid_of(lua_State *L, int arg, uint32_t i, int element, size_t *n) {
  lua_getfield(L, element, "oid");
  const char *s = moon_mib_text(L, -1, true, n);
  if (!s) { fail(L, arg, i, lua_pushfstring(L, "oid: a string expected, got %s", luaL_typename(L, -1))); }
  return s;
}

/* The whole number on top, within the type's range. */
static void put_number(lua_State *L, int arg, uint32_t i, uint8_t type, struct moon_writer *w) {
  union moon_value_number v;
  double low = type == MOON_INTEGER ? -2147483648.0 : 0, high = type == MOON_INTEGER ? 2147483647.0 : 4294967295.0;
  enum moon_value_kind kind = moon_value_number(L, -1, &v);
  if (kind == MOON_VALUE_NONE) { fail(L, arg, i, lua_pushfstring(L, "value: a number expected, got %s", luaL_typename(L, -1))); }
  if (type == MOON_TIME_TICKS && kind == MOON_VALUE_REAL) { v.real = round(v.real * 100); } /* scripts see seconds */
  if (type == MOON_COUNTER64 && kind == MOON_VALUE_UNSIGNED) {
    moon_ber_put_u64(w, type, v.uint);
    return;
  }
  double d = kind == MOON_VALUE_REAL ? v.real : kind == MOON_VALUE_UNSIGNED ? (double)v.uint : (double)v.sint;
  if (type == MOON_COUNTER64) { high = 18446744073709549568.0; } /* the last double below 2^64 */
  if (!(d >= low && d <= high) || d != floor(d)) {
    fail(L, arg, i, lua_pushfstring(L, "value: %s does not have %f", moon_value_type_name(type), d));
  }
  if (type == MOON_INTEGER) {
    moon_ber_put_i64(w, type, (int64_t)d);
  } else {
    moon_ber_put_u64(w, type, (uint64_t)d);
  }
}

static void put_text(lua_State *L, int arg, uint32_t i, uint8_t type, struct moon_writer *w) {
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t n, len = 0;
  if (lua_type(L, -1) != LUA_TSTRING) { fail(L, arg, i, lua_pushfstring(L, "value: a string expected, got %s", luaL_typename(L, -1))); }
  const char *s = lua_tolstring(L, -1, &n);
  if (type == MOON_OBJECT_ID) {
    if (moon_mib_parse(s, n, octets, sizeof octets, &len, NULL, 0)) { fail(L, arg, i, lua_pushfstring(L, "value: '%s' is no OID", s)); }
    moon_ber_put_bytes(w, type, octets, len);
  } else if (type == MOON_IP_ADDRESS) {
    struct moon_addr a;
    const char *host;
    size_t host_len;
    if (strspn(s, "0123456789.") != n || moon_addr_parse(s, 0, &a, &host, &host_len) || a.family != 4) {
      fail(L, arg, i, lua_pushfstring(L, "value: '%s' is no IPv4 address", s));
    }
    moon_ber_put_bytes(w, type, a.ip, 4);
  } else {
    moon_ber_put_bytes(w, type, (const uint8_t *)s, n);
  }
}

static void put_value(lua_State *L, int arg, uint32_t i, uint8_t type, struct moon_writer *w) {
  switch (type) {
  case MOON_INTEGER:
  case MOON_COUNTER32:
  case MOON_GAUGE32:
  case MOON_UINTEGER32:
  case MOON_TIME_TICKS:
  case MOON_COUNTER64: put_number(L, arg, i, type, w); break;
  case MOON_NULL: moon_ber_put_bytes(w, type, NULL, 0); break;
  default: put_text(L, arg, i, type, w); break;
  }
}

/* One element in front of what w holds; its OID's octets to *at. [-0, +0, m e] */
static void put_element(lua_State *L, int arg, uint32_t i, struct moon_writer *w, struct moon_name *name, uint8_t *at, size_t cap) {
  size_t n, len = 0;
  lua_rawgeti(L, arg, (int)i + 1);
  int element = lua_gettop(L);
  const char *oid = oid_of(L, arg, i, element, &n);
  if (moon_mib_parse(oid, n, at, cap, &len, NULL, 0)) { fail(L, arg, i, lua_pushfstring(L, "oid: '%s' is no OID", oid)); }
  const char *type_name = text_of(L, arg, i, element, "type", &n);
  uint8_t type = moon_value_type(type_name, n);
  if (!type || type >= MOON_NO_SUCH_OBJECT) {
    fail(L, arg, i, lua_pushfstring(L, "type: '%s' is none of integer string oid ip counter32 gauge32 timeticks opaque counter64", type_name));
  }
  lua_getfield(L, element, "value");
  const uint8_t *mark = w->p;
  put_value(L, arg, i, type, w);
  moon_ber_put_bytes(w, MOON_OBJECT_ID, at, len);
  moon_ber_put_wrap(w, MOON_SEQUENCE, mark);
  *name = (struct moon_name){.oid = at, .len = (uint16_t)len};
  lua_settop(L, element - 1);
}

void moon_assign_check(lua_State *L, int arg, const uint8_t **varbinds, uint32_t *len, const struct moon_name **names, uint16_t *n_out) {
  luaL_checktype(L, arg, LUA_TTABLE);
  luaL_checkstack(L, MOON_VALUE_STACK + 4, "moonpoll");
  size_t n = lua_objlen(L, arg), oids = 0, cap = 0, len_of = 0;
  luaL_argcheck(L, n >= 1, arg, "a list of { oid =, type =, value = } expected");
  luaL_argcheck(L, n <= MOON_VARBINDS_MAX, arg, "too many varbinds");
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, arg, (int)i + 1);
    if (!lua_istable(L, -1)) { fail(L, arg, (uint32_t)i, lua_pushfstring(L, "a table expected, got %s", luaL_typename(L, -1))); }
    lua_getfield(L, -1, "oid");
    lua_getfield(L, -2, "value");
    const char *oid = moon_mib_text(L, -2, true, &len_of);
    oids += oid ? moon_mib_parse_room(oid, len_of) : 0;
    cap += ELEMENT_EXTRA + (lua_type(L, -1) == LUA_TSTRING ? lua_objlen(L, -1) : 0);
    lua_pop(L, 3);
  }
  luaL_argcheck(L, cap + oids <= MOON_DATAGRAM_MAX, arg, "more than a datagram holds");
  struct moon_name *all = lua_newuserdata(L, n * sizeof *all + oids + cap + oids);
  uint8_t *octets = (uint8_t *)(all + n), *at = octets;
  struct moon_writer w;
  moon_writer_init(&w, octets + oids, cap + oids);
  for (size_t i = n; i-- > 0;) {
    put_element(L, arg, (uint32_t)i, &w, &all[i], at, oids - (size_t)(at - octets));
    at += all[i].len;
  }
  if (w.err) { luaL_error(L, "not enough memory"); }
  *varbinds = w.p;
  *len = (uint32_t)moon_writer_len(&w);
  *names = all;
  *n_out = (uint16_t)n;
}
