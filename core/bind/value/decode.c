#include "decode.h"

#include <arpa/inet.h>
#include <lauxlib.h>
#include <stdio.h>

#include "fault.h"
#include "index.h"
#include "mib.h"
#include "number.h"
#include "state.h"

#define OCTETS_MAX 65535 /* RFC 2578 7.1.2 */
#define DECODE_BUFFER 1024 /* longer results go to a userdata */

int moon_decode_fail(lua_State *L, const char *detail) {
  struct moon_fault f = {.err = MOON_E_DECODE, .detail = detail};
  lua_pushnil(L);
  moon_fault_push(L, &f);
  return 2;
}

void moon_decode_check_octets(lua_State *L, int arg, size_t n) {
  luaL_argcheck(L, n <= OCTETS_MAX, arg, "more than 65535 octets: no OCTET STRING has so many");
}

/* The octets of argument 1; false for nil: the answer is nil too. */
static bool octets(lua_State *L, const uint8_t **p, size_t *n) {
  if (lua_isnoneornil(L, 1)) {
    lua_pushnil(L);
    return false;
  }
  if (lua_type(L, 1) != LUA_TSTRING) { luaL_typerror(L, 1, "string"); }
  *p = (const uint8_t *)lua_tolstring(L, 1, n);
  moon_decode_check_octets(L, 1, *n);
  return true;
}

/* Room for n octets: the buffer at hand, or memory of the collector left on the stack. */
static char *room(lua_State *L, char *small, size_t n) { return n <= DECODE_BUFFER ? small : lua_newuserdata(L, n); }

static size_t put_hex(char *out, const uint8_t *p, size_t n, const char *sep, size_t sep_len) {
  static const char digits[] = "0123456789abcdef";
  char *t = out;
  for (size_t i = 0; i < n; i++) {
    if (i && sep_len) {
      memcpy(t, sep, sep_len);
      t += sep_len;
    }
    *t++ = digits[p[i] >> 4];
    *t++ = digits[p[i] & 15];
  }
  return (size_t)(t - out);
}

size_t moon_inet_format(const uint8_t *p, size_t n, char *out, size_t cap) {
  uint32_t zone;
  bool v6 = n == 16 || n == 20;
  if (n != 4 && n != 8 && !v6) { return 0; }
  if (!inet_ntop(v6 ? AF_INET6 : AF_INET, p, out, (socklen_t)cap)) { return 0; }
  size_t len = strlen(out);
  if (n == 8 || n == 20) { /* RFC 4001: zone index behind the address */
    p += n - 4;
    zone = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    len += (size_t)snprintf(out + len, cap - len, "%%%u", zone);
  }
  return len;
}

int moon_decode_ip(lua_State *L) {
  const uint8_t *p;
  size_t n;
  char text[MOON_INET_TEXT_MAX];
  if (!octets(L, &p, &n)) { return 1; }
  size_t len = moon_inet_format(p, n, text, sizeof text);
  if (!len) { return moon_decode_fail(L, lua_pushfstring(L, "no address has %d octets", (int)n)); }
  lua_pushlstring(L, text, len);
  return 1;
}

void moon_decode_push_mac(lua_State *L, const uint8_t *p, size_t n) {
  char small[DECODE_BUFFER], *out = room(L, small, 3 * n);
  lua_pushlstring(L, out, put_hex(out, p, n, ":", 1));
  if (out != small) { lua_replace(L, -2); }
}

int moon_decode_mac(lua_State *L) {
  const uint8_t *p;
  size_t n;
  if (!octets(L, &p, &n)) { return 1; }
  if (n == 0) {
    lua_pushnil(L); /* what loopback and tunnel interfaces have */
  } else {
    moon_decode_push_mac(L, p, n);
  }
  return 1;
}

int moon_decode_hex(lua_State *L) {
  const uint8_t *p;
  size_t n, sep_len;
  char small[DECODE_BUFFER];
  const char *sep = luaL_optlstring(L, 2, "", &sep_len);
  luaL_argcheck(L, sep_len <= 16, 2, "separator longer than 16 octets");
  if (!octets(L, &p, &n)) { return 1; }
  char *out = room(L, small, n * (2 + sep_len));
  lua_pushlstring(L, out, put_hex(out, p, n, sep, sep_len));
  return 1;
}

/* Octets of the well-formed UTF-8 sequence at p, 0: none (RFC 3629 4). */
static size_t utf8_len(const uint8_t *p, size_t n) {
  static const struct { uint8_t from, to, len, second_from, second_to; } forms[] = {
      {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f},
      {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f}};
  if (p[0] < 0x80) { return 1; }
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (p[0] < forms[i].from || p[0] > forms[i].to) { continue; }
    if (n < forms[i].len || p[1] < forms[i].second_from || p[1] > forms[i].second_to) { return 0; }
    for (size_t k = 2; k < forms[i].len; k++) {
      if (p[k] < 0x80 || p[k] > 0xbf) { return 0; }
    }
    return forms[i].len;
  }
  return 0;
}

