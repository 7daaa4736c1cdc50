/* siblings.h - what rotation made of a log: its older files, in the same directory */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Is `name` what rotation makes of `log`? That is the log's name, '.' or '-', and then a digit or
 * "old": mail.log.1, mail.log.2.gz, mail.log-20261120, but not mail.err beside mail. Both are names,
 * or both are paths.
 */
bool sibling_is(const char *name, const char *log);
/* Does the name end like that of a packed file? */
bool sibling_is_packed(const char *name);

/*
 * Opens the siblings of log `name` in `dir`, at most `most`, newest first: by mtime, and where that
 * is the same, by number or date. Regular files alone; a packed one beside its unpacked twin
 * is left out, and so is what `is_log` takes for a log of its own. The descriptors, in `fd`,
 * are the caller's to close. Returns how many there are.
 */
size_t siblings_open(const char *dir, const char *name,
		     bool (*is_log)(void *ctx, const char *dir, const char *name), void *ctx,
		     int *fd, size_t most);
