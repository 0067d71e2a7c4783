#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../base/mem.h"

#define META "moonpoll.secret"

struct box { const char *from; size_t n; char text[]; };

static void strip(struct box *b) {
  while (b->n && (b->text[b->n - 1] == '\n' || b->text[b->n - 1] == '\r')) { b->n--; }
}

static struct box *push_box(lua_State *L, size_t n) { /* [-0, +1, m] */
  struct box *b = lua_newuserdata(L, sizeof *b + n);
  b->n = 0;
  b->from = "";
  luaL_getmetatable(L, META);
  lua_setmetatable(L, -2);
  return b;
}

static int box_gc(lua_State *L) { /* [-0, +0, -] */
  struct box *b = lua_touserdata(L, 1);
  moon_mem_wipe(b->text, b->n);
  b->n = 0;
  return 0;
}

static int box_tostring(lua_State *L) { /* [-0, +1, m] */
  const struct box *b = luaL_checkudata(L, 1, META);
  lua_pushstring(L, b->from);
  return 1;
}

static int box_concat(lua_State *L) { /* [-0, +1, e] */
  for (int i = 1; i <= 2; i++) {
    size_t n;
    const char *p = moon_secret_text(L, i, &n);
    if (!p) { return luaL_error(L, "attempt to concatenate a %s value", luaL_typename(L, i)); }
    lua_pushlstring(L, p, n);
  }
  lua_concat(L, 2);
  return 1;
}

static int from_file(lua_State *L) { /* [-0, +1, e] */
  const char *name = luaL_checkstring(L, 1);
  struct moon_draft *d = lua_touserdata(L, lua_upvalueindex(1));
  const char *path = moon_draft_beside(d, lua_touserdata(L, lua_upvalueindex(2)), name);
  if (!path) { return luaL_error(L, "out of memory"); }
  struct box *b = push_box(L, MOON_SECRET_MAX);
  lua_pushfstring(L, "file \"%s\"", name);
  b->from = moon_draft_text(d, lua_tostring(L, -1), lua_objlen(L, -1));
  lua_pop(L, 1);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t got = 1;
  while (fd >= 0 && got > 0 && b->n < MOON_SECRET_MAX) {
    got = read(fd, b->text + b->n, MOON_SECRET_MAX - b->n);
    b->n += got > 0 ? (size_t)got : 0;
  }
  int cause = errno;
  if (fd >= 0) { close(fd); }
  if (fd < 0 || got < 0) { return luaL_error(L, "file \"%s\": %s", name, strerror(cause)); }
  if (b->n == MOON_SECRET_MAX) { return luaL_error(L, "file \"%s\": too long for a secret", name); }
  strip(b);
  return 1;
}

static int from_env(lua_State *L) { /* [-0, +1, e] */
  const char *name = luaL_checkstring(L, 1);
  struct moon_draft *d = lua_touserdata(L, lua_upvalueindex(1));
  const char *value = getenv(name);
  if (!value) { return luaL_error(L, "env \"%s\": not set", name); }
  const char *own = moon_draft_text(d, name, strlen(name));
  if (!own || moon_draft_room(d, &d->env, &d->env_cap, d->plan.n_env, sizeof own)) { return luaL_error(L, "out of memory"); }
  d->env[d->plan.n_env++] = own;
  struct box *b = push_box(L, strlen(value));
  b->n = strlen(value);
  memcpy(b->text, value, b->n);
  lua_pushfstring(L, "env \"%s\"", name);
  b->from = moon_draft_text(d, lua_tostring(L, -1), lua_objlen(L, -1));
  lua_pop(L, 1);
  strip(b);
  return 1;
}

void moon_secret_open(lua_State *L, struct moon_draft *d, const char *path) {
  static const luaL_Reg methods[] = {{"__gc", box_gc}, {"__tostring", box_tostring}, {"__concat", box_concat}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"file", from_file}, {"env", from_env}, {NULL, NULL}};
  luaL_newmetatable(L, META);
  for (const luaL_Reg *f = methods; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushlightuserdata(L, d);
    lua_pushlightuserdata(L, (void *)(uintptr_t)path);
    lua_pushcclosure(L, f->func, 2);
    lua_setfield(L, -2, f->name);
  }
}

const char *moon_secret_text(lua_State *L, int idx, size_t *n) {
  if (lua_type(L, idx) == LUA_TSTRING) { return lua_tolstring(L, idx, n); }
  if (lua_type(L, idx) != LUA_TUSERDATA || !lua_getmetatable(L, idx)) { return NULL; }
  luaL_getmetatable(L, META);
  bool ours = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  if (!ours) { return NULL; }
  const struct box *b = lua_touserdata(L, idx);
  *n = b->n;
  return b->text;
}
