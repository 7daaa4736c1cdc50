/*
 * err - one line that says why something failed
 *
 * What the world can spoil (a file, a socket, a setting) returns 0 or -1 and fills a
 * struct err, its last argument. The text names the place and what was expected; the one
 * who prints it escapes nothing more, so text from outside is made printable here.
 */
#include "core/base/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	for (unsigned char *p = (unsigned char *)err->text; *p; p++)
		if ((*p < ' ' && *p != '\t' && *p != '\n') || *p == 0x7f)
			*p = '?';
	return -1;
}
