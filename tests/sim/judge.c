/*
 * judge - how well did a scan decide?
 *
 * Reads the simulator's truth and what `postern scan --json` found, and prints what a buyer
 * would ask: how many stolen accounts were stopped and after how much damage, and how many
 * customers were locked out for nothing. With --require the promises decide the exit status.
 *
 * An account that was acted on before it was stolen counts as an innocent of its owner's class.
 */
#include "tests/sim/judge.h"

#include "core/base/mem.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATEST_LOGIN = 12 };

static const double most_per_100k_days = 1;

/* Values of which a table shows the middle and the ends. */
struct sample {
	double *value;
	size_t n, cap;
};

struct tally {
	size_t accounts, acted, suspected, early, told;
	int64_t active_days;
	struct sample logins, minutes;
	size_t bots, bots_listed; /* hosts of the thief's, of accounts that were acted on */
	size_t owner_banned, known_banned;
};

/* One of the promises that did not hold. */
struct breaches {
	size_t n;
};

static void sample_add(struct sample *s, double value)
{
	s->value = array_grow(s->value, s->n, &s->cap, sizeof(*s->value));
	s->value[s->n++] = value;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Nearest rank; the sample is sorted. NAN where it is empty. */
static double sample_at(const struct sample *s, double share)
{
	size_t rank = (size_t)ceil(share * (double)s->n);

	return s->n == 0 ? (double)NAN : s->value[rank > 0 ? rank - 1 : 0];
}

static double share(size_t part, size_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : (double)NAN;
}

static bool acted(const struct subject *s)
{
	return !instant_is_none(s->found.act_at);
}

static bool acted_early(const struct subject *s)
{
	return acted(s) && (!s->stolen || s->found.act_at.ms < s->stolen_from.ms);
}

static bool suspected_early(const struct subject *s)
{
	struct instant at = s->found.suspect_at;

	return s->found.jail && (!s->stolen || (!instant_is_none(at) && at.ms < s->stolen_from.ms));
}

static void tally_bans(struct tally *t, const struct subject *s)
{
	for (size_t i = 0; i < s->banned.n; i++) {
		const struct sighting *known = sightings_find(&s->known, &s->banned.item[i].host);

		if (sightings_find(&s->owner, &s->banned.item[i].host))
			t->owner_banned++;
		if (known && known->at.ms <= s->banned.item[i].at.ms)
			t->known_banned++;
	}
}

/* Each of the thief's hosts once: at its first login. */
static void tally_bots(struct tally *t, const struct subject *s)
{
	for (size_t i = 0; i < s->logins.n; i++) {
		const struct address *host = &s->logins.item[i].host;
		size_t k = 0;

		while (k < i && !address_equal(&s->logins.item[k].host, host))
			k++;
		if (k < i)
			continue;
		t->bots++;
		t->bots_listed += sightings_find(&s->banned, host) != NULL;
	}
}

/* The logins up to the decision, the one that tripped it included. */
static size_t logins_before_act(const struct subject *s)
{
	size_t n = 0;

	while (n < s->logins.n && s->logins.item[n].at.ms <= s->found.act_at.ms)
		n++;
	return n;
}

static void tally_stolen(struct tally *t, const struct subject *s)
{
	t->accounts++;
	t->suspected += s->found.jail != NULL;
	if (!acted(s))
		return;
	t->acted++;
	t->early += acted_early(s);
	tally_bots(t, s);
	tally_bans(t, s);
	if (acted_early(s))
		return;
	sample_add(&t->logins, (double)logins_before_act(s));
	sample_add(&t->minutes, (double)since(s->stolen_from, s->found.act_at) / 60000);
}

static void tally_innocent(struct tally *t, const struct subject *s)
{
	t->acted += acted_early(s);
	t->suspected += suspected_early(s);
	if (s->stolen)
		return;
	t->accounts++;
	t->active_days += s->active_days;
	t->told += s->found.cases;
	tally_bans(t, s);
}

static struct tally *tally(const struct judgement *j)
{
	struct tally *tallies = xcalloc(j->classes, sizeof(*tallies));

	for (size_t i = 0; i < j->subjects; i++) {
		const struct subject *s = &j->subject[i];

		if (s->stolen)
			tally_stolen(&tallies[s->class], s);
		tally_innocent(&tallies[s->life], s);
	}
	for (size_t i = 0; i < j->classes; i++) {
		struct sample *samples[] = { &tallies[i].logins, &tallies[i].minutes };

		for (size_t k = 0; k < COUNT(samples); k++)
			if (samples[k]->n > 0)
				qsort(samples[k]->value, samples[k]->n, sizeof(double), by_value);
	}
	return tallies;
}

static void breach(struct breaches *b, const char *class, const char *what, double value)
{
	printf("BROKEN: %s: %s: %g\n", class, what, value);
	b->n++;
}

static void print_stolen(const struct judgement *j, const struct tally *tallies)
{
	printf("%-18s %8s %6s %8s %6s   %-22s   %-22s %7s %6s %6s\n", "stolen", "accounts",
	       "acted%", "suspect%", "early", "bot logins before act", "minutes before act",
	       "listed%", "owner", "known");
	printf("%-18s %8s %6s %8s %6s   %6s %7s %7s   %6s %7s %7s %7s %6s %6s\n", "", "", "", "",
	       "", "median", "p90", "worst", "median", "p90", "worst", "", "banned", "banned");
	for (size_t i = 0; i < j->classes; i++) {
		const struct tally *t = &tallies[i];

		if (!j->class[i].stolen)
			continue;
		printf("%-18s %8zu %6.1f %8.1f %6zu   %6.0f %7.0f %7.0f   %6.1f %7.1f %7.1f %7.1f "
		       "%6zu %6zu\n",
		       j->class[i].name, t->accounts, share(t->acted, t->accounts),
		       share(t->suspected, t->accounts), t->early, sample_at(&t->logins, 0.5),
		       sample_at(&t->logins, 0.9), sample_at(&t->logins, 1),
		       sample_at(&t->minutes, 0.5), sample_at(&t->minutes, 0.9),
		       sample_at(&t->minutes, 1), share(t->bots_listed, t->bots), t->owner_banned,
		       t->known_banned);
	}
}

static double per_100k(size_t n, int64_t days)
{
	return days > 0 ? 1e5 * (double)n / (double)days : 0;
}

static void print_innocent(const struct judgement *j, const struct tally *tallies)
{
	struct tally all = { 0 };

	printf("\n%-18s %8s %10s %6s %9s %8s %9s %6s %6s\n", "innocent", "accounts", "days",
	       "acted", "/100k d", "suspect", "/100k d", "owner", "known");
	for (size_t i = 0; i < j->classes; i++) {
		const struct tally *t = &tallies[i];

		if (j->class[i].stolen)
			continue;
		printf("%-18s %8zu %10lld %6zu %9.2f %8zu %9.2f %6zu %6zu\n", j->class[i].name,
		       t->accounts, (long long)t->active_days, t->acted,
		       per_100k(t->acted, t->active_days), t->suspected,
		       per_100k(t->suspected, t->active_days), t->owner_banned, t->known_banned);
		all.accounts += t->accounts;
		all.active_days += t->active_days;
		all.acted += t->acted;
		all.suspected += t->suspected;
		all.told += t->told;
	}
	printf("%-18s %8zu %10lld %6zu %9.2f %8zu %9.2f\n", "all", all.accounts,
	       (long long)all.active_days, all.acted, per_100k(all.acted, all.active_days),
	       all.suspected, per_100k(all.suspected, all.active_days));
	printf("told of innocents: %zu times, %.2f a day per 1000 accounts in use\n", all.told,
	       per_100k(all.told, all.active_days) / 100);
}

struct reason {
	const char *class, *rules;
	bool acted;
	size_t n;
};

static int by_number(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	if (x->acted != y->acted)
		return y->acted - x->acted;
	return x->n > y->n ? -1 : x->n < y->n;
}

/* Which rules, together, held against innocents. */
static void print_reasons(const struct judgement *j)
{
	struct reason *reason = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < j->subjects; i++) {
		const struct subject *s = &j->subject[i];
		struct reason r = { j->class[s->life].name, s->found.rules, acted_early(s), 1 };
		size_t k = 0;

		if (!suspected_early(s) && !acted_early(s))
			continue;
		while (k < n && (reason[k].class != r.class || reason[k].acted != r.acted ||
				 strcmp(reason[k].rules, r.rules) != 0))
			k++;
		if (k < n) {
			reason[k].n++;
			continue;
		}
		reason = array_grow(reason, n, &cap, sizeof(*reason));
		reason[n++] = r;
	}
	if (n > 0)
		qsort(reason, n, sizeof(*reason), by_number);
	printf("\nrules that held against innocents\n");
	for (size_t k = 0; k < n; k++)
		printf("%6zu %-8s %-18s %s\n", reason[k].n, reason[k].acted ? "act" : "suspect",
		       reason[k].class, reason[k].rules);
	free(reason);
}

