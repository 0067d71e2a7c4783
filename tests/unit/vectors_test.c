/* Every line of the files in tests/vectors is a test of its own:
 *   - it decodes to the text, or fails with the error, that the line says;
 *   - encoded again it gives the same octets (mark =), or others that decode to the same (mark ~);
 *   - every prefix of it gives a clean error, or for names and text a clean shorter value;
 *   - all input ends at a page without access.
 * Lines are: name | kind | mark | octets | expected | source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "wire/message.h"

#define VECTORS_MIN 200 /* fewer: files are missing */
#define OCTETS_MAX 65536
#define TEXT_MAX (1 << 20)

struct vector {
  char *line; /* owns what the others lend from it */
  char *name, *kind, *hex, *expected;
  uint8_t *octets;
  size_t n;
  char mark;
};

/* What a decoder said of its input. */
struct text { char *p; size_t n; };

static struct guard guard;
static struct text told, told_again;
static uint8_t encoded[2 * OCTETS_MAX];

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...) {
  va_list args;
  int n;
  va_start(args, format);
  n = vsnprintf(t->p + t->n, TEXT_MAX - t->n, format, args);
  va_end(args);
  assert_true(n >= 0 && (size_t)n < TEXT_MAX - t->n);
  t->n += (size_t)n;
}

static void say_hex(struct text *t, const uint8_t *p, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) { say(t, "%02x", p[i]); }
}

static void say_oid(struct text *t, const uint8_t *p, size_t n) {
  char s[MOON_OID_TEXT_MAX];
  assert_true(moon_oid_format(p, n, s, sizeof s) > 0);
  say(t, "%s", s);
}

/* Through arcs, so that the octets are made anew. */
static void put_oid(struct moon_writer *w, const uint8_t *p, size_t n) {
  struct moon_oid oid = {{0, 0}, 2};
  uint8_t out[MOON_OID_MAX_LEN];
  size_t len = 0;
  if (n) { assert_int_equal(moon_oid_decode(p, n, &oid), MOON_OK); }
  assert_int_equal(moon_oid_encode(&oid, out, sizeof out, &len), MOON_OK);
  moon_ber_put_bytes(w, MOON_OBJECT_ID, out, len);
}

static void say_value(struct text *t, const struct moon_varbind *vb) {
  enum moon_err e = moon_varbind_check(vb);
  uint64_t u = 0;
  int64_t i = 0;
  if (e) {
    say(t, "!%s", moon_err_name(e));
    return;
  }
  switch (vb->type) {
  case MOON_INTEGER:
    assert_int_equal(moon_varbind_i64(vb, &i), MOON_OK);
    say(t, "Integer:%lld", (long long)i);
    return;
  case MOON_COUNTER32: say(t, "Counter32:"); break;
  case MOON_GAUGE32: say(t, "Gauge32:"); break;
  case MOON_TIME_TICKS: say(t, "TimeTicks:"); break;
  case MOON_UINTEGER32: say(t, "UInteger32:"); break;
  case MOON_COUNTER64: say(t, "Counter64:"); break;
  case MOON_OCTET_STRING: say(t, "OctetString:"); break;
  case MOON_OPAQUE: say(t, "Opaque:"); break;
  case MOON_NSAP: say(t, "Nsap:"); break;
  case MOON_OBJECT_ID:
    say(t, "Oid:");
    say_oid(t, vb->value, vb->value_len);
    return;
  case MOON_IP_ADDRESS: say(t, "IpAddress:%u.%u.%u.%u", vb->value[0], vb->value[1], vb->value[2], vb->value[3]); return;
  case MOON_NULL: say(t, "Null"); return;
  case MOON_NO_SUCH_OBJECT: say(t, "noSuchObject"); return;
  case MOON_NO_SUCH_INSTANCE: say(t, "noSuchInstance"); return;
  case MOON_END_OF_MIB_VIEW: say(t, "endOfMibView"); return;
  default: fail_msg("type %02x passed the check", vb->type);
  }
  if (moon_varbind_u64(vb, &u) == MOON_OK) {
    say(t, "%llu", (unsigned long long)u);
  } else {
    say_hex(t, vb->value, vb->value_len);
  }
}

