#include "answer.h"
#include "overlay.h"
#include "view.h"

#define MIN_OCTETS 484  /* RFC 3417 3.2.1: every entity takes this much */

enum status { /* RFC 3416 3 */
  NO_ERROR = 0, TOO_BIG = 1, NO_SUCH_NAME = 2, BAD_VALUE = 3, GEN_ERR = 5, NO_ACCESS = 6, WRONG_TYPE = 7, WRONG_LENGTH = 8,
  WRONG_ENCODING = 9, NO_CREATION = 11, RESOURCE_UNAVAILABLE = 13, UNDO_FAILED = 15,
  MALFORMED = -1 /* of the request: no answer */
};

/* One repeated column of a GETBULK. */
struct cursor {
  const uint8_t *name; /* where it is */
  uint32_t next;       /* index of what follows, where the view goes by index */
  uint16_t len;
  bool ended;
};

struct responder {
  struct moon_view view;
  const struct moon_asked *q;
  uint8_t *list, *p, *end; /* the varbinds, what is free behind them, and how far they may reach */
  uint32_t n;              /* varbinds */
  uint32_t index;          /* of the varbind under way, from 1 */
  bool may_gen_err, may_be_long;
};

static inline size_t tlv(size_t n) {
  return n + (n < 0x80 ? 2 : n < 0x100 ? 3 : 4);
}

/* Octets of the message whose varbinds have so many. */
static size_t message_len(const struct moon_asked *q, size_t list, uint32_t error_index) {
  size_t numbers = 6 + 3 + (error_index < 0x80 ? 3 : error_index < 0x8000 ? 4 : 5);
  return tlv(q->around + tlv(numbers + tlv(list)));
}

