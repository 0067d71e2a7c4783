#include "trace.h"

#include <stdio.h>

#include "../agent/dump.h"
#include "../names/out.h"
#include "../wire/v3.h"
#include "log.h"

#define LOOK_US 5000000u
#define SHOWN 8           /* varbinds */
#define HEX_OCTETS 64u

void moon_trace_init(struct moon_trace *t, const char *name, const struct moon_plan *plan) {
  *t = (struct moon_trace){.name = name, .plan = plan};
}

/* ---- one packet as text ---- */

/* Is the octet at i part of a community that is configured? */
static bool is_secret(const struct moon_plan *plan, const uint8_t *p, size_t n, size_t i) {
  for (uint32_t c = 0; c < plan->n_credentials; c++) {
    const struct moon_credential *k = &plan->credentials[c];
    size_t len = k->community_len;
    for (size_t from = len && i + 1 > len ? i + 1 - len : 0; len && from <= i && from + len <= n; from++) {
      if (memcmp(p + from, k->community, len) == 0) { return true; }
    }
  }
  return false;
}

static void put_hex(const struct moon_plan *plan, const uint8_t *p, size_t n, struct moon_out *o) {
  moon_out_text(o, " cannot be read, ");
  moon_out_u64(o, n);
  moon_out_text(o, " octets:");
  for (size_t i = 0; i < n && i < HEX_OCTETS; i++) {
    moon_out_char(o, ' ');
    if (is_secret(plan, p, n, i)) {
      moon_out_text(o, "**");
    } else {
      moon_out_hex(o, p[i], 2);
    }
  }
  if (n > HEX_OCTETS) { moon_out_text(o, " ..."); }
}

static void put_octets(const uint8_t *p, size_t n, struct moon_out *o) {
  for (size_t i = 0; i < n; i++) { moon_out_hex(o, p[i], 2); }
}

static const char *kind_name(uint8_t type) {
  switch (type) {
    case MOON_PDU_GET: return "get";
    case MOON_PDU_GET_NEXT: return "getnext";
    case MOON_PDU_RESPONSE: return "response";
    case MOON_PDU_SET: return "set";
    case MOON_PDU_GET_BULK: return "getbulk";
    case MOON_PDU_REPORT: return "report";
    default: return "another PDU";
  }
}

static void put_varbinds(const struct moon_pdu *pdu, bool names_only, struct moon_out *o) {
  char line[512];
  struct moon_reader r;
  struct moon_varbind vb;
  uint32_t n = 0;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  for (; moon_varbind_get(&r, &vb); n++) {
    if (n >= SHOWN) { continue; }
    size_t len = names_only ? moon_oid_format(vb.oid, vb.oid_len, line, sizeof line) : moon_dump_line(&vb, line, sizeof line);
    if (!len && moon_oid_format(vb.oid, vb.oid_len, line, sizeof line) == 0) { snprintf(line, sizeof line, "(a name that is none)"); }
    line[strcspn(line, "\n")] = 0;
    moon_out_text(o, n ? ", " : ": ");
    moon_out_text(o, line);
    if (moon_varbind_is_exception(&vb)) {
      moon_out_text(o, vb.type == MOON_NO_SUCH_OBJECT ? " noSuchObject" : vb.type == MOON_NO_SUCH_INSTANCE ? " noSuchInstance" : " endOfMibView");
    } else if (!len) {
      moon_out_text(o, " (long)");
    }
  }
  if (r.err) { moon_out_text(o, ", then what cannot be read"); }
  if (n > SHOWN) {
    moon_out_text(o, " and ");
    moon_out_u64(o, n - SHOWN);
    moon_out_text(o, " more");
  }
}

static void put_pdu(const struct moon_pdu *pdu, size_t n, struct moon_out *o) {
  bool asks = pdu->type == MOON_PDU_GET || pdu->type == MOON_PDU_GET_NEXT || pdu->type == MOON_PDU_GET_BULK;
  moon_out_char(o, ' ');
  moon_out_text(o, kind_name(pdu->type));
  moon_out_text(o, " id 0x");
  moon_out_hex(o, (uint32_t)pdu->request_id, 8);
  if (pdu->type == MOON_PDU_GET_BULK) {
    moon_out_text(o, ", ");
    moon_out_i64(o, pdu->error_status);
    moon_out_text(o, " non-repeaters, ");
    moon_out_i64(o, pdu->error_index);
    moon_out_text(o, " repetitions");
  } else if (pdu->error_status) {
    moon_out_text(o, ", error-status ");
    moon_out_i64(o, pdu->error_status);
    moon_out_text(o, " at ");
    moon_out_i64(o, pdu->error_index);
  }
  moon_out_text(o, ", ");
  moon_out_u64(o, n);
  moon_out_text(o, " octets");
  put_varbinds(pdu, asks, o);
}

