/* block: names while they are collected, and the block of file.h made of them. Records are those of the file; what a record
 * says of texts is what moon_block_text gave, of types and modules what moon_block_type and moon_block_module gave.
 *
 * The first error sticks: everything after it does nothing and gives MOON_MIB_NONE, and moon_block_pack tells it.
 *
 *   struct moon_block *d = moon_block_new();
 *   ...
 *   e = moon_block_pack(d, &octets, &n);
 *   moon_block_free(d); */
#ifndef MOON_NAMES_BLOCK_H
#define MOON_NAMES_BLOCK_H

#include "file.h"

struct moon_block_list { void *p; uint32_t n, cap; };

struct moon_block {
  struct moon_block_list modules, nodes, types, items, ranges, elements; /* records as in the file, in the order they came */
  struct moon_block_list texts;                                          /* octets as in the file */
  uint32_t *slots;                                                       /* offsets of texts by hash; 0 is free */
  uint32_t n_slots, n_texts;
  enum moon_err err;
};

/* NULL: no memory. */
MOON_API struct moon_block *moon_block_new(void);
MOON_API void moon_block_free(struct moon_block *d); /* NULL is fine */
/* Copies; the same text gives the same number. MOON_E_LIMIT over 65535 octets. "" is 0, so zeroed records are complete. */
MOON_API uint32_t moon_block_text(struct moon_block *d, const void *p, size_t n);
MOON_API struct moon_text_view moon_block_view(const struct moon_block *d, uint32_t text);
/* The number of the module with this name, made when there is none. */
MOON_API uint32_t moon_block_module(struct moon_block *d, const char *name, size_t n);
MOON_API uint32_t moon_block_item(struct moon_block *d, int32_t value, const char *name, size_t n);
MOON_API uint32_t moon_block_range(struct moon_block *d, int64_t low, int64_t high);
/* Of an INDEX clause; type NONE: that of the object with this name, looked for by moon_block_settle. */
MOON_API uint32_t moon_block_element(struct moon_block *d, const char *name, size_t n, uint32_t type);
MOON_API uint32_t moon_block_type(struct moon_block *d, const struct moon_mib_type_record *r);
/* parent is not looked at: it follows from the OIDs. */
MOON_API uint32_t moon_block_node(struct moon_block *d, const struct moon_mib_node_record *r);
/* Everything of a module of another block; types it takes from other modules come along. `types` holds, for each type of that block,
 * where it went: NONE at first, kept from call to call. */
MOON_API void moon_block_copy(struct moon_block *d, const struct moon_mib *m, uint32_t module, uint32_t *types);
/* The node with this name, in this module if there is one, else the first of any. */
MOON_API uint32_t moon_block_find(const struct moon_block *d, uint32_t module, uint32_t name);
/* Gives elements without a type that of their object and rows that augment others their index. What is not found stays without. */
MOON_API void moon_block_settle(struct moon_block *d);
/* Everything as one block, to be freed with moon_mem_free. MOON_E_NOMEM, MOON_E_LIMIT (too much of something). */
MOON_API enum moon_err moon_block_pack(struct moon_block *d, uint8_t **out, size_t *n);

#endif
