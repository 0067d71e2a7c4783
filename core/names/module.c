#include "module.h"

#define IMPORTS_MAX 512 /* names a module imports: types and nodes above */

struct import { struct moon_text_view module, name; };

struct writer {
  const struct moon_mib *m;
  struct moon_out *out;
  uint32_t module;
  struct import imports[IMPORTS_MAX];
  uint32_t n;
};

#define MACROS "OBJECT-TYPE MACRO ::= BEGIN END\n"
#define SMI_TYPES                                                                                                                        \
  "Integer32 ::= INTEGER (-2147483648..2147483647)\nIpAddress ::= [APPLICATION 0] IMPLICIT OCTET STRING (SIZE (4))\n"                    \
  "Counter32 ::= [APPLICATION 1] IMPLICIT INTEGER (0..4294967295)\nGauge32 ::= [APPLICATION 2] IMPLICIT INTEGER (0..4294967295)\n"        \
  "Unsigned32 ::= [APPLICATION 2] IMPLICIT INTEGER (0..4294967295)\nTimeTicks ::= [APPLICATION 3] IMPLICIT INTEGER (0..4294967295)\n"     \
  "Opaque ::= [APPLICATION 4] IMPLICIT OCTET STRING\nCounter64 ::= [APPLICATION 6] IMPLICIT INTEGER (0..18446744073709551615)\n"

const char *moon_module_notation(const char *name) {
  static const struct { const char *name, *text; } table[] = {
      {"SNMPv2-SMI", "MODULE-IDENTITY MACRO ::= BEGIN END\nOBJECT-IDENTITY MACRO ::= BEGIN END\n" MACROS
                     "NOTIFICATION-TYPE MACRO ::= BEGIN END\n"
                     "ObjectName ::= OBJECT IDENTIFIER\nNotificationName ::= OBJECT IDENTIFIER\nExtUTCTime ::= OCTET STRING (SIZE (11 | 13))\n" SMI_TYPES},
      {"SNMPv2-TC", "IMPORTS Integer32, TimeTicks FROM SNMPv2-SMI;\nTEXTUAL-CONVENTION MACRO ::= BEGIN END\n"},
      {"SNMPv2-CONF", "OBJECT-GROUP MACRO ::= BEGIN END\nNOTIFICATION-GROUP MACRO ::= BEGIN END\nMODULE-COMPLIANCE MACRO ::= BEGIN END\n"
                      "AGENT-CAPABILITIES MACRO ::= BEGIN END\n"},
      {"RFC1155-SMI", "ObjectName ::= OBJECT IDENTIFIER\nIpAddress ::= [APPLICATION 0] IMPLICIT OCTET STRING (SIZE (4))\n"
                      "NetworkAddress ::= [APPLICATION 0] IMPLICIT OCTET STRING (SIZE (4))\n"
                      "Counter ::= [APPLICATION 1] IMPLICIT INTEGER (0..4294967295)\nGauge ::= [APPLICATION 2] IMPLICIT INTEGER (0..4294967295)\n"
                      "TimeTicks ::= [APPLICATION 3] IMPLICIT INTEGER (0..4294967295)\nOpaque ::= [APPLICATION 4] IMPLICIT OCTET STRING\n" MACROS
                      "org OBJECT IDENTIFIER ::= { iso 3 }\ndod OBJECT IDENTIFIER ::= { org 6 }\ninternet OBJECT IDENTIFIER ::= { dod 1 }\n"
                      "directory OBJECT IDENTIFIER ::= { internet 1 }\nmgmt OBJECT IDENTIFIER ::= { internet 2 }\n"
                      "experimental OBJECT IDENTIFIER ::= { internet 3 }\nprivate OBJECT IDENTIFIER ::= { internet 4 }\n"
                      "enterprises OBJECT IDENTIFIER ::= { private 1 }\n"},
      {"RFC-1212", MACROS},
      {"RFC-1215", "TRAP-TYPE MACRO ::= BEGIN END\n"}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    if (strcmp(table[i].name, name) == 0) { return table[i].text; }
  }
  return NULL;
}

