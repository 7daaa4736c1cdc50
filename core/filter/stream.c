/*
 * stream - several logs as one stream of events, in order of time
 *
 *	reader (one block after the other) -> matcher (any thread) -> slots -> stream_next()
 *
 * Every log owns a ring of slots. A thread takes the log's next block into a free slot, lets
 * go of the log so that another may read on, and searches the block. The caller takes the slots
 * in their order, turns stamps into moments and merges logs by time; while the slot it needs
 * is not ready it works like the other threads. A log is opened when the stream reaches its
 * first line, so that a year of rotated files costs no more memory than two.
 */
#include "core/filter/stream.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/source/reader.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum {
	SLOTS_MOST = 16,
	CROWD = 4, /* with more logs open than this each gets the least number of slots */
};

enum slot_state { SLOT_FREE, SLOT_READ, SLOT_BUSY, SLOT_READY };

struct slot {
	struct block block;
	struct records records;
	enum slot_state state;
};

enum log_state { LOG_WAITING, LOG_OPEN, LOG_DONE };

struct log {
	const char *path;
	enum log_state state;
	struct instant begin; /* the first line's; while it waits */
	struct reader *reader;
	struct stamp_clock *clock;
	struct slot slot[SLOTS_MOST];
	unsigned int n_slots;
	uint64_t head, tail; /* slots taken by the caller, filled by the threads */
	bool reading, ended;
	struct reader_stats seen; /* the reader's, as of the last block */
	/* The caller's place: the slot at `head` once it is ready, and the record in it. */
	struct slot *current;
	size_t next_record;
	struct instant time;
	bool has_record;
};

struct stream {
	struct stream_options options;
	struct log *log;
	size_t n_logs, n_open, n_waiting;
	struct matcher *matcher; /* the caller's */
	struct stream_stats stats;
	struct texts problems;
	pthread_mutex_t lock; /* guards logs, slots and stats, not the contents of busy slots */
	pthread_cond_t changed;
	pthread_t *thread;
	unsigned int n_threads;
	bool stop;
};

static void add_problem(struct stream *s, const char *text)
{
	s->problems.text = xrealloc(s->problems.text, s->problems.n + 1, sizeof(char *));
	s->problems.text[s->problems.n++] = xstrdup(text);
}

static void add_lines(struct matcher_stats *sum, struct matcher_stats part)
{
	sum->lines += part.lines;
	sum->headless += part.headless;
	sum->unmatched += part.unmatched;
	sum->limits += part.limits;
}

/* Reads the next block into `slot`; false where the log has no more. */
static bool fill(struct stream *s, struct log *log, struct slot *slot)
{
	struct err err;
	int rc;

	if (!slot->block.data)
		slot->block.data = xcalloc(READER_BLOCK, 1);
	pthread_mutex_unlock(&s->lock);
	rc = reader_next(log->reader, &slot->block, &err);
	pthread_mutex_lock(&s->lock);
	log->seen = *reader_stats(log->reader);
	if (rc < 0)
		add_problem(s, err.text);
	return rc > 0;
}

/* A log that has a block to read and a slot for it, and that no other thread reads. */
static struct log *find_work(struct stream *s)
{
	for (size_t i = 0; i < s->n_logs; i++) {
		struct log *log = &s->log[i];

		if (log->state == LOG_OPEN && !log->reading && !log->ended &&
		    log->tail - log->head < log->n_slots)
			return log;
	}
	return NULL;
}

static uint64_t user_key(const struct stream_options *o, const struct record *r, const char *block)
{
	for (size_t i = 0; o->hash_user && i < r->n_spans; i++)
		if (r->span[i].field == FIELD_USER)
			return o->hash_user(o->ctx, (struct slice){ block + r->span[i].offset,
								    r->span[i].len });
	return 0;
}

/* Work for any thread that the caller, who is alone, is spared. */
static void find_keys(const struct stream_options *o, struct slot *slot)
{
	const char *block = slot->block.data;

	for (size_t i = 0; i < slot->records.n; i++) {
		struct record *r = &slot->records.record[i];

		r->key = r->match ? user_key(o, r, block) : record_queue_hash(r, block);
	}
}

/* A block that waits to be searched: the first of its log. */
static struct slot *find_read(struct stream *s)
{
	for (size_t i = 0; i < s->n_logs; i++) {
		struct log *log = &s->log[i];

		for (uint64_t at = log->head; at < log->tail; at++) {
			struct slot *slot = &log->slot[at % log->n_slots];

			if (slot->state == SLOT_READ)
				return slot;
		}
	}
	return NULL;
}

/* Called and left with the lock held, like all that work. */
static void search(struct stream *s, struct matcher *m, struct slot *slot)
{
	slot->state = SLOT_BUSY;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	slot->records.n = 0;
	matcher_scan(m, (struct slice){ slot->block.data, slot->block.len }, &slot->records);
	find_keys(&s->options, slot);
	pthread_mutex_lock(&s->lock);
	add_lines(&s->stats.lines, matcher_take_stats(m));
	slot->state = SLOT_READY;
}

