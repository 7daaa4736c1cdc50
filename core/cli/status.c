/*
 * status - `postern status`: is the daemon well, what does it read, what is in force
 */
#include "core/base/mem.h"
#include "core/cli/client.h"
#include "core/cli/verbs.h"

static const char help[] =
	"usage: postern status [options]\n"
	"\n"
	"Says what the daemon reads and how far it is, what each jail has decided, how the "
	"actions\n"
	"fare, and what is wrong. Status 0: all is well, 1: there are warnings, 2: it does not "
	"answer.\n"
	"\n"
	"      --socket PATH    the daemon's socket (" RUNDIR "/control)\n"
	"      --json           one JSON object a line\n";

static const struct client_column sources[] = {
	{ "name", "name", SHOW_TEXT },
	{ "position", "position", SHOW_COUNT },
	{ "size", "size", SHOW_COUNT },
	{ "lines", "lines", SHOW_COUNT },
	{ "lines/s", "lines_per_s", SHOW_RATE },
	{ "events", "events", SHOW_COUNT },
	{ "events/s", "events_per_s", SHOW_RATE },
	{ "lost", "lost", SHOW_COUNT },
	{ "last line", "last_line", SHOW_TIME },
	{ "last login", "last_login", SHOW_TIME },
	{ "problem", "problem", SHOW_TEXT },
};

static const struct client_column jails[] = {
	{ "name", "name", SHOW_TEXT },          { "about", "subject", SHOW_TEXT },
	{ "suspects", "suspects", SHOW_COUNT }, { "active", "active", SHOW_COUNT },
	{ "decided", "decided", SHOW_COUNT },   { "expired", "expired", SHOW_COUNT },
	{ "released", "released", SHOW_COUNT }, { "joined", "joined", SHOW_COUNT },
	{ "dry run", "dry_run", SHOW_TRUTH },
};

static const struct client_column actions[] = {
	{ "name", "name", SHOW_TEXT },
	{ "ready", "ready", SHOW_TRUTH },
	{ "applied", "applying.applied", SHOW_COUNT },
	{ "pending", "applying.pending", SHOW_COUNT },
	{ "retrying", "applying.retrying", SHOW_COUNT },
	{ "failed", "applying.failed", SHOW_COUNT },
	{ "lifting", "lifting.pending", SHOW_COUNT },
	{ "trouble", "trouble", SHOW_TEXT },
	{ "last error", "error", SHOW_TEXT },
};

static void print_daemon(const json_t *d, FILE *out)
{
	field_print(out, "posternd ", d, "version", SHOW_TEXT, "");
	field_print(out, ", pid ", d, "pid", SHOW_TEXT, "");
	field_print(out, ", since ", d, "started", SHOW_TIME, "");
	field_print(out, "\n  settings  ", d, "config", SHOW_TEXT, "");
	field_print(out, "\n  accounts  ", d, "accounts", SHOW_TEXT, "");
	field_print(out, "\n  lines     ", d, "lines", SHOW_TEXT, "");
	field_print(out, "\n  logins    ", d, "events.login", SHOW_TEXT, "");
	field_print(out, ", ", d, "events.message", SHOW_TEXT, " messages");
	field_print(out, ", ", d, "events.failure", SHOW_TEXT, " failures");
	field_print(out, "\n  store     ", d, "store", SHOW_TEXT, "");
	if (json_is_true(json_object_get(d, "dry_run")))
		(void)fputs("\n  dry run: everything is decided, nothing is done", out);
	(void)fputc('\n', out);
}

static int show(const json_t *objects, bool colour, FILE *out)
{
	print_daemon(client_find(objects, "daemon"), out);
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *w = json_object_get(json_array_get(objects, i), "warning");

		field_print(out, colour ? "\033[1;33mwarning\033[0m   " : "warning   ", w, "text",
			    SHOW_TEXT, "");
		field_print(out, " (since ", w, "since", SHOW_TIME, ")\n");
	}
	client_table(objects, "source", "sources", sources, COUNT(sources), out);
	client_table(objects, "jail", "jails", jails, COUNT(jails), out);
	client_table(objects, "action", "actions", actions, COUNT(actions), out);
	return client_count(objects, "warning") > 0 ? EXIT_FOUND : EXIT_NOTHING;
}

int verb_status(int argc, char **argv)
{
	static const struct client_verb verb = { REQUEST_STATUS, help, NULL, 0, NULL, show };

	return client_run(&verb, argc, argv);
}
