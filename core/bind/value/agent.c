#include "agent.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "../../moonpoll.h"
#include "ask.h"
#include "auth.h"
#include "options.h"

#define US_A_S 1e6
#define TIME_MAX_S 1e12      /* more seconds than any clock shows, in microseconds still 64 bits */
#define ID_FIRST 0x01000000u /* ids have a constant width */
#define ID_N 0x7f000000u
#define REPLY_MIN 484u       /* octets every agent and manager takes, RFC 3417 3.2.1 */
#define RECORD_VERSION 1u

/* What export gives: native octets, for another process of this machine. */
struct record {
  uint32_t version;
  uint32_t boots;
  struct moon_uptime uptime;
  struct moon_rtt rtt[MOON_KIND_N];
  uint16_t reps, reps_max, get_max, reply_max;
  bool has_trust;
  struct moon_trust_record trust;
};

uint8_t moon_agent_version(lua_State *L, int idx, int arg) {
  const char *s = lua_type(L, idx) == LUA_TNIL ? "2c" : lua_tostring(L, idx);
  if (s && strcmp(s, "1") == 0) { return MOON_V1; }
  if (!s || (strcmp(s, "2c") != 0 && strcmp(s, "2") != 0)) {
    luaL_argerror(L, arg, lua_pushfstring(L, "version: '1' or '2c' expected, got %s", s ? s : luaL_typename(L, idx)));
  }
  return MOON_V2C;
}

uint64_t moon_agent_clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint32_t moon_agent_next_id(struct moon_remote *a) {
  uint64_t z = a->ids += 0x9e3779b97f4a7c15u; /* splitmix64 */
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return ID_FIRST + (uint32_t)((z >> 32) % ID_N);
}

void moon_agent_uptime(struct moon_remote *a, const struct moon_cell *c) {
  if (!moon_uptime_see(&a->uptime, c)) { return; }
  a->boots++;
  moon_target_restarted(&a->target);
}

static void copy_text(lua_State *L, const char *key, char *out, size_t cap) {
  lua_getfield(L, 1, key);
  if (lua_type(L, -1) == LUA_TSTRING) { snprintf(out, cap, "%s", lua_tostring(L, -1)); }
  lua_pop(L, 1);
}

static void read_policy(lua_State *L, struct moon_remote *a) {
  struct moon_policy *p = &a->policy;
  moon_policy_init(p);
  p->timeout_us = (uint64_t)(moon_options_number(L, 1, "timeout", (double)p->timeout_us / US_A_S, 0.001, 3600) * US_A_S);
  if (p->rto_floor_us > p->timeout_us) { p->rto_floor_us = p->timeout_us; }
  p->retries = (uint32_t)moon_options_number(L, 1, "retries", p->retries, 0, MOON_TRIES_MAX - 1);
  p->breaker_after = (uint32_t)moon_options_number(L, 1, "breaker_after", 0, 0, 1e9);
  a->datagram_max = (uint32_t)moon_options_number(L, 1, "datagram_max", MOON_DATAGRAM_MAX, REPLY_MIN, MOON_DATAGRAM_MAX);
  p->datagram_max = a->datagram_max;
}

int moon_agent_new(lua_State *L) {
  static const struct moon_addr nowhere = {0};
  uint64_t seed;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct moon_remote *a = lua_newuserdata(L, sizeof *a);
  memset(a, 0, sizeof *a);
  luaL_getmetatable(L, MOON_AGENT_TYPE);
  lua_setmetatable(L, 2);
  read_policy(L, a);
  copy_text(L, "name", a->name, sizeof a->name);
  copy_text(L, "target", a->text, sizeof a->text);
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) { return luaL_error(L, "no random numbers: %s", strerror(errno)); }
  a->ids = seed;
  lua_createtable(L, 2, 0);
  lua_getfield(L, 1, "auth");
  a->credential = moon_auth_at(L, -1);
  if (!a->credential) {
    lua_pop(L, 1);
    a->credential = moon_auth_make(L, 1);
  }
  lua_rawseti(L, 3, 1);
  moon_target_init(&a->target, &nowhere, a->credential, &a->policy);
  if (a->credential->version == MOON_V3) {
    moon_trust_init(&a->trust, moon_auth_keyring(L));
    lua_rawseti(L, 3, 2);
    a->target.trust = &a->trust;
  }
  lua_setfenv(L, 2);
  return 1;
}

static struct moon_remote *check(lua_State *L) { return luaL_checkudata(L, 1, MOON_AGENT_TYPE); }

static int agent_gc(lua_State *L) {
  struct moon_remote *a = check(L);
  moon_target_fini(&a->target);
  return 0;
}

