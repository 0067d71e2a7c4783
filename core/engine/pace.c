#include "pace.h"

#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define CATCH_UP_NS UINT64_C(20000000)
#define SECOND_US UINT64_C(1000000)
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

void moon_budget_init(struct moon_budget *b, uint32_t percent, uint32_t per_s) {
  memset(b, 0, sizeof *b);
  b->cost_us = per_s > SECOND_US ? 1 : per_s ? (uint32_t)(SECOND_US / per_s) : 0;
  b->percent = percent;
}

static struct moon_budget_second *at(struct moon_budget *b, uint64_t second) { return &b->second[second & (MOON_BUDGET_SECONDS - 1)]; }

/* NULL: nothing began in it, or it is forgotten. */
static struct moon_budget_second *find(struct moon_budget *b, uint64_t second) {
  struct moon_budget_second *s = at(b, second);
  return s->second == second ? s : NULL;
}

void moon_budget_earn(struct moon_budget *b, uint32_t n, uint64_t now_us) {
  uint64_t second = now_us / SECOND_US;
  struct moon_budget_second *s = at(b, second);
  if (s->second != second) {
    /* What makes no whole retry is of use to nobody where it is. */
    struct moon_budget_second *before = at(b, b->latest);
    uint64_t rest = before->left % RETRY;
    before->left -= rest;
    *s = (struct moon_budget_second){.second = second, .left = rest};
    b->latest = second;
  }
  s->earned += (uint64_t)n * b->percent;
  s->left += (uint64_t)n * b->percent;
}

/* Retries of this second and the one before. */
static uint64_t used(struct moon_budget *b, uint64_t second) {
  if (second != b->used_second) {
    b->used[1] = second == b->used_second + 1 ? b->used[0] : 0;
    b->used[0] = 0;
    b->used_second = second;
  }
  return (uint64_t)b->used[0] + b->used[1];
}

/* Both parts pay for every retry, so together they allow the larger of the two, not the sum. */
bool moon_budget_take(struct moon_budget *b, uint64_t began_us, uint64_t now_us) {
  uint64_t second = began_us / SECOND_US, most = 0, next = 0;
  struct moon_budget_second *const near[] = {find(b, second), find(b, second - 1), find(b, second + 1)}, *payer = NULL;
  for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
    if (!near[i]) { continue; }
    if (near[i]->earned >= most) {
      next = most;
      most = near[i]->earned;
    } else if (near[i]->earned > next) {
      next = near[i]->earned;
    }
    if (!payer && near[i]->left >= RETRY) { payer = near[i]; }
  }
  if ((used(b, now_us / SECOND_US) + 1) * RETRY > most + next + RETRY - 1) { payer = NULL; }
  bool steady = b->cost_us && b->steady_us <= now_us && (payer || most / RETRY * b->cost_us < SECOND_US);
  if (payer) { payer->left -= RETRY; }
  if (steady) {
    uint64_t oldest = now_us > SECOND_US ? now_us - SECOND_US : 0;
    if (b->steady_us < oldest) { b->steady_us = oldest; }
    b->steady_us += b->cost_us;
  }
  b->used[0] += payer || steady;
  return payer || steady;
}
