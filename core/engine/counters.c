#include "counters.h"

bool moon_counters_balanced(const struct moon_counters *c) {
  uint64_t requests = c->answered + c->in_flight;
  for (int i = 0; i < MOON_E_PUBLIC_N; i++) { requests += c->error[i]; }
  uint64_t in = c->matched + c->late + c->duplicate + c->wrong_source + c->malformed + c->unknown;
  return c->requests == requests && c->datagrams_in == in && c->error[MOON_OK] == 0;
}