static void put_view(struct moon_out *o, struct moon_text_view v) { moon_out_put(o, v.p, v.n); }
static bool same(struct moon_text_view a, struct moon_text_view b) { return a.n == b.n && memcmp(a.p, b.p, a.n) == 0; }
static struct moon_text_view view(const char *s) { return (struct moon_text_view){s, (uint32_t)strlen(s)}; }

static void import(struct writer *w, struct moon_text_view module, struct moon_text_view name) {
  if (same(module, moon_mib_module_name(w->m, w->module)) || !module.n) { return; }
  for (uint32_t i = 0; i < w->n; i++) {
    if (same(w->imports[i].name, name)) { return; }
  }
  if (w->n < IMPORTS_MAX) { w->imports[w->n++] = (struct import){module, name}; }
}

static const char *base_name(uint8_t base) {
  static const char *const names[MOON_BASES] = {"Opaque",  "Integer32",  "OCTET STRING", "OBJECT IDENTIFIER", "IpAddress", "Counter32", "Gauge32",
                                                "Unsigned32", "TimeTicks", "Opaque",     "Counter64",         "BITS", "NetworkAddress"};
  return names[base < MOON_BASES ? base : 0];
}

static const char *smi_of(uint8_t base) { return base == MOON_BASE_NETWORK ? "RFC1155-SMI" : "SNMPv2-SMI"; }
static bool imported_base(uint8_t base) { return base != MOON_BASE_OCTETS && base != MOON_BASE_OID && base != MOON_BASE_BITS; }

/* The convention a type is or refines; NONE. */
static uint32_t convention(const struct moon_mib *m, uint32_t type) {
  struct moon_mib_type t;
  for (uint32_t n = 0; n < MOON_MIB_TYPE_DEPTH && moon_mib_type(m, type, &t); n++, type = t.parent) {
    if (t.name.n) { return type; }
  }
  return MOON_MIB_NONE;
}

static void collect_type(struct writer *w, uint32_t type) {
  struct moon_mib_type t;
  uint32_t c = convention(w->m, type);
  if (c != MOON_MIB_NONE && moon_mib_type(w->m, c, &t)) {
    import(w, moon_mib_module_name(w->m, t.module), t.name);
  } else if (moon_mib_type(w->m, type, &t) && imported_base(t.base)) {
    import(w, view(smi_of(t.base)), view(base_name(t.base)));
  }
}

/* The nearest node above; of several with the same OID that of the same module. */
static bool above(const struct moon_mib *m, const struct moon_mib_node *n, struct moon_mib_node *out) {
  struct moon_mib_node up;
  bool found = false;
  for (uint32_t at = n->parent; moon_mib_node(m, at, &up); at = up.parent) {
    if (up.oid_len >= n->oid_len) { continue; }
    if (found && up.oid_len != out->oid_len) { break; }
    if (!found || up.module == n->module) { *out = up; }
    found = true;
    if (up.module == n->module) { break; }
  }
  return found;
}

static void collect(struct writer *w) {
  struct moon_mib_node n, up;
  struct moon_mib_type t;
  struct moon_mib_element e;
  for (uint32_t i = 0; moon_mib_type(w->m, i, &t); i++) {
    if (t.module == w->module && t.name.n) { collect_type(w, t.parent != MOON_MIB_NONE ? t.parent : i); }
    if (t.module == w->module && t.name.n && imported_base(t.base) && t.parent == MOON_MIB_NONE) {
      import(w, view(smi_of(t.base)), view(base_name(t.base)));
    }
  }
  for (uint32_t i = 0; moon_mib_node(w->m, i, &n); i++) {
    if (n.module != w->module) { continue; }
    if (above(w->m, &n, &up) && up.module != n.module) { import(w, moon_mib_module_name(w->m, up.module), up.name); }
    if (n.kind == MOON_MIB_SCALAR || n.kind == MOON_MIB_COLUMN) { collect_type(w, n.type); }
    for (uint32_t k = 0; moon_mib_element(w->m, &n, k, &e); k++) { /* objects of other modules in an INDEX */
      uint32_t own = moon_mib_find_name(w->m, w->module, e.name.p, e.name.n);
      uint32_t other = moon_mib_find_name(w->m, MOON_MIB_NONE, e.name.p, e.name.n);
      struct moon_mib_node o;
      if (own == MOON_MIB_NONE && !(n.flags & MOON_MIB_AUGMENTS) && moon_mib_node(w->m, other, &o)) {
        import(w, moon_mib_module_name(w->m, o.module), e.name);
      }
    }
    if (n.flags & MOON_MIB_AUGMENTS && moon_mib_find_name(w->m, w->module, n.row.p, n.row.n) == MOON_MIB_NONE) {
      struct moon_mib_node o;
      if (moon_mib_node(w->m, moon_mib_find_name(w->m, MOON_MIB_NONE, n.row.p, n.row.n), &o)) {
        import(w, moon_mib_module_name(w->m, o.module), n.row);
      }
    }
  }
}

