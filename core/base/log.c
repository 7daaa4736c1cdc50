/*
 * log - what the daemon has to say
 *
 * Only the monitor writes to syslog or standard error: the other processes can reach neither
 * and send it their lines as datagrams, priority first. One that finds the socket full drops
 * the line: a process that decides must not wait for one that writes.
 */
#include "core/base/log.h"

#include "core/base/instant.h"
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
	FILE *file; /* NULL: syslog */
	int most;
	int fd; /* of the process that writes for us; -1: we do */
	bool opened, prefixed, dated;
} state = { .most = LOG_DEBUG, .fd = -1 };

int log_open(const char *target, int priority_most, struct err *err)
{
	bool is_path = *target == '/';
	FILE *file = stderr;

	if (is_path) {
		file = fopen(target, "ae");
		if (!file)
			return err_set(err, errno, "%s: %s", target, strerror(errno));
		(void)setvbuf(file, NULL, _IOLBF, BUFSIZ);
	} else if (strcmp(target, "syslog") == 0) {
		openlog("posternd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
		file = NULL;
	} else if (strcmp(target, "stderr") != 0) {
		return err_set(err, EINVAL,
			       "logtarget: expected \"syslog\", \"stderr\" or a path, not \"%s\"",
			       target);
	}
	if (state.dated)
		(void)fclose(state.file);
	state.file = file;
	state.dated = is_path;
	state.prefixed = getenv("JOURNAL_STREAM");
	state.opened = true;
	state.most = priority_most;
	return 0;
}

void log_open_remote(int fd, int priority_most)
{
	state.fd = fd;
	state.most = priority_most;
}

static void write_line(int priority, const char *text)
{
	char *printable = text_printable(slice_of(text));
	char now[INSTANT_TEXT];

	if (state.opened && !state.file)
		syslog(priority, "%s", printable);
	else if (state.dated)
		(void)fprintf(state.file, "%s posternd: %s\n", instant_local(instant_now(), now),
			      printable);
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
