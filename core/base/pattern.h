/* pattern: Lua's patterns with an end: what a match may cost is counted, so that no pattern holds its caller up.
 *
 *   struct moon_pattern m;
 *   moon_pattern_init(&m, s, n, p, pn, MOON_PATTERN_STEPS, NULL);
 *   const uint8_t *end = moon_pattern_match(&m, s + at);   NULL: no match there, or m.error tells what is wrong
 *
 * Semantics and messages are those of LuaJIT's string library: Lua 5.1's patterns with %g, %z and the frontier %f, octets above
 * 127 in no class, a pattern over at its first NUL (%z matches one). Nothing is copied or allocated; recursion is at most MOON_PATTERN_DEPTH deep. */
#ifndef MOON_BASE_PATTERN_H
#define MOON_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOON_PATTERN_CAPTURES 32
#define MOON_PATTERN_DEPTH 200
#define MOON_PATTERN_STEPS 2000000 /* octets compared: 2 to 15 ms */

enum { MOON_PATTERN_OPEN = -1, MOON_PATTERN_POSITION = -2 }; /* as lengths of captures */

struct moon_pattern {
  const uint8_t *src, *src_end;  /* the subject; borrowed */
  const uint8_t *p, *p_end;      /* the pattern, without the anchor; borrowed */
  int64_t steps;                 /* left until stop is looked at again */
  int64_t rest;                  /* and behind that, of all matches together */
  const volatile int *stop;      /* not 0: a match ends as if nothing were left; NULL: nobody says so */
  const char *error;             /* sticky; NULL: none */
  int depth;
  int level;                     /* captures of the last match */
  struct { const uint8_t *at; ptrdiff_t len; } capture[MOON_PATTERN_CAPTURES];
};

void moon_pattern_init(struct moon_pattern *m, const void *src, size_t n, const void *p, size_t p_n, int64_t steps,
                       const volatile int *stop);
/* The end of the match that begins at s, somewhere in src or at its end. */
const uint8_t *moon_pattern_match(struct moon_pattern *m, const uint8_t *s);
/* Has p none of the characters that make it more than plain text? */
bool moon_pattern_is_plain(const void *p, size_t n);
/* Capture i of a match from s to e: its octets, or *len MOON_PATTERN_POSITION and where. Without any, number 0 is the match.
 * NULL: m->error is set. */
const uint8_t *moon_pattern_capture(struct moon_pattern *m, int i, const uint8_t *s, const uint8_t *e, ptrdiff_t *len);

#endif
