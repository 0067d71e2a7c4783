/* flight: requests and their tries. A request has a slot, for as long as it waits or is on the wire; a try has an entry in
 * a ring, by the counter its id was made of, which outlives the request: so an answer that comes late, or twice, is known
 * for what it is.
 *
 *   id  --inverse permutation-->  counter  --mod ring-->  try  -->  slot, while the request lives
 *
 * The entry of a request that lives is never overwritten: its counter is passed over. */
#ifndef MOON_ENGINE_FLIGHT_H
#define MOON_ENGINE_FLIGHT_H

#include "engine.h"
#include "ids.h"

#define MOON_SLOT_CHUNK 256u
#define MOON_RING_MIN 65536u
#define MOON_RING_MAX (1u << 24)
#define MOON_TRY_NONE UINT32_MAX

enum moon_slot_state {
  MOON_SLOT_FREE,
  MOON_SLOT_WAITING, /* in its peer's queue */
  MOON_SLOT_FLYING,  /* on the wire, or in the pause before its next try */
  MOON_SLOT_RESEND,  /* its next try leaves when there is room */
  MOON_SLOT_READ,    /* its answer was read: done is called before what comes next is looked at */
  MOON_SLOT_READY    /* over without an answer: err; done is called in this turn or the next */
};

struct moon_slot {
  struct moon_exchange x;   /* while waiting only request and give_up_us (the deadline asked for, or UINT64_MAX) */
  struct moon_timer timer;
  struct moon_list node;    /* of the peer's queue, its requests in flight, resend, ready, or free */
  struct moon_peer *peer;
  moon_done *done;
  void *arg;
  uint32_t index;
  uint32_t generation;      /* never 0 */
  uint32_t latest;          /* counter of the latest try; MOON_TRY_NONE */
  uint8_t state;            /* enum moon_slot_state */
  uint8_t err;              /* when ready, enum moon_err; else 0 */
  bool on_wire;             /* counted in flight, not waiting */
  bool trial : 1;           /* the breaker's */
  bool hurried : 1;         /* its latest try left soon after another to the same agent, see diary.h */
  bool capped : 1;          /* the deadline asked for is earlier than patience with the agent would have lasted */
};
_Static_assert(sizeof(struct moon_slot) <= 192, "10,000 requests in flight stay small");

enum moon_try_state { MOON_TRY_EMPTY, MOON_TRY_LIVE, MOON_TRY_ANSWERED, MOON_TRY_OVER };

struct moon_try {
  uint64_t sent_us;
  uint32_t counter;
  uint32_t slot;
  uint32_t peer;     /* index of the peer */
  uint32_t before;   /* counter of the try before it; MOON_TRY_NONE */
  uint8_t state;     /* enum moon_try_state */
  uint8_t kind;      /* enum moon_kind, for the estimate after the request is gone */
};
_Static_assert(sizeof(struct moon_try) <= 32, "65,536 tries in 2 MiB");

struct moon_flight {
  struct moon_slot **chunk;
  uint32_t n_slots, max_slots;
  struct moon_list free;
  struct moon_try *ring;
  uint32_t mask;
  uint32_t live;     /* entries of requests that live */
  uint32_t next;     /* counter */
  bool wrapped;      /* every counter was used once */
  struct moon_ids ids;
};

enum moon_err moon_flight_init(struct moon_flight *f, uint32_t max_slots, uint64_t seed);
void moon_flight_fini(struct moon_flight *f);

/* A free slot, its fields but index and generation undefined. NULL: max_slots or no memory. */
struct moon_slot *moon_flight_take(struct moon_flight *f);
/* The request is over: the slot is free, tickets of it are stale; what comes for its tries from now on is a duplicate
 * (answered) or late. Timer and node are the caller's to unlink first. */
void moon_flight_put(struct moon_flight *f, struct moon_slot *s, bool answered);
/* By ticket; NULL when stale. */
struct moon_slot *moon_flight_slot(struct moon_flight *f, struct moon_ticket t);

/* The id the next try will have; *counter goes to moon_flight_sent. false: no memory for so many tries. */
bool moon_flight_id(struct moon_flight *f, uint32_t *counter, uint32_t *id);
/* The try left. */
void moon_flight_sent(struct moon_flight *f, struct moon_slot *s, uint32_t counter, uint32_t peer, uint64_t now_us);

enum moon_find {
  MOON_FIND_UNKNOWN,   /* never given out */
  MOON_FIND_GONE,      /* given out, so long ago that nothing is known of it */
  MOON_FIND_LATE,      /* the request was given up or cancelled */
  MOON_FIND_DUPLICATE, /* the request was answered */
  MOON_FIND_LIVE       /* *slot */
};
/* Of which counter was this id made? MOON_TRY_NONE: of none. */
uint32_t moon_flight_counter(const struct moon_flight *f, uint32_t id);
/* Whose is it? *out is set from LATE on, lent until the next moon_flight_id. */
enum moon_find moon_flight_find(struct moon_flight *f, uint32_t counter, struct moon_try **out, struct moon_slot **slot);
/* Finding it reads this. */
static inline const struct moon_try *moon_flight_place(const struct moon_flight *f, uint32_t counter) {
  return &f->ring[counter & f->mask];
}

static inline struct moon_slot *moon_flight_at(struct moon_flight *f, uint32_t index) {
  return &f->chunk[index / MOON_SLOT_CHUNK][index % MOON_SLOT_CHUNK];
}

#endif
