/* logs.h - the logs that a verb reads */
#pragma once

#include "core/cli/setup.h"

#include <stdbool.h>
#include <stddef.h>

/* Paths to read; the array and its texts are the caller's, for logs_free(). */
struct logs {
	char **path;
	size_t n;
};

/*
 * What the command line names, globs expanded; where it names nothing, the logs of postern.conf
 * that exist, else the usual ones of this machine. False, and said so, where there is none.
 */
bool logs_find(struct logs *logs, int argc, char *const *argv, const struct setup *s);
/*
 * For the daemon: the same, but patterns stay patterns, since what matches them will change. "journal"
 * among them, or no usual log, sets *journal: this machine's journal is read. "-" sets *input:
 * standard input is.
 */
void logs_patterns(struct logs *logs, const char *const *named, size_t n, const struct setup *s,
		   bool *journal, bool *input);
void logs_free(struct logs *logs);
