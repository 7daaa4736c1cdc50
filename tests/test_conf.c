/*
 * test_conf - configuration files: what is read, and how mistakes are told
 *
 * The schema is the test's own: text, list, span, count, yes-or-no and checked word, in the file
 * and in sections within sections.
 */
#include "core/config/conf.h"

#include "tests/rows.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_colour(cfg_t *cfg, cfg_opt_t *opt)
{
	static const char *const colours[] = { "red", "green" };
	const char *near = conf_nearest(conf_value(opt), colours, COUNT(colours));

	for (size_t i = 0; i < COUNT(colours); i++)
		if (strcmp(conf_value(opt), colours[i]) == 0)
			return 0;
	return conf_refuse(cfg, "%s: expected red or green, not \"%s\"%s%s", cfg_opt_name(opt),
			   conf_value(opt), near ? ", perhaps " : "", near ? near : "");
}

static cfg_opt_t inner_schema[] = {
	CONF_COUNT("max", "5"),
	CONF_TEXTS("words"),
	CONF_END(),
};

static cfg_opt_t outer_schema[] = {
	CONF_TEXT("name", "nobody"),
	CONF_TEXTS("words"),
	CONF_BOOL("enabled", cfg_true),
	CONF_SPAN("span", "10m"),
	CONF_COUNT("count", NULL),
	CONF_CHECKED("colour", "red", is_colour),
	CONF_CHECKED_LIST("colours", is_colour),
	CONF_SECTION("inner", inner_schema),
	CONF_END(),
};

static cfg_opt_t schema[] = {
	CONF_TEXT("top", NULL),
	CONF_SECTION("outer", outer_schema),
	CONF_END(),
};

/* One text with a mistake, and a part of what is said of it. */
static const struct mistake {
	const char *name;
	const char *text;
	const char *want;
} mistakes[] = {
	{ "unknown key, near", "outer \"a\" {\n\tcuont = 5\n}",
	  "t.conf:2: unknown key \"cuont\"; did you mean \"count\"?" },
	{ "unknown key, far", "outer a {\n\n\tzzzzzzz = 5\n}",
	  "t.conf:3: unknown key \"zzzzzzz\"; expected one of name, words, enabled" },
	{ "unknown section", "\n\njail a { }", "t.conf:3: unknown key \"jail\"; expected one of" },
	{ "no name", "\nouter \"\" { }", "t.conf:2: outer \"\": expected a name" },
	{ "no name within", "outer a {\n\ninner '' { } }",
	  "t.conf:3: inner \"\": expected a name" },
	{ "no yes or no", "outer a {\nenabled = maybe\n}",
	  "t.conf:2: enabled: expected yes or no" },
	{ "no span", "outer a {\nspan = 10x\n}", "t.conf:2: span: expected a time like" },
	{ "negative count", "outer a {\ncount = -1 }",
	  "t.conf:2: count: expected a whole number from 0 on, not \"-1\"" },
	{ "huge count", "outer a {\ncount = 2147483648 }", "t.conf:2: count: expected a whole" },
	{ "count of 30 digits", "outer a {\ncount = 111111111122222222223333333333 }",
	  "t.conf:2: count: expected a whole" },
	{ "no colour", "outer a { colour = greeen }",
	  "t.conf:1: colour: expected red or green, not \"greeen\", perhaps green" },
	{ "no colour in a list", "outer a { colours = { red,\n blue } }",
	  "t.conf:2: colours: expected red or green, not \"blue\"" },
	{ "list for a text", "outer a { name = { x, y } }", "t.conf:1: \"{\" was not expected" },
	{ "no equal sign", "outer a {\nname nobody }", "t.conf:2: expected \"=\" behind \"name\"" },
	{ "no title", "outer {\n}", "t.conf:1: expected a name behind \"outer\"" },
	{ "no brace", "outer a b { }", "t.conf:1: expected \"{\" behind the name of \"outer\"" },
	{ "a brace too few", "outer a {\nname = b\n", "t.conf:1: this \"{\" is never closed" },
	{ "a brace too few, inside", "outer a {\ninner b {\n}\n",
	  "t.conf:1: this \"{\" is never closed" },
	{ "no value at the end", "\ntop =\n", "expected more before the end of the file" },
	{ "lines behind comments", "# a\n#\n/* b\n c */\n// d\nouter a { # e\ncuont = 5\n}",
	  "t.conf:7: unknown key \"cuont\"" },
	{ "lines behind strings", "top = \"a\nb\\\nc\"\ntpo = 'd\n'\n", "t.conf:4: unknown key" },
	{ "a brace too many", "outer a { }\n}", "t.conf:2: no section is open" },
	{ "no value", "outer a { name = }", "t.conf:1: \"}\" was not expected" },
	{ "a comma too few", "outer a { words = { a b } }", "t.conf:1: \"b\" was not expected" },
	{ "same section twice", "outer a { }\nouter b { }\nouter a { }",
	  "t.conf:3: \"a\" is here already; expected each name once in a file" },
	{ "same inner section twice", "outer a {\ninner x { }\ninner x { } }",
	  "t.conf:3: \"x\" is here already" },
	{ "string without end", "outer a {\n name = \"b\n}\n", "t.conf:2: this string never ends" },
	{ "string without end, at top", "\n\"abc\n\n\n", "t.conf:2: this string never ends" },
	{ "single quotes without end", "top = 'it\\'s", "t.conf:1: this string never ends" },
	{ "backslash at the end", "top = \"a\\", "t.conf:1: this string never ends" },
	{ "comment without end", "top = a\n/* b\n\nouter a { }\n",
	  "t.conf:2: this comment never ends" },
	{ "appended list", "outer a { words = { a }\nwords += { b } }",
	  "t.conf:2: expected \"=\" and the whole list" },
	{ "glob without quotes", "outer a { words = { x, news@* } }",
	  "t.conf:1: expected quotes around a value with a \"*\" in it" },
	{ "plus without quotes", "top =\n user+ip", "t.conf:2: expected quotes around a value" },
	{ "path and glob", "top = /var/log/*", "t.conf:1: expected quotes around a value" },
	{ "escape out of range", "top = \"\\777\"", "t.conf:1: invalid octal number" },
	{ "control characters", "\033[2J\a = 1", "t.conf:1: unknown key \"?[2J?\"" },
	{ "only the first of two", "outer a { cuont = 5 }\nxxxxx = 1", "t.conf:1: unknown key" },
};

