/*
 * stamp_clock - what moment a line's time means: its year, and its side of the clock change
 *
 * Year and zone are asked for once a minute of log time; in between a moment is a comparison
 * and an addition. localtime_r() alone is asked for the zone: mktime() remembers its last answer,
 * and the same log must give the same moments; it also looks for the zone's file, which the
 * engine's sandbox does not let it see.
 *
 * BUGS: a source without years that was silent for over half a year may get the wrong one, as
 * may one that a running clock saw silent for a month across New Year. The first line of a
 * source is taken to be in the first of two repeated hours.
 */
#include "core/filter/stamp.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

static const int64_t DAY_S = 86400;
static const int64_t DAY_MS = 86400 * 1000LL;
static const int64_t MONTH_MS = 31 * 86400 * 1000LL;
static const int64_t HALF_YEAR_MS = 183 * 86400 * 1000LL;
/* Lines of one source that come late by less are just late. */
static const int64_t DISORDER_MS = 60 * 1000;
/* Where a file's mtime is nonsense: years 1970 to 9998. */
static const int64_t NEWEST_MOST_MS = 253370764800000;

/* A minute of a wall clock. */
struct minute {
	struct instant start;
	int64_t again_ms; /* until the clock shows it once more; 0: it does not */
};

struct stamp_clock {
	uint64_t key;         /* which minute is known; 0: none yet */
	struct minute minute; /* the known one */
	struct instant last;  /* the last moment read; 1970 before any */

	/* Of stamps without a year: */
	int year;              /* of the last one; 0 before any */
	struct instant placed; /* the minute of the last one */
	struct instant newest;
};

struct stamp_clock *stamp_clock_new(struct instant newest)
{
	struct stamp_clock *clock = xcalloc(1, sizeof(*clock));

	tzset();
	if (newest.ms < 0)
		newest.ms = 0;
	if (newest.ms > NEWEST_MOST_MS)
		newest.ms = NEWEST_MOST_MS;
	clock->newest = newest;
	return clock;
}

void stamp_clock_free(struct stamp_clock *clock)
{
	free(clock);
}

/* Local time of a moment; years that int can't hold do not come here. */
static struct tm local_tm(int64_t s)
{
	time_t t = (time_t)s;
	struct tm tm = { 0 };

	(void)localtime_r(&t, &tm);
	return tm;
}

static int64_t offset_at(int64_t s)
{
	return local_tm(s).tm_gmtoff;
}

/*
 * When a wall clock shows what a clock in Greenwich shows at `wall_s`. Offsets are asked for a day
 * before and after: where they differ and both explain the time, it comes twice; where neither
 * does, it was skipped, and the old offset is taken to go on.
 */
static struct minute local_minute(int64_t wall_s)
{
	int64_t before = offset_at(wall_s - DAY_S), after = offset_at(wall_s + DAY_S);
	bool by_before, by_after;

	if (before == after)
		return (struct minute){ instant_of_s(wall_s - before), 0 };
	by_before = offset_at(wall_s - before) == before;
	by_after = offset_at(wall_s - after) == after;
	if (by_after && !by_before)
		return (struct minute){ instant_of_s(wall_s - after), 0 };
	return (struct minute){ instant_of_s(wall_s - before),
				by_after ? (before - after) * 1000 : 0 };
}

