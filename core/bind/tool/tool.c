#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <lauxlib.h>
#include <lualib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../../moonpoll.h"
#include "../../names/resolve.h"
#include "../value/mib.h"
#include "../value/value.h"
#include "best.h"
#include "client.h"
#include "given.h"
#include "show.h"
#include "stretch.h"
#include "user.h"
#include "wiped.h"

struct tool {
  int argc;
  char **argv;
  FILE *log;                  /* NULL: nothing is logged */
  struct moon_show show;
  struct moon_show_text text; /* scratch */
  uint8_t *varbinds;          /* of requests, MOON_DATAGRAM_MAX */
  char source[MOON_ADDR_TEXT_MAX]; /* that packets leave from, for dumps */
  uint16_t port;
  int cause;                  /* errno, as it would stand in net-snmp's tools: ENOENT from looking for snmp.conf at first */
  struct moon_client *client; /* NULL: none open */
  uint32_t retries;
  struct moon_outcome outcome; /* of the last request */
};

static struct tool *tool_of(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

/* With the name they have at net-snmp. */
static const char *const names[] = {"snmpget", "snmpgetnext", "snmpbulkget", "snmpwalk", "snmpbulkwalk", "snmpset"};

const char *moon_tool_command(const char *name) {
  const char *base = strrchr(name, '/');
  base = base ? base + 1 : name;
  if (strncmp(base, "snmp", 4) == 0) { base += 4; }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(names[i] + 4, base) == 0) { return names[i] + 4; }
  }
  return NULL;
}

/* ---- arguments ---- */

/* getopt(letters) -> letter, value; nil: operands are left. Tells what is wrong itself and gives "?". [-1, +2, m] */
static int get_option(lua_State *L) {
  struct tool *t = tool_of(L);
  int c = getopt(t->argc, t->argv, luaL_checkstring(L, 1));
  if (c == -1) { return 0; }
  char letter = (char)c;
  lua_pushlstring(L, &letter, 1);
  lua_pushstring(L, optarg);
  return 2;
}

/* take(secret) -> the next argument, whatever it is; nil: none. A secret one disappears from the process list. [-1, +1, m] */
static int take_argument(lua_State *L) {
  struct tool *t = tool_of(L);
  char *text = optind < t->argc ? t->argv[optind++] : NULL;
  lua_pushstring(L, text);
  if (text && lua_toboolean(L, 1)) { moon_mem_wipe(text, strlen(text)); }
  return 1;
}

/* peek() -> the same, left where it is. [-0, +1, m] */
static int peek_argument(lua_State *L) {
  struct tool *t = tool_of(L);
  lua_pushstring(L, optind < t->argc ? t->argv[optind] : NULL);
  return 1;
}

/* wipe(): the value of the last option disappears from the process list. [-0, +0, -] */
static int wipe_option(lua_State *L) {
  (void)L;
  if (optarg) { moon_mem_wipe(optarg, strlen(optarg)); }
  return 0;
}

/* ---- text ---- */

static int write_to(lua_State *L, FILE *f) {
  size_t n;
  const char *p = luaL_checklstring(L, 1, &n);
  if (f) { fwrite(p, 1, n, f); }
  return 0;
}
static int put_out(lua_State *L) { return write_to(L, stdout); }
static int put_err(lua_State *L) { return write_to(L, stderr); }
static int put_log(lua_State *L) {
  struct tool *t = tool_of(L);
  return write_to(L, t->log);
}
static int flush_out(lua_State *L) {
  (void)L;
  fflush(stdout);
  return 0;
}

/* log_to(where): "err", "out", "none", or "file" and its path. true, or false and why not. [-2, +2, m] */
static int log_to(lua_State *L) {
  struct tool *t = tool_of(L);
  const char *where = luaL_checkstring(L, 1);
  if (strcmp(where, "file") == 0) {
    FILE *f = fopen(luaL_checkstring(L, 2), lua_toboolean(L, 3) ? "ae" : "we");
    if (!f) {
      lua_pushboolean(L, false);
      lua_pushstring(L, strerror(errno));
      return 2;
    }
    setvbuf(f, NULL, _IOLBF, 0);
    t->log = f;
  } else {
    t->log = strcmp(where, "err") == 0 ? stderr : strcmp(where, "out") == 0 ? stdout : NULL;
  }
  lua_pushboolean(L, true);
  return 1;
}

static bool flag(lua_State *L, const char *key) {
  lua_getfield(L, 1, key);
  bool v = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return v;
}
static lua_Number number(lua_State *L, int idx, const char *key) {
  lua_getfield(L, idx, key);
  lua_Number v = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return v;
}

