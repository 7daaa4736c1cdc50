/*
 * jail - jails: rules, limits, ignore lists and actions, as the administrator wrote them
 *
 * All files of jail.d are read into one tree, so that a later file can change one value of a
 * shipped jail. Here the tree becomes plain structs that the engine reads; every mistake that
 * can be seen without a log line is found here.
 *
 * A jail decides on one kind of subject, which its rules tell: rules on failures decide on
 * addresses alone (else anyone who knows a name could lock its owner out), all others on
 * accounts. The `dnsbl` aggregate will be one more row of the tables below.
 */
#include "core/rule/jail.h"

#include "core/base/instant.h"
#include "core/base/mem.h"
#include "core/config/conf.h"
#include "core/rule/jail_action.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const aggregate_names[AGGREGATES] = { "distinct", "count",   "sum",
							 "surge",    "foreign", "travel" };
static const char *const value_names[VALUES] = { "ip",   "network", "country", "asn",
						 "user", "helo",    "service" };
static const char *const key_names[KEYS] = { "user", "ip", "network", "user+ip", "session" };

static const struct service_name {
	const char *name;
	unsigned int flag;
} service_names[] = {
	{ "smtp", SIGHTING_SMTP },
	{ "imap", SIGHTING_IMAP },
	{ "pop3", SIGHTING_POP3 },
	{ "other", SIGHTING_OTHER },
};

const char *rule_value_name(enum rule_value v)
{
	return value_names[v];
}

bool rule_is_about_places(const struct rule *r)
{
	return r->aggregate == AGGREGATE_FOREIGN || r->aggregate == AGGREGATE_TRAVEL ||
	       (r->aggregate == AGGREGATE_DISTINCT && r->value < VALUE_USER);
}

static int index_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

/* "expected one of a, b, c, not x" at the current line. */
static int refuse_word(cfg_t *cfg, cfg_opt_t *opt, const char *const *names, size_t n)
{
	const char *near = conf_nearest(conf_value(opt), names, n);
	char list[200] = "";
	size_t used = 0;

	for (size_t i = 0; i < n && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 names[i]);
	return conf_refuse(cfg, "%s: expected one of %s, not \"%s\"%s%s%s", cfg_opt_name(opt), list,
			   conf_value(opt), near ? "; did you mean \"" : "", near ? near : "",
			   near ? "\"?" : "");
}

static int check_word(cfg_t *cfg, cfg_opt_t *opt, const char *const *names, size_t n)
{
	return index_of(names, n, conf_value(opt)) < 0 ? refuse_word(cfg, opt, names, n) : 0;
}

static int is_value(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_word(cfg, opt, value_names, COUNT(value_names));
}

static int is_key(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_word(cfg, opt, key_names, COUNT(key_names));
}

static int is_kind(cfg_t *cfg, cfg_opt_t *opt)
{
	static const char *const kinds[] = { "login",  "failure", "message", "queued",
					     "bounce", "removed", "logout",  "offence" };

	return check_word(cfg, opt, kinds, COUNT(kinds));
}

static int is_surging(cfg_t *cfg, cfg_opt_t *opt)
{
	static const char *const kinds[] = { "message" };

	return check_word(cfg, opt, kinds, COUNT(kinds));
}

static int is_summed(cfg_t *cfg, cfg_opt_t *opt)
{
	static const char *const fields[] = { "recipients", "bytes" };

	return check_word(cfg, opt, fields, COUNT(fields));
}

static int is_origin(cfg_t *cfg, cfg_opt_t *opt)
{
	static const char *const origins[] = { "any", "unknown" };

	return check_word(cfg, opt, origins, COUNT(origins));
}

static int is_service(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *names[COUNT(service_names)];

	for (size_t i = 0; i < COUNT(names); i++)
		names[i] = service_names[i].name;
	return check_word(cfg, opt, names, COUNT(names));
}

static int is_country(cfg_t *cfg, cfg_opt_t *opt)
{
	if (!country_parse(conf_value(opt)))
		return conf_refuse(cfg, "%s: expected country codes like \"ES\", not \"%s\"",
				   cfg_opt_name(opt), conf_value(opt));
	return 0;
}

