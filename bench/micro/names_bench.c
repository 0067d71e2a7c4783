/* names: what it costs to find, print and read names, in nanoseconds; the names are those compiled in.
 * Prints `name ns`; each is the best of several rounds, so that other load on the machine does not show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "names/print.h"
#include "names/resolve.h"

#define ROUNDS 15
#define TIMES 20000

static volatile uint64_t sink; /* results go here, or the compiler leaves the work out */
static struct moon_names names;
static uint8_t oid[64];
static size_t len;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(const char *name, void (*what)(void)) {
  double best = 1e18;
  for (int i = 0; i < ROUNDS; i++) {
    double begun = now_ns();
    for (int k = 0; k < TIMES; k++) { what(); }
    double took = (now_ns() - begun) / TIMES;
    best = took < best ? took : best;
  }
  printf("%-32s %8.1f\n", name, best);
}

static void open_block(void) {
  struct moon_mib m;
  sink += (uint64_t)moon_mib_open(moon_names_builtin, moon_names_builtin_len, &m);
}

static void find(void) {
  struct moon_ref ref;
  sink += moon_names_find(&names, oid, len, &ref);
}

static void print(void) {
  char text[256];
  struct moon_out out = {.p = text, .cap = sizeof text};
  moon_print_oid(&names, oid, len, MOON_PRINT_MODULE, &out);
  sink += out.n;
}

static void resolve(const char *text) {
  uint8_t to[MOON_OID_MAX_LEN];
  size_t n = 0;
  if (moon_names_resolve(&names, text, strlen(text), 0, to, &n, NULL)) { abort(); }
  sink += n;
}
static void resolve_name(void) { resolve("IF-MIB::ifHCInOctets.12"); }
static void resolve_index(void) { resolve("ipAddressIfIndex.ipv4.\"192.0.2.1\""); }

int main(void) {
  moon_names_init(&names);
  measure("open", open_block);
  if (moon_oid_parse("1.3.6.1.2.1.31.1.1.1.6.12", 25, oid, sizeof oid, &len)) { abort(); }
  measure("find ifHCInOctets.12", find);
  measure("print ifHCInOctets.12", print);
  if (moon_oid_parse("1.3.6.1.2.1.4.34.1.3.1.4.192.0.2.1", 34, oid, sizeof oid, &len)) { abort(); }
  measure("print ipAddressIfIndex.ipv4", print);
  measure("read IF-MIB::ifHCInOctets.12", resolve_name);
  measure("read ipAddressIfIndex.ipv4", resolve_index);
  return 0;
}
