/* sample: what one run hands to the outputs, as one flat block of octets ("run record"). Made by a worker, carried through a
 * ring, read by the writer; native byte order, same machine, never stored. A run's record travels whole or not at all.
 *
 *   u32 len | head | device | probe | job | base labels | items...
 *   item LABELS  1 | the label set of the samples that follow (replaces the one before)
 *   item SAMPLE  2 | name, type, time, value
 *
 * Label sets are written once for the samples that share them, so that an output can format them once. */
#ifndef MOON_BASE_SAMPLE_H
#define MOON_BASE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define MOON_RECORD_MAX (4u << 20) /* octets of one run: at ~60 a sample some 70,000 samples */

enum moon_sample_type { MOON_SAMPLE_COUNTER = 1, MOON_SAMPLE_GAUGE, MOON_SAMPLE_INFO, MOON_SAMPLE_STATE, MOON_SAMPLE_EVENT };
MOON_API const char *moon_sample_type_name(enum moon_sample_type t);

enum moon_number_kind { MOON_NUMBER_REAL, MOON_NUMBER_UNSIGNED, MOON_NUMBER_SIGNED, MOON_NUMBER_TEXT };

struct moon_text { const char *p; uint32_t n; }; /* not NUL-terminated, any octets */
struct moon_label { struct moon_text key, value; };

struct moon_sample {
  struct moon_text name;
  double time_s;          /* wall clock, Unix seconds: when its datagram was received */
  union { double real; uint64_t uint; int64_t sint; } value;
  struct moon_text text;  /* MOON_NUMBER_TEXT */
  uint8_t type;           /* enum moon_sample_type */
  uint8_t kind;           /* enum moon_number_kind */
};

struct moon_run_head {
  double started_s;       /* wall clock */
  double run_s;           /* seconds it took */
  uint64_t version;       /* of the probe: first 8 octets of the hash of its sources */
  uint32_t n_samples;
  uint32_t skipped_nil;   /* samples not written because their value was nil */
  uint8_t err;            /* enum moon_err of the run; MOON_E_PUBLIC_N: script error */
  bool first;             /* first run of this (device, probe, job) in this process */
  bool silent;            /* it was ended while it waited for the agent, which had answered nothing */
};

/* Growable buffer a worker keeps and reuses. */
struct moon_record {
  uint8_t *p;
  uint32_t n, cap;
  uint32_t n_samples;
  uint32_t items_at;      /* where items start */
  enum moon_err err;      /* sticky: MOON_E_NOMEM, MOON_E_LIMIT (over MOON_RECORD_MAX) */
};
MOON_API void moon_record_init(struct moon_record *r);
MOON_API void moon_record_fini(struct moon_record *r);
/* Starts anew. job may be empty; labels are the inventory's. */
MOON_API void moon_record_begin(struct moon_record *r, struct moon_text device, struct moon_text probe, struct moon_text job,
                                const struct moon_label *labels, uint32_t n_labels);
MOON_API void moon_record_labels(struct moon_record *r, const struct moon_label *labels, uint32_t n);
MOON_API void moon_record_sample(struct moon_record *r, const struct moon_sample *s);
/* Forget all samples, and that they were too many: an atomic run that failed, a run over its limit. */
MOON_API void moon_record_drop_samples(struct moon_record *r);
/* Fills in the head (n_samples is r's own); r->p, r->n are the record. r->err when it is not whole. */
MOON_API enum moon_err moon_record_end(struct moon_record *r, const struct moon_run_head *head);

/* Reading; everything lends from the record. MOON_E_SHORT for a record that is not one. */
struct moon_record_reader {
  struct moon_run_head head;
  struct moon_text device, probe, job;
  const uint8_t *base_labels; uint32_t n_base_labels;  /* see moon_record_label */
  const uint8_t *p, *end;
  enum moon_err err;      /* MOON_E_SHORT: next said END because what follows is no item */
};
MOON_API enum moon_err moon_record_open(struct moon_record_reader *r, const uint8_t *p, size_t n);
enum moon_item { MOON_ITEM_END, MOON_ITEM_LABELS, MOON_ITEM_SAMPLE };
/* LABELS: *labels, *n_labels are the new set. SAMPLE: *s. */
MOON_API enum moon_item moon_record_next(struct moon_record_reader *r, struct moon_sample *s, const uint8_t **labels, uint32_t *n_labels);
/* One label of a set; returns where the next one starts. */
MOON_API const uint8_t *moon_record_label(const uint8_t *p, struct moon_label *out);

#endif
