/*
 * history - `postern history`: what was decided, the newest first
 */
#include "core/base/mem.h"
#include "core/cli/client.h"
#include "core/cli/verbs.h"

#include <errno.h>
#include <stddef.h>

static const char help[] =
	"usage: postern history [options] [USER|IP]\n"
	"\n"
	"Lists decisions, active and past, the newest first. Status 0, 1: it can't be read, 2: "
	"the\n"
	"daemon does not answer.\n"
	"\n"
	"      --since TIME     those taken then or later (\"2026-11-20 18:00\", \"2h\" ago)\n"
	"      --socket PATH    the daemon's socket (" RUNDIR "/control)\n"
	"      --json           one JSON object a line\n";

static const struct client_column columns[] = {
	{ "id", "id", SHOW_COUNT },          { "since", "since", SHOW_TIME },
	{ "until", "until", SHOW_TIME },     { "ended", "ended", SHOW_TIME },
	{ "state", "state", SHOW_TEXT },     { "level", "level", SHOW_TEXT },
	{ "user", "user", SHOW_TEXT },       { "address", "ip", SHOW_TEXT },
	{ "bots", "addresses", SHOW_COUNT }, { "score", "score", SHOW_COUNT },
	{ "jail", "jail", SHOW_TEXT },       { "dry run", "dry_run", SHOW_TRUTH },
	{ "why", "reason", SHOW_TEXT },
};

static int take(struct request *r, int argc, char **argv, struct err *err)
{
	if (argc > 1)
		return err_set(err, EINVAL, "expected at most one user or address");
	r->subject = argc == 1 ? argv[0] : NULL;
	return 0;
}

static int show(const json_t *objects, bool colour, FILE *out)
{
	(void)colour;
	client_table(objects, "decision", "", columns, COUNT(columns), out);
	return EXIT_NOTHING;
}

int verb_history(int argc, char **argv)
{
	static const struct client_flag flags[] = {
		{ "since", CLIENT_TIME, offsetof(struct request, since) },
	};
	static const struct client_verb verb = { REQUEST_HISTORY, help, flags,
						 COUNT(flags),    take, show };

	return client_run(&verb, argc, argv);
}
