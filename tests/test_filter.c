/*
 * test_filter - filter files: what is refused, and which lines become which events
 */
#include "core/filter/filter.h"

#include "core/base/hash.h"
#include "core/filter/matcher.h"
#include "tests/rows.h"

#include <string.h>
#include <unistd.h>

#define HEAD     "Nov 20 23:56:35 mail "
#define EX       "example = '" HEAD "postfix/smtpd[7]: x'"
#define F(match) "filter f {\n daemon = postfix\n" match "\n}" /* a match that begins on line 3 */

static const struct mistake {
	const char *name;
	const char *text;
	const char *want;
} mistakes[] = {
	{ "no ^", F("match m {\n regex = 'login (?<user>.+)' event = login " EX " }"),
	  "f.conf:4: regex: expected \"^\" first, so that text inside a user name can't pose as "
	  "the "
	  "start of a line; found \"login" },
	{ "no regex", F("match m { event = login " EX " }"),
	  "f.conf:3: match \"m\": expected both \"regex\" and \"event\"" },
	{ "no event", F("match m { regex = '^(?<user>.+)' " EX " }"),
	  "f.conf:3: match \"m\": expected both \"regex\" and \"event\"" },
	{ "unknown event", F("match m {\n\n event = logon }"),
	  "f.conf:5: event: expected login, failure, message, queued, bounce, removed, logout, "
	  "offence, connect or disconnect, not \"logon\"" },
	{ "no example", F("match m { regex = '^(?<user>.+)' event = login }"),
	  "f.conf:3: match \"m\": expected an example: a whole log line that it takes" },
	{ "unknown group", F("match m { regex = '^(?<login>.+)' event = login " EX " }"),
	  "regex: no event field is called \"login\"; expected user, ip, rdns" },
	{ "bad regex", F("match m { regex = '^(?<user>.+' event = login " EX " }"),
	  "f.conf:3: match \"m\": regex: missing closing parenthesis at character 11" },
	{ "bad regex, in its middle",
	  F("match m { regex = '^a[z-a](?<user>.+)' event = login " EX " }"),
	  "range out of order in character class at character 5: \"a](?<user>.+)\"" },
	{ "a byte that is none", F("match m { regex = '^\\C(?<user>.+)' event = login " EX " }"),
	  "regex: " },
	{ "login without user", F("match m { regex = '^(?<ip>.+)' event = login " EX " }"),
	  "event login needs a group called \"user\"" },
	{ "failure without ip and user",
	  F("match m { regex = '^(?<rdns>.+)' event = failure " EX " }"),
	  "event failure needs a group called \"ip\" or \"user\"" },
	{ "queued without id", F("match m { regex = '^(?<recipients>.+)' event = queued " EX " }"),
	  "event queued needs a group called \"queue_id\"" },
	{ "queued without count", F("match m { regex = '^(?<queue_id>.+)' event = queued " EX " }"),
	  "event queued needs a group called \"recipients\" or \"orig_queue_id\"" },
	{ "removed without id", F("match m { regex = '^(?<user>.+)' event = removed " EX " }"),
	  "event removed needs a group called \"queue_id\"" },
	{ "message without user and session",
	  F("match m { regex = '^(?<ip>.+)' event = message " EX " }"),
	  "event message needs a group called \"user\" or \"session\"" },
	{ "message of a session that no line begins",
	  F("match m { regex = '^(?<session>.+)' event = message " EX " }"),
	  "f.conf:1: filter \"f\": match \"m\": a message without a group called \"user\" needs "
	  "a match for the event connect beside it" },
	{ "connect without session", F("match m { regex = '^(?<ip>.+)' event = connect " EX " }"),
	  "event connect needs a group called \"session\"" },
	{ "connect without ip", F("match m { regex = '^(?<session>.+)' event = connect " EX " }"),
	  "event connect needs a group called \"ip\"" },
	{ "disconnect without session",
	  F("match m { regex = '^(?<ip>.+)' event = disconnect " EX " }"),
	  "event disconnect needs a group called \"session\"" },
	{ "offence without ip", F("match m { regex = '^(?<user>.+)' event = offence " EX " }"),
	  "event offence needs a group called \"ip\"" },
	{ "contains too short", F("match m { contains = { abcd, abc } }"),
	  "f.conf:3: contains: expected 4 to 64 characters, not \"abc\"" },
	{ "contains too long",
	  F("match m { contains = "
	    "'12345678901234567890123456789012345678901234567890123456789012345' }"),
	  "contains: expected 4 to 64 characters" },
	{ "recipients are no number", F("match m { recipients = many }"),
	  "recipients: expected a whole number" },
	{ "five places for one field",
	  F("match m { regex = '^(?<user>a)|(?<user>b)|(?<user>c)|(?<user>d)|(?<user>e)' event = "
	    "login " EX " }"),
	  "regex: expected at most 4 groups called \"user\"" },
	{ "unknown key", F("match m { regexp = '^x' }"),
	  "f.conf:3: unknown key \"regexp\"; did you mean \"regex\"?" },
	{ "no daemon", "filter f { match m { regex = '^(?<user>.+)' event = login " EX " } }",
	  "f.conf:1: filter \"f\": expected \"daemon\", the program name in the syslog tag" },
	{ "no match", "filter f { daemon = x }",
	  "f.conf:1: filter \"f\": expected at least one match" },
	{ "match twice", F("match m { }\nmatch m { }"), "f.conf:4: \"m\" is here already" },
	{ "filter twice", "filter f { daemon = x }\nfilter f { daemon = y }",
	  "f.conf:2: \"f\" is here already" },
};

