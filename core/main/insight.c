#include "insight.h"

#include <inttypes.h>
#include <stdio.h>

#include "../session/report.h"
#include "../session/trust.h"
#include "tally.h"

#define ASK_MS 400u
#define TOP 10u
#define HEAD_ROOM 512u     /* of an answer, for what comes behind a list that is cut */

/* An engine's discovery, RFC 3414 4: no user, no level, a reportable GET of nothing but sysUpTime. Any agent answers with a Report. */
static const uint8_t sys_uptime[] = {0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0};
static const struct moon_request discovery = {
  .varbinds = sys_uptime, .varbinds_len = sizeof sys_uptime, .n_varbinds = 1, .pdu_type = MOON_PDU_GET, .kind = MOON_KIND_GET};
static const struct moon_credential nobody = {.name = "discovery", .version = MOON_V3};
static const struct moon_policy once = {.timeout_us = ASK_MS * 1000u, .rto_floor_us = ASK_MS * 1000u, .window = 1};

static void put_string(struct moon_print *out, const char *name, const char *text) {
  moon_print_printf(out, "\"%s\":", name);
  moon_tally_string(out, text);
}

static void put_error(struct moon_print *out, uint8_t err) {
  put_string(out, "error", err == MOON_OK ? "ok" : err == MOON_E_PUBLIC_N ? "script" : moon_err_name((enum moon_err)err));
}

static double ago(uint64_t now_us, uint64_t at_us) { return now_us > at_us ? (double)(now_us - at_us) / 1e6 : 0; }

static const char *kind_name(uint8_t pdu_type) {
  switch (pdu_type) {
    case MOON_PDU_GET: return "get";
    case MOON_PDU_GET_NEXT: return "getnext";
    case MOON_PDU_GET_BULK: return "getbulk";
    case MOON_PDU_SET: return "set";
    default: return "request";
  }
}

/* ---- one target ---- */

static void put_diary(struct moon_print *out, const struct moon_diary *d, uint64_t now_us) {
  char text[MOON_ADDR_TEXT_MAX];
  moon_print_printf(out, ",\"trouble\":{\"since\":%.3f,\"requests\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"well_in_a_row\":%" PRIu64
                    ",\"silent_in_a_row\":%" PRIu64 ",\"answered_late_try\":%" PRIu64 ",\"tries_lost\":%" PRIu64 ",\"late\":%" PRIu64
                    ",\"duplicate\":%" PRIu64 ",\"wrong_source\":%" PRIu64 ",\"malformed\":%" PRIu64 ",\"foreign\":%" PRIu64
                    ",\"unknown\":%" PRIu64 ",\"icmp\":%" PRIu64,
                    ago(now_us, d->since_us), d->ended, d->answered, d->well, d->silent, d->again, d->lost[0] + d->lost[1], d->late,
                    d->duplicate, d->wrong_source, d->malformed, d->foreign, d->unknown, d->icmp);
  if (d->stranger.family) {
    moon_addr_format(&d->stranger, text, sizeof text);
    moon_print_text(out, ",");
    put_string(out, "answers_from", text);
  }
  moon_print_text(out, ",\"last_errors\":[");
  uint64_t n = d->n_entries < MOON_DIARY_ENTRIES ? d->n_entries : MOON_DIARY_ENTRIES;
  for (uint64_t i = 0; i < n; i++) {
    const struct moon_diary_entry *e = &d->entry[(d->n_entries - 1 - i) % MOON_DIARY_ENTRIES];
    moon_print_printf(out, "%s{\"ago\":%.3f,", i ? "," : "", ago(now_us, e->at_us));
    put_error(out, e->err);
    moon_print_printf(out, ",\"request\":\"%s\",\"tries\":%u,\"waited\":%.3f", kind_name(e->pdu_type), e->tries, (double)e->waited_us / 1e6);
    if (e->status) { moon_print_printf(out, ",\"status\":%u", e->status); }
    const char *report = moon_report_name((enum moon_report)e->report);
    if (report) {
      moon_print_text(out, ",");
      put_string(out, "report", report);
    }
    moon_print_text(out, "}");
  }
  moon_print_text(out, "]}");
}

