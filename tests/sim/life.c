/*
 * life - what owners do with their accounts, day by day
 *
 * A class of accounts is a row: its devices, and how often its owner travels, mistypes or
 * sends a newsletter. Rates are those of ordinary servers, the nasty side included: nothing
 * here was chosen with a rule's limit in view.
 */
#include "tests/sim/life.h"

#include "core/base/mem.h"

#include <stddef.h>
#include <stdlib.h>

enum { MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/* place, mobile, machine, has, count, logins, messages */
static const struct class classes[] = {
	{ .name = "single-device",
	  .weight = 290,
	  .habit = { { PLACE_DYNAMIC, .has = 1, .logins = 2, .messages = 0.6 } },
	  .trips = 0.1,
	  .mistype = 0.004 },
	{ .name = "several-devices",
	  .weight = 240,
	  .habit = { { PLACE_DYNAMIC, .has = 1, .logins = 2, .messages = 0.5 },
		     { PLACE_OFFICE, .has = 0.7, .logins = 3, .messages = 2 },
		     { PLACE_CARRIER, .mobile = true, .has = 0.9, .logins = 4, .messages = 0.4 },
		     { PLACE_DYNAMIC, .mobile = true, .has = 0.3, .logins = 1, .messages = 0.3 } },
	  .trips = 0.4,
	  .outing = 0.02,
	  .mistype = 0.004 },
	{ .name = "carrier-nat",
	  .weight = 110,
	  .habit = { { PLACE_CARRIER, .mobile = true, .has = 1, .logins = 14, .messages = 1.2 },
		     { PLACE_CARRIER, .mobile = true, .has = 0.2, .logins = 8, .messages = 0.5 } },
	  .trips = 0.3,
	  .outing = 0.03,
	  .mistype = 0.003,
	  .bad_phone = 0.02 },
	{ .name = "ipv6-privacy",
	  .weight = 90,
	  .habit = { { PLACE_HOME_V6, .has = 1, .logins = 3, .messages = 0.8 },
		     { PLACE_CARRIER_V6, .mobile = true, .has = 0.8, .logins = 8,
		       .messages = 0.4 } },
	  .trips = 0.3,
	  .outing = 0.01,
	  .mistype = 0.004 },
	{ .name = "traveller",
	  .weight = 45,
	  .habit = { { PLACE_DYNAMIC, .has = 1, .logins = 3, .messages = 0.3 },
		     { PLACE_CARRIER, .mobile = true, .has = 1, .logins = 7, .messages = 1 },
		     { PLACE_DYNAMIC, .mobile = true, .has = 0.9, .logins = 3, .messages = 3 },
		     { PLACE_DYNAMIC, .mobile = true, .has = 0.4, .logins = 3, .messages = 0.2 } },
	  .trips = 4,
	  .outing = 0.06,
	  .mistype = 0.006 },
	{ .name = "vpn",
	  .weight = 40,
	  .habit = { { PLACE_VPN, .mobile = true, .has = 1, .logins = 5, .messages = 1.5 },
		     { PLACE_CARRIER, .mobile = true, .has = 0.8, .logins = 5, .messages = 0.5 },
		     { PLACE_VPN, .mobile = true, .has = 0.4, .logins = 4, .messages = 0.5 } },
	  .trips = 0.5,
	  .outing = 0.02,
	  .mistype = 0.004 },
	{ .name = "webmail",
	  .weight = 70,
	  .habit = { { PLACE_WEBMAIL, .has = 1, .logins = 9, .messages = 1.5 },
		     { PLACE_CARRIER, .mobile = true, .has = 0.4, .logins = 3, .messages = 0.2 } },
	  .trips = 0.3,
	  .mistype = 0.003 },
	{ .name = "fetcher-google",
	  .weight = 26,
	  .habit = { { PLACE_GOOGLE, .machine = true, .has = 1, .logins = 24, .messages = 1.5 },
		     { PLACE_CARRIER, .mobile = true, .has = 0.3, .logins = 2, .messages = 0.2 } },
	  .trips = 0.3,
	  .mistype = 0.001 },
	{ .name = "fetcher-microsoft",
	  .weight = 22,
	  .habit = { { PLACE_MICROSOFT, .machine = true, .has = 1, .logins = 20, .messages = 1.5 },
		     { PLACE_OFFICE, .has = 0.4, .logins = 2, .messages = 1 } },
	  .trips = 0.2,
	  .mistype = 0.001 },
	{ .name = "shared-mailbox",
	  .weight = 16,
	  .local_part = "info",
	  .habit = { { PLACE_OFFICE, .has = 1, .count = { 3, 8 }, .logins = 4, .messages = 3 },
		     { PLACE_DYNAMIC, .has = 0.7, .count = { 1, 5 }, .logins = 2, .messages = 0.5 },
		     { PLACE_CARRIER, .mobile = true, .has = 0.9, .count = { 1, 4 }, .logins = 6,
		       .messages = 0.3 } },
	  .trips = 0.5,
	  .outing = 0.03,
	  .mistype = 0.01,
	  .bad_phone = 0.05 },
	{ .name = "newsletter",
	  .weight = 8,
	  .local_part = "news",
	  .habit = { { PLACE_OFFICE, .has = 1, .logins = 3, .messages = 2 },
		     { PLACE_DYNAMIC, .mobile = true, .has = 0.4, .logins = 1, .messages = 0.5 } },
	  .trips = 0.2,
	  .mistype = 0.003,
	  .campaigns = 6 },
	{ .name = "scanner",
	  .weight = 1,
	  .local_part = "tickets",
	  .habit = { { PLACE_STATIC, .machine = true, .has = 1, .logins = 24, .messages = 300 } } },
	{ .name = "office-nat",
	  .weight = 16,
	  .habit = { { PLACE_OFFICE, .has = 1, .logins = 4, .messages = 2 },
		     { PLACE_OFFICE, .has = 1, .logins = 4, .messages = 0.2 } },
	  .mistype = 0.005,
	  .bad_phone = 0.9 },
	{ .name = "mistyper",
	  .weight = 25,
	  .habit = { { PLACE_DYNAMIC, .has = 1, .logins = 2, .messages = 0.8 },
		     { PLACE_CARRIER, .mobile = true, .has = 0.7, .logins = 2, .messages = 0.2 } },
	  .trips = 0.3,
	  .outing = 0.02,
	  .mistype = 0.25,
	  .bad_phone = 0.3 },
};

/* How people's use spreads over the hours of the day (UTC; most of them live in Spain). */
static const unsigned int hours[24] = { 4,  2,  1,  1,  1,  4,  14, 30, 40, 38, 36, 34,
					28, 26, 30, 32, 30, 30, 28, 26, 24, 20, 14, 8 };

const struct class *class_pick(double u)
{
	return &classes[weighted_row(&classes[0].weight, sizeof(classes[0]), COUNT(classes), u)];
}

unsigned int letter_recipients(struct random *r)
{
	double u = random_unit(r);

	if (u < 0.80)
		return 1;
	return (unsigned int)(u < 0.98 ? random_between(r, 2, 5) : random_between(r, 6, 40));
}

static struct instant time_of_day(struct random *r, const struct habit *habit, int64_t day)
{
	int64_t ms = random_between(r, 0, HOUR - 1);
	size_t hour = habit->machine ? random_below(r, 24)
				     : weighted_row(hours, sizeof(hours[0]), 24, random_unit(r));

