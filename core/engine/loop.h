/* loop: what the loops behind io.h share: a table by fd of whom to call, whose turns there are, and the functions each loop fills in.
 * Of what wake says the earliest counts until the turns are called, in which each says it anew. */
#ifndef MOON_ENGINE_LOOP_H
#define MOON_ENGINE_LOOP_H

#include <stdbool.h>
#include <stddef.h>

#include "io.h"

struct moon_loop_watch {
  moon_io_ready *ready; /* NULL: this fd is not watched */
  void *arg;
};

struct moon_loop_listener {
  moon_loop_turn *turn; /* NULL: free */
  void *arg;
};

struct moon_loop {
  const struct moon_loop_ops *ops;
  struct moon_loop_watch *watch; /* by fd */
  size_t n_watch;
  struct moon_loop_listener turns[MOON_LOOP_TURNS_MAX];
  size_t n_turns;                /* places of it that were ever taken */
  bool stop;
};

/* A loop embeds struct moon_loop first. */
struct moon_loop_ops {
  struct moon_io io;
  struct moon_loop *(*new)(void); /* NULL: no memory, no such kernel facility */
  void (*free)(struct moon_loop *l);
  void (*run)(struct moon_loop *l);
  void (*stop)(struct moon_loop *l);
};
extern const struct moon_loop_ops moon_loop_libev, moon_loop_epoll, moon_loop_virtual;

/* Enter or replace; MOON_E_NOMEM. */
enum moon_err moon_loop_watch_put(struct moon_loop *l, int fd, moon_io_ready *ready, void *arg);
/* Call all turns. */
void moon_loop_turns(struct moon_loop *l);
/* Call whoever watches fd. */
void moon_loop_watch_ready(struct moon_loop *l, int fd);

#endif
