#include "rates.h"

#include <string.h>

#include "../../base/mem.h"

#define SLOTS_FIRST 8
#define CLOSE_US 1000000 /* passes of one run */
#define CLOSE_MAX 4
#define UPTIME_SLACK 500 /* hundredths: agents cache sysUpTime for some seconds */

/* Entries lie one behind the other in a block:
 *
 *   u64 received_us | u32 epoch | u16 index_len | u8 pass | u8 bits[n] | u64 value[n] | index octets
 *
 * unaligned; slots hold their offset + 1. bits: of the type that the value had; 0: there was none. */
#define AT_EPOCH 8
#define AT_INDEX_LEN 12
#define AT_PASS 14
#define AT_BITS 15

struct moon_rates {
  struct moon_rates *next;
  uint64_t key;
  struct moon_rates_share *share;
  uint8_t *block;
  uint32_t *slots;
  uint64_t pass_us;      /* of the last pass that knew uptime */
  uint64_t gap_us;
  uint64_t run_us, used_us; /* who asked for it last, and when */
  uint32_t len, cap;     /* of the block */
  uint32_t n_slots;      /* a power of two */
  uint32_t n_entries;
  uint32_t n_seen;       /* in this pass */
  uint32_t uptime;
  uint32_t n;
  uint8_t pass;
  bool uptime_known;
  uint16_t salt;         /* of the places of rows: agents choose their indexes */
};

