/* What a device costs while a run of it waits for an answer: octets of C and of Lua, counted, not measured, so that it cannot creep
 * up. The whole process, as the system sees it: bench/footprint.sh. */
#include "host_rig.h"

#include "../../core/base/mem.h"
#include "../../core/bind/task/inside.h"

#define FEW 512u
#define MANY 2560u

/* A limit moves only with a reason. C: a peer, what the host has of a target, a slot of the engine, a run, a task, places in tables.
 * Lua: the table of the device, its state, its name, a coroutine with its stack, an out. */
#define C_MOST 1360.0
#define LUA_MOST 910.0

static size_t alive; /* octets, with what malloc adds */

static size_t cost(size_t n) {
  size_t chunk = (n + 8 + 15) & ~(size_t)15;
  return chunk < 32 ? 32 : chunk;
}

static void *counted_realloc(void *ctx, void *p, size_t n) {
  (void)ctx;
  size_t was = p ? ((size_t *)p)[-2] : 0;
  size_t *q = realloc(p ? (size_t *)p - 2 : NULL, n + 16);
  if (!q) { return NULL; }
  alive += cost(n) - (p ? cost(was) : 0);
  q[0] = n;
  return q + 2;
}

static void counted_free(void *ctx, void *p) {
  (void)ctx;
  alive -= cost(((size_t *)p)[-2]);
  free((size_t *)p - 2);
}

static struct moon_plan_target targets[MANY];
static char names[MANY][40];

struct sum { size_t c, lua; };

/* With n runs that wait. */
static struct sum parked(uint32_t n) {
  struct host_rig r;
  host_rig_init(&r, 1);
  r.agents[0].silent = true;
  for (uint32_t i = 0; i < n; i++) {
    targets[i] = r.targets[0];
    snprintf(names[i], sizeof names[i], "127.5.%u.%u:16713", i / 250, i % 250);
    targets[i].name = targets[i].host = names[i];
  }
  r.plan.targets = targets;
  r.plan.n_targets = n;
  r.plan.max_coroutines = MANY;
  r.plan.policy.timeout_us = 60000000;
  r.job.timeout_s = 0;
  assert_int_equal(host_rig_start(&r, "local sysUpTime = '1.3.6.1.2.1.1.3.0'\n"
                                      "return { run = function(device, out)\n"
                                      "  local last\n"
                                      "  for _ = 1, 1 do last = assert(device:get(sysUpTime)) end\n"
                                      "  out:gauge('ticks_last', last) end }"),
                   MOON_OK);
  host_rig_loop(&r, 20);
  assert_int_equal(r.runs.runs_active, n);
  assert_int_equal(r.counters.in_flight, n);
  struct moon_heap *h = &r.host->heap;
  lua_gc(r.host->L, LUA_GCCOLLECT, 0);
  size_t lua = h->own.alive, small = (size_t)h->pages.n_used * MOON_PAGE_OCTETS;
  for (struct moon_list *node = h->accounts.next; node != &h->accounts; node = node->next) {
    lua += MOON_LIST_ENTRY(node, struct moon_heap_account, node)->alive;
  }
  struct sum s = {.c = alive, .lua = small > lua ? small : lua};
  host_rig_fini(&r);
  return s;
}

static void of_a_run_that_waits(void **state) {
  (void)state;
  static const struct moon_mem_ops ops = {counted_realloc, counted_free, NULL};
  moon_mem_set(&ops);
  struct sum few = parked(FEW), many = parked(MANY);
  moon_mem_set(NULL);
  assert_int_equal(alive, 0);
  double c = (double)(many.c - few.c) / (MANY - FEW), lua = (double)(many.lua - few.lua) / (MANY - FEW);
  print_message("# a device with a run that waits: %.0f octets of C, %.0f of Lua\n", c, lua);
  assert_true(c <= C_MOST && c > C_MOST * 0.8);
  assert_true(lua <= LUA_MOST && lua > LUA_MOST * 0.8);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(of_a_run_that_waits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
