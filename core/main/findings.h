/* findings: what `moonpoll check` has to say, in the order of the text it is about, each thing once.
 *
 *   moon_findings_add(&f, "ups.lua", 12, MOON_FINDING_WARNING, "'x' is global");
 *   moon_findings_print(&f, &out);                    ups.lua:12: warning: 'x' is global                                  */
#ifndef MOON_MAIN_FINDINGS_H
#define MOON_MAIN_FINDINGS_H

#include "print.h"

enum moon_severity { MOON_FINDING_ERROR, MOON_FINDING_WARNING };

struct moon_finding {
  char *path, *text;        /* own */
  uint32_t line;            /* 0: the file as a whole */
  uint32_t order;           /* they came in */
  enum moon_severity severity;
};

struct moon_findings {
  struct moon_finding *all;
  uint32_t n, cap;
  uint32_t errors, warnings;
  bool failed;              /* out of memory: some are missing */
};

/* Copies; one line of it. The same once more is left out. */
void moon_findings_add(struct moon_findings *f, const char *path, uint32_t line, enum moon_severity severity, const char *format, ...)
  __attribute__((format(printf, 5, 6)));
/* Whether one of this file begins so. */
bool moon_findings_has(const struct moon_findings *f, const char *path, const char *beginning);
/* Whether there is an error in this line. */
bool moon_findings_wrong(const struct moon_findings *f, const char *path, uint32_t line);
/* "path:12: what is wrong" as others say it: added with its place taken apart; one without a place is about `path`. */
void moon_findings_add_line(struct moon_findings *f, const char *path, enum moon_severity severity, const char *text);
/* By file in the order files came, and line. */
void moon_findings_print(struct moon_findings *f, struct moon_print *out);
void moon_findings_fini(struct moon_findings *f);

#endif
