# Everything between the source tree and a machine: packages, country database, installation.

# Debian's package tor-geoipdb where it is installed, else fetched and unpacked here.
GEOIP_DIR ?= $(if $(wildcard /usr/share/tor/geoip6),/usr/share/tor,build/geoip)

.PHONY: run
run: ## installs what is missing, builds, scans this machine's mail log (or LOG=FILE, or a sample)
	$(Q)packaging/install-missing build geoip
	$(Q)$(submake) -j$(JOBS) all
	$(Q)$(submake) geoip || echo 'postern: going on without a country database' >&2
	$(Q)packaging/scan-here $(LOG)

.PHONY: geoip
geoip: build/country.mmdb ## makes build/country.mmdb from Debian's tor-geoipdb

build/country.mmdb: $(GEOIP_DIR)/geoip $(GEOIP_DIR)/geoip6 packaging/make-geoip.pl
	$(Q)packaging/install-missing --tell geoip
	@mkdir -p $(@D)
	$(say) GEOIP $@
	$(Q)packaging/make-geoip.pl $(GEOIP_DIR)/geoip $(GEOIP_DIR)/geoip6 $@

build/geoip/geoip build/geoip/geoip6 &:
	$(say) FETCH tor-geoipdb
	$(Q)packaging/fetch-geoip build/geoip

