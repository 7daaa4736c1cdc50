/*
 * lost - log lines that say that other lines were lost on their way to the log
 *
 * A logger that limits rates does so just when an attack makes the log grow, and what it drops
 * is what postern would have seen. It says so:
 *
 *	rsyslogd: imuxsock[pid: 7, name: smtpd] from <x>: begin to drop messages due to rate-limiting
 *	rsyslogd: imuxsock[pid: 7, name: smtpd]: 57 messages lost due to rate-limiting
 *	rsyslogd-2177: imuxsock lost 57 messages from pid 7 due to rate-limiting
 *	systemd-journald[1]: Suppressed 57 messages from postfix.service
 *
 * (rsyslog runtime/ratelimit.c, systemd src/journal/journald-server.c.) The blocks that the
 * matcher searches are searched once more, for two literals.
 */
#include "core/filter/lost.h"

#include "core/base/mem.h"
#include "core/filter/prefilter.h"
#include "core/filter/stamp.h"

#include <stdlib.h>

enum { HITS = 16 };

struct lost {
	struct prefilter *prefilter;
};

static const struct {
	const char *literal;
	const char *program; /* what the tag begins with: others may write the same, and lie */
} says[] = {
	{ "due to rate-limiting", "rsyslogd" },
	{ "Suppressed ", "systemd-journal" },
};

struct lost *lost_new(void)
{
	struct lost *l = xcalloc(1, sizeof(*l));
	struct slice literal[COUNT(says)];

	for (size_t i = 0; i < COUNT(says); i++)
		literal[i] = slice_of(says[i].literal);
	l->prefilter = prefilter_new(literal, COUNT(says));
	return l;
}

void lost_free(struct lost *l)
{
	if (!l)
		return;
	prefilter_free(l->prefilter);
	free(l);
}

/* The number in front of " messages". */
static uint64_t number_of(struct slice message)
{
	const char *at = memmem(message.ptr, message.len, " messages", 9), *from = at;
	long long n = 0;

	while (from && from > message.ptr && from[-1] >= '0' && from[-1] <= '9')
		from--;
	if (!slice_number((struct slice){ from, from ? (size_t)(at - from) : 0 }, &n))
		return 0;
	return (uint64_t)n;
}

static uint64_t count_line(struct slice text, const char *program)
{
	struct line line;
	uint64_t n;

	if (!line_parse(&line, text) || !slice_starts(line.program, program))
		return 0;
	n = number_of(line.message);
	if (n > 0)
		return n;
	/* rsyslog says lost "from pid" and, before the number is known, that it begins to drop. */
	return memmem(line.message.ptr, line.message.len, "drop", 4) ? 1 : 0;
}

uint64_t lost_count(const struct lost *l, struct slice block)
{
	struct prefilter_hit hit[HITS];
	uint64_t count = 0;
	size_t from = 0, done = 0; /* lines before `done` are counted */

	while (from < block.len) {
		size_t n = prefilter_search(l->prefilter, block, &from, hit, HITS);

		for (size_t i = 0; i < n; i++) {
			const char *before, *end;
			size_t start;

			if (hit[i].offset < done)
				continue;
			before = memrchr(block.ptr + done, '\n', hit[i].offset - done);
			start = before ? (size_t)(before + 1 - block.ptr) : done;
			end = memchr(block.ptr + hit[i].offset, '\n', block.len - hit[i].offset);
			done = end ? (size_t)(end + 1 - block.ptr) : block.len;
			count += count_line(
				(struct slice){ block.ptr + start, done - start - (end != NULL) },
				says[hit[i].literal].program);
		}
	}
	return count;
}
