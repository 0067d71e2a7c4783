/* overlay: what was SET on one agent, sorted by name, in front of its recording. Small: agents are read, not written. */
#ifndef MOON_AGENT_OVERLAY_H
#define MOON_AGENT_OVERLAY_H

#include "../wire/pdu.h"

#define MOON_OVERLAY_MAX 4096          /* instances of one agent */
#define MOON_OVERLAY_OCTETS (1u << 20) /* of names and values of one agent */
#define MOON_OVERLAY_VALUE_MAX 32768u

struct moon_overlay; /* opaque; NULL is an empty one */

void moon_overlay_free(struct moon_overlay *o);
/* Replaces or adds; copies. *o is made when it is NULL. MOON_E_NOMEM, MOON_E_LIMIT: as before. */
enum moon_err moon_overlay_put(struct moon_overlay **o, const struct moon_varbind *vb);
/* Lent until the next put. */
bool moon_overlay_find(const struct moon_overlay *o, const uint8_t *oid, size_t n, struct moon_varbind *out);
/* The first behind this name. */
bool moon_overlay_after(const struct moon_overlay *o, const uint8_t *oid, size_t n, struct moon_varbind *out);

#endif
