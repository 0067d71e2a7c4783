/* dump: recordings as people keep them in files: text to a recording, and a varbind to a line of text.
 *
 *   .snmprec           OID|TAG|VALUE: the tag in decimal; x behind it: value in hex, e: with backslash escapes
 *   snmpwalk -On -Oe   .1.3.6.1.2.1.1.1.0 = STRING: "text", over several lines where the value has them
 *
 * Text from the field is dirty. CRLF, missing final newlines, comments (#), blank lines and any order are fine; tags written
 * in hex (40 for IpAddress) and repeated letters (4xx) are read as they were meant; unsigned values told as negative are
 * taken modulo 2^32. Of a name that comes twice the later line counts. What cannot be served is left out, and told with
 * its line. A line `#rtt 1500` gives the round trip in microseconds of the lines that follow it. */
#ifndef MOON_AGENT_DUMP_H
#define MOON_AGENT_DUMP_H

#include "recording.h"

enum moon_dump_format { MOON_DUMP_ANY /* told by its first lines */, MOON_DUMP_SNMPREC, MOON_DUMP_WALK };

struct moon_dump_options {
  moon_recording_report *report; /* every line left out; NULL: nobody is told */
  void *ctx;
  bool snmp;                     /* the snmp group is there, recorded or not: see moon_recorder_add_snmp */
  bool usm;                      /* snmpEngine and usmStats too: see moon_recorder_add_usm */
  uint8_t format;                /* enum moon_dump_format */
};

struct moon_dump_stats {
  uint32_t lines;
  uint32_t left_out;   /* times report was called; 0: every line is served */
  uint32_t unsorted;   /* instances whose line came too late for the order of a walk */
  uint32_t duplicates; /* of left_out */
  uint8_t format;      /* enum moon_dump_format that was found */
};

/* NULL only for MOON_E_NOMEM, or MOON_E_LIMIT (over 4 GB, or too many instances). stats may be NULL. Borrows text. */
MOON_API struct moon_recording *moon_dump_read(const char *text, size_t n, const struct moon_dump_options *options,
                                               struct moon_dump_stats *stats, enum moon_err *err);

#define MOON_DUMP_LINE_MAX (MOON_OID_TEXT_MAX + 8 + 2 * 65535 + 2) /* any line below */

/* One varbind as a line of .snmprec with its newline, NUL-terminated; text is escaped to hex where it has to be. Returns
 * its length, 0 when it does not fit or has no such form (a name that is no OID, an unknown type). */
MOON_API size_t moon_dump_line(const struct moon_varbind *vb, char *out, size_t cap);

#endif
