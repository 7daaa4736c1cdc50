/*
 * scan - `postern scan`: read logs, decide as the daemon would, report and do nothing
 *
 *	logs -> stream (threads) -> engine -> decisions -> report
 */
#include "core/base/mem.h"
#include "core/cli/logs.h"
#include "core/cli/progress.h"
#include "core/cli/report.h"
#include "core/cli/setup.h"
#include "core/cli/verbs.h"
#include "core/decision/decision.h"
#include "core/filter/stream.h"
#include "core/rule/engine.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SWEEP_MS = 3600 * 1000, SHOW_EVENTS = 4096, THREADS_MOST = 16, FETCH_APART = 6 };

/* How much of a journal before --since is read: enough to learn where accounts are at home. */
#define LEARN_MS (INT64_C(30) * 86400 * 1000)

struct scan {
	struct setup_options setup_options;
	struct setup setup;
	const char *user;
	struct instant now, since, until;
	unsigned long top, threads;
	bool json, quiet, explain, journal;
	struct engine *engine;
	struct decisions *decisions;
	struct stream *stream;
	struct progress progress;
};

static const char help[] =
	"usage: postern scan [options] [FILE|GLOB|-]...\n"
	"\n"
	"Reads mail logs (plain, .gz .bz2 .xz .zst, journal export) and says which accounts are "
	"in\n"
	"foreign hands and which addresses attack. Without FILE: the logs of postern.conf, else "
	"the\n"
	"usual ones. Status 0: nothing found, 1: something found, 2: an error.\n"
	"\n"
	"  -c, --config FILE    settings instead of the installed postern.conf\n"
	"      --jails DIR      jails instead of the installed ones\n"
	"      --filters DIR    filters instead of the installed ones\n"
	"      --jail NAME      this jail alone\n"
	"      --user GLOB      report these users or addresses alone\n"
	"      --since TIME     report what held from then on (\"2026-11-20 18:00\", \"2h\" ago);\n"
	"                       earlier lines still teach where an account is at home\n"
	"      --until TIME     stop there\n"
	"      --tz ZONE        zone of times that name none, such as Europe/Madrid\n"
	"      --geoip FILE     country or city database (.mmdb)\n"
	"      --asn FILE       network database (.mmdb)\n"
	"      --journal        read this machine's journal; FILE: a journal file\n"
	"      --top N          report the N most urgent alone\n"
	"      --threads N      work in N threads (default: one for each processor)\n"
	"      --explain        also say step by step how each decision came about\n"
	"      --json           one JSON object a line\n"
	"      --quiet          the report alone: no summary, warnings or progress\n";

enum option_id {
	OPT_JAILS = 256,
	OPT_FILTERS,
	OPT_JAIL,
	OPT_USER,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_TZ,
	OPT_GEOIP,
	OPT_ASN,
	OPT_JOURNAL,
	OPT_TOP,
	OPT_THREADS,
	OPT_EXPLAIN,
	OPT_JSON,
	OPT_QUIET,
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "jails", required_argument, NULL, OPT_JAILS },
	{ "filters", required_argument, NULL, OPT_FILTERS },
	{ "jail", required_argument, NULL, OPT_JAIL },
	{ "user", required_argument, NULL, OPT_USER },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "until", required_argument, NULL, OPT_UNTIL },
	{ "tz", required_argument, NULL, OPT_TZ },
	{ "geoip", required_argument, NULL, OPT_GEOIP },
	{ "asn", required_argument, NULL, OPT_ASN },
	{ "journal", no_argument, NULL, OPT_JOURNAL },
	{ "top", required_argument, NULL, OPT_TOP },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "explain", no_argument, NULL, OPT_EXPLAIN },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* A whole number from 1 to `most`; false, and said so, for anything else. */
static bool take_number(const char *option, const char *text, unsigned long most,
			unsigned long *value)
{
	long long n;

	if (slice_number(slice_of(text), &n) && n >= 1 && (unsigned long)n <= most) {
		*value = (unsigned long)n;
		return true;
	}
	complain("--%s: expected a whole number from 1 to %lu, not \"%s\"", option, most, text);
	return false;
}

static bool take_moment(struct scan *s, const char *option, const char *text, struct instant *at)
{
	struct err err;

	if (instant_parse(at, text, s->now, &err) == 0)
		return true;
	complain("--%s: %s", option, err.text);
	return false;
}