static void tells_mistake(void **state)
{
	const struct mistake *row = *state;
	struct filter_set *set;
	struct err err;

	assert_int_equal(filter_set_load_text(&set, "f.conf", row->text, &err), -1);
	if (!strstr(err.text, row->want))
		fail_msg("\"%s\" is not in \"%s\"", row->want, err.text);
}

static struct filter_set *load(const char *text)
{
	struct filter_set *set = NULL;
	struct err err;

	if (filter_set_load_text(&set, "f.conf", text, &err) < 0)
		fail_msg("%s", err.text);
	return set;
}

/* The filters of the tests below; each match shows one way to be found. */
static const char filters_text[] =
	"filter postfix { daemon = postfix\n"
	"  match client { program = { '*/smtpd' } event = message service = smtp method = '?'\n"
	"    regex = '^(?<queue_id>\\w+): client=(?<rdns>\\S*)\\[(?<ip>[^\\]]+)\\], "
	"sasl_username=(?<user>.+)$'\n"
	"    example = '" HEAD "postfix/smtpd[7]: A1: client=a[192.0.2.1], sasl_username=joe' }\n"
	"  match qmgr { program = '*/qmgr' event = queued\n"
	"    regex = '^(?<queue_id>\\w+): from=<.*>, size=(?<bytes>\\d+), "
	"nrcpt=(?<recipients>\\d+) '\n"
	"    example = '" HEAD "postfix/qmgr[7]: A1: from=<a>, size=9, nrcpt=3 (queue active)' }\n"
	"  match removed { program = '*/qmgr' event = removed regex = '^(?<queue_id>\\w+): "
	"removed$'\n"
	"    example = '" HEAD "postfix/qmgr[7]: A1: removed' }\n"
	"}\n"
	"filter own { daemon = { 'dovecot', 'imapd*' } tagless = yes\n"
	"  match login { event = login contains = { 'Login: ', 'Logged in: ' } service = imap\n"
	"    regex = '^imap: (?:Login: |Logged in: )(?:user=<(?<user>[^>]*)>|(?<user>\\w+))(?: "
	"rip=(?<ip>\\S+))?'\n"
	"    example = '" HEAD "dovecot: imap: Login: user=<joe> rip=192.0.2.1' }\n"
	"  match short { event = login service = pop3 regex = '^(?<user>\\w\\w?) in$'\n"
	"    example = '" HEAD "dovecot: jo in' lookalike = '" HEAD "dovecot: joe in' }\n"
	"}\n"
	"filter slow { daemon = slow\n"
	"  match s { event = login regex = '^slow (a+)+(?<user>b)$' example = '" HEAD
	"slow: slow aab' }\n"
	"  match t { event = login regex = '^slow .*(?<user>z)$' example = '" HEAD
	"slow: slow az' }\n"
	"  match open { event = failure regex = '^one (?<user>\\w+)|two (?<user>\\w+)' example = "
	"'" HEAD "slow: two joe' }\n"
	"  match either { event = removed\n"
	"    regex = '^(?<queue_id>\\w+): cancelled|^message (?<queue_id>\\w+) was cancelled'\n"
	"    example = '" HEAD "slow: message A1 was cancelled' }\n"
	"}\n";

