/* log.h - what the daemon has to say */
#pragma once

#include <stdbool.h>

enum log_target {
	LOG_TO_STDERR, /* with "<N>" in front where standard error is the journal's (sd-daemon(3)) */
	LOG_TO_SYSLOG, /* facility mail */
};

/* Lines below `priority_most` (syslog(3)) are left out. Until it is called: LOG_TO_STDERR, all lines. */
void log_open(enum log_target target, int priority_most);
/*
 * A process that can't reach the log itself sends its lines to `fd`, one end of a socketpair of
 * datagrams whose other end log_forward() reads. The descriptor stays the caller's.
 */
void log_open_remote(int fd, int priority_most);
/* Writes the lines that wait on the other end; each is cleaned again, for who sent it parses hostile text. */
void log_forward(int fd);

/* One line; control characters in it are shown, not sent. What is longer than 1 KB is cut. */
void log_line(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
