#include "module.h"

#include <lauxlib.h>
#include <math.h>

#include "../../moonpoll.h"
#include "agent.h"
#include "auth.h"
#include "fault.h"
#include "row.h"

#define HEADER_MAX 512

/* Field of the options at arg 2 or 3, as the module's functions take them. */
struct options {
  const uint8_t *community;
  size_t community_len;
  uint32_t id;
  uint8_t version;
  uint8_t pdu_type;
  int32_t repetitions;
  unsigned flags;
};

static double number_option(lua_State *L, int arg, const char *name, double otherwise, double low) {
  lua_getfield(L, arg, name);
  double d = lua_isnil(L, -1) ? otherwise : lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
  if (!(d >= low && d <= INT32_MAX) || d != floor(d)) {
    luaL_argerror(L, arg, lua_pushfstring(L, "%s: a whole number from %f to 2147483647 expected", name, low));
  }
  lua_pop(L, 1);
  return d;
}

/* Leaves the community on the stack: it is lent. [-0, +1, e] */
static void read_options(lua_State *L, int arg, struct options *o) {
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_getfield(L, arg, "version");
  o->version = moon_agent_version(L, lua_gettop(L), arg);
  lua_getfield(L, arg, "op");
  const char *op = lua_isnil(L, -1) ? "get" : lua_tostring(L, -1);
  o->pdu_type = !op ? 0 : strcmp(op, "get") == 0 ? MOON_PDU_GET : strcmp(op, "get_next") == 0 ? MOON_PDU_GET_NEXT
                        : strcmp(op, "get_bulk") == 0 ? MOON_PDU_GET_BULK : 0;
  luaL_argcheck(L, o->pdu_type, arg, "op: get, get_next or get_bulk expected");
  luaL_argcheck(L, o->pdu_type != MOON_PDU_GET_BULK || o->version != MOON_V1, arg, "op: version 1 has no get_bulk");
  lua_getfield(L, arg, "exact");
  o->flags = lua_toboolean(L, -1) ? MOON_VALUE_EXACT : 0;
  lua_pop(L, 3);
  o->id = (uint32_t)number_option(L, arg, "id", -1, 1);
  o->repetitions = (int32_t)number_option(L, arg, "repetitions", 10, 1);
  lua_getfield(L, arg, "community");
  luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, arg, "community: a string expected");
  o->community = (const uint8_t *)lua_tolstring(L, -1, &o->community_len);
  luaL_argcheck(L, o->community_len <= MOON_COMMUNITY_MAX, arg, "community: longer than 255 octets");
}

/* core.request(what, options) -> datagram */
static int request(lua_State *L) {
  struct options o;
  lua_settop(L, 2);
  const struct moon_shape *s = moon_shape_check(L, moon_value_of(L), 1);
  read_options(L, 2, &o);
  size_t cap = s->varbinds_len + HEADER_MAX;
  struct moon_writer w;
  moon_writer_init(&w, lua_newuserdata(L, cap), cap);
  struct moon_pdu pdu = {.varbinds = s->varbinds, .varbinds_len = s->varbinds_len, .request_id = (int32_t)o.id, .type = o.pdu_type};
  if (o.pdu_type == MOON_PDU_GET_BULK) { pdu.error_index = o.repetitions; }
  moon_message_encode(&w, o.version, o.community, o.community_len, &pdu);
  luaL_argcheck(L, !w.err && moon_writer_len(&w) <= MOON_DATAGRAM_MAX, 1, "more OIDs than a datagram holds");
  lua_pushlstring(L, (const char *)w.p, moon_writer_len(&w));
  return 1;
}

/* { { oid =, type =, value = }, ... }: what a GETNEXT or GETBULK gave. [-0, +1, m] */
static enum moon_err push_list(lua_State *L, const struct moon_pdu *pdu, unsigned flags) {
  struct moon_reader r;
  struct moon_varbind vb;
  enum moon_err first = MOON_OK;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  lua_newtable(L);
  for (int i = 1; moon_varbind_get(&r, &vb); i++) {
    struct moon_cell c = {.value = vb.value, .value_len = vb.value_len, .type = vb.type};
    enum moon_err e = moon_value_push_raw(L, vb.oid, vb.oid_len, &c, flags);
    first = first ? first : e;
    lua_rawseti(L, -2, i);
  }
  return first ? first : r.err;
}

