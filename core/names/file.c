#include "file.h"

#define ORDER 0x01020304u

static bool span_fits(const struct moon_mib_header *h, const struct moon_mib_span *s, size_t record) {
  return s->at >= sizeof *h && s->at <= h->size && s->n <= (h->size - s->at) / record;
}

enum moon_err moon_mib_open(const void *p, size_t n, struct moon_mib *out) {
  struct moon_mib m = {.p = p, .n = n};
  if (n < sizeof m.h) { return MOON_E_SHORT; }
  memcpy(&m.h, p, sizeof m.h);
  if (memcmp(m.h.magic, MOON_MIB_MAGIC, sizeof m.h.magic) != 0 || m.h.order != ORDER) { return MOON_E_VERSION; }
  if (m.h.size != n || n > MOON_MIB_SIZE_MAX) { return MOON_E_LENGTH; }
  if (!span_fits(&m.h, &m.h.modules, sizeof(struct moon_mib_module_record)) || !span_fits(&m.h, &m.h.nodes, sizeof(struct moon_mib_node_record)) ||
      !span_fits(&m.h, &m.h.names, sizeof(uint32_t)) || !span_fits(&m.h, &m.h.types, sizeof(struct moon_mib_type_record)) ||
      !span_fits(&m.h, &m.h.items, sizeof(struct moon_mib_item_record)) || !span_fits(&m.h, &m.h.ranges, sizeof(struct moon_mib_range_record)) ||
      !span_fits(&m.h, &m.h.elements, sizeof(struct moon_mib_element_record)) || !span_fits(&m.h, &m.h.texts, 1)) {
    return MOON_E_LENGTH;
  }
  *out = m;
  return MOON_OK;
}

/* Record i of a span into out; blocks may lie anywhere, so they are copied. */
static bool record(const struct moon_mib *m, const struct moon_mib_span *s, uint32_t i, size_t size, void *out) {
  if (i >= s->n) { return false; }
  memcpy(out, m->p + s->at + i * size, size);
  return true;
}

/* The octets at an offset of texts; none when it is no good one. */
static const uint8_t *octets(const struct moon_mib *m, uint32_t at, uint32_t *n) {
  uint16_t len;
  const uint8_t *p = m->p + m->h.texts.at;
  *n = 0;
  if (at >= m->h.texts.n || m->h.texts.n - at < 3) { return (const uint8_t *)""; }
  memcpy(&len, p + at, 2);
  if (m->h.texts.n - at - 3 < len || p[at + 2 + len] != 0) { return (const uint8_t *)""; }
  *n = len;
  return p + at + 2;
}

static struct moon_text_view text(const struct moon_mib *m, uint32_t at) {
  struct moon_text_view v;
  v.p = (const char *)octets(m, at, &v.n);
  return v;
}

bool moon_mib_node(const struct moon_mib *m, uint32_t i, struct moon_mib_node *out) {
  struct moon_mib_node_record r;
  if (!record(m, &m->h.nodes, i, sizeof r, &r)) { return false; }
  *out = (struct moon_mib_node){.name = text(m, r.name), .units = text(m, r.units), .row = text(m, r.row), .type = r.type,
                                .parent = r.parent < i ? r.parent : MOON_MIB_NONE, .elements = r.elements, .number = i,
                                .n_elements = r.n_elements <= MOON_MIB_INDEX_MAX ? r.n_elements : 0, .module = r.module,
                                .access = r.access, .status = r.status, .flags = r.flags};
  out->kind = r.kind < MOON_MIB_KINDS ? r.kind : MOON_MIB_NODE;
  out->oid = octets(m, r.oid, &out->oid_len);
  if (out->oid_len > MOON_OID_MAX_LEN || moon_oid_check(out->oid, out->oid_len)) { out->oid_len = 0; }
  return true;
}

