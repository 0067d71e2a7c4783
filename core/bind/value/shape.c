#include "shape.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "../../base/mem.h"
#include "maker.h"
#include "mib.h"
#include "state.h"

#define USES_BEFORE_MAKER 8 /* compiling takes as long as some 30 rows */
#define VARBIND_MAX_EXTRA 12 /* headers of the varbind and of the name, NULL value */

/* One asked name while its shape is made. */
struct asked {
  const char *key;      /* string key, NULL for a number */
  size_t key_len;
  double number;
  const char *text;     /* the OID as the script wrote it */
  size_t text_len;
  const uint8_t *oid;
  size_t len;
};

/* Where the argument is and how to speak of it. */
struct place { int idx, arg; const char *what; };

static int fault(lua_State *L, const struct place *p, const char *text) {
  if (p->what) { text = lua_pushfstring(L, "%s: %s", p->what, text); }
  return luaL_argerror(L, p->arg, text);
}

static const char *key_text(lua_State *L, const struct asked *a) {
  if (a->key) { return lua_pushfstring(L, "'%s'", a->key); }
  return lua_pushfstring(L, "%f", a->number);
}

static uint64_t mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 29);
}

static bool is_whole(double d) { return d >= -9007199254740992.0 && d <= 9007199254740992.0 && d == (double)(int64_t)d; }

/* A number key by its bits: no object's address looks like the exponent of a whole number. */
static uint64_t identify_number(double d) {
  uint64_t id;
  if (d == 0) { return 1; }
  memcpy(&id, &d, sizeof id);
  return id;
}

static void reserve(lua_State *L, struct moon_values *v, size_t n) {
  if (n <= v->scratch_cap) { return; }
  size_t cap = v->scratch_cap ? 2 * v->scratch_cap : 64;
  uint64_t *p = moon_mem_resize(v->scratch, cap, sizeof *p);
  if (!p) { luaL_error(L, "not enough memory"); }
  v->scratch = p;
  v->scratch_cap = cap;
}

/* The argument's ident into v->scratch: the addresses of its strings and objects, in the table's own order. Types are not looked at:
 * what is at the address of a string or object that a known shape keeps alive is that one. What is no known shape goes through validate(). */
static uint32_t read_ident(lua_State *L, struct moon_values *v, const struct place *p, uint64_t *hash) {
  uint64_t h = 0;
  uint32_t n = 0;
  if (lua_type(L, p->idx) != LUA_TTABLE) {
    if (lua_type(L, p->idx) != LUA_TSTRING) {
      fault(L, p, lua_pushfstring(L, "an OID or a table of OIDs expected, got %s", luaL_typename(L, p->idx)));
    }
    reserve(L, v, 1);
    v->scratch[0] = (uint64_t)(uintptr_t)lua_topointer(L, p->idx);
    *hash = mix(0, v->scratch[0]);
    return 1;
  }
  lua_pushnil(L);
  while (lua_next(L, p->idx)) {
    uint64_t k = (uint64_t)(uintptr_t)lua_topointer(L, -2), o = (uint64_t)(uintptr_t)lua_topointer(L, -1);
    if (!k) { k = identify_number(lua_tonumber(L, -2)); }
    if (n == 2 * MOON_SHAPE_NAMES_MAX) { fault(L, p, lua_pushfstring(L, "more than %d OIDs", MOON_SHAPE_NAMES_MAX)); }
    if (n + 2 > v->scratch_cap) { reserve(L, v, n + 2); }
    v->scratch[n++] = k;
    v->scratch[n++] = o;
    h = mix(h, k ^ (o << 32 | o >> 32));
    lua_pop(L, 1);
  }
  *hash = h;
  return n;
}

/* Raises unless the table has OIDs, as text or as objects, under names or whole numbers. */
static void validate(lua_State *L, const struct place *p) {
  bool any = false;
  if (lua_type(L, p->idx) == LUA_TSTRING) { return; }
  for (lua_pushnil(L); lua_next(L, p->idx); lua_pop(L, 1), any = true) {
    struct asked a = {.key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL};
    if (!a.key) {
      if (lua_type(L, -2) != LUA_TNUMBER || !is_whole(lua_tonumber(L, -2))) {
        fault(L, p, lua_pushfstring(L, "a key is a %s; keys are names or whole numbers", luaL_typename(L, -2)));
      }
      a.number = lua_tonumber(L, -2);
    }
    if (lua_type(L, -1) != LUA_TSTRING && !moon_mib_is_object(L, -1)) {
      const char *got = luaL_typename(L, -1); /* before key_text pushes */
      fault(L, p, lua_pushfstring(L, "key %s: an OID expected, got %s", key_text(L, &a), got));
    }
  }
  if (!any) { fault(L, p, "no OIDs in the table"); }
}

