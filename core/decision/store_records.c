/*
 * store_records - decisions.db: what was decided, what was done about it, and what is over
 *
 *	decision	one row each, for ever numbered anew; `open` while there is something left to do
 *	address, message	what belongs to it, numbered as it joined
 *	task		one row for each action: what the world was told
 *	kept		small things by name
 *
 * Columns are meant to be read: `sqlite3 decisions.db` is a fine tool on a bad night. Numbers are given
 * in memory, above all that the file ever held, so that decisions go on while it can't be written;
 * where it can't even be read, or was begun anew after damage, they go on from the second of that
 * moment, which no count has reached.
 */
#include "core/decision/store_parts.h"

#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SQL_LAST_ID,
	SQL_PUT,
	SQL_PUT_ADDRESS,
	SQL_PUT_MESSAGE,
	SQL_DROP_MESSAGE,
	SQL_PUT_TASK,
	SQL_LOAD,
	SQL_ADDRESSES,
	SQL_MESSAGES,
	SQL_TASKS,
	SQL_PAST,
	SQL_FORGET,
	SQL_HISTORY,
	SQL_LAST,
	SQL_KEEP,
	SQL_KEPT,
	SQL_OLD,
	SQL_DROP_OLD,
	SQL_DROP_OLD_ADDRESSES,
	SQL_DROP_OLD_TASKS,
	SQL_DROP_OLD_MESSAGES,
};

#define COLUMNS                                                                             \
	"id, jail, kind, name, level, score, reason, crossed, acted, since, until, ended, " \
	"seen, begin, repeats, by_administrator, dry, braked, forgotten, end, mail"

static const char *const sql[] = {
	[SQL_LAST_ID] = "SELECT seq FROM sqlite_sequence WHERE name = 'decision'",
	[SQL_PUT] =
		"REPLACE INTO decision (" COLUMNS ", open) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
		"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[SQL_PUT_ADDRESS] = "REPLACE INTO address VALUES (?, ?, ?, ?, ?, ?)",
	[SQL_PUT_MESSAGE] = "REPLACE INTO message VALUES (?, ?, ?)",
	[SQL_DROP_MESSAGE] = "DELETE FROM message WHERE decision = ? AND n = ?",
	[SQL_PUT_TASK] = "REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[SQL_LOAD] = "SELECT " COLUMNS " FROM decision WHERE open ORDER BY id",
	[SQL_ADDRESSES] = "SELECT n, host, bits, joined, gone FROM address WHERE decision = ? "
			  "ORDER BY n",
	[SQL_MESSAGES] = "SELECT n, id FROM message WHERE decision = ? ORDER BY n",
	[SQL_TASKS] = "SELECT action, state, lifting, error, level, until, addresses, messages, "
		      "gone, touched FROM task WHERE decision = ? ORDER BY action",
	[SQL_PAST] = "SELECT " COLUMNS " FROM decision WHERE ended >= ? ORDER BY ended, id",
	[SQL_FORGET] = "UPDATE decision SET forgotten = 1 WHERE name = ? AND kind = ?",
	[SQL_HISTORY] = "SELECT " COLUMNS " FROM decision WHERE id < ?1 AND since >= ?2 "
			"AND (?3 IS NULL OR name = ?3) ORDER BY id DESC LIMIT ?4",
	[SQL_LAST] = "SELECT " COLUMNS " FROM decision WHERE name = ? AND kind = ? "
		     "ORDER BY id DESC LIMIT 1",
	[SQL_KEEP] = "REPLACE INTO kept VALUES (?, ?)",
	[SQL_KEPT] = "SELECT value FROM kept WHERE name = ?",
	[SQL_OLD] = "SELECT id FROM decision WHERE kind <> 0 AND NOT open AND ended < ? LIMIT ?",
	[SQL_DROP_OLD] = "DELETE FROM decision WHERE id = ?",
	[SQL_DROP_OLD_ADDRESSES] = "DELETE FROM address WHERE decision = ?",
	[SQL_DROP_OLD_TASKS] = "DELETE FROM task WHERE decision = ?",
	[SQL_DROP_OLD_MESSAGES] = "DELETE FROM message WHERE decision = ?",
};

