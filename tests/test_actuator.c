/* test_actuator.c - the life of an actuator: what it asks its plugin for, and what it answers */
#include "core/action/actuator.h"
#include "core/action/host.h"
#include "core/action/order.h"

#include "tests/rows.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A plugin that tells in each item's text what it was asked for since its last answer. */
struct teller {
	const char *const *found; /* what list() tells: users and addresses */
	int64_t closed;           /* so many times it can't be opened */
	const struct postern_host *host;
	char told[256];
};

static int ready[2]; /* a byte comes when the plugin hangs */

static int open_teller(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct teller *t = ctx;

	t->host = host;
	if (t->closed-- <= 0)
		return 0;
	(void)snprintf(why, size, "no right to");
	return -1;
}

static void tell(struct teller *t, const char *text)
{
	size_t len = strlen(t->told);

	(void)snprintf(t->told + len, sizeof(t->told) - len, "%s", text);
}

static void tell_item(struct teller *t, const char *verb, struct postern_item *item)
{
	char text[64];

	tell(t, verb);
	tell(t, item->user ? item->user : "-");
	for (size_t i = 0; i < item->n_addresses; i++) {
		tell(t, ",");
		tell(t, t->host->address_text(&item->address[i], text));
	}
	tell(t, " ");
	if (!item->id)
		return; /* nobody reads its answer */
	(void)snprintf(item->text, sizeof(item->text), "%s", t->told);
	t->told[0] = '\0';
}

static void apply_teller(void *ctx, struct postern_item *items, size_t n)
{
	tell(ctx, "call ");
	for (size_t i = 0; i < n; i++) {
		const char *user = items[i].user ? items[i].user : "";

		if (strcmp(user, "crash") == 0)
			(void)raise(SIGKILL);
		if (strcmp(user, "hang") == 0 && write(ready[1], "", 1) == 1)
			for (;;)
				(void)pause();
		if (strcmp(user, "odd") == 0)
			items[i].result = (enum postern_result)99;
		if (strcmp(user, "later") == 0)
			items[i].result = POSTERN_RETRY;
		tell_item(ctx, "apply ", &items[i]);
	}
}

static void lift_teller(void *ctx, struct postern_item *items, size_t n)
{
	tell(ctx, "call ");
	for (size_t i = 0; i < n; i++)
		tell_item(ctx, "lift ", &items[i]);
}

static int list_teller(void *ctx, postern_list *list, void *to, char *why, size_t size)
{
	struct teller *t = ctx;
	struct postern_address address;

	for (const char *const *text = t->found; *text; text++) {
		bool is_address = t->host->address_parse(&address, *text) == 0;

		if (strcmp(*text, "fails") == 0) {
			(void)snprintf(why, size, "it fails");
			return -1;
		}
		list(to, &(struct postern_found){ is_address ? NULL : *text,
						  is_address ? &address : NULL });
	}
	return 0;
}

static const struct postern_option options[] = {
	{ POSTERN_LIST, "found", offsetof(struct teller, found), NULL, "h", 0, 0, NULL },
	{ POSTERN_NUMBER, "closed", offsetof(struct teller, closed), NULL, "h", 0, 0, NULL },
	{ 0 },
};