static bool take_option(struct scan *s, int opt)
{
	switch (opt) {
	case 'c':
		s->setup_options.conf = optarg;
		return true;
	case OPT_JAILS:
		s->setup_options.jails = optarg;
		return true;
	case OPT_FILTERS:
		s->setup_options.filters = optarg;
		return true;
	case OPT_JAIL:
		s->setup_options.jail = optarg;
		return true;
	case OPT_GEOIP:
		s->setup_options.geoip = optarg;
		return true;
	case OPT_ASN:
		s->setup_options.asn = optarg;
		return true;
	case OPT_USER:
		s->user = optarg;
		return true;
	case OPT_SINCE:
		return take_moment(s, "since", optarg, &s->since);
	case OPT_UNTIL:
		return take_moment(s, "until", optarg, &s->until);
	case OPT_TZ:
		return set_zone(optarg);
	case OPT_TOP:
		return take_number("top", optarg, 1000000, &s->top);
	case OPT_THREADS:
		return take_number("threads", optarg, THREADS_MOST, &s->threads);
	default:
		break;
	}
	s->journal |= opt == OPT_JOURNAL;
	s->explain |= opt == OPT_EXPLAIN;
	s->json |= opt == OPT_JSON;
	s->quiet |= opt == OPT_QUIET;
	return opt != '?' && opt != ':';
}

