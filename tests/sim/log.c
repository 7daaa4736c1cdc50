/*
 * log - one syslog file, written in order of time
 *
 * Accounts are simulated one after the other, and each session writes its lines ahead (a
 * message that is retried in an hour, bots that go on for days). The lines wait here, text in
 * one buffer and a small record each, until a flush sorts them and writes those whose time has
 * come: memory holds a day or so, not the log.
 */
#include "tests/sim/log.h"

#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define HOST "mail"

enum { LINE_MAX_BYTES = 2048 };

/* `nth` keeps lines of one millisecond in the order in which they were made. */
struct pending {
	int64_t ms;
	uint64_t nth;
	size_t off;
	size_t len;
};

struct log {
	FILE *f;
	char *path;
	enum log_style style;
	struct pending *line;
	size_t n, cap;
	char *text, *spare; /* of the same size; a flush copies what stays from one to the other */
	size_t text_len, text_cap;
	uint64_t taken;
	struct instant last;
	unsigned int micros;
	int64_t stamp_s; /* which second `stamp` spells */
	char stamp[32];
	const char *zone;
};

int mail_log_open(struct log **out, const char *path, enum log_style style, struct err *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	struct log *log;

	if (!f)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	log = xcalloc(1, sizeof(*log));
	log->f = f;
	log->path = xstrdup(path);
	log->style = style;
	log->stamp_s = INT64_MIN;
	log->last = INSTANT_NONE;
	setvbuf(f, NULL, _IOFBF, 1 << 20);
	*out = log;
	return 0;
}

static void text_reserve(struct log *log, size_t more)
{
	if (log->text_len + more <= log->text_cap)
		return;
	log->text_cap = log->text_cap ? log->text_cap * 2 : 1 << 20;
	log->text = xrealloc(log->text, log->text_cap, 1);
	log->spare = xrealloc(log->spare, log->text_cap, 1);
}

void mail_log_line(struct log *log, struct instant at, const char *fmt, ...)
{
	va_list ap;
	int len;

	text_reserve(log, LINE_MAX_BYTES);
	va_start(ap, fmt);
	len = vsnprintf(log->text + log->text_len, LINE_MAX_BYTES, fmt, ap);
	va_end(ap);
	assert(len >= 0 && len < LINE_MAX_BYTES);
	log->line = array_grow(log->line, log->n, &log->cap, sizeof(*log->line));
	log->line[log->n++] = (struct pending){ at.ms, log->taken++, log->text_len, (size_t)len };
	log->text_len += (size_t)len;
}

static int by_time(const void *a, const void *b)
{
	const struct pending *x = a, *y = b;

	if (x->ms != y->ms)
		return x->ms < y->ms ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

/* Spain's summer time of 2026 ends here: the local hour from 2 to 3 comes twice. */
static int zone_offset_s(int64_t s)
{
	return s < days_from_civil(2026, 10, 25) * 86400 + 3600 ? 7200 : 3600;
}

/* Consecutive lines mostly share their second, and strftime() is slower than all the rest. */
static void spell_second(struct log *log, int64_t s)
{
	bool iso = log->style == LOG_RFC3339;
	int offset = iso ? zone_offset_s(s) : 0;
	time_t t = (time_t)(s + offset);
	struct tm tm;

	if (s == log->stamp_s)
		return;
	log->stamp_s = s;
	log->zone = offset == 7200 ? "+02:00" : "+01:00";
	gmtime_r(&t, &tm);
	strftime(log->stamp, sizeof(log->stamp), iso ? "%Y-%m-%dT%H:%M:%S" : "%b %e %H:%M:%S", &tm);
}

static void write_line(struct log *log, const struct pending *p)
{
	struct instant at = { p->ms };

	spell_second(log, instant_s(at));
	if (log->style == LOG_RFC3164) {
		fprintf(log->f, "%s " HOST " ", log->stamp);
	} else {
		bool same = at.ms == log->last.ms;

		/* Microseconds are noise, but never turn the order round. */
		log->micros = same ? log->micros + (log->micros < 999) : p->nth * 7919 % 700;
		fprintf(log->f, "%s.%03d%03u%s " HOST " ", log->stamp,
			(int)(at.ms - log->stamp_s * 1000), log->micros, log->zone);
	}
	fwrite(log->text + p->off, 1, p->len, log->f);
	putc_unlocked('\n', log->f);
	log->last = at;
}

/* Moves the lines from the first-th on, and their text, to the front. */
static void keep_from(struct log *log, size_t first)
{
	char *old = log->text;
	size_t len = 0;

	for (size_t i = first; i < log->n; i++) {
		struct pending *p = &log->line[i];

		memcpy(log->spare + len, old + p->off, p->len);
		p->off = len;
		len += p->len;
		log->line[i - first] = *p;
	}
	log->n -= first;
	log->text = log->spare;
	log->spare = old;
	log->text_len = len;
}

void mail_log_flush(struct log *log, struct instant until)
{
	size_t i;

	if (log->n == 0)
		return;
	qsort(log->line, log->n, sizeof(*log->line), by_time);
	for (i = 0; i < log->n && log->line[i].ms < until.ms; i++)
		write_line(log, &log->line[i]);
	keep_from(log, i);
}

size_t mail_log_lines(const struct log *log)
{
	return log->taken;
}

int mail_log_close(struct log *log, struct err *err)
{
	int ret = 0;

	mail_log_flush(log, (struct instant){ INT64_MAX });
	if (!instant_is_none(log->last) && log->f != stdout && fflush(log->f) == 0) {
		struct timespec t = { .tv_sec = (time_t)instant_s(log->last) };

		futimens(fileno(log->f), (struct timespec[]){ t, t });
	}
	if (ferror(log->f) | fclose(log->f))
		ret = err_set(err, errno ? errno : EIO, "%s: cannot be written", log->path);
	free(log->line);
	free(log->text);
	free(log->spare);
	free(log->path);
	free(log);
	return ret;
}
