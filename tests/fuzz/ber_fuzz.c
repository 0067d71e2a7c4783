/* BER and OIDs: no input may read outside itself, and what is read must be written the same again. */
#include <stdlib.h>

#include "wire/oid.h"
#include "wire/pdu.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t out[MOON_OID_MAX_LEN], space[32], kind;
  char text[MOON_OID_TEXT_MAX];
  struct moon_reader r;
  struct moon_varbind vb = {0};
  union moon_opaque opaque;
  struct moon_oid oid;
  size_t len, n;
  int64_t i;
  moon_reader_init(&r, data, size);
  while (moon_reader_left(&r)) {
    struct moon_writer w;
    moon_ber_get_header(&r, &vb.type, &len);
    vb.value = r.p;
    vb.value_len = (uint32_t)len;
    moon_varbind_check(&vb);
    moon_varbind_opaque(&vb, &kind, &opaque);
    moon_writer_init(&w, space, sizeof space);
    if (moon_varbind_i64(&vb, &i) == MOON_OK) { moon_ber_put_i64(&w, MOON_INTEGER, i); }
    CHECK(!w.err && moon_writer_len(&w) <= len + 3);
    CHECK((moon_oid_check(vb.value, len) == MOON_OK) == (moon_oid_decode(vb.value, len, &oid) == MOON_OK));
    if (len && (n = moon_oid_format(vb.value, len, text, sizeof text)) > 0) {
      CHECK(moon_oid_parse(text, n, out, sizeof out, &n) == MOON_OK && n == len && !memcmp(out, vb.value, n));
      CHECK(moon_oid_compare(out, n, vb.value, len) == 0);
    }
    if (len && (n = moon_oid_format_index(vb.value, len, text, sizeof text)) > 0) {
      CHECK(moon_oid_parse_index(text, n, out, sizeof out, &n) == MOON_OK && n == len && !memcmp(out, vb.value, n));
    }
  }
  if (moon_oid_parse((const char *)data, size, out, sizeof out, &n) == MOON_OK) { CHECK(moon_oid_check(out, n) == MOON_OK); }
  return 0;
}