static void put_v3(const struct moon_plan *plan, const uint8_t *p, size_t n, struct moon_out *o) {
  struct moon_v3 m;
  struct moon_scoped s;
  if (moon_v3_decode(p, n, &m)) {
    put_hex(plan, p, n, o);
    return;
  }
  moon_out_text(o, " v3 msgID 0x");
  moon_out_hex(o, m.id, 8);
  moon_out_text(o, ", engine ");
  if (m.engine_id_len) {
    put_octets(m.engine_id, m.engine_id_len, o);
  } else {
    moon_out_text(o, "unknown");
  }
  moon_out_text(o, " boots ");
  moon_out_u64(o, m.boots);
  moon_out_text(o, " time ");
  moon_out_u64(o, m.time);
  moon_out_text(o, ", user \"");
  moon_out_put(o, m.user, m.user_len);
  moon_out_text(o, m.flags & MOON_V3_PRIV ? "\" authPriv" : m.flags & MOON_V3_AUTH ? "\" authNoPriv" : "\" noAuthNoPriv");
  if (m.flags & MOON_V3_PRIV) {
    moon_out_text(o, ", encrypted, ");
    moon_out_u64(o, n);
    moon_out_text(o, " octets");
  } else if (moon_scoped_decode(m.scoped, m.scoped_len, &s)) {
    moon_out_text(o, ", a scoped PDU that cannot be read");
  } else {
    put_pdu(&s.pdu, n, o);
  }
}

void moon_trace_text(const struct moon_plan *plan, const uint8_t *p, size_t n, char *out, size_t cap) {
  struct moon_out o = {.p = out, .cap = cap};
  struct moon_message m;
  struct moon_peek peek;
  if (moon_message_peek(p, n, &peek) == MOON_OK && peek.version == MOON_V3) {
    put_v3(plan, p, n, &o);
  } else if (moon_message_decode(p, n, &m) || m.is_trap_v1) {
    put_hex(plan, p, n, &o);
  } else {
    moon_out_text(&o, m.version == MOON_V1 ? " v1 community ****" : " v2c community ****");
    put_pdu(&m.pdu, n, &o);
  }
}

/* ---- which packets ---- */

static void look_up(struct moon_trace *t, const struct moon_host *h, uint64_t now_us) {
  if (t->looked_us && now_us < t->looked_us + LOOK_US) { return; }
  t->looked_us = now_us;
  t->n = 0;
  for (uint32_t i = 0; t->n < MOON_TRACE_PLACES && (i = moon_host_find(h, t->name, i)) != UINT32_MAX; i++) { t->place[t->n++] = i; }
}

static bool is_theirs(const struct moon_trace *t, const struct moon_host *h, const struct moon_addr *peer) {
  for (uint32_t i = 0; i < t->n; i++) {
    const struct moon_target *target = moon_host_target_at(h, t->place[i]);
    if (target && target->addr.family == peer->family && memcmp(target->addr.ip, peer->ip, sizeof peer->ip) == 0) { return true; }
  }
  return false;
}

static bool was_sent(const struct moon_trace *t, uint32_t id) {
  for (uint32_t i = 0; i < t->n_ids && i < MOON_TRACE_IDS; i++) {
    if (t->id[i] == id) { return true; }
  }
  return false;
}

void moon_trace_packet(struct moon_trace *t, const struct moon_host *h, uint64_t now_us, bool sent, const struct moon_addr *peer,
                       const uint8_t *p, size_t n) {
  char text[4096], address[MOON_ADDR_TEXT_MAX];
  struct moon_peek peek;
  if (!t->name) { return; }
  look_up(t, h, now_us);
  bool readable = moon_message_peek(p, n, &peek) == MOON_OK, theirs = is_theirs(t, h, peer);
  if (!theirs && (sent || !readable || !was_sent(t, peek.id))) { return; }
  if (sent && readable) { t->id[t->n_ids++ % MOON_TRACE_IDS] = peek.id; }
  moon_addr_format(peer, address, sizeof address);
  moon_trace_text(t->plan, p, n, text, sizeof text);
  moon_log(MOON_LOG_INFO, "%s %s %s%s%s", t->name, sent ? "->" : "<-", address, theirs ? "" : " (another address)", text);
}
