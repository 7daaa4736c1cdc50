/*
 * test_mail - who is told what, how often, and that no name gets out of its place
 */
#include "tests/plugged.h"

#include <sys/prctl.h>
#include <time.h>

/* The plugin's clock: it finds this one before the C library's. */
static time_t now = 1795200000;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): no reserved names here */
time_t time(time_t *at)
{
	if (at)
		*at = now;
	return now;
}

#define SENDMAIL "/bin/@ -f <> -i -- "

static const char evidence[] =
	"{\"subject\":{\"user\":\"joe@example.org\"},\"act_at\":\"2026-11-20T18:42:52.125Z\","
	"\"rules\":[{\"name\":\"networks\",\"value\":30,\"max\":9}],\"addresses\":["
	"{\"ip\":\"192.0.2.1\",\"country\":\"VN\",\"network\":\"A\\u001b[31mB\\u202eC\",\"bot\":"
	"true,"
	"\"logins\":4,\"messages\":3,\"bounces\":2,\"first\":\"2026-11-20T18:00:00Z\","
	"\"last\":\"2026-11-20T18:05:00Z\"},"
	"{\"ip\":\"198.51.100.7\",\"country\":\"ES\",\"bot\":false,\"logins\":1}],"
	"\"messages\":3,\"recipients\":40,\"bounces\":2,\"queue_ids\":[\"8A0C4A8493D\"]}";

static void open_it(struct plugged *p, const char *const *options)
{
	char why[256] = "";

	set_up(p, options);
	if (p->action->open(p->ctx, &p->host, why, sizeof(why)) < 0)
		fail_msg("%s", why);
}

static struct postern_item item_of(uint64_t id, const char *user, const char *level)
{
	return (struct postern_item){ .id = id,
				      .jail = "stolen-account",
				      .level = level,
				      .user = user,
				      .reason = "networks 30 > 9",
				      .json = evidence };
}

/* A mail's text holds each of these, and none of those. */
static const struct row {
	const char *name;
	const char *user, *level, *reason;
	const char *option, *value;
	const char *has[6], *lacks[3];
	const char *to; /* the recipients, as sendmail is given them */
} rows[] = {
	{ .name = "the header of an automatic mail",
	  .user = "joe@example.org",
	  .level = "act",
	  .has = { "From: postern <postmaster>\nTo: postmaster\n"
		   "Subject: joe@example.org is used by somebody else (",
		   "\nAuto-Submitted: auto-generated\n",
		   "\nContent-Type: text/plain; charset=UTF-8\n", "\nMessage-ID: <postern.12.act.",
		   "\nX-Postern: act 12\n", "\nDate: " },
	  .to = "postmaster" },
	{ .name = "the evidence",
	  .user = "joe@example.org",
	  .level = "act",
	  .has = { "  networks                             30, allowed are 9\n",
		   "  192.0.2.1                  VN       4        3      2  2026-11-20 18:00:00  "
		   "2026-11-20 18:05:00  A?[31mB?C\n",
		   "OTHER ADDRESSES",
		   "  In all 3 messages to 40 recipients, 2 refused, from 2 addresses; "
		   "1 messages are in the queue.\n",
		   "Act since      2026-11-20 18:42:52\n", "\nnetworks 30 > 9\n" },
	  .lacks = { "\033", "\xe2\x80\xae" },
	  .to = "postmaster" },
	{ .name = "what to do, and how to undo it",
	  .user = "joe@example.org",
	  .level = "act",
	  .has = { "set a new password", "OAuth tokens", "filters, forwards", "sent mail",
		   "  postern unban joe@example.org --release\n" },
	  .to = "postmaster" },
	{ .name = "a suspicion",
	  .user = "joe@example.org",
	  .level = "suspect",
	  .has = { "Subject: joe@example.org may be used by somebody else", "Nothing yet" },
	  .lacks = { "are being applied" },
	  .to = "postmaster" },
	{ .name = "a name that is no ASCII",
	  .user = "j\xc3\xb6rg@example.org",
	  .level = "act",
	  .has = { "Subject: =?UTF-8?Q?j=C3=B6rg=40example=2Eorg=20?=\n =?UTF-8?Q?is=20used",
		   "\n\nj\xc3\xb6rg@example.org is used by somebody else.\n" },
	  .lacks = { "Subject: j" },
	  .to = "postmaster" },
	{ .name = "a name that looks like an encoded word",
	  .user = "=?utf-8?q?x?=",
	  .level = "act",
	  .has = { "Subject: =?UTF-8?Q?=3D=3Futf=2D8=3Fq=3Fx=3F=3D" },
	  .to = "postmaster" },
	{ .name = "a name that would begin a header field",
	  .user = "joe\r\nBcc: mallory@example.net",
	  .level = "act",
	  .has = { "Subject: joe??Bcc: mallory@example.net" },
	  .lacks = { "\nBcc:" },
	  .to = "postmaster" },
	{ .name = "a name that would be another recipient",
	  .user = "-t mallory@example.net",
	  .level = "act",
	  .to = "postmaster" },
	{ .name = "a reason longer than a line",
	  .user = "joe",
	  .level = "act",
	  .reason = "\xc3\xa4",
	  .has = { "\n\xc3\xa4\xc3\xa4" },
	  .to = "postmaster" },
	{ .name = "other recipients",
	  .user = "joe@example.org",
	  .level = "act",
	  .option = "to",
	  .value = "abuse@example.org",
	  .has = { "\nTo: abuse@example.org\n" },
	  .to = "abuse@example.org" },
	{ .name = "the domain's contact",
	  .user = "joe@example.org",
	  .level = "act",
	  .option = "contacts",
	  .value = "Example.org=admin@example.org",
	  .to = "postmaster admin@example.org" },
	{ .name = "another domain's contact",
	  .user = "joe@sub.example.org",
	  .level = "act",
	  .option = "contacts",
	  .value = "example.org=admin@example.org",
	  .to = "postmaster" },
	{ .name = "about an address",
	  .level = "act",
	  .has = { "attacks this server", "unless you know the address" },
	  .lacks = { "new password" },
	  .to = "postmaster" },
};

