/*
 * live - logs that are being written as one stream of events
 *
 *	tail (blocks of lines) -> matcher (records) -> stamp_clock (moments) -> live_run() -> engine
 *
 * What stream.c is for logs that end: here nobody is waited for. Of the logs that have unread lines
 * the one with the earliest event is next; what another log brings later with an earlier time is
 * the engine's to put in its place. A log that has a block of lines in hand owns a batch, a
 * quarter of a megabyte; as soon as all its events are delivered the batch goes to the next log,
 * so a hundred silent logs cost no more than one.
 *
 * The position of a log is that of its first line whose event was not delivered. The state of its
 * clock goes with it: reading that line's stamp a second time changes nothing.
 *
 * Whether a log is worth a look, inotify says (live_modified()); where it can't, the time since
 * the last look.
 */
#include "core/filter/live.h"

#include "core/base/mem.h"
#include "core/filter/lost.h"
#include "core/filter/matcher.h"
#include "core/filter/stamp.h"
#include "core/source/follow_journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
	GRACE_MS = 10 * 1000,
	POLL_MS = 2000,
	SPARE_MOST = 4,    /* batches kept while there is work */
	FAILURES_MOST = 8, /* of one log in a row, before it has to wait to be looked at again */
	JOURNAL_MOST = 1024 * 1024,
	SAVED_MOST = 4096, /* positions that may wait for their log */
	TELL_AGAIN_MS = 10 * 60 * 1000,
	WDS_MOST = 4096,
};

/* A block of lines and the events in it. */
struct batch {
	struct block block;
	struct records records;
	size_t next_record;
};

struct live_log {
	size_t number;
	struct tail *tail;
	struct stamp_clock *clock;
	struct stamp_clock *line_clock; /* of lines without events: it must not touch the other */
	bool ready;                     /* a look may find lines */
	bool polled;                    /* nothing tells that it is written to */
	bool asked;                     /* for its siblings */
	struct instant looked_at;
	unsigned int failures;
	struct batch *batch; /* NULL: no line in hand */
	struct instant time; /* of the record before batch->next_record */
	bool has_record;
	char *source, *problem;
	struct live_log_stats stats;
};

/* A saved position whose log did not come yet. */
struct saved {
	char *source;
	struct pack position;
};

struct live {
	struct live_options options;
	struct matcher *matcher;
	struct lost *lost;
	struct matcher_stats lines;
	struct live_log **log;
	size_t n_logs, cap_logs;
	struct {
		int wd;
		struct live_log *log;
	} * wd;
	size_t n_wds, cap_wds;
	struct batch *spare[SPARE_MOST];
	size_t n_spare;
	struct saved *saved;
	size_t n_saved, cap_saved;
	bool moved;
	struct instant now; /* as the caller said last */
};

struct live *live_new(const struct live_options *options)
{
	struct live *l = xcalloc(1, sizeof(*l));

	l->options = *options;
	if (l->options.grace_ms <= 0)
		l->options.grace_ms = GRACE_MS;
	if (l->options.poll_ms <= 0)
		l->options.poll_ms = POLL_MS;
	l->matcher = matcher_new(options->set, options->kinds);
	l->lost = lost_new();
	return l;
}

static void batch_free(struct batch *b)
{
	if (!b)
		return;
	free(b->block.data);
	free(b->records.record);
	free(b);
}

static void log_free(struct live_log *log)
{
	tail_free(log->tail);
	stamp_clock_free(log->clock);
	stamp_clock_free(log->line_clock);
	batch_free(log->batch);
	free(log->source);
	free(log->problem);
	free(log);
}

void live_free(struct live *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_logs; i++)
		log_free(l->log[i]);
	for (size_t i = 0; i < l->n_spare; i++)
		batch_free(l->spare[i]);
	for (size_t i = 0; i < l->n_saved; i++) {
		free(l->saved[i].source);
		pack_fini(&l->saved[i].position);
	}
	matcher_free(l->matcher);
	lost_free(l->lost);
	free(l->log);
	free(l->wd);
	free(l->saved);
	free(l);
}

