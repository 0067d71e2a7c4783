#include "agent_model.h"

#include <stdlib.h>
#include <string.h>

#define REPLY_VARBINDS 4096

void agent_init(struct agent *a) {
  memset(a, 0, sizeof *a);
  a->community = "public";
}

void agent_fini(struct agent *a) {
  for (size_t i = 0; i < a->n; i++) {
    free(a->objects[i].value);
  }
  free(a->objects);
}

/* The first object that is not before this name. */
static size_t find_from(const struct agent *a, const uint8_t *oid, size_t n) {
  size_t lo = 0, hi = a->n;
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if (moon_oid_compare(a->objects[mid].oid, a->objects[mid].oid_len, oid, n) < 0) {
      lo = mid + 1;
    } else {
      hi = mid;
    }
  }
  return lo;
}

static bool is_name(const struct agent_object *o, const uint8_t *oid, size_t n) {
  return o->oid_len == n && memcmp(o->oid, oid, n) == 0;
}

void agent_add_octets(struct agent *a, const uint8_t *oid, size_t oid_len, uint8_t type, const void *value, size_t n) {
  size_t at = find_from(a, oid, oid_len);
  struct agent_object *o;
  if (at < a->n && is_name(&a->objects[at], oid, oid_len)) {
    return;
  }
  if (a->n == a->cap) {
    a->cap = a->cap ? a->cap * 2 : 64;
    a->objects = realloc(a->objects, a->cap * sizeof *a->objects);
  }
  if (!a->objects || oid_len > MOON_OID_MAX_LEN) {
    abort();
  }
  o = &a->objects[at];
  memmove(o + 1, o, (a->n - at) * sizeof *o);
  a->n++;
  memcpy(o->oid, oid, oid_len);
  o->oid_len = (uint16_t)oid_len;
  o->value = malloc(n + 1);
  memcpy(o->value, n ? value : "", n);
  o->value_len = (uint16_t)n;
  o->type = type;
}

void agent_add(struct agent *a, const char *oid, uint8_t type, const void *value, size_t n) {
  uint8_t octets[MOON_OID_MAX_LEN];
  size_t len = 0;
  if (moon_oid_parse(oid, strlen(oid), octets, sizeof octets, &len)) {
    abort();
  }
  agent_add_octets(a, octets, len, type, value, n);
}

const struct agent_object *agent_find(const struct agent *a, const uint8_t *oid, size_t n) {
  size_t at = find_from(a, oid, n);
  return at < a->n && is_name(&a->objects[at], oid, n) ? &a->objects[at] : NULL;
}

size_t agent_count(const struct agent *a, const uint8_t *root, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i < a->n; i++) {
    count += a->objects[i].oid_len > n && moon_oid_under(root, n, a->objects[i].oid, a->objects[i].oid_len);
  }
  return count;
}

static bool is_knob(const uint8_t *knob, size_t knob_len, const uint8_t *oid, size_t n) {
  return knob && knob_len == n && memcmp(knob, oid, n) == 0;
}

static const uint8_t other[] = {0x2b, 6, 1, 9, 9};

/* false: end of the MIB. */
static bool successor(const struct agent *a, const struct moon_varbind *from, struct moon_varbind *out) {
  size_t at = find_from(a, from->oid, from->oid_len);
  if (is_knob(a->stuck, a->stuck_len, from->oid, from->oid_len)) {
    at = at < a->n ? at : 0;
  } else if (is_knob(a->back, a->back_len, from->oid, from->oid_len)) {
    at = 0;
  } else if (at < a->n && is_name(&a->objects[at], from->oid, from->oid_len)) {
    at++;
  }
  if (at >= a->n) {
    *out = (struct moon_varbind){.oid = a->exception_nameless ? other : from->oid,
                                 .oid_len = a->exception_nameless ? (uint16_t)sizeof other : from->oid_len,
                                 .value = other,
                                 .type = a->missing_for_end ? MOON_NO_SUCH_INSTANCE : MOON_END_OF_MIB_VIEW};
    return false;
  }
  const struct agent_object *o = &a->objects[at];
  *out = (struct moon_varbind){.oid = o->oid, .oid_len = o->oid_len, .value = o->value, .value_len = o->value_len, .type = o->type};
  return true;
}

struct reply {
  struct moon_varbind vb[REPLY_VARBINDS];
  uint32_t n;
  int32_t status, index;
};

static void rotate(struct moon_varbind *vb, uint32_t n, uint32_t by) {
  for (; n && by; by--) {
    struct moon_varbind first = vb[0];
    memmove(vb, vb + 1, (n - 1) * sizeof *vb);
    vb[n - 1] = first;
  }
}

