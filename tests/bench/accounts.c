/*
 * accounts - what a million accounts cost: memory, and the time of an event
 *
 * accounts JAILS FILTERS COUNTRIES [ACCOUNTS [HOURS]]: events go straight into an engine with those
 * jails. Over HOURS (24) each account is seen at 1.8 addresses on average, in an order that no cache
 * likes, and at each of them it logs in and sends a message with one or two recipients.
 */
#include "core/rule/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PER_FIVE = 9, START_S = 1700000000 };

struct visit {
	unsigned int account, address;
	struct instant at;
};

static const struct slice smtp = { "smtp", 4 }, imap = { "imap", 4 };

static void on_verdict(void *ctx, const struct verdict *verdict)
{
	(void)verdict;
	++*(unsigned long *)ctx;
}

static double cpu_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Resident now, in MB; proc(5). */
static double resident_mb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long size, pages = 0;

	if (f) {
		if (fscanf(f, "%lu %lu", &size, &pages) != 2)
			pages = 0;
		(void)fclose(f);
	}
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* Which account and which of its addresses: of each five accounts one has four, one two, three one. */
static struct visit visit_of(unsigned long n, unsigned long visits, double hours)
{
	static const unsigned char account[PER_FIVE] = { 0, 0, 0, 0, 1, 1, 2, 3, 4 };
	static const unsigned char address[PER_FIVE] = { 0, 1, 2, 3, 0, 1, 0, 0, 0 };
	unsigned long mixed = (unsigned long)((unsigned __int128)n * 982451653 % visits);

	return (struct visit){
		(unsigned int)(mixed / PER_FIVE * 5) + account[mixed % PER_FIVE],
		address[mixed % PER_FIVE],
		{ START_S * INT64_C(1000) +
		  (int64_t)(hours * 3600e3 * (double)n / (double)visits) },
	};
}

/* One in four by IPv6. */
static struct address address_of(const struct visit *v)
{
	uint32_t host = (v->account + v->address * 1000003U) * 2654435761U;
	struct address a = { { [10] = 0xff, [11] = 0xff } };

	if (v->account % 4 == 0)
		a = (struct address){ { 0x20, 0x01, 0x0d, [15] = 1 } };
	memcpy(a.byte + (v->account % 4 == 0 ? 4 : 12), &host, sizeof(host));
	return a;
}

static void send_events(struct engine *e, const struct visit *v, unsigned long n)
{
	char user[40], id[24], name[60];
	struct event event = { .time = v->at, .kind = EVENT_LOGIN, .has_ip = true };

	event.ip = address_of(v);
	event.field[FIELD_USER] =
		(struct slice){ user, (size_t)snprintf(user, sizeof(user), "user%u@example.org",
						       v->account) };
	event.field[FIELD_SERVICE] = imap;
	engine_event(e, &event);
	event.kind = EVENT_MESSAGE;
	event.pid = v->account % 30000 + 1;
	event.field[FIELD_SERVICE] = smtp;
	event.field[FIELD_QUEUE_ID] =
		(struct slice){ id, (size_t)snprintf(id, sizeof(id), "4T%09lX", n) };
	event.field[FIELD_RDNS] =
		(struct slice){ name,
				(size_t)snprintf(name, sizeof(name), "dyn-%u-%u.provider.example",
						 v->account, v->address) };
	engine_event(e, &event);
	event = (struct event){ .time = v->at, .kind = EVENT_QUEUED, .recipients = 1 + n % 2 };
	event.field[FIELD_QUEUE_ID] = slice_of(id);
	engine_event(e, &event);
	event.kind = EVENT_REMOVED;
	engine_event(e, &event);
}

/* What a checkpoint puts. */
struct rows {
	unsigned long n, bytes;
};

static void on_row(void *ctx, const struct state_row *row)
{
	struct rows *r = ctx;

	r->n++;
	r->bytes += row->value.len;
}

static void save(struct engine *e, const char *what)
{
	struct rows r = { 0 };
	double from_s = cpu_s();

	engine_save(e, false, on_row, &r);
	(void)printf("checkpoint of %s: %lu rows, %.1f MB, %.3f s\n", what, r.n,
		     (double)r.bytes / 1e6, cpu_s() - from_s);
}

static void on_nearness(void *ctx, const struct nearness *nearness)
{
	*(double *)ctx += nearness->share;
}

static void top(struct engine *e)
{
	double from_s = cpu_s(), sum = 0;

	engine_top(e, instant_of_s(START_S + 86400), 20, on_nearness, &sum);
	(void)printf("the 20 nearest to a threshold (%.2f on average): %.3f s\n", sum / 20,
		     cpu_s() - from_s);
}

static void run(struct engine *e, unsigned long accounts, double hours)
{
	unsigned long visits = accounts / 5 * PER_FIVE;
	double from_s = cpu_s(), empty_mb = resident_mb();
	struct rusage usage;

	for (unsigned long n = 0; n < visits; n++) {
		struct visit v = visit_of(n, visits, hours);

		send_events(e, &v, n);
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("%zu accounts at 1.8 addresses each within %g h: %.1f MB resident (%.1f at "
		     "most, %.1f without them), %.2f us an event\n",
		     engine_accounts(e), hours, resident_mb(), (double)usage.ru_maxrss / 1024,
		     empty_mb, (cpu_s() - from_s) * 1e6 / (4.0 * (double)visits));
}

int main(int argc, char **argv)
{
	unsigned long accounts = argc > 4 ? strtoul(argv[4], NULL, 10) : 1000000, verdicts = 0;
	struct engine_options options = { .known_days = 3, .on_verdict = on_verdict };
	struct jail_defaults defaults = { 0 };
	struct filter_set *filters = NULL;
	struct jail_set *jails = NULL;
	struct geoip *geoip = NULL;
	struct engine *e;
	struct err err;

	if (argc < 4) {
		(void)fputs("usage: accounts JAILS FILTERS COUNTRIES [ACCOUNTS [HOURS]]\n", stderr);
		return 2;
	}
	if (filter_set_load(&filters, argv[2], &err) < 0 ||
	    jail_set_load(&jails, argv[1], NULL, filters, &defaults, &err) < 0 ||
	    geoip_open(&geoip, argv[3], NULL, &err) < 0) {
		(void)fprintf(stderr, "accounts: %s\n", err.text);
		return 2;
	}
	options.geoip = geoip;
	options.ctx = &verdicts;
	e = engine_new(jails, &options);
	run(e, accounts, argc > 5 ? strtod(argv[5], NULL) : 24);
	save(e, "all that changed");
	save(e, "nothing");
	top(e);
	engine_free(e);
	jail_set_free(jails);
	filter_set_free(filters);
	geoip_close(geoip);
	return 0;
}
