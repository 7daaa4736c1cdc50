/*
 * log - what the daemon has to say
 *
 * Only the monitor writes to syslog or standard error: the other processes can reach neither
 * and send it their lines as datagrams, priority first. One that finds the socket full drops
 * the line: a process that decides must not wait for one that writes.
 */
#include "core/base/log.h"

#include "core/base/slice.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

enum { LINE_MOST = 1024, FORWARD_AT_ONCE = 64 };

static struct {
	enum log_target target;
	int most;
	int fd; /* of the process that writes for us; -1: we do */
	bool prefixed;
} state = { LOG_TO_STDERR, LOG_DEBUG, -1, false };

void log_open(enum log_target target, int priority_most)
{
	state.target = target;
	state.most = priority_most;
	state.fd = -1;
	state.prefixed = getenv("JOURNAL_STREAM");
	if (target == LOG_TO_SYSLOG)
		openlog("posternd", LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void log_open_remote(int fd, int priority_most)
{
	state.fd = fd;
	state.most = priority_most;
}

static void write_line(int priority, const char *text)
{
	char *printable = text_printable(slice_of(text));

	if (state.target == LOG_TO_SYSLOG)
		syslog(priority, "%s", printable);
	else if (state.prefixed)
		(void)fprintf(stderr, "<%d>%s\n", priority, printable);
	else
		(void)fprintf(stderr, "posternd: %s\n", printable);
	free(printable);
}

void log_line(int priority, const char *fmt, ...)
{
	char text[1 + LINE_MOST];
	int saved = errno;
	va_list ap;

	if (priority > state.most)
		return;
	text[0] = (char)('0' + (priority & 7));
	va_start(ap, fmt);
	(void)vsnprintf(text + 1, LINE_MOST, fmt, ap);
	va_end(ap);
	if (state.fd < 0)
		write_line(priority, text + 1);
	else
		(void)send(state.fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	errno = saved;
}

void log_forward(int fd)
{
	char text[1 + LINE_MOST];

	for (int i = 0; i < FORWARD_AT_ONCE; i++) {
		ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

		if (n < 2 || text[0] < '0' || text[0] > '7')
			return;
		text[n] = '\0';
		write_line(text[0] - '0', text + 1);
	}
}
