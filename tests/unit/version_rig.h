/* version_rig: a host of host_rig.h that goes from one version of its probe to another. */
#ifndef MOON_TESTS_VERSION_RIG_H
#define MOON_TESTS_VERSION_RIG_H

#include "host_rig.h"

#include "../../core/base/mem.h"
#include "../../core/bind/load/pack.h"
#include "../../core/bind/task/share.h"

/* Says its version and how often the device was run. */
#define TICK(v)                                                                               \
  "return { run = function(device, out, state)\n"                                              \
  "  state.n = (state.n or 0) + 1\n"                                                           \
  "  out:gauge('" v "', state.n) end }"

UNUSED static void forget(struct host_rig *r) { r->out[r->out_len = 0] = 0; }

UNUSED static void begin(struct host_rig *r, uint32_t n_agents, const char *script) {
  host_rig_init(r, n_agents);
  r->plan.once = false;
  r->job.every_s = 0.1;
  r->probe.version = 1;
  assert_int_equal(host_rig_start(r, script), MOON_OK);
}

/* The rig's probe with another script, packed as it travels. */
UNUSED static struct moon_plan **plans_of(struct host_rig *r, const char *script, uint64_t version) {
  struct moon_plan plan = r->plan, **plans = moon_mem_array(1, sizeof *plans);
  struct moon_source source = {.name = "p", .path = "p.lua", .text = (const uint8_t *)script, .len = (uint32_t)strlen(script)};
  struct moon_plan_probe probe = r->probe;
  uint8_t *packed = NULL;
  size_t n = 0;
  assert_non_null(plans);
  probe.sources = &source;
  probe.version = version;
  plan.probes = &probe;
  plan.n_targets = plan.n_credentials = 0;
  plan.loop = "epoll";
  moon_steps_init(&plan.steps);
  assert_int_equal(moon_pack(&plan, &packed, &n), MOON_OK);
  assert_int_equal(moon_unpack(packed, n, plans), MOON_OK);
  moon_pack_free(packed, n);
  return plans;
}

/* Prepared; what it said is in r->error. */
UNUSED static void prepare(struct host_rig *r, const char *script, uint32_t serial) {
  moon_host_prepare(r->host, plans_of(r, script, serial + 1), 1, serial);
  for (int i = 0; i < 100 && r->prepared != serial; i++) { host_rig_loop(r, 0.001); }
  assert_int_equal(r->prepared, serial);
}

UNUSED static void put(struct host_rig *r, uint32_t serial, uint8_t percent) {
  r->shares[0] = serial ? moon_share_word(serial, percent) : 0;
  moon_host_settle(r->host, serial);
}

#endif
