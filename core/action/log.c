/*
 * log - the built-in action "log": a line for every decision
 *
 * The dry run of an administrator who wants to see first what postern would do, and the record
 * of one who lets it. Where there is a journal the line goes there with its parts as fields, so
 * that `journalctl POSTERN_USER=joe@example.org` tells an account's story; else it goes where the
 * daemon's other lines go. Names come from strangers: they are quoted, cleaned and cut.
 */
#include "core/action/log.h"

#include "core/base/address.h"
#include "core/base/instant.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/slice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#if HAVE_SYSTEMD
#include <systemd/sd-journal.h>
#endif

enum { TEXT_MOST = 200, LINE_MOST = 900 };

struct log_context {
	int journal;
};

/* `text` as it can stand between quotes in one line, at most TEXT_MOST bytes of it. */
static const char *clean(char buf[TEXT_MOST + 1], const char *text)
{
	char *printable = text_printable(slice_of(text ? text : ""));
	size_t len = strlen(printable);

	if (len > TEXT_MOST) {
		for (len = TEXT_MOST; len > 0 && (printable[len] & 0xC0) == 0x80;)
			len--;
	}
	for (size_t i = 0; i < len; i++)
		buf[i] = printable[i] == '"' ? '\'' : printable[i];
	buf[len] = '\0';
	free(printable);
	return buf;
}

static const char *until_text(const struct postern_item *item, char buf[INSTANT_TEXT])
{
	return item->until_s ? instant_rfc3339(instant_of_s(item->until_s), buf) : "forever";
}

/* The line for one item, one line of printable ASCII or UTF-8, cut at its size. Returns buf. */
static const char *line_of(char buf[LINE_MOST], const struct postern_item *item, const char *verb)
{
	char jail[TEXT_MOST + 1], user[TEXT_MOST + 1], reason[TEXT_MOST + 1], until[INSTANT_TEXT];
	char only[ADDRESS_TEXT] = "";

	if (item->n_addresses == 1) {
		struct prefix p = { .bits = item->address[0].bits };

		memcpy(p.base.byte, item->address[0].byte, sizeof(p.base.byte));
		(void)prefix_text(&p, only);
	}
	(void)snprintf(buf, LINE_MOST,
		       "decision %" PRIu64 ": action=%s jail=\"%s\" level=%s user=\"%s\" "
		       "addresses=%zu%s%s queue_ids=%zu until=%s reason=\"%s\"",
		       item->id, verb, clean(jail, item->jail), item->level,
		       clean(user, item->user), item->n_addresses, *only ? " address=" : "", only,
		       item->n_queue_ids, until_text(item, until), clean(reason, item->reason));
	return buf;
}

#if HAVE_SYSTEMD
static bool has_journal(void)
{
	return access("/run/systemd/journal/socket", W_OK) == 0;
}

static void journal_line(const struct postern_item *item, const char *verb, const char *line)
{
	char until[INSTANT_TEXT];

	(void)sd_journal_send("MESSAGE=%s", line, "PRIORITY=%d", LOG_NOTICE,
			      "SYSLOG_IDENTIFIER=posternd", "POSTERN_ACTION=%s", verb,
			      "POSTERN_ID=%" PRIu64, item->id, "POSTERN_JAIL=%s", item->jail,
			      "POSTERN_LEVEL=%s", item->level, "POSTERN_USER=%s",
			      item->user ? item->user : "", "POSTERN_ADDRESSES=%zu",
			      item->n_addresses, "POSTERN_UNTIL=%s", until_text(item, until),
			      "POSTERN_REASON=%s", item->reason ? item->reason : "", NULL);
}
#else
static bool has_journal(void)
{
	return false;
}

static void journal_line(const struct postern_item *item, const char *verb, const char *line)
{
	(void)item;
	(void)verb;
	(void)line;
}
#endif

static void tell(void *ctx, struct postern_item *items, size_t n, const char *verb)
{
	const struct log_context *log = ctx;
	bool journal = log->journal && has_journal();
	char line[LINE_MOST];

	for (size_t i = 0; i < n; i++) {
		(void)line_of(line, &items[i], verb);
		if (journal)
			journal_line(&items[i], verb, line);
		else
			log_line(LOG_NOTICE, "%s", line);
	}
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	tell(ctx, items, n, "apply");
}

static void lift(void *ctx, struct postern_item *items, size_t n)
{
	tell(ctx, items, n, "lift");
}

static const struct postern_option options[] = {
	{ .type = POSTERN_BOOL,
	  .name = "journal",
	  .offset = offsetof(struct log_context, journal),
	  .standard = "yes",
	  .help = "to the systemd journal, with fields, where there is one; else as the daemon "
		  "logs" },
	{ 0 },
};

const struct postern_action log_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "log",
	.summary = "a line in the log for every decision",
	.wants = POSTERN_WANTS_USERS | POSTERN_WANTS_ADDRESSES | POSTERN_WANTS_ONCE,
	.options = options,
	.ctx_size = sizeof(struct log_context),
	.apply = apply,
	.lift = lift,
};
