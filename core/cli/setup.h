/* setup.h - what every verb needs: settings, filters, jails, databases */
#pragma once

#include "core/base/err.h"
#include "core/base/prefixset.h"
#include "core/filter/filter.h"
#include "core/rule/jail.h"

/* What the command line said; NULL: nothing. */
struct setup_options {
	const char *conf, *filters, *jails, *jail, *geoip, *asn;
};

struct setup {
	struct arena *arena;
	const char *conf; /* the file that was read, or NULL */
	const char *filters_dir, *jails_dir;
	const char *geoip_path, *asn_path; /* NULL: no such database */
	const char *default_realm;
	unsigned int known_days;
	struct texts logs;
	struct jail_defaults defaults;
	struct filter_set *filters;
	struct jail_set *jails;
	struct geoip *geoip;
	struct prefixset own; /* the addresses of this machine */
};

enum setup_depth { SETUP_FILTERS, SETUP_ALL };

/*
 * Reads postern.conf (the one named, else the installed one if it is there) and loads what it
 * and the options name: filters, and with SETUP_ALL jails and databases. Beside the program in a
 * source tree the tree's own files serve. On failure nothing is to be freed.
 */
int setup_load(struct setup *s, const struct setup_options *o, enum setup_depth depth,
	       struct err *err);
void setup_fini(struct setup *s);
