/* hosts: /etc/hosts as a table, read again when the file changed. c-ares would read the whole file for each name: 2 ms each with
 * 20,000 lines, of every agent, every minute. */
#ifndef MOON_ENGINE_HOSTS_H
#define MOON_ENGINE_HOSTS_H

#include <stdbool.h>

#include "resolver.h"

#define MOON_HOSTS_OCTETS_MAX (64u << 20) /* of the file; what is larger is taken for none */

struct moon_hosts; /* opaque */

/* Reads nothing yet. path is borrowed. MOON_E_NOMEM. */
enum moon_err moon_hosts_new(const char *path, struct moon_hosts **out);
void moon_hosts_free(struct moon_hosts *h); /* NULL is fine */
/* The addresses of this name, upper and lower case alike, in the order of the file; family 0: both. false: it has none there.
 * Looks for a change of the file every MOON_HOSTS_LOOK_US; one that cannot be read, or not for want of memory, has no names. */
#define MOON_HOSTS_LOOK_US 2000000u
bool moon_hosts_find(struct moon_hosts *h, const char *name, uint8_t family, uint64_t now_us, struct moon_addresses *out);

#endif