/* A line, and what becomes of it: "NAME kind field=value ...", or "" and how near it came. */
static const struct line_row {
	const char *name;
	const char *line;
	const char *want;
	enum matcher_near near;
} lines[] = {
	{ "line: all fields",
	  HEAD "postfix/smtpd[7]: 8A0C: client=mx.example.org[2001:db8::1], sasl_username=joe",
	  "client message user=joe ip=2001:db8::1 rdns=mx.example.org service=smtp method=? "
	  "queue_id=8A0C "
	  "pid 7 from 2001:db8::1",
	  NEAR_EVENT },
	{ "line: an empty group is absent",
	  HEAD "postfix/smtpd[7]: 8A0C: client=[192.0.2.1], sasl_username=joe",
	  "client message user=joe ip=192.0.2.1 service=smtp method=? queue_id=8A0C pid 7 from "
	  "192.0.2.1",
	  NEAR_EVENT },
	{ "line: an address that is none",
	  HEAD "postfix/smtpd[7]: 8A0C: client=a[unknown], sasl_username=joe",
	  "client message user=joe ip=unknown rdns=a service=smtp method=? queue_id=8A0C pid 7",
	  NEAR_EVENT },
	{ "line: of another service's program",
	  HEAD "postfix/submission/smtpd[7]: A: client=a[::1], sasl_username=j",
	  "client message user=j ip=::1 rdns=a service=smtp method=? queue_id=A pid 7 from ::1",
	  NEAR_EVENT },
	{ "line: program that its match does not take",
	  HEAD "postfix/smtp[7]: A: client=a[::1], sasl_username=j", "", NEAR_PROGRAM },
	{ "line: program of no filter", HEAD "sshd[7]: A: client=a[::1], sasl_username=j", "",
	  NEAR_PROGRAM },
	{ "line: program whose name begins like one",
	  HEAD "postfixed/smtpd[7]: A: client=a[::1], sasl_username=j",
	  "client message user=j ip=::1 rdns=a service=smtp method=? queue_id=A pid 7 from ::1",
	  NEAR_EVENT },
	{ "line: program inside the text",
	  HEAD "sshd[7]: postfix/smtpd[7]: A: client=a[::1], sasl_username=j", "", NEAR_PROGRAM },
	{ "line: only in its own words", HEAD "postfix/smtpd[7]: A: client=a[::1]: sasl_username=j",
	  "", NEAR_PROGRAM },
	{ "line: not at the start",
	  HEAD "postfix/smtpd[7]: warning: A: client=a[::1], sasl_username=j", "", NEAR_REGEX },
	{ "line: no time", "postfix/smtpd[7]: A: client=a[::1], sasl_username=j", "", NEAR_TIME },
	{ "line: no literal", HEAD "postfix/smtpd[7]: connect from a[::1]", "", NEAR_PROGRAM },
	{ "line: empty", "", "", NEAR_TIME },
	{ "line: bytes and recipients",
	  HEAD "postfix/qmgr[7]: A1: from=<joe@x>, size=123456789012, nrcpt=3 (queue active)",
	  "qmgr queued queue_id=A1 recipients=3 bytes=123456789012 pid 7 n 3 b 123456789012",
	  NEAR_EVENT },
	{ "line: more recipients than there are",
	  HEAD "postfix/qmgr[7]: A1: from=<>, size=1, nrcpt=99999999999 (",
	  "qmgr queued queue_id=A1 recipients=99999999999 bytes=1 pid 7 n 2147483647 b 1",
	  NEAR_EVENT },
	{ "line: a number too long to be one",
	  HEAD "postfix/qmgr[7]: A1: from=<>, size=12345678901234567890, nrcpt=3 (",
	  "qmgr queued queue_id=A1 recipients=3 bytes=12345678901234567890 pid 7 n 3", NEAR_EVENT },
	{ "line: one name in two places, the first",
	  HEAD "dovecot: imap: Login: user=<joe> rip=10.0.0.1",
	  "login login user=joe ip=10.0.0.1 service=imap from 10.0.0.1", NEAR_EVENT },
	{ "line: one name in two places, the second", HEAD "dovecot: imap: Logged in: ann",
	  "login login user=ann service=imap", NEAR_EVENT },
	{ "line: glob of a daemon", HEAD "imapd-ssl: imap: Logged in: ann",
	  "login login user=ann service=imap", NEAR_EVENT },
	{ "line: without a program", "Nov 20 23:56:35 imap: Info: Login: ann", "", NEAR_REGEX },
	{ "line: without a literal", HEAD "dovecot: jo in", "short login user=jo service=pop3",
	  NEAR_EVENT },
	{ "line: without a literal, not it", HEAD "dovecot: joe in", "", NEAR_REGEX },
	{ "line: backtracks without end",
	  HEAD "slow: slow aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!b", "",
	  NEAR_LIMIT },
	{ "line: the next match gets its turn",
	  HEAD "slow: slow aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!bz",
	  "t login user=z", NEAR_EVENT },
	{ "line: an alternative begins the line too", HEAD "slow: two joe", "open failure user=joe",
	  NEAR_EVENT },
	{ "line: no alternative is found inside", HEAD "slow: user <two victim>", "", NEAR_REGEX },
	{ "line: a queue id in two places", HEAD "slow: message A1 was cancelled",
	  "either removed queue_id=A1", NEAR_EVENT },
	{ "line: bytes that are no UTF-8", HEAD "dovecot: imap: Login: user=<j\xff\xc3oe>",
	  "login login user=j\xff\xc3oe service=imap", NEAR_EVENT },
};

