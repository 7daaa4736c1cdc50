/* stream.h - several logs as one stream of events, in order of time */
#pragma once

#include "core/filter/event.h"
#include "core/filter/filter.h"
#include "core/filter/matcher.h"

#include <stdbool.h>
#include <stdint.h>

struct stream_options {
	unsigned int threads; /* 1: all work is done in the caller's */
	struct instant now;   /* the latest moment that a pipe's lines can have */
	bool journal;         /* the paths are journal files; none: this system's journal */
	unsigned int kinds;   /* of events that are of use, 1 << kind each; 0: all */
	struct instant since; /* where to start in a journal; INSTANT_NONE: at its head */
	/*
	 * Is a line about this queue id of interest? Asked in the order of time; what it refuses
	 * costs no regex. NULL: all are.
	 */
	bool (*wanted)(void *ctx, uint64_t queue_id_hash);
	/*
	 * The hash that a user name is looked up by, for event->user_hash and record->key: asked in
	 * all threads. NULL: they stay 0.
	 */
	uint64_t (*hash_user)(void *ctx, struct slice user);
	/*
	 * What comes next, so that the memory it will need can be fetched meanwhile; told at each
	 * record. A record's key is the hash of its user or, where it is undecided, of its queue id.
	 * May be NULL.
	 */
	void (*ahead)(void *ctx, const struct record *next, size_t n);
	void *ctx;
};

struct stream_stats {
	uint64_t bytes;      /* of log text, unpacked */
	uint64_t read_bytes; /* on disk, for a progress bar: of total_bytes */
	uint64_t total_bytes;
	uint64_t long_lines; /* dropped: too long */
	uint64_t bad_times;  /* dropped: a date that doesn't exist */
	struct matcher_stats lines;
};

struct stream;

/*
 * Prepares to read `paths` ("-" is standard input). A log that can't be read is a problem
 * (stream_problem), not an error: the others are read all the same. Borrows `set`.
 */
struct stream *stream_open(const struct filter_set *set, const char *const *paths, size_t n,
			   const struct stream_options *options);
void stream_close(struct stream *s); /* NULL is fine */

/*
 * The next event. Its slices are valid until the next call. False at the end of all logs.
 * Events of one log come in the order of its lines, those of several merged by time.
 */
bool stream_next(struct stream *s, struct event *event);

/* What was read so far. */
struct stream_stats stream_stats(struct stream *s);
/* What could not be read, one line each; NULL behind the last. */
const char *stream_problem(struct stream *s, size_t i);