/* A talk: orders, one a line, and what is answered, one a line. */
static const struct talk {
	const char *name;
	unsigned int wants;
	bool has_list, has_lift;
	const char *option, *value;
	const char *orders;
	const char *want;
} talks[] = {
	{ "one item", 3, true, true, NULL, NULL, "apply 1 joe 192.0.2.1 2001:db8::/64",
	  "open|1 done call apply joe,192.0.2.1,2001:db8::/64 " },
	{ "applied, then lifted", 3, true, true, NULL, NULL, "apply 1 joe|lift 1 joe",
	  "open|1 done call apply joe |1 done call lift joe " },
	{ "nothing to lift", 3, true, false, NULL, NULL, "lift 1 joe", "open|1 done " },
	{ "an address alone", 2, true, true, NULL, NULL, "apply 1 - 192.0.2.1",
	  "open|1 done call apply -,192.0.2.1 " },
	{ "two at once, in calls of two", 3, true, true, NULL, NULL, "apply 1 a + 2 b + 3 c",
	  "open|1 done call apply a |2 done apply b |3 done call apply c " },
	{ "what is never banned", 3, true, true, NULL, NULL, "apply 1 joe 192.0.2.1 198.51.100.7",
	  "open|1 done call apply joe,192.0.2.1 ; never banned: 198.51.100.7" },
	{ "nothing else is left of it", 2, true, true, NULL, NULL, "apply 1 - 198.51.100.7",
	  "open|1 done never banned: 198.51.100.7" },
	{ "but the user is", 3, true, true, NULL, NULL, "apply 1 joe 198.51.100.7",
	  "open|1 done call apply joe ; never banned: 198.51.100.7" },
	{ "what is never banned is lifted all the same", 3, true, true, NULL, NULL,
	  "lift 1 joe 198.51.100.7", "open|1 done call lift joe,198.51.100.7 " },
	{ "a user that no plugin sees", 3, true, true, NULL, NULL, "apply 1 j\033e + 2 joe",
	  "open|1 failed refused: the user's name is empty, too long, or holds control characters "
	  "or what is no UTF-8|2 done call apply joe " },
	{ "retried", 3, true, true, NULL, NULL, "apply 1 later", "open|1 retry call apply later " },
	{ "an answer that is none", 3, true, true, NULL, NULL, "apply 1 odd",
	  "open|1 failed the plugin gave no result that we know" },
	{ "it opens later", 3, true, true, "closed", "2", "wait|wait|apply 1 joe",
	  "closed no right to|closed no right to|open|1 done call apply joe " },
	{ "it never opens", 3, true, true, "closed", "1000000", "apply 1 joe",
	  "closed no right to|1 retry it can't be opened: no right to" },
	{ "reconcile: all is there", 3, true, true, "found", "joe 192.0.2.1",
	  "reconcile 1 joe 192.0.2.1|apply 2 x", "open|1 done |2 done call apply x " },
	{ "reconcile: nothing is there", 3, true, true, NULL, NULL,
	  "reconcile 1 joe 192.0.2.1 + 2 ann",
	  "open|1 done call apply joe,192.0.2.1 |"
	  "2 done apply ann " },
	{ "reconcile: a part is there", 3, true, true, "found", "joe 192.0.2.1",
	  "reconcile 1 joe 192.0.2.1 192.0.2.2 + 2 ann",
	  "open|1 done call apply joe,192.0.2.2 |2 done apply ann " },
	{ "reconcile: more is there", 3, true, true, "found", "bob ann 192.0.2.1 192.0.2.5",
	  "reconcile 1 ann 192.0.2.1|apply 2 x",
	  "open|1 done |2 done call lift bob lift -,192.0.2.5 call apply x " },
	{ "reconcile: another prefix of the same address", 3, true, true, "found", "192.0.2.0/25",
	  "reconcile 1 - 192.0.2.0/24",
	  "open|1 done call lift -,192.0.2.0/25 call apply -,192.0.2.0/24 " },
	{ "reconcile: what is never banned is taken back", 2, true, true, "found", "198.51.100.7",
	  "reconcile 1 - 198.51.100.7|apply 2 x",
	  "open|1 done never banned: 198.51.100.7|2 done call lift -,198.51.100.7 call apply x " },
	{ "reconcile: nothing should be there", 3, true, true, "found", "joe",
	  "reconcile|apply 2 x", "open|2 done call lift joe call apply x " },
	{ "reconcile: it can't be told", 3, true, true, "found", "fails joe", "reconcile 1 joe",
	  "open|1 done call apply joe " },
	{ "reconcile: a plugin without a list", 3, false, true, NULL, NULL,
	  "reconcile 1 joe + 2 ann", "open|1 done call apply joe |2 done apply ann " },
	{ "reconcile: a plugin that tells somebody", 3 | POSTERN_WANTS_ONCE, false, true, NULL,
	  NULL, "reconcile 1 joe|apply 2 x", "open|1 done |2 done call apply x " },
	{ "reconcile: not open", 3, true, true, "closed", "1000000", "reconcile 1 joe",
	  "closed no right to|1 retry it can't be opened: no right to" },
	{ "reconcile: queue ids can't be listed", 4, true, true, "found", "joe",
	  "reconcile 1 joe #4ABC", "open|1 done call apply joe " },
};

struct engine {
	struct channel *channel;
	pid_t pid;
	char dir[32];
	char heard[1000];
};

static void hear(struct engine *e, const char *text)
{
	size_t len = strlen(e->heard);

	(void)snprintf(e->heard + len, sizeof(e->heard) - len, "%s%s", len ? "|" : "", text);
}

