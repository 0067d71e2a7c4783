#include "v3.h"

/* ---- at a glance: what nearly every message is, for a third of the instructions. Anything else is read piece by piece, and what
 * is taken here is read the same there. */

/* Content of the TLV of this tag at p, which ends before end. NULL: it does not, or is another one, or has a length of a rare form. */
static inline const uint8_t *enter(const uint8_t *p, const uint8_t *end, uint8_t tag, size_t *len) {
  if (end - p < 2 || p[0] != tag) { return NULL; }
  size_t n = p[1];
  p += 2;
  if (n == 0x82 && end - p >= 2) {
    n = (size_t)p[0] << 8 | p[1];
    p += 2;
  } else if (n == 0x81 && end - p >= 1) {
    n = *p++;
  } else if (n >= 0x80) {
    return NULL;
  }
  *len = n;
  return n <= (size_t)(end - p) ? p : NULL;
}

/* An INTEGER of one to four octets that is not negative. Returns what follows. */
static inline const uint8_t *glance_u31(const uint8_t *p, const uint8_t *end, uint32_t *v) {
  if (end - p < 6 || p[0] != MOON_INTEGER || (uint8_t)(p[1] - 1) > 3 || p[2] >= 0x80) { return NULL; }
  *v = ((uint32_t)p[2] << 24 | (uint32_t)p[3] << 16 | (uint32_t)p[4] << 8 | p[5]) >> (32 - 8 * p[1]);
  return p + 2 + p[1];
}

static inline const uint8_t *glance_octets(const uint8_t *p, const uint8_t *end, size_t max, const uint8_t **out, uint8_t *len) {
  size_t n;
  if (!(p = enter(p, end, MOON_OCTET_STRING, &n)) || n > max) { return NULL; }
  *out = p;
  *len = (uint8_t)n;
  return p + n;
}

/* msgGlobalData; returns what follows. */
static inline const uint8_t *glance_global(const uint8_t *p, const uint8_t *end, struct moon_v3 *m) {
  size_t n;
  if (!(p = enter(p, end, MOON_SEQUENCE, &n))) { return NULL; }
  end = p + n;
  if (!(p = glance_u31(p, end, &m->id)) || !(p = glance_u31(p, end, &m->max_size)) || m->max_size < MOON_V3_SIZE_MIN) { return NULL; }
  if (end - p != 6 || p[0] != MOON_OCTET_STRING || p[1] != 1 || (p[2] & MOON_V3_LEVEL) == MOON_V3_PRIV) { return NULL; }
  if (p[3] != MOON_INTEGER || p[4] != 1 || p[5] != MOON_V3_MODEL_USM) { return NULL; }
  m->flags = p[2];
  return end;
}

/* UsmSecurityParameters, likewise. */
static inline const uint8_t *glance_parameters(const uint8_t *p, const uint8_t *end, struct moon_v3 *m) {
  size_t wrap, n;
  if (!(p = enter(p, end, MOON_OCTET_STRING, &wrap))) { return NULL; }
  end = p + wrap;
  if (!(p = enter(p, end, MOON_SEQUENCE, &n)) || p + n != end) { return NULL; }
  if (!(p = glance_octets(p, end, MOON_ENGINE_ID_MAX, &m->engine_id, &m->engine_id_len))) { return NULL; }
  if (!(p = glance_u31(p, end, &m->boots)) || !(p = glance_u31(p, end, &m->time))) { return NULL; }
  if (!(p = glance_octets(p, end, MOON_USER_MAX, &m->user, &m->user_len))) { return NULL; }
  if (!(p = glance_octets(p, end, UINT8_MAX, &m->auth, &m->auth_len))) { return NULL; }
  return glance_octets(p, end, UINT8_MAX, &m->priv, &m->priv_len) == end ? end : NULL;
}

/* false: not such a one, or none at all; m is spoiled. */
static inline bool glance(const uint8_t *p, size_t len, struct moon_v3 *m) {
  if (!len) { return false; }
  const uint8_t *end = p + len, *at, *data;
  size_t n;
  if (!(at = enter(p, end, MOON_SEQUENCE, &n)) || at + n != end || n < 3) { return false; }
  if (at[0] != MOON_INTEGER || at[1] != 1 || at[2] != MOON_V3) { return false; }
  if (!(at = glance_global(at + 3, end, m)) || !(at = glance_parameters(at, end, m))) { return false; }
  bool sealed = m->flags & MOON_V3_PRIV;
  if (!(data = enter(at, end, sealed ? MOON_OCTET_STRING : MOON_SEQUENCE, &n)) || data + n != end) { return false; }
  m->scoped = sealed ? data : at;
  m->scoped_len = (size_t)(end - m->scoped);
  m->len = len;
  m->trailing = false;
  return true;
}

