#include "get.h"

#include <string.h>

#include "../../base/cache.h"
#include "../../base/mem.h"
#include "../../session/ask.h"
#include "../value/assign.h"
#include "../value/options.h"
#include "../value/row.h"
#include "allow.h"
#include "device.h"
#include "run.h"

enum { GET, GET_RAW, GET_NEXT, GET_BULK, SET };

#define BULK_REPETITIONS 10
#define STACK_OCTETS 192  /* of a stack, around the frame of the function that waits */
#define STACK_BELOW 64    /* of them below it */
#define STATE_OCTETS 96   /* of a lua_State */
#define TABLE_OCTETS 96   /* of a device's table with its array */
#define NODE_OCTETS 96    /* of its hash */

static unsigned exact(lua_State *L, int idx) {
  lua_getfield(L, idx, "exact");
  unsigned flags = lua_toboolean(L, -1) ? MOON_VALUE_EXACT : 0;
  lua_pop(L, 1);
  return flags;
}

/* Options of get and its kin. */
static unsigned check_exact(lua_State *L, int arg) {
  static const char *const known[] = {"exact", NULL};
  if (lua_isnoneornil(L, arg)) { return 0; }
  luaL_checktype(L, arg, LUA_TTABLE);
  moon_options_check(L, arg, known, false);
  return exact(L, arg);
}

/* ---- the one wait of all of them ---- */

static struct moon_task *task_of(struct moon_query *q) { return MOON_LIST_ENTRY(q, struct moon_task, get.query); }

static enum moon_err ask_next(struct moon_task *t);
static void get_done(struct moon_query *q, const struct moon_outcome *o);

/* Came all that was asked? Counted by lengths alone: an agent may leave out what it does not like. */
static bool whole(const struct moon_pdu *pdu, uint16_t n) {
  struct moon_reader r, body;
  uint32_t found = 0;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  while (moon_reader_left(&r) && !r.err) {
    moon_ber_get_body(&r, MOON_SEQUENCE, &body);
    found++;
  }
  return !r.err && found >= n;
}

/* A pointer that LuaJIT 2.1 with GC64 keeps at this place of an object: of another layout it is something else, which is fetched for
 * nothing. */
static const void *within(const void *object, size_t place) { return ((void *const *)object)[place]; }
enum { STATE_BASE = 4, TABLE_NODE = 5 };

static void note_ahead(lua_State *L, struct moon_get *g) {
  g->stack = (const char *)within(L, STATE_BASE) - STACK_BELOW;
  g->table = lua_topointer(L, 1);
  g->node = within(g->table, TABLE_NODE);
}

/* What asks is a task as good as always: what lies around the query of a walk is fetched for nothing. */
void moon_host_ahead(moon_done *done, void *arg, unsigned step) {
  struct moon_query *q = moon_query_of(done, arg);
  if (!q) { return; }
  const struct moon_task *t = task_of(q);
  if (step == 0) {
    moon_cache_fetch(t, sizeof *t);
  } else if (step == 1) {
    moon_cache_fetch(q->target, sizeof *q->target + sizeof q->target->devices[0]);
    if (q->done != get_done) { return; }
    moon_cache_fetch(t->run, MOON_CACHE_LINE);
    moon_cache_fetch(t->co, STATE_OCTETS);
    moon_cache_fetch(t->get.stack, STACK_OCTETS);
    moon_cache_fetch(t->get.table, TABLE_OCTETS);
    moon_cache_fetch(t->get.node, NODE_OCTETS);
  }
}

/* What has to be asked for in parts: tooBig, a varbind blamed (v1 noSuchName), varbinds missing, silence maybe. */
static bool in_parts(const struct moon_task *t, const struct moon_outcome *o) {
  uint16_t n = t->get.shape->n;
  if (n < 2 || t->get.kind > GET_RAW) { return false; }
  if (o->err == MOON_E_TIMEOUT) { return true; }
  if (o->pdu.type != MOON_PDU_RESPONSE) { return false; }
  return o->err ? o->pdu.error_status != 0 : !whole(&o->pdu, n);
}

/* The outcome, beyond the callback. false: no memory. */
static bool keep(struct moon_get *g) {
  const struct moon_pdu *pdu = &g->outcome->pdu;
  size_t n = pdu->varbinds ? pdu->varbinds_len : 0;
  struct moon_outcome *own = moon_mem_alloc(sizeof *own + n);
  if (!own) { return false; }
  *own = *g->outcome;
  if (n) { own->pdu.varbinds = memcpy(own + 1, pdu->varbinds, n); }
  g->outcome = own;
  g->kept = true;
  return true;
}

