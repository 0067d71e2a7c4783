#include "smi_index.h"

#if __has_include(<smi.h>)
#include <smi.h>
#include <stdlib.h>
#include <string.h>

#include "../base/mem.h"

enum kind { NODE, TYPE, MODULE };

/* kind, module and the name the thing has now are the key. */
struct slot { void *thing; const SmiModule *module; uint32_t hash; enum kind kind; };

struct list { const SmiModule *module; SmiNode **node; uint32_t n, cap; };

static struct { struct slot *slot; uint32_t n, used; } names; /* open addressing, n a power of two; used counts what was removed too */
static struct { struct list *list; uint32_t n, cap, last; } modules;
static bool lost;
static char removed; /* its address stands where a thing was */

/* As data.h of libsmi has them; what is a Module, an Object, a Type there begins with what smi.h shows of it. */
SmiNode *__real_addObject(char *name, void *parent, SmiSubid subid, unsigned short flags, void *parser);
SmiNode *__real_duplicateObject(SmiNode *of, unsigned short flags, void *parser);
SmiNode *__real_setObjectName(SmiNode *n, char *name, void *parser);
SmiNode *__real_findObjectByModuleAndName(SmiModule *module, const char *name);
SmiNode *__real_findObjectByModulenameAndName(const char *module, const char *name);
void __real_smiCheckObjectName(void *parser, SmiModule *module, char *name);
SmiType *__real_addType(char *name, SmiBasetype base, unsigned short flags, void *parser);
SmiType *__real_setTypeName(SmiType *t, char *name);
SmiType *__real_findTypeByModuleAndName(SmiModule *module, const char *name);
SmiType *__real_findTypeByModulenameAndName(const char *module, const char *name);
void __real_smiCheckTypeName(void *parser, SmiModule *module, char *name, int line);
SmiModule *__real_addModule(char *name, char *path, unsigned short flags, void *parser);
SmiModule *__real_findModuleByName(const char *name);

SmiNode *__wrap_addObject(char *name, void *parent, SmiSubid subid, unsigned short flags, void *parser);
SmiNode *__wrap_duplicateObject(SmiNode *of, unsigned short flags, void *parser);
SmiNode *__wrap_setObjectName(SmiNode *n, char *name, void *parser);
SmiNode *__wrap_findObjectByModuleAndName(SmiModule *module, const char *name);
SmiNode *__wrap_findObjectByModulenameAndName(const char *module, const char *name);
void __wrap_smiCheckObjectName(void *parser, SmiModule *module, char *name);
SmiType *__wrap_addType(char *name, SmiBasetype base, unsigned short flags, void *parser);
SmiType *__wrap_setTypeName(SmiType *t, char *name);
SmiType *__wrap_findTypeByModuleAndName(SmiModule *module, const char *name);
SmiType *__wrap_findTypeByModulenameAndName(const char *module, const char *name);
void __wrap_smiCheckTypeName(void *parser, SmiModule *module, char *name, int line);
void __wrap_smiCheckNamedNumberRedefinition(void *parser, SmiType *t);
SmiModule *__wrap_addModule(char *name, char *path, unsigned short flags, void *parser);
SmiModule *__wrap_findModuleByName(const char *name);

/* ---- names ---- */

static const char *name_of(enum kind kind, const void *thing) {
  const char *name = kind == NODE ? ((const SmiNode *)thing)->name : kind == TYPE ? ((const SmiType *)thing)->name : ((const SmiModule *)thing)->name;
  return name ? name : "";
}

static uint32_t hash_of(enum kind kind, const SmiModule *module, const char *name) {
  uint32_t h = 2166136261u ^ (uint32_t)((uintptr_t)module >> 4) ^ (uint32_t)kind; /* FNV-1a */
  for (; *name; name++) { h = (h ^ (uint8_t)*name) * 16777619u; }
  return h ^ h >> 15;
}

static struct slot *find(enum kind kind, const SmiModule *module, const char *name) {
  if (!names.n) { return NULL; }
  uint32_t h = hash_of(kind, module, name);
  for (uint32_t at = h;; at++) {
    struct slot *s = &names.slot[at & (names.n - 1)];
    if (!s->thing) { return NULL; }
    if (s->hash == h && s->thing != &removed && s->kind == kind && s->module == module && strcmp(name_of(kind, s->thing), name) == 0) { return s; }
  }
}

