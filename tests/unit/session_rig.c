#include "session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

const char *const rig_interface_columns[41] = {
  "1.3.6.1.2.1.2.2.1.1", "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.3", "1.3.6.1.2.1.2.2.1.4", "1.3.6.1.2.1.2.2.1.5",
  "1.3.6.1.2.1.2.2.1.6", "1.3.6.1.2.1.2.2.1.7", "1.3.6.1.2.1.2.2.1.8", "1.3.6.1.2.1.2.2.1.9", "1.3.6.1.2.1.2.2.1.10",
  "1.3.6.1.2.1.2.2.1.11", "1.3.6.1.2.1.2.2.1.12", "1.3.6.1.2.1.2.2.1.13", "1.3.6.1.2.1.2.2.1.14", "1.3.6.1.2.1.2.2.1.15",
  "1.3.6.1.2.1.2.2.1.16", "1.3.6.1.2.1.2.2.1.17", "1.3.6.1.2.1.2.2.1.18", "1.3.6.1.2.1.2.2.1.19", "1.3.6.1.2.1.2.2.1.20",
  "1.3.6.1.2.1.2.2.1.21", "1.3.6.1.2.1.2.2.1.22", "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.31.1.1.1.2", "1.3.6.1.2.1.31.1.1.1.3",
  "1.3.6.1.2.1.31.1.1.1.4", "1.3.6.1.2.1.31.1.1.1.5", "1.3.6.1.2.1.31.1.1.1.6", "1.3.6.1.2.1.31.1.1.1.7", "1.3.6.1.2.1.31.1.1.1.8",
  "1.3.6.1.2.1.31.1.1.1.9", "1.3.6.1.2.1.31.1.1.1.10", "1.3.6.1.2.1.31.1.1.1.11", "1.3.6.1.2.1.31.1.1.1.12", "1.3.6.1.2.1.31.1.1.1.13",
  "1.3.6.1.2.1.31.1.1.1.14", "1.3.6.1.2.1.31.1.1.1.15", "1.3.6.1.2.1.31.1.1.1.16", "1.3.6.1.2.1.31.1.1.1.17", "1.3.6.1.2.1.31.1.1.1.18",
  "1.3.6.1.2.1.31.1.1.1.19",
};

void rig_init(struct rig *r, uint8_t version) {
  struct moon_addr addr = {.ip = {127, 0, 0, 1}, .port = 161, .family = 4};
  memset(r, 0, offsetof(struct rig, request));
  agent_init(&r->agent);
  memcpy(r->credential.community, "public", 6);
  r->credential.community_len = 6;
  r->credential.version = version;
  moon_policy_init(&r->policy);
  moon_target_init(&r->target, &addr, &r->credential, &r->policy);
  r->now_us = 1000000;
  r->id = 0x01000000;
}

void rig_fini(struct rig *r) {
  moon_target_fini(&r->target);
  agent_fini(&r->agent);
}

void rig_ask(struct rig *r, const struct moon_request *request, struct moon_outcome *o) {
  struct moon_exchange x;
  struct moon_writer w;
  enum moon_verdict v = MOON_VERDICT_AGAIN;
  size_t max = r->agent.max_octets;
  r->requests++;
  moon_exchange_init(&x, &r->target, request, r->now_us);
  while (v == MOON_VERDICT_AGAIN) {
    moon_writer_init(&w, r->request, sizeof r->request);
    assert_int_equal(moon_exchange_encode(&x, r->id++, r->now_us, 512, &w), MOON_OK);
    assert_true(moon_writer_len(&w) <= 1472);
    bool told = !r->heedless && request->reply_max && x.tries == 1;
    if (told && (!max || request->reply_max < max)) { r->agent.max_octets = request->reply_max - r->reserved; }
    size_t n = agent_answer(&r->agent, w.p, moon_writer_len(&w), r->reply, sizeof r->reply);
    r->agent.max_octets = max;
    if (n) {
      uint64_t sent_us = r->now_us;
      r->now_us += 1000;
      assert_int_equal(moon_exchange_feed(&x, r->reply, n, r->reply, sent_us, r->now_us, o), MOON_VERDICT_MINE);
      return;
    }
    r->now_us = moon_exchange_deadline(&x);
    v = moon_exchange_expire(&x, r->now_us, true, o);
  }
  r->silences++;
}

const struct moon_name *rig_names(unsigned slot, const char *const *texts, size_t n) {
  static struct moon_name names[4][RIG_COLUMNS];
  static uint8_t octets[4][RIG_COLUMNS][MOON_OID_MAX_LEN];
  assert_true(slot < 4 && n <= RIG_COLUMNS);
  for (size_t i = 0; i < n; i++) {
    size_t len = 0;
    if (moon_oid_parse(texts[i], strlen(texts[i]), octets[slot][i], MOON_OID_MAX_LEN, &len)) {
      assert_int_equal(moon_oid_parse_index(texts[i], strlen(texts[i]), octets[slot][i], MOON_OID_MAX_LEN, &len), MOON_OK);
    }
    names[slot][i] = (struct moon_name){.oid = octets[slot][i], .len = (uint16_t)len};
  }
  return names[slot];
}

static size_t full_name(uint8_t *out, const struct moon_name *column, const uint8_t *index, size_t n) {
  assert_true(column->len + n <= MOON_OID_MAX_LEN);
  memcpy(out, column->oid, column->len);
  memcpy(out + column->len, index, n);
  return column->len + n;
}

