/*
 * test_dispatch - what one actuator is told, and when the engine has to look after it again
 *
 * The actuator is the test: it says that it is open, and answers when the test wants it to.
 */
#include "core/cli/dispatch.h"

#include "core/action/order.h"
#include "core/rule/engine.h"
#include "tests/rows.h"
#include "tests/script.h"

#include <sys/socket.h>

enum { RECONCILE_S = 1, TIMEOUT_S = 30, PATIENCE_S = TIMEOUT_S + 20, TURNS = 20 };

struct scene {
	uv_loop_t loop;
	struct jail_set *jails;
	struct engine *engine;
	struct decisions *decisions;
	struct life *life;
	struct dispatch *dispatch;
	struct channel *actuator;
	struct instant now;
	unsigned int bans, stuck, answers;
};

static const char jails[] = "jail ip { rule f { count = failure by = ip max = 1 findtime = 1h }\n"
			    "action nftables {} }\n";

static const struct postern_action *action(void *ctx, uint32_t instance)
{
	static const struct postern_action nftables = { .name = "nftables",
							.timeout_s = TIMEOUT_S };

	(void)ctx;
	assert_int_equal(instance, 0);
	return &nftables;
}

static void on_stuck(void *ctx, uint32_t instance)
{
	(void)instance;
	((struct scene *)ctx)->stuck++;
}

static void on_answer(void *ctx)
{
	((struct scene *)ctx)->answers++;
}

static char *describe(void *ctx, const struct record *r, const struct decision *c)
{
	(void)ctx;
	(void)r;
	(void)c;
	return xstrdup("{}");
}

static void turn(struct scene *s)
{
	for (int i = 0; i < TURNS; i++) {
		(void)uv_run(&s->loop, UV_RUN_NOWAIT);
		dispatch_run(s->dispatch, s->now);
	}
}

static void pass(struct scene *s, int64_t ms)
{
	s->now.ms += ms;
	turn(s);
}

static void attach(struct scene *s)
{
	struct err err;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	channel_free(s->actuator);
	s->actuator = channel_new(fd[1]);
	assert_true(dispatch_attach(s->dispatch, 0, fd[0], s->now));
	assert_int_equal(order_send_state(s->actuator, true, "", &err), 0);
	pass(s, 1000); /* of this time it was opened by the clock */
}

/* It lives as long as its process does: so do the dispatch and what it hangs off. */
static struct scene *scene_new(void)
{
	static struct scene all[8];
	static size_t used;
	struct scene *s = &all[used++];
	struct jail_defaults defaults = { 0 };
	struct engine_options eo = { .known_days = 3 };
	struct life_options lo = { .bantime_most_s = 86400,
				   .repeat_within_s = 86400,
				   .describe = describe };
	struct dispatch_options o = { .loop = &s->loop,
				      .action = action,
				      .reconcile_s = RECONCILE_S,
				      .on_stuck = on_stuck,
				      .on_answer = on_answer,
				      .ctx = s };
	struct err err;

	assert_true(used <= COUNT(all));
	if (jail_set_load_text(&s->jails, "jail.conf", jails, filters, &defaults, &err) < 0)
		fail_msg("%s", err.text);
	s->now = instant_now();
	s->engine = engine_new(s->jails, &eo);
	s->decisions = decisions_new(s->engine);
	lo.jails = o.jails = s->jails;
	s->life = o.life = life_new(&lo, s->decisions, NULL, s->engine);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	s->dispatch = dispatch_new(&o);
	attach(s);
	return s;
}

static void ban(struct scene *s)
{
	char *name = xasprintf("192.0.2.%u", ++s->bans);
	struct life_ban b = { .kind = SUBJECT_ADDRESS, .name = name, .for_s = 3600 };
	struct err err;
	uint64_t id;

	if (life_ban(s->life, &b, s->now, &id, &err) < 0)
		fail_msg("%s", err.text);
	free(name);
	turn(s);
}