static void write_event(char *buf, size_t size, const struct event *e)
{
	size_t used =
		(size_t)snprintf(buf, size, "%s %s", e->match->name, event_kind_name(e->kind));
	char text[ADDRESS_TEXT];

	for (enum event_field f = 0; f < EVENT_FIELDS; f++)
		if (e->field[f].ptr)
			used += (size_t)snprintf(buf + used, size - used, " %s=%.*s",
						 event_field_name(f), (int)e->field[f].len,
						 e->field[f].ptr);
	if (e->pid)
		used += (size_t)snprintf(buf + used, size - used, " pid %u", e->pid);
	if (e->has_ip)
		used += (size_t)snprintf(buf + used, size - used, " from %s",
					 address_text(&e->ip, text));
	if (e->recipients)
		used += (size_t)snprintf(buf + used, size - used, " n %u", e->recipients);
	if (e->bytes)
		used += (size_t)snprintf(buf + used, size - used, " b %llu",
					 (unsigned long long)e->bytes);
	assert_true(used < size);
}

/* What a scan makes of a block of one line. */
static void scan_one(struct matcher *m, const char *line, char *buf, size_t size)
{
	struct records out = { 0 };
	char *block = xasprintf("%s\n", line);
	struct event event = { 0 };

	*buf = '\0';
	matcher_scan(m, slice_of(block), &out);
	assert_true(out.n <= 1);
	if (out.n == 1 && matcher_finish(m, &out.record[0], block, &event))
		write_event(buf, size, &event);
	free(out.record);
	free(block);
}

static void takes_line(void **state)
{
	const struct line_row *row = *state;
	struct filter_set *set = load(filters_text);
	struct matcher *m = matcher_new(set, 0);
	char *line = xstrdup(row->line), got[500] = "";
	struct matcher_why why;
	struct event event = { 0 };

	if (matcher_line(m, (struct slice){ line, strlen(line) }, &event, &why))
		write_event(got, sizeof(got), &event);
	assert_string_equal(got, row->want);
	assert_int_equal(why.near, row->near);
	scan_one(m, line, got, sizeof(got));
	assert_string_equal(got, row->want);
	free(line);
	matcher_free(m);
	filter_set_free(set);
}

static void tests_itself(void **state)
{
	struct filter_set *set = load(filters_text);

	(void)state;
	assert_int_equal(filter_set_selftest(set, NULL, NULL), 0);
	filter_set_free(set);
}

static void note_report(void *ctx, const struct filter_match *match, const char *line,
			const char *why)
{
	char *all = ctx;
	size_t used = strlen(all);

	(void)snprintf(all + used, 500 - used, "%s: %s: %s\n", match->name, line + sizeof(HEAD) - 1,
		       why);
}

