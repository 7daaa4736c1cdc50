/*
 * store_checkpoint - windows.db: what the engine knows and where the logs were read to
 *
 *	loop    store_pack_row() ... store_checkpoint() --buffer-->
 *	thread      one transaction --eventfd-->
 *	loop    store_checkpoint_done()
 *
 * Writing a burst's hundred thousand rows takes a second, in which the loop reads on. The thread has
 * its own connection and touches nothing else of the store; it is made with the first checkpoint,
 * when the process has given up its rights, so that it never had any.
 */
#include "core/decision/store_parts.h"

#include "core/base/hash.h"
#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

enum entry { ENTRY_ROW = 1, ENTRY_POSITION };

enum {
	SQL_PUT_TABLE,
	SQL_PUT_ROW,
	SQL_DROP_ROW,
	SQL_PUT_POSITION,
	SQL_DROP_POSITION,
	SQL_PUT_SEED,
	SQL_ROWS,
	SQL_POSITIONS,
	SQL_SEED,
};

static const char *const sql[] = {
	[SQL_PUT_TABLE] = "INSERT OR IGNORE INTO tables (id) VALUES (?)",
	[SQL_PUT_ROW] = "REPLACE INTO state VALUES (?, ?, ?)",
	[SQL_DROP_ROW] = "DELETE FROM state WHERE \"table\" = ? AND key = ?",
	[SQL_PUT_POSITION] = "REPLACE INTO position VALUES (?, ?)",
	[SQL_DROP_POSITION] = "DELETE FROM position WHERE source = ?",
	[SQL_PUT_SEED] = "INSERT INTO seed VALUES (?)",
	/* A row may refer to those of tables that were put before its own. */
	[SQL_ROWS] =
		"SELECT id, key, value FROM tables CROSS JOIN state ON \"table\" = id ORDER BY n",
	[SQL_POSITIONS] = "SELECT source, position FROM position",
	[SQL_SEED] = "SELECT seed FROM seed",
};

const struct database_kind windows_kind = {
	.name = "windows.db",
	.version = 1,
	.schema = "CREATE TABLE tables (n INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE);"
		  "CREATE TABLE state (\"table\" INTEGER NOT NULL, key INTEGER NOT NULL, "
		  "value BLOB NOT NULL, PRIMARY KEY (\"table\", key)) WITHOUT ROWID;"
		  "CREATE TABLE position (source TEXT PRIMARY KEY, position BLOB NOT NULL) "
		  "WITHOUT ROWID;"
		  "CREATE TABLE seed (seed INTEGER NOT NULL);",
	.sql = sql,
	.n_sql = COUNT(sql),
};

/* The rows of a file go with its seed; a file without one is as good as empty. */
static int take_seed(struct store *s, struct err *err)
{
	sqlite3_stmt *row = database_statement(&s->windows, SQL_SEED, err);
	int found = row ? database_step(&s->windows, row, err) : -1;

	if (found == 1)
		s->seed = (uint64_t)sqlite3_column_int64(row, 0);
	s->wants_all = found != 1;
	return found < 0 ? -1 : 0;
}

int windows_begin(struct store *s, struct err *err)
{
	int ret = -1;

	if (database_open(&s->windows, err) == 0)
		ret = take_seed(s, err);
	database_close(&s->windows);
	return ret;
}

uint64_t store_hash_seed(const struct store *s)
{
	return s->seed;
}

/* Tells every row of a statement; 0 or -1. */
static int each(struct database *d, size_t which, void (*take)(void *to, sqlite3_stmt *row),
		void *to, struct err *err)
{
	sqlite3_stmt *row = database_statement(d, which, err);
	int more = row ? 1 : -1;

	while (more == 1) {
		more = database_step(d, row, err);
		if (more == 1)
			take(to, row);
	}
	return more;
}

struct taker {
	void (*row)(void *ctx, const struct state_row *row);
	void (*position)(void *ctx, const char *source, struct slice position);
	void *ctx;
};

static void take_row(void *to, sqlite3_stmt *s)
{
	const struct taker *taker = to;
	struct state_row row = { .table = (uint64_t)sqlite3_column_int64(s, 0),
				 .key = (uint64_t)sqlite3_column_int64(s, 1),
				 .value = column_blob(s, 2) };

	taker->row(taker->ctx, &row);
}

static void take_position(void *to, sqlite3_stmt *s)
{
	const struct taker *taker = to;

	taker->position(taker->ctx, column_text(s, 0), column_blob(s, 1));
}

