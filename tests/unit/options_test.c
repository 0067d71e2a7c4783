/* The command line of `moonpoll run`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "failmem.h"
#include "../../core/main/options.h"

#define WORDS_MAX 64

/* argv as the kernel gives it: writable, and the text watched by the sanitizer. */
struct words { char *argv[WORDS_MAX + 1], *own[WORDS_MAX + 1]; int argc; };

static void words_init(struct words *w, const char *const *list) {
  w->argc = 0;
  w->own[w->argc] = w->argv[w->argc] = strdup("run");
  w->argc++;
  for (; *list; list++) {
    w->own[w->argc] = w->argv[w->argc] = strdup(*list);
    w->argc++;
  }
  w->argv[w->argc] = NULL;
}
static void words_fini(struct words *w) {
  for (int i = 0; i < w->argc; i++) { free(w->own[i]); }
}

#define PARSE(o, error, w, ...) \
  (words_init(&w, (const char *const[]){__VA_ARGS__, NULL}), moon_options_parse(w.argc, w.argv, &o, error, sizeof error))

static void everything_said(void **state) {
  struct moon_options o;
  struct words w;
  char error[256] = "";
  (void)state;
  assert_int_equal(PARSE(o, error, w, "a.lua", "--targets", "h1,h2", "-v2c", "-c", "sesame", "b.lua", "-t", "0.5", "-r", "3",
                         "--config=c.lua", "--once", "--every", "30", "--workers", "4", "--max-coroutines", "10", "--max-in-flight", "20",
                         "--per-device", "3", "--packets-per-s", "99", "--device-packets-per-s", "7", "-o", "null", "--arg", "k=v=w", "--arg", "x=", "--loop", "epoll",
                         "--run-dir", "/r", "--engine-cache", "/e", "--mib-file", "/m", "--stats", "/s", "--summary", "--log", "debug"), MOON_OK);
  assert_int_equal(o.load.n_probes, 2);
  assert_string_equal(o.load.probes[0], "a.lua");
  assert_string_equal(o.load.probes[1], "b.lua");
  assert_int_equal(o.load.n_targets, 1);
  assert_string_equal(o.load.targets[0], "h1,h2");
  assert_string_equal(o.load.version, "2c");
  assert_string_equal(o.load.community, "sesame");
  assert_true(o.load.timeout_s == 0.5);
  assert_int_equal(o.load.retries, 3);
  assert_string_equal(o.load.config, "c.lua");
  assert_true(o.load.once);
  assert_string_equal(o.mib_file, "/m");
  assert_true(o.load.every_s == 30);
  assert_int_equal(o.load.workers, 4);
  assert_int_equal(o.load.max_coroutines, 10);
  assert_int_equal(o.load.max_in_flight, 20);
  assert_int_equal(o.load.per_device, 3);
  assert_int_equal(o.load.packets_per_s, 99);
  assert_int_equal(o.load.device_packets_per_s, 7);
  assert_int_equal(o.load.n_outputs, 1);
  assert_string_equal(o.load.outputs[0], "null");
  assert_int_equal(o.load.n_args, 2);
  assert_string_equal(o.load.args[0].key, "k");
  assert_string_equal(o.load.args[0].value, "v=w");
  assert_string_equal(o.load.args[1].key, "x");
  assert_string_equal(o.load.args[1].value, "");
  assert_string_equal(o.load.loop, "epoll");
  assert_string_equal(o.load.run_dir, "/r");
  assert_string_equal(o.load.engine_cache, "/e");
  assert_string_equal(o.stats, "/s");
  assert_true(o.summary);
  assert_int_equal(o.log, MOON_LOG_DEBUG);
  moon_options_fini(&o);
  words_fini(&w);
}

static void nothing_said(void **state) {
  struct moon_options o;
  struct words w;
  char error[256] = "";
  (void)state;
  assert_int_equal(PARSE(o, error, w, "a.lua", "--targets", "h"), MOON_OK);
  assert_true(o.load.timeout_s < 0 && o.load.every_s < 0 && o.load.retries < 0);
  assert_null(o.load.version);
  assert_null(o.load.community);
  assert_null(o.load.config);
  assert_int_equal(o.load.workers + o.load.max_coroutines + o.load.max_in_flight + o.load.per_device + o.load.n_outputs, 0);
  assert_false(o.load.once);
  moon_options_fini(&o);
  words_fini(&w);
  /* Words behind -- are probes, however they look. */
  assert_int_equal(PARSE(o, error, w, "--targets", "h", "--", "-c", "--once"), MOON_OK);
  assert_int_equal(o.load.n_probes, 2);
  assert_string_equal(o.load.probes[0], "-c");
  assert_false(o.load.once);
  moon_options_fini(&o);
  words_fini(&w);
  /* A configuration may bring probes and targets. */
  assert_int_equal(PARSE(o, error, w, "--config", "c"), MOON_OK);
  moon_options_fini(&o);
  words_fini(&w);
  assert_int_equal(PARSE(o, error, w, "--help"), MOON_OK);
  assert_true(o.help);
  moon_options_fini(&o);
  words_fini(&w);
}