static int by_wire_order(const void *pa, const void *pb) {
  const struct asked *a = pa, *b = pb;
  if (!a->key != !b->key) { return a->key ? 1 : -1; }
  if (!a->key) { return a->number < b->number ? -1 : a->number > b->number; }
  int c = moon_oid_compare(a->oid, a->len, b->oid, b->len);
  return c ? c : strcmp(a->key, b->key); /* the same OID under two keys */
}

/* What the script wrote, text or object; its table keeps it. */
static const char *read_text(lua_State *L, int idx, size_t *n) {
  const char *s = moon_mib_text(L, idx, true, n);
  if (!s) { luaL_error(L, "not enough memory"); } /* validated before */
  return s;
}

/* Every asked name, parsed, in wire order; the memory is a userdata left on the stack. [-0, +1, m e] */
static struct asked *read_names(lua_State *L, const struct place *p, uint32_t n, size_t *octets) {
  char reason[128];
  size_t text = 0, at = 0, len;
  bool single = lua_type(L, p->idx) == LUA_TSTRING;
  struct asked one = {0};
  if (single) {
    one.text = lua_tolstring(L, p->idx, &one.text_len);
    text = moon_mib_parse_room(one.text, one.text_len);
  } else {
    for (lua_pushnil(L); lua_next(L, p->idx); lua_pop(L, 1)) {
      const char *s = read_text(L, -1, &len);
      text += moon_mib_parse_room(s, len);
    }
  }
  struct asked *a = lua_newuserdata(L, n * sizeof *a + text);
  uint8_t *out = (uint8_t *)(a + n);
  if (single) {
    a[0] = one;
  } else {
    uint32_t i = 0;
    for (lua_pushnil(L); lua_next(L, p->idx); lua_pop(L, 1), i++) {
      a[i] = (struct asked){0};
      if (lua_type(L, -2) == LUA_TSTRING) {
        a[i].key = lua_tolstring(L, -2, &a[i].key_len);
      } else {
        a[i].number = lua_tonumber(L, -2);
      }
      a[i].text = read_text(L, -1, &a[i].text_len);
    }
  }
  for (uint32_t i = 0; i < n; i++) {
    enum moon_err e = moon_mib_parse(a[i].text, a[i].text_len, out + at, text - at, &a[i].len, reason, sizeof reason);
    if (e) {
      const char *why = e == MOON_E_LIMIT ? "has too many arcs" : e == MOON_E_RANGE ? "has an arc over 4294967295" : "is no OID";
      if (reason[0]) { why = lua_pushfstring(L, "%s: %s", why, reason); }
      if (single) { fault(L, p, lua_pushfstring(L, "'%s' %s", a[i].text, why)); }
      fault(L, p, lua_pushfstring(L, "key %s: '%s' %s", key_text(L, &a[i]), a[i].text, why));
    }
    a[i].oid = out + at;
    at += a[i].len;
  }
  qsort(a, n, sizeof *a, by_wire_order);
  *octets = at;
  return a;
}

