/* test_plugin.c - plugins that are not to be trusted, options of each type, and groups in jails */
#include "core/action/catalogue.h"
#include "core/action/options.h"
#include "core/action/plugin.h"
#include "tests/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of this build's plugins, beside that of its tests. */
static const char *plugins(void)
{
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 20);

	assert_true(len > 0);
	path[len] = '\0';
	for (int up = 0; up < 2; up++)
		*strrchr(path, '/') = '\0';
	memcpy(path + strlen(path), "/actions", sizeof("/actions"));
	return path;
}

/* A folder with a copy of the skeleton in it, and what is wrong with them. */
static const struct fault {
	const char *name;
	const char *file; /* what the copy is called */
	mode_t dir, mode;
	uid_t owner;
	bool linked, cut;
	const char *plugin; /* what is asked for */
	int code;
	const char *want;
} faults[] = {
	{ "all is well", "skeleton.so", 0755, 0644, 0, false, false, "skeleton", 0, NULL },
	{ "read by its owner alone", "skeleton.so", 0700, 0400, 0, false, false, "skeleton", 0,
	  NULL },
	{ "not there", "skeleton.so", 0755, 0644, 0, false, false, "skeletton", ENOENT,
	  "skeletton.so: No such file" },
	{ "a path", "skeleton.so", 0755, 0644, 0, false, false, "../actions/skeleton", ENOENT,
	  "expected the name of a plugin: letters, digits and \"-\"" },
	{ "an empty name", "skeleton.so", 0755, 0644, 0, false, false, "", ENOENT,
	  "expected the name of a plugin" },
	{ "the group may write", "skeleton.so", 0755, 0664, 0, false, false, "skeleton", EPERM,
	  "skeleton.so: others may write to it (mode 0664)" },
	{ "all may write", "skeleton.so", 0755, 0646, 0, false, false, "skeleton", EPERM,
	  "others may write to it" },
	{ "the folder's group may write", "skeleton.so", 0775, 0644, 0, false, false, "skeleton",
	  EPERM, "others may write to it (mode 0775)" },
	{ "a sticky folder", "skeleton.so", 01777, 0644, 0, false, false, "skeleton", EPERM,
	  "others may write to it" },
	{ "somebody else's", "skeleton.so", 0755, 0644, 12345, false, false, "skeleton", EPERM,
	  "expected it to be root's, not user 12345's" },
	{ "a link to elsewhere", "skeleton.so", 0755, 0644, 0, true, false, "skeleton", EINVAL,
	  "skeleton.so: expected a file" },
	{ "cut short", "skeleton.so", 0755, 0644, 0, false, true, "skeleton", EINVAL,
	  "skeleton.so" },
	{ "another name", "other.so", 0755, 0644, 0, false, false, "other", EINVAL,
	  "it calls itself \"skeleton\"; expected \"other\"" },
	{ "built in, whatever the folder", "log.so", 0777, 0666, 0, false, false, "log", 0, NULL },
};

static void copy_file(const char *from, const char *to, bool cut)
{
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	char buf[4096];
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(buf, 1, cut ? 100 : sizeof(buf), in)) > 0) {
		assert_int_equal(fwrite(buf, 1, n, out), n);
		if (cut)
			break;
	}
	assert_int_equal(fclose(out), 0);
	(void)fclose(in);
}

