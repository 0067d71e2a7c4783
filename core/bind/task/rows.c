#include "rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"
#include "../../session/walk.h"
#include "../value/index.h"
#include "../value/options.h"
#include "../value/row.h"
#include "allow.h"
#include "device.h"
#include "rates.h"

#define GAP 2.5 /* intervals: a value older than this is no base for a rate */
#define NO_COLUMN UINT16_MAX
#define WALK_OCTETS 2560   /* of a walk, about, beside its columns */
#define COLUMN_OCTETS 168u

/* Userdata. */
struct moon_rows {
  struct moon_list node;       /* in run->walks; alone: closed */
  struct moon_run *run;
  struct moon_device *device;
  struct moon_walk *walk;      /* NULL: not begun, or closed */
  struct moon_shape *columns, *with; /* held */
  struct moon_name *heads;     /* of `with`, sysUpTime behind them when rates need it */
  struct moon_index_list only;
  struct moon_query query;
  struct moon_task *waiter;    /* parked until there is a row, which is its own; NULL: nobody */
  struct moon_rates *rates;
  struct moon_row row;         /* the next one, when have: lent by walk, or in kept */
  struct moon_cell *kept;      /* NULL: nothing is */
  struct moon_heap_account *memory; /* whose held octets are: a script may open as many walks as it likes */
  size_t held;                 /* of the walk; 0: none */
  double gap_s;
  uint32_t max_rows, given;
  int rate_keys;               /* Lua ref: names of the rates */
  uint16_t n_heads, uptime;    /* which head, NO_COLUMN */
  uint16_t rate[MOON_RATES_COLUMNS_MAX];
  uint16_t n_rates, epoch, key; /* columns, NO_COLUMN */
  uint8_t flags;
  uint8_t err;                 /* why a request could not even be made */
  bool have, begun, oids;
  bool used_up;                /* err: the run has no request left */
};

static void forget_row(struct moon_rows *w) {
  w->have = false;
  moon_mem_free(w->kept);
  w->kept = NULL;
}

/* Its script has a turn to wait until it gets the row, and the next answer is here: the walk lends its rows no longer than that. */
static void keep_row(struct moon_rows *w) {
  if (!w->have || w->kept) { return; }
  const struct moon_cell *from = w->row.cells;
  uint16_t n = w->columns->n;
  size_t octets = n * sizeof *from + w->row.index_len;
  for (uint16_t i = 0; i < n; i++) { octets += from[i].value_len; }
  struct moon_cell *to = moon_mem_alloc(octets);
  if (!to) {
    w->have = false;
    w->err = MOON_E_NOMEM;
    return;
  }
  uint8_t *at = (uint8_t *)&to[n];
  if (w->row.index_len) { memcpy(at, w->row.index, w->row.index_len); }
  w->row.index = at;
  at += w->row.index_len;
  for (uint16_t i = 0; i < n; i++) {
    to[i] = from[i];
    to[i].value = at;
    if (from[i].value_len) { memcpy(at, from[i].value, from[i].value_len); }
    at += from[i].value_len;
  }
  w->row.cells = w->kept = to;
}

static void close_(struct moon_rows *w) {
  moon_query_cancel(&w->query);
  if (w->held) { moon_heap_let_go(w->memory, w->held); }
  w->held = 0;
  moon_walk_free(w->walk);
  w->walk = NULL;
  moon_shape_release(w->columns);
  moon_shape_release(w->with);
  w->columns = w->with = NULL;
  moon_mem_free(w->heads);
  w->heads = NULL;
  moon_index_list_fini(&w->only);
  w->waiter = NULL;
  forget_row(w);
  moon_list_remove(&w->node);
}

/* The reference to the names goes where there is a state to do it with. */
static void forget_keys(lua_State *L, struct moon_rows *w) {
  luaL_unref(L, LUA_REGISTRYINDEX, w->rate_keys);
  w->rate_keys = LUA_NOREF;
}

