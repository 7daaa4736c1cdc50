/* actuator.h - the process that runs one action: the few rights it needs, and its plugin */
#pragma once

#include "core/action/postern-action.h"
#include "core/base/channel.h"
#include "core/base/prefixset.h"
#include "core/rule/jail.h"

#include <stdint.h>

struct actuator_options {
	const char *name; /* of the action, as in the jail: the process is called that */
	const struct postern_action *action;
	const struct action_setting *setting; /* checked when the jail was loaded */
	size_t n_settings;
	const char *state_dir;         /* this instance's alone; made where it is missing */
	const struct prefixset *guard; /* addresses that are never acted on; NULL: none */
	int64_t retry_ms;              /* first wait after open() failed; doubles; 0: a second */
};

/*
 * The life of an actuator: gives up all rights but the plugin's (as root), opens the plugin, again
 * and again until it opens, and serves the engine's requests one after the other. Returns the
 * exit status of the process: 0 when the channel was closed, and the batch in hand was done; it
 * is another one where the engine sent what it never would, or rights could not be given up.
 * The channel stays the caller's. See CALL_HUNG (host.h) for a plugin that hangs.
 */
int actuator_run(const struct actuator_options *o, struct channel *engine);
