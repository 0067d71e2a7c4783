/* format: numbers and strings as JSON wants them, fast. No locale, no heap. */
#ifndef MOON_MAIN_FORMAT_H
#define MOON_MAIN_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define MOON_FORMAT_MAX 40 /* octets any of these may write */

/* Each returns how many octets it wrote at out; no NUL. */
size_t moon_format_u64(char *out, uint64_t v);
size_t moon_format_i64(char *out, int64_t v);
/* The fewest digits that read back as the same double. Whole numbers below 2^53 without fraction or exponent; what JSON
 * cannot say (NaN, infinities) is null. */
size_t moon_format_real(char *out, double v);
/* Unix seconds with exactly three decimals, rounded; not finite or beyond 10^15: 0.000 */
size_t moon_format_time(char *out, double seconds);

/* The inside of a JSON string for any octets, without the quotes: " and \ and what is below 0x20 escaped, well-formed UTF-8
 * as it is, every octet that is not part of any as \u00XX (so the octets can be told again as Latin-1). out has room for
 * 6 * n; returns how many octets were written. */
size_t moon_format_escape(char *out, const char *p, size_t n);
/* For a terminal: control characters (C0, DEL, C1) and octets outside well-formed UTF-8 become \xNN, all else stays. out has
 * room for 4 * n. */
size_t moon_format_printable(char *out, const char *p, size_t n);

#endif
