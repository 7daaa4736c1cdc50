/*
 * test_sessions - what a connection's earlier lines said, for those that name its session alone
 *
 * A script is lines "SECONDS MESSAGE" of OpenSMTPD's log, or of another daemon's with "other:" before
 * the message. What the shipped filter makes of them goes through the join; of what comes out each
 * event is a line "KIND USER IP RDNS", with "-" for what it lacks.
 */
#include "core/filter/sessions.h"

#include "core/base/hash.h"
#include "core/filter/matcher.h"
#include "core/rule/engine.h"
#include "core/rule/jail.h"
#include "tests/checkpoint.h"
#include "tests/rows.h"

#include <string.h>

#define A    "00000000000000aa smtp "
#define B    "00000000000000bb smtp "
#define BOT  "connected address=192.0.2.1 host=bot.example.net\n"
#define DSL  "connected address=[2001:db8::7] host=<unknown>\n"
#define GOOD "authentication user=joe@example.org result=ok\n"
#define BAD  "authentication user=joe@example.org result=permfail\n"
#define MSG  "message msgid=77b2e18c size=243 nrcpt=2 proto=ESMTP\n"
#define END  "disconnected reason=quit\n"

static const char other_filter[] = "filter other { daemon = other\n"
				   "  match c { event = connect regex = '^(?<session>\\w+) smtp "
				   "connected address=(?<ip>\\S+)'\n"
				   "    example = 'x' }\n"
				   "  match l { event = login regex = '^(?<session>\\w+) smtp "
				   "authentication user=(?<user>\\S+)'\n"
				   "    example = 'x' }\n"
				   "  match f { event = failure regex = '^(?<session>\\w+) smtp "
				   "broken off by (?<ip>\\S+)'\n"
				   "    example = 'x' } }\n"
				   "filter single { daemon = single\n"
				   "  match l { event = login regex = '^(?<session>\\w+) smtp "
				   "authentication user=(?<user>\\S+)'\n"
				   "    example = 'x' } }\n";

static struct filter_set *shipped, *others;

