/* sort, insert and concat of arrays of any size, by LuaJIT's own as the judge; and that they end when they are told to. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bind/load/strings.h"
#include "bind/load/tables.h"

static const char PRELUDE[] =
  "function same(n, value, less)\n"
  "  local a, b = {}, {}\n"
  "  for i = 1, n do a[i] = value(i) b[i] = a[i] end\n"
  "  stock.sort(a, less) table.sort(b, less)\n"
  "  for i = 1, n do if a[i] ~= b[i] then error(('%d of %d: %s, not %s'):format(i, n, tostring(b[i]), tostring(a[i])), 2) end end\n"
  "  assert(#b == n and b[0] == nil and b[n + 1] == nil)\n"
  "end\n"
  "function equal(a, b) if a ~= b then error(('%s, not %s'):format(tostring(b), tostring(a)), 2) end end\n"
  "function fails(what, f, ...) local ok, e = pcall(f, ...) assert(not ok and e:find(what, 1, true), tostring(e)) end\n";

static lua_State *open_state(void) {
  lua_State *L = luaL_newstate();
  assert_non_null(L);
  luaL_openlibs(L);
  assert_int_equal(luaL_dostring(L, "stock = {} for k, v in pairs(table) do stock[k] = v end"), 0);
  assert_int_equal(luaL_dostring(L, PRELUDE), 0);
  moon_strings_open(L);
  return L;
}

static void script(const char *text) {
  lua_State *L = open_state();
  if (luaL_dostring(L, text)) { fail_msg("%s", lua_tostring(L, -1)); }
  lua_close(L);
}

static double cpu_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sorts_as_luajit(void **state) {
  (void)state;
  script("local function random(i) return i * 7919 % 10007 end\n"
         "for _, n in ipairs { 0, 1, 2, 3, 511, 512, 513, 514, 767, 1000, 1023, 1024, 1025, 3000, 4097 } do\n"
         "  same(n, random) same(n, function(i) return i end) same(n, function(i) return -i end) same(n, function() return 1 end)\n"
         "  same(n, function(i) return 'x' .. random(i) end) same(n, random, function(a, b) return a > b end)\n"
         "  same(n, function(i) return i % 7 + (i / 1e6) end)\n"
         "end\n"
         "local m = { __lt = function(a, b) return a[1] < b[1] end }\n"
         "same(1500, function(i) return setmetatable({ random(i) }, m) end)\n");
}

static void sorts_arrays_made_against_it(void **state) {
  (void)state;
  double before = cpu_s();
  script("local t, n = {}, 100000\n" /* worst case of a median of three */
         "for i = 1, n / 2 do t[i] = i % 2 == 1 and i or n / 2 + i - 1 t[n / 2 + i] = 2 * i end\n"
         "table.sort(t)\n"
         "for i = 2, n do assert(t[i - 1] <= t[i]) end\n");
  assert_true(cpu_s() - before < 2); /* LuaJIT's takes 20 s */
}

static void faults_leave_the_array(void **state) {
  (void)state;
  script("local t = {} for i = 1, 1000 do t[i] = 1000 - i end\n"
         "local n = 0\n"
         "fails('enough', table.sort, t, function(a, b) n = n + 1 if n > 3000 then error('enough') end return a < b end)\n"
         "for i = 1, 1000 do equal(1000 - i, t[i]) end\n"
         "t[500] = 'x' fails('attempt to compare', table.sort, t)\n"
         "fails(\"bad argument #1 to 'sort'\", function() table.sort(1) end)\n"
         "fails(\"bad argument #2 to 'sort'\", function() table.sort(t, 1) end)\n"
         "t[500] = 1 table.sort(t, function() return true end) equal(1000, #t)\n" /* contradicts itself: some order */
         "table.sort(t, function(a, b) for i = #t, 1, -1 do t[i] = nil end return a < b end)\n");
}