static void start(struct engine *e, const struct talk *talk)
{
	struct postern_action action = { .abi = POSTERN_ACTION_ABI,
					 .name = "teller",
					 .summary = "tells",
					 .wants = talk->wants,
					 .batch_most = 2,
					 .options = options,
					 .ctx_size = sizeof(struct teller),
					 .open = open_teller,
					 .apply = apply_teller,
					 .lift = talk->has_lift ? lift_teller : NULL,
					 .list = talk->has_list ? list_teller : NULL };
	char *copy = xstrdup(talk->value ? talk->value : ""), *rest = copy;
	const char *value[8];
	struct action_setting setting = { .name = talk->option, .value = value };
	struct prefixset guard = { 0 };
	struct actuator_options o = { .name = "teller",
				      .action = &action,
				      .setting = &setting,
				      .n_settings = talk->option ? 1 : 0,
				      .state_dir = e->dir,
				      .guard = &guard,
				      .retry_ms = 1 };
	struct prefix p;
	int fd[2];

	while (talk->value && (value[setting.n] = strsep(&rest, " ")))
		setting.n++;
	assert_true(prefix_parse(&p, slice_of("198.51.100.0/24")));
	prefixset_add(&guard, &p);
	prefixset_seal(&guard);
	memcpy(e->dir, "/tmp/postern-test-XXXXXX", sizeof("/tmp/postern-test-XXXXXX"));
	assert_non_null(mkdtemp(e->dir));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	e->pid = fork();
	if (e->pid == 0) {
		struct channel *c = channel_new(fd[1]);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(fd[0]);
		(void)!freopen("/dev/null", "w", stderr);
		_exit(actuator_run(&o, c));
	}
	assert_true(e->pid > 0);
	(void)close(fd[1]);
	e->channel = channel_new(fd[0]);
	prefixset_fini(&guard);
	free(copy);
}

/* Closes the channel; how the actuator ended. */
static int stop(struct engine *e)
{
	int status;

	channel_free(e->channel);
	assert_int_equal(waitpid(e->pid, &status, 0), e->pid);
	assert_int_equal(rmdir(e->dir), 0);
	return status;
}

/* The next message; false where the actuator is gone. */
static bool next_message(struct engine *e, struct message *m)
{
	struct err err;
	int rc;

	while ((rc = channel_receive(e->channel, m, &err)) == 0) {
		struct pollfd fd = { channel_fd(e->channel), POLLIN, 0 };

		(void)poll(&fd, 1, -1);
	}
	return rc > 0;
}

static void hear_state(struct engine *e, const struct message *m)
{
	struct arena *arena = arena_new();
	struct order_state s = { .why = "" };
	struct err err;
	char *text;

	assert_int_equal(order_read_state(&s, m->body, arena, &err), 0);
	text = xasprintf("%s%s%s", s.is_open ? "open" : "closed", *s.why ? " " : "", s.why);
	hear(e, text);
	free(text);
	arena_free(arena);
}

static void hear_result(struct engine *e, const struct message *m)
{
	static const char *const words[] = { "done", "retry", "failed" };
	struct arena *arena = arena_new();
	struct order_result r = { 0 };
	struct err err;

	assert_int_equal(order_read_result(&r, m->body, arena, &err), 0);
	assert_int_equal(r.batch, 77);
	for (size_t i = 0; i < r.n; i++) {
		char *text = xasprintf("%d %s %s", (int)r.answer[i].id, words[r.answer[i].result],
				       r.answer[i].text);

		hear(e, text);
		free(text);
	}
	arena_free(arena);
}

/* Listens until a result has come, or, with `state`, the plugin's state. */
static void listen_for(struct engine *e, bool state)
{
	struct message m;

	while (next_message(e, &m)) {
		if (m.type == ORDER_STATE && (state || strlen(e->heard) == 0))
			hear_state(e, &m);
		else if (m.type == ORDER_RESULT)
			hear_result(e, &m);
		if (state || m.type == ORDER_RESULT)
			return;
	}
}

/* "ID USER ADDRESS... #QUEUE-ID + ID USER ..." */
static size_t read_items(struct postern_item *item, struct arena *arena, char *text)
{
	size_t n = 0;
	char *one;

	while ((one = strsep(&text, "+"))) {
		struct postern_address *address = arena_alloc(arena, 4 * sizeof(*address));
		const char **id = arena_alloc(arena, sizeof(*id)), *word;
		struct postern_item *it = &item[n++];

		one += strspn(one, " ");
		*it = (struct postern_item){
			.jail = "j", .level = "act", .address = address, .queue_id = id
		};
		it->id = strtoul(strsep(&one, " "), NULL, 10);
		word = strsep(&one, " ");
		it->user = strcmp(word, "-") == 0 ? NULL : word;
		while ((word = strsep(&one, " "))) {
			struct prefix p;

			if (*word == '#') {
				id[it->n_queue_ids++] = word + 1;
			} else if (*word) {
				assert_true(prefix_parse(&p, slice_of(word)));
				memcpy(address[it->n_addresses].byte, p.base.byte, 16);
				address[it->n_addresses++].bits = p.bits;
			}
		}
	}
	return n;
}

