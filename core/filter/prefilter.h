/* prefilter.h - many literals searched in one pass over a block */
#pragma once

#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { PREFILTER_MOST = 128 };

struct prefilter;

/* One occurrence: literal `literal` starts at `offset`. */
struct prefilter_hit {
	uint32_t offset;
	uint32_t literal;
};

/*
 * Builds a searcher for `n` literals (at most PREFILTER_MOST) of at least LITERAL_LEAST bytes each,
 * found again by their index. Literals are compared as bytes; equal ones may repeat.
 * Immutable once built: any number of threads may use it. Takes about a millisecond.
 */
struct prefilter *prefilter_new(const struct slice *literals, size_t n);
void prefilter_free(struct prefilter *p); /* NULL is fine */

/*
 * Finds occurrences in `text` from *from on (at most 2^32 - 1 bytes), in ascending order of
 * offset, then of literal, and stores up to `most` of them in `hits`; `most` is at least the
 * number of literals. Advances *from to where the next call has to go on: text.len when all is
 * searched. An occurrence is reported once and none is missed; those at one offset come
 * together.
 */
size_t prefilter_search(const struct prefilter *p, struct slice text, size_t *from,
			struct prefilter_hit *hits, size_t most);

/* The implementation in use: "avx2" or "portable"; the second can be forced, for tests. */
const char *prefilter_kind(const struct prefilter *p);
void prefilter_force_portable(struct prefilter *p);
