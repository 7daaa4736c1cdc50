/*
 * postern - the tool: one verb a call
 *
 * Every verb is a file of its own; here is the table of them.
 */
#include "core/base/mem.h"
#include "core/cli/verbs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} verbs[] = {
	{ "status", verb_status, "is the daemon well, what does it read, what is in force" },
	{ "top", verb_top, "list the accounts nearest to a threshold, or count what rules held" },
	{ "explain", verb_explain, "say all that is known of a user or address" },
	{ "history", verb_history, "list what was decided" },
	{ "ban", verb_ban, "ban a user or address" },
	{ "unban", verb_unban, "lift what was decided about a user or address" },
	{ "ignore", verb_ignore, "show or change whom every jail leaves alone" },
	{ "reload", verb_reload, "have the daemon read its configuration again" },
	{ "resume", verb_resume, "let the brake go" },
	{ "scan", verb_scan, "read mail logs, say which accounts are in foreign hands" },
	{ "events", verb_events, "print every event of the logs as a JSON line" },
	{ "test", verb_test, "say what the filters make of a line or a file" },
	{ "check", verb_check, "check configuration, filters and jails" },
	{ "action", verb_action, "try one action's plugin by hand" },
};

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
