#include "pattern.h"

#include <string.h>

#define ESCAPE '%'
#define SLICE 16384 /* steps between two looks at stop: a fifth of a millisecond, sanitized */

static const uint8_t *match(struct moon_pattern *m, const uint8_t *s, const uint8_t *p);

static const uint8_t *fail(struct moon_pattern *m, const char *error) {
  if (!m->error) { m->error = error; }
  return NULL;
}

/* false: nothing is left of what a match may cost. */
static bool spend(struct moon_pattern *m, ptrdiff_t n) {
  m->steps -= n;
  if (m->steps >= 0) { return true; }
  if (!m->stop || !*m->stop) {
    int64_t slice = -m->steps > SLICE ? -m->steps : SLICE;
    slice = slice > m->rest ? m->rest : slice;
    m->steps += slice;
    m->rest -= slice;
    if (m->steps >= 0) { return true; }
  }
  fail(m, "pattern takes too long: too many ways to match");
  return false;
}

/* ---- one character ---- */

static bool is_upper(unsigned c) { return c - 'A' < 26; }
static bool is_lower(unsigned c) { return c - 'a' < 26; }
static bool is_digit(unsigned c) { return c - '0' < 10; }
static bool is_alnum(unsigned c) { return is_upper(c) || is_lower(c) || is_digit(c); }
static bool is_graph(unsigned c) { return c > ' ' && c < 127; }

static bool in_class(unsigned c, unsigned class) {
  bool in;
  switch (class | 0x20) {
    case 'a': in = is_upper(c) || is_lower(c); break;
    case 'c': in = c < ' ' || c == 127; break;
    case 'd': in = is_digit(c); break;
    case 'g': in = is_graph(c); break;
    case 'l': in = is_lower(c); break;
    case 'p': in = is_graph(c) && !is_alnum(c); break;
    case 's': in = c == ' ' || (c >= '\t' && c <= '\r'); break;
    case 'u': in = is_upper(c); break;
    case 'w': in = is_alnum(c); break;
    case 'x': in = is_digit(c) || (c | 0x20u) - 'a' < 6; break;
    case 'z': in = c == 0; break;
    default: return class == c;
  }
  return is_lower(class) ? in : !in;
}

/* Behind the single-character class at p; NULL: it has no end. */
static const uint8_t *class_end(struct moon_pattern *m, const uint8_t *p) {
  if (p >= m->p_end) { return fail(m, "malformed pattern (ends with '%')"); }
  switch (*p++) {
    case ESCAPE:
      if (p >= m->p_end) { return fail(m, "malformed pattern (ends with '%')"); }
      return p + 1;
    case '[':
      if (p < m->p_end && *p == '^') { p++; }
      do { /* a ']' that comes first is one of the set */
        if (p >= m->p_end) { return fail(m, "malformed pattern (missing ']')"); }
        if (*p++ == ESCAPE && p < m->p_end) { p++; }
      } while (p >= m->p_end || *p != ']');
      return p + 1;
    default: return p;
  }
}

/* p at '[', last at its ']'. */
static bool in_set(unsigned c, const uint8_t *p, const uint8_t *last) {
  bool found = true;
  if (p[1] == '^') {
    found = false;
    p++;
  }
  while (++p < last) {
    if (*p == ESCAPE) {
      p++;
      if (in_class(c, *p)) { return found; }
    } else if (p[1] == '-' && p + 2 < last) {
      p += 2;
      if (p[-2] <= c && c <= *p) { return found; }
    } else if (*p == c) {
      return found;
    }
  }
  return !found;
}

/* Does the class from p to end match at s? */
static bool single(struct moon_pattern *m, const uint8_t *s, const uint8_t *p, const uint8_t *end) {
  if (s >= m->src_end || !spend(m, end - p)) { return false; }
  switch (*p) {
    case '.': return true;
    case ESCAPE: return in_class(*s, p[1]);
    case '[': return in_set(*s, p, end - 1);
    default: return *p == *s;
  }
}

/* ---- what is made of them ---- */

static const uint8_t *balance(struct moon_pattern *m, const uint8_t *s, const uint8_t *p) {
  if (m->p_end - p < 2) { return fail(m, "unbalanced pattern"); }
  if (s >= m->src_end || *s != *p) { return NULL; }
  unsigned open = p[0], close = p[1], nested = 1;
  while (++s < m->src_end) {
    if (!spend(m, 1)) { return NULL; }
    if (*s == close) {
      if (--nested == 0) { return s + 1; }
    } else if (*s == open) {
      nested++;
    }
  }
  return NULL;
}

/* As many as there are, then fewer. */
static const uint8_t *expand_most(struct moon_pattern *m, const uint8_t *s, const uint8_t *p, const uint8_t *end) {
  ptrdiff_t i = 0;
  while (single(m, s + i, p, end)) { i++; }
  for (; i >= 0 && !m->error; i--) {
    const uint8_t *e = match(m, s + i, end + 1);
    if (e) { return e; }
  }
  return NULL;
}

/* As few as there may be, then more. */
static const uint8_t *expand_least(struct moon_pattern *m, const uint8_t *s, const uint8_t *p, const uint8_t *end) {
  while (!m->error) {
    const uint8_t *e = match(m, s, end + 1);
    if (e) { return e; }
    if (!single(m, s, p, end)) { return NULL; }
    s++;
  }
  return NULL;
}

