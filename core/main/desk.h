/* desk: questions of the master that only workers can answer: what a target is doing, which tasks are parked.
 *
 *   master   writes the question, counts it up, rings the bell of each worker, waits with poll() until a deadline
 *   worker   between two turns: writes its answer, then the number it answers, then rings the master's bell
 *
 * There are slips for several questions at once: one that takes its time holds nobody else's up. On each every worker has a place of
 * its own, in memory both share since before the fork; nobody waits for the other. An answer that comes too late carries an old
 * number and is nobody's; who has not answered by the deadline is told as busy. */
#ifndef MOON_MAIN_DESK_H
#define MOON_MAIN_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/err.h"

#define MOON_DESK_SLIPS 8u
#define MOON_DESK_QUESTION 256u
#define MOON_DESK_ANSWER (128u << 10) /* octets of all workers together, so that a client's socket takes them at once */

struct moon_desk_seat; /* of one worker on one slip, in the mapping */

struct moon_desk {
  struct moon_desk_seat *seats;
  uint32_t n;
  int bell_fd;      /* the master's */
  int *worker_fd;   /* one a worker */
  uint32_t number[MOON_DESK_SLIPS]; /* of the question that is open there, or was last */
};

/* MOON_E_NOMEM, MOON_E_LIMIT (no descriptor). */
enum moon_err moon_desk_init(struct moon_desk *d, uint32_t n_workers);
void moon_desk_fini(struct moon_desk *d);

/* Master: ask all; text shorter than MOON_DESK_QUESTION. What was asked before is given up. */
void moon_desk_ask(struct moon_desk *d, uint32_t slip, const char *text);
/* Master: this worker's answer to the open question, lent until the next one; NULL: none yet. */
const char *moon_desk_answer(const struct moon_desk *d, uint32_t slip, uint32_t worker, uint32_t *n);
/* Master: the bell was heard. */
void moon_desk_heard(struct moon_desk *d);

/* Worker: its bell rang; before the questions are taken. */
void moon_desk_hush(struct moon_desk *d, uint32_t worker);
/* Worker: copies the question of this slip; false: there is none that was not taken before. */
bool moon_desk_question(struct moon_desk *d, uint32_t slip, uint32_t worker, char out[MOON_DESK_QUESTION], uint32_t *number);
/* Worker: room for an answer. */
static inline uint32_t moon_desk_room(const struct moon_desk *d) { return MOON_DESK_ANSWER / d->n; }
/* Worker: what is longer than the room becomes an empty answer. */
void moon_desk_reply(struct moon_desk *d, uint32_t slip, uint32_t worker, uint32_t number, const void *text, uint32_t n);

#endif
