#include "inquiry.h"

#include <stdio.h>

void moon_inquiry_init(struct moon_inquiry *q, struct moon_desk *d, struct moon_control *c, const struct moon_stats *s) {
  *q = (struct moon_inquiry){.desk = d, .control = c, .stats = s};
}

static void begin(struct moon_inquiry *q, uint64_t now_us) {
  q->deadline_us = now_us + MOON_INQUIRY_US;
  moon_desk_ask(q->desk, q->queue[0].text);
}

bool moon_inquiry_take(struct moon_inquiry *q, const char *command, uint64_t now_us) {
  bool ours = strncmp(command, "target ", 7) == 0 || strcmp(command, "top") == 0 || strcmp(command, "tasks") == 0;
  if (!ours || !q->desk->n || q->n == MOON_CONTROL_CLIENTS || strlen(command) >= MOON_DESK_QUESTION) { return false; }
  q->queue[q->n].ticket = moon_control_defer(q->control);
  snprintf(q->queue[q->n].text, sizeof q->queue[q->n].text, "%s", command);
  if (q->n++ == 0) { begin(q, now_us); }
  return true;
}

static bool all_answered(const struct moon_inquiry *q) {
  uint32_t n;
  for (uint32_t i = 0; i < q->desk->n; i++) {
    if (q->stats->blocks[i].pid && !moon_desk_answer(q->desk, i, &n)) { return false; }
  }
  return true;
}

static void finish(struct moon_inquiry *q) {
  struct moon_print out;
  const char *p;
  uint32_t n;
  bool first = true;
  moon_print_init(&out, NULL, NULL);
  moon_print_text(&out, "{\"answers\":[");
  for (uint32_t i = 0; i < q->desk->n; i++) {
    if (!(p = moon_desk_answer(q->desk, i, &n)) || !n) { continue; }
    if (!first) { moon_print_text(&out, ","); }
    moon_print_put(&out, p, n);
    first = false;
  }
  first = true;
  moon_print_text(&out, "],\"busy\":[");
  for (uint32_t i = 0; i < q->desk->n; i++) {
    if (moon_desk_answer(q->desk, i, &n)) { continue; }
    moon_print_printf(&out, "%s{\"worker\":%u,\"pid\":%d}", first ? "" : ",", (unsigned)i, (int)q->stats->blocks[i].pid);
    first = false;
  }
  moon_print_text(&out, "]}");
  moon_control_answer(q->control, q->queue[0].ticket, out.p, out.failed ? 0 : out.n);
  moon_print_fini(&out);
}

uint64_t moon_inquiry_look(struct moon_inquiry *q, uint64_t now_us) {
  while (q->n && (now_us >= q->deadline_us || all_answered(q))) {
    finish(q);
    memmove(q->queue, q->queue + 1, --q->n * sizeof *q->queue);
    if (q->n) { begin(q, now_us); }
  }
  return q->n ? q->deadline_us : UINT64_MAX;
}
