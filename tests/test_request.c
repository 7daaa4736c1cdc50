/*
 * test_request - what can be asked of the daemon, and what is no request
 */
#include "core/cli/request.h"
#include "core/rule/jail.h"

#include "tests/rows.h"

#include <string.h>

/* What is read is written again as it was: every key with its kind of value. */
static const struct row {
	const char *name, *line;
	const char *error; /* NULL: it is one */
} rows[] = {
	{ "status", "{\"verb\":\"status\"}", NULL },
	{ "top", "{\"verb\":\"top\",\"rules\":true,\"limit\":20}", NULL },
	{ "explain", "{\"verb\":\"explain\",\"subject\":\"joe@example.org\"}", NULL },
	{ "ban", "{\"verb\":\"ban\",\"subject\":\"192.0.2.0/24\",\"because\":\"a \\\"b\\\"\"}",
	  NULL },
	{ "ban for a time", "{\"verb\":\"ban\",\"subject\":\"joe\",\"for\":7200}", NULL },
	{ "ban for ever", "{\"verb\":\"ban\",\"subject\":\"joe\",\"for\":-1}", NULL },
	{ "unban", "{\"verb\":\"unban\",\"subject\":\"joe\",\"forget\":true,\"release\":true}",
	  NULL },
	{ "ignore", "{\"verb\":\"ignore\",\"add\":\"192.0.2.1\"}", NULL },
	{ "history", "{\"verb\":\"history\",\"since\":\"2026-11-20T23:56:35Z\"}", NULL },
	{ "reload", "{\"verb\":\"reload\"}", NULL },
	{ "resume", "{\"verb\":\"resume\"}", NULL },

	{ "nothing", "", "expected a JSON object" },
	{ "half", "{\"verb\":\"sta", "expected a JSON object" },
	{ "two", "{\"verb\":\"status\"}{}", "expected a JSON object" },
	{ "list", "[\"status\"]", "expected an object" },
	{ "no verb", "{\"subject\":\"joe\"}", "expected an object" },
	{ "verb is a number", "{\"verb\":1}", "expected an object" },
	{ "unknown verb", "{\"verb\":\"stop\"}", "there is no verb \"stop\"" },
	{ "verb twice", "{\"verb\":\"status\",\"verb\":\"ban\"}", "duplicate" },
	{ "key of another verb", "{\"verb\":\"status\",\"subject\":\"joe\"}",
	  "status: unknown key \"subject\"" },
	{ "misspelt", "{\"verb\":\"unban\",\"subject\":\"joe\",\"forgets\":true}",
	  "unban: unknown key \"forgets\"" },
	{ "no subject", "{\"verb\":\"ban\"}", "ban: expected a subject" },
	{ "empty subject", "{\"verb\":\"ban\",\"subject\":\"\"}", "1 to 512 bytes" },
	{ "subject is null", "{\"verb\":\"ban\",\"subject\":null}", "subject: expected a text" },
	{ "subject is an object", "{\"verb\":\"ban\",\"subject\":{}}", "subject: expected a text" },
	{ "escape", "{\"verb\":\"ban\",\"subject\":\"a\\u001b[2J\"}", "control characters" },
	{ "newline", "{\"verb\":\"ban\",\"subject\":\"a\",\"because\":\"b\\nc\"}",
	  "because: expected a text without control" },
	{ "NUL", "{\"verb\":\"ban\",\"subject\":\"a\\u0000b\"}", "expected a JSON object" },
	{ "direction", "{\"verb\":\"ban\",\"subject\":\"a\\u202eb\"}", "control characters" },
	{ "half a character", "{\"verb\":\"ban\",\"subject\":\"a\xc3\"}",
	  "expected a JSON object" },
	{ "for a text", "{\"verb\":\"ban\",\"subject\":\"a\",\"for\":\"2h\"}",
	  "for: expected a whole" },
	{ "for a fraction", "{\"verb\":\"ban\",\"subject\":\"a\",\"for\":1.5}",
	  "for: expected a whole" },
	{ "for too long", "{\"verb\":\"ban\",\"subject\":\"a\",\"for\":315360001}",
	  "to 315360000" },
	{ "for less than ever", "{\"verb\":\"ban\",\"subject\":\"a\",\"for\":-2}", "from -1" },
	{ "top none", "{\"verb\":\"top\",\"limit\":0}", "from 1 to 10000" },
	{ "truth as a number", "{\"verb\":\"top\",\"rules\":1}", "rules: expected true or false" },
	{ "since a span", "{\"verb\":\"history\",\"since\":\"2h\"}", "since: expected a time" },
	{ "since a number", "{\"verb\":\"history\",\"since\":5}", "since: expected a time" },
	{ "since a thing", "{\"verb\":\"history\",\"since\":\"Tuesday\"}",
	  "since: expected a time" },
	{ "release and purge",
	  "{\"verb\":\"unban\",\"subject\":\"a\",\"release\":true,\"purge\":true}", "not both" },
	{ "add and remove", "{\"verb\":\"ignore\",\"add\":\"a\",\"remove\":\"b\"}", "not both" },
};

static void check(void **state)
{
	const struct row *row = *state;
	struct err err = { .code = 0 };
	struct request r;
	json_t *again;
	char *text;

	if (request_parse(&r, slice_of(row->line), &err) < 0) {
		assert_non_null(row->error);
		assert_non_null(strstr(err.text, row->error));
		assert_int_not_equal(err.code, 0);
		return;
	}
	assert_null(row->error);
	again = request_json(&r);
	text = json_dumps(again, JSON_COMPACT);
	assert_string_equal(text, row->line);
	free(text);
	json_decref(again);
	request_fini(&r);
}

/* The deepest nesting that fits into a request ends in an error, not on the stack's guard page. */
static void check_nesting(void **state)
{
	const struct row *row = *state;
	size_t len = 64 * 1024;
	char *line = xcalloc(len + 1, 1);
	struct request r;
	struct err err;

	memset(line, row->line[0], len);
	assert_int_equal(request_parse(&r, slice_of(line), &err), -1);
	free(line);
}

static const struct row nested[] = {
	{ "lists in lists", "[", "" },
	{ "objects in objects", "{", "" },
};

/* What is not said is told from what is. */
static void check_absent(void **state)
{
	struct request r;
	struct err err;

	(void)state;
	assert_int_equal(request_parse(&r, slice_of("{\"verb\":\"history\"}"), &err), 0);
	assert_int_equal(r.verb, REQUEST_HISTORY);
	assert_null(r.subject);
	assert_true(instant_is_none(r.since));
	request_fini(&r);
	assert_int_equal(request_parse(&r,
				       slice_of("{\"verb\":\"ban\",\"subject\":\"a\",\"for\":-1}"),
				       &err),
			 0);
	assert_int_equal(r.for_s, FOREVER);
	request_fini(&r);
}

static const struct row absent[] = { { "absent", "", NULL } };

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(nested) + COUNT(absent)];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	ADD_ROWS(tests, n, nested, check_nesting);
	ADD_ROWS(tests, n, absent, check_absent);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
