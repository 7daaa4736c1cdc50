/* journal.h - the systemd journal, local or in files, as log lines */
#pragma once

#include "core/base/err.h"
#include "core/base/instant.h"
#include "core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

/*
 * Opens the journal of this machine (n is 0), or the given journal files, at the first entry not
 * before `since` (INSTANT_NONE: at the oldest). A journal without one entry that this user may
 * read is an error. Without libsystemd at build time it always fails, and says so.
 */
int journal_open(struct journal **out, const char *const *files, size_t n, struct instant since,
		 struct err *err);
void journal_close(struct journal *j); /* NULL is fine */

/*
 * Writes the lines of the next entries (journal_line()) to `buf`, as many as fit into `room`,
 * more than READER_LINE_MOST; *got is 0 at the end. -1: it can't be read on; *got bytes are good.
 */
int journal_read(struct journal *j, char *buf, size_t room, size_t *got, uint64_t *long_lines,
		 struct err *err);

/*
 * Opens the journal of this machine, or of `directory` (NULL: none), to be followed: behind the
 * entry of `cursor`, and where its ptr is NULL at the oldest (`from_start`) or behind the newest.
 * *gap: the cursor's entry is gone, and it goes on with the nearest that is left.
 */
int journal_follow(struct journal **out, const char *directory, struct slice cursor,
		   bool from_start, bool *gap, struct err *err);
/* The cursor of the entry that was read last, or that it began behind; NULL: none. The caller frees. */
char *journal_cursor(struct journal *j);
/* To be polled for `*events`, for so many ms at most (-1: for ever); then journal_changed(). */
int journal_poll(struct journal *j, short *events, int *timeout_ms);
/* Takes note of new entries, and of files that came and went. */
int journal_changed(struct journal *j, struct err *err);
