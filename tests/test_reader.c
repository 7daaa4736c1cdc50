/*
 * test_reader - the same lines whichever way they come in
 *
 * Every row is a recipe for content, written to a real file and read as it is, through a pipe as
 * standard input, and packed in every way that the reader knows. What comes out is
 * compared as a whole.
 */
#include "core/source/reader.h"

#include "tests/packed.h"
#include "tests/rows.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAMPED "2026-11-20T22:56:35.123456Z "
#define ENTRY                                                                               \
	"__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1795215395123456\n_HOSTNAME=mail\n_PID=7\n" \
	"SYSLOG_IDENTIFIER=dovecot\n"

enum { PIECES = 4, TEN_MB = 10 * 1000 * 1000 };

/* `text`, so many times; a `len` of 0 is strlen(). */
struct piece {
	const char *text;
	size_t times;
	size_t len;
};

static char folder[] = "/tmp/test_reader.XXXXXX";

static struct text cook(const struct piece *pieces)
{
	struct text all = { NULL, 0 };
	size_t room = 1;

	for (size_t i = 0; i < PIECES && pieces[i].text; i++)
		room += pieces[i].times * (pieces[i].len ? pieces[i].len : strlen(pieces[i].text));
	all.ptr = xcalloc(room, 1);
	for (size_t i = 0; i < PIECES && pieces[i].text; i++) {
		size_t len = pieces[i].len ? pieces[i].len : strlen(pieces[i].text);

		for (size_t j = 0; j < pieces[i].times; j++, all.len += len)
			memcpy(all.ptr + all.len, pieces[i].text, len);
	}
	return all;
}

