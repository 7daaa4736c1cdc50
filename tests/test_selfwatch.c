/*
 * test_selfwatch - the daemon's own view of the world, with numbers for clocks
 */
#include "core/cli/selfwatch.h"

#include "tests/rows.h"

#include <string.h>

enum { LOOKS = 6, NEVER = -1, T0 = 1795219200 };

/* Seconds count from the start at T0; 0 for a source's times: none yet. */
struct look {
	int64_t at_s;
	struct {
		uint64_t lines, events, lost;
		int64_t line_s, read_s, login_s;
		const char *problem;
	} a, b; /* b is there where it has lines */
	uint64_t limits, unmatched, logins;
	const char *store, *trouble;
	bool brake;
	int64_t geoip_days; /* its age at T0 */
	const char *want;   /* "kind:about ..." by the time they began; NULL: no look */
	int64_t next_s;
};

/* Lines are not silent before an hour has passed, logins before a day. */
static const struct row {
	const char *name;
	struct look look[LOOKS];
} rows[] = {
	{ "nothing yet",
	  { { .at_s = 0, .want = "", .next_s = 3600 },
	    { .at_s = 3599, .want = "", .next_s = 1 },
	    { .at_s = 3600, .want = "silence:", .next_s = NEVER } } },
	{ "a line in time",
	  { { .at_s = 10, .a = { 1, 0, 0, 9, 9, 0, 0 }, .want = "", .next_s = 3599 },
	    { .at_s = 3600, .a = { 2, 0, 0, 3500, 3500, 0, 0 }, .want = "", .next_s = 3500 },
	    { .at_s = 7100,
	      .a = { 2, 0, 0, 3500, 3500, 0, 0 },
	      .want = "silence:",
	      .next_s = NEVER },
	    { .at_s = 7160, .a = { 3, 0, 0, 7150, 7150, 0, 0 }, .want = "", .next_s = 3590 } } },
	{ "one of two",
	  { { .at_s = 4000,
	      .a = { 9, 9, 0, 300, 300, 0, 0 },
	      .b = { 9, 9, 0, 3999, 3999, 3999, 0 },
	      .want = "silence:a.log",
	      .next_s = 3599 } } },
	{ "one of two that never was of use",
	  { { .at_s = 4000,
	      .a = { 9, 0, 0, 300, 300, 0, 0 },
	      .b = { 9, 9, 0, 3999, 3999, 3999, 0 },
	      .want = "",
	      .next_s = 3599 } } },
	{ "both",
	  { { .at_s = 9000,
	      .a = { 9, 9, 0, 300, 300, 0, 0 },
	      .b = { 9, 9, 0, 400, 400, 400, 0 },
	      .want = "silence:",
	      .next_s = NEVER } } },
	{ "lines and no login",
	  { { .at_s = 86399, .a = { 9, 9, 0, 86000, 86000, 0, 0 }, .want = "", .next_s = 1 },
	    { .at_s = 86400,
	      .a = { 9, 9, 0, 86000, 86000, 0, 0 },
	      .want = "logins:",
	      .next_s = 3200 },
	    { .at_s = 86500,
	      .a = { 9, 9, 0, 86500, 86500, 86490, 0 },
	      .want = "",
	      .next_s = 3600 } } },
	{ "a clock ahead",
	  { { .at_s = 100, .a = { 1, 1, 0, 399, 99, 99, 0 }, .want = "", .next_s = 3599 },
	    { .at_s = 100,
	      .a = { 2, 1, 0, 400, 99, 99, 0 },
	      .want = "clock:a.log",
	      .next_s = 3599 },
	    { .at_s = 900, .a = { 3, 1, 0, 900, 900, 99, 0 }, .want = "", .next_s = 3600 } } },
	{ "a zone behind",
	  { { .at_s = 7300, .a = { 1, 1, 0, 100, 7299, 99, 0 }, .want = "", .next_s = 3599 },
	    { .at_s = 7400, .a = { 2, 1, 0, 200, 7400, 99, 0 }, .want = "", .next_s = 3600 },
	    { .at_s = 7500, .a = { 3, 1, 0, 310, 7499, 99, 0 }, .want = "", .next_s = 3599 },
	    { .at_s = 7500, .a = { 3, 1, 0, 310, 7499, 99, 0 }, .want = "", .next_s = 3599 },
	    { .at_s = 7600,
	      .a = { 4, 1, 0, 399, 7600, 99, 0 },
	      .want = "clock:a.log",
	      .next_s = 3600 },
	    { .at_s = 7700, .a = { 5, 1, 0, 7699, 7700, 99, 0 }, .want = "", .next_s = 3600 } } },
	{ "a backlog that shrinks",
	  { { .at_s = 7300, .a = { 1, 1, 0, 100, 7300, 99, 0 }, .want = "", .next_s = 3600 },
	    { .at_s = 7400, .a = { 2, 1, 0, 1100, 7400, 99, 0 }, .want = "", .next_s = 3600 },
	    { .at_s = 7500, .a = { 3, 1, 0, 2100, 7500, 99, 0 }, .want = "", .next_s = 3600 },
	    { .at_s = 7600, .a = { 4, 1, 0, 3100, 7600, 99, 0 }, .want = "", .next_s = 3600 } } },
	{ "always late, but by no zone",
	  { { .at_s = 7300, .a = { 1, 1, 0, 6900, 7300, 99, 0 }, .want = "", .next_s = 3600 },
	    { .at_s = 7400, .a = { 2, 1, 0, 7000, 7400, 99, 0 }, .want = "", .next_s = 3600 },
	    { .at_s = 7500, .a = { 3, 1, 0, 7100, 7500, 99, 0 }, .want = "", .next_s = 3600 },
	    { .at_s = 7600, .a = { 4, 1, 0, 7200, 7600, 99, 0 }, .want = "", .next_s = 3600 },
	    { .at_s = 7700, .a = { 5, 1, 0, 7300, 7700, 99, 0 }, .want = "", .next_s = 3600 } } },
	{ "lost messages are told for an hour or two",
	  { { .at_s = 100,
	      .a = { 1, 1, 7, 100, 100, 99, 0 },
	      .want = "lost:a.log",
	      .next_s = 3500 },
	    { .at_s = 3600,
	      .a = { 2, 1, 7, 3600, 3600, 99, 0 },
	      .want = "lost:a.log",
	      .next_s = 3600 },
	    { .at_s = 7200, .a = { 3, 1, 7, 7200, 7200, 99, 0 }, .want = "", .next_s = 3600 },
	    { .at_s = 7300,
	      .a = { 4, 1, 8, 7300, 7300, 99, 0 },
	      .want = "lost:a.log",
	      .next_s = 3500 } } },
	{ "a regex at its limits",
	  { { .at_s = 60, .limits = 1, .want = "regex:", .next_s = 3540 } } },
	{ "lines that nobody understands",
	  { { .at_s = 60, .unmatched = 49, .logins = 0, .want = "", .next_s = 3540 },
	    { .at_s = 70, .unmatched = 50, .logins = 0, .want = "unmatched:", .next_s = 3530 },
	    { .at_s = 80, .unmatched = 50, .logins = 500, .want = "", .next_s = 3520 },
	    { .at_s = 90,
	      .unmatched = 51,
	      .logins = 500,
	      .want = "unmatched:",
	      .next_s = 3510 } } },
	{ "a log that can't be read",
	  { { .at_s = 60,
	      .a = { 1, 1, 0, 60, 60, 60, "permission denied" },
	      .want = "source:a.log",
	      .next_s = 3600 } } },
	{ "an old database",
	  { { .at_s = 3000,
	      .a = { 1, 1, 0, 3000, 3000, 3000, 0 },
	      .geoip_days = 90,
	      .want = "",
	      .next_s = 3600 },
	    { .at_s = 86400,
	      .a = { 1, 1, 0, 86400, 86400, 86400, 0 },
	      .geoip_days = 90,
	      .want = "geoip:",
	      .next_s = 3600 } } },
	{ "what hands can't do",
	  { { .at_s = 60, .store = "decisions.db: disk full", .want = "store:", .next_s = 3540 },
	    { .at_s = 61,
	      .store = "decisions.db: disk full",
	      .trouble = "no such table",
	      .brake = true,
	      .want = "store: action:nftables brake:",
	      .next_s = 3539 },
	    { .at_s = 62, .brake = true, .want = "brake:", .next_s = 3538 },
	    { .at_s = 63, .want = "", .next_s = 3537 } } },
};

