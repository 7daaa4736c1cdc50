/* jail.h - jails: rules, limits, ignore lists and actions, as the administrator wrote them */
#pragma once

#include "core/base/err.h"
#include "core/filter/filter.h"
#include "core/rule/ignore.h"
#include "core/rule/subject.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	JAILS_MOST = 32,   /* subjects note jails as bits of a word */
	RULES_MOST = 64,   /* in one jail */
	LIMITS_MOST = 254, /* classes of users in one jail: a subject notes its own in a byte */
	FOREVER = -1,      /* bantime: until an administrator lifts it */
};

/* What a rule measures; the order is that of aggregate_names in jail.c. */
enum aggregate {
	AGGREGATE_DISTINCT, /* different values of a field */
	AGGREGATE_COUNT,    /* events of a kind */
	AGGREGATE_SUM,      /* of recipients or bytes */
	AGGREGATE_SURGE,    /* messages in a day against the account's own mean */
	AGGREGATE_FOREIGN,  /* addresses outside the home countries */
	AGGREGATE_TRAVEL,   /* km/h between two logins */
	AGGREGATES
};

/* Fields for `distinct`; the order is that of value_names. Before VALUE_USER: of the address. */
enum rule_value {
	VALUE_IP,
	VALUE_NETWORK,
	VALUE_COUNTRY,
	VALUE_ASN,
	VALUE_USER,
	VALUE_HELO,
	VALUE_SERVICE,
	VALUES
};

/* Whom a rule counts for; the order is that of key_names. */
enum rule_key { KEY_USER, KEY_IP, KEY_NETWORK, KEY_USER_IP, KEY_SESSION, KEYS };

struct rule {
	const char *name;
	uint32_t index; /* in its jail */
	uint32_t id;    /* among all rules */
	enum aggregate aggregate;
	enum rule_value value;   /* AGGREGATE_DISTINCT */
	enum event_field summed; /* AGGREGATE_SUM: FIELD_RECIPIENTS or FIELD_BYTES */
	enum rule_key by;
	unsigned int on;       /* kinds of event that count, 1 << kind each */
	unsigned int services; /* SIGHTING_SMTP ...; 0: any */
	bool from_unknown;     /* only what comes from addresses that are not the owner's */
	uint64_t max;
	uint64_t max_least, max_most; /* of it and what limits make of it */
	unsigned int percent; /* bounces: holds above this share of the recipients; 0: any */
	unsigned int score;
	unsigned int group; /* of its jail's rules of one group the highest score counts; 0: none */
	const char *group_name; /* NULL: none */
	uint32_t findtime_s;
	const country_t *home; /* AGGREGATE_FOREIGN */
	size_t n_home;
	double factor; /* AGGREGATE_SURGE */
	unsigned int over_days, least_days;
	const struct rule *after; /* counts only where that one held `within_s` ago; NULL: always */
	uint32_t within_s;
	bool dry_run;
	bool reset_on_success;
	bool of_failures; /* it measures failures, or comes after a rule that does */
};

/* Other maxima for a class of users. */
struct limit {
	const struct rule *rule;
	uint64_t max;
	unsigned int score;
};

struct limits {
	const char *name;
	struct ignore users; /* only its users are used */
	struct limit *limit;
	size_t n;
};

enum action_at { AT_THRESHOLD, AT_SUSPECT };

/* One option of an action as it was written; no more than that: its plugin reads it. */
struct action_setting {
	const char *name;
	const char *const *value;
	size_t n; /* values; those of a list that is empty: 0 */
};

/*
 * An action of a jail, be it of its own or of a group. The same action with the same settings in
 * several jails is one instance: it has one id, and one process serves it.
 */
struct jail_action {
	const char *name;   /* as it is called: a plugin's name, or "PLUGIN:WHICH" */
	const char *plugin; /* its plugin's name */
	uint32_t id;        /* of the instance: 0 to n_instances - 1 of the set */
	enum action_at at;
	const struct action_setting *setting;
	size_t n_settings;
};

/*
 * What is asked about plugins while jails are loaded: rules come before actions in the flow, so
 * whoever loads passes this in (core/action/catalogue.h). NULL: the names of the shipped plugins
 * are known, and no option is refused.
 */
struct action_catalogue {
	/* 0: the plugin is at hand. -1: it is not, and why; ENOENT where there is none of the name. */
	int (*find)(const struct action_catalogue *c, const char *plugin, struct err *err);
	/* 0: the plugin, which is at hand, takes this option. -1: it doesn't, and what it takes. */
	int (*declares)(const struct action_catalogue *c, const char *plugin, const char *option,
			struct err *err);
	/* 0: these values serve for a declared option. -1: they don't; what was expected. */
	int (*check)(const struct action_catalogue *c, const char *plugin, const char *option,
		     const char *const *value, size_t n, struct err *err);
};

struct jail {
	const char *name;
	uint32_t index;
	enum subject_kind subject;
	bool dry_run;
	unsigned int suspect, threshold;
	int64_t bantime_s; /* or FOREVER */
	const struct filter **filters;
	size_t n_filters; /* 0: events of any filter */
	struct rule **rule;
	size_t n_rules;
	struct limits *limits;
	size_t n_limits;
	struct jail_action *action;
	size_t n_actions;
	struct ignore ignore;
};

/* A mail fetcher: many addresses of one provider, which count as one network and no country. */
struct fetcher {
	const char *name;
	struct prefixset networks;
};

struct jail_set {
	struct arena *arena;
	struct jail **jail;
	size_t n_jails;
	struct fetcher *fetcher; /* at most UINT8_MAX - 1 */
	size_t n_fetchers;
	struct prefixset any_fetcher; /* the networks of all: hardly any address is in them */
	uint32_t n_rules;             /* in all jails */
	const struct jail_action **instance; /* of actions, by id: one of each, of any jail */
	size_t n_instances;
};

/* What postern.conf says for all jails. */
struct jail_defaults {
	struct texts home; /* country codes */
	struct texts ignore[IGNORE_LISTS];
	const struct action_catalogue *actions; /* or NULL */
};

/*
 * Loads every *.conf of `dir` as one text: a section that comes again in a later file changes the
 * first. `only` (may be NULL) names the one jail wanted, enabled or not. Errors name file and line;
 * what they can't find they say how to mend. `filters` is borrowed.
 */
int jail_set_load(struct jail_set **out, const char *dir, const char *only,
		  const struct filter_set *filters, const struct jail_defaults *defaults,
		  struct err *err);
int jail_set_load_text(struct jail_set **out, const char *name, const char *text,
		       const struct filter_set *filters, const struct jail_defaults *defaults,
		       struct err *err);
void jail_set_free(struct jail_set *set); /* NULL is fine */

/* "stolen-account: rule foreign is off: no home countries": calls `warn` for each such thing. */
void jail_set_warn(const struct jail_set *set, const struct geoip *geoip,
		   void (*warn)(void *ctx, const char *text), void *ctx);

/* True for the name of a plugin that is shipped, whether or not it is installed. */
bool action_is_shipped(const char *plugin);

/* Names for output and errors. */
const char *rule_value_name(enum rule_value v);
/* True where a rule counts where accounts are: addresses, countries, networks. */
bool rule_is_about_places(const struct rule *r);