static int is_factor(cfg_t *cfg, cfg_opt_t *opt)
{
	char *end;
	double factor = strtod(conf_value(opt), &end);

	if (*end || end == conf_value(opt) || !isfinite(factor) || factor < 1 || factor > 1000)
		return conf_refuse(cfg, "factor: expected a number from 1 to 1000, not \"%s\"",
				   conf_value(opt));
	return 0;
}

static int is_bantime(cfg_t *cfg, cfg_opt_t *opt)
{
	return strcmp(conf_value(opt), "forever") == 0 ? 0 : conf_is_span(cfg, opt);
}

static int is_ignore(cfg_t *cfg, cfg_opt_t *opt, enum ignore_list list)
{
	struct ignore scratch = { 0 };
	struct err err;
	int ret = ignore_add(&scratch, list, conf_value(opt), &err);

	ignore_fini(&scratch);
	return ret < 0 ? conf_refuse(cfg, "%s: %s", cfg_opt_name(opt), err.text) : 0;
}

static int is_ignoreip(cfg_t *cfg, cfg_opt_t *opt)
{
	return is_ignore(cfg, opt, IGNORE_IP);
}

static int is_ignoreuser(cfg_t *cfg, cfg_opt_t *opt)
{
	return is_ignore(cfg, opt, IGNORE_USER);
}

static int is_ignorecountry(cfg_t *cfg, cfg_opt_t *opt)
{
	return is_ignore(cfg, opt, IGNORE_COUNTRY);
}

static int is_ignoreasn(cfg_t *cfg, cfg_opt_t *opt)
{
	return is_ignore(cfg, opt, IGNORE_ASN);
}

static cfg_opt_t rule_schema[] = {
	CONF_CHECKED("distinct", NULL, is_value),
	CONF_CHECKED("count", NULL, is_kind),
	CONF_CHECKED("sum", NULL, is_summed),
	CONF_CHECKED("surge", NULL, is_surging),
	CONF_CHECKED_LIST("foreign", is_country),
	CONF_COUNT("travel", NULL),
	CONF_CHECKED("on", NULL, is_kind),
	CONF_CHECKED("by", "user", is_key),
	CONF_CHECKED_LIST("service", is_service),
	CONF_CHECKED("from", "any", is_origin),
	CONF_COUNT("max", NULL),
	CONF_COUNT("percent", "0"),
	CONF_COUNT("score", "100"),
	CONF_TEXT("group", NULL),
	CONF_SPAN("findtime", "10m"),
	CONF_CHECKED("factor", "6", is_factor),
	CONF_SPAN("over", "30d"),
	CONF_COUNT("least_days", "7"),
	CONF_TEXT("after", NULL),
	CONF_SPAN("within", "1h"),
	CONF_BOOL("dry_run", cfg_false),
	CONF_BOOL("reset_on_success", cfg_false),
	CONF_END(),
};

static cfg_opt_t limit_schema[] = {
	CONF_COUNT("max", NULL),
	CONF_COUNT("score", NULL),
	CONF_END(),
};

static cfg_opt_t limits_schema[] = {
	CONF_CHECKED_LIST("users", is_ignoreuser),
	CONF_SECTION("rule", limit_schema),
	CONF_END(),
};

static cfg_opt_t jail_schema[] = {
	CONF_BOOL("enabled", cfg_true),
	CONF_BOOL("dry_run", cfg_false),
	CONF_TEXTS("filter"),
	CONF_COUNT("suspect", "50"),
	CONF_COUNT("threshold", "100"),
	CONF_CHECKED("bantime", "10m", is_bantime),
	CONF_CHECKED_LIST("ignoreip", is_ignoreip),
	CONF_CHECKED_LIST("ignoreuser", is_ignoreuser),
	CONF_CHECKED_LIST("ignorecountry", is_ignorecountry),
	CONF_CHECKED_LIST("ignoreasn", is_ignoreasn),
	CONF_SECTION("rule", rule_schema),
	CONF_SECTION("limits", limits_schema),
	CONF_SECTION("action", jail_action_schema),
	CONF_TEXTS("actions"),
	CONF_END(),
};