const struct database_kind decisions_kind = {
	.name = "decisions.db",
	.version = 1,
	.schema =
		"CREATE TABLE decision (id INTEGER PRIMARY KEY AUTOINCREMENT, jail TEXT NOT NULL, "
		"kind INTEGER NOT NULL, name TEXT NOT NULL, level INTEGER NOT NULL, "
		"score INTEGER NOT NULL, reason TEXT NOT NULL, crossed INTEGER NOT NULL, "
		"acted INTEGER, since INTEGER NOT NULL, until INTEGER, ended INTEGER, "
		"seen INTEGER, begin INTEGER NOT NULL, repeats INTEGER NOT NULL, "
		"by_administrator INTEGER NOT NULL, dry INTEGER NOT NULL, "
		"braked INTEGER NOT NULL, forgotten INTEGER NOT NULL, end INTEGER NOT NULL, "
		"mail INTEGER NOT NULL, open INTEGER NOT NULL);"
		"CREATE INDEX decision_open ON decision (id) WHERE open;"
		"CREATE INDEX decision_ended ON decision (ended) WHERE ended IS NOT NULL;"
		"CREATE INDEX decision_name ON decision (name);"
		"CREATE TABLE address (decision INTEGER NOT NULL, n INTEGER NOT NULL, "
		"host BLOB NOT NULL, bits INTEGER NOT NULL, joined INTEGER NOT NULL, "
		"gone INTEGER NOT NULL, PRIMARY KEY (decision, n)) WITHOUT ROWID;"
		"CREATE TABLE message (decision INTEGER NOT NULL, n INTEGER NOT NULL, "
		"id TEXT NOT NULL, PRIMARY KEY (decision, n)) WITHOUT ROWID;"
		"CREATE TABLE task (decision INTEGER NOT NULL, action TEXT NOT NULL, "
		"state INTEGER NOT NULL, lifting INTEGER NOT NULL, error TEXT, "
		"level INTEGER NOT NULL, until INTEGER NOT NULL, addresses INTEGER NOT NULL, "
		"messages INTEGER NOT NULL, gone INTEGER NOT NULL, touched INTEGER NOT NULL, "
		"PRIMARY KEY (decision, action)) WITHOUT ROWID;"
		"CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
	.sql = sql,
	.n_sql = COUNT(sql),
	.check = true,
};

enum {
	ADDRESSES_KEPT_DAYS = 90, /* ended decisions about addresses: there are thousands a day */
	PRUNE_MS = 60 * 60 * 1000,
	PRUNE_MOST = 5000, /* at once */
};

static int64_t number(sqlite3_stmt *s, int at)
{
	return sqlite3_column_int64(s, at);
}

int records_begin(struct store *s, struct err *err)
{
	struct database *d = &s->decisions;
	bool again = s->next_id > 1;
	sqlite3_stmt *row;
	int found;

	if (database_open(d, err) < 0)
		return -1;
	row = database_statement(d, SQL_LAST_ID, err);
	found = row ? database_step(d, row, err) : -1;
	if (found < 0) {
		database_close(d);
		return -1;
	}
	if (found == 1 && (uint64_t)number(row, 0) >= s->next_id)
		s->next_id = (uint64_t)number(row, 0) + 1;
	(void)sqlite3_reset(row);
	if (d->is_new && s->age > 0 && !again)
		records_number_apart(s);
	return 0;
}

void records_number_apart(struct store *s)
{
	if (instant_s(s->now) > 0)
		s->next_id = (uint64_t)instant_s(s->now);
}

/* Runs a statement whose values are bound; NULL for one that could not be prepared. */
static int run(struct store *s, sqlite3_stmt *statement, struct err *err)
{
	return statement ? database_step(&s->decisions, statement, err) : -1;
}

static sqlite3_stmt *prepare(struct store *s, size_t which, struct err *err)
{
	return database_statement(&s->decisions, which, err);
}

