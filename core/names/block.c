#include "block.h"

#include <stdlib.h>

#include "../base/mem.h"

#define SLOTS_FIRST 4096 /* power of two */
#define TEXT_MAX 65535

static void fail(struct moon_block *d, enum moon_err e) {
  if (!d->err) { d->err = e; }
}

/* Room for n more; NULL when there is none. */
static void *grow(struct moon_block *d, struct moon_block_list *l, uint32_t n, size_t size) {
  if (d->err) { return NULL; }
  if (l->n > MOON_MIB_SIZE_MAX / size - n) {
    fail(d, MOON_E_LIMIT);
    return NULL;
  }
  if (l->cap - l->n < n) {
    uint32_t cap = l->cap ? l->cap : 64;
    while (cap - l->n < n) { cap *= 2; }
    void *p = moon_mem_resize(l->p, cap, size);
    if (!p) {
      fail(d, MOON_E_NOMEM);
      return NULL;
    }
    l->p = p;
    l->cap = cap;
  }
  return (uint8_t *)l->p + l->n * size;
}

static uint32_t append(struct moon_block *d, struct moon_block_list *l, const void *r, size_t size) {
  void *to = grow(d, l, 1, size);
  if (!to) { return MOON_MIB_NONE; }
  memcpy(to, r, size);
  return l->n++;
}

struct moon_block *moon_block_new(void) {
  struct moon_block *d = moon_mem_zalloc(sizeof *d);
  if (!d) { return NULL; }
  d->slots = moon_mem_array(SLOTS_FIRST, sizeof *d->slots);
  d->n_slots = SLOTS_FIRST;
  uint8_t *empty = grow(d, &d->texts, 3, 1);
  if (!d->slots || !empty) {
    moon_block_free(d);
    return NULL;
  }
  memset(empty, 0, 3);
  d->texts.n = 3;
  return d;
}

void moon_block_free(struct moon_block *d) {
  if (!d) { return; }
  struct moon_block_list *lists[] = {&d->modules, &d->nodes, &d->types, &d->items, &d->ranges, &d->elements, &d->texts};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) { moon_mem_free(lists[i]->p); }
  moon_mem_free(d->slots);
  moon_mem_free(d);
}

struct moon_text_view moon_block_view(const struct moon_block *d, uint32_t text) {
  uint16_t len;
  const uint8_t *p = d->texts.p;
  if (text >= d->texts.n) { text = 0; }
  memcpy(&len, p + text, 2);
  return (struct moon_text_view){(const char *)p + text + 2, len};
}

static uint32_t hash(const uint8_t *p, size_t n) {
  uint32_t h = 2166136261u; /* FNV-1a */
  for (size_t i = 0; i < n; i++) { h = (h ^ p[i]) * 16777619u; }
  return h ^ h >> 15;
}

/* The slot a text is in or would be put in. */
static uint32_t *slot(const struct moon_block *d, uint32_t *slots, uint32_t n_slots, const void *p, size_t n) {
  for (uint32_t at = hash(p, n);; at++) {
    uint32_t *s = &slots[at & (n_slots - 1)];
    if (!*s) { return s; }
    struct moon_text_view v = moon_block_view(d, *s);
    if (v.n == n && memcmp(v.p, p, n) == 0) { return s; }
  }
}

static bool rehash(struct moon_block *d) {
  uint32_t n = 2 * d->n_slots, *slots = moon_mem_array(n, sizeof *slots);
  if (!slots) {
    fail(d, MOON_E_NOMEM);
    return false;
  }
  for (uint32_t i = 0; i < d->n_slots; i++) {
    if (!d->slots[i]) { continue; }
    struct moon_text_view v = moon_block_view(d, d->slots[i]);
    *slot(d, slots, n, v.p, v.n) = d->slots[i];
  }
  moon_mem_free(d->slots);
  d->slots = slots;
  d->n_slots = n;
  return true;
}

uint32_t moon_block_text(struct moon_block *d, const void *p, size_t n) {
  if (n == 0) { return 0; }
  if (n > TEXT_MAX) { fail(d, MOON_E_LIMIT); }
  if (d->err || (2 * d->n_texts >= d->n_slots && !rehash(d))) { return 0; }
  uint32_t *s = slot(d, d->slots, d->n_slots, p, n);
  if (*s) { return *s; }
  uint8_t *to = grow(d, &d->texts, (uint32_t)n + 3, 1);
  if (!to) { return 0; }
  uint16_t len = (uint16_t)n;
  memcpy(to, &len, 2);
  memcpy(to + 2, p, n);
  to[2 + n] = 0;
  *s = d->texts.n;
  d->texts.n += (uint32_t)n + 3;
  d->n_texts++;
  return *s;
}

