# make           build/moonpoll, the libraries and the Lua module; make demo installs what is missing, builds, polls agents for a moment
# make test      installs what the tests need and runs them; it builds on all processors unless -j says otherwise
# V=1 shows the commands; O=DIR builds elsewhere; SAN=1 with address and undefined behaviour sanitizers; CC=clang.
# All targets: all deps test-deps test test-unit test-lua test-nginx test-e2e test-long soak tsan fuzz coverage mutants bench demo doc install install-nginx clean

O ?= build
B = $(O)$(if $(SAN),/san$(patsubst 1,,$(SAN)))
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
V ?= 0
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
FUZZ_SECONDS ?= 60
Q_0 = @
Q = $(Q_$(V))
say_0 = @printf '  %-5s %s\n'
say_1 = @:
say = $(say_$(V))

VERSION := $(shell sed -n 's/^.define MOON_VERSION "\(.*\)"/\1/p' core/moonpoll.h)
ABI := $(word 1,$(subst ., ,$(VERSION)))
WARN = -Wall -Wextra -Wshadow -Wconversion -Wmisleading-indentation $(if $(CI),-Werror)
SAN_1 = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_fuzz = $(SAN_1) -fsanitize=fuzzer-no-link
SAN_tsan = -fsanitize=thread -fno-omit-frame-pointer
OPT ?= $(if $(SAN),-O1,-O2)
BASE = -std=gnu11 -D_GNU_SOURCE= $(OPT) -g -fPIC -fvisibility=hidden $(WARN) $(SAN_$(SAN)) $(EXTRA_CFLAGS)
LUA_CFLAGS := $(shell pkg-config --cflags luajit 2>/dev/null)
LUA_LIBS := $(shell pkg-config --libs luajit 2>/dev/null || echo -lluajit-5.1)
LIBS = $(if $(wildcard /usr/include/smi.h),-l:libsmi.a @core/main/smi.wrap) -Wl,--as-needed $(LUA_LIBS) -lev -lcares -ljansson -lssl -lcrypto -lpthread -lm -ldl

# Other flags, other objects.
ifneq ($(shell cat $(B)/.flags 2>/dev/null),$(strip $(CC) $(BASE)))
$(shell mkdir -p $(B) && echo '$(strip $(CC) $(BASE))' >$(B)/.flags)
endif

