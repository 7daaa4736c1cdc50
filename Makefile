# postern: build, test, install. `make help` lists what there is.
#
# `make run` and `make check` may install missing Debian packages; every other target leaves
# the system alone.

VERSION := 0.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
BINDIR = $(PREFIX)/bin
DATADIR = $(PREFIX)/share
MANDIR = $(DATADIR)/man
STATEDIR ?= /var/lib/postern

V ?= 0
SAN ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-7s %s\n')

# A sanitised build lives beside the plain one, so that neither makes the other compile again.
BUILD := build/$(if $(filter 1,$(SAN)),san,plain)
POSTERN := $(if $(filter 1,$(SAN)),$(BUILD)/postern,postern)

CC ?= cc
PKG_CONFIG ?= pkg-config
LIBS_NEEDED := libconfuse libpcre2-8 libmaxminddb libarchive jansson libxxhash
HAVE_SYSTEMD := $(shell $(PKG_CONFIG) --exists libsystemd 2>/dev/null && echo 1)
LIBS := $(LIBS_NEEDED) $(if $(HAVE_SYSTEMD),libsystemd)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef -Wnull-dereference \
	-Wdouble-promotion -Wswitch-enum
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu17 $(WARN) $(if $(filter 1,$(WERROR)),-Werror) -fstack-protector-strong \
	-fno-strict-aliasing -pthread
ifeq ($(SAN),1)
override CFLAGS += -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
else
override CFLAGS += -D_FORTIFY_SOURCE=2
endif
override CPPFLAGS += -I. -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8 -DVERSION='"$(VERSION)"' \
	-DSYSCONFDIR='"$(SYSCONFDIR)"' -DDATADIR='"$(DATADIR)"' -DSTATEDIR='"$(STATEDIR)"' \
	$(if $(HAVE_SYSTEMD),-DHAVE_SYSTEMD=1,-DHAVE_SYSTEMD=0) \
	$(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null)
override LDFLAGS += -pthread -Wl,-z,relro,-z,now
LDLIBS = $(shell $(PKG_CONFIG) --libs $(LIBS)) -lm

LIB_SRC := $(sort $(filter-out core/cli/%,$(wildcard core/*/*.c)))
CLI_SRC := $(sort $(wildcard core/cli/*.c))
TEST_SRC := $(sort $(wildcard tests/test_*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz_*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)
TESTS := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)

.PHONY: all
all: $(POSTERN)

-include packaging/rules.mk

$(BUILD)/%.o: %.c $(BUILD)/.deps-ok
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libpostern.a: $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(POSTERN): $(CLI_OBJ) $(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(BUILD)/libpostern.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(TESTS:=.d)

$(BUILD)/.deps-ok:
	@mkdir -p $(@D)
	@touch $@
