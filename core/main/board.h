/* board: what master and workers tell each other of new versions, in memory they share since before the fork.
 *
 *   master   a word a probe: which version is for which devices (bind/task/share.h); one store, and all workers go over
 *   worker   a seat: the number of the last preparation it came to the end of, and what was wrong; then it rings
 *
 * Nobody waits for the other. An answer to an older number is nobody's. */
#ifndef MOON_MAIN_BOARD_H
#define MOON_MAIN_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/err.h"

#define MOON_BOARD_ERROR 1024u

struct moon_board_seat; /* of one worker, in the mapping */

struct moon_board {
  uint64_t *shares;      /* MOON_SHARES_MAX words; NULL: not made */
  struct moon_board_seat *seats;
  uint32_t n;
  int bell_fd;           /* the master's; -1 */
};

/* MOON_E_NOMEM, MOON_E_LIMIT (no descriptor). */
enum moon_err moon_board_init(struct moon_board *b, uint32_t n_workers);
void moon_board_fini(struct moon_board *b);

/* Master: for all workers from now on. */
void moon_board_put(struct moon_board *b, uint32_t probe, uint64_t word);
/* Master: what a worker said to this number: "" it is ready, else why not, copied to out. false: it has not come to its end yet. */
bool moon_board_answer(const struct moon_board *b, uint32_t worker, uint32_t number, char out[MOON_BOARD_ERROR]);
/* Master: the bell was heard. */
void moon_board_heard(struct moon_board *b);
/* Worker: error NULL: all is ready. */
void moon_board_say(struct moon_board *b, uint32_t worker, uint32_t number, const char *error);

#endif