static void no_long_lines(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		assert_in_range(len, 0, 998);
		text += len + 1;
	}
}

static void check(void **state)
{
	const struct row *row = *state;
	struct postern_item item = item_of(12, row->user, row->level);
	char reason[4001] = "", ran[256];
	struct plugged p;

	plug(&p, "mail");
	open_it(&p, (const char *[]){ "sendmail", "/bin/@", row->option, row->value, NULL });
	for (size_t i = 0; row->reason && i < 2000; i++)
		append(reason, sizeof(reason), row->reason, 2);
	if (row->reason)
		item.reason = reason;
	p.action->apply(p.ctx, &item, 1);
	(void)snprintf(ran, sizeof(ran), SENDMAIL "%s\n", row->to);
	assert_string_equal(fake.ran, ran);
	for (size_t i = 0; i < COUNT(row->has) && row->has[i]; i++)
		if (!strstr(fake.input, row->has[i]))
			fail_msg("\"%s\" is not in\n%s", row->has[i], fake.input);
	for (size_t i = 0; i < COUNT(row->lacks) && row->lacks[i]; i++)
		assert_null(strstr(fake.input, row->lacks[i]));
	no_long_lines(fake.input);
	assert_int_equal(item.result, POSTERN_DONE);
	unplug(&p);
}

/* -- how many ---------------------------------------------------------------------------------- */

/* What is asked for, one call after another, and how many mails there are after each. */
struct step {
	bool lifts, restarts;
	unsigned int later;    /* seconds */
	unsigned int first, n; /* ids */
	const char *level;
	unsigned int mails;
	const char *says; /* in the last mail, or NULL */
	enum postern_result last;
	const char *text; /* of the last item */
};