static void put_imports(struct writer *w, void (*imported)(void *, const char *), void *arg) {
  moon_out_text(w->out, "IMPORTS MODULE-IDENTITY, OBJECT-TYPE, NOTIFICATION-TYPE FROM SNMPv2-SMI TEXTUAL-CONVENTION FROM SNMPv2-TC");
  if (imported) {
    imported(arg, "SNMPv2-SMI");
    imported(arg, "SNMPv2-TC");
  }
  for (uint32_t i = 0; i < w->n; i++) {
    bool seen = false;
    for (uint32_t k = 0; k < i; k++) { seen = seen || same(w->imports[k].module, w->imports[i].module); }
    if (seen) { continue; }
    const char *comma = "\n  ";
    for (uint32_t k = i; k < w->n; k++) {
      if (!same(w->imports[k].module, w->imports[i].module)) { continue; }
      moon_out_text(w->out, comma);
      put_view(w->out, w->imports[k].name);
      comma = ", ";
    }
    moon_out_text(w->out, " FROM ");
    put_view(w->out, w->imports[i].module);
    if (imported) { imported(arg, w->imports[i].module.p); }
  }
  moon_out_text(w->out, ";\n");
}

/* The ranges and labels a type has itself. */
static void put_refinement(const struct moon_mib *m, uint32_t type, uint32_t of, struct moon_out *o) {
  struct moon_mib_type t, up = {0};
  struct moon_text_view name;
  int64_t low, high;
  int32_t value;
  if (!moon_mib_type(m, type, &t)) { return; }
  bool has_up = type != of && moon_mib_type(m, of, &up);
  if (t.n_items && !(has_up && up.items == t.items && up.n_items == t.n_items)) {
    for (uint32_t i = 0; moon_mib_item(m, &t, i, &value, &name); i++) {
      moon_out_text(o, i ? ", " : " { ");
      put_view(o, name);
      moon_out_char(o, '(');
      moon_out_i64(o, value);
      moon_out_char(o, ')');
    }
    moon_out_text(o, " }");
  }
  if (t.n_ranges && !(has_up && up.ranges == t.ranges && up.n_ranges == t.n_ranges)) {
    bool size = t.base == MOON_BASE_OCTETS || t.base == MOON_BASE_OPAQUE;
    for (uint32_t i = 0; moon_mib_range(m, &t, i, &low, &high); i++) {
      moon_out_text(o, i ? " | " : size ? " (SIZE (" : " (");
      moon_out_i64(o, low);
      if (high != low) {
        moon_out_text(o, "..");
        moon_out_i64(o, high);
      }
    }
    moon_out_text(o, size ? "))" : ")");
  }
}

static void put_syntax(const struct moon_mib *m, uint32_t type, struct moon_out *o) {
  struct moon_mib_type t, c;
  uint32_t named = convention(m, type);
  if (named != MOON_MIB_NONE && moon_mib_type(m, named, &c)) {
    put_view(o, c.name);
    if (named != type) { put_refinement(m, type, named, o); }
  } else if (moon_mib_type(m, type, &t)) {
    moon_out_text(o, t.base == MOON_BASE_INT && t.n_items ? "INTEGER" : base_name(t.base));
    put_refinement(m, type, MOON_MIB_NONE, o);
  } else {
    moon_out_text(o, "Opaque");
  }
}

