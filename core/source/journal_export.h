/* journal_export.h - entries of the systemd journal as log lines */
#pragma once

#include "core/base/err.h"
#include "core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields that a line is made of (systemd.journal-fields(7)). */
enum journal_field {
	JOURNAL_HOST,       /* _HOSTNAME */
	JOURNAL_IDENTIFIER, /* SYSLOG_IDENTIFIER */
	JOURNAL_COMM,       /* _COMM, for want of an identifier */
	JOURNAL_SYSLOG_PID, /* SYSLOG_PID */
	JOURNAL_PID,        /* _PID, for want of the other */
	JOURNAL_MESSAGE,    /* MESSAGE */
	JOURNAL_FIELDS,
};

/* An absent field has ptr NULL. Where an entry carries one twice, the first counts. */
struct journal_entry {
	uint64_t realtime_us; /* since the epoch (__REALTIME_TIMESTAMP); 0: none */
	struct slice field[JOURNAL_FIELDS];
};

/* JOURNAL_FIELDS for a name that no line needs. */
enum journal_field journal_field_named(struct slice name);

/*
 * Writes "2026-11-20T22:56:35.123456Z host program[pid]: message\n" to `out`, which has room for
 * READER_LINE_MOST + 1 bytes, and returns its length. 0 for an entry without a message or a time,
 * and for one that would be longer than READER_LINE_MOST: *long_lines counts those. One entry is
 * never two lines, and nothing within it can pass for a line's head.
 */
size_t journal_line(const struct journal_entry *entry, char *out, uint64_t *long_lines);

/*
 * Journal export format (https://systemd.io/JOURNAL_EXPORT_FORMATS/), as `journalctl -o export`
 * writes it, converted as it streams by in pieces of any size.
 */
struct journal_export;

enum { JOURNAL_EXPORT_HEAD = 21 }; /* bytes that tell the format */

/* Does content that begins with `head` look like journal export format? */
bool journal_export_is(struct slice head);

/* `name` is for messages; both pointers are borrowed until journal_export_free(). */
struct journal_export *journal_export_new(const char *name, uint64_t *long_lines);
void journal_export_free(struct journal_export *x); /* NULL is fine */

/*
 * Consumes `in` from its front and writes whole lines to `out`, *used bytes of its `room`
 * (more than READER_LINE_MOST). Returns when `in` is empty or when a further line might not fit.
 * -1: the input is damaged; what stood before it is in `out`. No more calls after that.
 */
int journal_export_read(struct journal_export *x, struct slice *in, char *out, size_t room,
			size_t *used, struct err *err);
/* At the end of the input: writes the last entry, or says that it was cut short. */
int journal_export_end(struct journal_export *x, char *out, size_t room, size_t *used,
		       struct err *err);
