/* set: all names at hand: those compiled in, and blocks added to them. What is looked for is looked for in all of them.
 *
 *   struct moon_names names;
 *   moon_names_init(&names);
 *   moon_names_add(&names, p, n);                          a mapped file; borrowed
 *   struct moon_ref ref;
 *   if (moon_names_find(&names, oid, oid_len, &ref)) { ... ref.node.name, the rest of oid is the instance ... } */
#ifndef MOON_NAMES_SET_H
#define MOON_NAMES_SET_H

#include "file.h"

#define MOON_NAMES_BLOCKS_MAX 8

struct moon_names { struct moon_mib block[MOON_NAMES_BLOCKS_MAX]; uint32_t n; };

struct moon_ref { /* a node found; borrows the block */
  const struct moon_mib *mib;
  struct moon_mib_node node;
};

/* The names compiled in; made by the build from core/names/facts. */
extern const uint8_t moon_names_builtin[];
extern const uint32_t moon_names_builtin_len;

MOON_API void moon_names_init(struct moon_names *s);
/* Later ones win where module and name are the same. As moon_mib_open, and MOON_E_LIMIT. */
MOON_API enum moon_err moon_names_add(struct moon_names *s, const void *p, size_t n);
/* The node nearest above an OID, or it itself. */
MOON_API bool moon_names_find(const struct moon_names *s, const uint8_t *oid, size_t n, struct moon_ref *out);
/* By name; module_n = 0: of any module. */
MOON_API bool moon_names_named(const struct moon_names *s, const char *module, size_t module_n, const char *name, size_t n, struct moon_ref *out);
/* The blocks that have this module, as bits. 0: none. */
MOON_API uint32_t moon_names_module(const struct moon_names *s, const char *module, size_t n);
/* The node above; those with the same OID are passed. */
MOON_API bool moon_ref_above(const struct moon_ref *ref, struct moon_ref *out);
/* The row a column belongs to, or the row itself, or that of a table. */
MOON_API bool moon_ref_row(const struct moon_ref *ref, struct moon_ref *out);

#endif