static void put_quoted(struct moon_out *o, const char *word, struct moon_text_view v) {
  if (!v.n) { return; }
  moon_out_text(o, word);
  moon_out_text(o, " \"");
  for (uint32_t i = 0; i < v.n; i++) { moon_out_char(o, v.p[i] == '"' ? '\'' : v.p[i]); }
  moon_out_char(o, '"');
}

static const char *status_name(uint8_t status) { return status == MOON_MIB_DEPRECATED ? "deprecated" : status == MOON_MIB_OBSOLETE ? "obsolete" : "current"; }

static void put_type(const struct moon_mib *m, uint32_t i, const struct moon_mib_type *t, struct moon_out *o) {
  put_view(o, t->name);
  moon_out_text(o, " ::= TEXTUAL-CONVENTION");
  put_quoted(o, " DISPLAY-HINT", t->hint);
  moon_out_text(o, " STATUS ");
  moon_out_text(o, status_name(t->status));
  moon_out_text(o, " DESCRIPTION \"\" SYNTAX ");
  uint32_t up = convention(m, t->parent);
  struct moon_mib_type c;
  if (up != MOON_MIB_NONE && moon_mib_type(m, up, &c)) {
    put_view(o, c.name);
    put_refinement(m, i, up, o);
  } else {
    moon_out_text(o, t->base == MOON_BASE_INT && t->n_items ? "INTEGER" : base_name(t->base));
    put_refinement(m, i, MOON_MIB_NONE, o);
  }
  moon_out_char(o, '\n');
}

static void put_place(const struct moon_mib *m, const struct moon_mib_node *n, struct moon_out *o) {
  struct moon_mib_node up;
  char text[MOON_OID_TEXT_MAX];
  size_t len;
  moon_out_text(o, " ::= { ");
  if (above(m, n, &up)) {
    put_view(o, up.name);
    len = moon_oid_format_index(n->oid + up.oid_len, n->oid_len - up.oid_len, text, sizeof text);
  } else {
    static const char *const roots[] = {"0", "iso", "2"};
    len = moon_oid_format(n->oid, n->oid_len, text, sizeof text);
    moon_out_text(o, len ? roots[text[0] - '0'] : "0");
    memmove(text, text + 1, len ? len - 1 : 0);
    if (len) { len--; }
  }
  for (size_t i = 0; i < len; i++) {
    if (i == 0 && text[0] != '.') { moon_out_char(o, ' '); }
    moon_out_char(o, text[i] == '.' ? ' ' : text[i]);
  }
  moon_out_text(o, " }\n");
}

/* The SEQUENCE type of a row is the row's name with a capital. */
static void put_sequence_name(struct moon_text_view row, struct moon_out *o) {
  if (!row.n) { return; }
  moon_out_char(o, row.p[0] >= 'a' && row.p[0] <= 'z' ? (char)(row.p[0] - 'a' + 'A') : 'X');
  moon_out_put(o, row.p + 1, row.n - 1);
}

