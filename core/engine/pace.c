#include "pace.h"

#define SECOND_NS UINT64_C(1000000000)
#define CATCH_UP_NS UINT64_C(20000000)
#define SECOND_US UINT64_C(1000000)
#define GENERATION_US (10 * SECOND_US)
#define RETRY 100 /* hundredths */

void moon_bucket_init(struct moon_bucket *b, uint32_t rate_per_s) {
  b->next_ns = 0;
  b->cost_ns = rate_per_s ? (uint32_t)(SECOND_NS / rate_per_s) : 0;
  if (rate_per_s && !b->cost_ns) { b->cost_ns = 1; }
  b->burst_ns = CATCH_UP_NS;
}

bool moon_bucket_take(struct moon_bucket *b, uint64_t now_us) {
  if (!b->cost_ns) { return true; }
  if (b->next_ns > now_us * 1000) { return false; }
  moon_bucket_charge(b, now_us);
  return true;
}

void moon_bucket_charge(struct moon_bucket *b, uint64_t now_us) {
  if (!b->cost_ns) { return; }
  uint64_t now = now_us * 1000, oldest = now > b->burst_ns ? now - b->burst_ns : 0;
  if (!b->next_ns) { oldest = now; }
  if (b->next_ns < oldest) { b->next_ns = b->cost_ns > b->burst_ns ? now : oldest; }
  b->next_ns += b->cost_ns;
}

uint64_t moon_bucket_ready_us(const struct moon_bucket *b) {
  return b->cost_ns ? (b->next_ns + 999) / 1000 : 0;
}

void moon_budget_init(struct moon_budget *b, uint32_t percent, uint32_t per_s, uint64_t now_us) {
  b->turn_us = now_us + GENERATION_US;
  b->seconds_us = 0;
  b->cost_us = per_s > SECOND_US ? 1 : per_s ? (uint32_t)(SECOND_US / per_s) : 0;
  b->percent = percent;
  b->now = b->before = 0;
  b->second_us = now_us;
  b->first = b->used = b->most = b->most_before = 0;
}

static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

static void turn(struct moon_budget *b, uint64_t now_us) {
  if (now_us - b->second_us >= SECOND_US) {
    b->second_us += (now_us - b->second_us) / SECOND_US * SECOND_US;
    b->most = larger(b->most, b->first);
    b->first = b->used = 0;
  }
  if (now_us < b->turn_us) { return; }
  bool follows = now_us - b->turn_us < GENERATION_US;
  b->before = follows ? b->now : 0;
  b->most_before = follows ? b->most : 0;
  b->now = 0;
  b->most = 0;
  b->turn_us = now_us + GENERATION_US;
}

/* What first tries of the busiest second earned. */
static uint64_t share(const struct moon_budget *b) {
  return (uint64_t)larger(b->first, larger(b->most, b->most_before)) * b->percent / RETRY;
}

void moon_budget_earn(struct moon_budget *b, uint32_t n, uint64_t now_us) {
  turn(b, now_us);
  b->now += (uint64_t)n * b->percent;
  b->first += n;
}

/* Both parts pay for every retry, so together they allow the larger of the two, not the sum. */
bool moon_budget_take(struct moon_budget *b, uint64_t now_us) {
  turn(b, now_us);
  uint64_t most = share(b);
  bool room = b->used <= most, earned = room && b->before + b->now >= RETRY;
  bool steady = b->cost_us && b->seconds_us <= now_us && (room || most * b->cost_us < SECOND_US);
  if (earned) {
    uint64_t old = b->before < RETRY ? b->before : RETRY;
    b->before -= old;
    b->now -= RETRY - old;
  }
  if (steady) {
    uint64_t oldest = now_us > SECOND_US ? now_us - SECOND_US : 0;
    if (b->seconds_us < oldest) { b->seconds_us = oldest; }
    b->seconds_us += b->cost_us;
  }
  b->used += earned || steady;
  return earned || steady;
}
