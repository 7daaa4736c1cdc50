/*
 * test_explain - what rules measure for whom, who is nearest to a threshold, and who is forgiven
 *
 * A row is a jail, a script of events (see tests/script.h), whom it is about, and what is told of
 * him at SCRIPT_T0 and `at_s`.
 */
#include "core/rule/engine.h"

#include "tests/rows.h"
#include "tests/script.h"

enum { SAID_MOST = 2000 };

struct listener {
	char said[SAID_MOST];
	size_t len;
};

static void say(struct listener *l, const char *text)
{
	size_t n = strlen(text);

	assert_true(l->len + n < SAID_MOST);
	memcpy(l->said + l->len, text, n + 1);
	l->len += n;
}

static void on_measurement(void *ctx, const struct measurement *m)
{
	char text[200];

	(void)snprintf(text, sizeof(text), "%s %llu/%lld %u%s%s; ", m->rule->name,
		       (unsigned long long)m->value, (long long)m->max, m->score,
		       m->holds ? " holds" : "", m->waits ? " waits" : "");
	say(ctx, text);
}

static void on_nearness(void *ctx, const struct nearness *n)
{
	char text[200];

	(void)snprintf(text, sizeof(text), "%s %u %s %.2f; ", n->subject->name, n->score,
		       n->nearest.rule ? n->nearest.rule->name : "-", n->share);
	say(ctx, text);
}

static void on_verdict(void *ctx, const struct verdict *v)
{
	char text[200];

	(void)snprintf(text, sizeof(text), "! %s %u; ", v->subject->name, v->score);
	say(ctx, text);
}

#define NETWORKS   "rule net { distinct = network max = 3 findtime = 1h score = 50 }\n"
#define RECIPIENTS "rule to { sum = recipients max = 9 findtime = 1h }\n"

static const struct row {
	const char *name, *jail, *script;
	enum subject_kind kind;
	const char *who;
	uint32_t at_s;
	const char *want, *forgiven; /* the latter after engine_forget(); NULL: not asked */
} rows[] = {
	{ "nobody", "jail j { " NETWORKS " }", "0 login u=joe i=10.1.0.1", SUBJECT_ACCOUNT, "ann",
	  0, "unknown", NULL },
	{ "an account, below every max", "jail j { " NETWORKS RECIPIENTS " }",
	  "0 login u=joe i=10.%.0.1 x2/1s\n5 message u=joe q=A n=7", SUBJECT_ACCOUNT, " JOE ", 10,
	  "net 2/3 50; to 7/9 100; ", "net 0/3 50; to 0/9 100; " },
	{ "an hour later", "jail j { " NETWORKS RECIPIENTS " }",
	  "0 login u=joe i=10.%.0.1 x2/1s\n5 message u=joe q=A n=7", SUBJECT_ACCOUNT, "joe", 3606,
	  "net 0/3 50; to 0/9 100; ", NULL },
	{ "what holds", "jail j { " NETWORKS " }", "0 login u=joe i=10.%.0.1 x4/1s",
	  SUBJECT_ACCOUNT, "joe", 9, "net 4/3 50 holds; ", "net 0/3 50; " },
	{ "after another rule",
	  "jail j { rule a { count = login max = 1 findtime = 1h score = 0 }\n"
	  "rule b { sum = recipients max = 1 findtime = 1h after = a within = 1h } }",
	  "0 login u=joe i=10.1.0.1", SUBJECT_ACCOUNT, "joe", 9, "a 1/1 0; b 0/1 100 waits; ",
	  NULL },
	{ "after another rule that held",
	  "jail j { rule a { count = login max = 1 findtime = 1h score = 0 }\n"
	  "rule b { sum = recipients max = 1 findtime = 1h after = a within = 1h } }",
	  "0 login u=joe i=10.1.0.1 x2/1s\n3 message u=joe n=2 q=A", SUBJECT_ACCOUNT, "joe", 9,
	  "a 3/1 0 holds; b 2/1 100 holds; ", "a 0/1 0; b 0/1 100 waits; " },
	{ "its class has other limits",
	  "jail j { " NETWORKS " limits l { users = joe rule net { max = 8 score = 7 } } }",
	  "0 login u=joe i=10.%.0.1 x4/1s", SUBJECT_ACCOUNT, "joe", 9, "net 4/8 7; ", NULL },
	{ "a jail that ignores it",
	  "jail j { ignoreuser = joe " NETWORKS " }\njail k { " NETWORKS " }",
	  "0 login u=joe i=10.%.0.1 x2/1s", SUBJECT_ACCOUNT, "joe", 9, "net 2/3 50; ", NULL },
	{ "a surge that has no mean yet",
	  "jail j { rule g { surge = message factor = 5 over = 30d max = 10 } }",
	  "0 message u=joe x3/1s", SUBJECT_ACCOUNT, "joe", 9, "g 3/-1 100; ", "g 0/-1 100; " },
	{ "an attacked name",
	  "jail j { rule g { distinct = ip on = failure max = 5 findtime = 1h } }",
	  "0 failure u=joe i=10.%.0.1 x3/1s", SUBJECT_NAME, "joe", 9, "g 3/5 100; ",
	  "g 0/5 100; " },
	{ "an address", "jail j { rule f { count = failure by = ip max = 2 findtime = 1h } }",
	  "0 failure u=x% i=2001:db8::% x4/1s", SUBJECT_ADDRESS, "2001:db8::7", 9,
	  "f 4/2 100 holds; ", "f 0/2 100; " },
	{ "an address, by its prefix",
	  "jail j { rule f { count = failure by = ip max = 2 findtime = 1h } }",
	  "0 failure u=x% i=2001:db8::% x4/1s", SUBJECT_ADDRESS, "2001:db8::/64", 9,
	  "f 4/2 100 holds; ", NULL },
	{ "the owner's own place stays his", "jail j { " NETWORKS " }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d1m login u=joe i=10.5.0.% x4/1s\n"
	  "3d2m login u=joe i=10.6.0.1",
	  SUBJECT_ACCOUNT, "joe", 259400, "net 2/3 50; ", "net 0/3 50; " },
};

