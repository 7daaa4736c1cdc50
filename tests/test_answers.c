/*
 * test_answers - what the daemon tells whom asks
 *
 * A row is a script of events and requests ("ask {...}", at the time of the line before), and what
 * the answer to the last one holds.
 */
#include "core/cli/answers.h"

#include "tests/daemon.h"
#include "tests/rows.h"

#define JAILS                                                                                \
	"jail acc { bantime = 1d suspect = 50 threshold = 100\n"                             \
	"rule places { distinct = network max = 1 findtime = 1d score = 50 }\n"              \
	"rule sent { count = message max = 2 findtime = 1d score = 50 }\n"                   \
	"rule tried { count = login max = 0 findtime = 1d dry_run = yes }\n"                 \
	"action log { at = suspect } action nftables {} }\n"                                 \
	"jail ip { bantime = 10m rule f { count = failure by = ip max = 1 findtime = 1h }\n" \
	"action nftables {} }\n"

/* joe is suspected at 20 s, and acted on at 40 s. */
#define SUSPECT         "10 login u=joe i=10.1.0.1\n20 login u=joe i=10.2.0.1\n"
#define ACT             SUSPECT "30 message u=joe i=10.3.0.1 x3/5s\n"
#define ASK(verb, rest) "ask {\"verb\":\"" verb "\"" rest "}"
#define OF_JOE          ",\"subject\":\"joe\""

