#include "mib.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../names/print.h"
#include "../../names/resolve.h"
#include "../load/where.h"
#include "decode.h"
#include "number.h"

#define OBJECT "moonpoll.object"
#define WHY_MAX 256
#define SHOW_BUFFER 1024 /* longer results go to a userdata */
#define NEAR_MAX 4096    /* names of which the nearest is looked for, */
#define NEAR_APART 3     /* none of them longer or shorter by more letters; */
#define NEAR_OBJECT 3    /* and objects begin with the same ones, in any case: there are thousands; */
#define NEAR_MODULE 2    /* as modules do */

/* Fields of an object no script can name: their addresses are the keys. */
static const char oid_key = 0, instance_key = 0, self_key = 0;

/* ---- the names of this process ---- */

static struct {
  struct moon_names names;
  const char *path;
  const char *fault;
  bool ready;
} known;

void moon_mib_use(const char *path) { known.path = path; }

bool moon_mib_place(char *path, size_t cap) {
  const char *given = known.path ? known.path : getenv("MOONPOLL_MIBS"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
  int n;
  if (given) {
    n = snprintf(path, cap, "%s", given);
  } else if (data && data[0] == '/') {
    n = snprintf(path, cap, "%s/moonpoll/mibs", data);
  } else if (home && home[0] == '/') {
    n = snprintf(path, cap, "%s/.local/share/moonpoll/mibs", home);
  } else {
    return false;
  }
  return n > 0 && (size_t)n < cap;
}

/* What is mapped stays mapped: names point into it. A new file takes the place of the old one by its name only. */
static void map_file(void) {
  char path[4096];
  struct stat st;
  if (!moon_mib_place(path, sizeof path)) { return; }
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) { return; }
  if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= MOON_MIB_SIZE_MAX) {
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
      known.fault = "cannot be mapped";
    } else if (moon_names_add(&known.names, p, (size_t)st.st_size)) {
      munmap(p, (size_t)st.st_size);
      known.fault = "is damaged, or of another version; moonpoll mib add makes it anew";
    }
  } else {
    known.fault = "is no file of names";
  }
  close(fd);
}

const struct moon_names *moon_mib_names(void) {
  if (!known.ready) {
    moon_names_init(&known.names);
    map_file();
    known.ready = true;
  }
  return &known.names;
}

const char *moon_mib_fault(void) {
  moon_mib_names();
  return known.fault;
}

/* ---- objects ---- */

bool moon_mib_is_object(lua_State *L, int idx) {
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx)) { return false; }
  luaL_getmetatable(L, OBJECT);
  bool is = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is;
}

/* What is under one of the keys above, without leaving it on the stack: the object keeps it. */
static const char *kept(lua_State *L, int idx, const void *key, size_t *n) {
  if (idx < 0) { idx += lua_gettop(L) + 1; }
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_rawget(L, idx);
  const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, n) : NULL;
  lua_pop(L, 1);
  return s;
}

const char *moon_mib_text(lua_State *L, int idx, bool instance, size_t *n) {
  if (lua_type(L, idx) == LUA_TSTRING) { return lua_tolstring(L, idx, n); }
  if (!moon_mib_is_object(L, idx)) { return NULL; }
  const char *s = instance ? kept(L, idx, &instance_key, n) : NULL;
  return s ? s : kept(L, idx, &oid_key, n);
}

/* A tab, a line's end, what a page on the web had for a space: nobody sees it in a message. */
static bool tell_unseen(const char *text, size_t n, char *why, size_t why_cap) {
  for (size_t i = 0; i < n; i++) {
    uint8_t octet = (uint8_t)text[i];
    if (octet < ' ' || octet >= 0x7f) { return snprintf(why, why_cap, "its octet %zu is 0x%02x, which cannot be seen", i + 1, octet) > 0; }
  }
  return false;
}

