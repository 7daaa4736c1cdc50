/* test_postfix_map.c - the table's source, byte for byte, and what is asked of Postfix about it */
#include "actions/postfix-map.c" // NOLINT(bugprone-suspicious-include): what it has is static

#include "tests/rows.h"

#define BLOCK(account, ids, key) "# postern: " account " " ids "\n" key "\tREJECT no"

/* -- the editor ------------------------------------------------------------------------------ */

static const struct edit {
	const char *name;
	const char *before;
	const char *account[3];
	uint64_t id[3];
	bool lift;
	const char *after;
} edits[] = {
	{ "into nothing", "", { "joe" }, { 1 }, false, BLOCK("joe", "1", "joe") "\n" },
	{ "out to nothing", BLOCK("joe", "1", "joe") "\n", { "joe" }, { 1 }, true, "" },
	{ "behind his lines",
	  "a OK\n",
	  { "joe" },
	  { 1 },
	  false,
	  "a OK\n" BLOCK("joe", "1", "joe") "\n" },
	{ "no last newline, none after",
	  "a OK",
	  { "joe" },
	  { 1 },
	  false,
	  "a OK\n" BLOCK("joe", "1", "joe") },
	{ "no last newline, lifted",
	  "a OK\n" BLOCK("joe", "1", "joe"),
	  { "joe" },
	  { 1 },
	  true,
	  "a OK" },
	{ "one empty line", "\n", { "joe" }, { 1 }, false, "\n" BLOCK("joe", "1", "joe") "\n" },
	{ "one empty line, lifted",
	  "\n" BLOCK("joe", "1", "joe") "\n",
	  { "joe" },
	  { 1 },
	  true,
	  "\n" },
	{ "his order, comments, blanks and carriage returns stay",
	  "# mine\r\n\r\n  \nz  REJECT\n\tmore\na\tOK\r\n\n\n",
	  { "joe" },
	  { 1 },
	  false,
	  "# mine\r\n\r\n  \nz  REJECT\n\tmore\na\tOK\r\n\n\n" BLOCK("joe", "1", "joe") "\n" },
	{ "two accounts, in order of name",
	  "",
	  { "moe", "joe" },
	  { 2, 1 },
	  false,
	  BLOCK("joe", "1", "joe") "\n" BLOCK("moe", "2", "moe") "\n" },
	{ "again: nothing changes",
	  BLOCK("joe", "1,2", "joe") "\n",
	  { "joe" },
	  { 1 },
	  false,
	  BLOCK("joe", "1,2", "joe") "\n" },
	{ "another decision",
	  BLOCK("joe", "1", "joe") "\n",
	  { "joe" },
	  { 7 },
	  false,
	  BLOCK("joe", "1,7", "joe") "\n" },
	{ "two decisions at once",
	  "",
	  { "joe", "joe", "joe" },
	  { 3, 4, 3 },
	  false,
	  BLOCK("joe", "3,4", "joe") "\n" },
	{ "not the last decision",
	  BLOCK("joe", "1,7,18446744073709551615", "joe") "\n",
	  { "joe" },
	  { 7 },
	  true,
	  BLOCK("joe", "1,18446744073709551615", "joe") "\n" },
	{ "all decisions, by hand", BLOCK("joe", "1,7", "joe") "\n", { "joe" }, { 0 }, true, "" },
	{ "lifted twice", "a OK\n", { "joe" }, { 1 }, true, "a OK\n" },
	{ "a decision that is not there",
	  BLOCK("joe", "1", "joe") "\n",
	  { "joe" },
	  { 2 },
	  true,
	  BLOCK("joe", "1", "joe") "\n" },
	{ "an old result",
	  "# postern: joe 1\njoe\tREJECT older\n",
	  { "joe" },
	  { 1 },
	  false,
	  BLOCK("joe", "1", "joe") "\n" },
	{ "an old result is no reason to keep it",
	  "# postern: joe 1\njoe\tREJECT older\nb OK\n",
	  { "joe" },
	  { 1 },
	  true,
	  "b OK\n" },
	{ "one is kept as it was, with its old result",
	  "# postern: joe 1,2\njoe  OK then\n",
	  { "joe" },
	  { 1 },
	  true,
	  "# postern: joe 2\njoe  OK then\n" },
	{ "from the middle",
	  "a OK\n" BLOCK("joe", "1", "joe") "\nb OK\n",
	  { "joe" },
	  { 1 },
	  true,
	  "a OK\nb OK\n" },
	{ "both names",
	  "",
	  { "joe@example.org" },
	  { 1 },
	  false,
	  BLOCK("joe@example.org", "1", "joe") "\n" BLOCK("joe@example.org", "1",
							  "joe@example.org") "\n" },
	{ "both names, lifted",
	  BLOCK("joe@example.org", "1", "joe") "\n" BLOCK("joe@example.org", "1",
							  "joe@example.org") "\n",
	  { "joe@example.org" },
	  { 1 },
	  true,
	  "" },
	{ "the bare name of another realm's stays",
	  BLOCK("joe@example.org", "1", "joe") "\n" BLOCK("joe@example.net", "2", "joe") "\n",
	  { "joe@example.org" },
	  { 1 },
	  true,
	  BLOCK("joe@example.net", "2", "joe") "\n" },
	{ "of a realm that was ours",
	  BLOCK("joe@old", "1", "joe") "\n" BLOCK("joe@old", "1", "joe@old") "\n" BLOCK(
		  "joe@older", "1", "joe") "\n",
	  { "joe@old" },
	  { 1 },
	  true,
	  BLOCK("joe@older", "1", "joe") "\n" },
	{ "between others of the batch",
	  BLOCK("b", "1", "b") "\n" BLOCK("bb", "1", "bb") "\n" BLOCK("a", "2", "a") "\n",
	  { "c", "b", "a" },
	  { 1, 1, 1 },
	  true,
	  BLOCK("bb", "1", "bb") "\n" BLOCK("a", "2", "a") "\n" },
	{ "his line of that name",
	  "joe REJECT mine\n",
	  { "joe" },
	  { 1 },
	  true,
	  "joe REJECT mine\n" },
	{ "his line below a comment of ours",
	  "# postern: joe 1\nmoe REJECT\n",
	  { "joe" },
	  { 1 },
	  true,
	  "# postern: joe 1\nmoe REJECT\n" },
	{ "his line between the two",
	  "# postern: joe 1\nx OK\njoe\tREJECT no\n",
	  { "joe" },
	  { 1 },
	  true,
	  "# postern: joe 1\nx OK\njoe\tREJECT no\n" },
	{ "a comment alone, at the end",
	  "a OK\n# postern: joe 1",
	  { "joe" },
	  { 1 },
	  true,
	  "a OK\n# postern: joe 1" },
	{ "a comment alone, then ours",
	  "# postern: joe 1\n" BLOCK("joe", "1", "joe") "\n",
	  { "joe" },
	  { 1 },
	  true,
	  "# postern: joe 1\n" },
	{ "no numbers",
	  "# postern: joe x\njoe REJECT no\n",
	  { "joe" },
	  { 1 },
	  true,
	  "# postern: joe x\njoe REJECT no\n" },
	{ "a longer name that begins alike",
	  "# postern: joe 1\njoey REJECT no\n",
	  { "joe" },
	  { 1 },
	  true,
	  "# postern: joe 1\njoey REJECT no\n" },
	{ "sorted by somebody",
	  "# postern: joe 1\n# postern: moe 2\njoe\tREJECT no\n",
	  { "joe" },
	  { 1 },
	  true,
	  "# postern: joe 1\n# postern: moe 2\njoe\tREJECT no\n" },
};

