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

/* What stands where in nearly every message: a version of one octet, a community below 128, an id of four octets. */
struct glance {
  const uint8_t *community, *pdu; /* pdu: behind its id */
  const uint8_t *pdu_end, *end;   /* as the lengths say, which may be past what is there */
  uint32_t id;
  uint8_t version, community_len, pdu_type;
};

/* Content of the TLV at p, of which five octets are there; NULL: a length of another form than nearly all. */
static inline const uint8_t *enter(const uint8_t *p, size_t *len) {
  if (p[1] < 0x80) {
    *len = p[1];
    return p + 2;
  }
  if (p[1] == 0x81) {
    *len = p[2];
    return p + 3;
  }
  *len = (size_t)p[2] << 8 | p[3];
  return p[1] == 0x82 ? p + 4 : NULL;
}

/* false: not such a one, or none at all; reading it piece by piece tells. What is taken here is read the same there, for a fifth of
 * the instructions. */
static inline bool glance(const uint8_t *p, size_t n, struct glance *g) {
  const uint8_t *there = p + n, *at, *pdu;
  size_t len;
  if (n < 24 || p[0] != MOON_SEQUENCE || !(at = enter(p, &len))) { return false; }
  if (at[0] != MOON_INTEGER || at[1] != 1 || at[2] > MOON_V2C || at[3] != MOON_OCTET_STRING || at[4] >= 0x80) { return false; }
  g->version = at[2];
  g->community = at + 5;
  g->community_len = at[4];
  g->end = at + len;
  at += 5 + g->community_len;
  if ((size_t)(there - p) < 10u + (size_t)(at - p) || (size_t)(at - p) + 10 > (size_t)(g->end - p)) { return false; }
  g->pdu_type = at[0];
  if (g->pdu_type < MOON_PDU_GET || g->pdu_type > MOON_PDU_REPORT || g->pdu_type == MOON_PDU_TRAP_V1) { return false; }
  if (!(pdu = enter(at, &len)) || len < 6 || pdu[0] != MOON_INTEGER || pdu[1] != 4) { return false; }
  g->id = (uint32_t)pdu[2] << 24 | (uint32_t)pdu[3] << 16 | (uint32_t)pdu[4] << 8 | pdu[5];
  g->pdu_end = pdu + len;
  g->pdu = pdu + 6;
  return true;
}

/* The same with all that follows, nothing missing and nothing left over. */
static inline bool glance_all(const uint8_t *p, size_t n, struct moon_message *out) {
  struct glance g;
  size_t len;
  if (!glance(p, n, &g) || g.end != p + n || g.pdu_end != g.end || g.end - g.pdu < 11) { return false; }
  const uint8_t *at = g.pdu, *list;
  if (at[0] != MOON_INTEGER || at[1] != 1 || at[3] != MOON_INTEGER || at[4] != 1 || at[6] != MOON_SEQUENCE) { return false; }
  if (!(list = enter(at + 6, &len)) || list + len != g.end) { return false; }
  out->pdu.varbinds = list;
  out->pdu.varbinds_len = len;
  out->pdu.request_id = (int32_t)g.id;
  out->pdu.error_status = (int8_t)at[2];
  out->pdu.error_index = (int8_t)at[5];
  out->pdu.type = g.pdu_type;
  out->version = g.version;
  out->community = g.community;
  out->community_len = g.community_len;
  out->is_trap_v1 = out->trailing = false;
  return true;
}

/* The id of nearly every message of SNMPv3, likewise. */
static inline bool glance_v3(const uint8_t *p, size_t n, uint32_t *id) {
  const uint8_t *at;
  size_t len;
  if (n < 24 || p[0] != MOON_SEQUENCE || !(at = enter(p, &len)) || len < 11) { return false; }
  if (at[0] != MOON_INTEGER || at[1] != 1 || at[2] != MOON_V3) { return false; }
  if (at[3] != MOON_SEQUENCE || at[4] >= 0x80 || at[4] < 6 || at[5] != MOON_INTEGER || at[6] != 4) { return false; }
  *id = (uint32_t)at[7] << 24 | (uint32_t)at[8] << 16 | (uint32_t)at[9] << 8 | at[10];
  return true;
}

enum moon_err moon_message_peek(const uint8_t *p, size_t n, struct moon_peek *out) {
  struct moon_reader r, body;
  struct glance g;
  uint32_t id;
  if (glance(p, n, &g)) {
    *out = (struct moon_peek){g.id, g.version, g.pdu_type};
    return MOON_OK;
  }
  if (glance_v3(p, n, &id)) {
    *out = (struct moon_peek){id, MOON_V3, 0};
    return MOON_OK;
  }
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
  return glance_all(p, n, out) ? MOON_OK : decode(p, n, out, false);
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

static bool is_like(const struct moon_stencil *s, uint8_t version, const uint8_t *community, size_t community_len, const struct moon_pdu *pdu) {
  return s->len && s->varbinds_len == pdu->varbinds_len && s->type == pdu->type && s->version == version &&
         s->error_status == pdu->error_status && s->error_index == pdu->error_index && s->community_len == community_len &&
         (!community_len || memcmp(s->octets + s->community_at, community, community_len) == 0);
}

/* Of the message that w begins with. */
static void cut_stencil(struct moon_stencil *s, const struct moon_writer *w, size_t len, uint8_t version, const struct moon_pdu *pdu) {
  struct moon_reader all, r, community, body;
  moon_reader_init(&all, w->p, moon_writer_len(w));
  moon_ber_get_body(&all, MOON_SEQUENCE, &r);
  (void)moon_ber_get_i32(&r);
  moon_ber_get_body(&r, MOON_OCTET_STRING, &community);
  moon_ber_get_body(&r, pdu->type, &body);
  size_t before = sizeof s->octets - len;
  *s = (struct moon_stencil){
    .varbinds_len = (uint32_t)pdu->varbinds_len,
    .error_status = pdu->error_status,
    .error_index = pdu->error_index,
    .version = version,
    .type = pdu->type,
    .len = (uint8_t)len,
    .community_len = (uint8_t)moon_reader_left(&community),
    .community_at = (uint8_t)(before + (size_t)(community.p - w->p)),
    .id_at = (uint8_t)(before + (size_t)(body.p - w->p) + 2),
  };
  memcpy(s->octets + before, w->p, len);
}

void moon_message_encode_like(struct moon_writer *w, struct moon_stencil *s, uint8_t version, const uint8_t *community,
                              size_t community_len, const struct moon_pdu *pdu) {
  if (!w->err && (size_t)(w->p - w->start) >= sizeof s->octets && is_like(s, version, community, community_len, pdu)) {
    uint8_t *at = w->p - sizeof s->octets, *id = at + s->id_at;
    memcpy(at, s->octets, sizeof s->octets); /* all of it: a copy of a known length is a few instructions */
    id[0] = (uint8_t)((uint32_t)pdu->request_id >> 24);
    id[1] = (uint8_t)((uint32_t)pdu->request_id >> 16);
    id[2] = (uint8_t)((uint32_t)pdu->request_id >> 8);
    id[3] = (uint8_t)pdu->request_id;
    w->p -= s->len;
    return;
  }
  const uint8_t *list = w->p;
  moon_message_encode(w, version, community, community_len, pdu);
  size_t len = (size_t)(list - w->p);
  if (!w->err && len <= sizeof s->octets) { cut_stencil(s, w, len, version, pdu); }
}
