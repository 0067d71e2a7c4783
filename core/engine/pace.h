/* pace: how fast things may go out. A token bucket for packets a second, and the budget that keeps tries after the first
 * from becoming a storm. No clock: time comes in. */
#ifndef MOON_ENGINE_PACE_H
#define MOON_ENGINE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Holds the time at which it would be full again instead of a count: nothing is refilled, nothing accumulates errors. */
struct moon_bucket {
  uint64_t next_ns;   /* when the next packet would be on schedule */
  uint64_t burst_ns;  /* how far behind schedule may be caught up at once */
  uint32_t cost_ns;   /* of one packet; 0: no limit */
};

/* rate_per_s 0: no limit. Catches up at most 20 ms, and starts with one packet and no burst. */
void moon_bucket_init(struct moon_bucket *b, uint32_t rate_per_s);
/* May a packet leave? Takes its token. */
bool moon_bucket_take(struct moon_bucket *b, uint64_t now_us);
/* A packet leaves anyway: the ones after it wait longer. */
void moon_bucket_charge(struct moon_bucket *b, uint64_t now_us);
/* When take will say yes. */
uint64_t moon_bucket_ready_us(const struct moon_bucket *b);

/* Tries after the first: so many per cent of first tries, or so many a second, whichever is more. What the requests that began in
 * one second earned is for tries of theirs, and of those a second before and after; and no two seconds have more retries than what
 * two of those earned. So whenever everybody slows down at once no more is asked again than that share of what is asked, however
 * much was asked before, as when all begin; and a lump of requests finds its share when long timeouts end. */
#define MOON_BUDGET_SECONDS 64u /* power of two; of who began longer ago only the steady part is left */

struct moon_budget_second {
  uint64_t second;      /* of the clock */
  uint64_t earned, left; /* by requests that began in it, hundredths of a retry */
};

struct moon_budget {
  struct moon_budget_second second[MOON_BUDGET_SECONDS];
  uint64_t latest;      /* second in which something began */
  uint64_t used_second; /* the second of used[0] */
  uint32_t used[2];     /* retries of that second, of the one before */
  uint64_t steady_us;   /* the part by the second: as a bucket, one second deep */
  uint32_t cost_us;     /* of one retry there; 0: nothing by the second */
  uint32_t percent;
};

void moon_budget_init(struct moon_budget *b, uint32_t percent, uint32_t per_s);
/* n first tries left. */
void moon_budget_earn(struct moon_budget *b, uint32_t n, uint64_t now_us);
/* May a request whose first try left at began_us be tried again? Takes from it. */
bool moon_budget_take(struct moon_budget *b, uint64_t began_us, uint64_t now_us);

#endif
