/* sandbox.h - giving rights away for good */
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* The user that parses what strangers wrote. */
struct sandbox_user {
	uid_t uid;
	gid_t gid;
};

/* Looks a user up; -1, and how to make it, where there is none. */
int sandbox_find_user(struct sandbox_user *user, const char *name, struct err *err);

/*
 * Becomes that user, with `extra_gid` (or -1) as its only further group, without any capability,
 * and unable to gain rights again (no_new_privs). Not as root: the user stays, the rest holds. -1
 * where one step failed or did not stick: the caller has to end.
 */
int sandbox_become(const struct sandbox_user *user, gid_t extra_gid, struct err *err);

/*
 * Leaves the process one folder (with what is in it) of the whole file system, by Landlock. 1 where
 * the kernel has none: the caller tells. -1: it has, and it failed.
 */
int sandbox_only_dir(const char *dir, struct err *err);

/*
 * Leaves the system calls that the engine needs (seccomp(2)): no sockets of its own, no programs, no
 * further processes, no memory that is both written and run. To be called last; holds for threads
 * made later too.
 */
int sandbox_only_calls(struct err *err);

/*
 * Keeps the capabilities of `keep` (1 << CAP_...) and gives up all others, also of what it will run;
 * unless CAP_SETUID is one of them, programs with more rights than these can't be run either.
 */
int sandbox_only_capabilities(unsigned long long keep, struct err *err);
