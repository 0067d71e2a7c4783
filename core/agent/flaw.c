#include "flaw.h"

#include "../base/mem.h"
#include "chance.h"

#define REORDER_US 20000

struct moon_flaws {
  size_t n;
  uint32_t kinds;          /* there is a rule of this kind */
  struct moon_flaw rules[]; /* their names behind them */
};

static const char *const names[MOON_FLAWS_N] = {
  "dead", "loss", "silent-above", "rate", "delay", "jitter", "slow-start", "reorder", "duplicate", "wrong-id", "other-source",
  "truncated", "trailing", "replay", "too-big", "gen-err", "not-increasing", "cycle", "empty-integer", "negative", "long-length",
  "fewer", "bad-digest", "downgrade", "wrong-context", "unsigned-report", "forged-report", "reboot", "clock-jump", "boots-back",
  "engine-change", "engine-duplicate",
};
_Static_assert(MOON_FLAWS_N <= 32, "kinds are bits of 32");

const char *moon_flaw_name(enum moon_flaw_kind k) {
  return (unsigned)k < MOON_FLAWS_N ? names[k] : "none";
}

enum moon_flaw_kind moon_flaw_find(const char *name, size_t n) {
  unsigned k = 0;
  while (k < MOON_FLAWS_N && !(strlen(names[k]) == n && memcmp(names[k], name, n) == 0)) { k++; }
  return (enum moon_flaw_kind)k;
}

/* Of instances, not of requests. */
static bool is_of_instances(unsigned kind) {
  return kind >= MOON_FLAW_GEN_ERR && kind <= MOON_FLAW_LONG_LENGTH;
}

static bool is_sound(const struct moon_flaw *r) {
  if (r->kind >= MOON_FLAWS_N || !(r->share >= 0 && r->share <= 1)) { return false; }
  if (r->to_us && r->to_us <= r->from_us) { return false; }
  if (r->every_us && (r->from_us >= r->every_us || r->to_us > r->every_us)) { return false; }
  if (r->oid_len && moon_oid_check(r->oid, r->oid_len)) { return false; }
  if (r->kind == MOON_FLAW_RATE && r->n == 0) { return false; }
  if (r->kind == MOON_FLAW_TOO_BIG && r->n == 0) { return false; }
  if (r->kind == MOON_FLAW_FORGED_REPORT && r->n > 6) { return false; }
  return !(r->kind == MOON_FLAW_SLOW_START && r->period_us == 0);
}

struct moon_flaws *moon_flaws_new(const struct moon_flaw *rules, size_t n, size_t *blame, enum moon_err *err) {
  struct moon_flaws *f;
  size_t i, octets = 0;
  uint8_t *p;
  if (blame) { *blame = SIZE_MAX; }
  if (n > MOON_FLAW_RULES_MAX) {
    *err = MOON_E_LIMIT;
    return NULL;
  }
  for (i = 0; i < n; i++) {
    if (!is_sound(&rules[i])) {
      if (blame) { *blame = i; }
      *err = MOON_E_CONFIG;
      return NULL;
    }
    octets += rules[i].oid_len;
  }
  f = moon_mem_alloc(sizeof *f + n * sizeof *rules + octets);
  if (!f) {
    *err = MOON_E_NOMEM;
    return NULL;
  }
  f->n = n;
  f->kinds = 0;
  p = (uint8_t *)(f->rules + n);
  for (i = 0; i < n; i++) {
    f->rules[i] = rules[i];
    f->rules[i].oid = p;
    if (rules[i].oid_len) { memcpy(p, rules[i].oid, rules[i].oid_len); }
    p += rules[i].oid_len;
    f->kinds |= 1u << rules[i].kind;
  }
  return f;
}

void moon_flaws_free(struct moon_flaws *f) {
  moon_mem_free(f);
}

static bool is_in_force(const struct moon_flaw *r, uint64_t t_us) {
  if (r->every_us) { t_us %= r->every_us; }
  return t_us >= r->from_us && (r->to_us == 0 || t_us < r->to_us);
}