static void fill_next(const struct agent *a, bool v1, const struct moon_varbind *asked, uint32_t n, struct reply *r) {
  for (uint32_t i = 0; i < n; i++) {
    bool there = successor(a, &asked[i], &r->vb[i]);
    if (!there && v1) {
      r->status = 2;
      r->index = (int32_t)i + 1;
      return;
    }
    if (is_knob(a->broken, a->broken_len, r->vb[i].oid, r->vb[i].oid_len)) {
      r->status = 5;
      r->index = (int32_t)i + 1;
      return;
    }
  }
  r->n = n;
  rotate(r->vb, r->n, a->rotate);
}

static void fill_bulk(const struct agent *a, const struct moon_pdu *pdu, const struct moon_varbind *asked, uint32_t n, struct reply *r) {
  uint32_t fixed = pdu->error_status < 0 ? 0 : (uint32_t)pdu->error_status < n ? (uint32_t)pdu->error_status : n;
  uint32_t reps = pdu->error_index < 0 ? 0 : (uint32_t)pdu->error_index;
  struct moon_varbind at[256];
  uint8_t root_len[256];
  reps = a->max_reps && reps > a->max_reps ? a->max_reps : reps;
  fill_next(a, false, asked, fixed, r);
  memcpy(at, asked + fixed, (n - fixed) * sizeof *at);
  for (uint32_t i = fixed; i < n; i++) {
    root_len[i - fixed] = (uint8_t)(asked[i].oid_len > 8 ? 8 : asked[i].oid_len);
  }
  for (uint32_t rep = 0; rep < reps && !r->status; rep++) {
    uint32_t begin = r->n;
    for (uint32_t i = 0; i < n - fixed && r->n < REPLY_VARBINDS; i++) {
      struct moon_varbind vb;
      bool there = successor(a, &at[i], &vb);
      if (is_knob(a->broken, a->broken_len, vb.oid, vb.oid_len)) {
        r->status = 5;
        r->index = (int32_t)(fixed + i) + 1;
        return;
      }
      bool left = !there || memcmp(vb.oid, asked[fixed + i].oid, root_len[i]) != 0;
      at[i] = vb;
      if (!(a->omit_ended && left)) {
        r->vb[r->n++] = vb;
      }
    }
    rotate(r->vb + begin, r->n - begin, a->rotate);
    if (r->n == REPLY_VARBINDS) {
      return;
    }
  }
}

static void fill_get(const struct agent *a, bool v1, const struct moon_varbind *asked, uint32_t n, struct reply *r) {
  for (uint32_t i = 0; i < n; i++) {
    const struct agent_object *o = agent_find(a, asked[i].oid, asked[i].oid_len);
    r->vb[i] = asked[i];
    if (is_knob(a->broken, a->broken_len, asked[i].oid, asked[i].oid_len) || (!o && v1)) {
      r->status = o ? 5 : 2;
      r->index = (int32_t)i + 1;
      return;
    }
    r->vb[i].type = o ? o->type : MOON_NO_SUCH_INSTANCE;
    r->vb[i].value = o ? o->value : asked[i].oid;
    r->vb[i].value_len = o ? o->value_len : 0;
    if (a->other_name) {
      r->vb[i].oid = other;
      r->vb[i].oid_len = sizeof other;
    }
  }
  r->n = n;
  rotate(r->vb, r->n, a->rotate);
}

static size_t write_reply(struct agent *a, const struct moon_message *m, const struct reply *r, uint32_t n, uint8_t *out, size_t cap) {
  struct moon_writer w;
  moon_writer_init(&w, out, cap);
  for (uint32_t i = n; i-- > 0;) {
    moon_varbind_put(&w, &r->vb[i]);
  }
  struct moon_pdu pdu = {.varbinds = w.p, .varbinds_len = moon_writer_len(&w), .request_id = m->pdu.request_id,
                         .error_status = r->status, .error_index = a->no_error_index ? 0 : r->index, .type = MOON_PDU_RESPONSE};
  moon_message_encode(&w, m->version, m->community, m->community_len, &pdu);
  if (w.err) {
    return 0;
  }
  memmove(out, w.p, moon_writer_len(&w));
  return moon_writer_len(&w);
}