static uint64_t get64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static uint32_t get32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static uint16_t get16(const uint8_t *p) {
  uint16_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static size_t entry_len(const struct moon_rates *r, size_t index_len) { return AT_BITS + 9u * r->n + index_len; }
static const uint8_t *index_of(const struct moon_rates *r, const uint8_t *e) { return e + AT_BITS + 9u * r->n; }

static uint32_t hash(const uint8_t *p, size_t n, uint16_t salt) {
  uint32_t h = 2166136261u ^ salt * 0x10001u;
  for (size_t i = 0; i < n; i++) { h = (h ^ p[i]) * 16777619u; }
  return h ^ h >> 15;
}

void moon_rates_pool_init(struct moon_rates_pool *p, uint64_t octets, uint32_t n_probes) {
  uint64_t part = n_probes ? octets / 4 / n_probes : 0;
  *p = (struct moon_rates_pool){.part = part, .common = octets - part * n_probes};
}

/* How much of the common octets a share of so many takes. */
static uint64_t beyond(const struct moon_rates_pool *p, uint64_t octets) { return octets > p->part ? octets - p->part : 0; }

static void set_taken(struct moon_rates_share *s, uint64_t octets) {
  s->pool->lent += beyond(s->pool, octets) - beyond(s->pool, s->octets);
  s->octets = octets;
}

static bool charge(struct moon_rates *r, size_t more, size_t less) {
  struct moon_rates_share *s = r->share;
  const struct moon_rates_pool *p = s->pool;
  uint64_t octets = s->octets + more - less, was = beyond(p, s->octets), is = beyond(p, octets);
  if (is > was && p->lent + (is - was) > p->common) {
    s->full = true;
    return false;
  }
  set_taken(s, octets);
  return true;
}

static void give_back(struct moon_rates *r, size_t octets) { set_taken(r->share, r->share->octets - octets); }

size_t moon_rates_octets(const struct moon_rates *r) { return sizeof *r + r->cap + r->n_slots * sizeof *r->slots; }

struct moon_rates *moon_rates_find(struct moon_rates **list, uint64_t key, uint32_t n, struct moon_rates_share *share) {
  for (struct moon_rates *r = *list; r; r = r->next) {
    if (r->key == key && r->n == n) { return r; }
  }
  struct moon_rates *r = moon_mem_zalloc(sizeof *r);
  if (!r) { return NULL; }
  r->key = key;
  r->salt = (uint16_t)(((uintptr_t)r >> 4) * 0x9e3779b97f4a7c15u >> 40); /* an address: nobody outside knows it */
  r->n = n;
  r->share = share;
  r->next = *list;
  set_taken(share, share->octets + sizeof *r);
  *list = r;
  return r;
}

struct moon_rates *moon_rates_find_pass(struct moon_rates **list, uint64_t key, uint32_t n, struct moon_rates_share *share, uint64_t run_us,
                                        uint64_t now_us) {
  struct moon_rates *r = moon_rates_find(list, key, n, share);
  for (int i = 1; i < CLOSE_MAX && r && r->run_us == run_us && now_us - r->used_us < CLOSE_US; i++) {
    r = moon_rates_find(list, key + (uint64_t)i, n, share);
  }
  if (r) {
    r->run_us = run_us;
    r->used_us = now_us;
  }
  return r;
}

static void clear(struct moon_rates *r) {
  give_back(r, r->cap + r->n_slots * sizeof *r->slots);
  moon_mem_free(r->block);
  moon_mem_free(r->slots);
  r->block = NULL;
  r->slots = NULL;
  r->len = r->cap = r->n_slots = r->n_entries = r->n_seen = 0;
}

void moon_rates_free_all(struct moon_rates **list) {
  while (*list) {
    struct moon_rates *r = *list;
    *list = r->next;
    clear(r);
    give_back(r, sizeof *r);
    moon_mem_free(r);
  }
}

/* Did the agent restart since the last pass? Less time went by for it than for us, and that was no wrap of sysUpTime. */
static bool restarted(const struct moon_rates *r, uint32_t uptime, uint64_t now_us) {
  uint64_t passed = (now_us - r->pass_us) / 10000;
  uint32_t went = uptime - r->uptime; /* modulo 2^32: 497 days */
  return (uint64_t)went + UPTIME_SLACK < passed - passed / 10 || (uint64_t)went > passed + passed / 10 + 10 * UPTIME_SLACK;
}

void moon_rates_begin(struct moon_rates *r, bool known, uint32_t uptime, uint64_t now_us, uint64_t gap_us) {
  if (known && r->uptime_known && r->n_entries && restarted(r, uptime, now_us)) { clear(r); }
  if (known) {
    r->uptime = uptime;
    r->pass_us = now_us;
  }
  r->uptime_known = r->uptime_known || known;
  r->gap_us = gap_us;
  r->pass++;
  r->n_seen = 0;
}

static uint32_t *slot(const struct moon_rates *r, const uint8_t *index, size_t n) {
  uint32_t k = hash(index, n, r->salt) & (r->n_slots - 1);
  for (;; k = (k + 1) & (r->n_slots - 1)) {
    if (!r->slots[k]) { return &r->slots[k]; }
    const uint8_t *e = r->block + r->slots[k] - 1;
    if (get16(e + AT_INDEX_LEN) == n && memcmp(index_of(r, e), index, n) == 0) { return &r->slots[k]; }
  }
}

static bool grow_slots(struct moon_rates *r) {
  uint32_t n = r->n_slots ? 2 * r->n_slots : SLOTS_FIRST;
  if (!charge(r, n * sizeof *r->slots, r->n_slots * sizeof *r->slots)) { return false; }
  uint32_t *slots = moon_mem_array(n, sizeof *slots);
  if (!slots) {
    give_back(r, (n - r->n_slots) * sizeof *r->slots);
    return false;
  }
  moon_mem_free(r->slots);
  r->slots = slots;
  r->n_slots = n;
  for (uint32_t at = 0; at < r->len;) {
    const uint8_t *e = r->block + at;
    uint16_t index_len = get16(e + AT_INDEX_LEN);
    *slot(r, index_of(r, e), index_len) = at + 1;
    at += (uint32_t)entry_len(r, index_len);
  }
  return true;
}

/* Room for one more; NULL: this row is not remembered. */
static uint8_t *append(struct moon_rates *r, const uint8_t *index, size_t index_len) {
  size_t len = entry_len(r, index_len);
  if (index_len > UINT16_MAX || r->len + len >= UINT32_MAX / 2) { return NULL; }
  if ((r->n_entries + 1) * 4 > r->n_slots * 3 && !grow_slots(r)) { return NULL; }
  if (r->cap - r->len < len) {
    size_t cap = r->cap + r->cap / 4 + 4 * len;
    if (!charge(r, cap, r->cap)) { return NULL; }
    uint8_t *p = moon_mem_resize(r->block, cap, 1);
    if (!p) {
      give_back(r, cap - r->cap);
      return NULL;
    }
    r->block = p;
    r->cap = (uint32_t)cap;
  }
  uint8_t *e = r->block + r->len;
  uint16_t short_len = (uint16_t)index_len;
  memset(e, 0, len - index_len);
  memcpy(e + AT_INDEX_LEN, &short_len, sizeof short_len);
  memcpy(e + len - index_len, index, index_len);
  *slot(r, index, index_len) = r->len + 1;
  r->len += (uint32_t)len;
  r->n_entries++;
  return e;
}

/* Bits of the counter in a cell, 0: it is none. */
static unsigned counter(const struct moon_cell *c, uint64_t *out) {
  uint32_t v;
  if (!c || c->err) { return 0; }
  switch (c->type) {
    case MOON_COUNTER32:
    case MOON_GAUGE32:
    case MOON_TIME_TICKS:
    case MOON_UINTEGER32:
      if (moon_ber_u32(c->value, c->value_len, &v)) { return 0; }
      *out = v;
      return 32;
    case MOON_COUNTER64: return moon_ber_u64(c->value, c->value_len, out) ? 0 : 64;
    default: return 0;
  }
}

/* How far a counter went; false: it did not go, it was set. */
static bool went(uint64_t before, uint64_t now, unsigned bits, uint64_t *by) {
  *by = bits == 32 ? (uint32_t)(now - before) : now - before;
  return now >= before || *by <= (uint64_t)1 << (bits - 1);
}

uint32_t moon_rates_row(struct moon_rates *r, const uint8_t *index, size_t index_len, const struct moon_cell *const *cells,
                        const struct moon_cell *epoch, double *out) {
  uint32_t *found = r->n_slots ? slot(r, index, index_len) : NULL;
  uint8_t *e = found && *found ? r->block + *found - 1 : NULL;
  uint32_t epoch_now = epoch && !epoch->err && epoch->value_len ? hash(epoch->value, epoch->value_len, 0) : 0; /* the same elsewhere */
  uint32_t rates = 0;
  uint64_t received = 0;
  bool base = false;
  for (uint32_t i = 0; i < r->n && !received; i++) {
    if (cells[i]) { received = cells[i]->received_us; }
  }
  if (e) {
    uint64_t before = get64(e);
    base = get32(e + AT_EPOCH) == epoch_now && received > before && received - before <= r->gap_us;
    if (e[AT_PASS] == r->pass) { /* the same row twice in one pass */
      r->n_seen--;
    }
  } else {
    e = append(r, index, index_len);
  }
  if (!e) { return 0; }
  double seconds = (double)(received - get64(e)) / 1e6;
  for (uint32_t i = 0; i < r->n; i++) {
    uint8_t *at = e + AT_BITS + r->n + 8u * i, *was = e + AT_BITS + i;
    uint64_t now, by;
    unsigned bits = counter(cells[i], &now);
    if (bits && base && *was == bits && went(get64(at), now, bits, &by)) {
      out[i] = (double)by / seconds;
      rates |= 1u << i;
    }
    *was = (uint8_t)bits;
    if (bits) { memcpy(at, &now, sizeof now); }
  }
  memcpy(e, &received, sizeof received);
  memcpy(e + AT_EPOCH, &epoch_now, sizeof epoch_now);
  e[AT_PASS] = r->pass;
  r->n_seen++;
  return rates;
}

void moon_rates_end(struct moon_rates *r) {
  if (r->n_seen >= r->n_entries) { return; }
  uint32_t to = 0, kept = 0;
  for (uint32_t at = 0; at < r->len;) {
    uint8_t *e = r->block + at;
    uint32_t len = (uint32_t)entry_len(r, get16(e + AT_INDEX_LEN));
    if (e[AT_PASS] == r->pass) {
      memmove(r->block + to, e, len);
      to += len;
      kept++;
    }
    at += len;
  }
  r->len = to;
  r->n_entries = kept;
  memset(r->slots, 0, r->n_slots * sizeof *r->slots);
  for (uint32_t at = 0; at < r->len;) {
    const uint8_t *e = r->block + at;
    uint16_t index_len = get16(e + AT_INDEX_LEN);
    *slot(r, index_of(r, e), index_len) = at + 1;
    at += (uint32_t)entry_len(r, index_len);
  }
}

/* u32 n and layout | u32 entries | u32 uptime | u8 known | u64 pass_us, all native, and the block. Who reads it may be of another
 * version of the library, where entries are laid out otherwise. */
#define EXPORT_HEAD 21
#define EXPORT_LAYOUT 0x200u

size_t moon_rates_export(const struct moon_rates *r, uint8_t *out, size_t cap) {
  uint8_t known = r->uptime_known;
  uint32_t n = r->n | EXPORT_LAYOUT;
  if (cap >= EXPORT_HEAD + r->len) {
    memcpy(out, &n, 4);
    memcpy(out + 4, &r->n_entries, 4);
    memcpy(out + 8, &r->uptime, 4);
    memcpy(out + 12, &known, 1);
    memcpy(out + 13, &r->pass_us, 8);
    if (r->len) { memcpy(out + EXPORT_HEAD, r->block, r->len); }
  }
  return EXPORT_HEAD + r->len;
}

bool moon_rates_import(struct moon_rates *r, const uint8_t *p, size_t n) {
  if (n < EXPORT_HEAD || n - EXPORT_HEAD >= UINT32_MAX / 2 || get32(p) != (r->n | EXPORT_LAYOUT) || r->n_entries) { return false; }
  uint32_t len = (uint32_t)(n - EXPORT_HEAD), entries = get32(p + 4), found = 0;
  const uint8_t *block = p + EXPORT_HEAD;
  for (uint32_t at = 0; at < len; found++) { /* every entry lies inside of it */
    if (len - at < entry_len(r, 0)) { return false; }
    size_t octets = entry_len(r, get16(block + at + AT_INDEX_LEN));
    if (len - at < octets) { return false; }
    at += (uint32_t)octets;
  }
  if (found != entries) { return false; }
  if (len) {
    if (!charge(r, len, 0)) { return false; }
    r->block = moon_mem_alloc(len);
    if (!r->block) {
      give_back(r, len);
      return false;
    }
    memcpy(r->block, block, len);
  }
  r->cap = len;
  while (entries > r->n_slots / 4 * 3) { /* room for all of them first: there is always a free one to be found */
    if (!grow_slots(r)) {
      clear(r);
      return false;
    }
  }
  r->len = len;
  r->n_entries = entries;
  for (uint32_t at = 0; at < len;) {
    uint16_t index_len = get16(r->block + at + AT_INDEX_LEN);
    *slot(r, index_of(r, r->block + at), index_len) = at + 1;
    at += (uint32_t)entry_len(r, index_len);
  }
  r->uptime = get32(p + 8);
  r->uptime_known = p[12] != 0;
  r->pass_us = get64(p + 13);
  return true;
}
