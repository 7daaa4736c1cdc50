/*
 * actuator - the process that runs one action: the few rights it needs, and its plugin
 *
 *	engine --- orders ---> actuator ---> plugin ---> the world
 *	       <-- results --
 *
 * One order is served after the other; a plugin may block, for only its own orders wait. What
 * can't be done because the plugin could not be opened is answered at once, to be retried, so that
 * the engine never waits for an answer that does not come. If the plugin crashes or hangs, this
 * process goes with it and the monitor starts another one; the engine sends again what was not
 * answered, and applying is idempotent.
 *
 *	CLOSED --open() went well--> OPEN --channel closed--> the end
 *	   ^ |                         (only a new process is ever closed again)
 *	   +-+ it did not: later again, twice as late each time
 */
#include "core/action/actuator.h"

#include "core/action/host.h"
#include "core/action/options.h"
#include "core/action/order.h"
#include "core/action/reconcile.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <syslog.h>

enum {
	BATCH_MOST = 1000,
	RETRY_FIRST_MS = 1000,
	RETRY_MOST_MS = 60 * 1000,
	UNREAD_MOST = 1024 * 1024, /* bytes of answers that the engine has not read: first those */
};

struct actuator {
	const struct actuator_options *options;
	const struct postern_action *action;
	const struct postern_host *host;
	struct channel *engine;
	void *ctx;
	bool is_open;
	char why[256]; /* it is not */
	int64_t retry_at_ms, retry_ms;
	struct reconcile *reconcile; /* between its BEGIN and END */
	uint64_t reconcile_batch;
};

static int make_state_dir(const char *dir, struct err *err)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, errno, "%s: %s", dir, strerror(errno));
	return 0;
}

static int open_plugin(struct actuator *a, struct err *err)
{
	int ret = 0;

	a->why[0] = '\0';
	if (a->action->open) {
		call_begin();
		ret = a->action->open(a->ctx, a->host, a->why, sizeof(a->why));
		call_end();
	}
	a->why[sizeof(a->why) - 1] = '\0';
	a->is_open = ret == 0;
	if (a->is_open)
		return order_send_state(a->engine, true, "", err);
	log_line(LOG_WARNING, "%s: it can't be opened: %s", a->options->name, a->why);
	a->retry_at_ms = clock_ms() + a->retry_ms;
	a->retry_ms = a->retry_ms * 2 < RETRY_MOST_MS ? a->retry_ms * 2 : RETRY_MOST_MS;
	return order_send_state(a->engine, false, a->why, err);
}

static void answer(struct postern_item *item, enum postern_result result, const char *text)
{
	item->result = result;
	(void)snprintf(item->text, sizeof(item->text), "%s", text);
}

/* Notes beside what the plugin says, where it has left room. */
static void add_note(struct postern_item *item, const char *note)
{
	size_t len = strnlen(item->text, sizeof(item->text) - 1);

	(void)snprintf(item->text + len, sizeof(item->text) - len, "%s%s", len ? "; " : "", note);
}

/* One call. What it answers is believed no more than what the engine sends. */
static void call(struct actuator *a, bool lift, struct postern_item *item, size_t n)
{
	void (*function)(void *ctx, struct postern_item *items, size_t n_items) =
		lift ? a->action->lift : a->action->apply;

	if (!function)
		return; /* nothing to lift */
	call_begin();
	function(a->ctx, item, n);
	call_end();
	for (size_t i = 0; i < n; i++) {
		item[i].text[sizeof(item[i].text) - 1] = '\0';
		if ((unsigned int)item[i].result > POSTERN_FAILED)
			answer(&item[i], POSTERN_FAILED, "the plugin gave no result that we know");
	}
}

/* Takes out what is never banned; whatever the engine and the configuration say. */
static void spare(struct actuator *a, struct postern_item *item, struct arena *arena)
{
	char spared[160], note[200];

	if (!a->options->guard ||
	    order_spare(item, a->options->guard, arena, spared, sizeof(spared)) == 0)
		return;
	(void)snprintf(note, sizeof(note), "never banned: %s", spared);
	add_note(item, note);
	log_line(LOG_WARNING, "%s: left alone what is never banned: %s", a->options->name, spared);
}

/* False where the plugin is not to be asked about the item; then it is answered. */
static bool is_for_plugin(struct actuator *a, struct postern_item *item, bool lift,
			  struct arena *arena)
{
	bool had = item->n_addresses > 0;
	char note[200];

