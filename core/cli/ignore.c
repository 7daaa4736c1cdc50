/*
 * ignore - `postern ignore`: whom postern leaves alone, beside what the configuration says
 */
#include "core/base/mem.h"
#include "core/cli/client.h"
#include "core/cli/verbs.h"

#include <errno.h>
#include <string.h>

static const char help[] =
	"usage: postern ignore [options] [list]\n"
	"       postern ignore [options] add|remove USER|PATTERN|IP|PREFIX\n"
	"\n"
	"Shows or changes the list of whom every jail leaves alone. It comes on top of the lists "
	"in\n"
	"the configuration and is kept over restarts. Status 0: done, 1: refused, 2: the daemon "
	"does\n"
	"not answer.\n"
	"\n"
	"      --socket PATH    the daemon's socket (" RUNDIR "/control)\n"
	"      --json           one JSON object a line\n";

static int take(struct request *r, int argc, char **argv, struct err *err)
{
	if (argc == 0 || (argc == 1 && strcmp(argv[0], "list") == 0))
		return 0;
	if (argc == 2 && strcmp(argv[0], "add") == 0)
		r->add = argv[1];
	else if (argc == 2 && strcmp(argv[0], "remove") == 0)
		r->remove = argv[1];
	else
		return err_set(err, EINVAL,
			       "expected list, or add or remove and a user, pattern or address");
	return 0;
}

static int show(const json_t *objects, bool colour, FILE *out)
{
	(void)colour;
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *entry = json_object_get(json_array_get(objects, i), "ignored");

		field_print(out, "", entry, "user", SHOW_TEXT, "\n");
		field_print(out, "", entry, "ip", SHOW_TEXT, "\n");
	}
	return EXIT_NOTHING;
}

int verb_ignore(int argc, char **argv)
{
	static const struct client_verb verb = { REQUEST_IGNORE, help, NULL, 0, take, show };

	return client_run(&verb, argc, argv);
}
