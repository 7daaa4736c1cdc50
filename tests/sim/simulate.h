/* simulate.h - the simulator's verbs and what both are told */
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct orders {
	const char *log, *truth, *networks, *geoip; /* paths; truth and networks may be NULL */
	uint64_t seed;
	unsigned int accounts;
	int days;
	int64_t lines;
	bool auth_verbose, rfc3164;
};

/* A log of so many days with ground truth beside it: how well does it decide? */
int detect(const struct orders *orders, struct err *err);
/* A log of so many lines in a real server's proportions: how fast is it? */
int bench(const struct orders *orders, struct err *err);