static cfg_opt_t fetcher_schema[] = {
	CONF_CHECKED_LIST("networks", is_ignoreip),
	CONF_END(),
};

static cfg_opt_t file_schema[] = {
	CONF_SECTION("jail", jail_schema),
	CONF_SECTION("fetcher", fetcher_schema),
	CONF_SECTION("actions", jail_action_group_schema),
	CONF_END(),
};

static const char *const ignore_options[IGNORE_LISTS] = { "ignoreip", "ignoreuser", "ignorecountry",
							  "ignoreasn" };

/* What a rule of an aggregate counts where it does not say `on`. */
static unsigned int default_kinds(const struct rule *r)
{
	switch (r->aggregate) {
	case AGGREGATE_SUM:
		return 1U << EVENT_QUEUED;
	case AGGREGATE_SURGE:
		return 1U << EVENT_MESSAGE;
	case AGGREGATE_DISTINCT:
	case AGGREGATE_COUNT:
	case AGGREGATE_FOREIGN:
	case AGGREGATE_TRAVEL:
	case AGGREGATES:
		break;
	}
	return 1U << EVENT_LOGIN;
}

/* The one aggregate that a rule's section names. */
static int rule_aggregate(struct rule *r, cfg_t *cfg, struct err *err)
{
	int found = -1;

	for (int i = 0; i < AGGREGATES; i++) {
		if (!conf_is_set(cfg, aggregate_names[i]))
			continue;
		if (found >= 0)
			return conf_err(err, cfg, "expected one of \"%s\" and \"%s\", not both",
					aggregate_names[found], aggregate_names[i]);
		found = i;
	}
	assert(found >= 0);
	r->aggregate = (enum aggregate)found;
	return 0;
}

static void rule_home(struct rule *r, cfg_t *cfg, struct arena *a,
		      const struct jail_defaults *defaults)
{
	size_t own = cfg_size(cfg, "foreign");
	country_t *home;

	r->n_home = own ? own : defaults->home.n;
	r->home = home = arena_alloc(a, (r->n_home + 1) * sizeof(*home));
	for (size_t i = 0; i < r->n_home; i++)
		home[i] = country_parse(own ? cfg_getnstr(cfg, "foreign", (unsigned int)i)
					    : defaults->home.text[i]);
}

static void rule_what(struct rule *r, cfg_t *cfg, struct arena *a,
		      const struct jail_defaults *defaults)
{
	const char *on = cfg_getstr(cfg, "on");

	if (r->aggregate == AGGREGATE_DISTINCT)
		r->value = (enum rule_value)index_of(value_names, COUNT(value_names),
						     cfg_getstr(cfg, "distinct"));
	if (r->aggregate == AGGREGATE_SUM)
		r->summed = (enum event_field)event_field_named(cfg_getstr(cfg, "sum"));
	if (r->aggregate == AGGREGATE_COUNT)
		on = cfg_getstr(cfg, "count");
	if (r->aggregate == AGGREGATE_FOREIGN)
		rule_home(r, cfg, a, defaults);
	r->on = on ? 1U << event_kind_named(on) : default_kinds(r);
	r->by = (enum rule_key)index_of(key_names, COUNT(key_names), cfg_getstr(cfg, "by"));
	for (unsigned int i = 0; i < cfg_size(cfg, "service"); i++)
		for (size_t k = 0; k < COUNT(service_names); k++)
			if (strcmp(cfg_getnstr(cfg, "service", i), service_names[k].name) == 0)
				r->services |= service_names[k].flag;
}

