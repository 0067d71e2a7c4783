#include "loop.h"

#include <poll.h>

#include "../base/mem.h"

struct virtual_loop {
  struct moon_loop l;
  struct pollfd *fds; /* one for each of l.watch */
  size_t n_fds;
  uint64_t now_us;
  uint64_t at_us; /* of the next turn that nothing has to be readable for */
};

static enum moon_err watch(void *loop, int fd, moon_io_ready *ready, void *arg) {
  struct virtual_loop *p = loop;
  enum moon_err err = moon_loop_watch_put(&p->l, fd, ready, arg);
  if (err || p->n_fds >= p->l.n_watch) { return err; }
  struct pollfd *fds = moon_mem_resize(p->fds, p->l.n_watch, sizeof *fds);
  if (!fds) {
    p->l.watch[fd].ready = NULL;
    return MOON_E_NOMEM;
  }
  p->fds = fds;
  p->n_fds = p->l.n_watch;
  return MOON_OK;
}

static void unwatch(void *loop, int fd) {
  struct moon_loop *l = loop;
  if (fd >= 0 && (size_t)fd < l->n_watch) { l->watch[fd].ready = NULL; }
}

static void wake(void *loop, uint64_t at_us) {
  struct virtual_loop *p = loop;
  if (at_us < p->at_us) { p->at_us = at_us; }
}

static struct moon_loop *new(void) {
  struct virtual_loop *p = moon_mem_zalloc(sizeof *p);
  if (!p) { return NULL; }
  p->l.ops = &moon_loop_virtual;
  p->now_us = MOON_VIRTUAL_BEGIN_US;
  p->at_us = UINT64_MAX;
  return &p->l;
}

static void free_loop(struct moon_loop *l) {
  moon_mem_free(((struct virtual_loop *)(void *)l)->fds);
  moon_mem_free(l);
}

/* What is readable now, or, when time has nowhere to go, once something is. How many there were; -1: nothing is watched. */
static int look(struct virtual_loop *p, bool wait) {
  nfds_t n = 0;
  for (size_t fd = 0; fd < p->l.n_watch; fd++) {
    if (p->l.watch[fd].ready) { p->fds[n++] = (struct pollfd){ .fd = (int)fd, .events = POLLIN }; }
  }
  if (!n) { return -1; }
  int r = poll(p->fds, n, wait ? -1 : 0);
  for (nfds_t i = 0; r > 0 && i < n; i++) {
    if (p->fds[i].revents) { moon_loop_watch_ready(&p->l, p->fds[i].fd); }
  }
  return r > 0 ? r : 0;
}

static void run(struct moon_loop *l) {
  struct virtual_loop *p = (struct virtual_loop *)(void *)l;
  while (!l->stop) {
    uint64_t at_us = p->at_us;
    int n_ready = look(p, at_us == UINT64_MAX);
    if (n_ready < 0 && at_us == UINT64_MAX) { return; }
    if (n_ready <= 0) { /* time stands still while anything comes */
      if (at_us != UINT64_MAX && at_us > p->now_us) { p->now_us = at_us; }
    }
    p->at_us = UINT64_MAX; /* reached, or said again at the end of the turn */
    moon_loop_turns(l);
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
