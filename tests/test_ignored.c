/*
 * test_ignored - the list of `postern ignore`, as it is written and as somebody else may have left it
 */
#include "core/cli/ignored.h"

#include "tests/rows.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NEITHER = -1 };

static const struct row {
	const char *name, *text;
	int kind;
} rows[] = {
	{ "an address", "192.0.2.1", IGNORE_IP },
	{ "a prefix", "192.0.2.0/24", IGNORE_IP },
	{ "IPv6", "2001:db8::/32", IGNORE_IP },
	{ "a user", "joe@example.org", IGNORE_USER },
	{ "a pattern", "scanner-*", IGNORE_USER },
	{ "a whole domain", "*@example.org", IGNORE_USER },
	{ "hex letters", "cafe.babe", IGNORE_USER },
	{ "nothing", "", NEITHER },
	{ "no address", "192.0.2.300", NEITHER },
	{ "too long a prefix", "192.0.2.0/33", NEITHER },
	{ "all of IPv4", "0.0.0.0/0", NEITHER },
	{ "all of IPv6", "::/0", NEITHER },
	{ "everybody", "*", NEITHER },
	{ "everybody else", "*@*", NEITHER },
	{ "another file", "file:/etc/shadow", NEITHER },
	{ "a comment", "joe#", NEITHER },
	{ "two words", "joe jim", NEITHER },
	{ "two lines", "joe\njim", NEITHER },
	{ "an escape", "joe\033[2J", NEITHER },
};

static void check(void **state)
{
	const struct row *row = *state;
	struct ignored list = { 0 };
	struct err err;

	assert_int_equal(ignored_kind(row->text, &err), row->kind);
	assert_int_equal(ignored_add(&list, row->text, &err), row->kind == NEITHER ? -1 : 0);
	assert_int_equal(list.n, row->kind != NEITHER);
	ignored_fini(&list);
}

struct folder {
	char dir[32], *file;
};

static void folder_make(struct folder *p, const char *text)
{
	FILE *fp;

	*p = (struct folder){ 0 };
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/postern-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->file = xasprintf("%s/ignore", p->dir);
	if (!text)
		return;
	fp = fopen(p->file, "w");
	assert_non_null(fp);
	(void)fputs(text, fp);
	assert_int_equal(fclose(fp), 0);
}

static void folder_drop(struct folder *p)
{
	(void)unlink(p->file);
	free(p->file);
	assert_int_equal(rmdir(p->dir), 0); /* nothing else was left in it */
}

/* What is found in the folder, "a b c", and how much of it was left out. */
static const struct left {
	const char *name, *text, *entries;
	size_t left_out;
} left[] = {
	{ "none", NULL, "", 0 },
	{ "empty", "", "", 0 },
	{ "comments", "# a\n\njoe\n", "joe", 0 },
	{ "no last newline", "joe\n192.0.2.1", "joe 192.0.2.1", 0 },
	{ "twice", "joe\njoe\n", "joe", 1 },
	{ "other files", "file:/etc/shadow\njoe\n", "joe", 1 },
	{ "everybody", "*\n0.0.0.0/0\njoe\n", "joe", 2 },
};

static void check_left(void **state)
{
	const struct left *row = *state;
	char text[64] = "";
	struct folder p;
	struct ignored list;
	struct err err;

	folder_make(&p, row->text);
	assert_int_equal(ignored_load(&list, p.dir, &err), 0);
	for (size_t i = 0, used = 0; i < list.n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 list.entry[i]);
	assert_string_equal(text, row->entries);
	assert_int_equal(list.left_out, row->left_out);
	ignored_fini(&list);
	folder_drop(&p);
}

static void test_round(void **state)
{
	struct ignored list = { 0 };
	struct folder p;
	struct err err;

	(void)state;
	folder_make(&p, NULL);
	assert_int_equal(ignored_add(&list, "joe", &err), 0);
	assert_int_equal(ignored_add(&list, "192.0.2.0/24", &err), 0);
	assert_int_equal(ignored_add(&list, "jim", &err), 0);
	assert_int_equal(ignored_add(&list, "joe", &err), -1);
	assert_int_equal(err.code, EEXIST);
	assert_int_equal(ignored_remove(&list, "joe", &err), 0);
	assert_int_equal(ignored_remove(&list, "joe", &err), -1);
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(ignored_save(&list, p.dir, &err), 0);
	ignored_fini(&list);
	assert_int_equal(ignored_load(&list, p.dir, &err), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.entry[0], "192.0.2.0/24");
	assert_string_equal(list.entry[1], "jim");
	ignored_fini(&list);
	folder_drop(&p);
}

/* A link is not followed, be it symbolic or not, and a pipe is not waited for. */
static void test_no_plain_file(void **state)
{
	struct ignored list;
	struct folder p;
	struct err err;
	char *other;

	(void)state;
	folder_make(&p, NULL);
	assert_int_equal(symlink("/etc/passwd", p.file), 0);
	assert_int_equal(ignored_load(&list, p.dir, &err), -1);
	assert_int_equal(unlink(p.file), 0);
	assert_int_equal(mkfifo(p.file, 0600), 0);
	assert_int_equal(ignored_load(&list, p.dir, &err), -1);
	assert_int_equal(list.n, 0);
	folder_drop(&p);

	folder_make(&p, "joe\n");
	other = xasprintf("%s/other", p.dir);
	assert_int_equal(link(p.file, other), 0);
	assert_int_equal(ignored_load(&list, p.dir, &err), -1);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(ignored_load(&list, p.dir, &err), 0);
	assert_int_equal(list.n, 1);
	ignored_fini(&list);
	free(other);
	folder_drop(&p);
}

static void test_cannot_save(void **state)
{
	struct ignored list = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(ignored_save(&list, "/nonexistent", &err), -1);
	assert_int_equal(err.code, ENOENT);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(left) + 3];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	ADD_ROWS(tests, n, left, check_left);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_round);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_no_plain_file);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_cannot_save);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
