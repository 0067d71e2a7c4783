#include "index.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "../../base/mem.h"
#include "decode.h"
#include "mib.h"

#define PARTS_MAX 32
#define FIXED_MAX 128

/* Octets are never more than the letters they came from, nor than this. */
#define INDEX_MAX MOON_OID_MAX_LEN

enum part_kind { PART_INT, PART_STRING, PART_FIXED, PART_OID, PART_IP, PART_MAC, PART_INET, PART_ADDRESS /* of the type that is the part before */ };
struct part { uint8_t kind; uint8_t implied; uint16_t n; };
struct spec { uint32_t n; struct part part[PARTS_MAX]; };

void moon_index_push(lua_State *L, const uint8_t *index, size_t n) {
  char text[MOON_OID_TEXT_MAX];
  lua_pushlstring(L, text, moon_oid_format_index(index, n, text, sizeof text));
}

static int by_index(const void *pa, const void *pb) {
  const struct moon_name *a = pa, *b = pb;
  return moon_oid_compare(a->oid, a->len, b->oid, b->len);
}

/* Text, or a whole number; 1.10 as a number would be 1.1. */
static bool is_index(lua_State *L, int at) {
  if (lua_type(L, at) != LUA_TNUMBER) { return lua_type(L, at) == LUA_TSTRING; }
  double d = lua_tonumber(L, at);
  return d >= 0 && d <= UINT32_MAX && d == (double)(uint32_t)d;
}

/* The index a pair of the list stands for: { [index] = true } or { index, ... }; on the stack at *at. */
static const char *listed(lua_State *L, int key, int value, size_t *len) {
  int at = lua_type(L, value) == LUA_TBOOLEAN && lua_toboolean(L, value) ? key : value;
  if (!is_index(L, at)) { return NULL; }
  lua_pushvalue(L, at); /* a copy: lua_next minds its key being turned into text */
  const char *s = lua_tolstring(L, -1, len);
  lua_replace(L, value);
  return s;
}

void moon_index_list_check(lua_State *L, int idx, int arg, const char *what, struct moon_index_list *out) {
  size_t total = 0, count = 0, len = 0;
  if (idx < 0) { idx += lua_gettop(L) + 1; }
  luaL_checkstack(L, MOON_VALUE_STACK, "moonpoll");
  if (lua_type(L, idx) != LUA_TTABLE) {
    luaL_argerror(L, arg, lua_pushfstring(L, "%s: a table of indexes expected, got %s", what, luaL_typename(L, idx)));
  }
  int top = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, idx); lua_settop(L, top + 1)) {
    if (!listed(L, top + 1, top + 2, &len)) {
      luaL_argerror(L, arg, lua_pushfstring(L, "%s: an index as text expected, got %s", what, luaL_typename(L, top + 2)));
    }
    total += len;
    count++;
  }
  if (count > MOON_INDEX_LIST_MAX) { luaL_argerror(L, arg, lua_pushfstring(L, "%s: more than %d indexes", what, MOON_INDEX_LIST_MAX)); }

  struct moon_name *names = lua_newuserdata(L, count * sizeof *names + total + 1);
  uint8_t *octets = (uint8_t *)(names + count), *to = octets;
  uint32_t n = 0;
  top = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, idx); lua_settop(L, top + 1)) {
    size_t used = 0;
    const char *text = listed(L, top + 1, top + 2, &len);
    if (moon_oid_parse_index(text, len, to, total - (size_t)(to - octets), &used) || used == 0 || used > INDEX_MAX) {
      luaL_argerror(L, arg, lua_pushfstring(L, "%s: '%s' is no index", what, text));
    }
    names[n++] = (struct moon_name){.oid = to, .len = (uint16_t)used};
    to += used;
  }
  qsort(names, n, sizeof *names, by_index); /* rows come in index order, each once */
  uint32_t kept = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (i == 0 || by_index(&names[kept - 1], &names[i]) != 0) { names[kept++] = names[i]; }
  }
  size_t used = (size_t)(to - octets);
  struct moon_name *copy = moon_mem_alloc(kept * sizeof *copy + used + 1);
  if (!copy) {
    luaL_error(L, "not enough memory");
    return;
  }
  uint8_t *kept_octets = (uint8_t *)(copy + kept);
  if (used) { memcpy(kept_octets, octets, used); }
  for (uint32_t i = 0; i < kept; i++) { copy[i] = (struct moon_name){.oid = kept_octets + (names[i].oid - octets), .len = names[i].len}; }
  *out = (struct moon_index_list){.names = copy, .n = kept};
  lua_settop(L, top - 1);
}

