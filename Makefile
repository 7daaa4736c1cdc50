# postern: build, test, install. `make help` lists what there is.
#
# `make run` and `make check` may install missing Debian packages; every other target leaves
# the system alone.

VERSION := 0.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
BINDIR = $(PREFIX)/bin
SBINDIR = $(PREFIX)/sbin
DATADIR = $(PREFIX)/share
PLUGINDIR = $(PREFIX)/lib/postern/actions
MANDIR = $(DATADIR)/man
STATEDIR ?= /var/lib/postern
RUNDIR ?= /run/postern

V ?= 0
SAN ?= 0
FUZZ ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-7s %s\n')
submake = $(MAKE) --no-print-directory $(if $(filter 1,$(V)),,-s)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

# Builds of different kinds live beside each other, so that none makes another compile again.
BUILD := build/$(if $(filter 1,$(FUZZ)),fuzz,$(if $(filter 1,$(SAN)),san,plain))
# The programs of the plain build stand at the top, where people look for them.
POSTERN := $(if $(filter build/plain,$(BUILD)),postern,$(BUILD)/postern)
POSTERND := $(POSTERN)d

CC ?= cc
PKG_CONFIG ?= pkg-config
LIBS_NEEDED := libconfuse libpcre2-8 libmaxminddb zlib liblzma libzstd jansson libxxhash libuv sqlite3 \
	libmicrohttpd libseccomp libcap
# What one plugin alone needs, that plugin alone links.
LIBS_nftables := libmnl libnftnl
LIBS_kick := libmnl
LIBS_webhook := libcurl jansson nettle
LIBS_mail := jansson
# What the two that speak netlink are made of, beside their own files.
PARTS_nftables := $(addprefix actions/kernel/,netlink.c shared.c ruleset.c table.c elements.c)
PARTS_kick := $(addprefix actions/kernel/,netlink.c shared.c)
HAVE_SYSTEMD := $(shell $(PKG_CONFIG) --exists libsystemd 2>/dev/null && echo 1)
LIBS := $(LIBS_NEEDED) $(if $(HAVE_SYSTEMD),libsystemd)
LIBS_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null)
# Debian's libbz2 comes without a pkg-config file.
LIBS_LDLIBS := $(shell $(PKG_CONFIG) --libs $(LIBS) 2>/dev/null) -lbz2

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef -Wnull-dereference \
	-Wdouble-promotion -Wswitch-enum
CFLAGS ?= -O3 -g
override CFLAGS += -std=gnu17 $(WARN) $(if $(filter 1,$(WERROR)),-Werror) -fstack-protector-strong \
	-fno-strict-aliasing -pthread
ifneq ($(filter 1,$(SAN) $(FUZZ)),)
override CFLAGS += -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
else
override CFLAGS += -D_FORTIFY_SOURCE=2
# gcc optimises the program as a whole (a tenth faster); tests link the same objects as they are.
LTO := $(if $(findstring clang,$(shell $(CC) --version 2>/dev/null)),,-flto=auto -ffat-lto-objects)
endif
ifeq ($(FUZZ),1)
override CFLAGS += -fsanitize=fuzzer-no-link
endif
override CPPFLAGS += -I. -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8 -DVERSION='"$(VERSION)"' \
	-DSYSCONFDIR='"$(SYSCONFDIR)"' -DDATADIR='"$(DATADIR)"' -DSTATEDIR='"$(STATEDIR)"' \
	-DRUNDIR='"$(RUNDIR)"' -DPLUGINDIR='"$(PLUGINDIR)"' \
	-DHAVE_SYSTEMD=$(or $(HAVE_SYSTEMD),0) $(LIBS_CFLAGS)
override LDFLAGS += -pthread -Wl,-z,relro,-z,now,--as-needed
LDLIBS = $(LIBS_LDLIBS) -lm -ldl

