/*
 * check - `postern check`: is the configuration right, and would it work on this machine?
 *
 * Loads all that scan loads, so a mistake is reported in the same words; runs every filter's
 * examples; asks the plugin of each action; and warns of what is valid but would do nothing.
 */
#include "core/action/host.h"
#include "core/action/options.h"
#include "core/base/mem.h"
#include "core/base/sandbox.h"
#include "core/cli/setup.h"
#include "core/cli/verbs.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GEOIP_OLD_DAYS = 90 };

static const char help[] =
	"usage: postern check [options]\n"
	"\n"
	"Validates settings, filters and jails, runs every filter's examples, and warns of what "
	"would\n"
	"not work here. Status 0: all is well, 1: warnings or failed examples, 2: an error.\n"
	"\n"
	"  -c, --config FILE    settings instead of the installed postern.conf\n"
	"      --jails DIR      jails instead of the installed ones\n"
	"      --filters DIR    filters instead of the installed ones\n"
	"      --geoip FILE     country or city database (.mmdb)\n"
	"      --asn FILE       network database (.mmdb)\n"
	"      --quiet          problems alone\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },  { "jails", required_argument, NULL, 'j' },
	{ "filters", required_argument, NULL, 'f' }, { "geoip", required_argument, NULL, 'g' },
	{ "asn", required_argument, NULL, 'a' },     { "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
};

struct check {
	struct setup_options options;
	struct setup setup;
	bool quiet;
	size_t problems;
};

static void on_warning(void *ctx, const char *text)
{
	((struct check *)ctx)->problems++;
	(void)printf("warning: %s\n", text);
}

static void on_failed_example(void *ctx, const struct filter_match *match, const char *line,
			      const char *why)
{
	((struct check *)ctx)->problems++;
	(void)printf("%s: filter \"%s\": match \"%s\": %s: %s\n", match->filter->path,
		     match->filter->name, match->name, why, line);
}

static void check_literals(struct check *c)
{
	const struct filter_set *set = c->setup.filters;

	for (size_t i = 0; i < set->n_matches; i++) {
		char *text;

		if (set->match[i]->literals.n > 0)
			continue;
		text = xasprintf("filter \"%s\": match \"%s\" is slow: its regex has no text that "
				 "every line must hold; add contains = { \"...\" }",
				 set->match[i]->filter->name, set->match[i]->name);
		on_warning(c, text);
		free(text);
	}
}

static void check_databases(struct check *c)
{
	int64_t built_s = geoip_built_s(c->setup.geoip);
	int64_t age_days = (time(NULL) - built_s) / 86400;
	char *text;

	if (!geoip_has_countries(c->setup.geoip)) {
		on_warning(c, "no country database: `make geoip` builds one, or name one with "
			      "geoip = \"/path/to.mmdb\"");
	} else if (age_days > GEOIP_OLD_DAYS) {
		text = xasprintf("%s is %lld days old", c->setup.geoip_path, (long long)age_days);
		on_warning(c, text);
		free(text);
	}
	jail_set_warn(c->setup.jails, c->setup.geoip, on_warning, c);
}

static void check_logs(struct check *c)
{
	for (size_t i = 0; i < c->setup.logs.n; i++) {
		const char *pattern = c->setup.logs.text[i];
		char *text = NULL;
		glob_t found;
		int rc = glob(pattern, 0, NULL, &found);

		if (rc != 0)
			text = xasprintf("log \"%s\": no such file", pattern);
		else if (access(found.gl_pathv[0], R_OK) < 0)
			text = xasprintf("log \"%s\": %s", found.gl_pathv[0], strerror(errno));
		if (text)
			on_warning(c, text);
		if (rc == 0)
			globfree(&found);
		free(text);
	}
}

/* What `make install` makes may be missing yet; what somebody named should be there. */
static void check_user(struct check *c)
{
	const struct daemon_settings *d = &c->setup.daemon;
	struct sandbox_user unused;
	struct err err;

	if (strcmp(d->user, "postern") != 0 && sandbox_find_user(&unused, d->user, &err) < 0) {
		on_warning(c, err.text);
	} else if (strcmp(d->group, "postern") != 0 && !getgrnam(d->group)) {
		(void)err_set(&err, ENOENT, "there is no group \"%s\"", d->group);
		on_warning(c, err.text);
	}
}