	if (item->result != POSTERN_DONE)
		return false;
	if (!a->is_open) {
		(void)snprintf(note, sizeof(note), "it can't be opened: %.170s", a->why);
		answer(item, POSTERN_RETRY, note);
		return false;
	}
	if (lift)
		return true;
	spare(a, item, arena);
	/* Without one of its addresses left it would say nothing to a plugin that wants those. */
	return !had || item->n_addresses > 0 ||
	       a->action->wants & (POSTERN_WANTS_USERS | POSTERN_WANTS_QUEUE_IDS);
}

/* Takes the plugin's answers over to the items that were copied for it. */
static void take_answers(struct postern_item *const *item, const struct postern_item *copy,
			 size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char note[sizeof(item[i]->text)];

		memcpy(note, item[i]->text, sizeof(note));
		answer(item[i], copy[i].result, copy[i].text);
		if (*note)
			add_note(item[i], note);
	}
}

/* Applies or lifts, in calls of no more items than the plugin takes; where `r`, what is missing. */
static void act(struct actuator *a, bool lift, struct postern_item *item, size_t n,
		const struct reconcile *r)
{
	size_t most = a->action->batch_most ? a->action->batch_most : BATCH_MOST, used = 0;
	struct postern_item *copy = xcalloc(most, sizeof(*copy));
	struct postern_item **whose = xcalloc(most, sizeof(struct postern_item *));
	struct arena *arena = arena_new();

	for (size_t i = 0; i < n; i++) {
		if ((!r || reconcile_is_missing(r, &item[i])) &&
		    is_for_plugin(a, &item[i], lift, arena)) {
			copy[used] = item[i];
			copy[used].text[0] = '\0';
			whose[used++] = &item[i];
		}
		if (used == most || (i + 1 == n && used > 0)) {
			call(a, lift, copy, used);
			take_answers(whose, copy, used);
			used = 0;
		}
	}
	arena_free(arena);
	free(whose);
	free(copy);
}

static int serve_batch(struct actuator *a, const struct message *m, struct err *err)
{
	struct arena *arena = arena_new();
	struct order order;
	int ret = order_read(&order, m->body, arena, err);

	if (ret == 0) {
		act(a, m->type == ORDER_LIFT, order.item, order.n, NULL);
		ret = order_send_result(a->engine, (enum order_type)m->type, order.batch,
					order.item, order.n, err);
	}
	arena_free(arena);
	return ret;
}

/* Finds out what is in force and lifts what no decision asks for. False where that can't be told. */
static bool lift_surplus(struct actuator *a, struct reconcile *r)
{
	struct postern_item *surplus;
	char why[256] = "";
	size_t n;
	int ret;

	if (!a->action->list || !a->is_open)
		return false;
	call_begin();
	ret = a->action->list(a->ctx, reconcile_found, r, why, sizeof(why));
	call_end();
	if (ret < 0) {
		why[sizeof(why) - 1] = '\0';
		log_line(LOG_WARNING, "%s: what is in force can't be told: %s", a->options->name,
			 why);
		return false;
	}
	surplus = reconcile_surplus(r, &n);
	if (n > 0)
		log_line(LOG_NOTICE, "%s: takes back %zu things that no decision asks for",
			 a->options->name, n);
	act(a, true, surplus, n, NULL);
	reconcile_compare(r);
	return true;
}

static int serve_reconcile(struct actuator *a, struct err *err)
{
	struct reconcile *r = a->reconcile;
	struct postern_item *item;
	size_t n;
	int ret;

	item = reconcile_items(r, &n);
	if (!(a->action->wants & POSTERN_WANTS_ONCE))
		act(a, false, item, n, lift_surplus(a, r) ? r : NULL);
	ret = order_send_result(a->engine, ORDER_RECONCILE_ITEMS, a->reconcile_batch, item, n, err);
	reconcile_free(r);
	a->reconcile = NULL;
	return ret;
}

static int refuse_order(struct err *err, const char *what)
{
	return err_set(err, EPROTO, "the engine sent %s", what);
}

