/*
 * gunzip - gzip streams, through zlib
 *
 * The usual packing of rotated logs has a path of its own, because zlib gives every byte that comes
 * before a damage and compares the checksum, where libarchive does neither. A log may be several
 * streams one behind the other (RFC 1952 2.2); zeroes behind the last are padding, as for gzip(1).
 */
#include "core/source/gunzip.h"

#include "core/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { GZIP_WINDOW = 16 + MAX_WBITS }; /* zlib.h, inflateInit2(): gzip alone */

struct gunzip {
	z_stream z;
	const char *name;
	unpack_source *source;
	void *ctx;
	bool between; /* streams: the last one has ended */
	bool ended;
};

struct gunzip *gunzip_open(const char *name, unpack_source *source, void *ctx)
{
	struct gunzip *g = xcalloc(1, sizeof(*g));

	g->name = name;
	g->source = source;
	g->ctx = ctx;
	if (inflateInit2(&g->z, GZIP_WINDOW) != Z_OK)
		abort(); /* it has no memory: see mem.c */
	return g;
}

void gunzip_close(struct gunzip *g)
{
	if (!g)
		return;
	(void)inflateEnd(&g->z);
	free(g);
}

static int damaged(struct gunzip *g, int code, const char *why, struct err *err)
{
	g->ended = true;
	return err_set(err, code, "%s: damaged gzip data after %lu bytes: %s", g->name,
		       g->z.total_in, why);
}

/* 1: there is input; 0: its end; -1: it can't be read. */
static int refill(struct gunzip *g, struct err *err)
{
	const void *data = NULL;
	ssize_t n = g->z.avail_in > 0 ? 0 : g->source(g->ctx, &data);

	if (g->z.avail_in > 0)
		return 1;
	if (n < 0)
		return damaged(g, errno, strerror(errno), err);
	g->z.next_in = (Bytef *)(uintptr_t)data;
	g->z.avail_in = (uInt)n;
	return n > 0;
}

/* Behind a stream: another one, padding, or the end. */
static int next_stream(struct gunzip *g, struct err *err)
{
	while (g->z.avail_in > 0 && *g->z.next_in == 0) {
		g->z.next_in++;
		g->z.avail_in--;
	}
	if (g->z.avail_in == 0)
		return 0;
	if (*g->z.next_in != 0x1f)
		return damaged(g, EBADMSG, "what follows is not gzip", err);
	g->between = false;
	if (inflateReset(&g->z) != Z_OK)
		return damaged(g, EBADMSG, "zlib can't begin anew", err);
	return 0;
}

static int inflate_some(struct gunzip *g, struct err *err)
{
	switch (inflate(&g->z, Z_NO_FLUSH)) {
	case Z_OK:
	case Z_BUF_ERROR:
		return 0;
	case Z_STREAM_END:
		g->between = true;
		return 0;
	default:
		return damaged(g, EBADMSG, g->z.msg ? g->z.msg : "it makes no sense", err);
	}
}

int gunzip_read(struct gunzip *g, char *buf, size_t room, size_t *got, struct err *err)
{
	int ret = 0;

	g->z.next_out = (Bytef *)buf;
	g->z.avail_out = room < UINT_MAX ? (uInt)room : UINT_MAX;
	while (ret == 0 && g->z.avail_out > 0 && !g->ended) {
		int rc = refill(g, err);

		if (rc == 0 && !g->between)
			ret = damaged(g, EBADMSG,
				      g->z.total_out ? "truncated gzip input"
						     : "it ends within its header",
				      err);
		else if (rc == 0)
			g->ended = true;
		else
			ret = rc < 0 ? -1 : g->between ? next_stream(g, err) : inflate_some(g, err);
	}
	*got = (size_t)((char *)g->z.next_out - buf);
	return ret;
}