enum moon_err moon_mib_parse(const char *text, size_t n, uint8_t *out, size_t cap, size_t *len, char *why, size_t why_cap) {
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t have = 0;
  struct moon_out detail = {.p = why, .cap = why_cap};
  if (why_cap) { why[0] = '\0'; }
  enum moon_err e = moon_oid_parse(text, n, out, cap, len);
  if (e == MOON_E_SYNTAX && why_cap && tell_unseen(text, n, why, why_cap)) { return e; }
  if (!e || e != MOON_E_SYNTAX || !n || (text[0] >= '0' && text[0] <= '9')) { return e; }
  e = moon_names_resolve(moon_mib_names(), text, n, 0, octets, &have, why_cap ? &detail : NULL);
  if (e) { return e; }
  if (have > cap) { return MOON_E_SPACE; }
  memcpy(out, octets, have);
  *len = have;
  return MOON_OK;
}

static void put_text(lua_State *L, const void *key, const char *text, size_t n) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_pushlstring(L, text, n);
  lua_rawset(L, -3);
}

/* Labels both ways: name -> number, number -> name. [-0, +0, m] */
static void put_labels(lua_State *L, const struct moon_mib *m, uint32_t type) {
  struct moon_mib_type t;
  struct moon_text_view name;
  int32_t value;
  if (!moon_mib_type(m, type, &t)) { return; }
  for (uint32_t i = 0; moon_mib_item(m, &t, i, &value, &name); i++) {
    lua_pushlstring(L, name.p, name.n);
    lua_pushnumber(L, value);
    lua_rawset(L, -3);
    lua_pushlstring(L, name.p, name.n);
    lua_rawseti(L, -2, value);
  }
}

static void push_object(lua_State *L, const struct moon_ref *ref) {
  char text[MOON_OID_TEXT_MAX + 2];
  size_t n = moon_oid_format(ref->node.oid, ref->node.oid_len, text, MOON_OID_TEXT_MAX);
  lua_createtable(L, 0, 4);
  put_text(L, &oid_key, text, n);
  put_text(L, &self_key, ref->node.name.p, ref->node.name.n);
  if (ref->node.kind == MOON_MIB_SCALAR) {
    memcpy(text + n, ".0", 2);
    put_text(L, &instance_key, text, n + 2);
  }
  put_labels(L, ref->mib, ref->node.type);
  luaL_getmetatable(L, OBJECT);
  lua_setmetatable(L, -2);
}

/* tostring(object) [-0, +1, e] */
static int object_text(lua_State *L) {
  size_t n = 0;
  const char *s = moon_mib_text(L, 1, false, &n);
  lua_pushlstring(L, s ? s : "", s ? n : 0);
  return 1;
}

/* object .. ".1" [-0, +1, m e] */
static int object_concat(lua_State *L) {
  lua_settop(L, 2);
  for (int i = 1; i <= 2; i++) {
    size_t n = 0;
    const char *s = moon_mib_is_object(L, i) ? moon_mib_text(L, i, false, &n) : lua_tolstring(L, i, &n);
    if (!s) { return luaL_error(L, "attempt to concatenate an OID and a %s", luaL_typename(L, i)); }
    lua_pushlstring(L, s, n);
  }
  lua_concat(L, 2);
  return 1;
}

/* A label it does not have; a number without a label is nil. [-0, +1, e] */
static int object_missing(lua_State *L) {
  size_t n = 0;
  if (lua_type(L, 2) != LUA_TSTRING) {
    lua_pushnil(L);
    return 1;
  }
  const char *self = kept(L, 1, &self_key, &n);
  return luaL_error(L, "%s has no value named '%s'", self ? self : "this", lua_tostring(L, 2));
}

static int object_fixed(lua_State *L) { return luaL_error(L, "objects of a MIB do not change"); }

