#include "handover.h"

#include <stdlib.h>
#include <string.h>

#include "../../base/buf.h"
#include "../../base/mem.h"
#include "device.h"
#include "revision.h"
#include "sched.h"
#include "shift.h"
#include "state.h"

#define MAGIC UINT64_C(0x3270656b6e6f6f6d) /* "moonkep2" */
#define RECORD_LEN 17 /* u64 key of the duty | u64 when it is due, 0: nothing is planned | u8 how many states follow: none, one; two when */
                      /* a candidate is on trial there, its own last. If any: u64 pair of the device, as jobs may be others.
                         Of each: u64 version that it is of | u32 octets | a state */

/* Grows; the error sticks. */
struct out { uint8_t *p; size_t n, cap; bool failed; };

static void put(struct out *o, const void *src, size_t n) {
  if (o->failed) { return; }
  if (o->cap - o->n < n) {
    size_t cap = (o->cap + n) * 2;
    uint8_t *p = moon_mem_resize(o->p, cap, 1);
    if (!p) {
      o->failed = true;
      return;
    }
    o->p = p;
    o->cap = cap;
  }
  memcpy(o->p + o->n, src, n);
  o->n += n;
}
static void put_u8(struct out *o, uint8_t v) { put(o, &v, sizeof v); }
static void put_u32(struct out *o, uint32_t v) { put(o, &v, sizeof v); }
static void put_u64(struct out *o, uint64_t v) { put(o, &v, sizeof v); }

static uint32_t get_u32(struct moon_reader *r) {
  uint32_t v;
  moon_reader_get(r, &v, sizeof v);
  return v;
}
static uint64_t get_u64(struct moon_reader *r) {
  uint64_t v;
  moon_reader_get(r, &v, sizeof v);
  return v;
}

/* ---- a state: n number | s length octets | t | f | { key value ... } ---- */

/* The value at the top. moon_state_fault has seen it: it ends, and holds nothing else. */
static void put_value(lua_State *L, struct out *o) {
  double number;
  size_t len;
  switch (lua_type(L, -1)) {
    case LUA_TNUMBER:
      number = lua_tonumber(L, -1);
      put_u8(o, 'n');
      put(o, &number, sizeof number);
      break;
    case LUA_TSTRING: {
      const char *text = lua_tolstring(L, -1, &len);
      put_u8(o, 's');
      put_u32(o, (uint32_t)len);
      put(o, text, len);
      break;
    }
    case LUA_TTABLE:
      put_u8(o, '{');
      lua_checkstack(L, 8);
      for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        put_value(L, o);
        lua_pop(L, 1);
        put_value(L, o);
      }
      put_u8(o, '}');
      break;
    default: put_u8(o, lua_toboolean(L, -1) ? 't' : 'f');
  }
}

/* Pushes one; false: that is none, nothing is pushed. [-0, +1, m] */
static bool get_value(lua_State *L, struct moon_reader *r, int depth) {
  uint8_t kind;
  double number;
  moon_reader_get(r, &kind, 1);
  if (r->err || depth > MOON_STATE_DEPTH_MAX + 1) { return false; }
  switch (kind) {
    case 'n':
      moon_reader_get(r, &number, sizeof number);
      lua_pushnumber(L, number);
      return true;
    case 's': {
      uint32_t len = get_u32(r);
      if (r->err || moon_reader_left(r) < len) { return false; }
      lua_pushlstring(L, (const char *)r->p, len);
      r->p += len;
      return true;
    }
    case 't':
    case 'f': lua_pushboolean(L, kind == 't'); return true;
    case '{': break;
    default: return false;
  }
  lua_checkstack(L, 4);
  lua_newtable(L);
  while (moon_reader_left(r) && *r->p != '}') {
    if (!get_value(L, r, depth + 1)) {
      lua_pop(L, 1);
      return false;
    }
    if (!get_value(L, r, depth + 1)) {
      lua_pop(L, 2);
      return false;
    }
    lua_rawset(L, -3);
  }
  if (!moon_reader_left(r)) {
    lua_pop(L, 1);
    return false;
  }
  r->p++;
  return true;
}

/* ---- duties ---- */

struct saving { struct moon_host *host; struct out out; };

/* Of the device's table there. It was looked at when a run of the device ended, but runs of others may have had it since. */
static void put_state(lua_State *L, struct saving *s, const struct moon_device *d, int place) {
  struct out *o = &s->out;
  int top = lua_gettop(L);
  moon_shelf_push(L, &s->host->shelf, place);
  moon_device_push_version(L, -1);
  put_u64(o, strtoull(lua_tostring(L, -1), NULL, 16));
  lua_pop(L, 1);
  moon_state_push_of(L, -1);
  const char *why = moon_state_fault(L);
  lua_settop(L, top + 2);
  if (why) {
    moon_host_log(s->host, MOON_LOG_ERROR, "%s: %s: its state %s: dropped", d->probe->plan->name, d->target->plan->name, why);
    lua_newtable(L);
  }
  size_t at = o->n;
  put_u32(o, 0);
  put_value(L, o);
  lua_settop(L, top);
  uint32_t len = (uint32_t)(o->n - at - 4);
  if (!o->failed) { memcpy(o->p + at, &len, sizeof len); }
}