static const char *const edit_realms[] = { "example.org", "Example.NET", NULL };

/* An editor's batch, as apply() and lift() make it. */
static struct want *wants_for_row(const struct edit *row, struct postern_item items[3], size_t *n)
{
	struct map map = { .map = "lmdb:/x", .realms = edit_realms };
	size_t n_items = 0;

	while (n_items < COUNT(row->account) && row->account[n_items]) {
		items[n_items] = (struct postern_item){ .user = row->account[n_items],
							.id = row->id[n_items] };
		n_items++;
	}
	return wants_of(&map, items, n_items, n);
}

static struct text text_of(const char *bytes)
{
	return (struct text){ strdup(bytes), strlen(bytes) };
}

static void edit(void **state)
{
	const struct edit *row = *state;
	struct postern_item items[3] = { 0 };
	size_t n;
	struct want *wants = wants_for_row(row, items, &n);
	struct text before = text_of(row->before), after;

	after = access_edit(before, wants, n, row->lift ? NULL : "REJECT no");
	assert_string_equal(after.bytes, row->after);
	assert_int_equal(after.len, strlen(row->after));
	free(before.bytes);
	free(after.bytes);
	free(wants);
}

/* -- names ----------------------------------------------------------------------------------- */

static const struct name {
	const char *name;
	const char *user;
	const char *realms[3];
	const char *key[2]; /* none: it can't be expressed */
} names[] = {
	{ "as it is", "joe", { 0 }, { "joe" } },
	{ "of no realm of ours", "joe@example.com", { "example.org" }, { "joe@example.com" } },
	{ "of one of ours",
	  "joe@example.org",
	  { "x", "Example.ORG" },
	  { "joe", "joe@example.org" } },
	{ "with an at sign", "a@b@example.org", { "example.org" }, { "a@b", "a@b@example.org" } },
	{ "no local part", "@example.org", { "example.org" }, { "@example.org" } },
	{ "without a realm, of the one there is",
	  "joe",
	  { "example.org" },
	  { "joe", "joe@example.org" } },
	{ "without a realm, of one of two", "joe", { "example.org", "x" }, { "joe" } },
	{ "a backslash", "dom\\joe", { 0 }, { "dom\\joe" } },
	{ "what a shell would take", "$(id);../x", { 0 }, { "$(id);../x" } },
	{ "a number sign inside", "a#b", { 0 }, { "a#b" } },
	{ "beyond ASCII", "jo\xc3\xa9", { 0 }, { "jo\xc3\xa9" } },
	{ "empty", "", { 0 }, { 0 } },
	{ "a blank", "joe smith", { 0 }, { 0 } },
	{ "a blank before", " joe", { 0 }, { 0 } },
	{ "a tab", "joe\tOK", { 0 }, { 0 } },
	{ "a newline", "joe\nmoe", { 0 }, { 0 } },
	{ "a quote", "jo\"e", { 0 }, { 0 } },
	{ "like a comment", "#joe", { 0 }, { 0 } },
	{ "a backslash at the end", "joe\\", { 0 }, { 0 } },
};

