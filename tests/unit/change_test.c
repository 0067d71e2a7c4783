/* What differs between two plans, packed for who has the first: in parts, none of them large. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/mem.h"
#include "../../core/bind/load/change.h"
#include "../../core/bind/load/pack.h"

#define MOST 20u

static char names[MOST][8];
static const uint16_t credentials[] = {0};
static const struct moon_credential credential = {.name = "a", .version = MOON_V2C};
static const struct moon_source source = {.name = "p", .path = "p.lua", .text = (const uint8_t *)"return {}", .len = 9};
static const struct moon_plan_job job = {.name = "", .every_s = 30, .timeout_s = 20};
static const struct moon_plan_probe probe = {.name = "p", .sources = &source, .jobs = &job, .n_sources = 1, .n_jobs = 1};

/* d<from> to d<to - 1>, on this port. */
static struct moon_plan plan_of(struct moon_plan_target *targets, uint32_t from, uint32_t to, uint16_t port) {
  for (uint32_t i = from; i < to; i++) {
    snprintf(names[i], sizeof names[i], "d%u", i);
    targets[i - from] = (struct moon_plan_target){.name = names[i], .host = names[i], .addr = {.family = 4, .port = port}, .credentials = credentials,
                                                  .n_credentials = 1};
  }
  struct moon_plan p = {.credentials = &credential, .n_credentials = 1, .probes = &probe, .n_probes = 1, .targets = targets, .n_targets = to - from,
                        .workers = 1, .loop = "libev", .max_coroutines = 1, .max_in_flight = 1};
  moon_policy_init(&p.policy);
  moon_steps_init(&p.steps);
  return p;
}

/* All but d7. */
static bool mine(void *arg, const char *name) {
  assert_ptr_equal(arg, names);
  return strcmp(name, "d7") != 0;
}

static void in_parts(void **state) {
  (void)state;
  for (uint32_t most = 1; most <= MOST; most++) {
    struct moon_plan_target a[MOST], b[MOST];
    struct moon_plan was = plan_of(a, 0, 10, 161), now = plan_of(b, 4, MOST, 161);
    struct moon_change c;
    struct moon_change_place place = {0};
    unsigned gone[MOST] = {0}, come[MOST] = {0}, parts = 0;
    b[1].strict_source = true; /* d5 */
    now.max_coroutines = 2;
    assert_int_equal(moon_change_make(&was, &now, &c), MOON_OK);
    assert_int_equal(c.n_gone * 100 + c.n_other * 10 * 10 + c.n_new, 400 + 100 + 10);
    for (; !place.over; parts++) {
      struct moon_plan *part;
      uint8_t *p;
      size_t n;
      unsigned i;
      assert_int_equal(moon_change_pack(&c, mine, names, most, &place, &p, &n), MOON_OK);
      assert_int_equal(moon_unpack(p, n, &part), MOON_OK);
      moon_pack_free(p, n);
      assert_true(part->n_gone + part->n_targets <= most);
      assert_int_equal(part->n_probes, parts == 0); /* settings: once */
      assert_int_equal(part->n_credentials, 1);
      assert_int_equal(part->max_coroutines, 2);
      for (uint32_t k = 0; k < part->n_gone; k++) {
        assert_int_equal(sscanf(part->gone[k], "d%u", &i), 1);
        gone[i]++;
        for (uint32_t x = 10; x < MOST; x++) { assert_int_equal(come[x], 0); } /* their places are free before anybody comes */
      }
      for (uint32_t k = 0; k < part->n_targets; k++) {
        assert_int_equal(sscanf(part->targets[k].name, "d%u", &i), 1);
        come[i]++;
      }
      moon_plan_free(part);
    }
    assert_in_range(parts, 15 / most, 15 / most + 1);
    for (uint32_t i = 0; i < MOST; i++) {
      assert_int_equal(gone[i], i < 4);
      assert_int_equal(come[i], i == 5 || i >= 10);
    }
    moon_change_fini(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(in_parts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