static void put(struct slot *slots, uint32_t n, const struct slot *s) {
  uint32_t at = s->hash;
  while (slots[at & (n - 1)].thing) { at++; }
  slots[at & (n - 1)] = *s;
}

static bool grow(void) {
  uint32_t n = names.n ? 2 * names.n : 4096;
  struct slot *slots = moon_mem_array(n, sizeof *slots);
  if (!slots) { return false; }
  names.used = 0;
  for (uint32_t i = 0; i < names.n; i++) {
    if (!names.slot[i].thing || names.slot[i].thing == &removed) { continue; }
    put(slots, n, &names.slot[i]);
    names.used++;
  }
  moon_mem_free(names.slot);
  names.slot = slots;
  names.n = n;
  return true;
}

/* Of several with one name libsmi finds the first. */
static void add(enum kind kind, const SmiModule *module, void *thing) {
  const char *name = name_of(kind, thing);
  if (lost || !*name || find(kind, module, name)) { return; }
  if (2 * names.used >= names.n && !grow()) {
    lost = true;
    return;
  }
  put(names.slot, names.n, &(struct slot){thing, module, hash_of(kind, module, name), kind});
  names.used++;
}

/* Are the names of this module known? libsmi makes one itself, of what it has built in: it has no name. */
static bool indexed(const SmiModule *module) { return !lost && module && module->name && *module->name; }

/* ---- nodes ---- */

static struct list *list_of(const SmiModule *module) {
  if (modules.last < modules.n && modules.list[modules.last].module == module) { return &modules.list[modules.last]; }
  for (uint32_t i = modules.n; i-- > 0;) {
    if (modules.list[i].module == module) {
      modules.last = i;
      return &modules.list[i];
    }
  }
  return NULL;
}

static SmiNode *note(SmiNode *n) {
  struct list *l = n ? list_of(smiGetNodeModule(n)) : NULL;
  if (!l) { return n; }
  if (l->n == l->cap) {
    uint32_t cap = l->cap ? 2 * l->cap : 64;
    SmiNode **node = moon_mem_resize(l->node, cap, sizeof(SmiNode *));
    if (!node) {
      lost = true;
      return n;
    }
    l->node = node;
    l->cap = cap;
  }
  l->node[l->n++] = n;
  add(NODE, l->module, n);
  return n;
}

static void forget(const SmiModule *module, const SmiNode *n) {
  struct list *l = list_of(module);
  for (uint32_t i = l ? l->n : 0; i-- > 0;) { /* it came a moment ago */
    if (l->node[i] != n) { continue; }
    memmove(&l->node[i], &l->node[i + 1], (l->n - i - 1) * sizeof(SmiNode *));
    l->n--;
    return;
  }
}

SmiNode *moon_smi_index_node(const SmiModule *module, uint32_t i) {
  const struct list *l = list_of(module);
  return l && i < l->n ? l->node[i] : NULL;
}

bool moon_smi_index_lost(void) { return lost; }

void moon_smi_index_fini(void) {
  for (uint32_t i = 0; i < modules.n; i++) { moon_mem_free(modules.list[i].node); }
  moon_mem_free(modules.list);
  moon_mem_free(names.slot);
  memset(&modules, 0, sizeof modules);
  memset(&names, 0, sizeof names);
  lost = false;
}

/* ---- in place of libsmi's ---- */

SmiNode *__wrap_addObject(char *name, void *parent, SmiSubid subid, unsigned short flags, void *parser) {
  return note(__real_addObject(name, parent, subid, flags, parser));
}

SmiNode *__wrap_duplicateObject(SmiNode *of, unsigned short flags, void *parser) { return note(__real_duplicateObject(of, flags, parser)); }

/* A node that was referred to by this name before takes the place of this one, which is freed. */
SmiNode *__wrap_setObjectName(SmiNode *n, char *name, void *parser) {
  SmiModule *module = smiGetNodeModule(n);
  struct slot *s = n->name ? find(NODE, module, n->name) : NULL;
  char *old = s && s->thing == n ? strdup(n->name) : NULL;
  if (s && s->thing == n) { s->thing = &removed; }
  SmiNode *now = __real_setObjectName(n, name, parser);
  if (now != n) { forget(module, n); }
  add(NODE, module, now);
  SmiNode *next = old ? __real_findObjectByModuleAndName(module, old) : NULL;
  if (next && smiGetNodeModule(next) == module) { add(NODE, module, next); }
  free(old);
  return now;
}