static const struct course {
	const char *name;
	const char *sent; /* when, in seconds from now: mails that were sent before */
	struct step step[6];
} courses[] = {
	{ "an incident is one mail, whatever else comes",
	  NULL,
	  { { .n = 1, .level = "act", .mails = 1 },
	    { .n = 1, .level = "act", .mails = 1 },
	    { .restarts = true, .n = 1, .level = "act", .mails = 1 } } },
	{ "a suspicion, then a decision",
	  NULL,
	  { { .n = 1, .level = "suspect", .mails = 1 },
	    { .n = 1, .level = "suspect", .mails = 1 },
	    { .n = 1, .level = "act", .mails = 2 },
	    { .n = 1, .level = "suspect", .mails = 2 },
	    { .restarts = true, .n = 1, .level = "act", .mails = 2 } } },
	{ "the last mail of an hour is for all",
	  NULL,
	  { { .n = 5,
	      .level = "act",
	      .mails = 3,
	      .says = "3 decisions at once",
	      .text = "told of in a digest" },
	    { .n = 5, .level = "act", .mails = 3 },
	    { .restarts = true, .n = 5, .level = "act", .mails = 3 },
	    { .first = 5,
	      .n = 2,
	      .level = "act",
	      .mails = 3,
	      .last = POSTERN_RETRY,
	      .text = "waits for the digest" } } },
	{ "one by one, then they wait",
	  NULL,
	  { { .n = 1, .level = "act", .mails = 1 },
	    { .first = 1, .n = 1, .level = "act", .mails = 2 },
	    { .first = 2, .n = 1, .level = "act", .mails = 3 },
	    { .first = 3,
	      .n = 1,
	      .level = "act",
	      .mails = 3,
	      .last = POSTERN_RETRY,
	      .text = "waits for the digest" } } },
	{ "an hour later",
	  NULL,
	  { { .n = 3, .level = "act", .mails = 3 },
	    { .first = 3, .n = 1, .level = "act", .mails = 3, .last = POSTERN_RETRY },
	    { .later = 3599,
	      .first = 3,
	      .n = 1,
	      .level = "act",
	      .mails = 3,
	      .last = POSTERN_RETRY },
	    { .later = 1,
	      .first = 3,
	      .n = 1,
	      .level = "act",
	      .mails = 4,
	      .says = "Decision       4 of" } } },
	{ "one mail is left, and others wait",
	  "-3590 -10 -5",
	  { { .n = 2, .level = "act", .mails = 0, .last = POSTERN_RETRY },
	    { .later = 20,
	      .first = 1,
	      .n = 1,
	      .level = "act",
	      .mails = 1,
	      .says = "2 decisions at once",
	      .text = "told of in a digest" },
	    { .n = 1, .level = "act", .mails = 1 },
	    { .first = 2, .n = 1, .level = "act", .mails = 1, .last = POSTERN_RETRY } } },
	{ "whose decision is lifted waits no more",
	  "-3590 -10 -5",
	  { { .n = 2, .level = "act", .mails = 0, .last = POSTERN_RETRY },
	    { .lifts = true, .n = 1, .level = "act", .mails = 0 },
	    { .later = 20,
	      .first = 1,
	      .n = 1,
	      .level = "act",
	      .mails = 1,
	      .says = "Decision       2 of" } } },
	{ "a restart within the hour",
	  "-3601 -3600 -3599 -10",
	  { { .n = 1, .level = "act", .mails = 1 },
	    { .restarts = true,
	      .first = 1,
	      .n = 1,
	      .level = "act",
	      .mails = 1,
	      .last = POSTERN_RETRY } } },
	{ "a clock that was wrong withholds nothing",
	  "100000 100001 100002",
	  { { .n = 1, .level = "act", .mails = 1 } } },
	{ "a note at the end, and only one",
	  NULL,
	  { { .n = 1, .level = "act", .mails = 1 },
	    { .lifts = true, .n = 1, .level = "act", .mails = 2, .says = " is free again (" },
	    { .lifts = true, .n = 1, .level = "act", .mails = 2 } } },
	{ "no note of what nobody was told of",
	  NULL,
	  { { .lifts = true, .n = 1, .level = "act", .mails = 0 } } },
	{ "no note takes the last mail of the hour",
	  "-10",
	  { { .n = 1, .level = "act", .mails = 1 },
	    { .lifts = true, .n = 1, .level = "act", .mails = 1 } } },
};

static void put_sent(struct plugged *p, const char *offsets)
{
	char text[256] = "", *end;

	for (; offsets && *offsets; offsets = end) {
		char line[32];

		(void)snprintf(line, sizeof(line), "%lld\n",
			       (long long)now + strtoll(offsets, &end, 10));
		append(text, sizeof(text), line, strlen(line));
	}
	put_file(in_dir(p, "sent"), text);
}

static void take(struct plugged *p, const struct step *step)
{
	static const char *const options[] = { "sendmail", "/bin/@", "at_most", "3", NULL };
	struct postern_item item[8];

	if (step->restarts) {
		p->action->close(p->ctx);
		open_it(p, options);
	}
	for (size_t i = 0; i < step->n; i++)
		item[i] = item_of(step->first + i + 1, "joe@example.org", step->level);
	*fake.input = '\0';
	now += step->later;
	if (step->lifts)
		p->action->lift(p->ctx, item, step->n);
	else
		p->action->apply(p->ctx, item, step->n);
	assert_int_equal(fake.runs, step->mails);
	assert_non_null(strstr(fake.input, step->says ? step->says : ""));
	assert_int_equal(item[step->n - 1].result, step->last);
	assert_string_equal(item[step->n - 1].text,
			    step->text ? step->text : item[step->n - 1].text);
}

static void counts(void **state)
{
	const struct course *row = *state;
	struct plugged p;

	plug(&p, "mail");
	put_sent(&p, row->sent);
	open_it(&p, (const char *[]){ "sendmail", "/bin/@", "at_most", "3", NULL });
	for (size_t i = 0; i < COUNT(row->step) && row->step[i].n; i++)
		take(&p, &row->step[i]);
	unplug(&p);
}

