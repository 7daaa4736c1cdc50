/*
 * logfile - one file of a log that is followed
 *
 * Below tail.c, which strings files together. Regular files are read where they lie: nothing
 * but the place is remembered between two calls, and a line without its newline is simply read
 * again. Streams (FIFO, standard input, packed siblings) can't be, so what they have of
 * a line is carried over.
 *
 * A truncated file (logrotate's copytruncate) may have grown beyond the place before anyone
 * looks. So with each block the first bytes are compared with those known, after the block was
 * read: if they are the same then, the block came from the same text.
 */
#include "core/source/logfile.h"

#include "core/base/mem.h"
#include "core/source/unpack.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PACKED_READ = 64 * 1024 };

enum kind { PLAIN, PACKED, STREAM };

struct logfile {
	const char *name;
	int fd;
	enum kind kind;
	dev_t dev;
	uint64_t size;
	struct place at; /* behind the block handed out last */
	size_t block_len;
	uint64_t block_at; /* its offset */
	uint64_t long_lines;

	enum packing packing;
	struct unpack *unpack; /* while it is read */
	char *packed;          /* what is being unpacked */
	uint64_t packed_at;    /* packed bytes read so far */
	bool damaged;          /* behind what was handed out, and why: told at the next call */
	struct err damage;
	bool ended;
	char *carry; /* READER_BLOCK bytes: of lines that are not whole yet; NULL: none so far */
	size_t carry_len;
};

void place_pack(const struct place *p, struct pack *out)
{
	pack_u64(out, p->inode);
	pack_u64(out, p->offset);
	pack_u8(out, p->skipping);
	pack_slice(out, (struct slice){ p->head, p->head_len });
}

void place_unpack(struct place *p, struct packed *in)
{
	struct slice head;

	*p = (struct place){ 0 };
	p->inode = packed_u64(in);
	p->offset = packed_u64(in);
	p->skipping = packed_u8(in) != 0;
	head = packed_slice(in);
	if (head.len > sizeof(p->head) || p->offset > INT64_MAX) {
		in->bad = true;
		return;
	}
	p->head_len = (uint16_t)head.len;
	if (head.len > 0)
		memcpy(p->head, head.ptr, head.len);
}

