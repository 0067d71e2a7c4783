/* turnover: new versions of probes go into the workers, all together.
 *
 *   prepare   every worker gets the same octets, compiles them aside and tries migrate; the first that cannot, and nothing changes
 *   on trial  a share of the devices has them; the others, and what is in force, have the version before
 *   promoted  all have them, and what is in force says so
 *   back      nobody has them any more
 *
 * Between the steps stand single stores into memory all workers see (board.h): there is no moment at which one runs this and another that.
 * Probes that come or go, other jobs, and what a worker has from its start to its end, go another way: once the new code was looked at by all,
 * workers are replaced in order, each as it was. One set of candidates is on trial at a time. */
#ifndef MOON_MAIN_TURNOVER_H
#define MOON_MAIN_TURNOVER_H

#include "board.h"
#include "print.h"
#include "../bind/load/change.h"

struct moon_master;

struct moon_turnover {
  struct moon_board board;
  struct moon_plan *trial;   /* candidates on trial, in order of their places in the plan in force; NULL: none are */
  uint32_t *places;          /* theirs in the plan in force */
  uint32_t serial;           /* theirs */
  uint8_t percent;           /* of the devices that have them */
  uint32_t last_serial;      /* given out */
  uint32_t preparing;        /* serial of what is prepared now; 0: nothing is */
  uint64_t waiting;          /* workers that have not come to its end, a bit each */
  uint64_t deadline_us;
  int file_fd;               /* what they get; -1 */
};

enum moon_err moon_turnover_init(struct moon_turnover *t, uint32_t n_workers);
void moon_turnover_fini(struct moon_turnover *t);

/* The code that a change has goes to all workers. false: they cannot be told, and *why says why. */
bool moon_turnover_prepare(struct moon_master *m, const struct moon_change *c, const char **why);
/* A worker of this slot was started: it is told as well. */
void moon_turnover_join(struct moon_master *m, uint32_t slot);
/* One ended. */
void moon_turnover_gone(struct moon_master *m, uint32_t slot);
/* Looks who is ready; true: all are, or error says who cannot, and preparing is over. *next: when to come again. */
bool moon_turnover_look(struct moon_master *m, uint64_t now_us, char error[MOON_BOARD_ERROR], uint64_t *next);
/* What was prepared is not wanted. */
void moon_turnover_drop(struct moon_master *m);

/* What was prepared is on trial from now on, in the place of what was: plan has it, and *c says where. percent: of the devices. MOON_E_NOMEM. */
enum moon_err moon_turnover_try(struct moon_master *m, const struct moon_change *c, uint8_t percent);
/* The same before any worker is: a master before this one had it on trial, by this number. */
enum moon_err moon_turnover_resume(struct moon_master *m, const struct moon_change *c, uint32_t serial, uint8_t percent);
/* Another share of the devices has what is on trial. */
void moon_turnover_share(struct moon_master *m, uint8_t percent);
/* All have it, for good: moon_master.plan too. MOON_E_NOMEM: it stays on trial. */
enum moon_err moon_turnover_promote(struct moon_master *m);
/* Nobody has it any more. */
void moon_turnover_back(struct moon_master *m);
/* Is the code that a change has what is on trial already? */
bool moon_turnover_is_on_trial(const struct moon_master *m, const struct moon_change *c);
/* A JSON list: every probe, its version, the candidate and its share. */
void moon_turnover_json(const struct moon_master *m, struct moon_print *out);

#endif