/* core.response(what, datagram, options) -> row or value | nil, err, what was read | false: not the answer to this */
static int response(lua_State *L) {
  struct options o;
  struct moon_message m;
  struct moon_peek peek;
  size_t n, blame = SIZE_MAX;
  lua_settop(L, 3);
  const struct moon_shape *s = moon_shape_check(L, moon_value_of(L), 1);
  const uint8_t *p = (const uint8_t *)luaL_checklstring(L, 2, &n);
  read_options(L, 3, &o);
  if (moon_message_peek(p, n, &peek) || peek.id != o.id || peek.version != o.version) {
    lua_pushboolean(L, 0);
    return 1;
  }
  enum moon_err e = moon_message_decode(p, n, &m);
  struct moon_fault f = {.err = e, .version = o.version};
  if (!e && (m.community_len != o.community_len || memcmp(m.community, o.community, o.community_len) != 0)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_pushnil(L);
  if (!e && (m.is_trap_v1 || m.pdu.type != MOON_PDU_RESPONSE)) { f.err = e = MOON_E_DECODE; }
  if (e || m.pdu.error_status) {
    if (!e) {
      f.err = moon_err_from_status(m.pdu.error_status);
      f.status = m.pdu.error_status;
      if (m.pdu.error_index > 0 && m.pdu.error_index <= s->n) { f.oid = s->names[m.pdu.error_index - 1]; }
    }
    moon_fault_push(L, &f);
    return 2;
  }
  f.err = o.pdu_type == MOON_PDU_GET ? moon_row_push_pdu(L, s, &m.pdu, o.flags, &blame) : push_list(L, &m.pdu, o.flags);
  if (!f.err) { return 1; }
  if (blame < s->n) { f.oid = s->names[blame]; }
  moon_fault_push(L, &f);
  lua_insert(L, -2);
  return 3;
}

/* core.peek(datagram) -> id, version | nil */
static int peek_at(lua_State *L) {
  size_t n;
  const uint8_t *p = (const uint8_t *)luaL_checklstring(L, 1, &n);
  struct moon_peek peek;
  if (moon_message_peek(p, n, &peek)) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushnumber(L, peek.id);
  lua_pushstring(L, peek.version == MOON_V1 ? "1" : peek.version == MOON_V2C ? "2c" : "3");
  return 2;
}

/* core.fault { code =, device =, target =, detail = } -> err, for what a host sees that no agent said */
static int fault(lua_State *L) {
  struct moon_fault f = {.version = MOON_V2C};
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_getfield(L, 1, "code");
  const char *code = luaL_checkstring(L, 2);
  int e = 1;
  while (e < MOON_E_PUBLIC_N && strcmp(moon_err_name((enum moon_err)e), code) != 0) { e++; }
  luaL_argcheck(L, e < MOON_E_PUBLIC_N, 1, "no such code");
  f.err = (enum moon_err)e;
  lua_getfield(L, 1, "device");
  lua_getfield(L, 1, "target");
  lua_getfield(L, 1, "detail");
  f.device = lua_tostring(L, 3);
  f.target = lua_tostring(L, 4);
  f.detail = lua_tostring(L, 5);
  moon_fault_push(L, &f);
  return 1;
}

/* core.clock() -> seconds of a clock that does not go back */
static int clock_(lua_State *L) {
  lua_pushnumber(L, (lua_Number)moon_agent_clock_us() / 1e6);
  return 1;
}

/* core.oid_octets(text) -> content octets | nil, err */
static int oid_octets(lua_State *L) {
  size_t n, len = 0;
  const char *text = luaL_checklstring(L, 1, &n);
  uint8_t out[MOON_OID_MAX_LEN];
  if (moon_oid_parse(text, n, out, sizeof out, &len)) {
    lua_pushnil(L);
    lua_pushfstring(L, "'%s' is no OID", text);
    return 2;
  }
  lua_pushlstring(L, (const char *)out, len);
  return 1;
}

/* core.oid_text(content octets) -> text | nil */
static int oid_text(lua_State *L) {
  size_t n;
  const uint8_t *p = (const uint8_t *)luaL_checklstring(L, 1, &n);
  moon_value_push_oid(L, p, n);
  return 1;
}

int luaopen_moonpoll_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"agent", moon_agent_new},   {"auth", moon_auth_new},   {"clock", clock_},    {"fault", fault},
                                       {"request", request},        {"response", response},    {"peek", peek_at},
                                       {"oid_octets", oid_octets}, {"oid_text", oid_text}, {NULL, NULL}};
  moon_value_open(L, NULL);
  moon_agent_open(L);
  moon_value_push_library(L);
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  return 1;
}
