#include "overlay.h"

#include "../base/mem.h"

struct held { uint32_t value_len; uint16_t oid_len; uint8_t type; uint8_t octets[]; };

struct moon_overlay { struct held **items; uint32_t n, cap; size_t octets; };

void moon_overlay_free(struct moon_overlay *o) {
  if (!o) { return; }
  for (uint32_t i = 0; i < o->n; i++) { moon_mem_free(o->items[i]); }
  moon_mem_free(o->items);
  moon_mem_free(o);
}

/* Index of the first item that is not before this name. */
static uint32_t seek(const struct moon_overlay *o, const uint8_t *oid, size_t n) {
  uint32_t low = 0, high = o->n;
  while (low < high) {
    uint32_t i = low + (high - low) / 2;
    if (moon_oid_compare(o->items[i]->octets, o->items[i]->oid_len, oid, n) < 0) {
      low = i + 1;
    } else {
      high = i;
    }
  }
  return low;
}

static bool is_at(const struct moon_overlay *o, uint32_t i, const uint8_t *oid, size_t n) {
  return i < o->n && o->items[i]->oid_len == n && memcmp(o->items[i]->octets, oid, n) == 0;
}

static void show(const struct held *h, struct moon_varbind *out) {
  *out = (struct moon_varbind){.oid = h->octets, .value = h->octets + h->oid_len, .value_len = h->value_len, .oid_len = h->oid_len,
                               .type = h->type};
}

bool moon_overlay_find(const struct moon_overlay *o, const uint8_t *oid, size_t n, struct moon_varbind *out) {
  uint32_t i = o ? seek(o, oid, n) : 0;
  if (!o || !is_at(o, i, oid, n)) { return false; }
  show(o->items[i], out);
  return true;
}

bool moon_overlay_after(const struct moon_overlay *o, const uint8_t *oid, size_t n, struct moon_varbind *out) {
  uint32_t i = o ? seek(o, oid, n) : 0;
  if (!o) { return false; }
  i += is_at(o, i, oid, n);
  if (i == o->n) { return false; }
  show(o->items[i], out);
  return true;
}

/* A place for one item more. */
static bool make_room(struct moon_overlay **o) {
  struct moon_overlay *v = *o;
  if (!v) {
    if (!(v = moon_mem_zalloc(sizeof *v))) { return false; }
    *o = v;
  }
  if (v->n == v->cap) {
    uint32_t cap = v->cap ? 2 * v->cap : 8;
    void *p = moon_mem_resize(v->items, cap, sizeof(struct held *));
    if (!p) { return false; }
    v->items = p;
    v->cap = cap;
  }
  return true;
}

enum moon_err moon_overlay_put(struct moon_overlay **o, const struct moon_varbind *vb) {
  size_t octets = (size_t)vb->oid_len + vb->value_len;
  struct moon_overlay *v;
  struct held *h;
  uint32_t i;
  if (vb->value_len > MOON_OVERLAY_VALUE_MAX) { return MOON_E_LIMIT; }
  if (!make_room(o)) { return MOON_E_NOMEM; }
  v = *o;
  i = seek(v, vb->oid, vb->oid_len);
  if (v->octets + octets > MOON_OVERLAY_OCTETS) { return MOON_E_LIMIT; }
  if (!is_at(v, i, vb->oid, vb->oid_len) && v->n == MOON_OVERLAY_MAX) { return MOON_E_LIMIT; }
  if (!(h = moon_mem_alloc(sizeof *h + octets))) { return MOON_E_NOMEM; }
  *h = (struct held){vb->value_len, vb->oid_len, vb->type};
  memcpy(h->octets, vb->oid, vb->oid_len);
  if (vb->value_len) { memcpy(h->octets + vb->oid_len, vb->value, vb->value_len); }
  if (is_at(v, i, vb->oid, vb->oid_len)) {
    v->octets -= (size_t)v->items[i]->oid_len + v->items[i]->value_len;
    moon_mem_free(v->items[i]);
  } else {
    memmove(v->items + i + 1, v->items + i, (v->n - i) * sizeof(struct held *));
    v->n++;
  }
  v->items[i] = h;
  v->octets += octets;
  return MOON_OK;
}
