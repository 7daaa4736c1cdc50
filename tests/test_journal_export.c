/*
 * test_journal_export - entries of the journal become one line each, whatever they hold
 *
 * Every row is converted in one piece, byte by byte and in pieces between, with the least room
 * that the converter accepts: what comes out may not depend on where the input is cut.
 */
#include "core/source/journal_export.h"

#include "core/source/reader.h"
#include "tests/rows.h"

#include <string.h>

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}
#define STAMP    "__REALTIME_TIMESTAMP=1795215395123456\n"
#define STAMPED  "2026-11-20T22:56:35.123456Z "
#define HEAD     "__CURSOR=s=1;i=2\n" STAMP "__MONOTONIC_TIMESTAMP=17\n"
#define SENDER   "_HOSTNAME=mail\nSYSLOG_IDENTIFIER=postfix/smtpd\n_COMM=smtpd\n_PID=19536\n"
#define SENT     STAMPED "mail postfix/smtpd[19536]: "
#define LONG_ROW (2 * READER_LINE_MOST)

static const struct row {
	const char *name;
	struct slice in;
	struct slice want;
	const char *error;
	size_t filler; /* x's that MESSAGE= at the input's end is followed by, and a newline */
	size_t filled; /* x's that the wanted text is followed by, and a newline */
	uint64_t long_lines;
} rows[] = {
	{ "nothing", TEXT(""), TEXT(""), NULL, 0, 0, 0 },
	{ "text fields", TEXT(HEAD SENDER "MESSAGE=hello\n\n"), TEXT(SENT "hello\n"), NULL, 0, 0,
	  0 },
	{ "no empty line behind the last", TEXT(HEAD SENDER "MESSAGE=hello\n"),
	  TEXT(SENT "hello\n"), NULL, 0, 0, 0 },
	{ "two entries, stamps first",
	  TEXT(STAMP SENDER "MESSAGE=a\n\n__REALTIME_TIMESTAMP=951782400000000\nMESSAGE=b\n\n"),
	  TEXT(SENT "a\n2000-02-29T00:00:00.000000Z - -: b\n"), NULL, 0, 0, 0 },
	{ "binary message", TEXT(HEAD SENDER "MESSAGE\n\5\0\0\0\0\0\0\0a\nb\tc\n\n"),
	  TEXT(SENT "a b c\n"), NULL, 0, 0, 0 },
	{ "a faked entry within a message",
	  TEXT(HEAD SENDER "MESSAGE\n\x10\0\0\0\0\0\0\0x\n\nMESSAGE=fake\n\n\n"),
	  TEXT(SENT "x  MESSAGE=fake \n"), NULL, 0, 0, 0 },
	{ "NUL, escape, DEL and UTF-8",
	  TEXT(HEAD SENDER "MESSAGE=a\0b\033[1mc\x7f\xc3\xa9\xff\n\n"),
	  TEXT(SENT "a b [1mc \xc3\xa9\xff\n"), NULL, 0, 0, 0 },
	{ "binary field that is skipped",
	  TEXT(HEAD "COREDUMP\n\3\0\0\0\0\0\0\0\n\n\n\n" SENDER "MESSAGE=hello\n\n"),
	  TEXT(SENT "hello\n"), NULL, 0, 0, 0 },
	{ "empty binary field", TEXT(HEAD "X\n\0\0\0\0\0\0\0\0\n" SENDER "MESSAGE=hello\n\n"),
	  TEXT(SENT "hello\n"), NULL, 0, 0, 0 },
	{ "SYSLOG_PID before _PID", TEXT(HEAD SENDER "SYSLOG_PID=7\nMESSAGE=hello\n\n"),
	  TEXT(STAMPED "mail postfix/smtpd[7]: hello\n"), NULL, 0, 0, 0 },
	{ "_COMM for want of an identifier",
	  TEXT(HEAD "_HOSTNAME=mail\n_COMM=tmux: server\nMESSAGE=hello\n\n"),
	  TEXT(STAMPED "mail tmux__server: hello\n"), NULL, 0, 0, 0 },
	{ "a head faked by an identifier",
	  TEXT(HEAD "SYSLOG_IDENTIFIER\n\x0d\0\0\0\0\0\0\0smtpd[1]: x\n\t\n_HOSTNAME=a "
		    "b\nMESSAGE=m\n\n"),
	  TEXT(STAMPED "a_b smtpd_1___x__: m\n"), NULL, 0, 0, 0 },
	{ "a process id that is none", TEXT(HEAD "SYSLOG_PID=1]: x\nMESSAGE=m\n\n"),
	  TEXT(STAMPED "- -: m\n"), NULL, 0, 0, 0 },
	{ "the first of two equal fields", TEXT(HEAD SENDER "MESSAGE=a\nMESSAGE=b\n\n"),
	  TEXT(SENT "a\n"), NULL, 0, 0, 0 },
	{ "no message", TEXT(HEAD SENDER "\n" HEAD SENDER "MESSAGE=\n\n"), TEXT(""), NULL, 0, 0,
	  0 },
	{ "no field is left from the entry before", TEXT(HEAD SENDER "MESSAGE=a\n\n" HEAD "\n"),
	  TEXT(SENT "a\n"), NULL, 0, 0, 0 },
	{ "no time", TEXT("__CURSOR=1\n" SENDER "MESSAGE=a\n\n"), TEXT(""), NULL, 0, 0, 0 },
	{ "a time behind the year 9999",
	  TEXT("__REALTIME_TIMESTAMP=253402300800000000\n" SENDER "MESSAGE=a\n\n"), TEXT(""), NULL,
	  0, 0, 0 },
	{ "the longest line", TEXT(HEAD SENDER "MESSAGE="), TEXT(SENT), NULL,
	  READER_LINE_MOST - (sizeof(SENT) - 1), READER_LINE_MOST - (sizeof(SENT) - 1), 0 },
	{ "one byte too long", TEXT(HEAD SENDER "MESSAGE="), TEXT(""), NULL,
	  READER_LINE_MOST - (sizeof(SENT) - 1) + 1, 0, 1 },
	{ "far too long", TEXT(HEAD SENDER "MESSAGE=a\n\n" HEAD SENDER "MESSAGE="),
	  TEXT(SENT "a\n"), NULL, LONG_ROW, 0, 1 },
	{ "length of 2^63", TEXT(HEAD SENDER "MESSAGE=a\n\n" HEAD "MESSAGE\n\0\0\0\0\0\0\0\x80xx"),
	  TEXT(SENT "a\n"),
	  "test: damaged journal export data after 257 bytes: expected a field of", 0, 0, 0 },
	{ "ends within bytes", TEXT(HEAD "MESSAGE\n\xff\xff\0\0\0\0\0\0xx"), TEXT(""),
	  "ends within an entry", 0, 0, 0 },
	{ "ends within a length", TEXT(HEAD "MESSAGE\n\1\0"), TEXT(""), "ends within an entry", 0,
	  0, 0 },
	{ "ends within a text", TEXT(HEAD "MESSAGE=cut"), TEXT(""), "ends within an entry", 0, 0,
	  0 },
	{ "ends within a name", TEXT(HEAD "MESS"), TEXT(""), "ends within an entry", 0, 0, 0 },
	{ "no newline behind bytes", TEXT(HEAD "MESSAGE\n\1\0\0\0\0\0\0\0abc"), TEXT(""),
	  "expected a newline", 0, 0, 0 },
	{ "no name", TEXT(HEAD "=x\n"), TEXT(""), "expected a field's name", 0, 0, 0 },
	{ "a log line", TEXT(HEAD "\nNov 20 23:56:35 mail x: y\n"), TEXT(""),
	  "expected a field's name", 0, 0, 0 },
	{ "a long name",
	  TEXT(HEAD "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDDEEEEEEEEEEFFFFFFFFFFGGGGG=x\n"),
	  TEXT(""), "at most 64", 0, 0, 0 },
};

