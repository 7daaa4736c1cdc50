/*
 * bench - a log in a real server's proportions
 *
 * Sessions are drawn from a table of kinds, in order of time but for their own later lines.
 * A longer log is more days of the same accounts, not busier ones: what must not grow with it
 * is the memory of who reads it.
 */
#include "tests/sim/simulate.h"

#include "core/base/mem.h"
#include "tests/sim/attack.h"
#include "tests/sim/life.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOUR = 3600000, DAY = 24 * HOUR, LINES_A_DAY = 250000 };

struct bench_run {
	struct setting in;
	struct server server;
	struct random random;
	struct account *account;
};

static struct account *anybody(struct bench_run *b)
{
	double u = random_unit(&b->random);

	/* Some people live in their mailbox, most do not. */
	return &b->account[(size_t)(u * u * b->in.accounts)];
}

static struct address where(struct bench_run *b, struct account *a, struct instant at)
{
	struct device *d = &a->device[random_below(&b->random, a->devices)];

	return account_address(a, b->in.world, d, at);
}

static void submit(struct bench_run *b, struct instant at)
{
	struct account *a = anybody(b);
	struct address ip = where(b, a, at);
	struct smtp c;

	smtp_connect(&c, &b->server, at, &ip, random_chance(&b->random, 0.75) ? submission : smtps);
	do {
		struct letter letter = { a->name, 1, 0.015, 0.02 };

		if (random_chance(&b->random, 0.15))
			letter.recipients = (unsigned int)random_between(&b->random, 2, 4);
		smtp_message(&c, &letter);
		c.at.ms += 2000;
	} while (random_chance(&b->random, 0.12));
	smtp_disconnect(&c);
}

static void read_mail(struct bench_run *b, struct instant at)
{
	struct account *a = anybody(b);
	struct address ip = where(b, a, at);

	dovecot_session(&b->server, at,
			random_chance(&b->random, 0.1) ? PROTOCOL_POP3 : PROTOCOL_IMAP, a->name,
			&ip, (int64_t)random_wait(&b->random, 150));
}

static void receive(struct bench_run *b, struct instant at)
{
	struct address ip = attack_address(b->in.world, &b->random);
	struct smtp c;

	smtp_connect(&c, &b->server, at, &ip, port25);
	smtp_inbound(&c, anybody(b)->name);
	smtp_disconnect(&c);
}

static void refuse(struct bench_run *b, struct instant at)
{
	struct address ip = attack_address(b->in.world, &b->random);
	struct smtp c;

	smtp_connect(&c, &b->server, at, &ip, port25);
	smtp_reject_listed(&c, anybody(b)->name);
	smtp_disconnect(&c);
}

static void fail_smtp(struct bench_run *b, struct instant at)
{
	struct address ip = attack_address(b->in.world, &b->random);
	char buf[NAME_TEXT];
	struct smtp c;

	smtp_connect(&c, &b->server, at, &ip, submission);
	for (int64_t n = random_between(&b->random, 1, 3); n > 0; n--)
		smtp_auth_failure(&c, attack_name(b->account, b->in.accounts, &b->random, buf));
	smtp_disconnect(&c);
}

static void fail_imap(struct bench_run *b, struct instant at)
{
	struct address ip = attack_address(b->in.world, &b->random);
	char buf[NAME_TEXT];

	dovecot_failure(&b->server, at, PROTOCOL_IMAP,
			attack_name(b->account, b->in.accounts, &b->random, buf), &ip);
}

static void warn(struct bench_run *b, struct instant at)
{
	struct address ip = attack_address(b->in.world, &b->random);
	char text[ADDRESS_TEXT];
	unsigned int pid = (unsigned int)random_between(&b->random, 1000, 32000);

	address_text(&ip, text);
	mail_log_line(b->server.log, at,
		      "postfix/smtpd[%u]: warning: hostname host%u.dyn.example does not resolve to "
		      "address "
		      "%s: Name or service not known",
		      pid, pid % 977, text);
	mail_log_line(b->server.log, at, "postfix/smtpd[%u]: connect from unknown[%s]", pid, text);
	at.ms += random_between(&b->random, 200, 60000);
	mail_log_line(b->server.log, at,
		      "postfix/smtpd[%u]: lost connection after EHLO from unknown[%s]", pid, text);
	mail_log_line(b->server.log, at,
		      "postfix/smtpd[%u]: disconnect from unknown[%s] ehlo=1 commands=1", pid,
		      text);
}

static void anvil(struct bench_run *b, struct instant at)
{
	struct address ip = attack_address(b->in.world, &b->random);
	unsigned int pid = (unsigned int)random_between(&b->random, 1000, 32000);
	char text[ADDRESS_TEXT];

	mail_log_line(
		b->server.log, at,
		"postfix/anvil[%u]: statistics: max connection rate %u/60s for (smtp:%s) at Sep  "
		"7 10:00:00",
		pid, pid % 7 + 1, address_text(&ip, text));
	mail_log_line(
		b->server.log, at,
		"postfix/anvil[%u]: statistics: max connection count %u for (smtp:%s) at Sep  7 "
		"10:00:00",
		pid, pid % 3 + 1, text);
	mail_log_line(b->server.log, at,
		      "postfix/anvil[%u]: statistics: max cache size %u at Sep  7 10:00:00", pid,
		      pid % 40);
}

/* Of 995 sessions; one line in ten is then a login, three in a hundred are failures. */
static const struct kind {
	unsigned int weight;
	void (*write)(struct bench_run *b, struct instant at);
} kinds[] = {
	{ 225, submit },   { 255, read_mail }, { 190, receive }, { 175, refuse },
	{ 75, fail_smtp }, { 25, fail_imap },  { 40, warn },     { 10, anvil },
};

static void write_lines(struct bench_run *b, int64_t lines)
{
	struct instant at = { b->in.day0 * DAY }, flushed = at;
	/* The mean session writes six lines. */
	double pause_ms = (double)DAY / LINES_A_DAY * 6;

	while ((int64_t)mail_log_lines(b->server.log) < lines) {
		size_t i = weighted_row(&kinds[0].weight, sizeof(kinds[0]), COUNT(kinds),
					random_unit(&b->random));

		kinds[i].write(b, at);
		at.ms += (int64_t)random_wait(&b->random, pause_ms);
		if (since(flushed, at) > HOUR) {
			mail_log_flush(b->server.log, at);
			flushed = at;
		}
	}
}

int bench(const struct orders *orders, struct err *err)
{
	struct bench_run b = { .server = { .tls_lines = true },
			       .in = { .seed = orders->seed,
				       .accounts = orders->accounts,
				       .days = (int)(orders->lines / LINES_A_DAY + 1),
				       .day0 = days_from_civil(2026, 9, 7) } };
	struct world *world = NULL;
	int ret = -1;

	if (world_new(&world, orders->geoip, orders->seed, err) < 0)
		return -1;
	b.in.world = world;
	if (mail_log_open(&b.server.log, orders->log, LOG_RFC3164, err) < 0)
		goto out;
	random_init(&b.random, orders->seed, UINT64_MAX - 1);
	random_init(&b.server.random, orders->seed, UINT64_MAX - 2);
	b.account = xcalloc(orders->accounts, sizeof(*b.account));
	for (unsigned int i = 0; i < orders->accounts; i++)
		account_init(&b.account[i], &b.in, i);
	write_lines(&b, orders->lines);
	ret = mail_log_close(b.server.log, err);
	for (unsigned int i = 0; i < orders->accounts; i++)
		account_fini(&b.account[i]);
	free(b.account);
out:
	world_free(world);
	return ret;
}
