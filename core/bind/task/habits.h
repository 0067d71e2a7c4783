/* habits: the habits of a host's duties, by key, in memory that somebody else owns: it may outlive the host, and who takes its place
 * finds them there.
 *
 *   struct moon_habit_place at[n];          zeroed once, or left by a predecessor
 *   moon_habits_init(&s, at, n);
 *   d->habit = moon_habits_claim(&s, key);  the one that is there, or a new one; NULL: no place is left
 *   moon_habits_keep_claimed(&s);           what nobody claimed until here is nobody's
 *   moon_habits_drop(&s, key);              its duty is gone
 *
 * Places do not move. Of a host killed while it wrote, one habit may be off by a run. */
#ifndef MOON_BIND_TASK_HABITS_H
#define MOON_BIND_TASK_HABITS_H

#include "../../base/err.h"
#include "habit.h"

struct moon_habit_place {
  uint64_t key;              /* 0: free */
  struct moon_habit habit;
};

struct moon_habits {
  struct moon_habit_place *at; /* borrowed; NULL: none are kept */
  uint32_t n;                /* places */
  uint32_t hint;             /* below it none is free */
  uint32_t *index;           /* buckets: 1 + place; 0: free */
  uint32_t mask;             /* buckets - 1 */
  uint8_t *claimed;          /* of places; NULL once those that were not are gone */
};

/* at NULL or n 0: claims give NULL. MOON_E_NOMEM: likewise. */
enum moon_err moon_habits_init(struct moon_habits *s, struct moon_habit_place *at, uint32_t n);
void moon_habits_fini(struct moon_habits *s);
struct moon_habit *moon_habits_claim(struct moon_habits *s, uint64_t key);
void moon_habits_keep_claimed(struct moon_habits *s);
void moon_habits_drop(struct moon_habits *s, uint64_t key);

#endif
