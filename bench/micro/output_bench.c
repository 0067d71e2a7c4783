/* output: what a sample costs between the end of its run and stdout, in nanoseconds: making the record, the ring, the JSON
 * line, and the numbers alone. A run is that of an interface probe: 24 label sets, four samples each.
 * Prints `name ns`; each is the best of several rounds, so that other load on the machine does not show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "../../core/main/format.h"
#include "../../core/main/output.h"
#include "../../core/main/ring.h"

#define ROUNDS 15
#define RUNS 500
#define SETS 24
#define EACH 4
#define SAMPLES (SETS * EACH + MOON_RUN_SAMPLES)

static volatile uint64_t keep; /* results go here, or the compiler leaves the work out */

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fill(struct moon_record *r, unsigned seed) {
  static const struct moon_label base[] = {{{"site", 4}, {"berlin", 6}}};
  static const char *const names[EACH] = {"if_rx_octets", "if_tx_octets", "if_rx_rate", "if_tx_rate"};
  moon_record_begin(r, (struct moon_text){"core1.example.net", 17}, (struct moon_text){"interfaces", 10}, (struct moon_text){"", 0}, base, 1);
  for (unsigned i = 0; i < SETS; i++) {
    char index[8], name[24];
    struct moon_label l[] = {{{"index", 5}, {index, (uint32_t)snprintf(index, sizeof index, "%u", i)}},
                             {{"interface", 9}, {name, (uint32_t)snprintf(name, sizeof name, "GigabitEthernet0/%u", i)}}};
    moon_record_labels(r, l, 2);
    for (unsigned k = 0; k < EACH; k++) {
      struct moon_sample s = {.name = {names[k], (uint32_t)strlen(names[k])}, .time_s = 1764000000.123 + i / 8,
                              .type = k < 2 ? MOON_SAMPLE_COUNTER : MOON_SAMPLE_GAUGE, .kind = k < 2 ? MOON_NUMBER_UNSIGNED : MOON_NUMBER_REAL};
      if (k < 2) {
        s.value.uint = 0x123456789abcu * (i + 1) + seed;
      } else {
        s.value.real = (double)(i * 7919 + seed) * 1000003 / 29.997;
      }
      moon_record_sample(r, &s);
    }
  }
  struct moon_run_head head = {.started_s = 1764000000, .run_s = 0.012345};
  if (moon_record_end(r, &head)) { abort(); }
}

static bool discard(void *arg, const uint8_t *p, size_t n) {
  *(uint64_t *)arg += n;
  keep += p[n - 1];
  return true;
}

static double bench_output(struct moon_output *o, const struct moon_record *r, uint64_t *octets) {
  double best = 1e18;
  struct moon_print out;
  moon_print_init(&out, discard, octets);
  for (int round = 0; round < ROUNDS; round++) {
    double t = now_ns();
    for (int i = 0; i < RUNS; i++) {
      if (o->record(o, r->p, r->n, &out)) { abort(); }
    }
    t = (now_ns() - t) / (RUNS * SAMPLES);
    best = t < best ? t : best;
  }
  moon_print_flush(&out);
  moon_print_fini(&out);
  return best;
}

static double bench_record(struct moon_record *r) {
  double best = 1e18;
  for (int round = 0; round < ROUNDS; round++) {
    double t = now_ns();
    for (unsigned i = 0; i < RUNS; i++) { fill(r, i); }
    t = (now_ns() - t) / (RUNS * SETS * EACH);
    best = t < best ? t : best;
  }
  return best;
}

static double bench_ring(const struct moon_record *r) {
  double best = 1e18;
  struct moon_ring ring;
  const uint8_t *p;
  uint32_t n;
  bool broken = false;
  if (moon_ring_init(&ring, MOON_RING_CAP, eventfd(0, EFD_NONBLOCK))) { abort(); }
  for (int round = 0; round < ROUNDS; round++) {
    double t = now_ns();
    for (int i = 0; i < RUNS; i++) {
      if (!moon_ring_put(&ring, r->p, r->n) || !moon_ring_peek(&ring, &p, &n, &broken)) { abort(); }
      keep += p[n - 1];
      moon_ring_take(&ring);
    }
    t = (now_ns() - t) / (RUNS * SETS * EACH);
    best = t < best ? t : best;
  }
  moon_ring_fini(&ring);
  return best;
}

static double bench_number(bool real) {
  double best = 1e18;
  char buf[MOON_FORMAT_MAX];
  for (int round = 0; round < ROUNDS; round++) {
    double t = now_ns();
    for (unsigned i = 0; i < 100000; i++) {
      keep += real ? moon_format_real(buf, (double)(i * 7919u) * 1000003 / 29.997) : moon_format_u64(buf, 0x123456789abcu * i);
    }
    t = (now_ns() - t) / 100000;
    best = t < best ? t : best;
  }
  return best;
}

int main(void) {
  struct moon_record r;
  struct moon_output *json = moon_json_new(), *table = moon_table_new();
  uint64_t octets = 0;
  moon_record_init(&r);
  fill(&r, 1);
  if (!json || !table) { abort(); }
  printf("sample_record %.1f\n", bench_record(&r));
  printf("sample_ring %.1f\n", bench_ring(&r));
  printf("sample_json %.1f\n", bench_output(json, &r, &octets));
  printf("sample_json_octets %.0f\n", (double)octets / (ROUNDS * RUNS * SAMPLES));
  printf("sample_table %.1f\n", bench_output(table, &r, &octets));
  printf("number_u64 %.1f\n", bench_number(false));
  printf("number_real %.1f\n", bench_number(true));
  json->free(json);
  table->free(table);
  moon_record_fini(&r);
  return 0;
}
