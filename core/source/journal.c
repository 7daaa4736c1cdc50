/*
 * journal - the systemd journal, through libsystemd
 *
 * Entries come in the journal's own order, that of __REALTIME_TIMESTAMP, and leave as lines in
 * the form that journal_export.c gives exported ones. All entries are read, not those of known
 * mail servers alone: the prefilter drops the others faster than the journal's index would.
 *
 * Followed, libsystemd itself keeps its place while files are rotated and vacuumed; a cursor
 * carries it across restarts.
 *
 * BUGS: libsystemd passes over a damaged file, or one it may not read, in silence as long as
 * there is another; only where nothing at all can be read is there an error to report.
 */
#include "core/source/journal.h"

#include <errno.h>

#if HAVE_SYSTEMD

#include "core/base/mem.h"
#include "core/source/journal_export.h"
#include "core/source/reader.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

enum {
	NAME_MOST = 64,                    /* journald's limit for a field's name */
	VALUE_MOST = READER_LINE_MOST + 1, /* enough to know that it is too long for a line */
};

struct journal {
	sd_journal *sd;
	char *name;    /* for messages */
	bool at_entry; /* libsystemd stands on an entry that was not read yet */
	char text[JOURNAL_FIELDS][VALUE_MOST];
};

static int refuse(const struct journal *j, int ret, struct err *err)
{
	if (ret == -EBADMSG || ret == -ENODATA)
		return err_set(err, -ret, "%s: expected a journal file, and a whole one", j->name);
	return err_set(err, -ret, "%s: %s", j->name, strerror(-ret));
}

/* libsystemd doesn't say which of the files it disliked. */
static int open_files(struct journal *j, const char *const *files, size_t n, struct err *err)
{
	const char **list = xcalloc(n + 1, sizeof(*list));
	int ret = 0;

	for (size_t i = 0; i < n && ret == 0; i++) {
		list[i] = files[i];
		if (access(files[i], R_OK) < 0)
			ret = err_set(err, errno, "%s: %s", files[i], strerror(errno));
	}
	if (ret == 0) {
		ret = sd_journal_open_files(&j->sd, list, 0);
		if (ret < 0)
			ret = refuse(j, ret, err);
	}
	free(list);
	return ret;
}

static int open_local(struct journal *j, struct err *err)
{
	int ret = sd_journal_open(&j->sd, SD_JOURNAL_LOCAL_ONLY);

	return ret < 0 ? refuse(j, ret, err) : 0;
}

/* sd_journal_open() succeeds where no file may be read: then there is not one entry. */
static int seek(struct journal *j, bool local, struct instant since, struct err *err)
{
	int ret = sd_journal_seek_head(j->sd);

	if (ret >= 0)
		ret = sd_journal_next(j->sd);
	if (ret == 0 && local)
		return err_set(err, EACCES,
			       "%s: no entry that this user may read; expected root or a member of "
			       "group \"adm\" or \"systemd-journal\"",
			       j->name);
	if (ret >= 0 && (instant_is_none(since) || since.ms < 0))
		ret = sd_journal_seek_head(j->sd);
	else if (ret >= 0)
		ret = sd_journal_seek_realtime_usec(j->sd, (uint64_t)since.ms * 1000);
	if (ret >= 0) /* what is longer need not be unpacked */
		ret = sd_journal_set_data_threshold(j->sd, NAME_MOST + 1 + VALUE_MOST);
	return ret < 0 ? refuse(j, ret, err) : 0;
}

int journal_open(struct journal **out, const char *const *files, size_t n, struct instant since,
		 struct err *err)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	j->name = xstrdup(n == 0 ? "journal" : n == 1 ? files[0] : "journal files");
	if ((n > 0 ? open_files(j, files, n, err) : open_local(j, err)) < 0 ||
	    seek(j, n == 0, since, err) < 0) {
		journal_close(j);
		return -1;
	}
	*out = j;
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	sd_journal_close(j->sd); /* NULL is fine */
	free(j->name);
	free(j);
}

/* libsystemd's memory for a field is good until the next is asked for, so each is copied. */
static size_t read_entry(struct journal *j, char *out, uint64_t *long_lines)
{
	struct journal_entry entry = { 0 };
	const void *data;
	size_t len;

	if (sd_journal_get_realtime_usec(j->sd, &entry.realtime_us) < 0)
		return 0;
	SD_JOURNAL_FOREACH_DATA(j->sd, data, len)
	{
		const char *equals = memchr(data, '=', len < NAME_MOST + 1 ? len : NAME_MOST + 1);
		struct slice name = { data, equals ? (size_t)(equals - (const char *)data) : 0 };
		enum journal_field field = journal_field_named(name);

		if (!equals || field == JOURNAL_FIELDS || entry.field[field].ptr)
			continue;
		len -= name.len + 1;
		entry.field[field].ptr = j->text[field];
		entry.field[field].len = len < VALUE_MOST ? len : VALUE_MOST;
		memcpy(j->text[field], equals + 1, entry.field[field].len);
	}
	return journal_line(&entry, out, long_lines);
}