/*
 * Reads the next block, and searches it while it is in this processor's cache. What unpacks has
 * megabytes there: it goes on unpacking, and the block is left to another thread.
 */
static void read_on(struct stream *s, struct matcher *m, struct log *log)
{
	struct slot *slot = &log->slot[log->tail % log->n_slots];

	log->reading = true;
	log->ended = !fill(s, log, slot);
	log->reading = false;
	if (log->ended)
		return;
	slot->state = SLOT_READ;
	log->tail++;
	if (!reader_is_packed(log->reader))
		search(s, m, slot);
}

/* Reads or searches one block, whichever is wanted more; false: there is neither. */
static bool work(struct stream *s, struct matcher *m, bool search_first)
{
	struct slot *slot = find_read(s);
	struct log *log = slot && search_first ? NULL : find_work(s);

	if (log)
		read_on(s, m, log);
	else if (slot)
		search(s, m, slot);
	else
		return false;
	pthread_cond_broadcast(&s->changed);
	return true;
}

static void *on_thread(void *ctx)
{
	struct stream *s = ctx;
	struct matcher *m;

	pthread_mutex_lock(&s->lock);
	m = matcher_clone(s->matcher);
	while (!s->stop)
		if (!work(s, m, false))
			pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	matcher_free(m);
	return NULL;
}

static void log_close(struct stream *s, struct log *log)
{
	for (size_t i = 0; i < SLOTS_MOST; i++) {
		free(log->slot[i].block.data);
		free(log->slot[i].records.record);
		log->slot[i] = (struct slot){ 0 };
	}
	reader_close(log->reader);
	log->reader = NULL;
	stamp_clock_free(log->clock);
	log->clock = NULL;
	if (log->state == LOG_OPEN)
		s->n_open--;
	log->state = LOG_DONE;
}

static int open_reader(struct stream *s, struct log *log, struct err *err)
{
	if (!s->options.journal)
		return reader_open(&log->reader, log->path, err);
	return reader_open_journal(&log->reader, log->path ? &log->path : NULL, log->path ? 1 : 0,
				   s->options.since, err);
}

/* Opens a log for reading; where that fails the log is done and the problem noted. */
static void log_open(struct stream *s, struct log *log)
{
	struct err err;

	if (log->state == LOG_WAITING)
		s->n_waiting--;
	if (!log->reader && open_reader(s, log, &err) < 0) {
		add_problem(s, err.text);
		log->state = LOG_DONE;
		return;
	}
	log->clock = stamp_clock_new(reader_newest(log->reader, s->options.now));
	log->n_slots = s->n_threads == 0 ? 1 : s->n_open >= CROWD ? 2 : s->n_threads + 3;
	if (log->n_slots > SLOTS_MOST)
		log->n_slots = SLOTS_MOST;
	log->state = LOG_OPEN;
	s->n_open++;
	pthread_cond_broadcast(&s->changed);
}

/* The moment of the first line that has one, so that the log can wait for its turn. */
static struct instant first_moment(struct stream *s, struct reader *r)
{
	struct block block = { xcalloc(READER_BLOCK, 1), 0 };
	struct stamp_clock *clock = stamp_clock_new(reader_newest(r, s->options.now));
	struct instant first = INSTANT_NONE;
	struct err unused;
	const char *p, *end;
	struct line line;

	if (reader_next(r, &block, &unused) > 0) {
		for (p = block.data; p < block.data + block.len; p = end + 1) {
			end = memchr(p, '\n', block.len - (size_t)(p - block.data));
			if (!line_parse(&line, (struct slice){ p, (size_t)(end - p) }))
				continue;
			first = stamp_clock_read(clock, &line.stamp);
			if (!instant_is_none(first))
				break;
		}
	}
	stamp_clock_free(clock);
	free(block.data);
	return first;
}

/* With several logs each is looked at once, to learn where in time it starts. */
static void log_peek(struct stream *s, struct log *log)
{
	struct err err;

	if (open_reader(s, log, &err) < 0) {
		add_problem(s, err.text);
		log->state = LOG_DONE;
		return;
	}
	s->stats.total_bytes += reader_size(log->reader);
	if (s->n_logs == 1 || reader_size(log->reader) == 0) {
		log_open(s, log); /* a pipe can be read but once */
		return;
	}
	log->begin = first_moment(s, log->reader);
	reader_close(log->reader);
	log->reader = NULL;
	log->state = LOG_WAITING;
	s->n_waiting++;
}

