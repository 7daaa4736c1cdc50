/* store.h - what outlives the daemon: decisions and checkpoints, in two SQLite files */
#pragma once

#include "core/base/instant.h"
#include "core/base/pack.h"
#include "core/decision/record.h"
#include "core/rule/state.h"

#include <stdbool.h>
#include <stdint.h>

struct store_options {
	const char *dir; /* absolute; decisions.db and windows.db are in it */
	/* Once when trouble begins or changes, and once when it is over. `text` is one line. */
	void (*tell)(void *ctx, bool trouble, const char *text);
	void *ctx;
};

struct store;

/*
 * Opens both files, or makes them. There always is a store: where a file can't be used that is told,
 * nothing is kept in it for the time being, and store_retry() tries again. A damaged file is set
 * aside as NAME.corrupt-DATE and a new one is begun.
 */
struct store *store_new(const struct store_options *options, struct instant now);
/* Waits for a checkpoint that is being written. NULL is fine. */
void store_free(struct store *s);

/* What is wrong, in one line; NULL: nothing. */
const char *store_trouble(const struct store *s);
/* When store_retry() is to be called; INSTANT_NONE: nothing is wrong. */
struct instant store_next(const struct store *s);
void store_retry(struct store *s, struct instant now);

/*
 * decisions.db. Its functions return 0, or -1 where it is out of order; then that has been told,
 * and nothing was changed.
 */

/* The number for a new decision, above all that were ever given. */
uint64_t store_new_id(struct store *s);
/*
 * True where decisions.db was out of order when it was to be loaded and no longer is: what it holds
 * is known to a process that begins anew.
 */
bool store_is_unread(const struct store *s);
/* Grows each time the file was begun anew or came back: all that is to be kept is to be put again. */
unsigned int store_decisions_age(const struct store *s);
/* Writes what is new of each record, in one transaction, and marks them as stored. */
int store_put(struct store *s, struct record *const *record, size_t n, struct instant now);
/* Tells the records that are active or not wholly lifted, in order; they are the callee's. */
int store_load(struct store *s, void (*take)(void *ctx, struct record *r), void *ctx);

/* Tells the decisions that ended since then, the oldest first, without their parts; borrowed. */
int store_load_past(struct store *s, struct instant since,
		    void (*take)(void *ctx, const struct record *r), void *ctx);
/* Earlier offences of the subject no longer count. */
int store_forget(struct store *s, enum subject_kind kind, const char *name);

struct store_query {
	const char *name;     /* of a user or an address; NULL: of all */
	struct instant since; /* taken then or later; INSTANT_NONE: ever */
	uint64_t below;       /* ids below this; 0: the newest */
	size_t limit;
};

/* Tells decisions, active and ended, the newest first; borrowed for the call. */
int store_history(struct store *s, const struct store_query *query,
		  void (*take)(void *ctx, const struct record *r), void *ctx);

/* The last decision about the subject, where it is over: NULL, or the caller's. */
struct record *store_recall(struct store *s, enum subject_kind kind, const char *name);

/* A small thing by its name, kept at once; reading it back, *value is empty where it is not there. */
int store_keep(struct store *s, const char *name, struct slice value);
int store_kept(struct store *s, const char *name, struct pack *value);

/*
 * windows.db. One checkpoint is one transaction, written by a thread of the store's own from a
 * buffer, so that the loop goes on meanwhile.
 */

/* The seed of hashes that goes with the rows: set it before anything is hashed. */
uint64_t store_hash_seed(const struct store *s);
/*
 * Tells what the last checkpoint held; borrowed for the call. Once, at the start; -1: it can't be
 * read to its end, and what was told is to be thrown away.
 */
int store_restore(struct store *s, void (*row)(void *ctx, const struct state_row *row),
		  void (*position)(void *ctx, const char *source, struct slice position),
		  void *ctx);

/* Filling the buffer: rows and positions in any order; a row or position without value goes. */
void store_pack_row(struct pack *p, const struct state_row *row);
void store_pack_position(struct pack *p, const char *source, struct slice position);
/*
 * Starts to write *p, which is empty after. With `all` whatever it doesn't hold is removed. False,
 * and *p as it was, while another one is being written.
 */
bool store_checkpoint(struct store *s, struct pack *p, bool all, struct instant now);
/* Becomes readable when it has been written, or has failed. The store's. */
int store_checkpoint_fd(const struct store *s);

enum store_checkpoint {
	CHECKPOINT_IDLE,
	CHECKPOINT_BUSY,
	CHECKPOINT_WRITTEN,
	CHECKPOINT_FAILED, /* the next one has to be of all: see store_wants_all() */
};

/* Call it when the descriptor is readable; the end of one is told once. */
enum store_checkpoint store_checkpoint_done(struct store *s, struct instant now);
/* Waits for its end: before the process ends. */
enum store_checkpoint store_checkpoint_wait(struct store *s, struct instant now);
/* True where the file doesn't hold all that was put before: the next checkpoint has to be of all. */
bool store_wants_all(const struct store *s);
/* True where none can be written until store_retry(): there is no need to pack one. */
bool store_is_closed(const struct store *s);
