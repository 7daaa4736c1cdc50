/*
 * test_ignore - whom a jail leaves alone
 */
#include "core/rule/ignore.h"

#include "tests/rows.h"

#include <string.h>
#include <unistd.h>

static const struct row {
	const char *name;
	enum ignore_list list;
	const char *entry;
	const char *error; /* NULL: it is taken */
	const char *in[3], *out[3];
} rows[] = {
	{ "address",
	  IGNORE_IP,
	  "192.0.2.1",
	  NULL,
	  { "192.0.2.1", "::ffff:192.0.2.1" },
	  { "192.0.2.2" } },
	{ "prefix",
	  IGNORE_IP,
	  "192.0.2.0/25",
	  NULL,
	  { "192.0.2.0", "192.0.2.127" },
	  { "192.0.2.128" } },
	{ "v6 prefix", IGNORE_IP, "2001:db8::/32", NULL, { "2001:db8:1::" }, { "2001:db9::" } },
	{ "bits behind the mask", IGNORE_IP, "192.0.2.1/24", "not \"192.0.2.1/24\"", { 0 }, { 0 } },
	{ "no address",
	  IGNORE_IP,
	  "mail.example.org",
	  "expected an address or a prefix",
	  { 0 },
	  { 0 } },
	{ "user",
	  IGNORE_USER,
	  "Joe@Example.org",
	  NULL,
	  { "joe@example.org" },
	  { "joe@example.orga", "xjoe@example.org" } },
	{ "glob of a domain",
	  IGNORE_USER,
	  "*@Example.org",
	  NULL,
	  { "joe@example.org", "@example.org" },
	  { "joe@example.com" } },
	{ "glob with a question mark",
	  IGNORE_USER,
	  "scanner-?",
	  NULL,
	  { "scanner-1" },
	  { "scanner-", "scanner-12" } },
	{ "glob with a set", IGNORE_USER, "[ab]*", NULL, { "anna", "b" }, { "carl" } },
	{ "no user", IGNORE_USER, "", "expected a user name or a glob", { 0 }, { 0 } },
	{ "country", IGNORE_COUNTRY, "es", NULL, { "ES" }, { "SE", "" } },
	{ "no country",
	  IGNORE_COUNTRY,
	  "ESP",
	  "expected a country code like \"ES\", not \"ESP\"",
	  { 0 },
	  { 0 } },
	{ "ASN", IGNORE_ASN, "AS64500", NULL, { "64500" }, { "64501", "0" } },
	{ "ASN, small", IGNORE_ASN, "as64500", NULL, { "64500" }, { "64501" } },
	{ "ASN, only its number", IGNORE_ASN, "64500", NULL, { "64500" }, { "64501" } },
	{ "ASN of 32 bits", IGNORE_ASN, "AS4294967295", NULL, { "4294967295" }, { "0" } },
	{ "ASN of 33 bits",
	  IGNORE_ASN,
	  "AS4294967296",
	  "expected a network like \"AS64500\"",
	  { 0 },
	  { 0 } },
	{ "ASN 0", IGNORE_ASN, "AS0", "expected a network", { 0 }, { 0 } },
	{ "ASN without a number", IGNORE_ASN, "AS", "expected a network", { 0 }, { 0 } },
	{ "missing file",
	  IGNORE_IP,
	  "file:/nonexistent",
	  "/nonexistent: No such file",
	  { 0 },
	  { 0 } },
	{ "directory for a file", IGNORE_IP, "file:/", "/: ", { 0 }, { 0 } },
};

static bool has(const struct ignore *ig, enum ignore_list list, const char *text)
{
	struct address a;

	assert_true(address_parse(&a, slice_of(list == IGNORE_IP ? text : "198.51.100.1")));
	switch (list) {
	case IGNORE_USER:
		return ignore_has_user(ig, text);
	case IGNORE_COUNTRY:
		return ignore_has_address(ig, &a, country_parse(text), 0);
	case IGNORE_ASN:
		return ignore_has_address(ig, &a, 0, (uint32_t)strtoul(text, NULL, 10));
	case IGNORE_IP:
	case IGNORE_LISTS:
		break;
	}
	return ignore_has_address(ig, &a, 0, 0);
}

