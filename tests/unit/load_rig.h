/* load_rig: files in a directory of their own, and what they are loaded as.
 *
 *   put("moon.lua", "return { ... }");
 *   struct moon_load_options o = said_nothing();          o.config = "moon.lua"; ...
 *   char error[1024];
 *   struct moon_plan *p = load(&o, error);                 NULL: error says why
 *   moon_plan_free(p);
 *
 * A program's set-up and tear-down make and remove the directory; p.lua is a probe in it, secret.txt and MOON_TEST_COMMUNITY secrets. */
#ifndef MOON_TESTS_LOAD_RIG_H
#define MOON_TESTS_LOAD_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "bind/load/draft.h"
#include "bind/load/load.h"
#include "bind/load/pack.h"
#include "failmem.h"

#define SECRET "s3ntinel"
#define PROBE "return { every = 30, timeout = 20, run = function() end }\n"
#define AUTH "auth = { ops = { community = \"" SECRET "\" } },\n"

static char directory[] = "/tmp/moon-load-XXXXXX";

static inline void put_octets(const char *name, const void *p, size_t n) {
  FILE *f = fopen(name, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(p, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
}
static inline void put(const char *name, const char *text) { put_octets(name, text, strlen(text)); }

static inline struct moon_load_options said_nothing(void) {
  return (struct moon_load_options){.timeout_s = -1, .every_s = -1, .retries = -1};
}

static inline int set_up(void **state) {
  (void)state;
  failmem_install();
  if (!mkdtemp(directory) || chdir(directory) || mkdir("lib", 0700) || mkdir("sub", 0700)) { return -1; }
  put("p.lua", PROBE);
  put("secret.txt", SECRET "\r\n");
  setenv("MOON_TEST_COMMUNITY", SECRET "-env\n", 1);
  return 0;
}

static inline int tear_down(void **state) {
  (void)state;
  char command[100];
  (void)snprintf(command, sizeof command, "rm -r %s", directory);
  return chdir("/") || system(command);
}

/* Loads in this process, where the sanitizers look; the plan as it comes out of the pipe. */
static inline struct moon_plan *load(const struct moon_load_options *o, char error[1024]) {
  struct moon_draft d;
  struct moon_plan *plan = NULL;
  uint8_t *packed;
  size_t n;
  size_t alive = failmem_alive();
  moon_draft_init(&d, o);
  enum moon_err e = moon_draft_make(&d);
  memcpy(error, d.error, sizeof d.error);
  if (!e) {
    assert_int_equal(moon_pack(&d.plan, &packed, &n), MOON_OK);
    assert_int_equal(moon_unpack(packed, n, &plan), MOON_OK);
    moon_pack_free(packed, n);
  }
  moon_draft_fini(&d);
  assert_int_equal(failmem_alive(), alive + (plan != NULL));
  return plan;
}

static inline void expect_label(const struct moon_plan_target *t, uint32_t i, const char *key, const char *value) {
  assert_true(i < t->n_labels);
  assert_int_equal(t->labels[i].key.n, strlen(key));
  assert_memory_equal(t->labels[i].key.p, key, strlen(key));
  assert_int_equal(t->labels[i].value.n, strlen(value));
  assert_memory_equal(t->labels[i].value.p, value, strlen(value));
}

#endif
