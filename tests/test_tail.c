/*
 * test_tail - every line of a log once, whatever is done to its files
 *
 * Each row is a script of what writers, logrotate and the daemon do to one log, played on real
 * files with the real watch beside the tail. Lines are numbered; at the end each must have come once.
 * A script is played again for every line in it: once that line is dealt with, the tail is thrown
 * away and a new one goes on from its position.
 */
#include "core/source/tail.h"

#include "core/source/watch.h"
#include "tests/packed.h"
#include "tests/rows.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINES_MOST = 8192, GRACE_MS = 10000, CONTENT_MOST = 1 << 20 };

/*
 * wN: append N lines by name; hold: open the log for writing, hN: write N lines to that; p: the
 * first half of a line, P: the second, by name; q, Q: to the held file.
 * mv: rotate by renaming; rm1, rm2: delete rotated files; ct: by copying and truncating; touch: create;
 * gz, xz: pack the newest rotated file; spoil: the checksum in its .gz; rm: delete the log;
 * z: truncate it.
 * r: read what there is; t: the grace passes; d, u: the daemon goes down, comes up.
 */
struct row {
	const char *name, *script;
	bool once;             /* not to be cut at every line: some are bound to be lost */
	unsigned int lost;     /* lines that nobody can get any more */
	unsigned int problems; /* told */
};

static const struct row rows[] = {
	{ "as it is written", "w3 r w1 r r w2 r", false, 0, 0 },
	{ "more than a block", "w4000 r w4000 r", true, 0, 0 },
	{ "partial line", "w1 p r P r", false, 0, 0 },
	{ "partial line and more", "p r P w2 p r w0 P r", false, 0, 0 },
	{ "created later", "r touch r w2 r", false, 0, 0 },
	{ "renamed", "w3 r w2 mv w4 r w1 r", false, 0, 0 },
	{ "renamed, the new one later", "w3 r mv r w4 r", false, 0, 0 },
	{ "renamed, the old one written on", "w3 r hold mv w2 r h3 r w1 r h1 r t r w1 r", false, 0,
	  0 },
	{ "renamed, no new one yet", "w3 r hold mv r h3 r w2 r t r", false, 0, 0 },
	{ "old one's partial line", "r w2 r hold q mv w2 r Q r t r w1 r", false, 0, 0 },
	{ "old one ends without newline", "w2 p r mv w2 r t r w1 r", false, 0, 0 },
	{ "renamed twice before a look", "w3 r w1 mv w2 mv w3 r", false, 0, 0 },
	{ "renamed thrice, all packed", "w3 r w1 mv w2 mv xz w2 mv gz w3 r t r w1 r", true, 0, 0 },
	{ "renamed twice, packed, damaged", "w3 r mv w4000 mv gz spoil w3 r t r w1 r", true, 0, 1 },
	{ "renamed twice, the old one deleted", "w3 r mv w2 mv rm2 w3 r", true, 0, 0 },
	{ "renamed many times", "w2 r mv w1 r mv w1 r mv w1 r mv w1 r mv w1 r mv w1 r mv w1 r",
	  false, 0, 0 },
	{ "deleted and made anew", "w3 r rm r w2 r", false, 0, 0 },
	{ "deleted and made anew at once", "w3 r rm w2 r", false, 0, 0 },
	{ "copied and truncated", "w3 r ct r w2 r", false, 0, 0 },
	{ "copied, truncated, unread lines", "w3 r w2 ct w1 r", false, 0, 0 },
	{ "regrown to the same size", "w3 r w2 ct w5 r", false, 0, 0 },
	{ "regrown beyond", "w3 r w2 ct w9 r w1 r", false, 0, 0 },
	{ "truncated twice before a look", "w3 r w2 ct w2 ct w3 r", false, 0, 0 },
	{ "truncated, then the copy packed", "w3 r w2 ct gz w3 r", false, 0, 0 },
	{ "truncated, without a copy", "w3 r z r w2 r", true, 0, 1 },
	{ "truncated, then renamed", "w3 r w2 ct r w1 mv w2 r", false, 0, 0 },
	{ "renamed, then truncated", "w3 r w2 mv w2 r w1 ct w2 r", false, 0, 0 },
	{ "down", "w3 r d w3 u r w1 r", false, 0, 0 },
	{ "down, partial line", "w3 p r d P w1 u r", false, 0, 0 },
	{ "down, renamed", "w3 r d w2 mv w2 u r w1 r", false, 0, 0 },
	{ "down, renamed, no new one", "w3 r d w2 mv u r w2 r", false, 0, 0 },
	{ "down, renamed and packed", "w3 r d w2 mv gz w2 u r w1 r", false, 0, 0 },
	{ "down, renamed twice", "w3 r d w2 mv w3 mv w2 u r", false, 0, 0 },
	{ "down, renamed twice, packed", "w3 r d w2 mv gz w3 mv xz w2 u r w1 r", false, 0, 0 },
	{ "down, renamed five times", "w3 r d w2 mv gz w3 mv xz w2 mv w1 mv w1 mv gz w1 u r w1 r",
	  false, 0, 0 },
	{ "down, long file packed", "w3000 r d w3000 mv gz w2 u r", true, 0, 0 },
	{ "down, truncated", "w3 r d w2 ct w2 u r w1 r", false, 0, 0 },
	{ "down, truncated twice, regrown", "w3 r d w2 ct w3 ct gz w9 u r w1 r", false, 0, 0 },
	{ "down, empty, renamed and packed", "w3 r mv touch r t r d w2 mv gz w2 u r", false, 0, 0 },
	{ "down within the grace", "w3 r hold mv w2 r d h2 u r t r h0 r", false, 0, 0 },
	{ "down, deleted, inode used again", "w3 r d rm w5 u r w1 r", true, 0, 1 },
	{ "down, read file deleted", "w3 r d w1 mv w2 mv rm1 w2 u r", true, 3, 1 },
	{ "down twice while catching up", "w3 r d w2 mv w3 mv w2 u d u r", false, 0, 0 },
};

