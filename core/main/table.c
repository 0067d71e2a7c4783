/* table: for people at a terminal. A run is one block,
 *
 *   core1  interfaces  ok  24 samples  0.031 s
 *     if_rx_octets  index=1 interface=lo      18446744073709551615
 *     if_tx_octets  index=1 interface=lo                      1234
 *
 * Two passes over the record: the widths, then the text. Labels without a value are left out. What a terminal could take for
 * a command is shown as \xNN. */
#include <math.h>
#include <stdio.h>

#include "format.h"
#include "output.h"

#define NAME_MAX_WIDTH 40  /* wider ones stick out */
#define LABEL_MAX_WIDTH 72
#define VALUE_MAX_WIDTH 24

struct table {
  struct moon_output output;
  struct moon_print labels; /* of the set at hand, as shown */
  struct moon_print value;
};

struct widths { size_t name, labels, value; };

static void put_safe(struct moon_print *o, struct moon_text t) {
  uint8_t *p = moon_print_room(o, (size_t)t.n * 4);
  if (p) { o->n += moon_format_printable((char *)p, t.p, t.n); }
}

static void set_labels(struct table *t, const uint8_t *p, uint32_t n) {
  struct moon_label l;
  t->labels.n = 0;
  for (uint32_t i = 0; i < n; i++) {
    p = moon_record_label(p, &l);
    if (!l.value.n) { continue; }
    if (t->labels.n) { moon_print_put(&t->labels, " ", 1); }
    put_safe(&t->labels, l.key);
    moon_print_put(&t->labels, "=", 1);
    put_safe(&t->labels, l.value);
  }
}

/* Three decimals are what people read; what has none that counts, or is huge, is shown in full. */
static size_t format_rounded(char *out, double v) {
  if (!(fabs(v) >= 1) || fabs(v) >= 1e15) { return moon_format_real(out, v); }
  size_t n = (size_t)snprintf(out, MOON_FORMAT_MAX, "%.3f", v);
  while (out[n - 1] == '0') { n--; }
  return n - (out[n - 1] == '.');
}

static void set_value(struct table *t, const struct moon_sample *s) {
  t->value.n = 0;
  if (s->kind == MOON_NUMBER_TEXT) {
    put_safe(&t->value, s->text);
    return;
  }
  char *p = (char *)moon_print_room(&t->value, MOON_FORMAT_MAX);
  if (!p) { return; }
  t->value.n += s->kind == MOON_NUMBER_UNSIGNED ? moon_format_u64(p, s->value.uint)
                : s->kind == MOON_NUMBER_SIGNED ? moon_format_i64(p, s->value.sint)
                                                : format_rounded(p, s->value.real);
}

/* Places on the screen: UTF-8 continuation octets take none. */
static size_t places(const void *text, size_t n) {
  const uint8_t *p = text;
  size_t width = 0;
  for (size_t i = 0; i < n; i++) { width += (p[i] & 0xc0) != 0x80; }
  return width;
}

static size_t wider(size_t have, size_t n, size_t most) { return n > have && n <= most ? n : have; }

static void pad(struct moon_print *o, size_t n, size_t width) {
  for (; n < width; n++) { moon_print_put(o, " ", 1); }
}

static void measure(struct table *t, struct moon_record_reader r, struct widths *w) {
  struct moon_sample s;
  const uint8_t *labels;
  uint32_t n_labels;
  *w = (struct widths){0, 0, 0};
  t->labels.n = 0;
  for (enum moon_item item; (item = moon_record_next(&r, &s, &labels, &n_labels)) != MOON_ITEM_END;) {
    if (item == MOON_ITEM_LABELS) {
      set_labels(t, labels, n_labels);
    } else {
      set_value(t, &s);
      w->name = wider(w->name, places(s.name.p, s.name.n), NAME_MAX_WIDTH);
      w->labels = wider(w->labels, places(t->labels.p, t->labels.n), LABEL_MAX_WIDTH);
      w->value = wider(w->value, places(t->value.p, t->value.n), VALUE_MAX_WIDTH);
    }
  }
}

static void headline(struct table *t, const struct moon_record_reader *r, struct moon_print *out) {
  struct moon_sample ours[MOON_RUN_SAMPLES];
  char seconds[MOON_FORMAT_MAX];
  moon_run_samples(&r->head, ours);
  put_safe(out, r->device);
  moon_print_text(out, "  ");
  put_safe(out, r->probe);
  if (r->job.n) {
    moon_print_text(out, "/");
    put_safe(out, r->job);
  }
  moon_print_text(out, "  ");
  put_safe(out, ours[2].text);
  size_t n = moon_format_time(seconds, r->head.run_s);
  moon_print_printf(out, "  %u sample%s  %.*s s", r->head.n_samples, r->head.n_samples == 1 ? "" : "s", (int)n, seconds);
  if (r->n_base_labels) {
    set_labels(t, r->base_labels, r->n_base_labels);
    moon_print_text(out, "  ");
    moon_print_put(out, t->labels.p, t->labels.n);
  }
  moon_print_text(out, "\n");
}

static enum moon_err table_record(struct moon_output *self, const uint8_t *p, size_t n, struct moon_print *out) {
  struct table *t = (struct table *)self;
  struct moon_record_reader r;
  struct moon_sample s;
  struct widths w;
  const uint8_t *labels;
  uint32_t n_labels;
  enum moon_err err = moon_record_open(&r, p, n);
  if (err) { return err; }
  headline(t, &r, out);
  measure(t, r, &w);
  t->labels.n = 0;
  for (enum moon_item item; (item = moon_record_next(&r, &s, &labels, &n_labels)) != MOON_ITEM_END;) {
    if (item == MOON_ITEM_LABELS) {
      set_labels(t, labels, n_labels);
      continue;
    }
    set_value(t, &s);
    moon_print_text(out, "  ");
    size_t from = out->n;
    put_safe(out, s.name);
    if (!out->failed) { pad(out, places(out->p + from, out->n - from), w.name); }
    moon_print_text(out, "  ");
    moon_print_put(out, t->labels.p, t->labels.n);
    pad(out, places(t->labels.p, t->labels.n), w.labels);
    if (w.labels) { moon_print_text(out, "  "); }
    if (s.kind != MOON_NUMBER_TEXT) { pad(out, places(t->value.p, t->value.n), w.value); }
    moon_print_put(out, t->value.p, t->value.n);
    moon_print_text(out, "\n");
    moon_print_line(out);
  }
  moon_print_line(out);
  return t->labels.failed || t->value.failed ? MOON_E_NOMEM : r.err;
}

static void table_free(struct moon_output *self) {
  struct table *t = (struct table *)self;
  moon_print_fini(&t->labels);
  moon_print_fini(&t->value);
  moon_mem_free(t);
}

struct moon_output *moon_table_new(void) {
  struct table *t = moon_mem_zalloc(sizeof *t);
  if (!t) { return NULL; }
  t->output.record = table_record;
  t->output.free = table_free;
  moon_print_init(&t->labels, NULL, NULL);
  moon_print_init(&t->value, NULL, NULL);
  return &t->output;
}