static void name_is(void **state)
{
	const struct name *row = *state;
	struct map map = { .map = "lmdb:/x", .realms = row->realms };
	struct postern_item item = { .user = row->user };
	size_t n, wanted = !!row->key[0] + !!row->key[1];
	struct want *wants = wants_of(&map, &item, 1, &n);

	assert_int_equal(n, wanted);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(wants[i].key, row->key[i]);
	assert_int_equal(item.result, wanted ? POSTERN_DONE : POSTERN_FAILED);
	assert_int_equal(item.text[0] != '\0', !wanted);
	free(wants);
}

static void name_is_too_long(void **state)
{
	struct map map = { .map = "lmdb:/x",
			   .realms = (const char *const[]){ "example.org", NULL } };
	char user[ACCESS_KEY + 2];
	struct postern_item item = { .user = user };
	struct want *wants;
	size_t n;

	(void)state;
	memset(user, 'a', sizeof(user));
	user[ACCESS_KEY + 1] = '\0';
	wants = wants_of(&map, &item, 1, &n);
	assert_int_equal(n, 0);
	assert_int_equal(item.result, POSTERN_FAILED);
	free(wants);
	user[ACCESS_KEY] = '\0';
	item.result = POSTERN_DONE;
	wants = wants_of(&map, &item, 1, &n); /* with its realm it would be too long */
	assert_int_equal(n, 1);
	assert_int_equal(item.result, POSTERN_DONE);
	free(wants);
}

static void name_without_utf8(void **state)
{
	struct map map = { .map = "lmdb:/x", .no_utf8 = true };
	struct postern_item items[] = { { .user = "jo\xc3\xa9" }, { .user = "joe" } };
	struct want *wants;
	size_t n;

	(void)state;
	wants = wants_of(&map, items, 2, &n);
	assert_int_equal(n, 1);
	assert_int_equal(items[0].result, POSTERN_FAILED);
	assert_int_equal(items[1].result, POSTERN_DONE);
	free(wants);
}

