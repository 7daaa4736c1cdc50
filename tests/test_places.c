/*
 * test_places - rules about places against counting by hand
 *
 * The engine values such a rule only when it can have risen above its max. Here seeded random
 * lives of an account go through it, and at every login what holds is compared with a count over
 * all logins so far.
 */
#include "tests/rows.h"

#include "core/rule/engine.h"

#include <string.h>

enum { EVENTS = 1200, START_S = 1700000000 };

static const char text[] =
	"jail \"j\" {\n"
	"  suspect = 1  threshold = 1000\n"
	"  rule \"few\"   { distinct = ip       by = user  max = 3   findtime = 10m  score = 1 }\n"
	"  rule \"nets\"  { distinct = network  by = user  max = 2   findtime = 1h   score = 2 }\n"
	"  rule \"many\"  { distinct = ip       by = user  max = 30  findtime = 1d   score = 8 }\n"
	"  rule \"read\"  { distinct = ip  service = { \"imap\" }  by = user  max = 5  findtime = "
	"1d  score = 16 }\n"
	"  rule \"sent\" { distinct = network  on = message  by = user  max = 4   findtime = 1h  "
	"score = 4 }\n"
	"}\n";

static const struct row {
	const char *name;
	uint32_t seed, pause_s, networks, hosts; /* pause: at most, between two logins */
} rows[] = {
	{ "seldom, few places", 1, 7200, 3, 2 },
	{ "often, few places", 2, 60, 3, 3 },
	{ "seldom, many places", 3, 3600, 9, 9 },
	{ "often, many places", 4, 90, 12, 20 },
	{ "crowded", 5, 20, 40, 20 },
	{ "one network", 6, 600, 1, 60 },
	{ "at once", 7, 1, 5, 5 },
};

struct login {
	uint32_t at_s, host, network;
	bool imap;
};

struct life {
	struct login login[EVENTS];
	unsigned int score; /* of the last verdict */
};

static void on_verdict(void *ctx, const struct verdict *v)
{
	((struct life *)ctx)->score = v->score;
}

static uint32_t draw(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % n;
}

/* What came by IMAP is a login, all else a message. */
enum which { ANY, READ, SENT };

static bool is_of(const struct login *l, enum which which)
{
	return which == ANY || l->imap == (which == READ);
}

/* How many different hosts (or networks) in the last span_s seconds, login n included. */
static unsigned int count(const struct life *l, size_t n, uint32_t span_s, bool networks,
			  enum which which)
{
	unsigned int found = 0;

	for (size_t i = 0; i <= n; i++) {
		const struct login *a = &l->login[i];
		bool again = false;

		if (l->login[n].at_s - a->at_s >= span_s || !is_of(a, which))
			continue;
		for (size_t k = 0; k < i && !again; k++) {
			const struct login *b = &l->login[k];

			again = l->login[n].at_s - b->at_s < span_s && is_of(b, which) &&
				b->network == a->network && (networks || b->host == a->host);
		}
		found += !again;
	}
	return found;
}

static unsigned int by_hand(const struct life *l, size_t n)
{
	return (count(l, n, 600, false, ANY) > 3 ? 1 : 0) +
	       (count(l, n, 3600, true, ANY) > 2 ? 2 : 0) +
	       (count(l, n, 3600, true, SENT) > 4 ? 4 : 0) +
	       (count(l, n, 86400, false, ANY) > 30 ? 8 : 0) +
	       (count(l, n, 86400, false, READ) > 5 ? 16 : 0);
}

static void log_in(struct engine *e, const struct login *l)
{
	struct event event = { .time = instant_of_s(l->at_s),
			       .kind = l->imap ? EVENT_LOGIN : EVENT_MESSAGE,
			       .has_ip = true };

	event.ip = (struct address){ .byte = { [10] = 0xff,
					       [11] = 0xff,
					       [12] = 10,
					       [13] = (uint8_t)l->network,
					       [15] = (uint8_t)l->host } };
	event.field[FIELD_USER] = slice_of("joe@example.org");
	event.field[FIELD_SERVICE] = slice_of(l->imap ? "imap" : "smtp");
	engine_event(e, &event);
}

static void check(void **state)
{
	const struct row *row = *state;
	struct life *life = xcalloc(1, sizeof(*life));
	struct jail_defaults defaults = { 0 };
	struct engine_options options = { .known_days = 10000,
					  .on_verdict = on_verdict,
					  .ctx = life };
	struct filter_set none = { 0 };
	uint32_t seed = row->seed, at_s = START_S;
	struct jail_set *jails = NULL;
	struct engine *engine;
	struct err err;

	assert_int_equal(jail_set_load_text(&jails, "test", text, &none, &defaults, &err), 0);
	engine = engine_new(jails, &options);
	for (size_t n = 0; n < EVENTS; n++) {
		at_s += draw(&seed, row->pause_s + 1);
		/* An address keeps to one service: a sighting remembers which, not when each. */
		life->login[n] = (struct login){ at_s, draw(&seed, row->hosts),
						 draw(&seed, row->networks), false };
		life->login[n].imap = (life->login[n].host + life->login[n].network) % 2;
		life->score = 0;
		log_in(engine, &life->login[n]);
		assert_int_equal(life->score, by_hand(life, n));
	}
	engine_free(engine);
	jail_set_free(jails);
	free(life);
}

RUN_ROWS(rows, check)
