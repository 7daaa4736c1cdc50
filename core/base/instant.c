/*
 * instant - moments and spans: arithmetic, reading and writing
 *
 * A moment never compiles as a span, nor the other way round. Nothing here asks for the time;
 * it is passed in, so a test drives days in milliseconds.
 */
#include "core/base/instant.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

int64_t days_from_civil(int64_t year, unsigned int month, unsigned int day)
{
	/* Years begin in March, so that the leap day is a year's last (Howard Hinnant's method). */
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

struct instant instant_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (struct instant){ ts.tv_sec * 1000 + ts.tv_nsec / 1000000 };
}

const char *instant_rfc3339(struct instant at, char buf[INSTANT_TEXT])
{
	time_t s = (time_t)instant_s(at);
	int ms = (int)(at.ms - (int64_t)s * 1000);
	struct tm tm;
	size_t n;

	if (!gmtime_r(&s, &tm))
		return memcpy(buf, "?", 2);
	n = strftime(buf, INSTANT_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	if (ms)
		(void)snprintf(buf + n, INSTANT_TEXT - n, ".%03dZ", ms);
	else
		(void)snprintf(buf + n, INSTANT_TEXT - n, "Z");
	return buf;
}

const char *instant_local(struct instant at, char buf[INSTANT_TEXT])
{
	time_t s = (time_t)instant_s(at);
	struct tm tm;

	if (!localtime_r(&s, &tm) || !strftime(buf, INSTANT_TEXT, "%Y-%m-%d %H:%M:%S", &tm))
		(void)snprintf(buf, INSTANT_TEXT, "?");
	return buf;
}

static const struct unit {
	const char *name;
	int64_t seconds;
} units[] = {
	{ "y", 31557600 },
	{ "year", 31557600 },
	{ "years", 31557600 },
	{ "mo", 2629800 },
	{ "mon", 2629800 },
	{ "month", 2629800 },
	{ "months", 2629800 },
	{ "w", 604800 },
	{ "we", 604800 },
	{ "week", 604800 },
	{ "weeks", 604800 },
	{ "d", 86400 },
	{ "da", 86400 },
	{ "day", 86400 },
	{ "days", 86400 },
	{ "h", 3600 },
	{ "ho", 3600 },
	{ "hour", 3600 },
	{ "hours", 3600 },
	{ "m", 60 },
	{ "mi", 60 },
	{ "min", 60 },
	{ "minute", 60 },
	{ "minutes", 60 },
	{ "s", 1 },
	{ "sec", 1 },
	{ "second", 1 },
	{ "seconds", 1 },
	{ "ss", 1 },
	{ "", 1 },
};

static const struct unit *unit_named(const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT(units); i++)
		if (strlen(units[i].name) == len && strncasecmp(units[i].name, name, len) == 0)
			return &units[i];
	return NULL;
}

/* A thousand years: in milliseconds it is still far from the end of an int64_t. */
static const int64_t span_most_s = 1000LL * 31557600;

int span_parse(int64_t *seconds, const char *text, struct err *err)
{
	const char *p = text;
	int64_t sum = 0;

	do {
		const struct unit *unit;
		int64_t n = 0;
		size_t len = 0;

		while (*p == ' ')
			p++;
		if (!isdigit((unsigned char)*p))
			goto bad;
		for (; isdigit((unsigned char)*p); p++) {
			n = n * 10 + (*p - '0');
			if (n > 1000000000)
				goto bad;
		}
		while (*p == ' ')
			p++;
		while (isalpha((unsigned char)p[len]))
			len++;
		unit = unit_named(p, len);
		if (!unit)
			goto bad;
		sum += n * unit->seconds;
		if (sum > span_most_s)
			goto bad;
		p += len;
	} while (*p);
	*seconds = sum;
	return 0;
bad:
	return err_set(err, EINVAL,
		       "expected a time like \"90\", \"10m\", \"1d12h\" or \"1w\", not \"%s\"",
		       text);
}

const char *span_text(int64_t seconds, char buf[INSTANT_TEXT])
{
	static const struct unit whole[] = {
		{ "w", 604800 }, { "d", 86400 }, { "h", 3600 }, { "m", 60 }
	};

	for (size_t i = 0; i < COUNT(whole); i++) {
		if (seconds >= whole[i].seconds && seconds % whole[i].seconds == 0) {
			(void)snprintf(buf, INSTANT_TEXT, "%lld%s",
				       (long long)(seconds / whole[i].seconds), whole[i].name);
			return buf;
		}
	}
	(void)snprintf(buf, INSTANT_TEXT, "%llds", (long long)seconds);
	return buf;
}

/* RFC 3339's time-secfrac, ".120", if there is one; what is below a millisecond is dropped. */
static int64_t fraction_parse(const char **text)
{
	int64_t ms = 0;

	if (**text != '.' || !isdigit((unsigned char)(*text)[1]))
		return 0;
	for (int64_t unit = 100; isdigit((unsigned char)*++*text); unit /= 10)
		ms += (**text - '0') * unit;
	return ms;
}

/* What strptime() left over: "", "Z" or "+hh:mm". False for anything else. */
static bool zone_parse(const char *text, bool *local, int *offset_s)
{
	int h, m, used = 0;

	*offset_s = 0;
	*local = *text == '\0';
	if (*local || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if (sscanf(text + 1, "%2d:%2d%n", &h, &m, &used) != 2 &&
	    sscanf(text + 1, "%2d%2d%n", &h, &m, &used) != 2)
		return false;
	*offset_s = (h * 60 + m) * (*text == '-' ? -60 : 60);
	return (*text == '+' || *text == '-') && text[1 + used] == '\0';
}

/* strptime() takes up to 31 days for any month, timegm() makes them days of the next. */
static bool is_date(const struct tm *tm)
{
	struct tm date = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday };

	(void)timegm(&date);
	return date.tm_mday == tm->tm_mday;
}

int instant_parse(struct instant *at, const char *text, struct instant now, struct err *err)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
					     "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d" };
	int64_t span_s = 0;

	for (size_t i = 0; i < COUNT(forms); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *rest = strptime(text, forms[i], &tm);
		int64_t ms = rest && strstr(forms[i], "%S") ? fraction_parse(&rest) : 0;
		bool local;
		int offset_s;

		if (!rest || !zone_parse(rest, &local, &offset_s))
			continue;
		if (!is_date(&tm))
			continue;
		*at = instant_of_s(local ? mktime(&tm) : timegm(&tm) - offset_s);
		at->ms += ms;
		return 0;
	}
	if (span_parse(&span_s, text, err) == 0) {
		*at = (struct instant){ now.ms - span_s * 1000 };
		return 0;
	}
	return err_set(err, EINVAL,
		       "expected a time like \"2026-11-20 23:56\", \"2026-11-20T22:56:35Z\" or "
		       "\"2h\" (ago), not \"%s\"",
		       text);
}
