/*
 * folders - the folders that the daemon keeps its state in, and whose they are
 *
 * The engine may write in one folder below the state folder and the actuators, as root, in another:
 * in a folder of the engine's they could be led astray.
 */
#include "core/cli/folders.h"

#include "core/base/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_dir(const char *path, const struct sandbox_user *owner, mode_t mode,
		    struct err *err)
{
	struct stat st;
	bool made = mkdir(path, mode) == 0;

	if (!made && errno != EEXIST)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "%s: expected a folder of ours", path);
	/* What is right is not set again: the file system may be read-only. */
	if (geteuid() == 0 && (st.st_uid != owner->uid || st.st_gid != owner->gid) &&
	    lchown(path, owner->uid, owner->gid) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (made && chmod(path, mode) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

int folders_make(struct folders *f, const struct daemon_settings *settings,
		 const struct sandbox_user *user, struct err *err)
{
	const struct sandbox_user ourselves = { geteuid(), getegid() };

	folders_fini(f);
	f->engine = xasprintf("%s/engine", settings->state_dir);
	f->actions = xasprintf("%s/actions", settings->state_dir);
	if (make_dir(settings->state_dir, &ourselves, 0755, err) < 0 ||
	    make_dir(settings->run_dir, &ourselves, 0755, err) < 0 ||
	    make_dir(f->engine, user, 0700, err) < 0)
		return -1;
	return make_dir(f->actions, &ourselves, 0700, err);
}

void folders_fini(struct folders *f)
{
	free(f->engine);
	free(f->actions);
	*f = (struct folders){ 0 };
}