int store_restore(struct store *s, void (*row)(void *ctx, const struct state_row *row),
		  void (*position)(void *ctx, const char *source, struct slice position), void *ctx)
{
	struct taker taker = { row, position, ctx };
	struct err err;
	int ret = -1;

	if (s->trouble[FILE_WINDOWS].is || s->wants_all)
		return s->trouble[FILE_WINDOWS].is ? -1 : 0;
	if (database_open(&s->windows, &err) == 0 &&
	    each(&s->windows, SQL_ROWS, take_row, &taker, &err) == 0)
		ret = each(&s->windows, SQL_POSITIONS, take_position, &taker, &err);
	database_close(&s->windows);
	return ret < 0 ? store_fault(s, FILE_WINDOWS, &err) : 0;
}

void store_pack_row(struct pack *p, const struct state_row *row)
{
	pack_u8(p, ENTRY_ROW);
	pack_u64(p, row->table);
	pack_u64(p, row->key);
	pack_slice(p, row->value);
}

void store_pack_position(struct pack *p, const char *source, struct slice position)
{
	pack_u8(p, ENTRY_POSITION);
	pack_text(p, source);
	pack_slice(p, position);
}

/* Puts a table's number down when it is met; rows come table by table, so once each, nearly. */
static int put_table(struct database *d, uint64_t id, uint64_t *last, struct err *err)
{
	sqlite3_stmt *s;

	if (*last == id)
		return 0;
	*last = id;
	s = database_statement(d, SQL_PUT_TABLE, err);
	if (!s)
		return -1;
	bind_number(s, 1, (int64_t)id);
	return database_step(d, s, err);
}

static int put_row(struct database *d, struct packed *p, uint64_t *last, struct err *err)
{
	uint64_t table = packed_u64(p), key = packed_u64(p);
	struct slice value = packed_slice(p);
	sqlite3_stmt *s;

	if (value.ptr && put_table(d, table, last, err) < 0)
		return -1;
	s = database_statement(d, value.ptr ? SQL_PUT_ROW : SQL_DROP_ROW, err);
	if (!s)
		return -1;
	bind_number(s, 1, (int64_t)table);
	bind_number(s, 2, (int64_t)key);
	if (value.ptr)
		bind_blob(s, 3, value);
	return database_step(d, s, err);
}

static int put_position(struct database *d, struct packed *p, struct err *err)
{
	struct slice source = packed_slice(p), position = packed_slice(p);
	sqlite3_stmt *s =
		database_statement(d, position.ptr ? SQL_PUT_POSITION : SQL_DROP_POSITION, err);

	if (!s)
		return -1;
	(void)sqlite3_bind_text(s, 1, source.ptr, (int)source.len, SQLITE_STATIC);
	if (position.ptr)
		bind_blob(s, 2, position);
	return database_step(d, s, err);
}

static int put_all(struct database *d, struct slice rows, struct err *err)
{
	struct packed p = packed_of(rows);
	uint64_t last = 0;

	while (!packed_end(&p) && !p.bad) {
		uint8_t entry = packed_u8(&p);

		if ((entry == ENTRY_ROW ? put_row(d, &p, &last, err) : put_position(d, &p, err)) <
		    0)
			return -1;
	}
	assert(!p.bad); /* we packed it ourselves */
	return 0;
}

static int put_seed(struct database *d, uint64_t seed, struct err *err)
{
	sqlite3_stmt *s = database_statement(d, SQL_PUT_SEED, err);

	if (!s)
		return -1;
	bind_number(s, 1, (int64_t)seed);
	return database_step(d, s, err);
}

/* After a power failure no checkpoint may know of lines whose decisions are not on the disk. */
static void sync_decisions(const struct store *s)
{
	char *path = xasprintf("%s-wal", s->decisions.path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0) {
		(void)fdatasync(fd);
		(void)close(fd);
	}
	free(path);
}

