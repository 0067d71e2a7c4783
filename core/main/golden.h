/* golden: what a probe wrote as text that is the same whenever the probe did the same: a line a run and a line a sample, JSON,
 * without times, sorted within a run; and how it differs from the text that was kept.
 *
 *   {"run":1,"device":"switch","error":"ok"}
 *   {"name":"if_up","labels":{"index":"1","interface":"xe-0/0/1"},"type":"gauge","value":1}                          */
#ifndef MOON_MAIN_GOLDEN_H
#define MOON_MAIN_GOLDEN_H

#include "../base/sample.h"
#include "print.h"

struct moon_golden_run; /* opaque */

struct moon_golden {
  struct moon_golden_run *runs;
  uint32_t n_runs, runs_cap;
  uint32_t n_samples;
  uint32_t n_script;      /* runs that a mistake in the script ended */
};

/* A run record. MOON_E_NOMEM, MOON_E_SHORT (not a record). */
enum moon_err moon_golden_add(struct moon_golden *g, const uint8_t *record, size_t n);
/* All of it: by run, device and job. Ends with a newline, or is empty. */
void moon_golden_print(struct moon_golden *g, struct moon_print *out);
void moon_golden_fini(struct moon_golden *g);

/* Prints lines that are only in `want` with "- ", only in `got` with "+ ", the first of them after "name:LINE:". Line ends may be
 * CRLF. false: no difference, nothing is printed. */
bool moon_golden_diff(const char *name, struct moon_text want, struct moon_text got, struct moon_print *out);

#endif
