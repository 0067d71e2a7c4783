#include "facts.h"



static const char *const KINDS[MOON_MIB_KINDS] = {"node", "scalar", "table", "row", "column",
                                                  "notification", "group", "compliance", "capabilities", "identity"};
static const char *const ACCESSES[MOON_MIB_ACCESSES] = {"", "na", "notify", "ro", "rw", "rc"};
static const char *const STATUSES[MOON_MIB_STATUSES] = {"", "deprecated", "obsolete", "mandatory", "optional"};
static const char *const BASES[MOON_BASES] = {"",           "int",   "octets", "oid",       "ip",  "counter32", "gauge32",
                                              "unsigned32", "ticks", "opaque", "counter64", "bits", "network"};

struct reader {
  struct moon_block *d;
  const char *p, *end;
  uint32_t line;
  uint32_t module;
  const char *why;
};

struct word { const char *p; size_t n; bool quoted; };

static bool is(const struct word *w, const char *s) { return !w->quoted && strlen(s) == w->n && memcmp(w->p, s, w->n) == 0; }

static unsigned one_of(const struct word *w, const char *const *names, unsigned n) {
  unsigned i = 0;
  while (i < n && !(names[i][0] && is(w, names[i]))) { i++; }
  return i;
}

/* Up to the next word of the same fact; false: the fact is over. */
static bool next_word(struct reader *r, struct word *w) {
  for (;;) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t')) { r->p++; }
    if (r->p < r->end && *r->p == '#') {
      while (r->p < r->end && *r->p != '\n') { r->p++; }
    }
    if (r->p == r->end) { return false; }
    if (*r->p != '\n') { break; }
    if (r->end - r->p < 2 || (r->p[1] != ' ' && r->p[1] != '\t')) { return false; }
    r->p++;
    r->line++;
  }
  *w = (struct word){.p = r->p};
  if (*r->p == '"') {
    w->p = ++r->p;
    while (r->p < r->end && *r->p != '"' && *r->p != '\n') { r->p++; }
    if (r->p == r->end || *r->p != '"') {
      r->why = "a quote is not closed";
      return false;
    }
    w->n = (size_t)(r->p++ - w->p);
    w->quoted = true;
    return true;
  }
  while (r->p < r->end && *r->p != ' ' && *r->p != '\t' && *r->p != '\n') { r->p++; }
  w->n = (size_t)(r->p - w->p);
  return true;
}

