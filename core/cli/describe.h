/* describe.h - a decision and its evidence as JSON, for actions */
#pragma once

#include "core/cli/report.h"
#include "core/decision/record.h"

/*
 * The object of `postern scan --json` (postern(1)) with what a decision has beyond it: "id", "since",
 * "until", "reason". `c` is the open case, or NULL: then there is no evidence. One line, malloc'ed, of
 * less than DESCRIBE_MOST bytes; where there would be more, addresses are left out and counted.
 */
char *describe(const struct record *r, const struct decision *c, const struct report_options *o);

enum { DESCRIBE_MOST = 256 * 1024 };
