/*
 * test_journal - real journal files give the lines that their export gives
 *
 * systemd-journal-remote, where it is installed, makes a journal file from journal export format;
 * without it the test is skipped. What libsystemd then reads is compared with the lines expected,
 * so both ways in are held to one form.
 */
#include "core/source/journal.h"

#include "core/source/follow_journal.h"
#include "core/source/reader.h"
#include "tests/rows.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define REMOTE "/lib/systemd/systemd-journal-remote"

enum { ENTRIES = 3000, FIRST_S = 1795215395 };

static char folder[] = "/tmp/test_journal.XXXXXX";
static char *journal_path, *second_path, *export_path;

/*
 * One entry a second. Number 7 has a message in two lines, number 8 one that is too long, number 9
 * none at all.
 */
static void write_export(FILE *to, int first_s)
{
	for (int i = 0; i < ENTRIES; i++) {
		(void)fprintf(to,
			      "__REALTIME_TIMESTAMP=%d000123\n__MONOTONIC_TIMESTAMP=%d\n"
			      "_BOOT_ID=0123456789abcdef0123456789abcdef\n_HOSTNAME=mail\n"
			      "SYSLOG_IDENTIFIER=dovecot\n_PID=%d\n",
			      first_s + i, first_s - FIRST_S + 1000 + i, 1 + i % 1000);
		if (i == 7)
			(void)fwrite("MESSAGE\n\3\0\0\0\0\0\0\0a\nb\n\n", 1, 21, to);
		else if (i == 8)
			(void)fprintf(to, "MESSAGE=%040000d\n\n", 0);
		else if (i == 9)
			(void)fprintf(to, "PRIORITY=6\n\n");
		else
			(void)fprintf(to, "MESSAGE=entry %d\n\n", i);
	}
}

static bool save_export(int first_s)
{
	FILE *to = fopen(export_path, "we");

	if (!to)
		return false;
	write_export(to, first_s);
	return fclose(to) == 0;
}

/* Runs systemd-journal-remote on the exported entries; false where it failed. */
static bool make_journal(char *path)
{
	int status, in = open(export_path, O_RDONLY | O_CLOEXEC);
	int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char *argv[] = { (char[]){ REMOTE }, (char[]){ "-o" }, path, (char[]){ "-" }, NULL };
	pid_t child;

	assert_true(in >= 0 && sink >= 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(in, STDIN_FILENO);
		dup2(sink, STDOUT_FILENO);
		dup2(sink, STDERR_FILENO);
		execv(REMOTE, argv);
		_exit(127);
	}
	close(in);
	close(sink);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status == 0;
}

/* The next line of the reader, in `line`; false at the end. */
static bool next_line(struct reader *r, struct block *block, size_t *at, char line[256])
{
	struct err err;
	char *end;

	if (*at == block->len) {
		int ret = reader_next(r, block, &err);

		*at = 0;
		if (ret < 0)
			fail_msg("%s", err.text);
		if (ret == 0)
			return false;
	}
	end = memchr(block->data + *at, '\n', block->len - *at);
	assert_non_null(end);
	assert_in_range(end - (block->data + *at), 1, 255);
	(void)snprintf(line, 256, "%.*s", (int)(end - (block->data + *at)), block->data + *at);
	*at += (size_t)(end + 1 - (block->data + *at));
	return true;
}

static void expect_entries(struct reader *r, int from)
{
	struct block block = { xcalloc(READER_BLOCK, 1), 0 };
	char line[256];
	size_t at = 0;

	for (int i = from; i < ENTRIES; i++) {
		struct instant when = instant_of_s(FIRST_S + i);
		char stamp[INSTANT_TEXT], *want;

		if (i == 8 || i == 9)
			continue;
		(void)instant_rfc3339(when, stamp);
		stamp[strlen(stamp) - 1] = '\0';
		want = i == 7 ? xasprintf("%s.000123Z mail dovecot[8]: a b", stamp)
			      : xasprintf("%s.000123Z mail dovecot[%d]: entry %d", stamp,
					  1 + i % 1000, i);
		assert_true(next_line(r, &block, &at, line));
		assert_string_equal(line, want);
		free(want);
	}
	assert_false(next_line(r, &block, &at, line));
	assert_int_equal(reader_stats(r)->long_lines, from <= 8);
	reader_close(r);
	free(block.data);
}

static bool have_journal(void)
{
	return HAVE_SYSTEMD && access(journal_path, R_OK) == 0;
}

