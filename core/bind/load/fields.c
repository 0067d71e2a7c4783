#include "fields.h"

#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"
#include "where.h"

void moon_fields_raise(struct moon_fields *f) {
  lua_pushnil(f->L);
  lua_error(f->L);
  __builtin_unreachable();
}

const char *moon_fields_place(struct moon_fields *f) {
  uint32_t line = f->call_line ? moon_where_call_line(f->text, f->len, f->call_line, f->path)
                               : moon_where_line(f->text, f->len, f->path);
  const char *colon = f->path[0] ? ": " : "";
  const char *p = line ? moon_draft_format(f->d, "%s:%u%s%s", f->file, line, colon, f->path)
                       : moon_draft_format(f->d, "%s%s%s", f->file, colon, f->path);
  if (!p) { moon_fields_raise(f); }
  return p;
}

void moon_fields_fail(struct moon_fields *f, const char *format, ...) {
  char what[512];
  va_list ap;
  va_start(ap, format);
  (void)vsnprintf(what, sizeof what, format, ap);
  va_end(ap);
  moon_draft_fail(f->d, "%s: %s", moon_fields_place(f), what);
  moon_fields_raise(f);
}

size_t moon_fields_enter(struct moon_fields *f, const char *key) {
  size_t was = strlen(f->path);
  (void)snprintf(f->path + was, sizeof f->path - was, "%s%s", was ? "." : "", key);
  return was;
}

size_t moon_fields_enter_index(struct moon_fields *f, unsigned index) {
  size_t was = strlen(f->path);
  (void)snprintf(f->path + was, sizeof f->path - was, "[%u]", index);
  return was;
}

void moon_fields_leave(struct moon_fields *f, size_t was) { f->path[was] = 0; }

void moon_fields_keys(struct moon_fields *f, const char *const *names) {
  lua_State *L = f->L;
  if (!lua_istable(L, -1)) { moon_fields_fail(f, "a table is expected, not a %s", luaL_typename(L, -1)); }
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      if (lua_type(L, -2) == LUA_TNUMBER) {
        moon_fields_fail(f, "[%g]: a key is expected: name = value", lua_tonumber(L, -2));
      }
      moon_fields_fail(f, "a key is a %s", luaL_typename(L, -2));
    }
    const char *key = lua_tostring(L, -2);
    const char *const *n = names;
    while (*n && strcmp(*n, key) != 0) { n++; }
    if (*n) { continue; }
    const char *near = moon_where_nearest(names, key);
    moon_fields_enter(f, key);
    if (near) { moon_fields_fail(f, "unknown key; is it %s?", near); }
    moon_fields_fail(f, "unknown key");
  }
}

unsigned moon_fields_list(struct moon_fields *f, const char *of_what) {
  lua_State *L = f->L;
  if (!lua_istable(L, -1)) { moon_fields_fail(f, "a list of %s is expected, not a %s", of_what, luaL_typename(L, -1)); }
  unsigned n = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) { n++; }
  for (unsigned i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, (int)i);
    bool there = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (!there) { moon_fields_fail(f, "a list of %s is expected, without names and gaps", of_what); }
  }
  return n;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

const char **moon_fields_names(struct moon_fields *f, unsigned *n, const char *of_what) {
  lua_State *L = f->L;
  unsigned count = 0;
  if (!lua_istable(L, -1)) { moon_fields_fail(f, "a table of %s is expected, not a %s", of_what, luaL_typename(L, -1)); }
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) { count++; }
  const char **names = moon_draft_alloc(f->d, (count + 1) * sizeof *names);
  if (!names) { moon_fields_raise(f); }
  count = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) { moon_fields_fail(f, "a table of %s by name is expected", of_what); }
    names[count] = moon_draft_text(f->d, lua_tostring(L, -2), lua_objlen(L, -2));
    if (!names[count++]) { moon_fields_raise(f); }
  }
  if (count) { qsort(names, count, sizeof *names, by_text); }
  *n = count;
  return names;
}

bool moon_fields_get(struct moon_fields *f, const char *key, size_t *was) {
  lua_State *L = f->L;
  luaL_checkstack(L, 4, NULL);
  lua_pushstring(L, key);
  lua_rawget(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return false;
  }
  *was = moon_fields_enter(f, key);
  return true;
}

void moon_fields_number(struct moon_fields *f, const char *key, double min, double max, double *out) {
  size_t was;
  if (!moon_fields_get(f, key, &was)) { return; }
  double v = lua_type(f->L, -1) == LUA_TNUMBER ? lua_tonumber(f->L, -1) : NAN;
  if (!(v >= min && v <= max)) {
    if (lua_type(f->L, -1) == LUA_TNUMBER) { moon_fields_fail(f, "%g is not from %g to %.10g", v, min, max); }
    moon_fields_fail(f, "a number is expected, not a %s", luaL_typename(f->L, -1));
  }
  *out = v;
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

void moon_fields_uint(struct moon_fields *f, const char *key, uint32_t min, uint32_t max, uint32_t *out) {
  double v = -1;
  moon_fields_number(f, key, min, max, &v);
  if (v < 0) { return; }
  if (v != floor(v)) {
    moon_fields_enter(f, key);
    moon_fields_fail(f, "%g is no whole number", v);
  }
  *out = (uint32_t)v;
}

void moon_fields_bool(struct moon_fields *f, const char *key, bool *out) {
  size_t was;
  if (!moon_fields_get(f, key, &was)) { return; }
  if (!lua_isboolean(f->L, -1)) { moon_fields_fail(f, "true or false is expected, not a %s", luaL_typename(f->L, -1)); }
  *out = lua_toboolean(f->L, -1);
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

/* The string at the top into the arena. */
static const char *take_text(struct moon_fields *f) {
  size_t n;
  const char *p = moon_secret_text(f->L, -1, &n);
  if (!p) { moon_fields_fail(f, "a string is expected, not a %s", luaL_typename(f->L, -1)); }
  if (memchr(p, 0, n)) { moon_fields_fail(f, "has a NUL octet in it"); }
  p = moon_draft_text(f->d, p, n);
  if (!p) { moon_fields_raise(f); }
  return p;
}

void moon_fields_text(struct moon_fields *f, const char *key, const char **out) {
  size_t was;
  if (!moon_fields_get(f, key, &was)) { return; }
  *out = take_text(f);
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

void moon_fields_texts(struct moon_fields *f, const char *key, const char *const **out, uint32_t *n) {
  size_t was;
  if (!moon_fields_get(f, key, &was)) { return; }
  unsigned count = lua_istable(f->L, -1) ? moon_fields_list(f, "strings") : 1;
  const char **list = moon_draft_alloc(f->d, count * sizeof *list);
  if (!list) { moon_fields_raise(f); }
  if (lua_istable(f->L, -1)) {
    for (unsigned i = 0; i < count; i++) {
      size_t here = moon_fields_enter_index(f, i + 1);
      lua_rawgeti(f->L, -1, (int)i + 1);
      list[i] = take_text(f);
      lua_pop(f->L, 1);
      moon_fields_leave(f, here);
    }
  } else {
    list[0] = take_text(f);
  }
  *out = list;
  *n = count;
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}