static struct jail_set *load(const char *text)
{
	struct jail_defaults defaults = { 0 };
	struct jail_set *jails = NULL;
	struct err err;

	if (jail_set_load_text(&jails, "j.conf", text, filters, &defaults, &err) < 0)
		fail_msg("%s", err.text);
	return jails;
}

static void play(struct engine *e, const char *script)
{
	for (const char *line = script; *line; line = script_next(line)) {
		unsigned int times = 1;

		for (unsigned int i = 1; i <= times; i++) {
			struct arena *a = arena_new();
			struct event event;

			times = script_event(&event, a, line, i);
			engine_event(e, &event);
			arena_free(a);
		}
	}
}

static void explains(void **state)
{
	const struct row *row = *state;
	struct engine_options options = { .known_days = 3 };
	struct listener l = { 0 }, verdicts = { 0 };
	struct jail_set *jails = load(row->jail);
	struct subject *s;
	struct engine *e;

	options.on_verdict = on_verdict;
	options.ctx = &verdicts;
	e = engine_new(jails, &options);
	play(e, row->script);
	s = engine_find(e, row->kind, slice_of(row->who));
	if (s)
		engine_explain(e, s, instant_of_s(SCRIPT_T0 + row->at_s), on_measurement, &l);
	else
		say(&l, "unknown");
	assert_string_equal(l.said, row->want);
	if (s && row->forgiven) {
		l.len = 0;
		engine_forget(e, s);
		engine_explain(e, s, instant_of_s(SCRIPT_T0 + row->at_s), on_measurement, &l);
		assert_string_equal(l.said, row->forgiven);
	}
	engine_free(e);
	jail_set_free(jails);
}

