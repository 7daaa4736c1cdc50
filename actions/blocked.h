/*
 * blocked.h - a file of names that a mail server refuses, changed for a batch of decisions
 *
 * Dovecot and Exim read such a file at each login or message. They differ in how a line is written
 * and in which names one can hold; all else is here.
 */
#pragma once

#include "lines.h"
#include "postern-action.h"

#include <stdarg.h>

/* A line is the name and what is behind it, at most twice a name's 255 bytes and a few more. */
enum { BLOCKED_PREFIX = 640 };

struct blocked {
	const char *file;
	const char *const *realms; /* names of these stand in the file without them too */
	/* Writes how the line of this name begins, up to the numbers of decisions. */
	void (*prefix)(char prefix[BLOCKED_PREFIX], const char *name);
	/* The name in such a beginning, into `name`; false where it is none. */
	bool (*name)(char name[BLOCKED_PREFIX], const char *line);
	/* Why the server could not look this name up; NULL where it can. */
	const char *(*unfit)(const char *name);
};

static inline void __attribute__((format(printf, 3, 4)))
blocked_answer(struct postern_item *item, enum postern_result result, const char *format, ...)
{
	va_list args;

	item->result = result;
	va_start(args, format);
	(void)vsnprintf(item->text, sizeof(item->text), format, args);
	va_end(args);
}

static inline bool blocked_is_realm(const struct blocked *b, const char *domain)
{
	for (const char *const *realm = b->realms; realm && *realm; realm++)
		if (strcasecmp(*realm, domain) == 0)
			return true;
	return false;
}

/*
 * How the server may call this user: spelling 0 as it is, 1 without the realm where that is one
 * that is left out. The text is `user` or in `bare`; NULL where there is no such spelling.
 */
static inline const char *blocked_spelling(const struct blocked *b, const char *user, int spelling,
					   char bare[BLOCKED_PREFIX])
{
	const char *at = strrchr(user, '@');

	if (spelling == 0)
		return user;
	if (spelling > 1 || !at || at == user || !blocked_is_realm(b, at + 1))
		return NULL;
	(void)snprintf(bare, BLOCKED_PREFIX, "%.*s", (int)(at - user), user);
	return bare;
}

/* One decision, in memory. True where that changed something. */
static inline bool blocked_change(const struct blocked *b, struct lines *file,
				  const struct postern_item *item, bool hold)
{
	bool (*change)(struct lines *, const char *, uint64_t) = hold ? lines_hold : lines_release;
	char bare[BLOCKED_PREFIX], prefix[BLOCKED_PREFIX];
	bool changed = false;
	const char *name;

	for (int i = 0; (name = blocked_spelling(b, item->user, i, bare)); i++) {
		b->prefix(prefix, name);
		changed |= change(file, prefix, item->id);
	}
	return changed;
}

/* Reads the file, has `change` applied for each item, and writes it where it is another one. */
static inline int blocked_rewrite(const struct blocked *b, struct postern_item *items, size_t n,
				  bool hold, char *why, size_t size)
{
	struct lines file = { 0 };
	bool changed = hold && access(b->file, F_OK) < 0; /* it has to be there */
	int ret = lines_read(&file, b->file, why, size);

	(void)lines_own(&file);
	for (size_t i = 0; ret == 0 && i < n; i++)
		if (items[i].user && items[i].result == POSTERN_DONE)
			changed |= blocked_change(b, &file, &items[i], hold);
	if (ret == 0 && changed)
		ret = lines_write(&file, b->file, 0644, why, size);
	lines_free(&file);
	return ret;
}

/*
 * Blocks the items' users, or takes that back. An item whose name the server can't look up has
 * failed; where the file can't be changed all others are to be tried again.
 */
static inline void blocked_edit(const struct blocked *b, struct postern_item *items, size_t n,
				bool hold)
{
	char why[sizeof(items->text)] = "";
	int lock = lines_lock(b->file, why, sizeof(why)), ret = -1;

	for (size_t i = 0; i < n; i++) {
		const char *why_not = items[i].user ? b->unfit(items[i].user) : NULL;

		if (why_not)
			blocked_answer(&items[i], POSTERN_FAILED, "%s", why_not);
	}
	if (lock >= 0) {
		ret = blocked_rewrite(b, items, n, hold, why, sizeof(why));
		(void)close(lock);
	}
	for (size_t i = 0; ret < 0 && i < n; i++)
		if (items[i].result == POSTERN_DONE)
			blocked_answer(&items[i], POSTERN_RETRY, "%s", why);
}

/* Makes the file where there is none: a server that looks a name up in no file refuses everybody. */
static inline int blocked_create(const struct blocked *b, char *why, size_t size)
{
	int lock = lines_lock(b->file, why, size), ret;

	if (lock < 0)
		return -1;
	ret = blocked_rewrite(b, NULL, 0, true, why, size);
	(void)close(lock);
	return ret;
}

/* For check(), where `server` asks for the file: what it does to all is `fate` while there is none. */
static inline void blocked_check(const struct blocked *b, const char *server, const char *fate,
				 postern_complain *complain, void *to)
{
	char text[1024];

	if (access(b->file, F_OK) < 0) {
		(void)lines_say(text, sizeof(text),
				"%s is not there, and %s: postern action %s list --option file=%s",
				b->file, fate, server, b->file);
		complain(to, text);
	}
	if (!lines_may_write(b->file, text, sizeof(text)))
		complain(to, text);
}

static inline int blocked_list(const struct blocked *b, postern_list *list, void *to, char *why,
			       size_t size)
{
	struct lines file = { 0 };

	if (lines_read(&file, b->file, why, size) < 0)
		return -1;
	for (size_t i = lines_own(&file); i < file.n; i++) {
		char name[BLOCKED_PREFIX];

		/* The name without its realm stands beside the whole one. */
		if (b->name(name, file.line[i]) && (!b->realms || !*b->realms || strchr(name, '@')))
			list(to, &(struct postern_found){ .user = name });
	}
	lines_free(&file);
	return 0;
}
