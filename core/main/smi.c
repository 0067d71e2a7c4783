#include "smi.h"

#if __has_include(<smi.h>)
#include <inttypes.h>
#include <smi.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/mem.h"
#include "smi_index.h"

#define RANGES_MAX 1024 /* of one type */

static struct { moon_smi_report *report; void *arg; } listener; /* libsmi's handler has no argument */

/* Where named types went: by the address libsmi has them at. Open addressing, n a power of two. */
static struct { SmiType **type; uint32_t *index; uint32_t n, used; } seen;

bool moon_smi_available(void) { return true; }

/* Fatal ones (0, 1), and among the others those that lose something. */
static bool is_loss(int severity, const char *tag) {
  static const char *const tags[] = {"type-unknown", "type-or-class-unknown", "basetype-unknown", "import-failed", "object-identifier-redefined",
                                     "identifier-redefined", "number-range", "range-exchanged", "range-overlap", "invalid-format", "hyphen-end"};
  if (severity <= 1) { return true; }
  for (size_t i = 0; tag && i < sizeof tags / sizeof *tags; i++) {
    if (strcmp(tag, tags[i]) == 0) { return true; }
  }
  return false;
}

static void on_error(char *path, int line, int severity, char *text, char *tag) {
  if (is_loss(severity, tag)) { listener.report(listener.arg, path ? path : "", line, text ? text : ""); }
}

enum moon_err moon_smi_open(const char *dir, moon_smi_report *report, void *arg) {
  listener.report = report;
  listener.arg = arg;
  if (smiInit(NULL) || smiSetPath(dir)) { return MOON_E_NOMEM; }
  smiSetFlags(SMI_FLAG_NODESCR | SMI_FLAG_ERRORS | SMI_FLAG_RECURSIVE);
  smiSetErrorLevel(3);
  smiSetErrorHandler(on_error);
  return MOON_OK;
}

void moon_smi_know(const char *name) { smiLoadModule(name); }

void moon_smi_close(void) {
  smiExit();
  moon_smi_index_fini();
  moon_mem_free(seen.type);
  moon_mem_free(seen.index);
  memset(&seen, 0, sizeof seen);
}

static uint32_t convert_type(struct moon_block *d, SmiType *t);

static uint32_t text_of(struct moon_block *d, const char *s) { return s ? moon_block_text(d, s, strlen(s)) : 0; }

static uint8_t status_of(SmiStatus s) {
  switch (s) {
  case SMI_STATUS_DEPRECATED: return MOON_MIB_DEPRECATED;
  case SMI_STATUS_OBSOLETE: return MOON_MIB_OBSOLETE;
  case SMI_STATUS_MANDATORY: return MOON_MIB_MANDATORY;
  case SMI_STATUS_OPTIONAL: return MOON_MIB_OPTIONAL;
  default: return MOON_MIB_CURRENT;
  }
}

/* What the types of the SMI itself are called; libsmi has them as refinements of its own few. */
static uint8_t base_named(const char *name) {
  static const struct { const char *name; uint8_t base; } table[] = {
      {"Counter32", MOON_BASE_COUNTER32}, {"Counter", MOON_BASE_COUNTER32}, {"Gauge32", MOON_BASE_GAUGE32}, {"Gauge", MOON_BASE_GAUGE32},
      {"TimeTicks", MOON_BASE_TICKS}, {"IpAddress", MOON_BASE_IP}, {"NetworkAddress", MOON_BASE_NETWORK}, {"Opaque", MOON_BASE_OPAQUE},
      {"Counter64", MOON_BASE_COUNTER64}, {"Unsigned32", MOON_BASE_UNSIGNED32}, {"UInteger32", MOON_BASE_UNSIGNED32},
      {"Integer32", MOON_BASE_INT}, {"INTEGER", MOON_BASE_INT}, {"OctetString", MOON_BASE_OCTETS}, {"ObjectIdentifier", MOON_BASE_OID},
      {"Bits", MOON_BASE_BITS}, {"Enumeration", MOON_BASE_INT}};
  for (size_t i = 0; name && i < sizeof table / sizeof *table; i++) {
    if (strcmp(table[i].name, name) == 0) { return table[i].base; }
  }
  return MOON_BASE_NONE;
}

static bool is_smi(SmiModule *m) {
  static const char *const names[] = {"", "SNMPv2-SMI", "RFC1155-SMI", "RFC1065-SMI", "SNMPv2-SMI-v1"};
  for (size_t i = 0; m && i < sizeof names / sizeof *names; i++) {
    if (strcmp(m->name ? m->name : "", names[i]) == 0) { return true; }
  }
  return !m;
}