static void inserts_and_concatenates_as_luajit(void **state) {
  (void)state;
  script("for _, n in ipairs { 0, 1, 5, 100, 5000 } do\n"
         "  for _, at in ipairs { 0, 1, 2, n, n + 1, n + 5 } do\n"
         "    local a, b = {}, {} for i = 1, n do a[i] = i b[i] = i end\n"
         "    stock.insert(a, at, 'x') table.insert(b, at, 'x') stock.insert(a, 'y') table.insert(b, 'y')\n"
         "    for i = 0, n + 7 do equal(a[i], b[i]) end\n"
         "  end\n"
         "end\n"
         "fails('position out of bounds', table.insert, {}, -1, 1) fails('position out of bounds', table.insert, {}, 0 / 0, 1)\n"
         "fails('wrong number of arguments', table.insert, {}) fails(\"bad argument #1 to 'insert'\", function() table.insert(1, 2) end)\n"
         "equal('', table.concat({}, ',')) for _, n in ipairs { 1, 4095, 4096, 4097, 8191, 8192, 8193, 20000 } do\n"
         "  local t = {} for i = 1, n do t[i] = i % 3 == 0 and 'x' .. i or i end\n"
         "  for _, between in ipairs { '', ', ', 7 } do\n"
         "    equal(stock.concat(t, between), table.concat(t, between))\n"
         "    equal(stock.concat(t, between, 2, n), table.concat(t, between, 2, n)) equal(stock.concat(t, between, n), table.concat(t, between, n))\n"
         "  end\n"
         "  equal(stock.concat(t), table.concat(t)) equal(stock.concat(t, nil, 1, n), table.concat(t, nil, 1, n))\n"
         "end\n"
         "local t = {} for i = 1, 9000 do t[i] = i end t[8999] = {}\n"
         "fails('invalid value (table) at index 8999', table.concat, t) fails('invalid value (nil)', table.concat, {}, '', 1, 1e6)\n"
         "fails('invalid value (nil)', table.concat, {}, '', -2147483648, 2147483647)\n"
         "fails(\"bad argument #2 to 'concat'\", function() table.concat(t, {}) end)\n");
}

static void stop(lua_State *L, lua_Debug *ar) {
  (void)ar;
  luaL_error(L, "told to stop");
}

static int stop_soon(lua_State *L) {
  lua_sethook(L, stop, LUA_MASKCOUNT, 1);
  return 0;
}

/* The hook is set by the first comparison, which no Lua function follows: what is in C has to look by itself. */
static void looks_whether_it_is_to_stop(void **state) {
  (void)state;
  static const char *const scripts[] = {
    "local t = {} for i = 1, 20000 do t[i] = i end return table.sort(t, stop_soon)",
    "return (('x'):rep(20000):gsub('x', stop_soon))",
    "return (('x'):rep(20000):gsub('x', setmetatable({}, { __index = stop_soon })))",
  };
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    lua_State *L = open_state();
    lua_register(L, "stop_soon", stop_soon);
    assert_int_not_equal(luaL_dostring(L, scripts[i]), 0);
    assert_non_null(strstr(lua_tostring(L, -1), "told to stop"));
    lua_sethook(L, NULL, 0, 0);
    lua_close(L);
  }
}

static void nothing_takes_or_makes_too_much(void **state) {
  (void)state;
  script("local big = ('x'):rep(16 * 2 ^ 20)\n"
         "equal(#big, #big:upper()) equal('X', big:upper():sub(-1)) equal('cba', ('abc'):reverse()) equal('a\\200[z', ('A\\200[Z'):lower())\n"
         "big = big .. 'x'\n"
         "for _, name in ipairs { 'upper', 'lower', 'reverse' } do fails('string too large', string[name], big) end\n"
         "fails('resulting string too large', string.rep, 'x', 16 * 2 ^ 20 + 1)\n"
         "fails('resulting string too large', string.gsub, ('x'):rep(1e5), 'x', ('y'):rep(1e3))\n"
         "fails('resulting string too large', string.gsub, ('x'):rep(1e5), '.+', ('%0'):rep(1e3))\n"
         "fails('format too long', os.date, ('%c'):rep(1000)) assert(os.date('%Y') + 0 > 2000)\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(sorts_as_luajit),
    cmocka_unit_test(sorts_arrays_made_against_it),
    cmocka_unit_test(faults_leave_the_array),
    cmocka_unit_test(inserts_and_concatenates_as_luajit),
    cmocka_unit_test(looks_whether_it_is_to_stop),
    cmocka_unit_test(nothing_takes_or_makes_too_much),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
