/*
 * database - one SQLite file of the state directory
 *
 * Write-ahead log, synchronous=NORMAL: what was committed survives the death of the process at
 * any moment, and the file is whole after a power failure, though the last transactions may then
 * be missing (https://www.sqlite.org/wal.html, "Performance Considerations"). Nothing is written
 * outside the folder: what SQLite needs for sorting stays in memory.
 *
 * A damaged file is never deleted: it is set aside under another name for whoever wants to look
 * into it.
 */
#include "core/decision/database.h"

#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long a statement waits for another process's lock: the loop stands still as long. */
enum { LOCK_WAIT_MS = 20 };

void database_init(struct database *d, const struct database_kind *kind, const char *dir)
{
	assert(kind->n_sql <= DATABASE_STATEMENTS_MOST);
	*d = (struct database){ .kind = kind, .path = xasprintf("%s/%s", dir, kind->name) };
}

void database_fini(struct database *d)
{
	database_close(d);
	free(d->path);
}

static int code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_MISMATCH: /* a column of a type that we never write */
		return EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	default:
		return EIO;
	}
}

/* The last error on this connection, as for database_open(). Always -1. */
static int database_error(const struct database *d, struct err *err)
{
	int rc = d->db ? sqlite3_extended_errcode(d->db) : SQLITE_CANTOPEN;
	int cause = d->db ? sqlite3_system_errno(d->db) : 0;

	return err_set(err, code_of(rc), "%s: %s%s%s", d->path,
		       d->db ? sqlite3_errmsg(d->db) : "not open", cause ? ": " : "",
		       cause ? strerror(cause) : "");
}