static void loads_or_refuses(void **state)
{
	const struct fault *row = *state;
	char dir[] = "/tmp/postern-test-XXXXXX";
	char *from = xasprintf("%s/skeleton.so", plugins()), *to;
	struct plugin *plugin = NULL;
	struct err err = { 0 };
	int ret;

	if (row->owner && geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	to = xasprintf("%s/%s", dir, row->file);
	if (row->linked)
		assert_int_equal(symlink(from, to), 0);
	else
		copy_file(from, to, row->cut);
	if (!row->linked)
		assert_int_equal(chmod(to, row->mode), 0);
	if (row->owner)
		assert_int_equal(chown(to, row->owner, (gid_t)-1), 0);
	assert_int_equal(chmod(dir, row->dir), 0);
	ret = plugin_load(&plugin, dir, row->plugin, &err);
	assert_int_equal(unlink(to), 0);
	assert_int_equal(rmdir(dir), 0);
	free(from);
	free(to);
	assert_int_equal(ret, row->want ? -1 : 0);
	if (row->want && !strstr(err.text, row->want))
		fail_msg("\"%s\" is not in \"%s\"", row->want, err.text);
	if (row->want)
		assert_int_equal(err.code, row->code);
	else
		assert_string_equal(plugin_action(plugin)->name, row->plugin);
	plugin_free(plugin);
}

struct context {
	const char *text, *path;
	int on, choice;
	int64_t number, span_s, any;
	const char *const *list;
};

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct postern_option options[] = {
	{ POSTERN_TEXT, "text", offsetof(struct context, text), "some", "a text", 0, 0, NULL },
	{ POSTERN_PATH, "path", offsetof(struct context, path), NULL, "a path", 0, 0, NULL },
	{ POSTERN_BOOL, "on", offsetof(struct context, on), "yes", "a switch", 0, 0, NULL },
	{ POSTERN_CHOICE, "choice", offsetof(struct context, choice), "blue", "a colour", 0, 0,
	  colours },
	{ POSTERN_NUMBER, "number", offsetof(struct context, number), "-3", "a number", -5, 10,
	  NULL },
	{ POSTERN_NUMBER, "any", offsetof(struct context, any), NULL, "a number", 0, 0, NULL },
	{ POSTERN_SPAN, "span", offsetof(struct context, span_s), "2m", "a time", 1, 3600, NULL },
	{ POSTERN_LIST, "list", offsetof(struct context, list), "{ 25, \"465\" 587 }", "a list", 0,
	  0, NULL },
	{ 0 },
};

static void apply_nothing(void *ctx, struct postern_item *items, size_t n)
{
	(void)ctx;
	(void)items;
	(void)n;
}

static const struct postern_action action = { .abi = POSTERN_ACTION_ABI,
					      .name = "test",
					      .summary = "nothing",
					      .wants = POSTERN_WANTS_USERS,
					      .options = options,
					      .ctx_size = sizeof(struct context),
					      .apply = apply_nothing };

/* What a context looks like, all of it, after one setting. */
static const struct setting {
	const char *name;
	const char *option;
	const char *value[3];
	size_t n;
	const char *want; /* of the context; or, with "!" in front, in the error */
} settings[] = {
	{ "defaults", NULL, { NULL }, 0, "some - 1 2 -3 0 120 25,465,587," },
	{ "a text", "text", { "a\"b" }, 1, "a\"b - 1 2 -3 0 120 25,465,587," },
	{ "an empty text", "text", { "" }, 1, " - 1 2 -3 0 120 25,465,587," },
	{ "a path", "path", { "/x" }, 1, "some /x 1 2 -3 0 120 25,465,587," },
	{ "no path", "path", { "x" }, 1, "!path: expected an absolute path, not \"x\"" },
	{ "off", "on", { "No" }, 1, "some - 0 2 -3 0 120 25,465,587," },
	{ "true", "on", { "true" }, 1, "some - 1 2 -3 0 120 25,465,587," },
	{ "perhaps", "on", { "perhaps" }, 1, "!on: expected yes or no, not \"perhaps\"" },
	{ "a choice", "choice", { "red" }, 1, "some - 1 0 -3 0 120 25,465,587," },
	{ "no choice",
	  "choice",
	  { "Red" },
	  1,
	  "!choice: expected one of red, green, blue, not \"Red\"" },
	{ "the least", "number", { "-5" }, 1, "some - 1 2 -5 0 120 25,465,587," },
	{ "the most", "number", { "10" }, 1, "some - 1 2 10 0 120 25,465,587," },
	{ "less",
	  "number",
	  { "-6" },
	  1,
	  "!number: expected a whole number from -5 to 10, not \"-6\"" },
	{ "more", "number", { "11" }, 1, "!number: expected a whole number from -5 to 10" },
	{ "half", "number", { "1.5" }, 1, "!number: expected a whole number" },
	{ "nothing", "number", { "" }, 1, "!number: expected a whole number" },
	{ "twice minus", "number", { "--1" }, 1, "!number: expected a whole number" },
	{ "without bounds",
	  "any",
	  { "-123456789012" },
	  1,
	  "some - 1 2 -3 -123456789012 120 25,465,587," },
	{ "too long a number",
	  "any",
	  { "1234567890123456789" },
	  1,
	  "!any: expected a whole number, not" },
	{ "a time", "span", { "1h" }, 1, "some - 1 2 -3 0 3600 25,465,587," },
	{ "too short a time", "span", { "0s" }, 1, "!span: expected from 1s to 1h, not \"0s\"" },
	{ "too long a time", "span", { "2h" }, 1, "!span: expected from 1s to 1h, not \"2h\"" },
	{ "no time", "span", { "soon" }, 1, "!span: expected a time like" },
	{ "a list", "list", { "a b", "c" }, 2, "some - 1 2 -3 0 120 a b,c," },
	{ "an empty list", "list", { NULL }, 0, "some - 1 2 -3 0 120 " },
	{ "two values for one", "number", { "1", "2" }, 2, "!number: expected one value, not 2" },
	{ "none for one", "number", { NULL }, 0, "!number: expected one value, not 0" },
	{ "an unknown option",
	  "nubmer",
	  { "1" },
	  1,
	  "!action \"test\" has no option \"nubmer\"; did you mean \"number\"?" },
	{ "another unknown option",
	  "xyzzyx",
	  { "1" },
	  1,
	  "!has no option \"xyzzyx\"; expected one of at, text, path, on, choice" },
};

static void fills_context(void **state)
{
	const struct setting *row = *state;
	struct action_setting setting = { row->option, row->value, row->n };
	struct arena *arena = arena_new();
	char got[300];
	struct context *c;
	struct err err;
	int used;

	c = options_context(&action, &setting, row->option ? 1 : 0, arena, &err);
	if (row->want[0] == '!') {
		assert_null(c);
		if (!strstr(err.text, row->want + 1))
			fail_msg("\"%s\" is not in \"%s\"", row->want + 1, err.text);
		arena_free(arena);
		return;
	}
	assert_non_null(c);
	used = snprintf(got, sizeof(got), "%s %s %d %d %lld %lld %lld ", c->text,
			c->path ? c->path : "-", c->on, c->choice, (long long)c->number,
			(long long)c->any, (long long)c->span_s);
	for (const char *const *word = c->list; *word; word++)
		used += snprintf(got + used, sizeof(got) - (size_t)used, "%s,", *word);
	assert_string_equal(got, row->want);
	arena_free(arena);
}

/* One option, wrong in itself. */
static const struct mistake {
	const char *name;
	struct postern_option option;
	const char *want;
} mistakes[] = {
	{ "no help", { POSTERN_TEXT, "x", 0, NULL, NULL, 0, 0, NULL }, "without a name, a help" },
	{ "no type",
	  { (enum postern_option_type)99, "x", 0, NULL, "h", 0, 0, NULL },
	  "known type" },
	{ "no choices", { POSTERN_CHOICE, "x", 0, NULL, "h", 0, 0, NULL }, "expected choices" },
	{ "a name in capitals",
	  { POSTERN_TEXT, "X", 0, NULL, "h", 0, 0, NULL },
	  "expected lower case" },
	{ "a name that every action has",
	  { POSTERN_TEXT, "at", 0, NULL, "h", 0, 0, NULL },
	  "not \"at\"" },
	{ "outside the context",
	  { POSTERN_TEXT, "x", sizeof(struct context), NULL, "h", 0, 0, NULL },
	  "no place in the context" },
	{ "half outside",
	  { POSTERN_NUMBER, "x", sizeof(struct context) - 4, NULL, "h", 0, 0, NULL },
	  "no place in the context" },
	{ "far outside",
	  { POSTERN_NUMBER, "x", SIZE_MAX - 7, NULL, "h", 0, 0, NULL },
	  "no place in the context" },
	{ "a default that is none",
	  { POSTERN_NUMBER, "x", 0, "some", "h", 0, 0, NULL },
	  "x: expected a whole number, not \"some\"" },
	{ "a default out of bounds",
	  { POSTERN_SPAN, "x", 0, "2h", "h", 1, 60, NULL },
	  "x: expected from 1s to 1m" },
};

static void refuses_declaration(void **state)
{
	const struct mistake *row = *state;
	const struct postern_option declared[] = { row->option, { 0 } };
	struct postern_action wrong = action;
	struct err err;

	wrong.options = declared;
	assert_int_equal(options_are_sound(&wrong, &err), -1);
	if (!strstr(err.text, row->want))
		fail_msg("\"%s\" is not in \"%s\"", row->want, err.text);
}

#define RULE "rule r { count = login max = 5 }\n"

/* What is in a file of jails, and the instances that come of it, "JAIL.ID=NAME(SETTINGS)". */
static const struct jails {
	const char *name;
	const char *text;
	bool names_only;
	const char *want; /* or, with "!" in front, in the error */
} jail_rows[] = {
	{ "options", "jail j { " RULE " action skeleton { content = user at = suspect } }", false,
	  "j.0=skeleton(content user) " },
	{ "a list", "jail j { " RULE " action exec { arguments = { 'a b', c } } }", false,
	  "j.0=exec(arguments a b,c) " },
	{ "one value for a list", "jail j { " RULE " action exec { arguments = x } }", false,
	  "j.0=exec(arguments x) " },
	{ "an empty list", "jail j { " RULE " action exec { arguments = {} } }", false,
	  "j.0=exec(arguments) " },
	{ "two of one plugin",
	  "jail j { " RULE " action \"exec:a\" { timeout = 5s } action \"exec:b\" {} }", false,
	  "j.0=exec:a(timeout 5s) j.1=exec:b() " },
	{ "a group", "actions g { action log {} }\njail j { " RULE " actions = g }", false,
	  "j.0=log() " },
	{ "a group that comes later",
	  "jail j { " RULE " actions = g }\nactions g { action log {} }", false, "j.0=log() " },
	{ "the jail before the group",
	  "actions g { action log { journal = no } action exec {} }\n"
	  "jail j { " RULE " actions = g action log {} }",
	  false, "j.0=log() j.1=exec() " },
	{ "an earlier group before a later",
	  "actions g { action log { journal = no } }\nactions h { action log {} action exec {} }\n"
	  "jail j { " RULE " actions = { g, h } }",
	  false, "j.0=log(journal no) j.1=exec() " },
	{ "jails that say the same share an instance",
	  "actions g { action log {} action exec { timeout = 5s } }\n"
	  "jail j { " RULE " actions = g }\njail k { " RULE
	  " action log { at = suspect } action exec { timeout = 6s } }",
	  false, "j.0=log() j.1=exec(timeout 5s) k.0=log() k.2=exec(timeout 6s) " },
	{ "an unknown option", "jail j { " RULE " action exec {\n tiemout = 5s } }", false,
	  "!j.conf:3: action \"exec\" has no option \"tiemout\"; did you mean \"timeout\"?" },
	{ "another plugin's option",
	  "jail j { " RULE " action log { journal = no }\naction exec {\njournal = no } }", false,
	  "!j.conf:4: action \"exec\" has no option \"journal\"" },
	{ "another plugin's option, empty",
	  "jail j { " RULE " action exec { arguments = x }\naction log {\narguments = {} } }",
	  false, "!j.conf:3: action \"log\": action \"log\" has no option \"arguments\"" },
	{ "a wrong value", "jail j { " RULE " action exec {\n timeout = 90s } }", false,
	  "!j.conf:3: timeout: expected from 1s to 1m, not \"90s\"" },
	{ "two values for one", "jail j { " RULE " action exec { timeout = { 1s, 2s } } }", false,
	  "!j.conf:2: action \"exec\": timeout: expected one value, not 2" },
	{ "a wrong value in a group that no jail names",
	  "actions g {\naction exec { program = x } }", false,
	  "!j.conf:2: program: expected an absolute path, not \"x\"" },
	{ "a group that is not there",
	  "actions ban { action log {} }\njail j { " RULE " actions = bann }", false,
	  "!j.conf:2: jail \"j\": actions: expected the name of a group, as in actions \"protect\" "
	  "{ ... }, not \"bann\"; did you mean \"ban\"?" },
	{ "an action that is not there", "jail j { " RULE " action exce {} }", false,
	  "!no action is called that; expected log, mail, nftables" },
	{ "an unknown key of a jail", "jail j { " RULE " actoin = 5 }", false,
	  "!j.conf:2: unknown key \"actoin\"" },
	{ "nothing behind the colon", "jail j { " RULE " action 'exec:' {} }", false,
	  "!expected a name of at most" },
	{ "names only: any option", "jail j { " RULE " action nftables { whatever = { 1, 2 } } }",
	  true, "j.0=nftables(whatever 1,2) " },
	{ "names only: a plugin of one's own", "jail j { " RULE " action skeleton {} }", true,
	  "j.0=skeleton() " },
	{ "names only: no such name", "jail j { " RULE " action nfatbles {} }", true,
	  "!no action is called that; expected log, mail" },
};

static void describe_action(FILE *out, const struct jail_action *a)
{
	(void)fprintf(out, "%u=%s(", a->id, a->name);
	for (size_t s = 0; s < a->n_settings; s++) {
		(void)fputs(a->setting[s].name, out);
		for (size_t v = 0; v < a->setting[s].n; v++)
			(void)fprintf(out, "%s%s", v ? "," : " ", a->setting[s].value[v]);
	}
	(void)fputs(") ", out);
}

/* The caller frees it. */
static char *describe(const struct jail_set *set)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	for (size_t i = 0; i < set->n_jails; i++) {
		for (size_t k = 0; k < set->jail[i]->n_actions; k++) {
			const struct jail_action *a = &set->jail[i]->action[k];

			assert_true(a->id < set->n_instances);
			assert_string_equal(set->instance[a->id]->name, a->name);
			(void)fprintf(out, "%s.", set->jail[i]->name);
			describe_action(out, a);
		}
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

static void reads_jails(void **state)
{
	const struct jails *row = *state;
	struct catalogue *catalogue = catalogue_new(plugins(), row->names_only);
	struct jail_defaults defaults = { .actions = catalogue_for_jails(catalogue) };
	struct filter_set no_filters = { 0 };
	struct jail_set *set = NULL;
	struct err err;
	char *got;
	int ret;

	ret = jail_set_load_text(&set, "j.conf", row->text, &no_filters, &defaults, &err);
	if (row->want[0] == '!') {
		assert_int_equal(ret, -1);
		if (!strstr(err.text, row->want + 1))
			fail_msg("\"%s\" is not in \"%s\"", row->want + 1, err.text);
	} else if (ret < 0 || !set) {
		fail_msg("%s", err.text);
	} else {
		got = describe(set);
		assert_string_equal(got, row->want);
		free(got);
	}
	jail_set_free(set);
	catalogue_free(catalogue);
}

int main(void)
{
	struct CMUnitTest
		tests[COUNT(faults) + COUNT(settings) + COUNT(mistakes) + COUNT(jail_rows)];
	size_t n = 0;

	ADD_ROWS(tests, n, faults, loads_or_refuses);
	ADD_ROWS(tests, n, settings, fills_context);
	ADD_ROWS(tests, n, mistakes, refuses_declaration);
	ADD_ROWS(tests, n, jail_rows, reads_jails);
	return _cmocka_run_group_tests("plugin", tests, n, NULL, NULL);
}
