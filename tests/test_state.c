/*
 * test_state - an engine that is cut off and goes on from its checkpoint
 *
 * Seeded random lives go through two engines with the shipped jails. One is never disturbed; the
 * other is saved now and then, thrown away and made anew from what was saved. They have to say the
 * same of every event.
 */
#include "core/rule/engine.h"

#include "tests/checkpoint.h"
#include "tests/rows.h"

#include <string.h>

enum { START_S = 1700000000, EVENTS = 4000, SAID_MOST = 6000 };

static struct filter_set *filters;
static struct jail_set *shipped, *one_jail;

/* What an engine said of one event. */
struct listener {
	char said[SAID_MOST];
	size_t len;
	unsigned int verdicts;
};

static void on_verdict(void *ctx, const struct verdict *v)
{
	struct listener *l = ctx;

	/* The other jails may be gone. */
	if (strcmp(v->jail->name, "stolen-account") != 0 && v->jail->index > 0)
		return;
	l->verdicts++;
	l->len += (size_t)snprintf(l->said + l->len, SAID_MOST - l->len, "%s %s %d %u since %u",
				   v->jail->name, v->subject->name, (int)v->level, v->score,
				   v->begin_s);
	for (size_t i = 0; i < v->n_findings && l->len < SAID_MOST; i++)
		l->len += (size_t)snprintf(l->said + l->len, SAID_MOST - l->len, " %s=%llu",
					   v->finding[i].rule->name,
					   (unsigned long long)v->finding[i].value);
	assert_true(l->len < SAID_MOST);
}

static const struct row {
	const char *name;
	uint32_t seed, pause_s, late_s; /* at most, between two events; how late lines are */
	unsigned int accounts, hosts;
	unsigned int save_each, cut_each; /* events between two checkpoints, two restarts */
	bool change_jails;
	size_t busy;
} rows[] = {
	{ "cut at each event", 1, 30, 0, 10, 30, 1, 1, false, 0 },
	{ "cut at each event, slowly", 2, 300, 0, 6, 60, 1, 1, false, 0 },
	{ "one account, fast", 3, 3, 0, 1, 90, 50, 50, false, 0 },
	{ "many accounts, most on the shelf", 4, 5, 0, 60, 60, 40, 400, false, 3 },
	{ "saved often, cut seldom", 5, 30, 0, 20, 40, 3, 900, false, 0 },
	{ "saved often, all on the shelf", 6, 30, 0, 20, 40, 3, 900, false, 1 },
	{ "late lines", 7, 20, 600, 8, 40, 10, 30, false, 0 },
	{ "weeks", 8, 1500, 3600, 3, 120, 20, 60, false, 4 },
	{ "other jails in between", 9, 60, 0, 12, 30, 25, 100, true, 0 },
	{ "other jails in between, most on the shelf", 10, 10, 0, 30, 50, 25, 100, true, 5 },
};

