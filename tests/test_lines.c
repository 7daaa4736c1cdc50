/*
 * test_lines - the shipped filters against lines of the field
 *
 * tests/lines/NAME.txt holds cases: a line "< LOG LINE", and below it "> JSON" with the fields
 * that the event must have (null: must not have), or "> none". Each case runs through the whole
 * set of filters, as a line alone and as a block, and is a test named after its place. The
 * examples and look-alikes within the filters are one more test.
 */
#include "core/base/mem.h"
#include "core/filter/matcher.h"
#include "tests/rows.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>

static struct filter_set *set;
static struct matcher *matcher;

struct line_case {
	char *name, *line, *want;
};

static struct line_case *cases;
static size_t n_cases, cap_cases;

/* The text of a field as a JSON value, or NULL where the event lacks it. */
static json_t *field_value(const struct event *event, enum event_field field)
{
	char text[ADDRESS_TEXT];
	struct slice s = event->field[field];

	if (field == FIELD_IP && event->has_ip)
		s = slice_of(address_text(&event->ip, text));
	else if (field == FIELD_BYTES && s.ptr)
		return json_integer((json_int_t)event->bytes);
	else if (field == FIELD_RECIPIENTS && s.ptr)
		return json_integer(event->recipients);
	return s.ptr ? json_stringn(s.ptr, s.len) : NULL;
}

/* What `key` of a case speaks of. */
static json_t *value_of(const struct event *event, const char *key)
{
	int field = event_field_named(key);

	if (strcmp(key, "event") == 0)
		return json_string(event_kind_name(event->kind));
	if (strcmp(key, "filter") == 0)
		return json_string(event->match->filter->name);
	if (strcmp(key, "match") == 0)
		return json_string(event->match->name);
	if (strcmp(key, "repeats") == 0)
		return json_integer(event->repeats);
	if (field < 0) {
		print_error("no field is called \"%s\"\n", key);
		return NULL;
	}
	return field_value(event, (enum event_field)field);
}

static void compare(const struct event *event, json_t *want)
{
	const char *key;
	json_t *value;

	json_object_foreach(want, key, value)
	{
		json_t *got = value_of(event, key);
		char *text = json_dumps(got ? got : json_null(), JSON_ENCODE_ANY);
		bool same = json_is_null(value) ? !got : got && json_equal(got, value);

		if (!same)
			print_error("%s: got %s from match \"%s\"\n", key,
				    text ? text : "bytes that are no UTF-8", event->match->name);
		free(text);
		json_decref(got);
		assert_true(same);
	}
}

/* The way of the daemon: whole blocks, and the regex run late where a queue id decides. */
static bool scan(const char *block, struct event *event)
{
	struct records records = { 0 };
	bool found = false;

	matcher_scan(matcher, slice_of(block), &records);
	assert_true(records.n <= 1);
	if (records.n == 1)
		found = matcher_finish(matcher, &records.record[0], block, event);
	free(records.record);
	return found;
}

static void check_case(const struct line_case *c, json_t *want)
{
	char *block = xasprintf("%s\n", c->line);
	struct event event = { 0 };
	struct matcher_why why = { 0 };
	bool found = matcher_line(matcher, slice_of(c->line), &event, &why);

	assert_true(why.near != NEAR_LIMIT);
	if (want && !found)
		print_error("no event%s%s\n", why.match ? "; tried: " : "",
			    why.match ? why.match->name : "");
	else if (!want && found)
		print_error("taken by match \"%s\"\n", event.match->name);
	assert_true(found == (want != NULL));
	if (want)
		compare(&event, want);
	assert_true(scan(block, &event) == (want != NULL));
	if (want)
		compare(&event, want);
	free(block);
}

static void check_line(void **state)
{
	const struct line_case *c = *state;
	json_error_t error;
	json_t *want = NULL;

	if (strcmp(c->want, "none") != 0) {
		want = json_loads(c->want, JSON_REJECT_DUPLICATES, &error);
		if (!json_is_object(want))
			fail_msg("expected a JSON object or \"none\": %s", error.text);
	}
	check_case(c, want);
	json_decref(want);
}

static void report(void *ctx, const struct filter_match *match, const char *line, const char *why)
{
	(void)ctx;
	print_error("%s: %s: %s: %s\n", match->filter->path, match->name, why, line);
}

static void check_examples(void **state)
{
	(void)state;
	assert_int_equal(filter_set_selftest(set, report, NULL), 0);
}

/* Without a literal a match would be tried on every line of every log. */
static void check_literals(void **state)
{
	(void)state;
	for (size_t i = 0; i < set->n_matches; i++) {
		if (set->match[i]->literals.n == 0)
			print_error("%s\n", set->match[i]->name);
		assert_true(set->match[i]->literals.n > 0);
	}
}

static void add_case(const char *file, unsigned int number, const char *line, const char *want)
{
	cases = array_grow(cases, n_cases, &cap_cases, sizeof(*cases));
	cases[n_cases++] = (struct line_case){
		.name = xasprintf("%s:%u", file, number),
		.line = xstrdup(line),
		.want = xstrdup(want),
	};
}

/* Anything that is no case, comment or blank line ends the test program: it would be a case lost. */
static void read_cases(const char *dir, const char *file)
{
	char *path = xasprintf("%s/%s", dir, file), *text = NULL, *line = NULL;
	FILE *f = fopen(path, "r");
	size_t size = 0;
	unsigned int number = 0;

	if (!f)
		goto bad;
	while (getline(&text, &size, f) >= 0) {
		number++;
		text[strcspn(text, "\n")] = '\0';
		if (strncmp(text, "< ", 2) == 0 && !line) {
			line = xstrdup(text + 2);
		} else if (strncmp(text, "> ", 2) == 0 && line) {
			add_case(file, number - 1, line, text + 2);
			free(line);
			line = NULL;
		} else if (line || (text[0] && text[0] != '#')) {
			goto bad;
		}
	}
	if (line || ferror(f))
		goto bad;
	(void)fclose(f);
	free(text);
	free(path);
	return;
bad:
	(void)fprintf(stderr, "%s:%u: expected \"< LINE\" and below it \"> JSON\"\n", path, number);
	exit(1);
}

static int is_text(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0;
}

static void read_all(const char *dir)
{
	struct dirent **entry;
	int n = scandir(dir, &entry, is_text, alphasort);

	if (n <= 0) {
		(void)fprintf(stderr, "%s: expected files *.txt\n", dir);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		read_cases(dir, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
}

static void free_cases(void)
{
	for (size_t i = 0; i < n_cases; i++) {
		free(cases[i].name);
		free(cases[i].line);
		free(cases[i].want);
	}
	free(cases);
}

int main(void)
{
	struct CMUnitTest *tests;
	struct err err;
	size_t n = 0;
	int failed;

	if (filter_set_load(&set, "filters", &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	matcher = matcher_new(set, 0);
	read_all("tests/lines");
	tests = xcalloc(n_cases + 2, sizeof(*tests));
	tests[n++] = (struct CMUnitTest){ "examples", check_examples, NULL, NULL, NULL };
	tests[n++] = (struct CMUnitTest){ "literals", check_literals, NULL, NULL, NULL };
	for (size_t i = 0; i < n_cases; i++)
		tests[n++] = ROW_TEST(&cases[i], check_line);
	failed = _cmocka_run_group_tests("tests/lines", tests, n, NULL, NULL);
	free(tests);
	free_cases();
	matcher_free(matcher);
	filter_set_free(set);
	return failed;
}
