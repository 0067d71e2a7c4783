/* pulse: what can be seen of a host from outside, by another thread or another process, while a script runs in it.
 *
 * One thread writes, the host's, of the watchdog's in a signal handler; anybody may read. A resume costs a few stores and no call:
 *
 *   resume   even: no script runs        odd: the resume of this number goes on
 *   pair     whose it is or was: the probe and the target by a hash of their names, for indexes mean nothing after a reload */
#ifndef MOON_BIND_TASK_PULSE_H
#define MOON_BIND_TASK_PULSE_H

#include <stdint.h>

struct moon_pulse {
  uint64_t resume;   /* of the host */
  uint64_t pair;     /* of the host */
  uint64_t held;     /* of the watchdog: the resume it saw going on */
  uint64_t held_us;  /* of the watchdog: processor time that took since it saw it first */
};

/* FNV-1a over both names. */
static inline uint64_t moon_pulse_pair(const char *probe, const char *target) {
  uint64_t hash = 0xcbf29ce484222325u;
  do { hash = (hash ^ (uint8_t)*probe) * 0x100000001b3u; } while (*probe++);
  do { hash = (hash ^ (uint8_t)*target) * 0x100000001b3u; } while (*target++);
  return hash;
}

static inline uint64_t moon_pulse_load(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void moon_pulse_store(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

static inline void moon_pulse_enter(struct moon_pulse *p, uint64_t pair) {
  moon_pulse_store(&p->pair, pair);
  moon_pulse_store(&p->resume, p->resume + 1);
}

/* A signal that comes after this finds no script to stop. */
static inline void moon_pulse_leave(struct moon_pulse *p) {
  moon_pulse_store(&p->resume, p->resume + 1);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