static int rule_load(struct rule *r, cfg_t *cfg, struct arena *a,
		     const struct jail_defaults *defaults, struct err *err)
{
	int64_t findtime_s = conf_span_s(cfg, "findtime");

	r->name = arena_strdup(a, cfg_title(cfg));
	if (rule_aggregate(r, cfg, err) < 0)
		return -1;
	rule_what(r, cfg, a, defaults);
	r->max = (uint64_t)conf_count(cfg, r->aggregate == AGGREGATE_TRAVEL ? "travel" : "max");
	r->max_least = r->max_most = r->max;
	r->from_unknown = strcmp(cfg_getstr(cfg, "from"), "unknown") == 0;
	r->percent = (unsigned int)conf_count(cfg, "percent");
	r->score = (unsigned int)conf_count(cfg, "score");
	r->findtime_s = (uint32_t)findtime_s;
	r->factor = strtod(cfg_getstr(cfg, "factor"), NULL);
	r->over_days = (unsigned int)(conf_span_s(cfg, "over") / 86400);
	r->least_days = (unsigned int)conf_count(cfg, "least_days");
	r->within_s = (uint32_t)conf_span_s(cfg, "within");
	r->dry_run = cfg_getbool(cfg, "dry_run");
	r->reset_on_success = cfg_getbool(cfg, "reset_on_success");
	r->of_failures = r->on & (1U << EVENT_FAILURE | 1U << EVENT_OFFENCE);
	if (r->percent)
		r->on |= 1U << EVENT_QUEUED; /* what it is a share of */
	if (!conf_is_set(cfg, "max") && r->aggregate != AGGREGATE_TRAVEL)
		return conf_err(err, cfg,
				"expected \"max\", the greatest value that is still allowed");
	if (findtime_s < 1 || findtime_s > 366 * 86400)
		return conf_err(err, cfg, "findtime: expected from 1s to 366d");
	if (r->aggregate == AGGREGATE_SURGE && (r->over_days < 1 || r->over_days > SURGE_DAYS))
		return conf_err(err, cfg, "over: expected from 1d to %dd", SURGE_DAYS);
	return 0;
}

/* What of a rule fits together and what does not. */
static int rule_check(const struct rule *r, cfg_t *cfg, struct err *err)
{
	bool of_user = r->aggregate >= AGGREGATE_SURGE;

	if (of_user && (r->by != KEY_USER || r->of_failures))
		return conf_err(err, cfg, "%s: expected by = user, and no failures",
				aggregate_names[r->aggregate]);
	if ((r->on & 1U << EVENT_OFFENCE) && r->by != KEY_IP && r->by != KEY_NETWORK)
		return conf_err(err, cfg, "an offence names no user: expected by = ip");
	if (r->percent &&
	    (r->aggregate != AGGREGATE_COUNT || !(r->on & 1U << EVENT_BOUNCE) || r->by != KEY_USER))
		return conf_err(err, cfg, "percent: expected count = bounce by = user");
	if (r->percent > 100)
		return conf_err(err, cfg, "percent: expected from 0 to 100, not %u", r->percent);
	if (r->from_unknown &&
	    (r->of_failures || of_user || (r->by != KEY_USER && r->by != KEY_USER_IP)))
		return conf_err(err, cfg, "from: expected a rule that counts for accounts");
	if (r->reset_on_success && (!(r->on & 1U << EVENT_FAILURE) || r->by != KEY_IP))
		return conf_err(err, cfg, "reset_on_success: expected a rule on failures by = ip");
	if (r->aggregate == AGGREGATE_DISTINCT && (r->by == KEY_USER || r->by == KEY_IP) &&
	    ((r->value == VALUE_USER && r->by == KEY_USER) ||
	     (r->value < VALUE_USER && r->by == KEY_IP)))
		return conf_err(err, cfg, "there is never more than one %s by %s",
				value_names[r->value], key_names[r->by]);
	return 0;
}

static struct rule *rule_named(const struct jail *jail, const char *name)
{
	for (size_t i = 0; i < jail->n_rules; i++)
		if (strcmp(jail->rule[i]->name, name) == 0)
			return jail->rule[i];
	return NULL;
}

