#include "diary.h"

static void add_entry(struct moon_diary *d, const struct moon_outcome *o, const struct moon_request *r, uint64_t started_us,
                      uint64_t now_us) {
  uint64_t waited = now_us > started_us ? now_us - started_us : 0;
  d->entry[d->n_entries++ % MOON_DIARY_ENTRIES] = (struct moon_diary_entry){
    .at_us = now_us,
    .waited_us = waited < UINT32_MAX ? (uint32_t)waited : UINT32_MAX,
    .tries = o->tries,
    .err = (uint8_t)o->err,
    .status = o->rtt_us && o->pdu.error_status > 0 && o->pdu.error_status < 256 ? (uint8_t)o->pdu.error_status : 0,
    .report = o->report,
    .pdu_type = r->pdu_type};
}

void moon_diary_end(struct moon_diary *d, const struct moon_outcome *o, const struct moon_request *r, uint64_t started_us, bool hurried,
                    uint64_t now_us) {
  bool answered = o->rtt_us != 0;
  d->ended++;
  d->answered += answered;
  if (answered) {
    d->arrived[hurried]++;
    d->again += o->tries > 1;
    d->silent = 0;
  } else if (o->tries) {
    d->lost[hurried]++;
    d->silent++;
  }
  if (answered && !o->err && o->tries == 1) {
    d->well++;
  } else {
    d->well = 0;
  }
  if (o->err) {
    d->error[o->err]++;
    if (o->err != MOON_E_DOWN) { add_entry(d, o, r, started_us, now_us); }
  }
}

void moon_diary_cut(struct moon_diary *d) {
  d->silent++;
  d->well = 0;
}

bool moon_diary_sent(struct moon_diary *d, uint64_t now_us) {
  uint64_t *oldest = &d->sent_us[d->n_sent % MOON_HURRY_TRIES];
  bool hurried = d->n_sent++ >= MOON_HURRY_TRIES && now_us < *oldest + MOON_HURRY_US;
  *oldest = now_us;
  return hurried;
}

void moon_diary_lost(struct moon_diary *d, bool hurried) {
  d->lost[hurried]++;
  d->well = 0;
}

void moon_diary_past(struct moon_diary *d, bool late, uint64_t rtt_us) {
  if (late) {
    d->late++;
    d->late_us = rtt_us;
  } else {
    d->duplicate++;
  }
}

void moon_diary_stranger(struct moon_diary *d, const struct moon_addr *source) {
  d->wrong_source++;
  d->stranger = *source;
}