static void put_value(struct moon_writer *w, const struct moon_varbind *vb) {
  int64_t i;
  uint64_t u;
  if (moon_varbind_i64(vb, &i) == MOON_OK) {
    moon_ber_put_i64(w, vb->type, i);
  } else if (moon_varbind_u64(vb, &u) == MOON_OK) {
    moon_ber_put_u64(w, vb->type, u);
  } else if (vb->type == MOON_OBJECT_ID && moon_varbind_check(vb) == MOON_OK) {
    put_oid(w, vb->value, vb->value_len);
  } else {
    moon_ber_put_bytes(w, vb->type, vb->value, vb->value_len);
  }
}

static void say_varbind(struct text *t, const struct moon_varbind *vb) {
  say_oid(t, vb->oid, vb->oid_len);
  say(t, "=");
  say_value(t, vb);
}

static void put_varbind(struct moon_writer *w, const struct moon_varbind *vb) {
  const uint8_t *mark = w->p;
  put_value(w, vb);
  put_oid(w, vb->oid, vb->oid_len);
  moon_ber_put_wrap(w, MOON_SEQUENCE, mark);
}

/* Tells the list, and writes it anew in front of what w holds. */
static void list(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  static struct moon_varbind all[MOON_VARBINDS_MAX];
  struct moon_reader r;
  size_t count = 0;
  moon_reader_init(&r, p, n);
  while (count < MOON_VARBINDS_MAX && moon_varbind_get(&r, &all[count])) {
    say(t, " ; ");
    say_varbind(t, &all[count++]);
  }
  if (r.err) { say(t, " ; !%s", moon_err_name(r.err)); }
  while (count--) { put_varbind(w, &all[count]); }
}

static const char *pdu_name(uint8_t type) {
  static const char *const names[] = {"get", "getnext", "response", "set", "trap1", "getbulk", "inform", "trap", "report"};
  assert_in_range(type, MOON_PDU_GET, MOON_PDU_REPORT);
  return names[type - MOON_PDU_GET];
}

/* The same PDU with its list written anew in w. */
static struct moon_pdu pdu(const struct moon_pdu *in, struct text *t, struct moon_writer *w) {
  struct moon_pdu again = *in;
  say(t, "%s id=%d status=%d index=%d", pdu_name(in->type), (int)in->request_id, (int)in->error_status, (int)in->error_index);
  list(in->varbinds, in->varbinds_len, t, w);
  again.varbinds = w->p;
  again.varbinds_len = moon_writer_len(w);
  return again;
}

static void trap(const struct moon_trap_v1 *in, struct text *t, struct moon_writer *w) {
  struct moon_trap_v1 again = *in;
  say(t, "trap1 enterprise=");
  say_oid(t, in->enterprise, in->enterprise_len);
  say(t, " agent=%u.%u.%u.%u generic=%d specific=%d uptime=%u", in->agent[0], in->agent[1], in->agent[2], in->agent[3],
      (int)in->generic, (int)in->specific, (unsigned)in->uptime);
  list(in->varbinds, in->varbinds_len, t, w);
  again.varbinds = w->p;
  again.varbinds_len = moon_writer_len(w);
  moon_trap_v1_encode(w, &again);
}

/* The kinds of vectors: decode, tell, encode anew. */

static enum moon_err read_value(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  struct moon_reader r;
  struct moon_varbind vb = {NULL, NULL, 0, 0, 0};
  size_t len;
  enum moon_err e;
  moon_reader_init(&r, p, n);
  moon_ber_get_header(&r, &vb.type, &len);
  if (r.err) { return r.err; }
  if (len != moon_reader_left(&r)) { return MOON_E_TRAILING; }
  vb.value = r.p;
  vb.value_len = (uint32_t)len;
  e = moon_varbind_check(&vb);
  if (e) { return e; }
  say_value(t, &vb);
  put_value(w, &vb);
  return MOON_OK;
}

