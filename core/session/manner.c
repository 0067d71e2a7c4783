#include "manner.h"

#include "ask.h"

#define CAREFUL_REPS 8  /* after silence */
#define REPLY_MIN 128   /* octets of varbinds; no agent is asked for less, but for single ones */
#define REPLY_FULL 1472 /* what a lowered reply_max grows back to */
#define OVERHEAD_SLACK 16u /* octets that overhead may be too many */
#define GROWN 64        /* repetitions, or varbinds of a GETNEXT: a limit above it is none */

/* Replies whose agent does not cut them may be longer than what was asked for seemed to be. */
static size_t slack(const struct moon_target *t) { return t->reply_max / 32u; }

static void set_room(struct moon_manner *m, size_t octets) { m->room = octets > REPLY_MIN ? octets : REPLY_MIN; }

static void set_next_only(struct moon_manner *m, const struct moon_target *t) {
  size_t all = t->reply_max;
  m->next_only = true;
  m->most = m->ceiling = t->get_max ? t->get_max : UINT32_MAX; /* a GETNEXT is like a GET */
  m->silent_at = 0;
  m->overhead = moon_ask_overhead(t);
  set_room(m, all > m->overhead ? all - m->overhead - slack(t) : 0);
}

/* The first answer of an agent of SNMPv3 tells how long its engine id is. */
static void take_overhead(struct moon_manner *m, const struct moon_target *t) {
  if (m->is_sized || !t->trust) {
    return;
  }
  size_t overhead = moon_ask_overhead(t);
  m->is_sized = t->trust->known.proven;
  if (overhead < m->overhead) {
    m->room += m->overhead - overhead;
    m->overhead = overhead;
  }
}

void moon_manner_init(struct moon_manner *m, const struct moon_target *t) {
  memset(m, 0, sizeof *m);
  m->reps = t->reps_max ? t->reps_max : UINT16_MAX;
  set_next_only(m, t);
  if (t->credential->version != MOON_V1 && !(t->quirks & MOON_QUIRK_NO_BULK)) {
    m->next_only = false;
    m->most = m->ceiling = UINT32_MAX;
  }
  m->probing = t->silent && !t->last_answer_us; /* is it there at all? */
}

uint8_t moon_manner_tries(const struct moon_manner *m, const struct moon_target *t, bool *is_followed) {
  uint32_t retries = t->policy->retries;
  *is_followed = false;
  if (t->last_answer_us || retries == 0) {
    return 0;
  }
  if (m->probing) {
    return m->is_last;
  }
  *is_followed = !t->open;
  return (uint8_t)(retries < MOON_TRIES_MAX ? retries : MOON_TRIES_MAX - 1);
}

uint16_t moon_manner_limit(const struct moon_manner *m, const struct moon_target *t) {
  return t->trust && !m->uncut && !t->trust->uncut && t->last_answer_us && t->policy->retries ? t->reply_max : 0;
}

size_t moon_manner_room(const struct moon_manner *m, const struct moon_target *t, uint16_t limit) {
  return limit ? m->room + slack(t) : m->room;
}

static void uncut(struct moon_manner *m, const struct moon_target *t) {
  m->uncut = true;
  if (t->trust) {
    t->trust->uncut = true;
  }
}

void moon_manner_uncut(struct moon_manner *m, struct moon_target *t) { uncut(m, t); }

void moon_manner_length(struct moon_manner *m, struct moon_target *t, uint16_t limit, size_t octets) {
  if (limit && octets + m->overhead > limit + OVERHEAD_SLACK) {
    uncut(m, t);
  }
}

static bool is_minimal(const struct moon_asked *a) { return !a->bulk && a->varbinds == 1; }

bool moon_manner_too_big(struct moon_manner *m, const struct moon_asked *a) {
  if (is_minimal(a)) {
    return false;
  }
  if (a->varbinds == 1) {
    m->next_only = true;
    m->learning = true;
    return true;
  }
  m->most = a->varbinds / 2;
  if (!a->guessed) {
    size_t octets = a->octets < m->room ? a->octets : m->room;
    set_room(m, m->too_bigs ? octets / 2 : octets * 3 / 4);
    m->learning = true;
  }
  m->too_bigs++;
  return true;
}

