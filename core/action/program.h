/* program.h - a program that a plugin runs: bounded in time, in output and in what it inherits */
#pragma once

#include "core/action/postern-action.h"

#include <stdint.h>

/*
 * See struct postern_run. 0: it ran to its end, whatever its status, and `output` is the caller's;
 * -1: it could not be started or took too long: `error` says so, and there is no output.
 */
int program_run(struct postern_run *run);

/*
 * For programs that name no time of their own: `timeout_s`. None goes on after `deadline_ms` of
 * clock_ms(), but for the two seconds between SIGTERM and SIGKILL (0: there is no deadline).
 */
void program_limit(unsigned int timeout_s, int64_t deadline_ms);
/* Kills what runs, group and all; may be called by a signal handler. */
void program_kill(void);

/* Milliseconds of a clock that nobody sets; for time-outs alone. */
int64_t clock_ms(void);
