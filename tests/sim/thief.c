/*
 * thief - how stolen accounts are used
 *
 * A kind of theft is a row: how the password was had, who reads the mail first, how many bots
 * from how many countries send, and how they spread their messages over time. All lines of an
 * incident are written on its first day, each with its own time; the log keeps them until then.
 * BUGS: the thief never learns that the account was blocked, so what it does after that is
 * more than a real one would do.
 */
#include "tests/sim/thief.h"

#include "core/base/mem.h"

#include <stddef.h>
#include <stdlib.h>

enum { MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

enum origin {
	FROM_WORLD, /* access lines and some rented servers, as many countries as the row says */
	FROM_HOME,  /* access lines of the owner's own country */
	FROM_OWNER, /* malware on the owner's machine */
};

struct theft {
	const char *name;
	unsigned int weight;
	enum origin origin;
	struct range guesses;    /* failures with the right name, before it opens */
	struct range harvesters; /* bots that read the mailbox first */
	struct range bots, countries;
	struct range minutes;  /* over which the sending spreads */
	struct range messages; /* a bot's, in one visit or, with a pause, ... */
	int pause_minutes;     /* ... one a visit, so far apart, until the time is over */
	struct range recipients;
	double bounces;
};

static const struct theft thefts[] = {
	{ "fast-botnet", 36, FROM_WORLD, .bots = { 30, 200 }, .countries = { 20, 45 },
	  .minutes = { 40, 120 }, .messages = { 1, 3 }, .recipients = { 10, 50 }, .bounces = 0.15 },
	{ "slow-botnet", 12, FROM_WORLD, .bots = { 8, 40 }, .countries = { 6, 20 },
	  .minutes = { 2 * 1440, 5 * 1440 }, .pause_minutes = 60, .messages = { 1, 1 },
	  .recipients = { 5, 30 }, .bounces = 0.12 },
	{ "trickle-botnet", 8, FROM_WORLD, .bots = { 60, 120 }, .countries = { 12, 30 },
	  .minutes = { 3 * 1440, 5 * 1440 }, .messages = { 1, 1 }, .recipients = { 2, 12 },
	  .bounces = 0.08 },
	{ "same-country", 14, FROM_HOME, .bots = { 20, 80 }, .countries = { 1, 1 },
	  .minutes = { 60, 240 }, .messages = { 1, 3 }, .recipients = { 10, 50 }, .bounces = 0.15 },
	{ "trojan-own-pc", 8, FROM_OWNER, .bots = { 1, 1 }, .countries = { 1, 1 },
	  .minutes = { 1, 10 }, .messages = { 200, 800 }, .recipients = { 1, 20 },
	  .bounces = 0.12 },
	{ "trojan-foreign", 8, FROM_WORLD, .bots = { 1, 1 }, .countries = { 1, 1 },
	  .minutes = { 1, 10 }, .messages = { 200, 800 }, .recipients = { 1, 20 },
	  .bounces = 0.12 },
	{ "harvest-burst", 12, FROM_WORLD, .harvesters = { 3, 10 }, .bots = { 15, 80 },
	  .countries = { 8, 30 }, .minutes = { 60, 120 }, .messages = { 1, 3 },
	  .recipients = { 10, 50 }, .bounces = 0.15 },
	{ "guessed", 12, FROM_WORLD, .guesses = { 100, 600 }, .bots = { 1, 6 },
	  .countries = { 1, 3 }, .minutes = { 20, 180 }, .messages = { 30, 120 },
	  .recipients = { 5, 40 }, .bounces = 0.15 },
};

const char *theft_name(const struct theft *theft)
{
	return theft->name;
}

void incident_plan(struct incident *i, const struct account *a, const struct setting *in,
		   struct random *r, unsigned int nth)
{
	double u = spread(in->seed + 500, nth);
	int64_t last = in->day0 + (in->days > 8 ? in->days - 6 : in->days - 1);
	int64_t learned = a->first_day + 14;

	i->theft = &thefts[weighted_row(&thefts[0].weight, sizeof(thefts[0]), COUNT(thefts), u)];
	/* Most passwords are old when they are sold, but some are caught on the first day. */
	if (random_chance(r, 0.15) || learned > last)
		i->day = a->first_day + random_between(r, 0, 5);
	else
		i->day = random_between(r, learned, last);
	if (i->day > last)
		i->theft = NULL;
}

static void note(struct incident *i, struct instant at, const struct address *ip)
{
	i->login = array_grow(i->login, i->n, &i->cap, sizeof(*i->login));
	i->login[i->n++] = (struct bot_login){ at, *ip };
}

/* Countries that a botnet's machines for this job sit in. */
struct botnet {
	const struct world *world;
	const struct country *country[64];
	size_t n;
};

static void botnet_init(struct botnet *b, const struct theft *theft, const struct account *a,
			const struct world *w, struct random *r)
{
	size_t want = (size_t)random_in(r, theft->countries);

	*b = (struct botnet){ .world = w };
	if (want > world_countries(w))
		want = world_countries(w);
	if (theft->origin == FROM_HOME)
		b->country[b->n++] = a->home;
	while (b->n < want) {
		const struct country *c = world_pick(w, offsetof(struct country, bots), r);
		size_t i = 0;

		while (i < b->n && b->country[i] != c)
			i++;
		if (i == b->n && (c != a->home || want > 1))
			b->country[b->n++] = c;
	}
}

static struct address bot_address(const struct botnet *b, struct random *r)
{
	const struct country *c = b->country[random_below(r, b->n)];
	const struct isp *hoster =
		b->n > 1 && random_chance(r, 0.15) ? world_hoster(b->world, c, r) : NULL;