uint32_t moon_block_module(struct moon_block *d, const char *name, size_t n) {
  struct moon_mib_module_record r = {.name = moon_block_text(d, name, n)}, *all = d->modules.p;
  for (uint32_t i = 0; i < d->modules.n; i++) {
    if (all[i].name == r.name) { return i; }
  }
  if (d->modules.n == UINT16_MAX) { fail(d, MOON_E_LIMIT); }
  return append(d, &d->modules, &r, sizeof r);
}

uint32_t moon_block_item(struct moon_block *d, int32_t value, const char *name, size_t n) {
  struct moon_mib_item_record r = {.value = value, .name = moon_block_text(d, name, n)};
  return append(d, &d->items, &r, sizeof r);
}

uint32_t moon_block_range(struct moon_block *d, int64_t low, int64_t high) {
  struct moon_mib_range_record r = {.low = {(uint32_t)(uint64_t)low, (uint32_t)((uint64_t)low >> 32)},
                                    .high = {(uint32_t)(uint64_t)high, (uint32_t)((uint64_t)high >> 32)}};
  return append(d, &d->ranges, &r, sizeof r);
}

uint32_t moon_block_element(struct moon_block *d, const char *name, size_t n, uint32_t type) {
  struct moon_mib_element_record r = {.name = moon_block_text(d, name, n), .type = type};
  return append(d, &d->elements, &r, sizeof r);
}

uint32_t moon_block_type(struct moon_block *d, const struct moon_mib_type_record *r) { return append(d, &d->types, r, sizeof *r); }

uint32_t moon_block_node(struct moon_block *d, const struct moon_mib_node_record *r) { return append(d, &d->nodes, r, sizeof *r); }

static uint32_t copy_text(struct moon_block *d, struct moon_text_view v) { return moon_block_text(d, v.p, v.n); }

static uint32_t copy_type(struct moon_block *d, const struct moon_mib *m, uint32_t i, uint32_t *types, int depth) {
  struct moon_mib_type t, up = {0};
  struct moon_text_view name;
  int64_t low, high;
  int32_t value;
  if (depth == MOON_MIB_TYPE_DEPTH || !moon_mib_type(m, i, &t)) { return MOON_MIB_NONE; }
  if (types[i] != MOON_MIB_NONE) { return types[i]; }
  name = moon_mib_module_name(m, t.module);
  uint16_t to = (uint16_t)moon_block_module(d, name.p, name.n);
  struct moon_mib_type_record r = {.name = copy_text(d, t.name), .base = t.base, .status = t.status, .module = to};
  r.parent = copy_type(d, m, t.parent, types, depth + 1);
  bool has_up = moon_mib_type(m, t.parent, &up); /* what is the same as above is from above */
  if (!has_up || up.hint.p != t.hint.p) { r.hint = copy_text(d, t.hint); }
  r.items = d->items.n;
  r.ranges = d->ranges.n;
  if (!has_up || up.items != t.items || up.n_items != t.n_items) {
    for (; moon_mib_item(m, &t, r.n_items, &value, &name) && !d->err; r.n_items++) { moon_block_item(d, value, name.p, name.n); }
  }
  if (!has_up || up.ranges != t.ranges || up.n_ranges != t.n_ranges) {
    for (; moon_mib_range(m, &t, r.n_ranges, &low, &high) && !d->err && r.n_ranges < UINT16_MAX; r.n_ranges++) { moon_block_range(d, low, high); }
  }
  return types[i] = moon_block_type(d, &r);
}