static const uint8_t *node_oid(const struct moon_mib *m, uint32_t i, uint32_t *n, uint32_t *parent) {
  struct moon_mib_node_record r;
  *n = 0;
  *parent = MOON_MIB_NONE;
  if (!record(m, &m->h.nodes, i, sizeof r, &r)) { return (const uint8_t *)""; }
  *parent = r.parent < i ? r.parent : MOON_MIB_NONE;
  return octets(m, r.oid, n);
}

bool moon_mib_type(const struct moon_mib *m, uint32_t i, struct moon_mib_type *out) {
  struct moon_mib_type_record r, up;
  uint32_t n;
  if (!record(m, &m->h.types, i, sizeof r, &r)) { return false; }
  *out = (struct moon_mib_type){.name = text(m, r.name), .hint = text(m, r.hint), .parent = r.parent, .items = r.items, .n_items = r.n_items,
                                .ranges = r.ranges, .n_ranges = r.n_ranges, .module = r.module, .status = r.status};
  out->base = r.base < MOON_BASES ? r.base : MOON_BASE_NONE;
  up = r;
  for (n = 0; n < MOON_MIB_TYPE_DEPTH && record(m, &m->h.types, up.parent, sizeof up, &up); n++) {
    if (!out->hint.n) { out->hint = text(m, up.hint); }
    if (!out->n_items) { out->items = up.items, out->n_items = up.n_items; }
    if (!out->n_ranges) { out->ranges = up.ranges, out->n_ranges = up.n_ranges; }
  }
  return true;
}

bool moon_mib_item(const struct moon_mib *m, const struct moon_mib_type *t, uint32_t i, int32_t *value, struct moon_text_view *name) {
  struct moon_mib_item_record r;
  if (i >= t->n_items || t->items > m->h.items.n || !record(m, &m->h.items, t->items + i, sizeof r, &r)) { return false; }
  *value = r.value;
  *name = text(m, r.name);
  return true;
}

bool moon_mib_range(const struct moon_mib *m, const struct moon_mib_type *t, uint32_t i, int64_t *low, int64_t *high) {
  struct moon_mib_range_record r;
  if (i >= t->n_ranges || t->ranges > m->h.ranges.n || !record(m, &m->h.ranges, t->ranges + i, sizeof r, &r)) { return false; }
  *low = (int64_t)((uint64_t)r.low[1] << 32 | r.low[0]);
  *high = (int64_t)((uint64_t)r.high[1] << 32 | r.high[0]);
  return true;
}

bool moon_mib_element(const struct moon_mib *m, const struct moon_mib_node *row, uint32_t i, struct moon_mib_element *out) {
  struct moon_mib_element_record r;
  if (i >= row->n_elements || row->elements > m->h.elements.n || !record(m, &m->h.elements, row->elements + i, sizeof r, &r)) { return false; }
  *out = (struct moon_mib_element){.name = text(m, r.name), .type = r.type};
  return true;
}

struct moon_text_view moon_mib_module_name(const struct moon_mib *m, uint32_t module) {
  struct moon_mib_module_record r;
  return record(m, &m->h.modules, module, sizeof r, &r) ? text(m, r.name) : (struct moon_text_view){"", 0};
}