void moon_rows_end_all(struct moon_run *r) {
  while (!moon_list_empty(&r->walks)) {
    struct moon_rows *w = MOON_LIST_ENTRY(r->walks.next, struct moon_rows, node);
    close_(w);
    forget_keys(r->host->L, w);
  }
}

static int gc(lua_State *L) {
  struct moon_rows *w = lua_touserdata(L, 1);
  if (w && w->node.next) {
    close_(w);
    forget_keys(L, w);
  }
  return 0;
}

/* ---- what goes out and what comes in ---- */

static void on_done(struct moon_query *q, const struct moon_outcome *o);

static void advance(struct moon_rows *w) {
  const struct moon_request *r;
  if (w->query.out || w->err || !moon_walk_next(w->walk, moon_engine_now(w->query.host->engine), &r)) { return; }
  if (!moon_limits_take(&w->run->left.requests)) {
    w->err = MOON_E_BUDGET;
    w->used_up = true;
    return;
  }
  w->err = (uint8_t)moon_query_start(&w->query, w->query.host, w->device->target, r, on_done);
}

static bool over(const struct moon_rows *w) { return w->err || (!w->query.out && moon_walk_over(w->walk)); }

static bool is_there(const struct moon_cell *c) { return c->type && c->type < MOON_NO_SUCH_OBJECT && !c->err; }

/* Is there a row to give, or will there be none? Rows without their key are passed over, which may make room for the next request. */
static bool ready(struct moon_rows *w) {
  for (int again = 0; again < 2; again++) {
    while (!w->have && moon_walk_row(w->walk, &w->row)) { w->have = w->key == NO_COLUMN || is_there(&w->row.cells[w->key]); }
    if (w->have || over(w)) { return true; }
    if (w->query.out) { return false; }
    advance(w);
  }
  return false;
}

static void on_done(struct moon_query *q, const struct moon_outcome *o) {
  struct moon_rows *w = MOON_LIST_ENTRY(q, struct moon_rows, query);
  if (o->rtt_us || !o->err) { moon_run_heard(w->run, o->received_us); }
  keep_row(w);
  moon_walk_feed(w->walk, o);
  advance(w);
  if (w->waiter && moon_list_empty(&w->waiter->ready) && ready(w)) { moon_task_wake_grouped(w->waiter); }
}

static enum moon_err wait_start(struct moon_task *t) {
  struct moon_rows *w = t->rows;
  w->waiter = t;
  advance(w);
  if (ready(w)) { moon_task_wake(t); }
  return MOON_OK;
}

static void wait_cancel(struct moon_task *t) {
  if (t->rows->waiter == t) { t->rows->waiter = NULL; }
}

/* ---- a row as what the script gets ---- */

/* Some row of its probe had no place in an earlier pass. Once: it will be so in each. */
static void say_full(struct moon_rows *w) {
  const struct moon_host *h = w->query.host;
  struct moon_host_probe *own = w->device->probe;
  const struct moon_host_probe *most = own;
  char other[128] = "";
  if (!own->rates.full || own->rates.told) { return; }
  own->rates.told = true;
  for (uint32_t i = 0; i < h->n_probes; i++) { most = h->probes[i].rates.octets > most->rates.octets ? &h->probes[i] : most; }
  if (most != own) { snprintf(other, sizeof other, ", where %s has %.1f MiB", most->plan->name, (double)most->rates.octets / 0x1p20); }
  moon_host_log(w->query.host, MOON_LOG_WARN, "%s: what its rates are reckoned from takes %.1f MiB, and there is no more room for it in this worker%s: "
                "rows beyond that have none; ask for fewer rows or columns with rates, or have more workers", w->run->version->title,
                (double)own->rates.octets / 0x1p20, other);
}

