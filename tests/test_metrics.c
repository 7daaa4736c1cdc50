/*
 * test_metrics - the page for Prometheus: its form, strictly, and some of its numbers
 */
#include "core/cli/metrics.h"

#include "tests/daemon.h"
#include "tests/rows.h"

#include <ctype.h>
#include <stdlib.h>

#define JAILS                                                                                \
	"jail acc { bantime = 1d rule places { distinct = network max = 1 findtime = 1d }\n" \
	"action log {} }\n"

static const struct row {
	const char *name, *script;
	const char *want; /* a line of the page */
} rows[] = {
	{ "version", "", "postern_build_info{version=\"" VERSION "\"} 1" },
	{ "a label escaped", "",
	  "postern_source_up{source=\"/var/log/mail \\\"1\\\\2\\\".log\"} 0" },
	{ "events", "1 login u=joe x5/1s", "postern_events_total{kind=\"login\"} 5" },
	{ "accounts", "1 login u=j%e x3/1s", "postern_accounts 3" },
	{ "a decision", "1 login u=joe i=10.%.0.1 x2/1s",
	  "postern_decisions_total{jail=\"acc\",level=\"act\"} 1" },
	{ "which is active", "1 login u=joe i=10.%.0.1 x2/1s",
	  "postern_decisions_active{jail=\"acc\"} 1" },
	{ "for its rule held", "1 login u=joe i=10.%.0.1 x2/1s",
	  "postern_rule_held_total{jail=\"acc\",rule=\"places\"} 1" },
	{ "and waits for its action", "1 login u=joe i=10.%.0.1 x2/1s",
	  "postern_actions{action=\"log\",state=\"pending\"} 1" },
	{ "store", "", "postern_store_up 1" },
	{ "brake", "", "postern_brake 0" },
	{ "no line", "", "postern_lines_total{source=\"/var/log/mail \\\"1\\\\2\\\".log\"} 0" },
	{ "no warning", "", "postern_warnings{kind=\"silence\"} 0" },
	{ "a warning", "2h login u=joe", "postern_warnings{kind=\"silence\"} 1" },
	{ "start", "", "process_start_time_seconds 1795132800" },
};

/* {name="value",...}: returns what comes behind it. */
static const char *skip_labels(const char *p)
{
	if (*p != '{')
		return p;
	do {
		p++;
		assert_true(islower((unsigned char)*p));
		while (islower((unsigned char)*p) || *p == '_')
			p++;
		assert_memory_equal(p, "=\"", 2);
		for (p += 2; *p != '"'; p++) {
			assert_true((unsigned char)*p >= ' ');
			p += *p == '\\';
		}
		p++;
	} while (*p == ',');
	assert_int_equal(*p, '}');
	return p + 1;
}

/* One sample of `metric`: name, labels, a blank, a number. */
static void check_sample(const char *line, const char *metric)
{
	const char *p = line + strlen(metric);
	char *end;

	assert_memory_equal(line, metric, strlen(metric));
	p = skip_labels(p);
	assert_int_equal(*p, ' ');
	(void)strtod(p + 1, &end);
	assert_true(end > p + 1 && *end == '\0');
}

/* Exposition format 0.0.4: HELP, TYPE and then samples, each metric once; counters end in _total. */
static void check_form(char *page)
{
	char metric[128] = "", type[32], name[128];
	char *rest = page, *line;

	assert_int_equal(page[strlen(page) - 1], '\n');
	while ((line = strsep(&rest, "\n")) && rest) {
		if (strncmp(line, "# HELP ", 7) == 0) {
			assert_int_equal(sscanf(line, "# HELP %127s %*s", metric), 1);
		} else if (line[0] == '#') {
			assert_int_equal(sscanf(line, "# TYPE %127s %31s", name, type), 2);
			assert_string_equal(name, metric);
			assert_int_equal(strcmp(type, "counter") == 0,
					 strcmp(name + strlen(name) - 6, "_total") == 0);
		} else {
			check_sample(line, metric);
		}
	}
}

static char *page_of(struct daemon *d, const char *script)
{
	struct pack page = { 0 };

	daemon_begin(d, JAILS, 0);
	for (const char *line = script; *line; line = script_next(line))
		daemon_event(d, line);
	view_look(&d->view, d->now);
	metrics_text(&d->view, d->now, &page);
	pack_u8(&page, 0);
	return page.data;
}

static void check(void **state)
{
	const struct row *row = *state;
	char *line = xasprintf("\n%s\n", row->want), *page;
	struct daemon d;

	page = page_of(&d, row->script);
	if (!strstr(page, line))
		fail_msg("%s is not in: %s", row->want, page);
	check_form(page);
	free(page);
	free(line);
	daemon_end(&d);
}

/* Each name once, so that no two metrics run into each other. */
static void test_names(void **state)
{
	struct daemon d;
	char *page = page_of(&d, ""), *at = page, name[128], *again;

	(void)state;
	while ((at = strstr(at, "# TYPE "))) {
		assert_int_equal(sscanf(at, "# TYPE %127s", name), 1);
		at += 7;
		again = xasprintf("# TYPE %s ", name);
		assert_null(strstr(at, again));
		free(again);
	}
	free(page);
	daemon_end(&d);
}

static void test_health(void **state)
{
	struct pack page = { 0 };
	struct daemon d;

	(void)state;
	free(page_of(&d, "1 login u=joe"));
	assert_true(metrics_health(&d.view, &page));
	assert_true(slice_is(pack_contents(&page), "ok\n"));
	pack_fini(&page);
	page = (struct pack){ 0 };
	d.now.ms += 3600 * 1000;
	view_look(&d.view, d.now);
	assert_false(metrics_health(&d.view, &page));
	assert_true(slice_starts(pack_contents(&page), "no log has had a line for 1h"));
	pack_fini(&page);
	daemon_end(&d);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 2];
	size_t n = 0;
	int failed;

	ADD_ROWS(tests, n, rows, check);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_names);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_health);
	failed = _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
	filter_set_free(filters);
	return failed;
}