	return isp_address(hoster ? hoster : world_isp(b->world, c, r), r);
}

static struct instant within(struct random *r, struct instant from, int64_t span_ms)
{
	return (struct instant){ from.ms + random_between(r, 0, span_ms) };
}

/* Weeks of trying, as far as this log shows them: a few addresses a night, then it fits. */
static void guess(const struct theft *theft, struct account *a, struct server *s,
		  const struct botnet *b, struct instant opened, struct random *r)
{
	struct botnet guessers = { .world = b->world };
	int64_t span = random_between(r, 12, 48) * HOUR;
	int left = random_in(r, theft->guesses);

	for (guessers.n = 0; guessers.n < 25; guessers.n++)
		guessers.country[guessers.n] =
			world_pick(b->world, offsetof(struct country, bots), r);
	while (left > 0) {
		struct address ip = bot_address(&guessers, r);
		int64_t tries = random_between(r, 1, 6);
		struct instant at = { opened.ms - random_between(r, 1, span) };

		for (; tries > 0 && left > 0 && at.ms < opened.ms; tries--, left--, at.ms += 20000)
			dovecot_failure(s, at, PROTOCOL_IMAP, a->name, &ip);
	}
}

/* Mailboxes are read for addresses and invoices before they are used up. Returns the burst. */
static struct instant harvest(struct incident *i, struct account *a, struct server *s,
			      const struct botnet *b, struct instant from, struct random *r)
{
	int readers = random_in(r, i->theft->harvesters);
	int64_t span = random_between(r, 6, 48) * HOUR;

	for (; readers > 0; readers--) {
		struct address ip = bot_address(b, r);
		int64_t visits = random_between(r, 1, 3);

		for (struct instant at = within(r, from, span); visits > 0; visits--) {
			dovecot_session(s, at, PROTOCOL_IMAP, a->name, &ip,
					random_between(r, 5, 600));
			note(i, at, &ip);
			at.ms += random_between(r, 5, 300) * MINUTE;
		}
	}
	return (struct instant){ from.ms + span + HOUR };
}

/* A visit: one connection, and in it so many messages. */
static void visit(struct incident *i, struct account *a, struct server *s, struct instant at,
		  const struct address *ip, int messages, struct random *r)
{
	struct smtp c;

	smtp_connect(&c, s, at, ip, random_chance(r, 0.7) ? submission : smtps);
	for (; messages > 0; messages--) {
		struct letter letter = { a->name, (unsigned int)random_in(r, i->theft->recipients),
					 i->theft->bounces, 0.05 };

		note(i, smtp_message(&c, &letter), ip);
		c.at.ms += random_between(r, 300, 9000);
	}
	smtp_disconnect(&c);
}

/* Where malware sits: a machine that is the owner's, rather than a server that fetches the mail. */
static struct device *owner_machine(struct account *a)
{
	for (size_t i = 0; i < a->devices; i++)
		if (a->device[i].habit->place < PLACE_VPN)
			return &a->device[i];
	return &a->device[0];
}

static void send_spam(struct incident *i, struct account *a, struct server *s,
		      const struct botnet *b, struct instant from, struct random *r)
{
	const struct theft *theft = i->theft;
	int64_t span = (int64_t)random_in(r, theft->minutes) * MINUTE;
	double pause = theft->pause_minutes * (double)MINUTE;

	for (int bots = random_in(r, theft->bots); bots > 0; bots--) {
		struct address ip = theft->origin == FROM_OWNER
					    ? account_address(a, b->world, owner_machine(a), from)
					    : bot_address(b, r);
		struct instant at = within(r, from, pause > 0 ? (int64_t)pause : span);

		do {
			visit(i, a, s, at, &ip, random_in(r, theft->messages), r);
			at.ms += MINUTE + (int64_t)random_wait(r, pause);
		} while (pause > 0 && at.ms < from.ms + span);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct bot_login *x = a, *y = b;

	return x->at.ms < y->at.ms ? -1 : x->at.ms > y->at.ms;
}

void incident_write(struct incident *i, struct account *a, struct server *s,
		    const struct setting *in)
{
	struct random *r = &a->random;
	struct instant at = within(r, (struct instant){ i->day * DAY }, DAY - 1);
	struct botnet bots;

	botnet_init(&bots, i->theft, a, in->world, r);
	if (i->theft->guesses.hi > 0) {
		at.ms += 2 * DAY;
		guess(i->theft, a, s, &bots, at, r);
	}
	if (i->theft->harvesters.hi > 0)
		at = harvest(i, a, s, &bots, at, r);
	send_spam(i, a, s, &bots, at, r);
	qsort(i->login, i->n, sizeof(*i->login), by_time);
}

void incident_fini(struct incident *i)
{
	free(i->login);
}