/* The thread's work: one checkpoint, wholly or not at all. */
static int write_checkpoint(const struct store *s, struct database *d, struct checkpoint *c)
{
	static const char empty[] = "DELETE FROM state; DELETE FROM tables; DELETE FROM position; "
				    "DELETE FROM seed;";

	if (!d->db && database_open(d, &c->err) < 0)
		return -1;
	if (database_run(d, "BEGIN IMMEDIATE", &c->err) < 0)
		return -1;
	if ((c->all &&
	     (database_run(d, empty, &c->err) < 0 || put_seed(d, s->seed, &c->err) < 0)) ||
	    put_all(d, pack_contents(&c->rows), &c->err) < 0) {
		(void)sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	sync_decisions(s);
	if (database_run(d, "COMMIT", &c->err) < 0) {
		(void)sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	(void)sqlite3_db_release_memory(d->db);
	return 0;
}

/* Waits for checkpoints and writes them; all it shares with the loop is in `writer`. */
static void *writer_run(void *arg)
{
	struct store *s = arg;
	struct writer *w = &s->writer;
	struct database d;

	database_init(&d, &windows_kind, s->dir);
	(void)pthread_mutex_lock(&w->mutex);
	while (!w->stop) {
		struct checkpoint *c = &w->checkpoint;

		if (w->state != CHECKPOINT_BUSY) {
			(void)pthread_cond_wait(&w->wake, &w->mutex);
			continue;
		}
		(void)pthread_mutex_unlock(&w->mutex);
		c->result = write_checkpoint(s, &d, c);
		if (c->result < 0)
			database_close(&d); /* the file may have to be replaced */
		(void)pthread_mutex_lock(&w->mutex);
		w->state = c->result < 0 ? CHECKPOINT_FAILED : CHECKPOINT_WRITTEN;
		(void)pthread_cond_broadcast(&w->wake);
		(void)eventfd_write(w->fd, 1);
	}
	(void)pthread_mutex_unlock(&w->mutex);
	database_fini(&d);
	return NULL;
}

void writer_init(struct writer *w)
{
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)pthread_mutex_init(&w->mutex, NULL);
	(void)pthread_cond_init(&w->wake, NULL);
}

void writer_fini(struct writer *w)
{
	if (w->runs) {
		(void)pthread_mutex_lock(&w->mutex);
		while (w->state == CHECKPOINT_BUSY)
			(void)pthread_cond_wait(&w->wake, &w->mutex);
		w->stop = true;
		(void)pthread_cond_broadcast(&w->wake);
		(void)pthread_mutex_unlock(&w->mutex);
		(void)pthread_join(w->thread, NULL);
	}
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->mutex);
	pack_fini(&w->checkpoint.rows);
	if (w->fd >= 0)
		(void)close(w->fd);
}

/* Signals are the loop's; the thread takes none. */
static bool writer_start(struct store *s)
{
	sigset_t all, before;

	if (s->writer.runs)
		return true;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	s->writer.runs = pthread_create(&s->writer.thread, NULL, writer_run, s) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return s->writer.runs;
}

bool store_checkpoint(struct store *s, struct pack *p, bool all, struct instant now)
{
	struct writer *w = &s->writer;
	struct err err;

	assert(all || !s->wants_all);
	s->now = now;
	if (!writer_start(s)) {
		(void)err_set(&err, EAGAIN, "%s: no thread to write it", s->windows.path);
		(void)store_fault(s, FILE_WINDOWS, &err);
		return false;
	}
	(void)pthread_mutex_lock(&w->mutex);
	if (w->state != CHECKPOINT_IDLE) {
		(void)pthread_mutex_unlock(&w->mutex);
		return false;
	}
	w->checkpoint = (struct checkpoint){ .rows = *p, .all = all };
	*p = (struct pack){ 0 };
	w->state = CHECKPOINT_BUSY;
	(void)pthread_cond_broadcast(&w->wake);
	(void)pthread_mutex_unlock(&w->mutex);
	return true;
}

int store_checkpoint_fd(const struct store *s)
{
	return s->writer.fd;
}

/* What came of it: the buffer goes, and what went wrong is told. */
static void settle(struct store *s)
{
	struct checkpoint *c = &s->writer.checkpoint;

	pack_fini(&c->rows);
	if (c->result < 0) {
		(void)store_fault(s, FILE_WINDOWS, &c->err);
		return;
	}
	if (c->all)
		s->wants_all = false;
	store_well(s, FILE_WINDOWS);
}

enum store_checkpoint store_checkpoint_done(struct store *s, struct instant now)
{
	struct writer *w = &s->writer;
	enum store_checkpoint state;
	eventfd_t count;

	s->now = now;
	(void)eventfd_read(w->fd, &count);
	(void)pthread_mutex_lock(&w->mutex);
	state = w->state;
	if (state != CHECKPOINT_BUSY)
		w->state = CHECKPOINT_IDLE;
	(void)pthread_mutex_unlock(&w->mutex);
	if (state == CHECKPOINT_WRITTEN || state == CHECKPOINT_FAILED)
		settle(s);
	return state;
}

enum store_checkpoint store_checkpoint_wait(struct store *s, struct instant now)
{
	struct writer *w = &s->writer;

	(void)pthread_mutex_lock(&w->mutex);
	while (w->state == CHECKPOINT_BUSY)
		(void)pthread_cond_wait(&w->wake, &w->mutex);
	(void)pthread_mutex_unlock(&w->mutex);
	return store_checkpoint_done(s, now);
}

bool store_wants_all(const struct store *s)
{
	return s->wants_all;
}

bool store_is_closed(const struct store *s)
{
	return s->trouble[FILE_WINDOWS].is && !instant_is_none(s->trouble[FILE_WINDOWS].retry_at);
}
