#include "recording.h"

#include "../base/mem.h"

#define SLOT_EMPTY UINT32_MAX
#define SPARE 0x80 /* an instance that gives way to any other of its name; only while recording */

struct moon_recorder {
  struct moon_instance *instances; /* in the order they came */
  uint32_t *lines;
  uint32_t *rtt_us;                /* NULL until the first timing */
  uint8_t *octets;
  uint32_t n, cap;
  uint32_t n_octets, cap_octets;
  uint32_t timing;
  bool snmp, usm;
};

static inline uint64_t load8(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}

static inline uint64_t mix(uint64_t h, uint64_t v) {
  unsigned __int128 m = (unsigned __int128)(h ^ v) * 0x9e3779b97f4a7c15u;
  return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Reads nothing outside the name: it may end where a datagram does. Not for strangers to choose: recordings are the owner's. */
static inline uint64_t hash(const uint8_t *p, size_t n) {
  uint64_t h = n;
  size_t i;
  if (n >= 8) {
    for (i = 0; i < n - 8; i += 8) { h = mix(h, load8(p + i)); }
    return mix(h, load8(p + n - 8));
  }
  for (i = 0; i < n; i++) { h = h << 8 | p[i]; }
  return mix(h, n);
}

static inline const uint8_t *name_of(const struct moon_recording *r, uint32_t i) {
  return r->octets + r->instances[i].at + r->instances[i].oid_at;
}

uint32_t moon_recording_find(const struct moon_recording *r, const uint8_t *oid, size_t n) {
  uint64_t h = hash(oid, n);
  uint32_t tag = (uint32_t)(h >> 56), at = (uint32_t)h, slot;
  for (;; at++) {
    slot = r->slots[at & r->mask];
    if (slot == SLOT_EMPTY) { return MOON_RECORDING_NONE; }
    if (slot >> 24 == tag) {
      uint32_t i = slot & 0xffffffu;
      if (r->instances[i].oid_len == n && memcmp(name_of(r, i), oid, n) == 0) { return i; }
    }
  }
}

uint32_t moon_recording_after(const struct moon_recording *r, const uint8_t *oid, size_t n) {
  uint32_t low = 0, high = r->n, i;
  if (n == 0) { return 0; }
  i = moon_recording_find(r, oid, n);
  if (i != MOON_RECORDING_NONE) { return i + 1; }
  while (low < high) {
    i = low + (high - low) / 2;
    if (moon_oid_compare(name_of(r, i), r->instances[i].oid_len, oid, n) > 0) {
      high = i;
    } else {
      low = i + 1;
    }
  }
  return low;
}

void moon_recording_free(struct moon_recording *r) {
  if (!r) { return; }
  moon_mem_free((void *)(uintptr_t)r->instances);
  moon_mem_free((void *)(uintptr_t)r->octets);
  moon_mem_free((void *)(uintptr_t)r->slots);
  moon_mem_free((void *)(uintptr_t)r->rtt_us);
  moon_mem_free(r);
}

struct moon_recorder *moon_recorder_new(enum moon_err *err) {
  struct moon_recorder *w = moon_mem_zalloc(sizeof *w);
  if (!w) {
    *err = MOON_E_NOMEM;
    return NULL;
  }
  w->timing = UINT32_MAX;
  return w;
}

void moon_recorder_free(struct moon_recorder *w) {
  if (!w) { return; }
  moon_mem_free(w->instances);
  moon_mem_free(w->lines);
  moon_mem_free(w->rtt_us);
  moon_mem_free(w->octets);
  moon_mem_free(w);
}

void moon_recorder_timing(struct moon_recorder *w, uint32_t rtt_us) {
  w->timing = rtt_us;
}

void moon_recorder_add_snmp(struct moon_recorder *w) {
  w->snmp = true;
}

void moon_recorder_add_usm(struct moon_recorder *w) {
  w->usm = true;
}

/* Room for one instance more, and n octets and the 8 that may be read behind them. */
static enum moon_err grow(struct moon_recorder *w, size_t n) {
  void *p;
  if (w->n == w->cap) {
    uint32_t cap = w->cap ? 2 * w->cap : 256;
    if (w->n >= MOON_RECORDING_MAX) { return MOON_E_LIMIT; }
    if (!(p = moon_mem_resize(w->instances, cap, sizeof *w->instances))) { return MOON_E_NOMEM; }
    w->instances = p;
    if (!(p = moon_mem_resize(w->lines, cap, sizeof *w->lines))) { return MOON_E_NOMEM; }
    w->lines = p;
    if (w->rtt_us) {
      if (!(p = moon_mem_resize(w->rtt_us, cap, sizeof *w->rtt_us))) { return MOON_E_NOMEM; }
      w->rtt_us = p;
    }
    w->cap = cap;
  }
  if (w->timing != UINT32_MAX && !w->rtt_us) {
    if (!(p = moon_mem_array(w->cap, sizeof *w->rtt_us))) { return MOON_E_NOMEM; }
    w->rtt_us = p;
  }
  if (w->cap_octets - w->n_octets < n + 8) {
    uint64_t cap = w->cap_octets ? 2 * (uint64_t)w->cap_octets : 16384;
    while (cap - w->n_octets < n + 8) { cap *= 2; }
    if (cap > UINT32_MAX) { return MOON_E_LIMIT; }
    if (!(p = moon_mem_resize(w->octets, cap, 1))) { return MOON_E_NOMEM; }
    w->octets = p;
    w->cap_octets = (uint32_t)cap;
  }
  return MOON_OK;
}

static inline size_t tlv(size_t n) {
  return n + (n < 0x80 ? 2 : n < 0x100 ? 3 : 4);
}

static inline uint8_t *put_header(uint8_t *p, uint8_t tag, size_t n) {
  *p++ = tag;
  if (n >= 0x100) {
    *p++ = 0x82;
    *p++ = (uint8_t)(n >> 8);
  } else if (n >= 0x80) {
    *p++ = 0x81;
  }
  *p++ = (uint8_t)n;
  return p;
}

static const uint8_t snmp_group[6] = {0x2b, 6, 1, 2, 1, 11};
static const uint8_t usm_stats[8] = {0x2b, 6, 1, 6, 3, 15, 1, 1}, snmp_engine[8] = {0x2b, 6, 1, 6, 3, 10, 2, 1};

/* snmpEngineID, Boots, Time */
static uint8_t type_of_engine(uint8_t arc) { return arc == 1 ? MOON_OCTET_STRING : arc <= 3 ? MOON_INTEGER : 0; }

static uint8_t flags_of(const uint8_t *oid, size_t n, uint8_t type) {
  uint8_t flags = type >= MOON_NO_SUCH_OBJECT && type <= MOON_END_OF_MIB_VIEW ? MOON_INSTANCE_HIDDEN : 0;
  if (n == 8 && type == MOON_COUNTER32 && memcmp(oid, snmp_group, 6) == 0 && oid[7] == 0) { flags |= MOON_INSTANCE_SNMP; }
  if (n == 10 && oid[3] == 6 && oid[9] == 0 && oid[8]) {
    if (type == MOON_COUNTER32 && oid[8] <= 6 && memcmp(oid, usm_stats, 8) == 0) { flags |= MOON_INSTANCE_SNMP; }
    if (type == type_of_engine(oid[8]) && memcmp(oid, snmp_engine, 8) == 0) { flags |= MOON_INSTANCE_SNMP; }
  }
  return flags;
}

enum moon_err moon_recorder_add(struct moon_recorder *w, const uint8_t *oid, size_t oid_len, uint8_t type, const uint8_t *value,
                                size_t value_len, uint32_t line) {
  struct moon_instance *e;
  size_t inner, len;
  uint8_t *p, *start;
  enum moon_err err = moon_oid_is_plain(oid, oid_len) ? MOON_OK : moon_oid_check(oid, oid_len);
  if (err) { return err; }
  if (value_len > MOON_INSTANCE_MAX) { return MOON_E_LIMIT; }
  inner = tlv(oid_len) + tlv(value_len);
  len = tlv(inner);
  if (len > MOON_INSTANCE_MAX) { return MOON_E_LIMIT; }
  if ((err = grow(w, len)) != MOON_OK) { return err; }
  start = w->octets + w->n_octets;
  p = put_header(start, MOON_SEQUENCE, inner);
  p = put_header(p, MOON_OBJECT_ID, oid_len);
  e = &w->instances[w->n];
  *e = (struct moon_instance){.at = w->n_octets, .len = (uint16_t)len, .oid_len = (uint16_t)oid_len, .value_len = (uint16_t)value_len,
                              .oid_at = (uint8_t)(p - start), .type = type, .flags = flags_of(oid, oid_len, type)};
  memcpy(p, oid, oid_len);
  p = put_header(p + oid_len, type, value_len);
  if (value_len) { memcpy(p, value, value_len); }
  w->lines[w->n] = line;
  if (w->rtt_us) { w->rtt_us[w->n] = w->timing == UINT32_MAX ? 0 : w->timing; }
  w->n_octets += (uint32_t)len;
  w->n++;
  return MOON_OK;
}

/* Types of RFC 3418's snmp group: counters but for snmpEnableAuthenTraps (30); 7 and 23 were never given out. */
static enum moon_err add_snmp(struct moon_recorder *w) {
  uint8_t oid[8] = {0x2b, 6, 1, 2, 1, 11, 0, 0}, value[1] = {0};
  for (uint8_t arc = 1; arc <= 32; arc++) {
    enum moon_err e;
    if (arc == 7 || arc == 23) { continue; }
    oid[6] = arc;
    value[0] = arc == 30 ? 2 : 0; /* disabled(2) */
    e = moon_recorder_add(w, oid, 8, arc == 30 ? MOON_INTEGER : MOON_COUNTER32, value, 1, 0);
    if (e) { return e; }
    w->instances[w->n - 1].flags |= SPARE;
  }
  return MOON_OK;
}

static enum moon_err add_usm(struct moon_recorder *w) {
  uint8_t oid[10] = {0}, zero = 0;
  for (uint8_t i = 1; i <= 9; i++) { /* in the order of names */
    uint8_t arc = i <= 3 ? i : (uint8_t)(i - 3), type = i <= 3 ? type_of_engine(arc) : MOON_COUNTER32;
    enum moon_err e;
    memcpy(oid, i <= 3 ? snmp_engine : usm_stats, 8);
    oid[8] = arc;
    e = moon_recorder_add(w, oid, sizeof oid, type, &zero, 1, 0);
    if (e) { return e; }
    w->instances[w->n - 1].flags |= SPARE;
  }
  return MOON_OK;
}

static inline int compare(const struct moon_recorder *w, uint32_t a, uint32_t b) {
  const struct moon_instance *x = &w->instances[a], *y = &w->instances[b];
  return moon_oid_compare(w->octets + x->at + x->oid_at, x->oid_len, w->octets + y->at + y->oid_at, y->oid_len);
}

/* Merges order[a..b) and order[b..c) into out[a..c); of equals the first comes first. */
static void merge(const struct moon_recorder *w, const uint32_t *order, uint32_t a, uint32_t b, uint32_t c, uint32_t *out) {
  uint32_t i = a, j = b, k = a;
  while (i < b && j < c) { out[k++] = compare(w, order[j], order[i]) < 0 ? order[j++] : order[i++]; }
  while (i < b) { out[k++] = order[i++]; }
  while (j < c) { out[k++] = order[j++]; }
}

/* Recordings are sorted but for some stretches: ascending runs are found and merged, pair by pair. room: 3 n. Returns
 * where the sorted indexes are. */
static uint32_t *sort(const struct moon_recorder *w, uint32_t *room) {
  uint32_t *order = room, *other = room + w->n, *runs = room + 2 * (size_t)w->n, *swap, n_runs = 0, i, k;
  for (i = 0; i < w->n; i++) {
    order[i] = i;
    if (i == 0 || compare(w, i - 1, i) > 0) { runs[n_runs++] = i; }
  }
  while (n_runs > 1) {
    for (i = 0, k = 0; i < n_runs; i += 2, k++) {
      uint32_t a = runs[i], b = i + 1 < n_runs ? runs[i + 1] : w->n, c = i + 2 < n_runs ? runs[i + 2] : w->n;
      merge(w, order, a, b, c, other);
      runs[k] = a;
    }
    n_runs = k;
    swap = order;
    order = other;
    other = swap;
  }
  return order;
}

/* Keeps one of each name in order[0..n): the last that is not spare. Returns how many are left. */
static uint32_t unite(const struct moon_recorder *w, uint32_t *order, moon_recording_report *report, void *ctx) {
  uint32_t i, k = 0;
  for (i = 0; i < w->n; i++) {
    uint32_t drop;
    if (k == 0 || compare(w, order[k - 1], order[i]) != 0) {
      order[k++] = order[i];
      continue;
    }
    drop = order[i];
    if (!(w->instances[drop].flags & SPARE)) {
      drop = order[k - 1];
      order[k - 1] = order[i];
    }
    if (report && !(w->instances[drop].flags & SPARE)) { report(ctx, w->lines[drop], "the same OID comes again in a later line"); }
  }
  return k;
}

static bool fill_slots(struct moon_recording *r, const struct moon_instance *instances) {
  uint32_t cap = 16, *slots;
  while (cap < 2 * r->n) { cap *= 2; }
  if (!(slots = moon_mem_resize(NULL, cap, sizeof *slots))) { return false; }
  memset(slots, 0xff, cap * sizeof *slots);
  r->slots = slots;
  r->mask = cap - 1;
  for (uint32_t i = 0; i < r->n; i++) {
    uint64_t h = hash(r->octets + instances[i].at + instances[i].oid_at, instances[i].oid_len);
    uint32_t at = (uint32_t)h;
    while (slots[at & r->mask] != SLOT_EMPTY) { at++; }
    slots[at & r->mask] = (uint32_t)(h >> 56) << 24 | i;
  }
  return true;
}

/* What order names, in that order, as a recording. */
static struct moon_recording *build(const struct moon_recorder *w, const uint32_t *order, uint32_t n) {
  struct moon_recording *r = moon_mem_zalloc(sizeof *r);
  struct moon_instance *instances = NULL;
  uint32_t *rtt_us = NULL;
  uint8_t *octets = NULL;
  uint64_t size = 8;
  uint32_t at = 0, i;
  if (!r) { return NULL; }
  for (i = 0; i < n; i++) { size += w->instances[order[i]].len; }
  r->instances = instances = moon_mem_array(n ? n : 1, sizeof *instances);
  r->octets = octets = moon_mem_alloc((size_t)size);
  if (w->rtt_us) { r->rtt_us = rtt_us = moon_mem_array(n ? n : 1, sizeof *rtt_us); }
  if (!instances || !octets || (w->rtt_us && !rtt_us)) { goto fail; }
  for (i = 0; i < n; i++) {
    const struct moon_instance *e = &w->instances[order[i]];
    instances[i] = *e;
    instances[i].at = at;
    instances[i].flags &= (uint8_t)~SPARE;
    r->n_hidden += (e->flags & MOON_INSTANCE_HIDDEN) != 0;
    memcpy(octets + at, w->octets + e->at, e->len);
    if (rtt_us) { rtt_us[i] = w->rtt_us[order[i]]; }
    at += e->len;
  }
  memset(octets + at, 0, 8);
  r->n = n;
  r->n_octets = at;
  if (fill_slots(r, instances)) { return r; }
fail:
  moon_recording_free(r);
  return NULL;
}

struct moon_recording *moon_recorder_finish(struct moon_recorder *w, moon_recording_report *report, void *ctx, enum moon_err *err) {
  struct moon_recording *r = NULL;
  uint32_t *room = NULL, *order;
  enum moon_err e = w->snmp ? add_snmp(w) : MOON_OK;
  if (!e && w->usm) { e = add_usm(w); }
  if (!e && !(room = moon_mem_array(w->n ? w->n : 1, 3 * sizeof *room))) { e = MOON_E_NOMEM; }
  if (!e) {
    order = sort(w, room);
    r = build(w, order, unite(w, order, report, ctx));
    if (!r) { e = MOON_E_NOMEM; }
  }
  moon_mem_free(room);
  moon_recorder_free(w);
  if (e) { *err = e; }
  return r;
}
