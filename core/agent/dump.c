#include "dump.h"

#include "../base/mem.h"
#include "snmprec.h"
#include "snmpwalk.h"

struct reader {
  const struct moon_dump_options *options;
  struct moon_recorder *recorder;
  struct moon_item *item;
  struct moon_dump_stats stats;
  uint8_t last[MOON_OID_MAX_LEN]; /* the greatest name so far */
  size_t last_len;
  bool at_end;                    /* what is reported now are duplicates */
};

static void report(void *ctx, uint32_t line, const char *why) {
  struct reader *r = ctx;
  r->stats.left_out++;
  r->stats.duplicates += r->at_end;
  if (r->options->report) { r->options->report(r->options->ctx, line, why); }
}

static inline struct moon_span line_of(const char *p, const char *end) {
  const char *newline = memchr(p, '\n', (size_t)(end - p));
  return (struct moon_span){p, newline ? newline : end};
}

static bool is_blank_line(struct moon_span s) {
  s = moon_span_trim(s);
  return s.p == s.end;
}

/* #rtt 1500 */
static void read_remark(struct reader *r, struct moon_span line) {
  uint32_t v = 0;
  bool digits = false;
  if (!moon_span_take(&line, "#rtt ")) { return; }
  line = moon_span_trim(line);
  for (; line.p < line.end && *line.p >= '0' && *line.p <= '9' && v < 100000000; line.p++, digits = true) {
    v = v * 10 + (uint32_t)(*line.p - '0');
  }
  moon_recorder_timing(r->recorder, digits && line.p == line.end ? v : UINT32_MAX);
}

static enum moon_dump_format guess(const char *p, const char *end) {
  struct moon_span line, name;
  const char *value;
  for (; p < end; p = line.end < end ? line.end + 1 : end) {
    line = line_of(p, end);
    if (*p == '#' || is_blank_line(line)) { continue; }
    if (moon_snmpwalk_begins(line, &name, &value)) { return MOON_DUMP_WALK; }
    if (memchr(p, '|', moon_span_len(line))) { return MOON_DUMP_SNMPREC; }
  }
  return MOON_DUMP_SNMPREC;
}

/* What was parsed goes into the recording; why is what was wrong with it. */
static enum moon_err take(struct reader *r, const char *why) {
  const struct moon_item *i = r->item;
  enum moon_err e;
  if (why) {
    report(r, r->stats.lines, why);
    return MOON_OK;
  }
  if (i->type == 0) { return MOON_OK; }
  e = moon_recorder_add(r->recorder, i->oid, i->oid_len, i->type, i->value, i->value_len, r->stats.lines);
  if (e == MOON_E_LIMIT && i->value_len > MOON_INSTANCE_MAX - MOON_OID_MAX_LEN - 16) {
    report(r, r->stats.lines, "a value that is too long");
    return MOON_OK;
  }
  if (e) { return e; }
  if (r->last_len && moon_oid_compare(r->last, r->last_len, i->oid, i->oid_len) > 0) {
    r->stats.unsorted++;
  } else {
    memcpy(r->last, i->oid, i->oid_len);
    r->last_len = i->oid_len;
  }
  return MOON_OK;
}

static enum moon_err read_lines(struct reader *r, const char *p, const char *end) {
  bool walk = r->stats.format == MOON_DUMP_WALK;
  while (p < end) {
    struct moon_span line = line_of(p, end);
    const char *behind = line.end, *why, *q;
    enum moon_err e;
    r->stats.lines++;
    if (line.p < line.end && line.end[-1] == '\r') { line.end--; }
    if (*p == '#' || is_blank_line(line)) {
      read_remark(r, line);
    } else {
      why = walk ? moon_snmpwalk_parse((struct moon_span){p, end}, r->item, &behind) : moon_snmprec_parse(line, r->item);
      if ((e = take(r, why)) != MOON_OK) { return e; }
      for (q = p; q < behind && (q = memchr(q, '\n', (size_t)(behind - q))) != NULL; q++) { r->stats.lines++; }
    }
    p = behind < end ? behind + 1 : end;
  }
  return MOON_OK;
}

struct moon_recording *moon_dump_read(const char *text, size_t n, const struct moon_dump_options *options,
                                      struct moon_dump_stats *stats, enum moon_err *err) {
  static const struct moon_dump_options none;
  static const char mark[3] = {'\xef', '\xbb', '\xbf'}; /* of UTF-8, as some editors begin a file */
  struct moon_recording *recording = NULL;
  struct reader r = {.options = options ? options : &none};
  enum moon_err e = MOON_OK;
  if (n > UINT32_MAX) {
    *err = MOON_E_LIMIT;
    return NULL;
  }
  if (n >= 3 && memcmp(text, mark, 3) == 0) { text += 3, n -= 3; }
  r.stats.format = r.options->format;
  if (r.stats.format == MOON_DUMP_ANY) { r.stats.format = (uint8_t)guess(text, text + n); }
  r.item = moon_mem_alloc(sizeof *r.item);
  if (!r.item || !(r.recorder = moon_recorder_new(&e))) {
    e = MOON_E_NOMEM;
    goto out;
  }
  if (r.options->snmp) { moon_recorder_add_snmp(r.recorder); }
  if (r.options->usm) { moon_recorder_add_usm(r.recorder); }
  if ((e = read_lines(&r, text, text + n)) != MOON_OK) { goto out; }
  r.at_end = true;
  recording = moon_recorder_finish(r.recorder, report, &r, &e);
  r.recorder = NULL;
  if (stats && recording) { *stats = r.stats; }
out:
  moon_recorder_free(r.recorder);
  moon_mem_free(r.item);
  if (!recording) { *err = e; }
  return recording;
}
