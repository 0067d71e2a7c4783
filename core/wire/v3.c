#include "v3.h"

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

enum moon_err moon_v3_decode(const uint8_t *p, size_t n, struct moon_v3 *out) {
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

enum moon_err moon_scoped_decode(const uint8_t *p, size_t n, struct moon_scoped *out) {
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

void moon_scoped_encode(struct moon_writer *w, const struct moon_scoped *s) {
  const uint8_t *mark = w->p;
  if (s->engine_id_len > MOON_ENGINE_ID_MAX || s->context_len > MOON_CONTEXT_MAX) { moon_writer_fail(w, MOON_E_LIMIT); }
  if (s->pdu.varbinds_len && s->pdu.varbinds == w->p) { mark += s->pdu.varbinds_len; }
  moon_pdu_encode(w, &s->pdu);
  moon_ber_put_bytes(w, MOON_OCTET_STRING, s->context, s->context_len);
  moon_ber_put_bytes(w, MOON_OCTET_STRING, s->engine_id, s->engine_id_len);
  moon_ber_put_wrap(w, MOON_SEQUENCE, mark);
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

/* What stands in front of the data is put forwards, in one piece whose lengths are worked out before: put by put it takes
 * three times as long (callgrind). Numbers are stored as four octets, of which what follows overwrites those too many. */

static size_t header_len(size_t n) { return n < 0x80 ? 2 : n < 0x100 ? 3 : n < 0x10000 ? 4 : n < 0x1000000 ? 5 : 6; }
static size_t number_len(uint32_t v) { return v < 0x80 ? 1 : v < 0x8000 ? 2 : v < 0x800000 ? 3 : 4; }

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

static uint8_t *octets(uint8_t *p, const uint8_t *from, size_t n) {
  p = header(p, MOON_OCTET_STRING, n);
  if (n) { memcpy(p, from, n); }
  return p + n;
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
