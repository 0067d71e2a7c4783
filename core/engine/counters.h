/* counters: what happened, each raised at its own event and nowhere else. One writer (the engine thread), any number of
 * readers in other processes: plain aligned 64-bit stores, no locks. Lives in memory the owner hands in.
 *
 * Two balances hold at every end of a turn:
 *   requests     = answered + sum of error[] (cancelled is one of them) + in_flight
 *   datagrams_in = matched + late + duplicate + wrong_source + malformed + unknown                                     */
#ifndef MOON_ENGINE_COUNTERS_H
#define MOON_ENGINE_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/err.h"

/* X(field, help) */
#define MOON_COUNTERS(X)                                                         \
  X(requests, "requests taken from scripts")                                     \
  X(answered, "requests answered without an error")                              \
  X(in_flight, "requests waiting or on the wire now")                            \
  X(datagrams_in, "datagrams received")                                          \
  X(matched, "datagrams that completed a request")                               \
  X(late, "answers to requests given up before")                                 \
  X(duplicate, "second answers to a request")                                    \
  X(wrong_source, "answers with our id from an address that is not the agent's") \
  X(malformed, "datagrams that are no SNMP message")                             \
  X(unknown, "well-formed messages with an id never given out, or not for us")   \
  X(datagrams_out, "datagrams sent")                                             \
  X(retries, "tries after the first")                                            \
  X(retries_denied, "tries the retry budget did not allow")                      \
  X(send_errors, "datagrams the kernel refused; tried again")                    \
  X(icmp, "ICMP errors attributed to a request")                                 \
  X(icmp_stray, "ICMP errors that belong to no request")                         \
  X(rx_dropped, "datagrams the kernel dropped: receive buffer full")             \
  X(octets_in, "payload received")                                               \
  X(octets_out, "payload sent")                                                  \
  X(ports_changed, "silent devices asked from another local port from now on")   \
  X(breakers_opened, "devices found silent")                                     \
  X(breakers_closed, "silent devices heard again")                               \
  X(discoveries, "engine ids asked for")                                         \
  X(resyncs, "boots and time of an engine learned anew")                         \
  X(reports_level, "reports: the user has no such level")                        \
  X(reports_time, "reports: not in the time window, first synchronisations too") \
  X(reports_user, "reports: unknown user")                                       \
  X(reports_engine, "reports: unknown engine id, answers to discoveries too")    \
  X(reports_digest, "reports: wrong digest")                                     \
  X(reports_decryption, "reports: could not decrypt")                            \
  X(reports_other, "reports of another kind")                                    \
  X(auth_failed, "answers not believed: wrong digest, lower level, old time")    \
  X(turns, "turns of the loop")                                                  \
  X(timers, "timers running now")

struct moon_counters {
#define MOON_COUNTER_FIELD(field, help) uint64_t field;
  MOON_COUNTERS(MOON_COUNTER_FIELD)
#undef MOON_COUNTER_FIELD
  uint64_t error[MOON_E_PUBLIC_N]; /* by code; [MOON_OK] stays 0 */
};

/* Do both balances hold? Of the engine that writes them: at the end of a turn. */
MOON_API bool moon_counters_balanced(const struct moon_counters *c);

#endif
