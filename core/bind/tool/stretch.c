#include "stretch.h"

#include <stdio.h>

#include "given.h"

static bool is_inside(const struct moon_stretch *s, const struct moon_varbind *vb) {
  if (s->stop) { return moon_given_compare(s->stop, s->stop_len, vb->oid, vb->oid_len) > 0; }
  return moon_given_under(s->root, s->root_len, vb->oid, vb->oid_len);
}

static void print_line(const struct moon_stretch *s, const struct moon_show *style, const struct moon_varbind *vb,
                       struct moon_show_text *text) {
  text->n = 0;
  moon_show_varbind(style, vb, text);
  if (text->failed) { return; }
  if (s->took_s >= 0) { printf("%f s: ", s->took_s); }
  fwrite(text->p, 1, text->n, stdout);
  putc('\n', stdout);
}

static void print_disorder(const struct moon_show *style, const struct moon_varbind *vb, const uint8_t *name, size_t name_len,
                           struct moon_show_text *text) {
  fflush(stdout);
  text->n = 0;
  moon_show_oid(style, name, name_len, text);
  fprintf(stderr, "Error: OID not increasing: %.*s\n", (int)text->n, text->n ? text->p : "");
  text->n = 0;
  moon_show_oid(style, vb->oid, vb->oid_len, text);
  fprintf(stderr, " >= %.*s\n\n", (int)text->n, text->n ? text->p : "");
}

/* An answer to several groups: how many of its varbinds are used. Whole groups, or up to the end of the walk. 0: refused. */
static uint32_t usable(const struct moon_stretch *s, const struct moon_pdu *pdu) {
  struct moon_reader r;
  struct moon_varbind vb;
  const uint8_t *before = s->name;
  size_t before_len = s->name_len;
  uint32_t n = 0;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  while (moon_varbind_get(&r, &vb)) {
    n++;
    if (moon_varbind_is_exception(&vb) || !is_inside(s, &vb)) {
      bool rises = moon_given_compare(before, before_len, vb.oid, vb.oid_len) < 0;
      return rises || moon_varbind_is_exception(&vb) ? n : 0;
    }
    if (moon_given_compare(before, before_len, vb.oid, vb.oid_len) >= 0) { return 0; }
    before = vb.oid;
    before_len = vb.oid_len;
  }
  return n < s->group ? n : n / s->group * s->group;
}

void moon_stretch_show(const struct moon_stretch *s, const struct moon_show *style, const struct moon_pdu *pdu,
                       struct moon_show_text *text, struct moon_stretched *out) {
  struct moon_reader r;
  struct moon_varbind vb = {0};
  uint32_t limit = s->single ? UINT32_MAX : usable(s, pdu);
  bool over = false;
  *out = (struct moon_stretched){.name = s->name, .name_len = s->name_len, .refused = limit == 0};
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  while (limit-- > 0 && moon_varbind_get(&r, &vb)) {
    if (!is_inside(s, &vb)) {
      over = true;
      continue;
    }
    out->shown++;
    print_line(s, style, &vb, text);
    if (moon_varbind_is_exception(&vb)) {
      over = true;
      continue;
    }
    if (s->single && s->check && moon_given_compare(out->name, out->name_len, vb.oid, vb.oid_len) >= 0) {
      print_disorder(style, &vb, out->name, out->name_len, text);
      over = out->failed = true;
    }
    if (!s->single || moon_reader_left(&r) == 0 || s->group == 1) {
      out->name = vb.oid;
      out->name_len = vb.oid_len;
    }
  }
  if (over) { out->name = NULL; }
}
