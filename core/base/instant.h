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

/* By the wall clock: for programs and their loops. Whatever is below them is told the time. */
struct instant instant_now(void);

static inline bool instant_is_none(struct instant at)
{
	return at.ms == INT64_MIN;
}

/* Milliseconds from `then` to `now`; negative where `now` is the earlier. */
static inline int64_t since(struct instant then, struct instant now)
{
	return now.ms - then.ms;
}

/* The earlier of two moments; INSTANT_NONE is later than any. */
static inline struct instant instant_earlier(struct instant a, struct instant b)
{
	if (instant_is_none(a) || instant_is_none(b))
		return instant_is_none(a) ? b : a;
	return a.ms < b.ms ? a : b;
}

/* Has it come? INSTANT_NONE never does. */
static inline bool instant_is_due(struct instant at, struct instant now)
{
	return !instant_is_none(at) && since(at, now) >= 0;
}

/* Milliseconds from `now` until it comes, 0 where it has; -1 for INSTANT_NONE, as poll(2) wants it. */
static inline int64_t instant_left_ms(struct instant at, struct instant now)
{
	if (instant_is_none(at))
		return -1;
	return at.ms > now.ms ? since(now, at) : 0;
}

/* The moment that many milliseconds after `now`; INSTANT_NONE for -1. */
static inline struct instant instant_in_ms(struct instant now, int64_t ms)
{
	return ms < 0 ? INSTANT_NONE : (struct instant){ now.ms + ms };
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