static void tells_rotten_examples(void **state)
{
	struct filter_set *set = load(
		"filter f { daemon = a match m { regex = '^user (?<user>\\w+)$' event = login\n"
		"example = { '" HEAD "a: user joe', '" HEAD "a: user joe doe', '" HEAD
		"b: user joe' }\n"
		"lookalike = { '" HEAD "a: user ann', '" HEAD "a: no user ann' } }\n"
		"match n { regex = '^user (?<user>j\\w+)$' event = login example = '" HEAD
		"a: user jim' } }");
	char all[500] = "";

	(void)state;
	assert_int_equal(filter_set_selftest(set, note_report, all), 4);
	assert_string_equal(all, "m: a: user joe doe: this example is not matched by it\n"
				 "m: b: user joe: this example is not matched by it\n"
				 "m: a: user ann: it matches this look-alike\n"
				 "n: a: user jim: this example is not matched by it\n");
	filter_set_free(set);
}

/* Which literals are searched, and whether a line may wait for its queue id. */
static const struct derived {
	const char *name;
	const char *text;
	const char *literal; /* NULL: none, it is tried on every line */
	bool queue_first;
} derived[] = {
	{ "derived: the longest text", "event = login regex = '^user (?<user>\\w+) logged in from'",
	  " logged in from", false },
	{ "derived: contains comes first",
	  "event = login contains = 'user ' regex = '^user (?<user>\\w+) logged in from'", "user ",
	  false },
	{ "derived: none", "event = login regex = '^(?<user>\\w+) in'", NULL, false },
	{ "derived: queue id first",
	  "event = bounce regex = '^(?<queue_id>[0-9A-F]+): status=bounced'", ": status=bounced",
	  true },
	{ "derived: queue id and a blank",
	  "event = removed regex = '^(?<queue_id>\\w+) Completed$'", " Completed", true },
	{ "derived: queue id later", "event = removed regex = '^msg (?<queue_id>\\w+): removed'",
	  ": removed", false },
	{ "derived: optional queue id", "event = removed regex = '^(?<queue_id>\\w+)?: removed'",
	  ": removed", false },
	{ "derived: one of two", "event = removed regex = '^(?<queue_id>\\w+|NOQUEUE): removed'",
	  ": removed", false },
	{ "derived: another line as well",
	  "event = removed regex = '^(?<queue_id>\\w+): removed$|^gone: (?<queue_id>\\w+)'", NULL,
	  false },
	{ "derived: alternatives further on",
	  "event = removed regex = '^(?<queue_id>\\w+): (?:[|]|removed|gone\\|)'", NULL, true },
	{ "derived: a login does not wait",
	  "event = message regex = '^(?<queue_id>\\w+): client, user=(?<user>\\w+)'",
	  ": client, user=", false },
	{ "derived: a second id does not wait",
	  "event = queued regex = '^(?<queue_id>\\w+): orig_queue_id=(?<orig_queue_id>\\w+)'",
	  ": orig_queue_id=", false },
};

static void derives(void **state)
{
	const struct derived *row = *state;
	char *text = xasprintf("filter f { daemon = a match m { %s " EX " } }", row->text);
	struct filter_set *set = load(text);
	const struct filter_match *m = set->match[0];

	assert_int_equal(m->literals.n, row->literal != NULL);
	if (row->literal)
		assert_string_equal(m->literals.text[0], row->literal);
	assert_int_equal(m->queue_first, row->queue_first);
	filter_set_free(set);
	free(text);
}

static void defers_lines_of_a_queue_id(void **state)
{
	static const char block[] = HEAD
		"postfix/qmgr[7]: A1: from=<>, size=1, nrcpt=3 (queue active)\n" HEAD
		"postfix/qmgr[7]: A2: removed\n" HEAD "postfix/qmgr[7]: A3: removed or not\n" HEAD
		"postfix/smtpd[7]: A4: client=a[::1], sasl_username=j\n";
	struct filter_set *set = load(filters_text);
	struct matcher *m = matcher_new(set, 0), *clone = matcher_clone(m);
	struct records out = { 0 };
	struct event event;

	(void)state;
	matcher_scan(clone, slice_of(block), &out);
	assert_int_equal(out.n, 4);
	assert_null(out.record[0].match);
	assert_int_equal(record_queue_hash(&out.record[0], block), hash_bytes("A1", 2));
	assert_int_equal(record_queue_hash(&out.record[1], block), hash_bytes("A2", 2));
	assert_int_equal(record_queue_hash(&out.record[2], block), hash_bytes("A3", 2));
	assert_non_null(out.record[3].match);
	assert_int_equal(matcher_take_stats(clone).unmatched, 0);
	assert_true(matcher_finish(m, &out.record[0], block, &event));
	assert_int_equal(event.recipients, 3);
	assert_true(matcher_finish(m, &out.record[1], block, &event));
	assert_int_equal(event.kind, EVENT_REMOVED);
	assert_false(matcher_finish(m, &out.record[2], block, &event));
	assert_int_equal(matcher_take_stats(m).unmatched, 1);
	assert_true(matcher_finish(m, &out.record[3], block, &event));
	free(out.record);
	matcher_free(clone);
	matcher_free(m);
	filter_set_free(set);
}

