/*
 * watch - the monitor's half of a log that is followed: it opens files and reads no line
 *
 *	paths and globs -> walk from / (watching each directory on the way) -> file -> on_opened()
 *
 * A path is walked as the kernel would walk it, one directory entry after the other and through
 * symbolic links. Each directory on the way is watched before its entry is looked at, and the
 * entry is noted (`looks`). An event about a noted entry, be it a rename, a new link, a new file or
 * new rights, has all paths walked again, which costs microseconds and happens when logs are
 * rotated; other events cost a comparison. So the ways of all logs are one list, made anew
 * each time, and there is no state that could be wrong about the world.
 *
 * The file of a log is kept open here too: its inode number can't be given to another file
 * meanwhile, and what stands in a FIFO outlives the process that reads it.
 *
 * BUGS: files that logrotate moves elsewhere (olddir), or renames in front of the extension, are no
 * siblings.
 */
#include "core/source/watch.h"

#include "core/base/mem.h"
#include "core/source/siblings.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	LINKS_MOST = 40,   /* as the kernel has it: path_resolution(7) */
	LOOKS_MOST = 8192, /* directory entries noted */
	POLL_MS = 2000,
};

static const uint32_t CHANGES =
	IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR;

struct log {
	char *path;
	bool named; /* configured by its name; else found by a glob */
	int fd;     /* the file the path leads to, or -1 */
	dev_t dev;  /* of that file, or of the last there was; ino 0: none ever */
	ino_t ino;
	int wd, old_wd; /* in modify_fd, of this file and the one before; -1: none */
	bool opened;    /* and not yet told */
	int problem;    /* the errno value that was told; 0: none */
	/* Where its last name stands, symbolic links followed; NULL where the way there is not. */
	const char *dir, *name;
};

/* An entry on the way of a log, or the pattern of such. */
struct look {
	int wd;
	const char *name;
	bool is_pattern;
};

struct watch {
	struct watch_options options;
	char **path; /* configured, absolute */
	size_t n_paths;
	struct log *log;
	size_t n_logs, cap_logs;
	int fd, modify_fd;

	struct arena *arena; /* of the last walk */
	struct look *look;
	size_t n_looks, cap_looks;
	int *wd, *old_wd; /* directories watched, now and in the walk before */
	size_t n_wds, cap_wds, n_old_wds, cap_old_wds;
	bool poll; /* something is not told by inotify */
	bool walked, full;
	struct instant walked_at;
};

static void tell_problem(struct watch *w, size_t i, int code, const char *text)
{
	struct log *log = &w->log[i];

	if (log->problem == code)
		return;
	log->problem = code;
	if (w->options.on_problem)
		w->options.on_problem(w->options.ctx, i, text);
}

static bool is_glob(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

/* The log of that path, or -1. */
static ssize_t find_log(const struct watch *w, const char *path)
{
	for (size_t i = 0; i < w->n_logs; i++)
		if (strcmp(w->log[i].path, path) == 0)
			return (ssize_t)i;
	return -1;
}

static void add_log(struct watch *w, const char *path, bool named)
{
	if (find_log(w, path) >= 0)
		return;
	if (w->n_logs == WATCH_LOGS_MOST) {
		if (!w->full && w->options.on_problem)
			w->options.on_problem(w->options.ctx, w->n_logs - 1,
					      "too many logs: later ones are not read");
		w->full = true;
		return;
	}
	w->log = array_grow(w->log, w->n_logs, &w->cap_logs, sizeof(*w->log));
	w->log[w->n_logs++] = (struct log){
		.path = xstrdup(path), .named = named, .fd = -1, .wd = -1, .old_wd = -1
	};
}

static char *absolute(const char *path)
{
	char *here = path[0] == '/' ? NULL : getcwd(NULL, 0), *out;

	out = here ? xasprintf("%s/%s", here, path) : xstrdup(path);
	free(here);
	return out;
}

struct watch *watch_new(const char *const *paths, size_t n, const struct watch_options *options)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	assert(options->on_opened);
	w->options = *options;
	if (w->options.poll_ms <= 0)
		w->options.poll_ms = POLL_MS;
	w->fd = w->modify_fd = -1;
	if (!options->no_inotify) {
		w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		w->modify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	}
	w->path = xcalloc(n + 1, sizeof(*w->path));
	for (size_t i = 0; i < n; i++) {
		w->path[w->n_paths++] = absolute(paths[i]);
		if (!is_glob(paths[i]))
			add_log(w, w->path[i], true);
	}
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_logs; i++) {
		if (w->log[i].fd >= 0)
			(void)close(w->log[i].fd);
		free(w->log[i].path);
	}
	for (size_t i = 0; i < w->n_paths; i++)
		free(w->path[i]);
	if (w->fd >= 0)
		(void)close(w->fd);
	if (w->modify_fd >= 0)
		(void)close(w->modify_fd);
	arena_free(w->arena);
	free(w->path);
	free(w->log);
	free(w->look);
	free(w->wd);
	free(w->old_wd);
	free(w);
}

