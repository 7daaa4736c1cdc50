/*
 * slice - text from outside, and the one place where it is made fit to be shown
 *
 * A user name, a HELO or a reverse name was written by an attacker. It is counted and
 * compared as bytes; only here it becomes something that a terminal or a JSON reader may see.
 * The UTF-8 rules are those of RFC 3629: no overlong forms, no surrogates, at most U+10FFFF.
 */
#include "core/base/slice.h"

#include "core/base/mem.h"

#include <stdint.h>
#include <stdio.h>

bool slice_number(struct slice s, long long *value)
{
	long long n = 0;

	if (!s.ptr || s.len == 0 || s.len > 18)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		n = n * 10 + (s.ptr[i] - '0');
	}
	*value = n;
	return true;
}

/* Length of the valid UTF-8 sequence at p, and its code point; 0 where there is none. */
static size_t utf8_decode(const unsigned char *p, size_t room, uint32_t *point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc2 ? 2 : 0;

	if (len == 0 || len > room || *p > 0xf4)
		return 0;
	*point = len == 1 ? *p : *p & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (p[i] & 0x3f);
	}
	if (*point < least[len] || *point > 0x10ffff || (*point >= 0xd800 && *point < 0xe000))
		return 0;
	return len;
}

/* Control characters (C0, DEL, C1) and those that reorder the text around them. */
static bool dangerous(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069) || c == 0xfeff;
}

char *text_printable(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	char *out = xcalloc(s.len * 4 + 1, 1);
	size_t used = 0;

	for (size_t i = 0; i < s.len;) {
		uint32_t point = 0;
		size_t len = utf8_decode(p + i, s.len - i, &point);

		if (len > 0 && !dangerous(point)) {
			memcpy(out + used, p + i, len);
			used += len;
			i += len;
			continue;
		}
		for (size_t end = i + (len ? len : 1); i < end; i++)
			used += (size_t)snprintf(out + used, 5, "\\x%02x", p[i]);
	}
	return out;
}

char *text_utf8(struct slice s, size_t *len)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	char *out = xcalloc(s.len * 3 + 1, 1);
	size_t used = 0;

	for (size_t i = 0; i < s.len;) {
		uint32_t point;
		size_t n = utf8_decode(p + i, s.len - i, &point);

		memcpy(out + used, n ? (const char *)p + i : "\xef\xbf\xbd", n ? n : 3);
		used += n ? n : 3;
		i += n ? n : 1;
	}
	*len = used;
	return out;
}
