/* children.h - the monitor's processes: started, watched, started again */
#pragma once

#include "core/base/channel.h"
#include "core/base/err.h"
#include "core/base/instant.h"

#include <stdbool.h>
#include <sys/types.h>

/* Init with {0} and a name; `pid` is 0 while it does not run. */
struct child {
	const char *name; /* as ps(1) shows it; at most 15 characters count */
	pid_t pid;
	struct instant started;
	struct instant again;  /* when it may be started again; INSTANT_NONE: it need not be */
	unsigned int failures; /* in a row: each doubles the wait */
};

/* What a child begins with: its end of a channel, and where its log lines go. */
struct child_birth {
	struct child *child;
	int channel_fd; /* moved to a number of its own; all other descriptors are closed */
	int log_fd;     /* likewise */
	int log_priority_most;
};

/* The descriptors of a child after child_fork(). */
enum { CHILD_CHANNEL = 3, CHILD_LOG = 4 };

/*
 * fork(2). In the child returns 0: signals are as at the start of a program, descriptors but 0 to
 * 4 are closed, and log lines go to the monitor. In the monitor returns 1, or -1 where it could
 * not; then it is due again later.
 */
int child_fork(const struct child_birth *birth, struct instant now, struct err *err);
/* Notes that it ended, and when it may be started again: 1 s, doubled with each failure, to a minute. */
void child_ended(struct child *c, int status, struct instant now, bool wanted);
/* Why it ended, for a log line: "ended with status 1", "was killed by signal 11 (Segmentation fault)". */
const char *child_fate(int status, char *buf, size_t size);
