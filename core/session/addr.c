#include "addr.h"

#define HOST_MAX 253 /* RFC 1035 2.3.4, without the length octets */

/* Keyed as one would key SipHash; one round a word and three at the end are enough for 24 octets (SipHash-1-3). */
static inline uint64_t rotl(uint64_t v, unsigned n) { return v << n | v >> (64 - n); }

static inline void sip_round(uint64_t v[4]) {
  v[0] += v[1];
  v[1] = rotl(v[1], 13) ^ v[0];
  v[0] = rotl(v[0], 32);
  v[2] += v[3];
  v[3] = rotl(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = rotl(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = rotl(v[1], 17) ^ v[2];
  v[2] = rotl(v[2], 32);
}

uint64_t moon_addr_hash(const struct moon_addr *a, uint64_t key) {
  _Static_assert(sizeof *a == 24, "three words");
  uint64_t m[3];
  uint64_t v[4] = {key ^ 0x736f6d6570736575u, key ^ 0x646f72616e646f6du, key ^ 0x6c7967656e657261u, key ^ 0x7465646279746573u};
  memcpy(m, a, sizeof m);
  for (unsigned i = 0; i < 3; i++) {
    v[3] ^= m[i];
    sip_round(v);
    v[0] ^= m[i];
  }
  v[2] ^= 0xff;
  for (unsigned i = 0; i < 3; i++) {
    sip_round(v);
  }
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Decimal without sign; false for none, for others than digits and above max. */
static bool parse_decimal(const char *s, size_t n, uint32_t max, uint32_t *out) {
  uint64_t v = 0;
  if (n == 0 || n > 10) {
    return false;
  }
  for (size_t i = 0; i < n; i++) {
    if (!is_digit(s[i])) {
      return false;
    }
    v = v * 10 + (uint64_t)(s[i] - '0');
  }
  if (v > max) {
    return false;
  }
  *out = (uint32_t)v;
  return true;
}

/* Four decimal octets. Leading zeroes are refused: some read them as octal. */
static bool parse_ipv4(const char *s, size_t n, uint8_t out[4]) {
  size_t i = 0;
  for (unsigned part = 0; part < 4; part++) {
    size_t at = i;
    uint32_t v = 0;
    while (i < n && is_digit(s[i])) {
      i++;
    }
    if (!parse_decimal(s + at, i - at, 255, &v) || (i - at > 1 && s[at] == '0')) {
      return false;
    }
    out[part] = (uint8_t)v;
    if (part < 3 && (i == n || s[i++] != '.')) {
      return false;
    }
  }
  return i == n;
}

static int hex_digit(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 4291 2.2 without zone. */
static bool parse_ipv6(const char *s, size_t n, uint8_t out[16]) {
  uint8_t part[16] = {0};
  size_t len = 0, gap = SIZE_MAX, i = 0;
  if (n >= 2 && s[0] == ':' && s[1] == ':') {
    gap = 0;
    i = 2;
  }
  while (i < n) {
    size_t at = i;
    uint32_t v = 0;
    if (len > 14) {
      return false;
    }
    for (; i < n && i - at < 5 && hex_digit(s[i]) >= 0; i++) {
      v = v << 4 | (uint32_t)hex_digit(s[i]);
    }
    if (i < n && s[i] == '.') {
      if (len > 12 || !parse_ipv4(s + at, n - at, part + len)) {
        return false;
      }
      len += 4;
      i = n;
      break;
    }
    if (i == at || i - at > 4) {
      return false;
    }
    part[len++] = (uint8_t)(v >> 8);
    part[len++] = (uint8_t)v;
    if (i == n) {
      break;
    }
    if (s[i++] != ':' || i == n) {
      return false;
    }
    if (s[i] == ':') {
      if (gap != SIZE_MAX) {
        return false;
      }
      gap = len;
      i++;
    }
  }
  if (gap == SIZE_MAX ? len != 16 : len > 14) {
    return false;
  }
  memset(out, 0, 16);
  if (gap == SIZE_MAX) {
    gap = len;
  }
  memcpy(out, part, gap);
  memcpy(out + 16 - (len - gap), part + gap, len - gap);
  return true;
}

/* With a numeric zone ("fe80::1%2"): names of interfaces need the system. */
static bool parse_ipv6_zone(const char *s, size_t n, struct moon_addr *out) {
  const char *zone = memchr(s, '%', n);
  size_t len = zone ? (size_t)(zone - s) : n;
  out->scope = 0;
  if (zone && (!parse_decimal(zone + 1, n - len - 1, UINT32_MAX, &out->scope) || out->scope == 0)) {
    return false;
  }
  out->family = 6;
  return parse_ipv6(s, len, out->ip);
}

/* RFC 1123 2.1 and the underscore people use. A last label of digits alone is a mistyped address. */
static bool is_host_name(const char *s, size_t n) {
  size_t label = 0;
  bool digits = true;
  if (n > 1 && s[n - 1] == '.') {
    n--;
  }
  if (n == 0 || n > HOST_MAX) {
    return false;
  }
  for (size_t i = 0; i < n; i++) {
    char c = s[i];
    if (c == '.') {
      if (label == 0) {
        return false;
      }
      label = 0;
      digits = true;
      continue;
    }
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !is_digit(c) && (c != '-' || label == 0)) {
      return false;
    }
    digits = digits && is_digit(c);
    if (++label > 63) {
      return false;
    }
  }
  return label > 0 && !digits;
}

static bool skip_prefix(const char **text, const char *prefix) {
  size_t n = strlen(prefix);
  if (strncmp(*text, prefix, n) != 0) {
    return false;
  }
  *text += n;
  return true;
}

/* What follows the prefix. want: the family it asks for; 0: any. */
static enum moon_err parse(const char *text, uint8_t want, uint8_t stream, uint16_t default_port, struct moon_addr *out, const char **host,
                           size_t *host_len) {
  struct moon_addr a = {.port = default_port, .stream = stream};
  const char *port = NULL;
  size_t n = strlen(text);
  const char *colon = strrchr(text, ':');
  bool name = false;
  if (text[0] == '[') {
    const char *close = strchr(text, ']');
    if (!close || (close[1] != '\0' && close[1] != ':') || !parse_ipv6_zone(text + 1, (size_t)(close - text - 1), &a)) {
      return MOON_E_SYNTAX;
    }
    port = close[1] ? close + 2 : NULL;
  } else if (colon && memchr(text, ':', (size_t)(colon - text))) {
    if (!parse_ipv6_zone(text, n, &a)) {
      return MOON_E_SYNTAX;
    }
  } else {
    if (colon) {
      n = (size_t)(colon - text);
      port = colon + 1;
    }
    if (parse_ipv4(text, n, a.ip)) {
      a.family = 4;
    } else if (is_host_name(text, n)) {
      memset(a.ip, 0, sizeof a.ip);
      name = true;
    } else {
      return MOON_E_SYNTAX;
    }
  }
  if (port) {
    uint32_t v = 0;
    if (!parse_decimal(port, strlen(port), UINT16_MAX, &v) || v == 0) {
      return MOON_E_SYNTAX;
    }
    a.port = (uint16_t)v;
  }
  if (name) {
    a.family = want;
    *host = text;
    *host_len = n;
    *out = a;
    return MOON_E_DNS;
  }
  if (want && want != a.family) {
    return MOON_E_SYNTAX;
  }
  *out = a;
  return MOON_OK;
}

enum moon_err moon_addr_parse(const char *text, uint16_t default_port, struct moon_addr *out, const char **host, size_t *host_len) {
  uint8_t want = 0;
  if (skip_prefix(&text, "udp6:") || skip_prefix(&text, "udpv6:") || skip_prefix(&text, "udpipv6:")) {
    want = 6;
  } else if (skip_prefix(&text, "udp:")) {
    want = 4;
  }
  return parse(text, want, 0, default_port, out, host, host_len);
}

enum moon_err moon_addr_parse_agent(const char *text, uint16_t default_port, struct moon_addr *out, const char **host, size_t *host_len) {
  if (skip_prefix(&text, "tcp6:") || skip_prefix(&text, "tcpv6:") || skip_prefix(&text, "tcpipv6:")) {
    return parse(text, 6, 1, default_port, out, host, host_len);
  }
  if (skip_prefix(&text, "tcp:")) { return parse(text, 4, 1, default_port, out, host, host_len); }
  return moon_addr_parse(text, default_port, out, host, host_len);
}

static size_t put_decimal(char *out, uint32_t v) {
  char tmp[10];
  size_t n = 0;
  do {
    tmp[n++] = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  for (size_t i = 0; i < n; i++) {
    out[i] = tmp[n - 1 - i];
  }
  return n;
}

static size_t put_ipv4(char *out, const uint8_t ip[4]) {
  size_t n = 0;
  for (unsigned i = 0; i < 4; i++) {
    if (i) {
      out[n++] = '.';
    }
    n += put_decimal(out + n, ip[i]);
  }
  return n;
}

/* RFC 5952 4: lower case, no leading zeroes, the longest run of two or more zero groups as "::". */
static size_t put_ipv6(char *out, const uint8_t ip[16]) {
  static const char digit[] = "0123456789abcdef";
  unsigned group[8], best = 8, best_len = 1;
  size_t n = 0;
  for (unsigned i = 0; i < 8; i++) {
    group[i] = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
  }
  for (unsigned i = 0; i < 8; i++) {
    unsigned len = 0;
    while (i + len < 8 && group[i + len] == 0) {
      len++;
    }
    if (len > best_len) {
      best = i;
      best_len = len;
    }
  }
  for (unsigned i = 0; i < 8; i++) {
    if (i == best) {
      out[n++] = ':';
      out[n++] = ':';
      i += best_len - 1;
      continue;
    }
    if (i && i != best + best_len) {
      out[n++] = ':';
    }
    for (int shift = 12; shift >= 0; shift -= 4) {
      if (group[i] >> shift || shift == 0) {
        out[n++] = digit[group[i] >> shift & 15];
      }
    }
  }
  return n;
}

size_t moon_addr_format(const struct moon_addr *a, char *out, size_t cap) {
  size_t n = 0;
  if (cap < MOON_ADDR_TEXT_MAX) {
    return 0;
  }
  if (a->stream) {
    memcpy(out, "tcp:", 4);
    n = 4;
  }
  if (a->family == 4) {
    n += put_ipv4(out + n, a->ip);
  } else if (a->family == 6) {
    out[n++] = '[';
    n += put_ipv6(out + n, a->ip);
    if (a->scope) {
      out[n++] = '%';
      n += put_decimal(out + n, a->scope);
    }
    out[n++] = ']';
  } else {
    out[n++] = '?';
  }
  out[n++] = ':';
  n += put_decimal(out + n, a->port);
  out[n] = '\0';
  return n;
}
