/*
 * ban - `postern ban` and `postern unban`: what an administrator decides himself
 */
#include "core/base/mem.h"
#include "core/cli/client.h"
#include "core/cli/verbs.h"
#include "core/rule/jail.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char ban_help[] =
	"usage: postern ban [options] USER|IP|PREFIX [for TIME|ever] [because TEXT]\n"
	"\n"
	"Has the actions of the first fitting jail applied, as if the jail had decided it. Where "
	"it\n"
	"has, the decision now lasts as long as is said here. Status 0: done, 1: refused, 2: the\n"
	"daemon does not answer.\n"
	"\n"
	"      --socket PATH    the daemon's socket (" RUNDIR "/control)\n"
	"      --json           one JSON object a line\n";

static const char unban_help[] =
	"usage: postern unban [options] USER|IP|PREFIX\n"
	"\n"
	"Lifts all decisions about it, and forgives what it was held for, so that its past does "
	"not\n"
	"have it banned again. Status 0: done, 1: nothing was decided about it, 2: the daemon "
	"does\n"
	"not answer.\n"
	"\n"
	"      --forget         earlier offences too: the next ban is as short as the first\n"
	"      --release        its held mail is sent\n"
	"      --purge          its held mail is deleted\n"
	"      --socket PATH    the daemon's socket (" RUNDIR "/control)\n"
	"      --json           one JSON object a line\n";

static int take_span(struct request *r, const char *text, struct err *err)
{
	r->for_s = FOREVER;
	if (strcmp(text, "ever") == 0)
		return 0;
	if (span_parse(&r->for_s, text, err) < 0)
		return -1;
	if (r->for_s < 1 || r->for_s > REQUEST_FOR_S_MOST)
		return err_set(err, EINVAL, "for: expected a time like \"2h\", or \"ever\"");
	return 0;
}

static int take_ban(struct request *r, int argc, char **argv, struct err *err)
{
	if (argc < 1 || argc % 2 == 0)
		return err_set(err, EINVAL,
			       "expected USER|IP|PREFIX [for TIME|ever] [because TEXT]");
	r->subject = argv[0];
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "for") == 0 && r->for_s == 0) {
			if (take_span(r, argv[i + 1], err) < 0)
				return -1;
		} else if (strcmp(argv[i], "because") == 0 && !r->because) {
			r->because = argv[i + 1];
		} else {
			return err_set(err, EINVAL, "expected \"for\" or \"because\", not \"%s\"",
				       argv[i]);
		}
	}
	return 0;
}

static int show_ban(const json_t *objects, bool colour, FILE *out)
{
	const json_t *d = client_find(objects, "decision");

	(void)colour;
	field_print(out, "", d, "user", SHOW_TEXT, " is banned");
	field_print(out, "", d, "ip", SHOW_TEXT, " is banned");
	field_print(out, " until ", d, "until", SHOW_TIME, "");
	if (!json_object_get(d, "until"))
		(void)fputs(" until it is lifted", out);
	field_print(out, " by jail ", d, "jail", SHOW_TEXT, "");
	field_print(out, ", decision ", d, "id", SHOW_TEXT, "");
	if (json_is_true(json_object_get(d, "dry_run")))
		(void)fputs(" (dry run: nothing is done)", out);
	(void)fputc('\n', out);
	return EXIT_NOTHING;
}

static int take_unban(struct request *r, int argc, char **argv, struct err *err)
{
	if (argc != 1)
		return err_set(err, EINVAL, "expected USER|IP|PREFIX");
	if (r->release && r->purge)
		return err_set(err, EINVAL, "expected --release or --purge, not both");
	r->subject = argv[0];
	return 0;
}

static int show_unban(const json_t *objects, bool colour, FILE *out)
{
	const json_t *released = client_find(objects, "released");

	(void)colour;
	field_print(out, "", released, "user", SHOW_TEXT, " is released");
	field_print(out, "", released, "ip", SHOW_TEXT, " is released");
	field_print(out, " from ", released, "decisions", SHOW_COUNT, " decision(s)");
	(void)fputc('\n', out);
	return EXIT_NOTHING;
}

int verb_ban(int argc, char **argv)
{
	static const struct client_verb verb = {
		REQUEST_BAN, ban_help, NULL, 0, take_ban, show_ban
	};

	return client_run(&verb, argc, argv);
}

int verb_unban(int argc, char **argv)
{
	static const struct client_flag flags[] = {
		{ "forget", CLIENT_TRUTH, offsetof(struct request, forget) },
		{ "release", CLIENT_TRUTH, offsetof(struct request, release) },
		{ "purge", CLIENT_TRUTH, offsetof(struct request, purge) },
	};
	static const struct client_verb verb = { REQUEST_UNBAN, unban_help, flags,
						 COUNT(flags),  take_unban, show_unban };

	return client_run(&verb, argc, argv);
}
