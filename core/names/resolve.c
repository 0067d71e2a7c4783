#include "resolve.h"

/* Where reading is: text to come, arcs so far. */
struct state {
  const struct moon_names *names;
  const char *p, *end;
  struct moon_oid oid;
  uint32_t options;
  struct moon_out *why;
};

struct word { const char *p; size_t n; };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static uint32_t digit_of(char c) {
  return is_digit(c) ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10 : 99;
}
static bool is_name(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }

static enum moon_err fail(struct state *s, const char *what, struct word w, const char *behind) {
  if (s->why) {
    moon_out_text(s->why, what);
    moon_out_put(s->why, w.p, w.n);
    moon_out_text(s->why, behind);
  }
  return MOON_E_SYNTAX;
}

static enum moon_err fail_below(struct state *s, struct moon_text_view above, struct word w) {
  if (s->why) {
    moon_out_text(s->why, "Sub-id not found: ");
    moon_out_put(s->why, above.p, above.n);
  }
  return fail(s, " -> ", w, "");
}

static enum moon_err add(struct state *s, uint32_t arc) {
  if (s->oid.n == MOON_OID_MAX_ARCS) { return MOON_E_LIMIT; }
  s->oid.arc[s->oid.n++] = arc;
  return MOON_OK;
}

/* The next part, up to a dot or a bracket. */
static struct word next_word(struct state *s) {
  struct word w = {s->p, 0};
  while (s->p < s->end && *s->p != '.' && *s->p != '[' && *s->p != ']') { s->p++; }
  w.n = (size_t)(s->p - w.p);
  return w;
}

/* Past what separates two parts; false when there is something else, or nothing behind a dot. */
static bool separator(struct state *s) {
  if (s->p == s->end) { return true; }
  if (*s->p == ']') {
    s->p++;
    if (s->p == s->end) { return true; }
  }
  if (*s->p != '.' && *s->p != '[') { return false; }
  s->p++;
  return s->p < s->end;
}

/* A number as strtoul reads it, and nothing behind it: 31, 0x1f, 037. */
static bool number(struct word w, uint32_t *out) {
  uint64_t v = 0;
  uint32_t base = 10;
  size_t i = 0;
  if (!w.n || !is_digit(w.p[0])) { return false; }
  if (w.p[0] == '0' && w.n > 1) {
    base = w.p[1] == 'x' || w.p[1] == 'X' ? 16 : 8;
    i = base == 16 ? 2 : 1;
    if (i == w.n) { return false; }
  }
  for (; i < w.n; i++) {
    uint32_t digit = digit_of(w.p[i]);
    if (digit >= base) { return false; }
    v = v * base + digit;
    if (v > UINT32_MAX) { return false; }
  }
  *out = (uint32_t)v;
  return true;
}

static bool in_ranges(const struct state *s, const struct moon_mib *m, const struct moon_mib_type *t, int64_t v) {
  int64_t low, high;
  if (!t->n_ranges || s->options & MOON_RESOLVE_ANY_VALUE) { return true; }
  for (uint32_t i = 0; moon_mib_range(m, t, i, &low, &high); i++) {
    if (v >= low && v <= high) { return true; }
  }
  return false;
}

static enum moon_err out_of_range(struct state *s, struct word w, struct moon_text_view name) {
  if (s->why) {
    moon_out_text(s->why, "Index out of range: ");
    moon_out_put(s->why, w.p, w.n);
    moon_out_text(s->why, " (");
    moon_out_put(s->why, name.p, name.n);
  }
  return fail(s, ")", (struct word){"", 0}, "");
}

/* Text in quotes without them; s->p is left behind the closing one. Backslashes take the character behind as it is. */
static bool quoted(struct state *s, uint8_t *out, size_t cap, size_t *n) {
  char quote = *s->p++;
  for (*n = 0; s->p < s->end && *s->p != quote; s->p++) {
    if (*s->p == '\\' && s->p + 1 < s->end) { s->p++; }
    if (*n == cap) { return false; }
    out[(*n)++] = (uint8_t)*s->p;
  }
  if (s->p == s->end) { return false; }
  s->p++;
  return true;
}

/* Numbers with one character between them: "0:1b:21", "192.0.2.1". How many octets; 0: it is not that. */
static size_t read_numbers(const uint8_t *p, size_t n, char separator_char, uint32_t base, uint8_t *out, size_t cap) {
  size_t count = 0, i = 0;
  while (i < n && count < cap) {
    uint32_t v = 0, digits = 0;
    for (; i < n && (char)p[i] != separator_char; i++, digits++) {
      uint32_t d = digit_of((char)p[i]);
      if (d >= base || digits == 3) { return 0; }
      v = v * base + d;
    }
    if (!digits || v > 255) { return 0; }
    out[count++] = (uint8_t)v;
    if (i < n && ++i == n) { return 0; } /* nothing behind the separator */
  }
  return i == n ? count : 0;
}

