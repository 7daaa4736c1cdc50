/* Any bytes as log lines: parsed, and read by one clock in their order. */
#include "core/filter/stamp.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct slice s, struct slice text)
{
	if (!s.ptr) {
		assert(s.len == 0);
		return;
	}
	assert(s.ptr >= text.ptr && s.len <= text.len);
	assert((size_t)(s.ptr - text.ptr) <= text.len - s.len);
}

static void check_line(const struct line *line, struct slice text)
{
	const struct stamp *s = &line->stamp;
	struct slice rest;

	assert(s->year == 0 || s->year >= 1970);
	assert(s->month >= 1 && s->month <= 12 && s->day >= 1 && s->day <= 31);
	assert(s->hour <= 23 && s->minute <= 59 && s->second <= 60 && s->ms <= 999);
	assert(s->has_zone || s->offset_min == 0);
	assert(s->offset_min > -24 * 60 && s->offset_min < 24 * 60);
	check_within(line->host, text);
	check_within(line->program, text);
	check_within(line->message, text);
	assert(!line->program.ptr || line->program.len > 0);
	assert(line->message.ptr);
	/* Nothing of the head is in the message; behind it a '\r', and a folded one's bracket. */
	assert(!line->program.ptr || line->program.ptr + line->program.len < line->message.ptr);
	rest.ptr = line->message.ptr + line->message.len;
	rest.len = (size_t)(text.ptr + text.len - rest.ptr);
	assert(rest.len == 0 || slice_is(rest, "\r") || slice_is(rest, "]") ||
	       slice_is(rest, "]\r"));
	assert(line->repeats == 0 || *rest.ptr == ']');
	assert(line->repeats <= LINE_REPEATS_MOST);
}

static void check_moment(struct stamp_clock *clock, const struct stamp *s)
{
	struct instant at = stamp_clock_read(clock, s), again;

	if (instant_is_none(at)) {
		assert(s->day > 28);
		return;
	}
	again = stamp_clock_read(clock, s);
	assert(again.ms == at.ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stamp_clock *clock = stamp_clock_new((struct instant){ 1795219200000 });
	const char *p = (const char *)data, *end = p + size;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p)),
			   *stop = newline ? newline : end;
		struct slice text = { p, (size_t)(stop - p) };
		struct line line;

		if (line_parse(&line, text)) {
			check_line(&line, text);
			check_moment(clock, &line.stamp);
		}
		p = newline ? newline + 1 : end;
	}
	stamp_clock_free(clock);
	return 0;
}
