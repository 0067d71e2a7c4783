#include "vary.h"

#include "../base/mem.h"
#include "chance.h"

#define SECOND_US 1000000u
#define PERIOD_US (60u * SECOND_US)
#define RATE_MAX 1e13
#define RATE_Q 20 /* fraction bits of rates */
#define TIME_Q 32 /* and of seconds: together they leave 76 bits of 128 for the number */

/* A rule as it is used. */
struct law {
  uint64_t rate_low, rate_high; /* RATE_Q */
  uint64_t start;
  uint64_t period_us;
  double low, high, share;
  uint32_t octaves;   /* Q16: how many doublings lie between the rates */
  uint32_t salt;      /* not 0: instances of one index go together in all laws with this salt */
  uint16_t oid_len;
  uint8_t mode;
  uint8_t skip;
  bool has_start, swing, bounded;
};

struct pair { uint8_t value, presence; }; /* laws + 1; 0: none */

#define COUNT MOON_VARY_MODES_N /* of ifNumber: less those of its interfaces that are away */

struct moon_vary {
  const struct moon_recording *recording;
  uint32_t rows, rows_end; /* what COUNT looks at: a column of ifTable */
  uint8_t *map;       /* pairs */
  struct law *laws;
  size_t n_laws;
  uint32_t n_pairs;
  struct pair pairs[256];
};

/* Everyday values. Columns that count the same of an interface in 32 and in 64 bits have one salt, so they grow alike. */
static const struct { const char *oid; uint8_t mode; uint8_t salt; double low, high; } defaults[] = {
  {"1.3", MOON_VARY_COUNTER, 0, 0.05, 20},
  {"1.3.6.1.2.1.2.2.1.10", MOON_VARY_COUNTER, 1, 1e3, 2e7},      /* ifInOctets */
  {"1.3.6.1.2.1.31.1.1.1.6", MOON_VARY_COUNTER, 1, 1e3, 2e7},    /* ifHCInOctets */
  {"1.3.6.1.2.1.2.2.1.16", MOON_VARY_COUNTER, 2, 1e3, 2e7},
  {"1.3.6.1.2.1.31.1.1.1.10", MOON_VARY_COUNTER, 2, 1e3, 2e7},
  {"1.3.6.1.2.1.2.2.1.11", MOON_VARY_COUNTER, 3, 10, 3e4},       /* ifInUcastPkts */
  {"1.3.6.1.2.1.31.1.1.1.7", MOON_VARY_COUNTER, 3, 10, 3e4},
  {"1.3.6.1.2.1.2.2.1.17", MOON_VARY_COUNTER, 4, 10, 3e4},
  {"1.3.6.1.2.1.31.1.1.1.11", MOON_VARY_COUNTER, 4, 10, 3e4},
  {"1.3.6.1.2.1.31.1.1.1.2", MOON_VARY_COUNTER, 5, 0.1, 50},     /* multicast and broadcast, both widths */
  {"1.3.6.1.2.1.31.1.1.1.8", MOON_VARY_COUNTER, 5, 0.1, 50},
  {"1.3.6.1.2.1.31.1.1.1.3", MOON_VARY_COUNTER, 6, 0.1, 50},
  {"1.3.6.1.2.1.31.1.1.1.9", MOON_VARY_COUNTER, 6, 0.1, 50},
  {"1.3.6.1.2.1.31.1.1.1.4", MOON_VARY_COUNTER, 7, 0.1, 50},
  {"1.3.6.1.2.1.31.1.1.1.12", MOON_VARY_COUNTER, 7, 0.1, 50},
  {"1.3.6.1.2.1.31.1.1.1.5", MOON_VARY_COUNTER, 8, 0.1, 50},
  {"1.3.6.1.2.1.31.1.1.1.13", MOON_VARY_COUNTER, 8, 0.1, 50},
  {"1.3.6.1.2.1.2.2.1.13", MOON_VARY_COUNTER, 0, 1e-4, 0.02},    /* discards, errors, unknown protocols */
  {"1.3.6.1.2.1.2.2.1.14", MOON_VARY_COUNTER, 0, 1e-4, 0.02},
  {"1.3.6.1.2.1.2.2.1.15", MOON_VARY_COUNTER, 0, 1e-4, 0.02},
  {"1.3.6.1.2.1.2.2.1.19", MOON_VARY_COUNTER, 0, 1e-4, 0.02},
  {"1.3.6.1.2.1.2.2.1.20", MOON_VARY_COUNTER, 0, 1e-4, 0.02},
  {"1.3.6.1.2.1.2.2.1.21", MOON_VARY_GAUGE, 0, 0, 0},            /* ifOutQLen */
  {"1.3.6.1.2.1.6.9", MOON_VARY_GAUGE, 0, 0, 0},                 /* tcpCurrEstab */
  {"1.3.6.1.2.1.25.1.6", MOON_VARY_GAUGE, 0, 0, 0},              /* hrSystemProcesses */
  {"1.3.6.1.2.1.25.3.3.1.2", MOON_VARY_GAUGE, 0, 1, 95},         /* hrProcessorLoad */
  {"1.3.6.1.2.1.99.1.1.1.4", MOON_VARY_GAUGE, 0, 0, 0},          /* entPhySensorValue */
  {"1.3.6.1.4.1.2021.10.1.5", MOON_VARY_GAUGE, 0, 1, 400},       /* laLoadInt */
  {"1.3.6.1.2.1.1.3", MOON_VARY_UPTIME, 0, 0, 0},                /* sysUpTime, hrSystemUptime, snmpEngineTime */
  {"1.3.6.1.2.1.25.1.1", MOON_VARY_UPTIME, 0, 0, 0},
  {"1.3.6.1.6.3.10.2.1.3", MOON_VARY_SECONDS, 0, 0, 0},
  {"1.3.6.1.6.3.10.2.1.2", MOON_VARY_BOOTS, 0, 0, 0},
  {"1.3.6.1.2.1.1.8", MOON_VARY_SINCE, 0, 0, 0},                 /* sysORLastChange, sysORUpTime */
  {"1.3.6.1.2.1.1.9.1.4", MOON_VARY_SINCE, 0, 0, 0},
  {"1.3.6.1.2.1.2.2.1.9", MOON_VARY_SINCE, 0, 0, 0},             /* ifLastChange, ifCounterDiscontinuityTime, ifTableLastChange */
  {"1.3.6.1.2.1.31.1.1.1.19", MOON_VARY_SINCE, 0, 0, 0},
  {"1.3.6.1.2.1.31.1.5", MOON_VARY_SINCE, 0, 0, 0},
};
#define DEFAULTS_N (sizeof defaults / sizeof *defaults)
_Static_assert(MOON_VARY_RULES_MAX + DEFAULTS_N + 1 < 255, "laws are numbered by an octet");

