#include "output.h"

#include <unistd.h>

static struct moon_text text(const char *s) { return (struct moon_text){s, (uint32_t)strlen(s)}; }

static bool silent(uint8_t err) {
  return err == MOON_E_TIMEOUT || err == MOON_E_REFUSED || err == MOON_E_UNREACHABLE || err == MOON_E_DOWN || err == MOON_E_DNS ||
         err == MOON_E_CONFIG;
}

void moon_run_samples(const struct moon_run_head *head, struct moon_sample out[MOON_RUN_SAMPLES]) {
  double ended = head->started_s + head->run_s;
  const char *err = head->err == MOON_OK ? "ok" : head->err >= MOON_E_PUBLIC_N ? "script" : moon_err_name(head->err);
  out[0] = (struct moon_sample){.name = text("up"), .time_s = ended, .type = MOON_SAMPLE_GAUGE, .kind = MOON_NUMBER_UNSIGNED};
  out[0].value.uint = !(silent(head->err) || head->silent);
  out[1] = (struct moon_sample){.name = text("run_seconds"), .time_s = ended, .type = MOON_SAMPLE_GAUGE, .kind = MOON_NUMBER_REAL};
  out[1].value.real = (double)(int64_t)(head->run_s * 1e6 + 0.5) / 1e6;
  out[2] = (struct moon_sample){.name = text("run_error"), .time_s = ended, .type = MOON_SAMPLE_STATE, .kind = MOON_NUMBER_TEXT};
  out[2].text = text(err);
}

const char moon_output_crowded[] = "outputs: stdout has room for one format only";

bool moon_output_choose(const struct moon_plan *plan, const char **format) {
  static const char *const all[] = {"json", "table", "null"};
  const char *chosen = NULL;
  for (uint32_t i = 0; i < plan->n_outputs; i++) {
    if (chosen && strcmp(chosen, plan->outputs[i])) { return false; }
    chosen = plan->outputs[i];
  }
  if (!chosen) { chosen = isatty(STDOUT_FILENO) ? "table" : "json"; }
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (strcmp(chosen, all[i]) == 0) { *format = all[i]; }
  }
  return true;
}

struct moon_output *moon_output_new(const char *name) {
  if (strcmp(name, "json") == 0) { return moon_json_new(); }
  if (strcmp(name, "table") == 0) { return moon_table_new(); }
  return NULL;
}