static void get_done(struct moon_query *q, const struct moon_outcome *o) {
  struct moon_task *t = task_of(q);
  struct moon_get *g = &t->get;
  if (o->rtt_us || !o->err) { moon_run_heard(t->run, o->received_us); }
  g->outcome = o;
  if (!g->fetch && g->shape && in_parts(t, o)) {
    g->fetch = moon_fetch_new(moon_peer_target(q->target->peer), g->shape->names, g->shape->n);
    const struct moon_request *r;
    if (!g->fetch) {
      t->err = MOON_E_NOMEM;
    } else if (moon_fetch_next(g->fetch, &r) && r->n_varbinds == g->shape->n) {
      moon_fetch_feed(g->fetch, o); /* what it would ask first is what was asked */
      t->err = ask_next(t);
    } else { /* something was learned since */
      t->err = moon_query_start(&g->query, t->host, g->query.target, r, get_done);
    }
  } else if (g->fetch) {
    moon_fetch_feed(g->fetch, o);
    t->err = ask_next(t);
  }
  if (q->out) { return; }
  if (t->run->suspect && keep(g)) {
    moon_task_wake(t);
  } else {
    moon_task_run(t);
  }
}

/* The next part, if there is one. */
static enum moon_err ask_next(struct moon_task *t) {
  struct moon_get *g = &t->get;
  const struct moon_request *r;
  if (!moon_fetch_next(g->fetch, &r)) { return MOON_OK; }
  return moon_query_start(&g->query, t->host, g->query.target, r, get_done);
}

static enum moon_err get_start(struct moon_task *t) {
  struct moon_get *g = &t->get;
  struct moon_host_target *target = g->query.target;
  enum moon_err e;
  g->fetch = NULL;
  g->outcome = NULL;
  g->kept = false;
  if (g->shape) {
    moon_shape_hold(g->shape);
    g->query.own.varbinds = g->shape->varbinds;
    g->query.own.varbinds_len = g->shape->varbinds_len;
    g->query.own.n_varbinds = g->shape->n;
  }
  const struct moon_target *known = moon_peer_target(target->peer);
  if (g->kind <= GET_RAW &&
      (g->kind == GET_RAW || g->query.own.varbinds_len > MOON_ASK_MAX ||
       (g->shape->n > 1 && ((known->get_max && g->shape->n > known->get_max) || moon_poison_any(known->poisons))))) {
    g->fetch = moon_fetch_new(moon_peer_target(target->peer), g->shape->names, g->shape->n);
    e = g->fetch ? ask_next(t) : MOON_E_NOMEM;
  } else if (g->kind == GET_BULK && moon_query_version(t->host, target) == MOON_V1) {
    e = MOON_E_CONFIG;
  } else {
    e = moon_query_start(&g->query, t->host, target, &g->query.own, get_done);
  }
  if (e) {
    moon_fetch_free(g->fetch);
    g->fetch = NULL;
  }
  return e; /* the shape goes with the results */
}

static void drop(struct moon_task *t) {
  struct moon_get *g = &t->get;
  moon_query_cancel(&g->query);
  moon_fetch_free(g->fetch);
  g->fetch = NULL;
  moon_shape_release(g->shape);
  g->shape = NULL;
  if (g->kept) { moon_mem_free((void *)(uintptr_t)g->outcome); }
  g->outcome = NULL;
  g->kept = false;
}

static const char *detail(const struct moon_task *t, enum moon_err e) {
  if (t->get.kind == GET_BULK && e == MOON_E_CONFIG) { return "SNMPv1 has no GETBULK"; }
  if (e == MOON_E_TIMEOUT && t->get.fetch && t->get.outcome && !t->get.outcome->err) {
    return "the agent answers other OIDs; this one is left out of requests for a while";
  }
  if (t->err == MOON_E_BUDGET) { return moon_query_crowd(&t->get.query); }
  return NULL;
}

/* nil, err */
static int push_failed(lua_State *L, struct moon_task *t, enum moon_err e, size_t blame) {
  struct moon_get *g = &t->get;
  const struct moon_name *names = g->shape ? g->shape->names : g->names;
  size_t n = g->shape ? g->shape->n : g->query.own.n_varbinds;
  lua_pushnil(L);
  moon_query_push_fault(L, &g->query, e, g->outcome, n ? &names[blame < n ? blame : 0] : NULL, detail(t, e));
  return 2;
}

