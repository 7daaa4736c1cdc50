/*
 * tail - one log as it is written, through rotation and restarts
 *
 *	saved places -> tail_start() -> chain of files, oldest first -> tail_next() -> blocks
 *
 * A log is a chain of files: those that rotation has put aside and that are not read to their end,
 * and the one that its path leads to now. Each is read to its end before the next one's turn
 * comes. A file that has been followed by another stays in the chain for a while, because its
 * writer may go on with it until it is told to reopen its log; then its last line, whole or
 * not, is handed out and it is closed.
 *
 * The position of a log is a place in each file of the chain that was begun, and the end of the one
 * that left the chain last. After a restart the newest place that is found again in what
 * there is now, by the first bytes of its file, says where to go on: all files newer than
 * that one have not been read. A truncated log is treated as if there had been a restart.
 *
 * The journal comes in blocks that another process has read; its position is a cursor, and how
 * many lines behind that were dealt with.
 */
#include "core/source/tail.h"

#include "core/base/mem.h"
#include "core/source/logfile.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FORMAT = 1,    /* of a position; the first byte */
	LEFT_MOST = 4, /* files that are looked at though another took their place */
	PLACES_MOST = LEFT_MOST + 2,
	SIBLINGS_MOST = 64,
};

enum position_kind { POSITION_FILES = 1, POSITION_JOURNAL };

/* A file of the chain. */
struct link {
	struct logfile *file;
	bool left;              /* another one took its place, */
	struct instant left_at; /* then; INSTANT_NONE: long ago */
};

struct journal_block {
	struct journal_block *next;
	char *cursor, *text;
	size_t len;
	bool gap;
};

struct tail {
	char *name;
	int64_t grace_ms;
	bool started;
	struct link *chain; /* oldest first */
	size_t n_chain, cap_chain;
	bool has_current;           /* the chain's last is what the path leads to */
	const struct logfile *last; /* of the chain: the block handed out last is its */

	/* Before the start, and where others may have come between: */
	struct logfile *sibling[SIBLINGS_MOST], *current; /* newest first */
	size_t n_siblings;
	struct place saved[PLACES_MOST]; /* newest first */
	size_t n_saved;
	bool wants_siblings;
	struct instant wanted_at;

	struct place ended; /* where the file was left that was closed last */
	bool has_ended;

	/* Of the journal: */
	bool is_journal;
	struct journal_block *queue, **queue_end;
	size_t waiting;
	struct journal_block *block; /* handed out last */
	size_t block_from;           /* what of it had been dealt with before a restart */
	char *passed;                /* the cursor before `block` */
	char *taken;                 /* the last cursor of all */
	uint32_t skip_lines;         /* behind `passed`, dealt with before a restart */

	struct tail_stats stats;
	uint64_t closed_long_lines; /* of files that were closed */
};

struct tail *tail_new(const char *name, int64_t grace_ms)
{
	struct tail *t = xcalloc(1, sizeof(*t));

	t->name = xstrdup(name);
	t->grace_ms = grace_ms;
	t->queue_end = &t->queue;
	return t;
}

static void free_block(struct journal_block *block)
{
	if (!block)
		return;
	free(block->cursor);
	free(block->text);
	free(block);
}

static void close_file(struct tail *t, struct logfile *f)
{
	if (!f)
		return;
	if (t->last == f)
		t->last = NULL;
	t->closed_long_lines += logfile_long_lines(f);
	logfile_free(f);
}

static void close_candidates(struct tail *t)
{
	for (size_t i = 0; i < t->n_siblings; i++)
		close_file(t, t->sibling[i]);
	t->n_siblings = 0;
	close_file(t, t->current);
	t->current = NULL;
}

void tail_free(struct tail *t)
{
	if (!t)
		return;
	close_candidates(t);
	for (size_t i = 0; i < t->n_chain; i++)
		logfile_free(t->chain[i].file);
	while (t->queue) {
		struct journal_block *next = t->queue->next;

		free_block(t->queue);
		t->queue = next;
	}
	free_block(t->block);
	free(t->chain);
	free(t->passed);
	free(t->taken);
	free(t->name);
	free(t);
}