/* Heads are known: is it the agent of the last pass? */
static void begin(struct moon_rows *w) {
  const struct moon_cell *heads = w->n_heads ? moon_walk_heads(w->walk) : NULL;
  const struct moon_cell *uptime = heads && w->uptime != NO_COLUMN ? &heads[w->uptime] : NULL;
  uint32_t ticks = 0;
  bool known = uptime && !uptime->err && uptime->type == MOON_TIME_TICKS && !moon_ber_u32(uptime->value, uptime->value_len, &ticks);
  w->begun = true;
  if (known && !w->query.context) { moon_query_uptime(w->device->target, uptime); }
  if (w->rates) {
    say_full(w);
    moon_rates_begin(w->rates, known, ticks, known ? uptime->received_us : w->run->received_us,
                     w->gap_s > 0 ? (uint64_t)(w->gap_s * 1e6) : UINT64_MAX);
  }
}

/* Sets the rates of the row at the top. [-0, +0, m] */
static void set_rates(lua_State *L, struct moon_rows *w) {
  const struct moon_cell *cells[MOON_RATES_COLUMNS_MAX];
  double rate[MOON_RATES_COLUMNS_MAX];
  for (uint16_t i = 0; i < w->n_rates; i++) { cells[i] = &w->row.cells[w->rate[i]]; }
  uint32_t got = moon_rates_row(w->rates, w->row.index, w->row.index_len, cells, w->epoch != NO_COLUMN ? &w->row.cells[w->epoch] : NULL, rate);
  if (!got) { return; }
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->rate_keys);
  for (uint16_t i = 0; i < w->n_rates; i++) {
    if (got & 1u << i) {
      lua_rawgeti(L, -1, i + 1);
      lua_pushnumber(L, rate[i]);
      lua_rawset(L, -4);
    }
  }
  lua_pop(L, 1);
}

static int push_row(lua_State *L, struct moon_rows *w) {
  size_t blame;
  w->given++;
  if (w->oids) { /* walk(oid): the name as it came */
    uint8_t oid[2 * MOON_OID_MAX_LEN];
    const struct moon_name *root = w->columns->names;
    size_t n = root->len + (size_t)w->row.index_len;
    if (n > sizeof oid) { n = sizeof oid; }
    memcpy(oid, root->oid, root->len);
    memcpy(oid + root->len, w->row.index, n - root->len);
    moon_value_push_oid(L, oid, n);
    moon_value_push(L, w->row.cells, w->flags);
    return 2;
  }
  moon_index_push(L, w->row.index, w->row.index_len);
  moon_shape_push_keys(L, w->columns);
  /* An ill-typed cell is left out: the rest of the row is good. */
  moon_row_push_keyed(L, w->columns, lua_gettop(L), w->row.cells, w->flags, w->n_rates, &blame);
  lua_remove(L, -2);
  if (w->rates && lua_istable(L, -1)) { set_rates(L, w); }
  return 2;
}

/* seen: how the request ended that ended it; NULL: none did. */
static const char *which_limit(const struct moon_rows *w, const struct moon_outcome *seen, char *buf, size_t cap) {
  uint32_t most = w->max_rows ? w->max_rows : MOON_WALK_ROWS;
  if (w->err) { return moon_query_crowd(&w->query); }
  if (seen && seen->err == MOON_E_BUDGET) { return "too many requests are on the wire"; }
  if (moon_walk_rows(w->walk) < most) {
    snprintf(buf, cap, "its values take more than %u MiB", MOON_WALK_OCTETS >> 20);
  } else {
    snprintf(buf, cap, "it has more than %" PRIu32 " rows (max_rows)", most);
  }
  return buf;
}

static int push_end(lua_State *L, struct moon_rows *w) {
  const struct moon_outcome *seen = NULL;
  size_t blame = SIZE_MAX;
  enum moon_err e = w->err ? (enum moon_err)w->err : moon_walk_err(w->walk, &blame, &seen);
  if (!e) {
    if (w->rates && w->begun && !w->only.names) { moon_rates_end(w->rates); }
    return 0;
  }
  const struct moon_name *name = &w->columns->names[blame < w->columns->n ? blame : 0];
  char limit[64];
  lua_pushnil(L);
  moon_query_push_fault(L, &w->query, e, seen, name, e == MOON_E_BUDGET ? which_limit(w, seen, limit, sizeof limit) : NULL);
  return 2;
}

