#include "view.h"

#include "authority.h"
#include "overlay.h"

#define SUCCESSION (1u << MOON_FLAW_NOT_INCREASING | 1u << MOON_FLAW_CYCLE)
#define CONTENT (1u << MOON_FLAW_GEN_ERR | 1u << MOON_FLAW_EMPTY_INTEGER | 1u << MOON_FLAW_NEGATIVE | 1u << MOON_FLAW_LONG_LENGTH)

void moon_view_init(struct moon_view *v, struct moon_agent *a, uint64_t now_us, const struct moon_judgement *j, uint8_t version) {
  const struct moon_profile *p = a->profile;
  bool flawed = j && (j->kinds & (SUCCESSION | CONTENT));
  v->agent = a;
  v->recording = p->recording;
  v->map = p->vary ? moon_vary_map(p->vary) : NULL;
  v->judgement = flawed ? j : NULL;
  if (p->vary || p->hook) { moon_agent_moment(a, now_us, &v->moment); }
  v->now_us = now_us;
  v->flaws = 0;
  v->rtt_us = 0;
  v->moving = (uint8_t)(MOON_INSTANCE_HIDDEN | (p->snmp ? MOON_INSTANCE_SNMP : 0));
  v->v1 = version == MOON_V1;
  v->plain = !a->overlay && !p->hook && !flawed && !v->v1 && !p->timing;
  v->by_name = a->overlay || (flawed && (j->kinds & SUCCESSION));
}

static void set_unsigned(struct moon_view *v, uint64_t number, struct moon_varbind *out) {
  uint8_t *p = v->number + 9;
  do {
    *--p = (uint8_t)number;
    number >>= 8;
  } while (number);
  if (*p & 0x80) { *--p = 0; }
  out->value = p;
  out->value_len = (uint32_t)(v->number + 9 - p);
}

static void set_signed(struct moon_view *v, int64_t number, struct moon_varbind *out) {
  uint8_t *p = v->number + 9;
  for (;;) {
    *--p = (uint8_t)number;
    number >>= 8;
    if ((number == 0 && !(*p & 0x80)) || (number == -1 && (*p & 0x80))) { break; }
  }
  out->value = p;
  out->value_len = (uint32_t)(v->number + 9 - p);
}

/* What the agent counts, and what it is: the snmp group, usmStats, snmpEngine. */
static void set_own(struct moon_view *v, struct moon_varbind *out) {
  struct moon_standing now;
  if (out->oid_len == 8) {
    set_unsigned(v, moon_agent_snmp(v->agent, out->oid[6]), out);
  } else if (!v->agent->profile->security) {
    return;
  } else if (out->type == MOON_COUNTER32) {
    set_unsigned(v, v->agent->counts.refusals[out->oid[8]], out);
  } else {
    moon_authority_stand(v->agent, v->now_us, &now);
    if (out->type == MOON_INTEGER) {
      set_signed(v, out->oid[8] == 2 ? now.boots : now.time, out);
      return;
    }
    memcpy(v->number, now.engine_id, now.engine_id_len);
    out->value = v->number;
    out->value_len = now.engine_id_len;
  }
}

static bool is_unsigned(uint8_t type) {
  return (type >= MOON_COUNTER32 && type <= MOON_TIME_TICKS) || type == MOON_COUNTER64 || type == MOON_UINTEGER32;
}

/* Integers without content, unsigned ones without the zero in front. */
static void spoil(struct moon_view *v, struct moon_varbind *out) {
  const struct moon_flaws *f = v->agent->profile->flaws;
  const struct moon_flaw *r;
  if (!is_unsigned(out->type) && out->type != MOON_INTEGER) { return; }
  r = moon_flaws_under(f, v->judgement, MOON_FLAW_EMPTY_INTEGER, out->oid, out->oid_len);
  if (r && (r->n || (out->value_len == 1 && out->value[0] == 0))) {
    out->value_len = 0;
    v->flaws |= 1u << MOON_FLAW_EMPTY_INTEGER;
  }
  if (is_unsigned(out->type) && out->value_len > 1 && out->value[0] == 0 && (out->value[1] & 0x80) &&
      moon_flaws_under(f, v->judgement, MOON_FLAW_NEGATIVE, out->oid, out->oid_len)) {
    out->value++;
    out->value_len--;
    v->flaws |= 1u << MOON_FLAW_NEGATIVE;
  }
}

/* What every value passes on its way out. */
static bool finish(struct moon_view *v, struct moon_varbind *out) {
  const struct moon_profile *p = v->agent->profile;
  if (p->hook && moon_oid_under(p->hook_root, p->hook_root_len, out->oid, out->oid_len)) {
    struct moon_varbind vb = *out;
    if (!p->hook(p->hook_ctx, v->agent, v->moment.t_us, &vb)) { return false; }
    if (vb.value_len <= MOON_HOOK_VALUE_MAX && moon_varbind_check(&vb) == MOON_OK) {
      out->type = vb.type;
      out->value = vb.value;
      out->value_len = vb.value_len;
    }
  }
  if (v->v1 && out->type == MOON_COUNTER64) { return false; }
  if (v->judgement) { spoil(v, out); }
  return true;
}

