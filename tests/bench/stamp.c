/*
 * stamp - an action that notes when it was called, for the bench
 *
 * A line "ADDRESS MICROSECONDS" for each item, in the file of the option `file`.
 */
#include "postern-action.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct stamp {
	const char *file;
	const struct postern_host *host;
	int fd;
};

static int open_file(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct stamp *s = ctx;

	s->host = host;
	s->fd = open(s->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (s->fd < 0)
		(void)snprintf(why, size, "%s can't be written", s->file);
	return s->fd < 0 ? -1 : 0;
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	struct stamp *s = ctx;
	struct timespec now;
	char text[50];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; i < n; i++)
		if (items[i].n_addresses > 0)
			(void)dprintf(s->fd, "%s %lld\n",
				      s->host->address_text(&items[i].address[0], text),
				      now.tv_sec * 1000000LL + now.tv_nsec / 1000);
}

static void lift(void *ctx, struct postern_item *items, size_t n)
{
	(void)ctx;
	(void)items;
	(void)n;
}

static const struct postern_option options[] = {
	{ .type = POSTERN_PATH,
	  .name = "file",
	  .offset = offsetof(struct stamp, file),
	  .help = "where to note it" },
	{ 0 },
};

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "stamp",
	.summary = "notes when it was called",
	.wants = POSTERN_WANTS_ADDRESSES | POSTERN_WANTS_ONCE,
	.options = options,
	.ctx_size = sizeof(struct stamp),
	.open = open_file,
	.apply = apply,
	.lift = lift,
};