/* The base a type is of by its own name; NONE for textual conventions and refinements. */
static uint8_t own_base(SmiType *t) { return t->name && is_smi(smiGetTypeModule(t)) ? base_named(t->name) : MOON_BASE_NONE; }

static uint8_t base_of(SmiType *t) {
  static const uint8_t bases[] = {
      [SMI_BASETYPE_INTEGER32] = MOON_BASE_INT, [SMI_BASETYPE_OCTETSTRING] = MOON_BASE_OCTETS, [SMI_BASETYPE_OBJECTIDENTIFIER] = MOON_BASE_OID,
      [SMI_BASETYPE_UNSIGNED32] = MOON_BASE_UNSIGNED32, [SMI_BASETYPE_INTEGER64] = MOON_BASE_INT, [SMI_BASETYPE_UNSIGNED64] = MOON_BASE_COUNTER64,
      [SMI_BASETYPE_ENUM] = MOON_BASE_INT, [SMI_BASETYPE_BITS] = MOON_BASE_BITS};
  SmiType *up = t;
  for (int n = 0; up && n < MOON_MIB_TYPE_DEPTH; n++, up = smiGetParentType(up)) {
    uint8_t base = own_base(up);
    if (base) { return base; }
  }
  return (size_t)t->basetype < sizeof bases ? bases[t->basetype] : MOON_BASE_NONE;
}

static int64_t number_of(const SmiValue *v) {
  int64_t n = 0;
  if (v->len) { /* a number in hex behind a type of octets: libsmi has it as octets, half ones filled up behind */
    for (unsigned int i = 0; i < v->len; i++) { n = n << 8 | (uint8_t)v->value.ptr[i]; }
    return n;
  }
  switch (v->basetype) {
  case SMI_BASETYPE_UNSIGNED32: return (int64_t)v->value.unsigned32;
  case SMI_BASETYPE_INTEGER64: return v->value.integer64;
  case SMI_BASETYPE_UNSIGNED64: return v->value.unsigned64 > INT64_MAX ? INT64_MAX : (int64_t)v->value.unsigned64;
  default: return v->value.integer32;
  }
}

/* Whether a number in hex had an even number of digits nobody knows when the last is 0. */
static bool is_sure(const SmiValue *v) { return !v->len || (v->len < 8 && v->value.ptr[v->len - 1] & 0xf); }

/* libsmi puts ranges in order, but from some that overlap it makes a ring. Those that overlap are joined. */
static void convert_ranges(struct moon_block *d, SmiType *t, struct moon_mib_type_record *r) {
  int64_t from = 0, to = 0;
  uint32_t first = d->ranges.n;
  bool any = false;
  SmiRange *n = smiGetFirstRange(t);
  for (uint32_t i = 0; n && i < RANGES_MAX; i++, n = smiGetNextRange(n)) {
    int64_t a = number_of(&n->minValue), b = number_of(&n->maxValue), low = a < b ? a : b, high = a < b ? b : a;
    if (!is_sure(&n->minValue) || !is_sure(&n->maxValue)) { /* rather those of the type it refines than wrong ones */
      d->ranges.n = first;
      r->n_ranges = 0;
      return;
    }
    if (any && low < from) { break; }
    if (any && low <= to) {
      to = high > to ? high : to;
      continue;
    }
    if (any) {
      moon_block_range(d, from, to);
      r->n_ranges++;
    }
    any = true;
    from = low;
    to = high;
  }
  if (any) {
    moon_block_range(d, from, to);
    r->n_ranges++;
  }
}

/* libsmi has them in order. */
static void convert_labels(struct moon_block *d, SmiType *t, struct moon_mib_type_record *r) {
  int64_t last = 0;
  for (SmiNamedNumber *n = smiGetFirstNamedNumber(t); n; n = smiGetNextNamedNumber(n), r->n_items++) {
    int64_t value = number_of(&n->value);
    SmiModule *m = smiGetTypeModule(t);
    if (r->n_items && value == last && m) {
      char text[64];
      snprintf(text, sizeof text, "redefinition of number `%" PRId64 "'", value);
      listener.report(listener.arg, m->path ? m->path : "", smiGetTypeLine(t), text);
    }
    moon_block_item(d, (int32_t)value, n->name, strlen(n->name));
    last = value;
  }
}

static uint32_t slot_of(const SmiType *t) {
  uint32_t at = (uint32_t)((uintptr_t)t >> 4) * 2654435761u;
  while (seen.type[at & (seen.n - 1)] && seen.type[at & (seen.n - 1)] != t) { at++; }
  return at & (seen.n - 1);
}

