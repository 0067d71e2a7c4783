#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "../base/mem.h"

#define EVENTS 64

struct epoll_loop {
  struct moon_loop l;
  int fd;
  uint64_t at_us; /* of the next turn that nothing has to be readable for */
};

static uint64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static enum moon_err watch(void *loop, int fd, moon_io_ready *ready, void *arg) {
  struct epoll_loop *p = loop;
  struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
  enum moon_err err = moon_loop_watch_put(&p->l, fd, ready, arg);
  if (err) { return err; }
  if (epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &ev) && errno != EEXIST) {
    p->l.watch[fd].ready = NULL;
    return errno == ENOMEM || errno == ENOSPC ? MOON_E_NOMEM : MOON_E_CONFIG;
  }
  return MOON_OK;
}

static void unwatch(void *loop, int fd) {
  struct epoll_loop *p = loop;
  if (fd < 0 || (size_t)fd >= p->l.n_watch || !p->l.watch[fd].ready) { return; }
  p->l.watch[fd].ready = NULL;
  epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, NULL);
}

static void wake(void *loop, uint64_t at_us) {
  struct epoll_loop *p = loop;
  if (at_us < p->at_us) { p->at_us = at_us; }
}

static struct moon_loop *new(void) {
  struct epoll_loop *p = moon_mem_zalloc(sizeof *p);
  if (!p) { return NULL; }
  p->fd = epoll_create1(EPOLL_CLOEXEC);
  if (p->fd < 0) {
    moon_mem_free(p);
    return NULL;
  }
  p->l.ops = &moon_loop_epoll;
  p->at_us = UINT64_MAX;
  return &p->l;
}

static void free_loop(struct moon_loop *l) {
  struct epoll_loop *p = (struct epoll_loop *)(void *)l;
  close(p->fd);
  moon_mem_free(p);
}

/* Rounded up to the millisecond: too early would spin. */
static int timeout_ms(const struct epoll_loop *p) {
  if (p->at_us == 0) { return 0; }
  if (p->at_us == UINT64_MAX) { return -1; }
  uint64_t now = clock_us();
  if (p->at_us <= now) { return 0; }
  uint64_t ms = (p->at_us - now + 999) / 1000;
  return ms > 3600000 ? 3600000 : (int)ms;
}

static void run(struct moon_loop *l) {
  struct epoll_loop *p = (struct epoll_loop *)(void *)l;
  struct epoll_event events[EVENTS];
  while (!l->stop) {
    int n = epoll_wait(p->fd, events, EVENTS, timeout_ms(p));
    p->at_us = UINT64_MAX; /* reached, or said again at the end of the turn */
    for (int i = 0; i < n; i++) { moon_loop_watch_ready(l, events[i].data.fd); }
    moon_loop_turns(l);
  }
}

static void stop(struct moon_loop *l) { (void)l; }

const struct moon_loop_ops moon_loop_epoll = {
  .io = { .watch = watch, .unwatch = unwatch, .wake = wake },
  .new = new,
  .free = free_loop,
  .run = run,
  .stop = stop,
};
