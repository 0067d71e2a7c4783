#include "sample.h"

#include <string.h>

#include "buf.h"
#include "mem.h"

/* u32 len | f64 started | f64 run | u64 version | u32 samples | u32 skipped | u8 err | u8 first, silent: bits 0, 1 */
#define HEAD_LEN 38u
/* u8 item | u8 type | u8 kind | u8 0 | u32 name length | f64 time | u64 value | name | text kind: u32 length, text */
#define SAMPLE_LEN 24u
/* u8 item | u32 labels | labels: u32 key length, u32 value length, key, value */
#define LABELS_LEN 5u
#define LABEL_LEN 8u
#define CAP_FIRST 512u  /* 10,000 runs at once hold one each */

const char *moon_sample_type_name(enum moon_sample_type t) {
  switch (t) {
    case MOON_SAMPLE_COUNTER: return "counter";
    case MOON_SAMPLE_GAUGE: return "gauge";
    case MOON_SAMPLE_INFO: return "info";
    case MOON_SAMPLE_STATE: return "state";
    case MOON_SAMPLE_EVENT: return "event";
  }
  return "unknown";
}

void moon_record_init(struct moon_record *r) { *r = (struct moon_record){0}; }

void moon_record_fini(struct moon_record *r) {
  moon_mem_free(r->p);
  moon_record_init(r);
}

static __attribute__((noinline)) uint8_t *grow(struct moon_record *r, size_t n) {
  if (n > MOON_RECORD_MAX || r->n > MOON_RECORD_MAX - n) {
    r->err = MOON_E_LIMIT;
    return NULL;
  }
  size_t cap = r->cap ? r->cap : CAP_FIRST;
  while (cap < r->n + n) { cap *= 2; }
  uint8_t *p = moon_mem_resize(r->p, cap, 1);
  if (!p) {
    r->err = MOON_E_NOMEM;
    return NULL;
  }
  r->p = p;
  r->cap = (uint32_t)cap;
  return p + r->n;
}

/* Room for n more octets, or NULL and a sticky error. */
static inline uint8_t *room(struct moon_record *r, size_t n) {
  if (r->err) { return NULL; }
  return r->cap - r->n >= n ? r->p + r->n : grow(r, n);
}

static inline uint8_t *put(uint8_t *p, const void *src, size_t n) {
  if (n) { memcpy(p, src, n); }
  return p + n;
}
static inline uint8_t *put_u32(uint8_t *p, uint32_t v) { return put(p, &v, sizeof v); }
static inline uint8_t *put_text(uint8_t *p, struct moon_text t) { return put(put_u32(p, t.n), t.p, t.n); }

static size_t labels_size(const struct moon_label *labels, uint32_t n) {
  size_t size = 0;
  for (uint32_t i = 0; i < n; i++) { size += LABEL_LEN + (size_t)labels[i].key.n + labels[i].value.n; }
  return size;
}

static uint8_t *put_labels(uint8_t *p, const struct moon_label *labels, uint32_t n) {
  p = put_u32(p, n);
  for (uint32_t i = 0; i < n; i++) {
    p = put_u32(p, labels[i].key.n);
    p = put_u32(p, labels[i].value.n);
    p = put(p, labels[i].key.p, labels[i].key.n);
    p = put(p, labels[i].value.p, labels[i].value.n);
  }
  return p;
}

void moon_record_begin(struct moon_record *r, struct moon_text device, struct moon_text probe, struct moon_text job,
                       const struct moon_label *labels, uint32_t n_labels) {
  r->n = r->n_samples = r->items_at = 0;
  r->err = MOON_OK;
  size_t size = HEAD_LEN + 16 + (size_t)device.n + probe.n + job.n + labels_size(labels, n_labels);
  uint8_t *p = room(r, size);
  if (!p) { return; }
  memset(p, 0, HEAD_LEN);
  p = put_text(p + HEAD_LEN, device);
  p = put_text(p, probe);
  p = put_text(p, job);
  put_labels(p, labels, n_labels);
  r->n = r->items_at = (uint32_t)size;
}

void moon_record_labels(struct moon_record *r, const struct moon_label *labels, uint32_t n) {
  size_t size = LABELS_LEN + labels_size(labels, n);
  uint8_t *p = room(r, size);
  if (!p) { return; }
  *p = MOON_ITEM_LABELS;
  put_labels(p + 1, labels, n);
  r->n += (uint32_t)size;
}

void moon_record_sample(struct moon_record *r, const struct moon_sample *s) {
  bool text = s->kind == MOON_NUMBER_TEXT;
  size_t size = SAMPLE_LEN + (size_t)s->name.n + (text ? 4 + (size_t)s->text.n : 0);
  uint8_t *p = room(r, size);
  if (!p) { return; }
  const uint8_t front[4] = {MOON_ITEM_SAMPLE, s->type, s->kind, 0};
  memcpy(p, front, 4);
  memcpy(p + 4, &s->name.n, 4);
  memcpy(p + 8, &s->time_s, 8);
  memcpy(p + 16, &s->value, 8);
  p = put(p + SAMPLE_LEN, s->name.p, s->name.n);
  if (text) { put_text(p, s->text); }
  r->n += (uint32_t)size;
  r->n_samples++;
}

