#include "cause.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../session/report.h"

#define WELL_ROW 64           /* requests in a row without trouble: what was before is over */
#define SILENT_ROW 2          /* unanswered requests in a row: it is silent now */
#define RATE_TRIES 8          /* tries of each kind before rates are told from losses */
#define RATE_TIMES 3          /* so much worse do hurried ones fare */
#define RESTARTS 2
#define SLOW_US 500000u

static const struct { const char *name, *check; } causes[MOON_CAUSES_N] = {
  [MOON_CAUSE_NEW] = {"new", NULL},
  [MOON_CAUSE_WELL] = {"well", NULL},
  [MOON_CAUSE_DNS] = {"dns", "the name, /etc/hosts, and the name servers (resolver.servers, else /etc/resolv.conf)"},
  [MOON_CAUSE_REFUSED] = {"refused", "that the agent runs, listens on this port of this address, and that no firewall rejects"},
  [MOON_CAUSE_UNREACHABLE] = {"unreachable", "the address, routes and firewalls on the way, and that the device is up"},
  [MOON_CAUSE_OTHER_ADDRESS] = {"other-address", "which address the agent answers from: poll that one, or allow it with strict_source = false"},
  [MOON_CAUSE_OTHER_PORT] = {"other-port", "which port the agent answers from, NAT on the way; strict_source = false takes answers from any port"},
  [MOON_CAUSE_TOO_LATE] = {"too-late", "the timeout (-t): make it longer than its answers take; and what keeps the agent busy"},
  [MOON_CAUSE_FOREIGN] = {"foreign", "the agent's software, and proxies on the way: answers have to carry version and community as asked"},
  [MOON_CAUSE_WRONG_ID] = {"wrong-id", "the agent's software: its answers carry ids nobody asked with"},
  [MOON_CAUSE_MALFORMED] = {"malformed", "the agent's software version: this is a defect of it, or something else listens there"},
  [MOON_CAUSE_COMMUNITY] = {"community", "the community, the agent's access list of managers, and that it allows this SNMP version"},
  [MOON_CAUSE_NEVER] = {"never-answered", "the address and port, that the device is up, firewalls on the way; the community or user, and the agent's access list"},
  [MOON_CAUSE_DEAD] = {"dead", "that the device is up and can be reached; what was changed there since: agent, community, access list"},
  [MOON_CAUSE_AUTH] = {"auth", "user, security level, protocols and passwords, on both sides"},
  [MOON_CAUSE_RESTARTS] = {"restarts", "power, the device's log, and the health of its agent"},
  [MOON_CAUSE_LOOP] = {"loop", "the agent's software version: a walk of it never ends"},
  [MOON_CAUSE_ENDLESS] = {"endless", "whether the table is as large as that (max_rows), or the agent makes up rows"},
  [MOON_CAUSE_TOO_BIG] = {"too-big", "nothing: requests are made smaller; the message size of the agent, if it can be raised"},
  [MOON_CAUSE_SILENT_ABOVE] = {"silent-above", "nothing: less is asked at once; whether large answers are lost as IP fragments on the way"},
  [MOON_CAUSE_GEN_ERR] = {"gen-err", "the agent's own log; a probe may leave the blamed OID out"},
  [MOON_CAUSE_ACCESS] = {"access", "the agent's views and access rights for these credentials"},
  [MOON_CAUSE_RATE] = {"rate-limited", "a limit of packets a second in the agent or on the way; ask slower (--device-packets-per-s, --per-device 1)"},
  [MOON_CAUSE_LOSS] = {"loss", "the path: congestion, duplex, a full receive buffer of the agent"},
  [MOON_CAUSE_SLOW] = {"slow", "the load of the device, and the distance; the timeout leaves room for now"},
  [MOON_CAUSE_DUPLICATES] = {"duplicates", "loops and mirrored ports on the way, addresses given twice"},
  [MOON_CAUSE_SCRIPT] = {"script", "the probe: the agent answers"},
};

const char *moon_cause_name(enum moon_cause c) { return (unsigned)c < MOON_CAUSES_N ? causes[c].name : "unknown"; }

static void __attribute__((format(printf, 3, 4))) say(struct moon_diagnosis *out, enum moon_cause c, const char *format, ...) {
  va_list args;
  out->cause = c;
  out->check = causes[c].check;
  va_start(args, format);
  vsnprintf(out->text, sizeof out->text, format, args);
  va_end(args);
}

static double ms(uint64_t us) { return (double)us / 1e3; }

/* Of an error that is no silence, the latest first; NULL: none. */
static const struct moon_diary_entry *latest(const struct moon_diary *d) {
  return d->n_entries ? &d->entry[(d->n_entries - 1) % MOON_DIARY_ENTRIES] : NULL;
}

