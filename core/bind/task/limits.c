#include "limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "task.h"

void moon_limits_push_text(lua_State *L, const struct moon_plan_probe *p, const char *name) {
  uint32_t figure = 0;
  const char *of = "";
  char version[17];
#define FIND(field, otherwise, least, most, what) \
  if (strcmp(name, #field) == 0) {                \
    figure = p->field;                            \
    of = what;                                    \
  }
  MOON_LIMITS(FIND)
#undef FIND
  snprintf(version, sizeof version, "%016" PRIx64, p->version);
  lua_pushfstring(L, "more than %f %s in one run (%s of %s, version %s)", (lua_Number)figure, of, name, p->name, version);
}

int moon_limits_raise(lua_State *L, const struct moon_plan_probe *p, const char *name) {
  moon_limits_push_text(L, p, name);
  return moon_limits_refuse(L, lua_tostring(L, -1));
}

int moon_limits_refuse(lua_State *L, const char *text) {
  moon_task_where(L, L);
  lua_pushstring(L, text);
  lua_concat(L, 2);
  moon_limits_mark(moon_host_of(L), lua_tostring(L, -1));
  return lua_error(L);
}

/* One is enough: it ends the run, or the script caught it. */
void moon_limits_mark(struct moon_host *h, const char *text) { h->refusal = moon_pulse_pair(text, ""); }

bool moon_limits_is_marked(const struct moon_host *h, const char *text) { return h->refusal == moon_pulse_pair(text, ""); }
