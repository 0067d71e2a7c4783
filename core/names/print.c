#include "print.h"

/* The index clause in force while an OID is printed. */
struct index { struct moon_ref row; bool known; };

static struct moon_out *put_view(struct moon_out *o, struct moon_text_view v) {
  moon_out_put(o, v.p, v.n);
  return o;
}

static bool is_print(uint32_t c) { return c >= 0x20 && c < 0x7f; }

static void put_quote(struct moon_out *o, char quote, uint32_t options) {
  if (options & MOON_PRINT_ESCAPE) { moon_out_char(o, '\\'); }
  moon_out_char(o, quote);
}

/* Arcs as letters; nothing at all for none, which is how net-snmp has it. */
static void put_letters(const uint32_t *arc, uint32_t n, char quote, uint32_t options, struct moon_out *o) {
  if (!n) { return; }
  put_quote(o, quote, options);
  for (uint32_t i = 0; i < n; i++) { moon_out_char(o, is_print(arc[i]) ? (char)arc[i] : '.'); }
  put_quote(o, quote, options);
}

/* An InetAddress by the InetAddressType in front of it (RFC 4001). */
static bool put_inet(uint32_t type, const uint32_t *arc, uint32_t n, struct moon_out *o) {
  static const uint8_t sizes[] = {0, 4, 16, 8, 20};
  if (type < 1 || type > 4 || n != sizes[type]) { return false; }
  for (uint32_t i = 0; i < n; i++) {
    if (arc[i] > 255) { return false; }
  }
  bool v6 = type == 2 || type == 4;
  uint32_t octets = v6 ? 16 : 4;
  moon_out_char(o, '"');
  for (uint32_t i = 0; i < octets; i++) {
    if (i) { moon_out_char(o, v6 ? ':' : '.'); }
    if (v6) {
      moon_out_hex(o, arc[i], 2);
    } else {
      moon_out_u64(o, arc[i]);
    }
  }
  if (type > 2) {
    moon_out_char(o, '%');
    moon_out_u64(o, arc[octets] << 24 | arc[octets + 1] << 16 | arc[octets + 2] << 8 | arc[octets + 3]);
  }
  moon_out_char(o, '"');
  return true;
}

static void put_arcs(struct moon_out *o, const uint32_t *arc, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (i) { moon_out_char(o, '.'); }
    moon_out_u64(o, arc[i]);
  }
}

static void print_arcs(const struct moon_names *s, const uint32_t *arc, uint32_t n, uint32_t options, struct moon_out *out);

static const char *root_name(uint32_t arc) { return arc == 0 ? "ccitt" : arc == 1 ? "iso" : "joint-iso-ccitt"; }

/* One part of an index that is an octet string; how many arcs it takes, 0: it does not fit. */
static uint32_t put_octets(const struct moon_mib *m, uint32_t type, const struct moon_mib_type *t, bool implied, uint32_t before, bool after_type,
                           const uint32_t *arc, uint32_t n, uint32_t options, struct moon_out *o) {
  uint32_t fixed = moon_mib_fixed_size(m, t), head = implied || fixed ? 0 : 1, len = implied ? n : fixed ? fixed : arc[0];
  if (len > n - head) { return 0; }
  arc += head;
  if (options & MOON_PRINT_BRACKETS && t->hint.n) {
    uint8_t octets[MOON_OID_MAX_ARCS];
    for (uint32_t i = 0; i < len; i++) { octets[i] = (uint8_t)arc[i]; }
    if (!(options & MOON_PRINT_QUICK)) { moon_out_text(o, "STRING: "); }
    moon_print_hint(octets, len, t->hint.p, t->hint.n, options & MOON_PRINT_HEX_2, o);
  } else if (!head) {
    put_letters(arc, len, '\'', options, o);
  } else if (!len) {
    put_quote(o, '"', options);
    put_quote(o, '"', options);
  } else if (!(after_type && moon_mib_is(m, type, "InetAddress") && put_inet(before, arc, len, o))) {
    put_letters(arc, len, '"', options, o);
  }
  return head + len;
}