struct world {
	const struct row *row;
	char dir[32];
	struct watch *watch;
	struct tail *tail; /* NULL: the daemon is down */
	struct instant now;
	struct pack position;
	unsigned int written, partial, problems;
	unsigned char seen[LINES_MOST];
	unsigned int n_seen, cut_at; /* 0: nowhere */
	int held;
	unsigned int rotations;
	struct block block;
};

/* A line: its number, and a length that depends on it. */
static char *make_line(unsigned int number)
{
	return xasprintf("%u of the lines%*s.\n", number, (int)(number * 37 % 101), "");
}

static void write_all(int fd, const char *text, size_t len)
{
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
}

static int open_log(void)
{
	return open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void write_lines(struct world *w, int fd, unsigned int n)
{
	while (n-- > 0) {
		char *line = make_line(++w->written);

		write_all(fd, line, strlen(line));
		free(line);
	}
}

/* Half a line: the first one, then the second. */
static void write_half(struct world *w, int fd, bool first)
{
	char *line;
	size_t half;

	if (first)
		w->partial = ++w->written;
	line = make_line(w->partial);
	half = strlen(line) / 2;
	if (first)
		write_all(fd, line, half);
	else
		write_all(fd, line + half, strlen(line) - half);
	free(line);
}

static char *sibling(unsigned int age, const char *suffix)
{
	return xasprintf("log.%u%s", age, suffix);
}

/* Makes room for log.1, as logrotate does. */
static void shift(struct world *w)
{
	static const char *const suffixes[] = { "", ".gz", ".xz" };

	for (unsigned int age = ++w->rotations; age-- > 1;) {
		for (size_t i = 0; i < COUNT(suffixes); i++) {
			char *from = sibling(age, suffixes[i]), *to = sibling(age + 1, suffixes[i]);

			(void)rename(from, to);
			free(from);
			free(to);
		}
	}
}

/* The packed file has the time of what was packed. */
static void pack_newest(enum packing packing)
{
	char *to = sibling(1, packing == PACKING_GZIP ? ".gz" : ".xz");
	int from = open("log.1", O_RDONLY | O_CLOEXEC), fd;
	struct text content = { xcalloc(1, CONTENT_MOST), 0 }, packed;
	ssize_t len = read(from, content.ptr, CONTENT_MOST);
	struct timespec times[2];
	struct stat st;

	assert_true(len >= 0 && fstat(from, &st) == 0);
	content.len = (size_t)len;
	packed = packed_text(packing, content);
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	write_all(fd, packed.ptr, packed.len);
	times[0] = times[1] = st.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(unlink("log.1"), 0);
	close(from);
	close(fd);
	free(content.ptr);
	free(packed.ptr);
	free(to);
}

/* The last of its bytes that a reader looks at: a checksum's. */
static void spoil_newest(void)
{
	char last, *path = sibling(1, ".gz");
	int fd = open(path, O_RDWR | O_CLOEXEC);
	off_t at = lseek(fd, -5, SEEK_END);

	assert_int_equal(pread(fd, &last, 1, at), 1);
	last ^= 1;
	assert_int_equal(pwrite(fd, &last, 1, at), 1);
	close(fd);
	free(path);
}

static void copy_and_truncate(struct world *w)
{
	char content[65536];
	int from = open("log", O_RDONLY | O_CLOEXEC), to;
	ssize_t len = read(from, content, sizeof(content));

	shift(w);
	to = open("log.1", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(len >= 0);
	write_all(to, content, (size_t)len);
	close(from);
	close(to);
	assert_int_equal(truncate("log", 0), 0);
}

static void on_opened(void *ctx, size_t log, const char *path, int fd, int wd)
{
	struct world *w = ctx;

	(void)log, (void)path, (void)wd;
	if (w->tail)
		tail_give(w->tail, dup(fd), w->now);
}

static void on_sibling(void *ctx, size_t log, int fd)
{
	struct world *w = ctx;

	(void)log;
	tail_sibling(w->tail, dup(fd));
}

static void start_tail(struct world *w)
{
	struct err err;

	(void)watch_siblings(w->watch, 0, on_sibling, w);
	if (tail_start(w->tail, TAIL_FROM_START, w->now, &err) < 0)
		w->problems++;
}

static void go_down(struct world *w, size_t done)
{
	w->position.len = 0;
	tail_position(w->tail, done, &w->position);
	tail_free(w->tail);
	w->tail = NULL;
}

static void come_up(struct world *w)
{
	struct err err;

	w->tail = tail_new("log", GRACE_MS);
	if (w->position.len > 0 && tail_restore(w->tail, pack_contents(&w->position), &err) < 0)
		fail_msg("%s", err.text);
	watch_ready(w->watch, w->now);
	watch_tell(w->watch);
	start_tail(w);
}

/* Notes the lines of a block; true where the tail is cut off behind one of them. */
static bool take_lines(struct world *w)
{
	for (size_t at = 0; at < w->block.len;) {
		const char *line = w->block.data + at;
		const char *end = memchr(line, '\n', w->block.len - at);
		unsigned int number = (unsigned int)strtoul(line, NULL, 10);

		assert_non_null(end);
		at += (size_t)(end + 1 - line);
		/* The second half of a line that was given up is one without a number. */
		if (number == 0 || number >= LINES_MOST)
			continue;
		w->seen[number]++;
		if (++w->n_seen == w->cut_at) {
			go_down(w, at);
			come_up(w);
			return true;
		}
	}
	return false;
}

static void read_all(struct world *w)
{
	struct err err;
	int rc;

	if (!w->tail)
		return;
	watch_ready(w->watch, w->now);
	do {
		rc = tail_next(w->tail, &w->block, w->now, &err);
		if (rc < 0 && ++w->problems > w->row->problems)
			fail_msg("%s", err.text);
		if (rc > 0)
			(void)take_lines(w);
		if (rc == 0 && tail_wants_siblings(w->tail)) {
			start_tail(w);
			rc = 1;
		}
	} while (rc != 0);
}

static void act_on_files(struct world *w, const char *verb)
{
	int fd = -1;

	if (strcmp(verb, "mv") == 0) {
		shift(w);
		assert_int_equal(rename("log", "log.1"), 0);
	} else if (strcmp(verb, "ct") == 0) {
		copy_and_truncate(w);
	} else if (strcmp(verb, "gz") == 0) {
		pack_newest(PACKING_GZIP);
	} else if (strcmp(verb, "xz") == 0) {
		pack_newest(PACKING_XZ);
	} else if (strcmp(verb, "spoil") == 0) {
		spoil_newest();
	} else if (strcmp(verb, "rm") == 0) {
		assert_int_equal(unlink("log"), 0);
	} else if (strcmp(verb, "rm1") == 0) {
		assert_int_equal(unlink("log.2"), 0);
		assert_int_equal(unlink("log.1"), 0);
	} else if (strcmp(verb, "rm2") == 0) {
		assert_int_equal(unlink("log.2"), 0);
	} else if (strcmp(verb, "z") == 0) {
		assert_int_equal(truncate("log", 0), 0);
	} else if (strcmp(verb, "touch") == 0) {
		fd = open_log();
	} else {
		fail_msg("%s: no such verb", verb);
	}
	if (fd >= 0)
		close(fd);
}

/* False: it is not about the daemon, nor about lines. */
static bool act_on_lines(struct world *w, const char *verb)
{
	int fd = strchr("wpP", verb[0]) ? open_log() : -1;
	bool taken = true;

	if (verb[0] == 'w')
		write_lines(w, fd, (unsigned int)strtoul(verb + 1, NULL, 10));
	else if (strcmp(verb, "hold") == 0)
		w->held = open_log();
	else if (verb[0] == 'h')
		write_lines(w, w->held, (unsigned int)strtoul(verb + 1, NULL, 10));
	else if (verb[0] == 'p' || verb[0] == 'P')
		write_half(w, fd, verb[0] == 'p');
	else if (verb[0] == 'q' || verb[0] == 'Q')
		write_half(w, w->held, verb[0] == 'q');
	else if (strcmp(verb, "r") == 0)
		read_all(w);
	else if (strcmp(verb, "t") == 0)
		w->now.ms += GRACE_MS;
	else if (strcmp(verb, "d") == 0)
		go_down(w, SIZE_MAX);
	else if (strcmp(verb, "u") == 0)
		come_up(w);
	else
		taken = false;
	if (fd >= 0)
		close(fd);
	return taken;
}

static void play(struct world *w)
{
	const char *at = w->row->script;
	char verb[8];
	int len;

	while (sscanf(at, "%7s%n", verb, &len) == 1) {
		if (!act_on_lines(w, verb))
			act_on_files(w, verb);
		at += len;
	}
}

static void clear(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	closedir(dir);
}

static struct world *world_new(const struct row *row, unsigned int cut_at)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const struct watch_options options = { .on_opened = on_opened, .ctx = w };
	const char *paths[] = { "log" };

	w->row = row;
	w->cut_at = cut_at;
	w->held = -1;
	w->now = instant_of_s(1795215395);
	w->block.data = xcalloc(READER_BLOCK, 1);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/test_tail.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(chdir(w->dir), 0);
	w->watch = watch_new(paths, 1, &options);
	come_up(w);
	return w;
}

static void world_free(struct world *w)
{
	tail_free(w->tail);
	watch_free(w->watch);
	if (w->held >= 0)
		close(w->held);
	clear(".");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(w->dir), 0);
	pack_fini(&w->position);
	free(w->block.data);
	free(w);
}