int database_run(struct database *d, const char *sql, struct err *err)
{
	if (sqlite3_exec(d->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return database_error(d, err);
	return 0;
}

/* The first value of what a statement gives, as text; the caller's to free. */
static int ask(struct database *d, const char *sql, char **answer, struct err *err)
{
	sqlite3_stmt *s;
	int rc;

	rc = sqlite3_prepare_v2(d->db, sql, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*answer = xstrdup(column_text(s, 0));
	else
		(void)database_error(d, err);
	(void)sqlite3_finalize(s);
	return rc == SQLITE_ROW ? 0 : -1;
}

/* Makes the tables in a new file; refuses what a later postern has made. */
static int settle_version(struct database *d, struct err *err)
{
	const struct database_kind *kind = d->kind;
	char *text = NULL, *make;
	long version;
	int ret;

	if (ask(d, "PRAGMA user_version", &text, err) < 0)
		return -1;
	version = strtol(text, NULL, 10);
	free(text);
	if (version > kind->version)
		return err_set(err, EPROTO,
			       "%s: made by a later version of postern (%ld; this one knows %d): "
			       "run that one, or move the file away",
			       d->path, version, kind->version);
	if (version == kind->version)
		return 0;
	make = xasprintf("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT;", kind->schema,
			 kind->version);
	ret = database_run(d, make, err);
	free(make);
	if (ret < 0)
		(void)sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
	d->is_new = ret == 0;
	return ret;
}

static int look_through(struct database *d, struct err *err)
{
	char *verdict = NULL;
	bool sound;

	if (!d->kind->check)
		return 0;
	if (ask(d, "PRAGMA quick_check(1)", &verdict, err) < 0)
		return -1;
	sound = strcmp(verdict, "ok") == 0;
	if (!sound)
		(void)err_set(err, EBADMSG, "%s: %s", d->path, verdict);
	free(verdict);
	return sound ? 0 : -1;
}

static int open_file(struct database *d, struct err *err)
{
	static const char settings[] = "PRAGMA journal_mode = WAL;"
				       "PRAGMA synchronous = NORMAL;"
				       "PRAGMA temp_store = MEMORY;"
				       "PRAGMA cache_size = -512;"
				       "PRAGMA journal_size_limit = 16777216;"
				       "PRAGMA trusted_schema = OFF;";
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_NOFOLLOW;

	if (sqlite3_open_v2(d->path, &d->db, flags, NULL) != SQLITE_OK)
		return database_error(d, err);
	(void)sqlite3_busy_timeout(d->db, LOCK_WAIT_MS);
	(void)sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (database_run(d, settings, err) < 0)
		return -1;
	if (look_through(d, err) < 0)
		return -1;
	return settle_version(d, err);
}

int database_open(struct database *d, struct err *err)
{
	assert(!d->db);
	d->is_new = false;
	if (open_file(d, err) == 0)
		return 0;
	database_close(d);
	return -1;
}

void database_close(struct database *d)
{
	for (size_t i = 0; i < d->kind->n_sql; i++) {
		(void)sqlite3_finalize(d->statement[i]);
		d->statement[i] = NULL;
	}
	(void)sqlite3_close(d->db);
	d->db = NULL;
}

/* "2026-11-20T23-56-35Z": sorts well and needs no quotes. */
static void date_name(struct instant now, char *text, size_t size)
{
	time_t at = (time_t)instant_s(now);
	struct tm tm;

	if (!gmtime_r(&at, &tm) || strftime(text, size, "%Y-%m-%dT%H-%M-%SZ", &tm) == 0)
		text[0] = '\0';
}

int database_set_aside(struct database *d, struct instant now, char **as, struct err *err)
{
	static const char *const parts[] = { "-wal", "-shm", "" };
	char date[INSTANT_TEXT];
	int ret = 0;

	assert(!d->db);
	date_name(now, date, sizeof(date));
	*as = xasprintf("%s.corrupt-%s", d->path, date);
	for (size_t i = 0; i < COUNT(parts) && ret == 0; i++) {
		char *from = xasprintf("%s%s", d->path, parts[i]);
		char *to = xasprintf("%s%s", *as, parts[i]);

		/* The file itself last: as long as it is there it is tried again. */
		if (rename(from, to) < 0 && errno != ENOENT)
			ret = err_set(err, errno, "%s is damaged, and can't be set aside: %s",
				      d->path, strerror(errno));
		free(from);
		free(to);
	}
	if (ret < 0)
		free(*as);
	return ret;
}

sqlite3_stmt *database_statement(struct database *d, size_t which, struct err *err)
{
	assert(which < d->kind->n_sql && d->db);
	if (!d->statement[which] &&
	    sqlite3_prepare_v3(d->db, d->kind->sql[which], -1, SQLITE_PREPARE_PERSISTENT,
			       &d->statement[which], NULL) != SQLITE_OK) {
		(void)database_error(d, err);
		return NULL;
	}
	(void)sqlite3_reset(d->statement[which]);
	(void)sqlite3_clear_bindings(d->statement[which]);
	return d->statement[which];
}

int database_step(struct database *d, sqlite3_stmt *s, struct err *err)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		(void)database_error(d, err);
	(void)sqlite3_reset(s);
	return rc == SQLITE_DONE ? 0 : -1;
}

void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	(void)sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

void bind_blob(sqlite3_stmt *s, int at, struct slice blob)
{
	assert(blob.len <= INT_MAX);
	(void)sqlite3_bind_blob(s, at, blob.ptr, (int)blob.len, SQLITE_STATIC);
}

void bind_number(sqlite3_stmt *s, int at, int64_t n)
{
	(void)sqlite3_bind_int64(s, at, n);
}

void bind_moment(sqlite3_stmt *s, int at, struct instant moment)
{
	if (instant_is_none(moment))
		(void)sqlite3_bind_null(s, at);
	else
		(void)sqlite3_bind_int64(s, at, moment.ms);
}

const char *column_text(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return text ? text : "";
}

struct slice column_blob(sqlite3_stmt *s, int at)
{
	const void *ptr = sqlite3_column_blob(s, at);

	/* A blob without bytes comes as no pointer. */
	if (!ptr && sqlite3_column_type(s, at) == SQLITE_BLOB)
		ptr = "";
	return (struct slice){ ptr, (size_t)sqlite3_column_bytes(s, at) };
}

struct instant column_moment(sqlite3_stmt *s, int at)
{
	if (sqlite3_column_type(s, at) == SQLITE_NULL)
		return INSTANT_NONE;
	return (struct instant){ sqlite3_column_int64(s, at) };
}
