/* folders.h - the folders that the daemon keeps its state in, and whose they are */
#pragma once

#include "core/base/err.h"
#include "core/base/sandbox.h"
#include "core/cli/setup.h"

/* Init with {0}. */
struct folders {
	char *engine;  /* the engine's: `user` may write there, and nowhere else */
	char *actions; /* a folder for each action in it; root's alone */
};

/* Makes what is missing, the run_dir too, and gives each its owner. */
int folders_make(struct folders *f, const struct daemon_settings *settings,
		 const struct sandbox_user *user, struct err *err);
void folders_fini(struct folders *f);