/* The most octets of varbinds that a message of so many has room for. */
static size_t list_max(const struct moon_asked *q, size_t octets) {
  size_t n = message_len(q, 0, 0);
  n = octets > n + 16 ? octets - n - 16 : 0;
  while (message_len(q, n + 1, 0) <= octets) { n++; }
  return n;
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

static uint8_t *put_long_header(uint8_t *p, uint8_t tag, size_t n) {
  *p++ = tag;
  *p++ = 0x84;
  for (unsigned shift = 32; shift; shift -= 8) { *p++ = (uint8_t)(n >> (shift - 8)); }
  return p;
}

/* TOO_BIG: it does not fit. */
static enum status put(struct responder *r, const struct moon_varbind *vb) {
  size_t inner = tlv(vb->oid_len) + tlv(vb->value_len), len = tlv(inner);
  bool is_long = r->may_be_long && moon_flaws_under(r->view.agent->profile->flaws, r->q->judgement, MOON_FLAW_LONG_LENGTH, vb->oid,
                                                    vb->oid_len);
  uint8_t *p = r->p;
  if (is_long) {
    inner = 6u + vb->oid_len + 6 + vb->value_len;
    len = 6 + inner;
  }
  if ((size_t)(r->end - r->p) < len) { return TOO_BIG; }
  if (is_long) {
    r->view.flaws |= 1u << MOON_FLAW_LONG_LENGTH;
    p = put_long_header(p, MOON_SEQUENCE, inner);
    p = put_long_header(p, MOON_OBJECT_ID, vb->oid_len);
    memcpy(p, vb->oid, vb->oid_len);
    p = put_long_header(p + vb->oid_len, vb->type, vb->value_len);
  } else {
    p = put_header(p, MOON_SEQUENCE, inner);
    p = put_header(p, MOON_OBJECT_ID, vb->oid_len);
    memcpy(p, vb->oid, vb->oid_len);
    p = put_header(p + vb->oid_len, vb->type, vb->value_len);
  }
  if (vb->value_len) { memcpy(p, vb->value, vb->value_len); }
  r->p += len;
  r->n++;
  return NO_ERROR;
}

static enum status put_found(struct responder *r, const struct moon_varbind *vb) {
  if (r->may_gen_err && moon_flaws_under(r->view.agent->profile->flaws, r->q->judgement, MOON_FLAW_GEN_ERR, vb->oid, vb->oid_len)) {
    r->view.flaws |= 1u << MOON_FLAW_GEN_ERR;
    return GEN_ERR;
  }
  return put(r, vb);
}

static enum status put_missing(struct responder *r, const struct moon_varbind *asked, uint8_t type) {
  const struct moon_varbind vb = {.oid = asked->oid, .value = asked->oid, .oid_len = asked->oid_len, .type = type};
  return r->view.v1 ? NO_SUCH_NAME : put_found(r, &vb);
}

static inline enum status put_still(struct responder *r, uint32_t i) {
  const struct moon_instance *e = &r->view.recording->instances[i];
  if ((size_t)(r->end - r->p) < e->len) { return TOO_BIG; }
  memcpy(r->p, r->view.recording->octets + e->at, e->len);
  r->p += e->len;
  r->n++;
  return NO_ERROR;
}

static enum status get_one(struct responder *r, const struct moon_varbind *asked) {
  struct moon_varbind vb;
  if (r->view.plain) {
    uint32_t i = moon_recording_find(r->view.recording, asked->oid, asked->oid_len);
    if (i != MOON_RECORDING_NONE && moon_view_is_still(&r->view, i)) { return put_still(r, i); }
  }
  if (!moon_view_find(&r->view, asked->oid, asked->oid_len, &vb)) {
    return put_missing(r, asked, moon_view_missing(&r->view, asked->oid, asked->oid_len));
  }
  return r->view.v1 && moon_varbind_is_exception(&vb) ? NO_SUCH_NAME : put_found(r, &vb);
}

static enum status next_one(struct responder *r, const struct moon_varbind *asked) {
  struct moon_varbind vb;
  if (r->view.plain) {
    uint32_t i = moon_recording_after(r->view.recording, asked->oid, asked->oid_len);
    if (i < r->view.recording->n && moon_view_is_still(&r->view, i)) { return put_still(r, i); }
  }
  if (moon_view_after(&r->view, asked->oid, asked->oid_len, &vb)) { return put_found(r, &vb); }
  return put_missing(r, asked, MOON_END_OF_MIB_VIEW);
}

/* Each varbind of a list in turn. */
static enum status each(struct responder *r, struct moon_reader *list, uint32_t max,
                        enum status (*one)(struct responder *, const struct moon_varbind *)) {
  struct moon_varbind asked;
  while (r->index < max && moon_varbind_get(list, &asked)) {
    enum status s;
    r->index++;
    if ((s = one(r, &asked)) != NO_ERROR) { return s; }
  }
  return list->err ? MALFORMED : NO_ERROR;
}

/* As many instances that go out as recorded as there are in a row, at most max, copied at once. Returns how many. */
static uint32_t put_run(struct responder *r, uint32_t first, uint32_t max) {
  const struct moon_recording *recording = r->view.recording;
  const struct moon_instance *e = recording->instances + first;
  size_t room = (size_t)(r->end - r->p), len = 0;
  uint32_t n = 0;
  if (max > recording->n - first) { max = recording->n - first; }
  while (n < max && moon_view_is_still(&r->view, first + n) && len + e[n].len <= room) { len += e[n++].len; }
  memcpy(r->p, recording->octets + e->at, len);
  r->p += len;
  r->n += n;
  return n;
}

static void move_to(struct responder *r, struct cursor *c, uint32_t i) {
  const struct moon_instance *e = &r->view.recording->instances[i];
  c->name = r->view.recording->octets + e->at + e->oid_at;
  c->len = e->oid_len;
  c->next = i + 1;
}

/* The next instance of one column, or endOfMibView under the last name. */
static enum status step(struct responder *r, struct cursor *c) {
  struct moon_varbind vb;
  enum status s;
  if (!r->view.by_name && c->next < r->view.recording->n && moon_view_is_still(&r->view, c->next)) {
    if ((s = put_still(r, c->next)) == NO_ERROR) { move_to(r, c, c->next); }
    return s;
  }
  if (r->view.by_name) {
    c->ended = !moon_view_after(&r->view, c->name, c->len, &vb);
  } else {
    uint32_t i = moon_view_from(&r->view, c->next, &vb);
    c->ended = i == MOON_RECORDING_NONE;
    if (!c->ended) { move_to(r, c, i); }
  }
  if (c->ended) { vb = (struct moon_varbind){.oid = c->name, .value = c->name, .oid_len = c->len, .type = MOON_END_OF_MIB_VIEW}; }
  if ((s = put_found(r, &vb)) == NO_ERROR) {
    c->name = vb.oid;
    c->len = vb.oid_len;
  }
  return s;
}

/* Repetition by repetition (RFC 3416 4.2.3); one in which every column has ended is the last. */
static enum status repeat(struct responder *r, struct cursor *cursors, uint32_t n, uint32_t repetitions) {
  uint32_t first_index = r->index, live = n, i;
  for (; repetitions && live; repetitions--) {
    if (n == 1 && !r->view.by_name && cursors[0].next < r->view.recording->n) {
      uint32_t run = put_run(r, cursors[0].next, repetitions);
      if (run) {
        move_to(r, &cursors[0], cursors[0].next + run - 1);
        repetitions -= run - 1;
        continue;
      }
    }
    for (i = 0, live = 0; i < n; i++) {
      enum status s;
      r->index = first_index + i + 1;
      if ((s = step(r, &cursors[i])) != NO_ERROR) { return s; }
      live += !cursors[i].ended;
    }
  }
  return NO_ERROR;
}

static enum status get_bulk(struct responder *r, struct moon_reader *list) {
  struct cursor cursors[MOON_VARBINDS_MAX];
  const struct moon_pdu *pdu = r->q->pdu;
  struct moon_varbind asked;
  uint32_t n = 0;
  enum status s = each(r, list, pdu->error_status > 0 ? (uint32_t)pdu->error_status : 0, next_one);
  if (s == NO_ERROR) {
    while (moon_varbind_get(list, &asked)) {
      if (n == MOON_VARBINDS_MAX) { return MALFORMED; }
      cursors[n++] = (struct cursor){.name = asked.oid, .len = asked.oid_len,
                                     .next = r->view.by_name ? 0 : moon_recording_after(r->view.recording, asked.oid, asked.oid_len)};
    }
    if (list->err) { return MALFORMED; }
    s = repeat(r, cursors, n, pdu->error_index > 0 ? (uint32_t)pdu->error_index : 0);
  }
  return s == TOO_BIG && r->n ? NO_ERROR : s; /* as much as fits */
}

/* May this be written, as far as can be told before anything is? */
static enum status judge_set(struct responder *r, const struct moon_varbind *vb) {
  struct moon_agent *a = r->view.agent;
  struct moon_varbind now;
  if (!r->q->may_write) {
    a->counts.bad_writes++;
    return NO_ACCESS;
  }
  if (r->may_gen_err && moon_flaws_under(a->profile->flaws, r->q->judgement, MOON_FLAW_GEN_ERR, vb->oid, vb->oid_len)) {
    r->view.flaws |= 1u << MOON_FLAW_GEN_ERR;
    return GEN_ERR;
  }
  if (moon_varbind_is_exception(vb) || vb->type == MOON_NULL) { return WRONG_TYPE; }
  switch (moon_varbind_check(vb)) {
  case MOON_OK: break;
  case MOON_E_TAG: return WRONG_TYPE;
  case MOON_E_LENGTH: return WRONG_LENGTH;
  default: return WRONG_ENCODING;
  }
  if (vb->value_len > MOON_OVERLAY_VALUE_MAX) { return WRONG_LENGTH; }
  if (!moon_view_find(&r->view, vb->oid, vb->oid_len, &now) || moon_varbind_is_exception(&now)) {
    return a->profile->create ? NO_ERROR : NO_CREATION;
  }
  return now.type == vb->type ? NO_ERROR : WRONG_TYPE;
}

static enum status do_set(struct responder *r, const struct moon_varbind *vb) {
  switch (moon_overlay_put(&r->view.agent->overlay, vb)) {
  case MOON_OK: break;
  case MOON_E_LIMIT: return r->index == 1 ? RESOURCE_UNAVAILABLE : UNDO_FAILED;
  default: return r->index == 1 ? GEN_ERR : UNDO_FAILED;
  }
  r->view.agent->counts.set_vars++;
  return put(r, vb);
}

/* All or nothing, but for what nobody could foresee: then undoFailed tells that the first ones are written. */
static enum status set(struct responder *r, struct moon_reader *list) {
  struct moon_reader again = *list;
  enum status s = tlv(moon_reader_left(list)) > (size_t)(r->end - r->p) ? TOO_BIG : NO_ERROR;
  if (s != NO_ERROR) { return s; }
  r->view.by_name = true;
  if ((s = each(r, &again, UINT32_MAX, judge_set)) != NO_ERROR) { return s; }
  r->index = 0;
  return each(r, list, UINT32_MAX, do_set);
}

/* RFC 3584 4.4 */
static enum status to_v1(enum status s) {
  switch (s) {
  case NO_ERROR: case TOO_BIG: case NO_SUCH_NAME: case BAD_VALUE: case GEN_ERR: case MALFORMED: return s;
  case WRONG_TYPE: case WRONG_LENGTH: case WRONG_ENCODING: return BAD_VALUE;
  case NO_ACCESS: case NO_CREATION: return NO_SUCH_NAME;
  default: return GEN_ERR;
  }
}

/* The varbinds of the request come back, but for tooBig, which has none (RFC 3416 4.2.1; in v1 where they fit). */
static void put_error(struct responder *r, enum status s, size_t octets, struct moon_answered *out) {
  const struct moon_pdu *request = r->q->pdu;
  size_t n = request->varbinds_len;
  bool fits = message_len(r->q, n, r->index) <= octets;
  struct moon_reader list;
  struct moon_varbind vb;
  r->p = r->list;
  r->n = 0;
  if (!fits) { s = TOO_BIG; }
  out->pdu.error_status = s;
  out->pdu.error_index = s == TOO_BIG ? 0 : (int32_t)r->index;
  if (!fits || (s == TOO_BIG && !r->view.v1)) { return; }
  if (n) { memcpy(r->p, request->varbinds, n); }
  r->p += n;
  moon_reader_init(&list, request->varbinds, n);
  while (moon_varbind_get(&list, &vb)) { r->n++; }
}

/* Leaves out the last ones. */
static void drop_last(struct responder *r, uint32_t fewer) {
  struct moon_reader list;
  struct moon_varbind vb;
  uint32_t keep = r->n > fewer ? r->n - fewer : 1, n;
  if (r->n <= 1) { return; }
  moon_reader_init(&list, r->list, (size_t)(r->p - r->list));
  for (n = 0; n < keep && moon_varbind_get(&list, &vb);) { n++; }
  r->p = r->list + (list.p - r->list);
  r->n = n;
  r->view.flaws |= 1u << MOON_FLAW_FEWER;
}

enum moon_err moon_answer_pdu(struct moon_agent *a, uint64_t now_us, const struct moon_asked *q, uint8_t *room,
                              struct moon_answered *out) {
  struct responder r = {.q = q, .list = room + MOON_ANSWER_HEAD, .p = room + MOON_ANSWER_HEAD};
  const struct moon_judgement *j = q->judgement;
  size_t octets = a->profile->max_octets ? a->profile->max_octets : MOON_DATAGRAM_MAX;
  struct moon_reader list;
  enum status s;
  octets = octets < MIN_OCTETS ? MIN_OCTETS : octets > MOON_DATAGRAM_MAX ? MOON_DATAGRAM_MAX : octets;
  if (q->max_octets && q->max_octets < octets) { octets = q->max_octets; }
  r.end = r.list + list_max(q, octets);
  r.may_gen_err = j && (j->kinds >> MOON_FLAW_GEN_ERR & 1);
  r.may_be_long = j && (j->kinds >> MOON_FLAW_LONG_LENGTH & 1);
  moon_view_init(&r.view, a, now_us, j, q->version);
  moon_reader_init(&list, q->pdu->varbinds, q->pdu->varbinds_len);
  switch (q->error_status ? 0 : q->pdu->type) {
  case 0: s = (enum status)q->error_status; break;
  case MOON_PDU_GET: s = each(&r, &list, UINT32_MAX, get_one); break;
  case MOON_PDU_GET_NEXT: s = each(&r, &list, UINT32_MAX, next_one); break;
  case MOON_PDU_GET_BULK: s = get_bulk(&r, &list); break;
  case MOON_PDU_SET: s = set(&r, &list); break;
  default: s = MALFORMED; break;
  }
  if (s == MALFORMED) { return MOON_E_DECODE; }
  if (j && s == NO_ERROR && j->fewer) { drop_last(&r, j->fewer); }
  if (j && j->max_octets && s == NO_ERROR && message_len(q, (size_t)(r.p - r.list), 0) > j->max_octets) {
    s = TOO_BIG;
    r.view.flaws |= 1u << MOON_FLAW_TOO_BIG;
  }
  out->pdu = (struct moon_pdu){.request_id = q->pdu->request_id, .type = MOON_PDU_RESPONSE};
  if (s != NO_ERROR) { put_error(&r, r.view.v1 ? to_v1(s) : s, octets, out); }
  out->pdu.varbinds = r.list;
  out->pdu.varbinds_len = (size_t)(r.p - r.list);
  out->n = r.n;
  out->rtt_us = r.view.rtt_us;
  out->flaws = r.view.flaws;
  return message_len(q, out->pdu.varbinds_len, (uint32_t)out->pdu.error_index) <= octets ? MOON_OK : MOON_E_TOO_BIG;
}
