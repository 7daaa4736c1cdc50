/*
 * test_exim - the lookup file of blocked users, and the messages that are frozen and thawed
 */
#include "tests/plugged.h"

#define MARK  "# Below this line postern writes; what stands above it is left as it is.\n"
#define A     "1xUd8y-00000x-0a"
#define B     "1xUd8y-00000x-0b"
#define NEWER "1qzu2K-000000001q2-2bQl"

/* One call after another upon the same decision, 12, of "joe@example.org". */
enum verb { APPLY, KEEP, RELEASE, PURGE };

struct call {
	enum verb verb;
	const char *id[4];
	struct reply reply[2];
	const char *ran; /* "@" stands for exim */
	const char *record;
	enum postern_result result;
	const char *text;
};

static const struct row {
	const char *name;
	struct call call[3];
} rows[] = {
	{ "frozen, kept, then sent on",
	  { { APPLY,
	      { A, B },
	      { { "-Mf", 0, "Message " A " is now frozen\nMessage " B " is now frozen\n", "" } },
	      "@ -Mf " A " " B "\n",
	      A "\n" B "\n",
	      POSTERN_DONE,
	      "2 messages are frozen" },
	    { KEEP,
	      { NULL },
	      { { "-Mf", 1, "Message " A " is already frozen\nMessage " B " is already frozen\n",
		  "" } },
	      "@ -Mf " A " " B "\n",
	      A "\n" B "\n",
	      POSTERN_DONE,
	      "2 messages stay frozen" },
	    { RELEASE,
	      { NULL },
	      { { "-Mt", 0,
		  "Message " A " is no longer frozen\nMessage " B " is no longer frozen\n", "" } },
	      "@ -Mt " A " " B "\n@ -Mc " A " " B "\n",
	      "",
	      POSTERN_DONE,
	      "2 messages are thawed" } } },
	{ "what was frozen already is not ours, what is gone neither",
	  { { APPLY,
	      { A, B, NEWER },
	      { { "-Mf", 1,
		  "Message " A " is already frozen\nSpool data file for " B " does not exist\n"
		  "Message " NEWER " is now frozen\n",
		  "" } },
	      "@ -Mf " A " " B " " NEWER "\n",
	      NEWER "\n",
	      POSTERN_DONE,
	      "1 messages are frozen" },
	    { APPLY,
	      { NEWER },
	      { { "-Mf", 1, "Message " NEWER " is already frozen\n", "" } },
	      "@ -Mf " NEWER "\n",
	      NEWER "\n",
	      POSTERN_DONE,
	      "1 messages are frozen" },
	    { PURGE,
	      { NULL },
	      { { "-Mrm", 0, "Message " NEWER " has been removed\n", "" } },
	      "@ -Mrm " NEWER "\n",
	      "",
	      POSTERN_DONE,
	      "1 messages were deleted" } } },
	{ "deleted: one was gone",
	  { { APPLY,
	      { A, B },
	      { { "-Mf", 0, "Message " A " is now frozen\nMessage " B " is now frozen\n", "" } },
	      "@ -Mf " A " " B "\n",
	      A "\n" B "\n",
	      POSTERN_DONE,
	      "" },
	    { PURGE,
	      { NULL },
	      { { "-Mrm", 1,
		  "Message " A " has been removed\nSpool data file for " B " does not exist\n"
		  "Continuing, to ensure all files removed\n"
		  "Message " B " has been removed or did not exist\n",
		  "" } },
	      "@ -Mrm " A " " B "\n",
	      "",
	      POSTERN_DONE,
	      "1 messages were deleted" } } },
	{ "in delivery",
	  { { APPLY,
	      { A },
	      { { "-Mf", 1, "Message " A " is locked\n", "" } },
	      "@ -Mf " A "\n",
	      A "\n",
	      POSTERN_RETRY,
	      "1 messages are being delivered" },
	    { RELEASE,
	      { NULL },
	      { { "-Mt", 1, "Message " A " is not frozen\n", "" } },
	      "@ -Mt " A "\n",
	      "",
	      POSTERN_DONE,
	      "0 messages are thawed" } } },
	{ "further ones",
	  { { APPLY,
	      { B },
	      { { "-Mf", 0, "Message " B " is now frozen\n", "" } },
	      "@ -Mf " B "\n",
	      B "\n",
	      POSTERN_DONE,
	      "" },
	    { APPLY,
	      { A },
	      { { "-Mf", 0, "Message " B " is already frozen\nMessage " A " is now frozen\n",
		  "" } },
	      "@ -Mf " B " " A "\n",
	      B "\n" A "\n",
	      POSTERN_DONE,
	      "2 messages are frozen" } } },
	{ "ids that are none are not passed on",
	  { { APPLY,
	      { "-oMa", "all", "1xUd8y-00000x-0a;", "1xUd8y 00000x-0aa" },
	      { { 0 } },
	      "",
	      "",
	      POSTERN_DONE,
	      "" } } },
	{ "Exim fails: it is known what might be frozen",
	  { { APPLY,
	      { A },
	      { { "-Mf", -1, "", "killed after 60 s" } },
	      "@ -Mf " A "\n",
	      A "\n",
	      POSTERN_RETRY,
	      "killed after 60 s" },
	    { RELEASE,
	      { NULL },
	      { { "-Mt", 1, "", "exim: permission denied" } },
	      "@ -Mt " A "\n",
	      A "\n",
	      POSTERN_RETRY,
	      "permission denied" } } },
	{ "a release of nothing", { { RELEASE, { NULL }, { { 0 } }, "", "", POSTERN_DONE, "" } } },
};