/* What goes on is told now and then, not each time. */
static void problem(struct live *l, struct live_log *log, const char *text)
{
	bool known = log->problem && strcmp(log->problem, text) == 0 &&
		     since(log->stats.problem_at, l->now) < TELL_AGAIN_MS;

	if (known)
		return;
	free(log->problem);
	log->problem = xstrdup(text);
	log->stats.problem_at = l->now;
	if (l->options.on_problem)
		l->options.on_problem(l->options.ctx, log->number, text);
}

void live_restore(struct live *l, const char *source, struct slice position)
{
	struct saved *s;

	if (l->n_saved == SAVED_MOST)
		return;
	l->saved = array_grow(l->saved, l->n_saved, &l->cap_saved, sizeof(*l->saved));
	s = &l->saved[l->n_saved++];
	*s = (struct saved){ .source = xstrdup(source) };
	pack_bytes(&s->position, position.ptr, position.len);
}

static struct live_log *find_log(const struct live *l, size_t number)
{
	for (size_t i = 0; i < l->n_logs; i++)
		if (l->log[i]->number == number)
			return l->log[i];
	return NULL;
}

/* A position is the tail's, then the clock's. */
static void restore_log(struct live *l, struct live_log *log, struct slice position)
{
	struct packed in = packed_of(position);
	struct slice tail = packed_slice(&in);
	struct err err;

	stamp_clock_restore(log->clock, &in);
	if (!packed_end(&in))
		tail = (struct slice){ "", 0 }; /* which is damaged, too */
	if (tail_restore(log->tail, tail, &err) < 0)
		problem(l, log, err.text);
}

/* Gives the log the position that was saved under its name. */
static void claim_saved(struct live *l, struct live_log *log)
{
	for (size_t i = 0; i < l->n_saved; i++) {
		if (strcmp(l->saved[i].source, log->source) != 0)
			continue;
		restore_log(l, log, pack_contents(&l->saved[i].position));
		free(l->saved[i].source);
		pack_fini(&l->saved[i].position);
		l->saved[i] = l->saved[--l->n_saved];
		return;
	}
}

void live_log(struct live *l, size_t number, const char *source, struct instant now)
{
	struct live_log *log;

	l->now = now;
	if (find_log(l, number))
		return;
	log = xcalloc(1, sizeof(*log));
	log->number = number;
	log->source = xstrdup(source);
	log->tail = tail_new(source, l->options.grace_ms);
	log->clock = stamp_clock_new(now);
	log->line_clock = stamp_clock_new(now);
	log->looked_at = now;
	log->stats.last_line = log->stats.last_login = log->stats.last_read = INSTANT_NONE;
	log->stats.problem_at = INSTANT_NONE;
	l->log = array_grow(l->log, l->n_logs, &l->cap_logs, sizeof(*l->log));
	l->log[l->n_logs++] = log;
	claim_saved(l, log);
}

void live_sibling(struct live *l, size_t number, int fd)
{
	struct live_log *log = find_log(l, number);

	if (log)
		tail_sibling(log->tail, fd);
	else
		(void)close(fd);
}

static void add_wd(struct live *l, int wd, struct live_log *log)
{
	for (size_t i = 0; i < l->n_wds; i++)
		if (l->wd[i].wd == wd && l->wd[i].log == log)
			return;
	if (l->n_wds == WDS_MOST) {
		log->polled = true;
		return;
	}
	l->wd = array_grow(l->wd, l->n_wds, &l->cap_wds, sizeof(*l->wd));
	l->wd[l->n_wds].wd = wd;
	l->wd[l->n_wds++].log = log;
}

