/* modules: files with MIB modules, looked through for what they define and what they import before anybody parses them. */
#ifndef MOON_MAIN_MODULES_H
#define MOON_MAIN_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct moon_module_file {
  char *name;      /* of the module */
  char *path;      /* absolute */
  char **imports;  /* n_imports names of modules */
  uint32_t n_imports;
  bool visited;    /* while they are put in order */
  bool quoted;     /* the file ends inside quotes */
  bool endless;    /* it does not end with END */
  bool dropped;    /* by whoever loads them */
  uint32_t size;   /* octets of the file */
};

struct moon_modules {
  struct moon_module_file *at;
  uint32_t n, cap;
  uint32_t *slots, n_slots; /* numbers in at, one more than they are, by hash of the name; 0 is free */
  void (*tell)(void *arg, const char *path, int line, const char *text); /* of files that are left out; path as given */
  void *arg;
};

/* A file, or a directory with all below it. false: it cannot be read at all (errno); what is no MIB is told and left out. */
bool moon_modules_add(struct moon_modules *m, const char *path);
/* The module with this name; NULL. */
struct moon_module_file *moon_modules_find(const struct moon_modules *m, const char *name);
/* What is imported comes before what imports it, as far as there is such an order, and the SMI itself before all. Pointers into it
 * become void. */
void moon_modules_sort(struct moon_modules *m);
void moon_modules_fini(struct moon_modules *m);

#endif
