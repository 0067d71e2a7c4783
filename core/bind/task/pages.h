/* pages: small blocks by owner and size. A page has blocks of one size of one owner and says at its beginning whose they are, so
 * a block needs nothing of its own in front of it: with 10,000 runs that wait, 70,000 blocks, that is 1 MiB less than a word in front
 * of each block of a general allocator, and a third of its instructions.
 *
 *   void *b = moon_pages_take(&pages, &owner, n);       n <= MOON_PAGE_BLOCK_MAX
 *   moon_pages_owner(b)                                  == &owner
 *   moon_pages_put(&pages, b);
 *
 * Pages come in regions of half a MiB from an allocator that the host of this has, and go back to it by regions. What is in no
 * use is kept for the next who asks, whatever size it wants, up to a region. Memory that no block reached is never touched. */
#ifndef MOON_BIND_TASK_PAGES_H
#define MOON_BIND_TASK_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "../../base/list.h"

#define MOON_PAGE_OCTETS 16384u
#define MOON_PAGE_BLOCK_MAX 512u /* octets; past that what a general allocator adds is nothing */

struct moon_pages_owner;

/* At the beginning of each page. */
struct moon_page {
  struct moon_page *next, *prev; /* of the owner's with room for this size, or of those in no use */
  struct moon_pages_owner *owner;
  struct moon_region *region;
  void *free;                  /* block given back last; each begins with the next; NULL: none */
  uint16_t fresh;              /* offset of what no block reached yet */
  uint16_t size;               /* of its blocks */
  uint16_t used, cap;          /* blocks */
};

/* Zero-initialised. Nothing is left to be freed when all its blocks are. */
struct moon_pages_owner { struct moon_page *room[MOON_PAGE_BLOCK_MAX / 8 + 1]; };

/* As lua_Alloc: n 0 frees. */
typedef void *moon_pages_stock(void *arg, void *p, size_t old_n, size_t n);

struct moon_pages {
  moon_pages_stock *stock;
  void *arg;
  struct moon_list regions;
  struct moon_page *free;      /* in no use */
  uint32_t n_free;             /* those, and what no page of a region reached */
  uint32_t n_used;
};

void moon_pages_init(struct moon_pages *s, moon_pages_stock *stock, void *arg);
/* Frees all there is, blocks in use among it. */
void moon_pages_fini(struct moon_pages *s);
/* n octets, 1 to MOON_PAGE_BLOCK_MAX, aligned to 8. NULL: no memory. */
void *moon_pages_take(struct moon_pages *s, struct moon_pages_owner *o, size_t n);
void moon_pages_put(struct moon_pages *s, void *block);

static inline struct moon_page *moon_pages_of(const void *block) {
  return (struct moon_page *)((uintptr_t)block & ~(uintptr_t)(MOON_PAGE_OCTETS - 1));
}
static inline struct moon_pages_owner *moon_pages_owner(const void *block) { return moon_pages_of(block)->owner; }
/* Octets that are there, at least as many as were asked for. */
static inline size_t moon_pages_size(const void *block) { return moon_pages_of(block)->size; }

#endif