/* One part of an index; how many arcs it takes, 0: it is no such part. */
static uint32_t put_part(const struct moon_names *s, const struct moon_mib *m, uint32_t type, bool implied, uint32_t before, bool after_type,
                         const uint32_t *arc, uint32_t n, uint32_t options, struct moon_out *o) {
  struct moon_mib_type t;
  struct moon_text_view label;
  uint32_t len;
  if (!moon_mib_type(m, type, &t)) { return 0; }
  switch (t.base) {
  case MOON_BASE_INT:
  case MOON_BASE_UNSIGNED32:
  case MOON_BASE_GAUGE32:
    if (t.n_items && moon_mib_label(m, &t, (int32_t)arc[0], &label)) {
      put_view(o, label);
    } else {
      moon_out_u64(o, arc[0]);
    }
    return 1;
  case MOON_BASE_TICKS:
    if (options & MOON_PRINT_BRACKETS) {
      moon_print_ticks(arc[0], options, o);
    } else {
      moon_out_u64(o, arc[0]);
    }
    return 1;
  case MOON_BASE_OCTETS: return put_octets(m, type, &t, implied, before, after_type, arc, n, options, o);
  case MOON_BASE_OID:
    len = implied ? n : arc[0];
    if (len > n - !implied) { return 0; }
    if (options & MOON_PRINT_BRACKETS) {
      print_arcs(s, arc + !implied, len, options, o);
    } else {
      put_arcs(o, arc, len + !implied);
    }
    return len + !implied;
  case MOON_BASE_NETWORK:
    if (arc[0] != 1 || n < 5) { return 0; }
    put_arcs(o, arc, 5);
    return 5;
  case MOON_BASE_IP:
    if (n < 4) { return 0; }
    put_arcs(o, arc, 4);
    return 4;
  default: return 0;
  }
}

/* What follows the last name: the index as far as it is understood, then numbers. Everything is followed by a dot, the last is taken
 * off by the caller. */
static void put_rest(const struct moon_names *s, const struct index *in, const uint32_t *arc, uint32_t n, uint32_t options, struct moon_out *o) {
  struct moon_mib_element e;
  uint32_t before = 0;
  bool after_type = false;
  if (in->known && !(options & MOON_PRINT_NO_INDEX) && (options & MOON_PRINT_FORMS) != MOON_PRINT_NUMERIC) {
    for (uint32_t i = 0; n && moon_mib_element(in->row.mib, &in->row.node, i, &e); i++) {
      bool implied = in->row.node.flags & MOON_MIB_IMPLIED && i + 1u == in->row.node.n_elements;
      size_t mark = o->n;
      if (options & MOON_PRINT_BRACKETS) {
        if (moon_out_last(o) == '.') { moon_out_cut(o, o->n - 1); }
        moon_out_char(o, '[');
      }
      uint32_t used = put_part(s, in->row.mib, e.type, implied, before, after_type, arc, n, options, o);
      if (!used) {
        if (options & MOON_PRINT_BRACKETS && o->n == mark) { moon_out_char(o, '.'); }
        break;
      }
      after_type = moon_mib_is(in->row.mib, e.type, "InetAddressType");
      before = arc[0];
      arc += used;
      n -= used;
      moon_out_char(o, options & MOON_PRINT_BRACKETS ? ']' : '.');
    }
  }
  if (moon_out_last(o) != '.') { moon_out_char(o, '.'); }
  for (uint32_t i = 0; i < n; i++) {
    moon_out_u64(o, arc[i]);
    moon_out_char(o, '.');
  }
  moon_out_cut(o, o->n - 1);
}

/* How many arcs of an OID its first octets are; the first octet holds two. */
static uint32_t arcs_of(const uint8_t *p, uint32_t n) {
  uint32_t arcs = 1;
  for (uint32_t i = 0; i < n; i++) { arcs += !(p[i] & 0x80); }
  return arcs;
}

/* Names from the root down, numbers where there is none: ".iso.org.dod". Where the last name begins goes to *last. */
static void put_path(const struct moon_ref *ref, const uint32_t *arc, uint32_t known, struct moon_out *o, size_t *last) {
  struct moon_text_view name[MOON_OID_MAX_ARCS] = {{NULL, 0}};
  struct moon_ref at = *ref;
  for (bool more = known > 1; more; more = moon_ref_above(&at, &at)) {
    uint32_t depth = arcs_of(at.node.oid, at.node.oid_len);
    if (depth <= known && !name[depth - 1].p) { name[depth - 1] = at.node.name; }
  }
  for (uint32_t i = 0; i < known; i++) {
    moon_out_char(o, '.');
    if (i == 0 || name[i].p) { *last = o->n; }
    if (i == 0) {
      moon_out_text(o, root_name(arc[0]));
    } else if (name[i].p) {
      put_view(o, name[i]);
    } else {
      moon_out_u64(o, arc[i]);
    }
  }
}

