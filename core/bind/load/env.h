/* env: what a probe, a module beside it and a configuration file can reach: an allow-list, and text chunks only.
 *
 * Not offered: io, os beyond the clock and the calendar, debug, ffi, jit, package, coroutine (a wait inside a coroutine of the
 * script's own would be lost), load and its kin (they would make chunks of other environments, or of bytecode), getfenv,
 * setfenv, collectgarbage, newproxy, string.dump. Names of its own (require, print, file, env) are added by the caller. */
#ifndef MOON_BIND_LOAD_ENV_H
#define MOON_BIND_LOAD_ENV_H

#include <lua.h>

#include "../../base/err.h"

/* Once for a state, after its libraries were opened: see strings.h; string.dump is removed and the metatable of strings hidden, for
 * ("").dump and getmetatable("").__index would lead around any environment. [-0, +0, m] */
void moon_env_protect(lua_State *L);
/* Pushes a new environment; its library tables are copies, so that what one probe changes no other sees. _G in it is
 * itself. Userdata and tables handed to scripts need __metatable set, getmetatable is in it. [-0, +1, m] */
void moon_env_push(lua_State *L);
/* Compiles a text chunk named path with the table at index env as its globals and pushes it. On MOON_E_SYNTAX the message
 * is pushed instead, as "path:line: what is wrong", the whole path in it however long. [-0, +1, m] */
enum moon_err moon_env_compile(lua_State *L, const void *text, size_t n, const char *path, int env);
/* The chunk at the top, compiled as above, and what is in it may be compiled to machine code, which no hook stops; nothing else is, for
 * moon_env_compile and moon_env_protect leave all they see to the interpreter. [-0, +0, -] */
void moon_env_trust(lua_State *L);
/* The message at the top of the stack, raised by a chunk compiled as above: Lua cuts long paths to "...tail"; replaces it
 * by one that has the whole path. Anything that is no string becomes one. [-1, +1, m] */
void moon_env_message(lua_State *L, const char *path);

#endif
