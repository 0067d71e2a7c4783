/* column: what a walk has of one column: how far it is, and the values that wait for their row.
 *
 * The varbinds of a reply are copied once, into a chunk; values, indexes and cursors point into it and it lives while one
 * of them does. What was given out stays readable until moon_store_sweep(), so a row can be lent without a copy. */
#ifndef MOON_SESSION_COLUMN_H
#define MOON_SESSION_COLUMN_H

#include "../base/list.h"
#include "../wire/oid.h"
#include "../wire/pdu.h"

struct moon_chunk {
  struct moon_list link;  /* in the store's live, dead or idle list */
  uint64_t received_us;
  uint32_t refs;          /* items, cursors and heads that point here */
  uint32_t cap;
  uint8_t octets[];       /* readable for 8 octets past its content: see moon_index_key */
};

struct moon_store {
  struct moon_list live, dead, idle;
  size_t octets; /* of the live chunks, their unused room not counted */
};

void moon_store_init(struct moon_store *s);
void moon_store_fini(struct moon_store *s);
/* A copy with one reference, the caller's. NULL: no memory. */
struct moon_chunk *moon_store_copy(struct moon_store *s, const uint8_t *p, size_t n, uint64_t received_us);
void moon_store_retire(struct moon_store *s, struct moon_chunk *c);
/* Chunks without references may be used again: nothing is lent any more. */
void moon_store_sweep(struct moon_store *s);
static inline void moon_store_drop(struct moon_store *s, struct moon_chunk *c, uint32_t n) {
  c->refs -= n;
  if (c->refs == 0) {
    moon_store_retire(s, c);
  }
}

struct moon_index {
  const uint8_t *octets; /* arcs behind the column's root; the whole name begins root_len before */
  uint64_t key;          /* the first eight, big-endian, zero-filled */
  uint16_t len;          /* 0: none yet, before all others */
};