size_t watch_count(const struct watch *w)
{
	return w->n_logs;
}

const char *watch_path(const struct watch *w, size_t log)
{
	assert(log < w->n_logs);
	return w->log[log].path;
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

int watch_modify_fd(const struct watch *w)
{
	return w->modify_fd;
}

/* File systems that other machines write to, or that a program makes up: inotify is blind there. */
static bool is_remote(const char *path)
{
	static const uint32_t remote[] = { NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC,
					   SMB2_SUPER_MAGIC, FUSE_SUPER_MAGIC, V9FS_MAGIC,
					   AFS_SUPER_MAGIC,  CEPH_SUPER_MAGIC, CODA_SUPER_MAGIC };
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return false;
	for (size_t i = 0; i < COUNT(remote); i++)
		if ((uint32_t)fs.f_type == remote[i])
			return true;
	return false;
}

static bool contains(const int *wd, size_t n, int sought)
{
	for (size_t i = 0; i < n; i++)
		if (wd[i] == sought)
			return true;
	return false;
}

/* Watches `dir` and notes that what becomes of `name` in it matters. */
static void look_at(struct watch *w, const char *dir, const char *name, bool is_pattern)
{
	int wd = w->fd < 0 ? -1 : inotify_add_watch(w->fd, dir, CHANGES);

	if (wd < 0 || is_remote(dir))
		w->poll = true;
	if (wd < 0)
		return;
	if (!contains(w->wd, w->n_wds, wd)) {
		w->wd = array_grow(w->wd, w->n_wds, &w->cap_wds, sizeof(*w->wd));
		w->wd[w->n_wds++] = wd;
	}
	for (size_t i = 0; i < w->n_looks; i++)
		if (w->look[i].wd == wd && strcmp(w->look[i].name, name) == 0)
			return;
	if (w->n_looks == LOOKS_MOST) {
		w->poll = true;
		return;
	}
	w->look = array_grow(w->look, w->n_looks, &w->cap_looks, sizeof(*w->look));
	w->look[w->n_looks++] = (struct look){ wd, arena_strdup(w->arena, name), is_pattern };
}

/* A walk: `dir` has no symbolic link in it, `rest` is still to go. */
struct way {
	char dir[PATH_MAX], name[NAME_MAX + 1], rest[PATH_MAX], full[PATH_MAX];
	struct stat st; /* of `full`, the entry `name` of `dir` */
	int links;
	bool last; /* `name` is the last on the way */
};

/* Cuts the next name off `rest`; false where there is none. ENAMETOOLONG leaves it empty. */
static bool next_name(struct way *way)
{
	char *from = way->rest + strspn(way->rest, "/");
	size_t len = strcspn(from, "/");

	if (len == 0)
		return false;
	if (len > NAME_MAX)
		len = 0;
	memcpy(way->name, from, len);
	way->name[len] = '\0';
	from += strcspn(from, "/");
	from += strspn(from, "/");
	way->last = *from == '\0';
	memmove(way->rest, from, strlen(from) + 1);
	return true;
}

static void go_up(struct way *way)
{
	char *slash = strrchr(way->dir, '/');

	slash[slash == way->dir] = '\0';
}

/* Puts what a symbolic link says before the rest of the way. An errno value, or 0. */
static int follow_link(struct way *way)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t len = readlink(way->full, target, sizeof(target) - 1);
	int n;

	if (len < 0)
		return errno;
	if (++way->links > LINKS_MOST)
		return ELOOP;
	target[len] = '\0';
	n = snprintf(rest, sizeof(rest), "%s/%s", target, way->rest);
	if (n < 0 || (size_t)n >= sizeof(rest))
		return ENAMETOOLONG;
	memcpy(way->rest, rest, (size_t)n + 1);
	if (target[0] == '/')
		memcpy(way->dir, "/", 2);
	return 0;
}