static enum moon_err read_opaque(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  struct moon_varbind vb = {NULL, p, (uint32_t)n, 0, MOON_OPAQUE};
  union moon_opaque v;
  uint8_t kind;
  enum moon_err e = moon_varbind_opaque(&vb, &kind, &v);
  (void)w;
  if (e) { return e; }
  if (kind == 0x78 || kind == 0x79) {
    say(t, "%02x %.17g", kind, v.real);
  } else if (kind == 0x7a) {
    say(t, "%02x %lld", kind, (long long)v.sint);
  } else {
    say(t, "%02x %llu", kind, (unsigned long long)v.uint);
  }
  return MOON_OK;
}

static enum moon_err read_oid(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  struct moon_oid oid;
  uint8_t out[MOON_OID_MAX_LEN];
  size_t len;
  enum moon_err e = moon_oid_decode(p, n, &oid);
  assert_int_equal(moon_oid_check(p, n), e);
  if (e) { return e; }
  say_oid(t, p, n);
  e = moon_oid_encode(&oid, out, sizeof out, &len);
  moon_writer_put(w, out, len);
  return e;
}

static enum moon_err read_index(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  char s[MOON_OID_TEXT_MAX];
  uint8_t out[MOON_OID_MAX_LEN];
  size_t len, text_len = moon_oid_format_index(p, n, s, sizeof s);
  if (n && !text_len) { return MOON_E_SYNTAX; }
  say(t, "%s", s);
  assert_int_equal(moon_oid_parse_index(s, text_len, out, sizeof out, &len), MOON_OK);
  moon_writer_put(w, out, len);
  return MOON_OK;
}

static enum moon_err read_text(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  uint8_t out[MOON_OID_MAX_LEN];
  char s[MOON_OID_TEXT_MAX];
  size_t len;
  enum moon_err e = moon_oid_parse((const char *)p, n, out, sizeof out, &len);
  if (e) { return e; }
  say_hex(t, out, len);
  moon_writer_put(w, s, moon_oid_format(out, len, s, sizeof s));
  return MOON_OK;
}

static enum moon_err read_index_text(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  uint8_t out[MOON_OID_MAX_LEN];
  char s[MOON_OID_TEXT_MAX];
  size_t len;
  enum moon_err e = moon_oid_parse_index((const char *)p, n, out, sizeof out, &len);
  if (e) { return e; }
  say_hex(t, out, len);
  moon_writer_put(w, s, moon_oid_format_index(out, len, s, sizeof s));
  return MOON_OK;
}

static enum moon_err read_varbind(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  struct moon_reader r;
  struct moon_varbind vb;
  moon_reader_init(&r, p, n);
  if (!moon_varbind_get(&r, &vb)) { return r.err ? r.err : MOON_E_SHORT; }
  if (moon_reader_left(&r)) { return MOON_E_TRAILING; }
  say_varbind(t, &vb);
  put_varbind(w, &vb);
  return MOON_OK;
}

static enum moon_err read_pdu(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  struct moon_reader r;
  struct moon_pdu in;
  moon_reader_init(&r, p, n);
  if (moon_pdu_decode(&r, &in)) { return r.err; }
  if (moon_reader_left(&r)) { return MOON_E_TRAILING; }
  in = pdu(&in, t, w);
  moon_pdu_encode(w, &in);
  return MOON_OK;
}

static enum moon_err read_peek(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  struct moon_peek peek;
  enum moon_err e = moon_message_peek(p, n, &peek);
  (void)w;
  if (e) { return e; }
  say(t, peek.version == MOON_V3 ? "v3" : peek.version == MOON_V2C ? "v2c" : "v1");
  if (peek.pdu_type) { say(t, " %s", pdu_name(peek.pdu_type)); }
  say(t, " id=%d", (int)(int32_t)peek.id);
  return MOON_OK;
}

static enum moon_err read_message(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  struct moon_message m;
  struct moon_peek peek;
  enum moon_err e = moon_message_decode(p, n, &m);
  if (e) { return e; }
  assert_int_equal(moon_message_peek(p, n, &peek), MOON_OK);
  assert_int_equal(peek.version, m.version);
  assert_int_equal(peek.id, m.is_trap_v1 ? 0 : (uint32_t)m.pdu.request_id);
  say(t, "%s %.*s ", m.version == MOON_V1 ? "v1" : "v2c", (int)m.community_len, (const char *)m.community);
  if (m.is_trap_v1) {
    trap(&m.trap, t, w);
    moon_ber_put_bytes(w, MOON_OCTET_STRING, m.community, m.community_len);
    moon_ber_put_i64(w, MOON_INTEGER, m.version);
    moon_ber_put_wrap(w, MOON_SEQUENCE, w->end);
  } else {
    m.pdu = pdu(&m.pdu, t, w);
    moon_message_encode(w, m.version, m.community, m.community_len, &m.pdu);
  }
  if (m.trailing) { say(t, " +trailing"); }
  return MOON_OK;
}