bool moon_manner_silence(struct moon_manner *m, const struct moon_target *t, const struct moon_asked *a) {
  if (is_minimal(a) || t->open) { /* nothing would be sent any more */
    return false;
  }
  if (!t->last_answer_us) {
    m->probing = m->is_last = t->policy->retries > 0;
    return m->probing;
  }
  if (a->varbinds > 1 || a->bulk) {
    m->silent_at = m->silent_at && m->silent_at < a->varbinds ? m->silent_at : a->varbinds;
  }
  m->learning = true;
  uncut(m, t); /* or it drops what it should cut, and would again */
  m->silences++;
  if (m->silences > 1 || a->varbinds <= 2) {
    m->probing = true;
    return true;
  }
  uint32_t reps = a->reps / 4 ? a->reps / 4 : 1;
  m->most = a->varbinds / 4 ? a->varbinds / 4 : 1;
  m->reps = reps < CAREFUL_REPS ? reps : CAREFUL_REPS;
  set_room(m, (a->octets < m->room ? a->octets : m->room) / 4);
  return true;
}

bool moon_manner_step_down(struct moon_manner *m, const struct moon_asked *a, uint32_t turns) {
  if (is_minimal(a)) {
    return false;
  }
  m->narrowings += m->narrowings < 8; /* each time longer: an agent that breaks often is better asked so */
  m->narrow = turns << (m->narrowings - 1);
  return true;
}

static void remember_no_bulk(struct moon_target *t) {
  moon_target_quirk(t, MOON_QUIRK_NO_BULK);
  t->reps_max = 1;
}

static void remember(struct moon_manner *m, struct moon_target *t) {
  size_t all = m->room + moon_ask_overhead(t) + REPLY_MIN / 4;
  bool again = t->reps_max || t->get_max;
  m->learning = false;
  if (m->next_only && t->credential->version != MOON_V1) {
    remember_no_bulk(t);
  }
  if (m->next_only && m->silent_at && m->most <= UINT16_MAX) {
    t->get_max = (uint16_t)m->most;
  } else if (!m->next_only && m->silent_at && m->reps < UINT16_MAX) {
    t->reps_max = (uint16_t)m->reps;
  }
  t->reply_max = all < t->reply_max ? (uint16_t)all : t->reply_max;
  t->credit = 0;
  t->patience = (uint8_t)(t->patience + (again && t->patience < 5));
}

/* It lives, so the last request was too much for it: when there was one, and all of its tries met silence. */
static void take_probe(struct moon_manner *m, struct moon_target *t) {
  m->probing = m->is_last = false;
  if (!m->silent_at) {
    return;
  }
  if (m->silent_at > 2) {
    m->most = m->silent_at / 4 > 2 ? m->silent_at / 4 : 2;
    m->reps = m->most < CAREFUL_REPS ? m->most : CAREFUL_REPS;
    set_room(m, m->room / 4);
  } else if (m->next_only) {
    m->most = 1;
    remember(m, t);
  } else {
    remember_no_bulk(t);
    m->learning = false;
    set_next_only(m, t); /* how many of those is another question */
  }
}

void moon_manner_answer(struct moon_manner *m, struct moon_target *t, const struct moon_asked *a) {
  m->silences = 0;
  m->too_bigs = 0;
  m->narrow -= m->narrow > 0;
  take_overhead(m, t);
  if (m->probing) {
    take_probe(m, t);
    return;
  }
  if (m->narrow) {
    return;
  }
  if (m->learning) {
    remember(m, t);
  }
  if (!m->silent_at) {
    m->most = m->ceiling; /* the room says it */
    if (a->bulk) {
      t->reps = (uint16_t)a->reps;
    }
  }
}

void moon_manner_end(const struct moon_manner *m, struct moon_target *t) {
  bool lowered = m->next_only ? t->get_max != 0 : t->reps_max != 0;
  if ((!lowered && t->reply_max >= REPLY_FULL) || m->silent_at || ++t->credit < 4u << t->patience) {
    return;
  }
  t->credit = 0;
  if (m->next_only) {
    t->get_max = t->get_max < GROWN ? (uint16_t)(t->get_max * 2) : 0;
  } else {
    t->reps_max = t->reps_max < GROWN ? (uint16_t)(t->reps_max * 2) : 0;
  }
  if (t->reply_max < REPLY_FULL) {
    t->reply_max = t->reply_max < REPLY_FULL / 2 ? (uint16_t)(t->reply_max * 2) : REPLY_FULL;
  }
}
