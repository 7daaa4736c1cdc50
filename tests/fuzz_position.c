/*
 * fuzz_position - any bytes as the saved position of a log
 *
 * The log is a file and its rotated sibling, of known content. Wherever a position leads, lines come
 * out whole and in bounds, each of a file's at most once, and the position that follows is
 * one that is taken. The first byte says what is there: the file, the sibling, both.
 */
#include "core/source/tail.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINES = 40 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its own copy of the same content for each call: nobody else's descriptor. */
static int make_file(const char *word)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert(fd >= 0);
	for (int i = 0; i < LINES; i++) {
		char *line = xasprintf("%s %d\n", word, i);
		ssize_t len = (ssize_t)strlen(line), put = write(fd, line, (size_t)len);

		assert(put == len);
		free(line);
	}
	return fd;
}

static unsigned int count_lines(const struct block *block)
{
	unsigned int n = 0;

	assert(block->len <= READER_BLOCK);
	assert(block->len == 0 || block->data[block->len - 1] == '\n');
	for (size_t i = 0; i < block->len; i++)
		n += block->data[i] == '\n';
	return n;
}

/* Reads all there is, with a new tail after each block. */
static void read_on(struct tail *t, struct block *block)
{
	struct instant now = { 1000 };
	unsigned int lines = 0;
	struct err err;

	while (tail_next(t, block, now, &err) != 0) {
		struct pack position = { 0 };
		struct tail *again = tail_new("log", 1);

		lines += count_lines(block);
		tail_position(t, block->len, &position);
		assert(position.len == 0 ||
		       tail_restore(again, pack_contents(&position), &err) == 0);
		tail_free(again);
		pack_fini(&position);
		assert(lines <= 2 * LINES);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tail *t = tail_new("log", 1);
	struct block block = { xcalloc(READER_BLOCK, 1), 0 };
	struct instant now = { 0 };
	struct err err;

	if (size > 0) {
		(void)tail_restore(t, (struct slice){ (const char *)data + 1, size - 1 }, &err);
		if (data[0] & 1)
			tail_sibling(t, make_file("older"));
		if (data[0] & 2)
			tail_give(t, make_file("newer"), now);
		(void)tail_start(t, data[0] & 4 ? TAIL_FROM_END : TAIL_FROM_START, now, &err);
		(void)tail_take_block(t, tail_cursor(t), data[0] & 8, slice_of("a\nb\n"), &err);
		read_on(t, &block);
		if (data[0] & 16) {
			tail_give(t, make_file("newest"), now);
			assert(tail_due_ms(t, now) <= 1);
		}
	}
	tail_free(t);
	free(block.data);
	return 0;
}