static void start(struct live *l, struct live_log *log, enum tail_from from)
{
	struct err err;

	if (tail_start(log->tail, from, l->now, &err) < 0)
		problem(l, log, err.text);
	log->asked = false;
	log->ready = true;
}

static void ask_for_siblings(struct live *l, struct live_log *log)
{
	if (log->asked || !tail_wants_siblings(log->tail))
		return;
	log->asked = true;
	if (l->options.want_siblings)
		l->options.want_siblings(l->options.ctx, log->number);
	else
		start(l, log, TAIL_FROM_START);
}

void live_opened(struct live *l, size_t number, int fd, int wd, struct instant now)
{
	struct live_log *log = find_log(l, number);

	l->now = now;
	if (!log) {
		(void)close(fd);
		return;
	}
	log->polled = wd < 0;
	if (wd >= 0)
		add_wd(l, wd, log);
	tail_give(log->tail, fd, now);
	log->ready = true;
	ask_for_siblings(l, log);
}

void live_start(struct live *l, size_t number, enum tail_from from, struct instant now)
{
	struct live_log *log = find_log(l, number);

	l->now = now;
	if (log)
		start(l, log, from);
}

static void on_modified(struct live *l, const struct inotify_event *event)
{
	for (size_t i = 0; i < l->n_logs && event->mask & IN_Q_OVERFLOW; i++)
		l->log[i]->ready = true;
	for (size_t i = 0; i < l->n_wds; i++) {
		if (l->wd[i].wd != event->wd)
			continue;
		l->wd[i].log->ready = true;
		if (event->mask & IN_IGNORED)
			l->wd[i--] = l->wd[--l->n_wds];
	}
}

void live_modified(struct live *l, int modify_fd)
{
	_Alignas(struct inotify_event) char buf[16 * 1024];
	ssize_t len;

	/* Not for ever: a log may be written to faster than this reads. */
	for (int i = 0; i < 16; i++) {
		len = read(modify_fd, buf, sizeof(buf));
		if (len <= 0)
			return;
		for (const char *p = buf; p < buf + len;) {
			const struct inotify_event *event = (const void *)p;

			on_modified(l, event);
			p += sizeof(*event) + event->len;
		}
	}
}

void live_readable(struct live *l, size_t number)
{
	struct live_log *log = find_log(l, number);

	if (log)
		log->ready = true;
}

void live_journal(struct live *l, struct slice body)
{
	struct live_log *log = find_log(l, LIVE_JOURNAL);
	struct journal_lines lines = { 0 };
	struct err err;

	if (!log)
		return;
	if (!journal_lines_unpack(&lines, body))
		lines = (struct journal_lines){ 0 }; /* which is refused */
	if (tail_take_block(log->tail, lines.cursor, lines.gap, lines.lines, &err) < 0)
		problem(l, log, err.text);
	log->ready = true;
}

struct slice live_journal_cursor(const struct live *l)
{
	const struct live_log *log = find_log(l, LIVE_JOURNAL);

	return log ? tail_cursor(log->tail) : (struct slice){ NULL, 0 };
}

bool live_journal_has_room(const struct live *l)
{
	const struct live_log *log = find_log(l, LIVE_JOURNAL);

	return !log || tail_waiting(log->tail) < JOURNAL_MOST;
}

static struct batch *take_batch(struct live *l)
{
	struct batch *b;

	if (l->n_spare > 0)
		return l->spare[--l->n_spare];
	b = xcalloc(1, sizeof(*b));
	b->block.data = xcalloc(READER_BLOCK, 1);
	return b;
}

static void give_batch(struct live *l, struct batch *b)
{
	b->records.n = b->next_record = b->block.len = 0;
	if (l->n_spare < SPARE_MOST)
		l->spare[l->n_spare++] = b;
	else
		batch_free(b);
}

static struct matcher_stats sum_up(struct live *l)
{
	struct matcher_stats part = matcher_take_stats(l->matcher);

