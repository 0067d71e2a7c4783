/* io: the three functions the engine asks of an event loop, and the loops that come with it.
 *
 * A host with a loop of its own fills struct moon_io, or ignores it and polls c-ares style: moon_engine_fds(),
 * moon_engine_next_us(), moon_engine_turn(). */
#ifndef MOON_ENGINE_IO_H
#define MOON_ENGINE_IO_H

#include <stdint.h>

#include "../base/err.h"

typedef void moon_io_ready(void *arg, int fd);

struct moon_io {
  /* Call ready(arg, fd) whenever fd is readable or has an error, until unwatch. MOON_E_NOMEM, MOON_E_CONFIG. */
  enum moon_err (*watch)(void *loop, int fd, moon_io_ready *ready, void *arg);
  void (*unwatch)(void *loop, int fd);
  /* Run a turn no later than at_us (monotonic, microseconds; UINT64_MAX: no need). Said again at the end of each turn, and replaces
   * what was said before. Where several engines have one loop what counts is the earliest that any of them said since its last turn. */
  void (*wake)(void *loop, uint64_t at_us);
};

/* The loops. turn(arg) is called once per iteration, after all ready() calls of it, and whenever the wake time is reached.
 * Engines and servers may share one loop: each says its own turn, and all are called in each iteration. */
struct moon_loop; /* opaque */
typedef void moon_loop_turn(void *arg);

/* backend: "libev" or "epoll"; NULL for libev. "virtual": time stands still while anything is to be done, and then jumps to
 * the wake time; run ends by itself when there is none and nothing is watched. */
MOON_API struct moon_loop *moon_loop_new(const char *backend);
/* The clock of a virtual loop, for moon_engine_config.clock_us with the loop as argument. It begins at MOON_VIRTUAL_BEGIN_US. */
#define MOON_VIRTUAL_BEGIN_US UINT64_C(1000000000)
MOON_API uint64_t moon_loop_virtual_us(void *loop);
MOON_API void moon_loop_free(struct moon_loop *l);
MOON_API const struct moon_io *moon_loop_io(struct moon_loop *l); /* its functions take l as `loop` */
/* Replaces what was said with the same arg; turn NULL: none any more, before arg goes while the loop is still to run.
 * MOON_E_LIMIT: over MOON_LOOP_TURNS_MAX are there. */
#define MOON_LOOP_TURNS_MAX 16
MOON_API enum moon_err moon_loop_on_turn(struct moon_loop *l, moon_loop_turn *turn, void *arg);
MOON_API void moon_loop_run(struct moon_loop *l);   /* until stop */
MOON_API void moon_loop_stop(struct moon_loop *l);  /* from inside run: returns after this iteration */

#endif