static struct instant seconds(int64_t s)
{
	return s == 0 ? INSTANT_NONE : instant_of_s(T0 + s);
}

#define SOURCE(title, from)                                                \
	((struct selfwatch_source){ .name = (title),                       \
				    .lines = (from).lines,                 \
				    .events = (from).events,               \
				    .lost = (from).lost,                   \
				    .last_line = seconds((from).line_s),   \
				    .last_read = seconds((from).read_s),   \
				    .last_login = seconds((from).login_s), \
				    .problem = (from).problem })

/* What was told, beside what is listed: each beginning and end must show up in the list too. */
struct told {
	int balance;
};

static void on_warning(void *ctx, const struct warning *warning, bool begins)
{
	struct told *told = ctx;

	assert_non_null(strstr(warning->text, " "));
	told->balance += begins ? 1 : -1;
}

static void look(struct selfwatch *w, const struct look *l)
{
	struct selfwatch_source source[] = { SOURCE("a.log", l->a), SOURCE("b.log", l->b) };
	struct selfwatch_action action = { "nftables", l->trouble };
	struct selfwatch_facts f = {
		.source = source,
		.n_sources = 1 + (l->b.lines > 0),
		.matcher = { .limits = l->limits, .unmatched = l->unmatched },
		.logins = l->logins,
		.geoip_built_s = l->geoip_days ? T0 - l->geoip_days * 86400 : 0,
		.store = l->store,
		.action = &action,
		.n_actions = 1,
		.brake = l->brake,
	};

	selfwatch_look(w, &f, instant_of_s(T0 + l->at_s));
}

