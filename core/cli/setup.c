/*
 * setup - what every verb needs: settings, filters, jails, databases
 *
 * The command line comes first, then postern.conf, then what is found: `postern scan` has to
 * work on a machine where nobody has configured anything.
 */
#include "core/cli/setup.h"

#include "core/base/mem.h"
#include "core/cli/ignored.h"
#include "core/cli/sockets.h"
#include "core/config/conf.h"

#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_country_code(cfg_t *cfg, cfg_opt_t *opt)
{
	if (!country_parse(conf_value(opt)))
		return conf_refuse(cfg, "home: expected country codes like \"ES\", not \"%s\"",
				   conf_value(opt));
	return 0;
}

static const char *const ignore_options[IGNORE_LISTS] = { "ignoreip", "ignoreuser", "ignorecountry",
							  "ignoreasn" };

static int is_ignored(cfg_t *cfg, cfg_opt_t *opt)
{
	struct ignore scratch = { 0 };
	enum ignore_list list = 0;
	struct err err;
	int ret;

	while (strcmp(ignore_options[list], cfg_opt_name(opt)) != 0)
		list++;
	ret = ignore_add(&scratch, list, conf_value(opt), &err);
	ignore_fini(&scratch);
	return ret < 0 ? conf_refuse(cfg, "%s: %s", cfg_opt_name(opt), err.text) : 0;
}

static int is_address(cfg_t *cfg, cfg_opt_t *opt)
{
	struct prefix p;

	if (prefix_parse(&p, slice_of(conf_value(opt))))
		return 0;
	return conf_refuse(cfg,
			   "%s: expected addresses or prefixes like \"192.0.2.0/24\", not \"%s\"",
			   cfg_opt_name(opt), conf_value(opt));
}

static int is_absolute(cfg_t *cfg, cfg_opt_t *opt)
{
	if (conf_value(opt)[0] == '/')
		return 0;
	return conf_refuse(cfg, "%s: expected a path from \"/\" on, not \"%s\"", cfg_opt_name(opt),
			   conf_value(opt));
}

/* What stands behind the "@" of a name, or nothing. */
static int is_realm(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = conf_value(opt);

	for (const char *p = value; *p; p++)
		if (*p == '@' || (unsigned char)*p <= ' ' || *p == 0x7f)
			return conf_refuse(cfg,
					   "default_realm: expected a domain like \"example.org\", "
					   "not \"%s\"",
					   value);
	return 0;
}

static int is_logtarget(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = conf_value(opt);

	if (*value == '/' || !*value || strcmp(value, "syslog") == 0 ||
	    strcmp(value, "stderr") == 0)
		return 0;
	return conf_refuse(cfg, "logtarget: expected \"syslog\", \"stderr\" or a path, not \"%s\"",
			   value);
}

static int is_metrics(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = conf_value(opt);

	if (!*value || socket_is_metrics(value))
		return 0;
	return conf_refuse(cfg, "metrics: " SOCKET_METRICS_EXPECTED ", not \"%s\"", value);
}

/* "20 per 10m", or "off". */
static bool parse_brake(const char *text, unsigned int *n, int64_t *span_s)
{
	const char *per = strstr(text, " per ");
	struct err unused;
	long long count;

	*n = 0;
	*span_s = 0;
	if (strcmp(text, "off") == 0)
		return true;
	if (!per || !slice_number((struct slice){ text, (size_t)(per - text) }, &count) ||
	    count < 1 || count > 1000000 || span_parse(span_s, per + 5, &unused) < 0 || *span_s < 1)
		return false;
	*n = (unsigned int)count;
	return true;
}

static int is_brake(cfg_t *cfg, cfg_opt_t *opt)
{
	unsigned int n;
	int64_t span_s;

	if (parse_brake(conf_value(opt), &n, &span_s))
		return 0;
	return conf_refuse(cfg, "brake: expected \"20 per 10m\" or \"off\", not \"%s\"",
			   conf_value(opt));
}

