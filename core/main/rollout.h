/* rollout: new versions of probes spread over the devices in steps, are judged at each, and come back by themselves when they do worse.
 *
 *   prepared -> 5 % -> 15 % -> 30 % -> 50 % -> 100 % -> in force
 *                 \_______\________\_______\______\-> back: refused until its files change, or somebody asks for it by name
 *
 * What is in force can be taken back as well, once, to what was before it: prepared like a new version, and then for all devices at once.
 *
 * Which step is next, and when, is ruling.h's; who runs what is turnover.h's; what must not be lost is in the ledger. Candidates that
 * came together go together: they may share modules. */
#ifndef MOON_MAIN_ROLLOUT_H
#define MOON_MAIN_ROLLOUT_H

#include "ledger.h"
#include "print.h"

struct moon_master;

struct moon_rollout {
  struct moon_ledger ledger;
  uint32_t *devices;       /* of each candidate: that have it in this step; NULL: not counted */
  uint64_t since_us;       /* monotonic: this step */
  uint64_t next_us;        /* when to look again; UINT64_MAX: not by itself */
  uint32_t kept;           /* generation whose code the ledger has, or could not take; 0: none */
  uint64_t again_us;       /* that could not be written: when to try again; 0: it was */
  struct moon_plan *before; /* what was in force before the candidates that are now, for a way back; NULL: nothing was */
  bool returning;          /* that is being prepared */
};

/* Before the first worker; base: where run directories are, NULL: none. What a master before this one had in force is so again, beside
 * what it had on trial, when it was killed or in the middle of a trial: what the files say beyond that is then read once more. */
void moon_rollout_init(struct moon_master *m, const char *base);
void moon_rollout_fini(struct moon_master *m);

/* What was read has code that is refused: taken out of it, and told by m->reload.code. What is on trial already, and is asked for at
 * once, is in force. MOON_E_NOMEM. */
enum moon_err moon_rollout_sift(struct moon_master *m);
/* Do new versions go in steps, with what is configured now and so many targets? */
bool moon_rollout_is_in_steps(const struct moon_master *m);
/* Candidates are prepared and nobody has them yet: the first step, or all at once. */
void moon_rollout_begin(struct moon_master *m, bool at_once);
/* Looks whether it is time for another step. Returns when to come again. */
uint64_t moon_rollout_tick(struct moon_master *m, uint64_t now_us);
/* A worker was lost in a run of a candidate, which that ends: true. Else somebody else is to blame. To be called while its pulse is there. */
bool moon_rollout_blames(struct moon_master *m, uint32_t slot, int status, bool stuck);
/* What was to come back cannot be prepared. */
void moon_rollout_stay(struct moon_master *m);
/* "promote [PROBE]", "rollback [PROBE]" of the control socket: ok ..., or error ... */
void moon_rollout_command(struct moon_master *m, const char *command, struct moon_print *answer);
/* An object: state, percent, step, verdict ... */
void moon_rollout_json(const struct moon_master *m, struct moon_print *out);

#endif
