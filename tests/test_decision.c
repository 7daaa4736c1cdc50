/*
 * test_decision - what was decided about whom, since when, because of what
 *
 * A row is a jail, a script of events (see tests/script.h) and the decisions at its end, written
 * down. A line "TIME sweep" closes what nothing holds against any more.
 */
#include "core/decision/decision.h"

#include "tests/rows.h"
#include "tests/script.h"

static const struct row {
	const char *name;
	const char *jail;
	const char *script;
	const char *want; /* one line each: see describe() */
} rows[] = {
	{ "nothing", "jail j { rule a { count = login max = 5 } }", "0 login u=joe", "" },
	{ "a score below suspect is no case",
	  "jail j { rule a { count = login max = 0 score = 49 } }", "0 login u=joe", "" },
	{ "suspect, then act",
	  "jail j { rule a { count = login max = 0 score = 50 }\n"
	  "rule b { count = login max = 2 score = 60 } }",
	  "10 login u=joe x5/10s",
	  "act joe 110 suspect 10 act 30 cases 1 open; a@10 1/0 50, b@30 3/2 110; a 5 b 5\n" },
	{ "act at once", "jail j { rule a { count = login max = 1 } }", "10 login u=joe x3/10s",
	  "act joe 100 suspect 20 act 20 cases 1 open; a@20 2/1 100; a 3\n" },
	{ "it was graver once",
	  "jail j { rule a { count = login max = 1 score = 50 findtime = 1h }\n"
	  "rule b { count = message max = 0 score = 50 findtime = 1m } }",
	  "0 login u=joe\n10 message u=joe\n200 login u=joe",
	  "act joe 100 suspect 10 act 10 cases 1 open; a@10 2/1 100, b@10 1/0 100; a 3 b 1\n" },
	{ "the level rises by what held already",
	  "jail j { suspect = 50 threshold = 100 rule a { count = login max = 0 score = 50 "
	  "findtime = 1m }\n"
	  "rule b { count = message max = 0 score = 50 findtime = 1m } }",
	  "0 login u=joe\n10 message u=joe\n100 login u=joe\n110 message u=joe",
	  "act joe 100 suspect 0 act 10 cases 1 open; a@0 1/0 50, b@10 1/0 100; a 2 b 1\n" },
	{ "most urgent first",
	  "jail j { rule a { count = login max = 1 score = 50 } rule b { count = login max = 2 "
	  "score = 50 } }\n"
	  "jail k { rule f { count = failure by = ip max = 1 } }",
	  "0 failure i=10.9.0.1 x2/1s\n10 login u=ann x2/1s\n20 login u=bob x3/1s\n"
	  "30 login u=cid x3/1s\n40 login u=abe x2/1s",
	  "act bob 100 suspect 21 act 22 cases 1 open; a@21 2/1 50, b@22 3/2 100; a 3 b 3\n"
	  "act cid 100 suspect 31 act 32 cases 1 open; a@31 2/1 50, b@32 3/2 100; a 3 b 3\n"
	  "act 10.9.0.1 100 suspect 1 act 1 cases 1 open; f@1 2/1 100; f 2\n"
	  "  bot 10.9.0.1 2 logins\n"
	  "suspect ann 50 suspect 11 act - cases 1 open; a@11 2/1 50; a 2\n"
	  "suspect abe 50 suspect 41 act - cases 1 open; a@41 2/1 50; a 2\n" },
	{ "a suspicion is closed, its evidence kept",
	  "jail j { rule n { distinct = network max = 1 score = 50 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1\n60 login u=joe i=10.2.0.1\n1d1m sweep\n1d2m sweep\n2d login "
	  "u=joe i=10.3.0.1",
	  "suspect joe 50 suspect 60 act - cases 1 closed; n@60 2/1 50; n 2\n"
	  "  bot 10.1.0.1 1 logins\n  bot 10.2.0.1 1 logins\n" },
	{ "an account that was acted on stays open",
	  "jail j { rule n { distinct = network max = 1 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1\n60 login u=joe i=10.2.0.1\n9d sweep\n10d login u=joe "
	  "i=10.3.0.1",
	  "act joe 100 suspect 60 act 60 cases 1 open; n@60 2/1 100; n 2\n"
	  "  bot 10.1.0.1 1 logins\n  bot 10.2.0.1 1 logins\n  bot 10.3.0.1 1 logins\n" },
	{ "an address that was acted on is closed",
	  "jail j { rule f { count = failure by = ip max = 1 } }",
	  "0 failure i=10.1.0.1 x2/1s\n3d sweep\n4d failure i=10.1.0.1\n",
	  "act 10.1.0.1 100 suspect 1 act 1 cases 1 closed; f@1 2/1 100; f 2\n"
	  "  bot 10.1.0.1 2 logins\n" },
	{ "a second case, less grave: the first is shown",
	  "jail j { rule n { distinct = network max = 1 score = 50 findtime = 1h }\n"
	  "rule m { distinct = network max = 2 score = 20 findtime = 1h } }",
	  "0 login u=joe i=10.%.0.1 x3/1s\n3d sweep\n4d login u=joe i=10.1%.0.1 x2/1s\n9d sweep",
	  "suspect joe 70 suspect 1 act - cases 2 closed; n@1 2/1 50, m@2 3/2 70; n 3 m 3\n"
	  "  bot 10.1.0.1 1 logins\n  bot 10.2.0.1 1 logins\n  bot 10.3.0.1 1 logins\n" },
	{ "a second case, graver: it is shown",
	  "jail j { rule n { distinct = network max = 1 score = 50 findtime = 1h }\n"
	  "rule m { distinct = network max = 2 score = 20 findtime = 1h } }",
	  "0 login u=joe i=10.%.0.1 x2/1s\n3d sweep\n4d login u=joe i=10.1%.0.1 x3/1s",
	  "suspect joe 70 suspect 345601 act - cases 2 open before 10.2.0.1; n@345601 2/1 50, "
	  "m@345602 3/2 70; n 3 "
	  "m 3\n"
	  "  bot 10.11.0.1 1 logins\n  bot 10.12.0.1 1 logins\n  bot 10.13.0.1 1 logins\n" },
	{ "a second case, graver, closed too",
	  "jail j { rule n { distinct = network max = 1 score = 50 findtime = 1h }\n"
	  "rule m { distinct = network max = 2 score = 20 findtime = 1h } }",
	  "0 login u=joe i=10.%.0.1 x2/1s\n3d sweep\n4d login u=joe i=10.1%.0.1 x3/1s\n9d sweep",
	  "suspect joe 70 suspect 345601 act - cases 2 closed before 10.2.0.1; n@345601 2/1 50, "
	  "m@345602 3/2 70; n "
	  "3 m 3\n"
	  "  bot 10.11.0.1 1 logins\n  bot 10.12.0.1 1 logins\n  bot 10.13.0.1 1 logins\n" },
	{ "the owner's addresses are no bots",
	  "jail j { ignoreip = 10.7.0.0/16 rule n { distinct = network max = 1 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1 x4/1d\n3d12h login u=joe i=10.1.0.2\n3d12h1m login u=joe "
	  "i=10.7.0.1\n"
	  "3d12h1m login u=joe i=198.51.100.1\n3d12h2m login u=joe i=10.2.0.1\n3d12h3m login u=joe "
	  "i=10.3.0.1\n"
	  "3d12h4m login u=joe i=10.4.0.1",
	  "act joe 100 suspect 302580 act 302580 cases 1 open before 10.1.0.1; n@302580 2/1 100; n "
	  "3\n"
	  "  - 10.1.0.1 4 logins\n  - 10.1.0.2 1 logins\n  - 10.7.0.1 1 logins\n"
	  "  - 198.51.100.1 1 logins\n  bot 10.2.0.1 1 logins\n  bot 10.3.0.1 1 logins\n"
	  "  bot 10.4.0.1 1 logins\n" },
	{ "nor is where he was on the three days before",
	  "jail j { rule n { distinct = network max = 1 findtime = 1d } }",
	  "0 login u=joe i=10.1.0.1 x2/1d\n2d10h login u=joe i=10.1.0.2\n3d1m login u=joe "
	  "i=10.2.0.1",
	  "act joe 100 suspect 259260 act 259260 cases 1 open before 10.1.0.1; n@259260 2/1 100; n "
	  "2\n"
	  "  - 10.1.0.2 1 logins\n  bot 10.2.0.1 1 logins\n" },
	{ "what came before it began is no bot",
	  "jail j { rule n { distinct = network max = 1 findtime = 1h } }",
	  "0 login u=joe i=10.1.0.1\n3h login u=joe i=10.2.0.1\n3h1m login u=joe i=10.3.0.1",
	  "act joe 100 suspect 10860 act 10860 cases 1 open before 10.1.0.1; n@10860 2/1 100; n 2\n"
	  "  - 10.1.0.1 1 logins\n  bot 10.2.0.1 1 logins\n  bot 10.3.0.1 1 logins\n" },
	{ "two jails, two cases",
	  "jail j { rule a { count = login max = 0 score = 50 } }\n"
	  "jail k { rule b { count = login max = 0 } }",
	  "0 login u=joe",
	  "act joe 100 suspect 0 act 0 cases 1 open; b@0 1/0 100; b 1\n"
	  "suspect joe 50 suspect 0 act - cases 1 open; a@0 1/0 50; a 1\n" },
};