static void open_objects(lua_State *L) {
  static const luaL_Reg methods[] = {{"__tostring", object_text}, {"__concat", object_concat}, {"__index", object_missing},
                                     {"__newindex", object_fixed}, {NULL, NULL}};
  if (luaL_newmetatable(L, OBJECT)) {
    for (const luaL_Reg *m = methods; m->name; m++) {
      lua_pushcfunction(L, m->func);
      lua_setfield(L, -2, m->name);
    }
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
  }
  lua_pop(L, 1);
}

/* A textual convention of the module: its labels. [-0, +1, m] */
static bool push_convention(lua_State *L, const char *module, size_t module_n, const char *name, size_t n) {
  const struct moon_names *s = moon_mib_names();
  for (uint32_t i = s->n; i-- > 0;) {
    uint32_t k = moon_mib_find_module(&s->block[i], module, module_n);
    uint32_t type = k == MOON_MIB_NONE ? MOON_MIB_NONE : moon_mib_find_type(&s->block[i], k, name, n);
    if (type == MOON_MIB_NONE) { continue; }
    lua_newtable(L);
    put_labels(L, &s->block[i], type);
    return true;
  }
  return false;
}

/* Names that may have been meant by one of len letters. */
struct near { const char **list; uint32_t n; size_t len, same; };

static void consider(struct near *c, struct moon_text_view one, const char *name) {
  size_t apart = one.n < c->len ? c->len - one.n : one.n - c->len;
  if (apart <= NEAR_APART && c->n < NEAR_MAX && strncasecmp(one.p, name, c->same) == 0) { c->list[c->n++] = one.p; }
}

void moon_mib_push_nearest(lua_State *L, const char *module, size_t module_n, const char *name) {
  const struct moon_names *s = moon_mib_names();
  struct near c = {.list = lua_newuserdata(L, (NEAR_MAX + 1) * sizeof *c.list), .len = strlen(name), .same = NEAR_OBJECT};
  struct moon_mib_node node;
  for (uint32_t i = s->n; i-- > 0;) {
    const struct moon_mib *m = &s->block[i];
    uint32_t k = module ? moon_mib_find_module(m, module, module_n) : MOON_MIB_NONE;
    if (module && k == MOON_MIB_NONE) { continue; }
    for (uint32_t at = 0; moon_mib_node(m, at, &node); at++) {
      if (!module || node.module == k) { consider(&c, node.name, name); }
    }
  }
  c.list[c.n] = NULL;
  const char *best = moon_where_nearest(c.list, name);
  lua_pushstring(L, best);
  lua_remove(L, -2);
}

/* The name of the module that is nearest, or nil. [-0, +1, m] */
static void push_nearest_module(lua_State *L, const char *name) {
  const struct moon_names *s = moon_mib_names();
  struct near c = {.list = lua_newuserdata(L, (NEAR_MAX + 1) * sizeof *c.list), .len = strlen(name), .same = NEAR_MODULE};
  for (uint32_t i = s->n; i-- > 0;) {
    struct moon_text_view one;
    for (uint32_t k = 0; (one = moon_mib_module_name(&s->block[i], k)).n; k++) { consider(&c, one, name); }
  }
  c.list[c.n] = NULL;
  lua_pushstring(L, moon_where_nearest(c.list, name));
  lua_remove(L, -2);
}

/* module.name: made when it is first asked for. Upvalue 1: the module's name. [-0, +1, m e] */
static int module_field(lua_State *L) {
  size_t module_n, n;
  struct moon_ref ref;
  const char *module = lua_tolstring(L, lua_upvalueindex(1), &module_n);
  lua_settop(L, 2);
  if (lua_type(L, 2) != LUA_TSTRING) {
    lua_pushnil(L);
    return 1;
  }
  const char *name = lua_tolstring(L, 2, &n);
  if (moon_names_named(moon_mib_names(), module, module_n, name, n, &ref)) {
    push_object(L, &ref);
  } else if (!push_convention(L, module, module_n, name, n)) {
    moon_mib_push_nearest(L, module, module_n, name);
    if (lua_isnil(L, -1)) { return luaL_error(L, "%s has no '%s'", module, name); }
    return luaL_error(L, "%s has no '%s'; is it %s?", module, name, lua_tostring(L, -1));
  }
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, 1);
  return 1;
}

