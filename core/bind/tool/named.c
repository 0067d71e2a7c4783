#include "named.h"

#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"
#include "../../names/print.h"

static struct moon_out out_at(struct moon_show_text *t) {
  return (struct moon_out){.p = t->p ? t->p + t->n : NULL, .cap = t->cap - t->n};
}

/* Takes what was written; false: there was no room, now there is: once more. */
static bool taken(struct moon_show_text *t, const struct moon_out *o) {
  if (o->n < o->cap || t->failed) {
    t->n += t->failed ? 0 : o->n;
    return true;
  }
  size_t cap = 2 * (t->n + o->n + 256);
  char *p = moon_mem_resize(t->p, cap, 1);
  if (!p) {
    t->failed = true;
    return true;
  }
  t->p = p;
  t->cap = cap;
  return false;
}

static void put(struct moon_show_text *t, const char *p, size_t n) {
  struct moon_out o;
  do {
    o = out_at(t);
    moon_out_put(&o, p, n);
  } while (!taken(t, &o));
}
static void put_text(struct moon_show_text *t, const char *s) { put(t, s, strlen(s)); }

static uint32_t options_of(const struct moon_show *s) {
  static const uint8_t forms[] = {MOON_PRINT_MODULE, MOON_PRINT_SUFFIX, MOON_PRINT_MODULE, MOON_PRINT_FULL,
                                  MOON_PRINT_NUMERIC, MOON_PRINT_UCD, MOON_PRINT_MODULE};
  return (uint32_t)forms[s->oid < sizeof forms ? s->oid : 0] | (s->whole_indexes ? MOON_PRINT_NO_INDEX : 0) |
         (s->extended ? MOON_PRINT_BRACKETS : 0) |
         (s->escape_quotes ? MOON_PRINT_ESCAPE : 0) | (s->ticks ? MOON_PRINT_TICKS : 0) | (s->quick ? MOON_PRINT_QUICK : 0) |
         (s->two_digits ? MOON_PRINT_HEX_2 : 0);
}

void moon_named_oid(const struct moon_show *s, const uint8_t *oid, size_t n, struct moon_show_text *out) {
  struct moon_out o;
  if (s->oid == MOON_SHOW_OID_NONE) { return; }
  do {
    o = out_at(out);
    moon_print_oid(s->names, oid, n, options_of(s), &o);
  } while (!taken(out, &o));
}

static void put_units(const struct moon_show *s, const struct moon_ref *ref, struct moon_show_text *out) {
  if (s->no_units || !ref->node.units.n) { return; }
  put(out, " ", 1);
  put(out, ref->node.units.p, ref->node.units.n);
}

/* By the hint; false: there is none of use. */
static bool put_number(const struct moon_show *s, const struct moon_mib_type *t, int64_t v, struct moon_show_text *out) {
  struct moon_out o;
  bool good;
  if (s->no_hint || !t->hint.n) { return false; }
  do {
    o = out_at(out);
    good = moon_print_hint_number(v, t->hint.p, t->hint.n, &o);
  } while (!taken(out, &o));
  return good;
}

static void put_i64(struct moon_show_text *out, int64_t v) {
  char text[24];
  struct moon_out o = {.p = text, .cap = sizeof text};
  moon_out_i64(&o, v);
  put(out, text, o.n);
}

static void put_integer(const struct moon_show *s, const struct moon_ref *ref, const struct moon_mib_type *t, const struct moon_varbind *vb,
                        struct moon_show_text *out) {
  struct moon_text_view label;
  int64_t v = 0;
  moon_varbind_i64(vb, &v);
  bool has = t->n_items && !s->numeric_enums && moon_mib_label(ref->mib, t, v, &label);
  if (!s->quick) { put_text(out, "INTEGER: "); }
  if (!has) {
    if (!put_number(s, t, v, out)) { put_i64(out, v); }
  } else {
    put(out, label.p, label.n);
    if (!s->quick) {
      put(out, "(", 1);
      put_i64(out, v);
      put(out, ")", 1);
    }
  }
  put_units(s, ref, out);
}

/* Octets by their hint; the plain way where there is none. */
static void put_octets(const struct moon_show *s, const struct moon_ref *ref, const struct moon_mib_type *t, const struct moon_varbind *vb,
                       struct moon_show_text *out) {
  bool good = !s->no_hint && t->hint.n;
  struct moon_out o;
  size_t begin = out->n;
  if (good) {
    if (!s->quick) { put_text(out, "STRING: "); }
    do {
      o = out_at(out);
      good = moon_print_hint(vb->value, vb->value_len, t->hint.p, t->hint.n, s->two_digits, &o);
    } while (!taken(out, &o));
    if (good) {
      put_units(s, ref, out);
      return;
    }
    out->n = begin;
    put_text(out, "(Bad hint ignored: ");
    put(out, t->hint.p, t->hint.n);
    put_text(out, ") ");
    moon_show_plain(s, vb, out);
    return;
  }
  moon_show_plain(s, vb, out);
  if (vb->value_len) { put_units(s, ref, out); }
}