/* The agent says nothing we can use, now. Ends with a cause in any case. */
static void find_silence(const struct moon_evidence *v, struct moon_diagnosis *out) {
  const struct moon_diary *d = v->diary;
  const struct moon_target *t = v->target;
  const struct moon_diary_entry *last = latest(d);
  char text[MOON_ADDR_TEXT_MAX];
  if (d->wrong_source && d->stranger.family) {
    bool same = d->stranger.family == t->addr.family && memcmp(d->stranger.ip, t->addr.ip, sizeof t->addr.ip) == 0;
    moon_addr_format(&d->stranger, text, sizeof text);
    say(out, same ? MOON_CAUSE_OTHER_PORT : MOON_CAUSE_OTHER_ADDRESS, "%" PRIu64 " answers came from %s instead; they are not taken",
        d->wrong_source, text);
  } else if (last && last->err == MOON_E_REFUSED) {
    say(out, MOON_CAUSE_REFUSED, "%s, %" PRIu64 " times%s", t->addr.stream ? "connection refused" : "ICMP port unreachable",
        t->addr.stream ? d->error[MOON_E_REFUSED] : d->icmp, t->last_answer_us ? "; it used to answer on this port" : "");
  } else if (last && last->err == MOON_E_UNREACHABLE) {
    say(out, MOON_CAUSE_UNREACHABLE, "no route, or ICMP host, net or protocol unreachable, %" PRIu64 " times", d->error[MOON_E_UNREACHABLE]);
  } else if (d->late) {
    say(out, MOON_CAUSE_TOO_LATE, "%" PRIu64 " answers came too late, the last after %.0f ms; the timeout of a try is %.0f ms", d->late,
        ms(d->late_us), ms(t->policy->timeout_us));
  } else if (d->foreign) {
    say(out, MOON_CAUSE_FOREIGN, "%" PRIu64 " answers had another version, community or kind than the request", d->foreign);
  } else if (d->malformed) {
    say(out, MOON_CAUSE_MALFORMED, "%" PRIu64 " datagrams of it were no SNMP message", d->malformed);
  } else if (d->unknown) {
    say(out, MOON_CAUSE_WRONG_ID, "%" PRIu64 " messages of it answered nothing that was asked", d->unknown);
  } else if (v->alive) {
    say(out, MOON_CAUSE_COMMUNITY, "an SNMP agent is there: it answered a discovery of SNMPv3, and none of our requests");
  } else if (!t->last_answer_us) {
    say(out, MOON_CAUSE_NEVER, "no answer ever, %" PRIu64 " requests unanswered in a row", d->silent);
  } else {
    say(out, MOON_CAUSE_DEAD, "it answered until %.0f s ago; %" PRIu64 " requests unanswered in a row since", ms(v->now_us - t->last_answer_us) / 1e3,
        d->silent);
  }
}

static bool is_refusal(uint8_t err) {
  return err == MOON_E_AUTH || err == MOON_E_UNKNOWN_USER || err == MOON_E_UNSUPPORTED_LEVEL || err == MOON_E_DECRYPTION ||
         err == MOON_E_UNKNOWN_ENGINE || err == MOON_E_NOT_IN_TIME_WINDOW;
}

/* Lost tries, were they those that left soon after another? */
static bool is_rate(const struct moon_diary *d) {
  uint64_t calm = d->arrived[0] + d->lost[0], hurried = d->arrived[1] + d->lost[1];
  if (hurried < RATE_TRIES || calm < RATE_TRIES) { return false; }
  return d->lost[1] * calm >= RATE_TIMES * d->lost[0] * hurried && d->lost[1] * RATE_TRIES >= hurried;
}

/* GETBULK alone meets silence. */
static bool bulk_only(const struct moon_diary *d) {
  uint64_t n = d->n_entries < MOON_DIARY_ENTRIES ? d->n_entries : MOON_DIARY_ENTRIES;
  bool any = false;
  for (uint64_t i = 0; i < n; i++) {
    if (d->entry[i].err != MOON_E_TIMEOUT) { continue; }
    if (d->entry[i].pdu_type != MOON_PDU_GET_BULK) { return false; }
    any = true;
  }
  return any;
}