int moon_mib_module(lua_State *L) {
  size_t n;
  char path[4096];
  const char *name = luaL_checklstring(L, 1, &n);
  luaL_checkstack(L, MOON_VALUE_STACK + 4, "mib");
  if (!moon_names_module(moon_mib_names(), name, n)) {
    const char *fault = moon_mib_fault();
    if (fault && moon_mib_place(path, sizeof path)) { return luaL_error(L, "no MIB module '%s' is known: %s %s", name, path, fault); }
    push_nearest_module(L, name);
    if (!lua_isnil(L, -1)) { return luaL_error(L, "no MIB module '%s' is known; is it %s?", name, lua_tostring(L, -1)); }
    return luaL_error(L, "no MIB module '%s' is known; moonpoll mib add FILE makes one known", name);
  }
  open_objects(L);
  lua_newtable(L);
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, module_field, 1);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  return 1;
}

int moon_mib_oid(lua_State *L) {
  uint8_t octets[MOON_OID_MAX_LEN];
  char why[WHY_MAX];
  size_t n = 0, len = 0;
  luaL_checkstack(L, MOON_VALUE_STACK, "oid");
  const char *text = moon_mib_text(L, 1, true, &n);
  if (!text) { return luaL_typerror(L, 1, "OID, name or object of a MIB"); }
  enum moon_err e = moon_mib_parse(text, n, octets, sizeof octets, &len, why, sizeof why);
  if (e) { return luaL_error(L, why[0] ? "'%s' is no OID: %s" : "'%s' is no OID", text, why); }
  moon_value_push_oid(L, octets, len);
  return 1;
}

int moon_mib_name(lua_State *L) {
  static const char *const forms[] = {"module", "suffix", "full", "numeric", "ucd", NULL};
  uint8_t octets[MOON_OID_MAX_LEN];
  char text[4096];
  struct moon_out out = {.p = text, .cap = sizeof text};
  size_t n = 0, len = 0;
  int form = luaL_checkoption(L, 2, "module", forms);
  if (lua_isnoneornil(L, 1)) {
    lua_pushnil(L);
    return 1;
  }
  const char *given = moon_mib_text(L, 1, false, &n);
  if (!given) { return luaL_typerror(L, 1, "OID, name or object of a MIB"); }
  if (moon_mib_parse(given, n, octets, sizeof octets, &len, NULL, 0)) { return luaL_error(L, "'%s' is no OID", given); }
  moon_print_oid(moon_mib_names(), octets, len, (uint32_t)form, &out);
  lua_pushlstring(L, text, out.n < sizeof text ? out.n : sizeof text - 1);
  return 1;
}

/* "bridge,router"; numbers for bits without a label. */
static void show_bits(const struct moon_mib *m, const struct moon_mib_type *t, const uint8_t *p, size_t n, struct moon_out *out) {
  struct moon_text_view name;
  for (size_t i = 0; i < 8 * n; i++) {
    if (!(p[i / 8] & 0x80 >> i % 8)) { continue; }
    if (out->n) { moon_out_char(out, ','); }
    if (moon_mib_label(m, t, (int64_t)i, &name)) {
      moon_out_put(out, name.p, name.n);
    } else {
      moon_out_u64(out, i);
    }
  }
}

/* Whether there is something to say that the value itself does not. */
static bool show_octets(const struct moon_ref *ref, const struct moon_mib_type *t, const uint8_t *p, size_t n, struct moon_out *out) {
  char address[MOON_INET_TEXT_MAX];
  if (t->base == MOON_BASE_BITS) {
    show_bits(ref->mib, t, p, n, out);
    return true;
  }
  if (t->hint.n) { return moon_print_hint(p, n, t->hint.p, t->hint.n, true, out); }
  if (!moon_mib_is(ref->mib, ref->node.type, "InetAddress")) { return false; }
  size_t len = moon_inet_format(p, n, address, sizeof address);
  moon_out_put(out, address, len);
  return len > 0;
}

