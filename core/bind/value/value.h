/* value: what was on the wire as Lua values, and the state all of bind/value keeps in a lua_State. Needs no engine.
 *
 *   INTEGER, Counter32, Gauge32, UInteger32, Opaque float, double and 64-bit   number
 *   Counter64                                         number (rounds above 2^53); with MOON_VALUE_EXACT uint64_t cdata, always
 *   TimeTicks                                         number, seconds with hundredths
 *   OCTET STRING, other Opaque, NSAP                  string, raw octets
 *   IpAddress, OBJECT IDENTIFIER                      string, dotted text
 *   NULL, the three exceptions, nothing there         nil
 *
 * Functions that push need room for MOON_VALUE_STACK slots; only moon_value_open asks for its own. A lua_State is meant to
 * have its libraries (luaL_openlibs) before. */
#ifndef MOON_BIND_VALUE_VALUE_H
#define MOON_BIND_VALUE_VALUE_H

#include <lua.h>

#include "../../session/fetch.h"

#define MOON_VALUE_STACK 8
#define MOON_VALUE_EXACT 1u /* flag: every Counter64 as uint64_t cdata */

/* Modules of the Lua library compiled in; ends with name NULL. Made by the build. */
struct moon_embedded { const char *name; const unsigned char *code; unsigned long len; };
extern const struct moon_embedded moon_embedded[]; /* in programs; core.so has none */

struct moon_values; /* opaque; one per lua_State, owned by it */

/* Makes package.loaded["moonpoll.core"] with every C function of this floor, and package.preload entries for `modules`
 * (NULL: they are found as files). Borrows modules for the life of the state. A second call only returns what the first
 * made. What runs Lua on top (bind/task) adds its functions to that table before "moonpoll" is required; lua/moonpoll/init.lua
 * takes them from there. Embedded modules are loaded with the JIT off. [-0, +0, m e] */
struct moon_values *moon_value_open(lua_State *L, const struct moon_embedded *modules);
/* What moon_value_open made; NULL before. [-0, +0, -] */
struct moon_values *moon_value_of(lua_State *L);
/* package.loaded["moonpoll.core"]. [-0, +1, -] */
void moon_value_push_library(lua_State *L);

/* One value. Always pushes exactly one; nil with an error. cell->err is returned as it is; ill-typed content gives
 * MOON_E_LENGTH, MOON_E_RANGE, MOON_E_TAG. [-0, +1, m] */
enum moon_err moon_value_push(lua_State *L, const struct moon_cell *c, unsigned flags);
/* Is it a number of up to four octets, which most values are? Pushing that takes no memory. */
bool moon_value_is_small(const struct moon_cell *c, lua_Number *out);
/* Content octets of an OID as dotted text; nil when they are none. [-0, +1, m] */
void moon_value_push_oid(lua_State *L, const uint8_t *oid, size_t n);
/* uint64_t cdata. [-0, +1, m] */
void moon_value_push_u64(lua_State *L, uint64_t v);
/* { oid = text, type = name, value = ... }: what get_raw shows. Errors as moon_value_push; the table is pushed anyway. [-0, +1, m] */
enum moon_err moon_value_push_raw(lua_State *L, const uint8_t *oid, size_t oid_len, const struct moon_cell *c, unsigned flags);

/* "integer" "string" "null" "oid" "ip" "counter32" "gauge32" "timeticks" "opaque" "nsap" "counter64" "uinteger32"
 * "noSuchObject" "noSuchInstance" "endOfMibView"; NULL for other tags. */
const char *moon_value_type_name(uint8_t type);
/* The way back ("unsigned" is gauge32 too); 0: no such name. */
uint8_t moon_value_type(const char *name, size_t n);

/* A number out of Lua: a Lua number, or uint64_t / int64_t cdata without loss. */
enum moon_value_kind { MOON_VALUE_NONE, MOON_VALUE_REAL, MOON_VALUE_UNSIGNED, MOON_VALUE_SIGNED };
union moon_value_number { double real; uint64_t uint; int64_t sint; };
/* MOON_VALUE_NONE: no number of any kind (strings are none). [-0, +0, m] */
enum moon_value_kind moon_value_number(lua_State *L, int idx, union moon_value_number *out);

#endif
