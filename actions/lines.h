/*
 * lines.h - a file of lines: read whole, changed in memory, replaced in one step
 *
 * What plugins keep in files is small, and others read it at any moment: a server its list of
 * blocked names, this plugin after a crash what it had done. So a file is never changed in place:
 * the new one is written beside it, brought to the disk, and takes its name. Readers find the old
 * lines or the new ones.
 *
 * A file may be an administrator's too. His lines are kept byte for byte; below the line
 * LINES_MARK they are the plugin's. There one line blocks one name, and ends in the numbers of the
 * decisions that want it blocked ("12,15"), for two jails may decide about one account.
 *
 * It is all in this header, for a plugin is one source file.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_MARK "# Below this line postern writes; what stands above it is left as it is."
enum { LINES_BYTES_MOST = 16 << 20, LINES_PATH = 4096 };

struct lines {
	char **line; /* without the newline */
	size_t n, cap;
};

/* Out of memory ends the process: the host starts another one. */
static inline void *lines_alloc(void *old, size_t n, size_t size)
{
	void *memory = reallocarray(old, n ? n : 1, size);

	if (!memory)
		abort();
	return memory;
}

/* Always -1, so that a caller can return it. */
static inline int __attribute__((format(printf, 3, 4)))
lines_say(char *why, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, size, format, args);
	va_end(args);
	return -1;
}

static inline int lines_why(char *why, size_t size, const char *what, const char *path)
{
	return lines_say(why, size, "%s %s: %s", what, path, strerror(errno));
}

static inline void lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->line[i]);
	free(l->line);
	*l = (struct lines){ 0 };
}

/* Takes a copy of `len` bytes, which hold no newline. */
static inline void lines_add(struct lines *l, const char *text, size_t len)
{
	char *copy = lines_alloc(NULL, len + 1, 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->line = lines_alloc(l->line, l->cap, sizeof(*l->line));
	}
	l->line[l->n++] = copy;
}

/* Drops `count` lines from `at` on. */
static inline void lines_drop(struct lines *l, size_t at, size_t count)
{
	for (size_t i = at; i < at + count; i++)
		free(l->line[i]);
	memmove(l->line + at, l->line + at + count, (l->n - at - count) * sizeof(*l->line));
	l->n -= count;
}

/* The index of the line from `from` on that begins with `prefix`, or of the end. */
static inline size_t lines_find(const struct lines *l, size_t from, const char *prefix)
{
	size_t len = strlen(prefix);

	while (from < l->n && strncmp(l->line[from], prefix, len) != 0)
		from++;
	return from;
}

static inline void lines_split(struct lines *l, const char *text, size_t len)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t cut = end ? (size_t)(end - text) : len;

		lines_add(l, text, cut);
		text += cut + !!end;
		len -= cut + !!end;
	}
}

static inline char *lines_slurp(int fd, const char *path, size_t *len, char *why, size_t size)
{
	size_t cap = 4096;
	char *text = lines_alloc(NULL, cap, 1);
	ssize_t got;

	*len = 0;
	while ((got = read(fd, text + *len, cap - *len)) > 0) {
		*len += (size_t)got;
		if (*len == cap) {
			cap *= 2;
			text = lines_alloc(text, cap, 1);
		}
		if (*len > LINES_BYTES_MOST) {
			errno = EFBIG;
			got = -1;
			break;
		}
	}
	if (got == 0 && memchr(text, '\0', *len)) {
		errno = EILSEQ; /* no file of lines */
		got = -1;
	}
	if (got < 0) {
		lines_why(why, size, "read", path);
		free(text);
		return NULL;
	}
	return text;
}

/* Into an empty *l. A file that is not there has no lines; -1 and `why` where it can't be read. */
static inline int lines_read(struct lines *l, const char *path, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len;
	char *text;

	if (fd < 0)
		return errno == ENOENT ? 0 : lines_why(why, size, "open", path);
	text = lines_slurp(fd, path, &len, why, size);
	(void)close(fd);
	if (!text)
		return -1;
	lines_split(l, text, len);
	free(text);
	return 0;
}

/* The folder that `path`, which is absolute, lies in, into `dir` (LINES_PATH bytes). */
static inline const char *lines_folder(const char *path, char *dir)
{
	const char *slash = strrchr(path, '/');
	int len = slash && slash > path ? (int)(slash - path) : 1;

	(void)snprintf(dir, LINES_PATH, "%.*s", len, path);
	return dir;
}

/* For check(): false, and why, where the file can't be replaced by a new one beside it. */
static inline bool lines_may_write(const char *path, char *why, size_t size)
{
	char folder[LINES_PATH];

	if (access(lines_folder(path, folder), W_OK | X_OK) == 0)
		return true;
	(void)lines_why(why, size, "write into", folder);
	return false;
}

