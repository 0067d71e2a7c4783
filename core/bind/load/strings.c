#include "strings.h"

#include <lauxlib.h>
#include <luajit.h>
#include <stdlib.h>
#include <string.h>

#include "../../base/pattern.h"
#include "breath.h"
#include "tables.h"

#define DATE_MAX 1000 /* octets of a format */

/* Where the stack of this thread was when its state was opened. */
static _Thread_local uintptr_t stack_base;
/* Of this thread: not 0 when a match is to end. */
static _Thread_local const volatile int *stop;

void moon_strings_watch(const volatile int *flag) { stop = flag; }

/* Before anything that calls back. Whoever asks is below the base, unless this is another thread's stack. */
static bool too_deep(size_t most) {
  char here;
  uintptr_t at = (uintptr_t)&here, used = at < stack_base ? stack_base - at : at - stack_base;
  return stack_base && used > most;
}

static void raise(lua_State *L, const struct moon_pattern *m) {
  if (m->error) { luaL_error(L, "%s", m->error); }
}

/* [-0, +1, m e] */
static void push_capture(lua_State *L, struct moon_pattern *m, int i, const uint8_t *s, const uint8_t *e) {
  ptrdiff_t len;
  const uint8_t *p = moon_pattern_capture(m, i, s, e, &len);
  if (!p) {
    raise(L, m);
  } else if (len == MOON_PATTERN_POSITION) {
    lua_pushinteger(L, p - m->src + 1);
  } else {
    lua_pushlstring(L, (const char *)p, (size_t)len);
  }
}

/* All of them; without any the match itself, unless nobody wants that. [-0, +?, m e] */
static int push_captures(lua_State *L, struct moon_pattern *m, const uint8_t *s, const uint8_t *e, bool match) {
  int n = m->level == 0 && match ? 1 : m->level;
  luaL_checkstack(L, n, "too many captures");
  for (int i = 0; i < n; i++) { push_capture(L, m, i, s, e); }
  return n;
}

static ptrdiff_t start_of(lua_State *L, int arg, size_t n) {
  ptrdiff_t at = luaL_optinteger(L, arg, 1);
  if (at < 0) { at += (ptrdiff_t)n + 1; }
  at = at > 0 ? at - 1 : 0;
  return at > (ptrdiff_t)n ? (ptrdiff_t)n : at;
}

static int find_plain(lua_State *L, const char *s, size_t n, ptrdiff_t at, const char *p, size_t p_n) {
  const char *found = p_n ? memmem(s + at, n - (size_t)at, p, p_n) : s + at;
  if (!found) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, found - s + 1);
  lua_pushinteger(L, found - s + (ptrdiff_t)p_n);
  return 2;
}

/* [-0, +?, m e] */
static int search(lua_State *L, bool find) {
  size_t n, p_n;
  const char *text = luaL_checklstring(L, 1, &n), *pattern = luaL_checklstring(L, 2, &p_n);
  ptrdiff_t at = start_of(L, 3, n);
  if (find && (lua_toboolean(L, 4) || moon_pattern_is_plain(pattern, p_n))) { return find_plain(L, text, n, at, pattern, p_n); }
  struct moon_pattern m;
  bool anchor = p_n && *pattern == '^';
  moon_pattern_init(&m, text, n, pattern + anchor, p_n - anchor, MOON_PATTERN_STEPS, stop);
  const uint8_t *s = m.src + at;
  do {
    const uint8_t *e = moon_pattern_match(&m, s);
    if (!e) { continue; }
    if (!find) { return push_captures(L, &m, s, e, true); }
    lua_pushinteger(L, s - m.src + 1);
    lua_pushinteger(L, e - m.src);
    return 2 + push_captures(L, &m, NULL, NULL, false);
  } while (!m.error && s++ < m.src_end && !anchor);
  raise(L, &m);
  lua_pushnil(L);
  return 1;
}

static int find(lua_State *L) { return search(L, true); }
static int match(lua_State *L) { return search(L, false); }