/* -- a Postfix that is none ------------------------------------------------------------------ */

static struct fake {
	char folder[64], path[128], map[140];
	char table[4096];                /* the source when postmap last ran */
	unsigned int made;               /* how often that was */
	bool fails;                      /* postmap does */
	const char *main_cf, *master_cf; /* what postconf prints */
} fake;

/* The first line of that key counts, as in all types of table. */
static void fake_ask(FILE *out, const char *key)
{
	char *text = strdup(fake.table), *rest = text, *line;
	size_t len = strlen(key);

	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, key, len) != 0 || !strchr(" \t", line[len]) || !line[len])
			continue;
		(void)fprintf(out, "%s\t%s\n", key, line + len + 1);
		break;
	}
	free(text);
}

static int fake_postmap(struct postern_run *run, bool ask)
{
	struct text output = { 0 };
	FILE *out;

	run->status = fake.fails;
	if (fake.fails) {
		(void)snprintf(run->error, sizeof(run->error), "postmap: fatal: no space");
		return 0;
	}
	if (!ask) {
		FILE *source = fopen(fake.path, "r");
		size_t n = source ? fread(fake.table, 1, sizeof(fake.table) - 1, source) : 0;

		fake.table[n] = '\0';
		fake.made++;
		return source ? fclose(source) : -1;
	}
	out = text_open(&output);
	for (const char *p = run->input; p < run->input + run->input_len; p = strchr(p, '\n') + 1) {
		char *key = strndup(p, strcspn(p, "\n"));

		fake_ask(out, key);
		free(key);
	}
	text_close(out);
	run->output = output.bytes;
	run->output_len = output.len;
	run->status = !output.len;
	return 0;
}

static int fake_run(struct postern_run *run)
{
	bool ask = false, services = false;

	for (size_t i = 1; run->argv[i]; i++) {
		ask |= strcmp(run->argv[i], "-q") == 0;
		services |= strcmp(run->argv[i], "-xP") == 0;
	}
	run->status = 0;
	run->output = NULL;
	if (strcmp(run->argv[0], "postmap") == 0)
		return fake_postmap(run, ask);
	run->output = strdup(services ? fake.master_cf : fake.main_cf);
	run->output_len = strlen(run->output);
	return 0;
}

static const struct postern_host fake_host = { .run = fake_run };

static int fake_init(void **state)
{
	(void)state;
	fake = (struct fake){ .main_cf = "", .master_cf = "" };
	strncpy(fake.folder, "/tmp/postern-test.XXXXXX", sizeof(fake.folder) - 1);
	assert_non_null(mkdtemp(fake.folder));
	(void)snprintf(fake.path, sizeof(fake.path), "%s/access", fake.folder);
	(void)snprintf(fake.map, sizeof(fake.map), "hash:%s", fake.path);
	return 0;
}

static int fake_fini(void **state)
{
	(void)state;
	(void)unlink(fake.path);
	assert_int_equal(rmdir(fake.folder), 0); /* and nothing else was left there */
	return 0;
}

static struct map fake_open(void)
{
	struct map map = {
		.map = fake.map, .result = "REJECT no", .postmap = "postmap", .postconf = "postconf"
	};
	char why[256] = "";

	assert_int_equal(open_map(&map, &fake_host, why, sizeof(why)), 0);
	return map;
}