static int put_decision(struct store *s, const struct record *r, struct err *err)
{
	sqlite3_stmt *row = prepare(s, SQL_PUT, err);
	int at = 0;

	if (!row)
		return -1;
	bind_number(row, ++at, (int64_t)r->id);
	bind_text(row, ++at, r->jail);
	bind_number(row, ++at, r->kind);
	bind_text(row, ++at, r->name);
	bind_number(row, ++at, r->level);
	bind_number(row, ++at, r->score);
	bind_text(row, ++at, r->reason);
	bind_moment(row, ++at, r->crossed);
	bind_moment(row, ++at, r->acted);
	bind_moment(row, ++at, r->since);
	bind_moment(row, ++at, r->until);
	bind_moment(row, ++at, r->ended);
	bind_moment(row, ++at, r->seen);
	bind_number(row, ++at, r->begin_s);
	bind_number(row, ++at, r->repeats);
	bind_number(row, ++at, r->by_administrator);
	bind_number(row, ++at, r->dry);
	bind_number(row, ++at, r->braked);
	bind_number(row, ++at, r->forgotten);
	bind_number(row, ++at, r->end);
	bind_number(row, ++at, r->mail);
	bind_number(row, ++at, record_is_open(r));
	return run(s, row, err);
}

/* Addresses that are new, or were taken out since. */
static int put_addresses(struct store *s, const struct record *r, struct err *err)
{
	for (size_t i = 0; i < r->n_addresses; i++) {
		const struct record_address *a = &r->address[i];
		sqlite3_stmt *row;

		if (a->n <= r->stored_address && a->gone <= r->stored_gone)
			continue;
		row = prepare(s, SQL_PUT_ADDRESS, err);
		if (!row)
			return -1;
		bind_number(row, 1, (int64_t)r->id);
		bind_number(row, 2, (int64_t)a->n);
		bind_blob(row, 3,
			  (struct slice){ (const char *)a->host.base.byte,
					  sizeof(a->host.base.byte) });
		bind_number(row, 4, a->host.bits);
		bind_moment(row, 5, a->joined);
		bind_number(row, 6, (int64_t)a->gone);
		if (run(s, row, err) < 0)
			return -1;
	}
	return 0;
}

static int drop_messages(struct store *s, const struct record *r, struct err *err)
{
	for (size_t i = 0; i < r->n_left; i++) {
		sqlite3_stmt *drop = prepare(s, SQL_DROP_MESSAGE, err);

		if (!drop)
			return -1;
		bind_number(drop, 1, (int64_t)r->id);
		bind_number(drop, 2, (int64_t)r->left[i]);
		if (run(s, drop, err) < 0)
			return -1;
	}
	return 0;
}

static int put_messages(struct store *s, const struct record *r, struct err *err)
{
	if (drop_messages(s, r, err) < 0)
		return -1;
	for (size_t i = r->n_messages; i-- > 0 && r->message[i].n > r->stored_message;) {
		sqlite3_stmt *row = prepare(s, SQL_PUT_MESSAGE, err);

		if (!row)
			return -1;
		bind_number(row, 1, (int64_t)r->id);
		bind_number(row, 2, (int64_t)r->message[i].n);
		bind_text(row, 3, r->message[i].id);
		if (run(s, row, err) < 0)
			return -1;
	}
	return 0;
}

/* What is under way is not yet so: after a crash it is handed out again. */
static int put_tasks(struct store *s, const struct record *r, struct err *err)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct task *t = r->task[i];
		bool rests = t->state == TASK_DONE || t->state == TASK_FAILED;
		sqlite3_stmt *row = prepare(s, SQL_PUT_TASK, err);

		if (!row)
			return -1;
		bind_number(row, 1, (int64_t)r->id);
		bind_text(row, 2, t->action);
		bind_number(row, 3, rests ? t->state : TASK_PENDING);
		bind_number(row, 4, t->lifting);
		bind_text(row, 5, t->error);
		bind_number(row, 6, t->done.level);
		bind_number(row, 7, t->done.until_s);
		bind_number(row, 8, (int64_t)t->done.addresses);
		bind_number(row, 9, (int64_t)t->done.messages);
		bind_number(row, 10, (int64_t)t->done.gone);
		bind_number(row, 11, t->touched);
		if (run(s, row, err) < 0)
			return -1;
	}
	return 0;
}

