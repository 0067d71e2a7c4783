#include "pdu.h"

static inline enum moon_err decode(struct moon_reader *r, struct moon_pdu *out, bool may_be_cut) {
  struct moon_reader body, list;
  int32_t id, status, index;
  uint8_t type;
  if (!r->err && !moon_reader_left(r)) { moon_reader_fail(r, MOON_E_SHORT); }
  if (r->err) { return r->err; }
  type = r->p[0];
  if (type < MOON_PDU_GET || type > MOON_PDU_REPORT || type == MOON_PDU_TRAP_V1) {
    moon_reader_fail(r, MOON_E_TAG);
    return r->err;
  }
  if (may_be_cut) {
    moon_ber_get_body_cut(r, type, &body);
  } else {
    moon_ber_get_body(r, type, &body);
  }
  id = moon_ber_get_i32(&body);
  status = moon_ber_get_i32(&body);
  index = moon_ber_get_i32(&body);
  if (may_be_cut) {
    moon_ber_get_body_cut(&body, MOON_SEQUENCE, &list);
  } else {
    moon_ber_get_body(&body, MOON_SEQUENCE, &list);
  }
  if (body.err) {
    moon_reader_fail(r, body.err);
    return r->err;
  }
  out->varbinds = list.p;
  out->varbinds_len = moon_reader_left(&list);
  out->request_id = id;
  out->error_status = status;
  out->error_index = index;
  out->type = type;
  return MOON_OK;
}

enum moon_err moon_pdu_decode(struct moon_reader *r, struct moon_pdu *out) {
  return decode(r, out, false);
}

enum moon_err moon_pdu_decode_cut(struct moon_reader *r, struct moon_pdu *out) {
  return decode(r, out, true);
}

enum moon_err moon_trap_v1_decode(struct moon_reader *r, struct moon_trap_v1 *out) {
  struct moon_reader body, enterprise, agent, ticks, list;
  struct moon_trap_v1 trap;
  enum moon_err e;
  moon_ber_get_body(r, MOON_PDU_TRAP_V1, &body);
  moon_ber_get_body(&body, MOON_OBJECT_ID, &enterprise);
  moon_ber_get_body(&body, MOON_IP_ADDRESS, &agent);
  trap.generic = moon_ber_get_i32(&body);
  trap.specific = moon_ber_get_i32(&body);
  moon_ber_get_body(&body, MOON_TIME_TICKS, &ticks);
  moon_ber_get_body(&body, MOON_SEQUENCE, &list);
  e = body.err;
  if (!e) {
    trap.enterprise = enterprise.p;
    trap.enterprise_len = moon_reader_left(&enterprise);
    trap.varbinds = list.p;
    trap.varbinds_len = moon_reader_left(&list);
    e = moon_oid_check(trap.enterprise, trap.enterprise_len);
  }
  if (!e) { e = moon_ber_u32(ticks.p, moon_reader_left(&ticks), &trap.uptime); }
  if (!e && moon_reader_left(&agent) != sizeof trap.agent) { e = MOON_E_LENGTH; }
  if (e) {
    moon_reader_fail(r, e);
    return r->err;
  }
  memcpy(trap.agent, agent.p, sizeof trap.agent);
  *out = trap;
  return MOON_OK;
}

/* Puts the list, unless it is what w already begins with; returns where its content ends. */
static const uint8_t *put_list(struct moon_writer *w, const uint8_t *varbinds, size_t len) {
  const uint8_t *mark = w->p;
  if (len && varbinds == w->p) {
    if (len > moon_writer_len(w)) { moon_writer_fail(w, MOON_E_LENGTH); }
    mark = varbinds + len;
  } else {
    moon_writer_put(w, varbinds, len);
  }
  moon_ber_put_wrap(w, MOON_SEQUENCE, mark);
  return mark;
}

void moon_pdu_encode(struct moon_writer *w, const struct moon_pdu *pdu) {
  const uint8_t *mark = put_list(w, pdu->varbinds, pdu->varbinds_len);
  moon_ber_put_i64(w, MOON_INTEGER, pdu->error_index);
  moon_ber_put_i64(w, MOON_INTEGER, pdu->error_status);
  moon_ber_put_id(w, (uint32_t)pdu->request_id);
  moon_ber_put_wrap(w, pdu->type, mark);
}

void moon_trap_v1_encode(struct moon_writer *w, const struct moon_trap_v1 *trap) {
  const uint8_t *mark = put_list(w, trap->varbinds, trap->varbinds_len);
  moon_ber_put_u64(w, MOON_TIME_TICKS, trap->uptime);
  moon_ber_put_i64(w, MOON_INTEGER, trap->specific);
  moon_ber_put_i64(w, MOON_INTEGER, trap->generic);
  moon_ber_put_bytes(w, MOON_IP_ADDRESS, trap->agent, sizeof trap->agent);
  moon_ber_put_bytes(w, MOON_OBJECT_ID, trap->enterprise, trap->enterprise_len);
  moon_ber_put_wrap(w, MOON_PDU_TRAP_V1, mark);
}

/* Any lengths; the fast path below takes what is below 128 octets. */
static bool get_any(struct moon_reader *r, struct moon_varbind *out) {
  struct moon_reader vb, name;
  uint8_t type;
  size_t len;
  enum moon_err e;
  moon_ber_get_body(r, MOON_SEQUENCE, &vb);
  moon_ber_get_body(&vb, MOON_OBJECT_ID, &name);
  moon_ber_get_header(&vb, &type, &len);
  e = vb.err;
  if (!e && len != moon_reader_left(&vb)) { e = MOON_E_TRAILING; }
  if (!e) { e = moon_oid_check(name.p, moon_reader_left(&name)); }
  if (e) {
    moon_reader_fail(r, e);
    return false;
  }
  out->oid = name.p;
  out->oid_len = (uint16_t)moon_reader_left(&name);
  out->value = vb.p;
  out->value_len = (uint32_t)len;
  out->type = type;
  return true;
}