/* style{oid=, string=, quick=, equals=, hex_text=, ticks=, bare=, hex_line=, precision=, names=, whole_indexes=, extended=,
 * escape_quotes=, numeric_enums=, no_units=, no_hint=, two_digits=}: of all that is shown from now on.
 * [-1, +0, e] */
static int set_style(lua_State *L) {
  struct tool *t = tool_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  t->show = (struct moon_show){
    .oid = (uint8_t)number(L, 1, "oid"),
    .string = (uint8_t)number(L, 1, "string"),
    .quick = flag(L, "quick"),
    .equals = flag(L, "equals"),
    .hex_text = flag(L, "hex_text"),
    .ticks = flag(L, "ticks"),
    .bare = flag(L, "bare"),
    .hex_line = (int32_t)number(L, 1, "hex_line"),
    .names = flag(L, "names") ? moon_mib_names() : NULL,
    .whole_indexes = flag(L, "whole_indexes"),
    .extended = flag(L, "extended"),
    .escape_quotes = flag(L, "escape_quotes"),
    .numeric_enums = flag(L, "numeric_enums"),
    .no_units = flag(L, "no_units"),
    .no_hint = flag(L, "no_hint"),
    .two_digits = flag(L, "two_digits"),
  };
  lua_getfield(L, 1, "precision");
  if (lua_isstring(L, -1)) { moon_show_precision(&t->show, lua_tostring(L, -1)); }
  return 0;
}

/* The varbind { oid =, type =, value = } at idx; its strings stay on the stack. [-0, +2, e] */
static void check_varbind(lua_State *L, int idx, struct moon_varbind *vb) {
  size_t oid_len, value_len;
  luaL_checktype(L, idx, LUA_TTABLE);
  vb->type = (uint8_t)number(L, idx, "type");
  lua_getfield(L, idx, "oid");
  vb->oid = (const uint8_t *)luaL_checklstring(L, -1, &oid_len);
  lua_getfield(L, idx, "value");
  vb->value = (const uint8_t *)luaL_optlstring(L, -1, "", &value_len);
  if (oid_len > MOON_OID_MAX_LEN || value_len > MOON_DATAGRAM_MAX) { luaL_error(L, "a varbind that fits no datagram"); }
  vb->oid_len = (uint16_t)oid_len;
  vb->value_len = (uint32_t)value_len;
}

/* print(varbind): a line on stdout. [-1, +0, e] */
static int print_varbind(lua_State *L) {
  struct tool *t = tool_of(L);
  struct moon_varbind vb;
  check_varbind(L, 1, &vb);
  t->text.n = 0;
  moon_show_varbind(&t->show, &vb, &t->text);
  if (t->text.failed) { luaL_error(L, "not enough memory"); }
  fwrite(t->text.p, 1, t->text.n, stdout);
  putc('\n', stdout);
  return 0;
}

/* show_oid(octets) -> text. [-1, +1, e] */
static int show_oid(lua_State *L) {
  struct tool *t = tool_of(L);
  size_t n;
  const char *oid = luaL_checklstring(L, 1, &n);
  t->text.n = 0;
  moon_show_oid(&t->show, (const uint8_t *)oid, n, &t->text);
  lua_pushlstring(L, t->text.n ? t->text.p : "", t->text.n);
  return 1;
}

static int refuse(lua_State *L, enum moon_err err, const char *detail) {
  lua_pushnil(L);
  lua_pushstring(L, moon_err_name(err));
  lua_pushstring(L, detail);
  return 3;
}

/* parse_oid(text, top) -> octets; nil, code, detail of moon_given_oid; top: by moon_given_top. [-2, +3, e] */
static int parse_oid(lua_State *L) {
  uint8_t octets[MOON_OID_MAX_LEN];
  char detail[MOON_GIVEN_DETAIL] = "";
  size_t n = 0;
  const char *text = luaL_checkstring(L, 1);
  enum moon_err err = lua_toboolean(L, 2) ? moon_given_top(text, octets, &n) : moon_given_oid(text, octets, &n, detail);
  if (err) { return refuse(L, err, detail); }
  lua_pushlstring(L, (char *)octets, n);
  return 1;
}

