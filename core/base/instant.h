/* instant.h - moments and spans */
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* A moment: milliseconds since 1970-01-01T00:00:00Z. A span is an int64_t named after its unit. */
struct instant {
	int64_t ms;
};

#define INSTANT_NONE ((struct instant){ INT64_MIN })

enum { INSTANT_TEXT = 32 };

static inline bool instant_is_none(struct instant at)
{
	return at.ms == INT64_MIN;
}

/* Milliseconds from `then` to `now`; negative where `now` is the earlier. */
static inline int64_t since(struct instant then, struct instant now)
{
	return now.ms - then.ms;
}

static inline struct instant instant_of_s(int64_t seconds)
{
	return (struct instant){ seconds * 1000 };
}

static inline int64_t instant_s(struct instant at)
{
	return at.ms / 1000 - (at.ms % 1000 < 0);
}

/* RFC 3339 in UTC, with milliseconds where there are any: 2026-11-20T23:56:35.120Z. Returns buf. */
const char *instant_rfc3339(struct instant at, char buf[INSTANT_TEXT]);
/* For people, in local time: 2026-11-20 23:56:35. Returns buf. */
const char *instant_local(struct instant at, char buf[INSTANT_TEXT]);

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar; month 1 to 12. */
int64_t days_from_civil(int64_t year, unsigned int month, unsigned int day);

/*
 * A span as fail2ban writes it: seconds, or numbers with units, added up ("90", "10m",
 * "1d12h", "1w"). s, m/min, h, d, w/week, mo/month (30.436 days), y/year; case is ignored.
 * (fail2ban server/mytime.py: str2seconds.)
 */
int span_parse(int64_t *seconds, const char *text, struct err *err);
/* The shortest text that span_parse() reads back, at most 15 characters. Returns buf. */
const char *span_text(int64_t seconds, char buf[INSTANT_TEXT]);

/*
 * A moment given by a person: RFC 3339, "YYYY-MM-DD", "YYYY-MM-DD HH:MM[:SS]" (local time),
 * or a span before `now` ("2h").
 */
int instant_parse(struct instant *at, const char *text, struct instant now, struct err *err);
