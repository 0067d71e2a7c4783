#include "where.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 32
#define PATH_MAX_LEN 256
#define NAME_MAX_LEN 40

enum token { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_OTHER, TOKEN_SIGN /* one character */ };

struct scanner {
  const char *p, *end;
  const char *token; /* text of a name or string */
  size_t token_n;
  uint32_t line;     /* of the token */
  char sign;
  const char *path;  /* looked for */
  size_t best_n;     /* octets of it found so far */
  uint32_t best_line;
};

static bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

static void skip_to(struct scanner *s, const char *to) {
  for (; s->p < to; s->p++) { s->line += *s->p == '\n'; }
}

/* At "[": the level of a long bracket "[==[", or -1. */
static int long_level(const struct scanner *s) {
  const char *q = s->p + 1;
  while (q < s->end && *q == '=') { q++; }
  return q < s->end && *q == '[' ? (int)(q - s->p) - 1 : -1;
}

static void skip_long(struct scanner *s, int level) {
  const char *q = s->p + level + 2;
  s->token = q;
  for (; q < s->end; q++) {
    if (*q != ']' || s->end - q < level + 2 || q[level + 1] != ']') { continue; }
    int equals = 0;
    while (equals < level && q[1 + equals] == '=') { equals++; }
    if (equals == level) { break; }
  }
  s->token_n = (size_t)(q - s->token);
  skip_to(s, q < s->end ? q + level + 2 : s->end);
}

static enum token next(struct scanner *s) {
  for (;;) {
    while (s->p < s->end && (*s->p == ' ' || (*s->p >= '\t' && *s->p <= '\r'))) { skip_to(s, s->p + 1); }
    if (s->end - s->p < 2 || s->p[0] != '-' || s->p[1] != '-') { break; }
    s->p += 2;
    int level = s->p < s->end && *s->p == '[' ? long_level(s) : -1;
    if (level >= 0) {
      skip_long(s, level);
    } else {
      while (s->p < s->end && *s->p != '\n') { s->p++; }
    }
  }
  if (s->p == s->end) { return TOKEN_END; }
  char c = *s->p;
  if (is_name(c)) {
    s->token = s->p;
    while (s->p < s->end && is_name(*s->p)) { s->p++; }
    s->token_n = (size_t)(s->p - s->token);
    return c >= '0' && c <= '9' ? TOKEN_OTHER : TOKEN_NAME;
  }
  if (c == '"' || c == '\'') {
    const char *q = s->p + 1;
    while (q < s->end && *q != c && *q != '\n') { q += *q == '\\' && s->end - q > 1 ? 2 : 1; }
    s->token = s->p + 1;
    s->token_n = (size_t)(q - s->token);
    skip_to(s, q < s->end ? q + 1 : s->end);
    return TOKEN_STRING;
  }
  int level = c == '[' ? long_level(s) : -1;
  if (level >= 0) {
    skip_long(s, level);
    return TOKEN_STRING;
  }
  s->p++;
  s->sign = c;
  return TOKEN_SIGN;
}

static bool word(const struct scanner *s, const char *w) { return s->token_n == strlen(w) && memcmp(s->token, w, s->token_n) == 0; }

static void found(struct scanner *s, const char *at, uint32_t line) {
  size_t n = strlen(at);
  if (n < s->best_n || strncmp(s->path, at, n) != 0) { return; }
  char after = s->path[n];
  if (n && after && after != '.' && after != '[') { return; }
  s->best_n = n;
  s->best_line = line;
}

/* The rest of an expression, up to the comma or bracket that ends it, which is left unread. */
static void skip_value(struct scanner *s) {
  int depth = 0;
  for (;;) {
    struct scanner before = *s;
    enum token t = next(s);
    if (t == TOKEN_END) { return; }
    if (t == TOKEN_NAME) {
      /* `while` and `for` come with a `do`, `then` belongs to its `if`, `until` ends what `repeat` began */
      depth += word(s, "function") || word(s, "do") || word(s, "if") || word(s, "repeat");
      depth -= word(s, "end") || word(s, "until");
    }
    if (t != TOKEN_SIGN) { continue; }
    if (depth <= 0 && (s->sign == ',' || s->sign == ';' || s->sign == '}')) {
      *s = before;
      return;
    }
    depth += s->sign == '(' || s->sign == '[' || s->sign == '{';
    depth -= s->sign == ')' || s->sign == ']' || s->sign == '}';
  }
}

