/*
 * journal_export - systemd's journal export format becomes log lines
 *
 * An entry is a run of fields and ends at an empty line. A field is "NAME=value\n", or, where the
 * value holds a newline, "NAME\n", its length as 64 bits in little-endian order, the bytes and
 * "\n". A file or a stream is read through the reader; the local journal comes field by field
 * through libsystemd (journal.c). Both become lines here, in one form that the filters know.
 *
 * The converter is a state machine that may be interrupted at any byte. It keeps only the fields
 * that a line needs, each up to a bound, so the memory it takes is fixed whatever the input says.
 * Any local process may write into the journal: what could end a line or a line's head early is
 * masked in each field.
 */
#include "core/source/journal_export.h"

#include "core/base/mem.h"
#include "core/source/reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
	NAME_MOST = 64,  /* journald refuses longer field names */
	WORD_MOST = 255, /* host and program; a longer one is cut */
	PID_MOST = 10,
	STAMP_LEN = 27, /* 2026-11-20T22:56:35.123456Z */
	NAME_REALTIME = JOURNAL_FIELDS,
	NAME_OTHER,
};

static const uint64_t value_most = UINT64_C(768) << 20;             /* journald's DATA_SIZE_MAX */
static const uint64_t realtime_most = UINT64_C(253402300799999999); /* the end of the year 9999 */

static const char *const names[] = {
	[JOURNAL_HOST] = "_HOSTNAME",
	[JOURNAL_IDENTIFIER] = "SYSLOG_IDENTIFIER",
	[JOURNAL_COMM] = "_COMM",
	[JOURNAL_SYSLOG_PID] = "SYSLOG_PID",
	[JOURNAL_PID] = "_PID",
	[JOURNAL_MESSAGE] = "MESSAGE",
	[NAME_REALTIME] = "__REALTIME_TIMESTAMP",
};

/* The index in names[], or NAME_OTHER. */
static size_t name_index(struct slice name)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (slice_is(name, names[i]))
			return i;
	return NAME_OTHER;
}

enum journal_field journal_field_named(struct slice name)
{
	size_t i = name_index(name);

	return i < JOURNAL_FIELDS ? (enum journal_field)i : JOURNAL_FIELDS;
}

static char *put_number(char *out, unsigned int number, unsigned int digits, char behind)
{
	for (unsigned int i = digits; i-- > 0; number /= 10)
		out[i] = (char)('0' + number % 10);
	out[digits] = behind;
	return out + digits + 1;
}

static char *put_stamp(char *out, uint64_t realtime_us)
{
	time_t s = (time_t)(realtime_us / 1000000);
	struct tm tm = { .tm_mday = 1 };

	(void)gmtime_r(&s, &tm); /* can't fail before the year 10000 */
	out = put_number(out, (unsigned int)tm.tm_year + 1900, 4, '-');
	out = put_number(out, (unsigned int)tm.tm_mon + 1, 2, '-');
	out = put_number(out, (unsigned int)tm.tm_mday, 2, 'T');
	out = put_number(out, (unsigned int)tm.tm_hour, 2, ':');
	out = put_number(out, (unsigned int)tm.tm_min, 2, ':');
	out = put_number(out, (unsigned int)tm.tm_sec, 2, '.');
	return put_number(out, (unsigned int)(realtime_us % 1000000), 6, 'Z');
}

/* A word of the head: nothing in it may look like the head's end. */
static char *put_word(char *out, struct slice word, const char *masked)
{
	if (word.len == 0)
		word = slice_of("-");
	for (size_t i = 0; i < word.len && i < WORD_MOST; i++) {
		unsigned char c = (unsigned char)word.ptr[i];

		*out++ = c <= ' ' || c == 0x7f || strchr(masked, c) ? '_' : (char)c;
	}
	return out;
}

static char *put_pid(char *out, struct slice pid)
{
	long long number;

	if (pid.len > PID_MOST || !slice_number(pid, &number))
		return out;
	*out++ = '[';
	out = mempcpy(out, pid.ptr, pid.len);
	*out++ = ']';
	return out;
}