uint32_t moon_mib_find(const struct moon_mib *m, const uint8_t *oid, size_t n) {
  uint32_t low = 0, high = m->h.nodes.n, len, parent;
  const uint8_t *p;
  while (low < high) { /* the last that is not behind oid */
    uint32_t mid = low + (high - low) / 2;
    p = node_oid(m, mid, &len, &parent);
    if (moon_oid_compare(p, len, oid, n) <= 0) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  /* Whatever is a prefix of oid is that one or above it. */
  for (uint32_t i = low - 1; i < m->h.nodes.n; i = parent) {
    p = node_oid(m, i, &len, &parent);
    if (len && moon_oid_under(p, len, oid, n)) { return i; }
  }
  return MOON_MIB_NONE;
}

static int compare_text(struct moon_text_view a, const char *b, size_t n) {
  int c = memcmp(a.p, b, a.n < n ? a.n : n);
  return c ? c : a.n < n ? -1 : a.n > n;
}

uint32_t moon_mib_find_name(const struct moon_mib *m, uint32_t module, const char *name, size_t n) {
  uint32_t low = 0, high = m->h.names.n, i = 0;
  struct moon_mib_node_record r;
  while (low < high) { /* the first that is not before name */
    uint32_t mid = low + (high - low) / 2;
    struct moon_text_view v = {"", 0};
    if (record(m, &m->h.names, mid, sizeof i, &i) && record(m, &m->h.nodes, i, sizeof r, &r)) { v = text(m, r.name); }
    if (compare_text(v, name, n) < 0) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  for (; record(m, &m->h.names, low, sizeof i, &i) && record(m, &m->h.nodes, i, sizeof r, &r); low++) {
    if (compare_text(text(m, r.name), name, n) != 0) { break; }
    if (module == MOON_MIB_NONE || r.module == module) { return i; }
  }
  return MOON_MIB_NONE;
}

uint32_t moon_mib_find_module(const struct moon_mib *m, const char *name, size_t n) {
  for (uint32_t i = 0; i < m->h.modules.n; i++) {
    if (compare_text(moon_mib_module_name(m, i), name, n) == 0) { return i; }
  }
  return MOON_MIB_NONE;
}

uint32_t moon_mib_find_type(const struct moon_mib *m, uint32_t module, const char *name, size_t n) {
  struct moon_mib_type_record r;
  if (!n) { return MOON_MIB_NONE; }
  for (uint32_t i = 0; record(m, &m->h.types, i, sizeof r, &r); i++) {
    if ((module == MOON_MIB_NONE || r.module == module) && compare_text(text(m, r.name), name, n) == 0) { return i; }
  }
  return MOON_MIB_NONE;
}

bool moon_mib_label(const struct moon_mib *m, const struct moon_mib_type *t, int64_t value, struct moon_text_view *name) {
  int32_t v;
  for (uint32_t i = 0; moon_mib_item(m, t, i, &v, name); i++) {
    if (v == value) { return true; }
  }
  return false;
}

bool moon_mib_labelled(const struct moon_mib *m, const struct moon_mib_type *t, const char *name, size_t n, int32_t *value) {
  struct moon_text_view v;
  int32_t number;
  for (uint32_t i = 0; moon_mib_item(m, t, i, &number, &v); i++) {
    if (compare_text(v, name, n) == 0) {
      *value = number;
      return true;
    }
  }
  return false;
}

struct moon_text_view moon_mib_convention(const struct moon_mib *m, uint32_t type) {
  struct moon_mib_type_record r;
  for (uint32_t n = 0; n < MOON_MIB_TYPE_DEPTH && record(m, &m->h.types, type, sizeof r, &r); n++, type = r.parent) {
    struct moon_text_view v = text(m, r.name);
    if (v.n) { return v; }
  }
  return (struct moon_text_view){"", 0};
}

bool moon_mib_is(const struct moon_mib *m, uint32_t type, const char *convention) {
  struct moon_mib_type_record r;
  size_t len = strlen(convention);
  for (uint32_t n = 0; n < MOON_MIB_TYPE_DEPTH && record(m, &m->h.types, type, sizeof r, &r); n++, type = r.parent) {
    if (compare_text(text(m, r.name), convention, len) == 0) { return true; }
  }
  return false;
}

uint32_t moon_mib_fixed_size(const struct moon_mib *m, const struct moon_mib_type *t) {
  int64_t low, high;
  if (t->n_ranges != 1 || !moon_mib_range(m, t, 0, &low, &high) || low != high || low < 1 || low > MOON_OID_MAX_ARCS) { return 0; }
  return (uint32_t)low;
}