static int on_mark(struct actuator *a, const struct message *m, struct err *err)
{
	uint64_t batch;

	if (order_read_mark(&batch, m->body, err) < 0)
		return -1;
	if (m->type == ORDER_RECONCILE_END) {
		if (!a->reconcile || batch != a->reconcile_batch)
			return refuse_order(err, "the end of what it had not begun");
		return serve_reconcile(a, err);
	}
	if (a->reconcile)
		return refuse_order(err, "a second beginning");
	a->reconcile = reconcile_new(a->action->wants);
	a->reconcile_batch = batch;
	return 0;
}

static int on_reconcile_items(struct actuator *a, const struct message *m, struct err *err)
{
	struct order order;

	if (!a->reconcile)
		return refuse_order(err, "what should be in force without a beginning");
	if (order_read(&order, m->body, reconcile_arena(a->reconcile), err) < 0)
		return -1;
	for (size_t i = 0; i < order.n; i++)
		spare(a, &order.item[i], reconcile_arena(a->reconcile));
	return reconcile_want(a->reconcile, order.item, order.n, err);
}

static int on_message(struct actuator *a, const struct message *m, struct err *err)
{
	switch (m->type) {
	case ORDER_APPLY:
	case ORDER_LIFT:
		return serve_batch(a, m, err);
	case ORDER_RECONCILE_BEGIN:
	case ORDER_RECONCILE_END:
		return on_mark(a, m, err);
	case ORDER_RECONCILE_ITEMS:
		return on_reconcile_items(a, m, err);
	default:
		return refuse_order(err, "what is no order");
	}
}

/* Waits for the engine, or until the plugin is to be tried again. */
static int wait_for_engine(struct actuator *a, struct err *err)
{
	bool waits = channel_waiting(a->engine) > 0;
	struct pollfd fd = { channel_fd(a->engine), (short)(POLLIN | (waits ? POLLOUT : 0)), 0 };
	int64_t left = a->is_open ? -1 : a->retry_at_ms - clock_ms();

	if (channel_waiting(a->engine) > UNREAD_MOST)
		fd.events = POLLOUT;
	if (poll(&fd, 1, a->is_open ? -1 : left > 0 ? (int)left : 0) < 0 && errno != EINTR)
		return err_set(err, errno, "poll: %s", strerror(errno));
	return channel_flush(a->engine, err) < 0 ? -1 : 0;
}

/* Until the engine is gone; -1 always, and why. */
static int serve(struct actuator *a, struct err *err)
{
	for (;;) {
		struct message m;
		int got = 0;

		if (!a->is_open && clock_ms() >= a->retry_at_ms && open_plugin(a, err) < 0)
			return -1;
		if (wait_for_engine(a, err) < 0)
			return -1;
		while (channel_waiting(a->engine) <= UNREAD_MOST &&
		       (got = channel_receive(a->engine, &m, err)) > 0)
			if (on_message(a, &m, err) < 0)
				return -1;
		if (got < 0)
			return -1;
	}
}

static int prepare(struct actuator *a, struct arena *arena, struct err *err)
{
	const struct actuator_options *o = a->options;
	char name[16]; /* all that the kernel keeps */

	(void)snprintf(name, sizeof(name), "postern-%.7s", o->name);
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	if (make_state_dir(o->state_dir, err) < 0 ||
	    sandbox_only_capabilities(o->action->capabilities, err) < 0)
		return -1;
	a->ctx = options_context(o->action, o->setting, o->n_settings, arena, err);
	if (!a->ctx)
		return -1;
	a->host = host_init(o->action, o->state_dir);
	return 0;
}

int actuator_run(const struct actuator_options *o, struct channel *engine)
{
	struct actuator a = { .options = o,
			      .action = o->action,
			      .engine = engine,
			      .retry_ms = o->retry_ms ? o->retry_ms : RETRY_FIRST_MS };
	struct arena *arena = arena_new();
	struct err err = { 0 };
	int status = 1;

	if (prepare(&a, arena, &err) < 0) {
		log_line(LOG_ERR, "%s: %s", o->name, err.text);
		goto out;
	}
	(void)serve(&a, &err);
	if (a.is_open && a.action->close) {
		call_begin();
		a.action->close(a.ctx);
		call_end();
	}
	status = err.code == ENOTCONN || err.code == EPIPE || err.code == ECONNRESET ? 0 : 1;
	if (status != 0)
		log_line(LOG_ERR, "%s: %s", o->name, err.text);
out:
	reconcile_free(a.reconcile);
	arena_free(arena);
	return status;
}
