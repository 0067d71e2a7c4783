#include "snmprec.h"

#include "dump.h"

struct tag { uint8_t type; bool hex, escaped; };

/* Decimal tag and letters. 40 to 47 are no types: whoever wrote them meant hex (40 is IpAddress); 41 and the like come
 * from the same hands. Letters are found repeated (4xx). */
static const char *parse_tag(struct moon_span s, struct tag *out) {
  unsigned v = 0;
  *out = (struct tag){0, false, false};
  s = moon_span_trim(s);
  if (s.p == s.end || *s.p < '0' || *s.p > '9') { return "no tag"; }
  for (; s.p < s.end && *s.p >= '0' && *s.p <= '9' && v < 256; s.p++) { v = v * 10 + (unsigned)(*s.p - '0'); }
  for (; s.p < s.end; s.p++) {
    switch (*s.p) {
    case 'x': out->hex = true; break;
    case 'e': out->escaped = true; break;
    case ':': return "a variation module of another simulator";
    default: return "an unknown letter behind the tag";
    }
  }
  if (v >= 40 && v <= 47) { v += 0x40 - 40; }
  switch (v) {
  case MOON_INTEGER: case MOON_OCTET_STRING: case MOON_NULL: case MOON_OBJECT_ID: case MOON_IP_ADDRESS: case MOON_COUNTER32:
  case MOON_GAUGE32: case MOON_TIME_TICKS: case MOON_OPAQUE: case MOON_NSAP: case MOON_COUNTER64: case MOON_UINTEGER32:
  case MOON_NO_SUCH_OBJECT: case MOON_NO_SUCH_INSTANCE: case MOON_END_OF_MIB_VIEW:
    out->type = (uint8_t)v;
    return NULL;
  default:
    return "a tag that is no type";
  }
}

/* Octets that were given in hex or with escapes have to be content the type can have. */
static const char *check(struct moon_item *out) {
  const struct moon_varbind vb = {.value = out->value, .value_len = (uint32_t)out->value_len, .type = out->type};
  return moon_varbind_check(&vb) ? "octets that are no value of this type" : NULL;
}

static const char *parse_value(struct moon_span s, const struct tag *tag, struct moon_item *out) {
  const char *why;
  out->type = tag->type;
  out->value_len = 0;
  switch (tag->type) {
  case MOON_NULL: case MOON_NO_SUCH_OBJECT: case MOON_NO_SUCH_INSTANCE: case MOON_END_OF_MIB_VIEW:
    return NULL;
  case MOON_IP_ADDRESS:
    if (!moon_notation_address(s, out)) { return NULL; } /* whatever the letters say */
    if (tag->hex || tag->escaped) { break; }
    return moon_span_len(s) == 4 ? moon_notation_octets(s, out) : "not an IPv4 address"; /* four octets as they are: found too */
  default:
    break;
  }
  if (tag->hex || tag->escaped) {
    why = tag->hex ? moon_notation_hex(s, out) : moon_notation_escaped(s, out);
    return why ? why : check(out);
  }
  switch (tag->type) {
  case MOON_OCTET_STRING: case MOON_NSAP:
    return moon_notation_octets(s, out);
  case MOON_OPAQUE:
    return moon_notation_opaque(s, out);
  case MOON_OBJECT_ID:
    return moon_notation_oid(s, out);
  default:
    return moon_notation_number(s, out);
  }
}

const char *moon_snmprec_parse(struct moon_span line, struct moon_item *out) {
  const char *first = memchr(line.p, '|', moon_span_len(line)), *second, *why;
  struct tag tag;
  if (!first) { return "no OID|TAG|VALUE"; }
  second = memchr(first + 1, '|', (size_t)(line.end - first - 1));
  if (!second) { return "no OID|TAG|VALUE"; }
  if ((why = moon_notation_name(moon_span_trim((struct moon_span){line.p, first}), out)) != NULL) { return why; }
  if ((why = parse_tag((struct moon_span){first + 1, second}, &tag)) != NULL) { return why; }
  return parse_value((struct moon_span){second + 1, line.end}, &tag, out);
}

/* Text out. */
struct sink { char *p; size_t cap, len; };

static void put(struct sink *s, const char *p, size_t n) {
  if (s->cap - s->len > n) {
    memcpy(s->p + s->len, p, n);
    s->len += n;
  } else {
    s->cap = s->len; /* full from here on */
  }
}

static void put_number(struct sink *s, uint64_t v, bool negative) {
  char tmp[21];
  size_t i = sizeof tmp;
  if (negative) { v = 0 - v; }
  do {
    tmp[--i] = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  if (negative) { tmp[--i] = '-'; }
  put(s, tmp + i, sizeof tmp - i);
}

static void put_hex(struct sink *s, const uint8_t *p, size_t n) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    char two[2] = {digits[p[i] >> 4], digits[p[i] & 15]};
    put(s, two, 2);
  }
}

/* Would the text read back as these octets, by any reader of such lines? Blanks at the ends and bars are at risk. */
static bool is_text(const uint8_t *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '|' || p[i] == '\\') { return false; }
  }
  return n == 0 || (p[0] != ' ' && p[n - 1] != ' ');
}

static void put_octets(struct sink *s, const struct moon_varbind *vb) {
  put_number(s, vb->type, false);
  put(s, "x|", 2);
  put_hex(s, vb->value, vb->value_len);
}

static bool put_value(struct sink *s, const struct moon_varbind *vb) {
  char text[MOON_OID_TEXT_MAX];
  int64_t i;
  uint64_t u;
  size_t n;
  if (moon_varbind_check(vb)) { return false; }
  if (vb->type == MOON_OPAQUE || vb->type == MOON_NSAP || (vb->type == MOON_OCTET_STRING && !is_text(vb->value, vb->value_len))) {
    put_octets(s, vb);
    return true;
  }
  if (vb->type == MOON_INTEGER && (moon_varbind_i64(vb, &i) || i < INT32_MIN || i > INT32_MAX)) {
    put_octets(s, vb);
    return true;
  }
  put_number(s, vb->type, false);
  put(s, "|", 1);
  switch (vb->type) {
  case MOON_INTEGER:
    put_number(s, (uint64_t)i, i < 0);
    break;
  case MOON_OCTET_STRING:
    put(s, (const char *)vb->value, vb->value_len);
    break;
  case MOON_OBJECT_ID:
    n = moon_oid_format(vb->value, vb->value_len, text, sizeof text);
    put(s, text, n);
    return n > 0;
  case MOON_IP_ADDRESS:
    for (i = 0; i < 4; i++) {
      if (i) { put(s, ".", 1); }
      put_number(s, vb->value[i], false);
    }
    break;
  default:
    if (moon_varbind_u64(vb, &u) == MOON_OK) { put_number(s, u, false); }
    break; /* the others have no content */
  }
  return true;
}

size_t moon_dump_line(const struct moon_varbind *vb, char *out, size_t cap) {
  struct sink s = {out, cap, 0};
  s.len = moon_oid_format(vb->oid, vb->oid_len, out, cap);
  if (s.len == 0) { return 0; }
  put(&s, "|", 1);
  if (!put_value(&s, vb)) { return 0; }
  put(&s, "\n", 1);
  if (s.cap <= s.len) { return 0; }
  out[s.len] = '\0';
  return s.len;
}
