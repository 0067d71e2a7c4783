/* draft: names while they are collected, and the block of file.h made of them. Records are those of the file; what a record
 * says of texts is what moon_draft_text gave, of types and modules what moon_draft_type and moon_draft_module gave.
 *
 * The first error sticks: everything after it does nothing and gives MOON_MIB_NONE, and moon_draft_pack tells it.
 *
 *   struct moon_draft *d = moon_draft_new();
 *   ...
 *   e = moon_draft_pack(d, &octets, &n);
 *   moon_draft_free(d); */
#ifndef MOON_NAMES_DRAFT_H
#define MOON_NAMES_DRAFT_H

#include "file.h"

struct moon_draft_list { void *p; uint32_t n, cap; };

struct moon_draft {
  struct moon_draft_list modules, nodes, types, items, ranges, elements; /* records as in the file, in the order they came */
  struct moon_draft_list texts;                                          /* octets as in the file */
  uint32_t *slots;                                                       /* offsets of texts by hash; 0 is free */
  uint32_t n_slots, n_texts;
  enum moon_err err;
};

/* NULL: no memory. */
MOON_API struct moon_draft *moon_draft_new(void);
MOON_API void moon_draft_free(struct moon_draft *d); /* NULL is fine */
/* Copies; the same text gives the same number. MOON_E_LIMIT over 65535 octets. "" is 0, so zeroed records are complete. */
MOON_API uint32_t moon_draft_text(struct moon_draft *d, const void *p, size_t n);
MOON_API struct moon_text_view moon_draft_view(const struct moon_draft *d, uint32_t text);
/* The number of the module with this name, made when there is none. */
MOON_API uint32_t moon_draft_module(struct moon_draft *d, const char *name, size_t n);
MOON_API uint32_t moon_draft_item(struct moon_draft *d, int32_t value, const char *name, size_t n);
MOON_API uint32_t moon_draft_range(struct moon_draft *d, int64_t low, int64_t high);
/* Of an INDEX clause; type NONE: that of the object with this name, looked for by moon_draft_settle. */
MOON_API uint32_t moon_draft_element(struct moon_draft *d, const char *name, size_t n, uint32_t type);
MOON_API uint32_t moon_draft_type(struct moon_draft *d, const struct moon_mib_type_record *r);
/* parent is not looked at: it follows from the OIDs. */
MOON_API uint32_t moon_draft_node(struct moon_draft *d, const struct moon_mib_node_record *r);
/* The node with this name, in this module if there is one, else the first of any. */
MOON_API uint32_t moon_draft_find(const struct moon_draft *d, uint32_t module, uint32_t name);
/* Gives elements without a type that of their object and rows that augment others their index. What is not found stays without. */
MOON_API void moon_draft_settle(struct moon_draft *d);
/* Everything as one block, to be freed with moon_mem_free. MOON_E_NOMEM, MOON_E_LIMIT (too much of something). */
MOON_API enum moon_err moon_draft_pack(struct moon_draft *d, uint8_t **out, size_t *n);

#endif
