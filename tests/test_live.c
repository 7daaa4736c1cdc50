/*
 * test_live - logs that are written, and what comes of them
 *
 * Real files, the real watch, and a filter of two matches. Each line says what it is in its
 * text, so that events are compared as one: "user@second".
 */
#include "core/filter/live.h"

#include "core/base/hash.h"
#include "core/source/watch.h"
#include "tests/rows.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char filter_text[] =
	"filter \"test\" {\n daemon = \"test\"\n"
	" match \"login\" {\n  regex = '^login (?<user>\\w+)$'\n  event = login\n"
	"  example = 'Nov 20 10:00:00 mail test[1]: login joe'\n }\n"
	" match \"bounce\" {\n  regex = '^(?<queue_id>\\w+): bounced$'\n  event = bounce\n"
	"  example = 'Nov 20 10:00:00 mail test[1]: 4AB: bounced'\n }\n}\n";

enum { LOGS = 2 };

static const char *const names[LOGS] = { "a", "b" };

struct world {
	char dir[32];
	struct filter_set *set;
	struct watch *watch;
	struct live *live;
	struct instant now;
	char events[4096];
	struct pack saved[LOGS + 1];
	char *source[LOGS + 1];
	size_t n_saved;
	unsigned int problems;
	bool blind; /* nothing is told of what is written */
};

static void write_line(const char *name, const char *line)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
}

static void login(const char *name, unsigned int second, const char *user)
{
	char *line = xasprintf("2026-11-20T10:%02u:%02uZ mail test[1]: login %s", second / 60,
			       second % 60, user);

	write_line(name, line);
	free(line);
}

static void on_event(void *ctx, const struct event *event)
{
	struct world *w = ctx;
	size_t len = strlen(w->events);
	struct slice user = event->field[FIELD_USER];

	if (event->kind == EVENT_BOUNCE)
		user = event->field[FIELD_QUEUE_ID];
	(void)snprintf(w->events + len, sizeof(w->events) - len, "%.*s@%d ", (int)user.len,
		       user.ptr, (int)(instant_s(event->time) % 3600));
}

static bool wanted(void *ctx, uint64_t queue_id_hash)
{
	(void)ctx;
	return queue_id_hash == hash_bytes("4AB", 3);
}

static void on_sibling(void *ctx, size_t log, int fd)
{
	struct world *w = ctx;

	live_sibling(w->live, log, dup(fd));
}

static void want_siblings(void *ctx, size_t log)
{
	struct world *w = ctx;

	(void)watch_siblings(w->watch, log, on_sibling, w);
	live_start(w->live, log, TAIL_FROM_START, w->now);
}

static void on_problem(void *ctx, size_t log, const char *text)
{
	struct world *w = ctx;

	(void)log, (void)text;
	w->problems++;
}

static void on_opened(void *ctx, size_t log, const char *path, int fd, int wd)
{
	struct world *w = ctx;

	(void)path;
	if (w->live)
		live_opened(w->live, log, dup(fd), w->blind ? -1 : wd, w->now);
}

static void put(void *ctx, const char *source, struct slice position)
{
	struct world *w = ctx;

	assert_in_range(w->n_saved, 0, LOGS);
	w->source[w->n_saved] = xstrdup(source);
	pack_bytes(&w->saved[w->n_saved++], position.ptr, position.len);
}

static void save(struct world *w)
{
	live_positions(w->live, put, w);
	assert_false(live_moved(w->live));
}

static void forget(struct world *w)
{
	for (size_t i = 0; i < w->n_saved; i++) {
		pack_fini(&w->saved[i]);
		free(w->source[i]);
	}
	w->n_saved = 0;
}

static void come_up(struct world *w, enum tail_from from)
{
	const struct live_options options = { .set = w->set,
					      .wanted = wanted,
					      .want_siblings = want_siblings,
					      .on_problem = on_problem,
					      .ctx = w };

	w->live = live_new(&options);
	for (size_t i = 0; i < w->n_saved; i++)
		live_restore(w->live, w->source[i], pack_contents(&w->saved[i]));
	forget(w);
	watch_ready(w->watch, w->now);
	for (size_t i = 0; i < LOGS; i++) {
		live_log(w->live, i, names[i], w->now);
		(void)watch_siblings(w->watch, i, on_sibling, w);
	}
	watch_tell(w->watch);
	for (size_t i = 0; i < LOGS; i++)
		live_start(w->live, i, from, w->now);
}

