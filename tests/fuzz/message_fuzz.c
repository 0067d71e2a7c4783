/* Messages: no input may read outside itself; what decodes is peeked at alike, and encodes to what decodes the same. */
#include <stdlib.h>

#include "wire/message.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())

static size_t count(const struct moon_pdu *pdu, enum moon_err *err) {
  struct moon_reader r;
  struct moon_varbind vb;
  size_t n = 0;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  for (; moon_varbind_get(&r, &vb); n++) { moon_varbind_check(&vb); }
  *err = r.err;
  return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t buf[2 * MOON_DATAGRAM_MAX];
  struct moon_message m, again;
  struct moon_peek peek = {0};
  struct moon_writer w;
  enum moon_err peeked = moon_message_peek(data, size, &peek), e1, e2;
  if (moon_message_decode_cut(data, size, &m) == MOON_OK && !m.is_trap_v1) { count(&m.pdu, &e1); }
  if (size > MOON_DATAGRAM_MAX || moon_message_decode(data, size, &m)) { return 0; }
  CHECK(peeked == MOON_OK && peek.version == m.version && (m.is_trap_v1 ? !peek.id : peek.id == (uint32_t)m.pdu.request_id));
  if (m.is_trap_v1 || m.community_len > MOON_COMMUNITY_MAX) { return 0; }
  moon_writer_init(&w, buf, sizeof buf);
  moon_message_encode(&w, m.version, m.community, m.community_len, &m.pdu);
  CHECK(!w.err && moon_message_decode(w.p, moon_writer_len(&w), &again) == MOON_OK && !again.trailing);
  CHECK(again.pdu.request_id == m.pdu.request_id && again.pdu.error_status == m.pdu.error_status);
  CHECK(again.pdu.varbinds_len == m.pdu.varbinds_len && count(&again.pdu, &e1) == count(&m.pdu, &e2) && e1 == e2);
  return 0;
}