/* An address first seen at 100, by a case that began at `begin_s`. */
static const struct bot {
	const char *name;
	uint32_t begin_s;
	uint8_t flags;
	uint32_t messages, ignored;
	bool want;
} bots[] = {
	{ "bot: reads", 100, SIGHTING_IMAP, 0, 0, true },
	{ "bot: sends", 100, SIGHTING_SMTP, 1, 0, true },
	{ "bot: at home, reads", 100, SIGHTING_HOME | SIGHTING_IMAP, 0, 0, false },
	{ "bot: at home, sends", 100, SIGHTING_HOME | SIGHTING_SMTP, 1, 0, true },
	{ "bot: known, sends", 100, SIGHTING_HOME | SIGHTING_KNOWN, 1, 0, false },
	{ "bot: the server", 100, SIGHTING_OWN, 1, 0, false },
	{ "bot: a mail fetcher", 100, SIGHTING_FETCHER, 1, 0, false },
	{ "bot: ignored", 100, 0, 1, 1, false },
	{ "bot: ignored by another jail", 100, 0, 1, 2, true },
	{ "bot: seen before", 101, 0, 1, 0, false },
};

static void tells_bots(void **state)
{
	const struct bot *row = *state;
	const struct jail jail = { .name = "j" };
	const struct decision d = { .jail = &jail, .begin_s = row->begin_s };
	const struct sighting s = { .first = 100,
				    .flags = row->flags,
				    .messages = row->messages,
				    .ignored = row->ignored };

	assert_int_equal(decision_is_bot(&d, &s), row->want);
}