static void restart(struct world *w)
{
	save(w);
	live_free(w->live);
	w->live = NULL;
	come_up(w, TAIL_FROM_START);
}

static struct world *world_new(void)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const struct watch_options options = { .on_opened = on_opened, .ctx = w };
	struct err err;

	if (filter_set_load_text(&w->set, "test", filter_text, &err) < 0)
		fail_msg("%s", err.text);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/test_live.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(chdir(w->dir), 0);
	w->now = instant_of_s(1795215395);
	w->watch = watch_new(names, LOGS, &options);
	return w;
}

static void world_free(struct world *w)
{
	static const char *const files[] = { "a", "b", "a.1", "a.2" };

	live_free(w->live);
	watch_free(w->watch);
	filter_set_free(w->set);
	forget(w);
	for (size_t i = 0; i < COUNT(files); i++)
		(void)unlink(files[i]);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
}

/* All that is at hand, as the daemon's loop gets it. */
static void run(struct world *w)
{
	watch_ready(w->watch, w->now);
	live_modified(w->live, watch_modify_fd(w->watch));
	while (live_run(w->live, 1000, w->now, on_event, w))
		;
}

static void expect(struct world *w, const char *want)
{
	assert_string_equal(w->events, want);
	w->events[0] = '\0';
}

static void merged(void **state)
{
	struct world *w = world_new();

	(void)state;
	login("a", 1, "u");
	login("a", 3, "v");
	login("b", 2, "w");
	login("b", 4, "x");
	come_up(w, TAIL_FROM_START);
	run(w);
	expect(w, "u@1 w@2 v@3 x@4 ");
	assert_int_equal(live_due_ms(w->live, w->now), -1);
	/* Nobody waits for a log that has nothing now. */
	login("b", 9, "y");
	run(w);
	expect(w, "y@9 ");
	login("a", 5, "z");
	run(w);
	expect(w, "z@5 ");
	world_free(w);
}

static void from_the_end(void **state)
{
	struct world *w = world_new();

	(void)state;
	login("a", 1, "u");
	come_up(w, TAIL_FROM_END);
	run(w);
	expect(w, "");
	login("a", 2, "v");
	login("b", 3, "w");
	run(w);
	expect(w, "v@2 w@3 ");
	world_free(w);
}

static void only_when_told(void **state)
{
	struct world *w = world_new();

	(void)state;
	login("a", 1, "u");
	come_up(w, TAIL_FROM_START);
	run(w);
	login("a", 2, "v");
	assert_false(live_run(w->live, 1000, w->now, on_event, w));
	expect(w, "u@1 ");
	live_modified(w->live, watch_modify_fd(w->watch));
	assert_int_equal(live_due_ms(w->live, w->now), 0);
	assert_false(live_run(w->live, 1000, w->now, on_event, w));
	expect(w, "v@2 ");
	login("a", 3, "x");
	live_readable(w->live, 0);
	assert_false(live_run(w->live, 1000, w->now, on_event, w));
	expect(w, "x@3 ");
	world_free(w);
}

static void polled(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->blind = true;
	login("a", 1, "u");
	come_up(w, TAIL_FROM_START);
	run(w);
	expect(w, "u@1 ");
	login("a", 2, "v");
	assert_int_equal(live_due_ms(w->live, w->now), 2000);
	w->now.ms += 1999;
	assert_int_equal(live_due_ms(w->live, w->now), 1);
	assert_false(live_run(w->live, 1000, w->now, on_event, w));
	expect(w, "");
	w->now.ms += 1;
	assert_int_equal(live_due_ms(w->live, w->now), 0);
	assert_false(live_run(w->live, 1000, w->now, on_event, w));
	expect(w, "v@2 ");
	world_free(w);
}

