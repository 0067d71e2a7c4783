#include "heads.h"

#include "ask.h"

#define PREDECESSOR_MAX (MOON_OID_MAX_LEN + 5)

static uint32_t arcs(const struct moon_name *name) {
  uint32_t n = 1; /* the first octet is two */
  for (uint16_t i = 0; i < name->len; i++) {
    n += name->oid[i] < 0x80;
  }
  return n;
}

static void settle(struct moon_heads *h, uint16_t i, enum moon_err e) {
  h->settled[i] = 1;
  h->cells[i].err = (uint8_t)e;
  h->left--;
}

void moon_heads_init(struct moon_heads *h, const struct moon_name *names, uint16_t n, struct moon_cell *cells, uint8_t *settled) {
  *h = (struct moon_heads){.names = names, .cells = cells, .settled = settled, .n = n, .left = n};
  for (uint16_t i = 0; i < n; i++) {
    if (names[i].len >= MOON_OID_MAX_ARCS && arcs(&names[i]) > MOON_OID_MAX_ARCS) {
      settle(h, i, MOON_E_MISSING);
    }
  }
}

size_t moon_heads_choose(struct moon_heads *h, size_t max) {
  size_t octets = 0;
  max = max < MOON_HEADS_AT_ONCE ? max : MOON_HEADS_AT_ONCE;
  h->n_asked = 0;
  for (uint16_t i = 0; h->left && i < h->n && h->n_asked < max; i++) {
    size_t cost = moon_ask_cost(h->names[i].len + 5u);
    if (h->settled[i]) {
      continue;
    }
    if (h->n_asked && octets + cost > MOON_ASK_MAX / 2) {
      break;
    }
    octets += cost;
    h->asked[h->n_asked++] = i;
  }
  return octets;
}

static size_t predecessor(const struct moon_name *name, uint8_t *out) {
  static const uint8_t last_arc[5] = {0x8f, 0xff, 0xff, 0xff, 0x7f};
  size_t n = name->len, at = n - 1, len = 1;
  uint64_t arc = 0;
  while (at > 0 && name->oid[at - 1] & 0x80) {
    at--;
  }
  memcpy(out, name->oid, n);
  if (at == 0) {
    return n;
  }
  for (size_t i = at; i < n; i++) {
    arc = arc << 7 | (name->oid[i] & 0x7f);
  }
  if (arc == 0) {
    return at;
  }
  arc--;
  while (len < 5 && arc >> 7 * len) {
    len++;
  }
  for (size_t i = 0; i < len; i++) {
    out[at + i] = (uint8_t)((arc >> 7 * (len - 1 - i) & 0x7f) | (i + 1 < len ? 0x80 : 0));
  }
  if (n + 1 >= MOON_OID_MAX_ARCS && arcs(name) == MOON_OID_MAX_ARCS) {
    return at + len; /* nothing lies below that: it would have an arc more */
  }
  memcpy(out + at + len, last_arc, sizeof last_arc);
  return at + len + sizeof last_arc;
}

void moon_heads_put(const struct moon_heads *h, struct moon_writer *w) {
  uint8_t name[PREDECESSOR_MAX];
  for (uint16_t i = h->n_asked; i-- > 0;) {
    size_t n = predecessor(&h->names[h->asked[i]], name);
    moon_ask_put(w, name, n);
  }
}

uint16_t moon_heads_read(struct moon_heads *h, struct moon_reader *r, struct moon_chunk *reply) {
  struct moon_varbind vb;
  uint16_t n = 0;
  for (; n < h->n_asked && moon_varbind_get(r, &vb); n++) {
    uint16_t i = h->asked[n];
    const struct moon_name *name = &h->names[i];
    struct moon_cell *cell = &h->cells[i];
    enum moon_err e = MOON_OK;
    cell->received_us = reply->received_us;
    cell->type = MOON_NO_SUCH_INSTANCE;
    if (vb.oid_len == name->len && memcmp(vb.oid, name->oid, vb.oid_len) == 0 && !moon_varbind_is_exception(&vb)) {
      e = moon_varbind_check(&vb) ? MOON_E_DECODE : MOON_OK;
      cell->type = vb.type;
      cell->value = vb.value;
      cell->value_len = vb.value_len;
      reply->refs++;
    }
    settle(h, i, e);
  }
  return n;
}

void moon_heads_miss(struct moon_heads *h, uint16_t n) { settle(h, h->asked[n], MOON_E_MISSING); }
