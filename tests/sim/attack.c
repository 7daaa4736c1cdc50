/*
 * attack - the failures that every mail server logs day and night
 *
 * None of this ever succeeds: it is what a rule about failures has to see through, since the
 * names are often right and their owners log in meanwhile.
 */
#include "tests/sim/attack.h"

#include "core/base/mem.h"

#include <stddef.h>
#include <stdio.h>

enum { MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static const char *const invented[] = { "admin",  "test",    "user",   "postmaster", "support",
					"backup", "scanner", "office", "webmaster",  "sales",
					"mysql",  "oracle",  "nobody", "contact",    "noreply" };

struct attack {
	struct range a_day;     /* how many such attacks begin on a day of 5000 accounts */
	struct range addresses; /* that take part */
	struct range names;     /* each address tries; {0, 0}: one name, the same for all */
	struct range tries;     /* of each address on each name */
	double seconds;         /* mean pause between two tries of one address */
};

static const struct attack attacks[] = {
	/* spraying: a few passwords on many names */
	{ { 4, 12 }, { 1, 3 }, { 30, 200 }, { 1, 1 }, 40 },
	/* brute force: one address, one name, until it is tired */
	{ { 6, 16 }, { 1, 1 }, { 1, 2 }, { 15, 250 }, 7 },
	/* one name from a hundred addresses, a try or two each */
	{ { 1, 4 }, { 40, 150 }, { 0, 0 }, { 1, 2 }, 900 },
	/* single knocks of machines that are never seen again */
	{ { 60, 140 }, { 1, 1 }, { 1, 2 }, { 1, 3 }, 20 },
};

struct address attack_address(const struct world *w, struct random *r)
{
	const struct country *c = world_pick(w, offsetof(struct country, bots), r);
	const struct isp *hoster = random_chance(r, 0.4) ? world_hoster(w, c, r) : NULL;

	return isp_address(hoster ? hoster : world_isp(w, c, r), r);
}

const char *attack_name(const struct account *accounts, unsigned int n, struct random *r,
			char buf[NAME_TEXT])
{
	if (random_chance(r, 0.4))
		return accounts[random_below(r, n)].name;
	snprintf(buf, NAME_TEXT, "%s%.0u@example.org", invented[random_below(r, COUNT(invented))],
		 (unsigned int)random_below(r, 4));
	return buf;
}

static void knock(struct server *s, struct instant at, const struct address *ip, const char *name,
		  bool smtp)
{
	struct smtp c;

	if (!smtp) {
		dovecot_failure(s, at, PROTOCOL_IMAP, name, ip);
		return;
	}
	smtp_connect(&c, s, at, ip, submission);
	smtp_auth_failure(&c, name);
	smtp_disconnect(&c);
}

/* One address at work. */
static void attacker(const struct attack *attack, struct server *s, const struct setting *in,
		     const struct account *accounts, const char *target, struct random *r,
		     struct instant at)
{
	struct address ip = attack_address(in->world, r);
	int names = target ? 1 : random_in(r, attack->names);
	bool smtp = random_chance(r, 0.7);

	for (; names > 0; names--) {
		char buf[NAME_TEXT];
		const char *name = target ? target : attack_name(accounts, in->accounts, r, buf);

		for (int tries = random_in(r, attack->tries); tries > 0; tries--) {
			knock(s, at, &ip, name, smtp);
			at.ms += 1000 + (int64_t)random_wait(r, attack->seconds * 1000);
		}
	}
}

void attack_day(struct server *s, const struct setting *in, const struct account *accounts,
		struct random *r, int64_t day)
{
	for (size_t i = 0; i < COUNT(attacks); i++)
		for (int n = random_in(r, attacks[i].a_day); n > 0; n--) {
			struct instant from = { day * DAY + random_between(r, 0, DAY - 1) };
			bool shared = attacks[i].names.hi == 0;
			char buf[NAME_TEXT];
			const char *target =
				shared ? attack_name(accounts, in->accounts, r, buf) : NULL;

			for (int k = random_in(r, attacks[i].addresses); k > 0; k--)
				attacker(&attacks[i], s, in, accounts, target, r,
					 (struct instant){ from.ms +
							   random_between(r, 0, 6 * HOUR) });
		}
}
