/* stretch: one answer of a walk, shown as far as it belongs to it.
 *
 * What people see is what net-snmp shows that asks for `group` values at a time, but asking for several groups at once takes a
 * fraction of the packets. As long as an answer is in order that makes no difference; one that is not is given back unused,
 * and the walk goes on group by group, so that its errors come out in the same places too. */
#ifndef MOON_BIND_TOOL_STRETCH_H
#define MOON_BIND_TOOL_STRETCH_H

#include "show.h"

struct moon_stretch {
  const uint8_t *root, *name, *stop; /* of the walk; asked for; where it ends, NULL: where root does */
  size_t root_len, name_len, stop_len;
  uint32_t group;                    /* values asked for at a time */
  bool single;                       /* one group was asked for: the answer is taken as it is */
  bool check;                        /* names must increase */
  double took_s;                     /* shown before each value; below 0: not */
};

struct moon_stretched {
  const uint8_t *name;  /* to go on from, lent by the PDU or the stretch; NULL: the walk is over */
  size_t name_len;
  uint32_t shown;       /* values */
  bool failed;          /* names did not increase: told on stderr */
  bool refused;         /* not in order: nothing was shown, ask for a single group */
};

/* Lines go to stdout; text is scratch. Fails only by text->failed. */
void moon_stretch_show(const struct moon_stretch *s, const struct moon_show *style, const struct moon_pdu *pdu,
                       struct moon_show_text *text, struct moon_stretched *out);

#endif