/* Ties `after` to its rule. What comes after failures is of failures: it can't disable anybody. */
static int resolve_after(struct jail *jail, cfg_t *cfg, struct err *err)
{
	for (unsigned int i = 0; i < jail->n_rules; i++) {
		cfg_t *section = cfg_getnsec(cfg, "rule", i);
		const char *name = cfg_getstr(section, "after");
		struct rule *r = jail->rule[i];

		if (!name)
			continue;
		r->after = rule_named(jail, name);
		if (!r->after || r->after == r || r->after->after)
			return conf_err(
				err, section,
				"after: expected another rule of this jail that comes after none "
				"itself, not \"%s\"",
				name);
		if (r->after->by != KEY_USER || r->by != KEY_USER)
			return conf_err(err, section, "after: expected both rules to be by = user");
		r->of_failures |= r->after->of_failures;
	}
	return 0;
}

/* A group is known by its first rule. */
static void resolve_groups(struct jail_set *set, struct jail *jail, cfg_t *cfg)
{
	for (unsigned int i = 0; i < jail->n_rules; i++) {
		const char *name = cfg_getstr(cfg_getnsec(cfg, "rule", i), "group");

		jail->rule[i]->group_name = name ? arena_strdup(set->arena, name) : NULL;
		for (unsigned int k = 0; name && k <= i && !jail->rule[i]->group; k++) {
			const char *other = cfg_getstr(cfg_getnsec(cfg, "rule", k), "group");

			if (other && strcmp(name, other) == 0)
				jail->rule[i]->group = k + 1;
		}
	}
}

static bool counts_accounts(const struct rule *r)
{
	return (r->by == KEY_USER || r->by == KEY_USER_IP || r->by == KEY_SESSION) &&
	       !(r->on & (1U << EVENT_FAILURE | 1U << EVENT_OFFENCE));
}

/* Which kind of subject the jail's rules decide on; they have to agree. */
static int jail_subject(struct jail *jail, cfg_t *cfg, struct err *err)
{
	size_t accounts = 0, names = 0;

	for (size_t i = 0; i < jail->n_rules; i++) {
		accounts += counts_accounts(jail->rule[i]);
		names += !counts_accounts(jail->rule[i]) && jail->rule[i]->by == KEY_USER;
	}
	jail->subject = accounts ? SUBJECT_ACCOUNT : names ? SUBJECT_NAME : SUBJECT_ADDRESS;
	for (unsigned int i = 0; i < jail->n_rules; i++) {
		const struct rule *r = jail->rule[i];
		cfg_t *section = cfg_getnsec(cfg, "rule", i);

		if (jail->subject == SUBJECT_ACCOUNT && r->by != KEY_IP && r->by != KEY_NETWORK &&
		    (counts_accounts(r) || r->score == 0))
			continue;
		if (jail->subject == SUBJECT_NAME && r->by == KEY_USER && !counts_accounts(r))
			continue;
		if (jail->subject == SUBJECT_ADDRESS && (r->by == KEY_IP || r->by == KEY_NETWORK))
			continue;
		if (jail->subject == SUBJECT_ACCOUNT && r->by != KEY_IP && r->by != KEY_NETWORK)
			return conf_err(
				err, section,
				"failures can't decide on an account, or anyone could lock its "
				"owner out: expected score = 0 (a condition for `after`), or this "
				"rule in a jail of its own");
		return conf_err(
			err, section,
			"by: the other rules of jail \"%s\" decide on %s; put this rule in a "
			"jail of its own",
			jail->name,
			jail->subject == SUBJECT_ACCOUNT ? "accounts"
			: jail->subject == SUBJECT_NAME  ? "attacked names"
							 : "addresses");
	}
	return 0;
}

static bool names_aggregate(cfg_t *rule)
{
	for (int i = 0; i < AGGREGATES; i++)
		if (conf_is_set(rule, aggregate_names[i]))
			return true;
	return false;
}