static void counts_what_it_met(void **state)
{
	static const char block[] =
		"\n\nno time], sasl_username= client=\n" HEAD "sshd: nothing\n" HEAD
		"postfix/smtpd[7]: A: client=], sasl_username=\n" HEAD
		"slow: slow aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!b\n";
	struct filter_set *set = load(filters_text);
	struct matcher *m = matcher_new(set, 0);
	struct records out = { 0 };
	struct matcher_stats stats;

	(void)state;
	matcher_scan(m, (struct slice){ block, 0 }, &out);
	matcher_scan(m, slice_of(block), &out);
	stats = matcher_take_stats(m);
	assert_int_equal(out.n, 0);
	assert_int_equal(stats.lines, 6);
	assert_int_equal(stats.headless, 3);
	assert_int_equal(stats.unmatched, 2);
	assert_int_equal(stats.limits, 1);
	assert_int_equal(matcher_take_stats(m).lines, 0);
	free(out.record);
	matcher_free(m);
	filter_set_free(set);
}

/* Matches of kinds that are of no use: not looked for, but their lines are not those of others. */
static const struct use {
	const char *name, *filter;
	unsigned int kinds;
	const char *line[2], *want[2];
} uses[] = {
	{ "use: the second alone",
	  "filter f { daemon = a match m { regex = '^login (?<user>.+)$' event = login " EX
	  " }\nmatch n { regex = '^logout (?<user>.+)$' event = logout " EX " } }",
	  1U << EVENT_LOGOUT,
	  { "login joe", "logout joe" },
	  { "", "n logout user=joe" } },
	{ "use: the first takes what the second would",
	  "filter f { daemon = a match m { regex = '^login (?<user>guest)$' event = logout " EX
	  " }\nmatch n { regex = '^login (?<user>.+)$' event = login " EX " } }",
	  1U << EVENT_LOGIN,
	  { "login guest", "login joe" },
	  { "m logout user=guest", "n login user=joe" } },
};

static void takes_what_is_of_use(void **state)
{
	const struct use *row = *state;
	struct filter_set *set = load(row->filter);
	struct matcher *m = matcher_new(set, row->kinds);
	char line[200], got[500];

	for (size_t i = 0; i < COUNT(row->line); i++) {
		(void)snprintf(line, sizeof(line), HEAD "a: %s", row->line[i]);
		scan_one(m, line, got, sizeof(got));
		assert_string_equal(got, row->want[i]);
	}
	matcher_free(m);
	filter_set_free(set);
}

/* Lines as long as they get, with any byte inside, between two that are events. */
static const struct filler {
	const char *name;
	char byte;
	size_t len;
	const char *behind; /* the filler stands in the line's user name */
} fillers[] = {
	{ "long: letters", 'x', 32000, "" },         { "long: NUL", '\0', 32000, "" },
	{ "long: one NUL", '\0', 1, "joe" },         { "long: CR", '\r', 300, "joe" },
	{ "long: not ASCII", '\xff', 32000, "" },    { "long: brackets", '[', 32000, "" },
	{ "long: literals", '=', 32000, "client=" },
};

