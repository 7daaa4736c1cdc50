/* unpack.h - gzip, bzip2, xz and zstd, told by their first bytes */
#pragma once

#include "core/base/err.h"
#include "core/base/slice.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_BZIP2, PACKING_XZ, PACKING_ZSTD };

enum { PACKING_HEAD = 6 }; /* bytes that tell the packing */

/* What content that begins with `head` is packed in; fewer bytes are enough at its end. */
enum packing packing_of(struct slice head);

/*
 * Gives the next packed bytes: their number, and in *data where they are until the next call;
 * 0 at the end, -1 with errno set where they can't be read.
 */
typedef ssize_t unpack_source(void *ctx, const void **data);

struct unpack;

/* `name` is for messages; it and `ctx` are borrowed until unpack_close(). */
struct unpack *unpack_open(enum packing packing, const char *name, unpack_source *source,
			   void *ctx);
void unpack_close(struct unpack *u); /* NULL is fine */

/*
 * Fills `buf`; *got is less than `room` at the end alone. -1 where the packed data is damaged, cut
 * short, unreadable or followed by something else: the *got bytes are those before it. No more
 * calls after that.
 */
int unpack_read(struct unpack *u, char *buf, size_t room, size_t *got, struct err *err);