/* One name of the way. An errno value, or 0. */
static int walk_name(struct watch *w, struct way *way)
{
	int n;

	if (strcmp(way->name, ".") == 0 || strcmp(way->name, "..") == 0) {
		if (way->name[1])
			go_up(way);
		return way->last && lstat(way->dir, &way->st) < 0 ? errno : 0;
	}
	n = snprintf(way->full, sizeof(way->full), "%s%s%s", way->dir, way->dir[1] ? "/" : "",
		     way->name);
	if (way->name[0] == '\0' || n < 0 || (size_t)n >= sizeof(way->full))
		return ENAMETOOLONG;
	look_at(w, way->dir, way->name, false);
	if (lstat(way->full, &way->st) < 0)
		return errno;
	if (S_ISLNK(way->st.st_mode))
		return follow_link(way);
	if (S_ISDIR(way->st.st_mode))
		memcpy(way->dir, way->full, (size_t)n + 1);
	else if (!way->last)
		return ENOTDIR;
	return 0;
}

/* Walks `path` to its end, which is then way->full. An errno value, or 0. */
static int walk(struct watch *w, const char *path, struct way *way)
{
	int code = 0;

	*way = (struct way){ .dir = "/", .full = "/", .st.st_mode = S_IFDIR };
	if (strlen(path) >= sizeof(way->rest))
		return ENAMETOOLONG;
	memcpy(way->rest, path, strlen(path) + 1);
	while (code == 0 && next_name(way))
		code = walk_name(w, way);
	return code;
}

/* A glob should not find what was a log before: a packed file, or a sibling of one that is known. */
static bool is_rotated(const struct watch *w, const char *path)
{
	if (sibling_is_packed(path))
		return true;
	for (size_t i = 0; i < w->n_logs; i++)
		if (sibling_is(path, w->log[i].path))
			return true;
	return false;
}

static void expand(struct watch *w, const char *path);

static int by_length(const struct dirent **a, const struct dirent **b)
{
	size_t a_len = strlen((*a)->d_name), b_len = strlen((*b)->d_name);

	return a_len != b_len ? (a_len > b_len) - (a_len < b_len)
			      : strcmp((*a)->d_name, (*b)->d_name);
}

/* The files that a pattern in directory `prefix` stands for; shorter names first, so that a log is
 * known before its siblings. */
static void expand_name(struct watch *w, const char *prefix, const char *pattern, const char *rest)
{
	struct way *way = xcalloc(1, sizeof(*way));
	struct dirent **entries = NULL;
	int n = 0;

	if (walk(w, prefix, way) == 0 && S_ISDIR(way->st.st_mode)) {
		look_at(w, way->dir, pattern, true);
		n = scandir(way->dir, &entries, NULL, by_length);
	}
	for (int i = 0; i < n; i++) {
		if (fnmatch(pattern, entries[i]->d_name, FNM_PERIOD) == 0) {
			char *path = xasprintf("%s/%s%s", prefix, entries[i]->d_name, rest);

			expand(w, path);
			free(path);
		}
		free(entries[i]);
	}
	free(entries);
	free(way);
}

/* What a glob found, or what may be there later: then its way is watched. */
static void add_found(struct watch *w, const char *path)
{
	struct way *way = xcalloc(1, sizeof(*way));

	if (!is_rotated(w, path) && walk(w, path, way) == 0 && !S_ISDIR(way->st.st_mode))
		add_log(w, path, false);
	free(way);
}

