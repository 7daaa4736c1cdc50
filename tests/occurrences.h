/* occurrences.h - what a prefilter reports, against a search that is too simple to be wrong */
#pragma once

#include "core/base/mem.h"
#include "core/filter/prefilter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Stores all occurrences in the order of prefilter_search(); `hits` has room for them. */
static inline size_t occurrences(const struct slice *literals, size_t n, struct slice text,
				 struct prefilter_hit *hits)
{
	size_t found = 0;

	for (size_t at = 0; at < text.len; at++)
		for (size_t i = 0; i < n; i++)
			if (literals[i].len <= text.len - at &&
			    memcmp(text.ptr + at, literals[i].ptr, literals[i].len) == 0)
				hits[found++] = (struct prefilter_hit){ (uint32_t)at, (uint32_t)i };
	return found;
}

/* Searches text, `most` hits a call, and asserts that they are `want`. */
static inline void check_search(const struct prefilter *p, struct slice text, size_t most,
				const struct prefilter_hit *want, size_t n_want)
{
	struct prefilter_hit *hits = xcalloc(most, sizeof(*hits));
	size_t from = 0, seen = 0;

	do {
		size_t before = from, n = prefilter_search(p, text, &from, hits, most);

		assert(n <= most && n <= n_want - seen);
		for (size_t i = 0; i < n; i++) {
			assert(hits[i].offset == want[seen + i].offset);
			assert(hits[i].literal == want[seen + i].literal);
			assert(hits[i].offset >= before && hits[i].offset < from);
		}
		assert(from <= text.len && (from > before || from == text.len));
		seen += n;
	} while (from < text.len);
	assert(seen == n_want);
	free(hits);
}

/*
 * All of the above for both implementations, with room for many hits and for as few as are
 * allowed. Returns the number of occurrences.
 */
static inline size_t check_literals(const struct slice *literals, size_t n, struct slice text)
{
	struct prefilter_hit *want = xcalloc(n * text.len, sizeof(*want));
	size_t n_want = occurrences(literals, n, text, want);
	struct prefilter *p = prefilter_new(literals, n);

	for (int portable = 0; portable < 2; portable++) {
		if (portable)
			prefilter_force_portable(p);
		check_search(p, text, n, want, n_want);
		check_search(p, text, n + 3, want, n_want);
		check_search(p, text, n + 4096, want, n_want);
	}
	prefilter_free(p);
	free(want);
	return n_want;
}