/* Plays a row once; returns how many lines came. */
static unsigned int play_row(const struct row *row, unsigned int cut_at)
{
	struct world *w = world_new(row, cut_at);
	unsigned int lost = 0, seen;

	play(w);
	for (unsigned int i = 1; i <= w->written; i++) {
		if (w->seen[i] > 1 || (w->seen[i] == 0 && ++lost > row->lost))
			fail_msg("line %u came %u times (restarted after %u)", i, w->seen[i],
				 cut_at);
	}
	assert_int_equal(lost, row->lost);
	if (!cut_at)
		assert_int_equal(w->problems, row->problems);
	seen = w->n_seen;
	world_free(w);
	return seen;
}

static void check(void **state)
{
	const struct row *row = *state;
	unsigned int lines = play_row(row, 0);

	for (unsigned int cut_at = 1; cut_at <= lines && !row->once; cut_at++)
		(void)play_row(row, cut_at);
}

/* What a log without a position begins with. */
static void begins(void **state)
{
	static const struct row begin = { .name = "", .script = "w3 p" };
	struct world *w = world_new(&begin, 0);
	struct err err;

	(void)state;
	tail_free(w->tail);
	w->tail = NULL;
	play(w);
	w->tail = tail_new("log", GRACE_MS);
	watch_ready(w->watch, w->now);
	watch_tell(w->watch);
	assert_int_equal(tail_next(w->tail, &w->block, w->now, &err), 0);
	assert_int_equal(tail_start(w->tail, TAIL_FROM_END, w->now, &err), 0);
	assert_int_equal(tail_next(w->tail, &w->block, w->now, &err), 0);
	assert_true(act_on_lines(w, "P"));
	assert_true(act_on_lines(w, "w1"));
	read_all(w);
	assert_int_equal(w->n_seen, 2);
	assert_int_equal(w->seen[4], 1);
	/* What comes later is read from its first byte. */
	assert_true(act_on_lines(w, "r"));
	act_on_files(w, "mv");
	assert_true(act_on_lines(w, "w2"));
	read_all(w);
	assert_int_equal(w->n_seen, 4);
	assert_int_equal(tail_stats(w->tail).rotations, 1);
	assert_true(tail_stats(w->tail).open);
	world_free(w);
}

