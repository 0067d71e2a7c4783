/* Targets: lists, files of lines, file_sd, pipes; the one line each mistake in them is told by, and how long many take. */
#include "load_rig.h"

#include <net/if.h>
#include <time.h>

#include "bind/load/load.h"

static void refuse_targets(const char *file, const char *text, const char *want) {
  char error[1024];
  struct moon_load_options o = said_nothing();
  const char *probes[] = {"p.lua"}, *targets[] = {file};
  o.probes = probes;
  o.targets = targets;
  o.n_probes = o.n_targets = 1;
  o.community = SECRET;
  if (text) { put(file, text); }
  moon_plan_free(load(&o, error));
  assert_string_equal(error, want);
}

static void target_errors(void **state) {
  (void)state;
  refuse_targets("t.txt", "10.0.0.1\r\n\r\n# c\r\n10.0.0.2 sitelab\r\n", "t.txt:4: \"sitelab\": a label is name=value");
  refuse_targets("t.txt", "10.0.0.1 site=\"New\n", "t.txt:1: \"site=\"New\": a label is name=value");
  refuse_targets("t.txt", "10.0.0.1 2site=x\n", "t.txt:1: \"2site=x\": a label is name=value");
  refuse_targets("t.txt", "10.0.0.1\n10.0.0.300:xx\n", "t.txt:2: \"10.0.0.300:xx\": neither an address nor a host name");
  refuse_targets("t.txt", "10.0.0.1 auth=ops\n",
                 "t.txt:1: no credential named \"ops\"; there are \"command line\"");
  refuse_targets("t.txt", "10.0.0.1 device=a\n10.0.0.2 device=a\n",
                 "t.txt:2: the name a is taken by 10.0.0.1: two agents cannot share one");
  refuse_targets("t.txt", "10.0.0.1 device=\"a b\"\n", "t.txt:1: device: a name is 1 to 255 characters without blanks");
  refuse_targets("t.txt", "", "no targets: t.txt: no targets in it");
  put_octets("nul.txt", "10.0.0.1\n10.0.0.2\0\n", 19);
  refuse_targets("nul.txt", NULL, "nul.txt:2: is no text");
  refuse_targets("none.json", NULL, "--targets: none.json: No such file or directory");
  refuse_targets("./none", NULL, "--targets: ./none: No such file or directory");
  refuse_targets("10.0.0.1,a b", NULL, "--targets: \"a b\": neither an address nor a host name");
  refuse_targets(",", NULL, "no targets: --targets HOST,HOST or --targets FILE");
  static const struct { const char *json, *want; } CASES[] = {
    {"", "t.json:1: a list of target groups is expected"},
    {"x", "t.json:1: a list of target groups is expected"},
    {"{}", "t.json:1: a list of target groups is expected"},
    {"[", "t.json:1: unexpected token near end of file"},
    {"[\n\n1]", "t.json:3: a target group is an object, not a number"},
    {"[{\"targets\":[\"10.0.0.1\"]}\n{}]", "t.json:2: ',' or ']' is expected after a target group"},
    {"[{\"targets\":[\"10.0.0.1\"]},]", "t.json:1: unexpected token near ']'"},
    {"[{\"targets\":[\"10.0.0.1\"]}]\n]", "t.json:2: something follows the list of target groups"},
    {"[\n{\"targets\":[\"10.0.0.1\"]},\n{\"targets\":\n\"10.0.0.2\"}]", "t.json:3: targets is a string, a list of hosts is expected"},
    {"[{}]", "t.json:1: targets is missing, a list of hosts is expected"},
    {"[{\"targets\":[7]}]", "t.json:1: targets[0] is a number, a host is expected"},
    {"[{\"targets\":[\"a b\"]}]", "t.json:1: \"a b\": neither an address nor a host name"},
    {"[{\"targets\":[\"a\"],\"labels\":[]}]", "t.json:1: labels is a list, an object is expected"},
    {"[{\"targets\":[\"a\"],\"labels\":{\"a\":1}}]", "t.json:1: labels.a is a number, a string is expected"},
    {"[{\"targets\":[\"a\"],\"labels\":{\"a-b\":\"1\"}}]", "t.json:1: labels: \"a-b\" is no name of a label"},
    {"[{\"targets\":[\"a\",\"b\"],\"labels\":{\"device\":\"1\"}}]", "t.json:1: labels.device names 2 targets"},
    {"[\n{\"targets\":[\"a\"],\n\"targets\":[\"b\"]}]", "t.json:3: duplicate object key near '\"targets\"'"},
    {"[\n{\"targets\":[\"a\"}]", "t.json:2: ']' expected near '}'"},
    {"[{\"targets\":[\"\xff\"]}]", "t.json:1: unable to decode byte 0xff near '\"'"},
    {"[]", "no targets: t.json: no targets in it"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) { refuse_targets("t.json", CASES[i].json, CASES[i].want); }
}

/* Zones by the name of the interface, which only the system knows the number of. */
static void zones(void **state) {
  char error[1024];
  struct moon_load_options o = said_nothing();
  const char *probes[] = {"p.lua"}, *targets[] = {"[fe80::1%lo]:1161,udp6:[fe80::2%lo],fe80::3%lo"}, *nowhere[] = {"[fe80::1%nosuchif0]"};
  struct moon_plan *p = NULL;
  (void)state;
  put("p.lua", "return { run = function() end }");
  o.probes = probes;
  o.targets = targets;
  o.n_probes = o.n_targets = 1;
  assert_int_equal(moon_load(&o, &p, error, sizeof error), MOON_OK);
  assert_int_equal(p->n_targets, 3);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(p->targets[i].addr.scope, if_nametoindex("lo"));
    assert_int_equal(p->targets[i].addr.port, i ? 161 : 1161);
    assert_int_equal(p->targets[i].addr.ip[15], i + 1);
  }
  assert_string_equal(p->targets[0].name, "[fe80::1%lo]:1161");
  moon_plan_free(p);
  o.targets = nowhere;
  assert_int_equal(moon_load(&o, &p, error, sizeof error), MOON_E_CONFIG);
  assert_string_equal(error, "--targets: \"[fe80::1%nosuchif0]\": neither an address nor a host name");
}

