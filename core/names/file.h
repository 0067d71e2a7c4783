/* file: names of OIDs as they lie in memory: one block, position-independent, mapped read-only or compiled in. Nothing is
 * parsed when it is opened: the spans of the header are checked, every accessor checks what it follows. A damaged or hostile
 * block gives wrong names, never a read outside of it and never an endless loop.
 *
 *   header | modules | nodes, by OID | node numbers, by name | types | named numbers | ranges | index elements | texts
 *
 * Numbers are in the machine's own order, which the header tells; texts and OIDs are a length of two octets, the octets, a NUL.
 *
 *   struct moon_mib m;
 *   if (moon_mib_open(p, n, &m)) { ... }
 *   uint32_t i = moon_mib_find(&m, oid, oid_len);          longest prefix
 *   struct moon_mib_node node;
 *   if (moon_mib_node(&m, i, &node)) { ... node.name ... } */
#ifndef MOON_NAMES_FILE_H
#define MOON_NAMES_FILE_H

#include <stdbool.h>

#include "../wire/oid.h"

#define MOON_MIB_NONE UINT32_MAX      /* no such node, type, module */
#define MOON_MIB_SIZE_MAX (1u << 30)  /* of a file: some thousand times what all MIBs of one vendor take */
#define MOON_MIB_TYPE_DEPTH 16        /* textual conventions refined by others */
#define MOON_MIB_INDEX_MAX 32         /* objects of one INDEX clause; an OID of 128 arcs has no room for more of use */

enum moon_mib_kind {
  MOON_MIB_NODE, MOON_MIB_SCALAR, MOON_MIB_TABLE, MOON_MIB_ROW, MOON_MIB_COLUMN, MOON_MIB_NOTIFICATION, MOON_MIB_GROUP,
  MOON_MIB_COMPLIANCE, MOON_MIB_CAPABILITIES, MOON_MIB_IDENTITY, MOON_MIB_KINDS
};
enum moon_mib_access {
  MOON_MIB_NO_ACCESS /* none said */, MOON_MIB_NOT_ACCESSIBLE, MOON_MIB_NOTIFY, MOON_MIB_READ_ONLY, MOON_MIB_READ_WRITE,
  MOON_MIB_READ_CREATE, MOON_MIB_ACCESSES
};
enum moon_mib_status { MOON_MIB_CURRENT, MOON_MIB_DEPRECATED, MOON_MIB_OBSOLETE, MOON_MIB_MANDATORY, MOON_MIB_OPTIONAL, MOON_MIB_STATUSES };
enum moon_mib_base {
  MOON_BASE_NONE, MOON_BASE_INT, MOON_BASE_OCTETS, MOON_BASE_OID, MOON_BASE_IP, MOON_BASE_COUNTER32, MOON_BASE_GAUGE32,
  MOON_BASE_UNSIGNED32, MOON_BASE_TICKS, MOON_BASE_OPAQUE, MOON_BASE_COUNTER64, MOON_BASE_BITS,
  MOON_BASE_NETWORK /* NetworkAddress, RFC 1155: an IpAddress, in an index behind a 1 */, MOON_BASES
};

#define MOON_MIB_IMPLIED 1u  /* flag of a row: the last index has no length in front */
#define MOON_MIB_AUGMENTS 2u /* flag of a row: its index is that of another row */

struct moon_mib_span { uint32_t at, n; };

struct moon_mib_header {
  char magic[8];
  uint32_t order; /* 0x01020304 as the writing machine has it */
  uint32_t size;  /* octets of the whole */
  struct moon_mib_span modules, nodes, names, types, items, ranges, elements, texts;
};
#define MOON_MIB_MAGIC "moonmib1"