/* A rule that measures nothing was to change one, by another name. */
static int refuse_empty(cfg_t *jail, cfg_t *rule, struct err *err)
{
	const char *names[RULES_MOST], *nearest;
	size_t n = 0;

	for (unsigned int i = 0; i < cfg_size(jail, "rule") && n < RULES_MOST; i++) {
		cfg_t *other = cfg_getnsec(jail, "rule", i);

		if (names_aggregate(other))
			names[n++] = cfg_title(other);
	}
	nearest = conf_nearest(cfg_title(rule), names, n);
	return conf_err(err, rule,
			"expected one of distinct, count, sum, surge, foreign or travel: what does "
			"it measure?%s%s%s",
			nearest ? " Or did you mean rule \"" : "", nearest ? nearest : "",
			nearest ? "\"?" : "");
}

static int jail_rules(struct jail_set *set, struct jail *jail, cfg_t *cfg,
		      const struct jail_defaults *defaults, struct err *err)
{
	jail->n_rules = cfg_size(cfg, "rule");
	if (jail->n_rules == 0 || jail->n_rules > RULES_MOST)
		return conf_err(err, cfg, "expected 1 to %d rules", RULES_MOST);
	jail->rule = arena_alloc(set->arena, jail->n_rules * sizeof(struct rule *));
	for (unsigned int i = 0; i < jail->n_rules; i++) {
		cfg_t *section = cfg_getnsec(cfg, "rule", i);
		struct rule *r = arena_alloc(set->arena, sizeof(*r));

		jail->rule[i] = r;
		r->index = i;
		r->id = set->n_rules++;
		if (!names_aggregate(section))
			return refuse_empty(cfg, section, err);
		if (rule_load(r, section, set->arena, defaults, err) < 0 ||
		    rule_check(r, section, err) < 0)
			return -1;
	}
	resolve_groups(set, jail, cfg);
	if (resolve_after(jail, cfg, err) < 0)
		return -1;
	return jail_subject(jail, cfg, err);
}

static void add_ignored(struct ignore *ig, enum ignore_list list, cfg_t *cfg, const char *option)
{
	struct err unused; /* the schema has checked each */

	for (unsigned int i = 0; i < cfg_size(cfg, option); i++)
		(void)ignore_add(ig, list, cfg_getnstr(cfg, option, i), &unused);
}

static int jail_ignore(struct jail *jail, cfg_t *cfg, const struct jail_defaults *defaults,
		       struct err *err)
{
	for (enum ignore_list list = 0; list < IGNORE_LISTS; list++) {
		add_ignored(&jail->ignore, list, cfg, ignore_options[list]);
		for (size_t i = 0; i < defaults->ignore[list].n; i++)
			if (ignore_add(&jail->ignore, list, defaults->ignore[list].text[i], err) <
			    0)
				return -1;
	}
	ignore_seal(&jail->ignore);
	return 0;
}

/* One rule's other max and score for a class of users. */
static int limit_load(struct limit *limit, struct jail *jail, cfg_t *cfg, struct err *err)
{
	struct rule *r = rule_named(jail, cfg_title(cfg));

	if (!r)
		return conf_err(err, cfg, "jail \"%s\" has no rule of this name", jail->name);
	*limit = (struct limit){ r, r->max, r->score };
	if (conf_is_set(cfg, "max"))
		limit->max = (uint64_t)conf_count(cfg, "max");
	if (conf_is_set(cfg, "score"))
		limit->score = (unsigned int)conf_count(cfg, "score");
	if (limit->max < r->max_least)
		r->max_least = limit->max;
	if (limit->max > r->max_most)
		r->max_most = limit->max;
	return 0;
}

static int jail_limits(struct jail_set *set, struct jail *jail, cfg_t *cfg, struct err *err)
{
	jail->n_limits = cfg_size(cfg, "limits");
	if (jail->n_limits > LIMITS_MOST)
		return conf_err(err, cfg, "expected at most %d limits", LIMITS_MOST);
	jail->limits = arena_alloc(set->arena, jail->n_limits * sizeof(*jail->limits));
	for (unsigned int i = 0; i < jail->n_limits; i++) {
		cfg_t *section = cfg_getnsec(cfg, "limits", i);
		struct limits *l = &jail->limits[i];

		l->name = arena_strdup(set->arena, cfg_title(section));
		add_ignored(&l->users, IGNORE_USER, section, "users");
		if (l->users.n_users == 0 || cfg_size(section, "rule") == 0)
			return conf_err(err, section, "expected \"users\" and at least one rule");
		l->limit = arena_alloc(set->arena, cfg_size(section, "rule") * sizeof(*l->limit));
		for (; l->n < cfg_size(section, "rule"); l->n++)
			if (limit_load(&l->limit[l->n], jail,
				       cfg_getnsec(section, "rule", (unsigned int)l->n), err) < 0)
				return -1;
	}
	return 0;
}

