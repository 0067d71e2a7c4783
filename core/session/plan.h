/* plan: which columns the next request of a walk asks, and for how many repetitions.
 *
 * Columns that are furthest behind come first, so that an agent that cuts its reply anywhere loses nothing: the next
 * request goes on there. Among all splits of a reply's room into columns x repetitions the one with the fewest repetitions
 * that fills it is taken, or the number wanted of many columns: columns move in step and rows are complete early. Once one
 * column has ended the number of rows is known, and no more is asked of the others than what is left and the one varbind
 * that shows the end. */
#ifndef MOON_SESSION_PLAN_H
#define MOON_SESSION_PLAN_H

#include "column.h"

#define MOON_PLAN_COLUMNS_MAX 128

struct moon_plan_limits {
  size_t reply;      /* octets of varbinds the reply should take */
  size_t ask;        /* octets of varbinds the request may take */
  uint32_t varbinds; /* of the reply, at most */
  uint32_t reps;     /* repetitions, at most */
  uint32_t columns;  /* asked together, at most */
  bool cut;          /* the agent ends its reply where it is full: the last column asked may reach beyond it */
  uint32_t wide;     /* repetitions wanted where there are columns enough to fill the reply with them; 0: the fewest */
};

struct moon_plan {
  uint16_t n;
  uint16_t reps;
  uint32_t octets;   /* what the reply is expected to take */
  uint32_t rest_row, rest_ask; /* of n_order columns those not asked: eighths of octets of a varbind of each, octets of their names */
  bool guessed;      /* nothing was seen yet of some column asked: what it takes is a guess */
  uint16_t n_order;  /* column holds all columns of the walk in order, those asked first, and they were answered; 0: not so */
  uint8_t column[MOON_PLAN_COLUMNS_MAX];
};

/* Makes the next plan of the one before. All limits are at least 1. One column at least is asked, even where it exceeds reply or ask. n == 0: none is left. */
void moon_plan_make(struct moon_plan *p, const struct moon_column *columns, uint16_t n, const struct moon_plan_limits *limits);

#endif
