/* decoder.h - a stream of packed bytes, whichever library unpacks it */
#pragma once

#include <stddef.h>

/* Packed bytes to be taken and room for unpacked ones; both begin where the last call stopped. */
struct flow {
	const char *in;
	size_t in_len;
	char *out;
	size_t room;
};

enum decoded {
	DECODE_ON, /* where input and room are left it goes on; where room alone is, it needs input */
	DECODE_END, /* the stream is complete and its checksum right */
	DECODE_BAD, /* what was put into the room until then is good */
};

struct decoder {
	const char *name;
	size_t padding; /* zeroes behind a stream mean nothing in multiples of it; 0: never */
	/* A stream from its first byte on; it is given to end(). */
	void *(*start)(void);
	/* *why, of DECODE_BAD alone, is static or lives as long as the stream. */
	enum decoded (*decode)(void *stream, struct flow *flow, const char **why);
	void (*end)(void *stream);
};

extern const struct decoder gzip_decoder, bzip2_decoder, xz_decoder, zstd_decoder;
