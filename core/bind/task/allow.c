#include "allow.h"

#include <fnmatch.h>
#include <string.h>

#include "../../session/uptime.h"
#include "../../wire/oid.h"
#include "limits.h"

static const uint8_t SYS_OBJECT_ID[] = {0x2b, 6, 1, 2, 1, 1, 2, 0};

bool moon_allow_oid(const struct moon_plan_probe *p, const uint8_t *oid, size_t len) {
  uint8_t prefix[MOON_OID_MAX_LEN];
  size_t n;
  if (!p->n_allow_oids || moon_uptime_is(oid, len) || (len == sizeof SYS_OBJECT_ID && memcmp(oid, SYS_OBJECT_ID, len) == 0)) { return true; }
  for (uint32_t i = 0; i < p->n_allow_oids; i++) {
    if (moon_oid_parse(p->allow_oids[i], strlen(p->allow_oids[i]), prefix, sizeof prefix, &n)) { continue; }
    if (n <= len && memcmp(prefix, oid, n) == 0) { return true; } /* arcs end where octets do */
  }
  return false;
}

void moon_allow_check(lua_State *L, const struct moon_plan_probe *p, const struct moon_name *names, size_t n) {
  if (!p->n_allow_oids) { return; }
  for (size_t i = 0; i < n; i++) {
    char text[MOON_OID_TEXT_MAX];
    if (moon_allow_oid(p, names[i].oid, names[i].len)) { continue; }
    moon_oid_format(names[i].oid, names[i].len, text, sizeof text);
    lua_pushfstring(L, "%s is not what %s may ask for: allow_oids of its configuration", text, p->name);
    moon_limits_refuse(L, lua_tostring(L, -1));
  }
}

bool moon_allow_target(const struct moon_plan_probe *p, const char *name) {
  bool allowed = !p->n_allow_targets;
  for (uint32_t i = 0; i < p->n_allow_targets && !allowed; i++) { allowed = fnmatch(p->allow_targets[i], name, 0) == 0; }
  return allowed;
}
