#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../load/where.h"
#include "reader.h"

#define SECONDS_MAX 1e10 /* 300 years */

uint64_t moon_fleet_us(double seconds) { return (uint64_t)(seconds * 1e6 + 0.5); }

const uint8_t *moon_fleet_oid(struct moon_fields *f, const char *text, size_t n, uint16_t *len) {
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t have = 0;
  if (moon_oid_parse(text, n, octets, sizeof octets, &have)) { moon_fields_fail(f, "\"%.80s\" is no OID", text); }
  uint8_t *own = moon_draft_alloc(f->d, have);
  if (!own) { moon_fields_raise(f); }
  memcpy(own, octets, have);
  *len = (uint16_t)have;
  return own;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

const char **moon_fleet_names(struct moon_fields *f, unsigned *n) {
  lua_State *L = f->L;
  unsigned count = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) { count += lua_type(L, -2) == LUA_TSTRING; }
  const char **names = moon_draft_alloc(f->d, (count + 1) * sizeof *names);
  if (!names) { moon_fields_raise(f); }
  count = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) { continue; }
    names[count] = moon_draft_text(f->d, lua_tostring(L, -2), lua_objlen(L, -2));
    if (!names[count++]) { moon_fields_raise(f); }
  }
  if (count) { qsort(names, count, sizeof *names, by_text); }
  *n = count;
  return names;
}

/* ---- values over time */