static void put_learned(struct moon_print *out, const struct moon_target *t) {
  static const char *const kinds[MOON_KIND_N] = {"get", "bulk"};
  moon_print_text(out, ",\"rtt\":{");
  bool first = true;
  for (int k = 0; k < MOON_KIND_N; k++) {
    if (!t->rtt[k].srtt_us) { continue; }
    moon_print_printf(out, "%s\"%s\":{\"usual\":%.6f,\"deviation\":%.6f,\"retry_after\":%.3f}", first ? "" : ",", kinds[k],
                      (double)t->rtt[k].srtt_us / 1e6, (double)t->rtt[k].rttvar_us / 1e6,
                      (double)moon_rtt_timeout(&t->rtt[k], t->policy->rto_floor_us, t->policy->timeout_us) / 1e6);
    first = false;
  }
  moon_print_printf(out, "},\"window\":%u,\"timeout\":%.3f,\"retries\":%u,\"learned\":{\"repetitions\":%u,\"repetitions_max\":%u,"
                    "\"get_max\":%u,\"reply_octets\":%u,\"getbulk\":%s,\"names_asked_apart\":%u}",
                    t->policy->window, (double)t->policy->timeout_us / 1e6, t->policy->retries, t->reps, t->reps_max, t->get_max, t->reply_max,
                    t->quirks & MOON_QUIRK_NO_BULK ? "false" : "true", t->poisons ? t->poisons->n : 0);
}

static void put_next(struct moon_print *out, const struct moon_insight *in, uint32_t place, const struct moon_target *t, uint64_t now_us) {
  uint64_t due_us = 0;
  struct moon_look_job job;
  for (uint32_t i = 0; moon_host_look_job(in->host, place, i, &job); i++) {
    if (job.probe && !job.idle && job.due_us && (!due_us || job.due_us < due_us)) { due_us = job.due_us; }
  }
  double run_s = due_us > now_us ? (double)(due_us - now_us) / 1e6 : 0;
  moon_print_text(out, ",\"next\":\"");
  if (t->open && t->trial) {
    moon_print_text(out, "one request is on trial now; all others fail at once");
  } else if (t->open && t->trial_at_us > now_us) {
    moon_print_printf(out, "requests fail at once for %.0f s more, then one is let through on trial", (double)(t->trial_at_us - now_us) / 1e6);
  } else if (t->open) {
    moon_print_text(out, "the next request is let through on trial");
  } else {
    moon_print_text(out, "it is asked as usual");
  }
  if (due_us) { moon_print_printf(out, "; the next run is due in %.0f s", run_s); }
  moon_print_text(out, "\"");
}

static void put_jobs(struct moon_print *out, const struct moon_insight *in, uint32_t place, uint64_t now_us) {
  struct moon_look_job job;
  bool first = true;
  moon_print_text(out, ",\"jobs\":[");
  for (uint32_t i = 0; moon_host_look_job(in->host, place, i, &job); i++) {
    if (!job.probe) { continue; }
    moon_print_text(out, first ? "{" : ",{");
    first = false;
    put_string(out, "probe", job.probe);
    if (*job.job) {
      moon_print_text(out, ",");
      put_string(out, "job", job.job);
    }
    moon_print_printf(out, ",\"every\":%g,\"ok\":%u,\"failed\":%u,", job.every_s, job.ok, job.failed);
    put_string(out, "state", job.started_us ? "runs" : job.idle ? "not for this device" : job.queued_us ? "waits for a place" :
                             job.ended_us ? "sleeps" : "waits for its first run");
    if (job.started_us) { moon_print_printf(out, ",\"running\":%.3f,\"tasks\":%u", ago(now_us, job.started_us), job.tasks); }
    if (job.queued_us) { moon_print_printf(out, ",\"late\":%.3f", ago(now_us, job.queued_us)); }
    if (job.ended_us) {
      moon_print_printf(out, ",\"ended_ago\":%.3f,\"took\":%.3f,", ago(now_us, job.ended_us), (double)job.took_us / 1e6);
      put_error(out, job.last_err);
    }
    if (job.idle || job.why) {
      moon_print_text(out, ",");
      put_string(out, "why", job.idle ? job.idle : job.why);
    }
    moon_print_text(out, "}");
  }
  moon_print_text(out, "]");
}