static int put_record(struct store *s, const struct record *r, struct err *err)
{
	if (put_decision(s, r, err) < 0 || put_addresses(s, r, err) < 0 ||
	    put_messages(s, r, err) < 0)
		return -1;
	return put_tasks(s, r, err);
}

static void mark_stored(struct record *r)
{
	r->listed = false;
	r->n_left = 0;
	r->stored_address = r->last_address;
	r->stored_gone = r->last_gone;
	r->stored_message = r->last_message;
}

static int drop_record(struct store *s, int64_t id, struct err *err)
{
	static const int which[] = { SQL_DROP_OLD, SQL_DROP_OLD_ADDRESSES, SQL_DROP_OLD_TASKS,
				     SQL_DROP_OLD_MESSAGES };

	for (size_t i = 0; i < COUNT(which); i++) {
		sqlite3_stmt *drop = prepare(s, (size_t)which[i], err);

		if (drop)
			bind_number(drop, 1, id);
		if (run(s, drop, err) < 0)
			return -1;
	}
	return 0;
}

/* Now and then what is long over goes; accounts stay, for there are few. */
static int prune(struct store *s, struct err *err)
{
	struct instant before = { s->now.ms - (int64_t)ADDRESSES_KEPT_DAYS * 86400 * 1000 };
	sqlite3_stmt *old;
	int64_t *id = NULL;
	size_t n = 0, cap = 0;
	int more = 0;

	if (!instant_is_none(s->pruned) && since(s->pruned, s->now) < PRUNE_MS)
		return 0;
	old = prepare(s, SQL_OLD, err);
	if (!old)
		return -1;
	bind_moment(old, 1, before);
	bind_number(old, 2, PRUNE_MOST);
	while ((more = run(s, old, err)) == 1) {
		id = array_grow(id, n, &cap, sizeof(*id));
		id[n++] = number(old, 0);
	}
	for (size_t i = 0; i < n && more == 0; i++)
		more = drop_record(s, id[i], err);
	free(id);
	s->pruned = s->now;
	return more;
}

/* True where the file is in use; else it waits for store_retry(), and all has been told. */
static bool is_usable(const struct store *s)
{
	return s->decisions.db && (!s->trouble[FILE_DECISIONS].is ||
				   instant_is_none(s->trouble[FILE_DECISIONS].retry_at));
}

int store_put(struct store *s, struct record *const *record, size_t n, struct instant now)
{
	struct err err;

	s->now = now;
	if (!is_usable(s))
		return -1;
	if (database_run(&s->decisions, "BEGIN IMMEDIATE", &err) < 0)
		return store_fault(s, FILE_DECISIONS, &err);
	for (size_t i = 0; i < n; i++)
		if (put_record(s, record[i], &err) < 0)
			goto undo;
	if (prune(s, &err) < 0 || database_run(&s->decisions, "COMMIT", &err) < 0)
		goto undo;
	for (size_t i = 0; i < n; i++)
		mark_stored(record[i]);
	store_well(s, FILE_DECISIONS);
	return 0;
undo:
	(void)sqlite3_exec(s->decisions.db, "ROLLBACK", NULL, NULL, NULL);
	return store_fault(s, FILE_DECISIONS, &err);
}

static struct record *read_record(sqlite3_stmt *row)
{
	int64_t kind = number(row, 2), end = number(row, 19), mail = number(row, 20);
	int64_t level = number(row, 4);
	struct record *r;

	if (kind < SUBJECT_ACCOUNT || kind > SUBJECT_ADDRESS || level < LEVEL_NONE ||
	    level > LEVEL_ACT || end < RECORD_ACTIVE || end > RECORD_RELEASED ||
	    mail < POSTERN_KEEP || mail > POSTERN_PURGE || number(row, 0) <= 0)
		return NULL;
	r = record_new(column_text(row, 1), (enum subject_kind)kind, column_text(row, 3));
	r->id = (uint64_t)number(row, 0);
	r->level = (enum level)level;
	r->score = (unsigned int)number(row, 5);
	record_set_reason(r, column_text(row, 6));
	r->crossed = column_moment(row, 7);
	r->acted = column_moment(row, 8);
	r->since = column_moment(row, 9);
	r->until = column_moment(row, 10);
	r->ended = column_moment(row, 11);
	r->seen = column_moment(row, 12);
	r->begin_s = (uint32_t)number(row, 13);
	r->repeats = (unsigned int)number(row, 14);
	r->by_administrator = number(row, 15);
	r->dry = number(row, 16);
	r->braked = number(row, 17);
	r->forgotten = number(row, 18);
	r->end = (enum record_end)end;
	r->mail = (enum postern_release)mail;
	return r;
}