/* nil, err, the part that came: row is at the top. */
static int push_partial(lua_State *L, struct moon_task *t, enum moon_err e, size_t blame) {
  int row = lua_gettop(L);
  push_failed(L, t, e, blame);
  lua_pushvalue(L, row);
  return 3;
}

static int push_row(lua_State *L, struct moon_task *t) {
  struct moon_get *g = &t->get;
  struct moon_shape *s = g->shape;
  size_t blame = SIZE_MAX;
  enum moon_err e;
  if (g->fetch) {
    const struct moon_cell *cells = moon_fetch_cells(g->fetch);
    e = moon_fetch_err(g->fetch, &blame);
    if (e) { return push_failed(L, t, e, blame); }
    e = moon_row_push(L, s, cells, g->flags, 0, &blame);
    if (e == MOON_E_MISSING && !s->single) { /* v1 tells so what v2 tells by an exception */
      e = MOON_OK;
      for (size_t i = 0; i < s->n && !e; i++) {
        if (cells[i].err && cells[i].err != MOON_E_MISSING) {
          e = (enum moon_err)cells[i].err;
          blame = i;
        }
      }
    }
  } else {
    e = moon_row_push_pdu(L, s, &g->outcome->pdu, g->flags, &blame);
  }
  if (!e) { return 1; }
  return s->single ? push_failed(L, t, e, blame) : push_partial(L, t, e, blame);
}

static int push_raw(lua_State *L, struct moon_task *t) {
  struct moon_get *g = &t->get;
  size_t blame = SIZE_MAX;
  enum moon_err e = moon_fetch_err(g->fetch, &blame);
  if (e) { return push_failed(L, t, e, blame); }
  e = moon_row_push_raw(L, g->shape, moon_fetch_cells(g->fetch), g->flags, &blame);
  if (!e) { return 1; }
  return g->shape->single ? push_failed(L, t, e, blame) : push_partial(L, t, e, blame);
}

/* What followed each name; a single one as `oid, value`. */
static int push_next(lua_State *L, struct moon_task *t) {
  struct moon_get *g = &t->get;
  const struct moon_shape *s = g->shape;
  struct moon_reader r;
  struct moon_varbind vb;
  enum moon_err e;
  moon_reader_init(&r, g->outcome->pdu.varbinds, g->outcome->pdu.varbinds_len);
  if (!s->single) { lua_createtable(L, 0, s->n); }
  for (size_t i = 0; i < s->n; i++) {
    if (!moon_varbind_get(&r, &vb)) { return push_failed(L, t, MOON_E_DECODE, i); }
    struct moon_cell c = {.value = vb.value, .value_len = vb.value_len, .type = vb.type};
    if (!moon_varbind_is_exception(&vb) && moon_oid_compare(vb.oid, vb.oid_len, s->names[i].oid, s->names[i].len) <= 0) {
      return push_failed(L, t, MOON_E_LOOP, i);
    }
    bool allowed = moon_allow_oid(t->run->version->plan, vb.oid, vb.oid_len);
    if (!allowed && !s->single) { continue; }
    if (s->single) {
      if (!allowed || moon_varbind_is_exception(&vb)) { return push_failed(L, t, MOON_E_MISSING, i); }
      moon_value_push_oid(L, vb.oid, vb.oid_len);
      e = moon_value_push(L, &c, g->flags);
      return e ? push_failed(L, t, e, i) : 2;
    }
    moon_shape_push_key(L, s, i);
    e = moon_value_push_raw(L, vb.oid, vb.oid_len, &c, g->flags);
    if (e) { return push_failed(L, t, e, i); }
    lua_rawset(L, -3);
  }
  return 1;
}

static int push_bulk(lua_State *L, struct moon_task *t) {
  struct moon_reader r;
  struct moon_varbind vb;
  int n = 0;
  moon_reader_init(&r, t->get.outcome->pdu.varbinds, t->get.outcome->pdu.varbinds_len);
  lua_createtable(L, 16, 0);
  while (moon_varbind_get(&r, &vb)) {
    struct moon_cell c = {.value = vb.value, .value_len = vb.value_len, .type = vb.type};
    if (!moon_allow_oid(t->run->version->plan, vb.oid, vb.oid_len)) { continue; }
    enum moon_err e = moon_value_push_raw(L, vb.oid, vb.oid_len, &c, t->get.flags);
    if (e) { return push_failed(L, t, e, SIZE_MAX); }
    lua_rawseti(L, -2, ++n);
  }
  return r.err ? push_partial(L, t, MOON_E_DECODE, SIZE_MAX) : 1;
}