struct stream *stream_open(const struct filter_set *set, const char *const *paths, size_t n,
			   const struct stream_options *options)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	bool whole_journal = options->journal && n == 0;

	s->options = *options;
	s->matcher = matcher_new(set, options->kinds);
	s->n_threads = options->threads > 1 ? options->threads - 1 : 0;
	s->n_logs = whole_journal ? 1 : n;
	s->log = xcalloc(s->n_logs, sizeof(*s->log));
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	for (size_t i = 0; i < s->n_logs; i++) {
		s->log[i].path = whole_journal ? NULL : paths[i];
		s->log[i].state = LOG_DONE;
		log_peek(s, &s->log[i]);
	}
	s->thread = xcalloc(s->n_threads, sizeof(*s->thread));
	for (unsigned int i = 0; i < s->n_threads; i++)
		if (pthread_create(&s->thread[i], NULL, on_thread, s) != 0)
			s->n_threads = i; /* fewer threads are slower, not wrong */
	return s;
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	for (unsigned int i = 0; i < s->n_threads; i++)
		(void)pthread_join(s->thread[i], NULL);
	for (size_t i = 0; i < s->n_logs; i++)
		log_close(s, &s->log[i]);
	for (size_t i = 0; i < s->problems.n; i++)
		free(s->problems.text[i]);
	free(s->problems.text);
	matcher_free(s->matcher);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s->thread);
	free(s->log);
	free(s);
}

/* Waits, working, until the slot at the log's head is ready. NULL at the log's end. */
static struct slot *ready_slot(struct stream *s, struct log *log)
{
	struct slot *slot = &log->slot[log->head % log->n_slots];

	while (log->head == log->tail || slot->state != SLOT_READY) {
		if (log->ended && log->head == log->tail)
			return NULL;
		if (!work(s, s->matcher, true))
			pthread_cond_wait(&s->changed, &s->lock);
	}
	return slot;
}

/* Gives the slot in hand back and takes the next one; false, and the log closed, at its end. */
static bool next_slot(struct stream *s, struct log *log)
{
	pthread_mutex_lock(&s->lock);
	if (log->current) {
		log->current->state = SLOT_FREE;
		log->head++;
		pthread_cond_broadcast(&s->changed);
	}
	log->next_record = 0;
	log->current = ready_slot(s, log);
	if (!log->current)
		log_close(s, log);
	pthread_mutex_unlock(&s->lock);
	return log->current;
}

/* Steps to the log's next record that has a moment, if there is one. */
static void advance(struct stream *s, struct log *log)
{
	do {
		while (!log->current || log->next_record == log->current->records.n)
			if (!next_slot(s, log))
				return;
		log->time = stamp_clock_read(
			log->clock, &log->current->records.record[log->next_record++].stamp);
		log->has_record = !instant_is_none(log->time);
		s->stats.bad_times += !log->has_record;
	} while (!log->has_record);
}

/* Opens every log whose first line is due; the earliest one where no log is open. */
static void open_due(struct stream *s, struct log *next)
{
	for (;;) {
		struct log *earliest = NULL;

		for (size_t i = 0; i < s->n_logs; i++)
			if (s->log[i].state == LOG_WAITING &&
			    (!earliest || s->log[i].begin.ms < earliest->begin.ms))
				earliest = &s->log[i];
		if (!earliest || (next && earliest->begin.ms > next->time.ms))
			return;
		pthread_mutex_lock(&s->lock);
		log_open(s, earliest);
		pthread_mutex_unlock(&s->lock);
		if (!next)
			return;
	}
}

/* The log with the earliest record; NULL at the end of all. */
static struct log *next_log(struct stream *s)
{
	for (;;) {
		struct log *next = NULL;
		size_t waiting = s->n_waiting;

		for (size_t i = 0; i < s->n_logs; i++) {
			struct log *log = &s->log[i];

			if (log->state == LOG_OPEN && !log->has_record)
				advance(s, log);
			if (log->has_record && (!next || log->time.ms < next->time.ms))
				next = log;
		}
		if (waiting == 0)
			return next;
		open_due(s, next);
		if (s->n_waiting == waiting)
			return next;
	}
}

bool stream_next(struct stream *s, struct event *event)
{
	const struct stream_options *o = &s->options;
	struct log *log;

	while ((log = next_log(s))) {
		const char *block = log->current->block.data;
		const struct records *records = &log->current->records;
		const struct record *r = &records->record[log->next_record - 1];

		log->has_record = false;
		if (o->ahead)
			o->ahead(o->ctx, r + 1, records->n - log->next_record);
		if (!r->match && o->wanted && !o->wanted(o->ctx, r->key))
			continue;
		event->time = log->time;
		if (!matcher_finish(s->matcher, r, block, event))
			continue;
		if (r->match)
			event->user_hash = r->key;
		return true;
	}
	return false;
}

struct stream_stats stream_stats(struct stream *s)
{
	struct stream_stats stats;

	pthread_mutex_lock(&s->lock);
	add_lines(&s->stats.lines, matcher_take_stats(s->matcher));
	stats = s->stats;
	for (size_t i = 0; i < s->n_logs; i++) {
		stats.bytes += s->log[i].seen.bytes;
		stats.read_bytes += s->log[i].seen.packed_bytes;
		stats.long_lines += s->log[i].seen.long_lines;
	}
	pthread_mutex_unlock(&s->lock);
	return stats;
}

const char *stream_problem(struct stream *s, size_t i)
{
	return i < s->problems.n ? s->problems.text[i] : NULL;
}
