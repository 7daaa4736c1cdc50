/*
 * postern - the tool: one verb a call
 *
 * Every verb is a file of its own; here are the table of them and the few things they share.
 */
#include "core/base/mem.h"
#include "core/base/slice.h"
#include "core/cli/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} verbs[] = {
	{ "scan", verb_scan, "read mail logs, say which accounts are in foreign hands" },
	{ "events", verb_events, "print every event of the logs as a JSON line" },
	{ "test", verb_test, "say what the filters make of a line or a file" },
	{ "check", verb_check, "check configuration, filters and jails" },
};

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

static void usage(FILE *fp)
{
	(void)fputs("usage: postern VERB [options] [argument ...]\n\n", fp);
	for (size_t i = 0; i < COUNT(verbs); i++)
		(void)fprintf(fp, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
	(void)fputs("\n`postern VERB --help` lists a verb's options; postern(1) describes them.\n",
		    fp);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";

	tzset();
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		usage(argc > 1 ? stdout : stderr);
		return argc > 1 ? EXIT_NOTHING : EXIT_ERROR;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		(void)puts("postern " VERSION);
		return EXIT_NOTHING;
	}
	for (size_t i = 0; i < COUNT(verbs); i++)
		if (strcmp(name, verbs[i].name) == 0)
			return finish_output(verbs[i].run(argc - 1, argv + 1));
	complain("there is no verb \"%s\"; `postern --help` lists them", name);
	return EXIT_ERROR;
}
