/*
 * plugin - action plugins: from a file to a descriptor that can be trusted
 *
 * What a plugin's constructors do, they do with our rights, before its descriptor could be looked
 * at: so all checks of the file come first. Neither it nor any folder above it may be in the hands
 * of anybody but root and this user; then nobody can put another file there between the check
 * and dlopen(3). After it the descriptor is checked as a whole, so that nobody has to ask later
 * whether a function is there.
 */
#include "core/action/plugin.h"

#include "core/action/log.h"
#include "core/action/options.h"
#include "core/base/mem.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CTX_MOST = 1 << 20, TIMEOUT_MOST_S = 3600, BATCH_MOST = 10000 };

struct plugin {
	void *handle; /* NULL: built in */
	const struct postern_action *action;
};

static const struct postern_action *const built_in[] = { &log_action };

bool plugin_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > PLUGIN_NAME_MOST || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum((unsigned char)name[i]) && name[i] != '-'))
			return false;
	return true;
}

static const struct postern_action *find_built_in(const char *name)
{
	for (size_t i = 0; i < COUNT(built_in); i++)
		if (strcmp(built_in[i]->name, name) == 0)
			return built_in[i];
	return NULL;
}

bool plugin_is_there(const char *dir, const char *name)
{
	char *path;
	bool there;

	if (!plugin_name_is_valid(name))
		return false;
	if (find_built_in(name))
		return true;
	path = xasprintf("%s/%s.so", dir, name);
	there = access(path, F_OK) == 0;
	free(path);
	return there;
}

/* Only root and this user can change it; a folder with the sticky bit keeps what others own in it. */
static int check_owner(const char *path, bool is_file, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (is_file ? !S_ISREG(st.st_mode) : !S_ISDIR(st.st_mode))
		return err_set(err, EINVAL, "%s: expected a %s", path, is_file ? "file" : "folder");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(err, EPERM,
			       "%s: expected it to be root's, not user %u's: whoever owns it could "
			       "put anything there",
			       path, (unsigned int)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH) && (is_file || !(st.st_mode & S_ISVTX)))
		return err_set(err, EPERM,
			       "%s: others may write to it (mode %04o); expected nobody but its "
			       "owner: chmod go-w '%s'",
			       path, (unsigned int)st.st_mode & 07777, path);
	return 0;
}

/* The folder itself may hold nobody else's files, so there the sticky bit is no excuse. */
static int check_folders(const char *dir, struct err *err)
{
	char *path = xstrdup(dir), *slash;
	struct stat st;
	int ret = 0;

	if (lstat(dir, &st) == 0 && st.st_mode & S_ISVTX && st.st_mode & (S_IWGRP | S_IWOTH))
		ret = err_set(err, EPERM, "%s: others may write to it; expected a folder of root's",
			      dir);
	while (ret == 0 && (slash = strrchr(path, '/'))) {
		ret = check_owner(path, false, err);
		*slash = '\0';
	}
	if (ret == 0)
		ret = check_owner("/", false, err);
	free(path);
	return ret;
}

/* Checks the file and all above it; *path, without symbolic links, is the caller's. */
static int find_file(char **path, const char *dir, const char *name, struct err *err)
{
	char *folder = realpath(dir, NULL), *file;
	int ret;

	if (!folder)
		return err_set(err, errno, "%s: %s", dir, strerror(errno));
	file = xasprintf("%s/%s.so", folder, name);
	if (access(file, F_OK) < 0)
		ret = err_set(err, errno, "%s: %s", file, strerror(errno));
	else
		ret = check_folders(folder, err) < 0 ? -1 : check_owner(file, true, err);
	free(folder);
	if (ret < 0)
		free(file);
	else
		*path = file;
	return ret;
}

/* What the descriptor has to have, beside options; see postern-action.h. */
static int check_action(const struct postern_action *a, const char *path, const char *name,
			struct err *err)
{
	struct err why;

	/* Nothing behind the number has a known place where the number is another. */
	if (a->abi != POSTERN_ACTION_ABI)
		return err_set(err, EINVAL,
			       "%s: it was built for version %u of postern-action.h, this postern "
			       "has version %u: build it again",
			       path, a->abi, POSTERN_ACTION_ABI);
	if (!a->name || strcmp(a->name, name) != 0)
		return err_set(err, EINVAL, "%s: it calls itself \"%s\"; expected \"%s\"", path,
			       a->name ? a->name : "", name);
	if (!a->apply || !a->summary)
		return err_set(err, EINVAL, "%s: expected it to have apply and a summary", path);
	if (!(a->wants & (POSTERN_WANTS_USERS | POSTERN_WANTS_ADDRESSES | POSTERN_WANTS_QUEUE_IDS)))
		return err_set(err, EINVAL, "%s: expected it to want users, addresses or queue ids",
			       path);
	if (a->ctx_size > CTX_MOST || a->timeout_s > TIMEOUT_MOST_S || a->batch_most > BATCH_MOST)
		return err_set(err, EINVAL,
			       "%s: expected at most %d bytes of context, %d seconds a call and %d "
			       "items",
			       path, CTX_MOST, TIMEOUT_MOST_S, BATCH_MOST);
	if (options_are_sound(a, &why) < 0)
		return err_set(err, EINVAL, "%s: %s", path, why.text);
	return 0;
}

static int load_file(struct plugin *p, const char *path, const char *name, struct err *err)
{
	const char *why;

	p->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!p->handle) {
		why = dlerror();
		return err_set(err, EINVAL, "%s", why ? why : path);
	}
	p->action = dlsym(p->handle, "postern_action");
	if (!p->action)
		return err_set(err, EINVAL, "%s: expected it to export postern_action", path);
	return check_action(p->action, path, name, err);
}

int plugin_load(struct plugin **out, const char *dir, const char *name, struct err *err)
{
	struct plugin *p = xcalloc(1, sizeof(*p));
	char *path = NULL;
	int ret;

	p->action = find_built_in(name);
	if (p->action)
		ret = check_action(p->action, "built in", name, err);
	else if (!plugin_name_is_valid(name))
		ret = err_set(err, ENOENT,
			      "expected the name of a plugin: letters, digits and \"-\", at most "
			      "%d",
			      PLUGIN_NAME_MOST);
	else
		ret = find_file(&path, dir, name, err) < 0 ? -1 : load_file(p, path, name, err);
	free(path);
	if (ret < 0)
		plugin_free(p);
	else
		*out = p;
	return ret;
}

void plugin_free(struct plugin *p)
{
	if (!p)
		return;
	if (p->handle)
		(void)dlclose(p->handle);
	free(p);
}

const struct postern_action *plugin_action(const struct plugin *p)
{
	return p->action;
}