/* Makes logs of the files that `path` stands for, once its first pattern is replaced by names. */
static void expand(struct watch *w, const char *path)
{
	const char *at = strpbrk(path, "*?["), *from, *end;
	char *prefix, *pattern;

	if (!at) {
		add_found(w, path);
		return;
	}
	for (from = at; from[-1] != '/'; from--)
		;
	end = at + strcspn(at, "/");
	prefix = xstrndup(path, (size_t)(from - path) - 1);
	pattern = xstrndup(from, (size_t)(end - from));
	expand_name(w, prefix, pattern, end);
	free(prefix);
	free(pattern);
}

static void tell_opened(struct watch *w, size_t i)
{
	struct log *log = &w->log[i];

	log->opened = false;
	w->options.on_opened(w->options.ctx, i, log->path, log->fd, log->wd);
}

static bool has_wd(const struct watch *w, int wd)
{
	for (size_t i = 0; i < w->n_logs; i++)
		if (w->log[i].wd == wd || w->log[i].old_wd == wd)
			return true;
	return false;
}

/* Has what is written to the log's file told, and forgets the file before the last. */
static void watch_file(struct watch *w, struct log *log, const char *full)
{
	char path[64];
	int wd = -1, old;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", log->fd);
	if (w->modify_fd >= 0 && !is_remote(full))
		wd = inotify_add_watch(w->modify_fd, path, IN_MODIFY);
	old = log->old_wd;
	log->old_wd = log->wd;
	log->wd = wd;
	if (old >= 0 && !has_wd(w, old))
		(void)inotify_rm_watch(w->modify_fd, old);
}

/* Opens what was found at the end of the way, if it is a file; an errno value, or 0. */
static int open_file(const struct way *way, int *fd, struct stat *st)
{
	if (!S_ISREG(way->st.st_mode) && !S_ISFIFO(way->st.st_mode))
		return EINVAL;
	*fd = open(way->full, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	if (*fd < 0)
		return errno;
	/* Meanwhile it may have become something else. */
	if (fstat(*fd, st) == 0 && (S_ISREG(st->st_mode) || S_ISFIFO(st->st_mode)))
		return 0;
	(void)close(*fd);
	return EINVAL;
}

static bool is_others(const struct watch *w, size_t self, const struct stat *st)
{
	for (size_t i = 0; i < self; i++)
		if (w->log[i].fd >= 0 && w->log[i].dev == st->st_dev && w->log[i].ino == st->st_ino)
			return true;
	return false;
}

static void refuse(struct watch *w, size_t i, int code)
{
	const struct log *log = &w->log[i];
	char *text;

	if (code == EINVAL)
		text = xasprintf("%s: expected a log file or a FIFO", log->path);
	else if (code == EEXIST)
		text = xasprintf("%s: it is the file of another log, and read as that", log->path);
	else
		text = xasprintf("%s: %s; it will be tried again when that changes", log->path,
				 strerror(code));
	/* A log that is rotated is not there for a moment, and one that a glob found may go. */
	if ((code != ENOENT && code != ENOTDIR) || (log->named && log->ino == 0))
		tell_problem(w, i, code, text);
	free(text);
}

static void close_log(struct log *log)
{
	if (log->fd >= 0)
		(void)close(log->fd);
	log->fd = -1;
}

/* Looks where the path of one log leads. */
static void visit(struct watch *w, size_t i)
{
	struct way *way = xcalloc(1, sizeof(*way));
	struct log *log = &w->log[i];
	int code = walk(w, log->path, way), fd = -1;
	struct stat st = way->st;

	log->dir = log->name = NULL;
	if (code == 0 || way->last) {
		log->dir = arena_strdup(w->arena, way->dir);
		log->name = arena_strdup(w->arena, way->name);
	}
	if (code == 0 && log->fd >= 0 && log->dev == st.st_dev && log->ino == st.st_ino)
		goto out;
	close_log(log);
	if (code == 0 && is_others(w, i, &st))
		code = EEXIST;
	if (code == 0)
		code = open_file(way, &fd, &st);
	if (code != 0) {
		refuse(w, i, code);
		goto out;
	}
	log->problem = 0;
	log->fd = fd;
	log->dev = st.st_dev;
	log->ino = st.st_ino;
	watch_file(w, log, way->full);
	log->opened = true;
out:
	free(way);
}

/* Lets go of directories that are on nobody's way any more. */
static void drop_old_wds(struct watch *w)
{
	for (size_t i = 0; i < w->n_old_wds; i++)
		if (!contains(w->wd, w->n_wds, w->old_wd[i]))
			(void)inotify_rm_watch(w->fd, w->old_wd[i]);
}

static void walk_all(struct watch *w, struct instant now)
{
	int *wd = w->old_wd;
	size_t cap = w->cap_old_wds;

	w->old_wd = w->wd;
	w->n_old_wds = w->n_wds;
	w->cap_old_wds = w->cap_wds;
	w->wd = wd;
	w->n_wds = 0;
	w->cap_wds = cap;
	arena_free(w->arena);
	w->arena = arena_new();
	w->n_looks = 0;
	w->poll = w->fd < 0;
	w->walked = true;
	w->walked_at = now;
	for (size_t i = 0; i < w->n_paths; i++)
		if (is_glob(w->path[i]))
			expand(w, w->path[i]);
	for (size_t i = 0; i < w->n_logs; i++)
		visit(w, i);
	drop_old_wds(w);
	/* Who is told may ask for siblings, and then all ways must be known. */
	for (size_t i = 0; i < w->n_logs; i++)
		if (w->log[i].opened)
			tell_opened(w, i);
}

static bool matters(const struct watch *w, const struct inotify_event *event)
{
	if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT))
		return true;
	if (event->mask & IN_IGNORED)
		return contains(w->wd, w->n_wds, event->wd);
	for (size_t i = 0; i < w->n_looks && event->len > 0; i++) {
		const struct look *look = &w->look[i];

		if (look->wd == event->wd &&
		    (look->is_pattern ? fnmatch(look->name, event->name, FNM_PERIOD) == 0
				      : strcmp(look->name, event->name) == 0))
			return true;
	}
	return false;
}