static void put_target(struct moon_print *out, const struct moon_insight *in, uint32_t place, bool alive) {
  struct moon_look l;
  char text[MOON_ADDR_TEXT_MAX] = "";
  if (!moon_host_look(in->host, place, alive, &l)) { return; }
  const struct moon_target *t = l.evidence.target;
  uint64_t now_us = l.evidence.now_us;
  if (t->addr.family) { moon_addr_format(&t->addr, text, sizeof text); }
  moon_print_text(out, "{");
  put_string(out, "target", l.plan->name);
  moon_print_text(out, ",");
  put_string(out, "address", text);
  moon_print_printf(out, ",\"worker\":%u,\"version\":\"%s\",", in->worker, l.credential->version == MOON_V3 ? "3" : l.credential->version == MOON_V1 ? "1" : "2c");
  put_string(out, "credential", l.credential->name);
  moon_print_text(out, ",");
  put_string(out, "cause", moon_cause_name(l.diagnosis.cause));
  moon_print_text(out, ",");
  put_string(out, "seen", l.diagnosis.text);
  if (l.diagnosis.check) {
    moon_print_text(out, ",");
    put_string(out, "check", l.diagnosis.check);
  }
  put_next(out, in, place, t, now_us);
  moon_print_printf(out, ",\"requests\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"waiting\":%u,\"in_flight\":%u,\"restarts\":%u", l.evidence.requests,
                    l.evidence.answered, l.waiting, l.in_flight, l.evidence.boots);
  if (t->last_answer_us) { moon_print_printf(out, ",\"last_answer_ago\":%.3f", ago(now_us, t->last_answer_us)); }
  if (l.uptime_at_us) { moon_print_printf(out, ",\"uptime\":%.2f", l.uptime / 100.0 + ago(now_us, l.uptime_at_us)); }
  moon_print_printf(out, ",\"breaker\":\"%s\",\"silent\":%u", !t->open ? "closed" : t->trial ? "on trial" : "open", t->silent);
  put_learned(out, t);
  if (l.evidence.diary) { put_diary(out, l.evidence.diary, now_us); }
  put_jobs(out, in, place, now_us);
  moon_print_text(out, "}");
}

static void reply(struct moon_insight_slip *q, struct moon_print *out) {
  if (out->failed) { out->n = 0; }
  moon_desk_reply(q->in->desk, q->slip, q->in->worker, q->number, out->p, (uint32_t)out->n);
  moon_print_fini(out);
}

static void tell_target(struct moon_insight_slip *q, bool alive) {
  const struct moon_insight *in = q->in;
  const char *name = q->question + sizeof "target " - 1;
  struct moon_print out;
  size_t before;
  bool more = false, first = true;
  moon_print_init(&out, NULL, NULL);
  moon_print_text(&out, "{\"targets\":[");
  for (uint32_t i = 0; !more && (i = moon_host_find(in->host, name, i)) != UINT32_MAX; i++) {
    before = out.n;
    if (!first) { moon_print_text(&out, ","); }
    put_target(&out, in, i, alive && i == q->place);
    more = out.n + HEAD_ROOM > moon_desk_room(in->desk);
    if (more) { out.n = before; }
    first = false;
  }
  moon_print_printf(&out, "],\"more\":%s}", more ? "true" : "false");
  reply(q, &out);
}

/* ---- is anybody there? ---- */

static void forget(void *arg) {
  struct moon_insight_slip *q = arg;
  if (q->asked) { moon_peer_free(q->in->engine, q->asked); }
  q->asked = NULL;
}

/* A Report of any kind, or an answer, is the agent's. The peer ends in a turn of its own: this one is still about it. */
static void heard(void *arg, const struct moon_outcome *o) {
  struct moon_insight_slip *q = arg;
  if (q->number == q->asked_number) { tell_target(q, o->rtt_us || o->report || moon_peer_target(q->asked)->last_answer_us); }
  moon_timer_init(&q->timer, forget, q);
  moon_timer_start(q->in->engine, &q->timer, moon_engine_now(q->in->engine) + 1000);
}

/* Begins to ask; false: there is no need to, or no way. */
static bool ask(struct moon_insight_slip *q) {
  const struct moon_insight *in = q->in;
  struct moon_look l;
  q->place = moon_host_find(in->host, q->question + sizeof "target " - 1, 0);
  if (q->asked || q->place == UINT32_MAX || !moon_host_look(in->host, q->place, false, &l)) { return false; }
  if (l.credential->version == MOON_V3 || l.plan->recording || l.evidence.target->addr.stream) { return false; }
  if (l.diagnosis.cause != MOON_CAUSE_NEVER && l.diagnosis.cause != MOON_CAUSE_DEAD) { return false; }
  if (moon_peer_new(in->engine, &l.evidence.target->addr, &nobody, &once, NULL, &q->asked)) { return false; }
  if (moon_engine_submit(in->engine, q->asked, &discovery, 0, heard, q, &q->ticket)) {
    forget(q);
    return false;
  }
  q->asked_number = q->number;
  moon_engine_kick(in->engine);
  return true;
}