/* Names go on as names: who polls them resolves them. */
static void names_are_left_to_the_engine(void **state) {
  (void)state;
  static const struct { const char *host, *lookup; uint16_t port; uint8_t family; } WANT[] = {
    {"nowhere.invalid", "nowhere.invalid", 161, 6},       {"udp:a.example:162", "a.example", 162, 4},
    {"udp6:b.example", "b.example", 161, 6},              {"127.0.0.1", NULL, 161, 0},
    {"c.example", "c.example", 161, 4},                   {"d.example", "d.example", 161, 4},
  };
  char error[1024];
  struct moon_load_options o = said_nothing();
  o.config = "moon.lua";
  put("moon.lua", "return {\n " AUTH " probes = { 'p.lua' }, targets = { 'nowhere.invalid', 'udp:a.example:162', 'udp6:b.example', '127.0.0.1',"
                  " { host = 'c.example', family = 4 }, { host = 'd.example', source = '127.0.0.1' } },"
                  " resolver = { servers = { '127.0.0.1', '[::1]:5353' }, timeout = 0.5, retry = 3, family = 6 } }");
  struct moon_plan *p = load(&o, error);
  assert_string_equal(error, "");
  for (uint32_t i = 0; i < p->n_targets; i++) {
    const struct moon_plan_target *t = &p->targets[i];
    assert_string_equal(t->host, WANT[i].host);
    assert_int_equal(t->addr.port, WANT[i].port);
    assert_int_equal(t->addr.family, WANT[i].lookup ? 0 : 4);
    assert_int_equal(t->family, WANT[i].family);
    if (WANT[i].lookup) {
      assert_string_equal(t->lookup, WANT[i].lookup);
    } else {
      assert_null(t->lookup);
    }
  }
  assert_string_equal(p->resolver.servers, "127.0.0.1:53,[::1]:5353");
  assert_int_equal(p->resolver.timeout_us, 500000);
  assert_int_equal(p->resolver.hold_us, 3000000);
  assert_int_equal(p->n_warnings, 0);
  moon_plan_free(p);
}

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void twenty_thousand(void **state) {
  (void)state;
  char error[1024];
  struct moon_load_options o = said_nothing();
  const char *probes[] = {"p.lua"}, *targets[] = {"many.txt"};
  o.probes = probes;
  o.targets = targets;
  o.n_probes = o.n_targets = 1;
  o.community = SECRET;
  FILE *f = fopen("many.txt", "w");
  for (int i = 0; i < 20000; i++) { (void)fprintf(f, "10.1.%d.%d site=lab rack=r%d\n", i / 200, i % 200, i % 50); }
  (void)fclose(f);
  f = fopen("many.json", "w");
  for (int i = 0; i < 20000; i++) {
    (void)fprintf(f, "%c{\"targets\":[\"10.1.%d.%d\"],\"labels\":{\"site\":\"lab\",\"rack\":\"r%d\"}}\n", i ? ',' : '[', i / 200, i % 200, i % 50);
  }
  (void)fputs("]", f);
  (void)fclose(f);
  for (int i = 0; i < 2; i++) {
    double before = now_s();
    struct moon_plan *p = NULL;
    assert_int_equal(moon_load(&o, &p, error, sizeof error), MOON_OK);
    assert_int_equal(p->n_targets, 20000);
    assert_int_equal(p->n_warnings, 0);
    expect_label(&p->targets[19999], 1, "rack", "r49");
    moon_plan_free(p);
    assert_true(now_s() - before < 3); /* 15 and 70 ms without sanitizers */
    targets[0] = "many.json";
  }
}

/* --targets /dev/stdin, --targets <(command) */
static void targets_from_a_pipe(void **state) {
  (void)state;
  char error[1024], path[40];
  int ends[2];
  struct moon_load_options o = said_nothing();
  const char *probes[] = {"p.lua"}, *targets[] = {path};
  assert_int_equal(pipe(ends), 0);
  (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
  o.probes = probes;
  o.targets = targets;
  o.n_probes = o.n_targets = 1;
  if (fork() == 0) {
    for (int i = 0; i < 8000; i++) { (void)dprintf(ends[1], "10.2.%d.%d site=somewhere\n", i / 200, i % 200); }
    _exit(0);
  }
  close(ends[1]);
  struct moon_plan *p = load(&o, error);
  close(ends[0]);
  assert_string_equal(error, "");
  assert_int_equal(p->n_targets, 8000);
  moon_plan_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(target_errors), cmocka_unit_test(zones), cmocka_unit_test(names_are_left_to_the_engine),
    cmocka_unit_test(twenty_thousand), cmocka_unit_test(targets_from_a_pipe),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
