#include "hook.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../value/value.h"

#define CALL_S 0.5 /* CPU of one call; other agents wait meanwhile */
#define NOTICES_MAX 20u

struct part { const uint8_t *root; int ref; uint16_t root_len; }; /* a function, and the names it is asked about */

struct moon_fleet_hook {
  struct moon_fleet_reader *r;
  struct part *parts; /* longest root first */
  uint32_t n_parts;
  uint32_t n_notices;
  uint8_t value[MOON_HOOK_VALUE_MAX];
};

static void notice(struct moon_fleet_hook *h, const char *what) {
  char line[512];
  if (!h->r->notice || h->n_notices > NOTICES_MAX) { return; }
  (void)snprintf(line, sizeof line, "%s%s", what, h->n_notices == NOTICES_MAX ? " (and no more of that is told)" : "");
  h->n_notices++;
  h->r->notice(h->r->arg, line);
}

static bool set_text(struct moon_fleet_hook *h, struct moon_varbind *vb, const void *p, size_t n) {
  if (n > sizeof h->value) { return false; }
  memcpy(h->value, p, n);
  vb->value = h->value;
  vb->value_len = (uint32_t)n;
  return true;
}

static bool set_number(struct moon_fleet_hook *h, struct moon_varbind *vb, double real, uint64_t whole) {
  struct moon_writer w;
  struct moon_reader r;
  uint8_t tag;
  size_t len;
  moon_writer_init(&w, h->value, sizeof h->value);
  if (vb->type == MOON_INTEGER) {
    if (!(real >= -2147483648.0 && real <= 4294967295.0)) { return false; }
    moon_ber_put_i64(&w, vb->type, (int32_t)(int64_t)real);
  } else if (vb->type == MOON_COUNTER64) {
    moon_ber_put_u64(&w, vb->type, whole);
  } else {
    if (vb->type == MOON_TIME_TICKS) { real = round(real * 100); }
    if (!(real >= 0 && real <= 1.8e19)) { return false; }
    moon_ber_put_u64(&w, vb->type, (uint32_t)(uint64_t)real); /* counters and ticks wrap, as in an agent */
  }
  moon_reader_init(&r, w.p, moon_writer_len(&w));
  moon_ber_get_header(&r, &tag, &len);
  vb->value = r.p;
  vb->value_len = (uint32_t)len;
  return true;
}

/* What the function returned, at the top. false: the type cannot have it. */
static bool take(lua_State *L, struct moon_fleet_hook *h, struct moon_varbind *vb) {
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t n = 0, len = 0;
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
  switch (vb->type) {
  case MOON_OCTET_STRING:
  case MOON_NSAP:
  case MOON_OPAQUE: return text && set_text(h, vb, text, n);
  case MOON_OBJECT_ID: return text && !moon_oid_parse(text, n, octets, sizeof octets, &len) && set_text(h, vb, octets, len);
  case MOON_IP_ADDRESS: {
    struct moon_addr a;
    const char *host;
    size_t host_len;
    return text && !moon_addr_parse(text, 0, &a, &host, &host_len) && a.family == 4 && set_text(h, vb, a.ip, 4);
  }
  case MOON_INTEGER:
  case MOON_COUNTER32:
  case MOON_GAUGE32:
  case MOON_UINTEGER32:
  case MOON_TIME_TICKS:
  case MOON_COUNTER64: break;
  default: return false;
  }
  union moon_value_number v;
  double real = 0;
  uint64_t whole = 0;
  if (text) { /* decimal digits: all 64 bits of a counter */
    char *end;
    whole = strtoull(text, &end, 10);
    real = strtod(text, NULL);
    return n && *end == 0 && set_number(h, vb, real, whole);
  }
  switch (moon_value_number(L, -1, &v)) {
  case MOON_VALUE_REAL:
    if (!(v.real >= (vb->type == MOON_INTEGER ? -2147483648.0 : 0) && v.real < 18446744073709551616.0)) { return false; }
    return set_number(h, vb, v.real, v.real < 0 ? 0 : (uint64_t)v.real);
  case MOON_VALUE_UNSIGNED: return set_number(h, vb, (double)v.uint, v.uint);
  case MOON_VALUE_SIGNED: return set_number(h, vb, (double)v.sint, (uint64_t)v.sint);
  default: return false;
  }
}