/* Simple enough for the compiler to do many bytes at once. */
static char *put_message(char *out, struct slice message)
{
	for (size_t i = 0; i < message.len; i++) {
		unsigned char c = (unsigned char)message.ptr[i];

		out[i] = c < ' ' || c == 0x7f ? ' ' : (char)c;
	}
	return out + message.len;
}

size_t journal_line(const struct journal_entry *entry, char *out, uint64_t *long_lines)
{
	const struct slice *field = entry->field;
	struct slice message = field[JOURNAL_MESSAGE];
	bool named = field[JOURNAL_IDENTIFIER].len > 0;
	char *p = out;

	static_assert(STAMP_LEN + 2 * WORD_MOST + PID_MOST + 6 < READER_LINE_MOST, "the head fits");
	if (message.len == 0 || entry->realtime_us == 0 || entry->realtime_us > realtime_most)
		return 0;
	p = put_stamp(p, entry->realtime_us);
	*p++ = ' ';
	p = put_word(p, field[JOURNAL_HOST], "");
	*p++ = ' ';
	p = put_word(p, field[named ? JOURNAL_IDENTIFIER : JOURNAL_COMM], ":[]");
	p = put_pid(p, field[field[JOURNAL_SYSLOG_PID].len > 0 ? JOURNAL_SYSLOG_PID : JOURNAL_PID]);
	*p++ = ':';
	*p++ = ' ';
	if (message.len > READER_LINE_MOST - (size_t)(p - out)) {
		(*long_lines)++;
		return 0;
	}
	p = put_message(p, message);
	*p++ = '\n';
	return (size_t)(p - out);
}

enum state { IN_NAME, IN_TEXT, IN_LENGTH, IN_BYTES };

/* A field's value, up to its bound. */
struct value {
	char *text;
	size_t len, room;
	bool seen;
};

struct journal_export {
	enum state state;
	struct value *value; /* the one being read; NULL: it is skipped */
	uint64_t count;      /* IN_LENGTH: bytes of it read; IN_BYTES: bytes still to come */
	uint64_t length;
	uint64_t offset; /* of the input, for messages */
	const char *source;
	uint64_t *long_lines;
	size_t name_len;
	char name[NAME_MOST];
	struct value values[COUNT(names)];
	char text[];
};

static size_t value_room(size_t field)
{
	/* One more than fits into a line, so that too long is told from just right. */
	return field == JOURNAL_MESSAGE ? READER_LINE_MOST + 1 : WORD_MOST;
}

bool journal_export_is(struct slice head)
{
	return slice_starts(head, "__CURSOR=") || slice_starts(head, "__REALTIME_TIMESTAMP=");
}

struct journal_export *journal_export_new(const char *name, uint64_t *long_lines)
{
	struct journal_export *x;
	size_t room = 0, used = 0;

	for (size_t i = 0; i < COUNT(names); i++)
		room += value_room(i);
	x = xcalloc(1, sizeof(*x) + room);
	x->source = name;
	x->long_lines = long_lines;
	for (size_t i = 0; i < COUNT(names); i++) {
		x->values[i].text = x->text + used;
		x->values[i].room = value_room(i);
		used += value_room(i);
	}
	return x;
}

void journal_export_free(struct journal_export *x)
{
	free(x);
}

static int damaged(const struct journal_export *x, const char *why, struct err *err)
{
	return err_set(err, EBADMSG, "%s: damaged journal export data after %llu bytes: %s",
		       x->source, (unsigned long long)x->offset, why);
}

static struct slice value_of(const struct value *value)
{
	return (struct slice){ value->seen ? value->text : NULL, value->seen ? value->len : 0 };
}

static size_t finish_entry(struct journal_export *x, char *out)
{
	struct journal_entry entry = { 0 };
	long long realtime_us;

	if (slice_number(value_of(&x->values[NAME_REALTIME]), &realtime_us))
		entry.realtime_us = (uint64_t)realtime_us;
	for (size_t i = 0; i < JOURNAL_FIELDS; i++)
		entry.field[i] = value_of(&x->values[i]);
	for (size_t i = 0; i < COUNT(names); i++)
		x->values[i].seen = false;
	return journal_line(&entry, out, x->long_lines);
}

