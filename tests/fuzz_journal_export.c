/*
 * fuzz_journal_export - any bytes at all as journal export format
 *
 * The first byte chooses into what pieces the others are cut. Whatever they are, the lines that
 * come out are lines: none longer than the bound, none with a control character, and the memory
 * behind the room given is not touched.
 */
#include "core/source/journal_export.h"

#include "core/source/reader.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const char *out, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)out[i];

		if (c == '\n') {
			assert(i - start <= READER_LINE_MOST);
			start = i + 1;
		} else {
			assert(c >= ' ' && c != 0x7f);
		}
	}
	assert(start == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char out[READER_LINE_MOST + 1];
	struct journal_export *x;
	uint64_t long_lines = 0;
	size_t piece, used;
	struct err err;
	int ret = 0;

	if (size == 0)
		return 0;
	piece = (size_t)data[0] + 1;
	x = journal_export_new("fuzz", &long_lines);
	for (size_t at = 1; at < size && ret == 0;) {
		struct slice in = { (const char *)data + at,
				    size - at < piece ? size - at : piece };
		size_t len = in.len;

		ret = journal_export_read(x, &in, out, sizeof(out), &used, &err);
		check_lines(out, used);
		assert(ret < 0 || len > in.len);
		at += len - in.len;
	}
	if (ret == 0) {
		(void)journal_export_end(x, out, sizeof(out), &used, &err);
		check_lines(out, used);
	}
	journal_export_free(x);
	return 0;
}