static void check_list(const struct selfwatch *w, const char *want, int balance)
{
	const struct warning *warning;
	char text[256] = "";
	size_t used = 0;
	int n = 0;

	while ((warning = selfwatch_warning(w, (size_t)n))) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s:%s", n ? " " : "",
					 warning_kind_name(warning->kind), warning->about);
		n++;
	}
	assert_string_equal(text, want);
	assert_int_equal(n, balance);
}

static void check(void **state)
{
	const struct row *row = *state;
	struct told told = { 0 };
	struct selfwatch_options o = {
		.silence_lines_s = 3600, .silence_logins_s = 86400, .tell = on_warning, .ctx = &told
	};
	struct selfwatch *w = selfwatch_new(&o, instant_of_s(T0));

	for (size_t i = 0; i < LOOKS && row->look[i].want; i++) {
		const struct look *l = &row->look[i];
		int64_t next_ms;

		look(w, l);
		check_list(w, l->want, told.balance);
		next_ms = selfwatch_next(w, instant_of_s(T0 + l->at_s));
		assert_int_equal(next_ms < 0 ? NEVER : next_ms / 1000, l->next_s);
	}
	selfwatch_free(w);
}

/* Silence is not looked for where it is switched off. */
static void test_off(void **state)
{
	struct selfwatch_options o = { 0 };
	struct selfwatch *w = selfwatch_new(&o, instant_of_s(T0));
	struct look l = { .at_s = 10 * 86400 };

	(void)state;
	look(w, &l);
	check_list(w, "", 0);
	assert_int_equal(selfwatch_next(w, instant_of_s(T0)), -1);
	selfwatch_free(w);
}

/* The text follows the numbers; since when stays. */
static void test_text_follows(void **state)
{
	struct selfwatch_options o = { 0 };
	struct selfwatch *w = selfwatch_new(&o, instant_of_s(T0));
	struct look l = { .at_s = 1, .limits = 1 };
	const struct warning *warning;

	(void)state;
	look(w, &l);
	l.limits = 2;
	l.at_s = 2;
	look(w, &l);
	warning = selfwatch_warning(w, 0);
	assert_true(warning && strstr(warning->text, "2 lines"));
	assert_true(warning && warning->since.ms == (T0 + 1) * INT64_C(1000));
	assert_null(selfwatch_warning(w, 1));
	selfwatch_free(w);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 2];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_off);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_text_follows);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
