/* task_bench: what bind/task adds to a request, a sample and a rate. Requests go nowhere: their verdicts are made here. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../core/bind/task/rates.h"
#include "../../core/bind/task/run.h"

#define ROUNDS 2000000u
#define DEVICES 100u

/* Most of the devices write 25 times 4 samples, as 25 interfaces would; the last one asks. */
static const char script[] =
  "local snmp = require 'moonpoll'\n"
  "local rows, samples, withs, n = {}, 0, 0, 0\n"
  "for i = 1, 25 do rows[i] = { index = tostring(i), interface = 'xe-0/0/' .. i } end\n"
  "return { run = function(device, out)\n"
  "  local outs = {}\n"
  "  local t0 = snmp.now()\n"
  "  for i = 1, 25 do outs[i] = out:with(rows[i]) end\n"
  "  local t1 = snmp.now()\n"
  "  for i = 1, 25 do\n"
  "    local o = outs[i]\n"
  "    o:counter('if_rx_octets', i) o:counter('if_tx_octets', t0) o:gauge('if_rx_rate', i) o:gauge('if_tx_rate', i)\n"
  "  end\n"
  "  local t2 = snmp.now()\n"
  "  samples, withs, n = samples + t2 - t1, withs + t1 - t0, n + 1\n"
  "  if n < device:devices() then return end\n"
  "  device:report('sample', samples / n / 100 * 1e9)\n"
  "  device:report('out:with of 2 labels', withs / n / 25 * 1e9)\n"
  "  for i = 1, device:rounds() do device:tick() end\n"
  "  for i = 1, device:rounds() do device:get('1.3.6.1.2.1.1.3.0') end\n"
  "end }";

static struct moon_task *parked;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void report(const char *what, double ns) { printf("%-32s %8.1f ns\n", what, ns); }

static int report_(lua_State *L) {
  report(luaL_checkstring(L, 2), luaL_checknumber(L, 3));
  return 0;
}

static int rounds(lua_State *L) {
  lua_pushnumber(L, ROUNDS);
  return 1;
}

static int devices(lua_State *L) {
  lua_pushnumber(L, DEVICES);
  return 1;
}

static enum moon_err tick_start(struct moon_task *t) {
  parked = t;
  return MOON_OK;
}
static int tick_results(lua_State *L, struct moon_task *t) {
  (void)t;
  lua_pushnumber(L, 1);
  return 1;
}
static void tick_cancel(struct moon_task *t) { (void)t; }
static const struct moon_wait ticking = {tick_start, tick_results, tick_cancel, NULL, "tick", NULL};

static int tick(lua_State *L) { return moon_task_park(L, moon_task_check(L), &ticking, 0); }

static struct moon_host *host;
static void ready(void *arg) {
  (void)arg;
  if (host) { moon_host_ready(host); }
}
static void say(void *arg, enum moon_level level, const char *text) {
  (void)arg;
  (void)level;
  puts(text);
}

static void add(lua_State *L, const char *name, lua_CFunction f) {
  lua_pushlightuserdata(L, host);
  lua_pushcclosure(L, f, 1);
  lua_setfield(L, -2, name);
}

static void rates(void) {
  struct moon_rates *list = NULL;
  struct moon_rates_pool pool;
  struct moon_rates_share share = {.pool = &pool};
  moon_rates_pool_init(&pool, MOON_RATES_OCTETS_MAX, 1);
  struct moon_rates *r = moon_rates_find(&list, 1, 2, &share);
  double out[2], sum = 0;
  double t0 = now_ns();
  for (unsigned p = 1; p <= 1000; p++) {
    uint8_t octets[8] = {0, 0, 0, 0, 1, (uint8_t)(p >> 8), (uint8_t)p, 0};
    const struct moon_cell c = {.value = octets, .value_len = 8, .type = MOON_COUNTER64, .received_us = p * 1000000u};
    const struct moon_cell *cells[] = {&c, &c};
    moon_rates_begin(r, true, p * 100, p * 1000000u, 3000000);
    for (unsigned i = 0; i < 1000; i++) {
      const uint8_t index[] = {(uint8_t)(0x81 + i / 128), (uint8_t)(i % 128)};
      if (moon_rates_row(r, index, 2, cells, NULL, out)) { sum += out[0]; }
    }
    moon_rates_end(r);
  }
  report("rate, of rows with two", (now_ns() - t0) / 2e6);
  if (sum != 1000 * 999 * 256.0) { printf("wrong: %f\n", sum); }
  moon_rates_free_all(&list);
}

