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

/* Tries after the first: so many per cent of first tries, or so many a second, whichever is more. What first tries earned
 * is good for 10 to 20 s, so that retries of long timeouts find it; but no second takes more of it than the busiest of those
 * seconds earned, or all that was saved up would go out at once when everybody slows down. */
struct moon_budget {
  uint64_t turn_us;     /* when `now` becomes `before` */
  uint64_t seconds_us;  /* the steady part: as a bucket, one second deep */
  uint32_t cost_us;     /* of one retry there; 0: nothing by the second */
  uint32_t percent;
  uint64_t now, before; /* earned by first tries, hundredths of a retry */
  uint64_t second_us;   /* when the second under way began */
  uint32_t first, used; /* first tries and retries in it */
  uint32_t most, most_before; /* first tries of the busiest second, as now and before */
};

void moon_budget_init(struct moon_budget *b, uint32_t percent, uint32_t per_s, uint64_t now_us);
/* n first tries left. */
void moon_budget_earn(struct moon_budget *b, uint32_t n, uint64_t now_us);
/* May a request be tried again? Takes from it. */
bool moon_budget_take(struct moon_budget *b, uint64_t now_us);

#endif
