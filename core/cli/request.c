/*
 * request - what can be asked of the daemon: one JSON object on a line
 *
 *	{"verb":"ban","subject":"joe@example.org","for":7200,"because":"seen at the desk"}
 *
 * One table says which verb takes which keys; the tool writes by it and the daemon reads by it.
 * Values are texts, numbers and truths, never lists or objects, so a request is flat and the
 * work that it makes is bounded by its length. A key that is not for the verb is refused and not
 * passed over: whoever misspells "forget" would believe that it was done.
 */
#include "core/cli/request.h"

#include "core/base/mem.h"
#include "core/cli/json.h"
#include "core/rule/jail.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

static const char *const verb_names[] = {
	[REQUEST_STATUS] = "status", [REQUEST_TOP] = "top",         [REQUEST_EXPLAIN] = "explain",
	[REQUEST_BAN] = "ban",       [REQUEST_UNBAN] = "unban",     [REQUEST_IGNORE] = "ignore",
	[REQUEST_RELOAD] = "reload", [REQUEST_HISTORY] = "history", [REQUEST_RESUME] = "resume",
};
_Static_assert(COUNT(verb_names) == REQUEST_VERBS, "every verb has a name");

#define FOR(verb) (1U << (verb))

enum value_type { TYPE_TEXT, TYPE_TRUTH, TYPE_NUMBER, TYPE_INSTANT };

static const struct key {
	const char *name;
	enum value_type type;
	size_t offset;
	unsigned int verbs, needed_by;
	int64_t least, most;
} keys[] = {
	{ .name = "subject",
	  .type = TYPE_TEXT,
	  .offset = offsetof(struct request, subject),
	  .verbs = FOR(REQUEST_EXPLAIN) | FOR(REQUEST_BAN) | FOR(REQUEST_UNBAN) |
		   FOR(REQUEST_HISTORY),
	  .needed_by = FOR(REQUEST_EXPLAIN) | FOR(REQUEST_BAN) | FOR(REQUEST_UNBAN) },
	{ .name = "because",
	  .type = TYPE_TEXT,
	  .offset = offsetof(struct request, because),
	  .verbs = FOR(REQUEST_BAN) },
	{ .name = "for",
	  .type = TYPE_NUMBER,
	  .offset = offsetof(struct request, for_s),
	  .verbs = FOR(REQUEST_BAN),
	  .least = FOREVER,
	  .most = REQUEST_FOR_S_MOST },
	{ .name = "forget",
	  .type = TYPE_TRUTH,
	  .offset = offsetof(struct request, forget),
	  .verbs = FOR(REQUEST_UNBAN) },
	{ .name = "release",
	  .type = TYPE_TRUTH,
	  .offset = offsetof(struct request, release),
	  .verbs = FOR(REQUEST_UNBAN) },
	{ .name = "purge",
	  .type = TYPE_TRUTH,
	  .offset = offsetof(struct request, purge),
	  .verbs = FOR(REQUEST_UNBAN) },
	{ .name = "add",
	  .type = TYPE_TEXT,
	  .offset = offsetof(struct request, add),
	  .verbs = FOR(REQUEST_IGNORE) },
	{ .name = "remove",
	  .type = TYPE_TEXT,
	  .offset = offsetof(struct request, remove),
	  .verbs = FOR(REQUEST_IGNORE) },
	{ .name = "since",
	  .type = TYPE_INSTANT,
	  .offset = offsetof(struct request, since),
	  .verbs = FOR(REQUEST_HISTORY) },
	{ .name = "rules",
	  .type = TYPE_TRUTH,
	  .offset = offsetof(struct request, rules),
	  .verbs = FOR(REQUEST_TOP) },
	{ .name = "limit",
	  .type = TYPE_NUMBER,
	  .offset = offsetof(struct request, limit),
	  .verbs = FOR(REQUEST_TOP),
	  .least = 1,
	  .most = REQUEST_LIMIT_MOST },
};

const char *request_verb_name(enum request_verb verb)
{
	assert(verb < REQUEST_VERBS);
	return verb_names[verb];
}

static bool is_printable(struct slice s)
{
	char *printable = text_printable(s);
	bool same = slice_is(s, printable);

	free(printable);
	return same;
}

static int take_text(const struct key *key, const json_t *value, void *place, struct err *err)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	if (!text)
		return err_set(err, EINVAL, "%s: expected a text", key->name);
	if (len == 0 || len > REQUEST_TEXT_MOST)
		return err_set(err, EINVAL, "%s: expected a text of 1 to %d bytes", key->name,
			       REQUEST_TEXT_MOST);
	if (!is_printable((struct slice){ text, len }))
		return err_set(err, EINVAL, "%s: expected a text without control characters",
			       key->name);
	*(const char **)place = text;
	return 0;
}

