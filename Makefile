# make           build/moonpoll, the libraries and the Lua module
# make demo      installs what is missing, builds, polls agents for a moment
# make test      installs what the tests need and runs them
# V=1 shows the commands; O=DIR builds elsewhere; SAN=1 with address and undefined behaviour sanitizers.

O ?= build
CC ?= gcc
V ?= 0
Q_0 = @
Q = $(Q_$(V))
say_0 = @printf '  %-5s %s\n'
say_1 = @:
say = $(say_$(V))

WARN = -Wall -Wextra -Wshadow -Wconversion -Wmisleading-indentation $(if $(CI),-Werror)
SAN_1 = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT ?= $(if $(SAN),-O1,-O2)
BASE = -std=gnu11 $(OPT) -g -fPIC -fvisibility=hidden $(WARN) $(SAN_$(SAN)) $(EXTRA_CFLAGS)
