/*
 * unpack - packed logs: streams of gzip, bzip2, xz or zstd, one behind the other
 *
 * The reader looks at the first bytes of a file and names the packing; from there on a file is
 * streams of that packing alone, so that a gzip file within a gzip file stays what it is. What all
 * four have in common is here: input comes in blocks from the source, streams follow each other
 * across the blocks' ends, and zeroes may fill up behind them. The library of each packing
 * (decoder.c) unpacks straight to where the lines will be searched.
 *
 * BUGS: a checksum is compared behind the text that it is of, which was handed out by then. What
 * has no text (empty streams, zstd's frames to be skipped) is passed over within one call.
 */
#include "core/source/unpack.h"

#include "core/base/mem.h"
#include "core/source/decoder.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static const struct decoder *const decoders[] = {
	[PACKING_GZIP] = &gzip_decoder,
	[PACKING_BZIP2] = &bzip2_decoder,
	[PACKING_XZ] = &xz_decoder,
	[PACKING_ZSTD] = &zstd_decoder,
};

static const struct {
	enum packing packing;
	unsigned char mask; /* of the first byte */
	struct slice bytes;
} magics[] = {
	{ PACKING_GZIP, 0xff, { "\x1f\x8b", 2 } },
	{ PACKING_BZIP2, 0xff, { "BZh", 3 } },
	{ PACKING_XZ, 0xff, { "\xfd\x37zXZ\0", 6 } },
	{ PACKING_ZSTD, 0xff, { "\x28\xb5\x2f\xfd", 4 } },
	/* Any of the 16 frames to be skipped (RFC 8878 3.1.2): pzstd begins with one. */
	{ PACKING_ZSTD, 0xf0, { "\x50\x2a\x4d\x18", 4 } },
};

struct unpack {
	const struct decoder *decoder;
	enum packing packing;
	const char *name;
	unpack_source *source;
	void *ctx;
	void *stream; /* the decoder's; NULL between two */
	struct flow flow;
	struct slice rest; /* of the source's block, behind flow.in */
	char head[PACKING_HEAD];
	uint64_t taken; /* packed bytes */
	bool ended;
};

enum packing packing_of(struct slice head)
{
	for (size_t i = 0; i < COUNT(magics); i++) {
		struct slice bytes = magics[i].bytes;

		if (head.len >= bytes.len && ((head.ptr[0] ^ bytes.ptr[0]) & magics[i].mask) == 0 &&
		    memcmp(head.ptr + 1, bytes.ptr + 1, bytes.len - 1) == 0)
			return magics[i].packing;
	}
	return PACKING_NONE;
}

struct unpack *unpack_open(enum packing packing, const char *name, unpack_source *source, void *ctx)
{
	struct unpack *u = xcalloc(1, sizeof(*u));

	assert(packing != PACKING_NONE);
	u->decoder = decoders[packing];
	u->packing = packing;
	u->name = name;
	u->source = source;
	u->ctx = ctx;
	return u;
}

static void end_stream(struct unpack *u)
{
	if (u->stream)
		u->decoder->end(u->stream);
	u->stream = NULL;
}

void unpack_close(struct unpack *u)
{
	if (!u)
		return;
	end_stream(u);
	free(u);
}

static int damaged(struct unpack *u, int code, const char *why, struct err *err)
{
	u->ended = true;
	return err_set(err, code, "%s: damaged %s data after %llu bytes: %s", u->name,
		       u->decoder->name, (unsigned long long)u->taken, why);
}

/* 1: there is input; 0: its end; -1: it can't be read. */
static int refill(struct unpack *u, struct err *err)
{
	const void *data = NULL;
	ssize_t n = (ssize_t)u->rest.len;

	if (u->flow.in_len > 0)
		return 1;
	if (n == 0)
		n = u->source(u->ctx, &data);
	else
		data = u->rest.ptr;
	if (n < 0)
		return damaged(u, errno, strerror(errno), err);
	u->rest.len = 0;
	u->flow.in = data;
	u->flow.in_len = (size_t)n;
	return n > 0;
}

/* Passes over zeroes that fill up and takes the first bytes behind them; -1: they can't be read. */
static int take_head(struct unpack *u, size_t *head_len, size_t *zeroes, struct err *err)
{
	int more = 1;

	while (*head_len < sizeof(u->head) && (more = refill(u, err)) > 0) {
		bool filler = *head_len == 0 && *u->flow.in == 0 && u->decoder->padding > 0;

		if (filler)
			(*zeroes)++;
		else
			u->head[(*head_len)++] = *u->flow.in;
		u->flow.in++;
		u->flow.in_len--;
	}
	u->taken += *zeroes;
	return more < 0 ? -1 : 0;
}

/* Where a stream may begin: it does, or the file ends, or what follows is none. */
static int next_stream(struct unpack *u, struct err *err)
{
	size_t head_len = 0, zeroes = 0;
	bool filled;

	if (take_head(u, &head_len, &zeroes, err) < 0)
		return -1;
	filled = zeroes == 0 || zeroes % u->decoder->padding == 0;
	if (filled && head_len == 0) {
		u->ended = true;
		return 0;
	}
	if (!filled || packing_of((struct slice){ u->head, head_len }) != u->packing)
		return damaged(u, EBADMSG, "what follows is something else", err);
	u->stream = u->decoder->start();
	u->rest = (struct slice){ u->flow.in, u->flow.in_len };
	u->flow.in = u->head;
	u->flow.in_len = head_len;
	return 0;
}

static int decode(struct unpack *u, struct err *err)
{
	size_t in_len = u->flow.in_len;
	const char *why = NULL;
	enum decoded decoded = u->decoder->decode(u->stream, &u->flow, &why);
	int more;

	u->taken += in_len - u->flow.in_len;
	if (decoded == DECODE_BAD)
		return damaged(u, EBADMSG, why, err);
	if (decoded == DECODE_END)
		end_stream(u);
	if (decoded == DECODE_END || u->flow.room == 0)
		return 0;
	more = refill(u, err);
	return more == 0 ? damaged(u, EBADMSG, "it is cut short", err) : more < 0 ? -1 : 0;
}

int unpack_read(struct unpack *u, char *buf, size_t room, size_t *got, struct err *err)
{
	int ret = 0;

	u->flow.out = buf;
	u->flow.room = room;
	while (ret == 0 && u->flow.room > 0 && !u->ended)
		ret = u->stream ? decode(u, err) : next_stream(u, err);
	*got = room - u->flow.room;
	return ret;
}