static bool need(struct reader *r, struct word *w, const char *what) {
  if (next_word(r, w) && w->n && !w->quoted) { return true; }
  if (!r->why) { r->why = what; }
  return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool number(const char **p, const char *end, int64_t *out) {
  bool minus = *p < end && **p == '-';
  uint64_t v = 0;
  if (minus) { ++*p; }
  if (*p == end || !is_digit(**p)) { return false; }
  for (; *p < end && is_digit(**p); ++*p) {
    if (v > (uint64_t)(INT64_MAX - 9) / 10) { return false; }
    v = 10 * v + (uint64_t)(**p - '0');
  }
  *out = minus ? -(int64_t)v : (int64_t)v;
  return true;
}

static bool read_range(struct reader *r, const struct word *w) {
  const char *p = w->p, *end = w->p + w->n;
  int64_t low, high;
  if (!number(&p, end, &low)) { return false; }
  high = low;
  if (p < end) {
    if (end - p < 3 || p[0] != '.' || p[1] != '.') { return false; }
    p += 2;
    if (!number(&p, end, &high) || p != end) { return false; }
  }
  moon_block_range(r->d, low, high);
  return true;
}

static bool read_item(struct reader *r, const struct word *w) {
  const char *eq = memchr(w->p, '=', w->n), *end = w->p + w->n, *p;
  int64_t v;
  if (!eq || eq == w->p) { return false; }
  p = eq + 1;
  if (!number(&p, end, &v) || p != end || v < INT32_MIN || v > INT32_MAX) { return false; }
  moon_block_item(r->d, (int32_t)v, w->p, (size_t)(eq - w->p));
  return true;
}

/* A type that was named: in this module, else the first of any. */
static uint32_t find_type(const struct reader *r, const struct word *w) {
  const struct moon_mib_type_record *all = r->d->types.p;
  uint32_t other = MOON_MIB_NONE;
  for (uint32_t i = 0; i < r->d->types.n; i++) {
    struct moon_text_view v = moon_block_view(r->d, all[i].name);
    if (v.n != w->n || !v.n || memcmp(v.p, w->p, w->n) != 0) { continue; }
    if (all[i].module == r->module) { return i; }
    if (other == MOON_MIB_NONE) { other = i; }
  }
  return other;
}

/* What follows the name of a type: ranges, named numbers, a hint; then what belongs to the object, into n. */
static bool read_syntax(struct reader *r, struct moon_mib_type_record *t, struct moon_mib_node_record *n) {
  struct word w;
  if (!need(r, &w, "a type is missing")) { return false; }
  t->base = (uint8_t)one_of(&w, BASES, MOON_BASES);
  t->parent = MOON_MIB_NONE;
  t->module = (uint16_t)r->module;
  if (t->base == MOON_BASES) {
    t->parent = find_type(r, &w);
    if (t->parent == MOON_MIB_NONE) {
      r->why = "no such type";
      return false;
    }
    t->base = ((const struct moon_mib_type_record *)r->d->types.p)[t->parent].base;
  }
  t->ranges = r->d->ranges.n;
  t->items = r->d->items.n;
  while (next_word(r, &w)) {
    unsigned access = one_of(&w, ACCESSES, MOON_MIB_ACCESSES), status = one_of(&w, STATUSES, MOON_MIB_STATUSES);
    if (w.quoted) {
      t->hint = moon_block_text(r->d, w.p, w.n);
    } else if (n && access < MOON_MIB_ACCESSES) {
      n->access = (uint8_t)access;
    } else if (status < MOON_MIB_STATUSES) {
      t->status = (uint8_t)status;
    } else if (n && is(&w, "units")) {
      if (!next_word(r, &w) || !w.quoted) {
        r->why = "units are text in quotes";
        return false;
      }
      n->units = moon_block_text(r->d, w.p, w.n);
    } else if (read_item(r, &w)) {
      t->n_items++;
    } else if (read_range(r, &w)) {
      t->n_ranges++;
    } else {
      r->why = "a word nobody understands";
      return false;
    }
  }
  return !r->why;
}

static bool read_type(struct reader *r) {
  struct word w;
  struct moon_mib_type_record t = {0};
  if (!need(r, &w, "a type has no name")) { return false; }
  t.name = moon_block_text(r->d, w.p, w.n);
  if (!read_syntax(r, &t, NULL)) { return false; }
  moon_block_type(r->d, &t);
  return true;
}

/* "above.1.2" or "1.3.6" */
static bool read_oid(struct reader *r, struct moon_mib_node_record *n) {
  struct word w;
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t len = 0, more = 0;
  if (!need(r, &w, "an OID is missing")) { return false; }
  if (is_digit(w.p[0])) {
    if (!moon_oid_parse(w.p, w.n, octets, sizeof octets, &len)) {
      n->oid = moon_block_text(r->d, octets, len);
      return true;
    }
  } else {
    const char *dot = memchr(w.p, '.', w.n);
    if (dot && dot + 1 < w.p + w.n) {
      uint32_t above = moon_block_find(r->d, r->module, moon_block_text(r->d, w.p, (size_t)(dot - w.p)));
      if (above == MOON_MIB_NONE) {
        r->why = "no such node above";
        return false;
      }
      struct moon_text_view v = moon_block_view(r->d, ((const struct moon_mib_node_record *)r->d->nodes.p)[above].oid);
      if (v.n <= sizeof octets) {
        memcpy(octets, v.p, v.n);
        if (!moon_oid_parse_index(dot + 1, (size_t)(w.p + w.n - dot - 1), octets + v.n, sizeof octets - v.n, &more) &&
            !moon_oid_check(octets, v.n + more)) {
          n->oid = moon_block_text(r->d, octets, v.n + more);
          return true;
        }
      }
    }
  }
  r->why = "no OID";
  return false;
}

/* "= a b !c", "+ row", a status */
static bool read_index(struct reader *r, struct moon_mib_node_record *n) {
  struct word w;
  bool list = false;
  n->elements = r->d->elements.n;
  while (next_word(r, &w)) {
    unsigned status = one_of(&w, STATUSES, MOON_MIB_STATUSES);
    if (n->flags & MOON_MIB_IMPLIED && status == MOON_MIB_STATUSES) {
      r->why = "only the last of an index can be implied";
      return false;
    }
    if (is(&w, "=")) {
      list = true;
    } else if (is(&w, "+")) {
      if (!need(r, &w, "a row is missing")) { return false; }
      n->row = moon_block_text(r->d, w.p, w.n);
      n->flags |= MOON_MIB_AUGMENTS;
    } else if (status < MOON_MIB_STATUSES) {
      n->status = (uint8_t)status;
    } else if (list && n->n_elements < MOON_MIB_INDEX_MAX && w.n > (w.p[0] == '!')) {
      if (w.p[0] == '!') {
        n->flags |= MOON_MIB_IMPLIED;
        w.p++, w.n--;
      }
      moon_block_element(r->d, w.p, w.n, MOON_MIB_NONE);
      n->n_elements++;
    } else {
      r->why = "a word nobody understands";
      return false;
    }
  }
  return !r->why;
}

static bool read_node(struct reader *r, uint8_t kind) {
  struct word w;
  struct moon_mib_node_record n = {.kind = kind, .type = MOON_MIB_NONE, .module = (uint16_t)r->module};
  if (!need(r, &w, "a node has no name")) { return false; }
  n.name = moon_block_text(r->d, w.p, w.n);
  if (!read_oid(r, &n)) { return false; }
  if (kind == MOON_MIB_SCALAR || kind == MOON_MIB_COLUMN) {
    struct moon_mib_type_record t = {0};
    if (!read_syntax(r, &t, &n)) { return false; }
    n.status = t.status;
    t.status = 0;
    bool plain = t.parent != MOON_MIB_NONE && !t.n_items && !t.n_ranges && !t.hint;
    n.type = plain ? t.parent : moon_block_type(r->d, &t);
  } else if (!read_index(r, &n)) {
    return false;
  }
  moon_block_node(r->d, &n);
  return true;
}

static bool read_fact(struct reader *r) {
  struct word w;
  if (!next_word(r, &w)) { return !r->why; }
  if (is(&w, "module")) {
    if (!need(r, &w, "a module has no name")) { return false; }
    r->module = moon_block_module(r->d, w.p, w.n);
    return true;
  }
  if (r->module == MOON_MIB_NONE) {
    r->why = "no module yet";
    return false;
  }
  if (is(&w, "type")) { return read_type(r); }
  unsigned kind = one_of(&w, KINDS, MOON_MIB_KINDS);
  if (kind == MOON_MIB_KINDS) {
    r->why = "no such kind of fact";
    return false;
  }
  return read_node(r, (uint8_t)kind);
}

enum moon_err moon_facts_read(struct moon_block *d, const char *text, size_t n, uint32_t *line, const char **why) {
  struct reader r = {.d = d, .p = text, .end = text + n, .line = 1, .module = MOON_MIB_NONE};
  struct word w;
  while (r.p < r.end && !d->err) {
    if (!read_fact(&r) || next_word(&r, &w)) {
      *line = r.line;
      *why = d->err ? moon_err_text(d->err) : r.why ? r.why : "more than belongs there";
      return d->err ? d->err : MOON_E_SYNTAX;
    }
    if (r.p < r.end) {
      r.p++;
      r.line++;
    }
  }
  return d->err;
}

static void put_view(struct moon_out *o, struct moon_text_view v) { moon_out_put(o, v.p, v.n); }

/* Quotes and line ends have no place inside quotes. */
static void put_quoted(struct moon_out *o, struct moon_text_view v) {
  moon_out_text(o, " \"");
  for (uint32_t i = 0; i < v.n; i++) { moon_out_char(o, v.p[i] == '"' ? '\'' : v.p[i] == '\n' || v.p[i] == '\r' ? ' ' : v.p[i]); }
  moon_out_char(o, '"');
}

/* What a type record says itself, beside what is above it. */
static void put_syntax(const struct moon_mib *m, uint32_t type, bool named, struct moon_out *o) {
  struct moon_mib_type t, up = {0};
  struct moon_text_view v;
  int64_t low, high;
  int32_t value;
  if (!moon_mib_type(m, type, &t)) {
    moon_out_text(o, " opaque");
    return;
  }
  if (!named && t.name.n) {
    moon_out_char(o, ' ');
    put_view(o, t.name);
    return;
  }
  bool has_up = moon_mib_type(m, t.parent, &up);
  v = moon_mib_convention(m, t.parent);
  moon_out_char(o, ' ');
  if (has_up && v.n) {
    put_view(o, v);
  } else {
    moon_out_text(o, t.base ? BASES[t.base] : "opaque");
  }
  if (!has_up || t.ranges != up.ranges || t.n_ranges != up.n_ranges) {
    for (uint32_t i = 0; moon_mib_range(m, &t, i, &low, &high); i++) {
      moon_out_char(o, ' ');
      moon_out_i64(o, low);
      if (high != low) {
        moon_out_text(o, "..");
        moon_out_i64(o, high);
      }
    }
  }
  if (!has_up || t.items != up.items || t.n_items != up.n_items) {
    for (uint32_t i = 0; moon_mib_item(m, &t, i, &value, &v); i++) {
      moon_out_text(o, i && i % 8 == 0 ? "\n  " : " ");
      put_view(o, v);
      moon_out_char(o, '=');
      moon_out_i64(o, value);
    }
  }
  if (t.hint.n && !(has_up && t.hint.p == up.hint.p)) { put_quoted(o, t.hint); }
}

static void put_word(struct moon_out *o, const char *word) {
  if (!word[0]) { return; }
  moon_out_char(o, ' ');
  moon_out_text(o, word);
}

static void put_index(const struct moon_mib *m, const struct moon_mib_node *n, struct moon_out *o) {
  struct moon_mib_element e;
  if (n->flags & MOON_MIB_AUGMENTS) {
    moon_out_text(o, " + ");
    put_view(o, n->row);
    return;
  }
  if (n->n_elements) { moon_out_text(o, " ="); }
  for (uint32_t i = 0; moon_mib_element(m, n, i, &e); i++) {
    moon_out_text(o, i + 1u == n->n_elements && n->flags & MOON_MIB_IMPLIED ? " !" : " ");
    put_view(o, e.name);
  }
}

void moon_facts_write_node(const struct moon_mib *m, const struct moon_mib_node *n, struct moon_out *o) {
  struct moon_mib_node up;
  char text[MOON_OID_TEXT_MAX];
  moon_out_text(o, KINDS[n->kind]);
  moon_out_char(o, ' ');
  put_view(o, n->name);
  moon_out_char(o, ' ');
  bool has_up = moon_mib_node(m, n->parent, &up);
  while (has_up && up.oid_len >= n->oid_len) { has_up = moon_mib_node(m, up.parent, &up); }
  if (has_up && up.oid_len) {
    put_view(o, up.name);
    moon_out_char(o, '.');
    moon_out_put(o, text, moon_oid_format_index(n->oid + up.oid_len, n->oid_len - up.oid_len, text, sizeof text));
  } else {
    moon_out_put(o, text, moon_oid_format(n->oid, n->oid_len, text, sizeof text));
  }
  if (n->kind == MOON_MIB_SCALAR || n->kind == MOON_MIB_COLUMN) {
    put_syntax(m, n->type, false, o);
    put_word(o, ACCESSES[n->access < MOON_MIB_ACCESSES ? n->access : 0]);
  } else {
    put_index(m, n, o);
  }
  put_word(o, STATUSES[n->status < MOON_MIB_STATUSES ? n->status : 0]);
  if (n->units.n) {
    moon_out_text(o, " units");
    put_quoted(o, n->units);
  }
  moon_out_char(o, '\n');
}

void moon_facts_write_type(const struct moon_mib *m, uint32_t type, struct moon_out *out) {
  struct moon_mib_type t;
  if (!moon_mib_type(m, type, &t)) { return; }
  moon_out_text(out, "type ");
  put_view(out, t.name);
  put_syntax(m, type, true, out);
  put_word(out, STATUSES[t.status < MOON_MIB_STATUSES ? t.status : 0]);
  moon_out_char(out, '\n');
}

void moon_facts_write(const struct moon_mib *m, uint32_t module, struct moon_out *out) {
  struct moon_mib_type t;
  struct moon_mib_node n;
  moon_out_text(out, "module ");
  put_view(out, moon_mib_module_name(m, module));
  moon_out_char(out, '\n');
  for (uint32_t i = 0; moon_mib_type(m, i, &t); i++) {
    if (t.module != module || !t.name.n) { continue; }
    moon_facts_write_type(m, i, out);
  }
  for (uint32_t i = 0; moon_mib_node(m, i, &n); i++) {
    if (n.module == module) { moon_facts_write_node(m, &n, out); }
  }
}
