/*
 * siblings - what rotation made of a log: its older files, in the same directory
 *
 * Looked for where a log is read on after downtime, or after it was truncated (logrotate's
 * copytruncate). Rotation may go on meanwhile: where a file vanishes between the listing and
 * the opening it all begins again, because the one that took its place was not in the list.
 */
#include "core/source/siblings.h"

#include "core/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 3 };

/* A rotated file. */
struct sibling {
	char *name;
	struct timespec mtime;
	size_t stem; /* the length of the log's own name */
};

/* The length of `name` without the suffix of a packed file. */
static size_t unpacked_len(const char *name)
{
	static const char *const suffixes[] = { ".gz", ".bz2", ".xz", ".zst" };
	size_t len = strlen(name);

	for (size_t i = 0; i < COUNT(suffixes); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (len > suffix && strcmp(name + len - suffix, suffixes[i]) == 0)
			return len - suffix;
	}
	return len;
}

bool sibling_is_packed(const char *name)
{
	return unpacked_len(name) < strlen(name);
}

bool sibling_is(const char *name, const char *log)
{
	size_t stem = strlen(log);
	const char *rest;

	if (strncmp(name, log, stem) != 0 || (name[stem] != '.' && name[stem] != '-'))
		return false;
	rest = name + stem + 1;
	return (rest[0] >= '0' && rest[0] <= '9') || strncmp(rest, "old", 3) == 0;
}

/* The newest first; of the same age, the lower number or the later date. */
static int by_age(const void *va, const void *vb)
{
	const struct sibling *a = va, *b = vb;
	int by_name;

	if (a->mtime.tv_sec != b->mtime.tv_sec)
		return a->mtime.tv_sec < b->mtime.tv_sec ? 1 : -1;
	if (a->mtime.tv_nsec != b->mtime.tv_nsec)
		return a->mtime.tv_nsec < b->mtime.tv_nsec ? 1 : -1;
	by_name = strverscmp(a->name, b->name);
	return a->name[a->stem] == '-' ? -by_name : by_name;
}

/* The unpacked file of the same name is the better one: the packed may not be complete. */
static bool has_twin(int dir, const char *name)
{
	char *plain;
	bool found;

	if (!sibling_is_packed(name))
		return false;
	plain = xstrndup(name, unpacked_len(name));
	found = faccessat(dir, plain, F_OK, 0) == 0;
	free(plain);
	return found;
}

struct list {
	struct sibling *sibling;
	size_t n, cap;
};

static void list_fini(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->sibling[i].name);
	free(l->sibling);
	*l = (struct list){ 0 };
}

static void list_add(struct list *l, int dir, const char *name, size_t stem)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    has_twin(dir, name))
		return;
	l->sibling = array_grow(l->sibling, l->n, &l->cap, sizeof(*l->sibling));
	l->sibling[l->n++] = (struct sibling){ xstrdup(name), st.st_mtim, stem };
}

/* -1: one vanished meanwhile. A file that may not be read is passed over. */
static ssize_t open_all(const struct list *l, int dir, int *fd, size_t most)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n && n < most; i++) {
		fd[n] = openat(dir, l->sibling[i].name,
			       O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
		if (fd[n] >= 0) {
			n++;
		} else if (errno == ENOENT) {
			while (n > 0)
				(void)close(fd[--n]);
			return -1;
		}
	}
	return (ssize_t)n;
}

size_t siblings_open(const char *dir, const char *name,
		     bool (*is_log)(void *ctx, const char *dir, const char *name), void *ctx,
		     int *fd, size_t most)
{
	DIR *stream = opendir(dir);
	struct list list = { 0 };
	const struct dirent *entry;
	ssize_t n = -1;

	for (int i = 0; stream && i < TRIES && n < 0; i++) {
		list_fini(&list);
		rewinddir(stream);
		while ((entry = readdir(stream)))
			if (sibling_is(entry->d_name, name) && !is_log(ctx, dir, entry->d_name))
				list_add(&list, dirfd(stream), entry->d_name, strlen(name));
		if (list.n > 1)
			qsort(list.sibling, list.n, sizeof(*list.sibling), by_age);
		n = open_all(&list, dirfd(stream), fd, most);
	}
	list_fini(&list);
	if (stream)
		(void)closedir(stream);
	return n < 0 ? 0 : (size_t)n;
}