static cfg_opt_t schema[] = {
	CONF_TEXTS("log"),
	CONF_TEXT("filters", NULL),
	CONF_TEXT("jails", NULL),
	CONF_TEXT("geoip", NULL),
	CONF_TEXT("asn", NULL),
	CONF_CHECKED_LIST("home", is_country_code),
	CONF_CHECKED("default_realm", "", is_realm),
	CONF_COUNT("known_days", "3"),
	CONF_CHECKED_LIST("ignoreip", is_ignored),
	CONF_CHECKED_LIST("ignoreuser", is_ignored),
	CONF_CHECKED_LIST("ignorecountry", is_ignored),
	CONF_CHECKED_LIST("ignoreasn", is_ignored),
	CONF_TEXT("plugins", NULL),
	CONF_TEXT("user", "postern"),
	CONF_TEXT("group", "postern"),
	CONF_CHECKED("state_dir", STATEDIR, is_absolute),
	CONF_CHECKED("run_dir", RUNDIR, is_absolute),
	CONF_CHECKED("logtarget", "", is_logtarget),
	CONF_CHECKED("metrics", "", is_metrics),
	CONF_CHECKED_LIST("never_ban", is_address),
	CONF_SPAN("checkpoint", "5s"),
	CONF_SPAN("reconcile", "5m"),
	CONF_SPAN("repeat_within", "30d"),
	CONF_SPAN("bantime_most", "4w"),
	CONF_CHECKED("brake", "20 per 10m", is_brake),
	CONF_SPAN("silence_lines", "1h"),
	CONF_SPAN("silence_logins", "1d"),
	CONF_BOOL("dry_run", cfg_false),
	CONF_END(),
};

/* Where others put their databases: GeoLite2 by geoipupdate, DB-IP, and our own. */
static const char *const country_places[] = {
	"/var/lib/GeoIP/GeoLite2-City.mmdb",
	"/usr/share/GeoIP/GeoLite2-City.mmdb",
	"/var/lib/GeoIP/GeoLite2-Country.mmdb",
	"/usr/share/GeoIP/GeoLite2-Country.mmdb",
	"/var/lib/GeoIP/dbip-country-lite.mmdb",
	"/usr/share/GeoIP/dbip-country-lite.mmdb",
	STATEDIR "/country.mmdb",
};

static const char *const asn_places[] = {
	"/var/lib/GeoIP/GeoLite2-ASN.mmdb",
	"/usr/share/GeoIP/GeoLite2-ASN.mmdb",
	"/var/lib/GeoIP/dbip-asn-lite.mmdb",
	"/usr/share/GeoIP/dbip-asn-lite.mmdb",
};

/* "DIR/name" where DIR is the source tree that the program was built in; NULL elsewhere. */
static const char *in_tree(struct arena *a, const char *name)
{
	char exe[PATH_MAX], *path;
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	bool tree;

	if (len <= 0)
		return NULL;
	exe[len] = '\0';
	/* The sanitised build lies two folders deeper. */
	for (int up = 0; up < 3; up++) {
		char *slash = strrchr(exe, '/'), *found;

		if (!slash)
			return NULL;
		*slash = '\0';
		path = xasprintf("%s/jail.d", exe);
		found = xasprintf("%s/core/cli", exe);
		tree = access(path, R_OK) == 0 && access(found, R_OK) == 0;
		free(path);
		free(found);
		if (!tree)
			continue;
		path = xasprintf("%s/%s", exe, name);
		found = arena_strdup(a, path);
		free(path);
		return found;
	}
	return NULL;
}

static const char *directory(struct setup *s, const char *option, const char *setting,
			     const char *name, const char *installed)
{
	const char *tree;

	if (option || setting)
		return option ? option : arena_strdup(s->arena, setting);
	tree = in_tree(s->arena, name);
	return tree ? tree : installed;
}