/* A number, or its decimal digits: above 2^53 a Lua number has not all of them. */
static void read_start(struct moon_fields *f, struct moon_vary_rule *rule) {
  size_t was;
  if (!moon_fields_get(f, "start", &was)) { return; }
  bool good = false;
  if (lua_type(f->L, -1) == LUA_TNUMBER) {
    double v = lua_tonumber(f->L, -1);
    good = v >= 0 && v <= 9007199254740992.0;
    rule->start = good ? (uint64_t)v : 0;
  } else if (lua_type(f->L, -1) == LUA_TSTRING) {
    const char *text = lua_tostring(f->L, -1);
    char *end;
    errno = 0;
    rule->start = strtoull(text, &end, 10);
    good = *text >= '0' && *text <= '9' && *end == 0 && !errno;
  }
  if (!good) { moon_fields_fail(f, "a whole number up to 2^53 is expected, or one up to 2^64 - 1 as a string"); }
  rule->has_start = true;
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

/* `rate = 1e6` or `rate = { 1e3, 1e6 }`: of the value at the top. */
static void read_range(struct moon_fields *f, double max, double *low, double *high) {
  double *out[] = {low, high};
  bool pair = lua_istable(f->L, -1);
  for (int i = 0; i < 2; i++) {
    if (pair) {
      lua_rawgeti(f->L, -1, i + 1);
    } else {
      lua_pushvalue(f->L, -1);
    }
    double v = lua_type(f->L, -1) == LUA_TNUMBER ? lua_tonumber(f->L, -1) : NAN;
    if (!(v >= 0 && v <= max)) { moon_fields_fail(f, "a number from 0 to %g, or { low, high }, is expected", max); }
    *out[i] = v;
    lua_pop(f->L, 1);
  }
}

static void read_mode(struct moon_fields *f, struct moon_vary_rule *rule) {
  static const char *const NAMES[] = {"still", "counter", "gauge", "uptime", "seconds", "since", "boots", "presence", NULL};
  _Static_assert(sizeof NAMES / sizeof *NAMES == MOON_VARY_MODES_N + 1, "a name for every mode");
  const char *name = lua_tostring(f->L, -1);
  for (uint8_t i = 0; name && NAMES[i]; i++) {
    if (strcmp(NAMES[i], name) == 0) {
      rule->mode = i;
      return;
    }
  }
  moon_fields_fail(f, "one of still, counter, gauge, uptime, seconds, since, boots, presence is expected");
}

static void read_value(struct moon_fields *f, struct moon_vary_rule *rule) {
  static const char *const KEYS[] = {"mode", "rate", "start", "swing", "low", "high", "share", "period", "skip", NULL};
  double period = 0;
  uint32_t skip = 0;
  size_t was;
  if (lua_type(f->L, -1) == LUA_TSTRING) {
    read_mode(f, rule);
    return;
  }
  moon_fields_keys(f, KEYS);
  if (moon_fields_get(f, "mode", &was)) {
    read_mode(f, rule);
    lua_pop(f->L, 1);
    moon_fields_leave(f, was);
  }
  if (moon_fields_get(f, "rate", &was)) {
    read_range(f, 1e13, &rule->rate_low, &rule->rate_high);
    lua_pop(f->L, 1);
    moon_fields_leave(f, was);
  }
  read_start(f, rule);
  moon_fields_bool(f, "swing", &rule->swing);
  moon_fields_number(f, "low", -2147483648.0, 18446744073709551615.0, &rule->low);
  moon_fields_number(f, "high", -2147483648.0, 18446744073709551615.0, &rule->high);
  moon_fields_number(f, "share", 0, 1, &rule->share);
  moon_fields_number(f, "period", 0, SECONDS_MAX, &period);
  moon_fields_uint(f, "skip", 0, 100, &skip);
  rule->period_us = moon_fleet_us(period);
  rule->skip = (uint8_t)skip;
}

/* `rates = { [oid] = rate or {low, high} }` and `values = { [oid] = mode or { mode =, ... } }`. */
static void read_rules(struct moon_fields *f, const char *field, struct moon_vary_rule *rules, uint32_t *n) {
  size_t was;
  unsigned count;
  if (!moon_fields_get(f, field, &was)) { return; }
  if (!lua_istable(f->L, -1)) { moon_fields_fail(f, "a table { [\"OID\"] = ... } is expected, not a %s", luaL_typename(f->L, -1)); }
  const char **names = moon_fleet_names(f, &count);
  if (lua_objlen(f->L, -1)) { moon_fields_fail(f, "a table { [\"OID\"] = ... } is expected"); }
  for (unsigned i = 0; i < count; i++) {
    size_t here = strlen(f->path);
    if (*n == MOON_VARY_RULES_MAX) { moon_fields_fail(f, "over %d rules", MOON_VARY_RULES_MAX); }
    struct moon_vary_rule *rule = &rules[(*n)++];
    lua_getfield(f->L, -1, names[i]);
    moon_fields_enter(f, names[i]);
    rule->oid = moon_fleet_oid(f, names[i], strlen(names[i]), &rule->oid_len);
    rule->mode = MOON_VARY_COUNTER;
    if (strcmp(field, "rates") == 0 && lua_type(f->L, -1) != LUA_TSTRING && !(lua_istable(f->L, -1) && lua_objlen(f->L, -1) == 0)) {
      read_range(f, 1e13, &rule->rate_low, &rule->rate_high);
    } else {
      read_value(f, rule);
    }
    lua_pop(f->L, 1);
    moon_fields_leave(f, here);
  }
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

void moon_fleet_values(struct moon_fields *f, struct moon_fleet_kind *kind) {
  struct moon_vary_rule rules[MOON_VARY_RULES_MAX] = {{0}}, *own;
  read_rules(f, "rates", rules, &kind->n_rules);
  read_rules(f, "values", rules, &kind->n_rules);
  if (!kind->n_rules) { return; }
  own = moon_draft_alloc(f->d, kind->n_rules * sizeof *own);
  if (!own) { moon_fields_raise(f); }
  memcpy(own, rules, kind->n_rules * sizeof *own);
  kind->rules = own;
}

/* ---- faults */

static enum moon_flaw_kind find_fault(struct moon_fields *f, const char *name) {
  const char *names[MOON_FLAWS_N + 1] = {NULL};
  char own[32];
  size_t n = strlen(name);
  for (size_t i = 0; i <= n && i < sizeof own; i++) { own[i] = name[i] == '_' ? '-' : name[i]; }
  enum moon_flaw_kind kind = n < sizeof own ? moon_flaw_find(own, n) : MOON_FLAWS_N;
  if (kind != MOON_FLAWS_N) { return kind; }
  for (int i = 0; i < MOON_FLAWS_N; i++) { names[i] = moon_flaw_name((enum moon_flaw_kind)i); }
  const char *near = n < sizeof own ? moon_where_nearest(names, own) : NULL;
  if (near) { moon_fields_fail(f, "no fault is called \"%.40s\"; is it %s?", name, near); }
  const char *all = "";
  for (int i = 0; i < MOON_FLAWS_N && all; i++) { all = moon_draft_format(f->d, "%s%s%s", all, i ? ", " : "", names[i]); }
  moon_fields_fail(f, "no fault is called \"%.40s\"; there are %s", name, all ? all : "");
}

/* What a bare number or text says of a fault. */
static void read_bare(struct moon_fields *f, struct moon_flaw *flaw) {
  double v = lua_tonumber(f->L, -1);
  switch (flaw->kind) {
  case MOON_FLAW_DELAY:
  case MOON_FLAW_JITTER:
  case MOON_FLAW_REORDER:
  case MOON_FLAW_DUPLICATE:
    if (v >= 0 && v <= SECONDS_MAX) {
      flaw->delay_us = moon_fleet_us(v);
      return;
    }
    moon_fields_fail(f, "seconds are expected");
  case MOON_FLAW_SILENT_ABOVE:
  case MOON_FLAW_RATE:
  case MOON_FLAW_TRUNCATED:
  case MOON_FLAW_TRAILING:
  case MOON_FLAW_TOO_BIG:
  case MOON_FLAW_FEWER:
    if (v >= 0 && v <= UINT32_MAX && v == floor(v)) {
      flaw->n = (uint32_t)v;
      return;
    }
    moon_fields_fail(f, "a whole number is expected");
  default:
    if (v > 0 && v <= 1) {
      flaw->share = v;
      return;
    }
    moon_fields_fail(f, "a share above 0 and up to 1 is expected");
  }
}

static void read_seconds(struct moon_fields *f, const char *key, uint64_t *out_us) {
  double s = -1;
  moon_fields_number(f, key, 0, SECONDS_MAX, &s);
  if (s >= 0) { *out_us = moon_fleet_us(s); }
}

/* The value at the top says more about flaw: true, a number, an OID, or a table. */
static void read_fault(struct moon_fields *f, struct moon_flaw *flaw) {
  static const char *const KEYS[] = {"oid", "from", "to", "every", "delay", "period", "jump", "share", "n", NULL};
  double jump = 0;
  const char *oid = NULL;
  lua_State *L = f->L;
  switch (lua_type(L, -1)) {
  case LUA_TBOOLEAN: return;
  case LUA_TNUMBER: read_bare(f, flaw); return;
  case LUA_TSTRING: flaw->oid = moon_fleet_oid(f, lua_tostring(L, -1), lua_objlen(L, -1), &flaw->oid_len); return;
  case LUA_TTABLE: break;
  default: moon_fields_fail(f, "true, a number, an OID or a table is expected, not a %s", luaL_typename(L, -1));
  }
  moon_fields_keys(f, KEYS);
  moon_fields_text(f, "oid", &oid);
  if (oid) { flaw->oid = moon_fleet_oid(f, oid, strlen(oid), &flaw->oid_len); }
  read_seconds(f, "from", &flaw->from_us);
  read_seconds(f, "to", &flaw->to_us);
  read_seconds(f, "every", &flaw->every_us);
  read_seconds(f, "delay", &flaw->delay_us);
  read_seconds(f, "period", &flaw->period_us);
  moon_fields_number(f, "jump", -SECONDS_MAX, SECONDS_MAX, &jump);
  flaw->jump_us = (int64_t)(jump * 1e6);
  double share = -1;
  moon_fields_number(f, "share", 0, 1, &share);
  if (share >= 0) { flaw->share = share; }
  moon_fields_uint(f, "n", 0, UINT32_MAX, &flaw->n);
  if (share == 0) { /* none, which a share of a flaw that is 0 does not say */
    flaw->from_us = UINT64_MAX;
    flaw->to_us = flaw->every_us = 0;
  }
}

static struct moon_flaw *add_flaw(struct moon_fields *f, struct moon_flaw *flaws, struct moon_fleet_kind *kind) {
  if (kind->n_flaws == MOON_FLAW_RULES_MAX) { moon_fields_fail(f, "over %d faults", MOON_FLAW_RULES_MAX); }
  return &flaws[kind->n_flaws++];
}

/* { "dead", { "loss", share = 0.1 }, delay = 0.2 } at the top: a list, and names. */
static void read_faults(struct moon_fields *f, struct moon_flaw *flaws, struct moon_fleet_kind *kind) {
  lua_State *L = f->L;
  unsigned count;
  if (lua_type(L, -1) == LUA_TSTRING) {
    add_flaw(f, flaws, kind)->kind = (uint8_t)find_fault(f, lua_tostring(L, -1));
    return;
  }
  if (!lua_istable(L, -1)) { moon_fields_fail(f, "a list of faults is expected, not a %s", luaL_typename(L, -1)); }
  for (unsigned i = 1; i <= lua_objlen(L, -1); i++) {
    size_t here = moon_fields_enter_index(f, i);
    struct moon_flaw *flaw = add_flaw(f, flaws, kind);
    lua_rawgeti(L, -1, (int)i);
    if (lua_type(L, -1) == LUA_TSTRING) {
      flaw->kind = (uint8_t)find_fault(f, lua_tostring(L, -1));
    } else {
      if (!lua_istable(L, -1)) { moon_fields_fail(f, "the name of a fault, or a table, is expected, not a %s", luaL_typename(L, -1)); }
      lua_rawgeti(L, -1, 1);
      if (lua_type(L, -1) != LUA_TSTRING) { moon_fields_fail(f, "begins with the name of a fault"); }
      flaw->kind = (uint8_t)find_fault(f, lua_tostring(L, -1));
      lua_pop(L, 1);
      lua_createtable(L, 0, 8); /* without its name, for the check of keys */
      for (lua_pushnil(L); lua_next(L, -3);) {
        bool name = lua_type(L, -2) == LUA_TNUMBER && lua_tonumber(L, -2) == 1;
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        if (name) {
          lua_pop(L, 2);
        } else {
          lua_rawset(L, -4);
        }
      }
      read_fault(f, flaw);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
    moon_fields_leave(f, here);
  }
  const char **names = moon_fleet_names(f, &count);
  for (unsigned i = 0; i < count; i++) {
    size_t here = moon_fields_enter(f, names[i]);
    lua_getfield(L, -1, names[i]);
    if (lua_type(L, -1) != LUA_TBOOLEAN || lua_toboolean(L, -1)) {
      struct moon_flaw *flaw = add_flaw(f, flaws, kind);
      flaw->kind = (uint8_t)find_fault(f, names[i]);
      read_fault(f, flaw);
    }
    lua_pop(L, 1);
    moon_fields_leave(f, here);
  }
}

/* A fault that has a field of its own. */
static void read_short(struct moon_fields *f, const char *field, enum moon_flaw_kind k, struct moon_flaw *flaws,
                       struct moon_fleet_kind *kind) {
  double v = 0;
  moon_fields_number(f, field, 0, k == MOON_FLAW_LOSS ? 1 : 86400, &v);
  if (v == 0) { return; }
  struct moon_flaw *flaw = add_flaw(f, flaws, kind);
  flaw->kind = (uint8_t)k;
  if (k == MOON_FLAW_LOSS) {
    flaw->share = v;
  } else {
    flaw->delay_us = moon_fleet_us(v);
  }
}

void moon_fleet_faults(struct moon_fields *f, struct moon_fleet_kind *kind) {
  struct moon_flaw flaws[MOON_FLAW_RULES_MAX] = {{0}}, *own;
  size_t was;
  read_short(f, "delay", MOON_FLAW_DELAY, flaws, kind);
  read_short(f, "jitter", MOON_FLAW_JITTER, flaws, kind);
  read_short(f, "loss", MOON_FLAW_LOSS, flaws, kind);
  if (moon_fields_get(f, "faults", &was)) {
    read_faults(f, flaws, kind);
    lua_pop(f->L, 1);
    moon_fields_leave(f, was);
  }
  if (!kind->n_flaws) { return; }
  own = moon_draft_alloc(f->d, kind->n_flaws * sizeof *own);
  if (!own) { moon_fields_raise(f); }
  memcpy(own, flaws, kind->n_flaws * sizeof *own);
  kind->flaws = own;
}
