/*
 * verbs - what all verbs share: complaints, zones and the end of their output
 */
#include "core/cli/verbs.h"

#include "core/base/mem.h"
#include "core/base/slice.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void complain(const char *fmt, ...)
{
	char text[PATH_MAX + sizeof(struct err)], *printable;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printable = text_printable(slice_of(text)); /* a stranger may have named the file */
	(void)fprintf(stderr, "postern: %s\n", printable);
	free(printable);
}

bool set_zone(const char *zone)
{
	char *path = xasprintf("/usr/share/zoneinfo/%s", zone);
	struct stat st;
	bool known = strcmp(zone, "UTC") == 0 || (!strstr(zone, "..") && access(path, R_OK) == 0 &&
						  stat(path, &st) == 0 && S_ISREG(st.st_mode));

	free(path);
	if (!known || !*zone) {
		complain("--tz: expected a time zone like \"Europe/Madrid\" or \"UTC\", not \"%s\"",
			 zone);
		return false;
	}
	(void)setenv("TZ", zone, 1);
	tzset();
	return true;
}

int finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE) /* who closes the pipe has read enough */
		complain("standard output: %s", strerror(errno));
	return EXIT_ERROR;
}
