/*
 * fuzz_channel.c - bytes from another process of ours that was taken over
 *
 * Whatever comes: every message handed out lies within what was sent, and what is read out of it as
 * numbers and texts lies within the message. The first byte says in how many pieces it arrives.
 */
#include "core/base/channel.h"

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT_MOST = 60000 }; /* what a socket takes at once */

static size_t take_apart(struct slice body)
{
	struct packed p = packed_of(body);
	size_t sum = 0;

	while (!p.bad && !packed_end(&p)) {
		struct slice s;

		sum += packed_u32(&p) + packed_u16(&p) + packed_u8(&p) + packed_u64(&p) % 7;
		sum += packed_count(&p, 3);
		s = packed_slice(&p);
		for (size_t i = 0; i < s.len; i++)
			sum += (unsigned char)s.ptr[i];
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t pieces, piece, total = 0;
	struct channel *c;
	struct message m = { 0 };
	struct err err;
	int fd[2], rc = 0;

	if (size < 1 || size > INPUT_MOST || socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		return 0;
	pieces = 1 + data[0] % 8;
	piece = size / pieces + 1;
	c = channel_new(fd[0]);
	for (size_t at = 1; at < size && rc >= 0; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		if (write(fd[1], data + at, n) != (ssize_t)n)
			break;
		while ((rc = channel_receive(c, &m, &err)) > 0) {
			total += m.body.len;
			assert(total <= size && m.fd == -1);
			(void)take_apart(m.body);
		}
	}
	(void)close(fd[1]);
	channel_free(c);
	return 0;
}