/* IPv6 as RFC 4291 2.2 writes it, and as indexes are printed, octet by octet. */
static size_t read_ipv6(const uint8_t *p, size_t n, uint8_t *out) {
  uint8_t octets[16];
  size_t count = read_numbers(p, n, ':', 16, octets, sizeof octets), gap = SIZE_MAX;
  if (count == 16) {
    memcpy(out, octets, 16);
    return 16;
  }
  count = 0;
  for (size_t i = 0; i < n;) {
    if (p[i] == ':' && i + 1 < n && p[i + 1] == ':' && gap == SIZE_MAX) {
      gap = count;
      i += 2;
      continue;
    }
    if (count && i && p[i] == ':' && p[i - 1] != ':') { i++; }
    uint32_t v = 0, digits = 0;
    for (; i < n && p[i] != ':'; i++, digits++) {
      uint32_t d = digit_of((char)p[i]);
      if (d > 15 || digits == 4) { return 0; }
      v = v << 4 | d;
    }
    if (!digits || count == 16) { return 0; }
    octets[count++] = (uint8_t)(v >> 8);
    octets[count++] = (uint8_t)v;
  }
  if (gap == SIZE_MAX ? count != 16 : count > 14) { return 0; }
  memset(out, 0, 16);
  if (gap == SIZE_MAX) { gap = count; }
  memcpy(out, octets, gap);
  memcpy(out + 16 - (count - gap), octets + gap, count - gap);
  return 16;
}

/* Octets somebody wrote as text the way they are printed; those of the text itself where that makes no sense. */
static void by_notation(const struct moon_mib *m, uint32_t type, const struct moon_mib_type *t, uint32_t inet, uint8_t *p, size_t *n) {
  uint8_t out[MOON_OID_MAX_ARCS];
  size_t len = 0;
  if (inet && moon_mib_is(m, type, "InetAddress")) {
    len = inet == 1 ? read_numbers(p, *n, '.', 10, out, 4) : inet == 2 ? read_ipv6(p, *n, out) : 0;
    if (inet == 1 && len != 4) { len = 0; }
  } else if (t->hint.n >= 3 && t->hint.p[0] == '1' && (t->hint.p[1] == 'x' || t->hint.p[1] == 'd')) {
    len = read_numbers(p, *n, t->hint.p[2], t->hint.p[1] == 'x' ? 16 : 10, out, sizeof out);
  }
  if (len) {
    memcpy(p, out, len);
    *n = len;
  }
}

static enum moon_err read_octets(struct state *s, const struct moon_mib *m, const struct moon_mib_element *e, const struct moon_mib_type *t,
                                 bool implied, uint32_t inet) {
  uint8_t text[MOON_OID_MAX_ARCS];
  uint32_t fixed = moon_mib_fixed_size(m, t), count, v;
  size_t n = 0;
  enum moon_err err = MOON_OK;
  struct word all = {s->p, (size_t)(s->end - s->p)}, w;
  if (*s->p == '"' || *s->p == '\'') {
    bool counted = !implied && !fixed;
    if (counted && *s->p == '\'') { return fail(s, "'-quote is for fixed length strings", (struct word){"", 0}, ""); }
    if (!implied && fixed && *s->p == '"') { return fail(s, "\"-quote is for variable length strings", (struct word){"", 0}, ""); }
    if (!quoted(s, text, sizeof text, &n)) { return out_of_range(s, all, e->name); }
    by_notation(m, e->type, t, inet, text, &n);
    if (fixed ? n != fixed : !in_ranges(s, m, t, (int64_t)n)) { return out_of_range(s, all, e->name); }
    if (counted) { err = add(s, (uint32_t)n); }
    for (size_t i = 0; i < n && !err; i++) { err = add(s, text[i]); }
    return err;
  }
  count = fixed;
  if (!fixed && !implied) {
    w = next_word(s);
    if (!number(w, &count)) { return out_of_range(s, w, e->name); }
    err = add(s, count);
    if (err || !count) { return err; }
    if (s->p == s->end) { return MOON_OK; } /* a partial index is a subtree */
    if (!separator(s)) { return out_of_range(s, w, e->name); }
  }
  for (uint32_t i = 0; (implied || i < count) && !err; i++) {
    w = next_word(s);
    if (!number(w, &v) || (v > 255 && !(s->options & MOON_RESOLVE_ANY_VALUE))) { return out_of_range(s, w, e->name); }
    err = add(s, v);
    if (s->p == s->end) { break; }
    if ((implied || i + 1 < count) && !separator(s)) { return out_of_range(s, w, e->name); }
  }
  return err;
}