/* parse_name(text, any) -> octets; nil, code, detail of moon_names_resolve; any: values out of range are taken. [-2, +3, e] */
static int parse_name(lua_State *L) {
  uint8_t octets[MOON_OID_MAX_LEN];
  char detail[MOON_GIVEN_DETAIL] = "";
  struct moon_out why = {.p = detail, .cap = sizeof detail};
  size_t len, n = 0;
  const char *text = luaL_checklstring(L, 1, &len);
  enum moon_err err = moon_names_resolve(moon_mib_names(), text, len, lua_toboolean(L, 2) ? MOON_RESOLVE_ANY_VALUE : 0, octets, &n, &why);
  if (err) { return refuse(L, err, detail); }
  lua_pushlstring(L, (char *)octets, n);
  return 1;
}

/* parse_best(pattern) -> octets of the object whose name fits best; nil [-1, +1, e] */
static int parse_best(lua_State *L) {
  struct moon_ref ref;
  if (moon_best_named(moon_mib_names(), luaL_checkstring(L, 1), &ref)) {
    lua_pushlstring(L, (const char *)ref.node.oid, ref.node.oid_len);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

/* object(octets, label) -> the type letter of a SET for the object, the value its label stands for; nil: nothing is known of it.
 * [-2, +2, e] */
static int object_of(lua_State *L) {
  static const char letters[MOON_BASES + 1] = {[MOON_BASE_INT] = 'i', [MOON_BASE_OCTETS] = 's', [MOON_BASE_OID] = 'o', [MOON_BASE_IP] = 'a',
                                               [MOON_BASE_COUNTER32] = 'c', [MOON_BASE_GAUGE32] = 'u', [MOON_BASE_UNSIGNED32] = 'u',
                                               [MOON_BASE_TICKS] = 't', [MOON_BASE_COUNTER64] = 'C', [MOON_BASE_BITS] = 'b', [MOON_BASE_NETWORK] = 'a'};
  size_t n, label_n;
  const uint8_t *oid = (const uint8_t *)luaL_checklstring(L, 1, &n);
  const char *label = luaL_optlstring(L, 2, "", &label_n);
  struct moon_ref ref;
  struct moon_mib_type type;
  int32_t value;
  if (!moon_names_find(moon_mib_names(), oid, n, &ref) || !moon_mib_type(ref.mib, ref.node.type, &type) || !letters[type.base]) { return 0; }
  lua_pushlstring(L, &letters[type.base], 1);
  if (moon_mib_labelled(ref.mib, &type, label, label_n, &value)) {
    lua_pushinteger(L, value);
  } else {
    lua_pushnil(L);
  }
  return 2;
}

/* parse_value(letter, text) -> tag, octets, cut; nil, code, detail of moon_given_value. [-2, +3, e] */
static int parse_value(lua_State *L) {
  char detail[MOON_GIVEN_DETAIL];
  uint8_t tag = 0, *octets = NULL;
  size_t n = 0;
  bool cut = false;
  enum moon_err err = moon_given_value(*luaL_checkstring(L, 1), luaL_checkstring(L, 2), &tag, &octets, &n, &cut, detail);
  if (err) { return refuse(L, err, detail); }
  lua_pushinteger(L, tag);
  lua_pushlstring(L, n ? (char *)octets : "", n);
  moon_mem_free(octets);
  lua_pushboolean(L, cut);
  return 3;
}

/* ---- the world ---- */

/* now() -> seconds of a clock that does not go back. [-0, +1, -] */
static int now(lua_State *L) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
  return 1;
}

/* directory(path) -> names of what is in it; nil: it cannot be read [-1, +1, m e] */
static int directory(lua_State *L) {
  DIR *d = opendir(luaL_checkstring(L, 1));
  struct dirent *entry;
  int n = 0;
  if (!d) { return 0; }
  lua_newtable(L);
  while ((entry = readdir(d))) {
    lua_pushstring(L, entry->d_name);
    lua_rawseti(L, -2, ++n);
  }
  closedir(d);
  return 1;
}

/* is_directory(path) [-1, +1, e] */
static int is_directory(lua_State *L) {
  struct stat s;
  lua_pushboolean(L, stat(luaL_checkstring(L, 1), &s) == 0 && S_ISDIR(s.st_mode));
  return 1;
}

/* cause() -> what the system said last about a name; nil: nothing. [-0, +1, m] */
static int cause_of(lua_State *L) {
  struct tool *t = tool_of(L);
  lua_pushstring(L, t->cause ? strerror(t->cause) : NULL);
  return 1;
}

/* resolve(host, 4|6) -> octets, scope; nil: see cause. Blocks. [-2, +2, e] */
static int resolve(lua_State *L) {
  struct tool *t = tool_of(L);
  const char *host = luaL_checkstring(L, 1);
  int family = luaL_checkinteger(L, 2) == 6 ? AF_INET6 : AF_INET;
  struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM}, *found = NULL;
  errno = t->cause;
  int err = getaddrinfo(host, NULL, &hints, &found);
  if (err || !found) {
    t->cause = errno;
    return 0;
  }
  if (family == AF_INET6) {
    const struct sockaddr_in6 *a = (const void *)found->ai_addr;
    lua_pushlstring(L, (const char *)&a->sin6_addr, 16);
    lua_pushnumber(L, a->sin6_scope_id);
  } else {
    const struct sockaddr_in *a = (const void *)found->ai_addr;
    lua_pushlstring(L, (const char *)&a->sin_addr, 4);
    lua_pushnumber(L, 0);
  }
  freeaddrinfo(found);
  return 2;
}