LIB_SRC := $(sort $(filter-out core/cli/%,$(wildcard core/*/*.c)))
# Two programs out of one archive: each takes what it needs of it.
MAIN_SRC := core/cli/main.c core/cli/posternd.c
CLI_SRC := $(sort $(filter-out $(MAIN_SRC),$(wildcard core/cli/*.c)))
ACTION_SRC := $(sort $(wildcard actions/*.c))
TEST_SRC := $(sort $(wildcard tests/test_*.c))
FUZZ_SRC := $(sort $(filter-out tests/fuzz_main.c,$(wildcard tests/fuzz_*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)
MAIN_OBJ := $(MAIN_SRC:%.c=$(BUILD)/%.o)
ACTIONS := $(ACTION_SRC:%.c=$(BUILD)/%.so)
TESTS := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)
FUZZERS := $(FUZZ_SRC:tests/%.c=$(BUILD)/tests/%)
link = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter-out $(BUILD)/.flags,$^) $(LDLIBS)

.PHONY: all
all: $(POSTERN) $(POSTERND) $(ACTIONS) ## builds ./postern and ./posternd; SAN=1 build/san/... with ASan, UBSan

.PHONY: clean
clean: ## removes all that was built
	rm -rf build postern posternd

.PHONY: help
help: ## lists the targets and the variables
	@echo 'Targets:'
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1|\2/p' $(filter-out %.d,$(MAKEFILE_LIST)) | \
		awk -F'|' '{ printf "%-16s%s\n", $$1, $$2 }'
	@echo 'Variables: V=1 shows commands, SAN=1, WERROR=1, CC, CFLAGS, PREFIX ($(PREFIX)),'
	@echo '  SYSCONFDIR ($(SYSCONFDIR)), DESTDIR, LOG=FILE for run, FUZZ_SECONDS for fuzz'

include packaging/rules.mk tests/rules.mk

$(BUILD)/%.o: %.c $(BUILD)/.flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LTO) -MMD -MP -c -o $@ $<

$(BUILD)/libpostern.a: $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/libcli.a: $(CLI_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(POSTERN): $(BUILD)/core/cli/main.o $(BUILD)/libcli.a $(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(link) $(LTO)

$(POSTERND): $(BUILD)/core/cli/posternd.o $(BUILD)/libcli.a $(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(link) $(LTO)

# A plugin sees postern-action.h alone, here as anywhere else.
$(BUILD)/actions/%.so: actions/%.c core/action/postern-action.h $(BUILD)/.flags
	@mkdir -p $(@D)
	$(say) PLUGIN $@
	$(Q)$(CC) -Icore/action -D_GNU_SOURCE $(CFLAGS) -fPIC -fvisibility=hidden -shared $(LDFLAGS) -MMD -MP \
		$(if $(LIBS_$*),$(shell $(PKG_CONFIG) --cflags $(LIBS_$*))) -o $@ $(filter %.c,$^) \
		$(if $(LIBS_$*),$(shell $(PKG_CONFIG) --libs $(LIBS_$*)))

$(BUILD)/actions/nftables.so: $(PARTS_nftables) $(wildcard actions/kernel/*.h)
$(BUILD)/actions/kick.so: $(PARTS_kick) $(wildcard actions/kernel/*.h)

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(MAIN_OBJ:.o=.d) $(ACTIONS:.so=.d)

# The libraries are looked for once, and when others are needed; objects made with other flags are
# made anew.
$(BUILD)/.deps-ok: packaging/packages
	$(Q)PKG_CONFIG="$(PKG_CONFIG)" packaging/install-missing --tell build
	@mkdir -p $(@D)
	@touch $@

FLAGS := $(CC) $(CPPFLAGS) $(CFLAGS) $(LTO) $(LDFLAGS) $(LDLIBS)
ifneq ($(strip $(FLAGS)),$(strip $(file <$(BUILD)/.flags)))
.PHONY: $(BUILD)/.flags
endif
$(BUILD)/.flags: | $(BUILD)/.deps-ok
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@
