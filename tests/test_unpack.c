/*
 * test_unpack - all that comes before a damage, and nothing made of it
 *
 * Rows are recipes for files of one packing: what they consist of is one letter a part. Each is
 * unpacked in every combination of small and large pieces of input and room for output. Then a
 * file of two streams is cut behind each of its bytes, and has each of them spoilt.
 */
#include "core/source/unpack.h"

#include "tests/packed.h"
#include "tests/rows.h"

#include <errno.h>
#include <stdbool.h>

#define FOREIGN "what follows is something else"

enum {
	GZIP = 1 << PACKING_GZIP,
	BZIP2 = 1 << PACKING_BZIP2,
	XZ = 1 << PACKING_XZ,
	ZSTD = 1 << PACKING_ZSTD,
	EACH = GZIP | BZIP2 | XZ | ZSTD,
	ROOM = 4096, /* for any of the small files, packed or not */
	NOISE = 4000000,
	MOST = 4 * NOISE, /* that comes out, even of spoilt data */
};

/*
 * a, b: streams of "one\n" and "two\n"; e: an empty stream; 0: a zero byte; g: a line of text, x: a
 * byte of it; o: a stream of another packing; s: what zstd skips; h: of zstd, a good block and the
 * header of one that can't be; m: a stream whose header asks for gigabytes of memory.
 */
static const struct row {
	const char *name;
	unsigned int packings;
	const char *parts, *want, *error;
} rows[] = {
	{ "one stream", EACH, "a", "one\n", NULL },
	{ "two streams", EACH, "ab", "one\ntwo\n", NULL },
	{ "empty", EACH, "e", "", NULL },
	{ "empty ones around", EACH, "eeaeebee", "one\ntwo\n", NULL },
	{ "text behind", EACH, "ag", "one\n", FOREIGN },
	{ "a byte behind", EACH, "abx", "one\ntwo\n", FOREIGN },
	{ "text between", EACH, "agb", "one\n", FOREIGN },
	{ "text behind an empty one", EACH, "eg", "", FOREIGN },
	{ "another packing behind", EACH, "ao", "one\n", FOREIGN },
	{ "zeroes behind", GZIP, "ab00000", "one\ntwo\n", NULL },
	{ "zeroes between", GZIP, "a0b000b", "one\ntwo\ntwo\n", NULL },
	{ "zeroes, then text", GZIP, "a000g", "one\n", FOREIGN },
	{ "four zeroes behind", XZ, "a0000", "one\n", NULL },
	{ "eight zeroes between", XZ, "a00000000b", "one\ntwo\n", NULL },
	{ "three zeroes behind", XZ, "a000", "one\n", FOREIGN },
	{ "five zeroes between", XZ, "a00000b", "one\n", FOREIGN },
	{ "zeroes behind", BZIP2 | ZSTD, "a0000", "one\n", FOREIGN },
	{ "what is skipped, in front", ZSTD, "ssa", "one\n", NULL },
	{ "what is skipped, around", ZSTD, "asebs", "one\ntwo\n", NULL },
	{ "what is skipped, alone", ZSTD, "s", "", NULL },
	{ "a bad block behind a good one", ZSTD, "ah", "one\ntwo\n", "corrupt" },
	{ "gigabytes of memory", XZ, "m", "", "it takes more than 256 MiB of memory to unpack" },
	{ "gigabytes of memory", ZSTD, "m", "", "Frame requires too much memory for decoding" },
	{ "gigabytes of memory, later", XZ | ZSTD, "am", "one\n", "memory" },
};

/* A source that hands out so many bytes at a time. */
struct pieces {
	struct text content;
	size_t at, piece;
	bool breaks; /* at its end */
};

static ssize_t give(void *ctx, const void **data)
{
	struct pieces *p = ctx;
	size_t left = p->content.len - p->at, n = left < p->piece ? left : p->piece;

	*data = p->content.ptr + p->at;
	p->at += n;
	errno = EIO;
	return n == 0 && p->breaks ? -1 : (ssize_t)n;
}

/* Unpacks all into `out`, which has room for MOST, `room` bytes at a time; returns the last result. */
static int unpack_all(enum packing packing, struct pieces in, size_t room, struct text *out,
		      struct err *err)
{
	struct unpack *u = unpack_open(packing, "log.1", give, &in);
	size_t got;
	int ret;

	out->len = 0;
	do {
		char *buf = xcalloc(room, 1); /* of just this size, for the sanitiser */

		ret = unpack_read(u, buf, room, &got, err);
		assert_in_range(got, 0, room < MOST - out->len ? room : MOST - out->len);
		memcpy(out->ptr + out->len, buf, got);
		out->len += got;
		free(buf);
	} while (ret == 0 && got == room);
	if (ret == 0) {
		assert_int_equal(unpack_read(u, out->ptr, room, &got, err), 0);
		assert_int_equal(got, 0);
	}
	unpack_close(u);
	return ret;
}