static void rotated(void **state)
{
	struct world *w = world_new();

	(void)state;
	login("a", 1, "u");
	come_up(w, TAIL_FROM_START);
	run(w);
	/* Twice before anyone looks. */
	login("a", 2, "v");
	assert_int_equal(rename("a", "a.2"), 0);
	login("a", 3, "w");
	assert_int_equal(rename("a", "a.1"), 0);
	login("a", 4, "x");
	run(w);
	expect(w, "u@1 v@2 w@3 x@4 ");
	assert_in_range(live_due_ms(w->live, w->now), 1, 10000);
	w->now.ms += 10000;
	run(w);
	assert_int_equal(live_due_ms(w->live, w->now), -1);
	assert_int_equal(w->problems, 0);
	/* Truncated, without a copy: that is a problem, and it goes on. */
	assert_int_equal(truncate("a", 0), 0);
	login("a", 5, "y");
	run(w);
	expect(w, "y@5 ");
	assert_int_equal(w->problems, 1);
	assert_non_null(live_log_stats(w->live, 0).problem);
	world_free(w);
}

/* Restarted after each step, with a budget that ends in the middle of things. */
static void restarted(void **state)
{
	enum { EVENTS = 20 };

	(void)state;
	for (unsigned int at = 0; at < EVENTS; at++) {
		struct world *w = world_new();
		char want[512] = "";

		come_up(w, TAIL_FROM_START);
		for (unsigned int i = 0; i < EVENTS; i++) {
			login(names[i * 7 % 5 % 2], i, "u");
			(void)snprintf(want + strlen(want), sizeof(want) - strlen(want), "u@%u ",
				       i);
		}
		live_readable(w->live, 0);
		live_readable(w->live, 1);
		watch_ready(w->watch, w->now);
		for (unsigned int i = 0; live_run(w->live, 1, w->now, on_event, w); i++)
			if (i == at)
				restart(w);
		expect(w, want);
		world_free(w);
	}
}

/* In the middle of a block, the position is that of the first event not delivered. */
static unsigned int stop_after;

static void on_event_restart(void *ctx, const struct event *event)
{
	struct world *w = ctx;

	on_event(ctx, event);
	if (--stop_after == 0)
		save(w);
}

static void saved_within_a_block(void **state)
{
	enum { EVENTS = 10 };

	(void)state;
	for (unsigned int at = 1; at <= EVENTS; at++) {
		struct world *w = world_new();
		char first[sizeof(w->events)], *rest;

		for (unsigned int i = 0; i < EVENTS; i++) {
			login(names[i % 2], i, "u");
			write_line(names[i % 2], "no event");
		}
		come_up(w, TAIL_FROM_START);
		stop_after = at;
		while (live_run(w->live, 1000, w->now, on_event_restart, w))
			;
		(void)snprintf(first, sizeof(first), "%s", w->events);
		w->events[0] = '\0';
		live_free(w->live);
		w->live = NULL;
		come_up(w, TAIL_FROM_START);
		run(w);
		/* While an event is being delivered it counts as not delivered. */
		rest = first;
		for (unsigned int i = 1; i < at; i++)
			rest = strchr(rest, ' ') + 1;
		expect(w, rest);
		world_free(w);
	}
}

/* Stamps without a year mean after a restart what they would have meant without. */
static void year_goes_on(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->now = instant_of_s(1798761600); /* 2027-01-01 */
	write_line("a", "Dec 31 23:59:59 mail test[1]: login u");
	come_up(w, TAIL_FROM_START);
	run(w);
	assert_int_equal(instant_s(live_log_stats(w->live, 0).last_login), 1798761599);
	write_line("a", "Jan  1 00:00:00 mail test[1]: login v");
	w->now.ms += 500 * 86400 * 1000LL;
	restart(w);
	run(w);
	assert_int_equal(instant_s(live_log_stats(w->live, 0).last_login), 1798761600);
	world_free(w);
}

