#include "agent.h"

#include "../base/mem.h"
#include "authority.h"
#include "chance.h"
#include "overlay.h"

void moon_agent_init(struct moon_agent *a, const struct moon_profile *profile, uint64_t seed, uint32_t number, uint64_t now_us) {
  memset(a, 0, sizeof *a);
  a->profile = profile;
  a->seed = moon_chance(seed, number);
  a->number = number;
  a->started_us = now_us;
}

static void forget(struct moon_agent *a) {
  moon_overlay_free(a->overlay);
  a->overlay = NULL;
}

void moon_agent_fini(struct moon_agent *a) {
  forget(a);
  moon_authority_fini(a);
  moon_mem_free(a->capture);
  a->capture = NULL;
}

static uint64_t since_start(const struct moon_agent *a, uint64_t now_us) {
  return now_us > a->started_us ? now_us - a->started_us : 0;
}

void moon_agent_reboot(struct moon_agent *a, uint64_t now_us) {
  a->boot_us = since_start(a, now_us);
  a->boots++;
  forget(a);
}

void moon_agent_moment(const struct moon_agent *a, uint64_t now_us, struct moon_moment *out) {
  struct moon_flaw_clock clock = {.t_us = since_start(a, now_us)};
  if (a->profile->flaws) { moon_flaws_clock(a->profile->flaws, clock.t_us, &clock); }
  out->seed = a->seed;
  out->t_us = clock.t_us;
  out->boot_us = clock.boot_us > a->boot_us ? clock.boot_us : a->boot_us;
  out->boots = clock.boots + a->boots;
}

/* RFC 3418 2, and the historic ones of RFC 1213 */
uint32_t moon_agent_snmp(const struct moon_agent *a, uint32_t arc) {
  const struct moon_agent_counts *c = &a->counts;
  switch (arc) {
  case 1: return (uint32_t)c->datagrams;                       /* snmpInPkts */
  case 2: return (uint32_t)(c->answered + c->reports + c->duplicates);      /* snmpOutPkts */
  case 3: return c->bad_versions;
  case 4: return (uint32_t)c->bad_community;
  case 5: return c->bad_writes;                                /* snmpInBadCommunityUses */
  case 6: return (uint32_t)(c->malformed - c->bad_versions);   /* snmpInASNParseErrs */
  case 13: return (uint32_t)c->varbinds;                       /* snmpInTotalReqVars */
  case 14: return (uint32_t)c->set_vars;
  case 15: return (uint32_t)c->gets;
  case 16: return (uint32_t)c->nexts;
  case 17: return (uint32_t)c->sets;
  case 20: return (uint32_t)c->too_big;                        /* snmpOutTooBigs */
  case 21: return c->no_such_names;
  case 22: return c->bad_values;
  case 24: return c->gen_errs;
  case 28: return (uint32_t)c->answered;                       /* snmpOutGetResponses */
  case 31: return (uint32_t)c->silent;                         /* snmpSilentDrops */
  default: return 0;
  }
}