static uint32_t known_type(const SmiType *t) {
  if (!seen.n) { return MOON_MIB_NONE; }
  uint32_t at = slot_of(t);
  return seen.type[at] ? seen.index[at] : MOON_MIB_NONE;
}

/* Without memory it is not known again, and converted once more. */
static void remember_type(SmiType *t, uint32_t index) {
  if (2 * seen.used >= seen.n) {
    uint32_t n = seen.n ? 2 * seen.n : 1024, old_n = seen.n;
    SmiType **type = moon_mem_array(n, sizeof *type), **old = seen.type;
    uint32_t *indexes = moon_mem_array(n, sizeof *indexes), *old_indexes = seen.index;
    if (!type || !indexes) {
      moon_mem_free(type);
      moon_mem_free(indexes);
      return;
    }
    seen.type = type;
    seen.index = indexes;
    seen.n = n;
    for (uint32_t i = 0; i < old_n; i++) {
      if (!old[i]) { continue; }
      uint32_t at = slot_of(old[i]);
      seen.type[at] = old[i];
      seen.index[at] = old_indexes[i];
    }
    moon_mem_free(old);
    moon_mem_free(old_indexes);
  }
  uint32_t at = slot_of(t);
  seen.type[at] = t;
  seen.index[at] = index;
  seen.used++;
}

static uint32_t convert_type_at(struct moon_block *d, SmiType *t, int depth) {
  SmiModule *module = smiGetTypeModule(t);
  struct moon_mib_type_record r = {.base = base_of(t), .status = status_of(t->status), .parent = MOON_MIB_NONE};
  bool named = t->name && !own_base(t);
  uint32_t known = named ? known_type(t) : MOON_MIB_NONE;
  if (known != MOON_MIB_NONE) { return known; }
  if (named) {
    r.name = text_of(d, t->name);
    r.module = (uint16_t)moon_block_module(d, module && module->name ? module->name : "", module && module->name ? strlen(module->name) : 0);
  } else if (!t->name) {
    r.status = 0;
  }
  SmiType *up = smiGetParentType(t);
  if (!own_base(t) && up && !own_base(up) && up->name && depth < MOON_MIB_TYPE_DEPTH) { r.parent = convert_type_at(d, up, depth + 1); }
  r.hint = text_of(d, t->format);
  r.items = d->items.n;
  r.ranges = d->ranges.n;
  if (t->basetype == SMI_BASETYPE_ENUM || t->basetype == SMI_BASETYPE_BITS) {
    convert_labels(d, t, &r);
  } else if (!own_base(t)) {
    convert_ranges(d, t, &r);
  }
  uint32_t index = moon_block_type(d, &r);
  if (named && index != MOON_MIB_NONE) { remember_type(t, index); }
  return index;
}

static uint32_t convert_type(struct moon_block *d, SmiType *t) { return t ? convert_type_at(d, t, 0) : MOON_MIB_NONE; }

static uint8_t kind_of(const SmiNode *n) {
  switch (n->nodekind) {
  case SMI_NODEKIND_SCALAR: return MOON_MIB_SCALAR;
  case SMI_NODEKIND_TABLE: return MOON_MIB_TABLE;
  case SMI_NODEKIND_ROW: return MOON_MIB_ROW;
  case SMI_NODEKIND_COLUMN: return MOON_MIB_COLUMN;
  case SMI_NODEKIND_NOTIFICATION: return MOON_MIB_NOTIFICATION;
  case SMI_NODEKIND_GROUP: return MOON_MIB_GROUP;
  case SMI_NODEKIND_COMPLIANCE: return MOON_MIB_COMPLIANCE;
  case SMI_NODEKIND_CAPABILITIES: return MOON_MIB_CAPABILITIES;
  default: return n->decl == SMI_DECL_MODULEIDENTITY ? MOON_MIB_IDENTITY : MOON_MIB_NODE;
  }
}

static uint8_t access_of(SmiNode *n) {
  switch (n->access) {
  case SMI_ACCESS_NOT_ACCESSIBLE: return MOON_MIB_NOT_ACCESSIBLE;
  case SMI_ACCESS_NOTIFY: return MOON_MIB_NOTIFY;
  case SMI_ACCESS_READ_ONLY: return MOON_MIB_READ_ONLY;
  case SMI_ACCESS_READ_WRITE: {
    SmiNode *row = n->nodekind == SMI_NODEKIND_COLUMN ? smiGetParentNode(n) : NULL;
    return row && row->create ? MOON_MIB_READ_CREATE : MOON_MIB_READ_WRITE;
  }
  default: return MOON_MIB_NO_ACCESS;
  }
}

