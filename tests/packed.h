/* packed.h - text packed in each way that a log may be, by those whose ways they are */
#pragma once

#include "core/base/mem.h"
#include "core/source/unpack.h"

#include <assert.h>
#include <bzlib.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

struct text {
	char *ptr;
	size_t len;
};

static inline void pack_gzip(struct text plain, struct text *out, size_t room)
{
	z_stream z = { 0 };
	int rc = deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);

	assert(rc == Z_OK);
	z.next_in = (Bytef *)plain.ptr;
	z.avail_in = (uInt)plain.len;
	z.next_out = (Bytef *)out->ptr;
	z.avail_out = (uInt)room;
	rc = deflate(&z, Z_FINISH);
	assert(rc == Z_STREAM_END);
	out->len = z.total_out;
	(void)deflateEnd(&z);
}

/* With checksums in each way that has them; the caller frees. */
static inline struct text packed_text(enum packing packing, struct text plain)
{
	size_t room = plain.len + plain.len / 50 + 65536;
	struct text out = { xcalloc(room, 1), 0 };
	unsigned int len = (unsigned int)room;
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	char none[1], *in = plain.ptr ? plain.ptr : none;
	int rc = 0;

	if (packing == PACKING_GZIP) {
		pack_gzip(plain, &out, room);
	} else if (packing == PACKING_BZIP2) {
		rc = BZ2_bzBuffToBuffCompress(out.ptr, &len, in, (unsigned int)plain.len, 9, 0, 0);
		out.len = len;
	} else if (packing == PACKING_XZ) {
		rc = lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, (uint8_t *)in, plain.len,
					     (uint8_t *)out.ptr, &out.len, room);
	} else {
		rc = ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1));
		out.len = ZSTD_compress2(zstd, out.ptr, room, in, plain.len);
		rc |= ZSTD_isError(out.len);
	}
	assert(rc == 0 && out.len > 0);
	(void)ZSTD_freeCCtx(zstd);
	return out;
}