/* agent:export() -> octets | nil: nothing is known yet */
static int agent_export(lua_State *L) {
  struct moon_remote *a = check(L);
  struct record r;
  if (!a->target.last_answer_us) { return 0; }
  memset(&r, 0, sizeof r);
  r.version = RECORD_VERSION;
  r.uptime = a->uptime;
  r.boots = a->boots;
  memcpy(r.rtt, a->target.rtt, sizeof r.rtt);
  r.reps = a->target.reps;
  r.reps_max = a->target.reps_max;
  r.get_max = a->target.get_max;
  r.reply_max = a->target.reply_max;
  r.has_trust = a->target.trust && moon_trust_export(&a->target, moon_agent_clock_us(), &r.trust) == MOON_OK;
  lua_pushlstring(L, (const char *)&r, sizeof r);
  return 1;
}

/* agent:import(octets) -> true | false: they are none of this */
static int agent_import(lua_State *L) {
  struct moon_remote *a = check(L);
  size_t n;
  struct record r;
  const char *p = luaL_checklstring(L, 2, &n);
  uint64_t now = moon_agent_clock_us();
  if (n == sizeof r) { memcpy(&r, p, n); }
  bool good = n == sizeof r && r.version == RECORD_VERSION && r.reply_max >= REPLY_MIN && r.uptime.at_us <= now;
  if (good && r.has_trust && a->target.trust) {
    moon_trust_use(&a->trust, a->credential, now);
    good = moon_trust_import(&a->trust, &r.trust, now) == MOON_OK;
  }
  if (good && !a->target.last_answer_us) {
    memcpy(a->target.rtt, r.rtt, sizeof r.rtt);
    a->target.reps = r.reps;
    a->target.reps_max = r.reps_max;
    a->target.get_max = r.get_max;
    a->target.reply_max = r.reply_max;
    a->uptime = r.uptime;
    a->boots = r.boots;
  }
  lua_pushboolean(L, good);
  return 1;
}

/* agent:restarts() -> how often it was seen to restart, when its sysUpTime was last seen (seconds) or nil */
static int agent_restarts(lua_State *L) {
  const struct moon_remote *a = check(L);
  lua_pushnumber(L, a->boots);
  if (!a->uptime.at_us) { return 1; }
  lua_pushnumber(L, (lua_Number)a->uptime.at_us / US_A_S);
  return 2;
}

/* agent:silence([requests, trial_at]) -> requests in a row that had no answer, seconds when the next is let through or nil: it is not
 * down. With arguments that is how it is from now on. */
static int agent_silence(lua_State *L) {
  struct moon_target *t = &check(L)->target;
  if (!lua_isnoneornil(L, 2)) {
    double n = luaL_checknumber(L, 2), at = luaL_optnumber(L, 3, 0);
    luaL_argcheck(L, n >= 0 && n <= UINT32_MAX, 2, "a number of requests expected");
    luaL_argcheck(L, at >= 0 && at < TIME_MAX_S, 3, "seconds expected");
    t->silent = (uint32_t)n;
    t->open = !lua_isnoneornil(L, 3);
    t->trial_at_us = (uint64_t)(at * US_A_S + 0.5);
  }
  lua_pushnumber(L, t->silent);
  if (!t->open) { return 1; }
  lua_pushnumber(L, (lua_Number)t->trial_at_us / US_A_S);
  return 2;
}

/* agent:version() -> 1, 2 or 3 */
static int agent_version(lua_State *L) {
  uint8_t v = check(L)->credential->version;
  lua_pushinteger(L, v == MOON_V1 ? 1 : v == MOON_V2C ? 2 : 3);
  return 1;
}

void moon_agent_make_type(lua_State *L, const char *name, lua_CFunction gc, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  for (; methods->name; methods++) {
    lua_pushcfunction(L, methods->func);
    lua_setfield(L, -2, methods->name);
  }
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

void moon_agent_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"get", moon_ask_get},           {"get_raw", moon_ask_get_raw}, {"get_next", moon_ask_get_next},
                                     {"get_bulk", moon_ask_get_bulk}, {"set", moon_ask_set},         {"rows", moon_ask_rows},
                                     {"walk", moon_ask_walk},         {"export", agent_export},      {"import", agent_import},
                                     {"restarts", agent_restarts},    {"silence", agent_silence},    {"version", agent_version},
                                     {NULL, NULL}};
  moon_auth_open(L);
  moon_agent_make_type(L, MOON_AGENT_TYPE, agent_gc, methods);
  moon_ask_open(L);
}
