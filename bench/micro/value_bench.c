/* value: what it costs to hand values to a script, in nanoseconds, with the JIT off as in a probe. Rows are ten columns of
 * IF-MIB, and all 41 of its two tables. Prints `name ns`; each is the best of several rounds, so that other load on the machine does not show. The collector
 * runs as it would: its work is part of every figure. */
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bind/value/fault.h"
#include "bind/value/index.h"
#include "bind/value/row.h"

#define ROUNDS 15
#define TURNS 20000

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct work {
  lua_State *L;
  struct moon_values *values;
  struct moon_shape *shape, *one, *wide;
  struct moon_cell cells[10], wide_cells[41];
  uint8_t octets[10][16], wide_octets[41][16];
  uint8_t reply[1024];
  struct moon_pdu pdu;
};

typedef void turn_fn(struct work *w, unsigned i);

static void measure(struct work *w, const char *name, double per, turn_fn *turn) {
  double best = 1e18;
  for (int r = 0; r < ROUNDS; r++) {
    double begun = now_ns();
    for (unsigned i = 0; i < TURNS; i++) {
      turn(w, i);
      lua_settop(w->L, 4);
    }
    double ns = (now_ns() - begun) / TURNS / per;
    if (ns < best) { best = ns; }
  }
  printf("%-44s %8.1f\n", name, best);
}

static const struct { const char *key, *oid; uint8_t type; uint64_t value; } columns[10] = {
    {"descr", "1.3.6.1.2.1.2.2.1.2.7", MOON_OCTET_STRING, 0},        {"speed", "1.3.6.1.2.1.2.2.1.5.7", MOON_GAUGE32, 1000000000},
    {"admin", "1.3.6.1.2.1.2.2.1.7.7", MOON_INTEGER, 1},             {"oper", "1.3.6.1.2.1.2.2.1.8.7", MOON_INTEGER, 1},
    {"since", "1.3.6.1.2.1.2.2.1.9.7", MOON_TIME_TICKS, 123456},     {"drops", "1.3.6.1.2.1.2.2.1.14.7", MOON_COUNTER32, 3},
    {"rx", "1.3.6.1.2.1.31.1.1.1.6.7", MOON_COUNTER64, 0x123456789a}, {"tx", "1.3.6.1.2.1.31.1.1.1.10.7", MOON_COUNTER64, 0xfedcba987},
    {"high", "1.3.6.1.2.1.31.1.1.1.15.7", MOON_GAUGE32, 1000},       {"alias", "1.3.6.1.2.1.31.1.1.1.18.7", MOON_OCTET_STRING, 0}};

/* Cells in the shape's order, and the reply they came in. */
static void fill(struct work *w) {
  struct moon_writer out;
  moon_writer_init(&out, w->reply, sizeof w->reply);
  for (size_t i = 10; i-- > 0;) {
    size_t c = 0, len;
    uint8_t oid[64];
    for (;; c++) {
      if (moon_oid_parse(columns[c].oid, strlen(columns[c].oid), oid, sizeof oid, &len)) { abort(); }
      if (len == w->shape->names[i].len && memcmp(oid, w->shape->names[i].oid, len) == 0) { break; }
    }
    struct moon_cell *cell = &w->cells[i];
    cell->type = columns[c].type;
    if (cell->type == MOON_OCTET_STRING) {
      cell->value_len = (uint32_t)snprintf((char *)w->octets[i], sizeof w->octets[i], "ge-0/0/%zu", i);
      cell->value = w->octets[i];
    } else {
      struct moon_writer v;
      moon_writer_init(&v, w->octets[i], sizeof w->octets[i]);
      moon_ber_put_u64(&v, cell->type, columns[c].value);
      cell->value = v.p + 2;
      cell->value_len = v.p[1];
    }
    struct moon_varbind vb = {.oid = oid, .oid_len = (uint16_t)len, .type = cell->type, .value = cell->value, .value_len = cell->value_len};
    moon_varbind_put(&out, &vb);
  }
  w->pdu = (struct moon_pdu){.varbinds = out.p, .varbinds_len = moon_writer_len(&out), .type = MOON_PDU_RESPONSE};
}

/* A row of ifTable and ifXTable: i integer, s string, m address of the link, g gauge, t ticks, c Counter32, C Counter64, o OID. */
static const char wide_types[] = "isiigmiitcccccccccccgosccccCCCCCCCCigiist";

static void fill_wide(struct work *w) {
  for (size_t i = 0; i < 41; i++) {
    struct moon_cell *cell = &w->wide_cells[i];
    uint8_t *octets = w->wide_octets[i];
    struct moon_writer v;
    moon_writer_init(&v, octets, sizeof w->wide_octets[i]);
    switch (wide_types[i]) {
    case 's': *cell = (struct moon_cell){.type = MOON_OCTET_STRING, .value = octets, .value_len = (uint32_t)snprintf((char *)octets, 16, "ge-0/0/%zu", i)}; continue;
    case 'm': *cell = (struct moon_cell){.type = MOON_OCTET_STRING, .value = octets, .value_len = 6}; continue;
    case 'o': *cell = (struct moon_cell){.type = MOON_OBJECT_ID, .value = octets, .value_len = 1}; continue; /* 0.0 */
    case 'i': moon_ber_put_u64(&v, MOON_INTEGER, i); break;
    case 'g': moon_ber_put_u64(&v, MOON_GAUGE32, 1000000000); break;
    case 't': moon_ber_put_u64(&v, MOON_TIME_TICKS, 123456); break;
    case 'c': moon_ber_put_u64(&v, MOON_COUNTER32, 0x2345678u * i); break;
    default: moon_ber_put_u64(&v, MOON_COUNTER64, 0x123456789au * i); break;
    }
    *cell = (struct moon_cell){.type = v.p[0], .value = v.p + 2, .value_len = v.p[1]};
  }
}