static void trace(void *arg, bool sent, const struct moon_addr *peer, const uint8_t *p, size_t n) {
  struct tool *t = arg;
  char address[MOON_ADDR_TEXT_MAX];
  if (!t->log) { return; }
  struct moon_addr to = *peer;
  to.stream = 0;
  moon_addr_format(&to, address, sizeof address);
  fprintf(t->log, sent ? "\nSending %zu bytes to " : "\nReceived %zu byte packet from ", n);
  if (peer->family == 6) {
    fprintf(t->log, "%s/IPv6: %s\n", peer->stream ? "TCP" : "UDP", address);
  } else if (peer->stream) {
    int colon = (int)(strrchr(address, ':') - address);
    fprintf(t->log, "TCP: [%.*s]%s->[0.0.0.0]:0\n", colon, address, address + colon);
  } else {
    if (t->client) { t->port = moon_client_port(t->client); }
    int colon = (int)(strrchr(address, ':') - address);
    fprintf(t->log, "UDP: [%.*s]%s->[%s]:%u\n", colon, address, address + colon, t->source, t->port);
  }
  t->text.n = 0;
  moon_show_dump(p, n, &t->text);
  fwrite(t->text.p, 1, t->text.n, t->log);
}

static void check_address(lua_State *L, const char *key, struct moon_addr *a) {
  size_t n;
  lua_getfield(L, 1, key);
  const char *octets = lua_tolstring(L, -1, &n);
  if (octets && (n == 4 || n == 16)) {
    memcpy(a->ip, octets, n);
    a->family = n == 4 ? 4 : 6;
  }
  lua_pop(L, 1);
}

/* open{address=, port=, scope=, stream=, source=, source_port=, version=, community=, login=, timeout=, retries=, dump=} -> true; nil, why.
 * login: of user.h.
 * [-1, +2, e] */
static int open_client(lua_State *L) {
  struct tool *t = tool_of(L);
  struct moon_client_config config = {0};
  size_t n;
  luaL_checktype(L, 1, LUA_TTABLE);
  check_address(L, "address", &config.addr);
  config.addr.port = (uint16_t)number(L, 1, "port");
  config.addr.scope = (uint32_t)number(L, 1, "scope");
  config.addr.stream = flag(L, "stream");
  check_address(L, "source", &config.source);
  struct moon_addr shown = config.source;
  if (shown.family != 4) { shown = (struct moon_addr){.family = 4}; }
  moon_addr_format(&shown, t->source, sizeof t->source);
  *strrchr(t->source, ':') = 0;
  config.source.port = (uint16_t)number(L, 1, "source_port");
  struct moon_credential who = {.version = (uint8_t)number(L, 1, "version")};
  config.credential = &who;
  config.timeout_us = (uint64_t)(number(L, 1, "timeout") * 1e6);
  t->retries = (uint32_t)number(L, 1, "retries");
  if (who.version == MOON_V3) {
    lua_getfield(L, 1, "login");
    moon_tool_user(L, lua_gettop(L), &who);
  } else {
    lua_getfield(L, 1, "community");
    const char *community = luaL_checklstring(L, -1, &n);
    if (n > MOON_COMMUNITY_MAX) { return refuse(L, MOON_E_LIMIT, NULL); }
    memcpy(who.community, community, n);
    who.community_len = (uint8_t)n;
  }
  if (flag(L, "dump")) {
    config.trace = trace;
    config.arg = t;
  }
  moon_client_free(t->client);
  t->client = NULL;
  enum moon_err err = moon_client_new(&config, &t->client);
  moon_credential_fini(&who);
  if (err) {
    lua_pushnil(L);
    lua_pushstring(L, err == MOON_E_CONFIG ? strerror(errno) : moon_err_text(err));
    return 2;
  }
  lua_pushboolean(L, true);
  return 1;
}

