#include "recorded.h"

#define RECORDED_MAX (256u << 20) /* octets of text */

struct report { struct moon_draft *d; const char *path; };

static void report(void *arg, uint32_t line, const char *why) {
  const struct report *r = arg;
  if (line) {
    moon_draft_warn(r->d, "%s:%u: left out: %s", r->path, (unsigned)line, why);
  } else {
    moon_draft_warn(r->d, "%s: left out: %s", r->path, why);
  }
}

struct moon_recording *moon_recorded_read(struct moon_draft *d, const char *place, const char *path, bool snmp) {
  struct report to = {d, path};
  const struct moon_dump_options o = {.report = report, .ctx = &to, .snmp = snmp};
  enum moon_err err = MOON_OK;
  size_t n;
  const char *text = moon_draft_read(d, place, path, RECORDED_MAX, &n);
  if (!text) { return NULL; }
  struct moon_recording *r = moon_dump_read(text, n, &o, NULL, &err);
  if (!r && err == MOON_E_LIMIT) {
    moon_draft_fail(d, "%s%s%s: too large", place ? place : "", place ? ": " : "", path);
  } else if (!r) {
    moon_draft_nomem(d);
  } else if (!r->n) {
    moon_draft_warn(d, "%s: nothing in it can be served", path);
  }
  return r;
}
