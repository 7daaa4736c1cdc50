/*
 * reader - where log lines come from: files as they lie there, packed ones, streams, the journal
 *
 * The first stage of a scan. Below it is a way to get bytes (read(2), unpack.c, journal.c), above
 * it the filters, which search whole blocks of whole lines. A plain file is read straight into
 * the caller's block, one read(2) for each; only the piece of a line that a block's end cut off is
 * copied, to the front of the next. Newlines are looked for from the block's end backwards, and
 * once in READER_LINE_MOST bytes to find lines that are too long: no byte is looked at for its
 * own sake.
 *
 * What the content is, its first bytes tell: packings have their magic, journal files too, and
 * journal export format, packed or not, begins with one of two field names.
 */
#include "core/source/reader.h"

#include "core/base/mem.h"
#include "core/source/journal.h"
#include "core/source/journal_export.h"
#include "core/source/unpack.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_MAGIC "LPKSHHRH" /* systemd's JOURNAL_FILE_FORMAT, "Header" */

enum { HEAD = 8 }; /* bytes that tell a packing or a journal file */

/* Puts up to `room` bytes into buf; *got is 0 at the end. -1: the *got bytes were the last. */
typedef int fill_fn(struct reader *r, char *buf, size_t room, size_t *got, struct err *err);

struct reader {
	fill_fn *fill;
	char *name;    /* for messages */
	int fd;        /* -1: none */
	bool standard; /* the descriptor is standard input, and not ours to close */
	uint64_t size;
	struct instant mtime; /* INSTANT_NONE where there is no regular file */
	struct reader_stats stats;

	char head[HEAD]; /* read to tell the content, not yet handed on */
	size_t head_len;
	struct unpack *unpack;
	char *packed; /* what is being unpacked */
	struct journal *journal;
	struct journal_export *export;
	char *exported; /* what `export` is converting, and the part of it still to come */
	struct slice pending;

	bool started, ended, failed;
	bool skipping;  /* within a line that is too long */
	struct err err; /* why it failed; told when all before was handed out */
	size_t tail_len;
	char tail[READER_LINE_MOST]; /* the line that the last block's end cut off */
};

static struct reader *reader_new(const char *name)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->name = xstrdup(name);
	r->fd = -1;
	r->mtime = INSTANT_NONE;
	return r;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	unpack_close(r->unpack);
	journal_close(r->journal);
	journal_export_free(r->export);
	if (r->fd >= 0 && !r->standard)
		(void)close(r->fd);
	free(r->packed);
	free(r->exported);
	free(r->name);
	free(r);
}

/* read(2), also from a descriptor that somebody else made non-blocking. */
static ssize_t read_some(struct reader *r, char *buf, size_t room)
{
	ssize_t got;

	while ((got = read(r->fd, buf, room)) < 0) {
		struct pollfd wait = { .fd = r->fd, .events = POLLIN };

		if (errno == EAGAIN)
			(void)poll(&wait, 1, -1);
		else if (errno != EINTR)
			return -1;
	}
	r->stats.packed_bytes += (uint64_t)got;
	return got;
}

static ssize_t read_raw(struct reader *r, char *buf, size_t room)
{
	size_t len = r->head_len;
	ssize_t got;

	memcpy(buf, r->head, len);
	r->head_len = 0;
	got = read_some(r, buf + len, room - len);
	/* An error comes again at the next call, after the head was handed on. */
	return got < 0 ? (len > 0 ? (ssize_t)len : -1) : got + (ssize_t)len;
}

static int fill_plain(struct reader *r, char *buf, size_t room, size_t *got, struct err *err)
{
	ssize_t ret = read_raw(r, buf, room);

	*got = ret < 0 ? 0 : (size_t)ret;
	return ret < 0 ? err_set(err, errno, "%s: %s", r->name, strerror(errno)) : 0;
}

static ssize_t on_packed(void *ctx, const void **data)
{
	struct reader *r = ctx;

	*data = r->packed;
	return read_raw(r, r->packed, READER_BLOCK);
}