/* What keeps everything of the ident alive, and the keys at hand: { key.., oid.. } or the one OID. [-0, +0, m] */
static int anchor(lua_State *L, const struct place *p, const struct asked *a, uint32_t n) {
  if (lua_type(L, p->idx) == LUA_TSTRING) {
    lua_pushvalue(L, p->idx);
    return luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_createtable(L, (int)(2 * n), 0);
  for (uint32_t i = 0; i < n; i++) {
    if (a[i].key) {
      lua_pushlstring(L, a[i].key, a[i].key_len);
    } else {
      lua_pushnumber(L, a[i].number);
    }
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (int)i + 1);
    lua_rawget(L, p->idx); /* the text or the object itself: it is known again by its address */
    lua_rawseti(L, -2, (int)(n + i) + 1);
  }
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

static uint16_t count_array(const struct asked *a, uint32_t n) {
  uint16_t k = 0;
  while (k < n && !a[k].key && a[k].number == k + 1) { k++; }
  return k;
}

/* A new shape out of the argument whose ident is in v->scratch; not cached yet. */
static struct moon_shape *make(lua_State *L, struct moon_values *v, const struct place *p, uint32_t n_ident, uint64_t hash) {
  uint32_t n = n_ident == 1 ? 1 : n_ident / 2;
  size_t octets;
  int top = lua_gettop(L);
  const struct asked *a = read_names(L, p, n, &octets);

  size_t cap = octets + n * VARBIND_MAX_EXTRA;
  struct moon_writer w;
  moon_writer_init(&w, lua_newuserdata(L, cap), cap);
  for (uint32_t i = n; i-- > 0;) {
    struct moon_varbind vb = {.oid = a[i].oid, .oid_len = (uint16_t)a[i].len, .type = MOON_NULL};
    moon_varbind_put(&w, &vb);
  }
  size_t len = moon_writer_len(&w);
  int ref = anchor(L, p, a, n);

  struct moon_shape *s = moon_mem_alloc(sizeof *s + n * sizeof *s->names + n_ident * sizeof *s->ident + octets + len);
  if (!s || w.err) {
    moon_mem_free(s);
    luaL_unref(L, LUA_REGISTRYINDEX, ref);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  struct moon_name *names = (struct moon_name *)(s + 1);
  uint64_t *ident = (uint64_t *)(names + n);
  uint8_t *out = (uint8_t *)(ident + n_ident);
  for (uint32_t i = 0; i < n; i++) {
    names[i] = (struct moon_name){.oid = out, .len = (uint16_t)a[i].len};
    memcpy(out, a[i].oid, a[i].len);
    out += a[i].len;
  }
  memcpy(ident, v->scratch, n_ident * sizeof *ident);
  memcpy(out, w.p, len);
  *s = (struct moon_shape){.names = names, .varbinds = out, .varbinds_len = (uint32_t)len, .n = (uint16_t)n, .single = n_ident == 1,
                           .n_array = count_array(a, n), .owner = v, .hash = hash, .ident = ident, .n_ident = n_ident, .anchor = ref, .row_ref = LUA_NOREF, .same_ref = LUA_NOREF};
  moon_list_init(&s->lru);
  if (s->single) { s->n_array = 0; }
  lua_settop(L, top);
  return s;
}

static void uncache(struct moon_values *v, struct moon_shape *s) {
  struct moon_shape **at = &v->bucket[s->hash % MOON_SHAPE_BUCKETS];
  while (*at != s) { at = &(*at)->chain; }
  *at = s->chain;
  s->chain = NULL;
  s->cached = false;
  for (size_t i = 0; i < MOON_SHAPES_RECENT; i++) {
    if (v->recent[i] == s) { v->recent[i] = NULL; }
  }
  v->n_shapes--;
  moon_list_remove(&s->lru);
  moon_list_append(s->refs ? &v->held : &v->dead, &s->lru);
}

static void bury(lua_State *L, struct moon_values *v) {
  struct moon_list *node;
  while ((node = moon_list_take(&v->dead))) {
    struct moon_shape *s = MOON_LIST_ENTRY(node, struct moon_shape, lru);
    luaL_unref(L, LUA_REGISTRYINDEX, s->anchor);
    moon_maker_drop(L, s);
    moon_mem_free(s);
  }
}

static void used(struct moon_values *v, struct moon_shape *s) {
  if (v->lru.next != &s->lru) {
    moon_list_remove(&s->lru);
    moon_list_prepend(&v->lru, &s->lru);
  }
}

static struct moon_shape *check_plain(lua_State *L, struct moon_values *v, const struct place *p) {
  uint64_t hash;
  struct moon_shape **recent = &v->recent[((uintptr_t)lua_topointer(L, p->idx) >> 4) % MOON_SHAPES_RECENT];
  if (*recent && !(*recent)->single && lua_istable(L, p->idx) && moon_maker_same(L, *recent, p->idx)) {
    used(v, *recent);
    return *recent;
  }
  uint32_t n = read_ident(L, v, p, &hash);
  struct moon_shape *s = v->bucket[hash % MOON_SHAPE_BUCKETS];
  while (s && (s->hash != hash || s->n_ident != n || memcmp(s->ident, v->scratch, n * sizeof *s->ident) != 0)) { s = s->chain; }
  if (s) {
    used(v, s);
    if (s->uses < USES_BEFORE_MAKER && ++s->uses == USES_BEFORE_MAKER) { moon_maker_make(L, s); }
    if (s->same_ref != LUA_NOREF || s->single) { *recent = s; }
    return s;
  }
  bury(L, v);
  validate(L, p);
  s = make(L, v, p, n, hash);
  if (v->n_shapes == MOON_SHAPES_MAX) { uncache(v, MOON_LIST_ENTRY(v->lru.prev, struct moon_shape, lru)); }
  s->chain = v->bucket[hash % MOON_SHAPE_BUCKETS];
  v->bucket[hash % MOON_SHAPE_BUCKETS] = s;
  s->cached = true;
  v->n_shapes++;
  moon_list_prepend(&v->lru, &s->lru);
  return s;
}

/* One object is asked for by its text. */
static struct moon_shape *check(lua_State *L, struct moon_values *v, struct place *p) {
  size_t n;
  if (!moon_mib_is_object(L, p->idx)) { return check_plain(L, v, p); }
  const char *text = moon_mib_text(L, p->idx, true, &n);
  lua_pushlstring(L, text ? text : "", text ? n : 0);
  p->idx = lua_gettop(L);
  struct moon_shape *s = check_plain(L, v, p);
  lua_pop(L, 1);
  return s;
}

/* The shape of a single OID that was lately asked for by this very string, which the shape keeps alive; NULL. */
static struct moon_shape *known_single(lua_State *L, struct moon_values *v, int arg) {
  if (lua_type(L, arg) != LUA_TSTRING) { return NULL; }
  const void *text = lua_topointer(L, arg);
  struct moon_shape *s = v->recent[((uintptr_t)text >> 4) % MOON_SHAPES_RECENT];
  if (!s || !s->single || s->ident[0] != (uintptr_t)text) { return NULL; }
  used(v, s);
  return s;
}

struct moon_shape *moon_shape_check(lua_State *L, struct moon_values *v, int arg) {
  struct moon_shape *known = known_single(L, v, arg);
  if (known) { return known; }
  struct place p = {.idx = arg, .arg = arg};
  luaL_checkstack(L, MOON_VALUE_STACK + 4, "moonpoll");
  return check(L, v, &p);
}

struct moon_shape *moon_shape_check_field(lua_State *L, struct moon_values *v, int idx, int arg, const char *what) {
  struct place p = {.idx = idx > 0 ? idx : lua_gettop(L) + 1 + idx, .arg = arg, .what = what};
  luaL_checkstack(L, MOON_VALUE_STACK + 4, "moonpoll");
  return check(L, v, &p);
}

void moon_shape_hold(struct moon_shape *s) { s->refs++; }

void moon_shape_release(struct moon_shape *s) {
  if (!s || --s->refs > 0 || s->cached) { return; }
  if (!s->owner) {
    moon_mem_free(s);
    return;
  }
  moon_list_remove(&s->lru);
  moon_list_append(&s->owner->dead, &s->lru);
}

void moon_shape_push_keys(lua_State *L, const struct moon_shape *s) { lua_rawgeti(L, LUA_REGISTRYINDEX, s->anchor); }

void moon_shape_push_key(lua_State *L, const struct moon_shape *s, size_t i) {
  if (s->single) {
    lua_pushinteger(L, 1);
    return;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->anchor);
  lua_rawgeti(L, -1, (int)i + 1);
  lua_replace(L, -2);
}

int moon_shape_find(lua_State *L, const struct moon_shape *s, int idx) {
  int found = -1;
  if (idx < 0) { idx += lua_gettop(L) + 1; }
  for (int i = 0; i < s->n && found < 0; i++) {
    moon_shape_push_key(L, s, (size_t)i);
    if (lua_rawequal(L, -1, idx)) { found = i; }
    lua_pop(L, 1);
  }
  return found;
}

void moon_shapes_fini(struct moon_values *v) {
  struct moon_list *lists[] = {&v->lru, &v->held, &v->dead}, *node;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    while ((node = moon_list_take(lists[i]))) {
      struct moon_shape *s = MOON_LIST_ENTRY(node, struct moon_shape, lru);
      s->owner = NULL;
      s->cached = false;
      if (s->refs == 0) { moon_mem_free(s); }
    }
  }
  v->n_shapes = 0;
  memset(v->recent, 0, sizeof v->recent);
  memset(v->bucket, 0, sizeof v->bucket);
}
