#include "fault.h"

#include <lauxlib.h>
#include <stdio.h>

#include "../../session/report.h"
#include "state.h"

#define US_A_S 1e6
#define SILENT_COMMUNITY \
  "the address and port, firewalls on the way, and the community: an agent is silent about a wrong one and to managers its access list leaves out"
#define SILENT_KEY "the address and port, firewalls on the way, the privacy password and the context: wrong ones are met with silence"

/* What a person looks at next, by code; NULL: nothing beyond the line. */
static const char *const checks[MOON_E_PUBLIC_N] = {
  [MOON_E_REFUSED] = "that the agent runs, on this port, and listens on this address",
  [MOON_E_UNREACHABLE] = "the address, routes and firewalls on the way",
  [MOON_E_DOWN] = "the error that came before this one",
  [MOON_E_MISSING] = "the OID (a scalar ends in .0), and that the agent's view shows it to us",
  [MOON_E_ACCESS] = "the agent's views and access rights for these credentials",
  [MOON_E_TOO_BIG] = "the message size the agent is limited to",
  [MOON_E_GEN_ERR] = "the agent's own log; leaving the blamed OID out may help",
  [MOON_E_BAD_VALUE] = "type, length and range of the value in the MIB",
  [MOON_E_NOT_WRITABLE] = "that the object is read-write in the MIB and for these credentials",
  [MOON_E_AUTH] = "the authentication protocol and password: the agent knows the user",
  [MOON_E_UNKNOWN_USER] = "the user name, and that the agent has it",
  [MOON_E_UNKNOWN_ENGINE] = "the engine id that is configured, and whether another agent took over this address",
  [MOON_E_NOT_IN_TIME_WINDOW] = "whether the agent restarts without counting its boots, or counted them to the end",
  [MOON_E_UNSUPPORTED_LEVEL] = "the security level the agent's user is configured for",
  [MOON_E_DECRYPTION] = "privacy protocol and password",
  [MOON_E_DECODE] = "the agent's software version: this is a defect of it",
  [MOON_E_LOOP] = "the agent's software version: a walk of it never ends",
  [MOON_E_BUDGET] = "the limits of the probe and of the request",
  [MOON_E_DNS] = "the name, /etc/hosts, and the name servers (resolver.servers, else /etc/resolv.conf)",
};

static const char *const status_names[] = { /* RFC 3416 3 */
  "noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType", "wrongLength", "wrongEncoding",
  "wrongValue", "noCreation", "inconsistentValue", "resourceUnavailable", "commitFailed", "undoFailed", "authorizationError",
  "notWritable", "inconsistentName"};

/* May the same request work later, nobody having mended anything? */
static bool retryable(enum moon_err e) {
  switch (e) {
  case MOON_E_TIMEOUT:
  case MOON_E_REFUSED:
  case MOON_E_UNREACHABLE:
  case MOON_E_DOWN:
  case MOON_E_GEN_ERR:
  case MOON_E_NOT_IN_TIME_WINDOW:
  case MOON_E_BUDGET:
  case MOON_E_DNS: return true;
  default: return false;
  }
}

static void set_text(lua_State *L, const char *key, const char *text) {
  if (!text) { return; }
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, lua_Number n) {
  lua_pushnumber(L, n);
  lua_setfield(L, -2, key);
}

void moon_fault_push(lua_State *L, const struct moon_fault *f) {
  enum moon_err e = moon_err_public(f->err);
  lua_createtable(L, 0, 10);
  set_text(L, "code", moon_err_name(e));
  lua_pushboolean(L, retryable(e));
  lua_setfield(L, -2, "retryable");
  set_text(L, "device", f->device);
  set_text(L, "target", f->target);
  set_number(L, "tries", f->tries);
  if (f->rtt_us) { set_number(L, "rtt", f->rtt_us / US_A_S); }
  if (f->usual_us) { set_number(L, "usual", f->usual_us / US_A_S); }
  if (f->never) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "never");
  }
  if (f->waited_us) { set_number(L, "waited", (lua_Number)f->waited_us / US_A_S); }
  if (f->oid.len) {
    moon_value_push_oid(L, f->oid.oid, f->oid.len);
    lua_setfield(L, -2, "oid");
  }
  if (f->status > 0) {
    bool known = (size_t)f->status < sizeof status_names / sizeof *status_names;
    lua_pushstring(L, known ? status_names[f->status] : lua_pushfstring(L, "error-status %d", (int)f->status));
    if (!known) { lua_remove(L, -2); }
    lua_setfield(L, -2, "status");
  }
  set_text(L, "report", moon_report_name((enum moon_report)f->report));
  set_text(L, "detail", f->detail ? f->detail : f->report >= MOON_REPORT_MODEL ? moon_report_text((enum moon_report)f->report) : e != f->err ? moon_err_text(f->err) : NULL);
  if (f->version == MOON_V3) { set_number(L, "version", MOON_V3); }
  lua_rawgeti(L, LUA_REGISTRYINDEX, moon_value_of(L)->fault_ref);
  lua_setmetatable(L, -2);
}

static bool flag_field(lua_State *L, int idx, const char *key) {
  lua_pushstring(L, key);
  lua_rawget(L, idx);
  bool yes = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return yes;
}

static bool is_fault(lua_State *L, int idx) {
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx)) { return false; }
  lua_rawgeti(L, LUA_REGISTRYINDEX, moon_value_of(L)->fault_ref);
  bool yes = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return yes;
}

