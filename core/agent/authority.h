/* authority: an agent as the authoritative engine of SNMPv3 (RFC 3414 2): its snmpEngineID, boots and time at a moment, and
 * what of a message it believes. All of it is a function of the agent's seed, identity, faults and clock; only the keys of
 * users that have been there are kept. No I/O, no answers: see envelope.c. */
#ifndef MOON_AGENT_AUTHORITY_H
#define MOON_AGENT_AUTHORITY_H

#include "agent.h"

#define MOON_TIME_WINDOW 150       /* seconds, RFC 3414 2.2.3 */
#define MOON_BOOTS_MAX INT32_MAX   /* latched there: nothing signed is in its window any more */

/* What the agent is at a moment. */
struct moon_standing {
  uint64_t engine;     /* which of its engine ids; 0: its own */
  uint32_t boots, time;
  uint32_t flaws;      /* bits of BOOTS_BACK, ENGINE_CHANGE and ENGINE_DUPLICATE, when they are in force */
  uint8_t engine_id_len;
  uint8_t engine_id[MOON_ENGINE_ID_MAX];
};
void moon_authority_stand(const struct moon_agent *a, uint64_t now_us, struct moon_standing *out);

/* A message that was let in, or as much of one as was found out. */
struct moon_admitted {
  struct moon_scoped scoped;
  const struct moon_user *user; /* NULL: not found */
  struct moon_usm *usm;         /* his, lent until another message is looked at; NULL: he has no keys, or it was not looked for */
};

/* RFC 3414 3.2, in its order: engine, user, level, digest, window, decryption. m was decoded from p. buf, of cap octets, takes
 * what is decrypted. MOON_OK: *why tells whether it is let in, with all of *out, or why not. MOON_E_NOMEM, MOON_E_NO_ALGORITHM:
 * it cannot be told; the errors of moon_scoped_decode: malformed, or encrypted with another key, which no cipher notices: real
 * agents are silent then, too. */
enum moon_err moon_authority_admit(struct moon_agent *a, const struct moon_standing *now, const uint8_t *p, const struct moon_v3 *m,
                                   uint8_t *buf, size_t cap, struct moon_admitted *out, enum moon_refusal *why);
/* Frees keys. */
void moon_authority_fini(struct moon_agent *a);

#endif