static uint32_t draw(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

/* The texts of an event. */
struct names {
	char user[40], id[24], name[40];
};

static struct slice print(char *buf, size_t size, const char *before, unsigned int n)
{
	int len = snprintf(buf, size, "%s%u", before, n);

	return (struct slice){ buf, (size_t)len };
}

static struct address random_address(const struct row *row, uint32_t *seed)
{
	struct address a = { { [10] = 0xff, [11] = 0xff, 80 } };
	uint32_t host = draw(seed, row->hosts);

	a.byte[12] = (uint8_t)(20 + host);
	a.byte[13] = (uint8_t)(host * 7);
	a.byte[15] = (uint8_t)draw(seed, 3);
	if (host % 4 == 0)
		a = (struct address){ { 0x2a, (uint8_t)host, 1, 2, 3, [15] = 9 } };
	return a;
}

static void random_event(const struct row *row, uint32_t *seed, struct event *event,
			 struct names *t, uint32_t at_s)
{
	static const enum event_kind kinds[] = { EVENT_LOGIN,   EVENT_MESSAGE, EVENT_MESSAGE,
						 EVENT_QUEUED,  EVENT_QUEUED,  EVENT_BOUNCE,
						 EVENT_REMOVED, EVENT_FAILURE, EVENT_LOGOUT };
	static const char *const services[] = { "smtp", "imap", "pop3" };
	const unsigned int user = draw(seed, row->accounts), id = draw(seed, 60);

	*event = (struct event){ .time = instant_of_s(at_s), .kind = kinds[draw(seed, 9)] };
	event->pid = draw(seed, 4);
	event->has_ip = draw(seed, 20) > 0;
	event->ip = random_address(row, seed);
	event->field[FIELD_SERVICE] = slice_of(services[draw(seed, 3)]);
	if (event->kind != EVENT_QUEUED && event->kind != EVENT_REMOVED &&
	    event->kind != EVENT_BOUNCE)
		event->field[FIELD_USER] = print(t->user, sizeof(t->user), "user", user);
	event->field[FIELD_QUEUE_ID] = print(t->id, sizeof(t->id), "Q", id);
	if (event->kind == EVENT_QUEUED && draw(seed, 10) == 0)
		event->field[FIELD_ORIG_QUEUE_ID] =
			print(t->name, sizeof(t->name), "Q", draw(seed, 60));
	event->recipients = draw(seed, 40);
	event->has_ip &= event->kind != EVENT_BOUNCE;
}

static struct engine *new_engine(const struct row *row, const struct jail_set *jails,
				 struct listener *l)
{
	struct engine_options options = {
		.known_days = 3, .busy_accounts = row->busy, .on_verdict = on_verdict, .ctx = l
	};

	return engine_new(jails, &options);
}

static void restore_row(void *ctx, const struct state_row *row)
{
	struct err err;
	int ret = engine_restore(ctx, row, &err);

	if (ret < 0)
		fail_msg("%s", err.text);
}

/* The engine's life ends; another one goes on. */
static void cut(const struct row *row, struct engine **e, struct listener *l,
		const struct checkpoint *c, unsigned int nth)
{
	engine_free(*e);
	*e = new_engine(row, row->change_jails && nth % 2 ? one_jail : shipped, l);
	checkpoint_walk(c, restore_row, *e);
	engine_restored(*e);
}

static void same_counts(const struct engine *a, const struct engine *b)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < shipped->n_jails; i++)
		for (size_t k = 0; k < shipped->jail[i]->n_rules; k++) {
			const struct rule *r = shipped->jail[i]->rule[k];

			assert_int_equal(engine_rule_count(a, r), engine_rule_count(b, r));
			sum += engine_rule_count(a, r);
		}
	assert_true(sum > 0);
}

static void goes_on(void **state)
{
	const struct row *row = *state;
	struct listener want = { 0 }, said = { 0 };
	struct engine *whole = new_engine(row, shipped, &want);
	struct engine *cut_off = new_engine(row, shipped, &said);
	uint32_t seed = row->seed, now_s = START_S;
	struct checkpoint c;

	checkpoint_init(&c);
	for (unsigned int i = 1; i <= EVENTS; i++) {
		struct event event;
		struct names t;

		now_s += draw(&seed, row->pause_s);
		random_event(row, &seed, &event, &t,
			     now_s - (row->late_s ? draw(&seed, row->late_s) : 0));
		want.len = said.len = 0;
		want.said[0] = said.said[0] = '\0';
		engine_event(whole, &event);
		engine_event(cut_off, &event);
		assert_string_equal(said.said, want.said);
		if (i % row->save_each == 0)
			engine_save(cut_off, false, checkpoint_put, &c);
		if (i % row->cut_each == 0)
			cut(row, &cut_off, &said, &c, i / row->cut_each);
	}
	assert_int_equal(engine_accounts(cut_off), engine_accounts(whole));
	assert_true(want.verdicts > 20);
	if (!row->change_jails)
		same_counts(whole, cut_off);
	checkpoint_fini(&c);
	engine_free(whole);
	engine_free(cut_off);
}

static int begin(void **state)
{
	struct jail_defaults defaults = { 0 };
	struct err err;

	(void)state;
	if (filter_set_load(&filters, "filters", &err) < 0 ||
	    jail_set_load(&shipped, "jail.d", NULL, filters, &defaults, &err) < 0 ||
	    jail_set_load(&one_jail, "jail.d", "stolen-account", filters, &defaults, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	jail_set_free(shipped);
	jail_set_free(one_jail);
	filter_set_free(filters);
	return 0;
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows)];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, goes_on);
	return _cmocka_run_group_tests(__FILE__, tests, n, begin, end);
}
