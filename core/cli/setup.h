/* setup.h - what every verb needs: settings, filters, jails, databases */
#pragma once

#include "core/action/catalogue.h"
#include "core/base/err.h"
#include "core/base/prefixset.h"
#include "core/filter/filter.h"
#include "core/rule/jail.h"

#include <stdbool.h>
#include <stdint.h>

/* What the command line said; NULL: nothing. */
struct setup_options {
	const char *conf, *filters, *jails, *jail, *geoip, *asn;
};

/* What posternd alone asks for; see postern.conf(5). */
struct daemon_settings {
	const char *user, *group;
	const char *state_dir, *run_dir;
	const char *logtarget; /* "syslog", "stderr", a path; "": what is at hand */
	const char *metrics;   /* "127.0.0.1:9587", "[::1]:9587", a path; "": nowhere */
	struct texts never_ban;
	int64_t checkpoint_s, reconcile_s;
	int64_t repeat_within_s, bantime_most_s;
	unsigned int brake_n; /* 0: none */
	int64_t brake_span_s;
	int64_t silence_lines_s, silence_logins_s; /* 0: no warning */
	bool dry_run;
};

struct setup {
	struct arena *arena;
	const char *conf; /* the file that was read, or NULL */
	const char *filters_dir, *jails_dir, *plugins_dir;
	const char *geoip_path, *asn_path; /* NULL: no such database */
	const char *default_realm;
	unsigned int known_days;
	struct texts logs;
	struct daemon_settings daemon;
	struct jail_defaults defaults;
	struct filter_set *filters;
	struct catalogue *catalogue;
	struct jail_set *jails;
	struct geoip *geoip;
	struct prefixset own; /* the addresses of this machine */
};

enum setup_depth {
	SETUP_FILTERS,
	SETUP_ALL,     /* jails and databases too; of actions the names alone */
	SETUP_ACTIONS, /* and the actions' plugins */
};

/*
 * Reads postern.conf (the one named, else the installed one if it is there) and loads what it
 * and the options name. Beside the program in a
 * source tree the tree's own files serve. On failure nothing is to be freed.
 */
int setup_load(struct setup *s, const struct setup_options *o, enum setup_depth depth,
	       struct err *err);
void setup_fini(struct setup *s);
