#include "judge.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "log.h"

/* Whose pair it is. */
static bool find(const struct moon_judge *j, uint64_t pair, const struct moon_plan_probe **probe, const struct moon_plan_target **target) {
  for (uint32_t p = 0; p < j->plan->n_probes; p++) {
    for (uint32_t t = 0; t < j->plan->n_targets; t++) {
      *probe = &j->plan->probes[p];
      *target = &j->plan->targets[t];
      if (moon_pulse_pair((*probe)->name, (*target)->name) == pair) { return true; }
    }
  }
  return false;
}

static void judge(struct moon_judge *j, uint32_t slot, void (*stuck)(void *arg, uint32_t slot), void *arg) {
  const struct moon_stats_block *b = &j->stats->blocks[slot];
  uint64_t resume = moon_pulse_load(&b->pulse.resume);
  if (!b->pid || !(resume & 1) || moon_pulse_load(&b->pulse.held) != resume) { return; }
  uint64_t held_us = moon_pulse_load(&b->pulse.held_us);
  if (held_us < MOON_JUDGE_STUCK_US || moon_pulse_load(&b->pulse.resume) != resume) { return; }
  moon_log(MOON_LOG_ERROR, "worker %u (pid %d) is stuck: %.1f s of processor time in one go: killed", slot, (int)b->pid, (double)held_us / 1e6);
  stuck(arg, slot);
}

void moon_judge_tick(struct moon_judge *j, uint64_t now_us, void (*stuck)(void *arg, uint32_t slot), void *arg) {
  if (now_us < j->tick_us) { return; }
  bool away = now_us - j->tick_us > MOON_JUDGE_TICK_US;
  j->tick_us = now_us + MOON_JUDGE_TICK_US;
  (void)moon_quarantine_tick(j->quarantine, now_us);
  for (uint32_t i = 0; !away && i < j->stats->head->n_workers; i++) { judge(j, i, stuck, arg); }
}

void moon_judge_lost(struct moon_judge *j, uint32_t slot, int status, bool stuck, uint64_t now_us) {
  const struct moon_plan_probe *probe;
  const struct moon_plan_target *target;
  const struct moon_pulse *p = &j->stats->blocks[slot].pulse;
  char why[64];
  if (!(moon_pulse_load(&p->resume) & 1) || !find(j, moon_pulse_load(&p->pair), &probe, &target)) { return; }
  if (stuck) {
    snprintf(why, sizeof why, "stuck, %.1f s of processor time", (double)p->held_us / 1e6);
  } else if (WIFSIGNALED(status)) {
    snprintf(why, sizeof why, "killed by signal %d", WTERMSIG(status));
  } else {
    snprintf(why, sizeof why, "ended with status %d", WEXITSTATUS(status));
  }
  /* SIGKILL is also what an operator sends, or the kernel to the largest when memory is short. */
  moon_quarantine_blame(j->quarantine, probe, target->name, why, stuck || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL, now_us);
}
