/*
 * progress - a bar with rate and time left, on a terminal and nowhere else
 */
#include "core/cli/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_MS = 200, WIDTH = 30 };

static int64_t clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void progress_init(struct progress *p, bool quiet)
{
	p->on = !quiet && isatty(STDERR_FILENO);
	p->started_ms = p->shown_ms = clock_ms();
}

double progress_seconds(const struct progress *p)
{
	return (double)(clock_ms() - p->started_ms) / 1000;
}

void progress_show(struct progress *p, struct stream *stream)
{
	static const char bar[] = "##############################..............................";
	struct stream_stats s;
	double done, seconds;
	int64_t now;

	if (!p->on)
		return;
	now = clock_ms();
	if (now - p->shown_ms < EVERY_MS)
		return;
	p->shown_ms = now;
	s = stream_stats(stream);
	seconds = progress_seconds(p);
	done = s.total_bytes ? (double)s.read_bytes / (double)s.total_bytes : 0;
	if (done > 1)
		done = 1;
	if (s.total_bytes)
		(void)fprintf(stderr, "\r[%.*s] %3.0f%%  %.0f MB/s  %.0f s left \033[K", WIDTH,
			      bar + WIDTH - (int)(done * WIDTH), done * 100,
			      (double)s.bytes / 1e6 / seconds,
			      done > 0 ? seconds / done - seconds : 0);
	else
		(void)fprintf(stderr, "\r%llu lines  %.0f MB/s \033[K",
			      (unsigned long long)s.lines.lines, (double)s.bytes / 1e6 / seconds);
}

void progress_end(struct progress *p)
{
	if (p->on)
		(void)fputs("\r\033[K", stderr);
}
