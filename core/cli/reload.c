/*
 * reload - `postern reload` and `postern resume`: what is only told to the daemon
 */
#include "core/cli/client.h"
#include "core/cli/verbs.h"

static const char reload_help[] =
	"usage: postern reload [options]\n"
	"\n"
	"Has the daemon read its configuration, filters, jails and databases again. What is not\n"
	"valid leaves the old configuration running, and is said here. Bans and counts are kept.\n"
	"Status 0: done, 1: the new one is not valid, 2: the daemon does not answer.\n"
	"\n"
	"      --socket PATH    the daemon's socket (" RUNDIR "/control)\n"
	"      --json           one JSON object a line\n";

static const char resume_help[] =
	"usage: postern resume [options]\n"
	"\n"
	"Lets the brake go: what was decided since it came on, and still is in force, is acted "
	"on.\n"
	"Status 0: done, 1: it was not on, 2: the daemon does not answer.\n"
	"\n"
	"      --socket PATH    the daemon's socket (" RUNDIR "/control)\n"
	"      --json           one JSON object a line\n";

static int show_nothing(const json_t *objects, bool colour, FILE *out)
{
	(void)objects;
	(void)colour;
	(void)out;
	return EXIT_NOTHING;
}

static int show_resumed(const json_t *objects, bool colour, FILE *out)
{
	const json_t *resumed = client_find(objects, "resumed");

	(void)colour;
	field_print(out, "the brake is off, ", resumed, "decisions", SHOW_TEXT,
		    " decision(s) are acted on now\n");
	return EXIT_NOTHING;
}

int verb_reload(int argc, char **argv)
{
	static const struct client_verb verb = { REQUEST_RELOAD, reload_help, NULL, 0,
						 NULL,           show_nothing };

	return client_run(&verb, argc, argv);
}

int verb_resume(int argc, char **argv)
{
	static const struct client_verb verb = { REQUEST_RESUME, resume_help, NULL, 0,
						 NULL,           show_resumed };

	return client_run(&verb, argc, argv);
}
