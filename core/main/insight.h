/* insight: what a worker tells of itself when it is asked through the desk, as JSON. Questions and answers:
 *
 *   target NAME   {"targets":[...]}             why it is as it is: cause, diary, learned values, jobs
 *   top           {"slowest":[...],"failing":[...],"late":[...],"learned":{...}}
 *   tasks         {"tasks":[...],"more":0}      parked runs, what each waits for, its line
 *
 * Answers are cut to the room there is: lists end early, and say so. A silent agent of v1 or v2c that never answered is asked
 * once more, for its engine id in SNMPv3, which needs no community: that takes up to ASK_MS, and the answer waits for it. */
#ifndef MOON_MAIN_INSIGHT_H
#define MOON_MAIN_INSIGHT_H

#include "../bind/task/look.h"
#include "desk.h"
#include "print.h"

struct moon_insight;

/* A question, on one slip of the desk. */
struct moon_insight_slip {
  struct moon_insight *in;
  uint32_t slip;
  uint32_t number;               /* of the question under way */
  uint32_t asked_number;         /* of the one that asked is for */
  uint32_t place;                /* that asked is about */
  struct moon_peer *asked;       /* the agent as asked for its engine id; NULL: nobody is */
  struct moon_ticket ticket;
  struct moon_timer timer;       /* then asked is freed */
  char question[MOON_DESK_QUESTION];
};

struct moon_insight {
  struct moon_engine *engine;
  struct moon_host *host;
  struct moon_desk *desk;
  uint32_t worker;
  struct moon_insight_slip slips[MOON_DESK_SLIPS];
};

/* Borrows all. */
void moon_insight_init(struct moon_insight *in, struct moon_engine *e, struct moon_host *h, struct moon_desk *d, uint32_t worker);
/* The worker's bell rang. */
void moon_insight_serve(struct moon_insight *in);
/* Before the engine is freed. */
void moon_insight_fini(struct moon_insight *in);

#endif
