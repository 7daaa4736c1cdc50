/* progress.h - how far along, on a terminal */
#pragma once

#include "core/filter/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool on;
	int64_t started_ms, shown_ms;
};

/* Off where standard error is no terminal, or `quiet`. */
void progress_init(struct progress *p, bool quiet);
/* Redraws at most five times a second; cheap enough to be called for every thousand events. */
void progress_show(struct progress *p, struct stream *stream);
/* Clears the line, so that the report starts on it. */
void progress_end(struct progress *p);
/* Seconds since progress_init(). */
double progress_seconds(const struct progress *p);