/* The header of a stream with the greatest dictionary that there is, and a right checksum. */
static struct text greedy_xz(void)
{
	struct text some = packed_text(PACKING_XZ, (struct text){ (char[]){ "one\n" }, 4 });
	size_t header = 12, len = ((size_t)(unsigned char)some.ptr[header] + 1) * 4;
	char *filter = memmem(some.ptr + header, len, "\x21\x01", 2); /* LZMA2, a byte of options */
	uint32_t sum;

	assert_non_null(filter);
	filter[2] = 40; /* 4 GiB less a byte */
	sum = lzma_crc32((uint8_t *)some.ptr + header, len - 4, 0);
	memcpy(some.ptr + header + len - 4, &sum, 4);
	return some;
}

static struct text greedy_zstd(void)
{
	static const char frame[] = "\x28\xb5\x2f\xfd\0\xa8\1\0\0"; /* a window of 2 GiB */

	return (struct text){ xstrndup(frame, sizeof(frame) - 1), sizeof(frame) - 1 };
}

static struct text cook_part(enum packing packing, char part)
{
	static char one[] = "one\n", two[] = "two\n";
	const char *raw = part == 'g' ? "Nov 20 23:56:35 mail x: y\n" : part == 'x' ? "x" : "\0";
	size_t len = part == 'g' ? strlen(raw) : 1;

	switch (part) {
	case 'a':
		return packed_text(packing, (struct text){ one, 4 });
	case 'b':
		return packed_text(packing, (struct text){ two, 4 });
	case 'e':
		return packed_text(packing, (struct text){ NULL, 0 });
	case 'o':
		return packed_text(packing == PACKING_GZIP ? PACKING_XZ : PACKING_GZIP,
				   (struct text){ two, 4 });
	case 's':
		raw = "\x5e\x2a\x4d\x18\3\0\0\0abc";
		len = 11;
		break;
	case 'h':
		raw = "\x28\xb5\x2f\xfd\0\x38\x20\0\0two\n\7\0";
		len = 16;
		break;
	case 'm':
		return packing == PACKING_XZ ? greedy_xz() : greedy_zstd();
	default:
		break;
	}
	return (struct text){ memcpy(xcalloc(len, 1), raw, len), len };
}

static struct text cook(enum packing packing, const char *parts)
{
	struct text all = { xcalloc(ROOM, 1), 0 };

	for (; *parts; parts++) {
		struct text part = cook_part(packing, *parts);

		assert_in_range(all.len + part.len, 1, ROOM);
		memcpy(all.ptr + all.len, part.ptr, part.len);
		all.len += part.len;
		free(part.ptr);
	}
	return all;
}

static void check_one(const struct row *row, enum packing packing, size_t piece, size_t room)
{
	struct text in = cook(packing, row->parts), out = { xcalloc(MOST, 1), 0 };
	struct err err = { 0 };
	int ret;

	assert_int_equal(packing_of((struct slice){ in.ptr, in.len }), packing);
	ret = unpack_all(packing, (struct pieces){ in, 0, piece, false }, room, &out, &err);
	if (ret != (row->error ? -1 : 0) || (row->error && !strstr(err.text, row->error)))
		fail_msg("packing %d: %s", (int)packing, err.text);
	assert_int_equal(out.len, strlen(row->want));
	assert_memory_equal(out.ptr, row->want, out.len);
	if (row->error)
		assert_memory_equal(err.text, "log.1: damaged ", 15);
	free(in.ptr);
	free(out.ptr);
}

static void check(void **state)
{
	static const size_t sizes[] = { 1, 5, ROOM };
	const struct row *row = *state;

	for (enum packing packing = PACKING_GZIP; packing <= PACKING_ZSTD; packing++) {
		if (!(row->packings & 1U << packing))
			continue;
		for (size_t i = 0; i < COUNT(sizes); i++)
			for (size_t j = 0; j < COUNT(sizes); j++)
				check_one(row, packing, sizes[i], sizes[j]);
	}
}

/* Lines that don't pack well, and differ. */
static struct text noise(size_t len)
{
	struct text all = { xcalloc(len, 1), len };
	uint64_t seed = 88172645463325252U;

	for (size_t i = 0; i < len; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		all.ptr[i] = i % 80 == 79 ? '\n' : (char)('a' + seed % 16);
	}
	return all;
}

/* Two streams with half of the text each; *half: where the second begins. */
static struct text pack_halves(enum packing packing, struct text plain, size_t *half)
{
	struct text first = packed_text(packing, (struct text){ plain.ptr, plain.len / 2 });
	struct text second =
		packed_text(packing, (struct text){ plain.ptr + plain.len / 2, plain.len / 2 });
	struct text both = { xcalloc(first.len + second.len, 1), first.len + second.len };