static bool suits(uint8_t mode, uint8_t type) {
  switch (mode) {
  case MOON_VARY_COUNTER: return type == MOON_COUNTER32 || type == MOON_COUNTER64;
  case MOON_VARY_GAUGE: return type == MOON_GAUGE32 || type == MOON_INTEGER || type == MOON_UINTEGER32;
  case MOON_VARY_UPTIME:
  case MOON_VARY_SINCE: return type == MOON_TIME_TICKS;
  case MOON_VARY_SECONDS:
  case MOON_VARY_BOOTS: return type == MOON_INTEGER || type == MOON_COUNTER32 || type == MOON_GAUGE32;
  default: return true;
  }
}

/* How often the low rate doubles on its way to the high one, Q16; the fraction is a straight line, as where it is used. */
static uint32_t count_octaves(double low, double high) {
  uint32_t whole = 0;
  if (low <= 0 || high <= low) { return 0; }
  while (2 * low <= high && whole < 100) {
    low *= 2;
    whole++;
  }
  return whole << 16 | (uint32_t)((high / low - 1) * 65535);
}

static bool make_law(const struct moon_vary_rule *r, uint32_t salt, struct law *out) {
  if (r->mode >= MOON_VARY_MODES_N || !(r->rate_low >= 0 && r->rate_high >= r->rate_low && r->rate_high <= RATE_MAX) ||
      !(r->high >= r->low && r->low >= -1e18 && r->high <= 1e18) || !(r->share >= 0 && r->share <= 1) ||
      (r->swing && r->period_us > UINT32_MAX)) {
    return false;
  }
  *out = (struct law){.rate_low = (uint64_t)(r->rate_low * (1u << RATE_Q) + 0.5),
                      .rate_high = (uint64_t)(r->rate_high * (1u << RATE_Q) + 0.5), .start = r->start,
                      .period_us = r->period_us ? r->period_us : PERIOD_US, .low = r->low, .high = r->high,
                      .share = r->share, .octaves = count_octaves(r->rate_low, r->rate_high), .salt = salt, .oid_len = r->oid_len,
                      .mode = r->mode, .skip = r->skip, .has_start = r->has_start, .swing = r->swing,
                      .bounded = r->low != 0 || r->high != 0};
  return true;
}