/* A sysUpTime among what was asked: reboots drop what is cached. */
static void look_for_uptime(struct moon_task *t) {
  struct moon_get *g = &t->get;
  const struct moon_shape *s = g->shape;
  struct moon_reader r;
  struct moon_varbind vb;
  for (size_t i = 0; i < s->n; i++) {
    if (!moon_uptime_is(s->names[i].oid, s->names[i].len)) { continue; }
    if (g->fetch) {
      moon_query_uptime(g->query.target, &moon_fetch_cells(g->fetch)[i]);
      return;
    }
    moon_reader_init(&r, g->outcome->pdu.varbinds, g->outcome->pdu.varbinds_len);
    while (moon_varbind_get(&r, &vb)) {
      if (moon_uptime_is(vb.oid, vb.oid_len)) {
        struct moon_cell c = {.value = vb.value, .value_len = vb.value_len, .type = vb.type, .received_us = g->outcome->received_us};
        moon_query_uptime(g->query.target, &c);
        return;
      }
    }
    return;
  }
}

static int get_results(lua_State *L, struct moon_task *t) {
  struct moon_get *g = &t->get;
  const struct moon_outcome *o = g->outcome;
  int n;
  if (t->err) {
    n = push_failed(L, t, t->err, SIZE_MAX);
  } else if (o && o->err == MOON_E_MISSING && g->kind == GET && !g->shape->single && !g->fetch) {
    lua_newtable(L); /* a row of one name: v1 tells so what v2 tells by an exception */
    n = 1;
  } else if (o && o->err && !g->fetch) {
    n = push_failed(L, t, o->err, o->error_index ? o->error_index - 1u : SIZE_MAX);
  } else {
    if (g->kind <= GET_RAW && !g->query.context) { look_for_uptime(t); } /* a context may have one of its own */
    switch (g->kind) {
      case GET: n = push_row(L, t); break;
      case GET_RAW: n = push_raw(L, t); break;
      case GET_NEXT: n = push_next(L, t); break;
      case GET_BULK: n = push_bulk(L, t); break;
      default:
        lua_pushboolean(L, 1);
        n = 1;
    }
  }
  drop(t);
  return n;
}

/* A number by itself. */
static int get_direct(struct moon_task *t) {
  struct moon_get *g = &t->get;
  const struct moon_outcome *o = g->outcome;
  struct moon_reader r;
  struct moon_varbind vb;
  lua_Number n;
  if (g->kind != GET || !g->shape->single || g->fetch || t->err || !o || o->err) { return -1; }
  moon_reader_init(&r, o->pdu.varbinds, o->pdu.varbinds_len);
  if (!moon_varbind_get(&r, &vb) || !moon_name_is(&g->shape->names[0], vb.oid, vb.oid_len)) { return -1; }
  struct moon_cell c = {.value = vb.value, .value_len = vb.value_len, .type = vb.type, .received_us = o->received_us};
  if (!moon_value_is_small(&c, &n)) { return -1; }
  if (!g->query.context && moon_uptime_is(vb.oid, vb.oid_len)) { moon_query_uptime(g->query.target, &c); }
  drop(t);
  lua_settop(t->co, 0);
  lua_pushnumber(t->co, n);
  return 1;
}

static const struct moon_query *get_query(const struct moon_task *t) { return &t->get.query; }

static const struct moon_wait getting = {get_start, get_results, drop, get_direct, "request", get_query};

static struct moon_task *begin(lua_State *L, struct moon_device *d) {
  struct moon_task *t = moon_task_check(L);
  if (!moon_limits_take(&t->run->left.requests)) { moon_limits_raise(L, t->run->version->plan, "max_requests"); }
  t->get.query = (struct moon_query){.host = t->host, .target = d->target, .context = moon_device_context(L, 1)};
  note_ahead(L, &t->get);
  return t;
}

static int park(lua_State *L, struct moon_task *t, uint8_t kind, uint8_t pdu_type, struct moon_shape *s, unsigned flags, int n) {
  struct moon_get *g = &t->get;
  if (s) { moon_allow_check(L, t->run->version->plan, s->names, s->n); }
  g->query.own.pdu_type = pdu_type;
  g->query.own.kind = kind == GET_BULK ? MOON_KIND_BULK : MOON_KIND_GET;
  g->shape = s;
  g->kind = kind;
  g->flags = (uint8_t)flags;
  return moon_task_park(L, t, &getting, n);
}

