/*
 * unpack - packed logs, through libarchive; gzip through zlib (gunzip.c)
 *
 * A rotated log is a bare gzip, bzip2, xz or zstd stream, or several of them one behind the
 * other. The reader looks at the first bytes and names the packing; libarchive is told so and
 * guesses nothing more, so that a gzip file within a gzip file stays what it is. Its blocks are
 * taken as they leave the decompressor and copied once, to where the lines will be searched.
 *
 * BUGS: libarchive (3.6) keeps to itself what its decompressor had unpacked into the block in
 * which it met the damage: the last 64 KiB before it (128 KiB with zstd) may be missing. Checksums
 * are compared at the end of a block that was handed out already.
 */
#include "core/source/unpack.h"

#include "core/base/mem.h"
#include "core/source/gunzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static const struct {
	const char *name;
	struct slice magic;
	int filter;
} packings[] = {
	[PACKING_GZIP] = { "gzip", { "\x1f\x8b", 2 }, 0 },
	[PACKING_BZIP2] = { "bzip2", { "BZh", 3 }, ARCHIVE_FILTER_BZIP2 },
	[PACKING_XZ] = { "xz",
			 { "\xfd"
			   "7zXZ\0",
			   6 },
			 ARCHIVE_FILTER_XZ },
	[PACKING_ZSTD] = { "zstd", { "\x28\xb5\x2f\xfd", 4 }, ARCHIVE_FILTER_ZSTD },
};

struct unpack {
	struct gunzip *gunzip; /* of gzip; nothing below is of use then */
	struct archive *archive;
	enum packing packing;
	const char *name;
	unpack_source *source;
	void *ctx;
	struct slice piece; /* unpacked and not yet handed out; libarchive's memory */
	bool ended;
};

enum packing packing_of(struct slice head)
{
	for (size_t i = PACKING_GZIP; i < COUNT(packings); i++) {
		struct slice magic = packings[i].magic;

		if (head.len >= magic.len && memcmp(head.ptr, magic.ptr, magic.len) == 0)
			return (enum packing)i;
	}
	return PACKING_NONE;
}

static la_ssize_t on_read(struct archive *archive, void *ctx, const void **data)
{
	struct unpack *u = ctx;
	ssize_t got = u->source(u->ctx, data);

	if (got < 0)
		archive_set_error(archive, errno, "%s", strerror(errno));
	return got;
}

static int damaged(struct unpack *u, struct err *err)
{
	const char *why = archive_error_string(u->archive);
	int code = archive_errno(u->archive);

	u->ended = true;
	return err_set(err, code > 0 ? code : EBADMSG, "%s: damaged %s data after %lld bytes: %s",
		       u->name, packings[u->packing].name,
		       (long long)archive_filter_bytes(u->archive, -1),
		       why ? why : "unknown error");
}

/* libarchive's "raw" has one entry that is all of the content; "empty" has none. */
static int open_entry(struct unpack *u, struct err *err)
{
	struct archive *a = u->archive;
	struct archive_entry *entry;
	int ret;

	if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(a) != ARCHIVE_OK ||
	    archive_read_append_filter(a, packings[u->packing].filter) != ARCHIVE_OK)
		return err_set(err, ENOTSUP, "%s: this libarchive can't unpack %s", u->name,
			       packings[u->packing].name);
	/* Damage in the first block looks like empty content but for the error that it leaves. */
	if (archive_read_open(a, u, NULL, on_read, NULL) != ARCHIVE_OK || archive_errno(a) != 0)
		return damaged(u, err);
	ret = archive_read_next_header(a, &entry);
	if (ret != ARCHIVE_OK && ret != ARCHIVE_EOF)
		return damaged(u, err);
	u->ended = ret == ARCHIVE_EOF;
	/* To libarchive a header that makes no sense is an end like any other. */
	if (u->ended && archive_filter_bytes(a, -1) == 0) {
		archive_set_error(a, EBADMSG, "it ends within its header");
		return damaged(u, err);
	}
	return 0;
}

int unpack_open(struct unpack **out, enum packing packing, const char *name, unpack_source *source,
		void *ctx, struct err *err)
{
	struct unpack *u = xcalloc(1, sizeof(*u));

	assert(packing != PACKING_NONE);
	if (packing == PACKING_GZIP) {
		u->gunzip = gunzip_open(name, source, ctx);
		*out = u;
		return 0;
	}
	*u = (struct unpack){ NULL, archive_read_new(), packing, name, source,
			      ctx,  { NULL, 0 },        false };
	if (!u->archive || open_entry(u, err) < 0) {
		if (!u->archive)
			(void)err_set(err, ENOMEM, "%s: libarchive has no memory", name);
		unpack_close(u);
		return -1;
	}
	*out = u;
	return 0;
}

void unpack_close(struct unpack *u)
{
	if (!u)
		return;
	gunzip_close(u->gunzip);
	archive_read_free(u->archive);
	free(u);
}

int unpack_read(struct unpack *u, char *buf, size_t room, size_t *got, struct err *err)
{
	size_t used = 0;
	int ret = ARCHIVE_OK;

	if (u->gunzip)
		return gunzip_read(u->gunzip, buf, room, got, err);
	while (used < room && !u->ended) {
		size_t take = u->piece.len < room - used ? u->piece.len : room - used;
		const void *data = NULL;
		la_int64_t offset;

		if (take > 0) {
			memcpy(buf + used, u->piece.ptr, take);
			used += take;
			u->piece.ptr += take;
			u->piece.len -= take;
			continue;
		}
		/* archive_read_data() would forget what it had copied when it meets damage. */
		ret = archive_read_data_block(u->archive, &data, &u->piece.len, &offset);
		u->piece.ptr = data;
		u->ended = ret != ARCHIVE_OK;
	}
	*got = used;
	return ret < ARCHIVE_OK ? damaged(u, err) : 0;
}