static ssize_t read_at(const struct logfile *f, char *buf, size_t room, uint64_t offset)
{
	ssize_t got;

	do
		got = pread(f->fd, buf, room, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got;
}

static ssize_t on_packed(void *ctx, const void **data)
{
	struct logfile *f = ctx;
	ssize_t got = read_at(f, f->packed, PACKED_READ, f->packed_at);

	*data = f->packed;
	if (got > 0)
		f->packed_at += (uint64_t)got;
	return got;
}

static void close_packed(struct logfile *f)
{
	unpack_close(f->unpack);
	f->unpack = NULL;
	free(f->packed);
	f->packed = NULL;
	f->packed_at = 0;
}

static void open_packed(struct logfile *f)
{
	if (f->unpack)
		return;
	f->packed = xcalloc(PACKED_READ, 1);
	f->unpack = unpack_open(f->packing, f->name, on_packed, f);
}

/* How the text begins. A packed file is closed again: an unpacker may hold many megabytes. */
static void read_head(struct logfile *f)
{
	size_t unpacked = 0;
	struct err unused;
	ssize_t got;

	f->at.head_len = 0;
	if (f->kind == STREAM)
		return;
	if (f->kind == PLAIN) {
		got = read_at(f, f->at.head, LOGFILE_HEAD, 0);
		f->at.head_len = got < 0 ? 0 : (uint16_t)got;
		return;
	}
	/* What is damaged further on still has a head. */
	open_packed(f);
	(void)unpack_read(f->unpack, f->at.head, LOGFILE_HEAD, &unpacked, &unused);
	f->at.head_len = (uint16_t)unpacked;
	close_packed(f);
}

struct logfile *logfile_new(int fd, const char *name, bool may_be_packed)
{
	struct logfile *f = xcalloc(1, sizeof(*f));
	struct stat st = { 0 };

	f->name = name;
	f->fd = fd;
	f->kind = STREAM;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		f->kind = PLAIN;
	f->dev = st.st_dev;
	f->at.inode = st.st_ino;
	f->size = f->kind == PLAIN ? (uint64_t)st.st_size : 0;
	read_head(f);
	if (f->kind == PLAIN && may_be_packed)
		f->packing = packing_of((struct slice){ f->at.head, f->at.head_len });
	if (f->packing != PACKING_NONE) {
		f->kind = PACKED;
		read_head(f);
	}
	return f;
}

void logfile_free(struct logfile *f)
{
	if (!f)
		return;
	close_packed(f);
	(void)close(f->fd);
	free(f->carry);
	free(f);
}

bool logfile_is_plain(const struct logfile *f)
{
	return f->kind == PLAIN;
}

bool logfile_is_stream(const struct logfile *f)
{
	return f->kind == STREAM;
}

bool logfile_same(const struct logfile *a, const struct logfile *b)
{
	return a->dev == b->dev && a->at.inode == b->at.inode;
}

bool logfile_is_newer(const struct logfile *f, const struct logfile *other)
{
	struct stat a, b;

	if (fstat(f->fd, &a) < 0 || fstat(other->fd, &b) < 0)
		return false;
	if (a.st_mtim.tv_sec != b.st_mtim.tv_sec)
		return a.st_mtim.tv_sec > b.st_mtim.tv_sec;
	return a.st_mtim.tv_nsec > b.st_mtim.tv_nsec;
}

bool logfile_is_inode(const struct logfile *f, const struct place *p)
{
	return f->kind == PLAIN && f->at.inode == p->inode;
}

bool logfile_has(const struct logfile *f, const struct place *p)
{
	if (f->kind == STREAM || f->at.head_len < p->head_len ||
	    (f->kind == PLAIN && f->size < p->offset))
		return false;
	if (p->head_len == 0)
		return logfile_is_inode(f, p);
	return memcmp(f->at.head, p->head, p->head_len) == 0;
}

void logfile_go(struct logfile *f, const struct place *p)
{
	f->at.offset = p->offset;
	f->at.skipping = p->skipping;
	f->block_len = 0;
}

void logfile_go_to_end(struct logfile *f)
{
	char *buf, *newline;
	uint64_t from;
	ssize_t got;

	if (f->kind != PLAIN || f->size == 0)
		return;
	buf = xcalloc(READER_LINE_MOST, 1);
	from = f->size > READER_LINE_MOST ? f->size - READER_LINE_MOST : 0;
	got = read_at(f, buf, (size_t)(f->size - from), from);
	newline = got > 0 ? memrchr(buf, '\n', (size_t)got) : NULL;
	f->at.offset = newline ? from + (uint64_t)(newline + 1 - buf) : from;
	f->at.skipping = !newline && from > 0;
	free(buf);
}

void logfile_rewind(struct logfile *f)
{
	struct stat st;

	assert(f->kind == PLAIN);
	f->at.offset = 0;
	f->at.skipping = false;
	f->block_len = 0;
	if (fstat(f->fd, &st) == 0)
		f->size = (uint64_t)st.st_size;
	read_head(f);
}

/* What stands at the front of a buffer: bytes of lines that are too long, then whole lines. */
struct cut {
	size_t drop, whole;
};

static struct cut cut_lines(struct logfile *f, const char *data, size_t len)
{
	struct cut cut = { 0, 0 };
	const char *newline;
	size_t at;

	for (;;) {
		if (f->at.skipping) {
			newline = memchr(data + cut.drop, '\n', len - cut.drop);
			cut.drop = newline ? (size_t)(newline + 1 - data) : len;
			f->at.skipping = !newline;
		}
		at = cut.drop;
		while (len - at > READER_LINE_MOST) {
			newline = memrchr(data + at, '\n', READER_LINE_MOST + 1);
			if (!newline)
				break;
			at = (size_t)(newline + 1 - data);
		}
		if (len - at <= READER_LINE_MOST) {
			newline = len > at ? memrchr(data + at, '\n', len - at) : NULL;
			at = newline ? (size_t)(newline + 1 - data) : at;
			break;
		}
		if (at > cut.drop)
			break; /* the long line's turn comes with the next call */
		f->long_lines++;
		f->at.skipping = true;
	}
	cut.whole = at - cut.drop;
	return cut;
}

/* Hands out `cut` of what was read into `block`. */
static void hand_out(struct logfile *f, struct block *block, struct cut cut)
{
	if (cut.drop > 0)
		memmove(block->data, block->data + cut.drop, cut.whole);
	block->len = f->block_len = cut.whole;
	f->block_at = f->at.offset + cut.drop;
	f->at.offset = f->block_at + cut.whole;
}

/* Does the file still begin as it did, and reach to the place? Learns more of its beginning. */
static bool is_same_text(struct logfile *f)
{
	char head[LOGFILE_HEAD];
	ssize_t got = read_at(f, head, sizeof(head), 0);
	struct stat st;

	if (got < 0 || fstat(f->fd, &st) < 0)
		return true; /* then the block could not be read either, and that is told */
	f->size = (uint64_t)st.st_size;
	if (f->size < f->at.offset || got < f->at.head_len ||
	    memcmp(head, f->at.head, f->at.head_len) != 0)
		return false;
	f->at.head_len = (uint16_t)got;
	memcpy(f->at.head, head, (size_t)got);
	return true;
}

static int next_plain(struct logfile *f, struct block *block, struct err *err)
{
	ssize_t got = read_at(f, block->data, READER_BLOCK, f->at.offset);
	struct cut cut;

	if (got < 0)
		return err_set(err, errno, "%s: %s", f->name, strerror(errno));
	if (!is_same_text(f)) {
		if (f->at.offset > 0)
			return err_set(err, ESTALE, "%s: truncated", f->name);
		logfile_rewind(f); /* nothing was read of what is gone */
		return 1;
	}
	cut = cut_lines(f, block->data, (size_t)got);
	hand_out(f, block, cut);
	return cut.whole > 0 || cut.drop > 0;
}

/* Up to `room` bytes; 0: none now; -1 with errno. */
static ssize_t read_pipe(struct logfile *f, char *buf, size_t room)
{
	struct pollfd ready = { .fd = f->fd, .events = POLLIN };
	ssize_t got;

	/* It may be in blocking mode, which is not ours to change: others have it, too. */
	if (poll(&ready, 1, 0) <= 0) {
		errno = EAGAIN;
		return -1;
	}
	do
		got = read(f->fd, buf, room);
	while (got < 0 && errno == EINTR);
	f->ended = got == 0; /* until another writer comes */
	return got;
}

/* Passes over what was read before the restart. */
static int skip_packed(struct logfile *f, char *buf, struct err *err)
{
	uint64_t left = f->at.offset;

	while (left > 0) {
		size_t want = left < READER_BLOCK ? (size_t)left : READER_BLOCK, got;

		if (unpack_read(f->unpack, buf, want, &got, err) < 0)
			return -1;
		if (got < want)
			return err_set(err, EBADMSG, "%s: a packed sibling is shorter than it was",
				       f->name);
		left -= got;
	}
	return 0;
}

static int read_packed(struct logfile *f, char *buf, size_t room, size_t *got, struct err *err)
{
	bool first = !f->unpack;

	if (f->damaged) {
		*err = f->damage;
		return -1;
	}
	open_packed(f);
	if (first && skip_packed(f, buf, err) < 0)
		return -1;
	f->damaged = unpack_read(f->unpack, buf, room, got, &f->damage) < 0;
	f->ended = *got == 0 && !f->damaged;
	return 0;
}

/* Reads on behind the `len` bytes in `data`, where a further line might fit. */
static int fill_stream(struct logfile *f, char *data, size_t *len, struct err *err)
{
	size_t room = READER_BLOCK - 1 - *len, more = 0;
	ssize_t got;

	if (*len > READER_LINE_MOST)
		return 0;
	if (f->kind == PACKED) {
		if (read_packed(f, data + *len, room, &more, err) < 0)
			return -1;
	} else {
		got = read_pipe(f, data + *len, room);
		if (got < 0 && errno != EAGAIN)
			return err_set(err, errno, "%s: %s", f->name, strerror(errno));
		more = got < 0 ? 0 : (size_t)got;
	}
	*len += more;
	return 0;
}

static void keep_rest(struct logfile *f, const char *rest, size_t len)
{
	f->carry_len = len;
	if (len == 0)
		return;
	if (!f->carry)
		f->carry = xcalloc(READER_BLOCK, 1);
	memcpy(f->carry, rest, len);
}

static int next_stream(struct logfile *f, struct block *block, struct err *err)
{
	size_t len = f->carry_len, rest;
	struct cut cut;

	if (f->kind == STREAM)
		f->ended = false; /* a writer may have come */
	if (f->ended && len == 0)
		return 0;
	if (len > 0)
		memcpy(block->data, f->carry, len);
	f->carry_len = 0;
	if (!f->ended && fill_stream(f, block->data, &len, err) < 0)
		return -1;
	cut = cut_lines(f, block->data, len);
	rest = len - cut.drop - cut.whole;
	/* The last line of all needs no newline. */
	if (f->ended && cut.whole == 0 && rest > 0 && rest <= READER_LINE_MOST) {
		block->data[len] = '\n';
		hand_out(f, block, (struct cut){ cut.drop, rest + 1 });
		f->at.offset--;
		return 1;
	}
	keep_rest(f, block->data + cut.drop + cut.whole, rest);
	hand_out(f, block, cut);
	return cut.whole > 0 || cut.drop > 0 || (f->kind == PACKED && !f->ended);
}

int logfile_next(struct logfile *f, struct block *block, struct err *err)
{
	int rc;

	block->len = f->block_len = 0;
	rc = f->kind == PLAIN ? next_plain(f, block, err) : next_stream(f, block, err);
	if (f->kind == PACKED && rc <= 0) {
		close_packed(f);
		f->ended = true; /* also where it is damaged: there is nothing behind that */
		f->carry_len = 0;
	}
	return rc;
}

bool logfile_last(struct logfile *f, struct block *block)
{
	ssize_t got = 0;

	if (f->kind == PLAIN && !f->at.skipping)
		got = read_at(f, block->data, READER_LINE_MOST, f->at.offset);
	if (f->kind == STREAM && f->carry_len > 0) {
		got = (ssize_t)f->carry_len;
		memcpy(block->data, f->carry, f->carry_len);
		f->carry_len = 0;
	}
	block->len = 0;
	if (got > 0 && got <= READER_LINE_MOST) {
		hand_out(f, block, (struct cut){ 0, (size_t)got });
		block->data[block->len++] = '\n';
	}
	return block->len > 0;
}

void logfile_place(const struct logfile *f, size_t done, struct place *out)
{
	*out = f->at;
	if (done >= f->block_len)
		return;
	out->offset = f->block_at + done;
	out->skipping = false;
}

uint64_t logfile_size(const struct logfile *f)
{
	return f->size;
}

uint64_t logfile_offset(const struct logfile *f)
{
	return f->at.offset;
}

uint64_t logfile_long_lines(const struct logfile *f)
{
	return f->long_lines;
}
