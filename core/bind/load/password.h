/* password: the passwords of a configuration become keys (Ku, RFC 3414 A.2), each combination of protocol and password once, on
 * several threads where there are many: one takes 0.6 to 1.5 ms.
 *
 *   moon_password_add(&list, MOON_AUTH_SHA1, text, n, i, false)      credential i authenticates with this
 *   moon_password_run(&list, credentials, told, arg)                 fills their keys; all texts are wiped
 *   moon_password_fini(&list) */
#ifndef MOON_BIND_LOAD_PASSWORD_H
#define MOON_BIND_LOAD_PASSWORD_H

#include "../../session/credential.h"

struct moon_password {
  char *text;           /* lent, wiped when its key is there */
  uint32_t n;
  uint32_t credential;
  uint8_t auth;         /* enum moon_auth, of privacy too */
  bool priv;            /* for priv_key */
  struct moon_key key;  /* of the first of equal ones */
};

struct moon_password_list {
  struct moon_password *list;
  uint32_t n, cap;
  struct moon_crypto *crypto; /* borrowed, to make the keys of few with; NULL: one is made */
};

/* How far it is, not more often than once a second. On the calling thread. */
typedef void moon_password_told(void *arg, uint32_t made, uint32_t n);

/* text stays valid until run. MOON_E_NOMEM. */
enum moon_err moon_password_add(struct moon_password_list *l, enum moon_auth auth, char *text, uint32_t n, uint32_t credential, bool priv);
/* Blocks. told may be NULL. MOON_E_NOMEM, MOON_E_NO_ALGORITHM. */
enum moon_err moon_password_run(struct moon_password_list *l, struct moon_credential *credentials, moon_password_told *told, void *arg);
/* Wipes texts and keys. */
void moon_password_fini(struct moon_password_list *l);

#endif
