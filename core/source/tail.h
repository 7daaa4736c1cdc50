/* tail.h - one log as it is written, through rotation and restarts, as blocks of whole lines */
#pragma once

#include "core/base/err.h"
#include "core/base/instant.h"
#include "core/base/pack.h"
#include "core/source/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A tail opens nothing: it is given descriptors (watch.h), takes them over and closes them. All
 * of them are of one log. Moments are the caller's clock and serve to measure the grace alone.
 */
struct tail;

/* Where a log without a saved position begins. */
enum tail_from { TAIL_FROM_END, TAIL_FROM_START };

struct tail_stats {
	uint64_t bytes;      /* of log text handed out, unpacked */
	uint64_t long_lines; /* dropped: longer than READER_LINE_MOST */
	uint64_t rotations;  /* files that came after another one */
	uint64_t truncations;
	uint64_t offset, size; /* in the file read now; 0 where it has none (FIFO, journal) */
	bool open;             /* there is a file now */
};

/*
 * `name` is the log's, for messages. For `grace_ms` after another file took its place a file is
 * still looked at, because its writer may not have noticed yet.
 */
struct tail *tail_new(const char *name, int64_t grace_ms);
void tail_free(struct tail *t); /* NULL is fine */

/*
 * Before tail_start(): where to go on, as tail_position() wrote it. -1 where it is damaged: it is
 * then as if there had been none, and `err` says so.
 */
int tail_restore(struct tail *t, struct slice position, struct err *err);
/* A rotated file of the log, newest first, before tail_start(); whatever is of no use is closed. */
void tail_sibling(struct tail *t, int fd);
/* The file that the path leads to now; the one that is open already changes nothing. */
void tail_give(struct tail *t, int fd, struct instant now);
/*
 * All that there is now was given: decides where to begin. With a position that is where it
 * was left, be it in a rotated or packed sibling, and the files since then follow from their first
 * byte. -1: the place was not found and lines may be lost; err says so, and it goes on with
 * what there is. Without a position `from` decides, for the file that is there now; one
 * that comes later is read from its first byte.
 */
int tail_start(struct tail *t, enum tail_from from, struct instant now, struct err *err);
/*
 * True when the log was truncated (its last lines may be in a copy: logrotate's copytruncate) or
 * rotated (maybe twice before anyone looked): the file that is there now is not read until the
 * siblings were given and tail_start() was called again, or the grace is over.
 */
bool tail_wants_siblings(const struct tail *t);

/*
 * Fills `block` (room for READER_BLOCK bytes) with the next whole lines; the block before it has been
 * dealt with. 1: there are some, or (len 0) a part of a line that is too long was passed over; 0: none
 * now; -1: something can't be read (err): the next call goes on behind it, or fails again.
 */
int tail_next(struct tail *t, struct block *block, struct instant now, struct err *err);
/* When tail_next() has something to do though nothing was written: in ms; -1: never. */
int64_t tail_due_ms(const struct tail *t, struct instant now);

/*
 * Writes where to go on once the first `done` bytes of the block handed out last (whole lines)
 * have been dealt with. Nothing for a FIFO.
 */
void tail_position(const struct tail *t, size_t done, struct pack *out);

/*
 * The journal's way in: whole lines, and the cursor of the entry that the last of them is of.
 * `gap`: entries before it may be missing. Copied. -1: these are no lines of ours.
 */
int tail_take_block(struct tail *t, struct slice cursor, bool gap, struct slice lines,
		    struct err *err);
/* Where the journal reader has to go on: behind what was taken; ptr NULL: nowhere yet. */
struct slice tail_cursor(const struct tail *t);
/* Bytes taken and not yet handed out: above a megabyte take no more. */
size_t tail_waiting(const struct tail *t);

struct tail_stats tail_stats(const struct tail *t);
