/* outfit: what a master is made of, before its first child: run directory, counters, quarantine, rings, bells; and its last words. */
#ifndef MOON_MAIN_OUTFIT_H
#define MOON_MAIN_OUTFIT_H

#include "inner.h"

/* m->c and m->plan are there, and its descriptors are -1. false: it cannot start, which was told; m->status says with which status to
 * end. moon_outfit_fini follows in any case. */
bool moon_outfit_init(struct moon_master *m);
/* Rings of workers, for a writer. false: that cannot be, which was told. */
bool moon_outfit_rings(struct moon_master *m);
void moon_outfit_fini(struct moon_master *m);
/* At the end: the summary, --stats, and the status that --once ends with. */
void moon_outfit_report(struct moon_master *m);

#endif
