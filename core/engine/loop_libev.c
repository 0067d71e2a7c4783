#include "loop.h"

#include <time.h>

/* libev's own headers are not clean under -Wstrict-aliasing and friends. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#include <ev.h>
#pragma GCC diagnostic pop

#include "../base/mem.h"

struct libev_watch {
  ev_io io;
  struct libev_loop *loop;
  struct libev_watch *next;
};

struct libev_loop {
  struct moon_loop l;
  struct ev_loop *ev;
  ev_timer timer;
  ev_check check;
  struct libev_watch *watches;
  uint64_t armed_us; /* when the timer goes off; UINT64_MAX: it is not running */
};

static uint64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void on_readable(struct ev_loop *ev, ev_io *w, int events) {
  (void)ev;
  (void)events;
  moon_loop_watch_ready(&((struct libev_watch *)(void *)w)->loop->l, w->fd);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
  (void)ev;
  (void)events;
  ((struct libev_loop *)w->data)->armed_us = UINT64_MAX;
}

/* Of lower priority than all others, so it comes last in each iteration. */
static void on_check(struct ev_loop *ev, ev_check *w, int events) {
  (void)ev;
  (void)events;
  moon_loop_turns(&((struct libev_loop *)w->data)->l);
}

static enum moon_err watch(void *loop, int fd, moon_io_ready *ready, void *arg) {
  struct libev_loop *p = loop;
  bool known = fd >= 0 && (size_t)fd < p->l.n_watch && p->l.watch[fd].ready;
  enum moon_err err = moon_loop_watch_put(&p->l, fd, ready, arg);
  if (err || known) { return err; }
  struct libev_watch *w = moon_mem_zalloc(sizeof *w);
  if (!w) {
    p->l.watch[fd].ready = NULL;
    return MOON_E_NOMEM;
  }
  w->loop = p;
  w->next = p->watches;
  p->watches = w;
  ev_io_init(&w->io, on_readable, fd, EV_READ);
  ev_io_start(p->ev, &w->io);
  return MOON_OK;
}

static void unwatch(void *loop, int fd) {
  struct libev_loop *p = loop;
  for (struct libev_watch **link = &p->watches; *link; link = &(*link)->next) {
    struct libev_watch *w = *link;
    if (w->io.fd != fd) { continue; }
    ev_io_stop(p->ev, &w->io); /* takes it out of what is pending too */
    p->l.watch[fd].ready = NULL;
    *link = w->next;
    moon_mem_free(w);
    return;
  }
}

/* A timer that goes off too early costs one idle turn, moving it costs two clocks and the heap in every turn: it is only
 * ever moved closer. */
static void wake(void *loop, uint64_t at_us) {
  struct libev_loop *p = loop;
  if (at_us >= p->armed_us) { return; }
  uint64_t now = clock_us();
  ev_now_update(p->ev); /* or the time since this iteration began would be taken off */
  ev_timer_stop(p->ev, &p->timer);
  ev_timer_set(&p->timer, at_us > now ? (double)(at_us - now) / 1e6 : 0., 0.);
  ev_timer_start(p->ev, &p->timer);
  p->armed_us = at_us;
}

static struct moon_loop *new(void) {
  struct libev_loop *p = moon_mem_zalloc(sizeof *p);
  if (!p) { return NULL; }
  p->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
  if (!p->ev) {
    moon_mem_free(p);
    return NULL;
  }
  p->l.ops = &moon_loop_libev;
  p->armed_us = UINT64_MAX;
  ev_init(&p->timer, on_timer);
  p->timer.data = p;
  ev_check_init(&p->check, on_check);
  p->check.data = p;
  ev_set_priority(&p->check, EV_MINPRI);
  ev_check_start(p->ev, &p->check);
  return &p->l;
}

static void free_loop(struct moon_loop *l) {
  struct libev_loop *p = (struct libev_loop *)(void *)l;
  while (p->watches) {
    struct libev_watch *w = p->watches;
    p->watches = w->next;
    ev_io_stop(p->ev, &w->io);
    moon_mem_free(w);
  }
  ev_timer_stop(p->ev, &p->timer);
  ev_check_stop(p->ev, &p->check);
  ev_loop_destroy(p->ev);
  moon_mem_free(p);
}

static void run(struct moon_loop *l) {
  while (!l->stop) { ev_run(((struct libev_loop *)(void *)l)->ev, EVRUN_ONCE); }
}

static void stop(struct moon_loop *l) { ev_break(((struct libev_loop *)(void *)l)->ev, EVBREAK_ALL); }

const struct moon_loop_ops moon_loop_libev = {
  .io = { .watch = watch, .unwatch = unwatch, .wake = wake },
  .new = new,
  .free = free_loop,
  .run = run,
  .stop = stop,
};
