/* fingerprint.h - which few bytes of each literal the prefilter looks for first */
#pragma once

#include "core/base/slice.h"

#include <stdint.h>

/* A window is FINGERPRINT_BYTES consecutive bytes of a literal. */
enum { FINGERPRINT_BYTES = 4, FINGERPRINT_BUCKETS = 8 };

struct fingerprint {
	uint32_t bucket;
	uint32_t shift; /* of the window in its literal; below LITERAL_LONGEST */
};

/*
 * Chooses a window and a bucket for each of `n` literals of at least FINGERPRINT_BYTES bytes, so
 * that ordinary mail logs hold as little as possible that looks like a window of some bucket.
 * "Looks like": at each place there is a byte whose low half occurs at that place of windows
 * in the bucket, and at the two middle places its high half does. The same literals give the
 * same choice.
 */
void fingerprint_choose(struct fingerprint *chosen, const struct slice *literals, size_t n);
