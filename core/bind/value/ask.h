/* ask: one question to an agent until its answer, whatever datagrams that takes; the host sends and receives them.
 *
 *   local ask = agent:get(what)                         question.c
 *   while true do
 *     local datagram, wait = ask:send()                 nil: over, or rows wait to be taken first
 *     if not datagram then break end
 *     send it; receive for `wait` seconds at most
 *     verdict, wait = ask:feed(answer)                  "mine"; "again": send; "drop": go on waiting
 *     verdict, wait = ask:expire()                      nothing came; or ask:icmp "refused"
 *     for index, row, head in ask.next_row, ask do ...  rows only
 *   end
 *   local row, err = ask:result()                       reply.c
 *
 * send takes an id, and all of them the time in seconds, where the host has ids or a clock of its own. */
#ifndef MOON_BIND_VALUE_ASK_H
#define MOON_BIND_VALUE_ASK_H

#include <lauxlib.h>

#include "../../session/walk.h"
#include "../task/rates.h"
#include "agent.h"
#include "index.h"
#include "shape.h"

#define MOON_ASK_TYPE "moonpoll.ask"
#define MOON_ASK_SENT_MAX 48 /* datagrams of one exchange: two a try, and steps of version 3 */
#define MOON_ASK_NO_COLUMN UINT16_MAX

enum moon_ask_kind { MOON_ASK_GET, MOON_ASK_GET_RAW, MOON_ASK_GET_NEXT, MOON_ASK_GET_BULK, MOON_ASK_SET, MOON_ASK_ROWS, MOON_ASK_WALK };

/* Userdata. Its environment keeps the agent, the context's name and the varbinds of a SET. */
struct moon_ask {
  struct moon_remote *agent;
  struct moon_fetch *fetch;          /* GET, GET_RAW */
  struct moon_walk *walk;            /* ROWS, WALK */
  struct moon_shape *shape;          /* held; NULL: SET */
  struct moon_shape *with;           /* held; NULL: none */
  struct moon_name *heads;           /* of with, and sysUpTime where rates need it */
  const struct moon_name *names;     /* of a SET */
  struct moon_index_list only;
  struct moon_request request;       /* made here, or with a context what the machine lent */
  uint8_t *varbinds;                 /* of the reply, where there is no machine that keeps it */
  struct moon_rates *rates;
  struct moon_rates_pool rates_pool; /* its own */
  struct moon_rates_share rates_share;
  uint64_t gap_us;                   /* what is older is no base for a rate */
  struct moon_outcome last;          /* its PDU's varbinds are those above */
  struct moon_exchange exchange;
  const uint8_t *context;            /* NULL: that of the credential */
  size_t context_len;
  uint64_t began_us;
  uint32_t max_rows, given;
  int head_ref, keys_ref, rate_keys; /* Lua refs */
  unsigned flags;
  uint16_t n_heads, uptime;          /* which head, NO_COLUMN */
  uint16_t rate[MOON_RATES_COLUMNS_MAX];
  uint16_t n_rates, epoch, key;      /* columns, NO_COLUMN */
  uint16_t sent;                     /* datagrams of this exchange */
  uint8_t kind;                      /* enum moon_ask_kind */
  bool out;                          /* a request has no verdict yet */
  bool due;                          /* and a datagram of it is to be sent */
  bool trial;                        /* it is the one trial of an open breaker */
  bool over;                         /* of what has no machine */
  bool begun;                        /* a row was given */
  uint32_t jitter;
  uint32_t id[MOON_ASK_SENT_MAX];    /* not zeroed */
  uint64_t sent_us[MOON_ASK_SENT_MAX];
};

/* Makes the metatable. [-0, +0, m] */
void moon_ask_open(lua_State *L);
/* Raises when argument 1 is none. [-0, +0, e] */
struct moon_ask *moon_ask_check(lua_State *L);
/* No request is out, and none is needed. */
bool moon_ask_over(const struct moon_ask *q);
/* A new one on top, for the agent at index 1. context: index of its name or nil. [-0, +1, m e] */
struct moon_ask *moon_ask_push(lua_State *L, enum moon_ask_kind kind, int context);
/* Releases what the ask holds; refs stay. */
void moon_ask_fini(struct moon_ask *q);

/* Methods of an agent: argument 2 and 3 as those of a device, 4 the name of a context. [-0, +1, m e] */
int moon_ask_get(lua_State *L);
int moon_ask_get_raw(lua_State *L);
int moon_ask_get_next(lua_State *L);
int moon_ask_get_bulk(lua_State *L);
int moon_ask_set(lua_State *L);
int moon_ask_rows(lua_State *L);
int moon_ask_walk(lua_State *L);

/* Methods of an ask. */
int moon_ask_next_row(lua_State *L);
int moon_ask_head(lua_State *L);
int moon_ask_result(lua_State *L);
int moon_ask_since(lua_State *L);
int moon_ask_counters(lua_State *L);

#endif
