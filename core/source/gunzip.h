/* gunzip.h - gzip streams, to their last good byte and with their checksums compared */
#pragma once

#include "core/base/err.h"
#include "core/source/unpack.h"

struct gunzip;

/* `name` is for messages; it and `ctx` are borrowed until gunzip_close(). */
struct gunzip *gunzip_open(const char *name, unpack_source *source, void *ctx);
void gunzip_close(struct gunzip *g); /* NULL is fine */

/* As unpack_read(). */
int gunzip_read(struct gunzip *g, char *buf, size_t room, size_t *got, struct err *err);
