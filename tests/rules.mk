# Tests, lint, fuzzing and benches.

include tests/sim/rules.mk

.PHONY: tests
tests: $(TESTS) $(FUZZERS) $(BUILD)/tests/simulate $(BUILD)/tests/judge $(BUILD)/tests/measure $(BUILD)/tests/intrude \
	$(BUILD)/tests/smtpd_key.so

# Tests are linked from the machine code that lies beside the optimiser's, or each would be optimised
# as a whole: a second or two for every one of them.

# The test of a plugin includes its source, which sees what a plugin sees.
$(BUILD)/tests/test_%.o: override CPPFLAGS += -Icore/action

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(link) -fno-lto -lcmocka $(TEST_LDFLAGS)

# What tests a part of core/cli links that too.
CLI_TESTS := test_request test_control test_selfwatch test_ignored test_metrics_server \
	test_client test_answers test_metrics test_dispatch
CLI_FUZZERS := fuzz_control

$(CLI_TESTS:%=$(BUILD)/tests/%): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libcli.a \
		$(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(link) -fno-lto -lcmocka $(TEST_LDFLAGS)

# No deadline is waited for, and no other user is needed.
$(BUILD)/tests/test_control: TEST_LDFLAGS = -Wl,--wrap=uv_timer_start,--wrap=getsockopt
# Plugins find these tests' own time(), nanosleep() and curl_easy_perform() before the libraries'.
$(BUILD)/tests/test_dovecot $(BUILD)/tests/test_mail $(BUILD)/tests/test_webhook: TEST_LDFLAGS = -rdynamic

$(CLI_FUZZERS:%=$(BUILD)/tests/%): $(BUILD)/tests/%: $(BUILD)/tests/%.o \
		$(if $(filter 0,$(FUZZ)),$(BUILD)/tests/fuzz_main.o) $(BUILD)/libcli.a $(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(link) -fno-lto $(if $(filter 1,$(FUZZ)),-fsanitize=fuzzer)

# Without libFuzzer a fuzz target gets a main() that feeds it the files named on the command line.
$(BUILD)/tests/fuzz_%: $(BUILD)/tests/fuzz_%.o $(if $(filter 0,$(FUZZ)),$(BUILD)/tests/fuzz_main.o) \
		$(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(link) -fno-lto $(if $(filter 1,$(FUZZ)),-fsanitize=fuzzer)

-include $(TESTS:=.d) $(FUZZERS:=.d) $(BUILD)/tests/fuzz_main.d

# Objects of tests are kept, so that the next run compiles what has changed alone.
.SECONDARY:

# Two builds, each complete, and every test in both; see tests/run for what is run.
check_builds = $(submake) -j$(JOBS) all tests && \
	$(submake) -j$(JOBS) SAN=1 all tests

.PHONY: check
check: ## installs what is missing, builds, runs all tests (E2E=required: as root, or it fails)
	$(Q)packaging/install-missing build geoip check
	$(Q)[ "$$(id -u)" -ne 0 ] || packaging/install-missing e2e || [ '$(E2E)' != required ]
	$(Q)$(submake) geoip
	$(Q)$(check_builds)
	$(Q)E2E='$(E2E)' tests/run plain san seeds config shell e2e

.PHONY: check-unit
check-unit: all tests ## builds and runs the unit tests
	$(Q)tests/run plain

.PHONY: check-san
check-san: ## builds with ASan and UBSan; runs the unit tests and the seeds of the fuzz targets
	$(Q)$(submake) SAN=1 all tests
	$(Q)tests/run san seeds

# Lint: each of its parts can be called alone.
C_FILES := $(sort $(wildcard core/*/*.c core/*/*.h actions/*.c actions/*.h actions/*/*.c actions/*/*.h \
	tests/*.c tests/*.h tests/*/*.c tests/*/*.h))
SHELL_FILES := $(shell grep -rlE '^\#!/(bin/sh|usr/bin/env bash|bin/bash)' packaging tests .ci 2>/dev/null)

.PHONY: lint lint-tools lint-format lint-cppcheck lint-tidy lint-shell lint-man lint-build
lint: lint-format lint-shell lint-man lint-build lint-cppcheck lint-tidy ## layout, warnings as errors, analysers

lint-tools:
	$(Q)packaging/install-missing --tell build check lint

lint-format: | lint-tools
	$(say) LINT clang-format
	$(Q)clang-format --dry-run -Werror $(C_FILES)

lint-shell: | lint-tools
	$(say) LINT shellcheck
	$(Q)shellcheck $(SHELL_FILES)

lint-man: | lint-tools
	$(say) LINT mandoc
	$(Q)mandoc -T lint -W warning $(MAN_PAGES)

lint-build: | lint-tools
	$(say) LINT gcc
	$(Q)$(submake) -j$(JOBS) CC=gcc WERROR=1 BUILD=build/lint-gcc all tests
	$(say) LINT clang
	$(Q)$(submake) -j$(JOBS) CC=clang WERROR=1 BUILD=build/lint-clang all tests

lint-cppcheck: | lint-tools
	$(say) LINT cppcheck
	$(Q)mkdir -p build/cppcheck
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 -j$(JOBS) --cppcheck-build-dir=build/cppcheck \
		--enable=warning,performance,portability,style --inline-suppr \
		--suppressions-list=tests/cppcheck.txt -I. -D__linux__ -DHAVE_SYSTEMD=1 -Icore/action \
		$(filter %.c,$(C_FILES))

lint-tidy: | lint-tools
	$(say) LINT clang-tidy
	$(Q)printf '%s\n' $(filter %.c,$(C_FILES)) | xargs -P $(JOBS) -n 4 sh -c \
		'clang-tidy --quiet "$$@" -- $(TIDY_FLAGS) 2>/dev/null' clang-tidy

TIDY_FLAGS = -std=gnu17 -I. -Icore/action -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8 -DVERSION=\"\" \
	-DSYSCONFDIR=\"\" -DDATADIR=\"\" -DSTATEDIR=\"\" -DRUNDIR=\"\" \
	-DPLUGINDIR=\"\" -DHAVE_SYSTEMD=$(or $(HAVE_SYSTEMD),0) $(LIBS_CFLAGS)

# Finds go into build/: whoever keeps one as a seed copies it into tests/corpus/ by hand.
FUZZ_SECONDS ?= 600
FUZZ_JOBS ?= 1

.PHONY: fuzz
fuzz: ## runs each fuzz target for FUZZ_SECONDS (600), FUZZ_JOBS (1) at a time
	$(Q)packaging/install-missing --tell build fuzz
	$(Q)$(submake) -j$(JOBS) CC=clang FUZZ=1 fuzzers
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_JOBS=$(FUZZ_JOBS) tests/fuzz $(notdir $(FUZZ_SRC:.c=))

.PHONY: fuzzers
fuzzers: $(FUZZERS)

$(BUILD)/tests/intrude: $(BUILD)/tests/e2e/intrude.o
	$(say) LD $@
	$(Q)$(link)

# Not sanitised in any build: it is loaded into a program that isn't.
$(BUILD)/tests/smtpd_key.so: tests/e2e/smtpd_key.c $(BUILD)/.flags
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -D_GNU_SOURCE $(filter-out -fsanitize%,$(CFLAGS)) -fPIC -fvisibility=hidden -shared -o $@ $<

# An action of the bench's own.
$(BUILD)/tests/stamp.so: tests/bench/stamp.c core/action/postern-action.h $(BUILD)/.flags
	@mkdir -p $(@D)
	$(say) PLUGIN $@
	$(Q)$(CC) -Icore/action -D_GNU_SOURCE $(CFLAGS) -fPIC -fvisibility=hidden -shared $(LDFLAGS) -o $@ $<

$(BUILD)/tests/measure: $(BUILD)/tests/bench/measure.o
	$(say) LD $@
	$(Q)$(link)

# What the plugins that speak netlink are made of; their tests stand in for the kernel.
$(BUILD)/actions/kernel/%.o: override CPPFLAGS += -Icore/action
$(BUILD)/tests/test_nftables $(BUILD)/tests/test_nftables_options: $(PARTS_nftables:%.c=$(BUILD)/%.o)
$(BUILD)/tests/test_kick: $(PARTS_kick:%.c=$(BUILD)/%.o)
$(BUILD)/tests/test_nftables $(BUILD)/tests/test_nftables_options: TEST_LDFLAGS = -lmnl -lnftnl
$(BUILD)/tests/test_kick: TEST_LDFLAGS = -lmnl
-include $(PARTS_nftables:%.c=$(BUILD)/%.d)

# For tests/bench/nftables: a bare program, and one that drives the plugin.
$(BUILD)/tests/nft_bare: $(BUILD)/tests/bench/nft_bare.o
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -lmnl -lnftnl

$(BUILD)/tests/nft_ban: $(BUILD)/tests/bench/nft_ban.o $(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(link)

-include $(BUILD)/tests/bench/nft_bare.d $(BUILD)/tests/bench/nft_ban.d

$(BUILD)/tests/accounts: $(BUILD)/tests/bench/accounts.o $(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(link)

-include $(BUILD)/tests/bench/accounts.d

BENCH_LOG := build/bench/mail.log

$(BENCH_LOG): $(GEOIP_DIR)/geoip $(GEOIP_DIR)/geoip6 build/plain/tests/simulate
	@mkdir -p $(@D)
	$(say) SIM $@
	$(Q)build/plain/tests/simulate bench --geoip $(GEOIP_DIR)/geoip --log $@.new && mv $@.new $@

BENCH_TOOLS = build/plain/tests/measure build/plain/tests/accounts
.PHONY: bench
bench: all geoip $(BENCH_LOG) $(BENCH_TOOLS) bench-nftables bench-live ## speed and memory against grep, mawk and others
	$(Q)GEOIP=$(GEOIP_DIR)/geoip tests/bench/speed $(BENCH_LOG)

.PHONY: bench-nftables
bench-nftables: build/plain/actions/nftables.so build/plain/tests/nft_bare build/plain/tests/nft_ban
	$(Q)tests/bench/nftables

.PHONY: bench-live
bench-live: all geoip $(BENCH_LOG) build/plain/tests/stamp.so ## posternd: latency, bursts, memory when idle
	$(Q)tests/bench/live $(BENCH_LOG)

.PHONY: bench-detect
bench-detect: all geoip build/plain/tests/simulate build/plain/tests/judge ## how well it decides
	$(Q)GEOIP=$(GEOIP_DIR)/geoip tests/bench/detect

.PHONY: profile
profile: all geoip $(BENCH_LOG) ## where the time of a scan goes (perf)
	$(Q)packaging/install-missing --tell profile
	$(Q)tests/bench/profile $(BENCH_LOG)
