/* stamp.h - when a line was written, and by which program */
#pragma once

#include "core/base/instant.h"
#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* A time as a line shows it, before anyone asked which year or zone it means. */
struct stamp {
	int16_t year;	  /* 0: the line doesn't say */
	uint8_t month;	  /* 1 to 12 */
	uint8_t day;	  /* 1 to 31 */
	uint8_t hour;	  /* 0 to 23 */
	uint8_t minute;	  /* 0 to 59 */
	uint8_t second;	  /* 0 to 60, a leap second */
	bool has_zone;	  /* offset_min is valid */
	int16_t offset_min; /* east of Greenwich, in minutes */
	uint16_t ms;
};

/*
 * A line taken apart. `program` is the syslog tag without its pid; ptr is NULL for a line of
 * a server's own log file, which carries none. `message` is the rest.
 */
struct line {
	struct stamp stamp;
	struct slice host;
	struct slice program;
	struct slice message;
	uint32_t pid; /* 0: none */
};

/*
 * Takes `text` (one line without its newline) apart. False where no known timestamp leads it.
 * Linear in the length of the line's head; never reads behind text.len.
 */
bool line_parse(struct line *line, struct slice text);

struct stamp_clock;

/*
 * Turns the stamps of one source, in the order of its lines, into moments. `newest` is the
 * latest moment that a line can have (a file's mtime, or now): a stamp without a year gets the
 * latest year that does not put it more than a day behind `newest`; from there on a step back
 * over half a year is New Year. A local hour that the end of summer time repeats is told
 * apart by order. Local time is the zone of the environment (TZ).
 */
struct stamp_clock *stamp_clock_new(struct instant newest);
void stamp_clock_free(struct stamp_clock *clock); /* NULL is fine */
/* INSTANT_NONE for a date that does not exist. */
struct instant stamp_clock_read(struct stamp_clock *clock, const struct stamp *stamp);
