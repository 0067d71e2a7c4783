/* trace: the packets of one target for people, a line each on stderr:
 *
 *   core1 -> 192.0.2.1:161 v2c community **** getbulk id 0x1c2d3e4f, 0 non-repeaters, 25 repetitions, 43 octets: 1.3.6.1.2.1.2.2.1.2
 *   core1 <- 192.0.2.1:161 v2c community **** response id 0x1c2d3e4f, 1210 octets: 1.3.6.1.2.1.2.2.1.2.1|4|eth0 ... and 24 more
 *
 * Communities and keys are never shown, whatever a datagram looks like: one that cannot be read is shown in hexadecimal, the
 * octets of every configured community masked. What of SNMPv3 is encrypted stays so. */
#ifndef MOON_MAIN_TRACE_H
#define MOON_MAIN_TRACE_H

#include "../bind/task/look.h"

#define MOON_TRACE_PLACES 16u /* targets of one name that are followed */
#define MOON_TRACE_IDS 64u    /* ids sent last, so that answers from elsewhere are seen too */

struct moon_trace {
  const char *name;              /* NULL: nothing is traced */
  const struct moon_plan *plan;  /* its credentials are what is masked */
  uint64_t looked_us;            /* when places were looked up; 0: not yet */
  uint32_t place[MOON_TRACE_PLACES], n;
  uint32_t id[MOON_TRACE_IDS], n_ids;
};

/* Borrows both. */
void moon_trace_init(struct moon_trace *t, const char *name, const struct moon_plan *plan);
/* Any packet, as the engine's trace hook tells it: those of the target are shown. */
void moon_trace_packet(struct moon_trace *t, const struct moon_host *h, uint64_t now_us, bool sent, const struct moon_addr *peer,
                       const uint8_t *p, size_t n);
/* One packet as text; NUL-terminated, cut to cap. */
void moon_trace_text(const struct moon_plan *plan, const uint8_t *p, size_t n, char *out, size_t cap);

#endif
