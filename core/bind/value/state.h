/* state: what bind/value keeps in a lua_State; private to this folder. */
#ifndef MOON_BIND_VALUE_STATE_H
#define MOON_BIND_VALUE_STATE_H

#include "shape.h"

#define MOON_SHAPE_BUCKETS (MOON_SHAPES_MAX * 2)
#define MOON_SHAPES_RECENT 64

struct moon_values {
  uint64_t *u64;            /* the octets of a cdata uint64_t[1]: written here, read as a fresh uint64_t by indexing */
  int u64_ref;              /* that cdata, in the registry */
  int classify_ref;         /* function(cdata) -> 1 uint64_t, 2 int64_t, 0 other */
  int fault_ref;            /* metatable of faults */
  uint32_t n_shapes;        /* in the cache */
  struct moon_list lru;     /* cached shapes, latest first */
  struct moon_list held;    /* not cached any more, still borrowed */
  struct moon_list dead;    /* neither: their anchor goes at the next check, where there is a lua_State to do it with */
  uint64_t *scratch;        /* ident of the argument at hand */
  size_t scratch_cap;
  bool interpreted;         /* nothing made here is for the JIT compiler: scripts nobody trusts are in the state */
  struct moon_shape *recent[MOON_SHAPES_RECENT]; /* by the address of the table they were last found for: a guess */
  struct moon_shape *bucket[MOON_SHAPE_BUCKETS];
};

void moon_shapes_fini(struct moon_values *v);
/* Makes the metatable of faults and leaves its reference in v->fault_ref. [-0, +0, m] */
void moon_fault_open(lua_State *L, struct moon_values *v);
/* Adds the decoders to the table on top. [-0, +0, m] */
void moon_decode_open(lua_State *L);

#endif
