/* rates: previous values of counters, exact and outside of Lua's heap, keyed by (probe, target, what was asked, row index).
 *
 * A pass is one reading of a table. A value gives a rate when its row was there in an earlier pass that is not too long ago, nothing
 * tells of a restart in between (sysUpTime, the row's epoch column), and the difference makes sense for the type on the wire:
 *
 *   32 bits (Counter32, Gauge32, TimeTicks)   a smaller value has wrapped when the way round is at most half the range
 *   64 bits (Counter64)                       the same
 *   another number of bits than before        no rate: the agent's software is another one, and counts anew or otherwise
 *   anything else                             no rate
 *
 * So a reset gives nothing, never a spike. Two columns cost some 25 octets a value. */
#ifndef MOON_BIND_TASK_RATES_H
#define MOON_BIND_TASK_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../session/fetch.h"

#define MOON_RATES_COLUMNS_MAX 16
#define MOON_RATES_OCTETS_MAX (128u << 20) /* of a host; beyond it rows are not remembered */

/* What all of a host's may take. A quarter is for its probes in equal parts, whoever else has how much; the rest is for who comes. */
struct moon_rates_pool {
  uint64_t part;      /* octets that each probe has for itself */
  uint64_t common;    /* octets beside those parts */
  uint64_t lent;      /* of the common ones */
};

/* Of one probe. */
struct moon_rates_share {
  struct moon_rates_pool *pool;
  uint64_t octets;    /* taken */
  bool full;          /* some row was not remembered for want of them */
  bool told;          /* that it is full; the owner's */
};

void moon_rates_pool_init(struct moon_rates_pool *p, uint64_t octets, uint32_t n_probes);

struct moon_rates; /* one table read by one probe from one target; a list of them hangs on a device */

/* The one with this key (of the columns asked), made when missing. share: whose memory it takes; borrowed for the life. NULL: no
 * memory. n: rate columns. */
struct moon_rates *moon_rates_find(struct moon_rates **list, uint64_t key, uint32_t n, struct moon_rates_share *share);
/* The same for a pass of the run that started at run_us. One more pass of that run over the same table within a second has previous
 * values of its own: two readings that close tell nothing, as agents count anew every few seconds only. Up to 4 of them. */
struct moon_rates *moon_rates_find_pass(struct moon_rates **list, uint64_t key, uint32_t n, struct moon_rates_share *share, uint64_t run_us,
                                        uint64_t now_us);
void moon_rates_free_all(struct moon_rates **list);
/* A pass begins. uptime in hundredths when *known; gap_us: what is older is no base for a rate. */
void moon_rates_begin(struct moon_rates *r, bool known, uint32_t uptime, uint64_t now_us, uint64_t gap_us);
/* One row: n cells of the rate columns; epoch may be NULL. out[i] is set where bit i of the result is. */
uint32_t moon_rates_row(struct moon_rates *r, const uint8_t *index, size_t index_len, const struct moon_cell *const *cells,
                        const struct moon_cell *epoch, double *out);
/* The pass saw the whole table: rows it did not see are gone. */
void moon_rates_end(struct moon_rates *r);
/* What it knows as octets for another process of this machine, to go on there. Returns how many there are; written when they fit. */
size_t moon_rates_export(const struct moon_rates *r, uint8_t *out, size_t cap);
/* Into one that is new. false: that is no such block, or of another number of columns or version, or no memory: it is as new. */
bool moon_rates_import(struct moon_rates *r, const uint8_t *p, size_t n);
/* Octets taken, for tests and status. */
size_t moon_rates_octets(const struct moon_rates *r);

#endif