static void check(void **state)
{
	const struct row *row = *state;
	struct ignore ig = { 0 };
	struct err err;

	assert_int_equal(ignore_add(&ig, row->list, row->entry, &err), row->error ? -1 : 0);
	if (row->error && !strstr(err.text, row->error))
		fail_msg("\"%s\" is not in \"%s\"", row->error, err.text);
	ignore_seal(&ig);
	for (size_t i = 0; i < COUNT(row->in) && row->in[i]; i++)
		assert_true(has(&ig, row->list, row->in[i]));
	for (size_t i = 0; i < COUNT(row->out) && row->out[i]; i++)
		assert_false(has(&ig, row->list, row->out[i]));
	ignore_fini(&ig);
}

/* A file of entries. */
static const struct file {
	const char *name;
	enum ignore_list list;
	const char *text;
	const char *error;
	const char *in, *out;
} files[] = {
	{ "file: addresses", IGNORE_IP,
	  "# ours\n\n 192.0.2.0/24 # office\r\n\t10.0.0.1\t\n2001:db8::/32", NULL, "10.0.0.1",
	  "10.0.0.2" },
	{ "file: users", IGNORE_USER, "news@*\n  Two Words \n", NULL, "two words", "two" },
	{ "file: empty", IGNORE_IP, "", NULL, NULL, "10.0.0.1" },
	{ "file: only comments", IGNORE_IP, "#\n#\n", NULL, NULL, "10.0.0.1" },
	{ "file: a bad line", IGNORE_IP, "10.0.0.1\n\n10.0.0.300\n", ":3: expected an address",
	  NULL, NULL },
	{ "file: no file in a file", IGNORE_IP, "file:/etc/passwd\n", ":1: expected an address",
	  NULL, NULL },
};

static void reads_file(void **state)
{
	const struct file *row = *state;
	char path[] = "/tmp/postern-test-XXXXXX", *entry;
	int fd = mkstemp(path);
	struct ignore ig = { 0 };
	struct err err;

	entry = xasprintf("file:%s", path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, row->text, strlen(row->text)), strlen(row->text));
	assert_int_equal(close(fd), 0);
	assert_int_equal(ignore_add(&ig, row->list, entry, &err), row->error ? -1 : 0);
	assert_int_equal(unlink(path), 0);
	if (row->error) {
		assert_non_null(strstr(err.text, path));
		assert_non_null(strstr(err.text, row->error));
	}
	ignore_seal(&ig);
	if (row->in)
		assert_true(has(&ig, row->list, row->in));
	if (row->out)
		assert_false(has(&ig, row->list, row->out));
	ignore_fini(&ig);
	free(entry);
}

/* A line longer than any entry may be: told, not cut into two entries. */
static void refuses_long_line(void **state)
{
	char path[] = "/tmp/postern-test-XXXXXX", *entry, text[2000];
	int fd = mkstemp(path);
	struct ignore ig = { 0 };
	struct err err;

	(void)state;
	assert_true(fd >= 0);
	memset(text, 'x', sizeof(text));
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	assert_int_equal(close(fd), 0);
	entry = xasprintf("file:%s", path);
	assert_int_equal(ignore_add(&ig, IGNORE_USER, entry, &err), -1);
	assert_non_null(strstr(err.text, ":1: expected at most"));
	assert_int_equal(unlink(path), 0);
	ignore_fini(&ig);
	free(entry);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(files) + 1] = {
		cmocka_unit_test(refuses_long_line),
	};
	size_t n = 1;

	ADD_ROWS(tests, n, rows, check);
	ADD_ROWS(tests, n, files, reads_file);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