/* Lengths of lines, without their newline; 0 ends them. */
static const struct {
	const char *name;
	size_t len[5];
	unsigned int whole, too_long;
} lengths[] = {
	{ "longest", { 10, READER_LINE_MOST, 10 }, 3, 0 },
	{ "too long", { 10, READER_LINE_MOST + 1, 10 }, 2, 1 },
	{ "first too long", { READER_LINE_MOST + 1, 10 }, 1, 1 },
	{ "two too long", { READER_BLOCK, READER_LINE_MOST + 9, 10 }, 1, 2 },
	{ "much too long", { 10, 3 * READER_BLOCK, 10 }, 2, 1 },
	{ "across blocks",
	  { READER_LINE_MOST, READER_LINE_MOST, READER_LINE_MOST, READER_LINE_MOST, 300000 },
	  4,
	  1 },
};

/* Reads the file in one go, or with a restart after each block; through `fd` as it is. */
static void read_lengths(size_t row, int fd, bool restart)
{
	struct tail *t = tail_new("log", GRACE_MS);
	struct block block = { xcalloc(READER_BLOCK, 1), 0 };
	struct pack position = { 0 };
	struct instant now = instant_of_s(1);
	uint64_t too_long = 0;
	unsigned int whole = 0;
	struct err err;

	tail_give(t, dup(fd), now);
	assert_int_equal(tail_start(t, TAIL_FROM_START, now, &err), 0);
	while (tail_next(t, &block, now, &err) > 0) {
		for (size_t i = 0; i < block.len; i++)
			whole += block.data[i] == '\n';
		if (!restart)
			continue;
		position.len = 0;
		tail_position(t, block.len, &position);
		too_long += tail_stats(t).long_lines;
		tail_free(t);
		t = tail_new("log", GRACE_MS);
		assert_int_equal(tail_restore(t, pack_contents(&position), &err), 0);
		tail_give(t, dup(fd), now);
		assert_int_equal(tail_start(t, TAIL_FROM_START, now, &err), 0);
	}
	assert_int_equal(whole, lengths[row].whole);
	assert_int_equal(too_long + tail_stats(t).long_lines, lengths[row].too_long);
	pack_fini(&position);
	free(block.data);
	tail_free(t);
}