static const struct row {
	const char *name, *script, *want;
} rows[] = {
	{ "login", "0 " A BOT "1 " A GOOD,
	  "connect - 192.0.2.1 bot.example.net\nlogin joe@example.org 192.0.2.1 "
	  "bot.example.net\n" },
	{ "failure, IPv6, no reverse name", "0 " A DSL "1 " A BAD,
	  "connect - 2001:db8::7 -\nfailure joe@example.org 2001:db8::7 -\n" },
	{ "message", "0 " A BOT "1 " A GOOD "2 " A MSG,
	  "connect - 192.0.2.1 bot.example.net\nlogin joe@example.org 192.0.2.1 bot.example.net\n"
	  "message joe@example.org 192.0.2.1 bot.example.net\n" },
	{ "message of a stranger", "0 " A BOT "2 " A MSG, "connect - 192.0.2.1 bot.example.net\n" },
	{ "message after a failure", "0 " A DSL "1 " A BAD "2 " A MSG,
	  "connect - 2001:db8::7 -\nfailure joe@example.org 2001:db8::7 -\n" },
	{ "message of an unknown session", "2 " A MSG, "" },
	{ "two sessions at once", "0 " A BOT "0 " B DSL "1 " B GOOD "2 " A MSG "2 " B MSG,
	  "connect - 192.0.2.1 bot.example.net\nconnect - 2001:db8::7 -\n"
	  "login joe@example.org 2001:db8::7 -\nmessage joe@example.org 2001:db8::7 -\n" },
	{ "the connection was not seen", "1 " A GOOD "2 " A MSG,
	  "login joe@example.org - -\nmessage joe@example.org - -\n" },
	{ "after its end", "0 " A DSL "1 " A GOOD "2 " A END "3 " A GOOD "4 " A END "5 " A MSG,
	  "connect - 2001:db8::7 -\nlogin joe@example.org 2001:db8::7 -\ndisconnect - - -\n"
	  "login joe@example.org - -\ndisconnect - - -\n" },
	{ "the same number again: nothing is left of the first",
	  "0 " A BOT "1 " A GOOD "2 " A DSL "3 " A MSG "4 " A BAD,
	  "connect - 192.0.2.1 bot.example.net\nlogin joe@example.org 192.0.2.1 bot.example.net\n"
	  "connect - 2001:db8::7 -\nfailure joe@example.org 2001:db8::7 -\n" },
	{ "long, and with something to say", "0 " A DSL "3600 " A GOOD "7200 " A MSG "10800 " A MSG,
	  "connect - 2001:db8::7 -\nlogin joe@example.org 2001:db8::7 -\n"
	  "message joe@example.org 2001:db8::7 -\nmessage joe@example.org 2001:db8::7 -\n" },
	{ "silent for too long", "0 " A DSL "3601 " A GOOD "7202 " A MSG,
	  "connect - 2001:db8::7 -\nlogin joe@example.org - -\n" },
	{ "late lines", "9 " A DSL "0 " A GOOD "3609 " A MSG,
	  "connect - 2001:db8::7 -\nlogin joe@example.org 2001:db8::7 -\n"
	  "message joe@example.org 2001:db8::7 -\n" },
	{ "another daemon's session of that number",
	  "0 " A DSL "1 other:" A BOT "2 " A GOOD "3 other:" A GOOD,
	  "connect - 2001:db8::7 -\nconnect - 192.0.2.1 -\n"
	  "login joe@example.org 2001:db8::7 -\nlogin joe@example.org 192.0.2.1 -\n" },
	{ "another daemon's, that says nothing of connections", "0 " A DSL "1 single:" A GOOD,
	  "connect - 2001:db8::7 -\nlogin joe@example.org - -\n" },
	{ "a failure that names nobody",
	  "0 other:" A BOT "1 other:" A GOOD "2 other:" A "broken off by 192.0.2.7\n",
	  "connect - 192.0.2.1 -\nlogin joe@example.org 192.0.2.1 -\nfailure - 192.0.2.7 -\n" },
	{ "a local connection", "0 " A "connected address=local host=mail.example.org\n2 " A GOOD,
	  "connect - - mail.example.org\nlogin joe@example.org - mail.example.org\n" },
	{ "a reverse name of two words",
	  "0 " A "connected address=192.0.2.1 host=x address=192.0.2.9\n1 " A GOOD,
	  "connect - 192.0.2.1 x\nlogin joe@example.org 192.0.2.1 x\n" },
	/* What a client says is in lines that begin with his own session. */
	{ "forged: an address for another's session",
	  "0 " A DSL "1 " B "failed-command command=\"" A "connected address=192.0.2.9 host=x\" "
	  "result=\"500\"\n2 " A GOOD,
	  "connect - 2001:db8::7 -\nlogin joe@example.org 2001:db8::7 -\n" },
	{ "forged: a connection as a name",
	  "0 " A DSL "1 " B "authentication user=" A "connected address=192.0.2.9 result=permfail\n"
	  "2 " A GOOD,
	  "connect - 2001:db8::7 -\nlogin joe@example.org 2001:db8::7 -\n" },
	{ "forged: another's end",
	  "0 " A DSL "1 " B "failed-command command=\"EHLO " A "disconnected reason=quit\" "
	  "result=\"501\"\n2 " A GOOD,
	  "connect - 2001:db8::7 -\nlogin joe@example.org 2001:db8::7 -\n" },
	{ "forged: a login as a sender",
	  "0 " A DSL "1 " A "envelope evpid=77b2e18cc557bf9e from=<x smtp authentication "
	  "user=joe@example.org result=ok> to=<a@example.net>\n2 " A MSG,
	  "connect - 2001:db8::7 -\n" },
};

/* The log line of one line of a script; false at the script's end. */
static bool next_line(const char **script, char *line, size_t size, unsigned int *at_s)
{
	char message[400], *colon;
	int used;

	if (sscanf(*script, "%u %399[^\n]\n%n", at_s, message, &used) != 2)
		return false;
	*script += used;
	colon = strchr(message, ':');
	if (strncmp(message, A, sizeof(A) - 1) == 0 || strncmp(message, B, sizeof(B) - 1) == 0)
		(void)snprintf(line, size, "Nov 20 23:56:35 mail smtpd[7]: %s", message);
	else
		(void)snprintf(line, size, "Nov 20 23:56:35 mail %.*s[7]: %s",
			       (int)(colon - message), message, colon + 1);
	return true;
}

static struct slice or_none(struct slice s)
{
	return s.ptr ? s : slice_of("-");
}

static size_t describe(const struct event *event, char *out, size_t size)
{
	struct slice user = or_none(event->field[FIELD_USER]);
	struct slice rdns = or_none(event->field[FIELD_RDNS]);
	char text[ADDRESS_TEXT];

	return (size_t)snprintf(out, size, "%s %.*s %s %.*s\n", event_kind_name(event->kind),
				(int)user.len, user.ptr,
				event->has_ip ? address_text(&event->ip, text) : "-", (int)rdns.len,
				rdns.ptr);
}