static void put_duty(lua_State *L, struct saving *s, struct moon_duty *d, bool first) {
  struct out *o = &s->out;
  struct moon_device *device = d->device;
  moon_shift_settle(L, device);
  uint8_t n = !first || device->ref == LUA_NOREF ? 0 : device->base_ref == LUA_NOREF ? 1 : 2; /* a device's first duty has the state of all */
  put_u64(o, moon_sched_key(d));
  put_u64(o, d->due_us);
  put_u8(o, n);
  if (n) { put_u64(o, device->pair); }
  if (n == 2) { put_state(L, s, device, device->base_ref); }
  if (n) { put_state(L, s, device, device->ref); }
}

/* save(saving) [-0, +0, m] */
static int save(lua_State *L) {
  struct saving *s = lua_touserdata(L, 1);
  const struct moon_device *before = NULL;
  put_u64(&s->out, MAGIC);
  for (uint32_t i = 0; i < moon_sched_n(s->host); i++) {
    struct moon_duty *d = moon_sched_duty(s->host, i);
    if (!d || !d->ran) { continue; }
    put_duty(L, s, d, d->device != before);
    before = d->device;
  }
  return 0;
}

enum moon_err moon_host_save(struct moon_host *h, uint8_t **p, size_t *n) {
  struct saving s = {.host = h};
  int failed = lua_cpcall(h->L, save, &s);
  if (failed) { lua_pop(h->L, 1); }
  if (failed || s.out.failed) {
    moon_mem_free(s.out.p);
    return MOON_E_NOMEM;
  }
  *p = s.out.p;
  *n = s.out.n;
  return MOON_OK;
}

/* Duties by key: open addressing, twice as many places as there are. */
struct finding { struct moon_host *host; struct moon_reader r; struct moon_duty **at, **of_device /* one of each, by its pair */; uint64_t mask; };

static bool make_index(struct finding *f) {
  uint32_t n = moon_sched_n(f->host);
  uint64_t places = 16;
  while (places < 2 * (uint64_t)n) { places *= 2; }
  f->at = moon_mem_array(places, sizeof *f->at);
  f->of_device = moon_mem_array(places, sizeof *f->of_device);
  f->mask = places - 1;
  for (uint32_t i = 0; f->at && f->of_device && i < n; i++) {
    struct moon_duty *d = moon_sched_duty(f->host, i);
    if (!d) { continue; }
    uint64_t k = moon_sched_key(d) & f->mask;
    while (f->at[k]) { k = (k + 1) & f->mask; }
    f->at[k] = d;
    k = d->device->pair & f->mask;
    while (f->of_device[k] && f->of_device[k]->device != d->device) { k = (k + 1) & f->mask; }
    f->of_device[k] = d;
  }
  return f->at && f->of_device;
}

static struct moon_duty *find_device(const struct finding *f, uint64_t pair) {
  uint64_t k = pair & f->mask;
  while (f->of_device[k] && f->of_device[k]->device->pair != pair) { k = (k + 1) & f->mask; }
  return f->of_device[k];
}

static struct moon_duty *find(const struct finding *f, uint64_t key) {
  uint64_t k = key & f->mask;
  while (f->at[k] && moon_sched_key(f->at[k]) != key) { k = (k + 1) & f->mask; }
  return f->at[k];
}

/* Pushes the next state. false: it is nobody's, or makes no sense. [-0, +1 | +0, m] */
static bool get_state(lua_State *L, struct moon_reader *r, const struct moon_duty *d, uint64_t *version) {
  struct moon_reader one;
  *version = get_u64(r);
  uint32_t len = get_u32(r);
  if (r->err || moon_reader_left(r) < len) {
    moon_reader_fail(r, MOON_E_SHORT);
    return false;
  }
  moon_reader_init(&one, r->p, len);
  r->p += len;
  return d && len && *one.p == '{' && get_value(L, &one, 1);
}

/* The state at the top, of that version, becomes the device's. [-1, +0, m] */
static void take_state(lua_State *L, struct moon_duty *d, uint64_t version, bool second) {
  struct moon_host_probe *p = d->device->probe;
  struct moon_revision *v = p->candidate && p->candidate->plan->version == version ? p->candidate : p->current;
  if (second && v == p->current) { /* what was on trial is not any more: the first one counts */
    lua_pop(L, 1);
    return;
  }
  moon_shift_restore(L, d->device, v, version);
}

/* restore(finding) [-0, +0, m] */
static int restore(lua_State *L) {
  struct finding *f = lua_touserdata(L, 1);
  struct moon_reader *r = &f->r;
  while (moon_reader_left(r) >= RECORD_LEN) {
    struct moon_duty *d = find(f, get_u64(r));
    uint64_t due_us = get_u64(r);
    uint8_t n = 0;
    moon_reader_get(r, &n, 1);
    if (d) { moon_sched_resume(f->host, d, due_us); }
    if (n) { d = find_device(f, get_u64(r)); }
    if (d) { (void)moon_revision_of(d->device->probe, d->device); } /* what is on trial */
    for (uint8_t i = 0; i < n && !r->err; i++) {
      uint64_t version;
      if (get_state(L, r, d, &version)) { take_state(L, d, version, i > 0); }
    }
    if (r->err) { break; }
  }
  return 0;
}

void moon_handover_restore(struct moon_host *h, const uint8_t *p, size_t n) {
  struct finding f = {.host = h};
  moon_reader_init(&f.r, p, n);
  if (get_u64(&f.r) != MAGIC || f.r.err) { return; }
  if (make_index(&f) && lua_cpcall(h->L, restore, &f)) { lua_pop(h->L, 1); }
  moon_mem_free(f.at);
  moon_mem_free(f.of_device);
}