/* The number of a pair; 0 when there are too many. */
static uint8_t number_pair(struct moon_vary *v, struct pair p) {
  uint32_t i;
  for (i = 0; i < v->n_pairs; i++) {
    if (v->pairs[i].value == p.value && v->pairs[i].presence == p.presence) { return (uint8_t)i; }
  }
  if (i > 255) { return 0; }
  v->pairs[v->n_pairs++] = p;
  return (uint8_t)i;
}

/* Instances under a name stand together. */
static enum moon_err apply(struct moon_vary *v, const uint8_t *oid, size_t n, uint8_t law) {
  const struct moon_recording *r = v->recording;
  uint8_t mode = v->laws[law].mode;
  uint32_t i = n ? moon_recording_find(r, oid, n) : 0;
  if (i == MOON_RECORDING_NONE) { i = moon_recording_after(r, oid, n); }
  for (; i < r->n; i++) {
    const struct moon_instance *e = &r->instances[i];
    struct pair p = v->pairs[v->map[i]];
    if (!moon_oid_under(oid, n, r->octets + e->at + e->oid_at, e->oid_len)) { break; }
    if (!suits(mode, e->type)) { continue; }
    if (mode == MOON_VARY_PRESENCE) {
      p.presence = (uint8_t)(law + 1);
    } else {
      p.value = mode == MOON_VARY_STILL ? 0 : (uint8_t)(law + 1);
    }
    v->map[i] = number_pair(v, p);
    if (v->map[i] == 0 && (p.value || p.presence)) { return MOON_E_LIMIT; }
  }
  return MOON_OK;
}

static enum moon_err apply_defaults(struct moon_vary *v) {
  for (size_t i = 0; i < DEFAULTS_N; i++) {
    const struct moon_vary_rule rule = {.mode = defaults[i].mode, .swing = true,
      .rate_low = defaults[i].mode == MOON_VARY_COUNTER ? defaults[i].low : 0,
      .rate_high = defaults[i].mode == MOON_VARY_COUNTER ? defaults[i].high : 0,
      .low = defaults[i].mode == MOON_VARY_GAUGE ? defaults[i].low : 0,
      .high = defaults[i].mode == MOON_VARY_GAUGE ? defaults[i].high : 0};
    uint8_t oid[32];
    size_t n;
    enum moon_err e = moon_oid_parse(defaults[i].oid, strlen(defaults[i].oid), oid, sizeof oid, &n);
    if (e || !make_law(&rule, defaults[i].salt, &v->laws[v->n_laws])) { return MOON_E_CONFIG; }
    v->laws[v->n_laws].oid_len = (uint16_t)n;
    if ((e = apply(v, oid, n, (uint8_t)v->n_laws++)) != MOON_OK) { return e; }
  }
  return MOON_OK;
}

/* Interfaces that come and go are counted in ifNumber, unless a rule has something else for it. */
static enum moon_err count_interfaces(struct moon_vary *v) {
  static const uint8_t if_number[] = {0x2b, 6, 1, 2, 1, 2, 1, 0}, if_entry[] = {0x2b, 6, 1, 2, 1, 2, 2, 1};
  const struct moon_recording *r = v->recording;
  uint32_t i = moon_recording_find(r, if_number, sizeof if_number), k = moon_recording_after(r, if_entry, sizeof if_entry);
  bool come_and_go = false;
  struct moon_varbind vb;
  struct pair p;
  if (i == MOON_RECORDING_NONE || r->instances[i].type != MOON_INTEGER || v->pairs[v->map[i]].value) { return MOON_OK; }
  for (v->rows = v->rows_end = k; v->rows_end < r->n; v->rows_end++) {
    moon_recording_get(r, v->rows_end, &vb);
    if (vb.oid_len <= sizeof if_entry || memcmp(vb.oid, if_entry, sizeof if_entry) != 0) { break; }
    if (vb.oid[sizeof if_entry] != r->octets[r->instances[k].at + r->instances[k].oid_at + sizeof if_entry]) { break; }
    come_and_go |= v->pairs[v->map[v->rows_end]].presence != 0;
  }
  if (!come_and_go) { return MOON_OK; }
  v->laws[v->n_laws++] = (struct law){.mode = COUNT};
  p = v->pairs[v->map[i]];
  p.value = (uint8_t)v->n_laws;
  v->map[i] = number_pair(v, p);
  return v->map[i] ? MOON_OK : MOON_E_LIMIT;
}