/* The list at idx into t->varbinds, from its end; MOON_E_SPACE. [-0, +0, e] */
static enum moon_err encode_list(lua_State *L, struct tool *t, int idx, struct moon_request *r) {
  struct moon_writer w;
  int n = (int)lua_objlen(L, idx);
  moon_writer_init(&w, t->varbinds, MOON_DATAGRAM_MAX);
  for (int i = n; i > 0; i--) {
    struct moon_varbind vb;
    lua_rawgeti(L, idx, i);
    check_varbind(L, lua_gettop(L), &vb);
    size_t oid_len = vb.oid_len, value_len = vb.value_len;
    moon_given_wire(&vb.oid, &oid_len);
    if (vb.type == MOON_OBJECT_ID) { moon_given_wire(&vb.value, &value_len); }
    vb.oid_len = (uint16_t)oid_len;
    vb.value_len = (uint32_t)value_len;
    moon_varbind_put(&w, &vb);
    lua_pop(L, 3);
  }
  r->varbinds = w.p;
  r->varbinds_len = (uint32_t)moon_writer_len(&w);
  r->n_varbinds = (uint16_t)n;
  return w.err;
}

static void push_list(lua_State *L, const struct moon_pdu *pdu) {
  struct moon_reader r;
  struct moon_varbind vb;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  for (int n = 1; moon_varbind_get(&r, &vb); n++) {
    lua_createtable(L, 0, 3);
    lua_pushlstring(L, (const char *)vb.oid, vb.oid_len);
    lua_setfield(L, -2, "oid");
    lua_pushinteger(L, vb.type);
    lua_setfield(L, -2, "type");
    lua_pushlstring(L, (const char *)vb.value, vb.value_len);
    lua_setfield(L, -2, "value");
    lua_rawseti(L, -2, n);
  }
}

/* ask(pdu_type, list, a, b, retries) -> error-status; nil, code, type of a PDU that is no Response. Blocks.
 * a, b: non-repeaters and repetitions of GETBULK; retries: nil for those open was told. [-5, +3, e] */
static int ask(lua_State *L) {
  struct tool *t = tool_of(L);
  struct moon_request r = {.pdu_type = (uint8_t)luaL_checkinteger(L, 1)};
  luaL_checktype(L, 2, LUA_TTABLE);
  if (!t->client) { return luaL_error(L, "nothing is open"); }
  r.kind = r.pdu_type == MOON_PDU_GET_BULK ? MOON_KIND_BULK : MOON_KIND_GET;
  r.non_repeaters = (int32_t)luaL_optnumber(L, 3, 0);
  r.max_repetitions = (int32_t)luaL_optnumber(L, 4, 0);
  enum moon_err err = encode_list(L, t, 2, &r);
  t->outcome = (struct moon_outcome){0};
  if (!err) { err = moon_client_ask(t->client, &r, (uint32_t)luaL_optnumber(L, 5, t->retries), &t->outcome); }
  if (err && t->outcome.pdu.type != MOON_PDU_RESPONSE) {
    lua_pushnil(L);
    lua_pushstring(L, moon_err_name(err));
    lua_pushinteger(L, t->outcome.pdu.type);
    return 3;
  }
  lua_pushinteger(L, t->outcome.pdu.error_status);
  return 1;
}

/* engine_known() -> did the agent tell its engine id, or somebody else? [-0, +1, -] */
static int engine_known(lua_State *L) {
  struct tool *t = tool_of(L);
  lua_pushboolean(L, t->client && moon_client_knows_engine(t->client));
  return 1;
}

/* probe() -> the same, after asking for it. Blocks. [-0, +1, e] */
static int probe(lua_State *L) {
  struct tool *t = tool_of(L);
  struct moon_request r = {.pdu_type = MOON_PDU_GET, .kind = MOON_KIND_GET, .varbinds = t->varbinds};
  if (!t->client) { return luaL_error(L, "nothing is open"); }
  (void)moon_client_ask(t->client, &r, t->retries, &t->outcome); /* of nobody: any verdict will do */
  return engine_known(L);
}