/* The objects of a row's INDEX, or of the one it augments, however far. */
static void convert_index(struct moon_block *d, SmiNode *row, struct moon_mib_node_record *r) {
  SmiNode *from = row;
  for (int n = 0; from && from->indexkind != SMI_INDEX_INDEX && n < MOON_MIB_TYPE_DEPTH; n++) {
    from = smiGetRelatedNode(from);
    if (n == 0 && from) {
      r->row = text_of(d, from->name);
      r->flags |= MOON_MIB_AUGMENTS;
    }
  }
  if (!from) { return; }
  if (from->implied) { r->flags |= MOON_MIB_IMPLIED; }
  uint32_t types[MOON_MIB_INDEX_MAX], names[MOON_MIB_INDEX_MAX];
  for (SmiElement *e = smiGetFirstElement(from); e && r->n_elements < MOON_MIB_INDEX_MAX; e = smiGetNextElement(e)) {
    SmiNode *n = smiGetElementNode(e);
    if (!n || !n->name) { continue; }
    types[r->n_elements] = convert_type(d, smiGetNodeType(n));
    names[r->n_elements++] = text_of(d, n->name);
  }
  r->elements = d->elements.n;
  for (uint32_t i = 0; i < r->n_elements; i++) {
    struct moon_text_view v = moon_block_view(d, names[i]);
    char name[256];
    size_t len = v.n < sizeof name ? v.n : sizeof name; /* the view moves when a text is added */
    memcpy(name, v.p, len);
    moon_block_element(d, name, len, types[i]);
  }
}

static bool convert_oid(struct moon_block *d, const SmiNode *n, uint32_t *out) {
  struct moon_oid oid;
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t len;
  if (!n->oid || n->oidlen < 2 || n->oidlen > MOON_OID_MAX_ARCS) { return false; }
  for (oid.n = 0; oid.n < n->oidlen; oid.n++) { oid.arc[oid.n] = n->oid[oid.n]; }
  if (oid.arc[0] == 0 && !(oid.n == 2 && oid.arc[1] == 0)) { return false; } /* what libsmi makes of an unknown place */
  if (moon_oid_encode(&oid, octets, sizeof octets, &len)) { return false; }
  *out = moon_block_text(d, octets, len);
  return true;
}

enum moon_err moon_smi_load(const char *name, struct moon_block *d, struct moon_smi_module *out) {
  char *path = strdup(name), *known = path ? smiLoadModule(path) : NULL;
  SmiModule *m = known ? smiGetModule(known) : NULL;
  free(path);
  if (!m || !m->name) { return MOON_E_SYNTAX; }
  *out = (struct moon_smi_module){.name = m->name};
  uint32_t module = moon_block_module(d, m->name, strlen(m->name)), before = d->types.n;
  for (SmiType *t = smiGetFirstType(m); t; t = smiGetNextType(t)) {
    if (t->name && !own_base(t)) { convert_type(d, t); }
  }
  out->types = d->types.n - before;
  SmiNode *n;
  for (uint32_t i = 0; (n = moon_smi_index_node(m, i)) && !d->err; i++) {
    struct moon_mib_node_record r = {.kind = kind_of(n), .module = (uint16_t)module, .status = status_of(n->status), .type = MOON_MIB_NONE};
    if (!n->name || n->decl == SMI_DECL_IMPL_OBJECT || (n->oidlen == 1 && n->decl == SMI_DECL_VALUEASSIGNMENT)) { continue; }
    if (!convert_oid(d, n, &r.oid)) {
      out->lost += n->decl != SMI_DECL_UNKNOWN; /* those only referred to have no place */
      continue;
    }
    r.name = text_of(d, n->name);
    r.access = r.kind == MOON_MIB_SCALAR || r.kind == MOON_MIB_COLUMN ? access_of(n) : MOON_MIB_NO_ACCESS;
    r.units = text_of(d, n->units);
    if (r.kind == MOON_MIB_SCALAR || r.kind == MOON_MIB_COLUMN) { r.type = convert_type(d, smiGetNodeType(n)); }
    if (r.kind == MOON_MIB_ROW) { convert_index(d, n, &r); }
    moon_block_node(d, &r);
    out->nodes++;
  }
  return moon_smi_index_lost() ? MOON_E_NOMEM : d->err;
}

#else

bool moon_smi_available(void) { return false; }
enum moon_err moon_smi_open(const char *dir, moon_smi_report *report, void *arg) {
  (void)dir, (void)report, (void)arg;
  return MOON_E_CONFIG;
}
void moon_smi_close(void) {}
void moon_smi_know(const char *name) { (void)name; }
enum moon_err moon_smi_load(const char *name, struct moon_block *d, struct moon_smi_module *out) {
  (void)name, (void)d, (void)out;
  return MOON_E_CONFIG;
}

#endif
