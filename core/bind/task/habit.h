/* habit: what runs of one probe against one target were like until now, in a few octets: how long, how many requests and samples,
 * how often they failed. A run of another version is weighed against it: by itself, whatever other devices are like.
 *
 *   current version   run -> moon_habit_learn    what is usual
 *   candidate         run -> moon_habit_weigh    how far from usual, and how sure it is that something is worse
 *
 * Figures are compared by their ratio: logarithms in 1/1024ths of a doubling. Times have 10 ms added, requests a half and samples
 * a quarter, below which nothing is worth a word. Plain data: it may lie in memory that outlives the process. No clock, no heap. */
#ifndef MOON_BIND_TASK_HABIT_H
#define MOON_BIND_TASK_HABIT_H

#include <stdbool.h>
#include <stdint.h>

#include "../load/steps.h"

#define MOON_HABIT_ONE 1024     /* a doubling */
#define MOON_HABIT_RUNS 4       /* of a version before they are a habit */
#define MOON_HABIT_SURE 128u    /* a score, 1/8 nats: by chance one run in ten million goes there */
#define MOON_HABIT_SUSPECT 56u  /* likewise: look on */

enum moon_figure { MOON_FIGURE_TIME, MOON_FIGURE_REQUESTS, MOON_FIGURE_SAMPLES, MOON_FIGURES };

/* Ways of being worse that are scored for each device: those above, and */
enum { MOON_WORSE_FAILING = MOON_FIGURES, MOON_WORSE_SILENT, MOON_WORSE_N };

/* A run. */
struct moon_run_figures {
  uint64_t took_us;
  uint32_t requests, samples;
  uint8_t err;      /* of struct moon_run */
  bool cold;        /* nothing was cached for it yet: how it went is not usual */
};

/* All zeros is one that nothing is known of. */
struct moon_habit {
  int16_t level[MOON_FIGURES]; /* of runs that went well; INT16_MIN: none did */
  uint16_t failing;            /* share of runs that failed, of 65,535 */
  uint8_t spread[MOON_FIGURES]; /* mean distance of a run from the level, 1/32 doublings */
  uint8_t runs;                /* that it is made of; 255: or more */
  uint8_t tag;                 /* whose version it is, see moon_habit_tag */
  uint8_t trial;               /* tag of the candidate that all below is about */
  uint8_t tried;               /* its runs; 255: or more */
  uint8_t entered;             /* per cent of the step that was its first */
  uint8_t step;                /* per cent of the step below */
  uint8_t stepped;             /* its runs in this step */
  uint8_t score[MOON_WORSE_N]; /* that something is worse, 1/8 nats */
  uint8_t sure;                /* bits of scores that were MOON_HABIT_SURE once */
};

/* 1..255 of a version. */
static inline uint8_t moon_habit_tag(uint64_t version) { return (uint8_t)(1 + (version ^ version >> 32) % 255); }

/* What steps allow, as moon_habit counts. */
struct moon_habit_limits { int16_t at[MOON_FIGURES]; };
void moon_habit_limits(const struct moon_steps *s, struct moon_habit_limits *out);

/* A run of the version that is in force; a version of its own begins anew. */
void moon_habit_learn(struct moon_habit *h, uint8_t tag, const struct moon_run_figures *f);
static inline bool moon_habit_is(const struct moon_habit *h) { return h->runs >= MOON_HABIT_RUNS; }

struct moon_weighed {
  bool compared;              /* what is usual is known */
  bool measured;              /* it went well too, neither cold nor the first one of the candidate, which finds caches empty */
  int16_t off[MOON_FIGURES];  /* from what is usual, with a limit to what one run counts */
  uint8_t now_sure;           /* bits of scores that are MOON_HABIT_SURE for the first time */
  int8_t suspect;             /* 1: became one, -1: is none any more */
  uint8_t dismissed;          /* suspicions from before it had the candidate, which are over with that */
  bool surprise;              /* it failed, which is not usual */
};
/* A run while a candidate is tried, its own (h->tried counts) or one of the version in force. trial: tag of the candidate. */
void moon_habit_weigh(struct moon_habit *h, uint8_t trial, bool candidate, const struct moon_run_figures *f, const struct moon_habit_limits *limits,
                      struct moon_weighed *out);
/* How often a run fails, 0 to 1. */
double moon_habit_failing(const struct moon_habit *h);

#endif