/* Upvalues: the text, the pattern, where to go on. A loop is a call each: the hook is seen between them. [-0, +?, m e] */
static int gmatch_next(lua_State *L) {
  size_t n, p_n;
  const char *text = lua_tolstring(L, lua_upvalueindex(1), &n), *pattern = lua_tolstring(L, lua_upvalueindex(2), &p_n);
  struct moon_pattern m;
  moon_pattern_init(&m, text, n, pattern, p_n, MOON_PATTERN_STEPS, stop);
  for (const uint8_t *s = m.src + lua_tointeger(L, lua_upvalueindex(3)); s <= m.src_end && !m.error; s++) {
    const uint8_t *e = moon_pattern_match(&m, s);
    if (!e) { continue; }
    lua_pushinteger(L, e - m.src + (e == s));
    lua_replace(L, lua_upvalueindex(3));
    return push_captures(L, &m, s, e, true);
  }
  raise(L, &m);
  return 0;
}

static int gmatch(lua_State *L) { /* [-0, +1, m e] */
  luaL_checkstring(L, 1);
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, gmatch_next, 3);
  return 1;
}

/* ---- gsub ---- */

/* What gsub has put together; the text is bounded as that of rep is. */
struct made { luaL_Buffer b; size_t n; };

static void room(lua_State *L, struct made *d, size_t n) {
  d->n += n;
  if (d->n > MOON_STRINGS_MAX) { luaL_error(L, "resulting string too large"); }
}

static void add_octets(lua_State *L, struct made *d, const void *p, size_t n) {
  room(L, d, n);
  luaL_addlstring(&d->b, p, n);
}

static void add_top(lua_State *L, struct made *d) {
  room(L, d, lua_objlen(L, -1));
  luaL_addvalue(&d->b);
}

/* %0 to %9 in the replacement. */
static void add_text(lua_State *L, struct made *d, struct moon_pattern *m, const uint8_t *s, const uint8_t *e) {
  size_t n;
  const char *text = lua_tolstring(L, 3, &n), *end = text + n;
  while (text < end) {
    const char *percent = memchr(text, '%', (size_t)(end - text));
    add_octets(L, d, text, (size_t)((percent ? percent : end) - text));
    if (!percent) { return; }
    char c = percent[1]; /* a NUL at the end */
    text = percent + 2;
    if (c < '0' || c > '9') {
      add_octets(L, d, &c, 1);
    } else if (c == '0') {
      add_octets(L, d, s, (size_t)(e - s));
    } else {
      push_capture(L, m, c - '1', s, e);
      add_top(L, d);
    }
  }
}

static void add_value(lua_State *L, struct made *d, struct moon_pattern *m, const uint8_t *s, const uint8_t *e, int type) {
  if (type == LUA_TSTRING || type == LUA_TNUMBER) {
    add_text(L, d, m, s, e);
    return;
  }
  if (type == LUA_TTABLE) {
    push_capture(L, m, 0, s, e);
    lua_gettable(L, 3);
  } else {
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(L, m, s, e, true), 1);
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    add_octets(L, d, s, (size_t)(e - s));
  } else if (!lua_isstring(L, -1)) {
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  } else {
    add_top(L, d);
  }
}

/* [-0, +2, m e] */
static int gsub(lua_State *L) {
  size_t n, p_n;
  const char *text = luaL_checklstring(L, 1, &n), *pattern = luaL_checklstring(L, 2, &p_n);
  int type = lua_type(L, 3);
  if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TTABLE && type != LUA_TFUNCTION) {
    return luaL_argerror(L, 3, "string/function/table expected");
  }
  ptrdiff_t most = luaL_optinteger(L, 4, (lua_Integer)n + 1), count = 0;
  bool anchor = p_n && *pattern == '^';
  struct moon_pattern m;
  struct made d = {.n = 0};
  unsigned steps = 0;
  if (too_deep(MOON_STRINGS_NEST_MAX)) { return luaL_error(L, "C stack overflow"); }
  moon_pattern_init(&m, text, n, pattern + anchor, p_n - anchor, MOON_PATTERN_STEPS, stop);
  const uint8_t *s = m.src;
  luaL_buffinit(L, &d.b);
  while (count < most) {
    const uint8_t *e = moon_pattern_match(&m, s);
    if (e) {
      count++;
      add_value(L, &d, &m, s, e, type);
      moon_breath(L, &steps);
    }
    raise(L, &m);
    if (e && e > s) {
      s = e;
    } else if (s < m.src_end) {
      room(L, &d, 1);
      luaL_addchar(&d.b, (char)*s++);
    } else {
      break;
    }
    if (anchor) { break; }
  }
  add_octets(L, &d, s, (size_t)(m.src_end - s));
  luaL_pushresult(&d.b);
  lua_pushinteger(L, count);
  return 2;
}

