/* credential: who asks. A community (v1, v2c), or a user of the User-based Security Model with the keys its passwords make
 * (v3, RFC 3414). Filled in once, when the configuration is read, and then only read: no password comes this far. */
#ifndef MOON_SESSION_CREDENTIAL_H
#define MOON_SESSION_CREDENTIAL_H

#include "../wire/keys.h"
#include "../wire/v3.h"

/* How far an agent's snmpEngineBoots and snmpEngineTime may surprise. */
enum moon_time_policy {
  MOON_TIME_RELAXED = 0, /* boots or time that went backwards are told and learned: from an authenticated report, or from two answers */
  MOON_TIME_STRICT       /* they are refused, RFC 3414 3.2 7b to the letter: not_in_time_window */
};

/* Secret; never printed, wiped by moon_credential_fini. Shared by all targets that name it. */
struct moon_credential {
  char name[64];                          /* as configured, for errors and status */
  uint8_t community[MOON_COMMUNITY_MAX];
  uint8_t community_len;
  uint8_t version;                        /* enum moon_version */
  /* the rest is of version 3 */
  uint8_t level;                          /* of MOON_V3_LEVEL: what is asked with, and the least an answer must come with */
  uint8_t auth;                           /* enum moon_auth; none exactly when level lacks MOON_V3_AUTH */
  uint8_t priv;                           /* enum moon_priv; none exactly when level lacks MOON_V3_PRIV */
  bool priv_either;                       /* priv is AES-192 or AES-256 of Blumenthal; the agent may mean that of Reeder: find out */
  bool auth_localized, priv_localized;    /* the key is of one engine already (Kul, as -3k and -3K give it); else Ku */
  uint8_t time_policy;                    /* enum moon_time_policy */
  bool time_given;                        /* boots and time below are what to begin with, instead of asking: -Z */
  uint8_t user_len;
  uint8_t user[MOON_USER_MAX];
  uint8_t engine_id_len;                  /* of the agent, when it is given: -e; 0: discover */
  uint8_t engine_id[MOON_ENGINE_ID_MAX];
  uint8_t context_engine_id_len;          /* -E; 0: the agent's own */
  uint8_t context_engine_id[MOON_ENGINE_ID_MAX];
  uint8_t context_len;                    /* contextName, -n; "" by default */
  uint8_t context[MOON_CONTEXT_MAX];
  uint32_t boots, time;
  struct moon_key auth_key, priv_key;     /* of Ku or Kul, see above; len 0 when unused */
};
MOON_API void moon_credential_fini(struct moon_credential *c);

#endif
