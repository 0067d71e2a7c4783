/* ring: run records from one worker to the writer, through memory both share since before the fork.
 *
 *   | 8: length, 0 | record, padded to 8 | length, 0 | record | ... | WRAP |          frames are contiguous; WRAP: go on at 0
 *        ^ tail (the reader's)                 ^ head (the worker's)
 *
 * One producer, one consumer, no locks. A record becomes visible by one store of head after its octets are in place: a
 * worker killed anywhere before leaves nothing behind, and its successor goes on at head. A ring found empty starts over at
 * its beginning, so a quick reader keeps all traffic within a few pages.
 *
 * Wake-ups are eventfds, written only when the other side said that it sleeps. */
#ifndef MOON_MAIN_RING_H
#define MOON_MAIN_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"

#define MOON_RING_CAP (8u << 20) /* octets; holds the largest record (MOON_RECORD_MAX). Untouched pages cost nothing */

struct moon_ring_shared; /* the mapping */

struct moon_ring {
  struct moon_ring_shared *shared;
  size_t cap;      /* of data, a power of two */
  int data_fd;     /* wakes the reader; borrowed, one for all rings */
  int space_fd;    /* wakes the producer; own */
  uint32_t lent;   /* consumer: octets of the frame last shown */
};

/* Maps a ring of cap octets (a power of two >= 64). MOON_E_NOMEM, MOON_E_LIMIT (no descriptor). */
enum moon_err moon_ring_init(struct moon_ring *r, size_t cap, int data_fd);
void moon_ring_fini(struct moon_ring *r);

/* Producer: true: it is in. false: no room now; space_fd becomes readable once there is (never for n > cap - 8). */
bool moon_ring_put(struct moon_ring *r, const uint8_t *p, uint32_t n);
/* Producer: room is told by space_fd; call before putting again. */
void moon_ring_room(struct moon_ring *r);

/* Consumer: the oldest record, lent until take; false when there is none. A frame that cannot be (memory overwritten by a
 * broken worker) empties the ring and sets *broken. */
bool moon_ring_peek(struct moon_ring *r, const uint8_t **p, uint32_t *n, bool *broken);
void moon_ring_take(struct moon_ring *r);
/* Consumer: from now on a put writes data_fd. Then look once more before sleeping. */
void moon_ring_sleep(struct moon_ring *r);
void moon_ring_awake(struct moon_ring *r);
/* Octets in it. */
size_t moon_ring_used(const struct moon_ring *r);

#endif