static unsigned int days_in_month(int year, unsigned int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* The stamp's minute in that year; false where the date does not exist. */
static bool minute_in_year(struct minute *minute, const struct stamp *s, int year)
{
	int64_t wall_s;

	if (s->month < 1 || s->month > 12 || s->hour > 23 || s->minute > 59)
		return false;
	if (s->day < 1 || s->day > days_in_month(year, s->month))
		return false;
	wall_s = days_from_civil(year, s->month, s->day) * DAY_S + s->hour * 3600 + s->minute * 60;
	if (s->has_zone)
		*minute = (struct minute){ instant_of_s(wall_s - s->offset_min * 60), 0 };
	else
		*minute = local_minute(wall_s);
	return true;
}

/* The latest year that does not put it more than a day after the newest; 0 where none does. */
static int latest_year(const struct stamp_clock *clock, const struct stamp *s,
		       struct minute *minute)
{
	int newest = local_tm(instant_s(clock->newest)).tm_year + 1900;

	/* From one leap year to the next it is eight years at the most. */
	for (int year = newest + 1; year >= newest - 8; year--)
		if (minute_in_year(minute, s, year) &&
		    since(clock->newest, minute->start) <= DAY_MS)
			return year;
	return 0;
}

/*
 * The year of a stamp that says none, after others of its source. Half a year back is New Year,
 * unless that leads into a future that nothing else speaks of: then it was a clock that started
 * wrong. Half a year on is a line that came late across New Year, or likewise such a clock.
 */
static int next_year(const struct stamp_clock *clock, const struct stamp *s, struct minute *minute)
{
	struct minute other;
	int64_t step_ms;

	if (!minute_in_year(minute, s, clock->year))
		return latest_year(clock, s, minute);
	step_ms = since(clock->placed, minute->start);
	if (step_ms < -HALF_YEAR_MS && minute_in_year(&other, s, clock->year + 1) &&
	    (since(clock->placed, other.start) <= MONTH_MS ||
	     since(clock->newest, other.start) <= DAY_MS)) {
		*minute = other;
		return clock->year + 1;
	}
	if (step_ms > HALF_YEAR_MS && minute_in_year(&other, s, clock->year - 1) &&
	    (since(other.start, clock->placed) <= DAY_MS ||
	     since(clock->newest, minute->start) > DAY_MS)) {
		*minute = other;
		return clock->year - 1;
	}
	return clock->year;
}

static bool place_without_year(struct stamp_clock *clock, const struct stamp *s,
			       struct minute *minute)
{
	int year = clock->year ? next_year(clock, s, minute) : latest_year(clock, s, minute);

	if (!year)
		return false;
	clock->year = year;
	clock->placed = minute->start;
	/* A source that is still written outgrows the moment at which it was opened. */
	if (since(clock->newest, minute->start) > 0)
		clock->newest = minute->start;
	return true;
}

static inline uint64_t minute_key(const struct stamp *s)
{
	uint16_t zone = s->has_zone ? (uint16_t)s->offset_min : 0x7fff;

	return (uint64_t)(uint16_t)s->year << 48 | (uint64_t)zone << 32 | (uint64_t)s->month << 24 |
	       (uint64_t)s->day << 16 | (uint64_t)s->hour << 8 | s->minute;
}

struct instant stamp_clock_read(struct stamp_clock *clock, const struct stamp *s)
{
	uint64_t key = minute_key(s);
	struct minute minute;
	struct instant at;

	assert(s->second <= 60 && s->ms <= 999);
	if (key != clock->key) {
		if (!(s->year ? minute_in_year(&minute, s, s->year)
			      : place_without_year(clock, s, &minute)))
			return INSTANT_NONE;
		clock->minute = minute;
		clock->key = key;
	}
	at.ms = clock->minute.start.ms + s->second * 1000 + s->ms;
	if (clock->minute.again_ms && since(at, clock->last) > DISORDER_MS)
		at.ms += clock->minute.again_ms;
	clock->last = at;
	return at;
}

/* The known minute is none of it: it is worked out anew, from the rest. */
void stamp_clock_save(const struct stamp_clock *clock, struct pack *out)
{
	pack_u64(out, (uint64_t)clock->last.ms);
	pack_u64(out, (uint64_t)clock->placed.ms);
	pack_u64(out, (uint64_t)clock->newest.ms);
	pack_u32(out, (uint32_t)clock->year);
}

/* A moment that a line can have had, give or take its zone and some years. */
static struct instant packed_instant(struct packed *in)
{
	struct instant at = { (int64_t)packed_u64(in) };

	if (at.ms < -120 * MONTH_MS || at.ms > NEWEST_MOST_MS + 13 * MONTH_MS)
		in->bad = true;
	return at;
}

void stamp_clock_restore(struct stamp_clock *clock, struct packed *in)
{
	struct instant last = packed_instant(in), placed = packed_instant(in),
		       newest = packed_instant(in);
	uint32_t year = packed_u32(in);

	if (year > 9999)
		in->bad = true;
	if (in->bad)
		return;
	clock->key = 0;
	clock->last = last;
	clock->placed = placed;
	clock->newest = newest;
	clock->year = (int)year;
}
