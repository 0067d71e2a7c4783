/* find, match, gmatch, gsub with an end: everything LuaJIT's give, by LuaJIT's own as the judge, and no more than they may cost. */
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

#include "base/pattern.h"
#include "bind/load/strings.h"

/* `stock` has LuaJIT's functions, `ours` what scripts get; same(name, ...) compares results and errors of both. */
static const char PRELUDE[] =
  "local function text(...)\n"
  "  local t = { ... }\n"
  "  for i = 1, select('#', ...) do t[i] = type(t[i]) .. ':' .. tostring(t[i]) end\n"
  "  return table.concat(t, '|')\n"
  "end\n"
  "local function all(gmatch, ...)\n"
  "  local found = {}\n"
  "  for a, b, c in gmatch(...) do found[#found + 1] = text(a, b, c) if #found > 50 then break end end\n"
  "  return table.concat(found, ';')\n"
  "end\n"
  "local function show(...) return text(pcall(...)):gsub('^boolean:', '') end\n"
  "function same(name, ...)\n"
  "  local theirs, own\n"
  "  if name == 'gmatch' then theirs, own = show(all, stock.gmatch, ...), show(all, ours.gmatch, ...)\n"
  "  else theirs, own = show(stock[name], ...), show(ours[name], ...) end\n"
  "  if theirs ~= own then error(('%s(%s)\\n  LuaJIT: %s\\n  ours:   %s'):format(name, text(...):gsub('%z', '\\\\0'), theirs, own), 2) end\n"
  "end\n";

static lua_State *open_state(void) {
  lua_State *L = luaL_newstate();
  assert_non_null(L);
  luaL_openlibs(L);
  assert_int_equal(luaL_dostring(L, "stock = {} for k, v in pairs(string) do stock[k] = v end stock.sort = table.sort"), 0);
  assert_int_equal(luaL_dostring(L, PRELUDE), 0);
  moon_strings_open(L);
  assert_int_equal(luaL_dostring(L, "ours = {} for k, v in pairs(string) do ours[k] = v end ours.sort = table.sort"), 0);
  return L;
}

static void script(const char *text) {
  lua_State *L = open_state();
  if (luaL_dostring(L, text)) { fail_msg("%s", lua_tostring(L, -1)); }
  lua_close(L);
}

static void as_the_manual_has_it(void **state) {
  (void)state;
  script("local cases = {\n"
         "  { 'hello world', 'o w' }, { 'hello', 'l+' }, { 'hello', '(h)(e)(l+)' }, { 'hello', '()ll()' }, { '', '' }, { '', '.*' }, { 'abc', '^b' },\n"
         "  { 'abc', 'c$' }, { 'a$c', 'a$c' }, { 'THE (quick) fox', '%((%a+)%)' }, { 'f(a(b)c)d', '%b()' }, { 'THE (quick) fox', '%f[%a]%a+' },\n"
         "  { 'key = value', '^(%w+)%s*=%s*(%w+)$' }, { [[he said \"it's\" \"ok\"]], [[([\"'])(.-)%1]] }, { 'x]y', '[]]' }, { 'x-y', '[a-]' }, { 'x^y', '[x^]+' },\n"
         "  { 'a\\0b', '%z' }, { 'a\\0b', 'a\\0b' }, { 'a\\0b', '[\\0]' }, { '\\200\\255', '%a' }, { '\\200\\255', '[\\200-\\255]+' }, { 'aXb', '%u' }, { 'aXb', '%U+' },\n"
         "  { '09afAFg', '%x+' }, { 'a b\\tc', '%s' }, { '\\1\\127', '%c+' }, { 'a.b!', '%p' }, { ' !~\\127', '%g+' }, { 'a.b', '%.' }, { 'ab', 'a?b?c?' }, { 'aaa', 'a-' },\n"
         "  { 'aaab', 'a-b' }, { 'aaa', '^a-$' }, { 'abc', '((a)(b))' }, { 'abcabc', '(abc)%1' }, { 'x', '%' }, { 'x', '[' }, { 'x', '[^' }, { 'x', '[%' }, { 'x', '[x' },\n"
         "  { 'x', '(' }, { 'x', '(x' }, { 'x', ')' }, { 'x', 'x)' }, { 'x', '%1' }, { 'x', '(x%1' }, { 'x', '%b' }, { 'x', '%bx' }, { 'x', '%f' }, { 'x', '%fx' }, { 'x', ('()'):rep(33) },\n"
         "  { 'x', ('(x?)'):rep(32) }, { 'xxx', ('x?'):rep(100) }, { ('a'):rep(300), ('a?'):rep(210) .. 'a' }, { 'a-b', 'a-b' }, { 5, 5 }, { 'x5', 5 },\n"
         "}\n"
         "for _, c in ipairs(cases) do\n"
         "  for _, name in ipairs { 'find', 'match', 'gmatch' } do same(name, c[1], c[2]) end\n"
         "  for _, init in ipairs { 0, 1, 2, 3, -1, -2, -100, 100 } do same('find', c[1], c[2], init) same('match', c[1], c[2], init) end\n"
         "  same('find', c[1], c[2], 1, true) same('find', c[1], c[2], 2, true)\n"
         "  for _, r in ipairs { 'x', '%0%0', '<%1>', '%2', '%', '%%', '%a', 7, {}, { a = 1, hello = 'H', l = false }, true } do same('gsub', c[1], c[2], r) end\n"
         "  same('gsub', c[1], c[2], 'y', 1) same('gsub', c[1], c[2], 'y', 0) same('gsub', c[1], c[2], 'y', -1)\n"
         "  same('gsub', c[1], c[2], function(a, b) return b or a end) same('gsub', c[1], c[2], function() end) same('gsub', c[1], c[2], function() return {} end)\n"
         "  same('gsub', c[1], c[2], setmetatable({}, { __index = function(_, k) return '<' .. k .. '>' end }))\n"
         "end\n");
}