struct complaint {
	struct check *check;
	const char *action;
};

static void on_complaint(void *to, const char *text)
{
	const struct complaint *c = to;
	char *printable = text_printable(slice_of(text)), *whole;

	whole = xasprintf("action \"%s\": %s", c->action, printable);
	on_warning(c->check, whole);
	free(whole);
	free(printable);
}

/* Each action is asked once, however many jails have it. */
static void check_action(struct check *c, const struct jail_action *a)
{
	struct complaint complaint = { c, a->name };
	char *state = xasprintf("%s/actions/%s", c->setup.daemon.state_dir, a->name);
	const struct postern_action *action;
	struct arena *arena = arena_new();
	struct err err;
	void *ctx;

	action = catalogue_plugin(c->setup.catalogue, a->plugin, &err);
	assert(action); /* or the jail would not have been loaded */
	ctx = options_context(action, a->setting, a->n_settings, arena, &err);
	if (!ctx)
		on_complaint(&complaint, err.text);
	if (ctx && action->check) {
		const struct postern_host *host = host_init(action, state);

		call_begin();
		action->check(ctx, host, on_complaint, &complaint);
		call_end();
	}
	arena_free(arena);
	free(state);
}

static void check_actions(struct check *c)
{
	for (size_t i = 0; i < c->setup.jails->n_instances; i++)
		check_action(c, c->setup.jails->instance[i]);
}

static void print_found(const struct check *c)
{
	const struct setup *s = &c->setup;

	assert(s->filters && s->jails);
	(void)printf("settings  %s\n", s->conf ? s->conf : "(defaults: there is no postern.conf)");
	(void)printf("filters   %s:", s->filters_dir);
	for (size_t i = 0; i < s->filters->n_filters; i++)
		(void)printf(" %s", s->filters->filter[i]->name);
	(void)printf("\njails     %s:", s->jails_dir);
	for (size_t i = 0; i < s->jails->n_jails; i++)
		(void)printf(" %s", s->jails->jail[i]->name);
	(void)printf("\nactions   %s:", s->plugins_dir);
	for (size_t i = 0; i < s->jails->n_instances; i++)
		(void)printf(" %s", s->jails->instance[i]->name);
	(void)printf("\ncountries %s\n", s->geoip_path ? s->geoip_path : "(no database)");
	(void)printf("networks  %s\n",
		     s->asn_path ? s->asn_path : "(no database: /16 and /32 instead)");
}

static int run(struct check *c)
{
	size_t examples = 0;

	if (!c->quiet)
		print_found(c);
	(void)filter_set_selftest(c->setup.filters, on_failed_example, c);
	check_literals(c);
	check_databases(c);
	check_logs(c);
	check_user(c);
	check_actions(c);
	for (size_t i = 0; i < c->setup.filters->n_matches; i++)
		examples += c->setup.filters->match[i]->examples.n +
			    c->setup.filters->match[i]->lookalikes.n;
	if (!c->quiet)
		(void)printf("%zu filters, %zu matches, %zu examples, %zu jails; %zu warning%s\n",
			     c->setup.filters->n_filters, c->setup.filters->n_matches, examples,
			     c->setup.jails->n_jails, c->problems, c->problems == 1 ? "" : "s");
	return c->problems ? EXIT_FOUND : EXIT_NOTHING;
}

int verb_check(int argc, char **argv)
{
	struct check c = { 0 };
	struct err err;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			c.options.conf = optarg;
			break;
		case 'j':
			c.options.jails = optarg;
			break;
		case 'f':
			c.options.filters = optarg;
			break;
		case 'g':
			c.options.geoip = optarg;
			break;
		case 'a':
			c.options.asn = optarg;
			break;
		case 'q':
			c.quiet = true;
			break;
		case 'h':
			(void)fputs(help, stdout);
			return EXIT_NOTHING;
		default:
			(void)fputs("`postern check --help` lists the options\n", stderr);
			return EXIT_ERROR;
		}
	}
	if (optind < argc) {
		complain("check: expected no argument, not \"%s\"", argv[optind]);
		return EXIT_ERROR;
	}
	if (setup_load(&c.setup, &c.options, SETUP_ACTIONS, &err) < 0) {
		complain("%s", err.text);
		return EXIT_ERROR;
	}
	status = run(&c);
	setup_fini(&c.setup);
	return status;
}
