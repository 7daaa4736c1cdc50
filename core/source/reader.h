/* reader.h - one log, whatever it is packed in, as blocks of whole lines */
#pragma once

#include "core/base/err.h"
#include "core/base/instant.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	READER_BLOCK = 256 * 1024, /* PERFORMANCE.md: blocks of this size are searched fastest */
	READER_LINE_MOST =
		32 * 1024, /* without its newline; a longer line is dropped and counted */
};

/* Whole lines, each ended by '\n' (also the source's last). data has room for READER_BLOCK bytes. */
struct block {
	char *data;
	size_t len;
};

/* What a reader met; all of it belongs in the summary. To be read by the thread that reads. */
struct reader_stats {
	uint64_t bytes;        /* of log text handed out, unpacked */
	uint64_t packed_bytes; /* read from the file, for a progress bar; 0 for a journal */
	uint64_t long_lines;   /* dropped: longer than READER_LINE_MOST */
};

struct reader;

/*
 * Opens `path`: a plain file, one packed with gzip, bzip2, xz or zstd (told by content, not by
 * name), or "-" for standard input. Journal export format (systemd's JOURNAL_EXPORT_FORMATS) is
 * told by content too and handed out as lines "RFC 3339 time host program[pid]: message", and so
 * is a journal file. A directory, a device or a file without read permission is an error that
 * says so. On failure *out is untouched.
 */
int reader_open(struct reader **out, const char *path, struct err *err);
/*
 * The same for the journal of this machine (n is 0) or the given journal files, from the first
 * entry not before `since` on (INSTANT_NONE: from the oldest). An error without libsystemd.
 */
int reader_open_journal(struct reader **out, const char *const *files, size_t n,
			struct instant since, struct err *err);
void reader_close(struct reader *r); /* NULL is fine */

/*
 * Fills `block` with the next whole lines. 1: there are some; 0: the end; -1: the input is
 * damaged or unreadable from here on (all that came before was handed out, but not a line that
 * the damage cuts: half an address is another address), and err says why. A further call after
 * the end or an error gives the same answer. May wait where the input is a pipe or a terminal.
 */
int reader_next(struct reader *r, struct block *block, struct err *err);

/* The latest moment a line can have: the file's mtime; `now` for a pipe, terminal or journal. */
struct instant reader_newest(const struct reader *r, struct instant now);
/* The size on disk, packed as it is; 0 where it is not known. */
uint64_t reader_size(const struct reader *r);
const struct reader_stats *reader_stats(const struct reader *r);
/* True where unpacking costs more than a read(): worth a thread of its own. */
bool reader_is_packed(const struct reader *r);
