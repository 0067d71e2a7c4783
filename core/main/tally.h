/* tally: what simulated agents counted, as JSON. Each agent's own balances, which the collector's are held against:
 *
 *   datagrams = malformed + bad_community + refused + gets + nexts + bulks + sets
 *   gets + nexts + bulks + sets = answered + silent                                                                    */
#ifndef MOON_MAIN_TALLY_H
#define MOON_MAIN_TALLY_H

#include "print.h"
#include "stage.h"

/* A JSON string of text, quotes included. */
void moon_tally_string(struct moon_print *out, const char *text);
/* {"requests":..,"answered":..,...,"faults":{"loss":3}} */
void moon_tally_counts(const struct moon_agent_counts *c, struct moon_print *out);
/* {"name":..,"address":..,...}: one agent. */
void moon_tally_agent(struct moon_stage *s, uint32_t i, struct moon_print *out);
/* The whole: version, totals, the server's counts; with `agents` each of them too. cpu_s < 0: not told. */
void moon_tally_all(struct moon_stage *s, double seconds, double cpu_s, bool agents, struct moon_print *out);

#endif