static const struct row {
	const char *name, *script;
	const char *want[5];
	const char *never; /* is not in it */
	unsigned int brake_n;
	unsigned int changed, reloads; /* how often the daemon was told so */
} rows[] = {
	{ "status, of nothing",
	  ASK("status", ""),
	  { "{\"daemon\":{\"version\":", "\"accounts\":0", "{\"source\":{\"name\":\"/var/log/mail",
	    "\"store\":\"ok\"", "\"open\":false" },
	  "warning",
	  0,
	  0,
	  0 },
	{ "status, of a decision",
	  ACT ASK("status", ""),
	  { "{\"jail\":{\"name\":\"acc\",\"subject\":\"user\",\"dry_run\":false,\"suspects\":0,"
	    "\"active\":1,\"decided\":1",
	    "{\"action\":{\"name\":\"log\"", "\"applying\":{\"pending\":1", "\"accounts\":1" },
	  "braked",
	  0,
	  0,
	  0 },
	{ "status, of a silence",
	  "10 login u=joe\n2h login u=joe\n" ASK("status", ""),
	  { "{\"warning\":{\"kind\":\"silence\"" },
	  NULL,
	  0,
	  0,
	  0 },
	{ "top",
	  SUSPECT "21 login u=ann\n" ASK("top", ""),
	  { "{\"top\":{\"user\":\"joe\",\"jail\":\"acc\",\"score\":50",
	    "\"rule\":\"places\",\"value\":2,\"max\":1" },
	  NULL,
	  0,
	  0,
	  0 },
	{ "the rules, dry ones too",
	  SUSPECT ASK("top", ",\"rules\":true"),
	  { "\"rule\":\"places\",\"held\":1", "\"rule\":\"sent\",\"held\":0",
	    "\"rule\":\"tried\",\"held\":1,\"max\":0,\"score\":100,\"dry_run\":true" },
	  "{\"top\"",
	  0,
	  0,
	  0 },
	{ "nothing known",
	  SUSPECT ASK("explain", ",\"subject\":\"jim\""),
	  { "{\"error\":\"nothing is known of \\\"jim\\\"\"" },
	  NULL,
	  0,
	  0,
	  0 },
	{ "a suspect explained",
	  SUSPECT ASK("explain", ",\"subject\":\" JOE \""),
	  { "{\"subject\":{\"kind\":\"user\",\"user\":\"joe\"",
	    "\"rule\":\"places\",\"value\":2,\"max\":1,\"findtime_s\":86400,\"score\":50,"
	    "\"holds\":true,\"since\":",
	    "\"rule\":\"sent\",\"value\":0", "{\"address\":{\"ip\":\"10.2.0.1\"" },
	  "{\"error\"",
	  0,
	  0,
	  0 },
	{ "where somebody is at home",
	  "1 login u=ann i=10.1.0.1 x5/1d\n" ASK("explain", ",\"subject\":\"ann\""),
	  { "{\"known\":{\"network\":\"10.1.0.0/16\",\"days\":5,\"last_day\":"
	    "\"2026-11-24T00:00:00Z\",\"owner\":true}}",
	    "{\"address\":{\"ip\":\"10.1.0.1\",\"known\":true,\"bot\":false,\"logins\":5" },
	  "decision",
	  0,
	  0,
	  0 },
	{ "an address explained",
	  "1 failure i=10.9.0.1 x3/1s\n" ASK("explain", ",\"subject\":\"10.9.0.1\""),
	  { "{\"subject\":{\"kind\":\"address\",\"ip\":\"10.9.0.1\"",
	    "{\"decision\":{\"id\":1,\"jail\":\"ip\",\"ip\":\"10.9.0.1\"",
	    "{\"action\":\"nftables\",\"state\":\"pending\"}" },
	  NULL,
	  0,
	  0,
	  0 },
	{ "history",
	  ACT ASK("history", ""),
	  { "{\"decision\":{\"id\":1,\"jail\":\"acc\",\"user\":\"joe\",\"level\":\"act\"" },
	  NULL,
	  0,
	  0,
	  0 },
	{ "history of somebody else",
	  ACT ASK("history", ",\"subject\":\"ann\""),
	  { "{\"done\":true}" },
	  "decision",
	  0,
	  0,
	  0 },
	{ "history since later",
	  ACT ASK("history", ",\"since\":\"2030-01-01T00:00:00Z\""),
	  { "{\"done\":true}" },
	  "decision",
	  0,
	  0,
	  0 },
	{ "a user banned",
	  ASK("ban", ",\"subject\":\"Ann\",\"because\":\"a \\\"b\\\"\""),
	  { "{\"decision\":{\"id\":1,\"jail\":\"acc\",\"user\":\"ann\",\"level\":\"act\",\"state\":"
	    "\"active\"",
	    "a \\\"b\\\"", "\"by_administrator\":true" },
	  NULL,
	  0,
	  1,
	  0 },
	{ "a prefix banned for ever",
	  ASK("ban", ",\"subject\":\"198.51.100.0/24\",\"for\":-1"),
	  { "\"ip\":\"198.51.100.0/24\"" },
	  "\"until\"",
	  0,
	  1,
	  0 },
	{ "an own address is never banned",
	  ASK("ban", ",\"subject\":\"192.0.2.99\""),
	  { "{\"error\":" },
	  "decision\":",
	  0,
	  0,
	  0 },
	{ "nor a prefix around it",
	  ASK("ban", ",\"subject\":\"192.0.2.0/24\""),
	  { "{\"error\":" },
	  "decision\":",
	  0,
	  0,
	  0 },
	{ "no name at all",
	  ASK("ban", ",\"subject\":\"  \""),
	  { "{\"error\":\"expected a user" },
	  NULL,
	  0,
	  0,
	  0 },
	{ "released",
	  ACT ASK("unban", OF_JOE),
	  { "{\"released\":{\"user\":\"joe\",\"decisions\":1}}" },
	  NULL,
	  0,
	  1,
	  0 },
	{ "nothing to release",
	  SUSPECT ASK("unban", ",\"subject\":\"ann\""),
	  { "{\"error\":" },
	  NULL,
	  0,
	  0,
	  0 },
	{ "forgiven",
	  ACT ASK("unban", OF_JOE) "\n" ASK("explain", OF_JOE),
	  { "\"rule\":\"sent\",\"value\":0", "{\"past\":{\"id\":1" },
	  "\"holds\":true",
	  0,
	  1,
	  0 },
	{ "the ignore list, empty", ASK("ignore", ""), { "{\"done\":true}" }, "ignored", 0, 0, 0 },
	{ "one added waits for the reload",
	  ASK("ignore", ",\"add\":\"10.1.0.0/16\""),
	  { "later" },
	  NULL,
	  0,
	  0,
	  1 },
	{ "two added, listed",
	  ASK("ignore", ",\"add\":\"10.1.0.0/16\"") "\n" ASK("ignore", ",\"add\":\"JOE\"") "\n" ASK(
		  "ignore", ""),
	  { "{\"ignored\":{\"ip\":\"10.1.0.0/16\"}}\n{\"ignored\":{\"user\":\"joe\"}}" },
	  NULL,
	  0,
	  0,
	  2 },
	{ "added and removed",
	  ASK("ignore", ",\"add\":\"a*\"") "\n" ASK("ignore",
						    ",\"remove\":\"a*\"") "\n" ASK("ignore", ""),
	  { "{\"done\":true}" },
	  "ignored",
	  0,
	  0,
	  2 },
	{ "everybody",
	  ASK("ignore", ",\"add\":\"*\""),
	  { "{\"error\":\"that would be everybody" },
	  NULL,
	  0,
	  0,
	  0 },
	{ "not on it",
	  ASK("ignore", ",\"remove\":\"joe\""),
	  { "{\"error\":\"joe is not on" },
	  NULL,
	  0,
	  0,
	  0 },
	{ "reload", ASK("reload", ""), { "later" }, NULL, 0, 0, 1 },
	{ "no brake", ASK("resume", ""), { "{\"error\":\"the brake is not on\"" }, NULL, 0, 0, 0 },
	{ "the brake lets go",
	  ACT "50 message u=ann i=10.%.0.1 x3/5s\n" ASK("status", "") "\n" ASK("resume", ""),
	  { "{\"resumed\":{\"decisions\":1}}" },
	  NULL,
	  1,
	  1,
	  0 },
	{ "braked",
	  ACT "50 message u=ann i=10.%.0.1 x3/5s\n" ASK("status", ""),
	  { "\"braked\":\"", "{\"warning\":{\"kind\":\"brake\"" },
	  NULL,
	  1,
	  0,
	  0 },
	{ "what the brake holds",
	  ACT "50 message u=ann i=10.%.0.1 x3/5s\n" ASK("explain", ",\"subject\":\"ann\""),
	  { "\"user\":\"ann\",\"level\":\"act\"", "\"braked\":true" },
	  NULL,
	  1,
	  0,
	  0 },
};

