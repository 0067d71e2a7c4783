/* recorded: a recording out of its file, for those who have no socket to answer on. */
#ifndef MOON_BIND_LOAD_RECORDED_H
#define MOON_BIND_LOAD_RECORDED_H

#include "../../agent/dump.h"
#include "draft.h"

/* Belongs to the caller. Lines that cannot be served are warnings of the draft. NULL: the draft has failed; `place` begins
 * the message, NULL: only the path. */
struct moon_recording *moon_recorded_read(struct moon_draft *d, const char *place, const char *path, bool snmp);

#endif
