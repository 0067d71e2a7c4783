#include "best.h"

#include <regex.h>
#include <string.h>

/* Does net-snmp meet a before b? */
static bool is_before(const struct moon_mib_node *a, const struct moon_mib_node *b) {
  struct moon_oid x, y;
  size_t i = 0;
  if (moon_oid_decode(a->oid, a->oid_len, &x) || moon_oid_decode(b->oid, b->oid_len, &y)) { return false; }
  while (i < x.n && i < y.n && x.arc[i] == y.arc[i]) { i++; }
  return i == x.n ? i < y.n : i < y.n && x.arc[i] > y.arc[i];
}

bool moon_best_named(const struct moon_names *names, const char *pattern, struct moon_ref *out) {
  regex_t re;
  regmatch_t match;
  regoff_t best = 0;
  bool found = false;
  if (!pattern[0] || regcomp(&re, pattern, REG_ICASE | REG_EXTENDED)) { return false; }
  for (uint32_t b = 0; b < names->n; b++) {
    struct moon_ref r = {.mib = &names->block[b]};
    for (uint32_t i = 0; i < r.mib->h.nodes.n; i++) {
      if (!moon_mib_node(r.mib, i, &r.node) || regexec(&re, r.node.name.p, 1, &match, 0)) { continue; }
      if (!found || match.rm_so < best || (match.rm_so == best && is_before(&r.node, &out->node))) {
        found = true;
        best = match.rm_so;
        *out = r;
      }
    }
  }
  regfree(&re);
  return found;
}