static bool is_printable(const uint8_t *p, size_t n) {
  size_t len;
  for (size_t i = 0; i < n; i += len) {
    len = utf8_len(p + i, n - i);
    if (!len || (p[i] < 0x20 && p[i] != '\t' && p[i] != '\n' && p[i] != '\r') || p[i] == 0x7f) { return false; }
    if (len == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0) { return false; } /* C1 controls */
  }
  return true;
}

int moon_decode_text(lua_State *L) {
  const uint8_t *p;
  size_t n, len;
  char small[DECODE_BUFFER];
  if (!octets(L, &p, &n)) { return 1; }
  for (len = n; len && p[len - 1] == 0;) { len--; } /* agents in C that count the NUL */
  if (is_printable(p, len) && (len || !n)) {
    lua_pushlstring(L, (const char *)p, len);
    return 1;
  }
  char *out = room(L, small, 2 * n + 2);
  out[0] = '0';
  out[1] = 'x';
  lua_pushlstring(L, out, 2 + put_hex(out + 2, p, n, "", 0));
  return 1;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
static int64_t days(int64_t year, int month, int day) {
  int64_t y = month <= 2 ? year - 1 : year;
  int64_t era = (y >= 0 ? y : y - 399) / 400, year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int month_days(int year, int month) {
  static const uint8_t n[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return n[month - 1] + (month == 2 && leap);
}

/* DateAndTime, RFC 2579: year(2) month day hour minutes seconds deci-seconds [direction hours minutes] */
int moon_decode_date(lua_State *L) {
  const uint8_t *p;
  size_t n;
  char text[48];
  if (!octets(L, &p, &n)) { return 1; }
  if (n != 8 && n != 11) { return moon_decode_fail(L, lua_pushfstring(L, "DateAndTime of %d octets, 8 or 11 expected", (int)n)); }
  int year = p[0] << 8 | p[1], offset = 0;
  bool good = p[2] >= 1 && p[2] <= 12 && p[3] >= 1 && p[3] <= month_days(year, p[2]) && p[4] <= 23 && p[5] <= 59 && p[6] <= 60 && p[7] <= 9;
  if (n == 11) {
    good = good && (p[8] == '+' || p[8] == '-') && p[9] <= 14 && p[10] <= 59;
    offset = (p[9] * 60 + p[10]) * (p[8] == '-' ? -60 : 60);
  }
  if (!good) {
    char hex[2 * 11 + 1] = {0};
    put_hex(hex, p, n, "", 0);
    return moon_decode_fail(L, lua_pushfstring(L, "DateAndTime out of range: %s", hex));
  }
  int64_t t = days(year, p[2], p[3]) * 86400 + p[4] * 3600 + p[5] * 60 + p[6] - offset;
  int len = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%d", year, p[2], p[3], p[4], p[5], p[6], p[7]);
  if (n == 11) { snprintf(text + len, sizeof text - (size_t)len, "%c%02d:%02d", p[8], p[9], p[10]); }
  lua_pushnumber(L, (lua_Number)t + p[7] / 10.0);
  lua_pushstring(L, text);
  return 2;
}

/* BITS, RFC 2578 7.1.4: bit 0 is the highest of the first octet. */
int moon_decode_bits(lua_State *L) {
  const uint8_t *p;
  size_t n;
  bool named = !lua_isnoneornil(L, 2);
  if (named) { luaL_checktype(L, 2, LUA_TTABLE); }
  if (!octets(L, &p, &n)) { return 1; }
  lua_newtable(L);
  for (size_t i = 0; i < 8 * n; i++) {
    if (!(p[i / 8] & 0x80 >> i % 8)) { continue; }
    lua_pushnumber(L, (lua_Number)i);
    if (named) {
      lua_rawgeti(L, 2, (int)i);
      if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
      } else {
        lua_replace(L, -2);
      }
    }
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
  }
  return 1;
}

void moon_decode_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"ip", moon_decode_ip},     {"mac", moon_decode_mac},    {"hex", moon_decode_hex},
                                       {"text", moon_decode_text}, {"date", moon_decode_date},  {"bits", moon_decode_bits},
                                       {"fmt", moon_number_fmt},   {"rate", moon_number_rate},  {"index", moon_index_decoder},
                                       {"mib", moon_mib_module},   {"oid", moon_mib_oid},       {"name", moon_mib_name},
                                       {"show", moon_mib_show},
                                       {NULL, NULL}};
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
}