	l->lines.lines += part.lines;
	l->lines.headless += part.headless;
	l->lines.unmatched += part.unmatched;
	l->lines.limits += part.limits;
	return part;
}

/* Looks into a batch that was just read; returns how many lines there are. */
static uint64_t scan(struct live *l, struct live_log *log)
{
	struct batch *b = log->batch;
	struct slice text = { b->block.data, b->block.len };
	uint64_t lines;

	(void)sum_up(l);
	matcher_scan(l->matcher, text, &b->records);
	lines = sum_up(l).lines;
	log->stats.lines += lines;
	log->stats.lost += lost_count(l->lost, text);
	log->stats.last_read = l->now;
	l->moved = true;
	return lines;
}

/* The time of the newest line, whether it is an event or not. */
static void note_last_line(struct live_log *log)
{
	const struct block *block = &log->batch->block;
	const char *before = memrchr(block->data, '\n', block->len - 1);
	const char *from = before ? before + 1 : block->data;
	struct line line;
	struct instant at;

	if (!line_parse(&line,
			(struct slice){ from, (size_t)(block->data + block->len - 1 - from) }))
		return;
	at = stamp_clock_read(log->line_clock, &line.stamp);
	if (!instant_is_none(at))
		log->stats.last_line = at;
}

/* Reads the log's next lines into a batch; true where there is one. */
static bool read_on(struct live *l, struct live_log *log, uint64_t *lines)
{
	struct err err;
	int rc;

	log->looked_at = l->now;
	log->batch = take_batch(l);
	rc = tail_next(log->tail, &log->batch->block, l->now, &err);
	if (rc < 0)
		problem(l, log, err.text);
	log->failures = rc < 0 ? log->failures + 1 : 0;
	log->ready = rc > 0 || (rc < 0 && log->failures < FAILURES_MOST);
	ask_for_siblings(l, log);
	if (log->batch->block.len > 0) {
		*lines += scan(l, log);
		return true;
	}
	give_batch(l, log->batch);
	log->batch = NULL;
	*lines += 1; /* no line, but not for nothing either */
	return false;
}

/*
 * Steps to the log's next event that has a moment. Where the lines in hand have no more of them they
 * are dealt with: a log with a batch always has an event to deliver.
 */
static void advance(struct live *l, struct live_log *log)
{
	struct batch *b = log->batch;

	while (b->next_record < b->records.n && !log->has_record) {
		log->time =
			stamp_clock_read(log->clock, &b->records.record[b->next_record++].stamp);
		log->has_record = !instant_is_none(log->time);
		log->stats.bad_times += !log->has_record;
	}
	if (log->has_record)
		return;
	note_last_line(log);
	give_batch(l, b);
	log->batch = NULL;
	l->moved = true;
}

/* The log with the earliest event; NULL where there is none, or where it needs more budget. */
static struct live_log *next_log(struct live *l, size_t budget, uint64_t *lines)
{
	struct live_log *next = NULL;

	for (size_t i = 0; i < l->n_logs; i++) {
		struct live_log *log = l->log[i];

		while (!log->has_record && log->ready) {
			if (*lines >= budget)
				return NULL;
			if (read_on(l, log, lines))
				advance(l, log);
		}
		if (log->has_record && (!next || log->time.ms < next->time.ms))
			next = log;
	}
	return next;
}

static void note_event(struct live_log *log, const struct event *event)
{
	bool login = event->kind == EVENT_LOGIN ||
		     (event->kind == EVENT_MESSAGE && event->field[FIELD_USER].ptr);

	log->stats.events++;
	if (login && (instant_is_none(log->stats.last_login) ||
		      since(log->stats.last_login, event->time) > 0))
		log->stats.last_login = event->time;
}

