/* snmprec: lines of the form OID|TAG|VALUE. See dump.h, which reads whole files. */
#ifndef MOON_AGENT_SNMPREC_H
#define MOON_AGENT_SNMPREC_H

#include "notation.h"

/* One line without its end. NULL, or one clause that says why it cannot be served. */
const char *moon_snmprec_parse(struct moon_span line, struct moon_item *out);

#endif
