#define _GNU_SOURCE
#include "turnover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/mem.h"
#include "../bind/load/pack.h"
#include "../bind/task/share.h"
#include "crew.h"
#include "format.h"
#include "log.h"
#include "orders.h"

#define PREPARE_US (5 * MOON_SECOND_US) /* a worker that needs longer than that is not well */

enum moon_err moon_turnover_init(struct moon_turnover *t, uint32_t n_workers) {
  *t = (struct moon_turnover){.file_fd = -1};
  return moon_board_init(&t->board, n_workers);
}

static void end_preparing(struct moon_turnover *t) {
  if (t->file_fd >= 0) { close(t->file_fd); }
  t->file_fd = -1;
  t->preparing = 0;
  t->waiting = 0;
}

static void end_trial(struct moon_turnover *t) {
  moon_plan_free(t->trial);
  moon_mem_free(t->places);
  t->trial = NULL;
  t->places = NULL;
  t->percent = 0;
}

void moon_turnover_fini(struct moon_turnover *t) {
  if (!t->board.shares) { return; }
  end_preparing(t);
  end_trial(t);
  moon_board_fini(&t->board);
}

/* ---- preparing ---- */

static bool make_file(struct moon_turnover *t, const struct moon_change *c) {
  t->file_fd = moon_orders_file("versions");
  bool done = t->file_fd >= 0;
  for (uint32_t i = 0; done && i < c->n_code; i++) {
    uint8_t *p = NULL;
    size_t n = 0;
    done = !moon_change_pack_probe(c->now, c->code[i], &p, &n) && moon_orders_put(t->file_fd, p, n);
    moon_pack_free(p, n);
  }
  return done;
}

static void tell(struct moon_master *m, uint32_t slot) {
  struct moon_turnover *t = &m->turnover;
  if (moon_crew_order(&m->workers[slot], MOON_ORDER_PREPARE, t->preparing, t->file_fd)) {
    t->waiting |= UINT64_C(1) << slot;
    return;
  }
  if (moon_crew_is_gone(errno)) { return; } /* who follows joins */
  moon_log(MOON_LOG_ERROR, "worker %u (pid %d) takes no order: killed", slot, (int)m->workers[slot].pid);
  kill(m->workers[slot].pid, SIGKILL);
}

bool moon_turnover_prepare(struct moon_master *m, const struct moon_change *c, const char **why) {
  struct moon_turnover *t = &m->turnover;
  end_preparing(t);
  t->preparing = ++t->last_serial;
  if (!make_file(t, c)) {
    *why = strerror(errno ? errno : ENOMEM);
    end_preparing(t);
    return false;
  }
  t->deadline_us = moon_master_now_us() + PREPARE_US;
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (m->workers[i].pid) { tell(m, i); }
  }
  return true;
}

void moon_turnover_join(struct moon_master *m, uint32_t slot) {
  if (m->turnover.preparing) { tell(m, slot); }
}

void moon_turnover_gone(struct moon_master *m, uint32_t slot) { m->turnover.waiting &= ~(UINT64_C(1) << slot); }

bool moon_turnover_look(struct moon_master *m, uint64_t now_us, char error[MOON_BOARD_ERROR], uint64_t *next) {
  struct moon_turnover *t = &m->turnover;
  *next = UINT64_MAX;
  error[0] = 0;
  if (!t->preparing) { return false; }
  for (uint32_t i = 0; i < m->plan->workers && !error[0]; i++) {
    if (!(t->waiting >> i & 1) || !moon_board_answer(&t->board, i, t->preparing, error)) { continue; }
    t->waiting &= ~(UINT64_C(1) << i);
  }
  for (uint32_t i = 0; i < m->plan->workers && !error[0] && now_us >= t->deadline_us; i++) {
    if (t->waiting >> i & 1) { snprintf(error, MOON_BOARD_ERROR, "worker %u (pid %d) does not answer", i, (int)m->workers[i].pid); }
  }
  if (t->waiting && !error[0]) {
    *next = t->deadline_us;
    return false;
  }
  return true;
}

static void settle(struct moon_master *m, uint32_t serial) {
  for (uint32_t i = 0; i < m->plan->workers; i++) {
    if (m->workers[i].pid) { (void)moon_crew_order(&m->workers[i], MOON_ORDER_SETTLE, serial, -1); }
  }
}

void moon_turnover_drop(struct moon_master *m) {
  uint32_t serial = m->turnover.preparing;
  end_preparing(&m->turnover);
  settle(m, serial);
}

/* ---- on trial ---- */

