#include "inner.h"

#include "../base/mem.h"
#include "authority.h"
#include "chance.h"
#include "overlay.h"

#define CAPTURE_MAX 2048 /* octets of an answer that is kept to be sent again; longer ones are not */

struct moon_capture {
  uint64_t at_us;
  size_t n;
  uint8_t octets[CAPTURE_MAX];
};

static struct moon_flaw_clock clock_of(struct moon_agent *a, uint64_t now_us) {
  struct moon_flaw_clock clock = {.t_us = now_us > a->started_us ? now_us - a->started_us : 0};
  moon_flaws_clock(a->profile->flaws, clock.t_us, &clock);
  if (a->line_boots != clock.boots) { /* what was SET is forgotten */
    a->line_boots = clock.boots;
    moon_overlay_free(a->overlay);
    a->overlay = NULL;
  }
  if (a->boot_us > clock.boot_us) { clock.boot_us = a->boot_us; }
  return clock;
}

/* At most n answers in each second of the agent's life. */
static bool is_over_rate(struct moon_agent *a, uint64_t t_us, uint32_t n) {
  if (a->rate_us != t_us / 1000000 + 1) {
    a->rate_us = t_us / 1000000 + 1;
    a->rate_n = 0;
  }
  return ++a->rate_n > n;
}

bool moon_answer_judge(struct moon_agent *a, uint64_t now_us, const struct moon_pdu *request, struct moon_judgement *j) {
  struct moon_flaw_clock clock = clock_of(a, now_us);
  uint64_t t_us = now_us > a->started_us ? now_us - a->started_us : 0;
  moon_flaws_judge(a->profile->flaws, t_us, &clock, moon_chance(a->seed, a->counts.datagrams), request, j);
  if (!j->silent && j->rate && is_over_rate(a, t_us, j->rate)) { j->silent = MOON_FLAW_RATE + 1; }
  if (clock.t_us != t_us) { a->counts.flaws[MOON_FLAW_CLOCK_JUMP]++; }
  if (!j->silent) { return true; }
  a->counts.flaws[j->silent - 1]++;
  return false;
}

/* Every request is one of these; others never get here. */
void moon_answer_count_request(struct moon_agent *a, uint8_t type) {
  struct moon_agent_counts *c = &a->counts;
  switch (type) {
  case MOON_PDU_GET: c->gets++; break;
  case MOON_PDU_GET_NEXT: c->nexts++; break;
  case MOON_PDU_GET_BULK: c->bulks++; break;
  default: c->sets++; break;
  }
}

void moon_answer_count(struct moon_agent *a, const struct moon_answered *answered) {
  struct moon_agent_counts *c = &a->counts;
  c->answered++;
  c->varbinds += answered->n;
  if (!answered->pdu.error_status) { return; }
  c->errors++;
  switch (answered->pdu.error_status) {
  case 1: c->too_big++; break;
  case 2: c->no_such_names++; break;
  case 3: c->bad_values++; break;
  case 5: c->gen_errs++; break;
  default: break;
  }
}

void moon_answer_put_ahead(struct moon_agent *a, const uint8_t *p, size_t n, struct moon_answer *out) {
  memmove(out->reply + 1, out->reply, out->n++ * sizeof *out->reply);
  out->reply[0] = (struct moon_reply){.p = p, .n = (uint32_t)n};
  a->counts.duplicates++;
}

/* Sends the answer kept, if there is one, and keeps this one in its place when its time is over. */
static void replay(struct moon_agent *a, uint64_t now_us, const struct moon_judgement *j, const uint8_t *p, size_t n, uint8_t *room,
                   struct moon_answer *out) {
  struct moon_capture *c = a->capture;
  if (c && c->n) {
    memcpy(room + MOON_ROOM_BESIDE, c->octets, c->n);
    moon_answer_put_ahead(a, room + MOON_ROOM_BESIDE, c->n, out);
    a->counts.flaws[MOON_FLAW_REPLAY]++;
    if (now_us - c->at_us < j->replay_us) { return; }
  }
  if (n > CAPTURE_MAX) { return; }
  if (!c && !(c = a->capture = moon_mem_alloc(sizeof *c))) { return; }
  memcpy(c->octets, p, n);
  c->n = n;
  c->at_us = now_us;
}

