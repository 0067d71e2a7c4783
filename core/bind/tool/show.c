#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"
#include "named.h"
#include "given.h"

#define REAL_MAX 127 /* longer numbers are cut there, as net-snmp cuts them */

void moon_show_fini(struct moon_show_text *t) {
  moon_mem_free(t->p);
  *t = (struct moon_show_text){0};
}

/* Room for n more octets; NULL: no memory. */
static char *room(struct moon_show_text *t, size_t n) {
  if (t->failed) { return NULL; }
  if (t->cap - t->n < n) {
    size_t cap = (t->n + n) * 2 < 512 ? 512 : (t->n + n) * 2;
    char *p = moon_mem_resize(t->p, cap, 1);
    if (!p) {
      t->failed = true;
      return NULL;
    }
    t->p = p;
    t->cap = cap;
  }
  return t->p + t->n;
}

static void put(struct moon_show_text *t, const char *p, size_t n) {
  char *to = room(t, n);
  if (to) {
    memcpy(to, p, n);
    t->n += n;
  }
}

#define PUT(t, literal) put(t, literal, sizeof(literal) - 1)

static void put_u64(struct moon_show_text *t, uint64_t v) {
  char digits[20], *p = digits + sizeof digits;
  do {
    *--p = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  put(t, p, (size_t)(digits + sizeof digits - p));
}

static void put_i64(struct moon_show_text *t, int64_t v) {
  if (v < 0) { PUT(t, "-"); }
  put_u64(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static void put_two(struct moon_show_text *t, unsigned v) {
  char two[2] = {(char)('0' + v / 10 % 10), (char)('0' + v % 10)};
  put(t, two, 2);
}

/* isprint and isspace of the C locale. */
static bool is_print(uint8_t c) { return c >= 0x20 && c < 0x7f; }
static bool is_text(uint8_t c) { return is_print(c) || (c >= '\t' && c <= '\r'); }

void moon_show_oid(const struct moon_show *s, const uint8_t *oid, size_t n, struct moon_show_text *out) {
  static const char *const top[] = {"ccitt", "iso", "joint-iso-ccitt"};
  char text[MOON_OID_TEXT_MAX];
  bool alone = moon_given_is_top(oid, n);
  if (s->names && !alone && n && s->oid != MOON_SHOW_OID_NUMERIC) {
    moon_named_oid(s, oid, n, out);
    return;
  }
  size_t len = alone ? 1 : moon_oid_format(oid, n, text, sizeof text);
  if (alone) { text[0] = (char)('0' + oid[1]); }
  if (len == 0 || s->oid == MOON_SHOW_OID_NONE) { return; }
  if (s->oid == MOON_SHOW_OID_FULL || s->oid == MOON_SHOW_OID_NUMERIC || s->oid == MOON_SHOW_OID_UCD) { PUT(out, "."); }
  if (s->oid == MOON_SHOW_OID_NUMERIC) {
    put(out, text, len);
    return;
  }
  const char *name = text[0] <= '2' ? top[text[0] - '0'] : "3"; /* behind joint-iso-ccitt, where a walk ends */
  put(out, name, strlen(name));
  put(out, text + 1, len - 1);
}

static void put_hex_line(const struct moon_show *s, const uint8_t *p, size_t n, struct moon_show_text *out) {
  static const char digit[] = "0123456789ABCDEF";
  char *to = room(out, n * 4 + 5);
  if (!to) { return; }
  for (size_t i = 0; i < n; i++) {
    *to++ = digit[p[i] >> 4];
    *to++ = digit[p[i] & 15];
    *to++ = ' ';
  }
  if (s->hex_text) {
    *to++ = ' ';
    *to++ = ' ';
    *to++ = '[';
    for (size_t i = 0; i < n; i++) { *to++ = is_text(p[i]) ? (char)p[i] : '.'; }
    *to++ = ']';
  }
  out->n = (size_t)(to - out->p);
}

void moon_show_hex(const struct moon_show *s, const uint8_t *p, size_t n, struct moon_show_text *out) {
  size_t line = s->hex_line > 0 ? (size_t)s->hex_line : n;
  for (; n > line; n -= line, p += line) {
    put_hex_line(s, p, line, out);
    PUT(out, "\n");
  }
  put_hex_line(s, p, n, out);
}

static void put_text(const uint8_t *p, size_t n, struct moon_show_text *out) {
  char *to = room(out, n * 2);
  if (!to) { return; }
  for (size_t i = 0; i < n; i++) {
    if (p[i] == '\\' || p[i] == '"') { *to++ = '\\'; }
    *to++ = is_text(p[i]) ? (char)p[i] : '.';
  }
  out->n = (size_t)(to - out->p);
}

static void put_string(const struct moon_show *s, const uint8_t *p, size_t n, struct moon_show_text *out) {
  bool hex = s->string == MOON_SHOW_STRING_HEX;
  if (n == 0) {
    PUT(out, "\"\"");
    return;
  }
  for (size_t i = 0; i < n && s->string != MOON_SHOW_STRING_ASCII && !hex; i++) { hex = !is_text(p[i]); }
  if (hex && !s->quick) {
    PUT(out, "Hex-STRING: ");
    moon_show_hex(s, p, n, out);
    return;
  }
  if (!s->quick) { PUT(out, "STRING: "); }
  PUT(out, "\"");
  if (hex) {
    moon_show_hex(s, p, n, out);
  } else {
    put_text(p, n, out);
  }
  PUT(out, "\"");
}

static void put_ticks(const struct moon_show *s, uint64_t v, struct moon_show_text *out) {
  if (s->ticks) {
    put_u64(out, v);
    return;
  }
  if (!s->quick) {
    PUT(out, "Timeticks: (");
    put_u64(out, v);
    PUT(out, ") ");
  }
  uint64_t seconds = v / 100, days = seconds / 86400, hours = seconds / 3600 % 24;
  if (s->quick) {
    put_u64(out, days);
    PUT(out, ":");
  } else if (days) {
    put_u64(out, days);
    if (days == 1) {
      PUT(out, " day, ");
    } else {
      PUT(out, " days, ");
    }
  }
  put_u64(out, hours);
  PUT(out, ":");
  put_two(out, (unsigned)(seconds / 60 % 60));
  PUT(out, ":");
  put_two(out, (unsigned)(seconds % 60));
  PUT(out, ".");
  put_two(out, (unsigned)(v % 100));
}

bool moon_show_precision(struct moon_show *s, const char *text) {
  size_t n = strlen(text);
  if (n >= sizeof s->precision || strspn(text, "0123456789.+-# '") != n) { return false; }
  memcpy(s->precision, text, n + 1);
  return true;
}

static void put_real(const struct moon_show *s, double v, struct moon_show_text *out) {
  char format[sizeof s->precision + 3], text[REAL_MAX + 1];
  snprintf(format, sizeof format, "%%%sf", s->precision);
  int n = snprintf(text, sizeof text, format, v);
  put(out, text, n < 0 ? 0 : n > REAL_MAX ? REAL_MAX : (size_t)n);
}

static void put_opaque(const struct moon_show *s, const struct moon_varbind *vb, struct moon_show_text *out) {
  uint8_t kind = 0;
  union moon_opaque v = {0};
  if (moon_varbind_opaque(vb, &kind, &v)) {
    if (!s->quick) { PUT(out, "OPAQUE: "); }
    moon_show_hex(s, vb->value, vb->value_len, out);
    return;
  }
  static const char *const names[] = {"Counter64: ", NULL, "Float: ", "Float: ", "Int64: ", "UInt64: "};
  if (!s->quick) {
    PUT(out, "Opaque: ");
    put(out, names[kind - 0x76], strlen(names[kind - 0x76]));
  }
  switch (kind) {
    case 0x78:
    case 0x79: put_real(s, v.real, out); break;
    case 0x7a: put_i64(out, v.sint); break;
    default: put_u64(out, v.uint); break;
  }
}

/* Content without a leading zero is read as the octets that are there, not as a negative number. */
static uint64_t get_unsigned(const struct moon_varbind *vb) {
  uint64_t v = 0;
  for (uint32_t i = 0; i < vb->value_len; i++) { v = v << 8 | vb->value[i]; }
  return vb->type == MOON_COUNTER64 ? v : (uint32_t)v;
}

static void put_unsigned(const struct moon_show *s, const struct moon_varbind *vb, const char *type, struct moon_show_text *out) {
  uint64_t v = get_unsigned(vb);
  if (!s->quick) { put(out, type, strlen(type)); }
  put_u64(out, v);
}

void moon_show_value(const struct moon_show *s, const struct moon_varbind *vb, struct moon_show_text *out) {
  if (!s->names || !moon_named_value(s, vb, out)) { moon_show_plain(s, vb, out); }
}

void moon_show_plain(const struct moon_show *s, const struct moon_varbind *vb, struct moon_show_text *out) {
  int64_t sint = 0;
  switch (vb->type) {
    case MOON_NO_SUCH_OBJECT: PUT(out, "No Such Object available on this agent at this OID"); break;
    case MOON_NO_SUCH_INSTANCE: PUT(out, "No Such Instance currently exists at this OID"); break;
    case MOON_END_OF_MIB_VIEW:
      PUT(out, "No more variables left in this MIB View (It is past the end of the MIB tree)");
      break;
    case MOON_INTEGER:
      if (!s->quick) { PUT(out, "INTEGER: "); }
      moon_varbind_i64(vb, &sint);
      put_i64(out, sint);
      break;
    case MOON_OCTET_STRING: put_string(s, vb->value, vb->value_len, out); break;
    case MOON_OBJECT_ID:
      if (!s->quick) { PUT(out, "OID: "); }
      moon_show_oid(s, vb->value, vb->value_len, out);
      break;
    case MOON_TIME_TICKS:
      put_ticks(s, get_unsigned(vb), out);
      break;
    case MOON_GAUGE32: put_unsigned(s, vb, "Gauge32: ", out); break;
    case MOON_COUNTER32: put_unsigned(s, vb, "Counter32: ", out); break;
    case MOON_COUNTER64: put_unsigned(s, vb, "Counter64: ", out); break;
    case MOON_UINTEGER32: put_unsigned(s, vb, "", out); break;
    case MOON_IP_ADDRESS:
      if (!s->quick) { PUT(out, "IpAddress: "); }
      for (uint32_t i = 0; i < vb->value_len; i++) {
        if (i) { PUT(out, "."); }
        put_u64(out, vb->value[i]);
      }
      break;
    case MOON_OPAQUE: put_opaque(s, vb, out); break;
    case MOON_NULL: PUT(out, "NULL"); break;
    default: PUT(out, "Variable has bad type"); break;
  }
}

void moon_show_varbind(const struct moon_show *s, const struct moon_varbind *vb, struct moon_show_text *out) {
  if (!s->bare) {
    moon_show_oid(s, vb->oid, vb->oid_len, out);
    if (s->quick && !s->equals) {
      PUT(out, " ");
    } else {
      PUT(out, " = ");
    }
  }
  moon_show_value(s, vb, out);
}

void moon_show_dump(const uint8_t *p, size_t n, struct moon_show_text *out) {
  for (size_t at = 0; at < n; at += 16) {
    char line[96];
    int len = snprintf(line, sizeof line, "%.4zu: ", at);
    for (size_t i = 0; i < 16; i++) {
      len += at + i < n ? snprintf(line + len, sizeof line - (size_t)len, "%02X ", p[at + i])
                        : snprintf(line + len, sizeof line - (size_t)len, "   ");
      if (i % 4 == 3) { line[len++] = ' '; }
    }
    line[len++] = ' ';
    line[len++] = ' ';
    len = 60; /* from 10,000 on the address is wider, the text stays in its column: it begins over the last blank */
    for (size_t i = 0; i < 16 && at + i < n; i++) { line[len++] = is_print(p[at + i]) ? (char)p[at + i] : '.'; }
    line[len++] = '\n';
    put(out, line, (size_t)len);
  }
  PUT(out, "\n");
}
