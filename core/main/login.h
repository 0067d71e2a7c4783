/* login: the options of version 3, -u -l -a -A -x -X -n -e -E -Z -3, as net-snmp's tools have them. Passwords and keys are copied,
 * and overwritten where they stood. */
#ifndef MOON_MAIN_LOGIN_H
#define MOON_MAIN_LOGIN_H

#include "../bind/load/login.h"

#define MOON_LOGIN_LETTERS "u:l:a:A:x:X:n:e:E:Z:3:" /* for getopt */

struct moon_login_given {
  struct moon_login login; /* lends from argv and from secrets */
  char *secrets;           /* own, wiped */
  size_t secrets_len;
  int argc;
  char **argv;             /* borrowed; not permuted while options are read */
  bool any;                /* something was said that only version 3 has a use for */
  bool context;            /* -n or -E was, which the tools of net-snmp pass over in other versions */
};

/* MOON_E_NOMEM. fini is due in any case. */
enum moon_err moon_login_given_init(struct moon_login_given *g, int argc, char **argv);
/* An option that getopt gave, and its value. MOON_E_MISSING: not one of these. MOON_E_CONFIG: `error` is the line to tell. */
enum moon_err moon_login_given_take(struct moon_login_given *g, int c, char *value, char *error, size_t cap);
/* What is secret, when it is not needed any more. */
void moon_login_given_wipe(struct moon_login_given *g);
void moon_login_given_fini(struct moon_login_given *g);

#endif
