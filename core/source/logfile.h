/* logfile.h - one file of a log that is followed: its lines, and a place in it that is found again */
#pragma once

#include "core/base/err.h"
#include "core/base/pack.h"
#include "core/source/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOGFILE_HEAD = 256 };

/* A place in a file, and how to know the file again: by how it begins, whatever it is called now. */
struct place {
	uint64_t inode;
	uint64_t offset; /* of the next byte to read, unpacked */
	bool skipping;   /* it is within a line that is too long */
	uint16_t head_len;
	char head[LOGFILE_HEAD];
};

void place_pack(const struct place *p, struct pack *out);
/* What is impossible sets in->bad. */
void place_unpack(struct place *p, struct packed *in);

struct logfile;

/*
 * Takes `fd` over; `name` is for messages and borrowed. A regular file is read from its first byte
 * until told otherwise, by pread(2), so that a descriptor may be shared; anything else is a
 * stream. With `may_be_packed` its first bytes tell whether it is packed.
 */
struct logfile *logfile_new(int fd, const char *name, bool may_be_packed);
void logfile_free(struct logfile *f); /* NULL is fine */

bool logfile_is_plain(const struct logfile *f);
bool logfile_is_stream(const struct logfile *f);
/* Is it the same open file (device and inode)? */
bool logfile_same(const struct logfile *a, const struct logfile *b);
/* Was it written to later than the other? */
bool logfile_is_newer(const struct logfile *f, const struct logfile *other);
/*
 * Can `p` be a place in this file? It begins as the other did, and is long enough. A file that was
 * empty is known by its inode alone.
 */
bool logfile_has(const struct logfile *f, const struct place *p);
bool logfile_is_inode(const struct logfile *f, const struct place *p);
/* Goes to a place that logfile_has(). */
void logfile_go(struct logfile *f, const struct place *p);
/* Goes to the end: behind the last newline. */
void logfile_go_to_end(struct logfile *f);
/* Goes to the first byte of what the file holds now. */
void logfile_rewind(struct logfile *f);

/*
 * Fills `block` (READER_BLOCK bytes) with the next whole lines. 1: lines, or none (len 0) and one is
 * to call again; 0: none now; -1: not readable, or, with code ESTALE, truncated: what was read does
 * not stand in front of the place any more.
 */
int logfile_next(struct logfile *f, struct block *block, struct err *err);
/* At the end of a file that nobody writes to any more: its last line, which lacks the newline. */
bool logfile_last(struct logfile *f, struct block *block);
/* The place behind the first `done` bytes of the block handed out last. */
void logfile_place(const struct logfile *f, size_t done, struct place *out);

uint64_t logfile_size(const struct logfile *f); /* as it was when it was last looked at */
uint64_t logfile_offset(const struct logfile *f);
uint64_t logfile_long_lines(const struct logfile *f);
