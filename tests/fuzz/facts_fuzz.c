/* Text of people: facts, and names of OIDs. What is taken as facts packs, opens, and says the same when it is written out again. */
#include <stdlib.h>

#include "base/mem.h"
#include "names/facts.h"
#include "names/resolve.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void read_name(const char *text, size_t n) {
  static struct moon_names s;
  uint8_t oid[MOON_OID_MAX_LEN];
  char why[64];
  size_t len = 0;
  struct moon_out detail = {.p = why, .cap = sizeof why};
  if (!s.n) { moon_names_init(&s); }
  if (!moon_names_resolve(&s, text, n, 0, oid, &len, &detail)) { CHECK(!moon_oid_check(oid, len)); }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  struct moon_block *b = moon_block_new();
  struct moon_mib m;
  uint8_t *block;
  size_t size;
  uint32_t line;
  const char *why;
  struct moon_out out = {0};
  read_name((const char *)p, n);
  CHECK(b);
  enum moon_err e = moon_facts_read(b, (const char *)p, n, &line, &why);
  CHECK(!e || why[0]);
  moon_block_settle(b);
  CHECK(!moon_block_pack(b, &block, &size) && !moon_mib_open(block, size, &m));
  for (uint32_t i = 0; i < m.h.modules.n; i++) { moon_facts_write(&m, i, &out); }
  moon_mem_free(block);
  moon_block_free(b);
  return 0;
}