static enum moon_err read_part(struct state *s, const struct moon_mib *m, const struct moon_mib_element *e, bool implied, uint32_t inet) {
  struct moon_mib_type t;
  struct word w;
  uint32_t v = 0;
  int32_t labelled;
  enum moon_err err = MOON_OK;
  if (!moon_mib_type(m, e->type, &t)) { return MOON_E_MISSING; }
  switch (t.base) {
  case MOON_BASE_INT:
  case MOON_BASE_UNSIGNED32:
  case MOON_BASE_GAUGE32:
  case MOON_BASE_TICKS:
    w = next_word(s);
    if (!number(w, &v)) {
      if (!moon_mib_labelled(m, &t, w.p, w.n, &labelled)) { return out_of_range(s, w, e->name); }
      v = (uint32_t)labelled;
    } else if (!in_ranges(s, m, &t, t.base == MOON_BASE_INT ? (int64_t)(int32_t)v : (int64_t)v)) {
      return out_of_range(s, w, e->name);
    }
    return add(s, v);
  case MOON_BASE_NETWORK:
    w = next_word(s);
    if (!number(w, &v)) { return out_of_range(s, w, e->name); }
    err = add(s, v);
    if (err || s->p == s->end) { return err; }
    if (v != 1) { return separator(s) ? MOON_E_MISSING : out_of_range(s, w, e->name); }
    if (!separator(s)) { return out_of_range(s, w, e->name); }
    __attribute__((fallthrough));
  case MOON_BASE_IP:
    for (uint32_t i = 0; i < 4 && !err; i++) {
      w = next_word(s);
      if (!number(w, &v) || v > 255) { return out_of_range(s, w, e->name); }
      err = add(s, v);
      if (s->p == s->end) { break; }
      if (i < 3 && !separator(s)) { return out_of_range(s, w, e->name); }
    }
    return err;
  case MOON_BASE_OCTETS: return read_octets(s, m, e, &t, implied, inet);
  default: return MOON_E_MISSING;
  }
}

/* The rest, of which nothing is known: numbers, and text in quotes. */
static enum moon_err read_rest(struct state *s) {
  enum moon_err err = MOON_OK;
  while (s->p < s->end && !err) {
    struct word w = {s->p, (size_t)(s->end - s->p)};
    uint32_t v;
    if (*s->p == '"' || *s->p == '\'') {
      uint8_t text[MOON_OID_MAX_ARCS];
      bool counted = *s->p == '"';
      size_t n = 0;
      if (!quoted(s, text, sizeof text, &n)) { return fail(s, "", w, ""); }
      if (counted) { err = add(s, (uint32_t)n); }
      for (size_t i = 0; i < n && !err; i++) { err = add(s, text[i]); }
    } else {
      w = next_word(s);
      if (!number(w, &v)) { return fail(s, "", w, ""); }
      err = add(s, v);
    }
    if (!err && !separator(s)) { return fail(s, "", w, ""); }
  }
  return err;
}

static enum moon_err read_index(struct state *s, const struct moon_ref *column) {
  struct moon_ref row;
  struct moon_mib_element e;
  uint32_t inet = 0;
  enum moon_err err = MOON_OK;
  if (!moon_ref_row(column, &row)) { return read_rest(s); }
  for (uint32_t i = 0; s->p < s->end && !err && moon_mib_element(row.mib, &row.node, i, &e); i++) {
    bool implied = row.node.flags & MOON_MIB_IMPLIED && i + 1u == row.node.n_elements;
    struct word all = {s->p, (size_t)(s->end - s->p)};
    err = read_part(s, row.mib, &e, implied, inet);
    if (err == MOON_E_MISSING) { break; }
    inet = !err && moon_mib_is(row.mib, e.type, "InetAddressType") ? s->oid.arc[s->oid.n - 1] : 0;
    if (!err && !separator(s)) { return out_of_range(s, all, e.name); }
  }
  return err && err != MOON_E_MISSING ? err : read_rest(s);
}

static enum moon_err encode(const struct moon_oid *oid, uint8_t *out, size_t *len) {
  size_t n;
  enum moon_err err = moon_oid_encode(oid, out, MOON_OID_MAX_LEN, &n);
  if (err) { return err == MOON_E_SYNTAX || err == MOON_E_LENGTH ? MOON_E_RANGE : err; }
  *len = n;
  return MOON_OK;
}

