/* Recordings: any text is read without a step outside, names come out sorted, and what is served and then written as
 * lines reads back as the same recording. */
#include <stdlib.h>

#include "agent/dump.h"
#include "base/mem.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char text[1 << 20], line[MOON_DUMP_LINE_MAX];
  const struct moon_dump_options options = {.format = size ? data[0] % 3 : 0};
  struct moon_dump_stats stats;
  struct moon_varbind a, b;
  enum moon_err err;
  size_t n = 0, len;
  struct moon_recording *r = moon_dump_read((const char *)data, size, &options, &stats, &err), *again;
  if (!r) { abort(); }
  CHECK(stats.left_out + r->n <= stats.lines);
  for (uint32_t i = 0; i < r->n; i++) {
    moon_recording_get(r, i, &a);
    if (i) { CHECK(moon_oid_compare(b.oid, b.oid_len, a.oid, a.oid_len) < 0); }
    b = a;
    CHECK(moon_varbind_check(&a) == MOON_OK && (len = moon_dump_line(&a, line, sizeof line)) > 0);
    CHECK(moon_recording_find(r, a.oid, a.oid_len) == i && n + len < sizeof text);
    memcpy(text + n, line, len);
    n += len;
  }
  again = moon_dump_read(text, n, NULL, &stats, &err);
  CHECK(again && again->n == r->n && stats.left_out == 0);
  for (uint32_t i = 0; i < r->n; i++) {
    moon_recording_get(r, i, &a);
    moon_recording_get(again, i, &b);
    CHECK(a.oid_len == b.oid_len && a.type == b.type && memcmp(a.oid, b.oid, a.oid_len) == 0);
    if (a.type == MOON_OCTET_STRING || a.type == MOON_OPAQUE) {
      CHECK(a.value_len == b.value_len && memcmp(a.value, b.value, a.value_len) == 0);
    }
  }
  moon_recording_free(again);
  moon_recording_free(r);
  return 0;
}