static void row_cells(struct work *w, unsigned i) {
  size_t blame;
  (void)i;
  if (moon_row_push(w->L, w->shape, w->cells, 0, 0, &blame)) { abort(); }
}
static void row_wide(struct work *w, unsigned i) {
  size_t blame;
  (void)i;
  if (moon_row_push(w->L, w->wide, w->wide_cells, 0, 0, &blame)) { abort(); }
}
static void row_exact(struct work *w, unsigned i) {
  size_t blame;
  (void)i;
  if (moon_row_push(w->L, w->shape, w->cells, MOON_VALUE_EXACT, 0, &blame)) { abort(); }
}
static void row_pdu(struct work *w, unsigned i) {
  size_t blame;
  (void)i;
  if (moon_row_push_pdu(w->L, w->shape, &w->pdu, 0, &blame)) { abort(); }
}
static void shape_table(struct work *w, unsigned i) {
  (void)i;
  if (moon_shape_check(w->L, w->values, 1) != w->shape) { abort(); }
}
static void shape_text(struct work *w, unsigned i) {
  (void)i;
  if (moon_shape_check(w->L, w->values, 2) != w->one) { abort(); }
}
static void shape_new(struct work *w, unsigned i) { /* an OID a script puts together each time */
  lua_pushfstring(w->L, "1.3.6.1.2.1.2.2.1.10.%d", (int)i);
  moon_shape_check(w->L, w->values, 5);
}
static void number(struct work *w, unsigned i) { moon_value_push(w->L, &w->cells[2 + (i & 1)], 0); }
static void exact(struct work *w, unsigned i) { moon_value_push_u64(w->L, i); }
static void oid_text(struct work *w, unsigned i) {
  (void)i;
  moon_value_push_oid(w->L, w->shape->names[0].oid, w->shape->names[0].len);
}
static void index_short(struct work *w, unsigned i) {
  uint8_t arc = (uint8_t)(i % 48 + 1);
  moon_index_push(w->L, &arc, 1);
}
static void index_long(struct work *w, unsigned i) {
  uint8_t arcs[] = {1, 4, 0x81, 0x40, 0, 2, (uint8_t)(i & 0x7f)};
  moon_index_push(w->L, arcs, sizeof arcs);
}
static void fault(struct work *w, unsigned i) {
  struct moon_fault f = {.err = MOON_E_TIMEOUT, .device = "core1", .target = "192.0.2.1:161", .tries = 2, .waited_us = 4000000 + i};
  f.oid = w->shape->names[0];
  moon_fault_push(w->L, &f);
}

static void make_wide(struct work *w) {
  lua_createtable(w->L, 0, 41);
  for (int i = 1; i <= 41; i++) {
    lua_pushfstring(w->L, "column%d", i);
    lua_pushfstring(w->L, "1.3.6.1.2.1.2.2.1.%d", i);
    lua_rawset(w->L, 3);
  }
  for (int i = 0; i < 1000; i++) { w->wide = moon_shape_check(w->L, w->values, 3); } /* known well, as in a script */
  moon_shape_hold(w->wide);
}

int main(void) {
  static struct work w;
  lua_State *L = w.L = luaL_newstate();
  luaL_openlibs(L);
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  w.values = moon_value_open(L, NULL);
  lua_settop(L, 0);
  lua_createtable(L, 0, 10);
  for (size_t i = 0; i < 10; i++) {
    lua_pushstring(L, columns[i].oid);
    lua_setfield(L, 1, columns[i].key);
  }
  lua_pushstring(L, "1.3.6.1.2.1.1.3.0");
  make_wide(&w);
  lua_settop(L, 4);
  w.shape = moon_shape_check(L, w.values, 1);
  w.one = moon_shape_check(L, w.values, 2);
  moon_shape_hold(w.shape);
  moon_shape_hold(w.one);
  fill(&w);
  fill_wide(&w);

  measure(&w, "integer", 1, number);
  measure(&w, "Counter64 as uint64_t", 1, exact);
  measure(&w, "OID as text, 11 arcs", 1, oid_text);
  measure(&w, "index of one arc", 1, index_short);
  measure(&w, "index of six arcs", 1, index_long);
  measure(&w, "row of 10 from cells", 1, row_cells);
  measure(&w, "row of 10 from cells, exact", 1, row_exact);
  measure(&w, "row of ifTable and ifXTable, 41 from cells", 1, row_wide);
  measure(&w, "row of 10 from a Response", 1, row_pdu);
  measure(&w, "shape of 10 found by table", 1, shape_table);
  measure(&w, "shape of 1 found by text", 1, shape_text);
  measure(&w, "shape of 1 made, kept, pushed out", 1, shape_new);
  measure(&w, "error object", 1, fault);
  moon_shape_release(w.shape);
  moon_shape_release(w.one);
  moon_shape_release(w.wide);
  lua_close(L);
  return 0;
}