static void exported(void **state)
{
	struct reader *r;
	struct err err;

	(void)state;
	assert_int_equal(reader_open(&r, export_path, &err), 0);
	expect_entries(r, 0);
}

static void by_files(void **state)
{
	const char *const files[] = { journal_path };
	struct reader *r;
	struct err err;

	(void)state;
	if (!have_journal())
		skip();
	assert_int_equal(reader_open_journal(&r, files, 1, INSTANT_NONE, &err), 0);
	assert_true(reader_is_packed(r));
	assert_int_equal(reader_newest(r, instant_of_s(5)).ms, 5000);
	expect_entries(r, 0);
}

static void by_content(void **state)
{
	struct reader *r;
	struct err err;

	(void)state;
	if (!have_journal())
		skip();
	assert_int_equal(reader_open(&r, journal_path, &err), 0);
	expect_entries(r, 0);
}

static void since_a_moment(void **state)
{
	const char *const files[] = { journal_path };
	struct reader *r;
	struct err err;

	(void)state;
	if (!have_journal())
		skip();
	assert_int_equal(reader_open_journal(&r, files, 1, instant_of_s(FIRST_S + 2000), &err), 0);
	expect_entries(r, 2000);
}

static void since_the_future(void **state)
{
	const char *const files[] = { journal_path };
	struct reader *r;
	struct err err;

	(void)state;
	if (!have_journal())
		skip();
	assert_int_equal(reader_open_journal(&r, files, 1, instant_of_s(FIRST_S + ENTRIES), &err),
			 0);
	expect_entries(r, ENTRIES);
}

static void refusals(void **state)
{
	const char *const missing[] = { "/nowhere/system.journal" };
	const char *const other[] = { export_path };
	struct journal *j = NULL;
	struct err err;

	(void)state;
	assert_int_equal(journal_open(&j, missing, 1, INSTANT_NONE, &err), -1);
	assert_string_equal(err.text, HAVE_SYSTEMD
					      ? "/nowhere/system.journal: No such file or directory"
					      : "journal: built without libsystemd");
	assert_int_equal(journal_open(&j, other, 1, INSTANT_NONE, &err), -1);
	if (HAVE_SYSTEMD)
		assert_non_null(strstr(err.text, ": expected a journal file, and a whole one"));
	assert_null(j);
}

/* What came over the channel: the text of all blocks, and the last cursor. */
struct received {
	struct pack text;
	char *cursor;
	bool gap;
	unsigned int problems;
};

static void received_fini(struct received *r)
{
	pack_fini(&r->text);
	free(r->cursor);
}

/*
 * Follows the journal files in the folder in a child until `enough` bytes of lines came. `grow` is
 * called once it has begun; NULL: nothing grows.
 */
static void follow(const char *cursor, bool from_start, size_t enough, void (*grow)(void),
		   struct received *r)
{
	struct follow_options options = { folder, from_start };
	struct slice after = cursor ? slice_of(cursor) : (struct slice){ NULL, 0 };
	struct journal_lines lines;
	struct channel *channel;
	struct message m;
	int ends[2], status, ret;
	struct err err;
	pid_t child;