int main(void) {
  static const struct moon_source source = {.name = "bench", .path = "bench.lua", .text = (const uint8_t *)script, .len = sizeof script - 1};
  static const struct moon_plan_job job = {.name = ""};
  static const struct moon_plan_probe probe = {.name = "bench", .sources = &source, .jobs = &job, .n_sources = 1, .n_jobs = 1};
  static const struct moon_credential credential = {.name = "c", .community = "public", .community_len = 6, .version = MOON_V2C};
  static const uint16_t order[] = {0};
  static struct moon_plan_target targets[DEVICES];
  for (unsigned i = 0; i < DEVICES; i++) {
    targets[i] = (struct moon_plan_target){.name = "d", .host = "127.0.0.1", .addr = {.ip = {127, 0, 0, 1}, .port = 9, .family = 4},
                                           .credentials = order, .n_credentials = 1};
  }
  static const uint8_t answer[] = {0x30, 0x0e, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 0x43, 2, 0x12, 0x34};
  struct moon_plan plan = {.credentials = &credential, .probes = &probe, .targets = targets, .n_credentials = 1, .n_probes = 1, .n_targets = DEVICES,
                           .max_coroutines = 1000, .max_in_flight = 1000, .max_children = 64, .once = true};
  struct moon_engine_config ec;
  struct moon_engine *engine;
  struct moon_loop *loop = moon_loop_new("epoll");
  moon_policy_init(&plan.policy);
  moon_engine_config_init(&ec);
  ec.ready = ready;
  if (!loop || moon_engine_new(&ec, moon_loop_io(loop), loop, &engine)) { return 1; }
  const struct moon_host_config hc = {.engine = engine, .plan = &plan, .log = say};
  if (moon_host_new(&hc, &host)) { return 1; }
  lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->device_meta);
  lua_getfield(host->L, -1, "__index");
  add(host->L, "report", report_);
  add(host->L, "rounds", rounds);
  add(host->L, "devices", devices);
  add(host->L, "tick", tick);
  lua_settop(host->L, 0);
  moon_engine_turn(engine); /* the run goes on to its first tick */
  if (!parked) { return 1; }
  double t0 = now_ns();
  for (unsigned i = 1; i < ROUNDS; i++) { moon_task_run(parked); }
  report("park and resume", (now_ns() - t0) / ROUNDS);
  struct moon_task *t = parked;
  moon_task_run(t); /* on to its first get */
  struct moon_outcome o = {.pdu = {.varbinds = answer, .varbinds_len = sizeof answer, .type = MOON_PDU_RESPONSE}, .rtt_us = 100, .tries = 1};
  double both = 0, bare = 0;
  for (unsigned round = 0; round < ROUNDS / 1000 - 1; round++) {
    t0 = now_ns();
    for (unsigned i = 0; i < 1000; i++) {
      moon_query_cancel(&t->get.query);
      t->get.query.done(&t->get.query, &o);
    }
    both += now_ns() - t0;
    struct moon_query q = {0};
    t0 = now_ns();
    for (unsigned i = 0; i < 1000; i++) {
      moon_engine_submit(engine, t->get.query.target->peer, t->get.query.request, 0, (moon_done *)(void *)abort, &q, &q.ticket);
      moon_engine_cancel(engine, q.ticket);
    }
    bare += now_ns() - t0;
  }
  report("get, without the engine", (both - bare) / (ROUNDS - 1000));
  report("submit and cancel", bare / (ROUNDS - 1000));
  rates();
  moon_host_free(host);
  moon_engine_free(engine);
  moon_loop_free(loop);
  return 0;
}
