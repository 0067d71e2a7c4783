/* report: what an SNMPv3 agent says instead of an answer (RFC 3412 7.1.3, RFC 3414 3.2): a Report whose first varbind names
 * the counter that was raised. Everything is read from the name; the counter's value means nothing to us. */
#ifndef MOON_SESSION_REPORT_H
#define MOON_SESSION_REPORT_H

#include "../wire/pdu.h"

/* X(NAME, name in the MIB, code, help) */
#define MOON_REPORTS(X)                                                                                              \
  X(LEVEL, "usmStatsUnsupportedSecLevels", MOON_E_UNSUPPORTED_LEVEL, "the user has no such level there")             \
  X(TIME_WINDOW, "usmStatsNotInTimeWindows", MOON_E_NOT_IN_TIME_WINDOW, "the agent's boots and time are others")     \
  X(USER, "usmStatsUnknownUserNames", MOON_E_UNKNOWN_USER, "the agent has no such user")                             \
  X(ENGINE, "usmStatsUnknownEngineIDs", MOON_E_UNKNOWN_ENGINE, "the agent has another engine id")                    \
  X(DIGEST, "usmStatsWrongDigests", MOON_E_AUTH, "the agent found the digest wrong")                                 \
  X(DECRYPTION, "usmStatsDecryptionErrors", MOON_E_DECRYPTION, "the agent could not decrypt")                        \
  X(MODEL, "snmpUnknownSecurityModels", MOON_E_UNSUPPORTED_LEVEL, "the agent has no User-based Security Model")      \
  X(INVALID, "snmpInvalidMsgs", MOON_E_DECODE, "the agent found the message invalid")                                \
  X(HANDLER, "snmpUnknownPDUHandlers", MOON_E_UNKNOWN_ENGINE, "nobody answers for the context engine id there")      \
  X(NO_CONTEXT, "snmpUnavailableContexts", MOON_E_ACCESS, "the context is not available now")                        \
  X(CONTEXT, "snmpUnknownContexts", MOON_E_ACCESS, "the agent has no such context")                                  \
  X(OTHER, "a report", MOON_E_GEN_ERR, "the agent reports something else")

enum moon_report {
  MOON_REPORT_NONE,
#define MOON_REPORT_VALUE(name, text, code, help) MOON_REPORT_##name,
  MOON_REPORTS(MOON_REPORT_VALUE)
#undef MOON_REPORT_VALUE
  MOON_REPORT_N
};

/* Of a PDU of type Report. */
MOON_API enum moon_report moon_report_kind(const struct moon_pdu *pdu);
/* What it means to who asked; MOON_OK for none. */
MOON_API enum moon_err moon_report_err(enum moon_report r);
/* "usmStatsWrongDigests"; NULL for none. */
MOON_API const char *moon_report_name(enum moon_report r);
/* "the agent found the digest wrong"; NULL for none. */
MOON_API const char *moon_report_text(enum moon_report r);

#endif
