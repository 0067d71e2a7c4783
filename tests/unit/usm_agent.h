/* usm_agent: an agent of SNMPv3 as RFC 3414 has it, for tests of those who ask: one user, its own engine id, boots and time,
 * reports, the time window; and what a test asks of it that no RFC would. Built of core/wire, driven by hand. */
#ifndef MOON_TESTS_USM_AGENT_H
#define MOON_TESTS_USM_AGENT_H

#include "../../core/session/credential.h"
#include "../../core/wire/usm.h"

struct usm_agent {
  uint8_t id[MOON_ENGINE_ID_MAX];
  uint8_t id_len;
  uint32_t boots;
  uint32_t time_s;          /* when its clock was 0 of the test's seconds */
  char user[33];
  uint8_t level;            /* the user's, at most */
  enum moon_auth auth;
  enum moon_priv priv;
  struct moon_key auth_ku, priv_ku;
  struct moon_crypto *crypto;
  /* what it does */
  bool silent_key;          /* says nothing to what it cannot decrypt */
  bool no_window;           /* takes any boots and time */
  bool unsigned_window;     /* reports of the window are not signed */
  uint8_t answer_level;     /* answers at this level less what is here */
  bool other_context, other_request_id, other_user, bad_digest;
  /* what it saw */
  uint32_t requests, discoveries, reports, answers, undecryptable;
  struct moon_v3 last;      /* the last request's envelope, its pointers lent no more */
};

enum { USM_LEVELS = 1, USM_WINDOWS, USM_USERS, USM_ENGINES, USM_DIGESTS, USM_DECRYPTIONS };

/* Passwords "authentic" and "privately1". */
void usm_agent_init(struct usm_agent *a, struct moon_crypto *crypto, enum moon_auth auth, enum moon_priv priv);
/* The credential that fits. */
void usm_agent_credential(const struct usm_agent *a, struct moon_credential *c);
/* What it says to a request: octets in out, 0: nothing. */
size_t usm_agent_answer(struct usm_agent *a, uint64_t now_us, const uint8_t *p, size_t n, uint8_t *out, size_t cap);
/* A report of usmStats.`counter`, answering the message of this id; level MOON_V3_AUTH: signed. */
size_t usm_agent_report(struct usm_agent *a, uint64_t now_us, uint32_t id, unsigned counter, uint8_t level, uint8_t *out, size_t cap);

#endif
