/* A file of names as it lies on disk: whatever the octets, a refusal or names that can be followed, printed and looked up. */
#include <stdlib.h>

#include "names/facts.h"
#include "names/module.h"
#include "names/print.h"
#include "names/resolve.h"
#include "names/set.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void follow(const struct moon_names *s, const struct moon_mib_node *n) {
  char text[1024];
  uint8_t oid[MOON_OID_MAX_LEN];
  size_t len;
  struct moon_out out = {.p = text, .cap = sizeof text};
  struct moon_ref ref = {&s->block[0], *n}, other;
  moon_print_oid(s, n->oid, n->oid_len, MOON_PRINT_FULL | MOON_PRINT_BRACKETS, &out);
  if (moon_ref_row(&ref, &other) && moon_ref_above(&other, &ref)) { moon_print_oid(s, ref.node.oid, ref.node.oid_len, 0, &out); }
  moon_names_resolve(s, n->name.p, n->name.n, 0, oid, &len, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  static const uint8_t oid[] = {0x2b, 6, 1, 2, 3, 1, 4, 'a', 'b', 'c', 5, 6, 7, 8, 9};
  struct moon_names s = {0};
  struct moon_mib_node node;
  struct moon_out out = {0};
  char text[256];
  if (moon_names_add(&s, p, n)) { return 0; }
  for (uint32_t i = 0; i < 64 && moon_mib_node(&s.block[0], i, &node); i++) { follow(&s, &node); }
  out = (struct moon_out){.p = text, .cap = sizeof text};
  for (size_t len = 1; len <= sizeof oid; len++) { moon_print_oid(&s, oid, len, MOON_PRINT_BRACKETS * (len & 1), &out); }
  for (uint32_t i = 0; i < 4 && i < s.block[0].h.modules.n; i++) {
    moon_facts_write(&s.block[0], i, &out);
    moon_module_write(&s.block[0], i, &out, NULL, NULL);
  }
  return 0;
}