static void deliver(struct live *l, struct live_log *log,
		    void (*on_event)(void *ctx, const struct event *event), void *ctx)
{
	const struct live_options *o = &l->options;
	const struct batch *b = log->batch;
	const struct record *r;
	const char *block;
	struct event event;

	assert(b && b->next_record > 0);
	r = &b->records.record[b->next_record - 1];
	block = b->block.data;
	l->moved = true;
	if (r->match || !o->wanted || o->wanted(o->ctx, record_queue_hash(r, block))) {
		event.time = log->time;
		if (matcher_finish(l->matcher, r, block, &event)) {
			note_event(log, &event);
			on_event(ctx, &event);
		}
	}
	log->has_record = false;
	advance(l, log);
}

/* Logs that nobody speaks for, and those whose grace is over. */
static void wake_due(struct live *l)
{
	for (size_t i = 0; i < l->n_logs; i++) {
		struct live_log *log = l->log[i];
		int64_t passed = since(log->looked_at, l->now);

		if (tail_due_ms(log->tail, l->now) == 0 ||
		    (log->polled && (passed < 0 || passed >= l->options.poll_ms)))
			log->ready = true;
	}
}

static bool has_more(const struct live *l)
{
	for (size_t i = 0; i < l->n_logs; i++)
		if (l->log[i]->ready || l->log[i]->batch)
			return true;
	return false;
}

bool live_run(struct live *l, size_t budget, struct instant now,
	      void (*on_event)(void *ctx, const struct event *event), void *ctx)
{
	struct live_log *log;
	uint64_t lines = 0;
	bool more;

	assert(budget > 0);
	l->now = now;
	wake_due(l);
	while ((log = next_log(l, budget, &lines)))
		deliver(l, log, on_event, ctx);
	more = has_more(l);
	while (!more && l->n_spare > 1)
		batch_free(l->spare[--l->n_spare]);
	return more;
}

int64_t live_due_ms(const struct live *l, struct instant now)
{
	int64_t due = -1;

	for (size_t i = 0; i < l->n_logs; i++) {
		const struct live_log *log = l->log[i];
		int64_t passed = since(log->looked_at, now);
		int64_t left = tail_due_ms(log->tail, now);

		if (log->ready || log->batch)
			return 0;
		if (left >= 0 && (due < 0 || left < due))
			due = left;
		if (!log->polled)
			continue;
		left = passed < 0 || passed > l->options.poll_ms ? 0 : l->options.poll_ms - passed;
		if (due < 0 || left < due)
			due = left;
	}
	return due;
}

void live_positions(struct live *l,
		    void (*put)(void *ctx, const char *source, struct slice position), void *ctx)
{
	struct pack tail = { 0 }, position = { 0 };

	for (size_t i = 0; i < l->n_logs; i++) {
		const struct live_log *log = l->log[i];
		const struct batch *b = log->batch;
		size_t done = b ? b->records.record[b->next_record - 1].line : SIZE_MAX;

		assert(!b == !log->has_record);
		tail.len = position.len = 0;
		tail_position(log->tail, done, &tail);
		if (tail.len == 0)
			continue;
		pack_slice(&position, pack_contents(&tail));
		stamp_clock_save(log->clock, &position);
		put(ctx, log->source, pack_contents(&position));
	}
	for (size_t i = 0; i < l->n_saved; i++)
		put(ctx, l->saved[i].source, pack_contents(&l->saved[i].position));
	pack_fini(&tail);
	pack_fini(&position);
	l->moved = false;
}

bool live_moved(const struct live *l)
{
	return l->moved;
}

struct live_log_stats live_log_stats(const struct live *l, size_t i)
{
	struct live_log_stats stats = { 0 };

	if (i >= l->n_logs)
		return stats;
	stats = l->log[i]->stats;
	stats.source = l->log[i]->source;
	stats.problem = l->log[i]->problem;
	stats.tail = tail_stats(l->log[i]->tail);
	return stats;
}

struct matcher_stats live_matcher_stats(struct live *l)
{
	(void)sum_up(l);
	return l->lines;
}