static void digest_names_all(void **state)
{
	struct postern_item item[3] = { item_of(1, "ann@example.org", "act"),
					item_of(2, "bob@example.org", "suspect"),
					item_of(3, NULL, "act") };
	struct plugged p;

	(void)state;
	plug(&p, "mail");
	open_it(&p, (const char *[]){ "sendmail", "/bin/@", "at_most", "1", "contacts",
				      "example.org=admin@example.org", NULL });
	p.action->apply(p.ctx, item, 3);
	assert_string_equal(fake.ran, SENDMAIL "postmaster\n"); /* no contact sees others' */
	assert_non_null(strstr(fake.input, "act      ann@example.org  (jail stolen-account, "));
	assert_non_null(strstr(fake.input, "suspect  bob@example.org"));
	assert_non_null(strstr(fake.input, "act      networks 30 > 9  (jail"));
	unplug(&p);
}

/* -- what goes wrong --------------------------------------------------------------------------- */

static const struct failure {
	const char *name;
	struct reply reply;
	enum postern_result result;
	const char *text;
} failures[] = {
	{ "it hangs", { "@", -1, "", "killed after 20 s" }, POSTERN_RETRY, "killed after 20 s" },
	{ "the mail system is down", { "@", 75, "", "mail system down" }, POSTERN_RETRY, "75" },
	{ "no such user", { "@", 67, "", "no such user" }, POSTERN_FAILED, "no such user" },
};

static void fails(void **state)
{
	const struct failure *row = *state;
	struct postern_item item = item_of(1, "joe", "act");
	struct plugged p;

	plug(&p, "mail");
	open_it(&p, (const char *[]){ "sendmail", "/bin/@", NULL });
	fake.reply = &row->reply;
	fake.n_replies = 1;
	p.action->apply(p.ctx, &item, 1);
	assert_int_equal(item.result, row->result);
	assert_non_null(strstr(item.text, row->text));
	fake.n_replies = 0;
	item = item_of(1, "joe", "act");
	p.action->apply(p.ctx, &item, 1);
	assert_int_equal(fake.runs, 2); /* it was not told yet */
	assert_int_equal(item.result, POSTERN_DONE);
	unplug(&p);
}

/* Without a way to further rights, Exim is told to queue the mail. */
static void queues_for_exim(void **state)
{
	struct postern_item item = item_of(1, "joe", "act");
	char ran[512];
	struct plugged p;

	(void)state;
	plug(&p, "mail");
	put_file(in_dir(&p, "exim4"), "");
	assert_int_equal(symlink("exim4", in_dir(&p, "sendmail")), 0);
	open_it(&p, (const char *[]){ "sendmail", in_dir(&p, "sendmail"), NULL });
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	p.action->apply(p.ctx, &item, 1);
	(void)snprintf(ran, sizeof(ran), "%s/sendmail -f <> -i -odq -- postmaster\n", p.dir);
	assert_string_equal(fake.ran, ran);
	unplug(&p);
}

/* Options that are refused when the plugin is opened, and told of by `postern check`. */
static const struct bad {
	const char *name, *option, *value, *text;
} bads[] = {
	{ "an option as recipient", "to", "-bs", "to: expected a mail address" },
	{ "a command as recipient", "to", "|/bin/sh", "to: expected a mail address" },
	{ "two in one", "to", "a@example.org,b@example.org", "to: expected a mail address" },
	{ "a From of two lines", "from", "a@example.org\nBcc: b@example.org", "from: expected" },
	{ "a contact without domain", "contacts", "=a@example.org", "contacts: expected" },
	{ "a contact without address", "contacts", "example.org=", "contacts: expected" },
};

static void refuses(void **state)
{
	const struct bad *row = *state;
	struct plugged p;
	char why[256] = "";

	plug(&p, "mail");
	set_up(&p, (const char *[]){ row->option, row->value, NULL });
	assert_int_equal(p.action->open(p.ctx, &p.host, why, sizeof(why)), -1);
	assert_non_null(strstr(why, row->text));
	p.action->check(p.ctx, &p.host, on_complaint, NULL);
	assert_non_null(strstr(fake.complaints, row->text));
	unplug(&p);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(courses) + COUNT(failures) + COUNT(bads) + 2];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	ADD_ROWS(tests, n, courses, counts);
	ADD_ROWS(tests, n, failures, fails);
	ADD_ROWS(tests, n, bads, refuses);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(digest_names_all);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(queues_for_exim);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