static void long_lines(void **state)
{
	char *bytes = xcalloc(1, 1 << 20);

	(void)state;
	memset(bytes, 'x', 1 << 20);
	for (size_t row = 0; row < COUNT(lengths); row++) {
		int fd = memfd_create("log", MFD_CLOEXEC);

		for (size_t i = 0; i < COUNT(lengths[row].len) && lengths[row].len[i]; i++) {
			write_all(fd, bytes, lengths[row].len[i]);
			write_all(fd, "\n", 1);
		}
		read_lengths(row, fd, false);
		read_lengths(row, fd, true);
		close(fd);
	}
	free(bytes);
}

static void expect_text(struct tail *t, const char *want)
{
	struct block block = { xcalloc(READER_BLOCK, 1), 0 };
	struct err err;

	assert_int_equal(tail_next(t, &block, instant_of_s(1), &err), want[0] != '\0');
	assert_int_equal(block.len, strlen(want));
	assert_memory_equal(block.data, want, block.len);
	free(block.data);
}

/* Writers come and go; there is no position. */
static void fifo(void **state)
{
	struct tail *t = tail_new("fifo", GRACE_MS);
	struct pack position = { 0 };
	char *path = xasprintf("/tmp/test_tail.%d", (int)getpid());
	struct err err;
	int in, out;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	tail_give(t, in, instant_of_s(1));
	assert_int_equal(tail_start(t, TAIL_FROM_END, instant_of_s(1), &err), 0);
	expect_text(t, "");
	out = open(path, O_WRONLY | O_CLOEXEC);
	expect_text(t, "");
	write_all(out, "a\nb", 3);
	expect_text(t, "a\n");
	expect_text(t, "");
	write_all(out, "c\nd", 3);
	expect_text(t, "bc\n");
	close(out);
	expect_text(t, "d\n");
	expect_text(t, "");
	out = open(path, O_WRONLY | O_CLOEXEC);
	write_all(out, "e\n", 2);
	expect_text(t, "e\n");
	close(out);
	tail_position(t, SIZE_MAX, &position);
	assert_int_equal(position.len, 0);
	tail_free(t);
	assert_int_equal(unlink(path), 0);
	free(path);
}