struct world {
	struct decisions *decisions;
	struct engine *engine;
	struct jail_set *jails;
	struct prefixset own;
};

static void on_verdict(void *ctx, const struct verdict *v)
{
	decisions_note(((struct world *)ctx)->decisions, v);
}

static void print_moment(FILE *fp, const char *what, struct instant at)
{
	if (instant_is_none(at))
		(void)fprintf(fp, " %s -", what);
	else
		(void)fprintf(fp, " %s %lld", what, (long long)(instant_s(at) - SCRIPT_T0));
}

static void print_evidence(FILE *fp, const struct decision *d)
{
	char text[ADDRESS_TEXT];
	size_t n;
	const struct sighting *s = decision_evidence(d, &n);

	for (size_t i = 0; i < n; i++)
		(void)fprintf(fp, "  %s %s %u logins\n", decision_is_bot(d, &s[i]) ? "bot" : "-",
			      prefix_text(&s[i].host, text), s[i].logins);
}

static void describe(FILE *fp, const struct decision *d)
{
	char text[ADDRESS_TEXT];

	(void)fprintf(fp, "%s %s %u", d->level == LEVEL_ACT ? "act" : "suspect", d->name, d->score);
	print_moment(fp, "suspect", d->suspect_at);
	print_moment(fp, "act", d->act_at);
	(void)fprintf(fp, " cases %u %s", d->cases, d->subject ? "open" : "closed");
	if (d->has_before)
		(void)fprintf(fp, " before %s", prefix_text(&d->before.host, text));
	for (size_t i = 0; i < d->n_steps; i++)
		(void)fprintf(fp, "%s %s@%lld %llu/%llu %u", i ? "," : ";", d->step[i].rule->name,
			      (long long)(instant_s(d->step[i].at) - SCRIPT_T0),
			      (unsigned long long)d->step[i].value,
			      (unsigned long long)d->step[i].max, d->step[i].score);
	(void)fprintf(fp, ";");
	for (size_t i = 0; i < d->jail->n_rules; i++)
		if (d->peak[i].rule)
			(void)fprintf(fp, " %s %llu", d->peak[i].rule->name,
				      (unsigned long long)d->peak[i].value);
	(void)fprintf(fp, "\n");
	print_evidence(fp, d);
}