/* nil, text with the line of the script that goes through the rows on `of`. */
static int push_limit(lua_State *L, lua_State *of, const struct moon_rows *w, const char *name) {
  lua_pushnil(L);
  moon_task_where(L, of);
  moon_limits_push_text(L, w->run->version->plan, name);
  lua_concat(L, 2);
  moon_limits_mark(w->query.host, lua_tostring(L, -1));
  return 2;
}

/* index, row; nothing at the end; nil, err; nil, text when the run has had its fill. -1: none yet. [-0, +0..2, m] */
static int give(lua_State *L, lua_State *of, struct moon_rows *w) {
  if (!ready(w)) { return -1; }
  if (!w->have) { return w->used_up ? push_limit(L, of, w, "max_requests") : push_end(L, w); }
  if (!moon_limits_take(&w->run->left.rows)) { return push_limit(L, of, w, "max_rows"); }
  if (!w->begun) { begin(w); }
  int n = push_row(L, w);
  forget_row(w);
  return n;
}

static int wait_results(lua_State *L, struct moon_task *t) {
  t->rows->waiter = NULL;
  int n = give(L, t->co, t->rows);
  return n < 0 ? 0 : n;
}

static const struct moon_query *wait_query(const struct moon_task *t) { return &t->rows->query; }

static const struct moon_wait waiting = {wait_start, wait_results, wait_cancel, NULL, "rows", wait_query};

/* ---- what scripts call ---- */

static struct moon_rows *check(lua_State *L) {
  struct moon_rows *w = lua_touserdata(L, 1);
  if (!w || !lua_getmetatable(L, 1) || !lua_rawequal(L, -1, lua_upvalueindex(2))) {
    luaL_argerror(L, 1, "not a walk");
    return NULL;
  }
  lua_pop(L, 1);
  if (!w->walk) { moon_task_error(L, "the run of this iterator is over"); }
  const struct moon_task *t = w->query.host->current;
  if (!t || t->run != w->run) { moon_task_error(L, "the run of this iterator is another one"); } /* with whose end it goes, and nobody is told */
  return w;
}

/* walk_next(w) [-0, +0..2, m e] */
static int walk_next(lua_State *L) {
  struct moon_rows *w = check(L);
  if (w->waiter) { return moon_task_error(L, "another child waits for this iterator"); }
  if (!w->have) { advance(w); } /* before a row is taken: it would not be lent any more */
  int n = give(L, L, w);
  if (n >= 0) { return n; }
  struct moon_task *t = moon_task_check(L);
  t->rows = w;
  return moon_task_park(L, t, &waiting, 0);
}

/* walk_head(w): the row of `with` [-0, +1, m e] */
static int walk_head(lua_State *L) {
  struct moon_rows *w = check(L);
  size_t blame;
  if (!w->with) { return 0; }
  moon_row_push(L, w->with, moon_walk_heads(w->walk), w->flags, 0, &blame);
  return 1;
}

/* walk_given(w): rows given [-0, +1, e] */
static int walk_given(lua_State *L) {
  lua_pushnumber(L, check(L)->given);
  return 1;
}

static uint64_t hash_name(uint64_t hash, const struct moon_name *n) {
  for (uint16_t i = 0; i < n->len; i++) { hash = (hash ^ n->oid[i]) * 0x100000001b3u; }
  return (hash ^ 0x100) * 0x100000001b3u;
}

/* The column with the key at idx. */
static uint16_t column_of(lua_State *L, const struct moon_rows *w, int idx, const char *what) {
  int i = moon_shape_find(L, w->columns, idx);
  if (i < 0) { luaL_error(L, "%s: no column has the key %s", what, lua_isstring(L, idx) ? lua_tostring(L, idx) : luaL_typename(L, idx)); }
  return (uint16_t)i;
}