static void write_source(const char *text)
{
	FILE *out = fopen(fake.path, "w");

	assert_non_null(out);
	(void)fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void source_is(const char *wanted)
{
	char text[4096];
	FILE *in = fopen(fake.path, "r");

	assert_non_null(in);
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	(void)fclose(in);
	assert_string_equal(text, wanted);
}

/* -- apply, lift, list ----------------------------------------------------------------------- */

static const struct outcome {
	const char *name;
	const char *source; /* NULL: there is none */
	const char *user;
	bool lift, fails;
	enum postern_result result;
	const char *text; /* a part of the answer */
	const char *after;
	unsigned int made;
} outcomes[] = {
	{ "a new line", "a OK\n", "joe", false, false, POSTERN_DONE, "",
	  "a OK\n" BLOCK("joe", "9", "joe") "\n", 1 },
	{ "a new file", NULL, "joe", false, false, POSTERN_DONE, "", BLOCK("joe", "9", "joe") "\n",
	  1 },
	{ "the line is there, the table is not", BLOCK("joe", "9", "joe") "\n", "joe", false, false,
	  POSTERN_DONE, "", BLOCK("joe", "9", "joe") "\n", 1 },
	{ "postmap fails", "a OK\n", "joe", false, true, POSTERN_RETRY, "no space",
	  "a OK\n" BLOCK("joe", "9", "joe") "\n", 0 },
	{ "his line refuses already", "joe 550 5.7.1 mine\n", "joe", false, false, POSTERN_DONE,
	  "\"550 5.7.1 mine\" for joe already",
	  "joe 550 5.7.1 mine\n" BLOCK("joe", "9", "joe") "\n", 1 },
	{ "his line lets it pass", "joe OK\n", "joe", false, false, POSTERN_FAILED,
	  "\"OK\" for joe, and goes first", "joe OK\n" BLOCK("joe", "9", "joe") "\n", 1 },
	{ "a name that can't be written", "a OK\n", "joe smith", false, false, POSTERN_FAILED,
	  "a blank or a quote", "a OK\n", 0 },
	{ "lifted", "a OK\n" BLOCK("joe", "9", "joe") "\n", "joe", true, false, POSTERN_DONE, "",
	  "a OK\n", 1 },
	{ "lifted, and was not there", "a OK\n", "joe", true, false, POSTERN_DONE, "", "a OK\n",
	  0 },
	{ "lifted, and there is no file", NULL, "joe", true, false, POSTERN_DONE, "", NULL, 0 },
	{ "lifted, and another wants it", BLOCK("joe", "8,9", "joe") "\n", "joe", true, false,
	  POSTERN_DONE, "joe stays disabled", BLOCK("joe", "8", "joe") "\n", 1 },
	{ "lifted, and his own line is there", "joe REJECT mine\n" BLOCK("joe", "9", "joe") "\n",
	  "joe", true, false, POSTERN_DONE, "still says \"REJECT mine\"", "joe REJECT mine\n", 1 },
	{ "postmap fails to lift", BLOCK("joe", "9", "joe") "\n", "joe", true, true, POSTERN_RETRY,
	  "no space", "", 0 },
};

static void comes_out(void **state)
{
	const struct outcome *row = *state;
	struct postern_item item = { .id = 9, .user = row->user };
	struct map map = fake_open();

	if (row->source)
		write_source(row->source);
	fake.fails = row->fails;
	(row->lift ? lift : apply)(&map, &item, 1);
	assert_int_equal(item.result, row->result);
	if (!strstr(item.text, row->text) || (!row->text[0] && item.text[0]))
		fail_msg("\"%s\" is not \"%s\"", item.text, row->text);
	assert_int_equal(fake.made, row->made);
	if (row->after)
		source_is(row->after);
	else
		assert_int_equal(access(fake.path, F_OK), -1);
}

static void mends_what_postmap_left(void **state)
{
	struct postern_item item = { .id = 9, .user = "joe" };
	struct map map = fake_open();

	(void)state;
	fake.fails = true;
	apply(&map, &item, 1);
	assert_int_equal(item.result, POSTERN_RETRY);
	fake.fails = false;
	item.result = POSTERN_DONE;
	apply(&map, &item, 1);
	assert_int_equal(item.result, POSTERN_DONE);
	assert_int_equal(fake.made, 1);
	apply(&map, &item, 1);
	assert_int_equal(fake.made, 1); /* a second run changes nothing */
}

static void keeps_mode_and_links(void **state)
{
	struct postern_item item = { .id = 9, .user = "joe" };
	char link[sizeof(fake.path) + 8];
	struct map map;
	struct stat st;

	(void)state;
	(void)snprintf(link, sizeof(link), "%s.link", fake.path);
	write_source("a OK\n");
	assert_int_equal(chmod(fake.path, 0604), 0);
	assert_int_equal(symlink(fake.path, link), 0);
	(void)snprintf(fake.map, sizeof(fake.map), "hash:%.120s.link", fake.path);
	map = fake_open();
	apply(&map, &item, 1);
	assert_int_equal(item.result, POSTERN_DONE);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(fake.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	source_is("a OK\n" BLOCK("joe", "9", "joe") "\n");
	(void)unlink(link);
}

static void is_no_file(void **state)
{
	struct postern_item item = { .id = 9, .user = "joe" };
	struct map map = fake_open();

	(void)state;
	assert_int_equal(mkdir(fake.path, 0700), 0);
	apply(&map, &item, 1);
	assert_int_equal(item.result, POSTERN_RETRY);
	(void)rmdir(fake.path);
}

static void remember(void *to, const struct postern_found *found)
{
	strncat(to, found->user, 16);
	strncat(to, " ", 2);
}

static void lists_what_is_in_force(void **state)
{
	struct map map;
	char users[128] = "", why[64];

	(void)state;
	map = fake_open();
	assert_int_equal(list(&map, remember, users, why, sizeof(why)), 0);
	assert_string_equal(users, "");
	write_source("a OK\n" BLOCK("b@x", "1", "b@x") "\n" BLOCK("b@x", "1", "b") "\n" BLOCK(
		"c", "1,2", "c") "\nd REJECT\n" BLOCK("e", "3", "e"));
	(void)snprintf(fake.table, sizeof(fake.table),
		       "b REJECT\nb@x REJECT\nc REJECT\nd REJECT\n");
	assert_int_equal(list(&map, remember, users, why, sizeof(why)), 0);
	assert_string_equal(users, "b@x c ");
}

/* -- options and check ----------------------------------------------------------------------- */

static const struct option {
	const char *name;
	const char *map, *result, *main_cf, *master_cf;
	const char *why; /* NULL: it opens */
} open_rows[] = {
	{ "lmdb", "lmdb:/etc/x", "REJECT", "", "", NULL },
	{ "texthash", "texthash:/etc/x", "550 5.7.1 no", "", "", NULL },
	{ "no type", "/etc/x", "REJECT", "", "", "map: expected lmdb:" },
	{ "no path", "hash:x", "REJECT", "", "", "map: expected" },
	{ "a type that can't", "pcre:/etc/x", "REJECT", "", "", "map: expected" },
	{ "a result that lets pass", "hash:/x", "OK", "", "", "result: expected REJECT" },
	{ "a word that begins alike", "hash:/x", "REJECTED", "", "", "result: expected REJECT" },
	{ "no code", "hash:/x", "5x0 no", "", "", "result: expected REJECT" },
	{ "two lines", "hash:/x", "REJECT a\nb OK", "", "", "result: expected one line" },
	{ "HOLD", "hash:/x", "HOLD spam", "smtpd_proxy_filter =\n", "", NULL },
	{ "HOLD before a filter", "hash:/x", "HOLD spam", "smtpd_proxy_filter = [::1]:10024\n", "",
	  "ignores HOLD" },
	{ "HOLD before a service's filter", "hash:/x", "hold", "smtpd_proxy_filter = \n",
	  "a/inet/x = 1\nb/inet/y = 2\nb/inet/smtpd_proxy_filter = [::1]:1\n", "ignores HOLD" },
	{ "REJECT before a filter", "hash:/x", "REJECT", "smtpd_proxy_filter = [::1]:10024\n", "",
	  NULL },
};

static void opens(void **state)
{
	const struct option *row = *state;
	struct map map = {
		.map = row->map, .result = row->result, .postmap = "postmap", .postconf = "postconf"
	};
	char why[256] = "";

	fake.main_cf = row->main_cf;
	fake.master_cf = row->master_cf;
	assert_int_equal(open_map(&map, &fake_host, why, sizeof(why)), row->why ? -1 : 0);
	if (row->why && !strstr(why, row->why))
		fail_msg("\"%s\" is not \"%s\"", why, row->why);
}

#define ASK       "check_sasl_access hash:/t"
#define ON        "smtpd_sasl_auth_enable = yes\n"
#define RECIPIENT "smtpd_recipient_restrictions = "
#define SENDER    "smtpd_sender_restrictions = "

static const struct checked {
	const char *name;
	const char *main_cf, *master_cf;
	const char *tells; /* a part of the one complaint about services; NULL: there is none */
} checked[] = {
	{ "nobody logs in", "smtpd_sasl_auth_enable = no\n", "", NULL },
	{ "asked", ON SENDER ASK "\n", "", NULL },
	{ "asked before", ON RECIPIENT ASK ", permit_sasl_authenticated reject\n", "", NULL },
	{ "asked in braces", ON SENDER "{ " ASK " }\n", "", NULL },
	{ "asked through proxymap", ON SENDER "check_sasl_access proxy:hash:/t\n", "", NULL },
	{ "not asked", ON RECIPIENT "permit_sasl_authenticated, reject\n", "",
	  "main.cf: nothing asks the table" },
	{ "another table", ON SENDER ASK "2\n", "", "main.cf: nothing asks the table" },
	{ "for another reason", ON SENDER "check_sender_access hash:/t\n", "", "main.cf: nothing" },
	{ "too late", ON RECIPIENT "permit_mynetworks permit_sasl_authenticated " ASK " reject\n",
	  "", "main.cf: in smtpd_recipient_restrictions, \"" ASK "\" has to stand before" },
	{ "behind permit", ON SENDER "permit," ASK "\n", "", "in smtpd_sender_restrictions" },
	{ "too late, and in time elsewhere",
	  ON RECIPIENT "permit_sasl_authenticated " ASK "\n" SENDER ASK "\n", "", NULL },
	{ "a service's own list", "smtpd_sasl_auth_enable = no\n" SENDER ASK "\n",
	  "587/inet/" ON "587/inet/" SENDER "permit_sasl_authenticated\n",
	  "587/inet: nothing asks the table" },
	{ "a service with main.cf's list", "smtpd_sasl_auth_enable = no\n" SENDER ASK "\n",
	  "465/inet/syslog_name = x\n465/inet/" ON "587/inet/x = y\n", NULL },
	{ "the second service", SENDER ASK "\n", "a/inet/" ON "b/inet/" SENDER "\nb/inet/" ON,
	  "b/inet: nothing" },
	{ "a line that is none", "nonsense\n" ON SENDER ASK "\n", "nonsense\n\nx/y\n", NULL },
};

static void hear(void *to, const char *text)
{
	char *all = to;

	/* The other complaints are about the table's file, which no row has. */
	if (strncmp(text, "map: ", 5) != 0)
		(void)snprintf(all + strlen(all), 1024 - strlen(all), "%s\n", text);
}

static void complains(void **state)
{
	const struct checked *row = *state;
	struct map map = {
		.map = "hash:/t", .result = "REJECT", .postmap = "/bin/sh", .postconf = "postconf"
	};
	char told[1024] = "";

	fake.main_cf = row->main_cf;
	fake.master_cf = row->master_cf;
	check(&map, &fake_host, hear, told);
	if (!row->tells)
		assert_string_equal(told, "");
	else if (!strstr(told, row->tells) || strchr(told, '\n') != strrchr(told, '\n'))
		fail_msg("\"%s\" is not \"%s\"", told, row->tells);
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, fake_init, fake_fini)

/* The rows of a table that need a folder, and its end. */
static size_t with_fake(struct CMUnitTest *tests, size_t from, size_t n)
{
	for (size_t i = from; i < n; i++) {
		tests[i].setup_func = fake_init;
		tests[i].teardown_func = fake_fini;
	}
	return n;
}

int main(void)
{
	struct CMUnitTest tests[COUNT(edits) + COUNT(names) + COUNT(outcomes) + COUNT(open_rows) +
				COUNT(checked) + 6];
	const struct CMUnitTest single[] = {
		cmocka_unit_test(name_is_too_long),
		cmocka_unit_test(name_without_utf8),
		WITH_FAKE(mends_what_postmap_left),
		WITH_FAKE(keeps_mode_and_links),
		WITH_FAKE(is_no_file),
		WITH_FAKE(lists_what_is_in_force),
	};
	size_t n = 0, from;

	ADD_ROWS(tests, n, edits, edit);
	ADD_ROWS(tests, n, names, name_is);
	from = n;
	ADD_ROWS(tests, n, outcomes, comes_out);
	n = with_fake(tests, from, n);
	ADD_ROWS(tests, n, open_rows, opens);
	ADD_ROWS(tests, n, checked, complains);
	memcpy(tests + n, single, sizeof(single));
	n += COUNT(single);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