static void begin_world(struct world *w, const char *jail)
{
	struct engine_options options = {
		.own = &w->own, .known_days = 3, .on_verdict = on_verdict, .ctx = w
	};
	struct jail_defaults defaults = { 0 };
	struct prefix p;
	struct err err;

	*w = (struct world){ 0 };
	assert_true(prefix_parse(&p, slice_of("198.51.100.0/24")));
	prefixset_add(&w->own, &p);
	prefixset_seal(&w->own);
	if (jail_set_load_text(&w->jails, "jail.conf", jail, filters, &defaults, &err) < 0)
		fail_msg("%s", err.text);
	w->engine = engine_new(w->jails, &options);
	w->decisions = decisions_new(w->engine);
}

static void end_world(struct world *w)
{
	decisions_free(w->decisions);
	engine_free(w->engine);
	jail_set_free(w->jails);
	prefixset_fini(&w->own);
}

static void play(struct world *w, const char *script)
{
	struct arena *a = arena_new();
	struct event event;

	for (const char *line = script; *line; line = script_next(line)) {
		const char *sweep = strstr(line, " sweep");
		unsigned int times;

		if (sweep && sweep < script_next(line)) {
			char *time = xstrndup(line, (size_t)(sweep - line));
			int64_t at_s;
			struct err err;

			assert_int_equal(span_parse(&at_s, time, &err), 0);
			decisions_sweep(w->decisions, instant_of_s(SCRIPT_T0 + at_s));
			free(time);
			continue;
		}
		times = script_event(&event, a, line, 1);
		for (unsigned int count = 1; count <= times; count++) {
			(void)script_event(&event, a, line, count);
			engine_event(w->engine, &event);
		}
	}
	arena_free(a);
}

static void decides(void **state)
{
	const struct row *row = *state;
	const struct decision *const *sorted;
	struct world w;
	size_t n, len;
	char *said;
	FILE *fp = open_memstream(&said, &len);

	begin_world(&w, row->jail);
	play(&w, row->script);
	sorted = decisions_sorted(w.decisions, &n);
	for (size_t i = 0; i < n; i++)
		describe(fp, sorted[i]);
	assert_int_equal(fclose(fp), 0);
	assert_string_equal(said, row->want);
	free(said);
	end_world(&w);
}

/* Rows of checkpoints, one put over the other, as a store keeps them. */
struct kept {
	struct state_row row[16];
	size_t n;
};

static void keep(void *ctx, const struct state_row *row)
{
	struct kept *k = ctx;
	size_t i = 0;

	assert_true(decisions_is_row(row));
	while (i < k->n && k->row[i].key != row->key)
		i++;
	assert_true(i < COUNT(k->row));
	if (i < k->n)
		free((char *)(uintptr_t)k->row[i].value.ptr);
	else
		k->n++;
	k->row[i] = *row;
	if (row->value.ptr)
		k->row[i].value.ptr = xstrndup(row->value.ptr, row->value.len);
}

