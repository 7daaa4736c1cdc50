/*
 * test - `postern test`: what the filters make of a line or a file, and how near they came
 *
 * For whoever writes a filter, or wonders why a login is not seen. A line goes through the
 * very matcher that scan uses; where it is no event the last hurdle it took is named.
 */
#include "core/base/mem.h"
#include "core/cli/event_json.h"
#include "core/cli/json.h"
#include "core/cli/setup.h"
#include "core/cli/verbs.h"
#include "core/filter/matcher.h"
#include "core/source/reader.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char help[] =
	"usage: postern test [options] LINE|FILE|- [FILTER]\n"
	"\n"
	"Says for a log line, or each line of a file, which match of which filter took it and "
	"which\n"
	"fields came out, or how near it came. With FILTER: that one alone. Status 0: no line is "
	"an\n"
	"event, 1: some are, 2: an error.\n"
	"\n"
	"  -c, --config FILE    settings instead of the installed postern.conf\n"
	"      --filters DIR    filters instead of the installed ones\n"
	"      --json           one JSON object a line: {\"line\", \"near\", \"event\", ...}\n"
	"      --all            of a file, also the lines that hold no filter's literal\n"
	"      --quiet          the counts alone\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "filters", required_argument, NULL, 'f' },
	{ "json", no_argument, NULL, 'j' },
	{ "all", no_argument, NULL, 'a' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

enum { NEARS = NEAR_EVENT + 1 };

/* By enum matcher_near: in JSON, and in words. */
static const struct near_name {
	const char *word, *text;
} near_names[NEARS] = {
	{ "literal", "no event: it holds none of the filters' literals" },
	{ "time", "no event: no time that we know at its start" },
	{ "program", "no event: no filter that knows its text is for this program" },
	{ "regex", "no event: the regex did not match" },
	{ "limit", "no event: the regex was stopped at its limit" },
	{ "event", "event" },
};

struct test {
	struct setup_options options;
	const char *filter;
	struct matcher *matcher;
	bool json, all, quiet;
	uint64_t count[NEARS];
	uint64_t *by_match;
};

static void print_line(const char *title, struct slice text)
{
	char *printable = text_printable(text);

	(void)printf("  %-9s %s\n", title, printable);
	free(printable);
}

static void print_json(struct slice line, const struct event *event, const struct matcher_why *why)
{
	bool is_event = why->near == NEAR_EVENT;
	json_t *o = is_event ? event_json(event) : json_object();

	json_set_slice(o, "line", line);
	json_set_text(o, "near", near_names[why->near].word);
	json_set_slice(o, "program", why->line.program);
	if (why->match && !is_event) {
		json_set_text(o, "filter", why->match->filter->name);
		json_set_text(o, "match", why->match->name);
	}
	json_print(o, stdout);
}

static void print_event(const struct event *event)
{
	(void)printf("  %-9s %s, by match \"%s\" of filter \"%s\"\n", "event",
		     event_kind_name(event->kind), event->match->name, event->match->filter->name);
	for (enum event_field f = 0; f < EVENT_FIELDS; f++)
		if (event->field[f].ptr)
			print_line(event_field_name(f), event->field[f]);
	if (event->repeats)
		(void)printf("  %-9s %u more of the same\n", "repeats", event->repeats);
	if (event->field[FIELD_IP].ptr && !event->has_ip)
		(void)printf("  %-9s the text of \"ip\" is no address\n", "but");
}

static void print_text(struct slice line, const struct event *event, const struct matcher_why *why)
{
	print_line("line", line);
	if (why->near >= NEAR_PROGRAM) {
		print_line("program", why->line.program.ptr
					      ? why->line.program
					      : slice_of("(none: a server's own log)"));
		print_line("message", why->line.message);
	}
	if (why->near == NEAR_EVENT)
		print_event(event);
	else
		(void)printf("  %-9s %s\n", "result", near_names[why->near].text);
	if (why->match && why->near != NEAR_EVENT) {
		(void)printf("  %-9s match \"%s\" of filter \"%s\"\n", "tried", why->match->name,
			     why->match->filter->name);
		print_line("regex", slice_of(why->match->regex));
	}
	(void)putchar('\n');
}

static bool of_filter(const struct test *t, const struct matcher_why *why)
{
	return !t->filter || (why->match && strcmp(why->match->filter->name, t->filter) == 0);
}

static void test_line(struct test *t, struct slice line, bool alone)
{
	struct event event = { .time = INSTANT_NONE };
	struct matcher_why why;

	(void)matcher_line(t->matcher, line, &event, &why);
	if (!of_filter(t, &why))
		why.near = why.near > NEAR_PROGRAM ? NEAR_PROGRAM : why.near;
	t->count[why.near]++;
	if (why.near == NEAR_EVENT)
		t->by_match[event.match->index]++;
	if (t->quiet || (why.near == NEAR_LITERAL && !t->all && !alone))
		return;
	if (t->json)
		print_json(line, &event, &why);
	else
		print_text(line, &event, &why);
}

static int test_file(struct test *t, const char *path)
{
	struct block block = { xcalloc(READER_BLOCK, 1), 0 };
	struct reader *reader;
	struct err err;
	int rc;

	if (reader_open(&reader, path, &err) < 0) {
		complain("%s", err.text);
		free(block.data);
		return -1;
	}
	while ((rc = reader_next(reader, &block, &err)) > 0) {
		for (const char *p = block.data, *end; p < block.data + block.len; p = end + 1) {
			end = memchr(p, '\n', block.len - (size_t)(p - block.data));
			test_line(t, (struct slice){ p, (size_t)(end - p) }, false);
		}
	}
	if (rc < 0)
		complain("%s", err.text);
	reader_close(reader);
	free(block.data);
	return rc;
}

static void print_counts(const struct test *t, const struct filter_set *set)
{
	(void)printf("lines     %llu events", (unsigned long long)t->count[NEAR_EVENT]);
	for (int i = NEAR_EVENT - 1; i >= 0; i--)
		if (t->count[i])
			(void)printf("; %llu %s", (unsigned long long)t->count[i],
				     near_names[i].word);
	(void)printf("  (what the others failed at)\n");
	for (size_t i = 0; i < set->n_matches; i++)
		if (t->by_match[i])
			(void)printf("  %8llu  %s / %s\n", (unsigned long long)t->by_match[i],
				     set->match[i]->filter->name, set->match[i]->name);
}

static int run(struct test *t, const struct setup *setup, const char *what)
{
	struct stat st;
	bool is_file = strcmp(what, "-") == 0 || stat(what, &st) == 0;
	int rc = 0;

	if (!is_file && !strchr(what, ' ')) {
		complain("%s: %s; expected a file, or a log line in quotes", what, strerror(errno));
		return EXIT_ERROR;
	}
	if (t->filter && !filter_set_find(setup->filters, t->filter)) {
		complain("no filter is called \"%s\" in %s", t->filter, setup->filters_dir);
		return EXIT_ERROR;
	}
	t->matcher = matcher_new(setup->filters, 0);
	t->by_match = xcalloc(setup->filters->n_matches, sizeof(*t->by_match));
	if (is_file)
		rc = test_file(t, what);
	else
		test_line(t, slice_of(what), true);
	if (is_file && !t->json)
		print_counts(t, setup->filters);
	matcher_free(t->matcher);
	free(t->by_match);
	if (rc < 0)
		return EXIT_ERROR;
	return t->count[NEAR_EVENT] ? EXIT_FOUND : EXIT_NOTHING;
}

int verb_test(int argc, char **argv)
{
	struct test t = { 0 };
	struct setup setup;
	struct err err;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		if (opt == 'h') {
			(void)fputs(help, stdout);
			return EXIT_NOTHING;
		}
		if (opt == '?') {
			(void)fputs("`postern test --help` lists the options\n", stderr);
			return EXIT_ERROR;
		}
		if (opt == 'c')
			t.options.conf = optarg;
		if (opt == 'f')
			t.options.filters = optarg;
		t.json |= opt == 'j';
		t.all |= opt == 'a';
		t.quiet |= opt == 'q';
	}
	if (argc - optind < 1 || argc - optind > 2) {
		complain("test: expected a log line or a file, and perhaps a filter's name");
		return EXIT_ERROR;
	}
	t.filter = argc - optind == 2 ? argv[optind + 1] : NULL;
	if (setup_load(&setup, &t.options, SETUP_FILTERS, &err) < 0) {
		complain("%s", err.text);
		return EXIT_ERROR;
	}
	status = run(&t, &setup, argv[optind]);
	setup_fini(&setup);
	return status;
}