/* The rows of one of the tables that belong to a decision. */
static int read_parts(struct store *s, struct record *r, size_t which,
		      void (*take)(struct record *r, sqlite3_stmt *row), struct err *err)
{
	sqlite3_stmt *row = prepare(s, which, err);
	int more;

	if (row)
		bind_number(row, 1, (int64_t)r->id);
	while ((more = run(s, row, err)) == 1)
		take(r, row);
	return more;
}

static void take_address(struct record *r, sqlite3_stmt *row)
{
	struct slice host = column_blob(row, 1);
	struct record_address a = { .n = (uint64_t)number(row, 0),
				    .joined = column_moment(row, 3),
				    .gone = (uint64_t)number(row, 4) };

	if (host.len != sizeof(a.host.base.byte) || number(row, 2) < 0 || number(row, 2) > 128 ||
	    r->n_addresses == RECORD_ADDRESSES_MOST)
		return;
	memcpy(a.host.base.byte, host.ptr, host.len);
	a.host.bits = (uint8_t)number(row, 2);
	r->address = array_grow(r->address, r->n_addresses, &r->cap_addresses, sizeof(a));
	r->address[r->n_addresses++] = a;
	r->last_address = a.n;
	if (a.gone > r->last_gone)
		r->last_gone = a.gone;
}

static void take_message(struct record *r, sqlite3_stmt *row)
{
	struct record_message m = { .n = (uint64_t)number(row, 0) };
	const char *id = column_text(row, 1);

	if (strlen(id) > QUEUE_ID_LONGEST || r->n_messages == RECORD_MESSAGES_MOST)
		return;
	memcpy(m.id, id, strlen(id));
	r->message = array_grow(r->message, r->n_messages, &r->cap_messages, sizeof(m));
	r->message[r->n_messages++] = m;
	r->last_message = m.n;
}

/* Whatever was not settled may have been handed out before the process ended. */
static void take_task(struct record *r, sqlite3_stmt *row)
{
	struct task *t = record_add_task(r, column_text(row, 0));
	int64_t state = number(row, 1), level = number(row, 4);

	t->state =
		state == TASK_DONE || state == TASK_FAILED ? (enum task_state)state : TASK_PENDING;
	t->lifting = number(row, 2);
	if (*column_text(row, 3))
		t->error = xstrdup(column_text(row, 3));
	t->done = (struct task_mark){
		.level = level == LEVEL_SUSPECT || level == LEVEL_ACT ? (enum level)level
								      : LEVEL_NONE,
		.until_s = number(row, 5),
		.addresses = (uint64_t)number(row, 6),
		.messages = (uint64_t)number(row, 7),
		.gone = (uint64_t)number(row, 8),
	};
	t->touched = t->state == TASK_PENDING || number(row, 9);
	/* Numbers are not given again, though all that had them may have left. */
	if (t->done.messages > r->last_message)
		r->last_message = t->done.messages;
}

static int read_whole(struct store *s, struct record *r, struct err *err)
{
	if (read_parts(s, r, SQL_ADDRESSES, take_address, err) < 0 ||
	    read_parts(s, r, SQL_MESSAGES, take_message, err) < 0 ||
	    read_parts(s, r, SQL_TASKS, take_task, err) < 0)
		return -1;
	mark_stored(r);
	return 0;
}

/* Tells what a statement finds, each with its parts; those that are damaged are left out. */
static int each(struct store *s, sqlite3_stmt *row, void (*take)(void *ctx, struct record *r),
		void *ctx, struct err *err)
{
	int more;

	while ((more = run(s, row, err)) == 1) {
		struct record *r = read_record(row);

		if (!r)
			continue;
		if (read_whole(s, r, err) < 0) {
			record_free(r);
			(void)sqlite3_reset(row);
			return -1;
		}
		take(ctx, r);
	}
	return more;
}

