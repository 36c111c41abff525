# userbin: 'make help' prints the targets.

# For packagers.
PREFIX    ?= /usr/local
DESTDIR   ?=
CXX       ?= g++
CXXFLAGS  ?=
LDFLAGS   ?=
VARIANT   ?= release

VERSION   := 0.1.0
BUILD     := build/$(VARIANT)

ifeq ($(origin CXX),default)
CXX := g++
endif

FLAGS_release := -O2 -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
FLAGS_debug   := -O0 -g -D_GLIBCXX_ASSERTIONS
# SOCI hides the type information that -fsanitize=vptr asks for, and g++ 12 takes <regex> inside
# Catch2 for uninitialised when it instruments it.
FLAGS_asan    := -O1 -g -Wno-maybe-uninitialized -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer
# clang 14 cannot compile coroutines with -fsanitize=function.
FLAGS_fuzz    := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize=function,vptr
FLAGS_tsan    := -O1 -g -fsanitize=thread
LINK_release  := -pie -Wl,-z,relro,-z,now,--as-needed
LINK_asan     := -fsanitize=address,undefined
LINK_fuzz     := -fsanitize=address,undefined
LINK_tsan     := -fsanitize=thread

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual \
            -Werror -Wno-missing-field-initializers
override CXXFLAGS += -std=c++20 $(WARNINGS) $(FLAGS_$(VARIANT)) -MMD -MP -pthread
override CPPFLAGS += -Isrc -Itests -isystem /usr/include/jsoncpp -isystem /usr/include/postgresql -DUSERBIN_VERSION='"$(VERSION)"' \
            -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL
override LDFLAGS += $(LINK_$(VARIANT)) -pthread
# Without libcurl and PostgreSQL's, which the program loads when it needs them.
LDLIBS := -lprometheus-cpp-core -lsoci_sqlite3 -lsoci_core -lsqlite3 -lsodium -lcrypto -lcrypt -lzxcvbn -ljsoncpp -lspdlog -lfmt

