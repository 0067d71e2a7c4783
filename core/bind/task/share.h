/* share: which devices of a probe have its candidate. One word a probe, written by the master, read by every worker when a run starts:
 * so all workers go over at the same moment, and none of them has to be told first.
 *
 *   0                              there is no candidate: all have the version that is current
 *   serial, 0..100                 this one has so many per cent of the devices; those of 5 are among those of 15
 *   serial, MOON_SHARE_FINAL       all have it, and it is the current one from now on
 *
 * Where a worker has no version of that serial (it was started with what is current since) the word says nothing. */
#ifndef MOON_BIND_TASK_SHARE_H
#define MOON_BIND_TASK_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#define MOON_SHARE_FINAL 255u
#define MOON_SHARES_MAX 4096u /* probes that can have a candidate */

static inline uint64_t moon_share_word(uint32_t serial, uint8_t percent) { return (uint64_t)serial << 8 | percent; }
static inline uint32_t moon_share_serial(uint64_t word) { return (uint32_t)(word >> 8); }
static inline uint8_t moon_share_percent(uint64_t word) { return (uint8_t)word; }

/* pair: moon_pulse_pair of probe and target: the same in every process and after every restart. */
static inline bool moon_share_has(uint64_t pair, uint8_t percent) {
  pair ^= pair >> 32; /* the high half of FNV alone is poor for names that differ at their end */
  pair *= UINT64_C(0xd6e8feb86659fd93);
  pair ^= pair >> 32;
  return (uint32_t)((pair & UINT32_MAX) * 100 >> 32) < percent;
}

#endif