static void restore(const struct kept *k, struct decisions *d, const struct jail_set *jails)
{
	struct err err;

	for (size_t i = 0; i < k->n; i++)
		if (k->row[i].value.ptr)
			assert_int_equal(decisions_restore(d, jails, &k->row[i], &err), 0);
}

static void drop(struct kept *k)
{
	for (size_t i = 0; i < k->n; i++)
		free((char *)(uintptr_t)k->row[i].value.ptr);
	k->n = 0;
}

struct open_cases {
	const struct decision *d[16];
	size_t n;
};

static void add_open(void *ctx, const struct decision *d)
{
	struct open_cases *all = ctx;

	assert_true(all->n < COUNT(all->d));
	all->d[all->n++] = d;
}

static int by_name(const void *a, const void *b)
{
	const struct decision *x = *(const struct decision *const *)a;
	const struct decision *y = *(const struct decision *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->jail->name, y->jail->name);
}

/* The open cases, written down; the caller's to free. */
static char *describe_open(const struct decisions *d)
{
	struct open_cases all = { .n = 0 };
	char *said;
	size_t len;
	FILE *fp = open_memstream(&said, &len);

	decisions_each(d, add_open, &all);
	qsort(all.d, all.n, sizeof(all.d[0]), by_name);
	for (size_t i = 0; i < all.n; i++)
		describe(fp, all.d[i]);
	assert_int_equal(fclose(fp), 0);
	return said;
}

/* What is open after each line is so in a process that has read the rows alone. */
static void outlives(void **state)
{
	const struct row *row = *state;
	struct kept kept = { .n = 0 };
	struct decisions *second;
	char *is, *was;
	struct world w;

	begin_world(&w, row->jail);
	decisions_keep_open_only(w.decisions, NULL, NULL);
	for (const char *line = row->script; *line; line = script_next(line)) {
		char *one = xstrndup(line, (size_t)(script_next(line) - line));

		play(&w, one);
		free(one);
		decisions_save(w.decisions, false, keep, &kept);
		second = decisions_new(w.engine);
		restore(&kept, second, w.jails);
		was = describe_open(w.decisions);
		is = describe_open(second);
		assert_string_equal(is, was);
		free(is);
		free(was);
		decisions_free(second);
	}
	end_world(&w);
	drop(&kept);
}

static void count_closed(void *ctx, const struct decision *d)
{
	assert_non_null(d->subject);
	++*(size_t *)ctx;
}

/* A process that does not end keeps no case that is over, in memory or in the store. */
static void keeps_open_only(void **state)
{
	struct kept kept = { .n = 0 };
	size_t closed = 0;
	struct world w;
	char *said;

	(void)state;
	begin_world(&w, "jail j { rule a { count = login max = 0 } }");
	decisions_keep_open_only(w.decisions, count_closed, &closed);
	play(&w, "0 login u=joe\n0 login u=ann\n0 login u=bob");
	decisions_save(w.decisions, false, keep, &kept);
	assert_int_equal(kept.n, 3);
	decisions_close(w.decisions, w.jails->jail[0],
			engine_subject(w.engine, SUBJECT_ACCOUNT, slice_of("ann"), 0));
	decisions_close(w.decisions, w.jails->jail[0],
			engine_subject(w.engine, SUBJECT_ACCOUNT, slice_of("eve"), 0));
	assert_int_equal(closed, 1);
	decisions_save(w.decisions, false, keep, &kept);
	play(&w, "5 login u=bob");
	decisions_close(w.decisions, w.jails->jail[0],
			engine_subject(w.engine, SUBJECT_ACCOUNT, slice_of("bob"), 0));
	play(&w, "6 login u=bob");
	decisions_save(w.decisions, false, keep, &kept);
	decisions_free(w.decisions);
	w.decisions = decisions_new(w.engine);
	restore(&kept, w.decisions, w.jails);
	said = describe_open(w.decisions);
	assert_string_equal(said, "act bob 100 suspect 6 act 6 cases 1 open; a@6 3/0 100; a 3\n"
				  "act joe 100 suspect 0 act 0 cases 1 open; a@0 1/0 100; a 1\n");
	free(said);
	end_world(&w);
	drop(&kept);
}

