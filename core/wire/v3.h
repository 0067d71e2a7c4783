/* v3: the envelope of SNMPv3 (RFC 3412 6) with the parameters of the User-based Security Model (RFC 3414 2.4).
 *
 *   SEQ { version 3
 *         SEQ { msgID  msgMaxSize  msgFlags  msgSecurityModel }
 *         OCTET STRING of SEQ { engineID  boots  time  userName  digest  salt }
 *         scopedPDU: SEQ { contextEngineID  contextName  PDU }, or an OCTET STRING of the same, encrypted }
 *
 * Layout only: keys and digests are the matter of usm.h. What decodes is well-formed, and not yet to be believed.
 * Writing goes backwards like all writing here: the scoped PDU, then the envelope with a hole of zeros for the digest,
 * whose offset is told, because it is computed over the whole message with the hole in it. */
#ifndef MOON_WIRE_V3_H
#define MOON_WIRE_V3_H

#include "message.h"

#define MOON_ENGINE_ID_MAX 32  /* SnmpEngineID, RFC 3411 5 */
#define MOON_USER_MAX 32       /* usmUserName, RFC 3414 5 */
#define MOON_CONTEXT_MAX 255   /* contextName has no limit of its own; names of views and VLANs are far below */
#define MOON_SALT_LEN 8        /* msgPrivacyParameters of every privacy protocol */
#define MOON_V3_SIZE_MIN 484   /* msgMaxSize, RFC 3412 6.3 */
#define MOON_V3_MODEL_USM 3

enum moon_v3_flags { /* msgFlags, RFC 3412 6.4; other bits are ignored */
  MOON_V3_AUTH = 0x01,
  MOON_V3_PRIV = 0x02, /* never without MOON_V3_AUTH */
  MOON_V3_REPORTABLE = 0x04,
  MOON_V3_LEVEL = MOON_V3_AUTH | MOON_V3_PRIV /* mask */
};

struct moon_v3 {
  const uint8_t *scoped;    /* MOON_V3_PRIV: encrypted octets; else the ScopedPDU, header included */
  size_t scoped_len;
  const uint8_t *engine_id; /* msgAuthoritativeEngineID */
  const uint8_t *user;
  const uint8_t *auth;      /* msgAuthenticationParameters. When encoding NULL: a hole of auth_len zeros */
  const uint8_t *priv;      /* msgPrivacyParameters, the salt */
  size_t len;               /* decoding: octets of the message itself, the digest is over these; encoding: unused */
  uint32_t id;              /* msgID; this and the next three: 0..2^31-1 */
  uint32_t max_size;        /* what the sender can receive, >= MOON_V3_SIZE_MIN */
  uint32_t boots, time;     /* msgAuthoritativeEngineBoots, ...Time (seconds) */
  uint8_t engine_id_len;    /* 0..MOON_ENGINE_ID_MAX; 0 asks the agent for its own */
  uint8_t user_len;         /* 0..MOON_USER_MAX */
  uint8_t auth_len;
  uint8_t priv_len;
  uint8_t flags;            /* enum moon_v3_flags */
  bool trailing;            /* decoding: octets where none belong, outside of what was read; counted as a quirk */
};

struct moon_scoped {
  struct moon_pdu pdu;
  const uint8_t *engine_id; /* contextEngineID */
  const uint8_t *context;   /* contextName */
  size_t context_len;
  uint8_t engine_id_len;    /* 0..MOON_ENGINE_ID_MAX */
  bool trailing;            /* octets behind it: the padding of block ciphers, or a quirk */
};

/* A whole datagram. *out lends from p. MOON_E_VERSION: not version 3, or another security model than USM. MOON_E_RANGE: a
 * number below or above what the RFC allows, or privacy without authentication. MOON_E_LENGTH: an engine id, user name or
 * other parameter that is too long. MOON_E_TAG: also when encrypted and plain do not go with the flags. */
MOON_API enum moon_err moon_v3_decode(const uint8_t *p, size_t n, struct moon_v3 *out);
/* The ScopedPDU, plain or decrypted. A wrong privacy key shows as an error of any kind, since
 * noise hardly ever nests well. */
MOON_API enum moon_err moon_scoped_decode(const uint8_t *p, size_t n, struct moon_scoped *out);

/* Backwards in front of what w holds; s->pdu.varbinds must not lie inside w's buffer unless it is w->p. MOON_E_LIMIT: engine
 * id or context too long. */
MOON_API void moon_scoped_encode(struct moon_writer *w, const struct moon_scoped *s);
/* The envelope around m->scoped, which must not lie inside w's buffer unless it is w->p. Returns the offset of the
 * digest's first octet from w->p; 0 after an error. MOON_E_LIMIT: engine id or user too long; MOON_E_RANGE: as above. */
MOON_API size_t moon_v3_encode(struct moon_writer *w, const struct moon_v3 *m);

#endif