static void unpack_files(struct tail *t, struct packed *in)
{
	uint8_t n = packed_u8(in);

	if (n > PLACES_MOST)
		in->bad = true;
	for (uint8_t i = 0; i < n && !in->bad; i++)
		place_unpack(&t->saved[i], in);
	t->n_saved = in->bad ? 0 : n;
}

static void unpack_journal(struct tail *t, struct packed *in)
{
	struct slice cursor = packed_slice(in);

	t->skip_lines = packed_u32(in);
	if (in->bad)
		return;
	t->is_journal = true;
	t->passed = cursor.ptr ? xstrndup(cursor.ptr, cursor.len) : NULL;
	t->taken = cursor.ptr ? xstrndup(cursor.ptr, cursor.len) : NULL;
}

int tail_restore(struct tail *t, struct slice position, struct err *err)
{
	struct packed in = packed_of(position);
	uint8_t format = packed_u8(&in), kind = packed_u8(&in);

	assert(!t->started && t->n_saved == 0 && !t->taken);
	if (format == FORMAT && kind == POSITION_FILES)
		unpack_files(t, &in);
	else if (format == FORMAT && kind == POSITION_JOURNAL)
		unpack_journal(t, &in);
	else
		in.bad = true;
	if (packed_end(&in))
		return 0;
	t->n_saved = t->skip_lines = 0;
	t->is_journal = false;
	free(t->passed);
	free(t->taken);
	t->passed = t->taken = NULL;
	return err_set(err, EBADMSG, "%s: the saved position is damaged, and ignored", t->name);
}

/* Is it there already, under another name? */
static bool is_known(const struct tail *t, const struct logfile *f)
{
	if (t->current && logfile_same(t->current, f))
		return true;
	for (size_t i = 0; i < t->n_siblings; i++)
		if (logfile_same(t->sibling[i], f))
			return true;
	return false;
}

void tail_sibling(struct tail *t, int fd)
{
	struct logfile *f;

	if (t->n_siblings == SIBLINGS_MOST || (t->n_saved == 0 && !t->wants_siblings)) {
		(void)close(fd);
		return;
	}
	f = logfile_new(fd, t->name, true);
	if (logfile_is_stream(f) || is_known(t, f))
		logfile_free(f);
	else
		t->sibling[t->n_siblings++] = f;
}

static void close_oldest_sibling(struct tail *t)
{
	close_file(t, t->sibling[--t->n_siblings]);
}

/* What was the log's file until now is its newest sibling. */
static void put_aside(struct tail *t, struct logfile *f)
{
	for (size_t i = 0; i < t->n_siblings; i++) {
		if (logfile_same(t->sibling[i], f)) {
			logfile_free(f);
			return;
		}
	}
	if (t->n_siblings == SIBLINGS_MOST)
		close_oldest_sibling(t);
	memmove(t->sibling + 1, t->sibling, t->n_siblings * sizeof(struct logfile *));
	t->sibling[0] = f;
	t->n_siblings++;
}

static void chain_add(struct tail *t, struct logfile *f)
{
	t->chain = array_grow(t->chain, t->n_chain, &t->cap_chain, sizeof(*t->chain));
	t->chain[t->n_chain++] = (struct link){ f, false, INSTANT_NONE };
}

static void chain_drop(struct tail *t, size_t i)
{
	logfile_place(t->chain[i].file, SIZE_MAX, &t->ended);
	t->has_ended = !logfile_is_stream(t->chain[i].file);
	close_file(t, t->chain[i].file);
	memmove(t->chain + i, t->chain + i + 1, (--t->n_chain - i) * sizeof(*t->chain));
}

static void want_siblings(struct tail *t, struct instant now)
{
	t->wants_siblings = true;
	t->wanted_at = now;
}

/* The last file of the chain is not the log's any more. */
static void chain_leave(struct tail *t, struct instant now)
{
	if (t->n_chain == 0)
		return;
	t->chain[t->n_chain - 1].left = true;
	t->chain[t->n_chain - 1].left_at = now;
	t->stats.rotations++;
}

