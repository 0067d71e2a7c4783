/* json: one object a line,
 *
 *   {"t":1764000000.123,"device":"core1","probe":"interfaces","name":"if_rx_octets","type":"counter","value":123,"labels":{"index":"1"}}
 *
 * with "job" after "probe" where there is one. What repeats is formatted once: device and probe per run, labels per label
 * set, the time while it stays the same. Per sample that leaves copies, the name and the value. */
#include "format.h"
#include "output.h"

struct json {
  struct moon_output output;
  struct moon_print who;    /* ,"device":"..","probe":"..","name":" */
  struct moon_print labels; /* ,"labels":{..}}\n */
  const uint8_t *base;    /* the inventory's labels, lent from the record */
  uint32_t n_base;
  double time_s;
  char time[8 + MOON_FORMAT_MAX]; /* {"t":... */
  size_t time_len;
};

static void put_string(struct moon_print *o, struct moon_text t) {
  uint8_t *p = moon_print_room(o, (size_t)t.n * 6 + 2);
  if (!p) { return; }
  p[0] = '"';
  size_t n = moon_format_escape((char *)p + 1, t.p, t.n);
  p[n + 1] = '"';
  o->n += n + 2;
}

static void put_label(struct moon_print *o, const struct moon_label *l, bool *first) {
  if (!*first) { moon_print_put(o, ",", 1); }
  *first = false;
  put_string(o, l->key);
  moon_print_put(o, ":", 1);
  put_string(o, l->value);
}

static bool has_key(const uint8_t *p, uint32_t n, struct moon_text key) {
  struct moon_label l;
  for (uint32_t i = 0; i < n; i++) {
    p = moon_record_label(p, &l);
    if (l.key.n == key.n && memcmp(l.key.p, key.p, key.n) == 0) { return true; }
  }
  return false;
}

/* The inventory's labels, then the sample's own; of the same key the sample's own is meant. */
static void set_labels(struct json *j, const uint8_t *own, uint32_t n_own) {
  struct moon_label l;
  bool first = true;
  j->labels.n = 0;
  moon_print_text(&j->labels, ",\"labels\":{");
  const uint8_t *p = j->base;
  for (uint32_t i = 0; i < j->n_base; i++) {
    p = moon_record_label(p, &l);
    if (n_own == 0 || !has_key(own, n_own, l.key)) { put_label(&j->labels, &l, &first); }
  }
  for (uint32_t i = 0; i < n_own; i++) {
    own = moon_record_label(own, &l);
    put_label(&j->labels, &l, &first);
  }
  moon_print_text(&j->labels, "}}\n");
}

/* After the labels, for one sample. */
static void put_version(struct json *j, uint64_t version) {
  static const char hex[] = "0123456789abcdef";
  char text[] = ",\"version\":\"0123456789abcdef\"}\n";
  if (!version) { return; }
  for (unsigned i = 0; i < 16; i++) { text[12 + i] = hex[version >> (60 - 4 * i) & 15]; }
  j->labels.n -= 2;
  moon_print_put(&j->labels, text, sizeof text - 1);
}

static void set_who(struct json *j, const struct moon_record_reader *r) {
  j->who.n = 0;
  moon_print_text(&j->who, ",\"device\":");
  put_string(&j->who, r->device);
  moon_print_text(&j->who, ",\"probe\":");
  put_string(&j->who, r->probe);
  if (r->job.n) {
    moon_print_text(&j->who, ",\"job\":");
    put_string(&j->who, r->job);
  }
  moon_print_text(&j->who, ",\"name\":\"");
}

static uint8_t *copy(uint8_t *p, const void *src, size_t n) {
  memcpy(p, src, n);
  return p + n;
}

