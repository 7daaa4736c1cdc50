/*
 * fuzz_cases - any bytes as a case of a checkpoint
 *
 * It is refused, or left out, or it is a case; then what is saved of it comes back as the same case.
 */
#include "core/decision/decision.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char jail_text[] =
	"jail j { rule a { count = login max = 0 score = 50 } rule b { count = login max = 0 } }\n"
	"jail k { rule f { count = failure by = ip max = 1 } }\n";

static struct jail_set *jails;

static void load_jails(void)
{
	struct jail_defaults defaults = { 0 };
	struct filter_set no_filters = { 0 };
	struct err err;
	int ret = jail_set_load_text(&jails, "j.conf", jail_text, &no_filters, &defaults, &err);

	assert(ret == 0);
}

static void on_verdict(void *ctx, const struct verdict *v)
{
	(void)ctx;
	(void)v;
}

struct copy {
	uint64_t key;
	char *text;
	size_t len;
};

static void copy_row(void *ctx, const struct state_row *row)
{
	struct copy *copy = ctx;

	assert(decisions_is_row(row) && !copy->text);
	*copy = (struct copy){ row->key, xstrndup(row->value.ptr, row->value.len), row->value.len };
}

/* Restores the value and saves what has become of it; text NULL: nothing. */
static struct copy run(struct slice value, uint64_t table, uint64_t key)
{
	struct engine_options options = { .known_days = 3, .on_verdict = on_verdict };
	struct engine *engine = engine_new(jails, &options);
	struct decisions *d = decisions_new(engine);
	struct state_row row = { table, key, value };
	struct copy copy = { 0 };
	struct err err;

	if (decisions_restore(d, jails, &row, &err) < 0)
		assert(err.code != 0 && err.text[0]);
	decisions_save(d, true, copy_row, &copy);
	decisions_free(d);
	engine_free(engine);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t table = decisions_table();
	struct copy first, second;

	if (!jails)
		load_jails();
	first = run((struct slice){ (const char *)data, size }, table, 1);
	if (!first.text)
		return 0;
	second = run((struct slice){ first.text, first.len }, table, first.key);
	assert(second.text && second.key == first.key && second.len == first.len &&
	       memcmp(second.text, first.text, first.len) == 0);
	free(first.text);
	free(second.text);
	return 0;
}