static void skip(struct journal_export *x, struct slice *in, size_t len)
{
	in->ptr += len;
	in->len -= len;
	x->offset += len;
}

static void start_value(struct journal_export *x, enum state state)
{
	size_t i = name_index((struct slice){ x->name, x->name_len });

	x->value = i < COUNT(names) && !x->values[i].seen ? &x->values[i] : NULL;
	if (x->value) {
		x->value->seen = true;
		x->value->len = 0;
	}
	x->name_len = 0;
	x->count = 0;
	x->length = 0;
	x->state = state;
}

static void take_value(struct journal_export *x, struct slice *in, size_t len)
{
	struct value *v = x->value;

	if (v) {
		size_t keep = len < v->room - v->len ? len : v->room - v->len;

		memcpy(v->text + v->len, in->ptr, keep);
		v->len += keep;
	}
	skip(x, in, len);
}

/* *complete is set when the entry is. */
static int read_name(struct journal_export *x, struct slice *in, bool *complete, struct err *err)
{
	while (in->len > 0) {
		char c = *in->ptr;

		if (c != '=' && c != '\n') {
			if ((c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_')
				return damaged(x, "expected a field's name", err);
			if (x->name_len == NAME_MOST)
				return damaged(x, "expected a name of at most 64 bytes", err);
			x->name[x->name_len++] = c;
			skip(x, in, 1);
			continue;
		}
		if (c == '=' && x->name_len == 0)
			return damaged(x, "expected a field's name", err);
		skip(x, in, 1);
		*complete = x->name_len == 0;
		if (!*complete)
			start_value(x, c == '=' ? IN_TEXT : IN_LENGTH);
		return 0;
	}
	return 0;
}

static void read_text(struct journal_export *x, struct slice *in)
{
	const char *end = memchr(in->ptr, '\n', in->len);

	take_value(x, in, end ? (size_t)(end - in->ptr) : in->len);
	if (end) {
		skip(x, in, 1);
		x->state = IN_NAME;
	}
}

static int read_length(struct journal_export *x, struct slice *in, struct err *err)
{
	for (; in->len > 0 && x->count < 8; x->count++) {
		x->length |= (uint64_t)(unsigned char)*in->ptr << (8 * x->count);
		skip(x, in, 1);
	}
	if (x->count < 8)
		return 0;
	if (x->length > value_most)
		return damaged(x, "expected a field of at most 768 MiB", err);
	x->count = x->length;
	x->state = IN_BYTES;
	return 0;
}

static int read_bytes(struct journal_export *x, struct slice *in, struct err *err)
{
	size_t take = in->len < x->count ? in->len : (size_t)x->count;

	take_value(x, in, take);
	x->count -= take;
	if (x->count > 0 || in->len == 0)
		return 0;
	if (*in->ptr != '\n')
		return damaged(x, "expected a newline behind the field", err);
	skip(x, in, 1);
	x->state = IN_NAME;
	return 0;
}

static int step(struct journal_export *x, struct slice *in, bool *complete, struct err *err)
{
	switch (x->state) {
	case IN_NAME:
		return read_name(x, in, complete, err);
	case IN_TEXT:
		read_text(x, in);
		return 0;
	case IN_LENGTH:
		return read_length(x, in, err);
	case IN_BYTES:
		break;
	}
	return read_bytes(x, in, err);
}

int journal_export_read(struct journal_export *x, struct slice *in, char *out, size_t room,
			size_t *used, struct err *err)
{
	assert(room > READER_LINE_MOST);
	*used = 0;
	while (in->len > 0 && room - *used > READER_LINE_MOST) {
		bool complete = false;

		if (step(x, in, &complete, err) < 0)
			return -1;
		if (complete)
			*used += finish_entry(x, out + *used);
	}
	return 0;
}

int journal_export_end(struct journal_export *x, char *out, size_t room, size_t *used,
		       struct err *err)
{
	assert(room > READER_LINE_MOST);
	*used = 0;
	if (x->state != IN_NAME || x->name_len > 0)
		return damaged(x, "it ends within an entry", err);
	/* Entries are separated by an empty line: there may be none behind the last. */
	*used = finish_entry(x, out);
	return 0;
}
