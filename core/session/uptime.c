#include "uptime.h"

#define TICK_US 10000u
#define SLACK 6000u /* hundredths: agents cache it, and clocks drift */

static const uint8_t octets[] = {0x2b, 6, 1, 2, 1, 1, 3, 0};
const struct moon_name moon_uptime_name = {octets, sizeof octets};

bool moon_uptime_see(struct moon_uptime *u, const struct moon_cell *c) {
  uint32_t now;
  bool restarted = false;
  if (c->err || c->type != MOON_TIME_TICKS || moon_ber_u32(c->value, c->value_len, &now)) { return false; }
  if (u->at_us && now < u->ticks && c->received_us >= u->at_us) {
    /* 32 bits of hundredths wrap after 497 days: that is no restart. */
    uint64_t passed = (c->received_us - u->at_us) / TICK_US;
    restarted = (uint64_t)u->ticks + passed + SLACK < UINT32_MAX;
  }
  u->ticks = now;
  u->at_us = c->received_us;
  return restarted;
}