static void check_row(struct rig *r, const struct moon_walk_spec *spec, const struct moon_row *row, struct rig_result *res) {
  uint8_t name[MOON_OID_MAX_LEN];
  uint32_t values = 0;
  if (res->rows) {
    assert_true(moon_oid_compare(res->last, res->last_len, row->index, row->index_len) < 0);
  }
  for (uint16_t c = 0; c < spec->n_columns; c++) {
    const struct moon_cell *cell = &row->cells[c];
    const struct agent_object *o = agent_find(&r->agent, name, full_name(name, &spec->columns[c], row->index, row->index_len));
    res->bad += cell->err != 0;
    values += cell->type != 0;
    if (r->unchecked || cell->err) {
      continue;
    }
    assert_int_equal(cell->type, o ? o->type : 0);
    if (o) {
      assert_int_equal(cell->value_len, o->value_len);
      assert_memory_equal(cell->value, o->value, o->value_len);
      assert_true(cell->received_us > 0 && cell->received_us <= r->now_us);
    }
  }
  assert_true(values + res->bad > 0);
  res->values += values;
  res->rows++;
  memcpy(res->last, row->index, row->index_len);
  res->last_len = row->index_len;
}

/* Objects of the columns up to and with an index. */
static uint32_t count_until(const struct rig *r, const struct moon_walk_spec *spec, const uint8_t *index, size_t n) {
  uint32_t count = 0;
  for (size_t i = 0; i < r->agent.n; i++) {
    const struct agent_object *o = &r->agent.objects[i];
    for (uint16_t c = 0; c < spec->n_columns; c++) {
      const struct moon_name *col = &spec->columns[c];
      count += o->oid_len > col->len && moon_oid_under(col->oid, col->len, o->oid, o->oid_len) &&
               moon_oid_compare(o->oid + col->len, (size_t)(o->oid_len - col->len), index, n) <= 0;
    }
  }
  return count;
}

void rig_drive(struct rig *r, struct moon_walk *w, const struct moon_walk_spec *spec, struct rig_result *res) {
  const struct moon_request *request = NULL;
  struct moon_row row;
  struct moon_outcome o;
  uint32_t turns = 0;
  memset(res, 0, sizeof *res);
  while (!moon_walk_over(w)) {
    bool asked = moon_walk_next(w, r->now_us, &request), given = false;
    assert_true(++turns < 200000);
    if (!r->read_ahead || !asked) {
      for (uint32_t n = 0; (r->rows_at_once == 0 || n < r->rows_at_once) && moon_walk_row(w, &row); n++) {
        check_row(r, spec, &row, res);
        given = true;
      }
    }
    if (asked) {
      rig_ask(r, request, &o);
      moon_walk_feed(w, &o);
    }
    assert_true(asked || given || moon_walk_over(w));
  }
  assert_false(moon_walk_next(w, r->now_us, &request));
  assert_false(moon_walk_row(w, &row));
  assert_int_equal(moon_walk_rows(w), res->rows);
  res->err = moon_walk_err(w, &res->blame, &res->seen);
  if (res->seen) {
    res->outcome = *res->seen;
    res->seen = &res->outcome;
  }
  if (r->unchecked) {
    return;
  }
  if (res->err == MOON_OK && !spec->only) {
    uint32_t all = 0;
    for (uint16_t c = 0; c < spec->n_columns; c++) {
      all += (uint32_t)agent_count(&r->agent, spec->columns[c].oid, spec->columns[c].len);
    }
    assert_int_equal(res->values, all);
  } else if (res->rows && !spec->only) {
    assert_int_equal(res->values, count_until(r, spec, res->last, res->last_len));
  }
}

enum moon_err rig_walk(struct rig *r, const struct moon_walk_spec *spec, struct rig_result *result) {
  struct rig_result own;
  enum moon_err e = MOON_OK;
  struct moon_walk *w = moon_walk_new(&r->target, spec, &e);
  assert_int_equal(e, MOON_OK);
  assert_non_null(w);
  result = result ? result : &own;
  rig_drive(r, w, spec, result);
  moon_walk_free(w);
  return result->err;
}

void rig_interfaces(struct rig *r, unsigned n) {
  static const uint8_t types[41] = {2, 4, 2, 2, 0x42, 4, 2, 2, 0x43, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x42, 6,
                                    4, 0x41, 0x41, 0x41, 0x41, 0x46, 0x46, 0x46, 0x46, 0x46, 0x46, 0x46, 0x46, 2, 0x42, 2, 2, 4, 0x43};
  for (unsigned i = 1; i <= n; i++) {
    for (unsigned c = 0; c < 41; c++) {
      char oid[128], text[32];
      uint8_t value[8] = {1, (uint8_t)i, (uint8_t)c, 3, (uint8_t)(i * 7), 5, 6, 7};
      size_t len = types[c] == 0x46 ? 5 : types[c] == 2 ? 1 : 4;
      snprintf(oid, sizeof oid, "%s.%u", rig_interface_columns[c], i);
      if (types[c] == 4) {
        len = (size_t)snprintf(text, sizeof text, "eth%u", i);
        agent_add(&r->agent, oid, 4, text, len);
      } else if (types[c] == 6) {
        agent_add(&r->agent, oid, 6, "\0", 1);
      } else {
        agent_add(&r->agent, oid, types[c], value, len);
      }
    }
  }
  agent_add(&r->agent, "1.3.6.1.2.1.1.3.0", MOON_TIME_TICKS, "\x12\x34\x56", 3);
  agent_add(&r->agent, "1.3.6.1.2.1.1.5.0", MOON_OCTET_STRING, "core1", 5);
  agent_add(&r->agent, "1.3.6.1.2.1.2.1.0", MOON_INTEGER, "\x18", 1);
  agent_add(&r->agent, "1.3.6.1.2.1.31.1.5.0", MOON_TIME_TICKS, "\x01", 1);
}
