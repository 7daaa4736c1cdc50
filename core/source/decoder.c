/*
 * decoder - gzip, bzip2, xz and zstd streams, through the libraries of those who made them
 *
 * Below unpack.c, which knows of files: here is what differs between the four. All of them take
 * bytes at one place and put bytes at another, and stop where either side has no more. Each knows
 * one stream, and is told nothing of what may follow it.
 *
 * What a header asks for in memory is bounded: gzip and bzip2 can't ask for much, libzstd refuses
 * a window above 128 MiB (ZSTD_d_windowLogMax) by itself, and liblzma above what we tell it.
 */
#include "core/source/decoder.h"

#include "core/base/mem.h"

#include <bzlib.h>
#include <limits.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
	GZIP_WINDOW = 16 + MAX_WBITS, /* zlib.h, inflateInit2(): gzip alone */
	XZ_MEMORY_MIB = 256,          /* xz_problem() names it; xz -9 needs 65 */
	ZSTD_BLOCK_HEADER = 3,        /* RFC 8878 3.1.1.2 */
};

/* zlib and libbz2 count in unsigned int, and write no input whatever their types say. */
static unsigned int count_of(size_t len)
{
	return len < UINT_MAX ? (unsigned int)len : UINT_MAX;
}

static void *bytes_of(const char *in)
{
	return (void *)(uintptr_t)in;
}

static void advance(struct flow *flow, size_t taken, size_t put)
{
	flow->in += taken;
	flow->in_len -= taken;
	flow->out += put;
	flow->room -= put;
}

static void *gzip_start(void)
{
	z_stream *z = xcalloc(1, sizeof(*z));

	if (inflateInit2(z, GZIP_WINDOW) != Z_OK)
		abort(); /* it has no memory: see mem.c */
	return z;
}

static void gzip_end(void *stream)
{
	(void)inflateEnd(stream);
	free(stream);
}

static enum decoded gzip_decode(void *stream, struct flow *flow, const char **why)
{
	unsigned int in_len = count_of(flow->in_len), room = count_of(flow->room);
	z_stream *z = stream;
	int rc;

	z->next_in = bytes_of(flow->in);
	z->avail_in = in_len;
	z->next_out = (Bytef *)flow->out;
	z->avail_out = room;
	rc = inflate(z, Z_NO_FLUSH);
	advance(flow, in_len - z->avail_in, room - z->avail_out);
	if (rc == Z_STREAM_END)
		return DECODE_END;
	*why = z->msg ? z->msg : zError(rc);
	return rc == Z_OK || rc == Z_BUF_ERROR ? DECODE_ON : DECODE_BAD;
}

static void *bzip2_start(void)
{
	bz_stream *bz = xcalloc(1, sizeof(*bz));

	if (BZ2_bzDecompressInit(bz, 0, 0) != BZ_OK)
		abort(); /* it has no memory: see mem.c */
	return bz;
}

static void bzip2_end(void *stream)
{
	(void)BZ2_bzDecompressEnd(stream);
	free(stream);
}

static enum decoded bzip2_decode(void *stream, struct flow *flow, const char **why)
{
	unsigned int in_len = count_of(flow->in_len), room = count_of(flow->room);
	bz_stream *bz = stream;
	int rc;

	bz->next_in = bytes_of(flow->in);
	bz->avail_in = in_len;
	bz->next_out = flow->out;
	bz->avail_out = room;
	rc = BZ2_bzDecompress(bz);
	advance(flow, in_len - bz->avail_in, room - bz->avail_out);
	if (rc == BZ_STREAM_END)
		return DECODE_END;
	*why = rc == BZ_MEM_ERROR ? "no memory" : "a code or checksum is wrong";
	return rc == BZ_OK ? DECODE_ON : DECODE_BAD;
}

static void *xz_start(void)
{
	lzma_stream *lzma = xcalloc(1, sizeof(*lzma));

	*lzma = (lzma_stream)LZMA_STREAM_INIT;
	if (lzma_stream_decoder(lzma, (uint64_t)XZ_MEMORY_MIB << 20, 0) != LZMA_OK)
		abort(); /* it has no memory: see mem.c */
	return lzma;
}

static void xz_end(void *stream)
{
	lzma_end(stream);
	free(stream);
}

static const char *xz_problem(lzma_ret rc)
{
	if (rc == LZMA_MEMLIMIT_ERROR)
		return "it takes more than 256 MiB of memory to unpack";
	if (rc == LZMA_MEM_ERROR)
		return "no memory";
	if (rc == LZMA_OPTIONS_ERROR)
		return "it was packed in a way that liblzma does not know";
	return "a code or checksum is wrong";
}

static enum decoded xz_decode(void *stream, struct flow *flow, const char **why)
{
	lzma_stream *lzma = stream;
	lzma_ret rc;

	lzma->next_in = bytes_of(flow->in);
	lzma->avail_in = flow->in_len;
	lzma->next_out = (uint8_t *)flow->out;
	lzma->avail_out = flow->room;
	rc = lzma_code(lzma, LZMA_RUN);
	advance(flow, flow->in_len - lzma->avail_in, flow->room - lzma->avail_out);
	if (rc == LZMA_STREAM_END)
		return DECODE_END;
	*why = xz_problem(rc);
	return rc == LZMA_OK || rc == LZMA_BUF_ERROR ? DECODE_ON : DECODE_BAD;
}

struct zstd {
	ZSTD_DStream *d;
	size_t wanted; /* bytes of input, to the end of the next block's header */
	bool filled;   /* all the room it had: there may be more of the block */
};

static void *zstd_start(void)
{
	struct zstd *zstd = xcalloc(1, sizeof(*zstd));

	zstd->d = ZSTD_createDStream();
	if (!zstd->d)
		abort(); /* it has no memory: see mem.c */
	zstd->wanted = ZSTD_initDStream(zstd->d);
	return zstd;
}

static void zstd_end(void *stream)
{
	struct zstd *zstd = stream;

	(void)ZSTD_freeDStream(zstd->d);
	free(zstd);
}

/*
 * A call that meets damage does not say what it had unpacked before. So none gets more than one
 * block, without the header of the next, and none any before the last one's text is out.
 */
static enum decoded zstd_decode(void *stream, struct flow *flow, const char **why)
{
	struct zstd *zstd = stream;
	size_t block = zstd->wanted - (zstd->wanted > ZSTD_BLOCK_HEADER ? ZSTD_BLOCK_HEADER : 0);
	size_t some = flow->in_len < block ? flow->in_len : block;
	ZSTD_inBuffer in = { flow->in, zstd->filled ? 0 : some, 0 };
	ZSTD_outBuffer out = { flow->out, flow->room, 0 };
	size_t rc = ZSTD_decompressStream(zstd->d, &out, &in);

	advance(flow, in.pos, out.pos);
	if (ZSTD_isError(rc)) {
		*why = ZSTD_getErrorName(rc);
		return DECODE_BAD;
	}
	zstd->wanted = rc;
	zstd->filled = out.pos == out.size;
	return rc == 0 ? DECODE_END : DECODE_ON;
}

const struct decoder gzip_decoder = { "gzip", 1, gzip_start, gzip_decode, gzip_end };
const struct decoder bzip2_decoder = { "bzip2", 0, bzip2_start, bzip2_decode, bzip2_end };
const struct decoder xz_decoder = { "xz", 4, xz_start, xz_decode, xz_end };
const struct decoder zstd_decoder = { "zstd", 0, zstd_start, zstd_decode, zstd_end };
