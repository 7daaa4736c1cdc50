/*
 * Any literals in any text: both searches against a plain one.
 *
 * An input is literals, each a byte with its length and then its bytes, a byte 0, and the text.
 */
#include "core/filter/literal.h"
#include "tests/occurrences.h"

#include <stddef.h>
#include <stdint.h>

enum { TEXT_MOST = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice literals[PREFILTER_MOST], text;
	const uint8_t *p = data, *end = data + size;
	size_t n = 0;

	while (n < PREFILTER_MOST && p < end && *p) {
		size_t len = *p++;

		if (len < LITERAL_LEAST || len > (size_t)(end - p))
			return 0;
		literals[n++] = (struct slice){ (const char *)p, len };
		p += len;
	}
	if (p < end)
		p++;
	text = (struct slice){ (const char *)p, (size_t)(end - p) };
	if (text.len > TEXT_MOST)
		text.len = TEXT_MOST;
	check_literals(literals, n, text);
	return 0;
}