static bool show_value(lua_State *L, const struct moon_ref *ref, struct moon_out *out) {
  struct moon_mib_type t;
  struct moon_text_view name;
  size_t n;
  if (!moon_mib_type(ref->mib, ref->node.type, &t)) { return false; }
  if (lua_type(L, 2) == LUA_TSTRING) {
    const char *p = lua_tolstring(L, 2, &n);
    if (t.base == MOON_BASE_OCTETS || t.base == MOON_BASE_BITS) { return show_octets(ref, &t, (const uint8_t *)p, n, out); }
    uint8_t octets[MOON_OID_MAX_LEN];
    size_t len = 0;
    if (t.base != MOON_BASE_OID || moon_oid_parse(p, n, octets, sizeof octets, &len)) { return false; }
    moon_print_oid(moon_mib_names(), octets, len, MOON_PRINT_MODULE, out);
    return true;
  }
  double v = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : 0.5;
  if (t.base == MOON_BASE_TICKS && v >= 0 && v <= UINT32_MAX / 100) { /* scripts see seconds */
    moon_print_ticks((uint32_t)(v * 100 + 0.5), 0, out);
    return true;
  }
  if (!(v >= -9007199254740992.0 && v <= 9007199254740992.0) || v != (double)(int64_t)v) { return false; }
  if (moon_mib_label(ref->mib, &t, (int64_t)v, &name)) {
    moon_out_put(out, name.p, name.n);
    return true;
  }
  return t.hint.n && moon_print_hint_number((int64_t)v, t.hint.p, t.hint.n, out);
}

int moon_mib_show(lua_State *L) {
  uint8_t octets[MOON_OID_MAX_LEN];
  char small[SHOW_BUFFER];
  struct moon_out out = {.p = small, .cap = sizeof small};
  size_t n = 0, len = 0;
  struct moon_ref ref;
  lua_settop(L, 2);
  luaL_checkstack(L, MOON_VALUE_STACK + 4, "show");
  if (lua_isnil(L, 2)) { return 1; }
  if (lua_type(L, 2) == LUA_TSTRING) { moon_decode_check_octets(L, 2, lua_objlen(L, 2)); }
  const char *given = moon_mib_text(L, 1, false, &n);
  if (!given) { return luaL_typerror(L, 1, "OID, name or object of a MIB"); }
  if (moon_mib_parse(given, n, octets, sizeof octets, &len, NULL, 0)) { return luaL_error(L, "'%s' is no OID", given); }
  bool shown = moon_names_find(moon_mib_names(), octets, len, &ref) && show_value(L, &ref, &out);
  if (!shown) { return lua_type(L, 2) == LUA_TSTRING ? (lua_remove(L, 1), moon_decode_text(L)) : (lua_remove(L, 1), moon_number_fmt(L)); }
  if (out.n >= out.cap) { /* once more, with room */
    out = (struct moon_out){.p = lua_newuserdata(L, out.n + 1), .cap = out.n + 1};
    show_value(L, &ref, &out);
  }
  lua_pushlstring(L, out.p, out.n);
  return 1;
}

bool moon_mib_row(lua_State *L, int idx, struct moon_ref *row) {
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t n = 0, len = 0;
  struct moon_ref ref;
  if (!moon_mib_is_object(L, idx)) { return false; }
  const char *text = moon_mib_text(L, idx, false, &n);
  return text && !moon_oid_parse(text, n, octets, sizeof octets, &len) && moon_names_find(moon_mib_names(), octets, len, &ref) &&
         ref.node.oid_len == len && moon_ref_row(&ref, row);
}
