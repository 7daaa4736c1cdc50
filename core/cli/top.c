/*
 * top - `postern top`: who is nearest to a threshold, and how often each rule began to hold
 */
#include "core/base/mem.h"
#include "core/cli/client.h"
#include "core/cli/verbs.h"

#include <stddef.h>

static const char help[] =
	"usage: postern top [options]\n"
	"\n"
	"Lists the accounts nearest to a jail's threshold, the nearest first, each with the rule\n"
	"that is most of it. Status 0, or 2: the daemon does not answer.\n"
	"\n"
	"      --limit N        so many of them (20)\n"
	"      --rules          instead: how often each rule began to hold, those on dry run too\n"
	"      --socket PATH    the daemon's socket (" RUNDIR "/control)\n"
	"      --json           one JSON object a line\n";

static const struct client_column subjects[] = {
	{ "user", "user", SHOW_TEXT },      { "share", "share", SHOW_SHARE },
	{ "score", "score", SHOW_COUNT },   { "of", "threshold", SHOW_COUNT },
	{ "jail", "jail", SHOW_TEXT },      { "rule", "rule", SHOW_TEXT },
	{ "value", "value", SHOW_COUNT },   { "max", "max", SHOW_COUNT },
	{ "last seen", "last", SHOW_TIME },
};

static const struct client_column rules[] = {
	{ "jail", "jail", SHOW_TEXT },    { "rule", "rule", SHOW_TEXT },
	{ "held", "held", SHOW_COUNT },   { "max", "max", SHOW_COUNT },
	{ "score", "score", SHOW_COUNT }, { "dry run", "dry_run", SHOW_TRUTH },
};

static int show(const json_t *objects, bool colour, FILE *out)
{
	(void)colour;
	client_table(objects, "top", "", subjects, COUNT(subjects), out);
	client_table(objects, "rule", "", rules, COUNT(rules), out);
	return EXIT_NOTHING;
}

int verb_top(int argc, char **argv)
{
	static const struct client_flag flags[] = {
		{ "limit", CLIENT_NUMBER, offsetof(struct request, limit) },
		{ "rules", CLIENT_TRUTH, offsetof(struct request, rules) },
	};
	static const struct client_verb verb = {
		REQUEST_TOP, help, flags, COUNT(flags), NULL, show
	};

	return client_run(&verb, argc, argv);
}