int store_load(struct store *s, void (*take)(void *ctx, struct record *r), void *ctx)
{
	struct err err;

	if (!is_usable(s))
		return -1;
	if (each(s, prepare(s, SQL_LOAD, &err), take, ctx, &err) < 0)
		return store_fault(s, FILE_DECISIONS, &err);
	s->read = true;
	return 0;
}

int store_load_past(struct store *s, struct instant since,
		    void (*take)(void *ctx, const struct record *r), void *ctx)
{
	sqlite3_stmt *row;
	struct err err;
	int more;

	if (!is_usable(s))
		return -1;
	row = prepare(s, SQL_PAST, &err);
	if (row)
		bind_moment(row, 1, since);
	while ((more = run(s, row, &err)) == 1) {
		struct record *r = read_record(row);

		if (r)
			take(ctx, r);
		record_free(r);
	}
	return more < 0 ? store_fault(s, FILE_DECISIONS, &err) : 0;
}

int store_forget(struct store *s, enum subject_kind kind, const char *name)
{
	sqlite3_stmt *row;
	struct err err;

	if (!is_usable(s))
		return -1;
	row = prepare(s, SQL_FORGET, &err);
	if (row) {
		bind_text(row, 1, name);
		bind_number(row, 2, kind);
	}
	return run(s, row, &err) < 0 ? store_fault(s, FILE_DECISIONS, &err) : 0;
}

struct borrower {
	void (*take)(void *ctx, const struct record *r);
	void *ctx;
};

static void lend(void *ctx, struct record *r)
{
	const struct borrower *b = ctx;

	b->take(b->ctx, r);
	record_free(r);
}

int store_history(struct store *s, const struct store_query *query,
		  void (*take)(void *ctx, const struct record *r), void *ctx)
{
	struct borrower b = { take, ctx };
	sqlite3_stmt *row;
	struct err err;

	if (!is_usable(s))
		return -1;
	row = prepare(s, SQL_HISTORY, &err);
	if (row) {
		bind_number(row, 1, query->below ? (int64_t)query->below : INT64_MAX);
		bind_number(row, 2, query->since.ms);
		bind_text(row, 3, query->name);
		bind_number(row, 4, (int64_t)query->limit);
	}
	return each(s, row, lend, &b, &err) < 0 ? store_fault(s, FILE_DECISIONS, &err) : 0;
}

static void take_last(void *ctx, struct record *r)
{
	struct record **last = ctx;

	if (r->end == RECORD_ACTIVE)
		record_free(r);
	else
		*last = r;
}

struct record *store_recall(struct store *s, enum subject_kind kind, const char *name)
{
	struct record *last = NULL;
	sqlite3_stmt *row;
	struct err err;

	if (!is_usable(s))
		return NULL;
	row = prepare(s, SQL_LAST, &err);
	if (row) {
		bind_text(row, 1, name);
		bind_number(row, 2, kind);
	}
	if (each(s, row, take_last, &last, &err) < 0)
		(void)store_fault(s, FILE_DECISIONS, &err);
	return last;
}

int store_keep(struct store *s, const char *name, struct slice value)
{
	sqlite3_stmt *row;
	struct err err;

	assert(value.ptr);
	if (!is_usable(s))
		return -1;
	row = prepare(s, SQL_KEEP, &err);
	if (row) {
		bind_text(row, 1, name);
		bind_blob(row, 2, value);
	}
	return run(s, row, &err) < 0 ? store_fault(s, FILE_DECISIONS, &err) : 0;
}

int store_kept(struct store *s, const char *name, struct pack *value)
{
	sqlite3_stmt *row;
	struct err err;
	int found;

	value->len = 0;
	if (!is_usable(s))
		return -1;
	row = prepare(s, SQL_KEPT, &err);
	if (row)
		bind_text(row, 1, name);
	found = run(s, row, &err);
	if (found == 1) {
		struct slice blob = column_blob(row, 0);

		pack_bytes(value, blob.ptr, blob.len);
		(void)sqlite3_reset(row);
	}
	return found < 0 ? store_fault(s, FILE_DECISIONS, &err) : 0;
}
