#include "pages.h"

#include <string.h>

#define REGION_PAGES 32u
#define REGION_OCTETS (sizeof(struct moon_region) + (REGION_PAGES + 1) * (size_t)MOON_PAGE_OCTETS) /* with what aligning takes */
#define FIRST 64u /* offset of the first block: with a line of the cache */
#define KEEP REGION_PAGES /* pages in no use */

_Static_assert(sizeof(struct moon_page) <= FIRST, "blocks follow it");

struct moon_region {
  struct moon_list node;
  char *first;      /* page */
  uint32_t fresh;   /* pages that were ever in use, from the first on */
  uint32_t used;
};

void moon_pages_init(struct moon_pages *s, moon_pages_stock *stock, void *arg) {
  *s = (struct moon_pages){.stock = stock, .arg = arg};
  moon_list_init(&s->regions);
}

void moon_pages_fini(struct moon_pages *s) {
  for (struct moon_list *n; (n = moon_list_take(&s->regions));) {
    s->stock(s->arg, MOON_LIST_ENTRY(n, struct moon_region, node), REGION_OCTETS, 0);
  }
  s->free = NULL;
  s->n_free = s->n_used = 0;
}

static inline void link(struct moon_page **head, struct moon_page *p) {
  p->prev = NULL;
  p->next = *head;
  if (p->next) { p->next->prev = p; }
  *head = p;
}

static inline void unlink(struct moon_page **head, struct moon_page *p) {
  *(p->prev ? &p->prev->next : head) = p->next;
  if (p->next) { p->next->prev = p->prev; }
}

static struct moon_region *add_region(struct moon_pages *s) {
  struct moon_region *r = s->stock(s->arg, NULL, 0, REGION_OCTETS);
  if (!r) { return NULL; }
  uintptr_t first = ((uintptr_t)(r + 1) + MOON_PAGE_OCTETS - 1) & ~(uintptr_t)(MOON_PAGE_OCTETS - 1);
  *r = (struct moon_region){.first = (char *)r + (first - (uintptr_t)r)};
  moon_list_prepend(&s->regions, &r->node);
  s->n_free += REGION_PAGES;
  return r;
}

/* Pages that were in use before are in memory already. */
static struct moon_page *find_page(struct moon_pages *s) {
  struct moon_page *p = s->free;
  if (p) {
    unlink(&s->free, p);
    return p;
  }
  struct moon_region *r = s->n_free ? MOON_LIST_ENTRY(s->regions.next, struct moon_region, node) : add_region(s); /* only the latest may have any */
  if (!r) { return NULL; }
  p = (struct moon_page *)(void *)(r->first + (size_t)r->fresh++ * MOON_PAGE_OCTETS);
  p->region = r;
  return p;
}

static struct moon_page *open_page(struct moon_pages *s, struct moon_pages_owner *o, size_t class) {
  struct moon_page *p = find_page(s);
  if (!p) { return NULL; }
  s->n_free--;
  s->n_used++;
  p->region->used++;
  p->owner = o;
  p->free = NULL;
  p->fresh = FIRST;
  p->size = (uint16_t)(class * 8);
  p->used = 0;
  p->cap = (uint16_t)((MOON_PAGE_OCTETS - FIRST) / p->size);
  link(&o->room[class], p);
  return p;
}

/* Nothing is left on it. */
static void close_page(struct moon_pages *s, struct moon_page *p) {
  struct moon_region *r = p->region;
  unlink(&p->owner->room[p->size / 8], p);
  link(&s->free, p);
  s->n_free++;
  s->n_used--;
  if (--r->used || s->n_free < KEEP + REGION_PAGES) { return; }
  for (uint32_t i = 0; i < r->fresh; i++) { unlink(&s->free, (struct moon_page *)(void *)(r->first + (size_t)i * MOON_PAGE_OCTETS)); }
  s->n_free -= REGION_PAGES;
  moon_list_remove(&r->node);
  s->stock(s->arg, r, REGION_OCTETS, 0);
}

void *moon_pages_take(struct moon_pages *s, struct moon_pages_owner *o, size_t n) {
  size_t class = (n + 7) / 8;
  struct moon_page *p = o->room[class];
  if (!p && !(p = open_page(s, o, class))) { return NULL; }
  void *b = p->free;
  if (b) {
    memcpy(&p->free, b, sizeof p->free);
  } else {
    b = (char *)p + p->fresh;
    p->fresh = (uint16_t)(p->fresh + p->size);
  }
  if (++p->used == p->cap) { unlink(&o->room[class], p); }
  return b;
}

void moon_pages_put(struct moon_pages *s, void *block) {
  struct moon_page *p = moon_pages_of(block);
  memcpy(block, &p->free, sizeof p->free);
  p->free = block;
  if (p->used-- == p->cap) { link(&p->owner->room[p->size / 8], p); }
  if (!p->used) { close_page(s, p); }
}