/* reply() -> what the last ask got, a list of varbinds with .status and .index. [-0, +1, m] */
static int reply_of(lua_State *L) {
  struct tool *t = tool_of(L);
  lua_createtable(L, 16, 2);
  push_list(L, &t->outcome.pdu);
  lua_pushinteger(L, t->outcome.pdu.error_status);
  lua_setfield(L, -2, "status");
  lua_pushinteger(L, t->outcome.pdu.error_index);
  lua_setfield(L, -2, "index");
  return 1;
}

/* octets() -> those of the varbinds the last ask got. [-0, +1, -] */
static int octets_of(lua_State *L) {
  struct tool *t = tool_of(L);
  lua_pushnumber(L, (lua_Number)t->outcome.pdu.varbinds_len);
  return 1;
}

/* stretch(name, root, stop, group, single, check, took) -> name to go on from or nil, how many were shown, failed, refused: what
 * the last ask got, see stretch.h. [-7, +4, e] */
static int show_stretch(lua_State *L) {
  struct tool *t = tool_of(L);
  struct moon_stretched got;
  struct moon_stretch s = {.group = (uint32_t)luaL_checknumber(L, 4), .single = lua_toboolean(L, 5), .check = lua_toboolean(L, 6),
                           .took_s = luaL_optnumber(L, 7, -1)};
  s.name = (const uint8_t *)luaL_checklstring(L, 1, &s.name_len);
  s.root = (const uint8_t *)luaL_checklstring(L, 2, &s.root_len);
  s.stop = (const uint8_t *)luaL_optlstring(L, 3, NULL, &s.stop_len);
  moon_stretch_show(&s, &t->show, &t->outcome.pdu, &t->text, &got);
  if (t->text.failed) { luaL_error(L, "not enough memory"); }
  if (got.name) {
    lua_pushlstring(L, (const char *)got.name, got.name_len);
  } else {
    lua_pushnil(L);
  }
  lua_pushnumber(L, got.shown);
  lua_pushboolean(L, got.failed);
  lua_pushboolean(L, got.refused);
  return 4;
}

/* ---- the program ---- */

static int run(lua_State *L) {
  static const luaL_Reg functions[] = {
    {"getopt", get_option}, {"take", take_argument}, {"peek", peek_argument}, {"ku", moon_tool_ku}, {"key_len", moon_tool_key_len}, {"wipe", wipe_option}, {"out", put_out}, {"err", put_err}, {"log", put_log},
    {"flush", flush_out}, {"log_to", log_to}, {"style", set_style}, {"print", print_varbind}, {"show_oid", show_oid},
    {"parse_oid", parse_oid}, {"parse_name", parse_name}, {"parse_best", parse_best}, {"object", object_of}, {"parse_value", parse_value},  {"now", now}, {"is_directory", is_directory}, {"directory", directory},
    {"resolve", resolve}, {"cause", cause_of}, {"open", open_client}, {"ask", ask}, {"probe", probe}, {"engine_known", engine_known}, {"reply", reply_of}, {"octets", octets_of}, {"stretch", show_stretch}, {NULL, NULL}};
  struct tool *t = lua_touserdata(L, 1);
  luaL_openlibs(L);
  moon_value_open(L, moon_embedded);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpoll.cli");
  lua_call(L, 1, 1);
  lua_newtable(L);
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushlightuserdata(L, t);
    lua_pushcclosure(L, f->func, 1);
    lua_setfield(L, -2, f->name);
  }
  lua_pushliteral(L, MOON_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

int moon_tool_main(const char *command, int argc, char **argv) {
  struct tool t = {.argc = argc, .argv = argv, .log = stderr, .cause = ENOENT};
  int status = 1;
  if (strcmp(argv[0], command) == 0) { argv[0] = (char *)(uintptr_t)(command - 4); }
  t.varbinds = moon_mem_alloc(MOON_DATAGRAM_MAX);
  lua_State *L = t.varbinds ? moon_wiped_state() : NULL;
  if (!L) {
    fputs("moonpoll: out of memory\n", stderr);
    moon_mem_free(t.varbinds);
    return status;
  }
  optind = 0; /* GNU: forget everything of a parse before */
  lua_pushcfunction(L, run);
  lua_pushlightuserdata(L, &t);
  lua_pushstring(L, command);
  if (lua_pcall(L, 2, 1, 0)) {
    fprintf(stderr, "moonpoll %s: %s\n", command, lua_tostring(L, -1));
  } else {
    status = (int)lua_tointeger(L, -1);
  }
  moon_client_free(t.client);
  lua_close(L);
  moon_show_fini(&t.text);
  moon_mem_free(t.varbinds);
  if (fflush(stdout) && status == 0) { status = 1; }
  return status;
}