	memcpy(both.ptr, first.ptr, first.len);
	memcpy(both.ptr + first.len, second.ptr, second.len);
	*half = first.len;
	free(first.ptr);
	free(second.ptr);
	return both;
}

static const struct packing_row {
	const char *name;
	enum packing packing;
	size_t unit; /* bytes of text that one damage may take with it */
} each[] = {
	{ "gzip", PACKING_GZIP, 1000 },
	{ "bzip2", PACKING_BZIP2, 900000 },
	{ "xz", PACKING_XZ, 1000 },
	{ "zstd", PACKING_ZSTD, 128 << 10 },
};

/* The longer the piece that is left, the more comes out of it. */
static void cut_anywhere(void **state)
{
	const struct packing_row *row = *state;
	struct text plain = noise(1600), out = { xcalloc(MOST, 1), 0 };
	size_t half, before = 0;
	struct text packed = pack_halves(row->packing, plain, &half);

	for (size_t len = PACKING_HEAD; len < packed.len; len++) {
		struct pieces in = { { packed.ptr, len }, 0, ROOM, false };
		struct err err = { 0 };
		char *says = xasprintf("log.1: damaged %s data after %zu bytes: it is cut short",
				       row->name, len);
		int ret = unpack_all(row->packing, in, ROOM, &out, &err);

		assert_int_equal(ret, len == half ? 0 : -1);
		if (len < half || len >= half + PACKING_HEAD)
			assert_string_equal(err.text, says);
		assert_in_range(out.len, len < half ? before : plain.len / 2, plain.len);
		assert_memory_equal(out.ptr, plain.ptr, out.len);
		before = out.len;
		free(says);
	}
	free(packed.ptr);
	free(plain.ptr);
	free(out.ptr);
}

/* It is told, or the bit was of no importance. */
static void flip_any_bit(void **state)
{
	const struct packing_row *row = *state;
	struct text plain = noise(1600), out = { xcalloc(MOST, 1), 0 };
	size_t half, sure, told = 0;
	struct text packed = pack_halves(row->packing, plain, &half);

	for (size_t i = 0; i < packed.len; i++) {
		struct pieces in = { packed, 0, ROOM, false };
		struct err err = { 0 };
		int ret;

		packed.ptr[i] ^= (char)(1 << i % 8);
		ret = unpack_all(row->packing, in, ROOM, &out, &err);
		if (ret == 0)
			assert_int_equal(out.len, plain.len);
		else
			told++;
		sure = ret == 0 ? plain.len : i < half ? 0 : plain.len / 2;
		assert_true(out.len >= sure);
		assert_memory_equal(out.ptr, plain.ptr, sure);
		packed.ptr[i] ^= (char)(1 << i % 8);
	}
	assert_in_range(told, packed.len - 24, packed.len);
	free(packed.ptr);
	free(plain.ptr);
	free(out.ptr);
}

/* With all input at hand and room for all output, so that nothing but the packing itself cuts it. */
static void spoilt_in_the_middle(void **state)
{
	const struct packing_row *row = *state;
	struct text plain = noise(NOISE), out = { xcalloc(MOST, 1), 0 };
	struct text packed = packed_text(row->packing, plain);

	for (size_t i = 1; i < 8; i++) {
		struct pieces in = { packed, 0, packed.len, false };
		size_t at = packed.len / 8 * i, sure = plain.len / 8 * i;
		size_t good = sure > row->unit ? sure - row->unit : 0;
		struct err err = { 0 };

		for (size_t j = 0; j < 8; j++)
			packed.ptr[at + j] ^= (char)0xff;
		assert_int_equal(unpack_all(row->packing, in, NOISE, &out, &err), -1);
		assert_in_range(out.len, good, MOST);
		assert_memory_equal(out.ptr, plain.ptr, good);
		for (size_t j = 0; j < 8; j++)
			packed.ptr[at + j] ^= (char)0xff;
	}
	free(packed.ptr);
	free(plain.ptr);
	free(out.ptr);
}

static void unreadable(void **state)
{
	const struct packing_row *row = *state;
	struct text in = cook(row->packing, "ab"), out = { xcalloc(MOST, 1), 0 };
	struct err err = { 0 };
	int ret;

	ret = unpack_all(row->packing, (struct pieces){ in, 0, 5, true }, ROOM, &out, &err);
	assert_int_equal(ret, -1);
	assert_int_equal(err.code, EIO);
	assert_non_null(strstr(err.text, ": Input/output error"));
	assert_int_equal(out.len, 8);
	free(in.ptr);
	free(out.ptr);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 4 * COUNT(each)];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	ADD_ROWS(tests, n, each, cut_anywhere);
	ADD_ROWS(tests, n, each, flip_any_bit);
	ADD_ROWS(tests, n, each, spoilt_in_the_middle);
	ADD_ROWS(tests, n, each, unreadable);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