static const struct kind {
  const char *name;
  enum moon_err (*read)(const uint8_t *p, size_t n, struct text *t, struct moon_writer *w);
  bool framed;  /* begins with a tag and a length, so no prefix is whole */
  bool is_text; /* the octets are written as they are */
} kinds[] = {
  {"value", read_value, true, false},     {"opaque", read_opaque, false, false}, {"oid", read_oid, false, false},
  {"index", read_index, false, false},    {"text", read_text, false, true},      {"index-text", read_index_text, false, true},
  {"varbind", read_varbind, true, false}, {"pdu", read_pdu, true, false},        {"message", read_message, true, false},
  {"peek", read_peek, false, false},
};

static const struct kind *find_kind(const char *name) {
  size_t i;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (!strcmp(kinds[i].name, name)) { return &kinds[i]; }
  }
  fail_msg("no kind %s", name);
  return NULL;
}

static enum moon_err read_one(const struct kind *k, const uint8_t *p, size_t n, struct text *t, struct moon_writer *w) {
  t->n = 0;
  t->p[0] = '\0';
  moon_writer_init(w, encoded, sizeof encoded);
  return k->read(guard_put(&guard, p, n), n, t, w);
}

/* A message that was cut still gives the varbinds it has, and no others. */
static void cut_message(const struct vector *v, size_t n) {
  const uint8_t *p = guard_put(&guard, v->octets, n);
  struct moon_message whole, cut;
  struct moon_reader r;
  struct moon_varbind vb;
  size_t at;
  if (moon_message_decode_cut(p, n, &cut) || cut.is_trap_v1) { return; }
  assert_int_equal(moon_message_decode(v->octets, v->n, &whole), MOON_OK);
  assert_int_equal(cut.pdu.request_id, whole.pdu.request_id);
  moon_reader_init(&r, cut.pdu.varbinds, cut.pdu.varbinds_len);
  while (moon_varbind_get(&r, &vb)) {
    at = (size_t)(r.p - cut.pdu.varbinds);
    assert_memory_equal(cut.pdu.varbinds, whole.pdu.varbinds, at);
  }
  assert_true(r.err == MOON_OK || r.err == MOON_E_SHORT);
}

static void run(void **state) {
  const struct vector *v = *state;
  const struct kind *k = find_kind(v->kind);
  struct moon_writer w;
  enum moon_err e = read_one(k, v->octets, v->n, &told, &w);
  size_t n, trailing = strstr(v->expected, "+trailing") ? 2 : 0;
  if (v->mark == '!') {
    assert_true(e != MOON_OK);
    if (strcmp(v->expected, "none")) { assert_string_equal(moon_err_name(e), v->expected); }
  } else {
    assert_int_equal(e, MOON_OK);
    assert_string_equal(told.p, v->expected);
    assert_int_equal(w.err, MOON_OK);
  }
  if (v->mark == '=') {
    assert_int_equal(moon_writer_len(&w), v->n);
    if (v->n) { assert_memory_equal(w.p, v->octets, v->n); }
  } else if (v->mark == '~') {
    size_t len = moon_writer_len(&w);
    uint8_t *copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, w.p, len);
    assert_true(len != v->n || memcmp(copy, v->octets, len)); /* or it should be marked = */
    assert_int_equal(read_one(k, copy, len, &told_again, &w), MOON_OK);
    free(copy);
    if (trailing) { told.p[strlen(told.p) - strlen(" +trailing")] = '\0'; }
    assert_string_equal(told_again.p, told.p);
  }
  for (n = 0; n < v->n; n++) {
    e = read_one(k, v->octets, n, &told, &w);
    if (k->framed && n < v->n - trailing) { assert_true(e != MOON_OK); }
    if (e) { assert_string_not_equal(moon_err_name(e), "unknown"); }
    if (v->mark != '!' && k->read == read_message) { cut_message(v, n); }
  }
}