void moon_record_drop_samples(struct moon_record *r) {
  if (!r->items_at) { return; } /* nothing was begun: the error stays */
  r->n = r->items_at;
  r->n_samples = 0;
  r->err = MOON_OK;
}

enum moon_err moon_record_end(struct moon_record *r, const struct moon_run_head *head) {
  if (r->err) { return r->err; }
  uint8_t *p = put_u32(r->p, r->n);
  p = put(p, &head->started_s, 8);
  p = put(p, &head->run_s, 8);
  p = put(p, &head->version, 8);
  p = put_u32(p, r->n_samples);
  p = put_u32(p, head->skipped_nil);
  *p++ = head->err;
  *p = (uint8_t)(head->first | head->silent << 1);
  return MOON_OK;
}

/* n octets of *p copied out; false when there are fewer. */
static inline bool get(const uint8_t **p, const uint8_t *end, void *out, size_t n) {
  if ((size_t)(end - *p) < n) { return false; }
  memcpy(out, *p, n);
  *p += n;
  return true;
}

static inline bool get_octets(const uint8_t **p, const uint8_t *end, struct moon_text *out, uint32_t n) {
  if ((size_t)(end - *p) < n) { return false; }
  out->p = (const char *)*p;
  out->n = n;
  *p += n;
  return true;
}

static inline bool get_text(const uint8_t **p, const uint8_t *end, struct moon_text *out) {
  uint32_t n;
  return get(p, end, &n, 4) && get_octets(p, end, out, n);
}

/* Walks a whole set, so that moon_record_label need not look at bounds. */
static bool get_labels(const uint8_t **p, const uint8_t *end, const uint8_t **labels, uint32_t *n_labels) {
  uint32_t n;
  if (!get(p, end, &n, 4)) { return false; }
  const uint8_t *first = *p;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t len[2];
    if (!get(p, end, len, 8)) { return false; }
    size_t left = (size_t)(end - *p);
    if (len[0] > left || len[1] > left - len[0]) { return false; }
    *p += (size_t)len[0] + len[1];
  }
  *labels = first;
  *n_labels = n;
  return true;
}

enum moon_err moon_record_open(struct moon_record_reader *r, const uint8_t *p, size_t n) {
  struct moon_record_reader o = {0};
  uint32_t len;
  if (n < HEAD_LEN) { return MOON_E_SHORT; }
  o.end = p + n;
  bool ok = get(&p, o.end, &len, 4) && len == n;
  ok = ok && get(&p, o.end, &o.head.started_s, 8) && get(&p, o.end, &o.head.run_s, 8) && get(&p, o.end, &o.head.version, 8);
  ok = ok && get(&p, o.end, &o.head.n_samples, 4) && get(&p, o.end, &o.head.skipped_nil, 4);
  if (!ok) { return MOON_E_SHORT; }
  o.head.err = *p++;
  o.head.first = *p & 1;
  o.head.silent = *p++ >> 1 & 1;
  if (o.head.err > MOON_E_PUBLIC_N) { return MOON_E_SHORT; }
  ok = get_text(&p, o.end, &o.device) && get_text(&p, o.end, &o.probe) && get_text(&p, o.end, &o.job);
  if (!ok || !get_labels(&p, o.end, &o.base_labels, &o.n_base_labels)) { return MOON_E_SHORT; }
  o.p = p;
  *r = o;
  return MOON_OK;
}

static bool next_sample(struct moon_record_reader *r, struct moon_sample *s) {
  uint8_t front[3]; /* type, kind, 0 */
  uint32_t name_n;
  bool ok = get(&r->p, r->end, front, 3) && get(&r->p, r->end, &name_n, 4);
  ok = ok && get(&r->p, r->end, &s->time_s, 8) && get(&r->p, r->end, &s->value, 8);
  if (!ok || front[0] < MOON_SAMPLE_COUNTER || front[0] > MOON_SAMPLE_EVENT || front[1] > MOON_NUMBER_TEXT) { return false; }
  s->type = front[0];
  s->kind = front[1];
  s->text = (struct moon_text){0};
  return get_octets(&r->p, r->end, &s->name, name_n) &&
         (s->kind != MOON_NUMBER_TEXT || get_text(&r->p, r->end, &s->text));
}

enum moon_item moon_record_next(struct moon_record_reader *r, struct moon_sample *s, const uint8_t **labels, uint32_t *n_labels) {
  if (r->p == r->end) { return MOON_ITEM_END; }
  uint8_t item = *r->p++;
  if (item == MOON_ITEM_SAMPLE && next_sample(r, s)) { return MOON_ITEM_SAMPLE; }
  if (item == MOON_ITEM_LABELS && get_labels(&r->p, r->end, labels, n_labels)) { return MOON_ITEM_LABELS; }
  r->err = MOON_E_SHORT;
  r->p = r->end;
  return MOON_ITEM_END;
}

const uint8_t *moon_record_label(const uint8_t *p, struct moon_label *out) {
  uint32_t len[2];
  memcpy(len, p, sizeof len);
  p += sizeof len;
  out->key = (struct moon_text){(const char *)p, len[0]};
  out->value = (struct moon_text){(const char *)p + len[0], len[1]};
  return p + len[0] + len[1];
}