/* Every single wrong or missed decision, for whoever tunes the rules. */
static void print_list(const struct judgement *j)
{
	char at[INSTANT_TEXT];

	printf("\n");
	for (size_t i = 0; i < j->subjects; i++) {
		const struct subject *s = &j->subject[i];
		const char *class = j->class[s->class].name;

		if (acted_early(s))
			printf("innocent %s (%s): acted on at %s, score %g: %s\n", s->user, class,
			       instant_rfc3339(s->found.act_at, at), s->found.score,
			       s->found.rules);
		else if (s->stolen && !acted(s))
			printf("missed %s (%s): %zu bot logins from %s; score %g: %s\n", s->user,
			       class, s->logins.n, instant_rfc3339(s->stolen_from, at),
			       s->found.score, s->found.rules ? s->found.rules : "no rule held");
		else if (s->stolen && logins_before_act(s) > LATEST_LOGIN)
			printf("late %s (%s): at bot login %zu, %s; score %g: %s\n", s->user, class,
			       logins_before_act(s), instant_rfc3339(s->found.act_at, at),
			       s->found.score, s->found.rules);
	}
}

static size_t print_strays(const struct judgement *j, bool list)
{
	char ip[ADDRESS_TEXT], at[INSTANT_TEXT];
	size_t known = 0;

	for (size_t i = 0; i < j->strays; i++)
		known += j->stray[i].known;
	printf("\naddresses banned by the other jails: %zu; an owner had used %zu of them, and was "
	       "known from %zu\n",
	       j->address_bans, j->strays, known);
	for (size_t i = 0; list && i < j->strays; i++)
		printf("%s: %s at %s%s\n", j->stray[i].jail,
		       address_text(&j->stray[i].host.host, ip),
		       instant_rfc3339(j->stray[i].host.at, at),
		       j->stray[i].known ? " (known)" : "");
	if (j->strangers)
		printf("verdicts on users that do not exist: %zu\n", j->strangers);
	return known;
}

