/*
 * fuzz_line - any bytes at all as lines of a log, through the filters that are shipped
 *
 * The folder of filters is "filters", or what POSTERN_FILTERS names. A block is searched, and each
 * of its lines is tried alone: both ways give the same events, and nothing in an event lies
 * outside its line.
 */
#include "core/filter/filter.h"
#include "core/filter/matcher.h"
#include "core/source/reader.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct matcher *matcher;

static void load(void)
{
	const char *dir = getenv("POSTERN_FILTERS");
	static struct filter_set *set;
	struct err err;

	if (filter_set_load(&set, dir ? dir : "filters", &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	matcher = matcher_new(set, 0);
}

static void check_event(const struct event *e, struct slice line)
{
	assert(e->match && e->kind < EVENT_KINDS);
	for (enum event_field f = 0; f < EVENT_FIELDS; f++) {
		struct slice s = e->field[f];

		if (!s.ptr || s.ptr == e->match->constant[f].ptr)
			continue;
		assert(s.len > 0 && s.ptr >= line.ptr && s.len <= line.len);
		assert((size_t)(s.ptr - line.ptr) <= line.len - s.len);
	}
}

static void check_same(const struct event *a, const struct event *b)
{
	assert(a->match == b->match && a->kind == b->kind && a->pid == b->pid);
	assert(a->repeats == b->repeats);
	assert(a->recipients == b->recipients && a->bytes == b->bytes);
	assert(a->has_ip == b->has_ip && (!a->has_ip || address_equal(&a->ip, &b->ip)));
	for (enum event_field f = 0; f < EVENT_FIELDS; f++)
		assert(a->field[f].ptr == b->field[f].ptr && a->field[f].len == b->field[f].len);
}

/* Tries one line alone, and beside it the block's record of it, if it has one. */
static void check_line(const char *block, struct slice line, const struct record *r)
{
	struct event alone = { 0 }, scanned = { 0 };
	bool found = r && matcher_finish(matcher, r, block, &scanned);

	assert(matcher_line(matcher, line, &alone, NULL) == found);
	if (!found)
		return;
	check_event(&alone, line);
	check_same(&alone, &scanned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct records out = { 0 };
	size_t next = 0, at = 0;
	char *block;

	if (!matcher)
		load();
	if (size >= READER_LINE_MOST)
		return 0;
	block = xcalloc(size + 1, 1);
	if (size > 0)
		memcpy(block, data, size);
	block[size++] = '\n';
	matcher_scan(matcher, (struct slice){ block, size }, &out);
	while (at < size) {
		size_t len = (size_t)((char *)memchr(block + at, '\n', size - at) - (block + at));
		bool has_record = next < out.n && out.record[next].line == at;

		assert(!has_record || out.record[next].line_len == len);
		check_line(block, (struct slice){ block + at, len },
			   has_record ? &out.record[next] : NULL);
		next += has_record;
		at += len + 1;
	}
	assert(next == out.n);
	free(out.record);
	free(block);
	return 0;
}