static int fill_packed(struct reader *r, char *buf, size_t room, size_t *got, struct err *err)
{
	return unpack_read(r->unpack, buf, room, got, err);
}

static int fill_journal(struct reader *r, char *buf, size_t room, size_t *got, struct err *err)
{
	return journal_read(r->journal, buf, room, got, &r->stats.long_lines, err);
}

/* Who could read it, where its mode says so. */
static int refuse_unreadable(const char *path, const struct stat *st, struct err *err)
{
	char room[1024];
	struct group group, *found = NULL;

	if (st->st_mode & S_IRGRP)
		(void)getgrgid_r(st->st_gid, &group, room, sizeof(room), &found);
	if (found)
		return err_set(err, EACCES,
			       "%s: permission denied; expected root or a member of group \"%s\"",
			       path, found->gr_name);
	return err_set(err, EACCES, "%s: permission denied; only its owner and root may read it",
		       path);
}

static int open_path(struct reader *r, const char *path, struct err *err)
{
	struct stat st;

	/* Looked at before it is opened, because opening some devices does something. */
	if (stat(path, &st) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return err_set(err, S_ISDIR(st.st_mode) ? EISDIR : EINVAL,
			       "%s: expected a log file, not a %s", path,
			       S_ISDIR(st.st_mode)    ? "directory"
			       : S_ISSOCK(st.st_mode) ? "socket"
						      : "device");
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r->fd < 0 && errno == EACCES)
		return refuse_unreadable(path, &st, err);
	if (r->fd < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int read_head(struct reader *r, struct err *err)
{
	struct stat st;

	if (fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode)) {
		r->size = (uint64_t)st.st_size;
		r->mtime = (struct instant){ (int64_t)st.st_mtim.tv_sec * 1000 +
					     st.st_mtim.tv_nsec / 1000000 };
		(void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	while (r->head_len < HEAD) {
		ssize_t got = read_some(r, r->head + r->head_len, HEAD - r->head_len);

		if (got < 0)
			return err_set(err, errno, "%s: %s", r->name, strerror(errno));
		if (got == 0)
			break;
		r->head_len += (size_t)got;
	}
	return 0;
}

static void start_packed(struct reader *r, enum packing packing)
{
	r->packed = xcalloc(READER_BLOCK, 1);
	r->fill = fill_packed;
	r->unpack = unpack_open(packing, r->name, on_packed, r);
}

/* libsystemd opens it again: it must have a name, and seeks in it. */
static int start_journal(struct reader *r, const char *path, struct err *err)
{
	if (instant_is_none(r->mtime) || r->standard)
		return err_set(err, ESPIPE, "%s: expected the journal file's name", r->name);
	r->fill = fill_journal;
	return journal_open(&r->journal, &path, 1, INSTANT_NONE, err);
}

static int start(struct reader *r, const char *path, struct err *err)
{
	enum packing packing;

	if (read_head(r, err) < 0)
		return -1;
	packing = packing_of((struct slice){ r->head, r->head_len });
	if (r->head_len == HEAD && memcmp(r->head, JOURNAL_MAGIC, HEAD) == 0)
		return start_journal(r, path, err);
	if (packing != PACKING_NONE)
		start_packed(r, packing);
	else
		r->fill = fill_plain;
	return 0;
}

int reader_open(struct reader **out, const char *path, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	struct reader *r = reader_new(standard ? "standard input" : path);

	r->standard = standard;
	r->fd = standard ? STDIN_FILENO : -1;
	if ((!standard && open_path(r, path, err) < 0) || start(r, path, err) < 0) {
		reader_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

int reader_open_journal(struct reader **out, const char *const *files, size_t n,
			struct instant since, struct err *err)
{
	struct reader *r = reader_new("journal");

	r->fill = fill_journal;
	if (journal_open(&r->journal, files, n, since, err) < 0) {
		reader_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

/* Fills until there are `least` bytes, if so many come. */
static size_t gather(struct reader *r, char *buf, size_t room, size_t least)
{
	size_t len = 0, got;

	do {
		r->failed = r->fill(r, buf + len, room - len, &got, &r->err) < 0;
		r->ended = r->failed || got == 0;
		len += got;
	} while (len < least && !r->ended);
	return len;
}

/*
 * Takes lines that are too long out of `data`, keeps the unfinished last one for the next block
 * and returns the length of the whole lines.
 */
static size_t cut_lines(struct reader *r, char *data, size_t len)
{
	size_t at = 0; /* all before is whole lines */
	char *end;

	if (r->skipping) {
		end = memchr(data, '\n', len);
		if (!end)
			return 0;
		r->skipping = false;
		len -= (size_t)(end + 1 - data);
		memmove(data, end + 1, len);
	}
	while (len - at > READER_LINE_MOST) {
		end = memrchr(data + at, '\n', READER_LINE_MOST + 1);
		if (end) {
			at = (size_t)(end + 1 - data);
			continue;
		}
		r->stats.long_lines++;
		end = memchr(data + at, '\n', len - at);
		r->skipping = !end;
		if (!end)
			return at;
		len -= (size_t)(end + 1 - (data + at));
		memmove(data + at, end + 1, len - at);
	}
	end = memrchr(data + at, '\n', len - at);
	if (end)
		at = (size_t)(end + 1 - data);
	r->tail_len = len - at;
	memcpy(r->tail, data + at, r->tail_len);
	return at;
}

static size_t next_exported(struct reader *r, char *data)
{
	size_t used = 0;
	int ret = 0;

	while (used == 0 && ret == 0) {
		if (r->pending.len > 0) {
			ret = journal_export_read(r->export, &r->pending, data, READER_BLOCK, &used,
						  &r->err);
		} else if (!r->ended) {
			r->pending.ptr = r->exported;
			r->pending.len = gather(r, r->exported, READER_BLOCK, 1);
		} else {
			if (!r->failed)
				ret = journal_export_end(r->export, data, READER_BLOCK, &used,
							 &r->err);
			break;
		}
	}
	if (ret < 0) {
		r->ended = r->failed = true;
		r->pending.len = 0;
	}
	return used;
}

/* The first bytes were read as if they were lines: they go to the converter instead. */
static size_t start_export(struct reader *r, char *data, size_t len)
{
	r->export = journal_export_new(r->name, &r->stats.long_lines);
	r->exported = xcalloc(READER_BLOCK, 1);
	memcpy(r->exported, data, len);
	r->pending = (struct slice){ r->exported, len };
	return next_exported(r, data);
}

static size_t next_lines(struct reader *r, char *data)
{
	size_t whole = 0;

	while (whole == 0 && !r->ended) {
		bool first = !r->started;
		size_t len = r->tail_len;

		memcpy(data, r->tail, len);
		len += gather(r, data + len, READER_BLOCK - len, first ? JOURNAL_EXPORT_HEAD : 1);
		r->started = true;
		if (first && journal_export_is((struct slice){ data, len }))
			return start_export(r, data, len);
		r->tail_len = 0;
		whole = cut_lines(r, data, len);
	}
	if (r->ended && !r->failed && r->tail_len > 0) {
		whole += r->tail_len;
		assert(whole < READER_BLOCK); /* the last fill, which was empty, had room */
		data[whole++] = '\n';
		r->tail_len = 0;
	}
	return whole;
}

int reader_next(struct reader *r, struct block *block, struct err *err)
{
	block->len = r->export ? next_exported(r, block->data) : next_lines(r, block->data);
	r->stats.bytes += block->len;
	if (block->len > 0)
		return 1;
	if (r->failed)
		*err = r->err;
	return r->failed ? -1 : 0;
}

struct instant reader_newest(const struct reader *r, struct instant now)
{
	return instant_is_none(r->mtime) ? now : r->mtime;
}

uint64_t reader_size(const struct reader *r)
{
	return r->size;
}

const struct reader_stats *reader_stats(const struct reader *r)
{
	return &r->stats;
}

bool reader_is_packed(const struct reader *r)
{
	return r->fill != fill_plain;
}