static int take_number(const struct key *key, const json_t *value, void *place, struct err *err)
{
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < key->least || n > key->most)
		return err_set(err, EINVAL, "%s: expected a whole number from %lld to %lld",
			       key->name, (long long)key->least, (long long)key->most);
	*(int64_t *)place = n;
	return 0;
}

static int take_instant(const struct key *key, const json_t *value, void *place, struct err *err)
{
	const char *text = json_string_value(value);
	struct err why;

	/* Of a time "ago" the asker knows what it means: here only a moment is of use. */
	if (!text || !strchr(text, 'T') ||
	    instant_parse(place, text, (struct instant){ 0 }, &why) < 0)
		return err_set(err, EINVAL,
			       "%s: expected a time like \"2026-11-20T23:56:35Z\" (RFC 3339)",
			       key->name);
	return 0;
}

static int take_value(const struct key *key, const json_t *value, struct request *r,
		      struct err *err)
{
	void *place = (char *)r + key->offset;

	switch (key->type) {
	case TYPE_TEXT:
		return take_text(key, value, place, err);
	case TYPE_NUMBER:
		return take_number(key, value, place, err);
	case TYPE_INSTANT:
		return take_instant(key, value, place, err);
	case TYPE_TRUTH:
		break;
	}
	if (!json_is_boolean(value))
		return err_set(err, EINVAL, "%s: expected true or false", key->name);
	*(bool *)place = json_is_true(value);
	return 0;
}

static const struct key *key_named(const char *name, enum request_verb verb)
{
	for (size_t i = 0; i < COUNT(keys); i++)
		if (strcmp(keys[i].name, name) == 0 && keys[i].verbs & FOR(verb))
			return &keys[i];
	return NULL;
}

static int take_verb(struct request *r, struct err *err)
{
	const char *name = json_string_value(json_object_get(r->root, "verb"));

	if (!json_is_object(r->root) || !name)
		return err_set(err, EINVAL, "expected an object like {\"verb\":\"status\"}");
	while (r->verb < REQUEST_VERBS && strcmp(verb_names[r->verb], name) != 0)
		r->verb++;
	if (r->verb == REQUEST_VERBS)
		return err_set(err, ENOSYS, "there is no verb \"%.32s\"", name);
	return 0;
}

static int take_keys(struct request *r, struct err *err)
{
	unsigned int found = 0;
	const char *name;
	json_t *value;

	json_object_foreach(r->root, name, value)
	{
		const struct key *key = key_named(name, r->verb);

		if (strcmp(name, "verb") == 0)
			continue;
		if (!key)
			return err_set(err, EINVAL, "%s: unknown key \"%.32s\"",
				       verb_names[r->verb], name);
		if (take_value(key, value, r, err) < 0)
			return -1;
		found |= 1U << (key - keys);
	}
	for (size_t i = 0; i < COUNT(keys); i++)
		if (keys[i].needed_by & FOR(r->verb) && !(found & 1U << i))
			return err_set(err, EINVAL, "%s: expected a %s", verb_names[r->verb],
				       keys[i].name);
	if ((r->release && r->purge) || (r->add && r->remove))
		return err_set(err, EINVAL, "%s: expected one of \"%s\" and \"%s\", not both",
			       verb_names[r->verb], r->add ? "add" : "release",
			       r->add ? "remove" : "purge");
	return 0;
}

int request_parse(struct request *r, struct slice line, struct err *err)
{
	json_error_t why;

	*r = (struct request){ .since = INSTANT_NONE };
	r->root = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &why);
	if (!r->root)
		return err_set(err, EINVAL, "expected a JSON object on one line: %s", why.text);
	if (take_verb(r, err) == 0 && take_keys(r, err) == 0)
		return 0;
	request_fini(r);
	return -1;
}

void request_fini(struct request *r)
{
	json_decref(r->root);
	*r = (struct request){ .since = INSTANT_NONE };
}

json_t *request_json(const struct request *r)
{
	json_t *object = json_object();

	json_set_text(object, "verb", request_verb_name(r->verb));
	for (size_t i = 0; i < COUNT(keys); i++) {
		const void *place = (const char *)r + keys[i].offset;

		if (!(keys[i].verbs & FOR(r->verb)))
			continue;
		if (keys[i].type == TYPE_TEXT)
			json_set_text(object, keys[i].name, *(const char *const *)place);
		else if (keys[i].type == TYPE_INSTANT)
			json_set_instant(object, keys[i].name, *(const struct instant *)place);
		else if (keys[i].type == TYPE_TRUTH && *(const bool *)place)
			(void)json_object_set_new(object, keys[i].name, json_true());
		else if (keys[i].type == TYPE_NUMBER && *(const int64_t *)place != 0)
			(void)json_object_set_new(object, keys[i].name,
						  json_integer(*(const int64_t *)place));
	}
	return object;
}
