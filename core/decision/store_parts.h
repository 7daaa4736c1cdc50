/* store_parts.h - what the sources of the store share; theirs alone */
#pragma once

#include "core/decision/database.h"
#include "core/decision/store.h"

#include <pthread.h>

/* What was told of one file. */
struct trouble {
	struct err err;
	bool is;
	struct instant retry_at;
};

enum { FILE_DECISIONS, FILE_WINDOWS, FILES };

/* A checkpoint as it is handed to the thread and comes back. */
struct checkpoint {
	struct pack rows;
	bool all;
	int result; /* 0, or -1 and `err` */
	struct err err;
};

/* The thread that writes checkpoints; `mutex` guards what is below it. */
struct writer {
	pthread_t thread;
	bool runs;
	int fd; /* eventfd: written when one is done */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stop;
	enum store_checkpoint state;
	struct checkpoint checkpoint;
};

struct store {
	struct store_options options;
	char *dir;
	struct database decisions, windows;
	struct trouble trouble[FILES];
	unsigned int age;
	bool read; /* store_load() has told all that decisions.db holds */
	uint64_t next_id;
	struct instant now;    /* the wall clock, as it was last told */
	struct instant pruned; /* when the history last was */
	uint64_t seed;
	bool wants_all;
	struct writer writer;
};

extern const struct database_kind decisions_kind, windows_kind;

/*
 * Something went wrong with a file: tells it, unless it is what was told last. A damaged file is
 * closed and set aside; what was not told before then is the next call's. Always -1.
 */
int store_fault(struct store *s, int file, const struct err *err);
/* It went well: the end of a trouble is told. */
void store_well(struct store *s, int file);

/* Of decisions.db: after it was opened. */
int records_begin(struct store *s, struct err *err);
/* It can't be read now: the next number is one that it does not hold. */
void records_number_apart(struct store *s);
/* Of windows.db: makes it where it is missing, and reads the seed; the thread opens its own. */
int windows_begin(struct store *s, struct err *err);
void writer_init(struct writer *w);
void writer_fini(struct writer *w);