static int jail_filters(struct jail_set *set, struct jail *jail, cfg_t *cfg,
			const struct filter_set *filters, struct err *err)
{
	jail->n_filters = cfg_size(cfg, "filter");
	jail->filters = arena_alloc(set->arena, jail->n_filters * sizeof(*jail->filters));
	for (unsigned int i = 0; i < jail->n_filters; i++) {
		const char *name = cfg_getnstr(cfg, "filter", i);

		if (strncmp(name, "fail2ban:", 9) == 0)
			return conf_err(
				err, cfg,
				"filter: fail2ban's filters can't be loaded yet; expected one of "
				"the filters that \"postern check\" lists, not \"%s\"",
				name);
		jail->filters[i] = filter_set_find(filters, name);
		if (!jail->filters[i])
			return conf_err(
				err, cfg,
				"filter: no filter is called \"%s\"; expected one of those that "
				"\"postern check\" lists",
				name);
	}
	return 0;
}

static int jail_load(struct jail_set *set, cfg_t *cfg, cfg_t *file,
		     const struct filter_set *filters, const struct jail_defaults *defaults,
		     struct err *err)
{
	struct jail *jail = arena_alloc(set->arena, sizeof(*jail));
	const char *bantime = cfg_getstr(cfg, "bantime");

	if (set->n_jails == JAILS_MOST)
		return conf_err(err, cfg, "expected at most %d jails", JAILS_MOST);
	jail->name = arena_strdup(set->arena, cfg_title(cfg));
	jail->index = (uint32_t)set->n_jails;
	set->jail = xrealloc(set->jail, set->n_jails + 1, sizeof(struct jail *));
	set->jail[set->n_jails++] = jail;
	jail->dry_run = cfg_getbool(cfg, "dry_run");
	jail->suspect = (unsigned int)conf_count(cfg, "suspect");
	jail->threshold = (unsigned int)conf_count(cfg, "threshold");
	jail->bantime_s = strcmp(bantime, "forever") == 0 ? FOREVER : conf_span_s(cfg, "bantime");
	if (jail->suspect == 0 || jail->threshold < jail->suspect)
		return conf_err(
			err, cfg,
			"expected suspect from 1 on and threshold not below it, not %u and %u",
			jail->suspect, jail->threshold);
	if (jail_rules(set, jail, cfg, defaults, err) < 0 || jail_limits(set, jail, cfg, err) < 0 ||
	    jail_actions_load(set, jail, cfg, file, defaults->actions, err) < 0 ||
	    jail_filters(set, jail, cfg, filters, err) < 0)
		return -1;
	return jail_ignore(jail, cfg, defaults, err);
}

static int load_fetchers(struct jail_set *set, cfg_t *cfg, struct err *err)
{
	size_t n = cfg_size(cfg, "fetcher");
	struct ignore all = { 0 };

	if (n >= UINT8_MAX)
		return err_set(err, EINVAL, "%s: expected fewer than %d fetchers", cfg->filename,
			       UINT8_MAX);
	set->fetcher = arena_alloc(set->arena, n * sizeof(*set->fetcher));
	for (; set->n_fetchers < n; set->n_fetchers++) {
		cfg_t *section = cfg_getnsec(cfg, "fetcher", (unsigned int)set->n_fetchers);
		struct fetcher *f = &set->fetcher[set->n_fetchers];
		struct ignore list = { 0 };

		f->name = arena_strdup(set->arena, cfg_title(section));
		add_ignored(&list, IGNORE_IP, section, "networks");
		add_ignored(&all, IGNORE_IP, section, "networks");
		ignore_seal(&list);
		f->networks = list.ips; /* taken over */
	}
	ignore_seal(&all);
	set->any_fetcher = all.ips;
	return 0;
}