static const uint8_t *open_capture(struct moon_pattern *m, const uint8_t *s, const uint8_t *p, ptrdiff_t len) {
  if (m->level >= MOON_PATTERN_CAPTURES) { return fail(m, "too many captures"); }
  m->capture[m->level].at = s;
  m->capture[m->level++].len = len;
  const uint8_t *e = match(m, s, p);
  if (!e) { m->level--; }
  return e;
}

static const uint8_t *close_capture(struct moon_pattern *m, const uint8_t *s, const uint8_t *p) {
  int i = m->level - 1;
  while (i >= 0 && m->capture[i].len != MOON_PATTERN_OPEN) { i--; }
  if (i < 0) { return fail(m, "invalid pattern capture"); }
  m->capture[i].len = s - m->capture[i].at;
  const uint8_t *e = match(m, s, p);
  if (!e) { m->capture[i].len = MOON_PATTERN_OPEN; }
  return e;
}

/* %1 to %9: the same octets again. */
static const uint8_t *same_again(struct moon_pattern *m, const uint8_t *s, unsigned digit) {
  int i = (int)digit - '1';
  if (i < 0 || i >= m->level || m->capture[i].len == MOON_PATTERN_OPEN) { return fail(m, "invalid capture index"); }
  ptrdiff_t len = m->capture[i].len;
  if (len == MOON_PATTERN_POSITION || m->src_end - s < len || !spend(m, len / 8 + 1) || memcmp(m->capture[i].at, s, (size_t)len) != 0) { return NULL; }
  return s + len;
}

/* %f[set]: from outside of the set into it. */
static const uint8_t *frontier(struct moon_pattern *m, const uint8_t *s, const uint8_t *p) {
  if (p >= m->p_end || *p != '[') { return fail(m, "missing '[' after '%f' in pattern"); }
  const uint8_t *end = class_end(m, p);
  if (!end || !spend(m, 2 * (end - p))) { return NULL; }
  unsigned before = s == m->src ? 0 : s[-1], here = s == m->src_end ? 0 : *s;
  return !in_set(before, p, end - 1) && in_set(here, p, end - 1) ? end : NULL;
}

/* From s with the pattern from p on. */
static const uint8_t *match_here(struct moon_pattern *m, const uint8_t *s, const uint8_t *p) {
  while (!m->error) {
    const uint8_t *end;
    if (p == m->p_end) { return s; }
    if (!spend(m, 1)) { return NULL; }
    switch (*p) {
      case '(':
        if (m->p_end - p > 1 && p[1] == ')') { return open_capture(m, s, p + 2, MOON_PATTERN_POSITION); }
        return open_capture(m, s, p + 1, MOON_PATTERN_OPEN);
      case ')': return close_capture(m, s, p + 1);
      case '$':
        if (p + 1 == m->p_end) { return s == m->src_end ? s : NULL; }
        break;
      case ESCAPE:
        if (p + 1 >= m->p_end) { break; }
        if (p[1] == 'b') {
          s = balance(m, s, p + 2);
          if (!s) { return NULL; }
          p += 4;
          continue;
        }
        if (p[1] == 'f') {
          p = frontier(m, s, p + 2);
          if (!p) { return NULL; }
          continue;
        }
        if (is_digit(p[1])) {
          s = same_again(m, s, p[1]);
          if (!s) { return NULL; }
          p += 2;
          continue;
        }
        break;
      default: break;
    }
    end = class_end(m, p);
    if (!end) { return NULL; }
    switch (end < m->p_end ? *end : 0) {
      case '?': {
        const uint8_t *e = single(m, s, p, end) ? match(m, s + 1, end + 1) : NULL;
        if (e) { return e; }
        p = end + 1;
        continue;
      }
      case '*': return expand_most(m, s, p, end);
      case '+': return single(m, s, p, end) ? expand_most(m, s + 1, p, end) : NULL;
      case '-': return expand_least(m, s, p, end);
      default:
        if (!single(m, s, p, end)) { return NULL; }
        s++;
        p = end;
    }
  }
  return NULL;
}

static const uint8_t *match(struct moon_pattern *m, const uint8_t *s, const uint8_t *p) {
  if (m->depth == MOON_PATTERN_DEPTH) { return fail(m, "pattern too complex"); }
  m->depth++;
  const uint8_t *e = match_here(m, s, p);
  m->depth--;
  return m->error ? NULL : e;
}

void moon_pattern_init(struct moon_pattern *m, const void *src, size_t n, const void *p, size_t p_n, int64_t steps,
                       const volatile int *stop) {
  m->src = src;
  m->src_end = m->src + n;
  m->p = p;
  m->p_end = m->p + strnlen(p, p_n);
  m->steps = steps < SLICE ? steps : SLICE;
  m->rest = steps - m->steps;
  m->stop = stop;
  m->error = NULL;
  m->depth = m->level = 0;
}

const uint8_t *moon_pattern_match(struct moon_pattern *m, const uint8_t *s) {
  m->level = 0;
  return m->error ? NULL : match(m, s, m->p);
}

bool moon_pattern_is_plain(const void *p, size_t n) {
  const uint8_t *c = p;
  for (size_t i = 0; i < n; i++) {
    if (c[i] && strchr("^$*+?.([%-", c[i])) { return false; }
  }
  return true;
}

const uint8_t *moon_pattern_capture(struct moon_pattern *m, int i, const uint8_t *s, const uint8_t *e, ptrdiff_t *len) {
  if (i >= m->level) {
    if (i != 0) { return fail(m, "invalid capture index"); }
    *len = e - s;
    return s;
  }
  if (m->capture[i].len == MOON_PATTERN_OPEN) { return fail(m, "unfinished capture"); }
  *len = m->capture[i].len;
  return m->capture[i].at;
}
