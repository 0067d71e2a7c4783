/* What a probe has, what `moonpoll check` takes for granted and what the manual page names are the same. */
#include "host_rig.h"

#include "../../core/base/err.h"
#include "../../core/bind/task/device.h"
#include "../../core/bind/task/inside.h"
#include "../../core/bind/task/lib.h"

#define PAGE "core/main/moonpoll-lua.3"

static char *page;

static int read_page(void **state) {
  (void)state;
  FILE *f = fopen(PAGE, "rb");
  size_t cap = 1u << 20;
  if (!f || !(page = calloc(1, cap + 1))) { return -1; }
  size_t n = fread(page, 1, cap, f);
  return fclose(f) || n == cap;
}

static int forget_page(void **state) {
  (void)state;
  free(page);
  return 0;
}

/* A host whose run is over; its Lua state is looked at. */
static lua_State *begin(struct host_rig *r) {
  host_rig_init(r, 1);
  assert_int_equal(host_rig_run(r, "return { run = function() end }"), MOON_OK);
  return r->host->L;
}

static bool listed(lua_State *L, int list, const char *name) {
  bool is = false;
  for (int i = 1; i <= (int)lua_objlen(L, list); i++) {
    lua_rawgeti(L, list, i);
    is = is || strcmp(lua_tostring(L, -1), name) == 0;
    lua_pop(L, 1);
  }
  return is;
}

/* The list of moonpoll.check with this name. [-0, +1] */
static int push_list(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpoll.check");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  assert_true(lua_istable(L, -1));
  assert_true(lua_objlen(L, -1) > 0);
  return lua_gettop(L);
}

static void in_page(const char *format, const char *name) {
  char text[100];
  (void)snprintf(text, sizeof text, format, name);
  if (!strstr(page, text)) { fail_msg("%s does not name %s", PAGE, text); }
}

/* The table at `have` has string keys that are on the list and on the page, and what is on the list is in it. */
static void compare(lua_State *L, int have, const char *name, const char *format) {
  int list = push_list(L, name);
  uint32_t n = 0;
  for (lua_pushnil(L); lua_next(L, have); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) { continue; }
    const char *key = lua_tostring(L, -2);
    n++;
    if (!listed(L, list, key)) { fail_msg("%s: moonpoll.check does not know %s", name, key); }
    if (key[0] != '_') { in_page(format, key); }
  }
  if (n != lua_objlen(L, list)) { fail_msg("%s: moonpoll.check has %u names, there are %u", name, (unsigned)lua_objlen(L, list), (unsigned)n); }
  lua_settop(L, have - 1);
}

static int push_methods(lua_State *L, int meta_ref) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, meta_ref);
  lua_getfield(L, -1, "__index");
  lua_remove(L, -2);
  assert_true(lua_istable(L, -1));
  return lua_gettop(L);
}

static void methods(void **state) {
  (void)state;
  struct host_rig r;
  lua_State *L = begin(&r);
  compare(L, push_methods(L, r.host->device_meta), "device", "device:%s(");
  compare(L, push_methods(L, r.host->out_meta), "out", "out:%s(");
  struct moon_host_target *t = r.host->targets[0]; /* that has labels from now on */
  const struct moon_plan_target *without = t->plan;
  struct moon_label label = {.key = {"site", 4}, .value = {"lab", 3}};
  struct moon_plan_target with = *without;
  with.labels = &label;
  with.n_labels = 1;
  t->plan = &with;
  t->edition++;
  moon_device_push(L, &t->devices[0]);
  t->plan = without;
  compare(L, lua_gettop(L), "fields", "device.%s");
  host_rig_fini(&r);
}

static void library(void **state) {
  (void)state;
  struct host_rig r;
  lua_State *L = begin(&r);
  moon_lib_push(L, r.host);
  compare(L, lua_gettop(L), "library", "snmp.%s(");
  host_rig_fini(&r);
}

static void codes(void **state) {
  (void)state;
  struct host_rig r;
  lua_State *L = begin(&r);
  int list = push_list(L, "codes");
  uint32_t n = 0;
  for (int e = MOON_OK + 1; e < MOON_E_PUBLIC_N; e++, n++) {
    const char *name = moon_err_name((enum moon_err)e);
    if (!listed(L, list, name)) { fail_msg("moonpoll.check does not know the code %s", name); }
    const char *errors = strstr(page, ".Sh ERRORS");
    assert_non_null(errors);
    if (!strstr(errors, name)) { fail_msg("%s does not explain the code %s", PAGE, name); }
  }
  assert_int_equal(n, lua_objlen(L, list));
  lua_settop(L, 0);
  host_rig_fini(&r);
}

/* What the page says of options, and what the loader takes, by asking both. */
static void options(void **state) {
  (void)state;
  struct host_rig r;
  lua_State *L = begin(&r);
  int list = push_list(L, "options");
  for (int i = 1; i <= (int)lua_objlen(L, list); i++) {
    lua_rawgeti(L, list, i);
    in_page(".It Li %s\n", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_settop(L, 0);
  host_rig_fini(&r);
  host_rig_init(&r, 1);
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out) "
                                    "local good, why = pcall(device.rows, device, { a = '1.3.6.1.2.1.2.2.1.8' }, { nonsense = 1 }) "
                                    "out:info('why', tostring(why)) end }"), MOON_OK);
  const char *all = strstr(r.out, "unknown option nonsense: only, with, key, rates, epoch, exact and max_rows are known");
  if (!all) { fail_msg("the options of rows are others: %s", r.out); }
  host_rig_fini(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(methods), cmocka_unit_test(library), cmocka_unit_test(codes), cmocka_unit_test(options)};
  return cmocka_run_group_tests(tests, read_page, forget_page);
}