/* A file that is in the chain already is the log's now: as a rule it has been that before. */
static void chain_move_to_end(struct tail *t, size_t i, struct instant now)
{
	struct link link = t->chain[i];

	t->has_current = true;
	if (i + 1 == t->n_chain)
		return;
	chain_leave(t, now);
	memmove(t->chain + i, t->chain + i + 1, (t->n_chain - i - 1) * sizeof(*t->chain));
	t->chain[t->n_chain - 1] = (struct link){ link.file, false, INSTANT_NONE };
}

void tail_give(struct tail *t, int fd, struct instant now)
{
	struct logfile *f = logfile_new(fd, t->name, false);

	for (size_t i = 0; i < t->n_chain; i++) {
		if (!logfile_same(t->chain[i].file, f))
			continue;
		logfile_free(f);
		chain_move_to_end(t, i, now);
		return;
	}
	if (t->current && !logfile_same(t->current, f))
		put_aside(t, t->current);
	else
		close_file(t, t->current);
	t->current = f;
	if (!t->started || t->wants_siblings)
		return;
	chain_leave(t, now);
	if (t->n_chain > 0 && logfile_is_plain(f)) {
		want_siblings(t, now);
		return;
	}
	chain_add(t, f);
	t->current = NULL;
	t->has_current = true;
}

/* The candidates in the order of their age: siblings, oldest first, then the current file. */
static struct logfile **candidate(struct tail *t, size_t i)
{
	return i < t->n_siblings ? &t->sibling[t->n_siblings - 1 - i] : &t->current;
}

static size_t count_candidates(const struct tail *t)
{
	return t->n_siblings + (t->current != NULL);
}

/* The candidate that holds the place: the same file if it can be, else its newest copy; or -1. */
static ssize_t find_place(struct tail *t, const struct place *p)
{
	ssize_t found = -1;

	for (size_t i = count_candidates(t); i-- > 0;) {
		const struct logfile *f = *candidate(t, i);

		if (!logfile_has(f, p))
			continue;
		if (logfile_is_inode(f, p))
			return (ssize_t)i;
		if (found < 0)
			found = (ssize_t)i;
	}
	return found;
}

/* Moves a candidate to the chain's end. */
static void chain_take(struct tail *t, size_t i, const struct place *p)
{
	struct logfile **slot = candidate(t, i);

	if (p)
		logfile_go(*slot, p);
	chain_add(t, *slot);
}

/* The candidates from the newest place on, and before them those with an older place. */
static void build_chain(struct tail *t, size_t newest, ssize_t found)
{
	ssize_t at[PLACES_MOST], lowest = found;

	for (size_t k = newest + 1; k < t->n_saved; k++) {
		at[k] = find_place(t, &t->saved[k]);
		if (at[k] < lowest && at[k] >= 0)
			lowest = at[k];
		else
			at[k] = -1; /* gone, or a copy of what a newer place is in: not twice */
	}
	for (size_t k = t->n_saved; k-- > newest + 1;)
		if (at[k] >= 0)
			chain_take(t, (size_t)at[k], &t->saved[k]);
	chain_take(t, (size_t)found, &t->saved[newest]);
	for (size_t i = (size_t)found + 1; i < count_candidates(t); i++)
		chain_take(t, i, NULL);
	t->has_current = t->current != NULL;
}

static bool in_chain(const struct tail *t, const struct logfile *f)
{
	for (size_t i = 0; i < t->n_chain; i++)
		if (t->chain[i].file == f)
			return true;
	return false;
}

/* Closes what is not in the chain, and says of those in it that they were left. */
static void settle_chain(struct tail *t, struct instant now)
{
	for (size_t i = 0; i < count_candidates(t); i++)
		if (!in_chain(t, *candidate(t, i)))
			close_file(t, *candidate(t, i));
	t->n_siblings = 0;
	t->current = NULL;
	for (size_t i = 0; i + 1 < t->n_chain; i++) {
		if (t->chain[i].left)
			continue;
		t->chain[i].left = true;
		/* The last but one may have been left just now, the others long ago. */
		t->chain[i].left_at = i + 2 == t->n_chain ? now : INSTANT_NONE;
	}
}

