/*
 * dispatch - the engine's side of its actuators
 *
 *	life_batch() -> order -> (channel) -> actuator -> answer -> life_result()
 *
 * Each action has a process of its own and is served apart: one that hangs holds up nobody. An
 * instance has one batch under way. What a process was given and did not answer before it was gone
 * is due again; every action can be done twice.
 *
 * Now and then, and whenever a process is new, all that should be in force is told to it, for
 * somebody may have changed the world behind our back.
 */
#include "core/cli/dispatch.h"

#include "core/action/order.h"
#include "core/base/channel.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

enum {
	TIMEOUT_S = 30,      /* postern-action.h: where a plugin says none */
	PATIENCE_MS = 20000, /* beyond that: the actuator ends a call that takes too long itself */
	BATCH_MOST = 1000,
	WAITING_MOST = 8 * 1024 * 1024, /* bytes for one actuator; more only when these are gone */
};

struct lane {
	struct dispatch *dispatch;
	uint32_t instance;
	struct channel *channel; /* NULL: its process is not there */
	uv_poll_t *poll;
	bool open;            /* the plugin is */
	bool begun;           /* it is being told all that should be in force */
	char *why;            /* it is not; or NULL */
	uint64_t reconciling; /* the life's number of the batch that is all; 0: none */
	struct instant due;   /* when it should have answered; INSTANT_NONE: nothing is asked */
	struct instant next;  /* when to look after the world again; INSTANT_NONE: not by itself */
};

struct dispatch {
	struct dispatch_options options;
	struct lane *lane;
	uint32_t n;
};

static int64_t patience_ms(const struct lane *lane)
{
	const struct dispatch_options *o = &lane->dispatch->options;
	const struct postern_action *action = o->action(o->ctx, lane->instance);
	unsigned int s = action && action->timeout_s ? action->timeout_s : TIMEOUT_S;

	return (int64_t)s * 1000 + PATIENCE_MS;
}

static size_t batch_most(const struct lane *lane)
{
	const struct dispatch_options *o = &lane->dispatch->options;
	const struct postern_action *action = o->action(o->ctx, lane->instance);

	return action && action->batch_most ? action->batch_most : BATCH_MOST;
}

struct dispatch *dispatch_new(const struct dispatch_options *options)
{
	struct dispatch *d = xcalloc(1, sizeof(*d));

