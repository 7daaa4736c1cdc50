/* matcher.h - blocks of lines in, records of events out */
#pragma once

#include "core/filter/event.h"
#include "core/filter/filter.h"
#include "core/filter/matcher_stats.h"
#include "core/filter/stamp.h"

#include <stdbool.h>
#include <stdint.h>

enum { RECORD_SPANS = 13 };

/*
 * A line that is an event, or (match == NULL) may be one: its message begins with a queue id,
 * and whether the regex is worth running depends on whether that id is known.
 * Offsets count from the start of the block.
 */
struct record {
	const struct filter_match *match;
	struct stamp stamp;
	uint64_t key; /* what will be looked up, for who reads ahead (stream.c); else 0 */
	uint32_t pid;
	uint32_t line, line_len;
	uint32_t message, message_len;
	uint16_t repeats; /* as in struct line */
	uint16_t n_spans; /* or, where match is NULL, how many candidates */
	bool has_ip;
	struct address ip;
	union {
		struct {
			uint32_t offset;
			uint16_t len;
			uint16_t field;
		} span[RECORD_SPANS];
		uint16_t candidate[2 * RECORD_SPANS]; /* indices of matches, in the set's order */
	};
};

/* A growing array of records; init with {0}, free `record`. */
struct records {
	struct record *record;
	size_t n, cap;
};

/* How near a line came, for `postern test`. The order is that of getting nearer. */
enum matcher_near {
	NEAR_LITERAL, /* no literal of any match */
	NEAR_TIME,    /* no timestamp at the start */
	NEAR_PROGRAM, /* literals, but not of a filter for this program */
	NEAR_REGEX,   /* the regex of `match` was tried and did not match */
	NEAR_LIMIT,   /* the regex of `match` hit its limit */
	NEAR_EVENT,   /* an event */
};

struct matcher_why {
	enum matcher_near near;
	struct line line;
	const struct filter_match *match; /* the first that was tried; NULL where none was */
};

struct matcher;

/*
 * For one thread; borrows the set. `kinds` (1 << kind each; 0: all) says which events are of any use:
 * a line whose literals all belong to others is dropped unread.
 */
struct matcher *matcher_new(const struct filter_set *set, unsigned int kinds);
/* Another one for another thread; what the original built is borrowed. */
struct matcher *matcher_clone(const struct matcher *original);
void matcher_free(struct matcher *m); /* NULL is fine */
/* What was counted since the last call. */
struct matcher_stats matcher_take_stats(struct matcher *m);

/*
 * Appends to `out` what is found in `block`, whole lines each ended by '\n', in their order.
 * A line has at most one record.
 */
void matcher_scan(struct matcher *m, struct slice block, struct records *out);

/* The hash of the queue id that an undecided record begins with. */
uint64_t record_queue_hash(const struct record *r, const char *block);
/*
 * Makes `event` of a record, running the regexes first where it is undecided; event->time is
 * left alone. False where no regex takes it. Slices point into `block` or the filter.
 */
bool matcher_finish(struct matcher *m, const struct record *r, const char *block,
		    struct event *event);

/*
 * One line without its newline, at once; event->time is left alone. `why` may be NULL.
 */
bool matcher_line(struct matcher *m, struct slice line, struct event *event,
		  struct matcher_why *why);
