/* slice.h - a piece of somebody else's text */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * Text cut from a line: hostile, not NUL-terminated, may hold any byte, and is borrowed from
 * the buffer that it was cut from. ptr is NULL where the field was absent.
 */
struct slice {
	const char *ptr;
	size_t len;
};

static inline struct slice slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static inline bool slice_is(struct slice s, const char *text)
{
	size_t len = strlen(text);

	return s.ptr && s.len == len && memcmp(s.ptr, text, len) == 0;
}

static inline bool slice_starts(struct slice s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.ptr && s.len >= len && memcmp(s.ptr, prefix, len) == 0;
}

/* A decimal number of at most 18 digits; false, and *value untouched, for anything else. */
bool slice_number(struct slice s, long long *value);

/*
 * Text on its way out. Both cut nothing: control characters, bytes that are no UTF-8 and the
 * characters that turn the direction of text come out as \xNN (text_printable) or as U+FFFD
 * (text_utf8, which leaves control characters to the JSON writer). The result is the caller's
 * to free.
 */
char *text_printable(struct slice s);
char *text_utf8(struct slice s, size_t *len);
