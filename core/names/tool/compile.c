/* compile DIR: what is known from the start, out of the facts in DIR in the order of DIR/order, as C source on stdout. Runs while
 * the program is built. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../base/mem.h"
#include "../facts.h"

static char *read_file(const char *dir, const char *name, size_t *n) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "rb");
  size_t cap = 1 << 20;
  char *p = f ? malloc(cap) : NULL;
  if (!p) {
    fprintf(stderr, "compile: %s: cannot be read\n", path);
    exit(1);
  }
  *n = fread(p, 1, cap - 1, f);
  p[*n] = '\0';
  fclose(f);
  return p;
}

int main(int argc, char **argv) {
  size_t n;
  uint32_t line;
  const char *why;
  uint8_t *block;
  if (argc != 2) { return 2; }
  struct moon_block *d = moon_block_new();
  if (!d) { return 1; }
  char *order = read_file(argv[1], "order", &n), *rest = order;
  for (char *name; (name = strtok_r(rest, " \n", &rest));) {
    char *text = read_file(argv[1], name, &n);
    if (moon_facts_read(d, text, n, &line, &why)) {
      fprintf(stderr, "%s/%s:%u: %s\n", argv[1], name, line, why);
      return 1;
    }
    free(text);
  }
  free(order);
  moon_block_settle(d);
  const struct moon_mib_node_record *nodes = d->nodes.p;
  const struct moon_mib_element_record *elements = d->elements.p;
  for (uint32_t i = 0; i < d->nodes.n; i++) {
    const char *name = moon_block_view(d, nodes[i].name).p;
    if (nodes[i].kind == MOON_MIB_ROW && !nodes[i].n_elements) {
      fprintf(stderr, "%s: %s has no index\n", argv[1], name);
      return 1;
    }
    for (uint32_t k = 0; k < nodes[i].n_elements; k++) {
      if (elements[nodes[i].elements + k].type != MOON_MIB_NONE) { continue; }
      fprintf(stderr, "%s: %s has an index nobody knows\n", argv[1], name);
      return 1;
    }
  }
  if (moon_block_pack(d, &block, &n)) {
    fprintf(stderr, "compile: out of memory\n");
    return 1;
  }
  printf("#include \"names/set.h\"\n\nconst uint8_t moon_names_builtin[] __attribute__((aligned(8))) = {");
  for (size_t i = 0; i < n; i++) { printf(i % 32 ? "%u," : "\n%u,", block[i]); }
  printf("};\nconst uint32_t moon_names_builtin_len = sizeof moon_names_builtin;\n");
  moon_mem_free(block);
  moon_block_free(d);
  return fflush(stdout) ? 1 : 0;
}