	return (struct instant){ day * DAY + (int64_t)hour * HOUR + ms };
}

static const char *smtp_service(struct random *r)
{
	return random_chance(r, 0.75) ? submission : smtps;
}

/* A finger slips; a few tries later it is the right password. */
static void mistype(struct account *a, struct server *s, struct instant at,
		    const struct address *ip)
{
	int64_t tries = random_between(&a->random, 1, 6);

	if (!random_chance(&a->random, a->class->mistype))
		return;
	for (at.ms -= tries * 15000; tries > 0; tries--, at.ms += 9000)
		dovecot_failure(s, at, PROTOCOL_IMAP, a->name, ip);
}

static void read_mail(struct account *a, struct server *s, const struct world *w, struct device *d,
		      struct instant at)
{
	struct address ip = account_address(a, w, d, at);
	enum protocol protocol = d->habit->place == PLACE_GOOGLE ? PROTOCOL_POP3 : PROTOCOL_IMAP;
	int64_t seconds = (int64_t)random_wait(&a->random, d->habit->machine ? 20 : 900);

	mistype(a, s, at, &ip);
	dovecot_session(s, at, protocol, a->name, &ip, seconds);
	account_seen(a, &ip, at);
}

static void send_mail(struct account *a, struct server *s, const struct world *w, struct device *d,
		      struct instant at)
{
	struct address ip = account_address(a, w, d, at);
	struct letter letter = { a->name, letter_recipients(&a->random), 0.015, 0.02 };
	struct smtp c;