static void answer(struct scene *s, const struct message *m)
{
	enum order_type of = m->type == ORDER_APPLY ? ORDER_APPLY : ORDER_RECONCILE_ITEMS;
	struct arena *arena = arena_new();
	struct order o = { 0 };
	struct err err;

	if (m->type == ORDER_APPLY || m->type == ORDER_RECONCILE_ITEMS)
		assert_int_equal(order_read(&o, m->body, arena, &err), 0);
	for (size_t i = 0; i < o.n; i++)
		o.item[i].result = POSTERN_DONE;
	assert_int_equal(order_send_result(s->actuator, of, o.batch, o.item, o.n, &err), 0);
	arena_free(arena);
}

/* What the actuator was told, a letter each: apply, lift, Begin, Items, End; it is done where `answers`. */
static const char *hear(struct scene *s, bool answers, char told[16])
{
	static const char letters[] = "?alBIE";
	struct message m;
	struct err err;
	size_t n = 0;

	while (n < 15 && channel_receive(s->actuator, &m, &err) > 0) {
		assert_in_range(m.type, ORDER_APPLY, ORDER_RECONCILE_END);
		told[n++] = letters[m.type];
		if (answers && m.type != ORDER_RECONCILE_BEGIN)
			answer(s, &m);
	}
	told[n] = '\0';
	turn(s);
	return told;
}

/* A new process is told all there is, which is nothing; then come batches, one at a time. */
static void hands_out(void **state)
{
	struct scene *s = scene_new();
	char told[16];

	(void)state;
	assert_string_equal(hear(s, true, told), "BE");
	assert_true(instant_is_none(dispatch_next(s->dispatch)));
	ban(s);
	ban(s);
	assert_string_equal(hear(s, false, told), "a");
	assert_true(life_is_busy(s->life, 0));
	assert_string_equal(hear(s, false, told), "");
}

/* What falls due while a batch is out waits for its answer, and does not wake the engine. */
static void waits_for_answer(void **state)
{
	struct scene *s = scene_new();
	char told[16];

	(void)state;
	ban(s);
	assert_string_equal(hear(s, true, told), "BEa");
	assert_int_equal(dispatch_next(s->dispatch).ms, s->now.ms + RECONCILE_S * 1000);
	ban(s);
	pass(s, RECONCILE_S * 1000 + 1);
	assert_true(life_is_busy(s->life, 0));
	assert_false(instant_is_due(dispatch_next(s->dispatch), s->now));
	assert_string_equal(hear(s, true, told), "a");
	assert_string_equal(hear(s, true, told), "BIE");
}

static void finds_stuck(void **state)
{
	struct scene *s = scene_new();

	(void)state;
	ban(s);
	pass(s, PATIENCE_S * 1000 - 1);
	assert_int_equal(s->stuck, 0);
	pass(s, 1001);
	assert_int_equal(s->stuck, 1);
	pass(s, 1);
	assert_int_equal(s->stuck, 1);
}

/* What a process was given and did not answer goes to the next one. */
static void gives_again(void **state)
{
	struct scene *s = scene_new();
	char told[16];

	(void)state;
	ban(s);
	assert_string_equal(hear(s, false, told), "BEa");
	channel_free(s->actuator);
	s->actuator = NULL;
	turn(s);
	assert_true(s->answers > 0);
	assert_false(life_is_busy(s->life, 0));
	attach(s);
	assert_string_equal(hear(s, true, told), "BIE");
	assert_int_equal(life_instance(s->life, 0)->applying[TASK_DONE], 1);
}

static int load(void **state)
{
	struct err err;

	(void)state;
	return filter_set_load_text(&filters, "filter.conf", script_filters, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_out),
		cmocka_unit_test(waits_for_answer),
		cmocka_unit_test(finds_stuck),
		cmocka_unit_test(gives_again),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
