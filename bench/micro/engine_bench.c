/* engine_bench: what a request costs through the engine with nothing above it, to set beside the floor of the system calls
 * on the same machine in the same minute. Wants an agent on every 127.1.x.y, port RIG_PORT.
 *
 *   RIG_PORT=16100 [RIG_N=200000] [RIG_DEVICES=1000] [LOOP=libev|epoll] engine_bench                                     */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "../../core/base/mem.h"
#include "../../core/engine/engine.h"

static const uint8_t sys_uptime[] = { 0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0 };
static const struct moon_request request = { .varbinds = sys_uptime, .varbinds_len = sizeof sys_uptime, .n_varbinds = 1,
                                             .pdu_type = MOON_PDU_GET, .kind = MOON_KIND_GET };

static struct moon_engine *engine;
static struct moon_loop *loop;
static uint64_t asked, answered, failed, wanted;

static void done(void *arg, const struct moon_outcome *o) {
  struct moon_ticket t;
  struct moon_varbind vb;
  struct moon_reader r;
  uint64_t ticks;
  moon_reader_init(&r, o->pdu.varbinds, o->pdu.varbinds_len);
  if (!o->err && moon_varbind_get(&r, &vb) && !moon_varbind_u64(&vb, &ticks)) {
    answered++;
  } else {
    failed++;
  }
  if (asked < wanted) {
    asked++;
    moon_engine_submit(engine, arg, &request, 0, done, arg, &t);
  } else if (answered + failed == wanted) {
    moon_loop_stop(loop);
  }
}

static void turn(void *arg) { moon_engine_turn(arg); }

static uint64_t number(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 10) : otherwise;
}

static double cpu_us(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double wall_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void) {
  uint64_t port = number("RIG_PORT", 0), devices = number("RIG_DEVICES", 1000);
  if (!port) {
    printf("engine: no RIG_PORT, skipped\n");
    return 0;
  }
  wanted = number("RIG_N", 200000);
  struct moon_engine_config config;
  moon_engine_config_init(&config);
  loop = moon_loop_new(getenv("LOOP"));
  if (!loop || moon_engine_new(&config, moon_loop_io(loop), loop, &engine)) {
    fprintf(stderr, "engine: cannot start\n");
    return 1;
  }
  moon_loop_on_turn(loop, turn, engine);
  static const struct moon_credential credential = { .community = "public", .community_len = 6, .version = MOON_V2C };
  struct moon_policy policy;
  moon_policy_init(&policy);
  for (uint64_t i = 0; i < devices; i++) {
    struct moon_addr a = { .family = 4, .port = (uint16_t)port };
    struct moon_peer *p;
    struct moon_ticket t;
    uint64_t host = (127u << 24 | 1u << 16) + 1 + i;
    for (int k = 0; k < 4; k++) { a.ip[k] = (uint8_t)(host >> (24 - 8 * k)); }
    if (moon_peer_new(engine, &a, &credential, &policy, NULL, &p)) { return 1; }
    if (asked < wanted && !moon_engine_submit(engine, p, &request, 0, done, p, &t)) { asked++; }
  }
  double cpu = cpu_us(), wall = wall_s();
  moon_loop_run(loop);
  cpu = cpu_us() - cpu;
  wall = wall_s() - wall;
  const struct moon_counters *c = moon_engine_counters(engine);
  printf("engine get1 %s: %.3f us CPU a request, %.0f/s, %llu failed, %.1f datagrams a turn, %llu retries, balanced %d\n",
         getenv("LOOP") ? getenv("LOOP") : "libev", cpu / (double)wanted, (double)wanted / wall, (unsigned long long)failed,
         (double)c->datagrams_in / (double)c->turns, (unsigned long long)c->retries, moon_counters_balanced(c));
  moon_engine_free(engine);
  moon_loop_free(loop);
  return failed != 0;
}
