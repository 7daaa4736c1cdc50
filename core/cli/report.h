/* report.h - decisions as people read them and as programs do */
#pragma once

#include "core/decision/decision.h"
#include "core/rule/geoip.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct report_options {
	FILE *out;
	const struct geoip *geoip; /* for the names of networks; may be NULL */
	const struct queue *queue;
	bool colour, explain;
};

/* A block of text about one decision. */
void report_text(const struct decision *d, const struct report_options *o);
/* A decision as a JSON object, the caller's: see postern(1). `out` is not used. */
json_t *report_object(const struct decision *d, const struct report_options *o);
/* It on one line. */
void report_json(const struct decision *d, const struct report_options *o);
/* The object that stands for one address in that, and in what the daemon tells; the caller's. */
json_t *report_sighting(const struct sighting *s, const struct geoip *geoip, enum subject_kind kind,
			bool bot);

/* What an account's evidence adds up to. */
struct report_totals {
	uint64_t logins, messages, recipients, bounces;
	size_t addresses, bots, countries;
};
struct report_totals report_sum(const struct decision *d);
/*
 * The evidence in the order of the report: the bots by when they came first, then the others. The
 * array is the caller's, what it points to the decision's.
 */
const struct sighting **report_rows(const struct decision *d, size_t *n);
/* The queue ids still in the queue, the oldest first; the array is the caller's. */
const char **report_queue_ids(const struct decision *d, const struct queue *queue, size_t *n);