/* After "{", which is at `at`. */
static void scan_table(struct scanner *s, const char *at, int depth) {
  char path[PATH_MAX_LEN];
  unsigned index = 0;
  for (;;) {
    struct scanner before = *s;
    enum token t = next(s);
    uint32_t line = s->line;
    if (t == TOKEN_END || (t == TOKEN_SIGN && s->sign == '}')) { return; }
    if (t == TOKEN_SIGN && (s->sign == ',' || s->sign == ';')) { continue; }
    const char *key = NULL;
    size_t key_n = 0;
    bool bracket = t == TOKEN_SIGN && s->sign == '[';
    if (bracket && next(s) == TOKEN_STRING) { t = TOKEN_NAME; }
    if (t == TOKEN_NAME) {
      key = s->token;
      key_n = s->token_n;
      if (bracket) { (void)next(s); }
      struct scanner value = *s;
      bool equals = next(s) == TOKEN_SIGN && s->sign == '=';
      if (equals) {
        value = *s;
        equals = !(next(s) == TOKEN_SIGN && s->sign == '=');
        *s = value;
      }
      if (!equals) {
        key = NULL;
        *s = before;
      }
    } else {
      *s = before;
    }
    if (key) {
      (void)snprintf(path, sizeof path, "%s%s%.*s", at, *at ? "." : "", key_n > PATH_MAX_LEN ? 0 : (int)key_n, key);
    } else {
      (void)snprintf(path, sizeof path, "%s[%u]", at, ++index);
    }
    found(s, path, line);
    before = *s;
    if (depth < DEPTH_MAX && next(s) == TOKEN_SIGN && s->sign == '{') {
      scan_table(s, path, depth + 1);
    } else {
      *s = before;
    }
    skip_value(s);
  }
}

uint32_t moon_where_line(const char *text, size_t n, const char *path) {
  struct scanner s = {.p = text, .end = text + n, .line = 1, .path = path};
  for (;;) {
    enum token t = next(&s);
    if (t == TOKEN_END) { return s.best_line; }
    if (t != TOKEN_NAME || !word(&s, "return")) { continue; }
    struct scanner before = s;
    if (next(&s) == TOKEN_SIGN && s.sign == '{') {
      s.best_n = 0;
      s.best_line = s.line;
      scan_table(&s, "", 0);
    } else {
      s = before;
    }
  }
}

uint32_t moon_where_return(const char *text, size_t n) {
  struct scanner s = {.p = text, .end = text + n, .line = 1};
  uint32_t line = 0;
  for (;;) {
    enum token t = next(&s);
    if (t == TOKEN_END) { break; }
    if (t == TOKEN_NAME && word(&s, "return")) { line = s.line; }
  }
  if (line) { return line; }
  return s.line > 1 && n && text[n - 1] == '\n' ? s.line - 1 : s.line;
}

uint32_t moon_where_call_line(const char *text, size_t n, uint32_t line, const char *path) {
  struct scanner s = {.p = text, .end = text + n, .line = 1, .path = path, .best_line = line};
  for (enum token t = TOKEN_OTHER, before; t != TOKEN_END && s.line <= line;) {
    before = t;
    t = next(&s);
    if (t == TOKEN_SIGN && s.sign == '(') { t = before; }
    if (before != TOKEN_NAME || t != TOKEN_SIGN || s.sign != '{' || s.line != line) { continue; }
    scan_table(&s, "", 0);
    break;
  }
  return s.best_line;
}

/* Levenshtein's distance. */
static size_t distance(const char *a, const char *b) {
  size_t row[NAME_MAX_LEN + 1];
  size_t n = strlen(b);
  for (size_t j = 0; j <= n; j++) { row[j] = j; }
  for (size_t i = 1; a[i - 1]; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      size_t change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      size_t shorter = row[j - 1] < row[j] ? row[j - 1] : row[j];
      row[j] = change < shorter + 1 ? change : shorter + 1;
    }
  }
  return row[n];
}

const char *moon_where_nearest(const char *const *names, const char *key) {
  const char *best = NULL;
  size_t key_n = strlen(key);
  if (key_n > NAME_MAX_LEN) { return NULL; }
  size_t limit = key_n <= 3 ? 1 : key_n <= 5 ? 2 : 3;
  for (; *names; names++) {
    size_t d = strlen(*names) > NAME_MAX_LEN ? NAME_MAX_LEN : distance(key, *names);
    if (d <= limit && d < key_n) {
      best = *names;
      limit = d - (d > 0);
    }
  }
  return best;
}