static void say(struct engine *e, char *line)
{
	struct postern_item item[4];
	struct arena *arena = arena_new();
	const char *verb = strsep(&line, " ");
	size_t n = line ? read_items(item, arena, line) : 0;
	struct err err;

	if (strcmp(verb, "reconcile") == 0) {
		(void)order_send_mark(e->channel, ORDER_RECONCILE_BEGIN, 77, &err);
		(void)order_send(e->channel, ORDER_RECONCILE_ITEMS, 77, item, n, &err);
		(void)order_send_mark(e->channel, ORDER_RECONCILE_END, 77, &err);
	} else if (strcmp(verb, "wait") != 0) {
		(void)order_send(e->channel, strcmp(verb, "lift") == 0 ? ORDER_LIFT : ORDER_APPLY,
				 77, item, n, &err);
	}
	listen_for(e, strcmp(verb, "wait") == 0);
	arena_free(arena);
}

static void talks_with_engine(void **state)
{
	const struct talk *talk = *state;
	struct engine e = { .heard = "" };
	char *copy = xstrdup(talk->orders), *rest = copy, *line;

	start(&e, talk);
	if (strncmp(talk->orders, "wait", 4) != 0)
		listen_for(&e, true);
	while ((line = strsep(&rest, "|"))) {
		if (strncmp(talk->want, "closed", 6) == 0 && strstr(talk->want, "|open") &&
		    strncmp(line, "wait", 4) != 0)
			listen_for(&e, true);
		say(&e, line);
	}
	assert_int_equal(stop(&e), 0);
	assert_string_equal(e.heard, talk->want);
	free(copy);
}

/* What ends an actuator, and how. */
static const struct end {
	const char *name;
	const char *user; /* applied; or NULL, and this is sent: */
	uint16_t type;
	const char *body;
	size_t len;
	int status; /* of waitpid(2) */
} ends[] = {
	{ "a plugin that crashes", "crash", 0, NULL, 0, SIGKILL },
	{ "a plugin that hangs", "hang", 0, NULL, 0, CALL_HUNG << 8 },
	{ "what is no order", NULL, 99, "", 0, 1 << 8 },
	{ "a result", NULL, ORDER_RESULT, "", 0, 1 << 8 },
	{ "an order that is damaged", NULL, ORDER_APPLY, "\1\0\0", 3, 1 << 8 },
	{ "an end without a beginning", NULL, ORDER_RECONCILE_END, "\1\0\0\0\0\0\0\0", 8, 1 << 8 },
	{ "items without a beginning", NULL, ORDER_RECONCILE_ITEMS, "\1\0\0\0\0\0\0\0\0\0\0\0", 12,
	  1 << 8 },
};

static void comes_to_an_end(void **state)
{
	const struct end *row = *state;
	const struct talk talk = { .wants = 3, .has_list = true, .has_lift = true };
	struct engine e = { .heard = "" };
	struct message m;
	struct err err;
	char byte;

	assert_int_equal(pipe(ready), 0);
	start(&e, &talk);
	assert_true(next_message(&e, &m));
	if (row->user) {
		const struct postern_item item = { .jail = "j", .level = "act", .user = row->user };

		(void)order_send(e.channel, ORDER_APPLY, 77, &item, 1, &err);
	} else {
		(void)channel_send(e.channel, row->type, (struct slice){ row->body, row->len }, -1,
				   &err);
	}
	if (row->user && strcmp(row->user, "hang") == 0) {
		/* Its time is over: what the timer would send later is sent now. */
		assert_int_equal(read(ready[0], &byte, 1), 1);
		assert_int_equal(kill(e.pid, SIGRTMIN + 1), 0);
	}
	assert_false(next_message(&e, &m));
	assert_int_equal(stop(&e), row->status);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(talks) + COUNT(ends)];
	size_t n = 0;

	ADD_ROWS(tests, n, talks, talks_with_engine);
	ADD_ROWS(tests, n, ends, comes_to_an_end);
	return _cmocka_run_group_tests("actuator", tests, n, NULL, NULL);
}
