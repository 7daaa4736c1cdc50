/* worker.h - the engine's process: lines in, decisions and orders to the actuators out */
#pragma once

#include "core/base/channel.h"
#include "core/cli/setup.h"

#include <stdbool.h>
#include <sys/types.h>

struct worker_options {
	const struct setup *setup;
	const char *dir; /* the state folder, this user's, and the only one left to it */
	const struct prefixset *guard; /* addresses that are never banned */
	const struct sandbox_user
		*user; /* whom to become; NULL where there are no rights to give up */
	gid_t group;   /* whose members may use the control socket */
	bool journal;  /* the journal is a source */
	bool from_start;
};

/*
 * The life of the engine's process: gives its rights up, takes its state back, and works until the
 * monitor says stop or is gone. Returns the exit status; 0: it saved everything. Takes the channel over.
 */
int worker_run(const struct worker_options *options, struct channel *monitor);