static int next_entry(struct journal *j)
{
	if (!j->at_entry)
		return sd_journal_next(j->sd);
	j->at_entry = false;
	return 1;
}

int journal_read(struct journal *j, char *buf, size_t room, size_t *got, uint64_t *long_lines,
		 struct err *err)
{
	int ret = 1;

	assert(room > READER_LINE_MOST);
	*got = 0;
	while (room - *got > READER_LINE_MOST && (ret = next_entry(j)) > 0)
		*got += read_entry(j, buf + *got, long_lines);
	return ret < 0 ? refuse(j, ret, err) : 0;
}

/* Onto the cursor's entry, which was read; or onto the nearest, which was not. */
static int seek_cursor(struct journal *j, struct slice text, bool *gap)
{
	char *cursor = xstrndup(text.ptr, text.len);
	int ret = sd_journal_seek_cursor(j->sd, cursor), same = 0;

	if (ret >= 0)
		ret = sd_journal_next(j->sd);
	if (ret > 0)
		same = sd_journal_test_cursor(j->sd, cursor);
	*gap = same <= 0;
	j->at_entry = ret > 0 && same <= 0;
	if (ret < 0) /* no cursor at all: all there is comes again rather than nothing */
		ret = sd_journal_seek_head(j->sd);
	free(cursor);
	return ret;
}

static int seek_newest(struct journal *j)
{
	int ret = sd_journal_seek_tail(j->sd);

	if (ret >= 0)
		ret = sd_journal_previous(j->sd);
	return ret == 0 ? sd_journal_seek_head(j->sd) : ret;
}

static int open_directory(struct journal *j, const char *directory, struct err *err)
{
	int ret = sd_journal_open_directory(&j->sd, directory, 0);

	return ret < 0 ? refuse(j, ret, err) : 0;
}

int journal_follow(struct journal **out, const char *directory, struct slice cursor,
		   bool from_start, bool *gap, struct err *err)
{
	struct journal *j = xcalloc(1, sizeof(*j));
	int ret;

	*gap = false;
	j->name = xstrdup(directory ? directory : "journal");
	ret = directory ? open_directory(j, directory, err) : open_local(j, err);
	/* Asked for before the first entry is read, the descriptor tells of all that come later. */
	if (ret == 0 && (ret = sd_journal_get_fd(j->sd)) < 0)
		ret = refuse(j, ret, err);
	if (ret >= 0)
		ret = seek(j, !directory, INSTANT_NONE, err);
	if (ret >= 0 && (cursor.ptr || !from_start)) {
		ret = cursor.ptr ? seek_cursor(j, cursor, gap) : seek_newest(j);
		if (ret < 0)
			ret = refuse(j, ret, err);
	}
	if (ret < 0) {
		journal_close(j);
		return -1;
	}
	*out = j;
	return 0;
}

char *journal_cursor(struct journal *j)
{
	char *cursor = NULL;

	return !j->at_entry && sd_journal_get_cursor(j->sd, &cursor) >= 0 ? cursor : NULL;
}

int journal_poll(struct journal *j, short *events, int *timeout_ms)
{
	uint64_t until_us = UINT64_MAX, now_us;
	int ret = sd_journal_get_events(j->sd);
	struct timespec now;

	*events = ret < 0 ? POLLIN : (short)ret;
	*timeout_ms = -1;
	if (sd_journal_get_timeout(j->sd, &until_us) >= 0 && until_us != UINT64_MAX) {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
		*timeout_ms = until_us <= now_us ? 0 : (int)((until_us - now_us) / 1000 + 1);
	}
	return sd_journal_get_fd(j->sd);
}

int journal_changed(struct journal *j, struct err *err)
{
	int ret = sd_journal_process(j->sd);

	return ret < 0 ? refuse(j, ret, err) : 0;
}

#else

int journal_open(struct journal **out, const char *const *files, size_t n, struct instant since,
		 struct err *err)
{
	(void)out, (void)files, (void)n, (void)since;
	return err_set(err, ENOTSUP, "journal: built without libsystemd");
}

void journal_close(struct journal *j)
{
	(void)j;
}

int journal_read(struct journal *j, char *buf, size_t room, size_t *got, uint64_t *long_lines,
		 struct err *err)
{
	(void)j, (void)buf, (void)room, (void)got, (void)long_lines;
	return err_set(err, ENOTSUP, "journal: built without libsystemd");
}

int journal_follow(struct journal **out, const char *directory, struct slice cursor,
		   bool from_start, bool *gap, struct err *err)
{
	(void)out, (void)directory, (void)cursor, (void)from_start;
	*gap = false;
	return err_set(err, ENOTSUP, "journal: built without libsystemd");
}

char *journal_cursor(struct journal *j)
{
	(void)j;
	return NULL;
}

int journal_poll(struct journal *j, short *events, int *timeout_ms)
{
	(void)j;
	*events = 0;
	*timeout_ms = -1;
	return -1;
}

int journal_changed(struct journal *j, struct err *err)
{
	(void)j;
	return err_set(err, ENOTSUP, "journal: built without libsystemd");
}

#endif