/* 0: go on; else the status to end with, plus one. */
static int take_options(struct scan *s, int argc, char **argv)
{
	/* --tz first: it changes what "--since 18:00" means. */
	for (int pass = 0; pass < 2; pass++) {
		int opt;

		optind = 1;
		while ((opt = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
			if (opt == 'h') {
				(void)fputs(help, stdout);
				return EXIT_NOTHING + 1;
			}
			if ((pass == 0) != (opt == OPT_TZ) && opt != '?')
				continue;
			if (!take_option(s, opt)) {
				if (opt == '?')
					(void)fputs("`postern scan --help` lists the options\n",
						    stderr);
				return EXIT_ERROR + 1;
			}
		}
	}
	return 0;
}

static bool wanted(void *ctx, uint64_t queue_id_hash)
{
	return engine_wants(((struct scan *)ctx)->engine, queue_id_hash);
}

static uint64_t hash_user(void *ctx, struct slice user)
{
	return engine_user_hash(((struct scan *)ctx)->engine, user);
}

/* The first step is taken for the record that is furthest away. */
static void ahead(void *ctx, const struct record *next, size_t n)
{
	const struct engine *e = ((struct scan *)ctx)->engine;

	for (unsigned int step = 0; step < FETCH_STEPS; step++) {
		size_t far = (FETCH_STEPS - step) * (size_t)FETCH_APART;
		const struct record *r = far <= n ? &next[far - 1] : NULL;

		if (!r || !r->key)
			continue;
		if (r->match)
			engine_fetch_user(e, r->match->kind, r->key, step);
		else
			engine_fetch_queued(e, r->key, step);
	}
}

static void on_verdict(void *ctx, const struct verdict *verdict)
{
	decisions_note(((struct scan *)ctx)->decisions, verdict);
}

static void on_warning(void *ctx, const char *text)
{
	const struct scan *s = ctx;

	if (!s->quiet)
		complain("warning: %s", text);
}

static void read_logs(struct scan *s)
{
	struct instant swept = INSTANT_NONE;
	struct event event;
	unsigned int n = 0;

	while (stream_next(s->stream, &event)) {
		if (!instant_is_none(s->until) && event.time.ms > s->until.ms)
			continue;
		engine_event(s->engine, &event);
		if (instant_is_none(swept) || since(swept, event.time) >= SWEEP_MS) {
			decisions_sweep(s->decisions, event.time);
			swept = event.time;
		}
		if (++n % SHOW_EVENTS == 0)
			progress_show(&s->progress, s->stream);
	}
	progress_end(&s->progress);
}

static bool to_report(const struct scan *s, const struct decision *d)
{
	if (!instant_is_none(s->since) && d->last_at.ms < s->since.ms)
		return false;
	return !s->user || fnmatch(s->user, d->name, FNM_CASEFOLD) == 0;
}

static int report(struct scan *s)
{
	struct report_options o = {
		.out = stdout,
		.geoip = s->setup.geoip,
		.queue = engine_queue(s->engine),
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
		.explain = s->explain,
	};
	size_t n;
	const struct decision *const *d = decisions_sorted(s->decisions, &n);
	unsigned long shown = 0, found = 0;

	for (size_t i = 0; i < n; i++) {
		if (!to_report(s, d[i]))
			continue;
		found++;
		if (s->top && shown == s->top)
			continue;
		shown++;
		if (s->json)
			report_json(d[i], &o);
		else
			report_text(d[i], &o);
	}
	if (found > shown && !s->quiet)
		complain("%lu more (--top %lu)", found - shown, s->top);
	return found ? EXIT_FOUND : EXIT_NOTHING;
}

/* A line "N things" for the summary, where there are any. */
static void say_count(uint64_t n, const char *what)
{
	if (n)
		(void)fprintf(stderr, "  %llu %s\n", (unsigned long long)n, what);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void summary(struct scan *s, size_t n_logs)
{
	const struct engine_stats *e = engine_stats(s->engine);
	struct stream_stats st = stream_stats(s->stream);
	unsigned long long lines = st.lines.lines, logins = e->events[EVENT_LOGIN];
	unsigned long long messages = e->events[EVENT_MESSAGE], failures = e->events[EVENT_FAILURE];
	size_t accounts = engine_accounts(s->engine);

	(void)fprintf(
		stderr,
		"%llu line%s, %.1f MB in %.2f s from %zu log%s: %llu login%s and %llu message%s "
		"of %zu account%s, %llu failure%s\n",
		lines, plural(lines), (double)st.bytes / 1e6, progress_seconds(&s->progress),
		n_logs, plural(n_logs), logins, plural(logins), messages, plural(messages),
		accounts, plural(accounts), failures, plural(failures));
	say_count(st.long_lines, "lines skipped: longer than any mail server writes");
	say_count(st.lines.headless, "lines skipped: no time that we know at their start");
	say_count(st.bad_times, "lines skipped: a date that does not exist");
	say_count(st.lines.limits, "times a regex was stopped at its limit");
	say_count(e->without_user, "events skipped: no user name that could be one");
	if (st.lines.lines > 0 &&
	    e->events[EVENT_LOGIN] + e->events[EVENT_MESSAGE] + e->events[EVENT_FAILURE] == 0)
		complain("warning: not one login or failure found; is this a mail log? "
			 "`postern test FILE` says what the filters make of its lines");
}

static int run(struct scan *s, const struct logs *logs)
{
	struct engine_options eo = {
		.geoip = s->setup.geoip,
		.own = &s->setup.own,
		.default_realm = s->setup.default_realm,
		.known_days = s->setup.known_days,
		.on_verdict = on_verdict,
		.ctx = s,
	};
	struct stream_options so = {
		.threads = (unsigned int)s->threads,
		.now = s->now,
		.journal = s->journal,
		.since = s->since,
		.wanted = wanted,
		.hash_user = hash_user,
		.ahead = ahead,
		.ctx = s,
	};
	const char *problem;
	int status;

	if (!instant_is_none(s->since))
		so.since.ms -= LEARN_MS;
	jail_set_warn(s->setup.jails, s->setup.geoip, on_warning, s);
	s->engine = engine_new(s->setup.jails, &eo);
	s->decisions = decisions_new(s->engine);
	progress_init(&s->progress, s->quiet);
	so.kinds = engine_kinds(s->engine);
	s->stream = stream_open(s->setup.filters, (const char *const *)logs->path, logs->n, &so);
	read_logs(s);
	status = report(s);
	if (!s->quiet)
		summary(s, logs->n ? logs->n : 1);
	for (size_t i = 0; (problem = stream_problem(s->stream, i)); i++) {
		complain("%s", problem);
		status = EXIT_ERROR;
	}
	stream_close(s->stream);
	return status;
}

int verb_scan(int argc, char **argv)
{
	/*
	 * Static, for the engine's memory and that of the decisions goes with the process: to give
	 * back a million small pieces one by one takes longer.
	 */
	static struct scan s;
	struct logs logs = { 0 };
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct err err;
	int status;

	s.since = s.until = INSTANT_NONE;
	s.now = instant_now();
	s.threads = processors < 1              ? 1
		    : processors > THREADS_MOST ? THREADS_MOST
						: (unsigned long)processors;
	status = take_options(&s, argc, argv);
	if (status)
		return status - 1;
	mem_expect_much();
	if (setup_load(&s.setup, &s.setup_options, SETUP_ALL, &err) < 0) {
		complain("%s", err.text);
		return EXIT_ERROR;
	}
	status = EXIT_ERROR;
	if ((s.journal && optind == argc) ||
	    logs_find(&logs, argc - optind, argv + optind, &s.setup))
		status = run(&s, &logs);
	logs_free(&logs);
	setup_fini(&s.setup);
	return status;
}
