/* What is somebody's for a time only: iterators of another run, and what C has in its hands while a script's metamethod runs. */
#include "bind/task/host.h"
#include "bind/task/inside.h"
#include "bind/task/query.h"
#include "host_rig.h"

/* d1 waits for a row of d2's iterator when d2's run ends; both answers came together. */
#define BORROWS \
  "local snmp = require 'moonpoll'\n" \
  "local shared\n" \
  "return { timeout = 3, run = function(device, out)\n" \
  "  if device.name == 'd2' then\n" \
  "    shared = device:rows({ n = '1.3.6.1.2.1.2.2.1.2' })\n" \
  "    snmp.sleep(0.01)\n" \
  "    %s\n" \
  "    return\n" \
  "  end\n" \
  "  snmp.sleep(0.01)\n" \
  "  out:info('ok', tostring(pcall(shared)))\n" \
  "  local _, err = pcall(shared) out:info('err', tostring(err))\n" \
  "end }"

static void an_iterator_is_of_its_run(void **state) {
  static const char *const ends[] = {"device:get('1.3.6.1.2.1.1.5.0')", "shared() device:get('1.3.6.1.2.1.1.5.0')", "snmp.sleep(0.001)", "snmp.sleep(1)",
                                     "error('gone')", ""};
  (void)state;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    char script[1024];
    struct host_rig r;
    host_rig_init(&r, 2);
    snprintf(script, sizeof script, BORROWS, ends[i]);
    assert_int_equal(host_rig_run(&r, script), MOON_OK);
    expect(r.out, "d1 ok false\n");
    expect(r.out, "run of this iterator is ");
    assert_int_equal(r.runs.runs_timeout, 0);
    host_rig_fini(&r);
  }
}

/* The options of a request are read when its names are known: what is asked while they are read is as many others as are kept. */
static void options_that_ask_for_more(void **state) {
  static const char *const calls[] = {
    "local row = device:get({ name = '1.3.6.1.2.1.1.5.0', up = '1.3.6.1.2.1.1.3.0' }, opts) out:info('name', row.name)",
    "local row = device:get_raw({ name = '1.3.6.1.2.1.1.5.0', up = '1.3.6.1.2.1.1.3.0' }, opts) out:info('name', row.name.value)",
    "local row = device:get_next({ name = '1.3.6.1.2.1.1.4', up = '1.3.6.1.2.1.1.2' }, opts) out:info('name', row.name.value)",
    "for _, row in device:rows({ name = '1.3.6.1.2.1.1.5', up = '1.3.6.1.2.1.1.3' }, opts) do out:info('name', row.name) end",
    "local row = device:get_bulk(setmetatable({ '1.3.6.1.2.1.1.4', repetitions = 1 }, getmetatable(opts))) out:info('name', row[1].value)",
  };
  (void)state;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    char script[1024];
    struct host_rig r;
    host_rig_init(&r, 1);
    snprintf(script, sizeof script,
             "return { run = function(device, out)\n"
             "  local opts = setmetatable({}, { __index = function()\n"
             "    for k = 1, 1100 do pcall(device.get, device, '1.3.6.1.9.' .. k) end\n"
             "  end })\n"
             "  %s\n"
             "end }", calls[i]);
    assert_int_equal(host_rig_run(&r, script), MOON_OK);
    if (!strstr(r.out, "d1 name core\n")) { print_error("%s\n%s", calls[i], r.log); }
    expect(r.out, "d1 name core\n");
    host_rig_fini(&r);
  }
}

/* What one probe makes up takes nothing from another. */
static void contexts_of_a_probe(void **state) {
  struct moon_host_probe probes[2] = {0};
  char name[16];
  (void)state;
  for (uint32_t i = 0; i <= MOON_CONTEXTS_MAX; i++) {
    const struct moon_context *c = moon_query_context(&probes[0], name, (size_t)snprintf(name, sizeof name, "vlan-%u", (unsigned)i));
    assert_int_equal(c != NULL, i < MOON_CONTEXTS_MAX);
  }
  const struct moon_context *own = moon_query_context(&probes[1], "vlan-1", 6);
  assert_non_null(own);
  assert_ptr_equal(moon_query_context(&probes[1], "vlan-1", 6), own);
  assert_non_null(moon_query_context(&probes[0], "vlan-1", 6));
  assert_memory_equal(own->octets, "vlan-1", own->len);
  for (int i = 0; i < 2; i++) { moon_query_free_contexts(&probes[i]); }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(an_iterator_is_of_its_run), cmocka_unit_test(options_that_ask_for_more), cmocka_unit_test(contexts_of_a_probe)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
