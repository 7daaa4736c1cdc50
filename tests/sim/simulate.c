/*
 * simulate - mail logs that never were
 *
 * The input of both benches: `detect` writes a log whose truth is known, `bench` one whose
 * proportions are a real server's. The same seed gives the same bytes.
 */
#include "tests/sim/simulate.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: simulate detect --log FILE --truth FILE [--mmdb-ranges FILE] [options]\n"
	"       simulate bench --log FILE [--lines N] [options]\n"
	"\n"
	"  --log FILE          where the log goes (- is standard output)\n"
	"  --truth FILE        who was stolen, and by whom: one JSON object an account\n"
	"  --mmdb-ranges FILE  the simulated providers' networks: FIRST,LAST,CC,ASN,NAME\n"
	"  --seed N            1      the same seed gives the same log\n"
	"  --accounts N        5000\n"
	"  --days N            60     of detect; they begin on 2026-09-07\n"
	"  --lines N           1000000, of bench\n"
	"  --geoip FILE        /usr/share/tor/geoip (and geoip6): whose address is where\n"
	"  --auth-verbose      Dovecot's auth process logs failures as well\n"
	"  --rfc3164           detect writes traditional timestamps, in UTC\n";

enum option_key {
	LOG = 256,
	TRUTH,
	NETWORKS,
	SEED,
	ACCOUNTS,
	DAYS,
	LINES,
	GEOIP,
	VERBOSE,
	OLD,
	HELP
};

static const struct option options[] = { { "log", required_argument, NULL, LOG },
					 { "truth", required_argument, NULL, TRUTH },
					 { "mmdb-ranges", required_argument, NULL, NETWORKS },
					 { "seed", required_argument, NULL, SEED },
					 { "accounts", required_argument, NULL, ACCOUNTS },
					 { "days", required_argument, NULL, DAYS },
					 { "lines", required_argument, NULL, LINES },
					 { "geoip", required_argument, NULL, GEOIP },
					 { "auth-verbose", no_argument, NULL, VERBOSE },
					 { "rfc3164", no_argument, NULL, OLD },
					 { "help", no_argument, NULL, HELP },
					 { 0 } };

static int64_t number(const char *text, int64_t most)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < 1 || value > most) {
		fprintf(stderr, "simulate: expected a number from 1 to %lld, not \"%s\"\n",
			(long long)most, text);
		exit(2);
	}
	return value;
}

static void take(struct orders *o, int key)
{
	switch (key) {
	case LOG:
		o->log = optarg;
		break;
	case TRUTH:
		o->truth = optarg;
		break;
	case NETWORKS:
		o->networks = optarg;
		break;
	case SEED:
		o->seed = (uint64_t)number(optarg, INT64_MAX);
		break;
	case ACCOUNTS:
		o->accounts = (unsigned int)number(optarg, 1000000);
		break;
	case DAYS:
		o->days = (int)number(optarg, 3650);
		break;
	case LINES:
		o->lines = number(optarg, INT64_MAX);
		break;
	case GEOIP:
		o->geoip = optarg;
		break;
	case VERBOSE:
		o->auth_verbose = true;
		break;
	case OLD:
		o->rfc3164 = true;
		break;
	case HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static const struct verb {
	const char *name;
	bool needs_truth;
	int (*run)(const struct orders *orders, struct err *err);
} verbs[] = { { "detect", true, detect }, { "bench", false, bench }, { 0 } };

int main(int argc, char **argv)
{
	struct orders orders = { .geoip = "/usr/share/tor/geoip",
				 .seed = 1,
				 .accounts = 5000,
				 .days = 60,
				 .lines = 1000000 };
	const struct verb *verb = verbs;
	struct err err;

	for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;)
		take(&orders, key);
	while (verb->name && (optind != argc - 1 || strcmp(argv[optind], verb->name) != 0))
		verb++;
	if (!verb->name || !orders.log || (verb->needs_truth && !orders.truth)) {
		fputs(usage, stderr);
		return 2;
	}
	if (verb->run(&orders, &err) < 0) {
		fprintf(stderr, "simulate: %s\n", err.text);
		return 2;
	}
	return 0;
}