/* Reads what events there are; true where one is about the way of a log. */
static bool read_events(const struct watch *w)
{
	_Alignas(struct inotify_event) char buf[16 * 1024];
	bool found = false;
	ssize_t len;

	/* Not for ever: a directory may change faster than this reads. */
	for (int i = 0; i < 64 && w->fd >= 0; i++) {
		len = read(w->fd, buf, sizeof(buf));
		if (len <= 0)
			break;
		for (const char *p = buf; p < buf + len;) {
			const struct inotify_event *event = (const void *)p;

			found = found || matters(w, event);
			p += sizeof(*event) + event->len;
		}
	}
	return found;
}

int watch_timeout_ms(const struct watch *w, struct instant now)
{
	int64_t passed = since(w->walked_at, now);

	if (!w->walked)
		return 0;
	if (!w->poll)
		return -1;
	if (passed < 0 || passed >= w->options.poll_ms)
		return 0;
	return (int)(w->options.poll_ms - passed);
}

void watch_ready(struct watch *w, struct instant now)
{
	bool changed = read_events(w);

	if (changed || watch_timeout_ms(w, now) == 0)
		walk_all(w, now);
}

void watch_tell(struct watch *w)
{
	for (size_t i = 0; i < w->n_logs; i++)
		if (w->log[i].fd >= 0)
			tell_opened(w, i);
}

static bool is_log(void *ctx, const char *dir, const char *name)
{
	const struct watch *w = ctx;

	for (size_t i = 0; i < w->n_logs; i++)
		if (w->log[i].dir && strcmp(w->log[i].dir, dir) == 0 &&
		    strcmp(w->log[i].name, name) == 0)
			return true;
	return false;
}

size_t watch_siblings(struct watch *w, size_t log,
		      void (*on_sibling)(void *ctx, size_t log, int fd), void *ctx)
{
	int fd[WATCH_SIBLINGS_MOST];
	size_t n;

	assert(log < w->n_logs);
	if (!w->log[log].dir)
		return 0;
	n = siblings_open(w->log[log].dir, w->log[log].name, is_log, w, fd, COUNT(fd));
	for (size_t i = 0; i < n; i++) {
		on_sibling(ctx, log, fd[i]);
		(void)close(fd[i]);
	}
	return n;
}
