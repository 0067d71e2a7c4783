#include "steps.h"

#include <string.h>

#include "fields.h"

void moon_steps_init(struct moon_steps *s) {
  *s = (struct moon_steps){.failures = 0.005, .time = 2, .requests = 2, .samples = 0.75, .above = 100, .runs = 2, .comparisons = 20, .n = 5,
                           .at = {5, 15, 30, 50, MOON_STEPS_WHOLE}};
}

_Static_assert(sizeof(struct moon_steps) == 4 * sizeof(double) + 4 * sizeof(uint32_t) + MOON_STEPS_MAX, "it is compared and sent whole");

bool moon_steps_are_same(const struct moon_steps *a, const struct moon_steps *b) { return memcmp(a, b, sizeof *a) == 0; }

bool moon_steps_are_sane(const struct moon_steps *s) {
  uint8_t before = 0;
  if (s->n > MOON_STEPS_MAX) { return false; }
  for (uint32_t i = 0; i < s->n; i++) {
    if (s->at[i] <= before) { return false; }
    before = s->at[i];
  }
  return (!s->n || before == MOON_STEPS_WHOLE) && s->runs > 0 && s->failures > 0 && s->time > 1 && s->requests > 1 && s->samples >= 0 && s->samples < 1;
}

static void read_list(struct moon_fields *f, struct moon_steps *out) {
  uint8_t at_all[MOON_STEPS_MAX] = {0};
  size_t was;
  if (!moon_fields_get(f, "steps", &was)) { return; }
  unsigned n = moon_fields_list(f, "per cents");
  double before = 0;
  if (!n || n > MOON_STEPS_MAX) { moon_fields_fail(f, "1 to %d per cents are expected", MOON_STEPS_MAX); }
  for (unsigned i = 1; i <= n; i++) {
    size_t here = moon_fields_enter_index(f, i);
    lua_rawgeti(f->L, -1, (int)i);
    double at = lua_type(f->L, -1) == LUA_TNUMBER ? lua_tonumber(f->L, -1) : -1;
    if (!(at > before && at <= MOON_STEPS_WHOLE && at == (double)(uint8_t)at)) {
      moon_fields_fail(f, "a whole per cent over %g is expected, at most %d", before, MOON_STEPS_WHOLE);
    }
    at_all[i - 1] = (uint8_t)at;
    before = at;
    lua_pop(f->L, 1);
    moon_fields_leave(f, here);
  }
  if (before < MOON_STEPS_WHOLE) { moon_fields_fail(f, "the last one is %g, not %d", before, MOON_STEPS_WHOLE); }
  memcpy(out->at, at_all, sizeof at_all);
  out->n = n;
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

void moon_steps_read(struct moon_fields *f, struct moon_steps *out) {
  static const char *const KEYS[] = {"above", "steps", "runs", "comparisons", "failures", "time", "requests", "samples", NULL};
  bool wanted = true;
  size_t was;
  lua_getfield(f->L, -1, "rollout");
  bool is_bool = lua_isboolean(f->L, -1);
  lua_pop(f->L, 1);
  if (is_bool) {
    moon_fields_bool(f, "rollout", &wanted);
    if (!wanted) { out->n = 0; }
    return;
  }
  if (!moon_fields_get(f, "rollout", &was)) { return; }
  moon_fields_keys(f, KEYS);
  read_list(f, out);
  moon_fields_uint(f, "above", 0, 1000000000, &out->above);
  moon_fields_uint(f, "runs", 1, 1000, &out->runs);
  moon_fields_uint(f, "comparisons", 1, 1000000, &out->comparisons);
  moon_fields_number(f, "failures", 0.0001, 1, &out->failures);
  moon_fields_number(f, "time", 1.1, 1000, &out->time);
  moon_fields_number(f, "requests", 1.1, 1000, &out->requests);
  moon_fields_number(f, "samples", 0, 0.95, &out->samples);
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}
