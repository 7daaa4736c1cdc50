/*
 * options - a plugin's declared options: checked when they are read, filled into its context
 *
 * A plugin declares a table (postern-action.h); a jail's section gives texts. Each type is a row
 * here: how a text is checked and what it becomes. The same rows read the plugin's own defaults,
 * so a wrong default is found when the plugin is loaded, not on the day it is used.
 */
#include "core/action/options.h"

#include "core/base/instant.h"
#include "core/config/conf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { OPTIONS_MOST = 60, LIST_MOST = 256, VALUE_MOST = 4096 };

static int refuse(struct err *err, const struct postern_option *o, const char *expected,
		  const char *value)
{
	return err_set(err, EINVAL, "%s: expected %s, not \"%.100s\"", o->name, expected, value);
}

static int read_text(const struct postern_option *o, const char *value, void *place,
		     struct err *err)
{
	const char **text = place;

	if (strlen(value) > VALUE_MOST)
		return err_set(err, EINVAL, "%s: expected at most %d bytes", o->name, VALUE_MOST);
	*text = value;
	return 0;
}

static int read_path(const struct postern_option *o, const char *value, void *place,
		     struct err *err)
{
	if (value[0] != '/')
		return refuse(err, o, "an absolute path", value);
	return read_text(o, value, place, err);
}

static int read_bool(const struct postern_option *o, const char *value, void *place,
		     struct err *err)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };
	int *is = place;

	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcasecmp(value, words[i]) == 0) {
			*is = (int)(i % 2);
			return 0;
		}
	}
	return refuse(err, o, "yes or no", value);
}

static bool has_bounds(const struct postern_option *o)
{
	return o->least != 0 || o->most != 0;
}

static int read_number(const struct postern_option *o, const char *value, void *place,
		       struct err *err)
{
	bool minus = value[0] == '-';
	char expected[80];
	int64_t *number = place;
	long long n;

	(void)snprintf(expected, sizeof(expected), "a whole number");
	if (has_bounds(o))
		(void)snprintf(expected, sizeof(expected), "a whole number from %lld to %lld",
			       (long long)o->least, (long long)o->most);
	if (!slice_number(slice_of(value + minus), &n))
		return refuse(err, o, expected, value);
	n = minus ? -n : n;
	if (has_bounds(o) && (n < o->least || n > o->most))
		return refuse(err, o, expected, value);
	*number = n;
	return 0;
}

static int read_span(const struct postern_option *o, const char *value, void *place,
		     struct err *err)
{
	char least[INSTANT_TEXT], most[INSTANT_TEXT], expected[80];
	int64_t *seconds = place, n = 0;
	struct err why;

	if (span_parse(&n, value, &why) < 0)
		return err_set(err, EINVAL, "%s: %s", o->name, why.text);
	if (has_bounds(o) && (n < o->least || n > o->most)) {
		(void)snprintf(expected, sizeof(expected), "from %s to %s",
			       span_text(o->least, least), span_text(o->most, most));
		return refuse(err, o, expected, value);
	}
	*seconds = n;
	return 0;
}

static int read_choice(const struct postern_option *o, const char *value, void *place,
		       struct err *err)
{
	char expected[200] = "one of";
	size_t used = strlen(expected);
	int *choice = place;

	for (int i = 0; o->choices[i]; i++) {
		if (strcmp(o->choices[i], value) == 0) {
			*choice = i;
			return 0;
		}
		if (used < sizeof(expected))
			used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%s %s",
						 i ? "," : "", o->choices[i]);
	}
	return refuse(err, o, expected, value);
}

/* By enum postern_option_type; a list's rows are texts. */
static const struct type {
	int (*read)(const struct postern_option *o, const char *value, void *place,
		    struct err *err);
	size_t size;
} types[] = {
	[POSTERN_TEXT] = { read_text, sizeof(char *) },
	[POSTERN_PATH] = { read_path, sizeof(char *) },
	[POSTERN_BOOL] = { read_bool, sizeof(int) },
	[POSTERN_NUMBER] = { read_number, sizeof(int64_t) },
	[POSTERN_SPAN] = { read_span, sizeof(int64_t) },
	[POSTERN_CHOICE] = { read_choice, sizeof(int) },
	[POSTERN_LIST] = { read_text, sizeof(char *) },
};

const struct postern_option *option_find(const struct postern_action *action, const char *name,
					 struct err *err)
{
	const char *names[OPTIONS_MOST + 1] = { "at" }, *near;
	char list[300] = "";
	size_t n = 1, used = 0;

