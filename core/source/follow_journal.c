/*
 * follow_journal - the body of the process that reads the journal as it is written
 *
 *	journald's files -> libsystemd -> journal.c (lines) -> channel -> tail_take_block()
 *
 * It is a process of its own because the engine's sandbox has no place for libsystemd, which opens
 * and maps files whenever the journal is rotated. Lines leave in blocks, each with the cursor of
 * its last entry: the engine saves that with its windows, and it is where another one of these
 * begins. What the engine does not take waits here, up to a limit, and beyond that in the journal.
 */
#include "core/source/follow_journal.h"

#include "core/base/mem.h"
#include "core/base/pack.h"
#include "core/source/journal.h"
#include "core/source/reader.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

enum {
	ROOM = 3 * READER_LINE_MOST, /* of a block: two thirds of it are filled at least */
	WAITING_MOST = 1024 * 1024,
};

bool journal_lines_unpack(struct journal_lines *out, struct slice body)
{
	struct packed in = packed_of(body);

	out->gap = packed_u8(&in) != 0;
	out->cursor = packed_slice(&in);
	out->lines = packed_slice(&in);
	return packed_end(&in) && out->cursor.ptr && out->lines.ptr;
}

static int send_lines(struct channel *channel, const char *cursor, bool gap, struct slice lines,
		      struct err *err)
{
	struct pack body = { 0 };
	int ret;

	pack_u8(&body, gap);
	pack_text(&body, cursor);
	pack_slice(&body, lines);
	ret = channel_send(channel, JOURNAL_LINES, pack_contents(&body), -1, err);
	pack_fini(&body);
	return ret;
}

static int send_gap(struct channel *channel, struct err *err)
{
	struct pack body = { 0 };
	int ret;

	pack_text(&body, "journal: the entry that was read last is gone: lines may be lost");
	ret = channel_send(channel, JOURNAL_PROBLEM, pack_contents(&body), -1, err);
	pack_fini(&body);
	return ret;
}

/* What one pass through the loop has to know. */
struct follow {
	struct channel *channel;
	struct journal *journal;
	char *cursor; /* of the last entry read */
	bool gap;     /* before the next lines */
	bool gone;    /* the other side is */
	char buf[ROOM];
};

/* The cursor as of now; the last one where libsystemd has none, its file being gone. */
static void note_cursor(struct follow *f)
{
	char *cursor = journal_cursor(f->journal);

	if (!cursor)
		return;
	free(f->cursor);
	f->cursor = cursor;
}

/* Sends the entries there are, as far as the other side takes them. */
static int send_entries(struct follow *f, struct err *err)
{
	uint64_t long_lines = 0;
	struct err gone;
	size_t got = 1;

	while (got > 0 && channel_waiting(f->channel) < WAITING_MOST) {
		int ret = journal_read(f->journal, f->buf, sizeof(f->buf), &got, &long_lines, err);

		note_cursor(f);
		if (got > 0 && f->cursor) {
			f->gone = send_lines(f->channel, f->cursor, f->gap,
					     (struct slice){ f->buf, got }, &gone) < 0;
			f->gap = false;
		}
		if (ret < 0 || f->gone)
			return ret;
	}
	return 0;
}

/* The other side says nothing; that it is gone shows here. */
static void listen_to(struct follow *f)
{
	struct message m;
	struct err err;
	int ret;

	while ((ret = channel_receive(f->channel, &m, &err)) > 0)
		;
	if (ret < 0 || channel_flush(f->channel, &err) < 0)
		f->gone = true;
}

/* Waits until there is something to read, or room to send. */
static int wait(struct follow *f, struct err *err)
{
	struct pollfd fds[2] = { { .fd = channel_fd(f->channel), .events = POLLIN } };
	bool full = channel_waiting(f->channel) >= WAITING_MOST;
	int timeout_ms;

	if (channel_waiting(f->channel) > 0)
		fds[0].events |= POLLOUT;
	fds[1].fd = journal_poll(f->journal, &fds[1].events, &timeout_ms);
	if (full) { /* the journal can wait */
		fds[1].fd = -1;
		timeout_ms = -1;
	}
	if (poll(fds, COUNT(fds), timeout_ms) < 0 && errno != EINTR)
		return err_set(err, errno, "journal: poll: %s", strerror(errno));
	if (fds[0].revents)
		listen_to(f);
	return full ? 0 : journal_changed(f->journal, err);
}

/* Says where it begins, so that there is a position before the first line. */
static void send_start(struct follow *f)
{
	struct err gone;

	if (f->gap)
		f->gone = send_gap(f->channel, &gone) < 0;
	note_cursor(f);
	if (f->cursor && !f->gap && !f->gone)
		f->gone = send_lines(f->channel, f->cursor, false, (struct slice){ "", 0 }, &gone) <
			  0;
}

int follow_journal(struct channel *channel, struct slice cursor,
		   const struct follow_options *options, struct err *err)
{
	struct follow *f = xcalloc(1, sizeof(*f));
	int ret;

	f->channel = channel;
	ret = journal_follow(&f->journal, options->directory, cursor, options->from_start, &f->gap,
			     err);
	if (ret == 0)
		send_start(f);
	while (ret == 0 && !f->gone) {
		ret = send_entries(f, err);
		if (ret == 0 && !f->gone)
			ret = wait(f, err);
	}
	journal_close(f->journal);
	free(f->cursor);
	free(f);
	return ret;
}
