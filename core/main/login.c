#include "login.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../base/mem.h"

static const struct { char letter; uint8_t part; bool secret, only_3; } options[] = {
  {'u', MOON_LOGIN_NAME, false, false}, {'l', MOON_LOGIN_LEVEL, false, false}, {'a', MOON_LOGIN_AUTH, false, false},
  {'A', MOON_LOGIN_AUTH_PASS, true, false}, {'x', MOON_LOGIN_PRIV, false, false}, {'X', MOON_LOGIN_PRIV_PASS, true, false},
  {'n', MOON_LOGIN_CONTEXT, false, false}, {'e', MOON_LOGIN_ENGINE_ID, false, false}, {'E', MOON_LOGIN_CONTEXT_ENGINE_ID, false, false},
  {'m', MOON_LOGIN_AUTH_KEY, true, true}, {'k', MOON_LOGIN_AUTH_LOCALIZED_KEY, true, true},
  {'M', MOON_LOGIN_PRIV_KEY, true, true}, {'K', MOON_LOGIN_PRIV_LOCALIZED_KEY, true, true}};

enum moon_err moon_login_given_init(struct moon_login_given *g, int argc, char **argv) {
  size_t room = 1;
  for (int i = 0; i < argc; i++) { room += strlen(argv[i]) + 1; }
  *g = (struct moon_login_given){.argc = argc, .argv = argv, .secrets = moon_mem_alloc(room)};
  g->login.names = moon_login_options;
  return g->secrets ? MOON_OK : MOON_E_NOMEM;
}

static enum moon_err take_boots(struct moon_login_given *g, const char *text, char *error, size_t cap) {
  unsigned boots, time;
  int end = 0;
  if (sscanf(text, "%10u,%10u%n", &boots, &time, &end) != 2 || text[end] || boots > INT32_MAX || time > INT32_MAX) {
    snprintf(error, cap, "-Z: \"%s\" is not BOOTS,TIME", text);
    return MOON_E_CONFIG;
  }
  g->login.boots = boots;
  g->login.time = time;
  g->login.time_given = true;
  return MOON_OK;
}

/* A copy, so that it can go from where it stood. */
static char *hide(struct moon_login_given *g, char *text) {
  char *own = g->secrets + g->secrets_len;
  size_t n = strlen(text);
  memcpy(own, text, n + 1);
  g->secrets_len += n + 1;
  moon_mem_wipe(text, n);
  return own;
}

static enum moon_err take(struct moon_login_given *g, char letter, bool after_3, char *value, char *error, size_t cap) {
  if (letter == 'Z') {
    g->any = true;
    return take_boots(g, value, error, cap);
  }
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    if (options[i].letter != letter || (options[i].only_3 && !after_3)) { continue; }
    size_t n = strlen(value);
    g->login.part[options[i].part] = (struct moon_text){options[i].secret ? hide(g, value) : value, (uint32_t)n};
    bool context = options[i].part == MOON_LOGIN_CONTEXT || options[i].part == MOON_LOGIN_CONTEXT_ENGINE_ID;
    g->context = g->context || context;
    g->any = g->any || !context;
    return MOON_OK;
  }
  return MOON_E_MISSING;
}

/* -3 and one of the letters; the value follows it at once, behind = or blanks, or as the next word. */
static enum moon_err take_3(struct moon_login_given *g, char *value, char *error, size_t cap) {
  char letter = *value, *text = letter ? value + 1 : value;
  if (*text == '=') { text++; }
  text += strspn(text, " \t");
  if (letter && !*text) {
    if (optind >= g->argc) {
      snprintf(error, cap, "-3%c: needs a value", letter);
      return MOON_E_CONFIG;
    }
    text = g->argv[optind++];
  }
  enum moon_err e = take(g, letter, true, text, error, cap);
  if (e != MOON_E_MISSING) { return e; }
  moon_mem_wipe(text, strlen(text)); /* whatever it was meant to be */
  snprintf(error, cap, "-3: is followed by one of m, k, M and K, or by a letter of an option of version 3");
  return MOON_E_CONFIG;
}

enum moon_err moon_login_given_take(struct moon_login_given *g, int c, char *value, char *error, size_t cap) {
  if (c == '3') { return take_3(g, value, error, cap); }
  return c > 0 && c < 128 ? take(g, (char)c, false, value, error, cap) : MOON_E_MISSING;
}

void moon_login_given_wipe(struct moon_login_given *g) {
  if (g->secrets) { moon_mem_wipe(g->secrets, g->secrets_len); }
}

void moon_login_given_fini(struct moon_login_given *g) {
  moon_login_given_wipe(g);
  moon_mem_free(g->secrets);
  *g = (struct moon_login_given){0};
}