/* The name is on the disk too when this is done. */
static inline int lines_sync_folder(const char *path)
{
	char dir[LINES_PATH];
	int fd = open(lines_folder(path, dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;

	if (fd < 0)
		return -1;
	ret = fsync(fd);
	(void)close(fd);
	return ret;
}

/* Fills the new file; it gets the old one's owner and mode, or `mode`. */
static inline int lines_fill(const struct lines *l, int fd, const struct stat *old, mode_t mode)
{
	FILE *out = fdopen(fd, "w");
	bool good;

	if (!out) {
		(void)close(fd);
		return -1;
	}
	for (size_t i = 0; i < l->n; i++)
		(void)fprintf(out, "%s\n", l->line[i]);
	good = !ferror(out) && fflush(out) == 0 &&
	       fchmod(fd, old ? old->st_mode & 07777 : mode) == 0 &&
	       (!old || (old->st_uid == geteuid() && old->st_gid == getegid()) ||
		fchown(fd, old->st_uid, old->st_gid) == 0) &&
	       fsync(fd) == 0;
	return fclose(out) == 0 && good ? 0 : -1;
}

/* Replaces the file, or makes it with `mode`. On failure the old one stays, and `why` says why. */
static inline int lines_write(const struct lines *l, const char *path, mode_t mode, char *why,
			      size_t size)
{
	char fresh[LINES_PATH];
	struct stat old;
	bool was_there = stat(path, &old) == 0;
	int fd;

	if (snprintf(fresh, sizeof(fresh), "%s.postern-new", path) >= (int)sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return lines_why(why, size, "write", path);
	}
	(void)unlink(fresh); /* of a process that was killed */
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return lines_why(why, size, "make", fresh);
	if (lines_fill(l, fd, was_there ? &old : NULL, mode) < 0 || rename(fresh, path) < 0 ||
	    lines_sync_folder(path) < 0) {
		lines_why(why, size, "write", path);
		(void)unlink(fresh);
		return -1;
	}
	return 0;
}

/*
 * Only one of our processes at a time changes the file: two jails may share one. It is the folder
 * that is locked, since the file is another one after each change. Close it to unlock; -1 and why.
 */
static inline int lines_lock(const char *path, char *why, size_t size)
{
	char dir[LINES_PATH];
	int fd = open(lines_folder(path, dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return lines_why(why, size, "open", dir);
	if (flock(fd, LOCK_EX) < 0) {
		lines_why(why, size, "lock", dir);
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* The index of the first line that is the plugin's own; the mark is added where there is none. */
static inline size_t lines_own(struct lines *l)
{
	size_t at = lines_find(l, 0, LINES_MARK);

	if (at >= l->n)
		lines_add(l, LINES_MARK, sizeof(LINES_MARK) - 1);
	return at + 1;
}

/* Is `id` one of the numbers in "12,15"? The end of its text into *end, its begin is returned. */
static inline char *lines_find_id(char *list, uint64_t id, char **end)
{
	while (*list) {
		uint64_t found = strtoull(list, end, 10);

		if (*end == list)
			return NULL;
		if (found == id)
			return list;
		list = *end + (**end == ',');
	}
	return NULL;
}

/* Blocks what the line that begins with `prefix` blocks, for this decision. False: it was so. */
static inline bool lines_hold(struct lines *l, const char *prefix, uint64_t id)
{
	size_t at = lines_find(l, lines_own(l), prefix), size;
	char *text, *end;
	int len;

	if (at < l->n && lines_find_id(l->line[at] + strlen(prefix), id, &end))
		return false;
	size = (at < l->n ? strlen(l->line[at]) : strlen(prefix)) + 24;
	text = lines_alloc(NULL, size, 1);
	len = snprintf(text, size, "%s%s%" PRIu64, at < l->n ? l->line[at] : prefix,
		       at < l->n ? "," : "", id);
	if (at < l->n) {
		free(l->line[at]);
		l->line[at] = text;
		return true;
	}
	lines_add(l, text, (size_t)len);
	free(text);
	return true;
}

/* Takes this decision back; the line goes with the last one. False: there was nothing. */
static inline bool lines_release(struct lines *l, const char *prefix, uint64_t id)
{
	size_t at = lines_find(l, lines_own(l), prefix), len = strlen(prefix);
	char *from, *end;

	if (at >= l->n)
		return false;
	from = lines_find_id(l->line[at] + len, id, &end);
	if (!from)
		return false;
	if (*end == ',')
		end++;
	else if (from > l->line[at] + len)
		from--; /* the comma before the last one */
	memmove(from, end, strlen(end) + 1);
	if (!l->line[at][len])
		lines_drop(l, at, 1);
	return true;
}
