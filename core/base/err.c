#include "err.h"

#include <stddef.h>

struct entry { const char *name, *text; };

static const struct entry public_codes[MOON_E_PUBLIC_N] = {
  [MOON_OK] = {"ok", "no error"},
  [MOON_E_TIMEOUT] = {"timeout", "no answer"},
  [MOON_E_REFUSED] = {"refused", "the host says nothing listens on that port"},
  [MOON_E_UNREACHABLE] = {"unreachable", "no route to the host"},
  [MOON_E_DOWN] = {"down", "not asked: it has not answered for a while"},
  [MOON_E_MISSING] = {"missing", "the agent has no such object"},
  [MOON_E_ACCESS] = {"access", "the agent denies access"},
  [MOON_E_TOO_BIG] = {"too_big", "the answer does not fit a datagram"},
  [MOON_E_GEN_ERR] = {"gen_err", "the agent failed to process the request"},
  [MOON_E_BAD_VALUE] = {"bad_value", "the agent refuses the value"},
  [MOON_E_NOT_WRITABLE] = {"not_writable", "the object cannot be written"},
  [MOON_E_AUTH] = {"auth", "authentication failed"},
  [MOON_E_UNKNOWN_USER] = {"unknown_user", "the agent does not know the user"},
  [MOON_E_UNKNOWN_ENGINE] = {"unknown_engine", "the agent has another engine id"},
  [MOON_E_NOT_IN_TIME_WINDOW] = {"not_in_time_window", "the agent's clock and ours disagree"},
  [MOON_E_UNSUPPORTED_LEVEL] = {"unsupported_level", "the agent does not offer that security level to the user"},
  [MOON_E_DECRYPTION] = {"decryption", "decryption failed"},
  [MOON_E_DECODE] = {"decode", "the answer is malformed"},
  [MOON_E_LOOP] = {"loop", "the agent's OIDs do not increase"},
  [MOON_E_BUDGET] = {"budget", "a limit was reached"},
  [MOON_E_CANCELLED] = {"cancelled", "the run is over"},
  [MOON_E_DNS] = {"dns", "the name cannot be resolved"},
  [MOON_E_CONFIG] = {"config", "the configuration is wrong"},
};

static const struct entry causes[] = {
  [MOON_E_SHORT - MOON_E_SHORT] = {"short", "cut off"},
  [MOON_E_TAG - MOON_E_SHORT] = {"tag", "unexpected type"},
  [MOON_E_LENGTH - MOON_E_SHORT] = {"length", "impossible length"},
  [MOON_E_RANGE - MOON_E_SHORT] = {"range", "number out of range"},
  [MOON_E_SYNTAX - MOON_E_SHORT] = {"syntax", "syntax error"},
  [MOON_E_TRAILING - MOON_E_SHORT] = {"trailing", "octets after the end"},
  [MOON_E_VERSION - MOON_E_SHORT] = {"version", "unknown SNMP version"},
  [MOON_E_SPACE - MOON_E_SHORT] = {"space", "buffer too small"},
  [MOON_E_NOMEM - MOON_E_SHORT] = {"nomem", "out of memory"},
  [MOON_E_LIMIT - MOON_E_SHORT] = {"limit", "over a fixed limit"},
  [MOON_E_NOT_MINE - MOON_E_SHORT] = {"not_mine", "belongs to nobody here"},
  [MOON_E_NO_ALGORITHM - MOON_E_SHORT] = {"no_algorithm", "the cryptographic library does not provide the algorithm"},
};

#define N_CAUSES (sizeof causes / sizeof causes[0])

static const struct entry *find(enum moon_err e) {
  static const struct entry unknown = {"unknown", "unknown error"};
  unsigned i = (unsigned)e;
  if (i < MOON_E_PUBLIC_N) { return &public_codes[i]; }
  if (i >= MOON_E_SHORT && i - MOON_E_SHORT < N_CAUSES) { return &causes[i - MOON_E_SHORT]; }
  return &unknown;
}

const char *moon_err_name(enum moon_err e) { return find(e)->name; }

const char *moon_err_text(enum moon_err e) { return find(e)->text; }

enum moon_err_class moon_err_class(enum moon_err e) {
  switch (e) {
  case MOON_OK:
    return MOON_CLASS_OK;
  case MOON_E_TIMEOUT:
  case MOON_E_REFUSED:            /* an ICMP ends the try, not the request */
  case MOON_E_UNREACHABLE:
  case MOON_E_UNKNOWN_ENGINE:     /* after learning what the report told, RFC 3414 3.2 and 4 */
  case MOON_E_NOT_IN_TIME_WINDOW:
    return MOON_CLASS_RETRY;
  case MOON_E_SHORT: /* anybody can send us octets: what is no message for us must not end a request */
  case MOON_E_TAG:
  case MOON_E_LENGTH:
  case MOON_E_RANGE:
  case MOON_E_SYNTAX:
  case MOON_E_TRAILING:
  case MOON_E_VERSION:
  case MOON_E_NOT_MINE:
    return MOON_CLASS_DROP;
  default:
    return MOON_CLASS_STOP;
  }
}

enum moon_err moon_err_public(enum moon_err e) {
  if ((unsigned)e < MOON_E_PUBLIC_N) { return e; }
  switch (e) {
  case MOON_E_SYNTAX:
  case MOON_E_NO_ALGORITHM:
    return MOON_E_CONFIG;
  case MOON_E_SPACE:
  case MOON_E_NOMEM:
  case MOON_E_LIMIT:
    return MOON_E_BUDGET;
  default:
    return MOON_E_DECODE;
  }
}

enum moon_err moon_err_from_status(int32_t error_status) {
  static const uint8_t codes[] = { /* RFC 3416 3 */
    MOON_OK,             /* noError */
    MOON_E_TOO_BIG,      /* tooBig */
    MOON_E_MISSING,      /* noSuchName */
    MOON_E_BAD_VALUE,    /* badValue */
    MOON_E_NOT_WRITABLE, /* readOnly */
    MOON_E_GEN_ERR,      /* genErr */
    MOON_E_ACCESS,       /* noAccess */
    MOON_E_BAD_VALUE,    /* wrongType */
    MOON_E_BAD_VALUE,    /* wrongLength */
    MOON_E_BAD_VALUE,    /* wrongEncoding */
    MOON_E_BAD_VALUE,    /* wrongValue */
    MOON_E_NOT_WRITABLE, /* noCreation */
    MOON_E_BAD_VALUE,    /* inconsistentValue */
    MOON_E_GEN_ERR,      /* resourceUnavailable */
    MOON_E_GEN_ERR,      /* commitFailed */
    MOON_E_GEN_ERR,      /* undoFailed */
    MOON_E_ACCESS,       /* authorizationError */
    MOON_E_NOT_WRITABLE, /* notWritable */
    MOON_E_GEN_ERR,      /* inconsistentName */
  };
  if (error_status < 0 || (size_t)error_status >= sizeof codes) { return MOON_E_GEN_ERR; }
  return (enum moon_err)codes[error_status];
}