static void takes_long_line(void **state)
{
	static const char event_line[] = HEAD "postfix/smtpd[7]: A4: client=a[::1], sasl_username=";
	const struct filler *row = *state;
	struct filter_set *set = load(filters_text);
	struct matcher *m = matcher_new(set, 0);
	size_t len = 3 * sizeof(event_line) + row->len + 100;
	char *block = xcalloc(len, 1), *p = block;
	struct records out = { 0 };
	struct event event;

	p += snprintf(p, len, "%sone\n%s", event_line, event_line);
	memset(p, row->byte, row->len);
	p += row->len;
	p += snprintf(p, len - (size_t)(p - block), "%s\n%stwo\n", row->behind, event_line);
	matcher_scan(m, (struct slice){ block, (size_t)(p - block) }, &out);
	assert_int_equal(out.n, 3);
	assert_true(matcher_finish(m, &out.record[0], block, &event));
	assert_true(slice_is(event.field[FIELD_USER], "one"));
	assert_true(matcher_finish(m, &out.record[1], block, &event));
	assert_int_equal(event.field[FIELD_USER].len, row->len + strlen(row->behind));
	assert_true(matcher_finish(m, &out.record[2], block, &event));
	assert_true(slice_is(event.field[FIELD_USER], "two"));
	free(out.record);
	free(block);
	matcher_free(m);
	filter_set_free(set);
}

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

/* Random lines of words that mean something: a block of them gives what each gives alone. */
static size_t random_line(char *buf, size_t size, uint64_t *seed)
{
	static const char *const words[] = { HEAD,
					     HEAD,
					     HEAD,
					     HEAD,
					     "postfix/smtpd[7]: ",
					     "postfix/qmgr[9]: ",
					     "dovecot: ",
					     "slow: ",
					     "A1: ",
					     "client=",
					     "a[::1]",
					     ", ",
					     "sasl_username=",
					     "removed",
					     "from=<>, size=1, nrcpt=2 ",
					     "Login: ",
					     "imap: ",
					     "joe",
					     "jo in",
					     " ",
					     "slow a",
					     "b",
					     "\xff",
					     "" };
	size_t used = 0;
	unsigned int n = (unsigned int)(random_next(seed) % 9);

	buf[0] = '\0';
	for (unsigned int i = 0; i < n; i++) {
		/* Half of the lines begin like the filters' own. */
		size_t w = i == 0 && random_next(seed) % 2 ? 0 : random_next(seed) % COUNT(words);

		used += (size_t)snprintf(buf + used, size - used, "%s", words[w]);
	}
	if (random_next(seed) % 3 == 0)
		used = (size_t)snprintf(buf, size, "%s",
					lines[random_next(seed) % COUNT(lines)].line);
	assert_true(used < size);
	return used;
}

static void scan_agrees_with_lines(void **state)
{
	struct filter_set *set = load(filters_text);
	struct matcher *m = matcher_new(set, 0);
	uint64_t seed = 5;
	size_t events = 0;

	(void)state;
	for (int round = 0; round < 200; round++) {
		char block[20000], got[500], want[500];
		size_t len = 0, at = 0, next = 0, n = 1 + random_next(&seed) % 40;
		struct records out = { 0 };
		struct event event;

		for (size_t i = 0; i < n; i++) {
			len += random_line(block + len, 400, &seed);
			block[len++] = '\n';
		}
		matcher_scan(m, (struct slice){ block, len }, &out);
		while (at < len) {
			size_t end = (size_t)((char *)memchr(block + at, '\n', len - at) - block);
			bool is_event = matcher_line(m, (struct slice){ block + at, end - at },
						     &event, NULL);

			if (is_event)
				write_event(want, sizeof(want), &event);
			events += is_event;
			/* A deferred record that comes to nothing is no event either. */
			while (next < out.n && out.record[next].line == at) {
				bool finished =
					matcher_finish(m, &out.record[next++], block, &event);

				assert_int_equal(finished, is_event);
				write_event(got, sizeof(got), &event);
				if (finished)
					assert_string_equal(got, want);
				is_event = false;
			}
			assert_false(is_event);
			at = end + 1;
		}
		assert_int_equal(next, out.n);
		free(out.record);
	}
	assert_true(events > 500);
	matcher_free(m);
	filter_set_free(set);
}

static void write_file(const char *path, const char *text)
{
	FILE *fp = fopen(path, "we");

	assert_non_null(fp);
	assert_true(fputs(text, fp) >= 0);
	assert_int_equal(fclose(fp), 0);
}