/* The first eight octets from p, big-endian. */
static inline uint64_t moon_index_octets(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

static inline uint64_t moon_index_key(const uint8_t *p, size_t n) {
  if (n == 0) {
    return 0;
  }
  uint64_t v = moon_index_octets(p);
  return n < 8 ? v & ~(UINT64_MAX >> 8 * n) : v;
}

/* Order by arcs. Where all arcs of both keys are single octets the keys decide. */
static inline int moon_index_compare(const struct moon_index *a, const struct moon_index *b) {
  if (a->key == b->key && a->len == b->len && a->len <= 8) {
    return 0;
  }
  if (((a->key | b->key) & 0x8080808080808080u) == 0) {
    if (a->key != b->key) {
      return a->key < b->key ? -1 : 1;
    }
    if (a->len <= 8 && b->len <= 8) {
      return (int)a->len - (int)b->len;
    }
  }
  return moon_oid_compare(a->octets, a->len, b->octets, b->len);
}

/* Four of them are a line of the cache. All is in the chunk, index and value by the place in its octets; the value's type
 * stands right behind the index. */
struct moon_item {
  struct moon_chunk *chunk;
  uint16_t index_at;
  uint16_t index_len : 15;
  uint16_t is_bad : 1;       /* ill-typed */
  uint16_t value_at;
  uint16_t value_len;
};
_Static_assert(sizeof(struct moon_item) == 16 || sizeof(void *) != 8, "a quarter of a line");

static inline const uint8_t *moon_item_octets(const struct moon_item *i) { return i->chunk->octets + i->index_at; }
static inline struct moon_index moon_item_index(const struct moon_item *i) {
  const uint8_t *p = moon_item_octets(i);
  return (struct moon_index){p, moon_index_key(p, i->index_len), i->index_len};
}

#define MOON_COLUMN_BITS 2      /* at least so many bits of places every column has from the start: columns move in step */
#define MOON_COLUMN_ITEMS 32768 /* more are never held: READ_AHEAD octets and one reply */

/* One line of the cache: of many wide tables at once few are in it. */
struct moon_column {
  const uint8_t *root;
  struct moon_item *queue;   /* ring, of whose places each is `stride` behind the one before */
  struct moon_chunk *chunk;  /* of the cursor, held */
  struct moon_index last;    /* of the latest item: the cursor */
  uint32_t seen : 31;        /* items ever put */
  uint32_t own : 1;          /* the ring grew and is the column's; else the caller's */
  uint16_t head;             /* oldest item, taken modulo the ring's size */
  uint16_t count;
  uint16_t root_len;
  uint16_t eighths;          /* of octets a varbind takes, lately: a reply is filled with many */
  uint16_t fresh;            /* of the reply being read: items put */
  uint8_t stride;            /* rows lie together: the caller's rings are interlaced */
  uint8_t bits : 4;          /* the ring has 1 << bits places */
  bool over : 1;             /* nothing follows */
  bool broken : 1;           /* what follows cannot be had */
  bool begun : 1;            /* eighths is what was seen, not guessed */
  bool fresh_over : 1;       /* its end was claimed */
};
_Static_assert(sizeof(struct moon_column) == 64 || sizeof(void *) != 8, "a line");

/* queue: 1 << bits places, each stride items behind the one before, borrowed. bits: MOON_COLUMN_BITS or more. */
void moon_column_init(struct moon_column *c, const uint8_t *root, uint16_t root_len, struct moon_item *queue, uint8_t stride, uint8_t bits);
void moon_column_fini(struct moon_column *c);
/* false: no memory, or too many; nothing changed. */
bool moon_column_grow(struct moon_column *c);

static inline struct moon_item *moon_column_at(const struct moon_column *c, uint32_t i) {
  return &c->queue[(size_t)(i & ((1u << c->bits) - 1)) * c->stride];
}
static inline uint32_t moon_column_mask(const struct moon_column *c) { return (1u << c->bits) - 1; }
/* Room for one more item? false: no memory, or too many. */
static inline bool moon_column_room(struct moon_column *c) { return c->count <= moon_column_mask(c) || moon_column_grow(c); }
/* Where the next item goes, if there is room; it counts once count is raised. */
static inline struct moon_item *moon_column_slot(const struct moon_column *c) {
  return moon_column_at(c, (uint32_t)c->head + c->count);
}
static inline const struct moon_item *moon_column_first(const struct moon_column *c) { return moon_column_at(c, c->head); }
/* The nth newest, 0 is the newest; n < count. */
static inline const struct moon_item *moon_column_newest(const struct moon_column *c, uint32_t n) {
  return moon_column_at(c, (uint32_t)c->head + c->count - 1 - n);
}
/* The name that asks for what follows `cursor`; moon_column_name_len() octets. */
static inline const uint8_t *moon_column_name(const struct moon_column *c, const struct moon_index *cursor) {
  return cursor->len ? cursor->octets - c->root_len : c->root;
}
static inline uint16_t moon_column_name_len(const struct moon_column *c, const struct moon_index *cursor) {
  return (uint16_t)(c->root_len + cursor->len);
}

/* The reply is good: its items, whose varbinds had so many octets, stay and hold it, as does the cursor. Inline: a walk
 * does it for every column of every reply. */
static inline void moon_column_commit(struct moon_column *c, struct moon_store *s, struct moon_chunk *reply, uint32_t octets) {
  uint32_t n = c->fresh;
  if (n) {
    uint32_t mean = n == 1 ? 8 * octets : n == 2 ? 4 * octets : 8 * octets / n;
    mean = c->begun ? (mean + c->eighths + 1) / 2 : mean;
    c->eighths = mean < UINT16_MAX ? (uint16_t)mean : UINT16_MAX;
    c->begun = true;
    c->seen = (c->seen + n) & INT32_MAX;
    reply->refs += n + 1;
    if (c->chunk) {
      moon_store_drop(s, c->chunk, 1);
    }
    c->chunk = reply;
    c->fresh = 0;
  }
  c->over = c->over || c->fresh_over;
  c->fresh_over = false;
}
/* The reply is not to be trusted: as before, when this was the cursor. */
void moon_column_rollback(struct moon_column *c, const struct moon_index *before);

#endif