static void wrong(const char *part, const char *const *list) {
  struct moon_options o;
  struct words w;
  char error[256] = "";
  words_init(&w, list);
  assert_int_equal(moon_options_parse(w.argc, w.argv, &o, error, sizeof error), MOON_E_CONFIG);
  if (!strstr(error, part)) { fail_msg("\"%s\" lacks \"%s\"", error, part); }
  assert_null(strchr(error, '\n'));
  assert_null(strstr(error, "sesame"));
  moon_options_fini(&o);
  words_fini(&w);
}
#define WRONG(part, ...) wrong(part, (const char *const[]){"p.lua", "--targets", "h", __VA_ARGS__, NULL})

static void each_fault_is_named(void **state) {
  (void)state;
  WRONG("--frequency: no such option", "--frequency", "3");
  WRONG("--frequency: no such option", "--frequency=sesame");
  WRONG("-z: no such option", "-z");
  WRONG("--once: takes no value", "--once=sesame");
  WRONG("--workers: needs a value", "--workers");
  WRONG("-c: needs a value", "-c");
  WRONG("--workers: \"0\"", "--workers", "0");
  WRONG("--workers: \"65\"", "--workers", "65");
  WRONG("--workers: \"2x\"", "--workers", "2x");
  WRONG("--workers: \"\"", "--workers", "");
  WRONG("--max-in-flight: \"99999999999999999999\"", "--max-in-flight", "99999999999999999999");
  WRONG("-r: \"-1\"", "-r", "-1");
  WRONG("-r: \"16\"", "-r", "16");
  WRONG("-t: \"soon\"", "-t", "soon");
  WRONG("-t: \"0\"", "-t", "0");
  WRONG("-t: \"nan\"", "-t", "nan");
  WRONG("-t: \"inf\"", "-t", "inf");
  WRONG("--every: \"-5\"", "--every", "-5");
  WRONG("-v: \"9\" is not 1, 2c or 3", "-v", "9");
  WRONG("-Z: \"5\" is not BOOTS,TIME", "-Z", "5");
  WRONG("-Z: \"5,\" is not BOOTS,TIME", "-Z5,");
  WRONG("-Z: \"5,6x\" is not BOOTS,TIME", "-Z", "5,6x");
  WRONG("-Z: \"5,2147483648\" is not BOOTS,TIME", "-3Z", "5,2147483648");
  WRONG("-3m: needs a value", "-3m");
  WRONG("-3: is followed by one of m, k, M and K", "-3", "qsesame");
  WRONG("-3: is followed by one of m, k, M and K", "-3q", "sesame");
  WRONG("-3: needs a value", "-3");
  WRONG("-o: \"papyrus\" is not json, table or null", "-o", "papyrus");
  WRONG("--loop: \"x\" is not libev or epoll", "--loop", "x");
  WRONG("--log: \"loud\"", "--log", "loud");
  WRONG("--arg: \"novalue\" is not KEY=VALUE", "--arg", "novalue");
  WRONG("--arg: \"=v\" is not KEY=VALUE", "--arg", "=v");
  wrong("no probe", (const char *const[]){"--targets", "h", NULL});
  wrong("no --targets", (const char *const[]){"p.lua", NULL});
  char longest[300];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  memcpy(longest, "sesame", 6);
  WRONG("-c: longer than 255", "-c", longest);
}

static void secrets_leave_the_command_line(void **state) {
  static const char *const cases[][6] = {{"p.lua", "--targets", "h", "-c", "sesame", NULL}, {"p.lua", "--targets", "h", "-csesame", NULL},
    {"-c", "sesame", "--frequency", "3", NULL}, {"-A", "sesame", "-X", "sesame", "-Asesame", NULL},
    {"-3m", "sesame", "-3M=sesame", "-3ksesame", "-3K sesame", NULL}, {"-3A", "sesame", "-3Xsesame", "-3q", "sesame", NULL}, {"p.lua", "-c", "sesame", "-csesame", NULL}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct moon_options o;
    struct words w;
    char error[256] = "";
    words_init(&w, cases[i]);
    moon_options_parse(w.argc, w.argv, &o, error, sizeof error);
    for (int a = 0; a < w.argc; a++) { assert_null(strstr(w.own[a], "sesame")); }
    moon_options_fini(&o);
    assert_null(o.load.community);
    assert_null(o.load.login);
    words_fini(&w);
  }
}

