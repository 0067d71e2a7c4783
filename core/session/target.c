#include "target.h"

#include "../base/mem.h"
#include "trust.h"

_Static_assert(sizeof(struct moon_target) <= 144, "there is one for each device");

#define CLOCK_GRANULARITY_US 1000u /* G of RFC 6298: what the owner's timers resolve */
#define REPLY_MAX 1472             /* Ethernet without IPv4 and UDP headers */

void moon_policy_init(struct moon_policy *p) {
  *p = (struct moon_policy){
    .timeout_us = 2000000,
    .rto_floor_us = 200000,
    .trial_us = 30000000,
    .retries = 1,
    .breaker_after = 3,
    .window = 2,
    .packets_per_s = 0,
  };
}

void moon_rtt_sample(struct moon_rtt *r, uint64_t rtt_us) {
  uint32_t rtt = rtt_us == 0 ? 1 : rtt_us > UINT32_MAX / 8 ? UINT32_MAX / 8 : (uint32_t)rtt_us;
  if (r->srtt_us == 0) {
    r->srtt_us = rtt;
    r->rttvar_us = rtt / 2;
    return;
  }
  uint32_t off = r->srtt_us > rtt ? r->srtt_us - rtt : rtt - r->srtt_us;
  r->rttvar_us = r->rttvar_us - r->rttvar_us / 4 + off / 4;
  r->srtt_us = r->srtt_us - r->srtt_us / 8 + rtt / 8;
  if (r->srtt_us == 0) {
    r->srtt_us = 1; /* 0 would mean no sample */
  }
}

uint64_t moon_rtt_timeout(const struct moon_rtt *r, uint64_t floor_us, uint64_t ceiling_us) {
  if (r->srtt_us == 0) {
    return ceiling_us;
  }
  uint64_t var = (uint64_t)r->rttvar_us * 4;
  uint64_t rto = r->srtt_us + (var > CLOCK_GRANULARITY_US ? var : CLOCK_GRANULARITY_US);
  if (rto < floor_us) {
    rto = floor_us;
  }
  return rto < ceiling_us ? rto : ceiling_us;
}

void moon_target_init(struct moon_target *t, const struct moon_addr *addr, const struct moon_credential *credential,
                      const struct moon_policy *policy) {
  memset(t, 0, sizeof *t);
  t->addr = *addr;
  t->credential = credential;
  t->policy = policy;
  t->reply_max = REPLY_MAX;
  t->strict_source = true;
}

void moon_target_fini(struct moon_target *t) {
  moon_mem_free(t->poisons);
  t->poisons = NULL;
}

enum moon_err moon_target_admit(struct moon_target *t, uint64_t now_us, bool *trial) {
  *trial = false;
  if (!t->open) {
    return MOON_OK;
  }
  if (t->trial || now_us < t->trial_at_us) {
    return MOON_E_DOWN;
  }
  t->trial = true;
  t->trial_at_us = now_us + t->policy->trial_us;
  *trial = true;
  return MOON_OK;
}

static bool close_breaker(struct moon_target *t) {
  bool was_open = t->open;
  t->open = false;
  t->silent = 0;
  return was_open;
}

/* What only an agent that is there can have caused. */
static bool is_from_agent(enum moon_err e) {
  switch (e) {
  case MOON_OK:
  case MOON_E_MISSING:
  case MOON_E_ACCESS:
  case MOON_E_TOO_BIG:
  case MOON_E_GEN_ERR:
  case MOON_E_BAD_VALUE:
  case MOON_E_NOT_WRITABLE:
  case MOON_E_AUTH:
  case MOON_E_UNKNOWN_USER:
  case MOON_E_UNKNOWN_ENGINE:
  case MOON_E_NOT_IN_TIME_WINDOW:
  case MOON_E_UNSUPPORTED_LEVEL:
  case MOON_E_DECRYPTION:
  case MOON_E_DECODE:
  case MOON_E_LOOP:
    return true;
  default:
    return false;
  }
}

bool moon_target_settle(struct moon_target *t, enum moon_err e, bool was_trial, uint64_t now_us) {
  if (was_trial) {
    t->trial = false;
  }
  if (is_from_agent(e)) {
    return close_breaker(t);
  }
  if (e != MOON_E_TIMEOUT && e != MOON_E_REFUSED && e != MOON_E_UNREACHABLE) {
    return false;
  }
  if (t->silent < UINT32_MAX) {
    t->silent++;
  }
  if (t->open) {
    if (was_trial) {
      t->trial_at_us = now_us + t->policy->trial_us;
    }
    return false;
  }
  if (t->policy->breaker_after == 0 || t->silent < t->policy->breaker_after) {
    return false;
  }
  t->open = true;
  t->trial_at_us = now_us + t->policy->trial_us;
  return true;
}

bool moon_target_heard(struct moon_target *t, enum moon_kind kind, uint64_t rtt_us, uint64_t now_us) {
  t->last_answer_us = now_us;
  if (rtt_us) {
    moon_rtt_sample(&t->rtt[kind], rtt_us);
  }
  return close_breaker(t);
}

bool moon_target_accepts(const struct moon_target *t, const struct moon_addr *source) {
  if (moon_addr_equal(source, &t->addr)) {
    return true;
  }
  if (t->strict_source || source->family != t->addr.family) {
    return false;
  }
  if (t->alias.family && moon_addr_equal(source, &t->alias)) {
    return true;
  }
  /* Agents with several addresses answer from another IP, some from another port; one that differs in both is a stranger. */
  return source->port == t->addr.port || (memcmp(source->ip, t->addr.ip, sizeof source->ip) == 0 && source->scope == t->addr.scope);
}

void moon_target_learn(struct moon_target *t, const struct moon_addr *source) {
  if (moon_addr_equal(source, &t->addr)) {
    return;
  }
  t->alias = *source;
  moon_target_quirk(t, MOON_QUIRK_ALIAS);
}

bool moon_target_move(struct moon_target *t, const struct moon_addr *addr, bool afresh) {
  t->addr = *addr;
  memset(&t->alias, 0, sizeof t->alias);
  memset(t->rtt, 0, sizeof t->rtt);
  if (t->trust) {
    moon_trust_doubt(t->trust);
  }
  return afresh && close_breaker(t);
}

void moon_target_restarted(struct moon_target *t) {
  if (t->poisons) { t->poisons->n = 0; }
  t->silent_get_us = 0;
}

bool moon_target_quirk(struct moon_target *t, enum moon_quirk q) {
  bool first = (t->quirks & (uint32_t)q) == 0;
  t->quirks |= (uint32_t)q;
  return first;
}