static void check_promises(const struct judgement *j, const struct tally *tallies, size_t strays,
			   struct breaches *b)
{
	for (size_t i = 0; i < j->classes; i++) {
		const struct tally *t = &tallies[i];
		const char *class = j->class[i].name;
		bool fast = j->class[i].stolen && strcmp(class, "fast-botnet") == 0;

		if (t->known_banned > 0)
			breach(b, class, "known addresses listed for banning",
			       (double)t->known_banned);
		if (!j->class[i].stolen && per_100k(t->acted, t->active_days) > most_per_100k_days)
			breach(b, class, "innocents acted on per 100,000 account-days",
			       per_100k(t->acted, t->active_days));
		if (fast && t->acted < t->accounts)
			breach(b, class, "accounts not acted on", (double)(t->accounts - t->acted));
		if (fast && sample_at(&t->logins, 1) > LATEST_LOGIN)
			breach(b, class, "bot logins before act, at worst",
			       sample_at(&t->logins, 1));
	}
	if (strays > 0)
		breach(b, "address jails", "known addresses banned", (double)strays);
	if (j->strangers > 0)
		breach(b, "account jail", "users that do not exist", (double)j->strangers);
}

static int usage(void)
{
	fputs("usage: judge [--require] [--list] [--jail NAME] TRUTH SCAN_JSON\n"
	      "  --require    exit 1 where a promise is broken\n"
	      "  --list       every wrong, missed or late decision\n"
	      "  --jail NAME  the jail that decides on accounts (stolen-account)\n",
	      stderr);
	return 2;
}

static size_t report(const struct judgement *j, bool list)
{
	struct tally *tallies = tally(j);
	struct breaches b = { 0 };

	print_stolen(j, tallies);
	print_innocent(j, tallies);
	print_reasons(j);
	if (list)
		print_list(j);
	check_promises(j, tallies, print_strays(j, list), &b);
	for (size_t i = 0; i < j->classes; i++) {
		free(tallies[i].logins.value);
		free(tallies[i].minutes.value);
	}
	free(tallies);
	return b.n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "require", no_argument, NULL, 'r' },
						 { "list", no_argument, NULL, 'l' },
						 { "jail", required_argument, NULL, 'j' },
						 { 0 } };
	bool require = false, list = false;
	const char *jail = "stolen-account";
	struct judgement j = { 0 };
	struct err err;
	int status = 0;

	for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (key == '?')
			return usage();
		require |= key == 'r';
		list |= key == 'l';
		if (key == 'j')
			jail = optarg;
	}
	if (optind != argc - 2)
		return usage();
	if (judge_read_truth(&j, argv[optind], &err) < 0 ||
	    judge_read_scan(&j, argv[optind + 1], jail, &err) < 0) {
		fprintf(stderr, "judge: %s\n", err.text);
		status = 2;
	} else if (report(&j, list) > 0 && require) {
		status = 1;
	}
	judge_fini(&j);
	return status;
}
