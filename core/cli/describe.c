/*
 * describe - a decision and its evidence as JSON, for actions
 *
 * Actions run in processes of their own and know nothing of engine or store: all that a mail to the
 * postmaster or a webhook says is in this text.
 */
#include "core/cli/describe.h"

#include "core/cli/json.h"

#include <stdlib.h>
#include <string.h>

enum { JSON_FLAGS = JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER };

/* A ban that an administrator asked for has no case: it has addresses and a reason. */
static json_t *without_case(const struct record *r)
{
	json_t *object = json_object(), *subject = json_object(), *list = json_array();
	char text[ADDRESS_TEXT];

	json_set_text(object, "jail", r->jail);
	json_set_text(object, "verdict", level_word(r->level));
	json_set_text(subject, r->kind == SUBJECT_ADDRESS ? "ip" : "user", r->name);
	(void)json_object_set_new(object, "subject", subject);
	for (size_t i = 0; i < r->n_addresses; i++) {
		json_t *a = json_object();

		json_set_text(a, "ip", prefix_text(&r->address[i].host, text));
		(void)json_array_append_new(list, a);
	}
	(void)json_object_set_new(object, "addresses", list);
	return object;
}

/* Halves the list of addresses until the text is short enough; the bots come first and stay. */
static char *bounded(json_t *object)
{
	json_t *list = json_object_get(object, "addresses");
	char *text = json_dumps(object, JSON_FLAGS);
	size_t left_out = 0;

	while (text && strlen(text) >= DESCRIBE_MOST && json_array_size(list) > 0) {
		size_t keep = json_array_size(list) / 2;

		left_out += json_array_size(list) - keep;
		while (json_array_size(list) > keep)
			(void)json_array_remove(list, json_array_size(list) - 1);
		json_set_number(object, "addresses_left_out", left_out);
		free(text);
		text = json_dumps(object, JSON_FLAGS);
	}
	return text;
}

char *describe(const struct record *r, const struct decision *c, const struct report_options *o)
{
	json_t *object = c ? report_object(c, o) : without_case(r);
	char *text;

	json_set_number(object, "id", r->id);
	json_set_instant(object, "since", r->since);
	json_set_instant(object, "until", r->until);
	json_set_text(object, "reason", r->reason);
	if (r->dry)
		(void)json_object_set_new(object, "dry_run", json_true());
	if (r->by_administrator)
		(void)json_object_set_new(object, "by_administrator", json_true());
	text = bounded(object);
	json_decref(object);
	return text;
}