/* ---- octet by octet ---- */

#define MAP_SMALL 512

/* Of letters those of ASCII, as in LuaJIT. [-0, +1, m e] */
static int map(lua_State *L, char first) {
  size_t n;
  char small[MAP_SMALL];
  const char *s = luaL_checklstring(L, 1, &n);
  if (n > MOON_STRINGS_MAX) { return luaL_argerror(L, 1, "string too large"); }
  char *out = n <= sizeof small ? small : lua_newuserdata(L, n);
  if (first) {
    for (size_t i = 0; i < n; i++) { out[i] = (char)((unsigned)(s[i] - first) < 26 ? s[i] ^ 0x20 : s[i]); }
  } else {
    for (size_t i = 0; i < n; i++) { out[i] = s[n - 1 - i]; }
  }
  lua_pushlstring(L, out, n);
  return 1;
}

static int lower(lua_State *L) { return map(L, 'A'); }
static int upper(lua_State *L) { return map(L, 'a'); }
static int reverse(lua_State *L) { return map(L, 0); }

/* ---- LuaJIT's own, after a look at what they are called with ---- */

/* A tail call, so that LuaJIT's messages name the script's line and the function as it is called there. */
static const char CHECKED[] = "local check, stock = ... return function(...) check(...) return stock(...) end";

static int refuse(lua_State *L, const char *why) {
  luaL_where(L, 2);
  lua_pushstring(L, why);
  lua_concat(L, 2);
  return lua_error(L);
}

/* Arguments of the wrong kind are for rep itself to tell. [-0, +0, e] */
static int check_rep(lua_State *L) {
  size_t n = 0, sep_n = 0;
  if (!lua_isstring(L, 1) || !lua_isnumber(L, 2)) { return 0; }
  lua_tolstring(L, 1, &n);
  if (lua_isstring(L, 3)) { lua_tolstring(L, 3, &sep_n); }
  return lua_tonumber(L, 2) * (double)(n + sep_n) > MOON_STRINGS_MAX ? refuse(L, "resulting string too large") : 0;
}

int moon_strings_check_nesting(lua_State *L) { return too_deep(MOON_STRINGS_NEST_MAX / 4) ? refuse(L, "C stack overflow") : 0; }

/* os.date: strftime gives 30 octets for one, and a microsecond goes by. [-0, +0, e] */
static int check_date(lua_State *L) {
  size_t n = 0;
  if (lua_isstring(L, 1)) { lua_tolstring(L, 1, &n); }
  return n > DATE_MAX ? refuse(L, "format too long") : 0;
}

/* Of the library at the top. [-0, +0, m] */
static void wrap(lua_State *L, const char *name, lua_CFunction check) {
  if (luaL_loadbufferx(L, CHECKED, sizeof CHECKED - 1, "@lua/moonpoll/strings", "t")) { lua_error(L); }
  lua_pushcfunction(L, check);
  lua_getfield(L, -3, name);
  lua_call(L, 2, 1);
  luaJIT_setmode(L, -1, LUAJIT_MODE_FUNC | LUAJIT_MODE_OFF);
  lua_setfield(L, -2, name);
}

void moon_strings_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"find", find}, {"match", match}, {"gmatch", gmatch}, {"lower", lower}, {"upper", upper},
                                       {"reverse", reverse}, {NULL, NULL}};
  char here;
  stack_base = (uintptr_t)&here;
  lua_getglobal(L, "string");
  if (lua_istable(L, -1)) {
    for (const luaL_Reg *f = functions; f->name; f++) {
      lua_pushcfunction(L, f->func);
      lua_setfield(L, -2, f->name);
    }
    moon_breath_push(L);
    lua_pushcclosure(L, gsub, 1);
    lua_setfield(L, -2, "gsub");
    wrap(L, "rep", check_rep);
    wrap(L, "format", moon_strings_check_nesting);
  }
  lua_pop(L, 1);
  lua_getglobal(L, "os");
  if (lua_istable(L, -1)) { wrap(L, "date", check_date); }
  lua_pop(L, 1);
  moon_tables_open(L);
}