/* ---- all targets ---- */

struct top { uint64_t by; uint32_t place; };

static void enter(struct top list[TOP], uint32_t *n, uint64_t by, uint32_t place) {
  uint32_t at = *n < TOP ? (*n)++ : TOP;
  if (at == TOP && by <= list[TOP - 1].by) { return; }
  if (at == TOP) { at--; }
  for (; at && list[at - 1].by < by; at--) { list[at] = list[at - 1]; }
  list[at] = (struct top){by, place};
}

static void put_top(struct moon_print *out, const struct moon_insight *in, const char *name, const struct top *list, uint32_t n) {
  moon_print_printf(out, "\"%s\":[", name);
  for (uint32_t i = 0; i < n; i++) {
    struct moon_look l;
    if (!moon_host_look(in->host, list[i].place, false, &l)) { continue; }
    const struct moon_target *t = l.evidence.target;
    uint32_t srtt = t->rtt[MOON_KIND_GET].srtt_us > t->rtt[MOON_KIND_BULK].srtt_us ? t->rtt[MOON_KIND_GET].srtt_us : t->rtt[MOON_KIND_BULK].srtt_us;
    moon_print_text(out, i ? ",{" : "{");
    put_string(out, "target", l.plan->name);
    moon_print_printf(out, ",\"rtt\":%.6f,\"took\":%.3f,\"failed\":%u,\"ok\":%u,\"jobs_waiting\":%u,\"breaker\":\"%s\",", (double)srtt / 1e6,
                      (double)l.took_us / 1e6, l.failed, l.ok, l.late, t->open ? "open" : "closed");
    put_string(out, "cause", moon_cause_name(l.diagnosis.cause));
    moon_print_text(out, ",");
    put_string(out, "seen", l.diagnosis.text);
    moon_print_text(out, "}");
  }
  moon_print_text(out, "]");
}

static void tell_top(struct moon_insight_slip *q) {
  const struct moon_insight *in = q->in;
  struct top slow[TOP], failing[TOP], late[TOP];
  uint32_t n_slow = 0, n_failing = 0, n_late = 0, cause[MOON_CAUSES_N] = {0}, open = 0, small = 0, no_bulk = 0, apart = 0, alias = 0, n = 0;
  struct moon_print out;
  for (uint32_t i = 0; (i = moon_host_find(in->host, NULL, i)) != UINT32_MAX; i++) {
    struct moon_look l;
    if (!moon_host_look(in->host, i, false, &l)) { continue; }
    const struct moon_target *t = l.evidence.target;
    uint32_t srtt = t->rtt[MOON_KIND_GET].srtt_us > t->rtt[MOON_KIND_BULK].srtt_us ? t->rtt[MOON_KIND_GET].srtt_us : t->rtt[MOON_KIND_BULK].srtt_us;
    n++;
    cause[l.diagnosis.cause]++;
    if (srtt) { enter(slow, &n_slow, srtt, i); }
    if (l.why || t->open) { enter(failing, &n_failing, 1 + l.failed, i); }
    if (l.late) { enter(late, &n_late, l.late, i); }
    open += t->open;
    small += t->reps_max || t->get_max;
    no_bulk += (t->quirks & MOON_QUIRK_NO_BULK) != 0;
    apart += t->poisons && t->poisons->n;
    alias += t->alias.family != 0;
  }
  moon_print_init(&out, NULL, NULL);
  moon_print_printf(&out, "{\"targets\":%u,\"breakers_open\":%u,", n, open);
  put_top(&out, in, "slowest", slow, n_slow);
  moon_print_text(&out, ",");
  put_top(&out, in, "failing", failing, n_failing);
  moon_print_text(&out, ",");
  put_top(&out, in, "late", late, n_late);
  moon_print_printf(&out, ",\"learned\":{\"smaller_requests\":%u,\"no_getbulk\":%u,\"names_asked_apart\":%u,\"other_address\":%u},\"causes\":{",
                    small, no_bulk, apart, alias);
  bool first = true;
  for (int c = 0; c < MOON_CAUSES_N; c++) {
    if (!cause[c]) { continue; }
    moon_print_printf(&out, "%s\"%s\":%u", first ? "" : ",", moon_cause_name((enum moon_cause)c), cause[c]);
    first = false;
  }
  moon_print_text(&out, "}}");
  reply(q, &out);
}

