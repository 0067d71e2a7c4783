/* shield: secrets a process may need once more, and not before: noise until then, so that what reads memory by mistake reads none.
 *
 * Each is mixed, where it stands or as a copy of an environment variable, with random octets that lie elsewhere. A child that needs
 * them lifts the shield in its own copy; nobody else does. */
#ifndef MOON_MAIN_SHIELD_H
#define MOON_MAIN_SHIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/err.h"

struct moon_shielded; /* opaque */
struct moon_shield { struct moon_shielded *first; };

/* p[0..n) becomes noise; borrowed until fini. NULL or none is fine. MOON_E_NOMEM: it was wiped instead, and is gone for good. */
enum moon_err moon_shield_put(struct moon_shield *s, char *p, size_t n);
/* The value of the variable, which is wiped and taken out of the environment: /proc/PID/environ shows the memory it came in. One that
 * is not set is fine. As above. */
enum moon_err moon_shield_env(struct moon_shield *s, const char *name);
/* All as it was, variables too. In a child, once. */
void moon_shield_lift(struct moon_shield *s);
/* Wipes all: the noise, so that it cannot be read any more by anybody. */
void moon_shield_fini(struct moon_shield *s);

#endif
