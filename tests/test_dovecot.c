/*
 * test_dovecot - the passwd-file of those who may not log in, and what Dovecot is told
 */
#include "tests/plugged.h"

#include <time.h>

/* The plugin finds this one before the C library's: nothing sleeps here. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): no reserved names here */
int nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	assert_in_range(time->tv_sec, 0, 1);
	assert_true(time->tv_sec == 0 || time->tv_nsec <= 50000000);
	append(fake.ran, sizeof(fake.ran), ".", 1);
	return 0;
}

#define MARK "# Below this line postern writes; what stands above it is left as it is.\n"

struct row {
	const char *name;
	const char *before; /* the file; NULL: there is none */
	const char *user[3];
	uint64_t id[3];
	bool lifts;
	const char *option, *value; /* besides the file */
	struct reply reply[2];
	const char *after; /* the file */
	const char *ran;   /* "@" stands for doveadm, "." for the rest of a second */
	enum postern_result result;
	const char *text;
};

#define FLUSH ".@ auth cache flush -- "
#define KICK  "@ kick -- "
#define JOE   "joe@example.org:::::::postern="
#define ANN   "ann@example.org:::::::postern="

static const struct row rows[] = {
	{ .name = "a new file",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .after = MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n" KICK "joe@example.org\n" },
	{ .name = "the administrator's lines are kept byte for byte",
	  .before = "# mine\n\nmallory:x\n  \t\r\nlast without an end",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .after = "# mine\n\nmallory:x\n  \t\r\nlast without an end\n" MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n" KICK "joe@example.org\n" },
	{ .name = "many are one flush",
	  .before = MARK,
	  .user = { "joe@example.org", "ann@example.org" },
	  .id = { 12, 13 },
	  .after = MARK JOE "12\n" ANN "13\n",
	  .ran = FLUSH "joe@example.org ann@example.org\n" KICK "joe@example.org\n" KICK
		       "ann@example.org\n" },
	{ .name = "again",
	  .before = MARK JOE "12\n",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .after = MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n" KICK "joe@example.org\n" },
	{ .name = "two decisions, one line",
	  .before = MARK JOE "12\n",
	  .user = { "joe@example.org" },
	  .id = { 1 },
	  .after = MARK JOE "12,1\n",
	  .ran = FLUSH "joe@example.org\n" KICK "joe@example.org\n" },
	{ .name = "lifted",
	  .before = "mine\n" MARK JOE "12\n" ANN "13\n",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .lifts = true,
	  .after = "mine\n" MARK ANN "13\n",
	  .ran = FLUSH "joe@example.org\n" },
	{ .name = "lifted again",
	  .before = "mine\n" MARK,
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .lifts = true,
	  .after = "mine\n" MARK,
	  .ran = FLUSH "joe@example.org\n" },
	{ .name = "the first of two decisions is lifted",
	  .before = MARK JOE "12,1,3\n",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .lifts = true,
	  .after = MARK JOE "1,3\n",
	  .ran = FLUSH "joe@example.org\n" },
	{ .name = "the last of two decisions is lifted",
	  .before = MARK JOE "12,1\n",
	  .user = { "joe@example.org" },
	  .id = { 1 },
	  .lifts = true,
	  .after = MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n" },
	{ .name = "a line of the administrator's is not lifted",
	  .before = JOE "12\n" MARK,
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .lifts = true,
	  .after = JOE "12\n" MARK,
	  .ran = FLUSH "joe@example.org\n" },
	{ .name = "one whose name another begins with",
	  .before = MARK "joe@example.org.uk:::::::postern=12\n",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .lifts = true,
	  .after = MARK "joe@example.org.uk:::::::postern=12\n",
	  .ran = FLUSH "joe@example.org\n" },
	{ .name = "with and without realm",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .option = "realms",
	  .value = "Example.ORG",
	  .after = MARK JOE "12\njoe:::::::postern=12\n",
	  .ran = FLUSH "joe@example.org joe\n" KICK "joe@example.org\n" KICK "joe\n" },
	{ .name = "another realm",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .option = "realms",
	  .value = "example.net",
	  .after = MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n" KICK "joe@example.org\n" },
	{ .name = "sessions go on where they are to",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .option = "kick",
	  .value = "no",
	  .after = MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n" },
	{ .name = "no option of doveadm",
	  .user = { "--help" },
	  .id = { 12 },
	  .after = MARK "--help:::::::postern=12\n",
	  .ran = FLUSH "--help\n" KICK "--help\n" },
	{ .name = "a colon",
	  .user = { "a:b" },
	  .id = { 12 },
	  .after = MARK,
	  .ran = "",
	  .result = POSTERN_FAILED,
	  .text = "can't hold this name" },
	{ .name = "a blank",
	  .user = { "joe doe" },
	  .id = { 12 },
	  .after = MARK,
	  .ran = "",
	  .result = POSTERN_FAILED,
	  .text = "can't hold this name" },
	{ .name = "a comment",
	  .user = { "#joe" },
	  .id = { 12 },
	  .after = MARK,
	  .ran = "",
	  .result = POSTERN_FAILED,
	  .text = "can't hold this name" },
	{ .name = "everybody",
	  .user = { "*" },
	  .id = { 12 },
	  .after = MARK,
	  .ran = "",
	  .result = POSTERN_FAILED,
	  .text = "a pattern" },
	{ .name = "nobody to kick is as good",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .reply = { { " kick ", 68, "no users kicked", "" } },
	  .after = MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n" KICK "joe@example.org\n" },
	{ .name = "Dovecot is down",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .reply = { { " kick ", 75, "", "Fatal: net_connect_unix() failed" } },
	  .after = MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n" KICK "joe@example.org\n",
	  .result = POSTERN_RETRY,
	  .text = "doveadm kick: Fatal: net_connect_unix() failed" },
	{ .name = "a cache that is not flushed though doveadm ended well",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .reply = { { " flush ", 0, "0 cache entries flushed", "Error: auth-master: failed" } },
	  .after = MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n",
	  .result = POSTERN_RETRY,
	  .text = "doveadm auth cache flush: Error: auth-master: failed" },
	{ .name = "doveadm hangs",
	  .user = { "joe@example.org" },
	  .id = { 12 },
	  .reply = { { " flush ", -1, "", "killed after 60 s" } },
	  .after = MARK JOE "12\n",
	  .ran = FLUSH "joe@example.org\n",
	  .result = POSTERN_RETRY,
	  .text = "killed after 60 s" },
};

static void prepare(struct plugged *p, const struct row *row)
{
	const char *options[] = { "file",      in_dir(p, "deny"), "doveadm", "/bin/@",
				  row->option, row->value,        NULL };

	if (row->before)
		put_file(in_dir(p, "deny"), row->before);
	fake.reply = row->reply;
	fake.n_replies = row->reply[0].words ? 1 : 0;
	set_up(p, options);
}

/* "/bin/@" is written as "@". */
static void shorten(char *text)
{
	char *at;

	while ((at = strstr(text, "/bin/@")))
		memmove(at, at + 5, strlen(at + 5) + 1);
}

static void check(void **state)
{
	const struct row *row = *state;
	struct postern_item item[COUNT(row->user)];
	struct plugged p;
	size_t n = 0;
	char why[256] = "";

	plug(&p, "dovecot");
	prepare(&p, row);
	assert_int_equal(p.action->open(p.ctx, &p.host, why, sizeof(why)), 0);
	for (; n < COUNT(item) && row->user[n]; n++)
		item[n] = (struct postern_item){ .id = row->id[n], .user = row->user[n] };
	if (row->lifts)
		p.action->lift(p.ctx, item, n);
	else
		p.action->apply(p.ctx, item, n);
	shorten(fake.ran);
	assert_string_equal(get_file(&p, in_dir(&p, "deny")), row->after);
	assert_string_equal(fake.ran, row->ran);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(item[i].result, row->result);
		assert_non_null(strstr(item[i].text, row->text ? row->text : ""));
	}
	unplug(&p);
}

static void on_found(void *to, const struct postern_found *found)
{
	append(to, 256, found->user, strlen(found->user));
	append(to, 256, "\n", 1);
}

static void lists_its_own(void **state)
{
	struct plugged p;
	char found[256] = "", why[256];

	(void)state;
	plug(&p, "dovecot");
	put_file(in_dir(&p, "deny"),
		 "mallory:::::::postern=1\n" MARK JOE "12\nby hand\n" ANN "3\n");
	set_up(&p, (const char *[]){ "file", in_dir(&p, "deny"), NULL });
	assert_int_equal(p.action->open(p.ctx, &p.host, why, sizeof(why)), 0);
	assert_int_equal(p.action->list(p.ctx, on_found, found, why, sizeof(why)), 0);
	assert_string_equal(found, "joe@example.org\nann@example.org\n");
	unplug(&p);
}

static void keeps_mode(void **state)
{
	struct postern_item item = { .id = 1, .user = "joe" };
	struct plugged p;
	struct stat st;
	char why[256];

	(void)state;
	plug(&p, "dovecot");
	put_file(in_dir(&p, "deny"), "");
	assert_int_equal(chmod(in_dir(&p, "deny"), 0604), 0);
	set_up(&p, (const char *[]){ "file", in_dir(&p, "deny"), NULL });
	assert_int_equal(p.action->open(p.ctx, &p.host, why, sizeof(why)), 0);
	p.action->apply(p.ctx, &item, 1);
	assert_int_equal(stat(in_dir(&p, "deny"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	unplug(&p);
}

static void no_folder(void **state)
{
	struct postern_item item = { .id = 1, .user = "joe" };
	struct plugged p;
	char why[256] = "";

	(void)state;
	plug(&p, "dovecot");
	set_up(&p, (const char *[]){ "file", in_dir(&p, "no/deny"), NULL });
	assert_int_equal(p.action->open(p.ctx, &p.host, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "No such file"));
	p.action->apply(p.ctx, &item, 1);
	assert_int_equal(item.result, POSTERN_RETRY);
	assert_int_equal(fake.runs, 0);
	unplug(&p);
}

/* What doveconf -n shows, and whether there is something to complain of. */
static const struct config {
	const char *name, *output;
	bool complains;
} configs[] = {
	{ "first, as of 2.3",
	  "passdb {\n  args = /etc/deny\n  deny = yes\n  driver = passwd-file\n}\n"
	  "passdb {\n  driver = pam\n}\n",
	  false },
	{ "with arguments before the file",
	  "passdb {\n  args = username_format=%u /etc/deny\n  deny = yes\n}\n", false },
	{ "as of 2.4",
	  "passdb deny {\n  deny = yes\n  driver = passwd-file\n  passwd_file_path = "
	  "/etc/deny\n}\n",
	  false },
	{ "behind another",
	  "passdb {\n  driver = pam\n}\npassdb {\n  args = /etc/deny\n  deny = yes\n}\n", true },
	{ "no deny", "passdb {\n  args = /etc/deny\n  driver = passwd-file\n}\n", true },
	{ "another file", "passdb {\n  args = /etc/deny2\n  deny = yes\n}\n", true },
	{ "a longer path", "passdb {\n  args = /mnt/etc/deny\n  deny = yes\n}\n", true },
	{ "none", "protocols = imap\n", true },
	{ "nothing", "", true },
};

static void checks_config(void **state)
{
	const struct config *row = *state;
	const struct reply reply = { "-n", 0, row->output, "" };
	struct plugged p;

	plug(&p, "dovecot");
	fake.reply = &reply;
	fake.n_replies = 1;
	set_up(&p, (const char *[]){ "file", "/etc/deny", "doveadm", "/bin/sh", NULL });
	p.action->check(p.ctx, &p.host, on_complaint, NULL);
	assert_int_equal(strstr(fake.complaints, "does not ask /etc/deny first") != NULL,
			 row->complains);
	assert_int_equal(strstr(fake.complaints, "/etc/deny is not there") != NULL,
			 !row->complains);
	unplug(&p);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(configs) + 3];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	ADD_ROWS(tests, n, configs, checks_config);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(lists_its_own);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(keeps_mode);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(no_folder);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
