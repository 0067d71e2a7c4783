#include "loop.h"

#include <string.h>

#include "../base/mem.h"

struct moon_loop *moon_loop_new(const char *backend) {
  if (!backend || strcmp(backend, "libev") == 0) { return moon_loop_libev.new(); }
  if (strcmp(backend, "epoll") == 0) { return moon_loop_epoll.new(); }
  if (strcmp(backend, "virtual") == 0) { return moon_loop_virtual.new(); }
  return NULL;
}

void moon_loop_free(struct moon_loop *l) {
  if (!l) { return; }
  moon_mem_free(l->watch);
  l->ops->free(l);
}

const struct moon_io *moon_loop_io(struct moon_loop *l) { return &l->ops->io; }

enum moon_err moon_loop_on_turn(struct moon_loop *l, moon_loop_turn *turn, void *arg) {
  struct moon_loop_listener *place = NULL;
  for (size_t i = 0; i < l->n_turns; i++) {
    struct moon_loop_listener *x = &l->turns[i];
    if (x->turn && x->arg == arg) {
      x->turn = turn;
      return MOON_OK;
    }
    if (!x->turn && !place) { place = x; }
  }
  if (!turn) { return MOON_OK; }
  if (!place && l->n_turns == MOON_LOOP_TURNS_MAX) { return MOON_E_LIMIT; }
  if (!place) { place = &l->turns[l->n_turns++]; }
  *place = (struct moon_loop_listener){turn, arg};
  return MOON_OK;
}

void moon_loop_turns(struct moon_loop *l) {
  for (size_t i = 0; i < l->n_turns; i++) {
    if (l->turns[i].turn) { l->turns[i].turn(l->turns[i].arg); }
  }
}

void moon_loop_run(struct moon_loop *l) {
  l->stop = false;
  l->ops->run(l);
}

void moon_loop_stop(struct moon_loop *l) {
  l->stop = true;
  l->ops->stop(l);
}

enum moon_err moon_loop_watch_put(struct moon_loop *l, int fd, moon_io_ready *ready, void *arg) {
  if (fd < 0) { return MOON_E_CONFIG; }
  if ((size_t)fd >= l->n_watch) {
    size_t n = l->n_watch ? l->n_watch : 16;
    while (n <= (size_t)fd) { n *= 2; }
    struct moon_loop_watch *w = moon_mem_resize(l->watch, n, sizeof *w);
    if (!w) { return MOON_E_NOMEM; }
    memset(w + l->n_watch, 0, (n - l->n_watch) * sizeof *w);
    l->watch = w;
    l->n_watch = n;
  }
  l->watch[fd].ready = ready;
  l->watch[fd].arg = arg;
  return MOON_OK;
}

void moon_loop_watch_ready(struct moon_loop *l, int fd) {
  if (fd < 0 || (size_t)fd >= l->n_watch || !l->watch[fd].ready) { return; } /* unwatched by an earlier call of this iteration */
  l->watch[fd].ready(l->watch[fd].arg, fd);
}