static void expect_part(const struct moon_options *o, enum moon_login_part part, const char *want) {
  const struct moon_text *t = &o->load.login->part[part];
  assert_int_equal(t->n, strlen(want));
  assert_memory_equal(t->p, want, t->n);
}

static void version_3(void **state) {
  struct moon_options o;
  struct words w;
  char error[256] = "";
  (void)state;
  assert_int_equal(PARSE(o, error, w, "p.lua", "--targets", "h", "-v3", "-u", "ops", "-l", "authPriv", "-a", "SHA-256", "-A", "sesame-auth", "-x",
                         "AES-256", "-Xsesame-priv", "-n", "vlan-7", "-e", "8000000001", "-E", "8000000002", "-Z", "7,11"), MOON_OK);
  static const char *const want[] = {[MOON_LOGIN_NAME] = "ops", [MOON_LOGIN_LEVEL] = "authPriv", [MOON_LOGIN_AUTH] = "SHA-256",
    [MOON_LOGIN_AUTH_PASS] = "sesame-auth", [MOON_LOGIN_PRIV] = "AES-256", [MOON_LOGIN_PRIV_PASS] = "sesame-priv", [MOON_LOGIN_CONTEXT] = "vlan-7",
    [MOON_LOGIN_ENGINE_ID] = "8000000001", [MOON_LOGIN_CONTEXT_ENGINE_ID] = "8000000002"};
  for (size_t part = 0; part < sizeof want / sizeof *want; part++) {
    if (want[part]) { expect_part(&o, (enum moon_login_part)part, want[part]); }
  }
  assert_null(o.load.login->part[MOON_LOGIN_AUTH_KEY].p);
  assert_true(o.load.login->time_given);
  assert_int_equal(o.load.login->boots, 7);
  assert_int_equal(o.load.login->time, 11);
  moon_options_wipe(&o);
  assert_int_equal(o.load.login->part[MOON_LOGIN_AUTH_PASS].p[0], 0);
  assert_int_equal(o.load.login->part[MOON_LOGIN_PRIV_PASS].p[4], 0);
  moon_options_fini(&o);
  words_fini(&w);
  assert_int_equal(PARSE(o, error, w, "p.lua", "--targets", "h", "-3uops", "-3k", "aa", "-3 K=bb", "-3m=cc", "-3M", "dd"), MOON_E_CONFIG);
  moon_options_fini(&o);
  words_fini(&w);
  assert_int_equal(PARSE(o, error, w, "p.lua", "--targets", "h", "-3uops", "-3k", "aa", "-3K bb", "-3m=cc", "-3M", "dd"), MOON_OK);
  expect_part(&o, MOON_LOGIN_NAME, "ops");
  expect_part(&o, MOON_LOGIN_AUTH_LOCALIZED_KEY, "aa");
  expect_part(&o, MOON_LOGIN_PRIV_LOCALIZED_KEY, "bb");
  expect_part(&o, MOON_LOGIN_AUTH_KEY, "cc");
  expect_part(&o, MOON_LOGIN_PRIV_KEY, "dd");
  moon_options_fini(&o);
  words_fini(&w);
}

static void a_context_alone_is_no_version_3(void **state) {
  struct moon_options o;
  struct words w;
  char error[256] = "";
  (void)state;
  assert_int_equal(PARSE(o, error, w, "p.lua", "--targets", "h", "-n", "vlan-7", "-E", "8000000001"), MOON_OK);
  assert_null(o.load.login);
  assert_true(o.load.context);
  moon_options_fini(&o);
  words_fini(&w);
  assert_int_equal(PARSE(o, error, w, "p.lua", "--targets", "h", "-n", "vlan-7", "-u", "ops"), MOON_OK);
  expect_part(&o, MOON_LOGIN_CONTEXT, "vlan-7");
  moon_options_fini(&o);
  words_fini(&w);
}

static void without_memory(void **state) {
  (void)state;
  for (unsigned n = 1;; n++) {
    struct moon_options o;
    struct words w;
    char error[256] = "";
    size_t alive = failmem_alive();
    failmem_arm(n);
    enum moon_err err = PARSE(o, error, w, "p.lua", "--targets", "h", "-c", "sesame", "-A", "sesame", "--arg", "a=b");
    assert_true(failmem_fired() == (err != MOON_OK));
    moon_options_fini(&o);
    words_fini(&w);
    assert_int_equal(failmem_alive(), alive);
    if (!failmem_fired()) { break; }
  }
  failmem_disarm();
}

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(everything_said), cmocka_unit_test(nothing_said), cmocka_unit_test(each_fault_is_named),
    cmocka_unit_test(secrets_leave_the_command_line), cmocka_unit_test(version_3), cmocka_unit_test(a_context_alone_is_no_version_3), cmocka_unit_test(without_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
