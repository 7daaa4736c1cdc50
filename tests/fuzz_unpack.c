/*
 * fuzz_unpack - any bytes at all as a packed log
 *
 * The first byte chooses into what pieces the others come, the second how much is asked for at a
 * time. Where nothing is packed in a way that we know, gzip is tried. What comes out is good or an
 * error with a text; it fits the room given, and less of it is the end.
 */
#include "core/source/unpack.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { OUT_MOST = 4 << 20 }; /* of a bomb more than that is the same again */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left, piece;
};

static ssize_t give(void *ctx, const void **data)
{
	struct input *in = ctx;
	size_t n = in->left < in->piece ? in->left : in->piece;

	*data = in->data;
	in->data += n;
	in->left -= n;
	return (ssize_t)n;
}

static void unpack(enum packing packing, struct input in, size_t room)
{
	struct unpack *u = unpack_open(packing, "fuzz", give, &in);
	char *buf = malloc(room);
	struct err err = { 0 };
	bool more = true;

	for (size_t out = 0; more && out < OUT_MOST;) {
		size_t got = SIZE_MAX;
		int ret = unpack_read(u, buf, room, &got, &err);

		assert(got <= room);
		assert(ret == 0 ? !err.code : err.code && err.text[0]);
		more = ret == 0 && got == room;
		out += got;
	}
	free(buf);
	unpack_close(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in;
	enum packing packing;

	if (size < 2)
		return 0;
	in = (struct input){ data + 2, size - 2, data[0] ? data[0] : 65536 };
	packing = packing_of((struct slice){ (const char *)in.data, in.left });
	unpack(packing == PACKING_NONE ? PACKING_GZIP : packing, in,
	       ((size_t)data[1] + 1) * (data[1] < 128 ? 1 : 1024));
	return 0;
}