static void errors_of_arguments(void **state) {
  (void)state;
  script("for _, name in ipairs { 'find', 'match', 'gmatch', 'gsub', 'rep', 'format' } do\n"
         "  for _, args in ipairs { {}, { nil, 'x' }, { 'x' }, { {}, 'x' }, { 'x', {} }, { 'x', 'x', {} }, { 'x', 'x', 'x', {} }, { 'x', 2, {} }, { '%d', 'x' } } do\n"
         "    same(name, args[1], args[2], args[3], args[4])\n"
         "  end\n"
         "end\n"
         "same('sort') same('sort', 1) same('sort', {}, 1) same('sort', { 1, 'x' }) same('sort', { 3, 1, 2 }, function(a, b) return a > b end)\n"
         "same('rep', 'ab', 3) same('rep', 'ab', 3, ',') same('rep', 'ab', -1) same('rep', '', 1e9) same('format', '%5.1f %s %q', 1, true, 'x')\n"
         "local function where(f) return (select(2, pcall(f))) end\n"
         "local own = where(function() string.format('%d', 'x') end)\n"
         "assert(own:find(\"%]:%d+: bad argument #2 to 'format' %(number expected, got string%)$\"), own)\n"
         "own = where(function() ('x'):rep(1e9) end)\n"
         "assert(own:find('%]:%d+: resulting string too large$'), own)\n"
         "own = where(function() return ('x'):find('[') end)\n"
         "assert(own:find('malformed pattern %(missing', 1), own)\n");
}

/* Patterns nobody would write, from what patterns are made of. */
static void as_luajit_for_any_pattern(void **state) {
  (void)state;
  script("local parts = { 'a', 'b', '1', ' ', '.', '%a', '%d', '%s', '%w', '%A', '%p', '%z', '[ab]', '[^a]', '[a-b1]', '[%a_]', '[]a]', '[^]a]', '[a-]', '*', '+', '-', '?', '(', ')', '()',\n"
         "  '%1', '%2', '%b()', '%bab', '%f[%a]', '%f[^a]', '$', '^', '%', '[', ']', '%%', '%.' }\n"
         "local letters = { 'a', 'b', 'a', 'b', '1', ' ', '(', ')', '_', '\\0', '\\200', ']', '-' }\n"
         "math.randomseed(7)\n"
         "local function make(from, most)\n"
         "  local t = {}\n"
         "  for i = 1, math.random(0, most) do t[i] = from[math.random(#from)] end\n"
         "  return table.concat(t)\n"
         "end\n"
         "for _ = 1, 30000 do\n"
         "  local s, p = make(letters, 12), make(parts, 7)\n"
         "  same('find', s, p, math.random(-3, 6)) same('match', s, p) same('gmatch', s, p) same('gsub', s, p, '<%0>') same('gsub', s, p, '%1.')\n"
         "end\n");
}

