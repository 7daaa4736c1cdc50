/*
 * fuzz_state - any rows as a checkpoint
 *
 * An input is rows: 64 bits of table, 64 of key, and a value with its length. What an engine takes
 * back it can go on with, and what it then saves another one takes back whole.
 */
#include "core/rule/engine.h"

#include "core/base/hash.h"
#include "core/base/pack.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
	"jail a { rule n { distinct = network max = 1 findtime = 1h score = 50 }\n"
	"  rule r { sum = recipients max = 10 findtime = 1d from = unknown }\n"
	"  rule b { count = bounce max = 1 percent = 10 findtime = 1h }\n"
	"  rule h { distinct = helo max = 2 findtime = 1h }\n"
	"  rule s { surge = message max = 5 factor = 2 least_days = 1 }\n"
	"  rule p { count = message by = 'user+ip' max = 4 findtime = 1h score = 10 }\n"
	"  rule q { count = message by = session max = 2 findtime = 1h score = 10 }\n"
	"  rule g { distinct = ip on = failure max = 2 findtime = 1h score = 0 }\n"
	"  rule z { distinct = network max = 0 findtime = 1h after = g within = 1h }\n"
	"  limits l { users = 'j*' rule n { max = 8 } } }\n"
	"jail i { rule f { count = failure by = ip max = 4 reset_on_success = yes }\n"
	"  rule u { distinct = user on = failure by = ip max = 3 findtime = 1h } }\n"
	"fetcher f { networks = 192.0.2.128/25 }\n";

static void on_verdict(void *ctx, const struct verdict *v)
{
	(void)ctx;
	assert(v->n_findings > 0 && v->n_findings <= v->jail->n_rules);
}

static void run_events(struct engine *e)
{
	static const struct filter filter = { .name = "f", .joins = true };
	static const struct filter_match match = { .filter = &filter };
	struct event event = { .time = { INT64_C(1795219200000) }, .recipients = 9 };

	assert(address_parse(&event.ip, slice_of("192.0.2.1")));
	event.field[FIELD_USER] = slice_of("joe");
	event.field[FIELD_QUEUE_ID] = slice_of("A1");
	event.field[FIELD_SESSION] = slice_of("S");
	for (unsigned int i = 0; i < 4 * EVENT_KINDS; i++) {
		event.kind = (enum event_kind)(i % EVENT_KINDS);
		event.ip.byte[15] = (uint8_t)(i * 16);
		event.has_ip = event.kind == EVENT_CONNECT || i / EVENT_KINDS != 3;
		/* What one round leaves open the next, or the other engine, has to know. */
		event.match = i / EVENT_KINDS % 2 && event.kind != EVENT_DISCONNECT ? &match : NULL;
		event.time.ms += INT64_C(61000) * i;
		engine_event(e, &event);
	}
}

/* The engine's own rows, without fault. */
static void take_back(void *ctx, const struct state_row *row)
{
	struct err err;

	if (row->value.ptr)
		assert(engine_restore(ctx, row, &err) == 0);
}

static void restore(struct engine *e, struct packed *p)
{
	struct err err;

	while (p->ptr < p->end && !p->bad) {
		struct state_row row = { .table = packed_u64(p), .key = packed_u64(p) };

		row.value = packed_slice(p);
		if (!p->bad && row.value.ptr)
			(void)engine_restore(e, &row, &err);
	}
	engine_restored(e);
}

/* Loaded once, and kept to the end. */
static const struct jail_set *the_jails(void)
{
	static struct filter_set no_filters;
	static struct jail_set *jails;
	struct jail_defaults defaults = { 0 };
	struct err err;

	hash_seed_set(1); /* that of the seeds */
	if (!jails &&
	    jail_set_load_text(&jails, "fuzz.conf", text, &no_filters, &defaults, &err) < 0)
		abort();
	return jails;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine_options options = { .known_days = 3, .on_verdict = on_verdict };
	struct packed p = packed_of((struct slice){ (const char *)data, size });
	const struct jail_set *jails = the_jails();
	struct engine *first, *second;

	first = engine_new(jails, &options);
	second = engine_new(jails, &options);
	restore(first, &p);
	run_events(first);
	engine_save(first, true, take_back, second);
	engine_restored(second);
	run_events(second);
	engine_free(first);
	engine_free(second);
	return 0;
}
