/*
 * logs - the logs that a verb reads: those named, those configured, or the usual ones
 */
#include "core/cli/logs.h"

#include "core/base/mem.h"
#include "core/cli/verbs.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Debian, Red Hat, SUSE; then the servers' own. */
static const char *const usual[] = { "/var/log/mail.log",      "/var/log/maillog",
				     "/var/log/mail",          "/var/log/dovecot.log",
				     "/var/log/exim4/mainlog", "/var/log/exim/main.log" };

static void add(struct logs *logs, const char *path)
{
	for (size_t i = 0; i < logs->n; i++)
		if (strcmp(logs->path[i], path) == 0)
			return; /* named twice, it would be counted twice */
	logs->path = xrealloc(logs->path, logs->n + 1, sizeof(*logs->path));
	logs->path[logs->n++] = xstrdup(path);
}

/* A pattern that matches nothing stays as it is, so that opening it says what is wrong. */
static void add_pattern(struct logs *logs, const char *pattern)
{
	glob_t found;

	if (glob(pattern, GLOB_NOCHECK, NULL, &found) != 0) {
		add(logs, pattern);
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		add(logs, found.gl_pathv[i]);
	globfree(&found);
}

bool logs_find(struct logs *logs, int argc, char *const *argv, const struct setup *s)
{
	*logs = (struct logs){ 0 };
	for (int i = 0; i < argc; i++)
		add_pattern(logs, argv[i]);
	for (size_t i = 0; argc == 0 && i < s->logs.n; i++)
		add_pattern(logs, s->logs.text[i]);
	for (size_t i = 0; logs->n == 0 && i < COUNT(usual); i++)
		if (access(usual[i], R_OK) == 0)
			add(logs, usual[i]);
	if (logs->n > 0)
		return true;
	complain("no log given, and none of the usual ones can be read here; name one: "
		 "postern scan /path/to/mail.log (\"-\" is standard input)");
	return false;
}

void logs_patterns(struct logs *logs, const char *const *named, size_t n, const struct setup *s,
		   bool *journal, bool *input)
{
	size_t total = n ? n : s->logs.n;

	*logs = (struct logs){ 0 };
	*journal = *input = false;
	for (size_t i = 0; i < total; i++) {
		const char *name = n ? named[i] : s->logs.text[i];

		if (strcmp(name, "journal") == 0)
			*journal = true;
		else if (strcmp(name, "-") == 0)
			*input = true;
		else
			add(logs, name);
	}
	for (size_t i = 0; total == 0 && i < COUNT(usual); i++)
		if (access(usual[i], F_OK) == 0)
			add(logs, usual[i]);
	*journal |= logs->n == 0 && !*input;
}

void logs_free(struct logs *logs)
{
	for (size_t i = 0; i < logs->n; i++)
		free(logs->path[i]);
	free(logs->path);
	*logs = (struct logs){ 0 };
}
