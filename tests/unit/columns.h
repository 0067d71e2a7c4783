/* columns: vectors as lines of text, in columns between bars; empty lines and those that begin with # are left out.
 *
 *   struct columns c;
 *   columns_open(&c, "tests/vectors/usm/keys.txt", 11);
 *   while (columns_next(&c)) { use(c.column[0]); n = columns_hex(&c, 4, octets, sizeof octets); }
 *   columns_close(&c);
 *
 * A line that is not as said ends the test binary with its number. */
#ifndef MOON_TESTS_COLUMNS_H
#define MOON_TESTS_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 12

struct columns {
  FILE *f;
  const char *path;
  char *column[COLUMNS_MAX]; /* lent until the next line */
  unsigned n, line;
  char text[16384];
};

__attribute__((unused)) static void columns_fail(const struct columns *c, const char *why) {
  fprintf(stderr, "%s:%u: %s\n", c->path, c->line, why);
  abort();
}

__attribute__((unused)) static void columns_open(struct columns *c, const char *path, unsigned n) {
  c->path = path;
  c->n = n;
  c->line = 0;
  c->f = fopen(path, "r");
  if (!c->f) { columns_fail(c, "cannot be read"); }
}

__attribute__((unused)) static bool columns_next(struct columns *c) {
  char *p;
  unsigned i;
  do {
    if (!fgets(c->text, sizeof c->text, c->f)) { return false; }
    c->line++;
  } while (c->text[0] == '#' || c->text[0] == '\n');
  p = strchr(c->text, '\n');
  if (!p) { columns_fail(c, "too long"); }
  *p = '\0';
  for (p = c->text, i = 0; p && i < COLUMNS_MAX; i++) {
    c->column[i] = p;
    p = strstr(p, " | ");
    if (p) {
      *p = '\0';
      p += 3;
    }
  }
  if (p || i != c->n) { columns_fail(c, "another number of columns"); }
  return true;
}

/* How many octets column i gives. */
__attribute__((unused)) static size_t columns_hex(const struct columns *c, unsigned i, uint8_t *out, size_t cap) {
  const char *p = c->column[i];
  size_t n = 0;
  unsigned octet;
  for (; *p; p += 2, n++) {
    if (n == cap || sscanf(p, "%2x", &octet) != 1 || !p[1]) { columns_fail(c, "no hex, or too much of it"); }
    out[n] = (uint8_t)octet;
  }
  return n;
}

__attribute__((unused)) static void columns_close(struct columns *c) { fclose(c->f); }

#endif