struct run {
	char *out;
	size_t len;
	uint64_t long_lines;
	struct err err;
	int ret;
};

/* `text` and, where asked for, `x` so many times and a newline. */
static char *fill(struct slice text, size_t x, const char *behind, size_t *len)
{
	char *all = xcalloc(text.len + x + 3, 1);

	memcpy(all, text.ptr, text.len);
	*len = text.len;
	if (x > 0) {
		memset(all + text.len, 'x', x);
		*len += x;
		memcpy(all + *len, behind, strlen(behind));
		*len += strlen(behind);
	}
	return all;
}

static void convert(struct run *run, struct slice in, size_t piece)
{
	struct journal_export *x = journal_export_new("test", &run->long_lines);
	size_t used;

	run->out = xcalloc(in.len + READER_LINE_MOST + 1000, 1);
	while (in.len > 0 && run->ret == 0) {
		struct slice part = { in.ptr, in.len < piece ? in.len : piece };
		size_t len = part.len;

		run->ret = journal_export_read(x, &part, run->out + run->len, READER_LINE_MOST + 1,
					       &used, &run->err);
		run->len += used;
		in.ptr += len - part.len;
		in.len -= len - part.len;
	}
	if (run->ret == 0) {
		run->ret = journal_export_end(x, run->out + run->len, READER_LINE_MOST + 1, &used,
					      &run->err);
		run->len += used;
	}
	journal_export_free(x);
}

static void check(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64, 1000, SIZE_MAX };
	const struct row *row = *state;
	size_t in_len, want_len;
	char *in = fill(row->in, row->filler, "\n\n", &in_len);
	char *want = fill(row->want, row->filled, "\n", &want_len);

	for (size_t i = 0; i < COUNT(pieces); i++) {
		struct run run = { 0 };

		convert(&run, (struct slice){ in, in_len }, pieces[i]);
		if (run.ret < 0)
			assert_non_null(strstr(run.err.text, row->error ? row->error : "none"));
		assert_int_equal(run.ret, row->error ? -1 : 0);
		assert_int_equal(run.len, want_len);
		assert_memory_equal(run.out, want, want_len);
		assert_int_equal(run.long_lines, row->long_lines);
		free(run.out);
	}
	free(in);
	free(want);
}

static void tells_the_format(void **state)
{
	(void)state;
	assert_true(journal_export_is(slice_of("__CURSOR=s=1")));
	assert_true(journal_export_is(slice_of("__REALTIME_TIMESTAMP=1")));
	assert_false(journal_export_is(slice_of("__REALTIME_TIMESTAMP")));
	assert_false(journal_export_is(slice_of("Nov 20 23:56:35 __CURSOR=")));
	assert_false(journal_export_is(slice_of("")));
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 1] = { cmocka_unit_test(tells_the_format) };
	size_t n = 1;

	ADD_ROWS(tests, n, rows, check);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
