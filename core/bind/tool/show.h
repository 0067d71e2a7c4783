/* show: a varbind as the line of text people know from net-snmp's tools, "iso.3.6.1.2.1.1.3.0 = Timeticks: (123) 0:00:01.23".
 *
 * Without names they come out as net-snmp prints them without MIB modules, where only the three top arcs have one; with names, see
 * named.h. The same octets give the same line in any locale. */
#ifndef MOON_BIND_TOOL_SHOW_H
#define MOON_BIND_TOOL_SHOW_H

#include "../../wire/pdu.h"

struct moon_names;

enum moon_show_oid { /* numbers of net-snmp's oidOutputFormat */
  MOON_SHOW_OID_SUFFIX = 1,
  MOON_SHOW_OID_MODULE,
  MOON_SHOW_OID_FULL,
  MOON_SHOW_OID_NUMERIC,
  MOON_SHOW_OID_UCD,
  MOON_SHOW_OID_NONE
};
enum moon_show_string { MOON_SHOW_STRING_GUESS = 1, MOON_SHOW_STRING_ASCII, MOON_SHOW_STRING_HEX };

struct moon_show {
  uint8_t oid;         /* enum moon_show_oid; 0: MODULE */
  uint8_t string;      /* enum moon_show_string; 0: GUESS */
  bool quick;          /* no types: "1.3.6 5" */
  bool equals;         /* with " = " nevertheless */
  bool hex_text;       /* text beside hexadecimal */
  bool ticks;          /* TimeTicks as a number */
  bool bare;           /* the value alone */
  int32_t hex_line;    /* octets a line of hexadecimal has; not above 0: all */
  const struct moon_names *names; /* NULL: numeric */
  bool whole_indexes;  /* -Ob; from here on only with names */
  bool extended;       /* -OX */
  bool escape_quotes;  /* -OE */
  bool numeric_enums;  /* -Oe */
  bool no_units;       /* -OU */
  bool no_hint;        /* -Ih */
  bool two_digits;     /* -O0 */
  char precision[32];  /* of floating point, as printf has it between % and f; "": none */
};

/* Growable text. */
struct moon_show_text {
  char *p;
  size_t n, cap;
  bool failed; /* out of memory; sticky */
};
void moon_show_fini(struct moon_show_text *t);

/* Content octets of an OID. Octets that are none: nothing. */
void moon_show_oid(const struct moon_show *s, const uint8_t *oid, size_t n, struct moon_show_text *out);
void moon_show_value(const struct moon_show *s, const struct moon_varbind *vb, struct moon_show_text *out);
/* The value by its type alone, whatever its name; octets in hexadecimal, in lines. */
void moon_show_plain(const struct moon_show *s, const struct moon_varbind *vb, struct moon_show_text *out);
void moon_show_hex(const struct moon_show *s, const uint8_t *p, size_t n, struct moon_show_text *out);
/* Name and value, without the newline. */
void moon_show_varbind(const struct moon_show *s, const struct moon_varbind *vb, struct moon_show_text *out);
/* A packet: "0000: 30 29 02 01  ..    0).." in lines of 16 octets, and an empty line. */
void moon_show_dump(const uint8_t *p, size_t n, struct moon_show_text *out);
/* Only characters printf takes between % and f, and not too many of them. */
bool moon_show_precision(struct moon_show *s, const char *text);

#endif
