#include "message.h"

/* The first header of a message: enters the sequence, reads the version. */
static void open_message(struct moon_reader *r, const uint8_t *p, size_t n, int32_t *version, bool may_be_cut) {
  struct moon_reader all;
  moon_reader_init(&all, p, n);
  if (may_be_cut) {
    moon_ber_get_body_cut(&all, MOON_SEQUENCE, r);
  } else {
    moon_ber_get_body(&all, MOON_SEQUENCE, r);
  }
  *version = moon_ber_get_i32(r);
}

enum moon_err moon_message_peek(const uint8_t *p, size_t n, struct moon_peek *out) {
  struct moon_reader r, body;
  struct moon_peek peek = {0, 0, 0};
  int32_t version;
  open_message(&r, p, n, &version, true);
  if (r.err) { return r.err; }
  switch (version) {
  case MOON_V1:
  case MOON_V2C:
    moon_ber_get_body(&r, MOON_OCTET_STRING, &body);
    if (!r.err && !moon_reader_left(&r)) { moon_reader_fail(&r, MOON_E_SHORT); }
    if (r.err) { return r.err; }
    peek.pdu_type = r.p[0];
    if (peek.pdu_type < MOON_PDU_GET || peek.pdu_type > MOON_PDU_REPORT) { return MOON_E_TAG; }
    break;
  case MOON_V3:
    break;
  default:
    return MOON_E_VERSION;
  }
  moon_ber_get_body_cut(&r, peek.pdu_type ? peek.pdu_type : MOON_SEQUENCE, &body);
  if (peek.pdu_type != MOON_PDU_TRAP_V1) { peek.id = (uint32_t)moon_ber_get_i32(&body); }
  if (body.err) { return body.err; }
  peek.version = (uint8_t)version;
  *out = peek;
  return MOON_OK;
}

static enum moon_err decode(const uint8_t *p, size_t n, struct moon_message *out, bool may_be_cut) {
  struct moon_reader r, community;
  const uint8_t *end;
  bool is_trap_v1;
  int32_t version;
  open_message(&r, p, n, &version, may_be_cut);
  if (!r.err && version != MOON_V1 && version != MOON_V2C) { return MOON_E_VERSION; }
  moon_ber_get_body(&r, MOON_OCTET_STRING, &community);
  if (r.err) { return r.err; }
  is_trap_v1 = moon_reader_left(&r) && r.p[0] == MOON_PDU_TRAP_V1;
  if (is_trap_v1) {
    if (moon_trap_v1_decode(&r, &out->trap)) { return r.err; }
    end = out->trap.varbinds + out->trap.varbinds_len;
  } else {
    if ((may_be_cut ? moon_pdu_decode_cut : moon_pdu_decode)(&r, &out->pdu)) { return r.err; }
    end = out->pdu.varbinds + out->pdu.varbinds_len;
  }
  out->version = (uint8_t)version; /* nothing fails from here on */
  out->community = community.p;
  out->community_len = moon_reader_left(&community);
  out->is_trap_v1 = is_trap_v1;
  out->trailing = end != p + n;
  return MOON_OK;
}

enum moon_err moon_message_decode(const uint8_t *p, size_t n, struct moon_message *out) {
  return decode(p, n, out, false);
}

enum moon_err moon_message_decode_cut(const uint8_t *p, size_t n, struct moon_message *out) {
  return decode(p, n, out, true);
}

void moon_message_encode(struct moon_writer *w, uint8_t version, const uint8_t *community, size_t community_len,
                         const struct moon_pdu *pdu) {
  const uint8_t *mark = w->p;
  if (version != MOON_V1 && version != MOON_V2C) { moon_writer_fail(w, MOON_E_VERSION); }
  if (community_len > MOON_COMMUNITY_MAX) { moon_writer_fail(w, MOON_E_LIMIT); }
  if (pdu->varbinds_len && pdu->varbinds == w->p) { mark += pdu->varbinds_len; }
  moon_pdu_encode(w, pdu);
  moon_ber_put_bytes(w, MOON_OCTET_STRING, community, community_len);
  moon_ber_put_i64(w, MOON_INTEGER, version);
  moon_ber_put_wrap(w, MOON_SEQUENCE, mark);
}