/* As many varbinds as the limits allow; the whole request back with an error-status. */
static size_t fit(struct agent *a, const struct moon_message *m, struct reply *r, struct moon_varbind *asked, uint32_t n_asked,
                  uint8_t *out, size_t cap) {
  size_t max = a->max_octets && a->max_octets < cap ? a->max_octets : cap, n;
  if (a->max_varbinds && r->n > a->max_varbinds) {
    r->n = a->max_varbinds;
  }
  if (a->empty) {
    r->n = 0;
  }
  if (!r->status) {
    size_t octets = 42 + m->community_len;
    uint32_t fits = 0;
    n = write_reply(a, m, r, r->n, out, cap);
    if (n && n <= max) {
      return n;
    }
    if (m->pdu.type == MOON_PDU_GET_BULK && a->silent_for_bulk) {
      return 0;
    }
    if (m->pdu.type == MOON_PDU_GET_BULK && !a->too_big_for_bulk && !a->gen_err_for_bulk) {
      for (; fits < r->n; fits++) {
        octets += 6u + r->vb[fits].oid_len + r->vb[fits].value_len + (r->vb[fits].value_len > 100 ? 4 : 0);
        if (octets > max) {
          break;
        }
      }
      r->n = fits;
      return write_reply(a, m, r, fits, out, cap);
    }
    r->status = a->gen_err_for_bulk ? 5 : 1;
    r->index = 0;
  }
  if (a->keeps_values) {
    return write_reply(a, m, r, r->n, out, cap);
  }
  if (m->version == MOON_V1 || r->status != 1) {
    memcpy(r->vb, asked, n_asked * sizeof *asked);
    r->n = n_asked;
  } else {
    r->n = 0;
  }
  return write_reply(a, m, r, r->n, out, cap);
}

size_t agent_answer(struct agent *a, const uint8_t *in, size_t n, uint8_t *out, size_t cap) {
  static struct reply r; /* large; the tests have one thread */
  static struct moon_varbind asked[256];
  struct moon_message m;
  struct moon_reader rd;
  uint32_t n_asked = 0;
  a->requests++;
  a->longest_request = n > a->longest_request ? n : a->longest_request;
  if (moon_message_decode(in, n, &m) || m.community_len != strlen(a->community) || memcmp(m.community, a->community, m.community_len) != 0) {
    return 0;
  }
  if ((a->silent_after && a->requests > a->silent_after) || (a->drop_every && a->requests % a->drop_every == 0) ||
      a->requests <= a->drop_first) {
    return 0;
  }
  moon_reader_init(&rd, m.pdu.varbinds, m.pdu.varbinds_len);
  while (n_asked < 256 && moon_varbind_get(&rd, &asked[n_asked])) {
    n_asked++;
  }
  r.n = 0;
  r.status = r.index = 0;
  bool v1 = m.version == MOON_V1;
  if (m.pdu.type == MOON_PDU_GET_BULK) {
    a->bulks++;
    uint32_t reps = m.pdu.error_index > 0 ? (uint32_t)m.pdu.error_index : 0;
    a->most_reps = reps > a->most_reps ? reps : a->most_reps;
    if (v1 || a->no_bulk || (a->silent_reps && reps > a->silent_reps)) {
      return 0;
    }
    fill_bulk(a, &m.pdu, asked, n_asked, &r);
  } else if (m.pdu.type == MOON_PDU_GET_NEXT) {
    a->nexts++;
    fill_next(a, v1, asked, n_asked, &r);
  } else if (m.pdu.type == MOON_PDU_GET) {
    a->gets++;
    fill_get(a, v1, asked, n_asked, &r);
  } else {
    return 0;
  }
  if (a->silent_varbinds && r.n > a->silent_varbinds) {
    return 0;
  }
  if (a->broken_silent && r.status) {
    return 0;
  }
  if (a->blames_last && r.status) {
    r.index = (int32_t)n_asked;
  }
  if (a->status) {
    r.status = a->status;
    r.index = a->status_index;
  }
  size_t len = fit(a, &m, &r, asked, n_asked, out, cap);
  a->varbinds += r.n;
  a->longest_reply = len > a->longest_reply ? len : a->longest_reply;
  if (a->wrap_every && a->requests % a->wrap_every == 0 && r.n && len > 8) {
    struct moon_varbind last = r.vb[r.n - 1];
    size_t at = len - last.value_len - 1; /* the length octet of the last value */
    out[at] = (uint8_t)(out[at] + 1);
  }
  if (a->report) {
    uint8_t *tag = memchr(out + 7 + m.community_len, MOON_PDU_RESPONSE, 8);
    *(tag ? tag : out) = MOON_PDU_REPORT;
  }
  if (a->cut && len > a->cut + 40 && a->requests > a->cut_after) {
    len -= a->cut;
  }
  return len;
}
