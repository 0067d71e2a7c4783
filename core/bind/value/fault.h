/* fault: the err of `nil, err`: what the world did wrong, one line for people and fields for scripts.
 *
 *   err.code       one of the closed list ("timeout")        err.device, err.target  "core1", "192.0.2.1:161"
 *   err.oid        what was asked, or what is blamed          err.tries, err.rtt, err.waited  number, seconds, seconds
 *   err.retryable  the same request may well work later       err.status   error-status the agent sent, its name
 *   err.report     SNMPv3: the report that said so, usmStatsWrongDigests
 *   err.detail     more about the cause                       err.rows     what an iterator had read (set by its caller)
 *   err.usual      without an answer: the round trip of this agent's earlier answers, smoothed; nil: it never answered
 *
 * tostring(err) and .. give the line; it is made then, not before. */
#ifndef MOON_BIND_VALUE_FAULT_H
#define MOON_BIND_VALUE_FAULT_H

#include "value.h"

struct moon_fault {
  enum moon_err err;       /* internal causes are mapped to public codes */
  uint8_t version;         /* enum moon_version of the request: what to check differs */
  const char *device;      /* as configured; NULL: not said */
  const char *target;      /* address text; NULL: not said */
  struct moon_name oid;    /* len 0: none */
  int32_t status;          /* error-status of the Response; 0: none */
  uint8_t report;          /* enum moon_report that err comes from */
  uint32_t tries;          /* 0: not asked at all */
  uint32_t rtt_us;         /* 0: no answer */
  uint32_t usual_us;       /* without an answer: smoothed round trip of the agent; 0: not known */
  bool never;              /* without an answer: there never was one */
  uint64_t waited_us;      /* from submit to verdict; 0: not known */
  const char *detail;      /* one clause; NULL: none */
};

/* [-0, +1, m] */
void moon_fault_push(lua_State *L, const struct moon_fault *f);
/* Is the value at idx such an object: its code, else MOON_OK. [-0, +0, m] */
enum moon_err moon_fault_code(lua_State *L, int idx);
/* The one line of the fault at idx. [-0, +1, m] */
void moon_fault_push_text(lua_State *L, int idx);

#endif