static inline bool glance_scoped(const uint8_t *p, size_t len, struct moon_scoped *s) {
  if (!len) { return false; }
  const uint8_t *end = p + len, *at;
  uint32_t id;
  size_t n;
  if (!(at = enter(p, end, MOON_SEQUENCE, &n))) { return false; }
  const uint8_t *stop = at + n;
  if (!(at = glance_octets(at, stop, MOON_ENGINE_ID_MAX, &s->engine_id, &s->engine_id_len))) { return false; }
  if (!(at = enter(at, stop, MOON_OCTET_STRING, &s->context_len))) { return false; }
  s->context = at;
  at += s->context_len;
  if (at == stop || *at < MOON_PDU_GET || *at > MOON_PDU_REPORT || *at == MOON_PDU_TRAP_V1) { return false; }
  s->pdu.type = *at;
  if (!(at = enter(at, stop, *at, &n))) { return false; }
  stop = at + n;
  if (!(at = glance_u31(at, stop, &id)) || stop - at < 6) { return false; }
  if (at[0] != MOON_INTEGER || at[1] != 1 || at[3] != MOON_INTEGER || at[4] != 1) { return false; }
  s->pdu.request_id = (int32_t)id;
  s->pdu.error_status = (int8_t)at[2];
  s->pdu.error_index = (int8_t)at[5];
  if (!(at = enter(at + 6, stop, MOON_SEQUENCE, &s->pdu.varbinds_len))) { return false; }
  s->pdu.varbinds = at;
  s->trailing = at + s->pdu.varbinds_len != end;
  return true;
}

/* ---- piece by piece */

/* INTEGER (0..2147483647) */
static uint32_t get_u31(struct moon_reader *r) {
  int32_t v = moon_ber_get_i32(r);
  if (v < 0) {
    moon_reader_fail(r, MOON_E_RANGE);
    return 0;
  }
  return (uint32_t)v;
}

static const uint8_t *get_octets(struct moon_reader *r, size_t max, uint8_t *len) {
  struct moon_reader body;
  moon_ber_get_body(r, MOON_OCTET_STRING, &body);
  if (moon_reader_left(&body) > max) { moon_reader_fail(r, MOON_E_LENGTH); }
  *len = r->err ? 0 : (uint8_t)moon_reader_left(&body);
  return body.p;
}

/* msgGlobalData */
static void get_global(struct moon_reader *r, struct moon_v3 *m) {
  struct moon_reader body, flags;
  int32_t model;
  moon_ber_get_body(r, MOON_SEQUENCE, &body);
  m->id = get_u31(&body);
  m->max_size = get_u31(&body);
  if (!body.err && m->max_size < MOON_V3_SIZE_MIN) { moon_reader_fail(&body, MOON_E_RANGE); }
  moon_ber_get_body(&body, MOON_OCTET_STRING, &flags);
  if (!body.err && moon_reader_left(&flags) != 1) { moon_reader_fail(&body, MOON_E_LENGTH); }
  model = moon_ber_get_i32(&body);
  if (!body.err) {
    m->flags = flags.p[0];
    m->trailing |= moon_reader_left(&body) > 0;
    if ((m->flags & MOON_V3_LEVEL) == MOON_V3_PRIV) { moon_reader_fail(&body, MOON_E_RANGE); }
    if (model != MOON_V3_MODEL_USM) { moon_reader_fail(&body, MOON_E_VERSION); }
  }
  if (body.err) { moon_reader_fail(r, body.err); }
}

/* UsmSecurityParameters */
static void get_parameters(struct moon_reader *r, struct moon_v3 *m) {
  struct moon_reader wrap, body;
  moon_ber_get_body(r, MOON_OCTET_STRING, &wrap);
  moon_ber_get_body(&wrap, MOON_SEQUENCE, &body);
  m->engine_id = get_octets(&body, MOON_ENGINE_ID_MAX, &m->engine_id_len);
  m->boots = get_u31(&body);
  m->time = get_u31(&body);
  m->user = get_octets(&body, MOON_USER_MAX, &m->user_len);
  m->auth = get_octets(&body, UINT8_MAX, &m->auth_len);
  m->priv = get_octets(&body, UINT8_MAX, &m->priv_len);
  m->trailing |= moon_reader_left(&body) > 0 || moon_reader_left(&wrap) > 0;
  if (body.err) { moon_reader_fail(r, body.err); }
}