void moon_index_list_fini(struct moon_index_list *l) {
  moon_mem_free(l->names);
  *l = (struct moon_index_list){0};
}

/* Arcs of an index, read one after the other. */
struct arcs { const uint8_t *p, *end; bool short_of; uint32_t last; /* number read */ };

static uint32_t arc(struct arcs *a) {
  uint32_t v = 0;
  if (a->p == a->end) {
    a->short_of = true;
    return 0;
  }
  do { v = v << 7 | (*a->p & 0x7fu); } while (*a->p++ & 0x80);
  return v;
}

static uint32_t arcs_left(const struct arcs *a) {
  uint32_t n = 0;
  for (const uint8_t *p = a->p; p < a->end; p++) { n += !(*p & 0x80); }
  return n;
}

/* n arcs, each an octet. */
static bool octets(struct arcs *a, uint32_t n, uint8_t *out) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t v = arc(a);
    if (v > 255 || a->short_of) { return false; }
    out[i] = (uint8_t)v;
  }
  return true;
}

static bool push_inet(lua_State *L, struct arcs *a, uint32_t type, bool implied) {
  uint8_t raw[MOON_OID_MAX_ARCS];
  char text[MOON_INET_TEXT_MAX];
  uint32_t n = implied ? arcs_left(a) : arc(a);
  static const uint8_t sizes[] = {0, 4, 16, 8, 20}; /* unknown ipv4 ipv6 ipv4z ipv6z, RFC 4001 */
  if (a->short_of || n > sizeof raw || !octets(a, n, raw)) { return false; }
  if (type >= 1 && type <= 4) {
    if (n != sizes[type]) { return false; }
    lua_pushlstring(L, text, moon_inet_format(raw, n, text, sizeof text));
    return true;
  }
  lua_pushlstring(L, (const char *)raw, n); /* dns, or a type of its own */
  return true;
}

static bool push_part(lua_State *L, struct arcs *a, const struct part *part) {
  uint8_t raw[MOON_OID_MAX_ARCS];
  char text[MOON_OID_TEXT_MAX];
  uint32_t n;
  switch ((enum part_kind)part->kind) {
  case PART_INT:
    a->last = arc(a);
    lua_pushnumber(L, a->last);
    return !a->short_of;
  case PART_INET: return push_inet(L, a, arc(a), part->implied);
  case PART_ADDRESS: return push_inet(L, a, a->last, part->implied);
  case PART_OID: {
    n = part->implied ? arcs_left(a) : arc(a);
    if (a->short_of || n > arcs_left(a)) { return false; }
    const uint8_t *from = a->p;
    for (uint32_t i = 0; i < n; i++) { arc(a); }
    lua_pushlstring(L, text, moon_oid_format_index(from, (size_t)(a->p - from), text, sizeof text));
    return true;
  }
  default: break;
  }
  n = part->kind == PART_STRING ? (part->implied ? arcs_left(a) : arc(a)) : part->n;
  if (a->short_of || n > sizeof raw || !octets(a, n, raw)) { return false; }
  if (part->kind == PART_MAC) {
    moon_decode_push_mac(L, raw, n);
  } else if (part->kind == PART_IP) {
    lua_pushlstring(L, text, moon_inet_format(raw, n, text, sizeof text));
  } else {
    lua_pushlstring(L, (const char *)raw, n);
  }
  return true;
}

/* function(index) -> parts | nil, err; upvalue 1: struct spec */
static int decode_index(lua_State *L) {
  const struct spec *spec = lua_touserdata(L, lua_upvalueindex(1));
  uint8_t raw[INDEX_MAX];
  size_t n = 0, len;
  if (lua_isnoneornil(L, 1)) {
    lua_pushnil(L);
    return 1;
  }
  if (!is_index(L, 1)) { return luaL_typerror(L, 1, "index text"); }
  const char *text = lua_tolstring(L, 1, &len);
  if (moon_oid_parse_index(text, len, raw, sizeof raw, &n)) {
    return moon_decode_fail(L, lua_pushfstring(L, "'%s' is no index", text));
  }
  struct arcs a = {.p = raw, .end = raw + n};
  int top = lua_gettop(L);
  luaL_checkstack(L, (int)spec->n + MOON_VALUE_STACK, "index");
  for (uint32_t i = 0; i < spec->n; i++) {
    if (!push_part(L, &a, &spec->part[i])) {
      return moon_decode_fail(L, lua_pushfstring(L, "index %s does not have part %d", text, (int)i + 1));
    }
  }
  if (a.p != a.end) { return moon_decode_fail(L, lua_pushfstring(L, "index %s goes on behind its last part", text)); }
  return lua_gettop(L) - top;
}