struct told {
	unsigned int changed, reloads;
};

static void on_changed(void *ctx)
{
	((struct told *)ctx)->changed++;
}

static void on_reload(void *ctx)
{
	((struct told *)ctx)->reloads++;
}

struct asked {
	struct answers answers;
	struct daemon *daemon;
};

static enum answer give(void *ctx, const struct request *request, uint64_t *cursor,
			struct reply *reply)
{
	const struct asked *asked = ctx;

	return answers_give(&asked->answers, request, asked->daemon->now, cursor, reply);
}

/* The whole answer as text; "later" for one that is put off. */
static void ask(struct asked *asked, const char *line, struct pack *out)
{
	struct control_options o = { .answer = give, .ctx = asked };
	struct request request;
	struct reply reply = { 0 };
	uint64_t cursor;

	out->len = 0;
	if (control_answer(&o, (struct slice){ line, strcspn(line, "\n") }, &request, &cursor,
			   &reply) == ANSWER_LATER)
		pack_bytes(out, "later", 5);
	pack_bytes(out, reply.lines.data, reply.lines.len);
	pack_u8(out, 0);
	request_fini(&request);
	pack_fini(&reply.lines);
}

static void check_answer(const struct row *row, const char *text)
{
	for (size_t i = 0; i < COUNT(row->want) && row->want[i]; i++)
		if (!strstr(text, row->want[i]))
			fail_msg("%s is not in: %s", row->want[i], text);
	if (row->never && strstr(text, row->never))
		fail_msg("%s is in: %s", row->never, text);
}

static void check(void **state)
{
	const struct row *row = *state;
	struct told told = { 0 };
	struct daemon d;
	struct asked asked = { { &d.view, on_reload, on_changed, &told }, &d };
	struct pack answer = { 0 };

	daemon_begin(&d, JAILS, row->brake_n);
	for (const char *line = row->script; *line; line = script_next(line)) {
		if (strncmp(line, "ask ", 4) == 0)
			ask(&asked, line + 4, &answer);
		else
			daemon_event(&d, line);
	}
	check_answer(row, answer.len > 0 ? answer.data : "");
	assert_int_equal(told.changed, row->changed);
	assert_int_equal(told.reloads, row->reloads);
	pack_fini(&answer);
	daemon_end(&d);
}

/* History of more than one piece: each decision once, the newest first. */
static void test_long_history(void **state)
{
	struct request request = { .verb = REQUEST_HISTORY, .since = INSTANT_NONE };
	struct told told = { 0 };
	struct reply reply = { 0 };
	uint64_t cursor = 0;
	unsigned int pieces = 0, lines = 0;
	struct daemon d;
	struct answers a = { &d.view, on_reload, on_changed, &told };
	enum answer answer;

	(void)state;
	daemon_begin(&d, JAILS, 0);
	daemon_event(&d, "1 failure i=10.%.0.1 x250/1s");
	daemon_event(&d, "251 failure i=10.%.0.1 x250/1s");
	do {
		reply.lines.len = 0;
		answer = answers_give(&a, &request, d.now, &cursor, &reply);
		pieces++;
		for (size_t i = 0; i < reply.lines.len; i++)
			lines += reply.lines.data[i] == '\n';
	} while (answer == ANSWER_MORE);
	assert_int_equal(lines, 250);
	assert_int_equal(pieces, 2);
	pack_fini(&reply.lines);
	daemon_end(&d);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 1];
	size_t n = 0;
	int failed;

	ADD_ROWS(tests, n, rows, check);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_long_history);
	failed = _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
	filter_set_free(filters);
	return failed;
}
