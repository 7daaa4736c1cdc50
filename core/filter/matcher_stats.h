/* matcher_stats.h - what a matcher counts: for those who only report it */
#pragma once

#include <stdint.h>

struct matcher_stats {
	uint64_t lines;
	uint64_t headless;  /* held a literal, but no known time at the start */
	uint64_t unmatched; /* of a filter's program and held its literal, but no regex took it */
	uint64_t limits;    /* a regex was stopped at its limit: counted as no match */
};
