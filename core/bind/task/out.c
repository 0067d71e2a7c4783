#include "out.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"

#define SEEN_FIRST 32
#define SEEN_KEEP 1024 /* entries of the table that stay with a run */
#define NUMBER_TEXT 32
#define OWN_OCTETS (1u << 20) /* of a record, and of what tells its samples apart: what a run has beyond counts as the script's */

/* A table, with one thing in it: no userdata, all of which Lua looks at, one by one, at the end of each collection (those that nobody
 * has any more, too). It is a light userdata, which scripts cannot make, and no state may hold: number of the run, number of the
 * label set in it. What a script copies there is its own run all the same: no other is ever asked. */
#define ID_AT 1
_Static_assert((uint64_t)MOON_RUN_NUMBER_MAX << MOON_LABELS_BITS < UINT64_C(1) << 39, "more of a light userdata is not free");

static inline uint64_t hash_octets(uint64_t hash, const char *p, size_t n) {
  uint64_t word;
  hash ^= n * 0x9e3779b97f4a7c15u;
  for (; n >= 8; p += 8, n -= 8) {
    memcpy(&word, p, 8);
    hash = (hash ^ word) * 0x9fb21c651e98df25u;
    hash ^= hash >> 32;
  }
  word = 0;
  memcpy(&word, p, n);
  hash = (hash ^ word) * 0x9fb21c651e98df25u;
  return hash ^ hash >> 29;
}

static __attribute__((noinline)) struct moon_run *refuse(lua_State *L, bool over) {
  if (over) {
    luaL_error(L, "the run of this out is over");
  } else {
    luaL_argerror(L, 1, "an out expected: call its methods with a colon, out:gauge(...)");
  }
  return NULL;
}

/* The run that calls, which this out is of, and the number of its label set: on a stack of so many. [-?, +?, e] */
static inline struct moon_run *check(lua_State *L, struct moon_host *h, int top, uint32_t *set) {
  if (!lua_istable(L, 1)) { return refuse(L, false); }
  lua_settop(L, top);
  lua_rawgeti(L, 1, ID_AT);
  uintptr_t id = (uintptr_t)lua_touserdata(L, -1);
  if (!id) { return refuse(L, false); }
  *set = (uint32_t)id & MOON_LABELS_MAX;
  return h->current && h->current->run->number == id >> MOON_LABELS_BITS ? h->current->run : refuse(L, true);
}

/* [-0, +1, m] */
static void push(lua_State *L, const struct moon_run *r, uint32_t set) {
  lua_createtable(L, 1, 0);
  lua_pushlightuserdata(L, (void *)((uintptr_t)r->number << MOON_LABELS_BITS | set));
  lua_rawseti(L, -2, ID_AT);
  lua_rawgeti(L, LUA_REGISTRYINDEX, r->host->out_meta);
  lua_setmetatable(L, -2);
}

void moon_out_push(lua_State *L, struct moon_run *r) { push(L, r, 0); }

static struct moon_sheet *sheet_of(lua_State *L, struct moon_run *r) {
  struct moon_sheet *s = r->sheet ? r->sheet : moon_run_sheet(r);
  if (!s) { luaL_error(L, "not enough memory"); }
  return s;
}

/* ---- labels ---- */