/*  30 L  06 N name[N]  T V value[V]     with L, N, V < 128 and L = 4 + N + V */
bool moon_varbind_get(struct moon_reader *r, struct moon_varbind *out) {
  const uint8_t *p = r->p;
  size_t left = moon_reader_left(r), all, n, len;
  if (left == 0) { return false; }
  if (left < 7 || p[0] != MOON_SEQUENCE || p[1] >= 0x80 || p[2] != MOON_OBJECT_ID) { return get_any(r, out); }
  all = p[1];
  n = p[3];
  if (all > left - 2 || n + 4 > all) { return get_any(r, out); } /* n + 4 > all also for a long form of n */
  len = p[5 + n];
  if (n + 4 + len != all || (p[4 + n] & 0x1f) == 0x1f) { return get_any(r, out); }
  if (!moon_oid_is_plain(p + 4, n) && moon_oid_check(p + 4, n)) { return get_any(r, out); }
  out->oid = p + 4;
  out->value = p + 6 + n;
  out->value_len = (uint32_t)len;
  out->oid_len = (uint16_t)n;
  out->type = p[4 + n];
  r->p = p + 2 + all;
  return true;
}

void moon_varbind_put(struct moon_writer *w, const struct moon_varbind *vb) {
  const uint8_t *mark = w->p;
  moon_ber_put_bytes(w, vb->type, vb->value, vb->value_len);
  moon_ber_put_bytes(w, MOON_OBJECT_ID, vb->oid, vb->oid_len);
  moon_ber_put_wrap(w, MOON_SEQUENCE, mark);
}

enum moon_err moon_varbind_check(const struct moon_varbind *vb) {
  int64_t i;
  uint64_t u;
  switch (vb->type) {
  case MOON_INTEGER:
    return moon_ber_i64(vb->value, vb->value_len, &i);
  case MOON_COUNTER32:
  case MOON_GAUGE32:
  case MOON_TIME_TICKS:
  case MOON_UINTEGER32:
  case MOON_COUNTER64:
    return moon_varbind_u64(vb, &u);
  case MOON_OCTET_STRING:
  case MOON_OPAQUE:
  case MOON_NSAP:
    return MOON_OK;
  case MOON_OBJECT_ID:
    return vb->value_len ? moon_oid_check(vb->value, vb->value_len) : MOON_OK;
  case MOON_IP_ADDRESS:
    return vb->value_len == 4 ? MOON_OK : MOON_E_LENGTH;
  case MOON_NULL:
  case MOON_NO_SUCH_OBJECT:
  case MOON_NO_SUCH_INSTANCE:
  case MOON_END_OF_MIB_VIEW:
    return vb->value_len == 0 ? MOON_OK : MOON_E_LENGTH;
  default:
    return MOON_E_TAG;
  }
}

enum moon_err moon_varbind_i64(const struct moon_varbind *vb, int64_t *out) {
  return vb->type == MOON_INTEGER ? moon_ber_i64(vb->value, vb->value_len, out) : MOON_E_TAG;
}

enum moon_err moon_varbind_u64(const struct moon_varbind *vb, uint64_t *out) {
  uint32_t v;
  enum moon_err e;
  switch (vb->type) {
  case MOON_COUNTER64:
    return moon_ber_u64(vb->value, vb->value_len, out);
  case MOON_COUNTER32:
  case MOON_GAUGE32:
  case MOON_TIME_TICKS:
  case MOON_UINTEGER32:
    e = moon_ber_u32(vb->value, vb->value_len, &v);
    if (!e) { *out = v; }
    return e;
  default:
    return MOON_E_TAG;
  }
}

/*  9f kind len content: a context tag of number 0x30 + the application tag it stands for, net-snmp's asn1.h */
enum moon_err moon_varbind_opaque(const struct moon_varbind *vb, uint8_t *kind, union moon_opaque *out) {
  const uint8_t *p = vb->value, *content;
  size_t n;
  uint64_t bits = 0;
  union { uint32_t bits; float real; } single;
  union moon_opaque v;
  enum moon_err e = MOON_OK;
  if (vb->type != MOON_OPAQUE || vb->value_len < 3 || p[0] != 0x9f) { return MOON_E_TAG; }
  if (p[1] < 0x76 || p[1] > 0x7b || p[1] == 0x77) { return MOON_E_TAG; }
  n = vb->value_len - 3;
  if (p[2] != n) { return MOON_E_LENGTH; }
  content = p + 3;
  switch (p[1]) {
  case 0x78:
    if (n != 4) { return MOON_E_LENGTH; }
    moon_ber_u64(content, n, &bits);
    single.bits = (uint32_t)bits;
    v.real = (double)single.real;
    break;
  case 0x79:
    if (n != 8) { return MOON_E_LENGTH; }
    e = moon_ber_u64(content, n, &v.uint); /* the bits of the double */
    break;
  case 0x7a:
    e = moon_ber_i64(content, n, &v.sint);
    break;
  default:
    e = moon_ber_u64(content, n, &v.uint);
    break;
  }
  if (e) { return e; }
  *kind = p[1];
  *out = v;
  return MOON_OK;
}