static void statistics(void **state)
{
	struct world *w = world_new();
	struct live_log_stats stats;

	(void)state;
	login("a", 1, "u");
	login("a", 2, "v");
	write_line("a", "2026-11-20T10:00:03Z mail test[1]: 4AB: bounced");
	write_line("a", "2026-11-20T10:00:03Z mail test[1]: 4AC: bounced");
	write_line("a", "2026-02-30T10:00:03Z mail test[1]: login nobody");
	write_line("a", "Nov 20 10:00:04 mail rsyslogd: imuxsock[pid: 7, name: smtpd]: 57 messages "
			"lost due to rate-limiting");
	write_line("a", "Nov 20 10:00:04 mail rsyslogd: imuxsock[pid: 7, name: smtpd] from <x>: "
			"begin to drop messages due to rate-limiting");
	write_line("a", "Nov 20 10:00:04 mail systemd-journald[1]: Suppressed 3 messages from "
			"postfix.service");
	write_line("a",
		   "Nov 20 10:00:04 mail test[1]: Suppressed 99 messages from here; 98 messages "
		   "lost due to rate-limiting");
	write_line("a", "2026-11-20T10:00:05Z mail test[1]: no event");
	come_up(w, TAIL_FROM_START);
	run(w);
	expect(w, "u@1 v@2 4AB@3 ");
	stats = live_log_stats(w->live, 0);
	assert_string_equal(stats.source, "a");
	assert_int_equal(stats.lines, 10);
	assert_int_equal(stats.events, 3);
	assert_int_equal(stats.bad_times, 1);
	assert_int_equal(stats.lost, 61);
	assert_int_equal(instant_s(stats.last_login) % 3600, 2);
	assert_int_equal(instant_s(stats.last_line) % 3600, 5);
	assert_int_equal(stats.last_read.ms, w->now.ms);
	assert_int_equal(stats.tail.offset, stats.tail.size);
	assert_null(live_log_stats(w->live, LOGS).source);
	assert_int_equal(live_matcher_stats(w->live).lines, 10);
	world_free(w);
}

static struct slice journal_body(struct pack *body, const char *cursor, const char *lines)
{
	body->len = 0;
	pack_u8(body, false);
	pack_text(body, cursor);
	pack_text(body, lines);
	return pack_contents(body);
}

static void from_the_journal(void **state)
{
	struct world *w = world_new();
	struct pack body = { 0 };

	(void)state;
	come_up(w, TAIL_FROM_START);
	live_journal(w->live, journal_body(&body, "c0", "")); /* its log is not known yet */
	live_log(w->live, LIVE_JOURNAL, "journal", w->now);
	assert_null(live_journal_cursor(w->live).ptr);
	live_journal(w->live, journal_body(&body, "c1",
					   "2026-11-20T10:00:01Z mail test[1]: login u\n"
					   "2026-11-20T10:00:03Z mail test[1]: login w\n"));
	login("a", 2, "v");
	run(w);
	expect(w, "u@1 v@2 w@3 ");
	assert_true(slice_is(live_journal_cursor(w->live), "c1"));
	assert_true(live_journal_has_room(w->live));
	live_journal(w->live, slice_of("x"));
	assert_int_equal(w->problems, 1);
	/* The position waits for its log. */
	restart(w);
	live_log(w->live, LIVE_JOURNAL, "journal", w->now);
	assert_true(slice_is(live_journal_cursor(w->live), "c1"));
	pack_fini(&body);
	world_free(w);
}

static void damaged(void **state)
{
	struct world *w = world_new();

	(void)state;
	login("a", 1, "u");
	come_up(w, TAIL_FROM_START);
	run(w);
	save(w);
	live_free(w->live);
	w->live = NULL;
	w->saved[0].len--;
	come_up(w, TAIL_FROM_END);
	assert_int_equal(w->problems, 1);
	run(w);
	expect(w, "u@1 ");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merged),
		cmocka_unit_test(from_the_end),
		cmocka_unit_test(only_when_told),
		cmocka_unit_test(polled),
		cmocka_unit_test(rotated),
		cmocka_unit_test(restarted),
		cmocka_unit_test(saved_within_a_block),
		cmocka_unit_test(year_goes_on),
		cmocka_unit_test(statistics),
		cmocka_unit_test(from_the_journal),
		cmocka_unit_test(damaged),
	};

	(void)setenv("TZ", "UTC", 1);
	return _cmocka_run_group_tests(__FILE__, tests, COUNT(tests), NULL, NULL);
}
