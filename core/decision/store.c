/*
 * store - what outlives the daemon
 *
 *	decisions.db	precious: decisions with their actions, and history; written at once
 *	windows.db	what the engine knows, as of the last checkpoint, with the positions in logs
 *
 * Losing windows.db costs counting anew, losing decisions.db costs knowing whom to let go again: so
 * they are two files, and a fault of one does not reach the other.
 *
 * A store that can't write (a full disk, a lock, no right) says so once, and once more when that
 * changes. The daemon goes on deciding meanwhile; each file is tried again every RETRY_MS, and what
 * is kept is then put anew as a whole. A damaged file is set aside at once.
 *
 * The order matters after a power failure: a checkpoint must not be newer than the decisions that
 * the lines before it led to. So the thread that writes it first sees decisions.db on disk.
 */
#include "core/decision/store_parts.h"

#include "core/base/hash.h"
#include "core/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 10 * 1000 };

static struct database *file_of(struct store *s, int file)
{
	return file == FILE_DECISIONS ? &s->decisions : &s->windows;
}

static void tell(const struct store *s, bool trouble, const char *text)
{
	if (s->options.tell)
		s->options.tell(s->options.ctx, trouble, text);
}

/*
 * windows.db is opened here at the start alone. Later its thread does that, and makes it where it is
 * gone: once hashes were made its seed can't be taken over any more.
 */
static int begin_again(struct store *s, int file, struct err *err)
{
	return file == FILE_DECISIONS ? records_begin(s, err) : 0;
}

/* True where the damaged file is out of the way and a new one was begun. */
static bool replace(struct store *s, int file, struct err *err)
{
	struct database *d = file_of(s, file);
	char *as, *text;

	database_close(d);
	if (err->code != EBADMSG)
		return false;
	text = xstrdup(err->text);
	if (database_set_aside(d, s->now, &as, err) < 0) {
		free(text);
		return false;
	}
	(void)err_set(err, EBADMSG, "%s; it was set aside as %s, and a new one is begun", text, as);
	tell(s, true, err->text);
	free(text);
	free(as);
	if (file == FILE_DECISIONS)
		s->age++;
	else
		s->wants_all = true;
	return begin_again(s, file, err) == 0;
}

int store_fault(struct store *s, int file, const struct err *err)
{
	struct trouble *t = &s->trouble[file];
	struct err why = *err;
	bool news;

	if (file == FILE_WINDOWS)
		s->wants_all = true;
	if (replace(s, file, &why))
		return -1;
	news = !t->is || strcmp(t->err.text, why.text) != 0;
	*t = (struct trouble){ why, true, { s->now.ms + RETRY_MS } };
	if (news)
		tell(s, true, why.text);
	return -1;
}

void store_well(struct store *s, int file)
{
	struct trouble *t = &s->trouble[file];

	if (!t->is)
		return;
	t->is = false;
	tell(s, false, file_of(s, file)->path);
}

struct store *store_new(const struct store_options *options, struct instant now)
{
	struct store *s = xcalloc(1, sizeof(*s));
	struct err err;

	s->options = *options;
	s->now = now;
	s->dir = xstrdup(options->dir);
	s->options.dir = s->dir;
	s->next_id = 1;
	s->seed = hash_seed();
	s->pruned = INSTANT_NONE;
	for (int file = 0; file < FILES; file++)
		s->trouble[file].retry_at = INSTANT_NONE;
	database_init(&s->decisions, &decisions_kind, s->dir);
	database_init(&s->windows, &windows_kind, s->dir);
	writer_init(&s->writer);
	if (records_begin(s, &err) < 0)
		(void)store_fault(s, FILE_DECISIONS, &err);
	if (!s->decisions.db)
		records_number_apart(s);
	if (windows_begin(s, &err) < 0)
		(void)store_fault(s, FILE_WINDOWS, &err);
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	writer_fini(&s->writer);
	database_fini(&s->windows);
	database_fini(&s->decisions);
	free(s->dir);
	free(s);
}

const char *store_trouble(const struct store *s)
{
	for (int file = 0; file < FILES; file++)
		if (s->trouble[file].is)
			return s->trouble[file].err.text;
	return NULL;
}

struct instant store_next(const struct store *s)
{
	struct instant next = INSTANT_NONE;

	for (int file = 0; file < FILES; file++)
		next = instant_earlier(next, s->trouble[file].retry_at);
	return next;
}

void store_retry(struct store *s, struct instant now)
{
	s->now = now;
	for (int file = 0; file < FILES; file++) {
		struct trouble *t = &s->trouble[file];
		struct err err;

		if (instant_is_none(t->retry_at) || t->retry_at.ms > now.ms)
			continue;
		t->retry_at = INSTANT_NONE;
		database_close(file_of(s, file));
		/* It is well once something was written: that it can be opened says little. */
		if (begin_again(s, file, &err) < 0)
			(void)store_fault(s, file, &err);
		else if (file == FILE_DECISIONS)
			s->age++;
	}
}

unsigned int store_decisions_age(const struct store *s)
{
	return s->age;
}

bool store_is_unread(const struct store *s)
{
	return !s->read && s->decisions.db && !store_trouble(s);
}

uint64_t store_new_id(struct store *s)
{
	return s->next_id++;
}