SOURCES      := $(filter-out src/main.cpp,$(wildcard src/*/*.cpp))
SUPPORT      := $(wildcard tests/support/*.cpp)
EMULATION    := $(filter-out %/main.cpp,$(wildcard tests/support/jsonbin_emulator/*.cpp))
UNIT_TESTS   := $(wildcard tests/unit/*/*.cpp)
E2E_TESTS    := $(wildcard tests/e2e/*.cpp)
SIMULATION   := $(wildcard tests/simulation/*.cpp) tests/support/fake_sync_store.cpp
objects       = $(patsubst %.cpp,$(BUILD)/%.o,$(1))

CATCH_LIBS := $(if $(wildcard /usr/include/catch2/catch_all.hpp),-lCatch2)
FORMATTED     = $(sort $(wildcard nginx/example/*.cpp src/*.cpp src/*/*.cpp src/*/*.h tests/*/*.cpp tests/*/*.h tests/*/*/*.cpp tests/*/*/*.h))
BENCHES      := $(wildcard tests/bench/*.cpp)
FUZZERS      := $(patsubst tests/fuzz/%.cpp,$(BUILD)/%,$(wildcard tests/fuzz/*.cpp))
LIBRARY := $(BUILD)/libuserbin.a
PROGRAM := $(BUILD)/userbin
UNIT    := $(BUILD)/unit_tests
E2E     := $(BUILD)/e2e_tests
BENCH   := $(BUILD)/bench
SIMULATE := $(BUILD)/simulate
EMULATOR := $(BUILD)/jsonbin_emulator
EXAMPLE := $(BUILD)/example_application
FAILING := $(BUILD)/failing_malloc.so

.PHONY: all release debug
all: $(PROGRAM) $(EXAMPLE)

## release          build build/release/userbin (likewise debug)
release debug:
	@$(MAKE) --no-print-directory VARIANT=$@ all

## run              try it: worker and nginx on 127.0.0.1 [PORT=8080] [STATE=build/run]
.PHONY: run
run: PORT  ?= 8080
run: STATE ?= build/run
run:
	@tools/install-packages run
	@$(MAKE) --no-print-directory -j2 release
	@tools/run-site build/release/userbin $(PORT) $(STATE)

## emulator         a stand-in for JSONBin on 127.0.0.1, for 'make run' [PORT=8090] [STATE=build/emulator]
.PHONY: emulator
emulator: PORT  ?= 8090
emulator: STATE ?= build/emulator
emulator:
	@tools/install-packages run
	@$(MAKE) --no-print-directory -j2 build/release/jsonbin_emulator
	@tools/run-emulator build/release/jsonbin_emulator $(PORT) $(STATE)

## test             everything: unit, end-to-end and browser tests, layering, format, both compilers
.PHONY: test
test:
	@tools/install-packages test
	@tools/run-tests all

## check            the fast ones: unit tests, layering, format
.PHONY: check
check:
	@tools/install-packages test
	@tools/run-tests unit layering format

## simulate         userbins around a bin, with crashes and faults, seed by seed [SEEDS=10000] [FIRST=1]
.PHONY: simulate
simulate: SEEDS ?= 10000
simulate: FIRST ?= 1
simulate:
	@tools/install-packages test
	@$(MAKE) --no-print-directory -j2 VARIANT=$(VARIANT) $(SIMULATE)
	@$(SIMULATE) --first $(FIRST) --seeds $(SEEDS)

## asan, tsan       unit and end-to-end tests under a sanitizer
.PHONY: asan tsan
asan tsan:
	@tools/install-packages test
	@VARIANT=$@ tools/run-tests unit e2e

## bench            speed, as ratios to named yardsticks in one run; some twelve minutes
##                    [SECTIONS="guard healthz storm hash bin growth cost"] [ROUNDS=5] [SECONDS=1]
.PHONY: bench
bench: ROUNDS  ?= 5
bench: SECONDS ?= 1
bench:
	@tools/install-packages bench
	@$(MAKE) --no-print-directory -j2 release build/release/bench build/release/jsonbin_emulator
	@tests/bench/run --rounds $(ROUNDS) --seconds $(SECONDS) $(SECTIONS)

## budget-record    what a verification may cost, in instructions and system calls, is what it costs now
.PHONY: budget-record
budget-record:
	@tools/install-packages test
	@$(MAKE) --no-print-directory -j2 release
	@tests/bench/budget --record

## fuzz             libFuzzer on what comes from outside [SECONDS=60 for each] [TARGETS="verify merge ..."]
.PHONY: fuzz
fuzz: SECONDS ?= 60
fuzz: TARGETS ?= $(notdir $(FUZZERS))
fuzz:
	@tools/install-packages fuzz
	@$(MAKE) --no-print-directory -j2 VARIANT=fuzz CXX=clang++ fuzzers
	@failed=; for target in $(TARGETS); do \
	  echo "== $$target, for $(SECONDS) s"; \
	  tools/run-fuzzer $$target $(SECONDS) || failed="$$failed $$target"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

## tidy             clang-tidy over src
.PHONY: tidy
tidy:
	@tools/install-packages tidy
	@printf "%s\n" $(SOURCES) src/main.cpp | xargs -P2 -I{} clang-tidy --quiet {} -- -std=c++20 $(CPPFLAGS)

## format           clang-format, in place
.PHONY: format
format:
	@clang-format -i $(FORMATTED)

.PHONY: format-check
format-check:
	@clang-format --dry-run --Werror $(FORMATTED)

## install          to $(DESTDIR)$(PREFIX); userbin, nginx snippets, pages, systemd unit [URL_PREFIX=/auth]
.PHONY: install uninstall
install: release
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' URL_PREFIX='$(URL_PREFIX)' tools/install-files install
## uninstall        takes them away; /etc/userbin.conf and the user list stay
uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tools/install-files uninstall

## clean            remove build/
.PHONY: clean
clean:
	rm -rf build

## help             this list
.PHONY: help
help:
	@sed -n 's/^## //p' Makefile

.PHONY: tests fuzzers syntax
tests: $(PROGRAM) $(EXAMPLE) $(EMULATOR) $(UNIT) $(E2E) $(SIMULATE) $(FAILING)
fuzzers: $(FUZZERS)
# Everything through the compiler without code, for its warnings: make CXX=clang++ syntax
syntax: $(patsubst %.cpp,build/syntax-$(notdir $(CXX))/%.ok,$(filter %.cpp,$(FORMATTED)))

$(LIBRARY): $(call objects,$(SOURCES))
	@rm -f $@
	@ar rcs $@ $^

$(PROGRAM): $(call objects,src/main.cpp) $(LIBRARY)
$(UNIT): $(call objects,$(UNIT_TESTS) $(SUPPORT) $(EMULATION)) $(LIBRARY)
$(E2E): $(call objects,$(E2E_TESTS) $(SUPPORT)) $(LIBRARY)
$(BENCH): $(call objects,$(BENCHES)) $(LIBRARY)
$(SIMULATE): $(call objects,$(SIMULATION)) $(LIBRARY)
$(EMULATOR): $(call objects,$(EMULATION) tests/support/jsonbin_emulator/main.cpp) $(LIBRARY)
$(EXAMPLE): $(BUILD)/nginx/example/application.o
$(FAILING): $(BUILD)/tests/support/failing_malloc/failing_malloc.o
$(FAILING): override CXXFLAGS += -fPIC
$(FAILING): override LDFLAGS += -shared
$(FAILING): override LDLIBS :=
$(FUZZERS): $(BUILD)/%: $(BUILD)/tests/fuzz/%.o $(call objects,tests/support/fake_sync_store.cpp) $(LIBRARY)
$(UNIT) $(E2E): LDLIBS += -lcurl -lsoci_postgresql -lpq $(CATCH_LIBS)
$(EXAMPLE) $(BENCH): LDLIBS += -lfcgi
$(FUZZERS): override LDFLAGS += -fsanitize=fuzzer

$(PROGRAM) $(EXAMPLE) $(UNIT) $(E2E) $(BENCH) $(SIMULATE) $(EMULATOR) $(FAILING) $(FUZZERS):
	@echo "  LINK $@"
	@$(CXX) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.cpp Makefile
	@mkdir -p $(@D)
	@echo "  CXX  $@"
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

build/syntax-$(notdir $(CXX))/%.ok: %.cpp
	@mkdir -p $(@D)
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MF $(@:.ok=.d) -MT $@ -fsyntax-only $<
	@touch $@

-include $(shell find build -path build/npm -prune -o -type f -name '*.d' -print 2>/dev/null)