static void take_rates(lua_State *L, struct moon_rows *w, int at) {
  uint64_t key = 0xcbf29ce484222325u;
  if (!lua_istable(L, at)) { luaL_error(L, "rates: a table { column = \"name of its rate\" } expected"); }
  if (w->columns->single) { luaL_error(L, "rates: the columns have no keys"); }
  lua_newtable(L);
  int names = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, at)) {
    if (w->n_rates == MOON_RATES_COLUMNS_MAX) { luaL_error(L, "rates: more than %d", MOON_RATES_COLUMNS_MAX); }
    if (lua_type(L, -1) != LUA_TSTRING) { luaL_error(L, "rates: the name of a rate is a string"); }
    uint16_t at_column = column_of(L, w, -2, "rates"), i = w->n_rates++;
    for (; i && w->rate[i - 1] > at_column; i--) { /* by column: the order of a table's keys is nobody's */
      w->rate[i] = w->rate[i - 1];
      lua_rawgeti(L, names, i);
      lua_rawseti(L, names, i + 1);
    }
    w->rate[i] = at_column;
    lua_rawseti(L, names, i + 1);
  }
  for (uint16_t i = 0; i < w->columns->n; i++) { key = hash_name(key, &w->columns->names[i]); }
  for (uint16_t i = 0; i < w->n_rates; i++) { key = (key ^ w->rate[i]) * 0x100000001b3u; }
  key = (key ^ w->epoch) * 0x100000001b3u;
  for (uint8_t i = 0; w->query.context && i < w->query.context->len; i++) { key = (key ^ w->query.context->octets[i]) * 0x100000001b3u; }
  w->rate_keys = luaL_ref(L, LUA_REGISTRYINDEX);
  if (!w->n_rates) { return; }
  w->rates = moon_rates_find_pass(&w->device->rates, key, w->n_rates, &w->device->probe->rates, w->run->started_us,
                                  moon_engine_now(w->query.host->engine));
  if (!w->rates) { luaL_error(L, "not enough memory"); }
}

static bool opt(lua_State *L, int opts, const char *name) {
  lua_getfield(L, opts, name);
  return !lua_isnil(L, -1);
}

static void take_opts(lua_State *L, struct moon_rows *w, int opts) {
  static const char *const known[] = {"only", "with", "key", "rates", "epoch", "exact", "max_rows", NULL};
  struct moon_values *values = w->query.host->values;
  luaL_checktype(L, opts, LUA_TTABLE);
  moon_options_check(L, opts, known, false);
  if (opt(L, opts, "exact") && lua_toboolean(L, -1)) { w->flags = MOON_VALUE_EXACT; }
  if (opt(L, opts, "with")) {
    w->with = moon_shape_check_field(L, values, lua_gettop(L), opts - 1, "with");
    moon_shape_hold(w->with);
    moon_allow_check(L, w->run->version->plan, w->with->names, w->with->n);
  }
  if (opt(L, opts, "only")) { moon_index_list_check(L, lua_gettop(L), opts - 1, "only", &w->only); }
  if (opt(L, opts, "key")) { w->key = column_of(L, w, -1, "key"); }
  if (opt(L, opts, "epoch")) { w->epoch = column_of(L, w, -1, "epoch"); }
  if (opt(L, opts, "max_rows")) {
    double v = lua_tonumber(L, -1);
    if (!(v >= 1 && v <= UINT32_MAX)) { luaL_error(L, "max_rows: a number from 1 expected"); }
    w->max_rows = (uint32_t)v;
  }
  if (opt(L, opts, "rates")) { take_rates(L, w, lua_gettop(L)); }
}

static void make_heads(lua_State *L, struct moon_rows *w) {
  size_t n = w->with ? w->with->n : 0;
  w->heads = moon_mem_array(n + 1, sizeof *w->heads);
  if (!w->heads) { luaL_error(L, "not enough memory"); }
  for (size_t i = 0; i < n; i++) {
    w->heads[i] = w->with->names[i];
    if (moon_uptime_is(w->heads[i].oid, w->heads[i].len)) { w->uptime = (uint16_t)i; }
  }
  if (w->rates && w->uptime == NO_COLUMN) {
    w->uptime = (uint16_t)n;
    w->heads[n++] = moon_uptime_name;
  }
  w->n_heads = (uint16_t)n;
}

