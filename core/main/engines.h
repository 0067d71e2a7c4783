/* engines: what is known of the engines of SNMPv3 agents, in a file that outlives the program: with it a restart needs no
 * discovery. One line an address, and a last one that tells whether the file is whole. No secret is in it.
 *
 *   moonpoll engines 1
 *   192.0.2.1:161 80001f8880e9630000d61ff449 12 34567 1764000000 -
 *   [2001:db8::1]:161 800000090300aabbccddeeff 3 86400 1764000000 AES-256-C
 *   end 2 8c4e1f0a77b2d913
 *
 * address, engine id, boots and time, the second of the wall clock in which that was the time, and the extension of the AES key
 * that was found out. Whatever it says is a hint: agents are believed, not the file (trust.h). It is replaced as a whole. */
#ifndef MOON_MAIN_ENGINES_H
#define MOON_MAIN_ENGINES_H

#include "../session/trust.h"

#define MOON_ENGINES_MAX 100000u          /* agents: 10 MB. The ones heard longest ago go first */
#define MOON_ENGINES_KEPT_S (90 * 86400)  /* and who was not heard for so long */

struct moon_engines_entry {
  struct moon_trust_record record;
  int64_t at_s;             /* wall clock, when record.time was right */
};

/* Zeros: none. */
struct moon_engines {
  struct moon_engines_entry *at; /* by address, each once; put leaves them as they come, until sorted */
  uint32_t n, cap;
  bool sorted;
};

void moon_engines_fini(struct moon_engines *all);
/* MOON_E_NOMEM. */
enum moon_err moon_engines_put(struct moon_engines *all, const struct moon_engines_entry *entry);
/* By address, of each the latest; what was not heard since now_s - MOON_ENGINES_KEPT_S, claims to be of the future, or is too much
 * goes. */
void moon_engines_sort(struct moon_engines *all, int64_t now_s);
/* Lent; NULL: nothing is known. Of what is sorted. */
const struct moon_engines_entry *moon_engines_find(const struct moon_engines *all, const struct moon_addr *addr);

/* Adds what the text says. MOON_E_DECODE: it is damaged, *line tells where, and nothing was added; MOON_E_NOMEM. */
enum moon_err moon_engines_parse(struct moon_engines *all, const char *text, size_t n, uint32_t *line);
/* Adds what the file says; a file that is not there says nothing. MOON_E_DECODE as parse; MOON_E_CONFIG: errno tells why it
 * cannot be read (EPERM: others may write to it, or it belongs to somebody else; EFBIG); MOON_E_NOMEM. */
enum moon_err moon_engines_load(struct moon_engines *all, const char *path, uint32_t *line);
/* Writes path anew, mode 0600: whoever reads it meets the old or the new one, whole. Without waiting for the disk: what a power
 * failure tears is noticed by the last line. MOON_E_CONFIG with errno; MOON_E_NOMEM. */
enum moon_err moon_engines_save(const struct moon_engines *all, const char *path);

#endif
