#include "ask.h"

#include <math.h>
#include <string.h>

#include "../../base/mem.h"
#include "../../moonpoll.h"

#define HEADER_MAX 512    /* around the varbinds: community and a few integers */
#define SEALED_MAX 1024   /* the same of version 3 */
#define SMALL_MAX 2048    /* datagrams made without an allocation */
#define US_A_S 1e6
#define TIME_MAX_S 1e12   /* more seconds than any clock shows, in microseconds still 64 bits */

struct moon_ask *moon_ask_check(lua_State *L) { return luaL_checkudata(L, 1, MOON_ASK_TYPE); }

/* Seconds at arg; without them the clock's. */
static uint64_t time_at(lua_State *L, int arg) {
  if (lua_isnoneornil(L, arg)) { return moon_agent_clock_us(); }
  double s = luaL_checknumber(L, arg);
  luaL_argcheck(L, s >= 0 && s < TIME_MAX_S, arg, "seconds expected");
  return (uint64_t)(s * US_A_S);
}

struct moon_ask *moon_ask_push(lua_State *L, enum moon_ask_kind kind, int context) {
  struct moon_remote *a = luaL_checkudata(L, 1, MOON_AGENT_TYPE);
  struct moon_ask *q = lua_newuserdata(L, sizeof *q);
  memset(q, 0, offsetof(struct moon_ask, id));
  q->agent = a;
  q->kind = (uint8_t)kind;
  q->head_ref = q->keys_ref = q->rate_keys = LUA_NOREF;
  q->uptime = q->epoch = q->key = MOON_ASK_NO_COLUMN;
  q->gap_us = UINT64_MAX;
  luaL_getmetatable(L, MOON_ASK_TYPE);
  lua_setmetatable(L, -2);
  if (lua_type(L, context) == LUA_TSTRING) {
    q->context = (const uint8_t *)lua_tolstring(L, context, &q->context_len);
    luaL_argcheck(L, q->context_len <= MOON_CONTEXT_MAX, context, "a context of at most 255 octets expected");
  }
  lua_createtable(L, 3, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  if (q->context) {
    lua_pushvalue(L, context);
    lua_rawseti(L, -2, 2);
  }
  lua_setfenv(L, -2);
  return q;
}

static void end_trial(struct moon_ask *q, enum moon_err e, uint64_t now_us) {
  if (q->out) { moon_target_settle(&q->agent->target, e, q->trial, now_us); }
  q->out = q->trial = false;
}

void moon_ask_fini(struct moon_ask *q) {
  if (q->trial) { end_trial(q, MOON_E_CANCELLED, 0); }
  q->out = q->due = false;
  moon_fetch_free(q->fetch);
  moon_walk_free(q->walk);
  moon_shape_release(q->shape);
  moon_shape_release(q->with);
  moon_mem_free(q->heads);
  moon_mem_free(q->varbinds);
  moon_index_list_fini(&q->only);
  moon_rates_free_all(&q->rates);
  q->fetch = NULL;
  q->walk = NULL;
  q->shape = q->with = NULL;
  q->heads = NULL;
  q->varbinds = NULL;
  q->over = true;
}

static void forget(lua_State *L, struct moon_ask *q) {
  luaL_unref(L, LUA_REGISTRYINDEX, q->head_ref);
  luaL_unref(L, LUA_REGISTRYINDEX, q->keys_ref);
  luaL_unref(L, LUA_REGISTRYINDEX, q->rate_keys);
  q->head_ref = q->keys_ref = q->rate_keys = LUA_NOREF;
}

static int ask_gc(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  moon_ask_fini(q);
  forget(L, q);
  return 0;
}

/* What no machine keeps is kept here. */
static void keep(struct moon_ask *q, const struct moon_outcome *o) {
  q->over = true;
  q->last.pdu = o->pdu;
  q->last.pdu.varbinds = NULL;
  q->last.pdu.varbinds_len = 0;
  if (!o->pdu.varbinds_len) { return; }
  q->varbinds = moon_mem_alloc(o->pdu.varbinds_len);
  if (!q->varbinds) {
    q->last.err = MOON_E_NOMEM;
    return;
  }
  memcpy(q->varbinds, o->pdu.varbinds, o->pdu.varbinds_len);
  q->last.pdu.varbinds = q->varbinds;
  q->last.pdu.varbinds_len = o->pdu.varbinds_len;
}

static void settle(struct moon_ask *q, const struct moon_outcome *o) {
  end_trial(q, o->err, o->received_us);
  q->due = false;
  q->last = *o;
  q->last.pdu = (struct moon_pdu){.error_status = o->pdu.error_status, .type = o->pdu.type};
  if (q->fetch) {
    moon_fetch_feed(q->fetch, o);
  } else if (q->walk) {
    moon_walk_feed(q->walk, o);
  } else {
    keep(q, o);
  }
}

bool moon_ask_over(const struct moon_ask *q) {
  return q->fetch ? moon_fetch_over(q->fetch) : q->walk ? moon_walk_over(q->walk) : q->over;
}

/* The request to make now; false: none. */
static bool next_request(struct moon_ask *q, uint64_t now, const struct moon_request **out) {
  const struct moon_request *r = &q->request;
  if (q->fetch ? !moon_fetch_next(q->fetch, &r) : q->walk ? !moon_walk_next(q->walk, now, &r) : q->over) { return false; }
  if (q->context && r != &q->request) { q->request = *r; }
  if (q->context) {
    q->request.context = q->context;
    q->request.context_len = (uint8_t)q->context_len;
    r = &q->request;
  }
  *out = r;
  return true;
}

/* Begins the next exchange; false: there is none. */
static bool begin(struct moon_ask *q, uint64_t now) {
  const struct moon_request *r;
  struct moon_target *t = &q->agent->target;
  while (next_request(q, now, &r)) {
    if (!q->began_us) { q->began_us = now; }
    enum moon_err e = moon_target_admit(t, now, &q->trial);
    if (e) {
      const struct moon_outcome o = {.err = e, .received_us = now};
      settle(q, &o);
      continue;
    }
    moon_exchange_init(&q->exchange, t, r, now);
    q->exchange.trial = q->trial;
    q->sent = 0;
    q->out = q->due = true;
    return true;
  }
  return false;
}

static void push_wait(lua_State *L, const struct moon_ask *q, uint64_t now) {
  if (!q->out || q->due) {
    lua_pushnil(L);
    return;
  }
  uint64_t at = moon_exchange_deadline(&q->exchange);
  lua_pushnumber(L, at > now ? (lua_Number)(at - now) / US_A_S : 0);
}

/* ask:send([id, now]) -> datagram, seconds to wait | nil */
static int ask_send(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  double given = luaL_optnumber(L, 2, 0);
  uint64_t now = time_at(L, 3);
  uint8_t small[SMALL_MAX];
  luaL_argcheck(L, lua_isnoneornil(L, 2) || (given >= 1 && given <= INT32_MAX && given == floor(given)), 2, "an id from 1 to 2147483647 expected");
  while (q->due || (!q->out && begin(q, now))) {
    size_t cap = q->exchange.request->varbinds_len + (q->agent->credential->version == MOON_V3 ? SEALED_MAX : HEADER_MAX);
    struct moon_writer w;
    if (cap > MOON_DATAGRAM_MAX) { cap = MOON_DATAGRAM_MAX; }
    moon_writer_init(&w, cap <= sizeof small ? small : lua_newuserdata(L, cap), cap);
    uint32_t id = given >= 1 ? (uint32_t)given : moon_agent_next_id(q->agent);
    uint16_t tries = q->exchange.tries;
    q->jitter = q->jitter * 1664525u + 1013904223u + id;
    enum moon_err e = q->sent < MOON_ASK_SENT_MAX ? moon_exchange_encode(&q->exchange, id, now, q->jitter >> 16, &w) : MOON_E_LIMIT;
    if (e) {
      const struct moon_outcome o = {.err = e, .received_us = now, .tries = tries};
      settle(q, &o);
      continue;
    }
    q->due = false;
    q->id[q->sent] = id;
    q->sent_us[q->sent++] = now;
    lua_pushlstring(L, (const char *)w.p, moon_writer_len(&w));
    push_wait(L, q, now);
    return 2;
  }
  lua_pushnil(L);
  return 1;
}

/* [-0, +2, m] */
static int push_verdict(lua_State *L, struct moon_ask *q, enum moon_verdict v, const struct moon_outcome *o, uint64_t now) {
  const char *text = "drop";
  if (v == MOON_VERDICT_MINE) {
    settle(q, o);
    text = "mine";
  } else if (v == MOON_VERDICT_AGAIN) {
    q->due = true;
    text = "again";
  }
  lua_pushstring(L, text);
  push_wait(L, q, now);
  return 2;
}

/* ask:feed(datagram[, now]) -> "mine" | "again" | "drop", seconds to wait */
static int ask_feed(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  size_t n;
  const uint8_t *p = (const uint8_t *)luaL_checklstring(L, 2, &n);
  uint64_t now = time_at(L, 3);
  struct moon_peek peek;
  struct moon_outcome o;
  enum moon_verdict v = MOON_VERDICT_DROP;
  uint8_t room[MOON_DATAGRAM_MAX];
  if (q->out && n <= sizeof room && moon_message_peek(p, n, &peek) == MOON_OK) {
    for (uint16_t i = 0; i < q->sent; i++) {
      if (q->id[i] == peek.id) {
        v = moon_exchange_feed(&q->exchange, p, n, room, q->sent_us[i], now, &o);
        break;
      }
    }
  }
  if (v == MOON_VERDICT_MINE && o.err == MOON_E_DECODE && n >= q->agent->datagram_max) { /* the end was cut off here */
    o.err = MOON_E_TOO_BIG;
    o.pdu = (struct moon_pdu){0};
  }
  return push_verdict(L, q, v, &o, now);
}

/* ask:expire([now]) -> the same */
static int ask_expire(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  uint64_t now = time_at(L, 2);
  struct moon_outcome o;
  enum moon_verdict v = q->out ? moon_exchange_expire(&q->exchange, now, true, &o) : MOON_VERDICT_DROP;
  return push_verdict(L, q, v, &o, now);
}

/* ask:icmp("refused" | "unreachable"[, now]) -> the same */
static int ask_icmp(lua_State *L) {
  static const char *const words[] = {"refused", "unreachable", NULL};
  struct moon_ask *q = moon_ask_check(L);
  enum moon_err e = luaL_checkoption(L, 2, NULL, words) ? MOON_E_UNREACHABLE : MOON_E_REFUSED;
  uint64_t now = time_at(L, 3);
  struct moon_outcome o;
  enum moon_verdict v = q->out ? moon_exchange_icmp(&q->exchange, e, now, &o) : MOON_VERDICT_DROP;
  return push_verdict(L, q, v, &o, now);
}

/* ask:fail(code): it ends now, for a reason of the host's own: "dns", "cancelled", "unreachable", "config", "budget" */
static int ask_fail(lua_State *L) {
  static const char *const words[] = {"dns", "cancelled", "unreachable", "config", "budget", NULL};
  static const enum moon_err codes[] = {MOON_E_DNS, MOON_E_CANCELLED, MOON_E_UNREACHABLE, MOON_E_CONFIG, MOON_E_BUDGET};
  struct moon_ask *q = moon_ask_check(L);
  struct moon_outcome o = {.err = codes[luaL_checkoption(L, 2, NULL, words)], .received_us = moon_agent_clock_us()};
  const struct moon_request *r;
  while (q->out || next_request(q, o.received_us, &r)) {
    o.tries = q->out ? q->exchange.tries : 0;
    settle(q, &o);
  }
  return 0;
}

/* ask:deadline() -> seconds | nil */
static int ask_deadline(lua_State *L) {
  struct moon_ask *q = moon_ask_check(L);
  if (q->out && !q->due) {
    lua_pushnumber(L, (lua_Number)moon_exchange_deadline(&q->exchange) / US_A_S);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

static int ask_over(lua_State *L) {
  lua_pushboolean(L, moon_ask_over(moon_ask_check(L)));
  return 1;
}

void moon_ask_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"send", ask_send},           {"feed", ask_feed},         {"expire", ask_expire},
                                     {"icmp", ask_icmp},           {"fail", ask_fail},         {"deadline", ask_deadline},
                                     {"over", ask_over},           {"next_row", moon_ask_next_row}, {"head", moon_ask_head},
                                     {"result", moon_ask_result},  {"since", moon_ask_since},  {"counters", moon_ask_counters},
                                     {NULL, NULL}};
  moon_agent_make_type(L, MOON_ASK_TYPE, ask_gc, methods);
}