/* "BITS: 28 bridge(2) router(4) ". Labels are looked for upwards from the last one found, so behind a bit without one none has. */
static void put_bits(const struct moon_show *s, const struct moon_ref *ref, const struct moon_mib_type *t, const struct moon_varbind *vb,
                     struct moon_show_text *out) {
  uint32_t at = 0;
  int32_t value;
  struct moon_text_view label;
  char text[24];
  put_text(out, s->quick ? "\"" : "BITS: ");
  moon_show_hex(s, vb->value, vb->value_len, out);
  if (s->quick) {
    put(out, "\"", 1);
    return;
  }
  for (uint32_t bit = 0; bit < 8 * vb->value_len; bit++) {
    if (!(vb->value[bit / 8] & 0x80 >> bit % 8)) { continue; }
    bool has = false;
    while (!has && moon_mib_item(ref->mib, t, at, &value, &label)) {
      has = value >= 0 && (uint32_t)value == bit;
      at += !has;
    }
    if (has && !s->numeric_enums) {
      put(out, label.p, label.n);
      snprintf(text, sizeof text, "(%u) ", bit);
    } else {
      snprintf(text, sizeof text, "%u ", bit);
    }
    put_text(out, text);
  }
}

/* What the value should be, where it is not: the tag the declared type has, and its name. */
static const char *mismatch(uint8_t base, uint8_t tag) {
  static const struct { uint8_t tag; const char *name; } table[MOON_BASES] = {
      [MOON_BASE_INT] = {MOON_INTEGER, "INTEGER"}, [MOON_BASE_OCTETS] = {MOON_OCTET_STRING, "OCTET STRING"},
      [MOON_BASE_OID] = {MOON_OBJECT_ID, "OBJECT IDENTIFIER"}, [MOON_BASE_IP] = {MOON_IP_ADDRESS, "IpAddress"},
      [MOON_BASE_COUNTER32] = {MOON_COUNTER32, "Counter32"}, [MOON_BASE_GAUGE32] = {MOON_GAUGE32, "Gauge32 or Unsigned32"},
      [MOON_BASE_UNSIGNED32] = {MOON_GAUGE32, "Gauge32 or Unsigned32"}, [MOON_BASE_TICKS] = {MOON_TIME_TICKS, "Timeticks"},
      [MOON_BASE_OPAQUE] = {MOON_OPAQUE, "Opaque"}, [MOON_BASE_COUNTER64] = {MOON_COUNTER64, "Counter64"},
      [MOON_BASE_BITS] = {MOON_OCTET_STRING, "BITS"}, [MOON_BASE_NETWORK] = {MOON_IP_ADDRESS, "NetworkAddress"}};
  if (base >= MOON_BASES || !table[base].tag || table[base].tag == tag) { return NULL; }
  if (base == MOON_BASE_COUNTER64 && tag == MOON_OPAQUE) { return NULL; }
  return table[base].name;
}

bool moon_named_value(const struct moon_show *s, const struct moon_varbind *vb, struct moon_show_text *out) {
  struct moon_ref ref;
  struct moon_mib_type t;
  uint64_t v;
  if (moon_varbind_is_exception(vb) || !moon_names_find(s->names, vb->oid, vb->oid_len, &ref) ||
      !moon_mib_type(ref.mib, ref.node.type, &t)) {
    return false;
  }
  const char *expected = mismatch(t.base, vb->type);
  if (expected) {
    if (!(s->quick && s->equals)) {
      put_text(out, "Wrong Type (should be ");
      put_text(out, expected);
      put_text(out, "): ");
    }
    moon_show_plain(s, vb, out);
    return true;
  }
  switch (t.base) {
  case MOON_BASE_INT: put_integer(s, &ref, &t, vb, out); return true;
  case MOON_BASE_OCTETS: put_octets(s, &ref, &t, vb, out); return true;
  case MOON_BASE_BITS: put_bits(s, &ref, &t, vb, out); return true;
  case MOON_BASE_GAUGE32:
  case MOON_BASE_UNSIGNED32:
    if (s->no_hint || !t.hint.n || moon_varbind_u64(vb, &v)) { break; }
    if (!s->quick) { put_text(out, "Gauge32: "); }
    if (!put_number(s, &t, (int64_t)v, out)) { put_i64(out, (int64_t)v); }
    put_units(s, &ref, out);
    return true;
  case MOON_BASE_NETWORK:
    if (!s->quick) { put_text(out, "Network Address: "); }
    for (uint32_t i = 0; i < vb->value_len; i++) {
      char octet[4];
      snprintf(octet, sizeof octet, i ? ":%02X" : "%02X", vb->value[i]);
      put_text(out, octet);
    }
    return true;
  default: break;
  }
  moon_show_plain(s, vb, out);
  if (t.base != MOON_BASE_IP && !(t.base == MOON_BASE_TICKS && s->ticks)) { put_units(s, &ref, out); }
  return true;
}
