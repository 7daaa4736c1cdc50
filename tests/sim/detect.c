/*
 * detect - a log with ground truth
 *
 * Day by day every owner, every thief and the world's background noise write their lines; the
 * truth follows at the end, one JSON object an account. Names, classes and addresses are all
 * made here and need no escaping.
 */
#include "tests/sim/simulate.h"

#include "core/base/mem.h"
#include "tests/sim/attack.h"
#include "tests/sim/life.h"
#include "tests/sim/thief.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 86400000 };

static const double stolen_share = 0.03;

struct run {
	struct setting in;
	struct server server;
	struct random random;
	struct account *account;
	struct incident *incident;
};

static void run_init(struct run *run)
{
	unsigned int stolen = 0, n = run->in.accounts;

	random_init(&run->random, run->in.seed, UINT64_MAX - 1);
	random_init(&run->server.random, run->in.seed, UINT64_MAX - 2);
	run->account = xcalloc(n, sizeof(*run->account));
	run->incident = xcalloc(n, sizeof(*run->incident));
	for (unsigned int i = 0; i < n; i++) {
		account_init(&run->account[i], &run->in, i);
		if (random_chance(&run->random, stolen_share))
			incident_plan(&run->incident[i], &run->account[i], &run->in, &run->random,
				      stolen++);
	}
}

static void run_fini(struct run *run)
{
	for (unsigned int i = 0; i < run->in.accounts; i++) {
		account_fini(&run->account[i]);
		incident_fini(&run->incident[i]);
	}
	free(run->account);
	free(run->incident);
}

/* Other people's mail to the accounts, and the hosts that are turned away. */
static void inbound_day(struct run *run, int64_t day)
{
	struct random *r = &run->random;

	for (unsigned int i = 0; i < run->in.accounts / 2; i++) {
		struct instant at = { day * DAY + random_between(r, 0, DAY - 1) };
		const char *user = run->account[random_below(r, run->in.accounts)].name;
		struct address ip = attack_address(run->in.world, r);
		struct smtp c;

		smtp_connect(&c, &run->server, at, &ip, port25);
		if (random_chance(r, 0.6))
			smtp_inbound(&c, user);
		else
			smtp_reject_listed(&c, user);
		smtp_disconnect(&c);
	}
}

/* Sessions reach back a little from their first line: the last minutes of a day stay open. */
static void simulate_days(struct run *run)
{
	for (int64_t day = run->in.day0; day < run->in.day0 + run->in.days; day++) {
		for (unsigned int i = 0; i < run->in.accounts; i++) {
			struct incident *incident = &run->incident[i];

			live_day(&run->account[i], &run->server, run->in.world, day);
			if (incident->theft && incident->day == day)
				incident_write(incident, &run->account[i], &run->server, &run->in);
		}
		attack_day(&run->server, &run->in, run->account, &run->random, day);
		inbound_day(run, day);
		mail_log_flush(run->server.log, (struct instant){ (day + 1) * DAY - 300000 });
	}
}

static void write_stolen(FILE *f, const struct incident *incident)
{
	char at[INSTANT_TEXT], ip[ADDRESS_TEXT];

	fprintf(f, ",\"stolen_from\":\"%s\",\"bot_logins\":[",
		instant_rfc3339(incident->login[0].at, at));
	for (size_t i = 0; i < incident->n; i++)
		fprintf(f, "%s{\"time\":\"%s\",\"ip\":\"%s\"}", i > 0 ? "," : "",
			instant_rfc3339(incident->login[i].at, at),
			address_text(&incident->login[i].ip, ip));
	fputs("]", f);
}

static void write_footprints(FILE *f, const struct account *a, bool stolen, int64_t stolen_day)
{
	char ip[ADDRESS_TEXT], at[INSTANT_TEXT];
	const char *comma = "";

	fputs(",\"owner_ips\":[", f);
	for (size_t i = 0; i < a->footprints; i++)
		fprintf(f, "%s\"%s\"", i > 0 ? "," : "", prefix_text(&a->footprint[i].host, ip));
	fputs("],\"known_ips\":[", f);
	for (size_t i = 0; i < a->footprints; i++) {
		const struct footprint *p = &a->footprint[i];

		/* Days of an incident make nobody known. */
		if (p->known_from == 0 || (stolen && p->known_from > stolen_day))
			continue;
		fprintf(f, "%s{\"ip\":\"%s\",\"since\":\"%s\"}", comma, prefix_text(&p->host, ip),
			instant_rfc3339((struct instant){ p->known_from * DAY }, at));
		comma = ",";
	}
	fputs("]", f);
}

static void write_account(FILE *f, const struct account *a, const struct incident *incident)
{
	bool stolen = incident->n > 0;

	fprintf(f, "{\"user\":\"%s\",\"class\":\"%s\",\"life\":\"%s\",\"stolen\":%s", a->name,
		stolen ? theft_name(incident->theft) : a->class->name, a->class->name,
		stolen ? "true" : "false");
	if (stolen)
		write_stolen(f, incident);
	write_footprints(f, a, stolen, incident->day);
	fprintf(f, ",\"active_days\":%d}\n", a->active_days);
}

static int write_truth(const struct run *run, const char *path, struct err *err)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	for (unsigned int i = 0; i < run->in.accounts; i++)
		write_account(f, &run->account[i], &run->incident[i]);
	if (ferror(f) | fclose(f))
		return err_set(err, EIO, "%s: cannot be written", path);
	return 0;
}

static int write_networks(const struct world *w, const char *path, struct err *err)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	world_write_networks(w, f);
	if (ferror(f) | fclose(f))
		return err_set(err, EIO, "%s: cannot be written", path);
	return 0;
}

int detect(const struct orders *orders, struct err *err)
{
	struct run run = { .in = { .seed = orders->seed,
				   .accounts = orders->accounts,
				   .days = orders->days,
				   .day0 = days_from_civil(2026, 9, 7) },
			   .server = { .names_failures = true,
				       .auth_verbose = orders->auth_verbose } };
	struct world *world = NULL;
	int ret = -1;

	if (world_new(&world, orders->geoip, orders->seed, err) < 0)
		return -1;
	run.in.world = world;
	if (mail_log_open(&run.server.log, orders->log, orders->rfc3164 ? LOG_RFC3164 : LOG_RFC3339,
			  err) < 0)
		goto out;
	run_init(&run);
	simulate_days(&run);
	if (mail_log_close(run.server.log, err) < 0 || write_truth(&run, orders->truth, err) < 0 ||
	    (orders->networks && write_networks(world, orders->networks, err) < 0))
		goto out_run;
	ret = 0;
out_run:
	run_fini(&run);
out:
	world_free(world);
	return ret;
}