/* Writes a file into the test's folder and returns its path; the caller frees. */
static char *save(const char *name, struct text content)
{
	char *path = xasprintf("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.ptr, content.len), content.len);
	close(fd);
	return path;
}

/* Reads all that there is; the return value is reader_next()'s last. */
static int slurp(struct reader *r, struct text *out, struct err *err)
{
	struct block block = { xcalloc(READER_BLOCK, 1), 0 };
	struct err again = { 0 };
	size_t room = 0;
	int ret;

	*out = (struct text){ NULL, 0 };
	while ((ret = reader_next(r, &block, err)) > 0) {
		assert_in_range(block.len, 1, READER_BLOCK);
		assert_int_equal(block.data[block.len - 1], '\n');
		if (out->len + block.len > room) {
			room = 2 * (out->len + block.len);
			out->ptr = xrealloc(out->ptr, room, 1);
		}
		assert(out->ptr);
		memcpy(out->ptr + out->len, block.data, block.len);
		out->len += block.len;
	}
	assert_int_equal(reader_next(r, &block, &again), ret);
	assert_int_equal(reader_stats(r)->bytes, out->len);
	free(block.data);
	return ret;
}

static void expect(const char *path, struct text want, uint64_t long_lines)
{
	struct reader *r = NULL;
	struct text out = { NULL, 0 };
	struct err err = { 0 };

	if (reader_open(&r, path, &err) < 0 || slurp(r, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(out.len, want.len);
	assert_true(want.len == 0 || (out.ptr && memcmp(out.ptr, want.ptr, want.len) == 0));
	assert_int_equal(reader_stats(r)->long_lines, long_lines);
	reader_close(r);
	free(out.ptr);
}

/* The same from standard input: a child writes `content` into a pipe, `piece` bytes at a time. */
static void expect_piped(struct text content, size_t piece, struct text want, uint64_t long_lines)
{
	int keep = dup(STDIN_FILENO), ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		for (size_t at = 0; at < content.len;) {
			size_t len = content.len - at < piece ? content.len - at : piece;
			ssize_t put = write(ends[1], content.ptr + at, len);

			if (put < 0)
				_exit(1);
			at += (size_t)put;
		}
		_exit(0);
	}
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	expect("-", want, long_lines);
	dup2(keep, STDIN_FILENO);
	close(keep);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static const struct row {
	const char *name;
	struct piece in[PIECES];
	struct piece want[PIECES]; /* without any: as `in` */
	uint64_t long_lines;
	bool nothing; /* is wanted */
} rows[] = {
	{ "empty", { { "", 0, 0 } }, { { 0 } }, 0, true },
	{ "one byte", { { "a", 1, 0 } }, { { "a\n", 1, 0 } }, 0, false },
	{ "one newline", { { "\n", 1, 0 } }, { { 0 } }, 0, false },
	{ "a few lines", { { "one\ntwo\n\nthree\n", 1, 0 } }, { { 0 } }, 0, false },
	{ "no final newline", { { "one\ntwo", 1, 0 } }, { { "one\ntwo\n", 1, 0 } }, 0, false },
	{ "CRLF", { { "one\r\ntwo\r\n", 1, 0 } }, { { 0 } }, 0, false },
	{ "NUL bytes", { { "one\0two\n\0\nthree\n", 3, 16 } }, { { 0 } }, 0, false },
	{ "no UTF-8", { { "\xff\xc0\x80\n\xed\xa0\x80\n", 1, 0 } }, { { 0 } }, 0, false },
	{ "lines across the blocks' ends",
	  { { "Nov 20 23:56:35 mail x: y\n", 40009, 0 } },
	  { { 0 } },
	  0,
	  false },
	{ "a million empty lines", { { "\n", 1000003, 0 } }, { { 0 } }, 0, false },
	{ "a block exactly",
	  { { "0123456789abcde\n", READER_BLOCK / 16, 0 } },
	  { { 0 } },
	  0,
	  false },
	{ "a block exactly, without the newline",
	  { { "0123456789abcde\n", READER_BLOCK / 16 - 1, 0 }, { "0123456789abcdef", 1, 0 } },
	  { { "0123456789abcde\n", READER_BLOCK / 16 - 1, 0 }, { "0123456789abcdef\n", 1, 0 } },
	  0,
	  false },
	{ "the longest line",
	  { { "a\n", 1, 0 }, { "x", READER_LINE_MOST, 0 }, { "\nb\n", 1, 0 } },
	  { { 0 } },
	  0,
	  false },
	{ "the longest line at the end",
	  { { "a\n", 1, 0 }, { "x", READER_LINE_MOST, 0 } },
	  { { "a\n", 1, 0 }, { "x", READER_LINE_MOST, 0 }, { "\n", 1, 0 } },
	  0,
	  false },
	{ "one byte too long",
	  { { "a\n", 1, 0 }, { "x", READER_LINE_MOST + 1, 0 }, { "\nb\n", 1, 0 } },
	  { { "a\nb\n", 1, 0 } },
	  1,
	  false },
	{ "one byte too long at the end",
	  { { "a\n", 1, 0 }, { "x", READER_LINE_MOST + 1, 0 } },
	  { { "a\n", 1, 0 } },
	  1,
	  false },
	{ "too long at the start",
	  { { "x", READER_BLOCK, 0 }, { "\nb\n", 1, 0 } },
	  { { "b\n", 1, 0 } },
	  1,
	  false },
	{ "too long across a block's end",
	  { { "a\n", READER_BLOCK / 2 - 100, 0 },
	    { "x", READER_LINE_MOST + 1, 0 },
	    { "\nb\n", 1, 0 } },
	  { { "a\n", READER_BLOCK / 2 - 100, 0 }, { "b\n", 1, 0 } },
	  1,
	  false },
	{ "10 MB in the middle",
	  { { "a\n", 1000, 0 }, { "x", TEN_MB, 0 }, { "\nb\n", 1000, 0 } },
	  { { "a\n", 1000, 0 }, { "b\n", 0, 0 }, { "b\n", 1, 0 }, { "\nb\n", 999, 0 } },
	  1,
	  false },
	{ "nothing but too long", { { "x", TEN_MB, 0 } }, { { 0 } }, 1, true },
	{ "journal export",
	  { { ENTRY "MESSAGE=one\n\n", 5000, 0 },
	    { ENTRY "MESSAGE\n\3\0\0\0\0\0\0\0a\nb\n\n", 1, sizeof(ENTRY) - 1 + 21 } },
	  { { STAMPED "mail dovecot[7]: one\n", 5000, 0 },
	    { STAMPED "mail dovecot[7]: a b\n", 1, 0 } },
	  0,
	  false },
	{ "journal export, a long line",
	  { { ENTRY "MESSAGE=", 1, 0 },
	    { "x", TEN_MB, 0 },
	    { "\n\n" ENTRY "MESSAGE=two\n", 1, 0 } },
	  { { STAMPED "mail dovecot[7]: two\n", 1, 0 } },
	  1,
	  false },
};

static void check(void **state)
{
	const struct row *row = *state;
	struct text in = cook(row->in);
	struct text want = cook(row->nothing || row->want[0].text ? row->want : row->in);

	for (enum packing packing = PACKING_NONE; packing <= PACKING_ZSTD; packing++) {
		struct text content = packing == PACKING_NONE ? in : packed_text(packing, in);
		char *path = save("mail.log", content);

		expect(path, want, row->long_lines);
		expect_piped(content, SIZE_MAX, want, row->long_lines);
		if (content.len < 100000)
			expect_piped(content, 5, want, row->long_lines);
		free(path);
		if (packing != PACKING_NONE)
			free(content.ptr);
	}
	free(in.ptr);
	free(want.ptr);
}

/*
 * Damage; test_unpack has more of it. Whole lines before it are handed out, of bzip2 all but what
 * is in the block that it hit.
 */
static const struct damage {
	const char *name;
	enum packing packing;
	unsigned int cut_percent;  /* of the packed content is left ... */
	unsigned int flip_percent; /* ... or there eight bytes are inverted */
	size_t least, most;        /* bytes of the 4 MB handed out; the least are as they were */
	const char *error;
} damages[] = {
	{ "gzip cut in the middle", PACKING_GZIP, 50, 0, 1990000, 2010000, "it is cut short" },
	{ "gzip cut near the end", PACKING_GZIP, 99, 0, 3950000, 3999999, "it is cut short" },
	{ "gzip flipped", PACKING_GZIP, 0, 50, 1990000, 2100000, "damaged gzip data after " },
	{ "gzip with a wrong checksum", PACKING_GZIP, 0, 100, 4000000, 4000000,
	  "incorrect data check" },
	{ "gzip head alone", PACKING_GZIP, 0, 0, 0, 0, "it is cut short" },
	{ "bzip2 cut", PACKING_BZIP2, 70, 0, 2690000, 2700000, "it is cut short" },
	{ "bzip2 flipped", PACKING_BZIP2, 0, 70, 2690000, 3700000, "damaged bzip2 data after " },
	{ "xz cut", PACKING_XZ, 50, 0, 1990000, 2010000, "it is cut short" },
	{ "xz flipped", PACKING_XZ, 0, 50, 1990000, 2100000, "damaged xz data after " },
	{ "zstd cut", PACKING_ZSTD, 50, 0, 1870000, 2010000, "it is cut short" },
	{ "zstd flipped", PACKING_ZSTD, 0, 50, 1860000, 4000000, "damaged zstd data after " },
};

/* 4 MB of lines that don't pack well, and differ. */
static struct text noise(void)
{
	struct text all = { xcalloc(4000000, 1), 4000000 };
	uint64_t seed = 88172645463325252U;

	for (size_t i = 0; i < all.len; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		all.ptr[i] = i % 80 == 79 ? '\n' : (char)('a' + seed % 16);
	}
	return all;
}

static void check_damage(void **state)
{
	const struct damage *row = *state;
	struct text plain = noise(), packed = packed_text(row->packing, plain), out = { NULL, 0 };
	struct reader *r = NULL;
	struct err err = { 0 };
	char *path, *says;
	int ret;

	if (row->flip_percent)
		for (size_t i = 0; i < 8; i++) /* of 100 %: the last eight, a gzip's trailer */
			packed.ptr[(packed.len - 8) * row->flip_percent / 100 + i] ^= (char)0xff;
	else
		packed.len = row->cut_percent ? packed.len * row->cut_percent / 100 : 3;
	path = save("mail.log.2", packed);
	ret = reader_open(&r, path, &err);
	if (ret == 0)
		ret = slurp(r, &out, &err);
	assert_int_equal(ret, -1);
	says = xasprintf("%s: damaged ", path);
	assert_memory_equal(err.text, says, strlen(says));
	assert_non_null(strstr(err.text, row->error));
	assert_in_range(out.len, row->least, row->most);
	assert_true(row->least == 0 || (out.ptr && memcmp(out.ptr, plain.ptr, row->least) == 0));
	reader_close(r);
	free(says);
	free(path);
	free(out.ptr);
	free(packed.ptr);
	free(plain.ptr);
}

/* Several streams in one file, and what may stand behind them. */
static void joined_streams(void **state)
{
	(void)state;
	for (enum packing packing = PACKING_GZIP; packing <= PACKING_ZSTD; packing++) {
		struct text one = packed_text(packing, (struct text){ (char[]){ "one\ntw" }, 6 });
		struct text two = packed_text(packing, (struct text){ (char[]){ "o\nthree" }, 7 });
		struct text both = { xcalloc(one.len + two.len, 1), one.len + two.len };
		char *path;

		memcpy(both.ptr, one.ptr, one.len);
		memcpy(both.ptr + one.len, two.ptr, two.len);
		path = save("joined", both);
		expect(path, (struct text){ (char[]){ "one\ntwo\nthree\n" }, 14 }, 0);
		free(path);
		free(one.ptr);
		free(two.ptr);
		free(both.ptr);
	}
}

static void damaged_export(void **state)
{
	struct piece pieces[PIECES] = { { ENTRY "MESSAGE=one\n\n", 5000, 0 },
					{ ENTRY "MESS", 1, 0 } };
	struct text in = cook(pieces), out;
	char *path = save("export", in);
	struct reader *r = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(reader_open(&r, path, &err), 0);
	assert_int_equal(slurp(r, &out, &err), -1);
	assert_int_equal(out.len, 5000 * strlen(STAMPED "mail dovecot[7]: one\n"));
	assert_non_null(strstr(err.text, "/export: damaged journal export data after "));
	reader_close(r);
	free(path);
	free(in.ptr);
	free(out.ptr);
}

static const struct refusal {
	const char *name;
	const char *path;
	const char *error;
} refusals[] = {
	{ "missing", "/nowhere/mail.log", "/nowhere/mail.log: No such file or directory" },
	{ "directory", "/usr", "/usr: expected a log file, not a directory" },
	{ "device", "/dev/zero", "/dev/zero: expected a log file, not a device" },
};

static void check_refusal(void **state)
{
	const struct refusal *row = *state;
	struct reader *r = NULL;
	struct err err = { 0 };

	assert_int_equal(reader_open(&r, row->path, &err), -1);
	assert_string_equal(err.text, row->error);
	assert_null(r);
}

/* Root may read anything: it steps back for the test. Only root can give a file to a group. */
static void unreadable(void **state)
{
	struct text content = { (char[]){ "one\n" }, 4 };
	char *path = save("secret", content), *says;
	bool root = geteuid() == 0;
	struct group *nobody = getgrgid(65534);
	struct reader *r = NULL;
	struct err err = { 0 };
	int ret;

	(void)state;
	if (root && nobody) {
		says = xasprintf("%s: permission denied; expected root or a member of group \"%s\"",
				 path, nobody->gr_name);
		assert_int_equal(chown(path, 0, 65534) | chmod(path, 0640), 0);
	} else {
		says = xasprintf("%s: permission denied; only its owner and root may read it",
				 path);
		assert_int_equal(chmod(path, 0), 0);
	}
	assert_true(!root || seteuid(65534) == 0);
	ret = reader_open(&r, path, &err);
	assert_true(!root || seteuid(0) == 0);
	assert_int_equal(ret, -1);
	assert_int_equal(err.code, EACCES);
	assert_string_equal(err.text, says);
	free(says);
	free(path);
}

static void facts(void **state)
{
	struct text content = { (char[]){ "one\ntwo\n" }, 8 };
	struct text packed = packed_text(PACKING_GZIP, content);
	struct timespec times[2] = { { 1000, 0 }, { 1795215395, 123000000 } };
	struct reader *r = NULL;
	struct err err = { 0 };
	struct text out;
	char *path = save("facts", packed);

	(void)state;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(reader_open(&r, path, &err), 0);
	assert_int_equal(slurp(r, &out, &err), 0);
	assert_true(reader_is_packed(r));
	assert_int_equal(reader_size(r), packed.len);
	assert_int_equal(reader_stats(r)->packed_bytes, packed.len);
	assert_int_equal(reader_newest(r, instant_of_s(5)).ms, INT64_C(1795215395123));
	reader_close(r);
	free(path);
	free(packed.ptr);
	free(out.ptr);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) && chmod(folder, 0755) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const files[] = { "mail.log", "mail.log.2", "joined",
					     "export",   "secret",     "facts" };

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		char *path = xasprintf("%s/%s", folder, files[i]);

		(void)unlink(path);
		free(path);
	}
	return rmdir(folder);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(damages) + COUNT(refusals) + 4] = {
		cmocka_unit_test(joined_streams),
		cmocka_unit_test(damaged_export),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(facts),
	};
	size_t n = 4;

	ADD_ROWS(tests, n, rows, check);
	ADD_ROWS(tests, n, damages, check_damage);
	ADD_ROWS(tests, n, refusals, check_refusal);
	return _cmocka_run_group_tests(__FILE__, tests, n, make_folder, remove_folder);
}
