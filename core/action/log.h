/* log.h - the built-in action "log": a line for every decision */
#pragma once

#include "core/action/postern-action.h"

extern const struct postern_action log_action;

enum { LOG_ACTION_LINE = 900 };

/* The line for one item, one line of printable ASCII or UTF-8, cut at its size. Returns buf. */
const char *log_action_line(char buf[LOG_ACTION_LINE], const struct postern_item *item,
			    const char *verb);