void moon_block_copy(struct moon_block *d, const struct moon_mib *m, uint32_t module, uint32_t *types) {
  struct moon_text_view name = moon_mib_module_name(m, module);
  struct moon_mib_type t;
  struct moon_mib_node n;
  struct moon_mib_element e;
  uint16_t to = (uint16_t)moon_block_module(d, name.p, name.n);
  for (uint32_t i = 0; moon_mib_type(m, i, &t) && !d->err; i++) {
    if (t.module == module && t.name.n) { copy_type(d, m, i, types, 0); }
  }
  for (uint32_t i = 0; moon_mib_node(m, i, &n) && !d->err; i++) {
    if (n.module != module || !n.oid_len) { continue; }
    uint32_t of[MOON_MIB_INDEX_MAX];
    struct moon_mib_node_record r = {.name = copy_text(d, n.name), .oid = moon_block_text(d, n.oid, n.oid_len), .units = copy_text(d, n.units),
                                     .row = copy_text(d, n.row), .type = copy_type(d, m, n.type, types, 0), .module = to,
                                     .kind = n.kind, .access = n.access, .status = n.status, .flags = n.flags};
    for (; r.n_elements < MOON_MIB_INDEX_MAX && moon_mib_element(m, &n, r.n_elements, &e); r.n_elements++) {
      of[r.n_elements] = copy_type(d, m, e.type, types, 0);
    }
    r.elements = d->elements.n;
    for (uint32_t k = 0; k < r.n_elements && moon_mib_element(m, &n, k, &e); k++) { moon_block_element(d, e.name.p, e.name.n, of[k]); }
    moon_block_node(d, &r);
  }
}

uint32_t moon_block_find(const struct moon_block *d, uint32_t module, uint32_t name) {
  const struct moon_mib_node_record *all = d->nodes.p;
  uint32_t other = MOON_MIB_NONE;
  for (uint32_t i = 0; i < d->nodes.n; i++) {
    if (all[i].name != name) { continue; }
    if (all[i].module == module) { return i; }
    if (other == MOON_MIB_NONE) { other = i; }
  }
  return other;
}

void moon_block_settle(struct moon_block *d) {
  struct moon_mib_node_record *nodes = d->nodes.p;
  struct moon_mib_element_record *elements = d->elements.p;
  for (uint32_t i = 0; i < d->nodes.n; i++) {
    for (uint32_t k = 0; k < nodes[i].n_elements; k++) {
      struct moon_mib_element_record *e = &elements[nodes[i].elements + k];
      uint32_t found = e->type == MOON_MIB_NONE ? moon_block_find(d, nodes[i].module, e->name) : MOON_MIB_NONE;
      if (found != MOON_MIB_NONE) { e->type = nodes[found].type; }
    }
  }
  for (uint32_t i = 0; i < d->nodes.n; i++) {
    if (nodes[i].n_elements || !(nodes[i].flags & MOON_MIB_AUGMENTS)) { continue; }
    uint32_t found = moon_block_find(d, nodes[i].module, nodes[i].row);
    if (found == MOON_MIB_NONE) { continue; }
    nodes[i].elements = nodes[found].elements;
    nodes[i].n_elements = nodes[found].n_elements;
    nodes[i].flags |= nodes[found].flags & MOON_MIB_IMPLIED;
  }
}

/* How much a node says, for those that share an OID: the best stands last. */
static int rank(const struct moon_mib_node_record *r) {
  return 2 * (r->kind != MOON_MIB_NODE && r->kind != MOON_MIB_IDENTITY) + (r->status == MOON_MIB_CURRENT);
}

static int by_oid(const void *pa, const void *pb, void *arg) {
  const struct moon_block *d = arg;
  const struct moon_mib_node_record *all = d->nodes.p, *a = &all[*(const uint32_t *)pa], *b = &all[*(const uint32_t *)pb];
  struct moon_text_view av = moon_block_view(d, a->oid), bv = moon_block_view(d, b->oid);
  int c = moon_oid_compare((const uint8_t *)av.p, av.n, (const uint8_t *)bv.p, bv.n);
  if (c) { return c; }
  c = rank(a) - rank(b);
  return c ? c : (a < b) - (a > b);
}

struct naming { const struct moon_block *d; const uint32_t *order; };

static int by_name(const void *pa, const void *pb, void *arg) {
  const struct naming *g = arg;
  const struct moon_mib_node_record *all = g->d->nodes.p;
  uint32_t a = g->order[*(const uint32_t *)pa], b = g->order[*(const uint32_t *)pb];
  struct moon_text_view av = moon_block_view(g->d, all[a].name), bv = moon_block_view(g->d, all[b].name);
  int c = memcmp(av.p, bv.p, av.n < bv.n ? av.n : bv.n);
  if (c) { return c; }
  if (av.n != bv.n) { return av.n < bv.n ? -1 : 1; }
  return a < b ? -1 : a > b;
}