static void start_fresh(struct tail *t, enum tail_from from)
{
	if (!t->current)
		return;
	if (from == TAIL_FROM_END)
		logfile_go_to_end(t->current);
	chain_add(t, t->current);
	t->has_current = true;
}

/* Goes on at the newest place that is found; false where lines may be lost. */
static bool start_at_place(struct tail *t)
{
	bool whole = true;

	for (size_t k = 0; k < t->n_saved; k++) {
		ssize_t found = find_place(t, &t->saved[k]);

		if (found >= 0) {
			build_chain(t, k, found);
			return whole;
		}
		/* Of one that was empty all is in a newer file than the next place's. */
		if (t->saved[k].offset > 0)
			whole = false;
	}
	start_fresh(t, TAIL_FROM_START);
	return whole;
}

/*
 * Which siblings are newer than the chain's last file: those listed before it, be it there itself or
 * a packed copy; and where it is gone, by their times.
 */
static size_t count_newer(const struct tail *t)
{
	const struct logfile *last;
	struct place place;
	size_t newer = 0;

	if (t->n_chain == 0)
		return 0;
	last = t->chain[t->n_chain - 1].file;
	logfile_place(last, SIZE_MAX, &place);
	for (size_t i = 0; i < t->n_siblings; i++)
		if (logfile_same(t->sibling[i], last) ||
		    (place.head_len > 0 && logfile_has(t->sibling[i], &place)))
			return i;
	while (newer < t->n_siblings && logfile_is_newer(t->sibling[newer], last))
		newer++;
	return newer;
}

static bool chain_has(const struct tail *t, const struct logfile *f)
{
	for (size_t i = 0; i < t->n_chain; i++)
		if (logfile_same(t->chain[i].file, f))
			return true;
	return false;
}

/* The log was rotated while it ran, maybe more than once before anyone looked. */
static void go_on(struct tail *t, struct instant now)
{
	size_t newer = count_newer(t), first = t->n_chain;

	while (t->n_siblings > newer) /* the others were read long ago */
		close_oldest_sibling(t);
	for (size_t i = 0; i < count_candidates(t); i++)
		if (!chain_has(t, *candidate(t, i)))
			chain_take(t, i, NULL);
	t->has_current = true;
	t->stats.rotations += t->n_chain - first - 1;
	settle_chain(t, now);
}

static int start_anew(struct tail *t, enum tail_from from, struct instant now, struct err *err)
{
	bool whole = true;

	if (t->n_saved > 0)
		whole = start_at_place(t);
	else
		start_fresh(t, from);
	settle_chain(t, now);
	t->started = true;
	t->n_saved = 0;
	if (whole)
		return 0;
	return err_set(err, ENOENT,
		       "%s: where it was read to is not found in it or its rotated files: "
		       "lines may be lost",
		       t->name);
}

int tail_start(struct tail *t, enum tail_from from, struct instant now, struct err *err)
{
	bool wanted = t->wants_siblings;

	t->wants_siblings = false;
	if (!t->started)
		return start_anew(t, from, now, err);
	if (wanted)
		go_on(t, now);
	return 0;
}

bool tail_wants_siblings(const struct tail *t)
{
	return t->wants_siblings;
}

/* The places of a tail that runs, newest first; `done` as in tail_position(). */
static size_t list_places(const struct tail *t, size_t done, struct place places[PLACES_MOST])
{
	size_t n = 0;

	for (size_t i = t->n_chain; i-- > 0 && n < PLACES_MOST - 1;) {
		const struct logfile *f = t->chain[i].file;
		struct place p;

		if (logfile_is_stream(f))
			continue;
		logfile_place(f, f == t->last ? done : SIZE_MAX, &p);
		/* A file that was not begun yet is newer than one that was; that is enough. */
		if (p.offset > 0 || p.skipping || (i == 0 && !t->has_ended && n == 0))
			places[n++] = p;
	}
	if (t->has_ended)
		places[n++] = t->ended;
	return n;
}