/* The iterator over the walk of the arguments; nothing is asked yet. oids: it gives oid, value. [-0, +1, m e] */
static int open_(lua_State *L, bool oids) {
  struct moon_host *h = moon_host_of(L);
  struct moon_device *d = moon_device_check(L, 1);
  enum moon_err e = MOON_OK;
  lua_settop(L, 3);
  if (!h->current) { return luaL_error(L, "nothing can be asked here: no run is under way"); }
  struct moon_rows *w = lua_newuserdata(L, sizeof *w);
  memset(w, 0, sizeof *w);
  moon_list_init(&w->node);
  w->rate_keys = LUA_NOREF;
  w->uptime = w->epoch = w->key = NO_COLUMN;
  w->run = h->current->run;
  w->device = d;
  w->query.host = h;
  w->query.target = d->target;
  w->query.context = moon_device_context(L, 1);
  w->gap_s = GAP * moon_run_job(w->run)->every_s;
  w->oids = oids;
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->rows_meta);
  lua_setmetatable(L, -2);
  w->columns = moon_shape_check(L, h->values, 2);
  moon_shape_hold(w->columns);
  moon_allow_check(L, w->run->version->plan, w->columns->names, w->columns->n);
  if (oids && !w->columns->single) { return luaL_argerror(L, 2, "the OID of a subtree as text expected"); }
  if (!lua_isnil(L, 3)) { take_opts(L, w, 3); }
  make_heads(L, w);
  if (w->columns->n > MOON_WALK_COLUMNS_MAX) { return luaL_error(L, "bad argument #1: more than %d columns", MOON_WALK_COLUMNS_MAX); }
  /* Without a deadline: the run's timeout ends it, and is what is told then, however late its timer is looked at. */
  const struct moon_walk_spec spec = {.columns = w->columns->names, .heads = w->heads, .only = w->only.names, .max_rows = w->max_rows,
                                      .n_columns = w->columns->n, .n_heads = w->n_heads, .n_only = w->only.n};
  size_t held = WALK_OCTETS + w->columns->n * COLUMN_OCTETS + w->n_heads * sizeof(struct moon_cell) + w->only.n * sizeof *w->only.names;
  if (!moon_heap_hold(&h->heap, held)) {
    lua_pushstring(L, h->guard.told); /* with its place */
    return lua_error(L);
  }
  w->memory = h->heap.account;
  w->held = held;
  w->walk = moon_walk_new(moon_peer_target(d->target->peer), &spec, &e);
  if (!w->walk) {
    return luaL_error(L, e == MOON_E_CONFIG ? "bad argument #1: one column lies under another, or is given twice" : "%s", moon_err_text(e ? e : MOON_E_NOMEM));
  }
  moon_list_append(&w->run->walks, &w->node);
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->iterator_ref);
  lua_pushvalue(L, 4);
  lua_pushboolean(L, w->with != NULL);
  lua_call(L, 2, 1);
  return 1;
}

/* device:rows(columns, opts), device:walk(oid, opts): see lua/moonpoll/task.lua [-0, +1, m e] */
static int rows(lua_State *L) { return open_(L, false); }
static int walk(lua_State *L) { return open_(L, true); }

void moon_rows_setup(struct moon_host *h, lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  h->rows_meta = luaL_ref(L, LUA_REGISTRYINDEX);
}

void moon_rows_functions(lua_State *L, struct moon_host *h) {
  static const luaL_Reg functions[] = {{"rows", rows}, {"walk", walk}, {"walk_next", walk_next}, {"walk_head", walk_head},
                                       {"walk_given", walk_given}, {NULL, NULL}};
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushlightuserdata(L, h);
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->rows_meta);
    lua_pushcclosure(L, f->func, 2);
    lua_setfield(L, -2, f->name);
  }
}
