/* What is somebody's for a time only: iterators of another run, and what C has in its hands while a script's metamethod runs. */
#include "bind/task/host.h"
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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(an_iterator_is_of_its_run), cmocka_unit_test(options_that_ask_for_more)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