struct moon_vary *moon_vary_new(const struct moon_recording *r, const struct moon_vary_rule *rules, size_t n, bool use_defaults,
                                size_t *blame, enum moon_err *err) {
  struct moon_vary *v = moon_mem_zalloc(sizeof *v);
  enum moon_err e = v ? MOON_OK : MOON_E_NOMEM;
  size_t i = 0;
  if (blame) { *blame = SIZE_MAX; }
  if (!e && n > MOON_VARY_RULES_MAX) { e = MOON_E_LIMIT; }
  if (!e) {
    v->recording = r;
    v->n_pairs = 1; /* the first: neither */
    v->map = moon_mem_array(r->n ? r->n : 1, 1);
    v->laws = moon_mem_array(n + DEFAULTS_N + 1, sizeof *v->laws);
    if (!v->map || !v->laws) { e = MOON_E_NOMEM; }
  }
  if (!e && use_defaults) { e = apply_defaults(v); }
  for (; !e && i < n; i++) {
    e = make_law(&rules[i], 0, &v->laws[v->n_laws]) ? apply(v, rules[i].oid, rules[i].oid_len, (uint8_t)v->n_laws) : MOON_E_CONFIG;
    v->n_laws++;
    if (e && blame) { *blame = i; }
  }
  if (!e) { e = count_interfaces(v); }
  if (!e) { return v; }
  moon_vary_free(v);
  *err = e;
  return NULL;
}

void moon_vary_free(struct moon_vary *v) {
  if (!v) { return; }
  moon_mem_free(v->map);
  moon_mem_free(v->laws);
  moon_mem_free(v);
}

const uint8_t *moon_vary_map(const struct moon_vary *v) {
  return v->map;
}

/* What chance sees of an instance: its index where a law has a salt, else its name. */
static uint64_t subject(const struct law *law, const struct moon_varbind *vb, uint64_t seed) {
  size_t skip = law->salt ? law->oid_len : 0;
  return moon_chance_octets(seed ^ law->salt, vb->oid + skip, vb->oid_len - skip);
}

/* Time within a period runs ahead or behind, and is right at its end: x + b x (1 - x / P), |b| <= 3/4, never backwards. */
static uint64_t swing_time(const struct law *law, uint64_t t_us, uint64_t who) {
  uint64_t p = law->period_us, step = t_us / p, x = t_us % p;
  int64_t b = (int64_t)(moon_chance(who, step) >> 48) - 32768; /* Q16 of +-1/2 */
  return step * p + (uint64_t)((int64_t)x + ((b + b / 2) * (int64_t)(x * (p - x) / p) >> 16));
}

static uint64_t grow(const struct law *law, const struct moon_varbind *vb, const struct moon_moment *m, uint64_t elapsed_us) {
  uint64_t rate = law->rate_low, who = 0, tau;
  if (law->rate_high != law->rate_low || law->swing) { who = subject(law, vb, m->seed); }
  if (law->octaves) {
    uint64_t x = (moon_chance(who, 1) >> 32) * law->octaves >> 32;
    rate <<= x >> 16;
    rate += (uint64_t)((unsigned __int128)rate * (x & 0xffff) >> 16);
  } else if (law->rate_high != law->rate_low) { /* from 0: evenly */
    rate += (uint64_t)((unsigned __int128)(law->rate_high - law->rate_low) * (moon_chance(who, 1) >> 32) >> 32);
  }
  if (law->swing) { elapsed_us = swing_time(law, elapsed_us, who); }
  tau = (elapsed_us / SECOND_US << TIME_Q) + ((elapsed_us % SECOND_US << TIME_Q) / SECOND_US);
  return (uint64_t)((unsigned __int128)rate * tau >> (RATE_Q + TIME_Q));
}

