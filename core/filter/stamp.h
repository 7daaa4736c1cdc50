/* stamp.h - when a line was written, and by which program */
#pragma once

#include "core/base/instant.h"
#include "core/base/pack.h"
#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* A time as a line shows it, before anyone asked which year or zone it means. */
struct stamp {
	int16_t year;       /* 0: the line doesn't say */
	uint8_t month;      /* 1 to 12 */
	uint8_t day;        /* 1 to 31 */
	uint8_t hour;       /* 0 to 23 */
	uint8_t minute;     /* 0 to 59 */
	uint8_t second;     /* 0 to 60, a leap second */
	bool has_zone;      /* offset_min is valid */
	int16_t offset_min; /* east of Greenwich, in minutes */
	uint16_t ms;
};

/*
 * A line taken apart. `program` is the syslog tag without its pid; ptr is NULL for a line of
 * a server's own log file, which carries none (nor a host). `message` is the rest, without a
 * final '\r'; Exim's own time and "[pid]" before it are cut off, and so is what rsyslog folds
 * repeated lines into. All slices point into the text.
 */
struct line {
	struct stamp stamp;
	struct slice host;
	struct slice program;
	struct slice message;
	uint32_t pid;     /* 0: none */
	uint16_t repeats; /* how many more of the same it stands for: at most LINE_REPEATS_MOST */
};

/* More than any rule waits for. */
enum { LINE_REPEATS_MOST = 1000 };

/*
 * Takes `text` (one line without its newline) apart: RFC 3164 (busybox's too), ISO 8601, what
 * journalctl -o short-* prints, RFC 5424, and the own logs of Exim and Dovecot, each with or
 * without a syslog PRI before it. False, and *line means nothing, where no known timestamp leads
 * the line or an RFC 5424 header is damaged. Linear in the length of the line's head; never reads
 * beyond text.len. `program` only ever comes from the head: text further on can't pose as one.
 */
bool line_parse(struct line *line, struct slice text);

struct stamp_clock;

/*
 * Turns the stamps of one source, in the order of its lines, into moments. `newest` is the
 * latest moment that a line can have (a file's mtime, or now): the first stamp without a year
 * gets the latest year that does not put it more than a day after `newest`; from there on a step
 * back over half a year is New Year. A local hour that the end of summer time repeats is told
 * apart by order; one that its beginning skips goes on in the old offset. Local time is the zone
 * of the environment (TZ) when the clock was made.
 */
struct stamp_clock *stamp_clock_new(struct instant newest);
void stamp_clock_free(struct stamp_clock *clock); /* NULL is fine */
/*
 * INSTANT_NONE for a date that does not exist. A stamp in the minute of the one before costs
 * a comparison and an addition.
 */
struct instant stamp_clock_read(struct stamp_clock *clock, const struct stamp *stamp);

/*
 * What the clock knows from the lines that it has read, so that after a restart the same lines mean
 * the same moments. stamp_clock_restore() leaves the clock as it is where `in` is damaged, and
 * sets in->bad.
 */
void stamp_clock_save(const struct stamp_clock *clock, struct pack *out);
void stamp_clock_restore(struct stamp_clock *clock, struct packed *in);