/* ---- what scripts call: see lua/moonpoll/task.lua ---- */

/* Options are read first: what they are may be told by a script that asks for other things, and a shape is kept for a time only.
 * [-0, +?, m e] */
static int get(lua_State *L) {
  struct moon_device *d = moon_device_check(L, 1);
  unsigned flags = check_exact(L, 3);
  struct moon_shape *s = moon_shape_check(L, d->probe->host->values, 2);
  return park(L, begin(L, d), GET, MOON_PDU_GET, s, flags, 0);
}

static int get_raw(lua_State *L) {
  struct moon_device *d = moon_device_check(L, 1);
  unsigned flags = check_exact(L, 3);
  struct moon_shape *s = moon_shape_check(L, d->probe->host->values, 2);
  return park(L, begin(L, d), GET_RAW, MOON_PDU_GET, s, flags, 0);
}

static int get_next(lua_State *L) {
  struct moon_device *d = moon_device_check(L, 1);
  unsigned flags = check_exact(L, 3);
  struct moon_shape *s = moon_shape_check(L, d->probe->host->values, 2);
  return park(L, begin(L, d), GET_NEXT, MOON_PDU_GET_NEXT, s, flags, 0);
}

static int32_t field(lua_State *L, int arg, const char *name, int32_t otherwise) {
  lua_getfield(L, arg, name);
  double v = lua_isnil(L, -1) ? otherwise : lua_tonumber(L, -1);
  if (!(v >= 0 && v <= INT32_MAX) || (!lua_isnil(L, -1) && !lua_isnumber(L, -1))) {
    luaL_error(L, "bad argument #%d: %s must be a number from 0", arg - 1, name);
  }
  lua_pop(L, 1);
  return (int32_t)v;
}

/* get_bulk { oid, ..., non_repeaters = 0, repetitions = 10, exact = false } [-0, +?, m e] */
static int get_bulk(lua_State *L) {
  struct moon_device *d = moon_device_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  int32_t non_repeaters = field(L, 2, "non_repeaters", 0), repetitions = field(L, 2, "repetitions", BULK_REPETITIONS);
  static const char *const known[] = {"repetitions", "non_repeaters", "exact", NULL};
  moon_options_check(L, 2, known, true);
  unsigned flags = exact(L, 2);
  int n = (int)lua_objlen(L, 2);
  lua_settop(L, 2);
  lua_createtable(L, n, 0);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, i);
    lua_rawseti(L, 3, i);
  }
  struct moon_shape *s = moon_shape_check_field(L, d->probe->host->values, 3, 2, NULL);
  struct moon_task *t = begin(L, d);
  t->get.query.own.non_repeaters = non_repeaters;
  t->get.query.own.max_repetitions = repetitions;
  return park(L, t, GET_BULK, MOON_PDU_GET_BULK, s, flags, 0);
}

/* set { { oid =, type =, value = }, ... }: true, or nil and err [-0, +?, m e] */
static int set(lua_State *L) {
  struct moon_device *d = moon_device_check(L, 1);
  if (!d->probe->host->current || !d->probe->host->current->run->version->plan->allow_set) {
    return moon_limits_refuse(L, "this probe may not change anything: allow_set is not configured for it");
  }
  const uint8_t *varbinds;
  uint32_t len;
  const struct moon_name *names;
  uint16_t n;
  moon_assign_check(L, 2, &varbinds, &len, &names, &n);
  struct moon_task *t = begin(L, d);
  moon_allow_check(L, t->run->version->plan, names, n);
  t->get.query.own.varbinds = varbinds;
  t->get.query.own.varbinds_len = len;
  t->get.query.own.n_varbinds = n;
  t->get.names = names;
  return park(L, t, SET, MOON_PDU_SET, NULL, 0, 1);
}

void moon_get_functions(lua_State *L, struct moon_host *h) {
  static const luaL_Reg functions[] = {{"get", get}, {"get_raw", get_raw}, {"get_next", get_next}, {"get_bulk", get_bulk}, {"set", set},
                                       {NULL, NULL}};
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushlightuserdata(L, h);
    lua_pushcclosure(L, f->func, 1);
    lua_setfield(L, -2, f->name);
  }
}
