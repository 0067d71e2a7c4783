/* Exchange: whatever comes back, the verdict is one of the three, and an outcome lends from the datagram alone. */
#include <stdlib.h>

#include "session/exchange.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t varbinds[] = {0x30, 12, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0};
  struct moon_credential credential = {.community = "public", .community_len = 6, .version = size && data[0] & 1};
  const struct moon_request request = {.varbinds = varbinds, .varbinds_len = sizeof varbinds, .n_varbinds = 1, .pdu_type = MOON_PDU_GET};
  struct moon_addr addr = {.family = 4};
  struct moon_policy policy;
  struct moon_target target;
  struct moon_exchange x;
  struct moon_outcome o = {.rtt_us = 77};
  struct moon_writer w;
  uint8_t out[128];
  if (size < 2) { return 0; }
  moon_policy_init(&policy);
  moon_target_init(&target, &addr, &credential, &policy);
  moon_exchange_init(&x, &target, &request, 1000);
  moon_writer_init(&w, out, sizeof out);
  CHECK(moon_exchange_encode(&x, 0x01000000, 1000, data[1], &w) == MOON_OK);
  enum moon_verdict v = moon_exchange_feed(&x, data + 2, size - 2, NULL, 1000, 1500, &o);
  CHECK(v == MOON_VERDICT_MINE || v == MOON_VERDICT_DROP);
  if (v == MOON_VERDICT_DROP) {
    CHECK(o.rtt_us == 77);
    return 0;
  }
  CHECK(o.rtt_us == 500 && o.tries == 1 && o.error_index <= 1);
  CHECK(o.err != MOON_OK || (o.pdu.type == MOON_PDU_RESPONSE && o.pdu.error_status == 0));
  CHECK(o.err < MOON_E_PUBLIC_N);
  if (o.pdu.varbinds_len) {
    CHECK(o.pdu.varbinds >= data + 2 && o.pdu.varbinds_len <= (size_t)(data + size - o.pdu.varbinds));
  }
  return 0;
}