static const char *database(struct setup *s, const char *option, const char *setting,
			    const char *built, const char *const *places, size_t n)
{
	const char *tree = built ? in_tree(s->arena, built) : NULL;
	const char *named = option ? option : setting;

	if (named)
		return *named ? arena_strdup(s->arena, named) : NULL; /* "": none at all */
	for (size_t i = 0; i < n; i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return tree && access(tree, R_OK) == 0 ? tree : NULL;
}

static struct texts copy_list(struct arena *a, cfg_t *cfg, const char *name)
{
	struct texts t = { .n = cfg_size(cfg, name) };

	t.text = arena_alloc(a, t.n * sizeof(*t.text));
	for (size_t i = 0; i < t.n; i++)
		t.text[i] = arena_strdup(a, cfg_getnstr(cfg, name, (unsigned int)i));
	return t;
}

static struct texts with_room(struct arena *a, const struct texts *t, size_t more)
{
	struct texts longer = { arena_alloc(a, (t->n + more) * sizeof(*t->text)), t->n };

	if (t->n > 0)
		memcpy(longer.text, t->text, t->n * sizeof(*t->text));
	return longer;
}

/* What `postern ignore` was told; whoever may not read it goes without. */
static void add_ignored(struct setup *s)
{
	static const enum ignore_list kinds[] = { IGNORE_IP, IGNORE_USER };
	char *dir = xasprintf("%s/engine", s->daemon.state_dir);
	struct ignored list;
	struct err unused;
	int ret = ignored_load(&list, dir, &unused);

	free(dir);
	if (ret < 0)
		return;
	for (size_t i = 0; i < COUNT(kinds); i++)
		s->defaults.ignore[kinds[i]] =
			with_room(s->arena, &s->defaults.ignore[kinds[i]], list.n);
	for (size_t i = 0; i < list.n; i++) {
		struct texts *t = &s->defaults.ignore[ignored_kind(list.entry[i], &unused)];

		t->text[t->n++] = arena_strdup(s->arena, list.entry[i]);
	}
	ignored_fini(&list);
}

static void take_daemon_settings(struct setup *s, cfg_t *cfg)
{
	struct daemon_settings *d = &s->daemon;

	d->user = arena_strdup(s->arena, cfg_getstr(cfg, "user"));
	d->group = arena_strdup(s->arena, cfg_getstr(cfg, "group"));
	d->state_dir = arena_strdup(s->arena, cfg_getstr(cfg, "state_dir"));
	d->run_dir = arena_strdup(s->arena, cfg_getstr(cfg, "run_dir"));
	d->logtarget = arena_strdup(s->arena, cfg_getstr(cfg, "logtarget"));
	d->metrics = arena_strdup(s->arena, cfg_getstr(cfg, "metrics"));
	d->never_ban = copy_list(s->arena, cfg, "never_ban");
	d->checkpoint_s = conf_span_s(cfg, "checkpoint");
	d->reconcile_s = conf_span_s(cfg, "reconcile");
	d->repeat_within_s = conf_span_s(cfg, "repeat_within");
	d->bantime_most_s = conf_span_s(cfg, "bantime_most");
	(void)parse_brake(cfg_getstr(cfg, "brake"), &d->brake_n, &d->brake_span_s);
	d->silence_lines_s = conf_span_s(cfg, "silence_lines");
	d->silence_logins_s = conf_span_s(cfg, "silence_logins");
	d->dry_run = cfg_getbool(cfg, "dry_run");
}

static void take_settings(struct setup *s, const struct setup_options *o, cfg_t *cfg)
{
	s->filters_dir = directory(s, o->filters, cfg_getstr(cfg, "filters"), "filters",
				   SYSCONFDIR "/postern/filters");
	s->jails_dir = directory(s, o->jails, cfg_getstr(cfg, "jails"), "jail.d",
				 SYSCONFDIR "/postern/jail.d");
	s->plugins_dir =
		directory(s, NULL, cfg_getstr(cfg, "plugins"), "build/plain/actions", PLUGINDIR);
	take_daemon_settings(s, cfg);
	s->geoip_path = database(s, o->geoip, cfg_getstr(cfg, "geoip"), "build/country.mmdb",
				 country_places, COUNT(country_places));
	s->asn_path =
		database(s, o->asn, cfg_getstr(cfg, "asn"), NULL, asn_places, COUNT(asn_places));
	s->default_realm = arena_strdup(s->arena, cfg_getstr(cfg, "default_realm"));
	s->known_days = (unsigned int)conf_count(cfg, "known_days");
	s->logs = copy_list(s->arena, cfg, "log");
	s->defaults.home = copy_list(s->arena, cfg, "home");
	for (enum ignore_list list = 0; list < IGNORE_LISTS; list++)
		s->defaults.ignore[list] = copy_list(s->arena, cfg, ignore_options[list]);
	add_ignored(s);
}

static int load_settings(struct setup *s, const struct setup_options *o, struct err *err)
{
	static const char installed[] = SYSCONFDIR "/postern/postern.conf";
	cfg_t *cfg;
	int ret;

	s->conf = o->conf ? o->conf : access(installed, F_OK) == 0 ? installed : NULL;
	ret = s->conf ? conf_load(&cfg, schema, &s->conf, 1, err)
		      : conf_load_text(&cfg, schema, "defaults", "", err);
	if (ret < 0)
		return -1;
	take_settings(s, o, cfg);
	cfg_free(cfg);
	return 0;
}

static void add_own(struct setup *s, const struct sockaddr *sa)
{
	struct address a = { 0 };
	struct prefix p;

	if (sa->sa_family == AF_INET) {
		a.byte[10] = a.byte[11] = 0xff;
		memcpy(a.byte + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else {
		memcpy(a.byte, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	}
	p = address_prefix(&a, 32, 128);
	prefixset_add(&s->own, &p);
}

/* Loopback, and what this machine's interfaces have now. */
static void find_own(struct setup *s)
{
	static const char *const loopback[] = { "127.0.0.0/8", "::1" };
	struct ifaddrs *list = NULL;
	struct prefix p;

	for (size_t i = 0; i < COUNT(loopback); i++)
		if (prefix_parse(&p, slice_of(loopback[i])))
			prefixset_add(&s->own, &p);
	if (getifaddrs(&list) == 0)
		for (const struct ifaddrs *i = list; i; i = i->ifa_next)
			if (i->ifa_addr && (i->ifa_addr->sa_family == AF_INET ||
					    i->ifa_addr->sa_family == AF_INET6))
				add_own(s, i->ifa_addr);
	freeifaddrs(list);
	prefixset_seal(&s->own);
}

int setup_load(struct setup *s, const struct setup_options *o, enum setup_depth depth,
	       struct err *err)
{
	*s = (struct setup){ .arena = arena_new() };
	if (load_settings(s, o, err) < 0 || filter_set_load(&s->filters, s->filters_dir, err) < 0)
		goto fail;
	find_own(s);
	if (depth == SETUP_FILTERS)
		return 0;
	s->catalogue = catalogue_new(s->plugins_dir, depth < SETUP_ACTIONS);
	s->defaults.actions = catalogue_for_jails(s->catalogue);
	if (jail_set_load(&s->jails, s->jails_dir, o->jail, s->filters, &s->defaults, err) < 0 ||
	    geoip_open(&s->geoip, s->geoip_path, s->asn_path, err) < 0)
		goto fail;
	return 0;
fail:
	setup_fini(s);
	return -1;
}

void setup_fini(struct setup *s)
{
	geoip_close(s->geoip);
	jail_set_free(s->jails);
	catalogue_free(s->catalogue);
	filter_set_free(s->filters);
	prefixset_fini(&s->own);
	arena_free(s->arena);
	*s = (struct setup){ 0 };
}
