/* print: OIDs as net-snmp's tools print them, and values by the DISPLAY-HINT of their type. The options are those of its -O.
 *
 *   moon_print_oid(&names, oid, oid_len, MOON_PRINT_MODULE, &out)        IF-MIB::ifDescr.1 */
#ifndef MOON_NAMES_PRINT_H
#define MOON_NAMES_PRINT_H

#include "out.h"
#include "set.h"

enum moon_print_form {
  MOON_PRINT_MODULE,  /* -OS */
  MOON_PRINT_SUFFIX,  /* -Os */
  MOON_PRINT_FULL,    /* -Of */
  MOON_PRINT_NUMERIC, /* -On */
  MOON_PRINT_UCD      /* -Ou */
};
#define MOON_PRINT_FORMS 7u          /* the form is in these bits of the options */
#define MOON_PRINT_NO_INDEX 0x0008u    /* -Ob: indexes as numbers */
#define MOON_PRINT_BRACKETS 0x0010u    /* -OX: ifDescr[1] */
#define MOON_PRINT_ESCAPE 0x0020u      /* -OE: \" in indexes */
#define MOON_PRINT_TICKS 0x0040u       /* -Ot: TimeTicks as a number */
#define MOON_PRINT_QUICK 0x0080u       /* -Oq: no types */
#define MOON_PRINT_HEX_2 0x0100u       /* -O0: two digits for every octet a hint says is hexadecimal */

MOON_API void moon_print_oid(const struct moon_names *s, const uint8_t *oid, size_t n, uint32_t options, struct moon_out *out);
/* Octets by a DISPLAY-HINT (RFC 2579 3.1). false: it is none for octets; nothing was written. */
MOON_API bool moon_print_hint(const uint8_t *p, size_t n, const char *hint, size_t hint_n, bool two_digits, struct moon_out *out);
/* A number by a DISPLAY-HINT: d, d-N, x, o, b. false: another. */
MOON_API bool moon_print_hint_number(int64_t v, const char *hint, size_t n, struct moon_out *out);
/* "1:02:03.04", with QUICK "0:1:02:03.04", with TICKS the number */
MOON_API void moon_print_ticks(uint32_t ticks, uint32_t options, struct moon_out *out);

#endif
