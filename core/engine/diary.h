/* diary: what went wrong with one agent, for who asks why. Agents without trouble have none: it begins with the first request
 * that needs more than one try or ends in an error, or the first datagram of theirs that nobody can use. No clock, no heap.
 *
 * Whether an agent limits its rate, or the way to it loses datagrams whatever their rate, is told apart by when tries left:
 * hurried ones, with MOON_HURRY_TRIES others to the same agent in the MOON_HURRY_US before, fare worse where rates are limited. */
#ifndef MOON_ENGINE_DIARY_H
#define MOON_ENGINE_DIARY_H

#include <stdbool.h>

#include "../session/exchange.h"

#define MOON_DIARY_ENTRIES 8u
#define MOON_HURRY_US 1000000u
#define MOON_HURRY_TRIES 3u

struct moon_diary_entry {
  uint64_t at_us;
  uint32_t waited_us;        /* since its first try left */
  uint16_t tries;
  uint8_t err;               /* enum moon_err */
  uint8_t status;            /* error-status of the answer; 0: none */
  uint8_t report;            /* enum moon_report */
  uint8_t pdu_type;          /* of the request */
};

struct moon_diary {
  uint64_t since_us;
  uint64_t sent_us[MOON_HURRY_TRIES];     /* when the latest tries left; number i is at i % MOON_HURRY_TRIES */
  uint64_t n_sent;
  uint64_t late_us;                       /* how long the latest answer that was too late had taken */
  uint64_t ended, answered;               /* requests since it began */
  uint64_t well;                          /* in a row: answered at the first try, without an error */
  uint64_t silent;                        /* in a row: no answer */
  uint64_t again;                         /* answered, but not at the first try */
  uint64_t arrived[2], lost[2];           /* tries: [1] hurried ones */
  uint64_t late, duplicate, wrong_source, malformed, foreign /* other version, community or PDU */, unknown, icmp;
  uint64_t error[MOON_E_PUBLIC_N];
  struct moon_addr stranger;              /* where the latest answer from elsewhere came from; family 0: none did */
  struct moon_diary_entry entry[MOON_DIARY_ENTRIES]; /* of errors; number i is at i % MOON_DIARY_ENTRIES */
  uint64_t n_entries;
};

/* A request is over. started_us: when its first try left. */
MOON_API void moon_diary_end(struct moon_diary *d, const struct moon_outcome *o, const struct moon_request *r, uint64_t started_us,
                             bool hurried, uint64_t now_us);
/* A request was cancelled, after it had waited for as long as a try does, and in vain. */
MOON_API void moon_diary_cut(struct moon_diary *d);
/* A try leaves. True: it is a hurried one. */
MOON_API bool moon_diary_sent(struct moon_diary *d, uint64_t now_us);
/* A try that was not answered in time; its request goes on. */
MOON_API void moon_diary_lost(struct moon_diary *d, bool hurried);
/* Something came for a request that is over: late, or else a second time. */
MOON_API void moon_diary_past(struct moon_diary *d, bool late, uint64_t rtt_us);
/* An answer from an address that is not the agent's. */
MOON_API void moon_diary_stranger(struct moon_diary *d, const struct moon_addr *source);

#endif