static bool find(struct state *s, struct moon_ref *out) {
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t n;
  return s->oid.n >= 2 && !encode(&s->oid, octets, &n) && moon_names_find(s->names, octets, n, out) && out->node.oid_len == n;
}

/* The node with this name right below what was read. */
static bool find_below(struct state *s, struct word w, struct moon_ref *out) {
  struct moon_ref r;
  struct moon_oid oid;
  for (uint32_t b = 0; b < s->names->n; b++) {
    r.mib = &s->names->block[b];
    for (uint32_t module = 0; module < r.mib->h.modules.n; module++) {
      if (!moon_mib_node(r.mib, moon_mib_find_name(r.mib, module, w.p, w.n), &r.node)) { continue; }
      if (moon_oid_decode(r.node.oid, r.node.oid_len, &oid) || oid.n != s->oid.n + 1) { continue; }
      if (memcmp(oid.arc, s->oid.arc, s->oid.n * sizeof *oid.arc) != 0) { continue; }
      *out = r;
      s->oid = oid;
      return true;
    }
  }
  return false;
}

/* From a node down: names of nodes below, or numbers; an index once a column is reached. */
static enum moon_err read_below(struct state *s, struct moon_ref at, bool known) {
  enum moon_err err;
  uint32_t v;
  while (s->p < s->end) {
    if (known && at.node.kind == MOON_MIB_COLUMN) { return read_index(s, &at); }
    if (known && at.node.kind == MOON_MIB_SCALAR) { return read_rest(s); }
    struct word w = {s->p, 0};
    if (!is_letter(*s->p)) {
      if (!is_digit(*s->p)) { return read_rest(s); }
      w = next_word(s);
      if (!number(w, &v)) { return fail_below(s, known ? at.node.name : (struct moon_text_view){"(top)", 5}, w); }
      err = add(s, v);
      if (err) { return err; }
      known = find(s, &at);
    } else {
      w = next_word(s);
      struct moon_text_view above = known ? at.node.name : (struct moon_text_view){"iso", 3};
      if (!find_below(s, w, &at)) { return fail_below(s, above, w); }
      known = true;
    }
    if (!separator(s)) { return fail(s, "", w, ""); }
  }
  return MOON_OK;
}

static bool root(struct word w, uint32_t *arc) {
  static const char *const names[] = {"ccitt", "iso", "joint-iso-ccitt"};
  for (uint32_t i = 0; i < 3; i++) {
    if (strlen(names[i]) == w.n && memcmp(names[i], w.p, w.n) == 0) {
      *arc = i;
      return true;
    }
  }
  return false;
}

enum moon_err moon_names_resolve(const struct moon_names *names, const char *text, size_t n, uint32_t options, uint8_t *out, size_t *len,
                                 struct moon_out *why) {
  struct state s = {.names = names, .p = text, .end = text + n, .options = options, .why = why};
  struct moon_ref at = {0};
  struct word module = {text, 0}, w;
  uint32_t arc = 0;
  bool known = false;
  enum moon_err err = MOON_OK;
  while (s.p < s.end && is_name(*s.p)) { s.p++; }
  if (s.p < s.end && *s.p == ':') {
    module.n = (size_t)(s.p - text);
    s.p += s.end - s.p > 1 && s.p[1] == ':' ? 2 : 1;
    if (!module.n || !moon_names_module(names, module.p, module.n)) {
      fail(&s, "Unknown module ", module, "");
      return MOON_E_MISSING;
    }
  } else {
    s.p = text + (n && text[0] == '.');
  }
  if (s.p == s.end) { return fail(&s, "Sub-id not found: (top) -> ", (struct word){"", 0}, ""); }
  if (!module.n && is_digit(*s.p)) {
    err = read_below(&s, at, false);
  } else {
    w = next_word(&s);
    if (!module.n && root(w, &arc)) {
      err = add(&s, arc);
    } else if (w.n && (!module.n ? text[0] != '.' : 1) && moon_names_named(names, module.p, module.n, w.p, w.n, &at)) {
      known = true;
      err = moon_oid_decode(at.node.oid, at.node.oid_len, &s.oid);
    } else {
      return fail(&s, "Sub-id not found: (top) -> ", w, "");
    }
    if (!err && !separator(&s)) { return fail(&s, "", w, ""); }
    if (!err) { err = read_below(&s, at, known); }
  }
  if (err) { return err; }
  if (s.oid.n == 1) { return MOON_E_RANGE; }
  return encode(&s.oid, out, len);
}