/* -Ou leaves out where most is. */
static size_t ucd_skip(const char *p, size_t n) {
  static const char *const prefixes[] = {".iso.org.dod.internet.mgmt.mib-2", ".iso.org.dod.internet.experimental",
                                         ".iso.org.dod.internet.private",
                                         ".iso.org.dod.internet.snmpParties", ".iso.org.dod.internet.snmpSecrets"};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    size_t len = strlen(prefixes[i]);
    if (n > len && memcmp(p, prefixes[i], len) == 0) { return len + 1; }
  }
  return 0;
}

static void print_oid(const struct moon_names *s, const uint8_t *octets, size_t n, const struct moon_oid *oid, uint32_t options,
                      struct moon_out *out) {
  struct moon_ref ref = {0}, leaf;
  struct index in = {.known = false};
  uint32_t form = options & MOON_PRINT_FORMS, known = 1;
  if (form == MOON_PRINT_NUMERIC) {
    moon_out_char(out, '.');
    put_arcs(out, oid->arc, oid->n);
    return;
  }
  bool found = moon_names_find(s, octets, n, &ref);
  if (found) {
    known = arcs_of(ref.node.oid, ref.node.oid_len);
    if (ref.node.kind == MOON_MIB_ROW || ref.node.kind == MOON_MIB_COLUMN) { in.known = moon_ref_row(&ref, &in.row); }
  }
  char path[64 * MOON_OID_MAX_ARCS];
  struct moon_out o = {.p = path, .cap = sizeof path};
  size_t last = 1;
  if (form == MOON_PRINT_FULL || form == MOON_PRINT_UCD || !found) {
    put_path(&ref, oid->arc, known, &o, &last);
  } else {
    moon_out_char(&o, '.');
    put_view(&o, ref.node.name);
  }
  if (known < oid->n) {
    uint32_t from = known;
    moon_out_char(&o, '.');
    leaf = ref;
    if (in.known && leaf.node.kind == MOON_MIB_ROW) { /* a column nobody knows, then its index */
      moon_out_u64(&o, oid->arc[from++]);
      moon_out_char(&o, '.');
    }
    put_rest(s, &in, oid->arc + from, oid->n - from, options, &o);
  }
  size_t skip = form == MOON_PRINT_UCD ? ucd_skip(path, o.n < o.cap ? o.n : o.cap - 1) : form == MOON_PRINT_FULL ? 0 : last;
  if (form == MOON_PRINT_MODULE && found) {
    put_view(out, moon_mib_module_name(ref.mib, ref.node.module));
    moon_out_text(out, "::");
  }
  moon_out_put(out, path + skip, (o.n < o.cap ? o.n : o.cap - 1) - skip);
}

static void print_arcs(const struct moon_names *s, const uint32_t *arc, uint32_t n, uint32_t options, struct moon_out *out) {
  struct moon_oid oid = {.n = n};
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t len;
  if (n <= MOON_OID_MAX_ARCS) { memcpy(oid.arc, arc, n * sizeof *arc); }
  if (n == 1 && arc[0] <= 2) {
    moon_out_text(out, root_name(arc[0]));
    return;
  }
  if (n < 2 || n > MOON_OID_MAX_ARCS || moon_oid_encode(&oid, octets, sizeof octets, &len)) {
    moon_out_char(out, '.');
    put_arcs(out, arc, n);
    return;
  }
  print_oid(s, octets, len, &oid, options, out);
}

void moon_print_oid(const struct moon_names *s, const uint8_t *oid, size_t n, uint32_t options, struct moon_out *out) {
  static const uint8_t zero[1] = {0};
  struct moon_oid arcs;
  if (n == 0) { oid = zero, n = 1; } /* some agents send 0.0 so */
  if (moon_oid_decode(oid, n, &arcs)) {
    moon_out_text(out, "(no OID)");
    return;
  }
  print_oid(s, oid, n, &arcs, options, out);
}