/* Reboots of one rule up to t_us, and when the last was. */
static uint32_t count_reboots(const struct moon_flaw *r, uint64_t t_us, uint64_t *last) {
  uint64_t turn = r->every_us ? t_us / r->every_us : 0, base = turn * r->every_us, end = UINT64_MAX, each = 1, here = 0;
  if (r->every_us) { end = r->every_us; }
  if (r->to_us && r->to_us < end) { end = r->to_us; }
  if (r->period_us && end != UINT64_MAX) { each = (end - 1 - r->from_us) / r->period_us + 1; }
  if (t_us - base >= r->from_us) {
    uint64_t t = t_us - base < end ? t_us - base : end - 1;
    uint64_t k = r->period_us ? (t - r->from_us) / r->period_us : 0;
    here = k + 1;
    *last = base + r->from_us + k * r->period_us;
  } else if (turn) {
    *last = base - r->every_us + r->from_us + (each - 1) * r->period_us;
  }
  return (uint32_t)((turn ? turn * each : 0) + here);
}

#define SELF (UINT32_MAX << MOON_FLAW_REBOOT) /* what the agent does to itself */

/* Whose snmpEngineID, and how many boots: of a rule in force. */
static void change_engine(const struct moon_flaw *r, size_t rule, uint64_t t_us, struct moon_flaw_clock *out) {
  uint64_t since = (r->every_us ? t_us % r->every_us : t_us) - r->from_us;
  switch (r->kind) {
  case MOON_FLAW_BOOTS_BACK:
    out->boots_back += r->n ? r->n : 1;
    break;
  case MOON_FLAW_ENGINE_CHANGE:
    out->engine = ((uint64_t)rule << 40) + 1 + (r->period_us ? since / r->period_us : 0);
    out->engine_shared = false;
    break;
  default:
    out->engine = (uint64_t)r->n + 1;
    out->engine_shared = true;
    break;
  }
}

void moon_flaws_clock(const struct moon_flaws *f, uint64_t t_us, struct moon_flaw_clock *out) {
  *out = (struct moon_flaw_clock){.t_us = t_us};
  if (!(f->kinds & SELF)) { return; }
  for (size_t i = 0; i < f->n; i++) {
    const struct moon_flaw *r = &f->rules[i];
    if (r->kind == MOON_FLAW_REBOOT) {
      uint64_t last = 0;
      uint32_t n = count_reboots(r, t_us, &last);
      if (!n) { continue; }
      out->boots += n;
      out->down |= t_us - last < r->delay_us;
      if (last + r->delay_us > out->boot_us) { out->boot_us = last + r->delay_us; }
    } else if (r->kind == MOON_FLAW_CLOCK_JUMP && is_in_force(r, t_us)) {
      uint64_t back = r->jump_us < 0 ? 0 - (uint64_t)r->jump_us : 0;
      out->t_us = r->jump_us >= 0 ? out->t_us + (uint64_t)r->jump_us : out->t_us > back ? out->t_us - back : 0;
    } else if (r->kind > MOON_FLAW_CLOCK_JUMP && is_in_force(r, t_us)) {
      change_engine(r, i, t_us, out);
    }
  }
}

/* Does the request ask for something under the rule's name? */
static bool asks_under(const struct moon_pdu *request, const struct moon_flaw *r) {
  struct moon_reader list;
  struct moon_varbind vb;
  if (r->oid_len == 0) { return true; }
  moon_reader_init(&list, request->varbinds, request->varbinds_len);
  while (moon_varbind_get(&list, &vb)) {
    if (moon_oid_under(r->oid, r->oid_len, vb.oid, vb.oid_len)) { return true; }
  }
  return false;
}

static uint32_t least(uint32_t a, uint32_t b) {
  return a && a < b ? a : b;
}