static bool parse_part(const char *s, struct part *out) {
  static const struct { const char *name; uint8_t kind, n; } names[] = {
      {"int", PART_INT, 0}, {"string", PART_STRING, 0}, {"oid", PART_OID, 0},
      {"ip", PART_IP, 4},   {"mac", PART_MAC, 6},       {"inetaddress", PART_INET, 0}};
  bool implied = strncmp(s, "implied ", 8) == 0;
  if (implied) { s += 8; }
  if (!implied && strncmp(s, "fixed ", 6) == 0) {
    char *end;
    unsigned long n = strtoul(s + 6, &end, 10);
    *out = (struct part){.kind = PART_FIXED, .n = (uint16_t)n};
    return end != s + 6 && *end == 0 && n >= 1 && n <= FIXED_MAX;
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(s, names[i].name) != 0) { continue; }
    *out = (struct part){.kind = names[i].kind, .n = names[i].n, .implied = implied};
    return !implied || out->kind == PART_STRING || out->kind == PART_OID || out->kind == PART_INET;
  }
  return false;
}

/* A part for each object of the row's INDEX. */
static bool parts_of(const struct moon_ref *row, struct spec *out) {
  struct moon_mib_element e;
  struct moon_mib_type t;
  bool typed = false;
  *out = (struct spec){0};
  for (uint32_t i = 0; moon_mib_element(row->mib, &row->node, i, &e); i++) {
    if (out->n == PARTS_MAX) { return false; }
    struct part *p = &out->part[out->n++];
    if (!moon_mib_type(row->mib, e.type, &t)) { return false; }
    uint32_t fixed = t.base == MOON_BASE_OCTETS ? moon_mib_fixed_size(row->mib, &t) : 0;
    p->implied = row->node.flags & MOON_MIB_IMPLIED && i + 1u == row->node.n_elements;
    switch (t.base) {
    case MOON_BASE_OCTETS:
    case MOON_BASE_BITS:
      p->kind = typed && moon_mib_is(row->mib, e.type, "InetAddress") ? PART_ADDRESS : fixed == 6 && t.hint.n == 3 && !memcmp(t.hint.p, "1x:", 3) ? PART_MAC
                : fixed && !p->implied ? PART_FIXED : PART_STRING;
      p->n = (uint16_t)fixed;
      break;
    case MOON_BASE_OID: p->kind = PART_OID; break;
    case MOON_BASE_NETWORK: /* the 1 in front is a part of its own */
      if (out->n == PARTS_MAX) { return false; }
      p->kind = PART_INT;
      p = &out->part[out->n++];
      __attribute__((fallthrough));
    case MOON_BASE_IP:
      p->kind = PART_IP;
      p->n = 4;
      break;
    default: p->kind = PART_INT; break;
    }
    typed = moon_mib_is(row->mib, e.type, "InetAddressType");
  }
  return out->n > 0;
}

int moon_index_decoder(lua_State *L) {
  struct moon_ref row;
  if (moon_mib_is_object(L, 1)) {
    struct spec *of = lua_newuserdata(L, sizeof *of);
    luaL_argcheck(L, moon_mib_row(L, 1, &row) && parts_of(&row, of), 1, "no object of a table");
    lua_pushcclosure(L, decode_index, 1);
    return 1;
  }
  if (lua_type(L, 1) == LUA_TSTRING) { /* one part needs no table */
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_replace(L, 1);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t n = lua_objlen(L, 1);
  luaL_argcheck(L, n >= 1 && n <= PARTS_MAX, 1, "1 to 32 parts expected");
  struct spec *spec = lua_newuserdata(L, sizeof *spec);
  spec->n = (uint32_t)n;
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, 1, (int)i + 1);
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, -1);
    if (!parse_part(s, &spec->part[i])) {
      return luaL_argerror(L, 1, lua_pushfstring(L, "part %d: '%s' is none of int string oid ip mac inetaddress, fixed N, or implied "
                                                    "string, oid, inetaddress", (int)i + 1, s));
    }
    if (spec->part[i].implied && i + 1 < n) { return luaL_argerror(L, 1, "only the last part can be implied"); }
    lua_pop(L, 1);
  }
  lua_pushcclosure(L, decode_index, 1);
  return 1;
}
