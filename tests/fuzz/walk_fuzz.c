/* Walks: whatever the replies hold, it ends, rows come in order, and memory is given back.
 * Input: a flag octet, then replies: error-status, 2 octets of length, varbinds. */
#include <stdlib.h>
#include "session/walk.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t oids[4][8] = {{0x2b, 6, 1, 2, 1, 2, 2, 1}, {0x2b, 6, 1, 2, 1, 2, 3}, {0x2b, 6, 1, 3}, {0x2b, 6, 1, 2, 1, 1, 3, 0}};
  static const struct moon_name columns[] = {{oids[0], 8}, {oids[1], 7}, {oids[2], 4}}, heads[] = {{oids[3], 8}}, only[] = {{oids[3], 2}, {oids[0], 1}};
  static const uint8_t errs[8] = {0, 0, 0, MOON_E_DECODE, MOON_E_TOO_BIG, MOON_E_MISSING, MOON_E_GEN_ERR, MOON_E_TIMEOUT};
  if (!size) { return 0; }
  struct moon_credential credential = {.community = "public", .community_len = 6, .version = data[0] & 1};
  struct moon_walk_spec spec = {.columns = columns, .n_columns = 3, .heads = heads, .n_heads = data[0] >> 1 & 1, .max_rows = 500};
  struct moon_addr addr = {.family = 4};
  struct moon_policy policy = {0};
  struct moon_target target;
  const struct moon_request *request;
  struct moon_row row;
  uint8_t last[MOON_OID_MAX_LEN];
  size_t at = 1, last_len = 0, turns = 0;
  enum moon_err e;
  if (data[0] & 4) { spec.only = only, spec.n_only = 2; }
  moon_target_init(&target, &addr, &credential, &policy);
  struct moon_walk *w = moon_walk_new(&target, &spec, &e);
  for (CHECK(w); !moon_walk_over(w); CHECK(++turns < 100000)) {
    if (moon_walk_next(w, turns, &request)) {
      struct moon_outcome o = {.received_us = turns + 1, .err = MOON_E_CANCELLED};
      size_t n = size - at > 3 ? (size_t)(data[at + 1] << 8 | data[at + 2]) : 0;
      if (at + 3 + n <= size) {
        o.err = errs[data[at] & 7], o.error_index = data[at] >> 3, o.pdu.varbinds = data + at + 3, o.pdu.varbinds_len = n;
      }
      at = at + 3 + n <= size ? at + 3 + n : size;
      moon_walk_feed(w, &o);
    }
    for (; moon_walk_row(w, &row); memcpy(last, row.index, row.index_len), last_len = row.index_len) {
      CHECK(!last_len || moon_oid_compare(last, last_len, row.index, row.index_len) < 0);
    }
  }
  moon_walk_free(w);
  moon_target_fini(&target);
  return 0;
}
