#include "snmpwalk.h"

static const char *line_end(struct moon_span s) {
  const char *p = s.p < s.end ? memchr(s.p, '\n', moon_span_len(s)) : NULL;
  return p ? p : s.end;
}

/* .1.3.6 = | 1.3.6 = | iso.3.6 = | IF-MIB::ifDescr.1 = : names in letters begin an instance, though none that can be served. */
bool moon_snmpwalk_begins(struct moon_span text, struct moon_span *name, const char **value) {
  const char *p = text.p;
  bool numeric = p < text.end && (*p == '.' || (*p >= '0' && *p <= '9')), modular = false;
  if (!numeric && text.end - p > 4 && memcmp(p, "iso.", 4) == 0) { numeric = true; }
  for (; p < text.end && *p != ' ' && *p != '\n' && *p != '\t'; p++) {
    if (*p == '|') { return false; } /* a line of the other form, whose value looks like one of these */
    modular |= *p == ':' && text.end - p > 1 && p[1] == ':';
  }
  if (!(numeric || modular) || text.end - p < 2 || p[0] != ' ' || p[1] != '=') { return false; }
  *name = (struct moon_span){text.p, p};
  p += 2;
  if (p < text.end && *p != ' ' && *p != '\r' && *p != '\n') { return false; }
  *value = p < text.end && *p == ' ' ? p + 1 : p;
  return true;
}

/* The end of the file or a line that begins something else. */
static bool ends_at(const char *p, const char *end) {
  struct moon_span name;
  const char *value;
  return p == end || *p == '#' || moon_snmpwalk_begins((struct moon_span){p, end}, &name, &value);
}

/* Closed by a quote at the end of a line. Inside, net-snmp escapes quotes and backslashes; where an older one did not,
 * quotes in the middle of a line are still read right. */
static const char *parse_quoted(struct moon_span s, struct moon_item *out, const char **behind) {
  size_t n = 0;
  const char *p = s.p;
  for (;; p++) {
    if (p == s.end || (*p == '\n' && ends_at(p + 1, s.end))) { break; } /* never closed */
    if (*p == '"' && (s.end - p == 1 || p[1] == '\n' || (p[1] == '\r' && (s.end - p == 2 || p[2] == '\n')))) {
      p = line_end((struct moon_span){p, s.end});
      break;
    }
    if (*p == '\\' && s.end - p > 1 && (p[1] == '"' || p[1] == '\\')) { p++; }
    if (n == sizeof out->value) { return "a value that is too long"; }
    out->value[n++] = (uint8_t)*p;
  }
  out->value_len = n;
  *behind = p;
  return NULL;
}

static const char *parse_plain(struct moon_span s, struct moon_item *out, const char **behind) {
  const char *end = line_end(s);
  while (end < s.end && !ends_at(end + 1, s.end)) { end = line_end((struct moon_span){end + 1, s.end}); }
  *behind = end;
  while (end > s.p && (end[-1] == '\n' || end[-1] == '\r')) { end--; }
  return moon_notation_octets((struct moon_span){s.p, end}, out);
}

/* Lines of octets; with -OT text in brackets stands behind them. A line that is none belongs to nothing. */
static const char *parse_hex_lines(struct moon_span s, struct moon_item *out, const char **behind) {
  const char *end = line_end(s), *bracket, *why;
  out->value_len = 0;
  for (bool first = true;; first = false) {
    bracket = s.p < end ? memchr(s.p, '[', (size_t)(end - s.p)) : NULL;
    why = moon_notation_more_hex((struct moon_span){s.p, bracket ? bracket : end}, out);
    if (why) { return first ? why : NULL; }
    *behind = end;
    if (ends_at(end < s.end ? end + 1 : end, s.end)) { return NULL; }
    s.p = end + 1;
    end = line_end(s);
  }
}

/* A word off the front of *s; empty at the end. */
static struct moon_span next_word(struct moon_span *s) {
  struct moon_span w;
  *s = moon_span_trim(*s);
  w.p = s->p;
  while (s->p < s->end && *s->p != ' ' && *s->p != '\n' && *s->p != '\r' && *s->p != '\t') { s->p++; }
  w.end = s->p;
  return w;
}

/* Is the word the number of this bit: 10, or red(10)? */
static bool is_bit(struct moon_span w, size_t bit) {
  const char *open = memchr(w.p, '(', moon_span_len(w));
  size_t v = 0;
  if (open && w.end[-1] == ')') { w = (struct moon_span){open + 1, w.end - 1}; }
  if (w.p == w.end || moon_span_len(w) > 7) { return false; }
  for (; w.p < w.end; w.p++) {
    if (*w.p < '0' || *w.p > '9') { return false; }
    v = v * 10 + (size_t)(*w.p - '0');
  }
  return v == bit;
}

/* Do the words name exactly the bits that are set in these octets? */
static bool names_bits(struct moon_span words, const uint8_t *p, size_t n) {
  for (size_t bit = 0; bit < 8 * n; bit++) {
    struct moon_span w;
    if (!(p[bit / 8] & 0x80 >> bit % 8)) { continue; }
    w = next_word(&words);
    if (moon_span_len(w) == 0 || !is_bit(w, bit)) { return false; }
  }
  return moon_span_len(next_word(&words)) == 0;
}

/* BITS: 00 20 10: octets, then the bits that are set in them, which may look like octets. Of the ways to part the two the
 * one that agrees with itself is meant. */