/* ---- tasks ---- */

struct listing { const struct moon_insight *in; struct moon_print *out; uint64_t now_us; uint32_t n, more; };

static void put_request(struct moon_print *out, const struct moon_request *r) {
  struct moon_reader reader;
  struct moon_varbind vb;
  char text[MOON_OID_TEXT_MAX];
  moon_print_printf(out, ",\"request\":\"%s\",\"names\":%u", kind_name(r->pdu_type), r->n_varbinds);
  moon_reader_init(&reader, r->varbinds, r->varbinds_len);
  if (moon_varbind_get(&reader, &vb) && moon_oid_format(vb.oid, vb.oid_len, text, sizeof text)) {
    moon_print_text(out, ",");
    put_string(out, "oid", text);
  }
}

static bool put_task(void *arg, const struct moon_look_task *t) {
  struct listing *l = arg;
  if (l->more || l->out->n + 2 * HEAD_ROOM + 6 * strlen(t->target) > moon_desk_room(l->in->desk)) {
    l->more++;
    return true;
  }
  moon_print_text(l->out, l->n++ ? ",{" : "{");
  put_string(l->out, "target", t->target);
  moon_print_text(l->out, ",");
  put_string(l->out, "probe", t->probe);
  if (*t->job) {
    moon_print_text(l->out, ",");
    put_string(l->out, "job", t->job);
  }
  moon_print_text(l->out, ",");
  put_string(l->out, "waits_for", t->what);
  moon_print_printf(l->out, ",\"child\":%s", t->child ? "true" : "false");
  if (*t->place) {
    moon_print_text(l->out, ",");
    put_string(l->out, "line", t->place);
  }
  if (t->parked_us) { moon_print_printf(l->out, ",\"parked\":%.3f", ago(l->now_us, t->parked_us)); }
  if (t->until_us) { moon_print_printf(l->out, ",\"wakes_in\":%.3f", ago(t->until_us, l->now_us)); }
  if (t->deadline_us) { moon_print_printf(l->out, ",\"cancelled_in\":%.3f", ago(t->deadline_us, l->now_us)); }
  if (t->request) { put_request(l->out, t->request); }
  moon_print_text(l->out, "}");
  return true;
}

static void tell_tasks(struct moon_insight_slip *q) {
  const struct moon_insight *in = q->in;
  struct moon_print out;
  struct listing l = {.in = in, .out = &out, .now_us = moon_engine_clock_us(in->engine)};
  moon_print_init(&out, NULL, NULL);
  moon_print_text(&out, "{\"tasks\":[");
  moon_host_look_tasks(in->host, put_task, &l);
  moon_print_printf(&out, "],\"more\":%u}", l.more);
  reply(q, &out);
}

void moon_insight_init(struct moon_insight *in, struct moon_engine *e, struct moon_host *h, struct moon_desk *d, uint32_t worker) {
  *in = (struct moon_insight){.engine = e, .host = h, .desk = d, .worker = worker};
  for (uint32_t i = 0; i < MOON_DESK_SLIPS; i++) {
    in->slips[i].in = in;
    in->slips[i].slip = i;
    moon_timer_init(&in->slips[i].timer, forget, &in->slips[i]);
  }
}

static void serve(struct moon_insight_slip *q) {
  if (strncmp(q->question, "target ", 7) == 0) {
    if (!ask(q)) { tell_target(q, false); }
  } else if (strcmp(q->question, "top") == 0) {
    tell_top(q);
  } else if (strcmp(q->question, "tasks") == 0) {
    tell_tasks(q);
  } else {
    moon_desk_reply(q->in->desk, q->slip, q->in->worker, q->number, "", 0);
  }
}

void moon_insight_serve(struct moon_insight *in) {
  moon_desk_hush(in->desk, in->worker);
  for (uint32_t i = 0; i < MOON_DESK_SLIPS; i++) {
    struct moon_insight_slip *q = &in->slips[i];
    if (moon_desk_question(in->desk, i, in->worker, q->question, &q->number)) { serve(q); }
  }
}

void moon_insight_fini(struct moon_insight *in) {
  for (uint32_t i = 0; i < MOON_DESK_SLIPS; i++) {
    moon_timer_stop(in->engine, &in->slips[i].timer);
    forget(&in->slips[i]);
  }
}
