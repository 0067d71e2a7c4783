#include "tally.h"

#include <unistd.h>

#include "../moonpoll.h"
#include "format.h"

static void put_u64(struct moon_print *out, const char *name, uint64_t v) {
  char text[MOON_FORMAT_MAX];
  moon_print_text(out, "\"");
  moon_print_text(out, name);
  moon_print_text(out, "\":");
  moon_print_put(out, text, moon_format_u64(text, v));
}

void moon_tally_string(struct moon_print *out, const char *text) {
  size_t n = strlen(text);
  moon_print_text(out, "\"");
  uint8_t *p = moon_print_room(out, n * 6);
  if (p) { out->n += moon_format_escape((char *)p, text, n); }
  moon_print_text(out, "\"");
}

static void put_string(struct moon_print *out, const char *name, const char *text) {
  moon_print_printf(out, "\"%s\":", name);
  moon_tally_string(out, text);
}

static void put_fields(const struct moon_agent_counts *c, struct moon_print *out) {
  const struct { const char *name; uint64_t v; } fields[] = {
    {"datagrams", c->datagrams},     {"malformed", c->malformed},   {"bad_community", c->bad_community},
    {"refused", c->refused},         {"reports", c->reports},
    {"requests", c->gets + c->nexts + c->bulks + c->sets},          {"gets", c->gets},
    {"nexts", c->nexts},             {"bulks", c->bulks},           {"sets", c->sets},
    {"answered", c->answered},       {"silent", c->silent},         {"duplicates", c->duplicates},
    {"varbinds", c->varbinds},       {"errors", c->errors},         {"too_big", c->too_big},
    {"set_vars", c->set_vars}};
  static const char *const refusals[MOON_REFUSALS_N] = {
    [MOON_REFUSE_LEVEL] = "unsupported_level", [MOON_REFUSE_WINDOW] = "not_in_time_window", [MOON_REFUSE_USER] = "unknown_user",
    [MOON_REFUSE_ENGINE] = "unknown_engine", [MOON_REFUSE_DIGEST] = "wrong_digest", [MOON_REFUSE_DECRYPTION] = "decryption_error",
    [MOON_REFUSE_HANDLER] = "unknown_handler", [MOON_REFUSE_CONTEXT] = "unknown_context"};
  bool first = true;
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (i) { moon_print_text(out, ","); }
    put_u64(out, fields[i].name, fields[i].v);
  }
  moon_print_text(out, ",\"refusals\":{");
  for (int k = 1; k < MOON_REFUSALS_N; k++) {
    if (!c->refusals[k]) { continue; }
    if (!first) { moon_print_text(out, ","); }
    put_u64(out, refusals[k], c->refusals[k]);
    first = false;
  }
  first = true;
  moon_print_text(out, "},\"faults\":{");
  for (int k = 0; k < MOON_FLAWS_N; k++) {
    if (!c->flaws[k]) { continue; }
    if (!first) { moon_print_text(out, ","); }
    put_u64(out, moon_flaw_name((enum moon_flaw_kind)k), c->flaws[k]);
    first = false;
  }
  moon_print_text(out, "}");
}

void moon_tally_counts(const struct moon_agent_counts *c, struct moon_print *out) {
  moon_print_text(out, "{");
  put_fields(c, out);
  moon_print_text(out, "}");
}

void moon_tally_agent(struct moon_stage *s, uint32_t i, struct moon_print *out) {
  struct moon_crowd_member *m = moon_crowd_at(s->crowd, i);
  char address[MOON_ADDR_TEXT_MAX];
  moon_addr_format(&m->addr, address, sizeof address);
  moon_print_text(out, "{");
  put_string(out, "name", m->name);
  moon_print_text(out, ",");
  put_string(out, "address", address);
  moon_print_text(out, ",");
  put_string(out, "recording", s->fleet->kinds[s->fleet->agents[i].kind].recording);
  moon_print_text(out, ",");
  put_fields(&m->agent.counts, out);
  moon_print_text(out, "}");
}

void moon_tally_all(struct moon_stage *s, double seconds, double cpu_s, bool agents, struct moon_print *out) {
  const struct moon_server_counts *server = moon_server_counts(s->server);
  const struct { const char *name; uint64_t v; } fields[] = {
    {"datagrams_in", server->datagrams_in}, {"datagrams_out", server->datagrams_out}, {"octets_in", server->octets_in},
    {"octets_out", server->octets_out},     {"held", server->held},                   {"held_dropped", server->held_dropped},
    {"send_errors", server->send_errors},   {"rx_dropped", server->rx_dropped},       {"nobody", moon_crowd_nobody(s->crowd)}};
  struct moon_agent_counts all;
  moon_crowd_counts(s->crowd, &all);
  moon_print_printf(out, "{\"version\":\"%s\",\"pid\":%d,\"seconds\":%.3f,", MOON_VERSION, (int)getpid(), seconds);
  if (cpu_s >= 0) { moon_print_printf(out, "\"cpu_seconds\":%.6f,", cpu_s); }
  moon_print_printf(out, "\"agents\":%u,\"recordings\":%u,", (unsigned)moon_crowd_n(s->crowd), (unsigned)s->n_recordings);
  put_u64(out, "instances", s->instances);
  moon_print_text(out, ",");
  put_u64(out, "left_out", s->left_out);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    moon_print_text(out, ",");
    put_u64(out, fields[i].name, fields[i].v);
  }
  moon_print_text(out, ",\"total\":");
  moon_tally_counts(&all, out);
  if (agents) {
    moon_print_text(out, ",\"each\":[");
    for (uint32_t i = 0; i < moon_crowd_n(s->crowd); i++) {
      if (i) { moon_print_text(out, ",\n"); }
      moon_tally_agent(s, i, out);
    }
    moon_print_text(out, "]");
  }
  moon_print_text(out, "}");
}