	smtp_connect(&c, s, at, &ip, smtp_service(&a->random));
	smtp_message(&c, &letter);
	smtp_disconnect(&c);
	account_seen(a, &ip, at);
}

/* A newsletter: one message to all, or one each, from a list that is not quite fresh. */
static void campaign(struct account *a, struct server *s, const struct world *w, struct instant at)
{
	struct random *r = &a->random;
	struct address ip = account_address(a, w, &a->device[0], at);
	struct letter letter = { a->name, (unsigned int)random_between(r, 500, 3000), 0.03, 0.02 };
	unsigned int messages = 1;
	struct smtp c;

	if (random_chance(r, 0.5)) {
		messages = letter.recipients;
		letter.recipients = 1;
	} else if (random_chance(r, 0.5)) {
		messages = letter.recipients / 50;
		letter.recipients = 50;
	}
	smtp_connect(&c, s, at, &ip, submission);
	for (unsigned int i = 0; i < messages; i++) {
		smtp_message(&c, &letter);
		c.at.ms += random_between(r, 50, 4000);
	}
	smtp_disconnect(&c);
	account_seen(a, &ip, at);
}

/* The forgotten phone knocks every few minutes, by day, from wherever it is. */
static void bad_phone(struct account *a, struct server *s, const struct world *w, int64_t day)
{
	struct instant at = { day * DAY }, end = { (day + 1) * DAY };
	struct address ip;

	if (end.ms <= a->bad_from.ms || at.ms >= a->bad_to.ms)
		return;
	if (at.ms < a->bad_from.ms)
		at = a->bad_from;
	if (end.ms > a->bad_to.ms)
		end = a->bad_to;
	for (; at.ms < end.ms; at.ms += (int64_t)random_wait(&a->random, 4.0 * MINUTE)) {
		int64_t hour = at.ms % DAY / HOUR;

		if (hour < 6 || hour >= 18)
			continue;
		ip = account_address(a, w, a->bad, at);
		dovecot_failure(s, at, PROTOCOL_IMAP, a->name, &ip);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct instant *x = a, *y = b;

	return x->ms < y->ms ? -1 : x->ms > y->ms;
}

/* Sessions of one kind in order of time: addresses change along with it. */
static void device_day(struct account *a, struct server *s, const struct world *w, struct device *d,
		       int64_t day, double mean,
		       void (*session)(struct account *, struct server *, const struct world *,
				       struct device *, struct instant))
{
	struct instant at[512];
	size_t n = random_poisson(&a->random, mean);

	if (n == 0)
		return;
	if (n > COUNT(at))
		n = COUNT(at);
	for (size_t i = 0; i < n; i++)
		at[i] = time_of_day(&a->random, d->habit, day);
	qsort(at, n, sizeof(at[0]), by_time);
	for (size_t i = 0; i < n; i++)
		session(a, s, w, d, at[i]);
}

/* 1970-01-01 was a Thursday. */
static bool is_weekend(int64_t day)
{
	return (day + 3) % 7 >= 5;
}

void live_day(struct account *a, struct server *s, const struct world *w, int64_t day)
{
	bool away = random_chance(&a->random, 0.06);

	if (day < a->first_day)
		return;
	bad_phone(a, s, w, day);
	for (size_t i = 0; i < a->devices; i++) {
		struct device *d = &a->device[i];
		double factor = is_weekend(day) ? (d->habit->place == PLACE_OFFICE ? 0.1 : 0.6) : 1;

		if (d->habit->machine)
			factor = 1;
		else if (away)
			continue;
		device_day(a, s, w, d, day, d->habit->logins * factor, read_mail);
		device_day(a, s, w, d, day, d->habit->messages * factor, send_mail);
	}
	if (random_chance(&a->random, a->class->campaigns / 60))
		campaign(a, s, w, time_of_day(&a->random, a->device[0].habit, day));
}