static struct moon_mib_span place(uint64_t *size, uint32_t n, size_t record) {
  struct moon_mib_span s = {.at = (uint32_t)*size, .n = n};
  *size += ((uint64_t)n * record + 3) / 4 * 4;
  return s;
}

static void put(uint8_t *out, const struct moon_mib_span *s, const void *p, size_t record) {
  if (s->n) { memcpy(out + s->at, p, s->n * record); }
}

/* Nodes in order, each with the one above it: what is open at a node are its prefixes. */
static void put_nodes(const struct moon_block *d, const uint32_t *order, uint8_t *out, const struct moon_mib_span *s) {
  const struct moon_mib_node_record *all = d->nodes.p;
  uint32_t open[MOON_OID_MAX_LEN + 2], depth = 0;
  for (uint32_t i = 0; i < s->n; i++) {
    struct moon_mib_node_record r = all[order[i]];
    struct moon_text_view v = moon_block_view(d, r.oid);
    for (; depth; depth--) {
      struct moon_text_view up = moon_block_view(d, all[order[open[depth - 1]]].oid);
      if (up.n < v.n && moon_oid_under((const uint8_t *)up.p, up.n, (const uint8_t *)v.p, v.n)) { break; }
    }
    r.parent = depth ? open[depth - 1] : MOON_MIB_NONE;
    /* One with the same OID just before has to be passed on the way up too. */
    if (i && all[order[i - 1]].oid == r.oid) { r.parent = i - 1; }
    open[depth++] = i;
    memcpy(out + s->at + i * sizeof r, &r, sizeof r);
  }
}

enum moon_err moon_block_pack(struct moon_block *d, uint8_t **out, size_t *n) {
  uint32_t count = d->nodes.n;
  if (d->err) { return d->err; }
  uint64_t size = sizeof(struct moon_mib_header);
  struct moon_mib_header h = {.magic = MOON_MIB_MAGIC, .order = 0x01020304};
  h.modules = place(&size, d->modules.n, sizeof(struct moon_mib_module_record));
  h.nodes = place(&size, count, sizeof(struct moon_mib_node_record));
  h.names = place(&size, count, sizeof(uint32_t));
  h.types = place(&size, d->types.n, sizeof(struct moon_mib_type_record));
  h.items = place(&size, d->items.n, sizeof(struct moon_mib_item_record));
  h.ranges = place(&size, d->ranges.n, sizeof(struct moon_mib_range_record));
  h.elements = place(&size, d->elements.n, sizeof(struct moon_mib_element_record));
  h.texts = place(&size, d->texts.n, 1);
  if (size > MOON_MIB_SIZE_MAX) { return MOON_E_LIMIT; }
  h.size = (uint32_t)size;
  uint8_t *p = moon_mem_zalloc(size);
  uint32_t *order = moon_mem_array((size_t)count + 1, sizeof *order), *names = moon_mem_array((size_t)count + 1, sizeof *names);
  enum moon_err e = p && order && names ? MOON_OK : MOON_E_NOMEM;
  if (!e) {
    for (uint32_t i = 0; i < count; i++) { order[i] = names[i] = i; }
    qsort_r(order, count, sizeof *order, by_oid, d);
    struct naming g = {d, order};
    qsort_r(names, count, sizeof *names, by_name, &g);
    memcpy(p, &h, sizeof h);
    put(p, &h.modules, d->modules.p, sizeof(struct moon_mib_module_record));
    put_nodes(d, order, p, &h.nodes);
    put(p, &h.names, names, sizeof *names);
    put(p, &h.types, d->types.p, sizeof(struct moon_mib_type_record));
    put(p, &h.items, d->items.p, sizeof(struct moon_mib_item_record));
    put(p, &h.ranges, d->ranges.p, sizeof(struct moon_mib_range_record));
    put(p, &h.elements, d->elements.p, sizeof(struct moon_mib_element_record));
    put(p, &h.texts, d->texts.p, 1);
    *out = p;
    *n = size;
    p = NULL;
  }
  moon_mem_free(names);
  moon_mem_free(order);
  moon_mem_free(p);
  return e;
}
