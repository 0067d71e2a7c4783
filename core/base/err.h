/* err: every way a thing can go wrong, and what to do about it.
 *
 * MOON_OK is 0. The first block is the closed list a script sees as err.code; it is also the index of the
 * request counters, so that "requests = answered + each code + cancelled + in flight" can be added up.
 * The second block are causes inside the library: whoever talks to a script maps them with moon_err_public(). */
#ifndef MOON_BASE_ERR_H
#define MOON_BASE_ERR_H

#include <stdint.h>

#ifndef MOON_API
#define MOON_API __attribute__((visibility("default")))
#endif

enum moon_err {
  MOON_OK = 0,
  MOON_E_TIMEOUT = 1,         /* no answer to any try */
  MOON_E_REFUSED,             /* ICMP port unreachable, or no connection, on every try */
  MOON_E_UNREACHABLE,         /* ICMP host or net unreachable on every try, or no route */
  MOON_E_DOWN,                /* breaker open: not asked at all */
  MOON_E_MISSING,             /* noSuchName, noSuchObject, noSuchInstance */
  MOON_E_ACCESS,              /* noAccess, authorizationError */
  MOON_E_TOO_BIG,             /* tooBig even for one varbind */
  MOON_E_GEN_ERR,             /* genErr, resourceUnavailable, commitFailed, undoFailed, inconsistentName */
  MOON_E_BAD_VALUE,           /* badValue, wrongType, wrongLength, wrongEncoding, wrongValue, inconsistentValue */
  MOON_E_NOT_WRITABLE,        /* readOnly, notWritable, noCreation */
  MOON_E_AUTH,                /* wrong digest, wrong community told by the agent */
  MOON_E_UNKNOWN_USER,
  MOON_E_UNKNOWN_ENGINE,
  MOON_E_NOT_IN_TIME_WINDOW,
  MOON_E_UNSUPPORTED_LEVEL,
  MOON_E_DECRYPTION,
  MOON_E_DECODE,              /* a matching reply that is cut or ill-typed */
  MOON_E_LOOP,                /* OID not increasing, or a cycle */
  MOON_E_BUDGET,              /* rows, octets, seconds, requests: the limit named in the error */
  MOON_E_CANCELLED,           /* the run ended or ran out of time */
  MOON_E_DNS,
  MOON_E_CONFIG,
  MOON_E_PUBLIC_N,            /* how many public codes, MOON_OK included */

  MOON_E_SHORT = 64,          /* cut off */
  MOON_E_TAG,                 /* another type than asked for */
  MOON_E_LENGTH,              /* a length no such type can have */
  MOON_E_RANGE,               /* does not fit the type */
  MOON_E_SYNTAX,              /* text that cannot be parsed */
  MOON_E_TRAILING,            /* octets after the end */
  MOON_E_VERSION,             /* not v1, v2c or v3 */
  MOON_E_SPACE,               /* the caller's buffer is too small */
  MOON_E_NOMEM,
  MOON_E_LIMIT,               /* a named limit of this library */
  MOON_E_NOT_MINE,            /* a datagram that belongs to nobody here */
  MOON_E_NO_ALGORITHM         /* the cryptographic library lacks it, or does not load the provider that has it */
};

/* What the one who waits for an answer does with it. */
enum moon_err_class { MOON_CLASS_OK, MOON_CLASS_RETRY /* send again */, MOON_CLASS_DROP /* keep waiting */, MOON_CLASS_STOP /* over */ };

/* "timeout", "refused", ...: the text of err.code. Internal causes have names too ("short", "tag"). Never NULL. */
MOON_API const char *moon_err_name(enum moon_err e);
/* One English clause of what was seen, for the tail of a message. Never NULL. */
MOON_API const char *moon_err_text(enum moon_err e);
MOON_API enum moon_err_class moon_err_class(enum moon_err e);
/* Internal causes become MOON_E_DECODE, MOON_E_CONFIG or MOON_E_BUDGET; public codes pass. */
MOON_API enum moon_err moon_err_public(enum moon_err e);
/* error-status of a Response (RFC 3416 3, 0..18) to a code. 0 gives MOON_OK; above 18 MOON_E_GEN_ERR. */
MOON_API enum moon_err moon_err_from_status(int32_t error_status);

#endif
