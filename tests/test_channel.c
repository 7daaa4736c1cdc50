/* test_channel.c - packed values and messages: what was sent arrives, what is damaged is refused */
#include "core/base/channel.h"

#include "tests/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void reads_back(void **state)
{
	struct pack p = { 0 };
	struct packed r;
	char four[4];

	(void)state;
	pack_u8(&p, 200);
	pack_u16(&p, 60000);
	pack_u32(&p, 4000000000U);
	pack_u64(&p, UINT64_MAX - 1);
	pack_text(&p, "joe");
	pack_text(&p, NULL);
	pack_slice(&p, (struct slice){ "a\0b", 3 });
	pack_number(&p, 0);
	pack_number(&p, 300);
	pack_number(&p, UINT64_MAX);
	pack_bytes(&p, "abcd", 4);
	r = packed_of(pack_contents(&p));
	assert_int_equal(packed_u8(&r), 200);
	assert_int_equal(packed_u16(&r), 60000);
	assert_true(packed_u32(&r) == 4000000000U);
	assert_true(packed_u64(&r) == UINT64_MAX - 1);
	assert_true(slice_is(packed_slice(&r), "joe"));
	assert_null(packed_slice(&r).ptr);
	assert_int_equal(packed_slice(&r).len, 3);
	assert_int_equal(packed_number(&r), 0);
	assert_int_equal(packed_number(&r), 300);
	assert_true(packed_number(&r) == UINT64_MAX);
	assert_false(packed_end(&r));
	packed_bytes(&r, four, sizeof(four));
	assert_memory_equal(four, "abcd", 4);
	assert_true(packed_end(&r));
	(void)packed_u8(&r);
	assert_true(r.bad);
	pack_fini(&p);
}

static const struct damage {
	const char *name;
	const char *bytes;
	size_t len;
} damages[] = {
	{ "nothing", "", 0 },
	{ "a length cut short", "\3\0\0", 3 },
	{ "a text cut short", "\4\0\0\0abc", 7 },
	{ "a length beyond all",
	  "\xfe\xff\xff\xff"
	  "abc",
	  7 },
};

static void is_bad(void **state)
{
	const struct damage *row = *state;
	struct packed p = packed_of((struct slice){ row->bytes, row->len });

	assert_null(packed_slice(&p).ptr);
	assert_true(p.bad);
	assert_int_equal(packed_u32(&p), 0);
}

static void counts_are_bounded(void **state)
{
	struct packed good = packed_of((struct slice){ "\2\0\0\0abcd", 8 });
	struct packed bad = packed_of((struct slice){ "\3\0\0\0abcd", 8 });

	(void)state;
	assert_int_equal(packed_count(&good, 2), 2);
	assert_int_equal(packed_count(&bad, 2), 0);
	assert_true(bad.bad);
}

static void pair(struct channel *c[2])
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	c[0] = channel_new(fd[0]);
	c[1] = channel_new(fd[1]);
}

/* Messages large and small, sent faster than they are read, arrive whole and in order. */
static void arrive_in_order(void **state)
{
	enum { MESSAGES = 200 };
	char *big = xcalloc(30000, 1);
	struct channel *c[2];
	struct message m;
	struct err err;
	int got = 0, rc;

	(void)state;
	pair(c);
	for (int i = 0; i < MESSAGES; i++) {
		memset(big, 'a' + i % 26, 30000);
		assert_int_equal(channel_send(c[0], (uint16_t)i,
					      (struct slice){ big, (size_t)i * 149 }, -1, &err),
				 0);
	}
	assert_true(channel_waiting(c[0]) > 0);
	while (got < MESSAGES) {
		assert_true(channel_flush(c[0], &err) >= 0);
		while ((rc = channel_receive(c[1], &m, &err)) == 1) {
			assert_int_equal(m.type, got);
			assert_int_equal(m.body.len, got * 149);
			assert_int_equal(m.fd, -1);
			for (size_t k = 0; k < m.body.len; k++)
				assert_int_equal(m.body.ptr[k], 'a' + got % 26);
			got++;
		}
		assert_int_equal(rc, 0);
	}
	assert_int_equal(channel_waiting(c[0]), 0);
	channel_free(c[0]);
	assert_int_equal(channel_receive(c[1], &m, &err), -1);
	assert_int_equal(err.code, ENOTCONN);
	channel_free(c[1]);
	free(big);
}

/* A descriptor goes with its own message, whatever stands before and behind it. */
static void descriptors_pass(void **state)
{
	struct channel *c[2];
	struct message m;
	struct err err;
	int fd[2];
	char byte = 0;

	(void)state;
	pair(c);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(channel_send(c[0], 1, slice_of("before"), -1, &err), 0);
	assert_int_equal(channel_send(c[0], 2, slice_of("with"), fd[0], &err), 0);
	assert_int_equal(channel_send(c[0], 3, slice_of(""), -1, &err), 0);
	assert_int_equal(channel_receive(c[1], &m, &err), 1);
	assert_int_equal(m.fd, -1);
	assert_int_equal(channel_receive(c[1], &m, &err), 1);
	assert_int_equal(m.type, 2);
	assert_true(m.fd >= 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(read(m.fd, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	(void)close(m.fd);
	assert_int_equal(channel_receive(c[1], &m, &err), 1);
	assert_int_equal(m.type, 3);
	assert_int_equal(m.fd, -1);
	assert_int_equal(channel_receive(c[1], &m, &err), 0);
	(void)close(fd[0]);
	(void)close(fd[1]);
	channel_free(c[0]);
	channel_free(c[1]);
}

static void too_long_ends_it(void **state)
{
	struct channel *c;
	struct message m;
	struct err err;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	c = channel_new(fd[0]);
	assert_int_equal(write(fd[1], "\xff\xff\xff\x7f\1\0", 6), 6);
	assert_int_equal(channel_receive(c, &m, &err), -1);
	assert_int_equal(err.code, EPROTO);
	channel_free(c);
	(void)close(fd[1]);
}

int main(void)
{
	struct CMUnitTest tests[5 + COUNT(damages)] = {
		cmocka_unit_test(reads_back),       cmocka_unit_test(counts_are_bounded),
		cmocka_unit_test(arrive_in_order),  cmocka_unit_test(descriptors_pass),
		cmocka_unit_test(too_long_ends_it),
	};
	size_t n = 5;

	ADD_ROWS(tests, n, damages, is_bad);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
