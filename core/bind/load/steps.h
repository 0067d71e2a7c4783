/* steps: how a new version of a probe spreads over the targets, and what it may not do worse on the way.
 *
 *   rollout = { above = 100, steps = { 5, 15, 30, 50, 100 }, runs = 2, comparisons = 20,
 *               failures = 0.005, time = 2, requests = 2, samples = 0.75 }            in the configuration; false: at once
 *
 * Which targets come first is a matter of their names alone: the same ones each time, in every process. */
#ifndef MOON_BIND_LOAD_STEPS_H
#define MOON_BIND_LOAD_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#define MOON_STEPS_MAX 16
#define MOON_STEPS_WHOLE 100 /* per cent */

struct moon_steps {  /* no gaps */
  double failures;   /* back when so great a share of the devices fail that did not before: 0.005 */
  double time;       /* ... when runs take so many times as long: 2 */
  double requests;   /* ... or so many times the requests: 2 */
  double samples;    /* ... or give no more than so great a share of the samples: 0.75 */
  uint32_t above;    /* with no more targets all is done at once: 100 */
  uint32_t runs;     /* of each device before the next step: 2 */
  uint32_t comparisons; /* before the next step: 20 */
  uint32_t n;        /* of at; 0: all at once */
  uint8_t at[MOON_STEPS_MAX]; /* per cent, rising, the last one MOON_STEPS_WHOLE */
};

void moon_steps_init(struct moon_steps *s);
/* Of another process. */
bool moon_steps_are_sane(const struct moon_steps *s);
bool moon_steps_are_same(const struct moon_steps *a, const struct moon_steps *b);

/* Is the target of this pair (moon_pulse_pair) among the first `per_cent` of the targets? */
static inline bool moon_steps_has(uint64_t pair, uint32_t per_cent) {
  pair ^= pair >> 32; /* the high half of FNV alone is poor for names that differ at their end */
  pair *= UINT64_C(0xd6e8feb86659fd93);
  pair ^= pair >> 32;
  return (uint32_t)((pair & UINT32_MAX) * MOON_STEPS_WHOLE >> 32) < per_cent;
}

struct moon_fields;
/* `rollout` of the configuration, whose table is at the top. Raises. [-0, +0, e] */
void moon_steps_read(struct moon_fields *f, struct moon_steps *out);

#endif