/* Two files of one folder, and how loading it ends. */
static const struct folder {
	const char *name;
	const char *first, *second;
	const char *want; /* NULL: it loads */
} folders[] = {
	{ "folder: two filters",
	  "filter a { daemon = a match m { regex = '^(?<user>.+)' event = login " EX " } }",
	  "filter b { daemon = b match m { regex = '^(?<user>.+)' event = login " EX " } }", NULL },
	{ "folder: one name in both files",
	  "filter a { daemon = a match m { regex = '^(?<user>.+)' event = login " EX " } }",
	  "\nfilter a { daemon = b match m { regex = '^(?<user>.+)' event = login " EX " } }",
	  "2.conf:2: filter \"a\": a filter of this name was already loaded from " },
	{ "folder: nothing in it", "", "# nothing\n",
	  "expected at least one filter file (*.conf)" },
	{ "folder: a mistake in the second",
	  "filter a { daemon = a match m { regex = '^(?<user>.+)' event = login " EX " } }",
	  "filter b {", "2.conf:1: this \"{\" is never closed" },
};

static void loads_folder(void **state)
{
	const struct folder *row = *state;
	char dir[] = "/tmp/postern-test-XXXXXX", *first, *second;
	struct filter_set *set = NULL;
	struct err err;
	int ret;

	assert_non_null(mkdtemp(dir));
	first = xasprintf("%s/1.conf", dir);
	second = xasprintf("%s/2.conf", dir);
	write_file(first, row->first);
	write_file(second, row->second);
	ret = filter_set_load(&set, dir, &err);
	assert_int_equal(unlink(first) + unlink(second) + rmdir(dir), 0);
	free(first);
	free(second);
	assert_int_equal(ret, row->want ? -1 : 0);
	if (row->want) {
		if (!strstr(err.text, row->want))
			fail_msg("\"%s\" is not in \"%s\"", row->want, err.text);
		return;
	}
	assert_int_equal(set->n_filters, 2);
	assert_ptr_equal(filter_set_find(set, "b"), set->filter[1]);
	assert_null(filter_set_find(set, "c"));
	filter_set_free(set);
}

/* Far more matches than there are literals that can be searched at once, or words for them. */
static const struct many {
	const char *name;
	int matches;
	const char *want;
} manys[] = {
	{ "many: 300 matches", 300, NULL },
	{ "many: as many as there may be", FILTER_MATCHES_MOST, NULL },
	{ "many: one more", FILTER_MATCHES_MOST + 1,
	  "expected at most 512 matches in all filters" },
};

static void loads_many(void **state)
{
	const struct many *row = *state;
	struct filter_set *set = NULL;
	struct matcher *m;
	struct err err;
	char *text, got[200], want[200];
	size_t len;
	FILE *fp = open_memstream(&text, &len);

	(void)fputs("filter f { daemon = a\n", fp);
	for (int i = 0; i < row->matches; i++)
		(void)fprintf(fp,
			      "match m%d { regex = '^number%d of (?<user>\\w+)$' event = login " EX
			      " }\n",
			      i, i);
	(void)fputs("}\n", fp);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(filter_set_load_text(&set, "f.conf", text, &err), row->want ? -1 : 0);
	free(text);
	if (row->want) {
		assert_non_null(strstr(err.text, row->want));
		return;
	}
	m = matcher_new(set, 0);
	for (int i = 0; i < row->matches; i += 37) {
		char line[100];

		(void)snprintf(line, sizeof(line), HEAD "a: number%d of joe", i);
		(void)snprintf(want, sizeof(want), "m%d login user=joe", i);
		scan_one(m, line, got, sizeof(got));
		assert_string_equal(got, want);
	}
	matcher_free(m);
	filter_set_free(set);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(mistakes) + COUNT(lines) + COUNT(derived) + COUNT(uses) +
				COUNT(fillers) + COUNT(folders) + COUNT(manys) + 5] = {
		cmocka_unit_test(tests_itself),
		cmocka_unit_test(tells_rotten_examples),
		cmocka_unit_test(defers_lines_of_a_queue_id),
		cmocka_unit_test(counts_what_it_met),
		cmocka_unit_test(scan_agrees_with_lines),
	};
	size_t n = 5;

	ADD_ROWS(tests, n, mistakes, tells_mistake);
	ADD_ROWS(tests, n, lines, takes_line);
	ADD_ROWS(tests, n, derived, derives);
	ADD_ROWS(tests, n, fillers, takes_long_line);
	ADD_ROWS(tests, n, uses, takes_what_is_of_use);
	ADD_ROWS(tests, n, folders, loads_folder);
	ADD_ROWS(tests, n, manys, loads_many);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