static void put_row(const struct moon_mib *m, const struct moon_mib_node *n, struct moon_out *o) {
  struct moon_mib_element e;
  struct moon_mib_node c, up;
  if (n->flags & MOON_MIB_AUGMENTS) {
    moon_out_text(o, " AUGMENTS { ");
    put_view(o, n->row);
    moon_out_text(o, " }");
  } else {
    for (uint32_t i = 0; moon_mib_element(m, n, i, &e); i++) {
      moon_out_text(o, i ? ", " : " INDEX { ");
      if (n->flags & MOON_MIB_IMPLIED && i + 1u == n->n_elements) { moon_out_text(o, "IMPLIED "); }
      put_view(o, e.name);
    }
    if (n->n_elements) { moon_out_text(o, " }"); }
  }
  put_place(m, n, o);
  put_sequence_name(n->name, o);
  moon_out_text(o, " ::= SEQUENCE {");
  const char *comma = " ";
  for (uint32_t i = n->number + 1; moon_mib_node(m, i, &c) && moon_oid_under(n->oid, n->oid_len, c.oid, c.oid_len); i++) {
    struct moon_mib_type t = {0};
    if (c.kind != MOON_MIB_COLUMN || c.module != n->module || !above(m, &c, &up) || up.oid_len != n->oid_len) { continue; }
    moon_out_text(o, comma);
    put_view(o, c.name);
    moon_out_char(o, ' ');
    struct moon_text_view name = moon_mib_convention(m, c.type);
    if (name.n) {
      put_view(o, name);
    } else {
      moon_mib_type(m, c.type, &t);
      moon_out_text(o, t.base == MOON_BASE_INT ? "INTEGER" : base_name(t.base));
    }
    comma = ", ";
  }
  moon_out_text(o, " }\n");
}

static void put_node(const struct moon_mib *m, const struct moon_mib_node *n, struct moon_out *o) {
  static const char *const access[MOON_MIB_ACCESSES] = {"not-accessible", "not-accessible", "accessible-for-notify",
                                                      "read-only",      "read-write",     "read-create"};
  struct moon_mib_node row;
  put_view(o, n->name);
  if (n->kind == MOON_MIB_NOTIFICATION) {
    moon_out_text(o, " NOTIFICATION-TYPE STATUS current DESCRIPTION \"\"");
    put_place(m, n, o);
    return;
  }
  if (n->kind < MOON_MIB_SCALAR || n->kind > MOON_MIB_COLUMN) {
    moon_out_text(o, " OBJECT IDENTIFIER");
    put_place(m, n, o);
    return;
  }
  moon_out_text(o, " OBJECT-TYPE SYNTAX ");
  if (n->kind == MOON_MIB_TABLE) {
    moon_out_text(o, "SEQUENCE OF ");
    for (uint32_t i = n->number + 1; moon_mib_node(m, i, &row) && moon_oid_under(n->oid, n->oid_len, row.oid, row.oid_len); i++) {
      if (row.kind != MOON_MIB_ROW || row.module != n->module) { continue; } /* others may share the OIDs */
      put_sequence_name(row.name, o);
      break;
    }
  } else if (n->kind == MOON_MIB_ROW) {
    put_sequence_name(n->name, o);
  } else {
    put_syntax(m, n->type, o);
    put_quoted(o, " UNITS", n->units);
  }
  moon_out_text(o, " MAX-ACCESS ");
  moon_out_text(o, access[n->access < MOON_MIB_ACCESSES ? n->access : 0]);
  moon_out_text(o, " STATUS ");
  moon_out_text(o, status_name(n->status));
  moon_out_text(o, " DESCRIPTION \"\"");
  if (n->kind == MOON_MIB_ROW) {
    put_row(m, n, o);
  } else {
    put_place(m, n, o);
  }
}

void moon_module_write(const struct moon_mib *m, uint32_t module, struct moon_out *out, void (*imported)(void *arg, const char *name), void *arg) {
  struct writer w = {.m = m, .out = out, .module = module};
  struct moon_text_view name = moon_mib_module_name(m, module);
  const char *notation = moon_module_notation(name.p);
  struct moon_mib_type t;
  struct moon_mib_node n;
  put_view(out, name);
  moon_out_text(out, " DEFINITIONS ::= BEGIN\n");
  if (notation) {
    moon_out_text(out, notation);
  } else {
    collect(&w);
    put_imports(&w, imported, arg);
  }
  bool types = !notation || strcmp(name.p, "SNMPv2-TC") == 0; /* the others have theirs in the notation */
  for (uint32_t i = 0; types && moon_mib_type(m, i, &t); i++) {
    if (t.module == module && t.name.n) { put_type(m, i, &t, out); }
  }
  for (uint32_t i = 0; moon_mib_node(m, i, &n); i++) {
    if (n.module == module && n.name.n) { put_node(m, &n, out); }
  }
  moon_out_text(out, "END\n");
}