/* Every session, out and back into a table of its own. */
static void move(struct sessions *s)
{
	struct sessions next;
	struct table_head *e = NULL;
	struct pack pack = { 0 };

	sessions_init(&next);
	while ((e = table_next(&s->table, e))) {
		struct packed p;

		pack.len = 0;
		session_pack(&pack, e);
		p = packed_of(pack_contents(&pack));
		session_unpack(&p, &next, e->key);
		assert_true(packed_end(&p));
	}
	pack_fini(&pack);
	sessions_fini(s);
	*s = next;
}

static void play(const struct row *row, bool restarts)
{
	struct matcher *m[] = { matcher_new(shipped, 0), matcher_new(others, 0) };
	const char *script = row->script;
	char line[600], got[2000] = "";
	struct sessions sessions;
	unsigned int at_s;
	size_t len = 0;

	sessions_init(&sessions);
	while (next_line(&script, line, sizeof(line), &at_s)) {
		struct event event;

		if (!matcher_line(m[0], slice_of(line), &event, NULL) &&
		    !matcher_line(m[1], slice_of(line), &event, NULL))
			continue;
		event.time = instant_of_s(1700000000 + at_s);
		if (!sessions_concern(&event) || sessions_join(&sessions, &event))
			len += describe(&event, got + len, sizeof(got) - len);
		if (restarts)
			move(&sessions);
	}
	assert_int_equal(*script, '\0');
	assert_string_equal(got, row->want);
	sessions_fini(&sessions);
	matcher_free(m[0]);
	matcher_free(m[1]);
}

static void joins(void **state)
{
	play(*state, false);
	play(*state, true);
}

static struct event event_of(enum event_kind kind, const char *session, uint32_t at_s)
{
	struct event event = { .kind = kind, .time = instant_of_s(at_s) };

	event.match = shipped->match[0];
	for (size_t i = 0; i < shipped->n_matches; i++)
		if (strcmp(shipped->match[i]->filter->name, "opensmtpd") == 0)
			event.match = shipped->match[i];
	event.field[FIELD_SESSION] = slice_of(session);
	return event;
}

static bool has_address(struct sessions *s, const char *session, uint32_t at_s)
{
	struct event event = event_of(EVENT_FAILURE, session, at_s);

	assert_true(sessions_join(s, &event));
	return event.has_ip;
}

/* Whoever only opens connections finds a bound, and pushes out those that are oldest. */
static void is_bounded(void **state)
{
	struct sessions s;
	char name[20];

	(void)state;
	sessions_init(&s);
	for (unsigned int i = 0; i < 3 * SESSIONS_MOST; i++) {
		struct event event;

		(void)snprintf(name, sizeof(name), "%016x", i);
		event = event_of(EVENT_CONNECT, name, 1000 + i / 100);
		event.has_ip = true;
		assert_true(sessions_join(&s, &event));
		assert_true(s.table.n <= SESSIONS_MOST);
	}
	assert_true(has_address(&s, name, 2500));
	assert_false(has_address(&s, "0000000000000000", 2500));
	sessions_fini(&s);
}

/* Those that come and go leave no trace, and push out nobody. */
static void forgets_what_ended(void **state)
{
	struct event first = event_of(EVENT_CONNECT, "first", 1000);
	struct sessions s;

	(void)state;
	first.has_ip = true;
	sessions_init(&s);
	assert_true(sessions_join(&s, &first));
	for (unsigned int i = 0; i < 3 * SESSIONS_MOST; i++) {
		struct event event;
		char name[20];

		(void)snprintf(name, sizeof(name), "%016x", i);
		event = event_of(EVENT_CONNECT, name, 1000 + i / 100);
		assert_true(sessions_join(&s, &event));
		event.kind = EVENT_DISCONNECT;
		assert_true(sessions_join(&s, &event));
	}
	assert_int_equal(s.table.n, 1);
	assert_true(has_address(&s, "first", 2500));
	sessions_fini(&s);
}

static const struct name {
	const char *name;
	struct slice user;
	bool kept;
} names[] = {
	{ "user: the longest", { NULL, SESSION_TEXT_LONGEST }, true },
	{ "user: longer", { NULL, SESSION_TEXT_LONGEST + 1 }, false },
	{ "user: with a NUL", { "joe\0x", 5 }, false },
	{ "user: empty", { "", 0 }, true },
};

