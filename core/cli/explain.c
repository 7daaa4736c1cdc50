/*
 * explain - `postern explain USER|IP`: all that is known of one account or address, rule by rule
 */
#include "core/base/mem.h"
#include "core/cli/client.h"
#include "core/cli/verbs.h"

#include <errno.h>

static const char help[] =
	"usage: postern explain [options] USER|IP\n"
	"\n"
	"Says what is known of an account or address: decisions and how their actions fare, what\n"
	"each rule measures now, from where it was used, where it is at home, what was before.\n"
	"Status 0: nothing is decided about it, 1: something is, or nothing is known of it, 2: "
	"the\n"
	"daemon does not answer.\n"
	"\n"
	"      --socket PATH    the daemon's socket (" RUNDIR "/control)\n"
	"      --json           one JSON object a line\n";

static const struct client_column rules[] = {
	{ "rule", "rule", SHOW_TEXT },        { "jail", "jail", SHOW_TEXT },
	{ "value", "value", SHOW_COUNT },     { "max", "max", SHOW_COUNT },
	{ "in", "findtime_s", SHOW_SPAN },    { "score", "score", SHOW_COUNT },
	{ "group", "group", SHOW_TEXT },      { "holds", "holds", SHOW_TRUTH },
	{ "since", "since", SHOW_TIME },      { "waits", "waits", SHOW_TRUTH },
	{ "dry run", "dry_run", SHOW_TRUTH },
};

static const struct client_column addresses[] = {
	{ "address", "ip", SHOW_TEXT },        { "name", "name", SHOW_TEXT },
	{ "cc", "country", SHOW_TEXT },        { "asn", "asn", SHOW_COUNT },
	{ "network", "network", SHOW_TEXT },   { "logins", "logins", SHOW_COUNT },
	{ "failed", "failures", SHOW_COUNT },  { "msgs", "messages", SHOW_COUNT },
	{ "rcpts", "recipients", SHOW_COUNT }, { "bounced", "bounces", SHOW_COUNT },
	{ "first", "first", SHOW_TIME },       { "last", "last", SHOW_TIME },
	{ "bot", "bot", SHOW_TRUTH },          { "known", "known", SHOW_TRUTH },
};

static const struct client_column known[] = {
	{ "network", "network", SHOW_TEXT },   { "asn", "asn", SHOW_COUNT },
	{ "cc", "country", SHOW_TEXT },        { "days", "days", SHOW_COUNT },
	{ "last day", "last_day", SHOW_TIME }, { "the owner's", "owner", SHOW_TRUTH },
};

static const struct client_column past[] = {
	{ "id", "id", SHOW_COUNT },      { "since", "since", SHOW_TIME },
	{ "ended", "ended", SHOW_TIME }, { "state", "state", SHOW_TEXT },
	{ "level", "level", SHOW_TEXT }, { "jail", "jail", SHOW_TEXT },
	{ "why", "reason", SHOW_TEXT },
};

static const struct client_column tasks[] = {
	{ "action", "action", SHOW_TEXT }, { "state", "state", SHOW_TEXT },
	{ "tries", "tries", SHOW_COUNT },  { "next", "retry_at", SHOW_TIME },
	{ "error", "error", SHOW_TEXT },
};

/* A list of objects as client_table() takes it: each wrapped in a key. */
static void print_tasks(const json_t *list, FILE *out)
{
	json_t *wrapped = json_array();

	for (size_t i = 0; i < json_array_size(list); i++)
		(void)json_array_append_new(wrapped,
					    json_pack("{s:O}", "task", json_array_get(list, i)));
	client_table(wrapped, "task", "", tasks, COUNT(tasks), out);
	json_decref(wrapped);
}

static void print_decision(const json_t *d, bool colour, FILE *out)
{
	field_print(out, colour ? "\033[1;31mdecision\033[0m " : "decision ", d, "id", SHOW_TEXT,
		    "");
	field_print(out, " (", d, "level", SHOW_TEXT, "");
	field_print(out, ", jail ", d, "jail", SHOW_TEXT, ")");
	field_print(out, " since ", d, "since", SHOW_TIME, "");
	field_print(out, " until ", d, "until", SHOW_TIME, "");
	if (!json_object_get(d, "until"))
		(void)fputs(" until it is lifted", out);
	if (json_is_true(json_object_get(d, "dry_run")))
		(void)fputs(", dry run", out);
	if (json_is_true(json_object_get(d, "braked")))
		(void)fputs(", held back by the brake", out);
	field_print(out, "\n  ", d, "reason", SHOW_TEXT, "");
	(void)fputc('\n', out);
	print_tasks(json_object_get(d, "actions"), out);
}

static int show(const json_t *objects, bool colour, FILE *out)
{
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *object = json_array_get(objects, i);
		const json_t *subject = json_object_get(object, "subject");
		const json_t *decision = json_object_get(object, "decision");

		field_print(out, "", subject, "user", SHOW_TEXT, "");
		field_print(out, "", subject, "ip", SHOW_TEXT, "");
		field_print(out, " (", subject, "kind", SHOW_TEXT, ")");
		field_print(out, ", last seen ", subject, "last", SHOW_TIME, "\n");
		if (json_is_true(json_object_get(subject, "ignored")))
			(void)fputs("  some jail ignores it\n", out);
		if (decision)
			print_decision(decision, colour, out);
	}
	client_table(objects, "rule", "rules", rules, COUNT(rules), out);
	client_table(objects, "address", "addresses", addresses, COUNT(addresses), out);
	client_table(objects, "known", "networks", known, COUNT(known), out);
	client_table(objects, "past", "before", past, COUNT(past), out);
	return client_find(objects, "decision") ? EXIT_FOUND : EXIT_NOTHING;
}

static int take(struct request *r, int argc, char **argv, struct err *err)
{
	if (argc != 1)
		return err_set(err, EINVAL, "expected a user or an address");
	r->subject = argv[0];
	return 0;
}

int verb_explain(int argc, char **argv)
{
	static const struct client_verb verb = { REQUEST_EXPLAIN, help, NULL, 0, take, show };

	return client_run(&verb, argc, argv);
}