static void put_words(struct moon_turnover *t, uint8_t percent) {
  for (uint32_t i = 0; t->trial && i < t->trial->n_probes; i++) {
    moon_board_put(&t->board, t->places[i], moon_share_word(t->serial, percent));
  }
}

enum moon_err moon_turnover_try(struct moon_master *m, const struct moon_change *c, uint8_t percent) {
  struct moon_turnover *t = &m->turnover;
  struct moon_plan *trial = NULL;
  uint32_t *places = moon_mem_array((size_t)c->n_code + 1, sizeof *places);
  enum moon_err e = places ? moon_change_pick(c->now, c->code, c->n_code, &trial) : MOON_E_NOMEM;
  if (e) {
    moon_mem_free(places);
    return e;
  }
  memcpy(places, c->code, c->n_code * sizeof *places);
  for (uint32_t i = 0; t->trial && i < t->trial->n_probes; i++) {
    bool again = false;
    for (uint32_t k = 0; k < c->n_code; k++) { again = again || places[k] == t->places[i]; }
    if (!again) { moon_board_put(&t->board, t->places[i], 0); }
  }
  end_trial(t);
  t->trial = trial;
  t->places = places;
  t->serial = t->preparing;
  end_preparing(t);
  if (percent) { moon_turnover_share(m, percent); }
  return MOON_OK;
}

enum moon_err moon_turnover_resume(struct moon_master *m, const struct moon_change *c, uint32_t serial, uint8_t percent) {
  m->turnover.preparing = m->turnover.last_serial = serial;
  return moon_turnover_try(m, c, percent);
}

void moon_turnover_share(struct moon_master *m, uint8_t percent) {
  struct moon_turnover *t = &m->turnover;
  if (!t->trial) { return; }
  t->percent = percent;
  put_words(t, percent);
  settle(m, t->serial);
}

enum moon_err moon_turnover_promote(struct moon_master *m) {
  struct moon_turnover *t = &m->turnover;
  struct moon_plan *mixed;
  if (!t->trial) { return MOON_OK; }
  enum moon_err e = moon_change_mix(m->plan, t->trial, NULL, &mixed);
  if (e) { return e; }
  moon_reload_put(&m->reload, mixed);
  put_words(t, MOON_SHARE_FINAL);
  end_trial(t);
  settle(m, t->serial);
  return MOON_OK;
}

void moon_turnover_back(struct moon_master *m) {
  struct moon_turnover *t = &m->turnover;
  if (!t->trial) { return; }
  for (uint32_t i = 0; i < t->trial->n_probes; i++) { moon_board_put(&t->board, t->places[i], 0); }
  end_trial(t);
  settle(m, t->serial);
}

bool moon_turnover_is_on_trial(const struct moon_master *m, const struct moon_change *c) {
  const struct moon_turnover *t = &m->turnover;
  bool same = t->trial && t->trial->n_probes == c->n_code;
  for (uint32_t i = 0; same && i < c->n_code; i++) {
    const struct moon_plan_probe *a = &t->trial->probes[i], *b = &c->now->probes[c->code[i]];
    same = strcmp(a->name, b->name) == 0 && moon_change_same_code(a, b);
    for (uint32_t k = 0; same && k < a->n_jobs; k++) {
      same = a->jobs[k].every_s == b->jobs[k].every_s && a->jobs[k].timeout_s == b->jobs[k].timeout_s;
    }
  }
  return same;
}

static void put_string(struct moon_print *out, const char *text) {
  size_t n = strlen(text);
  moon_print_text(out, "\"");
  uint8_t *p = moon_print_room(out, 6 * n);
  if (p) { out->n += moon_format_escape((char *)p, text, n); }
  moon_print_text(out, "\"");
}

void moon_turnover_json(const struct moon_master *m, struct moon_print *out) {
  const struct moon_turnover *t = &m->turnover;
  moon_print_text(out, "[");
  for (uint32_t i = 0; i < m->plan->n_probes; i++) {
    moon_print_text(out, i ? ",{\"name\":" : "{\"name\":");
    put_string(out, m->plan->probes[i].name);
    moon_print_printf(out, ",\"version\":\"%016" PRIx64 "\"", m->plan->probes[i].version);
    for (uint32_t k = 0; t->trial && k < t->trial->n_probes; k++) {
      if (t->places[k] != i) { continue; }
      moon_print_printf(out, ",\"candidate\":\"%016" PRIx64 "\",\"percent\":%u", t->trial->probes[k].version, t->percent);
    }
    moon_print_text(out, "}");
  }
  moon_print_text(out, "]");
}
