/*
 * letter.h - text of strangers into a mail
 *
 * Whatever stands in a name, it can't begin another header field, look like one, or move a
 * terminal's cursor; and no line is longer than a mail's may be (RFC 5322 2.1.1: 998 bytes).
 */
#pragma once

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Bytes of a line of the body, and of the value of a field. */
enum { LETTER_LINE = 900, LETTER_FIELD = 200 };

/* The bytes of a character that a terminal or a mail reader would act on; 0: it is a harmless one. */
static inline size_t letter_unprintable(const unsigned char *c)
{
	if (*c < 0x20 || *c == 0x7f)
		return 1;
	if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* C1 controls */
		return 2;
	if (c[0] == 0xe2 && c[1] == 0x80 &&
	    (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae)))
		return 3; /* marks of direction, separators of lines */
	if (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)
		return 3;
	return 0;
}

/* In place: "?" for each of those. The result is never longer. */
static inline char *letter_clean(char *text)
{
	unsigned char *from = (unsigned char *)text, *to = from;

	while (*from) {
		size_t n = letter_unprintable(from);

		*to++ = n ? '?' : *from;
		from += n ? n : 1;
	}
	*to = '\0';
	return text;
}

/* The length of `text`, or where it is longer than `most` bytes that of its whole characters. */
static inline size_t letter_fitting(const char *text, size_t most)
{
	size_t n = strlen(text);

	if (n <= most)
		return n;
	for (n = most; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

/* A line of the body. */
static inline void __attribute__((format(printf, 2, 3)))
letter_say(FILE *out, const char *format, ...)
{
	char line[LETTER_LINE + 8];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	letter_clean(line);
	(void)fprintf(out, "%.*s\n", (int)letter_fitting(line, LETTER_LINE), line);
}

static inline bool letter_is_plain(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/*
 * The value of a header field as it is, or where it is not all ASCII or looks encoded, in encoded
 * words of at most 75 characters, each of whole UTF-8 characters (RFC 2047 2, 4.2, 5).
 */
static inline void letter_put_words(FILE *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *stop = text + letter_fitting(text, 18);

		if (stop > end || stop == text)
			stop = end;
		(void)fputs("=?UTF-8?Q?", out);
		for (; text < stop; text++)
			if (isalnum((unsigned char)*text) && isascii(*text))
				(void)fputc(*text, out);
			else
				(void)fprintf(out, "=%02X", (unsigned char)*text);
		(void)fputs(text < end ? "?=\n " : "?=\n", out);
	}
}

static inline void letter_header(FILE *out, const char *name, const char *value)
{
	size_t len = letter_fitting(value, LETTER_FIELD);
	char text[LETTER_FIELD + 1];

	(void)snprintf(text, sizeof(text), "%.*s", (int)len, value);
	letter_clean(text);
	(void)fprintf(out, "%s: ", name);
	if (letter_is_plain(text) && !strstr(text, "=?"))
		(void)fprintf(out, "%s\n", text);
	else
		letter_put_words(out, text, strlen(text));
}
