/* watch.h - which file a log's path leads to now, told whenever it is another one */
#pragma once

#include "core/base/err.h"
#include "core/base/instant.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WATCH_LOGS_MOST = 1024,   /* logs in all, those that globs found included */
	WATCH_SIBLINGS_MOST = 32, /* rotated files of one log that are of any use */
};

/* What happens to logs; each callback may be called by watch_ready() and watch_tell() alone. */
struct watch_options {
	/*
	 * The path of log number `log` leads to this regular file or FIFO, open for reading and not
	 * blocking. `fd` is borrowed for the call. `wd` is the file's number in the events of
	 * watch_modify_fd(), or -1 where nothing tells that it was written to: it has to be looked
	 * at every `poll_ms`. The same file may be told again.
	 */
	void (*on_opened)(void *ctx, size_t log, const char *path, int fd, int wd);
	/* A line for the administrator, once for as long as it lasts. May be NULL. */
	void (*on_problem)(void *ctx, size_t log, const char *text);
	void *ctx;
	int64_t poll_ms; /* how often to look where inotify can't help; 0: 2000 */
	bool no_inotify; /* do without it everywhere */
};

struct watch;

/*
 * `paths` are names of logs and globs (glob(7), in any component), absolute or below the working
 * directory. A name is a log from the start, there or not; a glob's files become logs as they are
 * found. Logs are numbered from 0 in the order in which they became known and keep their number.
 * A glob passes over packed files and over rotated siblings of a log (see watch_siblings()).
 * Nothing is opened before the first watch_ready().
 */
struct watch *watch_new(const char *const *paths, size_t n, const struct watch_options *options);
void watch_free(struct watch *w); /* NULL is fine */

size_t watch_count(const struct watch *w);
const char *watch_path(const struct watch *w, size_t log);

/* To be polled for reading; -1 where there is no inotify. */
int watch_fd(const struct watch *w);
/*
 * The inotify instance whose events (IN_MODIFY) say which opened file was written to, not
 * blocking; it is there for the process that reads the logs, and the watch adds to it alone.
 * -1 where there is no inotify.
 */
int watch_modify_fd(const struct watch *w);
/* When watch_ready() has to be called though the descriptor is not readable: in ms; -1: never. */
int watch_timeout_ms(const struct watch *w, struct instant now);
/* Looks what has changed and tells it. */
void watch_ready(struct watch *w, struct instant now);
/* Tells every log that is open once more: for a reader that has begun anew. */
void watch_tell(struct watch *w);

/*
 * Opens the rotated files of a log, newest first, at most WATCH_SIBLINGS_MOST: regular files of
 * the same directory whose names are the log's, then '.' or '-', then more (log.1, log.2.gz,
 * log-20261120). `fd` is borrowed for the call. By mtime; where that is the same, by the number.
 * A packed file beside its unpacked twin is left out. Returns how many there were.
 */
size_t watch_siblings(struct watch *w, size_t log,
		      void (*on_sibling)(void *ctx, size_t log, int fd), void *ctx);