static uint64_t wander(const struct law *law, const struct moon_varbind *vb, const struct moon_moment *m, double recorded) {
  uint64_t who = subject(law, vb, m->seed), step = m->t_us / law->period_us;
  double low = law->low, high = law->high, a, b, x, v;
  if (!law->bounded) {
    double quarter = recorded < 0 ? -recorded / 4 : recorded / 4;
    low = recorded - quarter;
    high = recorded + quarter;
  }
  a = (double)(moon_chance(who, step) >> 11) * 0x1p-53;
  b = (double)(moon_chance(who, step + 1) >> 11) * 0x1p-53;
  x = (double)(m->t_us % law->period_us) / (double)law->period_us;
  v = low + (high - low) * (a + (b - a) * x * x * (3 - 2 * x));
  if (vb->type == MOON_INTEGER) {
    v = v < INT32_MIN ? INT32_MIN : v > INT32_MAX ? INT32_MAX : v;
    return (uint64_t)(int64_t)(v < 0 ? v - 0.5 : v + 0.5);
  }
  return v <= 0 ? 0 : v >= UINT32_MAX ? UINT32_MAX : (uint64_t)(v + 0.5);
}

/* Is the index this instance has away just now? The same for every table that has the index. */
static bool is_gone(const struct law *law, const struct moon_varbind *vb, const struct moon_moment *m) {
  size_t at = law->oid_len, arcs;
  uint64_t who;
  for (arcs = law->skip; arcs && at < vb->oid_len; at++) { arcs -= vb->oid[at] < 0x80; }
  who = moon_chance_octets(m->seed ^ 0x676f6e65, vb->oid + at, vb->oid_len - at);
  return moon_chance_hits(moon_chance(who, m->t_us / law->period_us), law->share);
}

static uint32_t count_away(const struct moon_vary *v, const struct moon_moment *m) {
  struct moon_varbind vb;
  uint32_t n = 0;
  for (uint32_t i = v->rows; i < v->rows_end; i++) {
    uint8_t presence = v->pairs[v->map[i]].presence;
    moon_recording_get(v->recording, i, &vb);
    n += presence && is_gone(&v->laws[presence - 1], &vb, m);
  }
  return n;
}

enum moon_varied moon_vary_value(const struct moon_vary *v, uint32_t instance, const struct moon_moment *m, uint64_t *number) {
  const struct pair p = v->pairs[v->map[instance]];
  const struct law *law;
  struct moon_varbind vb;
  uint64_t recorded = 0, elapsed_us, unit = 1;
  int64_t i = 0;
  moon_recording_get(v->recording, instance, &vb);
  if (p.presence && is_gone(&v->laws[p.presence - 1], &vb, m)) { return MOON_VARIED_GONE; }
  if (!p.value) { return MOON_VARIED_NOT; }
  law = &v->laws[p.value - 1];
  if (vb.type == MOON_INTEGER ? moon_varbind_i64(&vb, &i) : moon_varbind_u64(&vb, &recorded)) { return MOON_VARIED_NOT; }
  if (vb.type == MOON_INTEGER) { recorded = (uint64_t)i; }
  if (law->has_start) { recorded = law->start; }
  elapsed_us = m->boots ? (m->t_us > m->boot_us ? m->t_us - m->boot_us : 0) : m->t_us;
  switch (law->mode) {
  case MOON_VARY_COUNTER:
    *number = (m->boots ? 0 : recorded) + grow(law, &vb, m, elapsed_us);
    break;
  case MOON_VARY_GAUGE:
    *number = wander(law, &vb, m, vb.type == MOON_INTEGER ? (double)i : (double)recorded);
    return MOON_VARIED_NUMBER;
  case MOON_VARY_UPTIME:
  case MOON_VARY_SECONDS:
    unit = law->mode == MOON_VARY_UPTIME ? 10000 : SECOND_US;
    *number = (m->boots ? 0 : recorded) + elapsed_us / unit;
    break;
  case MOON_VARY_SINCE:
    if (!m->boots) { return MOON_VARIED_NOT; }
    *number = 0;
    break;
  case COUNT:
    *number = recorded - count_away(v, m);
    break;
  default: /* MOON_VARY_BOOTS */
    *number = recorded + m->boots;
    break;
  }
  if (vb.type == MOON_INTEGER) {
    *number &= INT32_MAX;
  } else if (vb.type != MOON_COUNTER64) {
    *number &= UINT32_MAX;
  }
  return MOON_VARIED_NUMBER;
}