	*r = (struct received){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		_exit(follow_journal(channel_new(ends[1]), after, &options, &err) < 0);
	}
	close(ends[1]);
	channel = channel_new(ends[0]);
	while (!r->cursor || r->text.len < enough) {
		struct pollfd wait = { .fd = ends[0], .events = POLLIN };

		assert_int_equal(poll(&wait, 1, 60000), 1);
		while ((ret = channel_receive(channel, &m, &err)) > 0) {
			if (m.type == JOURNAL_PROBLEM) {
				r->problems++;
				continue;
			}
			assert_int_equal(m.type, JOURNAL_LINES);
			assert_true(journal_lines_unpack(&lines, m.body));
			pack_bytes(&r->text, lines.lines.ptr, lines.lines.len);
			r->gap = r->gap || lines.gap;
			free(r->cursor);
			r->cursor = xstrndup(lines.cursor.ptr, lines.cursor.len);
		}
		if (grow && r->cursor) {
			grow();
			grow = NULL;
		}
		if (ret < 0)
			fail_msg("%s", err.text);
	}
	channel_free(channel); /* which ends it */
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static char *slurp_journal(size_t *len)
{
	const char *const files[] = { journal_path };
	char *text = xcalloc(1, 1 << 20);
	uint64_t long_lines = 0;
	struct journal *j;
	struct err err;

	assert_int_equal(journal_open(&j, files, 1, INSTANT_NONE, &err), 0);
	assert_int_equal(journal_read(j, text, 1 << 20, len, &long_lines, &err), 0);
	journal_close(j);
	return text;
}

static void followed(void **state)
{
	struct received r;
	size_t len;
	char *want;

	(void)state;
	if (!have_journal())
		skip();
	want = slurp_journal(&len);
	follow(NULL, true, len, NULL, &r);
	assert_int_equal(r.text.len, len);
	assert_memory_equal(r.text.data, want, len);
	assert_false(r.gap);
	received_fini(&r);
	/* Not from the start: the newest entry's cursor, and no line. */
	follow(NULL, false, 0, NULL, &r);
	assert_int_equal(r.text.len, 0);
	assert_non_null(r.cursor);
	received_fini(&r);
	free(want);
}

/* The cursor of an entry in the middle, and of one that never was. */
static void followed_from_a_cursor(void **state)
{
	const char *const files[] = { journal_path };
	char *want, *cursor, *t, *other, line[READER_LINE_MOST + 2];
	uint64_t long_lines = 0;
	size_t len, got;
	struct journal *j;
	struct received r;
	struct err err;

	(void)state;
	if (!have_journal())
		skip();
	want = slurp_journal(&len);
	assert_int_equal(journal_open(&j, files, 1, INSTANT_NONE, &err), 0);
	/* One entry at a time, since there is room for one line alone. */
	assert_int_equal(journal_read(j, line, sizeof(line), &got, &long_lines, &err), 0);
	cursor = journal_cursor(j);
	assert_non_null(cursor);
	journal_close(j);
	follow(cursor, false, len - got, NULL, &r);
	assert_int_equal(r.text.len, len - got);
	assert_memory_equal(r.text.data, want + got, len - got);
	assert_int_equal(r.problems, 0);
	received_fini(&r);
	/* The same moment and another file: it was vacuumed, and the nearest is read. */
	other = xstrdup(cursor);
	t = strstr(other, "s=");
	assert_non_null(t);
	memset(t + 2, '0', 32);
	t = strstr(other, "b=");
	assert_non_null(t);
	memset(t + 2, '0', 32);
	t = strstr(other, "x=");
	assert_non_null(t);
	t[2] = t[2] == '1' ? '2' : '1';
	follow(other, false, 1, NULL, &r);
	assert_true(r.gap);
	assert_int_equal(r.problems, 1);
	received_fini(&r);
	free(other);
	free(cursor);
	free(want);
}

/* The journal is rotated: a second file, an hour later. */
static void add_second(void)
{
	assert_true(save_export(FIRST_S + 3600));
	assert_true(make_journal(second_path));
}

static void followed_on(void **state)
{
	struct received r;
	size_t len;

	(void)state;
	if (!have_journal())
		skip();
	free(slurp_journal(&len));
	follow(NULL, false, len, add_second, &r);
	assert_int_equal(r.text.len, len);
	assert_memory_equal(r.text.data, "2026-11-20T23:56:35.000123Z mail dovecot[1]: entry 0\n",
			    53);
	received_fini(&r);
}

static void refuses_lines(void **state)
{
	struct journal_lines lines;

	(void)state;
	assert_false(journal_lines_unpack(&lines, (struct slice){ "", 0 }));
	assert_false(journal_lines_unpack(&lines, (struct slice){ "\0\1\0\0\0", 5 }));
}

static int make_files(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	journal_path = xasprintf("%s/test.journal", folder);
	export_path = xasprintf("%s/export", folder);
	second_path = xasprintf("%s/second.journal", folder);
	if (!save_export(FIRST_S))
		return -1;
	return access(REMOTE, X_OK) < 0 || make_journal(journal_path) ? 0 : -1;
}

static int remove_files(void **state)
{
	(void)state;
	(void)unlink(journal_path);
	(void)unlink(second_path);
	(void)unlink(export_path);
	free(second_path);
	free(journal_path);
	free(export_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exported),         cmocka_unit_test(by_files),
		cmocka_unit_test(by_content),       cmocka_unit_test(since_a_moment),
		cmocka_unit_test(since_the_future), cmocka_unit_test(refusals),
		cmocka_unit_test(followed),         cmocka_unit_test(followed_from_a_cursor),
		cmocka_unit_test(followed_on),      cmocka_unit_test(refuses_lines),
	};

	return _cmocka_run_group_tests(__FILE__, tests, COUNT(tests), make_files, remove_files);
}