/* Another configuration: a rule is gone, one has come; a jail is gone, or is about addresses now. */
static const struct change {
	const char *name;
	const char *jail;
	const char *want;
} changes[] = {
	{ "changed: a rule is gone",
	  "jail j { rule c { count = login max = 9 } rule b { count = login max = 0 score = 60 } }",
	  "act joe 110 suspect 0 act 0 cases 1 open; b@0 1/0 110; b 1\n" },
	{ "changed: the jail is gone", "jail k { rule a { count = login max = 0 } }", "" },
	{ "changed: the jail is about addresses",
	  "jail j { rule a { count = failure by = ip max = 0 } }", "" },
};

static void bears_changes(void **state)
{
	const struct change *row = *state;
	struct kept kept = { .n = 0 }, after = { .n = 0 };
	struct world w;
	char *said;

	begin_world(&w, "jail j { rule a { count = login max = 0 score = 50 } "
			"rule b { count = login max = 0 score = 60 } }");
	play(&w, "0 login u=joe");
	decisions_save(w.decisions, true, keep, &kept);
	end_world(&w);
	begin_world(&w, row->jail);
	restore(&kept, w.decisions, w.jails);
	said = describe_open(w.decisions);
	assert_string_equal(said, row->want);
	free(said);
	/* A row that is of no use is dropped with the next checkpoint. */
	decisions_save(w.decisions, false, keep, &after);
	assert_int_equal(after.n, *row->want ? 0 : 1);
	assert_null(after.row[0].value.ptr);
	end_world(&w);
	drop(&kept);
	drop(&after);
}

/* Names that attackers invent push each other out, but none against which something holds. */
static void keeps_what_it_holds(void **state)
{
	const struct decision *const *sorted;
	struct world w;
	size_t n;

	(void)state;
	begin_world(&w, "jail j { rule g { count = failure max = 1 findtime = 1d } }");
	play(&w, "0 failure u=victim i=10.1.0.1 x2/1s\n10 failure u=u% i=10.2.0.1 x150000/0s\n");
	sorted = decisions_sorted(w.decisions, &n);
	assert_int_equal(n, 1);
	assert_string_equal(sorted[0]->subject->name, "victim");
	play(&w, "20 failure u=victim i=10.3.0.1");
	sorted = decisions_sorted(w.decisions, &n);
	assert_int_equal(n, 1);
	(void)decision_evidence(sorted[0], &n);
	assert_int_equal(n, 2);
	end_world(&w);
}

/* A case of many steps keeps the first of them. */
static void bounds_its_steps(void **state)
{
	const struct decision *const *sorted;
	char *jail;
	struct world w;
	size_t n, len;
	FILE *fp = open_memstream(&jail, &len);

	(void)state;
	(void)fputs("jail j {\n", fp);
	for (int i = 0; i < 60; i++)
		(void)fprintf(fp, "rule r%d { count = login max = %d findtime = 1h }\n", i, i);
	(void)fputs("}", fp);
	assert_int_equal(fclose(fp), 0);
	begin_world(&w, jail);
	play(&w, "0 login u=joe x60/1s");
	sorted = decisions_sorted(w.decisions, &n);
	assert_int_equal(n, 1);
	assert_int_equal(sorted[0]->n_steps, STEPS_MOST);
	assert_int_equal(sorted[0]->score, 6000);
	end_world(&w);
	free(jail);
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
	struct CMUnitTest tests[2 * COUNT(rows) + COUNT(bots) + COUNT(changes) + 3] = {
		cmocka_unit_test(keeps_what_it_holds),
		cmocka_unit_test(bounds_its_steps),
		cmocka_unit_test(keeps_open_only),
	};
	size_t n = 3;

	ADD_ROWS(tests, n, rows, decides);
	ADD_ROWS(tests, n, rows, outlives);
	ADD_ROWS(tests, n, changes, bears_changes);
	ADD_ROWS(tests, n, bots, tells_bots);
	return _cmocka_run_group_tests(__FILE__, tests, n, begin, end);
}