	for (const struct postern_option *o = action->options; o && o->type; o++) {
		if (strcmp(o->name, name) == 0)
			return o;
		assert(n < COUNT(names)); /* options_are_sound() has counted them */
		names[n++] = o->name;
	}
	near = conf_nearest(name, names, n);
	for (size_t i = 0; !near && i < n && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s %s", i ? "," : "",
					 names[i]);
	(void)err_set(err, EINVAL, "action \"%s\" has no option \"%.64s\"; %s%s%s", action->name,
		      name, near ? "did you mean \"" : "expected one of", near ? near : list,
		      near ? "\"?" : "");
	return NULL;
}

int option_check(const struct postern_option *option, const char *const *value, size_t n,
		 struct err *err)
{
	_Alignas(int64_t) char scratch[sizeof(int64_t)]; /* for a value of any type */

	if (option->type != POSTERN_LIST && n != 1)
		return err_set(err, EINVAL, "%s: expected one value, not %zu", option->name, n);
	if (n > LIST_MOST)
		return err_set(err, EINVAL, "%s: expected at most %d values", option->name,
			       LIST_MOST);
	for (size_t i = 0; i < n; i++)
		if (types[option->type].read(option, value[i], scratch, err) < 0)
			return -1;
	return 0;
}

static int fill(const struct postern_option *o, const char *const *value, size_t n, char *ctx,
		struct arena *arena, struct err *err)
{
	const char **list;

	if (option_check(o, value, n, err) < 0)
		return -1;
	if (o->type != POSTERN_LIST)
		return types[o->type].read(o, arena_strdup(arena, value[0]), ctx + o->offset, err);
	list = arena_alloc(arena, (n + 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = arena_strdup(arena, value[i]);
	memcpy(ctx + o->offset, &list, sizeof(list));
	return 0;
}

/* A list's default is one text, with what parts its words in a file: { "a", "b" }, or a, b. */
static int fill_default(const struct postern_option *o, char *ctx, struct arena *arena,
			struct err *err)
{
	static const char between[] = " \t,{}\"'";
	const char *value[LIST_MOST], *p = o->standard;
	size_t n = 0;

	if (o->type != POSTERN_LIST)
		return p ? fill(o, &p, 1, ctx, arena, err) : 0;
	for (p = p ? p + strspn(p, between) : ""; *p && n < LIST_MOST; p += strspn(p, between)) {
		size_t len = strcspn(p, between);

		value[n++] = arena_strndup(arena, p, len);
		p += len;
	}
	return fill(o, value, n, ctx, arena, err);
}

void *options_context(const struct postern_action *action, const struct action_setting *setting,
		      size_t n, struct arena *arena, struct err *err)
{
	char *ctx = arena_alloc(arena, action->ctx_size ? action->ctx_size : 1);

	for (const struct postern_option *o = action->options; o && o->type; o++)
		if (fill_default(o, ctx, arena, err) < 0)
			return NULL;
	for (size_t i = 0; i < n; i++) {
		const struct postern_option *o = option_find(action, setting[i].name, err);

		if (!o || fill(o, setting[i].value, setting[i].n, ctx, arena, err) < 0)
			return NULL;
	}
	return ctx;
}

/* Its place has to be in the context, and aligned: the plugin reads it there. */
static int check_declaration(const struct postern_action *action, const struct postern_option *o,
			     struct err *err)
{
	if ((unsigned int)o->type >= COUNT(types) || !o->name || !o->help)
		return err_set(err, EINVAL, "an option without a name, a help or a known type");
	if (strcmp(o->name, "at") == 0 || strlen(o->name) > 32 ||
	    strspn(o->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(o->name))
		return err_set(err, EINVAL,
			       "option \"%.40s\": expected lower case letters, digits and \"_\", "
			       "and not \"at\"",
			       o->name);
	if (o->type == POSTERN_CHOICE && (!o->choices || !o->choices[0]))
		return err_set(err, EINVAL, "option \"%s\": expected choices", o->name);
	if (o->offset % types[o->type].size || o->offset > action->ctx_size ||
	    action->ctx_size - o->offset < types[o->type].size)
		return err_set(err, EINVAL, "option \"%s\": it has no place in the context",
			       o->name);
	return 0;
}

int options_are_sound(const struct postern_action *action, struct err *err)
{
	struct arena *scratch;
	void *ctx;
	size_t n = 0;

	for (const struct postern_option *o = action->options; o && o->type; o++) {
		if (++n > OPTIONS_MOST)
			return err_set(err, EINVAL, "more than %d options", OPTIONS_MOST);
		if (check_declaration(action, o, err) < 0)
			return -1;
	}
	scratch = arena_new();
	ctx = options_context(action, NULL, 0, scratch, err);
	arena_free(scratch);
	return ctx ? 0 : -1;
}
