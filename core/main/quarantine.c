#include "quarantine.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include "../bind/task/pulse.h"
#include "format.h"
#include "log.h"

#define SECOND UINT64_C(1000000)
#define FIRST_US (3600 * SECOND)
#define MOST_US (24 * 3600 * SECOND)
#define SUSPECT_US (600 * SECOND) /* a second loss within this is no chance */
#define TARGETS_MAX 3             /* of one probe: then it is the probe */

struct held {
  uint64_t until_us;     /* 0: not held; what workers look at, with pair and version */
  uint64_t pair;
  uint64_t version;
  uint64_t blamed_us;    /* last time; 0: the place is free */
  uint32_t times;        /* it was held */
  char probe[68];
  char target[256];      /* "": everywhere */
  char why[64];
};

struct moon_quarantine {
  uint64_t n;            /* held now */
  struct held at[MOON_QUARANTINE_MAX];
};

struct moon_quarantine *moon_quarantine_new(void) {
  void *p = mmap(NULL, sizeof(struct moon_quarantine), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

void moon_quarantine_free(struct moon_quarantine *q) {
  if (q) { munmap(q, sizeof *q); }
}

static bool is(const struct held *h, uint64_t pair, uint64_t version) { return h->blamed_us && h->pair == pair && h->version == version; }

/* Its place, or the one that is given up for it. */
static struct held *place(struct moon_quarantine *q, const char *probe, const char *target, uint64_t version) {
  uint64_t pair = moon_pulse_pair(probe, target);
  struct held *best = &q->at[0];
  for (int i = 0; i < MOON_QUARANTINE_MAX; i++) {
    struct held *h = &q->at[i];
    if (is(h, pair, version)) { return h; }
    bool worse = best->until_us && !h->until_us;
    if (worse || (h->blamed_us < best->blamed_us && !h->until_us == !best->until_us)) { best = h; }
  }
  if (best->until_us) { moon_pulse_store(&q->n, q->n - 1); }
  moon_pulse_store(&best->until_us, 0);
  *best = (struct held){.pair = pair, .version = version};
  snprintf(best->probe, sizeof best->probe, "%s", probe);
  snprintf(best->target, sizeof best->target, "%s", target);
  return best;
}

static void hold(struct moon_quarantine *q, struct held *h, const char *why, uint64_t now_us) {
  uint64_t us = FIRST_US;
  for (uint32_t i = 0; i < h->times && us < MOST_US; i++) { us *= 2; }
  us = us < MOST_US ? us : MOST_US;
  h->times++;
  h->blamed_us = now_us;
  snprintf(h->why, sizeof h->why, "%s", why);
  if (!h->until_us) { moon_pulse_store(&q->n, q->n + 1); }
  moon_pulse_store(&h->until_us, now_us + us);
  moon_log(MOON_LOG_ERROR, "%s: %s%sin quarantine for %u min, its worker was lost there: %s; moonpoll release ends it, and another version of the probe",
           h->probe, h->target, *h->target ? ": " : "against all targets ", (unsigned)(us / SECOND / 60), why);
}

/* Against how many targets this version was held. */
static uint32_t targets_of(const struct moon_quarantine *q, const char *probe, uint64_t version) {
  uint32_t n = 0;
  for (int i = 0; i < MOON_QUARANTINE_MAX; i++) {
    const struct held *h = &q->at[i];
    n += h->blamed_us && h->times && *h->target && h->version == version && strcmp(h->probe, probe) == 0;
  }
  return n;
}

void moon_quarantine_blame(struct moon_quarantine *q, const struct moon_plan_probe *p, const char *target, const char *why, bool sure,
                           uint64_t now_us) {
  struct held *h = place(q, p->name, target, p->version);
  if (!sure && (!h->blamed_us || now_us - h->blamed_us > SUSPECT_US)) {
    h->blamed_us = now_us;
    return;
  }
  hold(q, h, why, now_us);
  if (targets_of(q, p->name, p->version) >= TARGETS_MAX) {
    struct held *all = place(q, p->name, "", p->version);
    if (!all->until_us) { hold(q, all, why, now_us); }
  }
}

static void release(struct moon_quarantine *q, struct held *h, const char *how) {
  moon_pulse_store(&h->until_us, 0);
  moon_pulse_store(&q->n, q->n - 1);
  moon_log(MOON_LOG_WARN, "%s: %s%sout of quarantine: %s", h->probe, h->target, *h->target ? ": " : "against all targets ", how);
}

uint64_t moon_quarantine_tick(struct moon_quarantine *q, uint64_t now_us) {
  uint64_t next = UINT64_MAX;
  for (int i = 0; q->n && i < MOON_QUARANTINE_MAX; i++) {
    struct held *h = &q->at[i];
    if (!h->until_us) { continue; }
    if (h->until_us <= now_us) {
      release(q, h, "its time is over");
    } else {
      next = h->until_us < next ? h->until_us : next;
    }
  }
  return next;
}

uint32_t moon_quarantine_lift(struct moon_quarantine *q, const char *probe, const char *target) {
  uint32_t n = 0;
  for (int i = 0; i < MOON_QUARANTINE_MAX; i++) {
    struct held *h = &q->at[i];
    if (!h->blamed_us || (probe && strcmp(probe, h->probe) != 0) || (target && strcmp(target, h->target) != 0)) { continue; }
    if (h->until_us) {
      release(q, h, "released");
      n++;
    }
    h->blamed_us = 0; /* and forgotten */
  }
  return n;
}

uint32_t moon_quarantine_count(const struct moon_quarantine *q) { return (uint32_t)q->n; }

bool moon_quarantine_holds(const struct moon_quarantine *q, const struct moon_plan_probe *p, const char *target) {
  if (!moon_pulse_load(&q->n)) { return false; }
  uint64_t pair = moon_pulse_pair(p->name, target), all = moon_pulse_pair(p->name, "");
  for (int i = 0; i < MOON_QUARANTINE_MAX; i++) {
    const struct held *h = &q->at[i];
    if (moon_pulse_load(&h->until_us) && h->version == p->version && (h->pair == pair || h->pair == all)) { return true; }
  }
  return false;
}

static void put_string(struct moon_print *out, const char *key, const char *text) {
  uint32_t n = (uint32_t)strlen(text);
  moon_print_printf(out, "\"%s\":\"", key);
  uint8_t *p = moon_print_room(out, (size_t)n * 6);
  if (p) { out->n += moon_format_escape((char *)p, text, n); }
  moon_print_text(out, "\",");
}

void moon_quarantine_json(const struct moon_quarantine *q, uint64_t now_us, struct moon_print *out) {
  const char *between = "";
  moon_print_text(out, "[");
  for (int i = 0; i < MOON_QUARANTINE_MAX; i++) {
    const struct held *h = &q->at[i];
    if (!h->until_us) { continue; }
    moon_print_printf(out, "%s{", between);
    put_string(out, "probe", h->probe);
    if (*h->target) { put_string(out, "target", h->target); }
    put_string(out, "why", h->why);
    moon_print_printf(out, "\"version\":\"%016" PRIx64 "\",\"times\":%u,\"seconds_left\":%.0f}", h->version, h->times,
                      h->until_us > now_us ? (double)(h->until_us - now_us) / 1e6 : 0.0);
    between = ",";
  }
  moon_print_text(out, "]");
}
