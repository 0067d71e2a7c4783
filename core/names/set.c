#include "set.h"

void moon_names_init(struct moon_names *s) {
  s->n = 0;
  moon_names_add(s, moon_names_builtin, moon_names_builtin_len);
}

enum moon_err moon_names_add(struct moon_names *s, const void *p, size_t n) {
  if (s->n == MOON_NAMES_BLOCKS_MAX) { return MOON_E_LIMIT; }
  enum moon_err e = moon_mib_open(p, n, &s->block[s->n]);
  if (!e) { s->n++; }
  return e;
}

static bool same_text(struct moon_text_view a, struct moon_text_view b) { return a.n == b.n && memcmp(a.p, b.p, a.n) == 0; }

bool moon_names_find(const struct moon_names *s, const uint8_t *oid, size_t n, struct moon_ref *out) {
  bool found = false;
  for (uint32_t i = 0; i < s->n; i++) {
    struct moon_ref r = {.mib = &s->block[i]};
    if (!moon_mib_node(r.mib, moon_mib_find(r.mib, oid, n), &r.node) || (found && r.node.oid_len < out->node.oid_len)) { continue; }
    /* Of equals the first block has it, unless a later one knows the same module anew. */
    if (found && r.node.oid_len == out->node.oid_len &&
        !same_text(moon_mib_module_name(r.mib, r.node.module), moon_mib_module_name(out->mib, out->node.module))) {
      continue;
    }
    *out = r;
    found = true;
  }
  return found;
}

static bool named_in(const struct moon_mib *m, uint32_t module, const char *name, size_t n, struct moon_ref *out) {
  struct moon_ref r = {.mib = m};
  if (!moon_mib_node(m, moon_mib_find_name(m, module, name, n), &r.node)) { return false; }
  *out = r;
  return true;
}

bool moon_names_named(const struct moon_names *s, const char *module, size_t module_n, const char *name, size_t n, struct moon_ref *out) {
  if (!module_n) {
    for (uint32_t i = 0; i < s->n; i++) {
      if (named_in(&s->block[i], MOON_MIB_NONE, name, n, out)) { return true; }
    }
    return false;
  }
  for (uint32_t i = s->n; i-- > 0;) {
    uint32_t k = moon_mib_find_module(&s->block[i], module, module_n);
    if (k != MOON_MIB_NONE && named_in(&s->block[i], k, name, n, out)) { return true; }
  }
  return false;
}

uint32_t moon_names_module(const struct moon_names *s, const char *module, size_t n) {
  uint32_t bits = 0;
  for (uint32_t i = 0; i < s->n; i++) {
    if (moon_mib_find_module(&s->block[i], module, n) != MOON_MIB_NONE) { bits |= 1u << i; }
  }
  return bits;
}

bool moon_ref_above(const struct moon_ref *ref, struct moon_ref *out) {
  struct moon_ref r = {.mib = ref->mib};
  uint32_t at = ref->node.parent;
  while (moon_mib_node(r.mib, at, &r.node)) { /* numbers get smaller: this ends */
    if (r.node.oid_len < ref->node.oid_len) {
      *out = r;
      return true;
    }
    at = r.node.parent;
  }
  return false;
}

bool moon_ref_row(const struct moon_ref *ref, struct moon_ref *out) {
  struct moon_ref r = {.mib = ref->mib};
  if (ref->node.kind == MOON_MIB_ROW) {
    *out = *ref;
    return true;
  }
  if (ref->node.kind == MOON_MIB_TABLE) {
    for (uint32_t i = ref->node.number + 1; moon_mib_node(r.mib, i, &r.node); i++) {
      if (!moon_oid_under(ref->node.oid, ref->node.oid_len, r.node.oid, r.node.oid_len)) { break; }
      if (r.node.kind == MOON_MIB_ROW) {
        *out = r;
        return true;
      }
    }
    return false;
  }
  for (uint32_t at = ref->node.parent; moon_mib_node(r.mib, at, &r.node); at = r.node.parent) {
    if (r.node.kind == MOON_MIB_ROW && r.node.oid_len < ref->node.oid_len) {
      *out = r;
      return true;
    }
  }
  return false;
}
