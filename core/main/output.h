/* output: run records become text. One object a format, one virtual call a record; null is no output at all.
 *
 * Besides its own samples every run gives three of the program's, with the inventory's labels and the time the run ended:
 *   up           gauge  1; 0 when the agent could not be talked to (timeout, refused, unreachable, down, dns, config), or the
 *                       run was ended while it was silent. Where the format has room for it with the version of the probe
 *   run_seconds  gauge  how long the run took
 *   run_error    state  "ok", an error code, or "script"                                                              */
#ifndef MOON_MAIN_OUTPUT_H
#define MOON_MAIN_OUTPUT_H

#include "../base/sample.h"
#include "../bind/load/plan.h"
#include "print.h"

struct moon_output {
  /* Appends the record's text to out, calling moon_print_line() after each line. MOON_E_SHORT: not a record. */
  enum moon_err (*record)(struct moon_output *self, const uint8_t *p, size_t n, struct moon_print *out);
  void (*free)(struct moon_output *self);
};

/* One JSON object a line. NULL: out of memory. */
struct moon_output *moon_json_new(void);
/* A block a run: a headline, then name, labels, value in aligned columns. NULL: out of memory. */
struct moon_output *moon_table_new(void);
/* By name; NULL for "null" and for what is none of ours. */
struct moon_output *moon_output_new(const char *name);

/* What stdout gets by this plan: "json", "table" or "null", which is for good. false: two want it. */
bool moon_output_choose(const struct moon_plan *plan, const char **format);
extern const char moon_output_crowded[]; /* what that means, a line */

#define MOON_RUN_SAMPLES 3
/* The program's samples of a run. */
void moon_run_samples(const struct moon_run_head *head, struct moon_sample out[MOON_RUN_SAMPLES]);

#endif
