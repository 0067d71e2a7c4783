/* shape: what a script asked for, "1.3.6.1.2.1.1.3.0" or { key = oid, ... } or { oid, oid, ... }, parsed and encoded once. An OID is
 * dotted text, a name ("IF-MIB::ifName") or an object of a MIB (mib.h).
 *
 * Shapes are found again by the identity of the strings, not by their text: the sequence of (key, OID) of the table is
 * compared with the ones known; objects alike. So a table built anew in every run costs the same as one kept, and a changed one is a new shape.
 *
 * Names are in the order they go on the wire: integer keys first, by number, then the others by OID.
 *
 *   struct moon_shape *s = moon_shape_check(L, values, 2);      borrowed until the next check
 *   moon_shape_hold(s);                                         ... across a wait
 *   ...  request.varbinds = s->varbinds ...  moon_row_push_pdu(L, s, &outcome.pdu, flags, &blame)
 *   moon_shape_release(s); */
#ifndef MOON_BIND_VALUE_SHAPE_H
#define MOON_BIND_VALUE_SHAPE_H

#include "../../base/list.h"
#include "value.h"

#define MOON_SHAPE_NAMES_MAX 2048 /* as many as a PDU holds: MOON_VARBINDS_MAX */
#define MOON_SHAPES_MAX 1024      /* kept per lua_State; those a script computes anew each time push each other out */

struct moon_shape {
  const struct moon_name *names; /* n, in wire order */
  const uint8_t *varbinds;       /* encoded content of the VarBindList, values NULL */
  uint32_t varbinds_len;
  uint16_t n;
  uint16_t n_array;              /* leading names whose keys are 1, 2, ... */
  bool single;                   /* one OID text: the value itself is the result, not a row */
  /* private */
  struct moon_values *owner;     /* NULL once the state is closed */
  struct moon_list lru;
  struct moon_shape *chain;
  uint64_t hash;
  const uint64_t *ident;         /* what was seen in the table, in its order */
  uint32_t n_ident;
  uint32_t refs;
  int anchor;                    /* in the owner's table of anchors: keys in wire order, then the OID strings */
  int row_ref, same_ref;         /* maker.h; LUA_NOREF: has none */
  uint16_t uses;                 /* until it gets one */
  bool cached;
};

/* The shape of the argument `arg`. Anything else than OIDs is the caller's fault: raises at the caller's level, naming
 * argument, key and text. Borrowed until the next check, hold it to keep it. [-0, +0, m e] */
struct moon_shape *moon_shape_check(lua_State *L, struct moon_values *v, int arg);
/* The same for a field of an options table: idx is where the value is, `what` (or NULL) names it ("with") in errors about arg. */
struct moon_shape *moon_shape_check_field(lua_State *L, struct moon_values *v, int idx, int arg, const char *what);
void moon_shape_hold(struct moon_shape *s);
/* NULL is fine; also fine after lua_close. Runs no Lua. */
void moon_shape_release(struct moon_shape *s);
/* Key of name i (1 for a single). [-0, +1, -] */
void moon_shape_push_key(lua_State *L, const struct moon_shape *s, size_t i);
/* Which name has the key at idx; -1: none. [-0, +0, -] */
int moon_shape_find(lua_State *L, const struct moon_shape *s, int idx);
/* Pushes the table of keys, for moon_row_push_keyed over many rows. [-0, +1, -] */
void moon_shape_push_keys(lua_State *L, const struct moon_shape *s);

#endif
