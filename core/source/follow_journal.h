/* follow_journal.h - the body of the process that reads the journal as it is written */
#pragma once

#include "core/base/channel.h"
#include "core/base/err.h"
#include "core/base/slice.h"

#include <stdbool.h>

/* Types of its messages, all towards the engine. */
enum journal_message {
	JOURNAL_LINES = 1, /* journal_lines_unpack() */
	JOURNAL_PROBLEM,   /* a text (pack_text()) for the administrator */
};

struct follow_options {
	/* Where the journal lies, or NULL: this machine's. */
	const char *directory;
	/* Without a cursor: the entries there are (true), or those to come alone. */
	bool from_start;
};

/*
 * Follows the journal from behind `cursor` (ptr NULL: see options) and sends its lines, in the form
 * of journal_line(), until the other side of the channel is gone (0). At most a megabyte waits to
 * be sent. A cursor whose entry is gone, to vacuuming, is told, and it goes on with the nearest
 * that is left. -1: the journal can't be read, or there is no libsystemd.
 */
int follow_journal(struct channel *channel, struct slice cursor,
		   const struct follow_options *options, struct err *err);

/* A message of type JOURNAL_LINES: lines for tail_take_block(). */
struct journal_lines {
	struct slice cursor; /* of the last line's entry */
	struct slice lines;
	bool gap; /* entries may be missing before these */
};

/* False for a body that is none. Slices point into it. */
bool journal_lines_unpack(struct journal_lines *out, struct slice body);
