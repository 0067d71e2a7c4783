#include "module.h"

int luaopen_moonpoll_core(lua_State *L) {
  moon_value_open(L, NULL);
  moon_value_push_library(L);
  return 1;
}
