#include "inquiry.h"

#include <stdio.h>

void moon_inquiry_init(struct moon_inquiry *q, struct moon_desk *d, struct moon_control *c, const struct moon_stats *s) {
  *q = (struct moon_inquiry){.desk = d, .control = c, .stats = s};
}

_Static_assert(MOON_DESK_SLIPS >= MOON_CONTROL_CLIENTS, "every client has a slip");

bool moon_inquiry_take(struct moon_inquiry *q, const char *command, uint64_t now_us) {
  uint32_t i = 0;
  bool ours = strncmp(command, "target ", 7) == 0 || strcmp(command, "top") == 0 || strcmp(command, "tasks") == 0;
  while (i < MOON_CONTROL_CLIENTS && q->open[i].ticket) { i++; }
  if (!ours || !q->desk->n || i == MOON_CONTROL_CLIENTS || strlen(command) >= MOON_DESK_QUESTION) { return false; }
  q->open[i].ticket = moon_control_defer(q->control);
  q->open[i].deadline_us = now_us + MOON_INQUIRY_US;
  moon_desk_ask(q->desk, i, command);
  return true;
}

static bool all_answered(const struct moon_inquiry *q, uint32_t slip) {
  uint32_t n;
  for (uint32_t i = 0; i < q->desk->n; i++) {
    if (q->stats->blocks[i].pid && !moon_desk_answer(q->desk, slip, i, &n)) { return false; }
  }
  return true;
}

static void finish(struct moon_inquiry *q, uint32_t slip) {
  struct moon_print out;
  const char *p;
  uint32_t n;
  bool first = true;
  moon_print_init(&out, NULL, NULL);
  moon_print_text(&out, "{\"answers\":[");
  for (uint32_t i = 0; i < q->desk->n; i++) {
    if (!(p = moon_desk_answer(q->desk, slip, i, &n)) || !n) { continue; }
    if (!first) { moon_print_text(&out, ","); }
    moon_print_put(&out, p, n);
    first = false;
  }
  first = true;
  moon_print_text(&out, "],\"busy\":[");
  for (uint32_t i = 0; i < q->desk->n; i++) {
    if (moon_desk_answer(q->desk, slip, i, &n)) { continue; }
    moon_print_printf(&out, "%s{\"worker\":%u,\"pid\":%d}", first ? "" : ",", (unsigned)i, (int)q->stats->blocks[i].pid);
    first = false;
  }
  moon_print_text(&out, "]}");
  uint32_t ticket = q->open[slip].ticket;
  q->open[slip].ticket = 0; /* the answer may bring the next question in */
  moon_control_answer(q->control, ticket, out.p, out.failed ? 0 : out.n);
  moon_print_fini(&out);
}

uint64_t moon_inquiry_look(struct moon_inquiry *q, uint64_t now_us) {
  uint64_t next = UINT64_MAX;
  for (uint32_t i = 0; i < MOON_CONTROL_CLIENTS; i++) {
    if (q->open[i].ticket && (now_us >= q->open[i].deadline_us || all_answered(q, i))) { finish(q, i); }
  }
  for (uint32_t i = 0; i < MOON_CONTROL_CLIENTS; i++) {
    if (q->open[i].ticket && q->open[i].deadline_us < next) { next = q->open[i].deadline_us; }
  }
  return next;
}