/* false: the rule is there, but does nothing to this request. */
static bool judge(const struct moon_flaw *r, uint64_t t_us, const struct moon_flaw_clock *clock, uint64_t chance,
                  const struct moon_pdu *request, struct moon_judgement *out) {
  uint64_t since;
  bool silent = false;
  switch (r->kind) {
  case MOON_FLAW_DEAD:
  case MOON_FLAW_LOSS:
    silent = true;
    break;
  case MOON_FLAW_SILENT_ABOVE:
    silent = request->type == MOON_PDU_GET_BULK && request->error_index > 0 && (uint32_t)request->error_index > r->n;
    if (!silent) { return false; }
    break;
  case MOON_FLAW_RATE:
    out->rate = least(out->rate, r->n);
    return false; /* the agent counts */
  case MOON_FLAW_DELAY:
    out->delay_us += r->delay_us;
    break;
  case MOON_FLAW_JITTER:
    out->delay_us += (uint64_t)((unsigned __int128)r->delay_us * moon_chance(chance, 1) >> 64);
    break;
  case MOON_FLAW_SLOW_START:
    since = t_us > clock->boot_us ? t_us - clock->boot_us : 0;
    if (since >= r->period_us) { return false; }
    out->delay_us += (uint64_t)((unsigned __int128)r->delay_us * (r->period_us - since) / r->period_us);
    break;
  case MOON_FLAW_REORDER:
    out->delay_us += r->delay_us ? r->delay_us : REORDER_US;
    break;
  case MOON_FLAW_DUPLICATE:
    out->copy_us = r->delay_us;
    break;
  case MOON_FLAW_TRUNCATED:
    out->cut = r->n ? r->n : UINT32_MAX;
    break;
  case MOON_FLAW_TRAILING:
    out->extra = r->n ? r->n : 4;
    break;
  case MOON_FLAW_TOO_BIG:
    out->max_octets = least(out->max_octets, r->n);
    break;
  case MOON_FLAW_FEWER:
    out->fewer = r->n ? r->n : 1;
    break;
  case MOON_FLAW_REPLAY:
    out->replay_us = r->period_us;
    break;
  case MOON_FLAW_DOWNGRADE:
    out->kept = r->n == 1;
    break;
  case MOON_FLAW_FORGED_REPORT:
    out->forged = r->n ? (uint8_t)r->n : 3;
    break;
  case MOON_FLAW_REBOOT:
  case MOON_FLAW_CLOCK_JUMP:
  case MOON_FLAW_BOOTS_BACK:
  case MOON_FLAW_ENGINE_CHANGE:
  case MOON_FLAW_ENGINE_DUPLICATE:
    return false; /* see moon_flaws_clock */
  default:
    break;
  }
  if (silent && !out->silent) { out->silent = (uint8_t)(r->kind + 1); }
  return true;
}

void moon_flaws_judge(const struct moon_flaws *f, uint64_t t_us, const struct moon_flaw_clock *clock, uint64_t chance,
                      const struct moon_pdu *request, struct moon_judgement *out) {
  memset(out, 0, sizeof *out);
  for (size_t i = 0; i < f->n; i++) {
    const struct moon_flaw *r = &f->rules[i];
    uint64_t mine = moon_chance(chance, i);
    double share = r->share > 0 ? r->share : r->kind == MOON_FLAW_REORDER ? 0.5 : 1;
    if (!is_in_force(r, t_us) || !moon_chance_hits(mine, share)) { continue; }
    if (!is_of_instances(r->kind) && !asks_under(request, r)) { continue; }
    if (judge(r, t_us, clock, mine, request, out)) {
      out->kinds |= 1u << r->kind;
      out->rules |= (uint64_t)1 << i;
    }
  }
  if (clock->down) { out->silent = MOON_FLAW_REBOOT + 1; }
}

const struct moon_flaw *moon_flaws_under(const struct moon_flaws *f, const struct moon_judgement *j, enum moon_flaw_kind k,
                                         const uint8_t *oid, size_t len) {
  if (!(j->kinds & 1u << k)) { return NULL; }
  for (size_t i = 0; i < f->n; i++) {
    const struct moon_flaw *r = &f->rules[i];
    if (r->kind == k && (j->rules >> i & 1) && moon_oid_under(r->oid, r->oid_len, oid, len)) { return r; }
  }
  return NULL;
}