/* Reading the files. */

static char *trim(char *s) {
  size_t n;
  while (*s == ' ') { s++; }
  for (n = strlen(s); n && (s[n - 1] == ' ' || s[n - 1] == '\n'); n--) { s[n - 1] = '\0'; }
  return s;
}

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

static bool parse(char *line, struct vector *v) {
  char *field[6], *at = line;
  size_t i;
  for (i = 0; i < 6; i++) {
    char *bar = strstr(at, " | ");
    field[i] = at;
    if ((bar == NULL) != (i == 5)) { return false; }
    if (bar) {
      *bar = '\0';
      at = bar + 3;
    }
  }
  v->line = line;
  v->name = trim(field[0]);
  v->kind = trim(field[1]);
  v->mark = *trim(field[2]);
  v->hex = trim(field[3]);
  v->expected = trim(field[4]);
  if (!*v->name || !strchr("=~!x", v->mark) || !*trim(field[5])) { return false; }
  v->n = strlen(v->hex);
  v->octets = malloc(v->n + 1);
  if (!v->octets) { return false; }
  memcpy(v->octets, v->hex, v->n);
  if (strstr(v->kind, "text")) { return true; }
  if (v->n % 2) { return false; }
  v->n /= 2;
  for (i = 0; i < v->n; i++) {
    int hi = digit(v->hex[2 * i]), lo = digit(v->hex[2 * i + 1]);
    if (hi < 0 || lo < 0) { return false; }
    v->octets[i] = (uint8_t)(hi << 4 | lo);
  }
  return true;
}

/* Appends the vectors of a file; false when a line of it is not understood. */
static bool load(const char *path, struct vector **all, size_t *n) {
  FILE *f = fopen(path, "r");
  char *line = NULL;
  size_t cap = 0, number = 0;
  bool good = f != NULL;
  while (good && getline(&line, &cap, f) > 0) {
    number++;
    if (line[0] == '#' || line[0] == '\n') { continue; }
    *all = realloc(*all, (*n + 1) * sizeof **all);
    good = *all && parse(line, &(*all)[*n]);
    if (!good) { fprintf(stderr, "%s:%zu: not a vector\n", path, number); }
    line = NULL; /* the vector lends from it */
    cap = 0;
    *n += good;
  }
  free(line);
  if (f) { fclose(f); }
  return good;
}

static int setup(void **state) {
  (void)state;
  guard_init(&guard, OCTETS_MAX);
  told.p = malloc(TEXT_MAX);
  told_again.p = malloc(TEXT_MAX);
  return told.p && told_again.p ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  guard_fini(&guard);
  free(told.p);
  free(told_again.p);
  return 0;
}

int main(int argc, char **argv) {
  char pattern[4096];
  struct vector *all = NULL;
  struct CMUnitTest *tests;
  glob_t files;
  size_t n = 0, i;
  int failed;
  snprintf(pattern, sizeof pattern, "%s/*.txt", argc > 1 ? argv[1] : "tests/vectors");
  if (glob(pattern, 0, NULL, &files)) {
    fprintf(stderr, "no files %s\n", pattern);
    return 1;
  }
  for (i = 0; i < files.gl_pathc; i++) {
    if (!load(files.gl_pathv[i], &all, &n)) { return 1; }
  }
  globfree(&files);
  if (n < VECTORS_MIN) {
    fprintf(stderr, "%zu vectors in %s, at least %d should be there\n", n, pattern, VECTORS_MIN);
    return 1;
  }
  tests = calloc(n, sizeof *tests);
  if (!tests) { return 1; }
  for (i = 0; i < n; i++) {
    tests[i].name = all[i].name;
    tests[i].test_func = run;
    tests[i].initial_state = &all[i];
  }
  failed = _cmocka_run_group_tests("vectors", tests, n, setup, teardown);
  for (i = 0; i < n; i++) {
    free(all[i].octets);
    free(all[i].line);
  }
  free(all);
  free(tests);
  return failed;
}