/* An instance of the recording, SET or not. */
static bool get(struct moon_view *v, uint32_t i, struct moon_varbind *out) {
  const struct moon_profile *p = v->agent->profile;
  const struct moon_instance *e = &v->recording->instances[i];
  uint64_t number;
  enum moon_varied varied = MOON_VARIED_NOT;
  moon_recording_get(v->recording, i, out);
  if (v->map && v->map[i]) { varied = moon_vary_value(p->vary, i, &v->moment, &number); }
  if (varied == MOON_VARIED_GONE) { return false; }
  if (p->timing && v->recording->rtt_us && v->recording->rtt_us[i] > v->rtt_us) { v->rtt_us = v->recording->rtt_us[i]; }
  if (v->agent->overlay && moon_overlay_find(v->agent->overlay, out->oid, out->oid_len, out)) { return finish(v, out); }
  if (varied == MOON_VARIED_NUMBER) {
    if (e->type == MOON_INTEGER) {
      set_signed(v, (int64_t)number, out);
    } else {
      set_unsigned(v, number, out);
    }
  }
  if ((e->flags & MOON_INSTANCE_SNMP) && p->snmp) { set_own(v, out); }
  return finish(v, out);
}

bool moon_view_find(struct moon_view *v, const uint8_t *oid, size_t n, struct moon_varbind *out) {
  uint32_t i = moon_recording_find(v->recording, oid, n);
  if (i != MOON_RECORDING_NONE) { return get(v, i, out); }
  return v->agent->overlay && moon_overlay_find(v->agent->overlay, oid, n, out) && finish(v, out);
}

/* Inline where it is used most. */
static inline uint32_t from(struct moon_view *v, uint32_t i, struct moon_varbind *out) {
  for (; i < v->recording->n; i++) {
    if (!(v->recording->instances[i].flags & MOON_INSTANCE_HIDDEN) && get(v, i, out)) { return i; }
  }
  return MOON_RECORDING_NONE;
}

uint32_t moon_view_from(struct moon_view *v, uint32_t i, struct moon_varbind *out) {
  return from(v, i, out);
}

/* In the order of names, as an agent without flaws. */
static bool find_after(struct moon_view *v, const uint8_t *oid, size_t n, struct moon_varbind *out) {
  const struct moon_overlay *o = v->agent->overlay;
  struct moon_varbind mine;
  uint32_t i = from(v, moon_recording_after(v->recording, oid, n), out);
  if (!o || !moon_overlay_after(o, oid, n, &mine)) { return i != MOON_RECORDING_NONE; }
  while (i == MOON_RECORDING_NONE || moon_oid_compare(mine.oid, mine.oid_len, out->oid, out->oid_len) < 0) {
    struct moon_varbind at = mine;
    uint32_t recorded = moon_recording_find(v->recording, mine.oid, mine.oid_len);
    if (recorded == MOON_RECORDING_NONE && finish(v, &mine)) {
      *out = mine;
      return true;
    }
    if (!moon_overlay_after(o, at.oid, at.oid_len, &mine)) { break; } /* recorded, but not there now */
  }
  if (i == MOON_RECORDING_NONE) { return false; }
  return get(v, i, out); /* again: the number may have been used */
}

bool moon_view_after(struct moon_view *v, const uint8_t *oid, size_t n, struct moon_varbind *out) {
  const struct moon_flaws *f = v->agent->profile->flaws;
  const struct moon_flaw *r;
  bool found;
  if (!v->judgement) { return find_after(v, oid, n, out); }
  if (moon_flaws_under(f, v->judgement, MOON_FLAW_NOT_INCREASING, oid, n) && moon_view_find(v, oid, n, out) &&
      !moon_varbind_is_exception(out)) {
    v->flaws |= 1u << MOON_FLAW_NOT_INCREASING;
    return true;
  }
  found = find_after(v, oid, n, out);
  r = moon_flaws_under(f, v->judgement, MOON_FLAW_CYCLE, oid, n);
  if (!r || (found && moon_oid_under(r->oid, r->oid_len, out->oid, out->oid_len))) { return found; }
  if (find_after(v, r->oid, r->oid_len, out) && moon_oid_under(r->oid, r->oid_len, out->oid, out->oid_len)) {
    v->flaws |= 1u << MOON_FLAW_CYCLE;
    return true;
  }
  return find_after(v, oid, n, out);
}

static size_t without_last_arc(const uint8_t *oid, size_t n) {
  if (n) { n--; }
  while (n && oid[n - 1] >= 0x80) { n--; }
  return n;
}

static bool is_neighbour(const struct moon_view *v, uint32_t i, const uint8_t *oid, size_t n) {
  struct moon_varbind vb;
  size_t object, asked = without_last_arc(oid, n);
  if (i >= v->recording->n) { return false; }
  moon_recording_get(v->recording, i, &vb);
  object = without_last_arc(vb.oid, vb.oid_len);
  return (object == asked && memcmp(vb.oid, oid, object) == 0) || (object == n && memcmp(vb.oid, oid, n) == 0);
}

uint8_t moon_view_missing(const struct moon_view *v, const uint8_t *oid, size_t n) {
  uint32_t i = moon_recording_find(v->recording, oid, n);
  if (i != MOON_RECORDING_NONE) { return MOON_NO_SUCH_INSTANCE; } /* it is away just now */
  i = moon_recording_after(v->recording, oid, n);
  return is_neighbour(v, i, oid, n) || (i && is_neighbour(v, i - 1, oid, n)) ? MOON_NO_SUCH_INSTANCE : MOON_NO_SUCH_OBJECT;
}
