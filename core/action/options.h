/* options.h - a plugin's declared options: checked when they are read, filled into its context */
#pragma once

#include "core/action/postern-action.h"
#include "core/base/mem.h"
#include "core/rule/jail.h"

#include <stddef.h>

/* The option of this name, or NULL and what there is, with the nearest, in *err. */
const struct postern_option *option_find(const struct postern_action *action, const char *name,
					 struct err *err);
/* 0, or -1 and "NAME: expected ..., not ..." in *err. */
int option_check(const struct postern_option *option, const char *const *value, size_t n,
		 struct err *err);

/*
 * A new context of the plugin in `arena`, zeroed, with every option at what `setting` says or at
 * its default. Options and values are checked again, for they may come from a command line. NULL,
 * and why in *err, where one is wrong.
 */
void *options_context(const struct postern_action *action, const struct action_setting *setting,
		      size_t n, struct arena *arena, struct err *err);
/* What is wrong with the declaration itself: 0, or -1 and why. Asked once, when it is loaded. */
int options_are_sound(const struct postern_action *action, struct err *err);