static enum moon_err code_of(const char *name) {
  for (int e = 1; name && e < MOON_E_PUBLIC_N; e++) {
    if (strcmp(moon_err_name((enum moon_err)e), name) == 0) { return (enum moon_err)e; }
  }
  return MOON_E_CONFIG; /* a script wrote into the field */
}

/* Field of the fault at idx, raw; scripts may have put anything there. [-0, +1, m] */
static const char *text_field(lua_State *L, int idx, const char *key) {
  lua_pushstring(L, key);
  lua_rawget(L, idx);
  return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
}

static lua_Number number_field(lua_State *L, int idx, const char *key) {
  lua_pushstring(L, key);
  lua_rawget(L, idx);
  lua_Number n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
  lua_pop(L, 1);
  return n;
}

enum moon_err moon_fault_code(lua_State *L, int idx) {
  if (idx < 0) { idx += lua_gettop(L) + 1; }
  if (!is_fault(L, idx)) { return MOON_OK; }
  enum moon_err e = code_of(text_field(L, idx, "code"));
  lua_pop(L, 1);
  return e;
}

/* "12.3 ms", "4.0 s" */
static void add_time(luaL_Buffer *b, lua_Number s) {
  char text[32];
  snprintf(text, sizeof text, s < 1 ? "%.1f ms" : "%.1f s", s < 1 ? s * 1e3 : s);
  luaL_addstring(b, text);
}

static void add_clause(luaL_Buffer *b, const char *before, const char *text, const char *after) {
  if (!text) { return; }
  luaL_addstring(b, before);
  luaL_addstring(b, text);
  luaL_addstring(b, after);
}

/* Is the device named by its address, with or without the port? */
static bool named_by(const char *device, const char *target) {
  size_t n = device ? strlen(device) : 0;
  return n && target && strncmp(device, target, n) == 0 && (target[n] == 0 || target[n] == ':');
}

/* core1 (192.0.2.1:161): timeout: no answer, 1.3.6.1.2.1.1.3.0, 2 tries in 4.0 s; check ... */
void moon_fault_push_text(lua_State *L, int idx) {
  luaL_Buffer b;
  char text[48];
  if (idx < 0) { idx += lua_gettop(L) + 1; }
  luaL_checkstack(L, 16 + LUA_MINSTACK, "moonpoll");
  const char *code = text_field(L, idx, "code"), *device = text_field(L, idx, "device"), *target = text_field(L, idx, "target");
  const char *oid = text_field(L, idx, "oid"), *status = text_field(L, idx, "status"), *detail = text_field(L, idx, "detail");
  lua_Number tries = number_field(L, idx, "tries"), rtt = number_field(L, idx, "rtt"), waited = number_field(L, idx, "waited");
  lua_Number usual = number_field(L, idx, "usual");
  bool v3 = number_field(L, idx, "version") == MOON_V3;
  enum moon_err e = code_of(code);
  const char *check = e == MOON_E_TIMEOUT ? (v3 ? SILENT_KEY : SILENT_COMMUNITY) : checks[e];
  const char *report = text_field(L, idx, "report");
  bool context = report && strstr(report, "Contexts");
  if (context) { check = "the context's name, and that the agent has it"; }

  luaL_buffinit(L, &b);
  if (device || target) {
    luaL_addstring(&b, device ? device : target);
    if (named_by(device, target)) {
      luaL_addstring(&b, target + strlen(device));
    } else if (device && target) {
      add_clause(&b, " (", target, ")");
    }
    luaL_addstring(&b, ": ");
  }
  luaL_addstring(&b, code ? code : "?");
  add_clause(&b, ": ", moon_err_text(e), "");
  add_clause(&b, " (", status, ")");
  add_clause(&b, " (", report, ")");
  add_clause(&b, ": ", detail, "");
  add_clause(&b, ", ", oid, "");
  if (tries > 0) {
    snprintf(text, sizeof text, tries == 1 ? ", %.0f try" : ", %.0f tries", tries);
    luaL_addstring(&b, text);
    if (waited > 0) {
      luaL_addstring(&b, " in ");
      add_time(&b, waited);
    }
  }
  if (rtt > 0) {
    luaL_addstring(&b, ", answered in ");
    add_time(&b, rtt);
  } else if (usual > 0) {
    luaL_addstring(&b, ", it used to answer in ");
    add_time(&b, usual);
  } else if (flag_field(L, idx, "never")) {
    luaL_addstring(&b, ", it never answered");
  }
  add_clause(&b, "; check ", check, "");
  luaL_pushresult(&b);
  lua_insert(L, -8);
  lua_pop(L, 7);
}

static int fault_tostring(lua_State *L) {
  if (!is_fault(L, 1)) { return luaL_argerror(L, 1, "an error object expected"); }
  moon_fault_push_text(L, 1);
  return 1;
}

static int fault_concat(lua_State *L) {
  lua_settop(L, 2);
  for (int i = 1; i <= 2; i++) {
    if (is_fault(L, i)) {
      moon_fault_push_text(L, i);
      lua_replace(L, i);
    } else if (!lua_isstring(L, i)) {
      return luaL_error(L, "attempt to concatenate a %s value", luaL_typename(L, i));
    }
  }
  lua_concat(L, 2);
  return 1;
}

void moon_fault_open(lua_State *L, struct moon_values *v) {
  lua_createtable(L, 0, 3);
  lua_pushcfunction(L, fault_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, fault_concat);
  lua_setfield(L, -2, "__concat");
  lua_pushliteral(L, "moonpoll error");
  lua_setfield(L, -2, "__metatable"); /* a script may not change what all share */
  v->fault_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