# What exists is built: sources by wildcard, modules of the Lua library too.
objs = $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard $(1))))
CORE_O := $(call objs,core/base/*.c core/wire/*.c core/names/*.c core/session/*.c core/agent/*.c) $(B)/obj/names.o
ENGINE_O := $(call objs,core/engine/*.c)
VALUE_O := $(call objs,core/bind/value/*.c core/bind/load/login.c core/bind/load/where.c core/bind/task/rates.c)
BIND_O := $(call objs,core/bind/*.c core/bind/*/*.c)
MAIN_O := $(call objs,core/main/*.c)
LUA_SRC := $(sort $(shell find lua/moonpoll -name '*.lua' 2>/dev/null))
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*_test.c))
HELP_O := $(call objs,$(filter-out %_test.c,$(wildcard tests/unit/*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
BENCH := $(patsubst bench/micro/%.c,$(B)/bench/%,$(wildcard bench/micro/*_bench.c))
# Tests and benches above the boundary link the bindings and the program's parts too; those below build without them.
HIGH := $(shell grep -lE '(bind|main)/|lua\.h' tests/unit/*.c tests/fuzz/*.c bench/micro/*.c 2>/dev/null)
high = $(if $(filter $(1),$(HIGH)),$(B)/obj/main.a $(B)/obj/bind.a)

CORE_A = $(B)/libmoonpoll.a
ENGINE_A = $(B)/libmoonpoll-engine.a
OUT = $(CORE_A) $(B)/libmoonpoll.so $(ENGINE_A) $(B)/libmoonpoll-engine.so $(if $(VALUE_O),$(B)/lib/moonpoll/core.so) \
  $(if $(wildcard core/main/main.c),$(B)/moonpoll)
TEST_ENV = B="$(B)" CC="$(CC)"
BUILD = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

all: $(OUT)
	@:
$(CORE_A): $(CORE_O)
$(ENGINE_A): $(CORE_O) $(ENGINE_O)
$(B)/obj/bind.a: $(BIND_O) $(B)/obj/embedded.o
$(B)/obj/main.a: $(filter-out %/main.o %/libcrypto.o,$(MAIN_O))
%.a:
	$(say) AR $@
	$(Q)mkdir -p $(@D) && rm -f $@ && ar rcs $@ $^
$(B)/libmoonpoll.so: $(CORE_O)
$(B)/libmoonpoll-engine.so: $(CORE_O) $(ENGINE_O)
$(B)/libmoonpoll.so $(B)/libmoonpoll-engine.so:
	$(say) LINK $@
	$(Q)$(CC) $(BASE) $(LDFLAGS) -shared -Wl,-soname,$(@F).$(ABI) -o $@ $^ -Wl,--as-needed -lev -lcares -lcrypto
$(B)/lib/moonpoll/core.so: $(VALUE_O) $(CORE_O)
	$(say) LINK $@
	$(Q)mkdir -p $(@D) && $(CC) $(BASE) $(LDFLAGS) -shared -o $@ $^ -Wl,--as-needed -lcrypto
$(B)/moonpoll: $(filter %/main.o %/libcrypto.o,$(MAIN_O)) $(B)/obj/main.a $(B)/obj/bind.a $(ENGINE_A)
	$(say) LINK $@
	$(Q)$(CC) $(BASE) $(LDFLAGS) -Wl,-E -o $@ $^ $(LIBS)

$(B)/obj/%.o: %.c $(B)/.flags
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) $(BASE) $(CFLAGS) $(CPPFLAGS) -Icore $(LUA_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/obj/embedded.o: $(B)/embedded.c
	$(Q)mkdir -p $(@D) && $(CC) $(BASE) -Icore $(LUA_CFLAGS) -c -o $@ $<
$(B)/embedded.c: $(LUA_SRC) tests/embed.sh
	$(say) LUA $@
	$(Q)mkdir -p $(@D) && sh tests/embed.sh $(LUA_SRC) >$@.tmp && mv $@.tmp $@

$(B)/obj/names.o: $(B)/names.c
	$(Q)mkdir -p $(@D) && $(CC) $(BASE) -Icore -c -o $@ $<
$(B)/names.c: $(B)/compile $(wildcard core/names/facts/*)
	$(say) NAMES $@
	$(Q)$< core/names/facts >$@.tmp && mv $@.tmp $@
$(B)/compile: core/names/tool/compile.c $(wildcard core/names/*.[ch])
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE= -O1 -Icore -o $@ $< $(patsubst %,core/names/%.c,block facts file out) core/base/*.c core/wire/oid.c

.SECONDEXPANSION:
$(UNIT): $(B)/unit/%: $(B)/obj/tests/unit/%.o $(HELP_O) $$(call high,tests/unit/%.c) $(ENGINE_A)
	$(say) LINK $@
	$(Q)mkdir -p $(@D) && $(CC) $(BASE) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)
$(BENCH): $(B)/bench/%: $(B)/obj/bench/micro/%.o $$(call high,bench/micro/%.c) $(ENGINE_A)
	$(say) LINK $@
	$(Q)mkdir -p $(@D) && $(CC) $(BASE) $(LDFLAGS) -o $@ $^ $(LIBS)
$(FUZZ): $(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(if $(filter fuzz,$(SAN)),,$(B)/obj/tests/fuzz/replay.o) $$(call high,tests/fuzz/%.c) \
  $(ENGINE_A)
	$(say) LINK $@
	$(Q)mkdir -p $(@D) && $(CC) $(BASE) $(if $(filter fuzz,$(SAN)),-fsanitize=fuzzer) -o $@ $^ $(LIBS)

deps test-deps:
	@sh tests/deps.sh build $(filter test,$(subst -, ,$@))
test-build: all $(UNIT) $(FUZZ) $(BENCH:$(B)/bench/%=$(B)/obj/bench/micro/%.o)
bench-build: all $(BENCH)
fuzz-build: $(FUZZ)
test: test-deps
	@sh tests/deps.sh npm & $(BUILD) SAN=1 test-build || { wait; exit 2; }; wait $$! && \
	  $(MAKE) --no-print-directory SAN=1 test-run RUN="unit fuzz lua nginx e2e lint threads"
test-unit:
	@$(BUILD) SAN=1 test-build && $(MAKE) --no-print-directory SAN=1 test-run RUN="unit fuzz"
test-nginx soak: test-deps
test-lua test-nginx test-e2e soak:
	@$(BUILD) SAN=1 all && $(MAKE) --no-print-directory SAN=1 test-run RUN=$(@:test-%=%)
test-long: test
	@$(MAKE) --no-print-directory SAN=1 test-run RUN=long
test-run:
	@$(TEST_ENV) sh tests/run.sh $(RUN)
tsan: ; @+$(BUILD) SAN=tsan all && B="$(O)/santsan" CC="$(CC)" sh tests/threads.sh seeing_spec process_spec reload_spec replace_spec rollout_spec engines_spec
fuzz:
	@+$(BUILD) CC=clang SAN=fuzz fuzz-build && sh tests/fuzz.sh $(O)/sanfuzz $(FUZZ_SECONDS)
coverage:
	@sh tests/coverage.sh $(O)/coverage
mutants:
	@luajit tests/mutants/run.lua $(O)/mutants $(ONLY)
bench: bench-build
	@for b in $(BENCH); do echo "== $${b##*/}"; $$b || exit 1; done
demo:
	@sh tests/deps.sh build demo
	@+$(BUILD) all && B="$(B)" sh tests/demo.sh

install: all
	@B="$(B)" DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" VERSION="$(VERSION)" ABI="$(ABI)" sh tests/install.sh
install-nginx: $(B)/lib/moonpoll/core.so
	@B="$(B)" DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" LUA_DIR="$(LUA_DIR)" LUA_LIBDIR="$(LUA_LIBDIR)" sh tests/install.sh nginx
doc: ; @luajit tests/doc.lua
clean: ; rm -rf $(O)

.PHONY: all deps test-deps test-build bench-build fuzz-build test test-unit test-lua test-nginx test-e2e test-long soak test-run tsan fuzz coverage mutants \
  bench demo doc install install-nginx clean
.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