/* Names the jails that there are, as far as a message has room. */
static int refuse_name(cfg_t *cfg, const char *name, struct err *err)
{
	char list[sizeof(err->text) / 2];
	size_t len = 0;

	list[0] = '\0';
	for (unsigned int i = 0; i < cfg_size(cfg, "jail") && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s\"%s\"", i ? ", " : "",
					cfg_title(cfg_getnsec(cfg, "jail", i)));
	return err_set(err, ENOENT, "no jail is called \"%s\"; there are %s", name,
		       len > 0 ? list : "none");
}

static int add_tree(struct jail_set *set, cfg_t *file, const char *only,
		    const struct filter_set *filters, const struct jail_defaults *defaults,
		    struct err *err)
{
	for (unsigned int i = 0; i < cfg_size(file, "jail"); i++) {
		cfg_t *section = cfg_getnsec(file, "jail", i);
		bool wanted = only ? strcmp(only, cfg_title(section)) == 0
				   : cfg_getbool(section, "enabled");

		if (wanted && jail_load(set, section, file, filters, defaults, err) < 0)
			return -1;
	}
	if (only && set->n_jails == 0)
		return refuse_name(file, only, err);
	jail_actions_number(set);
	return load_fetchers(set, file, err);
}

static int finish(struct jail_set **out, cfg_t *cfg, const char *only,
		  const struct filter_set *filters, const struct jail_defaults *defaults,
		  struct err *err)
{
	struct jail_set *set = xcalloc(1, sizeof(*set));
	int ret;

	set->arena = arena_new();
	ret = add_tree(set, cfg, only, filters, defaults, err);
	if (ret < 0)
		jail_set_free(set);
	else
		*out = set;
	cfg_free(cfg);
	return ret;
}

/* A folder of files, or a text. */
struct origin {
	const char *name, *text;
};

static int load_text(cfg_t **out, void *ctx, struct err *err)
{
	const struct origin *t = ctx;

	return conf_load_text(out, file_schema, t->name, t->text, err);
}

int jail_set_load_text(struct jail_set **out, const char *name, const char *text,
		       const struct filter_set *filters, const struct jail_defaults *defaults,
		       struct err *err)
{
	struct origin t = { name, text };
	cfg_t *cfg;

	if (jail_actions_read(&cfg, defaults->actions, load_text, &t, err) < 0)
		return -1;
	return finish(out, cfg, NULL, filters, defaults, err);
}

static int load_dir(cfg_t **out, void *ctx, struct err *err)
{
	const struct origin *dir = ctx;
	char **paths = NULL;
	size_t n = 0;
	int ret;

	if (conf_dir(&paths, &n, dir->name, err) < 0)
		return -1;
	ret = conf_load(out, file_schema, (const char *const *)paths, n, err);
	conf_dir_free(paths, n);
	return ret;
}

int jail_set_load(struct jail_set **out, const char *dir, const char *only,
		  const struct filter_set *filters, const struct jail_defaults *defaults,
		  struct err *err)
{
	struct origin folder = { dir, NULL };
	cfg_t *cfg;

	if (jail_actions_read(&cfg, defaults->actions, load_dir, &folder, err) < 0)
		return -1;
	return finish(out, cfg, only, filters, defaults, err);
}

void jail_set_free(struct jail_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->n_jails; i++) {
		struct jail *jail = set->jail[i];

		ignore_fini(&jail->ignore);
		for (size_t k = 0; jail->limits && k < jail->n_limits; k++)
			ignore_fini(&jail->limits[k].users);
	}
	for (size_t i = 0; i < set->n_fetchers; i++)
		prefixset_fini(&set->fetcher[i].networks);
	prefixset_fini(&set->any_fetcher);
	free(set->jail);
	arena_free(set->arena);
	free(set);
}