static double cpu_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The first count of a call only begins its time: no clock is read for calls that are short. */
static void too_long(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_pushlightuserdata(L, (void *)(uintptr_t)too_long);
  lua_rawget(L, LUA_REGISTRYINDEX);
  double begun = lua_tonumber(L, -1);
  lua_pop(L, 1);
  if (begun == 0) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)too_long);
    lua_pushnumber(L, cpu_s());
    lua_rawset(L, LUA_REGISTRYINDEX);
  } else if (cpu_s() - begun > CALL_S) {
    luaL_error(L, "vary took over %f s", CALL_S);
  }
}

struct call { struct moon_fleet_hook *h; const struct part *part; struct moon_varbind *vb; double t; bool there; };

static int ask(lua_State *L) { /* [-0, +0, e] */
  struct call *c = lua_touserdata(L, 1);
  struct moon_cell cell = {.value = c->vb->value, .value_len = c->vb->value_len, .type = c->vb->type};
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->part->ref);
  moon_value_push_oid(L, c->vb->oid, c->vb->oid_len);
  (void)moon_value_push(L, &cell, 0);
  lua_pushnumber(L, c->t);
  lua_call(L, 3, 1);
  if (lua_isnil(L, -1)) { return 0; }
  if (lua_isboolean(L, -1)) {
    c->there = lua_toboolean(L, -1);
    return 0;
  }
  if (!take(L, c->h, c->vb)) {
    moon_value_push_oid(L, c->vb->oid, c->vb->oid_len);
    const char *type = moon_value_type_name(c->vb->type);
    luaL_error(L, "vary of %s: this %s is no value of a %s", lua_tostring(L, -1), luaL_typename(L, -2), type ? type : "?");
  }
  return 0;
}

static bool hook(void *ctx, struct moon_agent *a, uint64_t t_us, struct moon_varbind *vb) {
  struct moon_fleet_hook *h = ctx;
  struct call c = {.h = h, .vb = vb, .t = (double)t_us / 1e6, .there = true};
  lua_State *L = h->r->L;
  (void)a;
  for (uint32_t i = 0; i < h->n_parts && !c.part; i++) {
    if (moon_oid_under(h->parts[i].root, h->parts[i].root_len, vb->oid, vb->oid_len)) { c.part = &h->parts[i]; }
  }
  if (!c.part || moon_varbind_is_exception(vb)) { return true; }
  lua_pushlightuserdata(L, (void *)(uintptr_t)too_long);
  lua_pushnumber(L, 0);
  lua_rawset(L, LUA_REGISTRYINDEX);
  lua_sethook(L, too_long, LUA_MASKCOUNT, 1000000);
  if (lua_cpcall(L, ask, &c)) {
    const char *message = lua_tostring(L, -1);
    notice(h, message ? message : "vary failed without a message");
  }
  lua_settop(L, 0);
  return c.there;
}

static int longer_first(const void *a, const void *b) {
  const struct part *x = a, *y = b;
  return (int)y->root_len - (int)x->root_len;
}

void moon_fleet_hook_read(struct moon_fleet_reader *r, struct moon_fleet_kind *kind) {
  struct moon_fields *f = &r->fields;
  lua_State *L = r->L;
  unsigned n = 1;
  const char **names = NULL;
  if (lua_istable(L, -1)) {
    names = moon_fleet_names(f, &n);
  } else if (!lua_isfunction(L, -1)) {
    moon_fields_fail(f, "a function(oid, value, t) is expected, not a %s", luaL_typename(L, -1));
  }
  struct moon_fleet_hook *h = moon_draft_alloc(f->d, sizeof *h);
  struct part *parts = moon_draft_alloc(f->d, (n + 1) * sizeof *parts);
  if (!h || !parts) { moon_fields_raise(f); }
  for (unsigned i = 0; i < n; i++) {
    size_t here = strlen(f->path);
    parts[i].root = (const uint8_t *)""; /* all names */
    if (names) {
      moon_fields_enter(f, names[i]);
      parts[i].root = moon_fleet_oid(f, names[i], strlen(names[i]), &parts[i].root_len);
      lua_getfield(L, -1, names[i]);
      if (!lua_isfunction(L, -1)) { moon_fields_fail(f, "a function(oid, value, t) is expected, not a %s", luaL_typename(L, -1)); }
    } else {
      lua_pushvalue(L, -1);
    }
    parts[i].ref = luaL_ref(L, LUA_REGISTRYINDEX);
    moon_fields_leave(f, here);
  }
  qsort(parts, n, sizeof *parts, longer_first);
  h->r = r;
  h->parts = parts;
  h->n_parts = n;
  kind->hook = hook;
  kind->hook_ctx = h;
  kind->hook_root = n == 1 ? parts[0].root : (const uint8_t *)"";
  kind->hook_root_len = n == 1 ? parts[0].root_len : 0;
  r->n_hooks++;
}
