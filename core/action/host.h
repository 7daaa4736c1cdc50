/* host.h - what a plugin is given to work with: programs, log, addresses, a folder */
#pragma once

#include "core/action/postern-action.h"
#include "core/action/program.h"

/*
 * The host's functions for the one plugin of this process; `state_dir` is borrowed. Its log
 * lines go where core/base/log.h's go. Ignores SIGPIPE from here on.
 */
const struct postern_host *host_init(const struct postern_action *action, const char *state_dir);

/*
 * Around each call into the plugin. Programs that it runs are killed when the plugin's time is
 * over; where the call itself takes longer, `call_begin`'s watchdog kills them and this process,
 * with status CALL_HUNG, a few seconds later.
 */
enum { CALL_HUNG = 75 };
void call_begin(void);
void call_end(void);
