#include "loop.h"

#include <poll.h>

#include "../base/mem.h"

#define FDS_MAX 64

struct virtual_loop {
  struct moon_loop l;
  uint64_t now_us;
  uint64_t at_us; /* of the next turn that nothing has to be readable for */
};

static enum moon_err watch(void *loop, int fd, moon_io_ready *ready, void *arg) { return moon_loop_watch_put(loop, fd, ready, arg); }

static void unwatch(void *loop, int fd) {
  struct moon_loop *l = loop;
  if (fd >= 0 && (size_t)fd < l->n_watch) { l->watch[fd].ready = NULL; }
}

static void wake(void *loop, uint64_t at_us) { ((struct virtual_loop *)loop)->at_us = at_us; }

static struct moon_loop *new(void) {
  struct virtual_loop *p = moon_mem_zalloc(sizeof *p);
  if (!p) { return NULL; }
  p->l.ops = &moon_loop_virtual;
  p->now_us = MOON_VIRTUAL_BEGIN_US;
  p->at_us = UINT64_MAX;
  return &p->l;
}

static void free_loop(struct moon_loop *l) { moon_mem_free(l); }

/* What is readable now, or, when time has nowhere to go, once something is. false: nothing is watched. */
static bool look(struct virtual_loop *p, bool wait) {
  struct pollfd fds[FDS_MAX];
  nfds_t n = 0;
  for (size_t fd = 0; fd < p->l.n_watch && n < FDS_MAX; fd++) {
    if (p->l.watch[fd].ready) { fds[n++] = (struct pollfd){ .fd = (int)fd, .events = POLLIN }; }
  }
  if (!n) { return false; }
  int r = poll(fds, n, wait ? -1 : 0);
  for (nfds_t i = 0; r > 0 && i < n; i++) {
    if (fds[i].revents) { moon_loop_watch_ready(&p->l, fds[i].fd); }
  }
  return true;
}

static void run(struct moon_loop *l) {
  struct virtual_loop *p = (struct virtual_loop *)(void *)l;
  while (!l->stop) {
    uint64_t at_us = p->at_us;
    if (!look(p, at_us == UINT64_MAX) && at_us == UINT64_MAX) { return; }
    if (at_us != UINT64_MAX && at_us > p->now_us) { p->now_us = at_us; }
    p->at_us = UINT64_MAX; /* reached, or said again at the end of the turn */
    if (l->turn) { l->turn(l->arg); }
  }
}

static void stop(struct moon_loop *l) { (void)l; }

uint64_t moon_loop_virtual_us(void *loop) { return ((const struct virtual_loop *)loop)->now_us; }

const struct moon_loop_ops moon_loop_virtual = {
  .io = { .watch = watch, .unwatch = unwatch, .wake = wake },
  .new = new,
  .free = free_loop,
  .run = run,
  .stop = stop,
};