static int compare(struct moon_text a, struct moon_text b) {
  int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
  return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* A label's value as text; numbers without ".0", at number_text when the string is not Lua's. */
static struct moon_text label_text(lua_State *L, int idx, const char *key, char number_text[NUMBER_TEXT]) {
  struct moon_text t = {0};
  size_t n;
  switch (lua_type(L, idx)) {
    case LUA_TSTRING:
      t.p = lua_tolstring(L, idx, &n);
      t.n = (uint32_t)n;
      break;
    case LUA_TNUMBER: {
      double v = lua_tonumber(L, idx);
      bool integral = v == floor(v) && fabs(v) < 0x1p53;
      t.p = number_text;
      t.n = (uint32_t)snprintf(number_text, NUMBER_TEXT, integral ? "%.0f" : "%.14g", v);
      break;
    }
    case LUA_TBOOLEAN:
      t.p = lua_toboolean(L, idx) ? "true" : "false";
      t.n = (uint32_t)strlen(t.p);
      break;
    default: luaL_error(L, "label %s: a string, number or boolean expected, got a %s", key, luaL_typename(L, idx));
  }
  return t;
}

/* They are memory of the probe: its number. [-0, +0, e] */
static uint32_t add_set(lua_State *L, struct moon_run *r, struct moon_sheet *sheet, const struct moon_label *l, uint32_t n, uint64_t hash) {
  struct moon_host *h = r->host;
  size_t size = moon_labels_size(l, n);
  uint32_t number = 0;
  if (!moon_heap_hold(&h->heap, size)) {
    lua_pushstring(L, h->guard.told); /* with its place */
    lua_error(L);
  }
  enum moon_err e = moon_labels_add(&sheet->sets, l, n, hash, &number);
  if (!e) { return number; }
  moon_heap_let_go(h->heap.account, size);
  luaL_error(L, e == MOON_E_LIMIT ? "more than %d label sets in one run" : "not enough memory", (int)MOON_LABELS_MAX);
  return 0;
}

/* out:with { key = value, ... } [-0, +1, m e] */
static int with(lua_State *L) {
  struct moon_host *h = moon_host_of(L);
  uint32_t set = 0;
  struct moon_run *r = check(L, h, 2, &set);
  struct moon_sheet *sheet = sheet_of(L, r);
  const struct moon_label_set *o = moon_labels_at(&sheet->sets, set);
  struct moon_label l[MOON_OUT_LABELS_MAX];
  char numbers[MOON_OUT_LABELS_MAX][NUMBER_TEXT];
  uint32_t n = 0;
  luaL_checktype(L, 2, LUA_TTABLE);
  for (; o && n < o->n; n++) { l[n] = o->label[n]; }
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    size_t key_n;
    if (lua_type(L, -2) != LUA_TSTRING) { return luaL_error(L, "label names are strings, got a %s", luaL_typename(L, -2)); }
    struct moon_label new = {.key.p = lua_tolstring(L, -2, &key_n)};
    new.key.n = (uint32_t)key_n;
    if (strcmp(new.key.p, "device") == 0) { return luaL_error(L, "label device: every sample has it by itself"); }
    uint32_t at = n;
    while (at && compare(l[at - 1].key, new.key) > 0) { at--; }
    bool replaces = at && compare(l[at - 1].key, new.key) == 0;
    if (n == MOON_OUT_LABELS_MAX && !replaces) { return luaL_error(L, "more than %d labels", MOON_OUT_LABELS_MAX); }
    char text[NUMBER_TEXT];
    new.value = label_text(L, -1, new.key.p, text);
    bool number = new.value.p == text;
    if (replaces) {
      at--;
    } else {
      memmove(&l[at + 1], &l[at], (n - at) * sizeof *l);
      memmove(numbers[at + 1], numbers[at], (n - at) * sizeof *numbers);
      for (uint32_t i = at + 1; i <= n; i++) {
        if (l[i].value.p == numbers[i - 1]) { l[i].value.p = numbers[i]; }
      }
      n++;
    }
    if (number) {
      memcpy(numbers[at], text, NUMBER_TEXT);
      new.value.p = numbers[at];
    }
    l[at] = new;
    lua_pop(L, 1); /* the strings stay in the table at 2 */
  }
  uint64_t hash = h->seed;
  for (uint32_t i = 0; i < n; i++) {
    hash = hash_octets(hash, l[i].key.p, l[i].key.n);
    hash = hash_octets(hash, l[i].value.p, l[i].value.n);
  }
  if (n) { set = add_set(L, r, sheet, l, n, hash); }
  push(L, r, set);
  return 1;
}