static void shorten(char *text)
{
	char *at;

	while ((at = strstr(text, "/bin/@")))
		memmove(at, at + 5, strlen(at + 5) + 1);
}

static void call(struct plugged *p, const struct call *c)
{
	static const enum postern_release release[] = {
		[KEEP] = POSTERN_KEEP, [RELEASE] = POSTERN_RELEASE, [PURGE] = POSTERN_PURGE
	};
	struct postern_item item = { .id = 12, .user = "joe@example.org", .queue_id = c->id };

	while (item.n_queue_ids < COUNT(c->id) && c->id[item.n_queue_ids])
		item.n_queue_ids++;
	fake.reply = c->reply;
	fake.n_replies = c->reply[0].words ? 1 : 0;
	*fake.ran = '\0';
	item.release = release[c->verb];
	if (c->verb == APPLY)
		p->action->apply(p->ctx, &item, 1);
	else
		p->action->lift(p->ctx, &item, 1);
	shorten(fake.ran);
	assert_string_equal(fake.ran, c->ran);
	assert_string_equal(get_file(p, in_dir(p, "frozen-12")), c->record);
	assert_int_equal(item.result, c->result);
	assert_non_null(strstr(item.text, c->text));
	assert_string_equal(get_file(p, in_dir(p, "blocked")),
			    c->verb == APPLY ? MARK "\"joe@example.org\": decisions 12\n" : MARK);
}

static void open_it(struct plugged *p)
{
	char why[256] = "";

	plug(p, "exim");
	set_up(p, (const char *[]){ "file", in_dir(p, "blocked"), "exim", "/bin/@", NULL });
	assert_int_equal(p->action->open(p->ctx, &p->host, why, sizeof(why)), 0);
}

static void check(void **state)
{
	const struct row *row = *state;
	struct plugged p;

	open_it(&p);
	for (size_t i = 0; i < COUNT(row->call) && row->call[i].ran; i++)
		call(&p, &row->call[i]);
	unplug(&p);
}

/* How a name stands in the file, and that it is listed as it was. */
static const struct name {
	const char *name, *line;
} names[] = {
	{ "joe@example.org", "\"joe@example.org\": decisions 12\n" },
	{ "joe doe: sales", "\"joe doe: sales\": decisions 12\n" },
	{ "a\"b\\c", "\"a\\\"b\\\\c\": decisions 12\n" },
	{ "#joe", "\"#joe\": decisions 12\n" },
	{ "j\xc3\xb6rg", "\"j\xc3\xb6rg\": decisions 12\n" },
	{ "\": decisions 1", "\"\\\": decisions 1\": decisions 12\n" },
};

static void on_found(void *to, const struct postern_found *found)
{
	append(to, 256, found->user, strlen(found->user));
}

static void quotes(void **state)
{
	const struct name *row = *state;
	struct postern_item item = { .id = 12, .user = row->name };
	char found[256] = "", why[256], wanted[256];
	struct plugged p;

	open_it(&p);
	p.action->apply(p.ctx, &item, 1);
	(void)snprintf(wanted, sizeof(wanted), MARK "%s", row->line);
	assert_string_equal(get_file(&p, in_dir(&p, "blocked")), wanted);
	assert_int_equal(p.action->list(p.ctx, on_found, found, why, sizeof(why)), 0);
	assert_string_equal(found, row->name);
	p.action->lift(p.ctx, &item, 1);
	assert_string_equal(get_file(&p, in_dir(&p, "blocked")), MARK);
	unplug(&p);
}

/* One process for at most 500, and a first attempt at delivery for 20 of them. */
static void many(void **state)
{
	enum { MANY = 1200 };
	static char id[MANY][17], output[RUN_TEXT];
	const char *ids[MANY];
	struct reply reply[] = { { "-M", 0, output, "" } };
	struct postern_item item = { .id = 1, .user = "joe", .queue_id = ids, .n_queue_ids = MANY };
	struct plugged p;

	(void)state;
	open_it(&p);
	*output = '\0';
	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(id[i], sizeof(id[i]), "1xUd8y-%06zu-0a", i);
		append(output, sizeof(output), "Message ", 8);
		append(output, sizeof(output), id[i], 16);
		append(output, sizeof(output), " is now frozen\n", 15);
		ids[i] = id[i];
	}
	fake.reply = reply;
	fake.n_replies = 1;
	p.action->apply(p.ctx, &item, 1);
	assert_int_equal(fake.runs, 3);
	assert_string_equal(item.text, "1200 messages are frozen");
	unplug(&p);
}

static const struct config {
	const char *name;
	struct reply reply;
	const char *complaint;
} configs[] = {
	{ "looked up",
	  { "-bP config", 0, "${lookup{$authenticated_id}lsearch{/etc/b}}", "" },
	  "/etc/b is not there" },
	{ "not looked up", { "-bP config", 0, "begin acl", "" }, "no ACL of Exim" },
	{ "no right", { "-bP config", 1, "", "permission denied" }, "permission denied" },
};

static void checks_config(void **state)
{
	const struct config *row = *state;
	struct plugged p;

	plug(&p, "exim");
	fake.reply = &row->reply;
	fake.n_replies = 1;
	set_up(&p, (const char *[]){ "file", "/etc/b", NULL });
	p.action->check(p.ctx, &p.host, on_complaint, NULL);
	assert_non_null(strstr(fake.complaints, row->complaint));
	unplug(&p);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(names) + COUNT(configs) + 1];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	ADD_ROWS(tests, n, names, quotes);
	ADD_ROWS(tests, n, configs, checks_config);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(many);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
