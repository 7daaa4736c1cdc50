/*
 * skeleton - a plugin to be copied: one file for each decision that is in force
 *
 * What it does is small, but done as a plugin has to: the files are ID.json (or ID.user) in the
 * plugin's own folder, for some other program to read. Copy it, give it a name of your own here and
 * in `.name` below, and put in what your machine needs; doc/plugins.md goes through it line by line.
 *
 * Nothing in here is called from two threads, and each function may block.
 */
#include <postern-action.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Options and state of one instance. It is zeroed, then the options are filled in. */
struct skeleton {
	int content; /* index into contents[] */
	int keep;
	const struct postern_host *host;
	int dir;
};

enum content { CONTENT_JSON, CONTENT_USER };

static const char *const contents[] = { "json", "user", NULL };

/* The host reads these from the jail's file, and tells mistakes with file and line. */
static const struct postern_option options[] = {
	{ .type = POSTERN_CHOICE,
	  .name = "content",
	  .offset = offsetof(struct skeleton, content),
	  .standard = "json",
	  .help = "what a file holds: the decision (json) or the user's name alone (user)",
	  .choices = contents },
	{ .type = POSTERN_BOOL,
	  .name = "keep",
	  .offset = offsetof(struct skeleton, keep),
	  .standard = "no",
	  .help = "when a decision is lifted its file is kept, as ID.json.lifted" },
	{ 0 },
};

/* Called once, and again later where it fails. What it says then is shown by `postern status`. */
static int open_skeleton(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct skeleton *s = ctx;

	s->host = host;
	s->dir = open(host->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir >= 0)
		return 0;
	(void)snprintf(why, size, "%s: %s", host->state_dir, strerror(errno));
	return -1;
}

static void close_skeleton(void *ctx)
{
	struct skeleton *s = ctx;

	(void)close(s->dir);
}

/* Retry: what may mend itself, like a full disk. Failed: what an administrator has to mend. */
static void refuse(struct postern_item *item, const char *name, int code)
{
	item->result = code == EROFS || code == EACCES ? POSTERN_FAILED : POSTERN_RETRY;
	(void)snprintf(item->text, sizeof(item->text), "%s: %s", name, strerror(code));
}

/* A number, not the user: names are chosen by strangers, and "../../etc/x" is a valid one. */
static void name_file(const struct skeleton *s, const struct postern_item *item, char *name,
		      size_t size)
{
	(void)snprintf(name, size, "%" PRIu64 ".%s", item->id, contents[s->content]);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -1;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return fsync(fd);
}

/* A new file, then renamed: who reads it sees the old content or the new, and never a half. */
static void apply_one(const struct skeleton *s, struct postern_item *item)
{
	const char *text = s->content == CONTENT_USER ? item->user : item->json;
	char name[64], temporary[72];
	int fd, code = 0;

	name_file(s, item, name, sizeof(name));
	(void)snprintf(temporary, sizeof(temporary), "%s.new", name);
	fd = openat(s->dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0) {
		refuse(item, name, errno);
		return;
	}
	if (write_all(fd, text ? text : "", text ? strlen(text) : 0) < 0)
		code = errno;
	if (close(fd) < 0 && !code)
		code = errno;
	if (!code && renameat(s->dir, temporary, s->dir, name) < 0)
		code = errno;
	if (code) {
		(void)unlinkat(s->dir, temporary, 0);
		refuse(item, name, code);
	}
}

/* What is gone already is done: lift() may come twice, or for what was never applied. */
static void lift_one(const struct skeleton *s, struct postern_item *item)
{
	char name[64], kept[80];
	int rc;

	name_file(s, item, name, sizeof(name));
	(void)snprintf(kept, sizeof(kept), "%s.lifted", name);
	rc = s->keep ? renameat(s->dir, name, s->dir, kept) : unlinkat(s->dir, name, 0);
	if (rc < 0 && errno != ENOENT)
		refuse(item, name, errno);
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		apply_one(ctx, &items[i]);
}

static void lift(void *ctx, struct postern_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lift_one(ctx, &items[i]);
}

/* What would not work on this machine. Called without open(). */
static void check(void *ctx, const struct postern_host *host, postern_complain *complain, void *to)
{
	char text[256];

	(void)ctx;
	if (access(host->state_dir, W_OK) == 0 || errno == ENOENT)
		return;
	(void)snprintf(text, sizeof(text), "%.200s: %s", host->state_dir, strerror(errno));
	complain(to, text);
}

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "skeleton",
	.summary = "keeps a file for each decision that is in force",
	.wants = POSTERN_WANTS_USERS | POSTERN_WANTS_ADDRESSES,
	.options = options,
	.ctx_size = sizeof(struct skeleton),
	.open = open_skeleton,
	.close = close_skeleton,
	.apply = apply,
	.lift = lift,
	.check = check,
};