/* Records as they lie there; text and OID are offsets into texts. */
struct moon_mib_module_record { uint32_t name; };
struct moon_mib_node_record {
  uint32_t name, oid;
  uint32_t parent;   /* the node above, always a smaller number, or NONE */
  uint32_t type;     /* or NONE */
  uint32_t elements; /* first of n_elements */
  uint32_t units;
  uint32_t row;      /* text: the row that is augmented */
  uint16_t module;
  uint8_t n_elements, kind, access, status, flags, spare;
};
struct moon_mib_type_record {
  uint32_t name;     /* "" when it is a refinement inside an object */
  uint32_t parent;   /* the textual convention refined, or NONE */
  uint32_t hint, items, ranges;
  uint32_t n_items;
  uint16_t module, n_ranges;
  uint8_t base, status, spare[2];
};
struct moon_mib_item_record { int32_t value; uint32_t name; };
struct moon_mib_range_record { uint32_t low[2], high[2]; }; /* int64_t each, low half first */
struct moon_mib_element_record { uint32_t name, type; };

struct moon_mib { /* an open file: borrows its octets as long as it is used */
  const uint8_t *p;
  size_t n;
  struct moon_mib_header h;
};

struct moon_text_view { const char *p; uint32_t n; }; /* p is NUL-terminated and never NULL */

struct moon_mib_node {
  struct moon_text_view name, units, row;
  const uint8_t *oid;
  uint32_t oid_len;
  uint32_t parent, type, elements;
  uint32_t number; /* its own */
  uint16_t module;
  uint8_t n_elements, kind, access, status, flags;
};

struct moon_mib_type {
  struct moon_text_view name, hint; /* hint: its own or the nearest above */
  uint32_t parent;
  uint32_t items, n_items;          /* likewise */
  uint32_t ranges, n_ranges;        /* likewise: of values, or of sizes for octets */
  uint16_t module;
  uint8_t base, status;
};

struct moon_mib_element { struct moon_text_view name; uint32_t type; };

/* Checks the frame only, however large it is. Borrows p. MOON_E_SHORT, MOON_E_VERSION (another format or byte order), MOON_E_LENGTH. */
MOON_API enum moon_err moon_mib_open(const void *p, size_t n, struct moon_mib *out);

/* false: there is no such one; *out is untouched. */
MOON_API bool moon_mib_node(const struct moon_mib *m, uint32_t i, struct moon_mib_node *out);
MOON_API bool moon_mib_type(const struct moon_mib *m, uint32_t i, struct moon_mib_type *out);
MOON_API bool moon_mib_item(const struct moon_mib *m, const struct moon_mib_type *t, uint32_t i, int32_t *value, struct moon_text_view *name);
MOON_API bool moon_mib_range(const struct moon_mib *m, const struct moon_mib_type *t, uint32_t i, int64_t *low, int64_t *high);
MOON_API bool moon_mib_element(const struct moon_mib *m, const struct moon_mib_node *row, uint32_t i, struct moon_mib_element *out);
/* "" when there is none */
MOON_API struct moon_text_view moon_mib_module_name(const struct moon_mib *m, uint32_t module);

/* The node with the longest OID that is a prefix of this one (or all of it), among equals the last; NONE. */
MOON_API uint32_t moon_mib_find(const struct moon_mib *m, const uint8_t *oid, size_t n);
/* The node with this name, in the module when that is not NONE; when several have it, the first by module. NONE. */
MOON_API uint32_t moon_mib_find_name(const struct moon_mib *m, uint32_t module, const char *name, size_t n);
MOON_API uint32_t moon_mib_find_module(const struct moon_mib *m, const char *name, size_t n);
/* The textual convention with this name. NONE. */
MOON_API uint32_t moon_mib_find_type(const struct moon_mib *m, uint32_t module, const char *name, size_t n);
/* The label of a value; false: it has none. */
MOON_API bool moon_mib_label(const struct moon_mib *m, const struct moon_mib_type *t, int64_t value, struct moon_text_view *name);
MOON_API bool moon_mib_labelled(const struct moon_mib *m, const struct moon_mib_type *t, const char *name, size_t n, int32_t *value);
/* The name of the textual convention a type is or refines, the nearest first; "" when it is of a base type. */
MOON_API struct moon_text_view moon_mib_convention(const struct moon_mib *m, uint32_t type);
/* Is it, or does it refine, this textual convention? */
MOON_API bool moon_mib_is(const struct moon_mib *m, uint32_t type, const char *convention);
/* The size every value of an octets type has; 0 when sizes differ. */
MOON_API uint32_t moon_mib_fixed_size(const struct moon_mib *m, const struct moon_mib_type *t);

#endif
