/* walk_rig: what tests of walks begin and end with: a rig that is made anew for each of them, and no memory left behind it.
 *
 *   static int begin(void **state) { return walk_begin(state, MOON_V2C, 24); }     with that many interfaces
 *   cmocka_unit_test_setup_teardown(test, begin, walk_end)
 *   struct moon_walk_spec spec = walk_interfaces(41);                              the first 41 columns of them   */
#ifndef MOON_TESTS_WALK_RIG_H
#define MOON_TESTS_WALK_RIG_H

#include "failmem.h"
#include "session_rig.h"

static struct rig rig;

__attribute__((unused)) static int walk_begin(void **state, uint8_t version, unsigned interfaces) {
  (void)state;
  failmem_install();
  rig_init(&rig, version);
  if (interfaces) { rig_interfaces(&rig, interfaces); }
  return 0;
}

__attribute__((unused)) static int walk_end(void **state) {
  (void)state;
  failmem_disarm();
  rig_fini(&rig);
  assert_int_equal(failmem_alive(), 0);
  return 0;
}

__attribute__((unused)) static struct moon_walk_spec walk_columns(const char *const *columns, uint16_t n) {
  return (struct moon_walk_spec){.columns = rig_names(0, columns, n), .n_columns = n};
}

__attribute__((unused)) static struct moon_walk_spec walk_interfaces(uint16_t n) { return walk_columns(rig_interface_columns, n); }

#endif