static void put_sample(struct json *j, const struct moon_sample *s, struct moon_print *out) {
  static const struct { char text[32]; uint8_t len; } types[] = {
#define MOON_TYPE(name) {"\",\"type\":\"" name "\",\"value\":", sizeof "\",\"type\":\"" name "\",\"value\":" - 1}
    MOON_TYPE("unknown"), MOON_TYPE("counter"), MOON_TYPE("gauge"), MOON_TYPE("info"), MOON_TYPE("state"), MOON_TYPE("event")};
#undef MOON_TYPE
  if (s->time_s != j->time_s || j->time_len == 0) {
    memcpy(j->time, "{\"t\":", 5);
    j->time_len = 5 + moon_format_time(j->time + 5, s->time_s);
    j->time_s = s->time_s;
  }
  size_t room = j->time_len + j->who.n + (size_t)s->name.n * 6 + 32 + MOON_FORMAT_MAX + 2 + j->labels.n;
  if (s->kind == MOON_NUMBER_TEXT) { room += (size_t)s->text.n * 6; }
  uint8_t *p = moon_print_room(out, room);
  if (!p) { return; }
  uint8_t *from = p;
  p = copy(p, j->time, j->time_len);
  p = copy(p, j->who.p, j->who.n);
  p += moon_format_escape((char *)p, s->name.p, s->name.n);
  unsigned type = s->type <= MOON_SAMPLE_EVENT ? s->type : 0;
  memcpy(p, types[type].text, 32); /* a fixed size is one copy; what is too much is overwritten */
  p += types[type].len;
  switch (s->kind) {
    case MOON_NUMBER_UNSIGNED: p += moon_format_u64((char *)p, s->value.uint); break;
    case MOON_NUMBER_SIGNED: p += moon_format_i64((char *)p, s->value.sint); break;
    case MOON_NUMBER_TEXT:
      *p++ = '"';
      p += moon_format_escape((char *)p, s->text.p, s->text.n);
      *p++ = '"';
      break;
    default: p += moon_format_real((char *)p, s->value.real); break;
  }
  p = copy(p, j->labels.p, j->labels.n);
  out->n += (size_t)(p - from);
  moon_print_line(out);
}

static enum moon_err json_record(struct moon_output *self, const uint8_t *p, size_t n, struct moon_print *out) {
  struct json *j = (struct json *)self;
  struct moon_record_reader r;
  struct moon_sample s, ours[MOON_RUN_SAMPLES];
  const uint8_t *labels = NULL;
  uint32_t n_labels = 0;
  enum moon_err err = moon_record_open(&r, p, n);
  if (err) { return err; }
  j->base = r.base_labels;
  j->n_base = r.n_base_labels;
  set_who(j, &r);
  set_labels(j, NULL, 0);
  for (;;) {
    enum moon_item item = moon_record_next(&r, &s, &labels, &n_labels);
    if (item == MOON_ITEM_END || j->who.failed || j->labels.failed) { break; }
    if (item == MOON_ITEM_LABELS) {
      set_labels(j, labels, n_labels);
    } else {
      put_sample(j, &s, out);
    }
  }
  set_labels(j, NULL, 0);
  moon_run_samples(&r.head, ours);
  for (size_t i = 0; i < MOON_RUN_SAMPLES && !j->who.failed && !j->labels.failed; i++) {
    size_t labels_n = j->labels.n;
    if (i == 0) { put_version(j, r.head.version); }
    put_sample(j, &ours[i], out);
    j->labels.n = labels_n;
    memcpy(j->labels.p + labels_n - 2, "}\n", 2);
  }
  if (j->who.failed || j->labels.failed) {
    j->who.failed = j->labels.failed = false;
    return MOON_E_NOMEM;
  }
  return r.err;
}

static void json_free(struct moon_output *self) {
  struct json *j = (struct json *)self;
  moon_print_fini(&j->who);
  moon_print_fini(&j->labels);
  moon_mem_free(j);
}

struct moon_output *moon_json_new(void) {
  struct json *j = moon_mem_zalloc(sizeof *j);
  if (!j) { return NULL; }
  j->output.record = json_record;
  j->output.free = json_free;
  moon_print_init(&j->who, NULL, NULL);
  moon_print_init(&j->labels, NULL, NULL);
  return &j->output;
}