void moon_answer_spoil(struct moon_agent *a, uint64_t now_us, const struct moon_judgement *j, uint8_t *end, uint8_t *room,
                       struct moon_answer *out) {
  struct moon_reply *r = &out->reply[0];
  const uint8_t *p = r->p;
  size_t n = r->n;
  uint32_t done = j->kinds & (1u << MOON_FLAW_DELAY | 1u << MOON_FLAW_JITTER | 1u << MOON_FLAW_SLOW_START | 1u << MOON_FLAW_REORDER |
                              1u << MOON_FLAW_DUPLICATE | 1u << MOON_FLAW_WRONG_ID | 1u << MOON_FLAW_OTHER_SOURCE |
                              1u << MOON_FLAW_TRUNCATED | 1u << MOON_FLAW_TRAILING);
  r->delay_us += j->delay_us;
  r->other_source = (done >> MOON_FLAW_OTHER_SOURCE & 1) != 0;
  if (j->extra) {
    uint32_t extra = j->extra < MOON_DATAGRAM_MAX - r->n ? j->extra : MOON_DATAGRAM_MAX - r->n;
    memset(end, 0x55, extra);
    r->n += extra;
  }
  if (j->cut) {
    uint32_t cut = j->cut == UINT32_MAX ? r->n / 2 : j->cut;
    r->n -= cut < r->n ? cut : r->n - 1;
  }
  if (done >> MOON_FLAW_DUPLICATE & 1) {
    out->reply[1] = *r;
    out->reply[1].delay_us += j->copy_us;
    out->n = 2;
    a->counts.duplicates++;
  }
  for (unsigned k = 0; k < MOON_FLAWS_N; k++) { a->counts.flaws[k] += done >> k & 1; }
  if (j->kinds >> MOON_FLAW_REPLAY & 1) { replay(a, now_us, j, p, n, room, out); }
}

bool moon_answer_is_request(uint8_t version, uint8_t type) {
  switch (type) {
  case MOON_PDU_GET: case MOON_PDU_GET_NEXT: case MOON_PDU_SET: return true;
  case MOON_PDU_GET_BULK: return version != MOON_V1;
  default: return false;
  }
}

/* false: nobody this agent knows. */
static bool admit(const struct moon_profile *p, const struct moon_message *m, bool *may_write) {
  *may_write = p->any_write;
  if (!p->communities) { return true; }
  for (unsigned i = 0; i < p->n_communities; i++) {
    const struct moon_community *c = &p->communities[i];
    if (c->len == m->community_len && memcmp(c->octets, m->community, c->len) == 0) {
      *may_write = c->write;
      return true;
    }
  }
  return false;
}

void moon_agent_malformed(struct moon_agent *a, enum moon_err e) {
  a->counts.datagrams++;
  a->counts.malformed++;
  a->counts.bad_versions += e == MOON_E_VERSION;
}

static size_t tlv(size_t n) {
  return n + (n < 0x80 ? 2 : n < 0x100 ? 3 : 4);
}

void moon_agent_reply(struct moon_agent *a, uint64_t now_us, const struct moon_message *m, uint8_t *room, struct moon_answer *out) {
  struct moon_judgement judgement;
  struct moon_asked q = {.pdu = &m->pdu, .version = m->version, .around = 3 + tlv(m->community_len)};
  struct moon_answered answered;
  struct moon_writer w;
  uint8_t *end;
  enum moon_err e;
  out->n = 0;
  if (m->is_trap_v1 || !moon_answer_is_request(m->version, m->pdu.type) || m->community_len > MOON_COMMUNITY_MAX) {
    moon_agent_malformed(a, MOON_E_TAG);
    return;
  }
  a->counts.datagrams++;
  if (!admit(a->profile, m, &q.may_write)) {
    a->counts.bad_community++;
    return;
  }
  if (a->profile->flaws) {
    q.judgement = &judgement;
    if (!moon_answer_judge(a, now_us, &m->pdu, &judgement)) {
      moon_answer_count_request(a, m->pdu.type);
      a->counts.silent++;
      return;
    }
  }
  e = moon_answer_pdu(a, now_us, &q, room, &answered);
  if (e == MOON_E_DECODE) {
    a->counts.malformed++;
    return;
  }
  moon_answer_count_request(a, m->pdu.type);
  if (!e) {
    if (q.judgement && (judgement.kinds >> MOON_FLAW_WRONG_ID & 1)) { answered.pdu.request_id ^= MOON_ANSWER_WRONG_ID; }
    end = room + MOON_ANSWER_HEAD + answered.pdu.varbinds_len;
    w = (struct moon_writer){.start = room, .p = room + MOON_ANSWER_HEAD, .end = end};
    moon_message_encode(&w, m->version, m->community, m->community_len, &answered.pdu);
    e = w.err;
  }
  if (e) {
    a->counts.silent++;
    return;
  }
  moon_answer_count(a, &answered);
  out->n = 1;
  out->reply[0] = (struct moon_reply){.p = w.p, .n = (uint32_t)moon_writer_len(&w), .delay_us = answered.rtt_us};
  if (q.judgement) {
    for (uint32_t k = 0; answered.flaws >> k; k++) { a->counts.flaws[k] += answered.flaws >> k & 1; }
    moon_answer_spoil(a, now_us, &judgement, end, room, out);
  }
}

void moon_agent_answer(struct moon_agent *a, uint64_t now_us, const uint8_t *in, size_t n, uint8_t *room, struct moon_answer *out) {
  struct moon_message m;
  enum moon_err e = moon_message_decode(in, n, &m);
  if (e == MOON_E_VERSION && a->profile->security) {
    moon_envelope_answer(a, now_us, in, n, room, out);
    return;
  }
  if (e) {
    out->n = 0;
    moon_agent_malformed(a, e);
    return;
  }
  moon_agent_reply(a, now_us, &m, room, out);
}
