/* monitor.h - the process that starts the others and keeps them going */
#pragma once

#include "core/base/err.h"
#include "core/cli/setup.h"

#include <stdbool.h>

struct monitor_options {
	struct setup_options setup;
	const char *const *logs; /* instead of those of postern.conf; none: those */
	size_t n_logs;
	int log_priority_most; /* syslog(3) */
	bool from_start;       /* read logs that were never read before from their first line */
};

/*
 * Runs the daemon until SIGTERM or SIGINT: returns 0 then, -1 where it can't begin. Messages
 * go to core/base/log.h, which is open.
 */
int monitor_run(const struct monitor_options *options, struct err *err);
