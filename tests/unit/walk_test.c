/* Walks of agents that do what the RFCs say: rows, joins, ends, economy, budgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failmem.h"
#include "session_rig.h"

static struct rig rig;

static int begin(void **state) {
  (void)state;
  failmem_install();
  rig_init(&rig, MOON_V2C);
  return 0;
}

static int end(void **state) {
  (void)state;
  rig_fini(&rig);
  assert_int_equal(failmem_alive(), 0);
  return 0;
}

static struct moon_walk_spec spec_of(const char *const *columns, uint16_t n) {
  return (struct moon_walk_spec){.columns = rig_names(0, columns, n), .n_columns = n};
}

static void add(const char *oid, const char *text) { agent_add(&rig.agent, oid, MOON_OCTET_STRING, text, strlen(text)); }

static void interface_tables_take_few_full_packets(void **state) {
  struct moon_walk_spec spec = spec_of(rig_interface_columns, 41);
  struct rig_result res;
  (void)state;
  rig_interfaces(&rig, 24);
  rig.agent.max_octets = 1472;
  assert_int_equal(rig_walk(&rig, &spec, &res), MOON_OK);
  assert_int_equal(res.rows, 24);
  assert_int_equal(res.values, 984);
  print_message("packets %u, varbinds %u, longest reply %zu\n", rig.requests, rig.agent.varbinds, rig.agent.longest_reply);
  assert_true(rig.requests <= 18);
  assert_true(rig.agent.longest_reply <= 1472);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(interface_tables_take_few_full_packets, begin, end),
  };
  (void)add;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