static const char *parse_bits(struct moon_span s, struct moon_item *out, const char **behind) {
  struct moon_span words, w;
  const char *end = line_end(s);
  while (!ends_at(end < s.end ? end + 1 : end, s.end)) { end = line_end((struct moon_span){end + 1, s.end}); }
  *behind = end;
  words = (struct moon_span){s.p, end};
  out->value_len = 0;
  while (!(out->value_len && names_bits(words, out->value, out->value_len))) {
    struct moon_span before = words;
    w = next_word(&words);
    if (moon_span_len(w) != 2 || moon_notation_more_hex(w, out)) {
      return out->value_len || moon_span_len(w) == 0 ? NULL : "not hex, or half an octet";
    }
    if (out->value_len > 512) { /* longer than any set of bits */
      out->value_len = 0;
      return moon_notation_more_hex((struct moon_span){s.p, before.p}, out);
    }
  }
  return NULL;
}

/* 5 | up(1) | 5 percent: the number alone. */
static const char *parse_number(struct moon_span s, uint8_t type, struct moon_item *out) {
  struct moon_span w = next_word(&s);
  const char *open = moon_span_len(w) ? memchr(w.p, '(', moon_span_len(w)) : NULL;
  if (open && w.end[-1] == ')') { w = (struct moon_span){open + 1, w.end - 1}; }
  out->type = type;
  return moon_notation_number(w, out);
}

static const struct { const char *word; uint8_t type; } numbers[] = {
  {"INTEGER:", MOON_INTEGER},     {"Integer32:", MOON_INTEGER},     {"Counter32:", MOON_COUNTER32}, {"Counter64:", MOON_COUNTER64},
  {"Gauge32:", MOON_GAUGE32},     {"Unsigned32:", MOON_GAUGE32},    {"Timeticks:", MOON_TIME_TICKS},
  {"UInteger32:", MOON_UINTEGER32},
};

static const char *parse_line(struct moon_span s, struct moon_item *out) {
  out->value_len = 0;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (moon_span_take(&s, numbers[i].word)) { return parse_number(s, numbers[i].type, out); }
  }
  if (moon_span_take(&s, "OID:")) {
    out->type = MOON_OBJECT_ID;
    return moon_notation_oid(s, out);
  }
  if (moon_span_take(&s, "IpAddress:")) {
    out->type = MOON_IP_ADDRESS;
    return moon_notation_address(s, out);
  }
  if (moon_span_take(&s, "Network Address:")) {
    const char *why = moon_notation_hex(s, out);
    out->type = MOON_IP_ADDRESS;
    return why ? why : out->value_len == 4 ? NULL : "not an IPv4 address";
  }
  if (moon_span_take(&s, "NULL")) {
    out->type = MOON_NULL;
    return moon_span_len(moon_span_trim(s)) ? "no type" : NULL;
  }
  if (moon_span_take(&s, "No Such Object")) {
    out->type = MOON_NO_SUCH_OBJECT;
    return NULL;
  }
  if (moon_span_take(&s, "No Such Instance")) {
    out->type = MOON_NO_SUCH_INSTANCE;
    return NULL;
  }
  if (moon_span_take(&s, "No more variables left")) { return NULL; }
  s = moon_span_trim(s);
  if (moon_span_len(s) == 2 && memcmp(s.p, "\"\"", 2) == 0) {
    out->type = MOON_OCTET_STRING;
    return NULL;
  }
  if (s.p < s.end && *s.p >= '0' && *s.p <= '9') { /* -Ot: a number without a type is TimeTicks */
    const char *why = parse_number(s, MOON_TIME_TICKS, out);
    return why ? "no type" : NULL;
  }
  return "no type";
}

const char *moon_snmpwalk_parse(struct moon_span text, struct moon_item *out, const char **behind) {
  struct moon_span name, s;
  const char *value, *why;
  *behind = line_end(text);
  out->type = 0;
  if (!moon_snmpwalk_begins(text, &name, &value)) { return "no part of a recording"; }
  if ((why = moon_notation_name(name, out)) != NULL) { return why; }
  s = (struct moon_span){value, text.end};
  if (moon_span_take(&s, "Wrong Type (should be")) { /* the agent's own type follows */
    const char *colon = memchr(s.p, ':', (size_t)(*behind - s.p));
    if (!colon) { return "no type"; }
    s.p = colon + 1;
    moon_span_take(&s, " ");
  }
  out->type = MOON_OCTET_STRING;
  if (moon_span_take(&s, "STRING:")) {
    moon_span_take(&s, " ");
    return moon_span_take(&s, "\"") ? parse_quoted(s, out, behind) : parse_plain(s, out, behind);
  }
  if (moon_span_take(&s, "Hex-STRING:") || moon_span_take(&s, "Hex:")) { return parse_hex_lines(s, out, behind); }
  if (moon_span_take(&s, "BITS:")) { return parse_bits(s, out, behind); }
  if (moon_span_take(&s, "Opaque:") || moon_span_take(&s, "OPAQUE:")) {
    out->type = MOON_OPAQUE;
    s = moon_span_trim((struct moon_span){s.p, *behind});
    return s.p < s.end && (*s.p == 'F' || *s.p == 'D' || *s.p == 'I' || *s.p == 'U')
             ? moon_notation_opaque(s, out) : parse_hex_lines((struct moon_span){s.p, text.end}, out, behind);
  }
  out->type = 0;
  return parse_line((struct moon_span){s.p, *behind}, out);
}