	d->options = *options;
	d->n = life_instances(options->life);
	d->lane = xcalloc(d->n, sizeof(*d->lane));
	for (uint32_t i = 0; i < d->n; i++)
		d->lane[i] = (struct lane){
			.dispatch = d, .instance = i, .due = INSTANT_NONE, .next = INSTANT_NONE
		};
	return d;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void detach(struct lane *lane)
{
	if (!lane->channel)
		return;
	(void)uv_poll_stop(lane->poll);
	uv_close((uv_handle_t *)lane->poll, on_closed);
	lane->poll = NULL;
	channel_free(lane->channel);
	lane->channel = NULL;
	lane->open = false;
	free(lane->why);
	lane->why = NULL;
	lane->reconciling = 0;
	lane->due = lane->next = INSTANT_NONE;
	life_unanswered(lane->dispatch->options.life, lane->instance);
}

static void take_result(struct lane *lane, struct slice body, struct instant now)
{
	struct arena *arena = arena_new();
	struct life *life = lane->dispatch->options.life;
	struct order_result r = { 0 };
	struct err err;

	if (order_read_result(&r, body, arena, &err) < 0) {
		log_line(LOG_ERR, "action %s: %s", life_instance(life, lane->instance)->name,
			 err.text);
		detach(lane);
	} else {
		uint64_t batch = r.of == ORDER_RECONCILE_ITEMS ? lane->reconciling : r.batch;

		for (size_t i = 0; i < r.n; i++)
			life_result(life, lane->instance, now, batch, r.answer[i].id,
				    r.answer[i].result, r.answer[i].text);
		lane->due.ms = now.ms + patience_ms(lane);
		if (!life_is_busy(life, lane->instance))
			lane->due = INSTANT_NONE;
	}
	arena_free(arena);
}

static void take_state(struct lane *lane, struct slice body, struct instant now)
{
	struct arena *arena = arena_new();
	struct order_state s = { 0 };
	struct err err;

	if (order_read_state(&s, body, arena, &err) < 0) {
		detach(lane);
	} else {
		free(lane->why);
		lane->why = s.is_open ? NULL : xstrdup(s.why);
		if (s.is_open && !lane->open)
			lane->next = now; /* it is new: it may find anything */
		lane->open = s.is_open;
	}
	arena_free(arena);
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* Watches for what can be written only while something waits to be. */
static void poll_again(struct lane *lane)
{
	int events = UV_READABLE | (channel_waiting(lane->channel) > 0 ? UV_WRITABLE : 0);

	(void)uv_poll_start(lane->poll, events, on_ready);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct lane *lane = poll->data;
	struct dispatch *d = lane->dispatch;
	struct instant now = instant_now();
	struct message m;
	struct err err;
	int rc = status < 0 ? -1 : 1;

	if (events & UV_WRITABLE && channel_flush(lane->channel, &err) < 0)
		rc = -1;
	while (rc > 0 && lane->channel && (rc = channel_receive(lane->channel, &m, &err)) > 0) {
		if (m.fd >= 0 || (m.type != ORDER_RESULT && m.type != ORDER_STATE)) {
			rc = -1;
			break;
		}
		if (m.type == ORDER_RESULT)
			take_result(lane, m.body, now);
		else
			take_state(lane, m.body, now);
	}
	if (rc < 0)
		detach(lane);
	else if (lane->channel)
		poll_again(lane);
	d->options.on_answer(d->options.ctx);
}

bool dispatch_attach(struct dispatch *d, uint32_t instance, int fd, struct instant now)
{
	struct lane *lane;

	if (instance >= d->n)
		return false;
	lane = &d->lane[instance];
	detach(lane);
	lane->channel = channel_new(fd);
	lane->poll = xcalloc(1, sizeof(*lane->poll));
	(void)uv_poll_init(d->options.loop, lane->poll, fd);
	lane->poll->data = lane;
	lane->due.ms = now.ms + patience_ms(lane); /* it has to say whether it could open */
	poll_again(lane);
	return true;
}

static void begin_everything(struct lane *lane)
{
	struct err unused;

	if (!lane->begun)
		(void)order_send_mark(lane->channel, ORDER_RECONCILE_BEGIN, 0, &unused);
	lane->begun = true;
}

static void put_everything(void *ctx, struct postern_item *item, size_t n)
{
	struct lane *lane = ctx;
	struct err unused;

	begin_everything(lane);
	(void)order_send(lane->channel, ORDER_RECONCILE_ITEMS, 0, item, n, &unused);
}

static bool anything_is_in_force(const struct lane *lane)
{
	const struct life_instance *i = life_instance(lane->dispatch->options.life, lane->instance);

	/* What has failed is tried again whenever the world is looked after. */
	return i->applying[TASK_DONE] + i->applying[TASK_FAILED] + i->lifting[TASK_FAILED] > 0;
}

/*
 * Tells all that should be in force. Whatever else of ours the action finds it lifts, so nothing
 * must be said where the life can't tell now. A process that is gone is noticed when it is read from.
 */
static void reconcile(struct lane *lane, struct instant now)
{
	const struct dispatch_options *o = &lane->dispatch->options;
	struct err unused;

	lane->begun = false;
	lane->next = INSTANT_NONE;
	lane->reconciling = life_everything(o->life, lane->instance, now, put_everything, lane);
	if (!lane->reconciling) {
		lane->next.ms = now.ms + 1000;
		return;
	}
	begin_everything(lane);
	(void)order_send_mark(lane->channel, ORDER_RECONCILE_END, 0, &unused);
	if (life_is_busy(o->life, lane->instance))
		lane->due.ms = now.ms + patience_ms(lane);
}

static void hand_out(struct lane *lane, struct instant now)
{
	struct life *life = lane->dispatch->options.life;
	struct life_batch batch;
	struct err unused;

	if (!life_has_batch(life, lane->instance))
		return;
	batch = life_batch(life, lane->instance, now, batch_most(lane));
	if (batch.n == 0)
		return;
	(void)order_send(lane->channel, batch.way == LIFE_APPLY ? ORDER_APPLY : ORDER_LIFT,
			 batch.number, batch.item, batch.n, &unused);
	lane->due.ms = now.ms + patience_ms(lane);
	poll_again(lane);
}

static bool takes_more(const struct lane *lane)
{
	return lane->open && channel_waiting(lane->channel) <= WAITING_MOST;
}

static void run_lane(struct lane *lane, struct instant now)
{
	const struct dispatch_options *o = &lane->dispatch->options;

	if (instant_is_due(lane->due, now)) {
		lane->due = INSTANT_NONE;
		o->on_stuck(o->ctx, lane->instance);
		return;
	}
	if (!takes_more(lane))
		return;
	if (instant_is_due(lane->next, now) && !life_is_busy(o->life, lane->instance)) {
		reconcile(lane, now);
		poll_again(lane);
	}
	hand_out(lane, now);
	if (instant_is_none(lane->next) && o->reconcile_s > 0 && anything_is_in_force(lane))
		lane->next.ms = now.ms + o->reconcile_s * 1000;
}

void dispatch_run(struct dispatch *d, struct instant now)
{
	for (uint32_t i = 0; i < d->n; i++)
		run_lane(&d->lane[i], now);
}

/* What must wait for the action's process is looked at when that has answered, or has read. */
static struct instant lane_next(const struct lane *lane)
{
	if (!takes_more(lane) || life_is_busy(lane->dispatch->options.life, lane->instance))
		return lane->due;
	return instant_earlier(lane->due, lane->next);
}

struct instant dispatch_next(const struct dispatch *d)
{
	struct instant next = INSTANT_NONE;

	for (uint32_t i = 0; i < d->n; i++)
		next = instant_earlier(next, lane_next(&d->lane[i]));
	return next;
}

const char *dispatch_trouble(const struct dispatch *d, uint32_t instance)
{
	const struct lane *lane = &d->lane[instance];

	if (!lane->channel)
		return "its process is being started";
	return lane->open ? NULL : lane->why ? lane->why : "it is being opened";
}