/* ---- samples ---- */

static bool grow(struct moon_seen *s) {
  uint32_t cap = s->cap ? 2 * s->cap : SEEN_FIRST;
  uint64_t *at = moon_mem_array(cap, sizeof *at);
  if (!at) { return false; }
  for (uint32_t i = 0; i < s->cap; i++) {
    uint64_t v = s->at[i];
    if (!v) { continue; }
    uint32_t k = (uint32_t)v & (cap - 1);
    while (at[k]) { k = (k + 1) & (cap - 1); }
    at[k] = v;
  }
  moon_mem_free(s->at);
  s->at = at;
  s->cap = cap;
  return true;
}

enum added { NEW, KNOWN, FULL };

static enum added add(struct moon_seen *s, uint64_t v) {
  if (s->n * 2 >= s->cap && !grow(s)) { return FULL; }
  v = v ? v : 1;
  uint32_t k = (uint32_t)v & (s->cap - 1);
  for (; s->at[k]; k = (k + 1) & (s->cap - 1)) {
    if (s->at[k] == v) { return KNOWN; }
  }
  s->at[k] = v;
  s->n++;
  return NEW;
}

void moon_out_forget(struct moon_run *r) {
  if (!r->sheet) { return; }
  moon_heap_let_go(r->duty->device->probe->memory, r->sheet->sets.octets + r->sheet->held);
  r->sheet->held = 0;
  moon_labels_clear(&r->sheet->sets);
  struct moon_seen *s = &r->sheet->seen;
  if (s->cap > SEEN_KEEP) {
    moon_mem_free(s->at);
    *s = (struct moon_seen){0};
  } else if (s->n) {
    memset(s->at, 0, s->cap * sizeof *s->at);
    s->n = 0;
  }
}

static size_t octets_of(const struct moon_sheet *s) { return s->record.cap + s->seen.cap * sizeof *s->seen.at; }

/* A run that has written much, and waits, holds it: memory of the probe from here on. [-0, +0, e] */
static __attribute__((noinline)) void hold(lua_State *L, struct moon_host *h, struct moon_sheet *s) {
  size_t more = octets_of(s) - OWN_OCTETS - s->held;
  if (!more) { return; }
  if (!moon_heap_hold(&h->heap, more)) {
    lua_pushstring(L, h->guard.told); /* with its place */
    lua_error(L);
  }
  s->held += more;
}

/* When the datagram came that the values are of: the last one of the run. */
static inline double time_of(const struct moon_run *r, struct moon_sheet *s) {
  uint64_t at = r->received_us ? r->received_us : moon_engine_now(r->host->engine);
  if (at != s->wall_us) {
    s->wall_us = at;
    s->wall_s = moon_host_wall_s(r->host, at);
  }
  return s->wall_s;
}

/* There is no value: nothing is written. [-0, +0, m] */
static __attribute__((noinline)) int skip(lua_State *L, struct moon_run *r) {
  const struct moon_host_config *c = &r->host->config;
  r->skipped_nil++;
  if (c->skipped) {
    luaL_where(L, 1);
    c->skipped(c->arg, lua_tostring(L, -1), lua_tostring(L, 2));
    lua_pop(L, 1);
  }
  return 0;
}