/* The last file of the chain lost what had been read of it: where that is now, siblings tell. */
static void on_truncated(struct tail *t, struct instant now)
{
	t->n_saved = list_places(t, SIZE_MAX, t->saved);
	t->current = t->chain[--t->n_chain].file;
	for (size_t i = 0; i < t->n_chain; i++)
		close_file(t, t->chain[i].file);
	t->n_chain = 0;
	t->last = NULL;
	t->has_current = t->has_ended = false;
	logfile_rewind(t->current);
	t->started = false;
	want_siblings(t, now);
	t->stats.truncations++;
}

static bool grace_is_over(const struct tail *t, struct instant from, struct instant now)
{
	return instant_is_none(from) || since(from, now) >= t->grace_ms || since(from, now) < 0;
}

/* Done with a file at whose end we are? Not as long as its writer may go on with it. */
static bool may_close(const struct tail *t, size_t i, struct instant now)
{
	const struct link *link = &t->chain[i];

	return link->left && (!logfile_is_plain(link->file) || i + LEFT_MOST + 1 < t->n_chain ||
			      grace_is_over(t, link->left_at, now));
}

/* Something went wrong with a file of the chain. Returns -1, or 0 where there is nothing to tell. */
static int on_failed(struct tail *t, size_t i, struct instant now, struct err *err)
{
	bool truncated = err->code == ESTALE && logfile_is_plain(t->chain[i].file);

	if (truncated && i + 1 == t->n_chain && !t->wants_siblings) {
		on_truncated(t, now);
		return 0;
	}
	if (t->chain[i].left)
		chain_drop(t, i);
	return -1;
}

static int next_of_files(struct tail *t, struct block *block, struct instant now, struct err *err)
{
	size_t i = 0;

	while (i < t->n_chain) {
		struct logfile *f = t->chain[i].file;
		int rc = logfile_next(f, block, err);

		if (rc < 0)
			return on_failed(t, i, now, err);
		if (rc == 0 && !may_close(t, i, now)) {
			i++;
			continue;
		}
		if (rc == 0 && !logfile_last(f, block)) {
			chain_drop(t, i);
			continue;
		}
		t->last = f;
		return 1;
	}
	return 0;
}

static void take_next_journal_block(struct tail *t)
{
	struct journal_block *block = t->queue;

	t->queue = block->next;
	if (!t->queue)
		t->queue_end = &t->queue;
	t->waiting -= block->len;
	if (t->block) {
		free(t->passed);
		t->passed = t->block->cursor;
		t->block->cursor = NULL;
		free_block(t->block);
	}
	t->block = block;
	t->block_from = 0;
	if (block->gap)
		t->skip_lines = 0; /* these lines are other ones */
}

/* Passes over what was dealt with before a restart. */
static void skip_lines(struct tail *t)
{
	const struct journal_block *b = t->block;

	for (; t->skip_lines > 0 && t->block_from < b->len; t->skip_lines--) {
		const char *from = b->text + t->block_from;
		const char *newline = memchr(from, '\n', b->len - t->block_from);

		t->block_from += (size_t)(newline + 1 - from);
	}
}

static int next_of_journal(struct tail *t, struct block *block)
{
	while (t->queue) {
		take_next_journal_block(t);
		skip_lines(t);
		if (t->block_from == t->block->len)
			continue;
		block->len = t->block->len - t->block_from;
		memcpy(block->data, t->block->text + t->block_from, block->len);
		return 1;
	}
	return 0;
}

int tail_next(struct tail *t, struct block *block, struct instant now, struct err *err)
{
	int rc;

	block->len = 0;
	if (t->is_journal) {
		rc = next_of_journal(t, block);
	} else {
		if (t->wants_siblings && grace_is_over(t, t->wanted_at, now) &&
		    tail_start(t, TAIL_FROM_START, now, err) < 0)
			return -1;
		rc = next_of_files(t, block, now, err);
	}
	t->stats.bytes += block->len;
	return rc;
}

