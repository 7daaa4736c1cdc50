/* ignored.h - whom postern leaves alone because an administrator told it so while it ran */
#pragma once

#include "core/base/err.h"
#include "core/rule/ignore.h"

#include <stdbool.h>
#include <stddef.h>

enum { IGNORED_MOST = 10000 };

/* The entries of `postern ignore`; init with {0}. */
struct ignored {
	char **entry;
	size_t n, cap;
	size_t left_out; /* lines of the file that are no entries */
};

/*
 * Reads the list in the engine's state folder `dir`; where there is none it is empty. The file may have been
 * written by somebody else: what is no entry is left out and counted, what is no plain file is an
 * error, and nothing of either is ever shown.
 */
int ignored_load(struct ignored *list, const char *dir, struct err *err);
/* Writes it, so that there is the old or the new one whatever happens. */
int ignored_save(const struct ignored *list, const char *dir, struct err *err);
void ignored_fini(struct ignored *list);

/* -1: it is no entry (EINVAL), or already there (EEXIST); and: it is not there (ENOENT). */
int ignored_add(struct ignored *list, const char *text, struct err *err);
int ignored_remove(struct ignored *list, const char *text, struct err *err);

/*
 * IGNORE_IP for an address or prefix, IGNORE_USER for a user or a pattern of users; -1 and why for
 * anything else, also for what would be everybody, and for "file:".
 */
int ignored_kind(const char *text, struct err *err);