static enum moon_err decode(const uint8_t *p, size_t n, struct moon_v3 *out) {
  struct moon_v3 m = {.trailing = false};
  struct moon_reader all, r, body;
  int32_t version;
  moon_reader_init(&all, p, n);
  moon_ber_get_body(&all, MOON_SEQUENCE, &r);
  version = moon_ber_get_i32(&r);
  if (!r.err && version != MOON_V3) { return MOON_E_VERSION; }
  get_global(&r, &m);
  get_parameters(&r, &m);
  m.scoped = r.p;
  moon_ber_get_body(&r, m.flags & MOON_V3_PRIV ? MOON_OCTET_STRING : MOON_SEQUENCE, &body);
  if (r.err) { return r.err; }
  if (m.flags & MOON_V3_PRIV) { m.scoped = body.p; }
  m.scoped_len = (size_t)(body.end - m.scoped);
  m.len = (size_t)(r.end - p);
  m.trailing |= moon_reader_left(&r) > 0 || moon_reader_left(&all) > 0;
  *out = m;
  return MOON_OK;
}

enum moon_err moon_v3_decode(const uint8_t *p, size_t n, struct moon_v3 *out) {
  struct moon_v3 m;
  if (!glance(p, n, &m)) { return decode(p, n, out); }
  *out = m;
  return MOON_OK;
}

static enum moon_err decode_scoped(const uint8_t *p, size_t n, struct moon_scoped *out) {
  struct moon_scoped s = {.trailing = false};
  struct moon_reader all, r, context;
  moon_reader_init(&all, p, n);
  moon_ber_get_body(&all, MOON_SEQUENCE, &r);
  s.engine_id = get_octets(&r, MOON_ENGINE_ID_MAX, &s.engine_id_len);
  moon_ber_get_body(&r, MOON_OCTET_STRING, &context);
  s.context = context.p;
  s.context_len = moon_reader_left(&context);
  if (r.err || moon_pdu_decode(&r, &s.pdu)) { return r.err; }
  s.trailing = s.pdu.varbinds + s.pdu.varbinds_len != p + n;
  *out = s;
  return MOON_OK;
}

enum moon_err moon_scoped_decode(const uint8_t *p, size_t n, struct moon_scoped *out) {
  struct moon_scoped s;
  if (!glance_scoped(p, n, &s)) { return decode_scoped(p, n, out); }
  *out = s;
  return MOON_OK;
}

/* ---- writing
 *
 * What stands in front of the data is put forwards, in one piece whose lengths are worked out before: put by put it takes
 * three times as long (callgrind). Numbers are stored as four octets, of which what follows overwrites those too many. */

static size_t header_len(size_t n) { return n < 0x80 ? 2 : n < 0x100 ? 3 : n < 0x10000 ? 4 : n < 0x1000000 ? 5 : 6; }
static size_t number_len(uint32_t v) { return v < 0x80 ? 1 : v < 0x8000 ? 2 : v < 0x800000 ? 3 : 4; }
static size_t signed_len(int32_t v) { return number_len((uint32_t)(v < 0 ? ~v : v)); }

static uint8_t *header(uint8_t *p, uint8_t tag, size_t n) {
  *p++ = tag;
  if (n < 0x80) {
    *p++ = (uint8_t)n;
    return p;
  }
  size_t more = header_len(n) - 2;
  *p++ = (uint8_t)(0x80 | more);
  while (more) { *p++ = (uint8_t)(n >> 8 * --more); }
  return p;
}

static uint8_t *number(uint8_t *p, uint32_t v, size_t n) {
  uint32_t shifted = v << (32 - 8 * n);
  p[0] = MOON_INTEGER;
  p[1] = (uint8_t)n;
  p[2] = (uint8_t)(shifted >> 24);
  p[3] = (uint8_t)(shifted >> 16);
  p[4] = (uint8_t)(shifted >> 8);
  p[5] = (uint8_t)shifted;
  return p + 2 + n;
}

/* One with nothing behind it that may be overwritten. */
static uint8_t *last_number(uint8_t *p, uint32_t v, size_t n) {
  *p++ = MOON_INTEGER;
  *p++ = (uint8_t)n;
  while (n) { *p++ = (uint8_t)(v >> 8 * --n); }
  return p;
}

static uint8_t *octets(uint8_t *p, const uint8_t *from, size_t n) {
  p = header(p, MOON_OCTET_STRING, n);
  if (n) { memcpy(p, from, n); }
  return p + n;
}

