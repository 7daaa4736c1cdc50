/* live.h - logs that are being written as one stream of events */
#pragma once

#include "core/base/instant.h"
#include "core/base/pack.h"
#include "core/filter/event.h"
#include "core/filter/filter.h"
#include "core/filter/matcher_stats.h"
#include "core/source/tail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of logs that no watch counts: beyond WATCH_LOGS_MOST. */
enum { LIVE_JOURNAL = 0x10000, LIVE_STDIN = 0x10001 };

struct live_options {
	const struct filter_set *set; /* borrowed */
	unsigned int kinds;           /* of events that are of use, 1 << kind each; 0: all */
	int64_t grace_ms;             /* how long a rotated file is still looked at; 0: 10 s */
	int64_t poll_ms;              /* how often to look where inotify can't help; 0: 2 s */
	/* Is a line about the queue id of this hash of interest? Asked in order of time. NULL: all are. */
	bool (*wanted)(void *ctx, uint64_t queue_id_hash);
	/*
	 * The log was rotated or truncated, and lines may be in files that nobody has seen: have
	 * live_sibling() called for each rotated file, then live_start(); here, or later. NULL: it
	 * goes on without.
	 */
	void (*want_siblings)(void *ctx, size_t log);
	/* A line for the administrator. May be NULL. */
	void (*on_problem)(void *ctx, size_t log, const char *text);
	void *ctx; /* of these three */
};

struct live;

struct live *live_new(const struct live_options *options);
void live_free(struct live *l); /* NULL is fine */

/*
 * Saved positions, each under its source's name (a log's path, "journal"), before the logs of
 * these names. What is damaged is a problem, and as if it had not been saved.
 */
void live_restore(struct live *l, const char *source, struct slice position);

/*
 * A log: its number (watch.h) and name; `now` bounds the year of its first lines. What is known
 * already stays as it is. Then its rotated files, the file it is now with its number among the
 * watches (both as watch.h tells them; descriptors are taken over), in any order, and when all are
 * given, live_start(). A later file of a log is live_opened() alone.
 */
void live_log(struct live *l, size_t number, const char *source, struct instant now);
void live_sibling(struct live *l, size_t number, int fd);
void live_opened(struct live *l, size_t number, int fd, int wd, struct instant now);
void live_start(struct live *l, size_t number, enum tail_from from, struct instant now);

/* Reads what watch_modify_fd() has to say and notes which logs are worth a look. */
void live_modified(struct live *l, int modify_fd);
/* A log (LIVE_STDIN) is worth a look. */
void live_readable(struct live *l, size_t number);
/* Lines of the journal (follow_journal.h); its log must be known. */
void live_journal(struct live *l, struct slice body);
/* Where the journal reader has to go on; ptr NULL: nowhere yet. Valid until the next call. */
struct slice live_journal_cursor(const struct live *l);
/* False: enough waits; take no message of the journal reader before live_run(). */
bool live_journal_has_room(const struct live *l);

/*
 * Handles the lines at hand, at least `budget` where there are so many, and gives their events to
 * `on_event`, merged by time; slices in them are valid during the call. True: more is at hand.
 */
bool live_run(struct live *l, size_t budget, struct instant now,
	      void (*on_event)(void *ctx, const struct event *event), void *ctx);
/* When live_run() has something to do though nothing was written: in ms; -1: never. */
int64_t live_due_ms(const struct live *l, struct instant now);

/*
 * Gives the position of each source, as of the events delivered so far: after live_restore() all
 * others come, each once. Positions of sources that are no logs now are handed on.
 */
void live_positions(struct live *l,
		    void (*put)(void *ctx, const char *source, struct slice position), void *ctx);
/* Has any position changed since live_positions() was called last? */
bool live_moved(const struct live *l);

struct live_log_stats {
	const char *source; /* NULL: no more logs */
	struct tail_stats tail;
	uint64_t lines, events;
	uint64_t bad_times; /* lines dropped: a date that doesn't exist */
	uint64_t lost;      /* messages that, as the log says, were lost before they reached it */
	struct instant last_line;  /* the newest line's own time; INSTANT_NONE before any */
	struct instant last_login; /* the newest login's or message's; INSTANT_NONE before any */
	struct instant last_read;  /* the caller's clock when lines came last; likewise */
	const char *problem;       /* the last one, or NULL */
	struct instant problem_at;
};

/* The log at place `i`, from 0, in the order of live_log(). Texts are the log's. */
struct live_log_stats live_log_stats(const struct live *l, size_t i);
/* Of all logs since the start. */
struct matcher_stats live_matcher_stats(struct live *l);