/* Accounts, and who of them is the nearest. */
static const struct contest {
	const char *name, *script;
	size_t n;
	const char *want;
} contests[] = {
	{ "top: nobody", "0 failure u=joe i=10.1.0.1", 5, "" },
	{ "top: nearest first",
	  "0 login u=ann i=10.%.0.1 x2/1s\n0 login u=joe i=10.%.0.1 x3/1s\n"
	  "0 message u=bob q=A n=8",
	  5, "bob 0 to 0.80; joe 0 net 0.38; ann 0 net 0.25; " },
	{ "top: no more than asked for",
	  "0 login u=ann i=10.%.0.1 x2/1s\n0 login u=joe i=10.%.0.1 x3/1s\n"
	  "0 message u=bob q=A n=8",
	  1, "bob 0 to 0.80; " },
	{ "top: what holds counts in full",
	  "0 login u=joe i=10.%.0.1 x9/1s\n0 message u=bob q=A n=4\n0 message u=eve q=B n=99", 5,
	  "eve 100 to 1.00; joe 50 net 0.50; bob 0 to 0.40; " },
	{ "top: scores add up",
	  "0 login u=joe i=10.%.0.1 x9/1s\n20 message u=joe i=10.1.0.1 q=B n=99", 5,
	  "joe 150 to 1.50; " },
};

static void finds_the_nearest(void **state)
{
	const struct contest *row = *state;
	struct engine_options options = { .known_days = 3, .busy_accounts = 1 };
	struct listener l = { 0 }, verdicts = { 0 };
	struct jail_set *jails = load("jail j { " NETWORKS RECIPIENTS " }");
	struct engine *e;

	options.on_verdict = on_verdict;
	options.ctx = &verdicts;
	e = engine_new(jails, &options);
	play(e, row->script);
	engine_top(e, instant_of_s(SCRIPT_T0 + 60), row->n, on_nearness, &l);
	assert_string_equal(l.said, row->want);
	engine_free(e);
	jail_set_free(jails);
}

static void forgives(void **state)
{
	static const char again[] = "10 login u=joe i=10.9.0.% x4/1s\n20 login u=joe i=10.8.0.1";
	struct engine_options options = { .known_days = 3, .on_verdict = on_verdict };
	struct jail_set *jails = load("jail j { " NETWORKS " }");
	struct listener verdicts = { 0 };
	struct engine *e;

	(void)state;
	options.ctx = &verdicts;
	e = engine_new(jails, &options);
	play(e, "0 login u=joe i=10.%.0.1 x4/1s");
	assert_string_equal(verdicts.said, "! joe 50; ");
	engine_forget(e, engine_find(e, SUBJECT_ACCOUNT, slice_of("joe")));
	play(e, again);
	assert_string_equal(verdicts.said, "! joe 50; ");
	assert_int_equal(engine_rule_count(e, jails->jail[0]->rule[0]), 1);
	play(e, "30 login u=joe i=10.%.0.1 x4/1s");
	assert_int_equal(engine_rule_count(e, jails->jail[0]->rule[0]), 2);
	engine_free(e);
	jail_set_free(jails);
}

/* More connections than lie with one account: their windows are forgotten too, and saved. */
static void forgives_many_connections(void **state)
{
	struct engine_options options = { .known_days = 3, .on_verdict = on_verdict };
	struct jail_set *jails =
		load("jail j { rule s { count = message by = session max = 2 findtime = 1h } }");
	struct listener verdicts = { 0 };
	struct engine *e;

	(void)state;
	options.ctx = &verdicts;
	e = engine_new(jails, &options);
	play(e, "0 message u=joe i=10.0.0.1 p=% x99/1s\n100 message u=joe i=10.0.0.1 p=% x99/1s");
	assert_string_equal(verdicts.said, "");
	engine_forget(e, engine_find(e, SUBJECT_ACCOUNT, slice_of("joe")));
	play(e, "200 message u=joe i=10.0.0.1 p=% x99/1s\n300 message u=joe i=10.0.0.1 p=% x99/1s");
	assert_string_equal(verdicts.said, "");
	play(e, "400 message u=joe i=10.0.0.1 p=99");
	assert_string_equal(verdicts.said, "! joe 100; ");
	engine_free(e);
	jail_set_free(jails);
}

static int begin(void **state)
{
	struct err err;

	(void)state;
	return filter_set_load_text(&filters, "f.conf", script_filters, &err);
}

static int end(void **state)
{
	(void)state;
	filter_set_free(filters);
	return 0;
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(contests) + 2] = {
		cmocka_unit_test(forgives),
		cmocka_unit_test(forgives_many_connections),
	};
	size_t n = 2;

	ADD_ROWS(tests, n, rows, explains);
	ADD_ROWS(tests, n, contests, finds_the_nearest);
	return _cmocka_run_group_tests(__FILE__, tests, n, begin, end);
}
