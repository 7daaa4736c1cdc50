/*
 * fuzz_config - any text as a file of jails
 *
 * It loads, or there is an error with file and line; either way nothing is left behind. What
 * loads is run with a few events, so that odd values meet the engine too.
 */
#include "core/rule/engine.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_verdict(void *ctx, const struct verdict *v)
{
	(void)ctx;
	assert(v->n_findings > 0 && v->n_findings <= v->jail->n_rules);
	assert(v->level < LEVEL_ACT || v->score >= v->jail->threshold);
}

static void run_events(const struct jail_set *jails)
{
	struct engine_options options = { .known_days = 3, .on_verdict = on_verdict };
	struct engine *e = engine_new(jails, &options);
	struct event event = { .time = { INT64_C(1795219200000) },
			       .has_ip = true,
			       .recipients = 9 };

	assert(address_parse(&event.ip, slice_of("192.0.2.1")));
	event.field[FIELD_USER] = slice_of("joe");
	event.field[FIELD_QUEUE_ID] = slice_of("A1");
	for (unsigned int i = 0; i < 8 * EVENT_KINDS; i++) {
		event.kind = (enum event_kind)(i % EVENT_KINDS);
		event.ip.byte[13] = (uint8_t)i;
		event.time.ms += INT64_C(61000) * i;
		engine_event(e, &event);
	}
	engine_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jail_defaults defaults = { 0 };
	struct filter_set no_filters = { 0 };
	struct jail_set *jails;
	char *text = xcalloc(size + 1, 1);
	struct err err;

	if (size > 0)
		memcpy(text, data, size);
	/* A text that names files would make the run depend on this machine. */
	if (strlen(text) != size || strstr(text, "file:")) {
		free(text);
		return 0;
	}
	if (jail_set_load_text(&jails, "fuzz.conf", text, &no_filters, &defaults, &err) < 0) {
		assert(err.code != 0 && strncmp(err.text, "fuzz.conf", 9) == 0);
	} else {
		run_events(jails);
		jail_set_free(jails);
	}
	free(text);
	return 0;
}