int64_t tail_due_ms(const struct tail *t, struct instant now)
{
	int64_t due = -1;

	for (size_t i = 0; i <= t->n_chain; i++) {
		bool waits = i < t->n_chain ? t->chain[i].left : t->wants_siblings;
		struct instant from = i < t->n_chain ? t->chain[i].left_at : t->wanted_at;
		int64_t left;

		if (!waits)
			continue;
		left = grace_is_over(t, from, now) ? 0 : t->grace_ms - since(from, now);
		if (due < 0 || left < due)
			due = left;
	}
	return due;
}

static uint32_t count_lines(const char *text, size_t len)
{
	uint32_t n = 0;

	for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))); p++)
		n++;
	return n;
}

static void pack_journal(const struct tail *t, size_t done, struct pack *out)
{
	const char *cursor = t->passed;
	uint32_t lines = t->skip_lines;

	if (t->block && done >= t->block->len - t->block_from)
		cursor = t->block->cursor;
	else if (t->block)
		lines += count_lines(t->block->text, t->block_from + done);
	pack_u8(out, FORMAT);
	pack_u8(out, POSITION_JOURNAL);
	pack_text(out, cursor);
	pack_u32(out, lines);
}

void tail_position(const struct tail *t, size_t done, struct pack *out)
{
	struct place places[PLACES_MOST];
	const struct place *place = places;
	size_t n;

	if (t->is_journal) {
		pack_journal(t, done, out);
		return;
	}
	if (t->started) {
		n = list_places(t, done, places);
	} else {
		n = t->n_saved;
		place = t->saved;
	}
	if (n == 0)
		return;
	pack_u8(out, FORMAT);
	pack_u8(out, POSITION_FILES);
	pack_u8(out, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		place_pack(&place[i], out);
}

/* Our own process made them, but it reads what strangers wrote. */
static bool are_lines(struct slice lines)
{
	size_t at = 0;

	if (lines.len > READER_BLOCK || (lines.len > 0 && lines.ptr[lines.len - 1] != '\n'))
		return false;
	while (at < lines.len) {
		const char *newline = memchr(lines.ptr + at, '\n', lines.len - at);

		if ((size_t)(newline - lines.ptr) - at > READER_LINE_MOST)
			return false;
		at = (size_t)(newline + 1 - lines.ptr);
	}
	return true;
}

int tail_take_block(struct tail *t, struct slice cursor, bool gap, struct slice lines,
		    struct err *err)
{
	struct journal_block *block;

	if (!cursor.ptr || !are_lines(lines))
		return err_set(err, EPROTO, "%s: what its reader sent is no block of lines",
			       t->name);
	t->is_journal = true;
	block = xcalloc(1, sizeof(*block));
	block->cursor = xstrndup(cursor.ptr, cursor.len);
	block->text = xstrndup(lines.len > 0 ? lines.ptr : "", lines.len);
	block->len = lines.len;
	block->gap = gap;
	*t->queue_end = block;
	t->queue_end = &block->next;
	t->waiting += block->len;
	free(t->taken);
	t->taken = xstrdup(block->cursor);
	return 0;
}

struct slice tail_cursor(const struct tail *t)
{
	return t->taken ? slice_of(t->taken) : (struct slice){ NULL, 0 };
}

size_t tail_waiting(const struct tail *t)
{
	return t->waiting;
}

struct tail_stats tail_stats(const struct tail *t)
{
	struct tail_stats stats = t->stats;
	const struct logfile *f = t->current;

	stats.long_lines = t->closed_long_lines;
	for (size_t i = 0; i < t->n_chain; i++)
		stats.long_lines += logfile_long_lines(t->chain[i].file);
	if (t->n_chain > 0)
		f = t->last ? t->last : t->chain[t->n_chain - 1].file;
	if (f && logfile_is_plain(f)) {
		stats.offset = logfile_offset(f);
		stats.size = logfile_size(f);
	}
	stats.open = t->has_current || t->current || t->taken;
	return stats;
}
