/* message: the envelope around a PDU.
 *
 *   v1, v2c   SEQ { version  community  PDU }                                            RFC 1901 3
 *   v3        SEQ { version  SEQ { msgID msgMaxSize flags model }  params  scopedPDU }   RFC 3412 6
 *
 * A request of one shape is encoded once: its varbind list is kept, and only the header of some 30 octets in front of it
 * is written per try, with the id of that try. */
#ifndef MOON_WIRE_MESSAGE_H
#define MOON_WIRE_MESSAGE_H

#include "pdu.h"

#define MOON_DATAGRAM_MAX 65507  /* UDP over IPv4 */
#define MOON_COMMUNITY_MAX 255

enum moon_version { MOON_V1 = 0, MOON_V2C = 1, MOON_V3 = 3 };

/* What is needed to find out whose answer this is, without decoding the PDU. */
struct moon_peek {
  uint32_t id;     /* request-id (v1, v2c) or msgID (v3); 0 for a Trap v1, which has none */
  uint8_t version; /* enum moon_version */
  uint8_t pdu_type; /* v1, v2c; 0 for v3 */
};

struct moon_message {
  const uint8_t *community;
  size_t community_len;
  struct moon_pdu pdu;     /* unless trap */
  struct moon_trap_v1 trap; /* when is_trap_v1 */
  uint8_t version;
  bool is_trap_v1;
  bool trailing;           /* octets after the varbind list or the message: counted as a quirk, not an error */
};

/* Reads only headers; a message cut off behind its id still tells it. MOON_E_VERSION for other versions, MOON_E_SHORT..MOON_E_RANGE for what is no message at all. */
MOON_API enum moon_err moon_message_peek(const uint8_t *p, size_t n, struct moon_peek *out);
/* v1 and v2c. *out lends from p. */
MOON_API enum moon_err moon_message_decode(const uint8_t *p, size_t n, struct moon_message *out);
/* The same for a datagram that was cut: the lengths of message, PDU and varbind list may reach past its end. For what is
 * left of an answer that moon_message_decode refused; MOON_E_SHORT when not even its list has begun. */
MOON_API enum moon_err moon_message_decode_cut(const uint8_t *p, size_t n, struct moon_message *out);
/* v1 and v2c (else MOON_E_VERSION), community up to MOON_COMMUNITY_MAX (else MOON_E_LIMIT), backwards; ids have 4 octets. pdu->varbinds must not lie inside w's buffer unless it is w->p. */
MOON_API void moon_message_encode(struct moon_writer *w, uint8_t version, const uint8_t *community, size_t community_len,
                                  const struct moon_pdu *pdu);

#define MOON_STENCIL_MAX 64
/* The octets in front of a varbind list: for requests of one shape and one community the same, but for the id. Zeroes: of nothing. */
struct moon_stencil {
  uint32_t varbinds_len;
  int32_t error_status, error_index;
  uint8_t version, type, community_len;
  uint8_t len;                       /* 0: of nothing */
  uint8_t community_at, id_at;       /* in octets */
  uint8_t octets[MOON_STENCIL_MAX];  /* the last len of them */
};
/* As moon_message_encode; pdu->varbinds must be w->p. What *s is of is copied; when that is another message, *s becomes this one's. */
MOON_API void moon_message_encode_like(struct moon_writer *w, struct moon_stencil *s, uint8_t version, const uint8_t *community,
                                       size_t community_len, const struct moon_pdu *pdu);

#endif