/* A user that can't be kept whole is not kept: a message would be another's. */
static void keeps_whole_names(void **state)
{
	static const char long_name[SESSION_TEXT_LONGEST + 1] = { [0 ... SESSION_TEXT_LONGEST] =
									  'x' };
	const struct name *row = *state;
	struct slice user = { row->user.ptr ? row->user.ptr : long_name, row->user.len };
	struct event login = event_of(EVENT_LOGIN, "s", 1000);
	struct event message = event_of(EVENT_MESSAGE, "s", 1000);
	struct sessions s;

	sessions_init(&s);
	login.field[FIELD_USER] = user;
	assert_true(sessions_join(&s, &login));
	assert_int_equal(sessions_join(&s, &message), row->kept);
	if (row->kept) {
		assert_int_equal(message.field[FIELD_USER].len, user.len);
		assert_memory_equal(message.field[FIELD_USER].ptr, user.ptr, user.len);
	}
	sessions_fini(&s);
}

static const struct damage {
	const char *name;
	uint32_t last;
	uint8_t has_ip;
	size_t cut;
} damages[] = {
	{ "row: cut off", 1000, 1, 1 },
	{ "row: nothing but its time", 1000, 1, 29 },
	{ "row: flags of another version", 1000, 2, 0 },
	{ "row: never idle", TABLE_PINNED, 1, 0 },
};

static void refuses_damage(void **state)
{
	const struct damage *row = *state;
	static const uint8_t ip[16] = { 1 };
	struct pack pack = { 0 };
	struct sessions s;
	struct packed p;

	pack_u32(&pack, row->last);
	pack_u8(&pack, row->has_ip);
	pack_bytes(&pack, ip, sizeof(ip));
	pack_text(&pack, NULL);
	pack_text(&pack, "joe");
	p = packed_of((struct slice){ pack.data, pack.len - row->cut });
	sessions_init(&s);
	session_unpack(&p, &s, 1);
	assert_false(packed_end(&p));
	assert_int_equal(s.table.n, 0);
	sessions_fini(&s);
	pack_fini(&pack);
}

static void on_verdict(void *ctx, const struct verdict *v)
{
	if (v->level == LEVEL_ACT)
		*(struct address *)ctx = v->subject->sighting[0].host.base;
}

static void restore_row(void *ctx, const struct state_row *row)
{
	struct err err;

	assert_int_equal(engine_restore(ctx, row, &err), 0);
}

/* A session that was open when the daemon ended: the next one knows whose it is. */
static void survives_a_restart(void **state)
{
	static const char jail[] = "jail j { rule r { sum = recipients max = 9 findtime = 1h } }";
	struct address ip = { { 0 } }, from = { { 0x20, 1 } };
	struct engine_options options = { .known_days = 3, .on_verdict = on_verdict, .ctx = &ip };
	struct event event = event_of(EVENT_CONNECT, "s", 1000);
	struct jail_defaults defaults = { 0 };
	struct jail_set *jails = NULL;
	struct checkpoint c;
	struct engine *e;
	struct err err;

	(void)state;
	assert_int_equal(jail_set_load_text(&jails, "j", jail, shipped, &defaults, &err), 0);
	checkpoint_init(&c);
	event.has_ip = true;
	event.ip = from;
	for (unsigned int i = 0; i < 3; i++) {
		e = engine_new(jails, &options);
		checkpoint_walk(&c, restore_row, e);
		engine_restored(e);
		engine_event(e, &event);
		engine_save(e, false, checkpoint_put, &c);
		engine_free(e);
		event = event_of(i ? EVENT_MESSAGE : EVENT_LOGIN, "s", 1001 + i);
		if (i == 0)
			event.field[FIELD_USER] = slice_of("joe");
		event.recipients = i ? 10 : 0;
	}
	assert_true(address_equal(&ip, &from));
	checkpoint_fini(&c);
	jail_set_free(jails);
}

static int begin(void **state)
{
	struct err err;

	(void)state;
	if (filter_set_load(&shipped, "filters", &err) < 0 ||
	    filter_set_load_text(&others, "other.conf", other_filter, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int end(void **state)
{
	(void)state;
	filter_set_free(shipped);
	filter_set_free(others);
	return 0;
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(names) + COUNT(damages) + 3];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, joins);
	ADD_ROWS(tests, n, names, keeps_whole_names);
	ADD_ROWS(tests, n, damages, refuses_damage);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(is_bounded);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(forgets_what_ended);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(survives_a_restart);
	return _cmocka_run_group_tests("test_sessions", tests, n, begin, end);
}
