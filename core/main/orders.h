/* orders: what the master tells a worker in files, which are too long for a message, and for a turn: 10,000 targets that are new take
 * 100 ms, and a hundred versions of probes some. A file has its plan in parts, and a worker goes through them in its turns, a millisecond
 * each, in the order they came.
 *
 *   fd = moon_orders_file("change")   moon_orders_put(fd, p, n) ...   the master; goes with MOON_ORDER_CHANGE or MOON_ORDER_PREPARE
 *   moon_orders_take(o, op, n, fd)    the worker, as it comes
 *   moon_orders_work(o)               in each turn
 *
 * A file: of each part u64 octets and a packed plan (bind/load/pack.h), of a change or of one probe. */
#ifndef MOON_MAIN_ORDERS_H
#define MOON_MAIN_ORDERS_H

#include "../base/list.h"
#include "../bind/task/host.h"
#include "worker.h"

/* A file without a name; -1, errno tells. */
int moon_orders_file(const char *what);
/* false, errno tells. */
bool moon_orders_put(int fd, const uint8_t *packed, size_t n);

struct moon_orders {
  struct moon_engine *engine;   /* borrowed */
  struct moon_host *host;       /* borrowed */
  /* Before the host has it: a part of a change, which stays until the next, or a version of a probe, which is taken. */
  void (*part)(void *arg, uint64_t op, const struct moon_plan *part);
  /* Versions of this number cannot be prepared: why, a line. */
  void (*refused)(void *arg, uint32_t serial, const char *why);
  /* A change cannot be read: what the host has is not what the master thinks. */
  void (*lost)(void *arg, enum moon_err err);
  void *arg;
  struct moon_list files;       /* in the order they came; moon_orders_init */
  struct moon_plan *change;     /* the last part of a change: it has all credentials there are; NULL: none came */
};

/* Of a zeroed structure whose upper half is filled in. */
void moon_orders_init(struct moon_orders *o);
/* Of one that was never begun too, if it is zeroed. */
void moon_orders_fini(struct moon_orders *o);
/* op: MOON_ORDER_CHANGE, or MOON_ORDER_PREPARE with its serial; fd stays the caller's, -1: there was no place for it in the process. */
void moon_orders_take(struct moon_orders *o, uint64_t op, uint32_t serial, int fd);
/* Some of it: in a turn, once the scripts have had theirs. Kicks the engine when there is more. */
void moon_orders_work(struct moon_orders *o);

#endif
