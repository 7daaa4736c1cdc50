/* log.h - what the daemon has to say */
#pragma once

#include "core/base/err.h"

/*
 * `target` is as for fail2ban's logtarget: "syslog" (facility daemon: mail's own log is what we read),
 * "stderr" (with "<N>" in front where that is the journal's, sd-daemon(3)), or the path of a file.
 * Lines below `priority_most` (syslog(3)) are left out. Until it is called all go to standard error.
 * May be called again, also to open a file anew that was rotated; on failure all stays as it was.
 */
int log_open(const char *target, int priority_most, struct err *err);
/*
 * A process that can't reach the log itself sends its lines to `fd`, one end of a socketpair of
 * datagrams whose other end log_forward() reads. The descriptor stays the caller's.
 */
void log_open_remote(int fd, int priority_most);
/* Writes the lines that wait on the other end; each is cleaned again, for who sent it parses hostile text. */
void log_forward(int fd);

/* One line; control characters in it are shown, not sent. What is longer than 1 KB is cut. */
void log_line(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
