/* secured_rig: agents of SNMPv3 (usm_agent.h) on real sockets, for tests of the engine in a world (world.h): slow, silent, forged or held
 * back as a test wants them. */
#ifndef MOON_TESTS_SECURED_RIG_H
#define MOON_TESTS_SECURED_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "../../core/engine/loop.h"
#include "../../core/session/trust.h"
#include "failmem.h"
#include "usm_agent.h"
#include "world.h"

#define N 80

/* An agent of world.h whose socket a model of SNMPv3 answers. */
struct secured {
  struct usm_agent model;
  struct moon_addr addr;
  struct world *w;
  int fd;
  uint64_t delay_us;
  size_t cut;            /* octets that are missing at the end of the next answer */
  uint32_t forged;       /* unsigned report of this counter before each answer; 0: none */
  int answer_fd, forged_fd; /* where they leave; 0: fd */
  bool silent;
  bool holds;            /* its answer, until it is told to send it */
  struct moon_timer timer;
  struct sockaddr_storage to;
  socklen_t to_len;
  uint8_t octets[1024];
  size_t len;
};

static struct world w;
static struct moon_crypto *crypto;
static struct secured all[N];
static uint32_t n_all;
static struct moon_credential credential;

static inline uint64_t now_us(void) { return world_clock_us(&w); }

static inline void answer_now(void *arg) {
  struct secured *s = arg;
  sendto(s->answer_fd ? s->answer_fd : s->fd, s->octets, s->len, 0, (struct sockaddr *)&s->to, s->to_len);
}

static inline void serve(int fd) {
  uint8_t in[2048], forged[1024];
  for (uint32_t i = 0; i < n_all; i++) {
    struct secured *s = &all[i];
    if (s->fd != fd) { continue; }
    for (;;) {
      s->to_len = sizeof s->to;
      ssize_t n = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&s->to, &s->to_len);
      if (n <= 0) { return; }
      if (s->silent) { continue; }
      s->len = usm_agent_answer(&s->model, now_us(), in, (size_t)n, s->octets, sizeof s->octets);
      if (s->forged) {
        size_t len = usm_agent_report(&s->model, now_us(), s->model.last.id, s->forged, 0, forged, sizeof forged);
        sendto(s->forged_fd ? s->forged_fd : s->fd, forged, len, 0, (struct sockaddr *)&s->to, s->to_len);
      }
      if (!s->len) { continue; }
      s->len -= s->cut;
      s->cut = 0;
      if (s->holds) { return; }
      if (s->delay_us) {
        moon_timer_start(s->w->e, &s->timer, now_us() + s->delay_us);
      } else {
        answer_now(s);
      }
    }
  }
}

/* The agents have memory of their own. */
static inline void readable(void *arg, int fd) {
  unsigned armed = failmem_state.countdown;
  (void)arg;
  failmem_state.countdown = 0;
  serve(fd);
  failmem_state.countdown = armed;
}

static inline struct secured *add(enum moon_auth auth, enum moon_priv priv) {
  struct secured *s = &all[n_all++];
  char ip[32];
  memset(s, 0, sizeof *s);
  usm_agent_init(&s->model, crypto, auth, priv);
  s->model.id[7] = (uint8_t)n_all;
  s->w = &w;
  snprintf(ip, sizeof ip, "127.4.0.%u", (unsigned)n_all);
  s->fd = world_socket(ip, &s->addr);
  assert_true(s->fd >= 0);
  moon_timer_init(&s->timer, answer_now, s);
  assert_int_equal(moon_loop_io(w.loop)->watch(w.loop, s->fd, readable, &w), MOON_OK);
  return s;
}

static inline int begin(void **state) {
  (void)state;
  n_all = 0;
  assert_int_equal(moon_crypto_new(1, &crypto), MOON_OK);
  world_init(&w, NULL);
  return 0;
}

static inline int end(void **state) {
  (void)state;
  for (uint32_t i = 0; i < n_all; i++) {
    moon_timer_stop(w.e, &all[i].timer);
    moon_loop_io(w.loop)->unwatch(w.loop, all[i].fd);
    close(all[i].fd);
  }
  world_fini(&w);
  moon_crypto_free(crypto);
  return 0;
}

static inline struct moon_peer *peer(const struct secured *s) {
  struct moon_peer *p;
  assert_int_equal(moon_peer_new(w.e, &s->addr, &credential, &w.policy, NULL, &p), MOON_OK);
  return p;
}

static inline void ask_well(struct moon_peer *p) {
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
}

#endif