void moon_scoped_encode(struct moon_writer *w, const struct moon_scoped *s) {
  const struct moon_pdu *pdu = &s->pdu;
  size_t list = pdu->varbinds_len, status = signed_len(pdu->error_status), index = signed_len(pdu->error_index);
  if (s->engine_id_len > MOON_ENGINE_ID_MAX || s->context_len > MOON_CONTEXT_MAX) { moon_writer_fail(w, MOON_E_LIMIT); }
  if (!list || pdu->varbinds != w->p) {
    moon_writer_put(w, pdu->varbinds, list);
  } else if (list > moon_writer_len(w)) {
    moon_writer_fail(w, MOON_E_LENGTH);
  }
  size_t body = 6 + 2 + status + 2 + index + header_len(list) + list;
  size_t all = 2u + s->engine_id_len + header_len(s->context_len) + s->context_len + header_len(body) + body;
  size_t front = header_len(all) + all - list;
  if (w->err || (size_t)(w->p - w->start) < front) {
    moon_writer_fail(w, MOON_E_SPACE);
    return;
  }
  uint8_t *p = w->p -= front;
  p = header(p, MOON_SEQUENCE, all);
  p = octets(p, s->engine_id, s->engine_id_len);
  p = octets(p, s->context, s->context_len);
  p = header(p, pdu->type, body);
  p = number(p, (uint32_t)pdu->request_id, 4);
  p = number(p, (uint32_t)pdu->error_status, status);
  p = last_number(p, (uint32_t)pdu->error_index, index);
  header(p, MOON_SEQUENCE, list);
}

/* msgData; returns the end of the message. */
static const uint8_t *put_data(struct moon_writer *w, const struct moon_v3 *m) {
  const uint8_t *mark = w->p;
  if (m->scoped_len && m->scoped == w->p) {
    if (m->scoped_len > moon_writer_len(w)) { moon_writer_fail(w, MOON_E_LENGTH); }
    mark += m->scoped_len;
  } else {
    moon_writer_put(w, m->scoped, m->scoped_len);
  }
  if (m->flags & MOON_V3_PRIV) { moon_ber_put_wrap(w, MOON_OCTET_STRING, mark); }
  return mark;
}

size_t moon_v3_encode(struct moon_writer *w, const struct moon_v3 *m) {
  static const uint8_t hole[UINT8_MAX];
  if (m->engine_id_len > MOON_ENGINE_ID_MAX || m->user_len > MOON_USER_MAX) { moon_writer_fail(w, MOON_E_LIMIT); }
  if ((m->id | m->max_size | m->boots | m->time) > INT32_MAX || m->max_size < MOON_V3_SIZE_MIN ||
      (m->flags & MOON_V3_LEVEL) == MOON_V3_PRIV) {
    moon_writer_fail(w, MOON_E_RANGE);
  }
  const uint8_t *end = put_data(w, m);
  size_t max_size = number_len(m->max_size), boots = number_len(m->boots), time = number_len(m->time);
  size_t global = 6 + 2 + max_size + 3 + 3;
  size_t inner = 2u + m->engine_id_len + 2 + boots + 2 + time + 2 + m->user_len + header_len(m->auth_len) + m->auth_len +
                 header_len(m->priv_len) + m->priv_len;
  size_t parameters = header_len(inner) + inner, ahead = 3 + 2 + global + header_len(parameters) + parameters;
  size_t all = ahead + (size_t)(end - w->p), front = header_len(all) + ahead;
  if (w->err || (size_t)(w->p - w->start) < front) {
    moon_writer_fail(w, MOON_E_SPACE);
    return 0;
  }
  uint8_t *p = w->p -= front;
  p = header(p, MOON_SEQUENCE, all);
  p = number(p, MOON_V3, 1);
  p = header(p, MOON_SEQUENCE, global);
  p = number(p, m->id, 4);
  p = number(p, m->max_size, max_size);
  p = octets(p, &m->flags, 1);
  p = number(p, MOON_V3_MODEL_USM, 1);
  p = header(p, MOON_OCTET_STRING, parameters);
  p = header(p, MOON_SEQUENCE, inner);
  p = octets(p, m->engine_id, m->engine_id_len);
  p = number(p, m->boots, boots);
  p = number(p, m->time, time);
  p = octets(p, m->user, m->user_len);
  p = octets(p, m->auth ? m->auth : hole, m->auth_len);
  size_t auth = (size_t)(p - w->p) - m->auth_len;
  octets(p, m->priv, m->priv_len);
  return auth;
}