/* It answers, if not always well. False: nothing to say against it. */
static bool find_flaw(const struct moon_evidence *v, struct moon_diagnosis *out) {
  const struct moon_diary *d = v->diary;
  const struct moon_target *t = v->target;
  uint64_t gone = d->lost[0] + d->lost[1], tries = gone + d->arrived[0] + d->arrived[1];
  /* A try whose answer came after the next had left was not lost: that answer came, and the next one's is a second. */
  uint64_t lost = gone > d->duplicate ? gone - d->duplicate : 0, twice = d->duplicate > gone ? d->duplicate - gone : 0;
  if (v->boots >= RESTARTS) {
    say(out, MOON_CAUSE_RESTARTS, "it restarted %u times while it was polled", v->boots);
  } else if (d->malformed || d->error[MOON_E_DECODE]) {
    say(out, MOON_CAUSE_MALFORMED, "%" PRIu64 " answers could not be read", d->malformed + d->error[MOON_E_DECODE]);
  } else if (v->run_err == MOON_E_LOOP || d->error[MOON_E_LOOP]) {
    say(out, MOON_CAUSE_LOOP, "a walk came back to where it had been");
  } else if (v->run_err == MOON_E_BUDGET) {
    say(out, MOON_CAUSE_ENDLESS, "a walk went over its limits");
  } else if (d->error[MOON_E_TOO_BIG]) {
    say(out, MOON_CAUSE_TOO_BIG, "it said tooBig %" PRIu64 " times", d->error[MOON_E_TOO_BIG]);
  } else if (bulk_only(d) && (t->reps_max || (t->quirks & MOON_QUIRK_NO_BULK))) {
    say(out, MOON_CAUSE_SILENT_ABOVE, "no answer to GETBULK of more than %u repetitions", t->reps_max ? t->reps_max : 1);
  } else if (d->error[MOON_E_GEN_ERR]) {
    say(out, MOON_CAUSE_GEN_ERR, "it said genErr %" PRIu64 " times", d->error[MOON_E_GEN_ERR]);
  } else if (d->error[MOON_E_ACCESS]) {
    say(out, MOON_CAUSE_ACCESS, "it denied access %" PRIu64 " times", d->error[MOON_E_ACCESS]);
  } else if (d->late * 2 > lost && d->late > 1) {
    say(out, MOON_CAUSE_TOO_LATE, "%" PRIu64 " answers came too late, the last after %.0f ms; the timeout of a try is %.0f ms", d->late,
        ms(d->late_us), ms(t->policy->timeout_us));
  } else if (lost > 1 && is_rate(d)) {
    say(out, MOON_CAUSE_RATE, "%" PRIu64 " of %" PRIu64 " tries unanswered that left with %u others within a second, %" PRIu64 " of %" PRIu64 " of those alone",
        d->lost[1], d->lost[1] + d->arrived[1], MOON_HURRY_TRIES, d->lost[0], d->lost[0] + d->arrived[0]);
  } else if (lost > 1) {
    say(out, MOON_CAUSE_LOSS, "%" PRIu64 " of %" PRIu64 " tries were not answered (%.0f %%)", lost, tries, 100.0 * (double)lost / (double)tries);
  } else if (twice > 1) {
    say(out, MOON_CAUSE_DUPLICATES, "%" PRIu64 " answers came a second time", twice);
  } else if (d->unknown > 1) {
    say(out, MOON_CAUSE_WRONG_ID, "%" PRIu64 " messages of it answered nothing that was asked", d->unknown);
  } else {
    return false;
  }
  return true;
}

void moon_cause_find(const struct moon_evidence *v, struct moon_diagnosis *out) {
  const struct moon_target *t = v->target;
  const struct moon_diary *d = v->diary;
  const struct moon_diary_entry *last = d ? latest(d) : NULL;
  uint32_t third = t->policy->timeout_us / 3 < SLOW_US ? (uint32_t)(t->policy->timeout_us / 3) : SLOW_US;
  uint32_t slow_us = v->slow_us ? v->slow_us : third;
  uint32_t srtt = t->rtt[MOON_KIND_GET].srtt_us > t->rtt[MOON_KIND_BULK].srtt_us ? t->rtt[MOON_KIND_GET].srtt_us : t->rtt[MOON_KIND_BULK].srtt_us;
  bool past = d && d->well >= WELL_ROW && !t->reps_max && !d->duplicate;
  if ((v->trouble && !t->addr.family) || (last && last->err == MOON_E_DNS)) {
    say(out, MOON_CAUSE_DNS, "its name has no address: %s", v->trouble ? v->trouble : "the resolver does not answer");
    return;
  }
  if (d && last && is_refusal(last->err) && d->well == 0) {
    const char *report = moon_report_name((enum moon_report)last->report);
    say(out, MOON_CAUSE_AUTH, "%s%s%s", moon_err_text((enum moon_err)last->err), report ? ": " : "", report ? report : "");
    return;
  }
  if (d && !past && (d->silent >= SILENT_ROW || t->open || (d->silent && !d->answered))) {
    find_silence(v, out);
    return;
  }
  if (d && !past && find_flaw(v, out)) { return; }
  if (v->run_err == MOON_E_LOOP || (t->quirks & MOON_QUIRK_NOT_INCREASING)) {
    say(out, MOON_CAUSE_LOOP, "a walk came back to where it had been");
  } else if (v->run_err == MOON_E_BUDGET) {
    say(out, MOON_CAUSE_ENDLESS, "a walk went over its limits");
  } else if (v->boots >= RESTARTS) {
    say(out, MOON_CAUSE_RESTARTS, "it restarted %u times while it was polled", v->boots);
  } else if (srtt > slow_us) {
    say(out, MOON_CAUSE_SLOW, "it takes %.0f ms to answer", ms(srtt));
  } else if (v->run_err == MOON_E_PUBLIC_N) {
    say(out, MOON_CAUSE_SCRIPT, "a script error ended the last run");
  } else if (!v->requests) {
    say(out, MOON_CAUSE_NEW, "not asked yet");
  } else {
    say(out, MOON_CAUSE_WELL, "%" PRIu64 " of %" PRIu64 " requests answered", v->answered, v->requests);
  }
}
