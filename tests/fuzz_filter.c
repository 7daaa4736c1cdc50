/*
 * fuzz_filter - any text as a filter file
 *
 * It loads, or there is an error with file and line; what loads tests itself, so that odd regexes
 * are also run, in bounded time.
 */
#include "core/filter/filter.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void report(void *ctx, const struct filter_match *match, const char *line, const char *why)
{
	(void)ctx;
	assert(match && line && why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xcalloc(size + 1, 1);
	struct filter_set *set;
	struct err err;

	if (size > 0)
		memcpy(text, data, size);
	if (strlen(text) != size) {
		free(text);
		return 0;
	}
	if (filter_set_load_text(&set, "fuzz.conf", text, &err) < 0) {
		assert(err.code != 0 && strncmp(err.text, "fuzz.conf", 9) == 0);
	} else {
		(void)filter_set_selftest(set, report, NULL);
		filter_set_free(set);
	}
	free(text);
	return 0;
}
