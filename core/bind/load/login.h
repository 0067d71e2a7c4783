/* login: whom version 3 asks as (RFC 3414), the way people write it: names of protocols, passwords, keys in hexadecimal. Checked,
 * and turned into a credential; only the keys of passwords are left to password.h, for those take their time.
 *
 *   struct moon_login u = {0};
 *   u.part[MOON_LOGIN_NAME] = (struct moon_text){"ops", 3};  ...
 *   moon_login_fill(&u, crypto, &credential, &fault)          fault.part, fault.text: "auth_pass", "a password has at least ..."
 *
 * No text of a fault has anything of a value in it: what stands in the place of a protocol's name may be a password. */
#ifndef MOON_BIND_LOAD_LOGIN_H
#define MOON_BIND_LOAD_LOGIN_H

#include "../../base/sample.h"
#include "../../session/credential.h"

enum moon_login_part {
  MOON_LOGIN_NAME,
  MOON_LOGIN_LEVEL,              /* noAuthNoPriv, authNoPriv, authPriv, or 1, 2, 3, ...; not said: as far as the rest goes */
  MOON_LOGIN_AUTH,
  MOON_LOGIN_AUTH_PASS,
  MOON_LOGIN_AUTH_KEY,           /* Ku, hexadecimal */
  MOON_LOGIN_AUTH_LOCALIZED_KEY, /* Kul of one engine */
  MOON_LOGIN_PRIV,               /* AES-192 and AES-256 without -Blumenthal, -Reeder or -C behind it: find out which */
  MOON_LOGIN_PRIV_PASS,
  MOON_LOGIN_PRIV_KEY,
  MOON_LOGIN_PRIV_LOCALIZED_KEY,
  MOON_LOGIN_CONTEXT,
  MOON_LOGIN_ENGINE_ID,          /* hexadecimal, as the next */
  MOON_LOGIN_CONTEXT_ENGINE_ID,
  MOON_LOGIN_TIME_POLICY,        /* strict, relaxed */
  MOON_LOGIN_PARTS
};

/* What was said; p NULL: nothing. All borrowed. */
struct moon_login {
  struct moon_text part[MOON_LOGIN_PARTS];
  const char *const *names;     /* what texts of faults call the parts; NULL: moon_login_keys */
  uint32_t boots, time;         /* what to begin with instead of asking the agent */
  bool time_given;
};

struct moon_login_fault { enum moon_login_part part; char text[160]; };

/* Keys of the configuration, in order of the parts, with NULL behind them: "user", "level", "auth", ... */
extern const char *const moon_login_keys[MOON_LOGIN_PARTS + 1];
/* Options of the command line, as net-snmp has them: "-u", "-l", "-a", "-A", "-3m", ...; "" where there is none. */
extern const char *const moon_login_options[MOON_LOGIN_PARTS + 1];
/* What fill needs. MOON_E_CONFIG: there is no libcrypto, *f says what that is about; MOON_E_NOMEM. */
enum moon_err moon_login_crypto(struct moon_crypto **out, struct moon_login_fault *f);
/* Everything of version 3 in *c but its name, and but the keys of passwords, which are left empty. MOON_E_CONFIG: *f says which part is
 * wrong and why; *c is then not to be used. MOON_E_NOMEM. */
enum moon_err moon_login_fill(const struct moon_login *u, struct moon_crypto *crypto, struct moon_credential *c, struct moon_login_fault *f);
/* The same with the keys of passwords: some milliseconds. */
enum moon_err moon_login_make(const struct moon_login *u, struct moon_credential *c, struct moon_login_fault *f);
/* Protocols that net-snmp has by default, MD5 and DES, where there is a password or a key and none is said. */
void moon_login_defaults(struct moon_login *u);
/* Content of hexadecimal digits with blanks or colons between octets, 0x before them or not. MOON_E_SYNTAX; MOON_E_LENGTH: over cap. */
enum moon_err moon_login_hex(const char *text, size_t n, uint8_t *out, size_t cap, size_t *len);

#endif