MAN_PAGES := $(sort $(wildcard doc/*.[1-8]))
# A page or file names the paths of a distribution; installed, it names its own.
own_paths = sed -e 's|/etc/postern|$(SYSCONFDIR)/postern|g' -e 's|/var/lib/postern|$(STATEDIR)|g'
config_files = DESTDIR='$(DESTDIR)' CONFDIR='$(SYSCONFDIR)/postern' SUMS='$(DATADIR)/postern/shipped.sums' \
	packaging/config-files
COMPLETION = $(DATADIR)/bash-completion/completions/postern
# Where systemd looks, also below /usr/local; elsewhere the files do no harm.
UNITDIR = $(PREFIX)/lib/systemd/system
DAEMON_FILES = $(SBINDIR)/posternd $(UNITDIR)/posternd.service $(PREFIX)/lib/sysusers.d/postern.conf \
	$(PREFIX)/lib/tmpfiles.d/postern.conf
# For plugins: ours, and what others are built with. The skeleton is installed as a text to copy.
PLUGINS = $(filter-out %/skeleton.so,$(ACTIONS))
HEADER = $(PREFIX)/include/postern/postern-action.h
PKG_CONFIG_FILE = $(PREFIX)/lib/pkgconfig/postern.pc
PLUGIN_DOCS = doc/plugins.md actions/skeleton.c
DOCS = $(filter-out $(PLUGIN_DOCS),$(sort $(wildcard doc/*.md)))
PLUGIN_FILES = $(PLUGINS:$(BUILD)/actions/%=$(PLUGINDIR)/%) $(HEADER) $(PKG_CONFIG_FILE) \
	$(patsubst %,$(DATADIR)/doc/postern/%,$(notdir $(PLUGIN_DOCS)))
# logrotate looks nowhere else.
LOGROTATE = $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(SYSCONFDIR))/logrotate.d/postern

.PHONY: install-plugins
install-plugins: $(PLUGINS)
	$(Q)install -d -m 755 '$(DESTDIR)$(PLUGINDIR)' '$(DESTDIR)$(DATADIR)/doc/postern'
	$(Q)install -m 644 $(PLUGINS) '$(DESTDIR)$(PLUGINDIR)'
	$(Q)install -m 644 $(PLUGIN_DOCS) '$(DESTDIR)$(DATADIR)/doc/postern'
	$(Q)install -D -m 644 core/action/postern-action.h '$(DESTDIR)$(HEADER)'
	$(Q)mkdir -p build && sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@PLUGINDIR@|$(PLUGINDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' packaging/postern.pc.in >build/postern.pc
	$(Q)install -D -m 644 build/postern.pc '$(DESTDIR)$(PKG_CONFIG_FILE)'

.PHONY: install
install: all install-plugins ## installs below PREFIX; never overwrites a config file that was changed
	$(say) INSTALL '$(DESTDIR)$(BINDIR)/postern and what belongs to it'
	$(Q)install -D -m 755 postern '$(DESTDIR)$(BINDIR)/postern'
	$(Q)install -D -m 755 posternd '$(DESTDIR)$(SBINDIR)/posternd'
	$(Q)mkdir -p build && $(own_paths) -e 's|/usr/sbin/posternd|$(SBINDIR)/posternd|' \
		packaging/systemd/posternd.service >build/posternd.service
	$(Q)install -D -m 644 build/posternd.service '$(DESTDIR)$(UNITDIR)/posternd.service'
	$(Q)install -D -m 644 packaging/systemd/sysusers.conf '$(DESTDIR)$(PREFIX)/lib/sysusers.d/postern.conf'
	$(Q)install -D -m 644 packaging/systemd/tmpfiles.conf '$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/postern.conf'
	$(Q)install -D -m 644 packaging/logrotate.conf '$(DESTDIR)$(LOGROTATE)'
	$(Q)if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" -eq 0 ]; then \
		packaging/make-user postern; \
		[ ! -d /run/systemd/system ] || systemctl daemon-reload; \
	fi
	$(Q)for page in $(MAN_PAGES); do \
		dir='$(DESTDIR)$(MANDIR)'/man$${page##*.} && mkdir -p "$$dir" && \
		$(own_paths) $$page >"$$dir/$${page##*/}" && chmod 644 "$$dir/$${page##*/}" || exit 1; \
	done
	$(Q)for page in $(DOCS); do \
		file='$(DESTDIR)$(DATADIR)/doc/postern'/$${page##*/} && \
		$(own_paths) $$page >"$$file" && chmod 644 "$$file" || exit 1; \
	done
	$(Q)install -D -m 644 packaging/postern.bash '$(DESTDIR)$(COMPLETION)'
	$(Q)mkdir -p build && $(own_paths) packaging/postern.conf >build/postern.conf
	$(Q)$(config_files) install build/postern.conf filters/*.conf jail.d/*.conf
	$(Q)if [ -e build/country.mmdb ]; then \
		install -D -m 644 build/country.mmdb '$(DESTDIR)$(STATEDIR)/country.mmdb'; \
	elif [ ! -e '$(DESTDIR)$(STATEDIR)/country.mmdb' ]; then \
		echo 'postern: without a country database; `make geoip install` makes one and installs it' >&2; \
	fi

.PHONY: uninstall
uninstall: ## removes what install put there, but for config files that were changed
	$(say) REMOVE '$(DESTDIR)$(BINDIR)/postern and what belongs to it'
	$(Q)rm -f $(DAEMON_FILES:%='$(DESTDIR)%') '$(DESTDIR)$(LOGROTATE)'
	$(Q)rm -f $(PLUGIN_FILES:%='$(DESTDIR)%') \
		$(patsubst %,'$(DESTDIR)$(DATADIR)/doc/postern/%',$(notdir $(DOCS)))
	$(Q)rmdir '$(DESTDIR)$(PLUGINDIR)' '$(DESTDIR)$(dir $(HEADER))' \
		'$(DESTDIR)$(DATADIR)/doc/postern' 2>/dev/null || :
	$(Q)rm -f '$(DESTDIR)$(BINDIR)/postern' '$(DESTDIR)$(COMPLETION)' \
		'$(DESTDIR)$(STATEDIR)/country.mmdb'
	$(Q)for page in $(MAN_PAGES); do \
		rm -f '$(DESTDIR)$(MANDIR)'/man$${page##*.}/"$${page##*/}"; \
	done
	$(Q)$(config_files) remove
	$(Q)rmdir '$(DESTDIR)$(STATEDIR)' '$(DESTDIR)$(PLUGINDIR)' '$(DESTDIR)$(dir $(PLUGINDIR))' 2>/dev/null || :
	$(Q)if [ -z '$(DESTDIR)' ] && getent passwd postern >/dev/null; then \
		echo 'kept: user and group postern, and what they own'; \
	fi
