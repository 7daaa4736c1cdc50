/* database.h - one SQLite file of the state directory, and what can be wrong with it */
#pragma once

#include "core/base/err.h"
#include "core/base/instant.h"
#include "core/base/slice.h"

#include <sqlite3.h>
#include <stdbool.h>

enum { DATABASE_STATEMENTS_MOST = 24 };

/* What a file holds: the tables, and the statements that are used on them. */
struct database_kind {
	const char *name;       /* of the file */
	int version;            /* PRAGMA user_version; a file of a later one is left alone */
	const char *schema;     /* makes the tables in an empty file */
	const char *const *sql; /* each is prepared when it is first used */
	size_t n_sql;           /* at most DATABASE_STATEMENTS_MOST */
	bool check;             /* look all of it through when it is opened */
};

/* A connection. Init with database_init(); used by one thread. */
struct database {
	const struct database_kind *kind;
	char *path;
	sqlite3 *db; /* NULL: not open */
	sqlite3_stmt *statement[DATABASE_STATEMENTS_MOST];
	bool is_new; /* database_open() has just made it */
};

void database_init(struct database *d, const struct database_kind *kind, const char *dir);
void database_fini(struct database *d);

/*
 * Opens the file, or makes it. -1, and *err says what is wrong: err->code is EBADMSG where it is
 * damaged, EBUSY where another process locks it, EPROTO where it is of a later version, else EIO.
 */
int database_open(struct database *d, struct err *err);
void database_close(struct database *d);
/*
 * Renames the file to NAME.corrupt-DATE, with what belongs to it; it must be closed. `as` is the new
 * name. -1 where that can't be done.
 */
int database_set_aside(struct database *d, struct instant now, char **as, struct err *err);

/* Runs statements that give nothing back. */
int database_run(struct database *d, const char *sql, struct err *err);
/* The statement of this index, without values; NULL where it can't be prepared. */
sqlite3_stmt *database_statement(struct database *d, size_t which, struct err *err);
/* One step: 1 a row, 0 the end (it is reset), -1 an error (too). */
int database_step(struct database *d, sqlite3_stmt *s, struct err *err);

/* Values; texts and blobs are borrowed until the statement is reset. NULL and none are NULL. */
void bind_text(sqlite3_stmt *s, int at, const char *text);
void bind_blob(sqlite3_stmt *s, int at, struct slice blob);
void bind_number(sqlite3_stmt *s, int at, int64_t n);
void bind_moment(sqlite3_stmt *s, int at, struct instant moment);
const char *column_text(sqlite3_stmt *s, int at); /* "" for NULL */
struct slice column_blob(sqlite3_stmt *s, int at);
struct instant column_moment(sqlite3_stmt *s, int at);