static void tells_mistake(void **state)
{
	const struct mistake *row = *state;
	struct err err;
	cfg_t *cfg;

	assert_int_equal(conf_load_text(&cfg, schema, "t.conf", row->text, &err), -1);
	if (strstr(err.text, row->want) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", row->want, err.text);
	/* What is left in the lexer must not spoil the next text. */
	assert_int_equal(conf_load_text(&cfg, schema, "t.conf", "top = \"next\"", &err), 0);
	assert_string_equal(cfg_getstr(cfg, "top"), "next");
	cfg_free(cfg);
}

/* What one text sets: asked of its section "a". */
static const struct setting {
	const char *name;
	const char *text;
	const char *key;
	bool is_set;
	const char *want; /* the first value, NULL: there is none */
} settings[] = {
	{ "default text", "outer a { }", "name", false, "nobody" },
	{ "text", "outer a { name = b }", "name", true, "b" },
	{ "the default's own text", "outer a { name = nobody }", "name", true, "nobody" },
	{ "empty text", "outer a { name = \"\" }", "name", true, "" },
	{ "the last of two", "outer a { name = b\nname = c }", "name", true, "c" },
	{ "no list", "outer a { }", "words", false, NULL },
	{ "empty list", "outer a { words = {} }", "words", true, NULL },
	{ "list emptied", "outer a { words = { a }\nwords = {} }", "words", true, NULL },
	{ "list", "outer a { words = { \"x y\", z } }", "words", true, "x y" },
	{ "list of one without braces", "outer a { words = x }", "words", true, "x" },
	{ "list without a comma at its end", "outer a { words = { x, } }", "words", true, "x" },
	{ "default span", "outer a { }", "span", false, "10m" },
	{ "span", "outer a { span = \"1d 12h\" }", "span", true, "1d 12h" },
	{ "no count", "outer a { }", "count", false, NULL },
	{ "count of 0", "outer a { count = 0 }", "count", true, "0" },
	{ "default word", "outer a { }", "colour", false, "red" },
	{ "set elsewhere", "outer b { colour = green }\nouter a { }", "colour", false, "red" },
	{ "a comment first", "#\nouter a { name = b }", "name", true, "b" },
	{ "comments all around", "# a\n// it's \"\n/* '{' \n */ outer a { # }\nname = b /*}*/ }",
	  "name", true, "b" },
	{ "braces in strings", "outer a { name = '}{\"' }", "name", true, "}{\"" },
	{ "backslashes in single quotes", "outer a { name = '\\w\\'\\\\' }", "name", true,
	  "\\w'\\" },
	{ "CR LF", "outer a {\r\nname = b\r\n}\r\n", "name", true, "b" },
};

static void reads_setting(void **state)
{
	const struct setting *row = *state;
	struct err err;
	cfg_t *cfg, *section;

	assert_int_equal(conf_load_text(&cfg, schema, "t.conf", row->text, &err), 0);
	section = cfg_gettsec(cfg, "outer", "a");
	assert_non_null(section);
	assert_int_equal(conf_is_set(section, row->key), row->is_set);
	if (row->want)
		assert_string_equal(cfg_getstr(section, row->key), row->want);
	else
		assert_null(cfg_getstr(section, row->key));
	cfg_free(cfg);
}

/* Two files one after the other: what their sections then hold, written down. */
static const struct merged {
	const char *name;
	const char *first, *second;
	const char *want; /* outer, with its settings, and its inner sections */
} merges[] = {
	{ "second is empty", "outer a { name = b }", "", "a:b,10m,[];" },
	{ "first is empty", "# nothing\n", "outer a { name = b }", "a:b,10m,[];" },
	{ "one value changes", "outer a { name = b\nspan = 1h\ninner i { max = 1 } }",
	  "outer a { span = 2h }", "a:b,2h,[] i=1[];" },
	{ "a value of an inner section", "outer a { name = b inner i { max = 1 } inner k { } }",
	  "outer a { inner k { max = 7 } }", "a:b,10m,[] i=1[] k=7[];" },
	{ "a new inner section", "outer a { inner i { words = { x } } }", "outer a { inner k { } }",
	  "a:nobody,10m,[] i=5[x] k=5[];" },
	{ "a new section", "outer a { }", "outer b { name = c }", "a:nobody,10m,[];b:c,10m,[];" },
	{ "a list is replaced", "outer a { words = { x, y } }", "outer a { words = { z } }",
	  "a:nobody,10m,[z];" },
	{ "a list is emptied", "outer a { words = { x, y } }", "outer a { words = {} }",
	  "a:nobody,10m,[];" },
	{ "a list stays", "outer a { words = { x, y } }", "outer a { name = n }", "a:n,10m,[xy];" },
	{ "back to the default", "outer a { name = b }", "outer a { name = nobody }",
	  "a:nobody,10m,[];" },
	{ "several at once", "outer a { } outer b { } outer c { }",
	  "outer c { name = 3 } outer d { } outer a { name = 1 }",
	  "a:1,10m,[];b:nobody,10m,[];c:3,10m,[];d:nobody,10m,[];" },
};

static void write_file(const char *path, const char *text)
{
	FILE *fp = fopen(path, "we");

	assert_non_null(fp);
	assert_int_equal(fwrite(text, 1, strlen(text), fp), strlen(text));
	assert_int_equal(fclose(fp), 0);
}

static size_t describe_words(char *buf, size_t size, cfg_t *section)
{
	size_t used = (size_t)snprintf(buf, size, "[");

	for (unsigned int i = 0; i < cfg_size(section, "words"); i++)
		used += (size_t)snprintf(buf + used, size - used, "%s",
					 cfg_getnstr(section, "words", i));
	return used + (size_t)snprintf(buf + used, size - used, "]");
}

static void describe(char *buf, size_t size, cfg_t *cfg)
{
	size_t used = 0;

	for (unsigned int i = 0; i < cfg_size(cfg, "outer"); i++) {
		cfg_t *outer = cfg_getnsec(cfg, "outer", i);

		used += (size_t)snprintf(buf + used, size - used, "%s:%s,%s,", cfg_title(outer),
					 cfg_getstr(outer, "name"), cfg_getstr(outer, "span"));
		used += describe_words(buf + used, size - used, outer);
		for (unsigned int k = 0; k < cfg_size(outer, "inner"); k++) {
			cfg_t *inner = cfg_getnsec(outer, "inner", k);

			used += (size_t)snprintf(buf + used, size - used, " %s=%s",
						 cfg_title(inner), cfg_getstr(inner, "max"));
			used += describe_words(buf + used, size - used, inner);
		}
		used += (size_t)snprintf(buf + used, size - used, ";");
	}
}

static void merges_files(void **state)
{
	const struct merged *row = *state;
	char dir[] = "/tmp/postern-test-XXXXXX", text[500], **paths, *first, *second;
	struct err err;
	size_t n;
	cfg_t *cfg = NULL;

	assert_non_null(mkdtemp(dir));
	first = xasprintf("%s/10.conf", dir);
	second = xasprintf("%s/20.conf", dir);
	write_file(second, row->second);
	write_file(first, row->first);
	assert_int_equal(conf_dir(&paths, &n, dir, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(conf_load(&cfg, schema, (const char *const *)paths, n, &err), 0);
	describe(text, sizeof(text), cfg);
	assert_string_equal(text, row->want);
	cfg_free(cfg);
	conf_dir_free(paths, n);
	assert_int_equal(unlink(first), 0);
	assert_int_equal(unlink(second), 0);
	assert_int_equal(rmdir(dir), 0);
	free(first);
	free(second);
}

/* Files that can't be read. */
static const struct unreadable {
	const char *name;
	const char *file; /* in a new directory */
	const char *text; /* NULL: there is no such file; "DIR": it is a directory */
	size_t len;
	const char *want;
} unreadables[] = {
	{ "missing", "x.conf", NULL, 0, "x.conf: No such file" },
	{ "directory", "x.conf", "DIR", 0, "x.conf: expected a file" },
	{ "NUL byte", "x.conf", "top = \"a\0b\"", 11, "x.conf: expected text, found a NUL byte" },
};

static void tells_unreadable(void **state)
{
	const struct unreadable *row = *state;
	char dir[] = "/tmp/postern-test-XXXXXX", *path;
	const char *const *paths;
	struct err err;
	cfg_t *cfg;
	FILE *fp;

	assert_non_null(mkdtemp(dir));
	path = xasprintf("%s/%s", dir, row->file);
	paths = (const char *const *)&path;
	if (row->text && strcmp(row->text, "DIR") == 0) {
		assert_int_equal(mkdir(path, 0700), 0);
	} else if (row->text) {
		fp = fopen(path, "we");
		assert_non_null(fp);
		assert_int_equal(fwrite(row->text, 1, row->len, fp), row->len);
		assert_int_equal(fclose(fp), 0);
	}
	assert_int_equal(conf_load(&cfg, schema, paths, 1, &err), -1);
	assert_non_null(strstr(err.text, row->want));
	(void)remove(path);
	assert_int_equal(rmdir(dir), 0);
	free(path);
}

/* The line that an error after reading names: where the section begins, in the later file. */
static void names_the_line(void **state)
{
	static const char text[] = "# 1\nouter a {\n\tname = b\n\twords = {\n\t\tx\n\t}\n"
				   "\tinner i {\n\t\tmax = 1\n\t}\n}\nouter b { inner k { } }\n";
	struct err err;
	cfg_t *cfg, *a;

	(void)state;
	assert_int_equal(conf_load_text(&cfg, schema, "t.conf", text, &err), 0);
	a = cfg_gettsec(cfg, "outer", "a");
	assert_int_equal(conf_err(&err, a, "expected %d", 1), -1);
	assert_string_equal(err.text, "t.conf:2: outer \"a\": expected 1");
	assert_int_equal(conf_err(&err, cfg_gettsec(a, "inner", "i"), "no"), -1);
	assert_string_equal(err.text, "t.conf:7: inner \"i\": no");
	assert_int_equal(conf_err(&err, cfg_gettsec(cfg, "outer", "b"), "no"), -1);
	assert_string_equal(err.text, "t.conf:11: outer \"b\": no");
	cfg_free(cfg);
}

static void lists_a_directory(void **state)
{
	char dir[] = "/tmp/postern-test-XXXXXX", **paths;
	static const char *const files[] = { "b.conf",  "a.conf",          ".hidden.conf",
					     "c.conf~", "d.conf.dpkg-new", ".conf" };
	struct err err;
	size_t n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < COUNT(files); i++) {
		char *path = xasprintf("%s/%s", dir, files[i]);

		write_file(path, "");
		free(path);
	}
	assert_int_equal(conf_dir(&paths, &n, dir, &err), 0);
	assert_int_equal(n, 2);
	assert_non_null(strstr(paths[0], "/a.conf"));
	assert_non_null(strstr(paths[1], "/b.conf"));
	conf_dir_free(paths, n);
	for (size_t i = 0; i < COUNT(files); i++) {
		char *path = xasprintf("%s/%s", dir, files[i]);

		assert_int_equal(unlink(path), 0);
		free(path);
	}
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(conf_dir(&paths, &n, dir, &err), -1);
	assert_non_null(strstr(err.text, dir));
}

static const struct nearest {
	const char *name, *word, *want;
} nearests[] = {
	{ "one letter off", "cuont", "count" },
	{ "one letter missing", "cont", "count" },
	{ "nothing near", "zebra", NULL },
	{ "empty", "", NULL },
	{ "a short word", "x", NULL },
	{ "far too long", "countcountcountcountcountcountcountcountcount", NULL },
};

static void finds_nearest(void **state)
{
	static const char *const words[] = { "distinct", "count", "sum" };
	const struct nearest *row = *state;
	const char *found = conf_nearest(row->word, words, COUNT(words));

	if (row->want)
		assert_string_equal(found, row->want);
	else
		assert_null(found);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(mistakes) + COUNT(settings) + COUNT(merges) +
				COUNT(unreadables) + COUNT(nearests) + 2] = {
		cmocka_unit_test(names_the_line),
		cmocka_unit_test(lists_a_directory),
	};
	size_t n = 2;

	ADD_ROWS(tests, n, mistakes, tells_mistake);
	ADD_ROWS(tests, n, settings, reads_setting);
	ADD_ROWS(tests, n, merges, merges_files);
	ADD_ROWS(tests, n, unreadables, tells_unreadable);
	ADD_ROWS(tests, n, nearests, finds_nearest);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
