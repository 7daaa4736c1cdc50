/* log.h - the built-in action "log": a line for every decision */
#pragma once

#include "core/action/postern-action.h"

extern const struct postern_action log_action;