/* out:TYPE(name, value) [-0, +0, e] */
static inline int sample(lua_State *L, enum moon_sample_type type, bool texts) {
  struct moon_host *h = moon_host_of(L);
  uint32_t set = 0;
  struct moon_run *r = check(L, h, 3, &set);
  struct moon_sample s = {.type = (uint8_t)type};
  union moon_value_number v;
  size_t n;
  s.name.p = lua_tolstring(L, 2, &n);
  if (!s.name.p || !n) { return luaL_argerror(L, 2, "the name of a sample expected"); }
  s.name.n = (uint32_t)n;
  switch (lua_type(L, 3)) {
    case LUA_TNIL:
    case LUA_TNONE: return skip(L, r);
    case LUA_TNUMBER:
      v.real = lua_tonumber(L, 3);
      if (fabs(v.real) < 0x1p63 && (double)(int64_t)v.real == v.real) {
        s.kind = MOON_NUMBER_SIGNED;
        s.value.sint = (int64_t)v.real;
      } else if (v.real - v.real == 0) {
        s.kind = MOON_NUMBER_REAL;
        s.value.real = v.real;
      } else { /* no output can say inf or nan: there is no value */
        return skip(L, r);
      }
      break;
    case LUA_TSTRING:
      if (!texts) { return luaL_argerror(L, 3, "a number expected, got a string"); }
      s.kind = MOON_NUMBER_TEXT;
      s.text.p = lua_tolstring(L, 3, &n);
      s.text.n = (uint32_t)n;
      break;
    case LUA_TBOOLEAN:
      s.kind = MOON_NUMBER_SIGNED;
      s.value.sint = lua_toboolean(L, 3);
      break;
    default:
      switch (moon_value_number(L, 3, &v)) {
        case MOON_VALUE_UNSIGNED:
          s.kind = MOON_NUMBER_UNSIGNED;
          s.value.uint = v.uint;
          break;
        case MOON_VALUE_SIGNED:
          s.kind = MOON_NUMBER_SIGNED;
          s.value.sint = v.sint;
          break;
        case MOON_VALUE_NONE:
        case MOON_VALUE_REAL:
        default: return luaL_argerror(L, 3, texts ? "a number, string or boolean expected" : "a number expected");
      }
  }
  struct moon_sheet *sheet = sheet_of(L, r);
  const struct moon_label_set *labels = moon_labels_at(&sheet->sets, set);
  if (!moon_limits_take(&r->left.samples)) { return moon_limits_raise(L, r->version->plan, "max_samples"); }
  switch (add(&sheet->seen, hash_octets(labels ? labels->hash : h->seed, s.name.p, s.name.n))) {
    case NEW: break;
    case KNOWN: return luaL_error(L, "%s: a sample of this name with the same labels was written before in this run", s.name.p);
    case FULL: return luaL_error(L, "not enough memory");
  }
  if (set != sheet->labels) {
    moon_record_labels(&sheet->record, labels ? labels->label : NULL, labels ? labels->n : 0);
    sheet->labels = set;
  }
  s.time_s = time_of(r, sheet);
  moon_record_sample(&sheet->record, &s);
  if (octets_of(sheet) > OWN_OCTETS) { hold(L, h, sheet); }
  return 0;
}

static int counter(lua_State *L) { return sample(L, MOON_SAMPLE_COUNTER, false); }
static int gauge(lua_State *L) { return sample(L, MOON_SAMPLE_GAUGE, false); }
static int info(lua_State *L) { return sample(L, MOON_SAMPLE_INFO, true); }
static int state(lua_State *L) { return sample(L, MOON_SAMPLE_STATE, true); }
static int event(lua_State *L) { return sample(L, MOON_SAMPLE_EVENT, true); }

/* __newindex [-0, +0, e] */
static int no_field(lua_State *L) { return luaL_error(L, "an out has its methods, and no fields"); }

void moon_out_setup(struct moon_host *h, lua_State *L) {
  static const luaL_Reg methods[] = {{"with", with}, {"counter", counter}, {"gauge", gauge}, {"info", info}, {"state", state},
                                     {"event", event}, {NULL, NULL}};
  lua_createtable(L, 0, 3);
  lua_createtable(L, 0, 6);
  for (const luaL_Reg *m = methods; m->name; m++) {
    lua_pushlightuserdata(L, h);
    lua_pushcclosure(L, m->func, 1);
    lua_setfield(L, -2, m->name);
  }
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, no_field);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  h->out_meta = luaL_ref(L, LUA_REGISTRYINDEX);
}