SmiNode *__wrap_findObjectByModuleAndName(SmiModule *module, const char *name) {
  if (!name || !indexed(module)) { return __real_findObjectByModuleAndName(module, name); }
  const struct slot *s = find(NODE, module, name);
  if (s) { return s->thing; }
  bool root = strcmp(name, "iso") == 0 || strcmp(name, "ccitt") == 0 || strcmp(name, "joint-iso-ccitt") == 0;
  return root ? __real_findObjectByModuleAndName(module, name) : NULL;
}

SmiNode *__wrap_findObjectByModulenameAndName(const char *module, const char *name) {
  const struct slot *s = lost || !module || !name ? NULL : find(MODULE, NULL, module);
  return s ? __wrap_findObjectByModuleAndName(s->thing, name) : __real_findObjectByModulenameAndName(module, name);
}

/* Complains when there is one of this name; not about one that was only referred to. */
void __wrap_smiCheckObjectName(void *parser, SmiModule *module, char *name) {
  const struct slot *s = name && indexed(module) ? find(NODE, module, name) : NULL;
  if (name && indexed(module) && (!s || ((SmiNode *)s->thing)->decl == SMI_DECL_UNKNOWN)) { return; }
  __real_smiCheckObjectName(parser, module, name);
}

SmiType *__wrap_addType(char *name, SmiBasetype base, unsigned short flags, void *parser) {
  SmiType *t = __real_addType(name, base, flags, parser);
  if (t && t->name) { add(TYPE, smiGetTypeModule(t), t); }
  return t;
}

/* libsmi's looks for a type to merge with; without one it is only the name. */
SmiType *__wrap_setTypeName(SmiType *t, char *name) {
  SmiModule *module = smiGetTypeModule(t);
  char *own;
  if (t->name || !name || !indexed(module) || find(TYPE, module, name) || !(own = strdup(name))) {
    struct slot *s = t->name ? find(TYPE, module, t->name) : NULL;
    if (s && s->thing == t) { s->thing = &removed; }
    t = __real_setTypeName(t, name);
  } else {
    t->name = own;
  }
  add(TYPE, module, t);
  return t;
}

SmiType *__wrap_findTypeByModuleAndName(SmiModule *module, const char *name) {
  if (!name || !indexed(module)) { return __real_findTypeByModuleAndName(module, name); }
  const struct slot *s = find(TYPE, module, name);
  return s ? s->thing : NULL;
}

SmiType *__wrap_findTypeByModulenameAndName(const char *module, const char *name) {
  const struct slot *s = lost || !module ? NULL : find(MODULE, NULL, module);
  return s ? __wrap_findTypeByModuleAndName(s->thing, name) : __real_findTypeByModulenameAndName(module, name);
}

void __wrap_smiCheckTypeName(void *parser, SmiModule *module, char *name, int line) {
  const struct slot *s = name && indexed(module) ? find(TYPE, module, name) : NULL;
  if (name && indexed(module) && (!s || ((SmiType *)s->thing)->basetype == SMI_BASETYPE_UNKNOWN)) { return; }
  __real_smiCheckTypeName(parser, module, name, line);
}

/* Compares each label with all others. smi.c, which goes through them anyway, tells what is twice. */
void __wrap_smiCheckNamedNumberRedefinition(void *parser, SmiType *t) { (void)parser, (void)t; }

SmiModule *__wrap_addModule(char *name, char *path, unsigned short flags, void *parser) {
  SmiModule *m = __real_addModule(name, path, flags, parser);
  if (modules.n == modules.cap) {
    uint32_t cap = modules.cap ? 2 * modules.cap : 64;
    struct list *list = moon_mem_resize(modules.list, cap, sizeof *list);
    if (!list) {
      lost = true;
      return m;
    }
    modules.list = list;
    modules.cap = cap;
  }
  modules.list[modules.n++] = (struct list){.module = m};
  add(MODULE, NULL, m);
  return m;
}

SmiModule *__wrap_findModuleByName(const char *name) {
  if (lost || !name || !*name) { return __real_findModuleByName(name); }
  const struct slot *s = find(MODULE, NULL, name);
  return s ? s->thing : NULL;
}

#endif