static double cpu_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Each takes LuaJIT a second, or until the sun goes out. */
static void ends(void **state) {
  (void)state;
  static const char *const cases[] = {
    "(('a'):rep(2e5)):find('a-b')", "(('a'):rep(2e5)):match('.-.-.-b')", "(('a'):rep(1e5)):gsub('a-b', '')", "(('a'):rep(50)):find(('a*'):rep(30) .. 'b')",
    "(('('):rep(1e5)):find('%b()')", "(('x'):rep(1e5)):find(('[^y]*'):rep(9) .. 'y')", "(('a'):rep(1e6)):match('^(a*).-%1b')",
    "(('a'):rep(1e5)):gmatch('a-b')()",
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lua_State *L = open_state();
    char text[160];
    snprintf(text, sizeof text, "return %s", cases[i]);
    double before = cpu_s();
    assert_int_not_equal(luaL_dostring(L, text), 0);
    if (!strstr(lua_tostring(L, -1), "pattern takes too long")) { fail_msg("%s: %s", cases[i], lua_tostring(L, -1)); }
    if (cpu_s() - before > 0.5) { fail_msg("%s: %g s", cases[i], cpu_s() - before); }
    lua_close(L);
  }
  script("assert(not (('a'):rep(1e6)):find(('a'):rep(5e5) .. 'b', 1, true))\n"          /* plain: linear */
         "assert((('a'):rep(4e6) .. 'b'):find('b') == 4e6 + 1)\n"
         "assert(#(('a'):rep(15e5)):match('^a*$') == 15e5)\n"                            /* and what is of use has its room */
         "assert(select(2, (('word '):rep(1e5)):gsub('%a+', '%0')) == 1e5)\n");
}

static void nests_only_so_deep(void **state) {
  (void)state;
  script("local depth = 0\n"
         "local function check(f, least)\n"
         "  depth = 0\n"
         "  local ok, err = pcall(f)\n"
         "  assert(not ok and tostring(err):find('C stack overflow', 1, true), err)\n"
         "  assert(depth >= least and depth < 20000, depth)\n"
         "end\n"
         "local function g() depth = depth + 1 return (('x'):gsub('.', g)) end\n"
         "local function s() depth = depth + 1 table.sort({ 2, 1 }, s) end\n"
         "local function f() depth = depth + 1 return string.format('%s', setmetatable({}, { __tostring = f })) end\n"
         "check(g, 100) check(s, 100) check(f, 100)\n"
         "local function one(n) return n == 0 and 'x' or (('x'):gsub('.', function() return one(n - 1) end)) end\n"
         "assert(one(60) == 'x')\n");
}

static void steps_are_counted(void **state) {
  struct moon_pattern m;
  (void)state;
  moon_pattern_init(&m, "aaaaaaaaaa", 10, "a*", 2, 10, NULL);
  assert_null(moon_pattern_match(&m, m.src));
  assert_non_null(strstr(m.error, "too long"));
  moon_pattern_init(&m, "aaaaaaaaaa", 10, "a*", 2, 11, NULL);
  assert_ptr_equal(moon_pattern_match(&m, m.src), m.src_end);
  assert_null(m.error);
  assert_int_equal(m.steps, 0);
}

/* Somebody else says when it is over, and is looked at often. */
static void a_match_can_be_stopped(void **state) {
  struct moon_pattern m;
  static char text[30000];
  volatile int stop = 0;
  (void)state;
  memset(text, 'a', sizeof text);
  moon_pattern_init(&m, text, sizeof text, "a*", 2, MOON_PATTERN_STEPS, &stop);
  assert_ptr_equal(moon_pattern_match(&m, m.src), m.src_end);
  stop = 1;
  moon_pattern_init(&m, text, sizeof text, "a*", 2, MOON_PATTERN_STEPS, &stop);
  assert_null(moon_pattern_match(&m, m.src));
  assert_non_null(strstr(m.error, "too long"));
  moon_pattern_init(&m, text, sizeof text, "a*b", 3, MOON_PATTERN_STEPS, &stop);
  assert_null(moon_pattern_match(&m, m.src));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(as_the_manual_has_it), cmocka_unit_test(errors_of_arguments), cmocka_unit_test(as_luajit_for_any_pattern),
    cmocka_unit_test(ends), cmocka_unit_test(nests_only_so_deep), cmocka_unit_test(steps_are_counted),
    cmocka_unit_test(a_match_can_be_stopped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