static void take(struct tail *t, const char *cursor, bool gap, const char *lines)
{
	struct err err;

	if (tail_take_block(t, slice_of(cursor), gap, slice_of(lines), &err) < 0)
		fail_msg("%s", err.text);
}

/* A new tail with the position of the old one, `done` bytes into its block. */
static struct tail *reborn(struct tail *t, size_t done)
{
	struct pack position = { 0 };
	struct err err;

	tail_position(t, done, &position);
	tail_free(t);
	t = tail_new("journal", GRACE_MS);
	assert_int_equal(tail_restore(t, pack_contents(&position), &err), 0);
	pack_fini(&position);
	return t;
}

static void journal(void **state)
{
	struct tail *t = tail_new("journal", GRACE_MS);
	struct err err;

	(void)state;
	take(t, "c0", false, "");
	take(t, "c1", false, "a\nb\nc\n");
	take(t, "c2", false, "d\n");
	assert_true(slice_is(tail_cursor(t), "c2"));
	assert_int_equal(tail_waiting(t), 8);
	expect_text(t, "a\nb\nc\n");
	assert_int_equal(tail_waiting(t), 2);
	/* Two of three are dealt with; they come again, in other blocks. */
	t = reborn(t, 4);
	assert_true(slice_is(tail_cursor(t), "c0"));
	take(t, "c7", false, "a\n");
	expect_text(t, "");
	t = reborn(t, SIZE_MAX);
	assert_true(slice_is(tail_cursor(t), "c7"));
	take(t, "c8", false, "b\nc\n");
	expect_text(t, "c\n");
	t = reborn(t, 0);
	assert_true(slice_is(tail_cursor(t), "c7"));
	t = reborn(t, SIZE_MAX);
	/* Behind a gap there is nothing to pass over. */
	take(t, "d1", true, "x\ny\n");
	expect_text(t, "x\ny\n");
	t = reborn(t, 4);
	assert_true(slice_is(tail_cursor(t), "d1"));
	expect_text(t, "");
	assert_int_equal(tail_take_block(t, slice_of("c"), false, slice_of("a\nb"), &err), -1);
	assert_int_equal(
		tail_take_block(t, (struct slice){ NULL, 0 }, false, slice_of("a\n"), &err), -1);
	tail_free(t);
}

/* A damaged position is none. */
static void damaged(void **state)
{
	struct world *w = world_new(&(const struct row){ .script = "w3 r mv w2 r" }, 0);
	struct err err;

	(void)state;
	play(w);
	w->position.len = 0;
	tail_position(w->tail, SIZE_MAX, &w->position);
	for (size_t len = 0; len < w->position.len; len++) {
		struct tail *t = tail_new("log", GRACE_MS);
		struct pack again = { 0 };

		assert_int_equal(tail_restore(t, (struct slice){ w->position.data, len }, &err),
				 -1);
		tail_position(t, SIZE_MAX, &again);
		assert_int_equal(again.len, 0);
		tail_free(t);
	}
	world_free(w);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 5] = {
		cmocka_unit_test(begins), cmocka_unit_test(long_lines), cmocka_unit_test(fifo),
		cmocka_unit_test(journal), cmocka_unit_test(damaged)
	};
	size_t n = 5;

	ADD_ROWS(tests, n, rows, check);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
